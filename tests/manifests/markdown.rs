//! The Markdown files of the repository, as far as tests look into them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

/// A file.
pub struct Markdown {
    /// From the root of the repository.
    pub path: PathBuf,
    /// Its fenced blocks.
    pub blocks: Vec<Block>,
    /// What stands between them, line by line; the lines of blocks are empty.
    pub prose: Vec<String>,
}

/// A fenced block.
pub struct Block {
    /// The line of its first fence, from 1.
    pub line: usize,
    /// The word after the fence.
    pub tag: String,
    /// Its text, without the indentation of the fence.
    pub text: String,
}

/// All Markdown files; what git ignores is left out, as are links.
pub fn all() -> Result<Vec<Markdown>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = files_below(root, "md")?;
    files
        .iter()
        .map(|path| {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let path = path.strip_prefix(root)?;
            read(path, &text).with_context(|| path.display().to_string())
        })
        .collect()
}

/// The files with this ending in a folder and below, in order.
pub fn files_below(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::path);
    let mut files = Vec::new();
    for entry in entries {
        let (path, name, kind) = (entry.path(), entry.file_name(), entry.file_type()?);
        if kind.is_dir() && name != "target" && !name.to_string_lossy().starts_with('.') {
            files.extend(files_below(&path, ending)?);
        } else if kind.is_file() && path.extension().is_some_and(|e| e == ending) {
            files.push(path);
        }
    }
    Ok(files)
}

/// Takes a file apart.
pub fn read(path: &Path, text: &str) -> Result<Markdown> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut prose = Vec::new();
    let mut open: Option<&str> = None;
    for (n, line) in text.lines().enumerate() {
        let bare = line.trim_start();
        let indentation = &line[..line.len() - bare.len()];
        let fence = bare.starts_with("```");
        match open {
            None if fence => {
                let tag = bare.trim_start_matches('`').split_whitespace().next().unwrap_or_default().to_owned();
                blocks.push(Block { line: n + 1, tag, text: String::new() });
                open = Some(indentation);
                prose.push(String::new());
            }
            None => prose.push(line.to_owned()),
            Some(_) if fence => {
                open = None;
                prose.push(String::new());
            }
            Some(indentation) => {
                let block = blocks.last_mut().context("no block is open")?;
                block.text.push_str(line.strip_prefix(indentation).unwrap_or(bare));
                block.text.push('\n');
                prose.push(String::new());
            }
        }
    }
    ensure!(open.is_none(), "a fence is not closed");
    Ok(Markdown { path: path.to_owned(), blocks, prose })
}

#[test]
fn a_file_is_taken_apart() -> Result<()> {
    let text = "# A\n\n- b:\n\n  ```yaml\n  a:\n    - b\n  ```\n\nc\n```sh\nmake\n```\n";
    let file = read(Path::new("x.md"), text)?;
    let blocks: Vec<_> = file.blocks.iter().map(|b| (b.line, b.tag.as_str(), b.text.as_str())).collect();
    assert_eq!(blocks, [(5, "yaml", "a:\n  - b\n"), (11, "sh", "make\n")]);
    assert_eq!((file.prose[0].as_str(), file.prose[9].as_str(), file.prose[5].as_str()), ("# A", "c", ""));
    assert!(read(Path::new("x.md"), "```yaml\n").is_err());
    Ok(())
}

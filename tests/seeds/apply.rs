//! Puts a seeded bug into a tree. A seed names a function, lines of it, and the lines that stand there instead, so that it
//! outlives a move of the function to another file:
//!
//! ```text
//! bug: what is wrong
//! red: --test cluster the_test_that_finds_it
//!
//! --- fn halt
//! each(doomed, |pod| delete(context, pod)).await?;
//! +++
//! ```
//!
//! Indentation does not matter. The lines must stand in one function of that name, once; `--- file PATH` is for what is no code.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a function or a file that give way to others.
struct Edit {
    place: Place,
    old: Vec<String>,
    new: Vec<String>,
}

enum Place {
    Function(String),
    File(PathBuf),
}

impl Place {
    fn of(line: &str) -> Option<Self> {
        let function = line.strip_prefix("--- fn ").map(|name| Self::Function(name.trim().to_owned()));
        function.or_else(|| line.strip_prefix("--- file ").map(|path| Self::File(path.trim().into())))
    }
}

fn edits(seed: &str) -> Result<Vec<Edit>, String> {
    let mut edits: Vec<Edit> = Vec::new();
    let mut replaces = false;
    for line in seed.lines() {
        if let Some(place) = Place::of(line) {
            edits.push(Edit { place, old: Vec::new(), new: Vec::new() });
            replaces = false;
        } else if let Some(edit) = edits.last_mut() {
            match (line.trim_end(), replaces) {
                ("+++", false) => replaces = true,
                (line, true) => edit.new.push(line.to_owned()),
                (line, false) => edit.old.push(line.to_owned()),
            }
        }
    }
    let blank = |edit: &Edit| edit.old.iter().all(|line| line.trim().is_empty());
    if edits.is_empty() || edits.iter().any(blank) {
        return Err("it names no function, or no lines of it".to_owned());
    }
    for edit in &mut edits {
        for lines in [&mut edit.old, &mut edit.new] {
            while lines.last().is_some_and(|line| line.trim().is_empty()) {
                lines.pop();
            }
        }
    }
    Ok(edits)
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// From the line that opens a function of this name to the one that closes it, as rustfmt sets them.
fn functions(lines: &[&str], name: &str) -> Vec<(usize, usize)> {
    let head = format!("fn {name}");
    let opens = |line: &str| {
        let mut after = line.split(&head).skip(1);
        after.any(|rest| rest.starts_with(['(', '<'])) && !line.trim_start().starts_with("//")
    };
    let starts = (0..lines.len()).filter(|n| opens(lines[*n]));
    starts
        .filter_map(|start| {
            let indent = lines[start].len() - lines[start].trim_start().len();
            let close = format!("{}}}", " ".repeat(indent));
            let length = lines[start..].iter().position(|line| *line == close)?;
            Some((start, start + length))
        })
        .collect()
}

/// The files of a tree that a seed changes, as they stand with it.
///
/// # Errors
/// Where its lines stand nowhere, or at several places.
pub fn changed(tree: &Path, seed: &str) -> Result<BTreeMap<PathBuf, String>, String> {
    let mut paths = Vec::new();
    sources(&tree.join("src"), &mut paths).map_err(|error| error.to_string())?;
    let mut changed: BTreeMap<PathBuf, String> = BTreeMap::new();
    for edit in edits(seed)? {
        let mut places = Vec::new();
        let (paths, function) = match &edit.place {
            Place::Function(name) => (paths.clone(), Some(name)),
            Place::File(path) => (vec![tree.join(path)], None),
        };
        for path in &paths {
            let text = match changed.get(path) {
                Some(text) => text.clone(),
                None => fs::read_to_string(path).map_err(|error| error.to_string())?,
            };
            let lines: Vec<&str> = text.lines().collect();
            let whole = || vec![(0, lines.len())];
            for (start, end) in function.map_or_else(whole, |name| functions(&lines, name)) {
                let same = |at: &usize| {
                    let there = lines.get(*at..at + edit.old.len()).unwrap_or_default();
                    there.iter().map(|line| line.trim()).eq(edit.old.iter().map(|line| line.trim()))
                };
                for at in (start..end).filter(same) {
                    let mut next: Vec<&str> = lines[..at].to_vec();
                    next.extend(edit.new.iter().map(String::as_str));
                    next.extend(&lines[at + edit.old.len()..]);
                    places.push((path.clone(), next.join("\n") + "\n"));
                }
            }
        }
        match <[_; 1]>::try_from(places) {
            Ok([(path, text)]) => drop(changed.insert(path, text)),
            Err(places) => return Err(format!("lines of it stand at {} places: {:?}", places.len(), edit.old)),
        }
    }
    Ok(changed)
}

//! The documentation speaks of what exists: files, headings, commands.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::markdown::{self, Markdown};
use crate::support::repository;

/// Folders in which a path that is named must exist.
const FOLDERS: [&str; 8] = ["src", "config", "crds", "docs", "charts", "tests", "e2e", ".ci"];

#[derive(Debug, Default)]
struct Seen {
    links: usize,
    paths: usize,
    targets: usize,
    problems: Vec<String>,
}

struct Rules {
    targets: BTreeSet<String>,
}

#[test]
fn every_path_link_and_make_target_in_the_documentation_exists() -> Result<()> {
    let rules = Rules { targets: make_targets(&std::fs::read_to_string(repository("Makefile"))?) };
    ensure!(rules.targets.contains("demo") && rules.targets.contains("cluster-up"), "{:?}", rules.targets);
    let files = markdown::all()?;
    let mut seen = Seen::default();
    for file in &files {
        rules.judge(file, &mut seen)?;
    }
    let Seen { links, paths, targets, problems } = seen;
    println!("{} Markdown files: {links} links, {paths} paths, {targets} make targets", files.len());
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

#[test]
fn what_does_not_exist_is_found() -> Result<()> {
    let rules = Rules { targets: ["demo".to_owned()].into() };
    let text = "# A `b`, c\n\n[x](plugin.md) [x](nowhere.md) [x](#a-b-c) [x](#z) [x](https://example.org/) \
                `src/lib.rs` `src/lib.rs:7` `src/api` `src/nothing.rs`, `config/*/kustomization.yaml`, `crds/none/*`\n\n\
                `make demo` `make coffee` make sure\n\n```sh\nDEMO=once make demo # make tea\nkubectl apply -k config/nowhere\n```\n";
    let mut seen = Seen::default();
    rules.judge(&markdown::read(Path::new("docs/x.md"), text)?, &mut seen)?;
    let problems = [
        "docs/x.md:3: there is no nowhere.md",
        "docs/x.md:3: docs/x.md has no heading #z",
        "docs/x.md:3: there is no src/nothing.rs",
        "docs/x.md:3: there is no crds/none/*",
        "docs/x.md:5: there is no make target coffee",
        "docs/x.md:9: there is no config/nowhere",
    ];
    assert_eq!(seen.problems, problems);
    assert_eq!((seen.links, seen.paths, seen.targets), (4, 7, 3));
    Ok(())
}

fn make_targets(makefile: &str) -> BTreeSet<String> {
    let names = makefile.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name);
    let word = |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    names.filter(word).map(str::to_owned).collect()
}

impl Rules {
    fn judge(&self, file: &Markdown, seen: &mut Seen) -> Result<()> {
        let place = |line: usize| format!("{}:{line}", file.path.display());
        // A span of code may go on over the end of a line, so paragraphs are looked at as a whole.
        let mut start = 0;
        for paragraph in file.prose.split(String::is_empty) {
            let place = place(start + 1);
            start += paragraph.len() + 1;
            let text = paragraph.join("\n");
            let spans: Vec<&str> = text.split('`').collect();
            ensure!(spans.len() % 2 == 1, "{place}: a span of code is not closed");
            let words = spans.iter().step_by(2).copied().collect::<Vec<_>>().join("code");
            for target in words.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target) {
                follow(file, target, &place, seen)?;
            }
            for code in spans.iter().skip(1).step_by(2) {
                self.command(code, &place, seen);
            }
        }
        for block in file.blocks.iter().filter(|block| block.tag == "sh") {
            for (n, line) in block.text.lines().enumerate() {
                let command = line.split(" #").next().unwrap_or_default();
                if !command.trim_start().starts_with('#') {
                    self.command(command, &place(block.line + 1 + n), seen);
                }
            }
        }
        Ok(())
    }

    /// Paths of the repository, and what make is to do.
    fn command(&self, command: &str, place: &str, seen: &mut Seen) {
        let mut make = false;
        for word in command.split(|c: char| c.is_whitespace() || "=\"'(),;|".contains(c)) {
            if make && word.chars().next().is_some_and(|c| c.is_ascii_lowercase()) {
                seen.targets += 1;
                if !self.targets.contains(word) {
                    seen.problems.push(format!("{place}: there is no make target {word}"));
                }
            }
            make = word == "make";
            let Some((folder, _)) = word.split_once('/').filter(|(folder, _)| FOLDERS.contains(folder)) else {
                continue;
            };
            seen.paths += 1;
            // Up to a wildcard, or a line number.
            let path = word.split(['*', ':']).next().unwrap_or(folder);
            if !Path::new(&repository(path)).exists() {
                seen.problems.push(format!("{place}: there is no {word}"));
            }
        }
    }
}

/// A link within the repository leads to a file and, if it says so, to a heading in it.
fn follow(file: &Markdown, target: &str, place: &str, seen: &mut Seen) -> Result<()> {
    if target.contains("://") || target.starts_with("mailto:") {
        return Ok(());
    }
    seen.links += 1;
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let there = file.path.parent().context("a file without a folder")?.join(path);
    let at = Path::new(env!("CARGO_MANIFEST_DIR")).join(&there);
    if !path.is_empty() && !at.exists() {
        seen.problems.push(format!("{place}: there is no {path}"));
    } else if !heading.is_empty() {
        let (name, headings) = if path.is_empty() {
            (file.path.as_path(), headings(file))
        } else {
            (there.as_path(), headings(&markdown::read(&there, &std::fs::read_to_string(&at)?)?))
        };
        if !headings.contains(heading) {
            seen.problems.push(format!("{place}: {} has no heading #{heading}", name.display()));
        }
    }
    Ok(())
}

/// The headings as links name them.
fn headings(file: &Markdown) -> BTreeSet<String> {
    let titles = file.prose.iter().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
    titles.map(|title| title.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

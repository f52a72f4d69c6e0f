//! The seeded bugs: each applies to the tree as it is, so that none is lost when what it breaks is moved or rewritten.

use crate::support::repository;
use anyhow::{Context as _, Result, ensure};

#[path = "../seeds/apply.rs"]
mod apply;

#[test]
fn every_seeded_bug_applies_and_names_its_tests() -> Result<()> {
    let mut seeds = 0;
    for entry in std::fs::read_dir(repository("tests/seeds"))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "seed") {
            continue;
        }
        let seed = std::fs::read_to_string(&path)?;
        let changed = apply::changed(repository("").as_ref(), &seed)
            .map_err(anyhow::Error::msg)
            .with_context(|| path.display().to_string())?;
        ensure!(!changed.is_empty() && seed.contains("\nred: ") && seed.starts_with("bug: "), "{}", path.display());
        seeds += 1;
    }
    ensure!(seeds >= 31, "only {seeds} seeds");
    Ok(())
}

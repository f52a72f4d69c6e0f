//! What is fuzzed. Each target takes any bytes and checks a property: what is printed reads the same again, or a slow and
//! independent computation comes to the same.
//!
//! `make fuzz` runs them with libFuzzer; `make test` runs the corpus through them once.

mod calendar;
mod canonical;
mod code;
mod fee;
mod ledger;

mod names;
mod policy;
mod quantity;
mod typed;

/// Fails where a property does not hold for these bytes.
pub type Target = fn(&[u8]);

/// All targets by name; the corpus of each is in the folder of that name.
pub const TARGETS: [(&str, Target); 10] = [
    ("quantity", quantity::check),
    ("code", code::check),
    ("workdays", calendar::work_days),
    ("months", calendar::months),
    ("canonical", canonical::check),
    ("fee", fee::check),
    ("ledger", ledger::check),
    ("typed", typed::check),
    ("names", names::check),
    ("policy", policy::check),
];

#[cfg(test)]
mod tests {
    use super::TARGETS;
    use std::path::Path;

    #[test]
    fn the_corpus_holds() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
        for (name, check) in TARGETS {
            let mut files = 0;
            for entry in std::fs::read_dir(corpus.join(name)).unwrap() {
                let path = entry.unwrap().path();
                println!("{}", path.display());
                check(&std::fs::read(path).unwrap());
                files += 1;
            }
            assert!(files > 0, "{name} has no corpus");
        }
        assert_eq!(std::fs::read_dir(corpus).unwrap().count(), TARGETS.len(), "each folder is a target's");
    }
}

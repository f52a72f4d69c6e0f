//! What libFuzzer runs: the target that `FUZZ_TARGET` names.

#![no_main]

use std::sync::LazyLock;
use yunguan_fuzz::{TARGETS, Target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let wanted = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(name, _)| *name == wanted);
    found.unwrap_or_else(|| panic!("FUZZ_TARGET: there is no `{wanted}`")).1
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| TARGET(data));

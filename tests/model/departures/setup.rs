//! What a run about departures explores.

use super::super::bugs::Bug;
use super::super::changes;
use yunguan::api::decommission::BackupMode;

/// What can happen in a run.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is something that can happen, or not")]
pub struct Setup {
    pub name: &'static str,
    /// The change, the clock, the operators and their caches; its name and its bug are these here.
    pub base: changes::Setup,
    pub backup: BackupMode,
    /// How many decisions there can be on the departure and on the order, and how many are made before the run begins.
    pub decisions: [u8; 2],
    pub before: [u8; 2],
    /// How many of those are carried out by then.
    pub done: [u8; 2],
    /// Whether the unit takes its departure back, or sends a backup back that it does not confirm.
    pub withdraws: bool,
    pub returns: bool,
    /// Whether one decision is sent long after its author has read.
    pub late: bool,
    /// Whether the claim is deleted, and another one of its name is made.
    pub replaced: bool,
    /// The volume that there is at first; none where this is 0.
    pub volume: u8,
    /// What comes about in it.
    pub comes_about: &'static [&'static str],
}

impl Setup {
    pub const fn plain(name: &'static str) -> Self {
        let base = changes::Setup { capacity: 10, ..changes::Setup::plain(name) };
        Self {
            name,
            base,
            backup: BackupMode::Offline,
            decisions: [4, 0],
            before: [2, 0],
            done: [0, 0],
            withdraws: false,
            returns: false,
            late: false,
            replaced: false,
            volume: 1,
            comes_about: &[],
        }
    }

    /// The same run with a bug in it.
    pub fn with(self, bug: Bug) -> Self {
        Self { base: changes::Setup { bug: Some(bug), ..self.base }, comes_about: &[], ..self }
    }

    pub fn has(&self, bug: Bug) -> bool {
        self.base.has(bug)
    }
}

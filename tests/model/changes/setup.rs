//! What a run about changes explores, and what each change asks for.

use super::super::bugs::Bug;
use super::super::rules::Person;
use super::super::setup::Fence;

/// Most changes and systems that a run can have.
pub const CHANGES: usize = 4;
pub const SYSTEMS: usize = 2;

/// The moments at which the clock stands: before the window, in it, and after it.
pub const TICKS: u8 = 3;

/// What a change asks for.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// The system that it is about.
    pub system: u8,
    /// What that is to have afterwards, or while the window lasts.
    pub units: u8,
    /// Whether it is for the time from the second tick to the third.
    pub window: bool,
}

/// What the change in a place asks for, by its text: two of the first system for good, one for a time, and one of the
/// second system. The first one has three units for good, and the second two.
pub fn ask(slot: u8, content: u8) -> Ask {
    let (system, units, window) = match (slot, content) {
        (0, 0) => (0, 4, false),
        // By more than half: a major change.
        (0, _) => (0, 5, false),
        (1, 0) => (0, 2, false),
        (1, _) => (0, 4, false),
        (2, 0) => (0, 4, true),
        (2, _) => (0, 5, true),
        (_, 0) => (1, 3, false),
        (_, _) => (1, 4, false),
    };
    Ask { system, units, window }
}

/// What can happen in a run.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is something that can happen, or not")]
pub struct Setup {
    pub name: &'static str,
    /// The texts of the changes at first; a change that is missing is not part of the run.
    pub contents: [Option<u8>; CHANGES],
    pub people: &'static [Person],
    /// How many decisions there can be on each change, and how many are made before the run begins.
    pub decisions: [u8; CHANGES],
    pub before: [u8; CHANGES],
    /// Which changes are edited.
    pub edited: [bool; CHANGES],
    pub returns: bool,
    pub withdraws: bool,
    /// Whether what stands is filed once more as it is.
    pub refiled: bool,
    /// Whether one decision is sent long after its author has read.
    pub late: bool,
    /// What the domain can grant, and whether the authority enlarges it.
    pub capacity: u8,
    pub enlarged: bool,
    /// The first and the last tick of the clock.
    pub ticks: [u8; 2],
    /// Whether the quotas are part of the run, and the use that the tenant of the first system makes of its own.
    pub quotas: bool,
    pub used: bool,
    /// Whether caches are late.
    pub stale: bool,
    /// Whether the domain's controller gives back what is reserved for nobody.
    pub clears: bool,
    /// Whether calls fail and operators crash.
    pub fails: bool,
    /// Whether a second operator takes over.
    pub takes_over: bool,
    pub fence: Fence,
    /// What comes about in it.
    pub comes_about: &'static [&'static str],
    pub bug: Option<Bug>,
}

impl Setup {
    pub const fn plain(name: &'static str) -> Self {
        Self {
            name,
            contents: [None; CHANGES],
            people: &[Person::Wang, Person::Li],
            decisions: [2; CHANGES],
            before: [2; CHANGES],
            edited: [false; CHANGES],
            returns: false,
            withdraws: false,
            refiled: false,
            late: false,
            capacity: 6,
            enlarged: false,
            ticks: [0, 0],
            quotas: false,
            used: false,
            stale: true,
            clears: true,
            fails: true,
            takes_over: false,
            fence: Fence::Up,
            comes_about: &[],
            bug: None,
        }
    }

    pub fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Units that the domain can grant.
    pub fn grantable(&self, large: bool) -> u8 {
        if large { self.capacity + 4 } else { self.capacity }
    }
}

//! What a run of the model explores: a small world, chosen so that it can be explored to the end.

use super::bugs::Bug;
use super::rules::{Person, Track};

/// Whether an operator whose lease is over can still write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fence {
    /// As `runtime::fence` has it.
    Up,
    /// Not there: the guards of the API server alone.
    Down,
}

/// What can happen in a run.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is something that can happen, or not")]
pub struct Setup {
    pub name: &'static str,
    pub track: Track,
    /// Texts of the two requests at first; a request that is missing is not part of the run.
    pub contents: [Option<u8>; 2],
    /// Whether both requests are about a system of the same code.
    pub same_code: bool,
    /// Who acts.
    pub people: &'static [Person],
    /// How many decisions there can be on each request.
    pub decisions: [u8; 2],
    /// For how many of them the outcome is settled before the run begins: filed, and agreed to at one gate after the other.
    pub before: [u8; 2],
    /// Whether the systems of what is settled are open when the run begins.
    pub opened: bool,
    /// Which requests are edited, and which are deleted and made again.
    pub edited: [bool; 2],
    pub deleted: [bool; 2],
    /// Whether people send back, take back, confirm less than was asked for.
    pub returns: bool,
    pub withdraws: bool,
    pub less: bool,
    /// Whether what stands is filed once more as it is.
    pub refiled: bool,
    /// Whether one decision is sent long after its author has read.
    pub late: bool,
    /// Whether people decide in roles that a binding made by hand gives them, and twice under another name.
    pub cheats: bool,
    /// Whether the authority enlarges the domain.
    pub enlarged: bool,
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
    /// A run in which nothing but the standard course happens.
    pub const fn plain(name: &'static str, track: Track) -> Self {
        Self {
            name,
            track,
            contents: [Some(0), None],
            same_code: false,
            people: &[Person::Wang, Person::Li, Person::Zhao],
            decisions: [0, 0],
            before: [0, 0],
            opened: false,
            edited: [false; 2],
            deleted: [false; 2],
            returns: false,
            withdraws: false,
            less: false,
            refiled: false,
            late: false,
            cheats: false,
            enlarged: false,
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

    /// The code of the system that a request is about.
    pub fn code(&self, slot: u8) -> u8 {
        if self.same_code { 0 } else { slot }
    }

    /// Where the object of that system is: its name is its code.
    pub fn object(&self, slot: u8) -> u8 {
        if self.has(Bug::NamesByRequest) { slot } else { self.code(slot) }
    }
}

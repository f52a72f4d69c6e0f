//! The runs: worlds small enough to be explored to the end, and together wide enough for what is claimed.

use super::super::rules::Person::{Li, Wang, Zhao};
use super::super::setup::Fence;
use super::machine::comes_about::*;
use super::setup::Setup;

/// Two changes of one system, worked out against one state of it: who is second goes back, and is filed again.
pub const BASIS: Setup = Setup {
    contents: [Some(0), Some(0), None, None],
    decisions: [2, 4, 0, 0],
    before: [2, 2, 0, 0],
    capacity: 10,
    clears: false,
    comes_about: &[ALL, MOVED, AGAIN],
    ..Setup::plain("two changes against one state of a system")
};

/// Texts that change under the eyes of those who decide, with one decision sent late, while the system moves on.
pub const EDITS: Setup = Setup {
    contents: [None, Some(0), Some(0), None],
    decisions: [0, 3, 2, 0],
    before: [0, 0, 2, 0],
    edited: [false, true, false, false],
    refiled: true,
    late: true,
    stale: false,
    fails: false,
    clears: false,
    capacity: 10,
    ..Setup::plain("changes are edited, and decided upon late")
};

/// The whole track of a major change: people who can do more than one thing, send back, take back, file again.
pub const MAJOR: Setup = Setup {
    contents: [Some(1), None, None, None],
    people: &[Wang, Li, Zhao],
    decisions: [5, 0, 0, 0],
    before: [0; 4],
    returns: true,
    withdraws: true,
    refiled: true,
    capacity: 10,
    fails: false,
    clears: false,
    ..Setup::plain("a major change")
};

/// The same from its approval on: report and signatures, with everybody trying.
pub const SIGNS: Setup = Setup {
    people: &[Wang, Zhao, Li],
    decisions: [8, 0, 0, 0],
    before: [4, 0, 0, 0],
    returns: false,
    withdraws: false,
    refiled: false,
    fails: true,
    takes_over: true,
    comes_about: &[ALL, SIGNED],
    name: "a major change is signed",
    ..MAJOR
};

/// Two approved changes of two systems, and room for one.
pub const LAST: Setup = Setup {
    contents: [Some(0), None, None, Some(0)],
    enlarged: true,
    comes_about: &[ALL, SHORT],
    ..Setup::plain("two changes, room for one")
};

/// The same, while one of them is taken back.
pub const LEAVES: Setup = Setup {
    decisions: [3, 0, 0, 2],
    withdraws: true,
    enlarged: false,
    comes_about: &[SHORT],
    name: "one of two changes is taken back",
    ..LAST
};

/// Two operators, of whom one is paused in the middle of a commit.
pub const PAUSES: Setup = Setup {
    fails: false,
    takes_over: true,
    enlarged: false,
    comes_about: &[SHORT, PAUSED],
    name: "changes, an operator is paused, fenced",
    ..LAST
};

/// Two operators at once that only take: no fence, and nothing is given back.
pub const GUARDS: Setup =
    Setup { clears: false, fence: Fence::Down, name: "changes, two operators by the guards alone", ..PAUSES };

/// A window and a change for good of another system that want the same room, while the window starts and ends.
pub const WINDOW: Setup = Setup {
    contents: [None, None, Some(0), Some(0)],
    ticks: [0, 2],
    comes_about: &[ALL, SHORT, OVER],
    ..Setup::plain("a window and a change, room for one")
};

/// A window and a change for good of one system: whichever is second goes back, and time may be over then.
pub const BESIDE: Setup = Setup {
    contents: [Some(0), None, Some(0), None],
    decisions: [2, 0, 4, 0],
    before: [2, 0, 2, 0],
    ticks: [0, 2],
    capacity: 10,
    clears: false,
    fails: false,
    comes_about: &[MOVED, OVER],
    ..Setup::plain("a window beside a change of the same system")
};

/// A window that starts and ends while its tenant uses what it gives.
pub const PEAK: Setup = Setup {
    contents: [None, None, Some(0), None],
    ticks: [0, 2],
    quotas: true,
    used: true,
    clears: false,
    comes_about: &[HELD, OVER],
    ..Setup::plain("a window ends while it is in use")
};

/// The same, while another system waits for that room.
pub const YIELDS: Setup = Setup {
    contents: [None, None, Some(0), Some(0)],
    stale: false,
    comes_about: &[ALL, HELD],
    name: "a window ends while it is in use, and another waits",
    ..PEAK
};

/// What a system gives up is another's once it is not used any more.
pub const SHRINKS: Setup = Setup {
    contents: [None, Some(0), None, Some(0)],
    capacity: 5,
    quotas: true,
    used: true,
    clears: false,
    comes_about: &[HELD, FREED],
    ..Setup::plain("a system shrinks, and another grows")
};

/// Two changes of one system, of which one gives back what the change of another wants.
pub const THREE: Setup = Setup {
    contents: [Some(0), Some(0), None, Some(0)],
    fails: false,
    stale: false,
    comes_about: &[SHORT, MOVED],
    ..Setup::plain("three changes at once")
};

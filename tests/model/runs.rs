//! The runs: worlds small enough to be explored to the end, and together wide enough for what is claimed.

use super::machine::comes_about::{ADOPTED, BOTH, LIVE, PAUSED, SHORT};
use super::rules::Person::{Li, Wang};
use super::rules::Track;
use super::setup::{Fence, Setup};

/// The whole track of one request: people who can do more than one thing, send back, confirm less, file again.
pub const FULL: Setup = Setup {
    decisions: [6, 0],
    less: true,
    returns: true,
    withdraws: true,
    refiled: true,
    ..Setup::plain("full track", Track::Full)
};

/// Texts that change under the eyes of those who decide, with one decision sent late.
pub const EDITS: Setup = Setup {
    decisions: [4, 0],
    people: &[Wang, Li],
    edited: [true, false],
    refiled: true,
    late: true,
    ..Setup::plain("edits and late decisions", Track::Short)
};

/// A request that is deleted and made again, before and after its system stands.
pub const AGAIN: Setup = Setup {
    decisions: [4, 0],
    people: &[Wang, Li],
    edited: [true, false],
    deleted: [true, false],
    withdraws: true,
    comes_about: &[ADOPTED],
    ..Setup::plain("deleted and made again", Track::Short)
};

/// Two people must agree, and some decide twice, or where a binding made by hand lets them.
pub const BOARD: Setup =
    Setup { decisions: [5, 0], returns: true, cheats: true, ..Setup::plain("a board of two", Track::Board) };

/// The same in small, for bugs that need no more.
pub const SMALL_BOARD: Setup = Setup { decisions: [3, 0], returns: false, ..BOARD };

/// Report and signatures, with everybody trying.
pub const LIVES: Setup = Setup {
    decisions: [6, 0],
    before: [2, 0],
    opened: true,
    deleted: [true, false],
    takes_over: true,
    comes_about: &[LIVE, ADOPTED],
    ..Setup::plain("report and signatures", Track::Short)
};

/// Two approved requests, and room for one.
pub const COMPETE: Setup = Setup {
    contents: [Some(0), Some(0)],
    people: &[Wang, Li],
    decisions: [2, 2],
    before: [2, 2],
    enlarged: true,
    comes_about: &[BOTH, SHORT],
    ..Setup::plain("two requests, room for one", Track::Short)
};

/// The same, while one of them is taken back or deleted.
pub const LEAVES: Setup = Setup {
    decisions: [3, 2],
    deleted: [true, false],
    withdraws: true,
    enlarged: false,
    comes_about: &[SHORT],
    name: "one of two leaves",
    ..COMPETE
};

/// Two operators, of whom one is paused in the middle of a commit.
pub const PAUSES: Setup = Setup {
    deleted: [true, false],
    fails: false,
    takes_over: true,
    enlarged: false,
    comes_about: &[SHORT, PAUSED],
    name: "an operator is paused, fenced",
    ..COMPETE
};

/// The same without the fence.
pub const UNFENCED: Setup =
    Setup { fence: Fence::Down, name: "an operator is paused, no fence", comes_about: &[PAUSED], ..PAUSES };

/// Two operators at once that only take: no fence, and nothing is given back.
pub const GUARDS: Setup =
    Setup { clears: false, deleted: [false; 2], name: "two operators at once, by the guards alone", ..UNFENCED };

/// One request without the fence: of all that must hold, only its text is not locked.
pub const UNFENCED_ONE: Setup = Setup {
    fence: Fence::Down,
    decisions: [3, 0],
    people: &[Wang, Li],
    edited: [true, false],
    deleted: [true, false],
    withdraws: true,
    takes_over: true,
    comes_about: &[PAUSED],
    ..Setup::plain("one request, an operator is paused, no fence", Track::Short)
};

/// Two requests for one system, with different texts.
pub const SAME_CODE: Setup = Setup {
    contents: [Some(1), Some(0)],
    people: &[Wang, Li],
    decisions: [3, 2],
    before: [1, 1],
    same_code: true,
    deleted: [true, false],
    withdraws: true,
    enlarged: false,
    comes_about: &[],
    name: "two requests for one code",
    ..COMPETE
};

/// The same with one text.
pub const SAME_TEXT: Setup = Setup {
    contents: [Some(1), Some(1)],
    decisions: [2, 2],
    deleted: [false; 2],
    name: "two requests for one code, in the same words",
    ..SAME_CODE
};

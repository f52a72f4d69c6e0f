//! The runs: worlds small enough to be explored to the end, and together wide enough for what is claimed.

use super::super::changes;
use super::super::setup::Fence;
use super::machine::comes_about::*;
use super::setup::Setup;
use yunguan::api::decommission::BackupMode;

/// The machine of the changes with no change in it, and nothing to clear in the domain.
const ALONE: changes::Setup = Setup::plain("").base;

/// The whole course, with what fails, taken back at any moment.
pub const COURSE: Setup = Setup {
    decisions: [4, 0],
    withdraws: true,
    comes_about: &[CLOSED, WITHDRAWN],
    ..Setup::plain("a system leaves, or does not after all")
};

/// A backup of what runs, sent back by the unit that was to confirm it, and made again.
pub const LIVE: Setup = Setup {
    base: changes::Setup { fails: false, ..ALONE },
    backup: BackupMode::Live,
    decisions: [4, 0],
    returns: true,
    comes_about: &[CLOSED],
    ..Setup::plain("a system is backed up while it runs")
};

/// What is backed up already ends at some time, or does not.
pub const ENDS: Setup = Setup {
    base: changes::Setup { fails: false, stale: false, ticks: [0, 1], ..ALONE },
    done: [2, 0],
    withdraws: true,
    comes_about: &[CLOSED, WITHDRAWN],
    ..Setup::plain("a system that is backed up leaves or stays, and time passes")
};

/// The claim is replaced by another of its name while people read, confirm and send.
pub const REPLACED: Setup = Setup {
    base: changes::Setup { fails: false, stale: false, ..ALONE },
    decisions: [4, 0],
    late: true,
    replaced: true,
    comes_about: &[CLOSED, TWO],
    ..Setup::plain("a volume is replaced while its system leaves")
};

/// An order stops the system and is lifted while it leaves.
pub const ORDERED: Setup = Setup {
    base: changes::Setup { fails: false, ..ALONE },
    decisions: [3, 2],
    before: [3, 2],
    done: [2, 0],
    comes_about: &[HELD],
    ..Setup::plain("an order stops a system that leaves")
};

/// The same until the order is lifted, with caches that are up to date.
pub const LIFTS: Setup = Setup {
    base: changes::Setup { stale: false, ..ORDERED.base },
    decisions: [3, 3],
    comes_about: &[HELD, LIFTED],
    name: "an order stops a system that leaves, and is lifted",
    ..ORDERED
};

/// The same, while the departure is taken back.
pub const STAYS: Setup = Setup {
    base: changes::Setup { fails: false, stale: false, ..ALONE },
    backup: BackupMode::Live,
    decisions: [3, 3],
    before: [2, 2],
    done: [2, 0],
    withdraws: true,
    comes_about: &[LIFTED, WITHDRAWN],
    ..Setup::plain("an order is lifted, and a departure taken back")
};

/// A change for good that is approved with the departure.
pub const BESIDE_A_CHANGE: Setup = Setup {
    base: changes::Setup { contents: [Some(0), None, None, None], fails: false, ..ALONE },
    backup: BackupMode::Live,
    decisions: [2, 0],
    volume: 0,
    comes_about: &[REFUSED],
    ..Setup::plain("a system leaves beside a change of it")
};

/// The same with late caches, offline at once.
pub const LATE_CACHES: Setup = Setup {
    base: changes::Setup { stale: true, clears: false, ..BESIDE_A_CHANGE.base },
    backup: BackupMode::Offline,
    volume: 1,
    comes_about: &[BESIDE, REFUSED],
    name: "a system leaves beside a change of it, with late caches",
    ..BESIDE_A_CHANGE
};

/// The same with a change for a time, which begins and ends meanwhile.
pub const BESIDE_A_WINDOW: Setup = Setup {
    base: changes::Setup {
        contents: [None, None, Some(0), None],
        ticks: [0, 1],
        clears: false,
        fails: false,
        stale: false,
        ..ALONE
    },
    decisions: [4, 0],
    volume: 0,
    comes_about: &[CLOSED, BESIDE, REFUSED],
    ..Setup::plain("a system leaves beside a window of it")
};

/// Two operators, of whom one is paused.
pub const PAUSES: Setup = Setup {
    base: changes::Setup { fails: false, takes_over: true, stale: false, ..ALONE },
    decisions: [3, 2],
    before: [3, 2],
    done: [2, 0],
    comes_about: &[PAUSED],
    ..Setup::plain("a system leaves, an operator is paused, fenced")
};

/// Two operators at once: no fence.
pub const GUARDS: Setup = Setup {
    base: changes::Setup { fence: Fence::Down, ..PAUSES.base },
    name: "a system leaves, two operators by the guards alone",
    ..PAUSES
};

//! What the API server holds about changes, and what each operator holds in its hands.

use super::super::world::{Domain, Id, Status, Vote};
use super::setup::{CHANGES, SYSTEMS};

pub use super::super::world::By;

/// A ResourceChange.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Change {
    pub content: u8,
    pub status: Status,
}

/// An InformationSystem: its record, and what its status says of its quota.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct System {
    pub record: Id,
    pub shown: Id,
}

/// The ResourceQuota of a system.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Quota {
    pub hard: u8,
    pub used: u8,
}

/// One change in the hands of an operator. `fresh` says that the change read is still the one that stands, `current` the
/// same of its system, and `guard` of the domain: that is what a guarded PUT asks.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Commit {
    #[default]
    Idle,
    /// The change was read; its system is next.
    Read { content: u8, committed: bool, fresh: bool },
    /// The system was read; the decisions are next.
    Found { content: u8, committed: bool, fresh: bool, record: Id, current: bool },
    /// The decisions carry a grant; the domain is next.
    Approved { grant: Id, record: Id, committed: bool, fresh: bool, current: bool },
    /// There is room; the domain's status is written next.
    Reserving { grant: Id, record: Id, committed: bool, fresh: bool, current: bool, domain: Domain, guard: bool },
    /// Room is held; the change's status is written next.
    Recording { grant: Id, record: Id, fresh: bool, current: bool },
    /// The system's record is written next, with a grant or with signatures.
    Granting { grant: Option<Id>, record: Id, fresh: bool, current: bool, status: Status },
    /// What came of it is written into the change's status next.
    Reporting { status: Status, fresh: bool },
}

/// A system in the hands of its controller.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Keep {
    #[default]
    Idle,
    /// The quota is written next; `current` says that it is the one that was read.
    Setting { system: System, hard: u8, shown: Id, current: bool },
    /// The system's status is written next.
    Telling { system: System, shown: Id },
}

/// The domain in the hands of its controller, with the records that its cache knew.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Pass {
    #[default]
    Idle,
    /// The reservations up to `next` are looked at, and those of `kept` stand.
    Looking { known: [System; SYSTEMS], next: u8, kept: u8 },
    /// The change of the next one does not ask for it any more; whether it became a grant is asked next.
    Asking { known: [System; SYSTEMS], next: u8, kept: u8 },
}

/// Everything.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct World {
    pub changes: [Option<Change>; CHANGES],
    /// The decisions that name each change.
    pub decisions: [Id; CHANGES],
    /// A decision whose author has read, and not yet sent it.
    pub late: Option<(u8, Vote)>,
    pub systems: [System; SYSTEMS],
    /// How many grants were put on each record.
    pub written: [u8; SYSTEMS],
    pub quotas: [Quota; SYSTEMS],
    pub domain: Domain,
    pub clock: u8,
    /// The systems as the leader's cache has them: as they were at some moment, and never older than before.
    pub seen: [System; SYSTEMS],
    /// What the leader holds.
    pub commits: [Commit; CHANGES],
    pub keeps: [Keep; SYSTEMS],
    pub pass: Pass,
    /// What an operator held that was paused, while another took over.
    pub paused: Option<(u8, Commit)>,
}

/// A step. Nothing tells an operator to take one: watches may lose what they like, and deliver it twice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Somebody decides on what stands now.
    Decides {
        slot: u8,
        vote: Vote,
    },
    /// Somebody reads what stands now, and
    Reads {
        slot: u8,
        vote: Vote,
    },
    /// sends the decision later.
    Sends,
    Edits {
        slot: u8,
    },
    Enlarges,
    /// Time passes.
    Ticks,
    /// The tenant of the first system uses all that its quota allows, or nothing.
    Uses {
        all: bool,
    },
    /// The cache learns how a system stands.
    Sees {
        index: u8,
    },
    /// GET of the change, after the caches called for it.
    Starts {
        slot: u8,
    },
    /// GET of its system.
    Finds {
        by: By,
        slot: u8,
    },
    /// LIST of its decisions.
    Lists {
        by: By,
        slot: u8,
    },
    /// GET of the domain, with the grants that the cache knows.
    ReadsDomain {
        by: By,
        slot: u8,
    },
    /// PUT of the domain's status.
    Reserves {
        by: By,
        slot: u8,
    },
    /// PUT of the change's status.
    Records {
        by: By,
        slot: u8,
    },
    /// PUT of the system.
    Grants {
        by: By,
        slot: u8,
    },
    /// PUT of the change's status at the end of a commit.
    Reports {
        by: By,
        slot: u8,
    },
    /// PUT of the change's status where nothing is to be committed, from caches as old as they may be.
    Shows {
        slot: u8,
        status: Status,
    },
    /// The system's controller looks at what its cache has, and at the quota.
    Looks {
        index: u8,
    },
    /// PUT of the quota.
    Sets {
        index: u8,
    },
    /// PUT of the system's status.
    Tells {
        index: u8,
    },
    /// The domain's controller begins.
    Surveys,
    /// GET of the change of the next reservation.
    Asks,
    /// LIST of the systems.
    Searches,
    /// PUT of the domain's status.
    Settles,
    /// A call fails, its answer is lost, or the time for one pass is over.
    Fails {
        slot: u8,
    },
    FailsDomain,
    FailsSystem {
        index: u8,
    },
    Crashes,
    /// The leader is paused with this in its hands, past its lease, and another takes over.
    TakesOver {
        slot: u8,
    },
}

impl World {
    /// The state that a crash of all operators leaves: what the API server holds.
    pub fn at_rest(&self) -> Self {
        Self { late: None, seen: self.systems, paused: None, ..self.dead() }
    }

    /// Nobody has anything in their hands.
    pub fn dead(&self) -> Self {
        Self { commits: [Commit::Idle; CHANGES], keeps: [Keep::Idle; SYSTEMS], pass: Pass::Idle, ..*self }
    }

    /// How many things the leader has in its hands.
    pub fn in_hands(&self) -> usize {
        let commits = self.commits.iter().filter(|commit| **commit != Commit::Idle).count();
        let keeps = self.keeps.iter().filter(|keep| **keep != Keep::Idle).count();
        commits + keeps + usize::from(self.pass != Pass::Idle)
    }

    pub fn commit_of(&self, by: By, slot: u8) -> Commit {
        match by {
            By::Leader => self.commits[usize::from(slot)],
            By::Paused => self.paused.filter(|(of, _)| *of == slot).map_or(Commit::Idle, |(_, commit)| commit),
        }
    }

    pub fn set_commit(&mut self, by: By, slot: u8, commit: Commit) {
        match by {
            By::Leader => self.commits[usize::from(slot)] = commit,
            By::Paused => self.paused = (commit != Commit::Idle).then_some((slot, commit)),
        }
    }

    /// Makes every object in somebody's hands old that has changed since `before`. Whoever wrote it holds the new one,
    /// which is said afterwards.
    pub fn age(&mut self, before: &Self) {
        for slot in 0..CHANGES {
            let changed = self.changes[slot] != before.changes[slot];
            let system =
                usize::from(self.changes[slot].map_or(0, |c| super::setup::ask(slot_of(slot), c.content).system));
            let replaced = self.systems[system] != before.systems[system];
            let domain = self.domain != before.domain;
            for by in [By::Leader, By::Paused] {
                let held = self.commit_of(by, slot_of(slot));
                let aged = held.aged(changed, replaced, domain);
                if aged != held {
                    self.set_commit(by, slot_of(slot), aged);
                }
            }
        }
        for index in 0..SYSTEMS {
            if let Keep::Setting { current, .. } = &mut self.keeps[index] {
                *current &= self.quotas[index] == before.quotas[index];
            }
        }
        if self.domain != before.domain {
            // Its PUT would be refused, and until then it only reads.
            self.pass = Pass::Idle;
        }
    }
}

pub fn slot_of(place: usize) -> u8 {
    u8::try_from(place).unwrap_or(u8::MAX)
}

impl Commit {
    fn aged(mut self, changed: bool, replaced: bool, moved: bool) -> Self {
        match &mut self {
            Self::Idle => {}
            Self::Read { fresh, .. } | Self::Reporting { fresh, .. } => *fresh &= !changed,
            Self::Found { fresh, current, .. }
            | Self::Approved { fresh, current, .. }
            | Self::Recording { fresh, current, .. }
            | Self::Granting { fresh, current, .. } => {
                *fresh &= !changed;
                *current &= !replaced;
            }
            Self::Reserving { fresh, current, guard, .. } => {
                *fresh &= !changed;
                *current &= !replaced;
                *guard &= !moved;
            }
        }
        self
    }

    pub fn writes_next(self) -> bool {
        !matches!(self, Self::Idle | Self::Read { .. } | Self::Found { .. } | Self::Approved { .. })
    }

    /// The grant that is under way.
    pub fn grant(self) -> Option<Id> {
        match self {
            Self::Approved { grant, .. } | Self::Reserving { grant, .. } | Self::Recording { grant, .. } => Some(grant),
            Self::Granting { grant, .. } => grant,
            _ => None,
        }
    }
}

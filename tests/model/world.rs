//! What the API server holds, and what each operator holds in its hands. Plain values, so that states are cheap to
//! compare: decisions, grants and digests are numbers, whose meaning stands in the [`Book`](super::book::Book).

use super::rules::{Gate, Person, Role};
use std::fmt;
use yunguan::api::decision::Verdict;

/// The place of a Decision among those that name a request.
pub type Place = u8;

/// A number in the book: a list of decisions, a digest, a status, a grant, a going live.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Id(pub u32);

/// The uid of a request: its name, and how many of that name there were before.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Uid {
    pub slot: u8,
    pub incarnation: u8,
}

/// What `status.phase` says, as far as somebody reads it back.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Stage {
    InReview,
    Approved,
    #[default]
    Other,
}

/// What an operator writes into a request's status. What is left out follows from the rest and is read by nobody.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Status {
    /// From when it is set the text cannot be edited.
    pub committed: bool,
    /// The filing that stands.
    pub shown: Option<Place>,
    pub stage: Stage,
}

/// A request.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Request {
    pub incarnation: u8,
    pub content: u8,
    pub status: Status,
}

/// What somebody had before their eyes when they decided: kept by the model, and by nothing that makes digests.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Sight {
    pub content: u8,
    pub filing: Option<Place>,
    pub confirmed: Option<u8>,
    /// What the system had on record; nothing to a request.
    pub record: Id,
}

/// A Decision.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Vote {
    pub request: Uid,
    pub filing: Option<Place>,
    pub gate: Gate,
    pub role: Role,
    pub who: Person,
    pub verdict: Verdict,
    pub units: Option<u8>,
    pub digest: Id,
    pub saw: Sight,
    /// The tick of the clock at which it was made.
    pub at: u8,
}

impl fmt::Debug for Vote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { who, verdict, gate, request, filing, units, saw, .. } = self;
        write!(f, "{who:?}: {verdict} at {} on r{}-{}", gate.name(), request.slot, request.incarnation)?;
        if let Some(filing) = filing {
            write!(f, " as filed by d{filing}")?;
        }
        if let Some(units) = units {
            write!(f, " for {units} units")?;
        }
        write!(f, ", having read text {}", saw.content)
    }
}

/// An InformationSystem.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct System {
    pub grant: Id,
    pub provisioned: bool,
    pub live: Option<Id>,
}

/// Most reservations that the model can tell apart.
pub const RESERVATIONS: usize = 4;

/// The CloudDomain: its capacity, and the part of its status that is read back.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Domain {
    pub reservations: [Option<Id>; RESERVATIONS],
    pub committed: u8,
    pub large: bool,
}

/// One request in the hands of an operator. Between two calls to the API everything may happen, a crash too.
///
/// `fresh` and `current` say that the object read is still the one that stands, which is what a guarded PUT asks.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Commit {
    #[default]
    Idle,
    /// The request was read; the system of its code is next.
    Read { incarnation: u8, content: u8, committed: bool, fresh: bool },
    /// The system was looked for; the decisions are next.
    Found {
        incarnation: u8,
        content: u8,
        committed: bool,
        fresh: bool,
        system: Option<System>,
        index: u8,
        current: bool,
    },
    /// The decisions carry a grant; the domain is next.
    Approved { grant: Id, committed: bool, fresh: bool },
    /// There is room; the domain's status is written next. `known` grants were counted.
    Reserving { grant: Id, committed: bool, fresh: bool, known: u8, current: bool },
    /// Room is held; the request's status is written next.
    Recording { grant: Id, fresh: bool },
    /// The system is made next.
    Creating { grant: Id, fresh: bool },
    /// What came of it is written into the request's status next.
    Reporting { status: Status, fresh: bool },
    /// The decisions let the system go live; it is written next.
    Charging { live: Id, index: u8, current: bool },
}

/// The domain in the hands of its controller.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Pass {
    #[default]
    Idle,
    /// With `known` grants settled, the reservations up to `next` are looked at, and those of `kept` stand.
    Looking { known: u8, next: u8, kept: u8 },
    /// The request of the next one does not ask for it any more; whether it became a grant is asked next.
    Asking { known: u8, next: u8, kept: u8 },
}

/// Everything.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct World {
    pub requests: [Option<Request>; 2],
    /// How many requests of each name there have been.
    pub born: [u8; 2],
    /// The decisions that name each request.
    pub decisions: [Id; 2],
    /// A decision whose author has read, and not yet sent it.
    pub late: Option<(u8, Vote)>,
    /// Systems by the name of their object, and whether one was ever there.
    pub systems: [Option<System>; 2],
    pub ever: [bool; 2],
    /// Which of two systems was made first.
    pub first: u8,
    pub domain: Domain,
    /// What the leader holds.
    pub commits: [Commit; 2],
    pub pass: Pass,
    /// What an operator held that was paused, while another took over.
    pub paused: Option<(u8, Commit)>,
}

/// Whose hands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum By {
    Leader,
    Paused,
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
    Deletes {
        slot: u8,
    },
    Recreates {
        slot: u8,
        content: u8,
    },
    Enlarges,
    /// GET of the request, after the caches called for it.
    Starts {
        slot: u8,
    },
    /// GET of the system.
    Finds {
        by: By,
        slot: u8,
        system: Option<System>,
    },
    /// LIST of the decisions, with what the cache has of another request for the same code.
    Lists {
        by: By,
        slot: u8,
        decisions: Id,
        rival: Option<Place>,
    },
    /// GET of the domain, with so many grants in the cache.
    ReadsDomain {
        by: By,
        slot: u8,
        known: u8,
    },
    /// PUT of the domain's status.
    Reserves {
        by: By,
        slot: u8,
    },
    /// PUT of the request's status.
    Records {
        by: By,
        slot: u8,
    },
    /// POST of the system.
    Makes {
        by: By,
        slot: u8,
    },
    /// PUT of the request's status at the end of a commit.
    Reports {
        by: By,
        slot: u8,
    },
    /// PUT of the system.
    Charges {
        by: By,
        slot: u8,
    },
    /// PUT of the request's status where nothing is to be committed, from caches as old as they may be.
    Shows {
        slot: u8,
        status: Status,
    },
    /// The system's own controller opens its namespace.
    Provisions {
        index: u8,
    },
    /// The domain's controller begins, with so many grants in the cache.
    Surveys {
        known: u8,
    },
    /// GET of the request of the next reservation.
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
    Crashes,
    /// The leader is paused with this in its hands, past its lease, and another takes over.
    TakesOver {
        slot: u8,
    },
}

impl World {
    /// The state that crash of all operators leaves: what the API server holds.
    pub fn at_rest(&self) -> Self {
        Self { late: None, commits: [Commit::Idle; 2], pass: Pass::Idle, paused: None, ..*self }
    }

    /// The systems as a cache may know them: the oldest come first.
    pub fn known_systems(&self, known: u8) -> impl Iterator<Item = System> + use<> {
        let order = if self.first == 0 { [0, 1] } else { [1, 0] };
        let systems = self.systems;
        order.into_iter().filter_map(move |index: usize| systems[index]).take(usize::from(known))
    }

    pub fn systems_there(&self) -> u8 {
        u8::from(self.systems[0].is_some()) + u8::from(self.systems[1].is_some())
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
        for slot in 0..2_u8 {
            let changed = self.requests[usize::from(slot)] != before.requests[usize::from(slot)];
            for by in [By::Leader, By::Paused] {
                let mut commit = self.commit_of(by, slot);
                let replaced = |index: u8| self.systems[usize::from(index)] != before.systems[usize::from(index)];
                match &mut commit {
                    Commit::Read { fresh, .. }
                    | Commit::Approved { fresh, .. }
                    | Commit::Recording { fresh, .. }
                    | Commit::Creating { fresh, .. }
                    | Commit::Reporting { fresh, .. }
                        if changed =>
                    {
                        *fresh = false;
                    }
                    Commit::Reserving { fresh, current, .. } => {
                        *fresh &= !changed;
                        *current &= self.domain == before.domain;
                    }
                    Commit::Found { fresh, current, index, .. } => {
                        *fresh &= !changed;
                        *current &= !replaced(*index);
                    }
                    Commit::Charging { index, current, .. } => *current &= !replaced(*index),
                    _ => {}
                }
                if commit != self.commit_of(by, slot) {
                    self.set_commit(by, slot, commit);
                }
            }
        }
        if self.domain != before.domain {
            // Its PUT would be refused, and until then it only reads.
            self.pass = Pass::Idle;
        }
    }
}

impl Domain {
    pub fn reserved(&self) -> impl Iterator<Item = Id> + use<> {
        self.reservations.into_iter().flatten()
    }

    pub fn with(&self, reserved: impl IntoIterator<Item = Id>, committed: u8) -> Self {
        let mut reservations = [None; RESERVATIONS];
        for (place, id) in reservations.iter_mut().zip(reserved) {
            *place = Some(id);
        }
        Self { reservations, committed, large: self.large }
    }
}

//! What the API server holds about a system that leaves, and what each operator holds in its hands.

use super::super::changes;
use super::super::world::{By, Id, Vote};

/// What is decided upon, besides the change.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Matter {
    Leave,
    Order,
}

impl Matter {
    pub const ALL: [Self; 2] = [Self::Leave, Self::Order];

    pub fn index(self) -> usize {
        usize::from(self == Self::Order)
    }
}

/// Most volumes that there can be, one after the other, under the one name of a claim.
pub const VOLUMES: u8 = 2;

/// A Job that the operator has made for a volume. It finds its claim by name.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Job {
    #[default]
    None,
    Made,
    /// It has done its work, on this volume.
    Done(u8),
}

/// Why nothing may run in the namespace, as its label says.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Label {
    #[default]
    None,
    Suspended,
    Offline,
    Wiped,
}

#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Space {
    #[default]
    Here,
    /// It is being deleted.
    Going,
    Gone,
}

/// What is done with volumes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Work {
    Backup,
    Wipe,
}

/// What is to be seen in the system's namespace.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Site {
    pub space: Space,
    pub label: Label,
    /// Whether its pods run; they wait at the gate otherwise.
    pub runs: bool,
    /// The volume of the claim: the first, the second, or none.
    pub volume: u8,
    /// Volumes that are there without their claims, a bit each.
    pub left: u8,
    /// Backups of each volume, and then wipes.
    pub jobs: [Job; 4],
}

impl Site {
    pub fn job(work: Work, volume: u8) -> usize {
        usize::from(volume.saturating_sub(1)) + if work == Work::Wipe { usize::from(VOLUMES) } else { 0 }
    }
}

/// A step of a departure that is no record.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Act {
    Run(Work, u8),
    Remove(u8),
    RemoveVolume(u8),
    DeleteNamespace,
    Tidy,
}

/// What a controller holds: the departure's, the order's, or the system's. `current` says that the system read is still the
/// one that stands, `fresh` the same of the order: that is what a guarded PUT asks.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Hand {
    #[default]
    Idle,
    /// The departure and its decisions were read; the system is next.
    Finds { decisions: Id },
    /// Its namespace is looked at next.
    Looks { decisions: Id, record: Id, current: bool },
    /// The record is written next.
    Puts { record: Id, current: bool },
    /// This is done next; `ordered` says that an order stood when the record was read by which it is.
    Acts { act: Act, ordered: bool },
    /// The order and its decisions were read; the systems are next.
    Surveys { status: Id, decisions: Id, fresh: bool },
    /// The order's status is written next, then a record.
    Tells { status: Id, record: Option<Id>, fresh: bool, current: bool },
    /// The record is written next.
    Turns { record: Id, current: bool },
    /// The namespace's label is written next.
    Labels { system: changes::world::System, label: Label, current: bool },
    /// What runs is stopped next, or started again.
    Moves { system: changes::world::System },
    /// The system's status is written next.
    Reports { system: changes::world::System, shown: Id },
}

/// Whose hand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Which {
    Leave,
    Order,
    Keep,
}

impl Which {
    pub const ALL: [Self; 3] = [Self::Leave, Self::Order, Self::Keep];
}

/// Everything.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct World {
    /// The change, the systems, the domain and the clock.
    pub base: changes::world::World,
    /// The decisions that name the departure and the order.
    pub decisions: [Id; 2],
    /// A decision whose author has read, and not yet sent it.
    pub late: Option<(Matter, Vote)>,
    /// What the order's status has on record.
    pub order: Id,
    pub site: Site,
    pub hands: [Hand; 3],
    /// What an operator held that was paused, while another took over.
    pub paused: Hand,
    /// Volumes whose data was wiped, a bit each: kept by the model.
    pub wiped: u8,
    /// What went wrong on the way, a bit each: kept by the model.
    pub sins: u8,
}

/// A step. Nothing tells an operator to take one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// One of the machine of the changes.
    Base(changes::world::Step),
    /// Somebody decides on what stands now.
    Decides(Matter, Vote),
    /// Somebody reads what stands now, and
    Reads(Matter, Vote),
    /// sends the decision later.
    Sends,
    /// The claim is deleted, and another one of its name is made.
    Replaces,
    /// A Job does its work on the claim that is there.
    Works(Work, u8),
    /// The namespace is gone, with all that is in it.
    Finishes,
    /// A controller begins with this, by what the caches say.
    Begins(Which, Hand),
    /// Its next call.
    GoesOn(By, Which),
    /// A call fails, its answer is lost, or the time for one pass is over.
    Fails(Which),
    /// The leader is paused with this in its hands, past its lease, and another takes over.
    TakesOver(Which),
}

impl World {
    pub fn record(&self) -> Id {
        self.base.systems[0].record
    }

    /// The state that a crash of all operators leaves: what the API server holds.
    pub fn at_rest(&self) -> Self {
        Self { base: self.base.at_rest(), late: None, hands: [Hand::Idle; 3], paused: Hand::Idle, ..*self }
    }

    pub fn hand(&self, by: By, which: Which) -> Hand {
        match by {
            By::Leader => self.hands[which as usize],
            By::Paused => self.paused,
        }
    }

    pub fn set_hand(&mut self, by: By, which: Which, hand: Hand) {
        match by {
            By::Leader => self.hands[which as usize] = hand,
            By::Paused => self.paused = hand,
        }
    }

    /// Makes every object in somebody's hands old that has changed since `before`.
    pub fn age(&mut self, before: &Self) {
        self.base.age(&before.base);
        let replaced = self.base.systems[0] != before.base.systems[0];
        let told = self.order != before.order;
        let label = (self.site.label, self.site.space) != (before.site.label, before.site.space);
        for hand in self.hands.iter_mut().chain([&mut self.paused]) {
            match hand {
                Hand::Looks { current, .. } | Hand::Puts { current, .. } | Hand::Turns { current, .. } => {
                    *current &= !replaced;
                }
                Hand::Surveys { fresh, .. } => *fresh &= !told,
                Hand::Tells { fresh, current, .. } => {
                    *fresh &= !told;
                    *current &= !replaced;
                }
                Hand::Labels { current, .. } => *current &= !label,
                _ => {}
            }
        }
    }
}

impl Hand {
    pub fn writes_next(self) -> bool {
        !matches!(self, Self::Idle | Self::Finds { .. } | Self::Looks { .. } | Self::Surveys { .. })
    }

    /// Whose it is.
    pub fn which(self) -> Option<Which> {
        Some(match self {
            Self::Idle => return None,
            Self::Finds { .. } | Self::Looks { .. } | Self::Puts { .. } | Self::Acts { .. } => Which::Leave,
            Self::Surveys { .. } | Self::Tells { .. } | Self::Turns { .. } => Which::Order,
            Self::Labels { .. } | Self::Moves { .. } | Self::Reports { .. } => Which::Keep,
        })
    }
}

//! The model of the departures: states, steps and properties, for stateright to explore.

use super::super::changes;
use super::super::rules::Gate;
use super::super::setup::Fence;
use super::super::world::{By, Vote};
use super::book::Book;
use super::invariants as must;
use super::operator;
use super::people;
use super::settle;
use super::setup::Setup;
use super::world::{Hand, Job, Matter, Site, Step, World};
use crate::{Explored, fence, lists::NOTHING};
use stateright::{Model, Property};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use yunguan::api::decision::Verdict;

/// The machine: a setup, the book, and what was worked out about states before.
pub struct Machine {
    setup: Setup,
    fence: [bool; 2],
    cut: AtomicBool,
    mind: Mutex<Mind>,
}

struct Mind {
    book: Book,
    leads: HashMap<changes::book::Question, Arc<changes::operator::Leads>>,
    rests: HashMap<World, Broken>,
    /// The state that was judged last: each invariant asks about the same one.
    last: Option<(World, Broken)>,
}

/// The invariants that do not hold.
type Broken = Vec<&'static str>;

fn failing(judged: impl IntoIterator<Item = (&'static str, bool)>) -> impl Iterator<Item = &'static str> {
    judged.into_iter().filter(|(_, holds)| !holds).map(|(name, _)| name)
}

impl Machine {
    pub fn new(setup: Setup) -> Self {
        let mind = Mind { book: Book::new(setup), leads: HashMap::new(), rests: HashMap::new(), last: None };
        Self { setup, fence: fence::lets_pass(), cut: AtomicBool::new(false), mind: Mutex::new(mind) }
    }

    fn mind(&self) -> MutexGuard<'_, Mind> {
        self.mind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a write of theirs leaves the process: the leader's claim is current, that of the paused one is over.
    fn passes(&self, by: By) -> bool {
        self.setup.base.fence == Fence::Down || self.fence[usize::from(by == By::Leader)]
    }

    /// A live system with its volume, and matters for which some of the course is done.
    fn begin(&self) -> World {
        let mut mind = self.mind();
        let book = &mut mind.book;
        let site = Site { runs: true, volume: self.setup.volume, ..Site::default() };
        let mut base = changes::machine::begin(&self.setup.base, &mut book.changes);
        // What is told of it says so.
        base.systems[0].shown = book.moved(base.systems[0].record, base.systems[0].shown, site, base.clock).1;
        base.seen = base.systems;
        let mut world = World {
            base,
            decisions: [NOTHING; 2],
            late: None,
            order: book.nothing_ordered(),
            site,
            hands: [Hand::Idle; 3],
            paused: Hand::Idle,
            wiped: 0,
            sins: 0,
        };
        for matter in Matter::ALL {
            for _ in 0..self.setup.before[matter.index()] {
                let votes = people::votes(&self.setup, book, &world, matter);
                let next = |vote: &&Vote| vote.verdict == vote.gate.agreement() && vote.gate != Gate::Withdrawal;
                let Some(vote) = votes.iter().find(next) else { break };
                people::decide(book, &mut world, matter, *vote);
                if book.changes.length(world.decisions[matter.index()]) == self.setup.done[matter.index()] {
                    world = settle::rest(&self.setup, book, &world).unwrap_or(world);
                }
            }
        }
        world
    }

    /// Whether an invariant holds.
    fn keeps(&self, name: &'static str, world: &World) -> bool {
        let mut mind = self.mind();
        if mind.last.as_ref().is_none_or(|(of, _)| of != world) {
            mind.last = Some((*world, self.judge(&mut mind, world)));
        }
        mind.last.as_ref().is_some_and(|(_, broken)| !broken.contains(&name))
    }

    fn judge(&self, mind: &mut Mind, world: &World) -> Broken {
        let mut broken: Broken = failing(must::sinned(world)).collect();
        let rest = World { sins: 0, ..world.at_rest() };
        let Mind { book, rests, .. } = mind;
        let resting = rests.entry(rest).or_insert_with(|| {
            let here = failing([
                (must::CONFIRMED, must::confirmed(book, world)),
                (must::BACK, must::taken_back(book, world)),
                (must::AUTHORITY, must::by_authority(book, world)),
                (must::OFFLINE, must::free_offline(book, world)),
                (must::ROOM, must::room(book, world)),
            ]);
            let here: Broken = here.collect();
            here.into_iter().chain(settle::end(&self.setup, book, &rest)).collect()
        });
        broken.extend(resting.iter().copied());
        broken
    }
}

impl Explored for Machine {
    fn name(&self) -> &'static str {
        self.setup.name
    }

    fn comes_about(&self) -> &'static [&'static str] {
        self.setup.comes_about
    }

    fn decided(&self) -> usize {
        self.mind().book.decided()
    }

    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }
}

impl Model for Machine {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![self.begin()]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        let mut mind = self.mind();
        let Mind { book, leads: known, .. } = &mut *mind;
        people::steps(&self.setup, book, world, steps);
        operator::steps(&self.setup, book, world, steps);
        let mut leads: [Option<Arc<changes::operator::Leads>>; changes::setup::CHANGES] = [const { None }; _];
        for slot in [0, 2] {
            let Some(seen) = changes::operator::seen(&world.base, slot) else { continue };
            let found = known.entry(seen);
            let found =
                found.or_insert_with(|| Arc::new(changes::operator::leads(&self.setup.base, &mut book.changes, seen)));
            leads[usize::from(slot)] = Some(Arc::clone(found));
        }
        let leads = leads.each_ref().map(|leads| leads.as_deref());
        let mut base = Vec::new();
        changes::operator::steps(&self.setup.base, &mut book.changes, &world.base, &leads, &mut base);
        steps.extend(base.into_iter().map(Step::Base));
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut mind = self.mind();
        let book = &mut mind.book;
        let by_people = people::step(&self.setup, book, world, step);
        let mut next = by_people.or_else(|| operator::step(&self.setup, &|by| self.passes(by), book, world, step))?;
        if !self.setup.base.stale {
            next.base.seen = next.base.systems;
        }
        next.sins |= must::between(book, world.record(), next.record());
        Some(next).filter(|next| next != world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(must::CONFIRMED, |m: &Self, w| m.keeps(must::CONFIRMED, w)),
            Property::always(must::ORDERED, |m, w| m.keeps(must::ORDERED, w)),
            Property::always(must::BACK, |m, w| m.keeps(must::BACK, w)),
            Property::always(must::OFFLINE, |m, w| m.keeps(must::OFFLINE, w)),
            Property::always(must::LEAVING, |m, w| m.keeps(must::LEAVING, w)),
            Property::always(must::LOST, |m, w| m.keeps(must::LOST, w)),
            Property::always(must::ONCE, |m, w| m.keeps(must::ONCE, w)),
            Property::always(must::ROOM, |m, w| m.keeps(must::ROOM, w)),
            Property::always(must::RUNS, |m, w| m.keeps(must::RUNS, w)),
            Property::always(must::CLOSES, |m, w| m.keeps(must::CLOSES, w)),
            Property::always(must::AUTHORITY, |m, w| m.keeps(must::AUTHORITY, w)),
            Property::always(must::REPLAY, |m, w| m.keeps(must::REPLAY, w)),
        ];
        properties.extend(self.setup.comes_about.iter().map(|name| comes_about::property(name)));
        properties
    }
}

/// What should come about in a run, or the run explores less than it claims.
pub mod comes_about {
    use super::{Hand, Job, Machine, Verdict, World, must, settle};
    use stateright::Property;
    use yunguan::core::stop;

    pub const CLOSED: &str = "the system has left";
    pub const WITHDRAWN: &str = "a departure is on record, and taken back";
    pub const HELD: &str = "a wipe waits for an order to be lifted";
    pub const LIFTED: &str = "an order is lifted while a departure stands";
    pub const BESIDE: &str = "a change is on record, and its system leaves";
    pub const REFUSED: &str = "a change is approved, and its system leaves";
    pub const TWO: &str = "two volumes are on record, one after the other";
    pub const PAUSED: &str = "an operator is paused before it does what cannot be undone";

    pub fn property(name: &'static str) -> Property<Machine> {
        let condition = match name {
            CLOSED => closed,
            WITHDRAWN => withdrawn,
            HELD => held,
            LIFTED => lifted,
            BESIDE => beside,
            REFUSED => refused,
            TWO => two,
            _ => paused,
        };
        Property::sometimes(name, condition)
    }

    fn closed(machine: &Machine, world: &World) -> bool {
        stop::closed(machine.mind().book.record(world.record())).is_some()
    }

    fn withdrawn(machine: &Machine, world: &World) -> bool {
        let mind = machine.mind();
        let departures = &mind.book.record(world.record()).departures;
        let back = |verdict: Verdict| {
            let by = departures.iter().filter_map(|leaving| leaving.withdrawn.as_ref());
            by.flat_map(|by| &by.decisions).any(|decision| decision.verdict == verdict)
        };
        back(Verdict::Withdraw)
    }

    fn held(machine: &Machine, world: &World) -> bool {
        let mind = machine.mind();
        let spec = mind.book.record(world.record());
        let begun = stop::leaving(spec).is_some_and(|leaving| leaving.wipe.as_ref().is_some_and(|w| w.done.is_none()));
        begun && stop::suspended(spec).is_some() && world.site.jobs[2..].iter().all(|job| *job == Job::None)
    }

    fn lifted(machine: &Machine, world: &World) -> bool {
        let mind = machine.mind();
        let spec = mind.book.record(world.record());
        spec.suspensions.iter().any(|s| s.lifted.is_some()) && stop::leaving(spec).is_some()
    }

    fn beside(machine: &Machine, world: &World) -> bool {
        let mind = machine.mind();
        let spec = mind.book.record(world.record());
        spec.grants.len() > 1 && stop::leaving(spec).is_some_and(|leaving| leaving.offline_at.is_some())
    }

    fn refused(machine: &Machine, world: &World) -> bool {
        let mind = machine.mind();
        let spec = mind.book.record(world.record());
        settle::waits(world) && spec.grants.len() == 1 && stop::leaving(spec).is_some()
    }

    fn two(machine: &Machine, world: &World) -> bool {
        let mind = machine.mind();
        let spec = mind.book.record(world.record());
        (1..=2).all(|volume| must::is_accounted(&mind.book, world.record(), volume)) && !spec.departures.is_empty()
    }

    fn paused(_: &Machine, world: &World) -> bool {
        matches!(world.paused, Hand::Acts { .. } | Hand::Puts { .. })
    }
}

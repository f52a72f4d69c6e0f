//! The model of the changes: states, steps and properties, for stateright to explore.

use super::super::setup::Fence;
use super::super::world::{By, Domain, Id, Stage, Status, Vote};
use super::book::{Book, Question};
use super::invariants as must;
use super::operator::{self, Leads};
use super::people::{self, question};
use super::settle;
use super::setup::{CHANGES, Setup};
use super::world::{Change, Commit, Keep, Pass, Step, World, slot_of};
use crate::{Explored, fence, lists::NOTHING};
use stateright::{Model, Property};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The machine: a setup, the book, and what was worked out about states before.
pub struct Machine {
    setup: Setup,
    fence: [bool; 2],
    cut: AtomicBool,
    mind: Mutex<Mind>,
}

struct Mind {
    book: Book,
    votes: HashMap<Question, Arc<Vec<Vote>>>,
    leads: HashMap<Question, Arc<Leads>>,
    ends: HashMap<World, Broken>,
    grants: HashMap<World, Broken>,
    changes: HashMap<Question, Broken>,
    /// The state that was judged last: each invariant asks about the same one.
    last: Option<(World, Broken)>,
}

/// The invariants that do not hold.
type Broken = Vec<&'static str>;

fn failing<const N: usize>(judged: [(&'static str, bool); N]) -> impl Iterator<Item = &'static str> {
    judged.into_iter().filter(|(_, holds)| !holds).map(|(name, _)| name)
}

impl Machine {
    pub fn new(setup: Setup) -> Self {
        let mind = Mind {
            book: Book::new(setup),
            votes: HashMap::new(),
            leads: HashMap::new(),
            ends: HashMap::new(),
            grants: HashMap::new(),
            changes: HashMap::new(),
            last: None,
        };
        Self { setup, fence: fence::lets_pass(), cut: AtomicBool::new(false), mind: Mutex::new(mind) }
    }

    fn mind(&self) -> MutexGuard<'_, Mind> {
        self.mind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a write of theirs leaves the process: the leader's claim is current, that of the paused one is over.
    fn passes(&self, by: By) -> bool {
        self.setup.fence == Fence::Down || self.fence[usize::from(by == By::Leader)]
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
        let mut broken = self.of_grants(mind, world);
        for question in (0..CHANGES).filter_map(|slot| question(world, slot_of(slot))) {
            broken.extend(Self::of_change(mind, question));
        }
        let here = [
            (must::LOCKED, must::locked(&mind.book, world)),
            (must::USED, must::in_use(world)),
            (must::ROOM, must::room(&self.setup, world)),
        ];
        broken.extend(failing(here));
        let rest = world.at_rest();
        if !mind.ends.contains_key(&rest) {
            let end = settle::end(&self.setup, &mut mind.book, &rest);
            mind.ends.insert(rest, end);
        }
        broken.extend(mind.ends.get(&rest).into_iter().flatten());
        broken
    }

    /// Judgements on what is granted and reserved.
    fn of_grants(&self, mind: &mut Mind, world: &World) -> Broken {
        let idle = World { late: None, paused: None, ..world.dead() };
        let none = idle.changes.map(|_| None);
        let nothing = Domain { committed: 0, ..world.domain };
        let quotas = idle.quotas.map(|_| super::world::Quota { hard: 0, used: 0 });
        let key = World { changes: none, domain: nothing, seen: idle.systems, quotas, ..idle };
        if let Some(known) = mind.grants.get(&key) {
            return known.clone();
        }
        let book = &mind.book;
        let broken: Broken = failing([
            (must::AUTHORITY, must::granted_by_authority(book, world)),
            (must::BASIS, must::on_its_basis(book, world)),
            (must::ONCE, must::once(book, world)),
            (must::WINDOW, must::windows_count(book, world)),
            (must::CAPACITY, must::fits(&self.setup, book, world)),
            (must::CHARGE, must::charged_by_signature(book, world)),
        ])
        .collect();
        mind.grants.insert(key, broken.clone());
        broken
    }

    /// Judgements on what counts on a change as it stands.
    fn of_change(mind: &mut Mind, question: Question) -> Broken {
        if let Some(known) = mind.changes.get(&question) {
            return known.clone();
        }
        let outline = mind.book.outline(question);
        let broken: Broken = failing([
            (must::ROLES, must::one_role_each(&mut mind.book, question, &outline)),
            (must::SEEN, must::seen(&mind.book, question, &outline)),
            (must::BACK, must::goes_back(&mind.book, question, &outline)),
        ])
        .collect();
        mind.changes.insert(question, broken.clone());
        broken
    }

    fn votes(mind: &mut Mind, setup: &Setup, question: Question) -> Arc<Vec<Vote>> {
        if let Some(known) = mind.votes.get(&question) {
            return Arc::clone(known);
        }
        let votes = Arc::new(people::votes(setup, &mut mind.book, question));
        mind.votes.insert(question, Arc::clone(&votes));
        votes
    }

    fn leads(mind: &mut Mind, setup: &Setup, question: Question) -> Arc<Leads> {
        if let Some(known) = mind.leads.get(&question) {
            return Arc::clone(known);
        }
        let leads = Arc::new(operator::leads(setup, &mut mind.book, question));
        mind.leads.insert(question, Arc::clone(&leads));
        leads
    }
}

/// Live systems, and changes for which some of the course is done.
pub fn begin(setup: &Setup, book: &mut Book) -> World {
    let systems = book.begin();
    let mut world = World {
        changes: setup.contents.map(|content| content.map(|content| Change { content, status: Status::default() })),
        decisions: [NOTHING; CHANGES],
        late: None,
        systems: systems.map(|(system, _)| system),
        written: [0; 2],
        quotas: systems.map(|(_, quota)| quota),
        domain: Domain { committed: 2, ..Domain::default() },
        clock: setup.ticks[0],
        seen: systems.map(|(system, _)| system),
        commits: [Commit::Idle; CHANGES],
        keeps: [Keep::Idle; 2],
        pass: Pass::Idle,
        paused: None,
    };
    for slot in (0..CHANGES).map(slot_of) {
        let at = usize::from(slot);
        while book.length(world.decisions[at]) < setup.before[at] {
            let Some(question) = question(&world, slot) else { break };
            let there = book.votes(question.decisions);
            let votes = people::votes(setup, book, question);
            let next = votes.into_iter().find(|vote| {
                vote.verdict == vote.gate.agreement() && !there.iter().any(|v| v.who == vote.who && v.role != vote.role)
            });
            let Some(vote) = next else { break };
            people::decide(book, &mut world, slot, vote);
        }
    }
    world
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
        vec![begin(&self.setup, &mut self.mind().book)]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        let mut mind = self.mind();
        let mind = &mut *mind;
        people::steps(&self.setup, world, steps);
        let mut leads: [Option<Arc<Leads>>; CHANGES] = [const { None }; CHANGES];
        for slot in (0..CHANGES).map(slot_of) {
            let Some(question) = question(world, slot) else { continue };
            let votes = Self::votes(mind, &self.setup, question);
            steps.extend(votes.iter().map(|vote| Step::Decides { slot, vote: *vote }));
            if self.setup.late && world.late.is_none() {
                steps.extend(votes.iter().map(|vote| Step::Reads { slot, vote: *vote }));
            }
            let seen = operator::seen(world, slot).unwrap_or(question);
            leads[usize::from(slot)] = Some(Self::leads(mind, &self.setup, seen));
        }
        let leads = leads.each_ref().map(|leads| leads.as_deref());
        operator::steps(&self.setup, &mut mind.book, world, &leads, steps);
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut mind = self.mind();
        let by_people = people::step(&self.setup, &mut mind.book, world, step);
        let next =
            by_people.or_else(|| operator::step(&self.setup, &|by| self.passes(by), &mut mind.book, world, step));
        let next = next.map(|next| if self.setup.stale { next } else { World { seen: next.systems, ..next } });
        next.filter(|next| next != world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(must::AUTHORITY, |m: &Self, w| m.keeps(must::AUTHORITY, w)),
            Property::always(must::BASIS, |m, w| m.keeps(must::BASIS, w)),
            Property::always(must::ONCE, |m, w| m.keeps(must::ONCE, w)),
            Property::always(must::WINDOW, |m, w| m.keeps(must::WINDOW, w)),
            Property::always(must::CAPACITY, |m, w| m.keeps(must::CAPACITY, w)),
            Property::always(must::CHARGE, |m, w| m.keeps(must::CHARGE, w)),
            Property::always(must::ROLES, |m, w| m.keeps(must::ROLES, w)),
            Property::always(must::SEEN, |m, w| m.keeps(must::SEEN, w)),
            Property::always(must::BACK, |m, w| m.keeps(must::BACK, w)),
            Property::always(must::LOCKED, |m, w| m.keeps(must::LOCKED, w)),
            Property::always(must::USED, |m, w| m.keeps(must::USED, w)),
            Property::always(must::ROOM, |m, w| m.keeps(must::ROOM, w)),
            Property::always(must::EXIT, |m, w| m.keeps(must::EXIT, w)),
            Property::always(must::REPLAY, |m, w| m.keeps(must::REPLAY, w)),
            Property::always(must::FOLLOWS, |m, w| m.keeps(must::FOLLOWS, w)),
            Property::always(must::LAST, |m, w| m.keeps(must::LAST, w)),
        ];
        properties.extend(self.setup.comes_about.iter().map(|name| comes_about::property(name)));
        properties
    }

    fn within_boundary(&self, world: &World) -> bool {
        let within = world.domain.reserved().count() < crate::world::RESERVATIONS
            && world.systems.iter().zip(world.written).all(|(_, written)| written <= 4);
        self.cut.fetch_or(!within, Ordering::Relaxed);
        within
    }
}

/// What should come about in a run, or the run explores less than it claims.
pub mod comes_about {
    use super::{Commit, Id, Keep, Machine, Stage, World};
    use stateright::Property;

    pub const ALL: &str = "every change is on record";
    pub const SHORT: &str = "one is on record and the other finds no room";
    pub const MOVED: &str = "a change is locked, and its system moves on under it";
    pub const AGAIN: &str = "a change that went back is filed again and goes on record";
    pub const OVER: &str = "a window ends while its change is put on record";
    pub const HELD: &str = "more is in use than is granted, and the quota stays at that";
    pub const FREED: &str = "what was in use beyond the grant is free, and another has it";
    pub const PAUSED: &str = "an operator is paused in the middle of a commit";
    pub const SIGNED: &str = "a major change is signed";

    pub fn property(name: &'static str) -> Property<Machine> {
        let condition = match name {
            ALL => all,
            SHORT => short,
            MOVED => moved,
            AGAIN => again,
            OVER => over,
            HELD => held,
            FREED => freed,
            SIGNED => signed,
            _ => paused,
        };
        Property::sometimes(name, condition)
    }

    fn all(_: &Machine, world: &World) -> bool {
        let there = world.changes.iter().flatten().count();
        usize::from(world.written.iter().sum::<u8>()) == there
    }

    fn short(_: &Machine, world: &World) -> bool {
        let told = world.commits.iter().any(|commit| {
            matches!(commit, Commit::Reporting { status, .. } if !status.committed && status.stage == Stage::Approved)
        });
        told && world.written != [0; 2]
    }

    fn moved(_: &Machine, world: &World) -> bool {
        world.commits.iter().any(|commit| matches!(commit, Commit::Granting { grant: Some(_), current: false, .. }))
    }

    fn again(machine: &Machine, world: &World) -> bool {
        let mind = machine.mind();
        let grants = world.systems.iter().flat_map(|s| &mind.book.record(s.record).grants);
        let refiled = |uid: &str| uid.starts_with('c') && crate::facts::place(uid).is_some_and(|place| place > 0);
        grants.into_iter().any(|g| refiled(&g.submission_uid))
    }

    fn over(machine: &Machine, world: &World) -> bool {
        let ends = |grant: Id| machine.mind().book.grant(grant).reservation.until.is_some();
        let grants = world.commits.iter().filter_map(|commit| match commit {
            Commit::Granting { grant, .. } => *grant,
            _ => None,
        });
        world.clock == 2 && grants.into_iter().any(ends)
    }

    fn held(machine: &Machine, world: &World) -> bool {
        let used = world.quotas[0].hard == world.quotas[0].used && world.keeps == [Keep::Idle; 2];
        used && super::must::holds_more(&machine.mind().book, world)
    }

    fn freed(_: &Machine, world: &World) -> bool {
        world.written == [1, 1] && world.quotas[1].hard == 3
    }

    fn signed(machine: &Machine, world: &World) -> bool {
        let mind = machine.mind();
        world.systems.iter().any(|s| !mind.book.record(s.record).agreements.is_empty())
    }

    fn paused(_: &Machine, world: &World) -> bool {
        matches!(world.paused, Some((_, Commit::Granting { .. })))
    }
}

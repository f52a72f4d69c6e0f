//! The model: states, steps and properties, for stateright to explore.

use super::book::{Book, Question};
use super::invariants as must;
use super::operator::{self, Leads};
use super::people::{self, question};
use super::rules::{Gate, Person};
use super::settle::{self, End};
use super::setup::{Fence, Setup};
use super::world::{By, Commit, Request, Stage, Status, Step, Vote, World};
use stateright::{Model, Property};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use yunguan::api::InformationSystemSpec;
use yunguan::api::cloud_resource_request::Phase;

/// The machine: a setup, the book, and what was worked out about states before.
pub struct Machine {
    pub setup: Setup,
    fence: [bool; 2],
    /// Whether a state was left out because the model cannot count so far.
    cut: AtomicBool,
    mind: Mutex<Mind>,
}

struct Mind {
    book: Book,
    menus: HashMap<Question, Arc<Menu>>,
    ends: HashMap<World, End>,
    grants: HashMap<(World, &'static str), bool>,
    requests: HashMap<Question, [bool; 2]>,
}

/// What can be done about a request.
struct Menu {
    votes: Vec<Vote>,
    leads: Leads,
}

impl Machine {
    pub fn new(setup: Setup) -> Self {
        let mind = Mind {
            book: Book::new(setup),
            menus: HashMap::new(),
            ends: HashMap::new(),
            grants: HashMap::new(),
            requests: HashMap::new(),
        };
        Self { setup, fence: super::fence::lets_pass(), cut: AtomicBool::new(false), mind: Mutex::new(mind) }
    }

    fn mind(&self) -> MutexGuard<'_, Mind> {
        self.mind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a write of theirs leaves the process: the leader's claim is current, that of the paused one is over.
    fn passes(&self, by: By) -> bool {
        self.setup.fence == Fence::Down || self.fence[usize::from(by == By::Leader)]
    }

    /// The systems that stand when the run begins.
    pub fn records(&self) -> Vec<InformationSystemSpec> {
        let world = self.begin();
        let mind = self.mind();
        must::each_system(&world).map(|system| mind.book.grant(system.grant).system.clone()).collect()
    }

    /// A world in which some of the standard course is done.
    fn begin(&self) -> World {
        let mut mind = self.mind();
        let mut world = operator::empty();
        for slot in 0..2_u8 {
            let at = usize::from(slot);
            let Some(content) = self.setup.contents[at] else { continue };
            world.requests[at] = Some(Request::new(1, content));
            world.born[at] = 1;
            while mind.book.length(world.decisions[at]) < self.setup.before[at] {
                let Some(question) = question(&self.setup, &world, slot) else { break };
                let Some(vote) = self.next_vote(&mut mind, question) else { break };
                people::decide(&mut mind.book, &mut world, slot, vote);
            }
        }
        let opened = self.setup.opened.then(|| settle::rest(&self.setup, &mut mind.book, &world)).flatten();
        opened.unwrap_or(world)
    }

    /// The next decision of the standard course: the first who may, and has no other role.
    fn next_vote(&self, mind: &mut Mind, question: Question) -> Option<Vote> {
        let votes = people::votes(&self.setup, &mut mind.book, question);
        let there = mind.book.votes(question.decisions);
        votes.into_iter().find(|vote| {
            let other = |of: &Vote| of.who == vote.who && of.role != vote.role;
            let twice = |of: &Vote| of.who == vote.who && of.gate == vote.gate;
            vote.verdict == vote.gate.agreement()
                && vote.who.holds(vote.role)
                && vote.gate != Gate::Withdrawal
                && (vote.gate != Gate::Submission || there.is_empty())
                // Li is the only one of the agency.
                && (vote.who != Person::Li || vote.gate != Gate::Completeness)
                && !there.iter().any(|of| other(of) || twice(of))
        })
    }

    fn next(&self, mind: &mut Mind, world: &World, step: Step) -> Option<World> {
        let by_people = people::step(&self.setup, &mut mind.book, world, step);
        by_people.or_else(|| operator::step(&self.setup, &|by| self.passes(by), &mut mind.book, world, step))
    }

    /// What becomes of a state if everybody stops.
    fn end(&self, world: &World) -> End {
        let mut mind = self.mind();
        let rest = world.at_rest();
        if let Some(known) = mind.ends.get(&rest) {
            return *known;
        }
        let end = settle::end(&self.setup, &mut mind.book, &rest);
        mind.ends.insert(rest, end);
        end
    }

    /// A judgement on what is granted, which depends on nothing but the systems and the decisions.
    fn of_grants(&self, name: &'static str, world: &World, judge: fn(&Setup, &Book, &World) -> bool) -> bool {
        if world.systems == [None; 2] {
            return true;
        }
        let mut mind = self.mind();
        let key = World { systems: world.systems, decisions: world.decisions, ..operator::empty() };
        if let Some(known) = mind.grants.get(&(key, name)) {
            return *known;
        }
        let holds = judge(&self.setup, &mind.book, world);
        mind.grants.insert((key, name), holds);
        holds
    }

    /// Judgements on what counts on a request as it stands: of the roles, and of what was seen.
    fn of_requests(&self, world: &World, which: usize) -> bool {
        let mut mind = self.mind();
        let mut holds = true;
        for question in must::questions(&self.setup, world) {
            let known = mind.requests.get(&question).copied();
            let judged = known.unwrap_or_else(|| {
                let outline = mind.book.outline(question);
                let roles = must::one_role_each(&mut mind.book, question, &outline);
                [roles, must::seen(&self.setup, &mind.book, question, &outline)]
            });
            mind.requests.insert(question, judged);
            holds &= judged[which];
        }
        holds
    }

    fn phase(&self, world: &World, slot: u8) -> Option<Phase> {
        let question = question(&self.setup, world, slot)?;
        Some(self.mind().book.outline(question).phase)
    }

    fn fits(&self, world: &World) -> bool {
        must::fits(&self.mind().book, world)
    }

    fn menu(mind: &mut Mind, setup: &Setup, question: Question) -> Arc<Menu> {
        if let Some(known) = mind.menus.get(&question) {
            return Arc::clone(known);
        }
        let votes = people::votes(setup, &mut mind.book, question);
        let menu = Arc::new(Menu { votes, leads: operator::leads(&mut mind.book, question) });
        mind.menus.insert(question, Arc::clone(&menu));
        menu
    }
}

impl crate::Explored for Machine {
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
        let mind = &mut *mind;
        people::steps(&self.setup, world, steps);
        let mut menus = [None, None];
        for slot in 0..2_u8 {
            let Some(question) = question(&self.setup, world, slot) else { continue };
            let menu = Self::menu(mind, &self.setup, question);
            steps.extend(menu.votes.iter().map(|vote| Step::Decides { slot, vote: *vote }));
            if self.setup.late && world.late.is_none() {
                steps.extend(menu.votes.iter().map(|vote| Step::Reads { slot, vote: *vote }));
            }
            menus[usize::from(slot)] = Some(menu);
        }
        let leads = [&menus[0], &menus[1]].map(|menu| menu.as_ref().map(|menu| &menu.leads));
        operator::steps(&self.setup, &mut mind.book, world, leads, steps);
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut mind = self.mind();
        self.next(&mut mind, world, step).filter(|next| next != world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(must::AUTHORITY, |m: &Self, w| {
                m.of_grants(must::AUTHORITY, w, must::granted_by_authority)
            }),
            Property::always(must::CHARGE, |m, w| {
                m.of_grants(must::CHARGE, w, |_, b, w| must::charged_by_signature(b, w))
            }),
            Property::always(must::CAPACITY, Self::fits),
            Property::always(must::ROLES, |m, w| m.of_requests(w, 0)),
            Property::always(must::SEEN, |m, w| {
                m.of_requests(w, 1) && m.of_grants(must::SEEN, w, must::granted_as_seen)
            }),
            Property::always(must::EXIT, |m, w| m.end(w).exits),
            Property::always(must::REPLAY, |m, w| m.end(w).rests),
            Property::always(must::CODE, |m, w| must::one_a_code(&m.mind().book, w)),
            Property::always(must::KEPT, |_, w| must::kept(w)),
            Property::always(must::LOCKED, |m, w| must::locked(&m.mind().book, w)),
        ];
        properties.extend(self.setup.comes_about.iter().map(|name| comes_about::property(name)));
        properties
    }

    fn within_boundary(&self, world: &World) -> bool {
        let within = world.domain.committed <= 4 && world.domain.reserved().count() < super::world::RESERVATIONS;
        self.cut.fetch_or(!within, Ordering::Relaxed);
        within
    }
}

/// What should come about in a run, or the run explores less than it claims.
pub mod comes_about {
    use super::{Commit, Machine, Phase, Stage, Status, World};
    use stateright::Property;

    pub const BOTH: &str = "both are granted";
    pub const SHORT: &str = "one is granted and the other finds no room";
    pub const LIVE: &str = "a system goes live";
    pub const ADOPTED: &str = "a request that was made again goes on where its system stands";
    pub const PAUSED: &str = "an operator is paused in the middle of a commit";

    pub fn property(name: &'static str) -> Property<Machine> {
        let condition = match name {
            BOTH => both,
            SHORT => short,
            LIVE => live,
            ADOPTED => adopted,
            _ => paused,
        };
        Property::sometimes(name, condition)
    }

    pub fn both(_: &Machine, world: &World) -> bool {
        world.systems.iter().all(Option::is_some)
    }

    pub fn short(_: &Machine, world: &World) -> bool {
        let told = |slot: usize| {
            matches!(
                world.commits[slot],
                Commit::Reporting { status: Status { committed: false, stage: Stage::Approved, .. }, .. }
            )
        };
        let granted = |slot: usize| world.systems[slot].is_some();
        (granted(0) && told(1)) || (granted(1) && told(0))
    }

    pub fn live(_: &Machine, world: &World) -> bool {
        world.systems.iter().flatten().any(|s| s.live.is_some())
    }

    pub fn adopted(machine: &Machine, world: &World) -> bool {
        (0..2_u8).any(|slot| {
            let again = world.requests[usize::from(slot)].is_some_and(|r| r.incarnation > 1);
            again && matches!(machine.phase(world, slot), Some(Phase::Provisioning | Phase::Trial | Phase::Live))
        })
    }

    pub fn paused(_: &Machine, world: &World) -> bool {
        matches!(world.paused, Some((_, Commit::Creating { .. })))
    }
}

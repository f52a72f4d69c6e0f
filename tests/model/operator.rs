//! What an operator does, call by call, as `controllers::request`, `controllers::request::commit` and
//! `controllers::domain` do it. What they decide is asked of the core; only the calls to the API are played.

use super::book::{Book, Question, Room};
use super::bugs::Bug;
use super::lists::NOTHING;
use super::people::rival;
use super::setup::{Fence, Setup};
use super::world::{By, Commit, Id, Pass, Place, Request, Stage, Status, Step, System, World};

/// The system as a cache may still have it: as it is, or as it was.
pub fn views(system: Option<System>) -> Vec<Option<System>> {
    let Some(system) = system else { return vec![None] };
    let granted = System { provisioned: false, live: None, ..system };
    let opened = System { live: None, ..system };
    let mut views = vec![Some(system)];
    for older in [Some(opened), Some(granted), None] {
        if !views.contains(&older) {
            views.push(older);
        }
    }
    views
}

/// What caches, however old, can lead an operator to do about a request.
#[derive(Debug)]
pub struct Leads {
    /// That there is something to commit: it reads everything afresh.
    pub commits: bool,
    /// The statuses that it can write.
    pub shows: Vec<Status>,
}

pub fn leads(book: &mut Book, question: Question) -> Leads {
    let mut leads = Leads { commits: false, shows: Vec::new() };
    for decisions in book.earlier(question.decisions) {
        for system in views(question.system) {
            for rival in rivals(question.rival) {
                let outline = book.outline(Question { decisions, system, rival, ..question });
                let status = outline.status();
                if outline.grant.is_some() || outline.live.is_some() {
                    leads.commits = true;
                } else if !leads.shows.contains(&status) {
                    leads.shows.push(status);
                }
            }
        }
    }
    leads
}

/// The other request for the same code as a cache may have it.
fn rivals(rival: Option<Place>) -> impl Iterator<Item = Option<Place>> {
    [rival].into_iter().chain(rival.is_some().then_some(None))
}

/// The steps of one commit.
pub fn commit_steps(setup: &Setup, book: &mut Book, world: &World, by: By, slot: u8, steps: &mut Vec<Step>) {
    let known = 0..=world.systems_there();
    match world.commit_of(by, slot) {
        // What is read is what stands now; some bugs take it from a cache.
        Commit::Read { .. } => {
            let system = world.systems[usize::from(setup.object(slot))];
            let seen = if setup.has(Bug::ReservesAgain) { views(system) } else { vec![system] };
            steps.extend(seen.into_iter().map(|system| Step::Finds { by, slot, system }));
        }
        Commit::Found { .. } => {
            let decisions = world.decisions[usize::from(slot)];
            let lists = if setup.has(Bug::Cached) { book.earlier(decisions) } else { vec![decisions] };
            for decisions in lists {
                let rivals = rivals(rival(setup, world, slot));
                steps.extend(rivals.map(|rival| Step::Lists { by, slot, decisions, rival }));
            }
        }
        Commit::Approved { .. } if !is_locked(setup, world, by) => {
            steps.extend(known.map(|known| Step::ReadsDomain { by, slot, known }));
        }
        Commit::Idle | Commit::Approved { .. } => {}
        Commit::Reserving { .. } => steps.push(Step::Reserves { by, slot }),
        Commit::Recording { .. } => steps.push(Step::Records { by, slot }),
        Commit::Creating { .. } => steps.push(Step::Makes { by, slot }),
        Commit::Reporting { .. } => steps.push(Step::Reports { by, slot }),
        Commit::Charging { .. } => steps.push(Step::Charges { by, slot }),
    }
}

/// One commit at a time a domain, within a process; and none while its controller clears what is left over.
fn is_locked(setup: &Setup, world: &World, by: By) -> bool {
    by == By::Leader && (is_reserving(world) || (world.pass != Pass::Idle && !setup.has(Bug::ClearsUnlocked)))
}

fn is_reserving(world: &World) -> bool {
    world.commits.iter().any(|commit| matches!(commit, Commit::Reserving { .. }))
}

/// The steps of the leader, and of the operator before it, which was paused with one commit in its hands.
pub fn steps(setup: &Setup, book: &mut Book, world: &World, leads: [Option<&Leads>; 2], steps: &mut Vec<Step>) {
    for slot in 0..2_u8 {
        let at = usize::from(slot);
        commit_steps(setup, book, world, By::Leader, slot, steps);
        if world.commits[at] != Commit::Idle {
            steps.extend(setup.fails.then_some(Step::Fails { slot }));
            if setup.takes_over {
                steps.push(Step::TakesOver { slot });
            }
        } else if let (Some(leads), Some(request)) = (leads[at], world.requests[at]) {
            let unlocks = |status: &Status| request.status.committed && !status.committed && !setup.has(Bug::Unlocks);
            if leads.commits || leads.shows.iter().any(unlocks) {
                steps.push(Step::Starts { slot });
            }
            let shows = leads.shows.iter().filter(|status| **status != request.status && !unlocks(status));
            steps.extend(shows.map(|status| Step::Shows { slot, status: *status }));
        }
        if world.systems[at].is_some_and(|s| !s.provisioned) {
            steps.push(Step::Provisions { index: slot });
        }
    }
    match world.pass {
        Pass::Idle if setup.clears && world.domain.reserved().next().is_some() => {
            if setup.has(Bug::ClearsUnlocked) || !is_reserving(world) {
                steps.extend((0..=world.systems_there()).map(|known| Step::Surveys { known }));
            }
        }
        Pass::Idle => {}
        Pass::Looking { known, next, .. } => {
            let left = remaining(book, world, known).len();
            steps.push(if usize::from(next) < left { Step::Asks } else { Step::Settles });
            steps.extend(setup.fails.then_some(Step::FailsDomain));
        }
        Pass::Asking { .. } => {
            steps.push(Step::Searches);
            steps.extend(setup.fails.then_some(Step::FailsDomain));
        }
    }
    if setup.fails
        && world.commits != [Commit::Idle; 2]
        && (world.pass != Pass::Idle || !world.commits.contains(&Commit::Idle))
    {
        steps.push(Step::Crashes);
    }
    if let Some((slot, commit)) = world.paused {
        // What it reads leads to nothing unless it can write.
        if setup.fence == Fence::Down || writes_next(commit) {
            commit_steps(setup, book, world, By::Paused, slot, steps);
        }
    }
}

fn writes_next(commit: Commit) -> bool {
    !matches!(commit, Commit::Idle | Commit::Read { .. } | Commit::Found { .. } | Commit::Approved { .. })
}

/// The reservations that a pass has to look at.
fn remaining(book: &Book, world: &World, known: u8) -> Vec<Id> {
    let systems: Vec<System> = world.known_systems(known).collect();
    book.settled(&world.domain, &systems).reserved().collect()
}

/// The world after a step of an operator.
pub fn step(setup: &Setup, passes: &dyn Fn(By) -> bool, book: &mut Book, world: &World, step: Step) -> Option<World> {
    match step {
        Step::Finds { by, slot, .. }
        | Step::Lists { by, slot, .. }
        | Step::ReadsDomain { by, slot, .. }
        | Step::Reserves { by, slot }
        | Step::Records { by, slot }
        | Step::Makes { by, slot }
        | Step::Reports { by, slot }
        | Step::Charges { by, slot } => {
            let commit = world.commit_of(by, slot);
            if writes_next(commit) && !passes(by) {
                // Nothing was written, and nothing will be: the process ends.
                let mut next = *world;
                next.set_commit(by, slot, Commit::Idle);
                return Some(next);
            }
            Commitment { setup, book, by, slot }.step(world, commit, step)
        }
        Step::Surveys { .. } | Step::Asks | Step::Searches | Step::Settles => domain_step(setup, book, world, step),
        _ => simple_step(world, step),
    }
}

fn simple_step(world: &World, step: Step) -> Option<World> {
    let mut next = *world;
    match step {
        Step::Starts { slot } => {
            let Request { incarnation, content, status } = world.requests[usize::from(slot)]?;
            let committed = status.committed;
            next.commits[usize::from(slot)] = Commit::Read { incarnation, content, committed, fresh: true };
        }
        Step::Shows { slot, status } => {
            next.requests[usize::from(slot)].as_mut()?.status = status;
            next.age(world);
        }
        Step::Provisions { index } => {
            next.systems[usize::from(index)].as_mut()?.provisioned = true;
            next.age(world);
        }
        Step::Fails { slot } => next.commits[usize::from(slot)] = Commit::Idle,
        Step::FailsDomain => next.pass = Pass::Idle,
        Step::Crashes => (next.commits, next.pass) = ([Commit::Idle; 2], Pass::Idle),
        Step::TakesOver { slot } => {
            next.paused = Some((slot, world.commits[usize::from(slot)]));
            (next.commits, next.pass) = ([Commit::Idle; 2], Pass::Idle);
        }
        _ => return None,
    }
    Some(next)
}

/// A commit in somebody's hands.
struct Commitment<'a> {
    setup: &'a Setup,
    book: &'a mut Book,
    by: By,
    slot: u8,
}

impl Commitment<'_> {
    fn step(&mut self, world: &World, commit: Commit, step: Step) -> Option<World> {
        let at = usize::from(self.slot);
        let mut next = *world;
        let then = match (commit, step) {
            (Commit::Read { incarnation, content, committed, fresh }, Step::Finds { system, .. }) => {
                let index = self.setup.object(self.slot);
                let current = system == world.systems[usize::from(index)];
                Commit::Found { incarnation, content, committed, fresh, system, index, current }
            }
            (
                Commit::Found { incarnation, content, committed, fresh, system, index, current },
                Step::Lists { decisions, rival, .. },
            ) => {
                let slot = self.slot;
                let outline = self.book.outline(Question { slot, incarnation, content, decisions, system, rival });
                match (outline.grant, outline.live) {
                    (Some(grant), _) if self.setup.has(Bug::Unreserved) => held(grant, committed, fresh),
                    (Some(grant), _) => Commit::Approved { grant, committed, fresh },
                    (None, Some(live)) => Commit::Charging { live, index, current },
                    (None, None) => Commit::Reporting { status: outline.status(), fresh },
                }
            }
            (Commit::Approved { grant, committed, fresh }, Step::ReadsDomain { known, .. }) => {
                let systems: Vec<System> = world.known_systems(known).collect();
                match self.book.room(world.domain, &systems, grant) {
                    Room::Held => held(grant, committed, fresh),
                    Room::Reserved(_) => Commit::Reserving { grant, committed, fresh, known, current: true },
                    Room::Short => Commit::Reporting { status: self.approved(grant, false), fresh },
                    Room::Later => Commit::Idle,
                }
            }
            (Commit::Reserving { grant, committed, fresh, known, current }, Step::Reserves { .. }) => {
                let systems: Vec<System> = world.known_systems(known).collect();
                if current {
                    let Room::Reserved(domain) = self.book.room(world.domain, &systems, grant) else { return None };
                    next.domain = domain;
                } else if self.setup.has(Bug::DomainUnguarded) {
                    let reserved = world.domain.reserved().chain([grant]);
                    next.domain = world.domain.with(reserved, world.domain.committed);
                }
                if current || self.setup.has(Bug::DomainUnguarded) {
                    held(grant, committed, fresh)
                } else {
                    Commit::Idle
                }
            }
            (Commit::Recording { grant, fresh }, Step::Records { .. }) => {
                if fresh || self.setup.has(Bug::Cached) {
                    next.requests[at].as_mut()?.status = self.approved(grant, true);
                    Commit::Creating { grant, fresh: true }
                } else {
                    Commit::Idle
                }
            }
            (Commit::Creating { grant, fresh }, Step::Makes { .. }) => self.make(&mut next, grant, fresh),
            (Commit::Reporting { status, fresh }, Step::Reports { .. }) => {
                if let Some(request) = next.requests[at].as_mut().filter(|_| fresh) {
                    request.status = status;
                }
                Commit::Idle
            }
            (Commit::Charging { live, index, current }, Step::Charges { .. }) => {
                if let Some(system) = next.systems[usize::from(index)].as_mut().filter(|_| current) {
                    system.live = Some(live);
                }
                Commit::Idle
            }
            _ => return None,
        };
        next.age(world);
        next.set_commit(self.by, self.slot, then);
        Some(next)
    }

    /// The status of a request whose resources are approved.
    fn approved(&self, grant: Id, committed: bool) -> Status {
        Status { committed, shown: Some(self.book.grant(grant).filing), stage: Stage::Approved }
    }

    /// A name can be taken once; a system that is there with the same grant was made before.
    fn make(&mut self, next: &mut World, grant: Id, fresh: bool) -> Commit {
        let index = usize::from(self.setup.object(self.slot));
        if let Some(there) = next.systems[index] {
            let filing = |id: Id| &self.book.grant(id).taken.submission_uid;
            if filing(there.grant) != filing(grant) {
                return Commit::Idle;
            }
        } else {
            if next.systems_there() == 0 {
                next.first = u8::try_from(index).unwrap_or(0);
            }
            let live = self.setup.has(Bug::ChargesEarly).then(|| self.book.forged_live());
            next.systems[index] = Some(System { grant, provisioned: false, live });
            next.ever[index] = true;
        }
        let status = self.approved(grant, !self.setup.has(Bug::Unlocks));
        Commit::Reporting { status, fresh }
    }
}

/// Room is held: the request's status is next, unless it was found written.
fn held(grant: Id, committed: bool, fresh: bool) -> Commit {
    if committed { Commit::Creating { grant, fresh } } else { Commit::Recording { grant, fresh } }
}

/// A pass over the domain.
fn domain_step(setup: &Setup, book: &Book, world: &World, step: Step) -> Option<World> {
    let mut next = *world;
    next.pass = match (world.pass, step) {
        (Pass::Idle, Step::Surveys { known }) => Pass::Looking { known, next: 0, kept: 0 },
        (Pass::Looking { known, next, kept }, Step::Asks) => {
            let reservation = *remaining(book, world, known).get(usize::from(next))?;
            if stands(setup, book, world, reservation) {
                Pass::Looking { known, next: next + 1, kept: kept | (1 << next) }
            } else {
                Pass::Asking { known, next, kept }
            }
        }
        (Pass::Asking { known, next, kept }, Step::Searches) => {
            let reservation = *remaining(book, world, known).get(usize::from(next))?;
            let submission = &book.grant(reservation).taken.submission_uid;
            let granted = world.systems.iter().flatten();
            let granted = granted.into_iter().any(|s| book.grant(s.grant).taken.submission_uid == *submission);
            let kept = if granted { kept | (1 << next) } else { kept };
            Pass::Looking { known, next: next + 1, kept }
        }
        (Pass::Looking { known, kept, .. }, Step::Settles) => {
            let systems: Vec<System> = world.known_systems(known).collect();
            let settled = book.settled(&world.domain, &systems);
            let kept = settled.reserved().enumerate().filter(|(place, _)| kept & (1 << place) != 0).map(|(_, id)| id);
            next.domain = settled.with(kept, settled.committed);
            Pass::Idle
        }
        _ => return None,
    };
    if next.domain != world.domain {
        next.age(world);
        next.pass = Pass::Idle;
    }
    Some(next)
}

/// Whether a reservation may yet become a grant, by what this process does and what its request says.
fn stands(setup: &Setup, book: &Book, world: &World, reservation: Id) -> bool {
    if setup.has(Bug::KeepsDeadReservation) {
        return true;
    }
    let of = book.grant(reservation);
    let under_way = world.commits.iter().any(|commit| match commit {
        Commit::Approved { grant, .. }
        | Commit::Reserving { grant, .. }
        | Commit::Recording { grant, .. }
        | Commit::Creating { grant, .. } => book.grant(*grant).taken.submission_uid == of.taken.submission_uid,
        _ => false,
    });
    let asks = world.requests[usize::from(of.request.slot)].is_some_and(|request| {
        request.incarnation == of.request.incarnation
            && request.status.shown == Some(of.filing)
            && (request.status.stage == Stage::Approved || setup.has(Bug::KeepsEndedReservation))
    });
    under_way || asks
}

/// A world in which nothing has happened.
pub fn empty() -> World {
    World {
        requests: [None; 2],
        born: [0; 2],
        decisions: [NOTHING; 2],
        late: None,
        systems: [None; 2],
        ever: [false; 2],
        first: 0,
        domain: super::world::Domain::default(),
        commits: [Commit::Idle; 2],
        pass: Pass::Idle,
        paused: None,
    }
}

//! What an operator does about changes, call by call, as `controllers::change`, `controllers::change::commit`,
//! `controllers::system` and `controllers::domain` do it. What they decide is asked of the core and of `build`.

use super::super::bugs::Bug;
use super::super::setup::Fence;
use super::super::world::{By, Id, Stage, Status};
use super::book::{Book, Question, Room};
use super::people::question;
use super::setup::{CHANGES, SYSTEMS, Setup, ask};
use super::world::{Change, Commit, Keep, Pass, Step, World, slot_of};

/// What caches, however old, can lead an operator to do about a change.
#[derive(Debug)]
pub struct Leads {
    /// That there is something to commit: it reads everything afresh.
    pub commits: bool,
    /// The statuses that it can write.
    pub shows: Vec<Status>,
}

pub fn leads(setup: &Setup, book: &mut Book, question: Question) -> Leads {
    let mut leads = Leads { commits: false, shows: Vec::new() };
    let lists = if setup.stale { book.earlier(question.decisions) } else { vec![question.decisions] };
    for decisions in lists {
        let outline = book.outline(Question { decisions, ..question });
        let status = outline.status();
        if outline.record.is_some() {
            leads.commits = true;
        } else if !leads.shows.contains(&status) {
            leads.shows.push(status);
        }
    }
    leads
}

/// The next call of one commit.
pub fn commit_step(setup: &Setup, world: &World, by: By, slot: u8) -> Option<Step> {
    Some(match world.commit_of(by, slot) {
        Commit::Idle => return None,
        Commit::Read { .. } => Step::Finds { by, slot },
        Commit::Found { .. } => Step::Lists { by, slot },
        Commit::Approved { .. } if is_locked(setup, world, by) => return None,
        Commit::Approved { .. } => Step::ReadsDomain { by, slot },
        Commit::Reserving { .. } => Step::Reserves { by, slot },
        Commit::Recording { .. } => Step::Records { by, slot },
        Commit::Granting { .. } => Step::Grants { by, slot },
        Commit::Reporting { .. } => Step::Reports { by, slot },
    })
}

/// One commit at a time a domain, within a process; and none while its controller clears what is left over.
fn is_locked(setup: &Setup, world: &World, by: By) -> bool {
    by == By::Leader && (is_reserving(world) || (world.pass != Pass::Idle && !setup.has(Bug::ClearsUnlocked)))
}

fn is_reserving(world: &World) -> bool {
    world.commits.iter().any(|commit| matches!(commit, Commit::Reserving { .. }))
}

/// The steps of the leader, and of the operator before it, which was paused with one commit in its hands.
pub fn steps(setup: &Setup, book: &mut Book, world: &World, leads: &[Option<&Leads>; CHANGES], steps: &mut Vec<Step>) {
    for slot in (0..CHANGES).map(slot_of) {
        let at = usize::from(slot);
        let Some(change) = world.changes[at] else { continue };
        steps.extend(commit_step(setup, world, By::Leader, slot));
        if world.commits[at] != Commit::Idle {
            steps.extend(setup.fails.then_some(Step::Fails { slot }));
            steps.extend(setup.takes_over.then_some(Step::TakesOver { slot }));
        } else if let Some(leads) = leads[at] {
            let unlocks = |status: &Status| change.status.committed && !status.committed && !setup.has(Bug::Unlocks);
            if leads.commits || leads.shows.iter().any(unlocks) {
                steps.push(Step::Starts { slot });
            }
            let shows = leads.shows.iter().filter(|status| **status != change.status && !unlocks(status));
            steps.extend(shows.map(|status| Step::Shows { slot, status: *status }));
        }
    }
    for index in (0..SYSTEMS).map(slot_of) {
        let at = usize::from(index);
        steps.extend((world.seen[at] != world.systems[at]).then_some(Step::Sees { index }));
        steps.extend(keep_step(setup, book, world, index));
        if setup.fails && world.keeps[at] != Keep::Idle {
            steps.push(Step::FailsSystem { index });
        }
    }
    steps.extend(pass_step(setup, book, world));
    if setup.fails && world.pass != Pass::Idle {
        steps.push(Step::FailsDomain);
    }
    if setup.fails && world.in_hands() > 1 {
        steps.push(Step::Crashes);
    }
    if let Some((slot, commit)) = world.paused {
        // What it reads leads to nothing unless it can write.
        if setup.fence == Fence::Down || commit.writes_next() {
            steps.extend(commit_step(setup, world, By::Paused, slot));
        }
    }
}

/// The next call of a system's controller. One whose cache says that all is well does nothing.
pub fn keep_step(setup: &Setup, book: &mut Book, world: &World, index: u8) -> Option<Step> {
    let at = usize::from(index);
    match world.keeps[at] {
        Keep::Idle => {
            let system = world.seen[at];
            let (hard, shown) = book.keep(system.record, world.quotas[at], world.clock);
            (setup.quotas && (hard != world.quotas[at].hard || shown != system.shown)).then_some(Step::Looks { index })
        }
        Keep::Setting { .. } => Some(Step::Sets { index }),
        Keep::Telling { .. } => Some(Step::Tells { index }),
    }
}

/// The next call of the domain's controller.
pub fn pass_step(setup: &Setup, book: &Book, world: &World) -> Option<Step> {
    match world.pass {
        Pass::Idle => {
            let may = setup.has(Bug::ClearsUnlocked) || !is_reserving(world);
            (setup.clears && may && world.domain.reserved().next().is_some()).then_some(Step::Surveys)
        }
        Pass::Looking { known, next, .. } => {
            let left = book.settled(&world.domain, &known).reserved().count();
            Some(if usize::from(next) < left { Step::Asks } else { Step::Settles })
        }
        Pass::Asking { .. } => Some(Step::Searches),
    }
}

/// The world after a step of an operator.
pub fn step(setup: &Setup, passes: &dyn Fn(By) -> bool, book: &mut Book, world: &World, step: Step) -> Option<World> {
    match step {
        Step::Finds { by, slot }
        | Step::Lists { by, slot }
        | Step::ReadsDomain { by, slot }
        | Step::Reserves { by, slot }
        | Step::Records { by, slot }
        | Step::Grants { by, slot }
        | Step::Reports { by, slot } => {
            let commit = world.commit_of(by, slot);
            if commit.writes_next() && !passes(by) {
                // Nothing was written, and nothing will be: the process ends.
                let mut next = *world;
                next.set_commit(by, slot, Commit::Idle);
                return Some(next);
            }
            Commitment { setup, book, by, slot }.step(world, commit)
        }
        Step::Looks { index } | Step::Sets { index } | Step::Tells { index } => Some(keep(setup, book, world, index)),
        Step::Surveys | Step::Asks | Step::Searches | Step::Settles => domain_step(setup, book, world, step),
        _ => simple_step(book, world, step),
    }
}

fn simple_step(book: &Book, world: &World, step: Step) -> Option<World> {
    let mut next = *world;
    match step {
        Step::Starts { slot } => {
            let Change { content, status } = world.changes[usize::from(slot)]?;
            let committed = status.committed;
            next.commits[usize::from(slot)] = Commit::Read { content, committed, fresh: true };
        }
        Step::Shows { slot, status } => {
            next.changes[usize::from(slot)].as_mut()?.status = status;
            next.age(world);
        }
        Step::Sees { index } => next.seen[usize::from(index)] = world.systems[usize::from(index)],
        Step::Fails { slot } => next.commits[usize::from(slot)] = Commit::Idle,
        Step::FailsDomain => next.pass = Pass::Idle,
        Step::FailsSystem { index } => next.keeps[usize::from(index)] = Keep::Idle,
        Step::Crashes => next = world.dead(),
        Step::TakesOver { slot } => {
            next = world.dead();
            next.paused = Some((slot, world.commits[usize::from(slot)]));
            // Its cache may have fallen behind long ago.
            next.seen = book.first();
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
    /// The world after its next call.
    fn step(&mut self, world: &World, commit: Commit) -> Option<World> {
        let at = usize::from(self.slot);
        let mut next = *world;
        let then = match commit {
            Commit::Idle => return None,
            Commit::Read { content, committed, fresh } => {
                let record = world.systems[usize::from(ask(self.slot, content).system)].record;
                Commit::Found { content, committed, fresh, record, current: true }
            }
            Commit::Found { content, committed, fresh, record, current } => {
                let (slot, decisions, clock) = (self.slot, world.decisions[at], world.clock);
                let outline = self.book.outline(Question { slot, content, decisions, record, clock });
                let status = outline.status();
                match (outline.grant, outline.record) {
                    (Some(grant), Some(record)) if self.setup.has(Bug::Unreserved) => {
                        self.held(grant, record, committed, fresh, current)
                    }
                    (Some(grant), Some(record)) => Commit::Approved { grant, record, committed, fresh, current },
                    (None, Some(record)) => Commit::Granting { grant: None, record, fresh, current, status },
                    _ => Commit::Reporting { status, fresh },
                }
            }
            Commit::Approved { grant, record, committed, fresh, current } => {
                match self.book.room(world.domain, world.seen, grant, world.clock) {
                    Room::Held => self.held(grant, record, committed, fresh, current),
                    Room::Reserved(domain) => {
                        Commit::Reserving { grant, record, committed, fresh, current, domain, guard: true }
                    }
                    Room::Short => Commit::Reporting { status: self.approved(grant, false), fresh },
                    Room::Later => Commit::Idle,
                }
            }
            Commit::Reserving { grant, record, committed, fresh, current, domain, guard } => {
                if guard {
                    next.domain = domain;
                } else if self.setup.has(Bug::DomainUnguarded) {
                    next.domain = world.domain.with(world.domain.reserved().chain([grant]), world.domain.committed);
                } else {
                    next.set_commit(self.by, self.slot, Commit::Idle);
                    return Some(next);
                }
                self.held(grant, record, committed, fresh, current)
            }
            Commit::Recording { grant, record, fresh, current } => {
                let status = self.approved(grant, true);
                if fresh || self.setup.has(Bug::TextUnguarded) {
                    next.changes[at].as_mut()?.status = status;
                    Commit::Granting { grant: Some(grant), record, fresh: true, current, status }
                } else {
                    Commit::Idle
                }
            }
            Commit::Granting { grant, record, fresh, current, status } => {
                let index = usize::from(ask(self.slot, world.changes[at]?.content).system);
                let system = &mut next.systems[index];
                if current || self.setup.has(Bug::RecordUnguarded) {
                    system.record = record;
                } else if self.setup.has(Bug::BasisUnchecked) {
                    // It knows nothing of what it was worked out against, so it adds what it has.
                    system.record = self.book.graft(record, system.record);
                } else {
                    next.set_commit(self.by, self.slot, Commit::Idle);
                    return Some(next);
                }
                next.written[index] += u8::from(grant.is_some());
                let committed = status.committed && !self.setup.has(Bug::Unlocks);
                Commit::Reporting { status: Status { committed, ..status }, fresh }
            }
            Commit::Reporting { status, fresh } => {
                if let Some(change) = next.changes[at].as_mut().filter(|_| fresh) {
                    let keeps = self.setup.has(Bug::StaysLocked) && change.status.committed;
                    change.status = Status { committed: status.committed || keeps, ..status };
                }
                Commit::Idle
            }
        };
        next.age(world);
        next.set_commit(self.by, self.slot, then);
        Some(next)
    }

    /// The status of a change that is approved.
    fn approved(&self, grant: Id, committed: bool) -> Status {
        Status { committed, shown: Some(self.book.grant(grant).filing), stage: Stage::Approved }
    }

    /// Room is held: the change's status is next, unless it was found written.
    fn held(&self, grant: Id, record: Id, committed: bool, fresh: bool, current: bool) -> Commit {
        if committed {
            Commit::Granting { grant: Some(grant), record, fresh, current, status: self.approved(grant, true) }
        } else {
            Commit::Recording { grant, record, fresh, current }
        }
    }
}

/// A pass over a system: its quota, and then its status.
fn keep(setup: &Setup, book: &mut Book, world: &World, index: u8) -> World {
    let at = usize::from(index);
    let mut next = *world;
    let then = match world.keeps[at] {
        Keep::Idle => {
            let system = world.seen[at];
            let (hard, shown) = book.keep(system.record, world.quotas[at], world.clock);
            if hard == world.quotas[at].hard {
                Keep::Telling { system, shown }
            } else {
                Keep::Setting { system, hard, shown, current: true }
            }
        }
        Keep::Setting { system, hard, shown, current } => {
            if current || setup.has(Bug::QuotaUnguarded) {
                next.quotas[at].hard = hard;
                Keep::Telling { system, shown }
            } else {
                Keep::Idle
            }
        }
        Keep::Telling { system, shown } => {
            if world.systems[at] == system {
                next.systems[at].shown = shown;
            }
            Keep::Idle
        }
    };
    next.age(world);
    next.keeps[at] = then;
    next
}

/// A pass over the domain.
fn domain_step(setup: &Setup, book: &Book, world: &World, step: Step) -> Option<World> {
    let mut next = *world;
    next.pass = match (world.pass, step) {
        (Pass::Idle, Step::Surveys) => Pass::Looking { known: world.seen, next: 0, kept: 0 },
        (Pass::Looking { known, next, kept }, Step::Asks) => {
            let reservation = book.settled(&world.domain, &known).reserved().nth(usize::from(next))?;
            if stands(setup, book, world, reservation) {
                Pass::Looking { known, next: next + 1, kept: kept | (1 << next) }
            } else {
                Pass::Asking { known, next, kept }
            }
        }
        (Pass::Asking { known, next, kept }, Step::Searches) => {
            let reservation = book.settled(&world.domain, &known).reserved().nth(usize::from(next))?;
            let submission = &book.grant(reservation).reservation.submission_uid;
            let mut grants = world.systems.iter().flat_map(|s| &book.record(s.record).grants);
            let granted = grants.any(|g| g.submission_uid == *submission);
            let kept = if granted { kept | (1 << next) } else { kept };
            Pass::Looking { known, next: next + 1, kept }
        }
        (Pass::Looking { known, kept, .. }, Step::Settles) => {
            let settled = book.settled(&world.domain, &known);
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

/// Whether a reservation may yet become a grant, by what this process does and what its change says.
fn stands(setup: &Setup, book: &Book, world: &World, reservation: Id) -> bool {
    if setup.has(Bug::KeepsDeadReservation) {
        return true;
    }
    let of = book.grant(reservation);
    let same = |grant: Id| book.grant(grant).reservation.submission_uid == of.reservation.submission_uid;
    let under_way = world.commits.iter().filter_map(|commit| commit.grant()).any(same);
    let asks = world.changes[usize::from(of.slot)]
        .is_some_and(|change| change.status.shown == Some(of.filing) && change.status.stage == Stage::Approved);
    under_way || asks
}

/// The question that a change poses to who sees its system as the cache has it.
pub fn seen(world: &World, slot: u8) -> Option<Question> {
    let question = question(world, slot)?;
    let record = world.seen[usize::from(ask(slot, question.content).system)].record;
    Some(Question { record, ..question })
}

//! What becomes of a state if everybody stops: all operators crash, one starts again with fresh caches, and runs until it
//! has nothing to do. Then it must have come to rest, quotas must be as the records say at that moment, whoever wants what
//! is left must have it, and somebody must be able to go on.

use super::super::bugs::Bug;
use super::super::rules::Gate;
use super::super::rules::Person;
use super::super::world::{By, Domain, Id, Vote};
use super::book::{Book, Outline, Question};
use super::invariants as must;
use super::operator;
use super::people::{self, question};
use super::setup::{CHANGES, SYSTEMS, Setup, TICKS};
use super::world::{Commit, Keep, Pass, Step, World, slot_of};
use yunguan::api::resource_change::ChangePhase;

/// More passes than any state should need.
const PASSES: usize = 12;

/// Runs a fresh operator.
struct Operator<'a> {
    setup: &'a Setup,
    book: &'a mut Book,
    world: World,
    /// The status that stands, where this operator wrote it: the plan's, and what was added to it.
    statuses: [Option<(Id, u32)>; CHANGES],
    writes: u32,
}

/// What becomes of a world: the invariants that do not hold then.
pub fn end(setup: &Setup, book: &mut Book, world: &World) -> Vec<&'static str> {
    let Some(rested) = rest(setup, book, world) else { return vec![must::REPLAY] };
    let mut broken = Vec::new();
    for slot in (0..CHANGES).map(slot_of) {
        if waits_for_room(book, &rested, slot) {
            let waits = must::is_short(setup, book, &rested, slot) && helps(setup, book, &rested, slot);
            broken.extend((!waits).then_some(must::LAST));
        } else if !has_exit(book, &rested, slot) {
            broken.push(must::EXIT);
        }
    }
    broken.extend((setup.quotas && !must::follows(book, &rested)).then_some(must::FOLLOWS));
    broken
}

/// The world in which it comes to rest, if it does.
pub fn rest(setup: &Setup, book: &mut Book, world: &World) -> Option<World> {
    let mut operator = Operator { setup, book, world: world.at_rest(), statuses: [None; CHANGES], writes: 0 };
    for _ in 0..PASSES {
        let before = (operator.writes, operator.world);
        operator.pass()?;
        if before == (operator.writes, operator.world) {
            return Some(operator.world);
        }
    }
    None
}

impl Operator<'_> {
    /// One look at everything.
    fn pass(&mut self) -> Option<()> {
        for slot in (0..CHANGES).map(slot_of) {
            self.change(slot)?;
            self.world.seen = self.world.systems;
        }
        for index in (0..SYSTEMS).map(slot_of) {
            while let Some(step) = operator::keep_step(self.setup, self.book, &self.world, index) {
                self.take(step)?;
                self.world.seen = self.world.systems;
                if self.world.keeps[usize::from(index)] == Keep::Idle {
                    break;
                }
            }
        }
        if self.world.domain.reserved().next().is_some() && self.setup.clears {
            self.take(Step::Surveys)?;
            while self.world.pass != Pass::Idle {
                let step = operator::pass_step(self.setup, self.book, &self.world)?;
                self.take(step)?;
            }
        }
        Some(())
    }

    fn change(&mut self, slot: u8) -> Option<()> {
        let Some(question) = question(&self.world, slot) else { return Some(()) };
        let outline = self.book.outline(question);
        let at = usize::from(slot);
        let committed = self.world.changes[at].is_some_and(|change| change.status.committed);
        let mut extra = 0;
        if outline.record.is_some() || (committed && !outline.committed) {
            self.take(Step::Starts { slot })?;
            while self.world.commits[at] != Commit::Idle {
                if let Commit::Reporting { status, .. } = self.world.commits[at] {
                    extra = 1 + u32::from(status.committed);
                }
                let step = operator::commit_step(self.setup, &self.world, By::Leader, slot)?;
                self.take(step)?;
            }
        } else {
            self.take(Step::Shows { slot, status: outline.status() })?;
        }
        let stamp = if self.setup.has(Bug::WritesTime) { self.writes } else { 0 };
        let status = Some((outline.whole, extra + stamp));
        if self.statuses[at] != status {
            self.statuses[at] = status;
            self.writes += 1;
        }
        Some(())
    }

    fn take(&mut self, step: Step) -> Option<()> {
        self.world = operator::step(self.setup, &|_| true, self.book, &self.world, step)?;
        Some(())
    }
}

/// Whether a change is approved and not on record.
fn waits_for_room(book: &mut Book, world: &World, slot: u8) -> bool {
    question(world, slot).is_some_and(|question| book.outline(question).grant.is_some())
}

/// Whether a larger domain lets it have what it waits for.
fn helps(setup: &Setup, book: &mut Book, world: &World, slot: u8) -> bool {
    if world.domain.large {
        return true;
    }
    let enlarged = World { domain: Domain { large: true, ..world.domain }, ..*world };
    rest(setup, book, &enlarged).is_some_and(|world| !waits_for_room(book, &world, slot))
}

/// Whether a change is where it should end, or somebody can take it on, or time does.
fn has_exit(book: &mut Book, world: &World, slot: u8) -> bool {
    let Some(question) = question(world, slot) else { return true };
    let outline = book.outline(question);
    let committed = world.changes[usize::from(slot)].is_some_and(|c| c.status.committed);
    if outline.stalled {
        // The unit puts the text right, which nothing may forbid.
        return !committed;
    }
    match outline.phase {
        ChangePhase::InEffect | ChangePhase::Ended => true,
        ChangePhase::Scheduled => {
            let then = book.outline(Question { clock: TICKS - 1, ..question });
            matches!(then.phase, ChangePhase::InEffect | ChangePhase::Ended)
        }
        ChangePhase::Draft | ChangePhase::Returned | ChangePhase::Rejected | ChangePhase::Withdrawn => {
            // What is too late, or is there already, is said; the unit writes another text.
            let files = |then: &Outline, _| then.phase == ChangePhase::InReview || then.phase == ChangePhase::Refused;
            !committed && leads_on(book, question, Gate::Submission, files)
        }
        ChangePhase::InReview | ChangePhase::Testing => {
            let gates: Vec<Gate> = outline.gates.iter().map(|(gate, _)| *gate).collect();
            let mends = outline.faulty && !committed;
            mends || gates.into_iter().any(|gate| leads_on(book, question, gate, |_, counts| counts))
        }
        ChangePhase::Refused => !committed,
        ChangePhase::Approved => false,
    }
}

/// Whether a colleague of the role who has not acted before can take it on at a gate.
fn leads_on(book: &mut Book, question: Question, gate: Gate, goes_on: impl Fn(&Outline, bool) -> bool) -> bool {
    let outline = book.outline(question);
    let Some((_, digest)) = outline.gates.iter().find(|(open, _)| *open == gate) else { return false };
    let vote = people::draft(question, &outline, gate, gate.agreement(), *digest);
    let vote = Vote { who: Person::Newcomer, ..vote };
    let place = book.length(question.decisions);
    let decisions = book.append(question.decisions, vote);
    let then = book.outline(Question { decisions, ..question });
    goes_on(&then, then.counted.contains(&place))
}

//! What becomes of a state if everybody stops: all operators crash, one starts again with fresh caches, and runs until it
//! has nothing to do. Then it must have come to rest, and somebody must be able to go on.

use super::book::{Book, Outline, Question};
use super::bugs::Bug;
use super::operator;
use super::people::{self, question};
use super::rules::{self, Gate, Person};
use super::setup::Setup;
use super::world::{By, Commit, Id, Pass, Step, Vote, World};
use yunguan::api::cloud_resource_request::Phase;

/// How it ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct End {
    /// Whether a further pass writes nothing.
    pub rests: bool,
    /// Whether every request is where it should end, or somebody can act.
    pub exits: bool,
}

/// More passes than any state should need.
const PASSES: usize = 12;

/// Runs a fresh operator.
struct Operator<'a> {
    setup: &'a Setup,
    book: &'a mut Book,
    world: World,
    /// The status that stands, where this operator wrote it: the plan's, and what was added to it.
    statuses: [Option<(Id, u32)>; 2],
    writes: u32,
}

/// What becomes of a world.
pub fn end(setup: &Setup, book: &mut Book, world: &World) -> End {
    let Some(rested) = rest(setup, book, world) else { return End { rests: false, exits: true } };
    let exits = (0..2).all(|slot| has_exit(setup, book, &rested, slot));
    End { rests: true, exits }
}

/// The world in which it comes to rest, if it does.
pub fn rest(setup: &Setup, book: &mut Book, world: &World) -> Option<World> {
    let mut operator = Operator { setup, book, world: world.at_rest(), statuses: [None; 2], writes: 0 };
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
        for slot in 0..2 {
            self.request(slot)?;
        }
        for index in 0..2_u8 {
            if self.world.systems[usize::from(index)].is_some_and(|s| !s.provisioned) {
                self.take(Step::Provisions { index })?;
            }
        }
        if self.world.domain.reserved().next().is_some() {
            self.take(Step::Surveys { known: self.world.systems_there() })?;
            while self.world.pass != Pass::Idle {
                let mut steps = Vec::new();
                operator::steps(self.setup, self.book, &self.world, [None, None], &mut steps);
                let next = steps.into_iter().find(|s| matches!(s, Step::Asks | Step::Searches | Step::Settles))?;
                self.take(next)?;
            }
        }
        Some(())
    }

    fn request(&mut self, slot: u8) -> Option<()> {
        let Some(question) = question(self.setup, &self.world, slot) else { return Some(()) };
        let outline = self.book.outline(question);
        let at = usize::from(slot);
        let mut extra = 0;
        if outline.grant.is_some() || outline.live.is_some() {
            self.take(Step::Starts { slot })?;
            while self.world.commits[at] != Commit::Idle {
                if let Commit::Reporting { status, .. } = self.world.commits[at] {
                    extra = 1 + u32::from(status.committed);
                }
                let mut steps = Vec::new();
                operator::commit_steps(self.setup, self.book, &self.world, By::Leader, slot, &mut steps);
                let known = self.world.systems_there();
                let next = steps.into_iter().find(|step| match step {
                    Step::Lists { rival, .. } => *rival == question.rival,
                    Step::ReadsDomain { known: seen, .. } => *seen == known,
                    _ => true,
                })?;
                self.take(next)?;
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

/// Whether a request is where it should end, or somebody can take it on.
fn has_exit(setup: &Setup, book: &mut Book, world: &World, slot: u8) -> bool {
    let Some(question) = question(setup, world, slot) else { return true };
    let outline = book.outline(question);
    let committed = world.requests[usize::from(slot)].is_some_and(|r| r.status.committed);
    if outline.stalled.is_some() {
        // The unit puts the text right, which nothing may forbid.
        return !committed;
    }
    match outline.phase {
        Phase::Live | Phase::Closed => true,
        Phase::Draft | Phase::Returned | Phase::Rejected | Phase::Withdrawn => {
            // Another request for the same code may be ahead: that is said, and the unit chooses another code.
            let ahead = |then: &Outline| question.rival.is_some() && then.stalled.is_some();
            let files = |then: &Outline, _| then.phase == Phase::InReview || ahead(then);
            !committed && leads_on(book, question, Gate::Submission, None, files)
        }
        Phase::InReview | Phase::Trial => outline.gates.iter().any(|(gate, _)| {
            let asked = u8::try_from(rules::asked(question.content)).ok();
            let units = asked.filter(|_| *gate == setup.track.confirming());
            leads_on(book, question, *gate, units, |_, counts| counts)
        }),
        // Room is all that is missing, and enough of it helps.
        Phase::Approved => {
            let wanted = outline.grant.map_or(0, |grant| book.grant(grant).units[1]);
            let granted: i64 = world.systems.iter().flatten().map(|s| book.grant(s.grant).units[1]).sum();
            let short = granted + wanted > rules::capacity(world.domain.large);
            let enlarged = World { domain: super::world::Domain { large: true, ..world.domain }, ..*world };
            let mut helps =
                || rest(setup, book, &enlarged).is_some_and(|w| w.systems[usize::from(setup.object(slot))].is_some());
            short && (world.domain.large || helps())
        }
        Phase::Provisioning | Phase::OutOfScope => false,
    }
}

/// Whether a colleague of the role who has not acted before can take it on at a gate.
fn leads_on(
    book: &mut Book,
    question: Question,
    gate: Gate,
    units: Option<u8>,
    goes_on: impl Fn(&Outline, bool) -> bool,
) -> bool {
    let outline = book.outline(question);
    let Some((_, digest)) = outline.gates.iter().find(|(open, _)| *open == gate) else { return false };
    let vote = people::draft(question, &outline, gate, gate.agreement(), *digest);
    let vote = Vote { who: Person::Newcomer, units, ..vote };
    let place = book.length(question.decisions);
    let decisions = book.append(question.decisions, vote);
    let then = book.outline(Question { decisions, ..question });
    goes_on(&then, then.counted.contains(&place))
}

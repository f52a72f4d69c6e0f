//! What people can do about changes: decide at every gate that is open to them, edit, use what their quota allows.

use super::super::rules::{Gate, Person};
use super::super::world::{Domain, Id, Sight, Vote};
use super::book::{Book, Outline, Question, subject};
use super::setup::{CHANGES, Setup, ask};
use super::world::{Step, World, slot_of};
use yunguan::api::decision::Verdict;

/// The question that a change poses, with everything as it stands.
pub fn question(world: &World, slot: u8) -> Option<Question> {
    let change = world.changes[usize::from(slot)]?;
    Some(Question {
        slot,
        content: change.content,
        decisions: world.decisions[usize::from(slot)],
        record: world.systems[usize::from(ask(slot, change.content).system)].record,
        clock: world.clock,
    })
}

/// The decisions that can be made on a change as it stands.
pub fn votes(setup: &Setup, book: &mut Book, question: Question) -> Vec<Vote> {
    if book.length(question.decisions) >= setup.decisions[usize::from(question.slot)] {
        return Vec::new();
    }
    let outline = book.outline(question);
    let there = book.votes(question.decisions);
    let mut votes = Vec::new();
    for (gate, digest) in &outline.gates {
        let sent_back = setup.returns && matches!(gate, Gate::Completeness | Gate::Evaluation | Gate::Approval);
        for verdict in [gate.agreement()].into_iter().chain(sent_back.then_some(Verdict::Return)) {
            votes.extend(by_each(setup, draft(question, &outline, *gate, verdict, *digest)));
        }
    }
    if let Some(filing) = outline.filing.filter(|_| !outline.committed) {
        let digest = there[usize::from(filing)].digest;
        let open = outline.gates.iter().any(|(gate, _)| *gate == Gate::Submission);
        let moved_on = there.last().is_some_and(|last| last.verdict != Verdict::Submit);
        if setup.refiled && !open && moved_on {
            votes.extend(by_each(setup, draft(question, &outline, Gate::Submission, Verdict::Submit, digest)));
        }
        if setup.withdraws && !open {
            votes.extend(by_each(setup, draft(question, &outline, Gate::Withdrawal, Verdict::Withdraw, digest)));
        }
    }
    // The name of a Decision says what is decided and by whom, so the same one collides.
    votes.retain(|vote| {
        let of = |v: &Vote| (v.gate, v.digest, v.who, v.verdict);
        vote.verdict == Verdict::Submit || !there.iter().any(|v| of(v) == of(vote))
    });
    votes
}

/// The same decision by everybody who can make it.
fn by_each(setup: &Setup, vote: Vote) -> impl Iterator<Item = Vote> + use<> {
    setup.people.iter().filter(move |who| who.holds(vote.role)).map(move |who| Vote { who: *who, ..vote })
}

/// A decision of nobody yet, made from what an outline shows.
pub fn draft(question: Question, outline: &Outline, gate: Gate, verdict: Verdict, digest: Id) -> Vote {
    let Question { slot, content, record, clock, .. } = question;
    let confirms = verdict == Verdict::Approve && outline.track.is_some_and(|track| track.confirming() == gate);
    Vote {
        request: subject(slot),
        filing: outline.filing.filter(|_| verdict != Verdict::Submit),
        gate,
        role: gate.role(),
        who: Person::Newcomer,
        verdict,
        units: confirms.then_some(ask(slot, content).units),
        digest,
        saw: Sight { content, filing: outline.filing, confirmed: outline.confirmed, record },
        at: clock,
    }
}

/// What people can do besides deciding, and time.
pub fn steps(setup: &Setup, world: &World, steps: &mut Vec<Step>) {
    for slot in 0..CHANGES {
        // A rule of the CRD reads `committed`.
        if setup.edited[slot] && world.changes[slot].is_some_and(|change| !change.status.committed) {
            steps.push(Step::Edits { slot: slot_of(slot) });
        }
    }
    steps.extend(world.late.map(|_| Step::Sends));
    steps.extend((setup.enlarged && !world.domain.large).then_some(Step::Enlarges));
    steps.extend((world.clock < setup.ticks[1]).then_some(Step::Ticks));
    if setup.used {
        let quota = world.quotas[0];
        steps.extend((quota.used < quota.hard).then_some(Step::Uses { all: true }));
        steps.extend((quota.used > 0).then_some(Step::Uses { all: false }));
    }
}

/// The world after a step of people.
pub fn step(setup: &Setup, book: &mut Book, world: &World, step: Step) -> Option<World> {
    let mut next = *world;
    match step {
        Step::Decides { slot, vote } => decide(book, &mut next, slot, vote),
        Step::Reads { slot, vote } => next.late = Some((slot, vote)),
        Step::Sends => {
            let (slot, vote) = world.late?;
            next.late = None;
            if book.length(world.decisions[usize::from(slot)]) < setup.decisions[usize::from(slot)] {
                decide(book, &mut next, slot, vote);
            }
        }
        Step::Edits { slot } => {
            let change = next.changes[usize::from(slot)].as_mut()?;
            change.content = 1 - change.content;
        }
        Step::Enlarges => next.domain = Domain { large: true, ..next.domain },
        Step::Ticks => next.clock += 1,
        Step::Uses { all } => next.quotas[0].used = if all { next.quotas[0].hard } else { 0 },
        _ => return None,
    }
    next.age(world);
    Some(next)
}

pub fn decide(book: &mut Book, world: &mut World, slot: u8, vote: Vote) {
    let list = &mut world.decisions[usize::from(slot)];
    *list = book.append(*list, Vote { at: world.clock, ..vote });
}

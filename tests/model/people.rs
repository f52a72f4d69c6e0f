//! What people can do: decide at every gate that is open to them, and now and then where they should not; edit, delete,
//! make again.

use super::book::{Book, Outline, Question};
use super::rules::{self, Gate, Person};
use super::setup::Setup;
use super::world::{Domain, Place, Request, Sight, Stage, Status, Step, Vote, World};
use yunguan::api::decision::Verdict;

/// The question that a request poses, with everything as it stands.
pub fn question(setup: &Setup, world: &World, slot: u8) -> Option<Question> {
    let request = world.requests[usize::from(slot)]?;
    Some(Question {
        slot,
        incarnation: request.incarnation,
        content: request.content,
        decisions: world.decisions[usize::from(slot)],
        system: world.systems[usize::from(setup.object(slot))],
        rival: rival(setup, world, slot),
    })
}

/// The filing of the other request for the same code, as its status shows it.
pub fn rival(setup: &Setup, world: &World, slot: u8) -> Option<Place> {
    let other = world.requests[usize::from(1 - slot)].filter(|_| setup.same_code)?;
    other.status.shown.filter(|_| other.status.stage != Stage::Other)
}

/// The decisions that can be made on a request as it stands.
pub fn votes(setup: &Setup, book: &mut Book, question: Question) -> Vec<Vote> {
    if book.length(question.decisions) >= setup.decisions[usize::from(question.slot)] {
        return Vec::new();
    }
    let outline = book.outline(question);
    let there = book.votes(question.decisions);
    let before_grant = |gate: Gate| setup.track.before_grant().iter().any(|(of, _)| *of == gate);
    let mut votes = Vec::new();
    for (gate, digest) in &outline.gates {
        let mut verdicts = vec![gate.agreement()];
        verdicts.extend((setup.returns && before_grant(*gate)).then_some(Verdict::Return));
        for verdict in verdicts {
            for units in units(setup, question.content, *gate, verdict) {
                let vote = Vote { units, ..draft(question, &outline, *gate, verdict, *digest) };
                votes.extend(by_each(setup, vote));
            }
        }
    }
    if let Some(filing) = outline.filing.filter(|_| question.system.is_none()) {
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
    // The name of a Decision says what is decided and by whom, so the same one collides, unless somebody writes YAML.
    let often = if setup.cheats { 2 } else { 1 };
    votes.retain(|vote| {
        let same = |v: &&Vote| {
            let of = |v: &Vote| (v.request, v.gate, v.digest, v.who, v.verdict);
            of(v) == of(vote)
        };
        vote.verdict == Verdict::Submit || there.iter().filter(same).count() < often
    });
    votes
}

/// The same decision by everybody who can make it.
fn by_each(setup: &Setup, vote: Vote) -> impl Iterator<Item = Vote> + use<> {
    let cheats = setup.cheats;
    setup.people.iter().filter(move |who| cheats || who.holds(vote.role)).map(move |who| Vote { who: *who, ..vote })
}

/// The amounts that come with a decision.
fn units(setup: &Setup, content: u8, gate: Gate, verdict: Verdict) -> Vec<Option<u8>> {
    if gate != setup.track.confirming() || verdict != Verdict::Approve {
        return vec![None];
    }
    let asked = u8::try_from(rules::asked(content)).unwrap_or(0);
    let less = setup.less.then_some(asked - 1);
    [Some(asked), less].into_iter().flatten().map(Some).collect()
}

/// A decision of nobody yet, made from what an outline shows.
pub fn draft(question: Question, outline: &Outline, gate: Gate, verdict: Verdict, digest: super::world::Id) -> Vote {
    let own = super::world::Uid { slot: question.slot, incarnation: question.incarnation };
    Vote {
        request: outline.subject.unwrap_or(own),
        filing: outline.filing.filter(|_| verdict != Verdict::Submit),
        gate,
        role: gate.role(),
        who: Person::Newcomer,
        verdict,
        units: None,
        digest,
        saw: Sight {
            content: question.content,
            filing: outline.filing,
            confirmed: outline.confirmed,
            record: super::lists::NOTHING,
        },
        at: 0,
    }
}

/// What people can do besides deciding.
pub fn steps(setup: &Setup, world: &World, steps: &mut Vec<Step>) {
    for slot in 0..2_u8 {
        let at = usize::from(slot);
        match world.requests[at] {
            Some(request) => {
                // A rule of the CRD reads `committed`.
                if setup.edited[at] && !request.status.committed {
                    steps.push(Step::Edits { slot });
                }
                if setup.deleted[at] && world.born[at] < 2 {
                    steps.push(Step::Deletes { slot });
                }
            }
            None if world.born[at] == 1 => {
                steps.extend(rules::CONTENTS.map(|content| Step::Recreates { slot, content }));
            }
            None => {}
        }
    }
    if world.late.is_some() {
        steps.push(Step::Sends);
    }
    if setup.enlarged && !world.domain.large {
        steps.push(Step::Enlarges);
    }
}

/// The world after a step of people.
pub fn step(setup: &Setup, book: &mut Book, world: &World, step: Step) -> Option<World> {
    use super::bugs::Bug;
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
            let request = next.requests[usize::from(slot)].as_mut()?;
            request.content = 1 - request.content;
        }
        Step::Deletes { slot } => {
            next.requests[usize::from(slot)] = None;
            if setup.has(Bug::Cascades) {
                next.systems[usize::from(setup.object(slot))] = None;
            }
        }
        Step::Recreates { slot, content } => {
            let born = &mut next.born[usize::from(slot)];
            *born += 1;
            next.requests[usize::from(slot)] = Some(Request::new(*born, content));
        }
        Step::Enlarges => next.domain = Domain { large: true, ..next.domain },
        _ => return None,
    }
    next.age(world);
    Some(next)
}

pub fn decide(book: &mut Book, world: &mut World, slot: u8, vote: Vote) {
    let list = &mut world.decisions[usize::from(slot)];
    *list = book.append(*list, vote);
}

impl Request {
    pub fn new(incarnation: u8, content: u8) -> Self {
        Self { incarnation, content, status: Status::default() }
    }
}

//! What must hold in every state, judged by what the model itself has kept of who saw and did what.

use super::book::{Book, Outline, Question};
use super::people::question;
use super::rules::{self, Gate, Person, Role, SIGNATURES};
use super::setup::Setup;
use super::world::{Place, System, Vote, World};
use std::collections::HashMap;
use yunguan::api::common::Time;
use yunguan::api::decision::Verdict;

pub const AUTHORITY: &str = "no resources without the authority";
pub const CHARGE: &str = "no charge before the signatures";
pub const CAPACITY: &str = "capacity is never exceeded";
pub const ROLES: &str = "nobody counts in two roles on one request";
pub const SEEN: &str = "nobody's decision counts for what they did not see";
pub const EXIT: &str = "every state has an exit";
pub const REPLAY: &str = "a replay changes nothing";
pub const CODE: &str = "one system a code";
pub const KEPT: &str = "deleting a request takes no system away";
pub const LOCKED: &str = "what is granted is what its request says";

/// Whether every grant rests on the decisions of each gate, by different people who may, on that very filing.
pub fn granted_by_authority(setup: &Setup, book: &Book, world: &World) -> bool {
    each_system(world).all(|system| {
        let grant = book.grant(system.grant);
        let there = votes_of(book, world, system);
        let subject = grant.request;
        let filed = there.get(usize::from(grant.filing)).is_some_and(|filing| {
            filing.verdict == Verdict::Submit && filing.is_rightful() && filing.request == subject
        });
        let agreed = |gate: Gate| -> usize {
            let mut people: Vec<Person> = Vec::new();
            for vote in grant.decisions.iter().filter_map(|place| there.get(usize::from(*place))) {
                let counts = vote.gate == gate
                    && vote.verdict == gate.agreement()
                    && vote.is_rightful()
                    && vote.request == subject
                    && vote.filing == Some(grant.filing);
                if counts && !people.contains(&vote.who) {
                    people.push(vote.who);
                }
            }
            people.len()
        };
        filed && setup.track.before_grant().iter().all(|(gate, quorum)| agreed(*gate) >= *quorum)
    })
}

/// Whether everything that is charged has its report and its signatures, made before charging starts.
pub fn charged_by_signature(book: &Book, world: &World) -> bool {
    each_system(world).all(|system| {
        let Some(live) = system.live.map(|live| book.live(live)) else { return true };
        let grant = book.grant(system.grant);
        let there = votes_of(book, world, system);
        [Gate::TrialReport].iter().chain(&SIGNATURES).all(|gate| {
            live.decisions.iter().any(|place| {
                there.get(usize::from(*place)).is_some_and(|vote| {
                    vote.gate == *gate
                        && vote.verdict == gate.agreement()
                        && vote.is_rightful()
                        && vote.filing == Some(grant.filing)
                        && Time::new(super::book::moment(usize::from(*place))) <= live.live.from
                })
            })
        })
    })
}

/// Whether grants and reservations, each filing once, fit into the domain.
pub fn fits(book: &Book, world: &World) -> bool {
    let ids = world.domain.reserved().chain(each_system(world).map(|s| s.grant));
    let once: HashMap<_, _> = ids.map(|id| book.grant(id)).map(|g| ((g.request.slot, g.filing), g.units[1])).collect();
    once.values().sum::<i64>() <= rules::capacity(world.domain.large)
}

/// Whether nobody counts in two roles: in the round that stands, in a grant, in a going live.
pub fn one_role_each(book: &mut Book, question: Question, outline: &Outline) -> bool {
    let there = book.votes(question.decisions);
    let mut acted: Vec<(Person, Role)> = Vec::new();
    for place in outline.counted.iter().chain(&outline.filing) {
        let Some(vote) = there.get(usize::from(*place)) else { return false };
        acted.push((vote.who, vote.role));
    }
    // What was counted in an earlier round, when it was made, is an act too.
    for (place, list) in book.earlier(question.decisions).into_iter().rev().skip(1).enumerate() {
        let then = book.outline(Question { decisions: list, ..question });
        let place = u8::try_from(place).unwrap_or(u8::MAX);
        if then.counted.contains(&place) || then.filing == Some(place) {
            acted.push((there[usize::from(place)].who, there[usize::from(place)].role));
        }
    }
    acted.iter().all(|(who, role)| acted.iter().all(|(other, as_role)| who != other || role == as_role))
}

/// Whether what counts was decided by people who saw what stands: the text, the filing, the amounts confirmed.
pub fn seen(setup: &Setup, book: &Book, question: Question, outline: &Outline) -> bool {
    let there = book.votes(question.decisions);
    let saw = |place: &Place| {
        there.get(usize::from(*place)).is_some_and(|vote| {
            let confirmed = comes_later(setup, vote.gate).then_some(outline.confirmed);
            vote.saw.content == question.content
                && (vote.verdict == Verdict::Submit || vote.saw.filing == outline.filing)
                && confirmed.is_none_or(|confirmed| confirmed == vote.saw.confirmed)
        })
    };
    outline.counted.iter().chain(&outline.filing).all(saw)
}

fn comes_later(setup: &Setup, gate: Gate) -> bool {
    let gates = setup.track.before_grant();
    let place = |gate: Gate| gates.iter().position(|(of, _)| *of == gate);
    match (place(setup.track.confirming()), place(gate)) {
        (Some(confirming), Some(place)) => place > confirming,
        _ => false,
    }
}

/// Whether what was granted is what the deciders saw, by what the system itself says.
pub fn granted_as_seen(setup: &Setup, book: &Book, world: &World) -> bool {
    each_system(world).all(|system| {
        let grant = book.grant(system.grant);
        let there = votes_of(book, world, system);
        let confirmed = grant.decisions.iter().filter_map(|p| there.get(usize::from(*p))).find_map(|vote| vote.units);
        let of = grant.decisions.iter().chain([&grant.filing]).map(|p| there.get(usize::from(*p)));
        let saw = |vote: &Vote| {
            let amounts = !comes_later(setup, vote.gate) || vote.saw.confirmed == confirmed;
            rules::level(vote.saw.content) == grant.system.protection_level && amounts
        };
        let confirmed = confirmed.map(i64::from);
        of.into_iter().all(|vote| vote.is_some_and(saw)) && grant.units.iter().all(|units| Some(*units) == confirmed)
    })
}

/// Whether no two systems are of one code.
pub fn one_a_code(book: &Book, world: &World) -> bool {
    match world.systems {
        [Some(one), Some(other)] => book.grant(one.grant).system.namespace != book.grant(other.grant).system.namespace,
        _ => true,
    }
}

/// Whether every system that ever was is there.
pub fn kept(world: &World) -> bool {
    world.systems.iter().zip(world.ever).all(|(system, ever)| !ever || system.is_some())
}

/// Whether the request of a system says what was granted, for as long as it is the same request.
pub fn locked(book: &Book, world: &World) -> bool {
    each_system(world).all(|system| {
        let grant = book.grant(system.grant);
        world.requests[usize::from(grant.request.slot)]
            .is_none_or(|request| request.incarnation != grant.request.incarnation || request.content == grant.content)
    })
}

pub fn each_system(world: &World) -> impl Iterator<Item = System> + use<> {
    world.systems.into_iter().flatten()
}

fn votes_of(book: &Book, world: &World, system: System) -> Vec<Vote> {
    book.votes(world.decisions[usize::from(book.grant(system.grant).request.slot)])
}

/// The questions that the requests of a world pose.
pub fn questions(setup: &Setup, world: &World) -> impl Iterator<Item = Question> {
    (0..2).filter_map(|slot| question(setup, world, slot))
}

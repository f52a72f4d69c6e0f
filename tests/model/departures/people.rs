//! What people can do about a departure and an order: decide at every gate that is open to them, take the departure back,
//! and put another volume in the place of the one there is.

use super::super::rules::{Gate, Person};
use super::super::world::{Id, Sight, Uid, Vote};
use super::book::{Book, Departing, Ordering, Outline};
use super::rules;
use super::setup::Setup;
use super::world::{Job, Label, Matter, Site, Space, Step, VOLUMES, Work, World};
use crate::changes;
use std::sync::Arc;
use yunguan::api::decision::Verdict;

/// What the core says of a matter with everything as it stands.
pub fn outline(book: &mut Book, world: &World, matter: Matter) -> Arc<Outline> {
    let decisions = world.decisions[matter.index()];
    let (record, clock) = (world.record(), world.base.clock);
    match matter {
        Matter::Leave => book.leave(Departing { decisions, record, site: world.site, clock }),
        Matter::Order => book.order(Ordering { decisions, record, status: world.order, clock }),
    }
}

/// Who acts at a gate: one each, since that nobody acts in two roles is explored elsewhere.
fn who(matter: Matter, gate: Gate) -> Person {
    match (matter, gate) {
        (Matter::Order, Gate::Submission) | (Matter::Leave, Gate::Approval) => Person::Li,
        (Matter::Order, _) => Person::Zhao,
        (Matter::Leave, Gate::Attestation) => Person::Sun,
        (Matter::Leave, _) => Person::Wang,
    }
}

/// The decisions that can be made on a matter as it stands.
pub fn votes(setup: &Setup, book: &mut Book, world: &World, matter: Matter) -> Vec<Vote> {
    let decisions = world.decisions[matter.index()];
    if book.changes.length(decisions) >= setup.decisions[matter.index()] {
        return Vec::new();
    }
    let outline = outline(book, world, matter);
    let there = book.votes(decisions);
    let mut votes = Vec::new();
    for (gate, digest) in &outline.gates {
        let sent_back = setup.returns && *gate == Gate::Confirmation;
        for verdict in [gate.agreement()].into_iter().chain(sent_back.then_some(Verdict::Return)) {
            votes.push(draft(world, matter, &outline, *gate, verdict, *digest));
        }
    }
    if let Some(filing) = outline.filing.filter(|_| setup.withdraws && matter == Matter::Leave && !outline.closed) {
        let digest = there[usize::from(filing)].digest;
        votes.push(draft(world, matter, &outline, Gate::Withdrawal, Verdict::Withdraw, digest));
    }
    // The name of a Decision says what is decided and by whom, so the same one collides.
    let of = |v: &Vote| (v.gate, v.digest, v.filing, v.verdict);
    votes.retain(|vote| vote.verdict == Verdict::Submit || !there.iter().any(|v| of(v) == of(vote)));
    votes
}

/// A decision made from what an outline shows.
pub fn draft(world: &World, matter: Matter, outline: &Outline, gate: Gate, verdict: Verdict, digest: Id) -> Vote {
    Vote {
        request: Uid { slot: u8::from(matter == Matter::Order), incarnation: 1 },
        filing: outline.filing.filter(|_| verdict != Verdict::Submit),
        gate,
        role: rules::role(matter, gate),
        who: who(matter, gate),
        verdict,
        units: None,
        digest,
        saw: Sight { content: 0, filing: outline.filing, confirmed: None, record: world.record() },
        at: world.base.clock,
    }
}

/// What people, Jobs and the cluster can do.
pub fn steps(setup: &Setup, book: &mut Book, world: &World, steps: &mut Vec<Step>) {
    for matter in Matter::ALL {
        let votes = votes(setup, book, world, matter);
        steps.extend(votes.iter().map(|vote| Step::Decides(matter, *vote)));
        if setup.late && world.late.is_none() {
            let reads = votes.iter().filter(|vote| vote.gate == Gate::Confirmation);
            steps.extend(reads.map(|vote| Step::Reads(matter, *vote)));
        }
    }
    steps.extend(world.late.map(|_| Step::Sends));
    let site = world.site;
    // Admission lets nobody make a claim where it is being wiped.
    let replaced = setup.replaced && site.space == Space::Here && site.label != Label::Wiped;
    steps.extend((replaced && (1..VOLUMES).contains(&site.volume)).then_some(Step::Replaces));
    steps.extend(works(&site));
    steps.extend((site.space == Space::Going).then_some(Step::Finishes));
    let mut base = Vec::new();
    changes::people::steps(&setup.base, &world.base, &mut base);
    for slot in [0, 2] {
        if let Some(question) = changes::people::question(&world.base, slot) {
            let votes = changes::people::votes(&setup.base, &mut book.changes, question);
            base.extend(votes.into_iter().map(|vote| changes::world::Step::Decides { slot, vote }));
        }
    }
    steps.extend(base.into_iter().map(Step::Base));
}

/// Jobs that find their claim.
pub fn works(site: &Site) -> impl Iterator<Item = Step> + use<> {
    let site = *site;
    let all = [Work::Backup, Work::Wipe].into_iter().flat_map(|work| (1..=VOLUMES).map(move |volume| (work, volume)));
    let made = all.filter(move |(work, volume)| site.jobs[Site::job(*work, *volume)] == Job::Made && site.volume > 0);
    made.map(|(work, volume)| Step::Works(work, volume))
}

/// The world after a step of people.
pub fn step(setup: &Setup, book: &mut Book, world: &World, step: Step) -> Option<World> {
    let mut next = *world;
    match step {
        Step::Base(step) => next.base = changes::people::step(&setup.base, &mut book.changes, &world.base, step)?,
        Step::Decides(matter, vote) => decide(book, &mut next, matter, vote),
        Step::Reads(matter, vote) => next.late = Some((matter, vote)),
        Step::Sends => {
            let (matter, vote) = world.late?;
            next.late = None;
            if book.changes.length(world.decisions[matter.index()]) < setup.decisions[matter.index()] {
                decide(book, &mut next, matter, vote);
            }
        }
        Step::Replaces => {
            next.site.left |= super::book::bit(world.site.volume);
            next.site.volume += 1;
        }
        _ => return None,
    }
    next.age(world);
    Some(next)
}

pub fn decide(book: &mut Book, world: &mut World, matter: Matter, vote: Vote) {
    let list = &mut world.decisions[matter.index()];
    *list = book.changes.append(*list, Vote { at: world.base.clock, ..vote });
}

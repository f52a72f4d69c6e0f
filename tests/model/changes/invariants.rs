//! What must hold of changes in every state, judged by what the model itself has kept of who saw, did and asked for what,
//! and by its own sums.

use super::super::facts;
use super::super::rules::{self, Gate, Person, Role, SIGNATURES};
use super::super::world::{Id, Place, Vote};
use super::book::{Book, Outline, Question, boundary, content_of, moment, now, slot_of, track_named, units_of};
use super::people::question;
use super::setup::{Ask, SYSTEMS, Setup, TICKS, ask};
use super::world::World;
use jiff::{Timestamp, ToSpan as _};
use std::collections::BTreeSet;
use yunguan::api::common::Time;
use yunguan::api::decision::Verdict;
use yunguan::api::information_system::{Agreement, Grant, InformationSystemSpec};
use yunguan::api::resource_change::ChangePhase;
use yunguan::core::quantity::Amounts;

pub use super::super::invariants::{AUTHORITY, CAPACITY, CHARGE, EXIT, LOCKED, REPLAY, ROLES, SEEN};
pub const BASIS: &str = "no change is applied to a system that has moved on";
pub const BACK: &str = "what the system has moved away from goes back, with the difference";
pub const ONCE: &str = "a change is on record once, and nothing is lost from a record";
pub const LAST: &str = "nobody waits for room that is there";
pub const WINDOW: &str = "a window counts from its start to its end";
pub const FOLLOWS: &str = "after a settling, quotas are what the records say at that moment";
pub const USED: &str = "no quota is below what is in use";
pub const ROOM: &str = "quotas never come to more than there is";

/// What each system has at first.
const BASE: [i64; SYSTEMS] = [3, 2];

/// The grants of changes on a record, each with its place among all, its change and what that asks for.
fn changes_of(spec: &InformationSystemSpec) -> impl Iterator<Item = (usize, &Grant, u8, u8, Ask)> {
    spec.grants.iter().enumerate().filter_map(|(index, grant)| {
        let slot = slot_of(grant)?;
        let content = content_of(grant, slot)?;
        Some((index, grant, slot, content, ask(slot, content)))
    })
}

/// The newest grant for good among the first so many of a record.
fn newest(spec: &InformationSystemSpec, before: usize) -> Option<&Grant> {
    spec.grants.iter().take(before).rfind(|g| g.term.is_none())
}

/// Units for good at a place of the record: those of the change before it, or of the request.
fn standing(spec: &InformationSystemSpec, index: usize, base: i64) -> i64 {
    let permanent = changes_of(spec).filter(|(place, _, _, _, asks)| *place < index && !asks.window).last();
    permanent.map_or(base, |(_, _, _, _, asks)| asks.units.into())
}

/// Units that a system has at a moment, by what its changes ask for.
fn units_at(spec: &InformationSystemSpec, base: i64, at: Timestamp) -> i64 {
    let mut permanent = base;
    let mut windows = 0;
    for (index, grant, _, _, asks) in changes_of(spec) {
        let units = i64::from(asks.units);
        let holds = grant.effective_from.timestamp() <= at;
        if !asks.window {
            permanent = if holds { units } else { permanent };
        } else if holds && boundary(1) <= at && at < boundary(2) {
            windows += units - standing(spec, index, base);
        }
    }
    permanent + windows
}

/// The moments at which something changes, and those just before them.
fn moments(specs: &[&InformationSystemSpec]) -> BTreeSet<Timestamp> {
    let from = specs.iter().flat_map(|spec| &spec.grants).map(|g| g.effective_from.timestamp());
    let all: Vec<Timestamp> = from.chain((0..TICKS).flat_map(|tick| [boundary(tick), now(tick)])).collect();
    all.iter().flat_map(|at| [at.checked_sub(1.second()).unwrap_or(*at), *at]).collect()
}

fn records(world: &World) -> [Id; SYSTEMS] {
    world.systems.map(|system| system.record)
}

/// Whether a window counts while it lasts and not a second longer, and the core says of every moment what the sums say.
pub fn windows_count(book: &Book, world: &World) -> bool {
    records(world).into_iter().zip(BASE).all(|(record, base)| {
        let spec = book.record(record);
        let mut windows = changes_of(spec).filter(|(_, _, _, _, asks)| asks.window);
        let framed = windows.all(|(_, grant, _, _, _)| {
            let until = grant.term.as_ref().and_then(|term| term.until).map(Time::timestamp);
            until == Some(boundary(2)) && grant.effective_from.timestamp() >= boundary(1)
        });
        // Before anything was granted, a system has what it was opened with.
        framed && moments(&[spec]).into_iter().all(|at| book.units_at(record, at) == units_at(spec, base, at))
    })
}

/// Whether grants and reservations, each filing once, fit into the domain now and at any moment ahead.
pub fn fits(setup: &Setup, book: &Book, world: &World) -> bool {
    let reserved: Vec<Id> = world.domain.reserved().collect();
    most_from_now(book, world, &reserved) <= setup.grantable(world.domain.large).into()
}

/// The most units that are taken from now on, with some that are only reserved.
fn most_from_now(book: &Book, world: &World, reserved: &[Id]) -> i64 {
    let specs = records(world).map(|record| book.record(record));
    let on_record = |uid: &str| specs.iter().any(|spec| spec.grants.iter().any(|g| g.submission_uid == uid));
    let mut seen = BTreeSet::new();
    let reserved: Vec<_> = reserved
        .iter()
        .map(|id| &book.grant(*id).reservation)
        .filter(|r| !on_record(&r.submission_uid) && seen.insert(r.submission_uid.clone()))
        .collect();
    let mut all = moments(&specs);
    all.extend(reserved.iter().filter_map(|r| r.from).map(Time::timestamp));
    let ahead = all.into_iter().filter(|at| *at >= now(world.clock));
    let taken = |at: Timestamp| {
        let granted: i64 = specs.iter().zip(BASE).map(|(spec, base)| units_at(spec, base, at)).sum();
        let holds = reserved.iter().filter(|r| {
            r.from.is_none_or(|from| from.timestamp() <= at) && r.until.is_none_or(|until| at < until.timestamp())
        });
        let held = holds.map(|r| Amounts::parse(&r.amounts).map_or(-1, |amounts| units_of(&amounts)));
        granted + held.sum::<i64>()
    };
    ahead.map(taken).max().unwrap_or(0)
}

/// Whether there is no room for a change that is approved: with it more would be granted at some moment than there is, or
/// what others still use beyond their grants is in its way.
pub fn is_short(setup: &Setup, book: &mut Book, world: &World, slot: u8) -> bool {
    let Some(grant) = question(world, slot).and_then(|question| book.outline(question).grant) else { return false };
    let specs = records(world).map(|record| book.record(record));
    let beyond = specs.iter().zip(BASE).zip(world.quotas).map(|((spec, base), quota)| {
        // Where nobody keeps the quotas, nobody says that anything is free again.
        let had = moments(&[spec]).into_iter().filter(|at| *at <= now(world.clock)).map(|at| units_at(spec, base, at));
        let most = had.max().unwrap_or(0).max(quota.hard.into());
        let in_quota = if setup.quotas { quota.used.into() } else { most };
        (in_quota - units_at(spec, base, now(world.clock))).max(0)
    });
    most_from_now(book, world, &[grant]) + beyond.sum::<i64>() > setup.grantable(world.domain.large).into()
}

/// Whether every quota is what the record says now, or what is still in use of what it said before.
pub fn follows(book: &Book, world: &World) -> bool {
    let systems = world.systems.into_iter().zip(world.quotas).zip(BASE);
    systems.into_iter().all(|((system, quota), base)| {
        let granted = units_at(book.record(system.record), base, now(world.clock));
        i64::from(quota.hard) == granted.max(quota.used.into())
    })
}

/// Whether a system has more in its quota than its record says.
pub fn holds_more(book: &Book, world: &World) -> bool {
    let granted = units_at(book.record(world.systems[0].record), BASE[0], now(world.clock));
    i64::from(world.quotas[0].hard) > granted
}

/// Whether no quota is below what is in use.
pub fn in_use(world: &World) -> bool {
    world.quotas.iter().all(|quota| quota.used <= quota.hard)
}

/// Whether what tenants may use fits into the domain.
pub fn room(setup: &Setup, world: &World) -> bool {
    let all: u8 = world.quotas.iter().map(|quota| quota.hard).sum();
    !setup.quotas || all <= setup.grantable(world.domain.large)
}

/// Whether every grant rests on the decisions of each gate of its track, by people who may, on that very filing; and
/// whether its track is the one that its measure asks for.
pub fn granted_by_authority(book: &Book, world: &World) -> bool {
    each(book, world).all(|(spec, base, (index, grant, slot, content, asks))| {
        let there = book.votes(world.decisions[usize::from(slot)]);
        let filing = facts::place(&grant.submission_uid).and_then(|p| there.get(usize::from(p)));
        let filed = filing.is_some_and(|v| v.verdict == Verdict::Submit && v.is_rightful() && v.saw.content == content);
        let track = track_named(&grant.track);
        let agreed = |gate: Gate| {
            decisions_of(grant, &there).any(|vote| {
                let counts = vote.gate == gate && vote.verdict == gate.agreement() && vote.is_rightful();
                counts && vote.saw.content == content && vote.saw.filing == facts::place(&grant.submission_uid)
            })
        };
        let step = i64::from(asks.units) - standing(spec, index, base);
        let major = !asks.window && 2 * step.abs() > standing(spec, index, base);
        let measured = !major || track == rules::Track::Full;
        filed && measured && track.before_grant().iter().all(|(gate, _)| agreed(*gate))
    })
}

/// Whether everything that is charged by an agreement of its own has its report and its signatures, made before that.
pub fn charged_by_signature(book: &Book, world: &World) -> bool {
    records(world).into_iter().flat_map(|record| agreements_of(book.record(record))).all(|(agreement, slot)| {
        let there = book.votes(world.decisions[usize::from(slot)]);
        let places: Vec<Place> = facts::places(&agreement.live.decisions);
        [Gate::TrialReport].iter().chain(&SIGNATURES).all(|gate| {
            let signs = |place: &Place| {
                let vote = there.get(usize::from(*place));
                vote.is_some_and(|vote| {
                    vote.gate == *gate
                        && vote.verdict == gate.agreement()
                        && vote.is_rightful()
                        && vote.filing == facts::place(&agreement.submission_uid)
                        && Time::new(moment(vote.at, usize::from(*place))) <= agreement.live.from
                })
            };
            places.iter().any(signs)
        })
    })
}

/// The agreements about changes on a record, each with its change.
fn agreements_of(spec: &InformationSystemSpec) -> impl Iterator<Item = (&Agreement, u8)> {
    spec.agreements.iter().filter_map(|agreement| {
        let of = |(_, grant, slot, ..): (usize, &Grant, u8, u8, Ask)| {
            (grant.submission_uid == agreement.submission_uid).then_some(slot)
        };
        Some((agreement, changes_of(spec).find_map(of)?))
    })
}

type Granted<'a> = (usize, &'a Grant, u8, u8, Ask);

/// Every grant of a change that is on record.
fn each<'a>(book: &'a Book, world: &World) -> impl Iterator<Item = (&'a InformationSystemSpec, i64, Granted<'a>)> {
    let specs = records(world).map(|record| book.record(record));
    specs.into_iter().zip(BASE).flat_map(|(spec, base)| changes_of(spec).map(move |one| (spec, base, one)))
}

fn decisions_of<'a>(grant: &'a Grant, there: &'a [Vote]) -> impl Iterator<Item = &'a Vote> {
    let places = grant.decisions.iter().filter_map(|d| facts::place(&d.uid));
    places.filter_map(|place| there.get(usize::from(place)))
}

/// Whether every grant was worked out, filed and decided against what stood when it was put on record.
pub fn on_its_basis(book: &Book, world: &World) -> bool {
    each(book, world).all(|(spec, _, (index, grant, slot, ..))| {
        let there = book.votes(world.decisions[usize::from(slot)]);
        let stood = newest(spec, index).map(|g| g.submission_uid.as_str());
        let filing = facts::place(&grant.submission_uid).and_then(|p| there.get(usize::from(p)));
        let saw = |vote: &Vote| {
            let record = book.record(vote.saw.record);
            newest(record, record.grants.len()).map(|g| g.submission_uid.as_str()) == stood
        };
        grant.change.as_ref().map(|c| c.basis.as_str()) == stood
            && filing.is_some_and(saw)
            && decisions_of(grant, &there).all(saw)
    })
}

/// Whether a change whose system has moved on since it was filed says so, and what the difference is.
pub fn goes_back(book: &Book, question: Question, outline: &Outline) -> bool {
    let there = book.votes(question.decisions);
    let Some(filed) = there.iter().rfind(|vote| vote.verdict == Verdict::Submit) else { return true };
    let spec = book.record(question.record);
    let granted = changes_of(spec).any(|(_, _, slot, ..)| slot == question.slot);
    let stands = |spec: &InformationSystemSpec| {
        newest(spec, spec.grants.len()).map(|g| (g.submission_uid.clone(), g.lines.first().map_or(0, |l| l.quantity)))
    };
    let (Some((then, had)), Some((basis, has))) = (stands(book.record(filed.saw.record)), stands(spec)) else {
        return false;
    };
    let moved = filed.saw.content == question.content && outline.filing.is_none() && !granted && then != basis;
    let difference = format!("{} {had} -> {has}", rules::line());
    !moved
        || (outline.phase == ChangePhase::Returned
            && outline.reason == "SystemMovedOn"
            && outline.message.contains(&difference))
}

/// Whether each change is on record once at most, and each record has all that was ever put on it.
pub fn once(book: &Book, world: &World) -> bool {
    let whole = world
        .systems
        .iter()
        .zip(world.written)
        .all(|(system, written)| book.record(system.record).grants.len() == 1 + usize::from(written));
    let slots: Vec<u8> = each(book, world).map(|(_, _, (_, _, slot, ..))| slot).collect();
    whole && slots.iter().collect::<BTreeSet<_>>().len() == slots.len()
}

/// Whether the change of every grant says what was granted.
pub fn locked(book: &Book, world: &World) -> bool {
    each(book, world).all(|(_, _, (_, _, slot, content, _))| {
        world.changes[usize::from(slot)].is_none_or(|change| change.content == content)
    })
}

/// Whether what counts was decided by people who saw what stands: the text, the filing, the amounts confirmed, and what
/// the change is worked out against.
pub fn seen(book: &Book, question: Question, outline: &Outline) -> bool {
    let there = book.votes(question.decisions);
    let spec = book.record(question.record);
    let index = changes_of(spec).find(|(_, _, slot, ..)| *slot == question.slot).map(|(index, ..)| index);
    let stood = newest(spec, index.unwrap_or(spec.grants.len())).map(|g| &g.submission_uid);
    let saw = |place: &Place| {
        there.get(usize::from(*place)).is_some_and(|vote| {
            let record = book.record(vote.saw.record);
            // Who reports and signs does so of what is on record.
            let before = changes_of(record).find(|(_, _, slot, ..)| *slot == question.slot).map(|(index, ..)| index);
            vote.saw.content == question.content
                && (vote.verdict == Verdict::Submit || vote.saw.filing == outline.filing)
                && newest(record, before.unwrap_or(record.grants.len())).map(|g| &g.submission_uid) == stood
        })
    };
    outline.counted.iter().chain(&outline.filing).all(saw)
}

/// Whether nobody counts in two roles: in the round that stands, and in those before.
pub fn one_role_each(book: &mut Book, question: Question, outline: &Outline) -> bool {
    let there = book.votes(question.decisions);
    let mut acted: Vec<(Person, Role)> = Vec::new();
    for place in outline.counted.iter().chain(&outline.filing) {
        let Some(vote) = there.get(usize::from(*place)) else { return false };
        acted.push((vote.who, vote.role));
    }
    // What was counted in an earlier round, when it was made, is an act too.
    for (place, list) in book.earlier(question.decisions).into_iter().rev().skip(1).enumerate() {
        let vote = there[place];
        let then = Question { decisions: list, record: vote.saw.record, content: vote.saw.content, ..question };
        let then = book.outline(Question { clock: vote.at, ..then });
        let place = u8::try_from(place).unwrap_or(u8::MAX);
        if then.counted.contains(&place) || then.filing == Some(place) {
            acted.push((vote.who, vote.role));
        }
    }
    acted.iter().all(|(who, role)| acted.iter().all(|(other, as_role)| who != other || role == as_role))
}

//! What must hold of departures and orders, judged by what the model itself has kept of who saw and did what.

use super::super::changes::book::{boundary, now, units_of};
use super::super::changes::setup::{TICKS, ask};
use super::super::facts;
use super::super::rules::Gate;
use super::super::world::{Id, Vote};
use super::book::{Book, bit, number};
use super::rules;
use super::setup::Setup;
use super::world::{Matter, World};
use jiff::Timestamp;
use yunguan::api::InformationSystemSpec;
use yunguan::api::cloud_resource_request::CountedDecision;
use yunguan::api::decommission::{Leaving, VolumeBackup};
use yunguan::api::information_system::Suspension;
use yunguan::core::capacity::Profile;
use yunguan::core::{effective, ledger, stop};

pub use super::super::invariants::{AUTHORITY, REPLAY};
pub const CONFIRMED: &str = "nothing is wiped but what the unit has confirmed the backup of";
pub const ORDERED: &str = "nothing is wiped while an order stands";
pub const BACK: &str = "what is taken back was not wiped, and what is being wiped is not taken back";
pub const OFFLINE: &str = "from going offline on nothing is charged";
pub const LEAVING: &str = "nothing is granted to a system that leaves";
pub const LOST: &str = "nothing is lost from a record or the books";
pub const ONCE: &str = "a system closes once";
pub const ROOM: &str = "room is given back when a system has left, all of it and once";
pub const RUNS: &str = "after a settling, all runs and is charged unless something stops it";
pub const CLOSES: &str = "from every state a departure can come to its end";

/// Things that go wrong between two states, a bit each.
pub const SIN_ORDERED: u8 = 1;
pub const SIN_FORGOTTEN: u8 = 2;
const SIN_BACK: u8 = 4;
const SIN_LEAVING: u8 = 8;
const SIN_LOST: u8 = 16;
const SIN_ONCE: u8 = 32;

/// What goes wrong where a record takes the place of another.
pub fn between(book: &mut Book, before: Id, after: Id) -> u8 {
    if before == after {
        return 0;
    }
    book.between((before, after), |book| {
        let (before, after) = (book.record(before), book.record(after));
        let mut sins = 0;
        let known = ledger::facts(after, &[]);
        let kept = ledger::facts(before, &[]).iter().all(|fact| known.contains(fact));
        let whole = before.grants.iter().all(|g| after.grants.contains(g));
        let closed = |spec: &InformationSystemSpec| spec.departures.iter().filter_map(closed_at).collect::<Vec<_>>();
        let (closed_before, closed_after) = (closed(before), closed(after));
        if !closed_before.is_empty() && closed_before != closed_after {
            sins |= SIN_ONCE;
        } else if !kept || !whole {
            sins |= SIN_LOST;
        }
        if is_on_its_way(before) && is_on_its_way(after) && after.grants.len() > before.grants.len() {
            sins |= SIN_LEAVING;
        }
        let back = |leaving: &Leaving| leaving.wipe.is_some() && leaving.withdrawn.is_some();
        sins |= if after.departures.iter().any(back) { SIN_BACK } else { 0 };
        sins
    })
}

fn closed_at(leaving: &Leaving) -> Option<String> {
    Some(leaving.reclaim.as_ref()?.closed?.to_string())
}

fn is_on_its_way(spec: &InformationSystemSpec) -> bool {
    spec.departures.iter().any(|leaving| leaving.withdrawn.is_none())
}

/// Which of these went wrong on the way to a state.
pub fn sinned(world: &World) -> [(&'static str, bool); 6] {
    let without = |sin: u8| world.sins & sin == 0;
    [
        (ORDERED, without(SIN_ORDERED)),
        (CONFIRMED, without(SIN_FORGOTTEN)),
        (BACK, without(SIN_BACK)),
        (LEAVING, without(SIN_LEAVING)),
        (LOST, without(SIN_LOST)),
        (ONCE, without(SIN_ONCE)),
    ]
}

/// Whether somebody answers for a volume that goes with its namespace.
pub fn is_accounted(book: &Book, record: Id, volume: u8) -> bool {
    let wipes = book.record(record).departures.iter().filter_map(|leaving| leaving.wipe.as_ref());
    wipes.flat_map(|wipe| &wipe.volumes).any(|v| number(&v.volume) == volume)
}

fn decisions<'a>(counted: &'a [CountedDecision], there: &'a [Vote]) -> impl Iterator<Item = &'a Vote> {
    let places = counted.iter().filter_map(|d| facts::place(&d.uid));
    places.filter_map(|place| there.get(usize::from(place)))
}

/// Whether somebody who may has made this decision on that very filing.
fn counts(vote: &Vote, matter: Matter, gate: Gate, submission: &str) -> bool {
    let rightful = vote.role == rules::role(matter, gate) && vote.who.holds(vote.role);
    let of = vote.filing == facts::place(submission);
    vote.gate == gate && vote.verdict == gate.agreement() && rightful && of
}

/// Whether what was wiped was confirmed by the unit, which had seen the backup of that very volume, and no other since.
pub fn confirmed(book: &Book, world: &World) -> bool {
    let there = book.votes(world.decisions[Matter::Leave.index()]);
    let spec = book.record(world.record());
    let wiped = |leaving: &Leaving| {
        let wipe = leaving.wipe.as_ref()?;
        let holds = |backups: &[VolumeBackup], volume: u8| backups.iter().any(|b| number(&b.volume) == volume);
        let saw = |vote: &Vote| {
            let seen = book.record(vote.saw.record).departures.iter();
            seen.filter(|seen| seen.submission_uid == leaving.submission_uid)
                .any(|seen| seen.backups == leaving.backups)
        };
        let confirms = decisions(&wipe.decisions, &there)
            .any(|vote| counts(vote, Matter::Leave, Gate::Confirmation, &leaving.submission_uid) && saw(vote));
        let volumes = (1..8).filter(|volume| holds(&leaving.backups, *volume)).map(bit).sum::<u8>();
        Some(if confirms { volumes } else { 0 })
    };
    let may: u8 = spec.departures.iter().filter_map(wiped).fold(0, |all, some| all | some);
    // Nobody may begin either, whether a Job has come so far or not.
    let begun = spec.departures.iter().all(|l| l.wipe.is_none() || wiped(l).is_some_and(|some| some != 0 || empty(l)));
    world.wiped & !may == 0 && begun
}

fn empty(leaving: &Leaving) -> bool {
    leaving.backups.is_empty()
}

/// Whether nothing was wiped of what is taken back.
pub fn taken_back(book: &Book, world: &World) -> bool {
    let spec = book.record(world.record());
    let kept = spec.departures.iter().all(|leaving| leaving.withdrawn.is_some());
    !kept || world.wiped == 0
}

/// Whether every departure and every order on record rests on the decisions of those who may.
pub fn by_authority(book: &Book, world: &World) -> bool {
    let spec = book.record(world.record());
    let [leave, order] = world.decisions.map(|list| book.votes(list));
    let departs = |leaving: &Leaving| {
        let uid = &leaving.submission_uid;
        let attested = leaving.reclaim.as_ref().is_none_or(|reclaim| {
            decisions(&reclaim.decisions, &leave).any(|v| counts(v, Matter::Leave, Gate::Attestation, uid))
        });
        attested && decisions(&leaving.decisions, &leave).any(|v| counts(v, Matter::Leave, Gate::Approval, uid))
    };
    let stops = |suspension: &Suspension| {
        let uid = &suspension.imposed.submission_uid;
        let ended = suspension.lifted.as_ref().is_none_or(|lifted| {
            decisions(&lifted.decisions, &order).any(|v| counts(v, Matter::Order, Gate::Lift, uid))
        });
        let by = &suspension.imposed.decisions;
        ended && decisions(by, &order).any(|v| counts(v, Matter::Order, Gate::Approval, uid))
    };
    spec.departures.iter().all(departs) && spec.suspensions.iter().all(stops)
}

/// Whether a departure that stands has it offline.
fn is_offline(spec: &InformationSystemSpec) -> bool {
    spec.departures.iter().any(|leaving| leaving.offline_at.is_some() && leaving.withdrawn.is_none())
}

/// Whether nothing is charged of what is offline: by the record, by what is told of it, and by the books.
pub fn free_offline(book: &Book, world: &World) -> bool {
    let system = world.base.systems[0];
    let spec = book.record(system.record);
    if !is_offline(spec) {
        return true;
    }
    let told = book.changes.told_of(system.shown);
    let current = told.observed_generation == book.changes.generation_of(system.record);
    let entries = ledger::facts(spec, &[]);
    let entered = spec.departures.iter().filter(|l| l.offline_at.is_some()).all(|leaving| {
        let key = format!("offline/{}", leaving.submission_uid);
        entries.iter().any(|fact| fact.key == key && Some(fact.at) == leaving.offline_at)
    });
    !stop::is_charged(spec) && entered && (!current || told.monthly_fee.is_none())
}

/// Units that the system has at a moment, by what the model knows of its changes.
fn units_at(spec: &InformationSystemSpec, at: Timestamp) -> i64 {
    let closed = spec.departures.iter().filter_map(|l| l.reclaim.as_ref()?.closed);
    if closed.into_iter().any(|closed| closed.timestamp() <= at) {
        return 0;
    }
    let base = 3;
    spec.grants.iter().skip(1).fold(base, |units, grant| {
        let slot = grant.request.name.strip_prefix('c').and_then(|slot| slot.parse().ok()).unwrap_or(0);
        let asks = ask(slot, 0);
        let window = asks.window && (at < boundary(1) || boundary(2) <= at);
        let holds = grant.effective_from.timestamp() <= at && !window;
        if holds { asks.units.into() } else { units }
    })
}

/// Whether its grants take room until it has left and not any longer, at every moment, as the domain counts them.
pub fn room(book: &Book, world: &World) -> bool {
    let record = world.record();
    let spec = book.record(record);
    let Some(profile) = Profile::of(&book.changes.takes(record)) else { return false };
    // Of what it had before nothing is asked any more.
    let ahead = (world.base.clock..TICKS).map(now);
    ahead.into_iter().all(|at| units_of(&profile.at(at)) == units_at(spec, at))
}

/// Whether, when all has settled, the domain counts every grant once, holds nothing for nobody, and the system is told to
/// have what it has.
pub fn room_settled(setup: &Setup, book: &Book, world: &World) -> bool {
    let base = &world.base;
    let grants: usize = base.systems.iter().map(|s| book.record(s.record).grants.len()).sum();
    let told = book.changes.told_of(base.systems[0].shown);
    let amounts = yunguan::core::quantity::Amounts::parse(&told.amounts).unwrap_or_default();
    let spec = book.record(world.record());
    let held = base.domain.reserved().count();
    usize::from(base.domain.committed) <= grants
        && (held == 0 || !setup.base.clears)
        && units_of(&amounts) == units_at(spec, now(base.clock))
}

/// Whether, when all has settled, what nothing stops runs again and is charged as before, and what something stops does not.
pub fn runs(book: &Book, world: &World) -> bool {
    let spec = book.record(world.record());
    let told = book.changes.told_of(world.base.systems[0].shown);
    let ordered = spec.suspensions.iter().any(|suspension| suspension.lifted.is_none());
    let gone = spec.departures.iter().any(|l| l.reclaim.is_some());
    let offline = is_offline(spec);
    let fee = effective::fee_at(spec, now(world.base.clock)).filter(|_| !offline);
    let stops = told.stop.is_some() == (ordered || offline);
    super::operator::is_kept(book, world) && told.monthly_fee == fee && (gone || stops)
}

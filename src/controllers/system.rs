//! InformationSystem: its books, its namespace and everything in it, and who is let in.

mod books;
pub(super) mod home;
mod said;
pub(super) mod stop;
mod work;

use super::Context;
use super::authority::Authority;
use super::case;
use super::refused::{REFUSED, refused};
use super::told::tell_void;
use crate::api::InformationSystem;
use crate::api::common::Time;
use crate::api::decision::VoidDecision;
use crate::api::information_system::{InformationSystemStatus, StopStatus, SystemPhase};
use crate::api::names::{CONDITION_NETWORKS_SHUT, CONDITION_STALLED, ROLE_UNIT};
use crate::build::access::{self, Pass, passes};
use crate::core::quantity::Amounts;
use crate::core::retention::{self, Kept};
use crate::core::round::report::URGENT_ENDED;
use crate::core::round::zone_of;
use crate::core::stop as stopping;
use crate::core::text::Text;
use crate::core::{effective, people};
use crate::runtime::apply;
use crate::runtime::clock;
use crate::runtime::controller::{Error, Settled};
use crate::runtime::id::Id;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{Resource, ResourceExt as _};
use std::sync::Arc;
use stop::Turn;
use work::Work;

/// Books that have stopped are looked at again so often: nothing tells of a foreign entry that is gone.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(30);

/// A quota that is not at work yet is looked at again by then, should the watch not tell of it.
const QUOTA_PATIENCE: SignedDuration = SignedDuration::from_secs(10);

/// The reason while something else stands in the books than the operator wrote.
const BOOKS_STOPPED: &str = "BooksStopped";

/// One pass over one system: a list of steps, and what stops it or takes rights away comes first.
///
/// # Errors
/// What keeps it from coming to rest.
pub async fn reconcile(system: Arc<InformationSystem>, context: Arc<Context>) -> Result<Settled, Error> {
    if system.metadata.deletion_timestamp.is_some() {
        return Ok(Settled::default());
    }
    let now = effective::at_least(&system.spec, clock::now());
    let mut work = Work::new(&system, &context, now);
    let known = work.steps.note("access", observe_passes(&system, &context).await);
    let (known, void) = known.unzip();
    let passes = known.clone().unwrap_or_else(|| unasked_passes(&system, &context));
    let mut valid: Vec<Pass> = passes.into_iter().filter(|p| p.until > now).collect();
    let mut outcome = Outcome { leaves: is_reclaimed(&system), void, ..Outcome::default() };
    let mut stop = stop::Pass::default();
    if stopping::taken_back(&system.spec).is_some() {
        if work.take_back().await {
            // The watch brings it back with its new version.
            return Ok(Settled::default());
        }
        stop.next = now.checked_add(stop::SOON).ok();
    } else if !outcome.leaves {
        stop = work.halt().await;
        work.narrow(&valid).await;
    }
    // Who cannot be let in is not in the books as somebody who was.
    let let_in: Vec<Pass> = known.iter().flatten().filter(|pass| can_be_let_in(pass)).cloned().collect();
    let books = work.steps.note("books", books::keep(&system, &context, &let_in).await);
    // What is not on record has no effect.
    valid.retain(|pass| can_be_let_in(pass) && books.iter().flatten().all(|stopped| !stopped.lacks(pass)));
    work.provision(&valid, books.as_ref(), &mut outcome).await;
    tell(&system, &context, &work.corrected).await;
    if work.stands && stop::turn(&system) == Turn::Resume {
        stop = stop::resume(&system, &context, &mut work.steps, now).await;
    }
    outcome.books = books.flatten().map(|books| books.why.to_string());
    outcome.stop = stop.status;
    outcome.refused = refused(&work.steps, system.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default());
    let retained = retained_until(&system, &context);
    let mended = now.checked_add(LOOK_AGAIN).ok().filter(|_| outcome.books.is_some());
    let turns = effective::next_moment(&system.spec, now);
    let ends = valid.iter().map(|p| p.until).chain(retained.filter(|end| *end > now)).chain(mended).chain(turns);
    let shut = system.spec.adopted.as_ref().map(|adopted| adopted.networks_shut_from.timestamp());
    let quota = now.checked_add(QUOTA_PATIENCE).ok().filter(|_| outcome.waits);
    let next = ends.chain(stop.next).chain(shut.filter(|at| *at > now)).chain(quota).min();
    let unfinished = work.steps.outcome();
    // What goes better by itself in a moment is not told.
    let passes_by = outcome.waits || unfinished.is_some();
    if passes_by && outcome.refused.is_none() && outcome.stop.is_none() && outcome.problem.is_none() {
        return Ok(Settled { next, version: None, unfinished });
    }
    let version = report(&system, &context, &outcome, &valid, retained, now).await?;
    Ok(Settled { next, version, unfinished })
}

/// Whether the one whom the unit has named can be given rights at all.
fn can_be_let_in(pass: &Pass) -> bool {
    people::why_not(&pass.access.username).is_none()
}

/// Whether its namespace goes, or is gone: nothing of it is made again.
fn is_reclaimed(system: &InformationSystem) -> bool {
    stopping::leaving(&system.spec).is_some_and(|leaving| leaving.reclaim.is_some())
}

/// The moment from which the old self of a migrated system need not be kept any more, in the zone of its rules; nothing while it is
/// not live.
pub(super) fn retained_until(system: &InformationSystem, context: &Context) -> Option<Timestamp> {
    let registry = context.registry();
    let Kept::Until(day) = retention::kept(&system.spec, &registry)? else { return None };
    let zone = retention::rules(&system.spec, &registry).map_or(TimeZone::UTC, zone_of);
    retention::ends_at(day, &zone)
}

/// Whom the unit has let in, by decisions of people who hold the unit's role now; and the newest that do not count.
async fn observe_passes(
    system: &InformationSystem,
    context: &Context,
) -> Result<(Vec<Pass>, Vec<VoidDecision>), Error> {
    let mut facts = case::decisions(context, system).await?;
    let registry = context.registry();
    let holders = [system.spec.organization.clone()];
    for fact in &mut facts {
        let by = fact.spec.decided_by.clone().unwrap_or_default();
        fact.entitled &= registry.is_member(&holders, ROLE_UNIT, &by.username, &by.groups);
    }
    let uid = system.uid().unwrap_or_default();
    Ok((passes(&uid, &facts, max_access_days(system, context)), access::void(&uid, &facts)))
}

/// Whom it may have let in, while nobody can be asked who holds which role: whoever is not among them has no rights any more,
/// and nobody new gets any.
fn unasked_passes(system: &InformationSystem, context: &Context) -> Vec<Pass> {
    let facts = Authority::unasked(&case::named(context, &Id::of(system)));
    passes(&system.uid().unwrap_or_default(), &facts, max_access_days(system, context))
}

fn max_access_days(system: &InformationSystem, context: &Context) -> i32 {
    let policy = system.spec.grants.first().map(|g| g.policy.uid.as_str());
    let registry = context.registry();
    let rules = registry.policies.iter().find(|p| Some(p.uid.as_str()) == policy);
    rules.map_or(1, |p| p.spec.house_rules.max_access_days)
}

/// What a pass came to.
#[derive(Default)]
struct Outcome {
    /// What is effective now.
    amounts: Amounts,
    /// What is still in use beyond that.
    held: Amounts,
    /// What is in use beyond what is granted, held or not.
    beyond: Amounts,
    /// Whether all stands and the quota is not at work yet.
    waits: bool,
    /// Whether all that was granted stands.
    open: bool,
    problem: Option<(&'static str, String)>,
    books: Option<String>,
    /// The newest decisions about access that do not count; nothing where nobody could be asked.
    void: Option<Vec<VoidDecision>>,
    /// What the API server refuses for good.
    refused: Option<Text>,
    /// How far it is with stopping what runs, or with starting it again.
    stop: Option<StopStatus>,
    /// Whether its namespace goes, or is gone.
    leaves: bool,
}

/// Counts and tells what was put right, before anything else can fail: the next pass finds nothing to put right. What is
/// made for the first time had been changed by nobody.
async fn tell(system: &InformationSystem, context: &Context, corrected: &[ObjectReference]) {
    let opened = system.status.as_ref().is_some_and(|s| s.provisioned_at.is_some());
    // Networks of a namespace that was taken over may be shut later than it was opened.
    let conditions = || system.status.iter().flat_map(|s| &s.conditions);
    let shut =
        system.spec.adopted.is_none() || conditions().any(|c| c.type_ == CONDITION_NETWORKS_SHUT && c.status == "True");
    let expected = |object: &&ObjectReference| opened && (shut || object.kind.as_deref() != Some("NetworkPolicy"));
    for object in corrected.iter().filter(expected) {
        let (kind, name) = (object.kind.as_deref().unwrap_or_default(), object.name.as_deref().unwrap_or_default());
        context.metrics.drift_corrected(kind);
        tracing::warn!(kind, name, "put right what others had changed");
        let note = format!("put right what others had changed or removed: {kind} {name} (已纠正被改动的对象)");
        context.events.publish_with(&system.object_ref(&()), Some(object), true, "DriftCorrected", &note).await;
    }
}

/// Whether an object that is wholly ours carries the labels that it should, and no others.
pub(super) fn same_labels<K: Resource>(wanted: &K, there: &K) -> bool {
    wanted.labels() == there.labels()
}

async fn report(
    system: &InformationSystem,
    context: &Context,
    outcome: &Outcome,
    let_in: &[Pass],
    retained: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<String>, Error> {
    let before = system.status.clone().unwrap_or_default();
    let open = outcome.open;
    let provisioned_at = before.provisioned_at.or_else(|| (open && !outcome.leaves).then(|| Time::new(now)));
    let running = outcome.stop.as_ref().map(|stop| stop.running);
    let (guests, more_guests) = access::guests(let_in);
    let status = InformationSystemStatus {
        observed_generation: system.metadata.generation,
        phase: match (&system.spec.live, provisioned_at) {
            _ if stopping::closed(&system.spec).is_some() => SystemPhase::Closed,
            _ if stopping::leaving(&system.spec).is_some() => SystemPhase::Leaving,
            _ if stopping::suspended(&system.spec).is_some() && running != Some(0) => SystemPhase::Stopping,
            _ if stopping::suspended(&system.spec).is_some() => SystemPhase::Suspended,
            (Some(_), _) => SystemPhase::Live,
            (None, Some(_)) => SystemPhase::Trial,
            (None, None) => SystemPhase::Provisioning,
        },
        amounts: if open { outcome.amounts.print() } else { before.amounts.clone() },
        held: if open { outcome.held.print() } else { before.held.clone() },
        stop: outcome.stop.clone(),
        usage: None,
        usage_history: None,
        changes_at: effective::next_moment(&system.spec, now).map(Time::new),
        monthly_fee: effective::fee_at(&system.spec, now).filter(|_| {
            // What is not live yet shows what it will cost.
            system.spec.live.is_none() || stopping::is_charged(&system.spec)
        }),
        provisioned_at,
        guests,
        more_guests,
        void_decisions: outcome.void.clone().unwrap_or_else(|| before.void_decisions.clone()),
        conditions: Vec::new(),
    };
    let seen = super::usage::of(context, system, &before);
    let mut statements = said::statements(system, outcome, status.phase, now);
    statements.extend(seen.statements);
    statements.push(said::within_grant(&outcome.beyond));
    statements.extend(said::all_given(system, now));
    statements.extend(said::old_system(&system.spec, &context.registry(), retained, now));
    statements.extend(said::networks(system, now));
    let generation = system.metadata.generation.unwrap_or_default();
    let status = InformationSystemStatus {
        conditions: apply::conditions(&before.conditions, &statements, generation, now),
        usage: seen.usage,
        usage_history: seen.history,
        ..status
    };
    if system.status.as_ref() == Some(&status) {
        return Ok(None);
    }
    let says = |conditions: &[Condition], reason: &str| conditions.iter().any(|c| c.reason == reason);
    let turns = |reason| !says(&before.conditions, reason) && says(&status.conditions, reason);
    let stopped = outcome.books.as_ref().filter(|_| turns(BOOKS_STOPPED));
    let refused = outcome.refused.as_ref().filter(|_| turns(REFUSED)).map(ToString::to_string);
    let ended = statements.iter().find(|s| s.reason == URGENT_ENDED && turns(URGENT_ENDED)).map(|s| s.message.clone());
    let turned = before.phase != status.phase;
    let phase = status.phase;
    let release =
        (before.held.is_empty() && !status.held.is_empty()).then(|| said::within_grant(&outcome.held).message);
    let void = status.void_decisions.clone();
    let mut next = system.clone();
    next.status = Some(status);
    let api = context.api::<InformationSystem>(&system.namespace().unwrap_or_default());
    let version = apply::put_status(&api, &context.metrics, &next).await?.resource_version();
    tell_void(context, &system.object_ref(&()), &before.void_decisions, &void).await;
    if let Some(why) = stopped {
        tracing::error!(why, "the books of the system have stopped");
        context.events.publish(&system.object_ref(&()), true, BOOKS_STOPPED, why).await;
    }
    if let Some(refused) = refused {
        context.events.publish(&system.object_ref(&()), true, REFUSED, &refused).await;
    }
    if let Some(ended) = ended {
        context.events.publish(&system.object_ref(&()), true, URGENT_ENDED, &ended).await;
    }
    if let Some(release) = release {
        context.events.publish(&system.object_ref(&()), true, "StillInUse", &release).await;
    }
    if turned {
        let note = format!("{phase}: namespace {}", system.spec.namespace);
        context.events.publish(&system.object_ref(&()), false, phase.into(), &note).await;
    }
    Ok(version)
}

/// Why a system waits for somebody to mend something; nothing where it does not.
pub(super) fn stalled(system: &InformationSystem) -> Option<String> {
    let mut conditions = system.status.iter().flat_map(|s| &s.conditions);
    let stalled = conditions.find(|c| c.type_ == CONDITION_STALLED && c.status == "True")?;
    Some(stalled.reason.clone())
}

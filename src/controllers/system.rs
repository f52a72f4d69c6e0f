//! InformationSystem: its books, its namespace and everything in it, and who is let in.

mod books;
mod home;
mod said;
pub(super) mod stop;

use super::Context;
use super::authority::Freshness;
use super::context::beside;
use crate::api::common::Time;
use crate::api::information_system::{Guest, InformationSystemStatus, StopStatus, SystemPhase};
use crate::api::names::{ANNOTATION_OWNER_UID, CONDITION_NETWORKS_SHUT, CONDITION_STALLED, LABEL_MANAGED, ROLE_UNIT};
use crate::api::{InformationSystem, InformationSystemSpec};
use crate::build::access::{Pass, passes};
use crate::build::system::{COMES_AND_GOES, Granted, SystemObjects, objects};
use crate::build::{helper, quota};
use crate::core::adoption;
use crate::core::quantity::Amounts;
use crate::core::quota::{Countable, Defaults};
use crate::core::round::report::URGENT_ENDED;
use crate::core::stop as stopping;
use crate::core::{calendar, effective, names, retention};
use crate::runtime::apply::{self, Done};
use crate::runtime::clock;
use crate::runtime::controller::{Error, Settled};
use crate::runtime::id::Id;
use crate::runtime::store::Store;
use books::Stopped;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{LimitRange, Namespace, ObjectReference, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{Api, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::sync::Arc;

/// Books that have stopped are looked at again so often: nothing tells of a foreign entry that is gone.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(30);

/// The reason while something else stands in the books than the operator wrote.
const BOOKS_STOPPED: &str = "BooksStopped";

/// One pass over one system.
///
/// # Errors
/// What keeps it from coming to rest.
pub async fn reconcile(system: Arc<InformationSystem>, context: Arc<Context>) -> Result<Settled, Error> {
    if system.metadata.deletion_timestamp.is_some() {
        return Ok(Settled::default());
    }
    let now = effective::at_least(&system.spec, clock::now());
    let passes = observe_passes(&system, &context).await?;
    let stopped = books::keep(&system, &context, &passes).await?;
    // What is not on record has no effect.
    let on_record = |pass: &Pass| stopped.as_ref().is_none_or(|books| !books.lacks(pass));
    let valid: Vec<Pass> = passes.iter().filter(|p| p.until > now && on_record(p)).cloned().collect();
    let mut corrected = Vec::new();
    let outcome = provision(&system, &context, &valid, stopped.as_ref(), now, &mut corrected).await;
    tell(&system, &context, &corrected).await;
    let mut outcome = Outcome { books: stopped.map(|books| books.why.to_string()), ..outcome? };
    let stop = match outcome.problem {
        _ if outcome.leaves => stop::Pass::default(),
        None => stop::carry_out(&system, &context, now).await?,
        Some(_) => stop::Pass { status: system.status.as_ref().and_then(|s| s.stop.clone()), next: None },
    };
    outcome.stop = stop.status;
    let retained = retained_until(&system, &context);
    let version = report(&system, &context, &outcome, &valid, retained, now).await?;
    let mended = now.checked_add(LOOK_AGAIN).ok().filter(|_| outcome.books.is_some());
    let turns = effective::next_moment(&system.spec, now);
    let ends = valid.iter().map(|p| p.until).chain(retained.filter(|end| *end > now)).chain(mended).chain(turns);
    let shut = system.spec.adopted.as_ref().map(|adopted| adopted.networks_shut_from.timestamp());
    let ends = ends.chain(stop.next).chain(shut.filter(|at| *at > now));
    Ok(Settled { next: ends.min(), version })
}

/// The moment from which the old self of a migrated system need not be kept any more, in the zone of its rules.
pub(super) fn retained_until(system: &InformationSystem, context: &Context) -> Option<Timestamp> {
    let policy = system.spec.grants.first().map(|g| g.policy.uid.as_str());
    let registry = context.registry();
    let rules = registry.policies.iter().find(|p| Some(p.uid.as_str()) == policy);
    let zone = rules.and_then(|p| calendar::zone(&p.spec.time_zone)).unwrap_or(TimeZone::UTC);
    retention::ends_at(system.spec.keep_old_until?, &zone)
}

/// Whom the unit has let in, by decisions of people who hold the unit's role now.
async fn observe_passes(system: &InformationSystem, context: &Context) -> Result<Vec<Pass>, Error> {
    let named = context.indexes.decisions_by_system.ids(&Id::of(system));
    let decisions: Vec<_> = named.iter().filter_map(|id| context.decisions.get(id)).collect();
    let registry = context.registry();
    let holders = [system.spec.organization.clone()];
    let mut facts = context.authority.facts(&decisions, Freshness::Recent).await?;
    for fact in &mut facts {
        let by = fact.spec.decided_by.clone().unwrap_or_default();
        fact.entitled &= registry.is_member(&holders, ROLE_UNIT, &by.username, &by.groups);
    }
    let policy = system.spec.grants.first().map(|g| g.policy.uid.as_str());
    let max_days = registry
        .policies
        .iter()
        .find(|p| Some(p.uid.as_str()) == policy)
        .map_or(1, |p| p.spec.house_rules.max_access_days);
    Ok(passes(&system.uid().unwrap_or_default(), &facts, max_days))
}

/// What provisioning came to.
#[derive(Default)]
struct Outcome {
    /// What is effective now.
    amounts: Amounts,
    /// What is still in use beyond that.
    held: Amounts,
    problem: Option<(&'static str, String)>,
    books: Option<String>,
    /// How far it is with stopping what runs, or with starting it again.
    stop: Option<StopStatus>,
    /// Whether its namespace goes, or is gone.
    leaves: bool,
}

async fn provision(
    system: &InformationSystem,
    context: &Context,
    guests: &[Pass],
    stopped: Option<&Stopped>,
    now: Timestamp,
    corrected: &mut Vec<ObjectReference>,
) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    let registry = context.registry();
    let record = on_record(system, stopped);
    let amounts = effective::amounts_at(&record, now).ok();
    let most = effective::most_until(&record, now).unwrap_or_default();
    let (Some(amounts), Some(domain), Some(organization)) =
        (amounts, registry.domains.get(&system.spec.domain), registry.organizations.get(&system.spec.organization))
    else {
        outcome.problem = Some((
            "RecordIncomplete",
            "its domain or organization is gone, or a grant cannot be read: what runs is left as it is (记录不完整，现有资源不受影响)".to_owned(),
        ));
        return Ok(outcome);
    };
    // Its namespace goes, or is gone: nothing of it is made again.
    if stopping::leaving(&system.spec).is_some_and(|leaving| leaving.reclaim.is_some()) {
        outcome.amounts = amounts;
        outcome.leaves = true;
        return Ok(outcome);
    }
    if let Some(problem) = unfounded(system, context).or_else(|| unrecorded(system, stopped)) {
        outcome.problem = Some(problem);
        return Ok(outcome);
    }
    let uid = system.uid().unwrap_or_default();
    let helpers = stopping::under_way(&system.spec).map_or_else(Amounts::default, |leaving| {
        helper::allowance(leaving, &registry.products, &system.spec.domain, &amounts)
    });
    let networks_open = adoption::networks_open(system.spec.adopted.as_ref(), now);
    let countable = Countable::of(&registry, &system.spec.domain);
    let lines = system.spec.grants.iter().flat_map(|grant| &grant.lines);
    let products = lines.filter_map(|line| Some(line.terms.as_ref()?.product.as_str()));
    let defaults = Defaults::of(&registry, products);
    let granted =
        Granted { amounts: &amounts, helpers: &helpers, countable: &countable, defaults: &defaults, networks_open };
    let mut wanted = objects(&system.name_any(), &uid, &system.spec, granted, domain, organization, guests);
    outcome.amounts = amounts;
    outcome.held = hold_what_is_used(system, context, &mut wanted.quota, &most).await?;
    if let Some(problem) = own_namespace(system, context, &wanted, corrected).await? {
        outcome.problem = Some(problem);
        return Ok(outcome);
    }
    fill_namespace(context, &system.spec.namespace, &wanted, corrected).await?;
    Ok(outcome)
}

/// The record without grants that are not in the books: what is not on record has no effect.
fn on_record(system: &InformationSystem, stopped: Option<&Stopped>) -> InformationSystemSpec {
    let mut record = system.spec.clone();
    if let Some(books) = stopped.filter(|_| system.status.as_ref().is_some_and(|s| s.provisioned_at.is_some())) {
        let first = record.grants.first().map(|g| g.submission_uid.clone());
        record.grants.retain(|g| Some(&g.submission_uid) == first.as_ref() || !books.lacks_grant(&g.submission_uid));
    }
    record
}

/// Never below what is in use (article 22): where the quota is to go down, it goes as far as its use allows, and the rest
/// is freed as that falls. Nothing is evicted.
async fn hold_what_is_used(
    system: &InformationSystem,
    context: &Context,
    wanted: &mut ResourceQuota,
    most: &Amounts,
) -> Result<Amounts, Error> {
    let namespace = &system.spec.namespace;
    let Some(cached) = context.managed.quotas.get(&Id::new(&wanted.name_any()).within(namespace)) else {
        return Ok(Amounts::default());
    };
    if !quota::lowers(wanted, &cached) {
        return Ok(Amounts::default());
    }
    // What is taken away is looked at afresh: something may have started since.
    let fresh = context.api::<ResourceQuota>(namespace).get_opt(&wanted.name_any()).await?;
    Ok(fresh.map_or_else(Amounts::default, |fresh| quota::hold(wanted, &fresh, most)))
}

/// Why nothing is opened for a record: the decisions that it rests on are not here under their own uids, as after a copy
/// was put back from elsewhere. What is open already stays.
fn unfounded(system: &InformationSystem, context: &Context) -> Option<(&'static str, String)> {
    if system.status.as_ref().is_some_and(|s| s.provisioned_at.is_some()) {
        return None;
    }
    let missing = system.spec.grants.iter().find_map(|grant| {
        let decisions = context.decisions_about(&beside(system, &grant.request.name));
        let there: Vec<String> = decisions.iter().filter_map(|d| d.uid()).collect();
        grant.decisions.iter().find(|decision| !there.contains(&decision.uid))
    })?;
    Some((
        "Unfounded",
        format!(
            "decision {} on which its grant rests is not here under its uid {}: this record is a copy, and nothing is opened for it; file the request again (依据的办理意见不存在，本记录为副本，不予开通，请重新提交申请)",
            missing.name, missing.uid
        ),
    ))
}

/// Why nothing is opened for a grant that is not in the books. What is open already stays.
fn unrecorded(system: &InformationSystem, stopped: Option<&Stopped>) -> Option<(&'static str, String)> {
    let open = system.status.as_ref().is_some_and(|s| s.provisioned_at.is_some());
    let books = stopped.filter(|books| !open && books.lacks_a_grant())?;
    Some((BOOKS_STOPPED, books.why.to_string()))
}

/// Makes the namespace; one that is there and not ours is never touched.
async fn own_namespace(
    system: &InformationSystem,
    context: &Context,
    wanted: &SystemObjects,
    corrected: &mut Vec<ObjectReference>,
) -> Result<Option<(&'static str, String)>, Error> {
    let name = &system.spec.namespace;
    let uid = system.uid().unwrap_or_default();
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    if let Some(adopted) = &system.spec.adopted {
        return home::take_over(system, context, adopted, &wanted.namespace, corrected).await;
    }
    let observed = match context.managed.namespaces.get(&Id::new(name)) {
        Some(observed) => observed,
        None if apply::create(&namespaces, &context.metrics, &wanted.namespace).await? => {
            note(Done::Created, &wanted.namespace, corrected);
            return Ok(None);
        }
        None => Arc::new(namespaces.get(name).await?),
    };
    if observed.annotations().get(ANNOTATION_OWNER_UID) != Some(&uid) || !observed.labels().contains_key(LABEL_MANAGED)
    {
        return Ok(Some((
            "NamespaceTaken",
            format!(
                "namespace {name} exists and was not made for this system, so it is left alone: a platform engineer removes or renames it (命名空间已被占用)"
            ),
        )));
    }
    if observed.metadata.deletion_timestamp.is_some() {
        return Ok(Some((
            "NamespaceTerminating",
            format!("namespace {name} is being deleted; it is made again once it is gone (命名空间正在删除)"),
        )));
    }
    let done = apply::ensure(&namespaces, &context.metrics, &wanted.namespace, Some(&observed), |wanted, there| {
        let annotations = wanted.annotations().iter().all(|(k, v)| there.annotations().get(k) == Some(v));
        let passing = COMES_AND_GOES.iter().all(|key| wanted.labels().get(*key) == there.labels().get(*key));
        annotations && passing && same_labels(wanted, there)
    });
    note(done.await?, &wanted.namespace, corrected);
    Ok(None)
}

/// Quota and limits first, then networks, then people.
async fn fill_namespace(
    context: &Context,
    namespace: &str,
    wanted: &SystemObjects,
    corrected: &mut Vec<ObjectReference>,
) -> Result<(), Error> {
    let SystemObjects { namespace: _, quota, limits, policies, bindings } = wanted;
    let managed = &context.managed;
    let same_quota = |a: &ResourceQuota, b: &ResourceQuota| same_labels(a, b) && a.spec == b.spec;
    put(context, namespace, &managed.quotas, quota, same_quota, corrected).await?;
    let same_limits = |a: &LimitRange, b: &LimitRange| same_labels(a, b) && a.spec == b.spec;
    put(context, namespace, &managed.limits, limits, same_limits, corrected).await?;
    let same_policy = |a: &NetworkPolicy, b: &NetworkPolicy| same_labels(a, b) && a.spec == b.spec;
    for policy in policies {
        put(context, namespace, &managed.networks, policy, same_policy, corrected).await?;
    }
    for binding in bindings {
        put(context, namespace, &managed.bindings, binding, same_binding, corrected).await?;
    }
    remove_surplus(context, namespace, wanted).await
}

/// Bindings of guests whose time is over, and network policies of networks that are not granted.
async fn remove_surplus(context: &Context, namespace: &str, wanted: &SystemObjects) -> Result<(), Error> {
    for id in context.indexes.bindings_by_namespace.ids(&Id::new(namespace)) {
        let surplus = !wanted.bindings.iter().any(|b| b.name_any() == id.name());
        if surplus && let Some(binding) = context.managed.bindings.get(&id) {
            apply::delete(&context.api::<RoleBinding>(namespace), &context.metrics, binding.as_ref()).await?;
        }
    }
    Ok(())
}

async fn put<K>(
    context: &Context,
    namespace: &str,
    store: &Store<K>,
    wanted: &K,
    same: impl Fn(&K, &K) -> bool,
    corrected: &mut Vec<ObjectReference>,
) -> Result<(), Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
{
    let observed = store.get(&Id::new(&wanted.name_any()).within(namespace));
    let done = apply::ensure(&context.api::<K>(namespace), &context.metrics, wanted, observed.as_deref(), same).await?;
    note(done, wanted, corrected);
    Ok(())
}

/// Something that was missing or changed; a guest's binding is missing until it is made.
fn note<K: Resource<DynamicType = ()>>(done: Done, object: &K, corrected: &mut Vec<ObjectReference>) {
    let arrives = done == Done::Created && object.name_any().starts_with(names::GUEST_BINDING);
    if matches!(done, Done::Created | Done::Corrected) && !arrives {
        corrected.push(object.object_ref(&()));
    }
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

fn same_binding(a: &RoleBinding, b: &RoleBinding) -> bool {
    same_labels(a, b) && a.role_ref == b.role_ref && a.subjects.iter().flatten().eq(b.subjects.iter().flatten())
}

/// Whether `there` carries every label that `wanted` does.
pub(super) fn same_labels<K: Resource>(wanted: &K, there: &K) -> bool {
    wanted.labels().iter().all(|(label, value)| there.labels().get(label) == Some(value))
}

async fn report(
    system: &InformationSystem,
    context: &Context,
    outcome: &Outcome,
    guests: &[Pass],
    retained: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<String>, Error> {
    let before = system.status.clone().unwrap_or_default();
    let open = outcome.problem.is_none();
    let provisioned_at = before.provisioned_at.or_else(|| open.then(|| Time::new(now)));
    let status = InformationSystemStatus {
        observed_generation: system.metadata.generation,
        phase: match (&system.spec.live, provisioned_at) {
            _ if stopping::closed(&system.spec).is_some() => SystemPhase::Closed,
            _ if stopping::leaving(&system.spec).is_some() => SystemPhase::Leaving,
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
        guests: guests
            .iter()
            .take(32)
            .map(|pass| Guest {
                username: pass.access.username.clone(),
                purpose: pass.access.purpose.clone(),
                until: Time::new(pass.until),
                decision: pass.decision.name.clone(),
            })
            .collect(),
        conditions: Vec::new(),
    };
    let seen = super::usage::of(context, system, &before);
    let mut statements = said::statements(system, outcome, status.phase, now);
    statements.extend(seen.statements);
    statements.push(said::within_grant(&outcome.held));
    statements.extend(said::all_given(system, now));
    statements.extend(said::old_system(system, retained, now));
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
    let ended = statements.iter().find(|s| s.reason == URGENT_ENDED && turns(URGENT_ENDED)).map(|s| s.message.clone());
    let turned = before.phase != status.phase;
    let phase = status.phase;
    let release =
        (before.held.is_empty() && !status.held.is_empty()).then(|| said::within_grant(&outcome.held).message);
    let mut next = system.clone();
    next.status = Some(status);
    let api = context.api::<InformationSystem>(&system.namespace().unwrap_or_default());
    let version = apply::put_status(&api, &context.metrics, &next).await?.resource_version();
    if let Some(why) = stopped {
        tracing::error!(why, "the books of the system have stopped");
        context.events.publish(&system.object_ref(&()), true, BOOKS_STOPPED, why).await;
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

//! Stopping what runs, and starting it again (articles 23 and 34), without a touch on the unit's Deployments, StatefulSets and
//! DaemonSets: their pods are deleted, and those made instead wait at a scheduling gate that admission sets in a stopped
//! namespace. So no controller fails and backs off, and all runs again once the gates are opened. Jobs and CronJobs have a
//! `suspend` of their own, since a pod of a Job that ends counts for it.

use crate::api::common::Time;
use crate::api::information_system::StopStatus;
use crate::api::names::{GATE_STOPPED, JOB_WIPE, KEY_SUSPENDED};
use crate::api::{InformationSystem, InformationSystemSpec};
use crate::build::is_managed;
use crate::controllers::Context;
use crate::core::stop;
use crate::runtime::apply;
use crate::runtime::controller::{Error, refusals_last};
use crate::runtime::read::Listed;
use crate::runtime::steps::Steps;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::json;
use std::fmt::Debug;

/// So soon it is looked again while something is on its way.
pub(super) const SOON: SignedDuration = SignedDuration::from_secs(1);
/// Nothing tells of a pod that has slipped in while an API server did not know yet that the namespace is stopped.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(30);
/// So long an API server may still set gates after the namespace is let run again.
const SETTLED: SignedDuration = SignedDuration::from_secs(15);
/// Writes side by side.
const AT_ONCE: usize = 8;
/// What a pass came to.
#[derive(Default)]
pub(super) struct Pass {
    /// What the status is to say; nothing where all runs as it should.
    pub(super) status: Option<StopStatus>,
    /// When to look again.
    pub(super) next: Option<Timestamp>,
}

/// What is to be done about what runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Turn {
    /// Nothing.
    Nothing,
    /// It is stopped.
    Halt,
    /// It is let run again.
    Resume,
}

/// What the record says about what runs.
pub(super) fn turn(system: &InformationSystem) -> Turn {
    turn_of(&system.spec, told(system).is_some())
}

/// Where a stop was lifted before its first status could be written, pods wait at the gate and no status says so.
fn turn_of(spec: &InformationSystemSpec, told: bool) -> Turn {
    if stop::standing(spec).is_some() {
        Turn::Halt
    } else if told || stop::lifted(spec).is_some() {
        Turn::Resume
    } else {
        Turn::Nothing
    }
}

/// How far it was when that was told last.
fn told(system: &InformationSystem) -> Option<StopStatus> {
    system.status.as_ref().and_then(|status| status.stop.clone())
}

/// How far it was, or that it begins now.
fn so_far(system: &InformationSystem, now: Timestamp) -> StopStatus {
    told(system).unwrap_or(StopStatus { since: Time::new(now), ..StopStatus::default() })
}

/// It is not known what runs.
pub(super) fn unknown(system: &InformationSystem) -> Pass {
    Pass { status: told(system), next: None }
}

/// There is nothing that could run.
pub(super) fn nothing_runs(system: &InformationSystem, now: Timestamp) -> Pass {
    let status = StopStatus { running: 0, lifting: None, ..so_far(system, now) };
    Pass { status: Some(status), next: now.checked_add(LOOK_AGAIN).ok() }
}

/// Stops what runs, each on its own: what cannot be stopped keeps nothing else going.
pub(super) async fn halt(system: &InformationSystem, context: &Context, steps: &mut Steps, now: Timestamp) -> Pass {
    let namespace = &system.spec.namespace;
    let before = so_far(system, now);
    let crons = list::<CronJob>(context, namespace, steps, "cron jobs").await.unwrap_or_default().objects;
    let active = crons.iter().filter(|cron| !suspended(cron.spec.suspend));
    each(steps, "cron jobs", active.map(|cron| suspend(context, cron).boxed()).collect()).await;
    let jobs = list::<Job>(context, namespace, steps, "jobs").await.unwrap_or_default().objects;
    // Of the operator's own those that wipe stand still as long as an order does.
    let order = stop::suspended(&system.spec).is_some();
    let is_halted = |job: &Job| !is_managed(job) || (order && wipes(job));
    let (halting, others): (Vec<&Job>, Vec<&Job>) = jobs.iter().partition(|job| is_halted(job));
    let at_work = |job: &&Job| !ended(job) && !suspended(job.spec.as_ref().and_then(|spec| spec.suspend));
    let halting = halting.into_iter().filter(at_work);
    each(steps, "jobs", halting.map(|job| suspend(context, job).boxed()).collect()).await;
    let ours = others.into_iter().filter(|job| is_ours(*job));
    each(steps, "jobs", ours.map(|job| put_back(context, job).boxed()).collect()).await;

    let Some(Listed { objects: pods, unreadable }) = list::<Pod>(context, namespace, steps, "pods").await else {
        return Pass { status: told(system), next: now.checked_add(SOON).ok() };
    };
    let running: Vec<&Pod> = pods.iter().filter(|pod| runs(pod)).collect();
    // The names of what nobody makes again are on record before it goes.
    let bare = running.iter().filter(|pod| pod.metadata.owner_references.as_ref().is_none_or(Vec::is_empty));
    let (bare_pods, more_bare_pods) = stop::bare_pods(&before, bare.map(|pod| pod.name_any()));
    // Where nothing can be put on record, what is ordered is carried out all the same.
    let unwritten = refusals_last();
    let noted = |pod: &&Pod| {
        let name = pod.name_any();
        before.bare_pods.contains(&name) || !bare_pods.contains(&name) || unwritten
    };
    let doomed = running.iter().copied().filter(|pod| pod.metadata.deletion_timestamp.is_none()).filter(noted);
    each(steps, "pods", doomed.map(|pod| delete(context, pod).boxed()).collect()).await;
    let next = now.checked_add(if running.is_empty() { LOOK_AGAIN } else { SOON }).ok();
    // What cannot be read may run.
    let running = i64::try_from(running.len().saturating_add(unreadable.len())).unwrap_or(i64::MAX);
    Pass { status: Some(StopStatus { running, bare_pods, more_bare_pods, lifting: None, ..before }), next }
}

/// Starts again what was stopped, each on its own.
pub(super) async fn resume(system: &InformationSystem, context: &Context, steps: &mut Steps, now: Timestamp) -> Pass {
    let namespace = &system.spec.namespace;
    let told = told(system).is_some();
    let before = so_far(system, now);
    let since = before.lifting.unwrap_or(Time::new(now));
    let pods = list::<Pod>(context, namespace, steps, "pods").await;
    let gated: Vec<&Pod> = pods.iter().flat_map(|pods| &pods.objects).filter(|pod| is_gated(pod)).collect();
    each(steps, "pods", gated.iter().map(|pod| open(context, pod).boxed()).collect()).await;
    let jobs = list::<Job>(context, namespace, steps, "jobs").await;
    let held: Vec<&Job> = jobs.iter().flat_map(|jobs| &jobs.objects).filter(|job| is_ours(*job)).collect();
    each(steps, "jobs", held.iter().map(|job| put_back(context, *job).boxed()).collect()).await;
    let crons = list::<CronJob>(context, namespace, steps, "cron jobs").await;
    let paused: Vec<&CronJob> = crons.iter().flat_map(|crons| &crons.objects).filter(|cron| is_ours(*cron)).collect();
    each(steps, "cron jobs", paused.iter().map(|cron| put_back(context, *cron).boxed()).collect()).await;
    let seen = pods.is_some() && jobs.is_some() && crons.is_some();
    let found = !seen || !gated.is_empty() || !held.is_empty() || !paused.is_empty();
    if !found && (!told || now.duration_since(since.timestamp()) >= SETTLED) {
        return Pass::default();
    }
    let status = StopStatus { running: 0, lifting: Some(since), ..before };
    Pass { status: Some(status), next: now.checked_add(SOON).ok() }
}

/// One that cannot be read keeps no other from being stopped, and is told as what could not be.
async fn list<K>(context: &Context, namespace: &str, steps: &mut Steps, step: &'static str) -> Option<Listed<K>>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let listed = context.list(namespace, &ListParams::default()).await.map_err(Error::from);
    let listed = steps.note(step, listed)?;
    for unreadable in &listed.unreadable {
        steps.leave_out(step, unreadable.name.clone(), &format!("cannot be read: {}", unreadable.why));
    }
    Some(listed)
}

/// Does all of it, some side by side, and takes note of each.
async fn each(steps: &mut Steps, step: &'static str, work: Vec<BoxFuture<'_, Result<(), Error>>>) {
    let outcomes: Vec<_> = stream::iter(work).buffer_unordered(AT_ONCE).collect().await;
    for outcome in outcomes {
        steps.note(step, outcome);
    }
}

fn suspended(suspend: Option<bool>) -> bool {
    suspend == Some(true)
}

fn is_ours<K: Resource>(object: &K) -> bool {
    object.annotations().contains_key(KEY_SUSPENDED) || object.labels().contains_key(KEY_SUSPENDED)
}

/// Whether a Job of the operator wipes a volume.
fn wipes(job: &Job) -> bool {
    job.name_any().starts_with(JOB_WIPE)
}

fn ended(job: &Job) -> bool {
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_ref());
    let over = job.metadata.deletion_timestamp.is_some();
    over || conditions.into_iter().flatten().any(|c| ["Complete", "Failed"].contains(&&*c.type_) && c.status == "True")
}

/// Whether a pod of the unit runs, or may start to.
pub(in crate::controllers) fn runs(pod: &Pod) -> bool {
    !is_over(pod) && !is_gated(pod)
}

fn is_over(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default();
    ["Succeeded", "Failed"].contains(&phase) || is_managed(pod)
}

fn is_gated(pod: &Pod) -> bool {
    pod.spec.iter().flat_map(|spec| spec.scheduling_gates.iter().flatten()).any(|gate| gate.name == GATE_STOPPED)
}

/// What it was is noted in the same write, so that neither is ever without the other. Annotations may be full: then it is
/// noted as a label.
async fn suspend<K>(context: &Context, object: &K) -> Result<(), Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let api = context.api::<K>(&object.namespace().unwrap_or_default());
    let note = |place: &str| json!({"metadata": {place: {KEY_SUSPENDED: "false"}}, "spec": {"suspend": true}});
    match apply::patch(&api, &context.metrics, object, note("annotations")).await {
        Err(Error::Refused(_)) => apply::patch(&api, &context.metrics, object, note("labels")).await,
        outcome => outcome,
    }
}

async fn put_back<K>(context: &Context, object: &K) -> Result<(), Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let note = json!({KEY_SUSPENDED: null});
    let back = json!({"metadata": {"annotations": note, "labels": note}, "spec": {"suspend": false}});
    apply::patch(&context.api::<K>(&object.namespace().unwrap_or_default()), &context.metrics, object, back).await
}

async fn delete(context: &Context, pod: &Pod) -> Result<(), Error> {
    let pods = context.api::<Pod>(&pod.namespace().unwrap_or_default());
    apply::delete_by_uid(&pods, &context.metrics, pod).await
}

/// Opens our gate alone.
async fn open(context: &Context, pod: &Pod) -> Result<(), Error> {
    let gates = pod.spec.iter().flat_map(|spec| spec.scheduling_gates.iter().flatten());
    let others: Vec<_> = gates.filter(|gate| gate.name != GATE_STOPPED).collect();
    let spec = json!({"spec": {"schedulingGates": others}});
    apply::patch(&context.api::<Pod>(&pod.namespace().unwrap_or_default()), &context.metrics, pod, spec).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::decommission::Leaving;
    use crate::api::information_system::Suspension;
    use crate::api::sanction::Lifted;

    #[test]
    fn r34_1_a_label_of_ours_with_another_value_makes_nothing_ours() {
        let pod = |labels: serde_json::Value| -> Pod {
            serde_json::from_value(json!({"metadata": {"name": "a", "labels": labels}, "spec": {"containers": []}}))
                .unwrap()
        };
        assert!(!runs(&pod(json!({"yunguan.dev/managed": "true"}))));
        for labels in [json!({}), json!({"yunguan.dev/managed": "x"}), json!({"yunguan.dev/managed": ""})] {
            assert!(runs(&pod(labels.clone())), "{labels}");
        }
    }

    #[test]
    fn r34_1_what_was_lifted_before_any_status_told_of_it_starts_again() {
        let mut spec = InformationSystemSpec::default();
        assert_eq!(turn_of(&spec, false), Turn::Nothing);
        spec.suspensions = vec![Suspension::default()];
        assert_eq!([turn_of(&spec, false), turn_of(&spec, true)], [Turn::Halt; 2]);
        spec.suspensions[0].lifted = Some(Lifted::default());
        assert_eq!([turn_of(&spec, false), turn_of(&spec, true)], [Turn::Resume; 2]);
        let offline_at = Some(Time::default());
        let leaving = Leaving { offline_at, withdrawn: Some(Lifted::default()), ..Leaving::default() };
        let spec = InformationSystemSpec { departures: vec![leaving], ..InformationSystemSpec::default() };
        assert_eq!(turn_of(&spec, false), Turn::Resume);
    }
}

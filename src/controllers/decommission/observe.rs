//! What is to be seen of a system that leaves: its volumes, the Jobs that work on them, what runs, and its namespace.

use crate::api::decommission::{JobReport, VolumeRef};
use crate::api::names::{CLAIM_BACKUP, KEY_WIPING, LABEL_STOPPED, STOPPED_WIPED};
use crate::api::{Decommission, InformationSystem, InformationSystemSpec};
use crate::build::is_managed;
use crate::controllers::Context;
use crate::controllers::system::stop;
use crate::core::leaving::{JobState, LeftBehind, NamespaceState, Volume, World};
use crate::core::quantity::Amount;
use crate::core::stop as core_stop;
use crate::core::text::{Text, shorten};
use crate::runtime::controller::Error;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolume, PersistentVolumeClaim, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use std::collections::BTreeMap;

/// See the module.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) world: World,
    /// How many pods run that are not the operator's.
    pub(super) running: Option<i64>,
}

/// Looks, where something of this departure is on record and not over.
pub(super) async fn look(
    context: &Context,
    decommission: &Decommission,
    system: Option<&InformationSystem>,
) -> Result<Seen, Error> {
    let Some(system) = system else { return Ok(Seen::default()) };
    let last = system.spec.departures.last();
    let Some(leaving) = last
        .filter(|l| Some(&l.decommission.uid) == decommission.metadata.uid.as_ref())
        .filter(|l| l.reclaim.as_ref().is_none_or(|reclaim| reclaim.closed.is_none()))
    else {
        return Ok(Seen::default());
    };
    let namespace = &system.spec.namespace;
    let spaces: Api<Namespace> = Api::all(context.client.clone());
    // Another one of that name is nobody's to look into.
    let space = spaces.get_opt(namespace).await?.filter(|space| is_of(system, space));
    let (claims, pods, jobs) = if space.is_some() { inside(context, namespace).await? } else { Inside::default() };
    let volumes: Vec<Volume> =
        claims.iter().filter(|claim| claim.name_any() != CLAIM_BACKUP).map(|claim| volume(claim, &pods)).collect();
    let mut left = BTreeMap::new();
    for wiped in leaving.wipe.iter().flat_map(|wipe| &wipe.volumes) {
        let gone = !volumes.iter().any(|v| v.reference.uid == wiped.volume.uid);
        if gone && let Some(how) = left_behind(context, &wiped.volume).await? {
            left.insert(wiped.volume.uid.clone(), how);
        }
    }
    let world = World {
        volumes,
        jobs: jobs.iter().map(|job| (job.name_any(), state(job, &pods))).collect(),
        left,
        namespace: space.as_ref().map_or(NamespaceState::Gone, |space| standing(system, space)),
        // By what was read before the claims were.
        sealed: space.is_some_and(|space| is_sealed(&system.spec, &space)),
        backup_claim: claims.iter().any(|claim| claim.name_any() == CLAIM_BACKUP && is_ours(claim)),
    };
    let named = |claim: &str| leaving.items.iter().any(|item| item.strip_prefix("volume/") == Some(claim));
    let concerned = |pod: &&Pod| leaving.items.is_empty() || claims_of(pod).any(named);
    let running = pods.iter().filter(|pod| stop::runs(pod)).filter(concerned).count();
    Ok(Seen { world, running: Some(i64::try_from(running).unwrap_or(i64::MAX)) })
}

/// A claim, and how it can be reached.
fn volume(claim: &PersistentVolumeClaim, pods: &[Pod]) -> Volume {
    let spec = claim.spec.clone().unwrap_or_default();
    let status = claim.status.clone().unwrap_or_default();
    let name = claim.name_any();
    let uses = |pod: &&Pod| claims_of(pod).any(|used| used == name) && stop::runs(pod);
    let capacity = status.capacity.iter().flatten().find(|(resource, _)| *resource == "storage");
    let capacity = capacity.and_then(|(_, amount)| Amount::parse(&amount.0).ok()).unwrap_or_default();
    let unreachable = match (status.phase.as_deref(), spec.volume_mode.as_deref()) {
        (Some("Lost"), _) => Some(Text::new("its volume is lost", "存储卷已丢失")),
        (_, Some("Block")) => Some(Text::new("it is a raw device without files", "为裸设备卷，没有文件系统")),
        _ => None,
    };
    Volume {
        reference: VolumeRef {
            claim: name.clone(),
            uid: claim.uid().unwrap_or_default(),
            volume: spec.volume_name.clone().unwrap_or_default(),
        },
        class: spec.storage_class_name.clone().unwrap_or_default(),
        capacity: i64::try_from(capacity.thousandths() / 1000).unwrap_or(i64::MAX),
        unreachable,
        node: pods.iter().find(uses).and_then(|pod| pod.spec.as_ref()?.node_name.clone()),
        exclusive: spec.access_modes.iter().flatten().any(|mode| mode == "ReadWriteOncePod"),
    }
}

/// A volume whose claim is gone: whose it is to take away.
async fn left_behind(context: &Context, volume: &VolumeRef) -> Result<Option<LeftBehind>, Error> {
    if volume.volume.is_empty() {
        return Ok(None);
    }
    let volumes: Api<PersistentVolume> = Api::all(context.client.clone());
    let Some(found) = volumes.get_opt(&volume.volume).await? else { return Ok(None) };
    let spec = found.spec.clone().unwrap_or_default();
    let ours = spec.claim_ref.as_ref().and_then(|claim| claim.uid.as_ref()) == Some(&volume.uid);
    let phase = found.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default().to_owned();
    let deletes = spec.persistent_volume_reclaim_policy.as_deref() == Some("Delete") && phase != "Failed";
    Ok(ours.then_some(if deletes { LeftBehind::ByProvisioner } else { LeftBehind::ByUs }))
}

fn state(job: &Job, pods: &[Pod]) -> JobState {
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_ref());
    let held = |type_: &str| conditions.into_iter().flatten().find(|c| c.type_ == type_ && c.status == "True");
    let of_job = |pod: &&Pod| pod.labels().get("batch.kubernetes.io/job-name") == Some(&job.name_any());
    let said = pods.iter().filter(of_job).find_map(|pod| {
        let containers = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
        containers.into_iter().find_map(|c| c.state.as_ref()?.terminated.as_ref()?.message.clone())
    });
    if held("Complete").is_some() {
        let report = said.as_deref().and_then(|text| serde_json::from_str::<JobReport>(text).ok());
        return JobState::Done(report.unwrap_or_default());
    }
    let Some(failed) = held("Failed") else { return JobState::Running };
    let (reason, message) = (failed.reason.as_deref(), failed.message.as_deref());
    let why = [reason, message, said.as_deref().map(str::trim)];
    let why: Vec<&str> = why.into_iter().flatten().filter(|text| !text.is_empty()).collect();
    JobState::Failed(shorten(&why.join(": "), 400))
}

type Inside = (Vec<PersistentVolumeClaim>, Vec<Pod>, Vec<Job>);

/// What is in a system's namespace: its claims and pods, and the operator's own Jobs.
async fn inside(context: &Context, namespace: &str) -> Result<Inside, Error> {
    let all = ListParams::default();
    let claims = context.list_all::<PersistentVolumeClaim>(namespace, &all).await?;
    let pods = context.list_all::<Pod>(namespace, &all).await?;
    let managed = ListParams::default().labels(&crate::controllers::context::managed_selector());
    Ok((claims, pods, context.list_all::<Job>(namespace, &managed).await?))
}

/// The claims that a pod uses.
fn claims_of(pod: &Pod) -> impl Iterator<Item = &str> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter_map(|volume| Some(volume.persistent_volume_claim.as_ref()?.claim_name.as_str()))
}

/// Whether no other claim can take the name of one that is wiped.
fn is_sealed(spec: &InformationSystemSpec, namespace: &Namespace) -> bool {
    let wiping = core_stop::wiping(spec);
    if wiping.is_empty() {
        return namespace.labels().get(LABEL_STOPPED).is_some_and(|stopped| stopped == STOPPED_WIPED);
    }
    let labelled = namespace.labels().contains_key(KEY_WIPING);
    labelled && namespace.annotations().get(KEY_WIPING).is_some_and(|claims| *claims == wiping.join(","))
}

/// Whether it is the namespace that was taken over, and not another one of that name.
fn is_of(system: &InformationSystem, namespace: &Namespace) -> bool {
    system.spec.adopted.as_ref().is_none_or(|adopted| namespace.metadata.uid.as_ref() == Some(&adopted.uid))
}

fn standing(system: &InformationSystem, namespace: &Namespace) -> NamespaceState {
    if namespace.metadata.deletion_timestamp.is_none() {
        let released = system.spec.adopted.is_some() && !is_ours(namespace);
        return if released { NamespaceState::Released } else { NamespaceState::Present };
    }
    let conditions = namespace.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let open: Vec<String> = conditions
        .filter(|c| c.status == "True")
        .map(|c| format!("{}: {}", c.type_, c.message.as_deref().unwrap_or_default()))
        .collect();
    NamespaceState::Terminating(shorten(&open.join("; "), 300))
}

/// Whether the operator made this.
pub(super) fn is_ours<K: kube::Resource>(object: &K) -> bool {
    is_managed(object)
}

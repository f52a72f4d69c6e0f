//! What is done next, each step so that a second attempt finds the first: names follow from what is done, and whatever goes
//! is named by its uid.

use super::observe::is_ours;
use crate::api::decommission::VolumeRef;
use crate::api::names::{ANNOTATION_OWNER_UID, CLAIM_BACKUP};
use crate::api::{Decommission, InformationSystem};
use crate::build::helper;
use crate::controllers::Context;
use crate::controllers::system::home::{self, take_out};
use crate::core::effective;
use crate::core::leaving::{Step, Task};
use crate::runtime::apply;
use crate::runtime::clock;
use crate::runtime::controller::Error;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolume, PersistentVolumeClaim, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use serde_json::json;

/// Does it.
pub(super) async fn carry_out(
    context: &Context,
    decommission: &Decommission,
    system: &InformationSystem,
    step: &Step,
) -> Result<(), Error> {
    tracing::debug!(decommission = decommission.name_any(), step = %named(step), "next step of a departure");
    match step {
        Step::Record(_) => Ok(()),
        Step::Run(task) => run(context, decommission, system, task).await,
        Step::Remove(volume) => remove(context, system, volume).await,
        Step::RemoveVolume(volume) => remove_volume(context, volume).await,
        Step::DeleteNamespace => delete_namespace(context, system).await,
        Step::ReleaseNamespace => release_namespace(context, system).await,
        Step::Tidy => tidy(context, system).await,
    }
}

fn named(step: &Step) -> String {
    match step {
        Step::Record(_) => "record".to_owned(),
        Step::Run(task) => format!("{} of {}", task.work, task.volume.reference.claim),
        Step::Remove(volume) => format!("removal of {}", volume.claim),
        Step::RemoveVolume(volume) => format!("removal of volume {}", volume.volume),
        Step::DeleteNamespace => "deletion of the namespace".to_owned(),
        Step::ReleaseNamespace => "release of the namespace".to_owned(),
        Step::Tidy => "removal of its own Jobs".to_owned(),
    }
}

async fn run(
    context: &Context,
    decommission: &Decommission,
    system: &InformationSystem,
    task: &Task,
) -> Result<(), Error> {
    let (name, spec) = (system.name_any(), &system.spec);
    if let Some(target) = &task.target {
        let granted = effective::amounts_at(spec, clock::now()).unwrap_or_default();
        let claim = helper::claim(&name, spec, target, &granted);
        // A quota counts one that is there before it says that it is.
        let claims = context.api::<PersistentVolumeClaim>(&spec.namespace);
        if claims.get_opt(CLAIM_BACKUP).await?.is_none() {
            apply::create(&claims, &context.metrics, &claim).await?;
        }
    }
    let job = helper::job(&name, spec, task, decommission.spec.departure.backup);
    apply::create(&context.api::<Job>(&spec.namespace), &context.metrics, &job).await?;
    Ok(())
}

/// A claim stays for as long as there is a pod that used it, its own end or not.
async fn remove(context: &Context, system: &InformationSystem, volume: &VolumeRef) -> Result<(), Error> {
    let pods = context.api::<Pod>(&system.spec.namespace);
    let all = context.list::<Pod>(&system.spec.namespace, &ListParams::default()).await?.objects;
    for pod in all.iter().filter(|pod| has_used(pod, &volume.claim)) {
        apply::delete_by_uid(&pods, &context.metrics, pod).await?;
    }
    let claims = context.api::<PersistentVolumeClaim>(&system.spec.namespace);
    let claim = claims.get_opt(&volume.claim).await?.filter(|claim| claim.metadata.uid.as_ref() == Some(&volume.uid));
    match claim.filter(|claim| claim.metadata.deletion_timestamp.is_none()) {
        Some(claim) => apply::delete_by_uid(&claims, &context.metrics, &claim).await,
        None => Ok(()),
    }
}

/// Whether a pod that has ended used a claim.
fn has_used(pod: &Pod, claim: &str) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default();
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    let mut claims = volumes.filter_map(|volume| volume.persistent_volume_claim.as_ref());
    let ended = ["Succeeded", "Failed"].contains(&phase) && pod.metadata.deletion_timestamp.is_none();
    ended && claims.any(|used| used.claim_name == claim)
}

async fn remove_volume(context: &Context, volume: &VolumeRef) -> Result<(), Error> {
    let volumes: Api<PersistentVolume> = Api::all(context.client.clone());
    let Some(found) = volumes.get_opt(&volume.volume).await? else { return Ok(()) };
    let bound = found.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref()).and_then(|claim| claim.uid.as_ref());
    if bound != Some(&volume.uid) || found.metadata.deletion_timestamp.is_some() {
        return Ok(());
    }
    apply::delete_by_uid(&volumes, &context.metrics, &found).await
}

/// The system stays: its own Jobs go, and the claim that backups went to.
async fn tidy(context: &Context, system: &InformationSystem) -> Result<(), Error> {
    let namespace = &system.spec.namespace;
    take_out::<Job>(context, namespace).await?;
    let claims = context.api::<PersistentVolumeClaim>(namespace);
    // Parts have left: what was backed up of them outlives the claim.
    if system.spec.departures.last().is_some_and(|leaving| leaving.reclaim.is_some()) {
        keep_backup(context, system).await?;
    }
    if let Some(claim) = claims.get_opt(CLAIM_BACKUP).await?.filter(is_ours) {
        apply::delete_by_uid(&claims, &context.metrics, &claim).await?;
    }
    Ok(())
}

/// What is ours goes, then what names the namespace as ours: by that it is known whether it is done. The claim with the backup
/// stays, since it is the unit's.
async fn release_namespace(context: &Context, system: &InformationSystem) -> Result<(), Error> {
    let namespace = &system.spec.namespace;
    let spaces: Api<Namespace> = Api::all(context.client.clone());
    let Some(space) = spaces.get_opt(namespace).await? else { return Ok(()) };
    if space.annotations().get(ANNOTATION_OWNER_UID) != system.metadata.uid.as_ref() {
        return Err(Error::Transient(format!("namespace {namespace} is not marked as that of the system any more")));
    }
    home::release(system, context, &space).await
}

/// What was backed up outlives the namespace.
async fn delete_namespace(context: &Context, system: &InformationSystem) -> Result<(), Error> {
    let spaces: Api<Namespace> = Api::all(context.client.clone());
    let Some(space) = spaces.get_opt(&system.spec.namespace).await? else { return Ok(()) };
    let ours = space.annotations().get(ANNOTATION_OWNER_UID) == system.metadata.uid.as_ref() && is_ours(&space);
    if !ours {
        return Err(Error::Transient(format!(
            "namespace {} is another one than was made for the system",
            space.name_any()
        )));
    }
    keep_backup(context, system).await?;
    apply::delete_by_uid(&spaces, &context.metrics, &space).await
}

/// The volume with the backup is kept when its claim goes.
async fn keep_backup(context: &Context, system: &InformationSystem) -> Result<(), Error> {
    let claims = context.api::<PersistentVolumeClaim>(&system.spec.namespace);
    let backup = claims.get_opt(CLAIM_BACKUP).await?.and_then(|claim| claim.spec?.volume_name);
    if let Some(name) = backup {
        let volumes: Api<PersistentVolume> = Api::all(context.client.clone());
        let volume = volumes.get(&name).await?;
        let kept = volume.spec.as_ref().and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
        if kept != Some("Retain") {
            let keep = json!({"spec": {"persistentVolumeReclaimPolicy": "Retain"}});
            apply::patch(&volumes, &context.metrics, &volume, keep).await?;
        }
    }
    Ok(())
}

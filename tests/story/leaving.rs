//! Article 23 on a real API server: systems leave, volume by volume, and nothing is left but their record. Jobs are real; the
//! node that would run their pods is played (a real one: `node`).

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, PersistentVolume, PersistentVolumeClaim};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use yunguan::api::cloud_resource_request::Phase;
use yunguan::api::decision::Verdict;
use yunguan::api::decommission::{BackupMode, DecommissionPhase, Departure, VolumeStep};
use yunguan::api::information_system::SystemPhase;
use yunguan::api::names::JOB_WIPE;
use yunguan::api::resource_change::Change;
use yunguan::api::{CloudDomain, Decommission, LedgerEntry};
use yunguan_cluster::wait_until;

use super::sanctions::{await_pods, deploy, workloads};
use crate::changing::*;
use crate::leaving::*;
use crate::ordering::suspension;
use crate::support::{objects, refused_by};
use crate::world::*;

fn good(_: &str) -> Luck {
    Luck::Good
}

#[tokio::test]
async fn r23_1_r23_2_a_system_leaves_volume_by_volume_and_nothing_is_left_but_its_record() -> Result<()> {
    let world = world().await?;
    let case = live(world, "t-leaves", "portal").await?;
    let admin = world.admin().await?;
    let client = world.client(&case.person()).await?;
    deploy(&client, &case.namespace(), &workloads()[..3]).await?;
    // One that makes its claim again whenever it is gone.
    let mut keeps = workloads()[1].1.clone();
    keeps["metadata"]["name"] = json!("keeps");
    keeps["spec"]["volumeClaimTemplates"] = json!([{"metadata": {"name": "logs"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": "ssd", "resources": {"requests": {"storage": "1Gi"}}}}]);
    for (name, class, mode) in
        [("data", "ssd", "Filesystem"), ("logs-keeps-0", "ssd", "Filesystem"), ("raw", "ssd", "Block")]
    {
        claim(&case, name, class, mode).await?;
    }
    deploy(&client, &case.namespace(), &[("StatefulSet", keeps.clone())]).await?;
    archive(&case).await?;
    let leaving = Leaving::of_unit(&case, "portal-leaves", BackupMode::Offline).await?;
    leaving.approved().await?;
    let course = async {
        let form = leaving.phase(DecommissionPhase::ToConfirm).await?;
        let status = form.status.context("no status")?;
        let steps: Vec<_> = status.volumes.iter().map(|v| (v.claim.as_str(), v.step)).collect();
        let wanted =
            [("data", VolumeStep::BackedUp), ("logs-keeps-0", VolumeStep::BackedUp), ("raw", VolumeStep::ByHand)];
        ensure!(steps == wanted, "{steps:?}");
        // Offline: nothing runs, nothing is charged, and nothing of it changes any more.
        await_pods(&case, &[("db", true), ("db", true), ("web", true), ("web", true)]).await?;
        let system = case.system().await?;
        let told = system.status.clone().unwrap_or_default();
        ensure!(
            told.phase == SystemPhase::Leaving && told.monthly_fee.is_none(),
            "{:?} {:?}",
            told.phase,
            told.monthly_fee
        );
        let more =
            Changing::of_unit(&case, "more", Change { lines: lines(&[("memory", 40)]), ..Change::default() }).await?;
        more.says("Ready", "SystemLeaving").await?;
        // What is not the unit's word on this very backup counts for nothing, nor what it said before another volume came.
        let mut forged = leaving.drafted("backup-confirmation", Verdict::Confirm).await?;
        let early = forged.clone();
        forged.spec.digest = "0".repeat(64);
        case.make(&case.person(), &forged).await?;
        claim(&case, "late", "ssd", "Filesystem").await?;
        let forms: Api<Decommission> = Api::namespaced(admin.clone(), &case.home());
        let backed_up = |form: &Decommission| {
            let status = form.status.clone().unwrap_or_default();
            let late = status.volumes.iter().any(|v| v.claim == "late" && v.step == VolumeStep::BackedUp);
            late && status.phase == DecommissionPhase::ToConfirm
        };
        eventually(&forms, "portal-leaves", "to have the late one backed up", backed_up).await?;
        case.make(&case.person(), &early).await?;
        let voided = |form: &Decommission| form.status.as_ref().is_some_and(|s| s.void_decisions.len() == 2);
        eventually(&forms, "portal-leaves", "to call both void", voided).await?;
        leaving.decide(&case.person(), "backup-confirmation", Verdict::Confirm).await?;
        leaving.phase(DecommissionPhase::ToAttest).await
    };
    let form = Box::pin(played(&case, good, course)).await?;
    let status = form.status.context("no status")?;
    let removed: Vec<_> =
        status.volumes.iter().filter(|v| v.step == VolumeStep::Removed).map(|v| v.claim.as_str()).collect();
    ensure!(removed == ["data", "late", "logs-keeps-0"], "{:?}", status.volumes);
    let more = json!({"metadata": {"name": "more"}, "spec": keeps["spec"]["volumeClaimTemplates"][0]["spec"]});
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(admin.clone(), &case.namespace());
    let more: PersistentVolumeClaim = serde_json::from_value(more)?;
    refused_by("yunguan-wiped-volumes", claims.create(&PostParams::default(), &more).await.map(drop))?;
    let volumes: Api<PersistentVolume> = Api::all(admin.clone());
    for name in ["data", "late", "logs-keeps-0"] {
        ensure!(volumes.get_opt(&format!("pv-t-leaves-portal-{name}")).await?.is_none(), "{name} is still there");
    }
    let names: Vec<&str> = status.holdings.iter().map(|h| h.name.as_str()).collect();
    ensure!(names == ["volume/raw", "free-space", "snapshots", "disaster-recovery", "provider-backups"], "{names:?}");
    leaving.decide(PROVIDER, "attestation", Verdict::File).await?;
    leaving.phase(DecommissionPhase::Closed).await?;

    // Nothing is left: no namespace, no volume but the one with the backup, nothing that carries our labels.
    let spaces: Api<Namespace> = Api::all(admin.clone());
    ensure!(spaces.get_opt(&case.namespace()).await?.is_none(), "the namespace is still there");
    ensure!(volumes.get_opt("pv-t-leaves-portal-raw").await?.is_none(), "what was attested to is still there");
    let kept = volumes.get("archive-t-leaves-portal").await?.spec.unwrap_or_default();
    ensure!(kept.persistent_volume_reclaim_policy.as_deref() == Some("Retain"), "the backup would go with its claim");
    let ours = ListParams::default().labels("yunguan.dev/system=portal,yunguan.dev/organization=t-leaves");
    for kind in ["Namespace", "ResourceQuota", "LimitRange", "NetworkPolicy", "RoleBinding", "Job"] {
        let left = objects(&admin, kind, "").list(&ours).await?.items;
        ensure!(left.is_empty(), "{kind} is left: {:?}", left[0].metadata.name);
    }
    let system = case.system().await?;
    let told = system.status.clone().unwrap_or_default();
    ensure!(told.phase == SystemPhase::Closed && told.amounts.values().all(|a| a.0 == "0"), "{:?}", told.amounts);
    case.phase(Phase::Closed).await?;
    let ledger: Api<LedgerEntry> = Api::namespaced(admin.clone(), &case.home());
    let facts: Vec<String> =
        ledger.list(&ListParams::default()).await?.items.into_iter().map(|e| e.spec.fact).collect();
    for what in ["leaving", "offline", "wiping", "wiped", "left"] {
        ensure!(facts.iter().any(|fact| fact.starts_with(&format!("{what}/"))), "{what} is not in {facts:?}");
    }
    let again = Leaving::of_unit(&case, "again", BackupMode::Live).await?;
    ensure!(again.says("AlreadyLeaving").await?.contains("has left at"));
    println!("volumes removed: {}, by hand and attested: 1, facts on record: {}", removed.len(), facts.len());
    Ok(())
}

#[tokio::test]
async fn r23_1_what_is_withdrawn_before_the_wipe_runs_again_as_it_did() -> Result<()> {
    let world = world().await?;
    let case = live(world, "t-stays", "portal").await?;
    let client = world.client(&case.person()).await?;
    deploy(&client, &case.namespace(), &workloads()[..3]).await?;
    await_pods(&case, &[("db", false), ("web", false), ("web", false)]).await?;
    claim(&case, "data", "ssd", "Filesystem").await?;
    archive(&case).await?;
    let leaving = Leaving::of_unit(&case, "portal-leaves", BackupMode::Offline).await?;
    leaving.approved().await?;
    let jobs: Api<Job> = Api::namespaced(world.admin().await?, &case.namespace());
    wait_until("a Job", PATIENCE, async || {
        Ok((!jobs.list(&ListParams::default()).await?.items.is_empty()).then_some(()))
    })
    .await?;
    let job = jobs.list(&ListParams::default()).await?.items[0].name_any();
    let own: Api<Job> = Api::namespaced(client.clone(), &case.namespace());
    refused_by("yunguan-helpers-kept", own.delete(&job, &kube::api::DeleteParams::background()).await)?;
    leaving.withdrawn().await?;
    leaving.phase(DecommissionPhase::Withdrawn).await?;
    await_pods(&case, &[("db", false), ("web", false), ("web", false)]).await?;
    wait_until("the operator's own to go", PATIENCE, async || {
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(world.admin().await?, &case.namespace());
        let backup = claims.get_opt("yunguan-backup").await?.is_some_and(|c| c.metadata.deletion_timestamp.is_none());
        Ok((jobs.list(&ListParams::default()).await?.items.is_empty() && !backup).then_some(()))
    })
    .await?;
    wait_until("the system to be live", PATIENCE, async || {
        let status = case.system().await?.status.unwrap_or_default();
        ensure!(
            status.phase == SystemPhase::Live && status.monthly_fee.is_some() && status.stop.is_none(),
            "{:?}",
            status.stop
        );
        Ok(Some(()))
    })
    .await
}

/// Waits until the Job that wipes is suspended, or not.
async fn wipe_job(case: &Case<'_>, what: &str, suspended: bool) -> Result<()> {
    let jobs: Api<Job> = Api::namespaced(case.world.admin().await?, &case.namespace());
    wait_until(&format!("the Job that wipes {what}"), PATIENCE, async || {
        let jobs = jobs.list(&ListParams::default()).await?.items;
        let job = jobs.iter().find(|job| job.name_any().starts_with(JOB_WIPE));
        let spec = job.and_then(|job| job.spec.as_ref()).context("no Job")?;
        Ok((spec.suspend.unwrap_or_default() == suspended).then_some(()))
    })
    .await
}

#[tokio::test]
async fn r23_1_what_fails_or_does_not_go_is_reported_and_blocks_nobody() -> Result<()> {
    let world = world().await?;
    world.unit("t-trouble", None).await?;
    let case = world.draft("t-trouble", "portal", |spec| spec.application.protection_level = 2).await?;
    case.to_live().await?;
    let admin = world.admin().await?;
    claim(&case, "data", "ssd", "Filesystem").await?;
    archive(&case).await?;
    let leaving = Leaving::of_unit(&case, "portal-leaves", BackupMode::Live).await?;
    leaving.approved().await?;
    let burns = AtomicBool::new(true);
    let lasts = AtomicBool::new(true);
    let luck = |job: &str| match job {
        _ if burns.load(Ordering::Relaxed) => Luck::Bad,
        job if job.starts_with(JOB_WIPE) && lasts.load(Ordering::Relaxed) => Luck::Slow,
        _ => Luck::Good,
    };
    let course = async {
        let told = leaving.says("BackupFailed").await?;
        ensure!(told.contains("disk on fire") && told.contains("kubectl yunguan retry"), "{told}");
        burns.store(false, Ordering::Relaxed);
        let forms = case.api::<Decommission>(PROVIDER).await?;
        let retry = Patch::Merge(json!({"metadata": {"annotations": {"yunguan.dev/retry": "1"}}}));
        forms.patch("portal-leaves", &PatchParams::default(), &retry).await?;
        leaving.phase(DecommissionPhase::ToConfirm).await?;
        // An order stands: nothing is wiped before it is lifted.
        let order = suspension(&case, "portal-suspended").await?;
        order.imposed().await?;
        leaving.decide(&case.person(), "backup-confirmation", Verdict::Confirm).await?;
        leaving.says("SuspendedFirst").await?;
        order.lifted().await?;
        // Another comes amid the wipe: its Job stands still, and goes on once that is lifted.
        wipe_job(&case, "to run", false).await?;
        let order = suspension(&case, "portal-suspended-2").await?;
        order.imposed().await?;
        wipe_job(&case, "to stand still", true).await?;
        leaving.says("SuspendedFirst").await?;
        order.lifted().await?;
        wipe_job(&case, "to run again", false).await?;
        lasts.store(false, Ordering::Relaxed);
        leaving.phase(DecommissionPhase::ToAttest).await
    };
    Box::pin(played(&case, luck, course)).await?;
    // Something keeps the namespace.
    let maps: Api<ConfigMap> = Api::namespaced(admin.clone(), &case.namespace());
    let keeps = json!({"metadata": {"name": "keeps", "finalizers": ["example.org/keep"]}});
    maps.create(&PostParams::default(), &serde_json::from_value(keeps)?).await?;
    leaving.decide(PROVIDER, "attestation", Verdict::File).await?;
    let told = wait_until("it to be told what keeps it", PATIENCE, async || {
        let told = leaving.says("NamespaceTerminating").await?;
        Ok(told.contains("example.org/keep").then_some(told))
    })
    .await?;
    ensure!(told.contains("never forced"), "{told}");
    let other = world.draft(&case.unit, "second", |_| {}).await?;
    other.to_trial().await?;
    let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    maps.patch("keeps", &PatchParams::default(), &free).await?;
    leaving.phase(DecommissionPhase::Closed).await?;
    // Its room is free again.
    let domains: Api<CloudDomain> = Api::all(admin);
    eventually(&domains, "bozhou-main", "to be there", |d| d.status.is_some()).await.map(drop)
}

#[tokio::test]
async fn r23_1_bad_input_is_refused_clearly_and_changes_nothing() -> Result<()> {
    let world = world().await?;
    let case = live(world, "t-wrong", "portal").await?;
    world.unit("t-wrong-2", None).await?;
    // Of a system that is not there, or another unit's.
    let departure = Departure { system: "nothing".into(), ..Departure::default() };
    let unknown = Leaving::draft(&case, &case.person(), "unknown", departure).await?;
    ensure!(unknown.says("SystemUnknown").await?.contains("kubectl get isys"));
    let foreign = case.api::<Decommission>("unit@t-wrong-2").await?.list(&ListParams::default()).await;
    ensure!(foreign.is_err(), "another unit reads it");
    // Twice at once: the first that is approved goes, the other says so.
    let first = Leaving::of_unit(&case, "first", BackupMode::Nothing).await?;
    let second = Leaving::of_unit(&case, "second", BackupMode::Nothing).await?;
    first.approved().await?;
    first.phase(DecommissionPhase::ToConfirm).await?;
    ensure!(second.says("AlreadyLeaving").await?.contains("by first"));
    // A second unit confirms, the unit attests.
    let confirmation = first.drafted("backup-confirmation", Verdict::Confirm).await?;
    ensure!(case.make("unit@t-wrong-2", &confirmation).await.is_err(), "another unit confirms");
    ensure!(case.make(PROVIDER, &confirmation).await.is_err(), "the provider confirms as the unit");
    case.make(&case.person(), &confirmation).await?;
    first.phase(DecommissionPhase::ToAttest).await?;
    let attestation = first.drafted("attestation", Verdict::File).await?;
    ensure!(case.make(&case.person(), &attestation).await.is_err(), "the unit attests as the provider");
    first.withdrawn().await?;
    let forms: Api<Decommission> = Api::namespaced(world.admin().await?, &case.home());
    let refused = |form: &Decommission| {
        form.status.iter().flat_map(|s| &s.void_decisions).any(|v| v.message.contains("cannot be brought back"))
    };
    eventually(&forms, "first", "to stay", refused).await?;
    // It cannot be edited or deleted any more.
    let deleted = forms.delete("first", &kube::api::DeleteParams::default()).await;
    refused_by("yunguan-orders-kept", deleted.map(drop))?;
    Ok(())
}

#[tokio::test]
async fn r23_1_a_volume_leaves_and_the_system_runs_on() -> Result<()> {
    let world = world().await?;
    world.unit("t-part", None).await?;
    let case = world.draft("t-part", "portal", |spec| spec.application.protection_level = 2).await?;
    case.to_live().await?;
    let (admin, client) = (world.admin().await?, world.client(&case.person()).await?);
    for name in ["old", "data"] {
        claim(&case, name, "ssd", "Filesystem").await?;
    }
    archive(&case).await?;
    // One that uses the volume which leaves, and one that does not.
    let mut uses = workloads()[1].1.clone();
    uses["metadata"]["name"] = json!("uses");
    uses["spec"]["template"]["spec"]["volumes"] =
        json!([{"name": "old", "persistentVolumeClaim": {"claimName": "old"}}]);
    deploy(&client, &case.namespace(), &[workloads()[0].clone(), ("StatefulSet", uses)]).await?;
    await_pods(&case, &[("db", false), ("web", false), ("web", false)]).await?;
    let departure = Departure { backup: BackupMode::Offline, items: vec!["volume/old".into()], ..Departure::default() };
    let leaving = Leaving::draft(&case, &case.person(), "old-leaves", departure).await?;
    leaving.approved().await?;
    let course = async {
        ensure!(leaving.says("InUse").await?.contains("1 pods use"));
        let sets = objects(&client, "StatefulSet", &case.namespace());
        let none = Patch::Merge(json!({"spec": {"replicas": 0}}));
        sets.patch("uses", &PatchParams::default(), &none).await?;
        leaving.decide(&case.person(), "backup-confirmation", Verdict::Confirm).await?;
        leaving.phase(DecommissionPhase::ToAttest).await
    };
    Box::pin(played(&case, good, course)).await?;
    // Nobody takes the name of what is wiped, and others can be made.
    let spec = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "ssd",
        "resources": {"requests": {"storage": "1Gi"}}});
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(admin.clone(), &case.namespace());
    let named = |name: &str| serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec}));
    refused_by("yunguan-wiped-items", claims.create(&PostParams::default(), &named("old")?).await.map(drop))?;
    claims.create(&PostParams::default(), &named("new")?).await?;
    leaving.decide(PROVIDER, "attestation", Verdict::File).await?;
    leaving.phase(DecommissionPhase::Closed).await?;
    await_pods(&case, &[("web", false), ("web", false)]).await?;
    let system = case.system().await?.status.unwrap_or_default();
    ensure!(system.phase == SystemPhase::Live && system.monthly_fee.is_some(), "{:?}", system.phase);
    ensure!(claims.get_opt("old").await?.is_none() && claims.get_opt("data").await?.is_some());
    let kept = Api::<PersistentVolume>::all(admin).get("archive-t-part-portal").await?.spec.unwrap_or_default();
    ensure!(kept.persistent_volume_reclaim_policy.as_deref() == Some("Retain"), "the backup would go with its claim");
    wait_until("the name to be free again", PATIENCE, async || {
        Ok(Some(claims.create(&PostParams::default(), &named("old")?).await.map(drop)?))
    })
    .await?;
    // The whole system can leave after that.
    let whole = Leaving::of_unit(&case, "portal-leaves", BackupMode::Nothing).await?;
    whole.approved().await?;
    whole.phase(DecommissionPhase::ToConfirm).await.map(drop)
}

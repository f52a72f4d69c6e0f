//! Put back from a snapshot: the operator comes to rest where the snapshot stands, and copies of records open nothing.

use super::crash::survives;
use crate::support::{OPERATOR, operator};
use crate::world::*;
use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use std::path::Path;
use std::time::Duration;
use yunguan::api::cloud_resource_request::Phase;
use yunguan::api::decision::Verdict;
use yunguan::api::{CloudDomain, CloudResourceRequest, InformationSystem};
use yunguan_cluster::Cluster;

/// Stops the control plane, does something with etcd's data, and starts it again: the controller-manager too, which would go by
/// what it had seen before.
async fn with_data_at_rest(cluster: &Cluster, act: impl FnOnce(&Path, &Path) -> Result<()>) -> Result<()> {
    cluster.controller_manager().kill9().await?;
    cluster.apiserver().kill9().await?;
    cluster.etcd().kill9().await?;
    let data = cluster.directory().join("etcd");
    act(&data, &cluster.directory().join("snapshot"))?;
    cluster.etcd().start_again()?;
    cluster.apiserver().start_again()?;
    cluster.ready(Duration::from_mins(1)).await
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn after_a_restore_the_operator_rests_where_the_snapshot_stands() -> Result<()> {
    let world = World::new().await?;
    world.unit("t-snap", None).await?;
    let kept = world.draft("t-snap", "kept", |_| {}).await?;
    kept.to_trial().await?;
    let pending = world.draft("t-snap", "pending", |_| {}).await?;
    pending.to_approval().await?;
    let before = kept.system().await?;
    with_data_at_rest(&world.cluster, copy).await?;
    // More work, which the restore undoes.
    let course = async {
        let lost = world.draft("t-snap", "lost", |_| {}).await?;
        lost.to_trial().await?;
        pending.decide(AUTHORITY, "approval", Verdict::Approve).await?;
        pending.phase(Phase::Trial).await.map(drop)
    };
    survives(&world, course).await?;
    if world.operator.exited()?.is_none() {
        world.operator.kill9().await?;
    }
    with_data_at_rest(&world.cluster, |data, snapshot| {
        std::fs::remove_dir_all(data)?;
        Ok(std::fs::rename(snapshot, data)?)
    })
    .await?;
    world.operator.restart().await?;
    let mut log = world.cluster.audit_from_now()?;
    let writes = log.quiet_for(OPERATOR, Duration::from_secs(5), PATIENCE).await?;
    println!("writes of the operator until it rested after the restore: {}", writes.len());
    assert_eq!(kept.request().await?.status.unwrap_or_default().phase, Phase::Trial);
    assert_eq!(kept.system().await?.metadata.uid, before.metadata.uid);
    let open: Vec<_> =
        pending.request().await?.status.unwrap_or_default().open_gates.into_iter().map(|g| g.gate).collect();
    assert_eq!(open, ["approval"], "what was decided since is undone");
    let requests: Api<CloudResourceRequest> = Api::namespaced(world.admin().await?, &kept.home());
    ensure!(requests.get_opt("lost").await?.is_none());
    let domain: CloudDomain = Api::all(world.admin().await?).get("bozhou-main").await?;
    let status = domain.status.unwrap_or_default();
    assert_eq!((status.systems, status.granted["requests.cpu"].0.as_str()), (1, "16"));
    // And people go on from there.
    pending.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    pending.phase(Phase::Trial).await?;
    Ok(())
}

/// A backup tool puts objects back under new uids. A record without its decisions opens nothing; what runs is untouched.
#[tokio::test]
async fn a_record_put_back_under_a_new_uid_opens_nothing() -> Result<()> {
    let world = world().await?;
    world.unit("t-copy", None).await?;
    let case = world.draft("t-copy", "original", |_| {}).await?;
    case.to_trial().await?;
    let original = case.system().await?;
    let spaces: Api<Namespace> = Api::all(world.admin().await?);
    let running = spaces.get(&case.namespace()).await?;
    world.unit("t-elsewhere", None).await?;
    let mut spec = original.spec.clone();
    spec.organization = "t-elsewhere".into();
    spec.namespace = yunguan::core::names::system_namespace("t-elsewhere", "copy");
    let copy = InformationSystem {
        metadata: ObjectMeta { name: Some("copy".into()), ..ObjectMeta::default() },
        spec,
        status: None,
    };
    let systems: Api<InformationSystem> = Api::namespaced(operator(&world.cluster).await?, "yg-t-elsewhere");
    systems.create(&PostParams::default(), &copy).await?;
    let told = |s: &InformationSystem| {
        let conditions = s.status.iter().flat_map(|s| &s.conditions);
        conditions.into_iter().any(|c| c.type_ == "Stalled" && c.status == "True" && c.reason == "Unfounded")
    };
    let copied = eventually(&systems, "copy", "unfounded", told).await?;
    ensure!(spaces.get_opt(&copied.spec.namespace).await?.is_none(), "a namespace was opened for a copy");
    let still = spaces.get(&case.namespace()).await?.metadata;
    assert_eq!((still.uid, still.resource_version), (running.metadata.uid, running.metadata.resource_version));
    Ok(())
}

//! The standard track on a real API server, by real people, with a real operator.

use crate::support::edit;
use crate::world::*;
use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::api::{DeleteParams, ListParams, ObjectMeta, PostParams};
use kube::{Api, ResourceExt as _};
use yunguan::api::cloud_resource_request::Phase;
use yunguan::api::common::Time;
use yunguan::api::decision::Verdict;
use yunguan::api::{CloudResourceRequest, InformationSystem, LedgerEntry};
use yunguan::core::ledger;
use yunguan_cluster::wait_until;

#[tokio::test]
async fn r19_2_the_standard_track_from_annex_1_to_a_live_system() -> Result<()> {
    let world = world().await?;
    world.unit("t-track", None).await?;
    let case = world.draft("t-track", "portal", |_| {}).await?;
    assert_eq!(case.phase(Phase::Draft).await?.status.unwrap().waiting_for.as_deref(), Some("unit: submission"));
    let none: Api<InformationSystem> = case.api("unit@t-track").await?;
    case.to_approval().await?;
    assert!(none.get_opt("portal").await?.is_none(), "nothing is opened without the authority");
    case.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    let request = case.phase(Phase::Trial).await?;

    // R25.1, and not a byte different: the quota is what was confirmed, read back from the API server.
    let quotas: Api<ResourceQuota> = Api::namespaced(world.admin().await?, &case.namespace());
    let hard = bounds(&quotas.get("yunguan").await?);
    let confirmed = request.status.unwrap().amounts;
    let expected: Vec<_> = confirmed
        .iter()
        .filter(|(r, _)| r.as_str() != "bandwidth.mbps")
        .map(|(r, q)| (r.as_str(), q.0.as_str()))
        .collect();
    let (withheld, found): (Vec<_>, Vec<_>) =
        hard.iter().map(|(r, q)| (r.as_str(), q.as_str())).partition(|(r, _)| !confirmed.contains_key(*r));
    assert_eq!(found, expected);
    // What nobody confirmed is not unlimited but none.
    let none =
        ["hdd.storageclass.storage.k8s.io/requests.storage", "requests.nvidia.com/gpu", "services.loadbalancers"];
    assert_eq!(withheld, none.map(|resource| (resource, "0")));

    case.decide("unit@t-track", "trial-report", Verdict::File).await?;
    case.decide("unit@t-track", "security-report", Verdict::File).await?;
    case.decide("unit@t-track", "sign-unit", Verdict::Sign).await?;
    case.decide(PROVIDER, "sign-provider", Verdict::Sign).await?;
    assert!(case.system().await?.spec.live.is_none(), "not live before the third signature");
    let last = case.decide(AUTHORITY, "sign-authority", Verdict::Sign).await?;
    case.phase(Phase::Live).await?;
    let live = case.system().await?.spec.live.context("not live")?;
    assert_eq!(live.from, Time::new(last.metadata.creation_timestamp.unwrap().0), "charged from the last signature");

    let entries: Api<LedgerEntry> = Api::namespaced(world.admin().await?, &case.home());
    let chain = wait_until("the books", PATIENCE, async || {
        let all = entries.list(&ListParams::default().fields("spec.system.name=portal")).await?;
        let chain: Vec<_> = all.items.into_iter().map(|e| e.spec).collect();
        Ok((chain.len() == 2).then_some(chain))
    })
    .await?;
    assert_eq!(ledger::check(&chain), Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn r15_2_a_subordinate_unit_needs_its_supervisor() -> Result<()> {
    let world = world().await?;
    world.organization("t-parent", |spec| spec.members.push(members("supervisor", &["chief@t-parent"]))).await?;
    world.home_ready("t-parent").await?;
    world.unit("t-child", Some("t-parent")).await?;
    let case = world.draft("t-child", "child", |_| {}).await?;
    case.decide("unit@t-child", "submission", Verdict::Submit).await?;
    let decision = case.drafted("supervisor-filing", Verdict::Approve).await?;
    let refused = refusal(case.make("unit@t-child", &decision).await)?;
    assert!(refused.contains("supervisor"), "{refused}");
    case.make("chief@t-parent", &decision).await?;
    case.drafted("completeness", Verdict::Approve).await?;
    Ok(())
}

#[tokio::test]
async fn r18_1_a_returned_request_says_what_is_missing_and_is_filed_again() -> Result<()> {
    let world = world().await?;
    world.unit("t-return", None).await?;
    let case = world.draft("t-return", "paper", |spec| spec.application.documents.clear()).await?;
    let (_, message) = case.condition("Complete", "False").await?;
    assert!(message.contains("系统建设批复") && message.contains("建设方案"), "{message}");
    case.decide("unit@t-return", "submission", Verdict::Submit).await?;
    case.decide(AUTHORITY, "completeness", Verdict::Return).await?;
    case.phase(Phase::Returned).await?;
    // The unit mends it and files again.
    let requests: Api<CloudResourceRequest> = case.api("unit@t-return").await?;
    let documents = sample()?.spec.application.documents;
    edit(&requests, "paper", |r| r.spec.application.documents.clone_from(&documents)).await?;
    case.phase(Phase::Draft).await?;
    case.decide("unit@t-return", "submission", Verdict::Submit).await?;
    case.decide(AUTHORITY, "completeness", Verdict::Approve).await?;
    case.drafted("plan", Verdict::Confirm).await?;
    Ok(())
}

#[tokio::test]
async fn what_was_approved_cannot_be_edited_and_a_deleted_request_takes_nothing_away() -> Result<()> {
    let world = world().await?;
    world.unit("t-keep", None).await?;
    let case = world.draft("t-keep", "keep", |_| {}).await?;
    case.to_trial().await?;
    let requests: Api<CloudResourceRequest> = case.api("unit@t-keep").await?;
    let edited = edit(&requests, "keep", |r| r.spec.application.lines[0].quantity = 99).await;
    let refused = refusal(edited.map_err(Into::into))?;
    assert!(refused.contains("ResourceChange"), "{refused}");
    let approved = edit(&requests, "keep", |r| r.spec.contacts = None).await?;

    // Pruned by a pipeline: the system stays as it is.
    let before = case.system().await?;
    requests.delete("keep", &DeleteParams::default()).await?;
    wait_until("the request to be gone", PATIENCE, async || {
        Ok(requests.get_opt("keep").await?.is_none().then_some(()))
    })
    .await?;
    // Applied again with the same content: it finds its system and goes on where it stood.
    let again = CloudResourceRequest {
        metadata: ObjectMeta { name: Some("keep".into()), ..ObjectMeta::default() },
        status: None,
        ..approved.clone()
    };
    requests.create(&PostParams::default(), &again).await?;
    case.phase(Phase::Trial).await?;
    case.decide("unit@t-keep", "trial-report", Verdict::File).await?;
    // Applied again with other content: it has no effect and says so.
    requests.delete("keep", &DeleteParams::default()).await?;
    wait_until("the request to be gone", PATIENCE, async || {
        Ok(requests.get_opt("keep").await?.is_none().then_some(()))
    })
    .await?;
    let mut other = again.clone();
    other.spec.application.lines[0].quantity = 99;
    requests.create(&PostParams::default(), &other).await?;
    let (reason, message) = case.condition("Stalled", "True").await?;
    assert_eq!(reason, "SystemNameTaken");
    assert!(message.contains("ResourceChange"), "{message}");
    let after = case.system().await?;
    assert_eq!((after.uid(), after.spec), (before.uid(), before.spec));
    Ok(())
}

//! Bad weather between the operator and the API server: answers lost, refused or late; watches held, merged, cut and
//! forgotten; the API server and etcd killed. The case ends where it would have ended.

use super::crash::survives;
use super::oracles;
use crate::story::provisioning::told_of_drift;
use crate::support::edit;
use crate::world::*;
use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::ResourceQuota;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::Api;
use std::time::Duration;
use yunguan::api::cloud_resource_request::Phase;
use yunguan_cluster::faults::Fault;

const CALM: Duration = Duration::from_millis(700);

#[tokio::test]
async fn lost_refused_and_late_answers_change_no_end() -> Result<()> {
    let world = World::with_faults().await?;
    let proxy = world.proxy.clone().context("no proxy")?;
    world.unit("t-rain", None).await?;
    let play = async |code: &str| {
        let mut log = world.cluster.audit_from_now()?;
        let case = world.draft("t-rain", code, |_| {}).await?;
        case.to_live().await?;
        oracles::at_rest(&world, &proxy, CALM).await?;
        let events = world.cluster.audit().new_events()?;
        let phases = oracles::phases(&events, &case);
        ensure!(oracles::is_path(&phases), "{phases:?}");
        let deeds = oracles::deeds(&mut log, &case)?;
        ensure!(deeds.creates.values().all(|n| *n == 1), "{:?}", deeds.creates);
        oracles::end_of(&case).await
    };
    let calm = play("calm").await?;
    let faults = [
        Fault::AnswerLost,
        Fault::Refused(409),
        Fault::Refused(422),
        Fault::Refused(429),
        Fault::Refused(500),
        Fault::Slow(Duration::from_millis(1500)),
    ];
    let mut struck = 0;
    for (n, fault) in faults.into_iter().enumerate() {
        // Writes of the commit, of provisioning and of going live.
        for write in [7, 9, 12, 20] {
            proxy.arm(write, fault, 0);
            let end = play(&format!("f{n}-{write}")).await.with_context(|| format!("{fault:?} at write {write}"))?;
            let differences = oracles::differences(&end, &calm);
            ensure!(differences.is_empty(), "{fault:?} at write {write}: ended elsewhere: {differences:#?}");
            struck += 1;
        }
    }
    println!("answers lost, refused or late: {struck} ({} struck)", proxy.strikes());
    ensure!(proxy.strikes() == struck);
    Ok(())
}

#[tokio::test]
async fn watches_held_merged_cut_and_forgotten_lose_nothing() -> Result<()> {
    let world = World::with_faults().await?;
    let proxy = world.proxy.clone().context("no proxy")?;
    world.unit("t-fog", None).await?;
    // Held back from the filing to the approval, which people make by what they read themselves: nothing shows a digest.
    let case = world.draft("t-fog", "held", |_| {}).await?;
    case.to_approval().await?;
    let approval = case.drafted("approval", yunguan::api::decision::Verdict::Approve).await?;
    proxy.hold_watches();
    case.make(AUTHORITY, &approval).await?;
    ensure!(case.request().await?.status.unwrap_or_default().phase == Phase::InReview, "nobody has heard of it");
    proxy.release_watches();
    case.phase(Phase::Trial).await?;

    // Cut at every gate.
    let cut = world.draft("t-fog", "cut", |_| {}).await?;
    let course = async { cut.to_live().await };
    tokio::pin!(course);
    let mut cuts = 0;
    loop {
        tokio::select! {
            done = &mut course => {
                done?;
                break;
            }
            () = tokio::time::sleep(Duration::from_millis(300)) => {
                proxy.cut_watches();
                cuts += 1;
            }
        }
    }
    // Forgotten: whoever resumes is told 410 and has to list again.
    proxy.forget();
    let gone = world.draft("t-fog", "gone", |_| {}).await?;
    proxy.remember();
    gone.to_live().await?;
    println!("watches cut {cuts} times in one course");
    Ok(())
}

#[tokio::test]
async fn kill_9_of_the_api_server_and_of_etcd_loses_nothing() -> Result<()> {
    let world = World::new().await?;
    world.unit("t-storm", None).await?;
    for (name, program) in [("server", world.cluster.apiserver()), ("etcd", world.cluster.etcd())] {
        let case = world.draft("t-storm", name, |_| {}).await?;
        case.to_approval().await?;
        let approval = case.drafted("approval", yunguan::api::decision::Verdict::Approve).await?;
        case.make(AUTHORITY, &approval).await?;
        program.kill9().await?;
        program.start_again()?;
        world.cluster.ready(Duration::from_mins(1)).await?;
        // The operator gives its lease up when it cannot renew it, and is started again as a pod would be.
        survives(&world, async { case.phase(Phase::Trial).await.map(drop) }).await?;
        let grants = case.system().await?.spec.grants;
        ensure!(grants.len() == 1, "{grants:?}");
    }
    Ok(())
}

/// Two things were changed; the first is put right, and the write that mends the second is refused.
#[tokio::test]
async fn a_correction_is_told_though_the_next_write_is_refused() -> Result<()> {
    let world = World::with_faults().await?;
    let proxy = world.proxy.clone().context("no proxy")?;
    world.unit("t-hail", None).await?;
    let case = world.draft("t-hail", "hail", |_| {}).await?;
    case.to_trial().await?;
    // The domain counts a grant some seconds later.
    oracles::at_rest(&world, &proxy, Duration::from_secs(5)).await?;
    // Both while it sleeps, so that it finds them in one pass, as the first thing that it does.
    world.operator.kill9().await?;
    let operator = crate::support::operator(&world.cluster).await?;
    let quotas: Api<ResourceQuota> = Api::namespaced(operator.clone(), &case.namespace());
    let more = k8s_openapi::apimachinery::pkg::api::resource::Quantity("999".into());
    edit(&quotas, "yunguan", |q| {
        q.spec.get_or_insert_default().hard.get_or_insert_default().insert("requests.cpu".into(), more.clone());
    })
    .await?;
    let networks: Api<NetworkPolicy> = Api::namespaced(operator, &case.namespace());
    edit(&networks, "yunguan-dns", |n| n.spec.get_or_insert_default().egress = Some(vec![])).await?;
    let strikes = proxy.strikes();
    proxy.arm(2, Fault::Refused(500), 0);
    world.operator.restart().await?;
    let told = told_of_drift(&world, &case, &["ResourceQuota yunguan", "NetworkPolicy yunguan-dns"]).await;
    let writes = proxy.writes();
    told.with_context(|| format!("{writes:#?}"))?;
    ensure!(proxy.strikes() == strikes + 1 && writes[1].contains("/networkpolicies"), "{writes:#?}");
    let metrics = world.operator.metrics().await?;
    for kind in ["ResourceQuota", "NetworkPolicy"] {
        let once = format!("yunguan_drift_corrected_total{{kind=\"{kind}\"}} 1\n");
        ensure!(metrics.contains(&once), "{kind}: {writes:#?}");
    }
    Ok(())
}

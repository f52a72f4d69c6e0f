//! Article 26 on a real node: pods that a kubelet runs, whose memory the kernel has given, cAdvisor measures and a real
//! Prometheus scrapes. Only the recorded rules' pace is another: each second instead of each minute.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;
use yunguan::api::decision::Verdict;
use yunguan::api::names::{
    CONDITION_ELIGIBLE, CONDITION_EXPANSION_ELIGIBLE as EXPANSION, CONDITION_IDLE as IDLE,
    CONDITION_NO_BUSINESS_DATA as NO_DATA, CONDITION_REDUCTION_ELIGIBLE as REDUCTION, CONDITION_USAGE_KNOWN as KNOWN,
};
use yunguan::api::resource_change::{Change, ChangePhase};
use yunguan::api::usage::Finding;
use yunguan_cluster::{History, Node, Prometheus, node, prometheus, state_metrics, wait_until};

use super::usage::evidence::{found, submit};
use super::usage::{points_at, says, says_within};
use crate::changing::*;
use crate::world::*;

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/prometheus/usage.yaml");
/// Set to `required` where a node must be possible, so that the story cannot be skipped unseen.
const WANTED: &str = "YUNGUAN_NODE";
/// A pod's start and three peaks of its memory, on a machine that compiles at the same time.
const LONG: Duration = Duration::from_mins(6);

/// Whether there can be a node. Where not, it says why.
pub fn possible() -> Result<bool> {
    let Err(why) = Node::possible() else { return Ok(true) };
    ensure!(std::env::var(WANTED).as_deref() != Ok("required"), "{WANTED}=required, and there can be no node: {why}");
    // Not with println, which shows only what failed.
    writeln!(std::io::stderr(), "skipped: this machine cannot run a node with pods: {why}")?;
    Ok(false)
}

/// A live system with 2 GiB of memory.
async fn live_small<'w>(world: &'w World, code: &str) -> Result<Case<'w>> {
    let case = world.draft("t-node", code, |spec| {
        for line in &mut spec.application.lines {
            match line.name.as_str() {
                "cpu" => line.quantity = 1,
                "memory" => line.quantity = 2,
                _ => {}
            }
        }
    });
    let case = case.await?;
    case.to_live().await?;
    Ok(case)
}

/// What the unit deploys: it uses so many MiB of memory for 12 seconds, then so many, and so on.
async fn deploy(case: &Case<'_>, low: &str, high: &str) -> Result<()> {
    let resources = json!({"cpu": "400m", "memory": "2000Mi"});
    let labels = json!({"app": "portal"});
    let deployment: Deployment = serde_json::from_value(json!({
        "metadata": {"name": "portal"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "automountServiceAccountToken": false,
                    "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
                    "containers": [{
                        "name": "portal",
                        "image": node::IMAGE,
                        "imagePullPolicy": "Never",
                        "args": [low, high, "12"],
                        "resources": {"requests": resources, "limits": resources},
                        "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                    }],
                },
            },
        },
    }))?;
    let client = case.world.client(&case.person()).await?;
    let deployments: Api<Deployment> = Api::namespaced(client, &case.namespace());
    deployments.create(&PostParams::default(), &deployment).await?;
    wait_until("the pod to run", LONG, async || {
        let status = deployments.get("portal").await?.status.unwrap_or_default();
        ensure!(status.ready_replicas == Some(1), "{:?}", status.conditions);
        Ok(Some(()))
    })
    .await
}

#[tokio::test]
async fn r26_2_r26_6_a_pod_that_really_uses_memory_makes_its_system_eligible_and_a_dead_kubelet_makes_use_unknown()
-> Result<()> {
    if !possible()? {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let world = World::with_usage(folder.path()).await?;
    let node = Node::start(&world.cluster).await?;
    world.unit("t-node", None).await?;
    let (case, calm) = (live_small(&world, "portal").await?, live_small(&world, "calm").await?);

    let mut jobs = node.scrapes();
    jobs.push(prometheus::every(node::INTERVAL, &[state_metrics::start(world.admin().await?).await?]));
    let often = [("yunguan-usage", "1s"), ("yunguan-usage-week", "2s")];
    let prometheus = Prometheus::scraping(&History::default(), &[Path::new(RULES)], &often, jobs).await?;
    points_at(&world, &prometheus.url(), None, None).await?;
    // Before anything runs nothing is used, and too little of the week is known to speak of.
    says(&case, &[(KNOWN, "True", "Measured"), (EXPANSION, "Unknown", "UsageUnknown")]).await?;

    // From less than 70% of what is granted to nine tenths; and no more than half.
    for (case, low, high) in [(&calm, "600", "1000"), (&case, "1400", "1840")] {
        deploy(case, low, high).await.with_context(|| node.kubelet().log_tail())?;
    }
    let told = says_within(&case, &[(KNOWN, "True", "Measured"), (EXPANSION, "True", "MemoryPeaks")], LONG).await;
    let used = prometheus.query("yunguan:namespace_memory_used:ratio").await?;
    let told = told.with_context(|| format!("{used}; {}", node.pod_logs().unwrap_or_default()))?;
    let message = &told.iter().find(|c| c.type_ == EXPANSION).context("no condition")?.message;
    ensure!(message.contains("第二十六条"), "{message}");
    let told = says(&calm, &[(KNOWN, "True", "Measured"), (EXPANSION, "Unknown", "UsageUnknown")]).await?;
    let far = &told.iter().find(|c| c.type_ == EXPANSION).context("no condition")?.message;
    ensure!(far.contains("within an hour 0 (at least 3)"), "{far}");

    // So it may apply for more (half as much again is no major change yet), and gets it.
    let change = Change { lines: lines(&[("memory", 3)]), ..Change::default() };
    let more = Changing::of_unit(&case, "portal.more", change).await?;
    more.says(CONDITION_ELIGIBLE, "MemoryPeaks").await?;
    let filing = submit(&more).await?;
    assert_eq!(found(&more, &filing).await?.1.finding, Finding::Eligible);
    more.decide(AGENCY, "evaluation", Verdict::Approve).await?;
    more.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    more.phase(ChangePhase::InEffect).await?;
    quota(&case, "requests.memory", "3Gi").await?;

    // The pod runs on, and nobody measures it: that is not little use.
    node.kubelet().kill9().await?;
    let told = says(&case, &[(KNOWN, "False", "NotMeasured"), (EXPANSION, "Unknown", "UsageUnknown")]).await?;
    let less = told.iter().filter(|c| [REDUCTION, IDLE, NO_DATA].contains(&c.type_.as_str()));
    ensure!(less.clone().count() == 3 && less.clone().all(|c| c.status == "Unknown"), "{told:?}");
    node.kubelet().start_again()?;
    node.ready(&world.cluster).await?;
    says(&case, &[(KNOWN, "True", "Measured")]).await?;
    println!("{message}");
    prometheus.stop().await?;
    node.stop().await
}

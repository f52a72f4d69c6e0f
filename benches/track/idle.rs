//! What the operator asks of the API server when many systems run and there is nothing to do.

use crate::at_rest;
use crate::boundary;
use crate::ground::{Ground, UNIT};
use crate::report::{Aim, Report};
use crate::size::mebibytes;
use crate::support::OPERATOR;
use crate::track;
use crate::usage::{Cpu, resident};
use crate::world::PATIENCE;
use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::api::PostParams;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, ResourceExt};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use yunguan::api::InformationSystem;
use yunguan::core::names::{home_namespace, system_namespace};
use yunguan_cluster::audit::Event;

/// So many are written side by side.
pub const AT_ONCE: usize = 16;
/// So many windows ahead are granted to each, for what an approval costs beside many grants.
const WINDOWS: i64 = 9;
/// The system that comes by the whole track.
pub const MODEL: &str = "model";

/// Watches for so long what it asks for, the lease apart.
///
/// # Errors
/// When a system is not opened, or the audit log cannot be read.
pub async fn measure(report: &mut Report, systems: usize, span: Duration) -> Result<()> {
    let ground = Ground::new().await?;
    let mut log = ground.world.cluster.audit_from_now()?;
    track::round(&ground, &[MODEL.to_owned()], 1).await?;
    let alone = calls(&at_rest(&mut log).await?);
    let before = resident(ground.world.operator.pid())?;
    report.figure("memory with 1 system", "MiB", vec![mebibytes(Some(&before))], None);
    open(&ground, 1, systems).await?;
    at_rest(&mut log).await?;
    let after = resident(ground.world.operator.pid())?;
    report.figure(format!("memory with {systems} systems"), "MiB", vec![mebibytes(Some(&after))], None);
    log.skip()?;
    // Not a wait for something: this is the time that is measured.
    tokio::time::sleep(span).await;
    let mut asked: BTreeMap<String, usize> = BTreeMap::new();
    let mut totals = [0; 4];
    for event in log.new_events()?.iter().filter(|e| e.user.username == OPERATOR) {
        let Some(kind) = kind_of(event) else { continue };
        let resource = event.object_ref.as_ref().map(|o| o.resource.clone()).unwrap_or_default();
        *asked.entry(format!("{} {resource}", event.verb)).or_default() += 1;
        totals[kind] += 1;
    }
    let what = |what: &str| format!("idle for {} s with {systems} systems: {what}", span.as_secs());
    let [writes, reads, watches, reviews] = totals.map(|n| vec![f64::from(n)]);
    report.figure(what("writes"), "", writes, Some(Aim::AtMost(0.0)));
    report.figure(what("reads"), "", reads, None);
    report.figure(what("access reviews"), "", reviews, None);
    report.figure(what("watches taken up again"), "", watches, None);
    report.fact("idle", json!(asked));
    log.skip()?;
    track::round(&ground, &["late".to_owned()], 1).await?;
    let late = calls(&at_rest(&mut log).await?);
    report.figure("calls of the operator for a request beside no other system", "", vec![alone], None);
    report.figure(format!("calls of the operator for a request beside {systems} systems"), "", vec![late], None);
    boundary::measure(report, &ground, &mut log).await?;
    let grants = boundary::ahead(&ground, WINDOWS).await?;
    at_rest(&mut log).await?;
    let cpu = Cpu::of(&ground)?;
    track::round(&ground, &["latest".to_owned()], 1).await?;
    let latest = calls(&at_rest(&mut log).await?);
    let used = Cpu::of(&ground)?.since(cpu).operator.as_secs_f64() * 1000.0;
    report.figure(format!("calls of the operator for a request beside {grants} grants"), "", vec![latest], None);
    report.figure(format!("operator CPU for a request beside {grants} grants"), "ms", vec![used], None);
    Ok(())
}

/// Writes, reads and reviews of the operator.
fn calls(events: &[Event]) -> f64 {
    let theirs = events.iter().filter(|e| e.user.username == OPERATOR);
    let calls = theirs.filter(|e| kind_of(e).is_some_and(|kind| kind != 2)).count();
    f64::from(u32::try_from(calls).unwrap_or(u32::MAX))
}

/// Has so many systems opened, some being there, beside the one that came by the whole track: copies of it, with its grant and under names
/// of their own, put on record by the operator's account, which alone may. The operator opens each as any other.
pub async fn open(ground: &Ground, there: usize, wanted: usize) -> Result<()> {
    let home = home_namespace(UNIT);
    let systems: Api<InformationSystem> = Api::namespaced(ground.client(OPERATOR)?, &home);
    let model = systems.get(MODEL).await?;
    let copies: Vec<InformationSystem> = (there..wanted)
        .map(|n| {
            let mut copy = InformationSystem::new(&format!("copy-{n}"), model.spec.clone());
            copy.spec.namespace = system_namespace(UNIT, &copy.name_any());
            copy
        })
        .collect();
    let params = PostParams::default();
    let written = stream::iter(&copies).map(|copy| systems.create(&params, copy));
    written.buffer_unordered(AT_ONCE).try_for_each(async |_| Ok(())).await?;
    let mut missing: BTreeSet<String> = copies.iter().map(ResourceExt::name_any).collect();
    let opened = async {
        let mut seen = std::pin::pin!(watcher(systems, watcher::Config::default()).default_backoff().applied_objects());
        while let Some(system) = seen.next().await {
            let Ok(system) = system else { continue };
            if system.status.as_ref().is_some_and(|s| s.provisioned_at.is_some()) {
                missing.remove(&system.name_any());
            }
            if missing.is_empty() {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE * 10, opened).await.with_context(|| format!("{wanted} systems are not opened"))
}

/// Write, read, watch or review; nothing for the lease.
pub fn kind_of(event: &Event) -> Option<usize> {
    let group = event.object_ref.as_ref().map(|o| o.api_group.as_str()).unwrap_or_default();
    match (group, event.verb.as_str()) {
        ("coordination.k8s.io", _) => None,
        ("authorization.k8s.io", _) => Some(3),
        // A watch is told of when it begins and when it ends.
        (_, "watch") => (event.stage == "ResponseStarted").then_some(2),
        (_, "get" | "list") => Some(1),
        _ => Some(0),
    }
}

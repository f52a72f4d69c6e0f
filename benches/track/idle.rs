//! What the operator asks of the API server when there is nothing to do.

use crate::ground::Ground;
use crate::report::{Aim, Report};
use crate::support::OPERATOR;
use anyhow::Result;
use kube::Api;
use kube::api::ListParams;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use yunguan::api::InformationSystem;
use yunguan_cluster::audit::Event;

/// Watches for so long what it asks for, the lease apart.
///
/// # Errors
/// When the audit log cannot be read.
pub async fn measure(ground: &Ground, span: Duration, report: &mut Report) -> Result<()> {
    let systems = Api::<InformationSystem>::all(ground.world.admin().await?).list(&ListParams::default()).await?;
    let mut log = ground.world.cluster.audit_from_now()?;
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
    let what = |what: &str| format!("idle for {} s with {} systems: {what}", span.as_secs(), systems.items.len());
    let [writes, reads, watches, reviews] = totals.map(|n| vec![f64::from(n)]);
    report.figure(what("writes"), "", writes, Some(Aim::AtMost(0.0)));
    report.figure(what("reads"), "", reads, None);
    report.figure(what("access reviews"), "", reviews, None);
    report.figure(what("watches taken up again"), "", watches, None);
    report.fact("idle", json!(asked));
    Ok(())
}

/// Write, read, watch or review; nothing for the lease.
fn kind_of(event: &Event) -> Option<usize> {
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

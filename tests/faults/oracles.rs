//! Where a case ended, by what the API server and its audit log say.

use crate::support::OPERATOR;
use crate::world::{Case, PATIENCE, World};
use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::{LimitRange, Namespace, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use yunguan::api::cloud_resource_request::Phase;
use yunguan::api::{CloudDomain, CloudResourceRequest, Decommission, LedgerEntry, ResourceChange, Sanction};
use yunguan::core::ledger;
use yunguan_cluster::audit::{Event, Log};
use yunguan_cluster::faults::Proxy;
use yunguan_cluster::wait_until;

/// Fields that differ from run to run.
const VOLATILE: [&str; 27] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "lastTransitionTime",
    "managedFields",
    "at",
    "from",
    "since",
    "due",
    "effectiveFrom",
    "provisionedAt",
    "digest",
    "applicationDigest",
    "submissionUid",
    "subjectUid",
    "itemUid",
    "productUid",
    "yunguan.dev/owner-uid",
    "yunguan.dev/applied",
    "previous",
    "hash",
    "fact",
    "until",
    "changesAt",
    "basis",
    "extendBy",
];

/// Waits until the operator acts, and writes nothing for a while: the end is stable.
pub async fn at_rest(world: &World, proxy: &Proxy, calm: Duration) -> Result<()> {
    let mut last = (proxy.writes().len(), Instant::now());
    wait_until("the operator to come to rest", Duration::from_mins(1), async || {
        let acts = world.operator.metrics().await.is_ok_and(|metrics| metrics.contains("yunguan_leader 1"));
        let now = proxy.writes().len();
        if now != last.0 || !acts {
            last = (now, Instant::now());
        }
        Ok((last.1.elapsed() >= calm).then_some(()))
    })
    .await
}

/// Everything that a case left behind, without what differs from run to run.
pub async fn end_of(case: &Case<'_>) -> Result<Value> {
    let admin = case.world.admin().await?;
    let namespace = case.namespace();
    let request = case.request().await?;
    let system = case.system().await?;
    let domains: Api<CloudDomain> = Api::all(admin.clone());
    // What became a grant is counted a moment later.
    wait_until("the reservation to be counted as a grant", PATIENCE, async || {
        let reserved = domains.get(&system.spec.domain).await?.status.map(|s| s.reservations).unwrap_or_default();
        ensure!(reserved.iter().all(|r| r.request.name != case.name), "a reservation is left: {reserved:?}");
        Ok(Some(()))
    })
    .await?;
    let entries: Api<LedgerEntry> = Api::namespaced(admin.clone(), &case.home());
    let entries = entries.list(&ListParams::default().fields(&format!("spec.system.name={}", case.name))).await?;
    let chain: Vec<_> = entries.items.into_iter().map(|e| e.spec).collect();
    let wrong = ledger::check(&chain);
    ensure!(wrong.is_empty(), "{wrong:?}");
    let kinds: Vec<_> = chain.iter().map(|e| e.fact.split('/').next().unwrap_or_default().to_owned()).collect();
    let changes: Api<ResourceChange> = Api::namespaced(admin.clone(), &case.home());
    let about = ListParams::default().fields(&format!("spec.change.system={}", case.name));
    let mut changes = changes.list(&about).await?.items;
    changes.sort_by_key(ResourceExt::name_any);
    // The whole application for a system that was opened in an urgent case.
    let requests: Api<CloudResourceRequest> = Api::namespaced(admin.clone(), &case.home());
    let mut more = requests.list(&ListParams::default()).await?.items;
    more.retain(|r| r.spec.application.system_ref.as_ref() == Some(&case.name));
    let mut orders = Api::<Sanction>::namespaced(admin.clone(), &case.home()).list(&ListParams::default()).await?.items;
    orders.retain(|s| s.spec.order.systems.contains(&case.name));
    let departures: Api<Decommission> = Api::namespaced(admin.clone(), &case.home());
    let mut departures = departures.list(&ListParams::default()).await?.items;
    departures.retain(|d| d.spec.departure.system == case.name);
    let whole = json!({
        "request": {"spec": request.spec, "status": request.status},
        "more": more.iter().map(|r| json!({"spec": r.spec, "status": r.status})).collect::<Vec<_>>(),
        "system": {"spec": system.spec, "status": system.status},
        "namespace": Api::<Namespace>::all(admin.clone()).get_opt(&namespace).await?.map(|space| space.metadata.labels),
        "quotas": listed::<ResourceQuota>(&Api::namespaced(admin.clone(), &namespace)).await?,
        "limits": listed::<LimitRange>(&Api::namespaced(admin.clone(), &namespace)).await?,
        "networks": listed::<NetworkPolicy>(&Api::namespaced(admin.clone(), &namespace)).await?,
        "bindings": listed::<RoleBinding>(&Api::namespaced(admin, &namespace)).await?,
        "books": kinds,
        "changes": changes.iter().map(|c| json!({"spec": c.spec, "status": c.status})).collect::<Vec<_>>(),
        "orders": orders.iter().map(|s| json!({"spec": s.spec, "status": s.status})).collect::<Vec<_>>(),
        "departures": departures.iter().map(|d| json!({"spec": d.spec, "status": d.status})).collect::<Vec<_>>(),
    });
    let text = without_moments(&serde_json::to_string(&settled(whole))?);
    Ok(serde_json::from_str(&text.replace(&namespace, "NAMESPACE").replace(&case.name, "CASE"))?)
}

/// Messages say when something takes effect.
fn without_moments(text: &str) -> String {
    let mut rest = text;
    let mut whole = String::with_capacity(text.len());
    // 2026-11-24T02:00:00Z
    while let Some(at) = rest.find('T') {
        let date = at.checked_sub(10).and_then(|start| rest.get(start..at));
        let time = rest.get(at + 1..at + 10);
        let numbers = |t: &str| t.chars().all(|c| c.is_ascii_digit() || "-:Z".contains(c));
        if date.is_some_and(numbers) && time.is_some_and(numbers) {
            whole.push_str(&rest[..at - 10]);
            whole.push_str("MOMENT");
            rest = &rest[at + 10..];
        } else {
            whole.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
        }
    }
    whole + rest
}

async fn listed<K>(api: &Api<K>) -> Result<Vec<Value>>
where
    K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + Serialize + serde::de::DeserializeOwned,
{
    let mut all = api.list(&ListParams::default()).await?.items;
    all.sort_by_key(ResourceExt::name_any);
    all.into_iter()
        .map(|object| {
            let mut whole = serde_json::to_value(object)?;
            whole.as_object_mut().context("an object")?.remove("status");
            Ok(whole)
        })
        .collect()
}

/// Where two ends differ.
pub fn differences(one: &Value, other: &Value) -> Vec<String> {
    fn compare(one: &Value, other: &Value, at: &str, found: &mut Vec<String>) {
        match (one, other) {
            (Value::Object(a), Value::Object(b)) => {
                for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                    let null = Value::Null;
                    compare(a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null), &format!("{at}.{key}"), found);
                }
            }
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                a.iter().zip(b).enumerate().for_each(|(n, (a, b))| compare(a, b, &format!("{at}[{n}]"), found));
            }
            _ if one != other => found.push(format!("{at}: {one} / {other}")),
            _ => {}
        }
    }
    let mut found = Vec::new();
    compare(one, other, "", &mut found);
    found
}

fn settled(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            // Decisions have names that the server made up.
            let decision = fields.contains_key("verdict") || (fields.contains_key("by") && fields.contains_key("at"));
            // A grant names the filing that it makes good, and a change its name.
            let granted = fields.contains_key("basis");
            let kept = fields
                .into_iter()
                // A network policy's `from` is a list.
                .filter(|(key, value)| !VOLATILE.contains(&key.as_str()) || (key == "from" && value.is_array()))
                .filter(|(key, _)| !(decision && key == "name" || granted && key == "settles"))
                .map(|(key, value)| (key, settled(value)));
            Value::Object(kept.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(settled).collect()),
        other => other,
    }
}

/// How often the operator made and changed each object that belongs to a case, successfully.
#[derive(Debug, Default)]
pub struct Deeds {
    /// By object.
    pub creates: BTreeMap<String, usize>,
    /// By object and subresource.
    pub updates: BTreeMap<String, usize>,
}

/// Reads on in the audit log, and keeps what is about a case.
pub fn deeds(log: &mut Log, case: &Case<'_>) -> Result<Deeds> {
    let namespace = case.namespace();
    let mut deeds = Deeds::default();
    for event in log.new_events()? {
        let Some(object) = event.object_ref.as_ref().filter(|_| done_by_operator(&event)) else { continue };
        let name = match (&event.response_object, object.name.as_str()) {
            (Some(made), "") => made["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
            (_, name) => name.to_owned(),
        };
        let theirs = object.namespace == namespace
            || name == namespace
            || name == case.name
            || name.starts_with(&format!("{}.", case.name));
        if !theirs || object.resource == "events" {
            continue;
        }
        let key = format!("{}/{}/{name}", object.resource, object.subresource);
        let deed = if event.verb == "create" { &mut deeds.creates } else { &mut deeds.updates };
        *deed.entry(key).or_default() += 1;
    }
    Ok(deeds)
}

fn done_by_operator(event: &Event) -> bool {
    event.is_write() && event.user.username == OPERATOR && (200..300).contains(&event.code())
}

/// The phases that a request went through, by the audit log, must be a path of this graph.
pub fn is_path(phases: &[Phase]) -> bool {
    phases.windows(2).all(|step| {
        matches!(
            (step[0], step[1]),
            (Phase::Draft, Phase::InReview)
                | (Phase::InReview, Phase::Approved)
                | (Phase::Approved, Phase::Provisioning | Phase::Trial)
                | (Phase::Provisioning, Phase::Trial)
                | (Phase::Trial, Phase::Live)
        ) || step[0] == step[1]
    })
}

/// The phases of a request in the order in which they were written.
pub fn phases(events: &[Event], case: &Case<'_>) -> Vec<Phase> {
    events
        .iter()
        .filter(|e| e.is_about("cloudresourcerequests/status") && (200..300).contains(&e.code()))
        .filter(|e| e.object_ref.as_ref().is_some_and(|o| o.name == case.name))
        .filter_map(|e| serde_json::from_value(e.response_object.as_ref()?["status"]["phase"].clone()).ok())
        .collect()
}

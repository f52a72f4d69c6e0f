//! R4.2 on a real API server: a namespace in use is brought under the rules with nothing restarted and nothing cut that was not
//! listed, and is given back at the end.

use anyhow::{Context as _, Result, ensure};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};
use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim, Pod, ResourceQuota};
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use yunguan::api::adoption::{Adoption, FindingKind};
use yunguan::api::decision::Verdict;
use yunguan::api::decommission::{BackupMode, DecommissionPhase, Departure};
use yunguan::api::names::{ANNOTATION_ADOPT, CONDITION_ADOPTABLE, CONDITION_NETWORKS_SHUT};
use yunguan::api::{CloudResourceRequest, InformationSystem, LedgerEntry};
use yunguan::core::adoption::mark;
use yunguan::core::quantity::Amount;
use yunguan::core::quota;
use yunguan_cluster::wait_until;

use super::sanctions::{deploy, workloads};
use crate::leaving::Leaving;
use crate::plugin::{done, exits};
use crate::support::{edit, objects, refused_by};
use crate::world::*;

/// A namespace in which somebody works already, with a label of their own.
pub async fn in_use(world: &World, name: &str) -> Result<Namespace> {
    let spaces: Api<Namespace> = Api::all(world.admin().await?);
    let space = json!({"metadata": {"name": name, "labels": {"team": "portal"}}});
    Ok(spaces.create(&PostParams::default(), &serde_json::from_value(space)?).await?)
}

/// Its owner lets somebody look into it and write to it.
async fn lets_in(world: &World, namespace: &str, who: &str) -> Result<()> {
    let name = format!("adopter-{}", who.split('@').next().unwrap_or_default());
    let binding = json!({"metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "yunguan-adopter"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": who}]});
    let binding: DynamicObject = serde_json::from_value(binding)?;
    objects(&world.admin().await?, "RoleBinding", namespace).create(&PostParams::default(), &binding).await?;
    let spaces: Api<Namespace> = Api::all(world.client(who).await?);
    wait_until("to be let in", PATIENCE, async || Ok(spaces.get(namespace).await.is_ok().then_some(()))).await
}

fn marks(value: &Value) -> Patch<Value> {
    Patch::Merge(json!({"metadata": {"annotations": {ANNOTATION_ADOPT: value}}}))
}

/// A draft that takes this namespace over.
pub async fn taking_over<'w>(world: &'w World, unit: &str, code: &str, adopts: Adoption) -> Result<Case<'w>> {
    world.draft(unit, code, |spec| spec.application.adopts = Some(adopts)).await
}

pub fn of(namespace: &str) -> Adoption {
    Adoption { namespace: namespace.into(), ..Adoption::default() }
}

async fn marked_for(case: &Case<'_>) -> Result<Value> {
    let request = case.request().await?;
    Ok(json!(mark(&case.home(), &case.name, &request.uid().context("no uid")?)))
}

/// Its owner lets the authority in, who marks it for the request of a case.
pub async fn marked_by_the_authority(case: &Case<'_>, namespace: &str) -> Result<()> {
    lets_in(case.world, namespace, AUTHORITY).await?;
    let mark = marked_for(case).await?;
    let spaces: Api<Namespace> = Api::all(case.world.client(AUTHORITY).await?);
    spaces.patch(namespace, &PatchParams::default(), &marks(&mark)).await?;
    Ok(())
}

/// Waits for a reason of the condition that tells of the takeover.
async fn says(case: &Case<'_>, reason: &str) -> Result<CloudResourceRequest> {
    wait_until(&format!("{} to say {reason}", case.name), PATIENCE, async || {
        let request = case.request().await?;
        let status = request.status.clone().unwrap_or_default();
        ensure!(status.observed_generation == request.metadata.generation, "status lags");
        let found = status.conditions.iter().find(|c| c.type_ == CONDITION_ADOPTABLE).context("no condition")?;
        ensure!(found.reason == reason, "{}: {}", found.reason, found.message);
        Ok(Some(request))
    })
    .await
    .with_context(|| case.world.operator.log_tail())
}

/// The unit accepts all that would break.
pub async fn accepts_all(case: &Case<'_>) -> Result<Vec<String>> {
    let plan = says(case, "NotAccepted").await?.status.and_then(|s| s.adoption).context("no plan")?;
    let breaks = plan.findings.iter().filter(|f| f.kind == FindingKind::Breaks);
    let names: Vec<String> = breaks.map(|f| f.name.clone()).collect();
    edit(&case.api::<CloudResourceRequest>(&case.person()).await?, &case.name, |request| {
        if let Some(adopts) = &mut request.spec.application.adopts {
            adopts.accepts.clone_from(&names);
        }
    })
    .await?;
    says(case, "AsPlanned").await?;
    Ok(names)
}

async fn pods(world: &World, namespace: &str) -> Result<BTreeMap<String, String>> {
    let pods: Api<Pod> = Api::namespaced(world.admin().await?, namespace);
    let pods = pods.list(&ListParams::default()).await?.items;
    Ok(pods.iter().map(|pod| (pod.name_any(), pod.uid().unwrap_or_default())).collect())
}

async fn ours(world: &World, namespace: &str) -> Result<Vec<String>> {
    let admin = world.admin().await?;
    let managed = ListParams::default().labels("yunguan.dev/managed=true");
    let mut found = Vec::new();
    for kind in ["ResourceQuota", "LimitRange", "NetworkPolicy", "RoleBinding", "Job"] {
        let list = objects(&admin, kind, namespace).list(&managed).await?;
        found.extend(list.items.iter().map(|object| format!("{kind}/{}", object.name_any())));
    }
    Ok(found)
}

/// What was there before: two Deployments, one of which the strictest standard refuses, a claim, and what others have set.
async fn furnish(world: &World, namespace: &str) -> Result<()> {
    let admin = world.admin().await?;
    let mut loose = workloads()[0].1.clone();
    loose["metadata"]["name"] = json!("loose");
    for place in ["selector", "template"] {
        let labels = if place == "selector" { "/selector/matchLabels" } else { "/template/metadata/labels" };
        *loose["spec"].pointer_mut(labels).context(place)? = json!({"app": "loose"});
    }
    loose["spec"]["replicas"] = json!(1);
    let container = &mut loose["spec"]["template"]["spec"]["containers"][0];
    container["securityContext"] = json!({});
    container["resources"] = json!({});
    deploy(&admin, namespace, &[workloads()[0].clone(), ("Deployment", loose)]).await?;
    let claim = json!({"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
        "storageClassName": "ssd", "resources": {"requests": {"storage": "1Gi"}}}});
    let policy = json!({"metadata": {"name": "allow-all"}, "spec": {"podSelector": {}, "ingress": [{}]}});
    let quota = json!({"metadata": {"name": "old"}, "spec": {"hard": {"pods": "50"}}});
    for (kind, object) in [("PersistentVolumeClaim", claim), ("NetworkPolicy", policy), ("ResourceQuota", quota)] {
        let object: DynamicObject = serde_json::from_value(object)?;
        objects(&admin, kind, namespace).create(&PostParams::default(), &object).await.context(kind)?;
    }
    wait_until("three pods", PATIENCE, async || Ok((pods(world, namespace).await?.len() == 3).then_some(()))).await
}

#[tokio::test]
async fn r4_2_a_namespace_in_use_is_taken_over_with_nothing_restarted_and_given_back() -> Result<()> {
    let world = World::with_clock().await?;
    let space = "portal-prod";
    world.unit("t-adopts", None).await?;
    let before = in_use(&world, space).await?;
    furnish(&world, space).await?;
    let running = pods(&world, space).await?;
    let today = world.clock.now()?.to_zoned(TimeZone::get("Asia/Shanghai")?).date();
    let open_until = today.checked_add(9.days())?;
    let adopts = Adoption { networks_open_until: Some(open_until), ..of(space) };
    let case = taking_over(&world, "t-adopts", "portal", adopts).await?;

    // Nobody has let it go: the operator looks at nothing in it.
    let looked = says(&case, "NotOffered").await?;
    ensure!(looked.status.unwrap_or_default().adoption.is_none(), "somebody else's namespace is shown");
    let mark = marked_for(&case).await?;
    let admin: Api<Namespace> = Api::all(world.admin().await?);
    let params = PatchParams::default();
    refused_by("yunguan-adoption", admin.patch(space, &params, &marks(&mark)).await.map(drop))?;
    for who in [case.person(), AUTHORITY.to_owned()] {
        lets_in(&world, space, &who).await?;
    }
    let unit: Api<Namespace> = Api::all(world.client(&case.person()).await?);
    refused_by("yunguan-adoption", unit.patch(space, &params, &marks(&mark)).await.map(drop))?;
    let authority: Api<Namespace> = Api::all(world.client(AUTHORITY).await?);
    refused_by("yunguan-adoption", authority.patch(space, &params, &marks(&json!("portal"))).await.map(drop))?;
    authority.patch(space, &params, &marks(&mark)).await?;
    refused_by("yunguan-adoption", authority.patch(space, &params, &marks(&json!("yg-a/b/c"))).await.map(drop))?;
    refused_by("yunguan-adoption", unit.patch(space, &params, &marks(&Value::Null)).await.map(drop))?;

    // What is in the way goes, what breaks is accepted.
    says(&case, "InTheWay").await?;
    objects(&world.admin().await?, "ResourceQuota", space).delete("old", &DeleteParams::default()).await?;
    let accepted = accepts_all(&case).await?;
    ensure!(accepted.iter().any(|name| name.starts_with("pod-security/")), "{accepted:?}");
    ensure!(accepted.contains(&"default-limits".to_owned()), "{accepted:?}");
    case.to_approval().await?;
    ensure!(ours(&world, space).await?.is_empty(), "it was touched before the approval");
    case.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    let request = case.phase(yunguan::api::cloud_resource_request::Phase::Trial).await?;
    ensure!(request.status.unwrap_or_default().system_namespace.as_deref() == Some(space));
    ensure!(pods(&world, space).await? == running, "something was restarted");
    let taken = admin.get(space).await?;
    ensure!(taken.uid() == before.uid() && taken.labels().get("team").is_some_and(|team| team == "portal"));
    ensure!(taken.labels().get("pod-security.kubernetes.io/enforce").is_some_and(|level| level == "restricted"));
    let all = ours(&world, space).await?;
    ensure!(all == ["ResourceQuota/yunguan", "LimitRange/yunguan", "RoleBinding/yunguan-developer"], "{all:?}");
    counts_as_the_api_server(&world, space).await?;
    let moved = Patch::Merge(json!({"metadata": {"labels": {"team": "other"}}}));
    refused_by("yunguan-managed", admin.patch(space, &params, &moved).await.map(drop))?;

    networks_are_shut_in_time(&case, space).await?;
    ensure!(pods(&world, space).await? == running, "something was restarted");
    let entries: Api<LedgerEntry> = Api::namespaced(world.admin().await?, &case.home());
    let facts: Vec<String> = entries.list(&ListParams::default()).await?.into_iter().map(|e| e.spec.fact).collect();
    ensure!(facts.contains(&"adopted".to_owned()), "{facts:?}");
    is_given_back(&case, space, &before).await?;
    println!("taken over with {} pods running: restarted 0, accepted {}", running.len(), accepted.len());
    Ok(())
}

/// Our sum over pods and claims against the API server's own.
async fn counts_as_the_api_server(world: &World, space: &str) -> Result<()> {
    let admin = world.admin().await?;
    let pods = Api::<Pod>::namespaced(admin.clone(), space).list(&ListParams::default()).await?.items;
    let claims = Api::<PersistentVolumeClaim>::namespaced(admin.clone(), space);
    let claims = claims.list(&ListParams::default()).await?.items;
    let ours = quota::used(&pods, &claims);
    let quotas: Api<ResourceQuota> = Api::namespaced(admin, space);
    wait_until("the quota to count what runs", PATIENCE, async || {
        let used = quotas.get("yunguan").await?.status.and_then(|s| s.used).context("no use")?;
        for (resource, amount) in used.iter().filter(|(r, _)| r.starts_with("requests.") || r.contains("storageclass"))
        {
            let amount = Amount::parse(&amount.0)?;
            ensure!(ours.get(resource) == amount, "{resource}: {:?} is not {amount:?}", ours.get(resource));
        }
        ensure!(used.get("requests.cpu").is_some_and(|cpu| cpu.0 != "0"), "{used:?}");
        Ok(Some(()))
    })
    .await
}

async fn networks_are_shut_in_time(case: &Case<'_>, space: &str) -> Result<()> {
    let world = case.world;
    let systems: Api<InformationSystem> = Api::namespaced(world.admin().await?, &case.home());
    let shut = |wanted: &'static str| {
        move |system: &InformationSystem| {
            let conditions = system.status.iter().flat_map(|s| &s.conditions);
            conditions.into_iter().any(|c| c.type_ == CONDITION_NETWORKS_SHUT && c.status == wanted)
        }
    };
    let system = eventually(&systems, &case.name, "open networks", shut("False")).await?;
    let at = system.spec.adopted.context("not adopted")?.networks_shut_from.timestamp();
    world.clock.advance_to(at.checked_sub(SignedDuration::from_secs(30))?)?;
    eventually(&systems, &case.name, "open networks", shut("False")).await?;
    world.clock.advance_to(at.checked_add(SignedDuration::from_secs(1))?)?;
    eventually(&systems, &case.name, "shut networks", shut("True")).await?;
    let all = ours(world, space).await?;
    let policies = all.iter().filter(|object| object.starts_with("NetworkPolicy/")).count();
    ensure!(policies >= 3 && all.contains(&"NetworkPolicy/yunguan-default-deny".to_owned()), "{all:?}");
    Ok(())
}

/// At the end the namespace is there, with what others made in it, and nothing of ours.
async fn is_given_back(case: &Case<'_>, space: &str, before: &Namespace) -> Result<()> {
    let world = case.world;
    // Its claim was never bound and holds nothing.
    let departure = Departure { backup: BackupMode::Nothing, ..Departure::default() };
    let leaving = Leaving::draft(case, &case.person(), "portal-leaves", departure).await?;
    leaving.approved().await?;
    leaving.decide(&case.person(), "backup-confirmation", Verdict::Confirm).await?;
    leaving.phase(DecommissionPhase::ToAttest).await?;
    leaving.decide(PROVIDER, "attestation", Verdict::File).await?;
    leaving.phase(DecommissionPhase::Closed).await?;
    let spaces: Api<Namespace> = Api::all(world.admin().await?);
    let after = spaces.get(space).await?;
    ensure!(after.uid() == before.uid() && after.metadata.deletion_timestamp.is_none(), "it is deleted");
    let marks = after.labels().keys().chain(after.annotations().keys());
    let left: Vec<&String> = marks.filter(|key| key.starts_with("yunguan.dev/")).collect();
    ensure!(left.is_empty() && after.labels().get("team").is_some_and(|team| team == "portal"), "{left:?}");
    let all = ours(world, space).await?;
    ensure!(all.is_empty(), "{all:?}");
    let deployments = objects(&world.admin().await?, "Deployment", space).list(&ListParams::default()).await?;
    ensure!(deployments.items.len() == 2, "what others made is gone");
    Ok(())
}

#[tokio::test]
async fn r4_2_what_nobody_may_take_over_is_refused_and_nothing_changes() -> Result<()> {
    let world = world().await?;
    world.unit("t-adopts-bad", None).await?;
    let other = world.draft("t-adopts-bad", "theirs", |_| {}).await?;
    let requests: Api<CloudResourceRequest> = other.api(&other.person()).await?;
    for name in ["kube-system", "default", "yunguan-system", "yg-t-adopts-bad", "ygs-x"] {
        let mut draft = sample()?;
        fit(&mut draft, "t-adopts-bad", "bad");
        draft.spec.application.adopts = Some(of(name));
        let error = refusal(requests.create(&PostParams::default(), &draft).await.map_err(Into::into))?;
        ensure!(error.contains("is never taken over"), "{name}: {error}");
    }
    other.to_trial().await?;
    let spaces: Api<Namespace> = Api::all(world.admin().await?);
    in_use(world, "adopts-ends").await?;
    let held = json!({"metadata": {"finalizers": ["test.example/held"]}, "data": {}});
    let mut held: DynamicObject = serde_json::from_value(held)?;
    held.metadata.name = Some("held".into());
    let maps = objects(&world.admin().await?, "ConfigMap", "adopts-ends");
    maps.create(&PostParams::default(), &held).await?;
    spaces.delete("adopts-ends", &DeleteParams::default()).await?;
    let ends = taking_over(world, "t-adopts-bad", "ends", of("adopts-ends")).await?;
    says(&ends, "NamespaceTerminating").await?;
    maps.patch("held", &PatchParams::default(), &Patch::Merge(json!({"metadata": {"finalizers": null}}))).await?;
    let missing = taking_over(world, "t-adopts-bad", "missing", of("adopts-nowhere")).await?;
    says(&missing, "NamespaceMissing").await?;
    // The namespace of a home or a system is refused by its name; one that was taken over, by its label.
    let taken = in_use(world, "adopts-taken").await?;
    let first = taking_over(world, "t-adopts-bad", "first", of("adopts-taken")).await?;
    lets_in(world, "adopts-taken", AUTHORITY).await?;
    let named = format!("{}/first", first.home());
    let shown = done(AUTHORITY, &["adopt", &named, "--plan"]).await?;
    ensure!(shown.contains("networks") && shown.contains("NetworkPolicies"), "{shown}");
    ensure!(spaces.get("adopts-taken").await?.resource_version() == taken.resource_version(), "a plan has changed it");
    exits(4, &first.person(), &["adopt", &named, "--plan"]).await?;
    exits(2, AUTHORITY, &["adopt", &named]).await?;
    done(AUTHORITY, &["adopt", &named, "--yes"]).await?;
    accepts_all(&first).await?;
    done(&first.person(), &["status", &named]).await?;
    first.to_trial().await?;
    let second = taking_over(world, "t-adopts-bad", "second", of("adopts-taken")).await?;
    says(&second, "NamespaceTaken").await?;
    exits(4, AUTHORITY, &["adopt", &format!("{}/second", second.home()), "--yes"]).await?;
    ensure!(second.request().await?.status.unwrap_or_default().adoption.is_none());
    Ok(())
}

/// What is approved is what is taken over: something new that breaks holds it until it is accepted or gone.
#[tokio::test]
async fn r4_2_what_has_come_since_the_plan_holds_the_takeover() -> Result<()> {
    let world = world().await?;
    let space = "adopts-moves";
    world.unit("t-adopts-moves", None).await?;
    in_use(world, space).await?;
    let case = taking_over(world, "t-adopts-moves", "moves", of(space)).await?;
    marked_by_the_authority(&case, space).await?;
    accepts_all(&case).await?;
    case.to_approval().await?;
    let approval = case.drafted("approval", Verdict::Approve).await?;
    let admin = world.admin().await?;
    let quota: DynamicObject =
        serde_json::from_value(json!({"metadata": {"name": "late"}, "spec": {"hard": {"pods": "5"}}}))?;
    let quotas = objects(&admin, "ResourceQuota", space);
    quotas.create(&PostParams::default(), &quota).await?;
    case.make(AUTHORITY, &approval).await?;
    says(&case, "InTheWay").await?;
    let spaces: Api<Namespace> = Api::all(admin);
    ensure!(!spaces.get(space).await?.labels().contains_key("yunguan.dev/managed"), "it was taken over all the same");
    quotas.delete("late", &DeleteParams::default()).await?;
    case.phase(yunguan::api::cloud_resource_request::Phase::Trial).await?;
    ensure!(spaces.get(space).await?.labels().contains_key("yunguan.dev/managed"));
    Ok(())
}

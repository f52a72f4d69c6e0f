//! What is granted is given: by whatever name a product says it, for whatever pods state, and no device besides.

use crate::support::{edit, made, object, objects, operator, refused};
use crate::world::*;
use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::{Namespace, ResourceQuota};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{DynamicObject, ListParams, ObjectMeta, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use yunguan::api::cloud_domain::{LabelValue, Network};
use yunguan::api::cloud_resource_request::Line;
use yunguan::api::{CatalogItem, CloudDomain, InformationSystem, ServiceProduct};
use yunguan_cluster::wait_until;

/// Offers an item in a domain, and waits until the operator knows.
async fn offer(admin: &Client, domain: &str, item: &str, amounts: Value) -> Result<()> {
    let (items, products): (Api<CatalogItem>, Api<ServiceProduct>) = (Api::all(admin.clone()), Api::all(admin.clone()));
    let new = PostParams::default();
    let spec = json!({"names": {"zh": item}, "serviceType": "CloudServer", "unit": {"zh": "个"},
        "prices": [{"from": "2026-01-01", "monthly": "1.00", "basis": "invented"}]});
    items.create(&new, &CatalogItem::new(item, serde_json::from_value(spec)?)).await?;
    let spec = json!({"item": item, "domain": domain, "fulfilment": "Quota", "amounts": amounts});
    let name = format!("{domain}.{item}");
    products.create(&new, &ServiceProduct::new(&name, serde_json::from_value(spec)?)).await?;
    let ready = |product: &ServiceProduct| {
        let conditions = product.status.iter().flat_map(|s| &s.conditions);
        conditions.into_iter().any(|c| c.type_ == "Ready" && c.status == "True")
    };
    eventually(&products, &name, "to be on offer", ready).await?;
    Ok(())
}

async fn domain(admin: &Client, name: &str, capacity: Value) -> Result<()> {
    let domains: Api<CloudDomain> = Api::all(admin.clone());
    let mut spec = domains.get("bozhou-main").await?.spec;
    spec.capacity = serde_json::from_value(capacity)?;
    spec.overcommit_percent.clear();
    domains.create(&PostParams::default(), &CloudDomain::new(name, spec)).await?;
    Ok(())
}

fn line(item: &str, quantity: i64) -> Line {
    Line { name: item.to_owned(), item: Some(item.to_owned()), quantity, ..Line::default() }
}

/// A pod that the Pod Security standard allows, with these resources of the whole and of each container.
fn pod(name: &str, whole: Value, containers: &[Value]) -> Result<DynamicObject> {
    let own = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let container = |(n, resources): (usize, &Value)| json!({"name": format!("c{n}"), "image": "example/app", "resources": resources, "securityContext": own});
    let containers: Vec<Value> = containers.iter().enumerate().map(container).collect();
    let context = json!({"runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}});
    let mut spec = json!({"securityContext": context, "containers": containers});
    if !whole.is_null() {
        spec["resources"] = whole;
    }
    made("Pod", name, &[], json!({"spec": spec}))
}

fn hard(quota: &ResourceQuota) -> Vec<String> {
    let hard = quota.spec.iter().filter_map(|s| s.hard.as_ref()).flatten();
    hard.map(|(resource, amount)| format!("{resource}={}", amount.0)).collect()
}

/// A kind of the API of devices.
fn of_devices(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("resource.k8s.io", "v1", kind))
}

fn class(name: &str, spec: &Value) -> Result<DynamicObject> {
    object(json!({"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": name}, "spec": spec}))
}

#[tokio::test]
async fn r25_1_what_is_granted_is_given_by_whatever_name_and_for_whatever_a_pod_states() -> Result<()> {
    let world = world().await?;
    world.unit("t-names", None).await?;
    let admin = world.admin().await?;
    let both =
        |cpu: &str, memory: &str| json!({"cpu": cpu, "limits.cpu": cpu, "memory": memory, "limits.memory": memory});
    let mut capacity = both("100", "1Ti");
    for (resource, amount) in [("pods", "500"), ("nvidia.com/gpu", "8"), ("requests.hugepages-2Mi", "64Gi")] {
        capacity[resource] = json!(amount);
    }
    capacity["gpu.t-names.deviceclass.resource.k8s.io/devices"] = json!("4");
    domain(&admin, "t-names", capacity).await?;
    let mut core = both("1", "2Gi");
    core["pods"] = json!("10");
    offer(&admin, "t-names", "t-core", core).await?;
    offer(&admin, "t-names", "t-hugepages", json!({"hugepages-2Mi": "1Gi"})).await?;
    offer(&admin, "t-names", "t-gpu", json!({"requests.nvidia.com/gpu": "1"})).await?;
    offer(&admin, "t-names", "t-device", json!({"deviceclass.resource.kubernetes.io/gpu.t-names": "1"})).await?;
    let device_classes: Api<DynamicObject> = Api::all_with(admin.clone(), &of_devices("DeviceClass"));
    let new = PostParams::default();
    device_classes.create(&new, &class("gpu.t-names", &json!({"extendedResourceName": "t-names.cn/gpu"}))?).await?;

    let case = world
        .draft("t-names", "names", |spec| {
            spec.application.domain = "t-names".into();
            spec.application.lines =
                vec![line("t-core", 16), line("t-hugepages", 4), line("t-gpu", 2), line("t-device", 3)];
        })
        .await?;
    case.to_trial().await?;
    let namespace = case.namespace();
    let quotas: Api<ResourceQuota> = Api::namespaced(admin.clone(), &namespace);
    // Other tests' classes are zero here too.
    let of_this = |line: &String| !line.contains("other.t-names");
    let right = [
        "gpu.t-names.deviceclass.resource.k8s.io/devices=3",
        "limits.cpu=16",
        "limits.memory=32Gi",
        "pods=160",
        "requests.cpu=16",
        "requests.deviceclass.resource.kubernetes.io/gpu.t-names=3",
        "requests.hugepages-2Mi=4Gi",
        "requests.memory=32Gi",
        "requests.nvidia.com/gpu=2",
        "requests.t-names.cn/gpu=3",
    ];
    let is_right = |q: &ResourceQuota| hard(q).into_iter().filter(of_this).eq(right);
    eventually(&quotas, "yunguan", "to have all of it", is_right).await?;

    // What pods state stands; what they leave out is filled in, and keeps nothing out that was granted.
    let unit = world.client("unit@t-names").await?;
    let pods = objects(&unit, "Pod", &namespace);
    let states = |requests: Value, limits: Value| json!({"requests": requests, "limits": limits});
    let two = json!({"cpu": "2", "memory": "2Gi"});
    let (small, large) = (json!({"cpu": "100m", "memory": "256Mi"}), json!({"cpu": "200m", "memory": "256Mi"}));
    let table = [
        (
            "bare",
            Value::Null,
            vec![json!({})],
            vec![states(json!({"cpu": "100m", "memory": "128Mi"}), json!({"cpu": "1", "memory": "512Mi"}))],
        ),
        ("only-requests", Value::Null, vec![json!({"requests": two})], vec![states(two.clone(), two.clone())]),
        ("whole", states(small.clone(), large.clone()), vec![json!({}), json!({})], vec![json!({}), json!({})]),
    ];
    for (name, whole, stated, given) in table {
        let created = wait_until(name, PATIENCE, async || {
            Ok(Some(pods.create(&new, &pod(name, whole.clone(), &stated)?).await?))
        })
        .await?;
        let spec = &created.data["spec"];
        let resources = |c: &Value| c["resources"].clone();
        let found: Vec<Value> = spec["containers"].as_array().context("no containers")?.iter().map(resources).collect();
        ensure!(found == given, "{name}: {found:?}");
        ensure!(spec.get("resources").unwrap_or(&Value::Null) == &whole, "{name}: {}", spec["resources"]);
    }
    // A pod as a whole that requests only: it is counted with a limit, or it would have none.
    let whole = json!({"requests": {"cpu": "3"}});
    let created = pods.create(&new, &pod("whole-requests", whole, &[json!({})])?).await?;
    ensure!(created.data["spec"]["resources"]["limits"]["cpu"] == "3", "{}", created.data["spec"]);
    let too_much = pod("too-much", Value::Null, &[json!({"requests": {"cpu": "12"}})])?;
    let message = refused(pods.create(&new, &too_much).await)?;
    ensure!(message.contains("exceeded quota"), "{message}");

    // Devices: as many as were granted, of the class that was granted; one that came since is nobody's.
    device_classes.create(&new, &class("other.t-names", &json!({}))?).await?;
    let knows = |q: &ResourceQuota| hard(q).iter().any(|h| h == "other.t-names.deviceclass.resource.k8s.io/devices=0");
    eventually(&quotas, "yunguan", "to know of the new class", knows).await?;
    let claims: Api<DynamicObject> = Api::namespaced_with(admin.clone(), &namespace, &of_devices("ResourceClaim"));
    let claim = |name: &str, class: &str, count: i64| {
        let exactly = json!({"deviceClassName": class, "allocationMode": "ExactCount", "count": count});
        object(json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim", "metadata": {"name": name},
            "spec": {"devices": {"requests": [{"name": "one", "exactly": exactly}]}}}))
    };
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    wait_until("the quota to be at work", PATIENCE, async || {
        let message = refused(claims.create(&dry, &claim("other", "other.t-names", 1)?).await)?;
        ensure!(message.contains("exceeded quota"), "{message}");
        Ok(Some(()))
    })
    .await?;
    let message = refused(claims.create(&dry, &claim("four", "gpu.t-names", 4)?).await)?;
    ensure!(message.contains("exceeded quota"), "{message}");
    claims.create(&new, &claim("three", "gpu.t-names", 3)?).await?;
    Ok(())
}

#[tokio::test]
async fn r25_1_limits_alone_are_given_and_written_once() -> Result<()> {
    let world = world().await?;
    world.unit("t-limits", None).await?;
    let admin = world.admin().await?;
    let capacity = json!({"requests.cpu": "100", "limits.cpu": "100", "limits.memory": "1Ti", "pods": "100"});
    domain(&admin, "t-limits", capacity).await?;
    offer(&admin, "t-limits", "t-limit", json!({"limits.cpu": "2", "limits.memory": "4Gi", "pods": "10"})).await?;
    let case = world
        .draft("t-limits", "limits", |spec| {
            spec.application.domain = "t-limits".into();
            spec.application.lines = vec![line("t-limit", 2)];
        })
        .await?;
    let mut audit = world.cluster.audit_from_now()?;
    case.to_trial().await?;
    let pods = objects(&world.client("unit@t-limits").await?, "Pod", &case.namespace());
    // No core was granted for good, and none is requested.
    let created = wait_until("a pod", PATIENCE, async || {
        Ok(Some(pods.create(&PostParams::default(), &pod("bare", Value::Null, &[json!({})])?).await?))
    })
    .await?;
    let resources = &created.data["spec"]["containers"][0]["resources"];
    ensure!(resources["requests"]["cpu"] == "0" && resources["limits"]["cpu"] == "1", "{resources}");
    // Up to a live system it is looked at many times over, and nothing is written twice.
    case.decide("unit@t-limits", "trial-report", yunguan::api::decision::Verdict::File).await?;
    case.decide("unit@t-limits", "security-report", yunguan::api::decision::Verdict::File).await?;
    let written = audit.new_writes_by(crate::support::OPERATOR)?;
    let inside = format!("/namespaces/{}/", case.namespace());
    let again: Vec<_> = written.iter().filter(|e| e.verb != "create" && e.request_uri.contains(&inside)).collect();
    let again: Vec<_> = again.iter().map(|e| format!("{} {}", e.verb, e.request_uri)).collect();
    ensure!(again.is_empty(), "{again:?}");
    let events: Api<Event> = Api::namespaced(admin, &case.home());
    let told = events.list(&ListParams::default()).await?;
    ensure!(!told.iter().any(|e| e.reason.as_deref() == Some("DriftCorrected")), "nobody has changed anything");
    Ok(())
}

/// What is taken away is gone: a network and a node selector of the domain, and a role that the rules name no more.
#[tokio::test]
async fn r25_1_what_is_wanted_no_longer_is_taken_away() -> Result<()> {
    let world = world().await?;
    world.unit("t-less", None).await?;
    let admin = world.admin().await?;
    domain(&admin, "t-less", json!({"requests.cpu": "100", "pods": "100"})).await?;
    offer(&admin, "t-less", "t-less-core", json!({"cpu": "1", "pods": "10"})).await?;
    let domains: Api<CloudDomain> = Api::all(admin.clone());
    edit(&domains, "t-less", |domain: &mut CloudDomain| {
        domain.spec.node_selector.insert("yunguan.dev/domain".into(), LabelValue("less".into()));
    })
    .await?;
    let case = world
        .draft("t-less", "less", |spec| {
            spec.application.domain = "t-less".into();
            spec.application.lines = vec![line("t-less-core", 2)];
        })
        .await?;
    case.to_trial().await?;
    let namespace = case.namespace();
    let spaces: Api<Namespace> = Api::all(admin.clone());
    let on_nodes = |space: &Namespace| space.annotations().contains_key("scheduler.alpha.kubernetes.io/node-selector");
    eventually(&spaces, &namespace, "on the domain's nodes", on_nodes).await?;
    let policies: Api<NetworkPolicy> = Api::namespaced(admin.clone(), &namespace);
    policies.get("yunguan-internet").await?;
    // Only the operator writes such bindings: this is one that it made before the rules were others.
    let home: Api<RoleBinding> = Api::namespaced(operator(&world.cluster).await?, &case.home());
    let mut further = home.get("yunguan-auditor").await?;
    further.metadata = ObjectMeta { labels: further.metadata.labels, ..ObjectMeta::default() };
    further.metadata.name = Some("yunguan-expert".into());
    home.create(&PostParams::default(), &further).await?;

    edit(&domains, "t-less", |domain: &mut CloudDomain| {
        domain.spec.node_selector.clear();
        domain.spec.networks.retain(|ranges| ranges.network != Network::Internet);
    })
    .await?;
    eventually(&spaces, &namespace, "on any node", |space| !on_nodes(space)).await?;
    wait_until("the network to be shut and the role to be gone", PATIENCE, async || {
        let open = policies.get_opt("yunguan-internet").await?.is_some();
        Ok((!open && home.get_opt("yunguan-expert").await?.is_none()).then_some(()))
    })
    .await?;
    policies.get("yunguan-default-deny").await?;
    policies.get("yunguan-government-extranet").await?;
    Ok(())
}

/// People are let in once the quota is at work, and what slipped in all the same is said.
#[tokio::test]
async fn r25_1_people_come_after_the_quota_and_use_beyond_it_is_said() -> Result<()> {
    let world = world().await?;
    world.unit("t-after", None).await?;
    let case = world.draft("t-after", "after", |_| {}).await?;
    let mut audit = world.cluster.audit_from_now()?;
    case.to_trial().await?;
    let inside = format!("/namespaces/{}/", case.namespace());
    let events = audit.new_events()?;
    let first = |what: &str, verb: &str| {
        events
            .iter()
            .position(|e| e.code() < 300 && e.verb == verb && e.request_uri.contains(&format!("{inside}{what}")))
    };
    let noted = first("resourcequotas/yunguan/status", "update").context("the quota was never noted")?;
    let let_in = first("rolebindings", "create").context("nobody was let in")?;
    ensure!(noted < let_in, "people were let in before the quota was at work");
    // A quota that is overrun, as one that was not at work in time.
    let quotas: Api<ResourceQuota> = Api::namespaced(world.admin().await?, &case.namespace());
    let systems: Api<InformationSystem> = Api::namespaced(world.admin().await?, &case.home());
    let says = |system: &InformationSystem, status: &str, what: &str| {
        let conditions = system.status.iter().flat_map(|s| &s.conditions);
        let mut said = conditions.filter(|c| c.type_ == "WithinGrant" && c.status == status);
        said.any(|c| c.message.contains(what))
    };
    eventually(&systems, "after", "within", |system| says(system, "True", "")).await?;
    wait_until("use beyond the grant to be said", PATIENCE, async || {
        let mut quota = quotas.get_status("yunguan").await?;
        let used = quota.status.get_or_insert_default().used.get_or_insert_default();
        used.insert("requests.storage".into(), k8s_openapi::apimachinery::pkg::api::resource::Quantity("100Ti".into()));
        quotas.replace_status("yunguan", &PostParams::default(), &quota).await?;
        Ok(says(&systems.get("after").await?, "False", "requests.storage").then_some(()))
    })
    .await
}

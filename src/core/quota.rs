//! What a system's ResourceQuota binds, and how much of it pods and claims take up.

use super::quantity::{Amount, Amounts};
use crate::api::CloudDomainSpec;
use k8s_openapi::api::core::v1::{Container, PersistentVolumeClaim, Pod, PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

const COUNTED: [&str; 10] = [
    "pods",
    "services",
    "services.loadbalancers",
    "services.nodeports",
    "persistentvolumeclaims",
    "configmaps",
    "secrets",
    "replicationcontrollers",
    "requests.storage",
    "requests.ephemeral-storage",
];
const COMPUTED: [&str; 5] =
    ["requests.cpu", "requests.memory", "limits.cpu", "limits.memory", "limits.ephemeral-storage"];

/// Counts that bind nothing by themselves: where none was granted, the rest of the quota bounds them.
const COSTS_NOTHING: [&str; 5] = ["pods", "persistentvolumeclaims", "services", "configmaps", "secrets"];

/// Whether a ResourceQuota can hold this resource; others, such as bandwidth, are counted against the domain only.
#[must_use]
pub fn is_quota_resource(resource: &str) -> bool {
    COUNTED.contains(&resource)
        || COMPUTED.contains(&resource)
        || resource.starts_with("count/")
        || resource.contains(".storageclass.storage.k8s.io/")
        || resource.strip_prefix("requests.").is_some_and(|extended| extended.contains('/'))
}

/// What the quota binds: not a byte more or less than granted. What the domain has and was not granted is zero, since a
/// resource that a quota does not name is unlimited: who pays for the slow disk would otherwise use the fast one.
#[must_use]
pub fn bound(amounts: &Amounts, domain: &CloudDomainSpec) -> Amounts {
    let withheld = domain.capacity.keys().map(|resource| (resource.as_str(), Amount::ZERO));
    let withheld = withheld.filter(|(resource, _)| !COSTS_NOTHING.contains(resource));
    // The later of two counts.
    let all = withheld.chain(amounts.iter());
    all.filter(|(resource, _)| is_quota_resource(resource)).map(|(r, amount)| (r.to_owned(), amount)).collect()
}

/// What a quota would count of these pods and claims, by the rules of the API server: pods that have ended take nothing, and
/// of containers that run one after the other the greatest counts (KEP-753). An amount that cannot be read counts as nothing.
#[must_use]
pub fn used(pods: &[Pod], claims: &[PersistentVolumeClaim]) -> Amounts {
    let running: Vec<&PodSpec> =
        pods.iter().filter(|pod| !has_ended(pod)).filter_map(|pod| pod.spec.as_ref()).collect();
    let mut used = Amounts::from_iter([("pods".to_owned(), Amount::units(count(running.len())))]);
    for pod in running {
        used = sum(used, &of_pod(pod));
    }
    used = sum(used, &Amounts::from_iter([("persistentvolumeclaims".to_owned(), Amount::units(count(claims.len())))]));
    for claim in claims {
        used = sum(used, &of_claim(claim));
    }
    used
}

/// Whether a pod has ended, and takes up nothing any more.
#[must_use]
pub fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default();
    ["Succeeded", "Failed"].contains(&phase)
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// What cannot be counted any more stays as it is.
fn sum(all: Amounts, more: &Amounts) -> Amounts {
    all.clone().checked_add(more).unwrap_or(all)
}

fn of_pod(pod: &PodSpec) -> Amounts {
    let stays = |c: &&Container| c.restart_policy.as_deref() == Some("Always");
    let mut besides = Amounts::default();
    let mut highest = Amounts::default();
    for init in pod.init_containers.iter().flatten() {
        let own = of_container(init.resources.as_ref());
        if stays(&init) {
            besides = sum(besides, &own);
            highest = highest.highest(&besides);
        } else {
            highest = highest.highest(&sum(besides.clone(), &own));
        }
    }
    let together = pod.containers.iter().fold(besides, |all, c| sum(all, &of_container(c.resources.as_ref())));
    let mut whole = together.highest(&highest);
    // What is stated for the whole pod counts in the place of its containers.
    let stated: BTreeMap<String, Amount> =
        of_container(pod.resources.as_ref()).iter().map(|(r, amount)| (r.to_owned(), amount)).collect();
    if !stated.is_empty() {
        let others = whole.iter().filter(|(r, _)| !stated.contains_key(*r)).map(|(r, amount)| (r.to_owned(), amount));
        whole = others.chain(stated.clone()).collect();
    }
    let overhead = pod.overhead.iter().flatten().filter_map(|(r, q)| Some((r.clone(), Amount::parse(&q.0).ok()?)));
    let overhead: Vec<_> = overhead.collect();
    let requests = overhead.iter().map(|(r, amount)| (format!("requests.{r}"), *amount));
    let limits = overhead.iter().map(|(r, amount)| (format!("limits.{r}"), *amount));
    let limits = limits.filter(|(r, _)| whole.get(r) > Amount::ZERO);
    let overhead: Amounts = requests.chain(limits).collect();
    sum(whole, &overhead)
}

fn of_container(resources: Option<&ResourceRequirements>) -> Amounts {
    let Some(resources) = resources else { return Amounts::default() };
    let named = |kind: &'static str, amounts: &Option<BTreeMap<String, Quantity>>| -> Vec<(String, Amount)> {
        let amounts = amounts.iter().flatten();
        amounts.filter_map(|(r, q)| Some((format!("{kind}.{r}"), Amount::parse(&q.0).ok()?))).collect()
    };
    let requests = named("requests", &resources.requests);
    // A limit without a request is a request too.
    let also = named("requests", &resources.limits).into_iter().filter(|(r, _)| !requests.iter().any(|(q, _)| q == r));
    let all = also.chain(requests.iter().cloned()).chain(named("limits", &resources.limits));
    all.collect()
}

fn of_claim(claim: &PersistentVolumeClaim) -> Amounts {
    let spec = claim.spec.as_ref();
    let asked = spec.and_then(|spec| spec.resources.as_ref()?.requests.as_ref()?.get("storage"));
    let asked = asked.and_then(|q| Amount::parse(&q.0).ok()).unwrap_or_default();
    let class = spec.and_then(|spec| spec.storage_class_name.as_deref()).filter(|class| !class.is_empty());
    let of_class = class.into_iter().flat_map(|class| {
        let of = |what: &str| format!("{class}.storageclass.storage.k8s.io/{what}");
        [(of("requests.storage"), asked), (of("persistentvolumeclaims"), Amount::units(1))]
    });
    std::iter::once(("requests.storage".to_owned(), asked)).chain(of_class).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(spec: &Value, phase: &str) -> Pod {
        serde_json::from_value(json!({"spec": spec, "status": {"phase": phase}})).unwrap()
    }

    fn needs(cpu: &str) -> Value {
        json!({"requests": {"cpu": cpu}})
    }

    /// Each row is a pod, and what the quota of a real API server says that it uses (tests/story/adoption.rs compares).
    #[test]
    fn r25_1_a_pod_takes_what_its_containers_take_at_once_and_no_less_than_any_before_them() {
        let one = |resources: Value| json!({"name": "c", "image": "i", "resources": resources});
        let cpu = |spec: Value| {
            used(&[pod(&spec, "Running")], &[]).get("requests.cpu").print(super::super::quantity::Format::DecimalSi)
        };
        assert_eq!(cpu(json!({"containers": [one(needs("1")), one(needs("500m"))]})), "1500m");
        let mut aside = one(needs("2"));
        aside["restartPolicy"] = json!("Always");
        assert_eq!(cpu(json!({"containers": [one(needs("1"))], "initContainers": [one(needs("4"))]})), "4");
        assert_eq!(
            cpu(json!({"containers": [one(needs("1"))], "initContainers": [aside.clone(), one(needs("4"))]})),
            "6"
        );
        assert_eq!(cpu(json!({"containers": [one(needs("5"))], "initContainers": [one(needs("4")), aside]})), "7");
        assert_eq!(cpu(json!({"containers": [one(json!({"limits": {"cpu": "3"}}))]})), "3", "a limit is a request");
        assert_eq!(
            cpu(json!({"containers": [one(needs("1"))], "resources": needs("2"), "overhead": {"cpu": "250m"}})),
            "2250m"
        );
        let over = pod(&json!({"containers": [one(needs("1"))]}), "Succeeded");
        assert_eq!(used(&[over], &[]).get("requests.cpu"), Amount::ZERO);
    }

    #[test]
    fn r25_1_a_claim_takes_from_its_class() {
        let claim = json!({"spec": {"storageClassName": "ssd", "resources": {"requests": {"storage": "2Gi"}}}});
        let claim: PersistentVolumeClaim = serde_json::from_value(claim).unwrap();
        let used = used(&[], &[claim]).print();
        let used: Vec<String> = used.iter().map(|(r, q)| format!("{r}={q}")).collect();
        assert_eq!(
            used,
            [
                "persistentvolumeclaims=1",
                "pods=0",
                "requests.storage=2Gi",
                "ssd.storageclass.storage.k8s.io/persistentvolumeclaims=1",
                "ssd.storageclass.storage.k8s.io/requests.storage=2Gi"
            ]
        );
    }
}

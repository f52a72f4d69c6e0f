//! What a system's ResourceQuota binds, and how much of it pods and claims take up.

use super::quantity::{Amount, Amounts};
use super::registry::{DeviceClass, Registry};
use super::resources;
use k8s_openapi::api::core::v1::{Container, PersistentVolumeClaim, Pod, PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::{BTreeMap, BTreeSet};

/// Counts that bind nothing by themselves: where none was granted, the rest of the quota bounds them.
const COSTS_NOTHING: [&str; 5] = ["pods", "persistentvolumeclaims", "services", "configmaps", "secrets"];

/// What a quota can count in a domain: everything that there is, whether a system has it or not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Countable {
    /// What the domain has, and what its products give.
    names: BTreeSet<String>,
    /// The classes of devices of the cluster.
    classes: Vec<DeviceClass>,
}

impl Countable {
    /// In this domain.
    #[must_use]
    pub fn of(registry: &Registry, domain: &str) -> Self {
        let capacity = registry.domains.get(domain).into_iter().flat_map(|d| d.capacity.keys());
        let products = registry.products.iter().filter(|p| p.spec.domain == domain);
        let products = products.flat_map(|p| p.spec.amounts.keys());
        let names = capacity.chain(products).map(|name| resources::canonical(name).into_owned());
        Self { names: names.collect(), classes: registry.device_classes.clone() }
    }

    /// Every class of devices, by name, with the name by which pods ask for its devices as for any other resource.
    fn classes(&self) -> BTreeMap<&str, Option<&str>> {
        let listed = self.names.iter().filter_map(|name| Some((resources::device_class(name)?, None)));
        let known = self.classes.iter().map(|class| (class.name.as_str(), class.extended.as_deref()));
        // The later of two counts.
        listed.chain(known).collect()
    }
}

/// What a container gets that states nothing itself, as a quota names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Defaults(Amounts);

impl Default for Defaults {
    fn default() -> Self {
        let usual = [
            ("requests.cpu", Amount::from_thousandths(100).unwrap_or_default()),
            ("limits.cpu", Amount::units(1)),
            ("requests.memory", Amount::units(128 << 20)),
            ("limits.memory", Amount::units(512 << 20)),
        ];
        Self(usual.map(|(resource, amount)| (resource.to_owned(), amount)).into_iter().collect())
    }
}

impl Defaults {
    /// By the products that a system has, of several the greatest; what is usual where none says anything.
    #[must_use]
    pub fn of<'n>(registry: &Registry, products: impl IntoIterator<Item = &'n str>) -> Self {
        let names: BTreeSet<&str> = products.into_iter().collect();
        let had = registry.products.iter().filter(|p| names.contains(p.name.as_str()));
        let said = had.filter_map(|p| p.spec.container_defaults.as_ref()).fold(Amounts::default(), |all, defaults| {
            let kinds = [("requests", &defaults.requests), ("limits", &defaults.limits)];
            let each = kinds.into_iter().flat_map(|(kind, map)| {
                map.iter().filter_map(move |(r, q)| Some((format!("{kind}.{r}"), Amount::parse(&q.0).ok()?)))
            });
            all.highest(&each.collect())
        });
        let usual = Self::default().0;
        Self(usual.iter().chain(said.iter()).map(|(resource, amount)| (resource.to_owned(), amount)).collect())
    }

    /// Of a resource such as `requests.cpu`.
    #[must_use]
    pub fn get(&self, resource: &str) -> Amount {
        self.0.get(resource)
    }
}

/// What the quota binds: not a byte more or less than granted. What there is and was not granted is zero, since a resource that
/// a quota does not name is unlimited: who pays for the slow disk would otherwise use the fast one.
#[must_use]
pub fn bound(amounts: &Amounts, countable: &Countable) -> Amounts {
    let withheld = countable.names.iter().map(|resource| (resource.as_str(), Amount::ZERO));
    let withheld = withheld.filter(|(resource, _)| !COSTS_NOTHING.contains(resource));
    // The later of two counts.
    let all = withheld.chain(amounts.iter()).filter(|(resource, _)| resources::is_held(resource));
    let mut all: BTreeMap<String, Amount> = all.map(|(resource, amount)| (resource.to_owned(), amount)).collect();
    // Whoever has cores to request and no limits of them may use what was granted, and not more: no pod could start at zero.
    for resource in ["cpu", "memory", "ephemeral-storage"] {
        let [requests, limits] = ["requests", "limits"].map(|kind| format!("{kind}.{resource}"));
        if let Some(limit) = all.get_mut(&limits).filter(|_| amounts.get(&limits) == Amount::ZERO) {
            *limit = amounts.get(&requests);
        }
    }
    devices(&all.into_iter().collect(), &countable.classes())
}

/// A device can be had by a claim of its class, by the class alone, and by the name of a resource that its class stands for
/// (KEP-5004), and a quota counts each of these by itself: what is granted of one is granted by all of its names.
fn devices(granted: &Amounts, classes: &BTreeMap<&str, Option<&str>>) -> Amounts {
    let mut all: BTreeMap<String, Amount> =
        granted.iter().map(|(resource, amount)| (resource.to_owned(), amount)).collect();
    for (class, extended) in classes {
        let requested = extended.map(|extended| format!("requests.{extended}"));
        let as_resource = requested.as_deref().map(|name| granted.get(name)).unwrap_or_default();
        let claimed = resources::devices(class);
        let amount = granted.get(&claimed).checked_add(as_resource).unwrap_or(as_resource);
        all.insert(resources::implicit_devices(class), amount);
        all.insert(claimed, amount);
        if let Some(name) = requested {
            // Several classes may stand for one resource.
            let of_all = classes
                .iter()
                .filter(|(_, other)| *other == extended)
                .map(|(class, _)| granted.get(&resources::devices(class)));
            let whole = of_all.fold(as_resource, |sum, more| sum.checked_add(more).unwrap_or(sum));
            all.insert(name, whole);
        }
    }
    all.into_iter().collect()
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

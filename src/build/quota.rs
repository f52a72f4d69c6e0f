//! The one ResourceQuota of a system, with exactly what was granted, and defaults for pods that state nothing.

use crate::api::names::LIMITS_OF_CONTAINERS;
use crate::core::quantity::{Amount, Amounts, Format};
use crate::core::quota::{Countable, Defaults, bound};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{LimitRangeItem, LimitRangeSpec, ResourceQuota, ResourceQuotaSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

/// The quota: not a byte more or less than granted. `helpers` is what the operator itself runs there beside.
#[must_use]
pub fn quota(amounts: &Amounts, helpers: &Amounts, countable: &Countable) -> ResourceQuotaSpec {
    let bound = bound(amounts, countable);
    // What nothing bounds is not bounded for the operator's sake.
    let more: Amounts =
        helpers.iter().filter(|(r, _)| bound.iter().any(|(b, _)| b == *r)).map(|(r, a)| (r.to_owned(), a)).collect();
    let hard = bound.clone().checked_add(&more).unwrap_or(bound).iter().map(quantity).collect();
    ResourceQuotaSpec { hard: Some(hard), ..ResourceQuotaSpec::default() }
}

fn quantity((resource, amount): (&str, Amount)) -> (String, Quantity) {
    (resource.to_owned(), Quantity(amount.print(Format::of(resource))))
}

/// Whether a quota is to have less of something than one that stands.
#[must_use]
pub fn lowers(wanted: &ResourceQuota, standing: &ResourceQuota) -> bool {
    let (wanted, standing) = (hard(wanted), hard(standing));
    wanted.iter().any(|(resource, amount)| amount < standing.get(resource))
}

/// Keeps in a quota what is in use now and has been granted before: no less than that, and no more than stands. Gives back
/// what is beyond what was wanted.
pub fn hold(wanted: &mut ResourceQuota, standing: &ResourceQuota, most: &Amounts) -> Amounts {
    let used = standing.status.as_ref().and_then(|s| s.used.as_ref()).map(read).unwrap_or_default();
    let (goal, standing) = (hard(wanted), hard(standing));
    let held = goal.iter().filter_map(|(resource, goal)| {
        let kept = used.get(resource).min(standing.get(resource)).min(most.get(resource));
        (kept > goal).then(|| (resource.to_owned(), kept))
    });
    let held: Amounts = held.collect();
    if let Some(hard) = wanted.spec.as_mut().and_then(|spec| spec.hard.as_mut()) {
        hard.extend(held.iter().map(quantity));
    }
    held.beyond(&goal)
}

/// Keeps a quota from having more of anything than one that stands.
pub fn cap(wanted: &mut ResourceQuota, standing: &ResourceQuota) {
    let (goal, standing) = (hard(wanted), hard(standing));
    if let Some(hard) = wanted.spec.as_mut().and_then(|spec| spec.hard.as_mut()) {
        hard.extend(goal.iter().map(|(resource, goal)| quantity((resource, goal.min(standing.get(resource))))));
    }
}

/// Whether a quota is at work: until the control plane has taken note of it, everything passes.
#[must_use]
pub fn is_at_work(quota: &ResourceQuota) -> bool {
    let noted = quota.status.as_ref().and_then(|status| status.hard.as_ref()).map(read).unwrap_or_default();
    noted == hard(quota)
}

/// How long the control plane may take to note a new quota before somebody is told.
const NOTED_WITHIN: SignedDuration = SignedDuration::from_secs(30);

/// Whether a quota should long be at work.
#[must_use]
pub fn is_overdue(quota: &ResourceQuota, now: Timestamp) -> bool {
    let made = quota.metadata.creation_timestamp.as_ref().map(|made| made.0);
    !is_at_work(quota) && made.is_some_and(|made| now.duration_since(made) > NOTED_WITHIN)
}

/// What is in use beyond what a quota is to have.
#[must_use]
pub fn in_use_beyond(standing: &ResourceQuota, wanted: &ResourceQuota) -> Amounts {
    let used = standing.status.as_ref().and_then(|s| s.used.as_ref()).map(read).unwrap_or_default();
    let goal = hard(wanted);
    let bound = used.iter().filter(|(resource, _)| goal.iter().any(|(there, _)| there == *resource));
    bound.map(|(resource, amount)| (resource.to_owned(), amount)).collect::<Amounts>().beyond(&goal)
}

fn hard(quota: &ResourceQuota) -> Amounts {
    quota.spec.as_ref().and_then(|spec| spec.hard.as_ref()).map(read).unwrap_or_default()
}

/// Amounts that the API server has worked out; what cannot be read counts as nothing.
fn read(amounts: &BTreeMap<String, Quantity>) -> Amounts {
    let read = |(resource, amount): (&String, &Quantity)| Some((resource.clone(), Amount::parse(&amount.0).ok()?));
    amounts.iter().filter_map(read).collect()
}

/// A quota on cpu and memory refuses pods that state none: these are what such containers get, by an admission policy that reads
/// them here, and never more than there is. A LimitRange's own defaults would bind what containers state themselves.
#[must_use]
pub fn defaults(amounts: &Amounts, countable: &Countable, container: &Defaults) -> LimitRangeSpec {
    let bound = bound(amounts, countable);
    let binds = |name: &str| bound.iter().any(|(resource, _)| resource == name);
    let mut item = LimitRangeItem { type_: LIMITS_OF_CONTAINERS.to_owned(), ..LimitRangeItem::default() };
    for resource in ["cpu", "memory"] {
        let [requests, limits] = ["requests", "limits"].map(|kind| format!("{kind}.{resource}"));
        if !binds(&requests) && !binds(&limits) {
            continue;
        }
        let mut set = |of: fn(&mut LimitRangeItem) -> &mut Option<BTreeMap<String, Quantity>>, amount: Amount| {
            of(&mut item).get_or_insert_default().extend([quantity((resource, amount))]);
        };
        let mut request = container.get(&requests);
        if binds(&requests) {
            request = request.min(amounts.get(&requests));
        }
        // Where there is no limit to have none is given: the quota refuses the pod, and says why.
        let most = bound.get(&limits);
        if most > Amount::ZERO {
            let limit = container.get(&limits).min(most);
            request = request.min(limit);
            set(|item| &mut item.default, limit);
            set(|item| &mut item.max, most);
        }
        set(|item| &mut item.default_request, request);
    }
    LimitRangeSpec { limits: vec![item] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::service_product::ContainerDefaults;
    use crate::api::{CloudDomainSpec, ServiceProductSpec};
    use crate::core::registry::{DeviceClass, Named, Registry};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    fn hard(amounts: &[(&str, &str)], registry: &Registry) -> Vec<String> {
        let amounts = amounts.iter().map(|(r, q)| ((*r).to_owned(), Amount::parse(q).unwrap())).collect();
        let spec = quota(&amounts, &Amounts::default(), &Countable::of(registry, "d"));
        spec.hard.unwrap().iter().map(|(r, q)| format!("{r}={}", q.0)).collect()
    }

    fn domain(capacity: &[&str]) -> Registry {
        let capacity = capacity.iter().map(|r| ((*r).to_owned(), crate::api::common::Quantity("9".into()))).collect();
        let domain = CloudDomainSpec { capacity, ..CloudDomainSpec::default() };
        Registry { domains: [("d".to_owned(), domain)].into(), ..Registry::default() }
    }

    #[test]
    fn r25_1_bandwidth_is_no_quota_resource_and_the_rest_is_exact() {
        let amounts = [
            ("requests.cpu", "16"),
            ("requests.memory", "32Gi"),
            ("bandwidth.mbps", "50"),
            ("requests.hugepages-2Mi", "1Gi"),
            ("ssd.storageclass.storage.k8s.io/requests.storage", "500Gi"),
        ];
        assert_eq!(
            hard(&amounts, &Registry::default()),
            [
                "requests.cpu=16",
                "requests.hugepages-2Mi=1Gi",
                "requests.memory=32Gi",
                "ssd.storageclass.storage.k8s.io/requests.storage=500Gi"
            ]
        );
    }

    #[test]
    fn r25_1_what_there_is_and_was_not_granted_is_zero() {
        let mut registry = domain(&["cpu", "requests.nvidia.com/gpu", "pods", "bandwidth.mbps"]);
        let amounts = [("requests.cpu", "4")];
        assert_eq!(hard(&amounts, &registry), ["requests.cpu=4", "requests.nvidia.com/gpu=0"]);
        let limited = domain(&["cpu", "limits.cpu", "memory", "limits.memory"]);
        assert_eq!(
            hard(&[("requests.cpu", "4"), ("limits.memory", "8Gi")], &limited),
            ["limits.cpu=4", "limits.memory=8Gi", "requests.cpu=4", "requests.memory=0"],
            "who has no limits may use what was granted"
        );
        // What a product of the domain gives, others have not by themselves.
        let product = |domain: &str, resource: &str| ServiceProductSpec {
            domain: domain.into(),
            amounts: [(resource.to_owned(), crate::api::common::Quantity("1".into()))].into(),
            ..ServiceProductSpec::default()
        };
        let named = |spec| Named { name: "p".into(), uid: "p".into(), spec, ..Named::default() };
        registry.products = [product("d", "hugepages-2Mi"), product("e", "services.loadbalancers")].map(named).into();
        assert_eq!(
            hard(&amounts, &registry),
            ["requests.cpu=4", "requests.hugepages-2Mi=0", "requests.nvidia.com/gpu=0"]
        );
    }

    /// The control plane notes a quota a moment after it was made; what slipped in before is beyond it.
    #[test]
    fn r25_1_a_quota_is_at_work_once_it_was_noted_and_what_is_in_use_beyond_it_is_known() {
        let quota = |spec: &str, hard: &str, used: &str| -> ResourceQuota {
            serde_json::from_value(serde_json::json!({
                "spec": {"hard": {"requests.storage": spec, "pods": "10"}},
                "status": {"hard": {"requests.storage": hard, "pods": "10"}, "used": {"requests.storage": used, "pods": "2"}},
            }))
            .unwrap()
        };
        let mut new = quota("500Gi", "500Gi", "0");
        new.status = None;
        assert!(!is_at_work(&new));
        let at = |seconds: i64| Timestamp::from_second(1_000 + seconds).unwrap();
        assert!(!is_overdue(&new, at(1_000)), "nobody knows since when");
        new.metadata.creation_timestamp = Some(Time(at(0)));
        assert!(!is_overdue(&new, at(30)) && is_overdue(&new, at(31)));
        let mut noted = quota("500Gi", "500Gi", "0");
        noted.metadata.creation_timestamp = Some(Time(at(0)));
        assert!(!is_overdue(&noted, at(1_000)));
        assert!(!is_at_work(&quota("500Gi", "1Ti", "0")) && is_at_work(&quota("1024Gi", "1Ti", "0")));
        let full = quota("500Gi", "500Gi", "100Ti");
        let more = in_use_beyond(&full, &full).print();
        assert_eq!(more.iter().map(|(r, q)| format!("{r}={}", q.0)).collect::<Vec<_>>(), ["requests.storage=101900Gi"]);
        assert!(in_use_beyond(&quota("500Gi", "500Gi", "500Gi"), &full).is_empty());
    }

    /// A device has a name for claims, one for pods that name its class, and one for pods that name a resource: whoever has
    /// devices has them by each, and whoever has none by none, whether the domain knows of the class or not.
    #[test]
    fn r25_1_a_device_is_granted_or_withheld_by_all_of_its_names() {
        let class = |name: &str, extended: Option<&str>| DeviceClass {
            name: name.into(),
            extended: extended.map(str::to_owned),
        };
        let mut registry = domain(&["requests.cpu", "gpu.deviceclass.resource.k8s.io/devices"]);
        assert_eq!(
            hard(&[], &registry),
            [
                "gpu.deviceclass.resource.k8s.io/devices=0",
                "requests.cpu=0",
                "requests.deviceclass.resource.kubernetes.io/gpu=0"
            ],
            "of which the cluster does not know yet"
        );
        registry.device_classes = vec![class("gpu", Some("example.com/gpu")), class("nic", None)];
        let nothing = [
            "nic.deviceclass.resource.k8s.io/devices=0",
            "requests.cpu=0",
            "requests.deviceclass.resource.kubernetes.io/gpu=2",
            "requests.deviceclass.resource.kubernetes.io/nic=0",
            "requests.example.com/gpu=2",
        ];
        for granted in ["gpu.deviceclass.resource.k8s.io/devices", "requests.example.com/gpu"] {
            let hard = hard(&[(granted, "2")], &registry);
            assert_eq!(hard[0], "gpu.deviceclass.resource.k8s.io/devices=2", "{granted}");
            assert_eq!(hard[1..], nothing, "{granted}");
        }
        // Two classes that stand for one resource.
        registry.device_classes[1].extended = Some("example.com/gpu".into());
        let both = [("gpu.deviceclass.resource.k8s.io/devices", "2"), ("nic.deviceclass.resource.k8s.io/devices", "3")];
        let hard = hard(&both, &registry);
        assert!(hard.contains(&"requests.example.com/gpu=5".to_owned()), "{hard:?}");
        assert!(hard.contains(&"nic.deviceclass.resource.k8s.io/devices=3".to_owned()), "{hard:?}");
    }

    #[test]
    fn r25_1_defaults_never_exceed_the_quota_and_are_of_what_it_binds_alone() {
        let defaults = |amounts: &[(&str, &str)], capacity: &[&str]| {
            let amounts = amounts.iter().map(|(r, q)| ((*r).to_owned(), Amount::parse(q).unwrap())).collect();
            let countable = Countable::of(&domain(capacity), "d");
            let spec = super::defaults(&amounts, &countable, &Defaults::default());
            let item = spec.limits.into_iter().next().unwrap();
            let print = |map: Option<BTreeMap<String, Quantity>>| {
                let map = map.unwrap_or_default();
                map.into_iter().map(|(r, q)| format!("{r}={}", q.0)).collect::<Vec<_>>().join(" ")
            };
            [print(item.default_request), print(item.default), print(item.max)]
        };
        let both = [("requests.cpu", "4"), ("limits.cpu", "4"), ("requests.memory", "8Gi"), ("limits.memory", "8Gi")];
        assert_eq!(defaults(&both, &[]), ["cpu=100m memory=128Mi", "cpu=1 memory=512Mi", "cpu=4 memory=8Gi"]);
        assert_eq!(defaults(&[("requests.cpu", "50m")], &[]), ["cpu=50m", "", ""]);
        assert_eq!(defaults(&[("limits.cpu", "80m")], &[]), ["cpu=80m", "cpu=80m", "cpu=80m"]);
        // Limits alone were granted, and the domain has cores to request: a container requests none of them.
        assert_eq!(defaults(&[("limits.cpu", "2")], &["cpu"]), ["cpu=0", "cpu=1", "cpu=2"]);
        // And the other way round: as much as was granted can be used, and not more.
        assert_eq!(defaults(&[("requests.cpu", "2")], &["cpu", "limits.cpu"]), ["cpu=100m", "cpu=1", "cpu=2"]);
        assert_eq!(defaults(&[("pods", "2")], &["pods"]), ["", "", ""]);
    }

    #[test]
    fn r25_1_defaults_are_the_products() {
        let mut registry = domain(&[]);
        let product = |name: &str, defaults| Named {
            name: name.into(),
            uid: name.into(),
            spec: ServiceProductSpec { container_defaults: Some(defaults), ..ServiceProductSpec::default() },
            ..Named::default()
        };
        let map = |text: &str| [("cpu".to_owned(), crate::api::common::Quantity(text.into()))].into();
        registry.products = vec![
            product("a", ContainerDefaults { requests: map("200m"), limits: map("500m") }),
            product("b", ContainerDefaults { requests: map("50m"), limits: map("2") }),
            product("c", ContainerDefaults { requests: map("9"), limits: map("9") }),
        ];
        let found = Defaults::of(&registry, ["a", "b"]);
        let thousandths = |name: &str| found.get(name).thousandths();
        assert_eq!(
            (thousandths("requests.cpu"), thousandths("limits.cpu")),
            (200, 2000),
            "the greatest of those it has"
        );
        assert_eq!(found.get("limits.memory"), Amount::units(512 << 20), "and of what none says what is usual");
    }
}

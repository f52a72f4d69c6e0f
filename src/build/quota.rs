//! The one ResourceQuota of a system, with exactly what was granted, and defaults for pods that state nothing.

use crate::api::CloudDomainSpec;
use crate::core::quantity::{Amount, Amounts, Format};
use crate::core::quota::bound;
use k8s_openapi::api::core::v1::{LimitRangeItem, LimitRangeSpec, ResourceQuota, ResourceQuotaSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

/// The quota: not a byte more or less than granted. `helpers` is what the operator itself runs there beside.
#[must_use]
pub fn quota(amounts: &Amounts, helpers: &Amounts, domain: &CloudDomainSpec) -> ResourceQuotaSpec {
    let bound = bound(amounts, domain);
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

fn hard(quota: &ResourceQuota) -> Amounts {
    quota.spec.as_ref().and_then(|spec| spec.hard.as_ref()).map(read).unwrap_or_default()
}

/// Amounts that the API server has worked out; what cannot be read counts as nothing.
fn read(amounts: &BTreeMap<String, Quantity>) -> Amounts {
    let read = |(resource, amount): (&String, &Quantity)| Some((resource.clone(), Amount::parse(&amount.0).ok()?));
    amounts.iter().filter_map(read).collect()
}

/// A quota on cpu and memory refuses pods that state none: these are what such containers get, if the quota has so much.
#[must_use]
pub fn defaults(amounts: &Amounts) -> LimitRangeSpec {
    let pick = |wanted: &[(&str, &str, Amount)]| -> Option<BTreeMap<String, Quantity>> {
        let picked: BTreeMap<_, _> = wanted
            .iter()
            .filter(|(_, quota, _)| amounts.get(quota) > Amount::ZERO)
            .map(|(resource, quota, amount)| quantity((resource, (*amount).min(amounts.get(quota)))))
            .collect();
        (!picked.is_empty()).then_some(picked)
    };
    let mebibytes = |n: i64| Amount::units(n * 1024 * 1024);
    let tenth = Amount::parse("100m").unwrap_or_default();
    LimitRangeSpec {
        limits: vec![LimitRangeItem {
            type_: "Container".to_owned(),
            default_request: pick(&[("cpu", "requests.cpu", tenth), ("memory", "requests.memory", mebibytes(128))]),
            default: pick(&[("cpu", "limits.cpu", Amount::units(1)), ("memory", "limits.memory", mebibytes(512))]),
            ..LimitRangeItem::default()
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r25_1_bandwidth_is_no_quota_resource_and_the_rest_is_exact() {
        let amounts: Amounts = [
            ("requests.cpu", 16),
            ("requests.memory", 32 << 30),
            ("bandwidth.mbps", 50),
            ("ssd.storageclass.storage.k8s.io/requests.storage", 500 << 30),
        ]
        .into_iter()
        .map(|(resource, n)| (resource.to_owned(), Amount::units(n)))
        .collect();
        let hard = quota(&amounts, &Amounts::default(), &CloudDomainSpec::default()).hard.unwrap();
        let printed: Vec<_> = hard.iter().map(|(r, q)| format!("{r}={}", q.0)).collect();
        assert_eq!(
            printed,
            ["requests.cpu=16", "requests.memory=32Gi", "ssd.storageclass.storage.k8s.io/requests.storage=500Gi"]
        );
    }

    #[test]
    fn r25_1_what_the_domain_has_and_was_not_granted_is_zero() {
        let mut domain = CloudDomainSpec::default();
        for resource in ["requests.cpu", "requests.nvidia.com/gpu", "pods", "bandwidth.mbps"] {
            domain.capacity.insert(resource.into(), crate::api::common::Quantity("9".into()));
        }
        let amounts = Amounts::from_iter([("requests.cpu".to_owned(), Amount::units(4))]);
        let hard = quota(&amounts, &Amounts::default(), &domain).hard.unwrap();
        let printed: Vec<_> = hard.iter().map(|(r, q)| format!("{r}={}", q.0)).collect();
        assert_eq!(printed, ["requests.cpu=4", "requests.nvidia.com/gpu=0"]);
    }

    #[test]
    fn defaults_never_exceed_the_quota() {
        let amounts = Amounts::from_iter([("requests.cpu".to_owned(), Amount::parse("50m").unwrap())]);
        let item = &defaults(&amounts).limits[0];
        assert_eq!(item.default_request.as_ref().unwrap()["cpu"].0, "50m");
        assert!(item.default.is_none());
    }
}

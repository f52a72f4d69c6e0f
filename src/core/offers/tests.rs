//! What can be asked for: items and the products behind them.

use super::*;
use crate::api::common::Quantity;
use crate::core::fixtures;
use jiff::civil::date;

fn verdicts(registry: &Registry, name: &str) -> [(Option<bool>, String, String); 2] {
    let found = registry.products.iter().find(|p| p.name == name).unwrap();
    product(registry, found).map(|s| (s.holds, s.reason, s.message))
}

fn of_item(registry: &Registry, name: &str) -> [(Option<bool>, String, String); 2] {
    item(registry, &registry.items[name]).map(|s| (s.holds, s.reason, s.message))
}

const VCPU: &str = "bozhou-main.vcpu";

fn vcpu(registry: &mut Registry) -> &mut ServiceProductSpec {
    &mut registry.products.iter_mut().find(|p| p.name == VCPU).unwrap().spec
}

#[test]
fn r13_1_everything_that_ships_can_be_asked_for() {
    let registry = fixtures::registry();
    for found in &registry.products {
        let [valid, ready] = product(&registry, found);
        assert_eq!((valid.holds, ready.holds), (Some(true), Some(true)), "{}: {}", found.name, ready.message);
    }
    for found in registry.items.values() {
        let [valid, ready] = item(&registry, found);
        assert_eq!((valid.reason.as_str(), ready.reason.as_str()), ("Valid", "Offered"), "{}", found.name);
    }
    println!("on offer: {} items, {} products", registry.items.len(), registry.products.len());
}

#[test]
fn r13_2_what_is_wrong_with_a_product_is_named_with_its_place_and_the_way_out() {
    type Shape = fn(&mut Registry);
    let table: &[(Shape, &str)] = &[
        (|r| vcpu(r).item = "vcpv".into(), "spec.item: there is no CatalogItem vcpv; nearest by name: vcpu"),
        (
            |r| vcpu(r).domain = "bozhou-mian".into(),
            "spec.domain: there is no CloudDomain bozhou-mian; there are bozhou-health-dedicated, bozhou-main",
        ),
        (
            |r| drop(vcpu(r).amounts.insert("requests.cpu".into(), Quantity("1.5n".into()))),
            "spec.amounts[requests.cpu]: `1.5n` is finer than a thousandth",
        ),
        (|r| drop(vcpu(r).amounts.insert("pods".into(), Quantity("9e30".into()))), "spec.amounts[pods]: `9e30` is"),
        (
            |r| {
                let spec = vcpu(r).clone();
                r.products.push(Named { name: "twin".into(), uid: "t".into(), spec, ..Named::default() });
            },
            "spec.item: twin is a product for item vcpu in domain bozhou-main too",
        ),
    ];
    for (shape, message) in table {
        let mut registry = fixtures::registry();
        shape(&mut registry);
        let [valid, ready] = verdicts(&registry, VCPU);
        assert_eq!((valid.0, valid.1.as_str(), ready.0), (Some(false), "Problems", Some(false)));
        assert!(valid.2.contains(message), "{message}: {}", valid.2);
        assert!(valid.2.chars().any(|c| c > '\u{4e00}'), "no Chinese: {}", valid.2);
    }
}

#[test]
fn r13_2_a_product_of_which_the_domain_has_not_one_unit_is_not_ready() {
    let mut registry = fixtures::registry();
    let domain = registry.domains.get_mut("bozhou-main").unwrap();
    domain.capacity.remove("pods");
    domain.capacity.insert("requests.cpu".into(), Quantity("500m".into()));
    let [valid, ready] = verdicts(&registry, VCPU);
    assert_eq!((valid.0, ready.0, ready.1.as_str()), (Some(true), Some(false), "NoCapacity"));
    assert!(ready.2.contains("pods: 10 wanted, 0 free; requests.cpu: 1 wanted, 500m free"), "{}", ready.2);
    // Storage counts towards its class too.
    let domain = registry.domains.get_mut("bozhou-main").unwrap();
    domain.capacity.remove("ssd.storageclass.storage.k8s.io/requests.storage");
    assert_eq!(verdicts(&registry, "bozhou-main.block-ssd")[1].1, "NoCapacity");
}

#[test]
fn r13_1_an_item_says_whether_anybody_offers_it() {
    let mut registry = fixtures::registry();
    registry.products.retain(|p| p.spec.item != "vcpu");
    let [valid, ready] = of_item(&registry, "vcpu");
    assert_eq!((valid.0, ready.0, ready.1.as_str()), (Some(true), Some(false), "NoProduct"));
    assert!(ready.2.contains("creates a ServiceProduct with spec.item vcpu") && ready.2.contains("请云服务商"));
    // Nobody need offer what is about to go.
    registry.items.get_mut("vcpu").unwrap().spec.withdrawn_from = Some(date(2027, 1, 1));
    assert_eq!(of_item(&registry, "vcpu")[1].1, "Withdrawn");
    // A product in a domain that does not exist offers nothing.
    registry.items.get_mut("vcpu").unwrap().spec.withdrawn_from = None;
    let mut lost = fixtures::registry().products.into_iter().find(|p| p.name == VCPU).unwrap();
    lost.spec.domain = "nowhere".into();
    registry.products.push(lost);
    assert_eq!(of_item(&registry, "vcpu")[1].1, "NoProduct");
}

#[test]
fn r13_1_a_service_type_that_no_policy_lists_is_a_warning_alone() {
    let mut registry = fixtures::registry();
    registry.items.get_mut("vcpu").unwrap().spec.service_type = "CloudSever".into();
    let [valid, ready] = of_item(&registry, "vcpu");
    assert_eq!((valid.0, valid.1.as_str(), ready.0), (Some(true), "TypeUnlisted", Some(true)));
    assert!(valid.2.contains("no policy lists CloudSever") && valid.2.contains("CloudServer"), "{}", valid.2);
    registry.policies.clear();
    assert_eq!(of_item(&registry, "vcpu")[0].1, "Valid", "no policy yet: nothing to compare with");
}

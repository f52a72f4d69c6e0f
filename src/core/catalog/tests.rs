//! The catalog of a day, what lines come to, and the nearest item to a need.

use super::*;
use crate::api::common::{Quantity, QuantityMap};
use crate::api::service_product::Fulfilment;
use crate::core::fixtures;
use jiff::civil::date;

const MAIN: &str = "bozhou-main";
const TODAY: Date = date(2026, 11, 24);

fn item<'r>(registry: &'r mut Registry, name: &str) -> &'r mut CatalogItemSpec {
    &mut registry.items.get_mut(name).unwrap().spec
}

fn product<'r>(registry: &'r mut Registry, name: &str) -> &'r mut ServiceProductSpec {
    &mut registry.products.iter_mut().find(|p| p.name == name).unwrap().spec
}

fn granted(registry: &Registry, name: &str, quantity: i64) -> GrantedLine {
    GrantedLine {
        name: name.to_owned(),
        quantity,
        terms: Some(terms(registry, name, MAIN, TODAY).unwrap()),
        self_procured: None,
    }
}

/// The 16 ticks of annex 1 are data: each has something behind it, and nothing is behind a tick that the form lacks.
#[test]
fn r13_1_every_service_type_of_annex_1_has_items() {
    let registry = fixtures::registry();
    let types = &registry.policies.iter().find(|p| p.name == "bozhou-2024").unwrap().spec.service_types;
    assert_eq!(types.len(), 16);
    for type_ in types {
        let there = registry.items.values().any(|i| i.spec.service_type == type_.name);
        assert!(there, "{} has no item", type_.names.zh);
    }
    for found in registry.items.values() {
        assert!(types.iter().any(|t| t.name == found.spec.service_type), "{} is of no type of the form", found.name);
        assert!(found.spec.prices.iter().all(|p| p.basis.contains("invented")), "{}: whose price is it?", found.name);
    }
    assert!(registry.items.len() >= 30, "{} items", registry.items.len());
}

#[test]
fn r13_1_a_price_holds_from_its_day_on() {
    let mut registry = fixtures::registry();
    let price = |from: Date, monthly: &str| crate::api::catalog_item::Price {
        from,
        monthly: Money(monthly.to_owned()),
        basis: "invented".to_owned(),
    };
    // In no order: the newest that has begun counts.
    item(&mut registry, "vcpu").prices =
        vec![price(date(2027, 1, 1), "54.00"), price(date(2024, 5, 23), "60.00"), price(date(2026, 1, 1), "57.50")];
    let on = |day: Date| terms(&registry, "vcpu", MAIN, day).map(|t| t.monthly_price.0);
    let table = [
        (date(2024, 5, 23), "60.00"),
        (date(2025, 12, 31), "60.00"),
        (date(2026, 1, 1), "57.50"),
        (date(2026, 12, 31), "57.50"),
        (date(2027, 1, 1), "54.00"),
        (date(2099, 1, 1), "54.00"),
    ];
    for (day, monthly) in table {
        assert_eq!(on(day).as_deref(), Ok(monthly), "{day}");
    }
    // What was granted at one price is weighed at that of a day; at its own where the day has none.
    let old = terms(&registry, "vcpu", MAIN, date(2025, 12, 31)).unwrap();
    let weighed = |day: Date| fee_on(&registry, &old, 2, day).unwrap().normalize().to_string();
    assert_eq!([date(2025, 12, 31), date(2026, 1, 1), date(2027, 1, 1)].map(weighed), ["120", "115", "108"]);
    assert_eq!(weighed(date(2024, 5, 22)), "120");
    let before = on(date(2024, 5, 22)).unwrap_err();
    assert!(before.en.contains("no price on 2024-05-22") && before.zh.contains("请主管部门补充"), "{before}");
}

#[test]
fn r13_1_what_is_withdrawn_is_not_granted_anew_from_its_day_on() {
    let mut registry = fixtures::registry();
    item(&mut registry, "vcpu").withdrawn_from = Some(date(2027, 1, 1));
    assert!(terms(&registry, "vcpu", MAIN, date(2026, 12, 31)).is_ok());
    for day in [date(2027, 1, 1), date(2028, 6, 1)] {
        let gone = terms(&registry, "vcpu", MAIN, day).unwrap_err();
        assert!(
            gone.en.contains("withdrawn from the catalog on 2027-01-01") && gone.en.contains("not granted anew"),
            "{gone}"
        );
        assert!(gone.zh.contains("请另选"), "{gone}");
    }
    let need = Need { functions: vec!["cpu".into()], size: [("cores".into(), 1)].into(), ..Need::default() };
    assert!(nearest(registry.items.values(), &need, date(2026, 12, 31)).contains(&"vcpu"));
    assert!(!nearest(registry.items.values(), &need, date(2027, 1, 1)).contains(&"vcpu"), "nor is it proposed");
}

#[test]
fn r13_2_a_unit_is_what_the_provider_of_the_domain_says() {
    let mut registry = fixtures::registry();
    let unit = |registry: &Registry, domain: &str| {
        let found = terms(registry, "vcpu", domain, TODAY).unwrap();
        (found.product, found.fulfilment, found.unit_amounts.get("pods").cloned())
    };
    assert_eq!(unit(&registry, MAIN), ("bozhou-main.vcpu".into(), Fulfilment::Quota, Some(Quantity("10".into()))));
    product(&mut registry, "bozhou-health-dedicated.vcpu").amounts.insert("pods".into(), Quantity("3".into()));
    assert_eq!(
        unit(&registry, "bozhou-health-dedicated").2,
        Some(Quantity("3".into())),
        "another domain, another unit"
    );
    assert_eq!(unit(&registry, MAIN).2, Some(Quantity("10".into())));
    let by_hand = terms(&registry, "waf", MAIN, TODAY).unwrap();
    assert_eq!(by_hand.fulfilment, Fulfilment::Manual);
}

#[test]
fn r13_2_an_item_that_cannot_be_provided_says_whose_turn_it_is() {
    type Shape = fn(&mut Registry);
    let table: &[(&str, &str, Shape, &[&str])] = &[
        ("vcpv", MAIN, |_| {}, &["no item `vcpv`", "did you mean vcpu", "describe it in `need`", "目录外需求请填need"]),
        (
            "gpu-inference",
            "bozhou-health-dedicated",
            |_| {},
            &[
                "bozhou-health-dedicated offers no product for item gpu-inference",
                "its provider creates a ServiceProduct",
                "请联系云服务商",
            ],
        ),
        (
            "vcpu",
            MAIN,
            |r| {
                let spec = product(r, "bozhou-main.vcpu").clone();
                r.products.push(Named { name: "twin".into(), uid: "t".into(), spec, ..Named::default() });
            },
            &["two products for item vcpu (bozhou-main.vcpu and twin)", "its provider deletes one", "多个服务产品"],
        ),
        (
            "vcpu",
            MAIN,
            |r| drop(product(r, "bozhou-main.vcpu").amounts.insert("pods".into(), Quantity("-1".into()))),
            &[
                "ServiceProduct bozhou-main.vcpu: spec.amounts[pods]: `-1` is below zero",
                "the provider mends it",
                "请云服务商修正",
            ],
        ),
    ];
    for (name, domain, shape, words) in table {
        let mut registry = fixtures::registry();
        shape(&mut registry);
        let why = terms(&registry, name, domain, TODAY).unwrap_err().to_string();
        for word in *words {
            assert!(why.contains(word), "`{word}` is not in: {why}");
        }
    }
}

#[test]
fn r25_1_lines_add_up_exactly_and_storage_counts_towards_its_class_too() {
    let registry = fixtures::registry();
    let lines = [
        granted(&registry, "vcpu", 12),
        granted(&registry, "server-4c8g", 2),
        granted(&registry, "block-ssd", 500),
        granted(&registry, "block-hdd", 24),
        granted(&registry, "waf", 1),
        GrantedLine { name: "own".into(), quantity: 9, terms: None, self_procured: Some("x".into()) },
    ];
    let total = total(&lines).unwrap().print();
    let of = |resource: &str| total.get(resource).map_or("", |q| q.0.as_str());
    assert_eq!((of("requests.cpu"), of("limits.cpu"), of("pods")), ("20", "20", "160"));
    assert_eq!(of("requests.memory"), "16Gi");
    assert_eq!(of("requests.storage"), "524Gi");
    assert_eq!(of("ssd.storageclass.storage.k8s.io/requests.storage"), "500Gi");
    assert_eq!(of("hdd.storageclass.storage.k8s.io/requests.storage"), "24Gi");
    // A class without storage is bound to nothing, rather than to none of it.
    let mut diskless = granted(&registry, "vcpu", 1);
    diskless.terms.as_mut().unwrap().storage_class = Some("ssd".into());
    let unbound = super::total(&[diskless]).unwrap();
    assert!(!unbound.iter().any(|(resource, _)| resource.contains("storageclass")), "{unbound:?}");
    // 12 x 60.00 + 2 x 420.00 and so on: to the fen, whatever a float would make of it.
    let fee = |name: &str, quantity| fee(&terms(&registry, name, MAIN, TODAY).unwrap(), quantity).unwrap();
    let sum: Decimal = [("vcpu", 12), ("server-4c8g", 2), ("block-ssd", 500), ("block-hdd", 24), ("waf", 1)]
        .into_iter()
        .map(|(name, quantity)| fee(name, quantity))
        .sum();
    assert_eq!(monthly_fee(&lines), Some(Money(sum.normalize().to_string())));
    let mut tenth = granted(&registry, "vcpu", 3);
    tenth.terms.as_mut().unwrap().monthly_price = Money("0.1".into());
    assert_eq!(monthly_fee(&[tenth]), Some(Money("0.3".into())));
}

#[test]
fn r25_1_what_is_beyond_counting_is_refused_and_never_wrapped() {
    let registry = fixtures::registry();
    let mut huge = granted(&registry, "block-ssd", 1);
    huge.terms.as_mut().unwrap().unit_amounts.insert("requests.storage".into(), Quantity("4Ei".into()));
    let one = huge.terms.clone().unwrap();
    assert!(amounts(&one, 1).is_ok());
    let why = amounts(&one, 2).unwrap_err();
    assert!(why.en.contains("2 units of block-ssd are beyond what can be counted: ask for less"), "{why}");
    assert!(total(std::slice::from_ref(&huge)).is_ok());
    let why = total(&[huge.clone(), huge]).unwrap_err();
    assert!(why.en.contains("together") && why.zh.contains("合计过大"), "{why}");
}

#[test]
fn r16_1_the_nearest_item_has_most_of_the_functions_and_then_the_nearest_size() {
    type Wanted<'a> = (&'a str, &'a [&'a str], &'a [(&'a str, i64)], &'a str);
    let table: &[Wanted<'_>] = &[
        // By function alone.
        ("", &["postgresql"], &[], "db-postgresql"),
        ("", &["gpu"], &[], "gpu-inference"),
        // Of several with the same functions, the one that is least too small or too large.
        ("", &["compute", "server", "memory"], &[("cores", 4), ("memoryGiB", 8)], "server-4c8g"),
        ("", &["compute", "server", "memory"], &[("cores", 5), ("memoryGiB", 9)], "server-4c8g"),
        ("", &["compute", "server", "memory"], &[("cores", 7), ("memoryGiB", 16)], "server-8c16g"),
        ("", &["compute", "server", "memory"], &[("cores", 60), ("memoryGiB", 200)], "server-16c64g"),
        // More functions outweigh a better size.
        ("", &["gpu", "compute"], &[("cores", 1)], "gpu-inference"),
        // By words, in either language.
        ("需要一个内存", &[], &[], "memory"),
        ("General vCPU, please", &[], &[], "vcpu"),
    ];
    let registry = fixtures::registry();
    for (words, functions, size, wanted) in table {
        let need = Need {
            description: (*words).to_owned(),
            functions: functions.iter().map(|f| (*f).to_owned()).collect(),
            size: size.iter().map(|(d, n)| ((*d).to_owned(), *n)).collect(),
        };
        let found = nearest(registry.items.values(), &need, TODAY);
        assert_eq!(found.first(), Some(wanted), "{words} {functions:?} {size:?}: {found:?}");
        assert!(found.len() <= 3);
    }
    let strange = Need { description: "量子随机数发生器".into(), ..Need::default() };
    assert!(nearest(registry.items.values(), &strange, TODAY).is_empty(), "nothing is made up");
}

#[test]
fn r16_2_a_line_is_an_item_a_proposal_or_the_units_own() {
    let registry = fixtures::registry();
    let line = |item: Option<&str>, need: Option<&str>, own: Option<&str>| Line {
        name: "l".into(),
        quantity: 1,
        item: item.map(str::to_owned),
        need: need.map(|description| Need { description: description.into(), ..Need::default() }),
        self_procured: own.map(str::to_owned),
        ..Line::default()
    };
    let resolved = |line: &Line| resolve(&registry, line, MAIN, TODAY);
    assert_eq!(resolved(&line(Some("vcpu"), None, None)).unwrap().unwrap().item, "vcpu");
    let proposed = resolved(&line(None, Some("内存"), None)).unwrap_err();
    assert!(proposed.en.contains("memory") && proposed.en.contains("name one in `item`"), "{proposed}");
    let nothing = resolved(&line(None, Some("量子随机数发生器"), None)).unwrap_err();
    assert!(nothing.en.contains("describe functions and size") && nothing.zh.contains("自行采购理由"), "{nothing}");
    // By the authority's consent the unit procures it itself: nothing is provisioned and nothing charged.
    assert_eq!(resolved(&line(None, Some("量子随机数发生器"), Some("目录中无法适配"))), Ok(None));
}

/// In percent of the smaller of the two, so that too small and too large weigh the same.
#[test]
fn r16_1_how_far_an_item_is_from_a_need_is_added_up_over_what_is_asked() {
    let size = |sizes: &[(&str, i64)]| sizes.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
    let item =
        CatalogItemSpec { size: size(&[("cores", 8), ("memory", 32), ("none", 0)]), ..CatalogItemSpec::default() };
    let table: [(&[(&str, i64)], i128); 8] = [
        (&[], 0),
        (&[("cores", 8)], 0),
        (&[("cores", 4)], 100),
        (&[("cores", 16)], 100),
        (&[("cores", 7)], 14),
        (&[("cores", 12), ("memory", 64)], 150),
        (&[("none", 2)], 100),
        (&[("disks", 1)], 100_000),
    ];
    for (asked, distance) in table {
        let need = Need { size: size(asked), ..Need::default() };
        assert_eq!(size_distance(&item, &need), distance, "{asked:?}");
    }
}

/// A name says more than a function.
#[test]
fn r16_1_words_of_a_need_speak_for_what_they_mention() {
    let mut item =
        CatalogItemSpec { functions: vec!["postgresql".into(), "backup".into()], ..CatalogItemSpec::default() };
    item.names = crate::api::common::Names { zh: "云数据库".into(), en: Some("Cloud database".into()) };
    let table = [
        ("", 0),
        ("需要云数据库", 2),
        ("a CLOUD DATABASE", 2),
        ("PostgreSQL", 1),
        ("postgresql with backup", 2),
        ("云数据库 (cloud database), postgresql", 5),
    ];
    for (description, found) in table {
        assert_eq!(mentions(&item, description), found, "{description}");
    }
}

/// Once the day of its end has come it is proposed to nobody.
#[test]
fn r13_1_what_is_withdrawn_is_not_proposed() {
    let mut registry = fixtures::registry();
    let need = Need { functions: vec!["postgresql".into()], ..Need::default() };
    let proposed = |registry: &Registry| {
        nearest(registry.items.values(), &need, TODAY).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let first = proposed(&registry).remove(0);
    item(&mut registry, &first).withdrawn_from = Some(date(2026, 11, 25));
    assert_eq!(proposed(&registry)[0], first, "the last day");
    item(&mut registry, &first).withdrawn_from = Some(TODAY);
    assert!(!proposed(&registry).contains(&first));
}

/// Granted before the API server refused such names: what no quota holds is named, and an alias is what it stands for.
#[test]
fn r25_1_what_is_granted_and_given_as_nothing_is_known() {
    let mut registry = fixtures::registry();
    let amounts = [("cpu", "1"), ("gpu", "1"), ("limits.nvidia.com/gpu", "1"), ("bandwidth.mbps", "5")];
    let amounts: QuantityMap = amounts.map(|(r, q)| (r.to_owned(), Quantity(q.into()))).into();
    let mut line = granted(&registry, "vcpu", 2);
    line.terms.as_mut().unwrap().unit_amounts = amounts.clone();
    assert_eq!(given_as_nothing([&line]), [(line.name.as_str(), "gpu"), (line.name.as_str(), "limits.nvidia.com/gpu")]);
    assert_eq!(total(std::slice::from_ref(&line)).unwrap().get("requests.cpu"), Amount::units(2));
    line.terms.as_mut().unwrap().fulfilment = Fulfilment::Manual;
    assert!(given_as_nothing([&line]).is_empty(), "a person gives it");
    // It is not granted anew.
    product(&mut registry, "bozhou-main.vcpu").amounts = amounts;
    let why = terms(&registry, "vcpu", "bozhou-main", TODAY).unwrap_err();
    assert!(why.en.contains("spec.amounts[gpu]: nothing in a cluster counts `gpu`"), "{why}");
}

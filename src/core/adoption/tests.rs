//! A namespace in use, and what a takeover makes of it.

use super::*;
use crate::core::fixtures;
use crate::core::quantity::Amount;
use serde_json::{Value, json};

const MARK: &str = "yg-a/portal/uid-1";

fn read<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

fn named<K: serde::de::DeserializeOwned>(name: &str) -> K {
    read(json!({"metadata": {"name": name}}))
}

fn space(notes: &Value) -> Namespace {
    read(json!({"metadata": {"name": "portal-prod", "uid": "uid-s", "annotations": notes}}))
}

fn marked() -> Namespace {
    space(&json!({"yunguan.dev/adopt": MARK}))
}

/// A pod of a Deployment, with limits unless it states none.
fn pod(name: &str, cpu: Option<&str>) -> Pod {
    let limits = cpu.map_or_else(|| json!({}), |cpu| json!({"limits": {"cpu": cpu, "memory": "1Gi"}}));
    read(json!({
        "metadata": {"name": name, "labels": {"pod-template-hash": "5d4f8"}, "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d4f8", "uid": "r", "controller": true}]},
        "spec": {"containers": [{"name": "c", "image": "i", "resources": limits}]},
    }))
}

fn quiet() -> Inside {
    Inside { pods: vec![pod("web-5d4f8-x", Some("1"))], warnings: Some(Vec::new()), ..Inside::default() }
}

fn look(adoption: &Adoption, space: Option<Namespace>, inside: Inside) -> Outlook {
    let registry = fixtures::registry();
    let amounts = Amounts::from_iter([
        ("requests.cpu".to_owned(), Amount::units(2)),
        ("requests.memory".to_owned(), Amount::units(8 << 30)),
        ("limits.cpu".to_owned(), Amount::units(2)),
        ("limits.memory".to_owned(), Amount::units(8 << 30)),
    ]);
    let wish = Wish {
        adoption,
        mark: MARK,
        amounts: Some(&amounts),
        domain: &registry.domains["bozhou-main"],
        countable: &Countable::of(&registry, "bozhou-main"),
        protection_level: 2,
        networks: &[Network::Internet],
    };
    outlook(&wish, &Seen { namespace: space, inside: Some(inside) })
}

fn accepting(names: &[&str]) -> Adoption {
    Adoption {
        namespace: "portal-prod".into(),
        accepts: names.iter().map(|name| (*name).to_owned()).collect(),
        networks_open_until: None,
    }
}

fn reason(outlook: &Outlook) -> &'static str {
    outlook.refusal.as_ref().map_or("", |(reason, _)| reason)
}

fn names(outlook: &Outlook, kind: FindingKind) -> Vec<String> {
    let findings = outlook.plan.iter().flat_map(|plan| &plan.findings);
    findings.filter(|f| f.kind == kind).map(|f| f.name.clone()).collect()
}

#[test]
fn r4_2_what_nobody_may_take_over_is_refused_and_nothing_of_it_is_shown() {
    let mine = accepting(&["networks"]);
    let terminating: Namespace =
        read(json!({"metadata": {"name": "portal-prod", "deletionTimestamp": "2026-11-24T00:00:00Z"}}));
    let managed: Namespace = read(json!({"metadata": {"name": "x", "labels": {"yunguan.dev/managed": "true"}}}));
    let owned = space(&json!({"yunguan.dev/owner-uid": "u", "yunguan.dev/adopt": MARK}));
    for (there, why) in [
        (None, "NamespaceMissing"),
        (Some(terminating), "NamespaceTerminating"),
        (Some(managed), "NamespaceTaken"),
        (Some(owned), "NamespaceTaken"),
    ] {
        let found = look(&mine, there, quiet());
        assert_eq!((reason(&found), found.plan.is_some()), (why, false));
    }
}

#[test]
fn r4_2_nothing_is_taken_over_before_the_authority_has_let_it_go_to_this_request() {
    let mine = accepting(&["networks"]);
    assert_eq!(reason(&look(&mine, Some(marked()), quiet())), "");
    for other in [json!({}), json!({"yunguan.dev/adopt": "yg-a/portal/uid-2"})] {
        assert_eq!(reason(&look(&mine, Some(space(&other)), quiet())), "NotOffered");
    }
}

#[test]
fn r4_2_what_breaks_is_accepted_by_its_name_or_mended() {
    let mut inside = quiet();
    assert_eq!(reason(&look(&accepting(&[]), Some(marked()), inside.clone())), "NotAccepted");
    assert_eq!(reason(&look(&accepting(&["networks"]), Some(marked()), inside.clone())), "");
    inside.pods.push(pod("web-5d4f8-y", Some("2")));
    inside.pods.push(pod("web-5d4f8-z", None));
    inside.warnings = Some(vec![
        "existing pods in namespace \"portal-prod\" violate the new PodSecurity enforce level \"baseline:latest\""
            .into(),
        "web-5d4f8-x (and 1 other pod): hostPath volumes, privileged".into(),
    ]);
    let claim = json!({"metadata": {"name": "d"}, "spec": {"storageClassName": "ssd",
        "resources": {"requests": {"storage": "1Gi"}}}});
    inside.claims.push(read(claim));
    let found = look(&accepting(&["networks"]), Some(marked()), inside.clone());
    let breaks = names(&found, FindingKind::Breaks);
    let wanted = [
        "pod-security/hostPath volumes, privileged",
        "quota/limits.cpu",
        "quota/requests.cpu",
        "quota/ssd.storageclass.storage.k8s.io/requests.storage",
        "default-limits",
        "networks",
    ];
    let missing: Vec<_> = wanted.iter().filter(|name| !breaks.contains(&(**name).to_owned())).collect();
    assert!(missing.is_empty(), "{missing:?} of {breaks:?}");
    assert_eq!(reason(&found), "NotAccepted");
    let (_, why) = found.refusal.as_ref().unwrap();
    assert!(why.en.contains("quota/requests.cpu") && !why.en.contains("networks"), "{why}");
    let about = |name: &str| {
        let findings = found.plan.iter().flat_map(|plan| &plan.findings);
        findings.into_iter().find(|f| f.name == name).unwrap().message.clone()
    };
    assert!(about("quota/requests.cpu").contains("in use 3, granted 2"));
    assert!(about("default-limits").contains("Deployment/web"), "{}", about("default-limits"));
    assert!(about("pod-security/hostPath volumes, privileged").contains("Deployment/web (and 1 other pod)"));
    let all: Vec<&str> = breaks.iter().map(String::as_str).collect();
    assert_eq!(reason(&look(&accepting(&all), Some(marked()), inside)), "");
}

#[test]
fn r4_2_other_quotas_and_limits_go_first_and_what_opens_stays() {
    let inside = Inside {
        quotas: vec![named("old")],
        limits: vec![named("old")],
        policies: vec![named("allow-all"), named("yunguan-dns")],
        bindings: vec![named("admins"), named("yunguan-developer")],
        ..quiet()
    };
    let found = look(&accepting(&["networks", "resourcequota/old"]), Some(marked()), inside);
    let in_the_way =
        ["resourcequota/old", "limitrange/old", "networkpolicy/yunguan-dns", "rolebinding/yunguan-developer"];
    assert_eq!(names(&found, FindingKind::InTheWay), in_the_way, "and no word in the request helps");
    assert_eq!(names(&found, FindingKind::Stays), ["networkpolicy/allow-all", "rolebinding/admins"]);
    assert_eq!(reason(&found), "InTheWay");
}

#[test]
fn r4_2_all_that_is_found_counts_however_little_is_shown() {
    let quotas = (0..70).map(|n| named(&format!("q{n}"))).collect();
    let found = look(&accepting(&["networks"]), Some(marked()), Inside { quotas, ..quiet() });
    let plan = found.plan.as_ref().unwrap();
    assert_eq!((plan.findings.len(), plan.more), (64, 7));
    assert_eq!(reason(&found), "InTheWay");
}

#[test]
fn r4_2_a_domain_with_nodes_of_its_own_is_said() {
    let registry = fixtures::registry();
    let mut domain = registry.domains["bozhou-main"].clone();
    domain.node_selector = read(json!({"pool": "gov"}));
    let (adoption, countable) = (accepting(&[]), Countable::default());
    let wish = Wish {
        domain: &domain,
        ..Wish {
            adoption: &adoption,
            mark: MARK,
            amounts: None,
            domain: &domain,
            countable: &countable,
            protection_level: 3,
            networks: &[],
        }
    };
    let at = |there: Namespace| {
        let found = outlook(&wish, &Seen { namespace: Some(there), inside: Some(quiet()) });
        names(&found, FindingKind::Breaks).contains(&"nodes".to_owned())
    };
    assert!(at(marked()));
    let same = json!({"yunguan.dev/adopt": MARK, "scheduler.alpha.kubernetes.io/node-selector": "pool=gov"});
    assert!(!at(space(&same)));
}

#[test]
fn r4_2_networks_are_shut_at_once_or_within_the_days_of_the_rules() {
    let registry = fixtures::registry();
    let policy = &registry.policies.iter().find(|p| p.name == "bozhou-2024").unwrap().spec;
    let filed = jiff::civil::date(2026, 11, 24);
    let until = |day| Adoption { networks_open_until: Some(day), ..accepting(&[]) };
    let fine = |day| against(&until(day), policy, false, filed).is_none();
    assert!(fine(filed) && fine(jiff::civil::date(2027, 2, 22)));
    assert!(!fine(jiff::civil::date(2027, 2, 23)) && !fine(jiff::civil::date(2026, 11, 23)));
    let plan = AdoptionPlan { uid: "u".into(), ..AdoptionPlan::default() };
    let from = Time::new("2026-11-25T00:00:00Z".parse().unwrap());
    let shut = |adoption: &Adoption| record(adoption, &plan, from, &TimeZone::fixed(jiff::tz::offset(8)));
    assert_eq!(shut(&accepting(&[])).networks_shut_from, from);
    let later = shut(&until(jiff::civil::date(2026, 12, 1)));
    assert_eq!(later.networks_shut_from.to_string(), "2026-12-01T16:00:00Z");
    let second_before = "2026-12-01T15:59:59Z".parse().unwrap();
    assert!(networks_open(Some(&later), second_before));
    assert!(
        !networks_open(Some(&later), "2026-12-01T16:00:00Z".parse().unwrap()) && !networks_open(None, second_before)
    );
    // What is over before it is approved is over.
    assert_eq!(shut(&until(jiff::civil::date(2026, 11, 24))).networks_shut_from, from);
}

#[test]
fn r4_2_rules_that_say_nothing_of_it_allow_no_takeover() {
    let none = GovernancePolicySpec::default();
    let filed = jiff::civil::date(2026, 11, 24);
    assert!(against(&accepting(&[]), &none, false, filed).unwrap().en.contains("do not say"));
    let rules = fixtures::registry();
    let policy = &rules.policies.iter().find(|p| p.name == "bozhou-2024").unwrap().spec;
    assert!(against(&accepting(&[]), policy, true, filed).unwrap().en.contains("has a namespace already"));
}

#[test]
fn r4_2_the_plan_of_a_takeover_fits_however_much_is_in_the_namespace() {
    let long = |n: usize| format!("{n}-{}", "a".repeat(240));
    let inside = Inside {
        pods: (0..300)
            .map(|n| read(json!({"metadata": {"name": long(n)}, "spec": {"containers": [{"name": "c"}]}})))
            .collect(),
        quotas: (0..30).map(|n| named(&long(n))).collect(),
        policies: (0..200).map(|n| named(&long(n))).collect(),
        bindings: (0..1_000).map(|n| named(&long(n))).collect(),
        warnings: Some((0..50).map(|n| format!("{}: {}", long(n), fixtures::endless())).collect()),
        ..Inside::default()
    };
    let plan = look(&accepting(&[]), Some(marked()), inside).plan.unwrap();
    assert_eq!(plan.findings.len(), 64);
    assert!(plan.more > 1_000, "{}", plan.more);
    fixtures::assert_fits("CloudResourceRequest", "status.adoption", &plan);
}

//! Which policies can be worked with, and which version is in force.

use super::*;
use crate::api::governance_policy::Applies;
use crate::core::fixtures;
use jiff::civil::date;
use proptest::prelude::*;

/// The shipped policy of the city, and what is done to it.
fn bozhou(shape: impl FnOnce(&mut GovernancePolicySpec)) -> GovernancePolicySpec {
    let mut spec = version("bozhou-2024").spec;
    shape(&mut spec);
    spec
}

fn version(name: &str) -> Named<GovernancePolicySpec> {
    fixtures::registry().policies.into_iter().find(|p| p.name == name).unwrap()
}

fn gate<'p>(policy: &'p mut GovernancePolicySpec, name: &str) -> &'p mut Gate {
    policy.tracks[0].gates.iter_mut().find(|g| g.name == name).unwrap()
}

fn minor(policy: &mut GovernancePolicySpec) -> &mut Track {
    policy.tracks.iter_mut().find(|t| t.name == "MinorChange").unwrap()
}

fn track<'p>(policy: &'p mut GovernancePolicySpec, name: &str) -> &'p mut Track {
    policy.tracks.iter_mut().find(|t| t.name == name).unwrap()
}

fn heard(policy: &mut GovernancePolicySpec) -> &mut Gate {
    policy.tracks.iter_mut().flat_map(|t| &mut t.gates).find(|g| g.hearing).unwrap()
}

mod undone;

type Shape = fn(&mut GovernancePolicySpec);

#[test]
fn r41_1_the_shipped_policies_can_be_worked_with() {
    for policy in fixtures::registry().policies {
        assert_eq!(check(&policy.spec), [], "{}", policy.name);
    }
}

#[test]
fn r41_1_what_is_wrong_with_a_policy_is_named_with_its_place_and_the_way_out() {
    let table: &[(Shape, &str, &str)] = &[
        (|p| p.time_zone = "Asia/Bozhou".into(), "spec.timeZone", "such as Asia/Shanghai"),
        (|p| p.valid_until = date(2020, 1, 1), "spec.validUntil", "lies before the first"),
        (
            |p| gate(p, "completeness").after = vec!["approval".into()],
            "spec.tracks[Standard].gates",
            "completeness, plan, evaluation, approval wait for each other",
        ),
        (|p| gate(p, "plan").after = vec!["plan".into()], "spec.tracks[Standard].gates", "break the cycle"),
        (
            |p| p.tracks[0].effects[0].after = vec!["go-live".into()],
            "spec.tracks[Standard].gates",
            "wait for each other",
        ),
        (
            |p| gate(p, "plan").after = vec!["plam".into()],
            "spec.tracks[Standard].gates[plan].after",
            "has no step `plam`",
        ),
        (
            |p| p.tracks[0].effects[1].after.push("sign-mayor".into()),
            "spec.tracks[Standard].effects[GoLive].after",
            "has no step `sign-mayor`",
        ),
        (|p| drop(p.tracks[0].effects.remove(0)), "spec.tracks[Standard].gates[fulfilment].after", "`provision`"),
        (|p| p.usage.as_mut().unwrap().margin_percent.value = 90, "spec.usage.marginPercent", "make it smaller"),
        (|p| drop(p.tracks[0].effects.remove(0)), "spec.tracks[Standard].effects", "add the effect Provision"),
        (
            |p| p.tracks[0].gates.swap(2, 3),
            "spec.tracks[Standard].gates[evaluation].after",
            "list the gates in their order",
        ),
        (
            |p| p.tracks[0].gates.swap(4, 5),
            "spec.tracks[Standard].gates[fulfilment].after",
            "`provision`, or a gate that it waits for, is listed behind",
        ),
        (
            |p| gate(p, "plan").verdicts = vec![Verdict::Return],
            "spec.tracks[Standard].gates[plan].verdicts",
            "nobody can pass this gate",
        ),
        (
            |p| gate(p, "evaluation").verdicts = vec![Verdict::Sign],
            "spec.tracks[Standard].gates[evaluation].verdicts",
            "confirmed by an Approve or a Confirm",
        ),
        (
            |p| gate(p, "plan").verdicts.push(Verdict::Withdraw),
            "spec.tracks[Standard].gates[plan].verdicts",
            "Withdraw is made at no gate",
        ),
        (
            |p| gate(p, "trial-report").verdicts.push(Verdict::Return),
            "spec.tracks[Standard].gates[trial-report].verdicts",
            "offers no Return or Reject",
        ),
        (
            |p| p.tracks[0].effects[0].after = vec!["evaluation".into()],
            "spec.tracks[Standard].gates[approval].verdicts",
            "let `provision` come after the gate",
        ),
        (|p| gate(p, "plan").name = "impose".into(), "spec.tracks[Standard].gates[impose]", "choose another"),
        (|p| gate(p, "plan").name = "access".into(), "spec.tracks[Standard].gates[access]", "choose another"),
        (|p| gate(p, "plan").role = "mayor".into(), "spec.tracks[Standard].gates[plan].role", "the role `mayor`"),
        (
            |p| p.roles.retain(|r| r.role != "agency"),
            "spec.tracks[Standard].gates[plan].role",
            "name its organizations",
        ),
        (|p| p.tracks[0].submission.role = "clerk".into(), "spec.tracks[Standard].submission.role", "`clerk`"),
        (
            |p| gate(p, "evaluation").confirms_amounts = false,
            "spec.tracks[Standard].effects",
            "after a gate that confirms the amounts",
        ),
        (
            |p| gate(p, "evaluation").when = Some(Applies::Migrated),
            "spec.tracks[Standard].effects",
            "and always applies",
        ),
        (
            |p| p.tracks[0].effects[0].after = vec!["plan".into()],
            "spec.tracks[Standard].effects",
            "confirms the amounts",
        ),
        (
            |p| p.tracks[0].effects[1].after = vec!["approval".into()],
            "spec.tracks[Standard].effects",
            "GoLive must come after `provision`",
        ),
    ];
    all_said(table);
}

fn all_said(table: &[(Shape, &str, &str)]) {
    for (shape, at, message) in table {
        let problems = check(&bozhou(shape));
        let found = problems.iter().find(|p| p.at == *at && p.message.contains(message));
        let found = found.unwrap_or_else(|| panic!("{at}: {message} is not in {problems:?}"));
        assert!(found.message.chars().any(|c| c > '\u{4e00}'), "no Chinese in {found}");
    }
}

#[test]
fn r34_1_what_is_imposed_can_be_lifted_and_does_not_end_otherwise() {
    all_said(&[
        (
            |p| drop(track(p, "Suspension").effects.remove(1)),
            "spec.tracks[Suspension].effects",
            "what is imposed can be lifted",
        ),
        (
            |p| track(p, "Suspension").effects[1].after = vec!["decision".into()],
            "spec.tracks[Suspension].effects",
            "after `impose`",
        ),
        (
            |p| track(p, "Suspension").gates[1].verdicts.push(Verdict::Return),
            "spec.tracks[Suspension].gates[regulator-report].verdicts",
            "let `impose` come after the gate",
        ),
        (
            |p| p.sanctions.as_mut().unwrap().measures[0].track = "Orders".into(),
            "spec.sanctions.measures[Correction,Unit].track",
            "there is no track `Orders`",
        ),
    ]);
}

#[test]
fn r26_5_a_hearing_has_a_day_and_decides_nothing() {
    let table: &[(Shape, &str)] = &[
        (|p| heard(p).due_work_days = None, "set dueWorkDays"),
        (|p| heard(p).quorum = Some(2), "decides nothing"),
        (|p| heard(p).verdicts.push(Verdict::Return), "decides nothing"),
    ];
    for (shape, message) in table {
        let problems = check(&bozhou(shape));
        let said =
            |p: &Problem| p.at == "spec.tracks[Reduction].gates[unit-opinion].hearing" && p.message.contains(message);
        assert!(problems.iter().any(said), "{problems:?}");
    }
}

#[test]
fn r26_2_where_use_decides_somebody_can_vouch_before_anything_is_granted() {
    let table: &[(Shape, bool)] = &[
        (|p| minor(p).gates.retain(|g| g.name != "usage-evidence"), true),
        (|p| minor(p).gates.iter_mut().for_each(|g| g.after.retain(|step| step != "usage-evidence")), true),
        (
            |p| {
                p.usage = None;
                minor(p).gates.iter_mut().for_each(|g| g.after.retain(|step| step != "usage-evidence"));
            },
            false,
        ),
    ];
    for (shape, wrong) in table {
        let problems = check(&bozhou(shape));
        let said = |p: &Problem| p.at == "spec.tracks[MinorChange].gates" && p.message.contains("`when: UsageUnknown`");
        assert_eq!(problems.iter().any(said), *wrong, "{problems:?}");
    }
}

#[test]
fn r20_1_what_is_open_cannot_be_sent_back() {
    use crate::api::decision::Verdict;
    let policy = bozhou(|p| gate(p, "trial-report").verdicts.push(Verdict::Return));
    let problems: Vec<String> = check(&policy).iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("gates[trial-report].verdicts"), "{problems:?}");
}

#[test]
fn r41_1_two_gates_may_be_open_side_by_side_and_effects_may_be_anywhere_in_the_order() {
    let policy = bozhou(|p| {
        gate(p, "sign-provider").after = vec!["provision".into()];
        gate(p, "sign-unit").after = vec!["provision".into(), "trial-report".into()];
    });
    assert_eq!(check(&policy), []);
}

fn of_family(name: &str, from: Date, until: Date) -> Named<GovernancePolicySpec> {
    let mut version = version("bozhou-2024");
    name.clone_into(&mut version.name);
    (version.spec.valid_from, version.spec.valid_until) = (from, until);
    version
}

#[test]
fn r42_1_versions_that_share_a_day_are_both_named() {
    let first = of_family("v1", date(2024, 5, 23), date(2029, 5, 22));
    let next = of_family("v2", date(2029, 5, 23), date(2034, 5, 22));
    assert!(overlaps(&[first.clone(), next.clone()], "v1").is_empty(), "the day after is free");
    let early = of_family("v3", date(2029, 5, 22), date(2034, 5, 22));
    let all = [first, early];
    for (name, other) in [("v1", "v3"), ("v3", "v1")] {
        let found = overlaps(&all, name);
        assert_eq!(found.len(), 1);
        let message = found[0].to_string();
        assert!(message.contains(other) && message.contains("from 2029-05-22 to 2029-05-22"), "{message}");
        assert!(message.contains("有效期不得重叠"), "{message}");
    }
    let mut county = all.clone();
    county[1].spec.family = "guoyang".into();
    assert!(overlaps(&county, "v1").is_empty(), "another family has its own days");
}

#[test]
fn r42_1_a_day_has_one_version_or_says_why_it_has_none() {
    let first = of_family("v1", date(2024, 5, 23), date(2029, 5, 22));
    let late = of_family("v2", date(2030, 1, 1), date(2034, 5, 22));
    let mut versions = vec![first, late];
    let name = |versions: &[Named<GovernancePolicySpec>], day| {
        in_force(versions, "bozhou", day).map(|v| v.name.clone()).map_err(|why| why.to_string())
    };
    let first_and_last = [date(2024, 5, 23), date(2029, 5, 22)];
    assert!(first_and_last.iter().all(|day| name(&versions, *day).as_deref() == Ok("v1")));
    assert_eq!(name(&versions, date(2030, 1, 1)).as_deref(), Ok("v2"));
    for gap in [date(2024, 5, 22), date(2029, 5, 23), date(2034, 5, 23)] {
        let why = name(&versions, gap).unwrap_err();
        assert!(
            why.contains("nothing new can be filed")
                && why.contains("暂不能提交新申请")
                && why.contains(&gap.to_string()),
            "{why}"
        );
    }
    versions.push(of_family("v3", date(2029, 1, 1), date(2029, 12, 31)));
    let why = name(&versions, date(2029, 2, 1)).unwrap_err();
    assert!(why.contains("v1") && why.contains("v3") && why.contains("两个版本"), "{why}");
    assert_eq!(name(&versions, date(2029, 6, 1)).as_deref(), Ok("v3"), "only the days in common are lost");
    versions[2].spec.time_zone = "Nowhere".into();
    assert!(name(&versions, date(2029, 6, 1)).unwrap_err().contains("v3 cannot be used"));
    let day = date(2040, 1, 1);
    versions.push(of_family("v4", day, day));
    assert_eq!(name(&versions, day).as_deref(), Ok("v4"), "one day is a validity");
    let why = in_force(&versions, "nowhere", date(2026, 1, 1)).unwrap_err();
    assert!(why.en.contains("no GovernancePolicy of family `nowhere`") && why.zh.contains("没有适用的管理办法"));
}

#[test]
fn r7_1_a_role_needs_as_many_people_as_its_gates() {
    let registry = fixtures::registry();
    assert!(roles_without_holder(&registry, &bozhou(|_| {})).is_empty());
    let told = |registry: &Registry, policy: &GovernancePolicySpec| {
        roles_without_holder(registry, policy).iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    let elsewhere = bozhou(|p| p.roles[0].organizations = vec!["bozhou-health".into(), "nowhere".into()]);
    let message = told(&registry, &elsewhere);
    assert!(message.starts_with("spec.roles[authority]: nobody holds this role"), "{message}");
    assert!(message.contains("Organization bozhou-health or nowhere") && message.contains("登记"), "{message}");
    // The shipped authority has two people.
    let three = bozhou(|p| gate(p, "approval").quorum = Some(3));
    assert!(told(&registry, &three).contains("gate approval needs 3 different people, and this role has 2"));
    assert_eq!(told(&registry, &bozhou(|p| gate(p, "approval").quorum = Some(2))), "");
    let mut grouped = registry;
    let authority = grouped.organizations.get_mut("bozhou-data-bureau").unwrap();
    authority.members[0].groups = vec!["bureau".into()];
    assert_eq!(told(&grouped, &three), "", "how many a group has is unknown");
}

/// Any track of up to six gates whose `after` names anything.
fn tracks() -> impl Strategy<Value = Track> {
    let step = (0_usize..9).prop_map(|n| match n {
        6 => "provision".to_owned(),
        7 => "go-live".to_owned(),
        n => format!("g{n}"),
    });
    let after = proptest::collection::btree_set(step, 0..3);
    let gates = proptest::collection::vec(after.clone(), 1..7);
    let effects = (proptest::option::of(after.clone()), proptest::option::of(after));
    (gates, effects).prop_map(|(gates, (provision, live))| {
        let gates = gates.into_iter().enumerate().map(|(n, after)| Gate {
            name: format!("g{n}"),
            after: after.into_iter().collect(),
            ..Gate::default()
        });
        let effects = [(Effect::Provision, provision), (Effect::GoLive, live)];
        let effects = effects.into_iter().filter_map(|(effect, after)| {
            Some(EffectRule { effect, after: after?.into_iter().collect(), article: String::new() })
        });
        Track { gates: gates.collect(), effects: effects.collect(), ..Track::default() }
    })
}

/// Any track whose steps stand in some order in which each waits for earlier ones only, and that order.
fn ordered_tracks() -> impl Strategy<Value = (Track, Vec<Gate>)> {
    let masks = proptest::collection::vec(proptest::num::u16::ANY, 2..9);
    (masks, proptest::num::usize::ANY, proptest::num::usize::ANY).prop_flat_map(|(masks, at, later)| {
        let last = masks.len() - 1;
        let provision = at % last;
        let live = provision + 1 + later % (last - provision);
        let mut steps: Vec<String> = Vec::new();
        let mut track = Track::default();
        for (n, mask) in masks.iter().enumerate() {
            let after = steps.iter().enumerate().filter(|(k, _)| mask >> k & 1 == 1).map(|(_, step)| step.clone());
            let mut after: Vec<String> = after.collect();
            let effect = [(provision, Effect::Provision), (live, Effect::GoLive)].into_iter().find(|(at, _)| *at == n);
            if let Some((_, effect)) = effect {
                if effect == Effect::GoLive && !after.contains(&steps[provision]) {
                    after.push(steps[provision].clone());
                }
                steps.push(effect.step().to_owned());
                track.effects.push(EffectRule { effect, after, article: String::new() });
            } else {
                steps.push(format!("g{n}"));
                track.gates.push(Gate { name: format!("g{n}"), after, ..Gate::default() });
            }
        }
        (Just(track.clone()), Just(track.gates).prop_shuffle())
    })
}

/// Effects as the CRD lets them be: Provision waits for gates, GoLive for gates and `provision`.
fn effects_wait_for_gates(track: &Track) -> bool {
    track.effects.iter().all(|e| {
        let live = e.effect == Effect::GoLive;
        e.after.iter().all(|s| track.gates.iter().any(|g| g.name == *s) || (live && s == Effect::Provision.step()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn gates_in_order_never_wait_for_each_other(track in tracks()) {
        if out_of_order(&track).is_empty() && effects_wait_for_gates(&track) {
            prop_assert_eq!(steps_in_cycles(&track), Vec::<&str>::new());
        }
    }

    /// Nothing is lost by it: gates that do not wait for each other can be listed in an order that is allowed.
    #[test]
    fn every_track_without_a_cycle_has_an_order((track, shuffled) in ordered_tracks()) {
        prop_assert_eq!(steps_in_cycles(&track), Vec::<&str>::new());
        prop_assert_eq!(out_of_order(&track), Vec::<(&str, &str)>::new());
        let mut sorted = Track { gates: shuffled, ..track.clone() };
        sorted.gates.sort_by_key(|g| steps_before(&track, &g.after).len());
        prop_assert_eq!(out_of_order(&sorted), Vec::<(&str, &str)>::new());
    }
}

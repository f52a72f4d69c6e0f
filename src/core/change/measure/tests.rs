//! Exactly half is minor, a hair more is major, up or down; and small steps do not add up to a large one.

use super::*;
use crate::api::common::{Money, Quantity};
use crate::api::governance_policy::Limit;
use crate::api::information_system::Terms;
use proptest::prelude::*;

fn rules() -> ChangeRules {
    let half = |article: &str| Limit { value: 50, article: article.into() };
    ChangeRules {
        major_above_percent: half("第二十二条"),
        fee_growth_above_percent: half("第二十二条"),
        new_resource_is_major: true,
        ..ChangeRules::default()
    }
}

fn line(name: &str, quantity: i64, price: &str) -> GrantedLine {
    let terms = Terms {
        item: name.into(),
        monthly_price: Money(price.into()),
        unit_amounts: [(format!("requests.{name}"), Quantity("1".into()))].into(),
        ..Terms::default()
    };
    GrantedLine { name: name.into(), quantity, terms: Some(terms), self_procured: None }
}

fn why(rules: &ChangeRules, before: &[&[GrantedLine]], after: &[GrantedLine]) -> Option<String> {
    let registry = Registry::default();
    let measure = Measure { rules, registry: &registry, day: jiff::civil::date(2026, 11, 24) };
    measure.major_because(before, after).map(|text| text.en)
}

#[test]
fn r22_2_exactly_half_is_minor_up_or_down_and_a_hair_more_is_major() {
    let table = [
        (100, 150, false),
        (100, 151, true),
        (100, 50, false),
        (100, 49, true),
        (3, 4, false),
        (3, 5, true),
        (1, 0, true),
    ];
    for (had, has, major) in table {
        let before = [line("cpu", had, "0"), line("memory", 10, "0")];
        let after = [line("cpu", has, "0"), line("memory", 10, "0")];
        assert_eq!(why(&rules(), &[&before], &after).is_some(), major, "{had} -> {has}");
    }
}

#[test]
fn r22_2_fees_that_grow_by_more_than_half_make_it_major_and_fees_that_fall_do_not() {
    let before = [line("cpu", 100, "1"), line("disk", 100, "0.01")];
    // No resource by more than half; what is dear grows.
    let dear = [line("cpu", 150, "1"), line("disk", 150, "0.01")];
    assert_eq!(why(&rules(), &[&before], &dear), None, "exactly half");
    let mut tight = rules();
    tight.fee_growth_above_percent.value = 49;
    assert!(why(&tight, &[&before], &dear).unwrap().contains("fees grow from 101 to 151.5"));
    let cheap = [line("cpu", 50, "1"), line("disk", 100, "0.01")];
    assert_eq!(why(&rules(), &[&before], &cheap), None, "fees that fall");
}

#[test]
fn r22_2_what_the_system_has_none_of_is_major_unless_the_rules_say_otherwise() {
    let before = [line("cpu", 100, "1")];
    let after = [line("cpu", 100, "1"), line("gpu", 1, "0")];
    assert!(why(&rules(), &[&before], &after).unwrap().contains("no requests.gpu yet"));
    let mild = ChangeRules { new_resource_is_major: false, ..rules() };
    assert_eq!(why(&mild, &[&before], &after), None);
    // What it has none of, before and after, is not new.
    let none = |n| [line("cpu", n, "1"), line("gpu", 0, "0")];
    assert_eq!(why(&rules(), &[&none(100)], &none(120)), None);
    // A service without amounts counts by its item.
    let mut service = line("waf", 1, "0");
    service.terms.as_mut().unwrap().unit_amounts.clear();
    assert!(why(&rules(), &[&before], &[before[0].clone(), service]).unwrap().contains("item waf"));
}

#[test]
fn r22_2_several_small_steps_count_together() {
    let state = |n| [line("cpu", n, "1")];
    let (first, second) = (state(100), state(140));
    assert_eq!(why(&rules(), &[&first], &second), None);
    let third = state(160);
    assert_eq!(why(&rules(), &[&second], &third), None, "by itself it is small");
    assert!(why(&rules(), &[&first, &second], &third).unwrap().starts_with("together with earlier changes"));
}

#[test]
fn r22_2_what_cannot_be_counted_is_major_and_says_so() {
    let (small, huge) = ([line("cpu", 1, "1")], [line("cpu", i64::MAX, "1"), line("cpu", 1, "1")]);
    for (before, after) in [(&small[..], &huge[..]), (&huge[..], &small[..])] {
        assert!(why(&rules(), &[before], after).unwrap().contains("beyond what can be counted"));
    }
}

proptest! {
    /// No sequence of changes that were all minor holds two states, one after the other, between which a major one lies.
    #[test]
    fn r22_2_no_sequence_of_minor_changes_exceeds_a_major_one(
        start in prop::array::uniform2(1..60_i64), wishes in prop::collection::vec(prop::array::uniform2(0..120_i64), 0..24),
    ) {
        let state = |n: [i64; 2]| vec![line("cpu", n[0], "2.5"), line("memory", n[1], "1")];
        let mut held = vec![start];
        for wish in wishes {
            let before: Vec<_> = held.iter().map(|n| state(*n)).collect();
            let before: Vec<&[GrantedLine]> = before.iter().map(Vec::as_slice).collect();
            if why(&rules(), &before, &state(wish)).is_none() {
                held.push(wish);
            }
        }
        for (n, earlier) in held.iter().enumerate() {
            for later in held.iter().skip(n + 1) {
                for (had, has) in earlier.iter().zip(later) {
                    prop_assert!(2 * (has - had).abs() <= *had, "{:?} -> {:?}", earlier, later);
                }
                // In halves of a yuan.
                let fee = |n: &[i64; 2]| 5 * n[0] + 2 * n[1];
                prop_assert!(2 * fee(later) <= 3 * fee(earlier), "{:?} -> {:?}", earlier, later);
            }
        }
    }
}

//! Sizes that last: judged again by the very rules that led to them, on the very history.

use super::*;
use crate::api::names::{CONDITION_EXPANSION_ELIGIBLE, CONDITION_REDUCTION_ELIGIBLE};
use crate::core::fixtures;
use crate::core::round::Statement;
use crate::core::usage::{Judgement, Round, Sample, Subject, judge, percent as shown};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

const DOMAIN: &str = "bozhou-main";
const DAY: Date = jiff::civil::date(2026, 11, 24);

fn rules() -> UsageRules {
    fixtures::registry().policies.iter().find_map(|p| p.spec.usage.clone()).unwrap()
}

fn line(registry: &Registry, name: &str, item: &str, quantity: i64) -> GrantedLine {
    let terms = catalog::terms(registry, item, DOMAIN, DAY).unwrap();
    GrantedLine { name: name.into(), quantity, terms: Some(terms), self_procured: None }
}

fn usage(mean: f64, peak: f64) -> Usage {
    Usage { memory_mean_percent: Some(shown(mean)), memory_peak_percent: Some(shown(peak)), ..Usage::default() }
}

/// A system of these lines, without windows.
#[derive(Debug)]
struct System {
    registry: Registry,
    lines: Vec<GrantedLine>,
    measured: Amounts,
}

impl System {
    fn of(lines: &[(&str, &str, i64)]) -> Self {
        let registry = fixtures::registry();
        let lines: Vec<_> = lines.iter().map(|(name, item, n)| line(&registry, name, item, *n)).collect();
        let measured = catalog::total(&lines).unwrap();
        Self { registry, lines, measured }
    }

    fn having(&self) -> Having<'_> {
        let Self { registry, lines, measured } = self;
        Having { lines, measured, registry, domain: DOMAIN, day: DAY }
    }

    fn recommend(&self, wish: Wish, usage: &Usage) -> Option<Vec<Resized>> {
        recommend(&rules(), wish, usage, self.having(), &[])
    }

    /// How much smaller or larger it gets.
    #[expect(clippy::cast_precision_loss, reason = "a factor to some digits")]
    fn factor(&self, recommended: &[Resized], resource: &str) -> f64 {
        let after = catalog::total(&after(&self.having(), recommended)).unwrap();
        let of = |amounts: &Amounts| amounts.get(resource).thousandths() as f64;
        of(&self.measured) / of(&after)
    }
}

fn says(resized: Option<&[Resized]>) -> Vec<(&str, i64, i64)> {
    resized.unwrap_or_default().iter().map(|r| (r.name.as_str(), r.before, r.after)).collect()
}

#[test]
fn r26_5_a_sleepy_system_keeps_what_it_uses_at_most_and_a_margin_in_whole_units() {
    let system = System::of(&[("web", "server-4c8g", 10)]);
    let less = |mean, peak| system.recommend(Wish::LessMemory, &usage(mean, peak));
    // 50% of 80 Gi stays below 75% of 54 Gi, which are 7 servers; the margin of 20% would ask for 48 Gi only.
    assert_eq!(says(less(0.30, 0.50).as_deref()), [("web", 10, 7)]);
    assert_eq!(says(less(0.10, 0.20).as_deref()), [("web", 10, 3)]);
    assert_eq!(says(less(0.0, 0.0).as_deref()), [("web", 10, 1)], "never below one unit");
    assert_eq!(less(0.5, 0.72), None, "it needs what it has");
    let unknown = Usage { memory_peak_percent: None, ..usage(0.1, 0.1) };
    assert_eq!(system.recommend(Wish::LessMemory, &unknown), None, "what is not known never leads to less");
}

#[test]
fn r26_5_one_unit_is_not_taken() {
    let system = System::of(&[("web", "server-4c8g", 1), ("db", "server-16c64g", 1)]);
    assert_eq!(system.recommend(Wish::LessMemory, &usage(0.01, 0.02)), None);
}

#[test]
fn r26_2_a_busy_system_gets_room_below_every_limit() {
    let system = System::of(&[("web", "server-4c8g", 10)]);
    let more = |mean, peak| system.recommend(Wish::MoreMemory, &usage(mean, peak));
    assert_eq!(says(more(0.72, 0.78).as_deref()), [("web", 10, 12)]);
    assert_eq!(says(more(0.60, 0.95).as_deref()), [("web", 10, 13)]);
    // One unit more is twice as much, which would be too much on this very history.
    let small = System::of(&[("web", "server-4c8g", 1)]);
    assert_eq!(small.recommend(Wish::MoreMemory, &usage(0.55, 0.82)), None);
    assert_eq!(says(small.recommend(Wish::MoreMemory, &usage(0.85, 0.98)).as_deref()), [("web", 1, 2)]);
}

#[test]
fn r26_2_lines_grow_in_proportion_and_the_smallest_fill_up() {
    let system = System::of(&[("web", "server-4c8g", 4), ("db", "server-16c64g", 2), ("more", "memory", 8)]);
    // 168 Gi, of which 95.1% at most, as it is rounded, stay below 75% of 213.1 Gi.
    let more = system.recommend(Wish::MoreMemory, &usage(0.6, 0.95));
    assert_eq!(says(more.as_deref()), [("web", 4, 5), ("more", 8, 46)]);
}

#[test]
fn r13_1_what_was_withdrawn_does_not_grow() {
    let mut system = System::of(&[("web", "server-4c8g", 10)]);
    system.registry.items.get_mut("server-4c8g").unwrap().spec.withdrawn_from = Some(DAY);
    assert_eq!(system.recommend(Wish::MoreMemory, &usage(0.8, 0.9)), None);
    assert_eq!(says(system.recommend(Wish::LessMemory, &usage(0.1, 0.2)).as_deref()), [("web", 10, 3)]);
}

#[test]
fn r26_2_storage_of_one_class_is_sized_by_itself() {
    let full = Usage { storage_percent: Some(shown(0.9)), ..Usage::default() };
    let system = System::of(&[("disk", "block-ssd", 100), ("web", "server-4c8g", 1)]);
    // 90 Gi stay below 65%.
    assert_eq!(says(system.recommend(Wish::MoreStorage, &full).as_deref()), [("disk", 100, 139)]);
    let two = System::of(&[("disk", "block-ssd", 100), ("old", "block-hdd", 100)]);
    assert_eq!(two.recommend(Wish::MoreStorage, &full), None, "which of two it is, use does not say");
}

#[test]
fn r26_5_a_window_is_not_taken_for_what_stands() {
    let mut system = System::of(&[("web", "server-4c8g", 10)]);
    // For a month it has had twice as much, and it is that of which it uses a fifth.
    system.measured = system.measured.checked_mul(2).unwrap();
    assert_eq!(says(system.recommend(Wish::LessMemory, &usage(0.1, 0.2)).as_deref()), [("web", 10, 6)]);
}

/// What the rules say of a week of such use.
fn judged(mean: f64, peak: f64, peaks: f64, before: &Judgement) -> Vec<Statement> {
    let now: Timestamp = "2026-11-24T02:00:00Z".parse().unwrap();
    let sample = Sample {
        running: Some(1.0),
        measured: true,
        memory_mean: Some(mean),
        memory_peak: Some(peak),
        memory_coverage: Some(1.0),
        other_quotas: Some(0.0),
        peaks: Some(peaks),
        ..Sample::default()
    };
    let round = Round { newest: Some(now), peak: Some(0.8), samples: [("ns".to_owned(), sample)].into() };
    let subject = Subject {
        namespace: "ns",
        opened: "2026-01-01T00:00:00Z".parse().unwrap(),
        live: true,
        standby: false,
        stopped: false,
    };
    judge(&rules(), &TimeZone::UTC, subject, &round, None, before, now).statements
}

fn holds(statements: &[Statement], type_: &str) -> bool {
    statements.iter().any(|s| s.type_ == type_ && s.holds == Some(true))
}

/// That both findings held before: the hysteresis is at its widest.
fn both() -> Judgement {
    let held = |type_, reason| Statement::new(type_, true, reason, "");
    let statements =
        vec![held(CONDITION_EXPANSION_ELIGIBLE, "MemoryMean"), held(CONDITION_REDUCTION_ELIGIBLE, "LowMemory")];
    Judgement { statements, ..Judgement::default() }
}

fn systems() -> impl Strategy<Value = System> {
    (1..40_i64, 0..6_i64, 0..64_i64).prop_map(|(web, db, gi)| {
        System::of(&[("web", "server-4c8g", web), ("db", "server-16c64g", db), ("more", "memory", gi)])
    })
}

proptest! {
    #[test]
    fn r26_5_a_reduction_is_no_ground_for_an_expansion_on_the_same_history(system in systems(), peak in 0.0..0.55_f64, share in 0.0..1.0_f64) {
        let mean = peak * share;
        if let Some(less) = system.recommend(Wish::LessMemory, &usage(mean, peak)) {
            let factor = system.factor(&less, MEMORY);
            prop_assert!(factor > 1.0, "{}: {:?}", factor, less);
            prop_assert!(less.iter().all(|r| r.after >= 1));
            // No peak either: there is none where use never gets so high.
            let (mean, peak) = (mean * factor, peak * factor);
            prop_assert!(peak < 0.8, "{}", peak);
            for before in [Judgement::default(), both()] {
                prop_assert!(!holds(&judged(mean, peak, 0.0, &before), CONDITION_EXPANSION_ELIGIBLE), "{} {}", mean, peak);
            }
        }
    }

    #[test]
    fn r26_2_an_expansion_is_no_ground_for_a_reduction_on_the_same_history(system in systems(), peak in 0.3..1.0_f64, share in 0.0..1.0_f64) {
        let mean = peak * share;
        if let Some(more) = system.recommend(Wish::MoreMemory, &usage(mean, peak)) {
            let factor = system.factor(&more, MEMORY);
            prop_assert!(factor < 1.0, "{}: {:?}", factor, more);
            let (mean, peak) = (mean * factor, peak * factor);
            for before in [Judgement::default(), both()] {
                prop_assert!(!holds(&judged(mean, peak, 0.0, &before), CONDITION_REDUCTION_ELIGIBLE), "{} {}", mean, peak);
            }
            prop_assert!(peak < 0.8 && mean < 0.7, "nor for the same rule again: {} {}", mean, peak);
        }
    }

    #[test]
    fn r26_6_more_use_never_leads_to_less(system in systems(), peak in 0.0..0.5_f64, share in 0.0..1.0_f64, more in 0.0..0.5_f64) {
        let of = |peak: f64| system.recommend(Wish::LessMemory, &usage(peak * share, peak));
        let amount = |resized: Option<Vec<Resized>>| {
            let after = after(&system.having(), &resized.unwrap_or_default());
            catalog::total(&after).unwrap().get(MEMORY).thousandths()
        };
        // To the largest unit: in proportion, lines are whole.
        let unit = Amount::parse("64Gi").unwrap().thousandths();
        prop_assert!(amount(of(peak + more)) + unit > amount(of(peak)));
    }

    #[test]
    fn r26_6_less_data_never_makes_a_reduction_likelier(system in systems(), peak in 0.0..0.5_f64, mean in any::<bool>(), most in any::<bool>()) {
        let known = usage(peak / 2.0, peak);
        let fewer = Usage {
            memory_mean_percent: known.memory_mean_percent.clone().filter(|_| mean),
            memory_peak_percent: known.memory_peak_percent.clone().filter(|_| most),
            ..Usage::default()
        };
        let found = system.recommend(Wish::LessMemory, &fewer);
        prop_assert!(found.is_none() || (mean && most && found == system.recommend(Wish::LessMemory, &known)));
    }

    /// Five points of hysteresis at the new size are as many more of use as the new size is smaller.
    #[test]
    fn r26_1_noise_changes_no_proposal(system in systems(), peak in 0.1..0.5_f64, noise in proptest::collection::vec(-1.0..1.0_f64, 8)) {
        if let Some(first) = system.recommend(Wish::LessMemory, &usage(peak / 2.0, peak)) {
            let room = 0.048 / system.factor(&first, MEMORY);
            for step in noise {
                let peak = peak + step * room;
                let next = recommend(&rules(), Wish::LessMemory, &usage(peak / 2.0, peak), system.having(), &first);
                prop_assert_eq!(next.as_deref(), Some(first.as_slice()));
            }
        }
    }
}

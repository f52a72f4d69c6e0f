//! Article 26 in numbers: both sides of each limit, what is not known, and what never flaps.

use super::*;
use crate::core::fixtures::Story;
use jiff::ToSpan as _;
use proptest::prelude::*;
use strum::IntoEnumIterator as _;

mod evidence;
mod history;

const NAMESPACE: &str = "org-health-portal";

/// Sets one figure of a sample.
type Set = fn(&mut Sample, f64);

fn rules() -> UsageRules {
    let story = Story::of("health-portal");
    story.registry.policies.iter().find_map(|p| p.spec.usage.clone()).expect("the shipped policy judges use")
}

fn now() -> Timestamp {
    "2026-11-24T02:00:00Z".parse().unwrap()
}

/// A system that is used as one should be.
fn sample() -> Sample {
    let seen = Seen { last: Some(now()), quiet_minutes: Some(0.0) };
    Sample {
        running: Some(3.0),
        measured: true,
        memory_mean: Some(0.5),
        memory_peak: Some(0.7),
        memory_coverage: Some(1.0),
        other_quotas: Some(0.0),
        peaks: Some(0.0),
        out_of_memory: None,
        storage: Some(0.5),
        storage_coverage: Some(1.0),
        day: Day { memory_mean: Some(0.5), memory_peak: Some(0.7), memory_coverage: Some(1.0), cpu_mean: Some(0.2) },
        activity: Activity::iter().map(|activity| (activity, seen)).collect(),
    }
}

fn round(sample: Sample) -> Round {
    Round { newest: Some(now()), peak: Some(0.8), samples: [(NAMESPACE.to_owned(), sample)].into() }
}

fn subject() -> Subject<'static> {
    Subject {
        namespace: NAMESPACE,
        opened: "2026-01-01T00:00:00Z".parse().unwrap(),
        live: true,
        standby: false,
        stopped: false,
    }
}

fn judged_after(sample: Sample, subject: Subject<'_>, before: &Judgement, at: Timestamp) -> Judgement {
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    judge(&rules(), &zone, subject, &round(sample), None, before, at)
}

fn judged(sample: Sample) -> Judgement {
    judged_after(sample, subject(), &Judgement::default(), now())
}

fn holds(judgement: &Judgement, type_: &str) -> Option<bool> {
    judgement.statements.iter().find(|s| s.type_ == type_).and_then(|s| s.holds)
}

fn reason<'j>(judgement: &'j Judgement, type_: &str) -> &'j str {
    &judgement.statements.iter().find(|s| s.type_ == type_).unwrap().reason
}

#[test]
fn r26_2_any_one_of_three_makes_a_system_eligible_to_expand() {
    assert_eq!(holds(&judged(sample()), CONDITION_EXPANSION_ELIGIBLE), Some(false));
    let cases: [(&str, Set, f64, f64); 3] = [
        ("MemoryMean", |s, v| s.memory_mean = Some(v), 0.70, 0.700_1),
        ("MemoryPeaks", |s, v| s.peaks = Some(v), 2.0, 3.0),
        ("Storage", |s, v| s.storage = Some(v), 0.70, 0.700_1),
    ];
    for (why, set, not_yet, now) in cases {
        let (mut below, mut above) = (sample(), sample());
        set(&mut below, not_yet);
        set(&mut above, now);
        assert_eq!(
            holds(&judged(below), CONDITION_EXPANSION_ELIGIBLE),
            Some(false),
            "{why}: exactly so much is not above"
        );
        let judged = judged(above);
        assert_eq!(
            (holds(&judged, CONDITION_EXPANSION_ELIGIBLE), reason(&judged, CONDITION_EXPANSION_ELIGIBLE)),
            (Some(true), why)
        );
    }
}

#[test]
fn r26_2_who_is_not_eligible_is_told_how_far_it_is() {
    let judged = judged(sample());
    let message = &judged.statements.iter().find(|s| s.type_ == CONDITION_EXPANSION_ELIGIBLE).unwrap().message;
    for part in ["50.0% (above 70%", "100.0% of the week", "within an hour 0 (at least 3)", "内存周平均使用率50.0%"]
    {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn r26_2_a_mean_counts_once_enough_of_the_week_is_measured_under_one_quota() {
    let high = Sample { memory_mean: Some(0.9), ..sample() };
    let eligible = |sample| holds(&judged(sample), CONDITION_EXPANSION_ELIGIBLE);
    assert_eq!(eligible(Sample { memory_coverage: Some(0.9), ..high.clone() }), Some(true));
    assert_eq!(eligible(Sample { memory_coverage: Some(0.89), ..high.clone() }), None, "unknown is a state of its own");
    assert_eq!(eligible(Sample { memory_coverage: None, ..high.clone() }), None);
    assert_eq!(eligible(Sample { other_quotas: Some(1.0), ..high.clone() }), None, "the quota changed within the week");
    let young = Subject { opened: now().checked_sub(6.days().to_span_of_hours()).unwrap(), ..subject() };
    assert_eq!(holds(&judged_after(high, young, &Judgement::default(), now()), CONDITION_EXPANSION_ELIGIBLE), None);
}

trait Hours {
    fn to_span_of_hours(self) -> jiff::Span;
}

impl Hours for jiff::Span {
    fn to_span_of_hours(self) -> jiff::Span {
        (i64::from(self.get_days()) * 24).hours()
    }
}

#[test]
fn r26_2_peaks_counted_above_another_threshold_are_not_the_policys() {
    let peaks = Sample { peaks: Some(9.0), ..sample() };
    let zone = TimeZone::UTC;
    let other = Round { peak: Some(0.9), ..round(peaks) };
    let judged = judge(&rules(), &zone, subject(), &other, None, &Judgement::default(), now());
    assert_eq!(holds(&judged, CONDITION_EXPANSION_ELIGIBLE), None);
}

#[test]
fn r26_5_a_low_mean_and_a_low_peak_together_are_a_ground_for_a_reduction() {
    let low = |mean, peak| Sample { memory_mean: Some(mean), memory_peak: Some(peak), ..sample() };
    let reduce = |sample| holds(&judged(sample), CONDITION_REDUCTION_ELIGIBLE);
    assert_eq!(reduce(low(0.30, 0.50)), Some(true), "及以下 includes the number itself");
    assert_eq!(reduce(low(0.301, 0.50)), Some(false));
    assert_eq!(reduce(low(0.30, 0.501)), Some(false));
    assert_eq!(reduce(Sample { memory_coverage: Some(0.98), ..low(0.1, 0.1) }), None);
    assert_eq!(reduce(Sample { other_quotas: Some(1.0), ..low(0.1, 0.1) }), None);
    assert_eq!(reduce(Sample { other_quotas: None, ..low(0.1, 0.1) }), None);
    let killed = |hours: i64| Sample { out_of_memory: now().checked_sub(hours.hours()).ok(), ..low(0.1, 0.1) };
    assert_eq!(reduce(killed(167)), Some(false), "killed for want of memory within the week");
    assert_eq!(reduce(killed(169)), Some(true));
    let trial = Subject { live: false, ..subject() };
    let judged = judged_after(low(0.1, 0.1), trial, &Judgement::default(), now());
    assert_eq!(
        (holds(&judged, CONDITION_REDUCTION_ELIGIBLE), reason(&judged, CONDITION_REDUCTION_ELIGIBLE)),
        (Some(false), "NotLive")
    );
}

#[test]
fn r26_5_a_standby_is_not_idle_and_may_still_grow() {
    let standby = Subject { standby: true, ..subject() };
    let asleep = quiet(Activity::Busy, "2026-01-01T00:00:00Z");
    let judged = judged_after(asleep, standby, &Judgement::default(), now());
    for type_ in [CONDITION_REDUCTION_ELIGIBLE, CONDITION_IDLE, CONDITION_NO_BUSINESS_DATA] {
        assert_eq!((holds(&judged, type_), reason(&judged, type_)), (Some(false), "Standby"), "{type_}");
    }
    let full = Sample { memory_mean: Some(0.8), ..sample() };
    let judged = judged_after(full, standby, &Judgement::default(), now());
    assert_eq!(holds(&judged, CONDITION_EXPANSION_ELIGIBLE), Some(true));
}

/// A system that was active last at some time, and looked at ever since.
fn quiet(activity: Activity, since: &str) -> Sample {
    let last: Timestamp = since.parse().unwrap();
    let mut sample = sample();
    let minutes = now().duration_since(last).as_secs_f64() / 60.0;
    sample.activity.insert(activity, Seen { last: Some(last), quiet_minutes: Some(minutes) });
    sample
}

#[test]
fn r26_5_idle_or_stopped_for_more_than_three_months() {
    let idle = |activity, since| {
        let judged = judged(quiet(activity, since));
        (holds(&judged, CONDITION_IDLE), reason(&judged, CONDITION_IDLE).to_owned())
    };
    // In the zone of the rules 24 August was over at 16:00Z; three months on, 24 November is not over yet.
    assert_eq!(idle(Activity::Busy, "2026-08-23T15:59:59Z").0, Some(true));
    assert_eq!(idle(Activity::Busy, "2026-08-23T16:00:00Z").0, Some(false));
    assert_eq!(idle(Activity::Busy, "2026-08-01T00:00:00Z"), (Some(true), "Idle".into()));
    assert_eq!(idle(Activity::Running, "2026-08-01T00:00:00Z"), (Some(true), "Stopped".into()));
    assert_eq!(idle(Activity::Business, "2026-01-01T00:00:00Z").0, Some(false));
}

#[test]
fn r26_5_no_business_data_for_one_month() {
    let without = |since| holds(&judged(quiet(Activity::Business, since)), CONDITION_NO_BUSINESS_DATA);
    assert_eq!(without("2026-10-23T15:59:59Z"), Some(true));
    assert_eq!(without("2026-10-23T16:00:00Z"), Some(false));
}

#[test]
fn r26_6_time_in_which_nobody_looked_does_not_count() {
    let mut sample = quiet(Activity::Busy, "2026-08-01T00:00:00Z");
    let minutes = sample.activity[&Activity::Busy].quiet_minutes.unwrap();
    let with = |sample: &mut Sample, share: f64| {
        let seen = sample.activity.get_mut(&Activity::Busy).unwrap();
        seen.quiet_minutes = Some(minutes * share);
        holds(&judged(sample.clone()), CONDITION_IDLE)
    };
    assert_eq!(with(&mut sample, 0.91), Some(true));
    assert_eq!(with(&mut sample, 0.89), None);
}

#[test]
fn r26_6_the_clocks_go_on_where_the_metrics_were_lost() {
    let first = judged_after(
        quiet(Activity::Busy, "2026-08-01T00:00:00Z"),
        subject(),
        &Judgement::default(),
        "2026-10-01T00:00:00Z".parse().unwrap(),
    );
    let clock =
        |j: &Judgement| j.usage.as_ref().unwrap().clocks.iter().find(|c| c.activity == Activity::Busy).unwrap().clone();
    let counted = clock(&first).counted_minutes;
    // The server is a new one: it knows of no activity, and counts from nought.
    let mut lost = sample();
    lost.activity.insert(Activity::Busy, Seen { last: None, quiet_minutes: Some(10.0) });
    let second = judged_after(lost, subject(), &first, now());
    let (before, after) = (clock(&first), clock(&second));
    assert_eq!((after.last, after.carried_minutes, after.counted_minutes), (before.last, counted, 10));
    // A replica that is a little behind is no loss, however often it answers: nothing is counted twice.
    let of = |minutes, at: &str, before: &Judgement| {
        let mut sample = quiet(Activity::Busy, "2026-08-01T00:00:00Z");
        sample.activity.get_mut(&Activity::Busy).unwrap().quiet_minutes = Some(minutes);
        judged_after(sample, subject(), before, at.parse().unwrap())
    };
    let mut turns = of(80_000.0, "2026-10-01T00:00:00Z", &first);
    for minutes in [79_990.0, 80_000.0, 79_990.0, 80_000.0] {
        turns = of(minutes, "2026-10-01T00:01:00Z", &turns);
    }
    assert_eq!((clock(&turns).carried_minutes, clock(&turns).counted_minutes), (0, 80_000));
    // Active again, it begins anew.
    let third = judged_after(sample(), subject(), &second, now());
    assert_eq!((clock(&third).last, clock(&third).carried_minutes), (Time::new(now()), 0));
    // Not measured, it stands.
    let none = judged_after(Sample::default(), subject(), &second, now());
    assert_eq!(clock(&none), after);
}

#[test]
fn r26_6_nothing_leads_to_less_where_too_few_are_measured_or_what_is_said_is_old() {
    let rules = rules();
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"];
    let of = |count: usize, change: fn(&mut Sample)| {
        let samples = names.iter().enumerate().map(|(n, name)| {
            let mut sample = sample();
            if n < count {
                change(&mut sample);
            }
            ((*name).to_owned(), sample)
        });
        Round { newest: Some(now()), peak: Some(0.8), samples: samples.collect() }
    };
    let beats = |round: &Round, at| heartbeat(&rules, "main", round, names.into_iter(), at);
    assert_eq!(beats(&of(1, |s| s.measured = false), now()), Ok(None), "19 of 20 are 95%");
    let partial = beats(&of(2, |s| s.measured = false), now()).unwrap().unwrap();
    assert_eq!(partial.reason, "TooFewMeasured");
    assert_eq!(beats(&of(2, |s| s.running = None), now()).unwrap().unwrap().reason, "TooFewMeasured");
    assert_eq!(
        beats(&of(20, |s| *s = Sample { running: Some(0.0), ..Sample::default() }), now()),
        Ok(None),
        "all stopped is known"
    );
    let late = now().checked_add(181.seconds()).unwrap();
    assert_eq!(beats(&of(0, |_| ()), late).unwrap_err().reason, "Stale");
    let empty = Round { newest: Some(now()), ..Round::default() };
    assert_eq!(beats(&empty, now()).unwrap().unwrap().reason, "TooFewMeasured", "another cluster's");
    assert_eq!(beats(&Round::default(), now()).unwrap_err().reason, "Stale", "empty");
    // What such a round finds.
    let low =
        Sample { memory_mean: Some(0.1), memory_peak: Some(0.1), ..quiet(Activity::Busy, "2026-01-01T00:00:00Z") };
    let zone = TimeZone::UTC;
    let judged = judge(&rules, &zone, subject(), &round(low), Some(&partial), &Judgement::default(), now());
    for type_ in [CONDITION_REDUCTION_ELIGIBLE, CONDITION_IDLE, CONDITION_NO_BUSINESS_DATA] {
        assert_eq!((holds(&judged, type_), reason(&judged, type_)), (None, "TooFewMeasured"), "{type_}");
    }
    let high = Sample { memory_mean: Some(0.9), ..sample() };
    let judged = judge(&rules, &zone, subject(), &round(high), Some(&partial), &Judgement::default(), now());
    assert_eq!(holds(&judged, CONDITION_EXPANSION_ELIGIBLE), Some(true), "who needs more is not made to wait");
}

#[test]
fn r26_6_unknown_use_is_said_and_keeps_the_clocks() {
    let before = judged(quiet(Activity::Busy, "2026-08-01T00:00:00Z"));
    let why = Unknown::failed("main", "Unreachable", "no answer within 10 s");
    let after = unknown(&why, &before);
    assert_eq!(
        (holds(&after, CONDITION_USAGE_KNOWN), reason(&after, CONDITION_USAGE_KNOWN)),
        (Some(false), "Unreachable")
    );
    assert_eq!(holds(&after, CONDITION_IDLE), None);
    assert_eq!((&after.usage, &after.history), (&before.usage, &before.history));
    assert!(before.history.is_some());
    let nowhere = unknown(&Unknown::no_endpoint("main"), &Judgement::default());
    assert_eq!(nowhere.statements.len(), 1, "never judged, and said so");
}

fn maybe(share: std::ops::Range<f64>) -> impl Strategy<Value = Option<f64>> {
    proptest::option::of(share)
}

prop_compose! {
    fn any_sample()(
        measured in any::<bool>(),
        running in maybe(0.0..3.0),
        memory_mean in maybe(0.0..1.0),
        memory_peak in maybe(0.0..1.0),
        memory_coverage in maybe(0.8..1.0),
        other_quotas in proptest::option::of(prop_oneof![Just(0.0), Just(1.0)]),
        storage in maybe(0.0..1.0),
        days in proptest::option::of(0_i64..200),
        looked in maybe(0.8..1.0),
    ) -> Sample {
        let last = days.and_then(|days| now().checked_sub((days * 24).hours()).ok());
        #[expect(clippy::cast_precision_loss, reason = "some hundred days")]
        let quiet_minutes = looked.map(|share| share * days.unwrap_or(200) as f64 * 1440.0);
        let seen = Seen { last, quiet_minutes };
        Sample {
            measured, running, memory_mean, memory_peak, memory_coverage, other_quotas, storage,
            peaks: Some(0.0), out_of_memory: None, storage_coverage: Some(1.0), day: Day::default(),
            activity: Activity::iter().map(|activity| (activity, seen)).collect(),
        }
    }
}

const LESS: [&str; 3] = [CONDITION_REDUCTION_ELIGIBLE, CONDITION_IDLE, CONDITION_NO_BUSINESS_DATA];

proptest! {
    /// Whatever is taken from what is known, nothing is found too much that was not before.
    #[test]
    fn r26_6_less_data_never_makes_a_reduction_more_likely(full in any_sample(), what in 0_usize..8) {
        let mut less = full.clone();
        match what {
            0 => less.measured = false,
            1 => less.running = None,
            2 => less.memory_mean = None,
            3 => less.memory_peak = None,
            4 => less.memory_coverage = less.memory_coverage.map(|share| share * 0.9),
            5 => less.other_quotas = None,
            6 => less.activity.clear(),
            _ => less.activity.values_mut().for_each(|seen| seen.quiet_minutes = seen.quiet_minutes.map(|m| m * 0.9)),
        }
        let (full, less) = (judged(full), judged(less));
        for type_ in LESS {
            prop_assert!(holds(&less, type_) != Some(true) || holds(&full, type_) == Some(true), "{}", type_);
        }
    }

    /// Noise of less than the hysteresis around a limit turns a finding once.
    #[test]
    fn r26_1_findings_do_not_flap_on_noise(noise in proptest::collection::vec(-0.024_f64..0.024, 2..40)) {
        let around: [(&str, Set, f64); 3] = [
            (CONDITION_EXPANSION_ELIGIBLE, |s, v| s.memory_mean = Some(v), 0.70),
            (CONDITION_EXPANSION_ELIGIBLE, |s, v| s.storage = Some(v), 0.70),
            (CONDITION_REDUCTION_ELIGIBLE, |s, v| { s.memory_mean = Some(v); s.memory_peak = Some(v); }, 0.30),
        ];
        for (type_, set, limit) in around {
            let (mut before, mut turns) = (Judgement::default(), 0);
            for noise in &noise {
                let mut sample = sample();
                set(&mut sample, limit + noise);
                let next = judged_after(sample, subject(), &before, now());
                turns += usize::from(before.usage.is_some() && holds(&next, type_) != holds(&before, type_));
                before = next;
            }
            prop_assert!(turns <= 1, "{type_} turned {turns} times");
        }
    }
}

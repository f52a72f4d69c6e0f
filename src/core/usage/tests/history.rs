//! Days and months: each day once, whatever happens between, and longer than metrics are kept.

use super::*;
use crate::api::InformationSystemStatus;
use crate::api::usage::{Month, Percent, UsageHistory};
use crate::core::usage::history::{DAYS, MONTHS, last_days, tenths};

fn zone() -> TimeZone {
    TimeZone::get("Asia/Shanghai").unwrap()
}

fn of_day(mean: f64) -> Sample {
    let day = Day { memory_mean: Some(mean), memory_peak: Some(mean + 0.1), ..sample().day };
    Sample { day, ..sample() }
}

fn after(hours: i64) -> Timestamp {
    now().checked_add(hours.hours()).unwrap()
}

/// Judges as rounds do, at so many hours from now, by what was said before.
fn rounds(judgement: Judgement, looks: impl IntoIterator<Item = (i64, Sample)>) -> Judgement {
    looks.into_iter().fold(judgement, |before, (hours, sample)| judged_after(sample, subject(), &before, after(hours)))
}

fn history(judgement: &Judgement) -> &UsageHistory {
    judgement.history.as_ref().unwrap()
}

fn days(judgement: &Judgement) -> i64 {
    judgement.history.iter().flat_map(|history| &history.months).map(|month| month.days).sum()
}

/// What a round after a restart begins with.
fn restarted(judgement: &Judgement) -> Judgement {
    let status = InformationSystemStatus {
        usage: judgement.usage.clone(),
        usage_history: judgement.history.clone(),
        ..InformationSystemStatus::default()
    };
    let text = serde_json::to_string(&status).unwrap();
    said_by(&serde_json::from_str::<InformationSystemStatus>(&text).unwrap())
}

#[test]
fn r27_1_a_months_mean_is_that_of_its_days() {
    let storage = |share| Sample { storage: Some(share), ..of_day(0.40) };
    let no_cpu = |mut sample: Sample| {
        sample.day.cpu_mean = None;
        sample
    };
    let looks = [(0, of_day(0.301)), (24, storage(0.61)), (48, no_cpu(of_day(0.605)))];
    let judged = rounds(Judgement::default(), looks);
    let [month] = history(&judged).months.as_slice() else { panic!("one month") };
    assert_eq!((&month.month, month.days), (&Month("2026-11".into()), 3));
    assert_eq!(month.memory_percent_days, Percent("130.6".into()), "30.1 + 40.0 + 60.5");
    assert_eq!(month.memory_mean(), Some(Percent("43.5".into())), "43.53");
    assert_eq!(month.memory_peak_percent, Some(Percent("70.5".into())));
    assert_eq!(
        (month.cpu_days, month.cpu_mean()),
        (2, Some(Percent("20.0".into()))),
        "CPU of two days is not of three"
    );
    assert_eq!(month.storage_percent, Some(Percent("61.0".into())));
}

#[test]
fn r27_1_a_day_counts_once_however_often_it_is_looked_at() {
    let first = judged(of_day(0.5));
    assert_eq!(days(&first), 1);
    // Again in the same minute, an hour later, and just before the day is over.
    let again = rounds(first.clone(), [(0, of_day(0.9)), (1, of_day(0.9)), (23, of_day(0.9))]);
    assert_eq!(history(&again), history(&first));
    // The operator ends and another begins by the status; it was written before, or it was not.
    assert_eq!(days(&rounds(restarted(&first), [(0, of_day(0.9)), (12, of_day(0.9))])), 1);
    assert_eq!(days(&rounds(restarted(&again), [(24, of_day(0.9)), (24, of_day(0.9)), (25, of_day(0.9))])), 2);
    // A clock that is behind takes nothing again.
    assert_eq!(days(&rounds(again, [(-48, of_day(0.9))])), 1);
}

#[test]
fn r27_1_a_day_that_was_taken_is_written_and_rounds_between_are_not() {
    let first = judged(of_day(0.5));
    let same = rounds(first.clone(), [(23, of_day(0.9))]);
    assert!(first.says_the_same(&same), "nothing to write");
    assert!(!first.says_the_same(&rounds(same, [(24, of_day(0.9))])), "a day more");
}

#[test]
fn r27_1_a_day_that_is_not_known_adds_nothing() {
    let with = |set: fn(&mut Day)| {
        let mut sample = of_day(0.5);
        set(&mut sample.day);
        days(&judged(sample))
    };
    assert_eq!(with(|day| day.memory_coverage = Some(0.5)), 1, "half of it is enough");
    assert_eq!(with(|day| day.memory_coverage = Some(0.49)), 0);
    assert_eq!(with(|day| day.memory_coverage = None), 0);
    assert_eq!(with(|day| day.memory_mean = None), 0);
    // It does not push the next one out either: half a day later enough is measured.
    let late = rounds(judged(of_day(0.5)), [(24, Sample::default()), (36, of_day(0.4))]);
    assert_eq!(days(&late), 2);
    let seldom = Sample { storage_coverage: Some(0.4), ..of_day(0.5) };
    assert_eq!(history(&judged(seldom)).months[0].storage_percent, None);
}

#[test]
fn r27_1_whoever_loses_the_endpoint_keeps_the_months() {
    let before = judged(of_day(0.5));
    let why = Unknown::failed("main", "Unreachable", "no answer within 10 s");
    let lost = unknown(&why, &before);
    assert_eq!(lost.history, before.history);
    assert_eq!(unknown(&Unknown::no_endpoint("main"), &restarted(&lost)).history, before.history);
    // The metrics of this namespace alone.
    assert_eq!(rounds(lost, [(48, Sample::default())]).history, before.history);
}

#[test]
fn r27_1_a_day_belongs_to_the_month_in_which_most_of_it_lies() {
    let month = |at: &str| {
        let judged = judged_after(of_day(0.5), subject(), &Judgement::default(), at.parse().unwrap());
        (history(&judged).months[0].month.0.clone(), history(&judged).recent[0].day.to_string())
    };
    // December begins in the zone of the rules at 16:00Z.
    assert_eq!(month("2026-11-30T16:00:00Z"), ("2026-11".into(), "2026-11-30".into()));
    assert_eq!(month("2026-12-01T03:59:59Z"), ("2026-11".into(), "2026-11-30".into()));
    assert_eq!(month("2026-12-01T04:00:00Z"), ("2026-12".into(), "2026-12-01".into()));
}

#[test]
fn r27_1_a_year_and_the_month_that_runs_are_kept_and_a_fortnight_of_days_with_its_gaps() {
    let two_years = (0..730).filter(|day| *day != 725).map(|day| (day * 24, of_day(0.5)));
    let judged = rounds(Judgement::default(), two_years);
    let kept = history(&judged);
    assert_eq!((kept.months.len(), kept.recent.len()), (MONTHS, DAYS - 1));
    let newest = kept.months.last().unwrap();
    assert_eq!((newest.month.0.as_str(), newest.days), ("2028-11", 20), "21 have passed");
    assert_eq!((kept.months[1].month.0.as_str(), kept.months[1].days), ("2027-12", 31));
    let shown = last_days(kept, &zone(), after(729 * 24 + 23));
    let gaps: Vec<usize> = shown.iter().enumerate().filter(|(_, day)| day.is_none()).map(|(n, _)| n).collect();
    assert_eq!((shown.len(), gaps), (DAYS, vec![9]), "four days ago");
    // A look that never came is a gap at the end.
    let late = last_days(kept, &zone(), after(729 * 24 + 48));
    assert!(late.last().unwrap().is_none() && late[..DAYS - 1].iter().filter(|day| day.is_none()).count() == 1);
}

proptest! {
    /// Whatever rounds come in whatever order, with restarts between: no hour is in two days, none that is not known counts,
    /// and a mean lies between the lowest and the highest of what was taken.
    #[test]
    fn r27_1_no_day_counts_twice_and_a_mean_is_between_lowest_and_highest(
        looks in proptest::collection::vec((0_i64..2_000, 0.0..1.2_f64, maybe(0.0..1.0), any::<bool>()), 1..80),
    ) {
        let mut judgement = Judgement::default();
        let mut taken: Vec<(Timestamp, i64)> = Vec::new();
        for (hours, mean, coverage, restart) in looks {
            let mut sample = of_day(mean);
            sample.day.memory_coverage = coverage;
            let next = judged_after(sample, subject(), &judgement, after(hours));
            if days(&next) > days(&judgement) {
                prop_assert!(coverage.is_some_and(|share| share >= 0.5));
                prop_assert_eq!(days(&next), days(&judgement) + 1);
                taken.push((after(hours), tenths(&percent(mean))));
            } else {
                prop_assert_eq!(&next.history, &judgement.history);
            }
            judgement = if restart { restarted(&next) } else { next };
        }
        for pair in taken.windows(2) {
            prop_assert!(pair[1].0.duration_since(pair[0].0) >= SignedDuration::from_hours(24));
        }
        let months = judgement.history.iter().flat_map(|history| &history.months);
        for month in months {
            let of_month = taken.iter().filter(|(at, _)| {
                let half = at.checked_sub(12.hours()).unwrap();
                half.to_zoned(zone()).strftime("%Y-%m").to_string() == month.month.0
            });
            let means: Vec<i64> = of_month.map(|(_, mean)| *mean).collect();
            prop_assert_eq!(month.days, i64::try_from(means.len()).unwrap());
            prop_assert_eq!(tenths(&month.memory_percent_days), means.iter().sum::<i64>());
            let mean = tenths(&month.memory_mean().unwrap());
            prop_assert!(means.iter().min().unwrap() <= &mean && &mean <= means.iter().max().unwrap());
            prop_assert!(tenths(month.memory_peak_percent.as_ref().unwrap()) >= mean);
        }
    }
}

//! What a system used, day by day and month by month (article 27): longer than metrics are kept, and beyond the loss of them.

use super::{Sample, percent};
use crate::api::common::Time;
use crate::api::usage::{DayUse, Month, MonthUse, Percent, UsageHistory};
use crate::core::calendar;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// What one look finds is about so long, so the next is no earlier: no minute is in two days.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// A day is the one in which most of those hours lie.
const HALF: SignedDuration = SignedDuration::from_hours(12);
/// A day counts once this share of it was measured. Not the share that the rules ask for before anything follows: nothing
/// does from a table, which says how many days it knows.
const ENOUGH: f64 = 0.5;
/// Months that are kept: a year, and the month that runs.
pub const MONTHS: usize = 13;
/// Days that are kept.
pub const DAYS: usize = 14;

/// The history with the day that has passed, where that is to be taken: once, however often it is looked at.
pub(super) fn folded(
    before: Option<&UsageHistory>,
    sample: &Sample,
    zone: &TimeZone,
    now: Timestamp,
) -> Option<UsageHistory> {
    let due = before.is_none_or(|history| now.duration_since(history.taken.timestamp()) >= DAY);
    let measured = sample.day.memory_coverage.is_some_and(|share| share >= ENOUGH);
    let Some(mean) = sample.day.memory_mean.filter(|_| due && measured).map(percent) else { return before.cloned() };
    let day = newest_day(now, zone);
    let mut history = before.cloned().unwrap_or_default();
    history.taken = Time::new(now);
    month_of(&mut history.months, &month(day)).add(&mean, sample);
    let first = history.months.len().saturating_sub(MONTHS);
    history.months.drain(..first);
    history.recent.retain(|old| old.day < day && days_between(old.day, day) < DAYS);
    history.recent.push(DayUse { day, memory_percent: mean });
    Some(history)
}

/// The day that a look at this moment is about.
fn newest_day(now: Timestamp, zone: &TimeZone) -> Date {
    calendar::date_in(now.checked_sub(HALF).unwrap_or(now), zone)
}

/// The month of a day.
#[must_use]
pub fn month(day: Date) -> Month {
    Month(day.strftime("%Y-%m").to_string())
}

/// Its entry, made where it belongs.
fn month_of<'m>(months: &'m mut Vec<MonthUse>, month: &Month) -> &'m mut MonthUse {
    let at = months.partition_point(|entry| entry.month < *month);
    if months.get(at).is_none_or(|entry| entry.month != *month) {
        months.insert(at, MonthUse { month: month.clone(), ..MonthUse::default() });
    }
    &mut months[at]
}

impl MonthUse {
    fn add(&mut self, mean: &Percent, sample: &Sample) {
        self.days = self.days.saturating_add(1);
        self.memory_percent_days = sum(&self.memory_percent_days, mean);
        // The mean is one of its minutes, and so no higher than the highest.
        let peak = sample.day.memory_peak.map(percent).map_or_else(|| mean.clone(), |peak| higher(mean, &peak));
        self.memory_peak_percent = Some(highest(self.memory_peak_percent.as_ref(), &peak));
        if let Some(cpu) = sample.day.cpu_mean {
            self.cpu_days = self.cpu_days.saturating_add(1);
            self.cpu_percent_days = sum(&self.cpu_percent_days, &percent(cpu));
        }
        if let Some(storage) = sample.measured_storage() {
            self.storage_percent = Some(highest(self.storage_percent.as_ref(), &percent(storage)));
        }
    }

    /// Mean of its memory use.
    #[must_use]
    pub fn memory_mean(&self) -> Option<Percent> {
        mean(&self.memory_percent_days, self.days)
    }

    /// Mean of its CPU use.
    #[must_use]
    pub fn cpu_mean(&self) -> Option<Percent> {
        mean(&self.cpu_percent_days, self.cpu_days)
    }
}

/// The last days up to now, oldest first; nothing where a day was not measured.
#[must_use]
pub fn last_days(history: &UsageHistory, zone: &TimeZone, now: Timestamp) -> Vec<Option<Percent>> {
    // The day before is due for a day more.
    let passed = newest_day(now.checked_sub(DAY).unwrap_or(now), zone);
    let newest = history.recent.iter().map(|entry| entry.day).max().map_or(passed, |day| day.max(passed));
    let of = |back: usize| {
        history.recent.iter().find(|entry| entry.day <= newest && days_between(entry.day, newest) == back)
    };
    (0..DAYS).rev().map(|back| of(back).map(|entry| entry.memory_percent.clone())).collect()
}

fn days_between(from: Date, to: Date) -> usize {
    from.until(to).ok().and_then(|span| usize::try_from(span.get_days()).ok()).unwrap_or(usize::MAX)
}

fn sum(one: &Percent, other: &Percent) -> Percent {
    of_tenths(tenths(one).saturating_add(tenths(other)))
}

fn highest(before: Option<&Percent>, value: &Percent) -> Percent {
    before.map_or_else(|| value.clone(), |before| higher(before, value))
}

fn higher(one: &Percent, other: &Percent) -> Percent {
    of_tenths(tenths(one).max(tenths(other)))
}

/// Rounded to a tenth, halves up.
fn mean(sum: &Percent, days: i64) -> Option<Percent> {
    (days > 0).then(|| of_tenths((tenths(sum).saturating_mul(2).saturating_add(days)) / days.saturating_mul(2).max(1)))
}

/// Tenths of a percent, as a percentage with one digit says it. The CRD lets in no other text, and no more digits than fit.
#[must_use]
pub fn tenths(percent: &Percent) -> i64 {
    let (whole, tenth) = percent.0.split_once('.').unwrap_or((&percent.0, "0"));
    format!("{whole}{tenth}").parse().unwrap_or_default()
}

/// The percentage of so many tenths.
fn of_tenths(tenths: i64) -> Percent {
    Percent(format!("{}.{}", tenths / 10, tenths % 10))
}

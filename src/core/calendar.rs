//! Working days and months. A year without a calendar is unknown, never guessed: not even a Sunday of it, since
//! make-up working days fall on Sundays.

use crate::api::work_calendar::WorkCalendarSpec;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _};
use std::collections::{BTreeMap, BTreeSet};

/// The calendar of a year is missing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "the WorkCalendar of {0} is missing, so working days of that year cannot be counted: the authority publishes it as a WorkCalendar (缺少{0}年工作日历)"
)]
pub struct UnknownYear(pub i32);

/// The calendars of one region.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkCalendars(BTreeMap<i32, Year>);

#[derive(Clone, Debug, Default, PartialEq)]
struct Year {
    off: BTreeSet<Date>,
    worked: BTreeSet<Date>,
}

impl WorkCalendars {
    /// The calendars of these years; the last of several of one year counts.
    pub fn new<'a>(years: impl IntoIterator<Item = &'a WorkCalendarSpec>) -> Self {
        Self(years.into_iter().map(|spec| (spec.year, Year::new(spec))).collect())
    }

    /// Whether work is done on a day.
    ///
    /// # Errors
    /// When the calendar of its year is missing.
    pub fn is_work_day(&self, day: Date) -> Result<bool, UnknownYear> {
        let year = i32::from(day.year());
        let calendar = self.0.get(&year).ok_or(UnknownYear(year))?;
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        Ok(calendar.worked.contains(&day) || (!weekend && !calendar.off.contains(&day)))
    }

    /// The `n`th working day after `from`, the day itself not counted (Civil Code, article 201).
    ///
    /// # Errors
    /// When the calendar of a year that is touched is missing.
    pub fn add_work_days(&self, from: Date, n: u32) -> Result<Date, UnknownYear> {
        self.step(from, n, 1.day())
    }

    /// The `n`th working day before `until`, the day itself not counted.
    ///
    /// # Errors
    /// When the calendar of a year that is touched is missing.
    pub fn sub_work_days(&self, until: Date, n: u32) -> Result<Date, UnknownYear> {
        self.step(until, n, -1.day())
    }

    /// The end of the `n`th working day after `since`, in the zone in which days begin and end.
    ///
    /// # Errors
    /// When the calendar of a year that is touched is missing.
    pub fn due_at(&self, since: Timestamp, n: u32, zone: &TimeZone) -> Result<Timestamp, UnknownYear> {
        let day = self.add_work_days(date_in(since, zone), n)?;
        let out_of_range = UnknownYear(i32::from(day.year()));
        let next = day.tomorrow().map_err(|_| out_of_range)?;
        next.to_zoned(zone.clone()).map(|midnight| midnight.timestamp()).map_err(|_| out_of_range)
    }

    fn step(&self, from: Date, n: u32, by: Span) -> Result<Date, UnknownYear> {
        let mut day = from;
        let mut left = n;
        while left > 0 {
            day = day.checked_add(by).map_err(|_| UnknownYear(i32::from(day.year())))?;
            if self.is_work_day(day)? {
                left -= 1;
            }
        }
        Ok(day)
    }
}

impl Year {
    fn new(spec: &WorkCalendarSpec) -> Self {
        let off = spec.holidays.iter().flat_map(|h| h.from.series(1.day()).take_while(|day| *day <= h.to)).collect();
        Self { off, worked: spec.make_up_days.iter().copied().collect() }
    }
}

/// The same day so many months later, or that month's last day (Civil Code, article 202).
#[must_use]
pub fn add_months(day: Date, months: i32) -> Option<Date> {
    day.checked_add(months.months()).ok()
}

/// The day on which a moment falls in a zone.
#[must_use]
pub fn date_in(at: Timestamp, zone: &TimeZone) -> Date {
    at.to_zoned(zone.clone()).date()
}

/// The zone of this IANA name.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::work_calendar::Holiday;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn shipped() -> WorkCalendars {
        let years: Vec<WorkCalendarSpec> = [2024, 2025, 2026]
            .map(|year| {
                let path = format!("{}/config/calendars/cn-{year}.yaml", env!("CARGO_MANIFEST_DIR"));
                let text = std::fs::read_to_string(&path).unwrap();
                serde_saphyr::from_str::<crate::api::WorkCalendar>(&text).unwrap().spec
            })
            .into();
        WorkCalendars::new(&years)
    }

    #[test]
    fn make_up_days_are_worked_and_holidays_are_not() {
        let cn = shipped();
        assert_eq!(cn.is_work_day(date(2024, 2, 4)), Ok(true), "a Sunday that is worked");
        assert_eq!(cn.is_work_day(date(2025, 10, 8)), Ok(false), "a Wednesday of the long holiday");
        assert_eq!(cn.is_work_day(date(2025, 10, 11)), Ok(true), "a Saturday that is worked");
        assert_eq!(cn.is_work_day(date(2026, 1, 3)), Ok(false));
        assert_eq!(cn.is_work_day(date(2026, 1, 4)), Ok(true), "a Sunday that is worked");
    }

    #[test]
    fn every_day_agrees_with_an_independent_source() {
        let cn = shipped();
        for year in 2024..=2026 {
            for day in date(year, 1, 1).series(1.day()).take_while(|d| d.year() == year && *d <= date(2026, 12, 25)) {
                assert_eq!(cn.is_work_day(day), Ok(published(day)), "{day}");
            }
        }
    }

    fn published(day: Date) -> bool {
        let (year, month, of_month) = (day.year(), day.month(), day.day());
        let day = (year.cast_unsigned(), month.cast_unsigned(), of_month.cast_unsigned());
        chinese_holiday::chinese_holiday(day).is_workday()
    }

    #[test]
    fn a_missing_year_is_unknown_even_on_a_sunday() {
        assert_eq!(shipped().is_work_day(date(2027, 1, 3)), Err(UnknownYear(2027)));
        assert_eq!(shipped().add_work_days(date(2026, 12, 30), 5), Err(UnknownYear(2027)));
        assert_eq!(shipped().sub_work_days(date(2024, 1, 2), 1), Err(UnknownYear(2023)));
    }

    #[test]
    fn the_day_of_filing_is_not_counted() {
        assert_eq!(shipped().add_work_days(date(2026, 11, 24), 1), Ok(date(2026, 11, 25)));
        assert_eq!(shipped().add_work_days(date(2026, 9, 30), 1), Ok(date(2026, 10, 8)));
    }

    #[test]
    fn due_at_the_end_of_the_day_in_the_policys_zone() {
        let zone = zone("Asia/Shanghai").unwrap();
        let late = "2026-11-24T17:00:00Z".parse().unwrap(); // 01:00 on the 25th in Shanghai
        let due = shipped().due_at(late, 1, &zone).unwrap();
        assert_eq!(due.to_string(), "2026-11-26T16:00:00Z");
    }

    #[test]
    fn months_end_on_the_same_day_or_the_last() {
        assert_eq!(add_months(date(2025, 11, 30), 3), Some(date(2026, 2, 28)));
        assert_eq!(add_months(date(2023, 11, 30), 3), Some(date(2024, 2, 29)));
        assert_eq!(add_months(date(2026, 1, 31), 1), Some(date(2026, 2, 28)));
        assert_eq!(add_months(date(2026, 5, 15), 3), Some(date(2026, 8, 15)));
    }

    proptest! {
        #[test]
        fn counting_agrees_with_brute_force(start in 0..1000_i32, n in 0..60_u32, off in prop::collection::btree_set(0..365_i32, 0..30)) {
            let first = date(2025, 1, 1);
            let holidays = off.iter().map(|d| first.checked_add(d.days()).unwrap()).map(|d| Holiday { from: d, to: d, ..Holiday::default() });
            let specs = [2024, 2025, 2026, 2027, 2028].map(|year| WorkCalendarSpec {
                year,
                holidays: if year == 2025 { holidays.clone().collect() } else { vec![] },
                ..WorkCalendarSpec::default()
            });
            let calendars = WorkCalendars::new(&specs);
            let from = first.checked_add(start.days()).unwrap();
            let to = calendars.add_work_days(from, n).unwrap();
            let between = from.series(1.day()).skip(1).take_while(|d| *d <= to).filter(|d| calendars.is_work_day(*d).unwrap()).count();
            prop_assert_eq!(between, n as usize);
            prop_assert!(n == 0 || calendars.is_work_day(to).unwrap());
        }
    }
}

//! Working days and months. A year without a calendar is unknown, never guessed: not even a Sunday of it, since
//! make-up working days fall on Sundays.

use super::registry::Named;
use super::text::Text;
use crate::api::work_calendar::WorkCalendarSpec;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _};
use std::collections::{BTreeMap, BTreeSet};

/// Why the working days of a year cannot be counted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}", self.text())]
pub enum UnknownYear {
    /// It has no calendar.
    Missing(i32),
    /// It has several that differ.
    Conflicting {
        /// The year.
        year: i32,
        /// The calendars, by name.
        names: Vec<String>,
    },
}

impl UnknownYear {
    /// Why, and what to do.
    #[must_use]
    pub fn text(&self) -> Text {
        match self {
            Self::Missing(year) => Text::new(
                format!("there is no WorkCalendar for {year}: the authority publishes it"),
                format!("缺少{year}年工作日历，请主管部门发布"),
            ),
            Self::Conflicting { year, names } => Text::new(
                format!(
                    "WorkCalendars {} of {year} name different days: the authority corrects them, or deletes all but one",
                    names.join(", ")
                ),
                format!("{year}年有多份工作日历且日期不一致，请主管部门更正或只保留一份"),
            ),
        }
    }
}

/// The calendars of one region.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkCalendars(BTreeMap<i32, Year>);

/// A year, and the calendars that say so.
#[derive(Clone, Debug, Default, PartialEq)]
struct Year {
    days: Days,
    names: Vec<String>,
    differ: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Days {
    off: BTreeSet<Date>,
    worked: BTreeSet<Date>,
}

impl WorkCalendars {
    /// The calendars of these years. Several of one year count as one while they name the same days; where they differ,
    /// none counts.
    pub fn new<'a>(calendars: impl IntoIterator<Item = &'a Named<WorkCalendarSpec>>) -> Self {
        let mut years: BTreeMap<i32, Year> = BTreeMap::new();
        for calendar in calendars {
            let days = Days::new(&calendar.spec);
            let year =
                years.entry(calendar.spec.year).or_insert_with(|| Year { days: days.clone(), ..Year::default() });
            year.differ |= year.days != days;
            year.names.push(calendar.name.clone());
        }
        Self(years)
    }

    /// Whether work is done on a day.
    ///
    /// # Errors
    /// When the calendar of its year is missing, or several contradict each other.
    pub fn is_work_day(&self, day: Date) -> Result<bool, UnknownYear> {
        let year = i32::from(day.year());
        let Year { days, names, differ } = self.0.get(&year).ok_or(UnknownYear::Missing(year))?;
        if *differ {
            return Err(UnknownYear::Conflicting { year, names: names.clone() });
        }
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        Ok(days.worked.contains(&day) || (!weekend && !days.off.contains(&day)))
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
        let out_of_range = || UnknownYear::Missing(i32::from(day.year()));
        let next = day.tomorrow().map_err(|_| out_of_range())?;
        next.to_zoned(zone.clone()).map(|midnight| midnight.timestamp()).map_err(|_| out_of_range())
    }

    fn step(&self, from: Date, n: u32, by: Span) -> Result<Date, UnknownYear> {
        let mut day = from;
        let mut left = n;
        while left > 0 {
            day = day.checked_add(by).map_err(|_| UnknownYear::Missing(i32::from(day.year())))?;
            if self.is_work_day(day)? {
                left -= 1;
            }
        }
        Ok(day)
    }
}

impl Days {
    fn new(spec: &WorkCalendarSpec) -> Self {
        let off = spec.holidays.iter().flat_map(|h| h.from.series(1.day()).take_while(|day| *day <= h.to)).collect();
        Self { off, worked: spec.make_up_days.iter().copied().collect() }
    }
}

/// The same day so many months later, or that month's last day (Civil Code, article 202).
#[must_use]
pub fn add_months(day: Date, months: i32) -> Option<Date> {
    day.checked_add(Span::new().try_months(months).ok()?).ok()
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
        WorkCalendars::new(&[2024, 2025, 2026].map(published_in))
    }

    fn published_in(year: i32) -> Named<WorkCalendarSpec> {
        let path = format!("{}/config/calendars/cn-{year}.yaml", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap();
        named(&format!("cn-{year}"), serde_saphyr::from_str::<crate::api::WorkCalendar>(&text).unwrap().spec)
    }

    fn named(name: &str, spec: WorkCalendarSpec) -> Named<WorkCalendarSpec> {
        Named { name: name.to_owned(), uid: name.to_owned(), spec, ..Named::default() }
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
        assert_eq!(shipped().is_work_day(date(2027, 1, 3)), Err(UnknownYear::Missing(2027)));
        assert_eq!(shipped().add_work_days(date(2026, 12, 30), 5), Err(UnknownYear::Missing(2027)));
        assert_eq!(shipped().sub_work_days(date(2024, 1, 2), 1), Err(UnknownYear::Missing(2023)));
    }

    #[test]
    fn calendars_of_one_year_that_differ_count_for_nothing_in_whatever_order_they_come() {
        let mut other = published_in(2026);
        other.name = "another".into();
        let saturday = date(2026, 11, 28);
        let same = WorkCalendars::new(&[published_in(2026), other.clone()]);
        assert_eq!(same.is_work_day(saturday), Ok(false), "two that name the same days surprise nobody");
        other.spec.make_up_days.push(saturday);
        let both = [published_in(2026), other, published_in(2025)];
        for calendars in [WorkCalendars::new(&both), WorkCalendars::new(both.iter().rev())] {
            for day in [saturday, date(2026, 3, 2)] {
                let Err(UnknownYear::Conflicting { year: 2026, mut names }) = calendars.is_work_day(day) else {
                    panic!("{day} is known")
                };
                names.sort();
                assert_eq!(names, ["another", "cn-2026"]);
            }
            assert_eq!(calendars.is_work_day(date(2025, 10, 11)), Ok(true), "other years go on");
            assert!(calendars.add_work_days(date(2025, 12, 30), 1).is_ok());
            assert!(calendars.add_work_days(date(2025, 12, 30), 2).is_err());
        }
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
        assert_eq!(add_months(date(2026, 5, 15), i32::MAX), None, "beyond all calendars");
    }

    proptest! {
        #[test]
        fn counting_agrees_with_brute_force(start in 0..1000_i32, n in 0..60_u32, off in prop::collection::btree_set(0..365_i32, 0..30)) {
            let first = date(2025, 1, 1);
            let holidays = off.iter().map(|d| first.checked_add(d.days()).unwrap()).map(|d| Holiday { from: d, to: d, ..Holiday::default() });
            let specs = [2024, 2025, 2026, 2027, 2028].map(|year| named("", WorkCalendarSpec {
                year,
                holidays: if year == 2025 { holidays.clone().collect() } else { vec![] },
                ..WorkCalendarSpec::default()
            }));
            let calendars = WorkCalendars::new(&specs);
            let from = first.checked_add(start.days()).unwrap();
            let to = calendars.add_work_days(from, n).unwrap();
            let between = from.series(1.day()).skip(1).take_while(|d| *d <= to).filter(|d| calendars.is_work_day(*d).unwrap()).count();
            prop_assert_eq!(between, n as usize);
            prop_assert!(n == 0 || calendars.is_work_day(to).unwrap());
        }
    }
}

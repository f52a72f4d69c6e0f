//! Windows in time: how long one may be, and until when its extension can be filed (article 22). The day on which
//! something begins is not counted; months end on the same day, or on the month's last (Civil Code, articles 201, 202).

use crate::core::calendar::{UnknownYear, WorkCalendars, add_months, date_in};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// The last day of a window that begins at `from` and lasts so many months.
#[must_use]
pub fn last_day(from: Timestamp, months: i32, zone: &TimeZone) -> Option<Date> {
    add_months(date_in(from, zone), months)
}

/// Whether a window lasts longer than so many months: into the day after the last one.
#[must_use]
pub fn is_longer(from: Timestamp, until: Timestamp, months: i32, zone: &TimeZone) -> bool {
    last_day(from, months, zone).is_none_or(|last| ends_on(until, zone) > last)
}

/// The day on which a window ends: that of its last moment.
#[must_use]
pub fn ends_on(until: Timestamp, zone: &TimeZone) -> Date {
    date_in(until.checked_sub(1.second()).unwrap_or(until), zone)
}

/// The last day on which an extension can be filed: so many working days before the end.
///
/// # Errors
/// When the calendar of a year that is touched is missing, or several contradict each other.
pub fn file_by(
    until: Timestamp,
    work_days: u32,
    calendars: &WorkCalendars,
    zone: &TimeZone,
) -> Result<Date, UnknownYear> {
    calendars.sub_work_days(ends_on(until, zone), work_days)
}

#[cfg(test)]
mod tests;

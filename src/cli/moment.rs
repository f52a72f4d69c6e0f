//! Moments as a person reads them, in the time zone of the rules or of the reader.

use super::lang::Lang;
use super::words;
use crate::api::cloud_resource_request::DueUnknown;
use crate::api::common::Time;
use jiff::{Timestamp, tz::TimeZone};

/// Now, and the zone in which days begin and end.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Now.
    pub now: Timestamp,
    /// The zone.
    pub zone: TimeZone,
}

impl Clock {
    /// Day and minute.
    #[must_use]
    pub fn minute(&self, at: Time) -> String {
        at.timestamp().to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// The last day on which something is in time, or why that is unknown; nothing where there is no such day.
    #[must_use]
    pub fn due_of(&self, lang: Lang, due: Option<Time>, unknown: Option<DueUnknown>) -> Option<String> {
        due.map(|at| self.due(lang, at)).or_else(|| unknown.map(|why| words::due_unknown(lang, why).to_owned()))
    }

    /// The last day on which it is in time, and how far that is from today.
    #[must_use]
    pub fn due(&self, lang: Lang, at: Time) -> String {
        // A deadline is the midnight that ends its day.
        let last = at.timestamp().checked_sub(jiff::SignedDuration::from_secs(1)).unwrap_or(at.timestamp());
        let day = last.to_zoned(self.zone.clone()).date();
        let today = self.now.to_zoned(self.zone.clone()).date();
        let days = day.since(today).map(|span| span.get_days()).unwrap_or_default();
        match days {
            _ if at.timestamp() <= self.now => lang.overdue_days(&day, &days.abs().max(1)),
            0 => lang.due_today(&day),
            days => lang.due_in_days(&day, &days),
        }
    }

    /// Reads the moment at which something begins: with the first of a day, at a moment, or so long from now.
    #[must_use]
    pub fn begin(&self, text: &str) -> Option<Time> {
        let day = text.parse::<jiff::civil::Date>().ok();
        day.map_or_else(|| self.end(text), |day| self.midnight(day))
    }

    /// Reads the moment from which something is over: after the last of a day, at a moment, or so long from now.
    #[must_use]
    pub fn over(&self, text: &str) -> Option<Time> {
        let day = text.parse::<jiff::civil::Date>().ok();
        day.map_or_else(|| self.end(text), |day| self.midnight(day.tomorrow().ok()?))
    }

    fn midnight(&self, day: jiff::civil::Date) -> Option<Time> {
        Some(Time::new(day.to_zoned(self.zone.clone()).ok()?.timestamp()))
    }

    /// Reads an end: a day (its last second), a moment with its offset, or a time from now such as `8h`.
    #[must_use]
    pub fn end(&self, text: &str) -> Option<Time> {
        if let Ok(moment) = text.parse::<Timestamp>() {
            return Some(Time::new(moment));
        }
        let zoned = if let Ok(day) = text.parse::<jiff::civil::Date>() {
            day.at(23, 59, 59, 0).to_zoned(self.zone.clone()).ok()?
        } else {
            let span: jiff::Span = text.parse().ok()?;
            self.now.to_zoned(self.zone.clone()).checked_add(span).ok()?
        };
        Some(Time::new(zoned.timestamp()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock { now: "2026-11-24T04:00:00Z".parse().unwrap(), zone: TimeZone::get("Asia/Shanghai").unwrap() }
    }

    fn at(text: &str) -> Time {
        Time::new(text.parse().unwrap())
    }

    #[test]
    fn a_day_is_that_of_the_rules_zone() {
        assert_eq!(clock().minute(at("2026-11-29T16:30:00Z")), "2026-11-30 00:30");
        assert_eq!(clock().due(Lang::En, at("2026-11-29T16:30:00Z")), "2026-11-30 (in 6 d)");
        assert_eq!(clock().due(Lang::En, at("2026-11-30T16:00:00Z")), "2026-11-30 (in 6 d)");
        assert_eq!(clock().due(Lang::Zh, at("2026-11-24T09:00:00Z")), "2026-11-24（今天）");
        assert_eq!(clock().due(Lang::En, at("2026-11-21T09:00:00Z")), "2026-11-21 (overdue 3 d)");
        assert_eq!(clock().due(Lang::En, at("2026-11-24T03:00:00Z")), "2026-11-24 (overdue 1 d)");
    }

    #[test]
    fn an_end_is_a_day_a_moment_or_a_time_from_now() {
        assert_eq!(clock().end("2026-12-31"), Some(at("2026-12-31T15:59:59Z")));
        assert_eq!(clock().end("2026-12-31T18:00:00+08:00"), Some(at("2026-12-31T10:00:00Z")));
        assert_eq!(clock().end("8h"), Some(at("2026-11-24T12:00:00Z")));
        assert_eq!(clock().end("3d"), Some(at("2026-11-27T04:00:00Z")));
        assert_eq!(clock().end("tomorrow"), None);
    }
}

//! Months and working days around the ends of months and years.

use super::*;
use crate::core::fixtures;
use jiff::civil::date;

fn zone() -> TimeZone {
    crate::core::calendar::zone("Asia/Shanghai").unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn r22_3_a_month_ends_on_the_same_day_or_the_months_last() {
    let table = [
        ("2026-11-30T01:00:00Z", 3, date(2027, 2, 28)),
        ("2027-11-30T01:00:00Z", 3, date(2028, 2, 29)),
        ("2026-08-31T01:00:00Z", 3, date(2026, 11, 30)),
        ("2026-12-15T01:00:00Z", 3, date(2027, 3, 15)),
        // In the zone of the rules it is the next day already.
        ("2026-12-14T16:00:00Z", 1, date(2027, 1, 15)),
    ];
    for (from, months, last) in table {
        assert_eq!(last_day(at(from), months, &zone()), Some(last), "{from}");
    }
}

#[test]
fn r22_3_the_day_on_which_it_begins_is_not_counted_and_the_last_one_is_whole() {
    let from = at("2026-11-30T01:00:00Z");
    assert!(!is_longer(from, at("2027-02-28T16:00:00Z"), 3, &zone()), "midnight after the last day");
    assert!(is_longer(from, at("2027-02-28T16:00:01Z"), 3, &zone()));
}

#[test]
fn r22_3_an_extension_is_filed_so_many_working_days_before_the_end() {
    let calendars = &fixtures::registry().calendars["cn"];
    let by = |until: &str| file_by(at(until), 7, calendars, &zone());
    // The end of Friday 2026-11-27: the week before has its five working days.
    assert_eq!(by("2026-11-27T16:00:00Z"), Ok(date(2026, 11, 18)));
    // Over the National Day holiday, 1 to 7 October, and Mid-Autumn, 25 September; Saturday 10 October is worked.
    assert_eq!(by("2026-10-12T16:00:00Z"), Ok(date(2026, 9, 24)));
    assert_eq!(by("2027-01-05T16:00:00Z"), Err(UnknownYear::Missing(2027)), "never guessed");
}

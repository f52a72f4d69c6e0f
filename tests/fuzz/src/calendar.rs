//! Working days and months, against days that are numbered through and a table of sums.

use arbitrary::{Result, Unstructured};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use yunguan::api::WorkCalendarSpec;
use yunguan::api::work_calendar::Holiday;
use yunguan::core::calendar::{UnknownYear, WorkCalendars, add_months, zone};
use yunguan::core::registry::Named;

const FIRST: i16 = 2023;
const YEARS: usize = 5;
const DAYS: i64 = 5 * 365 + 1;
/// 1 January 2023, in days since 1970.
const EPOCH: i64 = 19_358;

pub fn work_days(data: &[u8]) {
    // Bytes that run out are zeros: every input is one.
    try_work_days(&mut Unstructured::new(data)).unwrap_or_default();
}

fn try_work_days(bytes: &mut Unstructured<'_>) -> Result<()> {
    let known: [bool; YEARS] = bytes.arbitrary()?;
    let mut specs: Vec<WorkCalendarSpec> = (0..YEARS).map(|n| year(FIRST + i16::try_from(n).unwrap())).collect();
    let mut off = vec![false; usize::try_from(DAYS).unwrap()];
    let mut worked = off.clone();
    for _ in 0..bytes.int_in_range(0..=12)? {
        let from = bytes.int_in_range(0..=DAYS - 1)?;
        let last = (from + bytes.int_in_range(0..=10)?).min(DAYS - 1);
        let of_year = year_of(from);
        specs[of_year].holidays.push(Holiday { from: day(from), to: day(last), ..Holiday::default() });
        // A holiday counts in the year whose calendar names it.
        (from..=last).filter(|n| year_of(*n) == of_year).for_each(|n| off[usize::try_from(n).unwrap()] = true);
    }
    for _ in 0..bytes.int_in_range(0..=12)? {
        let n = bytes.int_in_range(0..=DAYS - 1)?;
        specs[year_of(n)].make_up_days.push(day(n));
        worked[usize::try_from(n).unwrap()] = true;
    }
    let known_specs = specs.into_iter().zip(known).filter(|(_, known)| *known);
    let mut published: Vec<_> = known_specs.map(|(spec, _)| Named { spec, ..Named::default() }).collect();
    if bytes.arbitrary()? {
        // The same twice is the same.
        published.extend(published.clone());
    }
    let calendars = WorkCalendars::new(&published);
    let works = |n: i64| {
        let at = usize::try_from(n).unwrap();
        // 1 January 1970 was a Thursday.
        let weekend = matches!((n + EPOCH + 4) % 7, 0 | 6);
        worked[at] || (!weekend && !off[at])
    };
    let start = bytes.int_in_range(0..=DAYS - 1)?;
    let count: u32 = bytes.int_in_range(0..=400)?;
    let answer = if known[year_of(start)] { Ok(works(start)) } else { Err(unknown(start)) };
    assert_eq!(calendars.is_work_day(day(start)), answer);

    let walk = |by: i64| -> Option<std::result::Result<i64, UnknownYear>> {
        let mut days = (1..).map(|k| start + k * by).take_while(|n| (0..DAYS).contains(n));
        let mut left = count;
        let mut at = start;
        while left > 0 {
            at = days.next()?;
            if !known[year_of(at)] {
                return Some(Err(unknown(at)));
            }
            left -= u32::from(works(at));
        }
        Some(Ok(at))
    };
    for (by, found) in
        [(1, calendars.add_work_days(day(start), count)), (-1, calendars.sub_work_days(day(start), count))]
    {
        match walk(by) {
            Some(expected) => assert_eq!(found, expected.map(day), "{count} from {}", day(start)),
            // Beyond the years that there are, the next one is not known.
            None => assert!(found.is_err(), "{found:?}"),
        }
    }
    // The end of that day in Shanghai, eight hours before it is the end in Greenwich.
    let second = bytes.int_in_range(0..=86_399)?;
    let since = Timestamp::from_second((start + EPOCH) * 86_400 - 8 * 3600 + second).unwrap();
    let due = calendars.due_at(since, count, &zone("Asia/Shanghai").unwrap());
    match walk(1) {
        Some(expected) => {
            let expected = expected.map(|n| (n + EPOCH + 1) * 86_400 - 8 * 3600);
            assert_eq!(due.map(Timestamp::as_second), expected);
        }
        None => assert!(due.is_err(), "{due:?}"),
    }
    Ok(())
}

pub fn months(data: &[u8]) {
    try_months(&mut Unstructured::new(data)).unwrap_or_default();
}

fn try_months(bytes: &mut Unstructured<'_>) -> Result<()> {
    let (year, month) = (bytes.int_in_range(-9999..=9999_i16)?, bytes.int_in_range(1..=12_i8)?);
    let of_month = bytes.int_in_range(1..=length(year.into(), month.into()))?;
    let months: i32 = bytes.arbitrary()?;
    let from = date(year, month, of_month);
    let number = i64::from(year) * 12 + i64::from(month) - 1 + i64::from(months);
    let (year, month) = (number.div_euclid(12), number.rem_euclid(12) + 1);
    // Nobody counts further than from the first year that can be written to the last.
    let counted = months.unsigned_abs() <= 19_998 * 12;
    let expected = (counted && (-9999..=9999).contains(&year)).then(|| {
        let last = of_month.min(length(year, month));
        date(i16::try_from(year).unwrap(), i8::try_from(month).unwrap(), last)
    });
    assert_eq!(add_months(from, months), expected, "{from} and {months} months");
    Ok(())
}

fn year(year: i16) -> WorkCalendarSpec {
    WorkCalendarSpec { year: year.into(), ..WorkCalendarSpec::default() }
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn length(year: i64, month: i64) -> i8 {
    match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Which of the years the `n`th day is in.
fn year_of(n: i64) -> usize {
    let mut left = n;
    let mut years = 0;
    for year in FIRST.. {
        left -= if leap(year.into()) { 366 } else { 365 };
        if left < 0 {
            break;
        }
        years += 1;
    }
    years
}

/// The `n`th day, counted through years and months.
fn day(n: i64) -> Date {
    let (mut left, mut year, mut month) = (n, i64::from(FIRST), 1);
    while left >= i64::from(length(year, month)) {
        left -= i64::from(length(year, month));
        (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    }
    date(i16::try_from(year).unwrap(), i8::try_from(month).unwrap(), i8::try_from(left + 1).unwrap())
}

fn unknown(n: i64) -> UnknownYear {
    UnknownYear::Missing(i32::from(day(n).year()))
}

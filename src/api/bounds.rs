//! The numbers that a policy can set, each within what can be meant: the schema refuses others, and so does the check.

use super::governance_policy::Limit;
use schemars::{JsonSchema as _, Schema, SchemaGenerator};
use serde_json::json;
use std::ops::RangeInclusive;

/// Levels of the multi-level protection scheme.
pub const LEVEL: RangeInclusive<i32> = 1..=5;
/// Months that something lasts.
pub const MONTHS: RangeInclusive<i32> = 1..=120;
/// Months that are looked back; 0 looks back at none.
pub const MONTHS_BACK: RangeInclusive<i32> = 0..=120;
/// Percent beyond which a change is a major one.
pub const PERCENT: RangeInclusive<i32> = 0..=1000;
/// Working days ahead of an end; 0 is up to the last day.
pub const WORK_DAYS_AHEAD: RangeInclusive<i32> = 0..=250;
/// Working days within which something is done.
pub const WORK_DAYS: RangeInclusive<i32> = 1..=366;
/// Days for which something is kept, or left as it is.
pub const DAYS: RangeInclusive<i32> = 1..=3660;

pub(super) fn level(generator: &mut SchemaGenerator) -> Schema {
    within(generator, &LEVEL)
}

pub(super) fn months(generator: &mut SchemaGenerator) -> Schema {
    within(generator, &MONTHS)
}

pub(super) fn months_back(generator: &mut SchemaGenerator) -> Schema {
    within(generator, &MONTHS_BACK)
}

pub(super) fn percent(generator: &mut SchemaGenerator) -> Schema {
    within(generator, &PERCENT)
}

pub(super) fn work_days_ahead(generator: &mut SchemaGenerator) -> Schema {
    within(generator, &WORK_DAYS_AHEAD)
}

pub(super) fn days(generator: &mut SchemaGenerator) -> Schema {
    within(generator, &DAYS)
}

/// A Limit whose number lies within a range.
fn within(generator: &mut SchemaGenerator, range: &RangeInclusive<i32>) -> Schema {
    let mut schema = Limit::json_schema(generator);
    if let Some(value) = schema.pointer_mut("/properties/value").and_then(|value| value.as_object_mut()) {
        value.insert("minimum".to_owned(), json!(range.start()));
        value.insert("maximum".to_owned(), json!(range.end()));
    }
    schema
}

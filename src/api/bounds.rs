//! The numbers that a policy can set, each within what can be meant: the schema refuses others, and so does the check. And what
//! lists and texts have room for that the operator fills: what does not fit is folded (`core::fit`), since the API server would
//! refuse the whole object.

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

/// Characters of one line for people.
pub const BRIEF: usize = 512;
/// Conditions of an object: one a type, and there are not so many types.
pub const CONDITIONS: usize = 64;
/// Decisions that are counted, in a status or on a record.
pub const DECISIONS: usize = 64;
/// Lines of a form, or of a grant.
pub const LINES: usize = 64;
/// Grants on one record.
pub const GRANTS: usize = 64;
/// Resources of one grant.
pub const RESOURCES: usize = 32;
/// Resources of all grants of a system: it can have several at a time.
pub const RESOURCES_OF_SYSTEM: usize = GRANTS * RESOURCES;
/// Resources that a domain shows.
pub const RESOURCES_OF_DOMAIN: usize = 64;
/// Characters of the name of a resource: a quota names a storage class in it.
pub const RESOURCE: usize = 320;
/// Orders on one record.
pub const SUSPENSIONS: usize = 64;
/// Departures on one record.
pub const DEPARTURES: usize = 64;
/// Approvals that are being committed in a domain at a time.
pub const RESERVATIONS: usize = 64;
/// Shortages that a domain shows.
pub const SHORTAGES: usize = 8;
/// People who are let in, as a status shows them.
pub const GUESTS: usize = 256;
/// Pods that a status names.
pub const PODS: usize = 64;
/// Volumes of a departure.
pub const VOLUMES: usize = 256;
/// Papers of one decision.
pub const EVIDENCE: usize = 64;
/// Reports that are filed at a gate, by the rules.
pub const REPORTS: usize = 8;
/// What else holds data of a system that leaves: one decision attests to all of it, besides what the rules ask for.
pub const HOLDINGS: usize = EVIDENCE - REPORTS;

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

//! Since when a system is not active, over months: longer than metrics are kept, and beyond the loss of them.

use super::{Activity, Sample, whole};
use crate::api::common::Time;
use crate::api::usage::{ActivityClock, Usage};
use jiff::Timestamp;
use strum::IntoEnumIterator as _;

/// Minutes by which two servers that record the same may differ.
const SLACK: i64 = 2;

/// The clocks as a sample moves them on. Where nothing was measured they stand.
pub(super) fn wound(before: Option<&Usage>, sample: &Sample, opened: Timestamp, now: Timestamp) -> Vec<ActivityClock> {
    let known = |activity| before.and_then(|usage| usage.clocks.iter().find(|c| c.activity == activity));
    let since = before.map_or(0, |usage| now.duration_since(usage.at.timestamp()).as_mins().max(0));
    Activity::iter().filter_map(|activity| wind(activity, known(activity), sample, (opened, since), now)).collect()
}

fn wind(
    activity: Activity,
    before: Option<&ActivityClock>,
    sample: &Sample,
    (opened, since): (Timestamp, i64),
    now: Timestamp,
) -> Option<ActivityClock> {
    let Some(seen) = sample.activity.get(&activity) else { return before.cloned() };
    // Nobody is active in the future: a clock that runs ahead there would never be quiet again.
    let last = seen.last.map(|at| at.min(now));
    let start = before.map_or(opened, |clock| clock.last.timestamp());
    let counted = seen.quiet_minutes.map(whole);
    Some(match (last.filter(|at| *at > start || before.is_none()), before) {
        (Some(last), _) => ActivityClock {
            activity,
            last: Time::new(last.max(opened)),
            carried_minutes: 0,
            counted_minutes: counted.unwrap_or(0),
        },
        (None, None) => ActivityClock {
            activity,
            last: Time::new(opened),
            carried_minutes: 0,
            counted_minutes: counted.unwrap_or(0),
        },
        (None, Some(clock)) => match counted {
            // No more than can have been counted since the last look: the metrics were lost, and count anew. Where it is merely
            // fewer, another server answered (a replica, a backup), and nothing is counted twice.
            Some(counted) if counted < clock.counted_minutes && counted <= since.saturating_add(SLACK) => {
                ActivityClock {
                    carried_minutes: clock.carried_minutes.saturating_add(clock.counted_minutes),
                    counted_minutes: counted,
                    ..clock.clone()
                }
            }
            Some(counted) => ActivityClock { counted_minutes: counted, ..clock.clone() },
            None => clock.clone(),
        },
    })
}

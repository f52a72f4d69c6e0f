//! Whether anything of a system may run (articles 23 and 34), and whether it is charged meanwhile.

use super::fit;
use crate::api::InformationSystemSpec;
use crate::api::bounds::{self, DEPARTURES, SUSPENSIONS};
use crate::api::common::{RequestKind, Time};
use crate::api::decommission::Leaving;
use crate::api::information_system::{StopStatus, Suspension};
use crate::api::names::{STOPPED_OFFLINE, STOPPED_SUSPENDED, STOPPED_WIPED};
use std::collections::BTreeSet;

/// Why nothing of a system may run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stop<'a> {
    /// By an order: the oldest that stands.
    Suspended(&'a Suspension),
    /// It leaves, and is offline.
    Offline(&'a Leaving),
}

impl Stop<'_> {
    /// In one word, as the label of its namespace has it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Suspended(_) => STOPPED_SUSPENDED,
            Self::Offline(leaving) if leaving.wipe.is_some() => STOPPED_WIPED,
            Self::Offline(_) => STOPPED_OFFLINE,
        }
    }
}

/// Why nothing of a system may run now. An order comes first: it outlasts a departure that is withdrawn.
#[must_use]
pub fn standing(spec: &InformationSystemSpec) -> Option<Stop<'_>> {
    let offline = leaving(spec).filter(|leaving| leaving.offline_at.is_some());
    suspended(spec).map(Stop::Suspended).or_else(|| offline.map(Stop::Offline))
}

/// What the label of its namespace says. Where it is being wiped it says that, whatever order stands besides: no volume can be
/// made there then, and it cannot be taken back.
#[must_use]
pub fn label(spec: &InformationSystemSpec) -> Option<&'static str> {
    let wiped = leaving(spec).filter(|leaving| leaving.wipe.is_some());
    wiped.map(Stop::Offline).or_else(|| standing(spec)).map(Stop::label)
}

/// The oldest order that stops the system now.
#[must_use]
pub fn suspended(spec: &InformationSystemSpec) -> Option<&Suspension> {
    spec.suspensions.iter().find(|suspension| suspension.lifted.is_none())
}

/// The departure of the whole system that is under way, or has ended with it.
#[must_use]
pub fn leaving(spec: &InformationSystemSpec) -> Option<&Leaving> {
    spec.departures.iter().rfind(|leaving| is_whole(leaving)).filter(|leaving| leaving.withdrawn.is_none())
}

/// That its request was taken back before anything was opened, until nothing is left of it.
#[must_use]
pub fn taken_back(spec: &InformationSystemSpec) -> Option<&Leaving> {
    let by_request = |leaving: &&Leaving| leaving.decommission.kind == RequestKind::CloudResourceRequest;
    leaving(spec).filter(by_request).filter(|_| closed(spec).is_none())
}

fn is_whole(leaving: &Leaving) -> bool {
    leaving.items.is_empty()
}

/// The departure that is under way, of the whole system or of parts of it; there is one at a time.
#[must_use]
pub fn under_way(spec: &InformationSystemSpec) -> Option<&Leaving> {
    let closed = |leaving: &Leaving| leaving.reclaim.as_ref().is_some_and(|reclaim| reclaim.closed.is_some());
    spec.departures.last().filter(|leaving| leaving.withdrawn.is_none() && (is_whole(leaving) || !closed(leaving)))
}

/// The claims that are wiped while the system stays: nothing else takes their names.
#[must_use]
pub fn wiping(spec: &InformationSystemSpec) -> Vec<&str> {
    let parts = under_way(spec).filter(|leaving| !is_whole(leaving) && leaving.wipe.is_some());
    let items = parts.into_iter().flat_map(|leaving| &leaving.items);
    items.filter_map(|item| item.strip_prefix("volume/")).collect()
}

/// Puts a suspension on record. Where there is no room, the oldest that was lifted gives way: the books keep it. A system that
/// so many orders stop is stopped without one more.
pub fn note(spec: &mut InformationSystemSpec, suspension: Suspension) {
    if spec.suspensions.len() >= SUSPENSIONS
        && let Some(over) = spec.suspensions.iter().position(|known| known.lifted.is_some())
    {
        spec.suspensions.remove(over);
    }
    if spec.suspensions.len() < SUSPENSIONS {
        spec.suspensions.push(suspension);
    }
}

/// Puts a departure on record, new or further on; false where there is no room. None gives way: one that was withdrawn would
/// begin anew, were it not on record that it ended.
#[must_use]
pub fn note_departure(spec: &mut InformationSystemSpec, leaving: Leaving) -> bool {
    if let Some(known) = spec.departures.iter_mut().find(|known| known.submission_uid == leaving.submission_uid) {
        *known = leaving;
        return true;
    }
    let room = spec.departures.len() < DEPARTURES;
    if room {
        spec.departures.push(leaving);
    }
    room
}

/// The names of the pods that nobody makes again, those that were listed before first, and how many more there were. Those stay
/// for a while after they are deleted, so it is the most that were seen at once.
#[must_use]
pub fn bare_pods(before: &StopStatus, seen: impl Iterator<Item = String>) -> (Vec<String>, i64) {
    let new: BTreeSet<String> = seen.filter(|name| !before.bare_pods.contains(name)).collect();
    let (names, more) = fit::first(before.bare_pods.iter().cloned().chain(new).collect(), bounds::PODS);
    (names, more.max(before.more_bare_pods))
}

/// When nothing was left of the system.
#[must_use]
pub fn closed(spec: &InformationSystemSpec) -> Option<Time> {
    leaving(spec)?.reclaim.as_ref()?.closed
}

/// When the system was let run again for the last time.
#[must_use]
pub fn lifted(spec: &InformationSystemSpec) -> Option<Time> {
    let orders = spec.suspensions.iter().filter_map(|suspension| suspension.lifted.as_ref());
    let offline = spec.departures.iter().filter(|leaving| is_whole(leaving) && leaving.offline_at.is_some());
    orders.chain(offline.filter_map(|leaving| leaving.withdrawn.as_ref())).map(|lifted| lifted.at).max()
}

/// Whether what the system has is charged now: it is live, not offline, and no order that stops it says otherwise.
#[must_use]
pub fn is_charged(spec: &InformationSystemSpec) -> bool {
    let free = |suspension: &Suspension| suspension.lifted.is_none() && !suspension.charged;
    let offline = leaving(spec).is_some_and(|leaving| leaving.offline_at.is_some());
    spec.live.is_some() && !offline && !spec.suspensions.iter().any(free)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::decommission::{Reclaim, Wipe};
    use crate::api::information_system::Live;
    use crate::api::sanction::Lifted;

    fn at(second: i64) -> Time {
        Time::new(jiff::Timestamp::from_second(second).unwrap())
    }

    fn lift(second: Option<i64>) -> Option<Lifted> {
        second.map(|second| Lifted { at: at(second), decisions: Vec::new() })
    }

    fn suspension(charged: bool, lifted: Option<i64>) -> Suspension {
        Suspension { charged, lifted: lift(lifted), ..Suspension::default() }
    }

    fn live() -> InformationSystemSpec {
        InformationSystemSpec { live: Some(Live::default()), ..InformationSystemSpec::default() }
    }

    #[test]
    fn r34_1_a_system_is_stopped_until_the_last_order_is_lifted() {
        let mut spec = live();
        assert!(standing(&spec).is_none() && lifted(&spec).is_none() && is_charged(&spec));
        spec.suspensions = vec![suspension(true, Some(5)), suspension(true, None), suspension(false, Some(3))];
        assert_eq!(standing(&spec), Some(Stop::Suspended(&spec.suspensions[1])));
        assert_eq!(lifted(&spec), Some(at(5)));
        assert!(is_charged(&spec), "the order that was free is lifted");
        spec.suspensions.push(suspension(false, None));
        assert!(!is_charged(&spec));
        spec.live = None;
        spec.suspensions.clear();
        assert!(!is_charged(&spec), "what is not live is never charged");
    }

    #[test]
    fn r23_1_from_going_offline_on_nothing_is_charged_unless_that_is_withdrawn() {
        let mut spec = live();
        spec.departures = vec![Leaving::default()];
        assert!(standing(&spec).is_none() && is_charged(&spec), "approved, and it still runs");
        spec.departures[0].offline_at = Some(at(7));
        assert!(!is_charged(&spec));
        assert_eq!(standing(&spec).map(Stop::label), Some("offline"));
        spec.departures[0].wipe = Some(Wipe::default());
        assert_eq!(standing(&spec).map(Stop::label), Some("wiped"));
        // No order lets volumes be made again where it is being wiped.
        spec.suspensions = vec![suspension(true, None)];
        assert_eq!((standing(&spec).map(Stop::label), label(&spec)), (Some("suspended"), Some("wiped")));
        spec.suspensions.clear();
        spec.departures[0].wipe = None;
        assert_eq!(label(&spec), Some("offline"));
        // An order at the same time: it stays stopped by that when the departure is withdrawn.
        spec.suspensions = vec![suspension(true, None)];
        assert_eq!(standing(&spec).map(Stop::label), Some("suspended"));
        assert!(!is_charged(&spec), "offline is offline");
        spec.departures[0].withdrawn = lift(Some(9));
        assert_eq!(standing(&spec).map(Stop::label), Some("suspended"));
        assert!(is_charged(&spec) && leaving(&spec).is_none());
        assert_eq!(lifted(&spec), Some(at(9)));
        spec.suspensions.clear();
        assert!(standing(&spec).is_none());
        spec.departures.push(Leaving {
            offline_at: Some(at(10)),
            reclaim: Some(Reclaim { closed: Some(at(20)), ..Reclaim::default() }),
            ..Leaving::default()
        });
        assert_eq!((closed(&spec), is_charged(&spec)), (Some(at(20)), false));
    }

    #[test]
    fn r34_1_pods_that_nobody_makes_again_are_named_and_those_beyond_are_counted() {
        let named = |names: std::ops::Range<usize>| names.map(|n| format!("p{n:03}"));
        let (bare_pods, more_bare_pods) = bare_pods(&StopStatus::default(), named(0..70));
        assert_eq!((bare_pods.len(), more_bare_pods), (64, 6));
        // They are on their way out, and two are left of them: the names stay, and how many there were.
        let before = StopStatus { bare_pods: bare_pods.clone(), more_bare_pods, ..StopStatus::default() };
        assert_eq!(super::bare_pods(&before, named(63..65)), (bare_pods, 6));
    }

    #[test]
    fn a_record_that_is_full_takes_what_is_new_where_something_is_over() {
        let mut spec = InformationSystemSpec::default();
        let of = |n: usize| Suspension { ground: n.to_string(), ..Suspension::default() };
        for n in 0..SUSPENSIONS {
            note(&mut spec, of(n));
        }
        note(&mut spec, of(100));
        assert_eq!(spec.suspensions.len(), SUSPENSIONS, "so many orders stop it already");
        spec.suspensions[3].lifted = Some(Lifted::default());
        note(&mut spec, of(100));
        assert_eq!(spec.suspensions.len(), SUSPENSIONS);
        let grounds: Vec<&str> = spec.suspensions.iter().map(|s| s.ground.as_str()).collect();
        assert!(!grounds.contains(&"3") && grounds.last() == Some(&"100"));

        let leaving = |n: usize| Leaving { submission_uid: n.to_string(), ..Leaving::default() };
        assert!((0..DEPARTURES).all(|n| note_departure(&mut spec, leaving(n))));
        assert!(!note_departure(&mut spec, leaving(100)));
        let further = Leaving { withdrawn: Some(Lifted::default()), ..leaving(3) };
        assert!(note_departure(&mut spec, further) && spec.departures[3].withdrawn.is_some());
        assert!(!note_departure(&mut spec, leaving(100)), "what was withdrawn must not begin anew");
    }
}

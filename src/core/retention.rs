//! How long the old self of a migrated system is kept as a way back (article 21): so many months after the new one went live, and
//! until the planned end at least; for as long as the new one is not live, without an end.

use super::calendar;
use super::registry::Registry;
use super::stop;
use crate::api::cloud_resource_request::{Application, OriginKind};
use crate::api::information_system::Live;
use crate::api::{GovernancePolicySpec, InformationSystemSpec};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Until when an old system is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kept {
    /// The one that was migrated from it is not live yet.
    UntilLive,
    /// To the end of this day.
    Until(Date),
}

/// The last day on which the old system must be kept by the plan of the application; nothing for a system that is not migrated.
#[must_use]
pub fn planned(application: &Application, policy: &GovernancePolicySpec) -> Option<Date> {
    let cut_over = application.origin.cut_over_date.filter(|_| application.origin.kind == OriginKind::Migrated)?;
    calendar::add_months(cut_over, policy.retention.old_system_months.value)
}

/// Until when the old self of a system is kept; nothing where it has none, or has left itself.
#[must_use]
pub fn kept(system: &InformationSystemSpec, registry: &Registry) -> Option<Kept> {
    let recorded = system.keep_old_until.filter(|_| stop::closed(system).is_none())?;
    let Some(live) = &system.live else { return Some(Kept::UntilLive) };
    // What went live before that was put on record is counted by the version of its day.
    Some(Kept::Until(after(live, system, registry).map_or(recorded, |end| end.max(recorded))))
}

/// The last day that goes on record once a system is live; nothing for one that was not migrated.
#[must_use]
pub fn settled(system: &InformationSystemSpec, live: &Live, registry: &Registry) -> Option<Date> {
    let planned = system.keep_old_until?;
    Some(after(live, system, registry).map_or(planned, |end| end.max(planned)))
}

/// So many months after it went live, by the version of the rules under which it was granted.
fn after(live: &Live, system: &InformationSystemSpec, registry: &Registry) -> Option<Date> {
    let policy = rules(system, registry)?;
    let day = calendar::date_in(live.from.timestamp(), &super::round::zone_of(policy));
    calendar::add_months(day, policy.retention.old_system_months.value)
}

/// The rules under which a system was granted first.
#[must_use]
pub fn rules<'r>(system: &InformationSystemSpec, registry: &'r Registry) -> Option<&'r GovernancePolicySpec> {
    let uid = system.grants.first().map(|grant| grant.policy.uid.as_str())?;
    registry.policies.iter().find(|policy| policy.uid == uid).map(|policy| &policy.spec)
}

/// The moment from which the old system need not be kept any more: the end of the last day in the policy's zone.
#[must_use]
pub fn ends_at(until: Date, zone: &TimeZone) -> Option<Timestamp> {
    let next = until.tomorrow().ok()?;
    next.to_zoned(zone.clone()).ok().map(|midnight| midnight.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::common::{PolicyRef, Time};
    use crate::api::decommission::{Leaving, Reclaim, Wipe};
    use crate::api::governance_policy::Limit;
    use crate::api::information_system::Grant;
    use crate::core::fixtures;
    use jiff::civil::date;

    #[test]
    fn r21_2_the_planned_end_is_counted_from_the_planned_day() {
        let mut policy = GovernancePolicySpec::default();
        policy.retention.old_system_months = Limit { value: 3, article: "第二十一条".into() };
        let mut application = Application::default();
        application.origin.cut_over_date = Some(date(2026, 11, 30));
        assert_eq!(planned(&application, &policy), None, "a new system has no old self");
        application.origin.kind = OriginKind::Migrated;
        assert_eq!(planned(&application, &policy), Some(date(2027, 2, 28)));
        let zone = calendar::zone("Asia/Shanghai").unwrap();
        assert_eq!(ends_at(date(2027, 2, 28), &zone).unwrap().to_string(), "2027-02-28T16:00:00Z");
    }

    fn system(planned: Option<Date>, live: Option<&str>) -> InformationSystemSpec {
        let policy = PolicyRef { name: "bozhou-2024".into(), uid: "uid-bozhou-2024".into() };
        let at = |text: &str| Live { from: Time::new(text.parse().unwrap()), decisions: Vec::new() };
        InformationSystemSpec {
            grants: vec![Grant { policy, ..Grant::default() }],
            keep_old_until: planned,
            live: live.map(at),
            ..InformationSystemSpec::default()
        }
    }

    #[test]
    fn r21_2_it_ends_three_months_after_it_went_live_and_never_before() {
        let registry = fixtures::registry();
        let day = Some(date(2026, 12, 1));
        assert_eq!(kept(&system(None, None), &registry), None);
        assert_eq!(kept(&system(day, None), &registry), Some(Kept::UntilLive), "whatever was planned");
        // The last moment of 30 November in UTC is 1 December in Shanghai.
        let late = system(day, Some("2026-11-30T23:59:59Z"));
        assert_eq!(kept(&late, &registry), Some(Kept::Until(date(2027, 3, 1))));
        assert_eq!(settled(&late, late.live.as_ref().unwrap(), &registry), Some(date(2027, 3, 1)));
        // Live ahead of the plan: the plan stands.
        let early = system(Some(date(2027, 6, 1)), Some("2026-11-30T00:00:00Z"));
        assert_eq!(kept(&early, &registry), Some(Kept::Until(date(2027, 6, 1))));
        // The version is not there: what is on record counts.
        assert_eq!(kept(&late, &Registry::default()), Some(Kept::Until(date(2026, 12, 1))));
        let mut gone = system(day, None);
        let reclaim = Some(Reclaim { closed: Some(Time::default()), ..Reclaim::default() });
        gone.departures = vec![Leaving { wipe: Some(Wipe::default()), reclaim, ..Leaving::default() }];
        assert_eq!(kept(&gone, &registry), None, "nothing goes back to what has left");
    }
}

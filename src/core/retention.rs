//! How long the old self of a migrated system is kept after cut-over (article 21).

use super::calendar;
use crate::api::GovernancePolicySpec;
use crate::api::cloud_resource_request::{Application, OriginKind};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The last day on which the old system must be kept; nothing for a system that is not migrated.
#[must_use]
pub fn keep_old_until(application: &Application, policy: &GovernancePolicySpec) -> Option<Date> {
    let cut_over = application.origin.cut_over_date.filter(|_| application.origin.kind == OriginKind::Migrated)?;
    calendar::add_months(cut_over, policy.retention.old_system_months.value)
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
    use crate::api::governance_policy::Limit;
    use jiff::civil::date;

    #[test]
    fn r21_2_the_end_is_counted_from_the_cut_over_and_lasts_the_whole_day() {
        let mut policy = GovernancePolicySpec::default();
        policy.retention.old_system_months = Limit { value: 3, article: "第二十一条".into() };
        let mut application = Application::default();
        application.origin.cut_over_date = Some(date(2026, 11, 30));
        assert_eq!(keep_old_until(&application, &policy), None, "a new system has no old self");
        application.origin.kind = OriginKind::Migrated;
        let until = keep_old_until(&application, &policy).unwrap();
        assert_eq!(until, date(2027, 2, 28));
        let zone = calendar::zone("Asia/Shanghai").unwrap();
        assert_eq!(ends_at(until, &zone).unwrap().to_string(), "2027-02-28T16:00:00Z");
    }
}

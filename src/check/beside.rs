//! What objects show beside the rules that are given with them: the track of a request, the calendar of a policy.

use super::Found;
use crate::api::{CloudResourceRequest, GovernancePolicy, GovernancePolicySpec, Organization, WorkCalendar};
use crate::core::names::organization_of;
use crate::core::policy::{self, uses};
use jiff::civil::Date;
use kube::ResourceExt as _;
use serde::de::DeserializeOwned;

/// Regions whose calendars ship: a policy may be checked without them.
const SHIPPED_REGIONS: [&str; 1] = ["cn"];

pub(super) fn problems(all: &[Found], today: Date) -> Vec<String> {
    let policies: Vec<(&Found, GovernancePolicy)> = of(all, "GovernancePolicy");
    let organizations: Vec<(&Found, Organization)> = of(all, "Organization");
    let regions: Vec<String> =
        of::<WorkCalendar>(all, "WorkCalendar").into_iter().map(|(_, calendar)| calendar.spec.region).collect();
    let mut problems = Vec::new();
    for (found, policy) in &policies {
        let known = |region: &String| regions.contains(region) || SHIPPED_REGIONS.contains(&region.as_str());
        let unknown = (!known(&policy.spec.calendar)).then(|| policy::no_calendar(&policy.spec));
        let over = policy::over_before(&policy.spec, today);
        problems.extend(unknown.into_iter().chain(over).map(|problem| format!("{}: {problem}", found.place)));
    }
    for (found, request) in of::<CloudResourceRequest>(all, "CloudResourceRequest") {
        let home = request.namespace().unwrap_or_default();
        let unit = organizations.iter().find(|(_, o)| Some(o.name_any().as_str()) == organization_of(&home));
        let Some((_, unit)) = unit else { continue };
        let versions = policies.iter().map(|(_, policy)| &policy.spec);
        let versions: Vec<_> = versions.filter(|policy| policy.family == unit.spec.policy_family).collect();
        let track = &request.spec.application.track;
        let fits = |policy: &GovernancePolicySpec| uses::for_requests(policy).iter().any(|t| t.name == *track);
        if let Some(policy) = versions.first()
            && !versions.iter().any(|policy| fits(policy))
        {
            let fit: Vec<&str> = uses::for_requests(policy).into_iter().map(|t| t.name.as_str()).collect();
            problems.push(format!(
                "{}: spec.application.track: `{track}` is no track for requests by the rules of {}; those that fit: {} (该流程不适用于资源申请)",
                found.place,
                unit.name_any(),
                fit.join(", ")
            ));
        }
    }
    problems
}

/// Those of a kind that can be read; what cannot is told by itself.
fn of<'f, T: DeserializeOwned>(all: &'f [Found], kind: &str) -> Vec<(&'f Found, T)> {
    let of_kind = all.iter().filter(|found| found.object["kind"] == kind);
    of_kind.filter_map(|found| Some((found, serde_json::from_value(found.object.clone()).ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Report, files};
    use super::SHIPPED_REGIONS;
    use crate::api::WorkCalendar;
    use crate::core::fixtures;
    use std::path::{Path, PathBuf};

    fn config(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(path)
    }

    /// What is said of a file with this text, beside those.
    fn beside(text: &str, others: &[&str], today: &str) -> Report {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        std::fs::write(&path, text).unwrap();
        let paths: Vec<PathBuf> = std::iter::once(path).chain(others.iter().map(|other| config(other))).collect();
        files(&paths, today.parse().unwrap()).unwrap()
    }

    fn policy(from: &str, to: &str) -> String {
        let text = std::fs::read_to_string(config("policies/guoyang-2025.yaml")).unwrap();
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    }

    #[test]
    fn r42_1_a_policy_that_is_over_or_has_no_calendar_says_so() {
        let over = beside(&policy("2027-12-31", "2026-11-29"), &[], "2026-11-30").problems;
        assert!(
            matches!(&over[..], [one] if one.contains("spec.validUntil: ") && one.contains("2026-11-29")),
            "{over:?}"
        );
        assert_eq!(beside(&policy("2027-12-31", "2026-11-30"), &[], "2026-11-30").problems, Vec::<String>::new());
        let mars = policy("calendar: cn", "calendar: mars");
        let unknown = beside(&mars, &[], "2026-11-30").problems;
        assert!(
            matches!(&unknown[..], [one] if one.contains("spec.calendar: ") && one.contains("`mars`")),
            "{unknown:?}"
        );
        let calendar = "\n---\napiVersion: yunguan.dev/v1alpha1\nkind: WorkCalendar\nmetadata: {name: mars-2026}\nspec: {region: mars, year: 2026, source: x, holidays: [], makeUpDays: []}\n";
        assert_eq!(beside(&format!("{mars}{calendar}"), &[], "2026-11-30").problems, Vec::<String>::new());
        let shipped = fixtures::load::<WorkCalendar>("config/calendars");
        assert!(shipped.iter().all(|calendar| SHIPPED_REGIONS.contains(&calendar.spec.region.as_str())));
    }

    #[test]
    fn r17_1_a_request_on_a_track_of_something_else_is_refused_where_its_rules_are_given() {
        let request = |track: &str| {
            let text = std::fs::read_to_string(config("samples/requests/health-portal.yaml")).unwrap();
            text.replace("name: health-portal\n", "name: other\n")
                .replace("track: Standard", &format!("track: {track}"))
        };
        let rules = ["policies", "samples/organizations.yaml"];
        for track in ["MinorChange", "Decommission", "Suspension", "standard"] {
            let said = beside(&request(track), &rules, "2026-11-30").problems;
            let fit = "those that fit: Standard, Urgent";
            assert!(
                matches!(&said[..], [one] if one.contains("spec.application.track") && one.contains(fit)),
                "{said:?}"
            );
        }
        assert_eq!(beside(&request("Standard"), &rules, "2026-11-30").problems, Vec::<String>::new());
        assert_eq!(
            beside(&request("MinorChange"), &[], "2026-11-30").problems,
            Vec::<String>::new(),
            "no rules are given"
        );
    }
}

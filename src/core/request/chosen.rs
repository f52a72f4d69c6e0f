//! What a request chooses, and may choose: its domain and its track.

use super::Facts;
use crate::api::GovernancePolicySpec;
use crate::api::governance_policy::Track;
use crate::core::policy::uses;
use crate::core::registry::Registry;
use crate::core::text::Text;

pub(super) fn unknown_domain(facts: &Facts<'_>, registry: &Registry) -> Text {
    let open = registry
        .domains
        .iter()
        .filter(|(_, d)| !d.dedicated || d.organizations.iter().any(|o| o == facts.organization));
    let names: Vec<&str> = open.map(|(name, _)| name.as_str()).collect();
    Text::new(
        format!(
            "spec.application.domain: there is no CloudDomain `{}`; open to you: {}",
            facts.application.domain,
            names.join(", ")
        ),
        format!("没有云域{}，可选：{}", facts.application.domain, names.join("、")),
    )
}

pub(super) fn closed_domain(facts: &Facts<'_>) -> Text {
    Text::new(
        format!(
            "spec.application.domain: {} is a dedicated domain that is not open to {}: choose another, or the authority adds the unit to its spec.organizations",
            facts.application.domain, facts.organization
        ),
        format!("专有域{}未向本单位开放，请另选或联系主管部门", facts.application.domain),
    )
}

/// The track that it chooses, of those that are for it: nobody gets round a gate or a paper by the track of something else.
pub(super) fn track<'p>(
    facts: &Facts<'_>,
    policy: &'p GovernancePolicySpec,
) -> Result<&'p Track, (&'static str, Text)> {
    let wanted = &facts.application.track;
    // What is made permanent does not end by itself once more.
    let for_good = facts.application.system_ref.is_some();
    let fit: Vec<&Track> = uses::for_requests(policy)
        .into_iter()
        .filter(|track| !for_good || !uses::is_urgent(policy, &track.name))
        .collect();
    if let Some(track) = fit.iter().find(|track| track.name == *wanted) {
        return Ok(track);
    }
    let names: Vec<&str> = fit.iter().map(|track| track.name.as_str()).collect();
    let (title, en, zh) = (&policy.title, names.join(", "), names.join("、"));
    Err(if policy.track(wanted).is_none() {
        (
            "TrackUnknown",
            Text::new(
                format!(
                    "spec.application.track: {} has no track `{wanted}`; for this request it has {en}",
                    title.get(false)
                ),
                format!("《{}》没有流程{wanted}，可选：{zh}", title.zh),
            ),
        )
    } else {
        (
            "TrackUnfit",
            Text::new(
                format!(
                    "spec.application.track: track `{wanted}` of {} is not for such a request: choose one that is, {en}",
                    title.get(false)
                ),
                format!("《{}》的流程{wanted}不适用于本申请，可选：{zh}", title.zh),
            ),
        )
    })
}

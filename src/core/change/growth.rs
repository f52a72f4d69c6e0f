//! Growing for good on the light track (article 26, 达标方可申请): what use says of it when it is filed.

use super::Case;
use super::work::{Refused, Sort, Worked};
use crate::api::GovernancePolicySpec;
use crate::api::governance_policy::Applies;
use crate::api::names::CONDITION_ELIGIBLE;
use crate::api::usage::{Evidence, Finding, UsageRules};
use crate::core::catalog;
use crate::core::quantity::Amount;
use crate::core::text::Text;
use crate::core::usage::takes_evidence;
use crate::core::workflow::DecisionFact;

impl Case<'_> {
    /// What use says about growing for good on the light track (article 26, 方可申请): not eligible, the filing is refused;
    /// unknown, somebody vouches. What a settlement makes permanent of its emergency was agreed to at the bottleneck.
    pub(super) fn judge_use(
        &self,
        policy: &GovernancePolicySpec,
        filing: Option<&DecisionFact>,
        worked: &mut Worked<'_>,
    ) {
        let Some(usage) = &policy.usage else { return };
        if worked.sort != Sort::Permanent || worked.major.is_some() {
            return;
        }
        let amounts = worked.granted().ok().and_then(|lines| catalog::total(&lines).ok()).unwrap_or_default();
        let more = worked.takes(&amounts);
        if !more.iter().any(|(resource, amount)| amount > Amount::ZERO && takes_evidence(resource)) {
            return;
        }
        let uid = filing.map(|filing| filing.uid.as_str()).unwrap_or_default();
        let pinned = self.facts.evidence.filter(|evidence| filing.is_some() && evidence.submission_uid == uid);
        let evidence =
            pinned.cloned().unwrap_or_else(|| Evidence { submission_uid: uid.to_owned(), ..self.facts.usage.clone() });
        match evidence.finding {
            Finding::Eligible => {}
            Finding::NotEligible => worked.refusal = Some(not_eligible(usage, &evidence)),
            Finding::Unknown => worked.applies.push(Applies::UsageUnknown),
        }
        worked.evidence = Some(evidence);
    }
}

/// Which rule is how far from being met.
fn not_eligible(usage: &UsageRules, evidence: &Evidence) -> Refused {
    let article = &usage.memory_mean_above_percent.article;
    Refused {
        type_: CONDITION_ELIGIBLE,
        reason: "NotEligible",
        why: Text::new(
            format!(
                "its use does not allow a permanent expansion, for which one of these rules must be met ({article}): {}; file it again once one is",
                evidence.message
            ),
            format!("未达到扩容条件（{article}），达标后可重新提交"),
        ),
    }
}

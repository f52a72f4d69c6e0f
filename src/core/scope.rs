//! What may be in the cloud, and who pays (articles 3 to 5).

use super::text::Text;
use crate::api::cloud_resource_request::Application;
use crate::api::governance_policy::Scope;

/// Why a system may not be in the cloud.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OutOfScope {
    /// In one word, for conditions.
    pub reason: &'static str,
    /// Why, by which article, and what to do.
    pub message: Text,
}

/// Refuses for what the policy's scope names, and for nothing else: any other system is admitted, if need be at its own
/// expense.
///
/// # Errors
/// Cites the article.
pub fn judge(application: &Application, scope: &Scope) -> Result<(), OutOfScope> {
    if let Some(article) = scope.classified_refused_by.as_ref().filter(|_| application.classified) {
        return Err(OutOfScope {
            reason: "Classified",
            message: Text::new(
                format!(
                    "a classified system may not be in the government cloud ({article}): it belongs into a classified network; if it is not classified, correct spec.application.classified and file again"
                ),
                format!("涉密信息系统不得使用政务云（{article}）；如填写有误，请更正后重新提交"),
            ),
        });
    }
    let max = scope.max_protection_level.value;
    if application.protection_level > max {
        let article = &scope.max_protection_level.article;
        let level = application.protection_level;
        return Err(OutOfScope {
            reason: "ProtectionLevelTooHigh",
            message: Text::new(
                format!(
                    "a system of protection level {level} may not be in this cloud, which admits levels 1 to {max} ({article}); if the level is wrong, correct spec.application.protectionLevel and file again"
                ),
                format!(
                    "等保{level}级系统超出本政务云服务范围（最高{max}级，{article}）；如填写有误，请更正后重新提交"
                ),
            ),
        });
    }
    if let (Some(article), Some(law)) = (&scope.unsuitable_refused_by, &application.unsuitable_under) {
        return Err(OutOfScope {
            reason: "Unsuitable",
            message: Text::new(
                format!("by {law} the system is unfit for the government cloud ({article})"),
                format!("依据{law}，该系统不宜使用政务云（{article}）"),
            ),
        });
    }
    Ok(())
}

/// Whether the system pays for itself: what decides is the money of the system, not of the unit.
#[must_use]
pub fn self_paying(application: &Application, scope: &Scope) -> bool {
    !scope.budget_funded.contains(&application.funding.source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::governance_policy::{FundingSource, Limit};

    fn bozhou() -> Scope {
        Scope {
            max_protection_level: Limit { value: 3, article: "第三条、第四条".into() },
            classified_refused_by: Some("第四条、第五条".into()),
            unsuitable_refused_by: Some("第五条".into()),
            budget_funded: vec![FundingSource::Municipal, FundingSource::Provincial, FundingSource::National],
            payer_article: "第五条".into(),
        }
    }

    fn application() -> Application {
        Application { protection_level: 3, ..Application::default() }
    }

    #[test]
    fn r4_1_classified_level_4_and_unfit_are_refused_with_the_article() {
        let classified = Application { classified: true, ..application() };
        let refused = judge(&classified, &bozhou()).unwrap_err();
        assert_eq!(refused.reason, "Classified");
        assert!(refused.message.en.contains("第四条"));
        let level_4 = Application { protection_level: 4, ..application() };
        assert_eq!(judge(&level_4, &bozhou()).unwrap_err().reason, "ProtectionLevelTooHigh");
        let unfit = Application { unsuitable_under: Some("某法第一条".into()), ..application() };
        assert!(judge(&unfit, &bozhou()).unwrap_err().message.zh.contains("某法第一条"));
    }

    #[test]
    fn r4_1_levels_1_to_3_are_in_scope() {
        for protection_level in 1..=3 {
            assert_eq!(judge(&Application { protection_level, ..application() }, &bozhou()), Ok(()));
        }
    }

    #[test]
    fn r5_1_the_money_of_the_system_decides() {
        let mut system = application();
        for source in [FundingSource::Municipal, FundingSource::Provincial, FundingSource::National] {
            system.funding.source = source;
            assert!(!self_paying(&system, &bozhou()), "{source}");
        }
    }

    #[test]
    fn r5_2_any_other_system_is_admitted_and_pays_for_itself() {
        let mut system = application();
        system.funding.source = FundingSource::OwnFunds;
        assert_eq!(judge(&system, &bozhou()), Ok(()));
        assert!(self_paying(&system, &bozhou()));
    }

    #[test]
    fn r41_1_a_county_sets_another_level() {
        let county = Scope { max_protection_level: Limit { value: 2, article: "第六条".into() }, ..bozhou() };
        assert!(judge(&application(), &county).unwrap_err().message.en.contains("levels 1 to 2 (第六条)"));
    }
}

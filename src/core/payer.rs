//! Who pays (articles 5, 10 and 11): budget money a finance department, any other the unit itself or its supervising department.

use super::registry::Registry;
use super::text::Text;
use crate::api::cloud_resource_request::Funding;
use crate::api::governance_policy::{FundingSource, GovernancePolicySpec};
use crate::api::names::ROLE_FINANCE;
use crate::api::{OrganizationSpec, governance_policy::Scope};

/// Why the payer of a request cannot be the one who pays; nothing where it is.
#[must_use]
pub fn judge(
    funding: &Funding,
    (unit, organization): (&str, &OrganizationSpec),
    policy: &GovernancePolicySpec,
    registry: &Registry,
) -> Option<Text> {
    let Funding { source, payer } = funding;
    let article = &policy.scope.payer_article;
    if !registry.organizations.contains_key(payer) {
        return Some(Text::new(
            format!(
                "funding.payer: there is no Organization {payer}: name the one that pays, or ask the authority to create it ({article})"
            ),
            format!("付费单位{payer}未登记（{article}）"),
        ));
    }
    if policy.scope.budget_funded.contains(source) {
        let departments = finance(*source, policy, registry);
        return (!departments.contains(&payer.as_str())).then(|| {
            Text::new(
                format!(
                    "funding.payer: {source} money is budget money, which a finance department pays, and {payer} is none of this unit's: [{}] ({article})",
                    departments.join(", ")
                ),
                format!("财政资金由财政部门支付，{payer}不是本单位的财政部门（{}）（{article}）", departments.join("、")),
            )
        });
    }
    let supervisor = organization.supervisor.as_deref();
    (payer != unit && Some(payer.as_str()) != supervisor).then(|| {
        let who: Vec<&str> = std::iter::once(unit).chain(supervisor).collect();
        Text::new(
            format!(
                "funding.payer: the system pays for itself, since {source} money is no budget money here, so the unit or its supervising department pays: {}, not {payer} ({article})",
                who.join(" or ")
            ),
            format!("该系统费用自行承担，付费单位应为本单位或其主管部门（{}），不能为{payer}（{article}）", who.join("、")),
        )
    })
}

/// The finance departments that pay such money for the units of a policy: those that it names, and the city's, unless the
/// money is the county's own.
fn finance<'p>(source: FundingSource, policy: &'p GovernancePolicySpec, registry: &'p Registry) -> Vec<&'p str> {
    let city = registry
        .policies
        .iter()
        .map(|other| &other.spec)
        .filter(|other| source != FundingSource::County && is_citys(&other.scope));
    let fills = std::iter::once(policy).chain(city).flat_map(|rules| &rules.roles).filter(|r| r.role == ROLE_FINANCE);
    let mut found: Vec<&str> = fills.flat_map(|rule| &rule.organizations).map(String::as_str).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether rules are a city's: its budget pays of the city's money, and of no county's.
fn is_citys(scope: &Scope) -> bool {
    scope.budget_funded.contains(&FundingSource::Municipal) && !scope.budget_funded.contains(&FundingSource::County)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fixtures;

    fn judged(unit: &str, source: FundingSource, payer: &str) -> Option<String> {
        let registry = fixtures::registry();
        let organization = &registry.organizations[unit];
        let policy = registry.policies.iter().find(|p| p.spec.family == organization.policy_family)?;
        let funding = Funding { source, payer: payer.to_owned() };
        judge(&funding, (unit, organization), &policy.spec, &registry).map(|text| text.to_string())
    }

    #[test]
    fn r5_2_who_pays_follows_from_the_money() {
        use FundingSource::{County, Municipal, National, OwnFunds, Provincial};
        let (health, hospital, school) = ("bozhou-health", "bozhou-peoples-hospital", "guoyang-education");
        let right = [
            (health, Municipal, "bozhou-finance"),
            (health, Provincial, "bozhou-finance"),
            (health, National, "bozhou-finance"),
            (health, OwnFunds, health),
            (hospital, OwnFunds, hospital),
            (hospital, OwnFunds, health),
            (school, County, "guoyang-finance"),
            (school, Municipal, "guoyang-finance"),
            (school, Municipal, "bozhou-finance"),
            (school, OwnFunds, school),
            // No budget money by the city's rules.
            (health, County, health),
        ];
        for (unit, source, payer) in right {
            assert_eq!(judged(unit, source, payer), None, "{unit} {source} {payer}");
        }
        let wrong = [
            (health, OwnFunds, "bozhou-finance"),
            (health, OwnFunds, "bozhou-cloud"),
            (health, Municipal, health),
            (health, Municipal, "guoyang-finance"),
            (health, County, "guoyang-finance"),
            (hospital, Municipal, hospital),
            (hospital, OwnFunds, "bozhou-data-bureau"),
            (school, County, "bozhou-finance"),
            (school, OwnFunds, "guoyang-finance"),
            (school, County, school),
        ];
        for (unit, source, payer) in wrong {
            let why = judged(unit, source, payer).unwrap_or_else(|| panic!("{unit} {source} {payer}"));
            let article = if unit == school { "第十条" } else { "第五条" };
            assert!(why.starts_with("funding.payer") && why.contains(article) && why.contains(payer), "{why}");
        }
    }

    #[test]
    fn r5_1_the_payer_is_an_organization_that_is_known() {
        let why = judged("bozhou-health", FundingSource::Municipal, "somebody").unwrap();
        assert!(why.contains("funding.payer: there is no Organization somebody"), "{why}");
        assert!(why.contains("付费单位somebody未登记"), "{why}");
    }
}

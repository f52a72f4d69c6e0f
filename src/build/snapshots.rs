//! What is made of the shipped requests, as a whole, to be read.

use super::*;
use crate::api::decision::Verdict;
use crate::api::information_system::InformationSystemSpec;
use crate::core::fixtures::{self, Story};
use crate::core::quantity::Amounts;
use crate::core::quota::{Countable, Defaults};

fn granted(sample: &str, people: &[(&str, &str, Verdict)]) -> InformationSystemSpec {
    let mut story = Story::of(sample);
    for (who, gate, verdict) in people {
        story.decides(who, gate, *verdict);
    }
    story.operator_acts();
    story.system.unwrap().0
}

fn everything(system: &InformationSystemSpec, code: &str) -> String {
    let registry = fixtures::registry();
    let amounts = Amounts::parse(&system.grants[0].amounts).unwrap();
    let domain = &registry.domains[&system.domain];
    let organization = &registry.organizations[&system.organization];
    let none = Amounts::default();
    let countable = Countable::of(&registry, &system.domain);
    let defaults = Defaults::default();
    let granted = system::Granted {
        amounts: &amounts,
        helpers: &none,
        countable: &countable,
        defaults: &defaults,
        networks_open: false,
    };
    let made = system::objects(code, "uid-of-the-system", system, granted, domain, organization, &[]);
    let mut all = vec![serde_saphyr::to_string(&made.namespace).unwrap()];
    all.push(serde_saphyr::to_string(&made.quota).unwrap());
    all.push(serde_saphyr::to_string(&made.limits).unwrap());
    all.extend(made.policies.iter().map(|p| serde_saphyr::to_string(p).unwrap()));
    all.extend(made.bindings.iter().map(|b| serde_saphyr::to_string(b).unwrap()));
    all.join("---\n")
}

#[test]
fn r25_1_a_system_of_level_3_by_the_citys_rules() {
    let system = granted(
        "health-portal",
        &[
            ("zhang.wei@health", "submission", Verdict::Submit),
            ("li.na@data-bureau", "completeness", Verdict::Approve),
            ("chen.jing@data-center", "plan", Verdict::Confirm),
            ("chen.jing@data-center", "evaluation", Verdict::Approve),
            ("li.na@data-bureau", "approval", Verdict::Approve),
        ],
    );
    insta::assert_snapshot!("city", everything(&system, "health-portal"));
}

#[test]
fn r41_1_a_system_of_level_2_by_the_countys_rules() {
    let system = granted(
        "guoyang-school",
        &[
            ("feng.juan@guoyang", "submission", Verdict::Submit),
            ("ma.chao@guoyang", "evaluation", Verdict::Approve),
            ("ma.chao@guoyang", "joint-approval", Verdict::Approve),
            ("gao.yan@guoyang", "joint-approval", Verdict::Approve),
        ],
    );
    insta::assert_snapshot!("county", everything(&system, "school-portal"));
}

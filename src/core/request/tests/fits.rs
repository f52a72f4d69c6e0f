//! Whatever people write and however many decide, the status has room for it.

use super::*;
use crate::api::common::{Money, QuantityMap};
use crate::api::service_product::Fulfilment;
use crate::core::fixtures::{assert_fits, conditions, endless, letters, long_name};

fn fits(story: &Story) -> crate::api::CloudResourceRequestStatus {
    let plan = story.plan();
    let mut status = plan.status;
    status.conditions = conditions(&plan.conditions, story.now);
    assert_fits("CloudResourceRequest", "status", &status);
    status
}

#[test]
fn r19_2_a_request_fits_its_status_however_many_decide() {
    let mut story = fulfilled();
    let unit = story.registry.organizations.get_mut(&story.organization).unwrap();
    unit.members.iter_mut().for_each(|members| members.groups.push("everybody".into()));
    let mut failed = story.draft(UNIT, "trial-report", Verdict::File);
    failed.spec.comment = Some(endless());
    failed.spec.decided_by = Some(long_name("everybody"));
    failed.spec.evidence.iter_mut().for_each(|paper| paper.result = Some(TestResult::Failed));
    for n in 0..200 {
        let name = |what: &str| format!("{what}-{n}-{}", "d".repeat(240));
        story.makes(DecisionFact { name: name("report"), uid: format!("report-{n}"), ..failed.clone() });
        let mut forged = DecisionFact { name: name("forged"), uid: format!("forged-{n}"), ..failed.clone() };
        forged.spec.gate = letters(40);
        story.makes(forged);
    }
    let status = fits(&story);
    assert_eq!((status.decisions.len(), status.void_decisions.len()), (64, 5));
    // What has passed a gate stays, and gives way last.
    assert!(status.decisions.iter().any(|d| d.gate == "approval"), "{:?}", status.decisions);
    assert_eq!(status.more_decisions, 200 + 5 - 64);
    let system = &story.system.as_ref().unwrap().0;
    assert_fits("InformationSystem", "spec", system);

    let mut taken = filed();
    let name: &'static str = Box::leak(endless().into_boxed_str());
    taken.rivals.push((name, crate::api::common::Time::default()));
    assert_eq!(fits(&taken).waiting_for.unwrap().chars().count(), 512);
}

/// A product of the story's domain that the provider opens by hand, with amounts and a price of its own.
fn product(story: &mut Story, line: usize, amounts: QuantityMap, price: &str) {
    let item = story.request.spec.application.lines[line].item.clone().unwrap();
    let domain = story.request.spec.application.domain.clone();
    let known = story.registry.products.iter_mut().find(|p| p.spec.item == item && p.spec.domain == domain).unwrap();
    known.spec.amounts = amounts;
    known.spec.fulfilment = Fulfilment::Manual;
    let prices = &mut story.registry.items.get_mut(&item).unwrap().spec.prices;
    for known in prices.iter_mut() {
        known.monthly = Money(price.into());
    }
}

#[test]
fn r19_2_lines_that_come_to_more_than_a_grant_has_room_for_are_said_and_not_granted() {
    let of = |line: usize| (0..16).map(move |n| (format!("licence.{line}-{n}"), Quantity("1".into()))).collect();
    let mut story = Story::of("health-portal");
    for line in 0..3 {
        product(&mut story, line, of(line), "1");
    }
    let status = fits(&story);
    assert!(status.amounts.is_empty() && status.lines[2].amounts.len() == 16);
    let (holds, _, message) = story.condition(CONDITION_RESOLVED);
    assert!(holds == Some(false) && message.contains("has room for 32"), "{message}");

    // One line by itself, and several together.
    let mut dear = Story::of("health-portal");
    product(&mut dear, 0, of(0), "999999999999.999999");
    dear.request.spec.application.lines[0].quantity = 1_000_000;
    let (holds, _, message) = dear.condition(CONDITION_RESOLVED);
    assert!(holds == Some(false) && message.contains("beyond what can be counted"), "{message}");
    let status = fits(&dear);
    assert_eq!((status.monthly_fee, status.lines[0].monthly_fee.clone()), (None, None));
    dear.request.spec.application.lines[0].quantity = 1;
    dear.request.spec.application.lines[1].quantity = 1;
    product(&mut dear, 1, of(1), "999999999999");
    let status = fits(&dear);
    assert!(status.monthly_fee.is_none() && status.lines[0].monthly_fee.is_some());
    let (holds, _, message) = dear.condition(CONDITION_RESOLVED);
    assert!(holds == Some(false) && message.contains("lines together"), "{message}");
}

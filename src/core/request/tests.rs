//! The standard track as people walk it, by the shipped policies, and what must not get through.

use crate::api::cloud_resource_request::{DueUnknown, Phase, VoidReason};
use crate::api::common::{Document, Quantity};
use crate::api::decision::{TestResult, Verdict};
use crate::api::names::*;
use crate::core::fixtures::Story;
use crate::core::quantity::Amounts;
use crate::core::round::report::counts_days;
use crate::core::workflow::DecisionFact;
use jiff::ToSpan as _;

mod fits;
mod histories;
mod input;
mod plans;
mod standing;
mod taken_back;
mod tracks;
mod urgent;
mod versions;

const UNIT: &str = "zhang.wei@health";
const AUTHORITY: &str = "li.na@data-bureau";
const AGENCY: &str = "chen.jing@data-center";
const PROVIDER: &str = "liu.yang@bozhou-cloud";

fn filed() -> Story {
    let mut story = Story::of("health-portal");
    story.decides(UNIT, GATE_SUBMISSION, Verdict::Submit);
    story
}

fn evaluated() -> Story {
    let mut story = filed();
    story.decides(AUTHORITY, "completeness", Verdict::Approve).decides(AGENCY, "plan", Verdict::Confirm).decides(
        AGENCY,
        "evaluation",
        Verdict::Approve,
    );
    story
}

fn provisioned() -> Story {
    let mut story = evaluated();
    story.decides(AUTHORITY, "approval", Verdict::Approve).operator_acts();
    story
}

fn fulfilled() -> Story {
    let mut story = provisioned();
    story.decides(PROVIDER, "fulfilment", Verdict::Confirm);
    story
}

fn live() -> Story {
    let mut story = fulfilled();
    story
        .decides(UNIT, "trial-report", Verdict::File)
        .decides(UNIT, "security-report", Verdict::File)
        .decides(UNIT, "sign-unit", Verdict::Sign)
        .decides(PROVIDER, "sign-provider", Verdict::Sign)
        .decides(AUTHORITY, "sign-authority", Verdict::Sign)
        .operator_acts();
    story
}

fn void_reasons(story: &Story) -> Vec<VoidReason> {
    story.plan().status.void_decisions.iter().map(|v| v.reason).collect()
}

#[test]
fn r15_1_a_request_is_a_draft_until_a_person_files_it() {
    let story = Story::of("health-portal");
    let plan = story.plan();
    assert_eq!(plan.status.phase, Phase::Draft);
    assert_eq!(story.open(), [GATE_SUBMISSION]);
    assert_eq!(plan.status.waiting_for.as_deref(), Some("unit: submission"));
    assert!(plan.grant.is_none());
    assert_eq!(filed().plan().status.phase, Phase::InReview);
}

#[test]
fn r15_1_a_filing_by_somebody_without_the_role_opens_nothing() {
    let mut story = Story::of("health-portal");
    let mut submission = story.draft("stranger", GATE_SUBMISSION, Verdict::Submit);
    submission.entitled = false;
    story.makes(submission);
    assert_eq!(story.plan().status.phase, Phase::Draft);
    assert_eq!(void_reasons(&story), [VoidReason::NotEntitled]);
}

/// The API server's word may lag behind the Organization by a minute; what is said is right at once.
#[test]
fn r7_1_who_left_the_unit_is_told_so_and_not_that_the_text_has_changed() {
    let mut story = filed();
    let members = &mut story.registry.organizations.get_mut("bozhou-health").unwrap().members;
    for role in members {
        role.users.retain(|user| user != UNIT);
    }
    assert_eq!(story.plan().status.phase, Phase::Draft);
    assert_eq!(void_reasons(&story), [VoidReason::NotEntitled]);
}

#[test]
fn r15_1_a_request_is_filed_at_the_gate_of_filing_by_a_submit_and_in_the_role_that_files() {
    let shapes: [fn(&mut DecisionFact); 4] = [
        |d| d.spec.gate = "completeness".into(),
        |d| d.spec.verdict = Verdict::Approve,
        |d| d.spec.role = "supervisor".into(),
        |d| d.spec.request_ref.uid = "another".into(),
    ];
    for (n, shape) in shapes.into_iter().enumerate() {
        let mut story = Story::of("health-portal");
        let mut submission = story.draft(UNIT, GATE_SUBMISSION, Verdict::Submit);
        shape(&mut submission);
        story.makes(submission);
        assert_eq!(story.plan().status.phase, Phase::Draft, "{n}");
    }
}

#[test]
fn r15_2_a_subordinate_unit_needs_its_supervisors_filing_too() {
    let mut story = Story::of("hospital-his");
    story.decides("wang.fang@hospital", GATE_SUBMISSION, Verdict::Submit);
    assert_eq!(story.open(), ["supervisor-filing"]);
    story.decides("sun.li@health", "supervisor-filing", Verdict::Approve);
    assert_eq!(story.open(), ["completeness"]);
    // Nor does the supervisor's filing alone count: without the unit's opinion there is no round to file in.
    let mut alone = Story::of("hospital-his");
    alone.decides("sun.li@health", "supervisor-filing", Verdict::Approve);
    assert_eq!(alone.plan().status.phase, Phase::Draft);
}

#[test]
fn r18_1_incomplete_material_is_listed_and_cannot_pass() {
    let mut story = Story::of("health-portal");
    story.request.spec.application.documents.remove(0);
    story.decides(UNIT, GATE_SUBMISSION, Verdict::Submit);
    let (complete, reason, message) = story.condition(CONDITION_COMPLETE);
    assert_eq!((complete, reason.as_str()), (Some(false), "MaterialMissing"));
    assert!(message.contains("ConstructionApproval 系统建设批复 (第十七条)"), "{message}");
    story.decides(AUTHORITY, "completeness", Verdict::Approve);
    assert_eq!(void_reasons(&story), [VoidReason::MaterialIncomplete]);
    story.decides(AUTHORITY, "completeness", Verdict::Return);
    assert_eq!(story.plan().status.phase, Phase::Returned);
}

#[test]
fn r18_1_a_returned_request_can_be_filed_again_as_the_next_round() {
    let mut story = filed();
    story.decides(AUTHORITY, "completeness", Verdict::Return);
    assert_eq!(story.plan().status.phase, Phase::Returned);
    assert!(story.condition(CONDITION_READY).2.contains("为测试"), "says why");
    assert_eq!(story.open(), [GATE_SUBMISSION]);
    story.decides(UNIT, GATE_SUBMISSION, Verdict::Submit);
    assert_eq!(story.plan().status.phase, Phase::InReview);
    assert_eq!((story.open(), story.plan().status.round), (vec!["completeness".to_owned()], 2));
}

#[test]
fn r19_1_amounts_are_confirmed_line_by_line_and_never_above_what_was_asked() {
    let mut story = filed();
    story.decides(AUTHORITY, "completeness", Verdict::Approve).decides(AGENCY, "plan", Verdict::Confirm);
    let mut above = story.draft(AGENCY, "evaluation", Verdict::Approve);
    above.spec.grant[0].quantity += 1;
    let mut short = story.draft(AGENCY, "evaluation", Verdict::Approve);
    short.spec.grant.remove(0);
    short.uid = "short".into();
    story.makes(above).makes(short);
    assert_eq!(void_reasons(&story), [VoidReason::AmountsWrong, VoidReason::AmountsWrong]);
    let mut less = story.draft(AGENCY, "evaluation", Verdict::Approve);
    less.spec.grant[0].quantity = 12;
    less.uid = "less".into();
    story.makes(less);
    assert_eq!(story.open(), ["approval"]);
    assert_eq!(story.plan().status.amounts.get("requests.cpu"), Some(&Quantity("12".into())));
}

#[test]
fn r25_1_the_grant_is_exactly_what_was_confirmed() {
    let story = provisioned();
    let (system, _) = story.system.as_ref().unwrap();
    let amounts = Amounts::parse(&system.grants[0].amounts).unwrap().print();
    let expected = [
        ("bandwidth.mbps", "50"),
        ("limits.cpu", "16"),
        ("limits.memory", "32Gi"),
        ("persistentvolumeclaims", "10"),
        ("pods", "160"),
        ("requests.cpu", "16"),
        ("requests.memory", "32Gi"),
        ("requests.storage", "500Gi"),
        ("ssd.storageclass.storage.k8s.io/requests.storage", "500Gi"),
    ];
    let expected = expected.map(|(resource, amount)| (resource.to_owned(), Quantity(amount.into()))).into();
    assert_eq!(amounts, expected);
}

#[test]
fn r19_2_refused_plan_says_why_and_can_be_filed_again() {
    let mut story = evaluated();
    story.decides(AUTHORITY, "approval", Verdict::Reject);
    let plan = story.plan();
    assert_eq!(plan.status.phase, Phase::Rejected);
    assert!(plan.grant.is_none());
    let (_, reason, message) = story.condition(CONDITION_READY);
    assert_eq!(reason, "Rejected");
    assert!(message.contains(AUTHORITY) && message.contains("为测试"), "{message}");
    story.request.spec.application.lines[0].quantity = 8;
    assert_eq!(story.open(), [GATE_SUBMISSION], "an edited request is a draft again");
    story.decides(UNIT, GATE_SUBMISSION, Verdict::Submit);
    let status = story.plan().status;
    assert_eq!((status.phase, status.open_gates[0].gate.as_str()), (Phase::InReview, "completeness"));
    assert_eq!(status.round, 2, "however much was edited in between");
}

#[test]
fn r7_1_the_wrong_role_decides_nothing() {
    let mut story = filed();
    for role in ["unit", "agency", "provider", "finance"] {
        let mut decision = story.draft(&format!("somebody-{role}"), "completeness", Verdict::Approve);
        decision.spec.role = role.into();
        decision.uid = format!("as-{role}");
        story.makes(decision);
    }
    assert_eq!(void_reasons(&story), [VoidReason::WrongRole; 4]);
    assert_eq!(story.open(), ["completeness"]);
}

#[test]
fn r7_1_one_person_never_acts_in_two_roles() {
    let mut story = filed();
    for (organization, role, user) in
        [("bozhou-data-bureau", ROLE_AUTHORITY, UNIT), ("bozhou-data-center", ROLE_AGENCY, AUTHORITY)]
    {
        let members = &mut story.registry.organizations.get_mut(organization).unwrap().members;
        members.iter_mut().find(|m| m.role == role).unwrap().users.push(user.into());
    }
    story.decides(UNIT, "completeness", Verdict::Approve);
    assert_eq!(void_reasons(&story), [VoidReason::SecondRole]);
    story.decides(AUTHORITY, "completeness", Verdict::Approve).decides(AUTHORITY, "plan", Verdict::Confirm);
    assert_eq!(void_reasons(&story), [VoidReason::SecondRole, VoidReason::SecondRole]);
}

#[test]
fn r7_1_nor_in_another_round_of_the_request() {
    let mut story = filed();
    for (organization, role, user) in
        [("bozhou-health", ROLE_UNIT, AUTHORITY), ("bozhou-data-center", ROLE_AGENCY, AUTHORITY)]
    {
        let members = &mut story.registry.organizations.get_mut(organization).unwrap().members;
        members.iter_mut().find(|m| m.role == role).unwrap().users.push(user.into());
    }
    story.decides(AUTHORITY, "completeness", Verdict::Return);
    // Whoever returned it does not file it again in the unit's place, nor decide as the agency then.
    story.request.spec.application.purpose = "改过的用途".into();
    story.decides(AUTHORITY, GATE_SUBMISSION, Verdict::Submit);
    assert_eq!(story.plan().status.phase, Phase::Draft);
    assert_eq!(void_reasons(&story).last(), Some(&VoidReason::SecondRole));
    story.decides(UNIT, GATE_SUBMISSION, Verdict::Submit);
    story.decides("wu.gang@data-bureau", "completeness", Verdict::Approve).decides(AUTHORITY, "plan", Verdict::Confirm);
    assert_eq!(void_reasons(&story), [VoidReason::SecondRole]);
    story.decides(AGENCY, "plan", Verdict::Confirm);
    assert_eq!(story.open(), ["evaluation"]);
}

#[test]
fn r7_1_only_members_of_the_organizations_that_fill_a_role_decide() {
    let mut story = filed();
    story.decides("ma.chao@guoyang", "completeness", Verdict::Approve);
    assert_eq!(void_reasons(&story), [VoidReason::NotEntitled], "another county's authority, with the verb or not");
}

#[test]
fn a_decision_counts_only_for_the_content_it_saw() {
    let mut story = filed();
    let seen = story.draft(AUTHORITY, "completeness", Verdict::Approve);
    story.request.spec.application.purpose = "别的用途".into();
    story.decides(UNIT, GATE_SUBMISSION, Verdict::Submit).makes(seen);
    assert_eq!(story.open(), ["completeness"]);
    let mut forged = story.draft(AUTHORITY, "completeness", Verdict::Approve);
    forged.spec.digest = "0".repeat(64);
    story.makes(forged);
    assert!(void_reasons(&story).contains(&VoidReason::OtherContent));
}

#[test]
fn a_later_voice_of_the_same_second_displaces_none_that_counted() {
    let mut story = filed();
    let late = story.draft("wu.gang@data-bureau", "completeness", Verdict::Approve);
    story.decides(AUTHORITY, "completeness", Verdict::Approve);
    let first = story.decisions.last().unwrap().clone();
    let late = DecisionFact { at: first.at, order: first.order + 1, uid: "0".into(), name: "late".into(), ..late };
    story.makes(late);
    assert_eq!(story.plan().status.decisions[0].uid, first.uid);
    assert_eq!(void_reasons(&story), [VoidReason::GateClosed]);
}

#[test]
fn an_edit_without_a_new_filing_voids_everything() {
    let mut story = evaluated();
    story.request.spec.application.purpose = "别的用途".into();
    let plan = story.plan();
    assert_eq!(plan.status.phase, Phase::Draft);
    assert_eq!(story.condition(CONDITION_READY).1, "EditedSinceFiled");
}

#[test]
fn a_change_of_the_providers_product_reopens_the_gates() {
    let mut story = evaluated();
    let product = story.registry.products.iter_mut().find(|p| p.name == "bozhou-main.vcpu").unwrap();
    product.spec.amounts.insert("requests.cpu".into(), Quantity("2".into()));
    assert_eq!(story.open(), ["completeness"]);
}

#[test]
fn r13_1_a_price_from_a_later_day_on_changes_no_filed_request() {
    use crate::api::catalog_item::Price;
    use crate::api::common::Money;
    let mut story = evaluated();
    let before = story.plan().status.monthly_fee;
    let item = story.registry.items.get_mut("vcpu").unwrap();
    let tomorrow = jiff::civil::date(2026, 11, 25);
    item.spec.prices.push(Price { from: tomorrow, monthly: Money("99".into()), basis: "test".into() });
    story.now = story.now.checked_add(72.hours()).unwrap();
    assert_eq!(story.plan().status.monthly_fee, before);
    assert_eq!(story.open(), ["approval"]);
}

#[test]
fn r20_1_only_passed_reports_open_the_signatures() {
    let mut story = fulfilled();
    story.decides(UNIT, "trial-report", Verdict::File);
    let mut failed = story.draft(UNIT, "security-report", Verdict::File);
    failed.spec.evidence[0].result = Some(TestResult::Failed);
    story.makes(failed);
    assert_eq!(story.open(), ["security-report"], "a failed test leads back to testing");
    story.decides(UNIT, "security-report", Verdict::File);
    assert_eq!(story.open(), ["sign-unit", "sign-provider", "sign-authority"]);
}

#[test]
fn r13_2_a_service_opened_by_hand_is_confirmed_by_the_provider() {
    let story = provisioned();
    assert_eq!(story.open(), ["fulfilment"], "the shipped request asks for a web application firewall");
    assert_eq!(fulfilled().open(), ["trial-report", "security-report"]);
    let mut without = Story::of("health-portal");
    without.request.spec.application.lines.retain(|l| l.name != "waf");
    without
        .decides(UNIT, GATE_SUBMISSION, Verdict::Submit)
        .decides(AUTHORITY, "completeness", Verdict::Approve)
        .decides(AGENCY, "plan", Verdict::Confirm)
        .decides(AGENCY, "evaluation", Verdict::Approve)
        .decides(AUTHORITY, "approval", Verdict::Approve)
        .operator_acts();
    assert_eq!(without.open(), ["trial-report", "security-report"]);
}

#[test]
fn r17_1_a_document_can_be_asked_for_where_something_is_opened_by_hand() {
    use crate::api::governance_policy::{Applies, DocumentRule};
    let mut story = Story::of("health-portal");
    let policy = story.registry.policies.iter_mut().find(|p| p.name == "bozhou-2024").unwrap();
    policy.spec.tracks[0].documents.push(DocumentRule {
        type_: "SiteList".into(),
        when: Some(Applies::ManualServices),
        article: "第十三条".into(),
        ..DocumentRule::default()
    });
    assert!(story.condition(CONDITION_COMPLETE).2.contains("SiteList"));
    story.request.spec.application.lines.retain(|l| l.name != "waf");
    assert!(!story.condition(CONDITION_COMPLETE).2.contains("SiteList"));
}

#[test]
fn r21_1_charging_starts_with_the_third_signature_and_not_before() {
    let mut story = fulfilled();
    story.decides(UNIT, "trial-report", Verdict::File).decides(UNIT, "security-report", Verdict::File);
    for (who, gate) in [(UNIT, "sign-unit"), (PROVIDER, "sign-provider")] {
        story.decides(who, gate, Verdict::Sign).operator_acts();
        assert!(story.system.as_ref().unwrap().0.live.is_none());
    }
    story.decides(AUTHORITY, "sign-authority", Verdict::Sign);
    let signed_at = story.decisions.last().unwrap().at;
    story.now = story.now.checked_add(5.hours()).unwrap();
    story.operator_acts();
    let live = story.system.as_ref().unwrap().0.live.as_ref().unwrap();
    assert_eq!(live.from, signed_at);
    // On record is what was decided since the grant, and nothing of what the grant rests on.
    let gates: Vec<_> = live.decisions.iter().map(|d| d.gate.as_str()).collect();
    let since = ["fulfilment", "trial-report", "security-report", "sign-unit", "sign-provider", "sign-authority"];
    assert_eq!(gates, since);
    assert_eq!(story.plan().status.phase, Phase::Live);
}

#[test]
fn r21_2_the_old_system_is_planned_to_be_kept_three_months_after_cut_over() {
    let story = Story::of("hospital-his");
    let policy = &story.registry.policies.iter().find(|p| p.name == "bozhou-2024").unwrap().spec;
    let kept = crate::core::retention::planned(&story.request.spec.application, policy);
    assert_eq!(kept, Some(jiff::civil::date(2027, 3, 15)));
}

#[test]
fn r4_1_out_of_scope_is_refused_with_the_article() {
    let mut story = Story::of("health-portal");
    story.request.spec.application.protection_level = 4;
    story.decides(UNIT, GATE_SUBMISSION, Verdict::Submit);
    assert_eq!(story.plan().status.phase, Phase::OutOfScope);
    let (_, reason, message) = story.condition(CONDITION_IN_SCOPE);
    assert_eq!(reason, "ProtectionLevelTooHigh");
    assert!(message.contains("第三条、第四条"), "{message}");
    assert!(story.open().is_empty());
}

#[test]
fn r16_1_the_nearest_item_is_proposed_for_what_is_not_in_the_catalog() {
    use crate::api::cloud_resource_request::{Line, Need};
    let mut story = Story::of("health-portal");
    let need = Need {
        description: "16核 64G 服务器".into(),
        functions: vec!["server".into(), "compute".into()],
        size: [("cores".into(), 14), ("memoryGiB".into(), 60)].into(),
    };
    story.request.spec.application.lines.push(Line {
        name: "big".into(),
        quantity: 1,
        need: Some(need),
        ..Line::default()
    });
    let status = story.plan().status;
    assert_eq!(status.lines.last().unwrap().nearest[0], "server-16c64g");
    let (resolved, _, message) = story.condition(CONDITION_RESOLVED);
    assert_eq!(resolved, Some(false));
    assert!(message.contains("server-16c64g") && message.contains("selfProcured"), "{message}");
}

#[test]
fn r16_2_what_the_unit_procures_itself_provisions_and_costs_nothing() {
    use crate::api::cloud_resource_request::{Line, Need};
    let plain = provisioned();
    let mut story = Story::of("health-portal");
    let need = Need { description: "量子随机数发生器".into(), ..Need::default() };
    story.request.spec.application.lines.push(Line {
        name: "qrng".into(),
        quantity: 1,
        need: Some(need),
        self_procured: Some("目录中无法适配".into()),
        ..Line::default()
    });
    story
        .decides(UNIT, GATE_SUBMISSION, Verdict::Submit)
        .decides(AUTHORITY, "completeness", Verdict::Approve)
        .decides(AGENCY, "plan", Verdict::Confirm)
        .decides(AGENCY, "evaluation", Verdict::Approve)
        .decides(AUTHORITY, "approval", Verdict::Approve)
        .operator_acts();
    let grant = &story.system.as_ref().unwrap().0.grants[0];
    assert_eq!(grant.amounts, plain.system.as_ref().unwrap().0.grants[0].amounts);
    assert_eq!(story.plan().status.monthly_fee, plain.plan().status.monthly_fee);
    let exception = grant.lines.iter().find(|l| l.name == "qrng").unwrap();
    assert_eq!((exception.terms.is_none(), exception.self_procured.as_deref()), (true, Some("目录中无法适配")));
}

#[test]
fn r13_2_an_item_without_a_product_in_the_domain_is_named() {
    let mut story = Story::of("hospital-his");
    story.request.spec.application.lines[0].item = Some("gpu-inference".into());
    let (_, _, message) = story.condition(CONDITION_RESOLVED);
    assert!(message.contains("bozhou-health-dedicated offers no product for item gpu-inference"), "{message}");
}

#[test]
fn r3_1_a_dedicated_domain_is_open_to_its_organizations_only() {
    let mut story = Story::of("guoyang-school");
    story.request.spec.application.domain = "bozhou-health-dedicated".into();
    let (_, reason, message) = story.condition(CONDITION_STALLED);
    assert_eq!(reason, "DomainNotOpen");
    assert!(message.contains("bozhou-health-dedicated is a dedicated domain"), "{message}");
}

#[test]
fn r41_1_a_county_takes_its_own_gates() {
    let mut story = Story::of("guoyang-school");
    story.decides("feng.juan@guoyang", GATE_SUBMISSION, Verdict::Submit);
    assert_eq!(story.open(), ["evaluation"]);
    story.decides("ma.chao@guoyang", "evaluation", Verdict::Approve);
    story.decides("ma.chao@guoyang", "joint-approval", Verdict::Approve);
    story.decides("ma.chao@guoyang", "joint-approval", Verdict::Approve);
    assert_eq!(story.plan().status.waiting_for.as_deref(), Some("authority: joint-approval 1/2"));
    assert!(story.plan().grant.is_none(), "one person voting twice is one vote");
    story.decides("gao.yan@guoyang", "joint-approval", Verdict::Approve);
    assert!(story.plan().grant.is_some());
}

#[test]
fn r42_1_what_was_filed_under_a_version_is_judged_by_it() {
    let mut story = evaluated();
    story.now = "2029-06-01T00:00:00Z".parse().unwrap();
    assert_eq!(story.open(), ["approval"], "what was filed goes on after the last day");
    let mut late = Story::of("health-portal");
    late.now = "2029-05-22T16:00:01Z".parse().unwrap(); // 23 May in Shanghai
    assert_eq!(late.condition(CONDITION_STALLED).1, "NoPolicyInForce");
    late.now = "2029-05-22T15:59:59Z".parse().unwrap();
    assert_eq!(late.open(), [GATE_SUBMISSION], "the last day counts");
}

#[test]
fn r5_1_funding_and_payer_are_frozen_into_the_grant() {
    let story = provisioned();
    let grant = &story.system.as_ref().unwrap().0.grants[0];
    assert_eq!((grant.payer.as_str(), grant.self_paying), ("bozhou-finance", false));
}

#[test]
fn a_request_applied_again_finds_its_system() {
    let mut story = live();
    story.request.metadata.uid = Some("another-uid".into());
    assert_eq!(story.plan().status.phase, Phase::Live);
    assert!(story.plan().grant.is_none());
    // Under another name its decisions are not found, so it is another request, though in the same words.
    let own = story.request.metadata.name.replace("in-the-same-words".into());
    assert_eq!(story.condition(CONDITION_STALLED).1, "SystemNameTaken");
    story.request.metadata.name = own;
    story.request.spec.application.lines[0].quantity = 999;
    assert_eq!(story.condition(CONDITION_STALLED).1, "SystemNameTaken");
    assert!(story.plan().grant.is_none());
}

#[test]
fn a_granted_system_outlives_the_role_of_those_who_granted_it() {
    let mut story = provisioned();
    for decision in &mut story.decisions {
        decision.entitled = false;
    }
    assert_eq!(story.plan().status.phase, Phase::Trial);
    assert_eq!(story.open(), ["fulfilment"]);
}

#[test]
fn who_lost_the_role_before_the_grant_does_not_count() {
    let mut story = evaluated();
    story.decisions[1].entitled = false;
    assert_eq!(story.open(), ["completeness"]);
}

#[test]
fn a_filing_can_be_withdrawn_until_it_is_granted() {
    let withdraw = |story: &Story| {
        let mut decision = story.draft(UNIT, "withdrawal", Verdict::Withdraw);
        decision.spec.role = ROLE_UNIT.into();
        decision.spec.digest.clone_from(&story.decisions[0].spec.digest);
        decision.uid = "withdrawal".into();
        decision
    };
    let mut story = evaluated();
    let decision = withdraw(&story);
    story.makes(decision);
    assert_eq!(story.plan().status.phase, Phase::Withdrawn);
    assert_eq!(story.condition(CONDITION_READY).1, "Withdrawn");
    let mut late = provisioned();
    let decision = withdraw(&late);
    late.makes(decision);
    assert_eq!(late.plan().status.phase, Phase::Trial);
    assert_eq!(void_reasons(&late), [VoidReason::GateClosed]);
}

#[test]
fn deadlines_count_working_days_and_a_missing_calendar_is_unknown() {
    let mut story = filed();
    assert_eq!(story.plan().status.due, Some(jiff::civil::date(2026, 11, 27)));
    assert_eq!(story.plan().status.due_unknown, None);
    story.registry.calendars.clear();
    assert_eq!(story.condition(CONDITION_OVERDUE).1, "CalendarMissing");
    let status = story.plan().status;
    let (due, unknown) = (status.due, Some(DueUnknown::CalendarMissing));
    assert_eq!((due, status.due_unknown, status.open_gates[0].due_unknown), (None, unknown, unknown));
    let message = story.condition(CONDITION_OVERDUE).2;
    assert!(message.contains("gate completeness") && message.contains("region cn, there is no WorkCalendar for 2026"));
    let policy = &story.registry.policies[0].spec;
    let told = |at: &str| counts_days(&filed().registry, policy, at.parse().unwrap()).holds;
    assert_eq!((told("2026-06-01T00:00:00Z"), told("2026-12-31T00:00:00Z")), (Some(true), Some(false)));
    let mut late = filed();
    late.now = late.now.checked_add(200.hours()).unwrap();
    assert_eq!(late.condition(CONDITION_OVERDUE).1, "PastDue");
}

#[test]
fn r17_1_documents_are_material() {
    let mut story = filed();
    story.request.spec.application.documents.push(Document {
        type_: "Extra".into(),
        name: "x".into(),
        sha256: "0".repeat(64),
        uri: None,
    });
    assert_eq!(story.plan().status.phase, Phase::Draft);
}

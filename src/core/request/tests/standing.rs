//! What stands in a request's way, or beside it: other requests, other objects of its name, the room that is left.

use super::*;
use crate::api::common::Time;
use crate::api::governance_policy::Gate;

#[test]
fn r3_1_what_a_request_names_wrongly_is_told_with_what_it_may_name() {
    let says = |sample: &str, shape: fn(&mut Story)| {
        let mut story = Story::of(sample);
        shape(&mut story);
        let (_, reason, message) = story.condition(CONDITION_STALLED);
        (reason, message)
    };
    let nowhere: fn(&mut Story) = |story| story.request.spec.application.domain = "nowhere".into();
    let (reason, message) = says("hospital-his", nowhere);
    assert_eq!(reason, "DomainUnknown");
    assert!(message.contains("bozhou-main") && message.contains("bozhou-health-dedicated"), "{message}");
    let (_, message) = says("guoyang-school", nowhere);
    assert!(message.contains("bozhou-main") && !message.contains("dedicated"), "not open to a school: {message}");
    let (reason, message) = says("health-portal", |story| story.request.spec.application.track = "Quick".into());
    assert_eq!(reason, "TrackUnknown");
    assert!(message.contains("no track `Quick`; for this request it has Standard, Urgent"), "{message}");
}

#[test]
fn a_code_that_is_taken_says_by_whom() {
    let taken = |shape: fn(&mut Story)| {
        let mut story = live();
        story.request.metadata.uid = Some("another-uid".into());
        shape(&mut story);
        let (_, reason, message) = story.condition(CONDITION_STALLED);
        assert_eq!(reason, "SystemNameTaken");
        message
    };
    let edited = taken(|story| story.request.spec.application.lines[0].quantity = 999);
    assert!(edited.contains("opened for request health-portal with other content"), "{edited}");
    let other = taken(|story| story.request.metadata.name = Some("other".into()));
    assert!(other.contains("opened for request health-portal, and"), "{other}");
}

/// Approved and put on record, and not open yet: the operator is at work, and nobody grants it once more.
#[test]
fn r19_2_between_the_grant_and_the_open_resources_the_operator_is_at_work() {
    let mut story = provisioned();
    story.system.as_mut().unwrap().1 = None;
    let plan = story.plan();
    assert_eq!((plan.status.phase, plan.status.waiting_for.as_deref()), (Phase::Provisioning, Some("operator")));
    assert!(plan.grant.is_none() && plan.system.is_none());
    assert_eq!(story.condition(CONDITION_PROVISIONED).0, Some(false));
}

#[test]
fn r15_1_once_granted_the_filing_of_the_grant_stands_whatever_is_filed_or_sent_back_later() {
    let mut story = evaluated();
    // A gate beside the way, which the grant does not wait for: it may send nothing back.
    let policy = story.registry.policies.iter_mut().find(|p| p.name == "bozhou-2024").unwrap();
    let plan = policy.spec.tracks[0].gates.iter().find(|g| g.name == "plan").unwrap().clone();
    policy.spec.tracks[0].gates.push(Gate { name: "audit".into(), verdicts: vec![Verdict::Approve], ..plan });
    story.decides(AUTHORITY, "approval", Verdict::Approve).operator_acts();
    let before = story.plan().status;
    let mut again = story.decisions[0].clone();
    (again.name, again.uid, again.order) = ("again".into(), "again".into(), 900);
    again.at = Time::new(story.now);
    story.makes(again);
    let mut after = story.plan().status;
    let void: Vec<_> = std::mem::take(&mut after.void_decisions).into_iter().map(|v| (v.name, v.reason)).collect();
    assert_eq!(void, [("again".to_owned(), VoidReason::GateClosed)]);
    assert_eq!(after, before);
    story.decides(AGENCY, "audit", Verdict::Return);
    assert_eq!(story.plan().status.phase, Phase::Trial);
    assert_eq!(story.condition(CONDITION_READY).1, "AwaitingDecision", "what is open is not sent back");
}

#[test]
fn r7_1_what_somebody_did_about_another_object_of_the_name_binds_nobody_here() {
    let mut story = Story::of("health-portal");
    let bureau = &mut story.registry.organizations.get_mut("bozhou-data-bureau").unwrap().members;
    bureau.iter_mut().find(|m| m.role == ROLE_AUTHORITY).unwrap().users.push(UNIT.into());
    let mut other = story.draft(UNIT, "completeness", Verdict::Approve);
    other.spec.role = ROLE_AUTHORITY.into();
    other.spec.request_ref.uid = "an-earlier-object".into();
    story.makes(other).decides(UNIT, GATE_SUBMISSION, Verdict::Submit);
    assert_eq!(story.plan().status.phase, Phase::InReview);
}

#[test]
fn r26_2_a_draft_says_whether_the_domain_has_room() {
    let room = |granted: &str| {
        let mut story = Story::of("health-portal");
        story.domain.granted = [("requests.cpu".to_owned(), Quantity(granted.into()))].into();
        story.condition(CONDITION_CAPACITY)
    };
    assert_eq!(room("1984").1, "Fits", "16 of 2000");
    let (holds, reason, message) = room("1985");
    assert_eq!((holds, reason.as_str()), (Some(false), "Short"));
    assert!(message.contains("requests.cpu: 16 wanted, 15 free"), "{message}");
}

#[test]
fn r21_2_a_request_on_its_way_says_until_when_the_old_system_is_kept() {
    let mut story = Story::of("hospital-his");
    story.decides("wang.fang@hospital", GATE_SUBMISSION, Verdict::Submit);
    assert_eq!(story.plan().status.keep_old_until, Some(jiff::civil::date(2027, 3, 15)));
}

#[test]
fn r26_5_what_a_system_stands_by_for_is_approved_with_the_rest_and_goes_on_record() {
    let mut story = Story::of("health-portal");
    let before = story.plan().status.open_gates[0].digest.clone();
    story.request.spec.application.standby_for = Some("亳州市人民医院信息系统".into());
    assert_ne!(story.plan().status.open_gates[0].digest, before, "who evaluates has read it");
    story.decides(UNIT, GATE_SUBMISSION, Verdict::Submit);
    for (who, gate, verdict) in [
        (AUTHORITY, "completeness", Verdict::Approve),
        (AGENCY, "plan", Verdict::Confirm),
        (AGENCY, "evaluation", Verdict::Approve),
        (AUTHORITY, "approval", Verdict::Approve),
    ] {
        story.decides(who, gate, verdict);
    }
    story.operator_acts();
    assert_eq!(story.system.unwrap().0.standby_for.as_deref(), Some("亳州市人民医院信息系统"));
}

/// The API server's clock counts seconds: what is granted and signed for within one is signed for.
#[test]
fn r21_1_signed_in_the_second_of_the_grant_it_is_live() {
    let mut story = live();
    let system = &mut story.system.as_mut().unwrap().0;
    system.live.as_mut().unwrap().from = system.grants[0].effective_from;
    assert_eq!(story.plan().status.phase, Phase::Live);
}

#[test]
fn r42_1_days_are_those_of_the_units_own_rules() {
    let mut story = Story::of("health-portal");
    let county = story.registry.policies.iter_mut().find(|p| p.name == "guoyang-2025").unwrap();
    county.spec.time_zone = "America/New_York".into();
    story.now = "2029-05-22T16:00:01Z".parse().unwrap(); // 23 May in Shanghai
    assert_eq!(story.condition(CONDITION_STALLED).1, "NoPolicyInForce");
}

#[test]
fn r38_1_nothing_new_is_granted_while_a_sanction_stops_it_and_what_is_granted_stays() {
    use crate::api::names::CONDITION_GRANTS;
    use crate::core::text::Text;
    let stop = Some(Text::new("nothing new is granted", "已停止发放"));
    let mut story = Story::of("health-portal");
    story.grants_stopped.clone_from(&stop);
    assert_eq!(story.condition(CONDITION_GRANTS).0, Some(false), "who drafts learns of it");
    story
        .decides("zhang.wei@health", "submission", Verdict::Submit)
        .decides("li.na@data-bureau", "completeness", Verdict::Approve)
        .decides("chen.jing@data-center", "plan", Verdict::Confirm)
        .decides("chen.jing@data-center", "evaluation", Verdict::Approve)
        .decides("li.na@data-bureau", "approval", Verdict::Approve)
        .operator_acts();
    assert!(story.system.is_none());
    assert_eq!(story.condition(CONDITION_READY).1, "GrantsStopped");
    // It goes on by itself once that is lifted, and is not taken back by the next one.
    story.grants_stopped = None;
    story.operator_acts();
    assert!(story.system.is_some());
    story.grants_stopped = stop;
    let plan = story.plan();
    assert!(plan.status.committed || plan.status.system.is_some(), "{:?}", plan.status);
    assert!(!plan.conditions.iter().any(|c| c.type_ == CONDITION_GRANTS));
}

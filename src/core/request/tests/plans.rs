//! What a request says of itself at each place of its way: phase, who must act by when, conditions, each word.

use super::*;
use crate::core::fixtures;

fn shown(story: &Story) -> String {
    let mut plan = story.plan();
    // What a line says is looked at elsewhere.
    plan.status.lines.truncate(1);
    let wake = plan.wake.map(|at| at.to_string());
    let carries_out = (plan.grant.is_some(), plan.system.is_some(), plan.live.is_some());
    fixtures::shown(&plan.status, &plan.conditions, &format!("wakes {wake:?}, grants {carries_out:?}"))
}

#[test]
fn r15_1_each_place_of_the_way_says_where_it_is_and_who_is_next() {
    let place = |name: &str, story: &Story| insta::assert_snapshot!(name, shown(story));
    place("draft", &Story::of("health-portal"));
    place("filed", &filed());
    let mut returned = filed();
    returned.decides(AUTHORITY, "completeness", Verdict::Return);
    place("returned", &returned);
    let mut approved = evaluated();
    approved.decides(AUTHORITY, "approval", Verdict::Approve);
    place("approved", &approved);
    place("on-trial", &provisioned());
    place("live", &live());
}

#[test]
fn r4_1_what_cannot_go_on_says_why_and_what_to_do() {
    let mut secret = Story::of("health-portal");
    secret.request.spec.application.classified = true;
    secret.decides(UNIT, GATE_SUBMISSION, Verdict::Submit);
    insta::assert_snapshot!("out-of-scope", shown(&secret));
    let mut lost = Story::of("health-portal");
    lost.request.spec.application.domain = "nowhere".into();
    insta::assert_snapshot!("stalled", shown(&lost));
}

/// Until its last second a gate is in time, and that second is the next at which anything changes by itself.
#[test]
fn r18_1_a_deadline_is_past_from_its_moment_on_and_not_before() {
    let mut story = filed();
    let due = story.plan().status.open_gates[0].due.unwrap().timestamp();
    assert_eq!(story.plan().wake, Some(due));
    story.now = due.checked_sub(1.second()).unwrap();
    assert_eq!((story.condition(CONDITION_OVERDUE).0, story.plan().wake), (Some(false), Some(due)));
    story.now = due;
    let (holds, reason, message) = story.condition(CONDITION_OVERDUE);
    assert_eq!((holds, reason.as_str(), story.plan().wake), (Some(true), "PastDue", None));
    assert!(message.contains("by the end of 2026-11-27"), "{message}");
    // A gate without a deadline has none to be unknown.
    story.registry.calendars.clear();
    assert_eq!(story.condition(CONDITION_OVERDUE).1, "CalendarMissing");
    let policy = story.registry.policies.iter_mut().find(|p| p.name == "bozhou-2024").unwrap();
    policy.spec.tracks[0].gates.iter_mut().find(|g| g.name == "completeness").unwrap().due_work_days = None;
    assert_eq!(story.condition(CONDITION_OVERDUE).1, "InTime");
}

#[test]
fn r18_1_what_an_earlier_round_left_is_history_and_what_does_not_count_now_is_named() {
    let mut story = filed();
    let mut stale = story.draft(AUTHORITY, "completeness", Verdict::Approve);
    stale.spec.digest = "0".repeat(64);
    story.makes(stale.clone());
    assert_eq!(void_reasons(&story), [VoidReason::OtherContent]);
    story.decides(AUTHORITY, "completeness", Verdict::Return).decides(UNIT, GATE_SUBMISSION, Verdict::Submit);
    assert_eq!(void_reasons(&story), []);
    // Made in the second of the new filing, or later: nobody knows whether its maker saw it.
    let again = |at, name: &str| DecisionFact { at, name: name.into(), uid: name.into(), ..stale.clone() };
    let filed_at = story.decisions.last().unwrap().at;
    story.makes(again(filed_at, "same-second"));
    assert_eq!(void_reasons(&story), [VoidReason::OtherSubmission]);
    // Of the standing filing, by a clock that was put back.
    let mut early = again(stale.at, "early");
    early.spec.submission_uid = story.plan().status.submission.map(|filed| filed.uid);
    story.makes(early);
    let names: Vec<_> = story.plan().status.void_decisions.into_iter().map(|v| v.name).collect();
    assert_eq!(names, ["early", "same-second"]);
}

#[test]
fn r19_2_of_what_does_not_count_the_newest_are_shown() {
    let forge = |story: &mut Story, gate: &str, verdict| {
        for n in 0..20 {
            story.now = story.now.checked_add(1.second()).unwrap();
            let mut forged = story.draft(AUTHORITY, gate, verdict);
            forged.spec.digest = "0".repeat(64);
            forged.name = format!("forged-{n}");
            story.makes(forged);
        }
        story.plan().status.void_decisions.into_iter().map(|v| v.name).collect::<Vec<_>>()
    };
    let newest: Vec<_> = (15..20).map(|n| format!("forged-{n}")).collect();
    assert_eq!(forge(&mut filed(), "completeness", Verdict::Approve), newest);
    assert_eq!(forge(&mut Story::of("health-portal"), GATE_SUBMISSION, Verdict::Submit), newest);
}

#[test]
fn r15_1_a_filing_that_opens_nothing_says_why() {
    let file = |shape: fn(&mut DecisionFact)| {
        let mut story = Story::of("health-portal");
        let mut submission = story.draft(UNIT, GATE_SUBMISSION, Verdict::Submit);
        shape(&mut submission);
        story.makes(submission);
        void_reasons(&story)
    };
    assert_eq!(file(|d| d.spec.request_ref.uid = "another".into()), [VoidReason::OtherRequest]);
    assert_eq!(file(|d| d.entitled = false), [VoidReason::NotEntitled]);
    assert_eq!(file(|d| d.spec.role = "supervisor".into()), [VoidReason::NotEntitled]);
    assert_eq!(file(|d| d.spec.digest = "0".repeat(64)), [VoidReason::OtherContent]);
    // What is no filing is not judged as one: there is nothing to decide yet.
    assert_eq!(file(|d| d.spec.verdict = Verdict::Approve), [VoidReason::GateNotOpen]);
    let mut edited = filed();
    edited.request.spec.application.purpose.push('。');
    let (_, reason, message) = edited.condition(CONDITION_READY);
    assert!(reason == "EditedSinceFiled" && message.contains("file it again"), "{reason}: {message}");
}

#[test]
fn r18_1_rounds_are_the_filings_of_whoever_may_file() {
    let mut story = filed();
    story.decides(AUTHORITY, "completeness", Verdict::Return);
    let mut odd = |shape: fn(&mut DecisionFact)| {
        story.now = story.now.checked_add(1.second()).unwrap();
        let mut filing = story.draft(UNIT, GATE_SUBMISSION, Verdict::Submit);
        shape(&mut filing);
        story.makes(filing);
    };
    odd(|d| d.entitled = false);
    odd(|d| d.spec.role = "supervisor".into());
    odd(|d| d.spec.request_ref.uid = "another".into());
    odd(|d| d.spec.verdict = Verdict::Confirm);
    story.decides(UNIT, GATE_SUBMISSION, Verdict::Submit);
    assert_eq!(story.plan().status.round, 2);
    // One that opens nothing does not make the standing round a later one.
    story.now = story.now.checked_add(1.second()).unwrap();
    let mut stale = story.draft(UNIT, GATE_SUBMISSION, Verdict::Submit);
    stale.spec.digest = "0".repeat(64);
    story.makes(stale);
    assert_eq!((story.plan().status.round, story.open()), (2, vec!["completeness".to_owned()]));
}

#[test]
fn r41_1_how_many_of_a_board_have_agreed_is_said() {
    let mut story = Story::of("guoyang-school");
    story.decides("feng.juan@guoyang", GATE_SUBMISSION, Verdict::Submit).decides(
        "ma.chao@guoyang",
        "evaluation",
        Verdict::Approve,
    );
    let waiting = |story: &Story| story.plan().status.waiting_for.unwrap();
    assert_eq!(waiting(&story), "authority: joint-approval 0/2");
    story.decides("ma.chao@guoyang", "joint-approval", Verdict::Approve);
    assert_eq!(waiting(&story), "authority: joint-approval 1/2");
}

#[test]
fn r19_2_how_a_round_ended_is_said_with_what_is_recommended() {
    let mut returned = filed();
    returned.decides(AUTHORITY, "completeness", Verdict::Approve).decides(AGENCY, "plan", Verdict::Confirm);
    let mut less = returned.draft(AGENCY, "evaluation", Verdict::Return);
    less.spec.grant = vec![crate::api::decision::LineAmount { line: "cpu".into(), quantity: 8 }];
    returned.makes(less);
    let ready = |story: &Story| story.condition(CONDITION_READY);
    let (_, reason, message) = ready(&returned);
    assert_eq!(reason, "Returned");
    assert!(message.contains("Return by chen.jing@data-center at evaluation: 为测试; recommended: cpu=8"), "{message}");
    let mut rejected = filed();
    rejected.decides(AUTHORITY, "completeness", Verdict::Reject);
    assert_eq!((ready(&rejected).1.as_str(), rejected.plan().status.phase), ("Rejected", Phase::Rejected));
}

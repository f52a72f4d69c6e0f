//! What cannot be granted as it is written: said where it stands, with the way out.

use super::*;
use crate::api::common::Time;

fn says(story: &Story, type_: &str, words: &[&str]) -> String {
    let (holds, reason, message) = story.condition(type_);
    assert_ne!(holds, Some(type_ != CONDITION_STALLED), "{type_} {reason}: {message}");
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
    reason
}

fn petabytes(story: &mut Story, items: &[&str]) {
    for product in story.registry.products.iter_mut().filter(|p| items.contains(&p.spec.item.as_str())) {
        product.spec.amounts.insert("requests.storage".into(), Quantity("4Ei".into()));
    }
}

#[test]
fn r19_1_amounts_beyond_what_can_be_counted_pass_no_gate() {
    // One line by itself.
    let mut story = Story::of("health-portal");
    petabytes(&mut story, &["block-ssd"]);
    let reason = says(&story, CONDITION_RESOLVED, &["line disk: 500 units of block-ssd", "ask for less", "行disk"]);
    assert_eq!(reason, "LineProblem");
    assert_eq!(story.condition(CONDITION_CAPACITY).0, None, "what does not add up is not said to fit");
    story.decides(UNIT, GATE_SUBMISSION, Verdict::Submit).decides(AUTHORITY, "completeness", Verdict::Approve);
    assert_eq!(void_reasons(&story), [VoidReason::MaterialIncomplete]);
    story.decides(AUTHORITY, "completeness", Verdict::Return);
    assert_eq!(story.plan().status.phase, Phase::Returned, "there is a way out");
    // Lines that can each be counted, and not together.
    let mut story = Story::of("health-portal");
    petabytes(&mut story, &["block-ssd", "waf"]);
    let disk = story.request.spec.application.lines.iter_mut().find(|l| l.name == "disk").unwrap();
    disk.quantity = 1;
    says(&story, CONDITION_RESOLVED, &["the lines together are beyond what can be counted", "各行合计过大"]);
}

#[test]
fn r13_1_every_line_that_cannot_be_provided_is_named() {
    let mut story = Story::of("health-portal");
    for line in &mut story.request.spec.application.lines {
        line.item = Some(format!("no-{}", line.name));
    }
    let words = [
        "line cpu: there is no item `no-cpu`",
        "line memory:",
        "1 more, see status.lines",
        "行cpu：服务目录中没有no-cpu",
    ];
    says(&story, CONDITION_RESOLVED, &words);
    assert!(story.plan().status.lines.iter().all(|l| l.problem.is_some()));
}

#[test]
fn r7_1_a_gate_at_which_nobody_can_act_says_who_is_missing() {
    let mut story = filed();
    story.registry.organizations.get_mut("bozhou-data-bureau").unwrap().members[0].users.clear();
    let words = ["nobody can act at gate completeness", "role `authority`", "bozhou-data-bureau", "登记"];
    assert_eq!(says(&story, CONDITION_READY, &words), "RoleWithoutHolder");
    assert_eq!(says(&story, CONDITION_STALLED, &words), "RoleWithoutHolder");
    // A unit without people cannot even file; a subordinate unit waits for its supervisor's people.
    let mut unit = Story::of("health-portal");
    unit.registry.organizations.get_mut("bozhou-health").unwrap().members.clear();
    says(&unit, CONDITION_READY, &["gate submission", "role `unit`", "bozhou-health"]);
    let mut child = Story::of("hospital-his");
    child.decides("wang.fang@hospital", GATE_SUBMISSION, Verdict::Submit);
    child.registry.organizations.get_mut("bozhou-health").unwrap().members.clear();
    says(&child, CONDITION_READY, &["gate supervisor-filing", "role `supervisor`", "bozhou-health"]);
    // A policy that asks every unit for its supervisor, and a unit that has none.
    let mut alone = Story::of("health-portal");
    let policy = alone.registry.policies.iter_mut().find(|p| p.name == "bozhou-2024").unwrap();
    policy.spec.tracks[0].gates[0].when = None;
    alone.decides(UNIT, GATE_SUBMISSION, Verdict::Submit);
    says(&alone, CONDITION_READY, &["waits for the supervisor, and bozhou-health has none", "spec.supervisor"]);
}

#[test]
fn r15_1_a_system_code_is_taken_while_another_request_for_it_is_being_decided() {
    let mut story = Story::of("health-portal");
    let noon: Time = "2026-11-24T12:00:00Z".parse::<jiff::Timestamp>().unwrap().into();
    story.rivals = vec![("portal-2", noon)];
    let words =
        ["spec.application.system.code: health-portal is taken by request portal-2", "another code", "请更换代码"];
    assert_eq!(says(&story, CONDITION_STALLED, &words), "SystemNameTaken");
    assert!(story.open().is_empty(), "it is not filed in vain");
    // Filed first, it goes on, and the other one is told.
    story.rivals.clear();
    story.decides(UNIT, GATE_SUBMISSION, Verdict::Submit);
    story.rivals = vec![("portal-2", noon)];
    assert_eq!(story.open(), ["completeness"]);
    // Filed later, it waits, and goes on where it stood once the first one is out of the way.
    let filed = story.decisions[0].at;
    story.rivals = vec![("portal-2", Time::new(filed.timestamp().checked_sub(1.second()).unwrap()))];
    says(&story, CONDITION_STALLED, &words);
    story.rivals.clear();
    assert_eq!((story.open(), story.plan().status.round), (vec!["completeness".to_owned()], 1));
    // In the same second, the uids of the filings decide: never both, never neither.
    story.rivals = vec![("a", filed)];
    let mine_waits = story.open().is_empty();
    story.rivals = vec![("z", filed)];
    assert_ne!(story.open().is_empty(), mine_waits);
    // Once a system stands, it alone says whose the code is.
    let mut granted = provisioned();
    granted.rivals = vec![("portal-2", filed)];
    assert_eq!(granted.plan().status.phase, Phase::Trial);
}

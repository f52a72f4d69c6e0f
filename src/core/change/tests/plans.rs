//! What a change says of itself at each place of its way: phase, who must act by when, conditions, each word.

use super::*;
use crate::api::common::Quantity;
use crate::api::governance_policy::Gate;
use crate::core::fixtures;

fn shown(changing: &Changing) -> String {
    let mut plan = changing.plan();
    // What a line says is looked at elsewhere.
    plan.status.lines.truncate(1);
    let wake = plan.wake.map(|at| at.to_string());
    let carries_out = (plan.grant.is_some(), plan.agreement.is_some(), plan.closes.is_some());
    fixtures::shown(&plan.status, &plan.conditions, &format!("wakes {wake:?}, puts on record {carries_out:?}"))
}

fn more() -> Changing {
    Changing::up_and_down(&[("cpu", 24), ("internet", 25)])
}

#[test]
fn r22_1_each_place_of_the_way_says_where_it_is_and_who_is_next() {
    let place = |name: &str, changing: &Changing| insta::assert_snapshot!(name, shown(changing));
    place("draft", &more());
    place("filed", &more().filed());
    let mut returned = more().filed();
    returned.decides(AGENCY, "evaluation", Verdict::Return);
    place("returned", &returned);
    place("approved", &more().approved());
    place("in-effect", &more().granted());
    let peak = || Changing::temporary(&[("cpu", 24)], "2026-12-01T00:00:00Z", "2026-12-18T16:00:00Z").granted();
    place("scheduled", &peak());
    place("ended", &peak().at("2026-12-18T16:00:00Z"));
    let ground = ChangeGround::Emergency;
    let bottleneck = Change { ground, lines: lines(&[("cpu", 48)]), ..Change::default() };
    let mut emergency = Changing::of(live(), "bottleneck", bottleneck);
    for (who, gate, verdict) in [
        (PROVIDER, GATE_SUBMISSION, Verdict::Submit),
        (AGENCY, "agency-consent", Verdict::Approve),
        (UNIT, "unit-consent", Verdict::Approve),
    ] {
        emergency.decides(who, gate, verdict);
    }
    place("unsettled", &emergency.operator_acts());
}

#[test]
fn r22_1_what_cannot_go_on_says_why_and_what_to_do() {
    let past = Changing::temporary(&[("cpu", 24)], "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z");
    insta::assert_snapshot!("refused", shown(&past.filed()));
    let mut lost = more();
    lost.story.system = None;
    insta::assert_snapshot!("stalled", shown(&lost));
}

#[test]
fn r22_1_rules_without_a_track_for_it_say_so() {
    let mut story = live();
    let policy = story.registry.policies.iter_mut().find(|p| p.name == "bozhou-2024").unwrap();
    policy.spec.changes.as_mut().unwrap().tracks.emergency = None;
    let ground = ChangeGround::Emergency;
    let emergency = Changing::of(story, "none", Change { ground, lines: lines(&[("cpu", 24)]), ..Change::default() });
    let (reason, message) = emergency.says(CONDITION_STALLED);
    assert_eq!(reason, "NoTrackForChange");
    assert!(message.contains("bozhou-2024 has no track for changes of sort `emergency`"), "{message}");
}

#[test]
fn r22_1_edited_since_it_was_filed_it_says_so_until_it_is_filed_again() {
    let mut edited = more().filed();
    edited.change.reason = "别的理由".into();
    assert_eq!((edited.phase(), edited.says(CONDITION_READY).0.as_str()), (ChangePhase::Draft, "EditedSinceFiled"));
    assert_eq!(edited.plan().status.void_decisions[0].reason, VoidReason::OtherContent);
    assert_eq!((edited.filed().plan().status.round), 2);
}

#[test]
fn r22_1_once_granted_the_filing_of_the_grant_stands_whatever_is_filed_or_sent_back_later() {
    let mut story = live();
    // A gate beside the way, which the grant does not wait for: it may send nothing back.
    let policy = story.registry.policies.iter_mut().find(|p| p.name == "bozhou-2024").unwrap();
    let minor = policy.spec.tracks.iter_mut().find(|t| t.name == "MinorChange").unwrap();
    let evaluation = minor.gates.iter().find(|g| g.name == "evaluation").unwrap().clone();
    let verdicts = vec![Verdict::Approve];
    minor.gates.push(Gate { name: "audit".into(), confirms_amounts: false, verdicts, ..evaluation });
    let change = Change { lines: lines(&[("cpu", 24)]), ..Change::default() };
    let mut granted = Changing::of(story, "more", change).granted();
    let before = granted.plan();
    let mut again = granted.decisions[0].clone();
    (again.name, again.uid, again.order) = ("again".into(), "again".into(), 900);
    again.at = Time::new(granted.now.checked_add(1.minute()).unwrap());
    granted.decisions.push(again);
    let mut after = granted.plan().status;
    assert_eq!(std::mem::take(&mut after.void_decisions)[0].name, "again");
    assert_eq!(after, before.status);
    granted.decides(AGENCY, "audit", Verdict::Return);
    let says = granted.says(CONDITION_READY).0;
    assert_eq!((granted.phase(), says.as_str()), (ChangePhase::InEffect, "InEffect"), "what holds is not sent back");
    assert_eq!(granted.plan().status.waiting_for.as_deref(), Some("agency: audit"), "nor does it pass the gate");
}

#[test]
fn r42_1_only_rules_that_have_ended_go_on_for_what_runs() {
    let reason = |now: &str, shape: fn(&mut Story)| {
        let mut story = live();
        shape(&mut story);
        let change = Changing::of(story, "more", Change { lines: lines(&[("cpu", 20)]), ..Change::default() });
        change.at(now).says(CONDITION_STALLED).0
    };
    assert_eq!(reason("2024-05-01T00:00:00Z", |_| {}), "NoPolicyInForce", "they have not begun");
    // On their last day another version holds too: nobody can say which.
    let overlap = |story: &mut Story| {
        let mut next = story.registry.policies.iter().find(|p| p.name == "bozhou-2024").unwrap().clone();
        (next.name, next.uid) = ("bozhou-2029".into(), "uid-2029".into());
        next.spec.valid_from = jiff::civil::date(2029, 5, 22);
        next.spec.valid_until = jiff::civil::date(2034, 5, 21);
        story.registry.policies.push(next);
    };
    assert_eq!(reason("2029-05-22T02:00:00Z", overlap), "NoPolicyInForce");
    assert_eq!(reason("2029-05-23T02:00:00Z", overlap), "Draft");
}

#[test]
fn r26_2_a_draft_says_whether_the_domain_has_room_at_its_fullest() {
    let room = |granted: &str, peak: &str| {
        let mut draft = Changing::up_and_down(&[("cpu", 24)]);
        let of = |cpus: &str| [("requests.cpu".to_owned(), Quantity(cpus.into()))].into();
        draft.story.domain.granted = of(granted);
        draft.story.domain.peak = of(peak);
        draft.says(CONDITION_CAPACITY)
    };
    assert_eq!(room("1992", "1992").0, "Fits", "8 more of 2000");
    assert_eq!(room("1993", "16").0, "Short");
    let (reason, message) = room("16", "1993");
    assert_eq!(reason, "Short");
    assert!(message.contains("requests.cpu: 8 wanted, 7 free"), "{message}");
}

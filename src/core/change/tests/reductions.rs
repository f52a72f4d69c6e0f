//! Reductions: who is heard, and that those that take up what was proposed name it as it stands and do not outlive its
//! ground.

use super::*;
use crate::api::rightsizing_proposal::{Action, ObjectRef};

fn taking_up(proposal: Option<RightsizingProposalSpec>) -> Changing {
    let proposal_ref = Some(ObjectRef { name: "health-portal-reduce".into(), uid: "uid-proposal".into() });
    let ground = ChangeGround::Reduction;
    let change = Change { ground, lines: lines(&[("memory", 9)]), proposal_ref, ..Change::default() };
    let mut less = Changing::of(live(), "less", change);
    less.proposal = proposal;
    less
}

fn proposal(less: &Changing) -> RightsizingProposalSpec {
    RightsizingProposalSpec {
        system_ref: ObjectRef { name: "health-portal".into(), uid: "uid-system".into() },
        action: Action::Reduce,
        proposed_at: Time::new(less.now),
        ..RightsizingProposalSpec::default()
    }
}

#[test]
fn r26_5_what_is_taken_up_is_what_is_proposed_for_this_very_system() {
    let less = taking_up(None);
    let stands = proposal(&less);
    assert_eq!(less.says(CONDITION_RESOLVED).0, "LineProblem");
    let resolved = |shape: fn(&mut RightsizingProposalSpec)| {
        let mut spec = stands.clone();
        shape(&mut spec);
        let less = taking_up(Some(spec));
        let plan = less.plan();
        let found = plan.conditions.iter().find(|c| c.type_ == CONDITION_RESOLVED).unwrap().clone();
        (found.holds, found.message)
    };
    assert_eq!(resolved(|_| ()).0, Some(true));
    let others: [fn(&mut RightsizingProposalSpec); 2] =
        [|s| s.action = Action::Expand, |s| s.system_ref.name = "other".into()];
    for shape in others {
        let (holds, message) = resolved(shape);
        assert!(holds == Some(false) && message.contains("kubectl yunguan takeup"), "{message}");
    }
}

#[test]
fn r26_6_what_goes_back_since_its_ground_is_gone_stays_so_until_it_is_filed_again() {
    let mut less = taking_up(None);
    less.proposal = Some(proposal(&less));
    less.decides(AGENCY, GATE_SUBMISSION, Verdict::Submit).decides(UNIT, "unit-opinion", Verdict::Approve);
    less.decides(PROVIDER, "provider-opinion", Verdict::Approve).decides(AUTHORITY, "approval", Verdict::Approve);
    let mut plan = less.plan();
    let grant = plan.grant.clone().unwrap();
    assert_eq!(grant.change.unwrap().proposal.as_deref(), Some("uid-proposal"));
    // When it is carried out, its ground is gone.
    plan.goes_back(GroundGone {
        submission_uid: grant.submission_uid,
        message: "then and now".into(),
        message_zh: "前后".into(),
    });
    assert!(plan.grant.is_none());
    let last = |type_: &str| plan.conditions.iter().rfind(|c| c.type_ == type_).unwrap();
    assert_eq!(
        (last(CONDITION_READY).holds, last(CONDITION_READY).message.as_str()),
        (Some(false), "then and now (前后)")
    );
    assert_eq!((plan.status.phase, last(CONDITION_APPROVED).holds), (ChangePhase::Returned, Some(false)));
    // Whatever use is since, nothing comes of that filing.
    less.ground_gone = plan.status.ground_gone;
    let plan = less.plan();
    assert!(plan.grant.is_none() && plan.status.ground_gone == less.ground_gone);
    assert_eq!((less.phase(), less.says(CONDITION_READY).0.as_str()), (ChangePhase::Returned, "GroundGone"));
    let gates: Vec<_> = plan.status.open_gates.iter().map(|g| (g.gate.as_str(), g.role.as_str())).collect();
    assert_eq!(gates, [(GATE_SUBMISSION, "agency")]);
    less.decides(AGENCY, GATE_SUBMISSION, Verdict::Submit);
    assert_eq!((less.phase(), less.plan().status.open_gates.len()), (ChangePhase::InReview, 2), "all are heard again");
}

#[test]
fn r26_5_a_reduction_is_the_agencys_to_propose_and_never_major() {
    let ground = ChangeGround::Reduction;
    let mut less = Changing::of(live(), "less", Change { ground, lines: lines(&[("cpu", 2)]), ..Change::default() });
    assert_eq!(less.plan().status.track.as_deref(), Some("Reduction"));
    less.decides(UNIT, GATE_SUBMISSION, Verdict::Submit);
    assert_eq!(less.phase(), ChangePhase::Draft, "not the unit's");
    assert_eq!(less.plan().status.void_decisions[0].reason, VoidReason::NotEntitled, "and it says so");
    less.decides(AGENCY, GATE_SUBMISSION, Verdict::Submit);
    less.decides(UNIT, "unit-opinion", Verdict::Reject).decides(PROVIDER, "provider-opinion", Verdict::Approve);
    assert_eq!(less.phase(), ChangePhase::InReview, "an opinion against it decides nothing");
    less.decides(AUTHORITY, "approval", Verdict::Approve);
    assert_eq!(less.operator_acts().cpus("2028-01-01T00:00:00Z"), Amount::units(2));
}

#[test]
fn r26_5_whoever_is_silent_until_the_due_day_has_been_heard() {
    let ground = ChangeGround::Reduction;
    let change = Change { ground, lines: lines(&[("cpu", 2)]), ..Change::default() };
    let mut less = Changing::of(live(), "less", change);
    less.decides(AGENCY, GATE_SUBMISSION, Verdict::Submit).decides(UNIT, "unit-opinion", Verdict::Reject);
    let plan = less.plan();
    let gates: Vec<_> = plan.status.open_gates.iter().map(|g| (g.gate.as_str(), g.hearing)).collect();
    assert_eq!(gates, [("provider-opinion", true)], "the authority decides once both are heard");
    let due = plan.status.open_gates[0].due.unwrap();
    assert_eq!(plan.wake, Some(due.timestamp()));
    less.now = due.timestamp();
    let gates: Vec<_> = less.plan().status.open_gates.iter().map(|g| g.gate.clone()).collect();
    assert_eq!(gates, ["approval"]);
    less.decides(AUTHORITY, "approval", Verdict::Approve);
    let mut less = less.operator_acts();
    assert_eq!(less.phase(), ChangePhase::InEffect);
    // What was granted stands, whatever becomes of the calendar.
    less.story.registry.calendars.clear();
    assert_eq!((less.phase(), less.plan().status.open_gates.len()), (ChangePhase::InEffect, 0));
}

#[test]
fn r26_5_without_a_calendar_silence_is_waited_for_and_it_says_so() {
    let ground = ChangeGround::Reduction;
    let change = Change { ground, lines: lines(&[("cpu", 2)]), ..Change::default() };
    let mut less = Changing::of(live(), "less", change);
    less.story.registry.calendars.clear();
    less.decides(AGENCY, GATE_SUBMISSION, Verdict::Submit);
    less.now = less.now.checked_add((90 * 24).hours()).unwrap();
    let plan = less.plan();
    assert_eq!(plan.status.open_gates.len(), 2);
    let overdue = plan.conditions.iter().find(|c| c.type_ == CONDITION_OVERDUE).unwrap();
    assert_eq!((overdue.holds, overdue.reason.as_str()), (None, "CalendarMissing"));
}

#[test]
fn r38_1_while_grants_are_stopped_less_is_granted_and_an_emergency_met_and_nothing_else() {
    use crate::core::text::Text;
    let stopped = |ground, quantity| {
        let mut change =
            Changing::of(live(), "more", Change { ground, lines: lines(&[("memory", quantity)]), ..Change::default() });
        change.story.grants_stopped = Some(Text::new("nothing new is granted", "已停止发放"));
        change
    };
    let more = stopped(ChangeGround::Adjustment, 40).approved();
    assert!(more.plan().grant.is_none());
    assert_eq!(more.says(CONDITION_READY).0, "GrantsStopped");
    // What asks for less by the same way is no new grant.
    let less = stopped(ChangeGround::Adjustment, 30).approved();
    assert!(less.plan().grant.is_some());
    let mut emergency = stopped(ChangeGround::Emergency, 40);
    emergency.decides(PROVIDER, GATE_SUBMISSION, Verdict::Submit).decides(AGENCY, "agency-consent", Verdict::Approve);
    emergency.decides(UNIT, "unit-consent", Verdict::Approve);
    assert!(emergency.plan().grant.is_some(), "what keeps a service alive is provisional");
}

//! What is filed is judged by the version of its day, whatever else is made since (article 42).

use super::*;
use crate::api::common::Time;
use jiff::Timestamp;

fn typo(story: &mut Story, created: Timestamp) {
    crate::core::fixtures::typo(&mut story.registry, Time::new(created));
}

fn filed() -> Story {
    let mut story = Story::of("health-portal");
    story.decides(UNIT, GATE_SUBMISSION, Verdict::Submit);
    story
}

#[test]
fn r42_1_a_version_made_after_the_filing_changes_nothing_for_it() {
    for later in [0, 1, 86_400] {
        let mut story = filed();
        let at = story.decisions[0].at.timestamp();
        typo(&mut story, at.checked_add(jiff::SignedDuration::from_secs(later)).unwrap());
        assert_eq!(
            (story.plan().status.phase, story.open()),
            (Phase::InReview, vec!["completeness".to_owned()]),
            "{later}"
        );
        assert_eq!(story.plan().status.policy.map(|p| p.name).as_deref(), Some("bozhou-2024"));
        story.decides(AUTHORITY, "completeness", Verdict::Approve).decides(AGENCY, "plan", Verdict::Confirm);
        story.decides(AGENCY, "evaluation", Verdict::Approve).decides(AUTHORITY, "approval", Verdict::Approve);
        assert!(story.plan().grant.is_some(), "it goes all its way");
        // Nothing new enters, and both are named.
        let other = Story { decisions: Vec::new(), ..story };
        let (_, reason, message) = other.condition(CONDITION_STALLED);
        assert!(reason == "NoPolicyInForce" && message.contains("bozhou-2024 and bozhou-2025"), "{message}");
    }
}

#[test]
fn r42_1_what_is_filed_while_two_are_in_force_does_not_count() {
    let mut story = filed();
    let at = story.decisions[0].at.timestamp();
    typo(&mut story, at.checked_sub(jiff::SignedDuration::from_secs(1)).unwrap());
    assert_eq!(
        (story.plan().status.phase, story.condition(CONDITION_STALLED).1.as_str()),
        (Phase::Draft, "NoPolicyInForce")
    );
    story.registry.policies.pop();
    assert_eq!(story.plan().status.phase, Phase::InReview);
}

#[test]
fn r42_1_a_version_whose_last_day_is_over_goes_on_judging_what_was_filed() {
    let mut story = filed();
    story.now = "2031-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(story.plan().status.phase, Phase::InReview);
}

#[test]
fn r42_1_nothing_comes_of_what_was_filed_under_a_version_that_is_unsound_and_it_is_no_draft() {
    let mut story = filed();
    let policy = story.registry.policies.iter_mut().find(|p| p.name == "bozhou-2024").unwrap();
    policy.spec.tracks[0].gates.iter_mut().find(|g| g.name == "approval").unwrap().lapses = true;
    story.decides(AUTHORITY, "completeness", Verdict::Approve).decides(AGENCY, "plan", Verdict::Confirm);
    story.decides(AGENCY, "evaluation", Verdict::Approve);
    story.now = story.now.checked_add(jiff::SignedDuration::from_hours(24 * 20)).unwrap();
    let plan = story.plan();
    assert!(plan.grant.is_none() && plan.system.is_none(), "silence opens nothing");
    assert_ne!(plan.status.phase, Phase::Draft);
    let (_, reason, message) = story.condition(CONDITION_READY);
    assert!(reason == "PolicyNotValid" && message.contains("gates[approval].lapses"), "{message}");
}

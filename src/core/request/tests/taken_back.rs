//! What was granted and never opened.

use super::*;
use crate::api::common::Time;
use crate::api::information_system::Live;

#[test]
fn r19_1_what_was_never_opened_can_be_taken_back_and_its_room_with_it() {
    let mut story = provisioned();
    let mut decision = story.draft(UNIT, "withdrawal", Verdict::Withdraw);
    decision.spec.role = ROLE_UNIT.into();
    decision.spec.digest.clone_from(&story.decisions[0].spec.digest);
    decision.uid = "withdrawal".into();
    story.system.as_mut().unwrap().1 = None;
    assert_eq!(story.plan().status.phase, Phase::Provisioning);
    story.makes(decision);
    let plan = story.plan();
    let leaving = plan.taken_back.clone().unwrap();
    assert!(void_reasons(&story).is_empty() && plan.grant.is_none() && plan.live.is_none());
    assert_eq!(leaving.decisions.iter().map(|d| d.uid.as_str()).collect::<Vec<_>>(), ["withdrawal"]);
    // Open after all, or live: it stays, whenever that was said.
    let opened = Time::new(story.now);
    story.system.as_mut().unwrap().1 = Some(opened);
    assert_eq!((story.plan().taken_back, story.plan().status.phase), (None, Phase::Trial));
    story.system.as_mut().unwrap().1 = None;
    story.system.as_mut().unwrap().0.live = Some(Live::default());
    assert_eq!(story.plan().taken_back, None);
    story.system.as_mut().unwrap().0.live = None;
    // On record it is done once, and closes.
    story.system.as_mut().unwrap().0.departures.push(leaving);
    assert_eq!((story.plan().taken_back, story.plan().status.phase), (None, Phase::Provisioning));
    let departures = &mut story.system.as_mut().unwrap().0.departures;
    departures[0].reclaim.as_mut().unwrap().closed = Some(opened);
    assert_eq!(story.plan().status.phase, Phase::Closed);
    assert_eq!(story.condition(CONDITION_READY).1, "Closed");
}

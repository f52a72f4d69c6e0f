//! Which tracks a request can take, and what its form lacks.

use super::*;
use crate::api::common::RequestKind;
use crate::core::digest;

fn on(track: &str) -> Story {
    let mut story = Story::of("health-portal");
    story.request.spec.application.track = track.into();
    story
}

#[test]
fn r17_1_a_request_takes_a_track_for_requests_and_gets_round_no_gate_or_paper() {
    let registry = crate::core::fixtures::registry();
    let bozhou = registry.policies.iter().find(|p| p.name == "bozhou-2024").unwrap();
    let mut refused = 0;
    for track in bozhou.spec.tracks.iter().filter(|t| !["Standard", "Urgent"].contains(&t.name.as_str())) {
        let mut story = on(&track.name);
        story.request.spec.application.documents.clear();
        let plan = story.plan();
        assert_eq!((plan.status.phase, plan.status.open_gates.len()), (Phase::Draft, 0), "{}", track.name);
        let (holds, reason, message) = story.condition(CONDITION_STALLED);
        assert_eq!((holds, reason.as_str()), (Some(true), "TrackUnfit"));
        assert!(
            message.contains("choose one that is, Standard, Urgent") && message.contains("不适用于本申请"),
            "{message}"
        );
        // Filed all the same, under the digest that it would have.
        let digest = digest::of_submission(
            RequestKind::CloudResourceRequest,
            "uid-health-portal",
            &story.request.spec.application,
            &bozhou.uid,
        );
        let mut filing = story.draft(UNIT, GATE_SUBMISSION, Verdict::Submit);
        (filing.spec.digest, filing.spec.role) = (digest, track.submission.role.clone());
        filing.spec.request_ref.uid = "uid-health-portal".into();
        story.makes(filing);
        assert_eq!(story.condition(CONDITION_STALLED).1, "TrackUnfit");
        assert!(story.plan().status.submission.is_none() && story.plan().grant.is_none());
        refused += 1;
    }
    assert!(refused > 10, "{refused}");
    assert_eq!(on("standard").condition(CONDITION_STALLED).1, "TrackUnknown");
    assert_eq!(on("Standard").condition(CONDITION_STALLED).0, Some(false));
}

#[test]
fn r24_1_what_is_made_permanent_takes_no_urgent_track_again() {
    let mut story = on("Urgent");
    story.request.spec.application.system_ref = Some("health-portal".into());
    let (_, reason, message) = story.condition(CONDITION_STALLED);
    assert!(reason == "TrackUnfit" && message.contains("choose one that is, Standard"), "{message}");
    assert!(!message.contains("Urgent,") && !message.contains(", Urgent"), "{message}");
}

#[test]
fn r17_1_a_form_without_its_leads_is_incomplete_and_their_numbers_are_in_no_digest() {
    let mut story = evaluated();
    let filed = story.plan().status.submission;
    let contacts = story.request.spec.contacts.take();
    let (holds, _, message) = story.condition(CONDITION_COMPLETE);
    assert!(holds == Some(false) && message.contains("contacts.itLead") && message.contains("系统负责人"), "{message}");
    assert_eq!(story.open(), ["completeness"], "whoever passes it looks at a whole form");
    assert_eq!(story.plan().status.submission, filed, "and it need not be filed again");
    story.request.spec.contacts = contacts;
    assert_eq!(story.open(), ["approval"]);
}

#[test]
fn an_immaterial_edit_voids_nothing() {
    let mut story = evaluated();
    let lead = story.request.spec.contacts.as_mut().and_then(|c| c.it_lead.as_mut()).unwrap();
    lead.phone = Some("0558-5550199".into());
    assert_eq!(story.open(), ["approval"]);
}

//! What cannot wait (article 24): open at once, for six months and no longer, or for good by the whole track.

use super::*;
use crate::api::common::{Quantity, Time};
use crate::core::effective;
use crate::core::quantity::Amount;
use jiff::Timestamp;

fn open() -> Story {
    let mut story = Story::of("flood-reports");
    story
        .decides(UNIT, GATE_SUBMISSION, Verdict::Submit)
        .decides(AGENCY, "evaluation", Verdict::Approve)
        .decides(AUTHORITY, "approval", Verdict::Approve)
        .operator_acts();
    story
}

fn cpus(story: &Story, at: &str) -> Amount {
    let at: Timestamp = at.parse().unwrap();
    effective::amounts_at(&story.system.as_ref().unwrap().0, at).unwrap().get("requests.cpu")
}

/// The whole track for the system of an urgent request, up to the authority's decision.
fn made_permanent(urgent: Story) -> Story {
    let mut whole = Story::of("flood-reports");
    whole.request.metadata.name = Some("flood-permanent".into());
    whole.request.metadata.uid = Some("uid-permanent".into());
    let application = &mut whole.request.spec.application;
    application.track = "Standard".into();
    application.urgency = None;
    application.system_ref = Some("flood-reports".into());
    let paper = |type_: &str| Document { type_: type_.into(), sha256: "0".repeat(64), ..Document::default() };
    application.documents = vec![paper("ConstructionApproval"), paper("ConstructionPlan")];
    whole.system = urgent.system;
    whole.now = urgent.now;
    whole
        .decides(UNIT, GATE_SUBMISSION, Verdict::Submit)
        .decides(AUTHORITY, "completeness", Verdict::Approve)
        .decides(AGENCY, "plan", Verdict::Confirm)
        .decides(AGENCY, "evaluation", Verdict::Approve);
    whole
}

#[test]
fn r24_1_an_urgent_request_is_open_for_at_most_six_months_from_allocation() {
    let story = open();
    let status = story.plan().status;
    assert_eq!(status.phase, Phase::Trial);
    // Allocated on 24 November 2026; the last day is 24 May 2027, the whole of it, in the zone of the rules.
    assert_eq!(status.until.unwrap().to_string(), "2027-05-24T16:00:00Z");
    assert_eq!(cpus(&story, "2027-05-24T15:59:59Z"), Amount::units(8));
    assert_eq!(cpus(&story, "2027-05-24T16:00:00Z"), Amount::ZERO, "hard");
}

#[test]
fn r24_1_that_it_is_over_is_said_and_looked_at_when_it_is() {
    let mut story = open();
    for (who, gate) in [(UNIT, "sign-unit"), (PROVIDER, "sign-provider"), (AUTHORITY, "sign-authority")] {
        story.decides(who, gate, Verdict::Sign);
    }
    story.decides(UNIT, "construction-approval", Verdict::File).operator_acts();
    let end: Timestamp = "2027-05-24T16:00:00Z".parse().unwrap();
    story.now = end.checked_sub(1.second()).unwrap();
    assert_eq!((story.condition(CONDITION_READY).1.as_str(), story.plan().wake), ("Live", Some(end)));
    story.now = end;
    let (holds, reason, message) = story.condition(CONDITION_READY);
    assert_eq!((holds, reason.as_str(), story.plan().wake), (Some(false), "UrgentEnded", None));
    assert!(message.contains("2027-05-24T16:00:00Z") && message.contains("systemRef: flood-reports"), "{message}");
    // Of one that goes on for good nothing ends.
    let mut whole = made_permanent(open());
    whole.decides(AUTHORITY, "approval", Verdict::Approve).operator_acts();
    whole.now = end;
    assert_ne!(whole.condition(CONDITION_READY).1, "UrgentEnded");
}

#[test]
fn r24_1_the_missing_approval_is_chased_and_filing_it_ends_the_chasing_only() {
    let mut story = open();
    assert!(story.open().contains(&"construction-approval".to_owned()));
    story.now = "2027-03-15T00:00:00Z".parse().unwrap();
    story.registry.calendars.insert("cn".into(), calendars_of_all_years());
    assert_eq!(story.condition(CONDITION_OVERDUE).1, "PastDue");
    story.decides(UNIT, "construction-approval", Verdict::File);
    assert!(!story.open().contains(&"construction-approval".to_owned()));
    assert_eq!(cpus(&story, "2027-05-24T16:00:00Z"), Amount::ZERO, "the window still ends");
}

/// As if every weekday were worked: 2027 is not published yet.
fn calendars_of_all_years() -> crate::core::calendar::WorkCalendars {
    use crate::api::work_calendar::WorkCalendarSpec;
    use crate::core::registry::Named;
    let years: Vec<_> = (2026..2030)
        .map(|year| Named {
            name: year.to_string(),
            spec: WorkCalendarSpec { year, ..WorkCalendarSpec::default() },
            ..Named::default()
        })
        .collect();
    crate::core::calendar::WorkCalendars::new(&years)
}

#[test]
fn r24_1_charging_starts_with_the_three_signatures() {
    let mut story = open();
    assert!(story.system.as_ref().unwrap().0.live.is_none());
    for (who, gate) in [(UNIT, "sign-unit"), (PROVIDER, "sign-provider"), (AUTHORITY, "sign-authority")] {
        story.decides(who, gate, Verdict::Sign);
    }
    let signed = Time::new(story.now);
    story.operator_acts();
    assert_eq!(story.system.as_ref().unwrap().0.live.as_ref().unwrap().from, signed);
    assert_eq!(story.plan().status.phase, Phase::Live);
}

#[test]
fn r24_1_ground_and_paper_are_asked_for() {
    let mut bare = Story::of("flood-reports");
    bare.request.spec.application.urgency = None;
    assert!(bare.condition(CONDITION_COMPLETE).2.contains("names its ground and the paper"));
    let mut unproven = Story::of("flood-reports");
    unproven.request.spec.application.documents.clear();
    assert!(unproven.condition(CONDITION_COMPLETE).2.contains("UrgentDemand"));
}

#[test]
fn r24_1_the_whole_track_makes_it_permanent_without_interruption() {
    let mut whole = made_permanent(open());
    assert!(whole.plan().grant.is_none());
    whole.decides(AUTHORITY, "approval", Verdict::Approve);
    let approved = whole.now;
    assert!(whole.plan().system.is_none(), "the system is there");
    let urgent = whole.system.as_ref().unwrap().0.grants[0].submission_uid.clone();
    assert_eq!(whole.plan().ends, [urgent], "its room is not needed twice");
    whole.operator_acts();
    assert_eq!(whole.plan().status.phase, Phase::Trial);
    assert_eq!(cpus(&whole, "2027-05-24T16:00:00Z"), Amount::units(8), "it goes on");
    let at = approved.checked_add(1.second()).unwrap();
    let once = effective::amounts_at(&whole.system.as_ref().unwrap().0, at).unwrap();
    assert_eq!(once.get("requests.cpu"), Amount::units(8), "and is not counted twice");
    for (who, gate, verdict) in [
        (UNIT, "trial-report", Verdict::File),
        (UNIT, "security-report", Verdict::File),
        (UNIT, "sign-unit", Verdict::Sign),
        (PROVIDER, "sign-provider", Verdict::Sign),
        (AUTHORITY, "sign-authority", Verdict::Sign),
    ] {
        whole.decides(who, gate, verdict);
    }
    whole.operator_acts();
    assert_eq!(whole.plan().status.phase, Phase::Live);
    assert!(whole.system.as_ref().unwrap().0.live.is_some());
}

#[test]
fn r24_1_the_whole_track_needs_no_room_for_what_the_urgent_grant_has_already() {
    let room = |granted: &str, urgent: bool| {
        let mut whole = made_permanent(open());
        if !urgent {
            whole.system = None;
        }
        whole.domain.granted = [("requests.cpu".to_owned(), Quantity(granted.into()))].into();
        whole.condition(CONDITION_CAPACITY).1
    };
    assert_eq!([room("2000", true), room("2000", false)], ["Fits", "Short"]);
}

#[test]
fn r24_1_nothing_is_chased_once_the_whole_track_is_granted() {
    let urgent = open();
    let mut whole = made_permanent(open());
    whole.decides(AUTHORITY, "approval", Verdict::Approve).operator_acts();
    assert!(urgent.open().contains(&"construction-approval".to_owned()));
    let urgent = Story { system: whole.system, now: whole.now, ..urgent };
    assert!(!urgent.open().contains(&"construction-approval".to_owned()));
    assert!(urgent.open().contains(&"sign-unit".to_owned()), "what was used is still signed for");
}

#[test]
fn r24_1_live_before_it_is_permanent_it_is_signed_for_once_more() {
    let mut urgent = open();
    for (who, gate) in [(UNIT, "sign-unit"), (PROVIDER, "sign-provider"), (AUTHORITY, "sign-authority")] {
        urgent.decides(who, gate, Verdict::Sign);
    }
    urgent.operator_acts();
    let charged = urgent.system.as_ref().unwrap().0.live.clone();
    let mut whole = made_permanent(urgent);
    whole.decides(AUTHORITY, "approval", Verdict::Approve).operator_acts();
    assert_eq!(whole.plan().status.phase, Phase::Trial);
    for (who, gate, verdict) in [
        (UNIT, "trial-report", Verdict::File),
        (UNIT, "security-report", Verdict::File),
        (UNIT, "sign-unit", Verdict::Sign),
        (PROVIDER, "sign-provider", Verdict::Sign),
        (AUTHORITY, "sign-authority", Verdict::Sign),
    ] {
        whole.decides(who, gate, verdict);
    }
    whole.operator_acts();
    assert_eq!(whole.plan().status.phase, Phase::Live);
    let system = &whole.system.as_ref().unwrap().0;
    assert_eq!((system.live.clone(), system.agreements.len()), (charged, 1), "charging goes on as it was");
}

#[test]
fn r24_1_system_ref_names_a_system_under_an_urgent_grant_and_nothing_else() {
    let mut stray = Story::of("health-portal");
    stray.request.spec.application.system_ref = Some("health-portal".into());
    assert!(stray.condition(CONDITION_COMPLETE).2.contains("nothing to make permanent"));
    let mut elsewhere = made_permanent(open());
    elsewhere.request.spec.application.domain = "bozhou-health-dedicated".into();
    assert!(
        elsewhere.condition(CONDITION_COMPLETE).2.contains("does not run under an urgent grant"),
        "nor does it move"
    );
    let mut other = made_permanent(open());
    other.request.spec.application.system_ref = None;
    assert_eq!(other.condition(CONDITION_STALLED).1, "SystemNameTaken");
}

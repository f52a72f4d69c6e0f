//! Temporary expansions and their extensions.

use super::*;

#[test]
fn r26_3_a_window_for_a_foreseeable_peak_starts_and_ends_by_itself_and_changes_nothing_for_good() {
    let draft = Changing::temporary(&[("cpu", 64)], "2026-12-01T00:00:00Z", "2026-12-15T16:00:00Z");
    let Plan { status, prospect, .. } = draft.plan();
    assert_eq!((status.before["requests.cpu"].0.as_str(), status.after["requests.cpu"].0.as_str()), ("16", "64"));
    let prospect = prospect.unwrap();
    assert_eq!((prospect.from, prospect.takes.get("requests.cpu")), (time("2026-12-01T00:00:00Z"), Amount::units(48)));
    // The end is Tuesday 15 December.
    assert_eq!(prospect.extend_by, Some(jiff::civil::date(2026, 12, 4)));
    let peak = draft.granted();
    assert_eq!(peak.plan().status.extend_by, prospect.extend_by);
    assert_eq!(peak.plan().status.track.as_deref(), Some("TemporaryExpansion"), "however large");
    assert_eq!(peak.phase(), ChangePhase::Scheduled);
    assert_eq!(peak.plan().wake, Some("2026-12-01T00:00:00Z".parse().unwrap()));
    let cpus = ["2026-11-30T23:59:59Z", "2026-12-01T00:00:00Z", "2026-12-15T15:59:59Z", "2026-12-15T16:00:00Z"];
    assert_eq!(cpus.map(|at| peak.cpus(at)), [16, 64, 64, 16].map(Amount::units));
    let peak = peak.at("2026-12-02T00:00:00Z");
    assert_eq!(peak.phase(), ChangePhase::InEffect);
    assert_eq!(peak.plan().wake, Some("2026-12-15T16:00:00Z".parse().unwrap()));
    assert_eq!(peak.at("2026-12-15T16:00:00Z").phase(), ChangePhase::Ended);
}

#[test]
fn r22_3_windows_of_one_system_overlap_and_are_summed_and_do_not_count_as_permanent() {
    let peak = Changing::temporary(&[("cpu", 26)], "2026-12-01T00:00:00Z", "2026-12-15T16:00:00Z").granted();
    let window = Some(Window { from: time("2026-12-10T00:00:00Z"), until: time("2026-12-20T16:00:00Z") });
    let ground = ChangeGround::ForeseeablePeak;
    let second = Change { ground, lines: lines(&[("cpu", 20)]), window, ..Change::default() };
    let both = peak.next("second", second).granted();
    let cpus = ["2026-12-05T00:00:00Z", "2026-12-12T00:00:00Z", "2026-12-18T00:00:00Z", "2026-12-25T00:00:00Z"];
    assert_eq!(cpus.map(|at| both.cpus(at)), [26, 30, 20, 16].map(Amount::units));
    let next = both.next("permanent", Change { lines: lines(&[("cpu", 24)]), ..Change::default() });
    assert_eq!(next.plan().status.track.as_deref(), Some("MinorChange"), "windows are left out of the measure");
}

#[test]
fn r22_3_more_than_three_months_needs_the_authoritys_decision_with_a_reason() {
    let mut long = Changing::temporary(&[("cpu", 24)], "2026-11-30T01:00:00Z", "2027-03-10T16:00:00Z").filed();
    long.decides(AGENCY, "evaluation", Verdict::Approve);
    assert_eq!(long.open(), ["long-window"]);
    let mut silent = long.draft(AUTHORITY, "long-window", Verdict::Approve);
    silent.spec.comment = Some(" ".into());
    silent.uid = "silent".into();
    long.decisions.push(silent);
    assert_eq!(long.plan().status.void_decisions[0].reason, VoidReason::ReasonMissing);
    long.decides(AUTHORITY, "long-window", Verdict::Approve).decides(AUTHORITY, "approval", Verdict::Approve);
    assert!(long.plan().grant.is_some());
    let short = Changing::temporary(&[("cpu", 24)], "2026-11-30T01:00:00Z", "2027-02-28T16:00:00Z").filed();
    assert_eq!(short.open(), ["evaluation"]);
}

#[test]
fn r22_3_an_extension_in_time_goes_on_without_a_gap_and_one_too_late_is_refused_with_the_date() {
    let peak = Changing::temporary(&[("cpu", 24)], "2026-12-01T00:00:00Z", "2026-12-18T16:00:00Z").granted();
    // The end is Friday 18 December: the last day for filing is Wednesday 9 December.
    let mut story = peak.story;
    story.now = "2026-12-09T15:00:00Z".parse().unwrap();
    let longer = Changing::extension(story, "2027-01-20T16:00:00Z");
    assert_eq!(longer.plan().status.track.as_deref(), Some("Extension"));
    let longer = longer.granted();
    let status = longer.plan().status;
    assert_eq!((status.before["requests.cpu"].0.as_str(), status.after["requests.cpu"].0.as_str()), ("16", "24"));
    let cpus = ["2026-12-18T15:59:59Z", "2026-12-18T16:00:00Z", "2027-01-20T15:59:59Z", "2027-01-20T16:00:00Z"];
    assert_eq!(cpus.map(|at| longer.cpus(at)), [24, 24, 24, 16].map(Amount::units));

    let mut story = Changing::temporary(&[("cpu", 24)], "2026-12-01T00:00:00Z", "2026-12-18T16:00:00Z").granted().story;
    story.now = "2026-12-09T16:00:00Z".parse().unwrap();
    let draft = Changing::extension(story, "2027-01-20T16:00:00Z");
    assert_eq!(draft.says(CONDITION_IN_TIME).0, "FiledTooLate", "a draft says so already");
    let late = draft.approved();
    assert_eq!(late.phase(), ChangePhase::Refused);
    let (reason, message) = late.says(CONDITION_READY);
    assert_eq!(reason, "FiledTooLate");
    assert!(message.contains("2026-12-09 would have been in time") && message.contains("最迟2026-12-09"), "{message}");
    assert!(late.plan().grant.is_none());
}

#[test]
fn r22_3_what_has_ended_is_not_extended_and_a_missing_calendar_is_waited_for() {
    let peak = || Changing::temporary(&[("cpu", 24)], "2026-12-01T00:00:00Z", "2026-12-18T16:00:00Z").granted().story;
    let mut story = peak();
    story.now = "2026-12-18T16:00:00Z".parse().unwrap();
    let over = Changing::extension(story, "2027-01-20T16:00:00Z").filed();
    assert_eq!(over.says(CONDITION_READY).0, "WindowEnded");
    let mut story = peak();
    story.registry.calendars.clear();
    let blind = Changing::extension(story, "2027-01-20T16:00:00Z").filed();
    let (reason, message) = blind.says(CONDITION_STALLED);
    assert_eq!(reason, "CalendarMissing");
    assert!(message.contains("no WorkCalendar for 2026"), "{message}");
    let unknown = Changing::extension(live(), "2027-01-20T16:00:00Z");
    assert_eq!(unknown.says(CONDITION_STALLED).0, "NothingToExtend");
}

#[test]
fn r22_3_a_second_extension_goes_on_from_the_first() {
    let mut story = Changing::temporary(&[("cpu", 24)], "2026-12-01T00:00:00Z", "2026-12-18T16:00:00Z").granted().story;
    story.now = "2026-12-01T02:00:00Z".parse().unwrap();
    let first = Changing::extension(story, "2026-12-25T16:00:00Z");
    let first = first.granted();
    let extend = Some(Extend { change: "peak".into(), until: time("2027-01-20T16:00:00Z") });
    let ground = ChangeGround::ForeseeablePeak;
    let second = first.next("again", Change { ground, extend, ..Change::default() }).granted();
    let cpus = ["2026-12-18T16:00:00Z", "2026-12-25T16:00:00Z", "2027-01-20T16:00:00Z"];
    assert_eq!(cpus.map(|at| second.cpus(at)), [24, 24, 16].map(Amount::units));
}

#[test]
fn r22_3_what_is_approved_after_its_end_grants_nothing() {
    let mut peak = Changing::temporary(&[("cpu", 24)], "2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z").filed();
    peak.decides(AGENCY, "evaluation", Verdict::Approve);
    let mut peak = peak.at("2026-11-26T00:00:00Z");
    peak.decides(AUTHORITY, "approval", Verdict::Approve);
    assert_eq!((peak.phase(), peak.says(CONDITION_READY).0.as_str()), (ChangePhase::Refused, "WindowOver"));
    assert!(peak.plan().grant.is_none());
}

#[test]
fn r22_3_an_extension_goes_on_from_the_window_that_it_names() {
    let peak = Changing::temporary(&[("cpu", 26)], "2026-12-01T00:00:00Z", "2026-12-15T16:00:00Z").granted();
    let window = Some(Window { from: time("2026-12-02T00:00:00Z"), until: time("2026-12-20T16:00:00Z") });
    let ground = ChangeGround::ForeseeablePeak;
    let second = Change { ground, lines: lines(&[("cpu", 20)]), window, ..Change::default() };
    let extend = Some(Extend { change: "second".into(), until: time("2027-01-20T16:00:00Z") });
    let longer = Change { ground, extend, ..Change::default() };
    let longer = peak.next("second", second).granted().next("longer", longer);
    let prospect = longer.plan().prospect.unwrap();
    assert_eq!((prospect.from, prospect.takes.get("requests.cpu")), (time("2026-12-20T16:00:00Z"), Amount::units(4)));
}

#[test]
fn r22_3_where_the_rules_have_no_gate_for_it_a_window_ends_with_its_months() {
    let says = |shape: fn(&mut Changing)| {
        let mut long = Changing::temporary(&[("cpu", 24)], "2026-11-30T01:00:00Z", "2027-03-10T16:00:00Z");
        shape(&mut long);
        long.says(CONDITION_RESOLVED)
    };
    assert_eq!(says(|_| {}).0, "Resolved", "the authority decides upon it");
    let (reason, message) = says(|long| {
        let policy = long.story.registry.policies.iter_mut().find(|p| p.name == "bozhou-2024").unwrap();
        let track = policy.spec.tracks.iter_mut().find(|t| t.name == "TemporaryExpansion").unwrap();
        track.gates.retain(|gate| gate.name != "long-window");
        track.gates.iter_mut().find(|gate| gate.name == "approval").unwrap().after = vec!["evaluation".into()];
    });
    assert_eq!(reason, "LineProblem");
    assert!(message.contains("at most 3 months, here until the end of 2027-02-28"), "{message}");
}

/// Approved while it lasted, and carried out when it was over; or over before it begins.
#[test]
fn r22_3_a_window_without_a_moment_left_grants_nothing() {
    let mut peak = Changing::temporary(&[("cpu", 24)], "2026-11-24T00:00:00Z", "2026-11-26T00:00:00Z").filed();
    peak.decides(AGENCY, "evaluation", Verdict::Approve);
    let mut peak = peak.at("2026-11-25T23:58:30Z");
    peak.decides(AUTHORITY, "approval", Verdict::Approve);
    assert!(peak.plan().grant.is_some());
    let late = peak.at("2026-11-26T00:00:00Z");
    assert_eq!((late.phase(), late.says(CONDITION_READY).0.as_str()), (ChangePhase::Refused, "WindowOver"));
    let backwards = Changing::temporary(&[("cpu", 24)], "2026-12-10T00:00:00Z", "2026-12-05T00:00:00Z").approved();
    assert_eq!(backwards.says(CONDITION_READY).0, "WindowOver");
    assert!(backwards.plan().grant.is_none());
}

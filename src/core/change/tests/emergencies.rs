//! Emergency expansions, and annex 2 that makes them good (article 26).

use super::*;

fn bottleneck() -> Change {
    Change { ground: ChangeGround::Emergency, lines: lines(&[("cpu", 48)]), ..Change::default() }
}

fn annex_2(of: &str) -> Change {
    let ground = ChangeGround::Emergency;
    Change { ground, lines: lines(&[("cpu", 24)]), settles: Some(of.to_owned()), ..Change::default() }
}

/// Open, by the consent of the agency and the unit.
fn emergency(story: Story) -> Changing {
    opened(Changing::of(story, "bottleneck", bottleneck()))
}

fn opened(mut emergency: Changing) -> Changing {
    emergency.decides(PROVIDER, GATE_SUBMISSION, Verdict::Submit).decides(AGENCY, "agency-consent", Verdict::Approve);
    assert_eq!(emergency.open(), ["unit-consent"]);
    emergency.decides(UNIT, "unit-consent", Verdict::Approve);
    emergency.operator_acts()
}

#[test]
fn r26_4_an_emergency_opens_at_once_and_goes_back_on_a_no() {
    let open = emergency(live());
    assert_eq!(open.phase(), ChangePhase::InEffect);
    assert_eq!(open.cpus("2028-01-01T00:00:00Z"), Amount::units(48), "until it is decided upon");
    assert_eq!(open.says(CONDITION_SETTLED).0, "AnnexMissing");
    // Chased: it stands in the unit's inbox, with a date of the rules.
    assert_eq!((open.open(), open.says(CONDITION_OVERDUE).0.as_str()), (vec![GATE_ANNEX.to_owned()], "InTime"));
    let due = open.plan().status.open_gates[0].due.unwrap();
    let late = Changing { now: due.timestamp(), ..emergency(live()) };
    assert_eq!((late.says(CONDITION_OVERDUE).0.as_str(), late.phase()), ("PastDue", ChangePhase::InEffect));
    assert_eq!(open.plan().wake, Some(due.timestamp()));
    // The unit files annex 2: measured against what is permanent, it is a major one.
    let annex = annex_2("bottleneck");
    let good = emergency(live()).next("annex", annex.clone()).granted();
    assert_eq!(good.cpus("2028-01-01T00:00:00Z"), Amount::units(24), "it takes the place of the emergency");
    assert!(good.again("bottleneck", &bottleneck(), &open).open().is_empty(), "nothing is chased any more");
    let mut refused = emergency(live()).next("annex", annex).filed();
    refused.decides(AGENCY, "evaluation", Verdict::Approve).decides(AUTHORITY, "approval", Verdict::Reject);
    let refused = refused.operator_acts();
    assert_eq!(refused.phase(), ChangePhase::Rejected);
    assert_eq!(refused.cpus("2028-01-01T00:00:00Z"), Amount::units(16), "the amount goes back");
    assert!(refused.plan().closes.is_none(), "once it is on record, nothing is left to do");
}

/// The authority has not agreed: what was opened has ended.
fn refused() -> Changing {
    let mut refused = emergency(live()).next("annex", annex_2("bottleneck")).filed();
    refused.decides(AGENCY, "evaluation", Verdict::Approve).decides(AUTHORITY, "approval", Verdict::Reject);
    let refused = refused.operator_acts();
    Changing { now: refused.now.checked_add(1.minute()).unwrap(), ..refused }
}

#[test]
fn r26_4_annex_2_names_an_emergency_of_the_system_that_still_waits_for_it() {
    let names = |before: Changing, name: &str| before.next("names", annex_2(name)).says(CONDITION_RESOLVED);
    assert_eq!(names(emergency(live()), "bottleneck").0, "Resolved");
    let (reason, message) = names(emergency(live()), "other");
    assert!(reason == "LineProblem" && message.contains("no emergency expansion other"), "{reason}: {message}");
    let with_another = Changing::up_and_down(&[("memory", 40)]).granted().next("bottleneck", bottleneck());
    assert_eq!(names(opened(with_another), "more").0, "LineProblem", "a change that was none");
    assert_eq!(names(refused(), "bottleneck").0, "LineProblem", "decided upon already");
    let second = || opened(refused().next("second", bottleneck()));
    assert_eq!(names(second(), "second").0, "Resolved");
    assert_eq!(names(second(), "bottleneck").0, "LineProblem", "another one is open");
    // It holds until that is decided, and says so before anybody files.
    let provisional = |change: Change| Changing::of(live(), "draft", change).plan().prospect.unwrap().provisional;
    assert!(provisional(bottleneck()));
    assert!(!provisional(Change { ground: ChangeGround::Adjustment, ..bottleneck() }));
}

/// The API server's clock counts seconds: filed and refused within one, it was open when it was filed.
#[test]
fn r26_4_annex_2_that_is_refused_in_the_second_of_its_filing_says_why_as_any_other() {
    let mut annex = emergency(live()).next("annex", annex_2("bottleneck"));
    for (who, gate, verdict) in [
        (UNIT, GATE_SUBMISSION, Verdict::Submit),
        (AGENCY, "evaluation", Verdict::Approve),
        (AUTHORITY, "approval", Verdict::Reject),
    ] {
        let decision = annex.draft(who, gate, verdict);
        annex.decisions.push(decision);
    }
    let annex = annex.operator_acts();
    assert_eq!(annex.story.system.as_ref().unwrap().0.closed[0].at, Time::new(annex.now));
    assert_eq!((annex.phase(), annex.says(CONDITION_RESOLVED).0.as_str()), (ChangePhase::Rejected, "Resolved"));
}

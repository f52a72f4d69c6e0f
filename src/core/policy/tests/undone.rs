//! Tracks, gates and numbers that would undo the rules.

use super::*;
use crate::api::sanction::Party;

/// The shipped policy of a county, and what is done to it.
fn guoyang(shape: Shape) -> GovernancePolicySpec {
    let mut spec = version("guoyang-2025").spec;
    shape(&mut spec);
    spec
}

fn number(limit: &mut crate::api::governance_policy::Limit, value: i32) {
    limit.value = value;
}

#[test]
fn r41_1_a_number_that_nothing_can_be_meant_by_is_named_with_its_field() {
    let table: &[(Shape, &str)] = &[
        (|p| number(&mut p.scope.max_protection_level, 0), "spec.scope.maxProtectionLevel"),
        (|p| number(&mut p.scope.max_protection_level, 99), "spec.scope.maxProtectionLevel"),
        (|p| number(&mut p.retention.old_system_months, 0), "spec.retention.oldSystemMonths"),
        (|p| number(&mut p.urgent.as_mut().unwrap().months, 0), "spec.urgent.months"),
        (|p| number(&mut p.changes.as_mut().unwrap().window_months, 0), "spec.changes.windowMonths"),
        (|p| number(&mut p.changes.as_mut().unwrap().major_above_percent, 5000), "spec.changes.majorAbovePercent"),
        (
            |p| number(&mut p.changes.as_mut().unwrap().fee_growth_above_percent, -1),
            "spec.changes.feeGrowthAbovePercent",
        ),
        (|p| number(&mut p.changes.as_mut().unwrap().accumulation_months, -1), "spec.changes.accumulationMonths"),
        (|p| number(&mut p.changes.as_mut().unwrap().extension_work_days, 400), "spec.changes.extensionWorkDays"),
        (
            |p| number(p.changes.as_mut().unwrap().emergency_annex_work_days.as_mut().unwrap(), 0),
            "spec.changes.emergencyAnnexWorkDays",
        ),
        (|p| number(&mut p.leaving.as_mut().unwrap().keep_unanswered_days, 0), "spec.leaving.keepUnansweredDays"),
        (|p| number(&mut p.adoption.as_mut().unwrap().networks_open_days, 0), "spec.adoption.networksOpenDays"),
        (|p| p.house_rules.max_access_days = 0, "spec.houseRules.maxAccessDays"),
        (|p| number(&mut p.usage.as_mut().unwrap().heartbeat_percent, 40), "spec.usage.heartbeatPercent"),
        (|p| number(&mut p.usage.as_mut().unwrap().dismiss_months, 61), "spec.usage.dismissMonths"),
        (|p| number(&mut p.usage.as_mut().unwrap().memory_peaks, 0), "spec.usage.memoryPeaks"),
        (
            |p| number(&mut p.usage.as_mut().unwrap().memory_mean_at_most_percent, 66),
            "spec.usage.memoryMeanAtMostPercent",
        ),
        (
            |p| number(&mut p.usage.as_mut().unwrap().memory_peak_at_most_percent, 80),
            "spec.usage.memoryPeakAtMostPercent",
        ),
        (|p| p.family = "../../etc 涡阳\n".into(), "spec.family"),
        (|p| p.family = String::new(), "spec.family"),
        (|p| p.roles[1].role = "unit".into(), "spec.roles[unit]"),
        (|p| p.roles[1].role = "provider".into(), "spec.roles[provider]"),
    ];
    for (shape, at) in table {
        let problems = check(&bozhou(shape));
        let found = problems.iter().find(|p| p.at == *at).unwrap_or_else(|| panic!("{at} is not in {problems:?}"));
        assert!(found.message.chars().any(|c| c > '\u{4e00}'), "no Chinese in {found}");
    }
}

#[test]
fn r41_1_a_field_names_a_track_of_its_own_sort() {
    let table: &[(Shape, &str, &str)] = &[
        (|p| p.leaving.as_mut().unwrap().track = "Standard".into(), "spec.leaving.track", "[Decommission, Reclaim]"),
        (|p| p.leaving.as_mut().unwrap().reclaim_track = Some("Correction".into()), "spec.leaving.reclaimTrack", ""),
        (
            |p| p.sanctions.as_mut().unwrap().measures[0].track = "Standard".into(),
            "spec.sanctions.measures[Correction,Unit].track",
            "Impose, Lift",
        ),
        (
            |p| p.sanctions.as_mut().unwrap().measures[4].party = Party::Provider,
            "spec.sanctions.measures[Suspension,Provider].party",
            "ordered to correct or warned",
        ),
        (|p| p.urgent.as_mut().unwrap().track = "Decommission".into(), "spec.urgent.track", "an urgent request"),
        (|p| p.urgent.as_mut().unwrap().track = "MinorChange".into(), "spec.urgent.track", "Provision, GoLive"),
        (
            |p| p.urgent.as_mut().unwrap().track = "MajorChange".into(),
            "spec.urgent.track",
            "spec.changes.tracks.major names it too",
        ),
        (
            |p| p.changes.as_mut().unwrap().tracks.minor = "Decommission".into(),
            "spec.changes.tracks.minor",
            "not major",
        ),
        (|p| p.changes.as_mut().unwrap().tracks.major = "MinorChange".into(), "spec.changes.tracks.major", "Standard"),
        (|p| p.changes.as_mut().unwrap().tracks.temporary = "Suspension".into(), "spec.changes.tracks.temporary", ""),
        (|p| p.changes.as_mut().unwrap().tracks.extension = "Reclaim".into(), "spec.changes.tracks.extension", ""),
        (
            |p| p.changes.as_mut().unwrap().tracks.reduction = Some("Warning".into()),
            "spec.changes.tracks.reduction",
            "",
        ),
        (
            |p| p.changes.as_mut().unwrap().tracks.emergency = Some("Reclaim".into()),
            "spec.changes.tracks.emergency",
            "",
        ),
        (
            |p| p.changes.as_mut().unwrap().tracks.extension = "EmergencyExpansion".into(),
            "spec.changes.tracks.extension",
            "extended by the authority's decision",
        ),
        (
            |p| {
                let rule = EffectRule { effect: Effect::Wipe, after: vec!["approval".into()], article: "x".into() };
                track(p, "MinorChange").effects.push(rule);
            },
            "spec.tracks[MinorChange].effects",
            "does one of these",
        ),
    ];
    all_said_somewhere(table);
    let months = bozhou(|_| {}).urgent.map(|rules| rules.months).unwrap();
    let mut county = version("guoyang-2025").spec;
    county.urgent = Some(crate::api::governance_policy::UrgentRules { track: "Standard".into(), months });
    let problems = check(&county);
    for at in ["spec.urgent.track", "spec.tracks"] {
        assert!(problems.iter().any(|p| p.at == at), "{at}: {problems:?}");
    }
}

fn all_said_somewhere(table: &[(Shape, &str, &str)]) {
    for (shape, at, words) in table {
        let problems = check(&bozhou(shape));
        let found = problems.iter().find(|p| p.at == *at && p.message.contains(words));
        let found = found.unwrap_or_else(|| panic!("{at}: {words} is not in {problems:?}"));
        assert!(found.message.chars().any(|c| c > '\u{4e00}'), "no Chinese in {found}");
    }
}

#[test]
fn r19_2_silence_opens_charges_imposes_and_wipes_nothing() {
    let table: &[(Shape, &str, &str)] = &[
        (
            |p| gate(p, "approval").lapses = true,
            "spec.tracks[Standard].gates[approval].lapses",
            "silence decides nothing",
        ),
        (|p| gate(p, "evaluation").lapses = true, "spec.tracks[Standard].gates[evaluation].lapses", "leave it out"),
        (|p| gate(p, "sign-unit").lapses = true, "spec.tracks[Standard].gates[sign-unit].lapses", "leave it out"),
        (
            |p| track(p, "Suspension").gates[0].lapses = true,
            "spec.tracks[Suspension].gates[decision].lapses",
            "leave it out",
        ),
        (
            |p| track(p, "Decommission").gates[1].lapses = true,
            "spec.tracks[Decommission].gates[approval].lapses",
            "leave it out",
        ),
        // The unit's silence about the backup leads to somebody who decides, before anything is done.
        (
            |p| track(p, "Decommission").gates[2].lapses = true,
            "spec.tracks[Decommission].gates[backup-confirmation].lapses",
            "let Offline wait for that",
        ),
        (
            |p| track(p, "Reclaim").gates[4].requires_reason = false,
            "spec.tracks[Reclaim].gates[backup-confirmation].lapses",
            "somebody decides in its place",
        ),
        (
            |p| {
                track(p, "Reclaim").effects[1].after = vec!["backup-confirmation".into()];
                track(p, "Reclaim").effects[2].after = vec!["offline".into(), "unanswered".into()];
            },
            "spec.tracks[Reclaim].gates[backup-confirmation].lapses",
            "let Offline wait for that",
        ),
        (
            |p| {
                let gate = &mut track(p, "Reclaim").gates[4];
                (gate.hearing, gate.due_work_days) = (true, Some(3));
            },
            "spec.tracks[Reclaim].gates[backup-confirmation].lapses",
            "somebody decides in its place",
        ),
        (
            |p| track(p, "Reclaim").gates[3].due_work_days = None,
            "spec.tracks[Reclaim].gates[backup-confirmation].lapses",
            "set dueWorkDays",
        ),
        (|p| only_hears(track(p, "Warning"), 0), "spec.tracks[Warning].effects[Impose].after", "of silence alone"),
        (|p| only_hears(track(p, "Warning"), 1), "spec.tracks[Warning].effects[Lift].after", "of silence alone"),
        (
            |p| track(p, "Warning").effects[1].after = vec!["impose".into()],
            "spec.tracks[Warning].effects[Lift].after",
            "of silence alone",
        ),
        (
            |p| {
                for name in ["trial-report", "security-report", "sign-unit", "sign-provider", "sign-authority"] {
                    let at = p.tracks[0].gates.iter().position(|g| g.name == name).unwrap();
                    only_hears(&mut p.tracks[0], at);
                }
                let fulfilment = gate(p, "fulfilment");
                (fulfilment.hearing, fulfilment.due_work_days) = (true, Some(1));
            },
            "spec.tracks[Standard].effects[GoLive].after",
            "of silence alone",
        ),
        // Amounts are confirmed before anything is opened.
        (
            |p| {
                let gate = gate(p, "trial-report");
                (gate.confirms_amounts, gate.verdicts) = (true, vec![Verdict::Confirm]);
            },
            "spec.tracks[Standard].gates[trial-report].confirmsAmounts",
            "or of nothing",
        ),
        (
            |p| track(p, "Decommission").gates[1].confirms_amounts = true,
            "spec.tracks[Decommission].gates[approval].confirmsAmounts",
            "or of nothing",
        ),
    ];
    all_said_somewhere(table);
}

fn only_hears(track: &mut Track, at: usize) {
    let gate = &mut track.gates[at];
    (gate.hearing, gate.due_work_days, gate.verdicts) = (true, Some(3), vec![Verdict::Approve]);
    (gate.requires_complete, gate.reports) = (false, Vec::new());
}

#[test]
fn r41_1_a_circumstance_that_cannot_hold_on_a_track_is_named() {
    use Applies::{HasSupervisor, LongWindow, ManualServices, Migrated, Unanswered, UsageUnknown};
    let paper = |spec: &mut GovernancePolicySpec, name: &str, when| track(spec, name).documents[0].when = Some(when);
    let asked = |spec: &mut GovernancePolicySpec, name: &str, when| track(spec, name).gates[0].when = Some(when);
    for when in [LongWindow, UsageUnknown, Unanswered] {
        let said = |p: &Problem| p.at.ends_with("].when") && p.message.contains("never holds on this track");
        let problems = check(&bozhou(|p| paper(p, "Standard", when)));
        assert!(
            problems.iter().any(|p| p.at == "spec.tracks[Standard].documents[ConstructionApproval].when" && said(p))
        );
        let problems = check(&bozhou(|p| asked(p, "Standard", when)));
        assert!(problems.iter().any(|p| p.at == "spec.tracks[Standard].gates[supervisor-filing].when" && said(p)));
    }
    let never: &[(&str, Applies)] = &[
        ("MinorChange", Migrated),
        ("MinorChange", LongWindow),
        ("MajorChange", UsageUnknown),
        ("Reduction", LongWindow),
        ("Suspension", HasSupervisor),
        ("Decommission", ManualServices),
        // Nobody's silence leads there.
        ("Decommission", Unanswered),
    ];
    for (name, when) in never {
        let problems = check(&bozhou(|p| asked(p, name, *when)));
        let at = |p: &&Problem| p.at.starts_with(&format!("spec.tracks[{name}].gates[")) && p.at.ends_with("].when");
        assert!(problems.iter().any(|p| at(&p)), "{name} {when}: {problems:?}");
    }
    // One track for several uses asks where it can be for one of them.
    assert_eq!(
        check(&guoyang(|p| p.tracks[1].gates[0].when = Some(LongWindow)))
            .iter()
            .filter(|p| p.at.ends_with("].when"))
            .count(),
        0
    );
    let standard = check(&guoyang(|p| p.tracks[0].gates[2].when = Some(LongWindow)));
    assert!(standard.iter().any(|p| p.at == "spec.tracks[Standard].gates[test-report].when"), "{standard:?}");
}

#[test]
fn r17_1_a_track_is_for_what_comes_of_it_and_for_what_the_policy_names_it() {
    let names = |spec: &GovernancePolicySpec| {
        uses::for_requests(spec).into_iter().map(|track| track.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&bozhou(|_| {})), ["Standard", "Urgent"]);
    // The county's major changes take the very track of applications.
    assert_eq!(names(&guoyang(|_| {})), ["Standard"]);
    assert_eq!(
        names(&bozhou(|p| p.changes.as_mut().unwrap().tracks.major = "Standard".into())),
        ["Standard", "Urgent", "MajorChange"]
    );
    // What asks for less than the others is no way round them.
    let light = bozhou(|p| {
        let mut other = p.tracks[0].clone();
        other.name = "Shared".into();
        other.development_finished_by = None;
        p.tracks.push(other);
        p.changes.as_mut().unwrap().tracks.major = "Shared".into();
        p.tracks.retain(|t| t.name != "MajorChange");
    });
    assert_eq!(names(&light), ["Standard", "Urgent"]);
    let as_much = bozhou(|p| {
        let mut other = p.tracks[0].clone();
        other.name = "Shared".into();
        p.tracks.push(other);
        p.changes.as_mut().unwrap().tracks.major = "Shared".into();
        p.tracks.retain(|t| t.name != "MajorChange");
    });
    assert_eq!(names(&as_much), ["Standard", "Urgent", "Shared"]);
}

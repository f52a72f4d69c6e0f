use super::super::samples::{at, clock};
use super::*;
use crate::api::common::Quantity;
use crate::api::information_system::InformationSystemStatus;
use crate::api::rightsizing_proposal::ObjectRef;
use crate::api::usage::{DayUse, Month, MonthUse, UsageHistory};
use crate::api::{InformationSystemSpec, RightsizingProposalSpec, RightsizingProposalStatus};
use crate::core::round::Statement;
use crate::runtime::apply;

pub(super) fn percent(text: &str) -> Percent {
    Percent(text.to_owned())
}

pub(super) fn quantities<const N: usize>(all: [(&str, &str); N]) -> QuantityMap {
    all.map(|(name, amount)| (name.to_owned(), Quantity(amount.into()))).into()
}

/// A system whose memory was used so on the last days, newest last, and what is said of it.
pub(super) fn system(name: &str, mean: &str, days: &[Option<&str>], said: &[Statement]) -> InformationSystem {
    let spec = InformationSystemSpec {
        name: format!("{name}系统"),
        organization: "bozhou-health".into(),
        ..InformationSystemSpec::default()
    };
    let mut system = InformationSystem::new(name, spec);
    system.metadata.namespace = Some("yg-bozhou-health".into());
    system.metadata.uid = Some(format!("uid-{name}"));
    let last: jiff::civil::Date = "2026-11-23".parse().unwrap();
    let back = |n: usize| last.checked_sub(jiff::Span::new().days(i64::try_from(n).unwrap())).unwrap();
    let recent = days
        .iter()
        .rev()
        .enumerate()
        .filter_map(|(n, day)| Some(DayUse { day: back(n), memory_percent: percent((*day)?) }));
    let mut recent: Vec<DayUse> = recent.collect();
    recent.reverse();
    let month = MonthUse {
        month: Month("2026-11".into()),
        days: 20,
        memory_percent_days: percent("861.0"),
        memory_peak_percent: Some(percent("91.5")),
        cpu_days: 19,
        cpu_percent_days: percent("190.9"),
        storage_percent: Some(percent("71.0")),
    };
    system.status = Some(InformationSystemStatus {
        conditions: apply::conditions(&[], said, 1, clock().now),
        provisioned_at: Some(at("2026-06-01T00:00:00Z")),
        usage: Some(Usage {
            at: at("2026-11-24T01:00:00Z"),
            memory_mean_percent: Some(percent(mean)),
            memory_peak_percent: Some(percent("91.5")),
            coverage_percent: Some(percent("99.8")),
            peaks: Some(0),
            storage_percent: Some(percent("61.0")),
            cpu_percent: Some(percent("12.0")),
            clocks: vec![],
        }),
        usage_history: Some(UsageHistory { taken: at("2026-11-24T01:00:00Z"), recent, months: vec![month] }),
        ..InformationSystemStatus::default()
    });
    system
}

fn said(type_: &'static str, holds: impl Into<Option<bool>>, reason: &str) -> Statement {
    Statement::new(type_, holds, reason, format!("{type_}: 70.1%, above 70% (周平均)"))
}

fn known() -> Statement {
    said(CONDITION_USAGE_KNOWN, true, "Measured")
}

pub(super) fn proposal(
    system: &str,
    action: Action,
    saving: Option<&str>,
    phase: ProposalPhase,
) -> RightsizingProposal {
    let spec = RightsizingProposalSpec {
        system_ref: ObjectRef { name: system.into(), uid: format!("uid-{system}") },
        action,
        before: quantities([("requests.cpu", "8"), ("requests.memory", "32Gi"), ("limits.memory", "32Gi")]),
        after: match action {
            Action::Reclaim => QuantityMap::default(),
            _ => quantities([("requests.cpu", "8"), ("requests.memory", "9Gi"), ("limits.memory", "9Gi")]),
        },
        saving: saving.map(|saving| Money(saving.into())),
        ..RightsizingProposalSpec::default()
    };
    let mut proposal = RightsizingProposal::new(&format!("{system}-{action}").to_lowercase(), spec);
    proposal.metadata.namespace = Some("yg-bozhou-health".into());
    proposal.status = Some(RightsizingProposalStatus { phase, ..RightsizingProposalStatus::default() });
    proposal
}

pub(super) fn systems() -> Vec<InformationSystem> {
    let week = ["0.0", "12.5", "25.0", "37.5", "50.0", "62.5", "75.0"].map(Some);
    let gaps = [Some("30.0"), None, None, Some("20.0"), Some("88.0"), Some("130.0")];
    let low = said(CONDITION_REDUCTION_ELIGIBLE, true, "LowMemory");
    let judged = |statement: Statement| [known(), statement];
    let mut young = system("new", "1.0", &[], &[]);
    let status = young.status.as_mut().unwrap();
    (status.usage, status.usage_history) = (None, None);
    vec![
        system("sleepy", "10.0", &gaps, &[known(), low, said(CONDITION_IDLE, true, "Idle")]),
        system("busy", "70.1", &week, &judged(said(CONDITION_EXPANSION_ELIGIBLE, true, "MemoryMean"))),
        // What it was seen to use long ago is not what it uses.
        system("lost", "99.0", &week[..3], &[said(CONDITION_USAGE_KNOWN, false, "NotMeasured")]),
        system("usual", "50.0", &week, &judged(said(CONDITION_REDUCTION_ELIGIBLE, false, "WithinLimits"))),
        system("gaps", "9.9", &gaps, &judged(said(CONDITION_REDUCTION_ELIGIBLE, None, "UsageUnknown"))),
        young,
    ]
}

pub(super) fn proposals() -> Vec<RightsizingProposal> {
    let mut of_another = proposal("busy", Action::Reduce, Some("900"), ProposalPhase::Proposed);
    of_another.spec.system_ref.uid = "an earlier one of that name".into();
    vec![
        proposal("sleepy", Action::Reduce, Some("1150.10"), ProposalPhase::Proposed),
        proposal("gaps", Action::Reclaim, Some("0.2"), ProposalPhase::Underway),
        proposal("usual", Action::Reduce, Some("900"), ProposalPhase::Dismissed),
        of_another,
    ]
}

#[test]
fn r27_1_systems_stand_by_use_with_what_is_found_proposed_and_saved() {
    let overview = overview(&systems(), &proposals(), 0, &clock());
    let order: Vec<&str> = overview.items.iter().map(|item| item.system.as_str()).collect();
    assert_eq!(order, ["busy", "usual", "sleepy", "gaps", "lost", "new"], "most first, unknown last");
    assert_eq!((overview.known, overview.proposals), (4, 2));
    assert_eq!(overview.saving, Money("1150.3".into()), "exactly, and nothing of what was put off");
    insta::assert_snapshot!("usage_en", page(Lang::En, &overview, false).render());
    insta::assert_snapshot!("usage_zh", page(Lang::Zh, &overview, true).render());
}

#[test]
fn r27_1_what_is_given_back_saves_nothing_twice() {
    let both = [Action::Reduce, Action::Reclaim].map(|action| {
        let saving = if action == Action::Reclaim { "3000" } else { "1000" };
        proposal("sleepy", action, Some(saving), ProposalPhase::Proposed)
    });
    let overview = overview(&systems()[..1], &both, 0, &clock());
    assert_eq!((overview.proposals, overview.saving), (2, Money("3000".into())));
}

#[test]
fn r26_1_what_is_not_known_is_said_and_shows_no_old_figure() {
    let overview = overview(&systems(), &[], 0, &clock());
    let lost = overview.items.iter().find(|item| item.system == "lost").unwrap();
    let row = row(Lang::En, lost, true);
    assert!(row[2..7].iter().all(String::is_empty), "{row:?}");
    assert_eq!(row[8], "unknown: not measured");
    let none = page(Lang::Zh, &super::overview(&[], &[], 0, &clock()), false).render();
    assert_eq!(none, "没有您有权查看的系统。\n");
}

#[test]
fn r26_1_the_sparkline_goes_from_nothing_to_all_and_shows_gaps() {
    let days = ["0.0", "12.4", "12.5", "49.9", "50.0", "87.5", "100.0", "250.0"].map(|p| Some(percent(p)));
    assert_eq!(sparkline(&days), "▁▁▂▄▅███");
    assert_eq!(sparkline(&[None, Some(percent("1.0")), None]), "·▁·");
}

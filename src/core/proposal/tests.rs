//! Proposals as use, people and the operator make them: few, stable, and never made or withdrawn on what is not known.

use super::*;
use crate::api::common::RequestRef;
use crate::api::decision::{DecidedBy, DecisionSpec, Dismissal};
use crate::api::information_system::{Grant, GrantedChange};
use crate::api::names::CONDITION_GROUND;
use crate::api::usage::{Activity, ActivityClock};
use crate::core::fixtures::Story;
use crate::core::usage::percent;
use jiff::ToSpan as _;

const AGENCY: &str = "chen.jing@data-center";

/// A live system whose use is judged, its one proposal for an action, and who takes it up.
struct World {
    registry: Registry,
    system: InformationSystemSpec,
    amounts: Amounts,
    action: Action,
    findings: Vec<Finding>,
    usage: Usage,
    changed: Option<Timestamp>,
    proposal: Option<(RightsizingProposalSpec, Option<RightsizingProposalStatus>)>,
    decisions: Vec<DecisionFact>,
    taken_up: Vec<TakenUp>,
    now: Timestamp,
    writes: usize,
}

/// What is wrong with a dismissal.
type Shape = fn(&mut DecisionFact);

const UID: &str = "uid-of-the-proposal";

impl World {
    /// The shipped portal, opened long ago.
    fn of(action: Action) -> Self {
        let mut story = Story::of("health-portal");
        for (who, gate, verdict) in [
            ("zhang.wei@health", crate::api::names::GATE_SUBMISSION, Verdict::Submit),
            ("li.na@data-bureau", "completeness", Verdict::Approve),
            (AGENCY, "plan", Verdict::Confirm),
            (AGENCY, "evaluation", Verdict::Approve),
            ("li.na@data-bureau", "approval", Verdict::Approve),
        ] {
            story.decides(who, gate, verdict);
        }
        story.operator_acts();
        let (system, _) = story.system.unwrap();
        let amounts = effective::amounts_at(&system, story.now).unwrap();
        Self {
            registry: story.registry,
            system,
            amounts,
            action,
            findings: Vec::new(),
            usage: Usage { at: Time::new(story.now), ..Usage::default() },
            changed: None,
            proposal: None,
            decisions: Vec::new(),
            taken_up: Vec::new(),
            now: story.now,
            writes: 0,
        }
    }

    /// As the system's status says it.
    fn finds(&mut self, type_: &str, holds: Option<bool>, reason: &str) -> &mut Self {
        self.findings.retain(|f| f.type_ != type_);
        let (type_, reason) = (type_.to_owned(), reason.to_owned());
        self.findings.push(Finding { type_, holds, reason, message: "why".into(), since: Time::new(self.now) });
        self.usage.at = Time::new(self.now);
        self
    }

    fn sleepy(mean: f64, peak: f64) -> Self {
        let mut world = Self::of(Action::Reduce);
        world.uses(mean, peak).finds(CONDITION_REDUCTION_ELIGIBLE, Some(true), "LowMemory");
        world
    }

    fn uses(&mut self, mean: f64, peak: f64) -> &mut Self {
        self.usage.memory_mean_percent = Some(percent(mean));
        self.usage.memory_peak_percent = Some(percent(peak));
        self
    }

    fn plan(&self) -> Plan {
        let system = ObjectRef { name: "health-portal".into(), uid: "uid-system".into() };
        let facts = Facts {
            system: &system,
            spec: &self.system,
            findings: &self.findings,
            usage: Some(&self.usage),
            amounts: &self.amounts,
            changed: self.changed,
            taken_up: &self.taken_up,
        };
        let standing = self.proposal.as_ref().map(|(spec, status)| Standing {
            name: "health-portal-reduce",
            uid: UID,
            generation: 1,
            spec,
            phase: status.as_ref().map(|s| s.phase),
            decisions: &self.decisions,
        });
        decide(facts, &self.registry, self.action, standing, self.now)
    }

    /// The operator does what follows, until nothing does.
    fn settles(&mut self) -> &mut Self {
        for _ in 0..5 {
            let plan = self.plan();
            let (spec, status) = match &self.proposal {
                None => (plan.spec.clone(), None),
                Some((before, _)) => (Some(plan.spec.clone().unwrap_or_else(|| before.clone())), plan.status.clone()),
            };
            let next = spec.map(|spec| (spec, status));
            if next == self.proposal {
                return self;
            }
            self.proposal = next;
            self.writes += 1;
        }
        panic!("it does not come to rest");
    }

    fn after(&mut self, span: jiff::Span) -> &mut Self {
        self.now = self.now.checked_add(span).unwrap();
        self
    }

    fn phase(&self) -> Option<ProposalPhase> {
        self.proposal.as_ref().map(|(_, status)| status.as_ref().map(|s| s.phase).unwrap_or_default())
    }

    fn dismissal(&self, who: &str, rule: UseRule, until: &str) -> DecisionFact {
        DecisionFact {
            name: "dismissal".into(),
            uid: format!("dismissal-{}", self.decisions.len()),
            at: Time::new(self.now),
            order: self.decisions.len() as u64,
            entitled: true,
            spec: DecisionSpec {
                request_ref: RequestRef {
                    kind: RequestKind::RightsizingProposal,
                    name: "health-portal-reduce".into(),
                    uid: UID.into(),
                },
                gate: GATE_TAKE_UP.into(),
                role: ROLE_AGENCY.into(),
                verdict: Verdict::Reject,
                digest: digest::of_dismissal(UID, rule),
                comment: Some("年底业务高峰".into()),
                dismissal: Some(Dismissal { rule, until: until.parse().unwrap() }),
                decided_by: Some(DecidedBy { username: who.into(), person: who.into(), ..DecidedBy::default() }),
                ..DecisionSpec::default()
            },
        }
    }

    fn condition(&self, type_: &str) -> (Option<bool>, String) {
        let plan = self.plan();
        let found = plan.conditions.iter().rfind(|c| c.type_ == type_).unwrap();
        (found.holds, found.reason.clone())
    }
}

#[test]
fn r26_5_a_sleepy_system_is_proposed_for_less_with_the_evidence_and_what_it_saves() {
    let mut world = World::sleepy(0.10, 0.20);
    world.settles();
    assert_eq!(world.phase(), Some(ProposalPhase::Proposed));
    let (spec, status) = world.proposal.as_ref().unwrap();
    assert_eq!((spec.action, spec.rule), (Action::Reduce, UseRule::LowMemory));
    let lines: Vec<_> = spec.recommended.iter().map(|l| (l.name.as_str(), l.before, l.after)).collect();
    // A fifth of 32 Gi stays below three quarters of 9 Gi.
    assert_eq!(lines, [("memory", 32, 9)]);
    let figures: Vec<_> = spec.evidence.figures.iter().map(|f| (f.value.as_str(), f.threshold.as_str())).collect();
    assert_eq!(figures, [("10.0", "<= 30"), ("20.0", "<= 50")]);
    assert!(spec.evidence.figures.iter().all(|f| f.article == "第二十六条第二项"));
    let money = |money: &Option<Money>| money.as_ref().unwrap().0.parse::<Decimal>().unwrap();
    assert_eq!(money(&spec.saving), money(&spec.fee_before) - money(&spec.fee_after));
    assert_eq!(status.as_ref().unwrap().role.as_deref(), Some("agency"));
    // Made, and told where it stands: two writes, and no more however often it is looked at.
    world.after(1.hour()).settles();
    assert_eq!(world.writes, 2);
}

#[test]
fn r26_1_noise_and_new_figures_change_nothing() {
    let mut world = World::sleepy(0.10, 0.20);
    world.settles();
    for (mean, peak) in [(0.101, 0.203), (0.098, 0.19), (0.1, 0.205), (0.1, 0.17)] {
        world.after(24.hours()).uses(mean, peak).finds(CONDITION_REDUCTION_ELIGIBLE, Some(true), "LowMemory").settles();
    }
    assert_eq!(world.writes, 2);
    world.after(24.hours()).uses(0.05, 0.08).settles();
    assert_eq!(world.proposal.as_ref().unwrap().0.recommended[0].after, 4, "another answer is told");
    assert_eq!(world.writes, 3);
}

#[test]
fn r26_6_what_is_not_known_makes_no_proposal_and_withdraws_none() {
    let mut world = World::of(Action::Reduce);
    world.uses(0.1, 0.2).finds(CONDITION_REDUCTION_ELIGIBLE, None, "UsageUnknown").settles();
    assert_eq!(world.phase(), None);
    world.findings.clear();
    assert_eq!(world.settles().phase(), None, "nor where nothing is judged at all");
    let mut world = World::sleepy(0.1, 0.2);
    world.settles();
    let before = world.proposal.as_ref().unwrap().0.clone();
    world.after(1.hour()).finds(CONDITION_REDUCTION_ELIGIBLE, None, "UsageUnknown").settles();
    assert_eq!(world.phase(), Some(ProposalPhase::Proposed));
    assert_eq!(world.proposal.as_ref().unwrap().0, before);
    assert_eq!(world.condition(CONDITION_GROUND), (None, "UsageUnknown".into()), "and it says so");
}

#[test]
fn r26_1_a_ground_that_falls_away_withdraws_and_one_that_comes_back_proposes_anew() {
    let mut world = World::sleepy(0.1, 0.2);
    world.settles();
    let first = world.proposal.as_ref().unwrap().0.proposed_at;
    world.after(1.hour()).finds(CONDITION_REDUCTION_ELIGIBLE, Some(false), "WithinLimits").settles();
    assert_eq!(world.phase(), Some(ProposalPhase::Withdrawn));
    world.after(1.hour()).finds(CONDITION_REDUCTION_ELIGIBLE, None, "UsageUnknown").settles();
    assert_eq!(world.phase(), Some(ProposalPhase::Withdrawn), "what is unknown brings nothing back");
    world.after(1.hour()).finds(CONDITION_REDUCTION_ELIGIBLE, Some(true), "LowMemory").settles();
    assert_eq!(world.phase(), Some(ProposalPhase::Proposed));
    assert!(world.proposal.as_ref().unwrap().0.proposed_at > first);
}

#[test]
fn r26_5_what_is_dismissed_is_not_proposed_again_until_then() {
    let mut world = World::sleepy(0.1, 0.2);
    world.settles();
    let decision = world.dismissal(AGENCY, UseRule::LowMemory, "2027-01-31");
    world.decisions.push(decision);
    world.settles();
    assert_eq!(world.phase(), Some(ProposalPhase::Dismissed));
    let wake = world.plan().wake.unwrap();
    assert_eq!(wake.to_string(), "2027-01-31T16:00:00Z", "the whole day, in the zone of the rules");
    // The ground comes and goes meanwhile.
    world.after(24.hours()).finds(CONDITION_REDUCTION_ELIGIBLE, Some(false), "WithinLimits").settles();
    world.after(24.hours()).finds(CONDITION_REDUCTION_ELIGIBLE, Some(true), "LowMemory").settles();
    assert_eq!(world.phase(), Some(ProposalPhase::Dismissed));
    world.now = wake;
    world.settles();
    assert_eq!(world.phase(), Some(ProposalPhase::Proposed));
}

#[test]
fn r26_5_a_dismissal_counts_only_from_the_agency_for_what_it_names_and_for_a_time_that_is_allowed() {
    let shapes: [(&str, Shape, VoidReason); 7] = [
        (
            "too long",
            |d| d.spec.dismissal.as_mut().unwrap().until = "2027-05-25".parse().unwrap(),
            VoidReason::TimeWrong,
        ),
        ("over", |d| d.spec.dismissal.as_mut().unwrap().until = "2026-11-23".parse().unwrap(), VoidReason::TimeWrong),
        ("the unit", |d| d.spec.role = "unit".into(), VoidReason::WrongRole),
        ("not a member", |d| d.spec.decided_by.as_mut().unwrap().username = "who@ever".into(), VoidReason::NotEntitled),
        ("no verb", |d| d.entitled = false, VoidReason::NotEntitled),
        ("other content", |d| d.spec.digest = digest::of_dismissal(UID, UseRule::Idle), VoidReason::OtherContent),
        ("another one", |d| d.spec.request_ref.uid = "another".into(), VoidReason::OtherRequest),
    ];
    for (what, shape, reason) in shapes {
        let mut world = World::sleepy(0.1, 0.2);
        world.settles();
        let mut decision = world.dismissal(AGENCY, UseRule::LowMemory, "2027-05-24");
        shape(&mut decision);
        world.decisions.push(decision);
        world.settles();
        assert_eq!(world.phase(), Some(ProposalPhase::Proposed), "{what}");
        let status = world.plan().status.unwrap();
        assert_eq!(status.void_decisions.iter().map(|v| v.reason).collect::<Vec<_>>(), [reason], "{what}");
    }
    let mut world = World::sleepy(0.1, 0.2);
    world.settles();
    world.decisions.push(world.dismissal(AGENCY, UseRule::LowMemory, "2027-05-24"));
    assert_eq!(world.settles().phase(), Some(ProposalPhase::Dismissed), "six months, to the day");
}

#[test]
fn r26_1_another_rule_is_not_dismissed_with_the_first() {
    let mut world = World::of(Action::Reclaim);
    let clock = |activity| ActivityClock { activity, last: Time::default(), carried_minutes: 0, counted_minutes: 0 };
    world.usage.clocks = vec![clock(Activity::Busy), clock(Activity::Business)];
    world.finds(CONDITION_IDLE, Some(false), "WithinLimits");
    world.finds(CONDITION_NO_BUSINESS_DATA, Some(true), "NoBusinessData").settles();
    let (spec, _) = world.proposal.as_ref().unwrap();
    assert_eq!((spec.rule, spec.recommended.len(), spec.after.len()), (UseRule::NoBusinessData, 0, 0));
    assert_eq!(spec.saving, spec.fee_before, "all of it");
    world.decisions.push(world.dismissal(AGENCY, UseRule::NoBusinessData, "2027-01-31"));
    assert_eq!(world.settles().phase(), Some(ProposalPhase::Dismissed));
    world.finds(CONDITION_IDLE, Some(true), "Stopped").settles();
    assert_eq!(world.phase(), Some(ProposalPhase::Proposed));
    assert_eq!(world.proposal.as_ref().unwrap().0.rule, UseRule::Stopped);
    world.finds(CONDITION_IDLE, Some(false), "WithinLimits").settles();
    assert_eq!(world.phase(), Some(ProposalPhase::Dismissed), "the first one still is");
}

#[test]
fn r26_5_it_is_under_way_while_a_change_is_and_done_once_that_holds() {
    let mut world = World::sleepy(0.1, 0.2);
    world.settles();
    let change = ObjectRef { name: "less".into(), uid: "uid-less".into() };
    let taken = |phase| vec![TakenUp { change: change.clone(), proposal: UID.into(), phase }];
    world.taken_up = taken(ChangePhase::Draft);
    assert_eq!(world.settles().phase(), Some(ProposalPhase::Proposed), "a draft is nothing yet");
    world.taken_up = taken(ChangePhase::InReview);
    assert_eq!(world.settles().phase(), Some(ProposalPhase::Underway));
    assert_eq!(world.plan().status.unwrap().change_ref, Some(change.clone()));
    let before = world.proposal.as_ref().unwrap().0.clone();
    world.after(24.hours()).uses(0.02, 0.03).settles();
    assert_eq!(world.proposal.as_ref().unwrap().0, before, "not changed under their hands");
    // It takes effect: what was measured was measured under the old quota.
    let mut grant: Grant = world.system.grants[0].clone();
    grant.effective_from = Time::new(world.now);
    grant.change = Some(GrantedChange { proposal: Some(UID.into()), ..GrantedChange::default() });
    world.system.grants.push(grant);
    (world.changed, world.taken_up) = (Some(world.now), taken(ChangePhase::InEffect));
    world.after(1.minute()).settles();
    assert_eq!(world.phase(), Some(ProposalPhase::Done));
    world.after(2.hours()).settles();
    assert_eq!(world.phase(), Some(ProposalPhase::Done), "nothing new was measured");
    // Still too little used, a week later: a new round.
    world.after((8 * 24).hours()).finds(CONDITION_REDUCTION_ELIGIBLE, Some(true), "LowMemory").settles();
    assert_eq!(world.phase(), Some(ProposalPhase::Proposed));
}

#[test]
fn r26_1_without_a_better_size_nothing_is_proposed() {
    let mut world = World::sleepy(0.3, 0.5);
    world.amounts =
        Amounts::from_iter([("limits.memory".to_owned(), crate::core::quantity::Amount::parse("64Gi").unwrap())]);
    assert_eq!(world.settles().phase(), None, "what it has for good is what it needs; the rest is a window");
    let mut world = World::sleepy(0.1, 0.2);
    world.settles();
    for line in &mut world.system.grants[0].lines {
        line.quantity = 1;
    }
    world.after(1.hour()).settles();
    assert_eq!(
        (world.phase(), world.condition(CONDITION_GROUND).1.as_str()),
        (Some(ProposalPhase::Withdrawn), "NoBetterSize")
    );
}

#[test]
fn the_name_says_the_system() {
    assert_eq!(name("health-portal", Action::Reduce), "health-portal-reduce");
    assert_eq!(system_of("health-portal-reduce"), Some("health-portal"));
    assert_eq!(system_of("a-expand"), Some("a"));
    assert_eq!(system_of("health-portal"), None);
}

#[test]
fn r26_5_what_a_proposal_says_fits_however_much_there_is_to_say() {
    use crate::core::fixtures::{assert_fits, conditions, endless, letters};
    let mut world = World::sleepy(0.10, 0.20);
    world.findings.iter_mut().for_each(|finding| finding.message = endless());
    world.settles();
    for n in 0..50 {
        let mut decision = world.dismissal(AGENCY, UseRule::LowMemory, "2099-01-31");
        decision.spec.role = letters(32);
        decision.name = format!("{n}-{}", "d".repeat(240));
        world.decisions.push(decision);
    }
    let plan = world.plan();
    assert_eq!(world.proposal.as_ref().unwrap().0.evidence.message.chars().count(), 1_024);
    assert_fits("RightsizingProposal", "spec", &world.proposal.as_ref().unwrap().0);
    let mut status = plan.status.unwrap();
    status.conditions = conditions(&plan.conditions, world.now);
    assert_eq!(status.void_decisions.len(), 5);
    assert_fits("RightsizingProposal", "status", &status);
}

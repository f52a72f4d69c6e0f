//! Changes as people walk them, by the shipped rules, and what must not get through.

use super::*;
use crate::api::cloud_resource_request::VoidReason;
use crate::api::common::Document;
use crate::api::names::*;
use crate::api::resource_change::{ChangeGround, ChangeLine, ChangePhase, Extend, Window};
use crate::api::usage::Finding;
use crate::core::fixtures::{self, Drafted, Story};
use crate::core::quantity::Amount;
use jiff::ToSpan as _;

mod emergencies;
mod evidence;
mod lines;
mod plans;
mod races;
mod reductions;
mod windows;

const UNIT: &str = "zhang.wei@health";
const AUTHORITY: &str = "li.na@data-bureau";
const AGENCY: &str = "chen.jing@data-center";
const PROVIDER: &str = "liu.yang@bozhou-cloud";

/// A change of the shipped portal, which is live, and what people have done about it.
struct Changing {
    story: Story,
    name: String,
    change: Change,
    contacts: Contacts,
    decisions: Vec<DecisionFact>,
    /// What is found of the system's use now: it may expand, unless a test says otherwise.
    usage: Evidence,
    /// What the status says was found when it was filed.
    pinned: Option<Evidence>,
    proposal: Option<RightsizingProposalSpec>,
    ground_gone: Option<GroundGone>,
    now: Timestamp,
}

/// A finding, as it would be made of use.
fn found(finding: Finding, reason: &str) -> Evidence {
    Evidence { finding, reason: reason.into(), message: format!("figures of {reason}"), ..Evidence::default() }
}

fn live() -> Story {
    let mut story = Story::of("health-portal");
    let track = [
        (UNIT, GATE_SUBMISSION, Verdict::Submit),
        (AUTHORITY, "completeness", Verdict::Approve),
        (AGENCY, "plan", Verdict::Confirm),
        (AGENCY, "evaluation", Verdict::Approve),
        (AUTHORITY, "approval", Verdict::Approve),
    ];
    for (who, gate, verdict) in track {
        story.decides(who, gate, verdict);
    }
    story.operator_acts();
    let signed = [
        (PROVIDER, "fulfilment", Verdict::Confirm),
        (UNIT, "trial-report", Verdict::File),
        (UNIT, "security-report", Verdict::File),
        (UNIT, "sign-unit", Verdict::Sign),
        (PROVIDER, "sign-provider", Verdict::Sign),
        (AUTHORITY, "sign-authority", Verdict::Sign),
    ];
    for (who, gate, verdict) in signed {
        story.decides(who, gate, verdict);
    }
    story.operator_acts();
    story
}

fn lines(lines: &[(&str, i64)]) -> Vec<ChangeLine> {
    let line = |(name, quantity): &(&str, i64)| ChangeLine {
        name: (*name).to_owned(),
        quantity: *quantity,
        ..ChangeLine::default()
    };
    lines.iter().map(line).collect()
}

fn time(text: &str) -> Time {
    Time::new(text.parse().unwrap())
}

impl Changing {
    fn of(story: Story, name: &str, change: Change) -> Self {
        let change = Change {
            unit_name: "亳州市卫生健康委员会".into(),
            system: "health-portal".into(),
            reason: "业务增长".into(),
            ..change
        };
        let now = story.now;
        let usage = found(Finding::Eligible, "MemoryMean");
        let (proposal, ground_gone) = (None, None);
        Self {
            story,
            name: name.to_owned(),
            change,
            contacts: fixtures::contacts(),
            decisions: Vec::new(),
            usage,
            pinned: None,
            proposal,
            ground_gone,
            now,
        }
    }

    fn up_and_down(wanted: &[(&str, i64)]) -> Self {
        Self::of(live(), "more", Change { lines: lines(wanted), ..Change::default() })
    }

    fn temporary(wanted: &[(&str, i64)], from: &str, until: &str) -> Self {
        let window = Some(Window { from: time(from), until: time(until) });
        let ground = ChangeGround::ForeseeablePeak;
        Self::of(live(), "peak", Change { ground, lines: lines(wanted), window, ..Change::default() })
    }

    fn extension(story: Story, until: &str) -> Self {
        let extend = Some(Extend { change: "peak".into(), until: time(until) });
        let ground = ChangeGround::ForeseeablePeak;
        Self::of(story, "longer", Change { ground, extend, ..Change::default() })
    }

    /// An earlier change, as it stands beside this one.
    fn again(self, name: &str, change: &Change, then: &Self) -> Self {
        let (decisions, pinned) = (then.decisions.clone(), then.pinned.clone());
        Self { decisions, pinned, ..self.next(name, change.clone()) }
    }

    /// The next change of the same system.
    fn next(self, name: &str, change: Change) -> Self {
        let mut story = self.story;
        story.now = self.now;
        Self::of(story, name, change)
    }

    fn plan(&self) -> Plan {
        let system = self.story.system.as_ref();
        let facts = Facts {
            name: &self.name,
            uid: &format!("uid-{}", self.name),
            generation: 1,
            organization: &self.story.organization,
            change: &self.change,
            contacts: Some(&self.contacts),
            decisions: &self.decisions,
            system: system.map(|(spec, provisioned_at)| SystemFact { spec, provisioned_at: *provisioned_at }),
            evidence: self.pinned.as_ref(),
            usage: &self.usage,
            ground_gone: self.ground_gone.as_ref(),
            grants_stopped: self.story.grants_stopped.as_ref(),
            proposal: self.proposal.as_ref().map(|spec| ProposalFact { uid: "uid-proposal", spec }),
            domain: Some(&self.story.domain),
        };
        decide(&facts, &self.story.registry, self.now)
    }

    fn draft(&self, who: &str, gate: &str, verdict: Verdict) -> DecisionFact {
        let status = self.plan().status;
        let request_ref = RequestRef {
            kind: RequestKind::ResourceChange,
            name: self.name.clone(),
            uid: status.subject_uid.clone().unwrap(),
        };
        let number = self.decisions.len() + 100;
        let name = format!("{number}-{}", self.name);
        let decision = Drafted { who, number, now: self.now, request_ref, gate, verdict };
        let lines = self.change.lines.iter().map(|line| (line.name.clone(), line.quantity));
        let open = status.open_gates.iter().find(|g| g.gate == gate);
        let drafted = decision.at(open, status.submission.as_ref(), lines);
        DecisionFact { uid: name.clone(), name, ..drafted }
    }

    fn decides(&mut self, who: &str, gate: &str, verdict: Verdict) -> &mut Self {
        self.now = self.now.checked_add(1.minute()).unwrap();
        let decision = self.draft(who, gate, verdict);
        self.decisions.push(decision);
        self.told()
    }

    /// The operator writes the status.
    fn told(&mut self) -> &mut Self {
        self.pinned = self.plan().status.evidence;
        self
    }

    fn filed(mut self) -> Self {
        self.decides(UNIT, GATE_SUBMISSION, Verdict::Submit);
        self
    }

    /// By the agency and the authority, on the tracks that are light.
    fn approved(self) -> Self {
        let mut filed = self.filed();
        if filed.open() == ["usage-evidence"] {
            filed.decides(AGENCY, "usage-evidence", Verdict::Approve);
        }
        filed.decides(AGENCY, "evaluation", Verdict::Approve).decides(AUTHORITY, "approval", Verdict::Approve);
        filed
    }

    /// The operator puts on record what the plan wants.
    fn operator_acts(mut self) -> Self {
        let plan = self.plan();
        let system = &mut self.story.system.as_mut().unwrap().0;
        system.grants.extend(plan.grant);
        system.agreements.extend(plan.agreement);
        system.closed.extend(plan.closes);
        self
    }

    fn granted(self) -> Self {
        let acted = self.approved().operator_acts();
        assert!(acted.plan().status.committed, "{:?}", acted.plan().conditions);
        acted
    }

    fn at(mut self, moment: &str) -> Self {
        self.now = moment.parse().unwrap();
        self
    }

    fn cpus(&self, moment: &str) -> Amount {
        let system = &self.story.system.as_ref().unwrap().0;
        effective::amounts_at(system, moment.parse().unwrap()).unwrap().get("requests.cpu")
    }

    fn phase(&self) -> ChangePhase {
        self.plan().status.phase
    }

    fn says(&self, type_: &str) -> (String, String) {
        let plan = self.plan();
        let found = plan.conditions.iter().rfind(|c| c.type_ == type_).unwrap_or_else(|| panic!("no {type_}"));
        (found.reason.clone(), found.message.clone())
    }

    fn open(&self) -> Vec<String> {
        self.plan().status.open_gates.iter().map(|g| g.gate.clone()).collect()
    }
}

#[test]
fn r22_1_before_is_shown_from_the_record_and_after_as_the_author_states_it() {
    let draft = Changing::up_and_down(&[("cpu", 24), ("internet", 25)]);
    let status = draft.plan().status;
    let shown: Vec<_> = status.lines.iter().map(|l| (l.name.as_str(), l.before, l.asked)).collect();
    assert_eq!(shown, [("cpu", Some(16), 24), ("internet", Some(50), 25)]);
    assert_eq!((status.before["requests.cpu"].0.as_str(), status.after["requests.cpu"].0.as_str()), ("16", "24"));
    assert_eq!(status.after["requests.memory"].0, "32Gi", "lines that are not named stay");
    assert_eq!(status.phase, ChangePhase::Draft);
    assert_eq!(draft.open(), [GATE_SUBMISSION]);
}

#[test]
fn r22_2_exactly_half_takes_the_light_track_and_more_the_whole_one() {
    assert_eq!(Changing::up_and_down(&[("cpu", 24)]).plan().status.track.as_deref(), Some("MinorChange"));
    let status = Changing::up_and_down(&[("cpu", 25)]).plan().status;
    assert_eq!(status.track.as_deref(), Some("MajorChange"));
    assert!(status.major_because.unwrap().contains("cpu goes from 16 to 25"));
    assert_eq!(Changing::up_and_down(&[("cpu", 7)]).plan().status.track.as_deref(), Some("MajorChange"), "down too");
}

#[test]
fn r11_1_a_minor_change_is_granted_by_agency_and_authority_and_says_who_pays() {
    let granted = Changing::up_and_down(&[("cpu", 24)]).granted();
    assert_eq!(granted.phase(), ChangePhase::InEffect);
    let grant = granted.story.system.as_ref().unwrap().0.grants.last().unwrap().clone();
    assert_eq!((grant.track.as_str(), grant.payer.as_str()), ("MinorChange", "bozhou-finance"));
    assert_eq!(grant.amounts["requests.cpu"].0, "24");
    assert_eq!(grant.lines.len(), 6, "a permanent grant names all that the system has");
    assert!(!grant.change.unwrap().major);
    assert_eq!(granted.plan().conditions.iter().rfind(|c| c.type_ == CONDITION_READY).unwrap().holds, Some(true));
    assert!(granted.plan().grant.is_none(), "once");
}

#[test]
fn r22_2_a_major_change_goes_through_papers_tests_and_signatures_on_the_same_object() {
    let mut major = Changing::up_and_down(&[("cpu", 40)]).filed();
    assert_eq!(major.says(CONDITION_COMPLETE).0, "MaterialMissing");
    let approval = major.draft(AUTHORITY, "completeness", Verdict::Approve);
    major.decisions.push(approval);
    assert_eq!(major.plan().status.void_decisions[0].reason, VoidReason::MaterialIncomplete);
    let paper = |type_: &str| Document { type_: type_.into(), sha256: "0".repeat(64), ..Document::default() };
    major.change.documents = vec![paper("ConstructionApproval"), paper("ConstructionPlan")];
    assert_eq!(major.says(CONDITION_READY).0, "EditedSinceFiled");
    major.change.documents.pop();
    let (_, missing) = major.says(CONDITION_COMPLETE);
    assert!(missing.contains("ConstructionPlan") && !missing.contains("ConstructionApproval"), "{missing}");
    major.change.documents.push(paper("ConstructionPlan"));
    major
        .decides(UNIT, GATE_SUBMISSION, Verdict::Submit)
        .decides(AUTHORITY, "completeness", Verdict::Approve)
        .decides(AGENCY, "plan", Verdict::Confirm)
        .decides(AGENCY, "evaluation", Verdict::Approve)
        .decides(AUTHORITY, "approval", Verdict::Approve);
    let mut major = major.operator_acts();
    assert_eq!(major.phase(), ChangePhase::Testing);
    assert_eq!(major.open(), ["trial-report", "security-report"]);
    major
        .decides(UNIT, "trial-report", Verdict::File)
        .decides(UNIT, "security-report", Verdict::File)
        .decides(UNIT, "sign-unit", Verdict::Sign)
        .decides(PROVIDER, "sign-provider", Verdict::Sign)
        .decides(AUTHORITY, "sign-authority", Verdict::Sign);
    let signed = major.now;
    let major = major.operator_acts();
    assert_eq!(major.phase(), ChangePhase::InEffect);
    let system = &major.story.system.as_ref().unwrap().0;
    assert_eq!(system.agreements[0].live.from.timestamp(), signed);
    assert_eq!(system.agreements[0].live.decisions.len(), 5);
    assert!(system.grants.last().unwrap().change.as_ref().unwrap().major);
}

#[test]
fn r22_2_splitting_a_major_change_into_small_ones_does_not_evade_it() {
    let first = Changing::up_and_down(&[("cpu", 22)]).granted();
    let next = first.next("again", Change { lines: lines(&[("cpu", 28)]), ..Change::default() });
    let status = next.plan().status;
    assert_eq!(status.track.as_deref(), Some("MajorChange"));
    assert!(status.major_because.unwrap().starts_with("together with earlier changes"));
    // Once the window of accumulation has passed, what stands is what counts.
    let later = next.at("2027-11-26T02:00:00Z");
    assert_eq!(later.plan().status.track.as_deref(), Some("MinorChange"));
}

#[test]
fn r22_1_a_change_filed_against_another_state_goes_back_with_the_difference() {
    let other = Changing { name: "other".into(), ..Changing::up_and_down(&[("cpu", 20)]) }.filed();
    let first = Changing::up_and_down(&[("memory", 40)]).granted();
    let mut late = Changing { story: first.story, now: first.now, ..other };
    assert_eq!(late.phase(), ChangePhase::Returned);
    let (reason, message) = late.says(CONDITION_READY);
    assert_eq!(reason, "SystemMovedOn");
    assert!(message.contains("memory 32 -> 40"), "{message}");
    late.decides(AGENCY, "evaluation", Verdict::Approve);
    assert!(late.plan().grant.is_none());
    late.decides(UNIT, GATE_SUBMISSION, Verdict::Submit).decides(AGENCY, "evaluation", Verdict::Approve).decides(
        AUTHORITY,
        "approval",
        Verdict::Approve,
    );
    let late = late.operator_acts();
    let grant = late.story.system.as_ref().unwrap().0.grants.last().unwrap();
    assert_eq!((grant.amounts["requests.cpu"].0.as_str(), grant.amounts["requests.memory"].0.as_str()), ("20", "40Gi"));
}

#[test]
fn r22_1_the_planned_time_is_the_earliest_moment_of_effect_and_changes_keep_their_order() {
    let planned =
        Change { lines: lines(&[("cpu", 20)]), not_before: Some(time("2026-12-10T00:00:00Z")), ..Change::default() };
    let first = Changing::of(live(), "planned", planned).granted();
    assert_eq!(first.phase(), ChangePhase::Scheduled);
    let second = first.next("at-once", Change { lines: lines(&[("memory", 40)]), ..Change::default() }).granted();
    assert_eq!(
        second.plan().status.effective_from,
        Some(time("2026-12-10T00:00:00Z")),
        "not before the one it rests on"
    );
    assert_eq!([second.cpus("2026-12-09T23:59:59Z"), second.cpus("2026-12-10T00:00:00Z")], [16, 20].map(Amount::units));
}

#[test]
fn r22_1_what_was_asked_for_bounds_what_can_be_confirmed() {
    let confirm = |wanted: i64, confirmed: i64| {
        let mut filed = Changing::up_and_down(&[("cpu", wanted)]).filed();
        let mut decision = filed.draft(AGENCY, "evaluation", Verdict::Approve);
        decision.spec.grant[0].quantity = confirmed;
        filed.decisions.push(decision);
        filed.plan().status.void_decisions.first().map(|v| v.reason)
    };
    assert_eq!(confirm(24, 20), None, "less of an increase");
    assert_eq!(confirm(24, 25), Some(VoidReason::AmountsWrong));
    assert_eq!(confirm(24, 15), Some(VoidReason::AmountsWrong), "a cut that nobody asked for");
    assert_eq!(confirm(12, 12), None);
    assert_eq!(confirm(12, 11), Some(VoidReason::AmountsWrong), "a deeper cut");
    assert_eq!(confirm(12, 14), Some(VoidReason::AmountsWrong), "more than was asked for");
}

#[test]
fn r13_1_what_was_withdrawn_is_kept_until_it_is_changed_and_not_added_anew() {
    let with = |wanted: i64| {
        let mut story = live();
        let item = story.registry.items.get_mut("vcpu").unwrap();
        item.spec.withdrawn_from = Some(jiff::civil::date(2026, 11, 1));
        Changing::of(story, "more", Change { lines: lines(&[("cpu", wanted)]), ..Change::default() })
    };
    assert!(with(24).says(CONDITION_RESOLVED).1.contains("not granted anew"));
    assert_eq!(with(8).says(CONDITION_RESOLVED).0, "Resolved", "less of it keeps its terms");
    let mut untouched = with(16);
    untouched.change.lines = lines(&[("memory", 40)]);
    assert_eq!(untouched.granted().cpus("2028-01-01T00:00:00Z"), Amount::units(16));
}

#[test]
fn every_wrong_change_says_what_is_wrong() {
    let table: [(Change, &str); 7] = [
        (Change { lines: lines(&[("cpu", 16)]), ..Change::default() }, "nothing differs"),
        (Change { lines: lines(&[("gpu", 1)]), ..Change::default() }, "no such line"),
        (
            Change { ground: ChangeGround::StandardExpansion, lines: lines(&[("cpu", 8)]), ..Change::default() },
            "is an expansion",
        ),
        (
            Change { ground: ChangeGround::Cancellation, lines: lines(&[("cpu", 8)]), ..Change::default() },
            "sets quantity 0",
        ),
        (
            Change { ground: ChangeGround::Cancellation, lines: lines(&[("cpu", 20)]), ..Change::default() },
            "takes away",
        ),
        (
            Change {
                lines: vec![ChangeLine { item: Some("memory".into()), ..lines(&[("cpu", 20)]).remove(0) }],
                ..Change::default()
            },
            "is of item vcpu, not memory",
        ),
        (
            Change {
                ground: ChangeGround::ForeseeablePeak,
                window: Some(Window { from: time("2026-12-01T00:00:00Z"), until: time("2026-12-02T00:00:00Z") }),
                lines: lines(&[("cpu", 8)]),
                ..Change::default()
            },
            "takes nothing away",
        ),
    ];
    for (change, words) in table {
        let (reason, message) = Changing::of(live(), "wrong", change).says(CONDITION_RESOLVED);
        assert_eq!(reason, "LineProblem");
        assert!(message.contains(words), "{words}: {message}");
    }
    let past = Changing::temporary(&[("cpu", 24)], "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z").filed();
    assert_eq!((past.phase(), past.says(CONDITION_READY).0.as_str()), (ChangePhase::Refused, "WindowOver"));
    let mut nowhere = Changing::up_and_down(&[("cpu", 24)]);
    nowhere.story.system.as_mut().unwrap().0.live = None;
    assert_eq!(nowhere.says(CONDITION_STALLED).0, "SystemNotLive");
    nowhere.story.system.as_mut().unwrap().1 = None;
    assert_eq!(nowhere.says(CONDITION_STALLED).0, "SystemNotOpen");
}

#[test]
fn r22_1_applied_again_after_it_was_pruned_it_goes_on_where_it_stood() {
    let granted = Changing::up_and_down(&[("cpu", 24)]).granted();
    let mut facts = granted;
    let other = "uid-of-another";
    let system = facts.story.system.as_ref().unwrap();
    let again = Facts {
        name: &facts.name,
        uid: other,
        generation: 1,
        organization: &facts.story.organization,
        change: &facts.change,
        contacts: Some(&facts.contacts),
        decisions: &facts.decisions,
        system: Some(SystemFact { spec: &system.0, provisioned_at: system.1 }),
        evidence: None,
        usage: &facts.usage,
        proposal: None,
        ground_gone: None,
        grants_stopped: None,
        domain: None,
    };
    let plan = decide(&again, &facts.story.registry, facts.now);
    assert_eq!((plan.status.phase, plan.status.committed), (ChangePhase::InEffect, true));
    assert_eq!(plan.status.evidence, facts.pinned, "and what was found when it was filed is on record");
    assert!(plan.grant.is_none());
    facts.change.lines = lines(&[("cpu", 20)]);
    assert_eq!(facts.says(CONDITION_STALLED).0, "NameTaken");
}

#[test]
fn r42_1_after_the_rules_last_day_what_runs_still_changes() {
    let mut story = live();
    story.now = "2029-06-01T00:00:00Z".parse().unwrap();
    let change = Changing::of(story, "late", Change { lines: lines(&[("cpu", 20)]), ..Change::default() });
    assert_eq!(change.granted().phase(), ChangePhase::InEffect);
}

/// The hospital's system, live in the domain of its own trade, and its people.
#[test]
fn r14_1_in_a_dedicated_domain_and_r15_2_for_a_subordinate_unit_changes_go_the_same_way() {
    const HOSPITAL: &str = "wang.fang@hospital";
    const SUPERVISOR: &str = "sun.li@health";
    let mut story = Story::of("hospital-his");
    let track = [
        (HOSPITAL, GATE_SUBMISSION, Verdict::Submit),
        (SUPERVISOR, "supervisor-filing", Verdict::Approve),
        (AUTHORITY, "completeness", Verdict::Approve),
        (AGENCY, "plan", Verdict::Confirm),
        (AGENCY, "evaluation", Verdict::Approve),
        (AUTHORITY, "approval", Verdict::Approve),
    ];
    for (who, gate, verdict) in track {
        story.decides(who, gate, verdict);
    }
    story.operator_acts();
    let system = &mut story.system.as_mut().unwrap().0;
    system.live = Some(Live { from: Time::new(story.now), decisions: Vec::new() });
    let change = Change { lines: lines(&[("servers", 8)]), ..Change::default() };
    let mut change = Changing::of(story, "more", change);
    change.change.unit_name = "亳州市人民医院".into();
    change.change.system = "hospital-his".into();
    change.decides(HOSPITAL, GATE_SUBMISSION, Verdict::Submit);
    assert_eq!(change.open(), ["supervisor-filing"], "the unit's filing alone does not count");
    change.decides(SUPERVISOR, "supervisor-filing", Verdict::Approve);
    change.decides(AGENCY, "evaluation", Verdict::Approve).decides(AUTHORITY, "approval", Verdict::Approve);
    let change = change.operator_acts();
    assert_eq!(change.phase(), ChangePhase::InEffect);
    assert_eq!(change.cpus("2028-01-01T00:00:00Z"), Amount::units(32));
    let grant = change.story.system.as_ref().unwrap().0.grants.last().unwrap().clone();
    assert_eq!((grant.payer.as_str(), grant.self_paying), ("bozhou-peoples-hospital", true));
}

#[test]
fn r24_1_under_an_urgent_grant_nothing_changes_for_good_and_nothing_outlasts_it() {
    let mut story = Story::of("flood-reports");
    for (who, gate, verdict) in [
        (UNIT, GATE_SUBMISSION, Verdict::Submit),
        (AGENCY, "evaluation", Verdict::Approve),
        (AUTHORITY, "approval", Verdict::Approve),
    ] {
        story.decides(who, gate, verdict);
    }
    story.operator_acts();
    let of = |change: Change| {
        let mut of = Changing::of(live(), "flood", change);
        of.story.system.clone_from(&story.system);
        of.change.system = "flood-reports".into();
        of
    };
    let cpu = || lines(&[("cpu", 12)]);
    assert_eq!(of(Change { lines: cpu(), ..Change::default() }).says(CONDITION_STALLED).0, "UrgentSystem");
    let window = |until: &str| Some(Window { from: time("2026-12-01T00:00:00Z"), until: time(until) });
    let ground = ChangeGround::ForeseeablePeak;
    let peak = |until: &str| of(Change { ground, lines: cpu(), window: window(until), ..Change::default() });
    assert_eq!(peak("2027-05-24T16:00:01Z").says(CONDITION_STALLED).0, "UrgentSystem");
    assert_eq!(
        peak("2026-12-24T16:00:00Z").granted().cpus("2026-12-10T00:00:00Z"),
        Amount::units(12),
        "not live, and changed"
    );
    // What it stands on is extended by the name of the request.
    let extend = Some(Extend { change: "flood-reports".into(), until: time("2027-07-01T16:00:00Z") });
    let longer = of(Change { ground, extend, ..Change::default() });
    assert_eq!(longer.says(CONDITION_STALLED).0, "CalendarMissing", "of 2027, which is not published");
    let mut longer = longer;
    let years = (2026..2028).map(|year| crate::core::registry::Named {
        name: year.to_string(),
        spec: crate::api::WorkCalendarSpec { year, ..Default::default() },
        ..crate::core::registry::Named::default()
    });
    let calendars = crate::core::calendar::WorkCalendars::new(&years.collect::<Vec<_>>());
    longer.story.registry.calendars.insert("cn".into(), calendars);
    let mut longer = longer.filed();
    // It goes on from the grant's end, and comes not on top of it.
    let status = longer.plan().status;
    assert_eq!((status.before["requests.cpu"].0.as_str(), &status.after), ("8", &status.before));
    assert_eq!(status.fee_after, status.fee_before);
    // Eight months in all, and no window of three: the authority decides, once.
    longer.decides(AGENCY, "evaluation", Verdict::Approve);
    assert_eq!(longer.open(), ["approval"]);
    longer.decides(AUTHORITY, "approval", Verdict::Approve);
    let longer = longer.operator_acts();
    assert_eq!(longer.cpus("2027-06-30T00:00:00Z"), Amount::units(8));
    assert_eq!(longer.cpus("2027-07-01T16:00:00Z"), Amount::ZERO);
}

#[test]
fn r22_1_what_had_to_wait_for_room_takes_effect_when_there_is_some() {
    let approved = Changing::up_and_down(&[("cpu", 24)]).approved();
    let at = approved.now;
    assert_eq!(approved.plan().grant.unwrap().effective_from, Time::new(at));
    let prompt = Changing { now: at.checked_add(PROMPT).unwrap(), ..approved };
    assert_eq!(prompt.plan().grant.unwrap().effective_from, Time::new(at), "so soon it is as of the approval");
    let later = at.checked_add(2.hours()).unwrap();
    let waited = Changing { now: later, ..prompt };
    assert_eq!(waited.plan().grant.unwrap().effective_from, Time::new(later), "nobody pays for what was not there");
}

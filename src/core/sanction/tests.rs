//! Orders against units and providers, from the draft to their end.

use super::*;
use crate::api::common::Document;
use crate::api::decision::Verdict;
use crate::api::names::{CONDITION_COMPLETE, CONDITION_IMPOSED, CONDITION_OVERDUE, CONDITION_READY};
use crate::api::sanction::SanctionPhase;
use crate::core::fixtures::{self, Drafted};
use jiff::ToSpan as _;
use jiff::civil::date;

const AGENCY: &str = "chen.jing@data-center";
const AUTHORITY: &str = "li.na@data-bureau";
const UNIT: &str = "zhang.wei@health";
const PROVIDER: &str = "liu.yang@bozhou-cloud";

/// A sanction and what people have done about it.
struct Trial {
    registry: Registry,
    organization: String,
    order: Order,
    decisions: Vec<DecisionFact>,
    status: Option<SanctionStatus>,
    systems: Vec<(String, InformationSystemSpec)>,
    notice: Option<(Order, SanctionStatus)>,
    now: Timestamp,
}

impl Trial {
    fn of(measure: Measure) -> Self {
        let order = Order {
            unit_name: "亳州市卫生健康委员会".into(),
            measure,
            ground: "长期存在高危漏洞未修复".into(),
            article: "第三十四条".into(),
            mend: "修复漏洞并提交检测报告".into(),
            mend_by: Some(date(2026, 12, 1)),
            ..Order::default()
        };
        let system = |name: &str| (name.to_owned(), InformationSystemSpec::default());
        Self {
            registry: fixtures::registry(),
            organization: "bozhou-health".into(),
            order,
            decisions: Vec::new(),
            status: None,
            systems: vec![system("portal"), system("archive")],
            notice: None,
            now: "2026-11-24T02:00:00Z".parse().unwrap(),
        }
    }

    fn plan(&self) -> Plan {
        let facts = Facts {
            name: "order",
            uid: "uid-order",
            generation: 1,
            organization: &self.organization,
            order: &self.order,
            decisions: &self.decisions,
            status: self.status.as_ref(),
            systems: &self.systems,
            notice: self.notice.as_ref().map(|(order, status)| Notice { order, status: Some(status) }),
        };
        decide(facts, &self.registry, self.now)
    }

    fn decides(&mut self, who: &str, gate: &str, verdict: Verdict) -> &mut Self {
        self.now = self.now.checked_add(1.minute()).unwrap();
        let status = self.plan().status;
        let open = status.open_gates.iter().find(|g| g.gate == gate);
        let request_ref = RequestRef { kind: RequestKind::Sanction, name: "order".into(), uid: "uid-order".into() };
        let drafted = Drafted { who, number: self.decisions.len(), now: self.now, request_ref, gate, verdict };
        let mut decision = drafted.at(open, status.submission.as_ref(), std::iter::empty());
        if verdict == Verdict::Withdraw {
            decision.spec.role = "agency".into();
            decision.spec.digest = self.decisions[0].spec.digest.clone();
        }
        self.decisions.push(decision);
        self.operator_acts()
    }

    /// The operator puts on record what the plan says.
    fn operator_acts(&mut self) -> &mut Self {
        let plan = self.plan();
        for (name, suspension) in &plan.suspends {
            self.system(name).suspensions.push(suspension.clone());
        }
        for (name, lifted) in &plan.releases {
            self.system(name).suspensions.iter_mut().for_each(|s| s.lifted = Some(lifted.clone()));
        }
        self.status = Some(plan.status);
        self
    }

    fn system(&mut self, name: &str) -> &mut InformationSystemSpec {
        &mut self.systems.iter_mut().find(|(known, _)| known == name).unwrap().1
    }

    fn imposed(measure: Measure) -> Self {
        let mut trial = Self::of(measure);
        trial.decides(AGENCY, "submission", Verdict::Submit).decides(AUTHORITY, "decision", Verdict::Approve);
        trial
    }

    fn says(&self, type_: &str) -> (Option<bool>, String, String) {
        let plan = self.plan();
        let found = plan.conditions.iter().rfind(|c| c.type_ == type_).unwrap();
        (found.holds, found.reason.clone(), found.message.clone())
    }

    fn phase(&self) -> SanctionPhase {
        self.plan().status.phase
    }

    fn open(&self) -> Vec<String> {
        self.plan().status.open_gates.iter().map(|g| g.gate.clone()).collect()
    }

    fn stopped(&self) -> Vec<&str> {
        let stopped = |spec: &InformationSystemSpec| crate::core::stop::standing(spec).is_some();
        self.systems.iter().filter(|(_, spec)| stopped(spec)).map(|(name, _)| name.as_str()).collect()
    }
}

#[test]
fn r34_1_a_suspension_stops_the_systems_that_it_names_until_it_is_lifted() {
    let mut trial = Trial::of(Measure::Suspension);
    trial.order.systems = vec!["portal".into()];
    assert_eq!((trial.phase(), trial.open()), (SanctionPhase::Draft, vec!["submission".to_owned()]));
    trial.decides(AGENCY, "submission", Verdict::Submit);
    assert_eq!((trial.phase(), trial.open()), (SanctionPhase::InReview, vec!["decision".to_owned()]));
    assert_eq!(trial.says(CONDITION_IMPOSED).0, Some(false));
    assert!(trial.stopped().is_empty());
    trial.decides(AUTHORITY, "decision", Verdict::Approve);
    assert_eq!(trial.phase(), SanctionPhase::Imposed);
    assert_eq!(trial.stopped(), ["portal"]);
    let gates = ["regulator-report", "correction-report", "lift-decision"];
    assert_eq!(trial.open(), gates);
    let said = trial.status.iter().flat_map(|status| &status.open_gates).map(|gate| gate.gate.as_str());
    assert!(said.eq(gates), "what opens by its beginning is said with it");
    let (ready, reason, message) = trial.says(CONDITION_READY);
    assert_eq!((ready, reason.as_str()), (Some(false), "InForce"));
    for told in ["第三十四条", "高危漏洞", "提交检测报告"] {
        assert!(message.contains(told), "{message}");
    }
    let suspension = trial.systems[0].1.suspensions[0].clone();
    assert!(suspension.charged, "by the shipped policy what is suspended stays booked and charged");
    assert_eq!(suspension.imposed.decisions.len(), 1);
    // The report to cyberspace administration and public security is recorded, and lifts nothing.
    trial.decides(AUTHORITY, "regulator-report", Verdict::File);
    trial.decides(UNIT, "correction-report", Verdict::File);
    assert_eq!(trial.stopped(), ["portal"]);
    trial.decides(AUTHORITY, "lift-decision", Verdict::Approve);
    assert_eq!(trial.phase(), SanctionPhase::Lifted);
    assert!(trial.stopped().is_empty() && trial.open().is_empty());
    let lifted = trial.systems[0].1.suspensions[0].lifted.clone().unwrap();
    assert_eq!(Some(&lifted), trial.plan().status.lifted.as_ref());
    let by: Vec<_> = lifted.decisions.iter().map(|d| d.gate.as_str()).collect();
    assert_eq!(by, ["regulator-report", "correction-report", "lift-decision"]);
    assert!(!trial.plan().turns, "nothing is left to do");
}

#[test]
fn r34_1_without_names_every_system_is_stopped_the_new_ones_too() {
    let mut trial = Trial::imposed(Measure::Suspension);
    assert_eq!(trial.stopped(), ["portal", "archive"]);
    trial.systems.push(("new".into(), InformationSystemSpec::default()));
    trial.operator_acts();
    assert_eq!(trial.stopped(), ["portal", "archive", "new"]);
}

#[test]
fn r34_1_what_is_in_force_stays_whoever_leaves_and_whatever_is_lost() {
    let mut trial = Trial::imposed(Measure::Suspension);
    let imposed = trial.plan().status.imposed.clone();
    // The status is lost in a restore: the systems know.
    trial.status = None;
    assert_eq!(trial.plan().status.imposed, imposed);
    // Who decided has left.
    for decision in &mut trial.decisions {
        decision.entitled = false;
    }
    assert_eq!((trial.phase(), trial.stopped().len()), (SanctionPhase::Imposed, 2));
    // Its version of the rules is gone.
    trial.registry.policies.retain(|p| p.name != "bozhou-2024");
    trial.operator_acts();
    assert_eq!((trial.plan().status.imposed, trial.stopped().len()), (imposed, 2));
    assert_eq!(trial.says(CONDITION_READY).1, "PolicyMissing");
}

#[test]
fn r34_1_one_person_never_acts_in_two_roles_and_the_party_lifts_nothing() {
    let mut trial = Trial::imposed(Measure::Suspension);
    for who in [UNIT, AGENCY, PROVIDER] {
        trial.decides(who, "lift-decision", Verdict::Approve);
        assert_eq!(trial.phase(), SanctionPhase::Imposed, "{who}");
    }
    let void: Vec<_> = trial.plan().status.void_decisions.iter().map(|v| v.reason.to_string()).collect();
    assert_eq!(void.len(), 3, "{void:?}");
}

#[test]
fn r34_1_it_is_taken_back_before_it_is_in_force_and_lifted_after() {
    let mut trial = Trial::of(Measure::Warning);
    trial.decides(AGENCY, "submission", Verdict::Submit).decides(AGENCY, "withdrawal", Verdict::Withdraw);
    assert_eq!(trial.phase(), SanctionPhase::Withdrawn);
    let mut trial = Trial::imposed(Measure::Warning);
    trial.decides(AGENCY, "withdrawal", Verdict::Withdraw);
    assert_eq!(trial.phase(), SanctionPhase::Imposed);
    let void = trial.plan().status.void_decisions;
    assert!(void[0].message.contains("ends by being lifted"), "{void:?}");
    trial.decides(UNIT, "acknowledgement", Verdict::Confirm);
    assert_eq!(trial.phase(), SanctionPhase::Lifted);
}

#[test]
fn r34_1_an_order_to_correct_is_chased_from_its_own_day() {
    let mut trial = Trial::imposed(Measure::Correction);
    let gate = trial.plan().status.open_gates[0].clone();
    assert_eq!((gate.gate.as_str(), gate.role.as_str()), ("correction-report", "unit"));
    assert_eq!(gate.due.unwrap().to_string(), "2026-12-01T16:00:00Z", "the end of 1 December in Bozhou");
    assert_eq!(trial.plan().wake, gate.due.map(Time::timestamp));
    assert_eq!(trial.says(CONDITION_OVERDUE).0, Some(false));
    trial.now = "2026-12-01T16:00:00Z".parse().unwrap();
    assert_eq!(trial.says(CONDITION_OVERDUE).0, Some(true));
    trial.decides(UNIT, "correction-report", Verdict::File).decides(AUTHORITY, "acceptance", Verdict::Approve);
    assert_eq!(trial.phase(), SanctionPhase::Lifted);
}

#[test]
fn r34_1_the_provider_is_ordered_as_the_unit_is() {
    let mut trial = Trial::of(Measure::Correction);
    trial.order.party = Party::Provider;
    assert!(trial.says(CONDITION_COMPLETE).2.contains("provides no CloudDomain"));
    trial.organization = trial.registry.domains["bozhou-main"].provider.clone();
    trial.decides(AGENCY, "submission", Verdict::Submit).decides(AUTHORITY, "decision", Verdict::Approve);
    assert_eq!(trial.phase(), SanctionPhase::Imposed);
    trial.decides(PROVIDER, "correction-report", Verdict::File).decides(AUTHORITY, "acceptance", Verdict::Approve);
    assert_eq!(trial.phase(), SanctionPhase::Lifted);
}

#[test]
fn r38_1_new_grants_are_stopped_only_after_a_notice_that_went_unheeded() {
    let mut trial = Trial::of(Measure::StopGrants);
    trial.order.notice = Some("notice".into());
    assert!(trial.says(CONDITION_COMPLETE).2.contains("there is no Sanction notice"));
    let mut correction = Trial::of(Measure::Correction);
    correction.order.mend_by = Some(date(2026, 12, 1));
    let order = correction.order.clone();
    let given = |status: SanctionStatus| Some((order.clone(), status));
    trial.notice = given(correction.plan().status);
    assert!(trial.says(CONDITION_COMPLETE).2.contains("not in force yet"));
    correction.decides(AGENCY, "submission", Verdict::Submit).decides(AUTHORITY, "decision", Verdict::Approve);
    trial.notice = given(correction.plan().status);
    assert!(trial.says(CONDITION_COMPLETE).2.contains("until the end of 2026-12-01"));
    trial.decides(AGENCY, "submission", Verdict::Submit).decides(AUTHORITY, "decision", Verdict::Approve);
    assert_eq!(trial.phase(), SanctionPhase::InReview, "what is incomplete is not approved");
    trial.now = "2026-12-01T16:00:00Z".parse().unwrap();
    trial.decides(AUTHORITY, "decision", Verdict::Approve);
    assert_eq!(trial.phase(), SanctionPhase::Imposed);
    assert_eq!(trial.open(), ["finance-copy", "lift-decision"]);
    let status = trial.plan().status;
    let stopped = |status: &SanctionStatus| grants_stopped([("stop", &trial.order, Some(status))]);
    assert!(stopped(&status).unwrap().en.contains("sanction stop"));
    assert!(stopped(&SanctionStatus::default()).is_none());
    trial.decides(AUTHORITY, "lift-decision", Verdict::Approve);
    let status = trial.plan().status;
    assert!(grants_stopped([("stop", &trial.order, Some(&status))]).is_none());
    // One that was obeyed is no ground.
    correction.decides(UNIT, "correction-report", Verdict::File).decides(AUTHORITY, "acceptance", Verdict::Approve);
    let mut again = Trial::of(Measure::StopGrants);
    again.order.notice = Some("notice".into());
    again.notice = given(correction.plan().status);
    assert!(again.says(CONDITION_COMPLETE).2.contains("was obeyed"));
    again.notice = Some((Order { measure: Measure::Warning, ..order.clone() }, SanctionStatus::default()));
    assert!(again.says(CONDITION_COMPLETE).2.contains("no order to correct"));
}

#[test]
fn r34_1_what_is_wrong_with_an_order_is_said_before_it_is_decided() {
    let mut trial = Trial::of(Measure::Suspension);
    trial.order.systems = vec!["portal".into(), "nothing".into()];
    let (complete, _, message) = trial.says(CONDITION_COMPLETE);
    assert_eq!(complete, Some(false));
    assert!(message.contains("has no system nothing") && message.chars().any(|c| c > '\u{4e00}'), "{message}");
    trial.decides(AGENCY, "submission", Verdict::Submit).decides(AUTHORITY, "decision", Verdict::Approve);
    assert_eq!((trial.phase(), trial.stopped().len()), (SanctionPhase::InReview, 0));
    // A paper that a policy asks for.
    let policy = trial.registry.policies.iter_mut().find(|p| p.name == "bozhou-2024").unwrap();
    let standard = policy.spec.tracks[0].documents[0].clone();
    policy.spec.tracks.iter_mut().find(|t| t.name == "Suspension").unwrap().documents = vec![standard.clone()];
    trial.order.systems = vec!["portal".into()];
    assert!(trial.says(CONDITION_COMPLETE).2.contains("ConstructionApproval is missing"));
    trial.order.documents = vec![Document { type_: standard.type_, ..Document::default() }];
    assert_eq!(trial.says(CONDITION_COMPLETE).0, Some(true));
    // Rules that know no sanctions.
    let policy = trial.registry.policies.iter_mut().find(|p| p.name == "bozhou-2024").unwrap();
    policy.spec.sanctions = None;
    assert_eq!(trial.says(CONDITION_READY).1, "NoRulesForSanction");
    trial.registry.organizations.clear();
    assert_eq!(trial.says(CONDITION_READY).1, "OrganizationMissing");
}

#[test]
fn r42_1_a_version_made_after_the_filing_changes_nothing_for_an_order() {
    let mut trial = Trial::of(Measure::Suspension);
    trial.decides(AGENCY, "submission", Verdict::Submit);
    fixtures::typo(&mut trial.registry, Time::new(trial.now));
    trial.decides(AUTHORITY, "decision", Verdict::Approve);
    assert_eq!(trial.status.as_ref().map(|s| s.phase), Some(SanctionPhase::Imposed));
    trial.decides(AUTHORITY, "lift-decision", Verdict::Approve);
    assert_eq!(trial.status.as_ref().map(|s| s.phase), Some(SanctionPhase::Lifted));
    let mut late = Trial::of(Measure::Warning);
    fixtures::typo(&mut late.registry, Time::new(late.now));
    assert_eq!(late.says(CONDITION_READY).1, "NoPolicyInForce");
}

#[test]
fn r19_2_a_sanction_fits_its_status_and_the_record_of_what_it_stops() {
    let mut trial = Trial::of(Measure::Suspension);
    (trial.order.ground, trial.order.mend) = (fixtures::letters(2_048), fixtures::letters(2_048));
    trial.decides(AGENCY, "submission", Verdict::Submit).decides(AUTHORITY, "decision", Verdict::Approve);
    let unit = trial.registry.organizations.get_mut("bozhou-health").unwrap();
    unit.members.iter_mut().for_each(|members| members.groups.push("everybody".into()));
    trial.decides(UNIT, "correction-report", Verdict::File);
    let mut failed = trial.decisions.pop().unwrap();
    failed.spec.comment = Some(fixtures::endless());
    failed.spec.decided_by = Some(fixtures::long_name("everybody"));
    failed.spec.evidence.iter_mut().for_each(|paper| paper.result = Some(crate::api::decision::TestResult::Failed));
    trial.decisions.extend((0..100).map(|n| DecisionFact { uid: format!("report-{n}"), ..failed.clone() }));
    let plan = trial.plan();
    let mut status = plan.status;
    status.conditions = fixtures::conditions(&plan.conditions, trial.now);
    fixtures::assert_fits("Sanction", "status", &status);
    assert_eq!((status.decisions.len(), status.more_decisions), (64, 37));
    let system = &trial.systems[0].1;
    assert_eq!(system.suspensions[0].ground.chars().count(), 512);
    fixtures::assert_fits("InformationSystem", "spec.suspensions", &system.suspensions);
}

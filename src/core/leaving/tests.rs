//! Departures, from the draft to what is left: the record.

mod fits;
mod orders;
mod parts;
mod release;

use super::*;
use crate::api::common::RequestRef;
use crate::api::decision::{Evidence, TestResult, Verdict};
use crate::api::decommission::{BackupMode, DecommissionPhase, VolumeBackup, VolumeStep};
use crate::api::information_system::{Live, Suspension};
use crate::api::names::{CONDITION_BACKED_UP, CONDITION_COMPLETE, CONDITION_READY, CONDITION_WIPED, STOPPED_WIPED};
use crate::api::rightsizing_proposal::ObjectRef;
use crate::api::service_product::DataHandling;
use crate::core::fixtures::{self, Drafted};
use jiff::ToSpan as _;

const AGENCY: &str = "chen.jing@data-center";
const AUTHORITY: &str = "li.na@data-bureau";
const UNIT: &str = "zhang.wei@health";
const PROVIDER: &str = "liu.yang@bozhou-cloud";

/// A departure, what people have done about it, and the world around it.
#[derive(Clone)]
struct Farewell {
    registry: Registry,
    departure: Departure,
    contacts: Contacts,
    decisions: Vec<DecisionFact>,
    spec: InformationSystemSpec,
    provisioned_at: Option<Time>,
    running: Option<i64>,
    world: World,
    proposal: Option<RightsizingProposalSpec>,
    retry: String,
    kept_for: Option<KeptFor<'static>>,
    /// Jobs do their work by themselves.
    diligent: bool,
    /// How many volumes have come.
    volumes: usize,
    /// One of them has come when its namespace was to go already.
    late: bool,
    /// What was done, one word a step.
    done: Vec<String>,
    now: Timestamp,
}

fn template(image: &str) -> JobTemplate {
    JobTemplate { image: image.into(), deadline_minutes: 1, ..JobTemplate::default() }
}

fn volume(claim: &str, class: &str) -> Volume {
    let reference = VolumeRef { claim: claim.into(), uid: format!("uid-{claim}"), volume: format!("pv-{claim}") };
    Volume { reference, class: class.into(), capacity: 1 << 20, ..Volume::default() }
}

impl Farewell {
    fn of(backup: BackupMode) -> Self {
        let mut registry = fixtures::registry();
        let product = registry.products.iter_mut().find(|p| p.name == "bozhou-main.block-ssd").unwrap();
        product.spec.handling =
            Some(DataHandling { backup: Some(template("b")), wipe: Some(template("w")), target: None });
        let spec = InformationSystemSpec {
            organization: "bozhou-health".into(),
            domain: "bozhou-main".into(),
            live: Some(Live::default()),
            ..InformationSystemSpec::default()
        };
        let world = World { volumes: vec![volume("data", "ssd"), volume("logs", "ssd")], ..World::default() };
        Self {
            registry,
            departure: Departure {
                system: "portal".into(), reason: "已被替代".into(), backup, ..Departure::default()
            },
            contacts: fixtures::contacts(),
            decisions: Vec::new(),
            spec,
            provisioned_at: Some(Time::default()),
            running: Some(3),
            world,
            proposal: None,
            retry: String::new(),
            kept_for: None,
            diligent: true,
            volumes: 0,
            late: false,
            done: Vec::new(),
            now: "2026-11-24T02:00:00Z".parse().unwrap(),
        }
    }

    fn plan(&self) -> Plan {
        let facts = Facts {
            name: "portal-leaves",
            uid: "uid-leaves",
            generation: 1,
            organization: "bozhou-health",
            departure: &self.departure,
            contacts: Some(&self.contacts),
            retry: &self.retry,
            decisions: &self.decisions,
            system: Some(SystemFact { spec: &self.spec, provisioned_at: self.provisioned_at, running: self.running }),
            proposal: self.proposal.as_ref().map(|spec| ("uid-proposal", spec)),
            kept_for: self.kept_for,
            world: &self.world,
        };
        decide(facts, &self.registry, self.now)
    }

    fn draft(&self, who: &str, gate: &str, verdict: Verdict) -> DecisionFact {
        let status = self.plan().status;
        let open = status.open_gates.iter().find(|g| g.gate == gate);
        let request_ref =
            RequestRef { kind: RequestKind::Decommission, name: "portal-leaves".into(), uid: "uid-leaves".into() };
        let number = self.decisions.len();
        let drafted = Drafted { who, number, now: self.now, request_ref, gate, verdict };
        let mut decision = drafted.at(open, status.submission.as_ref(), std::iter::empty());
        if verdict == Verdict::Withdraw {
            let filing = self.decisions.iter().find(|d| d.spec.verdict == Verdict::Submit).unwrap();
            decision.spec.role.clone_from(&filing.spec.role);
            decision.spec.digest.clone_from(&filing.spec.digest);
        }
        decision
    }

    fn decides(&mut self, who: &str, gate: &str, verdict: Verdict) -> &mut Self {
        self.now = self.now.checked_add(1.minute()).unwrap();
        let decision = self.draft(who, gate, verdict);
        self.decisions.push(decision);
        self.goes_on()
    }

    /// The operator does what is next, until it waits.
    fn goes_on(&mut self) -> &mut Self {
        for _ in 0..100 {
            let Some(step) = self.plan().step else { return self };
            self.takes(step);
        }
        panic!("it never comes to rest: {:?}", self.done);
    }

    fn takes(&mut self, step: Step) {
        self.now = self.now.checked_add(1.second()).unwrap();
        match step {
            Step::Record(leaving) => {
                self.done.push("record".into());
                match self.spec.departures.iter_mut().find(|l| l.submission_uid == leaving.submission_uid) {
                    Some(known) => *known = *leaving,
                    None => self.spec.departures.push(*leaving),
                }
                if crate::core::stop::standing(&self.spec).is_some() {
                    self.running = Some(0);
                }
                let wiped = stop::label(&self.spec) == Some(STOPPED_WIPED);
                self.world.sealed = wiped || !stop::wiping(&self.spec).is_empty();
            }
            Step::Run(task) => {
                self.done.push(format!("{} {}", task.work, task.volume.reference.claim));
                let report = JobReport { sha256: digest::of(&task.job), ..JobReport::default() };
                let state = if self.diligent { JobState::Done(report) } else { JobState::Running };
                self.world.jobs.insert(task.job, state);
            }
            Step::Remove(volume) => {
                self.done.push(format!("remove {}", volume.claim));
                self.world.volumes.retain(|v| v.reference.uid != volume.uid);
                self.world.left.insert(volume.uid, LeftBehind::ByUs);
            }
            Step::RemoveVolume(volume) => {
                self.done.push(format!("remove {}", volume.volume));
                self.world.left.remove(&volume.uid);
            }
            Step::DeleteNamespace => {
                self.done.push("delete namespace".into());
                self.world.namespace = NamespaceState::Gone;
                self.world.volumes.clear();
                self.world.jobs.clear();
            }
            Step::ReleaseNamespace => {
                self.done.push("release namespace".into());
                self.world.namespace = NamespaceState::Released;
            }
            Step::Tidy => {
                self.done.push("tidy".into());
                self.world.jobs.clear();
                self.world.backup_claim = false;
            }
        }
    }

    fn approved(backup: BackupMode) -> Self {
        let mut farewell = Self::of(backup);
        farewell.decides(UNIT, "submission", Verdict::Submit).decides(AUTHORITY, "approval", Verdict::Approve);
        farewell
    }

    fn confirmed(backup: BackupMode) -> Self {
        let mut farewell = Self::approved(backup);
        farewell.decides(UNIT, "backup-confirmation", Verdict::Confirm);
        farewell
    }

    fn phase(&self) -> DecommissionPhase {
        self.plan().status.phase
    }

    fn open(&self) -> Vec<String> {
        self.plan().status.open_gates.iter().map(|g| g.gate.clone()).collect()
    }

    fn says(&self, type_: &str) -> (Option<bool>, String, String) {
        let plan = self.plan();
        let found = plan.conditions.iter().rfind(|c| c.type_ == type_).unwrap_or_else(|| panic!("no {type_}"));
        (found.holds, found.reason.clone(), found.message.clone())
    }

    fn record(&self) -> &Leaving {
        self.spec.departures.last().unwrap()
    }

    fn work(&self) -> Vec<&str> {
        self.done.iter().map(String::as_str).filter(|what| *what != "record").collect()
    }

    fn void(&self) -> Vec<String> {
        self.plan().status.void_decisions.iter().map(|v| format!("{}: {}", v.reason, v.message)).collect()
    }
}

#[test]
fn r23_1_a_system_leaves_step_by_step_and_its_record_stays() {
    let mut farewell = Farewell::of(BackupMode::Offline);
    assert_eq!((farewell.phase(), farewell.open()), (DecommissionPhase::Draft, vec!["submission".to_owned()]));
    farewell.decides(UNIT, "submission", Verdict::Submit);
    assert_eq!((farewell.phase(), farewell.open()), (DecommissionPhase::InReview, vec!["approval".to_owned()]));
    assert!(farewell.done.is_empty(), "nothing is touched before it is approved");
    farewell.decides(AUTHORITY, "approval", Verdict::Approve);
    // Offline first, since the unit wishes a backup under which nothing changes.
    assert_eq!(farewell.work(), ["backup data", "backup logs"]);
    assert!(farewell.record().offline_at.is_some());
    assert_eq!(
        (farewell.phase(), farewell.open()),
        (DecommissionPhase::ToConfirm, vec!["backup-confirmation".to_owned()])
    );
    assert_eq!(farewell.says(CONDITION_BACKED_UP).0, Some(true));
    let status = farewell.plan().status;
    assert!(status.committed && status.volumes.iter().all(|v| v.step == VolumeStep::BackedUp && v.backup.is_some()));
    farewell.decides(UNIT, "backup-confirmation", Verdict::Confirm);
    let wiped = ["wipe data", "remove data", "remove pv-data", "wipe logs", "remove logs", "remove pv-logs"];
    assert_eq!(farewell.work()[2..], wiped);
    assert_eq!((farewell.phase(), farewell.open()), (DecommissionPhase::ToAttest, vec!["attestation".to_owned()]));
    assert_eq!(farewell.says(CONDITION_WIPED).0, Some(true));
    // Whatever holds data besides is attested to, one by one.
    let gate = farewell.plan().status.open_gates[0].clone();
    assert_eq!(gate.reports, ["free-space", "snapshots", "disaster-recovery", "provider-backups"]);
    farewell.decides(PROVIDER, "attestation", Verdict::File);
    assert_eq!(farewell.work().last(), Some(&"delete namespace"));
    assert_eq!((farewell.phase(), farewell.open()), (DecommissionPhase::Closed, vec![]));
    assert_eq!(farewell.says(CONDITION_READY).1, "Closed");
    let record = farewell.record();
    let gates = |decisions: &[CountedDecision]| decisions.iter().map(|d| d.gate.clone()).collect::<Vec<_>>();
    assert_eq!(gates(&record.decisions), ["approval"]);
    assert_eq!(gates(&record.wipe.as_ref().unwrap().decisions), ["backup-confirmation"]);
    assert_eq!(gates(&record.reclaim.as_ref().unwrap().decisions), ["attestation"]);
    assert!(!farewell.plan().watches && farewell.plan().step.is_none());
}

#[test]
fn r23_1_a_live_backup_is_made_while_it_runs_and_it_goes_offline_once_that_is_confirmed() {
    let mut farewell = Farewell::approved(BackupMode::Live);
    assert_eq!(farewell.work(), ["backup data", "backup logs"]);
    assert!(farewell.record().offline_at.is_none() && farewell.running == Some(3));
    farewell.decides(UNIT, "backup-confirmation", Verdict::Confirm);
    let record = farewell.record();
    assert!(record.offline_at.unwrap() <= record.wipe.as_ref().unwrap().at);
}

#[test]
fn r23_2_nothing_is_wiped_while_something_runs() {
    let mut farewell = Farewell::approved(BackupMode::Live);
    farewell.decides(UNIT, "backup-confirmation", Verdict::Confirm);
    let mut again = Farewell::approved(BackupMode::Live);
    again.diligent = true;
    let confirmation = again.draft(UNIT, "backup-confirmation", Verdict::Confirm);
    again.decisions.push(confirmation);
    let step = again.plan().step.unwrap();
    again.takes(step);
    for running in [Some(1), None] {
        again.running = running;
        let plan = again.plan();
        assert!(plan.step.is_none() && plan.watches, "{running:?}");
        assert_eq!(plan.status.phase, DecommissionPhase::GoingOffline);
    }
}

#[test]
fn r23_2_a_confirmation_is_of_that_very_backup() {
    // Before there is one, nobody can confirm it.
    let mut farewell = Farewell::of(BackupMode::Live);
    farewell.diligent = false;
    farewell.decides(UNIT, "submission", Verdict::Submit).decides(AUTHORITY, "approval", Verdict::Approve);
    assert_eq!(farewell.phase(), DecommissionPhase::BackingUp);
    let mut early = farewell.draft(UNIT, "backup-confirmation", Verdict::Confirm);
    early.spec.role = "unit".into();
    farewell.decisions.push(early);
    assert!(farewell.void()[0].starts_with("GateNotOpen"), "{:?}", farewell.void());
    // A volume that comes after the backup is backed up as well, and what was confirmed before does not count.
    let mut farewell = Farewell::approved(BackupMode::Live);
    let confirmation = farewell.draft(UNIT, "backup-confirmation", Verdict::Confirm);
    farewell.world.volumes.push(volume("late", "ssd"));
    farewell.decisions.push(confirmation);
    farewell.goes_on();
    assert_eq!(farewell.work(), ["backup data", "backup logs", "backup late"]);
    assert_eq!(farewell.phase(), DecommissionPhase::ToConfirm);
    // It came to be void with the volume, before that was backed up.
    assert!(farewell.void()[0].starts_with("GateNotOpen"), "{:?}", farewell.void());
    // The wrong digest, another unit, the provider: none counts.
    let mut forged = farewell.draft(UNIT, "backup-confirmation", Verdict::Confirm);
    forged.spec.digest = digest::of(&"other");
    farewell.decisions.push(forged);
    for who in ["wang.fang@hospital", PROVIDER, AUTHORITY] {
        farewell.decides(who, "backup-confirmation", Verdict::Confirm);
    }
    assert_eq!((farewell.phase(), farewell.void().len()), (DecommissionPhase::ToConfirm, 5));
    farewell.decides(UNIT, "backup-confirmation", Verdict::Confirm);
    assert_eq!(farewell.phase(), DecommissionPhase::ToAttest);
}

#[test]
fn r23_2_the_provider_attests_to_everything_that_holds_data_and_nobody_else_does() {
    let mut farewell = Farewell::approved(BackupMode::Offline);
    farewell.world.volumes.push(Volume { unreachable: Some(Text::new("raw", "裸")), ..volume("raw", "ssd") });
    farewell.world.volumes.push(volume("tape", "hdd-of-others"));
    farewell.goes_on().decides(UNIT, "backup-confirmation", Verdict::Confirm);
    let status = farewell.plan().status;
    let names: Vec<&str> = status.holdings.iter().map(|h| h.name.as_str()).collect();
    assert_eq!(
        names,
        ["volume/raw", "volume/tape", "free-space", "snapshots", "disaster-recovery", "provider-backups"]
    );
    let by_hand = status.volumes.iter().filter(|v| v.step == VolumeStep::ByHand).count();
    assert_eq!(by_hand, 2);
    // The unit cannot, and a report that leaves one out passes nothing.
    let mut own = farewell.draft(UNIT, "attestation", Verdict::File);
    own.spec.role = "unit".into();
    farewell.decisions.push(own);
    let mut short = farewell.draft(PROVIDER, "attestation", Verdict::File);
    short.spec.evidence.pop();
    farewell.decisions.push(short);
    assert_eq!(farewell.phase(), DecommissionPhase::ToAttest);
    let void = farewell.void();
    assert!(void[0].starts_with("WrongRole") && void[1].contains("provider-backups"), "{void:?}");
    let mut failed = farewell.draft(PROVIDER, "attestation", Verdict::File);
    failed.spec.evidence[0] = Evidence { result: Some(TestResult::Failed), ..failed.spec.evidence[0].clone() };
    farewell.decisions.push(failed);
    assert_eq!(farewell.phase(), DecommissionPhase::ToAttest, "what is not clean passes nothing");
    farewell.decides(PROVIDER, "attestation", Verdict::File);
    assert_eq!(farewell.phase(), DecommissionPhase::Closed);
}

#[test]
fn r23_1_up_to_the_wipe_it_is_withdrawn_without_loss_and_never_after() {
    let mut farewell = Farewell::approved(BackupMode::Offline);
    farewell.decides(UNIT, "withdrawal", Verdict::Withdraw);
    assert_eq!((farewell.phase(), farewell.work().last()), (DecommissionPhase::Withdrawn, Some(&"tidy")));
    assert!(crate::core::stop::standing(&farewell.spec).is_none(), "it runs again");
    // Who withdrew has left: it stays withdrawn.
    farewell.decisions.iter_mut().for_each(|d| d.entitled = false);
    assert!(farewell.plan().step.is_none());
    assert_eq!(farewell.phase(), DecommissionPhase::Withdrawn);
    farewell.decisions.iter_mut().for_each(|d| d.entitled = true);
    // Filed again, it is another round with another record.
    farewell.running = Some(2);
    farewell.decides(UNIT, "submission", Verdict::Submit).decides(AUTHORITY, "approval", Verdict::Approve);
    assert_eq!((farewell.spec.departures.len(), farewell.phase()), (2, DecommissionPhase::ToConfirm));
    farewell.decides(UNIT, "backup-confirmation", Verdict::Return);
    assert_eq!(farewell.phase(), DecommissionPhase::Returned);

    let mut farewell = Farewell::confirmed(BackupMode::Offline);
    farewell.decides(UNIT, "withdrawal", Verdict::Withdraw);
    assert_eq!(farewell.phase(), DecommissionPhase::ToAttest);
    assert!(farewell.void()[0].contains("cannot be brought back"), "{:?}", farewell.void());
}

#[test]
fn r23_1_a_job_that_fails_stops_everything_says_why_and_is_tried_again() {
    let mut farewell = Farewell::of(BackupMode::Live);
    farewell.diligent = false;
    farewell.decides(UNIT, "submission", Verdict::Submit).decides(AUTHORITY, "approval", Verdict::Approve);
    let fail = |farewell: &mut Farewell, state: JobState| {
        farewell.world.jobs.values_mut().for_each(|job| *job = state.clone());
        farewell.says(CONDITION_READY)
    };
    let (_, reason, message) = fail(&mut farewell, JobState::Failed("DeadlineExceeded".into()));
    assert_eq!(reason, "BackupFailed");
    assert!(message.contains("DeadlineExceeded") && message.contains("data") && message.contains("retry"), "{message}");
    assert_eq!(farewell.plan().status.volumes[0].step, VolumeStep::Failed);
    let (_, reason, _) = fail(&mut farewell, JobState::Done(JobReport::default()));
    assert_eq!(reason, "BackupFailed", "what ends without a report has done nothing");
    let first = farewell.world.jobs.keys().next().cloned().unwrap();
    farewell.retry = "again".into();
    let Some(Step::Run(task)) = farewell.plan().step else { panic!("{:?}", farewell.plan().step) };
    assert_ne!(task.job, first);
    // So is one whose template was mended; one that is deleted by hand is made again under its name.
    farewell.retry.clear();
    farewell.world.jobs.clear();
    let Some(Step::Run(task)) = farewell.plan().step else { panic!("none") };
    assert_eq!(task.job, first);
    let product = farewell.registry.products.iter_mut().find(|p| p.name == "bozhou-main.block-ssd").unwrap();
    product.spec.handling.as_mut().unwrap().backup.as_mut().unwrap().image = "mended".into();
    let Some(Step::Run(task)) = farewell.plan().step else { panic!("none") };
    assert_ne!(task.job, first);
}

#[test]
fn r34_1_while_an_order_stands_nothing_is_wiped() {
    let mut farewell = Farewell::approved(BackupMode::Offline);
    farewell.spec.suspensions.push(Suspension::default());
    farewell.decides(UNIT, "backup-confirmation", Verdict::Confirm);
    let (_, reason, message) = farewell.says(CONDITION_READY);
    assert_eq!(reason, "SuspendedFirst");
    assert!(message.contains("evidence") && farewell.record().wipe.is_none(), "{message}");
    farewell.spec.suspensions[0].lifted = Some(crate::api::sanction::Lifted::default());
    // One that comes amid the wipe stops what is left of it.
    let step = farewell.plan().step.unwrap();
    farewell.takes(step);
    farewell.spec.suspensions[0].lifted = None;
    farewell.goes_on();
    assert!(farewell.record().wipe.is_some() && !farewell.done.contains(&"wipe data".to_owned()));
    assert_eq!(farewell.says(CONDITION_READY).1, "SuspendedFirst");
    farewell.spec.suspensions[0].lifted = Some(crate::api::sanction::Lifted::default());
    farewell.goes_on();
    assert_eq!(farewell.phase(), DecommissionPhase::ToAttest);
}

#[test]
fn r23_2_what_came_or_went_around_the_wipe_is_attested_to_and_no_job_touches_it() {
    let mut farewell = Farewell::approved(BackupMode::Offline);
    let names = |farewell: &Farewell| -> Vec<String> {
        farewell
            .plan()
            .status
            .holdings
            .iter()
            .filter_map(|h| h.name.strip_prefix("volume/").map(str::to_owned))
            .collect()
    };
    // A claim that goes between the confirmation and the wipe was wiped by nobody that is known.
    farewell.world.volumes.retain(|v| v.reference.claim != "logs");
    farewell.decides(UNIT, "backup-confirmation", Verdict::Confirm);
    assert_eq!((farewell.phase(), names(&farewell)), (DecommissionPhase::ToAttest, vec!["logs".to_owned()]));
    // Nobody has confirmed a backup of what comes after that.
    let before = farewell.draft(PROVIDER, "attestation", Verdict::File);
    farewell.world.volumes.push(volume("late", "ssd"));
    farewell.goes_on();
    assert_eq!(names(&farewell), ["logs", "late"]);
    assert!(!farewell.work().iter().any(|what| what.ends_with("late") || what.ends_with("wipe logs")));
    farewell.decisions.push(before);
    farewell.goes_on();
    assert_eq!(farewell.phase(), DecommissionPhase::ToAttest, "{:?}", farewell.void());
    farewell.decides(PROVIDER, "attestation", Verdict::File);
    assert_eq!(farewell.phase(), DecommissionPhase::Closed);
}

fn reclaimed() -> Farewell {
    let mut farewell = Farewell::of(BackupMode::Offline);
    farewell.departure.proposal_ref = Some(ObjectRef { name: "portal-reclaim".into(), uid: "uid-proposal".into() });
    farewell.proposal = Some(RightsizingProposalSpec {
        system_ref: ObjectRef { name: "portal".into(), uid: "u".into() },
        action: Action::Reclaim,
        ..RightsizingProposalSpec::default()
    });
    farewell.decides(AGENCY, "submission", Verdict::Submit).decides(UNIT, "unit-opinion", Verdict::Reject);
    farewell.decides(PROVIDER, "provider-opinion", Verdict::Approve).decides(AUTHORITY, "approval", Verdict::Approve);
    farewell
}

#[test]
fn r26_5_r23_2_where_nobody_answers_for_a_dead_system_the_authority_decides_and_its_data_is_kept() {
    let mut farewell = reclaimed();
    assert_eq!(farewell.open(), ["backup-confirmation"]);
    let due = farewell.plan().status.open_gates[0].due.unwrap();
    // What is on record is no answer: silence counts from the day that the gate has.
    farewell.now = due.timestamp().checked_sub(1.second()).unwrap();
    farewell.goes_on();
    assert_eq!(farewell.open(), ["backup-confirmation"]);
    farewell.now = due.timestamp();
    farewell.goes_on();
    assert_eq!(farewell.open(), ["unanswered"], "{:?}", farewell.plan().status.waiting_for);
    assert!(farewell.record().wipe.is_none());
    let mut silent = farewell.draft(AUTHORITY, "unanswered", Verdict::Approve);
    silent.spec.comment = None;
    farewell.decisions.push(silent);
    assert!(farewell.void()[0].starts_with("ReasonMissing"), "{:?}", farewell.void());
    farewell.decides(AUTHORITY, "unanswered", Verdict::Approve);
    assert_eq!(farewell.phase(), DecommissionPhase::Kept);
    let (_, reason, message) = farewell.says(CONDITION_READY);
    assert!(reason == "Kept" && message.contains("2027-"), "{message}");
    let until = farewell.plan().wake.unwrap();
    assert!(until.duration_since(due.timestamp()).as_hours() >= 180 * 24);
    farewell.now = until;
    farewell.goes_on();
    assert_eq!(farewell.phase(), DecommissionPhase::ToAttest);
}

#[test]
fn r26_5_a_unit_that_answers_decides_itself() {
    let mut farewell = reclaimed();
    farewell.decides(UNIT, "backup-confirmation", Verdict::Confirm);
    assert_eq!(farewell.phase(), DecommissionPhase::ToAttest, "nothing is kept where it was confirmed");
    let mut farewell = reclaimed();
    farewell.decides(UNIT, "backup-confirmation", Verdict::Return);
    assert_eq!(farewell.phase(), DecommissionPhase::Returned);
    assert!(crate::core::stop::standing(&farewell.spec).is_none());
}

#[test]
fn r26_5_what_is_taken_up_is_a_proposal_to_reclaim_this_very_system() {
    let shapes: [fn(&mut RightsizingProposalSpec); 2] =
        [|s| s.action = Action::Reduce, |s| s.system_ref.name = "other".into()];
    let good = reclaimed();
    for shape in shapes {
        let mut farewell = Farewell { decisions: Vec::new(), ..good.clone() };
        farewell.spec.departures.clear();
        shape(farewell.proposal.as_mut().unwrap());
        let (holds, _, message) = farewell.says(CONDITION_COMPLETE);
        assert!(holds == Some(false) && message.contains("kubectl yunguan takeup portal-reclaim"), "{message}");
    }
}

#[test]
fn r23_1_what_cannot_leave_says_why() {
    type Shape = fn(&mut Farewell);
    let table: &[(Shape, &str, &str)] = &[
        (|f| f.provisioned_at = None, "SystemNotOpen", "withdraw its request"),
        (|f| f.registry.organizations.clear(), "OrganizationMissing", "the authority creates it"),
        (
            |f| f.registry.policies.iter_mut().for_each(|p| p.spec.leaving = None),
            "NoRulesForLeaving",
            "a version with spec.leaving",
        ),
        (
            |f| {
                let decommission = RequestRef { name: "other".into(), uid: "other".into(), ..RequestRef::default() };
                f.spec.departures.push(Leaving { decommission, ..Leaving::default() });
            },
            "AlreadyLeaving",
            "is leaving already, by other",
        ),
    ];
    for (shape, reason, message) in table {
        let mut farewell = Farewell::of(BackupMode::Live);
        shape(&mut farewell);
        let (_, said, why) = farewell.says(CONDITION_READY);
        assert!(said == *reason && why.contains(message) && why.chars().any(|c| c > '\u{4e00}'), "{said}: {why}");
    }
    let mut strict = Farewell::of(BackupMode::Live);
    strict.spec.protection_level = 3;
    assert!(strict.says(CONDITION_COMPLETE).2.contains("choose Offline"));
    strict.departure.backup = BackupMode::Offline;
    assert_eq!(strict.says(CONDITION_COMPLETE).0, Some(true));
    let farewell = Farewell::of(BackupMode::Live);
    let facts = Facts {
        name: "x",
        uid: "x",
        generation: 1,
        organization: "bozhou-health",
        departure: &farewell.departure,
        contacts: Some(&farewell.contacts),
        retry: "",
        decisions: &[],
        system: None,
        proposal: None,
        kept_for: None,
        world: &farewell.world,
    };
    let plan = decide(facts, &farewell.registry, farewell.now);
    assert!(plan.status.waiting_for.unwrap().contains("kubectl get isys"));
    // Its rules are gone while it is under way: nothing goes on.
    let mut farewell = Farewell::approved(BackupMode::Offline);
    farewell.registry.policies.clear();
    assert_eq!(farewell.says(CONDITION_READY).1, "PolicyMissing");
    assert!(farewell.plan().step.is_none() && farewell.plan().status.committed);
}

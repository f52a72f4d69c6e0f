//! Departures in whatever order things happen.

use super::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{TestCaseError, TestRunner};

/// What people, Jobs and others do about it, in any order.
#[derive(Clone, Debug)]
enum Act {
    /// Who is asked says yes.
    Agree,
    /// Whether asked or not.
    Decide(&'static str, &'static str, Verdict),
    /// The operator does so many steps, if there are as many.
    Steps(usize),
    Volume,
    Vanish,
    Suspend(bool),
    Runs(bool),
    Fail,
    Retry,
    Wait,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    use Verdict::{Approve, Confirm, File, Return, Submit, Withdraw};
    let decisions = prop_oneof![
        2 => Just((UNIT, "submission", Submit)),
        2 => Just((AUTHORITY, "approval", Approve)),
        4 => Just((UNIT, "backup-confirmation", Confirm)),
        1 => Just((UNIT, "backup-confirmation", Return)),
        2 => Just((PROVIDER, "backup-confirmation", Confirm)),
        1 => Just((UNIT, "withdrawal", Withdraw)),
        2 => Just((PROVIDER, "attestation", File)),
        2 => Just((UNIT, "attestation", File)),
    ];
    // As a rule a departure goes on: what happens only to one that is wiped would never be seen otherwise.
    let act = prop_oneof![
        16 => Just(Act::Agree),
        24 => (1..6_usize).prop_map(Act::Steps),
        5 => decisions.prop_map(|(who, gate, verdict)| Act::Decide(who, gate, verdict)),
        3 => Just(Act::Volume),
        2 => Just(Act::Vanish),
        // Orders are lifted, and pods end.
        2 => Just(Act::Suspend(true)),
        5 => Just(Act::Suspend(false)),
        1 => Just(Act::Runs(true)),
        5 => Just(Act::Runs(false)),
        1 => Just(Act::Fail),
        4 => Just(Act::Retry),
        1 => Just(Act::Wait),
    ];
    proptest::collection::vec(act, 1..100)
}

fn modes() -> impl Strategy<Value = BackupMode> {
    prop_oneof![4 => Just(BackupMode::Offline), 4 => Just(BackupMode::Live), 1 => Just(BackupMode::Nothing)]
}

/// A departure, and what each confirmation was given to.
struct History {
    farewell: Farewell,
    /// The backups that were whole on record when a decision was made, by its uid.
    shown: BTreeMap<String, Vec<VolumeBackup>>,
    filed: bool,
}

impl History {
    fn decides(&mut self, who: &str, gate: &str, verdict: Verdict) {
        if verdict == Verdict::Withdraw && !self.filed {
            return;
        }
        self.filed |= verdict == Verdict::Submit;
        let decision = self.farewell.draft(who, gate, verdict);
        let leaving = self.farewell.spec.departures.last().filter(|l| l.backed_up.is_some());
        self.shown.extend(leaving.map(|l| (decision.uid.clone(), l.backups.clone())));
        self.farewell.decisions.push(decision);
    }

    fn agrees(&mut self) {
        let open = self.farewell.open();
        let asked = [
            (UNIT, "submission", Verdict::Submit),
            (AUTHORITY, "approval", Verdict::Approve),
            (UNIT, "backup-confirmation", Verdict::Confirm),
            (PROVIDER, "attestation", Verdict::File),
        ];
        if let Some((who, gate, verdict)) = asked.into_iter().find(|(_, gate, _)| open.iter().any(|open| open == gate))
        {
            self.decides(who, gate, verdict);
        }
    }

    fn waits(&mut self, span: jiff::Span) {
        self.farewell.now = self.farewell.now.checked_add(span).unwrap();
    }

    fn happens(&mut self, act: &Act) -> Result<(), TestCaseError> {
        self.waits(1.minute());
        let farewell = &mut self.farewell;
        match *act {
            Act::Agree => self.agrees(),
            Act::Decide(who, gate, verdict) => self.decides(who, gate, verdict),
            Act::Steps(count) => {
                for _ in 0..count {
                    let Some(step) = self.farewell.plan().step else { break };
                    self.may(&step)?;
                    self.farewell.takes(step);
                }
            }
            Act::Volume => {
                farewell.volumes += 1;
                let name = format!("v{}", farewell.volumes);
                farewell.world.volumes.push(volume(&name, "ssd"));
                farewell.late |= crate::core::stop::leaving(&farewell.spec).is_some_and(|l| l.reclaim.is_some());
            }
            Act::Vanish => drop(farewell.world.volumes.pop()),
            Act::Suspend(true) => farewell.spec.suspensions.push(Suspension::default()),
            Act::Suspend(false) => {
                let lifted = Some(crate::api::sanction::Lifted::default());
                farewell.spec.suspensions.iter_mut().for_each(|s| s.lifted.clone_from(&lifted));
            }
            Act::Runs(runs) => {
                let stopped = crate::core::stop::standing(&farewell.spec).is_some();
                farewell.running = Some(i64::from(runs || !stopped));
            }
            Act::Fail => farewell.world.jobs.values_mut().for_each(|job| *job = JobState::Failed("x".into())),
            Act::Retry => farewell.retry.push('r'),
            Act::Wait => self.waits(480.hours()),
        }
        self.stands()
    }

    /// Whether this step may be done now.
    fn may(&self, step: &Step) -> Result<(), TestCaseError> {
        let farewell = &self.farewell;
        let under_order = crate::core::stop::suspended(&farewell.spec).is_some();
        match step {
            Step::Record(leaving) if farewell.spec.departures.last().is_none_or(|l| l.wipe.is_none()) => {
                let Some(wipe) = &leaving.wipe else { return Ok(()) };
                let confirms = |d: &&CountedDecision| d.gate == "backup-confirmation" && d.verdict == Verdict::Confirm;
                let confirmed = wipe.decisions.iter().find(confirms).filter(|d| d.by == UNIT);
                prop_assert!(confirmed.is_some(), "wiped without confirmation");
                let shown = confirmed.and_then(|d| self.shown.get(&d.uid));
                prop_assert_eq!(shown, Some(&leaving.backups), "another backup was confirmed");
                prop_assert!(
                    wipe.volumes.iter().all(|v| leaving.backups.iter().any(|b| b.volume == v.volume)),
                    "not backed up"
                );
                // A claim that is gone is nobody's to wipe, and stays accounted for.
                for backup in &leaving.backups {
                    let there = farewell.world.volumes.iter().any(|v| v.reference == backup.volume);
                    let listed = wipe.volumes.iter().find(|v| v.volume == backup.volume);
                    prop_assert!(listed.is_some_and(|v| there || v.by_hand.is_some()), "forgotten: {listed:?}");
                }
                prop_assert_eq!(farewell.running, Some(0));
                prop_assert!(!under_order, "to be wiped under an order");
            }
            Step::Run(task) if task.work == Work::Wipe => {
                let record = farewell.record();
                prop_assert!(record.wipe.is_some(), "intent first");
                prop_assert!(record.backups.iter().any(|b| b.volume == task.volume.reference), "not confirmed");
                prop_assert!(!under_order, "wiped under an order");
            }
            Step::Remove(volume) => {
                let wipe = farewell.record().wipe.clone().unwrap_or_default();
                let wiped = wipe.volumes.iter().any(|v| v.volume == *volume && v.report.is_some());
                prop_assert!(wiped, "taken away before it was wiped");
                prop_assert!(!under_order, "taken away under an order");
            }
            Step::DeleteNamespace => {
                let wipe = farewell.record().wipe.clone().unwrap_or_default();
                let dealt = |v: &Volume| wipe.volumes.iter().any(|w| w.volume == v.reference);
                prop_assert!(farewell.late || farewell.world.volumes.iter().all(dealt), "not accounted for");
                let all = |b: &VolumeBackup| wipe.volumes.iter().any(|w| w.volume == b.volume);
                prop_assert!(farewell.record().backups.iter().all(all), "forgotten");
            }
            _ => {}
        }
        Ok(())
    }

    /// What always holds.
    fn stands(&self) -> Result<(), TestCaseError> {
        let spec = &self.farewell.spec;
        let Some(leaving) = spec.departures.last() else { return Ok(()) };
        prop_assert!(leaving.wipe.is_none() || leaving.withdrawn.is_none(), "withdrawn after the wipe began");
        if leaving.offline_at.is_some() && leaving.withdrawn.is_none() {
            prop_assert!(!crate::core::stop::is_charged(spec), "charged after offline");
        }
        prop_assert!(leaving.reclaim.is_none() || leaving.wipe.as_ref().is_some_and(|w| w.done.is_some()));
        Ok(())
    }
}

fn replay(acts: &[Act], backup: BackupMode) -> Result<Farewell, TestCaseError> {
    let farewell = Farewell::of(backup);
    let mut history = History { farewell, shown: BTreeMap::new(), filed: false };
    acts.iter().try_for_each(|act| history.happens(act))?;
    Ok(history.farewell)
}

/// The property below would say nothing about departures that never get anywhere.
#[test]
fn many_departures_come_to_their_end() {
    let mut runner = TestRunner::deterministic();
    let (mut wiped, mut closed, mut stayed) = (0, 0, 0);
    for _ in 0..200 {
        let (acts, backup) = (acts(), modes()).new_tree(&mut runner).unwrap().current();
        let farewell = replay(&acts, backup).unwrap();
        let last = farewell.spec.departures.last();
        wiped += usize::from(last.is_some_and(|l| l.wipe.is_some()));
        closed += usize::from(last.and_then(|l| l.reclaim.as_ref()).is_some_and(|r| r.closed.is_some()));
        stayed += usize::from(farewell.spec.departures.iter().any(|l| l.withdrawn.is_some()));
    }
    println!("of 200 random departures: {wiped} come to the wipe, {closed} to the end, {stayed} were withdrawn");
    assert!(wiped >= 100 && closed >= 60 && stayed >= 10, "{wiped} wiped, {closed} closed, {stayed} withdrawn");
}

#[test]
fn r23_2_nothing_is_wiped_as_long_as_another_claim_can_take_the_name() {
    let mut farewell = Farewell::approved(BackupMode::Offline);
    let confirmation = farewell.draft(UNIT, "backup-confirmation", Verdict::Confirm);
    farewell.decisions.push(confirmation);
    let step = farewell.plan().step.unwrap();
    farewell.takes(step);
    assert!(farewell.record().wipe.is_some() && farewell.world.sealed);
    // The label is not there yet: the Job would wipe whatever the claim of that name is by then.
    farewell.world.sealed = false;
    let plan = farewell.plan();
    assert!(plan.step.is_none() && plan.watches, "{:?}", plan.step);
    assert_eq!(
        (plan.status.phase, farewell.says(CONDITION_READY).1),
        (DecommissionPhase::Wiping, "Closing".to_owned())
    );
    // What takes the name meanwhile is attested to.
    farewell.world.volumes[0].reference.uid = "another".into();
    let Some(Step::Record(leaving)) = farewell.plan().step else { panic!("not recorded") };
    let wiped = leaving.wipe.unwrap().volumes;
    assert!(wiped.iter().any(|v| v.volume.uid == "another" && v.by_hand.is_some()));
    farewell.world.sealed = true;
    farewell.goes_on();
    assert_eq!(farewell.work()[2..], ["wipe logs", "remove logs", "remove pv-logs"]);
    // Nor is it to be reclaimed.
    let attestation = farewell.draft(PROVIDER, "attestation", Verdict::File);
    farewell.decisions.push(attestation);
    farewell.world.sealed = false;
    assert_eq!((farewell.plan().step, farewell.says(CONDITION_READY).1), (None, "Closing".to_owned()));
    farewell.world.sealed = true;
    let step = farewell.plan().step.unwrap();
    farewell.takes(step);
    // From then on nobody keeps the label.
    farewell.world.sealed = false;
    assert_eq!(farewell.plan().step, Some(Step::DeleteNamespace));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    /// In whatever order things happen: no volume is wiped without a confirmation of a backup of that very volume, nothing is
    /// wiped while something runs or an order stands, nothing is charged from offline on, and what is wiped stays so.
    #[test]
    fn r23_2_in_whatever_order_nothing_is_wiped_that_was_not_confirmed(acts in acts(), backup in modes()) {
        replay(&acts, backup)?;
    }
}

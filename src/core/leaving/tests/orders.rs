//! Departures in whatever order things happen.

use super::*;
use proptest::prelude::*;

/// What people, Jobs and others do about it, in any order.
#[derive(Clone, Debug)]
enum Act {
    Decide(&'static str, &'static str, Verdict),
    Step,
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
        Just((UNIT, "submission", Submit)),
        Just((AUTHORITY, "approval", Approve)),
        Just((UNIT, "backup-confirmation", Confirm)),
        Just((UNIT, "backup-confirmation", Return)),
        Just((PROVIDER, "backup-confirmation", Confirm)),
        Just((UNIT, "withdrawal", Withdraw)),
        Just((PROVIDER, "attestation", File)),
        Just((UNIT, "attestation", File)),
    ];
    let act = prop_oneof![
        6 => decisions.prop_map(|(who, gate, verdict)| Act::Decide(who, gate, verdict)),
        12 => Just(Act::Step),
        1 => Just(Act::Volume),
        1 => Just(Act::Vanish),
        1 => any::<bool>().prop_map(Act::Suspend),
        2 => any::<bool>().prop_map(Act::Runs),
        1 => Just(Act::Fail),
        1 => Just(Act::Retry),
        1 => Just(Act::Wait),
    ];
    proptest::collection::vec(act, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    /// In whatever order things happen: no volume is wiped without a confirmation of a backup of that very volume, nothing is
    /// wiped while something runs or an order stands, nothing is charged from offline on, and what is wiped stays so.
    #[test]
    fn r23_2_in_whatever_order_nothing_is_wiped_that_was_not_confirmed(acts in acts(), live in any::<bool>()) {
        let mut farewell = Farewell::of(if live { BackupMode::Live } else { BackupMode::Offline });
        let mut filed = false;
        for act in acts {
            farewell.now = farewell.now.checked_add(1.minute()).unwrap();
            match act {
                Act::Decide(_, _, Verdict::Withdraw) if !filed => {}
                Act::Decide(who, gate, verdict) => {
                    filed |= verdict == Verdict::Submit;
                    let decision = farewell.draft(who, gate, verdict);
                    farewell.decisions.push(decision);
                }
                Act::Step => {
                    if let Some(step) = farewell.plan().step {
                        if let Step::Record(leaving) = &step
                            && let (Some(wipe), None) = (&leaving.wipe, farewell.spec.departures.last().and_then(|l| l.wipe.as_ref()))
                        {
                            let confirmed = wipe.decisions.iter().any(|d| d.gate == "backup-confirmation" && d.verdict == Verdict::Confirm && d.by == UNIT);
                            prop_assert!(confirmed, "wiped without confirmation");
                            prop_assert!(wipe.volumes.iter().all(|v| leaving.backups.iter().any(|b| b.volume == v.volume)), "not backed up");
                            prop_assert_eq!(farewell.running, Some(0));
                            prop_assert!(crate::core::stop::suspended(&farewell.spec).is_none());
                        }
                        if let Step::Run(task) = &step && task.work == Work::Wipe {
                            let record = farewell.record();
                            prop_assert!(record.wipe.is_some(), "intent first");
                            prop_assert!(record.backups.iter().any(|b| b.volume == task.volume.reference), "not confirmed");
                            prop_assert!(crate::core::stop::suspended(&farewell.spec).is_none(), "under an order");
                        }
                        if step == Step::DeleteNamespace {
                            let wipe = farewell.record().wipe.clone().unwrap_or_default();
                            let dealt = |v: &Volume| wipe.volumes.iter().any(|w| w.volume == v.reference);
                            prop_assert!(farewell.late || farewell.world.volumes.iter().all(dealt), "not accounted for");
                            let all = |b: &VolumeBackup| wipe.volumes.iter().any(|w| w.volume == b.volume);
                            prop_assert!(farewell.record().backups.iter().all(all), "forgotten");
                        }
                        farewell.takes(step);
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
                Act::Wait => farewell.now = farewell.now.checked_add(480.hours()).unwrap(),
            }
            let departure = farewell.spec.departures.last();
            if let Some(leaving) = departure {
                prop_assert!(leaving.wipe.is_none() || leaving.withdrawn.is_none(), "withdrawn after the wipe began");
                if leaving.offline_at.is_some() && leaving.withdrawn.is_none() {
                    prop_assert!(!crate::core::stop::is_charged(&farewell.spec), "charged after offline");
                }
                prop_assert!(leaving.reclaim.is_none() || leaving.wipe.as_ref().is_some_and(|w| w.done.is_some()));
            }
        }
    }
}

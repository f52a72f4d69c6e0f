//! However many volumes a system has, and whatever is said of them, record and status have room for it.

use super::*;
use crate::core::fixtures::{assert_fits, conditions, endless};
use crate::core::ledger;

fn fits(farewell: &Farewell) -> DecommissionStatus {
    let plan = farewell.plan();
    let mut status = plan.status;
    status.conditions = conditions(&plan.conditions, farewell.now);
    assert_fits("Decommission", "status", &status);
    assert_fits("InformationSystem", "spec.departures", &farewell.spec.departures);
    for fact in ledger::facts(&farewell.spec, &[]) {
        assert_fits("LedgerEntry", "spec.body", &fact.body);
    }
    status
}

/// The operator goes on, and Jobs say more than there is room for.
fn goes_on(farewell: &mut Farewell) {
    while let Some(step) = farewell.plan().step {
        farewell.takes(step);
        for job in farewell.world.jobs.values_mut() {
            if let JobState::Done(report) = job {
                report.target = Some(endless());
            }
        }
    }
}

/// A system with so many volumes, offline and approved to leave.
fn with_volumes(volumes: impl Iterator<Item = Volume>) -> Farewell {
    let mut farewell = Farewell::of(BackupMode::Offline);
    farewell.world.volumes = volumes.collect();
    farewell.diligent = true;
    for (who, gate, verdict) in [(UNIT, "submission", Verdict::Submit), (AUTHORITY, "approval", Verdict::Approve)] {
        let decision = farewell.draft(who, gate, verdict);
        farewell.decisions.push(decision);
        farewell.now = farewell.now.checked_add(1.minute()).unwrap();
    }
    goes_on(&mut farewell);
    farewell
}

/// A volume with a name as long as there can be.
fn long(n: usize) -> Volume {
    let mut volume = volume(&format!("{n}-{}", "c".repeat(240)), "ssd");
    volume.reference.uid = format!("uid-{n}");
    volume
}

#[test]
fn r19_2_a_departure_fits_its_record_and_its_status() {
    let mut farewell = with_volumes((0..=256).map(long));
    let (_, reason, message) = farewell.says(CONDITION_READY);
    assert!(reason == "TooManyVolumes" && message.contains("257"), "{reason}: {message}");
    let status = fits(&farewell);
    assert_eq!((status.volumes.len(), status.more_volumes), (256, 1));
    assert!(farewell.record().backups.is_empty(), "either all of them are on record, or none is touched");
    // One of them is gone: as many as there is room for are backed up, the last two before our eyes.
    farewell.world.volumes.pop();
    let backup = |volume: &Volume| VolumeBackup { volume: volume.reference.clone(), ..VolumeBackup::default() };
    let backups: Vec<VolumeBackup> = farewell.world.volumes.iter().take(254).map(backup).collect();
    farewell.spec.departures[0].backups = backups;
    goes_on(&mut farewell);
    let record = farewell.record();
    assert_eq!((record.backups.len(), farewell.phase()), (256, DecommissionPhase::ToConfirm));
    let report = record.backups.last().and_then(|backup| backup.report.as_ref()).unwrap();
    assert_eq!(report.target.as_ref().unwrap().chars().count(), 512);
    assert_eq!(fits(&farewell).more_volumes, 0);
    let confirmation = farewell.draft(UNIT, "backup-confirmation", Verdict::Confirm);
    farewell.decisions.push(confirmation);
    let step = farewell.plan().step.unwrap();
    farewell.takes(step);
    assert_eq!(farewell.record().wipe.as_ref().unwrap().volumes.len(), 256);
    // Others have come in the same moment: there is no room for them on record, and they are attested to.
    farewell.world.volumes.extend([long(300), long(301)]);
    let status = fits(&farewell);
    assert_eq!((status.volumes.len(), status.more_volumes), (256, 2));
    assert!(status.holdings.iter().filter(|h| h.name.starts_with("volume/30")).count() == 2, "{:?}", status.holdings);
}

#[test]
fn r19_2_what_is_too_much_for_one_attestation_is_attested_under_one_name() {
    let why = Text::new(endless(), endless());
    let by_hand = |n: usize| Volume { unreachable: Some(why.clone()), ..long(n) };
    let mut farewell = with_volumes((0..70).map(by_hand));
    let confirmation = farewell.draft(UNIT, "backup-confirmation", Verdict::Confirm);
    farewell.decisions.push(confirmation);
    goes_on(&mut farewell);
    let status = fits(&farewell);
    assert_eq!((farewell.phase(), status.holdings.len()), (DecommissionPhase::ToAttest, 56));
    let last: Vec<&str> = status.holdings.iter().skip(50).map(|h| h.name.as_str()).collect();
    assert_eq!(last[1..], ["others", "free-space", "snapshots", "disaster-recovery", "provider-backups"]);
    assert!(status.holdings[51].what.starts_with("19 more"), "{}", status.holdings[51].what);
    // One decision has room for all of it.
    let attestation = farewell.draft(PROVIDER, "attestation", Verdict::File);
    assert_fits("Decision", "spec.evidence", &attestation.spec.evidence);
    let mut short = attestation.clone();
    short.spec.evidence.retain(|paper| paper.name != "others");
    short.uid = "short".into();
    farewell.decisions.push(short);
    assert_eq!(farewell.phase(), DecommissionPhase::ToAttest, "what is left out is not attested to");
    farewell.decisions.push(attestation);
    goes_on(&mut farewell);
    assert_eq!(farewell.phase(), DecommissionPhase::Closed);
    fits(&farewell);
}

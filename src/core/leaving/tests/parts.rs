//! Parts of a system that leave while it stays.

use super::*;
use crate::api::information_system::{Grant, GrantedLine, Terms};

fn parts(items: &[&str], backup: BackupMode) -> Farewell {
    let mut farewell = Farewell::of(backup);
    farewell.departure.items = items.iter().map(|item| (*item).to_owned()).collect();
    farewell.spec.protection_level = 2;
    farewell.decides(UNIT, "submission", Verdict::Submit).decides(AUTHORITY, "approval", Verdict::Approve);
    farewell
}

#[test]
fn r23_1_parts_leave_and_the_system_runs_on() {
    let mut farewell = parts(&["volume/data"], BackupMode::Offline);
    // Pods use it still: nothing may change under its backup.
    assert_eq!((farewell.says(CONDITION_READY).1, farewell.work().len()), ("InUse".to_owned(), 0));
    farewell.running = Some(0);
    farewell.goes_on();
    assert_eq!(farewell.work(), ["backup data"]);
    // The system neither stops nor is it free of charge.
    assert!(stop::standing(&farewell.spec).is_none() && stop::is_charged(&farewell.spec));
    assert!(stop::leaving(&farewell.spec).is_none() && stop::under_way(&farewell.spec).is_some());
    farewell.decides(UNIT, "backup-confirmation", Verdict::Confirm);
    assert_eq!(farewell.work()[1..], ["wipe data", "remove data", "remove pv-data"]);
    assert_eq!(stop::wiping(&farewell.spec), ["data"]);
    farewell.decides(PROVIDER, "attestation", Verdict::File);
    assert_eq!(farewell.work().last(), Some(&"tidy"));
    assert_eq!(farewell.phase(), DecommissionPhase::Closed);
    assert!(farewell.says(CONDITION_READY).2.contains("runs on"));
    let left: Vec<&str> = farewell.world.volumes.iter().map(|v| v.reference.claim.as_str()).collect();
    assert_eq!((left, farewell.world.namespace.clone()), (vec!["logs"], NamespaceState::Present));
    assert!(stop::under_way(&farewell.spec).is_none() && stop::wiping(&farewell.spec).is_empty());
    assert!(stop::closed(&farewell.spec).is_none() && stop::is_charged(&farewell.spec));
}

#[test]
fn r23_2_what_is_used_again_is_not_wiped() {
    let mut farewell = parts(&["volume/data"], BackupMode::Live);
    assert_eq!(farewell.work(), ["backup data"]);
    farewell.decides(UNIT, "backup-confirmation", Verdict::Confirm);
    assert_eq!((farewell.says(CONDITION_READY).1, farewell.record().wipe.is_none()), ("InUse".to_owned(), true));
    farewell.running = Some(0);
    let step = farewell.plan().step.unwrap();
    farewell.takes(step);
    // Amid the wipe a pod takes it into use.
    farewell.running = Some(1);
    farewell.goes_on();
    assert!(farewell.record().wipe.is_some() && farewell.work().len() == 1, "{:?}", farewell.done);
    farewell.running = Some(0);
    farewell.goes_on();
    assert_eq!(farewell.work()[1..], ["wipe data", "remove data", "remove pv-data"]);
}

#[test]
fn r23_1_what_is_no_part_of_the_system_is_said() {
    for items in [&["data"][..], &["service/nothing"], &["volume/"], &["volume/data", "pod/web"]] {
        let mut farewell = Farewell::of(BackupMode::Nothing);
        farewell.departure.items = items.iter().map(|item| (*item).to_owned()).collect();
        let (holds, _, message) = farewell.says(CONDITION_COMPLETE);
        assert!(holds == Some(false) && message.contains("no part of the system"), "{items:?}: {message}");
    }
    let gone = parts(&["volume/nowhere"], BackupMode::Nothing);
    assert_eq!(gone.says(CONDITION_READY).1, "VolumeMissing");
    assert!(gone.work().is_empty());
}

#[test]
fn r23_2_a_service_leaves_by_the_word_of_the_provider_alone() {
    let mut farewell = Farewell::of(BackupMode::Nothing);
    let terms = Terms { item: "db-postgresql".into(), fulfilment: Fulfilment::Manual, ..Terms::default() };
    let line = GrantedLine { name: "db".into(), quantity: 1, terms: Some(terms), self_procured: None };
    farewell.spec.grants = vec![Grant { lines: vec![line], ..Grant::default() }];
    farewell.departure.items = vec!["service/db-postgresql".into()];
    farewell.running = Some(0);
    farewell.decides(UNIT, "submission", Verdict::Submit).decides(AUTHORITY, "approval", Verdict::Approve);
    farewell.decides(UNIT, "backup-confirmation", Verdict::Confirm);
    assert_eq!(farewell.phase(), DecommissionPhase::ToAttest, "{:?}", farewell.says(CONDITION_READY));
    let gate = farewell.plan().status.open_gates[0].clone();
    assert!(gate.reports.contains(&"service/db-postgresql".to_owned()), "{:?}", gate.reports);
    farewell.decides(PROVIDER, "attestation", Verdict::File);
    assert_eq!((farewell.phase(), farewell.work().len()), (DecommissionPhase::Closed, 0));
    assert_eq!(farewell.world.volumes.len(), 2, "no volume was touched");
}

//! What is given back at the end, and when: of systems whose namespace was in use before, too (R4.2).

use super::*;
use crate::api::adoption::Adopted;

fn adopted(delete_namespace: Option<bool>) -> Farewell {
    let mut farewell = Farewell::of(BackupMode::Offline);
    farewell.spec.adopted = Some(Adopted { uid: "uid-space".into(), ..Adopted::default() });
    farewell.departure.delete_namespace = delete_namespace;
    farewell.decides(UNIT, "submission", Verdict::Submit).decides(AUTHORITY, "approval", Verdict::Approve);
    farewell.decides(UNIT, "backup-confirmation", Verdict::Confirm);
    // Volumes that their reclaim policy keeps are for the provider, one after the other.
    for _ in 0..2 {
        assert_eq!(farewell.says(CONDITION_READY).1, "VolumeLeft", "{:?}", farewell.done);
        farewell.world.left.clear();
        farewell.goes_on();
    }
    farewell.decides(PROVIDER, "attestation", Verdict::File);
    farewell
}

#[test]
fn r4_2_a_namespace_that_was_in_use_before_is_given_back_and_not_deleted() {
    let farewell = adopted(None);
    assert_eq!(farewell.work().last(), Some(&"release namespace"), "{:?}", farewell.done);
    assert_eq!(farewell.phase(), DecommissionPhase::Closed);
    let (holds, _, message) = farewell.says(crate::api::names::CONDITION_RECLAIMED);
    assert!(holds == Some(true) && message.contains("was in use before and stays"), "{message}");
    assert!(!farewell.work().contains(&"delete namespace"));
}

#[test]
fn r4_2_it_is_deleted_where_the_departure_says_so() {
    let farewell = adopted(Some(true));
    assert_eq!(farewell.work().last(), Some(&"delete namespace"), "{:?}", farewell.done);
    assert_eq!(farewell.phase(), DecommissionPhase::Closed);
}

#[test]
fn r4_2_a_namespace_that_was_made_for_a_system_goes_with_it_whatever_is_said() {
    let mut farewell = Farewell::of(BackupMode::Offline);
    farewell.departure.delete_namespace = Some(false);
    farewell.decides(UNIT, "submission", Verdict::Submit);
    let (holds, _, message) = farewell.says(CONDITION_COMPLETE);
    assert!(holds == Some(false) && message.contains("deleteNamespace"), "{message}");
}

#[test]
fn r34_1_while_an_order_stands_nothing_is_given_back() {
    let lifted = || Some(crate::api::sanction::Lifted::default());
    let mut farewell = Farewell::confirmed(BackupMode::Offline);
    farewell.spec.suspensions.push(Suspension::default());
    farewell.decides(PROVIDER, "attestation", Verdict::File);
    assert!(farewell.record().reclaim.is_none());
    assert_eq!(farewell.says(CONDITION_READY).1, "SuspendedFirst");
    farewell.spec.suspensions[0].lifted = lifted();
    let step = farewell.plan().step.unwrap();
    farewell.takes(step);
    // One that comes when the reclaim is on record, and the namespace still there.
    farewell.spec.suspensions[0].lifted = None;
    farewell.goes_on();
    assert!(farewell.record().reclaim.is_some() && !farewell.done.contains(&"delete namespace".to_owned()));
    farewell.spec.suspensions[0].lifted = lifted();
    farewell.goes_on();
    assert_eq!(farewell.phase(), DecommissionPhase::Closed);
}

#[test]
fn r21_2_the_old_system_of_a_migrated_one_leaves_once_its_time_is_over() {
    let mut farewell = Farewell::of(BackupMode::Nothing);
    let until = farewell.now.checked_add(1.hour()).unwrap();
    farewell.kept_for = Some(("new-portal", Time::new(until)));
    let (holds, _, message) = farewell.says(CONDITION_COMPLETE);
    assert!(holds == Some(false) && message.contains("new-portal was migrated from it"), "{message}");
    assert_eq!(farewell.plan().wake, Some(until));
    farewell.decides(UNIT, "submission", Verdict::Submit).decides(AUTHORITY, "approval", Verdict::Approve);
    assert!(farewell.done.is_empty(), "it left as long as it is the way back");
    farewell.now = until;
    assert_eq!(farewell.says(CONDITION_COMPLETE).0, Some(true));
    farewell.decides(AUTHORITY, "approval", Verdict::Approve);
    assert!(!farewell.done.is_empty());
}

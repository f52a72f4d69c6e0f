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
    let kept = KeptFor { system: "new-portal", until: Some(Time::new(until)), article: "第二十一条" };
    farewell.kept_for = Some(kept);
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

#[test]
fn r21_2_while_the_new_system_is_not_live_its_old_self_does_not_leave() {
    let mut farewell = Farewell::of(BackupMode::Nothing);
    let not_live = KeptFor { system: "new-portal", until: None, article: "第二十一条" };
    farewell.kept_for = Some(not_live);
    let (holds, _, message) = farewell.says(CONDITION_COMPLETE);
    assert!(
        holds == Some(false) && message.contains("it is not live yet") && message.contains("尚未上线"),
        "{message}"
    );
    assert!(message.contains("第二十一条"), "{message}");
    // Approved before the new one was opened: it stops where it would go offline.
    let mut farewell = Farewell::of(BackupMode::Offline);
    farewell.decides(UNIT, "submission", Verdict::Submit);
    let approval = farewell.draft(AUTHORITY, "approval", Verdict::Approve);
    farewell.decisions.push(approval);
    let step = farewell.plan().step.unwrap();
    farewell.takes(step);
    farewell.kept_for = Some(not_live);
    farewell.goes_on();
    assert!(farewell.record().offline_at.is_none(), "{:?}", farewell.done);
    assert_eq!(farewell.says(CONDITION_READY).1, "KeptAsWayBack");
    farewell.kept_for = None;
    farewell.goes_on();
    assert!(farewell.record().offline_at.is_some());
}

#[test]
fn r23_1_a_namespace_that_does_not_go_is_reported_and_never_forced() {
    let mut farewell = Farewell::confirmed(BackupMode::Nothing);
    assert_eq!(farewell.work()[..2], ["wipe data", "remove data"], "nothing is backed up, and all is wiped");
    let attestation = farewell.draft(PROVIDER, "attestation", Verdict::File);
    farewell.decisions.push(attestation);
    let step = farewell.plan().step.unwrap();
    farewell.takes(step);
    assert_eq!(farewell.plan().step, Some(Step::DeleteNamespace));
    farewell.world.namespace = NamespaceState::Terminating("NamespaceFinalizersRemaining: example.org/keep".into());
    let plan = farewell.plan();
    assert!(plan.step.is_none() && plan.watches);
    let (_, reason, message) = farewell.says(CONDITION_READY);
    assert!(reason == "NamespaceTerminating" && message.contains("example.org/keep"), "{message}");
    farewell.world.namespace = NamespaceState::Gone;
    farewell.world.left.insert("uid-data".into(), LeftBehind::ByProvisioner);
    assert_eq!(farewell.says(CONDITION_READY).1, "VolumeLeaving");
    farewell.world.left.clear();
    farewell.goes_on();
    assert_eq!(farewell.phase(), DecommissionPhase::Closed);
}

#[test]
fn r42_1_a_version_made_after_the_filing_changes_nothing_for_a_departure() {
    let mut farewell = Farewell::of(BackupMode::Nothing);
    farewell.decides(UNIT, "submission", Verdict::Submit);
    fixtures::typo(&mut farewell.registry, Time::new(farewell.now));
    assert_eq!(farewell.phase(), DecommissionPhase::InReview);
    farewell.decides(AUTHORITY, "approval", Verdict::Approve);
    assert!(!farewell.done.is_empty(), "it goes on");
    let mut late = Farewell::of(BackupMode::Nothing);
    fixtures::typo(&mut late.registry, Time::new(late.now));
    assert_eq!(late.says(CONDITION_READY).1, "NoPolicyInForce");
}

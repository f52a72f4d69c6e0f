//! What a filing is judged by: each rule, what denies, what is not known, and what is too old.

use super::*;
use crate::api::usage::Finding;
use crate::api::{InformationSystemStatus, usage::Evidence};

fn found(sample: Sample) -> Evidence {
    evidence(&judged(sample), now())
}

#[test]
fn r26_2_each_rule_alone_is_evidence_and_its_very_limit_is_none() {
    let table = [
        (Sample { memory_mean: Some(0.701), ..sample() }, "MemoryMean", "70.1%, above 70%"),
        (Sample { peaks: Some(3.0), ..sample() }, "MemoryPeaks", "3 times within one hour"),
        (Sample { storage: Some(0.7001), ..sample() }, "Storage", "storage use 70.0%, above 70%"),
    ];
    for (sample, reason, words) in table {
        let found = found(sample);
        assert_eq!((found.finding, found.reason.as_str()), (Finding::Eligible, reason));
        assert!(found.message.contains(words), "{}", found.message);
        assert_eq!(found.usage.unwrap().at.timestamp(), now());
    }
    let limit =
        Sample { memory_mean: Some(0.7), memory_peak: Some(1.0), peaks: Some(2.0), storage: Some(0.7), ..sample() };
    let found = found(limit);
    assert_eq!((found.finding, found.reason.as_str()), (Finding::NotEligible, "WithinLimits"));
    for words in ["70.0% (above 70% is asked for", "within an hour 2 (at least 3)", "storage use 70.0% (above 70%)"] {
        assert!(found.message.contains(words), "{words}: {}", found.message);
    }
}

#[test]
fn r26_6_what_is_not_known_denies_nobody_and_proves_nothing() {
    let too_little = Sample { memory_coverage: Some(0.89), ..sample() };
    let gone = Sample { measured: false, ..sample() };
    for (sample, reason) in [(too_little, "UsageUnknown"), (gone, "NotMeasured"), (Sample::default(), "NotMeasured")] {
        let found = found(sample);
        assert_eq!((found.finding, found.reason.as_str()), (Finding::Unknown, reason), "{}", found.message);
    }
    let never = evidence(&Judgement::default(), now());
    assert_eq!((never.finding, never.reason.as_str()), (Finding::Unknown, "NotJudged"));
    for why in [Unknown::no_endpoint("main"), Unknown::failed("main", "Unreachable", "refused")] {
        let before = judged(Sample { memory_mean: Some(0.9), ..sample() });
        let blind = evidence(&unknown(&why, &before), now());
        assert_eq!((blind.finding, blind.reason.as_str()), (Finding::Unknown, why.reason), "what was once is not now");
        assert_eq!(blind.usage, None);
    }
    // Storage that is proven full is so, whatever else is not measured.
    let proven = found(Sample { memory_coverage: None, storage: Some(0.9), ..sample() });
    assert_eq!((proven.finding, proven.reason.as_str()), (Finding::Eligible, "Storage"));
}

#[test]
fn r26_2_what_a_status_said_counts_for_a_day_after_a_restart() {
    let judged = judged(Sample { memory_mean: Some(0.9), ..sample() });
    let conditions = crate::runtime::apply::conditions(&[], &judged.statements, 1, now());
    let status = InformationSystemStatus {
        conditions,
        usage: judged.usage.clone(),
        usage_history: judged.history.clone(),
        ..InformationSystemStatus::default()
    };
    let said = said_by(&status);
    assert_eq!(said, judged, "as it was found");
    let at = |hours: i64| evidence(&said, now().checked_add(hours.hours()).unwrap());
    assert_eq!(at(25), evidence(&judged, now()));
    let old = evidence(&said, now().checked_add(25.hours().seconds(1)).unwrap());
    assert_eq!((old.finding, old.reason.as_str()), (Finding::Unknown, "Stale"));
    let idle = Sample { memory_mean: Some(0.1), ..sample() };
    let denied = evidence(&super::judged(idle), now().checked_add(26.hours()).unwrap());
    assert_eq!(denied.finding, Finding::Unknown, "nor does what is old deny anything");
}

#[test]
fn r26_2_compute_memory_and_storage_take_evidence_and_nothing_else() {
    for resource in [
        "requests.cpu",
        "limits.cpu",
        "cpu",
        "requests.memory",
        "limits.memory",
        "requests.hugepages-2Mi",
        "requests.storage",
        "requests.ephemeral-storage",
        "ssd.storageclass.storage.k8s.io/requests.storage",
    ] {
        assert!(takes_evidence(resource), "{resource}");
    }
    for resource in [
        "pods",
        "persistentvolumeclaims",
        "ssd.storageclass.storage.k8s.io/persistentvolumeclaims",
        "requests.nvidia.com/gpu",
        "bandwidth.mbps",
        "count/jobs.batch",
        "services",
    ] {
        assert!(!takes_evidence(resource), "{resource}");
    }
}

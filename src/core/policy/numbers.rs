//! Numbers of a policy that nothing can be meant by. The schema refuses them too; the check sees files that no server has.

use super::{Problem, problem};
use crate::api::bounds::{DAYS, LEVEL, MONTHS, MONTHS_BACK, PERCENT, WORK_DAYS, WORK_DAYS_AHEAD};
use crate::api::governance_policy::{GovernancePolicySpec, Limit};
use crate::api::usage::UsageRules;
use std::ops::RangeInclusive;

pub(super) fn check(policy: &GovernancePolicySpec, problems: &mut Vec<Problem>) {
    problems.extend(limits(policy).into_iter().filter_map(|(at, limit, range)| outside(at, limit.value, &range)));
    problems.extend(outside("spec.houseRules.maxAccessDays", policy.house_rules.max_access_days, &(1..=366)));
    problems.extend(policy.usage.iter().flat_map(contradictions));
}

fn limits(policy: &GovernancePolicySpec) -> Vec<(&'static str, &Limit, RangeInclusive<i32>)> {
    let mut limits = vec![
        ("spec.scope.maxProtectionLevel", &policy.scope.max_protection_level, LEVEL),
        ("spec.retention.oldSystemMonths", &policy.retention.old_system_months, MONTHS),
    ];
    if let Some(rules) = &policy.changes {
        limits.extend([
            ("spec.changes.majorAbovePercent", &rules.major_above_percent, PERCENT),
            ("spec.changes.feeGrowthAbovePercent", &rules.fee_growth_above_percent, PERCENT),
            ("spec.changes.accumulationMonths", &rules.accumulation_months, MONTHS_BACK),
            ("spec.changes.windowMonths", &rules.window_months, MONTHS),
            ("spec.changes.extensionWorkDays", &rules.extension_work_days, WORK_DAYS_AHEAD),
        ]);
        let annex = rules.emergency_annex_work_days.as_ref();
        limits.extend(annex.map(|limit| ("spec.changes.emergencyAnnexWorkDays", limit, WORK_DAYS)));
    }
    limits.extend(policy.urgent.iter().map(|rules| ("spec.urgent.months", &rules.months, MONTHS)));
    limits.extend(policy.leaving.iter().map(|r| ("spec.leaving.keepUnansweredDays", &r.keep_unanswered_days, DAYS)));
    limits.extend(policy.adoption.iter().map(|r| ("spec.adoption.networksOpenDays", &r.networks_open_days, DAYS)));
    limits
}

fn outside(at: &str, value: i32, range: &RangeInclusive<i32>) -> Option<Problem> {
    let (least, most) = (range.start(), range.end());
    (!range.contains(&value)).then(|| {
        problem(at, format!("{value} is not from {least} to {most}: correct it (须为{least}至{most}，请更正)"))
    })
}

/// No use may be too much and too little at once, also within the hysteresis; and what is proposed is no ground at once.
fn contradictions(usage: &UsageRules) -> Vec<Problem> {
    let mut found = Vec::new();
    let points = usage.hysteresis_points.value;
    let shares = [
        ("spec.usage.expansionCoveragePercent", &usage.expansion_coverage_percent),
        ("spec.usage.reductionCoveragePercent", &usage.reduction_coverage_percent),
        ("spec.usage.idleCoveragePercent", &usage.idle_coverage_percent),
        ("spec.usage.heartbeatPercent", &usage.heartbeat_percent),
    ];
    found.extend(shares.into_iter().filter_map(|(at, share)| outside(at, share.value, &(50..=100))));
    let counts = [
        ("spec.usage.memoryPeaks", &usage.memory_peaks, 1..=100_000),
        ("spec.usage.idleMonths", &usage.idle_months, 1..=100_000),
        ("spec.usage.noDataMonths", &usage.no_data_months, 1..=100_000),
        ("spec.usage.dismissMonths", &usage.dismiss_months, 1..=60),
        ("spec.usage.memoryPeakAbovePercent", &usage.memory_peak_above_percent, 0..=100),
        ("spec.usage.storageAbovePercent", &usage.storage_above_percent, points + 1..=100),
    ];
    found.extend(counts.into_iter().filter_map(|(at, count, range)| outside(at, count.value, &range)));
    let (mean_low, mean_high) = (usage.memory_mean_at_most_percent.value, usage.memory_mean_above_percent.value);
    let (peak_low, peak_high) = (usage.memory_peak_at_most_percent.value, usage.memory_peak_above_percent.value);
    let mut below = |at: &str, holds: bool, other: &str| {
        if !holds {
            found.push(problem(
                at,
                format!(
                    "a ground for a reduction lies below one for an expansion by more than twice hysteresisPoints, and a mean not above its peak; it contradicts {other}: correct one of them (指标相互矛盾，请更正)"
                ),
            ));
        }
    };
    below("spec.usage.memoryMeanAtMostPercent", mean_low + points < mean_high - points, "memoryMeanAbovePercent");
    below("spec.usage.memoryPeakAtMostPercent", peak_low + points < peak_high, "memoryPeakAbovePercent");
    below("spec.usage.memoryMeanAtMostPercent", mean_low <= peak_low, "memoryPeakAtMostPercent");
    below("spec.usage.memoryMeanAbovePercent", mean_high <= peak_high, "memoryPeakAbovePercent");
    let peak = i64::from(peak_low) + i64::from(points);
    if peak * (100 + i64::from(usage.margin_percent.value)) >= 10_000 {
        found.push(problem(
            "spec.usage.marginPercent",
            "with so large a margin what is proposed would be a ground for a reduction at once: make it smaller (建议余量过大，请调小)"
                .to_owned(),
        ));
    }
    found
}

//! The evidence of a proposal: each figure with the limit that it is measured against.

use super::Finding;
use crate::api::common::Time;
use crate::api::governance_policy::Limit;
use crate::api::rightsizing_proposal::{Evidence, Figure, UseRule};
use crate::api::usage::{Activity, Usage, UsageRules};
use crate::core::text::shorten;
use jiff::Timestamp;

pub(super) fn of(rules: &UsageRules, rule: UseRule, finding: &Finding, usage: &Usage, now: Timestamp) -> Evidence {
    let figure = |figure: &str, value: Option<String>, how: &str, limit: &Limit| {
        let unit = if figure == "quietDays" { " months" } else { "" };
        Some(Figure {
            figure: figure.to_owned(),
            value: value?,
            threshold: format!("{how} {}{unit}", limit.value),
            article: limit.article.clone(),
        })
    };
    let mean = usage.memory_mean_percent.as_ref().map(|p| p.0.clone());
    let peak = usage.memory_peak_percent.as_ref().map(|p| p.0.clone());
    let quiet = |activity: Activity| {
        let clock = usage.clocks.iter().find(|c| c.activity == activity)?;
        let days = now.duration_since(clock.last.timestamp()).as_hours() / 24;
        Some(days.to_string())
    };
    let days = |activity, limit| vec![figure("quietDays", quiet(activity), ">", limit)];
    let (figures, window) = match rule {
        UseRule::MemoryMean => (vec![figure("memoryMeanPercent", mean, ">", &rules.memory_mean_above_percent)], "7d"),
        UseRule::MemoryPeaks => {
            let peaks = usage.peaks.map(|n| n.to_string());
            let limit = &rules.memory_peak_above_percent;
            let both =
                vec![figure("peaks", peaks, ">=", &rules.memory_peaks), figure("memoryPeakPercent", peak, ">", limit)];
            (both, "1h of 24h")
        }
        UseRule::Storage => {
            let storage = usage.storage_percent.as_ref().map(|p| p.0.clone());
            (vec![figure("storagePercent", storage, ">", &rules.storage_above_percent)], "1h")
        }
        UseRule::LowMemory => {
            let low = figure("memoryMeanPercent", mean, "<=", &rules.memory_mean_at_most_percent);
            (vec![low, figure("memoryPeakPercent", peak, "<=", &rules.memory_peak_at_most_percent)], "7d")
        }
        UseRule::Idle => (days(Activity::Busy, &rules.idle_months), "months"),
        UseRule::Stopped => (days(Activity::Running, &rules.idle_months), "months"),
        UseRule::NoBusinessData => (days(Activity::Business, &rules.no_data_months), "months"),
    };
    Evidence {
        message: shorten(&finding.message, 1024),
        figures: figures.into_iter().flatten().collect(),
        window: window.to_owned(),
        coverage_percent: usage.coverage_percent.clone().filter(|_| window == "7d"),
        since: finding.since,
        measured_at: Time::new(usage.at.timestamp()),
    }
}

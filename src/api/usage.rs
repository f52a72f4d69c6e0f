//! Use of resources: the numbers by which a policy judges it (article 26), and what was seen of a system.

use super::common::Time;
use super::governance_policy::Limit;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// From when on use is too much, too little or none at all, and how much evidence that takes.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageRules {
    /// A weekly mean of memory use above so many percent makes a system eligible to expand (内存周平均使用率).
    pub memory_mean_above_percent: Limit,
    /// Memory use above so many percent is a peak; the recorded rules of the metrics endpoint must say the same (内存峰值).
    pub memory_peak_above_percent: Limit,
    /// So many peaks within one hour make a system eligible to expand (一小时内峰值次数).
    pub memory_peaks: Limit,
    /// Storage use above so many percent makes a system eligible to expand (存储使用率).
    pub storage_above_percent: Limit,
    /// A weekly mean of memory use of at most so many percent, together with the next number, is a ground for a reduction (核减：内存周平均).
    pub memory_mean_at_most_percent: Limit,
    /// Memory use that peaks at so many percent at most (核减：内存峰值).
    pub memory_peak_at_most_percent: Limit,
    /// A system that has been idle or stopped for more than so many months can be reclaimed (闲置或停用).
    pub idle_months: Limit,
    /// So can one without business data for so many months (未产生业务数据).
    pub no_data_months: Limit,
    /// House rule: share of a week's minutes that must have been measured before a system counts as eligible to expand (扩容数据完整率).
    pub expansion_coverage_percent: Limit,
    /// House rule: the same before anything is reduced or reclaimed (核减数据完整率).
    pub reduction_coverage_percent: Limit,
    /// House rule: share of the minutes since a system was active last in which it must have been looked at before it counts as
    /// idle, stopped or without data (闲置数据完整率).
    pub idle_coverage_percent: Limit,
    /// House rule: share of a domain's running systems that must be measured before any of them is reduced or reclaimed (监控覆盖率).
    pub heartbeat_percent: Limit,
    /// House rule: once it holds, a finding holds until use has passed its limit by so many percent points (回差).
    pub hysteresis_points: Limit,
    /// House rule: what is proposed leaves so many percent above the most that was used (建议余量).
    pub margin_percent: Limit,
    /// House rule: for so many months at most a proposal is dismissed (建议搁置最长月数).
    pub dismiss_months: Limit,
}

/// Percent, with one digit after the point.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Percent(#[schemars(length(max = 16), regex(pattern = "^[0-9]+(\\.[0-9])?$"))] pub String);

impl Default for Percent {
    fn default() -> Self {
        Self("0.0".to_owned())
    }
}

/// What was seen of a system's use. Written when a finding turns, and at most once a day otherwise.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// When it was seen (采集时间).
    pub at: Time,
    /// Mean of a week's memory use, in percent of what is granted (内存周平均使用率).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mean_percent: Option<Percent>,
    /// Most of it within the week, in percent (内存周峰值).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_peak_percent: Option<Percent>,
    /// How much of the week was measured, in percent (数据完整率).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage_percent: Option<Percent>,
    /// Most peaks within any hour of the last day (一小时内峰值次数).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peaks: Option<i64>,
    /// Storage in use, in percent of what is granted, of the class that is used most (存储使用率).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_percent: Option<Percent>,
    /// Mean of a day's CPU use, in percent of what is granted (CPU 日平均使用率).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<Percent>,
    /// For how long it has not been active, by sort of activity (停用、闲置、无业务数据的时长).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3))]
    pub clocks: Vec<ActivityClock>,
}

/// What a system used by the day and by the month. It outlives the metrics, and a day is in it once.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageHistory {
    /// When the newest day was taken: the 24 hours before this are in it, and the next begins here at the earliest (最近取样时间).
    pub taken: Time,
    /// The newest days, oldest first; those that were not measured are left out (近期每日使用率).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 14), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["day"]))]
    pub recent: Vec<DayUse>,
    /// The newest months in which a day was measured, oldest first (各月使用情况).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 13), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["month"]))]
    pub months: Vec<MonthUse>,
}

/// A day.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DayUse {
    /// The day, in the time zone of the rules (日期).
    pub day: Date,
    /// Mean of its memory use, in percent of what was granted (内存日平均使用率).
    pub memory_percent: Percent,
}

/// What was measured of a month. A sum divided by its days is the month's mean, exactly.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MonthUse {
    /// The month (月份).
    pub month: Month,
    /// Days of it that were measured (采集天数).
    #[schemars(range(min = 0))]
    pub days: i64,
    /// Sum of their means of memory use, in percent (内存日平均使用率之和).
    pub memory_percent_days: Percent,
    /// The highest memory use of any of them, in percent (内存最高使用率).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_peak_percent: Option<Percent>,
    /// Those of them on which CPU was measured too (CPU 采集天数).
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub cpu_days: i64,
    /// Sum of their means of CPU use, in percent (CPU 日平均使用率之和).
    #[serde(default)]
    pub cpu_percent_days: Percent,
    /// The highest storage use that was seen on any of them, in percent (存储最高使用率).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_percent: Option<Percent>,
}

/// A month, such as 2026-11.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Month(#[schemars(length(max = 7), regex(pattern = "^[0-9]{4}-[0-9]{2}$"))] pub String);

/// What was found of a system's use when a change of it was filed (article 26): it counts for that filing, whatever use
/// does later.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The filing (对应的申请).
    #[schemars(length(max = 64))]
    pub submission_uid: String,
    /// What was found (结论).
    pub finding: Finding,
    /// The rule that is met, or why none is, in one word (依据).
    #[schemars(length(max = 64))]
    pub reason: String,
    /// The figures in words, with what was asked for (说明).
    #[schemars(length(max = 2048))]
    pub message: String,
    /// The figures, and when they were measured; absent where nothing is known (使用情况).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// Whether a system may expand by its use.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Finding {
    /// A rule is met (达标).
    Eligible,
    /// None is (未达标).
    NotEligible,
    /// Nobody knows (未知).
    #[default]
    Unknown,
}

/// Since when one sort of activity has not been seen. It outlives the metrics: what was counted before they were lost
/// is carried on.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityClock {
    /// Sort of activity (活动类型).
    pub activity: Activity,
    /// When it was seen last, or since when it is looked for (最近活动时间).
    pub last: Time,
    /// Minutes since then in which it was looked for and not seen, by metrics that were lost.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub carried_minutes: i64,
    /// The same by the metrics that are there.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub counted_minutes: i64,
}

/// Sorts of activity.
#[derive(
    Clone,
    Copy,
    Debug,
    Deserialize,
    Eq,
    JsonSchema,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
    strum::Display,
    strum::EnumIter,
)]
pub enum Activity {
    /// Something runs; without it the system is stopped (停止服务).
    Running,
    /// It works: CPU, network or jobs; without it the system is idle (闲置).
    Busy,
    /// Business data come about (业务数据).
    Business,
}

//! What follows from the use of a system (article 26): whether it may expand, whether a reduction may be proposed, whether
//! it is dead. What is not known is said, and never leads to less.

use super::calendar;
use super::round::Statement;
use super::text::Text;
use crate::api::common::Time;
use crate::api::governance_policy::Limit;
use crate::api::names::{
    CONDITION_EXPANSION_ELIGIBLE, CONDITION_IDLE, CONDITION_NO_BUSINESS_DATA, CONDITION_REDUCTION_ELIGIBLE,
    CONDITION_USAGE_KNOWN,
};
use crate::api::usage::{Activity, ActivityClock, Percent, Usage, UsageHistory, UsageRules};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

mod clocks;
mod evidence;
mod heartbeat;
pub mod history;
#[cfg(test)]
mod tests;

pub use evidence::{evidence, said as said_by, takes_evidence};
pub use heartbeat::{Unknown, heartbeat};

/// A week, over which means and peaks are taken.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What one round of questions to a domain's metrics endpoint brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Round {
    /// When the endpoint's recorded rules ran last.
    pub newest: Option<Timestamp>,
    /// The share of memory, as the recorded rules have it, above which use is a peak.
    pub peak: Option<f64>,
    /// What was seen, by namespace.
    pub samples: BTreeMap<String, Sample>,
}

/// What was seen of one namespace; nothing where it was not measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Containers that run.
    pub running: Option<f64>,
    /// Whether memory is measured now.
    pub measured: bool,
    /// Mean of a week's memory use, as a share of what is granted.
    pub memory_mean: Option<f64>,
    /// The most of it.
    pub memory_peak: Option<f64>,
    /// The share of the week that was measured.
    pub memory_coverage: Option<f64>,
    /// Under how many other quotas it was measured within the week.
    pub other_quotas: Option<f64>,
    /// Most peaks within any hour of the last day.
    pub peaks: Option<f64>,
    /// When a container was killed for want of memory last.
    pub out_of_memory: Option<Timestamp>,
    /// Storage in use as a share of what is granted, the least of an hour, of the class that is used most.
    pub storage: Option<f64>,
    /// The share of that hour that was measured.
    pub storage_coverage: Option<f64>,
    /// The last 24 hours.
    pub day: Day,
    /// By sort of activity: when it was seen last, and minutes since then in which it was looked for and not seen.
    pub activity: BTreeMap<Activity, Seen>,
}

/// What was seen of the last 24 hours, as shares.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Day {
    /// Mean of memory use, of what is granted.
    pub memory_mean: Option<f64>,
    /// The most of it.
    pub memory_peak: Option<f64>,
    /// The share of them that was measured.
    pub memory_coverage: Option<f64>,
    /// Mean of CPU use, of what was granted at the time.
    pub cpu_mean: Option<f64>,
}

impl Sample {
    /// Storage in use, where most of the hour was measured.
    fn measured_storage(&self) -> Option<f64> {
        self.storage.filter(|_| self.storage_coverage.is_some_and(|share| share >= 0.5))
    }
}

/// What is known of one sort of activity.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// When it was seen last.
    pub last: Option<Timestamp>,
    /// Minutes since then in which it was looked for and not seen.
    pub quiet_minutes: Option<f64>,
}

/// The system that is judged.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// When its resources were open for the first time.
    pub opened: Timestamp,
    /// Whether it is live: what is still being set up, or not signed for, is not too little used.
    pub live: bool,
    /// Whether it stands by for another system in case of disaster: it is not needed until then.
    pub standby: bool,
    /// Whether an order has stopped it.
    pub stopped: bool,
}

/// What is to be said of a system's use.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// Conditions.
    pub statements: Vec<Statement>,
    /// What was seen.
    pub usage: Option<Usage>,
    /// What was seen by the day and by the month.
    pub history: Option<UsageHistory>,
}

impl Judgement {
    /// Whether it says the same, and of the same figures, whatever they are, and has taken no other day.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        let said = |j: &Self| j.statements.iter().map(|s| (s.type_, s.holds, s.reason.clone())).collect::<Vec<_>>();
        let seen = |usage: &Usage| {
            let percents = [&usage.memory_mean_percent, &usage.memory_peak_percent, &usage.coverage_percent];
            let others = [&usage.storage_percent, &usage.cpu_percent];
            (percents.map(Option::is_some), usage.peaks.is_some(), others.map(Option::is_some))
        };
        let taken = |judgement: &Self| judgement.history.as_ref().map(|history| history.taken);
        said(self) == said(other)
            && self.usage.as_ref().map(seen) == other.usage.as_ref().map(seen)
            && taken(self) == taken(other)
    }

    fn held(&self, type_: &str, reason: &str) -> bool {
        self.statements.iter().any(|s| s.type_ == type_ && s.holds == Some(true) && s.reason == reason)
    }
}

/// Judges one system. `partial` is why too few of the domain's systems are measured, where that is so: then nothing is
/// found too little. `before` is what was said last.
#[must_use]
pub fn judge(
    rules: &UsageRules,
    zone: &TimeZone,
    subject: Subject<'_>,
    round: &Round,
    partial: Option<&Unknown>,
    before: &Judgement,
    now: Timestamp,
) -> Judgement {
    let none = Sample::default();
    let sample = round.samples.get(subject.namespace).unwrap_or(&none);
    let known = sample.measured && sample.running.is_some();
    let clocks = clocks::wound(before.usage.as_ref(), sample, subject.opened, now);
    let seen = Case { rules, zone, subject, sample, before, now, clocks: &clocks, known };
    let statements = vec![
        seen.usage_known(),
        seen.expansion(round.peak),
        seen.less(partial, CONDITION_REDUCTION_ELIGIBLE, Case::reduction),
        seen.less(partial, CONDITION_IDLE, Case::idle),
        seen.less(partial, CONDITION_NO_BUSINESS_DATA, Case::no_business_data),
    ];
    let history = history::folded(before.history.as_ref(), sample, zone, now);
    let usage = Usage {
        at: Time::new(now),
        memory_mean_percent: sample.memory_mean.map(percent),
        memory_peak_percent: sample.memory_peak.map(percent),
        coverage_percent: sample.memory_coverage.map(percent),
        peaks: sample.peaks.map(whole),
        storage_percent: sample.storage.map(percent),
        cpu_percent: sample.day.cpu_mean.map(percent),
        clocks,
    };
    Judgement { statements, usage: Some(usage), history }
}

/// Nothing is known of a domain's systems: clocks and history stand, and nothing is found.
#[must_use]
pub fn unknown(why: &Unknown, before: &Judgement) -> Judgement {
    let not_judged = "use is not known: condition UsageKnown says why (使用情况未知)";
    let mut statements = vec![Statement::new(CONDITION_USAGE_KNOWN, false, why.reason, &why.text)];
    if why.reason != heartbeat::NO_ENDPOINT {
        let findings =
            [CONDITION_EXPANSION_ELIGIBLE, CONDITION_REDUCTION_ELIGIBLE, CONDITION_IDLE, CONDITION_NO_BUSINESS_DATA];
        statements.extend(findings.map(|type_| Statement::new(type_, None, "UsageUnknown", not_judged)));
    }
    Judgement { statements, ..before.clone() }
}

/// What a finding came to.
enum Found {
    Yes(&'static str, Text),
    No(Text),
    Unknown(Text),
}

/// One system with all that is known of its use.
struct Case<'a> {
    rules: &'a UsageRules,
    zone: &'a TimeZone,
    subject: Subject<'a>,
    sample: &'a Sample,
    before: &'a Judgement,
    now: Timestamp,
    clocks: &'a [ActivityClock],
    known: bool,
}

impl Case<'_> {
    fn usage_known(&self) -> Statement {
        if self.known {
            return Statement::new(CONDITION_USAGE_KNOWN, true, "Measured", "its use is measured (使用情况已采集)");
        }
        let why = Text::new(
            format!(
                "the metrics endpoint knows nothing of namespace {}: see whether kubelet, cAdvisor and kube-state-metrics are scraped for it (docs/usage.md); until then it is not judged",
                self.subject.namespace
            ),
            format!("监控中没有命名空间{}的数据，请检查采集配置；此前不作评价", self.subject.namespace),
        );
        Statement::new(CONDITION_USAGE_KNOWN, false, "NotMeasured", why)
    }

    /// Article 26, 达标扩容: any one of three.
    fn expansion(&self, peak: Option<f64>) -> Statement {
        let rules = self.rules;
        let coverage = self.sample.memory_coverage.filter(|_| self.whole_week());
        let enough = coverage.is_some_and(|share| share >= share_of(&rules.expansion_coverage_percent));
        let mean = self.sample.memory_mean.filter(|_| enough);
        let peaks = self.sample.peaks.filter(|_| peak.is_some_and(|p| agrees(p, &rules.memory_peak_above_percent)));
        let storage = self.sample.measured_storage();
        let above = |value: Option<f64>, limit: &Limit, reason: &str| {
            let slack = if self.before.held(CONDITION_EXPANSION_ELIGIBLE, reason) { self.slack() } else { 0.0 };
            value.is_some_and(|value| value > share_of(limit) - slack)
        };
        let found = if above(mean, &rules.memory_mean_above_percent, "MemoryMean") {
            let limit = &rules.memory_mean_above_percent;
            Found::Yes("MemoryMean", measured("weekly mean of memory use", "内存周平均使用率", mean, "above", limit))
        } else if peaks.is_some_and(|peaks| peaks >= f64::from(rules.memory_peaks.value)) {
            Found::Yes("MemoryPeaks", self.peaks_text())
        } else if above(storage, &rules.storage_above_percent, "Storage") {
            let limit = &rules.storage_above_percent;
            Found::Yes("Storage", measured("storage use", "存储使用率", storage, "above", limit))
        } else {
            // A system without volumes has no storage to be measured.
            let all = mean.is_some() && peaks.is_some();
            let text = self.how_far(mean, peaks, storage);
            if all { Found::No(text) } else { Found::Unknown(text) }
        };
        said(CONDITION_EXPANSION_ELIGIBLE, found)
    }

    /// What is missing to each of the three, for who wants to expand.
    fn how_far(&self, mean: Option<f64>, peaks: Option<f64>, storage: Option<f64>) -> Text {
        let rules = self.rules;
        let week = self.sample.memory_coverage.map_or_else(|| "0".to_owned(), |share| percent(share).0);
        let unknown = ("unknown".to_owned(), "未知".to_owned());
        let shown =
            |value: Option<f64>| value.map_or_else(|| unknown.clone(), |v| (percent(v).0 + "%", percent(v).0 + "%"));
        let (mean, storage) = (shown(mean), shown(storage));
        let peaks = peaks.map_or_else(|| unknown.clone(), |n| (whole(n).to_string(), whole(n).to_string()));
        let (a, b, c) =
            (rules.memory_mean_above_percent.value, rules.memory_peaks.value, rules.storage_above_percent.value);
        let above = rules.memory_peak_above_percent.value;
        Text::new(
            format!(
                "weekly mean of memory use {} (above {a}% is asked for; {week}% of the week measured), peaks above {above}% within an hour {} (at least {b}), storage use {} (above {c}%)",
                mean.0, peaks.0, storage.0
            ),
            format!(
                "内存周平均使用率{}（须高于{a}%，本周数据完整率{week}%），1小时内超过{above}%的峰值{}次（须达{b}次），存储使用率{}（须高于{c}%）",
                mean.1, peaks.1, storage.1
            ),
        )
    }

    fn peaks_text(&self) -> Text {
        let (count, limit) = (self.sample.peaks.map_or(0, whole), &self.rules.memory_peaks);
        let above = self.rules.memory_peak_above_percent.value;
        Text::new(
            format!(
                "memory use rose above {above}% {count} times within one hour of the last day, {} are asked for ({})",
                limit.value, limit.article
            ),
            format!("最近一日内，1小时内存峰值超过{above}%达{count}次（须达{}次，{}）", limit.value, limit.article),
        )
    }

    /// A finding that leads to less: only where the system is live, neither stopped nor a standby, and enough of its domain is measured.
    fn less(&self, partial: Option<&Unknown>, type_: &'static str, find: fn(&Self) -> Found) -> Statement {
        if !self.known {
            let why = Text::new("its use is not known: condition UsageKnown says why", "使用情况未知");
            return said(type_, Found::Unknown(why));
        }
        if let Some(partial) = partial {
            return Statement::new(type_, None, partial.reason, &partial.text);
        }
        if !self.subject.live {
            let why = "not judged before it is live: it is still being set up (未上线，不评价)";
            return Statement::new(type_, false, "NotLive", why);
        }
        if self.subject.stopped {
            let why = "not judged: an order has suspended it (已暂停服务，不评价)";
            return Statement::new(type_, false, "Suspended", why);
        }
        if self.subject.standby {
            let why = "not judged: it stands by for another system in case of disaster (灾备系统，不评价)";
            return Statement::new(type_, false, "Standby", why);
        }
        said(type_, find(self))
    }

    /// Article 26, 核减 1.
    fn reduction(&self) -> Found {
        let (rules, sample) = (self.rules, self.sample);
        let coverage = sample.memory_coverage.filter(|_| self.whole_week());
        let enough = coverage.is_some_and(|share| share >= share_of(&rules.reduction_coverage_percent));
        let (Some(mean), Some(peak), true) = (sample.memory_mean, sample.memory_peak, enough) else {
            let week = sample.memory_coverage.map_or_else(|| "0".to_owned(), |share| percent(share).0);
            let least = rules.reduction_coverage_percent.value;
            return Found::Unknown(Text::new(
                format!(
                    "{week}% of the week was measured under the quota of now, and {least}% are asked for before anything is found too much"
                ),
                format!("现额度下本周数据完整率{week}%，须达{least}%方可评价"),
            ));
        };
        let killed = |at: Timestamp| self.now.duration_since(at) <= WEEK;
        if sample.out_of_memory.is_some_and(killed) {
            return Found::No(Text::new(
                "a container was killed for want of memory within the week",
                "本周有容器因内存不足被终止",
            ));
        }
        let slack = if self.before.held(CONDITION_REDUCTION_ELIGIBLE, "LowMemory") { self.slack() } else { 0.0 };
        let (low, top) = (&rules.memory_mean_at_most_percent, &rules.memory_peak_at_most_percent);
        let text = Text::new(
            format!(
                "weekly mean of memory use {}% (at most {}%), peak {}% (at most {}%; {})",
                percent(mean).0,
                low.value,
                percent(peak).0,
                top.value,
                low.article
            ),
            format!(
                "内存周平均使用率{}%（低于{}%及以下），峰值{}%（低于{}%及以下，{}）",
                percent(mean).0,
                low.value,
                percent(peak).0,
                top.value,
                low.article
            ),
        );
        let holds = mean <= share_of(low) + slack && peak <= share_of(top) + slack;
        if holds { Found::Yes("LowMemory", text) } else { Found::No(text) }
    }

    /// Article 26, 核减 2: idle or stopped.
    fn idle(&self) -> Found {
        match self.quiet(Activity::Running, &self.rules.idle_months) {
            Found::Yes(_, text) => Found::Yes("Stopped", text),
            Found::No(_) => match self.quiet(Activity::Busy, &self.rules.idle_months) {
                Found::Yes(_, text) => Found::Yes("Idle", text),
                other => other,
            },
            unknown @ Found::Unknown(_) => unknown,
        }
    }

    /// Article 26, 核减 3.
    fn no_business_data(&self) -> Found {
        match self.quiet(Activity::Business, &self.rules.no_data_months) {
            Found::Yes(_, text) => Found::Yes("NoBusinessData", text),
            other => other,
        }
    }

    /// Whether an activity has not been seen for more than so many months, and was looked for all that time.
    fn quiet(&self, activity: Activity, months: &Limit) -> Found {
        let Some(clock) = self.clocks.iter().find(|c| c.activity == activity) else {
            return Found::Unknown(Text::new(format!("{activity}: not measured"), format!("{activity}：未采集")));
        };
        let last = clock.last.timestamp();
        let minutes = clock.carried_minutes.saturating_add(clock.counted_minutes);
        let elapsed = self.now.duration_since(last).as_mins().max(0);
        let share = i64::from(self.rules.idle_coverage_percent.value);
        let text = Text::new(
            format!(
                "{activity}: last seen at {}, looked for in {minutes} of {elapsed} minutes since; more than {} months are asked for ({})",
                clock.last, months.value, months.article
            ),
            format!(
                "{activity}：最近一次为{}，此后{elapsed}分钟中有{minutes}分钟已采集；须超过{}个月（{}）",
                clock.last, months.value, months.article
            ),
        );
        let day = calendar::add_months(calendar::date_in(last, self.zone), months.value);
        let Some(passed) = day.and_then(|day| super::retention::ends_at(day, self.zone)) else {
            return Found::Unknown(text);
        };
        if self.now < passed {
            return Found::No(text);
        }
        let looked = i128::from(minutes) * 100 >= i128::from(elapsed) * i128::from(share);
        if looked { Found::Yes("Quiet", text) } else { Found::Unknown(text) }
    }

    /// Whether the system is as old as the week that is judged, all of it under the quota of now.
    fn whole_week(&self) -> bool {
        self.now.duration_since(self.subject.opened) >= WEEK && self.sample.other_quotas.is_some_and(|n| n == 0.0)
    }

    fn slack(&self) -> f64 {
        share_of(&self.rules.hysteresis_points)
    }
}

fn said(type_: &'static str, found: Found) -> Statement {
    match found {
        Found::Yes(reason, text) => Statement::new(type_, true, reason, text),
        Found::No(text) => Statement::new(type_, false, "WithinLimits", text),
        Found::Unknown(text) => Statement::new(type_, None, "UsageUnknown", text),
    }
}

fn measured(en: &str, zh: &str, value: Option<f64>, how: &str, limit: &Limit) -> Text {
    let value = value.map(percent).unwrap_or_default().0;
    Text::new(
        format!("{en} {value}%, {how} {}% ({})", limit.value, limit.article),
        format!("{zh}{value}%，高于{}%（{}）", limit.value, limit.article),
    )
}

/// The share that so many percent are: the very number that a recorded share of as many is compared with.
fn share_of(limit: &Limit) -> f64 {
    f64::from(limit.value) / 100.0
}

/// Whether the recorded rules count as a peak what the policy does.
fn agrees(recorded: f64, limit: &Limit) -> bool {
    (recorded - share_of(limit)).abs() < 1e-6
}

/// A share as percent, for display.
#[must_use]
pub fn percent(share: f64) -> Percent {
    Percent(format!("{:.1}", (share * 100.0).clamp(0.0, 1e6)))
}

#[expect(clippy::cast_possible_truncation, reason = "clamped, and a count")]
fn whole(count: f64) -> i64 {
    count.round().clamp(0.0, 1e9) as i64
}

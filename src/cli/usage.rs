//! Who uses what: systems by use, what is found, what is proposed and what that would save.

pub mod month;

use super::lang::Lang;
use super::moment::Clock;
use super::page::Page;
use crate::api::common::{Money, QuantityMap};
use crate::api::names::{
    CONDITION_EXPANSION_ELIGIBLE, CONDITION_IDLE, CONDITION_NO_BUSINESS_DATA, CONDITION_REDUCTION_ELIGIBLE,
    CONDITION_USAGE_KNOWN,
};
use crate::api::rightsizing_proposal::{Action, ProposalPhase};
use crate::api::usage::{Percent, Usage};
use crate::api::{InformationSystem, RightsizingProposal};
use crate::core::usage::history::{last_days, tenths};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;
use rust_decimal::Decimal;
use serde::Serialize;
use std::cmp::Reverse;

/// From next to nothing to all.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// A day that was not measured.
const GAP: char = '·';
const FINDINGS: [&str; 4] =
    [CONDITION_EXPANSION_ELIGIBLE, CONDITION_REDUCTION_ELIGIBLE, CONDITION_IDLE, CONDITION_NO_BUSINESS_DATA];

/// The systems that a person may read.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// By use, most first; whose use is not known comes last.
    pub items: Vec<SystemUse>,
    /// Of how many the use is known.
    pub known: usize,
    /// Open proposals.
    pub proposals: usize,
    /// CNY a month that all of them would save.
    pub saving: Money,
    /// Namespaces that may not be read.
    pub skipped_namespaces: usize,
}

/// A system.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemUse {
    /// Its home namespace.
    pub namespace: String,
    /// Its name.
    pub system: String,
    /// Whether its use is known now.
    pub known: bool,
    /// What was seen last, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Means of memory use of the last days, oldest first; null where a day was not measured.
    pub trend: Vec<Option<Percent>>,
    /// What is found now.
    pub found: Vec<Found>,
    /// What is proposed.
    pub proposed: Vec<Proposed>,
}

/// What is found of a system, or why nothing can be.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// Type of the condition.
    pub condition: String,
    /// Its status: True, False or Unknown.
    pub status: String,
    /// Its reason.
    pub reason: String,
    /// The figures in words.
    pub message: String,
}

/// An open proposal.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proposed {
    /// Its name.
    pub name: String,
    /// What is proposed.
    pub action: Action,
    /// What the system has.
    pub before: QuantityMap,
    /// What it would have.
    pub after: QuantityMap,
    /// CNY a month that would be saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saving: Option<Money>,
}

/// Works it out of what was read.
#[must_use]
pub fn overview(
    systems: &[InformationSystem],
    proposals: &[RightsizingProposal],
    skipped_namespaces: usize,
    clock: &Clock,
) -> Overview {
    let mut items: Vec<SystemUse> = systems.iter().map(|system| of(system, proposals, clock)).collect();
    items.sort_by_cached_key(|item| {
        let mean = item.figures().and_then(|usage| usage.memory_mean_percent.as_ref()).map(tenths);
        (Reverse(mean), item.namespace.clone(), item.system.clone())
    });
    Overview {
        known: items.iter().filter(|item| item.known).count(),
        proposals: items.iter().map(|item| item.proposed.len()).sum(),
        saving: saved(items.iter().map(|item| item.proposed.as_slice())),
        skipped_namespaces,
        items,
    }
}

fn of(system: &InformationSystem, proposals: &[RightsizingProposal], clock: &Clock) -> SystemUse {
    let status = system.status.clone().unwrap_or_default();
    let history = status.usage_history.unwrap_or_default();
    SystemUse {
        namespace: system.namespace().unwrap_or_default(),
        system: system.name_any(),
        known: status.conditions.iter().any(|c| c.type_ == CONDITION_USAGE_KNOWN && c.status == "True"),
        usage: status.usage,
        trend: last_days(&history, &clock.zone, clock.now),
        found: found(&status.conditions),
        proposed: proposed(system, proposals),
    }
}

/// What is found; where nothing is, why use is not known, or what is not known of it.
#[must_use]
pub fn found(conditions: &[Condition]) -> Vec<Found> {
    let of = |type_: &str| conditions.iter().find(|c| c.type_ == type_);
    let is = |condition: &&Condition, status: &str| condition.status == status;
    let mut shown: Vec<&Condition> =
        FINDINGS.into_iter().filter_map(of).filter(|condition| is(condition, "True")).collect();
    match of(CONDITION_USAGE_KNOWN) {
        Some(known) if known.status != "True" => shown.push(known),
        Some(_) if shown.is_empty() => {
            shown.extend(FINDINGS.into_iter().filter_map(of).find(|condition| is(condition, "Unknown")));
        }
        _ => {}
    }
    let found = |condition: &Condition| Found {
        condition: condition.type_.clone(),
        status: condition.status.clone(),
        reason: condition.reason.clone(),
        message: condition.message.clone(),
    };
    shown.into_iter().map(found).collect()
}

/// The open proposals about a system, and about no earlier one of its name.
#[must_use]
pub fn proposed(system: &InformationSystem, proposals: &[RightsizingProposal]) -> Vec<Proposed> {
    let about = |proposal: &&RightsizingProposal| {
        let phase = proposal.status.as_ref().map(|status| status.phase).unwrap_or_default();
        proposal.namespace() == system.namespace()
            && proposal.spec.system_ref.name == system.name_any()
            && Some(&proposal.spec.system_ref.uid) == system.metadata.uid.as_ref()
            && matches!(phase, ProposalPhase::Proposed | ProposalPhase::Underway)
    };
    let open = proposals.iter().filter(about).map(|proposal| Proposed {
        name: proposal.name_any(),
        action: proposal.spec.action,
        before: proposal.spec.before.clone(),
        after: proposal.spec.after.clone(),
        saving: proposal.spec.saving.clone(),
    });
    open.collect()
}

/// What the proposals about these systems would save together, exactly. Of a system that is given back nothing is left to
/// save by less.
pub fn saved<'p>(systems: impl Iterator<Item = &'p [Proposed]>) -> Money {
    let saving = |proposal: &Proposed| proposal.saving.as_ref()?.0.parse::<Decimal>().ok();
    let each = systems.map(|proposed| {
        let given_back = proposed.iter().filter(|p| p.action == Action::Reclaim).filter_map(saving).max();
        given_back.unwrap_or_else(|| proposed.iter().filter_map(saving).fold(Decimal::ZERO, Decimal::saturating_add))
    });
    Money(each.fold(Decimal::ZERO, Decimal::saturating_add).normalize().to_string())
}

impl SystemUse {
    /// Its figures, where they are those of now.
    fn figures(&self) -> Option<&Usage> {
        self.usage.as_ref().filter(|_| self.known)
    }
}

/// As text.
#[must_use]
pub fn page(lang: Lang, overview: &Overview, wide: bool) -> Page {
    let mut page = Page::default();
    if overview.items.is_empty() {
        page.line(lang.usage_nothing());
        return page;
    }
    let mut header = match lang {
        Lang::En => vec![
            "NAMESPACE",
            "SYSTEM",
            "MEM-MEAN%",
            "MEM-PEAK%",
            "CPU%",
            "DISK%",
            "MEASURED%",
            "TREND",
            "FOUND",
            "PROPOSED",
            "SAVES",
        ],
        Lang::Zh => vec![
            "命名空间",
            "系统",
            "内存周平均%",
            "内存周峰值%",
            "CPU%",
            "存储%",
            "数据完整率%",
            "近14天内存",
            "评价",
            "建议",
            "月节省",
        ],
    };
    if wide {
        header.push(lang.pick("WHY", "说明"));
    }
    page.table(header, overview.items.iter().map(|item| row(lang, item, wide)));
    page.line("");
    page.line(lang.usage_total(&overview.items.len(), &overview.known, &overview.proposals, &overview.saving.0));
    page
}

fn row(lang: Lang, item: &SystemUse, wide: bool) -> Vec<String> {
    let figures = item.figures().cloned().unwrap_or_default();
    let shown = |percent: Option<Percent>| percent.map(|percent| percent.0).unwrap_or_default();
    let mut row = vec![
        item.namespace.clone(),
        item.system.clone(),
        shown(figures.memory_mean_percent),
        shown(figures.memory_peak_percent),
        shown(figures.cpu_percent),
        shown(figures.storage_percent),
        shown(figures.coverage_percent),
        sparkline(&item.trend),
        found_text(lang, &item.found, item.known),
        proposed_text(lang, &item.proposed),
        saved_text(&item.proposed),
    ];
    if wide {
        row.push(item.found.iter().map(|found| found.message.as_str()).collect::<Vec<_>>().join("; "));
    }
    row
}

/// A mark for each day, from 0 to 100 percent; what is above is full.
fn sparkline(trend: &[Option<Percent>]) -> String {
    let mark = |percent: &Percent| {
        let level = usize::try_from(tenths(percent) * 8 / 1000).unwrap_or(usize::MAX);
        LEVELS.get(level).copied().unwrap_or('█')
    };
    trend.iter().map(|day| day.as_ref().map_or(GAP, mark)).collect()
}

/// What is found, in a few words.
#[must_use]
pub fn found_text(lang: Lang, found: &[Found], known: bool) -> String {
    if found.is_empty() {
        return if known { lang.pick("in order", "正常") } else { lang.pick("not judged", "未评价") }.to_owned();
    }
    let each = found.iter().map(|found| {
        let (en, zh) = match (found.condition.as_str(), found.reason.as_str()) {
            (CONDITION_USAGE_KNOWN, "NoEndpoint") => ("unknown: no endpoint", "未知：云域未接入监控"),
            (CONDITION_USAGE_KNOWN, "Misconfigured") => ("unknown: misconfigured", "未知：监控配置有误"),
            (CONDITION_USAGE_KNOWN, "Unreachable") => ("unknown: unreachable", "未知：监控无法连接"),
            (CONDITION_USAGE_KNOWN, "Unauthorized") => ("unknown: unauthorized", "未知：监控拒绝访问"),
            (CONDITION_USAGE_KNOWN, "Unusable") => ("unknown: unusable", "未知：监控应答无效"),
            (CONDITION_USAGE_KNOWN, "Stale") => ("unknown: stale", "未知：监控数据过期"),
            (CONDITION_USAGE_KNOWN, "NotMeasured") => ("unknown: not measured", "未知：未采集"),
            (CONDITION_USAGE_KNOWN, reason) => return format!("{} {reason}", lang.pick("unknown:", "未知：")),
            _ if found.status != "True" => ("too little known", "数据不足"),
            (CONDITION_EXPANSION_ELIGIBLE, "MemoryMean") => ("may expand: memory", "可扩容：内存"),
            (CONDITION_EXPANSION_ELIGIBLE, "MemoryPeaks") => ("may expand: peaks", "可扩容：峰值"),
            (CONDITION_EXPANSION_ELIGIBLE, "Storage") => ("may expand: storage", "可扩容：存储"),
            (CONDITION_REDUCTION_ELIGIBLE, _) => ("low use", "使用率低"),
            (CONDITION_IDLE, "Stopped") => ("stopped", "停用"),
            (CONDITION_IDLE, _) => ("idle", "闲置"),
            (CONDITION_NO_BUSINESS_DATA, _) => ("no data", "无业务数据"),
            (condition, reason) => return format!("{condition}/{reason}"),
        };
        lang.pick(en, zh).to_owned()
    });
    each.collect::<Vec<_>>().join(lang.pick(", ", "、"))
}

/// What is proposed, with what it would change.
#[must_use]
pub fn proposed_text(lang: Lang, proposed: &[Proposed]) -> String {
    let each = proposed.iter().map(|proposed| {
        let (en, zh) = match proposed.action {
            Action::Expand => ("Expand", "扩容"),
            Action::Reduce => ("Reduce", "核减"),
            Action::Reclaim => ("Reclaim", "回收"),
        };
        let mut words = vec![lang.pick(en, zh).to_owned()];
        words.extend(changed(lang, proposed));
        words.join(" ")
    });
    each.collect::<Vec<_>>().join("; ")
}

/// Requests that change; whatever else a quota bounds follows them.
fn changed(lang: Lang, proposed: &Proposed) -> Vec<String> {
    let changed = proposed.after.iter().filter_map(|(resource, after)| {
        let name = match resource.strip_prefix("requests.")? {
            "cpu" => "CPU",
            "memory" => lang.pick("memory", "内存"),
            "storage" => lang.pick("storage", "存储"),
            other => other,
        };
        let before = proposed.before.get(resource).map_or("0", |quantity| quantity.0.as_str());
        (before != after.0).then(|| format!("{name} {before} -> {}", after.0))
    });
    changed.collect()
}

/// What would be saved; nothing where nothing would.
#[must_use]
pub fn saved_text(proposed: &[Proposed]) -> String {
    if proposed.iter().any(|proposed| proposed.saving.is_some()) {
        saved(std::iter::once(proposed)).0
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests;

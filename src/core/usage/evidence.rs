//! Whether use allows a permanent expansion (article 26, 达标扩容): what a filing is judged by.

use super::Judgement;
use crate::api::InformationSystemStatus;
use crate::api::names::{
    CONDITION_EXPANSION_ELIGIBLE, CONDITION_IDLE, CONDITION_NO_BUSINESS_DATA, CONDITION_REDUCTION_ELIGIBLE,
    CONDITION_USAGE_KNOWN,
};
use crate::api::usage::{Evidence, Finding, Usage};
use crate::core::round::Statement;
use crate::core::text::{Text, shorten};
use jiff::{SignedDuration, Timestamp};

/// What is older is no evidence any more. A status is written when a finding turns and once a day otherwise, so after a
/// restart it can be a day old and still say what was found last.
const FRESH: SignedDuration = SignedDuration::from_hours(25);

/// The CRD's bound.
const MESSAGE: usize = 2048;

/// Whether more of a resource takes evidence. Article 26 measures memory and storage, and expands what runs as a whole:
/// compute, memory and storage (计算、内存、存储), requests and limits alike, each storage class too. No rule of it measures
/// what is merely counted (pods, claims, addresses), accelerators, or what no quota holds (bandwidth): these take none.
#[must_use]
pub fn takes_evidence(resource: &str) -> bool {
    let bare = resource.strip_prefix("requests.").or_else(|| resource.strip_prefix("limits.")).unwrap_or(resource);
    ["cpu", "memory", "storage", "ephemeral-storage"].contains(&bare)
        || bare.starts_with("hugepages-")
        || bare.ends_with(".storageclass.storage.k8s.io/requests.storage")
}

/// What was found of a system last, as evidence for a filing that is made now.
#[must_use]
pub fn evidence(judgement: &Judgement, now: Timestamp) -> Evidence {
    let found = |type_: &str| judgement.statements.iter().find(|s| s.type_ == type_);
    let unknown = |reason: &str, message: &str| Evidence {
        reason: reason.to_owned(),
        message: shorten(message, MESSAGE),
        ..Evidence::default()
    };
    let expansion = found(CONDITION_EXPANSION_ELIGIBLE);
    let eligible = expansion.filter(|s| s.holds == Some(true));
    // What proves a need stands, whatever else is not measured; what denies one must be known.
    if let Some(blind) = found(CONDITION_USAGE_KNOWN).filter(|s| s.holds != Some(true) && eligible.is_none()) {
        return unknown(&blind.reason, &blind.message);
    }
    let (Some(expansion), Some(usage)) = (expansion, &judgement.usage) else {
        return unknown("NotJudged", "its use has not been judged yet (docs/usage.md) (尚未评价使用情况)");
    };
    if now.duration_since(usage.at.timestamp()) > FRESH {
        let at = usage.at;
        let old = Text::new(
            format!("its use was seen at {at} last, and that is too long ago to judge by"),
            format!("最近一次采集于{at}，时间过久，不能据以评价"),
        );
        return unknown("Stale", &old.to_string());
    }
    let finding = match expansion.holds {
        Some(true) => Finding::Eligible,
        Some(false) => Finding::NotEligible,
        None => Finding::Unknown,
    };
    Evidence {
        finding,
        reason: expansion.reason.clone(),
        message: shorten(&expansion.message, MESSAGE),
        // Clocks count towards less.
        usage: Some(Usage { clocks: Vec::new(), ..usage.clone() }),
        ..Evidence::default()
    }
}

/// What the status of a system says of its use.
#[must_use]
pub fn said(status: &InformationSystemStatus) -> Judgement {
    let types = [
        CONDITION_USAGE_KNOWN,
        CONDITION_EXPANSION_ELIGIBLE,
        CONDITION_REDUCTION_ELIGIBLE,
        CONDITION_IDLE,
        CONDITION_NO_BUSINESS_DATA,
    ];
    let said = types.into_iter().filter_map(|type_| {
        let condition = status.conditions.iter().find(|c| c.type_ == type_)?;
        let holds = match condition.status.as_str() {
            "True" => Some(true),
            "False" => Some(false),
            _ => None,
        };
        Some(Statement::new(type_, holds, &condition.reason, &condition.message))
    });
    Judgement { statements: said.collect(), usage: status.usage.clone(), history: status.usage_history.clone() }
}

//! The part of a GovernancePolicy that is about how what runs changes, and what cannot wait.

use super::governance_policy::Limit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the resources of a running system change (articles 22 and 26).
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeRules {
    /// A resource that changes by more than so many percent, up or down, makes a change a major one (重大变更).
    #[schemars(schema_with = "super::bounds::percent")]
    pub major_above_percent: Limit,
    /// Fees that grow by more than so many percent make a change a major one (费用增幅).
    #[schemars(schema_with = "super::bounds::percent")]
    pub fee_growth_above_percent: Limit,
    /// Whether a resource that the system has none of yet makes a change a major one (新增资源类型视为重大变更).
    pub new_resource_is_major: bool,
    /// House rule: what was changed in so many months before counts together, so that splitting evades nothing (累计月数).
    #[schemars(schema_with = "super::bounds::months_back")]
    pub accumulation_months: Limit,
    /// Longest temporary expansion in months; longer needs gates of circumstance LongWindow (临时扩容最长期限).
    #[schemars(schema_with = "super::bounds::months")]
    pub window_months: Limit,
    /// An extension is filed at least so many working days before the end (延期申请提前工作日).
    #[schemars(schema_with = "super::bounds::work_days_ahead")]
    pub extension_work_days: Limit,
    /// House rule: the unit files annex 2 for an emergency expansion within so many working days; where nothing is said it is
    /// chased without a date (应急扩容补办时限).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency_annex_work_days: Option<Limit>,
    /// The track of each sort of change (变更流程).
    pub tracks: ChangeTracks,
}

/// What cannot wait (article 24).
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UrgentRules {
    /// The track of urgent requests; what it is still to file, it chases by the due days of its gates (流程).
    #[schemars(length(min = 1, max = 32))]
    pub track: String,
    /// Months from allocation after which its resources end by themselves (临时资源期限).
    #[schemars(schema_with = "super::bounds::months")]
    pub months: Limit,
}

/// The track of each sort of change.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeTracks {
    /// Of a permanent change that is not major (一般变更).
    #[schemars(length(min = 1, max = 32))]
    pub minor: String,
    /// Of a major one: the whole application again (重大变更).
    #[schemars(length(min = 1, max = 32))]
    pub major: String,
    /// Of a temporary expansion (临时扩容).
    #[schemars(length(min = 1, max = 32))]
    pub temporary: String,
    /// Of the extension of a temporary expansion (延期).
    #[schemars(length(min = 1, max = 32))]
    pub extension: String,
    /// Of a reduction that the agency proposes; absent where there is none (核减).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub reduction: Option<String>,
    /// Of an emergency expansion that the provider proposes; absent where there is none (应急扩容).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub emergency: Option<String>,
}

impl ChangeTracks {
    /// Every track that is named, with the field that names it.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let always = [
            ("minor", &self.minor),
            ("major", &self.major),
            ("temporary", &self.temporary),
            ("extension", &self.extension),
        ];
        let sometimes = [("reduction", &self.reduction), ("emergency", &self.emergency)];
        let sometimes = sometimes.into_iter().filter_map(|(field, track)| Some((field, track.as_ref()?)));
        always.into_iter().chain(sometimes).map(|(field, track)| (field, track.as_str()))
    }
}

//! RightsizingProposal: what the operator proposes by the use of a system.

use super::bounds;
use super::cloud_resource_request::VoidDecision;
use super::common::{Money, QuantityMap, Time};
use super::usage::Percent;
use jiff::civil::Date;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is proposed, with the evidence.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "yunguan.dev",
    version = "v1alpha1",
    kind = "RightsizingProposal",
    namespaced,
    status = "RightsizingProposalStatus",
    doc = "RightsizingProposal (资源优化建议): what a system's use suggests: more, less, or to be given back. Written by the operator alone; it changes nothing by itself. The agency takes it up with a ResourceChange, or dismisses it with a Decision.",
    shortname = "rsp",
    category = "yunguan",
    derive = "PartialEq",
    printcolumn(name = "SYSTEM", type_ = "string", json_path = ".spec.systemRef.name"),
    printcolumn(name = "ACTION", type_ = "string", json_path = ".spec.action"),
    printcolumn(name = "RULE", type_ = "string", json_path = ".spec.rule"),
    printcolumn(name = "PHASE", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "FEE-BEFORE", type_ = "string", json_path = ".spec.feeBefore"),
    printcolumn(name = "FEE-AFTER", type_ = "string", json_path = ".spec.feeAfter"),
    printcolumn(name = "CHANGE", type_ = "string", json_path = ".status.changeRef.name"),
    printcolumn(name = "UNTIL", type_ = "string", json_path = ".status.dismissedUntil"),
    printcolumn(name = "WHY", type_ = "string", json_path = ".spec.evidence.message", priority = 1),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    selectable = ".spec.systemRef.name",
    selectable = ".spec.action",
    selectable = ".status.phase"
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("self.systemRef == oldSelf.systemRef && self.action == oldSelf.action", "a RightsizingProposal stays one of its system and action"))]
pub struct RightsizingProposalSpec {
    /// The InformationSystem, in the same namespace (系统).
    pub system_ref: ObjectRef,
    /// What is proposed (建议).
    pub action: Action,
    /// By which rule (依据).
    pub rule: UseRule,
    /// Since when it is proposed (提出时间).
    pub proposed_at: Time,
    /// What was measured (使用情况).
    pub evidence: Evidence,
    /// The lines that should change, before and after; none where everything goes (建议规格).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub recommended: Vec<ProposedLine>,
    /// What the system has for good, by resource (现有资源).
    #[serde(default, skip_serializing_if = "QuantityMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub before: QuantityMap,
    /// What it would have (建议资源).
    #[serde(default, skip_serializing_if = "QuantityMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub after: QuantityMap,
    /// CNY a month for what it has (现月费用).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee_before: Option<Money>,
    /// CNY a month for what it would have: what changes at the prices of the day (建议月费用).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee_after: Option<Money>,
    /// CNY a month that would be saved; absent where nothing is (月节省费用).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saving: Option<Money>,
}

/// An object in the same namespace, by name and uid.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// Name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Uid: another one of the same name is another object.
    #[schemars(length(min = 1, max = 64))]
    pub uid: String,
}

/// What is proposed.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    Deserialize,
    Eq,
    Hash,
    JsonSchema,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
    strum::Display,
    strum::EnumIter,
)]
pub enum Action {
    /// 扩容
    Expand,
    /// 核减
    #[default]
    Reduce,
    /// 回收
    Reclaim,
}

/// The rules of article 26, by the reasons of the conditions that say so.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    Deserialize,
    Eq,
    Hash,
    JsonSchema,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
    strum::Display,
    strum::EnumString,
)]
pub enum UseRule {
    /// 内存周平均使用率过高
    MemoryMean,
    /// 内存峰值过高
    MemoryPeaks,
    /// 存储使用率过高
    Storage,
    /// 内存使用率过低
    #[default]
    LowMemory,
    /// 闲置
    Idle,
    /// 停用
    Stopped,
    /// 无业务数据
    NoBusinessData,
}

/// What was measured, and what it is measured against.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// In words, with every number and its limit (说明).
    #[schemars(length(max = 1024))]
    pub message: String,
    /// The figures that count (指标).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["figure"]))]
    pub figures: Vec<Figure>,
    /// The time that they are about (统计周期).
    #[schemars(length(max = 64))]
    pub window: String,
    /// How much of it was measured, in percent (数据完整率).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage_percent: Option<Percent>,
    /// Since when it is so (持续自).
    pub since: Time,
    /// When it was measured (采集时间).
    pub measured_at: Time,
}

/// A figure and its limit.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    /// What (指标): memoryMeanPercent, memoryPeakPercent, peaks, storagePercent or quietDays.
    #[schemars(length(max = 32))]
    pub figure: String,
    /// What was measured (实测值).
    #[schemars(length(max = 32))]
    pub value: String,
    /// The limit of the policy (标准).
    #[schemars(length(max = 32))]
    pub threshold: String,
    /// Article (条款).
    #[schemars(length(max = 128))]
    pub article: String,
}

/// A line before and after.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProposedLine {
    /// Name of the line (行名).
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Units that it has (现有数量).
    #[schemars(range(min = 0))]
    pub before: i64,
    /// Units that it should have (建议数量).
    #[schemars(range(min = 0))]
    pub after: i64,
}

/// Where a proposal stands.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RightsizingProposalStatus {
    /// The `metadata.generation` that this status was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where it stands, for display (阶段).
    pub phase: ProposalPhase,
    /// The digest that a dismissal must carry (搁置意见摘要).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub digest: Option<String>,
    /// The role that takes it up or dismisses it, and who fills it (办理角色).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub role: Option<String>,
    /// The ResourceChange that takes it up (资源变更).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_ref: Option<ObjectRef>,
    /// Last day for which it is dismissed (搁置至).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dismissed_until: Option<Date>,
    /// The Decision that says so (搁置意见).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub dismissed_by: Option<String>,
    /// The newest dismissals that do not count, and why (无效办理意见).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub void_decisions: Vec<VoidDecision>,
    /// What holds of this object, one entry a type.
    #[serde(default)]
    #[schemars(length(max = bounds::CONDITIONS), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// Where a proposal stands, for display: it is derived from the system, its changes and decisions, never from this.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    Deserialize,
    Eq,
    Hash,
    JsonSchema,
    PartialEq,
    Serialize,
    strum::Display,
    strum::EnumIter,
    strum::IntoStaticStr,
)]
pub enum ProposalPhase {
    /// 已提出
    #[default]
    Proposed,
    /// 已搁置
    Dismissed,
    /// 办理中
    Underway,
    /// 已完成
    Done,
    /// 已撤销
    Withdrawn,
}

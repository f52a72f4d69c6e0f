//! ResourceChange: annex 2, the form for changes and cancellations.

use super::bounds;
use super::cloud_resource_request::{Contacts, CountedDecision, LineStatus, OpenGate, Submission, VoidDecision};
use super::common::{Document, Money, PolicyRef, QuantityMap, Time, is_zero, written_time, written_time_or_none};
use super::rightsizing_proposal::ObjectRef;
use super::usage::Evidence;
use jiff::civil::Date;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Annex 2, with what is needed to judge it.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "yunguan.dev",
    version = "v1alpha1",
    kind = "ResourceChange",
    namespaced,
    status = "ResourceChangeStatus",
    doc = "ResourceChange (亳州市政务云资源变更/注销申请表, annex 2): other resources for a system that runs. It is a draft until a person files it with a Submit decision.",
    shortname = "rch",
    category = "yunguan",
    derive = "PartialEq",
    validation = Rule::new("self.metadata.name.size() <= 100 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')")
        .message("the name of a change is at most 100 lower-case ASCII letters, digits and '-', such as health-portal-2 (变更申请名称只能用小写字母、数字和“-”，最长100个)"),
    validation = Rule::new("!has(oldSelf.status) || !has(oldSelf.status.committed) || !oldSelf.status.committed || self.spec.change == oldSelf.spec.change")
        .message("this change has been approved and is on record: what was approved cannot be edited. Ask for the next change with another ResourceChange (变更已批准，不可修改；如需再次调整请另填资源变更/注销申请表)")
        .field_path(".spec.change"),
    printcolumn(name = "SYSTEM", type_ = "string", json_path = ".spec.change.system"),
    printcolumn(name = "GROUND", type_ = "string", json_path = ".spec.change.ground"),
    printcolumn(name = "TRACK", type_ = "string", json_path = ".status.track"),
    printcolumn(name = "PHASE", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "WAITING-FOR", type_ = "string", json_path = ".status.waitingFor"),
    printcolumn(name = "FROM", type_ = "string", json_path = ".status.effectiveFrom"),
    printcolumn(name = "UNTIL", type_ = "string", json_path = ".status.until"),
    printcolumn(name = "READY", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status", priority = 1),
    printcolumn(name = "MESSAGE", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", priority = 1),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    selectable = ".spec.change.system",
    selectable = ".status.phase"
)]
#[serde(rename_all = "camelCase")]
pub struct ResourceChangeSpec {
    /// Everything that is decided upon. Changing any of it voids the decisions made so far.
    pub change: Change,
    /// Whom to talk to; changing a phone number voids nothing (联系人).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contacts: Option<Contacts>,
}

/// The material part of annex 2.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("has(self.extend) != has(self.lines)",
    "a change names in `lines` what the system is to have afterwards, or in `extend` the temporary expansion that is to last longer: fill in one of them (请填写变更后资源 lines，或填写需延期的临时扩容 extend)"))]
#[x_kube(validation = ("!has(self.extend) || !has(self.window)",
    "an extension says in extend.until how long it lasts: leave `window` out (延期请填写 extend.until，勿填 window)"))]
#[x_kube(validation = ("self.ground != 'ForeseeablePeak' || has(self.window) || has(self.extend)",
    "a foreseeable peak is met by a temporary expansion: say in `window` from when and until when (可预见的高峰须填写临时扩容起止时间)"))]
#[x_kube(validation = ("!has(self.settles) || (self.ground == 'Emergency' && !has(self.window) && !has(self.extend))",
    "`settles` names the emergency expansion that a permanent change of ground Emergency makes good: leave it out otherwise (settles 仅用于补办应急扩容)"))]
#[x_kube(validation = ("!has(self.window) || !(self.ground in ['Reduction', 'Cancellation'])",
    "a reduction or cancellation is permanent: leave `window` out (核减和注销无起止时间，勿填 window)"))]
#[x_kube(validation = ("!has(self.proposalRef) || self.ground in ['Reduction', 'StandardExpansion']",
    "`proposalRef` names the RightsizingProposal that a reduction or a standard expansion takes up: leave it out otherwise (proposalRef 仅用于核减或达标扩容)"))]
#[x_kube(validation = ("!has(self.proposalRef) || !has(self.notBefore)",
    "what takes a proposal up takes effect once it is approved, since use is read once more just then: leave notBefore out (采纳优化建议的变更批准后即时生效，勿填 notBefore)"))]
pub struct Change {
    /// Name of the unit, as in its Organization (单位名称).
    #[schemars(length(min = 1, max = 128))]
    pub unit_name: String,
    /// The InformationSystem, by its code (系统).
    #[schemars(length(min = 1, max = 40))]
    pub system: String,
    /// Why it changes (变更依据).
    pub ground: ChangeGround,
    /// The reason in words (变更原因).
    #[schemars(length(min = 1, max = 2048))]
    pub reason: String,
    /// What the system is to have afterwards, line by line; lines that are not named stay as they are (变更后配置).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub lines: Vec<ChangeLine>,
    /// From when and until when, on a temporary expansion (临时扩容起止时间).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// The temporary expansion that is to last longer (延期).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extend: Option<Extend>,
    /// The ResourceChange of an emergency expansion that this one makes permanent (补办的应急扩容).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub settles: Option<String>,
    /// The RightsizingProposal that it takes up: use is read once more before it takes effect (采纳的优化建议).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal_ref: Option<ObjectRef>,
    /// The earliest moment at which a permanent change takes effect; once it is approved where nothing is said (计划变更时间).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "written_time_or_none")]
    pub not_before: Option<Time>,
    /// Papers, each with the digest of its bytes (申请材料).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub documents: Vec<Document>,
}

/// The grounds of articles 22 and 26.
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
    strum::EnumString,
    strum::VariantNames,
)]
pub enum ChangeGround {
    /// 资源调整（第二十二条）
    #[default]
    Adjustment,
    /// 达标扩容（第二十六条）
    StandardExpansion,
    /// 可预见的高峰，临时扩容（第二十六条）
    ForeseeablePeak,
    /// 应急扩容（第二十六条）
    Emergency,
    /// 核减（第二十六条）
    Reduction,
    /// 注销服务（附件2）
    Cancellation,
}

/// One line of annex 2.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeLine {
    /// Name of the line: one that the system has, or a new one (行名).
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = ("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
        "the name of a line uses lower-case ASCII letters, digits and '-', such as disk: kubectl yunguan explain shows the lines that the system has (行名只能用小写字母、数字和“-”)"))]
    pub name: String,
    /// The CatalogItem of a new line; a line that the system has keeps its own (目录项).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub item: Option<String>,
    /// Units afterwards, a whole number from 0, which cancels the line, to 1000000 (变更后数量).
    #[x_kube(validation = ("0 <= self && self <= 1000000",
        "quantity is what the line is to have afterwards, a whole number of the item's units from 0 (cancelled) to 1000000, without a suffix (数量为变更后总量，须为0至1000000的整数，0为注销)"))]
    pub quantity: i64,
    /// Address of the server, where the line is one (服务器地址).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub server_address: Option<String>,
    /// What for (用途).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub purpose: Option<String>,
}

/// From when and until when.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("timestamp(self.from) < timestamp(self.until)",
    "a window ends after it starts: correct `from` or `until` (截止时间须晚于开始时间)"))]
pub struct Window {
    /// First moment (开始时间).
    #[schemars(schema_with = "written_time")]
    pub from: Time,
    /// Moment from which it does not hold any more (截止时间).
    #[schemars(schema_with = "written_time")]
    pub until: Time,
}

/// What is to last longer, and how long.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Extend {
    /// Name of the ResourceChange by which the temporary expansion was granted (原变更申请).
    #[schemars(length(min = 1, max = 100))]
    pub change: String,
    /// The new end (延期至).
    #[schemars(schema_with = "written_time")]
    pub until: Time,
}

/// Where the change stands.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceChangeStatus {
    /// The `metadata.generation` that this status was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where it stands, for display (阶段).
    pub phase: ChangePhase,
    /// How often it has been filed (轮次).
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub round: i64,
    /// The track that it takes, by what it was measured as (办理流程).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub track: Option<String>,
    /// What was found of the system's use when it was filed; absent where the rules do not ask for it (申请时使用情况).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Why it is a major change; absent where it is none (重大变更原因).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::BRIEF))]
    pub major_because: Option<String>,
    /// One line: who must act at which gate, or what else it waits for (待办).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::BRIEF))]
    pub waiting_for: Option<String>,
    /// Day by which the earliest open gate is due (到期日).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Date>,
    /// The version of the rules by which it is judged (适用办法).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyRef>,
    /// Version of the digest's encoding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<i32>,
    /// The uid that decisions name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub subject_uid: Option<String>,
    /// The filing that stands (当前申请).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submission: Option<Submission>,
    /// Gates at which somebody can act now (待办环节).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["gate"]))]
    pub open_gates: Vec<OpenGate>,
    /// Decisions that count (有效办理意见).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::DECISIONS))]
    pub decisions: Vec<CountedDecision>,
    /// How many more count than are listed: reports that found a failure give way first, then what is oldest
    /// (未列出的有效意见数).
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0))]
    pub more_decisions: i64,
    /// The newest decisions that do not count, and why (无效办理意见).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub void_decisions: Vec<VoidDecision>,
    /// Each line before and after, from the record (变更前后对照).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::LINES), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub lines: Vec<LineStatus>,
    /// What the system has before, by resource, windows left out (变更前资源).
    #[serde(default, skip_serializing_if = "QuantityMap::is_empty")]
    #[schemars(extend("maxProperties" = bounds::RESOURCES))]
    pub before: QuantityMap,
    /// What it has after (变更后资源).
    #[serde(default, skip_serializing_if = "QuantityMap::is_empty")]
    #[schemars(extend("maxProperties" = 2 * bounds::RESOURCES))]
    pub after: QuantityMap,
    /// CNY a month before, as it was granted (变更前月费用).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee_before: Option<Money>,
    /// CNY a month after: what changes at the prices of the day of filing (变更后月费用).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee_after: Option<Money>,
    /// That its ground was gone when it was to take effect (依据已消失).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ground_gone: Option<GroundGone>,
    /// Whether it is on record; from then on it cannot be edited.
    #[serde(default)]
    pub committed: bool,
    /// From when it takes effect (生效时间).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<Time>,
    /// Until when it holds; absent on what is permanent (截止时间).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Last day on which an extension of it can be filed (延期申请截止日).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extend_by: Option<Date>,
    /// What holds of this object, one entry a type.
    #[serde(default)]
    #[schemars(length(max = bounds::CONDITIONS), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// That the ground of a reduction was gone when it was to take effect: that filing is over, and it can be filed again.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroundGone {
    /// The filing.
    #[schemars(length(max = 64))]
    pub submission_uid: String,
    /// What was proposed, and what is found instead.
    #[schemars(length(max = 2048))]
    pub message: String,
    /// The same in Chinese (前后情况).
    #[schemars(length(max = 2048))]
    pub message_zh: String,
}

/// Where a change stands, for display: state is derived from decisions, never from this.
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
    strum::IntoStaticStr,
)]
pub enum ChangePhase {
    /// 草稿
    #[default]
    Draft,
    /// 办理中
    InReview,
    /// 已退回
    Returned,
    /// 未通过
    Rejected,
    /// 已撤回
    Withdrawn,
    /// 不予受理
    Refused,
    /// 已批准
    Approved,
    /// 待生效
    Scheduled,
    /// 试运行
    Testing,
    /// 已生效
    InEffect,
    /// 已到期
    Ended,
}

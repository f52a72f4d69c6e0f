//! Sanction: what is ordered against a unit or a provider that breaks the rules.

use super::bounds;
use super::cloud_resource_request::{CountedDecision, OpenGate, Submission, VoidDecision};
use super::common::{Document, PolicyRef, Time, is_zero, written_day_or_none};
use jiff::civil::Date;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An order against the Organization in whose home namespace it lies.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "yunguan.dev",
    version = "v1alpha1",
    kind = "Sanction",
    namespaced,
    status = "SanctionStatus",
    doc = "Sanction (处理措施): an order to correct, a warning, a suspension or a stop of new grants, against the Organization in whose home namespace it lies (articles 34 and 38). It is a draft until a person files it with a Submit decision, and has no effect before the gates of its track are passed.",
    shortname = "sanc",
    category = "yunguan",
    derive = "PartialEq",
    validation = Rule::new("self.metadata.name.size() <= 100 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')")
        .message("the name of a sanction is at most 100 lower-case ASCII letters, digits and '-', such as portal-suspension (处理措施名称只能用小写字母、数字和“-”，最长100个)"),
    validation = Rule::new("!has(oldSelf.status) || !has(oldSelf.status.imposed) || self.spec.order == oldSelf.spec.order")
        .message("this sanction has been imposed and is on record: it cannot be edited. Lift it, or order something else with another Sanction (处理措施已执行，不可修改；请解除或另行作出)")
        .field_path(".spec.order"),
    printcolumn(name = "MEASURE", type_ = "string", json_path = ".spec.order.measure"),
    printcolumn(name = "PARTY", type_ = "string", json_path = ".spec.order.party"),
    printcolumn(name = "SYSTEMS", type_ = "string", json_path = ".spec.order.systems"),
    printcolumn(name = "PHASE", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "WAITING-FOR", type_ = "string", json_path = ".status.waitingFor"),
    printcolumn(name = "MEND-BY", type_ = "string", json_path = ".spec.order.mendBy"),
    printcolumn(name = "IMPOSED", type_ = "string", json_path = ".status.imposed.at"),
    printcolumn(name = "LIFTED", type_ = "string", json_path = ".status.lifted.at"),
    printcolumn(name = "READY", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status", priority = 1),
    printcolumn(name = "MESSAGE", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", priority = 1),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    selectable = ".spec.order.measure",
    selectable = ".status.phase"
)]
#[serde(rename_all = "camelCase")]
pub struct SanctionSpec {
    /// Everything that is decided upon. Changing any of it voids the decisions made so far.
    pub order: Order,
}

/// What is ordered.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("self.party == 'Unit' || self.measure in ['Correction', 'Warning']",
    "a provider is ordered to correct or warned: what a unit has is suspended or stopped, with party: Unit (云服务商仅可责令改正或警告)"))]
#[x_kube(validation = ("self.measure == 'Suspension' || !has(self.systems)",
    "`systems` says what a Suspension stops: leave it out otherwise (systems 仅用于暂停服务)"))]
#[x_kube(validation = ("(self.measure == 'StopGrants') == has(self.notice)",
    "new grants are stopped only after a notice that went unheeded: name in `notice` the Sanction of measure Correction, and leave it out on other measures (停止发放须填写此前责令改正的处理措施 notice)"))]
#[x_kube(validation = ("self.measure != 'Correction' || has(self.mendBy)",
    "an order to correct says in `mendBy` the last day on which it can be obeyed (责令改正须填写整改期限 mendBy)"))]
pub struct Order {
    /// Name of the Organization, as it stands there (被处理单位名称).
    #[schemars(length(min = 1, max = 128))]
    pub unit_name: String,
    /// As what it is ordered something (处理对象).
    pub party: Party,
    /// What is ordered (处理措施).
    pub measure: Measure,
    /// The systems that are suspended, by their codes; every one of the unit where none is named (暂停的系统).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 40)), extend("x-kubernetes-list-type" = "set"))]
    pub systems: Vec<String>,
    /// What was done or left undone (违规事实).
    #[schemars(length(min = 1, max = 2048))]
    pub ground: String,
    /// The article that it breaks (依据条款).
    #[schemars(length(min = 1, max = 128))]
    pub article: String,
    /// What the party does to have it lifted (整改要求).
    #[schemars(length(min = 1, max = 2048))]
    pub mend: String,
    /// Last day for that (整改期限).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "written_day_or_none")]
    pub mend_by: Option<Date>,
    /// The Sanction of measure Correction that went unheeded, where new grants are stopped (此前的整改通知).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub notice: Option<String>,
    /// Papers, each with the digest of its bytes (材料).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub documents: Vec<Document>,
}

/// As what an Organization is ordered something.
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
)]
pub enum Party {
    /// 使用单位
    #[default]
    Unit,
    /// 云服务商
    Provider,
}

/// The measures of articles 34 and 38.
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
    strum::VariantNames,
)]
pub enum Measure {
    /// 责令改正（第三十四条）
    #[default]
    Correction,
    /// 警告（第三十四条）
    Warning,
    /// 暂停云资源服务（第三十四条）
    Suspension,
    /// 停止发放云资源（第三十八条）
    StopGrants,
}

/// What is ordered against who breaks the rules (articles 34 and 38).
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SanctionRules {
    /// The track of each measure (处理流程).
    #[schemars(length(min = 1, max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["measure", "party"]))]
    pub measures: Vec<MeasureRule>,
    /// Whether a suspended system is charged: its resources stay booked for it (暂停期间计费).
    pub suspended_is_charged: bool,
    /// Article (条款).
    #[schemars(length(min = 1, max = 128))]
    pub article: String,
}

/// The track of one measure.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("self.party == 'Unit' || self.measure in ['Correction', 'Warning']",
    "a provider is ordered to correct or warned, and no other order can be made against it: leave the entry out (云服务商仅可责令改正或警告，请删除)"))]
pub struct MeasureRule {
    /// Measure (处理措施).
    pub measure: Measure,
    /// Against whom (处理对象).
    pub party: Party,
    /// Track (流程).
    #[schemars(length(min = 1, max = 32))]
    pub track: String,
}

impl SanctionRules {
    /// The track of a measure against a party.
    #[must_use]
    pub fn track(&self, measure: Measure, party: Party) -> Option<&str> {
        let rule = self.measures.iter().find(|rule| rule.measure == measure && rule.party == party);
        rule.map(|rule| rule.track.as_str())
    }
}

/// Where the sanction stands.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SanctionStatus {
    /// The `metadata.generation` that this status was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where it stands, for display (阶段).
    pub phase: SanctionPhase,
    /// How often it has been filed (轮次).
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub round: i64,
    /// The track that it takes (办理流程).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub track: Option<String>,
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
    /// Since when it is in force, and by which decisions: they stand whatever happens to roles since (执行).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imposed: Option<Imposed>,
    /// When it ended (解除).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted: Option<Lifted>,
    /// What holds of this object, one entry a type.
    #[serde(default)]
    #[schemars(length(max = bounds::CONDITIONS), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// That a sanction is in force.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Imposed {
    /// Since when (执行时间).
    pub at: Time,
    /// The filing.
    #[schemars(length(min = 1, max = 64))]
    pub submission_uid: String,
    /// The version of the rules (适用办法).
    pub policy: PolicyRef,
    /// How often it had been filed (轮次).
    #[serde(default)]
    pub round: i64,
    /// The decisions by which it was imposed (依据的办理意见).
    #[schemars(length(max = bounds::DECISIONS))]
    pub decisions: Vec<CountedDecision>,
}

/// That a sanction has ended.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lifted {
    /// When (解除时间).
    pub at: Time,
    /// The decisions by which it was lifted (依据的办理意见).
    #[schemars(length(max = bounds::DECISIONS))]
    pub decisions: Vec<CountedDecision>,
}

/// Where a sanction stands, for display: state is derived from decisions, never from this.
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
pub enum SanctionPhase {
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
    /// 已批准
    Approved,
    /// 执行中
    Imposed,
    /// 已解除
    Lifted,
}

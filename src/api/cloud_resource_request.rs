//! CloudResourceRequest: annex 1, the resource request form.

use super::adoption::{Adoption, AdoptionPlan};
use super::bounds;
use super::cloud_domain::Network;
use super::common::Names;
use super::common::{Contact, Document, Money, PolicyRef, QuantityMap, Time, is_zero, written_day_or_none};
use super::decision::{TestResult, Verdict};
pub use super::decision::{VoidDecision, VoidReason};
use super::governance_policy::FundingSource;
use jiff::civil::Date;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Annex 1, with what is needed to judge it.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "yunguan.dev",
    version = "v1alpha1",
    kind = "CloudResourceRequest",
    namespaced,
    status = "CloudResourceRequestStatus",
    doc = "CloudResourceRequest (亳州市政务云资源需求申请表, annex 1): a unit asks for resources for a system. It is a draft until a person files it with a Submit decision.",
    shortname = "crr",
    category = "yunguan",
    derive = "PartialEq",
    validation = Rule::new("self.metadata.name.size() <= 100 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')")
        .message("the name of a request is at most 100 lower-case ASCII letters, digits and '-', such as health-portal; the Chinese name goes into spec.application.system.name (申请名称只能用小写字母、数字和“-”，最长100个，中文名称请填 system.name)"),
    validation = Rule::new("!has(oldSelf.status) || !has(oldSelf.status.committed) || !oldSelf.status.committed || self.spec.application == oldSelf.spec.application")
        .message("this request has been approved and its resources are granted: what was approved cannot be edited. Ask for other resources with a ResourceChange, annex 2 (申请已批准，不可修改；如需调整请填写资源变更/注销申请表)")
        .field_path(".spec.application"),
    printcolumn(name = "SYSTEM", type_ = "string", json_path = ".spec.application.system.name"),
    printcolumn(name = "PHASE", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "ROUND", type_ = "integer", json_path = ".status.round"),
    printcolumn(name = "WAITING-FOR", type_ = "string", json_path = ".status.waitingFor"),
    printcolumn(name = "DUE", type_ = "string", json_path = ".status['due','dueUnknown']"),
    printcolumn(name = "NAMESPACE", type_ = "string", json_path = ".status.systemNamespace"),
    printcolumn(name = "READY", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status", priority = 1),
    printcolumn(name = "MESSAGE", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", priority = 1),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    selectable = ".spec.application.domain",
    selectable = ".spec.application.system.code",
    selectable = ".status.phase"
)]
#[serde(rename_all = "camelCase")]
pub struct CloudResourceRequestSpec {
    /// Everything that is decided upon. Changing any of it voids the decisions made so far.
    pub application: Application,
    /// Whom to talk to; changing a phone number voids nothing (联系人).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contacts: Option<Contacts>,
}

/// The leads of annex 1.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Contacts {
    /// IT lead of the unit (信息化负责人).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub it_lead: Option<Contact>,
    /// Lead of the system (系统负责人).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_lead: Option<Contact>,
}

/// The material part of annex 1.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("self.track != 'Urgent' || has(self.urgency)",
    "an urgent request names its ground and the paper that proves it in spec.application.urgency (紧急申请须填写事由和依据)"))]
#[x_kube(validation = ("self.origin.kind != 'Migrated' || has(self.origin.from)",
    "a migrated system says in spec.application.origin.from where it runs now (迁移系统须填写原部署位置)"))]
pub struct Application {
    /// Name of the unit, as in its Organization (单位名称).
    #[schemars(length(min = 1, max = 128))]
    pub unit_name: String,
    /// The system (系统).
    pub system: SystemName,
    /// Main purpose (主要用途).
    #[schemars(length(min = 1, max = 2048))]
    pub purpose: String,
    /// Networks that it is reached from and talks to (接入网络).
    #[schemars(length(min = 1, max = 3), extend("x-kubernetes-list-type" = "set"))]
    pub networks: Vec<Network>,
    /// Service types that are ticked, as the policy lists them (申请服务类型).
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 64)), extend("x-kubernetes-list-type" = "set"))]
    pub service_types: Vec<String>,
    /// How much of what (云服务资源数量统计表).
    #[schemars(length(min = 1, max = bounds::LINES), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub lines: Vec<Line>,
    /// What the system needs and how that was estimated (系统需求).
    pub needs: Needs,
    /// The CloudDomain that it is to run in (云域).
    #[schemars(length(min = 1, max = 63))]
    pub domain: String,
    /// Level in the multi-level protection scheme, 1 to 5 (等保级别).
    #[x_kube(validation = ("1 <= self && self <= 5", "protectionLevel is a level from 1 to 5 (等保级别须为1至5)"))]
    pub protection_level: i32,
    /// Whether the system is classified (是否涉密).
    pub classified: bool,
    /// The law or policy by which the system must not be in the cloud, where there is one (不宜使用政务云的依据).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub unsuitable_under: Option<String>,
    /// The system for which it stands by in case of disaster, where it does: that it is hardly used is its purpose, so it is not
    /// found idle or too large (所灾备的系统).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub standby_for: Option<String>,
    /// New, or migrated from somewhere (新建或迁移).
    pub origin: Origin,
    /// Whether development is finished (是否开发完成).
    pub development_finished: bool,
    /// Where the money comes from and who pays (资金来源).
    pub funding: Funding,
    /// Track of the policy, such as `Standard` (办理流程).
    #[schemars(length(min = 1, max = 32))]
    pub track: String,
    /// Ground and paper of an urgent request (紧急事由).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<Urgency>,
    /// An InformationSystem that exists already under an urgent grant and is to be made permanent (已有系统).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 40))]
    pub system_ref: Option<String>,
    /// A namespace in which the system runs already, and which is taken over as it is (R4.2) (接管现有命名空间).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopts: Option<Adoption>,
    /// Papers, each with the digest of its bytes (申请材料).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub documents: Vec<Document>,
}

/// What a system is called.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemName {
    /// Short name in ASCII, unique in the unit; its namespace is named after it (系统代码).
    #[schemars(length(min = 1, max = 40))]
    #[x_kube(validation = ("self.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        "system.code starts with a letter and uses lower-case ASCII letters, digits and '-', such as health-portal; the Chinese name goes into system.name (系统代码只能用小写字母、数字和“-”，中文名称请填 system.name)"))]
    pub code: String,
    /// Full name (系统名称).
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
}

/// One line of the quantity table: a catalog item, or a need for which none fits.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("has(self.item) != has(self.need)", "a line names a catalog item in `item`, or describes in `need` what the catalog does not have: fill in one of them (每行须填写目录项 item 或目录外需求 need 之一)"))]
#[x_kube(validation = ("!has(self.selfProcured) || has(self.need)", "selfProcured belongs to a `need` that no catalog item meets: describe it in `need`, or leave selfProcured out (自行采购须填写目录外需求)"))]
pub struct Line {
    /// Name of the line (行名).
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = ("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
        "the name of a line uses lower-case ASCII letters, digits and '-', such as disk; what it is for goes into `purpose` (行名只能用小写字母、数字和“-”，说明请填 purpose)"))]
    pub name: String,
    /// The CatalogItem (目录项).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub item: Option<String>,
    /// Units of the item, a whole number from 1 to 1000000 (数量).
    #[x_kube(validation = ("1 <= self && self <= 1000000",
        "quantity is a whole number of the item's units from 1 to 1000000, without a suffix: kubectl get catalogitems shows the units (数量须为1至1000000的整数，计量单位见服务目录)"))]
    pub quantity: i64,
    /// What is needed and not in the catalog; the nearest item is proposed (目录外需求).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub need: Option<Need>,
    /// Why no item can be adapted, so that the unit procures it itself with the authority's consent (自行采购理由).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub self_procured: Option<String>,
    /// What the line is for (用途).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub purpose: Option<String>,
}

/// A need in words, functions and size.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Need {
    /// In words (说明).
    #[schemars(length(min = 1, max = 512))]
    pub description: String,
    /// Functions that it must have (功能).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 32)), extend("x-kubernetes-list-type" = "set"))]
    pub functions: Vec<String>,
    /// Size by dimension, such as `cores: 4` (规格).
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    #[x_kube(validation = ("self.all(d, self[d] >= 1)", "a size is 1 or more: leave out a dimension that does not matter (规格须不小于1，不限的请勿填写)"))]
    pub size: std::collections::BTreeMap<String, i64>,
}

/// 系统需求
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Needs {
    /// Key facts (关键需求信息).
    #[schemars(length(min = 1, max = 4096))]
    pub key_facts: String,
    /// How the number of concurrent users was estimated (业务并发量测算).
    #[schemars(length(min = 1, max = 2048))]
    pub concurrency: String,
    /// How storage was estimated (存储空间测算方式).
    #[schemars(length(min = 1, max = 2048))]
    pub storage_estimate: String,
}

/// Where a system comes from.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// New or migrated (新建或迁移).
    pub kind: OriginKind,
    /// Where it runs now (原部署位置).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub from: Option<String>,
    /// Planned day of cut-over (割接日期).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "written_day_or_none")]
    pub cut_over_date: Option<Date>,
    /// Whether it is a large migration, which needs a technical plan of its own (大型应用迁移).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub large: Option<bool>,
}

/// New or migrated.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum OriginKind {
    /// 新建
    #[default]
    New,
    /// 迁移
    Migrated,
}

/// Money of the system.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Funding {
    /// Source (资金来源).
    pub source: FundingSource,
    /// The Organization that pays (付费单位).
    #[schemars(length(min = 1, max = 40))]
    pub payer: String,
}

/// Why a request cannot wait (article 24).
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Urgency {
    /// Ground (事由).
    pub ground: UrgencyGround,
    /// The paper that proves it, one of `documents` by type (依据文件).
    #[schemars(length(min = 1, max = 64))]
    pub paper: String,
}

/// The grounds of article 24.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum UrgencyGround {
    /// 党中央、国务院及省委、省政府、市委、市政府新要求
    #[default]
    NewDemand,
    /// 国家重大战略
    NationalStrategy,
    /// 国家安全
    NationalSecurity,
}

/// Where the request stands.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CloudResourceRequestStatus {
    /// The `metadata.generation` that this status was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where it stands, for display (阶段).
    pub phase: Phase,
    /// How often it has been filed (轮次).
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub round: i64,
    /// One line: who must act at which gate, or what else it waits for (待办).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::BRIEF))]
    pub waiting_for: Option<String>,
    /// Day by which the earliest open gate is due (到期日).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Date>,
    /// Why no day can be named by which the open gates are due, where the rules set one (到期日未知的原因).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_unknown: Option<DueUnknown>,
    /// The version of the rules by which it is judged (适用办法).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyRef>,
    /// Version of the digest's encoding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<i32>,
    /// The uid that decisions name: the request's own, or that of the request which the system was opened for.
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
    /// What each line comes to (核定明细).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::LINES), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub lines: Vec<LineStatus>,
    /// Sum of all lines, by resource (资源合计).
    #[serde(default, skip_serializing_if = "QuantityMap::is_empty")]
    #[schemars(extend("maxProperties" = bounds::RESOURCES))]
    pub amounts: QuantityMap,
    /// Sum of all lines in CNY a month at the prices of the day of filing (月费用).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_fee: Option<Money>,
    /// Whether the resources are granted; from then on the application cannot be edited.
    #[serde(default)]
    pub committed: bool,
    /// The InformationSystem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub system: Option<String>,
    /// The namespace in which the system runs (系统命名空间).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub system_namespace: Option<String>,
    /// Until when what was granted holds, on an urgent request (临时资源截止时间).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Until when the old self of a migrated system is kept (原系统保留至).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_old_until: Option<Date>,
    /// What taking over the namespace that it names would change and break, as it is now (接管方案).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption: Option<AdoptionPlan>,
    /// What holds of this object, one entry a type.
    #[serde(default)]
    #[schemars(length(max = bounds::CONDITIONS), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// Where a request stands, for display: state is derived from decisions, never from this.
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
pub enum Phase {
    /// 草稿
    #[default]
    Draft,
    /// 不属服务范围
    OutOfScope,
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
    /// 开通中
    Provisioning,
    /// 试运行
    Trial,
    /// 已上线
    Live,
    /// 已退出
    Closed,
}

/// A filing.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Submission {
    /// Name of the Submit decision.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Its uid.
    #[schemars(length(max = 64))]
    pub uid: String,
    /// Who filed (提交人).
    #[schemars(length(max = 1024))]
    pub by: String,
    /// When, by the API server's clock (提交时间).
    pub at: Time,
}

/// Why the day by which something is due cannot be counted.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize, strum::Display, strum::IntoStaticStr,
)]
pub enum DueUnknown {
    /// A year that it touches has no WorkCalendar (缺少工作日历).
    #[default]
    CalendarMissing,
    /// WorkCalendars of a year that it touches name different days (工作日历不一致).
    CalendarConflict,
}

/// A gate at which somebody can act.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a field that people read, as it stands in the policy")]
pub struct OpenGate {
    /// Gate (环节).
    #[schemars(length(max = 40))]
    pub gate: String,
    /// Title (名称).
    pub title: Names,
    /// Role (角色).
    #[schemars(length(max = 32))]
    pub role: String,
    /// Organizations whose members may act (办理单位).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 40)))]
    pub organizations: Vec<String>,
    /// What can be decided (可作决定).
    #[schemars(length(max = 9))]
    pub verdicts: Vec<Verdict>,
    /// How many must agree, and how many have (人数).
    #[schemars(range(min = 1))]
    pub quorum: i64,
    /// How many have agreed.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub agreed: i64,
    /// The digest that a decision at this gate must carry (内容摘要).
    #[schemars(length(max = 64))]
    pub digest: String,
    /// Since when it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// By when it is due; absent where the policy sets no date, or the date cannot be counted (时限).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
    /// Why the date cannot be counted, where the policy sets one (时限未知的原因).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_unknown: Option<DueUnknown>,
    /// Reports that are filed here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::EVIDENCE), inner(length(max = 64)))]
    pub reports: Vec<String>,
    /// Whether amounts are confirmed here.
    #[serde(default)]
    pub confirms_amounts: bool,
    /// Whether it passes only with complete material (须材料齐全).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub requires_complete: bool,
    /// Whether whoever passes it says why (须说明理由).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub requires_reason: bool,
    /// Whether somebody is only heard here: any opinion passes it, and so does silence until it is due (征求意见).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hearing: bool,
    /// Article (条款).
    #[schemars(length(max = 128))]
    pub article: String,
}

/// A decision that counts.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CountedDecision {
    /// Name of the Decision.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Its uid.
    #[schemars(length(max = 64))]
    pub uid: String,
    /// Gate (环节).
    #[schemars(length(max = 40))]
    pub gate: String,
    /// Role (角色).
    #[schemars(length(max = 32))]
    pub role: String,
    /// What was decided (决定).
    pub verdict: Verdict,
    /// What the report found, on a File.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<TestResult>,
    /// Who (办理人).
    #[schemars(length(max = 1024))]
    pub by: String,
    /// The person behind the user name.
    #[schemars(length(max = 1024))]
    pub person: String,
    /// When, by the API server's clock (时间).
    pub at: Time,
    /// The digest that it carries (内容摘要).
    #[schemars(length(max = 64))]
    pub digest: String,
    /// Opinion or reason, shortened (意见).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::BRIEF))]
    pub comment: Option<String>,
}

/// What a line comes to.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LineStatus {
    /// Name of the line (行名).
    #[schemars(length(max = 63))]
    pub name: String,
    /// Units before, of a change (变更前数量).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<i64>,
    /// Units asked for (申请数量).
    pub asked: i64,
    /// Units confirmed (核定数量).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<i64>,
    /// What that is, by resource (资源量).
    #[serde(default, skip_serializing_if = "QuantityMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub amounts: QuantityMap,
    /// CNY a month (月费用).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_fee: Option<Money>,
    /// Items that come nearest to a need, best first (相近目录项).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3), inner(length(max = 63)))]
    pub nearest: Vec<String>,
    /// What is wrong with the line and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::BRIEF))]
    pub problem: Option<String>,
}

//! InformationSystem: a running system and what it was granted.

use super::adoption::Adopted;
use super::bounds;
use super::cloud_domain::Network;
use super::cloud_resource_request::CountedDecision;
use super::common::{Money, Names, PolicyRef, QuantityMap, RequestRef, Time, is_zero};
use super::decision::VoidDecision;
use super::decommission::Leaving;
use super::governance_policy::FundingSource;
use super::resource_change::ChangeGround;
use super::sanction::{Imposed, Lifted};
use super::service_product::Fulfilment;
use super::usage::{Evidence, Usage, UsageHistory};
use jiff::civil::Date;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The durable facts of a system: they are `spec`, since `status` is lost in restores.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "yunguan.dev",
    version = "v1alpha1",
    kind = "InformationSystem",
    namespaced,
    status = "InformationSystemStatus",
    doc = "InformationSystem (政务信息系统): a system with what it was granted and since when it is live. Written by the operator alone; deleting a request takes nothing from it.",
    shortname = "isys",
    category = "yunguan",
    derive = "PartialEq",
    printcolumn(name = "NAME-ZH", type_ = "string", json_path = ".spec.name"),
    printcolumn(name = "PHASE", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "DOMAIN", type_ = "string", json_path = ".spec.domain"),
    printcolumn(name = "NAMESPACE", type_ = "string", json_path = ".spec.namespace"),
    printcolumn(name = "CPU", type_ = "string", json_path = ".status.amounts.requests\\.cpu"),
    printcolumn(name = "MEMORY", type_ = "string", json_path = ".status.amounts.requests\\.memory"),
    printcolumn(name = "STORAGE", type_ = "string", json_path = ".status.amounts.requests\\.storage"),
    printcolumn(name = "MEM-USE%", type_ = "string", json_path = ".status.usage.memoryMeanPercent"),
    printcolumn(name = "DISK-USE%", type_ = "string", json_path = ".status.usage.storagePercent"),
    printcolumn(name = "LIVE-FROM", type_ = "string", json_path = ".spec.live.from"),
    printcolumn(name = "READY", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(
        name = "MESSAGE",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].message",
        priority = 1
    ),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    selectable = ".spec.domain",
    selectable = ".spec.organization",
    selectable = ".spec.namespace"
)]
#[serde(rename_all = "camelCase")]
pub struct InformationSystemSpec {
    /// Full name (系统名称).
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// The Organization whose system it is (使用单位).
    #[schemars(length(min = 1, max = 40))]
    pub organization: String,
    /// The CloudDomain that it runs in (云域).
    #[schemars(length(min = 1, max = 63))]
    pub domain: String,
    /// The namespace that it runs in (命名空间).
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// The request that it was opened for (申请).
    pub request: RequestRef,
    /// MLPS level (等保级别).
    #[schemars(range(min = 1, max = 5))]
    pub protection_level: i32,
    /// Networks (接入网络).
    #[schemars(length(max = 3))]
    pub networks: Vec<Network>,
    /// What was granted, oldest first (授予资源).
    #[schemars(length(min = 1, max = bounds::GRANTS))]
    pub grants: Vec<Grant>,
    /// Since when it is live and charged (上线计费).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Live>,
    /// Agreements about major changes, oldest first (重大变更协议).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::GRANTS))]
    pub agreements: Vec<Agreement>,
    /// Emergency expansions that the authority has not agreed to (未获同意的应急扩容).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::GRANTS))]
    pub closed: Vec<Closed>,
    /// Orders that have stopped it, oldest first (暂停服务).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::SUSPENSIONS))]
    pub suspensions: Vec<Suspension>,
    /// Departures, oldest first: the last one is under way unless it was withdrawn (退出).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::DEPARTURES))]
    pub departures: Vec<Leaving>,
    /// Until when the old self of a migrated system is kept (原系统保留至).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_old_until: Option<Date>,
    /// Where its old self runs, as the request said; that may be another system here, which is kept until then (原部署位置).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub migrated_from: Option<String>,
    /// The system for which it stands by in case of disaster, as it was declared and confirmed at evaluation (所灾备的系统).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub standby_for: Option<String>,
    /// That its namespace was in use before and was taken over (接管的命名空间).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adopted>,
}

/// That an order has stopped a system: nothing of it may run until that is lifted.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Suspension {
    /// The Sanction (处理措施).
    pub order: RequestRef,
    /// What was done or left undone, shortened (违规事实).
    #[schemars(length(max = bounds::BRIEF))]
    pub ground: String,
    /// Article (依据条款).
    #[schemars(length(max = 128))]
    pub article: String,
    /// What the unit does to have it lifted, shortened (整改要求).
    #[schemars(length(max = bounds::BRIEF))]
    pub mend: String,
    /// Whether it is charged meanwhile, by the policy (暂停期间计费).
    pub charged: bool,
    /// Since when, and by which decisions (执行).
    pub imposed: Imposed,
    /// When it ended (解除).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted: Option<Lifted>,
}

/// That what a major change brought is signed for and charged.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Agreement {
    /// The filing of the change.
    #[schemars(length(min = 1, max = 64))]
    pub submission_uid: String,
    /// The signatures (签订).
    pub live: Live,
}

/// One grant with the terms of its day, frozen.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// The request (申请).
    pub request: RequestRef,
    /// The filing that was approved.
    #[schemars(length(min = 1, max = 64))]
    pub submission_uid: String,
    /// Track (流程).
    #[schemars(length(min = 1, max = 32))]
    pub track: String,
    /// Round (轮次).
    pub round: i64,
    /// The version of the rules (适用办法).
    pub policy: PolicyRef,
    /// Version of the digest's encoding.
    pub encoding: i32,
    /// Digest of exactly what was approved (批准内容摘要).
    #[schemars(length(min = 64, max = 64))]
    pub digest: String,
    /// Digest of the application alone: a request applied again with the same content finds its system by it.
    #[schemars(length(min = 64, max = 64))]
    pub application_digest: String,
    /// The decisions by which it was granted (依据的办理意见).
    #[schemars(length(max = bounds::DECISIONS))]
    pub decisions: Vec<CountedDecision>,
    /// What was granted, line by line (授予明细).
    #[schemars(length(max = bounds::LINES))]
    pub lines: Vec<GrantedLine>,
    /// Sum of the lines, by resource (资源合计).
    #[schemars(extend("maxProperties" = bounds::RESOURCES))]
    pub amounts: QuantityMap,
    /// Funding source (资金来源).
    pub funding_source: FundingSource,
    /// Who pays (付费单位).
    #[schemars(length(min = 1, max = 40))]
    pub payer: String,
    /// Whether the system pays for itself (费用自行承担).
    pub self_paying: bool,
    /// From when the amounts hold: the moment of the last approval, or a later one that was asked for (生效时间).
    pub effective_from: Time,
    /// For how long; absent on what is permanent (期限). What a permanent grant names is all that the system has from then
    /// on; what one with a term names comes on top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<Term>,
    /// What the ResourceChange was; absent on annex 1 (资源变更).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<GrantedChange>,
}

/// For how long a grant holds.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Term {
    /// Until when: from this moment on it does not hold any more (截止时间). Absent on an emergency expansion, which holds
    /// until it is decided upon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// The grant that it goes on from, by its filing: an extension begins where that one ends (延期的原授予).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub extends: Option<String>,
}

/// What a ResourceChange was when it was granted.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantedChange {
    /// Ground (变更依据).
    pub ground: ChangeGround,
    /// Whether it went through the whole application again (重大变更).
    pub major: bool,
    /// The filing of the grant that it was worked out against (变更所依据的授予).
    #[schemars(length(max = 64))]
    pub basis: String,
    /// The emergency expansion that it makes permanent, by its filing (补办的应急扩容).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub settles: Option<String>,
    /// What was found of its use when it was filed, where the rules asked for it (申请时使用情况).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Uid of the RightsizingProposal that it took up (采纳的优化建议).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub proposal: Option<String>,
}

/// That a grant without an end of its own has ended.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Closed {
    /// The filing of the grant.
    #[schemars(length(min = 1, max = 64))]
    pub submission_uid: String,
    /// From when it does not hold any more (截止时间).
    pub at: Time,
    /// The decision by which it ended (依据的办理意见).
    pub decision: CountedDecision,
}

/// A line as it was granted.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantedLine {
    /// Name of the line (行名).
    #[schemars(length(max = 63))]
    pub name: String,
    /// Units (数量).
    pub quantity: i64,
    /// The terms of the day; absent on what the unit procures itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
    /// Why the unit procures it itself (自行采购理由).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub self_procured: Option<String>,
}

/// Terms of a catalog item in a domain on a day.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    /// CatalogItem (目录项).
    #[schemars(length(max = 63))]
    pub item: String,
    /// Its uid.
    #[schemars(length(max = 64))]
    pub item_uid: String,
    /// What a unit is called (计量单位).
    pub unit: Names,
    /// ServiceProduct (服务产品).
    #[schemars(length(max = 253))]
    pub product: String,
    /// Its uid.
    #[schemars(length(max = 64))]
    pub product_uid: String,
    /// How it is opened (开通方式).
    pub fulfilment: Fulfilment,
    /// CNY for a unit and month (单价).
    pub monthly_price: Money,
    /// What one unit is, by resource (单位资源量).
    #[serde(default, skip_serializing_if = "QuantityMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub unit_amounts: QuantityMap,
    /// StorageClass (存储类).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub storage_class: Option<String>,
}

/// Since when a system is live.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Live {
    /// The moment of the last signature: charging starts here (计费开始).
    pub from: Time,
    /// The decisions since the grant: reports and signatures (报告与签订).
    #[schemars(length(max = bounds::DECISIONS))]
    pub decisions: Vec<CountedDecision>,
}

/// What the operator did and found; can be worked out again.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InformationSystemStatus {
    /// The `metadata.generation` that this status was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where it stands, for display (阶段).
    pub phase: SystemPhase,
    /// What is effective now, by resource (当前资源量).
    #[serde(default, skip_serializing_if = "QuantityMap::is_empty")]
    #[schemars(extend("maxProperties" = bounds::RESOURCES_OF_SYSTEM))]
    pub amounts: QuantityMap,
    /// CNY a month; charged from `spec.live.from` on (月费用).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_fee: Option<Money>,
    /// What is still in use beyond what is effective, by resource: it is freed as its use falls (待释放资源).
    #[serde(default, skip_serializing_if = "QuantityMap::is_empty")]
    #[schemars(extend("maxProperties" = bounds::RESOURCES_OF_SYSTEM))]
    pub held: QuantityMap,
    /// When the effective amounts change by themselves next (下次自动变化时间).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes_at: Option<Time>,
    /// When the resources were open for the first time (开通时间).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisioned_at: Option<Time>,
    /// How far it is with stopping what runs, or with starting it again (停止与恢复).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopStatus>,
    /// What was seen of its use (资源使用情况).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What it used by the day and by the month (使用情况历史).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_history: Option<UsageHistory>,
    /// Who is let in now besides the unit (当前访问授权).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::GUESTS))]
    pub guests: Vec<Guest>,
    /// How many more are let in than are listed (未列出的授权数).
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0))]
    pub more_guests: i64,
    /// The newest decisions about access that do not count, and why (无效办理意见).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub void_decisions: Vec<VoidDecision>,
    /// What holds of this object, one entry a type.
    #[serde(default)]
    #[schemars(length(max = bounds::CONDITIONS), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// Where a system stands, for display.
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
pub enum SystemPhase {
    /// 开通中
    #[default]
    Provisioning,
    /// 试运行
    Trial,
    /// 已上线
    Live,
    /// 正在暂停
    Stopping,
    /// 已暂停
    Suspended,
    /// 退出中
    Leaving,
    /// 已退出
    Closed,
}

/// How far a system is with stopping what runs, or with starting it again.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StopStatus {
    /// Since when it is stopped (停止时间).
    pub since: Time,
    /// Pods that still run (仍在运行的容器组).
    #[schemars(range(min = 0))]
    pub running: i64,
    /// Pods that no controller makes again: the unit starts them itself (须自行重建的容器组).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::PODS), inner(length(max = 253)))]
    pub bare_pods: Vec<String>,
    /// How many more of them there were than are listed (未列出的容器组数).
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0))]
    pub more_bare_pods: i64,
    /// Since when it is being started again (恢复开始时间).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifting: Option<Time>,
}

/// Somebody who is let in.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Guest {
    /// User name (被授权人).
    #[schemars(length(max = 253))]
    pub username: String,
    /// What for (事由).
    #[schemars(length(max = bounds::BRIEF))]
    pub purpose: String,
    /// Until when (截止时间).
    pub until: Time,
    /// The Decision by which the unit let them in.
    #[schemars(length(max = 253))]
    pub decision: String,
}

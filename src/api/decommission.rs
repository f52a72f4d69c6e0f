//! Decommission: annex 2, the part by which a system leaves the cloud.

use super::bounds;
use super::cloud_resource_request::{Contacts, CountedDecision, OpenGate, Submission, VoidDecision};
use super::common::{Document, PolicyRef, RequestRef, Time, is_zero};
use super::governance_policy::Limit;
use super::rightsizing_proposal::ObjectRef;
use super::sanction::Lifted;
use jiff::civil::Date;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// That a system leaves the cloud.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "yunguan.dev",
    version = "v1alpha1",
    kind = "Decommission",
    namespaced,
    status = "DecommissionStatus",
    doc = "Decommission (亳州市政务云资源变更/注销申请表, annex 2, cancellation): a system leaves the cloud: its data is backed up, the unit confirms the backup, it goes offline, its data is wiped, the provider attests, its resources are reclaimed (article 23). It is a draft until a person files it with a Submit decision; up to the wipe it can be withdrawn without loss.",
    shortname = "decom",
    category = "yunguan",
    derive = "PartialEq",
    validation = Rule::new("self.metadata.name.size() <= 100 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')")
        .message("the name of a decommission is at most 100 lower-case ASCII letters, digits and '-', such as portal-leaves (退出申请名称只能用小写字母、数字和“-”，最长100个)"),
    validation = Rule::new("!has(oldSelf.status) || !has(oldSelf.status.committed) || !oldSelf.status.committed || self.spec.departure == oldSelf.spec.departure")
        .message("this decommission has been approved and is on record: it cannot be edited. Up to the wipe it can be withdrawn (退出申请已批准，不可修改；数据清除前可以撤回)")
        .field_path(".spec.departure"),
    printcolumn(name = "SYSTEM", type_ = "string", json_path = ".spec.departure.system"),
    printcolumn(name = "PHASE", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "WAITING-FOR", type_ = "string", json_path = ".status.waitingFor"),
    printcolumn(name = "VOLUMES", type_ = "string", json_path = ".status.progress"),
    printcolumn(name = "OFFLINE", type_ = "string", json_path = ".status.offlineAt"),
    printcolumn(name = "WIPING", type_ = "string", json_path = ".status.wipingSince"),
    printcolumn(name = "CLOSED", type_ = "string", json_path = ".status.closedAt"),
    printcolumn(name = "READY", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status", priority = 1),
    printcolumn(name = "MESSAGE", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", priority = 1),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    selectable = ".spec.departure.system",
    selectable = ".status.phase"
)]
#[serde(rename_all = "camelCase")]
pub struct DecommissionSpec {
    /// Everything that is decided upon. Changing any of it voids the decisions made so far.
    pub departure: Departure,
    /// Whom to talk to; changing a phone number voids nothing (联系人).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contacts: Option<Contacts>,
}

/// The material part.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Departure {
    /// Name of the unit, as in its Organization (单位名称).
    #[schemars(length(min = 1, max = 128))]
    pub unit_name: String,
    /// The InformationSystem, by its code (系统).
    #[schemars(length(min = 1, max = 40))]
    pub system: String,
    /// Parts that leave while the system stays: `volume/CLAIM`, or `service/ITEM` of what the provider opened by hand; empty
    /// where the whole system leaves (退出的部分).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 262)), extend("x-kubernetes-list-type" = "set"))]
    pub items: Vec<String>,
    /// The reason in words (注销原因).
    #[schemars(length(min = 1, max = 2048))]
    pub reason: String,
    /// How the data is backed up before it is wiped (数据备份方式).
    pub backup: BackupMode,
    /// The RightsizingProposal of action Reclaim that it takes up (采纳的回收建议).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal_ref: Option<ObjectRef>,
    /// Whether a namespace that was in use before the system was taken over is deleted at the end, with all that is in it; where
    /// nothing is said it stays, without what the operator put there (是否删除接管的命名空间).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_namespace: Option<bool>,
    /// Papers, each with the digest of its bytes (申请材料).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub documents: Vec<Document>,
}

/// How data is backed up.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize, strum::Display)]
pub enum BackupMode {
    /// Once the system is offline: nothing changes under the backup (停机备份).
    #[default]
    Offline,
    /// While it runs; it goes offline once the unit has confirmed the backup (在线备份).
    Live,
    /// The unit keeps nothing, which it confirms as well (无须备份).
    Nothing,
}

/// By what rules systems leave (article 23).
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeavingRules {
    /// The track of a system that its unit has leave (退出流程).
    #[schemars(length(min = 1, max = 32))]
    pub track: String,
    /// The track of a system that is reclaimed on the agency's proposal; absent where there is none (回收流程).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub reclaim_track: Option<String>,
    /// House rule: days for which data is kept after the authority has decided in the place of a unit that did not answer
    /// (无人答复时数据保留天数).
    #[schemars(schema_with = "super::bounds::days")]
    pub keep_unanswered_days: Limit,
}

impl LeavingRules {
    /// Every track that is named, with the field that names it.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let reclaim = self.reclaim_track.as_deref().map(|track| ("reclaimTrack", track));
        std::iter::once(("track", self.track.as_str())).chain(reclaim)
    }
}

/// What is on record of a departure: durable, since a status is lost in restores.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Leaving {
    /// The Decommission (退出申请).
    pub decommission: RequestRef,
    /// Parts that leave while the system stays; empty where the whole system does (退出的部分).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 262)))]
    pub items: Vec<String>,
    /// The filing that was approved.
    #[schemars(length(min = 1, max = 64))]
    pub submission_uid: String,
    /// The version of the rules (适用办法).
    pub policy: PolicyRef,
    /// How often it had been filed (轮次).
    pub round: i64,
    /// When it was approved (批准时间).
    pub approved: Time,
    /// The decisions by which it was approved (依据的办理意见).
    #[schemars(length(max = bounds::DECISIONS))]
    pub decisions: Vec<CountedDecision>,
    /// Since when it is offline: the charge ends here (下线时间).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offline_at: Option<Time>,
    /// When it was withdrawn, or sent back, before the wipe: it goes on as it was (撤回).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Lifted>,
    /// What was backed up, volume by volume (数据备份).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::VOLUMES))]
    pub backups: Vec<VolumeBackup>,
    /// When all of it was (备份完成时间).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backed_up: Option<Time>,
    /// That it is wiped; from here on nothing can be taken back (数据清除).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wipe: Option<Wipe>,
    /// That its resources are given back (资源回收).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reclaim: Option<Reclaim>,
}

/// The backup of one volume.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeBackup {
    /// The volume.
    pub volume: VolumeRef,
    /// What the Job reports (备份结果); absent where no Job could reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<JobReport>,
    /// Why no Job backed it up (未自动备份的原因).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::BRIEF))]
    pub by_hand: Option<String>,
}

/// A PersistentVolumeClaim and what it is bound to.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeRef {
    /// Name of the claim (存储卷声明).
    #[schemars(length(max = 253))]
    pub claim: String,
    /// Its uid.
    #[schemars(length(max = 64))]
    pub uid: String,
    /// Name of the PersistentVolume; empty where it is bound to none (存储卷).
    #[serde(default)]
    #[schemars(length(max = 253))]
    pub volume: String,
}

/// What a Job reports at its end, in its termination message.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobReport {
    /// SHA-256 of the manifest of digests, or of what was read back (摘要).
    #[schemars(length(max = 64))]
    pub sha256: String,
    /// Files (文件数).
    #[serde(default)]
    pub files: i64,
    /// Bytes (字节数).
    #[serde(default)]
    pub bytes: i64,
    /// Where it went, in words (存放位置).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::BRIEF))]
    pub target: Option<String>,
}

/// That data is wiped: recorded before the first byte is.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Wipe {
    /// Since when (清除开始时间).
    pub at: Time,
    /// The decisions since the approval: the backup is confirmed by them (依据的办理意见).
    #[schemars(length(max = bounds::DECISIONS))]
    pub decisions: Vec<CountedDecision>,
    /// Volume by volume (存储卷).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::VOLUMES))]
    pub volumes: Vec<VolumeWipe>,
    /// When the last one was wiped (清除完成时间).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Time>,
}

/// The wipe of one volume.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeWipe {
    /// The volume.
    pub volume: VolumeRef,
    /// What the Job reports (清除结果).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<JobReport>,
    /// Why no Job wipes it: the provider does, and attests (由云服务商清除的原因).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::BRIEF))]
    pub by_hand: Option<String>,
    /// Whether claim and volume are gone (已删除).
    #[serde(default)]
    pub removed: bool,
}

/// That resources are given back: recorded before the first one is.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reclaim {
    /// Since when (回收开始时间).
    pub at: Time,
    /// The decisions since the wipe: what the provider attests (依据的办理意见).
    #[schemars(length(max = bounds::DECISIONS))]
    pub decisions: Vec<CountedDecision>,
    /// When nothing was left of it: its resources are free from then on (完成时间).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Time>,
}

/// Where the departure stands.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DecommissionStatus {
    /// The `metadata.generation` that this status was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where it stands, for display (阶段).
    pub phase: DecommissionPhase,
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
    /// Whether it is on record; from then on it cannot be edited.
    #[serde(default)]
    pub committed: bool,
    /// How many volumes have come how far, for display (进度).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub progress: Option<String>,
    /// Volume by volume (存储卷进度).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::VOLUMES), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["claim"]))]
    pub volumes: Vec<VolumeStatus>,
    /// How many more there are than are listed (未列出的存储卷数).
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0))]
    pub more_volumes: i64,
    /// What else holds data: the provider attests to each, by this name, that nothing is left there (须逐项证明已清除的其他数据).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::HOLDINGS))]
    pub holdings: Vec<Holding>,
    /// Since when it is offline (下线时间).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offline_at: Option<Time>,
    /// Since when it is wiped (清除开始时间).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wiping_since: Option<Time>,
    /// When nothing was left of it (完成时间).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Time>,
    /// What holds of this object, one entry a type.
    #[serde(default)]
    #[schemars(length(max = bounds::CONDITIONS), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// How far one volume is.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeStatus {
    /// Name of the claim (存储卷声明).
    #[schemars(length(max = 253))]
    pub claim: String,
    /// Name of the volume (存储卷).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub volume: Option<String>,
    /// How far (进度).
    pub step: VolumeStep,
    /// SHA-256 of the backup's manifest (备份摘要).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub backup: Option<String>,
    /// What is in the way, or why no Job does it (说明).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::BRIEF))]
    pub message: Option<String>,
}

/// How far a volume is.
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
pub enum VolumeStep {
    /// 待处理
    #[default]
    Waiting,
    /// 备份中
    BackingUp,
    /// 已备份
    BackedUp,
    /// 清除中
    Wiping,
    /// 已清除
    Wiped,
    /// 已删除
    Removed,
    /// 由云服务商处理
    ByHand,
    /// 失败
    Failed,
}

/// Something else that holds data of the system.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Holding {
    /// By what name it is attested to (名称).
    #[schemars(length(max = 64))]
    pub name: String,
    /// What it is (说明).
    #[schemars(length(max = bounds::BRIEF))]
    pub what: String,
}

/// Where a departure stands, for display: state is derived from decisions and records, never from this.
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
pub enum DecommissionPhase {
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
    /// 备份中
    BackingUp,
    /// 待确认备份
    ToConfirm,
    /// 下线中
    GoingOffline,
    /// 数据保留中
    Kept,
    /// 清除中
    Wiping,
    /// 待证明
    ToAttest,
    /// 回收中
    Reclaiming,
    /// 已完成
    Closed,
}

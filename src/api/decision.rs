//! Decision: one act of one person.

use super::bounds;
use super::common::{RequestRef, Time, named_person, written_day, written_time};
use super::rightsizing_proposal::UseRule;
use jiff::civil::Date;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One act of one person on one request.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "yunguan.dev",
    version = "v1alpha1",
    kind = "Decision",
    namespaced,
    doc = "Decision (办理意见): one act of one person: to file a request, to approve, return or sign it. The API server stamps who made it; it cannot be changed and counts only for exactly what its digest names.",
    shortname = "dec",
    category = "yunguan",
    derive = "PartialEq",
    printcolumn(name = "REQUEST", type_ = "string", json_path = ".spec.requestRef.name"),
    printcolumn(name = "GATE", type_ = "string", json_path = ".spec.gate"),
    printcolumn(name = "ROLE", type_ = "string", json_path = ".spec.role"),
    printcolumn(name = "VERDICT", type_ = "string", json_path = ".spec.verdict"),
    printcolumn(name = "BY", type_ = "string", json_path = ".spec.decidedBy.username"),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    selectable = ".spec.requestRef.name",
    selectable = ".spec.requestRef.uid",
    selectable = ".spec.gate"
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("self == oldSelf", "a Decision cannot be changed: make another one, or a Withdraw (办理意见不可修改，请另行办理或撤回)"))]
#[x_kube(validation = ("has(self.decidedBy)", "decidedBy was not stamped: the admission policy yunguan-decision-stamp is missing; install config/admission (办理人未由系统填写，请重新安装 config/admission)"))]
#[x_kube(validation = ("(self.verdict == 'Submit') == (self.gate == 'submission') && (self.verdict != 'Submit' || !has(self.submissionUid))",
    "a Submit is made at gate `submission` and opens a round, so it has no submissionUid; every other verdict is made at another gate: use `kubectl yunguan submit` (提交申请须在 submission 环节办理，且不填 submissionUid)"))]
#[x_kube(validation = ("self.verdict in ['Submit', 'Authorize'] || self.gate == 'take-up' || has(self.submissionUid)",
    "submissionUid says which filing of the request is decided upon: copy it from the request's status.submission.uid; to end an access, it is the uid of the Authorize (请从申请的 status.submission.uid 填写所办理的轮次；终止访问授权时填写该授权的 uid)"))]
#[x_kube(validation = ("!(self.verdict in ['Reject', 'Return']) || (has(self.comment) && self.comment.matches('[^\\\\s\\\\v\\\\x{85}\\\\p{Z}]'))",
    "a Reject or Return says why in spec.comment, so that the unit knows what to mend (不予通过或退回须在 comment 中说明理由)"))]
#[x_kube(validation = ("self.verdict != 'File' || (has(self.evidence) && self.evidence.size() > 0 && self.evidence.all(e, has(e.result)))",
    "a File carries the reports in spec.evidence, each with its result Passed or Failed (备案须附报告及结论)"))]
#[x_kube(validation = ("(self.verdict == 'Authorize') == has(self.access)", "spec.access says whom an Authorize lets in: fill it in on an Authorize, and leave it out otherwise (访问授权须填写 access，其他决定不填)"))]
#[x_kube(validation = ("!has(self.grant) || self.verdict in ['Approve', 'Return', 'Confirm']", "amounts in spec.grant belong to an Approve, Confirm or Return: leave them out otherwise (核定资源量仅用于 Approve、Confirm、Return)"))]
#[x_kube(validation = ("has(self.dismissal) == (self.gate == 'take-up') && (self.gate == 'take-up') == (self.requestRef.kind == 'RightsizingProposal') && (self.gate != 'take-up' || (self.verdict == 'Reject' && !has(self.submissionUid)))",
    "a RightsizingProposal is dismissed by a Reject at gate `take-up`, with the rule and the last day in spec.dismissal and the reason in comment: use `kubectl yunguan dismiss`; to take it up, file a ResourceChange that names it in spec.change.proposalRef: `kubectl yunguan takeup` (搁置建议须在 take-up 环节以 Reject 办理并填写 dismissal 和理由；采纳建议请提交资源变更)"))]
pub struct DecisionSpec {
    /// What is decided upon (办理对象).
    pub request_ref: RequestRef,
    /// Uid of the Submit decision whose round this belongs to; absent on a Submit (所属申请轮次).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub submission_uid: Option<String>,
    /// Gate (办理环节), or `submission`.
    #[schemars(length(min = 1, max = 40), regex(pattern = "^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub gate: String,
    /// Role in which the person acts (角色).
    #[schemars(length(min = 1, max = 32), regex(pattern = "^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub role: String,
    /// What is decided (决定).
    pub verdict: Verdict,
    /// Digest of exactly what is decided upon, as the request's status shows it for the gate (内容摘要).
    #[schemars(length(min = 64, max = 64), regex(pattern = "^[0-9a-f]{64}$"))]
    pub digest: String,
    /// Opinion or reason (意见).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub comment: Option<String>,
    /// Papers that go with it (附件).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::EVIDENCE))]
    pub evidence: Vec<Evidence>,
    /// Amounts per line that are confirmed, or recommended on a Return (核定资源量).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["line"]))]
    pub grant: Vec<LineAmount>,
    /// Who is let in, for how long and what for (访问授权).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// Until when a proposal is dismissed, and by which rule it was made (搁置建议).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dismissal: Option<Dismissal>,
    /// Who decided. Stamped by the API server whatever is written here (办理人).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<DecidedBy>,
}

/// What a person can decide. The verb that RBAC asks for is the same word in lower case.
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
pub enum Verdict {
    /// 提交申请
    #[default]
    Submit,
    /// 同意
    Approve,
    /// 不同意
    Reject,
    /// 退回补正
    Return,
    /// 签订协议
    Sign,
    /// 备案报告
    File,
    /// 确认
    Confirm,
    /// 撤回
    Withdraw,
    /// 授权访问
    Authorize,
}

impl Verdict {
    /// The RBAC verb on `decisions/<role>`.
    #[must_use]
    pub fn verb(self) -> String {
        self.to_string().to_lowercase()
    }

    /// Whether it counts towards passing a gate.
    #[must_use]
    pub fn agrees(self) -> bool {
        matches!(self, Self::Approve | Self::Sign | Self::File | Self::Confirm)
    }
}

/// A paper that goes with a decision.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Kind of paper, such as `TrialReport` (材料类型).
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// SHA-256 of the file, 64 lower-case hexadecimal digits (文件摘要).
    #[schemars(length(min = 64, max = 64), regex(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// Where the file can be had (文件地址).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub uri: Option<String>,
    /// What the report finds (结论).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<TestResult>,
}

/// What a report finds.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize, strum::Display, strum::EnumString,
)]
pub enum TestResult {
    /// 通过
    #[default]
    Passed,
    /// 不通过
    Failed,
}

/// Units of one line.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LineAmount {
    /// Name of the line in the request (行).
    #[schemars(length(min = 1, max = 63))]
    pub line: String,
    /// Units (数量).
    #[schemars(range(min = 0, max = 1_000_000))]
    pub quantity: i64,
}

/// Somebody who is let into a system's namespace.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// User name as the API server knows it (被授权人).
    #[schemars(schema_with = "named_person")]
    pub username: String,
    /// What for (事由).
    #[schemars(length(min = 1, max = 512))]
    pub purpose: String,
    /// Until when (截止时间).
    #[schemars(schema_with = "written_time")]
    pub until: Time,
    /// What may be done (权限).
    pub level: AccessLevel,
}

/// What somebody who is let in may do.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum AccessLevel {
    /// 只读
    #[default]
    View,
    /// 运维操作
    Operate,
}

/// That nothing is proposed by a rule for a while.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dismissal {
    /// The rule of the proposal (依据).
    pub rule: UseRule,
    /// Last day for which nothing is proposed by it (搁置至).
    #[schemars(schema_with = "written_day")]
    pub until: Date,
}

/// Who made a decision, as the API server authenticated them.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DecidedBy {
    /// User name (用户名).
    #[schemars(length(max = 1024))]
    pub username: String,
    /// Uid, empty where the API server knows none.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub uid: String,
    /// Groups (组). Admission says what to do beyond 1,000 of them, or 1,024 letters; these bounds are above its own.
    #[serde(default)]
    #[schemars(length(max = 4096), inner(length(max = 4096)))]
    pub groups: Vec<String>,
    /// The human being: one with two logins is one person (自然人).
    #[schemars(length(max = 1024))]
    pub person: String,
}

/// A decision that does not count.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VoidDecision {
    /// Name of the Decision.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Why, in one word.
    pub reason: VoidReason,
    /// Why, and what to do.
    #[schemars(length(max = bounds::BRIEF))]
    pub message: String,
}

/// Why a decision does not count.
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
pub enum VoidReason {
    /// It names another object of the same name.
    #[default]
    OtherRequest,
    /// It belongs to an earlier filing.
    OtherSubmission,
    /// It was made for other content.
    OtherContent,
    /// No gate of that name.
    UnknownGate,
    /// The gate is not open yet.
    GateNotOpen,
    /// The gate is closed.
    GateClosed,
    /// The gate belongs to another role.
    WrongRole,
    /// The person does not hold the role.
    NotEntitled,
    /// The person has acted in another role on this request.
    SecondRole,
    /// The person has decided here already.
    Repeated,
    /// The gate does not offer this verdict.
    VerdictNotOffered,
    /// Documents are missing.
    MaterialIncomplete,
    /// Amounts are missing, unknown, or above what was asked for.
    AmountsWrong,
    /// Reports are missing.
    ReportsMissing,
    /// The gate asks for a reason, and none is given.
    ReasonMissing,
    /// A proposal is dismissed for longer than the policy allows, or for a time that was over.
    TimeWrong,
}

//! GovernancePolicy: one version of the rules of a city or county.

#![allow(clippy::struct_excessive_bools, reason = "each of a gate is a field that the authority writes")]

use super::adoption::AdoptionRules;
use super::bounds;
pub use super::change_rules::{ChangeRules, ChangeTracks, UrgentRules};
use super::common::{Names, written_day};
use super::decision::Verdict;
use super::decommission::LeavingRules;
use super::sanction::SanctionRules;
use super::usage::UsageRules;
use jiff::civil::Date;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

// What one policy alone shows to be wrong is refused when it is made. `core::policy::check` judges more closely, since CEL
// cannot follow a chain of gates; what only it finds stands in the condition Valid.

/// `unit`, `supervisor` and `provider` follow from the request; every other role is filled by the policy.
const ROLES_ARE_FILLED: &str = "self.tracks.all(t, \
    (t.submission.role in ['unit', 'supervisor', 'provider'] || self.roles.exists(r, r.role == t.submission.role)) \
    && t.gates.all(g, g.role in ['unit', 'supervisor', 'provider'] || self.roles.exists(r, r.role == g.role)))";

/// What comes first is listed first, so that gates can never wait for each other.
const GATES_IN_ORDER: &str = "self.gates.all(i, g, !has(g.after) || g.after.all(s, \
    s in ['provision', 'go-live', 'impose', 'lift', 'backup', 'offline', 'wipe', 'reclaim'] || self.gates.exists(j, h, j < i && h.name == s)))";

/// The same of effects: `provision` stands for the gates that Provision waits for, `go-live` for those and its own.
const EFFECTS_IN_ORDER: &str = "self.gates.all(i, g, !has(g.after) || self.effects.all(e, \
    !('go-live' in g.after || (e.effect == 'Provision' && 'provision' in g.after)) \
    || e.after.all(s, s == 'provision' || self.gates.exists(j, h, j < i && h.name == s))))";

/// An effect waits for gates of its track, and for effects that come before it.
const EFFECTS_KNOW_THEIR_GATES: &str = "self.effects.all(e, e.after.all(s, \
    self.gates.exists(g, g.name == s) || (s == 'provision' && e.effect == 'GoLive') || (s == 'impose' && e.effect == 'Lift') \
    || (s in ['backup', 'offline', 'wipe'] && e.effect in ['Offline', 'Wipe', 'Reclaim'])))";

/// A gate waits for an effect only if the track has it.
const GATES_KNOW_THEIR_EFFECTS: &str = "self.gates.all(g, !has(g.after) || g.after.all(s, \
    s == 'provision' ? self.effects.exists(e, e.effect == 'Provision') \
    : s != 'go-live' || self.effects.exists(e, e.effect == 'GoLive')))";

/// Since gates stand in order, what Provision waits for is not listed after the last gate that it names.
const PROVISION_IS_DECIDED: &str = "self.effects.all(e, e.effect != 'Provision' || self.gates.exists(i, g, \
    !has(g.when) && g.confirmsAmounts && self.gates.exists(j, h, j >= i && h.name in e.after)))";

/// As above: some gate up to the last one that GoLive names waits for `provision`, or GoLive does itself.
const LIVE_AFTER_PROVISION: &str = "self.effects.all(e, e.effect != 'GoLive' || 'provision' in e.after \
    || self.gates.exists(i, g, has(g.after) && 'provision' in g.after && self.gates.exists(j, h, j >= i && h.name in e.after)))";

/// Whatever sort of change or sanction is filed has a way through the rules.
const CHANGES_HAVE_TRACKS: &str = "(!has(self.urgent) || self.tracks.exists(t, t.name == self.urgent.track)) && (!has(self.changes) || ( \
    [self.changes.tracks.minor, self.changes.tracks.major, self.changes.tracks.temporary, self.changes.tracks.extension] \
        .all(n, self.tracks.exists(t, t.name == n)) \
    && (!has(self.changes.tracks.reduction) || self.tracks.exists(t, t.name == self.changes.tracks.reduction)) \
    && (!has(self.changes.tracks.emergency) || self.tracks.exists(t, t.name == self.changes.tracks.emergency)))) \
    && (!has(self.leaving) || (self.tracks.exists(t, t.name == self.leaving.track) \
    && (!has(self.leaving.reclaimTrack) || self.tracks.exists(t, t.name == self.leaving.reclaimTrack)))) \
    && (!has(self.sanctions) || self.sanctions.measures.all(m, self.tracks.exists(t, t.name == m.track)))";

/// No use may be too much and too little at once, also within the hysteresis.
const USAGE_IS_CONSISTENT: &str = "!has(self.usage) || ( \
    self.usage.memoryMeanAtMostPercent.value + self.usage.hysteresisPoints.value < self.usage.memoryMeanAbovePercent.value - self.usage.hysteresisPoints.value \
    && self.usage.memoryPeakAtMostPercent.value + self.usage.hysteresisPoints.value < self.usage.memoryPeakAbovePercent.value \
    && self.usage.memoryMeanAtMostPercent.value <= self.usage.memoryPeakAtMostPercent.value \
    && self.usage.memoryMeanAbovePercent.value <= self.usage.memoryPeakAbovePercent.value \
    && self.usage.memoryPeakAbovePercent.value <= 100 && self.usage.storageAbovePercent.value <= 100 \
    && self.usage.hysteresisPoints.value < self.usage.storageAbovePercent.value \
    && self.usage.expansionCoveragePercent.value >= 50 && self.usage.expansionCoveragePercent.value <= 100 \
    && self.usage.reductionCoveragePercent.value >= 50 && self.usage.reductionCoveragePercent.value <= 100 \
    && self.usage.idleCoveragePercent.value >= 50 && self.usage.idleCoveragePercent.value <= 100 \
    && self.usage.heartbeatPercent.value >= 50 && self.usage.heartbeatPercent.value <= 100 \
    && self.usage.memoryPeaks.value >= 1 && self.usage.idleMonths.value >= 1 && self.usage.noDataMonths.value >= 1)";

/// A size that leaves the margin is itself no ground for a reduction.
const SIZES_ARE_CONSISTENT: &str = "!has(self.usage) || ( \
    (self.usage.memoryPeakAtMostPercent.value + self.usage.hysteresisPoints.value) * (100 + self.usage.marginPercent.value) < 10000 \
    && self.usage.dismissMonths.value >= 1 && self.usage.dismissMonths.value <= 60)";

/// The rules as data: roles, tracks, gates, documents, numbers, each with its article.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "yunguan.dev",
    version = "v1alpha1",
    kind = "GovernancePolicy",
    status = "GovernancePolicyStatus",
    doc = "GovernancePolicy (管理办法): one version of the rules. It cannot be edited: what was filed under a version is judged by that version. A new version is a new object with other validity.",
    shortname = "gpol",
    category = "yunguan",
    derive = "PartialEq",
    printcolumn(name = "FAMILY", type_ = "string", json_path = ".spec.family"),
    printcolumn(name = "TITLE", type_ = "string", json_path = ".spec.title.zh"),
    printcolumn(name = "FROM", type_ = "string", json_path = ".spec.validFrom"),
    printcolumn(name = "UNTIL", type_ = "string", json_path = ".spec.validUntil"),
    printcolumn(name = "VALID", type_ = "string", json_path = ".status.conditions[?(@.type=='Valid')].status"),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    selectable = ".spec.family"
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("self == oldSelf", "a GovernancePolicy cannot be edited: what was filed under it is judged by it. Create the next version with a later validFrom (管理办法不可修改，请新建下一版本)"))]
#[x_kube(validation = ("self.validFrom <= self.validUntil", "validUntil is the last day of validity and cannot lie before validFrom: correct one of them (有效期止不得早于施行日期)"))]
#[x_kube(validation = Rule::new(CHANGES_HAVE_TRACKS)
    .message("spec.changes.tracks, spec.urgent.track, spec.leaving or spec.sanctions names a track that this policy does not have: correct the name, or add the track to spec.tracks; `yunguan check -f FILE` names it (资源变更、紧急申请、退出或处理措施所用流程不存在，请更正或在 spec.tracks 中补充)")
    .field_path(".tracks"))]
#[x_kube(validation = Rule::new(USAGE_IS_CONSISTENT)
    .message("spec.usage contradicts itself: what is a ground for a reduction must lie below what is a ground for an expansion by more than twice hysteresisPoints, means at or below peaks, percentages at most 100, coverage from 50 to 100, counts and months at least 1 (资源使用评价指标相互矛盾，请更正)")
    .field_path(".usage"))]
#[x_kube(validation = Rule::new(SIZES_ARE_CONSISTENT)
    .message("spec.usage: with so large a marginPercent what is proposed would be a ground for a reduction at once, so make it smaller; dismissMonths is 1 to 60 (资源使用评价：建议余量过大，建议规格将立即达到核减标准，请调小；建议搁置最长月数为1至60)")
    .field_path(".usage"))]
#[x_kube(validation = Rule::new(ROLES_ARE_FILLED)
    .message("a gate or the filing of a track has a role that nobody fills, so nobody could ever act there: name its organizations in spec.roles; unit, supervisor and provider follow from the request; `yunguan check -f FILE` names the gate (环节角色没有对应单位，请在 spec.roles 中填写)")
    .field_path(".tracks"))]
pub struct GovernancePolicySpec {
    /// Family of versions, of which Organizations name one; validities within a family are disjoint (办法系列).
    #[schemars(length(min = 1, max = 40), regex(pattern = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub family: String,
    /// Title (名称).
    pub title: Names,
    /// Document number (文号).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub source: Option<String>,
    /// First day on which something can be filed under it (施行日期).
    #[schemars(schema_with = "written_day")]
    pub valid_from: Date,
    /// Last day on which something new can be filed under it (有效期止).
    #[schemars(schema_with = "written_day")]
    pub valid_until: Date,
    /// IANA time zone in which days begin and end (时区).
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,
    /// Region of the WorkCalendars by which working days are counted (工作日历).
    #[schemars(length(min = 1, max = 32))]
    pub calendar: String,
    /// Which organizations fill a role; `unit`, `supervisor` and `provider` follow from the request (职责主体).
    #[schemars(length(min = 1, max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["role"]))]
    #[x_kube(validation = ("self.all(r, !(r.role in ['unit', 'supervisor', 'provider']))",
        "unit, supervisor and provider follow from the request, and no Organization fills them by being named here: leave them out (使用单位、主管部门、云服务商由申请确定，请勿在此填写)"))]
    pub roles: Vec<RoleOrganizations>,
    /// What may be in the cloud at all (服务范围).
    pub scope: Scope,
    /// Service types of annex 1 (申请服务类型).
    #[schemars(length(min = 1, max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub service_types: Vec<ServiceType>,
    /// The ways through the rules, each with its gates in order (办理流程).
    #[schemars(length(min = 1, max = 20), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub tracks: Vec<Track>,
    /// For how many months the old system of a migrated one is kept after cut-over (原系统保留期).
    pub retention: Retention,
    /// How the resources of a running system change; without it no ResourceChange can be filed (资源变更).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<ChangeRules>,
    /// What cannot wait; without it no request takes an urgent track (紧急申请).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgent: Option<UrgentRules>,
    /// How systems leave; without it no Decommission can be filed (退出).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaving: Option<LeavingRules>,
    /// How namespaces in use are taken over; without it no request can name one (接管).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption: Option<AdoptionRules>,
    /// What is ordered against who breaks the rules; without it no Sanction can be imposed (处理措施).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sanctions: Option<SanctionRules>,
    /// When use is too much, too little or none; without it nobody's use is judged (资源使用评价).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageRules>,
    /// Rules that the measures do not state and this policy adds (补充规则).
    pub house_rules: HouseRules,
}

/// Which organizations fill a role.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleOrganizations {
    /// Role (角色).
    #[schemars(length(min = 1, max = 32), regex(pattern = "^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub role: String,
    /// Organizations whose members in this role act (单位).
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 40)), extend("x-kubernetes-list-type" = "set"))]
    pub organizations: Vec<String>,
    /// Article (条款).
    #[schemars(length(min = 1, max = 128))]
    pub article: String,
}

/// What may be in the cloud, and who pays for it.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// Highest MLPS level that is admitted (等保最高级别).
    #[schemars(schema_with = "super::bounds::level")]
    pub max_protection_level: Limit,
    /// Article by which classified systems are refused; absent where they are not (涉密).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub classified_refused_by: Option<String>,
    /// Article by which systems that a law or policy keeps out of the cloud are refused (不宜使用政务云).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub unsuitable_refused_by: Option<String>,
    /// Funding sources for which the budget pays; every other system pays for itself (财政资金来源).
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "set"))]
    pub budget_funded: Vec<FundingSource>,
    /// Article about who pays (费用承担条款).
    #[schemars(length(min = 1, max = 128))]
    pub payer_article: String,
}

/// A number and the article that sets it.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Limit {
    /// The number.
    #[schemars(range(min = 0, max = 100_000))]
    pub value: i32,
    /// Article (条款).
    #[schemars(length(min = 1, max = 128))]
    pub article: String,
}

/// Where a system's money comes from (资金来源).
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize, strum::Display,
)]
pub enum FundingSource {
    /// 市级财政资金
    #[default]
    Municipal,
    /// 省级专项资金
    Provincial,
    /// 国家专项资金
    National,
    /// 县（区）财政资金
    County,
    /// 自筹资金
    OwnFunds,
}

/// A service type of annex 1.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceType {
    /// Name that catalog items refer to.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Z][A-Za-z0-9]*$"))]
    pub name: String,
    /// As it stands in the form.
    pub names: Names,
}

/// A way through the rules.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(GATES_IN_ORDER)
    .message("a gate waits in `after` for one that this track does not have, or that is listed behind it (a cycle of gates could never open): correct the name, or list the gates in their order; `yunguan check -f FILE` names it (环节的前置环节不存在或排在其后，请更正名称或按办理顺序排列)")
    .field_path(".gates"))]
#[x_kube(validation = Rule::new(EFFECTS_IN_ORDER)
    .message("a gate waits in `after` for `provision` or `go-live`, and that waits for a gate which is listed behind it: list the gates in their order; `yunguan check -f FILE` names it (环节所等待的系统动作依赖其后的环节，请按办理顺序排列)")
    .field_path(".gates"))]
#[x_kube(validation = Rule::new(EFFECTS_KNOW_THEIR_GATES)
    .message("an effect waits in `after` for a gate that this track does not have: correct the name (Provision waits for gates only, GoLive for gates and `provision`) (系统动作的前置环节不存在，请更正)")
    .field_path(".effects"))]
#[x_kube(validation = Rule::new(GATES_KNOW_THEIR_EFFECTS)
    .message("a gate waits in `after` for `provision` or `go-live`, and the track has no such effect: add Provision or GoLive to `effects` (环节所等待的系统动作不存在，请在 effects 中补充)")
    .field_path(".gates"))]
#[x_kube(validation = Rule::new("self.effects.exists(e, e.effect in ['Provision', 'Impose', 'Wipe'])")
    .message("nothing ever comes of this track: add the effect Provision, Impose on that of a sanction, or Wipe on one by which systems leave (流程缺少 Provision，资源无法开通；处理措施流程须有 Impose，退出流程须有 Wipe)")
    .field_path(".effects"))]
#[x_kube(validation = Rule::new(PROVISION_IS_DECIDED)
    .message("Provision must come after a gate that confirms the amounts and always applies: set confirmsAmounts on one without `when`, and name it or a later one in the `after` of Provision (开通前须有必经的核定资源量环节)")
    .field_path(".effects"))]
#[x_kube(validation = Rule::new(LIVE_AFTER_PROVISION)
    .message("GoLive must come after `provision`, since charging never starts before resources are open: let GoLive, or a gate before it, wait for `provision` (上线计费须在资源开通之后)")
    .field_path(".effects"))]
pub struct Track {
    /// Name that a request chooses, such as `Standard` (流程).
    #[schemars(length(min = 1, max = 32), regex(pattern = "^[A-Z][A-Za-z0-9]*$"))]
    pub name: String,
    /// Title (名称).
    pub title: Names,
    /// Article (条款).
    #[schemars(length(min = 1, max = 128))]
    pub article: String,
    /// Papers that must be there (应提交材料).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub documents: Vec<DocumentRule>,
    /// Whether the system's development must be finished before it is filed (开发完成后申请).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub development_finished_by: Option<String>,
    /// Who files, and by which article (申请主体).
    pub submission: SubmissionRule,
    /// The gates in their order (办理环节): `after` names only gates that are listed before, or `provision` or `go-live` where every
    /// gate that the effect waits for is listed before. So gates can never wait for each other.
    #[schemars(length(min = 1, max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub gates: Vec<Gate>,
    /// What the operator does, and after which gates (系统动作).
    #[schemars(length(min = 1, max = 4), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["effect"]))]
    pub effects: Vec<EffectRule>,
}

/// A paper that a track asks for.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DocumentRule {
    /// Kind of paper, such as `ConstructionApproval`.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Z][A-Za-z0-9]*$"))]
    pub type_: String,
    /// Name (材料名称).
    pub names: Names,
    /// When it is asked for; always where nothing is said (适用情形).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Applies>,
    /// Article (条款).
    #[schemars(length(min = 1, max = 128))]
    pub article: String,
}

/// A circumstance of a request that switches a rule on.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize, strum::Display)]
pub enum Applies {
    /// The unit has a supervising department (有主管部门).
    #[default]
    HasSupervisor,
    /// The system is migrated and declared large (大型应用迁移).
    LargeMigration,
    /// The system is migrated (迁移上云).
    Migrated,
    /// A line is opened by the provider by hand (含人工开通的服务).
    ManualServices,
    /// A temporary expansion is longer than the rules foresee (临时扩容超过规定期限).
    LongWindow,
    /// A permanent expansion needs evidence of use, and use is not known (使用情况未知).
    UsageUnknown,
    /// Nobody has answered at a gate with `lapses` (逾期无人答复).
    Unanswered,
}

/// Who files a request.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubmissionRule {
    /// Role (角色).
    #[schemars(length(min = 1, max = 32), regex(pattern = "^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub role: String,
    /// Article (条款).
    #[schemars(length(min = 1, max = 128))]
    pub article: String,
}

/// A point at which people decide.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.verdicts.exists(v, v in ['Approve', 'Confirm', 'Sign', 'File'])")
    .message("nobody can pass this gate: add Approve, Confirm, Sign or File (该环节没有可通过的决定，请补充)")
    .field_path(".verdicts"))]
#[x_kube(validation = Rule::new("!self.confirmsAmounts || self.verdicts.exists(v, v in ['Approve', 'Confirm'])")
    .message("amounts are confirmed by an Approve or a Confirm: add one (核定资源量的环节须有 Approve 或 Confirm)")
    .field_path(".verdicts"))]
#[x_kube(validation = Rule::new("!has(self.after) || !('provision' in self.after || 'go-live' in self.after) || !self.verdicts.exists(v, v in ['Return', 'Reject'])")
    .message("a gate after `provision` offers no Return or Reject: it would end the round while the resources stand, and nothing could be decided on the system any more; leave them out (资源开通后的环节不得设 Return 或 Reject)")
    .field_path(".verdicts"))]
#[x_kube(validation = Rule::new("!has(self.lapses) || !self.lapses || has(self.dueWorkDays)")
    .message("silence is counted from a day: set dueWorkDays on a gate with `lapses` (逾期视为无人答复的环节须填写办理时限)")
    .field_path(".lapses"))]
#[x_kube(validation = Rule::new("!has(self.lapses) || !self.lapses || (self.role == 'unit' && has(self.after) && 'backup' in self.after)")
    .message("silence decides nothing but that somebody else decides on a backup: `lapses` is for a gate of role unit that waits in `after` for `backup`; leave it out (逾期视为无人答复仅适用于使用单位确认备份的环节)")
    .field_path(".lapses"))]
#[x_kube(validation = Rule::new("!self.confirmsAmounts || !has(self.after) || !self.after.exists(s, s in ['provision', 'go-live', 'impose', 'lift', 'backup', 'offline', 'wipe', 'reclaim'])")
    .message("amounts are confirmed before anything is opened: leave confirmsAmounts out of a gate that waits for `provision` (核定资源量须在开通之前)")
    .field_path(".confirmsAmounts"))]
#[x_kube(validation = Rule::new("!has(self.hearing) || !self.hearing || has(self.dueWorkDays)")
    .message("who is heard is heard within a time: set dueWorkDays on a gate with `hearing` (征求意见的环节须填写办理时限)")
    .field_path(".hearing"))]
#[x_kube(validation = Rule::new("!has(self.hearing) || !self.hearing || (!self.confirmsAmounts && !self.requiresComplete && !has(self.reports) && !has(self.quorum) && self.verdicts.all(v, v in ['Approve', 'Reject']))")
    .message("a gate with `hearing` takes opinions for (Approve) and against (Reject), and decides nothing: leave confirmsAmounts, requiresComplete, reports, quorum and other verdicts out (征求意见的环节仅可表示同意或不同意，不作其他决定)")
    .field_path(".hearing"))]
pub struct Gate {
    /// Name, such as `completeness` (环节).
    #[schemars(length(min = 1, max = 40), regex(pattern = "^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    #[x_kube(validation = ("!(self in ['submission', 'access', 'take-up', 'withdrawal', 'provision', 'go-live', 'impose', 'lift', 'backup', 'offline', 'wipe', 'reclaim'])",
        "submission, access, take-up, withdrawal, provision, go-live, impose, lift, backup, offline, wipe and reclaim are not free as a gate's name: choose another (该名称为系统保留，请另取环节名称)"))]
    pub name: String,
    /// Title (名称).
    pub title: Names,
    /// Role that decides (办理角色).
    #[schemars(length(min = 1, max = 32), regex(pattern = "^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub role: String,
    /// How many different people must agree; one where nothing is said (人数).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 16))]
    pub quorum: Option<i32>,
    /// Gates and effects that come first; none for the first gates (前置环节).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(min = 1, max = 40)), extend("x-kubernetes-list-type" = "set"))]
    pub after: Vec<String>,
    /// What can be decided here (可作决定).
    #[schemars(length(min = 1, max = 6), extend("x-kubernetes-list-type" = "set"))]
    #[x_kube(validation = ("self.all(v, !(v in ['Submit', 'Withdraw', 'Authorize']))",
        "Submit, Withdraw and Authorize are made at no gate: leave them out (Submit、Withdraw、Authorize 不属于任何环节，请删除)"))]
    pub verdicts: Vec<Verdict>,
    /// Working days until it is due, the day of opening not counted (办理时限).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 366))]
    pub due_work_days: Option<i32>,
    /// When this gate applies; always where nothing is said (适用情形).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Applies>,
    /// Whether the gate can be passed only with complete material (要求材料齐全).
    #[serde(default)]
    pub requires_complete: bool,
    /// Whether passing it confirms the amounts of every line (核定资源量).
    #[serde(default)]
    pub confirms_amounts: bool,
    /// Whether whoever passes it says why (须说明理由).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub requires_reason: bool,
    /// Whether somebody is only heard here: any opinion passes the gate, and silence until it is due counts as having been
    /// heard (征求意见，逾期视为已征求).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hearing: bool,
    /// Whether silence until it is due passes it, to gates of circumstance Unanswered that decide instead (逾期无人答复时由后续
    /// 环节决定).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lapses: bool,
    /// Kinds of report that are filed here, each with its result (提交报告).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::REPORTS), inner(length(min = 1, max = 64)), extend("x-kubernetes-list-type" = "set"))]
    pub reports: Vec<String>,
    /// Article (条款).
    #[schemars(length(min = 1, max = 128))]
    pub article: String,
}

/// Something the operator does once gates are passed.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectRule {
    /// What.
    pub effect: Effect,
    /// Gates and effects that come first (前置环节).
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 40)), extend("x-kubernetes-list-type" = "set"))]
    pub after: Vec<String>,
    /// Article (条款).
    #[schemars(length(min = 1, max = 128))]
    pub article: String,
}

/// What the operator can do in a track: Provision opens the namespace and its quota, GoLive starts charging; Impose has a
/// sanction take effect, Lift ends it; Backup, Offline, Wipe and Reclaim take a system out of the cloud.
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
pub enum Effect {
    /// Open the resources (开通资源). Gates name it `provision`.
    #[default]
    Provision,
    /// Go live, start charging (上线计费). Gates name it `go-live`.
    GoLive,
    /// Have a sanction take effect (执行处理措施). Gates name it `impose`.
    Impose,
    /// End it (解除). Gates name it `lift`.
    Lift,
    /// Back up its data (数据备份). Gates name it `backup`.
    Backup,
    /// Stop what runs, and the charge (下线). Gates name it `offline`.
    Offline,
    /// Wipe its data (数据清除). Gates name it `wipe`.
    Wipe,
    /// Give its resources back (资源回收). Gates name it `reclaim`.
    Reclaim,
}

impl Effect {
    /// The name by which `after` refers to it; no gate may have it.
    #[must_use]
    pub fn step(self) -> &'static str {
        match self {
            Self::Provision => "provision",
            Self::GoLive => "go-live",
            Self::Impose => "impose",
            Self::Lift => "lift",
            Self::Backup => "backup",
            Self::Offline => "offline",
            Self::Wipe => "wipe",
            Self::Reclaim => "reclaim",
        }
    }
}

/// How long something is kept.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Retention {
    /// Months after cut-over for which the old system of a migrated one is kept (article 21).
    #[schemars(schema_with = "super::bounds::months")]
    pub old_system_months: Limit,
}

/// Rules that the measures do not state.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HouseRules {
    /// Amounts above what was asked for cannot be confirmed (核定不超申请).
    pub never_above_asked: bool,
    /// Longest time for which a unit lets somebody into its system at once, in days (授权访问最长天数).
    #[schemars(range(min = 1, max = 366))]
    pub max_access_days: i32,
}

impl GovernancePolicySpec {
    /// The track of this name.
    #[must_use]
    pub fn track(&self, name: &str) -> Option<&Track> {
        self.tracks.iter().find(|t| t.name == name)
    }
}

/// What the operator found.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GovernancePolicyStatus {
    /// The `metadata.generation` that this status was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Whether something was filed or granted under it: it cannot be deleted then (是否已适用).
    #[serde(default)]
    pub in_use: bool,
    /// What holds of this object, one entry a type.
    #[serde(default)]
    #[schemars(length(max = bounds::CONDITIONS), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

impl Gate {
    /// How many different people must agree.
    #[must_use]
    pub fn quorum(&self) -> usize {
        usize::try_from(self.quorum.unwrap_or(1)).unwrap_or(1).max(1)
    }
}

//! Organization: a unit, a bureau, a provider or a supervising department.

use super::bounds;
use super::common::{Contact, Names, named_groups, named_users};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A body that takes part: who it is, and which people act for it in which role.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "yunguan.dev",
    version = "v1alpha1",
    kind = "Organization",
    status = "OrganizationStatus",
    doc = "Organization (单位): a using unit, a bureau, a provider or a supervising department. The operator gives it a home namespace, in which its papers live, and lets its members in there.",
    shortname = "org",
    category = "yunguan",
    derive = "PartialEq",
    validation = Rule::new("!has(self.spec.supervisor) || self.spec.supervisor != self.metadata.name")
        .message("an organization does not supervise itself: name its supervising department, or leave supervisor out (主管部门不能是本单位)")
        .field_path(".spec.supervisor"),
    validation = Rule::new("self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')")
        .message("the name of an Organization is at most 40 lower-case ASCII letters, digits and '-', such as bozhou-health; its Chinese name goes into spec.names.zh (名称只能用小写字母、数字和“-”，中文名称请填 spec.names.zh)"),
    printcolumn(name = "NAME-ZH", type_ = "string", json_path = ".spec.names.zh"),
    printcolumn(name = "NATURE", type_ = "string", json_path = ".spec.nature"),
    printcolumn(name = "SUPERVISOR", type_ = "string", json_path = ".spec.supervisor"),
    printcolumn(name = "POLICY", type_ = "string", json_path = ".spec.policyFamily"),
    printcolumn(name = "HOME", type_ = "string", json_path = ".status.homeNamespace"),
    printcolumn(name = "READY", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    selectable = ".spec.policyFamily",
    selectable = ".spec.supervisor"
)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationSpec {
    /// Official names (单位名称).
    pub names: Names,
    /// Unified social credit code, 18 characters with a check digit, GB 32100-2015 (统一社会信用代码).
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(validation = ("self.matches('^[0-9A-HJ-NPQRTUWXY]{18}$')",
        "a unified social credit code has 18 characters, digits and capital letters other than I, O, S, V and Z: copy it from the certificate (统一社会信用代码为18位数字或大写字母，不含 I、O、S、V、Z，请核对证书)"))]
    #[x_kube(validation = ("!self.matches('^[0-9A-HJ-NPQRTUWXY]{18}$') || '0123456789ABCDEFGHJKLMNPQRTUWXY'.substring((31 - [1,3,9,27,19,26,16,17,20,29,25,13,8,24,10,30,28].map(w, w * '0123456789ABCDEFGHJKLMNPQRTUWXY'.indexOf(self.charAt([1,3,9,27,19,26,16,17,20,29,25,13,8,24,10,30,28].indexOf(w)))).sum() % 31) % 31, (31 - [1,3,9,27,19,26,16,17,20,29,25,13,8,24,10,30,28].map(w, w * '0123456789ABCDEFGHJKLMNPQRTUWXY'.indexOf(self.charAt([1,3,9,27,19,26,16,17,20,29,25,13,8,24,10,30,28].indexOf(w)))).sum() % 31) % 31 + 1) == self.charAt(17)",
        "the check digit of the unified social credit code is wrong: compare the code with the certificate (统一社会信用代码校验位不符，请核对证书)"))]
    pub social_credit_code: String,
    /// Legal nature of the body (单位性质).
    pub nature: Nature,
    /// Supervising department, an Organization (主管部门). A subordinate unit's papers need its filing too (article 15).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 40))]
    pub supervisor: Option<String>,
    /// Family of GovernancePolicies that its requests are judged by (适用办法).
    #[schemars(length(min = 1, max = 40))]
    pub policy_family: String,
    /// Who to talk to (联系人).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
    /// Who acts for this organization, per role (经办人员). Changes take effect at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["role"]))]
    pub members: Vec<RoleMembers>,
}

/// The people who act in one role.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleMembers {
    /// Role, such as `unit` or `authority` (角色).
    #[schemars(length(min = 1, max = 32), regex(pattern = "^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub role: String,
    /// User names as the API server knows them. Prefer these: leaving a group cannot be seen by the API server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "named_users")]
    pub users: Vec<String>,
    /// Groups as the API server knows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "named_groups")]
    pub groups: Vec<String>,
}

/// Legal nature of a body.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Nature {
    /// 党政机关
    #[default]
    Government,
    /// 事业单位
    PublicInstitution,
    /// 国有企业
    StateOwnedEnterprise,
    /// 其他市场主体
    Other,
}

/// What the operator found and did.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationStatus {
    /// The `metadata.generation` that this status was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The namespace in which the organization's papers live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home_namespace: Option<String>,
    /// Whether records, filings or drafts lie there: it cannot be deleted then (是否存有档案).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_use: Option<bool>,
    /// What holds of this object, one entry a type.
    #[serde(default)]
    #[schemars(length(max = bounds::CONDITIONS), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

impl OrganizationSpec {
    /// Whether this user, or one of these groups, acts for the organization in `role`.
    #[must_use]
    pub fn has_member(&self, role: &str, username: &str, groups: &[String]) -> bool {
        self.members
            .iter()
            .filter(|m| m.role == role)
            .any(|m| m.users.iter().any(|u| u == username) || m.groups.iter().any(|g| groups.contains(g)))
    }
}

//! What a request, a system and the rules say of a namespace that is taken over as it runs (R4.2).

use super::common::{Time, is_zero, written_day_or_none};
use super::governance_policy::Limit;
use jiff::civil::Date;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A namespace that is in use and is taken over as it runs, in the place of a new one.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Adoption {
    /// Its name (命名空间).
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = ("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
        "adopts.namespace is the name of a namespace, such as portal-prod (请填写命名空间的名称)"))]
    #[x_kube(validation = ("!self.startsWith('kube-') && !self.startsWith('yg-') && !self.startsWith('ygs-') && !(self in ['default', 'yunguan-system'])",
        "adopts.namespace: what belongs to the cluster or to Yunguan itself (kube-..., default, yunguan-system, yg-..., ygs-...) is never taken over: name the namespace that the system runs in (集群和本系统自身的命名空间不可接管)"))]
    pub namespace: String,
    /// What will break and is accepted, each by its name in the plan, which `kubectl yunguan adopt REQUEST --plan` shows
    /// (已知悉并接受的影响).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128), inner(length(min = 1, max = 256)), extend("x-kubernetes-list-type" = "set"))]
    pub accepts: Vec<String>,
    /// Last day on which its networks stay as they are; absent where they are shut at once but for what was asked for
    /// (网络保持原状的最后一天).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "written_day_or_none")]
    pub networks_open_until: Option<Date>,
}

/// By what rules namespaces are taken over.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdoptionRules {
    /// For how many days after filing the networks may stay as they are (网络保持原状的最长天数).
    #[schemars(schema_with = "super::bounds::days")]
    pub networks_open_days: Limit,
}

/// That a system's namespace was in use before: it is not made again, nor deleted unless the Decommission says so.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Adopted {
    /// Its uid: another one of that name is not it.
    #[schemars(length(min = 1, max = 64))]
    pub uid: String,
    /// From when its networks are shut but for what was granted (网络收紧时间).
    pub networks_shut_from: Time,
}

/// What taking it over would change and break, as it is now.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdoptionPlan {
    /// Its name (命名空间).
    #[schemars(length(max = 63))]
    pub namespace: String,
    /// Its uid.
    #[schemars(length(max = 64))]
    pub uid: String,
    /// What is set in it; no pod is restarted by that (将作的更改).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 1024)))]
    pub changes: Vec<String>,
    /// What is in the way, breaks or stays (影响).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub findings: Vec<Finding>,
    /// How many more there are than are shown (未列出的项数).
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0))]
    pub more: i64,
}

/// Something that a takeover comes upon.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Its name, by which it is accepted (名称).
    #[schemars(length(max = 256))]
    pub name: String,
    /// What becomes of it (类别).
    pub kind: FindingKind,
    /// Whether the request accepts it (是否已接受).
    #[serde(default)]
    pub accepted: bool,
    /// What it is, and what to do (说明).
    #[schemars(length(max = 1024))]
    pub message: String,
}

/// What becomes of a finding.
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
pub enum FindingKind {
    /// It must go before: 必须先清除
    #[default]
    InTheWay,
    /// It breaks, unless it is mended before, and so it is accepted by name: 须接受的影响
    Breaks,
    /// It stays as it is and is listed for whoever is to remove it: 保持原状
    Stays,
}

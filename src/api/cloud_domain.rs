//! CloudDomain: the cloud, or a dedicated domain of it.

use super::bounds;
use super::common::{Names, Quantity, QuantityMap, RequestRef, Time, capacity_amounts, is_zero};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A part of the cloud with a capacity and a provider of its own.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "yunguan.dev",
    version = "v1alpha1",
    kind = "CloudDomain",
    status = "CloudDomainStatus",
    doc = "CloudDomain (政务云或专有域): the cloud, or a dedicated domain (article 3), with its capacity and its provider. What is granted never exceeds capacity times the over-commit ratio.",
    shortname = "cdom",
    category = "yunguan",
    derive = "PartialEq",
    printcolumn(name = "NAME-ZH", type_ = "string", json_path = ".spec.names.zh"),
    printcolumn(name = "PROVIDER", type_ = "string", json_path = ".spec.provider"),
    printcolumn(name = "SYSTEMS", type_ = "integer", json_path = ".status.systems"),
    printcolumn(name = "CPU-GRANTED", type_ = "string", json_path = ".status.granted.requests\\.cpu"),
    printcolumn(name = "MEMORY-GRANTED", type_ = "string", json_path = ".status.granted.requests\\.memory"),
    printcolumn(name = "READY", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    selectable = ".spec.provider"
)]
#[serde(rename_all = "camelCase")]
pub struct CloudDomainSpec {
    /// Names (名称).
    pub names: Names,
    /// The Organization that provides this domain (云服务商).
    #[schemars(length(min = 1, max = 40))]
    pub provider: String,
    /// Whether this is a dedicated domain (专有域); then only the organizations named may use it.
    #[serde(default)]
    pub dedicated: bool,
    /// Organizations that may use a dedicated domain (可用单位).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 40)), extend("x-kubernetes-list-type" = "set"))]
    pub organizations: Vec<String>,
    /// What there is, by resource name as in quotas, such as `requests.cpu` (`cpu` means the same); other keys, such as `bandwidth.mbps`, are counted alike (容量).
    #[schemars(schema_with = "capacity_amounts", extend("maxProperties" = 32))]
    pub capacity: QuantityMap,
    /// How many percent of the capacity may be granted, by resource; 100 where nothing is said (超分比例).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub overcommit_percent: BTreeMap<String, OvercommitPercent>,
    /// Labels of the nodes on which this domain's systems run (节点选择).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend(
        "maxProperties" = 16,
        "x-kubernetes-validations" = [{"rule": LABELS_ARE_SOUND, "message": LABELS_HINT}]
    ))]
    pub node_selector: BTreeMap<String, LabelValue>,
    /// Address ranges by network, from which and to which a system that asked for the network may talk (接入网络地址段).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["network"]))]
    pub networks: Vec<NetworkRanges>,
    /// Where the use of this domain's systems is measured (监控地址).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<MetricsEndpoint>,
}

/// What the API server takes for the name of a label.
const LABELS_ARE_SOUND: &str = r"self.all(key, key.size() <= 317 && key.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))";
const LABELS_HINT: &str = "a node is selected by its labels, such as pool or example.com/pool: a name of letters, digits, -, _ and ., after a domain and / where it has one (节点标签名称须合规，如 pool 或 example.com/pool)";

/// Value of a label.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(transparent)]
pub struct LabelValue(
    #[schemars(length(max = 63), regex(pattern = "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"))] pub String,
);

/// Percent, from 1 to 1000.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(transparent)]
pub struct OvercommitPercent(#[schemars(range(min = 1, max = 1000))] pub i32);

/// The addresses of a network.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkRanges {
    /// Network (网络).
    pub network: Network,
    /// CIDR ranges of either family, such as `0.0.0.0/0` and `::/0` (地址段).
    #[schemars(schema_with = "written_ranges")]
    pub cidrs: Vec<String>,
    /// Ranges that are left out of those, such as the cluster's own: each of those of its family that contain it (除外地址段).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "written_exceptions")]
    pub except: Vec<String>,
}

/// A range as the API server takes it in a NetworkPolicy; `core::cidr` reads the same.
const RANGE_IS_SOUND: &str = "isCIDR(self) && cidr(self) == cidr(self).masked()";
const RANGE_HINT: &str = "a range of addresses is a CIDR without bits beyond its prefix, such as 10.0.0.0/8 or fd00::/8 (地址段须为 CIDR，前缀以外的位为零，如 10.0.0.0/8、fd00::/8)";

fn ranges(least: u16) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": least,
        "maxItems": 32,
        "items": {
            "type": "string",
            "minLength": 3,
            "maxLength": 64,
            "x-kubernetes-validations": [{"rule": RANGE_IS_SOUND, "message": RANGE_HINT}],
        },
    })
}

fn written_ranges(_: &mut SchemaGenerator) -> Schema {
    ranges(1)
}

fn written_exceptions(_: &mut SchemaGenerator) -> Schema {
    ranges(0)
}

/// The networks of annex 1 (接入网络): internet 互联网, government extranet 电子政务外网, business private network 业务专网.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize, strum::Display,
)]
pub enum Network {
    /// 互联网
    Internet,
    /// 电子政务外网
    #[default]
    GovernmentExtranet,
    /// 业务专网
    BusinessPrivate,
}

/// A Prometheus server.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricsEndpoint {
    /// URL of the Prometheus API (地址).
    #[schemars(length(min = 8, max = 512), regex(pattern = "^https?://"))]
    pub url: String,
    /// Value of the label `cluster` by which this domain's series are told apart, where one server holds those of several
    /// clusters (集群标签).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"))]
    pub cluster: Option<String>,
    /// Name of the folder, among those that the operator is given by `--credentials`, in which `token` and `ca.crt` lie: a
    /// mounted Secret. Without it nothing but the system's own authorities is trusted, and no token is sent (凭据).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub credentials: Option<String>,
}

/// What is granted and what is about to be.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CloudDomainStatus {
    /// The `metadata.generation` that this status was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Approvals that are being committed. Each is finished or cleared before it is forgotten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::RESERVATIONS))]
    pub reservations: Vec<Reservation>,
    /// How many grants were committed in this domain: a cache that knows fewer is stale and must not decide.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub grants_committed: i64,
    /// Systems with a grant here.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub systems: i64,
    /// Whether systems are here that have not left, or room is kept for some: it cannot be deleted then (是否在用).
    #[serde(default)]
    pub in_use: bool,
    /// What may be granted: capacity times the over-commit ratio.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub grantable: QuantityMap,
    /// Sum of all grants, reservations included.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = bounds::RESOURCES_OF_DOMAIN))]
    pub granted: QuantityMap,
    /// How many more resources are granted than are listed; the domain has none of them (未列出的资源种数).
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0))]
    pub more_resources: i64,
    /// The most that is granted at any moment ahead, where that is more than now (未来最高授予量).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = bounds::RESOURCES_OF_DOMAIN))]
    pub peak: QuantityMap,
    /// The next moments at which more is granted than there is (资源缺口).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::SHORTAGES))]
    pub shortages: Vec<ShortageAt>,
    /// How many more resources are short than are listed (未列出的缺口数).
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0))]
    pub more_shortages: i64,
    /// What holds of this object, one entry a type.
    #[serde(default)]
    #[schemars(length(max = bounds::CONDITIONS), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// Room taken for an approval whose grant is not yet on record.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reservation {
    /// Namespace of the request.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// The request.
    pub request: RequestRef,
    /// The round of the request that was approved.
    #[schemars(length(min = 1, max = 64))]
    pub submission_uid: String,
    /// Digest of what was approved.
    #[schemars(length(min = 64, max = 64))]
    pub digest: String,
    /// How much.
    #[schemars(extend("maxProperties" = bounds::RESOURCES))]
    pub amounts: QuantityMap,
    /// From when; at once where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// Until when; for good where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// The grants that end where this one begins, by their filings: their room is not needed twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::GRANTS), inner(length(max = 64)))]
    pub ends: Vec<String>,
}

/// A resource of which more is granted than there is, from some moment on.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShortageAt {
    /// Resource (资源).
    #[schemars(length(max = bounds::RESOURCE))]
    pub resource: String,
    /// From when (起始时间).
    pub from: Time,
    /// How much is missing (缺口).
    pub missing: Quantity,
}

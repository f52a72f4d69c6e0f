//! ServiceProduct: what a unit of a catalog item means in a domain.

use super::common::{Quantity, QuantityMap, unit_amounts, written_amounts};
use super::resources;
use super::status::ConditionsStatus;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The provider's mapping of one item.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "yunguan.dev",
    version = "v1alpha1",
    kind = "ServiceProduct",
    status = "ConditionsStatus",
    doc = "ServiceProduct (服务产品): what one unit of a catalog item is in a domain (article 13): quota resources, or a service that the provider opens by hand and confirms. Written by the provider.",
    shortname = "sprod",
    category = "yunguan-catalog",
    derive = "PartialEq",
    printcolumn(name = "ITEM", type_ = "string", json_path = ".spec.item"),
    printcolumn(name = "DOMAIN", type_ = "string", json_path = ".spec.domain"),
    printcolumn(name = "FULFILMENT", type_ = "string", json_path = ".spec.fulfilment"),
    printcolumn(name = "STORAGE-CLASS", type_ = "string", json_path = ".spec.storageClass"),
    printcolumn(name = "VALID", type_ = "string", json_path = ".status.conditions[?(@.type=='Valid')].status"),
    printcolumn(name = "READY", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(
        name = "MESSAGE",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].message",
        priority = 1
    ),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    selectable = ".spec.item",
    selectable = ".spec.domain"
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.fulfilment == 'Manual' || (has(self.amounts) && self.amounts.exists(r, string(self.amounts[r]).matches('^[0-9.]*[1-9]')))")
    .message("a product that is fulfilled by Quota says in spec.amounts what one unit is, such as requests.cpu: 1, and not all of it zero (配额开通的产品须填写单位资源量，且不得全为零)")
    .field_path(".amounts"))]
#[x_kube(validation = Rule::new(resources::product_rule()).message(resources::PRODUCT_HINT).field_path(".amounts"))]
#[x_kube(validation = ("self.item == oldSelf.item && self.domain == oldSelf.domain",
    "item and domain of a ServiceProduct cannot change: make another product and delete this one (目录项和云域不可修改，请另建产品并删除本产品)"))]
pub struct ServiceProductSpec {
    /// The CatalogItem (目录项).
    #[schemars(length(min = 1, max = 63))]
    pub item: String,
    /// The CloudDomain (云域).
    #[schemars(length(min = 1, max = 63))]
    pub domain: String,
    /// How a unit is opened (开通方式).
    pub fulfilment: Fulfilment,
    /// What one unit adds, by resource name as in quotas (`cpu` means `requests.cpu`, `nvidia.com/gpu` means `requests.nvidia.com/gpu`);
    /// what no quota counts is counted against the domain's capacity only and says in what, such as `bandwidth.mbps` (单位资源量).
    #[serde(default, skip_serializing_if = "QuantityMap::is_empty")]
    #[schemars(schema_with = "unit_amounts", extend("maxProperties" = 16))]
    pub amounts: QuantityMap,
    /// The StorageClass to which a storage unit is bound (存储类).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub storage_class: Option<String>,
    /// How data on volumes of this storage class is backed up and wiped when a system leaves (数据备份与清除).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handling: Option<DataHandling>,
    /// What a container gets that states nothing itself, in systems that have this product; of several products the greatest.
    /// Where none says anything, requests are 100m and 128Mi, limits 1 and 512Mi (容器缺省值).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_defaults: Option<ContainerDefaults>,
    /// What the provider does by hand, for a reader (人工开通说明).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub manual: Option<String>,
}

/// What a container gets that states nothing itself: never more than the system was granted, and a limit never below what the
/// container requests.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("[self.?requests.orValue({}), self.?limits.orValue({})].all(m, m.all(r, r in ['cpu', 'memory']))",
    "defaults of containers are of cpu and memory (容器缺省值仅限 cpu 和 memory)"))]
#[x_kube(validation = ("!has(self.requests) || !has(self.limits) || self.requests.all(r, !(r in self.limits) || !quantity(string(self.requests[r])).isGreaterThan(quantity(string(self.limits[r]))))",
    "a container requests no more than its limit (容器请求量不得大于上限)"))]
pub struct ContainerDefaults {
    /// Of what it requests (请求量).
    #[serde(default, skip_serializing_if = "QuantityMap::is_empty")]
    #[schemars(schema_with = "written_amounts", extend("maxProperties" = 2))]
    pub requests: QuantityMap,
    /// Of its limits (上限).
    #[serde(default, skip_serializing_if = "QuantityMap::is_empty")]
    #[schemars(schema_with = "written_amounts", extend("maxProperties" = 2))]
    pub limits: QuantityMap,
}

/// How data is backed up and wiped, by a Job each for every volume (article 23).
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DataHandling {
    /// Backs up what is below `/data`, and reports (备份).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<JobTemplate>,
    /// The volume that backups go to, mounted at `/backup`; absent where they go elsewhere (备份卷).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<BackupTarget>,
    /// Wipes what is below `/data`, and reports (清除).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wipe: Option<JobTemplate>,
}

/// What a Job runs. It finds `SYSTEM`, `UNIT`, `CLAIM` and `CAPACITY` (bytes) in its environment, and writes its report as JSON
/// into `/dev/termination-log`: `{"sha256": …, "files": …, "bytes": …}`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobTemplate {
    /// Image (镜像).
    #[schemars(length(min = 1, max = 512))]
    pub image: String,
    /// When the image is pulled (拉取策略).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<PullPolicy>,
    /// Command (命令).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 8192)))]
    pub command: Vec<String>,
    /// A Secret in the system's namespace whose keys become environment variables: credentials of an object store (凭据).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub secret: Option<String>,
    /// User that it runs as; 0 reads what belongs to others (运行用户).
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub run_as_user: i64,
    /// What it may use (资源).
    #[schemars(schema_with = "written_amounts", extend("maxProperties" = 2))]
    pub resources: QuantityMap,
    /// Minutes after which it has failed (时限，分钟).
    #[schemars(range(min = 1, max = 100_000))]
    pub deadline_minutes: i64,
}

/// When an image is pulled.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize, strum::Display)]
pub enum PullPolicy {
    /// 本地没有时
    #[default]
    IfNotPresent,
    /// 每次
    Always,
    /// 从不
    Never,
}

/// The volume that backups go to.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupTarget {
    /// StorageClass (存储类). What is on it outlives the namespace.
    #[schemars(length(min = 1, max = 253))]
    pub storage_class: String,
    /// Size; as much as the system has storage where nothing is said (容量).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Quantity>,
}

/// How a unit of a product is opened.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Fulfilment {
    /// By the system's quota (配额开通).
    #[default]
    Quota,
    /// By the provider, who confirms it (人工开通).
    Manual,
}

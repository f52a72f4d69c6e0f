//! CatalogItem: a service on offer.

use super::common::{Money, Names, written_day, written_day_or_none};
use super::status::ConditionsStatus;
use jiff::civil::Date;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One entry of the service catalog.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "yunguan.dev",
    version = "v1alpha1",
    kind = "CatalogItem",
    status = "ConditionsStatus",
    doc = "CatalogItem (服务目录项): one service of the catalog (article 13), with its unit and its prices from dates on. What was granted keeps the terms of its day.",
    shortname = "citem",
    category = "yunguan-catalog",
    derive = "PartialEq",
    validation = Rule::new("self.metadata.name.size() <= 63").message("the name of a CatalogItem has at most 63 characters: its full name goes into spec.names (名称最长63个字符，全称请填 spec.names)"),
    printcolumn(name = "NAME-ZH", type_ = "string", json_path = ".spec.names.zh"),
    printcolumn(name = "TYPE", type_ = "string", json_path = ".spec.serviceType"),
    printcolumn(name = "UNIT", type_ = "string", json_path = ".spec.unit.zh"),
    printcolumn(name = "WITHDRAWN", type_ = "string", json_path = ".spec.withdrawnFrom"),
    printcolumn(name = "VALID", type_ = "string", json_path = ".status.conditions[?(@.type=='Valid')].status"),
    printcolumn(name = "READY", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "MESSAGE", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", priority = 1),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    selectable = ".spec.serviceType"
)]
#[serde(rename_all = "camelCase")]
pub struct CatalogItemSpec {
    /// Names (服务名称).
    pub names: Names,
    /// Service type of annex 1, as the policies list them, such as `CloudServer` (服务类型).
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Z][A-Za-z0-9]*$"))]
    pub service_type: String,
    /// What one unit is, such as 核 or GiB (计量单位).
    pub unit: Names,
    /// What it is, for a reader (说明).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub description: Option<String>,
    /// Functions it has, in lower-case words such as `gpu` or `postgresql`: the nearest item to a need is found by them (功能).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 32)), extend("x-kubernetes-list-type" = "set"))]
    pub functions: Vec<String>,
    /// Size of one unit by dimension, such as `cores: 4`: the nearest item in size is found by it (规格).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    #[x_kube(validation = ("self.all(d, self[d] >= 1)", "a size is 1 or more: leave out a dimension that an item does not have (规格须不小于1，没有的请勿填写)"))]
    pub size: BTreeMap<String, i64>,
    /// Monthly price of a unit, each from a date on (价格).
    #[schemars(length(min = 1, max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["from"]))]
    pub prices: Vec<Price>,
    /// From this day on it is not granted anew; what was granted stays (下架日期).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "written_day_or_none")]
    pub withdrawn_from: Option<Date>,
}

/// A price and the day from which it holds.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    /// First day (起始日期).
    #[schemars(schema_with = "written_day")]
    pub from: Date,
    /// CNY for a unit and month (元/单位·月).
    pub monthly: Money,
    /// Where the price comes from; shipped ones say `invented` (依据).
    #[schemars(length(min = 1, max = 256))]
    pub basis: String,
}

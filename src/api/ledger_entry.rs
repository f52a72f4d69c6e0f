//! LedgerEntry: what happened, in a chain that a third party can check.

use super::adoption::Adopted;
use super::common::{RequestRef, Time};
use super::decision::Access;
use super::decommission::Leaving;
use super::information_system::{Agreement, Closed, Grant, Live, Suspension};
use super::sanction::Lifted;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One link of a system's chain. Its name `<system>.<seq>` lets only one exist.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "yunguan.dev",
    version = "v1alpha1",
    kind = "LedgerEntry",
    plural = "ledgerentries",
    namespaced,
    doc = "LedgerEntry (台账): one thing that happened to a system. Entries form a hash chain per system; written by the operator alone and never changed.",
    shortname = "ledg",
    category = "yunguan",
    derive = "PartialEq",
    printcolumn(name = "SYSTEM", type_ = "string", json_path = ".spec.system.name"),
    printcolumn(name = "SEQ", type_ = "integer", json_path = ".spec.seq"),
    printcolumn(name = "WHAT", type_ = "string", json_path = ".spec.fact"),
    printcolumn(name = "AT", type_ = "string", json_path = ".spec.at"),
    printcolumn(name = "HASH", type_ = "string", json_path = ".spec.hash", priority = 1),
    selectable = ".spec.system.name",
    selectable = ".spec.system.uid"
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("self == oldSelf", "a LedgerEntry cannot be changed"))]
pub struct LedgerEntrySpec {
    /// The InformationSystem.
    pub system: RequestRef,
    /// Place in the chain, from 1 on (序号).
    #[schemars(range(min = 1))]
    pub seq: i64,
    /// Hash of the entry before; 64 zeros on the first (上一条摘要).
    #[schemars(length(min = 64, max = 64))]
    pub previous: String,
    /// What happened, unique in the chain, such as `granted/<submission uid>` (事项).
    #[schemars(length(min = 1, max = 128))]
    pub fact: String,
    /// When (时间).
    pub at: Time,
    /// The particulars (内容).
    pub body: LedgerBody,
    /// SHA-256 over the canonical form of all fields above (摘要).
    #[schemars(length(min = 64, max = 64))]
    pub hash: String,
}

/// The particulars of an entry: exactly one of them is there.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerBody {
    /// Resources were granted (授予资源).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<Box<Grant>>,
    /// Its namespace was in use before and was taken over (接管命名空间).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adopted>,
    /// The system went live, charging started (上线计费).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Live>,
    /// What a major change brought is signed for, charging of it started (重大变更协议).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreed: Option<Agreement>,
    /// An emergency expansion ended, since the authority has not agreed (应急扩容终止).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
    /// An order has stopped the system (暂停服务).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Box<Suspension>>,
    /// The order was lifted (解除暂停).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted: Option<Lifted>,
    /// The system leaves: approved, offline, wiped, closed or withdrawn, with what was on record then (退出).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaving: Option<Box<Leaving>>,
    /// The unit let somebody in (授权访问).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
}

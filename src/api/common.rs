//! Pieces that several kinds share.

use super::resources;
use jiff::Timestamp;
use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use std::{borrow::Cow, collections::BTreeMap, fmt};

/// A name in Chinese and in English.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Names {
    /// Chinese name (中文名称).
    #[schemars(length(min = 1, max = 128))]
    pub zh: String,
    /// English name (英文名称).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub en: Option<String>,
}

impl Names {
    /// The name in the wanted language; Chinese where there is no English one.
    #[must_use]
    pub fn get(&self, chinese: bool) -> &str {
        match &self.en {
            Some(en) if !chinese => en,
            _ => &self.zh,
        }
    }
}

/// A Kubernetes quantity, kept as it was written. `core::quantity` reads it.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Quantity(pub String);

/// Amounts by resource name, such as `limits.memory`; open keys, since licences are amounts too.
pub type QuantityMap = BTreeMap<String, Quantity>;

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum IntOrString {
            Int(i64),
            Text(String),
        }
        Ok(match IntOrString::deserialize(deserializer)? {
            IntOrString::Int(n) => Self(n.to_string()),
            IntOrString::Text(s) => Self(s),
        })
    }
}

impl JsonSchema for Quantity {
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "maxLength": 32,
            "pattern": r"^(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?[0-9]+))?$",
        })
    }
}

/// The API server reads what is beyond 63 bits as the largest number there is, and rounds what is too fine; neither is what
/// somebody meant. `core::quantity` is exact.
const QUANTITY_IS_SOUND: &str = "type(self) == int ? self >= 0 : \
    self.matches('^([0-9]+m|[0-9]+([.][0-9]{0,3})?|[.][0-9]{1,3}|([0-9]+([.][0-9]*)?|[.][0-9]+)([KMGTPE]i|[kMGTPE]|[eE][0-9]{1,2}))$') \
    && quantity(self).isLessThan(quantity('9223372036854775807'))";
const QUANTITY_HINT: &str = "an amount is zero or more, in whole thousandths at the finest, and below 2^63: write a number with an optional suffix, such as 500m, 4, 16Gi or 1.5Ti (数量须为不小于零的数，最小到千分之一，可带单位，如 500m、4、16Gi、1.5Ti)";

/// The keys of a map of amounts are names as in quotas, or alike.
const RESOURCES_ARE_NAMED: &str = "self.all(r, r.size() <= 128 \
    && r.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$'))";
const RESOURCE_HINT: &str = "a resource has an ASCII name as in quotas, such as requests.cpu, requests.storage or bandwidth.mbps (资源名称只能用英文，如 requests.cpu)";

/// The schema of amounts that people write: what cannot be counted exactly is refused where it is written.
pub(super) fn written_amounts(_: &mut SchemaGenerator) -> Schema {
    amounts(&[(RESOURCES_ARE_NAMED.to_owned(), RESOURCE_HINT)])
}

/// Amounts of a quota, for one unit.
pub(super) fn unit_amounts(_: &mut SchemaGenerator) -> Schema {
    let whole = (resources::amounts_rule(), resources::AMOUNTS_HINT);
    amounts(&[(RESOURCES_ARE_NAMED.to_owned(), RESOURCE_HINT), whole])
}

/// Amounts of which a domain has so much.
pub(super) fn capacity_amounts(_: &mut SchemaGenerator) -> Schema {
    let whole = (resources::amounts_rule(), resources::AMOUNTS_HINT);
    let named = (resources::capacity_rule(), resources::CAPACITY_HINT);
    amounts(&[(RESOURCES_ARE_NAMED.to_owned(), RESOURCE_HINT), whole, named])
}

fn amounts(rules: &[(String, &str)]) -> Schema {
    let rules: Vec<_> = rules.iter().map(|(rule, message)| json!({"rule": rule, "message": message})).collect();
    json_schema!({
        "type": "object",
        "additionalProperties": {
            "x-kubernetes-int-or-string": true,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "maxLength": 32,
            "x-kubernetes-validations": [{"rule": QUANTITY_IS_SOUND, "message": QUANTITY_HINT}],
        },
        "x-kubernetes-validations": rules,
    })
}

/// How the names of the cluster's own users and groups begin: service accounts, nodes, everybody.
pub const SYSTEM_PREFIX: &str = "system:";

/// Whom rights can be given to; `core::people` says the same.
const PERSON_IS_SOUND: &str = r"!self.startsWith('system:') && !self.matches('^[\\s\\p{Z}]|[\\s\\p{Z}]$|\\p{Cc}')";
const PERSON_HINT: &str = "rights are given to people and groups of people as the API server knows them: no name that begins with system:, which are service accounts, the cluster's own parts and groups of everybody, and none with a space at an end or a control character (仅可授权个人及其所在组：不得以 system: 开头，首尾不得有空格，不得含控制字符)";

fn people(most: u16) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": most,
        "x-kubernetes-list-type": "set",
        "items": {
            "type": "string",
            "minLength": 1,
            "maxLength": 253,
            "x-kubernetes-validations": [{"rule": PERSON_IS_SOUND, "message": PERSON_HINT}],
        },
    })
}

/// The schema of a person who is given rights.
pub(super) fn named_person(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": 253,
        "x-kubernetes-validations": [{"rule": PERSON_IS_SOUND, "message": PERSON_HINT}],
    })
}

/// The schema of users who are given rights.
pub(super) fn named_users(_: &mut SchemaGenerator) -> Schema {
    people(64)
}

/// The schema of groups that are given rights.
pub(super) fn named_groups(_: &mut SchemaGenerator) -> Schema {
    people(16)
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An exact decimal amount of money, written as a string such as `"120.50"`. Never a float.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Money(pub String);

impl JsonSchema for Money {
    fn schema_name() -> Cow<'static, str> {
        "Money".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "maxLength": 20, "pattern": r"^[0-9]{1,12}(\.[0-9]{1,6})?$"})
    }
}

/// What a decision or a system belongs to.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestRef {
    /// Kind of the object, in the same namespace.
    pub kind: RequestKind,
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Uid of the object: another one of the same name is another object.
    #[schemars(length(min = 1, max = 64))]
    pub uid: String,
}

/// The kinds about which people decide.
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
pub enum RequestKind {
    /// Annex 1.
    #[default]
    CloudResourceRequest,
    /// Annex 2.
    ResourceChange,
    /// A running system, for letting somebody in (R35.1).
    InformationSystem,
    /// What a system's use suggests, for dismissing it (R26.1).
    RightsizingProposal,
    /// Annex 2, by which a system leaves (R23.1).
    Decommission,
    /// What is ordered against who breaks the rules (R34.1).
    Sanction,
}

/// One version of the rules, by name and uid.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyRef {
    /// Name of the GovernancePolicy.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Uid of the GovernancePolicy.
    #[schemars(length(min = 1, max = 64))]
    pub uid: String,
}

/// A paper: its kind in the measures, its name, and the digest of its bytes. The bytes stay where they are.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("self.sha256.matches('^[0-9a-f]{64}$')",
    "sha256 must be the SHA-256 of the file in 64 lower-case hexadecimal digits: run `sha256sum FILE` (文件摘要应为64位小写十六进制)"))]
pub struct Document {
    /// Kind of paper as the policy names it, such as `ConstructionApproval` (系统建设批复).
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 64))]
    pub type_: String,
    /// Title or file name (文件名称).
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// SHA-256 of the file, 64 lower-case hexadecimal digits (文件摘要).
    #[schemars(length(min = 1, max = 128))]
    pub sha256: String,
    /// Where the file can be had (文件地址).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub uri: Option<String>,
}

/// Somebody to talk to. Not material: changing a phone number voids no decision.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// Name (姓名).
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Telephone (联系电话).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub phone: Option<String>,
    /// E-mail (邮箱).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 254))]
    pub email: Option<String>,
}

/// A moment in whole seconds, as Kubernetes writes it; so what was computed equals what is read back.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Time(Timestamp);

impl Time {
    /// Cut to whole seconds.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self(Timestamp::from_second(at.as_second()).unwrap_or(at))
    }

    /// The moment.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        self.0
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Timestamp::deserialize(deserializer).map(Self::new)
    }
}

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

/// The moments that can be read here ([`super::readable`]). For `date-time` alone the API server takes offsets of 99 hours,
/// fractions of any length, and years in which no clock of ours can count. Which day a month ends on it judges by itself.
pub const TIME_PATTERN: &str = r"^[1-8][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";

/// What people write must leave room for what is counted from it: months of keeping, years of a calendar.
const IN_OUR_TIMES: &str = "self.getFullYear() >= 2000 && self.getFullYear() < 3000";

/// The schema of a moment that people write.
pub(super) fn written_time(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = Time::json_schema(generator);
    schema.insert(
        "x-kubernetes-validations".to_owned(),
        serde_json::json!([{"rule": IN_OUR_TIMES,
            "message": "a moment lies between the years 2000 and 2999: write it such as 2026-12-31T18:00:00+08:00 (时间须在2000年至2999年之间，如2026-12-31T18:00:00+08:00)"}]),
    );
    schema
}

/// The same where it may be left out.
pub(super) fn written_time_or_none(generator: &mut SchemaGenerator) -> Schema {
    or_none(written_time(generator))
}

/// The schema of a day that people write.
pub(super) fn written_day(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "format": "date",
        "maxLength": 10,
        "x-kubernetes-validations": [{"rule": IN_OUR_TIMES,
            "message": "a day lies between the years 2000 and 2999: write it such as 2026-12-31 (日期须在2000年至2999年之间，如2026-12-31)"}],
    })
}

/// The same where it may be left out.
pub(super) fn written_day_or_none(generator: &mut SchemaGenerator) -> Schema {
    or_none(written_day(generator))
}

/// Whether there is nothing to count, and so nothing to say.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
pub(super) fn is_zero(n: &i64) -> bool {
    *n == 0
}

fn or_none(mut schema: Schema) -> Schema {
    schema.insert("nullable".to_owned(), true.into());
    schema
}

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self::new(at)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Days that the API server refuses by itself.
    fn is_a_day(text: &str) -> bool {
        text.get(..10).is_some_and(|day| day.parse::<jiff::civil::Date>().is_ok())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn every_moment_that_the_schema_takes_can_be_read(
            text in proptest::string::string_regex(TIME_PATTERN.trim_matches(['^', '$'])).unwrap()
        ) {
            prop_assume!(is_a_day(&text));
            let read: Result<Time, _> = serde_json::from_value(serde_json::json!(text));
            prop_assert!(read.is_ok(), "{}: {:?}", text, read);
        }
    }
}

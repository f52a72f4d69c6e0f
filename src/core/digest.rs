//! SHA-256 over a canonical form (RFC 8785), and what goes into each digest. Encoders are versioned and frozen.

use crate::api::cloud_resource_request::{Application, CountedDecision};
use crate::api::common::RequestKind;
use crate::api::decision::Access;
use crate::api::governance_policy::Effect;
use crate::api::information_system::Terms;
use crate::api::names::GATE_SUBMISSION;
use crate::api::rightsizing_proposal::UseRule;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The newest encoding; a round keeps the one that it was filed with.
pub const ENCODING: i32 = 1;

/// The digest of a value in canonical form, in 64 lower-case hexadecimal digits.
///
/// Only whole numbers, text, booleans, lists and maps occur in what is decided upon, so that every encoder agrees.
#[must_use]
pub fn of<T: Serialize>(value: &T) -> String {
    hex(Sha256::new_with_prefix(canonical(value)))
}

fn canonical<T: Serialize>(value: &T) -> Vec<u8> {
    // What derives Serialize here has string keys and no floats: canonical encoding cannot fail.
    serde_json_canonicalizer::to_vec(value).unwrap_or_default()
}

fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Whether this is a SHA-256 in 64 lower-case hexadecimal digits.
#[must_use]
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Of the application alone, whoever asks: the same content gives the same digest.
#[must_use]
pub fn of_application(application: &Application) -> String {
    of(&json!({"encoding": ENCODING, "application": application}))
}

/// What a Submit pins: the content and the version of the rules.
#[must_use]
pub fn of_submission<A: Serialize>(kind: RequestKind, uid: &str, application: &A, policy_uid: &str) -> String {
    of(&Submission { application, encoding: ENCODING, gate: GATE_SUBMISSION, kind, policy: policy_uid, uid })
}

#[derive(Serialize)]
struct Submission<'a, A> {
    application: &'a A,
    encoding: i32,
    gate: &'a str,
    kind: RequestKind,
    policy: &'a str,
    uid: &'a str,
}

/// What somebody lets somebody else into.
#[must_use]
pub fn of_access(system_uid: &str, access: &Access) -> String {
    of(&json!({"encoding": ENCODING, "system": system_uid, "access": access}))
}

/// What is dismissed: that something is proposed for a system by a rule.
#[must_use]
pub fn of_dismissal(proposal_uid: &str, rule: UseRule) -> String {
    of(&json!({"encoding": ENCODING, "proposal": proposal_uid, "rule": rule}))
}

/// Everything that a decision at a gate is about, except the gate and the decisions before it.
#[derive(Clone, Debug)]
pub struct Content<'a, A> {
    /// Kind of the request.
    pub kind: RequestKind,
    /// Its uid.
    pub uid: &'a str,
    /// The material fields, documents' digests included.
    pub application: &'a A,
    /// The filing.
    pub submission_uid: &'a str,
    /// The version of the rules.
    pub policy_uid: &'a str,
    /// The catalog's terms by line, resolved into amounts.
    pub terms: &'a BTreeMap<String, Terms>,
}

/// A content of which the large parts are encoded once for all gates and decisions. They are the first and the last of
/// the keys in canonical order, `application` and `terms`; only `uid` comes after.
pub struct Encoded<'a> {
    kind: RequestKind,
    submission_uid: &'a str,
    policy_uid: &'a str,
    begun: Sha256,
    end: Vec<u8>,
}

impl<'a> Encoded<'a> {
    /// Encodes it.
    #[must_use]
    pub fn new<A: Serialize>(content: &Content<'a, A>) -> Self {
        let application = canonical(&BTreeMap::from([("application", content.application)]));
        let mut end = canonical(&json!({"terms": content.terms, "uid": content.uid}));
        let begun = Sha256::new_with_prefix(&application[..application.len().saturating_sub(1)]);
        end[..1].copy_from_slice(b",");
        let Content { kind, submission_uid, policy_uid, .. } = *content;
        Self { kind, submission_uid, policy_uid, begun, end }
    }

    /// What a decision at a gate pins: the content, the amounts confirmed, every decision counted at earlier gates, and what
    /// effects before it have come to.
    #[must_use]
    pub fn of_gate(
        &self,
        gate: &str,
        before: &[&CountedDecision],
        confirmed: Option<&BTreeMap<String, i64>>,
        found: &[(&Effect, &String)],
    ) -> String {
        let Self { kind, submission_uid, policy_uid, .. } = *self;
        let before: Vec<Value> =
            before.iter().map(|d| json!({"gate": d.gate, "uid": d.uid, "digest": d.digest})).collect();
        let mut middle = json!({
            "before": before, "confirmed": confirmed, "encoding": ENCODING, "gate": gate, "kind": kind,
            "policy": policy_uid, "submission": submission_uid,
        });
        // Such as the digest of a backup: only gates that come after it are about it.
        if !found.is_empty() {
            let found: BTreeMap<&str, &String> =
                found.iter().map(|(effect, digest)| (effect.step(), *digest)).collect();
            middle["found"] = json!(found);
        }
        let mut middle = canonical(&middle);
        middle[..1].copy_from_slice(b",");
        middle.pop();
        hex(self.begun.clone().chain_update(middle).chain_update(&self.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_form_ignores_the_order_of_keys() {
        let one: Value = serde_json::from_str(r#"{"b":1,"a":{"d":[2,1],"c":"中"}}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"a":{"c":"中","d":[2,1]},"b":1}"#).unwrap();
        assert_eq!(of(&one), of(&other));
        assert_ne!(of(&one), of(&json!({"b": 1, "a": {"d": [1, 2], "c": "中"}})));
    }

    #[test]
    fn known_vector() {
        // printf '{"a":1,"b":"x"}' | sha256sum
        assert_eq!(of(&json!({"b": "x", "a": 1})), "ecf9e98ec0641e23113ff3ce8bdc78d0ddd249886517fd4a7f68cc83d4e65667");
    }

    #[test]
    fn a_digest_is_64_small_hexadecimal_digits() {
        assert!(is_sha256(&of(&"x")));
        for not in ["", &"a".repeat(63), &"a".repeat(65), &"A".repeat(64), &"g".repeat(64), &"中".repeat(64)] {
            assert!(!is_sha256(not), "{not}");
        }
    }

    #[test]
    fn a_filing_pins_who_asks_for_what_by_which_rules() {
        let base = Application::default();
        let other = Application { classified: true, ..base.clone() };
        let kind = RequestKind::CloudResourceRequest;
        let access = |username: &str| Access { username: username.into(), ..Access::default() };
        let all = [
            of_submission(kind, "u", &base, "p"),
            of_submission(kind, "U", &base, "p"),
            of_submission(kind, "u", &other, "p"),
            of_submission(kind, "u", &base, "P"),
            of_access("u", &access("li")),
            of_access("U", &access("li")),
            of_access("u", &access("wang")),
            of_dismissal("u", UseRule::Idle),
            of_dismissal("U", UseRule::Idle),
            of_dismissal("u", UseRule::Stopped),
            of_application(&base),
            of_application(&other),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert!(all.iter().all(|digest| is_sha256(digest)));
    }

    /// However it is written down here, it is the same: what people have filed stays valid.
    #[test]
    fn a_filings_digest_is_that_of_the_whole_in_canonical_form() {
        let application = Application { purpose: "便民\"服务\"".into(), ..Application::default() };
        let kind = RequestKind::CloudResourceRequest;
        let whole = json!({
            "encoding": ENCODING, "gate": "submission", "kind": kind, "uid": "u", "policy": "p",
            "application": application,
        });
        assert_eq!(of_submission(kind, "u", &application, "p"), of(&whole));
    }

    #[test]
    fn every_material_field_changes_the_digest() {
        let base = Application::default();
        let mut other = base.clone();
        other.classified = true;
        assert_ne!(of_application(&base), of_application(&other));
        let terms = BTreeMap::new();
        let content = |uid, submission_uid, policy_uid| Content {
            kind: RequestKind::CloudResourceRequest,
            uid,
            application: &base,
            submission_uid,
            policy_uid,
            terms: &terms,
        };
        let confirmed = BTreeMap::from([("cpu".to_owned(), 4)]);
        let decision = CountedDecision { uid: "d".into(), ..CountedDecision::default() };
        let of_gate =
            |content, gate, before: &[_], confirmed| Encoded::new(&content).of_gate(gate, before, confirmed, &[]);
        let all = [
            of_gate(content("u", "s", "p"), "g", &[], None),
            of_gate(content("U", "s", "p"), "g", &[], None),
            of_gate(content("u", "S", "p"), "g", &[], None),
            of_gate(content("u", "s", "P"), "g", &[], None),
            of_gate(content("u", "s", "p"), "G", &[], None),
            of_gate(content("u", "s", "p"), "g", &[&decision], None),
            of_gate(content("u", "s", "p"), "g", &[], Some(&confirmed)),
            Encoded::new(&content("u", "s", "p")).of_gate("g", &[], None, &[(&Effect::Backup, &"b".to_owned())]),
            Encoded::new(&content("u", "s", "p")).of_gate("g", &[], None, &[(&Effect::Backup, &"B".to_owned())]),
            Encoded::new(&content("u", "s", "p")).of_gate("g", &[], None, &[(&Effect::Wipe, &"b".to_owned())]),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }

    /// Encoded in parts or as a whole, it is the same: what people have signed stays valid.
    #[test]
    fn a_gates_digest_is_that_of_the_whole_in_canonical_form() {
        let application = Application { purpose: "便民\"服务\"\u{7}".into(), ..Application::default() };
        let terms = BTreeMap::from([("计算".to_owned(), Terms::default()), ("a".to_owned(), Terms::default())]);
        let content = Content {
            kind: RequestKind::CloudResourceRequest,
            uid: "u",
            application: &application,
            submission_uid: "s",
            policy_uid: "p",
            terms: &terms,
        };
        let decision =
            CountedDecision { gate: "g".into(), uid: "d".into(), digest: "0".into(), ..CountedDecision::default() };
        let confirmed = BTreeMap::from([("cpu".to_owned(), 4), ("内存".to_owned(), 0)]);
        let encoded = Encoded::new(&content);
        for (before, confirmed) in [(vec![], None), (vec![&decision, &decision], Some(&confirmed))] {
            let listed: Vec<Value> =
                before.iter().map(|d| json!({"gate": d.gate, "uid": d.uid, "digest": d.digest})).collect();
            let whole = json!({
                "encoding": ENCODING, "gate": "gate", "kind": content.kind, "uid": content.uid, "before": listed,
                "submission": content.submission_uid, "policy": content.policy_uid, "confirmed": confirmed,
                "application": content.application, "terms": content.terms,
            });
            assert_eq!(encoded.of_gate("gate", &before, confirmed, &[]), of(&whole));
        }
    }
}

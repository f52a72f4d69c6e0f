//! The canonical form under every digest, against one that is written out here, and whatever order keys come in.

use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use yunguan::api::cloud_resource_request::{Application, CountedDecision};
use yunguan::api::common::RequestKind;
use yunguan::api::information_system::Terms;
use yunguan::core::digest::{self, Content, Encoded};

/// Whole numbers up to here are the same in every reader of JSON.
const EXACT: u64 = (1 << 53) - 1;

/// A value whose keys come in the opposite order.
struct Backwards<'v>(&'v Value);

impl Serialize for Backwards<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (key, value) in fields.iter().rev() {
                    map.serialize_entry(key, &Backwards(value))?;
                }
                map.end()
            }
            Value::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&Backwards(item))?;
                }
                list.end()
            }
            plain => plain.serialize(serializer),
        }
    }
}

pub fn check(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    let mut written = String::new();
    if !write(&value, &mut written) {
        return;
    }
    let expected = Sha256::digest(&written).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let found = digest::of(&value);
    assert_eq!(found, expected, "{written}");
    assert!(digest::is_sha256(&found));
    assert_eq!(digest::of(&Backwards(&value)), found, "{written}");
    // The canonical form is one of the value itself.
    assert_eq!(serde_json::from_str::<Value>(&written).ok().as_ref(), Some(&value), "{written}");
    in_parts(&found, data);
}

/// What a gate pins is encoded in parts, and is what the whole would be, whatever stands in it.
fn in_parts(digest: &str, data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let words: Vec<String> = text.split('"').map(str::to_owned).collect();
    let word = |n: usize| words[n % words.len()].clone();
    let application = Application { purpose: word(1), unit_name: word(2), ..Application::default() };
    let terms: BTreeMap<String, Terms> = words
        .iter()
        .skip(3)
        .step_by(2)
        .map(|name| (name.clone(), Terms { item: word(4), ..Terms::default() }))
        .collect();
    let confirmed: BTreeMap<String, i64> = words.iter().zip(0..).map(|(line, n)| (line.clone(), n)).collect();
    let decision = CountedDecision { gate: word(5), uid: word(6), digest: digest.into(), ..CountedDecision::default() };
    let before = vec![&decision; words.len() % 3];
    let confirmed = Some(&confirmed).filter(|_| words.len().is_multiple_of(2));
    let (gate, uid, submission_uid, policy_uid) = (word(7), word(8), word(9), word(10));
    let kind = RequestKind::CloudResourceRequest;
    let listed: Vec<Value> = before.iter().map(|d| json!({"gate": d.gate, "uid": d.uid, "digest": d.digest})).collect();
    let whole = json!({
        "encoding": digest::ENCODING, "gate": gate, "kind": kind, "uid": uid, "before": listed,
        "submission": submission_uid, "policy": policy_uid, "confirmed": confirmed, "application": application,
        "terms": terms,
    });
    let content = Content {
        kind,
        uid: &uid,
        application: &application,
        submission_uid: &submission_uid,
        policy_uid: &policy_uid,
        terms: &terms,
    };
    assert_eq!(Encoded::new(&content).of_gate(&gate, &before, confirmed, &[]), digest::of(&whole), "{whole}");
}

/// RFC 8785 for what is decided upon; false where something else occurs.
fn write(value: &Value, out: &mut String) -> bool {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
        Value::Number(number) => match number.as_i64() {
            Some(whole) if whole.unsigned_abs() <= EXACT => out.push_str(&whole.to_string()),
            _ => return false,
        },
        Value::String(text) => quote(text, out),
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                if !write(item, out) {
                    return false;
                }
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            // By UTF-16 code units, not by characters.
            fields.sort_by_key(|(key, _)| key.encode_utf16().collect::<Vec<_>>());
            out.push('{');
            for (n, (key, value)) in fields.into_iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                quote(key, out);
                out.push(':');
                if !write(value, out) {
                    return false;
                }
            }
            out.push('}');
        }
    }
    true
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

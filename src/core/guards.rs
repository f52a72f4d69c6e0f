//! Whether the admission policies stand as they were shipped: everything that people decide rests on them, and whoever
//! administers the cluster can take them away.

use serde_json::{Map, Value};

/// The policies and bindings as they are shipped.
const SHIPPED: [&str; 12] = [
    include_str!("../../config/admission/decision-stamp.yaml"),
    include_str!("../../config/admission/decision-check.yaml"),
    include_str!("../../config/admission/records.yaml"),
    include_str!("../../config/admission/in-use.yaml"),
    include_str!("../../config/admission/status.yaml"),
    include_str!("../../config/admission/managed.yaml"),
    include_str!("../../config/admission/closed-namespaces.yaml"),
    include_str!("../../config/admission/account-tokens.yaml"),
    include_str!("../../config/admission/adoption.yaml"),
    include_str!("../../config/admission/stopped.yaml"),
    include_str!("../../config/admission/pod-defaults.yaml"),
    include_str!("../../config/admission/operator-limits.yaml"),
];

/// What the API server adds to a policy by itself.
const DEFAULTS: [(&str, &str); 6] = [
    ("matchPolicy", r#""Equivalent""#),
    ("namespaceSelector", "{}"),
    ("objectSelector", "{}"),
    ("scope", r#""*""#),
    ("failurePolicy", r#""Fail""#),
    ("reinvocationPolicy", r#""Never""#),
];

/// One policy or binding.
#[derive(Clone, Debug, PartialEq)]
pub struct Guard {
    /// Kind, such as ValidatingAdmissionPolicy.
    pub kind: String,
    /// Name.
    pub name: String,
    /// What it says.
    pub spec: Value,
}

/// What is wrong with a guard.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, strum::Display, strum::IntoStaticStr)]
pub enum Breach {
    /// It is not there.
    Missing,
    /// It says something else than what was shipped.
    Changed,
}

/// Everything that is shipped.
///
/// # Errors
/// When a shipped file cannot be read, which the tests rule out.
pub fn shipped() -> Result<Vec<Guard>, String> {
    let mut guards = Vec::new();
    for text in SHIPPED {
        let objects: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|error| error.to_string())?;
        for object in objects {
            let text = |value: &Value| value.as_str().map(str::to_owned).ok_or("no kind or name");
            guards.push(Guard {
                kind: text(&object["kind"])?,
                name: text(&object["metadata"]["name"])?,
                spec: object["spec"].clone(),
            });
        }
    }
    Ok(guards)
}

/// The guards that do not stand as shipped. `standing` gives what a guard of a kind and name says now.
pub fn breaches(shipped: &[Guard], standing: impl Fn(&Guard) -> Option<Value>) -> Vec<(&Guard, Breach)> {
    shipped
        .iter()
        .filter_map(|guard| match standing(guard) {
            None => Some((guard, Breach::Missing)),
            Some(spec) if same(&guard.spec, &spec) => None,
            Some(_) => Some((guard, Breach::Changed)),
        })
        .collect()
}

/// By these it is certain who made a decision: without them nothing is granted.
pub const OF_DECISIONS: [&str; 3] = ["yunguan-decision-stamp", "yunguan-decision-check", "yunguan-records"];
/// By this it is certain that the authority has let a namespace go: without it none is taken over.
pub const OF_ADOPTION: [&str; 1] = ["yunguan-adoption"];
/// By these no other claim takes the name of one that is wiped, and nobody stops what wipes it: without them nothing is.
pub const OF_WIPES: [&str; 3] = ["yunguan-wiped-volumes", "yunguan-wiped-items", "yunguan-helpers-kept"];

/// The same but for what the API server adds.
fn same(shipped: &Value, there: &Value) -> bool {
    match (shipped, there) {
        (Value::Object(shipped), Value::Object(there)) => same_fields(shipped, there),
        (Value::Array(shipped), Value::Array(there)) => {
            shipped.len() == there.len() && shipped.iter().zip(there).all(|(a, b)| same(a, b))
        }
        // Readers of YAML fold long lines differently.
        (Value::String(shipped), Value::String(there)) => shipped.split_whitespace().eq(there.split_whitespace()),
        _ => shipped == there,
    }
}

fn same_fields(shipped: &Map<String, Value>, there: &Map<String, Value>) -> bool {
    let kept = shipped.iter().all(|(key, value)| there.get(key).is_some_and(|now| same(value, now)));
    let added = there.iter().filter(|(key, _)| !shipped.contains_key(*key));
    kept && added.into_iter().all(|(key, value)| is_default(key, value))
}

fn is_default(key: &str, value: &Value) -> bool {
    let text = value.to_string();
    DEFAULTS.iter().any(|(field, default)| *field == key && *default == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_that_is_shipped_is_known() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/admission");
        let text: String = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| !path.ends_with("kustomization.yaml"))
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect();
        let policies = text.lines().filter(|l| l.starts_with("kind: ") && l.contains("AdmissionPolicy")).count();
        let guards = shipped().unwrap();
        assert_eq!(guards.len(), policies);
        // What something rests on is there, as a policy and as its binding.
        for name in OF_DECISIONS.iter().chain(&OF_ADOPTION).chain(&OF_WIPES) {
            assert_eq!(guards.iter().filter(|guard| guard.name == *name).count(), 2, "{name}");
        }
    }

    #[test]
    fn a_guard_that_is_gone_or_weakened_is_found() {
        let guards = shipped().unwrap();
        assert_eq!(breaches(&guards, |guard| Some(guard.spec.clone())), vec![]);
        let gone = breaches(&guards, |guard| (guard.name != "yunguan-status").then(|| guard.spec.clone()));
        assert_eq!(gone.iter().map(|(_, breach)| *breach).collect::<Vec<_>>(), [Breach::Missing; 2]);
        let weakened = |change: fn(&mut Value)| {
            let stands = |guard: &Guard| {
                let mut spec = guard.spec.clone();
                if guard.name == "yunguan-status" {
                    change(&mut spec);
                }
                Some(spec)
            };
            breaches(&guards, stands).len()
        };
        assert_eq!(weakened(|spec| spec["matchPolicy"] = json!("Equivalent")), 0, "a default");
        assert_eq!(weakened(|spec| spec["failurePolicy"] = json!("Ignore")), 2);
        assert_eq!(weakened(|spec| spec["matchConditions"] = json!([{"name": "never", "expression": "false"}])), 2);
        assert_eq!(weakened(|spec| spec["validationActions"] = json!(["Audit"])), 2);
    }

    #[test]
    fn only_what_the_api_server_adds_may_differ() {
        let shipped = json!({"a": {"matchPolicy": "Exact"}, "list": ["x", {"b": 1}], "text": "one\n two"});
        let with = |change: fn(&mut Value)| {
            let mut there = shipped.clone();
            change(&mut there);
            same(&shipped, &there)
        };
        assert!(with(|_| {}));
        assert!(with(|there| there["text"] = json!("one two")), "folded differently");
        assert!(with(|there| there["scope"] = json!("*")), "a default that was added");
        assert!(with(|there| there["list"][1]["objectSelector"] = json!({})), "within a list");
        assert!(!with(|there| there["text"] = json!("onetwo")));
        assert!(!with(|there| there["scope"] = json!("Namespaced")), "no default");
        assert!(!with(|there| there["other"] = json!("*")), "a default of another field");
        assert!(!with(|there| there["a"]["matchPolicy"] = json!("Equivalent")), "what was shipped says otherwise");
        assert!(!with(|there| drop(there.as_object_mut().unwrap().remove("a"))));
        assert!(!with(|there| there["list"] = json!(["x"])));
        assert!(!with(|there| there["list"] = json!(["x", {"b": 1}, "y"])));
        assert!(!with(|there| there["list"][1]["b"] = json!(2)));
    }
}

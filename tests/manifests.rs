//! What is shipped beside the programs: manifests, chart, samples, documentation.

mod built;
mod chart;
mod documents;
mod examples;
mod markdown;
mod prometheus;
mod rights;
mod rules;
mod seeds;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;
use yunguan_cluster::{output, programs};

use crate::support::{repository, succeeded};

/// Objects by kind, namespace and name.
type Objects = BTreeMap<String, Value>;

/// What `kubectl kustomize` makes of a folder.
async fn kustomized(folder: &Path) -> Result<Objects> {
    let [kubectl] = programs::paths(["kubectl"]).await?;
    let mut command = Command::new(kubectl);
    command.arg("kustomize").arg(folder);
    let text = succeeded(output(command, "").await?).with_context(|| folder.display().to_string())?;
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text)?;
    let count = documents.len();
    let objects: Objects = documents.into_iter().map(|object| (key(&object), object)).collect();
    ensure!(objects.len() == count, "{}: an object stands there twice", folder.display());
    Ok(objects)
}

/// The whole installation.
async fn installation() -> Result<Objects> {
    kustomized(repository("config/default").as_ref()).await
}

fn key(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    format!("{} {}/{}", text(&object["kind"]), text(&metadata["namespace"]), text(&metadata["name"]))
}

/// What of `wanted` is not in `there`, path by path. Additions are fine.
fn lost(wanted: &Value, there: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", wanted, there, &mut found);
    found
}

fn compare(path: &str, wanted: &Value, there: &Value, found: &mut Vec<String>) {
    match (wanted, there) {
        (Value::Object(wanted), Value::Object(there)) => {
            for (field, value) in wanted {
                compare(&format!("{path}/{field}"), value, there.get(field).unwrap_or(&Value::Null), found);
            }
        }
        (Value::Array(wanted), Value::Array(there)) if wanted.len() == there.len() => {
            for (n, (wanted, there)) in wanted.iter().zip(there).enumerate() {
                compare(&format!("{path}/{n}"), wanted, there, found);
            }
        }
        // Readers of YAML fold long lines differently.
        (Value::String(wanted), Value::String(there)) if wanted.split_whitespace().eq(there.split_whitespace()) => {}
        _ if wanted == there => {}
        _ => found.push(format!("{path}: {wanted} became {there}")),
    }
}

#[test]
fn what_is_lost_or_changed_is_found() {
    use serde_json::json;
    let wanted = json!({"a": {"b": [1, {"c": "x y"}]}, "d": "1", "e": null});
    assert_eq!(lost(&wanted, &wanted), Vec::<String>::new());
    let more = json!({"a": {"b": [1, {"c": "x\ny", "default": true}]}, "d": "1", "status": {}});
    assert_eq!(lost(&wanted, &more), Vec::<String>::new());
    let less = json!({"a": {"b": [2, {}]}, "d": 1});
    assert_eq!(lost(&wanted, &less), ["/a/b/0: 1 became 2", "/a/b/1/c: \"x y\" became null", "/d: \"1\" became 1"]);
    assert_eq!(lost(&json!([1]), &json!([1, 2])).len(), 1, "lists are whole");
}

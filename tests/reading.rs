//! Whatever the API server takes can be read: each field of each kind with values at its bounds and beyond, admitted by the
//! schema and the rules of the kind itself, and read by the same types as the operator's.

use anyhow::{Context as _, Result, bail, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, ResourceExt as _};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use yunguan::api::{self, definitions};
use yunguan_cluster::{Cluster, Person, wait_until};

/// The kinds are served a second time under this group, so that no admission policy speaks before the schema does.
const GROUP: &str = "reading.test";
const AT_ONCE: usize = 16;

const MOMENTS: [&str; 24] = [
    "2026-12-31T23:59:59Z",
    "2026-12-31T23:59:59+08:00",
    "2026-12-31T23:59:59.123456789Z",
    "2026-12-31T23:59:59.123456789012Z",
    "9999-12-31T23:59:59Z",
    "9999-12-30T22:00:00Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "1000-01-01T00:00:00+23:59",
    "8999-12-31T23:59:59-23:59",
    "2026-12-02T00:00:00+99:99",
    "2026-12-02T00:00:00+24:00",
    "2026-12-02T00:00:00-23:59",
    "2026-12-02T00:00:00-00:00",
    "2026-12-02t00:00:00z",
    "2026-12-02T23:59:60Z",
    "2026-12-02T24:00:00Z",
    "2026-02-29T00:00:00Z",
    "2028-02-29T00:00:00Z",
    "2026-12-02T00:00:00,5Z",
    "2026-12-02T00:00:00x5Z",
    "2026-12-02T00:00Z",
    "2026-12-02T00:00:00ZT00:00:00Z",
    " 2026-12-02T00:00:00Z",
];
const DAYS: [&str; 9] = [
    "2026-12-31",
    "0000-01-01",
    "0001-01-01",
    "9999-12-31",
    "2026-02-29",
    "2028-02-29",
    "2026-1-1",
    "-001-01-01",
    "2026-12-31T",
];
const AMOUNTS: [&str; 16] = [
    "1",
    "0",
    "-1",
    "1.5",
    ".5",
    "5.",
    "1Ti",
    "1n",
    "1u",
    "1e3",
    "1E99",
    "9223372036854775807",
    "9223372036854775808",
    "1 Gi",
    "１",
    "",
];

/// Values at the bounds of a field and beyond.
fn values(schema: &Value) -> Vec<Value> {
    let mut values = vec![Value::Null, json!(""), json!("x"), json!(true), json!([]), json!({})];
    let numbers = || {
        let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::from(i32::MAX), i64::from(i32::MAX) + 1, i64::MAX];
        let bounds = ["minimum", "maximum"].into_iter().filter_map(|key| schema[key].as_f64());
        let bounds = bounds.flat_map(|at| [at, at - 1.0, at + 1.0]).map(|n| json!(n));
        let odd = [
            "1.0",
            "1.5",
            "5.000000001",
            "-0.0",
            "1e3",
            "1e20",
            "9223372036854775808",
            "18446744073709551616",
            "-9223372036854775809",
        ];
        let odd = odd.iter().filter_map(|text| serde_json::from_str(text).ok());
        ends.into_iter().map(|n| json!(n)).chain(bounds).chain(odd).collect::<Vec<Value>>()
    };
    let texts = |texts: &[&str]| texts.iter().map(|text| json!(text)).collect::<Vec<Value>>();
    if schema["x-kubernetes-int-or-string"] == json!(true) {
        values.extend(numbers());
        values.extend(texts(&AMOUNTS));
    }
    match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("integer" | "number"), _) => values.extend(numbers()),
        (Some("string"), Some("date-time")) => values.extend(texts(&MOMENTS)),
        (Some("string"), Some("date")) => values.extend(texts(&DAYS)),
        (Some("string"), _) => {
            let listed = schema["enum"].as_array().cloned().unwrap_or_default();
            values.extend(listed.iter().filter_map(Value::as_str).map(|word| json!(word.to_lowercase())));
            values.extend(listed);
            values.extend(texts(&[
                "2026-13",
                "2026-00",
                "2026-12",
                "0000-12",
                "1.123456",
                "999999999999.999999",
                "-1.5",
                "Asia/Nowhere",
            ]));
            let most = usize::try_from(schema["maxLength"].as_u64().unwrap_or(300)).unwrap_or(300);
            values.extend([most, most + 1].map(|n| json!("长".repeat(n))));
            values.push(json!("0".repeat(64)));
        }
        (Some("array"), _) => values.push(json!([null])),
        _ => {}
    }
    values
}

/// The least that a schema asks for.
fn least(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].as_array().and_then(|listed| listed.first()) {
        return first.clone();
    }
    let pattern = schema["pattern"].as_str().unwrap_or_default();
    match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("object"), _) => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            required.map(|name| (name.to_owned(), least(&schema["properties"][name]))).collect::<Map<_, _>>().into()
        }
        (Some("array"), _) if schema["minItems"].as_u64().unwrap_or(0) > 0 => json!([least(&schema["items"])]),
        (Some("array"), _) => json!([]),
        (Some("integer" | "number"), _) => json!(schema["minimum"].as_i64().unwrap_or(0).max(1)),
        (Some("boolean"), _) => json!(false),
        (_, Some("date-time")) => json!("2026-01-01T00:00:00Z"),
        (_, Some("date")) => json!("2026-01-01"),
        _ if pattern.contains("{64}") || schema["minLength"] == json!(64) => json!("0".repeat(64)),
        _ if pattern.starts_with("^https") => json!("https://a"),
        _ if pattern.starts_with("^[0-9]{4}-") => json!("2026-01"),
        _ if pattern.starts_with("^[A-Z]") => json!("A"),
        _ if pattern.starts_with("^[a-z]") => json!("a"),
        _ => json!("1"),
    }
}

/// Every place of a schema, as the steps to it.
fn places(schema: &Value, here: &mut Vec<String>, found: &mut Vec<(Vec<String>, Value)>) {
    found.push((here.clone(), schema.clone()));
    let mut under = |step: &str, schema: &Value| {
        here.push(step.to_owned());
        places(schema, here, found);
        here.pop();
    };
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        under(name, schema);
    }
    if schema["items"].is_object() {
        under("0", &schema["items"]);
    }
    if schema["additionalProperties"].is_object() {
        under("requests.cpu", &schema["additionalProperties"]);
    }
}

/// The object with a value at a place, and the least of all that must be on the way to it.
fn put(object: &mut Value, schema: &Value, place: &[String], value: &Value) {
    let [step, rest @ ..] = place else {
        *object = value.clone();
        return;
    };
    if let Some(items) = object.as_array_mut() {
        if items.is_empty() {
            items.push(least(&schema["items"]));
        }
        return put(&mut items[0], &schema["items"], rest, value);
    }
    let Some(fields) = object.as_object_mut() else { return };
    let properties = &schema["properties"][step.as_str()];
    let below = if properties.is_object() { properties } else { &schema["additionalProperties"] };
    let next = fields.entry(step.clone()).or_insert_with(|| least(below));
    put(next, below, rest, value);
}

/// What the examples and the shipped rules say of each kind; the records, which people do not write, are made up.
fn examples() -> Result<BTreeMap<String, Vec<Value>>> {
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut folders = vec![root.join("samples"), root.join("policies"), root.join("catalog"), root.join("calendars")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "yaml") {
                let objects: Vec<Value> = serde_saphyr::from_multiple(&std::fs::read_to_string(&path)?)?;
                for object in objects {
                    found.entry(object["kind"].as_str().unwrap_or_default().to_owned()).or_default().push(object);
                }
            }
        }
    }
    Ok(found)
}

/// Whether the typed kind reads it.
fn read(kind: &str, object: Value) -> Result<()> {
    fn as_a<K: serde::de::DeserializeOwned>(object: Value) -> Result<()> {
        Ok(serde_json::from_value::<K>(object).map(drop)?)
    }
    match kind {
        "Organization" => as_a::<api::Organization>(object),
        "CloudDomain" => as_a::<api::CloudDomain>(object),
        "GovernancePolicy" => as_a::<api::GovernancePolicy>(object),
        "CatalogItem" => as_a::<api::CatalogItem>(object),
        "ServiceProduct" => as_a::<api::ServiceProduct>(object),
        "WorkCalendar" => as_a::<api::WorkCalendar>(object),
        "CloudResourceRequest" => as_a::<api::CloudResourceRequest>(object),
        "ResourceChange" => as_a::<api::ResourceChange>(object),
        "Decommission" => as_a::<api::Decommission>(object),
        "Decision" => as_a::<api::Decision>(object),
        "InformationSystem" => as_a::<api::InformationSystem>(object),
        "LedgerEntry" => as_a::<api::LedgerEntry>(object),
        "RightsizingProposal" => as_a::<api::RightsizingProposal>(object),
        "Sanction" => as_a::<api::Sanction>(object),
        _ => bail!("{kind} is not known here"),
    }
}

/// Serves the kinds once more, without subresources, so that a status is judged with the rest.
async fn serve(client: &Client) -> Result<Vec<(String, Value, Api<DynamicObject>)>> {
    let definitions_api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut served = Vec::new();
    for mut definition in definitions() {
        GROUP.clone_into(&mut definition.spec.group);
        let names = definition.spec.names.clone();
        definition.metadata.name = Some(format!("{}.{GROUP}", names.plural));
        definition.spec.names.short_names = None;
        definition.spec.names.categories = None;
        for version in &mut definition.spec.versions {
            version.subresources = None;
        }
        definitions_api.create(&PostParams::default(), &definition).await.context(names.kind.clone())?;
        let schema = serde_json::to_value(&definition.spec.versions[0].schema)?["openAPIV3Schema"].clone();
        let gvk = GroupVersionKind::gvk(GROUP, "v1alpha1", &names.kind);
        let resource = ApiResource::from_gvk_with_plural(&gvk, &names.plural);
        let api = match definition.spec.scope.as_str() {
            "Namespaced" => Api::namespaced_with(client.clone(), "default", &resource),
            _ => Api::all_with(client.clone(), &resource),
        };
        served.push((names.kind, schema, api));
    }
    for (kind, _, api) in &served {
        wait_until(&format!("{kind} to be served"), Duration::from_mins(1), async || {
            match api.list(&kube::api::ListParams::default()).await {
                Ok(_) => Ok(Some(())),
                Err(error) => bail!("{error}"),
            }
        })
        .await?;
    }
    Ok(served)
}

#[tokio::test]
async fn what_the_api_server_takes_can_be_read() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let client = cluster.client(&Person::admin()).await?;
    let examples = examples()?;
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let mut tried = Vec::new();
    // Of fields that look alike in many places one is enough.
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let served = serve(&client).await?;
    for (kind, schema, api) in &served {
        let made_up = vec![json!({"spec": least(&schema["properties"]["spec"])})];
        for mut example in examples.get(kind.as_str()).unwrap_or(&made_up).iter().take(2).cloned() {
            example["apiVersion"] = json!(format!("{GROUP}/v1alpha1"));
            example["kind"] = json!(kind);
            let name = example["metadata"]["name"].as_str().unwrap_or("a").to_owned();
            example["metadata"] = json!({"name": name});
            let mut found = Vec::new();
            places(schema, &mut Vec::new(), &mut found);
            for (place, field) in found.into_iter().filter(|(place, _)| place.len() > 1 && place[0] != "metadata") {
                let mut alike = field.clone();
                if let Some(alike) = alike.as_object_mut() {
                    alike.remove("description");
                }
                let record = place[0] == "status" || !examples.contains_key(kind.as_str());
                let key = if record {
                    alike.to_string()
                } else {
                    format!("{kind}{}{alike}", place.last().map_or("", String::as_str))
                };
                if !seen.insert(key) {
                    continue;
                }
                for value in values(&field) {
                    let mut object = example.clone();
                    put(&mut object, schema, &place, &value);
                    tried.push((kind.clone(), api.clone(), place.join("."), value, object));
                }
            }
        }
    }
    let count = tried.len();
    let answers = stream::iter(tried).map(async |(kind, api, place, value, object)| -> Result<Option<String>> {
        match api.create(&dry, &serde_json::from_value(object)?).await {
            Ok(taken) => match read(&kind, serde_json::to_value(&taken)?) {
                Ok(()) => Ok(Some(String::new())),
                Err(error) => Ok(Some(format!("{kind} {place} = {value}: {error}"))),
            },
            Err(kube::Error::Api(status)) if [400, 422].contains(&status.code) => Ok(None),
            Err(error) => Err(error).context(format!("{kind} {place}")),
        }
    });
    let answers: Vec<Option<String>> = answers.buffer_unordered(AT_ONCE).try_collect().await?;
    let taken: Vec<String> = answers.into_iter().flatten().collect();
    let unread: Vec<&String> = taken.iter().filter(|why| !why.is_empty()).collect();
    println!("objects tried: {count}, taken: {}, of which not read: {}", taken.len(), unread.len());
    ensure!(
        unread.is_empty(),
        "taken, and not read:\n{}",
        unread.iter().map(|s| s.as_str()).collect::<Vec<_>>().join("\n")
    );
    ensure!(taken.len() * 10 > count, "too few are taken to show anything");
    let definitions_api: Api<CustomResourceDefinition> = Api::all(client);
    for definition in definitions_api.list(&kube::api::ListParams::default()).await? {
        if definition.spec.group == GROUP {
            definitions_api.delete(&definition.name_any(), &kube::api::DeleteParams::default()).await?;
        }
    }
    Ok(())
}

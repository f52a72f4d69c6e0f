//! Checks of configuration files that need no cluster: what one object, or all that are given together, show.
//!
//! What is not understood is a problem too: whoever runs this relies on its silence.

mod beside;
pub(crate) mod schema;

use crate::api::names::GROUP;
use crate::api::{
    CatalogItem, CloudDomain, CloudResourceRequest, Decision, Decommission, GovernancePolicy, InformationSystem,
    LedgerEntry, Organization, ResourceChange, RightsizingProposal, Sanction, ServiceProduct, WorkCalendar,
};
use crate::core::{capacity, catalog, cidr, credit_code, people, policy, resources};
use anyhow::Context as _;
use jiff::civil::Date;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::CustomResourceExt;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A CRD as it stands in `crds/`.
///
/// # Errors
/// When it cannot be printed.
pub fn definition_yaml(definition: &CustomResourceDefinition) -> anyhow::Result<String> {
    Ok(serde_saphyr::to_string(definition)?)
}

/// What a look at files came to.
#[derive(Debug, Default)]
pub struct Report {
    /// Objects that were checked, a line each.
    pub checked: Vec<String>,
    /// Objects that are none of ours, a line each.
    pub passed_over: Vec<String>,
    /// Everything that is wrong, a line each.
    pub problems: Vec<String>,
}

/// An object in a file.
struct Found {
    /// The file, kind and name, for a reader.
    place: String,
    object: Value,
}

/// Checks the objects in these files and folders: YAML and JSON, one or several in a file, lists of them. What they say of days is
/// judged as of today.
///
/// # Errors
/// When a file cannot be read.
pub fn files(paths: &[PathBuf], today: Date) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let mut ours = Vec::new();
    for path in files_in(paths)? {
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let place = path.display().to_string();
        match serde_saphyr::from_multiple::<Value>(&text) {
            Ok(documents) => {
                for object in documents {
                    sort(&place, object, &mut ours, &mut report);
                }
            }
            Err(error) => report.problems.push(format!("{place}: this is no YAML or JSON: {error}")),
        }
    }
    for Found { place, object } in &ours {
        let found = one(object);
        report.checked.push(format!("{place}: {}", if found.is_empty() { "ok" } else { "has problems" }));
        report.problems.extend(found.into_iter().map(|problem| format!("{place}: {problem}")));
    }
    report.problems.extend(together(&ours));
    report.problems.extend(beside::problems(&ours, today));
    if ours.is_empty() && report.problems.is_empty() {
        let given: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        report.problems.push(format!("{}: there is no object of {GROUP} to check", given.join(", ")));
    }
    Ok(report)
}

fn files_in(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
            let mut inside = entries.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>()?;
            inside.retain(|p| p.is_dir() || is_manifest(p));
            inside.sort();
            files.extend(files_in(&inside)?);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|e| ["yaml", "yml", "json"].iter().any(|known| e == *known))
}

/// Sorts what stands in a file: objects of ours, those of a list each by itself; objects of others; and neither.
fn sort(file: &str, object: Value, ours: &mut Vec<Found>, report: &mut Report) {
    if object.is_null() {
        return;
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    if let Value::Array(items) = &object["items"]
        && kind.ends_with("List")
    {
        for item in items {
            sort(file, item.clone(), ours, report);
        }
        return;
    }
    let meta = &object["metadata"];
    let named = ["name", "generateName"].iter().find_map(|key| meta[*key].as_str()).unwrap_or("without a name");
    let place = format!("{file}: {kind} {named}");
    let group = version.split_once('/').map(|(group, _)| group);
    if kind.is_empty() || version.is_empty() {
        report.problems.push(format!("{file}: this is no object: apiVersion or kind is missing"));
    } else if group == Some(GROUP) {
        ours.push(Found { place, object });
    } else if definition(&kind).is_some() {
        let wanted = format!("{GROUP}/v1alpha1");
        report.problems.push(format!("{place}: apiVersion: {kind} is of {wanted}, and this says {version}"));
    } else {
        report.passed_over.push(format!("{place}: none of {GROUP}, not checked"));
    }
}

fn definition(kind: &str) -> Option<CustomResourceDefinition> {
    crate::api::definitions().into_iter().find(|definition| definition.spec.names.kind == kind)
}

/// Everything that is wrong with an object by itself.
fn one(object: &Value) -> Vec<String> {
    let kind = object["kind"].as_str().unwrap_or_default();
    let Some(definition) = definition(kind) else {
        let kinds: Vec<String> = crate::api::definitions().into_iter().map(|d| d.spec.names.kind).collect();
        return vec![format!("kind: there is no {kind}; there are {}", kinds.join(", "))];
    };
    let version = object["apiVersion"].as_str().and_then(|v| v.split_once('/')).map_or("", |(_, version)| version);
    let Some(served) = definition.spec.versions.iter().find(|served| served.name == version) else {
        return vec![format!("apiVersion: there is no version {version} of {kind}")];
    };
    let schema = served.schema.as_ref().and_then(|schema| serde_json::to_value(&schema.open_api_v3_schema).ok());
    let mut problems = metadata(&definition, &object["metadata"]);
    problems.extend(schema::mismatches(&with_head(schema.unwrap_or_default()), object, ""));
    if problems.is_empty() { alone(kind, object) } else { problems }
}

/// The API server adds these to every schema.
fn with_head(mut schema: Value) -> Value {
    for head in ["apiVersion", "kind"] {
        schema["properties"][head] = serde_json::json!({"type": "string"});
    }
    schema["properties"]["metadata"] = serde_json::json!({"type": "object"});
    schema
}

const METADATA: [&str; 14] = [
    "name",
    "generateName",
    "namespace",
    "labels",
    "annotations",
    "finalizers",
    "ownerReferences",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
];

fn metadata(definition: &CustomResourceDefinition, metadata: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    if metadata["name"].as_str().or(metadata["generateName"].as_str()).is_none_or(str::is_empty) {
        problems.push("metadata.name: this field is required".to_owned());
    }
    if definition.spec.scope == "Cluster" && metadata["namespace"].is_string() {
        problems.push("metadata.namespace: this kind stands in no namespace".to_owned());
    }
    let unknown = metadata.as_object().into_iter().flatten().filter(|(key, _)| !METADATA.contains(&key.as_str()));
    problems.extend(unknown.map(|(key, _)| format!("metadata.{key}: there is no such field")));
    for map in ["labels", "annotations"] {
        let values = metadata[map].as_object().into_iter().flatten().filter(|(_, value)| !value.is_string());
        problems.extend(values.map(|(key, value)| format!("metadata.{map}[{key}]: {value} is no string: quote it")));
    }
    problems
}

/// What the rules say of an object by itself, once its schema takes it.
fn alone(kind: &str, object: &Value) -> Vec<String> {
    match kind {
        "GovernancePolicy" => {
            read(object, |p: &GovernancePolicy| policy::check(&p.spec).iter().map(ToString::to_string).collect())
        }
        "Organization" => read(object, |o: &Organization| {
            let code = credit_code::validate(&o.spec.social_credit_code).err();
            let code = code.map(|e| format!("spec.socialCreditCode: {e}"));
            let people = people::left_out(&o.spec.members).into_iter();
            code.into_iter().chain(people.map(|(place, name, why)| format!("{place}: {name:?}: {why}"))).collect()
        }),
        "CloudDomain" => read(object, |d: &CloudDomain| {
            let unusable = resources::problems("spec.capacity", &d.spec.capacity, resources::Given::ByDomain);
            let beyond = capacity::grantable(&d.spec).err().filter(|_| unusable.is_empty());
            let beyond = beyond.map(|(r, e)| format!("spec.capacity[{r}]: {e}"));
            let capacity = unusable.into_iter().map(|(at, why)| format!("{at}: {why}")).chain(beyond);
            capacity.chain(cidr::problems(&d.spec)).collect()
        }),
        "ServiceProduct" => read(object, |p: &ServiceProduct| {
            catalog::amounts_problems(&p.spec).into_iter().map(|(at, why)| format!("{at}: {why}")).collect()
        }),
        "CatalogItem" => read(object, fine::<CatalogItem>),
        "WorkCalendar" => read(object, fine::<WorkCalendar>),
        "CloudResourceRequest" => read(object, fine::<CloudResourceRequest>),
        "ResourceChange" => read(object, fine::<ResourceChange>),
        "Decommission" => read(object, fine::<Decommission>),
        "Decision" => read(object, fine::<Decision>),
        "InformationSystem" => read(object, fine::<InformationSystem>),
        "LedgerEntry" => read(object, fine::<LedgerEntry>),
        "RightsizingProposal" => read(object, fine::<RightsizingProposal>),
        "Sanction" => read(object, fine::<Sanction>),
        _ => vec![format!("kind: nothing checks {kind}")],
    }
}

fn read<T: DeserializeOwned + CustomResourceExt>(object: &Value, check: impl Fn(&T) -> Vec<String>) -> Vec<String> {
    match serde_json::from_value::<T>(object.clone()) {
        Err(error) => vec![error.to_string()],
        Ok(object) => check(&object),
    }
}

fn fine<T>(_: &T) -> Vec<String> {
    Vec::new()
}

/// What objects show only beside each other.
fn together(all: &[Found]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut codes: BTreeMap<&str, &Found> = BTreeMap::new();
    let mut names: BTreeMap<String, &Found> = BTreeMap::new();
    for found in all {
        let object = &found.object;
        let key = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
        let name = format!("{} {}/{}", object["kind"], key("namespace"), key("name"));
        if !key("name").is_empty()
            && let Some(first) = names.insert(name, found)
        {
            problems.push(format!("{}: this object stands in {} too", found.place, first.place));
        }
        let code = object["spec"]["socialCreditCode"].as_str().filter(|_| object["kind"] == "Organization");
        if let Some(code) = code
            && let Some(first) = codes.insert(code, found)
        {
            problems.push(format!("{}: spec.socialCreditCode: {} has {code} already", found.place, first.place));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = jiff::civil::date(2026, 11, 30);

    const ORGANIZATION: &str = "apiVersion: yunguan.dev/v1alpha1\nkind: Organization\nmetadata: {name: a}\nspec: {names: {zh: 甲}, socialCreditCode: 11341600MB0110000B, nature: Government, policyFamily: bozhou}\n";

    fn config() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("config")
    }

    /// What is said of a file of this name and text.
    fn check(name: &str, text: &str) -> Report {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        files(&[folder.path().to_path_buf()], TODAY).unwrap()
    }

    fn problems(text: &str) -> Vec<String> {
        check("a.yaml", text).problems
    }

    #[test]
    fn the_shipped_configuration_has_no_problems() {
        let folders = ["policies", "catalog", "calendars", "samples"].map(|f| config().join(f));
        let report = files(&folders, TODAY).unwrap();
        assert_eq!(report.problems, Vec::<String>::new());
        assert!(report.checked.len() > 40, "{:?}", report.checked);
    }

    #[test]
    fn a_broken_policy_is_named_with_the_place() {
        let text = std::fs::read_to_string(config().join("policies/bozhou-2024.yaml")).unwrap();
        let found = problems(&text.replace("after: [evaluation]", "after: [sign-unit]"));
        assert!(found[0].contains("break the cycle"), "{found:?}");
        assert!(found[0].contains("GovernancePolicy bozhou-2024"), "{found:?}");
    }

    #[test]
    fn each_item_of_a_list_is_checked_and_json_too() {
        let bad = ORGANIZATION.replace("11341600MB0110000B", "11341600MB0110000A");
        let [good, bad] = [ORGANIZATION, &bad].map(|text| serde_saphyr::from_str::<Value>(text).unwrap());
        let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": [good, bad]});
        for kind in ["List", "OrganizationList"] {
            let mut list = list.clone();
            list["kind"] = kind.into();
            let report = check("a.json", &list.to_string());
            assert_eq!((report.checked.len(), report.problems.len()), (2, 2), "{report:?}");
            assert!(report.problems[0].contains("spec.socialCreditCode"), "{report:?}");
        }
    }

    #[test]
    fn what_is_not_understood_is_a_problem() {
        for (from, to, said) in [
            ("kind: Organization", "kind: Organisation", "kind: there is no Organisation"),
            ("yunguan.dev/v1alpha1", "yunguan.dev/v1", "there is no version v1 of Organization"),
            ("yunguan.dev/", "yunguan.io/", "Organization is of yunguan.dev/v1alpha1"),
            ("kind: Organization\n", "", "apiVersion or kind is missing"),
            ("nature:", "natur:", "spec.natur: there is no such field"),
            ("metadata: {", "metadata: {label: {a: b}, ", "metadata.label: there is no such field"),
            ("metadata: {", "metadata: {labels: {a: 1}, ", "metadata.labels[a]: 1 is no string"),
            ("{name: a}", "{name: a, namespace: b}", "metadata.namespace: this kind stands in no namespace"),
            ("{name: a}", "{}", "metadata.name: this field is required"),
            ("Government", "Municipal", "spec.nature: \"Municipal\" is none of"),
            ("spec:", "spec: [", "this is no YAML"),
        ] {
            let found = problems(&ORGANIZATION.replace(from, to));
            assert!(found.iter().any(|problem| problem.contains(said)), "{to}: {found:?}");
        }
        assert!(problems("").len() == 1 && problems("---\n---\n").len() == 1);
        assert!(problems("just words")[0].contains("no object"));
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(files(&[folder.path().to_path_buf()], TODAY).unwrap().problems.len(), 1, "an empty folder");
    }

    #[test]
    fn requests_and_changes_are_checked_and_what_is_others_is_told() {
        let request = std::fs::read_to_string(config().join("samples/requests/health-portal.yaml")).unwrap();
        let foreign = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: b}\n";
        let report = check("a.yaml", &format!("{request}\n{foreign}"));
        assert_eq!((report.checked.len(), report.passed_over.len()), (1, 1), "{report:?}");
        assert_eq!(report.problems, Vec::<String>::new());
        let found = problems(&request.replace("protectionLevel: 3", "protectionLevels: 3"));
        assert!(found.iter().any(|p| p.contains("spec.application.protectionLevels: there is no such")), "{found:?}");
    }

    #[test]
    fn what_stands_twice_is_named() {
        let other = ORGANIZATION.replace("{name: a}", "{name: b}");
        let found = problems(&format!("{ORGANIZATION}---\n{other}"));
        assert!(found.len() == 1 && found[0].contains("has 11341600MB0110000B already"), "{found:?}");
        let found = problems(&format!("{ORGANIZATION}---\n{ORGANIZATION}"));
        assert!(found.iter().any(|problem| problem.contains("stands in")), "{found:?}");
    }
}

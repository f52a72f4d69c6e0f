//! Checks that need no cluster: configuration files, audit logs, the CRDs' printed form.

use crate::api::{CatalogItem, CloudDomain, GovernancePolicy, Organization, ServiceProduct, WorkCalendar};
use crate::core::{capacity, credit_code, policy, quantity::Amounts};
use anyhow::Context as _;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt as _;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// A CRD as it stands in `crds/`.
///
/// # Errors
/// When it cannot be printed.
pub fn definition_yaml(definition: &CustomResourceDefinition) -> anyhow::Result<String> {
    Ok(serde_saphyr::to_string(definition)?)
}

/// Everything that is wrong with the configuration in these files and folders.
///
/// # Errors
/// When a file cannot be read.
pub fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for path in yaml_files(paths)? {
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for document in text.split("\n---").map(|d| d.trim_start_matches("---")) {
            let found = check_document(document);
            problems.extend(found.into_iter().map(|problem| format!("{}: {problem}", path.display())));
        }
    }
    Ok(problems)
}

fn yaml_files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
            let mut inside = entries.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>()?;
            inside.retain(|p| p.is_dir() || is_yaml(p));
            inside.sort();
            files.extend(yaml_files(&inside)?);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "yaml" || e == "yml") && !path.ends_with("kustomization.yaml")
}

#[derive(serde::Deserialize)]
struct Head {
    #[serde(default)]
    kind: String,
}

fn check_document(text: &str) -> Vec<String> {
    let Ok(head) = serde_saphyr::from_str::<Head>(text) else {
        return if text.trim().is_empty() { vec![] } else { vec!["no YAML object with a kind".to_owned()] };
    };
    match head.kind.as_str() {
        "GovernancePolicy" => {
            read::<GovernancePolicy>(text, |p| policy::check(&p.spec).iter().map(ToString::to_string).collect())
        }
        "Organization" => read::<Organization>(text, |o| {
            credit_code::validate(&o.spec.social_credit_code)
                .err()
                .map(|e| format!("spec.socialCreditCode: {e}"))
                .into_iter()
                .collect()
        }),
        "CloudDomain" => read::<CloudDomain>(text, |d| {
            capacity::grantable(&d.spec).err().map(|(r, e)| format!("spec.capacity[{r}]: {e}")).into_iter().collect()
        }),
        "ServiceProduct" => read::<ServiceProduct>(text, |p| {
            Amounts::parse(&p.spec.amounts).err().map(|(r, e)| format!("spec.amounts[{r}]: {e}")).into_iter().collect()
        }),
        "CatalogItem" => read::<CatalogItem>(text, |_| vec![]),
        "WorkCalendar" => read::<WorkCalendar>(text, |_| vec![]),
        _ => vec![],
    }
}

fn read<T: DeserializeOwned + kube::Resource>(text: &str, check: impl Fn(&T) -> Vec<String>) -> Vec<String> {
    match serde_saphyr::from_str::<T>(text) {
        Err(error) => vec![error.to_string()],
        Ok(object) => check(&object).into_iter().map(|problem| format!("{}: {problem}", object.name_any())).collect(),
    }
}

/// Decisions that were made by impersonation: admission cannot see it, the audit log can.
#[must_use]
pub fn impersonated_decisions(audit_log: &str) -> Vec<String> {
    audit_log
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|event| {
            event["verb"] == "create"
                && event["objectRef"]["resource"] == "decisions"
                && event["objectRef"]["apiGroup"] == crate::api::names::GROUP
                && event["stage"] == "ResponseComplete"
                && event["responseStatus"]["code"].as_i64().is_some_and(|code| code < 300)
                && !event["impersonatedUser"].is_null()
        })
        .map(|event| {
            let text = |value: &serde_json::Value| value.as_str().unwrap_or("?").to_owned();
            format!(
                "{} {}/{} was made by {} in the name of {}",
                text(&event["requestReceivedTimestamp"]),
                text(&event["objectRef"]["namespace"]),
                text(&event["objectRef"]["name"]),
                text(&event["user"]["username"]),
                text(&event["impersonatedUser"]["username"]),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_configuration_has_no_problems() {
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        let folders = ["policies", "catalog", "calendars", "samples"].map(|f| config.join(f));
        assert_eq!(files(&folders).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_broken_policy_is_named_with_the_place() {
        let dir = tempfile::tempdir().unwrap();
        let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/policies/bozhou-2024.yaml");
        let text = std::fs::read_to_string(policy).unwrap().replace("after: [evaluation]", "after: [sign-unit]");
        let path = dir.path().join("p.yaml");
        std::fs::write(&path, text).unwrap();
        let problems = files(&[path]).unwrap();
        assert!(problems[0].contains("break the cycle"), "{problems:?}");
    }

    #[test]
    fn r7_1_impersonated_decisions_are_reported() {
        let event = |impersonated: &str| {
            format!(
                r#"{{"stage":"ResponseComplete","verb":"create","user":{{"username":"admin"}},{impersonated}"objectRef":{{"resource":"decisions","apiGroup":"yunguan.dev","namespace":"yg-a","name":"d"}},"responseStatus":{{"code":201}},"requestReceivedTimestamp":"t"}}"#
            )
        };
        let log = [event(""), event(r#""impersonatedUser":{"username":"li.na"},"#)].join("\n");
        assert_eq!(impersonated_decisions(&log), ["t yg-a/d was made by admin in the name of li.na"]);
    }
}

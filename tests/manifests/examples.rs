//! What is shipped and shown as YAML is taken by the API server as it stands, and nothing of it is lost: every file under
//! `config/`, and every block tagged `yaml` in a Markdown file.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use http::Request;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind, TypeMeta};
use kube::discovery::{Discovery, Scope};
use kube::{Api, Client};
use serde_json::Value;
use yunguan::api::names::cluster_role;
use yunguan_cluster::Person;

use super::{lost, markdown};
use crate::support::repository;
use crate::world::{World, world};

/// What kustomize, pipelines and the Prometheus operator read; this server does not serve it.
const ONLY_READ: [&str; 5] = [
    "kustomize.config.k8s.io",
    "kustomize.toolkit.fluxcd.io",
    "source.toolkit.fluxcd.io",
    "argoproj.io",
    "monitoring.coreos.com",
];

/// Files of Prometheus itself, which are no objects; promtool judges them.
const NO_OBJECTS: [&str; 3] =
    ["config/prometheus/usage.yaml", "config/prometheus/alerts.yaml", "config/prometheus/tests/"];

/// One YAML document.
struct Document {
    place: String,
    text: String,
}

fn documents() -> Result<Vec<Document>> {
    let root = repository("");
    let mut found = Vec::new();
    for path in markdown::files_below(repository("config").as_ref(), "yaml")? {
        let place = path.strip_prefix(&root)?;
        if NO_OBJECTS.iter().any(|no_object| place.starts_with(no_object)) {
            continue;
        }
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        found.extend(split(place, 0, &text));
    }
    for file in markdown::all()? {
        for block in file.blocks {
            ensure!(!["yml", "YAML"].contains(&block.tag.as_str()), "{}: write ```yaml", file.path.display());
            if block.tag == "yaml" {
                found.extend(split(&file.path, block.line, &block.text));
            }
        }
    }
    Ok(found)
}

/// The documents of a stream, each with the line on which it begins.
fn split(path: &Path, line: usize, text: &str) -> Vec<Document> {
    let mut documents = vec![(line + 1, String::new())];
    for (n, content) in text.lines().enumerate() {
        if content.starts_with("---") {
            documents.push((line + n + 2, String::new()));
        } else if let Some((_, text)) = documents.last_mut() {
            text.push_str(content);
            text.push('\n');
        }
    }
    let empty = |text: &str| text.lines().all(|line| line.trim().is_empty() || line.starts_with('#'));
    documents.retain(|(_, text)| !empty(text));
    let place = |line| format!("{}:{line}", path.display());
    documents.into_iter().map(|(line, text)| Document { place: place(line), text }).collect()
}

#[derive(Debug, Default)]
struct Count {
    taken: usize,
    decided: usize,
    read: usize,
}

struct Server<'w> {
    world: &'w World,
    admin: Client,
    kinds: Discovery,
}

#[tokio::test]
async fn every_sample_and_every_block_in_the_documentation_is_taken_and_loses_no_field() -> Result<()> {
    let world = world().await?;
    let admin = world.admin().await?;
    let kinds = Discovery::new(admin.clone()).run().await?;
    let server = Server { world, admin, kinds };
    let documents = documents()?;
    let files: BTreeSet<&str> =
        documents.iter().filter_map(|d| d.place.rsplit_once(':')).map(|(file, _)| file).collect();
    let (mut count, mut problems) = (Count::default(), Vec::new());
    for document in &documents {
        if let Err(error) = server.take(&document.text, &mut count).await {
            problems.push(format!("{}: {error:#}", document.place));
        }
    }
    let Count { taken, decided, read } = count;
    println!(
        "{} objects from {} files: {taken} taken by the API server, {decided} of them decisions by who holds the role; \
         {read} for other programs, read",
        documents.len(),
        files.len()
    );
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    assert_eq!(taken + read, documents.len());
    ensure!(taken > 100, "where are the samples?");
    Ok(())
}

#[tokio::test]
async fn a_bad_example_is_found() -> Result<()> {
    let world = world().await?;
    let admin = world.admin().await?;
    let kinds = Discovery::new(admin.clone()).run().await?;
    let server = Server { world, admin, kinds };
    let head = "apiVersion: yunguan.dev/v1alpha1\nkind: WorkCalendar\nmetadata: {name: bad-example}\n";
    let decision = "apiVersion: yunguan.dev/v1alpha1\nkind: Decision\nmetadata: {name: bad, namespace: yg-bozhou-health}\n\
                    spec:\n  requestRef: {kind: CloudResourceRequest, name: a, uid: b}\n  submissionUid: c\n  gate: plan\n  \
                    verdict: Confirm\n  digest: aa\n  role: ";
    let bad = [
        (
            format!(
                "{head}spec: {{region: bad, year: 2026, source: none, holidays: [], makeUpDays: [], moon: full}}\n"
            ),
            ".spec.moon: field not declared",
        ),
        (format!("{head}spec: {{region: bad, year: soon, source: none, holidays: [], makeUpDays: []}}\n"), "year"),
        ("apiVersion: yunguan.dev/v1alpha1\nkind: Wish\nmetadata: {name: a}\n".to_owned(), "serves no Wish"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: yg-nobody}\n".to_owned(), "yg-nobody"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {b: c}\ndata: {b: c}\n".to_owned(), "data"),
        (format!("{decision}agency\n"), "digest"),
        (format!("{decision}mayor\n"), "nobody holds the role mayor"),
    ];
    for (text, why) in bad {
        let answer = server.take(&text, &mut Count::default()).await;
        let message = answer.map_or_else(|error| format!("{error:#}"), |()| "taken".to_owned());
        ensure!(message.contains(why), "{why}: {message}\n{text}");
    }
    Ok(())
}

impl Server<'_> {
    /// Has the API server take a document without keeping it, and compares.
    async fn take(&self, text: &str, count: &mut Count) -> Result<()> {
        let sent: Value = serde_saphyr::from_str(text)?;
        let head: DynamicObject = serde_json::from_value(sent.clone()).context("no object")?;
        let types: TypeMeta = head.types.context("no apiVersion and kind")?;
        let kind = GroupVersionKind::try_from(&types)?;
        if ONLY_READ.contains(&kind.group.as_str()) {
            count.read += 1;
            return Ok(());
        }
        let Some((resource, capabilities)) = self.kinds.resolve_gvk(&kind) else {
            bail!("the API server serves no {} of {}", types.kind, types.api_version)
        };
        let namespace = match (capabilities.scope, &head.metadata.namespace) {
            (Scope::Cluster, None) => None,
            (Scope::Cluster, Some(_)) => bail!("{} has no namespace", types.kind),
            (Scope::Namespaced, namespace) => Some(namespace.as_deref().unwrap_or("default")),
        };
        let name = head.metadata.name.as_deref();
        let answer = if types.kind == "Decision" {
            let role = sent["spec"]["role"].as_str().context("no spec.role")?;
            let holder = self.holder(namespace.context("no namespace")?, role).await?;
            let url = url(&holder, &resource, namespace, None);
            holder
                .request::<Value>(Request::post(url).header("Content-Type", "application/yaml").body(text.into())?)
                .await?
        } else if let Some(name) = name {
            let url = url(&self.admin, &resource, namespace, Some(name));
            let request =
                Request::patch(url).header("Content-Type", "application/apply-patch+yaml").body(text.into())?;
            self.admin.request::<Value>(request).await?
        } else {
            let url = url(&self.admin, &resource, namespace, None);
            let request = Request::post(url).header("Content-Type", "application/yaml").body(text.into())?;
            self.admin.request::<Value>(request).await?
        };
        let lost = lost(&sent, &answer);
        ensure!(lost.is_empty(), "lost or changed: {}", lost.join("; "));
        count.taken += 1;
        count.decided += usize::from(types.kind == "Decision");
        Ok(())
    }

    /// A client as somebody who holds this role in a home.
    async fn holder(&self, namespace: &str, role: &str) -> Result<Client> {
        let bindings =
            Api::<RoleBinding>::namespaced(self.admin.clone(), namespace).list(&ListParams::default()).await?;
        let held = bindings.items.into_iter().filter(|binding| binding.role_ref.name == cluster_role(role));
        let person =
            held.flat_map(|binding| binding.subjects.unwrap_or_default()).find(|subject| subject.kind == "User");
        let person = person.with_context(|| format!("nobody holds the role {role} in {namespace}"))?;
        let person = Person::new(person.name);
        let right = format!("yunguan.dev/decisions/{role}");
        crate::support::wait_for_right(&self.world.cluster, &person, "submit", &right, namespace, true).await?;
        self.world.cluster.client(&person).await
    }
}

/// Where an object is made or applied, for show, strictly.
fn url(client: &Client, resource: &ApiResource, namespace: Option<&str>, name: Option<&str>) -> String {
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    };
    let options = "dryRun=All&fieldValidation=Strict&fieldManager=examples";
    match name {
        Some(name) => format!("{}/{name}?{options}&force=true", api.resource_url()),
        None => format!("{}?{options}", api.resource_url()),
    }
}

//! The Helm chart is what kustomize installs: its files are links to `config/` and `crds/`, and this is the proof.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use kube::api::{ListParams, PostParams};
use serde_json::{Value, json};
use tokio::process::Command;
use yunguan::core::guards;
use yunguan_cluster::{Cluster, Options, Output, Person, output, programs, wait_until};

use super::{Objects, installation, kustomized, lost};
use crate::support::{SOON, installed, object, objects, repository, succeeded};

const KEEP: &str = "helm.sh/resource-policy";

/// Runs helm, without settings of whoever runs the tests.
async fn helm(kubeconfig: &Path, args: &[&str]) -> Result<Output> {
    let [helm] = programs::paths(["helm"]).await?;
    let home = tempfile::tempdir()?;
    let mut command = Command::new(helm);
    command.args(args).env("KUBECONFIG", kubeconfig).env_remove("HELM_NAMESPACE");
    for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        command.env(variable, home.path());
    }
    output(command, "").await
}

/// Renders the chart without a cluster.
async fn template(args: &[&str]) -> Result<Output> {
    let chart = repository("charts/yunguan");
    helm(Path::new("/dev/null"), &[&["template", "yunguan", chart.as_str()], args].concat()).await
}

/// The objects of the chart, as kustomize reads them: the same reader of YAML for both.
async fn rendered(args: &[&str]) -> Result<(String, Objects)> {
    let text = succeeded(template(args).await?)?;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("chart.yaml"), &text)?;
    std::fs::write(folder.path().join("kustomization.yaml"), "resources: [chart.yaml]\n")?;
    Ok((text, kustomized(folder.path()).await?))
}

#[tokio::test]
async fn the_chart_is_what_kustomize_installs() -> Result<()> {
    let ours = installation().await?;
    let (text, mut chart) = rendered(&[]).await?;
    // The one difference: helm leaves the kinds, or all that was decided would go with them.
    let kinds = chart.values_mut().filter(|object| object["kind"] == "CustomResourceDefinition");
    for kind in kinds {
        let annotations = kind["metadata"].as_object_mut().and_then(|metadata| metadata.remove("annotations"));
        assert_eq!(annotations, Some(json!({KEEP: "keep"})), "{}", kind["metadata"]["name"]);
    }
    let names = |objects: &Objects| objects.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&chart), names(&ours));
    for (name, object) in &ours {
        assert_eq!(lost(object, &chart[name]), Vec::<String>::new(), "{name}");
        assert_eq!(lost(&chart[name], object), Vec::<String>::new(), "{name}: the chart adds");
        assert_eq!(&chart[name], object, "{name}");
    }
    for kind in ["Namespace", "CustomResourceDefinition", "MutatingAdmissionPolicy", "ClusterRole", "Deployment"] {
        ensure!(ours.keys().any(|name| name.starts_with(&format!("{kind} "))), "no {kind}");
    }
    let image = &ours["Deployment yunguan-system/yunguan"]["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(image, concat!("yunguan:", env!("CARGO_PKG_VERSION")), "the chart's appVersion is the package's");

    let cluster = installed().await?;
    let dry = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-"];
    let applied = succeeded(cluster.kubectl_with(&Person::admin(), &dry, &text).await?)?;
    assert_eq!(applied.lines().count(), ours.len(), "{applied}");
    println!("the chart and kustomize: {} objects, all the same, all taken by the API server", ours.len());
    Ok(())
}

#[tokio::test]
async fn the_charts_values_reach_the_operator_and_nothing_else() -> Result<()> {
    let (_, plain) = rendered(&[]).await?;
    let values = [
        "--set=image.repository=registry.example.org/yunguan",
        "--set=image.tag=2026.7.1",
        "--set=image.pullPolicy=Always",
        "--set=replicas=3",
        "--set=resources.limits.cpu=2",
        "--set=nodeSelector.role=platform",
        "--set=tolerations[0].key=platform",
        "--set=extraArgs={--concurrency=16}",
        "--set=usageInterval=300",
        "--set=metricsCredentials={city,health}",
    ];
    let (_, set) = rendered(&values).await?;
    let operator = "Deployment yunguan-system/yunguan";
    for (name, object) in plain.iter().filter(|(name, _)| *name != operator) {
        assert_eq!(&set[name], object, "{name}");
    }
    let mut wanted = plain[operator].clone();
    wanted["spec"]["replicas"] = json!(3);
    let pod = &mut wanted["spec"]["template"]["spec"];
    pod["nodeSelector"] = json!({"role": "platform"});
    pod["tolerations"] = json!([{"key": "platform"}]);
    let container = &mut pod["containers"][0];
    container["image"] = json!("registry.example.org/yunguan:2026.7.1");
    container["imagePullPolicy"] = json!("Always");
    container["resources"]["limits"]["cpu"] = json!(2);
    let args = ["--concurrency=16", "--usage-interval=300", "--credentials=/etc/yunguan/credentials"];
    container["args"].as_array_mut().context("arguments")?.extend(args.map(|arg| json!(arg)));
    let mount = |name: &str| json!({"name": format!("credentials-{name}"), "mountPath": format!("/etc/yunguan/credentials/{name}"), "readOnly": true});
    container["volumeMounts"] = json!(["city", "health"].map(mount));
    let volume = |name: &str| json!({"name": format!("credentials-{name}"), "secret": {"secretName": name}});
    pod["volumes"] = json!(["city", "health"].map(volume));
    assert_eq!(set[operator], wanted);

    let (_, alone) = rendered(&["--set=replicas=1"]).await?;
    let gone: Vec<_> = plain.keys().filter(|name| !alone.contains_key(*name)).collect();
    assert_eq!(gone, ["PodDisruptionBudget yunguan-system/yunguan"]);

    for (args, message) in [
        (vec!["--namespace=elsewhere"], "namespace yunguan-system"),
        (vec!["--set=imag.tag=7"], "additional properties 'imag' not allowed"),
        (vec!["--set=replicas=two"], "replicas"),
        (vec!["--set=usageInterval=0"], "usageInterval"),
        (vec!["--set=metricsCredentials={../etc}"], "metricsCredentials"),
    ] {
        let answer = template(&args).await?;
        ensure!(answer.status != 0 && answer.stderr.contains(message), "{args:?}: {}{}", answer.stdout, answer.stderr);
    }
    rendered(&["--namespace=yunguan-system"]).await.map(drop)
}

/// On a cluster of its own, as a platform engineer would: nothing but helm.
#[tokio::test]
async fn helm_installs_upgrades_and_leaves_what_was_written() -> Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    let admin = cluster.client(&Person::admin()).await?;
    let kubeconfig = cluster.kubeconfig(&Person::admin())?;
    let chart = repository("charts/yunguan");
    let run = async |args: &[&str]| succeeded(helm(&kubeconfig, args).await?);
    let notes = run(&["install", "yunguan", &chart]).await?;
    ensure!(notes.contains("docs/install.md") && notes.contains("云管"), "{notes}");

    // The operator takes these guards for those that were shipped.
    let kinds = "validatingadmissionpolicies,validatingadmissionpolicybindings,\
                 mutatingadmissionpolicies,mutatingadmissionpolicybindings";
    let listed = succeeded(cluster.kubectl(&Person::admin(), &["get", kinds, "-o", "json"]).await?)?;
    let listed: Value = serde_json::from_str(&listed)?;
    let standing = |guard: &guards::Guard| {
        let found = listed["items"].as_array()?.iter();
        let mut found = found.filter(|o| o["kind"] == guard.kind && o["metadata"]["name"] == guard.name);
        found.next().map(|object| object["spec"].clone())
    };
    let shipped = guards::shipped().map_err(anyhow::Error::msg)?;
    assert_eq!(guards::breaches(&shipped, standing), vec![]);

    let items = objects(&admin, "CatalogItem", "");
    let item = json!({"apiVersion": "yunguan.dev/v1alpha1", "kind": "CatalogItem", "metadata": {"name": "kept"},
        "spec": {"names": {"zh": "试"}, "serviceType": "Other", "unit": {"zh": "个"},
            "prices": [{"from": "2026-01-01", "monthly": "1.00", "basis": "none"}]}});
    wait_until("the kinds to be served", SOON, async || {
        Ok(Some(items.create(&PostParams::default(), &object(item.clone())?).await?))
    })
    .await?;

    let deployments = objects(&admin, "Deployment", "yunguan-system");
    assert_eq!(deployments.get("yunguan").await?.data["spec"]["replicas"], 2);
    run(&["upgrade", "yunguan", &chart, "--set=replicas=1"]).await?;
    assert_eq!(deployments.get("yunguan").await?.data["spec"]["replicas"], 1);
    run(&["uninstall", "yunguan"]).await?;
    wait_until("the namespace to be gone", SOON, async || {
        Ok(objects(&admin, "Namespace", "").get_opt("yunguan-system").await?.is_none().then_some(()))
    })
    .await?;
    ensure!(objects(&admin, "ClusterRole", "").get_opt("yunguan-operator").await?.is_none(), "a right was left");
    assert_eq!(items.list(&ListParams::default()).await?.items.len(), 1, "what was written is there");

    // And it goes on from there.
    run(&["install", "yunguan", &chart]).await?;
    assert_eq!(items.list(&ListParams::default()).await?.items.len(), 1);
    Ok(())
}

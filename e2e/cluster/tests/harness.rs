//! Tests of the local cluster itself.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::authentication::v1::{SelfSubjectReview, UserInfo};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use yunguan_cluster::{Cluster, Operator, OperatorSpec, Options, Person, wait_until};

const SOON: Duration = Duration::from_secs(30);

async fn seen_as(client: Client) -> Result<UserInfo> {
    let reviews: Api<SelfSubjectReview> = Api::all(client);
    let review = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await?;
    review.status.and_then(|status| status.user_info).context("no user in the answer")
}

fn config_map(name: &str) -> Result<ConfigMap> {
    Ok(serde_json::from_value(json!({"metadata": {"name": name}, "data": {"key": "value"}}))?)
}

#[tokio::test]
async fn a_person_comes_with_uid_and_all_groups() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let li = Person::new("李明").uid("110-220").group("bozhou:transport").group("bozhou, all+").group("third");
    let user = seen_as(cluster.client(&li).await?).await?;
    assert_eq!(user.username.as_deref(), Some("李明"));
    assert_eq!(user.uid.as_deref(), Some("110-220"));
    assert_eq!(
        user.groups,
        Some(["bozhou:transport", "bozhou, all+", "third", "system:authenticated"].map(str::to_owned).to_vec())
    );

    let nobody = seen_as(cluster.client(&Person::new("nobody")).await?).await?;
    assert_eq!(nobody.uid, None);
    Ok(())
}

#[tokio::test]
async fn a_person_from_a_single_sign_on_comes_with_extras() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let li = Person::new("li@sso").uid("7").group("transport").group("bozhou").extra("yunguan.dev/person", "李明");
    let user = seen_as(cluster.client(&li).await?).await?;
    assert_eq!(user.username.as_deref(), Some("li@sso"));
    assert_eq!(user.uid.as_deref(), Some("7"));
    assert_eq!(user.groups, Some(["transport", "bozhou", "system:authenticated"].map(str::to_owned).to_vec()));
    assert_eq!(user.extra.unwrap_or_default().get("yunguan.dev/person"), Some(&vec!["李明".to_owned()]));
    assert!(cluster.kubeconfig(&li).is_err());
    Ok(())
}

#[tokio::test]
async fn kubectl_runs_as_the_person_who_is_named() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let manifest = r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "from-kubectl"}}"#;
    let apply = ["apply", "-n", "default", "-f", "-"];
    let refused = cluster.kubectl_with(&Person::new("wang"), &apply, manifest).await?;
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains(r#"User "wang" cannot get resource "configmaps""#), "{}", refused.stderr);
    let applied = cluster.kubectl_with(&Person::admin(), &apply, manifest).await?;
    assert_eq!(
        (applied.status, applied.stdout.as_str()),
        (0, "configmap/from-kubectl created\n"),
        "{}",
        applied.stderr
    );
    Ok(())
}

#[tokio::test]
async fn the_admin_is_bound_and_no_master() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let groups = seen_as(cluster.client(&Person::admin()).await?).await?.groups;
    assert_eq!(groups, Some(vec!["system:authenticated".to_owned()]));
    let groups = seen_as(cluster.client(&Person::masters()).await?).await?.groups;
    assert!(groups.is_some_and(|groups| groups.iter().any(|group| group == "system:masters")));
    Ok(())
}

#[tokio::test]
async fn the_audit_log_tells_who_wrote_what() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let mut log = cluster.audit_from_now()?;
    let admin = Person::admin();
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(&admin).await?, "default");
    maps.create(&PostParams::default(), &config_map("audited")?).await?;
    maps.create(&PostParams::default(), &config_map("audited")?).await.expect_err("a second one of the same name");
    maps.get("audited").await?;
    let created =
        cluster.kubectl(&admin, &["create", "namespace", "audited", "--as", "zhang", "--as-group", "system:masters"]);
    assert_eq!(created.await?.status, 0);

    let events = log.new_events()?;
    let about = |resource| {
        let mine = events.iter().filter(|event| event.user.username == admin.name && event.is_about(resource));
        mine.map(|event| (event.verb.as_str(), event.code(), event.is_write())).collect::<Vec<_>>()
    };
    let maps = about("configmaps");
    // Other tests write config maps as well, but none refused.
    assert!(maps.contains(&("create", 201, true)) && maps.contains(&("get", 200, false)), "{maps:?}");
    assert!(maps.contains(&("create", 409, true)), "{maps:?}");

    let namespace = events.iter().find(|event| event.is_about("namespaces") && event.verb == "create");
    let namespace = namespace.context("no event for the namespace")?;
    assert_eq!(namespace.impersonated_user.as_ref().map(|user| user.username.as_str()), Some("zhang"));
    let body = namespace.response_object.as_ref().context("no body for a managed kind")?;
    assert_eq!(body.pointer("/metadata/name"), Some(&json!("audited")));
    Ok(())
}

#[tokio::test]
async fn quiet_means_no_more_writes() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let mut log = cluster.audit_from_now()?;
    let busy_one = Person::new("writer").group("system:masters");
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(&busy_one).await?, "default");
    let busy = tokio::spawn(async move {
        for _ in 0..20 {
            maps.create(&PostParams::default(), &config_map("flicker")?).await?;
            maps.delete("flicker", &DeleteParams::default()).await?;
        }
        anyhow::Ok(())
    });
    let writes = log.quiet_for("writer", Duration::from_secs(2), SOON).await?;
    busy.await??;
    assert_eq!(writes.len(), 40);
    Ok(())
}

#[tokio::test]
async fn data_survives_kill_9_of_api_server_and_etcd() -> Result<()> {
    let cluster = Cluster::start(Options { fsync: true, ..Options::default() }).await?;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(&Person::admin()).await?, "default");
    let before = maps.create(&PostParams::default(), &config_map("kept")?).await?;
    for program in [cluster.apiserver(), cluster.etcd()] {
        let pid = program.pid();
        program.kill9().await?;
        ensure!(!is_alive(pid), "{pid} is alive after kill -9");
        program.start_again()?;
        cluster.ready(SOON).await?;
        // The same client: the address stays.
        let after = wait_until("the config map", SOON, async || Ok(Some(maps.get("kept").await?))).await?;
        assert_eq!(after, before);
    }
    let directory = cluster.directory().to_owned();
    cluster.stop().await?;
    ensure!(!directory.exists(), "{} is still there", directory.display());
    Ok(())
}

#[tokio::test]
async fn an_operator_process_is_watched_killed_and_started_again() -> Result<()> {
    let cluster = Cluster::shared().await?;
    // kubectl's proxy stands in for an operator: it serves the API server's /readyz and /metrics over plain HTTP.
    let [kubectl] = yunguan_cluster::programs::paths(["kubectl"]).await?;
    let admin = cluster.kubeconfig(&Person::admin())?;
    let mut spec = OperatorSpec::run("stand-in", kubectl, &admin)?;
    spec.args = vec!["proxy".into(), format!("--port={}", spec.port), format!("--kubeconfig={}", admin.display())];
    let operator = Operator::start(cluster, spec.clone()).await?;
    assert!(operator.metrics().await?.contains("apiserver_request_total"));
    operator.stop_signal().await?;
    operator.cont().await?;
    operator.get("/livez").await?;

    operator.kill9().await?;
    operator.get("/livez").await.expect_err("nobody listens");
    let first = operator.pid();
    operator.restart().await?;
    assert_ne!(operator.pid(), first);
    operator.terminate(SOON).await?;
    assert!(operator.log()?.contains("Starting to serve"), "{}", operator.log()?);

    spec.args = vec!["no-such-command".into()];
    let error = Operator::start(cluster, spec).await.expect_err("it ends at once");
    assert!(format!("{error:#}").contains("unknown command \"no-such-command\""), "{error:#}");
    Ok(())
}

#[tokio::test]
async fn a_service_account_comes_by_its_token() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let missing = cluster.service_account("default", "missing").await.expect_err("it does not exist");
    assert!(format!("{missing:#}").contains("default/missing"), "{missing:#}");
    let kubeconfig = cluster.service_account("default", "default").await?;
    let [kubectl] = yunguan_cluster::programs::paths(["kubectl"]).await?;
    let mut whoami = tokio::process::Command::new(kubectl);
    whoami.args(["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]).env("KUBECONFIG", kubeconfig);
    let whoami = yunguan_cluster::output(whoami, "").await?;
    assert_eq!(whoami.stdout, "system:serviceaccount:default:default", "{}", whoami.stderr);
    Ok(())
}

fn is_alive(pid: u32) -> bool {
    // A zombie is dead; only its parent has not looked yet.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

#[tokio::test]
async fn waiting_in_vain_says_what_was_seen() {
    let waited = wait_until::<()>("rain", Duration::from_millis(120), async || anyhow::bail!("only sun"));
    let error = waited.await.expect_err("it never comes");
    assert_eq!(error.to_string(), "waited 120ms for rain; last seen: only sun");
}

#[test]
fn a_directory_with_something_in_it_is_left_alone() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("mine");
    std::fs::write(&file, "")?;
    let options = Options { directory: Some(directory.path().to_owned()), ..Options::default() };
    let error = tokio::runtime::Runtime::new()?.block_on(Cluster::start(options)).expect_err("it is not empty");
    assert!(error.to_string().contains("is not empty"), "{error:#}");
    ensure!(Path::new(&file).exists());
    Ok(())
}

#[tokio::test]
async fn kill_9_of_its_owner_leaves_nothing() -> Result<()> {
    let state = tempfile::tempdir()?;
    let ask = async |what: &str| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_cluster"));
        command.arg("--dir").arg(state.path()).arg(what);
        yunguan_cluster::output(command, "").await
    };
    let mut owner = tokio::process::Command::new(env!("CARGO_BIN_EXE_cluster"))
        .arg("--dir")
        .arg(state.path())
        .arg("serve")
        .kill_on_drop(true)
        .spawn()?;
    let status = wait_until("the cluster", Duration::from_mins(2), async || {
        let status = ask("status").await?;
        ensure!(status.status == 0, "{}", status.stderr);
        Ok(Some(status.stdout))
    });
    let status = status.await?;
    let pids: Vec<u32> = status
        .split("(pid ")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(pid, _)| pid.parse())
        .collect::<Result<_, _>>()?;
    assert_eq!(pids.len(), 3, "{status}");
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    let directory = state.path().join("cluster");
    assert!(directory.join("audit.log").exists());

    // A program that is stopped could not end itself.
    let stopped = tokio::process::Command::new("kill").args(["-s", "STOP", &pids[0].to_string()]).status().await?;
    assert!(stopped.success());
    owner.kill().await?;
    wait_until("all of it to be gone", SOON, async || {
        let alive: Vec<_> = pids.iter().filter(|pid| is_alive(**pid)).collect();
        ensure!(alive.is_empty() && !directory.exists(), "alive: {alive:?}, directory: {}", directory.exists());
        Ok(Some(()))
    })
    .await?;
    assert_eq!(ask("status").await?.status, 1);
    Ok(())
}

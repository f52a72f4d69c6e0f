//! Articles 34 and 38 on a real API server: what runs is stopped and runs again as it did, and nothing new is granted.

use anyhow::{Context as _, Result, ensure};
use jiff::ToSpan as _;
use k8s_openapi::api::core::v1::{Pod, ResourceQuota};
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use yunguan::api::cloud_resource_request::Phase;
use yunguan::api::decision::Verdict;
use yunguan::api::names::{CONDITION_GRANTS, CONDITION_SUSPENDED, GATE_STOPPED};
use yunguan::api::resource_change::{Change, ChangePhase};
use yunguan::api::sanction::{Measure, Order, SanctionPhase};
use yunguan::api::{LedgerEntry, Sanction, SanctionSpec};
use yunguan_cluster::wait_until;

use crate::changing::*;
use crate::ordering::*;
use crate::support::{edit, objects, refused_by};
use crate::world::*;

/// A pod template that the strictest standard admits.
pub fn template(app: &str, restart: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": app}},
        "spec": {
            "restartPolicy": restart,
            "automountServiceAccountToken": false,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "main",
                "image": yunguan_cluster::node::IMAGE,
                "imagePullPolicy": "Never",
                "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"cpu": "50m", "memory": "32Mi"}},
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
        },
    })
}

/// One of each kind that a unit runs: kind and object.
pub fn workloads() -> Vec<(&'static str, Value)> {
    let of = |name: &str, spec: Value| json!({"metadata": {"name": name}, "spec": spec});
    let selector = |app: &str| json!({"matchLabels": {"app": app}});
    let mut pod = template("bare", "Always");
    pod["metadata"]["name"] = json!("bare");
    let job = || json!({"template": template("job", "Never"), "backoffLimit": 0});
    let cron = || json!({"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job()}});
    let suspended = |mut spec: Value| {
        spec["suspend"] = json!(true);
        spec
    };
    vec![
        (
            "Deployment",
            of("web", json!({"replicas": 2, "selector": selector("web"), "template": template("web", "Always")})),
        ),
        (
            "StatefulSet",
            of(
                "db",
                json!({
            "replicas": 1, "serviceName": "db", "selector": selector("db"), "template": template("db", "Always")}),
            ),
        ),
        ("DaemonSet", of("agent", json!({"selector": selector("agent"), "template": template("agent", "Always")}))),
        ("Job", of("import", job())),
        ("Job", of("later", suspended(job()))),
        ("CronJob", of("nightly", cron())),
        ("CronJob", of("paused", suspended(cron()))),
        (
            "HorizontalPodAutoscaler",
            of(
                "web",
                json!({
            "minReplicas": 2, "maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]}),
            ),
        ),
        ("PodDisruptionBudget", of("web", json!({"minAvailable": 2, "selector": selector("web")}))),
        ("Pod", pod),
    ]
}

/// The unit makes them.
pub async fn deploy(client: &Client, namespace: &str, all: &[(&str, Value)]) -> Result<()> {
    for (kind, object) in all {
        let object: DynamicObject = serde_json::from_value(object.clone())?;
        wait_until(&format!("{kind} {} to be made", object.name_any()), PATIENCE, async || {
            // The bindings of a new namespace, and its service account, take a moment.
            match objects(client, kind, namespace).create(&PostParams::default(), &object).await {
                Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(Some(())),
                answer => answer.map(|_| Some(())).with_context(|| (*kind).to_owned()),
            }
        })
        .await?;
    }
    Ok(())
}

pub fn is_gated(pod: &Pod) -> bool {
    pod.spec.iter().flat_map(|spec| spec.scheduling_gates.iter().flatten()).any(|gate| gate.name == GATE_STOPPED)
}

/// The pods of each app, each with whether it waits at the gate.
pub async fn pods(case: &Case<'_>) -> Result<Vec<(String, bool)>> {
    let pods: Api<Pod> = Api::namespaced(case.world.admin().await?, &case.namespace());
    let pods = pods.list(&ListParams::default()).await?.items;
    let mut found: Vec<_> = pods
        .iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none() && !pod.labels().contains_key("yunguan.dev/managed"))
        .map(|pod| (pod.labels().get("app").cloned().unwrap_or_default(), is_gated(pod)))
        .collect();
    found.sort();
    Ok(found)
}

/// Waits until these pods are there and no others.
pub async fn await_pods(case: &Case<'_>, wanted: &[(&str, bool)]) -> Result<()> {
    let wanted: Vec<_> = wanted.iter().map(|(app, gated)| ((*app).to_owned(), *gated)).collect();
    wait_until(&format!("the pods of {}", case.name), PATIENCE, async || {
        let found = pods(case).await?;
        ensure!(found == wanted, "{found:?}");
        Ok(Some(()))
    })
    .await
}

/// Waits for a reason of the system's condition Suspended, and gives its message; `None` waits until it is gone.
pub async fn says_suspended(case: &Case<'_>, reason: Option<&str>) -> Result<String> {
    wait_until(&format!("{} to say {reason:?}", case.name), PATIENCE, async || {
        let status = case.system().await?.status.unwrap_or_default();
        let found = status.conditions.iter().find(|c| c.type_ == CONDITION_SUSPENDED);
        ensure!(found.map(|c| c.reason.as_str()) == reason, "{found:?} {:?}", status.stop);
        Ok(Some(found.map(|c| c.message.clone()).unwrap_or_default()))
    })
    .await
}

#[tokio::test]
async fn r34_1_every_kind_of_workload_is_stopped_and_brought_back_as_it_was() -> Result<()> {
    let world = world().await?;
    let case = live(world, "t-stopped", "portal").await?;
    let (client, namespace) = (world.client(&case.person()).await?, case.namespace());
    deploy(&client, &namespace, &workloads()).await?;
    let running = [("bare", false), ("db", false), ("job", false), ("web", false), ("web", false)];
    await_pods(&case, &running).await?;
    let specs = async |kinds: &[&str]| -> Result<Vec<Value>> {
        let mut specs = Vec::new();
        for kind in kinds {
            let all = objects(&client, kind, &namespace).list(&ListParams::default()).await?;
            // A DaemonSet's own controller annotates it; nobody else writes to any of them.
            specs.extend(all.items.iter().map(|o| json!([kind, o.name_any(), o.metadata.generation, o.data["spec"]])));
        }
        Ok(specs)
    };
    let untouched = ["Deployment", "StatefulSet", "DaemonSet", "HorizontalPodAutoscaler", "PodDisruptionBudget"];
    let before = (specs(&untouched).await?, specs(&["Job", "CronJob"]).await?);
    let quotas: Api<ResourceQuota> = Api::namespaced(client.clone(), &namespace);
    let hard = bounds(&quotas.get("yunguan").await?);

    let order = suspension(&case, "portal-suspended").await?;
    order.imposed().await?;
    let told = says_suspended(&case, Some("Suspended")).await?;
    ensure!(told.contains("portal-suspended") && told.contains("第三十四条") && told.contains("检测报告"), "{told}");
    await_pods(&case, &[("db", true), ("web", true), ("web", true)]).await?;
    assert_eq!(specs(&untouched).await?, before.0, "nothing that a pipeline looks at has changed");
    let suspend = async |kind: &str, name: &str| -> Result<(Value, Option<String>)> {
        let object = objects(&client, kind, &namespace).get(name).await?;
        Ok((object.data["spec"]["suspend"].clone(), object.annotations().get("yunguan.dev/suspended").cloned()))
    };
    for (kind, ours, theirs) in [("Job", "import", "later"), ("CronJob", "nightly", "paused")] {
        assert_eq!(suspend(kind, ours).await?, (json!(true), Some("false".into())), "{kind}");
        assert_eq!(
            suspend(kind, theirs).await?,
            (json!(true), None),
            "{kind}: the unit's own pause is no business of ours"
        );
    }
    assert_eq!(bounds(&quotas.get("yunguan").await?), hard, "booked still");

    nothing_starts(&case, &client).await?;
    await_pods(&case, &[("db", true), ("late", true), ("web", true), ("web", true), ("web", true)]).await?;
    order.lifted().await?;
    await_pods(
        &case,
        &[("db", false), ("job", false), ("late", false), ("web", false), ("web", false), ("web", false)],
    )
    .await?;
    let told = says_suspended(&case, Some("Lifted")).await?;
    ensure!(told.contains("start them yourself: bare"), "{told}");
    assert_eq!(
        specs(&["Job", "CronJob"]).await?.iter().map(|s| s[3].clone()).collect::<Vec<_>>(),
        before.1.iter().map(|s| s[3].clone()).collect::<Vec<_>>()
    );
    assert_eq!(suspend("Job", "import").await?, (json!(false), None));
    says_suspended(&case, None).await?;
    let admin = world.admin().await?;
    let ledger: Api<LedgerEntry> = Api::namespaced(admin.clone(), &case.home());
    let facts: Vec<String> =
        ledger.list(&ListParams::default()).await?.items.into_iter().map(|e| e.spec.fact).collect();
    let uid = order.get().await?.uid().context("no uid")?;
    for fact in [format!("suspended/{uid}"), format!("lifted/{uid}")] {
        ensure!(facts.contains(&fact), "{fact} is not in {facts:?}");
    }
    let label = objects(&admin, "Namespace", "").get(&namespace).await?.labels().get("yunguan.dev/stopped").cloned();
    assert_eq!(label, None);
    Ok(())
}

/// In a stopped namespace whatever the unit does starts nothing.
async fn nothing_starts(case: &Case<'_>, client: &Client) -> Result<()> {
    let namespace = case.namespace();
    let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    let gated = pods.list(&ListParams::default()).await?.items;
    let open = Patch::Merge(json!({"spec": {"schedulingGates": []}}));
    for pod in &gated {
        let answer = pods.patch(&pod.name_any(), &PatchParams::default(), &open).await;
        let told = refused_by("yunguan-stopped", answer)?;
        ensure!(told.contains("kubectl get sanctions"), "{told}");
    }
    // More replicas, and a pod of its own, wait as well.
    edit(&objects(client, "Deployment", &namespace), "web", |web: &mut DynamicObject| {
        web.data["spec"]["replicas"] = json!(3);
    })
    .await?;
    let mut late = template("late", "Always");
    late["metadata"]["name"] = json!("late");
    let late: Pod = serde_json::from_value(late)?;
    pods.create(&PostParams::default(), &late).await?;
    // The label that would let it start is the operator's own.
    for value in ["true", "x", ""] {
        let mut forged = late.clone();
        forged.metadata.name = Some("forged".into());
        forged.labels_mut().insert("yunguan.dev/managed".into(), value.into());
        refused_by("yunguan-stopped-label", pods.create(&PostParams::default(), &forged).await)?;
        let claim = json!({"metadata": {"name": "yunguan-backup", "labels": {"yunguan.dev/managed": value}},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
        let claims = objects(client, "PersistentVolumeClaim", &namespace);
        refused_by(
            "yunguan-stopped-label",
            claims.create(&PostParams::default(), &serde_json::from_value(claim)?).await,
        )?;
    }
    let mut job = json!({"metadata": {"name": "forged"}, "spec": {"template": template("forged", "Never")}});
    job["spec"]["template"]["metadata"]["labels"]["yunguan.dev/managed"] = json!("no");
    let job: DynamicObject = serde_json::from_value(job)?;
    refused_by("yunguan-stopped-label", objects(client, "Job", &namespace).create(&PostParams::default(), &job).await)?;
    Ok(())
}

#[tokio::test]
async fn r34_1_a_sanction_is_made_by_who_may_and_stays_on_record() -> Result<()> {
    let world = world().await?;
    let case = live(world, "t-orders", "portal").await?;
    // The unit writes none, and decides none against itself.
    let own = Sanction::new("own", SanctionSpec::default());
    let answer = case.api::<Sanction>(&case.person()).await?.create(&PostParams::default(), &own).await;
    ensure!(matches!(&answer, Err(kube::Error::Api(status)) if status.code == 403), "{answer:?}");
    let order = suspension(&case, "portal-suspended").await?;
    order.decide(AGENCY, "submission", Verdict::Submit).await?;
    let decision = order.drafted("decision", Verdict::Approve).await?;
    for who in [case.person(), PROVIDER.to_owned()] {
        ensure!(case.make(&who, &decision).await.is_err(), "{who} decides as the authority");
    }
    order.decide(AUTHORITY, "decision", Verdict::Approve).await?;
    order.phase(SanctionPhase::Imposed).await?;
    says_suspended(&case, Some("Suspended")).await?;
    // From then on its text is locked, and it is not deleted.
    let sanctions: Api<Sanction> = Api::namespaced(world.admin().await?, &case.home());
    let edited = edit(&sanctions, &order.name, |s: &mut Sanction| s.spec.order.mend = "无".into()).await;
    ensure!(
        matches!(&edited, Err(kube::Error::Api(status)) if status.message.contains("has been imposed")),
        "{edited:?}"
    );
    refused_by("yunguan-orders-kept", sanctions.delete(&order.name, &DeleteParams::default()).await)?;
    order.lifted().await?;
    says_suspended(&case, None).await?;
    Ok(())
}

#[tokio::test]
async fn r38_1_a_unit_that_does_not_mend_gets_nothing_new_until_that_is_lifted() -> Result<()> {
    let world = world().await?;
    let case = live(world, "t-unheeded", "portal").await?;
    let yesterday = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().checked_sub(2.days())?;
    let notice = Order { measure: Measure::Correction, mend_by: Some(yesterday), ..Order::default() };
    let notice = Ordering::draft(&case, "notice", notice).await?;
    notice.imposed().await?;
    let stop = Order { measure: Measure::StopGrants, notice: Some("notice".into()), ..Order::default() };
    let stop = Ordering::draft(&case, "stop", stop).await?;
    stop.imposed().await?;

    let more =
        Changing::of_unit(&case, "more", Change { lines: lines(&[("memory", 40)]), ..Change::default() }).await?;
    let told = more.says(CONDITION_GRANTS, "GrantsStopped").await?;
    ensure!(told.contains("sanction stop") && told.contains("已停止向本单位发放"), "{told}");
    more.approved().await?;
    more.says("Ready", "GrantsStopped").await?;
    let other = world.draft(&case.unit, "second", |_| {}).await?;
    other.to_approval().await?;
    other.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    other.condition("Ready", "False").await?;
    // The copy for the finance department is on record; then it is lifted, and what was approved goes on by itself.
    stop.decide(AUTHORITY, "finance-copy", Verdict::File).await?;
    stop.lifted().await?;
    more.phase(ChangePhase::InEffect).await?;
    other.phase(Phase::Trial).await?;
    Ok(())
}

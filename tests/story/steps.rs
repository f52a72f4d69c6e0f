//! Each step of a pass over a system is tried whatever became of the others: whatever the API server refuses, an order is carried
//! out, and what is refused is told.

use crate::ordering::suspension_of;
use crate::story::sanctions::{is_gated, template};
use crate::support::{edit, objects, operator};
use crate::world::*;
use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, RoleBinding};
use kube::api::{DeleteParams, ListParams, ObjectMeta, PostParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use yunguan::api::cloud_resource_request::Phase;
use yunguan::api::common::{RequestKind, RequestRef};
use yunguan::api::decision::{Access, AccessLevel, Verdict};
use yunguan::api::information_system::SystemPhase;
use yunguan::api::names::{CONDITION_READY, CONDITION_STALLED};
use yunguan::api::{CloudDomain, Decision, DecisionSpec, InformationSystem, Organization};
use yunguan::core::{digest, names};
use yunguan_cluster::wait_until;

/// So much longer than where nothing is refused an order may take on a machine that does other things too; what it took is
/// printed.
const LONGER: Duration = Duration::from_secs(15);

/// What somebody's policy refuses to the operator in the system that is called as the row: step, resource, and which writes.
const ROWS: [(&str, &str, &str, &str); 11] = [
    ("nothing", "", "configmaps", "false"),
    ("spaces", "namespace", "namespaces", "request.operation == 'UPDATE'"),
    ("crons", "cron jobs", "cronjobs", "true"),
    ("jobs", "jobs", "jobs", "true"),
    ("pods", "pods", "pods", "request.name == 'stays'"),
    ("rights", "rights", "rolebindings", DRIFTED),
    ("books", "books", "ledgerentries", "true"),
    ("quotas", "quota", "resourcequotas", DRIFTED),
    ("limits", "limits", "limitranges", DRIFTED),
    ("networks", "networks", "networkpolicies", DRIFTED),
    ("reports", "", "informationsystems", "request.subResource == 'status'"),
];

/// Putting right what others have changed.
const DRIFTED: &str = "request.operation == 'UPDATE' && 'drift' in oldObject.metadata.?annotations.orValue({}) \
    && !('drift' in object.metadata.?annotations.orValue({}))";

/// The change of others that the operator wants to put right: kind, name, place and value.
fn drift(row: &str) -> Option<(&'static str, &'static str, &'static str, Value)> {
    Some(match row {
        "quotas" => ("ResourceQuota", "yunguan", "/spec/hard", json!({"pods": "7"})),
        "limits" => ("LimitRange", "yunguan", "/spec/limits", json!([])),
        "networks" => ("NetworkPolicy", "yunguan-dns", "/spec/egress", json!([])),
        "rights" => ("RoleBinding", "yunguan-developer", "/subjects", json!([])),
        _ => return None,
    })
}

/// What is refused to the operator in the system of a row.
fn refusal_of((row, _, resource, which): &(&str, &str, &str, &str), case: &Case<'_>) -> Value {
    let place = match *resource {
        "namespaces" => format!("request.name == '{}'", case.namespace()),
        "ledgerentries" => format!("object.spec.system.name == '{row}'"),
        "informationsystems" => format!("request.name == '{row}'"),
        _ => format!("request.namespace == '{}'", case.namespace()),
    };
    let refused = format!("request.resource.resource == '{resource}' && {place} && ({which})");
    json!({"expression": format!("!({refused})"), "message": format!("no {resource} of {row}")})
}

/// Installs a policy about what the operator writes for these units, and waits until it is at work.
async fn install_policy(admin: &Client, name: &str, units: &[&str], refusals: Vec<Value>) -> Result<()> {
    let at_work = json!({"expression": "request.resource.resource != 'configmaps'", "message": "at work"});
    let rule = |group: &str, resources: &[&str]| {
        json!({
            "apiGroups": [group], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE", "DELETE"],
            "resources": resources})
    };
    let whom = "request.userInfo.username == 'system:serviceaccount:yunguan-system:yunguan' \
        || request.resource.resource == 'configmaps'";
    let policy = json!({
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "namespaceSelector": {
                    "matchExpressions": [{"key": "yunguan.dev/organization", "operator": "In", "values": units}]},
                "resourceRules": [
                    rule("", &["namespaces", "pods", "resourcequotas", "limitranges", "configmaps"]),
                    rule("batch", &["jobs", "cronjobs"]),
                    rule("networking.k8s.io", &["networkpolicies"]),
                    rule("rbac.authorization.k8s.io", &["rolebindings"]),
                    rule("yunguan.dev", &["ledgerentries", "informationsystems/status"]),
                ],
            },
            "matchConditions": [{"name": "the-operator", "expression": whom}],
            "validations": refusals.into_iter().chain([at_work]).collect::<Vec<_>>(),
        },
    });
    let binding = json!({"metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"]}});
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(admin.clone());
    policies.create(&PostParams::default(), &serde_json::from_value(policy)?).await?;
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(admin.clone());
    bindings.create(&PostParams::default(), &serde_json::from_value(binding)?).await?;
    let trial = ConfigMap {
        metadata: ObjectMeta { name: Some("trial".to_owned()), ..ObjectMeta::default() },
        ..ConfigMap::default()
    };
    let maps: Api<ConfigMap> = Api::namespaced(admin.clone(), &format!("yg-{}", units[0]));
    wait_until("the policy to be at work", PATIENCE, async || {
        let tried = maps.create(&PostParams { dry_run: true, ..PostParams::default() }, &trial).await;
        ensure!(tried.is_err_and(|error| error.to_string().contains("at work")), "not yet");
        Ok(Some(()))
    })
    .await
}

async fn remove_policy(admin: &Client, name: &str) -> Result<()> {
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(admin.clone());
    bindings.delete(name, &DeleteParams::default()).await?;
    Ok(())
}

/// What the unit runs: a Pod that nobody makes again and one that somebody does, a Job and a CronJob.
async fn deploy(admin: &Client, row: &str, namespace: &str) -> Result<()> {
    let mut bare = template("bare", "Always");
    bare["metadata"]["name"] = json!(if row == "pods" { "stays" } else { "bare" });
    let job = json!({"template": template("job", "Never"), "backoffLimit": 6});
    let mut all = vec![
        ("Pod", bare),
        ("Job", json!({"metadata": {"name": "import"}, "spec": job})),
        (
            "CronJob",
            json!({"metadata": {"name": "nightly"}, "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job}}}),
        ),
    ];
    // Where the namespace cannot be marked, what is made again is made without a gate.
    if row != "spaces" {
        let selector = json!({"matchLabels": {"app": "web"}});
        let spec = json!({"replicas": 1, "selector": selector, "template": template("web", "Always")});
        all.push(("Deployment", json!({"metadata": {"name": "web"}, "spec": spec})));
    }
    super::sanctions::deploy(admin, namespace, &all).await
}

/// What still runs of a system, or may start to.
async fn running(admin: &Client, namespace: &str) -> Result<Vec<String>> {
    let pods = Api::<Pod>::namespaced(admin.clone(), namespace).list(&ListParams::default()).await?.items;
    let runs = |pod: &&Pod| pod.metadata.deletion_timestamp.is_none() && !is_gated(pod);
    let mut all: Vec<String> = pods.iter().filter(runs).map(|pod| format!("Pod {}", pod.name_any())).collect();
    for kind in ["Job", "CronJob"] {
        let objects = objects(admin, kind, namespace).list(&ListParams::default()).await?.items;
        let at_work = objects.iter().filter(|object| object.data["spec"]["suspend"] != json!(true));
        all.extend(at_work.map(|object| format!("{kind} {}", object.name_any())));
    }
    Ok(all)
}

/// What cannot be stopped, since just that is refused.
fn left_running(row: &str) -> &'static [&'static str] {
    match row {
        "crons" => &["CronJob nightly"],
        "jobs" => &["Job import"],
        "pods" => &["Pod stays"],
        _ => &[],
    }
}

/// The conditions Ready and Stalled of a system.
async fn says(case: &Case<'_>) -> Result<[(String, String, String); 2]> {
    let status = case.system().await?.status.unwrap_or_default();
    let condition = |type_: &str| {
        let found = status.conditions.iter().find(|c| c.type_ == type_).context("no such condition")?;
        anyhow::Ok((found.status.clone(), found.reason.clone(), found.message.clone()))
    };
    Ok([condition(CONDITION_READY)?, condition(CONDITION_STALLED)?])
}

#[tokio::test]
async fn r34_1_whatever_single_step_is_refused_an_order_is_carried_out() -> Result<()> {
    let world = world().await?;
    let unit = "t-steps";
    world.unit(unit, None).await?;
    let admin = world.admin().await?;
    let cases = try_join_all(ROWS.iter().map(async |(row, ..)| -> Result<Case<'_>> {
        let case = world.draft(unit, row, |_| {}).await?;
        case.to_trial().await?;
        deploy(&admin, row, &case.namespace()).await?;
        Ok(case)
    }))
    .await?;
    let refusals = ROWS.iter().zip(&cases).map(|(row, case)| refusal_of(row, case)).collect();
    install_policy(&admin, "trial-steps", &[unit], refusals).await?;
    let as_operator = operator(&world.cluster).await?;
    for ((row, ..), case) in ROWS.iter().zip(&cases) {
        let Some((kind, name, place, value)) = drift(row) else { continue };
        let mut changed = objects(&admin, kind, &case.namespace()).get(name).await?;
        changed.annotations_mut().insert("drift".to_owned(), "by others".to_owned());
        *changed.data.pointer_mut(place).context("nothing to change")? = value;
        objects(&as_operator, kind, &case.namespace()).replace(name, &PostParams::default(), &changed).await?;
    }

    let systems = ROWS.map(|(row, ..)| row.to_owned()).to_vec();
    let order = suspension_of(&cases[0], "all", systems).await?;
    order.decide(AGENCY, "submission", Verdict::Submit).await?;
    order.decide(AUTHORITY, "decision", Verdict::Approve).await?;
    let ordered = Instant::now();
    let took = try_join_all(ROWS.iter().zip(&cases).map(async |((row, ..), case)| {
        wait_until(&format!("{row} to be stopped"), PATIENCE, async || {
            let runs = running(&admin, &case.namespace()).await?;
            ensure!(runs == left_running(row), "{runs:?}");
            Ok(Some(ordered.elapsed()))
        })
        .await
    }))
    .await?;
    println!("| what is refused | step | stopped after | the others |\n|---|---|---|---|");
    for ((row, step, resource, _), after) in ROWS.iter().zip(&took) {
        let others = if left_running(row).is_empty() { "all stopped" } else { "stopped, but what cannot be" };
        println!("| {resource} of {row} | {step} | {:.1} s | {others} |", after.as_secs_f64());
        ensure!(*after <= took[0] + LONGER, "{row}: {after:?}");
    }
    try_join_all(ROWS.iter().zip(&cases).filter(|((_, step, ..), _)| !step.is_empty()).map(
        async |((row, step, resource, _), case)| {
            wait_until(&format!("{row} to say what is refused"), PATIENCE, async || {
                let [ready, stalled] = says(case).await?;
                let told = format!("no {resource} of {row}");
                ensure!(ready.0 == "False" && stalled.0 == "True" && stalled.1 == "Refused", "{ready:?} {stalled:?}");
                ensure!(stalled.2.contains(&format!("{step}: ")) && stalled.2.contains(&told), "{stalled:?}");
                Ok(Some(()))
            })
            .await
        },
    ))
    .await?;
    let status = cases[4].system().await?.status.unwrap_or_default();
    ensure!(status.phase == SystemPhase::Stopping, "a pod runs, and it says {}", status.phase);
    let metrics = world.operator.metrics().await?;
    ensure!(metrics.contains(r#"yunguan_steps_refused_total{controller="system",step="cron jobs"}"#), "{metrics}");

    // What stood in the way goes, and all is well without anybody's doing.
    remove_policy(&admin, "trial-steps").await?;
    try_join_all(ROWS.iter().zip(&cases).map(async |((row, ..), case)| {
        wait_until(&format!("{row} to be well"), PATIENCE, async || {
            let [_, stalled] = says(case).await?;
            let runs = running(&admin, &case.namespace()).await?;
            let phase = case.system().await?.status.unwrap_or_default().phase;
            ensure!(
                stalled.0 == "False" && runs.is_empty() && phase == SystemPhase::Suspended,
                "{phase} {stalled:?} {runs:?}"
            );
            Ok(Some(()))
        })
        .await
    }))
    .await?;
    Ok(())
}

/// The names that a RoleBinding binds.
async fn bound(admin: &Client, namespace: &str, name: &str) -> Result<Vec<String>> {
    let binding = Api::<RoleBinding>::namespaced(admin.clone(), namespace).get_opt(name).await?;
    Ok(binding.iter().flat_map(|b| b.subjects.iter().flatten()).map(|subject| subject.name.clone()).collect())
}

/// The unit lets somebody look into its system for so long.
async fn let_in(case: &Case<'_>, who: &str, seconds: i64) -> Result<Decision> {
    let uid = case.system().await?.uid().context("no uid")?;
    let access = Access {
        username: who.to_owned(),
        purpose: "排查故障".to_owned(),
        until: crate::changing::in_seconds(seconds),
        level: AccessLevel::View,
    };
    let spec = DecisionSpec {
        request_ref: RequestRef { kind: RequestKind::InformationSystem, name: case.name.clone(), uid: uid.clone() },
        gate: "access".to_owned(),
        role: "unit".to_owned(),
        verdict: Verdict::Authorize,
        digest: digest::of_access(&uid, &access),
        access: Some(access),
        ..DecisionSpec::default()
    };
    let metadata = ObjectMeta { generate_name: Some("pass-".to_owned()), ..ObjectMeta::default() };
    case.make(&case.person(), &Decision { metadata, spec }).await
}

/// People who cannot be bound, a guest whose time is over, somebody who is taken off in the same edit, a CronJob whose annotations
/// are full: each is a step of its own.
#[tokio::test]
async fn r34_1_no_trick_of_a_unit_keeps_its_system_running_or_its_people_in() -> Result<()> {
    let world = world().await?;
    let unit = "t-tricks";
    world.organization(unit, |spec| spec.members = vec![members("unit", &["unit@t-tricks", "old@t-tricks"])]).await?;
    let admin = world.admin().await?;
    let case = world.draft(unit, "tricks", |_| {}).await?;
    case.to_trial().await?;
    let (namespace, home) = (case.namespace(), case.home());
    deploy(&admin, "tricks", &namespace).await?;
    let full = "x".repeat(262_144 - "note".len());
    let job = json!({"template": template("job", "Never"), "backoffLimit": 0});
    let spec = json!({"schedule": "0 3 1 1 *", "jobTemplate": {"spec": job}});
    let cron = json!({"metadata": {"name": "full", "annotations": {"note": full}}, "spec": spec});
    // What the API server keeps in a template and nobody reads must hide nothing.
    let far = json!({"creationTimestamp": "9999-12-31T23:59:59Z"});
    let (mut far_job, mut far_cron) = (job, spec);
    far_job["template"]["metadata"] = far.clone();
    far_cron["jobTemplate"]["metadata"] = far;
    let far_job = json!({"metadata": {"name": "far"}, "spec": far_job});
    let far_cron = json!({"metadata": {"name": "far"}, "spec": far_cron});
    let deployed = [("CronJob", cron), ("Job", far_job), ("CronJob", far_cron)];
    super::sanctions::deploy(&admin, &namespace, &deployed).await?;

    let guest = let_in(&case, "expert", 6).await?;
    let binding = names::guest_binding(&guest.uid().context("no uid")?);
    wait_until("the expert to be let in", PATIENCE, async || {
        let found = bound(&admin, &namespace, &binding).await?;
        Ok((found == ["expert"]).then_some(()))
    })
    .await?;

    let banned = "request.resource.resource != 'rolebindings' || request.operation == 'DELETE' \
        || object.?subjects.orValue([]).all(s, !s.name.startsWith('banned'))";
    let refusal = json!({"expression": banned, "message": "nobody of that name"});
    install_policy(&admin, "trial-tricks", &[unit], vec![refusal]).await?;
    edit(&Api::<Organization>::all(admin.clone()), unit, |organization| {
        organization.spec.members = vec![members("unit", &["unit@t-tricks", "banned@t-tricks", "new@t-tricks"])];
    })
    .await?;
    let_in(&case, "banned-expert", 600).await?;
    let people = ["new@t-tricks", "unit@t-tricks"];
    for (place, name) in [(&home, "yunguan-unit"), (&namespace, "yunguan-developer")] {
        wait_until(&format!("{name} to be without whom it is not for"), PATIENCE, async || {
            let found = bound(&admin, place, name).await?;
            ensure!(found == people, "{found:?}");
            Ok(Some(()))
        })
        .await?;
    }
    wait_until("the expert to be out", PATIENCE, async || {
        Ok(bound(&admin, &namespace, &binding).await?.is_empty().then_some(()))
    })
    .await?;
    let organizations: Api<Organization> = Api::all(admin.clone());
    let told = |o: &Organization| {
        let conditions = o.status.iter().flat_map(|s| &s.conditions);
        let mut ready = conditions.filter(|c| c.type_ == CONDITION_READY);
        ready.any(|c| c.reason == "Refused" && c.message.contains("User banned@t-tricks: 422"))
    };
    eventually(&organizations, unit, "who cannot be bound", told).await?;

    let order = suspension_of(&case, "tricked", vec![case.name.clone()]).await?;
    order.decide(AGENCY, "submission", Verdict::Submit).await?;
    order.decide(AUTHORITY, "decision", Verdict::Approve).await?;
    let ordered = Instant::now();
    wait_until("the system to be stopped", PATIENCE, async || {
        let runs = running(&admin, &namespace).await?;
        ensure!(runs.is_empty(), "{runs:?}");
        Ok(Some(()))
    })
    .await?;
    println!("with every trick in place stopped after {:.1} s", ordered.elapsed().as_secs_f64());
    ensure!(ordered.elapsed() <= LONGER, "{:?}", ordered.elapsed());
    let crons = objects(&admin, "CronJob", &namespace);
    let marked = crons.get("full").await?;
    ensure!(marked.labels().get("yunguan.dev/suspended").is_some_and(|was| was == "false"), "{:?}", marked.labels());
    let [ready, stalled] = says(&case).await?;
    ensure!(ready.0 == "False" && stalled.1 == "Refused" && stalled.2.contains("User banned-expert"), "{stalled:?}");

    order.lifted().await?;
    wait_until("the full CronJob to be as it was", PATIENCE, async || {
        let cron = crons.get("full").await?;
        ensure!(cron.data["spec"]["suspend"] == json!(false) && cron.labels().is_empty(), "{:?}", cron.data["spec"]);
        Ok(Some(()))
    })
    .await?;
    remove_policy(&admin, "trial-tricks").await?;
    let well = |o: &Organization| {
        let conditions = o.status.iter().flat_map(|s| &s.conditions);
        conditions.filter(|c| c.type_ == CONDITION_READY).any(|c| c.status == "True")
    };
    eventually(&organizations, unit, "to be well by itself", well).await?;
    Ok(())
}

/// Where nobody can be asked who holds which role, who is to go goes all the same, and nobody is let in as a guest.
#[tokio::test]
async fn r35_1_while_nobody_can_be_asked_rights_end_and_no_guest_comes_in() -> Result<()> {
    let world = World::new().await?;
    let unit = "t-unasked";
    world.organization(unit, |spec| spec.members = vec![members("unit", &["unit@t-unasked", "old@t-unasked"])]).await?;
    let admin = world.admin().await?;
    let case = world.draft(unit, "unasked", |_| {}).await?;
    case.to_trial().await?;
    let namespace = case.namespace();
    let let_in = async |who: &str, seconds: i64| -> Result<String> {
        let binding = names::guest_binding(&self::let_in(&case, who, seconds).await?.uid().context("no uid")?);
        wait_until(&format!("{who} to be let in"), PATIENCE, async || {
            Ok((bound(&admin, &namespace, &binding).await? == [who]).then_some(()))
        })
        .await?;
        Ok(binding)
    };
    let (expert, other) = (let_in("expert", 20).await?, let_in("other", 600).await?);

    // What it has been told stays with it for a while: it starts anew.
    let roles: Api<ClusterRole> = Api::all(admin.clone());
    let right = roles.get("yunguan-operator").await?.rules;
    let asks = |rule: &PolicyRule| rule.resources.iter().flatten().any(|resource| resource == "subjectaccessreviews");
    world.operator.kill9().await?;
    edit(&roles, "yunguan-operator", |role| role.rules.iter_mut().for_each(|rules| rules.retain(|r| !asks(r)))).await?;
    Api::<RoleBinding>::namespaced(operator(&world.cluster).await?, &namespace)
        .delete(&other, &DeleteParams::default())
        .await?;
    world.operator.restart().await?;
    edit(&Api::<Organization>::all(admin.clone()), unit, |organization| {
        organization.spec.members = vec![members("unit", &["unit@t-unasked", "new@t-unasked"])];
    })
    .await?;
    wait_until("the system to say that nobody can be asked", PATIENCE, async || {
        let [ready, stalled] = says(&case).await?;
        ensure!(ready.0 == "False" && stalled.1 == "Refused" && stalled.2.contains("access: "), "{stalled:?}");
        Ok(Some(()))
    })
    .await?;
    wait_until("who is to go to be gone", PATIENCE, async || {
        let people = bound(&admin, &namespace, "yunguan-developer").await?;
        let guests = bound(&admin, &namespace, &expert).await?;
        ensure!(people == ["new@t-unasked", "unit@t-unasked"] && guests.is_empty(), "{people:?} {guests:?}");
        Ok(Some(()))
    })
    .await?;
    ensure!(bound(&admin, &namespace, &other).await?.is_empty(), "a guest was let in");

    edit(&roles, "yunguan-operator", |role| role.rules.clone_from(&right)).await?;
    wait_until("all to be well by itself", PATIENCE, async || {
        let guests = bound(&admin, &namespace, &other).await?;
        let [ready, _] = says(&case).await?;
        ensure!(guests == ["other"] && ready.0 == "True", "{guests:?} {ready:?}");
        Ok(Some(()))
    })
    .await
}

/// Somebody's webhook about the networks of a unit, of which nobody answers.
fn dead_webhook(name: &str, unit: &str) -> Result<ValidatingWebhookConfiguration> {
    let rule = json!({"apiGroups": ["networking.k8s.io"], "apiVersions": ["*"], "operations": ["*"],
        "resources": ["networkpolicies"]});
    Ok(serde_json::from_value(json!({"metadata": {"name": name}, "webhooks": [{
        "name": name, "clientConfig": {"url": "https://127.0.0.1:1/"}, "rules": [rule], "sideEffects": "None",
        "admissionReviewVersions": ["v1"], "failurePolicy": "Fail",
        "namespaceSelector": {"matchLabels": {"yunguan.dev/organization": unit}}}]}))?)
}

/// What cannot be opened, here since somebody refuses its quota and somebody's webhook is dead, says so, is given back when the unit withdraws, and lets nobody in
/// meanwhile.
#[tokio::test]
async fn r19_1_what_can_never_be_opened_is_taken_back() -> Result<()> {
    let world = world().await?;
    let unit = "t-stuck";
    world.unit(unit, None).await?;
    let admin = world.admin().await?;
    let case = world.draft(unit, "stuck", |_| {}).await?;
    let quotas = "request.resource.resource != 'resourcequotas'";
    let refusal = json!({"expression": quotas, "message": "no quota here"});
    install_policy(&admin, "trial-stuck", &[unit], vec![refusal]).await?;
    let webhooks: Api<ValidatingWebhookConfiguration> = Api::all(admin.clone());
    webhooks.create(&PostParams::default(), &dead_webhook("networks.trial-stuck.test", unit)?).await?;
    case.to_approval().await?;
    case.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    let filed = case.phase(Phase::Provisioning).await?.status.and_then(|s| s.submission).context("not filed")?;
    wait_until("the system to say what is refused", PATIENCE, async || {
        let [ready, stalled] = says(&case).await?;
        ensure!(ready.0 == "False" && stalled.1 == "Refused" && stalled.2.contains("no quota here"), "{stalled:?}");
        ensure!(stalled.2.contains("networks: ") && stalled.2.contains("failed calling webhook"), "{stalled:?}");
        Ok(Some(()))
    })
    .await?;
    webhooks.delete("networks.trial-stuck.test", &DeleteParams::default()).await?;
    ensure!(bound(&admin, &case.namespace(), "yunguan-developer").await?.is_empty(), "nobody before the quota");
    let api = case.api::<Decision>(&case.person()).await?;
    let mut back = api.get(&filed.name).await?;
    back.metadata = ObjectMeta { generate_name: Some("back-".to_owned()), ..ObjectMeta::default() };
    (back.spec.verdict, back.spec.gate) = (Verdict::Withdraw, "withdrawal".to_owned());
    (back.spec.submission_uid, back.spec.decided_by) = (Some(filed.uid), None);
    case.make(&case.person(), &back).await?;
    case.phase(Phase::Closed).await?;
    let status = case.system().await?.status.unwrap_or_default();
    ensure!(status.phase == SystemPhase::Closed && status.amounts.values().all(|a| a.0 == "0"), "{:?}", status.amounts);
    let there = Api::<Namespace>::all(admin.clone()).get_opt(&case.namespace()).await?;
    ensure!(there.is_none(), "the namespace is still there");
    remove_policy(&admin, "trial-stuck").await?;
    Ok(())
}

/// Somebody's rule on namespaces keeps homes from being made: each says so, what is deleted meanwhile is forgotten, and the others
/// are made once the rule is gone.
#[tokio::test]
async fn a_home_that_somebody_refuses_says_so_and_is_made_once_it_may_be() -> Result<()> {
    let world = world().await?;
    world.unit("t-owner", None).await?;
    let admin = world.admin().await?;
    let refused = ["t-owned-a", "t-owned-b", "t-owned-c"];
    let owner = "request.resource.resource != 'namespaces' || 'owner' in object.metadata.labels";
    let refusal = json!({"expression": owner, "message": "every namespace names its owner"});
    install_policy(&admin, "trial-owner", &[&["t-owner"], refused.as_slice()].concat(), vec![refusal]).await?;
    let organizations: Api<Organization> = Api::all(admin.clone());
    let ready = |o: &Organization, reason: &str| {
        let conditions = o.status.iter().flat_map(|s| &s.conditions);
        conditions.filter(|c| c.type_ == CONDITION_READY).any(|c| {
            c.reason == reason && (reason != "Refused" || c.message.contains("every namespace names its owner"))
        })
    };
    for name in refused {
        world.organization(name, |_| {}).await?;
    }
    for name in refused {
        eventually(&organizations, name, "why it has no home", |o| ready(o, "Refused")).await?;
    }
    // Three objects' trouble is not the operator's.
    let waiting = async || -> Result<i64> {
        let metrics = world.operator.metrics().await?;
        let name = "yunguan_reconcile_backoff_objects{controller=\"organization\"} ";
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)).context("no such metric")?;
        Ok(line.parse()?)
    };
    ensure!(waiting().await? >= 3, "they are tried again");
    for name in &refused[1..] {
        organizations.delete(name, &DeleteParams::default()).await?;
    }
    wait_until("what is deleted to be forgotten", PATIENCE, async || {
        let left = waiting().await?;
        ensure!(left < 3, "{left}");
        Ok(Some(()))
    })
    .await?;
    remove_policy(&admin, "trial-owner").await?;
    eventually(&organizations, refused[0], "to be well by itself", |o| ready(o, "HomeReady")).await?;
    Ok(())
}

/// A domain with ranges of both families, which is then gone: its systems have their networks, and are stopped and let run again.
#[tokio::test]
async fn r34_1_an_order_needs_no_domain() -> Result<()> {
    let world = world().await?;
    let unit = "t-dual";
    world.unit(unit, None).await?;
    let admin = world.admin().await?;
    let domains: Api<CloudDomain> = Api::all(admin.clone());
    let mut spec = domains.get("bozhou-main").await?.spec;
    spec.networks = serde_json::from_value(json!([
        {"network": "Internet", "cidrs": ["0.0.0.0/0", "::/0"], "except": ["10.0.0.0/8", "192.168.0.0/16"]}]))?;
    domains.create(&PostParams::default(), &CloudDomain::new("t-dual", spec)).await?;
    products_for(&admin, "t-dual").await?;
    let case = world.draft(unit, "dual", |spec| "t-dual".clone_into(&mut spec.application.domain)).await?;
    case.to_trial().await?;
    let namespace = case.namespace();
    let network = objects(&admin, "NetworkPolicy", &namespace).get("yunguan-internet").await?;
    let blocks = json!([
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "192.168.0.0/16"]}}, {"ipBlock": {"cidr": "::/0"}}]);
    ensure!(network.data["spec"]["egress"][0]["to"] == blocks, "{}", network.data);
    deploy(&admin, "dual", &namespace).await?;
    // Where a domain in use cannot be deleted, it is there.
    let gone = domains.delete("t-dual", &DeleteParams::default()).await.is_ok();
    let order = suspension_of(&case, "dual-stopped", vec![case.name.clone()]).await?;
    order.imposed().await?;
    let run = async |wanted: usize| {
        wait_until(&format!("{wanted} things to run"), PATIENCE, async || {
            let runs = running(&admin, &namespace).await?;
            ensure!(runs.len() == wanted, "{runs:?}");
            Ok(Some(()))
        })
        .await
    };
    run(0).await?;
    if gone {
        let systems = Api::namespaced(admin.clone(), &case.home());
        eventually(&systems, "dual", "what is missing", |system: &InformationSystem| {
            let mut conditions = system.status.iter().flat_map(|s| &s.conditions);
            conditions.any(|c| c.type_ == CONDITION_READY && c.reason == "RecordIncomplete")
        })
        .await?;
    }
    order.lifted().await?;
    // A pod of the Deployment and one of the Job, the Job and the CronJob; the Pod that nobody makes again is gone.
    run(4).await
}

//! On doubtful ground nothing is granted: guards that were weakened, room that nobody holds, a leader that overslept.

use crate::support::{operator, succeeded};
use crate::world::*;
use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicyBinding;
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use std::time::Duration;
use yunguan::api::cloud_domain::Reservation;
use yunguan::api::cloud_resource_request::Phase;
use yunguan::api::common::{Quantity, RequestRef};
use yunguan::api::decision::Verdict;
use yunguan::api::{CloudDomain, InformationSystem};
use yunguan_cluster::{Operator, OperatorSpec, Person, wait_until};

/// Broken glass is noticed, told, and grants nothing until it is mended.
#[tokio::test]
async fn r19_2_nothing_is_granted_while_a_guard_of_the_decisions_is_down() -> Result<()> {
    let world = World::new().await?;
    world.unit("t-glass", None).await?;
    let case = world.draft("t-glass", "glass", |_| {}).await?;
    case.to_approval().await?;
    let admin = world.admin().await?;
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(admin.clone());
    let weakened = Patch::Merge(json!({"spec": {"validationActions": ["Audit"]}}));
    bindings.patch("yunguan-records", &PatchParams::default(), &weakened).await?;
    let breach =
        r#"yunguan_guard_breaches{breach="Changed",guard="yunguan-records",kind="ValidatingAdmissionPolicyBinding"} 1"#;
    wait_until("the breach to be counted", PATIENCE, async || {
        Ok(world.operator.metrics().await?.contains(breach).then_some(()))
    })
    .await?;
    case.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    let (reason, message) = case.condition("Stalled", "True").await?;
    assert_eq!(reason, "GuardBroken");
    ensure!(message.contains("yunguan-records") && message.contains("config/admission"), "{message}");
    let systems: Api<InformationSystem> = Api::namespaced(admin.clone(), &case.home());
    ensure!(systems.get_opt("glass").await?.is_none());
    let events: Api<Event> = Api::all(admin);
    let told = |event: &Event| {
        let about = event.regarding.as_ref().and_then(|o| o.name.as_deref());
        event.reason.as_deref() == Some("GuardBroken") && about == Some("yunguan-records")
    };
    wait_until("the event", PATIENCE, async || {
        Ok(events.list(&ListParams::default()).await?.iter().any(told).then_some(()))
    })
    .await?;
    // Applying it over the change would leave both: lists are merged.
    bindings.delete("yunguan-records", &DeleteParams::default()).await?;
    install(&world.cluster, "config/local").await?;
    case.phase(Phase::Trial).await?;
    ensure!(!world.operator.metrics().await?.contains("yunguan_guard_breaches{"), "it stands again");
    Ok(())
}

/// As a crash leaves it, when the request is deleted before the operator is back.
#[tokio::test]
async fn r26_2_room_of_an_approval_that_never_came_to_be_is_given_back() -> Result<()> {
    let world = world().await?;
    world.unit("t-dead", None).await?;
    let admin = world.admin().await?;
    let domains: Api<CloudDomain> = Api::all(admin.clone());
    let mut small = domains.get("bozhou-main").await?.spec;
    small.capacity.insert("requests.cpu".into(), Quantity("20".into()));
    domains.create(&PostParams::default(), &CloudDomain::new("t-dead", small)).await?;
    products_for(&admin, "t-dead").await?;
    let as_operator: Api<CloudDomain> = Api::all(operator(&world.cluster).await?);
    let ready = |d: &CloudDomain| d.status.as_ref().is_some_and(|s| s.observed_generation.is_some());
    let mut domain = eventually(&as_operator, "t-dead", "counted", ready).await?;
    let request = RequestRef { name: "gone".into(), uid: "gone".into(), ..RequestRef::default() };
    domain.status.as_mut().context("no status")?.reservations.push(Reservation {
        namespace: "yg-t-dead".into(),
        request,
        submission_uid: "gone".into(),
        digest: "0".repeat(64),
        amounts: [("requests.cpu".to_owned(), Quantity("16".into()))].into(),
        ..Reservation::default()
    });
    as_operator.replace_status("t-dead", &PostParams::default(), &domain).await?;
    // 16 of 20 cores look taken; this one asks for 16.
    let case = world.draft("t-dead", "alive", |spec| spec.application.domain = "t-dead".into()).await?;
    case.to_trial().await?;
    let settled = |d: &CloudDomain| {
        let status = d.status.clone().unwrap_or_default();
        status.reservations.is_empty() && status.grants_committed == 1
    };
    eventually(&as_operator, "t-dead", "no reservation left", settled).await?;
    Ok(())
}

/// A paused leader wakes up with work in hand: its successor has done it, and nothing of it may leave any more.
#[tokio::test]
async fn a_leader_that_overslept_its_lease_writes_nothing() -> Result<()> {
    let world = World::new().await?;
    world.unit("t-sleep", None).await?;
    let case = world.draft("t-sleep", "sleep", |_| {}).await?;
    case.to_approval().await?;
    let approval = case.drafted("approval", Verdict::Approve).await?;
    let kubeconfig = world.cluster.service_account("yunguan-system", "yunguan").await?;
    let mut spec = OperatorSpec::run("second", env!("CARGO_BIN_EXE_yunguan"), &kubeconfig)?;
    spec.args.extend(["--identity".to_owned(), "second".to_owned()]);
    let second = Operator::spawn(&world.cluster, spec)?;
    let sleeper = "(first)";

    world.operator.stop_signal().await?;
    case.make(AUTHORITY, &approval).await?;
    let asleep = std::time::Instant::now();
    case.phase(Phase::Trial).await?;
    println!(
        "the second operator had done the work {:.1} s after the first fell asleep",
        asleep.elapsed().as_secs_f64()
    );
    let mut log = world.cluster.audit_from_now()?;
    world.operator.cont().await?;
    let status = world.operator.wait_exit(Duration::from_secs(30)).await?;
    ensure!(!status.success(), "it ends with an error: {status}");
    let late: Vec<_> = log.new_events()?.into_iter().filter(|e| e.user_agent.contains(sleeper)).collect();
    let late: Vec<_> = late.iter().filter(|e| e.is_write()).map(|e| format!("{} {}", e.verb, e.request_uri)).collect();
    ensure!(late.is_empty(), "{late:?}");
    second.terminate(PATIENCE).await?;
    // Each thing was made once.
    let made = world.cluster.audit().new_events()?;
    let grants = made.iter().filter(|e| e.is_about("informationsystems") && e.verb == "create" && e.code() == 201);
    assert_eq!(grants.count(), 1);
    succeeded(world.cluster.kubectl(&Person::admin(), &["get", "isys", "-n", &case.home(), "sleep"]).await?)?;
    Ok(())
}

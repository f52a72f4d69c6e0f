//! Books in which another hand wrote: nothing more is put there, nothing new is opened, and all is well once they are
//! mended.

use crate::support::operator;
use crate::world::*;
use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicyBinding;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::events::v1::Event;
use kube::api::{DeleteParams, ListParams, ObjectMeta, PostParams};
use kube::{Api, ResourceExt as _};
use yunguan::api::cloud_resource_request::Phase;
use yunguan::api::common::{RequestKind, RequestRef, Time};
use yunguan::api::decision::{Access, AccessLevel, Verdict};
use yunguan::api::{Decision, DecisionSpec, InformationSystem, LedgerEntry, LedgerEntrySpec};
use yunguan::core::{digest, ledger};
use yunguan_cluster::wait_until;

/// An entry as somebody would make it who got through the guards; the operator's own account stands for broken glass.
async fn forge(case: &Case<'_>, name: &str, seq: i64, system_uid: &str) -> Result<LedgerEntry> {
    let system = RequestRef { kind: RequestKind::InformationSystem, name: case.name.clone(), uid: system_uid.into() };
    let mut spec = LedgerEntrySpec {
        system,
        seq,
        previous: ledger::GENESIS.into(),
        fact: "granted/never".into(),
        ..LedgerEntrySpec::default()
    };
    spec.hash = ledger::hash(&spec);
    let metadata = ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() };
    let books: Api<LedgerEntry> = Api::namespaced(operator(&case.world.cluster).await?, &case.home());
    Ok(books.create(&PostParams::default(), &LedgerEntry { metadata, spec }).await?)
}

/// Breaks the glass, deletes the entry as it was made, and restores the guard.
async fn mend(world: &World, forged: &LedgerEntry) -> Result<()> {
    let admin = world.admin().await?;
    let home = forged.namespace().context("no namespace")?;
    let books: Api<LedgerEntry> = Api::namespaced(admin.clone(), &home);
    let untouched = books.get(&forged.name_any()).await?;
    assert_eq!(untouched.resource_version(), forged.resource_version(), "nobody touched it");
    let guards: Api<ValidatingAdmissionPolicyBinding> = Api::all(admin);
    guards.delete("yunguan-records-kept", &DeleteParams::default()).await?;
    wait_until("the guard to be down", PATIENCE, async || {
        books.delete(&forged.name_any(), &DeleteParams::default()).await?;
        Ok(Some(()))
    })
    .await?;
    install(&world.cluster, "config/local").await
}

/// The message of the system while its books have stopped; the condition of resources has this status.
async fn stopped(case: &Case<'_>, open: &str) -> Result<String> {
    let world = case.world;
    let systems: Api<InformationSystem> = Api::namespaced(world.admin().await?, &case.home());
    let message = wait_until("the books to stop", PATIENCE, async || {
        let status = systems.get(&case.name).await?.status.unwrap_or_default();
        let of = |type_: &str| status.conditions.iter().find(|c| c.type_ == type_).context("no condition");
        let (ready, stalled, provisioned) = (of("Ready")?, of("Stalled")?, of("Provisioned")?);
        let says = (ready.status.as_str(), stalled.status.as_str(), stalled.reason.as_str());
        ensure!(says == ("False", "True", "BooksStopped"), "{says:?}: {}", ready.message);
        assert_eq!(provisioned.status, open);
        Ok(Some(ready.message.clone()))
    })
    .await?;
    let stuck = r#"yunguan_systems_stalled{reason="BooksStopped"} 1"#;
    wait_until("the metric", PATIENCE, async || Ok(world.operator.metrics().await?.contains(stuck).then_some(())))
        .await?;
    let events: Api<Event> = Api::namespaced(world.admin().await?, &case.home());
    let told = |event: &Event| {
        event.reason.as_deref() == Some("BooksStopped")
            && event.regarding.as_ref().and_then(|o| o.name.as_deref()) == Some(&case.name)
    };
    wait_until("the event", PATIENCE, async || {
        Ok(events.list(&ListParams::default()).await?.iter().any(told).then_some(()))
    })
    .await?;
    Ok(message)
}

/// What stands in the books of a case, which must be whole.
async fn books(case: &Case<'_>) -> Result<Vec<String>> {
    let uid = case.system().await?.uid().unwrap_or_default();
    let books: Api<LedgerEntry> = Api::namespaced(case.world.admin().await?, &case.home());
    let of_system = ListParams::default().fields(&format!("spec.system.uid={uid}"));
    let chain: Vec<_> = books.list(&of_system).await?.items.into_iter().map(|e| e.spec).collect();
    let wrong = ledger::check(&chain);
    ensure!(wrong.is_empty(), "{wrong:?}");
    Ok(chain.iter().map(|e| e.fact.split('/').next().unwrap_or_default().to_owned()).collect())
}

#[tokio::test]
async fn books_in_which_another_hand_wrote_stop_and_go_on_once_mended() -> Result<()> {
    let world = World::new().await?;
    world.unit("t-books", None).await?;
    // Before the system is opened: its first entry is somebody else's.
    let case = world.draft("t-books", "forged", |_| {}).await?;
    case.to_approval().await?;
    let forged = forge(&case, "forged.1", 1, "another").await?;
    case.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    let message = stopped(&case, "False").await?;
    for words in ["LedgerEntry forged.1", "until it is gone", "audit log", "break-glass", "台账", "删除该条目"] {
        ensure!(message.contains(words), "no {words}: {message}");
    }
    let spaces: Api<Namespace> = Api::all(world.admin().await?);
    ensure!(spaces.get_opt(&case.namespace()).await?.is_none(), "opened, and not on record");
    // Others go their way.
    let other = world.draft("t-books", "other", |_| {}).await?;
    other.to_trial().await?;
    mend(&world, &forged).await?;
    case.phase(Phase::Trial).await?;
    assert_eq!(books(&case).await?, ["granted"]);

    // While it runs: an entry that claims to be the system's own, in a chain that does not hold.
    let system = case.system().await?;
    let uid = system.uid().unwrap_or_default();
    let forged = forge(&case, "forged.2", 2, &uid).await?;
    let until = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_hours(1))?;
    let access = Access {
        username: "expert".into(),
        purpose: "排查故障".into(),
        until: Time::new(until),
        level: AccessLevel::View,
    };
    let spec = DecisionSpec {
        request_ref: RequestRef { kind: RequestKind::InformationSystem, name: case.name.clone(), uid: uid.clone() },
        gate: "access".into(),
        role: "unit".into(),
        verdict: Verdict::Authorize,
        digest: digest::of_access(&uid, &access),
        access: Some(access),
        ..DecisionSpec::default()
    };
    let metadata = ObjectMeta { generate_name: Some("pass-".into()), ..ObjectMeta::default() };
    case.make(&case.person(), &Decision { metadata, spec }).await?;
    let message = stopped(&case, "True").await?;
    let told = message.contains("LedgerEntry forged.2") || message.contains("entry 2 does not follow");
    ensure!(told && message.contains("台账"), "{message}");
    let status = case.system().await?.status.unwrap_or_default();
    ensure!(status.guests.is_empty(), "somebody was let in, and it is not on record");
    assert_eq!(status.amounts, system.status.unwrap_or_default().amounts, "what runs stays");
    mend(&world, &forged).await?;
    let systems: Api<InformationSystem> = Api::namespaced(world.admin().await?, &case.home());
    let let_in = |s: &InformationSystem| {
        let status = s.status.clone().unwrap_or_default();
        status.guests.len() == 1 && status.conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True")
    };
    eventually(&systems, &case.name, "the guest let in", let_in).await?;
    assert_eq!(books(&case).await?, ["granted", "access"]);
    wait_until("the metric to fall", PATIENCE, async || {
        Ok((!world.operator.metrics().await?.contains("yunguan_systems_stalled{")).then_some(()))
    })
    .await
}

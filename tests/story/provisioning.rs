//! What an approval opens, who may enter it, and that it stays as it was decided.

use crate::support::{edit, operator, refused_by};
use crate::world::*;
use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::{ConfigMap, LimitRange, Namespace, ResourceQuota, Secret};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{DeleteParams, ListParams, ObjectMeta, PostParams};
use kube::{Api, ResourceExt};
use yunguan::api::cloud_resource_request::Phase;
use yunguan::api::common::{Quantity, RequestKind, RequestRef, Time};
use yunguan::api::decision::{Access, AccessLevel, Verdict};
use yunguan::api::{CloudDomain, Decision, DecisionSpec, InformationSystem, LedgerEntry, Organization};
use yunguan::core::quantity::Amounts;
use yunguan::core::{digest, names};
use yunguan_cluster::{Person, wait_until};

#[tokio::test]
async fn r35_1_the_namespace_is_the_units_and_a_guest_comes_by_the_units_word_alone() -> Result<()> {
    let world = world().await?;
    world.unit("t-guest", None).await?;
    let case = world.draft("t-guest", "house", |_| {}).await?;
    case.to_trial().await?;
    let namespace = case.namespace();
    let spaces: Api<Namespace> = Api::all(world.admin().await?);
    let labels = spaces.get(&namespace).await?.labels().clone();
    assert_eq!(labels["pod-security.kubernetes.io/enforce"], "restricted", "level 3");
    let policies: Api<NetworkPolicy> = Api::namespaced(world.admin().await?, &namespace);
    let names: Vec<_> = policies.list(&ListParams::default()).await?.iter().map(ResourceExt::name_any).collect();
    assert_eq!(
        names,
        [
            "yunguan-default-deny",
            "yunguan-dns",
            "yunguan-government-extranet",
            "yunguan-internet",
            "yunguan-same-namespace"
        ]
    );
    let ranges: Api<LimitRange> = Api::namespaced(world.admin().await?, &namespace);
    assert_eq!(ranges.list(&ListParams::default()).await?.items.len(), 1);

    // The unit works freely; the provider, the authority and another unit's person do not get in.
    let map = ConfigMap {
        metadata: ObjectMeta { name: Some("mine".into()), ..ObjectMeta::default() },
        ..ConfigMap::default()
    };
    let inside =
        async |who: &str| -> Result<Api<ConfigMap>> { Ok(Api::namespaced(world.client(who).await?, &namespace)) };
    wait_until("the unit to be let in", PATIENCE, async || {
        inside("unit@t-guest").await?.create(&PostParams::default(), &map).await?;
        Ok(Some(()))
    })
    .await?;
    for stranger in [PROVIDER, AUTHORITY, "zhang.wei@health", "expert"] {
        refusal(inside(stranger).await?.get("mine").await.map_err(Into::into))?;
    }
    // A secret of theirs, which must turn up nowhere.
    let canary = "canary-9f1c52";
    let secret =
        serde_json::from_value(serde_json::json!({"metadata": {"name": "db"}, "stringData": {"password": canary}}))?;
    let secrets: Api<Secret> = Api::namespaced(world.client("unit@t-guest").await?, &namespace);
    secrets.create(&PostParams::default(), &secret).await?;
    let mut audit = world.cluster.audit_from_now()?;

    // The unit lets an expert in for some seconds' work.
    let system = case.system().await?;
    let until = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_secs(6))?;
    let access = Access {
        username: "expert".into(),
        purpose: "排查故障".into(),
        until: Time::new(until),
        level: AccessLevel::Operate,
    };
    let pass = |role: &str, access: &Access| Decision {
        metadata: ObjectMeta { generate_name: Some("pass-".into()), ..ObjectMeta::default() },
        spec: DecisionSpec {
            request_ref: RequestRef {
                kind: RequestKind::InformationSystem,
                name: "house".into(),
                uid: system.uid().unwrap(),
            },
            gate: "access".into(),
            role: role.into(),
            verdict: Verdict::Authorize,
            digest: digest::of_access(&system.uid().unwrap(), access),
            access: Some(access.clone()),
            ..DecisionSpec::default()
        },
    };
    refusal(case.make(PROVIDER, &pass("unit", &access)).await)?;
    case.make("unit@t-guest", &pass("unit", &access)).await?;
    wait_until("the expert to be let in", PATIENCE, async || {
        inside("expert").await?.get("mine").await?;
        Ok(Some(()))
    })
    .await?;
    let systems: Api<InformationSystem> = Api::namespaced(world.admin().await?, &case.home());
    let listed =
        |s: &InformationSystem| s.status.as_ref().is_some_and(|s| s.guests.iter().any(|g| g.username == "expert"));
    eventually(&systems, "house", "the guest on record", listed).await?;
    // It ends by itself.
    wait_until("the expert to be out again", PATIENCE, async || {
        Ok(matches!(inside("expert").await?.get("mine").await, Err(kube::Error::Api(s)) if s.code == 403).then_some(()))
    })
    .await?;
    assert!(jiff::Timestamp::now() >= access.until.timestamp(), "not before its time");
    let books: Api<LedgerEntry> = Api::namespaced(world.admin().await?, &case.home());
    let recorded = books.list(&ListParams::default().fields("spec.system.name=house")).await?;
    assert!(recorded.iter().any(|e| e.spec.fact.starts_with("access/")), "on record");

    // Their binding was deleted as exactly that object, not as whatever bears the name.
    let deleted = audit.new_writes_by(crate::support::OPERATOR)?;
    let mut deleted = deleted.iter().filter(|e| e.verb == "delete" && e.request_uri.contains(&namespace));
    let options = deleted.next().and_then(|e| e.request_object.as_ref()).context("no deletion")?;
    for precondition in ["uid", "resourceVersion"] {
        ensure!(options["preconditions"][precondition].is_string(), "{options}");
    }
    let events = world.cluster.kubectl(&Person::admin(), &["get", "events", "-A", "-o", "yaml"]).await?;
    let told = [world.operator.log()?, world.operator.metrics().await?, events.stdout];
    ensure!(told.iter().all(|text| !text.is_empty() && !text.contains(canary)), "a secret got out");
    Ok(())
}

#[tokio::test]
async fn drift_is_put_right_and_reported() -> Result<()> {
    let world = world().await?;
    world.unit("t-drift", None).await?;
    let case = world.draft("t-drift", "drift", |_| {}).await?;
    case.to_trial().await?;
    // Nobody but the operator's own account gets through the guards: this stands for broken glass.
    let operator = crate::support::operator(&world.cluster).await?;
    let quotas: Api<ResourceQuota> = Api::namespaced(operator.clone(), &case.namespace());
    let right = quotas.get("yunguan").await?.spec;
    let more = k8s_openapi::apimachinery::pkg::api::resource::Quantity("999".into());
    edit(&quotas, "yunguan", |q| {
        q.spec.get_or_insert_default().hard.get_or_insert_default().insert("requests.cpu".into(), more.clone());
    })
    .await?;
    eventually(&quotas, "yunguan", "the quota put right", |q| q.spec == right).await?;
    let bindings: Api<RoleBinding> = Api::namespaced(operator, &case.namespace());
    bindings.delete("yunguan-developer", &DeleteParams::default()).await?;
    wait_until("the binding to be back", PATIENCE, async || {
        Ok(bindings.get_opt("yunguan-developer").await?.map(|_| ()))
    })
    .await?;
    told_of_drift(world, &case, &["ResourceQuota yunguan", "RoleBinding yunguan-developer"]).await
}

/// Waits until the metric and an Event on the system tell of each of these corrections.
pub async fn told_of_drift(world: &World, case: &Case<'_>, corrections: &[&str]) -> Result<()> {
    let events: Api<Event> = Api::namespaced(world.admin().await?, &case.home());
    for correction in corrections {
        let kind = correction.split(' ').next().unwrap_or_default();
        let counted = format!("yunguan_drift_corrected_total{{kind=\"{kind}\"}}");
        wait_until(&format!("{correction} to be told"), PATIENCE, async || {
            ensure!(world.operator.metrics().await?.contains(&counted), "{counted} is not counted");
            let told = |event: &Event| {
                event.reason.as_deref() == Some("DriftCorrected")
                    && event.regarding.as_ref().and_then(|o| o.name.as_deref()) == Some(&case.name)
                    && event.note.as_deref().is_some_and(|note| note.contains(correction) && note.contains("已纠正"))
            };
            Ok(events.list(&ListParams::default()).await?.iter().any(told).then_some(()))
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_namespace_that_is_not_ours_is_never_touched() -> Result<()> {
    let world = world().await?;
    world.unit("t-taken", None).await?;
    let namespace = names::system_namespace("t-taken", "taken");
    let spaces: Api<Namespace> = Api::all(world.admin().await?);
    let foreign = Namespace {
        metadata: ObjectMeta {
            name: Some(namespace.clone()),
            labels: Some([("team".to_owned(), "other".to_owned())].into()),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    };
    let before = spaces.create(&PostParams::default(), &foreign).await?;
    let case = world.draft("t-taken", "taken", |_| {}).await?;
    case.to_approval().await?;
    case.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    let systems: Api<InformationSystem> = Api::namespaced(world.admin().await?, &case.home());
    let stalled = |s: &InformationSystem| {
        s.status
            .as_ref()
            .is_some_and(|s| s.conditions.iter().any(|c| c.type_ == "Stalled" && c.reason == "NamespaceTaken"))
    };
    wait_until("the system to say so", PATIENCE, async || Ok(systems.get_opt("taken").await?.filter(stalled))).await?;
    let after = spaces.get(&namespace).await?;
    assert_eq!((after.uid(), after.labels().get("team")), (before.uid(), Some(&"other".to_owned())));
    let quotas: Api<ResourceQuota> = Api::namespaced(world.admin().await?, &namespace);
    assert!(quotas.list(&ListParams::default()).await?.items.is_empty());
    Ok(())
}

#[tokio::test]
async fn r26_2_of_many_approvals_at_once_only_what_fits_is_granted() -> Result<()> {
    let world = world().await?;
    world.unit("t-race", None).await?;
    let admin = world.admin().await?;
    let domains: Api<CloudDomain> = Api::all(admin.clone());
    let mut small = domains.get("bozhou-main").await?.spec;
    small.capacity.insert("requests.cpu".into(), Quantity("50".into()));
    domains.create(&PostParams::default(), &CloudDomain::new("t-small", small)).await?;
    products_for(&admin, "t-small").await?;
    // Six ask for 16 cores each; 50 are there, so three get them.
    let mut cases = Vec::new();
    for n in 0..6 {
        cases.push(
            world.draft("t-race", &format!("race-{n}"), |spec| spec.application.domain = "t-small".into()).await?,
        );
    }
    futures::future::try_join_all(cases.iter().map(Case::to_approval)).await?;
    let approvals =
        futures::future::try_join_all(cases.iter().map(|c| c.drafted("approval", Verdict::Approve))).await?;
    futures::future::try_join_all(cases.iter().zip(&approvals).map(|(c, d)| c.make(AUTHORITY, d))).await?;
    let (mut granted, mut short) = (0, 0);
    for case in &cases {
        wait_until("a verdict of the domain", PATIENCE, async || {
            let status = case.request().await?.status.unwrap_or_default();
            if status.phase == Phase::Trial {
                granted += 1;
                return Ok(Some(()));
            }
            let says = status.conditions.iter().find(|c| c.type_ == "Stalled" && c.reason == "CapacityShort");
            ensure!(says.is_some(), "{}", status.phase);
            short += 1;
            Ok(Some(()))
        })
        .await?;
    }
    assert_eq!((granted, short), (3, 3));
    let systems: Api<InformationSystem> = Api::namespaced(admin, "yg-t-race");
    let all = systems.list(&ListParams::default()).await?;
    let sum = all
        .iter()
        .map(|s| Amounts::parse(&s.spec.grants[0].amounts).unwrap())
        .try_fold(Amounts::default(), |a, b| a.checked_add(&b));
    assert_eq!(sum.unwrap().get("requests.cpu").to_string(), "48");
    // Enlarged by the authority, the domain takes in who waited.
    edit(&domains, "t-small", |d| drop(d.spec.capacity.insert("requests.cpu".into(), Quantity("96".into())))).await?;
    for case in &cases {
        case.phase(Phase::Trial).await?;
    }
    println!("approvals racing for the last room: 6, granted at once: 3");
    Ok(())
}

#[tokio::test]
async fn an_organization_leaves_only_without_records() -> Result<()> {
    let world = world().await?;
    let admin = world.admin().await?;
    let organizations: Api<Organization> = Api::all(admin.clone());
    let spaces: Api<Namespace> = Api::all(admin.clone());
    world.unit("t-empty", None).await?;
    let refused = refusal(spaces.delete("yg-t-empty", &DeleteParams::default()).await.map_err(Into::into))?;
    assert!(refused.contains("yunguan"), "a home is not deleted by hand: {refused}");
    organizations.delete("t-empty", &DeleteParams::default()).await?;
    wait_until("the empty home to be gone", PATIENCE, async || {
        Ok((spaces.get_opt("yg-t-empty").await?.is_none() && organizations.get_opt("t-empty").await?.is_none())
            .then_some(()))
    })
    .await?;
    world.unit("t-full", None).await?;
    world.draft("t-full", "paper", |_| {}).await?;
    let used = |o: &Organization| o.status.as_ref().and_then(|s| s.in_use) == Some(true);
    eventually(&organizations, "t-full", "in use", used).await?;
    refused_by("yunguan-in-use", organizations.delete("t-full", &DeleteParams::default()).await)?;
    // In the moment before that was known it is deleted, and stays all the same.
    let as_operator: Api<Organization> = Api::all(operator(&world.cluster).await?);
    wait_until("it to be deleted", PATIENCE, async || {
        let mut unused = organizations.get("t-full").await?;
        unused.status.as_mut().context("a status")?.in_use = Some(false);
        as_operator.replace_status("t-full", &PostParams::default(), &unused).await?;
        organizations.delete("t-full", &DeleteParams::default()).await?;
        Ok(Some(()))
    })
    .await?;
    let kept =
        |o: &Organization| o.status.as_ref().is_some_and(|s| s.conditions.iter().any(|c| c.reason == "HoldsRecords"));
    eventually(&organizations, "t-full", "kept", kept).await?;
    assert!(spaces.get("yg-t-full").await?.metadata.deletion_timestamp.is_none());
    // Who works there still follows from it.
    edit(&organizations, "t-full", |o| o.spec.members.clear()).await?;
    let bindings: Api<RoleBinding> = Api::namespaced(admin, "yg-t-full");
    wait_until("somebody who was taken out to be let out", PATIENCE, async || {
        let all = bindings.list(&ListParams::default()).await?;
        let mut subjects = all.iter().flat_map(|b| b.subjects.iter().flatten());
        Ok((!subjects.any(|s| s.name == "unit@t-full")).then_some(()))
    })
    .await
}

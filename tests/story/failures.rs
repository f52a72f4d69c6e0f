//! Wrong input and failing processes: a clear word, and nothing else stops.

use crate::world::*;
use anyhow::{Result, ensure};
use kube::Api;
use kube::api::PostParams;
use yunguan::api::cloud_resource_request::Phase;
use yunguan::api::decision::Verdict;
use yunguan::api::{GovernancePolicy, GovernancePolicySpec, InformationSystem, Organization};
use yunguan_cluster::{Person, wait_until};

type Shape = fn(&mut GovernancePolicySpec);

#[tokio::test]
async fn bad_policies_are_named_and_judge_nothing() -> Result<()> {
    let world = world().await?;
    let policies: Api<GovernancePolicy> = Api::all(world.admin().await?);
    let shipped = policies.get("bozhou-2024").await?.spec;
    let shaped = |name: &str, shape: &dyn Fn(&mut GovernancePolicySpec)| {
        let mut spec = shipped.clone();
        spec.family = format!("t-{name}");
        shape(&mut spec);
        GovernancePolicy::new(name, spec)
    };
    // What one policy shows by itself is refused when it is made.
    for (name, words, shape) in [
        (
            "cycle",
            "a cycle of gates could never open",
            (|p| p.tracks[0].gates[0].after = vec!["approval".into()]) as Shape,
        ),
        ("nobody", "a role that nobody fills", |p| p.roles.retain(|r| r.role != "agency")),
    ] {
        let made = policies.create(&PostParams::default(), &shaped(name, &shape)).await;
        let refused = refusal(made.map_err(Into::into))?;
        assert!(refused.contains(words), "{refused}");
    }
    // What others have to do with is said in its condition.
    let verdict = async |name: &str, status: &str| -> Result<String> {
        let judged = |p: &GovernancePolicy| {
            p.status.as_ref().is_some_and(|s| s.conditions.iter().any(|c| c.type_ == "Ready" && c.status == status))
        };
        let policy = eventually(&policies, name, "a verdict", judged).await?;
        let ready = policy.status.unwrap().conditions.into_iter().find(|c| c.type_ == "Ready").unwrap();
        Ok(ready.message)
    };
    policies.create(&PostParams::default(), &shaped("sound", &|_| {})).await?;
    verdict("sound", "True").await?;
    policies.create(&PostParams::default(), &shaped("overlap", &|p| p.family = "t-sound".into())).await?;
    let message = verdict("overlap", "False").await?;
    assert!(message.contains("must not overlap"), "{message}");
    let unheld = shaped("empty-role", &|p| p.roles[0].organizations = vec!["bozhou-health".into()]);
    policies.create(&PostParams::default(), &unheld).await?;
    let message = verdict("empty-role", "False").await?;
    assert!(message.contains("nobody holds this role"), "{message}");
    let mut edited = policies.get("sound").await?;
    edited.spec.house_rules.max_access_days = 1;
    let refused = refusal(policies.replace("sound", &PostParams::default(), &edited).await.map_err(Into::into))?;
    assert!(refused.contains("next version"), "{refused}");
    // An organization without a policy is told so, and nothing else stops.
    world.organization("t-nopolicy", |spec| spec.policy_family = "t-none".into()).await?;
    let organizations: Api<Organization> = Api::all(world.admin().await?);
    let told =
        |o: &Organization| o.status.as_ref().is_some_and(|s| s.conditions.iter().any(|c| c.reason == "PolicyUnknown"));
    eventually(&organizations, "t-nopolicy", "told", told).await?;
    Ok(())
}

#[tokio::test]
async fn killed_and_restarted_the_operator_ends_in_the_same_place() -> Result<()> {
    let world = World::new().await?;
    world.unit("t-kill", None).await?;
    let case = world.draft("t-kill", "kill", |_| {}).await?;
    case.to_approval().await?;
    let approval = case.drafted("approval", Verdict::Approve).await?;
    world.operator.kill9().await?;
    case.make(AUTHORITY, &approval).await?;
    assert!(Api::<InformationSystem>::namespaced(world.admin().await?, &case.home()).get_opt("kill").await?.is_none());
    world.operator.restart().await?;
    case.phase(Phase::Trial).await?;
    // A clean stop gives the lease up, and the next one comes to rest without a write.
    world.operator.terminate(PATIENCE).await?;
    let mut audit = world.cluster.audit_from_now()?;
    world.operator.restart().await?;
    let account = "system:serviceaccount:yunguan-system:yunguan";
    let writes = audit.quiet_for(account, std::time::Duration::from_secs(3), PATIENCE).await?;
    let writes: Vec<_> = writes.iter().map(|w| format!("{:?}", w.object_ref)).collect();
    assert!(writes.is_empty(), "{writes:?}");
    Ok(())
}

#[tokio::test]
async fn one_unreadable_object_hides_no_other() -> Result<()> {
    let world = World::new().await?;
    world.unit("t-odd", None).await?;
    // As an older version's object would lie there: the schema is loosened, the object made, and never mended.
    let definitions: Api<k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition> =
        Api::all(world.admin().await?);
    let mut definition = definitions.get("cloudresourcerequests.yunguan.dev").await?;
    for version in &mut definition.spec.versions {
        version.schema = Some(serde_json::from_value(
            serde_json::json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}),
        )?);
        version.selectable_fields = None;
    }
    definitions.replace("cloudresourcerequests.yunguan.dev", &PostParams::default(), &definition).await?;
    let odd = "apiVersion: yunguan.dev/v1alpha1\nkind: CloudResourceRequest\nmetadata: {name: odd, namespace: yg-t-odd}\nspec: {application: 7}\n";
    wait_until("the odd object to be there", PATIENCE, async || {
        let made = world.cluster.kubectl_with(&Person::admin(), &["apply", "--validate=false", "-f", "-"], odd).await?;
        ensure!(made.status == 0, "{}", made.stderr);
        Ok(Some(()))
    })
    .await?;
    let case = world.draft("t-odd", "even", |_| {}).await?;
    case.phase(Phase::Draft).await?;
    world.operator.kill9().await?;
    world.operator.restart().await?;
    case.decide("unit@t-odd", "submission", Verdict::Submit).await?;
    case.phase(Phase::InReview).await?;
    let metrics = world.operator.metrics().await?;
    assert!(metrics.contains("yunguan_undecodable_objects_total{kind=\"CloudResourceRequest\"}"), "it is counted");
    Ok(())
}

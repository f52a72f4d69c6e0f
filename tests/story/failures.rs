//! Failing processes and an object that cannot be read: nothing else stops.

use crate::support::edit;
use crate::world::*;
use anyhow::{Result, ensure};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceValidation, JSONSchemaProps,
};
use kube::Api;
use yunguan::api::cloud_resource_request::Phase;
use yunguan::api::decision::Verdict;
use yunguan::api::{CloudDomain, InformationSystem};
use yunguan_cluster::{Person, wait_until};

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
    let domains: Api<CloudDomain> = Api::all(world.admin().await?);
    let counted = |d: &CloudDomain| d.status.as_ref().is_some_and(|s| s.reservations.is_empty() && s.systems == 1);
    eventually(&domains, "bozhou-main", "the grant counted", counted).await?;
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
    let definitions: Api<CustomResourceDefinition> = Api::all(world.admin().await?);
    let anything = serde_json::from_value::<JSONSchemaProps>(
        serde_json::json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
    )?;
    edit(&definitions, "cloudresourcerequests.yunguan.dev", |definition| {
        for version in &mut definition.spec.versions {
            version.schema = Some(CustomResourceValidation { open_api_v3_schema: Some(anything.clone()) });
            version.selectable_fields = None;
        }
    })
    .await?;
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

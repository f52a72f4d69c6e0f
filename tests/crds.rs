//! The kinds as the API server sees them.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use yunguan::api::cloud_resource_request::DueUnknown;
use yunguan::api::{CloudResourceRequest, CloudResourceRequestStatus};
use yunguan_cluster::{Cluster, Person, wait_until};

/// A definition can be accepted and yet not be served; the conditions say why.
#[tokio::test]
async fn the_api_server_serves_every_kind() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client(&Person::admin()).await?);
    let mut parameters = PatchParams::apply("tests");
    parameters.field_validation = Some(kube::api::ValidationDirective::Strict);
    for definition in yunguan::api::definitions() {
        let name = definition.name_any();
        definitions.patch(&name, &parameters, &Patch::Apply(&definition)).await?;
        wait_until(&format!("{name} to be served"), Duration::from_secs(30), async || {
            let conditions = definitions.get(&name).await?.status.and_then(|status| status.conditions);
            let conditions = conditions.unwrap_or_default();
            if conditions.iter().any(|c| c.type_ == "Established" && c.status == "True") {
                return Ok(Some(()));
            }
            bail!("{conditions:?}")
        })
        .await?;
    }
    Ok(())
}

/// Where the day by which something is due cannot be counted, the column says so instead of staying blank.
#[tokio::test]
async fn a_due_day_that_is_unknown_is_said_in_its_column() -> Result<()> {
    let cluster = crate::support::installed().await?;
    let admin = Person::admin();
    let client = cluster.client(&admin).await?;
    let requests: Api<CloudResourceRequest> = Api::namespaced(client, "default");
    let mut request = crate::world::sample()?;
    request.metadata.namespace = Some("default".to_owned());
    request.metadata.name = Some("due-unknown".to_owned());
    requests.create(&PostParams::default(), &request).await?;
    let operator: Api<CloudResourceRequest> = Api::namespaced(crate::support::operator(cluster).await?, "default");
    let day = jiff::civil::date(2026, 12, 1);
    for (due, due_unknown, shown) in
        [(None, Some(DueUnknown::CalendarMissing), "CalendarMissing"), (Some(day), None, "2026-12-01")]
    {
        let mut request = operator.get("due-unknown").await?;
        request.status = Some(CloudResourceRequestStatus { due, due_unknown, ..CloudResourceRequestStatus::default() });
        operator.replace_status("due-unknown", &PostParams::default(), &request).await?;
        let table = cluster.kubectl(&admin, &["get", "crr", "due-unknown", "-n", "default"]).await?;
        ensure!(table.stdout.contains(shown), "{}{}", table.stdout, table.stderr);
    }
    Ok(())
}

//! The kinds as the API server sees them.

use std::time::Duration;

use anyhow::{Result, bail};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt as _};
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

//! What people write stays as they wrote it, whatever is explicit in it; and what others rest on is not deleted.

use super::*;
use crate::support::{objects, refused_by};
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use serde_json::json;
use std::path::Path;
use yunguan::api::{CloudDomain, GovernancePolicy, Organization, definitions};
use yunguan_cluster::wait_until;

/// Each optional field that an object leaves out, with a value that says nothing: an empty list, false, null.
fn unsaid(schema: &Value, object: &Value, place: &str, found: &mut Vec<(String, Value)>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let place = format!("{place}/{name}");
        match object.get(name) {
            Some(Value::Array(items)) => {
                for (n, item) in items.iter().enumerate() {
                    unsaid(&field["items"], item, &format!("{place}/{n}"), found);
                }
            }
            Some(there) => unsaid(field, there, &place, found),
            None => {
                let empty = match field["type"].as_str() {
                    Some("array") => Some(json!([])),
                    Some("boolean") => Some(json!(false)),
                    Some("object") if field["additionalProperties"].is_object() => Some(json!({})),
                    _ => None,
                };
                found.extend(empty.map(|empty| (place.clone(), empty)));
                found.push((place, Value::Null));
            }
        }
    }
}

/// With every such field that the kind takes.
async fn explicit(kind: &str, api: &Api<DynamicObject>, mut object: Value) -> Result<(Value, usize)> {
    let definition = definitions().into_iter().find(|d| d.spec.names.kind == kind).context("a kind")?;
    let schema = serde_json::to_value(&definition.spec.versions[0].schema)?["openAPIV3Schema"].clone();
    let mut found = Vec::new();
    unsaid(&schema["properties"]["spec"], &object["spec"], "/spec", &mut found);
    let mut said = 0;
    for (place, empty) in found {
        if object.pointer(&place).is_some() {
            continue;
        }
        let mut next = object.clone();
        put(&mut next, &place, empty)?;
        if let Ok(taken) = api.create(&dry_run(), &serde_json::from_value(next.clone())?).await
            && serde_json::to_value(&taken)?.pointer(&place).is_some()
        {
            object = next;
            said += 1;
        }
    }
    Ok((object, said))
}

fn file(path: &str) -> Result<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let objects: Vec<Value> = serde_saphyr::from_multiple(&std::fs::read_to_string(path)?)?;
    objects.into_iter().next().context("an object")
}

/// Each kind that the operator says something of, or puts a finalizer on.
#[tokio::test]
async fn r41_1_what_says_nothing_may_be_written_out_and_stays_as_it_was_written() -> Result<()> {
    let world = world().await?;
    world.unit("t-explicit", None).await?;
    let admin = world.admin().await?;
    let home = "yg-t-explicit";
    let product = file("config/catalog/products/bozhou-main.yaml")?;
    let organization = json!({
        "apiVersion": "yunguan.dev/v1alpha1", "kind": "Organization",
        "spec": {"names": {"zh": "试"}, "socialCreditCode": "11341600MB0110000B", "nature": "Government",
            "policyFamily": "bozhou", "members": [{"role": "unit", "users": ["trial.one@unit"]}]},
    });
    let mut policy = file("config/policies/guoyang-2025.yaml")?;
    policy["spec"]["family"] = json!("t-explicit");
    let sanction = json!({
        "apiVersion": "yunguan.dev/v1alpha1", "kind": "Sanction",
        "spec": {"order": {"unitName": "测试单位t-explicit", "measure": "Warning", "party": "Unit", "ground": "试",
            "article": "第三十四条", "mend": "试"}},
    });
    let kinds = [
        ("Organization", "", organization, true),
        ("GovernancePolicy", "", policy, true),
        ("CloudDomain", "", file("config/samples/domains.yaml")?, false),
        ("CatalogItem", "", file("config/catalog/items/vpn.yaml")?, false),
        ("ServiceProduct", "", product, false),
        ("CloudResourceRequest", home, file("config/samples/requests/health-portal.yaml")?, false),
        ("ResourceChange", home, file("config/samples/changes/minor.yaml")?, false),
        ("Sanction", home, sanction, false),
    ];
    for (kind, namespace, mut object, kept) in kinds {
        let api = objects(&admin, kind, namespace);
        object["metadata"] = json!({"name": "t-said"});
        let (object, said) = explicit(kind, &api, object).await.context(kind)?;
        println!("{kind}: {said} fields that say nothing");
        ensure!(said > 0, "{kind}: nothing to be explicit about");
        let made = api.create(&PostParams::default(), &serde_json::from_value(object.clone())?).await?;
        let looked_at = wait_until(&format!("{kind} to be looked at"), PATIENCE, async || {
            let now = api.get("t-said").await?;
            ensure!(!kept || !now.finalizers().is_empty(), "it has no finalizer");
            ensure!(now.data["status"]["conditions"].is_array(), "{}", now.data["status"]);
            Ok(Some(now))
        })
        .await?;
        ensure!(looked_at.data["spec"] == made.data["spec"], "{kind} is not as it was written");
        ensure!(looked_at.metadata.generation == made.metadata.generation, "{kind} was written to");
        api.delete("t-said", &DeleteParams::default()).await?;
        wait_until(&format!("{kind} to be gone"), PATIENCE, async || {
            Ok(api.get_opt("t-said").await?.is_none().then_some(()))
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn r42_1_what_others_rest_on_is_not_deleted() -> Result<()> {
    let world = world().await?;
    world.unit("t-kept", None).await?;
    let admin = world.admin().await?;
    let organizations: Api<Organization> = Api::all(admin.clone());
    let domains: Api<CloudDomain> = Api::all(admin.clone());
    let policies: Api<GovernancePolicy> = Api::all(admin.clone());
    let spec = domains.get("bozhou-main").await?.spec;
    domains.create(&PostParams::default(), &CloudDomain::new("t-kept", spec)).await?;
    products_for(&admin, "t-kept").await?;
    let case = world.draft("t-kept", "kept", |spec| spec.application.domain = "t-kept".into()).await?;
    // A draft in its home is enough.
    let used = |o: &Organization| o.status.as_ref().and_then(|s| s.in_use) == Some(true);
    eventually(&organizations, "t-kept", "in use", used).await?;
    let now = DeleteParams::default();
    let says = refused_by("yunguan-in-use", organizations.delete("t-kept", &now).await)?;
    told(&says, &["spec.members", "The end of a unit"], Says::Bilingual)?;
    case.to_trial().await?;
    let says = refused_by("yunguan-in-use", domains.delete("t-kept", &now).await)?;
    told(&says, &["systems run in this domain"], Says::Bilingual)?;
    let used = |p: &GovernancePolicy| p.status.as_ref().is_some_and(|s| s.in_use);
    eventually(&policies, "bozhou-2024", "in use", used).await?;
    let says = refused_by("yunguan-in-use", policies.delete("bozhou-2024", &now).await)?;
    told(&says, &["next version"], Says::Bilingual)?;
    // The request may go; what was decided and granted keeps them all.
    objects(&admin, "CloudResourceRequest", &case.home()).delete("kept", &now).await?;
    world.organization("t-kept-not", |_| {}).await?;
    world.home_ready("t-kept-not").await?;
    for (kind, name) in [("Organization", "t-kept"), ("CloudDomain", "t-kept"), ("GovernancePolicy", "bozhou-2024")] {
        refused_by("yunguan-in-use", objects(&admin, kind, "").delete(name, &now).await).context(kind)?;
    }
    // Neither do those go that provide a domain, fill a role of the rules, or pay, though nothing lies in their homes.
    let payer = case.system().await?.spec.grants[0].payer.clone();
    let provider = domains.get("t-kept").await?.spec.provider;
    for name in [payer, provider, "bozhou-data-bureau".to_owned()] {
        let used = |o: &Organization| o.status.as_ref().and_then(|s| s.in_use) == Some(true);
        eventually(&organizations, &name, "in use", used).await?;
        let says = refused_by("yunguan-in-use", organizations.delete(&name, &now).await).context(name)?;
        told(&says, &["others rest on it"], Says::Bilingual)?;
    }
    // Nothing hangs on these.
    organizations.delete("t-kept-not", &now).await?;
    let gone = async || Ok(organizations.get_opt("t-kept-not").await?.is_none().then_some(()));
    wait_until("an empty organization to be gone", PATIENCE, gone).await
}

//! Domains, items and products: what people offer.

use super::*;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams};
use serde_json::json;
use std::collections::BTreeMap;
use tokio::sync::OnceCell;
use yunguan::api::common::Quantity;
use yunguan::api::status::ConditionsStatus;
use yunguan::api::{CatalogItem, CloudDomain, ServiceProduct};
use yunguan_cluster::wait_until;

/// An item that no domain offers, and one of which sixteen units are beyond what can be counted.
pub async fn unoffered(world: &World) -> Result<()> {
    static MADE: OnceCell<()> = OnceCell::const_new();
    MADE.get_or_try_init(async || {
        for name in ["t-unoffered", "t-colossal"] {
            item(world, name).await?;
        }
        product(world, "t-colossal", "t-colossal", "bozhou-main", "1Ei").await?;
        anyhow::Ok(())
    })
    .await?;
    Ok(())
}

async fn item(world: &World, name: &str) -> Result<()> {
    let items: Api<CatalogItem> = Api::all(world.admin().await?);
    items.create(&PostParams::default(), &CatalogItem::new(name, items.get("vcpu").await?.spec)).await?;
    Ok(())
}

async fn product(world: &World, name: &str, item: &str, domain: &str, storage: &str) -> Result<()> {
    let products: Api<ServiceProduct> = Api::all(world.admin().await?);
    let mut spec = products.get("bozhou-main.vcpu").await?.spec;
    (spec.item, spec.domain) = (item.to_owned(), domain.to_owned());
    spec.amounts = BTreeMap::from([("requests.storage".to_owned(), Quantity(storage.to_owned()))]);
    products.create(&PostParams::default(), &ServiceProduct::new(name, spec)).await?;
    Ok(())
}

#[tokio::test]
async fn r13_2_amounts_that_cannot_be_counted_are_refused_when_they_are_written() -> Result<()> {
    use Says::{Bilingual, English};
    let world = world().await?;
    let admin = world.admin().await?;
    let mut tried = 0;
    let mut refuse = async |api: &Api<DynamicObject>, good: &Value, place: &str, value: Value, words: &[&str], says| {
        let mut bad = good.clone();
        put(&mut bad, place, value.clone())?;
        let message = denied(api.create(&dry_run(), &serde_json::from_value(bad)?).await)
            .with_context(|| format!("{place}: {value}"))?;
        tried += 1;
        told(&message, words, says).with_context(|| format!("{place}: {value}"))
    };
    let named = |name: &str| ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
    let (domains, products, items) = (
        Api::<CloudDomain>::all(admin.clone()),
        Api::<ServiceProduct>::all(admin.clone()),
        Api::<CatalogItem>::all(admin),
    );
    let mut domain = domains.get("bozhou-main").await?;
    (domain.metadata, domain.status) = (named("t-bad-domain"), None);
    let mut product = products.get("bozhou-main.vcpu").await?;
    (product.metadata, product.status) = (named("t-bad-product"), None);
    let mut item = items.get("vcpu").await?;
    (item.metadata, item.status) = (named("t-bad-item"), None);
    let (domains, domain) = plain(&domains, &domain)?;
    let (products, product) = plain(&products, &product)?;
    let (items, item) = plain(&items, &item)?;
    let absurd = [
        json!("-1"),
        json!(-1),
        json!("1.5n"),
        json!("9e30"),
        json!("16Ei"),
        json!("1u"),
        json!("0.0001"),
        json!("1e-3"),
        json!("1 Gi"),
        json!("1gi"),
        json!("一"),
        json!(""),
        json!("."),
        json!("1.2.3"),
        json!("+1"),
    ];
    for value in absurd {
        let words = |field: &'static str| [field, "whole thousandths", "such as 500m, 4, 16Gi or 1.5Ti", "数量须为"];
        let at = "/spec/capacity/requests.cpu";
        refuse(&domains, &domain, at, value.clone(), &words("spec.capacity[requests.cpu]"), Bilingual).await?;
        let at = "/spec/amounts/requests.cpu";
        refuse(&products, &product, at, value, &words("spec.amounts[requests.cpu]"), Bilingual).await?;
    }
    let words = ["ASCII name as in quotas", "资源名称只能用英文"];
    for key in ["内存", "requests.内存/x", "requests cpu", "-cpu", ""] {
        refuse(&domains, &domain, &format!("/spec/capacity/{}", key.replace('/', "")), json!("1"), &words, Bilingual)
            .await?;
    }
    refuse(&products, &product, "/spec/amounts/内存", json!("1"), &words, Bilingual).await?;
    let many: BTreeMap<String, &str> = (0..33).map(|n| (format!("r{n}"), "1")).collect();
    refuse(&domains, &domain, "/spec/capacity", json!(many), &["spec.capacity", "at most 32"], English).await?;
    let words = ["spec.networks[0]", "CIDR without bits beyond its prefix", "地址段须为 CIDR"];
    let ranges = |cidrs: Value, except: Value| json!([{"network": "Internet", "cidrs": cidrs, "except": except}]);
    for bad in ["10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "010.0.0.0/8", "::ffff:1.2.3.0/120", "内网", "::1/8"] {
        for networks in [ranges(json!([bad]), json!([])), ranges(json!(["::/0"]), json!([bad]))] {
            refuse(&domains, &domain, "/spec/networks", networks, &words, Bilingual).await?;
        }
    }
    refuse(&domains, &domain, "/spec/overcommitPercent/pods", json!(0), &["overcommitPercent", "1"], English).await?;
    let words = ["spec.amounts", "not all of it zero", "不得全为零"];
    for nothing in [json!({"requests.cpu": "0", "pods": 0}), json!({"requests.cpu": "0.000"}), json!({}), Value::Null] {
        refuse(&products, &product, "/spec/amounts", nothing, &words, Bilingual).await?;
    }
    refuse(
        &items,
        &item,
        "/spec/size/cores",
        json!(-4),
        &["spec.size", "leave out a dimension", "规格须不小于1"],
        Bilingual,
    )
    .await?;
    refuse(&items, &item, "/spec/prices/0/monthly", json!("-1.00"), &["spec.prices[0].monthly"], English).await?;
    refuse(&items, &item, "/spec/prices/0/monthly", json!(1.5), &["spec.prices[0].monthly", "string"], English).await?;
    refuse(
        &items,
        &item,
        "/metadata/name",
        json!("x".repeat(64)),
        &["at most 63 characters", "全称请填 spec.names"],
        Bilingual,
    )
    .await?;
    for fine in ["0", "1", "500m", "1.5", ".5", "1.5Gi", "1Ei", "2k", "3e3", "0.125"] {
        let mut good = domain.clone();
        put(&mut good, "/spec/capacity/requests.cpu", json!(fine))?;
        domains.create(&dry_run(), &serde_json::from_value(good)?).await.with_context(|| fine.to_owned())?;
    }
    println!("offers refused when they are written: {tried}");
    Ok(())
}

fn condition<'s>(status: Option<&'s ConditionsStatus>, type_: &str) -> (&'s str, &'s str, &'s str) {
    let found = status.and_then(|s| s.conditions.iter().find(|c| c.type_ == type_));
    found.map_or(("", "", ""), |c| (c.status.as_str(), c.reason.as_str(), c.message.as_str()))
}

#[tokio::test]
async fn r13_2_a_product_that_nobody_can_have_says_why() -> Result<()> {
    let world = world().await?;
    world.unit("t-in-offer", None).await?;
    let products: Api<ServiceProduct> = Api::all(world.admin().await?);
    let verdict = async |name: &str, type_: &str, status: &str, words: &[&str]| -> Result<()> {
        let reached = |p: &ServiceProduct| condition(p.status.as_ref(), type_).0 == status;
        let found = eventually(&products, name, &format!("{type_}={status}"), reached).await?;
        told(condition(found.status.as_ref(), type_).2, words, Says::Bilingual).with_context(|| name.to_owned())
    };
    item(world, "t-lamp").await?;
    product(world, "t-no-item", "t-lamb", "bozhou-main", "1Gi").await?;
    verdict("t-no-item", "Valid", "False", &["spec.item: there is no CatalogItem t-lamb", "t-lamp", "没有目录项"])
        .await?;
    product(world, "t-no-domain", "t-lamp", "moon", "1Gi").await?;
    verdict("t-no-domain", "Valid", "False", &["spec.domain: there is no CloudDomain moon", "bozhou-main", "没有云域"])
        .await?;
    product(world, "t-lamp", "t-lamp", "bozhou-main", "1Gi").await?;
    verdict("t-lamp", "Ready", "True", &["可供申请"]).await?;
    product(world, "t-twin", "t-lamp", "bozhou-main", "2Gi").await?;
    for (name, other) in [("t-lamp", "t-twin"), ("t-twin", "t-lamp")] {
        verdict(name, "Valid", "False", &[&format!("spec.item: {other} is a product for item t-lamp"), "delete one"])
            .await?;
    }
    products.delete("t-twin", &DeleteParams::default()).await?;
    verdict("t-lamp", "Ready", "True", &["可供申请"]).await?;
    item(world, "t-huge").await?;
    product(world, "t-huge", "t-huge", "bozhou-main", "1Ei").await?;
    let words = [
        "has not so much as one unit needs",
        "requests.storage: 1Ei wanted",
        "correct spec.amounts",
        "容量不足一个单位",
    ];
    verdict("t-huge", "Ready", "False", &words).await?;
    verdict("t-huge", "Valid", "True", &["服务产品可用"]).await?;

    // Items say whether anybody offers them, and are held back by nothing else.
    let items: Api<CatalogItem> = Api::all(world.admin().await?);
    unoffered(world).await?;
    let reached = |type_: &'static str, reason: &'static str| {
        move |i: &CatalogItem| condition(i.status.as_ref(), type_).1 == reason
    };
    let lone = eventually(&items, "t-unoffered", "NoProduct", reached("Ready", "NoProduct")).await?;
    let words = ["no domain offers it", "spec.item t-unoffered", "请云服务商创建服务产品"];
    told(condition(lone.status.as_ref(), "Ready").2, &words, Says::Bilingual)?;
    eventually(&items, "t-lamp", "Offered", reached("Ready", "Offered")).await?;
    let odd = Patch::Merge(json!({"spec": {"serviceType": "Lampp"}}));
    items.patch("t-lamp", &PatchParams::default(), &odd).await?;
    let warned = eventually(&items, "t-lamp", "a warning", reached("Valid", "TypeUnlisted")).await?;
    let (valid, _, message) = condition(warned.status.as_ref(), "Valid");
    told(message, &["spec.serviceType: no policy lists Lampp", "correct it", "请更正"], Says::Bilingual)?;
    ensure!(valid == "True" && condition(warned.status.as_ref(), "Ready").0 == "True", "a warning alone");
    println!("offers that say in a condition what is wrong: 7");
    goes_on(world, "t-in-offer", "ordinary").await
}

/// Whatever changes, what stands is not written again.
#[tokio::test]
async fn conditions_of_the_catalog_are_written_only_when_they_turn() -> Result<()> {
    let world = World::new().await?;
    let items: Api<CatalogItem> = Api::all(world.admin().await?);
    let products: Api<ServiceProduct> = Api::all(world.admin().await?);
    wait_until("the catalog to be judged", PATIENCE, async || {
        let items = items.list(&ListParams::default()).await?;
        let products = products.list(&ListParams::default()).await?;
        let open =
            items.iter().filter(|i| condition(i.status.as_ref(), "Ready").0 != "True").map(ResourceExt::name_any);
        let late =
            products.iter().filter(|p| condition(p.status.as_ref(), "Ready").0 != "True").map(ResourceExt::name_any);
        let waiting: Vec<String> = open.chain(late).collect();
        ensure!(waiting.is_empty() && items.items.len() > 30, "not yet: {waiting:?}");
        Ok(Some(()))
    })
    .await?;
    let written = |log: &mut yunguan_cluster::audit::Log| -> Result<BTreeMap<String, Vec<Value>>> {
        let mut writes: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for event in log.new_events()? {
            let Some(object) = event.object_ref.as_ref().filter(|o| o.subresource == "status") else { continue };
            if ["catalogitems", "serviceproducts"].contains(&object.resource.as_str()) && event.code() == 200 {
                let status = event.request_object.as_ref().map(|object| object["status"].clone()).unwrap_or_default();
                writes.entry(format!("{}/{}", object.resource, object.name)).or_default().push(status);
            }
        }
        Ok(writes)
    };
    let writes = written(&mut world.cluster.audit())?;
    for (name, each) in &writes {
        // While the rules come in one by one, an item may be offered by none yet, or its type be in none of the policies.
        ensure!(each.len() <= 4 && each.windows(2).all(|pair| pair[0] != pair[1]), "{name}: {each:?}");
    }
    let total: usize = writes.values().map(Vec::len).sum();
    println!("objects of the catalog: {}, writes of their status until all stood: {total}", writes.len());
    // One more domain and its product, and an item that goes: each of the others stands as it was.
    let mut log = world.cluster.audit_from_now()?;
    let mut small: CloudDomain = Api::<CloudDomain>::all(world.admin().await?).get("bozhou-main").await?;
    small.metadata = ObjectMeta { name: Some("t-more".into()), ..ObjectMeta::default() };
    small.status = None;
    Api::<CloudDomain>::all(world.admin().await?).create(&PostParams::default(), &small).await?;
    product(&world, "t-more.vcpu", "vcpu", "t-more", "1Gi").await?;
    let judged = |p: &ServiceProduct| !condition(p.status.as_ref(), "Ready").0.is_empty();
    eventually(&products, "t-more.vcpu", "judged", judged).await?;
    let account = "system:serviceaccount:yunguan-system:yunguan";
    world.cluster.audit_from_now()?.quiet_for(account, std::time::Duration::from_secs(2), PATIENCE).await?;
    let writes = written(&mut log)?;
    ensure!(writes.keys().collect::<Vec<_>>() == ["serviceproducts/t-more.vcpu"], "{writes:?}");
    world.unit("t-calm", None).await?;
    goes_on(&world, "t-calm", "ordinary").await
}

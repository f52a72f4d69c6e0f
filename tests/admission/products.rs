//! What products give and domains have, by name: the API server refuses where it is written what it would refuse in a quota, or
//! take and count nothing by.

use anyhow::{Result, ensure};
use kube::api::{DynamicObject, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use yunguan::api::common::{Quantity, QuantityMap};
use yunguan::core::resources::{Given, canonical, is_held, problems};
use yunguan_cluster::Person;

use crate::support::{installed, object, objects};

/// Whether an object could be created; what the API server says where not.
async fn taken(api: &Api<DynamicObject>, wanted: Value) -> Result<Option<String>> {
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    match api.create(&dry, &object(wanted)?).await {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(status)) if status.code == 422 => Ok(Some(status.message.clone())),
        Err(error) => Err(error.into()),
    }
}

async fn product(client: &Client, fulfilment: &str, amounts: Value) -> Result<Option<String>> {
    let spec = json!({"item": "vcpu", "domain": "names", "fulfilment": fulfilment, "amounts": amounts});
    let wanted = json!({"apiVersion": "yunguan.dev/v1alpha1", "kind": "ServiceProduct",
        "metadata": {"name": "names.vcpu"}, "spec": spec});
    taken(&objects(client, "ServiceProduct", ""), wanted).await
}

async fn domain(client: &Client, capacity: Value) -> Result<Option<String>> {
    let spec = json!({"names": {"zh": "试"}, "provider": "cloud", "capacity": capacity});
    let wanted = json!({"apiVersion": "yunguan.dev/v1alpha1", "kind": "CloudDomain",
        "metadata": {"name": "names"}, "spec": spec});
    taken(&objects(client, "CloudDomain", ""), wanted).await
}

async fn quota(client: &Client, name: &str, amount: &str) -> Result<Option<String>> {
    let wanted = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "names"},
        "spec": {"hard": {name: amount}}});
    taken(&objects(client, "ResourceQuota", "default"), wanted).await
}

/// Names and amounts, and whether a product that is fulfilled by Quota may say so.
const TABLE: [(&str, &str, bool); 72] = [
    ("requests.cpu", "500m", true),
    ("limits.cpu", "1.5", true),
    ("requests.memory", "1Gi", true),
    ("limits.memory", "0.5Gi", true),
    ("requests.storage", "1Ti", true),
    ("requests.ephemeral-storage", "1Gi", true),
    ("limits.ephemeral-storage", "1Gi", true),
    ("pods", "10", true),
    ("services", "3", true),
    ("services.loadbalancers", "1", true),
    ("services.nodeports", "1", true),
    ("persistentvolumeclaims", "2000m", true),
    ("configmaps", "1k", true),
    ("secrets", "1", true),
    ("replicationcontrollers", "1", true),
    ("resourcequotas", "1", true),
    ("cpu", "1", true),
    ("memory", "2Gi", true),
    ("storage", "1Gi", true),
    ("ephemeral-storage", "1Gi", true),
    ("hugepages-2Mi", "1Gi", true),
    ("requests.hugepages-1Gi", "4Gi", true),
    ("nvidia.com/gpu", "1", true),
    ("requests.nvidia.com/gpu", "2", true),
    ("requests.nvidia.com/mig-1g.5gb", "1", true),
    ("intel.com/qat_generic", "1", true),
    ("count/deployments.apps", "5", true),
    ("count/pods", "5", true),
    ("ssd.storageclass.storage.k8s.io/requests.storage", "1Gi", true),
    ("ssd.fast.storageclass.storage.k8s.io/persistentvolumeclaims", "1", true),
    ("gpu.example.com.deviceclass.resource.k8s.io/devices", "1", true),
    ("deviceclass.resource.kubernetes.io/gpu.example.com", "1", true),
    ("requests.deviceclass.resource.kubernetes.io/gpu", "1", true),
    ("bandwidth.mbps", "500m", true),
    ("racks.units", "1", true),
    ("pods", "2500m", false),
    ("services.loadbalancers", "1.5", false),
    ("requests.nvidia.com/gpu", "500m", false),
    ("nvidia.com/gpu", "0.5", false),
    ("requests.memory", "1500m", false),
    ("count/jobs.batch", "1.5", false),
    ("ssd.storageclass.storage.k8s.io/requests.storage", "500m", false),
    ("gpu.deviceclass.resource.k8s.io/devices", "1500m", false),
    ("request.cpu", "1", false),
    ("Requests.CPU", "1", false),
    ("requests.cpus", "1", false),
    ("cpus", "1", false),
    ("mem", "1Gi", false),
    ("CPU", "1", false),
    ("requests.pods", "1", false),
    ("limits.storage", "1Gi", false),
    ("limits.pods", "1", false),
    ("services.loadbalancer", "1", false),
    ("limits.hugepages-2Mi", "1Gi", false),
    ("hugepages-2M", "1Gi", false),
    ("hugepages-0Mi", "1Gi", false),
    ("limits.nvidia.com/gpu", "1", false),
    ("request.nvidia.com/gpu", "1", false),
    ("requests.requests.nvidia.com/gpu", "1", false),
    ("gpu/one", "1", false),
    ("requests.gpu/one", "1", false),
    ("Nvidia.com/gpu", "1", false),
    ("kubernetes.io/gpu", "1", false),
    ("requests.node.kubernetes.io/gpu", "1", false),
    ("count/Deployments.apps", "1", false),
    ("ssd.storageclass.storage.k8s.io/storage", "1Gi", false),
    (".storageclass.storage.k8s.io/requests.storage", "1Gi", false),
    ("gpu.deviceclass.resource.k8s.io/device", "1", false),
    ("gpu", "1", false),
    ("vcpu", "1", false),
    ("licences", "1", false),
    ("requests.nvidia.com/gpu/one", "1", false),
];

#[tokio::test]
async fn r13_2_what_a_product_gives_can_be_put_into_a_quota() -> Result<()> {
    let cluster = installed().await?;
    let client = cluster.client(&Person::admin()).await?;
    for (name, amount, sound) in TABLE {
        let amounts: QuantityMap = [(name.to_owned(), Quantity(amount.to_owned()))].into();
        // The rules of the operator, and of `yunguan check`.
        let found = problems("spec.amounts", &amounts, Given::ByQuota);
        ensure!(found.is_empty() == sound, "{name}={amount}: {found:?}");
        // The schema says the same where it is written.
        let refused = product(&client, "Quota", json!({name: amount})).await?;
        ensure!(refused.is_none() == sound, "{name}={amount}: {refused:?}");
        if let Some(message) = &refused {
            ensure!(message.contains("spec.amounts"), "{name}: {message}");
        }
        // And so does the quota, by the name that counts.
        if sound && is_held(name) {
            let refused = quota(&client, &canonical(name), amount).await?;
            ensure!(refused.is_none(), "{name}={amount}: {refused:?}");
        }
        // A domain has what its products give, and what people open.
        let by_domain = problems("spec.capacity", &amounts, Given::ByDomain).is_empty();
        let refused = domain(&client, json!({name: amount})).await?;
        ensure!(refused.is_none() == by_domain, "{name}={amount}: {refused:?}");
    }
    let refusals = [("pods", "2500m"), ("requests.pods", "1"), ("gpu", "1"), ("CPU", "1")];
    for (name, amount) in refusals {
        ensure!(quota(&client, name, amount).await?.is_some(), "the API server takes {name}={amount}");
    }
    Ok(())
}

#[tokio::test]
async fn r13_2_what_a_person_opens_may_be_anything_and_nothing_is_named_twice() -> Result<()> {
    let cluster = installed().await?;
    let client = cluster.client(&Person::admin()).await?;
    for amounts in [json!({"gpu": 1}), json!({"limits.nvidia.com/gpu": "1"}), json!({"licences": "0.5"})] {
        let refused = product(&client, "Manual", amounts.clone()).await?;
        ensure!(refused.is_none(), "{amounts}: {refused:?}");
    }
    for twice in [json!({"cpu": "1", "requests.cpu": "1"}), json!({"a.b/gpu": "1", "requests.a.b/gpu": "1"})] {
        for fulfilment in ["Quota", "Manual"] {
            let refused = product(&client, fulfilment, twice.clone()).await?.unwrap_or_default();
            ensure!(refused.contains("named once"), "{twice}: {refused}");
        }
        let refused = domain(&client, twice.clone()).await?.unwrap_or_default();
        ensure!(refused.contains("named once"), "{twice}: {refused}");
    }
    Ok(())
}

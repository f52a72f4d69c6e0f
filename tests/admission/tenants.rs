//! What people may do in their system's namespace, and whom they let in.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use yunguan_cluster::{Cluster, Person};

use crate::support::{
    bind, installed, made, managed_namespace, objects, operator, refused, refused_by, user, wait_for_right,
};

/// What everybody types first.
async fn gets_all(cluster: &Cluster, namespace: &str, role: &str) -> Result<()> {
    let person = Person::new(format!("{namespace}-{role}"));
    let all = cluster.kubectl(&person, &["get", "all", "-n", namespace]).await?;
    ensure!(all.status == 0, "{role}: {}", all.stderr);
    Ok(())
}

async fn tenant(cluster: &Cluster, namespace: &str, role: &str) -> Result<Client> {
    let person = Person::new(format!("{namespace}-{role}"));
    bind(&operator(cluster).await?, namespace, &format!("yunguan-tenant-{role}"), user(&person.name)).await?;
    wait_for_right(cluster, &person, "list", "/pods/", namespace, true).await?;
    cluster.client(&person).await
}

fn deployment() -> Value {
    let labels = json!({"app": "web"});
    let container = json!({"name": "web", "image": "example.org/web:1"});
    json!({"spec": {"selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}}})
}

#[tokio::test]
async fn r35_1_a_developer_runs_a_system_and_opens_nothing() -> Result<()> {
    let cluster = installed().await?;
    let namespace = "ygs-admission-developer";
    let operator = operator(cluster).await?;
    managed_namespace(&operator, namespace).await?;
    let developer = tenant(cluster, namespace, "developer").await?;
    let new = PostParams::default();
    for (kind, rest) in [
        ("ConfigMap", json!({})),
        ("Secret", json!({"stringData": {"a": "b"}})),
        ("ServiceAccount", json!({})),
        ("Deployment", deployment()),
    ] {
        objects(&developer, kind, namespace).create(&new, &made(kind, "mine", &[], rest)?).await.context(kind)?;
    }
    gets_all(cluster, namespace, "developer").await?;
    // A pod that the Pod Security standard does not allow.
    let on_the_node = json!({"spec": {"hostNetwork": true, "containers": [{"name": "a", "image": "example.org/a:1"}]}});
    let message =
        refused(objects(&developer, "Pod", namespace).create(&new, &made("Pod", "root", &[], on_the_node)?).await)?;
    ensure!(message.contains("PodSecurity"), "{message}");

    // Tokens: by asking, by a Secret that the control plane would fill, by posing as a service account.
    let accounts: Api<ServiceAccount> = Api::namespaced(developer.clone(), namespace);
    refused(accounts.create_token_request("mine", &new, &TokenRequest::default()).await)?;
    let mut token = made("Secret", "token", &[], json!({"type": "kubernetes.io/service-account-token"}))?;
    token.metadata.annotations = Some([("kubernetes.io/service-account.name".to_owned(), "mine".to_owned())].into());
    refused_by("yunguan-account-tokens", objects(&developer, "Secret", namespace).create(&new, &token).await)?;
    let posing = format!("system:serviceaccount:{namespace}:mine");
    let name = format!("{namespace}-developer");
    let output = cluster.kubectl(&Person::new(&name), &["get", "pods", "-n", namespace, "--as", &posing]).await?;
    ensure!(output.status != 0 && output.stderr.contains("cannot impersonate"), "{}", output.stderr);

    for kind in ["Role", "RoleBinding", "NetworkPolicy", "ResourceQuota", "LimitRange"] {
        let (role, spec) = (
            json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}),
            json!({"podSelector": {}}),
        );
        let extra = match kind {
            "RoleBinding" => made(kind, "extra", &[], json!({"roleRef": role, "subjects": user("friend")}))?,
            "NetworkPolicy" => made(kind, "extra", &[], json!({"spec": spec}))?,
            _ => made(kind, "extra", &[], json!({}))?,
        };
        refused(objects(&developer, kind, namespace).create(&new, &extra).await).context(kind)?;
    }
    let labels = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}});
    refused(
        objects(&developer, "Namespace", "").patch(namespace, &PatchParams::default(), &Patch::Merge(labels)).await,
    )?;
    // Nor anywhere else.
    for elsewhere in ["default", "kube-system", "yunguan-system"] {
        refused(objects(&developer, "Pod", elsewhere).list(&ListParams::default()).await)?;
        refused(objects(&developer, "Secret", elsewhere).list(&ListParams::default()).await)?;
    }
    Ok(())
}

#[tokio::test]
async fn r35_1_a_guest_sees_no_secret_and_works_only_where_let() -> Result<()> {
    let cluster = installed().await?;
    let namespace = "ygs-admission-guests";
    managed_namespace(&operator(cluster).await?, namespace).await?;
    let developer = tenant(cluster, namespace, "developer").await?;
    let new = PostParams::default();
    objects(&developer, "Deployment", namespace).create(&new, &made("Deployment", "web", &[], deployment())?).await?;
    let scale = json!({"spec": {"replicas": 2}});
    let image = json!({"metadata": {"labels": {"a": "b"}}});
    for role in ["guest-view", "guest-operate"] {
        let guest = tenant(cluster, namespace, role).await?;
        gets_all(cluster, namespace, role).await?;
        let deployments = objects(&guest, "Deployment", namespace);
        deployments.get("web").await.context(role)?;
        let scaled = deployments.patch_scale("web", &PatchParams::default(), &Patch::Merge(&scale)).await;
        if role == "guest-operate" {
            assert_eq!(scaled?.spec.and_then(|spec| spec.replicas), Some(2));
        } else {
            refused(scaled)?;
        }
        refused(deployments.patch("web", &PatchParams::default(), &Patch::Merge(&image)).await)?;
        refused(deployments.delete("web", &DeleteParams::default()).await)?;
        refused(objects(&guest, "Secret", namespace).list(&ListParams::default()).await)?;
        refused(objects(&guest, "ConfigMap", namespace).create(&new, &made("ConfigMap", "c", &[], json!({}))?).await)?;
        refused(objects(&guest, "RoleBinding", namespace).list(&ListParams::default()).await)?;
    }
    Ok(())
}

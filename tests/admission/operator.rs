//! What somebody could do who has taken the operator's token: rows 2 to 4 of docs/security.md, live.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::authorization::v1::SelfSubjectAccessReview;
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use yunguan::api::names::{
    CLUSTER_ROLE_DEVELOPER, CLUSTER_ROLE_GUEST_OPERATE, CLUSTER_ROLE_GUEST_VIEW, SHIPPED_ROLES, cluster_role,
};
use yunguan_cluster::Person;

use crate::support::{
    MANAGED, binding, installed, made, managed_namespace, object, objects, operator, refused, refused_by, user,
};

/// The roles that it may bind.
pub fn bindable() -> BTreeSet<String> {
    let tenants = [CLUSTER_ROLE_DEVELOPER, CLUSTER_ROLE_GUEST_VIEW, CLUSTER_ROLE_GUEST_OPERATE];
    SHIPPED_ROLES.into_iter().map(cluster_role).chain(tenants.map(str::to_owned)).collect()
}

#[tokio::test]
async fn r7_1_the_operator_binds_our_roles_and_no_other() -> Result<()> {
    let cluster = installed().await?;
    let namespace = "yg-admission-bind";
    let operator = operator(cluster).await?;
    managed_namespace(&operator, namespace).await?;
    let bindings = objects(&operator, "RoleBinding", namespace);
    let admin = cluster.client(&Person::admin()).await?;
    let roles = Api::<ClusterRole>::all(admin).list(&ListParams::default()).await?;
    let ours = bindable();
    let (mut allowed, mut denied) = (0, 0);
    for role in roles.items.iter().map(ResourceExt::name_any) {
        let name = format!("try-{}", role.replace(':', "-"));
        let answer = bindings.create(&PostParams::default(), &binding(&name, &role, &user("somebody"))?).await;
        if ours.contains(&role) {
            answer.with_context(|| role.clone())?;
            allowed += 1;
        } else {
            refused(answer).with_context(|| role.clone())?;
            denied += 1;
        }
    }
    println!("bindings by the operator: {allowed} allowed, {denied} refused");
    ensure!(allowed == ours.len() && denied > 50, "{allowed} {denied}");

    // What it holds itself it could pass on, if RBAC alone were asked.
    let role = "yunguan-operator";
    refused_by(
        "yunguan-operator-objects",
        bindings.create(&PostParams::default(), &binding("own", role, &user("x"))?).await,
    )?;
    // A Role of the namespace, whatever it is called, is none of ours.
    let admin = cluster.client(&Person::admin()).await?;
    let role = made("Role", "yunguan-unit", &[], json!({"rules": []}))?;
    objects(&admin, "Role", namespace).create(&PostParams::default(), &role).await?;
    let mut local = binding("local", "yunguan-unit", &user("x"))?;
    local.data["roleRef"]["kind"] = json!("Role");
    refused_by("yunguan-operator-objects", bindings.create(&PostParams::default(), &local).await)?;
    // People and their groups only.
    let everybody = json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"}]);
    let account = json!([{"kind": "ServiceAccount", "name": "default", "namespace": "default"}]);
    for subjects in [everybody, account, user("system:anonymous")] {
        let bound = binding("system", "yunguan-unit", &subjects)?;
        refused_by("yunguan-operator-objects", bindings.create(&PostParams::default(), &bound).await)?;
    }
    Ok(())
}

#[tokio::test]
async fn the_operator_writes_in_its_own_namespaces_only() -> Result<()> {
    let cluster = installed().await?;
    let operator = operator(cluster).await?;
    let admin = cluster.client(&Person::admin()).await?;
    // Somebody else's, which even has a name like ours.
    let foreign = "yg-admission-foreign";
    let new = PostParams::default();
    objects(&admin, "Namespace", "").create(&new, &made("Namespace", foreign, &[], json!({}))?).await?;
    let bound = binding("yunguan-unit", "yunguan-unit", &user("somebody"))?;
    let quota = made("ResourceQuota", "yunguan", &[MANAGED], json!({"spec": {"hard": {"pods": "1"}}}))?;
    let limits = made("LimitRange", "yunguan", &[MANAGED], json!({"spec": {"limits": []}}))?;
    let policy = made("NetworkPolicy", "yunguan", &[MANAGED], json!({"spec": {"podSelector": {}}}))?;
    let objects_ =
        [("RoleBinding", bound), ("ResourceQuota", quota), ("LimitRange", limits), ("NetworkPolicy", policy)];
    let mut tries = 0;
    for namespace in ["kube-system", "default", "kube-public", "yunguan-system", foreign] {
        for (kind, object) in &objects_ {
            let answer = objects(&operator, kind, namespace).create(&new, object).await;
            refused_by("yunguan-operator-objects", answer).with_context(|| format!("{kind} in {namespace}"))?;
            tries += 1;
        }
    }
    // What stands there it may not delete either.
    let theirs = made("ResourceQuota", "theirs", &[], json!({"spec": {"hard": {"pods": "9"}}}))?;
    objects(&admin, "ResourceQuota", foreign).create(&new, &theirs).await?;
    let deleted = objects(&operator, "ResourceQuota", foreign).delete("theirs", &DeleteParams::default()).await;
    refused_by("yunguan-operator-objects", deleted)?;
    let mut theirs = binding("theirs", "view", &user("somebody"))?;
    theirs.metadata.labels = None;
    objects(&admin, "RoleBinding", "default").create(&new, &theirs).await?;
    let deleted = objects(&operator, "RoleBinding", "default").delete("theirs", &DeleteParams::default()).await;
    refused_by("yunguan-operator-objects", deleted)?;

    let namespaces = objects(&operator, "Namespace", "");
    let restricted = ("pod-security.kubernetes.io/enforce", "restricted");
    let forbidden = [
        made("Namespace", "admission-other", &[MANAGED, restricted], json!({}))?,
        made("Namespace", "kube-yg", &[MANAGED, restricted], json!({}))?,
        made("Namespace", "yg-unlabelled", &[restricted], json!({}))?,
        made("Namespace", "yg-unsafe", &[MANAGED], json!({}))?,
        made("Namespace", "yg-unsafe", &[MANAGED, ("pod-security.kubernetes.io/enforce", "privileged")], json!({}))?,
    ];
    for namespace in &forbidden {
        refused_by("yunguan-operator-namespaces", namespaces.create(&new, namespace).await)?;
        tries += 1;
    }
    let own = "yg-admission-own";
    managed_namespace(&operator, own).await?;
    // It neither takes over a namespace, nor lets one go, nor opens one.
    for (namespace, key, value) in [
        (foreign, MANAGED.0, json!("true")),
        ("default", MANAGED.0, json!("true")),
        ("kube-system", restricted.0, json!("privileged")),
        (own, MANAGED.0, Value::Null),
        (own, restricted.0, json!("privileged")),
    ] {
        let mut whole = namespaces.get(namespace).await?;
        let labels = whole.metadata.labels.get_or_insert_default();
        match value.as_str() {
            Some(value) => labels.insert(key.to_owned(), value.to_owned()),
            None => labels.remove(key),
        };
        refused_by("yunguan-operator-namespaces", namespaces.replace(namespace, &new, &whole).await)
            .with_context(|| namespace.to_owned())?;
        tries += 1;
    }
    for namespace in ["kube-node-lease", "yunguan-system", foreign] {
        refused_by("yunguan-operator-namespaces", namespaces.delete(namespace, &DeleteParams::default()).await)?;
        tries += 1;
    }
    // Nor does it let one go to itself: where somebody of the authority has not marked it, no annotation of its own helps.
    for namespace in [foreign, "default"] {
        let mut whole = namespaces.get(namespace).await?;
        whole.labels_mut().insert(MANAGED.0.to_owned(), "true".to_owned());
        whole.labels_mut().insert(restricted.0.to_owned(), restricted.1.to_owned());
        whole.annotations_mut().insert("yunguan.dev/adopt".to_owned(), "yg-a/b/c".to_owned());
        refused_by("yunguan-operator-namespaces", namespaces.replace(namespace, &new, &whole).await)?;
        tries += 1;
    }
    let mut own_whole = namespaces.get(own).await?;
    own_whole.annotations_mut().insert("yunguan.dev/adopt".to_owned(), "yg-a/b/c".to_owned());
    refused_by("yunguan-operator-namespaces", namespaces.replace(own, &new, &own_whole).await)?;
    // What holds in its own namespaces it does not take out of them.
    let quota = made("ResourceQuota", "yunguan", &[MANAGED], json!({"spec": {"hard": {"pods": "1"}}}))?;
    objects(&operator, "ResourceQuota", own).create(&new, &quota).await?;
    let deleted = objects(&operator, "ResourceQuota", own).delete("yunguan", &DeleteParams::default()).await;
    refused_by("yunguan-operator-objects", deleted)?;
    // A network that the domain has no more is shut again; what shuts the namespace as a whole stays.
    for (name, taken) in [("yunguan-internet", true), ("yunguan-default-deny", false)] {
        let policies = objects(&operator, "NetworkPolicy", own);
        policies.create(&new, &made("NetworkPolicy", name, &[MANAGED], json!({"spec": {"podSelector": {}}}))?).await?;
        let deleted = policies.delete(name, &DeleteParams::default()).await;
        if taken {
            deleted?;
        } else {
            refused_by("yunguan-operator-objects", deleted)?;
        }
    }
    // Without the label nothing would guard its own objects.
    let bare = made("LimitRange", "bare", &[], json!({"spec": {"limits": []}}))?;
    refused_by("yunguan-operator-objects", objects(&operator, "LimitRange", own).create(&new, &bare).await)?;
    println!("the operator outside of its namespaces: {tries} refused");
    Ok(())
}

#[tokio::test]
async fn r7_1_the_operator_appoints_nobody() -> Result<()> {
    let cluster = installed().await?;
    let operator = operator(cluster).await?;
    let text = std::fs::read_to_string(crate::support::repository("config/samples/organizations.yaml"))?;
    let mut organization: Value = serde_saphyr::from_multiple(&text)?.into_iter().next().context("an organization")?;
    organization["metadata"]["name"] = json!("admission-appoint");
    let admin = cluster.client(&Person::admin()).await?;
    objects(&admin, "Organization", "").create(&PostParams::default(), &object(organization)?).await?;
    let organizations = objects(&operator, "Organization", "");
    let patched = async |change: Value| {
        organizations.patch("admission-appoint", &PatchParams::default(), &Patch::Merge(change)).await
    };
    patched(json!({"metadata": {"finalizers": ["yunguan.dev/home"]}})).await?;
    let members = json!({"spec": {"members": [{"role": "authority", "users": ["mallory"]}]}});
    refused_by("yunguan-operator-organizations", patched(members).await)?;
    // Written whole it would lose what says nothing.
    let whole = objects(&admin, "Organization", "").get("admission-appoint").await?;
    refused(organizations.replace("admission-appoint", &PostParams::default(), &whole).await)?;
    patched(json!({"metadata": {"finalizers": null}})).await?;
    objects(&admin, "Organization", "").delete("admission-appoint", &DeleteParams::default()).await?;
    Ok(())
}

#[tokio::test]
async fn the_operator_reads_no_secret_and_runs_nothing() -> Result<()> {
    let cluster = installed().await?;
    let reviews: Api<SelfSubjectAccessReview> = Api::all(operator(cluster).await?);
    let wanted = [
        ("", "secrets", "list"),
        ("", "secrets", "get"),
        ("", "configmaps", "list"),
        ("", "pods", "create"),
        ("", "pods", "update"),
        ("", "pods/exec", "create"),
        ("apps", "deployments", "list"),
        ("batch", "cronjobs", "create"),
        ("", "persistentvolumes", "create"),
        ("", "persistentvolumeclaims", "patch"),
        ("", "serviceaccounts/token", "create"),
        ("", "users", "impersonate"),
        ("", "groups", "impersonate"),
        ("", "nodes", "list"),
        ("rbac.authorization.k8s.io", "clusterroles", "escalate"),
        ("rbac.authorization.k8s.io", "clusterroles", "create"),
        ("rbac.authorization.k8s.io", "clusterroles", "get"),
        ("rbac.authorization.k8s.io", "clusterrolebindings", "create"),
        ("rbac.authorization.k8s.io", "roles", "create"),
        ("admissionregistration.k8s.io", "validatingadmissionpolicies", "delete"),
        ("apiextensions.k8s.io", "customresourcedefinitions", "delete"),
        ("yunguan.dev", "decisions", "create"),
        ("yunguan.dev", "decisions", "approve"),
        ("yunguan.dev", "decisions", "delete"),
        ("yunguan.dev", "cloudresourcerequests", "update"),
        ("yunguan.dev", "governancepolicies", "create"),
        ("yunguan.dev", "governancepolicies", "delete"),
        ("yunguan.dev", "ledgerentries", "update"),
        ("yunguan.dev", "informationsystems", "delete"),
        ("certificates.k8s.io", "certificatesigningrequests", "create"),
    ];
    for (group, resource, verb) in wanted {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let attributes = json!({"group": group, "resource": resource, "subresource": subresource, "verb": verb, "namespace": "kube-system"});
        let review = serde_json::from_value(json!({"metadata": {}, "spec": {"resourceAttributes": attributes}}))?;
        let status = reviews.create(&PostParams::default(), &review).await?.status.context("no answer")?;
        ensure!(!status.allowed, "the operator may {verb} {resource}");
    }
    Ok(())
}

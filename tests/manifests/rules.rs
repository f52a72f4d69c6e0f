//! What the manifests give to whom: rows 1, 2, 5 and 6 of docs/security.md, as far as manifests show it. The roles that every
//! cluster has are judged by the same measure, so that it is seen to find something.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};
use yunguan::api::names::{SHIPPED_ROLES, cluster_role};
use yunguan_cluster::Person;

use super::{Objects, installation};
use crate::support::{OPERATOR_NAMESPACE, installed, made, objects, refused};

const READING: [&str; 3] = ["get", "list", "watch"];
/// What confines a tenant.
const CONFINING: [(&str, &str); 5] = [
    ("networking.k8s.io", "networkpolicies"),
    ("rbac.authorization.k8s.io", "rolebindings"),
    ("rbac.authorization.k8s.io", "roles"),
    ("", "resourcequotas"),
    ("", "limitranges"),
];

fn roles(objects: &Objects) -> Result<BTreeMap<String, Vec<PolicyRule>>> {
    let roles = objects.values().filter(|object| object["kind"] == "ClusterRole" || object["kind"] == "Role");
    roles
        .map(|role| {
            let name = role["metadata"]["name"].as_str().context("a role without a name")?;
            Ok((name.to_owned(), serde_json::from_value(role["rules"].clone())?))
        })
        .collect()
}

/// A role that every cluster has.
async fn built_in(name: &str) -> Result<Vec<PolicyRule>> {
    let admin = installed().await?.client(&Person::admin()).await?;
    Ok(Api::<ClusterRole>::all(admin).get(name).await?.rules.unwrap_or_default())
}

fn about<'r>(rule: &'r PolicyRule, group: &'r str) -> impl Iterator<Item = &'r str> {
    let here = rule.api_groups.iter().flatten().any(|g| g == group || g == "*");
    rule.resources.iter().flatten().filter(move |_| here).map(String::as_str)
}

/// What no rule of ours may say.
fn too_much(rule: &PolicyRule) -> Vec<String> {
    let mut found = Vec::new();
    let parts = [&rule.api_groups, &rule.resources, &rule.resource_names, &rule.non_resource_urls];
    for part in parts.into_iter().flatten().flatten().chain(&rule.verbs).filter(|part| part.contains('*')) {
        found.push(format!("wildcard {part}"));
    }
    for verb in rule.verbs.iter().filter(|verb| ["escalate", "impersonate"].contains(&verb.as_str())) {
        found.push(format!("verb {verb}"));
    }
    let named = rule.resource_names.as_ref().is_some_and(|names| !names.is_empty());
    for resource in about(rule, "rbac.authorization.k8s.io")
        .filter(|r| ["clusterroles", "clusterrolebindings", "roles"].contains(r))
    {
        if resource != "clusterroles" || rule.verbs != ["bind"] || !named {
            found.push(format!("{} {resource}", rule.verbs.join(",")));
        }
    }
    if rule.non_resource_urls.as_ref().is_some_and(|urls| !urls.is_empty()) {
        found.push("paths".to_owned());
    }
    found
}

#[tokio::test]
async fn row_1_no_rule_of_ours_reaches_for_more() -> Result<()> {
    let objects = installation().await?;
    let roles = roles(&objects)?;
    let mut count = 0;
    for (name, rule) in roles.iter().flat_map(|(name, rules)| rules.iter().map(move |rule| (name, rule))) {
        assert_eq!(too_much(rule), Vec::<String>::new(), "{name}: {rule:?}");
        count += 1;
    }
    let bindings: Vec<_> = objects.values().filter(|o| o.get("roleRef").is_some()).collect();
    for binding in &bindings {
        let role = binding["roleRef"]["name"].as_str().context("a binding without a role")?;
        ensure!(roles.contains_key(role), "{} binds {role}, which is not ours", binding["metadata"]["name"]);
    }
    println!("{} roles with {count} rules, {} bindings: nothing reaches for more", roles.len(), bindings.len());

    let mighty = built_in("cluster-admin").await?;
    ensure!(mighty.iter().flat_map(too_much).any(|found| found.starts_with("wildcard")));
    let edit = built_in("edit").await?;
    ensure!(edit.iter().flat_map(too_much).any(|found| found == "verb impersonate"));
    let admin = built_in("admin").await?;
    ensure!(admin.iter().flat_map(too_much).any(|found| found.ends_with(" roles")));
    Ok(())
}

#[tokio::test]
async fn row_2_the_operator_may_bind_the_shipped_roles_alone() -> Result<()> {
    let roles = roles(&installation().await?)?;
    let shipped = SHIPPED_ROLES.into_iter().map(cluster_role);
    let tenants = roles.keys().filter(|name| name.starts_with("yunguan-tenant-")).cloned();
    let ours: BTreeSet<String> = shipped.chain(tenants).collect();
    for role in &ours {
        ensure!(roles.contains_key(role), "no ClusterRole {role} in config/rbac");
    }
    let all = roles.iter().flat_map(|(name, rules)| rules.iter().map(move |rule| (name, rule)));
    let binding: Vec<_> = all.filter(|(_, rule)| rule.verbs.iter().any(|verb| verb == "bind")).collect();
    let [(name, rule)] = binding.as_slice() else { anyhow::bail!("one rule binds: {binding:?}") };
    assert_eq!(*name, "yunguan-operator");
    assert_eq!((&rule.resources, &rule.verbs), (&Some(vec!["clusterroles".to_owned()]), &vec!["bind".to_owned()]));
    let bindable: BTreeSet<String> = rule.resource_names.iter().flatten().cloned().collect();
    assert_eq!(bindable, ours);
    println!("bindable: {} roles", ours.len());
    Ok(())
}

/// How a rule lets its holder out of what confines them.
fn unconfined(rule: &PolicyRule) -> Vec<String> {
    let writes: Vec<&str> = rule.verbs.iter().map(String::as_str).filter(|verb| !READING.contains(verb)).collect();
    let mut found = Vec::new();
    for (group, resource) in CONFINING {
        if !writes.is_empty() && about(rule, group).any(|r| r == resource || r == "*") {
            found.push(format!("{resource} {}", writes.join(",")));
        }
    }
    for resource in about(rule, "") {
        if ["serviceaccounts/token", "namespaces", "nodes", "users", "groups"].contains(&resource) && !writes.is_empty()
        {
            found.push(format!("{resource} {}", writes.join(",")));
        }
        if resource == "serviceaccounts" && writes.contains(&"impersonate") {
            found.push("acts as a service account".to_owned());
        }
    }
    found
}

#[tokio::test]
async fn row_5_no_tenant_loosens_what_confines_it() -> Result<()> {
    let roles = roles(&installation().await?)?;
    let tenants: Vec<_> = roles.iter().filter(|(name, _)| name.starts_with("yunguan-tenant-")).collect();
    assert_eq!(tenants.len(), 3);
    for (name, rules) in tenants {
        for rule in rules {
            assert_eq!(unconfined(rule), Vec::<String>::new(), "{name}: {rule:?}");
        }
    }
    // What the built-in roles would have let them do.
    let mut measure = BTreeMap::new();
    for name in ["edit", "admin"] {
        let found: BTreeSet<_> = built_in(name).await?.iter().flat_map(unconfined).collect();
        measure.insert(name, found);
    }
    let has = |role: &str, what: &str| measure[role].iter().any(|found| found.starts_with(what));
    ensure!(has("edit", "networkpolicies") && has("edit", "acts as a service account"), "{measure:?}");
    ensure!(has("edit", "serviceaccounts/token") && has("admin", "rolebindings"), "{measure:?}");
    println!("the built-in roles that tenants do not get would have let them: {measure:?}");
    Ok(())
}

#[tokio::test]
async fn row_6_the_operators_pod_stands_the_restricted_standard() -> Result<()> {
    let objects_ = installation().await?;
    let level = "pod-security.kubernetes.io/enforce";
    let namespace = &objects_[&format!("Namespace /{OPERATOR_NAMESPACE}")];
    assert_eq!(namespace["metadata"]["labels"][level], "restricted");
    // Nobody else has rights there, and no pod gets the token unasked.
    let account = &objects_["ServiceAccount yunguan-system/yunguan"];
    assert_eq!(account["automountServiceAccountToken"], false);
    let bindings: Vec<_> = objects_.keys().filter(|name| name.starts_with("RoleBinding ")).collect();
    assert_eq!(bindings, ["RoleBinding yunguan-system/yunguan-leader"]);

    let admin = installed().await?.client(&Person::admin()).await?;
    let there = objects(&admin, "Namespace", "").get(OPERATOR_NAMESPACE).await?;
    assert_eq!(there.metadata.labels.unwrap_or_default().get(level).map(String::as_str), Some("restricted"));
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let template = &objects_["Deployment yunguan-system/yunguan"]["spec"]["template"];
    let spec = template["spec"].clone();
    assert_eq!(spec["serviceAccountName"], "yunguan");
    let create = async |spec: &Value| -> Result<_> {
        let mut pod = made("Pod", "as-deployed", &[], json!({"spec": spec}))?;
        pod.metadata.labels = serde_json::from_value(template["metadata"]["labels"].clone())?;
        Ok(objects(&admin, "Pod", OPERATOR_NAMESPACE).create(&dry, &pod).await)
    };
    let pod = create(&spec).await??;
    assert_eq!(super::lost(&spec, &pod.data["spec"]), Vec::<String>::new());
    // Not `privileged`, which this server takes in no namespace.
    let loosened = [
        ("/containers/0/securityContext/allowPrivilegeEscalation", json!(true)),
        ("/containers/0/securityContext/capabilities", json!({"drop": []})),
        ("/containers/0/securityContext/capabilities", json!({"drop": ["ALL"], "add": ["NET_ADMIN"]})),
        ("/securityContext/runAsNonRoot", json!(false)),
        ("/securityContext/runAsUser", json!(0)),
        ("/securityContext/seccompProfile", json!({"type": "Unconfined"})),
        ("/hostNetwork", json!(true)),
        ("/hostPID", json!(true)),
        ("/volumes", json!([{"name": "node", "hostPath": {"path": "/"}}])),
    ];
    for (at, value) in &loosened {
        let mut spec = spec.clone();
        let (parent, field) = at.rsplit_once('/').context("a path")?;
        spec.pointer_mut(parent)
            .and_then(Value::as_object_mut)
            .context(*at)?
            .insert((*field).to_owned(), value.clone());
        let message = refused(create(&spec).await?).with_context(|| format!("{at} {value}"))?;
        ensure!(message.contains("violates PodSecurity \"restricted"), "{at}: {message}");
    }
    println!("the operator's pod is taken as it is, and refused in each of {} looser forms", loosened.len());
    Ok(())
}

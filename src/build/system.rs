//! The namespace of a system and everything of ours in it.

use super::access::{Pass, cluster_role};
use super::{binding, labels, meta, network, quota, subjects};
use crate::api::names::{
    ANNOTATION_ADOPT, ANNOTATION_APPLIED, ANNOTATION_NODES, ANNOTATION_OWNER_UID, CLUSTER_ROLE_DEVELOPER, KEY_WIPING,
    LABEL_STOPPED, PURPOSE_SYSTEM, ROLE_UNIT,
};
use crate::api::organization::RoleMembers;
use crate::api::{CloudDomainSpec, InformationSystemSpec, OrganizationSpec};
use crate::core::names::{guest_binding, pod_security};
use crate::core::people;
use crate::core::quantity::Amounts;
use crate::core::quota::{Countable, Defaults};
use crate::core::stop;
use k8s_openapi::api::core::v1::{LimitRange, Namespace, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use std::collections::BTreeMap;

/// What a system's namespace consists of, in the order in which it is made: the limits come before the people.
#[derive(Clone, Debug, PartialEq)]
pub struct SystemObjects {
    /// The namespace.
    pub namespace: Namespace,
    /// Exactly what was granted.
    pub quota: ResourceQuota,
    /// Defaults for containers that state nothing.
    pub limits: LimitRange,
    /// Shut, and opened for what was asked for.
    pub policies: Vec<NetworkPolicy>,
    /// The unit's people, and whom they let in.
    pub bindings: Vec<RoleBinding>,
}

/// What goes into the quota.
#[derive(Clone, Copy, Debug)]
pub struct Granted<'a> {
    /// What is effective now.
    pub amounts: &'a Amounts,
    /// What the operator itself runs there beside.
    pub helpers: &'a Amounts,
    /// What a quota can count in the domain.
    pub countable: &'a Countable,
    /// What a container gets that states nothing.
    pub defaults: &'a Defaults,
    /// Whether the networks of a namespace that was taken over are left as they are for now.
    pub networks_open: bool,
}

/// Builds everything from what the system was granted.
#[must_use]
pub fn objects(
    name: &str,
    uid: &str,
    system: &InformationSystemSpec,
    granted: Granted<'_>,
    domain: &CloudDomainSpec,
    organization: &OrganizationSpec,
    guests: &[Pass],
) -> SystemObjects {
    let labels = labels(PURPOSE_SYSTEM, &system.organization, Some(name));
    let inside = |object: &str| meta(object, Some(&system.namespace), &labels);
    SystemObjects {
        namespace: namespace(name, uid, system, domain),
        quota: ResourceQuota {
            metadata: inside("yunguan"),
            spec: Some(quota::quota(granted.amounts, granted.helpers, granted.countable)),
            status: None,
        },
        limits: LimitRange {
            metadata: inside("yunguan"),
            spec: Some(quota::defaults(granted.amounts, granted.countable, granted.defaults)),
        },
        policies: if granted.networks_open { Vec::new() } else { network::policies(&system.networks, domain) }
            .into_iter()
            .map(|(name, spec)| NetworkPolicy { metadata: inside(name), spec: Some(spec) })
            .collect(),
        bindings: bindings(name, system, Some(organization), guests),
    }
}

/// The binding of the unit's people.
pub const DEVELOPERS: &str = "yunguan-developer";

/// The unit's people, where it is known who they are, and whom they let in.
#[must_use]
pub fn bindings(
    name: &str,
    system: &InformationSystemSpec,
    organization: Option<&OrganizationSpec>,
    guests: &[Pass],
) -> Vec<RoleBinding> {
    // Whose data is being wiped is left alone by everybody.
    if is_wiped(system) {
        return Vec::new();
    }
    let labels = labels(PURPOSE_SYSTEM, &system.organization, Some(name));
    let inside = |object: &str| meta(object, Some(&system.namespace), &labels);
    let unit = organization.map(|organization| {
        let unit: Vec<RoleMembers> = organization.members.iter().filter(|m| m.role == ROLE_UNIT).cloned().collect();
        binding(inside(DEVELOPERS), CLUSTER_ROLE_DEVELOPER, subjects(&unit))
    });
    let guests = guests.iter().filter(|pass| people::why_not(&pass.access.username).is_none()).map(|pass| {
        let user = RoleMembers { users: vec![pass.access.username.clone()], ..RoleMembers::default() };
        binding(inside(&guest_binding(&pass.decision.uid)), cluster_role(&pass.access), subjects(&[user]))
    });
    unit.into_iter().chain(guests).collect()
}

/// Whether the data of a system is being wiped, or was.
#[must_use]
pub fn is_wiped(system: &InformationSystemSpec) -> bool {
    stop::leaving(system).is_some_and(|leaving| leaving.wipe.is_some())
}

/// By this pods of a namespace go to the nodes of its domain.
const NODE_SELECTOR: &str = "scheduler.alpha.kubernetes.io/node-selector";

/// Whether a label or an annotation of a namespace is the operator's: others have set theirs on one that is taken over, the
/// mark that lets it be taken over among them. A node selector is the operator's where it says so beside it.
fn is_ours(key: &str, all: &BTreeMap<String, String>) -> bool {
    match key {
        ANNOTATION_ADOPT => false,
        "pod-security.kubernetes.io/enforce" | "pod-security.kubernetes.io/warn" => true,
        NODE_SELECTOR => all.contains_key(ANNOTATION_NODES),
        _ => key.starts_with("yunguan.dev/"),
    }
}

/// Whether a namespace says what it should, and nothing more of what is the operator's: what is wanted no longer is no more.
#[must_use]
pub fn says_the_same(wanted: &Namespace, there: &Namespace) -> bool {
    fn ours(all: Option<&BTreeMap<String, String>>) -> BTreeMap<&String, &String> {
        let all = all.into_iter();
        all.flat_map(|all| all.iter().filter(|(key, _)| is_ours(key, all) && *key != ANNOTATION_APPLIED)).collect()
    }
    let (wanted, there) = (&wanted.metadata, &there.metadata);
    ours(wanted.labels.as_ref()) == ours(there.labels.as_ref())
        && ours(wanted.annotations.as_ref()) == ours(there.annotations.as_ref())
}

/// A namespace that was in use before, with what is ours in the place of what was ours, and all that others have set.
#[must_use]
pub fn adopting(wanted: &Namespace, there: &Namespace) -> Namespace {
    let mut next = without_ours(there);
    let (labels, annotations) = (wanted.metadata.labels.clone(), wanted.metadata.annotations.clone());
    next.metadata.labels.get_or_insert_default().extend(labels.unwrap_or_default());
    next.metadata.annotations.get_or_insert_default().extend(annotations.unwrap_or_default());
    next
}

fn without_ours(there: &Namespace) -> Namespace {
    let mut next = there.clone();
    for map in [&mut next.metadata.labels, &mut next.metadata.annotations] {
        let all = map.clone().unwrap_or_default();
        map.get_or_insert_default().retain(|key, _| !is_ours(key, &all));
    }
    next
}

/// A namespace that was in use before, without what is ours; the Pod Security standard stays.
#[must_use]
pub fn releasing(there: &Namespace) -> Namespace {
    let mut next = without_ours(there);
    let labels = there.metadata.labels.iter().flatten();
    let standard = labels.filter(|(label, _)| label.starts_with("pod-security.kubernetes.io/"));
    next.metadata.labels.get_or_insert_default().extend(standard.map(|(k, v)| (k.clone(), v.clone())));
    next.metadata.annotations.get_or_insert_default().remove(ANNOTATION_ADOPT);
    next
}

/// The namespace of a system, with what it says of it.
#[must_use]
pub fn namespace(name: &str, uid: &str, system: &InformationSystemSpec, domain: &CloudDomainSpec) -> Namespace {
    let mut metadata = meta(&system.namespace, None, &labels(PURPOSE_SYSTEM, &system.organization, Some(name)));
    let labels = metadata.labels.get_or_insert_default();
    let (enforce, warn) = pod_security(system.protection_level);
    // Offline only the operator's own Jobs start, and they read and wipe what belongs to any user.
    let offline = stop::leaving(system).is_some_and(|leaving| leaving.offline_at.is_some());
    let enforce = if offline { "baseline" } else { enforce };
    labels.insert("pod-security.kubernetes.io/enforce".to_owned(), enforce.to_owned());
    labels.insert("pod-security.kubernetes.io/warn".to_owned(), warn.to_owned());
    if let Some(label) = stop::label(system) {
        labels.insert(LABEL_STOPPED.to_owned(), label.to_owned());
    }
    let wiping = stop::wiping(system);
    if !wiping.is_empty() {
        labels.insert(KEY_WIPING.to_owned(), "items".to_owned());
    }
    let annotations = metadata.annotations.get_or_insert_default();
    if !wiping.is_empty() {
        annotations.insert(KEY_WIPING.to_owned(), wiping.join(","));
    }
    annotations.insert(ANNOTATION_OWNER_UID.to_owned(), uid.to_owned());
    if !domain.node_selector.is_empty() {
        let selector: Vec<String> =
            domain.node_selector.iter().map(|(key, value)| format!("{key}={}", value.0)).collect();
        annotations.insert(NODE_SELECTOR.to_owned(), selector.join(","));
        annotations.insert(ANNOTATION_NODES.to_owned(), "domain".to_owned());
    }
    Namespace { metadata, ..Namespace::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::cloud_domain::LabelValue;
    use serde_json::json;

    fn space(value: &serde_json::Value) -> Namespace {
        serde_json::from_value(json!({"metadata": value})).unwrap()
    }

    /// What is taken away from what is wanted goes; what others have set stays, a node selector of their own too.
    #[test]
    fn r4_2_what_is_ours_on_a_namespace_is_as_wanted_both_ways() {
        let record = InformationSystemSpec { namespace: "prod".into(), ..InformationSystemSpec::default() };
        let mut domain = CloudDomainSpec::default();
        let plain = namespace("portal", "u", &record, &domain);
        domain.node_selector.insert("pool".into(), LabelValue("gov".into()));
        let on_nodes = namespace("portal", "u", &record, &domain);
        let theirs = space(&json!({
            "labels": {"team": "web", "pod-security.kubernetes.io/audit": "restricted"},
            "annotations": {NODE_SELECTOR: "zone=a", ANNOTATION_ADOPT: "yg-a/b/c"},
        }));
        assert!(!says_the_same(&plain, &theirs));
        let taken = adopting(&plain, &theirs);
        assert!(says_the_same(&plain, &taken));
        assert_eq!(taken.metadata.annotations.as_ref().unwrap()[NODE_SELECTOR], "zone=a", "nobody asked for another");
        assert!(!says_the_same(&on_nodes, &taken));
        let moved = adopting(&on_nodes, &taken);
        assert!(says_the_same(&on_nodes, &moved) && !says_the_same(&plain, &moved));
        let back = adopting(&plain, &moved);
        assert!(says_the_same(&plain, &back));
        let annotations = back.metadata.annotations.clone().unwrap();
        assert!(!annotations.contains_key(NODE_SELECTOR) && annotations.contains_key(ANNOTATION_ADOPT));
        assert_eq!(back.metadata.labels.as_ref().unwrap()["team"], "web");
        // A label of ours that nobody wants.
        let mut more = back.clone();
        more.metadata.labels.as_mut().unwrap().insert("yunguan.dev/stopped".into(), "suspended".into());
        assert!(!says_the_same(&plain, &more) && says_the_same(&plain, &adopting(&plain, &more)));
        let mut freed = releasing(&moved).metadata;
        freed.labels.as_mut().unwrap().retain(|label, _| !label.ends_with("/enforce") && !label.ends_with("/warn"));
        assert_eq!(freed.labels, theirs.metadata.labels);
        assert_eq!(freed.annotations, Some(BTreeMap::new()), "nothing of ours, nor the mark");
    }
}

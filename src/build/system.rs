//! The namespace of a system and everything of ours in it.

use super::access::{Pass, cluster_role};
use super::{binding, labels, meta, network, quota, subjects};
use crate::api::names::{
    ANNOTATION_OWNER_UID, CLUSTER_ROLE_DEVELOPER, KEY_WIPING, LABEL_STOPPED, PURPOSE_SYSTEM, ROLE_UNIT,
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

/// Labels of a system's namespace that it has for a time.
pub const COMES_AND_GOES: [&str; 2] = [LABEL_STOPPED, KEY_WIPING];

/// A namespace that was in use before, with what is ours on top of what others have set.
#[must_use]
pub fn adopting(wanted: &Namespace, there: &Namespace) -> Namespace {
    let mut next = there.clone();
    let (labels, annotations) = (&wanted.metadata.labels, &wanted.metadata.annotations);
    next.metadata.labels.get_or_insert_default().extend(labels.clone().unwrap_or_default());
    // What comes and goes is taken off again by what is wanted not naming it.
    for key in COMES_AND_GOES {
        if !labels.as_ref().is_some_and(|labels| labels.contains_key(key)) {
            next.metadata.labels.get_or_insert_default().remove(key);
            next.metadata.annotations.get_or_insert_default().remove(key);
        }
    }
    next.metadata.annotations.get_or_insert_default().extend(annotations.clone().unwrap_or_default());
    next
}

/// A namespace that was in use before, without what is ours; the Pod Security standard stays.
#[must_use]
pub fn releasing(there: &Namespace) -> Namespace {
    let mut next = there.clone();
    let ours = |key: &str| key.starts_with("yunguan.dev/");
    next.metadata.labels.get_or_insert_default().retain(|label, _| !ours(label));
    next.metadata.annotations.get_or_insert_default().retain(|note, _| !ours(note));
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
        annotations.insert("scheduler.alpha.kubernetes.io/node-selector".to_owned(), selector.join(","));
    }
    Namespace { metadata, ..Namespace::default() }
}

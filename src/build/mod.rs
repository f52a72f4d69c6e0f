//! PURE: decisions become Kubernetes objects. No I/O; the same facts make the same objects, byte for byte.

pub mod access;
pub mod helper;
pub mod home;
pub mod network;
pub mod quota;
#[cfg(test)]
mod snapshots;
pub mod system;

use crate::api::names::{LABEL_MANAGED, LABEL_ORGANIZATION, LABEL_PURPOSE, LABEL_SYSTEM, MANAGED_BY_VALUE};
use crate::api::organization::RoleMembers;
use crate::core::people;
use k8s_openapi::api::rbac::v1::{RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, ResourceExt as _};
use std::collections::{BTreeMap, BTreeSet};

/// Labels of everything that is ours; admission guards what carries them.
#[must_use]
pub fn labels(purpose: &str, organization: &str, system: Option<&str>) -> BTreeMap<String, String> {
    let system = system.map(|system| (LABEL_SYSTEM.to_owned(), system.to_owned()));
    [(LABEL_MANAGED, MANAGED_BY_VALUE), (LABEL_PURPOSE, purpose), (LABEL_ORGANIZATION, organization)]
        .into_iter()
        .map(|(label, value)| (label.to_owned(), value.to_owned()))
        .chain(system)
        .collect()
}

/// Whether something is the operator's. The label with any other value is somebody else's, and makes nothing ours.
#[must_use]
pub fn is_managed<K: Resource>(object: &K) -> bool {
    object.labels().get(LABEL_MANAGED).is_some_and(|value| value == MANAGED_BY_VALUE)
}

fn meta(name: &str, namespace: Option<&str>, labels: &BTreeMap<String, String>) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: namespace.map(str::to_owned),
        labels: Some(labels.clone()),
        ..ObjectMeta::default()
    }
}

/// Each user and each group once, in order; without names under which nobody can be let in.
#[must_use]
pub fn subjects(members: &[RoleMembers]) -> Vec<Subject> {
    let kinds = [("User", true), ("Group", false)];
    kinds
        .into_iter()
        .flat_map(|(kind, users)| {
            let names: BTreeSet<&String> =
                members.iter().flat_map(|m| if users { m.users.iter() } else { m.groups.iter() }).collect();
            names.into_iter().filter(|name| people::why_not(name).is_none()).map(move |name| Subject {
                kind: kind.to_owned(),
                name: name.clone(),
                api_group: Some("rbac.authorization.k8s.io".to_owned()),
                namespace: None,
            })
        })
        .collect()
}

fn binding(meta: ObjectMeta, cluster_role: &str, subjects: Vec<Subject>) -> RoleBinding {
    RoleBinding {
        metadata: meta,
        role_ref: RoleRef {
            api_group: Some("rbac.authorization.k8s.io".to_owned()),
            kind: "ClusterRole".to_owned(),
            name: cluster_role.to_owned(),
        },
        subjects: Some(subjects),
    }
}

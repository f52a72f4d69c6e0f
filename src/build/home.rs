//! An organization's home namespace and who works in it.

use super::{binding, labels, meta, subjects};
use crate::api::names::{PURPOSE_HOME, SHIPPED_ROLES, cluster_role};
use crate::core::names::home_namespace;
use crate::core::registry::Registry;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::RoleBinding;

/// What an organization's home consists of.
#[derive(Clone, Debug, PartialEq)]
pub struct Home {
    /// The namespace.
    pub namespace: Namespace,
    /// One binding a role; roles that nobody holds have one without subjects.
    pub bindings: Vec<RoleBinding>,
}

/// The home of an organization. No pod ever runs in it.
#[must_use]
pub fn home(organization: &str, registry: &Registry) -> Home {
    let name = home_namespace(organization);
    let mut labels = labels(PURPOSE_HOME, organization, None);
    let bindings = registry
        .home_members(organization, &roles(organization, registry))
        .into_iter()
        .map(|(role, members)| {
            let role = cluster_role(&role);
            binding(meta(&role, Some(&name), &labels), &role, subjects(&members))
        })
        .collect();
    labels.insert("pod-security.kubernetes.io/enforce".to_owned(), "restricted".to_owned());
    Home { namespace: Namespace { metadata: meta(&name, None, &labels), ..Namespace::default() }, bindings }
}

/// The roles that ship, and those that the organization's rules name besides: each is a ClusterRole of its name.
fn roles<'r>(organization: &str, registry: &'r Registry) -> Vec<&'r str> {
    let family = registry.organizations.get(organization).map(|o| o.policy_family.as_str());
    let versions = registry.policies.iter().filter(|p| Some(p.spec.family.as_str()) == family);
    let further = versions.flat_map(|p| &p.spec.roles).map(|r| r.role.as_str());
    let mut roles: Vec<&str> = SHIPPED_ROLES.into_iter().chain(further).collect();
    roles.sort_unstable();
    roles.dedup();
    roles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fixtures;

    fn names(home: &Home, role: &str) -> Vec<String> {
        let binding = home.bindings.iter().find(|b| b.metadata.name.as_deref() == Some(role)).unwrap();
        binding.subjects.iter().flatten().map(|s| s.name.clone()).collect()
    }

    #[test]
    fn r7_1_each_role_is_held_by_whom_the_rules_say() {
        let home = home("bozhou-peoples-hospital", &fixtures::registry());
        assert_eq!(names(&home, "yunguan-unit"), ["wang.fang@hospital"]);
        assert_eq!(names(&home, "yunguan-supervisor"), ["sun.li@health"]);
        assert_eq!(names(&home, "yunguan-authority"), ["li.na@data-bureau", "wu.gang@data-bureau"]);
        assert_eq!(names(&home, "yunguan-agency"), ["chen.jing@data-center"]);
        assert_eq!(names(&home, "yunguan-provider"), ["liu.yang@bozhou-cloud"]);
    }

    #[test]
    fn r41_1_a_role_that_only_one_policy_knows_is_bound_where_that_policy_holds() {
        use crate::api::governance_policy::RoleOrganizations;
        use crate::api::organization::RoleMembers;
        let mut registry = fixtures::registry();
        let policy = registry.policies.iter_mut().find(|p| p.spec.family == "guoyang").unwrap();
        let organizations = vec!["guoyang-data-bureau".to_owned()];
        let rule = RoleOrganizations { role: "expert".into(), organizations, article: "第八条".into() };
        policy.spec.roles.push(rule);
        let bureau = registry.organizations.get_mut("guoyang-data-bureau").unwrap();
        let experts = RoleMembers { role: "expert".into(), users: vec!["qian.xue@guoyang".into()], groups: vec![] };
        bureau.members.push(experts);
        assert_eq!(names(&home("guoyang-education", &registry), "yunguan-expert"), ["qian.xue@guoyang"]);
        let city = home("bozhou-health", &registry);
        assert!(city.bindings.iter().all(|b| b.metadata.name.as_deref() != Some("yunguan-expert")));
    }

    #[test]
    fn r41_1_a_county_has_its_own_authority() {
        let home = home("guoyang-education", &fixtures::registry());
        assert_eq!(names(&home, "yunguan-authority"), ["gao.yan@guoyang", "ma.chao@guoyang", "tang.wen@guoyang"]);
        assert!(names(&home, "yunguan-agency").is_empty());
    }
}

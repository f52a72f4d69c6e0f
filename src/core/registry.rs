//! What is not about one request: organizations, domains, policies, catalog, calendars. One snapshot, shared by all
//! decisions until one of them changes.

use super::calendar::WorkCalendars;
use crate::api::names::{ROLE_PROVIDER, ROLE_SUPERVISOR, ROLE_UNIT};
use crate::api::{
    CatalogItemSpec, CloudDomainSpec, GovernancePolicySpec, OrganizationSpec, ServiceProductSpec, WorkCalendarSpec,
};
use std::collections::BTreeMap;

/// An object that others refer to by name and pin by uid.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Named<S> {
    /// Name.
    pub name: String,
    /// Uid.
    pub uid: String,
    /// What it says.
    pub spec: S,
}

/// The snapshot.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    /// Organizations by name.
    pub organizations: BTreeMap<String, OrganizationSpec>,
    /// Domains by name.
    pub domains: BTreeMap<String, CloudDomainSpec>,
    /// All versions of all policies.
    pub policies: Vec<Named<GovernancePolicySpec>>,
    /// Catalog items by name.
    pub items: BTreeMap<String, Named<CatalogItemSpec>>,
    /// Products of all domains.
    pub products: Vec<Named<ServiceProductSpec>>,
    /// Calendars by region.
    pub calendars: BTreeMap<String, WorkCalendars>,
}

impl Registry {
    /// Calendars by region, from those of single years.
    #[must_use]
    pub fn calendars_of(years: &[Named<WorkCalendarSpec>]) -> BTreeMap<String, WorkCalendars> {
        let mut regions: BTreeMap<String, Vec<&Named<WorkCalendarSpec>>> = BTreeMap::new();
        for year in years {
            regions.entry(year.spec.region.clone()).or_default().push(year);
        }
        regions.into_iter().map(|(region, years)| (region, WorkCalendars::new(years))).collect()
    }

    /// The organizations whose members in `role` decide on a request of `organization` in `domain`.
    #[must_use]
    pub fn holders(&self, policy: &GovernancePolicySpec, organization: &str, domain: &str, role: &str) -> Vec<String> {
        match role {
            ROLE_UNIT => vec![organization.to_owned()],
            ROLE_SUPERVISOR => {
                self.organizations.get(organization).and_then(|o| o.supervisor.clone()).into_iter().collect()
            }
            ROLE_PROVIDER => self.domains.get(domain).map(|d| d.provider.clone()).into_iter().collect(),
            _ => policy.roles.iter().filter(|r| r.role == role).flat_map(|r| r.organizations.clone()).collect(),
        }
    }

    /// Whether one of these organizations lists anybody in `role`.
    #[must_use]
    pub fn has_members(&self, holders: &[String], role: &str) -> bool {
        let organizations = holders.iter().filter_map(|name| self.organizations.get(name));
        organizations.flat_map(|o| &o.members).any(|m| m.role == role && !(m.users.is_empty() && m.groups.is_empty()))
    }

    /// Whether a person is a member, in `role`, of one of these organizations.
    #[must_use]
    pub fn is_member(&self, holders: &[String], role: &str, username: &str, groups: &[String]) -> bool {
        holders
            .iter()
            .filter_map(|name| self.organizations.get(name))
            .any(|organization| organization.has_member(role, username, groups))
    }

    /// The people of each role who work in an organization's home namespace, whatever its requests are about.
    ///
    /// Which of them may decide on one request is judged on that request: a provider is let in here, but only the
    /// provider of the request's own domain signs for it.
    #[must_use]
    pub fn home_members(
        &self,
        organization: &str,
        roles: &[&str],
    ) -> BTreeMap<String, Vec<crate::api::organization::RoleMembers>> {
        let Some(spec) = self.organizations.get(organization) else { return BTreeMap::new() };
        let family: Vec<_> = self.policies.iter().filter(|p| p.spec.family == spec.policy_family).collect();
        roles
            .iter()
            .map(|role| {
                let mut holders: Vec<String> = match *role {
                    ROLE_UNIT => vec![organization.to_owned()],
                    ROLE_SUPERVISOR => spec.supervisor.clone().into_iter().collect(),
                    ROLE_PROVIDER => self
                        .domains
                        .values()
                        .filter(|d| !d.dedicated || d.organizations.iter().any(|o| o == organization))
                        .map(|d| d.provider.clone())
                        .collect(),
                    _ => family
                        .iter()
                        .flat_map(|p| p.spec.roles.iter().filter(|r| r.role == *role))
                        .flat_map(|r| r.organizations.clone())
                        .collect(),
                };
                holders.sort();
                holders.dedup();
                let members = holders
                    .iter()
                    .filter_map(|name| self.organizations.get(name))
                    .flat_map(|o| o.members.iter().filter(|m| m.role == *role).cloned())
                    .collect();
                ((*role).to_owned(), members)
            })
            .collect()
    }
}

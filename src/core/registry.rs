//! What is not about one request: organizations, domains, policies, catalog, calendars. One snapshot, shared by all
//! decisions until one of them changes.

use super::calendar::WorkCalendars;
use crate::api::common::Time;
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
    /// When it was made, by the API server's clock.
    pub created: Time,
    /// What it says.
    pub spec: S,
}

/// A class of devices of the cluster (DRA).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DeviceClass {
    /// Its name.
    pub name: String,
    /// The resource for which it stands in pods that name no class, such as `nvidia.com/gpu`.
    pub extended: Option<String>,
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
    /// Classes of devices of the cluster.
    pub device_classes: Vec<DeviceClass>,
    /// Which organization holds a credit code, where several name it.
    pub credit_codes: BTreeMap<String, String>,
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

    /// Whether a domain, a version of the rules or another organization names this organization.
    #[must_use]
    pub fn rests_on(&self, organization: &str) -> bool {
        let rules = self.policies.iter().flat_map(|policy| &policy.spec.roles).flat_map(|role| &role.organizations);
        let providers = self.domains.values().map(|domain| &domain.provider);
        let supervisors = self.organizations.values().filter_map(|other| other.supervisor.as_ref());
        rules.chain(providers).chain(supervisors).any(|named| named == organization)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::governance_policy::RoleOrganizations;
    use crate::api::organization::RoleMembers;

    fn members(role: &str, users: &[&str], groups: &[&str]) -> RoleMembers {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        RoleMembers { role: role.to_owned(), users: owned(users), groups: owned(groups) }
    }

    fn organization(supervisor: Option<&str>, members: Vec<RoleMembers>) -> OrganizationSpec {
        let supervisor = supervisor.map(str::to_owned);
        OrganizationSpec { policy_family: "city".into(), supervisor, members, ..OrganizationSpec::default() }
    }

    fn policy(family: &str, authority: &str) -> Named<GovernancePolicySpec> {
        let roles = vec![RoleOrganizations {
            role: "authority".into(),
            organizations: vec![authority.into()],
            ..RoleOrganizations::default()
        }];
        let spec = GovernancePolicySpec { family: family.into(), roles, ..GovernancePolicySpec::default() };
        Named { name: family.into(), uid: family.into(), created: Time::default(), spec }
    }

    fn domain(provider: &str, dedicated: bool, organizations: &[&str]) -> CloudDomainSpec {
        let organizations = organizations.iter().map(|name| (*name).to_owned()).collect();
        CloudDomainSpec { provider: provider.into(), dedicated, organizations, ..CloudDomainSpec::default() }
    }

    #[test]
    fn an_organization_that_others_name_is_rested_on() {
        let registry = registry();
        for name in ["data", "county-data", "telecom", "mobile", "bureau"] {
            assert!(registry.rests_on(name), "{name}");
        }
        assert!(!registry.rests_on("school"));
    }

    fn registry() -> Registry {
        let organizations = [
            ("school", organization(Some("bureau"), vec![members("unit", &["zhao"], &[])])),
            (
                "bureau",
                organization(None, vec![members("supervisor", &["chief"], &[]), members("unit", &["qian"], &[])]),
            ),
            ("data", organization(None, vec![members("authority", &["li"], &["leaders"])])),
            ("county-data", organization(None, vec![members("authority", &["ma"], &[])])),
            ("telecom", organization(None, vec![members("provider", &["sun"], &[]), members("unit", &["zhou"], &[])])),
            ("mobile", organization(None, vec![members("provider", &[], &["engineers"])])),
            ("closed", organization(None, vec![members("provider", &["wu"], &[])])),
        ];
        let domains = [
            ("main", domain("telecom", false, &[])),
            ("second", domain("telecom", false, &[])),
            ("own", domain("mobile", true, &["school"])),
            ("others", domain("closed", true, &["bureau"])),
        ];
        Registry {
            organizations: organizations.map(|(name, spec)| (name.to_owned(), spec)).into(),
            domains: domains.map(|(name, spec)| (name.to_owned(), spec)).into(),
            policies: vec![policy("city", "data"), policy("county", "county-data")],
            ..Registry::default()
        }
    }

    #[test]
    fn r7_1_who_fills_a_role_follows_from_the_request_or_from_the_policy() {
        let registry = registry();
        let holders = |organization: &str, domain: &str, role: &str| {
            registry.holders(&registry.policies[0].spec, organization, domain, role)
        };
        assert_eq!(holders("school", "main", "unit"), ["school"]);
        assert_eq!(holders("school", "main", "supervisor"), ["bureau"]);
        assert_eq!(holders("bureau", "main", "supervisor"), Vec::<String>::new());
        assert_eq!(holders("school", "main", "provider"), ["telecom"]);
        assert_eq!(holders("school", "own", "provider"), ["mobile"]);
        assert_eq!(holders("school", "nowhere", "provider"), Vec::<String>::new());
        assert_eq!(holders("school", "main", "authority"), ["data"]);
        assert_eq!(holders("school", "main", "agency"), Vec::<String>::new());
    }

    #[test]
    fn r7_1_a_role_has_members_once_one_person_or_group_is_listed_in_it() {
        let registry = registry();
        let table = [
            ("school", "unit", true),
            ("school", "supervisor", false),
            ("bureau", "supervisor", true),
            ("mobile", "provider", true),
            ("telecom", "provider", true),
            ("nobody", "unit", false),
        ];
        for (organization, role, has) in table {
            assert_eq!(registry.has_members(&[organization.to_owned()], role), has, "{organization} {role}");
        }
        let mut empty = registry.clone();
        empty.organizations.insert("school".into(), organization(None, vec![members("unit", &[], &[])]));
        assert!(!empty.has_members(&["school".to_owned()], "unit"));
        assert!(empty.has_members(&["school".to_owned(), "bureau".to_owned()], "unit"), "any of them");
    }

    #[test]
    fn r7_1_only_the_people_listed_in_the_role_are_members() {
        let registry = registry();
        let data = ["data".to_owned()];
        let is = |role: &str, user: &str, groups: &[&str]| {
            let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
            registry.is_member(&data, role, user, &groups)
        };
        assert!(is("authority", "li", &[]));
        assert!(is("authority", "anybody", &["staff", "leaders"]));
        assert!(!is("authority", "anybody", &["staff"]));
        assert!(!is("unit", "li", &["leaders"]));
        assert!(!registry.is_member(&[], "authority", "li", &[]));
    }

    #[test]
    fn r15_1_a_home_lets_in_who_may_decide_there() {
        let registry = registry();
        let names = |organization: &str, role: &str| -> Vec<String> {
            let found = registry.home_members(organization, &[role]).remove(role).unwrap_or_default();
            assert!(found.iter().all(|members| members.role == role), "{found:?}");
            found.into_iter().flat_map(|members| members.users.into_iter().chain(members.groups)).collect()
        };
        assert_eq!(names("school", "unit"), ["zhao"]);
        assert_eq!(names("school", "supervisor"), ["chief"]);
        assert_eq!(names("bureau", "supervisor"), Vec::<String>::new());
        // Of the city's policy alone; of every domain that is open to it, each provider once.
        assert_eq!(names("school", "authority"), ["li", "leaders"]);
        assert_eq!(names("school", "provider"), ["engineers", "sun"]);
        assert_eq!(names("bureau", "provider"), ["wu", "sun"]);
        assert_eq!(names("data", "provider"), ["sun"]);
        assert!(registry.home_members("nobody", &["unit"]).is_empty());
        let roles: Vec<String> = registry.home_members("school", &["unit", "agency"]).into_keys().collect();
        assert_eq!(roles, ["agency", "unit"], "each role that is asked for, with people or without");
    }

    #[test]
    fn calendars_are_those_of_their_region() {
        let year = |region: &str, year| Named {
            name: format!("{region}-{year}"),
            uid: String::new(),
            created: Time::default(),
            spec: WorkCalendarSpec { region: region.into(), year, ..WorkCalendarSpec::default() },
        };
        let calendars = Registry::calendars_of(&[year("cn", 2025), year("cn", 2026), year("hk", 2026)]);
        assert_eq!(calendars.keys().collect::<Vec<_>>(), ["cn", "hk"]);
        let monday = jiff::civil::date(2025, 11, 24);
        assert_eq!(calendars["cn"].is_work_day(monday), Ok(true));
        assert!(calendars["hk"].is_work_day(monday).is_err(), "a year of another region");
    }
}

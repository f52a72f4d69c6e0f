//! What the operator decides by, read by the person who asks: rules, catalog, organizations, calendars, and what is taken
//! of a domain.

use super::failure::Failure;
use super::session::{Session, forbidden};
use crate::api::common::Time;
use crate::api::{
    CatalogItem, CloudDomain, GovernancePolicy, InformationSystem, Organization, ServiceProduct, WorkCalendar,
};
use crate::core::capacity::{self, InQuota, Profile, Taken};
use crate::core::registry::{Named, Registry};
use jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::Debug;

/// The registry and the domains, as they stand.
pub struct Rules {
    /// As the operator works it out.
    pub registry: Registry,
    /// With what they say of themselves.
    pub domains: Vec<CloudDomain>,
}

/// Reads everything that is not about one request.
///
/// # Errors
/// When the API server does not answer, or something may not be read.
pub async fn read(session: &Session) -> Result<Rules, Failure> {
    let (organizations, domains, policies, items, products, calendars) = futures::try_join!(
        all::<Organization>(session),
        all::<CloudDomain>(session),
        all::<GovernancePolicy>(session),
        all::<CatalogItem>(session),
        all::<ServiceProduct>(session),
        all::<WorkCalendar>(session),
    )?;
    let calendars: Vec<_> = calendars.iter().map(|c| named(c, &c.spec)).collect();
    let registry = Registry {
        organizations: organizations.into_iter().map(|o| (o.name_any(), o.spec)).collect(),
        domains: domains.iter().map(|d| (d.name_any(), d.spec.clone())).collect(),
        policies: policies.iter().map(|p| named(p, &p.spec)).collect(),
        items: items.iter().map(|i| (i.name_any(), named(i, &i.spec))).collect(),
        products: products.iter().map(|p| named(p, &p.spec)).collect(),
        calendars: Registry::calendars_of(&calendars),
        // Of the cluster's devices only the operator keeps account.
        device_classes: Vec::new(),
        // Whose a code is follows from when it was registered, which the operator judges.
        credit_codes: BTreeMap::new(),
    };
    Ok(Rules { registry, domains })
}

/// In the order of their names, as the API server lists them.
async fn all<K>(session: &Session) -> Result<Vec<K>, Failure>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let list = session.list(&Api::<K>::all(session.client.clone()), &ListParams::default()).await;
    list.map_err(|e| session.failure(&e))
}

fn named<K: Resource<DynamicType = ()>, S: Clone>(object: &K, spec: &S) -> Named<S> {
    let created = object.creation_timestamp().map(|at| Time::new(at.0)).unwrap_or_default();
    Named { name: object.name_any(), uid: object.uid().unwrap_or_default(), created, spec: spec.clone() }
}

/// The systems that the person may read, one home after the other where not all at once.
///
/// # Errors
/// When the API server does not answer.
pub async fn systems(session: &Session) -> Result<Vec<InformationSystem>, Failure> {
    match session.list(&Api::<InformationSystem>::all(session.client.clone()), &ListParams::default()).await {
        Ok(all) => Ok(all),
        Err(error) if forbidden(&error) => Ok(session.everywhere().readable().await?.0),
        Err(error) => Err(session.failure(&error)),
    }
}

/// All systems where they may be read at once, else those of one home: a clerk's draft is no reason to ask for each of
/// thousands of homes.
///
/// # Errors
/// When the API server does not answer.
pub async fn systems_near(session: &Session, home: &str) -> Result<Vec<InformationSystem>, Failure> {
    let all = ListParams::default();
    match session.list(&Api::<InformationSystem>::all(session.client.clone()), &all).await {
        Err(error) if forbidden(&error) => {
            session.list(&session.api::<InformationSystem>(home), &all).await.map_err(|e| session.failure(&e))
        }
        answer => answer.map_err(|e| session.failure(&e)),
    }
}

/// What is taken of a domain at every moment; nothing where not each of its systems can be read.
#[must_use]
pub fn profile(domain: &CloudDomain, systems: &[InformationSystem], now: Timestamp) -> Option<Profile> {
    let status = domain.status.clone().unwrap_or_default();
    let name = domain.name_any();
    let here: Vec<_> = systems.iter().filter(|s| s.spec.domain == name).collect();
    if i64::try_from(here.len()).ok()? != status.systems {
        return None;
    }
    let mut grants = Vec::new();
    for system in here {
        let of_system = Taken::by_grants(&system.spec).ok()?;
        let status = system.status.clone().unwrap_or_default();
        let in_quota = InQuota::told(&status, system.metadata.generation).ok()?;
        grants.extend(Taken::beyond(&of_system, &in_quota, now));
        grants.extend(of_system);
    }
    Profile::of(&capacity::taken(&status, &grants).ok()?)
}

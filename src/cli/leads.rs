//! The leads that a form names: those of the last form of its system, so that nobody copies telephone numbers.

use super::failure::Failure;
use super::session::Session;
use crate::api::cloud_resource_request::Contacts;
use crate::api::{CloudResourceRequest, Decommission, ResourceChange};
use k8s_openapi::NamespaceResourceScope;
use kube::api::ListParams;
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// The leads of the newest form of a system that names any.
///
/// # Errors
/// When the API server does not answer, or forms may not be read.
pub async fn last(session: &Session, namespace: &str, system: &str) -> Result<Option<Contacts>, Failure> {
    let requests = forms(session, namespace, |request: CloudResourceRequest| {
        (request.spec.application.system.code == system).then_some(request.spec.contacts).flatten()
    });
    let changes = forms(session, namespace, |change: ResourceChange| {
        (change.spec.change.system == system).then_some(change.spec.contacts).flatten()
    });
    let departures = forms(session, namespace, |form: Decommission| {
        (form.spec.departure.system == system).then_some(form.spec.contacts).flatten()
    });
    let (requests, changes, departures) = futures::try_join!(requests, changes, departures)?;
    let all = requests.into_iter().chain(changes).chain(departures);
    Ok(all.max_by_key(|(made, _)| *made).map(|(_, contacts)| contacts))
}

/// When each form that names leads was made, and the leads.
async fn forms<K>(
    session: &Session,
    namespace: &str,
    named: impl Fn(K) -> Option<Contacts>,
) -> Result<Vec<(Option<jiff::Timestamp>, Contacts)>, Failure>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let found = session.list(&session.api::<K>(namespace), &ListParams::default()).await;
    let found = found.map_err(|e| session.failure(&e))?;
    Ok(found.into_iter().filter_map(|form| Some((form.creation_timestamp().map(|at| at.0), named(form)?))).collect())
}

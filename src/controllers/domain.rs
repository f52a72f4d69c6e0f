//! CloudDomain: what is granted in all, and reservations that have become grants.

use super::Context;
use super::request::granted;
use crate::api::CloudDomain;
use crate::api::names::{CONDITION_READY, CONDITION_VALID};
use crate::core::capacity;
use crate::core::request::Statement;
use crate::runtime::apply;
use crate::runtime::controller::{Error, Settled};
use jiff::Timestamp;
use kube::{Api, ResourceExt as _};
use std::sync::Arc;

/// One pass over one domain.
///
/// # Errors
/// What keeps it from coming to rest.
pub async fn reconcile(domain: Arc<CloudDomain>, context: Arc<Context>) -> Result<Settled, Error> {
    let name = domain.name_any();
    let before = domain.status.clone().unwrap_or_default();
    let mut status = before.clone();
    let sum = granted(&context, &name, &status.reservations)?;
    status.reservations.retain(|r| !sum.submissions.contains(&r.submission_uid));
    let finished = before.reservations.len() - status.reservations.len();
    status.grants_committed += i64::try_from(finished).unwrap_or(0);
    status.granted = sum.amounts.print();
    status.systems = sum.systems;
    status.observed_generation = domain.metadata.generation;
    let valid = match capacity::grantable(&domain.spec) {
        Err((resource, error)) => Err(("CapacityUnreadable", format!("spec.capacity[{resource}]: {error}"))),
        Ok(_) if !context.registry().organizations.contains_key(&domain.spec.provider) => Err((
            "ProviderUnknown",
            format!(
                "spec.provider: there is no Organization {}: the authority creates it (云服务商未登记)",
                domain.spec.provider
            ),
        )),
        Ok(grantable) => {
            status.grantable = grantable.print();
            Ok(capacity::fits(&sum.amounts, &grantable, &crate::core::quantity::Amounts::default()))
        }
    };
    let statement = |type_| match &valid {
        Err((reason, message)) => Statement::new(type_, false, reason, message),
        Ok(Err(short)) => Statement::new(
            type_,
            false,
            "OverCommitted",
            format!(
                "more is granted than there is: {}; nothing is taken from anyone, and nothing new is granted",
                capacity::explain(&name, short)
            ),
        ),
        Ok(Ok(())) => Statement::new(type_, true, "Valid", "capacity and provider can be used"),
    };
    let statements = [statement(CONDITION_READY), statement(CONDITION_VALID)];
    let generation = domain.metadata.generation.unwrap_or_default();
    status.conditions = apply::conditions(&before.conditions, &statements, generation, Timestamp::now());
    if domain.status.as_ref() != Some(&status) {
        let mut next = domain.as_ref().clone();
        next.status = Some(status);
        apply::put_status(&Api::all(context.client.clone()), &context.metrics, &next).await?;
    }
    Ok(Settled::default())
}

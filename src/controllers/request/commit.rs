//! The order in which an approval becomes a fact: fresh read; reservation in the domain, guarded by its version;
//! request status; system with its grant. Each step is found done when it is tried again after a crash.

use super::{Observed, hold};
use crate::api::cloud_domain::Reservation;
use crate::api::information_system::Grant;
use crate::api::{CloudDomain, CloudResourceRequest, Decision, InformationSystem};
use crate::controllers::Context;
use crate::controllers::authority::Freshness;
use crate::controllers::context::system_of;
use crate::controllers::domain::told;
use crate::core::capacity::{self, Reserving, Taken};
use crate::core::request::Plan;
use crate::runtime::apply::{self, params};
use crate::runtime::controller::Error;
use crate::runtime::id::Id;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use std::sync::Arc;

/// The request, its decisions and their people, and the system of its code, all read from the API server now.
async fn afresh(context: &Context, request: &CloudResourceRequest) -> Result<(CloudResourceRequest, Observed), Error> {
    let namespace = request.namespace().unwrap_or_default();
    let fresh = context.api::<CloudResourceRequest>(&namespace).get(&request.name_any()).await?;
    if fresh.uid() != request.uid() || fresh.metadata.generation != request.metadata.generation {
        return Err(Error::Conflict("the request has changed".to_owned()));
    }
    let code = &fresh.spec.application.system.code;
    let system = context.api::<InformationSystem>(&namespace).get_opt(code).await?;
    let selector = ListParams::default().fields(&format!("spec.requestRef.name={}", request.name_any()));
    let decisions = context.api::<Decision>(&namespace).list(&selector).await?;
    let decisions: Vec<_> = decisions.items.into_iter().map(Arc::new).collect();
    let observed = Observed {
        decisions: context.authority.facts(&decisions, Freshness::Now).await?,
        system: system.map(Arc::new),
        rivals: context.indexes.requests_by_code.get(&system_of(&fresh)),
    };
    Ok((fresh, observed))
}

/// Commits what the decisions grant. Gives back the request as it stands then, and what is to be said of it.
pub(super) async fn approve(
    context: &Context,
    request: &CloudResourceRequest,
) -> Result<(Arc<CloudResourceRequest>, Plan), Error> {
    let (mut fresh, observed) = afresh(context, request).await?;
    let now = Timestamp::now();
    let mut plan = observed.decide(context, &fresh, now);
    let (Some(grant), Some(system)) = (plan.grant.clone(), plan.system.clone()) else {
        return Ok((Arc::new(fresh), plan));
    };
    if let Some(why) = context.guards.hold() {
        hold(&mut plan, "GuardBroken", &why);
        return Ok((Arc::new(fresh), plan));
    }
    let _under_way = context.under_way(&grant.submission_uid);
    if let Err(why) = reserve(context, &system.domain, &fresh, &grant).await? {
        hold(&mut plan, "CapacityShort", &why);
        return Ok((Arc::new(fresh), plan));
    }
    plan.status.committed = true;
    fresh = record_approval(context, &fresh, &plan, now).await?;
    let namespace = fresh.namespace().unwrap_or_default();
    let systems = context.api::<InformationSystem>(&namespace);
    let code = &fresh.spec.application.system.code;
    let new = InformationSystem {
        metadata: ObjectMeta { name: Some(code.clone()), namespace: Some(namespace), ..ObjectMeta::default() },
        spec: system,
        status: None,
    };
    context.metrics.wrote("InformationSystem", "create");
    match systems.create(&params(), &new).await {
        Ok(_) => tracing::info!(system = code, "resources granted"),
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {
            let there = systems.get(code).await?;
            if !there.spec.grants.iter().any(|g| g.submission_uid == grant.submission_uid) {
                return Err(Error::Conflict(format!("system {code} was opened for another request meanwhile")));
            }
        }
        Err(error) => return Err(error.into()),
    }
    Ok((Arc::new(fresh), plan))
}

/// Takes room in the domain; a reservation that stands already is kept. The inner error is why there is no room.
async fn reserve(
    context: &Context,
    domain_name: &str,
    request: &CloudResourceRequest,
    grant: &Grant,
) -> Result<Result<(), String>, Error> {
    let lock = context.commit_lock(domain_name);
    let _one_at_a_time = lock.lock().await;
    let domains: Api<CloudDomain> = Api::all(context.client.clone());
    let mut domain = domains.get(domain_name).await?;
    let status = domain.status.clone().unwrap_or_default();
    let wanted = Reservation {
        namespace: request.namespace().unwrap_or_default(),
        request: grant.request.clone(),
        submission_uid: grant.submission_uid.clone(),
        digest: grant.digest.clone(),
        amounts: grant.amounts.clone(),
    };
    let grants = grants_of(context, domain_name)?;
    match capacity::reserve(domain_name, &domain.spec, &status, &grants, wanted) {
        Ok(Reserving::Held) => Ok(Ok(())),
        Ok(Reserving::Reserved(next)) => {
            domain.status = Some(told(context, &domain, *next, &grants)?);
            apply::put_status(&domains, &context.metrics, &domain).await?;
            Ok(Ok(()))
        }
        Ok(Reserving::Short(why)) => Ok(Err(why.to_string())),
        Ok(Reserving::Stale) => Err(Error::Conflict("the cache does not know all grants of the domain yet".to_owned())),
        Ok(Reserving::Busy) => Err(Error::Conflict("many approvals are being committed in this domain".to_owned())),
        Err((resource, error)) => Ok(Err(format!("domain {domain_name}: {resource}: {error}"))),
    }
}

/// The grants of a domain that the cache knows.
pub(in crate::controllers) fn grants_of(context: &Context, domain: &str) -> Result<Vec<Taken>, Error> {
    let mut all = Vec::new();
    for (system, takes) in context.indexes.systems_by_domain.get(&Id::new(domain)) {
        match &takes.grants {
            Ok(grants) => all.extend_from_slice(grants),
            Err((resource, error)) => {
                let what = format!("a grant of {system:?} in {domain} cannot be read: {resource}: {error}");
                return Err(Error::Transient(what));
            }
        }
    }
    Ok(all)
}

/// From here on the application cannot be edited: a rule of the CRD reads `committed`.
async fn record_approval(
    context: &Context,
    fresh: &CloudResourceRequest,
    plan: &Plan,
    now: Timestamp,
) -> Result<CloudResourceRequest, Error> {
    if fresh.status.as_ref().is_some_and(|s| s.committed) {
        return Ok(fresh.clone());
    }
    let before = fresh.status.clone().unwrap_or_default();
    let mut status = plan.status.clone();
    let generation = fresh.metadata.generation.unwrap_or_default();
    status.conditions = apply::conditions(&before.conditions, &plan.conditions, generation, now);
    let mut next = fresh.clone();
    next.status = Some(status);
    let api = context.api::<CloudResourceRequest>(&fresh.namespace().unwrap_or_default());
    apply::put_status(&api, &context.metrics, &next).await
}

/// Puts on record that all parties have signed. Charging starts with the last signature, whenever this runs.
pub(super) async fn go_live(context: &Context, request: &CloudResourceRequest) -> Result<(), Error> {
    let (fresh, observed) = afresh(context, request).await?;
    let Some(live) = observed.decide(context, &fresh, Timestamp::now()).live else {
        return Err(Error::Conflict("the decisions have changed".to_owned()));
    };
    if let Some(why) = context.guards.hold() {
        return Err(Error::Transient(why));
    }
    let Some(mut system) = observed.system.map(Arc::unwrap_or_clone) else { return Ok(()) };
    system.spec.live = Some(live);
    context.metrics.wrote("InformationSystem", "update");
    let systems = context.api::<InformationSystem>(&fresh.namespace().unwrap_or_default());
    systems.replace(&system.name_any(), &params(), &system).await?;
    tracing::info!(system = system.name_any(), "system is live");
    Ok(())
}

//! The order in which an approval becomes a fact: fresh read; reservation in the domain, guarded by its version;
//! request status; system with its grant. Each step is found done when it is tried again after a crash.

use super::{Observed, observe};
use crate::api::cloud_domain::Reservation;
use crate::api::information_system::Grant;
use crate::api::{CloudDomain, CloudResourceRequest, Decision, InformationSystem};
use crate::controllers::Context;
use crate::controllers::authority::Freshness;
use crate::core::capacity::{self, Taken};
use crate::core::quantity::Amounts;
use crate::core::request::Plan;
use crate::runtime::apply::{self, params};
use crate::runtime::controller::Error;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use std::sync::Arc;

/// What became of an approval.
pub(super) enum Approval {
    /// The grant is on record; the request as it stands now.
    Granted(Arc<CloudResourceRequest>),
    /// The domain is full.
    NoRoom(String),
    /// Read afresh, the decisions do not carry a grant.
    Withdrawn,
}

/// The request, its decisions and their people, all read from the API server now.
async fn afresh(context: &Context, request: &CloudResourceRequest) -> Result<(CloudResourceRequest, Observed), Error> {
    let namespace = request.namespace().unwrap_or_default();
    let fresh = context.api::<CloudResourceRequest>(&namespace).get(&request.name_any()).await?;
    if fresh.uid() != request.uid() || fresh.metadata.generation != request.metadata.generation {
        return Err(Error::Conflict("the request has changed".to_owned()));
    }
    let selector = ListParams::default().fields(&format!("spec.requestRef.name={}", request.name_any()));
    let decisions = context.api::<Decision>(&namespace).list(&selector).await?;
    let decisions = decisions.items.into_iter().map(Arc::new).collect();
    let observed = observe(context, &fresh, Some(decisions), Freshness::Now).await?;
    Ok((fresh, observed))
}

/// Commits what the decisions grant.
pub(super) async fn approve(context: &Context, request: &CloudResourceRequest) -> Result<Approval, Error> {
    let (mut fresh, observed) = afresh(context, request).await?;
    let now = Timestamp::now();
    let plan = observed.decide(context, &fresh, now);
    let (Some(grant), Some(system)) = (&plan.grant, &plan.system) else { return Ok(Approval::Withdrawn) };
    if let Err(why) = reserve(context, &system.domain, &fresh, grant).await? {
        return Ok(Approval::NoRoom(why));
    }
    fresh = record_approval(context, &fresh, &plan, now).await?;
    let namespace = fresh.namespace().unwrap_or_default();
    let systems = context.api::<InformationSystem>(&namespace);
    let code = &fresh.spec.application.system.code;
    let new = InformationSystem {
        metadata: ObjectMeta { name: Some(code.clone()), namespace: Some(namespace), ..ObjectMeta::default() },
        spec: system.clone(),
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
    Ok(Approval::Granted(Arc::new(fresh)))
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
    let mut status = domain.status.clone().unwrap_or_default();
    if status.reservations.iter().any(|r| r.submission_uid == grant.submission_uid) {
        return Ok(Ok(()));
    }
    let granted = granted(context, domain_name, &status.reservations)?;
    if granted.on_record < status.grants_committed {
        return Err(Error::Conflict("the cache does not know all grants of the domain yet".to_owned()));
    }
    let unreadable = |(resource, error): (String, _)| Error::Transient(format!("amount of {resource}: {error}"));
    let wanted = Amounts::parse(&grant.amounts).map_err(unreadable)?;
    let grantable = match capacity::grantable(&domain.spec) {
        Ok(grantable) => grantable,
        Err((resource, error)) => return Ok(Err(format!("capacity of {domain_name}: {resource}: {error}"))),
    };
    if let Err(short) = capacity::fits(&wanted, &grantable, &granted.amounts) {
        return Ok(Err(capacity::explain(domain_name, &short).to_string()));
    }
    // What is on record needs no reservation any more: cleared in the same write.
    let pending = status.reservations.len();
    status.reservations.retain(|r| !granted.submissions.contains(&r.submission_uid));
    status.grants_committed += i64::try_from(pending - status.reservations.len()).unwrap_or(0);
    if status.reservations.len() >= 64 {
        return Err(Error::Transient("64 approvals are being committed in this domain at once".to_owned()));
    }
    status.reservations.push(Reservation {
        namespace: request.namespace().unwrap_or_default(),
        request: grant.request.clone(),
        submission_uid: grant.submission_uid.clone(),
        digest: grant.digest.clone(),
        amounts: grant.amounts.clone(),
    });
    domain.status = Some(status);
    apply::put_status(&domains, &context.metrics, &domain).await?;
    Ok(Ok(()))
}

/// What a domain has granted, by the cache and the reservations that it has not seen become grants.
pub(in crate::controllers) struct Granted {
    /// Sum.
    pub(in crate::controllers) amounts: Amounts,
    /// Grants that the cache knows.
    pub(in crate::controllers) on_record: i64,
    /// Filings that have a grant on record.
    pub(in crate::controllers) submissions: std::collections::BTreeSet<String>,
    /// Systems.
    pub(in crate::controllers) systems: i64,
}

/// Adds up what a domain has granted.
pub(in crate::controllers) fn granted(
    context: &Context,
    domain: &str,
    reservations: &[Reservation],
) -> Result<Granted, Error> {
    let unreadable =
        |(resource, error)| Error::Transient(format!("a grant in {domain} cannot be read: {resource}: {error}"));
    let systems = context.indexes.systems_by_domain.get(&domain.to_owned());
    let grants = systems.iter().flat_map(|s| &s.spec.grants);
    let mut taken = grants.map(Taken::by_grant).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    let submissions = taken.iter().map(|t| t.submission_uid.clone()).collect();
    let on_record = i64::try_from(taken.len()).unwrap_or(i64::MAX);
    for reservation in reservations {
        taken.push(Taken::by_reservation(reservation).map_err(unreadable)?);
    }
    let amounts =
        capacity::sum(&taken).ok_or_else(|| Error::Transient(format!("the grants in {domain} cannot be added up")))?;
    Ok(Granted { amounts, on_record, submissions, systems: i64::try_from(systems.len()).unwrap_or(i64::MAX) })
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
    status.committed = true;
    let generation = fresh.metadata.generation.unwrap_or_default();
    status.conditions = apply::conditions(&before.conditions, &plan.conditions, generation, now);
    let mut next = fresh.clone();
    next.status = Some(status);
    let api = context.api::<CloudResourceRequest>(&fresh.namespace().unwrap_or_default());
    apply::put_status(&api, &context.metrics, &next).await
}

/// Gives back the room of an approval that did not come to be, such as that of a request edited in between.
pub(super) async fn release(context: &Context, request: &CloudResourceRequest) -> Result<(), Error> {
    let name = &request.spec.application.domain;
    let uid = request.uid().unwrap_or_default();
    let reserved = |domain: &CloudDomain| {
        domain.status.as_ref().is_some_and(|s| s.reservations.iter().any(|r| r.request.uid == uid))
    };
    if !context.domain(name).is_some_and(|domain| reserved(&domain)) {
        return Ok(());
    }
    let lock = context.commit_lock(name);
    let _one_at_a_time = lock.lock().await;
    // Read afresh: a grant may have come to be that the cache has not seen.
    let namespace = request.namespace().unwrap_or_default();
    let code = &request.spec.application.system.code;
    if context.api::<InformationSystem>(&namespace).get_opt(code).await?.is_some() {
        return Ok(());
    }
    let domains: Api<CloudDomain> = Api::all(context.client.clone());
    let mut domain = domains.get(name).await?;
    if reserved(&domain) {
        if let Some(status) = &mut domain.status {
            status.reservations.retain(|r| r.request.uid != uid);
        }
        apply::put_status(&domains, &context.metrics, &domain).await?;
    }
    Ok(())
}

/// Puts on record that all parties have signed. Charging starts with the last signature, whenever this runs.
pub(super) async fn go_live(context: &Context, request: &CloudResourceRequest) -> Result<(), Error> {
    let (fresh, observed) = afresh(context, request).await?;
    let Some(live) = observed.decide(context, &fresh, Timestamp::now()).live else {
        return Err(Error::Conflict("the decisions have changed".to_owned()));
    };
    let namespace = fresh.namespace().unwrap_or_default();
    let systems = context.api::<InformationSystem>(&namespace);
    let mut system = systems.get(&fresh.spec.application.system.code).await?;
    if system.spec.live.is_none() {
        system.spec.live = Some(live);
        context.metrics.wrote("InformationSystem", "update");
        systems.replace(&system.name_any(), &params(), &system).await?;
        tracing::info!(system = system.name_any(), "system is live");
    }
    Ok(())
}

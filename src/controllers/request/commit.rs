//! The order in which an approval becomes a fact: fresh read; reservation in the domain, guarded by its version;
//! request status; system with its grant. Each step is found done when it is tried again after a crash.

use super::{Observed, hold};
use crate::api::bounds::GRANTS;
use crate::api::cloud_domain::Reservation;
use crate::api::information_system::Grant;
use crate::api::{CloudResourceRequest, InformationSystem, InformationSystemSpec};
use crate::controllers::Context;
use crate::controllers::case;
use crate::controllers::context::system_of;
use crate::controllers::room::reserve;
use crate::controllers::system::home;
use crate::controllers::takeover;
use crate::controllers::told::record_approval;
use crate::core::effective;
use crate::core::guards::OF_ADOPTION;
use crate::core::request::Plan;
use crate::core::retention;
use crate::runtime::apply::params;
use crate::runtime::clock;
use crate::runtime::controller::Error;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;
use std::sync::Arc;

/// The request, its decisions and their people, and the system of its code, all read from the API server now.
async fn afresh(context: &Context, request: &CloudResourceRequest) -> Result<(CloudResourceRequest, Observed), Error> {
    let (fresh, decisions) = case::afresh(context, request).await?;
    let code = &fresh.spec.application.system.code;
    let system = context.api::<InformationSystem>(&fresh.namespace().unwrap_or_default()).get_opt(code).await?;
    let observed = Observed {
        decisions,
        seen: if system.is_some() { None } else { takeover::look(context, &fresh).await? },
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
    let now = clock::now();
    let mut plan = observed.decide(context, &fresh, now);
    let Some(grant) = plan.grant.clone() else { return Ok((Arc::new(fresh), plan)) };
    let adopts = fresh.spec.application.adopts.is_some();
    if let Some(why) = context.guards.hold(if adopts { &OF_ADOPTION } else { &[] }) {
        hold(&mut plan, "GuardBroken", &why);
        return Ok((Arc::new(fresh), plan));
    }
    if observed.system.as_ref().is_some_and(|system| plan.system.is_none() && !effective::has_room(&system.spec)) {
        let why = format!(
            "the record of the system is full ({GRANTS} grants at most, and less than 800 kB), and nothing more is granted to it: what it has stays until its term ends; the unit applies under a new system (变更记录已满)"
        );
        hold(&mut plan, "RecordFull", &why);
        return Ok((Arc::new(fresh), plan));
    }
    let _under_way = context.under_way(&grant.submission_uid);
    let wanted = Reservation {
        namespace: fresh.namespace().unwrap_or_default(),
        request: grant.request.clone(),
        submission_uid: grant.submission_uid.clone(),
        digest: grant.digest.clone(),
        amounts: grant.amounts.clone(),
        // A new system's grant holds from the beginning; one that takes another's place, from its approval on.
        from: (!plan.ends.is_empty()).then_some(grant.effective_from),
        until: grant.term.as_ref().and_then(|term| term.until),
        ends: plan.ends.clone(),
    };
    if let Err(why) = reserve(context, &fresh.spec.application.domain, wanted).await? {
        hold(&mut plan, "CapacityShort", &why);
        return Ok((Arc::new(fresh), plan));
    }
    plan.status.committed = true;
    fresh = record_approval(context, &fresh, &plan.status, &plan.conditions, now).await?;
    match plan.system.clone() {
        Some(system) => open(context, &fresh, system, &grant).await?,
        None => add(context, observed.system.as_deref(), grant).await?,
    }
    Ok((Arc::new(fresh), plan))
}

/// Makes the system, with its first grant on record.
async fn open(
    context: &Context,
    request: &CloudResourceRequest,
    system: InformationSystemSpec,
    grant: &Grant,
) -> Result<(), Error> {
    let namespace = request.namespace().unwrap_or_default();
    let systems = context.api::<InformationSystem>(&namespace);
    let code = &request.spec.application.system.code;
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
    Ok(())
}

/// Puts the whole track's grant on the record of a system that stands under an urgent one.
async fn add(context: &Context, system: Option<&InformationSystem>, grant: Grant) -> Result<(), Error> {
    let Some(system) = system else { return Err(Error::Conflict("the system is not there any more".to_owned())) };
    let mut next = system.clone();
    next.spec.grants.push(grant);
    replace(context, &next).await?;
    tracing::info!(system = system.name_any(), "the urgent system is permanent");
    Ok(())
}

/// The system as it was read, with what is added: whoever has written since makes this a conflict.
pub(in crate::controllers) async fn replace(context: &Context, system: &InformationSystem) -> Result<(), Error> {
    context.metrics.wrote("InformationSystem", "update");
    let systems = context.api::<InformationSystem>(&system.namespace().unwrap_or_default());
    systems.replace(&system.name_any(), &params(), system).await?;
    Ok(())
}

/// Puts on record that the request is taken back, if nothing of it was ever opened: a status may be lost, so its namespace is
/// looked at. False where it was.
pub(super) async fn take_back(context: &Context, request: &CloudResourceRequest) -> Result<bool, Error> {
    let (fresh, observed) = afresh(context, request).await?;
    let plan = observed.decide(context, &fresh, clock::now());
    let (Some(leaving), Some(system)) = (plan.taken_back, observed.system.map(Arc::unwrap_or_clone)) else {
        return Err(Error::Conflict("the decisions have changed".to_owned()));
    };
    if home::is_open(&system, context).await? {
        return Ok(false);
    }
    let mut next = system;
    next.spec.departures.push(leaving);
    replace(context, &next).await?;
    tracing::info!(system = next.name_any(), "taken back before anything was opened");
    Ok(true)
}

/// Puts on record that all parties have signed. Charging starts with the last signature, whenever this runs.
pub(super) async fn go_live(context: &Context, request: &CloudResourceRequest) -> Result<(), Error> {
    let (fresh, observed) = afresh(context, request).await?;
    let plan = observed.decide(context, &fresh, clock::now());
    if plan.live.is_none() && plan.agreement.is_none() {
        return Err(Error::Conflict("the decisions have changed".to_owned()));
    }
    if let Some(why) = context.guards.hold(&[]) {
        return Err(Error::Transient(why));
    }
    let Some(mut system) = observed.system.map(Arc::unwrap_or_clone) else { return Ok(()) };
    if let Some(live) = plan.live {
        // The way back is open for so long after it really went live.
        system.spec.keep_old_until = retention::settled(&system.spec, &live, &context.registry());
        system.spec.live = Some(live);
    }
    system.spec.agreements.extend(plan.agreement);
    replace(context, &system).await?;
    tracing::info!(system = system.name_any(), "system is live");
    Ok(())
}

//! The order in which an approved change becomes a fact: fresh read; reservation in the domain, guarded by its version;
//! the change's status, from which on its text is locked; the system's record, guarded by its version. Each step is found
//! done when it is tried again after a crash.

use super::{Observed, hold, taken_up};
use crate::api::bounds::GRANTS;
use crate::api::cloud_domain::Reservation;
use crate::api::information_system::Grant;
use crate::api::names::{CONDITION_IDLE, CONDITION_NO_BUSINESS_DATA, CONDITION_REDUCTION_ELIGIBLE};
use crate::api::resource_change::{ChangeGround, GroundGone};
use crate::api::{InformationSystem, ResourceChange};
use crate::controllers::Context;
use crate::controllers::case;
use crate::controllers::request::commit::replace;
use crate::controllers::room::reserve;
use crate::controllers::told::record_approval;
use crate::controllers::usage::{self, Ground};
use crate::core::change::Plan;
use crate::core::effective;
use crate::core::text::shorten;
use crate::runtime::clock;
use crate::runtime::controller::Error;
use jiff::SignedDuration;
use kube::ResourceExt as _;
use std::sync::Arc;

/// The change, its decisions and their people, and its system, all read from the API server now.
async fn afresh(context: &Context, change: &ResourceChange) -> Result<(ResourceChange, Observed), Error> {
    let (fresh, decisions) = case::afresh(context, change).await?;
    let systems = context.api::<InformationSystem>(&fresh.namespace().unwrap_or_default());
    let system = systems.get_opt(&fresh.spec.change.system).await?;
    let proposal = taken_up(context, &fresh);
    Ok((fresh, Observed { decisions, system: system.map(Arc::new), proposal }))
}

/// Puts on record what the decisions come to. Gives back the change as it stands then, and what is to be said of it.
pub(super) async fn carry_out(
    context: &Context,
    change: &ResourceChange,
) -> Result<(Arc<ResourceChange>, Plan), Error> {
    let (mut fresh, observed) = afresh(context, change).await?;
    let now = clock::now();
    let mut plan = observed.decide(context, &fresh, now);
    let Some(system) = observed.system.as_ref() else { return Ok((Arc::new(fresh), plan)) };
    if plan.grant.is_none() && plan.agreement.is_none() && plan.closes.is_none() {
        return Ok((Arc::new(fresh), plan));
    }
    if let Some(why) = context.guards.hold(&[]) {
        hold(&mut plan, "GuardBroken", &why);
        return Ok((Arc::new(fresh), plan));
    }
    let mut next = InformationSystem::clone(system);
    if let Some(grant) = plan.grant.clone() {
        if !effective::has_room(&next.spec) {
            let why = format!(
                "the record of {} is full ({GRANTS} grants at most, and less than 800 kB), and nothing more is granted to it: what it has stays; the unit opens the next changes under a new system (变更记录已满)",
                next.name_any()
            );
            hold(&mut plan, "RecordFull", &why);
            return Ok((Arc::new(fresh), plan));
        }
        if !still_founded(context, &fresh, &observed, &grant, &mut plan).await {
            return Ok((Arc::new(fresh), plan));
        }
        let _under_way = context.under_way(&grant.submission_uid);
        if let Err(why) = take_room(context, &fresh, system, &plan).await? {
            hold(&mut plan, "CapacityShort", &why);
            return Ok((Arc::new(fresh), plan));
        }
        plan.status.committed = true;
        fresh = record_approval(context, &fresh, &plan.status, &plan.conditions, now).await?;
        next.spec.grants.push(grant);
        replace(context, &next).await?;
        tracing::info!(change = fresh.name_any(), "change is on record");
        return Ok((Arc::new(fresh), plan));
    }
    next.spec.agreements.extend(plan.agreement.clone());
    let closes = plan.closes.clone().filter(|c| !next.spec.closed.iter().any(|d| d.submission_uid == c.submission_uid));
    next.spec.closed.extend(closes);
    if next.spec != system.spec {
        replace(context, &next).await?;
    }
    Ok((Arc::new(fresh), plan))
}

/// So soon it is looked again whether use is known.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(1);

/// Whether a reduction may take effect: use is read once more, and nobody is reduced on what is missing, partial or stale
/// (R26.6). Says otherwise what it waits for, or that its ground is gone.
async fn still_founded(
    context: &Context,
    change: &ResourceChange,
    observed: &Observed,
    grant: &Grant,
    plan: &mut Plan,
) -> bool {
    let Some(system) = observed.system.as_ref().filter(|_| change.spec.change.ground == ChangeGround::Reduction) else {
        return true;
    };
    // By papers alone, where use is judged nowhere and nothing was proposed.
    if observed.proposal.is_none() && !usage::is_judged(context, system) {
        return true;
    }
    let now = clock::now();
    if grant.effective_from.timestamp() > now {
        let why = format!(
            "another change takes effect at {} first; use is read once more then (待前一变更于该时刻生效后再次核实使用情况)",
            grant.effective_from
        );
        hold(plan, "EarlierChange", &why);
        plan.wake = Some(grant.effective_from.timestamp());
        return false;
    }
    let grounds: &[&str] = match &observed.proposal {
        Some(_) => &[CONDITION_REDUCTION_ELIGIBLE],
        None => &[CONDITION_REDUCTION_ELIGIBLE, CONDITION_IDLE, CONDITION_NO_BUSINESS_DATA],
    };
    match usage::once_more(context, system, grounds).await {
        Ground::Holds => true,
        Ground::Unknown(why) => {
            let why = format!(
                "approved, and not carried out: nobody is reduced while use is not known ({why}); see that the metrics endpoint answers for this system (docs/usage.md), and it goes on by itself (使用情况未知，暂缓执行，恢复采集后自动继续)"
            );
            hold(plan, "UsageUnknown", &why);
            plan.wake = now.checked_add(LOOK_AGAIN).ok();
            false
        }
        Ground::Gone(why) => {
            let proposed = observed.proposal.as_ref().map(|proposal| &proposal.spec.evidence.message);
            let then = proposed.unwrap_or(&change.spec.change.reason);
            plan.goes_back(GroundGone {
                submission_uid: grant.submission_uid.clone(),
                message: shorten(
                    &format!(
                        "its ground is gone, so it is not carried out: file it again once there is one again. Then: {then}. Now: {why}"
                    ),
                    2048,
                ),
                message_zh: shorten(
                    &format!("依据已消失，不予执行；再次符合条件后请重新提交。当时：{then}。现在：{why}"),
                    2048,
                ),
            });
            false
        }
    }
}

/// Takes what the change needs beyond what its system has; the inner error is why there is no room.
async fn take_room(
    context: &Context,
    change: &ResourceChange,
    system: &InformationSystem,
    plan: &Plan,
) -> Result<Result<(), String>, Error> {
    let Some(grant) = &plan.grant else { return Ok(Ok(())) };
    let wanted = Reservation {
        namespace: change.namespace().unwrap_or_default(),
        request: grant.request.clone(),
        submission_uid: grant.submission_uid.clone(),
        digest: grant.digest.clone(),
        amounts: plan.takes.print(),
        from: Some(grant.effective_from),
        until: grant.term.as_ref().and_then(|term| term.until),
        ends: Vec::new(),
    };
    reserve(context, &system.spec.domain, wanted).await
}

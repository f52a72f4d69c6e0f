//! GovernancePolicy: whether a version can be worked with, and that none goes by which something is judged.

use super::Context;
use super::context::Version;
use crate::api::GovernancePolicy;
use crate::api::governance_policy::GovernancePolicyStatus;
use crate::api::names::{CONDITION_READY, CONDITION_VALID};
use crate::core::calendar::date_in;
use crate::core::policy;
use crate::core::request::Statement;
use crate::core::round::report::counts_days;
use crate::core::round::zone_of;
use crate::runtime::apply;
use crate::runtime::clock;
use crate::runtime::controller::{Error, Settled};
use jiff::SignedDuration;
use kube::{Api, ResourceExt as _};
use std::sync::Arc;

/// Keeps a policy for as long as something is judged by it.
pub const FINALIZER: &str = "yunguan.dev/in-use";
/// While it is kept against its deletion, it is looked at so often.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(1);

/// One pass over one policy.
///
/// # Errors
/// What keeps it from coming to rest.
pub async fn reconcile(policy: Arc<GovernancePolicy>, context: Arc<Context>) -> Result<Settled, Error> {
    if policy.metadata.deletion_timestamp.is_some() {
        return leave(&policy, &context).await;
    }
    if !policy.finalizers().iter().any(|f| f == FINALIZER) {
        let kept = policy.finalizers().iter().cloned().chain([FINALIZER.to_owned()]).collect();
        return set_finalizers(&policy, &context, kept).await;
    }
    let registry = context.registry();
    let mut problems = policy::check(&policy.spec);
    problems.extend(policy::overlaps(&registry.policies, &policy.name_any()));
    problems
        .extend((!registry.calendars.contains_key(&policy.spec.calendar)).then(|| policy::no_calendar(&policy.spec)));
    let made = policy.creation_timestamp().map(|at| date_in(at.0, &zone_of(&policy.spec)));
    problems.extend(made.and_then(|made| policy::over_before(&policy.spec, made)));
    let unfilled = policy::roles_without_holder(&registry, &policy.spec);
    let list = |problems: &[policy::Problem]| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let valid = if problems.is_empty() {
        Statement::new(CONDITION_VALID, true, "Valid", "every gate can be reached and passed (办法可用)")
    } else {
        Statement::new(CONDITION_VALID, false, "Problems", list(&problems))
    };
    let ready = match (problems.is_empty(), unfilled.is_empty()) {
        (false, _) => Statement::new(CONDITION_READY, false, "Problems", list(&problems)),
        (true, false) => Statement::new(CONDITION_READY, false, "RoleWithoutHolder", list(&unfilled)),
        (true, true) => Statement::new(CONDITION_READY, true, "Valid", "requests can be judged by it (办法可用)"),
    };
    let calendar = counts_days(&registry, &policy.spec, clock::now());
    report(&policy, &context, &[valid, ready, calendar]).await?;
    Ok(Settled::default())
}

/// A version by which something was filed or granted stays, whoever deletes it: what was filed under it is judged by it.
async fn leave(policy: &GovernancePolicy, context: &Context) -> Result<Settled, Error> {
    if !in_use(policy, context) {
        let kept = policy.finalizers().iter().filter(|f| *f != FINALIZER).cloned().collect();
        return set_finalizers(policy, context, kept).await;
    }
    let kept = "requests, changes, departures, sanctions or systems are judged by this version, so it stays until they are gone (尚有申请、变更、退出、处理措施或系统适用本办法，不能删除)";
    report(policy, context, &[Statement::new(CONDITION_READY, false, "InUse", kept)]).await?;
    Ok(Settled { next: clock::now().checked_add(LOOK_AGAIN).ok(), ..Settled::default() })
}

/// Whether something is judged by it.
fn in_use(policy: &GovernancePolicy, context: &Context) -> bool {
    let (uid, name) = (policy.uid().unwrap_or_default(), policy.name_any());
    let mut granted = false;
    context.indexes.systems_by_domain.each(|_, takes| granted |= takes.policies.iter().any(|p| **p == uid));
    granted || context.indexes.filed_under.has(&Version { uid: uid.into(), name: name.into() })
}

async fn set_finalizers(
    policy: &GovernancePolicy,
    context: &Context,
    finalizers: Vec<String>,
) -> Result<Settled, Error> {
    let policies: Api<GovernancePolicy> = Api::all(context.client.clone());
    apply::set_finalizers(&policies, &context.metrics, policy, finalizers).await?;
    // The watch brings it back with its new version.
    Ok(Settled::default())
}

async fn report(policy: &GovernancePolicy, context: &Context, statements: &[Statement]) -> Result<(), Error> {
    let before = policy.status.clone().unwrap_or_default();
    let generation = policy.metadata.generation;
    let status = GovernancePolicyStatus {
        observed_generation: generation,
        in_use: in_use(policy, context),
        conditions: apply::conditions(&before.conditions, statements, generation.unwrap_or_default(), clock::now()),
    };
    if policy.status.as_ref() != Some(&status) {
        let next = GovernancePolicy { status: Some(status), ..policy.clone() };
        apply::put_status(&Api::all(context.client.clone()), &context.metrics, &next).await?;
    }
    Ok(())
}

//! GovernancePolicy: whether a version can be worked with, and that none goes by which something is judged.

use super::Context;
use crate::api::GovernancePolicy;
use crate::api::names::{CONDITION_READY, CONDITION_VALID};
use crate::core::calendar::date_in;
use crate::core::policy;
use crate::core::request::Statement;
use crate::core::round::report::counts_days;
use crate::core::round::zone_of;
use crate::runtime::apply::{self, params};
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
        let mut next = policy.as_ref().clone();
        next.finalizers_mut().push(FINALIZER.to_owned());
        return put(&context, &next).await;
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
    let uid = policy.uid().unwrap_or_default();
    // Seldom done, so each is read for it.
    let filed = context.requests.all().filter(|request| {
        let status = request.status.as_ref();
        status.is_some_and(|s| s.submission.is_some() && s.policy.as_ref().is_some_and(|p| p.uid == uid))
    });
    let changed = context.changes.all().filter(|change| {
        let status = change.status.as_ref();
        status.is_some_and(|s| s.submission.is_some() && s.policy.as_ref().is_some_and(|p| p.uid == uid))
    });
    let granted = context.systems.all().filter(|system| system.spec.grants.iter().any(|g| g.policy.uid == uid));
    let used = filed.count() + changed.count() + granted.count();
    if used == 0 {
        let mut next = policy.clone();
        next.finalizers_mut().retain(|f| f != FINALIZER);
        return put(context, &next).await;
    }
    let kept = format!(
        "{used} requests, changes and systems are judged by this version, so it stays until they are gone (尚有申请、变更或系统适用本办法，不能删除)"
    );
    report(policy, context, &[Statement::new(CONDITION_READY, false, "InUse", kept)]).await?;
    Ok(Settled { next: clock::now().checked_add(LOOK_AGAIN).ok(), ..Settled::default() })
}

async fn put(context: &Context, next: &GovernancePolicy) -> Result<Settled, Error> {
    context.metrics.wrote("GovernancePolicy", "update");
    Api::<GovernancePolicy>::all(context.client.clone()).replace(&next.name_any(), &params(), next).await?;
    // The watch brings it back with its new version.
    Ok(Settled::default())
}

async fn report(policy: &GovernancePolicy, context: &Context, statements: &[Statement]) -> Result<(), Error> {
    apply::put_conditions(&Api::all(context.client.clone()), &context.metrics, policy, statements).await
}

//! GovernancePolicy: whether a version can be worked with.

use super::Context;
use crate::api::GovernancePolicy;
use crate::api::names::{CONDITION_READY, CONDITION_VALID};
use crate::api::status::ConditionsStatus;
use crate::core::policy;
use crate::core::request::Statement;
use crate::runtime::apply;
use crate::runtime::controller::{Error, Settled};
use jiff::Timestamp;
use kube::{Api, ResourceExt as _};
use std::sync::Arc;

/// One pass over one policy.
///
/// # Errors
/// What keeps it from coming to rest.
pub async fn reconcile(policy: Arc<GovernancePolicy>, context: Arc<Context>) -> Result<Settled, Error> {
    let registry = context.registry();
    let mut problems = policy::check(&policy.spec);
    problems.extend(policy::overlaps(&registry.policies, &policy.name_any()));
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
    let before = policy.status.clone().unwrap_or_default();
    let generation = policy.metadata.generation.unwrap_or_default();
    let status = ConditionsStatus {
        observed_generation: policy.metadata.generation,
        conditions: apply::conditions(&before.conditions, &[valid, ready], generation, Timestamp::now()),
    };
    if policy.status.as_ref() != Some(&status) {
        let mut next = policy.as_ref().clone();
        next.status = Some(status);
        apply::put_status(&Api::all(context.client.clone()), &context.metrics, &next).await?;
    }
    Ok(Settled::default())
}

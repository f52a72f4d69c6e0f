//! Bindings of people to roles. Where the API server refuses one as a whole, whom it lets be bound is bound all the same, and
//! whoever is to have no rights any more has none.

use super::Context;
use super::system::same_labels;
use crate::runtime::apply::{self, Done, params};
use crate::runtime::controller::{Error, Refusal};
use k8s_openapi::api::rbac::v1::{RoleBinding, Subject};
use kube::ResourceExt as _;
use kube::api::PostParams;

/// What became of a binding.
pub(super) struct Bound {
    /// What was done.
    pub(super) done: Result<Done, Error>,
    /// Who is left out, and why.
    pub(super) left_out: Vec<Refusal>,
}

/// Makes a binding be as wanted.
pub(super) async fn bind(context: &Context, wanted: &RoleBinding, there: Option<&RoleBinding>) -> Bound {
    let bindings = context.api::<RoleBinding>(&wanted.namespace().unwrap_or_default());
    let done = apply::ensure(&bindings, &context.metrics, wanted, there, same_binding).await;
    let Err(Error::Refused(refusal)) = done else { return Bound { done, left_out: Vec::new() } };
    if refusal.is_for_rights() {
        return Bound { done: Err(Error::Refused(refusal)), left_out: Vec::new() };
    }
    let mut left_out = Vec::new();
    let before = there.and_then(|there| there.subjects.clone()).unwrap_or_default();
    let (mut subjects, missing): (Vec<Subject>, Vec<Subject>) =
        wanted.subjects.iter().flatten().cloned().partition(|subject| before.contains(subject));
    for subject in missing {
        let alone = with(wanted, [subjects.as_slice(), std::slice::from_ref(&subject)].concat());
        match would_be_taken(context, &alone, there).await {
            Ok(()) => subjects.push(subject),
            Err(Error::Refused(refusal)) => {
                let object = format!("{} {}", subject.kind, subject.name);
                left_out.push(Refusal { object, ..refusal });
            }
            Err(error) => return Bound { done: Err(error), left_out },
        }
    }
    if left_out.is_empty() && there.is_none() {
        return Bound { done: Err(Error::Refused(refusal)), left_out };
    }
    let order = |subject: &Subject| wanted.subjects.iter().flatten().position(|s| s == subject);
    subjects.sort_by_key(order);
    let done = apply::ensure(&bindings, &context.metrics, &with(wanted, subjects), there, same_binding).await;
    Bound { done, left_out }
}

/// Asks the API server, without a change.
async fn would_be_taken(context: &Context, wanted: &RoleBinding, there: Option<&RoleBinding>) -> Result<(), Error> {
    let bindings = context.api::<RoleBinding>(&wanted.namespace().unwrap_or_default());
    let dry = PostParams { dry_run: true, ..params() };
    match there {
        Some(there) => {
            let mut next = wanted.clone();
            next.metadata.resource_version = there.resource_version();
            bindings.replace(&wanted.name_any(), &dry, &next).await?;
        }
        None => drop(bindings.create(&dry, wanted).await?),
    }
    Ok(())
}

fn with(binding: &RoleBinding, subjects: Vec<Subject>) -> RoleBinding {
    RoleBinding { subjects: Some(subjects), ..binding.clone() }
}

/// Whether somebody is bound who is not to be.
pub(super) fn has_surplus(there: &RoleBinding, wanted: &RoleBinding) -> bool {
    let wanted: Vec<&Subject> = wanted.subjects.iter().flatten().collect();
    there.subjects.iter().flatten().any(|subject| !wanted.contains(&subject))
}

fn same_binding(a: &RoleBinding, b: &RoleBinding) -> bool {
    same_labels(a, b) && a.role_ref == b.role_ref && a.subjects.iter().flatten().eq(b.subjects.iter().flatten())
}

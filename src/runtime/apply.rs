//! Writes. Each is guarded by what was observed, counted, and left out where nothing would change.

use super::client::FIELD_MANAGER;
use super::clock;
use super::controller::Error;
use super::metrics::Metrics;
use crate::api::names::ANNOTATION_APPLIED;
use crate::api::status::ConditionsStatus;
use crate::core::digest;
use crate::core::request::Statement;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::object::HasStatus;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Debug;

/// Parameters of every write.
#[must_use]
pub fn params() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }
}

/// What [`ensure`] did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Done {
    /// It was as it should be.
    Nothing,
    /// It was missing.
    Created,
    /// It was as wanted before, and something else is wanted now.
    Changed,
    /// Somebody else had changed it.
    Corrected,
}

/// Makes an object that is wholly ours be as `desired`: POST where it is missing, PUT with the observed version where
/// it differs, nothing where it is the same.
///
/// # Errors
/// Whatever the API server answers; an object that is there already, after an answer was lost, is looked at again.
pub async fn ensure<K>(
    api: &Api<K>,
    metrics: &Metrics,
    desired: &K,
    observed: Option<&K>,
    same: impl Fn(&K, &K) -> bool,
) -> Result<Done, Error>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
{
    let name = desired.name_any();
    let current = match observed {
        Some(observed) => observed.clone(),
        None if create(api, metrics, desired).await? => return Ok(Done::Created),
        None => api.get(&name).await?,
    };
    if same(desired, &current) {
        return Ok(Done::Nothing);
    }
    let mut next = marked(desired);
    let corrected = current.annotations().get(ANNOTATION_APPLIED) == next.annotations().get(ANNOTATION_APPLIED);
    next.meta_mut().resource_version = current.resource_version();
    next.meta_mut().uid = current.uid();
    metrics.wrote(&K::kind(&()), "update");
    api.replace(&name, &params(), &next).await?;
    Ok(if corrected { Done::Corrected } else { Done::Changed })
}

/// Puts what is ours onto an object that others have a part in too: PUT with the observed version where it differs, nothing
/// where it is the same.
///
/// # Errors
/// Whatever the API server answers.
pub async fn merge<K>(
    api: &Api<K>,
    metrics: &Metrics,
    desired: &K,
    observed: &K,
    onto: impl Fn(&K, &K) -> K,
    same: impl Fn(&K, &K) -> bool,
) -> Result<Done, Error>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
{
    if same(desired, observed) {
        return Ok(Done::Nothing);
    }
    let next = onto(&marked(desired), observed);
    let corrected = observed.annotations().get(ANNOTATION_APPLIED) == next.annotations().get(ANNOTATION_APPLIED);
    metrics.wrote(&K::kind(&()), "update");
    api.replace(&desired.name_any(), &params(), &next).await?;
    Ok(if corrected { Done::Corrected } else { Done::Changed })
}

/// Makes an object; false where one of its name is there already.
///
/// # Errors
/// Whatever else the API server answers.
pub async fn create<K>(api: &Api<K>, metrics: &Metrics, desired: &K) -> Result<bool, Error>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
{
    metrics.wrote(&K::kind(&()), "create");
    match api.create(&params(), &marked(desired)).await {
        Ok(_) | Err(kube::Error::SerdeError(_)) => Ok(true),
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// With the digest of what is wanted.
fn marked<K: Resource + Clone + Serialize>(desired: &K) -> K {
    let mut next = desired.clone();
    next.annotations_mut().insert(ANNOTATION_APPLIED.to_owned(), digest::of(desired));
    next
}

/// Deletes exactly this object, not another one of the same name; one that is gone is fine.
///
/// # Errors
/// Whatever the API server answers.
pub async fn delete<K>(api: &Api<K>, metrics: &Metrics, object: &K) -> Result<(), Error>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let preconditions = Preconditions { uid: object.uid(), resource_version: object.resource_version() };
    metrics.wrote(&K::kind(&()), "delete");
    match api.delete(&object.name_any(), &DeleteParams::default().preconditions(preconditions)).await {
        Ok(_) | Err(kube::Error::SerdeError(_)) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Deletes exactly this object, in whatever state it is by now; one that is gone is fine.
///
/// # Errors
/// Whatever the API server answers.
pub async fn delete_by_uid<K>(api: &Api<K>, metrics: &Metrics, object: &K) -> Result<(), Error>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let preconditions = Preconditions { uid: object.uid(), resource_version: None };
    metrics.wrote(&K::kind(&()), "delete");
    // With what it has made: the pods of a Job would stay otherwise.
    match api.delete(&object.name_any(), &DeleteParams::background().preconditions(preconditions)).await {
        Ok(_) | Err(kube::Error::SerdeError(_)) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Changes some fields of an object that is not ours, guarded by the uid and the version that were observed; one that is
/// gone is fine.
///
/// # Errors
/// Whatever the API server answers; a conflict where the object has changed.
pub async fn patch<K>(api: &Api<K>, metrics: &Metrics, object: &K, mut fields: Value) -> Result<(), Error>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    fields["metadata"]["uid"] = object.uid().into();
    fields["metadata"]["resourceVersion"] = object.resource_version().into();
    metrics.wrote(&K::kind(&()), "patch");
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    match api.patch(&object.name_any(), &params, &Patch::Merge(fields)).await {
        // Done, though the answer cannot be read as one of its kind.
        Ok(_) | Err(kube::Error::SerdeError(_)) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Writes the finalizers of an object that is not ours, and nothing else of it: written whole, it would lose what says nothing,
/// such as an empty list, and no longer be what its author wrote.
///
/// # Errors
/// As [`patch`].
pub async fn set_finalizers<K>(
    api: &Api<K>,
    metrics: &Metrics,
    object: &K,
    finalizers: Vec<String>,
) -> Result<(), Error>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    patch(api, metrics, object, json!({"metadata": {"finalizers": finalizers}})).await
}

/// Writes a status, guarded by the version that it was worked out from.
///
/// # Errors
/// Whatever the API server answers; a conflict where the object has changed.
pub async fn put_status<K>(api: &Api<K>, metrics: &Metrics, object: &K) -> Result<K, Error>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
{
    metrics.wrote(&K::kind(&()), "update-status");
    Ok(api.replace_status(&object.name_any(), &params(), object).await?)
}

/// Writes the status of an object of which only conditions are told; nothing where they stand already.
///
/// # Errors
/// As [`put_status`].
pub async fn put_conditions<K>(
    api: &Api<K>,
    metrics: &Metrics,
    object: &K,
    statements: &[Statement],
) -> Result<(), Error>
where
    K: Resource<DynamicType = ()> + HasStatus<Status = ConditionsStatus>,
    K: Clone + Debug + Serialize + DeserializeOwned,
{
    let before = object.status().cloned().unwrap_or_default();
    let generation = object.meta().generation;
    let status = ConditionsStatus {
        observed_generation: generation,
        conditions: conditions(&before.conditions, statements, generation.unwrap_or_default(), clock::now()),
    };
    if object.status() != Some(&status) {
        let mut next = object.clone();
        *next.status_mut() = Some(status);
        put_status(api, metrics, &next).await?;
    }
    Ok(())
}

/// Conditions from statements. A condition keeps its moment of transition until it turns.
#[must_use]
pub fn conditions(before: &[Condition], statements: &[Statement], generation: i64, now: Timestamp) -> Vec<Condition> {
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let mut conditions: Vec<Condition> = Vec::with_capacity(statements.len());
    for statement in statements {
        let status = statement.holds.map_or("Unknown", |holds| if holds { "True" } else { "False" });
        let same = before.iter().find(|c| c.type_ == statement.type_ && c.status == status);
        let condition = Condition {
            type_: statement.type_.to_owned(),
            status: status.to_owned(),
            reason: statement.reason.clone(),
            message: crate::core::text::shorten(&statement.message, 4000),
            observed_generation: Some(generation),
            last_transition_time: same.map_or(Time(now), |c| c.last_transition_time.clone()),
        };
        // The last statement about a type counts.
        conditions.retain(|c| c.type_ != condition.type_);
        conditions.push(condition);
    }
    conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    conditions
}

/// The same with some conditions said anew; the others stay as they are.
#[must_use]
pub fn said_anew(before: &[Condition], statements: &[Statement], generation: i64, now: Timestamp) -> Vec<Condition> {
    let mut all = conditions(before, statements, generation, now);
    let others = before.iter().filter(|c| !statements.iter().any(|s| s.type_ == c.type_));
    all.extend(others.cloned());
    all.sort_by(|a, b| a.type_.cmp(&b.type_));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_keeps_its_moment_until_it_turns() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let ready = |holds, message: &str| [Statement::new("Ready", holds, "R", message)];
        let first = conditions(&[], &ready(false, "a"), 1, at(100));
        let second = conditions(&first, &ready(false, "b"), 2, at(200));
        assert_eq!(second[0].last_transition_time.0, at(100));
        assert_eq!(second[0].message, "b");
        let third = conditions(&second, &ready(true, "c"), 3, at(300));
        assert_eq!(third[0].last_transition_time.0, at(300));
    }
}

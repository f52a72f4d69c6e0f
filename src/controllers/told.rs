//! The status of a request or a change: written where it differs, and told where its phase has turned or a date has passed.

use super::Context;
use super::refused::{REFUSED, refused};
use crate::api::Decision;
use crate::api::cloud_resource_request::{CloudResourceRequestStatus, VoidDecision};
use crate::api::decommission::DecommissionStatus;
use crate::api::names::{CONDITION_OVERDUE, CONDITION_READY};
use crate::api::resource_change::ResourceChangeStatus;
use crate::api::sanction::SanctionStatus;
use crate::core::round::Statement;
use crate::core::round::report::held;
use crate::runtime::apply;
use crate::runtime::clock;
use crate::runtime::controller::{Error, Settled};
use crate::runtime::steps::Steps;
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::object::HasStatus;
use kube::{Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// A status as far as the kind does not matter.
pub(super) trait Standing: Clone + Default + PartialEq {
    /// Name of the phase.
    fn phase(&self) -> &'static str;
    /// Whether the text is locked.
    fn committed(&self) -> bool;
    /// What holds.
    fn conditions(&mut self) -> &mut Vec<Condition>;
    /// The newest decisions that do not count.
    fn void(&self) -> &[VoidDecision];
}

impl Standing for CloudResourceRequestStatus {
    fn phase(&self) -> &'static str {
        self.phase.into()
    }

    fn committed(&self) -> bool {
        self.committed
    }

    fn conditions(&mut self) -> &mut Vec<Condition> {
        &mut self.conditions
    }

    fn void(&self) -> &[VoidDecision] {
        &self.void_decisions
    }
}

impl Standing for ResourceChangeStatus {
    fn phase(&self) -> &'static str {
        self.phase.into()
    }

    fn committed(&self) -> bool {
        self.committed
    }

    fn conditions(&mut self) -> &mut Vec<Condition> {
        &mut self.conditions
    }

    fn void(&self) -> &[VoidDecision] {
        &self.void_decisions
    }
}

impl Standing for DecommissionStatus {
    fn phase(&self) -> &'static str {
        self.phase.into()
    }

    fn committed(&self) -> bool {
        self.committed
    }

    fn conditions(&mut self) -> &mut Vec<Condition> {
        &mut self.conditions
    }

    fn void(&self) -> &[VoidDecision] {
        &self.void_decisions
    }
}

impl Standing for SanctionStatus {
    fn phase(&self) -> &'static str {
        self.phase.into()
    }

    fn committed(&self) -> bool {
        self.imposed.is_some()
    }

    fn conditions(&mut self) -> &mut Vec<Condition> {
        &mut self.conditions
    }

    fn void(&self) -> &[VoidDecision] {
        &self.void_decisions
    }
}

/// A request, a change, a departure or a sanction.
pub(super) trait Told:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()> + HasStatus + Clone + Debug + Serialize + DeserializeOwned
{
}

impl<K> Told for K where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + HasStatus
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned
{
}

/// The object as it is to stand.
fn with_status<K: Told>(object: &K, status: &K::Status, statements: &[Statement], now: Timestamp) -> K
where
    K::Status: Standing,
{
    let mut before = object.status().cloned().unwrap_or_default();
    let generation = object.meta().generation.unwrap_or_default();
    let mut status = status.clone();
    *status.conditions() = apply::conditions(before.conditions(), statements, generation, now);
    let mut next = object.clone();
    *next.status_mut() = Some(status);
    next
}

/// From here on the text cannot be edited: a rule of the CRD reads `committed`.
pub(super) async fn record_approval<K: Told>(
    context: &Context,
    fresh: &K,
    status: &K::Status,
    statements: &[Statement],
    now: Timestamp,
) -> Result<K, Error>
where
    K::Status: Standing,
{
    if fresh.status().is_some_and(Standing::committed) {
        return Ok(fresh.clone());
    }
    let next = with_status(fresh, status, statements, now);
    apply::put_status(&context.api::<K>(&fresh.namespace().unwrap_or_default()), &context.metrics, &next).await
}

/// Writes the status where it differs. Gives back the version that stands then.
pub(super) async fn report<K: Told>(
    context: &Context,
    object: &K,
    status: &K::Status,
    statements: &[Statement],
    now: Timestamp,
) -> Result<Option<String>, Error>
where
    K::Status: Standing,
{
    let next = with_status(object, status, statements, now);
    if object.status() == next.status() {
        return Ok(object.resource_version());
    }
    let api = context.api::<K>(&object.namespace().unwrap_or_default());
    let written = apply::put_status(&api, &context.metrics, &next).await?;
    let reference = object.object_ref(&());
    let before = object.status().cloned();
    if let Some(phase) = turned(before.as_ref(), status) {
        let warning = matches!(phase, "OutOfScope" | "Refused" | "Rejected" | "Returned" | "Imposed");
        let message = said(statements, CONDITION_READY).map(|s| s.message.as_str());
        context.events.publish(&reference, warning, phase, message.unwrap_or_default()).await;
        tracing::info!(phase, "{} has moved", K::kind(&()));
    }
    tell_void(context, &reference, before.as_ref().map_or(&[], Standing::void), status.void()).await;
    if let Some(late) = passed(before, statements) {
        context.events.publish(&reference, true, CONDITION_OVERDUE, &late.message).await;
    }
    Ok(written.resource_version())
}

/// Says on an object what the API server refuses of its pass for good, besides what is said of it already. It is tried again
/// all the same.
pub(super) async fn with_refusal<K: Told>(
    context: &Context,
    controller: &'static str,
    object: &K,
    outcome: Result<Settled, Error>,
) -> Result<Settled, Error>
where
    K::Status: Standing,
{
    let Err(Error::Refused(refusal)) = &outcome else { return outcome };
    let mut steps = Steps::new(controller, &context.metrics);
    steps.add("record", Error::Refused(refusal.clone()));
    let mut status = object.status().cloned().unwrap_or_default();
    let before = status.conditions().clone();
    let Some(why) = refused(&steps, &before) else { return outcome };
    let generation = object.meta().generation.unwrap_or_default();
    let said = held(REFUSED, &why.to_string());
    *status.conditions() = apply::said_anew(&before, &said, generation, clock::now());
    if object.status() == Some(&status) {
        return outcome;
    }
    let mut next = object.clone();
    *next.status_mut() = Some(status);
    let api = context.api::<K>(&object.namespace().unwrap_or_default());
    apply::put_status(&api, &context.metrics, &next).await?;
    if !before.iter().any(|condition| condition.reason == REFUSED) {
        context.events.publish(&object.object_ref(&()), true, REFUSED, &why.to_string()).await;
    }
    outcome
}

/// Tells of decisions that have come to be void, each once: no more of them than a status names.
pub(super) async fn tell_void(
    context: &Context,
    about: &ObjectReference,
    before: &[VoidDecision],
    now: &[VoidDecision],
) {
    for void in newly_void(before, now) {
        let decision = ObjectReference {
            api_version: Some(Decision::api_version(&()).into_owned()),
            kind: Some(Decision::kind(&()).into_owned()),
            name: Some(void.name.clone()),
            namespace: about.namespace.clone(),
            ..ObjectReference::default()
        };
        let note = format!("{}: {}: {}", void.name, void.reason, void.message);
        context.events.publish_with(about, Some(&decision), true, DECISION_VOID, &note).await;
    }
}

/// The reason of an Event about a decision that does not count.
const DECISION_VOID: &str = "DecisionVoid";

fn newly_void<'v>(before: &[VoidDecision], now: &'v [VoidDecision]) -> impl Iterator<Item = &'v VoidDecision> {
    now.iter().filter(move |void| !before.iter().any(|known| known.name == void.name))
}

/// The phase, where it is another one than before, and more than a draft's.
fn turned<S: Standing>(before: Option<&S>, status: &S) -> Option<&'static str> {
    let phase = status.phase();
    (before.is_none_or(|before| before.phase() != phase) && phase != "Draft").then_some(phase)
}

/// What became overdue just now: told once, when the date passes.
fn passed<S: Standing>(before: Option<S>, statements: &[Statement]) -> Option<&Statement> {
    let mut before = before.unwrap_or_default();
    let late = before.conditions().iter().any(|c| c.type_ == CONDITION_OVERDUE && c.status == "True");
    said(statements, CONDITION_OVERDUE).filter(|s| s.holds == Some(true) && !late)
}

/// The last statement about a type counts.
fn said<'s>(statements: &'s [Statement], type_: &str) -> Option<&'s Statement> {
    statements.iter().rev().find(|s| s.type_ == type_)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::resource_change::ChangePhase;

    fn status(phase: ChangePhase, conditions: Vec<Condition>) -> ResourceChangeStatus {
        ResourceChangeStatus { phase, conditions, ..ResourceChangeStatus::default() }
    }

    #[test]
    fn a_phase_is_told_when_it_turns() {
        let draft = status(ChangePhase::Draft, Vec::new());
        let filed = status(ChangePhase::InReview, Vec::new());
        assert_eq!(turned(Some(&draft), &filed), Some("InReview"));
        assert_eq!(turned(Some(&filed), &filed), None);
        assert_eq!(turned(None, &filed), Some("InReview"));
        assert_eq!(turned(None, &draft), None, "a draft is nobody's news");
    }

    #[test]
    fn a_decision_that_does_not_count_is_told_once() {
        let void = |name: &str| VoidDecision { name: name.into(), ..VoidDecision::default() };
        let (first, second) = ([void("a"), void("b")], [void("b"), void("c")]);
        let told = |before: &[VoidDecision], now| newly_void(before, now).map(|v| v.name.clone()).collect::<Vec<_>>();
        assert_eq!(told(&[], &first), ["a", "b"]);
        assert_eq!(told(&first, &second), ["c"]);
        assert_eq!(told(&second, &second), Vec::<String>::new());
    }

    #[test]
    fn r24_1_that_a_date_has_passed_is_told_once() {
        let late = [Statement::new(CONDITION_OVERDUE, true, "PastDue", "was due yesterday")];
        let now = Timestamp::UNIX_EPOCH;
        let first = status(ChangePhase::InEffect, Vec::new());
        assert!(passed(Some(first), &late).is_some());
        let second = status(ChangePhase::InEffect, apply::conditions(&[], &late, 1, now));
        assert!(passed(Some(second), &late).is_none());
        let in_time = [Statement::new(CONDITION_OVERDUE, false, "InTime", "")];
        assert!(passed::<ResourceChangeStatus>(None, &in_time).is_none());
    }
}

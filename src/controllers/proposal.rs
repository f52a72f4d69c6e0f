//! RightsizingProposal: from what is found of a system's use to what is proposed. Looked at with its system: there is at
//! most one for each action, under a name that follows from both, so that a second attempt finds the first.

use super::Context;
use super::case;
use super::context::beside;
use super::told::tell_void;
use crate::api::common::Time;
use crate::api::decommission::DecommissionPhase;
use crate::api::names::{LABEL_ORGANIZATION, LABEL_SYSTEM};
use crate::api::resource_change::ChangePhase;
use crate::api::rightsizing_proposal::{Action, ObjectRef, ProposalPhase};
use crate::api::{InformationSystem, RightsizingProposal, RightsizingProposalSpec, RightsizingProposalStatus};
use crate::core::proposal::{self, Facts, Finding, Plan, Standing, TakenUp};
use crate::core::quantity::Amounts;
use crate::core::workflow::DecisionFact;
use crate::runtime::apply::{self, params};
use crate::runtime::clock;
use crate::runtime::controller::{Error, Settled};
use crate::runtime::id::Id;
use crate::runtime::steps::Steps;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::{Resource as _, ResourceExt as _};
use std::sync::Arc;
use strum::IntoEnumIterator as _;

/// One pass over the proposals of one system.
///
/// # Errors
/// What keeps them from coming to rest.
pub async fn reconcile(system: Arc<InformationSystem>, context: Arc<Context>) -> Result<Settled, Error> {
    let Some(status) = system.status.as_ref().filter(|_| system.metadata.deletion_timestamp.is_none()) else {
        return Ok(Settled::default());
    };
    let now = clock::now();
    let reference = ObjectRef { name: system.name_any(), uid: system.uid().unwrap_or_default() };
    let findings: Vec<Finding> = status.conditions.iter().map(finding).collect();
    let amounts = Amounts::parse(&status.amounts).unwrap_or_default();
    let taken_up = taken_up(&context, &system);
    let facts = Facts {
        system: &reference,
        spec: &system.spec,
        findings: &findings,
        usage: status.usage.as_ref(),
        amounts: &amounts,
        changed: changed(&system, now),
        taken_up: &taken_up,
    };
    let registry = context.registry();
    let mut next = None;
    let mut steps = Steps::new("proposal", &context.metrics);
    for action in Action::iter() {
        let name = proposal::name(&reference.name, action);
        let there = context.proposals.get(&beside(system.as_ref(), &name));
        let decisions = dismissals(&context, there.as_deref()).await?;
        let standing = there.as_deref().map(|there| Standing {
            name: &name,
            uid: there.metadata.uid.as_deref().unwrap_or_default(),
            generation: there.metadata.generation.unwrap_or_default(),
            spec: &there.spec,
            phase: there.status.as_ref().map(|s| s.phase),
            decisions: &decisions,
        });
        let plan = proposal::decide(facts, &registry, action, standing, now);
        next = [next, plan.wake].into_iter().flatten().min();
        match there {
            Some(there) => drop(steps.note("proposal", tell(&context, &there, plan, now).await)),
            None => {
                if let Some(spec) = plan.spec {
                    steps.note("proposal", propose(&context, &system, &name, spec).await);
                }
            }
        }
    }
    Ok(Settled { next, unfinished: steps.outcome(), ..Settled::default() })
}

fn finding(condition: &Condition) -> Finding {
    Finding {
        type_: condition.type_.clone(),
        holds: match condition.status.as_str() {
            "True" => Some(true),
            "False" => Some(false),
            _ => None,
        },
        reason: condition.reason.clone(),
        message: condition.message.clone(),
        since: Time::new(condition.last_transition_time.0),
    }
}

/// When what the system has changed last, by itself or by a grant.
fn changed(system: &InformationSystem, now: Timestamp) -> Option<Timestamp> {
    let opened = system.status.as_ref().and_then(|s| s.provisioned_at).map(Time::timestamp);
    let moments = crate::core::effective::moments(&system.spec).into_iter().filter(|at| *at <= now);
    // The first grant holds from the beginning, and is open a moment later.
    moments.chain(opened).max()
}

fn taken_up(context: &Context, system: &InformationSystem) -> Vec<TakenUp> {
    let changes = context.indexes.changes_by_system.ids(&Id::of(system)).into_iter();
    let changes = changes.filter_map(|id| context.changes.get(&id));
    let taken_up = changes.filter_map(|change| {
        Some(TakenUp {
            proposal: change.spec.change.proposal_ref.as_ref()?.uid.clone(),
            phase: change.status.as_ref()?.phase,
            change: ObjectRef { name: change.name_any(), uid: change.uid().unwrap_or_default() },
        })
    });
    let leaving = context.indexes.decommissions_by_system.ids(&Id::of(system)).into_iter();
    let leaving = leaving.filter_map(|id| context.decommissions.get(&id)).filter_map(|decommission| {
        Some(TakenUp {
            proposal: decommission.spec.departure.proposal_ref.as_ref()?.uid.clone(),
            phase: how_far(decommission.status.as_ref()?.phase),
            change: ObjectRef { name: decommission.name_any(), uid: decommission.uid().unwrap_or_default() },
        })
    });
    taken_up.chain(leaving).collect()
}

/// How far a departure is, in the words of a change.
fn how_far(phase: DecommissionPhase) -> ChangePhase {
    match phase {
        DecommissionPhase::Draft => ChangePhase::Draft,
        DecommissionPhase::Returned => ChangePhase::Returned,
        DecommissionPhase::Rejected => ChangePhase::Rejected,
        DecommissionPhase::Withdrawn => ChangePhase::Withdrawn,
        DecommissionPhase::InReview => ChangePhase::InReview,
        DecommissionPhase::Closed => ChangePhase::Ended,
        _ => ChangePhase::Approved,
    }
}

async fn dismissals(context: &Context, there: Option<&RightsizingProposal>) -> Result<Vec<DecisionFact>, Error> {
    match there {
        Some(there) => case::decisions(context, there).await,
        None => Ok(Vec::new()),
    }
}

/// Makes the proposal. One of its name that the cache does not know yet is looked at once it does.
async fn propose(
    context: &Context,
    system: &InformationSystem,
    name: &str,
    spec: RightsizingProposalSpec,
) -> Result<(), Error> {
    let namespace = system.namespace().unwrap_or_default();
    let labels = [(LABEL_ORGANIZATION, &system.spec.organization), (LABEL_SYSTEM, &system.name_any())];
    let new = RightsizingProposal {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.clone()),
            labels: Some(labels.into_iter().map(|(key, value)| (key.to_owned(), value.clone())).collect()),
            ..ObjectMeta::default()
        },
        spec,
        status: None,
    };
    context.metrics.wrote("RightsizingProposal", "create");
    match context.api::<RightsizingProposal>(&namespace).create(&params(), &new).await {
        Ok(made) => {
            tracing::info!(proposal = name, "proposed");
            let note = &made.spec.evidence.message;
            context.events.publish(&system.object_ref(&()), false, "RightsizingProposed", note).await;
            Ok(())
        }
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {
            Err(Error::Conflict(format!("{name} is there, and not known yet")))
        }
        Err(error) => Err(error.into()),
    }
}

/// Writes what has changed: what it says, and where it stands.
async fn tell(context: &Context, there: &RightsizingProposal, plan: Plan, now: Timestamp) -> Result<(), Error> {
    let api = context.api::<RightsizingProposal>(&there.namespace().unwrap_or_default());
    let mut next = there.clone();
    if let Some(spec) = plan.spec {
        next.spec = spec;
        context.metrics.wrote("RightsizingProposal", "update");
        // Both in one pass: a phase of before would have it proposed anew.
        next = api.replace(&next.name_any(), &params(), &next).await?;
    }
    let Some(status) = plan.status else { return Ok(()) };
    let before = there.status.clone().unwrap_or_default();
    let generation = next.metadata.generation.unwrap_or_default();
    let status = RightsizingProposalStatus {
        observed_generation: Some(generation),
        conditions: apply::conditions(&before.conditions, &plan.conditions, generation, now),
        ..status
    };
    if there.status.as_ref() == Some(&status) {
        return Ok(());
    }
    let phase: ProposalPhase = status.phase;
    let turned = there.status.as_ref().map(|s| s.phase) != Some(phase);
    let void = status.void_decisions.clone();
    next.status = Some(status);
    apply::put_status(&api, &context.metrics, &next).await?;
    tell_void(context, &next.object_ref(&()), &before.void_decisions, &void).await;
    if turned {
        tracing::info!(proposal = next.name_any(), %phase, "proposal has moved");
    }
    Ok(())
}

//! Sanction: from the decisions of people to what stands on the systems that it stops.

use super::Context;
use super::case;
use super::context::beside;
use super::refused::{REFUSED, refused};
use super::request::commit::replace;
use super::told::{report, with_refusal};
use crate::api::{InformationSystem, InformationSystemSpec, Sanction};
use crate::core::names::organization_of;
use crate::core::round::report::held;
use crate::core::sanction::{Facts, Notice, Plan, decide};
use crate::core::stop;
use crate::core::workflow::DecisionFact;
use crate::runtime::clock;
use crate::runtime::controller::{Error, Settled};
use crate::runtime::id::Id;
use crate::runtime::steps::Steps;
use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::ListParams;
use std::sync::Arc;

/// One pass over one sanction.
///
/// # Errors
/// What keeps it from coming to rest.
pub async fn reconcile(sanction: Arc<Sanction>, context: Arc<Context>) -> Result<Settled, Error> {
    if sanction.metadata.deletion_timestamp.is_some() {
        return Ok(Settled::default());
    }
    let outcome = pass(&sanction, &context).await;
    with_refusal(&context, "sanction", &*sanction, outcome).await
}

async fn pass(sanction: &Arc<Sanction>, context: &Context) -> Result<Settled, Error> {
    let now = clock::now();
    let observed = observe(context, sanction).await?;
    let plan = observed.decide(context, sanction, now);
    if plan.turns || !plan.suspends.is_empty() || !plan.releases.is_empty() {
        return carry_out(context, sanction).await;
    }
    let version = report(context, &**sanction, &plan.status, &plan.conditions, now).await?;
    Ok(Settled { next: plan.wake, version, ..Settled::default() })
}

/// What was observed about a sanction; borrowed by [`Facts`].
struct Observed {
    decisions: Vec<DecisionFact>,
    systems: Vec<(String, InformationSystemSpec)>,
    notice: Option<Arc<Sanction>>,
}

/// What the caches know.
async fn observe(context: &Context, sanction: &Sanction) -> Result<Observed, Error> {
    let home = sanction.namespace().unwrap_or_default();
    let systems = context.indexes.systems_by_home.ids(&Id::new(&home)).into_iter();
    let systems = systems.filter_map(|id| context.systems.get(&id));
    Ok(Observed {
        decisions: case::decisions(context, sanction).await?,
        systems: systems.map(|system| (system.name_any(), system.spec.clone())).collect(),
        notice: noticed(context, sanction),
    })
}

fn noticed(context: &Context, sanction: &Sanction) -> Option<Arc<Sanction>> {
    context.sanctions.get(&beside(sanction, sanction.spec.order.notice.as_deref()?))
}

impl Observed {
    fn decide(&self, context: &Context, sanction: &Sanction, now: Timestamp) -> Plan {
        let (name, namespace) = (sanction.name_any(), sanction.namespace().unwrap_or_default());
        let uid = sanction.uid().unwrap_or_default();
        let facts = Facts {
            name: &name,
            uid: &uid,
            generation: sanction.metadata.generation.unwrap_or_default(),
            organization: organization_of(&namespace).unwrap_or(&namespace),
            order: &sanction.spec.order,
            decisions: &self.decisions,
            status: sanction.status.as_ref(),
            systems: &self.systems,
            notice: self
                .notice
                .as_ref()
                .map(|notice| Notice { order: &notice.spec.order, status: notice.status.as_ref() }),
        };
        decide(facts, &context.registry(), now)
    }
}

/// Puts on record what the decisions come to: the sanction first, then the systems that it stops or lets run again. Each is
/// looked at afresh, each on its own, and found done when it is tried again after a crash.
async fn carry_out(context: &Context, sanction: &Sanction) -> Result<Settled, Error> {
    let namespace = sanction.namespace().unwrap_or_default();
    let (fresh, decisions) = case::afresh(context, sanction).await?;
    // One that cannot be read keeps no other from being stopped.
    let systems = context.list::<InformationSystem>(&namespace, &ListParams::default()).await?.objects;
    let observed = Observed {
        decisions,
        systems: systems.iter().map(|system| (system.name_any(), system.spec.clone())).collect(),
        notice: noticed(context, &fresh),
    };
    let now = clock::now();
    let mut plan = observed.decide(context, &fresh, now);
    if plan.turns
        && let Some(why) = context.guards.hold(&[])
    {
        let before = fresh.status.clone().unwrap_or_default();
        (plan.status.imposed, plan.status.lifted) = (before.imposed, before.lifted);
        plan.conditions.extend(held("GuardBroken", &why));
        let version = report(context, &fresh, &plan.status, &plan.conditions, now).await?;
        return Ok(Settled { next: plan.wake, version, ..Settled::default() });
    }
    let mut steps = Steps::new("sanction", &context.metrics);
    let mut version = None;
    if plan.turns {
        version = match report(context, &fresh, &plan.status, &plan.conditions, now).await {
            // What was decided is carried out, though it cannot be said here.
            Err(Error::Refused(refusal)) => {
                steps.add("report", Error::Refused(refusal));
                None
            }
            reported => reported?,
        };
    }
    for system in &systems {
        let mut next = system.clone();
        let of = |name: &String| *name == system.name_any();
        for (_, suspension) in plan.suspends.iter().filter(|(name, _)| of(name)) {
            stop::note(&mut next.spec, suspension.clone());
        }
        if let Some((_, lifted)) = plan.releases.iter().find(|(name, _)| of(name)) {
            let of_this =
                next.spec.suspensions.iter_mut().filter(|s| Some(&s.order.uid) == fresh.metadata.uid.as_ref());
            of_this.for_each(|suspension| suspension.lifted = Some(lifted.clone()));
        }
        if next.spec != system.spec && steps.note("system", replace(context, &next).await).is_some() {
            tracing::info!(sanction = fresh.name_any(), system = next.name_any(), "what stops the system has turned");
        }
    }
    if !plan.turns {
        let before = fresh.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        plan.conditions.extend(refused(&steps, before).iter().flat_map(|why| held(REFUSED, &why.to_string())));
        version = report(context, &fresh, &plan.status, &plan.conditions, now).await?;
    }
    Ok(Settled { next: plan.wake, version, unfinished: steps.outcome() })
}

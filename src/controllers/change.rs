//! ResourceChange: from the decisions of people to another grant on a system's record.

mod commit;

use super::Context;
use super::case;
use super::context::{beside, system_changed};
use super::told::{report, with_refusal};
use super::usage::evidence_of;
use crate::api::{InformationSystem, ResourceChange, RightsizingProposal};
use crate::core::change::{Facts, Plan, ProposalFact, decide};
use crate::core::names::organization_of;
use crate::core::request::SystemFact;
use crate::core::round::report::held;
use crate::core::workflow::DecisionFact;
use crate::runtime::clock;
use crate::runtime::controller::{Error, Settled};
use jiff::Timestamp;
use kube::ResourceExt as _;
use std::sync::Arc;

/// One pass over one change.
///
/// # Errors
/// What keeps it from coming to rest.
pub async fn reconcile(change: Arc<ResourceChange>, context: Arc<Context>) -> Result<Settled, Error> {
    if change.metadata.deletion_timestamp.is_some() {
        return Ok(Settled::default());
    }
    let outcome = pass(&change, &context).await;
    with_refusal(&context, "change", &*change, outcome).await
}

async fn pass(change: &Arc<ResourceChange>, context: &Context) -> Result<Settled, Error> {
    let now = clock::now();
    let observed = observe(context, change).await?;
    let mut plan = observed.decide(context, change, now);
    let mut current = Arc::clone(change);
    // A cache may lag behind the grant that locked the text, so what would unlock it is looked at afresh too.
    let unlocks = change.status.as_ref().is_some_and(|s| s.committed) && !plan.status.committed;
    if plan.grant.is_some() || plan.agreement.is_some() || plan.closes.is_some() || unlocks {
        (current, plan) = commit::carry_out(context, change).await?;
    }
    let version = report(context, &*current, &plan.status, &plan.conditions, now).await?;
    Ok(Settled { next: plan.wake, version, ..Settled::default() })
}

/// What was observed about a change; borrowed by [`Facts`].
struct Observed {
    decisions: Vec<DecisionFact>,
    system: Option<Arc<InformationSystem>>,
    proposal: Option<Arc<RightsizingProposal>>,
}

/// What the caches know.
async fn observe(context: &Context, change: &ResourceChange) -> Result<Observed, Error> {
    Ok(Observed {
        decisions: case::decisions(context, change).await?,
        system: context.systems.get(&system_changed(change)),
        proposal: taken_up(context, change),
    })
}

/// The proposal that a change takes up, as the cache has it: before it is carried out, use itself is read once more.
fn taken_up(context: &Context, change: &ResourceChange) -> Option<Arc<RightsizingProposal>> {
    let named = change.spec.change.proposal_ref.as_ref()?;
    context.proposals.get(&beside(change, &named.name))
}

impl Observed {
    fn decide(&self, context: &Context, change: &ResourceChange, now: Timestamp) -> Plan {
        let name = change.name_any();
        let namespace = change.namespace().unwrap_or_default();
        let uid = change.uid().unwrap_or_default();
        let usage = self.system.as_deref().map(|system| evidence_of(context, system, now)).unwrap_or_default();
        let domain = self.system.as_ref().and_then(|system| context.domain(&system.spec.domain));
        let stopped = context.grants_stopped(&namespace);
        let facts = Facts {
            name: &name,
            uid: &uid,
            generation: change.metadata.generation.unwrap_or_default(),
            organization: organization_of(&namespace).unwrap_or(&namespace),
            change: &change.spec.change,
            contacts: change.spec.contacts.as_ref(),
            decisions: &self.decisions,
            system: self.system.as_ref().map(|system| SystemFact {
                spec: &system.spec,
                provisioned_at: system.status.as_ref().and_then(|s| s.provisioned_at),
            }),
            evidence: change.status.as_ref().and_then(|s| s.evidence.as_ref()),
            usage: &usage,
            proposal: self.proposal.as_ref().map(|proposal| ProposalFact {
                uid: proposal.metadata.uid.as_deref().unwrap_or_default(),
                spec: &proposal.spec,
            }),
            ground_gone: change.status.as_ref().and_then(|s| s.ground_gone.as_ref()),
            grants_stopped: stopped.as_ref(),
            domain: domain.as_ref().and_then(|d| d.status.as_ref()),
        };
        decide(&facts, &context.registry(), now)
    }
}

/// Says why what people have approved cannot be granted as things are.
fn hold(plan: &mut Plan, reason: &str, why: &str) {
    plan.status.waiting_for = Some(crate::core::text::brief(why));
    plan.conditions.extend(held(reason, why));
}

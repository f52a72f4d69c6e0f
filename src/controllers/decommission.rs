//! Decommission: from the decisions of people to a system that has left (article 23). What is seen of volumes, Jobs and the
//! namespace is read from the API server each time: nothing that cannot be undone rests on a cache.

mod observe;
mod steps;

use super::Context;
use super::case;
use super::context::{beside, system_leaving};
use super::request::commit::replace;
use super::system::retained_until;
use super::told::{report, with_refusal};
use super::usage::{self, Ground};
use crate::api::bounds;
use crate::api::common::Time;
use crate::api::names::{ANNOTATION_RETRY, CONDITION_IDLE, CONDITION_NO_BUSINESS_DATA};
use crate::api::{Decommission, InformationSystem, RightsizingProposal};
use crate::core::guards::OF_WIPES;
use crate::core::leaving::{Facts, KeptFor, Plan, Step, SystemFact, Work, decide};
use crate::core::names::organization_of;
use crate::core::retention::{self, Kept};
use crate::core::round::report::held;
use crate::core::stop;
use crate::core::workflow::DecisionFact;
use crate::runtime::clock;
use crate::runtime::controller::{Error, Settled};
use crate::runtime::id::Id;
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;
use observe::Seen;
use std::sync::Arc;

/// So soon it is looked again at what nothing tells of: Jobs, pods and namespaces.
const SOON: SignedDuration = SignedDuration::from_secs(1);

/// So soon it is looked again whether use is known.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(1);

/// One pass over one decommission.
///
/// # Errors
/// What keeps it from coming to rest.
pub async fn reconcile(decommission: Arc<Decommission>, context: Arc<Context>) -> Result<Settled, Error> {
    if decommission.metadata.deletion_timestamp.is_some() {
        return Ok(Settled::default());
    }
    let outcome = pass(&decommission, &context).await;
    with_refusal(&context, "decommission", &*decommission, outcome).await
}

async fn pass(decommission: &Arc<Decommission>, context: &Context) -> Result<Settled, Error> {
    let now = clock::now();
    let observed = observe(context, decommission).await?;
    let mut plan = observed.decide(context, decommission, now);
    let mut current = Arc::clone(decommission);
    if plan.step.is_some() {
        (current, plan) = go_on(context, decommission).await?;
    }
    let version = report(context, &*current, &plan.status, &plan.conditions, now).await?;
    let soon = (plan.watches || plan.step.is_some()).then(|| now.checked_add(SOON).ok()).flatten();
    Ok(Settled { next: plan.wake.into_iter().chain(soon).min(), version, ..Settled::default() })
}

/// What was observed about a departure; borrowed by [`Facts`].
struct Observed {
    decisions: Vec<DecisionFact>,
    system: Option<Arc<InformationSystem>>,
    proposal: Option<Arc<RightsizingProposal>>,
    seen: Seen,
}

/// What the caches know, and what is to be seen of a system that is on its way.
async fn observe(context: &Context, decommission: &Decommission) -> Result<Observed, Error> {
    let system = context.systems.get(&system_leaving(decommission));
    Ok(Observed {
        decisions: case::decisions(context, decommission).await?,
        seen: observe::look(context, decommission, system.as_deref()).await?,
        proposal: taken_up(context, decommission),
        system,
    })
}

fn taken_up(context: &Context, decommission: &Decommission) -> Option<Arc<RightsizingProposal>> {
    let named = decommission.spec.departure.proposal_ref.as_ref()?;
    context.proposals.get(&beside(decommission, &named.name))
}

impl Observed {
    fn decide(&self, context: &Context, decommission: &Decommission, now: Timestamp) -> Plan {
        let (name, namespace) = (decommission.name_any(), decommission.namespace().unwrap_or_default());
        let uid = decommission.uid().unwrap_or_default();
        let successor = successor(context, decommission);
        let facts = Facts {
            name: &name,
            uid: &uid,
            generation: decommission.metadata.generation.unwrap_or_default(),
            organization: organization_of(&namespace).unwrap_or(&namespace),
            departure: &decommission.spec.departure,
            contacts: decommission.spec.contacts.as_ref(),
            retry: decommission.annotations().get(ANNOTATION_RETRY).map(String::as_str).unwrap_or_default(),
            decisions: &self.decisions,
            system: self.system.as_ref().map(|system| SystemFact {
                spec: &system.spec,
                provisioned_at: system.status.as_ref().and_then(|s| s.provisioned_at),
                running: self.seen.running,
            }),
            proposal: self
                .proposal
                .as_ref()
                .map(|proposal| (proposal.metadata.uid.as_deref().unwrap_or_default(), &proposal.spec)),
            kept_for: successor.as_ref().map(|found| KeptFor {
                system: &found.name,
                until: found.until,
                article: &found.article,
            }),
            world: &self.seen.world,
        };
        decide(facts, &context.registry(), now)
    }
}

/// The guards without which a step is not taken, besides those of decisions; nothing for a step that takes nothing away.
fn rests_on(step: &Step) -> Option<&'static [&'static str]> {
    match step {
        Step::Record(leaving) if leaving.wipe.is_none() => Some(&[]),
        Step::Run(task) if task.work == Work::Backup => None,
        Step::Tidy | Step::ReleaseNamespace => None,
        _ => Some(&OF_WIPES),
    }
}

/// A system that was migrated from one that leaves.
struct Successor {
    name: String,
    until: Option<Time>,
    article: String,
}

/// The system of the same unit that was migrated from this one, for which this one is kept the longest.
fn successor(context: &Context, decommission: &Decommission) -> Option<Successor> {
    let code = &decommission.spec.departure.system;
    let beside = context.indexes.systems_by_home.ids(&Id::new(&decommission.namespace().unwrap_or_default()));
    let systems = beside.into_iter().filter_map(|id| context.systems.get(&id));
    // What a system came from is free text: its own code there names no other one.
    let others = systems.filter(|system| system.name_any() != *code);
    let migrated = others.filter(|system| system.spec.migrated_from.as_ref() == Some(code));
    let registry = context.registry();
    let kept = migrated.filter_map(|system| {
        let until = match retention::kept(&system.spec, &registry)? {
            Kept::UntilLive => None,
            Kept::Until(_) => Some(Time::new(retained_until(&system, context)?)),
        };
        let article = retention::rules(&system.spec, &registry).map(|rules| &rules.retention.old_system_months.article);
        Some(Successor { name: system.name_any(), until, article: article.cloned().unwrap_or_default() })
    });
    kept.max_by_key(|found| (found.until.is_none(), found.until))
}

/// Whether a system may be reclaimed: use is read once more, and nobody is reclaimed on what is missing, partial or stale (R26.6).
async fn still_founded(
    context: &Context,
    decommission: &Decommission,
    system: &InformationSystem,
    plan: &mut Plan,
) -> bool {
    let begun = system.spec.departures.iter().any(|l| Some(&l.decommission.uid) == decommission.metadata.uid.as_ref());
    let judged = decommission.spec.departure.proposal_ref.is_some() && usage::is_judged(context, system);
    if begun || !judged {
        return true;
    }
    let (reason, why) = match usage::once_more(context, system, &[CONDITION_IDLE, CONDITION_NO_BUSINESS_DATA]).await {
        Ground::Holds => return true,
        Ground::Unknown(why) => (
            "UsageUnknown",
            format!(
                "approved, and not carried out: nobody is reclaimed while use is not known ({why}); it goes on by itself once it is (使用情况未知，暂缓执行，恢复采集后自动继续)"
            ),
        ),
        Ground::Gone(why) => (
            "GroundGone",
            format!("its ground is gone, so it is not carried out: withdraw it ({why}) (依据已消失，不予执行，请撤回)"),
        ),
    };
    plan.step = None;
    plan.status.waiting_for = Some(crate::core::text::brief(&why));
    plan.conditions.extend(held(reason, &why));
    plan.wake = clock::now().checked_add(LOOK_AGAIN).ok();
    false
}

/// Does what follows, from the decommission, its decisions and their people, the system and its volumes as the API server has
/// them now: a cache may not know yet of an order, under which nothing is wiped. What goes on record is guarded by the
/// system's version.
async fn go_on(context: &Context, decommission: &Decommission) -> Result<(Arc<Decommission>, Plan), Error> {
    let (fresh, decisions) = case::afresh(context, decommission).await?;
    // One of them may be what this one is kept for.
    if let Some((id, _)) =
        context.systems.unreadable().iter().find(|(id, _)| id.namespace() == fresh.namespace().as_deref())
    {
        return Err(Error::Transient(format!(
            "{id:?} cannot be read: whether this system is kept for it is not known"
        )));
    }
    let systems = context.api::<InformationSystem>(&fresh.namespace().unwrap_or_default());
    let system = systems.get_opt(&fresh.spec.departure.system).await?;
    let observed = Observed {
        decisions,
        seen: observe::look(context, &fresh, system.as_ref()).await?,
        proposal: taken_up(context, &fresh),
        system: system.map(Arc::new),
    };
    let mut plan = observed.decide(context, &fresh, clock::now());
    let (Some(step), Some(system)) = (plan.step.clone(), &observed.system) else {
        return Ok((Arc::new(fresh), plan));
    };
    if let Some(why) = rests_on(&step).and_then(|besides| context.guards.hold(besides)) {
        plan.status.waiting_for = Some(crate::core::text::brief(&why));
        plan.conditions.extend(held("GuardBroken", &why));
        plan.step = None;
        return Ok((Arc::new(fresh), plan));
    }
    let Step::Record(leaving) = step else {
        steps::carry_out(context, &fresh, system, &step).await?;
        return Ok((Arc::new(fresh), plan));
    };
    if !still_founded(context, &fresh, system, &mut plan).await {
        return Ok((Arc::new(fresh), plan));
    }
    let mut next = InformationSystem::clone(system);
    if !stop::note_departure(&mut next.spec, *leaving) {
        let why = format!(
            "the record of {} is full ({} departures), and no further part leaves it: withdraw this one; the system itself leaves with its whole record (退出记录已满，请撤回)",
            next.name_any(),
            bounds::DEPARTURES
        );
        plan.status.waiting_for = Some(crate::core::text::brief(&why));
        plan.conditions.extend(held("RecordFull", &why));
        plan.step = None;
        return Ok((Arc::new(fresh), plan));
    }
    replace(context, &next).await?;
    tracing::info!(decommission = fresh.name_any(), phase = %plan.status.phase, "departure goes on");
    Ok((Arc::new(fresh), plan))
}

//! CloudResourceRequest: from the decisions of people to a grant on record.

pub(super) mod commit;

use super::Context;
use super::case;
use super::context::{Filed, system_of};
use super::takeover;
use super::told::{report, with_refusal};
use crate::api::CloudResourceRequest;
use crate::api::InformationSystem;
use crate::core::adoption::Seen;
use crate::core::names::organization_of;
use crate::core::request::{Facts, Plan, Rival, SystemFact, decide};
use crate::core::round::report::held;
use crate::core::text::Text;
use crate::core::workflow::DecisionFact;
use crate::runtime::clock;
use crate::runtime::controller::{Error, Settled};
use crate::runtime::id::Id;
use jiff::Timestamp;
use kube::ResourceExt as _;
use std::sync::Arc;

/// One pass over one request.
///
/// # Errors
/// What keeps it from coming to rest.
pub async fn reconcile(request: Arc<CloudResourceRequest>, context: Arc<Context>) -> Result<Settled, Error> {
    if request.metadata.deletion_timestamp.is_some() {
        return Ok(Settled::default());
    }
    let outcome = Box::pin(pass(&request, &context)).await;
    with_refusal(&context, "request", &*request, outcome).await
}

async fn pass(request: &Arc<CloudResourceRequest>, context: &Context) -> Result<Settled, Error> {
    let observed = observe(context, request).await?;
    let now = clock::now();
    let mut plan = observed.decide(context, request, now);
    let mut current = Arc::clone(request);
    // A cache may lag behind the grant that locked the text, so what would unlock it is looked at afresh too.
    let unlocks = request.status.as_ref().is_some_and(|s| s.committed) && !plan.status.committed;
    if plan.grant.is_some() || unlocks {
        (current, plan) = Box::pin(commit::approve(context, request)).await?;
    }
    if plan.taken_back.is_some() && !Box::pin(commit::take_back(context, request)).await? {
        let why = Text::new(
            "it cannot be taken back any more: people were let into its namespace, or something is in it; to leave, file a Decommission",
            "命名空间已授权使用或已有内容，不能撤回；如需退出请填写资源变更/注销申请表",
        );
        hold(&mut plan, "OpenAlready", &why.to_string());
    }
    if plan.live.is_some() || plan.agreement.is_some() {
        commit::go_live(context, request).await?;
    }
    let version = report(context, &*current, &plan.status, &plan.conditions, now).await?;
    Ok(Settled { next: plan.wake, version, ..Settled::default() })
}

/// What was observed about a request; borrowed by [`Facts`].
struct Observed {
    decisions: Vec<DecisionFact>,
    system: Option<Arc<InformationSystem>>,
    rivals: Vec<(Id<CloudResourceRequest>, Option<Filed>)>,
    /// The namespace that it takes over, until the system is there.
    seen: Option<Seen>,
}

/// What the caches know.
async fn observe(context: &Context, request: &CloudResourceRequest) -> Result<Observed, Error> {
    let code = system_of(request);
    let system = context.systems.get(&code);
    Ok(Observed {
        decisions: case::decisions(context, request).await?,
        seen: if system.is_some() { None } else { takeover::look(context, request).await? },
        system,
        rivals: context.indexes.requests_by_code.get(&code),
    })
}

impl Observed {
    fn decide(&self, context: &Context, request: &CloudResourceRequest, now: Timestamp) -> Plan {
        let name = request.name_any();
        let namespace = request.namespace().unwrap_or_default();
        let uid = request.uid().unwrap_or_default();
        let domain = context.domain(&request.spec.application.domain);
        let others = self.rivals.iter().filter(|(other, _)| other.name() != name);
        let rivals: Vec<Rival<'_>> = others
            .filter_map(|(other, filed)| {
                let Filed { at, submission_uid } = filed.as_ref()?;
                Some(Rival { name: other.name(), filed: *at, submission_uid })
            })
            .collect();
        let stopped = context.grants_stopped(&namespace);
        let facts = Facts {
            name: &name,
            uid: &uid,
            generation: request.metadata.generation.unwrap_or_default(),
            organization: organization_of(&namespace).unwrap_or(&namespace),
            application: &request.spec.application,
            contacts: request.spec.contacts.as_ref(),
            decisions: &self.decisions,
            system: self.system.as_ref().map(|system| SystemFact {
                spec: &system.spec,
                provisioned_at: system.status.as_ref().and_then(|s| s.provisioned_at),
            }),
            rivals: &rivals,
            grants_stopped: stopped.as_ref(),
            domain: domain.as_ref().and_then(|d| d.status.as_ref()),
            seen: self.seen.as_ref(),
        };
        decide(&facts, &context.registry(), now)
    }
}

/// Says why what people have approved cannot be granted as things are.
fn hold(plan: &mut Plan, reason: &str, why: &str) {
    plan.status.waiting_for = Some(crate::core::text::brief(why));
    plan.conditions.extend(held(reason, why));
}

//! Which change is whose work. The one place that routes; nothing is decided here.

use super::authority::Authority;
use super::context::{
    Context, Filed, FiledUnder, Indexes, ManagedStores, RuleStores, Takes, Version, Waits, beside, managed_selector,
    system_changed, system_leaving, system_of, system_proposed,
};
use super::guards::Guards;
use super::system::stalled;
use super::usage::Board;
use crate::api::cloud_resource_request::{OpenGate, Phase, Submission};
use crate::api::common::{PolicyRef, RequestKind, Time};
use crate::api::names::{LABEL_ORGANIZATION, LABEL_SYSTEM};
use crate::api::{
    CatalogItem, CloudDomain, CloudResourceRequest, Decision, Decommission, GovernancePolicy, InformationSystem,
    LedgerEntry, Organization, ResourceChange, RightsizingProposal, Sanction, ServiceProduct, WorkCalendar,
};
use crate::core::capacity::{InQuota, Taken};
use crate::core::guards::Guard;
use crate::core::names::{home_namespace, organization_of};
use crate::core::{proposal, stop};
use crate::runtime::events::Events;
use crate::runtime::hub::{Change, Hub, Queue, Router, enqueue};
use crate::runtime::id::Id;
use crate::runtime::index::Index;
use crate::runtime::metrics::Metrics;
use crate::runtime::read::Read;
use crate::runtime::store::Store;
use futures::channel::mpsc::{UnboundedReceiver, unbounded};
use k8s_openapi::api::core::v1::{LimitRange, Namespace, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use k8s_openapi::api::resource::v1::DeviceClass;
use kube::{Api, Client, Resource, ResourceExt};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Work for each controller.
pub struct Work {
    /// Requests.
    pub requests: UnboundedReceiver<Id<CloudResourceRequest>>,
    /// Changes.
    pub changes: UnboundedReceiver<Id<ResourceChange>>,
    /// Decommissions.
    pub decommissions: UnboundedReceiver<Id<Decommission>>,
    /// Sanctions.
    pub sanctions: UnboundedReceiver<Id<Sanction>>,
    /// Systems.
    pub systems: UnboundedReceiver<Id<InformationSystem>>,
    /// Systems whose proposals are to be looked at.
    pub proposals: UnboundedReceiver<Id<InformationSystem>>,
    /// Organizations.
    pub organizations: UnboundedReceiver<Id<Organization>>,
    /// Domains.
    pub domains: UnboundedReceiver<Id<CloudDomain>>,
    /// Policies.
    pub policies: UnboundedReceiver<Id<GovernancePolicy>>,
    /// Catalog.
    pub items: UnboundedReceiver<Id<CatalogItem>>,
    /// Products.
    pub products: UnboundedReceiver<Id<ServiceProduct>>,
}

#[derive(Clone)]
struct Queues {
    requests: Queue<CloudResourceRequest>,
    changes: Queue<ResourceChange>,
    decommissions: Queue<Decommission>,
    sanctions: Queue<Sanction>,
    systems: Queue<InformationSystem>,
    proposals: Queue<InformationSystem>,
    organizations: Queue<Organization>,
    domains: Queue<CloudDomain>,
    policies: Queue<GovernancePolicy>,
    items: Queue<CatalogItem>,
    products: Queue<ServiceProduct>,
}

/// Starts all watches.
#[must_use]
pub fn watch_all(
    client: &Client,
    metrics: &Metrics,
    instance: &str,
    shipped: Vec<Guard>,
) -> (Hub, Arc<Context>, Work, Sweep) {
    let mut hub = Hub::new(metrics.clone());
    let (requests_tx, requests) = unbounded();
    let (changes_tx, changes) = unbounded();
    let (decommissions_tx, decommissions) = unbounded();
    let (sanctions_tx, sanctions) = unbounded();
    let (systems_tx, systems) = unbounded();
    let (proposals_tx, proposals) = unbounded();
    let (organizations_tx, organizations) = unbounded();
    let (domains_tx, domains) = unbounded();
    let (policies_tx, policies) = unbounded();
    let (items_tx, items) = unbounded();
    let (products_tx, products) = unbounded();
    let queues = Queues {
        requests: requests_tx,
        changes: changes_tx,
        decommissions: decommissions_tx,
        sanctions: sanctions_tx,
        systems: systems_tx,
        proposals: proposals_tx,
        organizations: organizations_tx,
        domains: domains_tx,
        policies: policies_tx,
        items: items_tx,
        products: products_tx,
    };
    let indexes = indexes();
    let sweep = Sweep { changed: Arc::new(Notify::new()), version: Arc::default(), queues: queues.clone() };
    let rules = watch_rules(&mut hub, client, &queues, &sweep);
    let managed = watch_managed(&mut hub, client, &queues, &indexes);
    let guards = watch_guards(&mut hub, client, shipped);
    let decided_homes = Arc::default();
    let decisions = watch_decisions(&mut hub, client, &queues, &indexes, &decided_homes);
    let requests_store = watch_requests(&mut hub, client, &queues, &indexes);
    let changes_store = watch_changes(&mut hub, client, &queues, &indexes);
    let decommissions_store = watch_decommissions(&mut hub, client, &queues, &indexes);
    let sanctions_store = watch_sanctions(&mut hub, client, &queues, &indexes);
    let systems_store = watch_systems(&mut hub, client, &queues, &indexes);
    let proposals_store = watch_proposals(&mut hub, client, &queues, &indexes);
    let by_system = Arc::clone(&indexes.ledger_by_system);
    let ledger = hub.watch(all(client), None, vec![Box::new(move |change| drop(by_system.note(change)))]);
    let context = Context {
        client: client.clone(),
        metrics: metrics.clone(),
        events: Events::new(client.clone(), instance.to_owned()),
        authority: Authority::new(client.clone(), metrics.clone()),
        guards,
        rules,
        requests: requests_store,
        changes: changes_store,
        decommissions: decommissions_store,
        sanctions: sanctions_store,
        systems: systems_store,
        decisions,
        ledger,
        proposals: proposals_store,
        usage: Board::new(queues.systems.clone()),
        managed,
        indexes,
        decided_homes,
        look_again: Arc::clone(&sweep.changed),
        rules_version: Arc::clone(&sweep.version),
        registry_cache: Mutex::default(),
        commits: Mutex::default(),
        committing: Mutex::default(),
    };
    let work = Work {
        requests,
        changes,
        decommissions,
        sanctions,
        systems,
        proposals,
        organizations,
        domains,
        policies,
        items,
        products,
    };
    (hub, Arc::new(context), work, sweep)
}

fn all<K: Resource<DynamicType = ()>>(client: &Client) -> Api<Read<K>> {
    Api::all(client.clone())
}

fn indexes() -> Indexes {
    Indexes {
        decisions_by_request: Index::new(|d| refers_to(d, RequestKind::CloudResourceRequest), |_| ()),
        decisions_by_change: Index::new(|d| refers_to(d, RequestKind::ResourceChange), |_| ()),
        changes_by_system: Index::new(|c| Some(system_changed(c)), |_| ()),
        changes_by_phase: Index::new(|c: &ResourceChange| c.status.as_ref().map(|s| s.phase), change_waits),
        decisions_by_decommission: Index::new(|d| refers_to(d, RequestKind::Decommission), |_| ()),
        decommissions_by_system: Index::new(|d| Some(system_leaving(d)), |_| ()),
        decommissions_by_phase: Index::new(
            |d: &Decommission| d.status.as_ref().map(|s| s.phase),
            |d: &Decommission| d.status.iter().flat_map(|s| &s.open_gates).map(waits_at).collect(),
        ),
        decisions_by_sanction: Index::new(|d| refers_to(d, RequestKind::Sanction), |_| ()),
        sanctions_by_home: Index::new(|s: &Sanction| s.namespace().map(|home| Id::new(&home)), |_| ()),
        sanctions_by_phase: Index::new(
            |s: &Sanction| s.status.as_ref().map(|s| s.phase),
            |s: &Sanction| s.status.iter().flat_map(|s| &s.open_gates).map(waits_at).collect(),
        ),
        systems_by_home: Index::new(|s: &InformationSystem| s.namespace().map(|home| Id::new(&home)), |_| ()),
        systems_by_payer: Index::new(payer, |_| ()),
        requests_by_payer: Index::new(
            |r: &CloudResourceRequest| filed(r).map(|_| Id::new(&r.spec.application.funding.payer)),
            |_| (),
        ),
        decisions_by_proposal: Index::new(|d| refers_to(d, RequestKind::RightsizingProposal), |_| ()),
        decisions_by_system: Index::new(|d| refers_to(d, RequestKind::InformationSystem), |_| ()),
        requests_by_home: Index::new(|r: &CloudResourceRequest| r.namespace().map(|home| Id::new(&home)), |_| ()),
        changes_by_home: Index::new(|c: &ResourceChange| c.namespace().map(|home| Id::new(&home)), |_| ()),
        requests_by_code: Index::new(|r| Some(system_of(r)), filed),
        requests_by_phase: Index::new(|r: &CloudResourceRequest| r.status.as_ref().map(|s| s.phase), waits),
        systems_by_domain: Index::new(|s: &InformationSystem| Some(Id::new(&s.spec.domain)), takes),
        systems_stalled: Index::new(stalled, |_| ()),
        ledger_by_system: Index::new(|e: &LedgerEntry| Some(beside(e, &e.spec.system.name)), |_| ()),
        quotas_by_namespace: by_namespace(),
        limits_by_namespace: by_namespace(),
        networks_by_namespace: by_namespace(),
        decommissions_by_home: Index::new(|d: &Decommission| d.namespace().map(|home| Id::new(&home)), |_| ()),
        filed_under: FiledUnder {
            requests: Index::new(
                |r| version(r.status.as_ref()?.policy.as_ref()?, r.status.as_ref()?.submission.as_ref()),
                |_| (),
            ),
            changes: Index::new(
                |c| version(c.status.as_ref()?.policy.as_ref()?, c.status.as_ref()?.submission.as_ref()),
                |_| (),
            ),
            decommissions: Index::new(
                |d| version(d.status.as_ref()?.policy.as_ref()?, d.status.as_ref()?.submission.as_ref()),
                |_| (),
            ),
            sanctions: Index::new(
                |s| version(s.status.as_ref()?.policy.as_ref()?, s.status.as_ref()?.submission.as_ref()),
                |_| (),
            ),
        },
        bindings_by_namespace: by_namespace(),
    }
}

fn note<K: 'static>(index: &Arc<Index<Id<Namespace>, K>>) -> Router<K> {
    let index = Arc::clone(index);
    Box::new(move |change| drop(index.note(change)))
}

fn by_namespace<K: Resource + 'static>() -> Arc<Index<Id<Namespace>, K>> {
    Index::new(|object: &K| object.meta().namespace.as_deref().map(Id::new), |_| ())
}

/// The version of the rules by which something is judged, once it was filed.
fn version(policy: &PolicyRef, filed: Option<&Submission>) -> Option<Version> {
    filed.map(|_| Version { uid: policy.uid.as_str().into(), name: policy.name.as_str().into() })
}

/// An organization is looked at when the first of this kind lies in its home, or the last one is gone.
fn turn_home<K: 'static>(queues: &Queues, by_home: &Arc<Index<Id<Namespace>, K>>) -> Router<K> {
    let (queue, by_home) = (queues.organizations.clone(), Arc::clone(by_home));
    Box::new(move |change| by_home.turned(change).iter().for_each(|home| enqueue_home(&queue, home)))
}

fn enqueue_home(queue: &Queue<Organization>, home: &Id<Namespace>) {
    if let Some(organization) = organization_of(home.name()) {
        enqueue(queue, Id::new(organization));
    }
}

/// An organization is looked at when it comes to pay for the first of this kind, or for none any more.
fn turn_payer<K: 'static>(queues: &Queues, by_payer: &Arc<Index<Id<Organization>, K>>) -> Router<K> {
    let (queue, by_payer) = (queues.organizations.clone(), Arc::clone(by_payer));
    Box::new(move |change| by_payer.turned(change).into_iter().for_each(|payer| enqueue(&queue, payer)))
}

/// Who pays for a system that has not left.
fn payer(system: &InformationSystem) -> Option<Id<Organization>> {
    let grant = system.spec.grants.last().filter(|_| stop::closed(&system.spec).is_none())?;
    Some(Id::new(&grant.payer))
}

/// A version of the rules is looked at when the first of this kind is filed under it, or the last one is gone.
fn turn_version<K: 'static>(queues: &Queues, filed_under: &Arc<Index<Version, K>>) -> Router<K> {
    let (queue, filed_under) = (queues.policies.clone(), Arc::clone(filed_under));
    Box::new(move |change| {
        filed_under.turned(change).iter().for_each(|version| enqueue(&queue, Id::new(&version.name)));
    })
}

fn refers_to<L>(decision: &Decision, kind: RequestKind) -> Option<Id<L>> {
    let reference = &decision.spec.request_ref;
    (reference.kind == kind).then(|| beside(decision, &reference.name))
}

/// The filing of a request that is being decided.
fn filed(request: &CloudResourceRequest) -> Option<Filed> {
    let status = request.status.as_ref().filter(|s| matches!(s.phase, Phase::InReview | Phase::Approved))?;
    let filing = status.submission.as_ref()?;
    Some(Filed { at: filing.at, submission_uid: filing.uid.clone() })
}

fn waits(request: &CloudResourceRequest) -> Box<[Waits]> {
    request.status.iter().flat_map(|s| &s.open_gates).map(waits_at).collect()
}

fn change_waits(change: &ResourceChange) -> Box<[Waits]> {
    change.status.iter().flat_map(|s| &s.open_gates).map(waits_at).collect()
}

fn waits_at(gate: &OpenGate) -> Waits {
    Waits { gate: gate.gate.as_str().into(), since: gate.since, due: gate.due, due_unknown: gate.due_unknown.is_some() }
}

fn takes(system: &InformationSystem) -> Arc<Takes> {
    let opened = system.metadata.creation_timestamp.as_ref().map(|at| at.0);
    let granted = system.spec.grants.iter().filter(|g| g.change.is_some()).map(|g| g.effective_from.timestamp());
    let grants = Taken::by_grants(&system.spec).and_then(|grants| {
        let Some(status) = &system.status else { return Ok((grants, InQuota::default())) };
        Ok((grants, InQuota::told(status, system.metadata.generation)?))
    });
    Arc::new(Takes {
        organization: system.spec.organization.as_str().into(),
        namespace: system.spec.namespace.as_str().into(),
        opened: system.status.as_ref().and_then(|s| s.provisioned_at).map(Time::timestamp),
        live: system.spec.live.is_some(),
        standby: system.spec.standby_for.is_some(),
        closed: stop::closed(&system.spec),
        policies: system
            .spec
            .grants
            .iter()
            .map(|g| g.policy.uid.as_str())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(Into::into)
            .collect(),
        stopped: stop::standing(&system.spec).is_some(),
        lifted: stop::lifted(&system.spec).map(Time::timestamp),
        since: granted.chain(opened).max(),
        grants,
    })
}

/// Rules concern everybody: whatever they are, all work is looked at again, once for many changes.
fn watch_rules(hub: &mut Hub, client: &Client, queues: &Queues, sweep: &Sweep) -> RuleStores {
    RuleStores {
        organizations: hub.watch(
            all::<Organization>(client),
            None,
            vec![sweep.router(), to_self(&queues.organizations)],
        ),
        domains: hub.watch(all::<CloudDomain>(client), None, vec![sweep.router(), to_self(&queues.domains)]),
        policies: hub.watch(all::<GovernancePolicy>(client), None, vec![sweep.router(), to_self(&queues.policies)]),
        items: hub.watch(all::<CatalogItem>(client), None, vec![sweep.router()]),
        products: hub.watch(all::<ServiceProduct>(client), None, vec![sweep.router()]),
        calendars: hub.watch(all::<WorkCalendar>(client), None, vec![sweep.router()]),
        device_classes: hub.watch(all::<DeviceClass>(client), None, vec![sweep.router()]),
    }
}

fn to_self<K: Resource<DynamicType = ()> + 'static>(queue: &Queue<K>) -> Router<K> {
    let queue = queue.clone();
    Box::new(move |change| enqueue(&queue, change.id.clone()))
}

fn watch_decisions(
    hub: &mut Hub,
    client: &Client,
    queues: &Queues,
    indexes: &Indexes,
    decided_homes: &Arc<Mutex<HashSet<Id<Namespace>>>>,
) -> Store<Decision> {
    let (requests, changes, systems) = (queues.requests.clone(), queues.changes.clone(), queues.systems.clone());
    let (by_request, by_system) = (Arc::clone(&indexes.decisions_by_request), Arc::clone(&indexes.decisions_by_system));
    let by_change = Arc::clone(&indexes.decisions_by_change);
    let (sanctions, by_sanction) = (queues.sanctions.clone(), Arc::clone(&indexes.decisions_by_sanction));
    let (leaving, by_leaving) = (queues.decommissions.clone(), Arc::clone(&indexes.decisions_by_decommission));
    let (proposals, by_proposal) = (queues.proposals.clone(), Arc::clone(&indexes.decisions_by_proposal));
    let (decided, organizations) = (Arc::clone(decided_homes), queues.organizations.clone());
    let route = move |change: &Change<'_, Decision>| {
        let home = Id::new(&change.object.namespace().unwrap_or_default());
        if decided.lock().unwrap_or_else(PoisonError::into_inner).insert(home.clone()) {
            enqueue_home(&organizations, &home);
        }
        by_request.note(change);
        by_change.note(change);
        by_system.note(change);
        by_proposal.note(change);
        by_sanction.note(change);
        by_leaving.note(change);
        let reference = &change.object.spec.request_ref;
        match reference.kind {
            RequestKind::CloudResourceRequest => enqueue(&requests, beside(change.object, &reference.name)),
            RequestKind::ResourceChange => enqueue(&changes, beside(change.object, &reference.name)),
            RequestKind::InformationSystem => enqueue(&systems, beside(change.object, &reference.name)),
            RequestKind::Decommission => enqueue(&leaving, beside(change.object, &reference.name)),
            RequestKind::Sanction => enqueue(&sanctions, beside(change.object, &reference.name)),
            RequestKind::RightsizingProposal => {
                if let Some(system) = proposal::system_of(&reference.name) {
                    enqueue(&proposals, beside(change.object, system));
                }
            }
        }
    };
    hub.watch(all(client), None, vec![Box::new(route)])
}

fn watch_requests(hub: &mut Hub, client: &Client, queues: &Queues, indexes: &Indexes) -> Store<CloudResourceRequest> {
    let (by_code, by_phase) = (Arc::clone(&indexes.requests_by_code), Arc::clone(&indexes.requests_by_phase));
    let (turns_home, turns_version) =
        (turn_home(queues, &indexes.requests_by_home), turn_version(queues, &indexes.filed_under.requests));
    let queue = queues.requests.clone();
    // With whatever else asks for a system of the same code: which was filed first concerns them all.
    let route: Router<CloudResourceRequest> = Box::new(move |change| {
        by_phase.note(change);
        let before = by_code.note(change);
        let others = before.into_iter().chain([system_of(change.object)]).flat_map(|system| by_code.ids(&system));
        others.filter(|other| other != change.id).for_each(|other| enqueue(&queue, other));
    });
    let turns_payer = turn_payer(queues, &indexes.requests_by_payer);
    hub.watch(all(client), None, vec![turns_home, turns_version, turns_payer, route, to_self(&queues.requests)])
}

fn watch_changes(hub: &mut Hub, client: &Client, queues: &Queues, indexes: &Indexes) -> Store<ResourceChange> {
    let (by_system, by_phase) = (Arc::clone(&indexes.changes_by_system), Arc::clone(&indexes.changes_by_phase));
    let proposals = queues.proposals.clone();
    let (turns_home, turns_version) =
        (turn_home(queues, &indexes.changes_by_home), turn_version(queues, &indexes.filed_under.changes));
    let note: Router<ResourceChange> = Box::new(move |change| {
        by_system.note(change);
        by_phase.note(change);
        if change.object.spec.change.proposal_ref.is_some() {
            enqueue(&proposals, system_changed(change.object));
        }
    });
    hub.watch(all(client), None, vec![turns_home, turns_version, note, to_self(&queues.changes)])
}

fn watch_systems(hub: &mut Hub, client: &Client, queues: &Queues, indexes: &Indexes) -> Store<InformationSystem> {
    let (by_domain, stalled) = (Arc::clone(&indexes.systems_by_domain), Arc::clone(&indexes.systems_stalled));
    let by_code = Arc::clone(&indexes.requests_by_code);
    let changes_of = Arc::clone(&indexes.changes_by_system);
    let (requests, changes, domains) = (queues.requests.clone(), queues.changes.clone(), queues.domains.clone());
    let proposals = to_self(&queues.proposals);
    let (sanctions, sanctions_of) = (queues.sanctions.clone(), Arc::clone(&indexes.sanctions_by_home));
    let turns_home = turn_home(queues, &indexes.systems_by_home);
    let (leaving, leaving_of) = (queues.decommissions.clone(), Arc::clone(&indexes.decommissions_by_system));
    let route: Router<InformationSystem> = Box::new(move |change| {
        leaving_of.ids(change.id).into_iter().for_each(|other| enqueue(&leaving, other));
        // What it was migrated from is kept for it until it has been live for long enough.
        let old = change.object.spec.migrated_from.as_deref().map(|old| beside(change.object, old));
        old.iter().flat_map(|old| leaving_of.ids(old)).for_each(|other| enqueue(&leaving, other));
        let home = Id::new(&change.object.namespace().unwrap_or_default());
        sanctions_of.ids(&home).into_iter().for_each(|sanction| enqueue(&sanctions, sanction));
        by_domain.note(change);
        stalled.note(change);
        enqueue(&domains, Id::new(&change.object.spec.domain));
        by_code.ids(change.id).into_iter().for_each(|request| enqueue(&requests, request));
        changes_of.ids(change.id).into_iter().for_each(|other| enqueue(&changes, other));
    });
    let turns_payer = turn_payer(queues, &indexes.systems_by_payer);
    hub.watch(all(client), None, vec![turns_home, turns_payer, route, to_self(&queues.systems), proposals])
}

fn watch_decommissions(hub: &mut Hub, client: &Client, queues: &Queues, indexes: &Indexes) -> Store<Decommission> {
    let (by_system, by_phase) =
        (Arc::clone(&indexes.decommissions_by_system), Arc::clone(&indexes.decommissions_by_phase));
    let proposals = queues.proposals.clone();
    let note: Router<Decommission> = Box::new(move |change| {
        by_system.note(change);
        by_phase.note(change);
        if change.object.spec.departure.proposal_ref.is_some() {
            enqueue(&proposals, system_leaving(change.object));
        }
    });
    let (turns_home, turns_version) =
        (turn_home(queues, &indexes.decommissions_by_home), turn_version(queues, &indexes.filed_under.decommissions));
    hub.watch(all(client), None, vec![turns_home, turns_version, note, to_self(&queues.decommissions)])
}

/// What is ordered against a unit concerns whatever it asks for, and sanctions that rest on this one.
fn watch_sanctions(hub: &mut Hub, client: &Client, queues: &Queues, indexes: &Indexes) -> Store<Sanction> {
    let by_home = Arc::clone(&indexes.sanctions_by_home);
    let (requests, changes, sanctions) = (queues.requests.clone(), queues.changes.clone(), queues.sanctions.clone());
    let (requests_of, changes_of) = (Arc::clone(&indexes.requests_by_home), Arc::clone(&indexes.changes_by_home));
    let by_phase = Arc::clone(&indexes.sanctions_by_phase);
    let (turns_home, turns_version) =
        (turn_home(queues, &by_home), turn_version(queues, &indexes.filed_under.sanctions));
    let route: Router<Sanction> = Box::new(move |change| {
        by_phase.note(change);
        let home = Id::new(&change.object.namespace().unwrap_or_default());
        by_home.ids(&home).into_iter().for_each(|other| enqueue(&sanctions, other));
        // Drafts alone change nothing for anybody.
        if change.object.status.as_ref().is_some_and(|s| s.imposed.is_some()) {
            requests_of.ids(&home).into_iter().for_each(|request| enqueue(&requests, request));
            changes_of.ids(&home).into_iter().for_each(|other| enqueue(&changes, other));
        }
    });
    hub.watch(all(client), None, vec![turns_home, turns_version, route, to_self(&queues.sanctions)])
}

/// A proposal is looked at with its system, and so are the changes that take one up.
fn watch_proposals(hub: &mut Hub, client: &Client, queues: &Queues, indexes: &Indexes) -> Store<RightsizingProposal> {
    let (changes, proposals) = (queues.changes.clone(), queues.proposals.clone());
    let changes_of = Arc::clone(&indexes.changes_by_system);
    let route: Router<RightsizingProposal> = Box::new(move |change| {
        let system = system_proposed(change.object);
        changes_of.ids(&system).into_iter().for_each(|other| enqueue(&changes, other));
        enqueue(&proposals, system);
    });
    hub.watch(all(client), None, vec![route])
}

/// What is ours in namespaces goes back to the system or organization that it belongs to.
fn watch_managed(hub: &mut Hub, client: &Client, queues: &Queues, indexes: &Indexes) -> ManagedStores {
    let selector = managed_selector();
    let selector = Some(selector.as_str());
    ManagedStores {
        namespaces: hub.watch(all::<Namespace>(client), selector, vec![to_owner(queues)]),
        quotas: hub.watch(
            all::<ResourceQuota>(client),
            selector,
            vec![note(&indexes.quotas_by_namespace), to_owner(queues)],
        ),
        limits: hub.watch(
            all::<LimitRange>(client),
            selector,
            vec![note(&indexes.limits_by_namespace), to_owner(queues)],
        ),
        networks: hub.watch(
            all::<NetworkPolicy>(client),
            selector,
            vec![note(&indexes.networks_by_namespace), to_owner(queues)],
        ),
        bindings: hub.watch(
            all::<RoleBinding>(client),
            selector,
            vec![note(&indexes.bindings_by_namespace), to_owner(queues)],
        ),
    }
}

fn watch_guards(hub: &mut Hub, client: &Client, shipped: Vec<Guard>) -> Guards {
    fn told<K: 'static>(changed: &Arc<Notify>) -> Vec<Router<K>> {
        let changed = Arc::clone(changed);
        vec![Box::new(move |_| changed.notify_one())]
    }
    let changed = Arc::new(Notify::new());
    Guards {
        shipped,
        validating: hub.watch(all(client), None, told(&changed)),
        validating_bindings: hub.watch(all(client), None, told(&changed)),
        mutating: hub.watch(all(client), None, told(&changed)),
        mutating_bindings: hub.watch(all(client), None, told(&changed)),
        changed,
    }
}

fn to_owner<K: Resource<DynamicType = ()> + 'static>(queues: &Queues) -> Router<K> {
    let (systems, organizations) = (queues.systems.clone(), queues.organizations.clone());
    Box::new(move |change| {
        let labels = change.object.labels();
        let Some(organization) = labels.get(LABEL_ORGANIZATION) else { return };
        match labels.get(LABEL_SYSTEM) {
            Some(system) => enqueue(&systems, Id::new(system).within(&home_namespace(organization))),
            None => enqueue(&organizations, Id::new(organization)),
        }
    })
}

/// Looks at everything again after rules have changed.
pub struct Sweep {
    changed: Arc<Notify>,
    version: Arc<AtomicU64>,
    queues: Queues,
}

impl Sweep {
    /// Notes a change of a rule's `spec`; status writes, which leave the generation as it is, are none.
    fn router<K: Resource<DynamicType = ()> + 'static>(&self) -> Router<K> {
        let (changed, version) = (Arc::clone(&self.changed), Arc::clone(&self.version));
        let generations: Mutex<HashMap<String, Option<i64>>> = Mutex::default();
        Box::new(move |change| {
            let (uid, generation) = (change.object.uid().unwrap_or_default(), change.object.meta().generation);
            let mut generations = generations.lock().unwrap_or_else(PoisonError::into_inner);
            let turned = if change.gone {
                generations.remove(&uid).is_some()
            } else {
                generations.insert(uid, generation) != Some(generation)
            };
            if turned {
                version.fetch_add(1, Ordering::AcqRel);
                changed.notify_one();
            }
        })
    }

    /// Runs for as long as the operator acts.
    pub async fn run(self, context: Arc<Context>) {
        loop {
            self.changed.notified().await;
            // Many rules are applied at once: gather them.
            tokio::time::sleep(Duration::from_millis(200)).await;
            context.authority.forget();
            each(&context.rules.organizations, &self.queues.organizations);
            each(&context.rules.policies, &self.queues.policies);
            each(&context.rules.domains, &self.queues.domains);
            each(&context.rules.items, &self.queues.items);
            each(&context.rules.products, &self.queues.products);
            each(&context.requests, &self.queues.requests);
            each(&context.changes, &self.queues.changes);
            each(&context.decommissions, &self.queues.decommissions);
            each(&context.sanctions, &self.queues.sanctions);
            each(&context.systems, &self.queues.systems);
            each(&context.systems, &self.queues.proposals);
        }
    }
}

fn each<K>(store: &Store<K>, queue: &Queue<K>) {
    store.ids().into_iter().for_each(|id| enqueue(queue, id));
}

//! Which change is whose work. The one place that routes; nothing is decided here.

use super::authority::Authority;
use super::context::{Context, Indexes, ManagedStores, RuleStores, key_of, managed_selector};
use super::guards::Guards;
use crate::api::common::RequestKind;
use crate::api::names::{LABEL_ORGANIZATION, LABEL_SYSTEM};
use crate::api::{
    CatalogItem, CloudDomain, CloudResourceRequest, Decision, GovernancePolicy, InformationSystem, LedgerEntry,
    Organization, ServiceProduct, WorkCalendar,
};
use crate::core::guards::Guard;
use crate::core::names::home_namespace;
use crate::runtime::events::Events;
use crate::runtime::hub::{Change, Hub, Queue, Router, enqueue};
use crate::runtime::index::Index;
use crate::runtime::metrics::Metrics;
use futures::channel::mpsc::{UnboundedReceiver, unbounded};
use k8s_openapi::api::core::v1::{LimitRange, Namespace, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Client, Resource, ResourceExt};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Work for each controller.
pub struct Work {
    /// Requests.
    pub requests: UnboundedReceiver<ObjectRef<CloudResourceRequest>>,
    /// Systems.
    pub systems: UnboundedReceiver<ObjectRef<InformationSystem>>,
    /// Organizations.
    pub organizations: UnboundedReceiver<ObjectRef<Organization>>,
    /// Domains.
    pub domains: UnboundedReceiver<ObjectRef<CloudDomain>>,
    /// Policies.
    pub policies: UnboundedReceiver<ObjectRef<GovernancePolicy>>,
    /// Catalog.
    pub items: UnboundedReceiver<ObjectRef<CatalogItem>>,
    /// Products.
    pub products: UnboundedReceiver<ObjectRef<ServiceProduct>>,
}

#[derive(Clone)]
struct Queues {
    requests: Queue<CloudResourceRequest>,
    systems: Queue<InformationSystem>,
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
    let (systems_tx, systems) = unbounded();
    let (organizations_tx, organizations) = unbounded();
    let (domains_tx, domains) = unbounded();
    let (policies_tx, policies) = unbounded();
    let (items_tx, items) = unbounded();
    let (products_tx, products) = unbounded();
    let queues = Queues {
        requests: requests_tx,
        systems: systems_tx,
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
    watch_decisions(&mut hub, client, &queues, &indexes);
    let requests_store = watch_requests(&mut hub, client, &queues, &indexes);
    let systems_store = watch_systems(&mut hub, client, &queues, &indexes);
    let ledger = Arc::clone(&indexes.ledger_by_system);
    hub.watch::<LedgerEntry>(all(client), None, vec![Box::new(move |change| drop(ledger.note(change)))]);
    let context = Context {
        client: client.clone(),
        metrics: metrics.clone(),
        events: Events::new(client.clone(), instance.to_owned()),
        authority: Authority::new(client.clone(), metrics.clone()),
        guards,
        rules,
        requests: requests_store,
        systems: systems_store,
        managed,
        indexes,
        look_again: Arc::clone(&sweep.changed),
        rules_version: Arc::clone(&sweep.version),
        registry_cache: Mutex::default(),
        commits: Mutex::default(),
        committing: Mutex::default(),
    };
    let work = Work { requests, systems, organizations, domains, policies, items, products };
    (hub, Arc::new(context), work, sweep)
}

fn all<K: Resource<DynamicType = ()>>(client: &Client) -> Api<DeserializeGuard<K>>
where
    DeserializeGuard<K>: Resource<DynamicType = ()>,
{
    Api::all(client.clone())
}

fn indexes() -> Indexes {
    Indexes {
        decisions_by_request: Index::new(|d: &Decision| refers_to(d, RequestKind::CloudResourceRequest)),
        decisions_by_system: Index::new(|d: &Decision| refers_to(d, RequestKind::InformationSystem)),
        requests_by_code: Index::new(|r: &CloudResourceRequest| {
            Some((r.namespace().unwrap_or_default(), r.spec.application.system.code.clone()))
        }),
        systems_by_domain: Index::new(|s: &InformationSystem| Some(s.spec.domain.clone())),
        ledger_by_system: Index::new(|e: &LedgerEntry| {
            Some((e.namespace().unwrap_or_default(), e.spec.system.name.clone()))
        }),
        bindings_by_namespace: Index::new(ResourceExt::namespace),
    }
}

fn refers_to(decision: &Decision, kind: RequestKind) -> Option<(String, String)> {
    let reference = &decision.spec.request_ref;
    (reference.kind == kind).then(|| (decision.namespace().unwrap_or_default(), reference.name.clone()))
}

/// Rules concern everybody: whatever they are, all work is looked at again, once for many changes.
fn watch_rules(hub: &mut Hub, client: &Client, queues: &Queues, sweep: &Sweep) -> RuleStores {
    let domain_queue = queues.domains.clone();
    RuleStores {
        organizations: hub.watch(
            all::<Organization>(client),
            None,
            vec![sweep.router(), to_self(&queues.organizations)],
        ),
        domains: hub.watch(
            all::<CloudDomain>(client),
            None,
            vec![sweep.router(), Box::new(move |change| enqueue(&domain_queue, &change.object().name_any(), None))],
        ),
        policies: hub.watch(all::<GovernancePolicy>(client), None, vec![sweep.router(), to_self(&queues.policies)]),
        items: hub.watch(all::<CatalogItem>(client), None, vec![sweep.router()]),
        products: hub.watch(all::<ServiceProduct>(client), None, vec![sweep.router()]),
        calendars: hub.watch(all::<WorkCalendar>(client), None, vec![sweep.router()]),
    }
}

fn to_self<K: Resource<DynamicType = ()> + 'static>(queue: &Queue<K>) -> Router<K> {
    let queue = queue.clone();
    Box::new(move |change| enqueue(&queue, &change.object().name_any(), change.object().namespace().as_deref()))
}

fn watch_decisions(hub: &mut Hub, client: &Client, queues: &Queues, indexes: &Indexes) {
    let (requests, systems) = (queues.requests.clone(), queues.systems.clone());
    let (by_request, by_system) = (Arc::clone(&indexes.decisions_by_request), Arc::clone(&indexes.decisions_by_system));
    let route = move |change: &Change<'_, Decision>| {
        by_request.note(change);
        by_system.note(change);
        let decision = change.object();
        let (reference, namespace) = (&decision.spec.request_ref, decision.namespace());
        match reference.kind {
            RequestKind::CloudResourceRequest => enqueue(&requests, &reference.name, namespace.as_deref()),
            RequestKind::InformationSystem => enqueue(&systems, &reference.name, namespace.as_deref()),
        }
    };
    hub.watch::<Decision>(all(client), None, vec![Box::new(route)]);
}

fn watch_requests(
    hub: &mut Hub,
    client: &Client,
    queues: &Queues,
    indexes: &Indexes,
) -> kube::runtime::reflector::Store<CloudResourceRequest> {
    let (by_code, queue) = (Arc::clone(&indexes.requests_by_code), queues.requests.clone());
    // With whatever else asks for a system of the same code: which was filed first concerns them all.
    let route: Router<CloudResourceRequest> = Box::new(move |change| {
        let request = change.object();
        let namespace = request.namespace().unwrap_or_default();
        let before = by_code.note(change);
        let now = (namespace.clone(), request.spec.application.system.code.clone());
        let others = before.into_iter().chain([now]).flat_map(|key| by_code.get(&key));
        for other in others.filter(|other| other.name_any() != request.name_any()) {
            enqueue(&queue, &other.name_any(), Some(&namespace));
        }
    });
    hub.watch(all(client), None, vec![route, to_self(&queues.requests)])
}

fn watch_systems(
    hub: &mut Hub,
    client: &Client,
    queues: &Queues,
    indexes: &Indexes,
) -> kube::runtime::reflector::Store<InformationSystem> {
    let by_domain = Arc::clone(&indexes.systems_by_domain);
    let by_code = Arc::clone(&indexes.requests_by_code);
    let (requests, domains) = (queues.requests.clone(), queues.domains.clone());
    let route: Router<InformationSystem> = Box::new(move |change| {
        by_domain.note(change);
        enqueue(&domains, &change.object().spec.domain, None);
        for request in by_code.get(&key_of(change.object().as_ref())) {
            enqueue(&requests, &request.name_any(), request.namespace().as_deref());
        }
    });
    hub.watch(all(client), None, vec![route, to_self(&queues.systems)])
}

/// What is ours in namespaces goes back to the system or organization that it belongs to.
fn watch_managed(hub: &mut Hub, client: &Client, queues: &Queues, indexes: &Indexes) -> ManagedStores {
    let selector = managed_selector();
    let selector = Some(selector.as_str());
    let by_namespace = Arc::clone(&indexes.bindings_by_namespace);
    let note: Router<RoleBinding> = Box::new(move |change| drop(by_namespace.note(change)));
    ManagedStores {
        namespaces: hub.watch(all::<Namespace>(client), selector, vec![to_owner(queues)]),
        quotas: hub.watch(all::<ResourceQuota>(client), selector, vec![to_owner(queues)]),
        limits: hub.watch(all::<LimitRange>(client), selector, vec![to_owner(queues)]),
        networks: hub.watch(all::<NetworkPolicy>(client), selector, vec![to_owner(queues)]),
        bindings: hub.watch(all::<RoleBinding>(client), selector, vec![note, to_owner(queues)]),
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
        let labels = change.object().labels();
        let Some(organization) = labels.get(LABEL_ORGANIZATION) else { return };
        match labels.get(LABEL_SYSTEM) {
            Some(system) => enqueue(&systems, system, Some(&home_namespace(organization))),
            None => enqueue(&organizations, organization, None),
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
            let object = change.object();
            let uid = object.uid().unwrap_or_default();
            let mut generations = generations.lock().unwrap_or_else(PoisonError::into_inner);
            let turned = match change {
                Change::Applied(_) => {
                    generations.insert(uid, object.meta().generation) != Some(object.meta().generation)
                }
                Change::Deleted(_) => generations.remove(&uid).is_some(),
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
            each(&context.rules.organizations.state(), &self.queues.organizations);
            each(&context.rules.policies.state(), &self.queues.policies);
            each(&context.rules.domains.state(), &self.queues.domains);
            each(&context.rules.items.state(), &self.queues.items);
            each(&context.rules.products.state(), &self.queues.products);
            each(&context.requests.state(), &self.queues.requests);
            each(&context.systems.state(), &self.queues.systems);
        }
    }
}

fn each<K: Resource<DynamicType = ()>>(objects: &[Arc<K>], queue: &Queue<K>) {
    for object in objects {
        enqueue(queue, &object.name_any(), object.namespace().as_deref());
    }
}

//! What every controller works with: clients, stores, indexes, and the registry that is worked out from them.

use super::authority::Authority;
use super::guards::Guards;
use super::usage::Board;
use crate::api::cloud_resource_request::Phase;
use crate::api::common::Time;
use crate::api::decommission::DecommissionPhase;
use crate::api::names::LABEL_MANAGED;
use crate::api::resource_change::ChangePhase;
use crate::api::sanction::SanctionPhase;
use crate::api::{
    CatalogItem, CloudDomain, CloudResourceRequest, Decision, Decommission, GovernancePolicy, InformationSystem,
    LedgerEntry, Organization, ResourceChange, RightsizingProposal, Sanction, ServiceProduct, WorkCalendar,
};
use crate::core::capacity::{InQuota, Taken};
use crate::core::quantity::QuantityError;
use crate::core::registry::{self, Named, Registry};
use crate::core::text::Text;
use crate::core::{credit_code, sanction};
use crate::runtime::controller::Error;
use crate::runtime::events::Events;
use crate::runtime::id::Id;
use crate::runtime::index::Index;
use crate::runtime::metrics::Metrics;
use crate::runtime::read::{self, Listed};
use crate::runtime::store::Store;
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{LimitRange, Namespace, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use k8s_openapi::api::resource::v1::DeviceClass;
use kube::api::ListParams;
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Stores of the kinds that the rules are made of.
pub struct RuleStores {
    /// Organizations.
    pub organizations: Store<Organization>,
    /// Domains.
    pub domains: Store<CloudDomain>,
    /// Policies.
    pub policies: Store<GovernancePolicy>,
    /// Catalog.
    pub items: Store<CatalogItem>,
    /// Products.
    pub products: Store<ServiceProduct>,
    /// Calendars.
    pub calendars: Store<WorkCalendar>,
    /// Classes of devices.
    pub device_classes: Store<DeviceClass>,
}

/// Stores of what is ours in namespaces.
pub struct ManagedStores {
    /// Namespaces.
    pub namespaces: Store<Namespace>,
    /// Quotas.
    pub quotas: Store<ResourceQuota>,
    /// Limit ranges.
    pub limits: Store<LimitRange>,
    /// Network policies.
    pub networks: Store<NetworkPolicy>,
    /// Role bindings.
    pub bindings: Store<RoleBinding>,
}

/// The label selector of everything that is ours.
#[must_use]
pub fn managed_selector() -> String {
    format!("{LABEL_MANAGED}={}", crate::api::names::MANAGED_BY_VALUE)
}

/// Objects by what they refer to.
pub struct Indexes {
    /// Decisions by the request that they name.
    pub decisions_by_request: Arc<Index<Id<CloudResourceRequest>, Decision>>,
    /// Decisions by the change that they name.
    pub decisions_by_change: Arc<Index<Id<ResourceChange>, Decision>>,
    /// Changes by the system that they are about.
    pub changes_by_system: Arc<Index<Id<InformationSystem>, ResourceChange>>,
    /// Changes by phase, with the gates at which they wait.
    pub changes_by_phase: Arc<Index<ChangePhase, ResourceChange, Box<[Waits]>>>,
    /// Decisions by the decommission that they name.
    pub decisions_by_decommission: Arc<Index<Id<Decommission>, Decision>>,
    /// Decommissions by the system that they are about.
    pub decommissions_by_system: Arc<Index<Id<InformationSystem>, Decommission>>,
    /// Decommissions by phase, with the gates at which they wait.
    pub decommissions_by_phase: Arc<Index<DecommissionPhase, Decommission, Box<[Waits]>>>,
    /// Decisions by the sanction that they name.
    pub decisions_by_sanction: Arc<Index<Id<Sanction>, Decision>>,
    /// Sanctions by the home namespace of their party.
    pub sanctions_by_home: Arc<Index<Id<Namespace>, Sanction>>,
    /// Sanctions by phase, with the gates at which they wait.
    pub sanctions_by_phase: Arc<Index<SanctionPhase, Sanction, Box<[Waits]>>>,
    /// Systems by the home namespace of their unit.
    pub systems_by_home: Arc<Index<Id<Namespace>, InformationSystem>>,
    /// Systems that are charged, or will be, by who pays.
    pub systems_by_payer: Arc<Index<Id<Organization>, InformationSystem>>,
    /// What is being decided, by who is to pay.
    pub requests_by_payer: Arc<Index<Id<Organization>, CloudResourceRequest>>,
    /// Decisions by the proposal that they dismiss.
    pub decisions_by_proposal: Arc<Index<Id<RightsizingProposal>, Decision>>,
    /// Decisions by the system that they let somebody into.
    pub decisions_by_system: Arc<Index<Id<InformationSystem>, Decision>>,
    /// Requests by their home namespace.
    pub requests_by_home: Arc<Index<Id<Namespace>, CloudResourceRequest>>,
    /// Changes by their home namespace.
    pub changes_by_home: Arc<Index<Id<Namespace>, ResourceChange>>,
    /// Requests by the system that their code names, with the filing that is being decided.
    pub requests_by_code: Arc<Index<Id<InformationSystem>, CloudResourceRequest, Option<Filed>>>,
    /// Requests by phase, with the gates at which they wait.
    pub requests_by_phase: Arc<Index<Phase, CloudResourceRequest, Box<[Waits]>>>,
    /// Systems by domain, with the room that they take.
    pub systems_by_domain: Arc<Index<Id<CloudDomain>, InformationSystem, Arc<Takes>>>,
    /// Systems that wait for somebody to mend something, by reason.
    pub systems_stalled: Arc<Index<String, InformationSystem>>,
    /// Ledger entries by system.
    pub ledger_by_system: Arc<Index<Id<InformationSystem>, LedgerEntry>>,
    /// Quotas by namespace.
    pub quotas_by_namespace: Arc<Index<Id<Namespace>, ResourceQuota>>,
    /// Limit ranges by namespace.
    pub limits_by_namespace: Arc<Index<Id<Namespace>, LimitRange>>,
    /// Network policies by namespace.
    pub networks_by_namespace: Arc<Index<Id<Namespace>, NetworkPolicy>>,
    /// Decommissions by their home namespace.
    pub decommissions_by_home: Arc<Index<Id<Namespace>, Decommission>>,
    /// What was filed, by the version of the rules that judges it.
    pub filed_under: FiledUnder,
    /// Role bindings by namespace.
    pub bindings_by_namespace: Arc<Index<Id<Namespace>, RoleBinding>>,
}

/// What was filed, by the version of the rules that judges it.
pub struct FiledUnder {
    /// Requests.
    pub requests: Arc<Index<Version, CloudResourceRequest>>,
    /// Changes.
    pub changes: Arc<Index<Version, ResourceChange>>,
    /// Decommissions.
    pub decommissions: Arc<Index<Version, Decommission>>,
    /// Sanctions.
    pub sanctions: Arc<Index<Version, Sanction>>,
}

impl FiledUnder {
    /// Whether anything was filed under it.
    #[must_use]
    pub fn has(&self, version: &Version) -> bool {
        let Self { requests, changes, decommissions, sanctions } = self;
        requests.has(version) || changes.has(version) || decommissions.has(version) || sanctions.has(version)
    }
}

/// A version of the rules: its uid, and by what name it is looked at.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Version {
    /// Its uid.
    pub uid: Box<str>,
    /// Its name.
    pub name: Box<str>,
}

/// A filing that is being decided.
#[derive(Clone)]
pub struct Filed {
    /// When it was filed.
    pub at: Time,
    /// Its uid.
    pub submission_uid: String,
}

/// A gate at which a request waits.
#[derive(Clone)]
pub struct Waits {
    /// The gate.
    pub gate: Box<str>,
    /// Since when.
    pub since: Option<Time>,
    /// Until when it should be passed.
    pub due: Option<Time>,
    /// Whether it is due on a day that cannot be counted.
    pub due_unknown: bool,
}

/// The room that a system takes in its domain, and what its use is judged by.
pub struct Takes {
    /// Whose it is.
    pub organization: Box<str>,
    /// Its namespace.
    pub namespace: Box<str>,
    /// When it was open for the first time.
    pub opened: Option<Timestamp>,
    /// Whether it is live.
    pub live: bool,
    /// Whether it stands by for another system.
    pub standby: bool,
    /// Whether an order has stopped it.
    pub stopped: bool,
    /// When it was let run again.
    pub lifted: Option<Timestamp>,
    /// When the newest of its grants was made.
    pub since: Option<Timestamp>,
    /// When nothing was left of it.
    pub closed: Option<Time>,
    /// The versions of the rules by which it was granted something, by uid.
    pub policies: Box<[Box<str>]>,
    /// Its grants, and what it has in its quota; an amount that cannot be read is an error, with its resource.
    pub grants: Result<(Vec<Taken>, InQuota), (String, QuantityError)>,
}

/// Everything a controller works with.
pub struct Context {
    /// The client.
    pub client: Client,
    /// Metrics.
    pub metrics: Metrics,
    /// Events.
    pub events: Events,
    /// Who may decide.
    pub authority: Authority,
    /// The admission policies.
    pub guards: Guards,
    /// Rules.
    pub rules: RuleStores,
    /// Requests.
    pub requests: Store<CloudResourceRequest>,
    /// Changes.
    pub changes: Store<ResourceChange>,
    /// Decommissions.
    pub decommissions: Store<Decommission>,
    /// Sanctions.
    pub sanctions: Store<Sanction>,
    /// Systems.
    pub systems: Store<InformationSystem>,
    /// Decisions.
    pub decisions: Store<Decision>,
    /// The books.
    pub ledger: Store<LedgerEntry>,
    /// What use suggests.
    pub proposals: Store<RightsizingProposal>,
    /// What is known of the systems' use.
    pub usage: Board,
    /// Ours in namespaces.
    pub managed: ManagedStores,
    /// Indexes.
    pub indexes: Indexes,
    /// Home namespaces in which somebody decided something since the start.
    pub decided_homes: Arc<Mutex<HashSet<Id<Namespace>>>>,
    /// Has all work looked at again.
    pub look_again: Arc<Notify>,
    /// Rises with every change of a rule.
    pub rules_version: Arc<AtomicU64>,
    /// The registry of the version that it was worked out for.
    pub registry_cache: Mutex<Option<(u64, Arc<Registry>)>>,
    /// One commit at a time a domain: within this process; the resourceVersion guards against others.
    pub commits: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// Filings whose approval is being committed now: their reservations are nobody's to clear.
    pub committing: Mutex<HashSet<String>>,
}

/// A commit that is under way, until it is dropped.
pub struct UnderWay<'c> {
    context: &'c Context,
    submission_uid: String,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.context.committing.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.submission_uid);
    }
}

impl Context {
    /// The rules as they stand, worked out once a change.
    #[must_use]
    pub fn registry(&self) -> Arc<Registry> {
        let version = self.rules_version.load(Ordering::Acquire);
        let mut cache = self.registry_cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((cached, registry)) = cache.as_ref()
            && *cached == version
        {
            return Arc::clone(registry);
        }
        let registry = Arc::new(self.build_registry());
        *cache = Some((version, Arc::clone(&registry)));
        registry
    }

    fn build_registry(&self) -> Registry {
        let rules = &self.rules;
        let mut classes: Vec<_> = rules.device_classes.all().map(|class| device_class(&class)).collect();
        classes.sort_by(|a, b| a.name.cmp(&b.name));
        let calendars = sorted(rules.calendars.all().map(|c| named(c.as_ref(), &c.spec)).collect());
        let organizations = rules.organizations.all();
        Registry {
            credit_codes: credit_code::shared(organizations.map(|o| {
                let created = o.metadata.creation_timestamp.as_ref().map(|at| at.0);
                (created, o.name_any(), o.spec.social_credit_code.clone())
            })),
            organizations: rules.organizations.all().map(|o| (o.name_any(), o.spec.clone())).collect(),
            domains: rules.domains.all().map(|d| (d.name_any(), d.spec.clone())).collect(),
            policies: sorted(rules.policies.all().map(|p| named(p.as_ref(), &p.spec)).collect()),
            items: rules.items.all().map(|i| (i.name_any(), named(i.as_ref(), &i.spec))).collect(),
            products: sorted(rules.products.all().map(|p| named(p.as_ref(), &p.spec)).collect()),
            calendars: Registry::calendars_of(&calendars),
            device_classes: classes,
        }
    }

    /// The lock under which approvals of one domain are committed.
    #[must_use]
    pub fn commit_lock(&self, domain: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(commits.entry(domain.to_owned()).or_default())
    }

    /// Marks the commit of a filing's approval as under way.
    #[must_use]
    pub fn under_way(&self, submission_uid: &str) -> UnderWay<'_> {
        let submission_uid = submission_uid.to_owned();
        self.committing.lock().unwrap_or_else(PoisonError::into_inner).insert(submission_uid.clone());
        UnderWay { context: self, submission_uid }
    }

    /// Whether the commit of a filing's approval is under way in this process.
    #[must_use]
    pub fn is_under_way(&self, submission_uid: &str) -> bool {
        self.committing.lock().unwrap_or_else(PoisonError::into_inner).contains(submission_uid)
    }

    /// A namespaced API.
    #[must_use]
    pub fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Objects of a namespace, read from the API server now. One that cannot be read hides no other, and is named.
    ///
    /// # Errors
    /// Whatever the API server answers.
    pub async fn list<K>(&self, namespace: &str, params: &ListParams) -> kube::Result<Listed<K>>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned,
    {
        let listed = read::list(&self.api::<K>(namespace), params).await?;
        for unreadable in &listed.unreadable {
            self.metrics.undecodable(&unreadable.kind);
            tracing::error!(%unreadable, "object cannot be read and is left out: apply it again in the form of the installed CRD");
        }
        Ok(listed)
    }

    /// All objects of a namespace, where what is not known must not pass for what is not there.
    ///
    /// # Errors
    /// Whatever the API server answers; names the objects that cannot be read.
    pub async fn list_all<K>(&self, namespace: &str, params: &ListParams) -> Result<Vec<K>, Error>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned,
    {
        let listed = self.list(namespace, params).await?;
        match listed.unreadable.first() {
            None => Ok(listed.objects),
            Some(unreadable) => Err(Error::Transient(format!("cannot be read: {unreadable}"))),
        }
    }

    /// Why nothing new is granted to the unit of a home namespace, where that is so.
    #[must_use]
    pub fn grants_stopped(&self, home: &str) -> Option<Text> {
        if let Some((id, _)) = self.sanctions.unreadable().iter().find(|(id, _)| id.namespace() == Some(home)) {
            return Some(Text::new(
                format!(
                    "Sanction {} cannot be read, so it is not known whether it stops grants: the platform engineer has it written again in the form of the installed CRD",
                    id.name()
                ),
                format!("处理措施{}无法读取，是否停止发放未知，请平台工程师按已安装的 CRD 重新写入", id.name()),
            ));
        }
        let sanctions = self.indexes.sanctions_by_home.ids(&Id::new(home)).into_iter();
        let sanctions: Vec<_> = sanctions.filter_map(|id| self.sanctions.get(&id)).collect();
        let each = |s: &Arc<Sanction>| s.metadata.name.clone().unwrap_or_default();
        let names: Vec<String> = sanctions.iter().map(each).collect();
        sanction::grants_stopped(
            names.iter().zip(&sanctions).map(|(name, s)| (name.as_str(), &s.spec.order, s.status.as_ref())),
        )
    }

    /// The domain as it was seen last.
    #[must_use]
    pub fn domain(&self, name: &str) -> Option<Arc<CloudDomain>> {
        self.rules.domains.get(&Id::new(name))
    }
}

/// A spec with the name and uid of its object.
pub(super) fn named<K: Resource<DynamicType = ()>, S: Clone>(object: &K, spec: &S) -> Named<S> {
    let created = object.creation_timestamp().map(|at| Time::new(at.0)).unwrap_or_default();
    Named { name: object.name_any(), uid: object.uid().unwrap_or_default(), created, spec: spec.clone() }
}

fn device_class(class: &DeviceClass) -> registry::DeviceClass {
    registry::DeviceClass { name: class.name_any(), extended: class.spec.extended_resource_name.clone() }
}

fn sorted<S>(mut all: Vec<Named<S>>) -> Vec<Named<S>> {
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// Something of this name in the namespace of an object.
#[must_use]
pub fn beside<K: Resource, L>(object: &K, name: &str) -> Id<L> {
    Id::new(name).within(&object.namespace().unwrap_or_default())
}

/// The system whose use a proposal is about.
#[must_use]
pub fn system_proposed(proposal: &RightsizingProposal) -> Id<InformationSystem> {
    beside(proposal, &proposal.spec.system_ref.name)
}

/// The system that a request asks for, by its code.
#[must_use]
pub fn system_of(request: &CloudResourceRequest) -> Id<InformationSystem> {
    beside(request, &request.spec.application.system.code)
}

/// The system that leaves by a decommission.
#[must_use]
pub fn system_leaving(decommission: &Decommission) -> Id<InformationSystem> {
    beside(decommission, &decommission.spec.departure.system)
}

/// The system that a change is about.
#[must_use]
pub fn system_changed(change: &ResourceChange) -> Id<InformationSystem> {
    beside(change, &change.spec.change.system)
}

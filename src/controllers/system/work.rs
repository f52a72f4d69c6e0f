//! The steps of a pass over a system. What stops it or takes rights away rests on no other step; what opens something rests on
//! the books, and what lets people in on the limits.

use super::books::Stopped;
use super::home::{self, Found};
use super::stop::{self, Turn};
use super::{BOOKS_STOPPED, Outcome, same_labels};
use crate::api::common::Time;
use crate::api::names::ANNOTATION_OWNER_UID;
use crate::api::{CloudResourceRequest, InformationSystem, InformationSystemSpec};
use crate::build::access::Pass;
use crate::build::system::{DEVELOPERS, Granted, SystemObjects, bindings, is_wiped, namespace, objects};
use crate::build::{helper, is_managed, quota};
use crate::controllers::Context;
use crate::controllers::binding::{bind, has_surplus};
use crate::controllers::case;
use crate::controllers::context::beside;
use crate::controllers::request::commit::replace;
use crate::core::quantity::Amounts;
use crate::core::quota::{Countable, Defaults, bound};
use crate::core::stop as stopping;
use crate::core::{adoption, effective, names, people};
use crate::runtime::apply::{self, Done};
use crate::runtime::clock;
use crate::runtime::controller::Error;
use crate::runtime::id::Id;
use crate::runtime::index::Index;
use crate::runtime::steps::Steps;
use crate::runtime::store::Store;
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{LimitRange, Namespace, ObjectReference, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::{Api, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

/// What a pass has in its hands.
pub(super) struct Work<'a> {
    system: &'a InformationSystem,
    context: &'a Context,
    now: Timestamp,
    pub(super) steps: Steps,
    /// What was missing or changed.
    pub(super) corrected: Vec<ObjectReference>,
    /// Whether the namespace was looked at already, since the system is stopped.
    marked: bool,
    /// Whether the namespace is there, is the system's, and says what it should.
    pub(super) stands: bool,
    /// The bindings that are done.
    bound: BTreeSet<String>,
}

impl<'a> Work<'a> {
    pub(super) fn new(system: &'a InformationSystem, context: &'a Context, now: Timestamp) -> Self {
        let steps = Steps::new("system", &context.metrics);
        let (corrected, bound) = (Vec::new(), BTreeSet::new());
        Self { system, context, now, steps, corrected, marked: false, stands: false, bound }
    }

    /// Stops what runs, where that is ordered: in the namespace of the system and in no other.
    pub(super) async fn halt(&mut self) -> stop::Pass {
        if stop::turn(self.system) != Turn::Halt {
            return stop::Pass::default();
        }
        let found = home::find(self.system, self.context).await;
        match self.steps.note("namespace", found) {
            Some(Found::Ours(there)) => {
                // What is made instead of what is deleted waits at a gate; where all goes, nothing is made.
                self.marked = there.metadata.deletion_timestamp.is_none();
                if self.marked {
                    self.mark(&there).await;
                }
                stop::halt(self.system, self.context, &mut self.steps, self.now).await
            }
            Some(Found::Nothing) => stop::nothing_runs(self.system, self.now),
            Some(Found::Foreign) | None => stop::unknown(self.system),
        }
    }

    /// What was taken back before anything was opened: its namespace goes, and then its room is free. True once that is on
    /// record.
    pub(super) async fn take_back(&mut self) -> bool {
        let gone = home::give_back(self.system, self.context).await;
        if self.steps.note("namespace", gone) != Some(true) {
            return false;
        }
        let mut next = self.system.clone();
        if let Some(reclaim) = next.spec.departures.last_mut().and_then(|leaving| leaving.reclaim.as_mut()) {
            reclaim.closed = Some(Time::new(self.now));
        }
        self.steps.note("record", replace(self.context, &next).await).is_some()
    }

    /// Has the namespace say what it should; where that cannot be worked out or is refused, at least whether the system is
    /// stopped.
    async fn mark(&mut self, there: &Namespace) {
        let domain = self.context.registry().domains.get(&self.system.spec.domain).cloned();
        let whole = match domain {
            Some(domain) => {
                let (name, uid) = (self.system.name_any(), self.system.uid().unwrap_or_default());
                let wanted = namespace(&name, &uid, &self.system.spec, &domain);
                let outcome = home::keep(self.system, self.context, &wanted, there, &mut self.corrected).await;
                self.steps.note("namespace", outcome).is_some()
            }
            None => false,
        };
        self.stands = whole || {
            let outcome = home::mark(self.system, self.context, there).await;
            self.steps.note("namespace", outcome).is_some()
        };
    }

    /// Takes rights away from whom they are not any more, whatever else can be done.
    pub(super) async fn narrow(&mut self, guests: &[Pass]) {
        let Some(there) = home::cached(self.system, self.context) else { return };
        let registry = self.context.registry();
        let organization = registry.organizations.get(&self.system.spec.organization);
        let wanted = bindings(&self.system.name_any(), &self.system.spec, organization, guests);
        let unit = organization.iter().flat_map(|organization| people::left_out(&organization.members));
        let unit =
            unit.map(|(place, name, why)| (format!("{place} of {}: {name}", self.system.spec.organization), why));
        let guests = guests.iter().filter_map(|pass| {
            let why = people::why_not(&pass.access.username)?;
            Some((format!("{}, let in by {}", pass.access.username, pass.decision.name), why))
        });
        let left_out: Vec<_> = unit.chain(guests).collect();
        for (who, why) in left_out {
            self.steps.leave_out("rights", who, &why);
        }
        for id in self.context.indexes.bindings_by_namespace.ids(&Id::new(&there.name_any())) {
            let Some(binding) = self.context.managed.bindings.get(&id) else { continue };
            match wanted.iter().find(|wanted| wanted.name_any() == id.name()) {
                Some(wanted) if has_surplus(&binding, wanted) => self.bind(wanted).await,
                Some(_) => {}
                // Nobody knows who its people are.
                None if organization.is_none() && id.name() == DEVELOPERS && !is_wiped(&self.system.spec) => {}
                None => {
                    let bindings = self.context.api::<RoleBinding>(&there.name_any());
                    let gone = apply::delete(&bindings, &self.context.metrics, binding.as_ref()).await;
                    self.steps.note("rights", gone);
                }
            }
        }
    }

    /// Opens what was granted: quota and limits first, then networks, then people.
    pub(super) async fn provision(&mut self, guests: &[Pass], books: Option<&Option<Stopped>>, outcome: &mut Outcome) {
        let (system, context) = (self.system, self.context);
        let registry = context.registry();
        let stopped = books.and_then(Option::as_ref);
        let record = on_record(system, stopped);
        let amounts = effective::amounts_at(&record, self.now).ok();
        let most = effective::most_until(&record, self.now).unwrap_or_default();
        let (Some(amounts), Some(domain), Some(organization)) =
            (amounts, registry.domains.get(&system.spec.domain), registry.organizations.get(&system.spec.organization))
        else {
            outcome.problem = Some((
                "RecordIncomplete",
                "its domain or organization is gone, or a grant cannot be read: what it has is left as it is; the authority creates the domain or the organization again (记录不完整，现有资源不受影响，请云主管部门重新登记云域或单位)".to_owned(),
            ));
            if !self.marked
                && !outcome.leaves
                && let Some(there) = home::cached(system, context)
            {
                self.mark(&there).await;
            }
            return;
        };
        outcome.amounts = amounts;
        if outcome.leaves {
            outcome.open = true;
            return;
        }
        let provisioned = system.status.as_ref().is_some_and(|s| s.provisioned_at.is_some());
        if let Some(problem) = unfounded(system, context).or_else(|| unrecorded(system, stopped)) {
            outcome.problem = Some(problem);
            return;
        }
        // What is not known to be on record opens nothing.
        if books.is_none() && !provisioned {
            return;
        }
        let helpers = stopping::under_way(&system.spec).map_or_else(Amounts::default, |leaving| {
            helper::allowance(leaving, &registry.products, &system.spec.domain, &outcome.amounts)
        });
        let networks_open = adoption::networks_open(system.spec.adopted.as_ref(), self.now);
        let countable = Countable::of(&registry, &system.spec.domain);
        let lines = system.spec.grants.iter().flat_map(|grant| &grant.lines);
        let products = lines.filter_map(|line| Some(line.terms.as_ref()?.product.as_str()));
        let defaults = Defaults::of(&registry, products);
        let granted = Granted {
            amounts: &outcome.amounts,
            helpers: &helpers,
            countable: &countable,
            defaults: &defaults,
            networks_open,
        };
        let mut wanted = objects(
            &system.name_any(),
            &system.uid().unwrap_or_default(),
            &system.spec,
            granted,
            domain,
            organization,
            guests,
        );
        if !self.marked {
            let made = own_namespace(system, context, &wanted.namespace, &mut self.corrected).await;
            match self.steps.note("namespace", made) {
                Some(None) => self.stands = true,
                Some(Some(problem)) => {
                    outcome.problem = Some(problem);
                    return;
                }
                None => match home::cached(system, context) {
                    Some(there) => {
                        let outcome = home::mark(system, context, &there).await;
                        self.stands = self.steps.note("namespace", outcome).is_some();
                    }
                    None => return,
                },
            }
        }
        let goal = wanted.quota.clone();
        outcome.held = self.fill(&mut wanted, &most, &countable, books.is_some()).await;
        let standing = context.managed.quotas.get(&self.id(&goal));
        let beyond = standing.as_ref().map(|there| quota::in_use_beyond(there, &goal)).unwrap_or_default();
        outcome.beyond = outcome.held.clone().highest(&beyond);
        let stands = self.steps.are_done(&["access", "namespace", "books", "quota", "limits", "networks"]);
        outcome.open = stands && self.binds(&goal);
        outcome.waits = stands && !outcome.open;
        if outcome.waits && standing.is_some_and(|quota| quota::is_overdue(&quota, clock::of_stamps())) {
            outcome.problem = Some((
                "QuotaNotAtWork",
                "its quota stands and nothing counts against it yet, so nobody is let in: the platform engineer looks whether kube-controller-manager runs, with its controller resourcequota (配额尚未生效，暂不开放使用，请平台工程师检查 kube-controller-manager 的 resourcequota 控制器)".to_owned(),
            ));
        }
    }

    /// Fills the namespace. Gives back what is in use beyond what the quota should be.
    async fn fill(
        &mut self,
        wanted: &mut SystemObjects,
        most: &Amounts,
        countable: &Countable,
        on_record: bool,
    ) -> Amounts {
        let held = self.limit(wanted, &bound(most, countable), on_record).await;
        // What is had by several names is held by all of them, and counted by the one that was granted.
        let held = held.iter().filter(|(resource, _)| most.iter().any(|(granted, _)| granted == *resource));
        let held = held.map(|(resource, amount)| (resource.to_owned(), amount)).collect();
        let (managed, indexes) = (&self.context.managed, &self.context.indexes);
        let same_limits = |a: &LimitRange, b: &LimitRange| same_labels(a, b) && a.spec == b.spec;
        self.put("limits", &managed.limits, &wanted.limits, same_limits).await;
        self.clear("limits", &indexes.limits_by_namespace, &managed.limits, std::slice::from_ref(&wanted.limits)).await;
        let same_policy = |a: &NetworkPolicy, b: &NetworkPolicy| same_labels(a, b) && a.spec == b.spec;
        for policy in &wanted.policies {
            self.put("networks", &managed.networks, policy, same_policy).await;
        }
        self.clear("networks", &indexes.networks_by_namespace, &managed.networks, &wanted.policies).await;
        let shut = wanted.policies.first().is_none_or(|deny| self.is_there("networks", &managed.networks, deny));
        let limited = self.binds(&wanted.quota)
            && self.is_there("quota", &managed.quotas, &wanted.quota)
            && self.is_there("limits", &managed.limits, &wanted.limits);
        // Nobody works in it before it is limited; and whom the unit lets in waits while nobody can be asked who may do that.
        let asked = self.steps.are_done(&["access"]);
        if on_record && limited && shut {
            for binding in wanted.bindings.iter().filter(|binding| asked || binding.name_any() == DEVELOPERS) {
                self.bind(binding).await;
            }
        }
        held
    }

    /// Takes away what is ours and is wanted no more, such as a network that is not to be open any longer.
    async fn clear<K>(&mut self, step: &'static str, all: &Index<Id<Namespace>, K>, store: &Store<K>, wanted: &[K])
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
    {
        let namespace = &self.system.spec.namespace;
        for id in all.ids(&Id::new(namespace)) {
            let surplus = !wanted.iter().any(|wanted| wanted.name_any() == id.name());
            if surplus && let Some(there) = store.get(&id) {
                let gone =
                    apply::delete(&self.context.api::<K>(namespace), &self.context.metrics, there.as_ref()).await;
                self.steps.note(step, gone);
            }
        }
    }

    /// Puts the quota in place, never below what is in use; what is not on record takes nothing more.
    async fn limit(&mut self, wanted: &mut SystemObjects, most: &Amounts, on_record: bool) -> Amounts {
        let held = hold_what_is_used(self.system, self.context, &mut wanted.quota, most).await;
        let Some(held) = self.steps.note("quota", held) else { return Amounts::default() };
        let quotas = &self.context.managed.quotas;
        if !on_record {
            match quotas.get(&self.id(&wanted.quota)) {
                Some(there) => quota::cap(&mut wanted.quota, &there),
                None => return held,
            }
        }
        let same = |a: &ResourceQuota, b: &ResourceQuota| same_labels(a, b) && a.spec == b.spec;
        self.put("quota", quotas, &wanted.quota, same).await;
        let all = &self.context.indexes.quotas_by_namespace;
        self.clear("quota", all, quotas, std::slice::from_ref(&wanted.quota)).await;
        held
    }

    /// Makes a binding as it should be; whom the API server refuses is left out.
    async fn bind(&mut self, wanted: &RoleBinding) {
        if !self.bound.insert(wanted.name_any()) {
            return;
        }
        let there = self.context.managed.bindings.get(&self.id(wanted));
        let bound = bind(self.context, wanted, there.as_deref()).await;
        if let Some(done) = self.steps.note("rights", bound.done) {
            note(done, wanted, &mut self.corrected);
        }
        for refusal in bound.left_out {
            self.steps.add("rights", Error::Refused(refusal));
        }
    }

    async fn put<K>(&mut self, step: &'static str, store: &Store<K>, wanted: &K, same: impl Fn(&K, &K) -> bool)
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
    {
        let api = self.context.api::<K>(&self.system.spec.namespace);
        let there = store.get(&self.id(wanted));
        let outcome = apply::ensure(&api, &self.context.metrics, wanted, there.as_deref(), same).await;
        if let Some(done) = self.steps.note(step, outcome) {
            note(done, wanted, &mut self.corrected);
        }
    }

    /// Whether the quota holds people back: a new one does not before the control plane has noted it, which the watch tells.
    fn binds(&self, quota: &ResourceQuota) -> bool {
        let opened = self.system.status.as_ref().is_some_and(|s| s.provisioned_at.is_some());
        opened || self.context.managed.quotas.get(&self.id(quota)).is_some_and(|there| quota::is_at_work(&there))
    }

    /// Whether something stands, as it should or as it was before.
    fn is_there<K>(&self, step: &str, store: &Store<K>, wanted: &K) -> bool
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned,
    {
        self.steps.are_done(&[step]) || store.get(&self.id(wanted)).is_some()
    }

    fn id<K: Resource>(&self, object: &K) -> Id<K> {
        Id::new(&object.name_any()).within(&self.system.spec.namespace)
    }
}

/// The record without grants that are not in the books: what is not on record has no effect.
fn on_record(system: &InformationSystem, stopped: Option<&Stopped>) -> InformationSystemSpec {
    let mut record = system.spec.clone();
    if let Some(books) = stopped.filter(|_| system.status.as_ref().is_some_and(|s| s.provisioned_at.is_some())) {
        let first = record.grants.first().map(|g| g.submission_uid.clone());
        record.grants.retain(|g| Some(&g.submission_uid) == first.as_ref() || !books.lacks_grant(&g.submission_uid));
    }
    record
}

/// Never below what is in use (article 22): where the quota is to go down, it goes as far as its use allows, and the rest
/// is freed as that falls. Nothing is evicted.
async fn hold_what_is_used(
    system: &InformationSystem,
    context: &Context,
    wanted: &mut ResourceQuota,
    most: &Amounts,
) -> Result<Amounts, Error> {
    let namespace = &system.spec.namespace;
    let Some(cached) = context.managed.quotas.get(&Id::new(&wanted.name_any()).within(namespace)) else {
        return Ok(Amounts::default());
    };
    if !quota::lowers(wanted, &cached) {
        return Ok(Amounts::default());
    }
    // What is taken away is looked at afresh: something may have started since.
    let fresh = context.api::<ResourceQuota>(namespace).get_opt(&wanted.name_any()).await?;
    Ok(fresh.map_or_else(Amounts::default, |fresh| quota::hold(wanted, &fresh, most)))
}

/// Why nothing is opened for a record: the decisions that it rests on are not here under their own uids, as after a copy
/// was put back from elsewhere. What is open already stays.
fn unfounded(system: &InformationSystem, context: &Context) -> Option<(&'static str, String)> {
    if system.status.as_ref().is_some_and(|s| s.provisioned_at.is_some()) {
        return None;
    }
    let missing = system.spec.grants.iter().find_map(|grant| {
        let decisions = case::named(context, &beside::<_, CloudResourceRequest>(system, &grant.request.name));
        let there: Vec<String> = decisions.iter().filter_map(|d| d.uid()).collect();
        grant.decisions.iter().find(|decision| !there.contains(&decision.uid))
    })?;
    Some((
        "Unfounded",
        format!(
            "decision {} on which its grant rests is not here under its uid {}: this record is a copy, and nothing is opened for it; file the request again (依据的办理意见不存在，本记录为副本，不予开通，请重新提交申请)",
            missing.name, missing.uid
        ),
    ))
}

/// Why nothing is opened for a grant that is not in the books. What is open already stays.
fn unrecorded(system: &InformationSystem, stopped: Option<&Stopped>) -> Option<(&'static str, String)> {
    let open = system.status.as_ref().is_some_and(|s| s.provisioned_at.is_some());
    let books = stopped.filter(|books| !open && books.lacks_a_grant())?;
    Some((BOOKS_STOPPED, books.why.to_string()))
}

/// Makes the namespace; one that is there and not ours is never touched.
async fn own_namespace(
    system: &InformationSystem,
    context: &Context,
    wanted: &Namespace,
    corrected: &mut Vec<ObjectReference>,
) -> Result<Option<(&'static str, String)>, Error> {
    let name = &system.spec.namespace;
    let uid = system.uid().unwrap_or_default();
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    if let Some(adopted) = &system.spec.adopted {
        return home::take_over(system, context, adopted, wanted, corrected).await;
    }
    let observed = match context.managed.namespaces.get(&Id::new(name)) {
        Some(observed) => observed,
        None if apply::create(&namespaces, &context.metrics, wanted).await? => {
            note(Done::Created, wanted, corrected);
            return Ok(None);
        }
        None => Arc::new(namespaces.get(name).await?),
    };
    if observed.annotations().get(ANNOTATION_OWNER_UID) != Some(&uid) || !is_managed(observed.as_ref()) {
        return Ok(Some((
            "NamespaceTaken",
            format!(
                "namespace {name} exists and was not made for this system, so it is left alone: a platform engineer removes or renames it (命名空间已被占用)"
            ),
        )));
    }
    if observed.metadata.deletion_timestamp.is_some() {
        return Ok(Some((
            "NamespaceTerminating",
            format!("namespace {name} is being deleted; it is made again once it is gone (命名空间正在删除)"),
        )));
    }
    home::keep(system, context, wanted, &observed, corrected).await?;
    Ok(None)
}

/// Something that was missing or changed; a guest's binding is missing until it is made.
pub(super) fn note<K: Resource<DynamicType = ()>>(done: Done, object: &K, corrected: &mut Vec<ObjectReference>) {
    let arrives = done == Done::Created && object.name_any().starts_with(names::GUEST_BINDING);
    if matches!(done, Done::Created | Done::Corrected) && !arrives {
        corrected.push(object.object_ref(&()));
    }
}

//! Organization: its home namespace, and who works there.

use super::Context;
use super::binding::bind;
use super::refused::{REFUSED, refused};
use crate::api::names::{CONDITION_READY, CONDITION_STALLED, SHIPPED_ROLES, cluster_role};
use crate::api::organization::OrganizationStatus;
use crate::api::{
    CloudResourceRequest, Decision, Decommission, InformationSystem, LedgerEntry, Organization, ResourceChange,
    Sanction,
};
use crate::build::system::says_the_same;
use crate::build::{home, is_managed};
use crate::core::names::home_namespace;
use crate::core::registry::Registry;
use crate::core::request::Statement;
use crate::core::{credit_code, people};
use crate::runtime::apply::{self, Done};
use crate::runtime::clock;
use crate::runtime::controller::{Error, Settled};
use crate::runtime::id::Id;
use crate::runtime::steps::Steps;
use jiff::SignedDuration;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::RoleBinding;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::ListParams;
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::sync::{Arc, PoisonError};

/// Keeps an Organization until its home is known to be empty.
pub const FINALIZER: &str = "yunguan.dev/home";

/// ClusterRoles are not watched: one that is missing is looked for again so often.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(30);

/// One pass over one organization.
///
/// # Errors
/// What keeps it from coming to rest.
pub async fn reconcile(organization: Arc<Organization>, context: Arc<Context>) -> Result<Settled, Error> {
    if organization.metadata.deletion_timestamp.is_some() {
        return leave(&organization, &context).await;
    }
    if !organization.finalizers().iter().any(|f| f == FINALIZER) {
        let kept = organization.finalizers().iter().cloned().chain([FINALIZER.to_owned()]).collect();
        let organizations: Api<Organization> = Api::all(context.client.clone());
        apply::set_finalizers(&organizations, &context.metrics, organization.as_ref(), kept).await?;
        // The watch brings it back with its new version.
        return Ok(Settled::default());
    }
    let mut steps = Steps::new("organization", &context.metrics);
    let problem = furnish(&organization, &context, &mut steps).await;
    let in_use = steps.note("records", in_use(&organization, &context).await);
    let before = organization.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let refused = refused(&steps, before);
    let unfinished = steps.outcome();
    let unbound = problem.as_ref().is_some_and(|(reason, _)| *reason == UNBOUND);
    let next = clock::now().checked_add(LOOK_AGAIN).ok().filter(|_| unbound);
    // What goes better by itself in a moment is not told.
    if unfinished.is_some() && refused.is_none() && problem.is_none() {
        return Ok(Settled { next, unfinished, ..Settled::default() });
    }
    let told = refused.map(|text| (REFUSED, text.to_string()));
    let ready = match problem.or(told.clone()) {
        None => Statement::new(CONDITION_READY, true, "HomeReady", "its home namespace and bindings stand (已开户)"),
        Some((reason, message)) => Statement::new(CONDITION_READY, false, reason, message),
    };
    let stalled = match &told {
        None => Statement::new(CONDITION_STALLED, false, "Idle", "the API server refuses nothing (无被拒绝的操作)"),
        Some((reason, message)) => Statement::new(CONDITION_STALLED, true, reason, message),
    };
    report(&organization, &context, &[ready, stalled], in_use).await?;
    Ok(Settled { next, unfinished, ..Settled::default() })
}

/// The reason while a role that the rules name cannot be bound.
const UNBOUND: &str = "RoleUnbound";

/// Makes the home, and binds who works there: whoever is taken off has no rights any more, whatever else is wrong. Gives back
/// what somebody must mend.
async fn furnish(organization: &Organization, context: &Context, steps: &mut Steps) -> Option<(&'static str, String)> {
    let name = organization.name_any();
    let registry = context.registry();
    let home = home::home(&name, &registry);
    let mut problem = unsound(organization, &registry);
    let namespace = home.namespace.name_any();
    match steps.note("home", make(context, &home.namespace, problem.is_none()).await) {
        Some(Made::Foreign) => return Some(taken(&namespace)),
        Some(Made::Nothing) => return problem,
        None if context.managed.namespaces.get(&Id::new(&namespace)).is_none() => return problem,
        Some(Made::Stands) | None => {}
    }
    for (place, name, why) in people::left_out(&organization.spec.members) {
        steps.leave_out("rights", format!("{place} {name}"), &why);
    }
    let mut unbound = Vec::new();
    for wanted in &home.bindings {
        let there = context.managed.bindings.get(&Id::of(wanted));
        let bound = bind(context, wanted, there.as_deref()).await;
        match bound.done {
            Ok(Done::Nothing) => {}
            Ok(_) => context.authority.forget(),
            // A role that somebody added and did not install keeps nobody else out.
            Err(Error::Transient(why)) if !is_shipped(&wanted.role_ref.name) => {
                unbound.push(format!("{} ({why})", wanted.role_ref.name));
            }
            Err(Error::Refused(why)) if !is_shipped(&wanted.role_ref.name) => {
                unbound.push(format!("{} ({})", wanted.role_ref.name, why.text));
            }
            Err(error) => steps.add("rights", error),
        }
        for refusal in bound.left_out {
            steps.add("rights", Error::Refused(refusal));
        }
    }
    // A role that the rules name no more is nobody's any more.
    for id in context.indexes.bindings_by_namespace.ids(&Id::new(&namespace)) {
        let surplus = !home.bindings.iter().any(|wanted| wanted.name_any() == id.name());
        if surplus && let Some(binding) = context.managed.bindings.get(&id) {
            let bindings = context.api::<RoleBinding>(&namespace);
            let gone = apply::delete(&bindings, &context.metrics, binding.as_ref()).await;
            if steps.note("rights", gone).is_some() {
                context.authority.forget();
            }
        }
    }
    if !unbound.is_empty() {
        problem = problem.or(Some((
            UNBOUND,
            format!(
                "the policy names roles that cannot be bound: {}; a platform engineer makes each a ClusterRole and adds it to the bind rule of ClusterRole yunguan-operator (角色未安装)",
                unbound.join("; ")
            ),
        )));
    }
    let family = &organization.spec.policy_family;
    if !registry.policies.iter().any(|p| p.spec.family == *family) {
        problem = problem.or(Some((
            "PolicyUnknown",
            format!(
                "spec.policyFamily: there is no GovernancePolicy of family {family}: its requests cannot be judged until the authority creates one (没有适用的管理办法)"
            ),
        )));
    }
    problem
}

/// What is wrong with an organization by itself: no home is made for it before that is mended.
fn unsound(organization: &Organization, registry: &Registry) -> Option<(&'static str, String)> {
    if let Err(error) = credit_code::validate(&organization.spec.social_credit_code) {
        return Some(("CreditCodeWrong", format!("spec.socialCreditCode: {error}")));
    }
    let (name, code) = (organization.name_any(), &organization.spec.social_credit_code);
    if let Some(holder) = registry.credit_codes.get(code).filter(|holder| **holder != name) {
        let why = format!(
            "spec.socialCreditCode: Organization {holder} has {code} already, and a code is one organization's: correct the wrong one (统一社会信用代码已由单位{holder}使用，请更正)"
        );
        return Some(("CreditCodeTaken", why));
    }
    let supervisor = organization.spec.supervisor.as_ref().filter(|s| !registry.organizations.contains_key(*s))?;
    Some((
        "SupervisorUnknown",
        format!("spec.supervisor: there is no Organization {supervisor}: the authority creates it (主管部门未登记)"),
    ))
}

fn taken(namespace: &str) -> (&'static str, String) {
    let message = format!(
        "namespace {namespace} exists and is not ours, so it is left alone: a platform engineer removes or renames it (命名空间已被占用)"
    );
    ("NamespaceTaken", message)
}

/// How it is with a home.
enum Made {
    Stands,
    Foreign,
    Nothing,
}

/// Has the home stand; one that is not there is made where it may be.
async fn make(context: &Context, wanted: &Namespace, may_be: bool) -> Result<Made, Error> {
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    let name = wanted.name_any();
    let observed = context.managed.namespaces.get(&Id::new(&name));
    if observed.is_none() {
        match namespaces.get_opt(&name).await? {
            Some(there) if !is_managed(&there) => return Ok(Made::Foreign),
            None if !may_be => return Ok(Made::Nothing),
            _ => {}
        }
    }
    apply::ensure(&namespaces, &context.metrics, wanted, observed.as_deref(), says_the_same).await?;
    Ok(Made::Stands)
}

fn is_shipped(role: &str) -> bool {
    SHIPPED_ROLES.into_iter().any(|shipped| cluster_role(shipped) == role)
}

/// An organization that leaves takes its home along only if it holds no records.
async fn leave(organization: &Organization, context: &Context) -> Result<Settled, Error> {
    let name = organization.name_any();
    let namespace = home_namespace(&name);
    if holds_records(context, &namespace).await? {
        // Who may work there still follows from it.
        let mut steps = Steps::new("organization", &context.metrics);
        let _problem = furnish(organization, context, &mut steps).await;
        let unfinished = steps.outcome();
        let kept = Statement::new(
            CONDITION_READY,
            false,
            "HoldsRecords",
            format!(
                "namespace {namespace} holds records, so the organization stays, and its people with it, until they are archived: docs/install.md, The end of a unit (仍有档案，不能删除，见 docs/install.md)"
            ),
        );
        return Ok(Settled { unfinished, ..report(organization, context, &[kept], Some(true)).await? });
    }
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    match namespaces.get_opt(&namespace).await? {
        Some(there) if there.metadata.deletion_timestamp.is_some() => Ok(Settled::default()),
        Some(there) if is_managed(&there) => {
            apply::delete(&namespaces, &context.metrics, &there).await?;
            Ok(Settled::default())
        }
        _ => {
            let kept = organization.finalizers().iter().filter(|f| *f != FINALIZER).cloned().collect();
            let organizations: Api<Organization> = Api::all(context.client.clone());
            apply::set_finalizers(&organizations, &context.metrics, organization, kept).await?;
            Ok(Settled::default())
        }
    }
}

/// Whether it cannot be deleted: records lie in its home, or others rest on it. Where nothing is known to lie in its home, the
/// API server is asked before that is said: what was decided outlives the requests that people take away.
async fn in_use(organization: &Organization, context: &Context) -> Result<bool, Error> {
    let namespace = home_namespace(&organization.name_any());
    let home: Id<Namespace> = Id::new(&namespace);
    let indexes = &context.indexes;
    let id = Id::of(organization);
    let known = context.registry().rests_on(id.name())
        || indexes.systems_by_payer.has(&id)
        || indexes.requests_by_payer.has(&id)
        || indexes.requests_by_home.has(&home)
        || indexes.systems_by_home.has(&home)
        || indexes.changes_by_home.has(&home)
        || indexes.decommissions_by_home.has(&home)
        || indexes.sanctions_by_home.has(&home);
    let decided = context.decided_homes.lock().unwrap_or_else(PoisonError::into_inner).contains(&home);
    let was_empty = organization.status.as_ref().and_then(|status| status.in_use) == Some(false);
    Ok(known || ((decided || !was_empty) && holds_records(context, &namespace).await?))
}

async fn holds_records(context: &Context, namespace: &str) -> Result<bool, Error> {
    Ok(holds::<CloudResourceRequest>(context, namespace).await?
        || holds::<Decision>(context, namespace).await?
        || holds::<InformationSystem>(context, namespace).await?
        || holds::<LedgerEntry>(context, namespace).await?
        || holds::<ResourceChange>(context, namespace).await?
        || holds::<Decommission>(context, namespace).await?
        || holds::<Sanction>(context, namespace).await?)
}

async fn holds<K>(context: &Context, namespace: &str) -> Result<bool, Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    Ok(!context.api::<K>(namespace).list_metadata(&ListParams::default().limit(1)).await?.items.is_empty())
}

async fn report(
    organization: &Organization,
    context: &Context,
    statements: &[Statement],
    in_use: Option<bool>,
) -> Result<Settled, Error> {
    let before = organization.status.clone().unwrap_or_default();
    let generation = organization.metadata.generation.unwrap_or_default();
    let status = OrganizationStatus {
        observed_generation: organization.metadata.generation,
        home_namespace: Some(home_namespace(&organization.name_any())),
        in_use: in_use.or(before.in_use),
        conditions: apply::conditions(&before.conditions, statements, generation, clock::now()),
    };
    if organization.status.as_ref() != Some(&status) {
        let mut next = organization.clone();
        next.status = Some(status);
        apply::put_status(&Api::all(context.client.clone()), &context.metrics, &next).await?;
        let said = |conditions: &[Condition]| conditions.iter().any(|c| c.reason == REFUSED);
        let refused = statements.iter().find(|s| s.reason == REFUSED).filter(|_| !said(&before.conditions));
        if let Some(refused) = refused {
            context.events.publish(&organization.object_ref(&()), true, REFUSED, &refused.message).await;
        }
    }
    Ok(Settled::default())
}

//! Organization: its home namespace, and who works there.

use super::Context;
use super::system::same_labels;
use crate::api::names::{CONDITION_READY, SHIPPED_ROLES, cluster_role};
use crate::api::organization::OrganizationStatus;
use crate::api::{CloudResourceRequest, Decision, InformationSystem, LedgerEntry, Organization};
use crate::build::home;
use crate::core::credit_code;
use crate::core::names::home_namespace;
use crate::core::request::Statement;
use crate::runtime::apply::{self, Done, params};
use crate::runtime::clock;
use crate::runtime::controller::{Error, Settled};
use crate::runtime::id::Id;
use jiff::SignedDuration;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::ListParams;
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::sync::Arc;

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
        let mut next = organization.as_ref().clone();
        next.finalizers_mut().push(FINALIZER.to_owned());
        context.metrics.wrote("Organization", "update");
        Api::<Organization>::all(context.client.clone()).replace(&organization.name_any(), &params(), &next).await?;
        // The watch brings it back with its new version.
        return Ok(Settled::default());
    }
    let ready = match furnish(&organization, &context).await? {
        Ok(()) => Statement::new(CONDITION_READY, true, "HomeReady", "its home namespace and bindings stand (已开户)"),
        Err((reason, message)) => Statement::new(CONDITION_READY, false, reason, message),
    };
    let unbound = ready.reason == "RoleUnbound";
    report(&organization, &context, ready).await?;
    let soon = clock::now().checked_add(LOOK_AGAIN).ok();
    Ok(Settled { next: soon.filter(|_| unbound), version: None })
}

/// Makes the home; the inner error is what somebody must mend.
async fn furnish(organization: &Organization, context: &Context) -> Result<Result<(), (&'static str, String)>, Error> {
    let name = organization.name_any();
    let registry = context.registry();
    if let Err(error) = credit_code::validate(&organization.spec.social_credit_code) {
        return Ok(Err(("CreditCodeWrong", format!("spec.socialCreditCode: {error}"))));
    }
    if let Some(supervisor) = organization.spec.supervisor.as_ref().filter(|s| !registry.organizations.contains_key(*s))
    {
        return Ok(Err((
            "SupervisorUnknown",
            format!(
                "spec.supervisor: there is no Organization {supervisor}: the authority creates it (主管部门未登记)"
            ),
        )));
    }
    let home = home::home(&name, &registry);
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    let namespace = home.namespace.name_any();
    let observed = context.managed.namespaces.get(&Id::new(&namespace));
    if observed.is_none()
        && let Some(there) = namespaces.get_opt(&namespace).await?
        && there.labels().get(crate::api::names::LABEL_MANAGED).is_none()
    {
        return Ok(Err((
            "NamespaceTaken",
            format!(
                "namespace {namespace} exists and is not ours, so it is left alone: a platform engineer removes or renames it"
            ),
        )));
    }
    apply::ensure(&namespaces, &context.metrics, &home.namespace, observed.as_deref(), same_labels).await?;
    let bindings = context.api::<RoleBinding>(&namespace);
    let mut unbound = Vec::new();
    for binding in &home.bindings {
        let observed = context.managed.bindings.get(&Id::new(&binding.name_any()).within(&namespace));
        let same = |a: &RoleBinding, b: &RoleBinding| {
            same_labels(a, b) && a.subjects.iter().flatten().eq(b.subjects.iter().flatten())
        };
        match apply::ensure(&bindings, &context.metrics, binding, observed.as_deref(), same).await {
            Ok(Done::Nothing) => {}
            Ok(_) => context.authority.forget(),
            // A role that somebody added and did not install keeps nobody else out.
            Err(Error::Transient(why)) if !is_shipped(&binding.role_ref.name) => {
                unbound.push(format!("{} ({why})", binding.role_ref.name));
            }
            Err(error) => return Err(error),
        }
    }
    if !unbound.is_empty() {
        return Ok(Err((
            "RoleUnbound",
            format!(
                "the policy names roles that cannot be bound: {}; a platform engineer makes each a ClusterRole and adds it to the bind rule of ClusterRole yunguan-operator (角色未安装)",
                unbound.join("; ")
            ),
        )));
    }
    if !registry.policies.iter().any(|p| p.spec.family == organization.spec.policy_family) {
        return Ok(Err((
            "PolicyUnknown",
            format!(
                "spec.policyFamily: there is no GovernancePolicy of family {}: its requests cannot be judged until the authority creates one (没有适用的管理办法)",
                organization.spec.policy_family
            ),
        )));
    }
    Ok(Ok(()))
}

fn is_shipped(role: &str) -> bool {
    SHIPPED_ROLES.into_iter().any(|shipped| cluster_role(shipped) == role)
}

/// An organization that leaves takes its home along only if it holds no records.
async fn leave(organization: &Organization, context: &Context) -> Result<Settled, Error> {
    let name = organization.name_any();
    let namespace = home_namespace(&name);
    let records = holds::<CloudResourceRequest>(context, &namespace).await?
        || holds::<Decision>(context, &namespace).await?
        || holds::<InformationSystem>(context, &namespace).await?
        || holds::<LedgerEntry>(context, &namespace).await?;
    if records {
        let kept = Statement::new(
            CONDITION_READY,
            false,
            "HoldsRecords",
            format!(
                "namespace {namespace} holds records, so the organization stays until they are archived (仍有档案，不能删除)"
            ),
        );
        return report(organization, context, kept).await;
    }
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    match namespaces.get_opt(&namespace).await? {
        Some(there) if there.metadata.deletion_timestamp.is_some() => Ok(Settled::default()),
        Some(there) if there.labels().get(crate::api::names::LABEL_MANAGED).is_some() => {
            apply::delete(&namespaces, &context.metrics, &there).await?;
            Ok(Settled::default())
        }
        _ => {
            let mut next = organization.clone();
            next.finalizers_mut().retain(|f| f != FINALIZER);
            context.metrics.wrote("Organization", "update");
            Api::<Organization>::all(context.client.clone()).replace(&name, &params(), &next).await?;
            Ok(Settled::default())
        }
    }
}

async fn holds<K>(context: &Context, namespace: &str) -> Result<bool, Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    Ok(!context.api::<K>(namespace).list_metadata(&ListParams::default().limit(1)).await?.items.is_empty())
}

async fn report(organization: &Organization, context: &Context, ready: Statement) -> Result<Settled, Error> {
    let before = organization.status.clone().unwrap_or_default();
    let generation = organization.metadata.generation.unwrap_or_default();
    let status = OrganizationStatus {
        observed_generation: organization.metadata.generation,
        home_namespace: Some(home_namespace(&organization.name_any())),
        conditions: apply::conditions(&before.conditions, &[ready], generation, clock::now()),
    };
    if organization.status.as_ref() != Some(&status) {
        let mut next = organization.clone();
        next.status = Some(status);
        apply::put_status(&Api::all(context.client.clone()), &context.metrics, &next).await?;
    }
    Ok(Settled::default())
}

//! The namespace of a system: whose it is, and what it says. One that was in use before is taken over as it is, and never made
//! again.

use super::work::note;
use crate::api::InformationSystem;
use crate::api::adoption::Adopted;
use crate::api::names::{ANNOTATION_APPLIED, ANNOTATION_OWNER_UID, LABEL_MANAGED, LABEL_STOPPED};
use crate::build::is_managed;
use crate::build::system::{adopting, releasing, says_the_same};
use crate::controllers::Context;
use crate::controllers::context::managed_selector;
use crate::core::adoption::{self, mark_of};
use crate::core::stop;
use crate::runtime::apply::{self, Done};
use crate::runtime::controller::Error;
use crate::runtime::id::Id;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{LimitRange, Namespace, ObjectReference, PersistentVolumeClaim, Pod, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::ListParams;
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::sync::Arc;

/// What stands under the name of a system's namespace.
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// The system's namespace.
    Ours(Arc<Namespace>),
    /// Another one of that name: nothing in it is touched.
    Foreign,
}

/// Looks for the namespace of a system.
pub(super) async fn find(system: &InformationSystem, context: &Context) -> Result<Found, Error> {
    let name = &system.spec.namespace;
    let observed = match context.managed.namespaces.get(&Id::new(name)) {
        Some(observed) => Some(observed),
        None => Api::<Namespace>::all(context.client.clone()).get_opt(name).await?.map(Arc::new),
    };
    Ok(match observed {
        Some(there) if is_of(system, &there) => Found::Ours(there),
        Some(_) => Found::Foreign,
        None => Found::Nothing,
    })
}

/// The namespace of a system, where the cache knows it.
pub(super) fn cached(system: &InformationSystem, context: &Context) -> Option<Arc<Namespace>> {
    context.managed.namespaces.get(&Id::new(&system.spec.namespace)).filter(|there| is_of(system, there))
}

/// Whether a namespace is the system's: that it has the name is not enough.
fn is_of(system: &InformationSystem, there: &Namespace) -> bool {
    let same = system.spec.adopted.as_ref().is_none_or(|adopted| there.metadata.uid.as_ref() == Some(&adopted.uid));
    let owner = there.annotations().get(ANNOTATION_OWNER_UID);
    same && owner == system.metadata.uid.as_ref() && is_managed(there)
}

/// Whether something was ever opened: people were let into the namespace of a system, or something is in it.
pub(in crate::controllers) async fn is_open(system: &InformationSystem, context: &Context) -> Result<bool, Error> {
    let Found::Ours(there) = find(system, context).await? else { return Ok(false) };
    let (name, all) = (there.name_any(), ListParams::default());
    let ours = all.clone().labels(&managed_selector());
    if is_any::<RoleBinding>(context, &name, &ours).await? {
        return Ok(true);
    }
    // What was in it before a takeover stays in it.
    Ok(system.spec.adopted.is_none()
        && (is_any::<Pod>(context, &name, &all).await?
            || is_any::<PersistentVolumeClaim>(context, &name, &all).await?))
}

/// Whether there is one of a kind, to be read or not.
async fn is_any<K>(context: &Context, namespace: &str, params: &ListParams) -> Result<bool, Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let listed = context.list::<K>(namespace, params).await?;
    Ok(!listed.objects.is_empty() || !listed.unreadable.is_empty())
}

/// Takes away the namespace of a system of which nothing was ever opened; one that was in use before is let go. True once
/// nothing is left of it.
pub(super) async fn give_back(system: &InformationSystem, context: &Context) -> Result<bool, Error> {
    let Found::Ours(there) = find(system, context).await? else { return Ok(true) };
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    if there.metadata.deletion_timestamp.is_some() {
        return Ok(false);
    }
    // Somebody may have been let in while that went on record.
    take_out::<RoleBinding>(context, &there.name_any()).await?;
    if is_open(system, context).await? {
        return Err(Error::Transient(format!("namespace {} holds something already", there.name_any())));
    }
    if system.spec.adopted.is_some() {
        release(system, context, &there).await?;
    } else {
        apply::delete_by_uid(&namespaces, &context.metrics, there.as_ref()).await?;
    }
    Ok(false)
}

/// What is ours goes, then what names the namespace as ours: by that it is known whether it is done.
pub(in crate::controllers) async fn release(
    system: &InformationSystem,
    context: &Context,
    there: &Namespace,
) -> Result<(), Error> {
    let namespace = &system.spec.namespace;
    take_out::<Job>(context, namespace).await?;
    take_out::<RoleBinding>(context, namespace).await?;
    take_out::<NetworkPolicy>(context, namespace).await?;
    take_out::<LimitRange>(context, namespace).await?;
    take_out::<ResourceQuota>(context, namespace).await?;
    context.metrics.wrote("Namespace", "update");
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    namespaces.replace(namespace, &apply::params(), &releasing(there)).await?;
    Ok(())
}

/// Takes what is ours of a kind out of a namespace.
pub(in crate::controllers) async fn take_out<K>(context: &Context, namespace: &str) -> Result<(), Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let api = context.api::<K>(namespace);
    let managed = ListParams::default().labels(&managed_selector());
    for object in &context.list_all::<K>(namespace, &managed).await? {
        apply::delete_by_uid(&api, &context.metrics, object).await?;
    }
    Ok(())
}

/// Has a namespace that is the system's say what it should.
pub(super) async fn keep(
    system: &InformationSystem,
    context: &Context,
    wanted: &Namespace,
    there: &Namespace,
    corrected: &mut Vec<ObjectReference>,
) -> Result<(), Error> {
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    let done = match system.spec.adopted {
        Some(_) => apply::merge(&namespaces, &context.metrics, wanted, there, adopting, says_the_same).await?,
        None => apply::ensure(&namespaces, &context.metrics, wanted, Some(there), says_the_same).await?,
    };
    note(done, wanted, corrected);
    Ok(())
}

/// Has a namespace that is the system's say at least whether anything may run in it, and touches nothing else of it.
pub(super) async fn mark(system: &InformationSystem, context: &Context, there: &Namespace) -> Result<(), Error> {
    let label = stop::label(&system.spec).map(str::to_owned);
    if there.labels().get(LABEL_STOPPED) == label.as_ref() {
        return Ok(());
    }
    let mut next = there.clone();
    // It is not as it was last wanted as a whole, and that is nobody else's doing.
    next.annotations_mut().remove(ANNOTATION_APPLIED);
    match label {
        Some(label) => next.labels_mut().insert(LABEL_STOPPED.to_owned(), label),
        None => next.labels_mut().remove(LABEL_STOPPED),
    };
    context.metrics.wrote("Namespace", "update");
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    namespaces.replace(&there.name_any(), &apply::params(), &next).await?;
    Ok(())
}

/// Puts what is ours onto the namespace; what others have set on it stays.
///
/// # Errors
/// Whatever the API server answers.
pub(super) async fn take_over(
    system: &InformationSystem,
    context: &Context,
    adopted: &Adopted,
    wanted: &Namespace,
    corrected: &mut Vec<ObjectReference>,
) -> Result<Option<(&'static str, String)>, Error> {
    let name = &system.spec.namespace;
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    // Until it carries our label no watch tells of it.
    let observed = match context.managed.namespaces.get(&crate::runtime::id::Id::new(name)) {
        Some(observed) => Some(observed),
        None => namespaces.get_opt(name).await?.map(Arc::new),
    };
    let Some(observed) = observed.filter(|there| there.metadata.uid.as_ref() == Some(&adopted.uid)) else {
        return Ok(Some((
            "NamespaceGone",
            format!(
                "namespace {name}, which was taken over, is gone, and none is made in its place: what was in it is lost, so let the system leave with a Decommission (接管的命名空间已不存在，系统不会重建，请办理退出)"
            ),
        )));
    };
    if observed.metadata.deletion_timestamp.is_some() {
        return Ok(Some((
            "NamespaceTerminating",
            format!("namespace {name}, which was taken over, is being deleted (接管的命名空间正在删除)"),
        )));
    }
    let ours = observed.annotations().get(ANNOTATION_OWNER_UID) == system.metadata.uid.as_ref();
    if !ours && let Some(refusal) = not_let_go(system, &observed) {
        return Ok(Some(refusal));
    }
    let done = apply::merge(&namespaces, &context.metrics, wanted, &observed, adopting, says_the_same).await?;
    note(if done == Done::Corrected && !ours { Done::Changed } else { done }, wanted, corrected);
    Ok(None)
}

/// Why it may not be taken over after all: the mark has gone since, or somebody else has it.
fn not_let_go(system: &InformationSystem, there: &Namespace) -> Option<(&'static str, String)> {
    let request = &system.spec.request;
    let wanted = adoption::mark(&system.namespace().unwrap_or_default(), &request.name, &request.uid);
    let others = there.labels().contains_key(LABEL_MANAGED) || there.annotations().contains_key(ANNOTATION_OWNER_UID);
    let name = there.name_any();
    if others {
        return Some((
            "NamespaceTaken",
            format!("namespace {name} has become another system's since the approval (命名空间已属其他系统)"),
        ));
    }
    (mark_of(there) != Some(wanted.as_str())).then(|| {
        (
            "NotOffered",
            format!(
                "namespace {name} is not marked for request {} any more: a person of the authority marks it again with `kubectl yunguan adopt` (命名空间的接管标记已被取消，请云主管部门重新标记)",
                request.name
            ),
        )
    })
}

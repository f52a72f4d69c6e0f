//! A namespace that was in use before its system: taken over as it is, and never made again.

use super::{note, same_labels};
use crate::api::InformationSystem;
use crate::api::adoption::Adopted;
use crate::api::names::{ANNOTATION_OWNER_UID, LABEL_MANAGED};
use crate::build::system::{COMES_AND_GOES, adopting};
use crate::controllers::Context;
use crate::core::adoption::{mark, mark_of};
use crate::runtime::apply::{self, Done};
use crate::runtime::controller::Error;
use k8s_openapi::api::core::v1::{Namespace, ObjectReference};
use kube::{Api, ResourceExt as _};
use std::sync::Arc;

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
    let done = apply::merge(&namespaces, &context.metrics, wanted, &observed, adopting, |wanted, there| {
        let annotations = wanted.annotations().iter().all(|(k, v)| there.annotations().get(k) == Some(v));
        let passing = COMES_AND_GOES.iter().all(|key| wanted.labels().get(*key) == there.labels().get(*key));
        annotations && passing && same_labels(wanted, there)
    });
    let done = done.await?;
    note(if done == Done::Corrected && !ours { Done::Changed } else { done }, wanted, corrected);
    Ok(None)
}

/// Why it may not be taken over after all: the mark has gone since, or somebody else has it.
fn not_let_go(system: &InformationSystem, there: &Namespace) -> Option<(&'static str, String)> {
    let request = &system.spec.request;
    let wanted = mark(&system.namespace().unwrap_or_default(), &request.name, &request.uid);
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

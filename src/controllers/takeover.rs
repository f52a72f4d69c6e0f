//! What is seen of a namespace that a request takes over (R4.2). It is looked into only once it is marked for that request.

use super::Context;
use crate::api::CloudResourceRequest;
use crate::api::names::{LABEL_MANAGED, MANAGED_BY_VALUE};
use crate::core::adoption::{Inside, Seen, mark, mark_of};
use crate::core::names::pod_security;
use crate::runtime::controller::Error;
use crate::runtime::survey;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt as _};

/// Looks at it afresh; nothing where the request names none.
///
/// # Errors
/// Whatever the API server answers.
pub(super) async fn look(context: &Context, request: &CloudResourceRequest) -> Result<Option<Seen>, Error> {
    let application = &request.spec.application;
    let Some(adoption) = &application.adopts else { return Ok(None) };
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    let Some(namespace) = namespaces.get_opt(&adoption.namespace).await? else { return Ok(Some(Seen::default())) };
    let wanted =
        mark(&request.namespace().unwrap_or_default(), &request.name_any(), &request.uid().unwrap_or_default());
    let ours = namespace.labels().contains_key(LABEL_MANAGED);
    let open = mark_of(&namespace) == Some(wanted.as_str()) && !ours && namespace.metadata.deletion_timestamp.is_none();
    let inside = if open {
        let warnings = survey::warnings(&context.client, &trial(&namespace, application.protection_level)).await?;
        let inside = survey::inside(&context.client, &adoption.namespace).await?;
        Some(Inside { warnings: Some(warnings), ..inside })
    } else {
        None
    };
    Ok(Some(Seen { namespace: Some(namespace), inside }))
}

/// The namespace as it would be, as far as the API server warns of it.
fn trial(namespace: &Namespace, protection_level: i32) -> Namespace {
    let mut trial = namespace.clone();
    let labels = trial.metadata.labels.get_or_insert_default();
    labels.insert(LABEL_MANAGED.to_owned(), MANAGED_BY_VALUE.to_owned());
    labels.insert("pod-security.kubernetes.io/enforce".to_owned(), pod_security(protection_level).0.to_owned());
    trial
}

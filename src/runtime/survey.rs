//! Looks into a namespace, and asks the API server what it would say to a change of it.

use super::read;
use crate::core::adoption::Inside;
use http::header::WARNING;
use http::{Method, Request, header};
use http_body_util::BodyExt as _;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ListParams};
use kube::core::Status;
use kube::{Client, Error, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// So many objects are read at a time.
const PAGE: u32 = 500;

/// What is in a namespace, but for the [`warnings`].
///
/// # Errors
/// Whatever the API server answers.
pub async fn inside(client: &Client, namespace: &str) -> Result<Inside, Error> {
    let (pods, claims, quotas, limits, policies, bindings) = tokio::try_join!(
        all(client, namespace),
        all(client, namespace),
        all(client, namespace),
        all(client, namespace),
        all(client, namespace),
        all(client, namespace),
    )?;
    Ok(Inside { pods, claims, quotas, limits, policies, bindings, warnings: None })
}

async fn all<K>(client: &Client, namespace: &str) -> Result<Vec<K>, Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    let listed = read::list(&api, &ListParams::default().limit(PAGE)).await?;
    // What is not known of a namespace must not pass for what is not in it.
    match listed.unreadable.first() {
        None => Ok(listed.objects),
        Some(unreadable) => Err(Error::Service(format!("cannot be read: {unreadable}").into())),
    }
}

/// What the API server warns of when a namespace is to become so: nothing is written. Which pods a Pod Security standard would
/// refuse is thus said by whoever will refuse them.
///
/// # Errors
/// Whatever the API server answers.
pub async fn warnings(client: &Client, wanted: &Namespace) -> Result<Vec<String>, Error> {
    let body = serde_json::to_vec(wanted).map_err(Error::SerdeError)?;
    let request = Request::builder()
        .method(Method::PUT)
        .uri(format!("/api/v1/namespaces/{}?dryRun=All", wanted.name_any()))
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.into())
        .map_err(|error| Error::Service(error.into()))?;
    let answer = client.send(request).await?;
    if !answer.status().is_success() {
        let body = answer.into_body().collect().await?.to_bytes();
        let status: Status = serde_json::from_slice(&body).map_err(Error::SerdeError)?;
        return Err(Error::Api(status.boxed()));
    }
    let said = answer.headers().get_all(WARNING).iter().filter_map(|value| std::str::from_utf8(value.as_bytes()).ok());
    Ok(said.filter_map(text).collect())
}

/// The text of `299 - "text"` (RFC 7234, 5.5).
fn text(header: &str) -> Option<String> {
    let quoted = header.split_once('"')?.1.strip_suffix('"')?;
    let mut text = String::with_capacity(quoted.len());
    let mut letters = quoted.chars();
    while let Some(letter) = letters.next() {
        text.push(if letter == '\\' { letters.next()? } else { letter });
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_read_as_it_was_meant() {
        assert_eq!(text(r#"299 - "web-0: hostPath volumes""#).as_deref(), Some("web-0: hostPath volumes"));
        assert_eq!(text(r#"299 - "level \"baseline:latest\"""#).as_deref(), Some("level \"baseline:latest\""));
        assert_eq!(text("299 - nothing"), None);
    }
}

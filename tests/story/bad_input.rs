//! Wrong input of every kind: refused where one object shows it, and said in a condition otherwise, with the place and the
//! way out; and an ordinary request in the same home goes its way all the while.

mod calendars;
mod decisions;
mod kept;
mod offers;
mod organizations;
mod policies;
mod reading;
mod requests;

use crate::world::*;
use anyhow::{Context as _, Result, bail, ensure};
use kube::api::{DynamicObject, PostParams};
use kube::core::Status;
use kube::{Api, Resource};
use serde_json::Value;
use std::fmt::Debug;
use yunguan::api::cloud_resource_request::Phase;
use yunguan::api::decision::Verdict;

/// A dry run: what is refused in one is refused always, and what is not leaves nothing behind.
fn dry_run() -> PostParams {
    PostParams { dry_run: true, field_manager: Some("tests".to_owned()) }
}

/// How people are to be spoken to.
#[derive(Clone, Copy, PartialEq)]
enum Says {
    /// In both languages.
    Bilingual,
    /// By the API server itself, which knows English alone.
    English,
}

/// Whether a message holds all of these words, and Chinese where a clerk reads it.
fn told(message: &str, words: &[&str], says: Says) -> Result<()> {
    for word in words {
        ensure!(message.contains(word), "`{word}` is not in: {message}");
    }
    let chinese = message.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    ensure!(says == Says::English || chinese, "no Chinese in: {message}");
    Ok(())
}

/// The words with which the API server refused; anything else is an error.
fn denied<T: Debug>(answer: kube::Result<T>) -> Result<String> {
    match answer {
        Err(kube::Error::Api(status)) if [400, 403, 422].contains(&status.code) => Ok(listed(&status)),
        Err(error) => Err(error).context("failed, but not by being refused"),
        Ok(done) => bail!("was not refused: {done:?}"),
    }
}

/// The message, which leaves out causes where there are many, and all causes with their fields.
fn listed(status: &Status) -> String {
    let causes = status.details.iter().flat_map(|d| &d.causes);
    let causes: Vec<String> = causes.map(|c| format!("{}: {}", c.field, c.message)).collect();
    format!("{}; {}", status.message, causes.join("; "))
}

/// A typed object as the API server gets it.
fn plain<K>(api: &Api<K>, object: &K) -> Result<(Api<DynamicObject>, Value)>
where
    K: Resource<DynamicType = ()> + Clone + serde::Serialize,
{
    let resource = kube::core::ApiResource::erase::<K>(&());
    let client = api.clone().into_client();
    let all = match object.meta().namespace.as_deref() {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    };
    Ok((all, serde_json::to_value(object)?))
}

/// Puts a value at a place, such as `/spec/application/lines/0/quantity`.
fn put(object: &mut Value, place: &str, value: Value) -> Result<()> {
    let (parent, key) = place.rsplit_once('/').context("a place begins with a slash")?;
    match object.pointer_mut(parent).with_context(|| format!("there is no {parent}"))? {
        Value::Object(fields) => drop(fields.insert(key.to_owned(), value)),
        Value::Array(items) => *items.get_mut(key.parse::<usize>()?).with_context(|| place.to_owned())? = value,
        other => bail!("{parent} is {other}"),
    }
    Ok(())
}

/// An ordinary request of this unit, from draft to review: nothing that went wrong before stands in its way.
async fn goes_on(world: &World, unit: &str, code: &str) -> Result<()> {
    let case = world.draft(unit, code, |_| {}).await?;
    case.decide(&case.person(), "submission", Verdict::Submit).await?;
    case.phase(Phase::InReview).await.with_context(|| format!("{unit}: nothing else may stop working"))?;
    Ok(())
}

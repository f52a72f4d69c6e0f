//! Objects as they come: one that cannot be read must not hide the others of its kind.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::api::{Api, GetParams, ListParams};
use kube::core::{ObjectList, Request};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// An object of a list or a watch, of which no more is read than a watch needs until somebody asks for the whole: where
/// thousands are listed, reading them is most of what a start costs the operator, and is done while the API server writes
/// the next page. Who manages which fields, a good part of the text, is never read.
#[derive(Clone, Debug)]
pub struct Read<K> {
    metadata: ObjectMeta,
    text: Box<str>,
    kind: PhantomData<K>,
}

impl<K> Read<K> {
    /// As it came.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl<K: DeserializeOwned> Read<K> {
    /// The whole object.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn object(&self) -> serde_json::Result<K> {
        let read = serde_json::from_str(&self.text);
        read.or_else(|error| without_stamps_of_templates(&self.text).ok_or(error).and_then(serde_json::from_value))
    }
}

#[derive(Deserialize)]
struct Brief<'t> {
    #[serde(borrow)]
    metadata: BriefMeta<'t>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BriefMeta<'t> {
    name: Option<String>,
    namespace: Option<String>,
    resource_version: Option<String>,
    #[serde(borrow)]
    managed_fields: Option<&'t RawValue>,
}

impl<'de, K> Deserialize<'de> for Read<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let Brief { metadata } = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
        let BriefMeta { name, namespace, resource_version, managed_fields } = metadata;
        let shorter = managed_fields.and_then(|fields| without(text.get(), fields.get()));
        let metadata = ObjectMeta { name, namespace, resource_version, ..ObjectMeta::default() };
        Ok(Self {
            metadata,
            text: shorter.unwrap_or_else(|| text.get().to_owned()).into_boxed_str(),
            kind: PhantomData,
        })
    }
}

/// An object without the moments that its templates carry. They say nothing, and the API server keeps there whatever somebody
/// has written, so that nobody can hide an object behind them.
fn without_stamps_of_templates(text: &str) -> Option<Value> {
    fn strip(value: &mut Value, within: bool) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    if let Some(meta) = field.as_object_mut().filter(|_| within && name == "metadata") {
                        meta.retain(|key, _| {
                            !["creationTimestamp", "deletionTimestamp", "managedFields"].contains(&&**key)
                        });
                    }
                    strip(field, true);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| strip(item, true)),
            _ => {}
        }
    }
    let mut object: Value = serde_json::from_str(text).ok()?;
    strip(&mut object, false);
    Some(object)
}

/// A text in which a part of it, a value, gives way to null.
fn without(text: &str, part: &str) -> Option<String> {
    let start = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    Some([text.get(..start)?, "null", text.get(end..)?].concat())
}

impl<K: Resource> Resource for Read<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(dynamic)
    }

    fn group(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::group(dynamic)
    }

    fn version(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::version(dynamic)
    }

    fn plural(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(dynamic)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// What of a list could be read, and what could not.
#[derive(Debug)]
pub struct Listed<K> {
    /// What could.
    pub objects: Vec<K>,
    /// What could not: it is there all the same.
    pub unreadable: Vec<Unreadable>,
}

impl<K> Default for Listed<K> {
    fn default() -> Self {
        Self { objects: Vec::new(), unreadable: Vec::new() }
    }
}

/// An object that cannot be read as one of its kind, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unreadable {
    /// Its kind.
    pub kind: String,
    /// Its namespace, where it is in one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, namespace, name, why } = self;
        match namespace {
            Some(namespace) => write!(f, "{kind} {namespace}/{name}: {why}"),
            None => write!(f, "{kind} {name}: {why}"),
        }
    }
}

impl<K: Resource<DynamicType = ()> + DeserializeOwned> Read<K> {
    /// The whole object, or which one cannot be read.
    ///
    /// # Errors
    /// Names it, and says what is wrong with it.
    pub fn named_object(&self) -> Result<K, Unreadable> {
        self.object().map_err(|error| Unreadable {
            kind: K::kind(&()).into_owned(),
            namespace: self.metadata.namespace.clone(),
            name: self.metadata.name.clone().unwrap_or_default(),
            why: error.to_string(),
        })
    }
}

/// Lists objects, page by page where `params` has a limit. One that cannot be read hides no other.
///
/// # Errors
/// Whatever the API server answers.
pub async fn list<K>(api: &Api<K>, params: &ListParams) -> kube::Result<Listed<K>>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned,
{
    let (client, mut params) = (api.clone().into_client(), params.clone());
    let mut listed = Listed::default();
    loop {
        let request = Request::new(api.resource_url()).list(&params).map_err(kube::Error::BuildRequest)?;
        let page: ObjectList<Read<K>> = client.request(request).await?;
        for read in page.items {
            match read.named_object() {
                Ok(object) => listed.objects.push(object),
                Err(unreadable) => listed.unreadable.push(unreadable),
            }
        }
        match page.metadata.continue_ {
            Some(token) if !token.is_empty() => params.continue_token = Some(token),
            _ => return Ok(listed),
        }
    }
}

/// One object, whether it can be read or not; nothing where it is not there.
///
/// # Errors
/// Whatever else the API server answers.
pub async fn get<K>(api: &Api<K>, name: &str) -> kube::Result<Option<Read<K>>>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned,
{
    let request = Request::new(api.resource_url()).get(name, &GetParams::default());
    match api.clone().into_client().request(request.map_err(kube::Error::BuildRequest)?).await {
        Ok(read) => Ok(Some(read)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::batch::v1::CronJob;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::core::WatchEvent;

    const GOOD: &str =
        r#"{"metadata":{"name":"good","managedFields":[{"manager":"某"}],"resourceVersion":"7"},"data":{"a":"b"}}"#;
    const BAD: &str = r#"{"data":"no map","metadata":{"name":"bad","resourceVersion":"7"}}"#;

    fn names(read: &Read<ConfigMap>) -> (Option<&str>, bool) {
        (read.meta().name.as_deref(), read.object().is_ok())
    }

    #[test]
    fn a_bad_object_in_a_list_hides_no_other_and_says_who_it_is() {
        let list = format!(r#"{{"apiVersion":"v1","kind":"ConfigMapList","metadata":{{}},"items":[{BAD},{GOOD}]}}"#);
        let list: ObjectList<Read<ConfigMap>> = serde_json::from_str(&list).unwrap();
        let read: Vec<_> = list.items.iter().map(names).collect();
        assert_eq!(read, [(Some("bad"), false), (Some("good"), true)]);
        assert!(list.items[0].object().unwrap_err().to_string().contains("no map"));
    }

    #[test]
    fn a_bad_object_in_a_watch_ends_no_watch() {
        for (object, fine) in [(GOOD, true), (BAD, false)] {
            let event = format!(r#"{{"type":"MODIFIED","object":{object}}}"#);
            let Ok(WatchEvent::Modified(read)) = serde_json::from_str::<WatchEvent<Read<ConfigMap>>>(&event) else {
                panic!("{event}")
            };
            assert_eq!((read.object().is_ok(), read.meta().resource_version.as_deref()), (fine, Some("7")));
        }
    }

    #[test]
    fn what_somebody_wrote_into_a_template_hides_no_object() {
        let far = "9999-12-31T23:59:59Z";
        let text = serde_json::json!({"metadata": {"name": "cron", "creationTimestamp": "2026-11-30T00:00:00Z"}, "spec": {
            "schedule": "0 0 1 1 *", "jobTemplate": {"metadata": {"creationTimestamp": far, "labels": {"a": "b"}},
            "spec": {"template": {"metadata": {"deletionTimestamp": far, "managedFields": [{"time": far}]}}}}}});
        let read: Read<CronJob> = serde_json::from_value(text.clone()).unwrap();
        let cron = read.object().unwrap();
        assert_eq!(cron.spec.job_template.metadata.unwrap().labels.unwrap()["a"], "b", "all else is as it was");
        assert!(cron.metadata.creation_timestamp.is_some());
        let mut own = text;
        own["metadata"]["creationTimestamp"] = far.into();
        let read: Read<CronJob> = serde_json::from_value(own).unwrap();
        assert!(read.object().is_err(), "its own moments mean something");
    }

    #[test]
    fn who_manages_which_fields_is_not_held() {
        let read: Read<ConfigMap> = serde_json::from_str(GOOD).unwrap();
        let object = read.object().unwrap();
        assert_eq!((object.metadata.managed_fields, object.data.unwrap()["a"].as_str()), (None, "b"));
        assert!(!read.text.contains("某"));
    }
}

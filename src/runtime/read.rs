//! One object that cannot be read must not hide the others of its kind.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::PartialObjectMeta;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::borrow::Cow;

/// An object of a list or a watch, or why it cannot be read. As kube's `DeserializeGuard`, without its copy of each object:
/// where thousands are listed, reading them is most of what a start costs the operator.
#[derive(Clone, Debug)]
pub struct Read<K>(pub Result<K, Unreadable>);

/// An object that cannot be read.
#[derive(Clone, Debug)]
pub struct Unreadable {
    /// Which one.
    pub metadata: ObjectMeta,
    /// What is wrong with it.
    pub error: String,
}

impl<'de, K: Resource + DeserializeOwned> Deserialize<'de> for Read<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let tree = Value::deserialize(deserializer)?;
        Ok(Self(match K::deserialize(&tree) {
            Ok(object) => Ok(object),
            Err(error) => {
                let named = PartialObjectMeta::<K>::deserialize(&tree).map_err(D::Error::custom)?;
                Err(Unreadable { metadata: named.metadata, error: error.to_string() })
            }
        }))
    }
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
        self.0.as_ref().map_or_else(|unreadable| &unreadable.metadata, K::meta)
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.as_mut().map_or_else(|unreadable| &mut unreadable.metadata, K::meta_mut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::core::{ObjectList, WatchEvent};

    const GOOD: &str = r#"{"metadata":{"name":"good"},"data":{"a":"b"}}"#;
    const BAD: &str = r#"{"metadata":{"name":"bad"},"data":"no map"}"#;

    fn names(read: &Read<ConfigMap>) -> (Option<&str>, bool) {
        (read.meta().name.as_deref(), read.0.is_ok())
    }

    #[test]
    fn a_bad_object_in_a_list_hides_no_other_and_says_who_it_is() {
        let list = format!(r#"{{"apiVersion":"v1","kind":"ConfigMapList","metadata":{{}},"items":[{BAD},{GOOD}]}}"#);
        let list: ObjectList<Read<ConfigMap>> = serde_json::from_str(&list).unwrap();
        let read: Vec<_> = list.items.iter().map(names).collect();
        assert_eq!(read, [(Some("bad"), false), (Some("good"), true)]);
        assert!(list.items[0].0.as_ref().unwrap_err().error.contains("no map"));
    }

    #[test]
    fn a_bad_object_in_a_watch_ends_no_watch() {
        for (object, fine) in [(GOOD, true), (BAD, false)] {
            let event = format!(r#"{{"type":"MODIFIED","object":{object}}}"#);
            let Ok(WatchEvent::Modified(read)) = serde_json::from_str::<WatchEvent<Read<ConfigMap>>>(&event) else {
                panic!("{event}")
            };
            assert_eq!(read.0.is_ok(), fine);
        }
    }
}

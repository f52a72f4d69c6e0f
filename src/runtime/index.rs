//! Objects by what they refer to, kept up to date from the watch, so that nothing is found by scanning.

use super::hub::Change;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};

/// Objects by a key that each has.
pub struct Index<T, K> {
    held: RwLock<Held<T, K>>,
    key: fn(&K) -> Option<T>,
}

/// The objects of each key, and the key under which each object stands: people edit what an object refers to.
struct Held<T, K> {
    by_key: HashMap<T, BTreeMap<String, Arc<K>>>,
    keys: HashMap<String, T>,
}

impl<T: Eq + Hash + Clone, K: kube::ResourceExt> Index<T, K> {
    /// An index by `key`.
    #[must_use]
    pub fn new(key: fn(&K) -> Option<T>) -> Arc<Self> {
        Arc::new(Self { held: RwLock::new(Held { by_key: HashMap::new(), keys: HashMap::new() }), key })
    }

    /// Takes note of a change. Returns the key under which the object stood before, where that is another one.
    pub fn note(&self, change: &Change<'_, K>) -> Option<T> {
        let (object, deleted) = match change {
            Change::Applied(object) => (*object, false),
            Change::Deleted(object) => (*object, true),
        };
        let key = (self.key)(object).filter(|_| !deleted);
        let name = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let before = held.keys.remove(&name);
        if let Some(before) = before.as_ref().filter(|before| key.as_ref() != Some(before))
            && let Some(objects) = held.by_key.get_mut(before)
        {
            objects.remove(&name);
            if objects.is_empty() {
                held.by_key.remove(before);
            }
        }
        if let Some(key) = &key {
            held.by_key.entry(key.clone()).or_default().insert(name.clone(), Arc::clone(object));
            held.keys.insert(name, key.clone());
        }
        before.filter(|before| key.as_ref() != Some(before))
    }

    /// The objects with this key, by name.
    #[must_use]
    pub fn get(&self, key: &T) -> Vec<Arc<K>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.by_key.get(key).map(|objects| objects.values().cloned().collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Node;

    fn node(name: &str, zone: Option<&str>) -> Arc<Node> {
        let mut node = Node::default();
        node.metadata.name = Some(name.to_owned());
        node.metadata.labels = zone.map(|zone| [("zone".to_owned(), zone.to_owned())].into());
        Arc::new(node)
    }

    #[test]
    fn an_object_stands_under_the_key_that_it_has_now() {
        let index = Index::new(|node: &Node| node.metadata.labels.as_ref()?.get("zone").cloned());
        let names = |zone: &str| -> Vec<String> {
            index.get(&zone.to_owned()).iter().filter_map(|node| node.metadata.name.clone()).collect()
        };
        assert_eq!(index.note(&Change::Applied(&node("a", Some("east")))), None);
        assert_eq!(index.note(&Change::Applied(&node("b", Some("east")))), None);
        assert_eq!(names("east"), ["a", "b"]);
        assert_eq!(index.note(&Change::Applied(&node("a", Some("west")))).as_deref(), Some("east"));
        assert_eq!((names("east"), names("west")), (vec!["b".to_owned()], vec!["a".to_owned()]));
        assert_eq!(index.note(&Change::Applied(&node("a", None))).as_deref(), Some("west"));
        assert_eq!(index.note(&Change::Deleted(&node("b", Some("east")))).as_deref(), Some("east"));
        assert!(names("east").is_empty() && names("west").is_empty());
    }
}

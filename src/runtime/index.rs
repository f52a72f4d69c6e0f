//! Objects by what they refer to, kept up to date from the watch, so that nothing is found by scanning.

use super::hub::Change;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};

/// Objects by a key that each has.
pub struct Index<T, K> {
    by_key: RwLock<HashMap<T, BTreeMap<String, Arc<K>>>>,
    key: fn(&K) -> Option<T>,
}

impl<T: Eq + Hash + Clone, K: kube::ResourceExt> Index<T, K> {
    /// An index by `key`. The key of an object must never change.
    #[must_use]
    pub fn new(key: fn(&K) -> Option<T>) -> Arc<Self> {
        Arc::new(Self { by_key: RwLock::default(), key })
    }

    /// Takes note of a change.
    pub fn note(&self, change: &Change<'_, K>) {
        let (object, deleted) = match change {
            Change::Applied(object) => (*object, false),
            Change::Deleted(object) => (*object, true),
        };
        let Some(key) = (self.key)(object) else { return };
        let name = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
        let mut by_key = self.by_key.write().unwrap_or_else(PoisonError::into_inner);
        if !deleted {
            by_key.entry(key).or_default().insert(name, Arc::clone(object));
        } else if let Some(objects) = by_key.get_mut(&key) {
            objects.remove(&name);
            if objects.is_empty() {
                by_key.remove(&key);
            }
        }
    }

    /// The objects with this key, by name.
    #[must_use]
    pub fn get(&self, key: &T) -> Vec<Arc<K>> {
        let by_key = self.by_key.read().unwrap_or_else(PoisonError::into_inner);
        by_key.get(key).map(|objects| objects.values().cloned().collect()).unwrap_or_default()
    }
}

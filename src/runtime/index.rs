//! Objects by what they refer to, with what is needed of many at once, kept up to date from the watch: nothing is found
//! by looking through all objects.

use super::hub::Change;
use super::id::Id;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

/// The names of objects by a key that each has, with a little of each.
pub struct Index<T, K, V = ()> {
    held: RwLock<Held<T, K, V>>,
    key: fn(&K) -> Option<T>,
    value: fn(&K) -> V,
}

/// What stands under each key, and the key under which each object stands: people edit what an object refers to.
struct Held<T, K, V> {
    by_key: BTreeMap<(T, Id<K>), V>,
    keys: HashMap<Id<K>, T>,
}

impl<T: Ord + Clone, K, V: Clone> Index<T, K, V> {
    /// An index by `key`, which holds `value` of each object.
    #[must_use]
    pub fn new(key: fn(&K) -> Option<T>, value: fn(&K) -> V) -> Arc<Self> {
        Arc::new(Self { held: RwLock::new(Held { by_key: BTreeMap::new(), keys: HashMap::new() }), key, value })
    }

    /// Takes note of a change. Returns the key under which the object stood before, where that is another one.
    pub fn note(&self, change: &Change<'_, K>) -> Option<T> {
        let key = (self.key)(change.object).filter(|_| !change.gone);
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let before = held.keys.remove(change.id).filter(|before| key.as_ref() != Some(before));
        if let Some(before) = &before {
            held.by_key.remove(&(before.clone(), change.id.clone()));
        }
        if let Some(key) = key {
            held.by_key.insert((key.clone(), change.id.clone()), (self.value)(change.object));
            held.keys.insert(change.id.clone(), key);
        }
        before
    }

    /// As [`Self::note`]; gives back the keys under which the first object has come to stand, or of which the last one is gone.
    pub fn turned(&self, change: &Change<'_, K>) -> Vec<T> {
        let key = (self.key)(change.object);
        let stood = key.as_ref().is_some_and(|key| self.has(key));
        let before = self.note(change).filter(|before| key.as_ref() != Some(before));
        let key = key.filter(|key| self.has(key) != stood);
        key.into_iter().chain(before.filter(|before| !self.has(before))).collect()
    }

    /// Whether anything stands under this key.
    #[must_use]
    pub fn has(&self, key: &T) -> bool {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.by_key.range((key.clone(), Id::new(""))..).next().is_some_and(|((at, _), _)| at == key)
    }

    /// What stands under this key, by name.
    #[must_use]
    pub fn get(&self, key: &T) -> Vec<(Id<K>, V)> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let from = held.by_key.range((key.clone(), Id::new(""))..);
        from.take_while(|((at, _), _)| at == key).map(|((_, id), value)| (id.clone(), value.clone())).collect()
    }

    /// The names of what stands under this key.
    #[must_use]
    pub fn ids(&self, key: &T) -> Vec<Id<K>> {
        self.get(key).into_iter().map(|(id, _)| id).collect()
    }

    /// Shows the key and the value of every object.
    pub fn each(&self, mut show: impl FnMut(&T, &V)) {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.by_key.iter().for_each(|((key, _), value)| show(key, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Node;

    fn node(name: &str, zone: Option<&str>) -> Node {
        let mut node = Node::default();
        node.metadata.name = Some(name.to_owned());
        node.metadata.labels = zone.map(|zone| [("zone".to_owned(), zone.to_owned())].into());
        node
    }

    #[test]
    fn an_object_stands_under_the_key_that_it_has_now() {
        let zone = |node: &Node| node.metadata.labels.as_ref()?.get("zone").cloned();
        let index = Index::new(zone, |node: &Node| node.metadata.name.clone().unwrap_or_default().to_uppercase());
        let names = |zone: &str| -> Vec<String> {
            let found = index.get(&zone.to_owned());
            found.iter().map(|(id, value)| format!("{} {value}", id.name())).collect()
        };
        let note = |node: &Node, gone| index.note(&Change { id: &Id::of(node), object: node, gone });
        assert_eq!(note(&node("a", Some("east")), false), None);
        assert_eq!(note(&node("b", Some("east")), false), None);
        assert_eq!(note(&node("a", Some("east")), false), None);
        assert_eq!(names("east"), ["a A", "b B"]);
        assert_eq!(note(&node("a", Some("west")), false).as_deref(), Some("east"));
        assert_eq!((names("east"), names("west")), (vec!["b B".to_owned()], vec!["a A".to_owned()]));
        let mut all = Vec::new();
        index.each(|zone, name| all.push(format!("{zone} {name}")));
        assert_eq!(all, ["east B", "west A"]);
        assert_eq!(note(&node("a", None), false).as_deref(), Some("west"));
        assert_eq!(note(&node("b", Some("east")), true).as_deref(), Some("east"));
        assert!(names("east").is_empty() && names("west").is_empty());
    }

    #[test]
    fn the_first_under_a_key_and_the_last_one_are_told() {
        let zone = |node: &Node| node.metadata.labels.as_ref()?.get("zone").cloned();
        let index = Index::new(zone, |_| ());
        let turned = |node: &Node, gone| index.turned(&Change { id: &Id::of(node), object: node, gone });
        assert_eq!(turned(&node("a", Some("east")), false), ["east"]);
        assert!(turned(&node("a", Some("east")), false).is_empty());
        assert!(turned(&node("b", Some("east")), false).is_empty());
        assert_eq!(turned(&node("b", Some("west")), false), ["west"]);
        assert_eq!(turned(&node("a", Some("west")), false), ["east"]);
        assert!(turned(&node("a", Some("west")), true).is_empty());
        assert_eq!(turned(&node("b", None), false), ["west"]);
        assert!(!index.has(&"west".to_owned()));
    }
}

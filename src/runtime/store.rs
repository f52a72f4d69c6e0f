//! What the API server holds of a kind, as it was seen last, in compact form: an object is made whole when it is asked
//! for, and for as long as somebody works with it. What is needed of many at once stands in an [`super::index::Index`].

use super::id::Id;
use super::press::{Press, Pressed};
use kube::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The objects of a kind. Clones are of the same store.
pub struct Store<K> {
    held: Arc<Mutex<Held<K>>>,
}

struct Held<K> {
    objects: HashMap<Id<K>, Entry>,
    /// What is there and cannot be read, and never could; each with the listing that brought it, and its text.
    unreadable: HashMap<Id<K>, (u32, Arc<str>)>,
    press: Press,
    /// Which listing is the last; what it did not bring is gone.
    listing: u32,
    /// What was read last, until something changes: many requests ask for the same domain in a row.
    last: Option<(Id<K>, Arc<K>)>,
    changes: u64,
}

impl<K> Held<K> {
    fn change(&mut self) {
        self.changes = self.changes.wrapping_add(1);
        self.last = None;
    }
}

struct Entry {
    text: Pressed,
    /// The listing that brought it, or in whose time it changed.
    listing: u32,
}

impl<K> Default for Store<K> {
    fn default() -> Self {
        let held = Held {
            objects: HashMap::new(),
            unreadable: HashMap::new(),
            press: Press::default(),
            listing: 0,
            last: None,
            changes: 0,
        };
        Self { held: Arc::new(Mutex::new(held)) }
    }
}

impl<K> Clone for Store<K> {
    fn clone(&self) -> Self {
        Self { held: Arc::clone(&self.held) }
    }
}

impl<K> Store<K> {
    /// The names of all objects.
    #[must_use]
    pub fn ids(&self) -> Vec<Id<K>> {
        self.held().objects.keys().cloned().collect()
    }

    /// Takes an object out.
    pub(super) fn remove(&self, id: &Id<K>) {
        let mut held = self.held();
        held.change();
        held.objects.remove(id);
        held.unreadable.remove(id);
    }

    /// What is there and cannot be read, each with its text: what is not known of it is not nothing.
    #[must_use]
    pub fn unreadable(&self) -> Vec<(Id<K>, Arc<str>)> {
        self.held().unreadable.iter().map(|(id, (_, text))| (id.clone(), Arc::clone(text))).collect()
    }

    /// Takes note of an object that cannot be read. As it was seen last it goes on being held.
    pub(super) fn put_unreadable(&self, id: &Id<K>, text: &str) {
        let mut held = self.held();
        let listing = held.listing;
        if let Some(known) = held.objects.get_mut(id) {
            known.listing = listing;
        } else {
            held.unreadable.insert(id.clone(), (listing, text.into()));
        }
    }

    /// A list of everything begins.
    pub(super) fn begin_listing(&self) {
        let mut held = self.held();
        held.listing = held.listing.wrapping_add(1);
    }

    fn held(&self) -> MutexGuard<'_, Held<K>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Resource<DynamicType = ()> + Serialize + DeserializeOwned> Store<K> {
    /// The object of this name, as it was seen last.
    #[must_use]
    pub fn get(&self, id: &Id<K>) -> Option<Arc<K>> {
        let (text, read_at) = {
            let mut held = self.held();
            if let Some((_, object)) = held.last.as_ref().filter(|(last, _)| last == id) {
                return Some(Arc::clone(object));
            }
            let Held { objects, press, changes, .. } = &mut *held;
            (press.read(&objects.get(id)?.text), *changes)
        };
        let object = Arc::new(whole(id, text)?);
        let mut held = self.held();
        if held.changes == read_at {
            held.last = Some((id.clone(), Arc::clone(&object)));
        }
        Some(object)
    }

    /// All objects, each made whole when its turn comes. For kinds of which there are few, or what is done seldom.
    pub fn all(&self) -> impl Iterator<Item = Arc<K>> {
        self.ids().into_iter().filter_map(|id| self.get(&id))
    }

    /// Takes an object in, in the place of an earlier one.
    pub(super) fn put(&self, id: &Id<K>, object: &K) {
        let text = match serde_json::to_vec(object) {
            Ok(text) => text,
            Err(error) => return tracing::error!(kind = %K::kind(&()), ?id, %error, "object cannot be held"),
        };
        let mut held = self.held();
        held.change();
        held.unreadable.remove(id);
        let entry = Entry { text: held.press.press(text), listing: held.listing };
        match held.objects.get_mut(id) {
            Some(there) => *there = entry,
            None => drop(held.objects.insert(id.clone(), entry)),
        }
    }

    /// The list is complete: takes out what was not in it, and gives it back.
    pub(super) fn end_listing(&self) -> Vec<(Id<K>, K)> {
        let mut held = self.held();
        held.change();
        let Held { objects, unreadable, press, listing, .. } = &mut *held;
        unreadable.retain(|_, (seen, _)| seen == listing);
        let gone = objects.extract_if(|_, entry| entry.listing != *listing);
        gone.filter_map(|(id, entry)| whole(&id, press.read(&entry.text)).map(|object| (id, object))).collect()
    }
}

/// What was written by [`Store::put`] can be read; were it not so, the object would be as good as unknown.
fn whole<K: Resource<DynamicType = ()> + DeserializeOwned>(id: &Id<K>, text: std::io::Result<Vec<u8>>) -> Option<K> {
    let object = text.map_err(serde_json::Error::io).and_then(|text| serde_json::from_slice(&text));
    object.map_err(|error| tracing::error!(kind = %K::kind(&()), ?id, %error, "held object cannot be read")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Something that a watch tells.
    #[derive(Clone, Debug)]
    enum Told {
        Applied(u8, String),
        Deleted(u8),
        Listed(BTreeMap<u8, String>),
    }

    fn told() -> impl Strategy<Value = Told> {
        // Large enough for some of them to be compressed, and not all alike.
        let text = || "[a-z政务云]{1,40}".prop_map(|text| text.repeat(150));
        prop_oneof![
            4 => (0..12_u8, text()).prop_map(|(n, text)| Told::Applied(n, text)),
            1 => (0..12_u8).prop_map(Told::Deleted),
            1 => prop::collection::btree_map(0..12_u8, text(), 0..12).prop_map(Told::Listed),
        ]
    }

    fn object(n: u8, text: &str) -> (Id<ConfigMap>, ConfigMap) {
        let mut object = ConfigMap::default();
        (object.metadata.name, object.metadata.namespace) = (Some(format!("n{n}")), Some("a".into()));
        object.data = Some([("text".to_owned(), text.to_owned())].into());
        (Id::of(&object), object)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_holds_exactly_what_was_told_last(history in vec(told(), 1..40)) {
            let store = Store::default();
            let mut model: BTreeMap<u8, String> = BTreeMap::new();
            for told in history {
                match told {
                    Told::Applied(n, text) => {
                        let (id, object) = object(n, &text);
                        store.put(&id, &object);
                        model.insert(n, text);
                    }
                    Told::Deleted(n) => {
                        store.remove(&object(n, "").0);
                        model.remove(&n);
                    }
                    Told::Listed(list) => {
                        store.begin_listing();
                        for (n, text) in &list {
                            let (id, object) = object(*n, text);
                            store.put(&id, &object);
                        }
                        let mut gone = store.end_listing();
                        gone.sort_by(|(a, _), (b, _)| a.cmp(b));
                        let mut missing: Vec<_> =
                            model.iter().filter(|(n, _)| !list.contains_key(n)).map(|(n, text)| object(*n, text)).collect();
                        missing.sort_by(|(a, _), (b, _)| a.cmp(b));
                        prop_assert_eq!(gone, missing);
                        model = list;
                    }
                }
                prop_assert_eq!(store.ids().len(), model.len());
                for n in 0..12 {
                    let expected = model.get(&n).map(|text| object(n, text).1);
                    prop_assert_eq!(store.get(&object(n, "").0).map(Arc::unwrap_or_clone), expected);
                }
            }
        }
    }

    #[test]
    fn a_list_that_breaks_off_takes_nothing_out() {
        let store = Store::default();
        let ((a, first), (b, second)) = (object(1, "a"), object(2, "b"));
        store.put(&a, &first);
        store.put(&b, &second);
        store.begin_listing();
        store.put(&a, &first);
        store.begin_listing();
        store.put(&b, &second);
        assert!(store.get(&a).is_some() && store.get(&b).is_some());
        assert_eq!(store.end_listing(), [(a, first)], "it was in the list that broke off, and not in the whole one");
        assert_eq!(store.all().map(Arc::unwrap_or_clone).collect::<Vec<_>>(), [second]);
    }

    #[test]
    fn what_cannot_be_read_is_known_to_be_there() {
        let store = Store::default();
        let ((a, first), (b, second)) = (object(1, "a"), object(2, "b"));
        store.put(&a, &first);
        store.begin_listing();
        store.put_unreadable(&a, "odd");
        store.put_unreadable(&b, "odd");
        assert_eq!(store.end_listing(), [], "as it was seen last it is still there");
        assert_eq!(store.get(&a).as_deref(), Some(&first));
        assert_eq!(store.unreadable().iter().map(|(id, text)| (id, &**text)).collect::<Vec<_>>(), [(&b, "odd")]);
        store.put(&b, &second);
        assert!(store.unreadable().is_empty());
        store.put_unreadable(&Id::new("c").within("a"), "odd");
        store.begin_listing();
        store.end_listing();
        assert!(store.unreadable().is_empty(), "it is gone");
    }

    #[test]
    fn what_was_read_last_is_not_shown_once_it_has_changed() {
        let store = Store::default();
        let ((id, before), (_, after)) = (object(1, "before"), object(1, "after"));
        let seen = || store.get(&id).map(Arc::unwrap_or_clone);
        store.put(&id, &before);
        assert_eq!((seen(), seen()), (Some(before.clone()), Some(before.clone())));
        store.put(&id, &after);
        assert_eq!(seen(), Some(after.clone()));
        store.remove(&id);
        assert_eq!(seen(), None);
        store.put(&id, &after);
        assert_eq!(seen(), Some(after));
        store.begin_listing();
        store.end_listing();
        assert_eq!(seen(), None);
    }

    #[test]
    fn a_request_comes_back_as_it_was_and_many_take_little() {
        use crate::api::CloudResourceRequest;
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/samples/requests/health-portal.yaml");
        let mut request: CloudResourceRequest =
            serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        request.status = Some(crate::api::CloudResourceRequestStatus::default());
        let store = Store::default();
        let mut whole = 0;
        for n in 0..1000 {
            request.metadata.name = Some(format!("r-{n}"));
            request.spec.application.system.name = format!("第{n}个系统");
            store.put(&Id::of(&request), &request);
            whole += serde_json::to_vec(&request).unwrap().len();
        }
        assert_eq!(store.get(&Id::of(&request)).as_deref(), Some(&request));
        let held = store.held();
        let small = held.objects.values().map(|entry| match &entry.text {
            Pressed::Plain(text) | Pressed::Small(text, _) => text.len(),
        });
        assert!(small.sum::<usize>() * 5 < whole);
    }
}

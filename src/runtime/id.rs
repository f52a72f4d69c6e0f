//! What an object of a kind is called: namespace and name in one small piece, so that many can be held.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

/// Namespace, where there is one, and name. Cheap to clone.
pub struct Id<K> {
    /// `namespace/name`, or `name`. No namespace holds a slash; what people write as a name may.
    text: Arc<str>,
    kind: PhantomData<fn() -> K>,
}

impl<K> Id<K> {
    /// Something in no namespace.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { text: name.into(), kind: PhantomData }
    }

    /// The same in a namespace.
    #[must_use]
    pub fn within(self, namespace: &str) -> Self {
        Self { text: format!("{namespace}/{}", self.text).into(), kind: PhantomData }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text.split_once('/').map_or(&self.text, |(_, name)| name)
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.text.split_once('/').map(|(namespace, _)| namespace)
    }
}

impl<K: Resource<DynamicType = ()>> Id<K> {
    /// What this object is called.
    #[must_use]
    pub fn of(object: &K) -> Self {
        Self::named(object.meta())
    }

    /// What an object with this metadata is called.
    #[must_use]
    pub fn named(meta: &ObjectMeta) -> Self {
        let id = Self::new(meta.name.as_deref().unwrap_or_default());
        match meta.namespace.as_deref() {
            Some(namespace) => id.within(namespace),
            None => id,
        }
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        Self { text: Arc::clone(&self.text), kind: PhantomData }
    }
}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::{ConfigMap, Namespace};

    #[test]
    fn namespace_and_name_are_told_apart() {
        let id = Id::<ConfigMap>::new("b").within("a");
        assert_eq!((id.namespace(), id.name()), (Some("a"), "b"));
        assert_ne!(id, Id::new("b"));
        let forged = Id::<ConfigMap>::new("c/b").within("a");
        assert_eq!((forged.namespace(), forged.name()), (Some("a"), "c/b"));
        assert_ne!(forged, id, "what somebody writes as a name never becomes another's");
        let mut object = ConfigMap::default();
        (object.metadata.name, object.metadata.namespace) = (Some("b".into()), Some("a".into()));
        assert_eq!(Id::of(&object), id);
        let namespace = Id::<Namespace>::new("a");
        assert_eq!((namespace.namespace(), namespace.name()), (None, "a"));
    }
}

//! One watch and one store a kind, whatever number of controllers needs it.
//!
//! kube's shared reflectors keep deletions from their subscribers, so the hub hands every change on itself: first the
//! store is brought up to date, then the routers see the change and put work into the controllers' queues.

use super::metrics::Metrics;
use futures::channel::mpsc::UnboundedSender;
use futures::{StreamExt as _, pin_mut};
use kube::api::Api;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::{ObjectRef, Store, store::Writer};
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::DefaultBackoff;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Something happened to an object; the store knows already.
pub enum Change<'a, K> {
    /// It is there, new or changed.
    Applied(&'a Arc<K>),
    /// It is gone.
    Deleted(&'a Arc<K>),
}

impl<'a, K> Change<'a, K> {
    /// The object, as it is or was last.
    #[must_use]
    pub fn object(&self) -> &'a Arc<K> {
        match self {
            Self::Applied(object) | Self::Deleted(object) => object,
        }
    }
}

/// Where changes go. Quick, and no I/O.
pub type Router<K> = Box<dyn Fn(&Change<'_, K>) + Send + Sync>;

/// A queue of work for a controller.
pub type Queue<K> = UnboundedSender<ObjectRef<K>>;

/// Puts an object into a controller's queue; a controller that has stopped needs no work.
pub fn enqueue<K: Resource<DynamicType = ()>>(queue: &Queue<K>, name: &str, namespace: Option<&str>) {
    let reference = ObjectRef::new(name);
    let _ = queue.unbounded_send(match namespace {
        Some(namespace) => reference.within(namespace),
        None => reference,
    });
}

/// All watches of the process.
pub struct Hub {
    tasks: JoinSet<()>,
    ready: Vec<(String, futures::future::BoxFuture<'static, bool>)>,
    metrics: Metrics,
}

impl Hub {
    /// A hub without watches.
    #[must_use]
    pub fn new(metrics: Metrics) -> Self {
        Self { tasks: JoinSet::new(), ready: Vec::new(), metrics }
    }

    /// Watches a kind. Every change goes to every router, after the store.
    pub fn watch<K>(
        &mut self,
        api: Api<DeserializeGuard<K>>,
        selector: Option<&str>,
        routers: Vec<Router<K>>,
    ) -> Store<K>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    {
        let writer = Writer::<K>::default();
        let store = writer.as_reader();
        let waiting = store.clone();
        let kind = K::kind(&()).into_owned();
        self.ready.push((kind.clone(), Box::pin(async move { waiting.wait_until_ready().await.is_ok() })));
        let mut config = watcher::Config::default().timeout(120);
        if let Some(selector) = selector {
            config = config.labels(selector);
        }
        self.tasks.spawn(follow(api, config, writer, routers, self.metrics.clone()));
        store
    }

    /// Waits until every store holds what the API server holds.
    ///
    /// # Errors
    /// Names the kinds that are not there in time.
    pub async fn ready(&mut self, deadline: Duration) -> anyhow::Result<()> {
        let mut late = Vec::new();
        let end = tokio::time::Instant::now() + deadline;
        for (kind, ready) in self.ready.drain(..) {
            if !matches!(tokio::time::timeout_at(end, ready).await, Ok(true)) {
                late.push(kind);
            }
        }
        anyhow::ensure!(
            late.is_empty(),
            "these kinds could not be listed within {deadline:?}: {}; are the CRDs and the operator's rights installed (config/)?",
            late.join(", ")
        );
        Ok(())
    }

    /// Runs until a watch ends, which it never should.
    ///
    /// # Errors
    /// Always: that a watch ended.
    pub async fn run(mut self) -> anyhow::Result<()> {
        let ended = self.tasks.join_next().await;
        anyhow::bail!("a watch ended: {ended:?}")
    }
}

/// How long a watch that failed may wait before it is tried again. kube's own pauses grow to a minute, during which
/// nothing is heard of what happens after an outage; the few watches of one process are no load at a shorter one.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// kube's pauses, cut at [`LONGEST_PAUSE`].
#[derive(Default)]
struct Pauses(DefaultBackoff);

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next().map(|pause| pause.min(LONGEST_PAUSE))
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.0.reset();
    }
}

async fn follow<K>(
    api: Api<DeserializeGuard<K>>,
    config: watcher::Config,
    mut writer: Writer<K>,
    routers: Vec<Router<K>>,
    metrics: Metrics,
) where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let store = writer.as_reader();
    let route = |change: &Change<'_, K>| routers.iter().for_each(|router| router(change));
    let events = watcher(api, config).backoff(Pauses::default());
    pin_mut!(events);
    while let Some(event) = events.next().await {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                tracing::warn!(kind = %K::kind(&()), %error, "watch failed; trying again");
                continue;
            }
        };
        let Some(event) = decoded(event, &metrics) else { continue };
        match &event {
            watcher::Event::Init | watcher::Event::InitApply(_) => writer.apply_watcher_event(&event),
            watcher::Event::InitDone => {
                let before = store.state();
                writer.apply_watcher_event(&event);
                let gone = before.iter().filter(|object| store.get(&ObjectRef::from_obj(object.as_ref())).is_none());
                gone.for_each(|object| route(&Change::Deleted(object)));
                store.state().iter().for_each(|object| route(&Change::Applied(object)));
            }
            watcher::Event::Apply(object) => {
                let reference = ObjectRef::from_obj(object);
                writer.apply_watcher_event(&event);
                if let Some(object) = store.get(&reference) {
                    route(&Change::Applied(&object));
                }
            }
            watcher::Event::Delete(object) => {
                let object = Arc::new(object.clone());
                writer.apply_watcher_event(&event);
                route(&Change::Deleted(&object));
            }
        }
    }
}

/// Drops what cannot be read, so that one bad object never hides a whole kind, and what only costs memory.
fn decoded<K>(event: watcher::Event<DeserializeGuard<K>>, metrics: &Metrics) -> Option<watcher::Event<K>>
where
    K: Resource<DynamicType = ()>,
{
    let read = |guard: DeserializeGuard<K>| match guard.0 {
        Ok(mut object) => {
            object.meta_mut().managed_fields = None;
            object.annotations_mut().remove("kubectl.kubernetes.io/last-applied-configuration");
            Some(object)
        }
        Err(invalid) => {
            metrics.undecodable(&K::kind(&()));
            tracing::error!(
                kind = %K::kind(&()),
                name = invalid.metadata.name.as_deref().unwrap_or_default(),
                namespace = invalid.metadata.namespace.as_deref().unwrap_or_default(),
                error = invalid.error,
                "object cannot be read and is left out: apply it again in the form of the installed CRD"
            );
            None
        }
    };
    Some(match event {
        watcher::Event::Init => watcher::Event::Init,
        watcher::Event::InitDone => watcher::Event::InitDone,
        watcher::Event::InitApply(guard) => watcher::Event::InitApply(read(guard)?),
        watcher::Event::Apply(guard) => watcher::Event::Apply(read(guard)?),
        watcher::Event::Delete(guard) => watcher::Event::Delete(read(guard)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_watch_stays_deaf_for_long_however_often_it_failed() {
        let pauses: Vec<_> = Pauses::default().take(1000).collect();
        assert_eq!(pauses.len(), 1000, "it never gives up");
        assert!(pauses[0] >= Duration::from_millis(500) && pauses[0] < LONGEST_PAUSE, "{:?}", pauses[0]);
        assert!(pauses[4..].iter().all(|pause| *pause == LONGEST_PAUSE), "{:?}", pauses.iter().max());
    }
}

//! One watch and one store a kind, whatever number of controllers needs it.
//!
//! kube's shared reflectors keep deletions from their subscribers, so the hub hands every change on itself: first the
//! store is brought up to date, then the routers see the change and put work into the controllers' queues.

use super::id::Id;
use super::metrics::Metrics;
use super::read::Read;
use super::store::Store;
use futures::channel::mpsc::UnboundedSender;
use futures::{StreamExt as _, pin_mut};
use kube::api::Api;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::DefaultBackoff;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// A list comes in pages of so many objects: what passes through memory at once is bounded.
const PAGE: u32 = 200;
/// While so much of a page is still to be taken in, the next one is fetched.
const AHEAD: usize = 200;

/// Something happened to an object; the store knows already.
pub struct Change<'a, K> {
    /// What it is called.
    pub id: &'a Id<K>,
    /// The object, as it is or was last.
    pub object: &'a K,
    /// Whether it is gone.
    pub gone: bool,
}

/// Where changes go. Quick, and no I/O.
pub type Router<K> = Box<dyn Fn(&Change<'_, K>) + Send + Sync>;

/// A queue of work for a controller.
pub type Queue<K> = UnboundedSender<Id<K>>;

/// Puts an object into a controller's queue; a controller that has stopped needs no work.
pub fn enqueue<K>(queue: &Queue<K>, id: Id<K>) {
    let _ = queue.unbounded_send(id);
}

/// All watches of the process.
pub struct Hub {
    tasks: JoinSet<()>,
    ready: Vec<(String, oneshot::Receiver<()>)>,
    metrics: Metrics,
}

impl Hub {
    /// A hub without watches.
    #[must_use]
    pub fn new(metrics: Metrics) -> Self {
        Self { tasks: JoinSet::new(), ready: Vec::new(), metrics }
    }

    /// Watches a kind. Every change goes to every router, after the store.
    pub fn watch<K>(&mut self, api: Api<Read<K>>, selector: Option<&str>, routers: Vec<Router<K>>) -> Store<K>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        let store = Store::default();
        let (listed, ready) = oneshot::channel();
        self.ready.push((K::kind(&()).into_owned(), ready));
        let mut config = watcher::Config::default().timeout(120).page_size(PAGE);
        if let Some(selector) = selector {
            config = config.labels(selector);
        }
        let (tell, told) = mpsc::channel(AHEAD);
        self.tasks.spawn(listen(api, config, tell));
        self.tasks.spawn(follow(told, store.clone(), listed, routers, self.metrics.clone()));
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
            if !matches!(tokio::time::timeout_at(end, ready).await, Ok(Ok(()))) {
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

/// Hears what the API server says, and tells it to the one who takes it in.
async fn listen<K>(api: Api<Read<K>>, config: watcher::Config, tell: mpsc::Sender<watcher::Event<Read<K>>>)
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let events = watcher(api, config).backoff(Pauses::default());
    pin_mut!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                if tell.send(event).await.is_err() {
                    return;
                }
            }
            Err(error) => tracing::warn!(kind = %K::kind(&()), %error, "watch failed; trying again"),
        }
    }
}

async fn follow<K>(
    mut told: mpsc::Receiver<watcher::Event<Read<K>>>,
    store: Store<K>,
    listed: oneshot::Sender<()>,
    routers: Vec<Router<K>>,
    metrics: Metrics,
) where
    K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let route = |id: &Id<K>, object: &K, gone| {
        let change = Change { id, object, gone };
        for router in &routers {
            router(&change);
        }
    };
    let mut listed = Some(listed);
    while let Some(event) = told.recv().await {
        match event {
            watcher::Event::Init => store.begin_listing(),
            watcher::Event::InitApply(read) | watcher::Event::Apply(read) => {
                let Some(object) = decoded(&read, &metrics) else {
                    store.put_unreadable(&Id::named(read.meta()), read.text());
                    continue;
                };
                let id = Id::of(&object);
                store.put(&id, &object);
                route(&id, &object, false);
            }
            watcher::Event::InitDone => {
                for (id, object) in &store.end_listing() {
                    route(id, object, true);
                }
                if let Some(listed) = listed.take() {
                    // Nobody waits any more where the operator has given up.
                    let _ = listed.send(());
                }
            }
            watcher::Event::Delete(read) => {
                let id = Id::named(read.meta());
                let last = decoded(&read, &metrics).or_else(|| store.get(&id).map(Arc::unwrap_or_clone));
                store.remove(&id);
                if let Some(object) = &last {
                    route(&id, object, true);
                }
            }
        }
    }
}

/// Drops what cannot be read, and what only costs memory.
fn decoded<K: Resource<DynamicType = ()> + DeserializeOwned>(read: &Read<K>, metrics: &Metrics) -> Option<K> {
    match read.named_object() {
        Ok(mut object) => {
            object.annotations_mut().remove("kubectl.kubernetes.io/last-applied-configuration");
            Some(object)
        }
        Err(unreadable) => {
            metrics.undecodable(&unreadable.kind);
            tracing::error!(%unreadable, "object cannot be read and is left out: apply it again in the form of the installed CRD");
            None
        }
    }
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

//! The wrapper around every reconcile: deadline, panics, back-off per object, metrics, one log line an outcome.

use super::agenda::Agenda;
use super::clock;
use super::health::Gates;
use super::id::Id;
use super::metrics::Metrics;
use super::store::Store;
use futures::channel::mpsc::UnboundedReceiver;
use futures::{FutureExt as _, Stream, StreamExt as _};
use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::future::Future;
use std::hash::{BuildHasher as _, Hasher as _};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

const DEADLINE: Duration = Duration::from_mins(1);
const BACKSTOP: Duration = Duration::from_hours(1);
const STUCK_AFTER: Duration = Duration::from_mins(1);
const STUCK_OBJECTS: usize = 3;
/// The watch brings what was written long before.
const EARLY: Duration = Duration::from_secs(5);
/// What the watch has not brought in so long was taken back.
const LATE_AT_MOST: Duration = Duration::from_secs(30);
const MAX_BACKOFF: Duration = Duration::from_mins(5);

/// A reconcile came to rest.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settled {
    /// The next moment at which time alone changes the answer.
    pub next: Option<Timestamp>,
    /// The version in which the object was left, where it was written: an older one, which a late cache shows, is not
    /// looked at, since what is worked out from it could not be written.
    pub version: Option<String>,
}

/// A reconcile did not come to rest.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else wrote first: look again at once.
    #[error("somebody else wrote first: {0}")]
    Conflict(String),
    /// It may go better later.
    #[error("{0}")]
    Transient(String),
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        match &error {
            kube::Error::Api(status) if status.code == 409 => Self::Conflict(status.message.clone()),
            kube::Error::Api(status) => Self::Transient(format!("{} {}", status.code, status.message)),
            _ => Self::Transient(error.to_string()),
        }
    }
}

/// What a controller needs besides its reconcile function.
pub struct Options {
    /// Name, for metrics and logs.
    pub name: &'static str,
    /// How many objects at once.
    pub concurrency: u16,
    /// How long changes to one object are gathered before it is looked at.
    pub debounce: Duration,
    /// Metrics.
    pub metrics: Metrics,
    /// Readiness: the gate of the controller's name is shut while nothing succeeds.
    pub gates: Gates,
    /// Ends the controller, after what is under way.
    pub stop: CancellationToken,
}

/// Runs a controller until it is stopped.
pub async fn run<K, C, F, Fut>(
    options: Options,
    store: Store<K>,
    queue: UnboundedReceiver<Id<K>>,
    context: Arc<C>,
    reconcile: F,
) where
    K: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Send + Sync + 'static,
    C: Send + Sync + 'static,
    F: Fn(Arc<K>, Arc<C>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Settled, Error>> + Send + 'static,
{
    let Options { name, concurrency, debounce, metrics, gates, stop } = options;
    gates.set(name, true);
    let progress = Arc::new(Progress::default());
    let backoff = Arc::new(Backoff::default());
    let left = Arc::new(Left::default());
    let reconcile = Arc::new(reconcile);
    let queue = queue.take_until(stop.cancelled_owned());
    let once = move |object: Arc<K>, context: Arc<C>| {
        let (reconcile, backoff, metrics) = (Arc::clone(&reconcile), Arc::clone(&backoff), metrics.clone());
        let left = Arc::clone(&left);
        let (gates, progress) = (gates.clone(), Arc::clone(&progress));
        let span = tracing::info_span!(
            "reconcile",
            controller = name,
            namespace = object.namespace().unwrap_or_default(),
            name = object.name_any(),
            uid = object.uid().unwrap_or_default()
        );
        async move {
            let uid = object.uid().unwrap_or_default();
            let (seen, started) = (object.resource_version(), Instant::now());
            if left.is_newer(&uid, seen.as_deref(), started) {
                metrics.reconciled(name, "early", started.elapsed());
                return clock::instant() + jitter(EARLY);
            }
            let attempt = AssertUnwindSafe(async { reconcile(object, context).await }).catch_unwind();
            let result = tokio::time::timeout(DEADLINE, attempt).await;
            let ended = clock::instant();
            let (outcome, wait) = match result {
                Ok(Ok(Ok(settled))) => {
                    backoff.forget(&uid);
                    left.note(&uid, settled.version.filter(|left| seen.as_ref() != Some(left)));
                    ("settled", until(settled.next))
                }
                Ok(Ok(Err(Error::Conflict(message)))) => {
                    tracing::debug!(message, "conflict; looking again");
                    ("conflict", jitter(Duration::from_millis(500)))
                }
                Ok(Ok(Err(Error::Transient(message)))) => {
                    let wait = backoff.next(&uid);
                    tracing::warn!(message, ?wait, "failed; trying again");
                    ("failed", wait)
                }
                Ok(Err(_)) => {
                    let wait = backoff.next(&uid);
                    tracing::error!(?wait, "panicked; trying again");
                    ("panicked", wait)
                }
                Err(_) => {
                    let wait = backoff.next(&uid);
                    tracing::error!(?wait, "took longer than {DEADLINE:?}; trying again");
                    ("timeout", wait)
                }
            };
            metrics.reconciled(name, outcome, started.elapsed());
            metrics.backing_off(name, backoff.len());
            gates.set(name, progress.note(outcome == "settled", backoff.len(), Instant::now()));
            ended + wait
        }
        .instrument(span)
    };
    work_off(queue, store, usize::from(concurrency), debounce, |object| once(object, Arc::clone(&context))).await;
}

/// Looks at what the queue names, and at each again when `once` says, until the queue ends.
async fn work_off<K, Fut>(
    queue: impl Stream<Item = Id<K>>,
    store: Store<K>,
    concurrency: usize,
    debounce: Duration,
    once: impl Fn(Arc<K>) -> Fut,
) where
    K: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Send + Sync + 'static,
    Fut: Future<Output = Instant> + Send + 'static,
{
    let mut agenda = Agenda::default();
    let mut running = JoinSet::new();
    let mut queue = pin!(queue);
    loop {
        while running.len() < concurrency
            && let Some(id) = agenda.take(clock::instant())
        {
            match store.get(&id) {
                Some(object) => {
                    let attempt = once(object);
                    running.spawn(async move { (id, attempt.await) });
                }
                None => agenda.done(id, None),
            }
        }
        let next = agenda.next().filter(|_| running.len() < concurrency);
        tokio::select! {
            asked = queue.next() => match asked {
                Some(id) => agenda.add(id, clock::instant() + debounce),
                None => break,
            },
            Some(ended) = running.join_next() => match ended {
                Ok((id, again)) => agenda.done(id, Some(again)),
                Err(error) => return tracing::error!(%error, "an attempt ended by itself"),
            },
            () = clock::sleep_until(next.unwrap_or_else(clock::instant)), if next.is_some() => {}
        }
    }
    while running.join_next().await.is_some() {}
}

/// Whether a controller gets anywhere. An object that fails is that object's trouble; a minute in which several do and
/// nothing else succeeds, such as under missing rights, is the controller's.
#[derive(Default)]
struct Progress(Mutex<Option<Instant>>);

impl Progress {
    /// Takes note of an outcome, with how many objects are failing; whether the controller still gets somewhere.
    fn note(&self, settled: bool, failing: usize, now: Instant) -> bool {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if settled {
            *since = None;
            return true;
        }
        let since = *since.get_or_insert(now);
        failing < STUCK_OBJECTS || now.duration_since(since) < STUCK_AFTER
    }
}

/// The versions in which objects were left, and when, until the cache has come so far.
#[derive(Debug, Default)]
struct Left(Mutex<HashMap<String, (u64, Instant)>>);

impl Left {
    fn note(&self, uid: &str, version: Option<String>) {
        if let Some(version) = version.and_then(|version| version.parse().ok()) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(uid.to_owned(), (version, Instant::now()));
        }
    }

    /// Whether a newer version was written than the one seen, not long ago: a restore of etcd takes versions back.
    /// Versions of one kind can be compared (KEP-5504).
    fn is_newer(&self, uid: &str, seen: Option<&str>, now: Instant) -> bool {
        let mut versions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen: Option<u64> = seen.and_then(|seen| seen.parse().ok());
        let newer = versions
            .get(uid)
            .zip(seen)
            .is_some_and(|((left, at), seen)| *left > seen && now.duration_since(*at) < LATE_AT_MOST);
        if !newer {
            versions.remove(uid);
        }
        newer
    }
}

/// How often each object has failed in a row.
#[derive(Default)]
struct Backoff(Mutex<HashMap<String, u32>>);

impl Backoff {
    fn next(&self, uid: &str) -> Duration {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(uid.to_owned()).or_insert(0);
        let wait = Duration::from_secs(1).saturating_mul(2_u32.saturating_pow(*count)).min(MAX_BACKOFF);
        *count = count.saturating_add(1).min(16);
        jitter(wait)
    }

    fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Until the next moment, but look again at least every hour or so: a missed event is made good.
fn until(next: Option<Timestamp>) -> Duration {
    let backstop = jitter(BACKSTOP);
    let wait = next.map(|at| at.duration_since(clock::now()));
    wait.map_or(backstop, |wait| Duration::try_from(wait).unwrap_or(Duration::ZERO).min(backstop))
}

/// Between 90 and 110 percent, so that what failed together is not tried together.
fn jitter(wait: Duration) -> Duration {
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish() % 21;
    wait * (90 + u32::try_from(random).unwrap_or(10)) / 100
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::channel::mpsc::unbounded;
    use k8s_openapi::api::core::v1::ConfigMap;

    #[tokio::test]
    async fn what_is_asked_for_is_looked_at_and_again_after_its_time() {
        let mut object = ConfigMap::default();
        object.metadata.name = Some("a".into());
        let store = Store::default();
        store.put(&Id::of(&object), &object);
        let (queue, asked) = unbounded();
        let (tell, mut seen) = unbounded();
        let once = |object: Arc<ConfigMap>| {
            let tell = tell.clone();
            async move {
                tell.unbounded_send(object.name_any()).unwrap();
                Instant::now() + Duration::from_millis(1)
            }
        };
        for name in ["gone", "a"] {
            queue.unbounded_send(Id::new(name)).unwrap();
        }
        let watch = async {
            for _ in 0..3 {
                assert_eq!(seen.next().await.as_deref(), Some("a"));
            }
            drop(queue);
        };
        tokio::join!(work_off(asked, store, 2, Duration::ZERO, once), watch);
    }

    #[test]
    fn backoff_grows_to_five_minutes_and_is_forgotten() {
        let backoff = Backoff::default();
        let waits: Vec<_> = (0..12).map(|_| backoff.next("a")).collect();
        assert!(waits[0] <= Duration::from_millis(1100) && waits[3] >= Duration::from_millis(7200), "{waits:?}");
        assert!(waits[11] <= MAX_BACKOFF * 11 / 10 && waits[11] >= MAX_BACKOFF * 9 / 10);
        backoff.forget("a");
        assert_eq!(backoff.len(), 0);
        assert!(backoff.next("a") <= Duration::from_millis(1100));
    }

    #[test]
    fn a_version_older_than_what_was_written_waits_for_the_watch() {
        let (left, now) = (Left::default(), Instant::now());
        left.note("a", Some("9".into()));
        assert!(left.is_newer("a", Some("8"), now), "numbers, not texts: {left:?}");
        assert!(!left.is_newer("b", Some("8"), now));
        left.note("a", Some("10".into()));
        assert!(left.is_newer("a", Some("9"), now));
        assert!(!left.is_newer("a", Some("10"), now));
        assert!(left.0.lock().unwrap().is_empty(), "nothing is kept of what was seen");
        left.note("a", Some("11".into()));
        let later = Instant::now() + LATE_AT_MOST;
        assert!(!left.is_newer("a", Some("10"), later), "a restore keeps nobody waiting");
        left.note("a", Some("opaque".into()));
        assert!(!left.is_newer("a", Some("9"), now), "what cannot be compared keeps nobody waiting");
    }

    #[test]
    fn a_controller_in_which_only_failures_come_is_not_ready() {
        let progress = Progress::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(progress.note(false, 5, after(0)), "it has just begun");
        assert!(progress.note(false, 2, after(90)), "two objects' trouble");
        assert!(!progress.note(false, 3, after(90)));
        assert!(progress.note(true, 3, after(100)));
        assert!(progress.note(false, 3, after(5000)), "long idle is no failure");
    }

    #[test]
    fn errors_are_told_apart() {
        let status = |code| kube::Error::Api(Box::new(kube::core::Status { code, ..kube::core::Status::default() }));
        assert!(matches!(Error::from(status(409)), Error::Conflict(_)));
        for code in [403, 422, 429, 500, 503] {
            assert!(matches!(Error::from(status(code)), Error::Transient(_)), "{code}");
        }
    }
}

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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
/// A refusal counts as lasting only then: an API server may not know of a namespace, or of a label on it, for a moment after
/// it was written, and admission refuses meanwhile.
const LASTS: Duration = Duration::from_secs(2);

tokio::task_local! {
    /// For how long the object that is being looked at has not come to rest.
    static UNSETTLED: Duration;
}

/// Whether the object that is being looked at has been kept from coming to rest for so long that a refusal is worth telling.
#[must_use]
pub fn refusals_last() -> bool {
    UNSETTLED.try_with(|unsettled| *unsettled >= LASTS).unwrap_or(false)
}

/// A reconcile ended.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settled {
    /// The next moment at which time alone changes the answer.
    pub next: Option<Timestamp>,
    /// The version in which the object was left, where it was written: an older one, which a late cache shows, is not
    /// looked at, since what is worked out from it could not be written.
    pub version: Option<String>,
    /// What some of its steps came to, where not all were done: they are tried again, and the others stand.
    pub unfinished: Option<Error>,
}

/// A reconcile did not come to rest.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// Somebody else wrote first: look again at once.
    #[error("somebody else wrote first: {0}")]
    Conflict(String),
    /// It may go better later.
    #[error("{0}")]
    Transient(String),
    /// The API server refuses it, and will again until somebody changes something. It is tried again all the same.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Something that the API server refuses to write.
#[derive(Clone, Debug, Default, Eq, PartialEq, thiserror::Error)]
#[error("{object} is refused: {code} {text}")]
pub struct Refusal {
    /// Kind and name of what is refused, as far as the API server says.
    pub object: String,
    /// The answer's code.
    pub code: u16,
    /// The API server's words.
    pub text: String,
}

impl Refusal {
    /// Whether the operator lacks the right, which is no trouble of the object's.
    #[must_use]
    pub fn is_for_rights(&self) -> bool {
        self.code == 403 && self.text.contains(" cannot ") && self.text.contains(" resource ")
    }
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        let kube::Error::Api(status) = &error else { return Self::Transient(error.to_string()) };
        match status.code {
            409 => Self::Conflict(status.message.clone()),
            code if is_lasting(code) || is_of_a_webhook(&status.message) => {
                let named = status.details.iter().flat_map(|details| [details.kind.as_str(), details.name.as_str()]);
                let object = named.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
                Self::Refused(Refusal { object, code, text: status.message.clone() })
            }
            code => Self::Transient(format!("{code} {}", status.message)),
        }
    }
}

/// Whether an answer is about what was written, and not about when, how often, by whom or beside what.
fn is_lasting(code: u16) -> bool {
    (400..500).contains(&code) && ![401, 404, 408, 409, 410, 429].contains(&code)
}

/// Whether somebody's admission webhook did not answer: the API server says that with 500, for as long as nobody mends it.
fn is_of_a_webhook(message: &str) -> bool {
    message.contains("failed calling webhook")
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
    let gone = {
        let (backoff, left, progress) = (Arc::clone(&backoff), Arc::clone(&left), Arc::clone(&progress));
        let (gates, metrics) = (gates.clone(), metrics.clone());
        move |id: &Id<K>| {
            left.forget(id);
            if backoff.forget(id) {
                metrics.backing_off(name, backoff.len());
                gates.set(name, progress.note(false, backoff.failing(), Instant::now()));
            }
        }
    };
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
            let (id, uid) = (Id::of(object.as_ref()), object.uid().unwrap_or_default());
            let (seen, started) = (object.resource_version(), Instant::now());
            if left.is_newer(&id, &uid, seen.as_deref(), started) {
                metrics.reconciled(name, "early", started.elapsed());
                return clock::instant() + jitter(EARLY);
            }
            let unsettled = backoff.since(&id, &uid).map_or(Duration::ZERO, |since| started.duration_since(since));
            let attempt = UNSETTLED.scope(unsettled, async { reconcile(object, context).await });
            let result = tokio::time::timeout(DEADLINE, AssertUnwindSafe(attempt).catch_unwind()).await;
            let ended = clock::instant();
            let (next, error) = match result {
                Ok(Ok(Ok(settled))) => {
                    left.note(&id, &uid, settled.version.filter(|left| seen.as_ref() != Some(left)));
                    (Some(until(settled.next)), settled.unfinished.map(Ended::Error))
                }
                Ok(Ok(Err(error))) => (None, Some(Ended::Error(error))),
                Ok(Err(_)) => (None, Some(Ended::Panicked)),
                Err(_) => (None, Some(Ended::TimedOut)),
            };
            let (outcome, again) = backoff.note(&id, &uid, error);
            let wait = next.into_iter().chain(again).min().unwrap_or(BACKSTOP);
            metrics.reconciled(name, outcome, started.elapsed());
            metrics.backing_off(name, backoff.len());
            let gets_on = ["settled", "refused"].contains(&outcome);
            gates.set(name, progress.note(gets_on, backoff.failing(), Instant::now()));
            ended + wait
        }
        .instrument(span)
    };
    work_off(queue, store, usize::from(concurrency), debounce, |object| once(object, Arc::clone(&context)), gone).await;
}

/// How an attempt ended that did not come to rest.
enum Ended {
    Error(Error),
    Panicked,
    TimedOut,
}

/// Looks at what the queue names, and at each again when `once` says, until the queue ends.
async fn work_off<K, Fut>(
    queue: impl Stream<Item = Id<K>>,
    store: Store<K>,
    concurrency: usize,
    debounce: Duration,
    once: impl Fn(Arc<K>) -> Fut,
    gone: impl Fn(&Id<K>),
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
            if let Some(object) = store.get(&id) {
                let attempt = once(object);
                running.spawn(async move { (id, attempt.await) });
            } else {
                gone(&id);
                agenda.done(id, None);
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
        if settled || failing == 0 {
            *since = None;
            return true;
        }
        let since = *since.get_or_insert(now);
        failing < STUCK_OBJECTS || now.duration_since(since) < STUCK_AFTER
    }
}

/// The versions in which objects were left, and when, until the cache has come so far.
struct Left<K>(Mutex<HashMap<Id<K>, Version>>);

struct Version {
    uid: String,
    number: u64,
    at: Instant,
}

impl<K> Default for Left<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K> Left<K> {
    fn note(&self, id: &Id<K>, uid: &str, version: Option<String>) {
        if let Some(number) = version.and_then(|version| version.parse().ok()) {
            let version = Version { uid: uid.to_owned(), number, at: Instant::now() };
            self.versions().insert(id.clone(), version);
        }
    }

    /// Whether a newer version was written than the one seen, not long ago: a restore of etcd takes versions back.
    /// Versions of one kind can be compared (KEP-5504).
    fn is_newer(&self, id: &Id<K>, uid: &str, seen: Option<&str>, now: Instant) -> bool {
        let mut versions = self.versions();
        let seen: Option<u64> = seen.and_then(|seen| seen.parse().ok());
        let newer = versions.get(id).zip(seen).is_some_and(|(left, seen)| {
            left.uid == uid && left.number > seen && now.duration_since(left.at) < LATE_AT_MOST
        });
        if !newer {
            versions.remove(id);
        }
        newer
    }

    fn forget(&self, id: &Id<K>) {
        self.versions().remove(id);
    }

    fn versions(&self) -> MutexGuard<'_, HashMap<Id<K>, Version>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What has not come to rest, until it does or is gone.
struct Backoff<K>(Mutex<HashMap<Id<K>, Failures>>);

struct Failures {
    uid: String,
    since: Instant,
    in_a_row: u32,
    /// Whether the API server refuses what the object asks for: that object's trouble, and not the controller's.
    refused: bool,
}

impl<K> Default for Backoff<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K> Backoff<K> {
    /// Takes note of how an attempt ended. Gives back the outcome in one word, and after how long it is tried again.
    fn note(&self, id: &Id<K>, uid: &str, ended: Option<Ended>) -> (&'static str, Option<Duration>) {
        let Some(ended) = ended else {
            self.forget(id);
            return ("settled", None);
        };
        if let Ended::Error(Error::Conflict(message)) = &ended {
            tracing::debug!(message, "conflict; looking again");
            return ("conflict", Some(jitter(Duration::from_millis(500))));
        }
        let refused = matches!(&ended, Ended::Error(Error::Refused(refusal)) if !refusal.is_for_rights());
        let wait = self.next(id, uid, refused);
        let outcome = match ended {
            Ended::Error(Error::Refused(refusal)) => {
                tracing::warn!(message = %refusal, ?wait, "refused; trying again");
                "refused"
            }
            Ended::Error(Error::Conflict(message) | Error::Transient(message)) => {
                tracing::warn!(message, ?wait, "failed; trying again");
                "failed"
            }
            Ended::Panicked => {
                tracing::error!(?wait, "panicked; trying again");
                "panicked"
            }
            Ended::TimedOut => {
                tracing::error!(?wait, "took longer than {DEADLINE:?}; trying again");
                "timeout"
            }
        };
        (outcome, Some(wait))
    }

    fn next(&self, id: &Id<K>, uid: &str, refused: bool) -> Duration {
        let mut failures = self.failures();
        let fresh = || Failures { uid: uid.to_owned(), since: Instant::now(), in_a_row: 0, refused };
        let failed = failures.entry(id.clone()).or_insert_with(fresh);
        if failed.uid != uid {
            *failed = fresh();
        }
        let wait = wait_after(failed.in_a_row, failed.since.elapsed());
        failed.in_a_row = failed.in_a_row.saturating_add(1).min(16);
        failed.refused = refused;
        jitter(wait)
    }

    /// Since when an object has not come to rest.
    fn since(&self, id: &Id<K>, uid: &str) -> Option<Instant> {
        self.failures().get(id).filter(|failed| failed.uid == uid).map(|failed| failed.since)
    }

    /// Forgets an object; whether it was known.
    fn forget(&self, id: &Id<K>) -> bool {
        self.failures().remove(id).is_some()
    }

    fn len(&self) -> usize {
        self.failures().len()
    }

    /// How many objects fail by no fault of their own.
    fn failing(&self) -> usize {
        self.failures().values().filter(|failed| !failed.refused).count()
    }

    fn failures(&self) -> MutexGuard<'_, HashMap<Id<K>, Failures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until the next moment, but look again at least every hour or so: a missed event is made good.
fn until(next: Option<Timestamp>) -> Duration {
    let backstop = jitter(BACKSTOP);
    let wait = next.map(|at| at.duration_since(clock::now()));
    wait.map_or(backstop, |wait| Duration::try_from(wait).unwrap_or(Duration::ZERO).min(backstop))
}

/// How long an object is left alone that has failed so often and for so long. What changes beside it has it looked at often, and
/// that is no reason to look later: it is not left alone for longer than it has been failing.
fn wait_after(in_a_row: u32, lasted: Duration) -> Duration {
    let second = Duration::from_secs(1);
    second.saturating_mul(2_u32.saturating_pow(in_a_row)).min(MAX_BACKOFF).min(lasted.max(second))
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
        let lost = Mutex::new(Vec::new());
        let gone = |id: &Id<ConfigMap>| lost.lock().unwrap().push(id.name().to_owned());
        tokio::join!(work_off(asked, store, 2, Duration::ZERO, once, gone), watch);
        assert_eq!(*lost.lock().unwrap(), ["gone"], "what is gone is told, so that it is forgotten");
    }

    fn id(name: &str) -> Id<ConfigMap> {
        Id::new(name)
    }

    #[test]
    fn backoff_grows_to_five_minutes_and_is_forgotten() {
        let (backoff, a) = (Backoff::default(), id("a"));
        let seconds = |n, lasted| wait_after(n, Duration::from_secs(lasted)).as_secs();
        assert_eq!([0, 1, 4, 16].map(|n| seconds(n, 3600)), [1, 2, 16, MAX_BACKOFF.as_secs()]);
        assert_eq!([0, 7, 30].map(|lasted| seconds(16, lasted)), [1, 7, 30], "many passes are no long time");
        assert!((0..12).all(|_| backoff.next(&a, "a", false) <= Duration::from_millis(1100)), "it fails since now");
        assert!(backoff.next(&a, "another of its name", false) <= Duration::from_millis(1100));
        assert!(backoff.forget(&a) && !backoff.forget(&a));
        assert_eq!((backoff.len(), backoff.since(&a, "a")), (0, None));
        assert!(backoff.next(&a, "a", false) <= Duration::from_millis(1100));
    }

    #[test]
    fn what_is_refused_is_tried_again_and_is_no_trouble_of_the_controller() {
        let backoff = Backoff::default();
        let refusal = |text: &str| Error::Refused(Refusal { code: 403, text: text.into(), ..Refusal::default() });
        let denied = "ValidatingAdmissionPolicy 'owner' denied request: every namespace names its owner";
        for name in ["a", "b", "c"] {
            let (outcome, again) = backoff.note(&id(name), name, Some(Ended::Error(refusal(denied))));
            assert!(outcome == "refused" && again.is_some());
        }
        assert_eq!((backoff.len(), backoff.failing()), (3, 0));
        let rights =
            "namespaces is forbidden: User \"yunguan\" cannot create resource \"namespaces\" at the cluster scope";
        backoff.note(&id("a"), "a", Some(Ended::Error(refusal(rights))));
        assert_eq!(backoff.failing(), 1, "rights that the operator lacks are its own trouble");
        assert_eq!(backoff.note(&id("a"), "a", None), ("settled", None));
        assert_eq!((backoff.len(), backoff.failing()), (2, 0));
    }

    #[test]
    fn a_webhook_that_nobody_answers_for_refuses_and_a_server_that_has_trouble_does_not() {
        let error = |code: u16, message: &str| {
            let status = kube::core::Status { code, message: message.into(), ..kube::core::Status::default() };
            Error::from(kube::Error::Api(Box::new(status)))
        };
        let dead =
            "Internal error occurred: failed calling webhook \"a.test\": failed to call webhook: Post \"https://a/\"";
        assert!(matches!(error(500, dead), Error::Refused(refusal) if refusal.text == dead));
        for (code, message) in [(500, "etcdserver: request timed out"), (503, "shutting down"), (429, "slow down")] {
            assert!(matches!(error(code, message), Error::Transient(_)), "{code}");
        }
    }

    #[test]
    fn a_version_older_than_what_was_written_waits_for_the_watch() {
        let (left, now) = (Left::default(), Instant::now());
        let note = |version: &str| left.note(&id("a"), "a", Some(version.into()));
        let is_newer = |seen, now| left.is_newer(&id("a"), "a", Some(seen), now);
        note("9");
        assert!(is_newer("8", now), "numbers, not texts");
        assert!(!left.is_newer(&id("b"), "b", Some("8"), now));
        note("10");
        assert!(is_newer("9", now));
        assert!(!is_newer("10", now));
        assert!(left.versions().is_empty(), "nothing is kept of what was seen");
        note("11");
        assert!(!is_newer("10", Instant::now() + LATE_AT_MOST), "a restore keeps nobody waiting");
        note("opaque");
        assert!(!is_newer("9", now), "what cannot be compared keeps nobody waiting");
        note("12");
        assert!(!left.is_newer(&id("a"), "another of its name", Some("9"), now));
        note("12");
        left.forget(&id("a"));
        assert!(left.versions().is_empty(), "nothing is kept of what is gone");
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
        assert!(!progress.note(false, 3, after(5070)));
        assert!(progress.note(false, 0, after(5080)), "what failed is gone");
        assert!(progress.note(false, 3, after(5090)), "and others have a minute again");
    }

    #[test]
    fn errors_are_told_apart() {
        let status = |code| kube::Error::Api(Box::new(kube::core::Status { code, ..kube::core::Status::default() }));
        assert!(matches!(Error::from(status(409)), Error::Conflict(_)));
        for code in [401, 404, 408, 410, 429, 500, 503, 504] {
            assert!(matches!(Error::from(status(code)), Error::Transient(_)), "{code}");
        }
        for code in [400, 403, 405, 413, 415, 422] {
            assert!(matches!(Error::from(status(code)), Error::Refused(_)), "{code}");
        }
    }
}

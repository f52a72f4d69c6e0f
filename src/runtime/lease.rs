//! Leader election. Every write is guarded by a resourceVersion, and whether another's lease has run out is judged by
//! how long *we* have seen it unchanged, so that clocks need not agree.

use super::apply::params;
use super::fence::Claim;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta};
use kube::{Client, ResourceExt as _};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long a lease lasts, until when its holder must have renewed it, and how often all try.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Others may take it after so long without a renewal.
    pub duration: Duration,
    /// The holder stops acting when it could not renew for so long.
    pub renew_deadline: Duration,
    /// Pause between tries.
    pub retry: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }
}

/// What to do with the lease as it stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    /// It is free, vacated or run out: take it.
    Take,
    /// It is ours: renew it.
    Renew,
    /// Somebody else holds it.
    Wait,
}

/// Decides, from who holds it and for how long it has been seen unchanged.
fn evaluate(holder: Option<&str>, me: &str, unchanged_for: Duration, lasts: Duration) -> Step {
    match holder {
        Some(holder) if holder == me => Step::Renew,
        None | Some("") => Step::Take,
        Some(_) if unchanged_for >= lasts => Step::Take,
        Some(_) => Step::Wait,
    }
}

/// One candidate.
pub struct Candidate {
    api: Api<Lease>,
    name: String,
    me: String,
    terms: Terms,
    seen: Option<(String, Instant)>,
    claim: Claim,
}

impl Candidate {
    /// A candidate for the lease `name`; the claim is current while the lease is surely ours.
    #[must_use]
    pub fn new(client: Client, namespace: &str, name: &str, me: String, terms: Terms, claim: Claim) -> Self {
        Self { api: Api::namespaced(client, namespace), name: name.to_owned(), me, terms, seen: None, claim }
    }

    /// For how long one try may take: an answer that is lost leaves time for another try before the lease is.
    fn patience(&self) -> Duration {
        self.terms.renew_deadline / 3
    }

    /// Waits until the lease is ours.
    pub async fn acquire(&mut self) {
        loop {
            let started = Instant::now();
            match tokio::time::timeout(self.patience(), self.try_once()).await {
                Ok(Ok(true)) => return self.claim.extend(started + self.terms.renew_deadline),
                Ok(Ok(false)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "lease could not be taken; trying again"),
                Err(_) => tracing::warn!("the API server does not answer about the lease; trying again"),
            }
            tokio::time::sleep(self.terms.retry).await;
        }
    }

    /// Renews until stopped, or until the lease is lost. Vacates it when stopped.
    ///
    /// # Errors
    /// When the lease is lost: the process must end, since another may act.
    pub async fn keep(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => {
                    self.claim.end();
                    self.vacate().await;
                    return Ok(());
                }
                () = tokio::time::sleep(self.terms.retry) => {}
            }
            let left = self.terms.renew_deadline.saturating_sub(renewed.elapsed());
            let started = Instant::now();
            match tokio::time::timeout(left.min(self.patience()), self.try_once()).await {
                Ok(Ok(true)) => {
                    renewed = started;
                    self.claim.extend(started + self.terms.renew_deadline);
                }
                Ok(Ok(false)) => {
                    self.claim.end();
                    anyhow::bail!("another operator took the lease")
                }
                Ok(Err(error)) => tracing::warn!(%error, "lease could not be renewed; trying again"),
                Err(_) => tracing::warn!("the API server does not answer about the lease; trying again"),
            }
            anyhow::ensure!(renewed.elapsed() < self.terms.renew_deadline, "the lease could not be renewed in time");
        }
    }

    /// Whether the lease is ours after one try.
    async fn try_once(&mut self) -> kube::Result<bool> {
        let Some(mut lease) = self.api.get_opt(&self.name).await? else {
            let lease = Lease {
                metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
                spec: Some(self.spec(0)),
            };
            return guarded(self.api.create(&params(), &lease).await);
        };
        let version = lease.resource_version().unwrap_or_default();
        if self.seen.as_ref().is_none_or(|(seen, _)| *seen != version) {
            self.seen = Some((version, Instant::now()));
        }
        let unchanged = self.seen.as_ref().map_or(Duration::ZERO, |(_, since)| since.elapsed());
        let spec = lease.spec.clone().unwrap_or_default();
        let lasts = spec
            .lease_duration_seconds
            .and_then(|s| u64::try_from(s).ok())
            .map_or(self.terms.duration, Duration::from_secs);
        let transitions = spec.lease_transitions.unwrap_or(0);
        let next = match evaluate(spec.holder_identity.as_deref(), &self.me, unchanged, lasts) {
            Step::Wait => return Ok(false),
            Step::Take => self.spec(transitions.saturating_add(1)),
            Step::Renew => LeaseSpec { renew_time: Some(MicroTime(Timestamp::now())), ..spec },
        };
        lease.spec = Some(next);
        lease.metadata.managed_fields = None;
        guarded(self.api.replace(&self.name, &params(), &lease).await)
    }

    fn spec(&self, transitions: i32) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        LeaseSpec {
            holder_identity: Some(self.me.clone()),
            lease_duration_seconds: i32::try_from(self.terms.duration.as_secs()).ok(),
            acquire_time: Some(now.clone()),
            renew_time: Some(now),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }

    /// Gives the lease up at a clean end, so that the next one need not wait.
    async fn vacate(&self) {
        let Ok(Some(mut lease)) = self.api.get_opt(&self.name).await else { return };
        let spec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_deref() != Some(self.me.as_str()) {
            return;
        }
        spec.holder_identity = None;
        lease.metadata.managed_fields = None;
        if let Err(error) = self.api.replace(&self.name, &params(), &lease).await {
            tracing::warn!(%error, "lease could not be vacated; the next operator waits until it runs out");
        }
    }
}

/// Whether the write was ours; somebody else having written first is no error.
fn guarded(result: kube::Result<Lease>) -> kube::Result<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::client::Body;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// An API server that holds a lease of mine, and never answers the request of this number.
    fn server(silent_at: usize) -> Client {
        let asked = AtomicUsize::new(0);
        let service = tower::service_fn(move |_: http::Request<Body>| {
            let number = asked.fetch_add(1, Ordering::Relaxed);
            async move {
                if number == silent_at {
                    return std::future::pending().await;
                }
                let spec = LeaseSpec { holder_identity: Some("me".into()), ..LeaseSpec::default() };
                let lease = Lease { spec: Some(spec), ..Lease::default() };
                Ok::<_, kube::Error>(http::Response::new(Body::from(serde_json::to_vec(&lease).unwrap())))
            }
        });
        Client::new(service, "default")
    }

    #[tokio::test]
    async fn one_lost_answer_loses_no_lease() {
        let terms = Terms {
            duration: Duration::from_secs(15),
            renew_deadline: Duration::from_millis(900),
            retry: Duration::from_millis(20),
        };
        for silent_at in [2, 3, 5] {
            let claim = Claim::default();
            let mut candidate =
                Candidate::new(server(silent_at), "default", "yunguan", "me".into(), terms, claim.clone());
            candidate.acquire().await;
            let kept = tokio::time::timeout(terms.renew_deadline * 2, candidate.keep(CancellationToken::new())).await;
            assert!(kept.is_err(), "ended at request {silent_at}: {kept:?}");
            assert!(claim.is_current());
        }
    }

    #[test]
    fn only_a_free_vacated_or_run_out_lease_is_taken() {
        let lasts = Duration::from_secs(15);
        let cases = [
            (None, 0, Step::Take),
            (Some(""), 0, Step::Take),
            (Some("me"), 0, Step::Renew),
            (Some("me"), 60, Step::Renew),
            (Some("other"), 0, Step::Wait),
            (Some("other"), 14, Step::Wait),
            (Some("other"), 15, Step::Take),
        ];
        for (holder, seconds, step) in cases {
            assert_eq!(evaluate(holder, "me", Duration::from_secs(seconds), lasts), step, "{holder:?} {seconds}");
        }
    }
}

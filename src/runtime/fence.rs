//! No write leaves the process once its lease may be another's: a process that was paused wakes up with work half done,
//! and must not finish it beside the one that took over.

use futures::future::{Either, Ready, ready};
use http::{Method, Request};
use kube::client::Body;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;
use tower::{BoxError, Layer, Service};

/// Until when this process may write. Held by the lease's keeper, asked before every write.
#[derive(Clone, Debug, Default)]
pub struct Claim(Arc<Mutex<Option<Instant>>>);

impl Claim {
    /// Writes may leave until then.
    pub fn extend(&self, until: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    /// No write may leave any more.
    pub fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether a write may leave now.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }
}

/// Why a write did not leave.
#[derive(Debug, thiserror::Error)]
#[error("the lease is not ours any more: nothing was written")]
pub struct Fenced;

/// Puts the fence around a client.
#[derive(Clone, Debug)]
pub struct FenceLayer(pub Claim);

impl<S> Layer<S> for FenceLayer {
    type Service = Fence<S>;

    fn layer(&self, inner: S) -> Fence<S> {
        Fence { inner, claim: self.0.clone() }
    }
}

/// A client that writes only under a current claim.
#[derive(Clone, Debug)]
pub struct Fence<S> {
    inner: S,
    claim: Claim,
}

impl<S> Service<Request<Body>> for Fence<S>
where
    S: Service<Request<Body>, Error = BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Either<S::Future, Ready<Result<S::Response, BoxError>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if passes(request.method(), request.uri().path()) || self.claim.is_current() {
            Either::Left(self.inner.call(request))
        } else {
            Either::Right(ready(Err(Fenced.into())))
        }
    }
}

/// Reading is free, and the lease itself is how a claim begins.
fn passes(method: &Method, path: &str) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) || path.starts_with("/apis/coordination.k8s.io/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn only_reads_and_the_lease_pass_without_a_claim() {
        assert!(passes(&Method::GET, "/api/v1/namespaces"));
        assert!(passes(&Method::PUT, "/apis/coordination.k8s.io/v1/namespaces/yunguan-system/leases/yunguan"));
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert!(!passes(&method, "/apis/yunguan.dev/v1alpha1/clouddomains/main/status"), "{method}");
        }
    }

    #[test]
    fn a_claim_runs_out_by_itself() {
        let claim = Claim::default();
        assert!(!claim.is_current(), "nothing is claimed at first");
        claim.extend(Instant::now() + Duration::from_mins(1));
        assert!(claim.is_current());
        claim.extend(Instant::now());
        assert!(!claim.is_current());
        claim.extend(Instant::now() + Duration::from_mins(1));
        claim.end();
        assert!(!claim.is_current());
    }

    #[tokio::test]
    async fn a_write_after_the_claim_reaches_nobody() {
        let claim = Claim::default();
        let reached = Arc::new(Mutex::new(0));
        let count = Arc::clone(&reached);
        let mut client = FenceLayer(claim.clone()).layer(tower::service_fn(move |_: Request<Body>| {
            *count.lock().unwrap() += 1;
            ready(Ok::<_, BoxError>(()))
        }));
        let put = || Request::put("/apis/yunguan.dev/v1alpha1/x").body(Body::empty()).unwrap();
        let refused = client.call(put()).await.unwrap_err();
        assert!(refused.is::<Fenced>());
        claim.extend(Instant::now() + Duration::from_mins(1));
        client.call(put()).await.unwrap();
        assert_eq!(*reached.lock().unwrap(), 1);
    }
}

//! What the fence of `runtime::fence` itself says about a write.

use futures::FutureExt as _;
use http::Request;
use kube::client::Body;
use std::future::ready;
use std::time::{Duration, Instant};
use tower::{BoxError, Layer as _, Service as _};
use yunguan::runtime::fence::{Claim, FenceLayer};

/// Whether a write passes without a current claim, and with one.
pub fn lets_pass() -> [bool; 2] {
    [Claim::default(), current()].map(|claim| {
        let answers = tower::service_fn(|_: Request<Body>| ready(Ok::<_, BoxError>(())));
        let write = Request::put("/apis/yunguan.dev/v1alpha1/clouddomains/main/status").body(Body::empty());
        let sent = write.ok().and_then(|write| FenceLayer(claim).layer(answers).call(write).now_or_never());
        sent.is_some_and(|answer| answer.is_ok())
    })
}

fn current() -> Claim {
    let claim = Claim::default();
    claim.extend(Instant::now() + Duration::from_hours(1));
    claim
}

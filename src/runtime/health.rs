//! `/livez`, `/readyz` with one line a gate, `/metrics`.

use super::metrics::Metrics;
use axum::{Router, http::StatusCode, routing::get};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// Named conditions of readiness. Leadership is none of them: a standby is ready too.
#[derive(Clone, Default)]
pub struct Gates(Arc<Mutex<BTreeMap<&'static str, bool>>>);

impl Gates {
    /// Opens or closes a gate; a gate that was never set does not exist.
    pub fn set(&self, gate: &'static str, ready: bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(gate, ready);
    }

    fn report(&self) -> (bool, String) {
        let gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (gate, ready) in gates.iter() {
            let _ = writeln!(
                text,
                "[{}]{gate} {}",
                if *ready { '+' } else { '-' },
                if *ready { "ok" } else { "not ready" }
            );
        }
        (!gates.is_empty() && gates.values().all(|ready| *ready), text)
    }
}

/// Serves until cancelled.
///
/// # Errors
/// When the address is taken.
pub async fn serve(listen: SocketAddr, gates: Gates, metrics: Metrics, stop: CancellationToken) -> anyhow::Result<()> {
    let ready = move || async move {
        let (ready, text) = gates.report();
        (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, text)
    };
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(move || async move { metrics.text() }));
    let listener = tokio::net::TcpListener::bind(listen).await?;
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_gate_must_be_open_and_is_named() {
        let gates = Gates::default();
        assert!(!gates.report().0, "nothing is known yet");
        gates.set("watches", true);
        assert_eq!(gates.report(), (true, "[+]watches ok\n".to_owned()));
        gates.set("request", false);
        assert_eq!(gates.report(), (false, "[-]request not ready\n[+]watches ok\n".to_owned()));
    }
}

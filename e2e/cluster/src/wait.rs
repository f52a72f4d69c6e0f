//! Waiting on conditions.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

const INTERVAL: Duration = Duration::from_millis(50);

/// What a look at the world found: `Some` ends the waiting; an error keeps it going and says why.
pub type Seen<T> = Result<Option<T>>;

/// Looks again and again until `look` finds something; on time-out says what was seen last.
///
/// # Errors
/// When `timeout` has passed: names `what` and the last error of `look`, if it had one.
pub async fn wait_until<T>(what: &str, timeout: Duration, mut look: impl AsyncFnMut() -> Seen<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        // A look that hangs must not outlive the deadline.
        let left = timeout.saturating_sub(start.elapsed()).max(INTERVAL);
        let last = match tokio::time::timeout(left, look()).await {
            Ok(Ok(Some(found))) => return Ok(found),
            Ok(Ok(None)) => "not yet".to_owned(),
            Ok(Err(error)) => format!("{error:#}"),
            Err(_) => "no answer to the last look".to_owned(),
        };
        if start.elapsed() >= timeout {
            bail!("waited {timeout:?} for {what}; last seen: {last}");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

//! The client: from a kubeconfig, or from the pod it runs in.

use super::fence::{Claim, FenceLayer};
use anyhow::Context as _;
use http::{HeaderValue, header::USER_AGENT};
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use std::path::Path;
use std::time::Duration;

/// The field manager of everything that the operator writes.
pub const FIELD_MANAGER: &str = "yunguan";

/// A client that answers within seconds or fails: retries are the reconcile wrapper's. It writes only while the claim is
/// current, and says in the audit log which process it is.
///
/// # Errors
/// When there is no usable configuration.
pub async fn connect(kubeconfig: Option<&Path>, identity: &str, claim: Claim) -> anyhow::Result<Client> {
    let mut config = match kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path).with_context(|| format!("cannot read {}", path.display()))?;
            Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?
        }
        None => Config::infer().await.context("no cluster: pass --kubeconfig, set KUBECONFIG, or run in a pod")?,
    };
    let agent = format!("yunguan/{} ({identity})", env!("CARGO_PKG_VERSION"));
    config.headers.push((USER_AGENT, HeaderValue::try_from(agent).context("the identity is no header value")?));
    config.connect_timeout = Some(Duration::from_secs(5));
    config.default_retry = false;
    Ok(ClientBuilder::try_from(config)?.with_layer(&FenceLayer(claim)).build())
}

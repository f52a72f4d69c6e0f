//! What kube-state-metrics says of pods and quotas, as far as the recorded rules read it. It cannot be had as a Go module, so
//! these few series are made here, at each scrape, from what the API server has of the real objects.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, ResourceQuota};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};
use tokio::net::TcpListener;

/// Starts it and gives the port on which it is scraped. It ends with the runtime in which it was started.
///
/// # Errors
/// When no port is free.
pub async fn start(client: Client) -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    let show = async |State(client): State<Client>| match series(&client).await {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response(),
    };
    let router = Router::new().fallback(show).with_state(client);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(port)
}

async fn series(client: &Client) -> Result<String> {
    let mut text = String::new();
    let quotas: Api<ResourceQuota> = Api::all(client.clone());
    for quota in quotas.list(&ListParams::default()).await? {
        let (name, namespace) = (quota.name_any(), quota.namespace().unwrap_or_default());
        let status = quota.status.unwrap_or_default();
        for (type_, amounts) in [("hard", status.hard), ("used", status.used)] {
            for (resource, amount) in amounts.unwrap_or_default() {
                let amount = number(&amount).with_context(|| format!("{resource} of {namespace}/{name}"))?;
                writeln!(
                    text,
                    "kube_resourcequota{{namespace=\"{namespace}\",resourcequota=\"{name}\",resource=\"{resource}\",type=\"{type_}\"}} {amount}"
                )?;
            }
        }
    }
    let pods: Api<Pod> = Api::all(client.clone());
    for pod in pods.list(&ListParams::default()).await? {
        let of = format!(
            "namespace=\"{}\",pod=\"{}\",uid=\"{}\"",
            pod.namespace().unwrap_or_default(),
            pod.name_any(),
            pod.uid().unwrap_or_default()
        );
        let status = pod.status.unwrap_or_default();
        for container in status.container_statuses.unwrap_or_default() {
            container_of(&mut text, "kube_pod_container_status", &of, &container)?;
        }
        for container in status.init_container_statuses.unwrap_or_default() {
            container_of(&mut text, "kube_pod_init_container_status", &of, &container)?;
        }
    }
    Ok(text)
}

fn container_of(text: &mut String, series: &str, pod: &str, container: &ContainerStatus) -> Result<()> {
    let labels = format!("{pod},container=\"{}\"", container.name);
    let state = container.state.clone().unwrap_or_default();
    writeln!(text, "{series}_running{{{labels}}} {}", u8::from(state.running.is_some()))?;
    writeln!(text, "{series}_restarts_total{{{labels}}} {}", container.restart_count)?;
    let last = container.last_state.clone().unwrap_or_default();
    for (which, ended) in [("terminated", state.terminated), ("last_terminated", last.terminated)] {
        if let Some(reason) = ended.and_then(|ended| ended.reason) {
            writeln!(text, "{series}_{which}_reason{{{labels},reason=\"{reason}\"}} 1")?;
        }
    }
    Ok(())
}

/// A quantity of Kubernetes as a number.
fn number(quantity: &Quantity) -> Result<f64> {
    let text = quantity.0.as_str();
    let suffixes = [
        ("Ki", 1024_f64),
        ("Mi", 1024_f64.powi(2)),
        ("Gi", 1024_f64.powi(3)),
        ("Ti", 1024_f64.powi(4)),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
    ];
    let found = suffixes.iter().find_map(|(suffix, times)| Some((text.strip_suffix(suffix)?, *times)));
    let (digits, times) = found.unwrap_or((text, 1.0));
    let value: f64 = digits.parse().with_context(|| format!("{text} is no quantity"))?;
    Ok(value * times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_numbers() -> Result<()> {
        for (text, wanted) in [("1Gi", 1_073_741_824.0), ("500m", 0.5), ("20k", 20_000.0), ("16", 16.0), ("1e3", 1e3)] {
            assert!((number(&Quantity(text.to_owned()))? - wanted).abs() < 1e-9, "{text}");
        }
        assert!(number(&Quantity("much".to_owned())).is_err());
        Ok(())
    }
}

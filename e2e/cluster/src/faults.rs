//! Faults between an operator and the API server: a proxy that the operator takes for the API server. It counts writes,
//! strikes at one of them, and holds back, merges or cuts what watches tell.
//!
//! The operator runs as it is, a process of its own; what reaches the API server is done, what does not is not.

mod watches;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use kube::Client;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::people::write_private;
use watches::Flow;

/// Where a crash hits, seen from the write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// It never reaches the API server.
    Before,
    /// It is done, and the operator dies without having heard of it.
    AfterCommit,
    /// It is done and answered, and the operator dies at once.
    AfterAnswer,
}

impl Position {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Before, Self::AfterCommit, Self::AfterAnswer];
}

/// What happens to one write, counted from 1 since the fault was armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The operator is killed.
    Crash(Position),
    /// It is done, and the answer is lost on the way.
    AnswerLost,
    /// It is not done, and the API server answers with this status.
    Refused(u16),
    /// It is done late.
    Slow(Duration),
}

#[derive(Debug, Default)]
struct Armed {
    fault: Option<(u64, Fault)>,
    pid: u32,
    writes: u64,
    log: Vec<String>,
}

struct Inner {
    client: Client,
    armed: Mutex<Armed>,
    struck: watch::Sender<u64>,
    flow: watch::Sender<Flow>,
}

/// The proxy. It ends with the runtime in which it was started.
#[derive(Clone)]
pub struct Proxy {
    port: u16,
    inner: Arc<Inner>,
}

impl Proxy {
    /// Starts one that speaks to the API server as this client, whoever speaks to the proxy.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(client: Client) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let inner = Arc::new(Inner {
            client,
            armed: Mutex::default(),
            struck: watch::Sender::new(0),
            flow: watch::Sender::new(Flow::default()),
        });
        let router = Router::new().fallback(forward).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { port, inner })
    }

    /// A kubeconfig file for the operator.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn kubeconfig(&self, directory: &Path) -> Result<PathBuf> {
        let path = directory.join(format!("proxy-{}.json", self.port));
        let server = format!("http://127.0.0.1:{}", self.port);
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "proxy",
            "clusters": [{"name": "proxy", "cluster": {"server": server}}],
            "users": [{"name": "user", "user": {}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "user"}}],
        });
        write_private(&path, &config)?;
        Ok(path)
    }

    /// Counts writes anew and strikes at the `write`th; `pid` is the operator that a crash kills.
    pub fn arm(&self, write: u64, fault: Fault, pid: u32) {
        *self.armed() = Armed { fault: Some((write, fault)), pid, ..Armed::default() };
    }

    /// Counts writes anew and strikes at none.
    pub fn disarm(&self) {
        *self.armed() = Armed::default();
    }

    /// Writes since the proxy was armed or disarmed: method and path, in the order in which they came.
    #[must_use]
    pub fn writes(&self) -> Vec<String> {
        self.armed().log.clone()
    }

    /// How often it has struck since it was started.
    #[must_use]
    pub fn strikes(&self) -> u64 {
        *self.inner.struck.borrow()
    }

    /// Watches tell nothing until [`Self::release_watches`]; then only the last of each object.
    pub fn hold_watches(&self) {
        self.inner.flow.send_modify(|flow| flow.held = true);
    }

    /// Watches tell what was held back, merged.
    pub fn release_watches(&self) {
        self.inner.flow.send_modify(|flow| flow.held = false);
    }

    /// All watches break off; new ones are fine.
    pub fn cut_watches(&self) {
        self.inner.flow.send_modify(|flow| flow.cuts += 1);
    }

    /// All watches break off, and whoever resumes one is told 410 Gone until [`Self::remember`].
    pub fn forget(&self) {
        self.inner.flow.send_modify(|flow| {
            flow.gone = true;
            flow.cuts += 1;
        });
    }

    /// Watches can be resumed again.
    pub fn remember(&self) {
        self.inner.flow.send_modify(|flow| flow.gone = false);
    }

    fn armed(&self) -> MutexGuard<'_, Armed> {
        self.inner.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Counts a write; what is to happen to it.
    fn count(&self, what: String) -> Option<(Fault, u32)> {
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        armed.writes += 1;
        armed.log.push(what);
        let (write, fault) = armed.fault?;
        let strikes = write == armed.writes;
        strikes.then(|| {
            self.struck.send_modify(|n| *n += 1);
            (fault, armed.pid)
        })
    }

    async fn send(&self, head: axum::http::request::Parts, body: Bytes) -> Result<Response<kube::client::Body>> {
        let mut request = Request::from_parts(head, kube::client::Body::from(body.to_vec()));
        for name in [header::HOST, header::AUTHORIZATION, header::CONNECTION, header::CONTENT_LENGTH] {
            request.headers_mut().remove(name);
        }
        Ok(self.client.send(request).await?)
    }
}

/// Whether it asks for a lasting change.
fn is_write(method: &Method, path: &str) -> bool {
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let passing = ["coordination.k8s.io", "authorization.k8s.io", "authentication.k8s.io"];
    !reads && !passing.iter().any(|group| path.starts_with(&format!("/apis/{group}/")))
}

async fn forward(Shared(inner): Shared<Arc<Inner>>, request: Request<Body>) -> Response<Body> {
    relay(&inner, request).await.unwrap_or_else(|error| answer(StatusCode::BAD_GATEWAY, &format!("{error:#}")))
}

async fn relay(inner: &Arc<Inner>, request: Request<Body>) -> Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await?;
    let path = head.uri.path().to_owned();
    let watching = head.uri.query().is_some_and(|q| q.split('&').any(|p| p == "watch=true" || p == "watch=1"));
    let resumes = head.uri.query().is_some_and(|q| q.contains("resourceVersion=") && !q.contains("resourceVersion=0"));
    if watching && resumes && inner.flow.borrow().gone {
        return Ok(answer(StatusCode::GONE, "too old resource version"));
    }
    let strike = is_write(&head.method, &path).then(|| inner.count(format!("{} {path}", head.method))).flatten();
    match strike {
        Some((Fault::Crash(Position::Before), pid)) => {
            kill(pid).await?;
            return Ok(answer(StatusCode::BAD_GATEWAY, "nobody hears this"));
        }
        Some((Fault::Refused(code), _)) => return Ok(answer(StatusCode::from_u16(code)?, "a fault of the test")),
        Some((Fault::Slow(by), _)) => tokio::time::sleep(by).await,
        _ => {}
    }
    // A task of its own: what has reached the API server is done, also when the operator that asked is dead.
    let sender = Arc::clone(inner);
    let response = tokio::spawn(async move { sender.send(head, body).await }).await??;
    let (mut head, body) = response.into_parts();
    clean(&mut head.headers);
    if watching {
        let body = watches::through(kube_stream(body), inner.flow.subscribe());
        return Ok(Response::from_parts(head, Body::from_stream(body)));
    }
    let whole = http_body_util::BodyExt::collect(body).await.context("the API server's answer breaks off")?.to_bytes();
    match strike {
        Some((Fault::Crash(Position::AfterCommit), pid)) => {
            kill(pid).await?;
            Ok(answer(StatusCode::BAD_GATEWAY, "nobody hears this"))
        }
        Some((Fault::Crash(Position::AfterAnswer), pid)) => {
            // As soon as the answer is on its way.
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                let _ = kill(pid).await;
            });
            Ok(Response::from_parts(head, Body::from(whole)))
        }
        Some((Fault::AnswerLost, _)) => {
            let lost = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("lost")) });
            Ok(Response::from_parts(head, Body::from_stream(lost)))
        }
        _ => Ok(Response::from_parts(head, Body::from(whole))),
    }
}

fn kube_stream(body: kube::client::Body) -> impl futures::Stream<Item = Result<Bytes, kube::Error>> + Send + 'static {
    use futures::TryStreamExt as _;
    http_body_util::BodyExt::into_data_stream(body).map_err(|error| kube::Error::Service(error.into()))
}

/// Headers that belong to the connection to the API server, not to the one to the operator.
fn clean(headers: &mut HeaderMap) {
    for name in [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH] {
        headers.remove(name);
    }
}

fn answer(code: StatusCode, message: &str) -> Response<Body> {
    let reason = match code.as_u16() {
        409 => "Conflict",
        410 => "Expired",
        422 => "Invalid",
        429 => "TooManyRequests",
        _ => "InternalError",
    };
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code.as_u16(),
    });
    let mut response = Response::new(Body::from(status.to_string()));
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

async fn kill(pid: u32) -> Result<()> {
    let status = tokio::process::Command::new("kill").args(["-s", "KILL", &pid.to_string()]).status().await?;
    anyhow::ensure!(status.success(), "kill -s KILL {pid} failed: {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_and_access_reviews_are_no_writes() {
        assert!(is_write(&Method::POST, "/api/v1/namespaces"));
        assert!(is_write(&Method::PUT, "/apis/yunguan.dev/v1alpha1/clouddomains/main/status"));
        assert!(!is_write(&Method::GET, "/api/v1/namespaces"));
        assert!(!is_write(&Method::PUT, "/apis/coordination.k8s.io/v1/namespaces/yunguan-system/leases/yunguan"));
        assert!(!is_write(&Method::POST, "/apis/authorization.k8s.io/v1/subjectaccessreviews"));
    }
}

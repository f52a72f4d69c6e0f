//! What stands around a Prometheus in tests: something that it scrapes, and a proxy between it and who asks, which can spoil
//! answers, ask for a token and speak TLS.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::serve::Listener;
use futures::StreamExt as _;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};
use tokio_rustls::server::TlsStream;

use crate::certs::Authority;
use crate::http;

/// Something to be scraped: shows what it is told to. It ends with the runtime in which it was started.
#[derive(Clone, Debug, Default)]
pub struct Exporter {
    text: Arc<Mutex<String>>,
    port: u16,
}

impl Exporter {
    /// Starts one that shows nothing yet.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let this = Self { port: listener.local_addr()?.port(), ..Self::default() };
        let show = async |State(text): State<Arc<Mutex<String>>>| {
            let text = text.lock().unwrap_or_else(PoisonError::into_inner).clone();
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text)
        };
        let router = Router::new().fallback(show).with_state(Arc::clone(&this.text));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(this)
    }

    /// Shows this from now on, in Prometheus' text format.
    pub fn show(&self, text: String) {
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    /// Where it is scraped.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// What is wrong with answers.
#[derive(Clone, Debug, Default)]
pub enum Trouble {
    /// Nothing.
    #[default]
    None,
    /// They say something else.
    Edited(fn(&mut Value)),
    /// They come late.
    Slow(Duration),
    /// They end in the middle.
    Cut,
    /// They are so many bytes long.
    Huge(usize),
    /// They are refused, with this status.
    Refused(u16),
}

struct Inner {
    prometheus: u16,
    token: Option<String>,
    state: Mutex<(Trouble, Vec<String>)>,
}

/// A proxy before a Prometheus. It ends with the runtime in which it was started.
#[derive(Clone)]
pub struct MetricsProxy {
    inner: Arc<Inner>,
    url: String,
}

impl MetricsProxy {
    /// Starts one, for whoever asks.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(prometheus: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
        Ok(Self::serve(prometheus, None, listener, url))
    }

    /// Starts one that speaks TLS and wants a token; both come to lie in `credentials`, as a mounted Secret has them.
    ///
    /// # Errors
    /// When no port is free, or the folder cannot be written.
    pub async fn start_tls(prometheus: u16, token: &str, credentials: &Path) -> Result<Self> {
        let authority = Authority::new("metrics")?;
        let identity = authority.server("metrics", &[Ipv4Addr::LOCALHOST])?;
        fs::create_dir_all(credentials)?;
        fs::write(credentials.join("ca.crt"), &authority.cert)?;
        fs::write(credentials.join("token"), token)?;
        let certs = vec![CertificateDer::from_pem_slice(identity.cert.as_bytes())?];
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())?;
        let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(certs, key)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("https://127.0.0.1:{}", listener.local_addr()?.port());
        let listener = Tls { listener, acceptor: TlsAcceptor::from(Arc::new(config)) };
        Ok(Self::serve(prometheus, Some(token.to_owned()), listener, url))
    }

    fn serve<L: Listener<Addr = SocketAddr>>(prometheus: u16, token: Option<String>, listener: L, url: String) -> Self {
        let inner = Arc::new(Inner { prometheus, token, state: Mutex::default() });
        let router = Router::new().fallback(forward).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { inner, url }
    }

    /// Where it is asked.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on this is wrong with every answer.
    pub fn trouble(&self, trouble: Trouble) {
        self.inner.with(|state| state.0 = trouble);
    }

    /// What was asked since the last look.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.inner.with(|state| std::mem::take(&mut state.1))
    }
}

impl Inner {
    fn with<T>(&self, work: impl FnOnce(&mut (Trouble, Vec<String>)) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A question is a form; the same text goes on to the Prometheus as the query of a URL.
async fn forward(State(inner): State<Arc<Inner>>, headers: HeaderMap, form: String) -> Response<Body> {
    let wanted = inner.token.as_ref().map(|token| format!("Bearer {token}"));
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if wanted.is_some() && wanted.as_deref() != given {
        return answer(StatusCode::UNAUTHORIZED, Body::empty());
    }
    let trouble = inner.with(|state| {
        state.1.push(form.clone());
        state.0.clone()
    });
    let Ok(text) = http::get(inner.prometheus, &format!("/api/v1/query?{form}")).await else {
        return answer(StatusCode::BAD_GATEWAY, Body::empty());
    };
    let body = match trouble {
        Trouble::None => Body::from(text),
        Trouble::Edited(edit) => {
            let mut value: Value = serde_json::from_str(&text).unwrap_or_default();
            edit(&mut value);
            Body::from(value.to_string())
        }
        Trouble::Slow(by) => {
            tokio::time::sleep(by).await;
            Body::from(text)
        }
        Trouble::Cut => {
            let half = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
            // The half must be on its way before the connection ends, or there would be no answer at all.
            let cut = async {
                tokio::time::sleep(Duration::from_millis(200)).await;
                Err(io::Error::other("cut"))
            };
            Body::from_stream(futures::stream::iter([Ok(half)]).chain(futures::stream::once(cut)))
        }
        Trouble::Huge(bytes) => {
            let chunk = Bytes::from(vec![b' '; 1 << 20]);
            let parts = (0..bytes >> 20).map(move |_| Ok::<_, io::Error>(chunk.clone()));
            Body::from_stream(futures::stream::iter(parts))
        }
        Trouble::Refused(status) => {
            return answer(StatusCode::from_u16(status).unwrap_or_default(), Body::empty());
        }
    };
    answer(StatusCode::OK, body)
}

fn answer(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, from) = Listener::accept(&mut self.listener).await;
            // Who does not trust the certificate leaves again.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

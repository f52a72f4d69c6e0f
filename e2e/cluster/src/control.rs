//! The socket through which the commands speak with the process that holds the cluster: one line of JSON each way.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use yunguan_cluster::{Cluster, Person};

/// What a command wants.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Ask {
    Status,
    Stop,
    Kubeconfig(Person),
    ServiceAccount { namespace: String, name: String },
}

/// What it gets.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Text(String),
    Error(String),
}

impl Answer {
    pub(crate) fn into_text(self) -> Result<String> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Error(error) => bail!(error),
        }
    }
}

/// Asks; nobody there is no error.
pub(crate) async fn ask(socket: &Path, ask: &Ask) -> Result<Option<Answer>> {
    let stream = match UnixStream::connect(socket).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut stream = BufReader::new(stream);
    send(&mut stream, ask).await?;
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    Ok(Some(serde_json::from_str(&line).context("no answer")?))
}

/// Answers until somebody asks to stop, or a signal does.
pub(crate) async fn serve(cluster: &Cluster, socket: &Path) -> Result<()> {
    // Left by one that was killed; the caller holds the lock.
    if socket.exists() {
        std::fs::remove_file(socket)?;
    }
    let listener = UnixListener::bind(socket).with_context(|| format!("cannot listen on {}", socket.display()))?;
    let mut terminate = signal(SignalKind::terminate())?;
    loop {
        let stream = tokio::select! {
            stream = listener.accept() => stream?.0,
            _ = terminate.recv() => return Ok(()),
            end = tokio::signal::ctrl_c() => return Ok(end?),
        };
        match converse(cluster, stream).await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            // One that hangs up in the middle is not our trouble.
            Err(error) => eprintln!("{error:#}"),
        }
    }
}

/// Answers one question; true if it was to stop.
async fn converse(cluster: &Cluster, stream: UnixStream) -> Result<bool> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let ask: Ask = serde_json::from_str(&line)?;
    let text = match &ask {
        Ask::Status => status(cluster),
        Ask::Stop => Ok(String::new()),
        Ask::Kubeconfig(person) => cluster.kubeconfig(person).map(|path| path.display().to_string()),
        Ask::ServiceAccount { namespace, name } => {
            cluster.service_account(namespace, name).await.map(|path| path.display().to_string())
        }
    };
    let answer = text.map_or_else(|error| Answer::Error(format!("{error:#}")), Answer::Text);
    send(&mut stream, &answer).await?;
    Ok(matches!(ask, Ask::Stop))
}

fn status(cluster: &Cluster) -> Result<String> {
    let admin = cluster.kubeconfig(&Person::admin())?;
    let programs = [cluster.etcd(), cluster.apiserver(), cluster.controller_manager()];
    let mut text = format!("# {} in {}\n", cluster.server(), cluster.directory().display());
    for program in programs {
        let state = if program.exited()?.is_some() { "has ended, see its log" } else { "runs" };
        writeln!(text, "# {} (pid {}) {state}", program.spec().name, program.pid())?;
    }
    Ok(text + &format!("export KUBECONFIG={}", admin.display()))
}

async fn send(stream: &mut BufReader<UnixStream>, message: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(stream.write_all(&line).await?)
}

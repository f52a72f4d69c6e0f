//! A real Kubernetes control plane (etcd, kube-apiserver, kube-controller-manager) on one machine, for tests, the demo
//! and benchmarks: no root, no Docker, nothing left behind.
//!
//! Everything of a cluster lives in one directory and listens on 127.0.0.1. Its programs and its directory vanish when
//! the [`Cluster`] is dropped, and also when the process that holds it is killed. A [`Node`] that runs pods can be added
//! where the machine allows it.

pub mod audit;
mod certs;
pub mod clock;
mod control_plane;
pub mod faults;
mod http;
pub mod metrics;
pub mod node;
pub mod operator;
pub mod people;
pub mod ports;
pub mod process;
pub mod programs;
pub mod prometheus;
pub mod scenery;
pub mod state_metrics;
mod wait;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::OnceCell;

pub use clock::Clock;
pub use metrics::{Exporter, MetricsProxy, Trouble};
pub use node::Node;
pub use operator::{Operator, OperatorSpec};
pub use people::Person;
pub use process::{Program, Spec};
pub use prometheus::{History, Prometheus};
pub use wait::{Seen, wait_until};

use certs::Authority;
use process::Leashes;

/// How a cluster is to be.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether etcd waits for the disk. Slower; only a test that pulls the plug needs it (`kill -9` does not: what was
    /// written is with the kernel then).
    pub fsync: bool,
    /// Where everything lives: an absent or empty directory, which is removed at the end. By default a new one among
    /// the temporary files.
    pub directory: Option<PathBuf>,
}

/// A running control plane. Dropping it kills it and removes its directory.
#[derive(Debug)]
pub struct Cluster {
    // Dropped in this order: the programs before the directory.
    apiserver: Program,
    controller_manager: Program,
    etcd: Program,
    leashes: Leashes,
    directory: PathBuf,
    port: u16,
    kubectl: PathBuf,
    serving: Authority,
    clients: Authority,
    front_proxy: Authority,
}

/// What a program printed and how it ended.
#[derive(Clone, Debug)]
pub struct Output {
    /// The exit code; -1 after a signal.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Cluster {
    /// The cluster that all tests of one test program share. It ends with the program.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Cluster> = OnceCell::const_new();
        // The programs belong to no runtime, so the cluster outlives the test whose runtime started it.
        SHARED.get_or_try_init(|| Self::start(Options::default())).await
    }

    /// The directory with everything: logs, certificates, data, kubeconfig files.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The URL of the API server.
    #[must_use]
    pub fn server(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The API server's process. After killing it: [`Program::start_again`], then [`Self::ready`].
    #[must_use]
    pub fn apiserver(&self) -> &Program {
        &self.apiserver
    }

    /// etcd's process; data and ports stay over a restart.
    #[must_use]
    pub fn etcd(&self) -> &Program {
        &self.etcd
    }

    /// The controller manager's process.
    #[must_use]
    pub fn controller_manager(&self) -> &Program {
        &self.controller_manager
    }

    /// The audit log, from its beginning.
    #[must_use]
    pub fn audit(&self) -> audit::Log {
        audit::Log::new(self.directory.join("audit.log"))
    }

    /// The audit log, from now on.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn audit_from_now(&self) -> Result<audit::Log> {
        let mut log = self.audit();
        log.skip()?;
        Ok(log)
    }

    /// Runs another program that ends with this cluster.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(&self, spec: Spec) -> Result<Program> {
        Program::start(spec, &self.leashes)
    }

    /// `kubectl` as this person, to add arguments and environment to (a plugin's directory on PATH, say).
    ///
    /// # Errors
    /// As [`Self::kubeconfig`].
    pub fn kubectl_command(&self, person: &Person) -> Result<Command> {
        let mut command = Command::new(&self.kubectl);
        command
            .env("KUBECONFIG", self.kubeconfig(person)?)
            .env("KUBECACHEDIR", self.directory.join("kubectl-cache"))
            .kill_on_drop(true);
        Ok(command)
    }

    /// Runs `kubectl` as this person.
    ///
    /// # Errors
    /// When it cannot be run; a failure of kubectl itself is in the output.
    pub async fn kubectl<S: AsRef<OsStr>>(&self, person: &Person, args: &[S]) -> Result<Output> {
        self.kubectl_with(person, args, "").await
    }

    /// Runs `kubectl` as this person with this standard input.
    ///
    /// # Errors
    /// As [`Self::kubectl`].
    pub async fn kubectl_with<S: AsRef<OsStr>>(&self, person: &Person, args: &[S], stdin: &str) -> Result<Output> {
        let mut command = self.kubectl_command(person)?;
        command.args(args);
        output(command, stdin).await
    }

    /// Stops everything and waits until nothing is left of it.
    ///
    /// # Errors
    /// When something could not be ended or removed.
    pub async fn stop(self) -> Result<()> {
        let Self { apiserver, controller_manager, etcd, leashes, .. } = self;
        for program in [&controller_manager, &apiserver, &etcd] {
            program.release().await?;
        }
        drop((apiserver, controller_manager, etcd));
        leashes.release().await
    }

    /// Waits until the API server answers and the controller manager works.
    ///
    /// # Errors
    /// When a program ends or `timeout` passes: shows the end of its log.
    pub async fn ready(&self, timeout: Duration) -> Result<()> {
        control_plane::ready(self, timeout).await
    }
}

/// Runs a command with this standard input and collects what it prints.
///
/// # Errors
/// When it cannot be run.
pub async fn output(mut command: Command, stdin: &str) -> Result<Output> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", command.as_std().get_program().display()))?;
    let input = child.stdin.take();
    let feed = async {
        if let Some(mut input) = input {
            // A program that does not read to the end is no error of ours.
            let _ = input.write_all(stdin.as_bytes()).await;
        }
    };
    let ((), output) = tokio::join!(feed, child.wait_with_output());
    let output = output?;
    Ok(Output {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

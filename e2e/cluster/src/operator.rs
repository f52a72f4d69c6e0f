//! The operator as a process of its own, to be killed and restarted.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::process::{Program, Spec};
use crate::{Cluster, http, ports};

const READY_TIMEOUT: Duration = Duration::from_mins(1);

/// How to start an operator.
#[derive(Clone, Debug)]
pub struct OperatorSpec {
    /// Tells operators of one cluster apart; the name of the log.
    pub name: String,
    /// The executable file, `env!("CARGO_BIN_EXE_yunguan")` in the package's tests.
    pub program: PathBuf,
    /// All arguments.
    pub args: Vec<String>,
    /// Environment variables on top of ours.
    pub env: Vec<(String, String)>,
    /// Where the arguments make it listen for probes and metrics.
    pub port: u16,
}

impl OperatorSpec {
    /// `run` with a kubeconfig and a free port; add further arguments to `args`.
    ///
    /// # Errors
    /// When no port is free.
    pub fn run(name: &str, program: impl Into<PathBuf>, kubeconfig: &Path) -> Result<Self> {
        let [port] = ports::free()?;
        let kubeconfig = kubeconfig.display().to_string();
        let args = ["run", "--kubeconfig", &kubeconfig, "--listen", &format!("127.0.0.1:{port}")];
        let args = args.map(str::to_owned).to_vec();
        Ok(Self { name: name.to_owned(), program: program.into(), args, env: Vec::new(), port })
    }
}

/// A running operator; all of [`Program`] (signals, exit, log) is there too. Dropping it kills it.
#[derive(Debug)]
pub struct Operator {
    program: Program,
    port: u16,
}

impl Deref for Operator {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.program
    }
}

impl Operator {
    /// Starts it without waiting for readiness: for one that must not become ready.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(cluster: &Cluster, spec: OperatorSpec) -> Result<Self> {
        let OperatorSpec { name, program, args, env, port } = spec;
        let log = cluster.directory().join(format!("{name}.log"));
        let program = cluster.run(Spec { name, program, args, env, log })?;
        Ok(Self { program, port })
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// When it ends, or is not ready within a minute: shows the end of its log.
    pub async fn start(cluster: &Cluster, spec: OperatorSpec) -> Result<Self> {
        let operator = Self::spawn(cluster, spec)?;
        operator.wait_ready(READY_TIMEOUT).await?;
        Ok(operator)
    }

    /// Starts it again after its end and waits until it is ready.
    ///
    /// # Errors
    /// As [`Self::start`], and when it still runs.
    pub async fn restart(&self) -> Result<()> {
        self.program.start_again()?;
        self.wait_ready(READY_TIMEOUT).await
    }

    /// Waits until `/readyz` answers 200.
    ///
    /// # Errors
    /// When it ends or `timeout` passes: shows the end of its log.
    pub async fn wait_ready(&self, timeout: Duration) -> Result<()> {
        self.program.wait_ready(self.port, "/readyz", timeout).await
    }

    /// The metrics, as text.
    ///
    /// # Errors
    /// When it does not answer with 200.
    pub async fn metrics(&self) -> Result<String> {
        self.get("/metrics").await
    }

    /// The body of a path that it serves.
    ///
    /// # Errors
    /// When it does not answer with 200.
    pub async fn get(&self, path: &str) -> Result<String> {
        http::get(self.port, path).await
    }

    /// The lines of its log that are JSON objects.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log_lines(&self) -> Result<Vec<Value>> {
        let lines = self.log()?;
        Ok(lines.lines().filter_map(|line| serde_json::from_str(line).ok()).filter(Value::is_object).collect())
    }
}

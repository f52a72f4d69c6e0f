//! Programs that cannot outlive us: each runs under a small shell (`leash.sh`) that kills it when our pipe closes.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, PipeWriter};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::http;
use crate::wait::wait_until;

/// How long the kernel may take to end a killed program.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);
const LOG_TAIL_LINES: usize = 20;

/// A directory that disappears with the last of its programs, however their owner ends.
#[derive(Debug)]
pub(crate) struct Leashes {
    held: PipeWriter,
    remover: Child,
}

impl Leashes {
    pub(crate) fn new(directory: &Path) -> Result<Self> {
        let (reader, held) = std::io::pipe()?;
        let remover = shell(include_str!("remove.sh"), "yunguan-remove")
            .arg(directory)
            .stdin(reader)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start /bin/sh")?;
        Ok(Self { held, remover })
    }

    /// Lets go and waits until the directory is gone. The programs must have been let go before.
    pub(crate) async fn release(self) -> Result<()> {
        let Self { held, mut remover } = self;
        drop(held);
        let status =
            wait_until("the programs' directory to be removed", KILL_TIMEOUT, async || Ok(remover.try_wait()?));
        let status = status.await?;
        ensure!(status.success(), "the programs' directory could not be removed: {status}");
        Ok(())
    }
}

/// What to run, so that it can be run again.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Shown in messages, and the name of the log file.
    pub name: String,
    /// The executable file.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Environment variables on top of ours.
    pub env: Vec<(String, String)>,
    /// Standard output and standard error, appended.
    pub log: PathBuf,
}

#[derive(Debug)]
struct Running {
    pid: u32,
    leash: Child,
    /// Dropping it kills the program.
    hold: Option<ChildStdin>,
}

/// One program under a leash. Dropping it kills the program.
#[derive(Debug)]
pub struct Program {
    spec: Mutex<Spec>,
    directory_held: PipeWriter,
    running: Mutex<Running>,
}

impl Program {
    /// Starts it.
    pub(crate) fn start(spec: Spec, leashes: &Leashes) -> Result<Self> {
        let directory_held = leashes.held.try_clone()?;
        let running = spawn(&spec, &directory_held)?;
        Ok(Self { spec: Mutex::new(spec), directory_held, running: Mutex::new(running) })
    }

    /// What runs.
    #[must_use]
    pub fn spec(&self) -> Spec {
        lock(&self.spec).clone()
    }

    /// The process id of the program (of its last run, if it has ended).
    #[must_use]
    pub fn pid(&self) -> u32 {
        lock(&self.running).pid
    }

    /// The exit status if it has ended; of a signal too.
    ///
    /// # Errors
    /// When the kernel cannot be asked.
    pub fn exited(&self) -> Result<Option<ExitStatus>> {
        // The leash reports a signal as the shell does, as 128 + signal.
        let status = lock(&self.running).leash.try_wait()?;
        Ok(status.map(|status| match status.code() {
            Some(code) if code > 128 => ExitStatus::from_raw(code - 128),
            _ => status,
        }))
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// When it still runs after `timeout`.
    pub async fn wait_exit(&self, timeout: Duration) -> Result<ExitStatus> {
        let what = format!("{} (pid {}) to end", self.spec().name, self.pid());
        wait_until(&what, timeout, async || self.exited()).await
    }

    /// SIGKILL, and waits until it is dead.
    ///
    /// # Errors
    /// When it ended before, or does not die.
    pub async fn kill9(&self) -> Result<()> {
        self.signal("KILL").await?;
        self.wait_exit(KILL_TIMEOUT).await?;
        Ok(())
    }

    /// SIGTERM, and waits for a clean end.
    ///
    /// # Errors
    /// When it ended before, or still runs after `timeout` (it is left running, to be looked at).
    pub async fn terminate(&self, timeout: Duration) -> Result<ExitStatus> {
        self.signal("TERM").await?;
        self.wait_exit(timeout).await
    }

    /// SIGSTOP: it keeps its connections and its lease, but does nothing, like a paused machine.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn stop_signal(&self) -> Result<()> {
        self.signal("STOP").await
    }

    /// SIGCONT, after [`Self::stop_signal`].
    ///
    /// # Errors
    /// When it has ended.
    pub async fn cont(&self) -> Result<()> {
        self.signal("CONT").await
    }

    /// Starts it again after its end, with the same arguments, appending to the same log.
    ///
    /// # Errors
    /// When it still runs, or cannot be started.
    pub fn start_again(&self) -> Result<()> {
        ensure!(self.exited()?.is_some(), "{} still runs: end it before starting it again", self.spec().name);
        *lock(&self.running) = spawn(&self.spec(), &self.directory_held)?;
        Ok(())
    }

    /// All that it wrote so far, in all its runs.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log(&self) -> Result<String> {
        let path = self.spec().log;
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The end of the log, for error messages.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let log = self.log().unwrap_or_else(|error| format!("{error:#}"));
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }

    /// Waits until it answers 200 to this path, on this port of the loopback address.
    pub(crate) async fn wait_ready(&self, port: u16, path: &str, timeout: Duration) -> Result<()> {
        let name = self.spec().name;
        let what = format!("{name} to be ready");
        let ready = wait_until(&what, timeout, async || {
            if self.exited()?.is_some() {
                return Ok(Some(()));
            }
            http::get(port, path).await.map(|_| Some(()))
        });
        ready.await.with_context(|| format!("{name} is not ready; its last lines:\n{}", self.log_tail()))?;
        self.ensure_running()
    }

    /// Fails with the end of the log if the program has ended.
    pub(crate) fn ensure_running(&self) -> Result<()> {
        if let Some(status) = self.exited()? {
            bail!("{} ended ({status}); its last lines:\n{}", self.spec().name, self.log_tail());
        }
        Ok(())
    }

    /// Lets go of the program and waits until it is dead.
    pub(crate) async fn release(&self) -> Result<()> {
        drop(lock(&self.running).hold.take());
        self.wait_exit(KILL_TIMEOUT).await?;
        Ok(())
    }

    async fn signal(&self, signal: &str) -> Result<()> {
        self.ensure_running()?;
        let pid = self.pid().to_string();
        let status = tokio::process::Command::new("kill").args(["-s", signal, &pid]).status().await?;
        ensure!(status.success(), "kill -s {signal} {pid} ({}) failed: {status}", self.spec().name);
        Ok(())
    }
}

fn spawn(spec: &Spec, directory_held: &PipeWriter) -> Result<Running> {
    let mut leash = shell(include_str!("leash.sh"), "yunguan-leash")
        .args([spec.log.as_os_str(), spec.program.as_os_str()])
        .args(&spec.args)
        .envs(spec.env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))))
        .stdin(Stdio::piped())
        .stdout(directory_held.try_clone()?)
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start /bin/sh")?;
    let hold = leash.stdin.take();
    let mut line = String::new();
    if let Some(stderr) = leash.stderr.take() {
        BufReader::new(stderr).read_line(&mut line)?;
    }
    let pid = line.trim().parse().with_context(|| format!("cannot start {}: {line}", spec.program.display()))?;
    Ok(Running { pid, leash, hold })
}

fn shell(script: &str, name: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    // A group of its own: Ctrl-C in the terminal is for us, the leash then does the rest.
    command.args(["-c", script, name]).process_group(0);
    command
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The local cluster by hand: `cluster up`, look around with kubectl, `cluster down`.

mod control;

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use yunguan_cluster::scenery::{Namespace, Scenery, of_a_system};
use yunguan_cluster::{Cluster, Options, Person, programs, wait_until};

use control::{Answer, Ask};

const START_TIMEOUT: Duration = Duration::from_mins(3);
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// A Kubernetes control plane on this machine: no root, no Docker, nothing left behind.
#[derive(Parser)]
#[command(name = "cluster")]
struct Arguments {
    /// Where its state lives; a cluster of its own for each directory [default: one per user].
    #[arg(long, global = true, value_name = "DIRECTORY")]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    command: What,
}

#[derive(Subcommand)]
enum What {
    /// Start it in the background and wait until it is ready.
    Up,
    /// Stop it and remove all that it held.
    Down,
    /// Say whether it runs, and where.
    Status,
    /// Print the path of a kubeconfig file for a person (made on the spot).
    Person {
        /// The user name.
        name: String,
        /// The uid; without one the API server sees none.
        #[arg(long)]
        uid: Option<String>,
        /// A group; may be given several times.
        #[arg(long = "group")]
        groups: Vec<String>,
    },
    /// Print the path of a kubeconfig file for a service account, with a token of one day.
    ServiceAccount {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// Run it in the foreground until Ctrl-C (what `up` starts).
    Serve,
    /// Run a Prometheus in the foreground that has weeks of history of namespaces. Prints its address and its pid; SIGUSR1
    /// starts it again after its end.
    Metrics {
        /// How each namespace was used: busy or sleepy.
        #[arg(value_name = "NAMESPACE=USE", value_parser = scene, required = true)]
        namespaces: Vec<(String, Namespace)>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(Arguments { dir, command }: Arguments) -> Result<()> {
    let state = State::new(dir)?;
    let answer = match command {
        What::Up => return up(&state).await,
        What::Down => return down(&state).await,
        What::Metrics { namespaces } => return metrics(namespaces).await,
        What::Serve => return serve(&state).await,
        What::Status => state.ask(&Ask::Status).await?,
        What::Person { name, uid, groups } => {
            let person = Person { uid, groups, ..Person::new(name) };
            state.ask(&Ask::Kubeconfig(person)).await?
        }
        What::ServiceAccount { namespace, name } => state.ask(&Ask::ServiceAccount { namespace, name }).await?,
    };
    let Some(answer) = answer else {
        bail!("no cluster runs in {}: start one with `cluster up`", state.directory.display());
    };
    print(&answer.into_text()?)
}

async fn up(state: &State) -> Result<()> {
    if let Some(answer) = state.ask(&Ask::Status).await? {
        return print(&format!("It runs already.\n{}", answer.into_text()?));
    }
    // Here rather than in the background: a first build takes minutes and shows its progress.
    programs::paths(programs::CONTROL_PLANE).await?;
    let log = File::create(state.log())?;
    let mut server = Command::new(std::env::current_exe()?)
        .arg("--dir")
        .arg(&state.directory)
        .arg("serve")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C and the end of this terminal are not for it.
        .process_group(0)
        .spawn()?;
    let answer = wait_until("the cluster to start", START_TIMEOUT, async || {
        if let Some(status) = server.try_wait()? {
            return Ok(Some(Err(status)));
        }
        Ok(state.ask(&Ask::Status).await?.map(Ok))
    });
    match answer.await? {
        Ok(answer) => print(&answer.into_text()?),
        Err(status) => bail!("the cluster did not start ({status}):\n{}", fs::read_to_string(state.log())?.trim_end()),
    }
}

async fn down(state: &State) -> Result<()> {
    let Some(answer) = state.ask(&Ask::Stop).await? else {
        return print(&format!("No cluster runs in {}.", state.directory.display()));
    };
    answer.into_text()?;
    wait_until("the cluster to stop", STOP_TIMEOUT, async || state.lock()).await?;
    print("Stopped, nothing is left of it.")
}

async fn serve(state: &State) -> Result<()> {
    let Some(_lock) = state.lock()? else {
        bail!("a cluster runs already in {}: see `cluster status`", state.directory.display());
    };
    let options = Options { directory: Some(state.directory.join("cluster")), ..Options::default() };
    let cluster = Cluster::start(options).await?;
    let served = control::serve(&cluster, &state.socket()).await;
    fs::remove_file(state.socket())?;
    cluster.stop().await?;
    served
}

/// One system's use, as the demo tells of it.
fn scene(text: &str) -> Result<(String, Namespace), String> {
    let (namespace, used) = text.split_once('=').ok_or("write NAMESPACE=USE")?;
    let scene = match used {
        "busy" => Namespace { mean: 0.75, top: 0.95, peaks: 4, ..of_a_system() },
        "sleepy" => Namespace { mean: 0.1, top: 0.2, ..of_a_system() },
        _ => return Err(format!("{used}: a namespace is busy or sleepy")),
    };
    Ok((namespace.to_owned(), scene))
}

async fn metrics(namespaces: Vec<(String, Namespace)>) -> Result<()> {
    let Scenery { prometheus, .. } = Scenery::start(namespaces).await?;
    let said = || print(&format!("{} {}", prometheus.url(), prometheus.pid()));
    let mut ends = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    let mut again = signal(SignalKind::user_defined1())?;
    said()?;
    let [terminate, interrupt] = &mut ends;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = again.recv() => {
                prometheus.restart().await?;
                said()?;
            }
        }
    }
    prometheus.stop().await
}

fn print(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}

/// The directory through which the commands find the cluster.
struct State {
    directory: PathBuf,
}

impl State {
    fn new(wanted: Option<PathBuf>) -> Result<Self> {
        // Whoever owns a new file is who we are.
        let me = tempfile::tempfile()?.metadata()?.uid();
        let directory = wanted.unwrap_or_else(|| {
            let base = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
            base.join(format!("yunguan-{me}"))
        });
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        let metadata = fs::metadata(&directory)?;
        ensure!(
            metadata.uid() == me && metadata.mode() & 0o022 == 0,
            "{} can be written by others: name another directory with --dir",
            directory.display()
        );
        Ok(Self { directory: directory.canonicalize()? })
    }

    fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("control")
    }

    /// Held by the process that has the cluster; the kernel releases it when that process ends.
    fn lock(&self) -> Result<Option<File>> {
        let file = File::create(self.directory.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).context("cannot lock"),
        }
    }

    async fn ask(&self, ask: &Ask) -> Result<Option<Answer>> {
        control::ask(&self.socket(), ask).await.with_context(|| at(&self.directory))
    }
}

fn at(directory: &Path) -> String {
    format!("cannot ask the cluster in {}", directory.display())
}

//! The operator's command line.

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use kube::ResourceExt as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use yunguan::operator::{self, Settings};

/// Gives back what passes through it: after thousands of objects were listed, the process is as small as what it holds.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Yunguan (云管): runs a government cloud by its rules.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the operator.
    Run(Settings),
    /// Print the CRDs, or write them to a folder, a file each.
    Crds {
        /// Folder to write to.
        #[arg(long)]
        dir: Option<PathBuf>,
    },
    /// Check objects in YAML and JSON files, without a cluster, and say what was checked.
    Check {
        /// Files or folders.
        #[arg(short = 'f', long = "file", required = true)]
        files: Vec<PathBuf>,
    },
    /// Report decisions in an audit log that were made by impersonation, and what of the log cannot be read.
    Audit {
        /// Audit log: JSON events or lists of them, bare or behind what a log collector puts before them.
        file: PathBuf,
    },
}

/// So many places of a log that cannot be read are named.
const UNREAD_SHOWN: usize = 20;

/// What is logged where RUST_LOG says nothing. The client would log whole objects that it cannot read, telephones included.
const LOGGED: &str = "info,kube_client::client=error";

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().command {
        Command::Run(settings) => {
            tracing_subscriber::fmt()
                .json()
                .flatten_event(true)
                .with_writer(std::io::stderr)
                .with_env_filter(
                    tracing_subscriber::EnvFilter::try_from_default_env()
                        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(LOGGED)),
                )
                .init();
            let ended = tokio::runtime::Runtime::new()?.block_on(operator::run(settings));
            // The last line of the log, where whoever looks for the reason looks first; a backtrace would push it away.
            if let Err(error) = ended {
                tracing::error!(error = format!("{error:#}"), "ended");
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Crds { dir } => crds(dir.as_deref())?,
        Command::Check { files } => {
            let report = yunguan::check::files(&files, jiff::Zoned::now().date())?;
            for line in report.checked.iter().chain(&report.passed_over) {
                writeln!(std::io::stdout(), "{line}")?;
            }
            for problem in &report.problems {
                writeln!(std::io::stderr(), "{problem}")?;
            }
            anyhow::ensure!(report.problems.is_empty(), "{} problems", report.problems.len());
        }
        Command::Audit { file } => {
            let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let found = yunguan::audit::read(&text);
            for line in &found.impersonated {
                writeln!(std::io::stdout(), "{line}")?;
            }
            for line in found.unread.iter().take(UNREAD_SHOWN) {
                writeln!(std::io::stderr(), "{line}")?;
            }
            writeln!(std::io::stderr(), "{} events, {} decisions made", found.events, found.decisions)?;
            let (impersonated, unread) = (found.impersonated.len(), found.unread.len());
            anyhow::ensure!(impersonated == 0, "{impersonated} decisions were made by impersonation");
            anyhow::ensure!(unread == 0, "{unread} places in the log cannot be read, and what they say is unknown");
            anyhow::ensure!(found.events > 0, "there is no event in this log");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn crds(dir: Option<&Path>) -> anyhow::Result<()> {
    for definition in yunguan::api::definitions() {
        let text = yunguan::check::definition_yaml(&definition)?;
        match dir {
            None => writeln!(std::io::stdout(), "---\n{text}")?,
            Some(dir) => {
                let (plural, group) = definition
                    .name_any()
                    .split_once('.')
                    .map(|(p, g)| (p.to_owned(), g.to_owned()))
                    .unwrap_or_default();
                let path = dir.join(format!("{group}_{plural}.yaml"));
                std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            }
        }
    }
    Ok(())
}

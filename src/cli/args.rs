//! The command line. Its help in Chinese is in `help`.

use super::evidence::{self, Report};
use super::lang::Lang;
use crate::api::decision::{LineAmount, TestResult};
use crate::api::decommission::BackupMode;
use crate::api::resource_change::ChangeGround;
use crate::api::usage::Month;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use strum::VariantNames as _;

/// Decide on requests, see what waits for you, and find out why a request is where it is
#[derive(Clone, Debug, Parser)]
#[command(name = "kubectl-yunguan", bin_name = "kubectl yunguan", version)]
pub struct Cli {
    /// What all commands share.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What all commands share.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Kubeconfig file to use
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig to use
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Namespace of the request; the context's own where nothing is said
    #[arg(short, long, global = true, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Language: zh or en; the locale decides where nothing is said
    #[arg(long, global = true, value_enum, value_name = "LANG", hide_possible_values = true)]
    pub lang: Option<Lang>,
    /// Output: table, wide, json or yaml; csv or markdown for usage --month
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT", hide_possible_values = true, hide_default_value = true, default_value_t = Output::Table)]
    pub output: Output,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// For people with wide terminals.
    Wide,
    /// For scripts.
    Json,
    /// For scripts and people.
    Yaml,
    /// For spreadsheets: a month's use alone.
    Csv,
    /// For documents: a month's use alone.
    Markdown,
}

impl Output {
    /// Whether it is the form of a table alone.
    #[must_use]
    pub fn is_of_a_table(self) -> bool {
        matches!(self, Self::Csv | Self::Markdown)
    }
}

/// The commands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// File a draft, or file it again after a return
    Submit(Act),
    /// Approve at the gate that is yours
    Approve(ActWithAmounts),
    /// Reject, with the reason
    Reject(Act),
    /// Return to the unit, with what it has to mend
    Return(ActWithAmounts),
    /// Confirm at the gate that is yours
    Confirm(ActWithAmounts),
    /// File reports
    File(ActWithReports),
    /// Sign the agreement
    Sign(Act),
    /// Take a filing back, before resources are granted
    Withdraw(Act),
    /// Draft a change of a system (annex 2)
    Change(ChangeWish),
    /// Draft a longer time for a temporary expansion, or for an urgent grant
    Extend(ExtendWish),
    /// Draft an emergency expansion, for the provider
    Emergency(EmergencyWish),
    /// Take up what use suggests: drafts the change and files it
    Takeup(Takeup),
    /// Put off what use suggests until a day, with the reason
    Dismiss(Dismiss),
    /// File that a system leaves the cloud (annex 2)
    Decommission(Leave),
    /// Confirm, for the unit, that the backup is whole: its data is wiped after that
    ConfirmBackup(Act),
    /// Attest, for the provider, that nothing is left of its data
    Attest(Attest),
    /// Have a backup or a wipe that failed tried again
    Retry(Retry),
    /// Say, for the authority, that the namespace which a request names may be taken over as it runs
    Adopt(Adopt),
    /// Order that systems of a unit are suspended, and file the order
    Suspend(Suspend),
    /// Lift an order that is in force, with the reason
    Lift(Act),
    /// What would become of a change: track, gates, quota, fee, room, dates; changes nothing
    Whatif(Whatif),
    /// What a domain has left, now and in the coming months
    Capacity(Capacity),
    /// Systems by use, what is found and proposed, and what that would save
    Usage(UsageWish),
    /// Let somebody into your system for a time
    Authorize(Authorize),
    /// End the access of somebody whom you let in
    Revoke(Revoke),
    /// What waits for you, with due dates
    Inbox(Inbox),
    /// One request in detail
    Status(One),
    /// Who did what when, under which digest
    Timeline(One),
    /// Why a request is where it is, and who can move it
    Explain(One),
    /// The service catalog
    #[command(subcommand)]
    Catalog(Catalog),
    /// Who you are, and which roles you hold where
    Whoami,
}

/// What every decision shares.
#[derive(Args, Clone, Debug)]
pub struct Act {
    /// The request or change, as NAME or NAMESPACE/NAME
    pub request: String,
    /// Gate, where more than one is open to you
    #[arg(long, value_name = "GATE")]
    pub gate: Option<String>,
    /// Decide only if the digest starts with this: what you have read, and nothing else
    #[arg(long, value_name = "PREFIX")]
    pub digest: Option<String>,
    /// How it is made.
    #[command(flatten)]
    pub making: Making,
}

/// How a decision is made.
#[derive(Args, Clone, Debug)]
pub struct Making {
    /// Opinion or reason
    #[arg(short = 'm', long, value_name = "TEXT")]
    pub comment: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Show the Decision and create nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Seconds to wait for what becomes of it; 0 does not wait
    #[arg(long, value_name = "SECONDS", default_value_t = 10, hide_default_value = true)]
    pub wait: u64,
}

/// A decision with amounts.
#[derive(Args, Clone, Debug)]
pub struct ActWithAmounts {
    /// The decision.
    #[command(flatten)]
    pub act: Act,
    /// Units of a line, once for each line
    #[arg(long, value_name = "LINE=UNITS", value_parser = grant)]
    pub grant: Vec<LineAmount>,
    /// Confirm what was asked for, on every line that --grant leaves out
    #[arg(long)]
    pub as_asked: bool,
}

/// A decision with reports.
#[derive(Args, Clone, Debug)]
pub struct ActWithReports {
    /// The decision.
    #[command(flatten)]
    pub act: Act,
    /// Report: TYPE=FILE, or TYPE=sha256:HEX,URI for one that is elsewhere
    #[arg(long, required = true, value_name = "TYPE=FILE", value_parser = evidence::parse)]
    pub report: Vec<Report>,
    /// What the reports find: Passed or Failed
    #[arg(long, value_name = "RESULT", value_parser = result)]
    pub result: TestResult,
}

/// Taking a proposal up.
#[derive(Args, Clone, Debug)]
pub struct Takeup {
    /// The RightsizingProposal, as NAME or NAMESPACE/NAME
    pub proposal: String,
    /// The reason in words; what was found where nothing is said
    #[arg(long = "reason", id = "takeup_reason", value_name = "TEXT")]
    pub reason: Option<String>,
    /// How it is filed.
    #[command(flatten)]
    pub making: Making,
}

/// That a system leaves.
#[derive(Args, Clone, Debug)]
pub struct Leave {
    /// The system, as NAME or NAMESPACE/NAME
    pub system: String,
    /// How its data is backed up: offline, live or nothing
    #[arg(long, value_name = "MODE", value_parser = backup)]
    pub backup: BackupMode,
    /// The reason in words
    #[arg(long = "reason", id = "leave_reason", value_name = "TEXT")]
    pub reason: String,
    /// A part that leaves while the system stays, once for each: volume/CLAIM, or service/ITEM of what was opened by hand
    #[arg(long = "item", id = "leave_item", value_name = "KIND/NAME")]
    pub item: Vec<String>,
    /// Delete at the end a namespace that was in use before, with all that is in it
    #[arg(long)]
    pub delete_namespace: bool,
    /// Name of the decommission; one that is free where nothing is said
    #[arg(long = "name", id = "leave_name", value_name = "NAME")]
    pub name: Option<String>,
    /// How it is filed.
    #[command(flatten)]
    pub making: Making,
}

/// That nothing is left.
#[derive(Args, Clone, Debug)]
pub struct Attest {
    /// The decision.
    #[command(flatten)]
    pub act: Act,
    /// Report: NAME=FILE, or NAME=sha256:HEX,URI for one that is elsewhere
    #[arg(long = "report", id = "attested", value_name = "NAME=FILE", value_parser = evidence::parse)]
    pub report: Vec<Report>,
    /// One report for all that no --report names
    #[arg(long, value_name = "FILE")]
    pub all: Option<PathBuf>,
}

/// What is taken over.
#[derive(Args, Clone, Debug)]
pub struct Adopt {
    /// The request, as NAME or NAMESPACE/NAME
    #[arg(id = "adopting", value_name = "REQUEST")]
    pub request: String,
    /// Only show what that would change and break
    #[arg(long)]
    pub plan: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Show the plan and mark nothing
    #[arg(long, id = "adopt_dry_run")]
    pub dry_run: bool,
}

/// What is tried again.
#[derive(Args, Clone, Debug)]
pub struct Retry {
    /// The decommission, as NAME or NAMESPACE/NAME
    #[arg(id = "retried", value_name = "DECOMMISSION")]
    pub decommission: String,
}

/// An order that stops systems.
#[derive(Args, Clone, Debug)]
pub struct Suspend {
    /// The systems, all of one unit, as NAME or NAMESPACE/NAME
    #[arg(required = true)]
    pub systems: Vec<String>,
    /// What was done or left undone
    #[arg(long = "ground", id = "order_ground", value_name = "TEXT")]
    pub ground: String,
    /// The article that it breaks; that by which the unit's rules suspend where nothing is said
    #[arg(long, value_name = "ARTICLE")]
    pub article: Option<String>,
    /// What the unit does to have it lifted
    #[arg(long, value_name = "TEXT")]
    pub mend: String,
    /// Name of the sanction; one that is free where nothing is said
    #[arg(long = "name", id = "order_name", value_name = "NAME")]
    pub name: Option<String>,
    /// How it is filed.
    #[command(flatten)]
    pub making: Making,
}

/// Putting a proposal off.
#[derive(Args, Clone, Debug)]
pub struct Dismiss {
    /// The RightsizingProposal, as NAME or NAMESPACE/NAME
    pub proposal: String,
    /// Why
    #[arg(long = "reason", id = "dismiss_reason", value_name = "TEXT")]
    pub reason: String,
    /// Last day for which nothing is proposed by the same rule: 2026-12-31
    #[arg(long = "until", id = "dismissed_until", value_name = "DAY")]
    pub until: String,
    /// How it is made.
    #[command(flatten)]
    pub making: Making,
}

/// Letting somebody in.
#[derive(Args, Clone, Debug)]
pub struct Authorize {
    /// The system, as NAME or NAMESPACE/NAME
    pub system: String,
    /// User name of the person, as the API server knows it
    #[arg(long, value_name = "USER")]
    pub user: String,
    /// Until when: 2026-12-31, 2026-12-31T18:00:00+08:00, or 8h or 3d from now
    #[arg(long, value_name = "TIME")]
    pub until: String,
    /// What for
    #[arg(long, value_name = "TEXT")]
    pub purpose: String,
    /// What may be done: view or operate
    #[arg(long, value_enum, default_value_t = Level::View, hide_default_value = true, hide_possible_values = true)]
    pub level: Level,
    /// How it is made.
    #[command(flatten)]
    pub making: Making,
}

/// What a guest may do.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Level {
    /// Look.
    View,
    /// Work.
    Operate,
}

/// Ending somebody's access.
#[derive(Args, Clone, Debug)]
pub struct Revoke {
    /// The system, as NAME or NAMESPACE/NAME
    pub system: String,
    /// User name of the person
    #[arg(long, value_name = "USER")]
    pub user: String,
    /// How it is made.
    #[command(flatten)]
    pub making: Making,
}

/// What waits.
#[derive(Args, Clone, Debug)]
pub struct Inbox {
    /// Exit with 3 when nothing waits
    #[arg(long)]
    pub exit_code: bool,
}

/// One request.
#[derive(Args, Clone, Debug)]
pub struct One {
    /// The request or change, as NAME or NAMESPACE/NAME
    pub request: String,
}

/// A change of a system.
#[derive(Args, Clone, Debug)]
pub struct ChangeWish {
    /// The system, as NAME or NAMESPACE/NAME
    pub system: String,
    /// What a line is to have afterwards, once for each line; 0 cancels it
    #[arg(required = true, value_name = "LINE=UNITS", value_parser = grant)]
    pub lines: Vec<LineAmount>,
    /// The catalog item of a new line
    #[arg(long, value_name = "LINE=ITEM", value_parser = line_item)]
    pub item: Vec<LineItem>,
    /// Why: Adjustment, StandardExpansion, ForeseeablePeak, Emergency, Reduction or Cancellation
    #[arg(long, value_name = "GROUND", value_parser = ground)]
    pub ground: ChangeGround,
    /// First day or moment of a temporary expansion; now where only --until is given
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Last day, or end, of a temporary expansion: 2026-12-31, 2026-12-31T18:00:00+08:00, or 3d from now
    #[arg(long = "until", id = "window_until", value_name = "TIME")]
    pub until: Option<String>,
    /// Not to take effect before this day or moment
    #[arg(long, value_name = "TIME")]
    pub not_before: Option<String>,
    /// The emergency expansion that this makes good
    #[arg(long, value_name = "CHANGE")]
    pub settles: Option<String>,
    /// Paper: TYPE=FILE, or TYPE=sha256:HEX,URI for one that is elsewhere
    #[arg(long, value_name = "TYPE=FILE", value_parser = evidence::parse)]
    pub document: Vec<Report>,
    /// How it is drafted.
    #[command(flatten)]
    pub drafting: Drafting,
}

/// A longer time.
#[derive(Args, Clone, Debug)]
pub struct ExtendWish {
    /// The change, or the urgent request, by which it was granted, as NAME or NAMESPACE/NAME
    #[arg(id = "extended", value_name = "CHANGE")]
    pub change: String,
    /// New last day, or end: 2026-12-31, or 2026-12-31T18:00:00+08:00
    #[arg(long = "until", id = "new_until", value_name = "TIME")]
    pub until: String,
    /// How it is drafted.
    #[command(flatten)]
    pub drafting: Drafting,
}

/// An emergency.
#[derive(Args, Clone, Debug)]
pub struct EmergencyWish {
    /// The system, as NAME or NAMESPACE/NAME
    pub system: String,
    /// What a line is to have at once, once for each line
    #[arg(required = true, value_name = "LINE=UNITS", value_parser = grant)]
    pub lines: Vec<LineAmount>,
    /// The catalog item of a new line
    #[arg(long, value_name = "LINE=ITEM", value_parser = line_item)]
    pub item: Vec<LineItem>,
    /// How it is drafted.
    #[command(flatten)]
    pub drafting: Drafting,
}

/// How a change is drafted.
#[derive(Args, Clone, Debug)]
pub struct Drafting {
    /// The reason in words
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Name of the change; one that is free where nothing is said
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Print the ResourceChange and create nothing
    #[arg(long = "dry-run", id = "draft_dry_run")]
    pub dry_run: bool,
}

/// The item of a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LineItem {
    /// Line.
    pub line: String,
    /// CatalogItem.
    pub item: String,
}

/// What if.
#[derive(Args, Clone, Debug)]
pub struct Whatif {
    /// A draft that is there, as NAME or NAMESPACE/NAME
    #[arg(value_name = "CHANGE", required_unless_present = "file", conflicts_with = "file")]
    pub draft: Option<String>,
    /// A ResourceChange in a file; - reads standard input
    #[arg(short = 'f', long = "filename", id = "file", value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// What a domain has left.
#[derive(Args, Clone, Debug)]
pub struct Capacity {
    /// The domain; all where nothing is said
    pub domain: Option<String>,
    /// How many months to draw
    #[arg(long, value_name = "NUMBER", default_value_t = 6, hide_default_value = true, value_parser = clap::value_parser!(i32).range(1..=60))]
    pub months: i32,
}

/// Whose use, and when.
#[derive(Args, Clone, Debug)]
pub struct UsageWish {
    /// The system, as NAME or NAMESPACE/NAME; all where nothing is said
    #[arg(id = "used_system", value_name = "SYSTEM", conflicts_with = "month")]
    pub system: Option<String>,
    /// Only systems of this Organization
    #[arg(long, value_name = "NAME", conflicts_with = "used_system")]
    pub organization: Option<String>,
    /// The utilisation table of a month, such as 2026-11
    #[arg(long, value_name = "MONTH", value_parser = month)]
    pub month: Option<Month>,
}

/// The catalog.
#[derive(Clone, Debug, Subcommand)]
pub enum Catalog {
    /// The items that come nearest to a need
    Suggest(Suggest),
}

/// A need.
#[derive(Args, Clone, Debug)]
pub struct Suggest {
    /// The need in words
    pub words: Vec<String>,
    /// A function that it must have, such as gpu
    #[arg(long, value_name = "WORD")]
    pub function: Vec<String>,
    /// Its size, such as cores=4
    #[arg(long, value_name = "DIMENSION=NUMBER", value_parser = size)]
    pub size: Vec<(String, i64)>,
    /// How many to show
    #[arg(long, value_name = "NUMBER", default_value_t = 5, hide_default_value = true)]
    pub limit: usize,
}

fn grant(text: &str) -> Result<LineAmount, String> {
    let (line, quantity) = size(text)?;
    Ok(LineAmount { line, quantity })
}

fn line_item(text: &str) -> Result<LineItem, String> {
    let (line, item) = text.split_once('=').filter(|(l, i)| !l.is_empty() && !i.is_empty()).ok_or("LINE=ITEM")?;
    Ok(LineItem { line: line.to_owned(), item: item.to_owned() })
}

/// `ForeseeablePeak` and `foreseeable-peak` alike.
fn ground(text: &str) -> Result<ChangeGround, String> {
    let plain = |text: &str| text.replace('-', "").to_lowercase();
    let known = ChangeGround::VARIANTS.iter().find(|name| plain(name) == plain(text));
    known.and_then(|name| name.parse().ok()).ok_or_else(|| ChangeGround::VARIANTS.join(" | "))
}

fn backup(text: &str) -> Result<BackupMode, String> {
    let all = [BackupMode::Offline, BackupMode::Live, BackupMode::Nothing];
    let found = all.into_iter().find(|mode| mode.to_string().eq_ignore_ascii_case(text));
    found.ok_or_else(|| "offline | live | nothing".to_owned())
}

fn month(text: &str) -> Result<Month, String> {
    let day = format!("{text}-01").parse::<jiff::civil::Date>();
    day.map_err(|_| "2026-11".to_owned()).map(crate::core::usage::history::month)
}

fn size(text: &str) -> Result<(String, i64), String> {
    let (name, number) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("NAME=NUMBER")?;
    let number = number.parse::<i64>().map_err(|_| "NAME=NUMBER")?;
    if number < 0 { Err("NAME=NUMBER >= 0".to_owned()) } else { Ok((name.to_owned(), number)) }
}

fn result(text: &str) -> Result<TestResult, String> {
    let all = [TestResult::Passed, TestResult::Failed];
    all.into_iter().find(|r| r.to_string().eq_ignore_ascii_case(text)).ok_or_else(|| "Passed | Failed".to_owned())
}

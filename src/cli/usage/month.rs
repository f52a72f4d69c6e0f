//! The utilisation table of a month (资源利用率统计表, article 27): a line for each system, a sum for each organization.

use super::{Found, Proposed, found, found_text, proposed, proposed_text, saved, saved_text};
use crate::api::common::Money;
use crate::api::names::CONDITION_USAGE_KNOWN;
use crate::api::usage::{Month, MonthUse, Percent};
use crate::api::{InformationSystem, Organization, RightsizingProposal};
use crate::cli::failure::{Exit, Failure};
use crate::cli::lang::Lang;
use crate::cli::moment::Clock;
use crate::cli::page::{Page, clean};
use crate::core::calendar::{add_months, date_in};
use crate::core::effective;
use crate::core::quantity::Amount;
use crate::core::usage::history::{MONTHS, month};
use jiff::Timestamp;
use jiff::civil::Date;
use kube::ResourceExt as _;
use rust_decimal::Decimal;
use serde::Serialize;
use std::collections::BTreeMap;

/// What Excel needs to see that Chinese text is UTF-8; other programs skip it.
const BYTE_ORDER_MARK: char = '\u{feff}';
/// What a cell begins with that a spreadsheet would work out; the wide ones too, in the Chinese and Japanese Excel.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
/// What means something in Markdown.
const MARKDOWN: &str = "\\`*_{}[]<>|#!~&";
const GIBIBYTE: i128 = 1 << 30;

/// The table.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    /// The month.
    pub month: Month,
    /// How many days it has.
    pub days: i64,
    /// By name.
    pub items: Vec<Unit>,
}

/// An organization.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unit {
    /// Its name.
    pub organization: String,
    /// What it is called.
    #[serde(skip)]
    shown: String,
    /// Its systems, by name.
    pub systems: Vec<Line>,
    /// What they were granted together.
    pub granted: Granted,
    /// CNY a month that is proposed to be saved.
    pub saving: Money,
}

/// A system.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Its home namespace.
    pub namespace: String,
    /// Its name.
    pub system: String,
    /// Its full name.
    pub name: String,
    /// What it had at the end of the month, or now while that lasts.
    pub granted: Granted,
    /// What was measured; absent where nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<MonthUse>,
    /// Whether its use is known now.
    pub known: bool,
    /// What is found now.
    pub found: Vec<Found>,
    /// What is proposed now.
    pub proposed: Vec<Proposed>,
}

/// Cores, and GiB of memory and storage, exactly to the thousandth; absent where they cannot be read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Granted {
    /// CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Decimal>,
    /// Memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Decimal>,
    /// Storage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<Decimal>,
}

/// Works the table out of what was read.
///
/// # Errors
/// When the month is still to come, or nothing of it is kept or was measured.
pub fn table(
    lang: Lang,
    wanted: &Month,
    systems: &[InformationSystem],
    proposals: &[RightsizingProposal],
    organizations: &[Organization],
    clock: &Clock,
) -> Result<Table, Failure> {
    let bad = || Failure::new(Exit::Usage, lang.bad_month(&wanted.0), lang.next_help());
    let first: Date = format!("{}-01", wanted.0).parse().map_err(|_| bad())?;
    let next = add_months(first, 1).ok_or_else(bad)?;
    let end = next.to_zoned(clock.zone.clone()).map_err(|_| bad())?.timestamp();
    let lines = systems.iter().filter_map(|system| {
        let line = line(wanted, system, proposals, end.min(clock.now));
        let opened = system.status.as_ref().and_then(|status| status.provisioned_at);
        let there = line.measured.is_some() || opened.is_some_and(|opened| opened.timestamp() < end);
        there.then(|| (system.spec.organization.clone(), line))
    });
    let mut units: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    for (organization, line) in lines {
        units.entry(organization).or_default().push(line);
    }
    if !units.values().flatten().any(|line| line.measured.is_some()) {
        return Err(nothing(lang, wanted, clock));
    }
    let unit = |(organization, mut systems): (String, Vec<Line>)| {
        systems.sort_by(|a, b| (&a.namespace, &a.system).cmp(&(&b.namespace, &b.system)));
        let named = organizations.iter().find(|known| known.name_any() == organization);
        Unit {
            shown: named.map_or(organization.as_str(), |known| known.spec.names.get(lang.chinese())).to_owned(),
            granted: Granted::sum(systems.iter().map(|line| line.granted)),
            saving: saved(systems.iter().map(|line| line.proposed.as_slice())),
            organization,
            systems,
        }
    };
    Ok(Table { month: wanted.clone(), days: days_of(first), items: units.into_iter().map(unit).collect() })
}

fn days_of(first: Date) -> i64 {
    i64::from(first.days_in_month())
}

/// Why there is nothing of a month.
fn nothing(lang: Lang, wanted: &Month, clock: &Clock) -> Failure {
    let today = date_in(clock.now, &clock.zone).first_of_month();
    let kept = i32::try_from(MONTHS).ok().and_then(|months| add_months(today, 1 - months)).unwrap_or(today);
    if *wanted > month(today) {
        Failure::new(Exit::Usage, lang.month_ahead(&wanted.0), lang.next_month(&month(today).0))
    } else if *wanted < month(kept) {
        Failure::new(Exit::Nothing, lang.month_gone(&wanted.0, &MONTHS), lang.next_month(&month(kept).0))
    } else {
        Failure::new(Exit::Nothing, lang.month_empty(&wanted.0), lang.next_month_empty())
    }
}

fn line(wanted: &Month, system: &InformationSystem, proposals: &[RightsizingProposal], at: Timestamp) -> Line {
    let status = system.status.clone().unwrap_or_default();
    let months = status.usage_history.map(|history| history.months).unwrap_or_default();
    Line {
        namespace: system.namespace().unwrap_or_default(),
        system: system.name_any(),
        name: system.spec.name.clone(),
        granted: Granted::at(system, at),
        measured: months.into_iter().find(|entry| entry.month == *wanted),
        known: status.conditions.iter().any(|c| c.type_ == CONDITION_USAGE_KNOWN && c.status == "True"),
        found: found(&status.conditions),
        proposed: proposed(system, proposals),
    }
}

impl Granted {
    fn at(system: &InformationSystem, at: Timestamp) -> Self {
        let Ok(amounts) = effective::amounts_at(&system.spec, at) else { return Self::default() };
        let of = |resource: &str, unit: i128| in_units(amounts.get(resource), unit);
        Self {
            cpu: of("requests.cpu", 1),
            memory: of("requests.memory", GIBIBYTE),
            storage: of("requests.storage", GIBIBYTE),
        }
    }

    /// Nothing where one of them is not known.
    fn sum(all: impl Iterator<Item = Self>) -> Self {
        let add = |a: Option<Decimal>, b: Option<Decimal>| a?.checked_add(b?);
        let none = Self { cpu: Some(Decimal::ZERO), memory: Some(Decimal::ZERO), storage: Some(Decimal::ZERO) };
        all.fold(none, |sum, next| Self {
            cpu: add(sum.cpu, next.cpu),
            memory: add(sum.memory, next.memory),
            storage: add(sum.storage, next.storage),
        })
    }

    fn cells(self) -> [String; 3] {
        let cell = |amount: Option<Decimal>| amount.map(|a| a.normalize().to_string()).unwrap_or_default();
        [cell(self.cpu), cell(self.memory), cell(self.storage)]
    }
}

fn in_units(amount: Amount, unit: i128) -> Option<Decimal> {
    let whole = Decimal::try_from_i128_with_scale(amount.thousandths(), 3).ok()?;
    Some(whole.checked_div(Decimal::try_from_i128_with_scale(unit, 0).ok()?)?.round_dp(3).normalize())
}

impl Table {
    /// The lines under their header: what all the ways to print it have in common.
    #[must_use]
    pub fn rows(&self, lang: Lang) -> (Vec<&'static str>, Vec<Vec<String>>) {
        let header = match lang {
            Lang::En => vec![
                "ORGANIZATION",
                "SYSTEM",
                "NAME",
                "CPU",
                "MEMORY (Gi)",
                "STORAGE (Gi)",
                "MEM-MEAN%",
                "MEM-HIGHEST%",
                "CPU-MEAN%",
                "DISK-HIGHEST%",
                "DAYS MEASURED",
                "DAYS",
                "FOUND NOW",
                "PROPOSED NOW",
                "SAVES (CNY/MONTH)",
            ],
            Lang::Zh => vec![
                "使用单位",
                "系统",
                "系统名称",
                "CPU（核）",
                "内存（Gi）",
                "存储（Gi）",
                "内存平均使用率%",
                "内存最高使用率%",
                "CPU平均使用率%",
                "存储最高使用率%",
                "采集天数",
                "当月天数",
                "目前评价",
                "目前建议",
                "月节省（元）",
            ],
        };
        let rows = self.items.iter().flat_map(|unit| {
            let lines = unit.systems.iter().map(|line| self.line(lang, unit, line));
            lines.chain([self.sum(lang, unit)])
        });
        (header, rows.collect())
    }

    fn line(&self, lang: Lang, unit: &Unit, line: &Line) -> Vec<String> {
        let percent = |percent: Option<Percent>| percent.map(|percent| percent.0).unwrap_or_default();
        let measured = line.measured.clone().unwrap_or_default();
        let mut row = vec![unit.shown.clone(), line.system.clone(), line.name.clone()];
        row.extend(line.granted.cells());
        row.extend([
            percent(measured.memory_mean()),
            percent(measured.memory_peak_percent.clone()),
            percent(measured.cpu_mean()),
            percent(measured.storage_percent.clone()),
            measured.days.to_string(),
            self.days.to_string(),
            found_text(lang, &line.found, line.known),
            proposed_text(lang, &line.proposed),
            saved_text(&line.proposed),
        ]);
        row
    }

    /// What can be added up: shares of different wholes cannot.
    fn sum(&self, lang: Lang, unit: &Unit) -> Vec<String> {
        let mut row = vec![unit.shown.clone(), lang.sum_of(&unit.systems.len()), String::new()];
        row.extend(unit.granted.cells());
        row.extend(std::iter::repeat_n(String::new(), 5));
        let proposals = unit.systems.iter().map(|line| line.proposed.len()).sum::<usize>();
        row.extend([self.days.to_string(), String::new(), lang.proposals_of(&proposals), unit.saving.0.clone()]);
        row
    }
}

/// As text for a terminal.
#[must_use]
pub fn page(lang: Lang, table: &Table) -> Page {
    let (header, rows) = table.rows(lang);
    let mut page = Page::default();
    page.line(format!("{}  {}", lang.pick("UTILISATION", "资源利用率统计表"), table.month.0));
    page.table(header, rows);
    page
}

/// For spreadsheets (RFC 4180).
///
/// # Errors
/// When it cannot be encoded.
pub fn csv(lang: Lang, table: &Table) -> Result<String, csv::Error> {
    let (header, rows) = table.rows(lang);
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(row.iter().map(|cell| harmless(&clean(cell))))?;
    }
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(format!("{BYTE_ORDER_MARK}{}", String::from_utf8_lossy(&bytes)))
}

/// Text of other people that no spreadsheet takes for a formula. No figure of ours begins like one.
fn harmless(cell: &str) -> String {
    if cell.trim_start().starts_with(FORMULA) { format!("'{cell}") } else { cell.to_owned() }
}

/// As a table of Markdown.
#[must_use]
pub fn markdown(lang: Lang, table: &Table) -> String {
    let (header, rows) = table.rows(lang);
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(header.iter().map(|cell| (*cell).to_owned()).collect());
    text.push_str(&line(vec!["---".to_owned(); header.len()]));
    for row in rows {
        text.push_str(&line(row.iter().map(|cell| escaped(&clean(cell))).collect()));
    }
    text
}

/// Text of other people that means nothing in Markdown.
fn escaped(cell: &str) -> String {
    let mut text = String::new();
    for c in cell.chars() {
        if MARKDOWN.contains(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests;

//! The lines of a change: each before, from the record, and after, as its author states it.

use crate::api::bounds;
use crate::api::cloud_resource_request::LineStatus;
use crate::api::information_system::{GrantedLine, Terms};
use crate::api::resource_change::{Change, ChangeLine};
use crate::api::service_product::Fulfilment;
use crate::core::catalog;
use crate::core::fit;
use crate::core::quantity::Amounts;
use crate::core::registry::Registry;
use crate::core::text::{Text, brief};
use crate::core::workflow::least;
use jiff::civil::Date;
use std::collections::BTreeMap;

/// Whether what is asked for is instead of what the system has, or on top of it for some time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mode {
    Instead,
    OnTop,
}

/// So many problems of lines are listed.
const SHOWN: usize = 6;

struct Each {
    name: String,
    before: Option<GrantedLine>,
    asked: i64,
    terms: Result<Option<Terms>, Text>,
}

/// All lines that a change names, and those that stay as they are.
pub(super) struct Lines {
    mode: Mode,
    each: Vec<Each>,
    standing: Vec<GrantedLine>,
    terms: BTreeMap<String, Terms>,
    asked: BTreeMap<String, i64>,
    least: BTreeMap<String, i64>,
    confirmed: Option<BTreeMap<String, i64>>,
}

impl Lines {
    /// At the terms of a day, against the permanent lines that stand.
    pub(super) fn resolve(
        change: &Change,
        standing: &[GrantedLine],
        mode: Mode,
        registry: &Registry,
        domain: &str,
        day: Date,
    ) -> Self {
        Self::new(change, standing, mode, |line, before| terms(line, before, mode, registry, domain, day))
    }

    /// As they were granted: at the terms that are on record.
    pub(super) fn on_record(change: &Change, standing: &[GrantedLine], mode: Mode, granted: &[GrantedLine]) -> Self {
        Self::new(change, standing, mode, |line, before| {
            let granted = granted.iter().find(|l| l.name == line.name).or(before);
            Ok(granted.and_then(|line| line.terms.clone()))
        })
    }

    fn new(
        change: &Change,
        standing: &[GrantedLine],
        mode: Mode,
        terms: impl Fn(&ChangeLine, Option<&GrantedLine>) -> Result<Option<Terms>, Text>,
    ) -> Self {
        let of_line = |line: &ChangeLine| {
            let before = standing.iter().find(|l| l.name == line.name);
            let terms = terms(line, before);
            Each { name: line.name.clone(), before: before.cloned(), asked: line.quantity, terms }
        };
        let each: Vec<Each> = change.lines.iter().map(of_line).collect();
        let terms = each.iter().filter_map(|e| Some((e.name.clone(), e.terms.as_ref().ok()?.clone()?))).collect();
        let asked = each.iter().map(|e| (e.name.clone(), e.asked)).collect();
        let least = each.iter().map(|e| (e.name.clone(), least(e.asked, Some(e.quantity_before())))).collect();
        Self { mode, each, standing: standing.to_vec(), terms, asked, least, confirmed: None }
    }

    pub(super) fn confirmed(mut self, confirmed: Option<&BTreeMap<String, i64>>) -> Self {
        self.confirmed = confirmed.cloned();
        self
    }

    pub(super) fn terms(&self) -> &BTreeMap<String, Terms> {
        &self.terms
    }

    pub(super) fn asked(&self) -> &BTreeMap<String, i64> {
        &self.asked
    }

    pub(super) fn least(&self) -> &BTreeMap<String, i64> {
        &self.least
    }

    /// Whether the provider opens something by hand that the system did not have so much of (article 13).
    pub(super) fn any_by_hand(&self) -> bool {
        self.each.iter().any(|e| {
            let by_hand =
                e.terms.as_ref().is_ok_and(|t| t.as_ref().is_some_and(|t| t.fulfilment == Fulfilment::Manual));
            by_hand && e.asked > e.quantity_before()
        })
    }

    /// Which ways the lines go: whether any goes up, and whether any goes down.
    pub(super) fn directions(&self) -> (bool, bool) {
        let up = self.each.iter().any(|e| e.asked > e.quantity_before());
        (up, self.each.iter().any(|e| e.asked < e.quantity_before()))
    }

    /// Lines that cannot be provided, and why; empty where all can be.
    pub(super) fn problems(&self) -> Vec<Text> {
        let each = self.each.iter().filter_map(|e| {
            let why = e.terms.as_ref().err()?;
            Some(Text::new(format!("line {}: {}", e.name, why.en), format!("行{}：{}", e.name, why.zh)))
        });
        let problems: Vec<Text> = each.collect();
        if !problems.is_empty() {
            return fit::first(problems, SHOWN).0;
        }
        self.granted().and_then(|lines| catalog::total(&lines)).err().into_iter().collect()
    }

    /// What is granted: all that the system has from then on, or, for some time, what comes on top of that.
    pub(super) fn granted(&self) -> Result<Vec<GrantedLine>, Text> {
        match self.mode {
            Mode::Instead => self.after(),
            Mode::OnTop => self
                .each
                .iter()
                .filter(|e| self.quantity(e) > e.quantity_before())
                .map(|e| e.granted(self.quantity(e) - e.quantity_before()))
                .collect(),
        }
    }

    /// Every line that the system has afterwards.
    fn after(&self) -> Result<Vec<GrantedLine>, Text> {
        let named = |name: &str| self.each.iter().find(|e| e.name == name);
        let mut after = Vec::with_capacity(self.standing.len());
        for line in &self.standing {
            match named(&line.name) {
                None => after.push(line.clone()),
                Some(e) if self.quantity(e) == line.quantity => after.push(line.clone()),
                Some(e) => after.push(e.granted(self.quantity(e))?),
            }
        }
        for e in self.each.iter().filter(|e| e.before.is_none()) {
            after.push(e.granted(self.quantity(e))?);
        }
        after.retain(|line| line.quantity > 0);
        if after.len() > bounds::LINES {
            return Err(Text::new(
                format!(
                    "the system would have {} lines, and a grant has room for {}: cancel lines with quantity 0, or add fewer",
                    after.len(),
                    bounds::LINES
                ),
                format!("变更后共{}行，一次授予最多{}行，请注销部分行或减少新增", after.len(), bounds::LINES),
            ));
        }
        Ok(after)
    }

    fn quantity(&self, each: &Each) -> i64 {
        self.confirmed.as_ref().and_then(|c| c.get(&each.name)).copied().unwrap_or(each.asked)
    }

    /// The lines as the status shows them.
    pub(super) fn statuses(&self) -> Vec<LineStatus> {
        self.each
            .iter()
            .map(|e| {
                let quantity = self.quantity(e);
                let terms = e.terms.as_ref().ok().and_then(Option::as_ref);
                let amounts = terms.and_then(|terms| catalog::amounts(terms, quantity).ok());
                LineStatus {
                    name: e.name.clone(),
                    before: Some(e.quantity_before()),
                    asked: e.asked,
                    confirmed: self.confirmed.as_ref().and_then(|c| c.get(&e.name)).copied(),
                    amounts: amounts.as_ref().map(Amounts::print).unwrap_or_default(),
                    monthly_fee: terms.and_then(|terms| catalog::money(catalog::fee(terms, quantity)?)),
                    nearest: Vec::new(),
                    problem: e.terms.as_ref().err().map(|text| brief(&text.to_string())),
                }
            })
            .collect()
    }
}

impl Each {
    fn quantity_before(&self) -> i64 {
        self.before.as_ref().map_or(0, |line| line.quantity)
    }

    fn granted(&self, quantity: i64) -> Result<GrantedLine, Text> {
        let self_procured = self.before.as_ref().and_then(|line| line.self_procured.clone());
        Ok(GrantedLine { name: self.name.clone(), quantity, terms: self.terms.clone()?, self_procured })
    }
}

/// The terms of a line that changes: those of the day. What goes down keeps its own where the day has none any more, since
/// an item that was withdrawn is kept until it is changed, and never added anew (article 13).
fn terms(
    line: &ChangeLine,
    before: Option<&GrantedLine>,
    mode: Mode,
    registry: &Registry,
    domain: &str,
    day: Date,
) -> Result<Option<Terms>, Text> {
    let had = before.map_or(0, |line| line.quantity);
    let own = before.and_then(|line| line.terms.as_ref());
    if mode == Mode::OnTop && line.quantity < had {
        return Err(Text::new(
            format!(
                "it has {had}, and a temporary expansion takes nothing away: write what it is to have during the window, {had} or more"
            ),
            format!("现有{had}，临时扩容不得低于现有数量"),
        ));
    }
    let item = match (&line.item, own, before) {
        (Some(named), Some(own), _) if *named != own.item => {
            return Err(Text::new(
                format!(
                    "it is of item {}, not {named}: leave `item` out, or cancel the line with quantity 0 and add another one",
                    own.item
                ),
                format!("该行目录项为{}，请勿填写其他目录项；如需更换请注销后另加一行", own.item),
            ));
        }
        (_, Some(own), _) => own.item.as_str(),
        (_, None, Some(_)) if line.quantity <= had => return Ok(None),
        (_, None, Some(_)) => {
            return Err(Text::new(
                "the unit procures it itself, so there is nothing to grant: add a line of a catalog item instead",
                "该行由单位自行采购，不予授予，请另加目录项",
            ));
        }
        (Some(named), None, None) => named.as_str(),
        (None, None, None) => {
            return Err(Text::new(
                "the system has no such line: correct the name, or name in `item` what the new line is of",
                "系统没有该行，请更正行名，新增行须填写目录项item",
            ));
        }
    };
    if line.quantity == had {
        return Ok(own.cloned());
    }
    let found = catalog::terms(registry, item, domain, day);
    let found = found.and_then(|terms| catalog::amounts(&terms, line.quantity).map(|_| terms));
    match (found, own) {
        (Ok(terms), _) => Ok(Some(terms)),
        (Err(_), Some(own)) if line.quantity < had => Ok(Some(own.clone())),
        (Err(why), _) => Err(why),
    }
}

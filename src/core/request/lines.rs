//! The lines of a request: resolved to terms, confirmed in amounts, granted.

use super::Facts;
use crate::api::cloud_resource_request::{Line, LineStatus};
use crate::api::information_system::{Grant, GrantedLine, Terms};
use crate::api::service_product::Fulfilment;
use crate::core::catalog;
use crate::core::registry::Registry;
use crate::core::text::{Text, brief};
use jiff::civil::Date;
use std::collections::BTreeMap;

/// So many lines' problems are listed; a condition's message is bounded.
const SHOWN: usize = 5;

/// A line, its terms (none on what the unit procures itself) or what is wrong with it, and the nearest items to a need.
type Resolved = (Line, Result<Option<Terms>, Text>, Vec<String>);

/// All lines of a request with what is known about each.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    each: Vec<Resolved>,
    terms: BTreeMap<String, Terms>,
    asked: BTreeMap<String, i64>,
    confirmed: Option<BTreeMap<String, i64>>,
    /// Why the lines cannot be added up, where each can be counted by itself.
    sum: Option<Text>,
}

impl Lines {
    /// Terms of the day of filing; those of the grant, once there is one.
    pub(super) fn resolve(facts: &Facts<'_>, registry: &Registry, day: Date, granted: Option<&Grant>) -> Self {
        let lines: Vec<_> = facts
            .application
            .lines
            .iter()
            .map(|line| {
                let frozen = granted.and_then(|g| g.lines.iter().find(|l| l.name == line.name));
                let terms = match frozen {
                    Some(frozen) => Ok(frozen.terms.clone()),
                    None => catalog::resolve(registry, line, &facts.application.domain, day).and_then(|terms| {
                        terms.as_ref().map(|terms| catalog::amounts(terms, line.quantity)).transpose().map(|_| terms)
                    }),
                };
                let nearest = match &line.need {
                    Some(need) => catalog::nearest(registry.items.values(), need, day),
                    None => Vec::new(),
                };
                (line.clone(), terms, nearest.into_iter().map(str::to_owned).collect())
            })
            .collect();
        let terms = lines
            .iter()
            .filter_map(|(line, terms, _)| Some((line.name.clone(), terms.as_ref().ok()?.clone()?)))
            .collect();
        let asked = facts
            .application
            .lines
            .iter()
            .filter(|line| line.self_procured.is_none())
            .map(|line| (line.name.clone(), line.quantity))
            .collect();
        Self { each: lines, terms, asked, confirmed: None, sum: None }.added_up()
    }

    fn added_up(mut self) -> Self {
        self.sum = self.granted().ok().and_then(|granted| catalog::total(&granted).err());
        self
    }

    /// With the units that were confirmed.
    pub(super) fn confirmed(mut self, confirmed: Option<&BTreeMap<String, i64>>) -> Self {
        self.confirmed = confirmed.cloned();
        self.added_up()
    }

    /// Terms by line.
    pub(super) fn terms(&self) -> &BTreeMap<String, Terms> {
        &self.terms
    }

    /// Whether the provider opens a line by hand (article 13).
    pub(super) fn any_by_hand(&self) -> bool {
        self.terms.values().any(|terms| terms.fulfilment == Fulfilment::Manual)
    }

    /// Units asked for, of the lines that amounts are confirmed of.
    pub(super) fn asked(&self) -> &BTreeMap<String, i64> {
        &self.asked
    }

    /// Lines that cannot be provided, and why; empty where all can be.
    pub(super) fn problems(&self) -> Vec<Text> {
        let each = self.each.iter().filter_map(|(line, terms, _)| {
            let why = terms.as_ref().err()?;
            Some(Text::new(format!("line {}: {}", line.name, why.en), format!("行{}：{}", line.name, why.zh)))
        });
        let mut problems: Vec<Text> = each.chain(self.sum.clone()).collect();
        let more = problems.len().saturating_sub(SHOWN);
        if more > 0 {
            problems.truncate(SHOWN);
            problems.push(Text::new(format!("{more} more, see status.lines"), format!("另有{more}行，见status.lines")));
        }
        problems
    }

    /// The lines as granted: what was confirmed, or, where nothing has been confirmed yet, what is asked for.
    pub(super) fn granted(&self) -> Result<Vec<GrantedLine>, Text> {
        self.each
            .iter()
            .map(|(line, terms, _)| {
                Ok(GrantedLine {
                    name: line.name.clone(),
                    quantity: self.quantity(line),
                    terms: terms.clone()?,
                    self_procured: line.self_procured.clone(),
                })
            })
            .collect()
    }

    fn quantity(&self, line: &Line) -> i64 {
        self.confirmed.as_ref().and_then(|c| c.get(&line.name)).copied().unwrap_or(line.quantity)
    }

    /// The lines as the status shows them.
    pub(super) fn statuses(&self) -> Vec<LineStatus> {
        self.each
            .iter()
            .map(|(line, terms, nearest)| {
                let quantity = self.quantity(line);
                let terms_known = terms.as_ref().ok().and_then(Option::as_ref);
                let amounts = terms_known.map(|terms| catalog::amounts(terms, quantity));
                let problem = terms.as_ref().err().or_else(|| amounts.as_ref().and_then(|a| a.as_ref().err()));
                LineStatus {
                    name: line.name.clone(),
                    before: None,
                    asked: line.quantity,
                    confirmed: self.confirmed.as_ref().and_then(|c| c.get(&line.name)).copied(),
                    amounts: amounts
                        .as_ref()
                        .and_then(|a| a.as_ref().ok())
                        .map(crate::core::quantity::Amounts::print)
                        .unwrap_or_default(),
                    monthly_fee: terms_known.and_then(|terms| catalog::money(catalog::fee(terms, quantity)?)),
                    nearest: nearest.clone(),
                    problem: problem.map(|text| brief(&text.to_string())),
                }
            })
            .collect()
    }
}

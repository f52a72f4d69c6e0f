//! How large a system should be (article 26): the use that counts and a margin, in whole units of its own lines, and never
//! such that the opposite rule, or the same one again, holds on the very same history.

use super::catalog;
use super::quantity::{Amount, Amounts};
use super::registry::Registry;
use crate::api::governance_policy::Limit;
use crate::api::information_system::{GrantedLine, Terms};
use crate::api::usage::{Percent, Usage, UsageRules};
use jiff::civil::Date;

#[cfg(test)]
mod tests;

/// The resource whose use is a share of what is granted (内存).
const MEMORY: &str = "limits.memory";
/// The resource of volumes (存储).
const STORAGE: &str = "requests.storage";

/// More units than that no line can have.
const MOST_UNITS: i64 = 1_000_000;

/// What is to be sized.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wish {
    /// More memory: what is there is used too much of.
    MoreMemory,
    /// More storage.
    MoreStorage,
    /// Less memory: what is there is used too little of.
    LessMemory,
}

/// What a system has, and by which catalog it would be changed.
#[derive(Clone, Copy, Debug)]
pub struct Having<'a> {
    /// Its lines for good.
    pub lines: &'a [GrantedLine],
    /// What its quota was while its use was measured, windows among it: what shares are shares of.
    pub measured: &'a Amounts,
    /// The catalog.
    pub registry: &'a Registry,
    /// Its domain.
    pub domain: &'a str,
    /// The day whose terms count.
    pub day: Date,
}

/// A line before and after.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resized {
    /// Name of the line.
    pub name: String,
    /// Units that it has.
    pub before: i64,
    /// Units that it should have.
    pub after: i64,
}

/// A line that gives the resource.
struct Part {
    name: String,
    before: i64,
    after: i64,
    /// One unit, as the line has it.
    own: i128,
    /// One unit at the terms of the day, which a line that changes gets.
    new: i128,
    /// Whether it can grow: an item that was withdrawn cannot (article 13).
    grows: bool,
}

impl Part {
    fn amount(&self) -> i128 {
        i128::from(self.after) * if self.after == self.before { self.own } else { self.new }
    }
}

/// The lines that should change, with what they should have; nothing where no other size in whole units is better, or
/// where the use that counts is not known. `standing` is what is proposed already: it stays as long as it is sound and
/// use has not fallen by more than the hysteresis, so that noise changes no proposal.
#[must_use]
pub fn recommend(
    rules: &UsageRules,
    wish: Wish,
    usage: &Usage,
    having: Having<'_>,
    standing: &[Resized],
) -> Option<Vec<Resized>> {
    let need = Need::of(rules, wish, usage, having.measured)?;
    if need.keeps(&having, standing) {
        return Some(standing.to_vec());
    }
    let found = fill(parts(&having, need.resource, wish)?, wish, need.least(0)?)?;
    let after = found.iter().map(Part::amount).sum();
    let changed: Vec<Resized> = found.into_iter().filter(|p| p.after != p.before).map(Resized::from).collect();
    (!changed.is_empty() && need.is_sound(after)).then_some(changed)
}

impl From<Part> for Resized {
    fn from(part: Part) -> Self {
        Self { name: part.name, before: part.before, after: part.after }
    }
}

/// The lines with what is recommended, at the terms of the day where they change.
#[must_use]
pub fn after(having: &Having<'_>, recommended: &[Resized]) -> Vec<GrantedLine> {
    let resized = |line: &GrantedLine| {
        let found = recommended.iter().find(|r| r.name == line.name && r.after != line.quantity);
        let Some(Resized { after, .. }) = found else { return line.clone() };
        let terms = line.terms.as_ref().map(|own| of_day(having, own).0);
        GrantedLine { quantity: *after, terms, ..line.clone() }
    };
    having.lines.iter().map(resized).collect()
}

/// How much of a resource is needed.
struct Need<'a> {
    rules: &'a UsageRules,
    wish: Wish,
    resource: &'static str,
    /// What shares are shares of.
    whole: i128,
    /// Thousandths of it that are used on the mean, where that is known; for storage, all that counts.
    mean: Option<i128>,
    /// The most of it that is used.
    peak: Option<i128>,
}

impl<'a> Need<'a> {
    fn of(rules: &'a UsageRules, wish: Wish, usage: &Usage, measured: &Amounts) -> Option<Self> {
        let resource = if wish == Wish::MoreStorage { STORAGE } else { MEMORY };
        let whole = measured.get(resource).thousandths();
        let of = |percent: &Option<Percent>| percent.as_ref().and_then(tenths);
        let (mean, peak) = match wish {
            Wish::MoreStorage => (Some(of(&usage.storage_percent)?), None),
            // For less, all of it must be known.
            Wish::LessMemory => (Some(of(&usage.memory_mean_percent)?), Some(of(&usage.memory_peak_percent)?)),
            Wish::MoreMemory => (of(&usage.memory_mean_percent), Some(of(&usage.memory_peak_percent)?)),
        };
        (whole > 0).then_some(Self { rules, wish, resource, whole, mean, peak })
    }

    /// The least amount that is enough, should use be higher by so many thousandths.
    fn least(&self, more: i128) -> Option<i128> {
        let rules = self.rules;
        let most = self.peak.or(self.mean)?;
        let used = |share: i128| self.whole * (share + 1 + more).max(0) / 1000;
        let margin = ceil(used(most) * (100 + percent(&rules.margin_percent)), 100);
        let ceilings = self.ceilings().into_iter().filter_map(|(share, limit)| {
            let limit = limit - percent(&rules.hysteresis_points);
            // Below the limit, not at it.
            (limit > 0).then(|| used(share) * 100 / limit + 1)
        });
        Some(ceilings.chain([margin]).max().unwrap_or(margin))
    }

    /// Shares that are used, each with what it must stay below of what there is.
    fn ceilings(&self) -> Vec<(i128, i128)> {
        let rules = self.rules;
        let (mean, peak) = match self.wish {
            Wish::MoreStorage => (&rules.storage_above_percent, &rules.storage_above_percent),
            _ => (&rules.memory_mean_above_percent, &rules.memory_peak_above_percent),
        };
        let of = |share: Option<i128>, limit| share.map(|share| (share, percent(limit)));
        of(self.mean, mean).into_iter().chain(of(self.peak, peak)).collect()
    }

    /// Whether an amount is neither too little nor too much for what is used now.
    fn is_sound(&self, amount: i128) -> bool {
        let used = |share: i128| self.whole * share.max(0) / 1000 * 100;
        let enough = self.ceilings().iter().all(|(share, limit)| used(share + 1) < amount * limit);
        let rules = self.rules;
        let low = |share: Option<i128>, limit: &Limit| {
            let limit = percent(limit) + percent(&rules.hysteresis_points);
            share.is_none_or(|share| used(share - 1) <= amount * limit)
        };
        let idle =
            low(self.mean, &rules.memory_mean_at_most_percent) && low(self.peak, &rules.memory_peak_at_most_percent);
        enough && !(self.wish == Wish::MoreMemory && idle)
    }

    /// Whether what is proposed already still is right.
    fn keeps(&self, having: &Having<'_>, standing: &[Resized]) -> bool {
        let fits = |r: &Resized| having.lines.iter().any(|l| l.name == r.name && l.quantity == r.before);
        let Some(mut parts) = parts(having, self.resource, self.wish).filter(|_| !standing.is_empty()) else {
            return false;
        };
        for part in &mut parts {
            if let Some(resized) = standing.iter().find(|r| r.name == part.name) {
                part.after = resized.after;
            }
        }
        let amount: i128 = parts.iter().map(Part::amount).sum();
        let unit = parts.iter().map(|p| p.new).max().unwrap_or_default();
        let slack = percent(&self.rules.hysteresis_points) * 10;
        let most = self.least(slack).map(|least| least + unit);
        standing.iter().all(fits) && self.is_sound(amount) && most.is_some_and(|most| amount < most)
    }
}

/// The lines that give a resource. Storage of several classes cannot be told apart by its use, so nothing is said of it.
fn parts(having: &Having<'_>, resource: &str, wish: Wish) -> Option<Vec<Part>> {
    let mut classes = Vec::new();
    let mut parts = Vec::new();
    for line in having.lines {
        let Some(own) = &line.terms else { continue };
        let unit = |terms: &Terms| catalog::amounts(terms, 1).ok().map(|one| one.get(resource));
        let (day, grows) = of_day(having, own);
        let (own_unit, new) = (unit(own)?.thousandths(), unit(&day)?.thousandths());
        if own_unit == 0 || new == 0 || line.quantity == 0 {
            continue;
        }
        classes.push(own.storage_class.clone());
        parts.push(Part {
            name: line.name.clone(),
            before: line.quantity,
            after: line.quantity,
            own: own_unit,
            new,
            grows,
        });
    }
    classes.dedup();
    (!parts.is_empty() && (wish != Wish::MoreStorage || classes.len() == 1)).then_some(parts)
}

/// The terms that a line gets that changes, and whether it may grow.
fn of_day(having: &Having<'_>, own: &Terms) -> (Terms, bool) {
    match catalog::terms(having.registry, &own.item, having.domain, having.day) {
        Ok(terms) => (terms, true),
        Err(_) => (own.clone(), false),
    }
}

/// In proportion first, rounded down but to one unit at least; then the smallest units that may still be added.
fn fill(mut parts: Vec<Part>, wish: Wish, least: i128) -> Option<Vec<Part>> {
    let had: i128 = parts.iter().map(Part::amount).sum();
    let fewer = wish == Wish::LessMemory;
    if had == 0 || fewer == (least >= had) {
        return None;
    }
    for part in &mut parts {
        let share = i64::try_from(i128::from(part.before) * least / had).ok()?.max(1);
        part.after = if fewer { share.min(part.before) } else { share.max(part.before) };
        if !part.grows && !fewer {
            part.after = part.before;
        }
    }
    loop {
        let lacking = least - parts.iter().map(Part::amount).sum::<i128>();
        if lacking <= 0 {
            return Some(parts);
        }
        let may_grow = |part: &&mut Part| if fewer { part.after < part.before } else { part.grows };
        let part = parts.iter_mut().filter(may_grow).min_by_key(|p| (p.new, p.name.clone()))?;
        let units = i64::try_from(ceil(lacking, part.new)).ok()?.max(1);
        let most = if fewer { part.before } else { MOST_UNITS };
        if part.after >= most {
            return None;
        }
        part.after = part.after.saturating_add(units).min(most);
    }
}

fn ceil(dividend: i128, divisor: i128) -> i128 {
    (dividend + divisor - 1) / divisor.max(1)
}

fn percent(limit: &Limit) -> i128 {
    i128::from(limit.value)
}

/// Thousandths of the whole, as a percentage with one digit says it.
fn tenths(percent: &Percent) -> Option<i128> {
    let share = Amount::parse(&percent.0).ok()?;
    Some(share.thousandths() / 100)
}

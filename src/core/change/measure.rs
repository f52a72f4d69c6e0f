//! Whether a change is a major one (article 22): any resource by more than so many percent, up or down, or fees that grow
//! by more than so many; against what the system has, and against all that it has had since it last went through the
//! whole application, so that splitting evades nothing.

use crate::api::governance_policy::ChangeRules;
use crate::api::information_system::GrantedLine;
use crate::core::catalog;
use crate::core::quantity::Amount;
use crate::core::registry::Registry;
use crate::core::text::Text;
use jiff::civil::Date;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// The measure of a change, and the day whose prices count on both sides.
pub(super) struct Measure<'a> {
    pub(super) rules: &'a ChangeRules,
    pub(super) registry: &'a Registry,
    pub(super) day: Date,
}

/// What some lines come to: amounts by resource, and a month's fee.
struct Weight {
    amounts: BTreeMap<String, Amount>,
    fee: Decimal,
}

impl Measure<'_> {
    /// Why going from one of these states to `after` is a major change; nothing where it is none.
    pub(super) fn major_because(&self, before: &[&[GrantedLine]], after: &[GrantedLine]) -> Option<Text> {
        let Some(after) = self.weigh(after) else { return Some(beyond_counting()) };
        before.iter().rev().enumerate().find_map(|(earlier, lines)| {
            let Some(before) = self.weigh(lines) else { return Some(beyond_counting()) };
            let why = self.resource(&before, &after).or_else(|| self.fee(&before, &after))?;
            Some(if earlier == 0 { why } else { together(&why) })
        })
    }

    /// Windows are no part of it: only permanent lines are weighed.
    fn weigh(&self, lines: &[GrantedLine]) -> Option<Weight> {
        let mut amounts: BTreeMap<String, Amount> =
            catalog::total(lines).ok()?.iter().map(|(resource, amount)| (resource.to_owned(), amount)).collect();
        let mut fee = Decimal::ZERO;
        for line in lines {
            let Some(terms) = &line.terms else { continue };
            if terms.unit_amounts.is_empty() {
                let units = amounts.entry(format!("item {}", terms.item)).or_default();
                *units = units.checked_add(Amount::units(line.quantity))?;
            }
            fee = fee.checked_add(catalog::fee_on(self.registry, terms, line.quantity, self.day)?)?;
        }
        Some(Weight { amounts, fee })
    }

    fn resource(&self, before: &Weight, after: &Weight) -> Option<Text> {
        let limit = &self.rules.major_above_percent;
        let percent = i128::from(limit.value);
        let names = before.amounts.keys().chain(after.amounts.keys());
        names.collect::<std::collections::BTreeSet<_>>().into_iter().find_map(|resource| {
            let of = |weight: &Weight| weight.amounts.get(resource).copied().unwrap_or_default();
            let (had, has) = (of(before), of(after));
            if had == Amount::ZERO {
                let new = has > Amount::ZERO && self.rules.new_resource_is_major;
                return new.then(|| {
                    Text::new(
                        format!("the system has no {resource} yet ({})", limit.article),
                        format!("系统尚无{resource}，属新增资源（{}）", limit.article),
                    )
                });
            }
            let step = (has.thousandths() - had.thousandths()).abs();
            (step * 100 > had.thousandths() * percent).then(|| {
                Text::new(
                    format!("{resource} goes from {had} to {has}, by more than {percent} percent ({})", limit.article),
                    format!("{resource}由{had}变为{has}，变动超过{percent}%（{}）", limit.article),
                )
            })
        })
    }

    fn fee(&self, before: &Weight, after: &Weight) -> Option<Text> {
        let limit = &self.rules.fee_growth_above_percent;
        let hundred = Decimal::ONE_HUNDRED;
        let most = before.fee.checked_mul(hundred.checked_add(Decimal::from(limit.value))?)?;
        (after.fee.checked_mul(hundred)? > most).then(|| {
            let (had, has) = (before.fee.normalize(), after.fee.normalize());
            Text::new(
                format!(
                    "fees grow from {had} to {has} CNY a month, by more than {} percent ({})",
                    limit.value, limit.article
                ),
                format!("月费用由{had}元增至{has}元，增幅超过{}%（{}）", limit.value, limit.article),
            )
        })
    }
}

fn together(why: &Text) -> Text {
    Text::new(format!("together with earlier changes, {}", why.en), format!("与此前变更累计，{}", why.zh))
}

/// What cannot be weighed takes the track with more eyes on it.
fn beyond_counting() -> Text {
    Text::new("what it comes to is beyond what can be counted", "变更资源量无法计算")
}

#[cfg(test)]
mod tests;

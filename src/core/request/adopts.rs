//! The namespace that a request takes over, as far as the request has a say in it (R4.2).

use super::Facts;
use super::lines::Lines;
use crate::api::GovernancePolicySpec;
use crate::core::adoption::{self, Outlook, Wish};
use crate::core::quota::Countable;
use crate::core::registry::Registry;
use crate::core::text::Text;
use crate::core::{catalog, names};
use jiff::civil::Date;

/// What taking over the namespace that the request names would come to; nothing where it names none, or has it already.
pub(super) fn outlook(facts: &Facts<'_>, registry: &Registry, lines: &Lines) -> Option<Outlook> {
    let application = facts.application;
    let adoption = application.adopts.as_ref().filter(|_| facts.system.is_none())?;
    let amounts = lines.granted().ok().and_then(|granted| catalog::total(&granted).ok());
    let wish = Wish {
        adoption,
        mark: &adoption::mark(&names::home_namespace(facts.organization), facts.name, facts.uid),
        amounts: amounts.as_ref(),
        domain: registry.domains.get(&application.domain)?,
        countable: &Countable::of(registry, &application.domain),
        protection_level: application.protection_level,
        networks: &application.networks,
    };
    facts.seen.map(|seen| adoption::outlook(&wish, seen))
}

/// What stands in the way of taking over the namespace that the request names.
pub(super) fn against_adoption(
    facts: &Facts<'_>,
    policy: &GovernancePolicySpec,
    outlook: Option<&Outlook>,
    filed: Date,
) -> Option<Text> {
    let adoption = facts.application.adopts.as_ref().filter(|_| facts.granted().is_none())?;
    let refused = || outlook.and_then(|outlook| outlook.refusal.as_ref()).map(|(_, why)| why.clone());
    adoption::against(adoption, policy, facts.system.is_some(), filed).or_else(refused)
}

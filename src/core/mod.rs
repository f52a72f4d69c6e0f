//! PURE: rules, gates, calendar, arithmetic, digests. No kube client, no tokio, no clock, no randomness.
//!
//! To find the rule for an article, look for the article in `config/policies`, then for the field's name here.

pub mod adoption;
pub mod calendar;
pub mod capacity;
pub mod catalog;
pub mod change;
pub mod cidr;
pub mod completeness;
pub mod credit_code;
pub mod digest;
pub mod effective;
pub mod fit;
#[cfg(test)]
pub mod fixtures;
pub mod guards;
pub mod leaving;
pub mod ledger;
pub mod names;
pub mod offers;
pub mod payer;
pub mod people;
pub mod policy;
pub mod proposal;
pub mod quantity;
pub mod quota;
pub mod registry;
pub mod request;
pub mod resources;
pub mod retention;
pub mod round;
pub mod sanction;
pub mod scope;
pub mod sizing;
pub mod stop;
pub mod text;
pub mod usage;
pub mod workflow;

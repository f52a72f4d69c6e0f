//! What the caches hold, counted for the metrics: it costs the API server nothing.

use super::context::{Context, Waits};
use crate::api::cloud_resource_request::Phase;
use crate::api::common::Time;
use crate::api::decommission::DecommissionPhase;
use crate::api::resource_change::ChangePhase;
use crate::api::sanction::SanctionPhase;
use crate::runtime::metrics::GateCounts;
use jiff::Timestamp;
use std::collections::BTreeMap;
use strum::IntoEnumIterator as _;

/// Requests, changes and sanctions by phase and by open gate, and systems that wait for somebody to mend something.
pub fn measure(context: &Context, now: Timestamp) {
    let mut gates: BTreeMap<String, GateCounts> = BTreeMap::new();
    let mut wait = |waits: &[Waits]| {
        for Waits { gate, since, due, due_unknown } in waits {
            let age = |at: Time| now.as_second().saturating_sub(at.timestamp().as_second());
            let counts = gates.entry(gate.to_string()).or_default();
            counts.oldest = since.map_or(0, age).max(counts.oldest);
            counts.overdue += i64::from(due.is_some_and(|due| due.timestamp() <= now));
            counts.due_unknown += i64::from(*due_unknown);
        }
    };
    let mut requests: BTreeMap<&'static str, i64> = Phase::iter().map(|phase| (phase.into(), 0)).collect();
    context.indexes.requests_by_phase.each(|phase, waits| {
        *requests.entry(phase.into()).or_default() += 1;
        wait(waits);
    });
    let mut changes: BTreeMap<&'static str, i64> = ChangePhase::iter().map(|phase| (phase.into(), 0)).collect();
    context.indexes.changes_by_phase.each(|phase, waits| {
        *changes.entry(phase.into()).or_default() += 1;
        wait(waits);
    });
    let mut sanctions: BTreeMap<&'static str, i64> = SanctionPhase::iter().map(|phase| (phase.into(), 0)).collect();
    context.indexes.sanctions_by_phase.each(|phase, waits| {
        *sanctions.entry(phase.into()).or_default() += 1;
        wait(waits);
    });
    context.metrics.set_sanctions(sanctions);
    let mut leaving: BTreeMap<&'static str, i64> = DecommissionPhase::iter().map(|phase| (phase.into(), 0)).collect();
    context.indexes.decommissions_by_phase.each(|phase, waits| {
        *leaving.entry(phase.into()).or_default() += 1;
        wait(waits);
    });
    context.metrics.set_decommissions(leaving);
    context.metrics.set_requests(requests);
    context.metrics.set_changes(changes);
    context.metrics.set_gates(gates.iter().map(|(gate, counts)| (gate.as_str(), *counts)));
    let mut stalled: BTreeMap<String, i64> = BTreeMap::new();
    context.indexes.systems_stalled.each(|reason, ()| *stalled.entry(reason.clone()).or_default() += 1);
    context.metrics.set_stalled_systems(stalled.iter().map(|(reason, count)| (reason.as_str(), *count)));
}

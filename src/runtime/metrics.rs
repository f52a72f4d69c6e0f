//! What the operator tells Prometheus. Labels never carry names of objects.

use prometheus::{Encoder as _, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder};
use std::time::Duration;

/// All metrics, registered once.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    reconciles: IntCounterVec,
    duration: HistogramVec,
    writes: IntCounterVec,
    undecodable: IntCounterVec,
    backoff: IntGaugeVec,
    refused: IntCounterVec,
    requests: IntGaugeVec,
    changes: IntGaugeVec,
    sanctions: IntGaugeVec,
    decommissions: IntGaugeVec,
    oldest_waiting: IntGaugeVec,
    overdue: IntGaugeVec,
    due_unknown: IntGaugeVec,
    drift: IntCounterVec,
    leader: IntGaugeVec,
    guards: IntGaugeVec,
    stalled: IntGaugeVec,
    usage_known: IntGaugeVec,
    usage_round: IntGaugeVec,
    usage_failures: IntCounterVec,
}

/// What waits at the gates of one name.
#[derive(Clone, Copy, Debug, Default)]
pub struct GateCounts {
    /// For how many seconds the oldest has waited.
    pub oldest: i64,
    /// How many are past their due date.
    pub overdue: i64,
    /// How many are due on a day that cannot be counted.
    pub due_unknown: i64,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// When two metrics have one name, which is a mistake in this function.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone())).map(|()| metric)
        };
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone())).map(|()| metric)
        };
        let duration = HistogramVec::new(
            HistogramOpts::new("yunguan_reconcile_duration_seconds", "Time of one reconcile.")
                .buckets(vec![0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0]),
            &["controller"],
        )?;
        registry.register(Box::new(duration.clone()))?;
        Ok(Self {
            reconciles: counter("yunguan_reconcile_total", "Reconciles by outcome.", &["controller", "outcome"])?,
            writes: counter("yunguan_api_writes_total", "Writes to the API server.", &["kind", "verb"])?,
            undecodable: counter("yunguan_undecodable_objects_total", "Objects that could not be read.", &["kind"])?,
            backoff: gauge(
                "yunguan_reconcile_backoff_objects",
                "Objects that are tried again later.",
                &["controller"],
            )?,
            refused: counter(
                "yunguan_steps_refused_total",
                "Steps of reconciles that the API server refused.",
                &["controller", "step"],
            )?,
            requests: gauge("yunguan_requests", "Requests by phase.", &["phase"])?,
            changes: gauge("yunguan_changes", "Changes by phase.", &["phase"])?,
            decommissions: gauge("yunguan_decommissions", "Departures by phase.", &["phase"])?,
            sanctions: gauge("yunguan_sanctions", "Sanctions by phase.", &["phase"])?,
            oldest_waiting: gauge(
                "yunguan_gate_oldest_waiting_seconds",
                "Age of the request that has waited longest at a gate.",
                &["gate"],
            )?,
            overdue: gauge("yunguan_gates_overdue", "Open gates past their due date.", &["gate"])?,
            due_unknown: gauge(
                "yunguan_gates_due_unknown",
                "Open gates whose due date cannot be counted, for want of a calendar.",
                &["gate"],
            )?,
            drift: counter("yunguan_drift_corrected_total", "Managed objects put right.", &["kind"])?,
            leader: gauge("yunguan_leader", "1 while this process acts.", &[])?,
            guards: gauge(
                "yunguan_guard_breaches",
                "Admission policies that do not stand as they were installed.",
                &["kind", "guard", "breach"],
            )?,
            stalled: gauge(
                "yunguan_systems_stalled",
                "Systems that wait for somebody to mend something, by reason.",
                &["reason"],
            )?,
            usage_known: gauge("yunguan_usage_known", "Systems whose use is measured.", &[])?,
            usage_round: gauge("yunguan_usage_round_timestamp_seconds", "When use was judged last.", &[])?,
            usage_failures: counter(
                "yunguan_usage_failures_total",
                "Rounds in which a domain's metrics endpoint was of no use, by reason.",
                &["reason"],
            )?,
            duration,
            registry,
        })
    }

    /// One reconcile ended.
    pub fn reconciled(&self, controller: &str, outcome: &str, took: Duration) {
        self.reconciles.with_label_values(&[controller, outcome]).inc();
        self.duration.with_label_values(&[controller]).observe(took.as_secs_f64());
    }

    /// One write to the API server.
    pub fn wrote(&self, kind: &str, verb: &str) {
        self.writes.with_label_values(&[kind, verb]).inc();
    }

    /// An object could not be read.
    pub fn undecodable(&self, kind: &str) {
        self.undecodable.with_label_values(&[kind]).inc();
    }

    /// So many objects are tried again later.
    pub fn backing_off(&self, controller: &str, objects: usize) {
        self.backoff.with_label_values(&[controller]).set(i64::try_from(objects).unwrap_or(i64::MAX));
    }

    /// The API server refused a step of a reconcile.
    pub fn step_refused(&self, controller: &str, step: &str) {
        self.refused.with_label_values(&[controller, step]).inc();
    }

    /// A managed object was put right.
    pub fn drift_corrected(&self, kind: &str) {
        self.drift.with_label_values(&[kind]).inc();
    }

    /// Requests by phase; phases that are not named have none.
    pub fn set_requests<'a>(&self, phases: impl IntoIterator<Item = (&'a str, i64)>) {
        self.requests.reset();
        for (phase, count) in phases {
            self.requests.with_label_values(&[phase]).set(count);
        }
    }

    /// Changes by phase; phases that are not named have none.
    pub fn set_changes<'a>(&self, phases: impl IntoIterator<Item = (&'a str, i64)>) {
        self.changes.reset();
        for (phase, count) in phases {
            self.changes.with_label_values(&[phase]).set(count);
        }
    }

    /// Departures by phase; phases that are not named have none.
    pub fn set_decommissions<'a>(&self, phases: impl IntoIterator<Item = (&'a str, i64)>) {
        self.decommissions.reset();
        for (phase, count) in phases {
            self.decommissions.with_label_values(&[phase]).set(count);
        }
    }

    /// Sanctions by phase; phases that are not named have none.
    pub fn set_sanctions<'a>(&self, phases: impl IntoIterator<Item = (&'a str, i64)>) {
        self.sanctions.reset();
        for (phase, count) in phases {
            self.sanctions.with_label_values(&[phase]).set(count);
        }
    }

    /// Open gates, by name.
    pub fn set_gates<'a>(&self, gates: impl IntoIterator<Item = (&'a str, GateCounts)>) {
        for metric in [&self.oldest_waiting, &self.overdue, &self.due_unknown] {
            metric.reset();
        }
        for (gate, counts) in gates {
            self.oldest_waiting.with_label_values(&[gate]).set(counts.oldest);
            self.overdue.with_label_values(&[gate]).set(counts.overdue);
            self.due_unknown.with_label_values(&[gate]).set(counts.due_unknown);
        }
    }

    /// Admission policies that do not stand as installed, by kind, name and what is wrong; the others are fine.
    pub fn set_guards<'a>(&self, breaches: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>) {
        self.guards.reset();
        for (kind, name, breach) in breaches {
            self.guards.with_label_values(&[kind, name, breach]).set(1);
        }
    }

    /// Systems that wait for somebody to mend something, by reason; reasons that are not named have none.
    pub fn set_stalled_systems<'a>(&self, reasons: impl IntoIterator<Item = (&'a str, i64)>) {
        self.stalled.reset();
        for (reason, count) in reasons {
            self.stalled.with_label_values(&[reason]).set(count);
        }
    }

    /// A round over all domains was made: so many systems are measured. Where there are none, nothing is missing.
    pub fn judged(&self, known: Option<i64>, at: i64) {
        match known {
            Some(known) => self.usage_known.with_label_values(&[] as &[&str]).set(known),
            None => self.usage_known.reset(),
        }
        self.usage_round.with_label_values(&[] as &[&str]).set(at);
    }

    /// A domain's metrics endpoint was of no use.
    pub fn usage_failed(&self, reason: &str) {
        self.usage_failures.with_label_values(&[reason]).inc();
    }

    /// Whether this process acts.
    pub fn set_leader(&self, leads: bool) {
        self.leader.with_label_values(&[] as &[&str]).set(i64::from(leads));
    }

    /// In Prometheus' text format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut buffer = Vec::new();
        match TextEncoder::new().encode(&self.registry.gather(), &mut buffer) {
            Ok(()) => String::from_utf8_lossy(&buffer).into_owned(),
            Err(error) => format!("# {error}\n"),
        }
    }
}

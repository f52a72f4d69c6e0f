//! A Prometheus with the history of namespaces, and with what it scrapes of them now.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;

use crate::{Exporter, History, MetricsProxy, Prometheus, wait_until};

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/prometheus/usage.yaml");
const PATIENCE: Duration = Duration::from_mins(1);
const MINUTE: Duration = Duration::from_mins(1);
const FIVE_MINUTES: Duration = Duration::from_mins(5);
const DAY: i64 = 24 * 3600;
const GIGABYTE: f64 = 1e9;

/// How a namespace was used.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// Memory that was granted, in GB.
    pub quota: u32,
    /// Of it in use, in the mean of the week.
    pub mean: f64,
    /// And at most.
    pub top: f64,
    /// The share of the week that was measured.
    pub week: f64,
    /// For how many days it is there.
    pub days: usize,
    /// Whether it had another quota within the week.
    pub other_quota: bool,
    /// Peaks within the last hour.
    pub peaks: usize,
    /// Whether a container was killed for want of memory, three days ago.
    pub killed: bool,
    /// Storage in use, as a share.
    pub storage: f64,
    /// Days since it was busy last; otherwise it is now.
    pub busy_days: Option<i64>,
    /// Days since something ran in it.
    pub stopped_days: Option<i64>,
    /// The share of that time in which it was looked at.
    pub seen: f64,
    /// Days since its newest business record.
    pub data_days: i64,
}

/// One that is used as it should be.
#[must_use]
pub fn of_a_system() -> Namespace {
    Namespace {
        quota: 10,
        mean: 0.5,
        top: 0.6,
        week: 1.0,
        days: 8,
        other_quota: false,
        peaks: 0,
        killed: false,
        storage: 0.5,
        busy_days: None,
        stopped_days: None,
        seen: 1.0,
        data_days: 0,
    }
}

/// A Prometheus, and a proxy through which it is asked.
pub struct Scenery {
    /// The server.
    pub prometheus: Prometheus,
    /// The proxy.
    pub proxy: MetricsProxy,
}

impl Scenery {
    /// Starts it. The rules are worked out each second, but for the five minutes of which the history is made.
    ///
    /// # Errors
    /// When Prometheus does not start.
    pub async fn start(namespaces: Vec<(String, Namespace)>) -> Result<Self> {
        let exporter = Exporter::start().await?;
        let now = Timestamp::now();
        let mut shown = String::new();
        for (name, of) in &namespaces {
            expose(&mut shown, name, of, now)?;
        }
        exporter.show(shown);
        let often = [("yunguan-usage", "1s"), ("yunguan-usage-5m", "50y"), ("yunguan-usage-week", "2s")];
        let history = history(&namespaces, now)?;
        let prometheus = Prometheus::start(&history, &[Path::new(RULES)], &often, &[exporter.port()]).await?;
        // Whoever asks before the rules have been worked out is told nothing, which looks like a fault.
        let newest = "yunguan:rules:last_timestamp_seconds and on () yunguan:namespace_memory_used_ratio:coverage1w";
        wait_until("the rules to be worked out", PATIENCE, async || {
            let found = prometheus.query(newest).await?;
            Ok(found.as_array().is_some_and(|series| !series.is_empty()).then_some(()))
        })
        .await?;
        let proxy = MetricsProxy::start(prometheus.port()).await?;
        Ok(Self { prometheus, proxy })
    }

    /// Stops it.
    ///
    /// # Errors
    /// When Prometheus could not be ended.
    pub async fn stop(self) -> Result<()> {
        self.prometheus.stop().await
    }
}

/// What kube-state-metrics, cAdvisor, kubelet and the system itself show of a namespace.
fn expose(text: &mut String, name: &str, of: &Namespace, now: Timestamp) -> Result<()> {
    let quota = f64::from(of.quota) * GIGABYTE;
    let of_quota = format!("kube_resourcequota{{namespace=\"{name}\",resourcequota=\"yunguan\"");
    writeln!(text, "{of_quota},type=\"hard\",resource=\"limits.memory\"}} {quota}")?;
    writeln!(text, "{of_quota},type=\"hard\",resource=\"limits.cpu\"}} 4")?;
    writeln!(text, "{of_quota},type=\"hard\",resource=\"requests.storage\"}} {GIGABYTE}")?;
    let runs = of.stopped_days.is_none() && of.quota > 0;
    let used = if runs { 1.0 } else { 0.0 };
    writeln!(text, "{of_quota},type=\"used\",resource=\"limits.memory\"}} {}", used * quota)?;
    if runs {
        let container = format!("{{namespace=\"{name}\",pod=\"p\",container=\"c\"}}");
        writeln!(text, "kube_pod_container_status_running{container} 1")?;
        writeln!(text, "container_memory_working_set_bytes{container} {}", of.mean * quota)?;
        writeln!(text, "container_cpu_usage_seconds_total{container} 1000")?;
        let interface = format!("{{namespace=\"{name}\",pod=\"p\",interface=\"eth0\"}}");
        writeln!(text, "container_network_receive_bytes_total{interface} 1000")?;
        writeln!(text, "container_network_transmit_bytes_total{interface} 1000")?;
        // A job that ended lately is what it is busy with.
        if of.busy_days.is_none() {
            writeln!(text, "kube_job_status_completion_time{{namespace=\"{name}\"}} {}", now.as_second())?;
        }
    }
    let volume = format!("{{namespace=\"{name}\",persistentvolumeclaim=\"v\"}}");
    writeln!(text, "kube_persistentvolumeclaim_info{volume} 1")?;
    writeln!(text, "kube_persistentvolumeclaim_resource_requests_storage_bytes{volume} {GIGABYTE}")?;
    writeln!(text, "kubelet_volume_stats_capacity_bytes{volume} {GIGABYTE}")?;
    writeln!(text, "kubelet_volume_stats_used_bytes{volume} {}", of.storage * GIGABYTE)?;
    let data = now.as_second() - of.data_days * DAY;
    writeln!(text, "yunguan_business_data_last_timestamp_seconds{{namespace=\"{name}\"}} {data}")?;
    Ok(())
}

/// What a series has of a namespace.
type Figure = fn(&Namespace) -> f64;

/// What the rules recorded of all of them until now; series of one metric stand together.
#[expect(clippy::cast_precision_loss, reason = "some thousand samples, seconds of now")]
fn history(namespaces: &[(String, Namespace)], now: Timestamp) -> Result<History> {
    let mut history = History::default();
    let minute = |days: usize| days * 24 * 12;
    let measured = |of: &Namespace| {
        // The gaps are in the middle of the week, spread evenly.
        let (count, share) = (minute(of.days), of.week);
        (0..count).map(move |n| {
            let (before, after) = (n as f64 * share, (n + 1) as f64 * share);
            (before.floor() < after.floor()).then_some(())
        })
    };
    let labels =
        |name: &str, of: &Namespace| format!("namespace=\"{name}\",quota=\"{}\"", f64::from(of.quota) * GIGABYTE);
    // CPU of a day, at half of the memory's mean; none where nothing is done.
    for (name, of) in namespaces {
        let share = if of.busy_days.or(of.stopped_days).is_some() { 0.0 } else { of.mean / 2.0 };
        let metric = format!("yunguan:namespace_cpu_used:ratio1h{{namespace=\"{name}\"}}");
        history.series(&metric, now, FIVE_MINUTES, vec![Some(share); 288])?;
    }
    let of_week: [(&str, Figure); 3] = [("sum5m", |of| 5.0 * of.mean), ("count5m", |_| 5.0), ("max5m", |of| of.top)];
    for (series, value) in of_week {
        for (name, of) in namespaces.iter().filter(|(_, of)| of.quota > 0) {
            let metric = format!("yunguan:namespace_memory_used_ratio:{series}{{{}}}", labels(name, of));
            let values: Vec<Option<f64>> = measured(of).map(|there| there.map(|()| value(of))).collect();
            history.series(&metric, now, FIVE_MINUTES, values)?;
            if of.other_quota {
                let metric =
                    format!("yunguan:namespace_memory_used_ratio:{series}{{namespace=\"{name}\",quota=\"1\"}}");
                let then = now.checked_sub(Duration::from_hours(72))?;
                history.series(&metric, then, FIVE_MINUTES, vec![Some(value(of)); 12])?;
            }
        }
    }
    // An hour with so many peaks of two minutes.
    for (name, of) in namespaces.iter().filter(|(_, of)| of.quota > 0) {
        let metric = format!("yunguan:namespace_memory_calm:bool{{{}}}", labels(name, of));
        let calm = |n: usize| if n / 8 < of.peaks && matches!(n % 8, 4 | 5) { 0.0 } else { 1.0 };
        history.series(&metric, now, MINUTE, (0..50).map(calm).map(Some).collect::<Vec<_>>())?;
    }
    for (name, of) in namespaces {
        let metric = format!("yunguan:namespace_storage_used:ratio{{namespace=\"{name}\"}}");
        history.series(&metric, now, MINUTE, vec![Some(of.storage); 60])?;
    }
    for (name, _) in namespaces.iter().filter(|(_, of)| of.killed) {
        let metric = format!("yunguan:namespace_oom_kill:last_timestamp_seconds{{namespace=\"{name}\"}}");
        let then = (now.as_second() - 3 * DAY) as f64;
        history.series(&metric, now, MINUTE, vec![Some(then); 3])?;
    }
    quiet(&mut history, namespaces, now)?;
    Ok(history)
}

/// The latches of activity.
#[expect(clippy::cast_precision_loss, reason = "seconds and minutes of some months")]
fn quiet(history: &mut History, namespaces: &[(String, Namespace)], now: Timestamp) -> Result<()> {
    for series in ["last_timestamp_seconds", "quiet_minutes"] {
        for (name, of) in namespaces {
            let days = [("running", of.stopped_days), ("busy", of.busy_days.or(of.stopped_days))];
            for (activity, days) in days.into_iter().filter_map(|(activity, days)| Some((activity, days?))) {
                let value = match series {
                    "quiet_minutes" => (days * DAY / 60) as f64 * of.seen,
                    _ => (now.as_second() - days * DAY) as f64,
                };
                let metric =
                    format!("yunguan:namespace_activity:{series}{{namespace=\"{name}\",activity=\"{activity}\"}}");
                history.series(&metric, now, MINUTE, vec![Some(value.floor()); 3])?;
            }
        }
    }
    Ok(())
}

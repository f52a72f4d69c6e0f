//! Tests of the Prometheus that tests use.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use serde_json::Value;
use yunguan_cluster::{History, Prometheus, wait_until};

const SOON: Duration = Duration::from_secs(30);
const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/prometheus/usage.yaml");
const FIVE_MINUTES: Duration = Duration::from_mins(5);

fn value(result: &Value) -> Result<f64> {
    let [sample] = result.as_array().context("no vector")?.as_slice() else { anyhow::bail!("one sample: {result}") };
    Ok(sample["value"][1].as_str().context("no value")?.parse()?)
}

/// A fortnight, in which the memory of one system was at a share of its quota.
fn fortnight(share: f64) -> Result<History> {
    let mut history = History::default();
    let (now, count) = (Timestamp::now(), 14 * 24 * 12);
    let info = r#"yunguan:namespace_memory_granted:info{namespace="a",quota="1000"}"#;
    let of = |name: &str| format!("yunguan:namespace_memory_used_ratio:{name}{{namespace=\"a\",quota=\"1000\"}}");
    history.series(info, now, FIVE_MINUTES, vec![Some(1.0); 3])?;
    history.series(&of("count5m"), now, FIVE_MINUTES, vec![Some(5.0); count])?;
    history.series(&of("max5m"), now, FIVE_MINUTES, vec![Some(share); count])?;
    history.series(&of("sum5m"), now, FIVE_MINUTES, vec![Some(5.0 * share); count])?;
    Ok(history)
}

#[tokio::test]
async fn weeks_of_history_are_there_in_seconds_and_outlive_kill_9() -> Result<()> {
    let prometheus = Prometheus::start(&fortnight(0.72)?, &[], &[], &[]).await?;
    let expression = r#"count_over_time(yunguan:namespace_memory_used_ratio:sum5m{namespace="a"}[15d])"#;
    assert!((value(&prometheus.query(expression).await?)? - 4032.0).abs() < 0.5);
    prometheus.kill9().await?;
    ensure!(prometheus.query(expression).await.is_err(), "a dead one answered");
    prometheus.restart().await?;
    assert!((value(&prometheus.query(expression).await?)? - 4032.0).abs() < 0.5);
    let ended = prometheus.terminate(SOON).await?;
    ensure!(ended.success(), "{ended}");
    prometheus.lose(&History::default()).await?;
    prometheus.restart().await?;
    assert_eq!(prometheus.query(expression).await?, serde_json::json!([]), "empty is no error");
    ensure!(prometheus.query("sum(").await.is_err(), "nonsense was answered");
    prometheus.stop().await
}

#[tokio::test]
async fn r26_2_a_real_prometheus_records_the_week_from_its_history() -> Result<()> {
    let often = [("yunguan-usage-week", "1s")];
    let prometheus = Prometheus::start(&fortnight(0.72)?, &[Path::new(RULES)], &often, &[]).await?;
    let recorded = async |name: &str| {
        let expression = format!("yunguan:namespace_memory_used_ratio:{name}");
        let what = format!("{expression} to be recorded");
        wait_until(&what, SOON, async || value(&prometheus.query(&expression).await?).map(Some)).await
    };
    assert!((recorded("avg1w").await? - 0.72).abs() < 1e-9);
    assert!((recorded("max1w").await? - 0.72).abs() < 1e-9);
    assert!(recorded("coverage1w").await? > 0.99);
    prometheus.stop().await
}

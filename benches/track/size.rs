//! What is stored: the operator's memory by the number of drafts, and how it starts with many of them.

use crate::ground::{Ground, PERSON, UNIT};
use crate::report::{Aim, Report};
use crate::track::draft;
use crate::usage::resident;
use crate::world::PATIENCE;
use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;
use std::time::{Duration, Instant};
use yunguan::api::CloudResourceRequest;
use yunguan::core::names::home_namespace;
use yunguan_cluster::wait_until;

const AT_ONCE: usize = 32;
/// No reconcile for so long: it has come to rest.
const CALM: Duration = Duration::from_millis(1500);
const LOOK: Duration = Duration::from_millis(20);

/// Memory at each step, then a start with all of them stored.
///
/// # Errors
/// When a draft is not stored or not looked at.
pub async fn measure(report: &mut Report, steps: &[usize]) -> Result<()> {
    let ground = Ground::new().await?;
    let mut stored = 0;
    let mut memory = Vec::new();
    for step in steps {
        store(&ground, stored, *step).await?;
        stored = *step;
        reconciled_to_rest(&ground).await?;
        memory.push(resident(ground.world.operator.pid())?);
        report.figure(format!("memory with {stored} requests"), "MiB", vec![mebibytes(memory.last())], None);
    }
    report.figure("memory for each stored request, as it ran", "KiB", vec![slope(&memory, steps)], None);
    start(&ground, stored, report).await?;
    let after = resident(ground.world.operator.pid())?;
    report.figure(format!("memory with {stored} requests, after a start"), "MiB", vec![mebibytes(Some(&after))], None);
    let each = slope(&[memory.first().copied().unwrap_or_default(), after], &[0, stored]);
    report.figure("memory for each stored request, after a start", "KiB", vec![each], Some(Aim::Below(2.0)));
    Ok(())
}

/// Stores drafts until there are so many, and waits until each has a status.
async fn store(ground: &Ground, from: usize, to: usize) -> Result<()> {
    let requests: Api<CloudResourceRequest> = Api::namespaced(ground.client(PERSON)?, &home_namespace(UNIT));
    stream::iter(from..to)
        .map(|n| {
            let requests = requests.clone();
            async move {
                requests.create(&PostParams::default(), &draft(&format!("d-{n}"))?).await.map_err(anyhow::Error::from)
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_for_each(async |_| Ok(()))
        .await?;
    for n in from..to {
        ground.board.until(&format!("d-{n}"), "to be looked at", |r| r.status.is_some()).await?;
    }
    Ok(())
}

/// Starts the operator again with everything stored, and files one more while it is at work on them.
async fn start(ground: &Ground, stored: usize, report: &mut Report) -> Result<()> {
    let operator = &ground.world.operator;
    operator.terminate(Duration::from_secs(30)).await?;
    let (started, began) = (Instant::now(), Timestamp::now());
    operator.start_again()?;
    let first = reach(ground, 1, started).await?;
    let filed = Instant::now();
    let backlog = reconciles(ground).await.unwrap_or_default();
    let requests: Api<CloudResourceRequest> = Api::namespaced(ground.client(PERSON)?, &home_namespace(UNIT));
    requests.create(&PostParams::default(), &draft("latecomer")?).await?;
    let served = async {
        ground.board.until("latecomer", "to be looked at", |r| r.status.is_some()).await?;
        anyhow::Ok((filed.elapsed(), reconciles(ground).await?))
    };
    let caught_up = reach(ground, stored, started);
    let (served, caught_up) = tokio::try_join!(served, caught_up)?;
    let at_rest = reconciled_to_rest(ground).await?.duration_since(started);
    let seconds = |d: Duration| vec![d.as_secs_f64()];
    let what = |what: &str| format!("start with {stored} requests: {what}");
    report.figure(what("all listed"), "s", vec![told(ground, "watching; waits for the lease", began)?], None);
    report.figure(what("lease taken"), "s", vec![told(ground, "acting", began)?], None);
    report.figure(what("first one looked at"), "s", seconds(first), None);
    report.figure(what("as many looked at as are stored"), "s", seconds(caught_up), Some(Aim::Below(5.0)));
    report.figure(what("at rest"), "s", seconds(at_rest), None);
    report.figure(what("a new one served after"), "s", seconds(served.0), None);
    #[expect(clippy::cast_precision_loss, reason = "counts of some thousands")]
    let behind = reconciles(ground).await?.saturating_sub(served.1) as f64;
    report.figure(what("still looked at after the new one was served"), "", vec![behind], Some(Aim::AtLeast(1.0)));
    report.fact("looked_at_when_the_new_one_was_filed", json!(backlog));
    report.fact("looked_at_when_the_new_one_was_served", json!(served.1));
    report.fact("looked_at_by_the_time_it_was_at_rest", json!(reconciles(ground).await?));
    Ok(())
}

/// How long after that the operator logged this, last.
fn told(ground: &Ground, message: &str, began: Timestamp) -> Result<f64> {
    let lines = ground.world.operator.log_lines()?;
    let line = lines.iter().rev().find(|line| line["message"] == message);
    let at = line.and_then(|line| line["timestamp"].as_str()).with_context(|| format!("it never logged: {message}"))?;
    Ok(at.parse::<Timestamp>()?.duration_since(began).as_secs_f64())
}

/// Requests looked at since the operator was started, by its own metrics.
async fn reconciles(ground: &Ground) -> Result<usize> {
    let metrics = ground.world.operator.metrics().await?;
    let counts = metrics.lines().filter(|l| l.starts_with("yunguan_reconcile_total{controller=\"request\""));
    counts.map(|line| Ok(line.rsplit(' ').next().context("no count")?.parse::<usize>()?)).sum()
}

/// Waits until so many have been looked at; how long after the start that was.
async fn reach(ground: &Ground, count: usize, started: Instant) -> Result<Duration> {
    while started.elapsed() < PATIENCE * 3 {
        if reconciles(ground).await.is_ok_and(|seen| seen >= count) {
            return Ok(started.elapsed());
        }
        tokio::time::sleep(LOOK).await;
    }
    anyhow::bail!("{count} requests are not looked at {:?} after the start", started.elapsed())
}

/// Waits until nothing is looked at any more; since when.
async fn reconciled_to_rest(ground: &Ground) -> Result<Instant> {
    let mut last = (usize::MAX, Instant::now());
    wait_until("the operator to come to rest", PATIENCE * 3, async || {
        let now = reconciles(ground).await?;
        if now != last.0 {
            last = (now, Instant::now());
        }
        Ok((last.1.elapsed() > CALM).then_some(last.1))
    })
    .await
}

#[expect(clippy::cast_precision_loss, reason = "some hundred thousand KiB")]
pub fn mebibytes(kibibytes: Option<&u64>) -> f64 {
    kibibytes.map_or(f64::NAN, |kibibytes| *kibibytes as f64 / 1024.0)
}

/// KiB for each request between the first and the last step.
#[expect(clippy::cast_precision_loss, reason = "some hundred thousand KiB")]
fn slope(memory: &[u64], steps: &[usize]) -> f64 {
    let (Some(from), Some(to)) = (memory.first(), memory.last()) else { return f64::NAN };
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else { return f64::NAN };
    (*to as f64 - *from as f64) / (last - first) as f64
}

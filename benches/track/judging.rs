//! What one look at the use of many systems costs, before a server that answers as Prometheus does, with answers as large.

use crate::at_rest;
use crate::ground::{DOMAIN, Ground, UNIT};
use crate::idle;
use crate::report::{Aim, Report};
use crate::size::mebibytes;
use crate::support::{OPERATOR, edit};
use crate::track;
use crate::usage::{Cpu, resident};
use crate::world::{PATIENCE, World};
use anyhow::Result;
use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use jiff::Timestamp;
use kube::Api;
use kube::api::ListParams;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::net::TcpListener;
use yunguan::api::cloud_domain::MetricsEndpoint;
use yunguan::api::{CloudDomain, InformationSystem};
use yunguan::core::names::home_namespace;
use yunguan_cluster::audit::Event;
use yunguan_cluster::wait_until;

/// Rounds that find the same.
const ROUNDS: usize = 5;
/// The first question of a round.
const FIRST: &str = "yunguan:rules:last_timestamp_seconds";

/// One question: what, when, and how many bytes the answer had.
struct Asked {
    first: bool,
    at: Instant,
    bytes: usize,
}

#[derive(Default)]
struct Server {
    namespaces: Mutex<Vec<String>>,
    asked: Mutex<Vec<Asked>>,
}

/// # Errors
/// When a system is not opened, or not judged.
pub async fn measure(report: &mut Report, steps: &[usize]) -> Result<()> {
    let ground = Ground::within(World::with_usage(Path::new("/nonexistent")).await?).await?;
    let mut log = ground.world.cluster.audit_from_now()?;
    track::round(&ground, &[idle::MODEL.to_owned()], 1).await?;
    let server = Arc::new(Server::default());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let router = Router::new().fallback(answer).with_state(Arc::clone(&server));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let domains: Api<CloudDomain> = Api::all(ground.world.admin().await?);
    let points_at = async |metrics: Option<MetricsEndpoint>| -> Result<()> {
        edit(&domains, DOMAIN, |domain| domain.spec.metrics.clone_from(&metrics)).await?;
        Ok(())
    };
    let mut there = 1;
    for systems in steps {
        points_at(None).await?;
        idle::open(&ground, there, *systems).await?;
        there = *systems;
        at_rest(&mut log).await?;
        let all: Api<InformationSystem> = Api::namespaced(ground.world.admin().await?, &home_namespace(UNIT));
        let namespaces = all.list(&ListParams::default()).await?.into_iter().map(|s| s.spec.namespace).collect();
        *server.namespaces.lock().unwrap_or_else(PoisonError::into_inner) = namespaces;
        server.take();
        let start = Instant::now();
        points_at(Some(MetricsEndpoint { url: url.clone(), ..MetricsEndpoint::default() })).await?;
        // Between the rounds of many systems nothing is written for seconds: all of them must have been told.
        let mut events = Vec::new();
        wait_until("every system to be judged", PATIENCE * 10, async || {
            events.extend(log.new_events()?);
            Ok((said(&events) >= *systems).then_some(()))
        })
        .await?;
        events.extend(at_rest(&mut log).await?);
        let what = |what: &str| format!("judging {systems} systems: {what}");
        report.figure(what("status writes of the first round"), "", vec![count(said(&events))], None);
        report.figure(what("first round until all is written"), "s", vec![start.elapsed().as_secs_f64() - 1.0], None);
        same_again(report, &ground, &server, what).await?;
        let writes = said(&log.new_events()?);
        report.figure(what("status writes of further rounds"), "", vec![count(writes)], Some(Aim::AtMost(0.0)));
        let memory = resident(ground.world.operator.pid())?;
        report.figure(what("memory"), "MiB", vec![mebibytes(Some(&memory))], None);
    }
    Ok(())
}

/// How often a system's status was written.
fn said(events: &[Event]) -> usize {
    let theirs = events.iter().filter(|e| e.is_write() && e.user.username == OPERATOR);
    theirs.filter(|e| e.is_about("informationsystems/status")).count()
}

/// Rounds in which nothing is new.
async fn same_again(
    report: &mut Report,
    ground: &Ground,
    server: &Server,
    what: impl Fn(&str) -> String,
) -> Result<()> {
    server.take();
    let cpu = Cpu::of(ground)?;
    let mut asked = Vec::new();
    wait_until("further rounds", PATIENCE, async || {
        asked.extend(server.take());
        Ok((asked.iter().filter(|a| a.first).count() > ROUNDS).then_some(()))
    })
    .await?;
    let used = Cpu::of(ground)?.since(cpu).operator.as_secs_f64();
    let starts: Vec<usize> = asked.iter().enumerate().filter(|(_, a)| a.first).map(|(n, _)| n).collect();
    let (mut questions, mut bytes, mut seconds) = (Vec::new(), Vec::new(), Vec::new());
    for pair in starts.windows(2) {
        let round = &asked[pair[0]..pair[1]];
        questions.push(count(round.len()));
        bytes.push(count(round.iter().map(|a| a.bytes).sum()) / 1e6);
        seconds.extend(round.last().map(|last| last.at.duration_since(round[0].at).as_secs_f64()));
    }
    report.figure(what("questions of a round"), "", questions, None);
    report.figure(what("answers of a round"), "MB", bytes, None);
    report.figure(what("from its first question to its last"), "s", seconds, None);
    report.figure(what("operator CPU of a round"), "s", vec![used / count(starts.len())], None);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts of some millions")]
fn count(count: usize) -> f64 {
    count as f64
}

impl Server {
    fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What Prometheus says of systems that are used as they should be.
async fn answer(
    State(server): State<Arc<Server>>,
    form: String,
) -> ([(axum::http::HeaderName, &'static str); 1], String) {
    let at = Instant::now();
    let query = form_urlencoded::parse(form.as_bytes()).find(|(key, _)| key == "query");
    let query = query.map(|(_, query)| query.into_owned()).unwrap_or_default();
    let name = query.split('{').next().unwrap_or_default();
    let now = Timestamp::now().as_second();
    let series: Vec<String> = if name == FIRST {
        vec![series(name, "", now, &now.to_string())]
    } else if name == "yunguan:definition:threshold" {
        vec![series(name, ",\"of\":\"memory_peak\"", now, "0.8")]
    } else {
        let labels: &[&str] = match name.split(':').nth(1).unwrap_or_default() {
            "namespace_activity" => {
                &[",\"activity\":\"running\"", ",\"activity\":\"busy\"", ",\"activity\":\"business\""]
            }
            "namespace_storage_used_ratio" => &["", ",\"storageclass\":\"ssd\""],
            "namespace_oom_kill" => &[],
            _ => &[""],
        };
        let value = match name.rsplit(':').next().unwrap_or_default() {
            "last_timestamp_seconds" => now.to_string(),
            "coverage1w" | "coverage1d" | "coverage1h" => "1".to_owned(),
            "others1w" | "max1d" | "quiet_minutes" => "0".to_owned(),
            _ => "0.512345678901234".to_owned(),
        };
        let namespaces = server.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |namespace: &String, label: &str| {
            series(name, &format!(",\"namespace\":\"{namespace}\"{label}"), now, &value)
        };
        namespaces
            .iter()
            .flat_map(|namespace| labels.iter().map(|label| of(namespace, label)).collect::<Vec<_>>())
            .collect()
    };
    let text =
        format!("{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":[{}]}}}}", series.join(","));
    let asked = Asked { first: name == FIRST, at, bytes: text.len() };
    server.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    ([(CONTENT_TYPE, "application/json")], text)
}

fn series(name: &str, labels: &str, at: i64, value: &str) -> String {
    format!("{{\"metric\":{{\"__name__\":\"{name}\"{labels}}},\"value\":[{at}.123,\"{value}\"]}}")
}

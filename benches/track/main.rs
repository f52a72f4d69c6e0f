//! How fast the standard track goes from a draft to a live system, beside what the API server itself can do.
//!
//! Two clusters are installed alike. In one the operator works; in the other it is ended, and a replayer sends the least
//! calls that come to the same, with the same identities. They take turns, so that both meet the same weather on the
//! machine. For one request the replayer sends, in this order:
//!
//! | who | calls |
//! |---|---|
//! | the unit | the request |
//! | people | ten decisions, each after the status that shows its gate |
//! | operator | one status for each phase and set of open gates shown, and one that commits the approval |
//! | operator | the domain's status, in which room is taken |
//! | operator | the InformationSystem; its status once it is open; its going live; its status once it is live |
//! | operator | two ledger entries: the grant and the going live |
//! | operator | the namespace, quota, limit range, network policies and role binding |
//!
//! Access reviews, reads and Events, which the operator does besides, are not among them. `BENCH_QUICK=1` makes a short
//! run, `BENCH_ONLY` names the one part to run (`rounds`, `idle`, `memory`, `usage`, `leaving`), `BENCH_REQUESTS` says how many
//! requests a round has, `BENCH_JSON` names the file for the figures. Nothing is asserted but that every request gets to its end.

mod boundary;
#[path = "../../tests/leaving.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod departure;
mod ground;
mod idle;
mod judging;
mod leaving;
mod replay;
mod report;
mod size;
#[path = "../../tests/support.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod support;
mod track;
mod usage;
#[path = "../../tests/world.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod world;

use anyhow::{Context as _, Result};
use ground::{Ground, PERSON};
use replay::{Score, Stage};
use report::{Aim, Report};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use usage::Cpu;
use world::{AGENCY, AUTHORITY, PROVIDER};
use yunguan_cluster::audit::{Event, Log};

/// How much is done.
struct Scale {
    rounds: usize,
    requests: usize,
    at_once: usize,
    systems: usize,
    idle: Duration,
    stored: &'static [usize],
    judged: &'static [usize],
    /// Rounds of so many systems that leave.
    leaving: (usize, usize),
}

impl Scale {
    fn wanted() -> Self {
        let quick = std::env::var("BENCH_QUICK").is_ok_and(|v| v == "1");
        let at_once = 16;
        let requests = std::env::var("BENCH_REQUESTS").ok().and_then(|n| n.parse().ok());
        if quick {
            Self {
                rounds: 2,
                requests: requests.unwrap_or(16),
                at_once,
                systems: 100,
                idle: Duration::from_secs(10),
                stored: &[0, 100, 1_000],
                judged: &[100, 1_000],
                leaving: (1, 12),
            }
        } else {
            Self {
                rounds: 5,
                requests: requests.unwrap_or(32),
                at_once,
                systems: 1_000,
                idle: Duration::from_mins(1),
                stored: &[0, 1_000, 10_000],
                judged: &[1_000, 10_000],
                leaving: (3, 40),
            }
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    // `cargo test --benches` only asks whether it runs.
    if !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    let scale = Scale::wanted();
    let mut report = Report::default();
    let only = std::env::var("BENCH_ONLY").ok();
    let wanted = |part: &str| only.as_deref().is_none_or(|only| only == part);
    // A run that is cut short leaves what it has found.
    if wanted("rounds") {
        Box::pin(rounds(&scale, &mut report)).await?;
        report.write()?;
    }
    if wanted("idle") {
        idle::measure(&mut report, scale.systems, scale.idle).await?;
        report.write()?;
    }
    if wanted("memory") {
        size::measure(&mut report, scale.stored).await?;
        report.write()?;
    }
    if wanted("usage") {
        judging::measure(&mut report, scale.judged).await?;
        report.write()?;
    }
    if wanted("leaving") {
        let (rounds, systems) = scale.leaving;
        leaving::measure(&mut report, rounds, systems).await?;
    }
    println!("{}", report.table());
    println!("as JSON: {}", report.write()?.display());
    Ok(())
}

/// The operator's and the replayer's rounds, in turns.
async fn rounds(scale: &Scale, report: &mut Report) -> Result<()> {
    let (ours, raw) = (Ground::new().await?, Ground::new().await?);
    raw.world.operator.terminate(Duration::from_secs(20)).await?;
    let mut log = ours.world.cluster.audit_from_now()?;
    track::round(&ours, &["recorded".to_owned()], 1).await?;
    let recorded = at_rest(&mut log).await?;
    let score = Score::of("recorded", &recorded, &[PERSON, AUTHORITY, AGENCY, PROVIDER])?;
    let stage = Stage::new(&raw, &score).await?;
    let least = score.operator_writes();
    report.fact("least_writes", json!(score.operator_deeds()));
    report.fact("writes_of_a_lone_request", json!(replay::deeds(&recorded)));
    report.fact("answer_times_of_a_lone_request", json!(replay::answer_times(&recorded)));

    let mut figures = Figures::default();
    // The first turn warms both up and does not count.
    for round in 0..=scale.rounds {
        let names: Vec<String> = (0..scale.requests).map(|n| format!("r{round}-{n}")).collect();
        log.skip()?;
        let before = Cpu::of(&ours)?;
        let took = track::round(&ours, &names, scale.at_once).await?;
        let events = at_rest(&mut log).await?;
        let used = Cpu::of(&ours)?.since(before);
        let before = Cpu::of(&raw)?;
        let replayed = stage.round(&names, scale.at_once).await?;
        let least = Cpu::of(&raw)?.since(before);
        if round > 0 {
            figures.add(scale.requests, (&took, used), (&replayed, least), &replay::deeds(&events));
        }
    }
    figures.tell(scale, least, report);
    Ok(())
}

/// What was done until the operator came to rest.
async fn at_rest(log: &mut Log) -> Result<Vec<Event>> {
    let mut all = Vec::new();
    let mut since = std::time::Instant::now();
    yunguan_cluster::wait_until("the operator to come to rest", Duration::from_mins(1), async || {
        let new = log.new_events()?;
        if new.iter().any(|e| e.is_write() && e.user.username == support::OPERATOR) {
            since = std::time::Instant::now();
        }
        all.extend(new);
        Ok((since.elapsed() > Duration::from_secs(1)).then_some(()))
    })
    .await
    .context("it goes on writing")?;
    Ok(all)
}

/// What the rounds came to.
#[derive(Default)]
struct Figures {
    ours: Vec<f64>,
    raw: Vec<f64>,
    fraction: Vec<f64>,
    writes: Vec<f64>,
    cpu: Vec<f64>,
    all_cpu: Vec<f64>,
    all_cpu_raw: Vec<f64>,
    share: Vec<f64>,
    programs: BTreeMap<&'static str, Vec<f64>>,
    opened: Vec<f64>,
    opened_raw: Vec<f64>,
    deeds: BTreeMap<String, usize>,
}

impl Figures {
    #[expect(clippy::cast_precision_loss, reason = "counts of some hundreds")]
    fn add(
        &mut self,
        requests: usize,
        (ours, used): (&track::Round, Cpu),
        (raw, least): (&track::Round, Cpu),
        deeds: &BTreeMap<String, usize>,
    ) {
        let requests = requests as f64;
        let rate = |round: &track::Round| requests / round.took.as_secs_f64();
        self.ours.push(rate(ours));
        self.raw.push(rate(raw));
        self.fraction.push(rate(ours) / rate(raw));
        self.writes.push(deeds.values().sum::<usize>() as f64 / requests);
        let each = |time: Duration| time.as_secs_f64() * 1000.0 / requests;
        self.cpu.push(each(used.operator));
        self.all_cpu.push(each(used.all()));
        self.all_cpu_raw.push(each(least.all()));
        self.share.push(used.operator.as_secs_f64() / used.all().as_secs_f64() * 100.0);
        for (program, time) in [
            ("kube-apiserver", used.apiserver),
            ("etcd", used.etcd),
            ("kube-controller-manager", used.manager),
            ("kube-apiserver, replayer", least.apiserver),
            ("etcd, replayer", least.etcd),
            ("kube-controller-manager, replayer", least.manager),
        ] {
            self.programs.entry(program).or_default().push(each(time));
        }
        let millis = |waits: &[Duration]| waits.iter().map(|w| w.as_secs_f64() * 1000.0).collect::<Vec<_>>();
        self.opened.extend(millis(&ours.opened_after));
        self.opened_raw.extend(millis(&raw.opened_after));
        for (deed, count) in deeds {
            *self.deeds.entry(deed.clone()).or_default() += count;
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of some hundreds")]
    fn tell(self, scale: &Scale, least: usize, report: &mut Report) {
        let count = least as f64;
        let over: Vec<f64> = self.writes.iter().map(|writes| writes / count).collect();
        report.figure("whole track, operator", "requests/s", self.ours, None);
        report.figure("whole track, replayer", "requests/s", self.raw, None);
        report.figure("operator as a fraction of the replayer", "", self.fraction, Some(Aim::AtLeast(0.7)));
        report.figure("least writes by the operator", "writes/request", vec![count], None);
        report.figure("writes by the operator", "writes/request", self.writes, None);
        report.figure("writes as a multiple of the least", "", over, Some(Aim::AtMost(1.1)));
        report.figure("operator CPU", "ms/request", self.cpu, None);
        report.figure("all CPU, operator", "ms/request", self.all_cpu, None);
        report.figure("all CPU, replayer", "ms/request", self.all_cpu_raw, None);
        report.figure("operator's share of all CPU", "%", self.share, None);
        for percent in [50, 99] {
            let of = |samples: &[f64]| vec![report::percentile(samples, percent)];
            report.figure(format!("last decision to open, operator, p{percent}"), "ms", of(&self.opened), None);
            report.figure(format!("last decision to open, replayer, p{percent}"), "ms", of(&self.opened_raw), None);
        }
        let requests = (scale.rounds * scale.requests) as f64;
        let deeds: BTreeMap<_, _> = self.deeds.iter().map(|(deed, n)| (deed, *n as f64 / requests)).collect();
        report.fact("writes_per_request", json!(deeds));
        report.fact("cpu_ms_per_request", json!(self.programs));
        report.fact("rounds", json!(scale.rounds));
        report.fact("requests_a_round", json!(scale.requests));
        report.fact("at_once", json!(scale.at_once));
    }
}

//! How many systems a minute leave, beside what the namespace controller alone can delete.

use crate::at_rest;
use crate::departure::Leaving;
use crate::ground::{Ground, UNIT};
use crate::idle::{self, AT_ONCE, MODEL};
use crate::report::Report;
use crate::support::{OPERATOR, objects};
use crate::track;
use crate::usage::Cpu;
use crate::world::{Case, PATIENCE, PROVIDER};
use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{DeleteParams, DynamicObject, ListParams, ObjectMeta, PostParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use yunguan::api::Decommission;
use yunguan::api::decision::Verdict;
use yunguan::api::decommission::{BackupMode, DecommissionPhase};
use yunguan::core::names::{home_namespace, system_namespace};
use yunguan_cluster::audit::Event;
use yunguan_cluster::wait_until;

/// What the operator makes in the namespace of a system.
const KINDS: [&str; 4] = ["ResourceQuota", "LimitRange", "NetworkPolicy", "RoleBinding"];
/// By this label the plain namespaces are known.
const PLAIN: &str = "bench.example.org/plain";

/// Has systems leave, and deletes as many plain namespaces, in turns.
///
/// # Errors
/// When a system does not come to its end, or a namespace does not go.
pub async fn measure(report: &mut Report, rounds: usize, systems: usize) -> Result<()> {
    let ground = Ground::new().await?;
    ground.world.keep_clients();
    track::round(&ground, &[MODEL.to_owned()], 1).await?;
    let mut log = ground.world.cluster.audit_from_now()?;
    let mut figures = Figures::default();
    for round in 0..rounds {
        let first = 1 + round * systems;
        idle::open(&ground, first, first + systems).await?;
        at_rest(&mut log).await?;
        let model = contents(&ground).await?;
        let names: Vec<String> = (first..first + systems).map(|n| format!("copy-{n}")).collect();
        let cases: Vec<Case<'_>> =
            names.iter().map(|name| Case { world: &ground.world, unit: UNIT.to_owned(), name: name.clone() }).collect();
        let before = Cpu::of(&ground)?;
        let (whole, reclaimed) = leave(&ground, &cases).await?;
        let events = at_rest(&mut log).await?;
        let used = Cpu::of(&ground)?.since(before);
        let before = Cpu::of(&ground)?;
        let plain = delete(&ground, &model, &names).await?;
        let least = Cpu::of(&ground)?.since(before);
        log.skip()?;
        figures.add(systems, (whole, reclaimed, used), (plain, least), &events);
    }
    figures.tell(rounds, systems, report);
    Ok(())
}

/// All of them leave with nothing kept; the time from the first filing, and that from the first attestation, until the
/// last one is closed.
async fn leave(ground: &Ground, cases: &[Case<'_>]) -> Result<(Duration, Duration)> {
    let start = Instant::now();
    let filed = stream::iter(cases).map(|case| async move {
        let leaving = Leaving::of_unit(case, &format!("{}.leaves", case.name), BackupMode::Nothing).await?;
        leaving.approved().await?;
        leaving.decide(&case.person(), "backup-confirmation", Verdict::Confirm).await?;
        anyhow::Ok((case, leaving.drafted("attestation", Verdict::File).await?))
    });
    let drafted: Vec<_> = filed.buffer_unordered(AT_ONCE).try_collect().await?;
    let mut open: BTreeSet<String> = cases.iter().map(|case| format!("{}.leaves", case.name)).collect();
    let decided = Instant::now();
    let made = stream::iter(&drafted).map(|(case, attestation)| case.make(PROVIDER, attestation));
    made.buffer_unordered(AT_ONCE).try_for_each(async |_| Ok(())).await?;
    let forms: Api<Decommission> = Api::namespaced(ground.world.admin().await?, &home_namespace(UNIT));
    let closed = async {
        let mut seen = std::pin::pin!(watcher(forms, watcher::Config::default()).default_backoff().applied_objects());
        while let Some(form) = seen.next().await {
            let Ok(form) = form else { continue };
            if form.status.as_ref().is_some_and(|s| s.phase == DecommissionPhase::Closed) {
                open.remove(&form.name_any());
            }
            if open.is_empty() {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE * 10, closed).await.context("not all systems are closed")?;
    Ok((start.elapsed(), decided.elapsed()))
}

/// What lies in the namespace of the system that is copied, without what ties it to that.
async fn contents(ground: &Ground) -> Result<Vec<(&'static str, DynamicObject)>> {
    let (admin, namespace) = (ground.world.admin().await?, system_namespace(UNIT, MODEL));
    let ours = ListParams::default().labels("yunguan.dev/managed=true");
    let mut all = Vec::new();
    for kind in KINDS {
        for mut object in objects(&admin, kind, &namespace).list(&ours).await? {
            object.metadata = ObjectMeta { name: object.metadata.name, ..ObjectMeta::default() };
            all.push((kind, object));
        }
    }
    ensure!(all.len() >= KINDS.len(), "only {} objects in {namespace}", all.len());
    Ok(all)
}

/// Deletes plain namespaces with the same in them; the time from the first call until the last one is gone.
async fn delete(ground: &Ground, model: &[(&'static str, DynamicObject)], names: &[String]) -> Result<Duration> {
    let admin = ground.world.admin().await?;
    let spaces: Api<Namespace> = Api::all(admin.clone());
    let made = stream::iter(names).map(|name| async {
        let labels = BTreeMap::from([(PLAIN.to_owned(), "true".to_owned())]);
        let metadata = ObjectMeta { name: Some(plain(name)), labels: Some(labels), ..ObjectMeta::default() };
        spaces.create(&PostParams::default(), &Namespace { metadata, ..Namespace::default() }).await?;
        for (kind, object) in model {
            objects(&admin, kind, &plain(name)).create(&PostParams::default(), object).await?;
        }
        anyhow::Ok(())
    });
    made.buffer_unordered(AT_ONCE).try_for_each(async |()| Ok(())).await?;
    // What is made in every namespace must be there, to be deleted too.
    let roots: Api<ConfigMap> = Api::all(admin.clone());
    wait_until("the namespaces to be complete", PATIENCE, async || {
        let made_everywhere = ListParams::default().fields("metadata.name=kube-root-ca.crt");
        let there =
            roots.list_metadata(&made_everywhere).await?.items.into_iter().filter_map(|map| map.metadata.namespace);
        let there: BTreeSet<String> = there.collect();
        Ok(names.iter().all(|name| there.contains(&plain(name))).then_some(()))
    })
    .await?;
    let start = Instant::now();
    let gone = stream::iter(names).map(|name| {
        let (spaces, name) = (spaces.clone(), plain(name));
        async move { spaces.delete(&name, &DeleteParams::default()).await }
    });
    gone.buffer_unordered(AT_ONCE).try_for_each(async |_| Ok(())).await?;
    let labelled = ListParams::default().labels(PLAIN);
    wait_until("the namespaces to be gone", PATIENCE * 10, async || {
        Ok(spaces.list_metadata(&labelled).await?.items.is_empty().then_some(()))
    })
    .await?;
    Ok(start.elapsed())
}

fn plain(name: &str) -> String {
    format!("plain-{name}")
}

/// What the rounds came to.
#[derive(Default)]
struct Figures {
    whole: Vec<f64>,
    reclaimed: Vec<f64>,
    plain: Vec<f64>,
    fraction: Vec<f64>,
    cpu: Vec<f64>,
    all_cpu: Vec<f64>,
    all_cpu_plain: Vec<f64>,
    /// Writes, reads and access reviews.
    calls: [Vec<f64>; 3],
    asked: BTreeMap<String, usize>,
}

impl Figures {
    #[expect(clippy::cast_precision_loss, reason = "counts of some thousands")]
    fn add(
        &mut self,
        systems: usize,
        (whole, reclaimed, used): (Duration, Duration, Cpu),
        (plain, least): (Duration, Cpu),
        events: &[Event],
    ) {
        let count = systems as f64;
        let rate = |took: Duration| count * 60.0 / took.as_secs_f64();
        self.whole.push(rate(whole));
        self.reclaimed.push(rate(reclaimed));
        self.plain.push(rate(plain));
        self.fraction.push(rate(reclaimed) / rate(plain));
        let each = |time: Duration| time.as_secs_f64() * 1000.0 / count;
        self.cpu.push(each(used.operator));
        self.all_cpu.push(each(used.all()));
        self.all_cpu_plain.push(each(least.all()));
        let mut totals = [0_usize; 4];
        for event in events.iter().filter(|e| e.user.username == OPERATOR) {
            let Some(kind) = idle::kind_of(event) else { continue };
            totals[kind] += 1;
            let resource = event.object_ref.as_ref().map(|o| o.resource.clone()).unwrap_or_default();
            *self.asked.entry(format!("{} {resource}", event.verb)).or_default() += 1;
        }
        let [writes, reads, _, reviews] = totals;
        for (samples, calls) in self.calls.iter_mut().zip([writes, reads, reviews]) {
            samples.push(calls as f64 / count);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of some thousands")]
    fn tell(self, rounds: usize, systems: usize, report: &mut Report) {
        let what = |what: &str| format!("{systems} systems leave: {what}");
        report.figure(what("filing to closed"), "systems/min", self.whole, None);
        report.figure(what("attestations to closed"), "systems/min", self.reclaimed, None);
        report.figure(format!("{systems} namespaces deleted by hand"), "namespaces/min", self.plain, None);
        report.figure("attestations to closed, as a fraction of that", "", self.fraction, None);
        report.figure(what("operator CPU"), "ms/system", self.cpu, None);
        report.figure(what("all CPU"), "ms/system", self.all_cpu, None);
        report.figure("all CPU for a namespace deleted by hand", "ms", self.all_cpu_plain, None);
        let [writes, reads, reviews] = self.calls;
        report.figure(what("writes by the operator"), "writes/system", writes, None);
        report.figure(what("its reads"), "reads/system", reads, None);
        report.figure(what("its access reviews"), "reviews/system", reviews, None);
        let all = (rounds * systems) as f64;
        let asked: BTreeMap<_, _> = self.asked.iter().map(|(call, n)| (call, *n as f64 / all)).collect();
        report.fact("calls_per_departure", json!(asked));
        report.fact("departures_a_round", json!(systems));
    }
}

//! Article 26 in the real: systems whose use a real Prometheus records by the shipped rules, from weeks of history and from
//! what it scrapes, and what the operator says of them.

pub mod evidence;
mod faults;

use crate::support::edit;
use crate::world::*;
use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Api;
use kube::api::{ListParams, PostParams};
use std::time::Duration;
use yunguan::api::common::Time;
use yunguan::api::information_system::SystemPhase;
use yunguan::api::names::{
    CONDITION_EXPANSION_ELIGIBLE as EXPANSION, CONDITION_IDLE as IDLE, CONDITION_NO_BUSINESS_DATA as NO_DATA,
    CONDITION_REDUCTION_ELIGIBLE as REDUCTION, CONDITION_USAGE_KNOWN as KNOWN,
};
use yunguan::api::{CloudDomain, InformationSystem};
use yunguan_cluster::scenery::{Namespace, Scenery, of_a_system};
use yunguan_cluster::wait_until;

/// Long enough ago that three months without activity lie behind a system.
const DAYS: i64 = 200;

/// What is to be said of a system: by condition, its status and reason.
pub type Said<'a> = [(&'a str, &'a str, &'a str)];

/// Waits until a system says all this of its use, and gives its conditions.
pub async fn says(case: &Case<'_>, said: &Said<'_>) -> Result<Vec<Condition>> {
    says_within(case, said, PATIENCE).await
}

/// As [`says`], for what takes longer.
pub async fn says_within(case: &Case<'_>, said: &Said<'_>, patience: Duration) -> Result<Vec<Condition>> {
    wait_until(&format!("the use of {}", case.name), patience, async || {
        let conditions = case.system().await?.status.unwrap_or_default().conditions;
        for (type_, status, reason) in said {
            let found = conditions.iter().find(|c| c.type_ == *type_);
            let found = found.with_context(|| format!("{type_} is not there"))?;
            ensure!(
                (found.status.as_str(), found.reason.as_str()) == (*status, *reason),
                "{type_}={} {}: {}",
                found.status,
                found.reason,
                found.message
            );
        }
        Ok(Some(conditions))
    })
    .await
}

/// Makes a live system of each name that says it was opened so many days ago: neither people nor Prometheus could wait.
async fn opened<'w>(world: &'w World, names: &[&str], days: i64, domain: &str) -> Result<Vec<Case<'w>>> {
    let mut cases = Vec::new();
    for name in names {
        cases.push(world.draft("t-use", name, |spec| domain.clone_into(&mut spec.application.domain)).await?);
    }
    futures::future::try_join_all(cases.iter().map(Case::to_live)).await?;
    let then = Time::new(ago(days)?);
    let systems: Api<InformationSystem> =
        Api::namespaced(crate::support::operator(&world.cluster).await?, &cases[0].home());
    for name in names {
        wait_until("the opening to be put back", PATIENCE, async || {
            let mut system = systems.get(name).await?;
            let status = system.status.as_mut().context("no status")?;
            ensure!(status.phase == SystemPhase::Live, "{}", status.phase);
            status.provisioned_at = Some(then);
            systems.replace_status(name, &PostParams::default(), &system).await?;
            Ok(Some(()))
        })
        .await?;
    }
    Ok(cases)
}

fn ago(days: i64) -> Result<Timestamp> {
    Ok(Timestamp::now().checked_sub(SignedDuration::from_hours(days * 24))?)
}

/// Points the city's domain at a metrics endpoint.
pub async fn points_at(world: &World, url: &str, cluster: Option<&str>, credentials: Option<&str>) -> Result<()> {
    let domains: Api<CloudDomain> = Api::all(world.admin().await?);
    edit(&domains, "bozhou-main", |domain| {
        domain.spec.metrics = Some(yunguan::api::cloud_domain::MetricsEndpoint {
            url: url.to_owned(),
            cluster: cluster.map(str::to_owned),
            credentials: credentials.map(str::to_owned),
        });
    })
    .await?;
    Ok(())
}

/// A system by name, how it is used, and what is to be said of it.
type Row = (&'static str, Namespace, Vec<(&'static str, &'static str, &'static str)>);

/// Every clause of article 26, both sides of its limit.
fn table() -> Vec<Row> {
    let calm = (EXPANSION, "False", "WithinLimits");
    let used = [(KNOWN, "True", "Measured"), (REDUCTION, "False", "WithinLimits"), (IDLE, "False", "WithinLimits")];
    let more = |reason| [&[(EXPANSION, "True", reason)][..], &used].concat();
    let less = |status, reason| vec![(REDUCTION, status, reason), calm, (IDLE, "False", "WithinLimits")];
    vec![
        ("mean-above", Namespace { mean: 0.701, top: 0.75, ..of_a_system() }, more("MemoryMean")),
        ("mean-at", Namespace { mean: 0.70, top: 0.75, ..of_a_system() }, [&[calm][..], &used].concat()),
        (
            "mean-gaps",
            Namespace { mean: 0.9, top: 0.95, week: 0.85, ..of_a_system() },
            vec![(EXPANSION, "Unknown", "UsageUnknown")],
        ),
        (
            "mean-quota",
            Namespace { mean: 0.9, top: 0.95, other_quota: true, ..of_a_system() },
            vec![(EXPANSION, "Unknown", "UsageUnknown")],
        ),
        ("peaks-three", Namespace { peaks: 3, ..of_a_system() }, more("MemoryPeaks")),
        ("peaks-two", Namespace { peaks: 2, ..of_a_system() }, [&[calm][..], &used].concat()),
        ("storage-above", Namespace { storage: 0.71, ..of_a_system() }, more("Storage")),
        ("storage-at", Namespace { storage: 0.70, ..of_a_system() }, [&[calm][..], &used].concat()),
        ("low", Namespace { mean: 0.30, top: 0.50, ..of_a_system() }, less("True", "LowMemory")),
        ("low-peaking", Namespace { mean: 0.30, top: 0.51, ..of_a_system() }, less("False", "WithinLimits")),
        ("low-gaps", Namespace { mean: 0.10, top: 0.10, week: 0.95, ..of_a_system() }, less("Unknown", "UsageUnknown")),
        (
            "low-killed",
            Namespace { mean: 0.10, top: 0.10, killed: true, ..of_a_system() },
            less("False", "WithinLimits"),
        ),
        (
            "idle",
            Namespace { busy_days: Some(100), ..of_a_system() },
            vec![calm, (IDLE, "True", "Idle"), (NO_DATA, "False", "WithinLimits")],
        ),
        ("idle-soon", Namespace { busy_days: Some(85), ..of_a_system() }, vec![calm, (IDLE, "False", "WithinLimits")]),
        (
            "idle-unseen",
            Namespace { busy_days: Some(100), seen: 0.8, ..of_a_system() },
            vec![calm, (IDLE, "Unknown", "UsageUnknown")],
        ),
        (
            "stopped",
            Namespace { stopped_days: Some(100), ..of_a_system() },
            vec![(KNOWN, "True", "Measured"), (IDLE, "True", "Stopped")],
        ),
        (
            "no-data",
            Namespace { data_days: 40, ..of_a_system() },
            vec![calm, (NO_DATA, "True", "NoBusinessData"), (IDLE, "False", "WithinLimits")],
        ),
        ("data-soon", Namespace { data_days: 25, ..of_a_system() }, vec![calm, (NO_DATA, "False", "WithinLimits")]),
        (
            "zero-quota",
            Namespace { quota: 0, ..of_a_system() },
            vec![
                (KNOWN, "True", "Measured"),
                (EXPANSION, "Unknown", "UsageUnknown"),
                (REDUCTION, "Unknown", "UsageUnknown"),
            ],
        ),
    ]
}

/// All of them in one world, and nothing else is found of anybody.
#[tokio::test]
async fn r14_1_r26_2_r26_5_each_ground_is_found_where_it_is_and_nowhere_else() -> Result<()> {
    let table = table();
    let folder = tempfile::tempdir()?;
    let world = World::with_usage(folder.path()).await?;
    world.unit("t-use", None).await?;
    dark_domain(&world).await?;
    let names: Vec<&str> = table.iter().map(|(name, ..)| *name).collect();
    let cases = opened(&world, &names, DAYS, "bozhou-main").await?;
    let dark = opened(&world, &["dark"], DAYS, "t-dark").await?;
    let young = opened(&world, &["young"], 3, "bozhou-main").await?;

    let mut namespaces: Vec<(String, Namespace)> =
        cases.iter().zip(&table).map(|(case, (_, of, _))| (case.namespace(), of.clone())).collect();
    let hot = Namespace { mean: 0.9, top: 0.95, ..of_a_system() };
    namespaces.push((young[0].namespace(), Namespace { days: 3, ..hot.clone() }));
    // What is there besides: of nobody, and of the system that is not to be judged.
    namespaces.push(("kube-system".to_owned(), hot.clone()));
    namespaces.push(("ygs-nobody-here".to_owned(), hot.clone()));
    namespaces.push((dark[0].namespace(), hot));
    let scenery = Scenery::start(namespaces).await?;
    points_at(&world, scenery.proxy.url(), None, None).await?;

    let mut grounds = 0;
    for (case, (name, _, said)) in cases.iter().zip(&table) {
        says(case, said).await.with_context(|| format!("{name}; {}", world.operator.log_tail()))?;
        grounds += said.iter().filter(|(type_, status, _)| *type_ != KNOWN && *status == "True").count();
    }
    let told = says(
        &young[0],
        &[(KNOWN, "True", "Measured"), (EXPANSION, "Unknown", "UsageUnknown"), (REDUCTION, "Unknown", "UsageUnknown")],
    )
    .await?;
    ensure!(told.iter().any(|c| c.type_ == EXPANSION && c.message.contains("of the week measured")), "{told:?}");
    let told = says(&dark[0], &[(KNOWN, "False", "NoEndpoint")]).await?;
    ensure!(!told.iter().any(|c| [EXPANSION, REDUCTION, IDLE, NO_DATA].contains(&c.type_.as_str())), "{told:?}");

    evidence(&cases[0]).await?;
    let known = format!("yunguan_usage_known {}", table.len() + 1);
    wait_until("who is measured to be counted", PATIENCE, async || {
        Ok(world.operator.metrics().await?.lines().any(|line| line == known).then_some(()))
    })
    .await?;

    // The same again says nothing new, so nothing is written.
    let versions = async || -> Result<Vec<Option<String>>> {
        let systems: Api<InformationSystem> = Api::namespaced(world.admin().await?, &cases[0].home());
        Ok(systems.list(&ListParams::default()).await?.into_iter().map(|s| s.metadata.resource_version).collect())
    };
    let before = versions().await?;
    rounds(&scenery, 3).await?;
    ensure!(before == versions().await?, "rounds that find the same write nothing");
    println!("systems judged: {}, grounds found: {grounds}, none besides", table.len() + 1);
    scenery.stop().await
}

/// The evidence: value, limit and its article, and the figures in the status.
async fn evidence(case: &Case<'_>) -> Result<()> {
    let told = says(case, &[]).await?;
    let message = &told.iter().find(|c| c.type_ == EXPANSION).context("no condition")?.message;
    for part in ["70.1%", "70%", "第二十六条第一项", "内存周平均使用率"] {
        ensure!(message.contains(part), "{part}: {message}");
    }
    let usage = case.system().await?.status.and_then(|s| s.usage).context("no usage")?;
    let figures = (usage.memory_mean_percent, usage.memory_peak_percent, usage.coverage_percent);
    ensure!(figures.0.is_some_and(|p| p.0 == "70.1") && figures.1.is_some_and(|p| p.0 == "75.0"));
    ensure!(figures.2.is_some());
    Ok(())
}

/// Waits for so many rounds more.
pub async fn rounds(scenery: &Scenery, count: usize) -> Result<()> {
    let _ = scenery.proxy.asked();
    let mut begun = 0;
    wait_until("further rounds", PATIENCE, async || {
        begun += scenery.proxy.asked().iter().filter(|query| query.contains("rules%3Alast")).count();
        Ok((begun > count).then_some(()))
    })
    .await
}

/// A domain that names no endpoint.
async fn dark_domain(world: &World) -> Result<()> {
    let domains: Api<CloudDomain> = Api::all(world.admin().await?);
    let spec = domains.get("bozhou-main").await?.spec;
    domains.create(&PostParams::default(), &CloudDomain::new("t-dark", spec)).await?;
    products_for(&world.admin().await?, "t-dark").await
}

//! Windows of many systems: those that end in the same moment, and thousands that are still to come.

use crate::ground::{Ground, UNIT};
use crate::report::{Report, percentile};
use crate::support::OPERATOR;
use crate::world::PATIENCE;
use crate::{at_rest, idle::AT_ONCE};
use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{Timestamp, ToSpan as _};
use kube::api::{ListParams, PostParams};
use kube::{Api, ResourceExt};
use yunguan::api::InformationSystem;
use yunguan::api::common::Time;
use yunguan::api::information_system::{Grant, GrantedChange, Term};
use yunguan::core::names::home_namespace;
use yunguan_cluster::audit::{Event, Log};
use yunguan_cluster::wait_until;

/// Puts a window on the record of every system of the bench's unit, by the operator's account, and measures its end.
///
/// # Errors
/// When a quota does not follow, or the audit log cannot be read.
pub async fn measure(report: &mut Report, ground: &Ground, log: &mut Log) -> Result<()> {
    let systems: Api<InformationSystem> = Api::namespaced(ground.client(OPERATOR)?, &home_namespace(UNIT));
    let names: Vec<String> =
        systems.list(&ListParams::default()).await?.items.iter().map(kube::ResourceExt::name_any).collect();
    // Time enough for all of them to start, on a slow machine too.
    let seconds = 30 + i64::try_from(names.len())? / 5;
    let until = Time::new(Timestamp::now().checked_add(seconds.seconds())?);
    let begun = stream::iter(&names).map(|name| begin(&systems, name, until));
    begun.buffer_unordered(AT_ONCE).try_for_each(async |()| Ok(())).await?;
    let quotas = |events: &[Event]| -> Vec<Timestamp> {
        let written = events.iter().filter(|e| {
            e.is_about("resourcequotas")
                && e.user.username == OPERATOR
                && e.is_write()
                && (200..300).contains(&e.code())
        });
        written.map(|e| e.stage_timestamp).collect()
    };
    let begun = quotas(&at_rest(log).await?).len();
    ensure!(begun >= names.len(), "{begun} of {} windows have begun", names.len());
    ensure!(Timestamp::now() < until.timestamp(), "the windows ended before all had begun: more time is needed");
    let mut followed = Vec::new();
    wait_until("every quota to follow the end", PATIENCE * 5, async || {
        followed.extend(quotas(&log.new_events()?));
        Ok((followed.len() >= names.len()).then_some(()))
    })
    .await?;
    let millis = |at: &Timestamp| at.duration_since(until.timestamp()).as_millis_f64();
    let after: Vec<f64> = followed.iter().map(millis).collect();
    ensure!(after.iter().all(|after| *after >= 0.0), "a quota went down before the end");
    for percent in [50, 99] {
        let name = format!("{} windows end at once: quota changed after, p{percent}", names.len());
        report.figure(name, "ms", vec![percentile(&after, percent)], None);
    }
    Ok(())
}

/// Puts so many windows that are still to come, each on days of its own, on the record of every system; how many grants
/// there are then.
///
/// # Errors
/// When one is not put on record.
pub async fn ahead(ground: &Ground, windows: i64) -> Result<usize> {
    let systems: Api<InformationSystem> = Api::namespaced(ground.client(OPERATOR)?, &home_namespace(UNIT));
    let names: Vec<(i64, String)> =
        (0..).zip(systems.list(&ListParams::default()).await?.items.iter().map(ResourceExt::name_any)).collect();
    let now = Timestamp::now();
    let hours = |hours: i64| now.checked_add(hours.hours()).map(Time::new);
    let put = stream::iter(&names).map(|(n, name)| {
        let days = (0..windows).map(|w| Ok((hours(24 * (30 * w + 30) + n % 24)?, hours(24 * (30 * w + 40) + n % 24)?)));
        let days = days.collect::<Result<Vec<_>>>();
        async { grant(&systems, name, &days?).await }
    });
    put.buffer_unordered(AT_ONCE).try_for_each(async |()| Ok(())).await?;
    Ok(systems.list(&ListParams::default()).await?.items.iter().map(|system| system.spec.grants.len()).sum())
}

/// As much again for one system, until that moment.
async fn begin(systems: &Api<InformationSystem>, name: &str, until: Time) -> Result<()> {
    grant(systems, name, &[(Time::new(Timestamp::now()), until)]).await
}

/// As much again for one system, from and until those moments.
async fn grant(systems: &Api<InformationSystem>, name: &str, spans: &[(Time, Time)]) -> Result<()> {
    wait_until(&format!("{name} to have its windows"), PATIENCE, async || {
        let mut system = systems.get(name).await?;
        let base = system.spec.grants.first().context("no grant")?.clone();
        for (from, until) in spans {
            system.spec.grants.push(Grant {
                submission_uid: format!("window-{name}-{}", system.spec.grants.len()),
                effective_from: *from,
                term: Some(Term { until: Some(*until), extends: None }),
                change: Some(GrantedChange::default()),
                ..base.clone()
            });
        }
        systems.replace(name, &PostParams::default(), &system).await?;
        Ok(Some(()))
    })
    .await
}

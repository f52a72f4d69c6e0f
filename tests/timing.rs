//! Stories about months: the operator's clock leaps, and what it did meanwhile is read from the audit log.

use crate::changing::quota;
use crate::support::{OPERATOR, edit, operator};
use crate::world::*;
use anyhow::{Context as _, Result, ensure};
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use std::collections::BTreeSet;
use yunguan::api::common::Names;
use yunguan::api::work_calendar::Holiday;
use yunguan::api::{WorkCalendar, WorkCalendarSpec};
use yunguan_cluster::audit::Log;
use yunguan_cluster::wait_until;

/// In which the rules of the example count days.
pub fn zone() -> Result<TimeZone> {
    Ok(TimeZone::get("Asia/Shanghai")?)
}

pub fn today() -> Result<Date> {
    Ok(Timestamp::now().to_zoned(zone()?).date())
}

/// The first moment of a day.
pub fn midnight(day: Date) -> Result<Timestamp> {
    Ok(day.to_zoned(zone()?)?.timestamp())
}

/// The test's own working days, whatever has been published: these days off, these worked, and else the five of a week.
pub struct OwnCalendar {
    pub off: Vec<Date>,
    pub worked: Vec<Date>,
}

impl OwnCalendar {
    /// Publishes them for every year that a story of some months can touch.
    pub async fn publish(&self, world: &World) -> Result<()> {
        let calendars: Api<WorkCalendar> = Api::all(world.admin().await?);
        for there in calendars.list(&ListParams::default()).await? {
            calendars.delete(&there.metadata.name.unwrap_or_default(), &DeleteParams::default()).await?;
        }
        let this = today()?.year();
        for year in [this - 1, this, this + 1, this + 2] {
            let of_year = |days: &[Date]| days.iter().copied().filter(|day| day.year() == year).collect::<Vec<_>>();
            let off = |day: Date| Holiday { name: Names { zh: "测试".into(), en: None }, from: day, to: day };
            let spec = WorkCalendarSpec {
                region: "cn".into(),
                year: i32::from(year),
                source: "测试".into(),
                holidays: of_year(&self.off).into_iter().map(off).collect(),
                make_up_days: of_year(&self.worked),
            };
            calendars.create(&PostParams::default(), &WorkCalendar::new(&format!("own-{year}"), spec)).await?;
        }
        Ok(())
    }

    fn is_worked(&self, day: Date) -> bool {
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        self.worked.contains(&day) || (!weekend && !self.off.contains(&day))
    }

    /// So many working days on (or back), counted one by one, the day itself not counted.
    pub fn step(&self, from: Date, days: usize, by: i32) -> Result<Date> {
        let mut day = from;
        for _ in 0..days {
            day = day.checked_add(by.days())?;
            while !self.is_worked(day) {
                day = day.checked_add(by.days())?;
            }
        }
        Ok(day)
    }
}

/// Leaps to just before a moment: the quota turns by itself when it has come, and not before.
pub async fn turns_at(case: &Case<'_>, at: Timestamp, resource: &str, amount: &str) -> Result<()> {
    let clock = &case.world.clock;
    clock.advance_to(at.checked_sub(SignedDuration::from_secs(2))?)?;
    quota(case, resource, amount).await?;
    let now = clock.now()?;
    ensure!(now >= at, "{resource} of {} turned before {at}, at {now}", case.name);
    Ok(())
}

/// Waits until the operator has looked at a system anew: it puts right what somebody changed, and the quota before that.
pub async fn looked_at(case: &Case<'_>) -> Result<()> {
    let networks: Api<NetworkPolicy> = Api::namespaced(operator(&case.world.cluster).await?, &case.namespace());
    let spec = networks.get(NETWORK).await?.spec;
    edit(&networks, NETWORK, |network| network.spec.get_or_insert_default().egress = Some(vec![])).await?;
    eventually(&networks, NETWORK, "put right", |network| network.spec == spec).await?;
    Ok(())
}

/// What [`looked_at`] changes.
const NETWORK: &str = "yunguan-dns";

/// What the operator has done in the namespace of a system, by the audit log.
#[derive(Debug)]
pub struct Done {
    /// What the quota gave of the resources asked for, one state after the other.
    pub quota: Vec<Vec<String>>,
    /// Everything else that was written there.
    pub others: BTreeSet<String>,
}

/// Reads what the operator has done since this log was opened; the quota as it stood then comes first.
pub fn done(log: &mut Log, case: &Case<'_>, before: &[&str], resources: &[&str]) -> Result<Done> {
    let namespace = case.namespace();
    let mut done =
        Done { quota: vec![before.iter().map(|&amount| amount.to_owned()).collect()], others: BTreeSet::new() };
    for event in log.new_writes_by(OPERATOR)?.into_iter().filter(|event| (200..300).contains(&event.code())) {
        let Some(object) = event.object_ref.as_ref().filter(|object| object.namespace == namespace) else { continue };
        if object.resource != "resourcequotas" {
            done.others.insert(format!("{} {}", event.verb, object.resource));
            continue;
        }
        let written = event.response_object.as_ref().context("no object")?;
        let amount = |resource: &&str| written["spec"]["hard"][*resource].as_str().unwrap_or_default().to_owned();
        let state: Vec<String> = resources.iter().map(amount).collect();
        if done.quota.last() != Some(&state) {
            done.quota.push(state);
        }
    }
    Ok(done)
}

/// Waits until the operator's metrics say this line.
pub async fn measured(world: &World, line: &str) -> Result<()> {
    wait_until(line, PATIENCE, async || {
        let metrics = world.operator.metrics().await?;
        let name = line.split_once(['{', ' ']).map_or(line, |(name, _)| name);
        ensure!(
            metrics.lines().any(|there| there == line),
            "{:?}",
            metrics.lines().filter(|there| there.starts_with(name)).collect::<Vec<_>>()
        );
        Ok(Some(()))
    })
    .await
}

//! Calendars: two of one region and year that say different things.

use super::*;
use jiff::Timestamp;
use jiff::civil::date;
use kube::api::DeleteParams;
use yunguan::api::common::Names;
use yunguan::api::governance_policy::GovernancePolicySpec;
use yunguan::api::work_calendar::Holiday;
use yunguan::api::{GovernancePolicy, WorkCalendar, WorkCalendarSpec};

const REGION: &str = "t-two-calendars";

/// This year's and the next's, of a region that no other test lives by: a deadline may reach over new year.
async fn publish(world: &World, name: &str, off: &[(i8, i8)]) -> Result<Vec<String>> {
    let calendars: Api<WorkCalendar> = Api::all(world.admin().await?);
    let this_year = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).year();
    let mut names = Vec::new();
    for year in [this_year, this_year + 1] {
        let holidays = off.iter().map(|(month, day)| {
            let day = date(year, *month, *day);
            Holiday { name: Names { zh: "试".into(), en: None }, from: day, to: day }
        });
        let spec = WorkCalendarSpec {
            region: REGION.into(),
            year: year.into(),
            source: "试".into(),
            holidays: holidays.collect(),
            make_up_days: vec![],
        };
        let name = format!("{REGION}-{name}-{year}");
        calendars.create(&PostParams::default(), &WorkCalendar::new(&name, spec)).await?;
        names.push(name);
    }
    Ok(names)
}

#[tokio::test]
async fn two_calendars_of_one_year_that_differ_make_deadlines_unknown_and_are_named() -> Result<()> {
    let world = world().await?;
    let policies: Api<GovernancePolicy> = Api::all(world.admin().await?);
    let shipped = policies.get("bozhou-2024").await?.spec;
    let rules = GovernancePolicySpec { family: REGION.into(), calendar: REGION.into(), ..shipped };
    policies.create(&PostParams::default(), &GovernancePolicy::new(REGION, rules)).await?;
    world
        .organization("t-in-time", |spec| {
            spec.policy_family = REGION.into();
            spec.members.push(members("unit", &["unit@t-in-time"]));
        })
        .await?;
    world.home_ready("t-in-time").await?;
    let case = world.draft("t-in-time", "dated", |_| {}).await?;
    case.decide(&case.person(), "submission", Verdict::Submit).await?;
    let (reason, message) = case.condition("Overdue", "Unknown").await?;
    assert_eq!(reason, "CalendarMissing");
    told(
        &message,
        &["gate completeness", REGION, "there is no WorkCalendar for", "缺少", "无法计算时限"],
        Says::Bilingual,
    )?;

    publish(world, "first", &[]).await?;
    case.condition("Overdue", "False").await?;
    let due = case.request().await?.status.and_then(|s| s.due).context("no due day")?;

    // The same days once more change nothing; other days, and nobody knows which of them are meant.
    let again = publish(world, "again", &[]).await?;
    case.decide(AUTHORITY, "completeness", Verdict::Approve).await?;
    case.drafted("plan", Verdict::Confirm).await?;
    let (reason, _) = case.condition("Overdue", "False").await?;
    assert_eq!(reason, "InTime");
    let other = publish(world, "other", &[(12, 31)]).await?;
    let (reason, message) = case.condition("Overdue", "Unknown").await?;
    assert_eq!(reason, "CalendarConflict");
    told(&message, &["gate plan", REGION, &again[0], &other[0], "delete", "日期不一致"], Says::Bilingual)?;
    ensure!(case.request().await?.status.unwrap_or_default().due.is_none(), "a day is shown though it is not known");

    let calendars: Api<WorkCalendar> = Api::all(world.admin().await?);
    for name in other {
        calendars.delete(&name, &DeleteParams::default()).await?;
    }
    let (reason, _) = case.condition("Overdue", "False").await?;
    assert_eq!(reason, "InTime");
    ensure!(case.request().await?.status.and_then(|s| s.due).context("no due day")? >= due);
    Ok(())
}

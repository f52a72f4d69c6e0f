//! What takes months, with a clock that leaps: dates of the calendar, working days, and the operator down across them.

use crate::changing::*;
use crate::timing::*;
use crate::world::*;
use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{ListParams, PostParams};
use yunguan::api::common::{Quantity, Time};
use yunguan::api::decision::Verdict;
use yunguan::api::names::{CONDITION_IN_TIME, CONDITION_OVERDUE, CONDITION_READY};
use yunguan::api::resource_change::{Change, ChangeGround, ChangePhase, Extend, Window};
use yunguan::api::{CloudDomain, InformationSystem, LedgerEntry};
use yunguan::core::ledger;
use yunguan_cluster::wait_until;

const MOMENT: SignedDuration = SignedDuration::from_secs(1);

/// Something more for a time, approved.
async fn expanded<'c, 'w>(
    case: &'c Case<'w>,
    name: &str,
    line: (&str, i64),
    from: Timestamp,
    until: Timestamp,
) -> Result<Changing<'c, 'w>> {
    let window = Some(Window { from: Time::new(from), until: Time::new(until) });
    let change = Change { ground: ChangeGround::ForeseeablePeak, lines: lines(&[line]), window, ..Change::default() };
    let change = Changing::of_unit(case, name, change).await?;
    change.approved().await?;
    change.committed().await?;
    Ok(change)
}

fn extension(of: &str, until: Timestamp) -> Change {
    let extend = Some(Extend { change: of.to_owned(), until: Time::new(until) });
    Change { ground: ChangeGround::ForeseeablePeak, extend, ..Change::default() }
}

/// Waits for an Event about an object of this name in the unit's home, and gives its note.
async fn told(case: &Case<'_>, name: &str, reason: &str) -> Result<String> {
    let events: Api<Event> = Api::namespaced(case.world.admin().await?, &case.home());
    wait_until(&format!("an Event {reason} about {name}"), PATIENCE, async || {
        let about = |event: &&Event| {
            let object = event.regarding.as_ref().and_then(|object| object.name.as_deref());
            event.reason.as_deref() == Some(reason) && object == Some(name)
        };
        let all = events.list(&ListParams::default()).await?.items;
        let notes: Vec<_> = all.iter().filter(about).map(|event| event.note.clone().unwrap_or_default()).collect();
        ensure!(notes.len() == 1, "{notes:?}");
        Ok(notes.into_iter().next())
    })
    .await
}

/// The books of a system are whole, and say each thing once.
async fn books_are_sound(case: &Case<'_>) -> Result<()> {
    let entries: Api<LedgerEntry> = Api::namespaced(case.world.admin().await?, &case.home());
    let entries = entries.list(&ListParams::default().fields(&format!("spec.system.name={}", case.name))).await?;
    let chain: Vec<_> = entries.items.into_iter().map(|entry| entry.spec).collect();
    let wrong = ledger::check(&chain);
    ensure!(wrong.is_empty(), "{wrong:?}");
    let mut facts: Vec<_> = chain.iter().map(|entry| entry.fact.clone()).collect();
    facts.sort();
    let all = facts.len();
    facts.dedup();
    ensure!(facts.len() == all && all > 0, "{all} entries, {} facts", facts.len());
    Ok(())
}

/// A window of three months goes by its dates, and an extension by working days, those of the test's own calendar.
#[tokio::test]
async fn r22_3_a_peak_keeps_its_dates_though_the_operator_is_down_and_an_extension_is_in_time_or_not() -> Result<()> {
    let world = World::with_clock().await?;
    let today = today()?;
    // Filed by tomorrow is in time whatever day it is; by yesterday is too late.
    let (yesterday, tomorrow) = (today.yesterday()?, today.tomorrow()?);
    let calendar = OwnCalendar { off: vec![today.checked_add(3.days())?], worked: vec![yesterday, today, tomorrow] };
    calendar.publish(&world).await?;
    let last_day = |by| calendar.step(by, 7, 1);
    let (last_of_sooner, last_of_soon) = (last_day(yesterday)?, last_day(tomorrow)?);
    ensure!(calendar.step(last_of_soon, 7, -1)? == tomorrow, "counted back, it is the same day");

    let case = live(&world, "t-peak", "peak").await?;
    let mut log = world.cluster.audit_from_now()?;
    let from = today.first_of_month().checked_add(2.months())?;
    let until = from.checked_add(3.months())?;
    let (from, until) = (midnight(from)?, midnight(until)?);
    let peak = expanded(&case, "exam", ("cpu", 40), from, until).await?;
    peak.phase(ChangePhase::Scheduled).await?;
    let now = Timestamp::now();
    let (first_end, second_end) = (midnight(last_of_sooner.tomorrow()?)?, midnight(last_of_soon.tomorrow()?)?);
    let soon = expanded(&case, "soon", ("memory", 40), now, second_end).await?;
    quota(&case, "requests.memory", "40Gi").await?;
    expanded(&case, "sooner", ("memory", 44), now, first_end).await?;
    quota(&case, "requests.memory", "52Gi").await?;

    let late = Changing::of_unit(&case, "late", extension("sooner", second_end)).await?;
    late.says(CONDITION_IN_TIME, "FiledTooLate").await?;
    late.decide(&case.person(), "submission", Verdict::Submit).await?;
    late.phase(ChangePhase::Refused).await?;
    let message = late.says(CONDITION_READY, "FiledTooLate").await?;
    ensure!(message.contains(&format!("{yesterday} would have been in time (第二十二条)")), "{message}");
    let extended = midnight(last_of_soon.checked_add(6.days())?)?;
    let longer = Changing::of_unit(&case, "longer", extension("soon", extended)).await?;
    longer.approved().await?;
    longer.phase(ChangePhase::Scheduled).await?;
    let by = soon.get().await?.status.and_then(|status| status.extend_by);
    assert_eq!(by, Some(tomorrow));

    turns_at(&case, first_end, "requests.memory", "40Gi").await?;
    world.clock.advance_to(second_end.checked_sub(MOMENT)?)?;
    longer.phase(ChangePhase::InEffect).await?;
    soon.phase(ChangePhase::Ended).await?;
    turns_at(&case, extended, "requests.memory", "32Gi").await?;
    longer.phase(ChangePhase::Ended).await?;
    turns_at(&case, from, "requests.cpu", "40").await?;
    peak.phase(ChangePhase::InEffect).await?;
    world.operator.kill9().await?;
    world.clock.advance_to(until.checked_add(SignedDuration::from_hours(24))?)?;
    world.operator.restart().await?;
    quota(&case, "requests.cpu", "16").await?;
    peak.phase(ChangePhase::Ended).await?;
    let done = done(&mut log, &case, &["16", "32Gi"], &["requests.cpu", "requests.memory"])?;
    let states = [
        ["16", "32Gi"],
        ["16", "40Gi"],
        ["16", "52Gi"],
        ["16", "40Gi"],
        ["16", "32Gi"],
        ["40", "32Gi"],
        ["16", "32Gi"],
    ];
    assert_eq!(done.quota, states, "and the extension left no gap");
    // What a container gets by default is never more than there is.
    ensure!(done.others.iter().all(|other| other == "update limitranges"), "{:?}", done.others);
    books_are_sound(&case).await
}

/// Three urgent systems: one ends, one goes on for good, one is extended and then ends.
#[tokio::test]
async fn r24_1_an_urgent_grant_is_chased_and_ends_after_six_months_unless_it_goes_on() -> Result<()> {
    let world = World::with_clock().await?;
    let calendar = OwnCalendar { off: vec![today()?.checked_add(10.days())?], worked: vec![] };
    calendar.publish(&world).await?;
    // A domain that is full with what one of them has.
    let admin = world.admin().await?;
    let domains: Api<CloudDomain> = Api::all(admin.clone());
    let mut spec = domains.get("bozhou-main").await?.spec;
    for resource in ["requests.cpu", "limits.cpu"] {
        spec.capacity.insert(resource.into(), Quantity("16".into()));
    }
    spec.overcommit_percent.clear();
    domains.create(&PostParams::default(), &CloudDomain::new("t-full", spec)).await?;
    products_for(&admin, "t-full").await?;
    let mut cases = Vec::new();
    for (name, domain) in [("flood", "bozhou-main"), ("storm", "t-full"), ("drought", "bozhou-main")] {
        world.unit(&format!("t-{name}"), None).await?;
        let case = urgent(&world, &format!("t-{name}"), name, domain).await?;
        case.decide(&case.person(), "sign-unit", Verdict::Sign).await?;
        case.decide(PROVIDER, "sign-provider", Verdict::Sign).await?;
        case.decide(AUTHORITY, "sign-authority", Verdict::Sign).await?;
        case.phase(yunguan::api::cloud_resource_request::Phase::Live).await?;
        cases.push(case);
    }
    let [ends, stays, lasts] = <[Case<'_>; 3]>::try_from(cases).ok().context("three")?;
    let logs = [&ends, &stays, &lasts].map(|_| world.cluster.audit_from_now());
    let [mut log_ends, mut log_stays, mut log_lasts] = logs;

    // Six months from the day of allocation, the whole of the last day.
    let status = ends.request().await?.status.context("no status")?;
    let opened = ends.system().await?.status.and_then(|status| status.provisioned_at).context("not open")?;
    let approved = status.decisions.iter().find(|decision| decision.gate == "approval").context("not approved")?;
    let allocated = approved.at.timestamp().to_zoned(zone()?).date();
    let until = midnight(allocated.checked_add(6.months())?.tomorrow()?)?;
    assert_eq!(status.until, Some(Time::new(until)));

    // The construction approval is due on the policy's date, by the calendar; filing it ends that.
    stays.decide(&stays.person(), "construction-approval", Verdict::File).await?;
    let opened = opened.timestamp().to_zoned(zone()?).date();
    let due = midnight(calendar.step(opened, 60, 1)?.tomorrow()?)?;
    ensure!(ends.condition(CONDITION_OVERDUE, "False").await?.0 == "InTime");
    world.clock.advance_to(due.checked_sub(MOMENT * 2)?)?;
    let (reason, _) = ends.condition(CONDITION_OVERDUE, "True").await?;
    ensure!(world.clock.now()? >= due && reason == "PastDue", "{reason} before {due}");
    lasts.condition(CONDITION_OVERDUE, "True").await?;
    measured(&world, "yunguan_gates_overdue{gate=\"construction-approval\"} 2").await?;
    let note = told(&ends, "flood", CONDITION_OVERDUE).await?;
    ensure!(note.contains("was due by the end of"), "{note}");
    ends.decide(&ends.person(), "construction-approval", Verdict::File).await?;
    ends.condition(CONDITION_OVERDUE, "False").await?;
    measured(&world, "yunguan_gates_overdue{gate=\"construction-approval\"} 1").await?;

    // Extended by the urgent rule: the authority's decision, and no gate for long windows.
    let extended = midnight(allocated.checked_add(8.months())?)?;
    let longer = Changing::of_unit(&lasts, "longer", extension("drought", extended)).await?;
    longer.to_approval().await?;
    longer.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    longer.committed().await?;

    // On the last day everything stands, and the whole track of one is completed.
    world.clock.advance_to(until.checked_sub(SignedDuration::from_hours(24))?)?;
    looked_at(&ends).await?;
    quota(&ends, "requests.cpu", "16").await?;
    let whole = whole_of(&stays).await?;
    whole.to_live().await?;
    turns_at(&ends, until, "requests.cpu", "0").await?;
    let systems: Api<InformationSystem> = Api::namespaced(world.admin().await?, &ends.home());
    let over = |system: &InformationSystem| {
        let conditions = system.status.iter().flat_map(|status| &status.conditions);
        conditions.into_iter().any(|c| c.type_ == CONDITION_READY && c.status == "False" && c.reason == "UrgentEnded")
    };
    eventually(&systems, "flood", "said to be over", over).await?;
    let (reason, message) = ends.condition(CONDITION_READY, "False").await?;
    ensure!(reason == "UrgentEnded" && message.contains("systemRef: flood"), "{reason}: {message}");
    ensure!(told(&ends, "flood", "UrgentEnded").await?.contains(&Time::new(until).to_string()));
    for case in [&stays, &lasts] {
        looked_at(case).await?;
        quota(case, "requests.cpu", "16").await?;
    }
    ensure!(whole.condition(CONDITION_READY, "True").await?.0 == "Live");
    turns_at(&lasts, extended, "requests.cpu", "0").await?;
    looked_at(&stays).await?;

    let cpus = |log: &mut Result<_>, case| {
        let log = log.as_mut().map_err(|error| anyhow::anyhow!("{error:#}"))?;
        anyhow::Ok(done(log, case, &["16"], &["requests.cpu"])?.quota.concat())
    };
    assert_eq!(cpus(&mut log_ends, &ends)?, ["16", "0"]);
    assert_eq!(cpus(&mut log_stays, &stays)?, ["16"], "never lower in between");
    assert_eq!(cpus(&mut log_lasts, &lasts)?, ["16", "0"], "once, at the end of the extension");
    for case in [&ends, &stays, &lasts] {
        books_are_sound(case).await?;
    }
    Ok(())
}

/// For as long as the unit files no annex 2 an emergency stays open, says so, and is in nobody's way.
#[tokio::test]
async fn r26_4_an_emergency_without_annex_2_stays_open_and_visible_for_months() -> Result<()> {
    let world = World::with_clock().await?;
    OwnCalendar { off: vec![], worked: vec![] }.publish(&world).await?;
    let case = live(&world, "t-left", "left").await?;
    let mut log = world.cluster.audit_from_now()?;
    let ground = ChangeGround::Emergency;
    let change = Change { ground, lines: lines(&[("cpu", 20)]), ..Change::default() };
    let alarm = Changing::draft(&case, PROVIDER, "alarm", change).await?;
    alarm.decide(PROVIDER, "submission", Verdict::Submit).await?;
    alarm.decide(AGENCY, "agency-consent", Verdict::Approve).await?;
    alarm.decide(&case.person(), "unit-consent", Verdict::Approve).await?;
    quota(&case, "requests.cpu", "20").await?;
    for months in [1, 7] {
        world.clock.advance_to(midnight(today()?.checked_add(months.months())?)?)?;
        looked_at(&case).await?;
        alarm.says("Settled", "AnnexMissing").await?;
        alarm.phase(ChangePhase::InEffect).await?;
    }
    // Another change goes its way meanwhile.
    let change = Change { lines: lines(&[("disk", 600)]), ..Change::default() };
    let more = Changing::of_unit(&case, "more", change).await?;
    more.approved().await?;
    more.phase(ChangePhase::InEffect).await?;
    alarm.says("Settled", "AnnexMissing").await?;
    let settles = Some("alarm".to_owned());
    let change = Change { ground, lines: lines(&[("cpu", 20)]), settles, ..Change::default() };
    let annex = Changing::of_unit(&case, "annex", change).await?;
    annex.approved().await?;
    annex.phase(ChangePhase::InEffect).await?;
    wait_until("the emergency to be settled", PATIENCE, async || {
        let status = alarm.get().await?.status.unwrap_or_default();
        let settled = status.conditions.iter().find(|c| c.type_ == "Settled").context("no condition")?;
        ensure!(settled.status == "True", "{}", settled.message);
        Ok(Some(()))
    })
    .await?;
    looked_at(&case).await?;
    let done = done(&mut log, &case, &["16", "500Gi"], &["requests.cpu", "requests.storage"])?;
    assert_eq!(done.quota, [["16", "500Gi"], ["20", "500Gi"], ["20", "600Gi"]]);
    books_are_sound(&case).await
}

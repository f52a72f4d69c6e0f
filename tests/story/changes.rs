//! Resources of a live system go up and down, for good and for a time, on a real API server.

use crate::changing::*;
use crate::world::*;
use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use yunguan::api::common::Time;
use yunguan::api::decision::Verdict;
use yunguan::api::names::{CONDITION_IN_TIME, CONDITION_READY, CONDITION_WITHIN_GRANT};
use yunguan::api::resource_change::{Change, ChangeGround, ChangePhase, Extend, Window};
use yunguan::api::{CloudDomain, InformationSystem, LedgerEntry, ResourceChange};
use yunguan::core::ledger;
use yunguan_cluster::wait_until;

/// The whole path of a minor change, and what is on record of it.
#[tokio::test]
async fn r22_2_a_minor_change_reaches_the_quota_and_the_books_and_a_major_one_does_not_take_its_track() -> Result<()> {
    let world = world().await?;
    let case = live(world, "t-minor", "minor").await?;
    let change = Change { lines: lines(&[("cpu", 24), ("memory", 20)]), ..Change::default() };
    let minor = Changing::of_unit(&case, "minor-more", change).await?;
    minor.approved().await?;
    let status = minor.phase(ChangePhase::InEffect).await?.status.unwrap_or_default();
    assert_eq!(status.track.as_deref(), Some("MinorChange"));
    quota(&case, "requests.cpu", "24").await?;
    quota(&case, "requests.memory", "20Gi").await?;
    // What was approved cannot be edited, and a grant is in the books.
    let mut edited = minor.get().await?;
    edited.spec.change.lines = lines(&[("cpu", 64)]);
    let changes = case.api::<ResourceChange>(&case.person()).await?;
    let refused = changes.replace("minor-more", &PostParams::default(), &edited).await.map_err(Into::into);
    ensure!(refusal(refused)?.contains("another ResourceChange"));
    let entries: Api<LedgerEntry> = Api::namespaced(world.admin().await?, &case.home());
    wait_until("the change to be in the books", PATIENCE, async || {
        let list = entries.list(&ListParams::default()).await?;
        let chain: Vec<_> = list.items.into_iter().map(|e| e.spec).filter(|e| e.system.name == case.name).collect();
        ensure!(ledger::check(&chain).is_empty());
        ensure!(chain.iter().filter_map(|e| e.body.granted.as_ref()).count() == 2, "{} entries", chain.len());
        Ok(Some(()))
    })
    .await?;
    // From 24 to 40 is more than half, and so is 16 to 30 in two steps.
    let change = Change { lines: lines(&[("cpu", 30)]), ..Change::default() };
    let major = Changing::of_unit(&case, "minor-major", change).await?;
    let submit = major.decide(&case.person(), "submission", Verdict::Submit).await?;
    let status = major.phase(ChangePhase::InReview).await?.status.unwrap_or_default();
    assert_eq!(status.track.as_deref(), Some("MajorChange"));
    let because = status.major_because.unwrap_or_default();
    ensure!(because.starts_with("together with earlier changes"), "{because}");
    let gates: Vec<_> = status.open_gates.iter().map(|g| g.gate.as_str()).collect();
    assert_eq!(gates, ["completeness"], "not the light track");
    // The light track's gate does not exist here.
    let mut light = major.drafted("completeness", Verdict::Approve).await?;
    light.spec.gate = "evaluation".into();
    light.spec.role = "agency".into();
    light.spec.submission_uid = submit.uid();
    let made = case.make(AGENCY, &light).await?;
    wait_until("it to be void", PATIENCE, async || {
        let status = major.get().await?.status.unwrap_or_default();
        ensure!(status.phase == ChangePhase::InReview);
        Ok(status.void_decisions.iter().any(|v| v.name == made.name_any()).then_some(()))
    })
    .await?;
    quota(&case, "requests.cpu", "24").await
}

/// A window starts and ends by itself, also while the operator is down at its end.
#[tokio::test]
async fn r22_3_a_window_starts_and_ends_by_itself_and_no_stop_of_the_operator_keeps_it_open() -> Result<()> {
    let world = World::new().await?;
    let case = live(&world, "t-window", "window").await?;
    let ground = ChangeGround::ForeseeablePeak;
    let window = Some(Window { from: in_seconds(12), until: in_seconds(20) });
    let change = Change { ground, lines: lines(&[("cpu", 40)]), window, ..Change::default() };
    let peak = Changing::of_unit(&case, "peak", change).await?;
    peak.approved().await?;
    peak.phase(ChangePhase::Scheduled).await?;
    quota(&case, "requests.cpu", "16").await?;
    quota(&case, "requests.cpu", "40").await?;
    peak.phase(ChangePhase::InEffect).await?;
    quota(&case, "requests.cpu", "16").await?;
    peak.phase(ChangePhase::Ended).await?;
    let lag = |at: Time| Timestamp::now().as_second() - at.timestamp().as_second();
    let until = peak.get().await?.status.and_then(|s| s.until).context("no end")?;
    println!("seen at its end {} s after the moment", lag(until));

    let window = Some(Window { from: in_seconds(0), until: in_seconds(15) });
    let change = Change { ground, lines: lines(&[("cpu", 32)]), window, ..Change::default() };
    let second = Changing::of_unit(&case, "second", change).await?;
    second.approved().await?;
    quota(&case, "requests.cpu", "32").await?;
    world.operator.kill9().await?;
    let end = second.get().await?.status.and_then(|s| s.until).context("no end")?;
    wait_until("the end to pass", PATIENCE, async || Ok((lag(end) > 1).then_some(()))).await?;
    world.operator.restart().await?;
    quota(&case, "requests.cpu", "16").await?;
    second.phase(ChangePhase::Ended).await?;
    Ok(())
}

/// What is in use is never taken: the quota follows as it is freed.
#[tokio::test]
async fn r22_1_shrinking_never_goes_below_what_is_in_use_and_frees_as_that_falls() -> Result<()> {
    let world = world().await?;
    let case = live(world, "t-shrink", "shrink").await?;
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(world.client(&case.person()).await?, &case.namespace());
    for name in ["one", "two", "three", "four", "five", "six", "seven"] {
        let claim: PersistentVolumeClaim = serde_json::from_value(json!({
            "metadata": {"name": name},
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "ssd", "resources": {"requests": {"storage": "50Gi"}}},
        }))?;
        wait_until("the claim to be let in", PATIENCE, async || {
            Ok(Some(claims.create(&PostParams::default(), &claim).await?))
        })
        .await?;
    }
    let change = Change { lines: lines(&[("disk", 250), ("volumes", 5)]), ..Change::default() };
    let less = Changing::of_unit(&case, "shrink-less", change).await?;
    less.approved().await?;
    less.phase(ChangePhase::InEffect).await?;
    quota(&case, "requests.storage", "350Gi").await?;
    quota(&case, "persistentvolumeclaims", "7").await?;
    let systems: Api<InformationSystem> = Api::namespaced(world.admin().await?, &case.home());
    let held = |s: &InformationSystem| {
        let status = s.status.clone().unwrap_or_default();
        status.held.get("requests.storage").is_some_and(|q| q.0 == "100Gi")
    };
    let system = eventually(&systems, "shrink", "still in use", held).await?;
    let conditions = system.status.unwrap_or_default().conditions;
    let told = conditions.iter().find(|c| c.type_ == CONDITION_WITHIN_GRANT).context("no condition")?;
    ensure!(told.status == "False" && told.message.contains("requests.storage 100Gi"), "{}", told.message);
    assert_eq!(claims.list(&ListParams::default()).await?.items.len(), 7, "nothing is evicted");
    // One claim less: the quota follows, and no further than that.
    for (name, left) in [("seven", "300Gi"), ("six", "250Gi"), ("five", "250Gi")] {
        let finalizers = kube::api::Patch::Merge(json!({"metadata": {"finalizers": null}}));
        claims.delete(name, &DeleteParams::default()).await?;
        // The controller of claims may be first to let it go.
        match claims.patch(name, &kube::api::PatchParams::default(), &finalizers).await {
            Err(kube::Error::Api(gone)) if gone.is_not_found() => {}
            other => drop(other?),
        }
        quota(&case, "requests.storage", left).await?;
    }
    let free = |s: &InformationSystem| s.status.as_ref().is_some_and(|s| s.held.is_empty());
    eventually(&systems, "shrink", "all freed", free).await?;
    Ok(())
}

/// Of many approvals for the last of it, exactly as many win as there is room for, and the others say how much is missing.
#[tokio::test]
async fn r26_2_of_changes_racing_for_the_last_cores_exactly_those_win_that_fit() -> Result<()> {
    let world = world().await?;
    let admin = world.admin().await?;
    let domains: Api<CloudDomain> = Api::all(admin.clone());
    let mut spec = domains.get("bozhou-main").await?.spec;
    // Three systems of 16 cores, and room for one expansion by 8 cores.
    for resource in ["requests.cpu", "limits.cpu"] {
        spec.capacity.insert(resource.into(), yunguan::api::common::Quantity("60".into()));
    }
    spec.overcommit_percent.clear();
    domains.create(&PostParams::default(), &CloudDomain::new("t-last", spec)).await?;
    products_for(&admin, "t-last").await?;
    let mut cases = Vec::new();
    for unit in ["t-last-a", "t-last-b", "t-last-c"] {
        world.unit(unit, None).await?;
        let case = world.draft(unit, "last", |spec| spec.application.domain = "t-last".into()).await?;
        case.to_live().await?;
        cases.push(case);
    }
    let changing = try_join_all(cases.iter().map(async |case| {
        let change =
            Changing::of_unit(case, "more", Change { lines: lines(&[("cpu", 24)]), ..Change::default() }).await?;
        change.to_approval().await?;
        let approval = change.drafted("approval", Verdict::Approve).await?;
        anyhow::Ok((change, approval))
    }))
    .await?;
    try_join_all(changing.iter().map(|(change, approval)| change.case.make(AUTHORITY, approval))).await?;
    wait_until("one to win and two to wait", PATIENCE, async || {
        let all = try_join_all(changing.iter().map(|(change, _)| change.get())).await?;
        let won = all.iter().filter(|c| c.status.as_ref().is_some_and(|s| s.phase == ChangePhase::InEffect)).count();
        let ready = |c: &ResourceChange| {
            let conditions = c.status.iter().flat_map(|s| s.conditions.clone());
            conditions.into_iter().find(|c| c.type_ == CONDITION_READY)
        };
        let short: Vec<_> = all.iter().filter_map(ready).filter(|c| c.reason == "CapacityShort").collect();
        ensure!(won <= 1, "{won} have won");
        ensure!(short.iter().all(|c| c.message.contains("8 wanted, 4 free")), "{short:?}");
        Ok((won == 1 && short.len() == 2).then_some(()))
    })
    .await?;
    let status = domains.get("t-last").await?.status.unwrap_or_default();
    assert_eq!(status.granted.get("requests.cpu").map(|q| q.0.as_str()), Some("56"));
    assert!(status.shortages.is_empty());
    Ok(())
}

/// Too late is said at once, and refused with the day that would have been in time.
#[tokio::test]
async fn r22_3_an_extension_too_late_is_refused_with_the_date_and_one_in_time_goes_on() -> Result<()> {
    let world = world().await?;
    publish_years(world).await?;
    let case = live(world, "t-extend", "extend").await?;
    let ground = ChangeGround::ForeseeablePeak;
    let temporary = async |name: &str, days: i64| {
        let until = in_seconds(days * 86400);
        let window = Some(Window { from: in_seconds(0), until });
        let change = Change { ground, lines: lines(&[("memory", 40)]), window, ..Change::default() };
        let window = Changing::of_unit(&case, name, change).await?;
        window.approved().await?;
        window.phase(ChangePhase::InEffect).await?;
        anyhow::Ok(until)
    };
    let until = temporary("soon", 3).await?;
    let extend = |change: &str, days: i64| Some(Extend { change: change.into(), until: in_seconds(days * 86400) });
    let change = Change { ground, extend: extend("soon", 10), ..Change::default() };
    let late = Changing::of_unit(&case, "late", change).await?;
    late.says(CONDITION_IN_TIME, "FiledTooLate").await?;
    late.decide(&case.person(), "submission", Verdict::Submit).await?;
    late.phase(ChangePhase::Refused).await?;
    let message = late.says(CONDITION_READY, "FiledTooLate").await?;
    ensure!(message.contains("would have been in time (第二十二条)"), "{message}");
    ensure!(message.contains(&until.to_string()), "{message}");

    temporary("later", 20).await?;
    let change = Change { ground, extend: extend("later", 30), ..Change::default() };
    let longer = Changing::of_unit(&case, "longer", change).await?;
    longer.approved().await?;
    longer.phase(ChangePhase::Scheduled).await?;
    // Two windows of eight more each on top of 32.
    quota(&case, "requests.memory", "48Gi").await
}

/// The provider proposes, agency and unit consent, and it is open; on the authority's no it goes back.
#[tokio::test]
async fn r26_4_an_emergency_is_open_at_once_and_goes_back_when_the_authority_says_no() -> Result<()> {
    let world = world().await?;
    let case = live(world, "t-alarm", "alarm").await?;
    let ground = ChangeGround::Emergency;
    let change = Change { ground, lines: lines(&[("cpu", 32)]), ..Change::default() };
    let alarm = Changing::draft(&case, PROVIDER, "bottleneck", change).await?;
    alarm.decide(PROVIDER, "submission", Verdict::Submit).await?;
    alarm.decide(AGENCY, "agency-consent", Verdict::Approve).await?;
    alarm.decide(&case.person(), "unit-consent", Verdict::Approve).await?;
    quota(&case, "requests.cpu", "32").await?;
    alarm.says("Settled", "AnnexMissing").await?;
    let settles = Some("bottleneck".to_owned());
    let change = Change { ground, lines: lines(&[("cpu", 20)]), settles, ..Change::default() };
    let annex = Changing::of_unit(&case, "annex", change).await?;
    annex.to_approval().await?;
    annex.decide(AUTHORITY, "approval", Verdict::Reject).await?;
    annex.phase(ChangePhase::Rejected).await?;
    quota(&case, "requests.cpu", "16").await?;
    alarm.phase(ChangePhase::Ended).await?;
    alarm.says("Settled", "Refused").await?;
    Ok(())
}

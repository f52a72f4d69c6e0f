//! What was decided once binds nobody who has reason to decide again, and what others keep under a name silences nobody.

use super::{done, exits};
use crate::world::*;
use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Event;
use kube::api::{ListParams, ObjectMeta};
use kube::{Api, ResourceExt as _};
use serde_json::Value;
use yunguan::api::cloud_resource_request::{Phase, VoidReason};
use yunguan::api::decision::{TestResult, Verdict};
use yunguan::api::{Decision, Sanction};
use yunguan::core::names::decision_name;
use yunguan_cluster::wait_until;

const UNIT: &str = "unit@t-plugin-acts";

async fn outcome(who: &str, args: &[&str]) -> Result<String> {
    let told = done(who, &[args, &["--yes", "-o", "json"]].concat()).await?;
    let told: Value = serde_json::from_str(&told).with_context(|| told.clone())?;
    Ok(told["outcome"].as_str().context("no outcome")?.to_owned())
}

async fn decisions(case: &Case<'_>) -> Result<Vec<Decision>> {
    let api: Api<Decision> = Api::namespaced(case.world.admin().await?, &case.home());
    Ok(api.list(&ListParams::default()).await?.items)
}

/// A decision under this name, by hand.
async fn by_hand(case: &Case<'_>, who: &str, name: &str, mut decision: Decision) -> Result<Decision> {
    decision.metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
    case.make(who, &decision).await
}

#[tokio::test]
async fn r7_1_the_last_sound_act_stands_whatever_was_decided_before_and_under_whatever_name() -> Result<()> {
    let world = world().await?;
    world.unit("t-plugin-acts", None).await?;
    let case = world.draft("t-plugin-acts", "acts", |_| {}).await?;
    let named = "yg-t-plugin-acts/acts";
    case.decide(UNIT, "submission", Verdict::Submit).await?;
    case.decide(AUTHORITY, "completeness", Verdict::Approve).await?;
    case.decide(AGENCY, "plan", Verdict::Confirm).await?;

    // The unit's person takes the name that the agency's evaluation would have, and the agency itself grants too much by hand.
    let right = case.drafted("evaluation", Verdict::Approve).await?;
    let of = right.spec.request_ref.clone();
    let name = decision_name(&of.name, &of.uid, "evaluation", &right.spec.digest, AGENCY);
    let mut foreign = right.clone();
    foreign.spec.role = "unit".into();
    by_hand(&case, UNIT, &name, foreign).await?;
    let mut too_much = right.clone();
    too_much.spec.grant[0].quantity += 1_000;
    let too_much = by_hand(&case, AGENCY, &format!("{name}.2"), too_much).await?;
    ensure!(case.void(&too_much).await? == VoidReason::AmountsWrong);
    let evaluate = ["approve", named, "--gate", "evaluation", "--as-asked"];
    let before = decisions(&case).await?.len();
    let refused = exits(4, AGENCY, &[&evaluate[..], &["--grant", "cpu=9999", "--yes"]].concat()).await?;
    ensure!(refused.contains("would not count") && refused.contains("9999 is above"), "{refused}");
    ensure!(decisions(&case).await?.len() == before, "what is known to be void is not made");
    assert_eq!(outcome(AGENCY, &evaluate).await?, "counts");
    assert_eq!(outcome(AGENCY, &evaluate).await?, "alreadyDecided", "though the gate is closed now");
    assert_eq!(decisions(&case).await?.len(), before + 1);
    // What was void stays so for its own reason, and an Event tells of it.
    ensure!(case.void(&too_much).await? == VoidReason::AmountsWrong);
    let events: Api<Event> = Api::namespaced(world.admin().await?, &case.home());
    wait_until("an Event about the void decision", PATIENCE, async || {
        let told = events.list(&ListParams::default().fields("reason=DecisionVoid")).await?.items;
        let about = told.iter().filter_map(|e| e.message.as_deref());
        Ok(about
            .into_iter()
            .any(|note| note.starts_with(&too_much.name_any()) && note.contains("AmountsWrong"))
            .then_some(()))
    })
    .await?;
    done(AUTHORITY, &["approve", named, "--gate", "approval", "--yes"]).await?;
    case.phase(Phase::Trial).await?;

    // A report that failed is followed by one that passed.
    let report = format!("TrialReport=sha256:{}", "a".repeat(64));
    let file = |result| ["file", named, "--gate", "trial-report", "--report", &report, "--result", result];
    assert_eq!(outcome(UNIT, &file("Failed")).await?, "counts");
    assert_eq!(outcome(UNIT, &file("Failed")).await?, "alreadyDecided");
    assert_eq!(outcome(UNIT, &file("Passed")).await?, "counts");
    let results: Vec<_> =
        case.request().await?.status.unwrap_or_default().decisions.into_iter().filter_map(|d| d.result).collect();
    assert_eq!(results, [TestResult::Failed, TestResult::Passed]);
    assert_eq!(outcome(UNIT, &file("Passed")).await?, "alreadyDecided");
    exits(4, UNIT, &[&file("Failed")[..], &["--yes"]].concat()).await?;

    // Let in, ended, let in again in the same words; and ended again.
    let until = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_hours(8))?.to_string();
    let let_in = ["authorize", named, "--user", "vendor", "--until", &until, "--purpose", "升级"];
    let revoke = ["revoke", named, "--user", "vendor"];
    let guests = async || Ok::<_, anyhow::Error>(case.system().await?.status.unwrap_or_default().guests.len());
    for _ in 0..2 {
        assert_eq!(outcome(UNIT, &let_in).await?, "counts");
        assert_eq!((outcome(UNIT, &let_in).await?.as_str(), guests().await?), ("alreadyDecided", 1));
        assert_eq!(outcome(UNIT, &revoke).await?, "counts");
        assert_eq!((outcome(UNIT, &revoke).await?.as_str(), guests().await?), ("alreadyDecided", 0));
    }

    // An order is lifted with a reason, and one that was left out keeps nobody from giving it.
    let suspend = ["suspend", named, "--ground", "高危漏洞", "--mend", "修复漏洞", "--name", "stop"];
    assert_eq!(outcome(AGENCY, &suspend).await?, "counts");
    assert_eq!(outcome(AGENCY, &suspend).await?, "alreadyDecided", "no second order");
    let order = "yg-t-plugin-acts/sanction/stop";
    done(AUTHORITY, &["approve", order, "--yes"]).await?;
    let orders: Api<Sanction> = Api::namespaced(world.admin().await?, &case.home());
    let in_force = |order: &Sanction| order.status.as_ref().is_some_and(|status| status.imposed.is_some());
    let imposed = eventually(&orders, "stop", "in force", in_force).await?;
    let open: Vec<_> = imposed.status.iter().flat_map(|s| &s.open_gates).map(|gate| gate.gate.as_str()).collect();
    ensure!(open.contains(&"lift-decision"), "what opens by its beginning is open with it: {open:?}");
    let how = done(AUTHORITY, &["explain", order]).await?;
    ensure!(how.contains("--gate lift-decision --comment REASON"), "{how}");
    let lift = ["lift", order];
    let before = decisions(&case).await?.len();
    let refused = exits(2, AUTHORITY, &[&lift[..], &["--yes"]].concat()).await?;
    ensure!(refused.contains("--comment") && decisions(&case).await?.len() == before, "{refused}");
    let lift = [&lift[..], &["--comment", "已修复"]].concat();
    assert_eq!(outcome(AUTHORITY, &lift).await?, "counts");
    assert_eq!(outcome(AUTHORITY, &lift).await?, "alreadyDecided");
    Ok(())
}

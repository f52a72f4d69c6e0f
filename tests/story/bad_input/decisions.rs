//! Decisions: those that the API server refuses, and those that the operator leaves out.

use super::*;
use kube::ResourceExt as _;
use serde_json::json;
use yunguan::api::Decision;
use yunguan::api::cloud_resource_request::VoidReason;

/// What is put where, the words that must be said, and in which languages.
type Wrong<'a> = (Vec<(&'a str, Value)>, &'a [&'a str], Says);

#[tokio::test]
async fn r7_1_what_one_decision_shows_is_refused_when_it_is_made() -> Result<()> {
    use Says::{Bilingual, English};
    let world = world().await?;
    world.unit("t-in-word", None).await?;
    let case = world.draft("t-in-word", "word", |_| {}).await?;
    case.decide(&case.person(), "submission", Verdict::Submit).await?;
    let mut right = case.drafted("completeness", Verdict::Approve).await?;
    right.metadata.namespace = Some(case.home());
    let (api, good) = plain(&case.api::<Decision>(AUTHORITY).await?, &right)?;
    api.create(&dry_run(), &serde_json::from_value(good.clone())?).await.context("as it should be")?;
    let evidence: Vec<_> = (0..65).map(|n| json!({"name": format!("R{n}"), "sha256": "0".repeat(64)})).collect();
    let grant: Vec<_> = (0..65).map(|n| json!({"line": format!("l{n}"), "quantity": 1})).collect();
    let access = json!({"username": "x", "purpose": "x", "until": "2030-01-01T00:00:00Z", "level": "View"});
    let table: Vec<Wrong> = vec![
        (vec![("/spec/submissionUid", Value::Null)], &["submissionUid", "status.submission.uid"], Bilingual),
        (vec![("/spec/verdict", json!("Submit"))], &["at gate `submission`", "kubectl yunguan submit"], Bilingual),
        (vec![("/spec/gate", json!("submission"))], &["at gate `submission`", "提交申请须在"], Bilingual),
        (
            vec![("/spec/verdict", json!("Return")), ("/spec/comment", json!(""))],
            &["says why in spec.comment"],
            Bilingual,
        ),
        (
            vec![("/spec/verdict", json!("Reject")), ("/spec/comment", Value::Null)],
            &["须在 comment 中说明理由"],
            Bilingual,
        ),
        (vec![("/spec/verdict", json!("File"))], &["carries the reports in spec.evidence"], Bilingual),
        (vec![("/spec/verdict", json!("Authorize"))], &["spec.access says whom an Authorize lets in"], Bilingual),
        (vec![("/spec/access", access.clone())], &["leave it out otherwise"], Bilingual),
        (
            vec![("/spec/access", access), ("/spec/access/username", json!("system:serviceaccount:ci:deployer"))],
            &["spec.access.username", "no name that begins with system:", "不得以 system: 开头"],
            Bilingual,
        ),
        (
            vec![("/spec/verdict", json!("Sign")), ("/spec/grant", json!([{"line": "cpu", "quantity": 1}]))],
            &["amounts in spec.grant"],
            Bilingual,
        ),
        (vec![("/spec/verdict", json!("Bless"))], &["spec.verdict", "\"Approve\""], English),
        (vec![("/spec/digest", json!("abc"))], &["spec.digest", "64"], English),
        (vec![("/spec/evidence", json!(evidence))], &["spec.evidence", "at most 64 items"], English),
        (vec![("/spec/grant", json!(grant))], &["spec.grant", "at most 64 items"], English),
        (
            vec![("/spec/grant", json!([{"line": "cpu", "quantity": -1}]))],
            &["spec.grant[0].quantity", "greater than or equal to 0"],
            English,
        ),
        (vec![("/spec/comment", json!("长".repeat(2049)))], &["spec.comment", "2048"], English),
        (vec![("/spec/role", json!("agency"))], &["may not approve as agency", "spec.members"], Bilingual),
        (vec![("/spec/role", json!("管理机构"))], &["spec.role", "should match"], English),
    ];
    let tried = table.len();
    for (changes, words, says) in table {
        let mut bad = good.clone();
        for (place, value) in &changes {
            put(&mut bad, place, value.clone())?;
        }
        let message = denied(api.create(&dry_run(), &serde_json::from_value(bad)?).await)
            .with_context(|| format!("{changes:?}"))?;
        told(&message, words, says).with_context(|| format!("{changes:?}"))?;
    }
    println!("decisions refused when they are made: {tried}");
    goes_on(world, "t-in-word", "ordinary").await
}

/// Stale, forged and late ones were let in, count for nothing, and say why and what to do.
#[tokio::test]
async fn r7_1_a_decision_that_does_not_count_says_why_and_what_to_do() -> Result<()> {
    let world = world().await?;
    world.unit("t-in-void", None).await?;
    let case = world.draft("t-in-void", "void", |_| {}).await?;
    case.decide(&case.person(), "submission", Verdict::Submit).await?;
    let older = case.drafted("completeness", Verdict::Approve).await?;
    case.decide(AUTHORITY, "completeness", Verdict::Return).await?;
    case.decide(&case.person(), "submission", Verdict::Submit).await?;
    let right = case.drafted("completeness", Verdict::Approve).await?;
    let mut told_so = 0;
    let mut says = async |decision: &Decision, reason: VoidReason, words: &[&str]| -> Result<()> {
        let made = case.make(AUTHORITY, decision).await?;
        ensure!(made.spec.decided_by.as_ref().is_some_and(|by| by.username == AUTHORITY), "the stamp says who it was");
        ensure!(case.void(&made).await? == reason, "{reason} was expected");
        let status = case.request().await?.status.unwrap_or_default();
        let void = status.void_decisions.iter().find(|v| v.name == made.name_any()).context("it was there")?;
        told_so += 1;
        told(&void.message, words, Says::Bilingual)
    };
    says(&older, VoidReason::OtherSubmission, &["another filing", "decide again", "请查看最新一次提交"]).await?;
    let mut other = right.clone();
    other.spec.digest = "0".repeat(64);
    says(&other, VoidReason::OtherContent, &["gate completeness", "read void again and decide again", "请重新查看"])
        .await?;
    let mut early = right.clone();
    early.spec.gate = "approval".into();
    says(&early, VoidReason::GateNotOpen, &["gate approval opens after evaluation", "尚未开始"]).await?;
    let mut odd = right.clone();
    odd.spec.gate = "blessing".into();
    says(&odd, VoidReason::UnknownGate, &["no gate `blessing`", "its gates are", "没有环节blessing"]).await?;
    let mut sign = right.clone();
    sign.spec.verdict = Verdict::Sign;
    says(&sign, VoidReason::VerdictNotOffered, &["gate completeness offers Approve", "不能作此决定"]).await?;
    // Forged: it names the mayor, and is its maker's all the same.
    let mut forged = right.clone();
    let mayor =
        yunguan::api::decision::DecidedBy { username: "mayor".into(), person: "mayor".into(), ..Default::default() };
    forged.spec.decided_by = Some(mayor);
    let made = case.make(AUTHORITY, &forged).await?;
    ensure!(
        made.spec.decided_by.is_some_and(|by| by.username == AUTHORITY && by.person == AUTHORITY),
        "not the mayor's"
    );
    case.drafted("plan", Verdict::Confirm).await?;
    says(&right, VoidReason::GateClosed, &["gate completeness is closed", "已办结"]).await?;
    println!("decisions that say why they do not count: {told_so}, and 1 forged one is its maker's");
    goes_on(world, "t-in-void", "ordinary").await
}

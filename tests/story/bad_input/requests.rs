//! Requests.

use super::*;
use kube::ResourceExt as _;
use kube::api::{ObjectMeta, Patch, PatchParams};
use serde_json::json;
use std::collections::BTreeSet;
use yunguan::api::CloudResourceRequest;
use yunguan::api::cloud_resource_request::{Application, CloudResourceRequestSpec, OriginKind};
use yunguan::api::governance_policy::FundingSource;

#[tokio::test]
async fn r17_1_what_one_request_shows_is_refused_when_it_is_written() -> Result<()> {
    use Says::{Bilingual, English};
    let world = world().await?;
    world.unit("t-in-form", None).await?;
    // The first ordinary request also waits until its person is let in.
    goes_on(world, "t-in-form", "before").await?;
    let requests: Api<CloudResourceRequest> = Api::namespaced(world.client("unit@t-in-form").await?, "yg-t-in-form");
    let mut good = requests.get("before").await?;
    good.metadata = ObjectMeta { name: Some("bad".into()), namespace: good.namespace(), ..ObjectMeta::default() };
    good.status = None;
    let (api, good) = plain(&requests, &good)?;
    let lines: Vec<_> = (0..65).map(|n| json!({"name": format!("l{n}"), "item": "vcpu", "quantity": 1})).collect();
    let papers: Vec<_> =
        (0..33).map(|n| json!({"type": format!("P{n}"), "name": "x", "sha256": "0".repeat(64)})).collect();
    let application = "/spec/application";
    let quantity = "spec.application.lines[0].quantity";
    let line = "spec.application.lines[0]";
    let table: Vec<(&str, Value, Vec<&str>, Says)> = vec![
        ("/lines/0/quantity", json!("1Ei"), vec![quantity, "must be of type integer"], English),
        ("/lines/0/quantity", json!(1.5), vec![quantity, "must be of type int"], English),
        ("/lines/0/quantity", json!(0), vec![quantity, "a whole number of the item's units from 1"], Bilingual),
        ("/lines/0/quantity", json!(-1), vec![quantity, "without a suffix", "数量须为1至1000000的整数"], Bilingual),
        ("/lines/0/quantity", json!(1_000_001), vec![quantity, "to 1000000"], Bilingual),
        ("/lines/0/quantity", json!(i64::MAX), vec![quantity, "to 1000000"], Bilingual),
        ("/lines/0/name", json!("磁盘"), vec!["lines[0].name", "goes into `purpose`", "说明请填 purpose"], Bilingual),
        ("/lines/0/need", json!({"description": "x"}), vec![line, "fill in one of them"], Bilingual),
        ("/lines/0/selfProcured", json!("x"), vec![line, "leave selfProcured out"], Bilingual),
        (
            "/lines/0",
            json!({"name": "gpu", "quantity": 1, "need": {"description": "x", "size": {"cores": 0}}}),
            vec!["lines[0].need.size", "leave out a dimension"],
            Bilingual,
        ),
        ("/lines", json!(lines), vec!["spec.application.lines", "at most 64 items"], English),
        ("/lines", json!([]), vec!["spec.application.lines", "at least 1 items"], English),
        ("/documents", json!(papers), vec!["spec.application.documents", "at most 32 items"], English),
        ("/documents/0/sha256", json!("abc"), vec!["documents[0]", "run `sha256sum FILE`"], Bilingual),
        ("/purpose", json!("长".repeat(2049)), vec!["spec.application.purpose", "2048"], English),
        ("/protectionLevel", json!(9), vec!["protectionLevel is a level from 1 to 5"], Bilingual),
        ("/system/code", json!("门户"), vec!["system.code", "the Chinese name goes into system.name"], Bilingual),
        ("/system/code", json!("Portal_1"), vec!["system.code", "such as health-portal"], Bilingual),
        ("/origin/kind", json!("Migrated"), vec!["says in spec.application.origin.from where it runs"], Bilingual),
        ("/origin/cutOverDate", json!("2026-02-30"), vec!["origin.cutOverDate", "date"], English),
        ("/origin/cutOverDate", json!("明天"), vec!["origin.cutOverDate", "date"], English),
        ("/networks/0", json!("Moon"), vec!["networks[0]", "\"GovernmentExtranet\""], English),
        ("/track", json!("Urgent"), vec!["names its ground and the paper", "spec.application.urgency"], Bilingual),
        ("/classified", json!("否"), vec!["spec.application.classified", "boolean"], English),
    ];
    let tried = table.len() + 2;
    for (place, value, words, says) in table {
        let mut bad = good.clone();
        put(&mut bad, &format!("{application}{place}"), value.clone())?;
        let message = denied(api.create(&dry_run(), &serde_json::from_value(bad)?).await)
            .with_context(|| format!("{place}: {value}"))?;
        told(&message, &words, says).with_context(|| format!("{place}: {value}"))?;
    }
    for name in ["门户", &"x".repeat(101)] {
        let mut bad = good.clone();
        put(&mut bad, "/metadata/name", json!(name))?;
        let message = denied(api.create(&dry_run(), &serde_json::from_value(bad)?).await)?;
        told(&message, &["at most 100 lower-case ASCII letters", "中文名称请填 system.name"], Bilingual)?;
    }
    println!("requests refused when they are written: {tried}");
    goes_on(world, "t-in-form", "after").await
}

type Shape = fn(&mut Application);

fn first_item(application: &mut Application, item: &str) {
    application.lines[0].item = Some(item.to_owned());
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story on one set of objects")]
async fn r18_1_what_only_the_rules_show_stands_in_a_condition() -> Result<()> {
    let world = world().await?;
    world.unit("t-in-rules", None).await?;
    let table: &[(&str, Shape, &str, &str, &[&str])] = &[
        (
            "unknown-item",
            |a| first_item(a, "vcpv"),
            "Resolved",
            "False",
            &["line cpu", "no item `vcpv`", "did you mean vcpu", "服务目录中没有vcpv"],
        ),
        (
            "no-product",
            |a| first_item(a, "t-unoffered"),
            "Resolved",
            "False",
            &[
                "line cpu",
                "bozhou-main offers no product for item t-unoffered",
                "choose another item or domain",
                "请联系云服务商",
            ],
        ),
        (
            "too-much",
            |a| first_item(a, "t-colossal"),
            "Resolved",
            "False",
            &["line cpu", "16 units of t-colossal are beyond what can be counted", "ask for less", "请减少"],
        ),
        (
            "need",
            |a| {
                a.lines[0].item = None;
                a.lines[0].need = Some(yunguan::api::cloud_resource_request::Need {
                    description: "量子计算机".into(),
                    ..Default::default()
                });
            },
            "Resolved",
            "False",
            &["line cpu", "describe functions and size", "请补充功能和规格"],
        ),
        (
            "more-than-there-is",
            |a| a.lines[0].quantity = 1_000_000,
            "CapacityAvailable",
            "False",
            &[
                "bozhou-main has not enough left",
                "requests.cpu: 1M wanted",
                "ask for less or another domain",
                "剩余资源不足",
            ],
        ),
        (
            "no-domain",
            |a| a.domain = "moon".into(),
            "Stalled",
            "True",
            &["spec.application.domain", "bozhou-main", "没有云域moon"],
        ),
        (
            "closed-domain",
            |a| a.domain = "bozhou-health-dedicated".into(),
            "Stalled",
            "True",
            &["spec.application.domain", "choose another", "未向本单位开放"],
        ),
        (
            "no-track",
            |a| a.track = "standard".into(),
            "Stalled",
            "True",
            &["spec.application.track", "it has Standard, Urgent", "没有流程standard"],
        ),
        (
            "light-track",
            |a| {
                "MinorChange".clone_into(&mut a.track);
                a.documents.clear();
            },
            "Stalled",
            "True",
            &["track `MinorChange`", "choose one that is, Standard, Urgent", "流程MinorChange不适用于本申请"],
        ),
        (
            "wiping-track",
            |a| a.track = "Decommission".into(),
            "Stalled",
            "True",
            &["track `Decommission`", "choose one that is, Standard, Urgent", "不适用于本申请"],
        ),
        (
            "no-papers",
            |a| a.documents.clear(),
            "Complete",
            "False",
            &[
                "documents: ConstructionApproval 系统建设批复 (第十七条)",
                "ConstructionPlan",
                "缺少建设方案（第十七条）",
            ],
        ),
        (
            "unfinished",
            |a| a.development_finished = false,
            "Complete",
            "False",
            &["developmentFinished", "系统开发完成后方可申请"],
        ),
        (
            "other-unit",
            |a| a.unit_name = "市卫健委".into(),
            "Complete",
            "False",
            &["unitName", "单位名称应为测试单位t-in-rules"],
        ),
        (
            "no-payer",
            |a| a.funding.payer = "nobody".into(),
            "Complete",
            "False",
            &["funding.payer: there is no Organization nobody", "付费单位nobody未登记"],
        ),
        (
            "own-money",
            |a| a.funding.source = FundingSource::OwnFunds,
            "Complete",
            "False",
            &["the unit or its supervising department pays: t-in-rules, not bozhou-finance (第五条)", "费用自行承担"],
        ),
        (
            "budget-money",
            |a| a.funding.payer = "guoyang-finance".into(),
            "Complete",
            "False",
            &["which a finance department pays", "[bozhou-finance] (第五条)", "财政资金由财政部门支付"],
        ),
        (
            "unticked",
            |a| a.service_types.truncate(1),
            "Complete",
            "False",
            &["serviceTypes: line disk is of type CloudStorage", "表中未勾选"],
        ),
        (
            "odd-tick",
            |a| a.service_types.push("Teleport".into()),
            "Complete",
            "False",
            &["no type Teleport", "没有服务类型Teleport"],
        ),
        (
            "no-date",
            |a| (a.origin.kind, a.origin.from) = (OriginKind::Migrated, Some("机房".into())),
            "Complete",
            "False",
            &["origin.cutOverDate", "第二十一条", "计划割接日期"],
        ),
        (
            "level-four",
            |a| a.protection_level = 4,
            "InScope",
            "False",
            &["levels 1 to 3", "第三条", "correct spec.application.protectionLevel", "如填写有误"],
        ),
        (
            "secret",
            |a| a.classified = true,
            "InScope",
            "False",
            &["第四条", "correct spec.application.classified", "涉密信息系统不得使用政务云"],
        ),
    ];
    offers::unoffered(world).await?;
    let all = futures::future::try_join_all(table.iter().map(async |(name, shape, type_, status, words)| {
        let case = world.draft("t-in-rules", name, |spec| shape(&mut spec.application)).await?;
        let (_, message) = case.condition(type_, status).await?;
        told(&message, words, Says::Bilingual).with_context(|| (*name).to_owned())?;
        anyhow::Ok(*name)
    }));
    let told: BTreeSet<&str> = all.await?.into_iter().collect();
    println!("requests that say in a condition what is wrong: {}", told.len());
    goes_on(world, "t-in-rules", "ordinary").await
}

/// The name of a system is taken from the filing on: people do not decide on two requests of which one can be granted.
#[tokio::test]
async fn r15_1_a_system_code_that_is_taken_is_told_in_progress_and_after() -> Result<()> {
    let world = world().await?;
    world.unit("t-in-code", None).await?;
    let shared = |spec: &mut CloudResourceRequestSpec| spec.application.system.code = "shared".into();
    let first = world.draft("t-in-code", "first", shared).await?;
    let other = |spec: &mut CloudResourceRequestSpec| {
        shared(spec);
        spec.application.purpose = "另一个系统".into();
    };
    let second = world.draft("t-in-code", "second", other).await?;
    second.phase(Phase::Draft).await?;
    first.decide(&first.person(), "submission", Verdict::Submit).await?;
    first.phase(Phase::InReview).await?;
    let taken = async |by: &str, words: &[&str]| -> Result<()> {
        let (reason, message) = second.condition("Stalled", "True").await?;
        ensure!(reason == "SystemNameTaken", "{reason}");
        told(&message, words, Says::Bilingual).with_context(|| by.to_owned())
    };
    let words = ["spec.application.system.code: shared is taken by request first", "another code", "在办申请first"];
    taken("while it is decided", &words).await?;
    let status = second.request().await?.status.unwrap_or_default();
    ensure!(status.open_gates.is_empty(), "it is not filed in vain: {:?}", status.open_gates);
    // Once the first one has another code, and its filing with it, the second one is free to go.
    let requests: Api<CloudResourceRequest> = first.api(&first.person()).await?;
    let code = async |code: &str| {
        let patch = Patch::Merge(json!({"spec": {"application": {"system": {"code": code}}}}));
        requests.patch("first", &PatchParams::default(), &patch).await
    };
    code("elsewhere").await?;
    second.drafted("submission", Verdict::Submit).await?;
    // It comes back to its code, and is filed still: first come.
    code("shared").await?;
    taken("again while it is decided", &words).await?;
    // Granted, the code is its own for good.
    first.decide(AUTHORITY, "completeness", Verdict::Approve).await?;
    first.decide(AGENCY, "plan", Verdict::Confirm).await?;
    first.decide(AGENCY, "evaluation", Verdict::Approve).await?;
    first.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    first.phase(Phase::Trial).await?;
    let words =
        ["shared is taken: it was opened for request first", "another system.code", "ResourceChange", "请更换代码"];
    taken("afterwards", &words).await?;
    println!("codes that were taken: 3 times told");
    goes_on(world, "t-in-code", "ordinary").await
}

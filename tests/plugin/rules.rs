//! What the plugin takes from the rules and the record, and not from its own text.

use super::*;
use crate::changing::live;
use kube::Api;
use kube::api::PostParams;
use yunguan::api::GovernancePolicy;
use yunguan::api::decision::Verdict;

async fn json(who: &str, args: &[&str]) -> Result<Value> {
    Ok(serde_json::from_str(&done(who, &[args, &["-o", "json"]].concat()).await?)?)
}

#[tokio::test]
async fn r17_1_forms_take_the_leads_over_and_the_approver_sees_track_and_papers() -> Result<()> {
    let world = world().await?;
    let case = live(world, "t-plugin-leads", "leads").await?;
    let (unit, system) = ("unit@t-plugin-leads", "yg-t-plugin-leads/leads");
    let leads = serde_json::to_value(sample()?.spec.contacts)?;
    ensure!(leads["itLead"]["phone"].is_string() && leads["systemLead"]["phone"].is_string(), "{leads}");
    let change = ["change", system, "cpu=20", "--ground", "adjustment", "--reason", "业务增长", "--dry-run"];
    assert_eq!(json(unit, &change).await?["spec"]["contacts"], leads);
    let leave = ["decommission", system, "--backup", "nothing", "--reason", "不再使用", "--dry-run"];
    assert_eq!(json(unit, &leave).await?["spec"]["contacts"], leads);
    // The newest form counts.
    let changes: Api<yunguan::api::ResourceChange> = case.api(unit).await?;
    let newer: yunguan::api::ResourceChange = serde_json::from_value(serde_json::json!({
        "apiVersion": "yunguan.dev/v1alpha1", "kind": "ResourceChange", "metadata": {"name": "newer"},
        "spec": {
            "change": {"unitName": "测试单位t-plugin-leads", "system": "leads", "ground": "Adjustment", "reason": "x",
                       "lines": [{"name": "cpu", "quantity": 17}]},
            "contacts": {"itLead": {"name": "新人", "phone": "0558-5550177"},
                         "systemLead": {"name": "新人", "phone": "0558-5550178"}},
        },
    }))?;
    // Times are whole seconds: in one second both are the newest.
    yunguan_cluster::wait_until("another second", PATIENCE, async || {
        let made = case.request().await?.metadata.creation_timestamp.context("no time")?.0;
        Ok((jiff::Timestamp::now().as_second() > made.as_second()).then_some(()))
    })
    .await?;
    changes.create(&PostParams::default(), &newer).await?;
    assert_eq!(json(unit, &change).await?["spec"]["contacts"]["itLead"]["name"], "新人");
    // Who decides sees by which track, and on which papers.
    let page = done(AUTHORITY, &["status", system]).await?;
    for shown in ["Standard", "PAPERS", "ConstructionApproval", "ConstructionPlan"] {
        ensure!(page.contains(shown), "{shown} is not in {page}");
    }
    Ok(())
}

#[tokio::test]
async fn r34_1_an_order_cites_the_article_of_the_units_own_rules() -> Result<()> {
    let world = world().await?;
    let policies: Api<GovernancePolicy> = Api::all(world.admin().await?);
    let mut spec = policies.get("bozhou-2024").await?.spec;
    spec.family = "t-law".into();
    let track = spec.tracks.iter_mut().find(|t| t.name == "Suspension").context("a track")?;
    track.article = "第八条第二款".into();
    policies.create(&PostParams::default(), &GovernancePolicy::new("t-law", spec)).await?;
    world
        .organization("t-law", |spec| {
            spec.policy_family = "t-law".into();
            spec.members.push(members("unit", &["unit@t-law"]));
        })
        .await?;
    world.home_ready("t-law").await?;
    let case = world.draft("t-law", "ruled", |_| {}).await?;
    case.to_approval().await?;
    case.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    case.phase(Phase::Trial).await?;
    let suspend = ["suspend", "yg-t-law/ruled", "--ground", "未整改高危漏洞", "--mend", "提交检测报告", "--dry-run"];
    assert_eq!(json(AGENCY, &suspend).await?["spec"]["order"]["article"], "第八条第二款");
    let given = json(AGENCY, &[&suspend[..], &["--article", "第九条"]].concat()).await?;
    assert_eq!(given["spec"]["order"]["article"], "第九条");
    Ok(())
}

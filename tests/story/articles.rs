//! What single articles demand, one story each, by the shipped rules and the example's own people.

use crate::support::{edit, operator, refused_by};
use crate::world::*;
use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::ResourceQuota;
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use yunguan::api::cloud_resource_request::{Application, Line, Need, OriginKind, Phase};
use yunguan::api::decision::{TestResult, Verdict};
use yunguan::api::governance_policy::FundingSource;
use yunguan::api::information_system::SystemPhase;
use yunguan::api::{CloudResourceRequest, GovernancePolicy, InformationSystem, Organization};
use yunguan::core::names;
use yunguan_cluster::wait_until;

type Shape = fn(&mut Application);

#[tokio::test]
async fn r4_1_what_may_not_be_in_the_cloud_is_refused_with_the_article() -> Result<()> {
    let world = world().await?;
    world.unit("t-scope", None).await?;
    let cases: [(&str, &str, &str, Shape); 3] = [
        ("secret", "Classified", "第四条", |a| a.classified = true),
        ("level4", "ProtectionLevelTooHigh", "第三条", |a| a.protection_level = 4),
        ("unfit", "Unsuitable", "第五条", |a| a.unsuitable_under = Some("某法第一条".into())),
    ];
    for (name, why, article, shape) in cases {
        let case = world.draft("t-scope", name, |spec| shape(&mut spec.application)).await?;
        case.decide("unit@t-scope", "submission", Verdict::Submit).await?;
        let request = case.phase(Phase::OutOfScope).await?;
        ensure!(request.status.unwrap_or_default().open_gates.is_empty(), "nobody can decide on it");
        let (reason, message) = case.condition("InScope", "False").await?;
        assert_eq!(reason, why);
        ensure!(message.contains(article), "{message}");
    }
    Ok(())
}

/// Nothing else is refused for scope: a hospital of its own money is governed alike and pays for itself.
#[tokio::test]
async fn r5_2_any_other_system_is_filed_with_its_supervisor_and_pays_for_itself() -> Result<()> {
    let world = world().await?;
    world.organization("t-bureau", |spec| spec.members.push(members("supervisor", &["chief@t-bureau"]))).await?;
    world.home_ready("t-bureau").await?;
    world.unit("t-firm", Some("t-bureau")).await?;
    let case = world
        .draft("t-firm", "shop", |spec| {
            spec.application.funding.source = FundingSource::OwnFunds;
            spec.application.funding.payer = "t-firm".into();
        })
        .await?;
    case.decide("unit@t-firm", "submission", Verdict::Submit).await?;
    case.decide("chief@t-bureau", "supervisor-filing", Verdict::Approve).await?;
    case.decide(AUTHORITY, "completeness", Verdict::Approve).await?;
    case.decide(AGENCY, "plan", Verdict::Confirm).await?;
    case.decide(AGENCY, "evaluation", Verdict::Approve).await?;
    case.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    case.phase(Phase::Trial).await?;
    let grant = case.system().await?.spec.grants.remove(0);
    assert_eq!((grant.self_paying, grant.payer.as_str()), (true, "t-firm"));
    Ok(())
}

#[tokio::test]
async fn r16_1_what_the_catalog_lacks_gets_the_nearest_item_or_is_procured_by_the_unit() -> Result<()> {
    let world = world().await?;
    world.unit("t-need", None).await?;
    let need = |description: &str, functions: &[&str]| Need {
        description: description.into(),
        functions: functions.iter().map(|f| (*f).to_owned()).collect(),
        ..Need::default()
    };
    let line = |name: &str, need: Need| Line { name: name.into(), quantity: 1, need: Some(need), ..Line::default() };
    let case = world
        .draft("t-need", "need", |spec| {
            spec.application.lines.push(line("db", need("PostgreSQL 数据库", &["postgresql"])));
        })
        .await?;
    let (_, message) = case.condition("Resolved", "False").await?;
    ensure!(message.contains("db-postgresql") && message.contains("selfProcured"), "{message}");
    // R16.2: what nothing comes near to is an exception that the authority consents to by approving the request.
    let requests: Api<CloudResourceRequest> = case.api("unit@t-need").await?;
    edit(&requests, "need", |request| {
        if let Some(qrng) = request.spec.application.lines.last_mut() {
            qrng.need = Some(need("量子随机数发生器", &[]));
            qrng.self_procured = Some("目录中无法适配".into());
        }
    })
    .await?;
    case.to_trial().await?;
    let grant = case.system().await?.spec.grants.remove(0);
    let exception = grant.lines.iter().find(|l| l.name == "db").context("it is on record")?;
    ensure!(exception.terms.is_none() && exception.self_procured.is_some(), "{exception:?}");
    let status = case.request().await?.status.unwrap_or_default();
    let free = status.lines.iter().find(|l| l.name == "db").context("a line")?;
    ensure!(free.monthly_fee.is_none() && free.amounts.is_empty(), "it costs and provisions nothing: {free:?}");
    Ok(())
}

#[tokio::test]
async fn r20_1_a_failed_report_leads_back_to_testing() -> Result<()> {
    let world = world().await?;
    world.unit("t-test", None).await?;
    let case = world.draft("t-test", "tested", |_| {}).await?;
    case.to_trial().await?;
    case.decide("unit@t-test", "trial-report", Verdict::File).await?;
    let mut failed = case.drafted("security-report", Verdict::File).await?;
    failed.spec.evidence[0].result = Some(TestResult::Failed);
    let failed = case.make("unit@t-test", &failed).await?;
    wait_until("the failed report to be on record", PATIENCE, async || {
        let status = case.request().await?.status.unwrap_or_default();
        let open: Vec<_> = status.open_gates.iter().map(|g| g.gate.as_str()).collect();
        ensure!(open == ["security-report"], "{open:?}");
        let name = failed.metadata.name.as_deref().unwrap_or_default();
        Ok(status.decisions.iter().any(|d| d.name == name && d.result == Some(TestResult::Failed)).then_some(()))
    })
    .await?;
    case.decide("unit@t-test", "security-report", Verdict::File).await?;
    case.drafted("sign-unit", Verdict::Sign).await?;
    Ok(())
}

#[tokio::test]
async fn r21_2_the_old_self_of_a_migrated_system_is_kept_until_three_months_after_that_went_live() -> Result<()> {
    let world = world().await?;
    world.unit("t-move", None).await?;
    let moved = |day: jiff::civil::Date| {
        move |spec: &mut yunguan::api::CloudResourceRequestSpec| {
            let origin = &mut spec.application.origin;
            origin.kind = OriginKind::Migrated;
            origin.from = Some("单位机房".into());
            origin.cut_over_date = Some(day);
        }
    };
    let long_ago =
        jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().checked_sub(jiff::Span::new().months(5))?;
    // The day that was planned is long over, and nothing follows from that as long as the new system is not live.
    let case = world.draft("t-move", "moved", moved(long_ago)).await?;
    case.to_trial().await?;
    let systems: Api<InformationSystem> = Api::namespaced(world.admin().await?, &case.home());
    let kept = |reason: &'static str| {
        move |s: &InformationSystem| {
            let conditions = s.status.iter().flat_map(|s| &s.conditions);
            conditions.into_iter().any(|c| c.type_ == "OldSystemKept" && c.status == "True" && c.reason == reason)
        }
    };
    eventually(&systems, "moved", "that the old one is kept until it is live", kept("NotLive")).await?;
    assert_eq!(case.request().await?.status.and_then(|s| s.keep_old_until), None);
    let person = case.person();
    for (who, gate, verdict) in [
        (person.as_str(), "trial-report", Verdict::File),
        (&person, "security-report", Verdict::File),
        (&person, "sign-unit", Verdict::Sign),
        (PROVIDER, "sign-provider", Verdict::Sign),
        (AUTHORITY, "sign-authority", Verdict::Sign),
    ] {
        case.decide(who, gate, verdict).await?;
    }
    let system = eventually(&systems, "moved", "until when the old one is kept", kept("Retained")).await?;
    let live = system.spec.live.context("not live")?.from.timestamp();
    let shanghai = jiff::tz::TimeZone::get("Asia/Shanghai")?;
    let until = live.to_zoned(shanghai).date().checked_add(jiff::Span::new().months(3))?;
    assert_eq!(system.spec.keep_old_until, Some(until), "three months after it really went live, on record");
    wait_until("the request to say so too", PATIENCE, async || {
        Ok((case.request().await?.status.and_then(|s| s.keep_old_until) == Some(until)).then_some(()))
    })
    .await
}

/// In the same cluster, at the same time, by the same code: only the policies differ.
#[tokio::test]
async fn r41_1_the_countys_request_takes_the_countys_gates() -> Result<()> {
    let world = world().await?;
    let path = crate::support::repository("config/samples/requests/guoyang-school.yaml");
    let mut request: CloudResourceRequest = serde_saphyr::from_str(&std::fs::read_to_string(path)?)?;
    request.metadata.name = Some("county".into());
    request.spec.application.system.code = "county".into();
    let unit = "feng.juan@guoyang";
    let case = Case { world, unit: "guoyang-education".into(), name: "county".into() };
    let drafts: Api<CloudResourceRequest> = case.api(unit).await?;
    drafts.create(&PostParams::default(), &request).await?;
    case.decide(unit, "submission", Verdict::Submit).await?;
    // The city's authority is nobody here.
    let evaluation = case.drafted("evaluation", Verdict::Approve).await?;
    refusal(case.make(AUTHORITY, &evaluation).await)?;
    case.make("ma.chao@guoyang", &evaluation).await?;
    case.decide("ma.chao@guoyang", "joint-approval", Verdict::Approve).await?;
    wait_until("one of two voices", PATIENCE, async || {
        let status = case.request().await?.status.unwrap_or_default();
        Ok((status.waiting_for.as_deref() == Some("authority: joint-approval 1/2")).then_some(()))
    })
    .await?;
    case.decide("gao.yan@guoyang", "joint-approval", Verdict::Approve).await?;
    case.phase(Phase::Trial).await?;
    case.decide(unit, "test-report", Verdict::File).await?;
    case.decide(unit, "sign-unit", Verdict::Sign).await?;
    case.decide(PROVIDER, "sign-provider", Verdict::Sign).await?;
    case.phase(Phase::Live).await?;
    let system = case.system().await?;
    assert_eq!(system.spec.grants[0].policy.name, "guoyang-2025");
    assert_eq!(system.status.map(|s| s.phase), Some(SystemPhase::Live));
    let quotas: Api<ResourceQuota> = Api::namespaced(world.admin().await?, &case.namespace());
    let hard = quotas.get("yunguan").await?.spec.and_then(|s| s.hard).context("a quota")?;
    assert_eq!(hard["requests.cpu"].0, "4");
    assert_eq!(case.namespace(), names::system_namespace("guoyang-education", "county"));
    Ok(())
}

#[tokio::test]
async fn r42_1_after_its_last_day_nothing_new_enters_under_a_policy() -> Result<()> {
    let world = world().await?;
    let policies: Api<GovernancePolicy> = Api::all(world.admin().await?);
    let mut spec = policies.get("bozhou-2024").await?.spec;
    spec.family = "t-past".into();
    spec.valid_from = jiff::civil::date(2020, 1, 1);
    spec.valid_until = jiff::civil::date(2020, 12, 31);
    policies.create(&PostParams::default(), &GovernancePolicy::new("t-past", spec)).await?;
    world
        .organization("t-past", |spec| {
            spec.policy_family = "t-past".into();
            spec.members.push(members("unit", &["unit@t-past"]));
        })
        .await?;
    world.home_ready("t-past").await?;
    let case = world.draft("t-past", "late", |_| {}).await?;
    let (reason, message) = case.condition("Stalled", "True").await?;
    assert_eq!(reason, "NoPolicyInForce");
    ensure!(message.contains("2020-12-31") && message.contains("暂不能提交新申请"), "{message}");
    ensure!(case.request().await?.status.unwrap_or_default().open_gates.is_empty(), "nothing can be filed");
    Ok(())
}

/// What was filed under a version is judged by it, so a version that judges something cannot be taken away.
#[tokio::test]
async fn r42_1_a_version_by_which_something_is_judged_stays() -> Result<()> {
    let world = world().await?;
    let policies: Api<GovernancePolicy> = Api::all(world.admin().await?);
    let shipped = policies.get("bozhou-2024").await?.spec;
    for name in ["t-used", "t-unused"] {
        let spec = yunguan::api::GovernancePolicySpec { family: name.into(), ..shipped.clone() };
        policies.create(&PostParams::default(), &GovernancePolicy::new(name, spec)).await?;
        let valid = |p: &GovernancePolicy| p.status.is_some() && p.metadata.finalizers.is_some();
        eventually(&policies, name, "judged", valid).await?;
    }
    world
        .organization("t-used", |spec| {
            spec.policy_family = "t-used".into();
            spec.members.push(members("unit", &["unit@t-used"]));
        })
        .await?;
    world.home_ready("t-used").await?;
    let case = world.draft("t-used", "judged", |_| {}).await?;
    case.decide("unit@t-used", "submission", Verdict::Submit).await?;
    case.drafted("completeness", Verdict::Approve).await?;
    let used = |p: &GovernancePolicy| p.status.as_ref().is_some_and(|s| s.in_use);
    eventually(&policies, "t-used", "in use", used).await?;
    refused_by("yunguan-in-use", policies.delete("t-used", &DeleteParams::default()).await)?;
    policies.delete("t-unused", &DeleteParams::default()).await?;
    // In the moment before that was known it is deleted, stays all the same, and goes on judging.
    let as_operator: Api<GovernancePolicy> = Api::all(operator(&world.cluster).await?);
    wait_until("it to be deleted", PATIENCE, async || {
        let mut unused = policies.get("t-used").await?;
        unused.status.as_mut().context("a status")?.in_use = false;
        as_operator.replace_status("t-used", &PostParams::default(), &unused).await?;
        policies.delete("t-used", &DeleteParams::default()).await?;
        Ok(Some(()))
    })
    .await?;
    let kept =
        |p: &GovernancePolicy| p.status.as_ref().is_some_and(|s| s.conditions.iter().any(|c| c.reason == "InUse"));
    eventually(&policies, "t-used", "kept", kept).await?;
    wait_until("the unused version to be gone", PATIENCE, async || {
        Ok(policies.get_opt("t-unused").await?.is_none().then_some(()))
    })
    .await?;
    case.decide(AUTHORITY, "completeness", Verdict::Approve).await?;
    case.drafted("plan", Verdict::Confirm).await?;
    Ok(())
}

/// A role of one's own is a ClusterRole, an entry in the operator's bind rule and one in the policy: no code.
#[tokio::test]
async fn r41_1_a_policy_brings_a_role_of_its_own() -> Result<()> {
    let world = world().await?;
    let admin = world.admin().await?;
    let policies: Api<GovernancePolicy> = Api::all(admin.clone());
    let mut spec = policies.get("bozhou-2024").await?.spec;
    spec.family = "t-expert".into();
    spec.roles.push(yunguan::api::governance_policy::RoleOrganizations {
        role: "expert".into(),
        organizations: vec!["t-expert".into()],
        article: "第二十八条".into(),
    });
    let gate = spec.tracks[0].gates.iter_mut().find(|g| g.name == "completeness").context("a gate")?;
    gate.role = "expert".into();
    policies.create(&PostParams::default(), &GovernancePolicy::new("t-expert", spec)).await?;
    world
        .organization("t-expert", |spec| {
            spec.policy_family = "t-expert".into();
            spec.members.push(members("unit", &["unit@t-expert"]));
            spec.members.push(members("expert", &["qian@t-expert"]));
        })
        .await?;
    // Without its ClusterRole everybody else is let in all the same, and it is said what is missing.
    let organizations: Api<Organization> = Api::all(admin.clone());
    let told = |o: &Organization| {
        let conditions = o.status.iter().flat_map(|s| &s.conditions);
        conditions.into_iter().any(|c| c.reason == "RoleUnbound" && c.message.contains("yunguan-expert"))
    };
    eventually(&organizations, "t-expert", "told", told).await?;
    let case = world.draft("t-expert", "judged", |_| {}).await?;
    case.decide("unit@t-expert", "submission", Verdict::Submit).await?;

    let roles: Api<ClusterRole> = Api::all(admin);
    let mut expert = roles.get("yunguan-authority").await?;
    expert.metadata = kube::api::ObjectMeta { name: Some("yunguan-expert".into()), ..Default::default() };
    for rule in expert.rules.iter_mut().flatten() {
        for name in rule.resource_names.iter_mut().flatten() {
            "expert".clone_into(name);
        }
    }
    roles.create(&PostParams::default(), &expert).await?;
    edit(&roles, "yunguan-operator", |operator| {
        let bind = operator.rules.iter_mut().flatten().find(|r| r.verbs == ["bind"]).expect("a bind rule");
        bind.resource_names.get_or_insert_default().push("yunguan-expert".into());
    })
    .await?;
    world.home_ready("t-expert").await?;
    let decision = case.drafted("completeness", Verdict::Approve).await?;
    wait_until("the expert to be let in", PATIENCE, async || {
        Ok(Some(case.make("qian@t-expert", &decision).await.map(drop)?))
    })
    .await?;
    case.drafted("plan", Verdict::Confirm).await?;
    Ok(())
}

//! Organizations, and the people who are missing in them.

use super::*;
use kube::api::{ObjectMeta, Patch, PatchParams};
use serde_json::json;
use yunguan::api::{CloudResourceRequest, Organization};
use yunguan::core::credit_code;

#[tokio::test]
async fn r7_1_what_one_organization_shows_is_refused_when_it_is_written() -> Result<()> {
    use Says::{Bilingual, English};
    let world = world().await?;
    let organizations: Api<Organization> = Api::all(world.admin().await?);
    let mut good = organizations.get("bozhou-health").await?;
    good.metadata = ObjectMeta { name: Some("t-bad-org".into()), ..ObjectMeta::default() };
    good.status = None;
    let body = good.spec.social_credit_code.get(..17).context("a code")?.to_owned();
    let right = credit_code::check_digit(&body)?;
    let wrong = "0123456789".chars().find(|digit| *digit != right).context("another digit")?;
    let (api, good) = plain(&organizations, &good)?;
    let users: Vec<String> = (0..65).map(|n| format!("user-{n}")).collect();
    let code = "spec.socialCreditCode";
    let not_people = |place: &'static str| {
        vec!["spec.members[0].", place, "no name that begins with system:", "仅可授权个人及其所在组"]
    };
    let table: Vec<(&str, Value, Vec<&str>, Says)> = vec![
        ("/spec/socialCreditCode", json!(body), vec![code, "has 18 characters", "请核对证书"], Bilingual),
        ("/spec/socialCreditCode", json!(format!("{body}{right}0")), vec![code, "has 18 characters"], Bilingual),
        (
            "/spec/socialCreditCode",
            json!(format!("I{}", "0".repeat(17))),
            vec![code, "other than I, O, S, V and Z"],
            Bilingual,
        ),
        ("/spec/socialCreditCode", json!(format!("{body}{wrong}")), vec![code, "check digit", "校验位不符"], Bilingual),
        ("/spec/socialCreditCode", json!("一".repeat(18)), vec![code, "digits and capital letters"], Bilingual),
        ("/spec/socialCreditCode", json!("1".repeat(4000)), vec![code, "32"], English),
        (
            "/metadata/name",
            json!("亳州市卫健委"),
            vec!["goes into spec.names.zh", "中文名称请填 spec.names.zh"],
            Bilingual,
        ),
        ("/metadata/name", json!("a".repeat(41)), vec!["at most 40 lower-case ASCII"], Bilingual),
        ("/spec/supervisor", json!("t-bad-org"), vec!["does not supervise itself", "主管部门不能是本单位"], Bilingual),
        ("/spec/members/0/users", json!(users), vec!["spec.members[0].users", "at most 64 items"], English),
        (
            "/spec/members/0/users",
            json!(["good", "system:serviceaccount:ci:deployer"]),
            not_people("users[1]"),
            Bilingual,
        ),
        ("/spec/members/0/users", json!(["system:x"]), not_people("users[0]"), Bilingual),
        ("/spec/members/0/users", json!(["a\u{3000}"]), not_people("users[0]"), Bilingual),
        ("/spec/members/0/users", json!([" a"]), not_people("users[0]"), Bilingual),
        ("/spec/members/0/users", json!(["a\nb"]), not_people("users[0]"), Bilingual),
        ("/spec/members/0/groups", json!(["system:authenticated"]), not_people("groups[0]"), Bilingual),
        ("/spec/members/0/groups", json!(["system:masters"]), not_people("groups[0]"), Bilingual),
        ("/spec/members/0/role", json!("Unit"), vec!["spec.members[0].role", "should match"], English),
        ("/spec/nature", json!("Club"), vec!["spec.nature", "\"PublicInstitution\""], English),
    ];
    let tried = table.len();
    for (place, value, words, says) in table {
        let mut bad = good.clone();
        put(&mut bad, place, value.clone())?;
        let message = denied(api.create(&dry_run(), &serde_json::from_value(bad)?).await)
            .with_context(|| format!("{place}: {value}"))?;
        told(&message, &words, says).with_context(|| format!("{place}: {value}"))?;
    }
    let mut fine = good.clone();
    put(&mut fine, "/spec/members/0/users", json!(["Zhang San", "亳州:张三", "oidc:system:x", "systems"]))?;
    api.create(&dry_run(), &serde_json::from_value(fine)?).await.context("people of all kinds")?;
    println!("organizations refused when they are written: {tried}");
    Ok(())
}

#[tokio::test]
async fn r7_1_an_organization_that_cannot_work_says_so_and_so_do_its_requests() -> Result<()> {
    let world = world().await?;
    world.unit("t-in-home", None).await?;
    let organizations: Api<Organization> = Api::all(world.admin().await?);
    let ready = async |name: &str, reason: &str, words: &[&str]| -> Result<()> {
        let says = |o: &Organization| {
            o.status.as_ref().is_some_and(|s| s.conditions.iter().any(|c| c.type_ == "Ready" && c.reason == reason))
        };
        let organization = eventually(&organizations, name, reason, says).await?;
        let conditions = organization.status.unwrap_or_default().conditions;
        told(&conditions.iter().find(|c| c.type_ == "Ready").context("Ready")?.message, words, Says::Bilingual)
    };
    // No policy: it is told, and a request in its home is told too.
    world
        .organization("t-in-lawless", |spec| {
            spec.policy_family = "t-none".into();
            spec.members.push(members("unit", &["unit@t-in-lawless"]));
        })
        .await?;
    ready(
        "t-in-lawless",
        "PolicyUnknown",
        &["spec.policyFamily", "no GovernancePolicy of family t-none", "until the authority"],
    )
    .await?;
    let case = world.draft("t-in-lawless", "lost", |_| {}).await?;
    let (reason, message) = case.condition("Stalled", "True").await?;
    ensure!(reason == "NoPolicyInForce", "{reason}");
    told(&message, &["family `t-none`", "the authority creates one", "请主管部门发布"], Says::Bilingual)?;
    // A supervisor that does not exist.
    world.organization("t-in-orphan", |spec| spec.supervisor = Some("t-nowhere".into())).await?;
    ready("t-in-orphan", "SupervisorUnknown", &["spec.supervisor", "no Organization t-nowhere", "主管部门未登记"])
        .await?;
    // The code of another: who came first keeps it, and it is free once it is corrected there.
    let held = organizations.get("t-in-home").await?.spec.social_credit_code;
    world.organization("t-in-twin", |spec| spec.social_credit_code.clone_from(&held)).await?;
    ready(
        "t-in-twin",
        "CreditCodeTaken",
        &["spec.socialCreditCode", "Organization t-in-home has", &held, "统一社会信用代码已由单位t-in-home使用"],
    )
    .await?;
    world.home_ready("t-in-home").await?;
    // A supervisor that lists nobody: the request that waits for it says who is missing, and goes on when they are there.
    world.unit("t-in-silent", None).await?;
    world.unit("t-in-child", Some("t-in-silent")).await?;
    let case = world.draft("t-in-child", "waiting", |_| {}).await?;
    case.decide(&case.person(), "submission", Verdict::Submit).await?;
    let (reason, message) = case.condition("Stalled", "True").await?;
    ensure!(reason == "RoleWithoutHolder", "{reason}");
    let words =
        ["gate supervisor-filing", "role `supervisor`", "Organization t-in-silent", "spec.members", "无人可办理"];
    told(&message, &words, Says::Bilingual)?;
    let people = json!({"role": "supervisor", "users": ["chief@t-in-silent"]});
    let own = json!({"role": "unit", "users": ["unit@t-in-silent"]});
    let members = Patch::Merge(json!({"spec": {"members": [own, people]}}));
    organizations.patch("t-in-silent", &PatchParams::default(), &members).await?;
    case.condition("Stalled", "False").await?;
    let filing = case.drafted("supervisor-filing", Verdict::Approve).await?;
    // The chief is let in a moment later.
    yunguan_cluster::wait_until("the chief to be let in", PATIENCE, async || {
        Ok(Some(case.make("chief@t-in-silent", &filing).await?))
    })
    .await?;
    case.drafted("completeness", Verdict::Approve).await?;
    // A unit that lists nobody cannot file what somebody wrote for it.
    world.organization("t-in-empty", |_| {}).await?;
    world.home_ready("t-in-empty").await?;
    let mut request = sample()?;
    request.metadata = ObjectMeta { name: Some("ghost".into()), ..ObjectMeta::default() };
    request.spec.application.unit_name = "测试单位t-in-empty".into();
    let requests: Api<CloudResourceRequest> = Api::namespaced(world.admin().await?, "yg-t-in-empty");
    requests.create(&PostParams::default(), &request).await?;
    let ghost = Case { world, unit: "t-in-empty".into(), name: "ghost".into() };
    let (_, message) = ghost.condition("Stalled", "True").await?;
    told(&message, &["gate submission", "role `unit`", "Organization t-in-empty"], Says::Bilingual)?;
    println!("organizations that say what they lack: 6");
    goes_on(world, "t-in-home", "ordinary").await
}

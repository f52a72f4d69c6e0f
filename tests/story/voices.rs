//! Which decisions count: the operator is the last to judge, whatever the API server let in.

use crate::support::edit;
use crate::world::*;
use anyhow::{Context as _, Result, ensure};
use kube::api::{DeleteParams, PostParams};
use kube::{Api, ResourceExt as _};
use yunguan::api::cloud_resource_request::{Phase, VoidReason};
use yunguan::api::decision::Verdict;
use yunguan::api::{CloudResourceRequest, Decision, DecisionSpec, Organization};
use yunguan_cluster::{Person, wait_until};

#[tokio::test]
async fn r7_1_no_forged_stale_doubled_or_self_made_decision_counts() -> Result<()> {
    let world = world().await?;
    world
        .organization("t-forge", |spec| spec.members.push(members("unit", &["unit@t-forge", "second@t-forge"])))
        .await?;
    world.home_ready("t-forge").await?;
    let case = world.draft("t-forge", "target", |_| {}).await?;
    let early = case.drafted("submission", Verdict::Submit).await?;
    case.make("unit@t-forge", &early).await?;
    let right = case.drafted("completeness", Verdict::Approve).await?;
    let mut tries = 0;
    let mut expect = async |who: &str, reason: VoidReason, shape: &dyn Fn(&mut DecisionSpec)| -> Result<()> {
        let mut decision = right.clone();
        shape(&mut decision.spec);
        let made = case.make(who, &decision).await?;
        let found = case.void(&made).await?;
        ensure!(found == reason, "{found} instead of {reason}");
        tries += 1;
        Ok(())
    };
    expect(AUTHORITY, VoidReason::OtherContent, &|d| d.digest = "0".repeat(64)).await?;
    expect(AUTHORITY, VoidReason::OtherRequest, &|d| d.request_ref.uid = "another".into()).await?;
    expect(AUTHORITY, VoidReason::OtherSubmission, &|d| d.submission_uid = Some("another".into())).await?;
    expect(AUTHORITY, VoidReason::UnknownGate, &|d| d.gate = "nowhere".into()).await?;
    expect(AUTHORITY, VoidReason::GateNotOpen, &|d| d.gate = "approval".into()).await?;
    expect(AGENCY, VoidReason::WrongRole, &|d| d.role = "agency".into()).await?;
    expect(AUTHORITY, VoidReason::VerdictNotOffered, &|d| d.verdict = Verdict::Sign).await?;

    // Stale: the unit edits and files again; what was made for the old text does not count.
    let requests: Api<CloudResourceRequest> = case.api("unit@t-forge").await?;
    edit(&requests, "target", |r| r.spec.application.purpose = "换个用途".into()).await?;
    case.phase(Phase::Draft).await?;
    case.decide("second@t-forge", "submission", Verdict::Submit).await?;
    case.drafted("completeness", Verdict::Approve).await?;
    let stale = case.make(AUTHORITY, &right).await?;
    wait_until("the stale decision to be left out", PATIENCE, async || {
        let status = case.request().await?.status.unwrap_or_default();
        ensure!(!status.decisions.iter().any(|d| d.name == stale.name_any()), "it counts");
        Ok(status.void_decisions.iter().any(|v| v.name == stale.name_any()).then_some(()))
    })
    .await?;
    // Forged: whoever the body names, the stamp says who it was.
    let mut forged = case.drafted("completeness", Verdict::Approve).await?;
    forged.spec.decided_by = Some(yunguan::api::decision::DecidedBy {
        username: "mayor".into(),
        person: "mayor".into(),
        ..Default::default()
    });
    let made = case.make(AUTHORITY, &forged).await?;
    assert_eq!(made.spec.decided_by.context("no stamp")?.username, AUTHORITY);
    // Doubled: the gate is passed, and a second voice is void.
    case.drafted("plan", Verdict::Confirm).await?;
    let mut again = forged.clone();
    again.spec.decided_by = None;
    let second = case.make(AUTHORITY_2, &again).await?;
    assert_eq!(case.void(&second).await?, VoidReason::GateClosed);
    println!("decisions that did not count: {}", tries + 3);
    Ok(())
}

#[tokio::test]
async fn r7_1_who_lost_the_role_does_not_count() -> Result<()> {
    let world = world().await?;
    world
        .organization("t-lost", |spec| {
            spec.members.push(members("unit", &["unit@t-lost"]));
        })
        .await?;
    world.home_ready("t-lost").await?;
    let case = world.draft("t-lost", "lost", |_| {}).await?;
    case.decide("unit@t-lost", "submission", Verdict::Submit).await?;
    case.phase(Phase::InReview).await?;
    let organizations: Api<Organization> = Api::all(world.admin().await?);
    edit(&organizations, "t-lost", |o| o.spec.members[0].users = vec!["other@t-lost".into()]).await?;
    let request = case.phase(Phase::Draft).await?;
    let status = request.status.unwrap();
    assert_eq!(status.void_decisions[0].reason, VoidReason::NotEntitled);
    // The one who came may file.
    case.decide("other@t-lost", "submission", Verdict::Submit).await?;
    case.phase(Phase::InReview).await?;
    Ok(())
}

#[tokio::test]
async fn r7_1_one_person_never_acts_in_two_roles() -> Result<()> {
    let world = world().await?;
    // The authority's person is also this unit's: allowed to hold both roles, not to use both on one request.
    world.organization("t-both", |spec| spec.members.push(members("unit", &[AUTHORITY_2]))).await?;
    world.home_ready("t-both").await?;
    let case = Case { world, unit: "t-both".into(), name: "both".into() };
    let helper = world.draft_as("t-both", "both", AUTHORITY_2).await?;
    helper.decide(AUTHORITY_2, "submission", Verdict::Submit).await?;
    let own = helper.decide(AUTHORITY_2, "completeness", Verdict::Approve).await?;
    assert_eq!(case.void(&own).await?, VoidReason::SecondRole);
    helper.decide(AUTHORITY, "completeness", Verdict::Approve).await?;
    helper.drafted("plan", Verdict::Confirm).await?;
    Ok(())
}

/// Entitled by a group alone, as single sign-on gives them.
#[tokio::test]
async fn r15_1_who_belongs_to_the_units_group_files_for_it() -> Result<()> {
    let world = world().await?;
    world
        .organization("t-group", |spec| {
            let group = yunguan::api::organization::RoleMembers {
                role: "unit".into(),
                groups: vec!["t-group-it".into()],
                ..Default::default()
            };
            spec.members.push(group);
        })
        .await?;
    world.home_ready("t-group").await?;
    let clerk = world.cluster.client(&Person::new("clerk@t-group").group("t-group-it")).await?;
    let case = world.draft_by("t-group", "grouped", &clerk).await?;
    let filing = case.drafted("submission", Verdict::Submit).await?;
    let decisions: Api<Decision> = Api::namespaced(clerk, &case.home());
    // The same person without the group is a stranger.
    refusal(case.make("clerk@t-group", &filing).await)?;
    decisions.create(&PostParams::default(), &filing).await?;
    let request = case.phase(Phase::InReview).await?;
    assert_eq!(request.status.and_then(|s| s.submission).map(|s| s.by).as_deref(), Some("clerk@t-group"));
    Ok(())
}

/// What is said in one home moves nothing in another, whatever it names: the tenant is the namespace, not a field.
#[tokio::test]
async fn r7_1_nobody_reaches_into_another_units_home() -> Result<()> {
    let world = world().await?;
    world.unit("t-mine", None).await?;
    world.unit("t-theirs", None).await?;
    let theirs = world.draft("t-theirs", "target", |_| {}).await?;
    theirs.decide("unit@t-theirs", "submission", Verdict::Submit).await?;
    let right = theirs.drafted("completeness", Verdict::Approve).await?;
    let before = theirs.request().await?;
    let mine = world.draft("t-mine", "target", |spec| spec.application.system.code = "other".into()).await?;
    mine.decide("unit@t-mine", "submission", Verdict::Submit).await?;
    mine.drafted("completeness", Verdict::Approve).await?;
    // Word for word the decision that would count over there, by one who holds the role in both homes.
    let reaching = mine.make(AUTHORITY, &right).await?;
    assert_eq!(mine.void(&reaching).await?, VoidReason::OtherRequest);
    // In the other's home I am nobody at all.
    let requests: Api<CloudResourceRequest> = theirs.api("unit@t-mine").await?;
    refusal(requests.get("target").await.map_err(Into::into))?;
    refusal(requests.delete("target", &DeleteParams::default()).await.map(drop).map_err(Into::into))?;
    refusal(theirs.make("unit@t-mine", &right).await)?;
    assert_eq!(theirs.request().await?.status, before.status);
    Ok(())
}

/// Admission cannot see it: whoever may impersonate decides in anybody's name. The audit log tells, and `yunguan audit`
/// reads it.
#[tokio::test]
async fn r7_1_a_decision_by_impersonation_is_reported() -> Result<()> {
    let world = world().await?;
    world.unit("t-posed", None).await?;
    let case = world.draft("t-posed", "posed", |_| {}).await?;
    let filing = serde_json::to_string(&case.drafted("submission", Verdict::Submit).await?)?;
    let create = ["create", "-n", &case.home(), "--as", "unit@t-posed", "-f", "-", "-o", "name"];
    let made = world.cluster.kubectl_with(&Person::admin(), &create, &filing).await?;
    ensure!(made.status == 0, "{}", made.stderr);
    case.phase(Phase::InReview).await?;
    let mut audit = tokio::process::Command::new(env!("CARGO_BIN_EXE_yunguan"));
    audit.arg("audit").arg(world.cluster.directory().join("audit.log"));
    let report = yunguan_cluster::output(audit, "").await?;
    let line = report.stdout.lines().find(|l| l.contains("unit@t-posed")).context("not reported")?;
    ensure!(line.contains("was made by platform-admin in the name of unit@t-posed"), "{line}");
    ensure!(report.status != 0, "scripts are told by the exit code");
    Ok(())
}

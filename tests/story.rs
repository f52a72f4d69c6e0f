//! The standard track on a real API server, by real people, with a real operator.

use crate::world::*;
use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::{ConfigMap, LimitRange, Namespace, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{DeleteParams, ListParams, ObjectMeta, PostParams};
use kube::{Api, ResourceExt as _};
use yunguan::api::cloud_resource_request::{Phase, VoidReason};
use yunguan::api::common::{Quantity, RequestKind, RequestRef, Time};
use yunguan::api::decision::{Access, AccessLevel, Verdict};
use yunguan::api::{
    CloudDomain, CloudResourceRequest, Decision, DecisionSpec, GovernancePolicy, InformationSystem, LedgerEntry,
    Organization,
};
use yunguan::core::quantity::Amounts;
use yunguan::core::{digest, ledger, names};
use yunguan_cluster::{Person, wait_until};

#[tokio::test]
async fn r19_2_the_standard_track_from_annex_1_to_a_live_system() -> Result<()> {
    let world = world().await?;
    world.unit("t-track", None).await?;
    let case = world.draft("t-track", "portal", |_| {}).await?;
    assert_eq!(case.phase(Phase::Draft).await?.status.unwrap().waiting_for.as_deref(), Some("unit: submission"));
    let none: Api<InformationSystem> = case.api("unit@t-track").await?;
    case.to_approval().await?;
    assert!(none.get_opt("portal").await?.is_none(), "nothing is opened without the authority");
    case.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    let request = case.phase(Phase::Trial).await?;

    // R25.1, and not a byte different: the quota is what was confirmed, read back from the API server.
    let quotas: Api<ResourceQuota> = Api::namespaced(world.admin().await?, &case.namespace());
    let hard = quotas.get("yunguan").await?.spec.unwrap().hard.unwrap();
    let confirmed = request.status.unwrap().amounts;
    let expected: Vec<_> = confirmed
        .iter()
        .filter(|(r, _)| r.as_str() != "bandwidth.mbps")
        .map(|(r, q)| (r.as_str(), q.0.as_str()))
        .collect();
    let found: Vec<_> = hard.iter().map(|(r, q)| (r.as_str(), q.0.as_str())).collect();
    assert_eq!(found, expected);

    case.decide("unit@t-track", "trial-report", Verdict::File).await?;
    case.decide("unit@t-track", "security-report", Verdict::File).await?;
    case.decide("unit@t-track", "sign-unit", Verdict::Sign).await?;
    case.decide(PROVIDER, "sign-provider", Verdict::Sign).await?;
    assert!(case.system().await?.spec.live.is_none(), "not live before the third signature");
    let last = case.decide(AUTHORITY, "sign-authority", Verdict::Sign).await?;
    case.phase(Phase::Live).await?;
    let live = case.system().await?.spec.live.context("not live")?;
    assert_eq!(live.from, Time::new(last.metadata.creation_timestamp.unwrap().0), "charged from the last signature");

    let entries: Api<LedgerEntry> = Api::namespaced(world.admin().await?, &case.home());
    let chain = wait_until("the books", PATIENCE, async || {
        let all = entries.list(&ListParams::default().fields("spec.system.name=portal")).await?;
        let chain: Vec<_> = all.items.into_iter().map(|e| e.spec).collect();
        Ok((chain.len() == 2).then_some(chain))
    })
    .await?;
    assert_eq!(ledger::check(&chain), Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn r15_2_a_subordinate_unit_needs_its_supervisor() -> Result<()> {
    let world = world().await?;
    world.organization("t-parent", |spec| spec.members.push(members("supervisor", &["chief@t-parent"]))).await?;
    world.home_ready("t-parent").await?;
    world.unit("t-child", Some("t-parent")).await?;
    let case = world.draft("t-child", "child", |_| {}).await?;
    case.decide("unit@t-child", "submission", Verdict::Submit).await?;
    let decision = case.drafted("supervisor-filing", Verdict::Approve).await?;
    let refused = refusal(case.make("unit@t-child", &decision).await);
    assert!(refused.contains("supervisor"), "{refused}");
    case.make("chief@t-parent", &decision).await?;
    case.drafted("completeness", Verdict::Approve).await?;
    Ok(())
}

#[tokio::test]
async fn r18_1_a_returned_request_says_what_is_missing_and_is_filed_again() -> Result<()> {
    let world = world().await?;
    world.unit("t-return", None).await?;
    let case = world.draft("t-return", "paper", |spec| spec.application.documents.clear()).await?;
    let (_, message) = case.condition("Complete", "False").await?;
    assert!(message.contains("系统建设批复") && message.contains("建设方案"), "{message}");
    case.decide("unit@t-return", "submission", Verdict::Submit).await?;
    case.decide(AUTHORITY, "completeness", Verdict::Return).await?;
    case.phase(Phase::Returned).await?;
    // The unit mends it and files again.
    let requests: Api<CloudResourceRequest> = case.api("unit@t-return").await?;
    let mut request = requests.get("paper").await?;
    request.spec.application.documents = sample()?.spec.application.documents;
    requests.replace("paper", &PostParams::default(), &request).await?;
    case.phase(Phase::Draft).await?;
    case.decide("unit@t-return", "submission", Verdict::Submit).await?;
    case.decide(AUTHORITY, "completeness", Verdict::Approve).await?;
    case.drafted("plan", Verdict::Confirm).await?;
    Ok(())
}

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
    let mut request = requests.get("target").await?;
    request.spec.application.purpose = "换个用途".into();
    requests.replace("target", &PostParams::default(), &request).await?;
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
    let mut organization = organizations.get("t-lost").await?;
    organization.spec.members[0].users = vec!["other@t-lost".into()];
    organizations.replace("t-lost", &PostParams::default(), &organization).await?;
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

#[tokio::test]
async fn what_was_approved_cannot_be_edited_and_a_deleted_request_takes_nothing_away() -> Result<()> {
    let world = world().await?;
    world.unit("t-keep", None).await?;
    let case = world.draft("t-keep", "keep", |_| {}).await?;
    case.to_trial().await?;
    let requests: Api<CloudResourceRequest> = case.api("unit@t-keep").await?;
    let approved = requests.get("keep").await?;
    let mut edited = approved.clone();
    edited.spec.application.lines[0].quantity = 99;
    let refused = refusal(requests.replace("keep", &PostParams::default(), &edited).await.map_err(Into::into));
    assert!(refused.contains("ResourceChange"), "{refused}");
    let mut phone = approved.clone();
    phone.spec.contacts = None;
    requests.replace("keep", &PostParams::default(), &phone).await?;

    // Pruned by a pipeline: the system stays as it is.
    let before = case.system().await?;
    requests.delete("keep", &DeleteParams::default()).await?;
    wait_until("the request to be gone", PATIENCE, async || {
        Ok(requests.get_opt("keep").await?.is_none().then_some(()))
    })
    .await?;
    // Applied again with the same content: it finds its system and goes on where it stood.
    let again = CloudResourceRequest {
        metadata: ObjectMeta { name: Some("keep".into()), ..ObjectMeta::default() },
        status: None,
        ..approved.clone()
    };
    requests.create(&PostParams::default(), &again).await?;
    case.phase(Phase::Trial).await?;
    case.decide("unit@t-keep", "trial-report", Verdict::File).await?;
    // Applied again with other content: it has no effect and says so.
    requests.delete("keep", &DeleteParams::default()).await?;
    wait_until("the request to be gone", PATIENCE, async || {
        Ok(requests.get_opt("keep").await?.is_none().then_some(()))
    })
    .await?;
    let mut other = again.clone();
    other.spec.application.lines[0].quantity = 99;
    requests.create(&PostParams::default(), &other).await?;
    let (reason, message) = case.condition("Stalled", "True").await?;
    assert_eq!(reason, "SystemNameTaken");
    assert!(message.contains("ResourceChange"), "{message}");
    let after = case.system().await?;
    assert_eq!((after.uid(), after.spec), (before.uid(), before.spec));
    Ok(())
}

#[tokio::test]
async fn r35_1_the_namespace_is_the_units_and_a_guest_comes_by_the_units_word_alone() -> Result<()> {
    let world = world().await?;
    world.unit("t-guest", None).await?;
    let case = world.draft("t-guest", "house", |_| {}).await?;
    case.to_trial().await?;
    let namespace = case.namespace();
    let spaces: Api<Namespace> = Api::all(world.admin().await?);
    let labels = spaces.get(&namespace).await?.labels().clone();
    assert_eq!(labels["pod-security.kubernetes.io/enforce"], "restricted", "level 3");
    let policies: Api<NetworkPolicy> = Api::namespaced(world.admin().await?, &namespace);
    let names: Vec<_> = policies.list(&ListParams::default()).await?.iter().map(|p| p.name_any()).collect();
    assert_eq!(
        names,
        [
            "yunguan-default-deny",
            "yunguan-dns",
            "yunguan-government-extranet",
            "yunguan-internet",
            "yunguan-same-namespace"
        ]
    );
    let ranges: Api<LimitRange> = Api::namespaced(world.admin().await?, &namespace);
    assert_eq!(ranges.list(&ListParams::default()).await?.items.len(), 1);

    // The unit works freely; the provider, the authority and another unit's person do not get in.
    let map = ConfigMap {
        metadata: ObjectMeta { name: Some("mine".into()), ..ObjectMeta::default() },
        ..ConfigMap::default()
    };
    let inside =
        async |who: &str| -> Result<Api<ConfigMap>> { Ok(Api::namespaced(world.client(who).await?, &namespace)) };
    wait_until("the unit to be let in", PATIENCE, async || {
        inside("unit@t-guest").await?.create(&PostParams::default(), &map).await?;
        Ok(Some(()))
    })
    .await?;
    for stranger in [PROVIDER, AUTHORITY, "zhang.wei@health", "expert"] {
        refusal(inside(stranger).await?.get("mine").await.map_err(Into::into));
    }
    // The unit lets an expert in for two seconds' work.
    let system = case.system().await?;
    let until = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_secs(6))?;
    let access = Access {
        username: "expert".into(),
        purpose: "排查故障".into(),
        until: Time::new(until),
        level: AccessLevel::Operate,
    };
    let pass = |role: &str, access: &Access| Decision {
        metadata: ObjectMeta { generate_name: Some("pass-".into()), ..ObjectMeta::default() },
        spec: DecisionSpec {
            request_ref: RequestRef {
                kind: RequestKind::InformationSystem,
                name: "house".into(),
                uid: system.uid().unwrap(),
            },
            gate: "access".into(),
            role: role.into(),
            verdict: Verdict::Authorize,
            digest: digest::of_access(&system.uid().unwrap(), access),
            access: Some(access.clone()),
            ..DecisionSpec::default()
        },
    };
    refusal(case.make(PROVIDER, &pass("unit", &access)).await);
    case.make("unit@t-guest", &pass("unit", &access)).await?;
    wait_until("the expert to be let in", PATIENCE, async || {
        inside("expert").await?.get("mine").await?;
        Ok(Some(()))
    })
    .await?;
    let systems: Api<InformationSystem> = Api::namespaced(world.admin().await?, &case.home());
    let listed =
        |s: &InformationSystem| s.status.as_ref().is_some_and(|s| s.guests.iter().any(|g| g.username == "expert"));
    eventually(&systems, "house", "the guest on record", listed).await?;
    // It ends by itself.
    wait_until("the expert to be out again", PATIENCE, async || {
        Ok(matches!(inside("expert").await?.get("mine").await, Err(kube::Error::Api(s)) if s.code == 403).then_some(()))
    })
    .await?;
    assert!(jiff::Timestamp::now() >= access.until.timestamp(), "not before its time");
    let books: Api<LedgerEntry> = Api::namespaced(world.admin().await?, &case.home());
    let recorded = books.list(&ListParams::default().fields("spec.system.name=house")).await?;
    assert!(recorded.iter().any(|e| e.spec.fact.starts_with("access/")), "on record");
    Ok(())
}

#[tokio::test]
async fn drift_is_put_right_and_reported() -> Result<()> {
    let world = world().await?;
    world.unit("t-drift", None).await?;
    let case = world.draft("t-drift", "drift", |_| {}).await?;
    case.to_trial().await?;
    // Nobody but the operator's own account gets through the guards: this stands for broken glass.
    let config = world.cluster.service_account("yunguan-system", "yunguan").await?;
    let operator = client_from(&config).await?;
    let quotas: Api<ResourceQuota> = Api::namespaced(operator.clone(), &case.namespace());
    let mut quota = quotas.get("yunguan").await?;
    let right = quota.spec.clone();
    quota
        .spec
        .as_mut()
        .unwrap()
        .hard
        .as_mut()
        .unwrap()
        .insert("requests.cpu".into(), k8s_openapi::apimachinery::pkg::api::resource::Quantity("999".into()));
    quotas.replace("yunguan", &PostParams::default(), &quota).await?;
    eventually(&quotas, "yunguan", "the quota put right", |q| q.spec == right).await?;
    let bindings: Api<RoleBinding> = Api::namespaced(operator, &case.namespace());
    bindings.delete("yunguan-developer", &DeleteParams::default()).await?;
    wait_until("the binding to be back", PATIENCE, async || {
        Ok(bindings.get_opt("yunguan-developer").await?.map(|_| ()))
    })
    .await?;
    let systems: Api<InformationSystem> = Api::namespaced(world.admin().await?, &case.home());
    eventually(&systems, "drift", "drift on record", |s| s.status.as_ref().is_some_and(|s| s.drifts_corrected >= 2))
        .await?;
    Ok(())
}

async fn client_from(kubeconfig: &std::path::Path) -> Result<kube::Client> {
    yunguan::runtime::client::connect(Some(kubeconfig)).await
}

#[tokio::test]
async fn a_namespace_that_is_not_ours_is_never_touched() -> Result<()> {
    let world = world().await?;
    world.unit("t-taken", None).await?;
    let namespace = names::system_namespace("t-taken", "taken");
    let spaces: Api<Namespace> = Api::all(world.admin().await?);
    let foreign = Namespace {
        metadata: ObjectMeta {
            name: Some(namespace.clone()),
            labels: Some([("team".to_owned(), "other".to_owned())].into()),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    };
    let before = spaces.create(&PostParams::default(), &foreign).await?;
    let case = world.draft("t-taken", "taken", |_| {}).await?;
    case.to_approval().await?;
    case.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    let systems: Api<InformationSystem> = Api::namespaced(world.admin().await?, &case.home());
    let stalled = |s: &InformationSystem| {
        s.status
            .as_ref()
            .is_some_and(|s| s.conditions.iter().any(|c| c.type_ == "Stalled" && c.reason == "NamespaceTaken"))
    };
    wait_until("the system to say so", PATIENCE, async || Ok(systems.get_opt("taken").await?.filter(stalled))).await?;
    let after = spaces.get(&namespace).await?;
    assert_eq!((after.uid(), after.labels().get("team")), (before.uid(), Some(&"other".to_owned())));
    let quotas: Api<ResourceQuota> = Api::namespaced(world.admin().await?, &namespace);
    assert!(quotas.list(&ListParams::default()).await?.items.is_empty());
    Ok(())
}

#[tokio::test]
async fn r26_2_of_many_approvals_at_once_only_what_fits_is_granted() -> Result<()> {
    let world = world().await?;
    world.unit("t-race", None).await?;
    let admin = world.admin().await?;
    let domains: Api<CloudDomain> = Api::all(admin.clone());
    let mut small = domains.get("bozhou-main").await?.spec;
    small.capacity.insert("requests.cpu".into(), Quantity("50".into()));
    domains.create(&PostParams::default(), &CloudDomain::new("t-small", small)).await?;
    let products: Api<yunguan::api::ServiceProduct> = Api::all(admin.clone());
    for product in products.list(&ListParams::default().fields("spec.domain=bozhou-main")).await? {
        let mut spec = product.spec.clone();
        spec.domain = "t-small".into();
        products
            .create(&PostParams::default(), &yunguan::api::ServiceProduct::new(&format!("t-small.{}", spec.item), spec))
            .await?;
    }
    // Six ask for 16 cores each; 50 are there, so three get them.
    let mut cases = Vec::new();
    for n in 0..6 {
        cases.push(
            world.draft("t-race", &format!("race-{n}"), |spec| spec.application.domain = "t-small".into()).await?,
        );
    }
    futures::future::try_join_all(cases.iter().map(Case::to_approval)).await?;
    let approvals =
        futures::future::try_join_all(cases.iter().map(|c| c.drafted("approval", Verdict::Approve))).await?;
    futures::future::try_join_all(cases.iter().zip(&approvals).map(|(c, d)| c.make(AUTHORITY, d))).await?;
    let (mut granted, mut short) = (0, 0);
    for case in &cases {
        wait_until("a verdict of the domain", PATIENCE, async || {
            let status = case.request().await?.status.unwrap_or_default();
            if status.phase == Phase::Trial {
                granted += 1;
                return Ok(Some(()));
            }
            let says = status.conditions.iter().find(|c| c.type_ == "Stalled" && c.reason == "CapacityShort");
            ensure!(says.is_some(), "{}", status.phase);
            short += 1;
            Ok(Some(()))
        })
        .await?;
    }
    assert_eq!((granted, short), (3, 3));
    let systems: Api<InformationSystem> = Api::namespaced(admin, "yg-t-race");
    let all = systems.list(&ListParams::default()).await?;
    let sum = all
        .iter()
        .map(|s| Amounts::parse(&s.spec.grants[0].amounts).unwrap())
        .try_fold(Amounts::default(), |a, b| a.checked_add(&b));
    assert_eq!(sum.unwrap().get("requests.cpu").to_string(), "48");
    // Enlarged by the authority, the domain takes in who waited.
    let mut domain = domains.get("t-small").await?;
    domain.spec.capacity.insert("requests.cpu".into(), Quantity("96".into()));
    domains.replace("t-small", &PostParams::default(), &domain).await?;
    for case in &cases {
        case.phase(Phase::Trial).await?;
    }
    println!("approvals racing for the last room: 6, granted at once: 3");
    Ok(())
}

#[tokio::test]
async fn bad_policies_are_named_and_judge_nothing() -> Result<()> {
    let world = world().await?;
    let policies: Api<GovernancePolicy> = Api::all(world.admin().await?);
    let shipped = policies.get("bozhou-2024").await?.spec;
    let make = async |name: &str, shape: &dyn Fn(&mut yunguan::api::GovernancePolicySpec)| -> Result<String> {
        let mut spec = shipped.clone();
        spec.family = format!("t-{name}");
        shape(&mut spec);
        policies.create(&PostParams::default(), &GovernancePolicy::new(name, spec)).await?;
        let bad = |p: &GovernancePolicy| {
            p.status.as_ref().is_some_and(|s| s.conditions.iter().any(|c| c.type_ == "Ready" && c.status == "False"))
        };
        let policy = eventually(&policies, name, "a verdict", bad).await?;
        let ready = policy.status.unwrap().conditions.into_iter().find(|c| c.type_ == "Ready").unwrap();
        Ok(ready.message)
    };
    let message = make("cycle", &|p| p.tracks[0].gates[0].after = vec!["approval".into()]).await?;
    assert!(message.contains("wait for each other") && message.contains("completeness"), "{message}");
    let message = make("nobody", &|p| p.roles.retain(|r| r.role != "agency")).await?;
    assert!(message.contains("nobody fills the role `agency`"), "{message}");
    let message = make("overlap", &|p| p.family = "t-cycle".into()).await?;
    assert!(message.contains("must not overlap"), "{message}");
    let message = make("empty-role", &|p| p.roles[0].organizations = vec!["bozhou-health".into()]).await?;
    assert!(message.contains("nobody holds this role"), "{message}");
    let mut edited = policies.get("cycle").await?;
    edited.spec.house_rules.max_access_days = 1;
    let refused = refusal(policies.replace("cycle", &PostParams::default(), &edited).await.map_err(Into::into));
    assert!(refused.contains("next version"), "{refused}");
    // An organization without a policy is told so, and nothing else stops.
    world.organization("t-nopolicy", |spec| spec.policy_family = "t-none".into()).await?;
    let organizations: Api<Organization> = Api::all(world.admin().await?);
    let told =
        |o: &Organization| o.status.as_ref().is_some_and(|s| s.conditions.iter().any(|c| c.reason == "PolicyUnknown"));
    eventually(&organizations, "t-nopolicy", "told", told).await?;
    Ok(())
}

#[tokio::test]
async fn an_organization_leaves_only_without_records() -> Result<()> {
    let world = world().await?;
    let admin = world.admin().await?;
    let organizations: Api<Organization> = Api::all(admin.clone());
    let spaces: Api<Namespace> = Api::all(admin.clone());
    world.unit("t-empty", None).await?;
    let refused = refusal(spaces.delete("yg-t-empty", &DeleteParams::default()).await.map_err(Into::into));
    assert!(refused.contains("yunguan"), "a home is not deleted by hand: {refused}");
    organizations.delete("t-empty", &DeleteParams::default()).await?;
    wait_until("the empty home to be gone", PATIENCE, async || {
        Ok((spaces.get_opt("yg-t-empty").await?.is_none() && organizations.get_opt("t-empty").await?.is_none())
            .then_some(()))
    })
    .await?;
    world.unit("t-full", None).await?;
    world.draft("t-full", "paper", |_| {}).await?;
    organizations.delete("t-full", &DeleteParams::default()).await?;
    let kept =
        |o: &Organization| o.status.as_ref().is_some_and(|s| s.conditions.iter().any(|c| c.reason == "HoldsRecords"));
    eventually(&organizations, "t-full", "kept", kept).await?;
    assert!(spaces.get("yg-t-full").await?.metadata.deletion_timestamp.is_none());
    Ok(())
}

#[tokio::test]
async fn killed_and_restarted_the_operator_ends_in_the_same_place() -> Result<()> {
    let world = World::new().await?;
    world.unit("t-kill", None).await?;
    let case = world.draft("t-kill", "kill", |_| {}).await?;
    case.to_approval().await?;
    let approval = case.drafted("approval", Verdict::Approve).await?;
    world.operator.kill9().await?;
    case.make(AUTHORITY, &approval).await?;
    assert!(Api::<InformationSystem>::namespaced(world.admin().await?, &case.home()).get_opt("kill").await?.is_none());
    world.operator.restart().await?;
    case.phase(Phase::Trial).await?;
    // A clean stop gives the lease up, and the next one comes to rest without a write.
    world.operator.terminate(PATIENCE).await?;
    let mut audit = world.cluster.audit_from_now()?;
    world.operator.restart().await?;
    let account = "system:serviceaccount:yunguan-system:yunguan";
    let writes = audit.quiet_for(account, std::time::Duration::from_secs(3), PATIENCE).await?;
    let writes: Vec<_> = writes.iter().map(|w| format!("{:?}", w.object_ref)).collect();
    assert!(writes.is_empty(), "{writes:?}");
    Ok(())
}

#[tokio::test]
async fn one_unreadable_object_hides_no_other() -> Result<()> {
    let world = World::new().await?;
    world.unit("t-odd", None).await?;
    // As an older version's object would lie there: the schema is loosened, the object made, and never mended.
    let definitions: Api<k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition> =
        Api::all(world.admin().await?);
    let mut definition = definitions.get("cloudresourcerequests.yunguan.dev").await?;
    for version in &mut definition.spec.versions {
        version.schema = Some(serde_json::from_value(
            serde_json::json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}),
        )?);
        version.selectable_fields = None;
    }
    definitions.replace("cloudresourcerequests.yunguan.dev", &PostParams::default(), &definition).await?;
    let odd = "apiVersion: yunguan.dev/v1alpha1\nkind: CloudResourceRequest\nmetadata: {name: odd, namespace: yg-t-odd}\nspec: {application: 7}\n";
    wait_until("the odd object to be there", PATIENCE, async || {
        let made = world.cluster.kubectl_with(&Person::admin(), &["apply", "--validate=false", "-f", "-"], odd).await?;
        ensure!(made.status == 0, "{}", made.stderr);
        Ok(Some(()))
    })
    .await?;
    let case = world.draft("t-odd", "even", |_| {}).await?;
    case.phase(Phase::Draft).await?;
    world.operator.kill9().await?;
    world.operator.restart().await?;
    case.decide("unit@t-odd", "submission", Verdict::Submit).await?;
    case.phase(Phase::InReview).await?;
    let metrics = world.operator.metrics().await?;
    assert!(metrics.contains("yunguan_undecodable_objects_total{kind=\"CloudResourceRequest\"}"), "it is counted");
    Ok(())
}

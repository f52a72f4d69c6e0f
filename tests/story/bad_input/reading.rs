//! What cannot be read is refused where it is written. Should it be there all the same, it blocks nothing but itself and is named.

use super::*;
use crate::ordering::suspension;
use crate::support::objects;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams};
use serde_json::json;
use yunguan::api::common::{RequestKind, RequestRef, Time};
use yunguan::api::decision::{Access, AccessLevel};
use yunguan::api::sanction::SanctionPhase;
use yunguan::api::{Decision, DecisionSpec, InformationSystem};
use yunguan::core::digest;
use yunguan_cluster::{Person, wait_until};

const NEVER: &str = "9999-12-31T23:59:59Z";

/// A unit lets somebody in until `until`, by a Decision that names this object.
fn pass(name: &str, reference: RequestRef, until: &str) -> Result<DynamicObject> {
    let access =
        Access { username: "vendor".into(), purpose: "p".into(), level: AccessLevel::View, ..Access::default() };
    let spec = DecisionSpec {
        digest: digest::of_access(&reference.uid, &access),
        request_ref: reference,
        gate: "access".into(),
        role: "unit".into(),
        verdict: Verdict::Authorize,
        access: Some(access),
        ..DecisionSpec::default()
    };
    let decision = Decision { metadata: ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() }, spec };
    let mut decision = serde_json::to_value(&decision)?;
    decision["spec"]["access"]["until"] = json!(until);
    Ok(serde_json::from_value(decision)?)
}

/// A draft of a change that lasts until `until`.
fn lasting(name: &str, system: &str, until: &str) -> Result<DynamicObject> {
    Ok(serde_json::from_value(json!({
        "apiVersion": "yunguan.dev/v1alpha1", "kind": "ResourceChange", "metadata": {"name": name},
        "spec": {"change": {
            "unitName": "测试单位", "system": system, "ground": "ForeseeablePeak", "reason": "试",
            "lines": [{"name": "cpu", "quantity": 20}],
            "window": {"from": "2027-01-01T00:00:00+08:00", "until": until},
        }},
    }))?)
}

async fn odd_moments_are_refused(case: &Case<'_>) -> Result<()> {
    let world = case.world;
    let unit = world.client(&case.person()).await?;
    let (decisions, changes) =
        (objects(&unit, "Decision", &case.home()), objects(&unit, "ResourceChange", &case.home()));
    let reference = || RequestRef { kind: RequestKind::InformationSystem, name: "unread".into(), uid: "u".into() };
    let (fine, odd) = (
        [
            "2030-01-01T00:00:00Z",
            "2030-01-01T08:00:00+08:00",
            "2030-01-01T00:00:00.123456789-23:59",
            "2999-12-31T23:59:59Z",
        ],
        [
            (NEVER, "2000 and 2999", Says::Bilingual),
            ("1999-12-31T23:59:59Z", "2000 and 2999", Says::Bilingual),
            ("2030-01-01T00:00:00+99:99", "should match", Says::English),
            ("2030-01-01T00:00:00+24:00", "should match", Says::English),
            ("2030-01-01T00:00:00.123456789012Z", "should match", Says::English),
            ("2030-01-01T23:59:60Z", "spec.", Says::English),
            ("0000-01-01T00:00:00Z", "should match", Says::English),
            ("2030-01-01t00:00:00z", "should match", Says::English),
            ("2030-02-30T00:00:00Z", "spec.", Says::English),
        ],
    );
    for until in fine {
        decisions.create(&dry_run(), &pass("fine", reference(), until)?).await.context(until)?;
        serde_json::from_value::<Time>(json!(until)).context(until)?;
    }
    for (until, words, says) in odd {
        let told_by_decision = denied(decisions.create(&dry_run(), &pass("odd", reference(), until)?).await);
        told(&told_by_decision.context(until)?, &["until", words], says)?;
        let told_by_change = denied(changes.create(&dry_run(), &lasting("odd", "unread", until)?).await);
        told(&told_by_change.context(until)?, &["until", words], says)?;
    }
    Ok(())
}

/// As after a downgrade, or by somebody who broke the glass: the kinds take for a moment what cannot be read.
async fn slip_in(world: &World, kind: &str, api: &Api<DynamicObject>, object: &DynamicObject) -> Result<()> {
    let definitions: Api<CustomResourceDefinition> = Api::all(world.admin().await?);
    let strict = definitions.get(kind).await?;
    let loose = serde_json::to_string(&strict.spec)?
        .replace(&serde_json::to_string(yunguan::api::common::TIME_PATTERN)?, "\"\"");
    let loose = loose.replace("self.getFullYear() < 3000", "true").replace("self.getFullYear() < 9000", "true");
    let spec = |text: &str| -> Result<Patch<Value>> {
        Ok(Patch::Merge(json!({"spec": serde_json::from_str::<Value>(text)?})))
    };
    definitions.patch(kind, &PatchParams::default(), &spec(&loose)?).await?;
    let made = wait_until("the object to be taken", PATIENCE, async || {
        api.create(&PostParams::default(), object).await?;
        Ok(Some(()))
    })
    .await;
    definitions.patch(kind, &PatchParams::default(), &spec(&serde_json::to_string(&strict.spec)?)?).await?;
    made
}

#[tokio::test]
async fn r34_1_what_cannot_be_read_blocks_nothing_but_itself_and_is_named() -> Result<()> {
    let world = world().await?;
    world.unit("t-unread", None).await?;
    let case = world.draft("t-unread", "unread", |_| {}).await?;
    odd_moments_are_refused(&case).await?;
    case.to_trial().await?;
    let home = case.home();
    let decisions = objects(&world.client(&case.person()).await?, "Decision", &home);
    let system = Api::<InformationSystem>::namespaced(world.admin().await?, &home).get("unread").await?;
    // Of the system, and by its name also of the request; and of an order that is still to come.
    for (name, about, uid) in
        [("unread.pass.1", "unread", system.uid().unwrap_or_default()), ("unread.pass.2", "unread-order", "u".into())]
    {
        let reference = RequestRef { kind: RequestKind::InformationSystem, name: about.into(), uid };
        slip_in(world, "decisions.yunguan.dev", &decisions, &pass(name, reference, NEVER)?).await.context(name)?;
    }
    let changes = objects(&world.client(&case.person()).await?, "ResourceChange", &home);
    slip_in(world, "resourcechanges.yunguan.dev", &changes, &lasting("never", "unread", NEVER)?).await?;

    // The system goes live, and an order stops it.
    case.decide(&case.person(), "trial-report", Verdict::File).await?;
    case.decide(&case.person(), "security-report", Verdict::File).await?;
    case.decide(&case.person(), "sign-unit", Verdict::Sign).await?;
    case.decide(PROVIDER, "sign-provider", Verdict::Sign).await?;
    case.decide(AUTHORITY, "sign-authority", Verdict::Sign).await?;
    case.phase(Phase::Live).await?;
    let order = suspension(&case, "unread-order").await?;
    order.imposed().await?;
    ensure!(world.operator.log()?.contains("unread.pass"), "what was left out is named");
    // Everybody's lists go on, and name it.
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_kubectl-yunguan")).parent().context("a folder")?;
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    for args in [vec!["yunguan", "inbox", "-n", &home], vec!["yunguan", "explain", "change/never", "-n", &home]] {
        let mut command = world.cluster.kubectl_command(&Person::new(case.person()))?;
        command.args(&args).env("PATH", &path).env("LANG", "C.UTF-8").env_remove("LC_ALL").env_remove("LC_MESSAGES");
        let said = yunguan_cluster::output(command, "").await?;
        let listed = args[1] == "inbox";
        ensure!(said.status == i32::from(!listed), "{args:?}: {} {}{}", said.status, said.stdout, said.stderr);
        ensure!(said.stderr.contains(&format!("ResourceChange {home}/never cannot be read")), "{}", said.stderr);
    }
    order.lifted().await?;
    order.phase(SanctionPhase::Lifted).await?;
    changes.delete("never", &DeleteParams::default()).await?;
    Ok(())
}

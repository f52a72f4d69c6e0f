//! Row 1 of docs/security.md: the operator's rights are exactly what it uses. A whole life is played in a world of its own;
//! then the API server's audit log says what the operator asked for, and the manifests say what it may.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use yunguan::api::cloud_resource_request::Phase;
use yunguan::api::common::{RequestKind, RequestRef, Time};
use yunguan::api::decision::{Access, AccessLevel, Verdict};
use yunguan::api::decommission::{BackupMode, DecommissionPhase};
use yunguan::api::resource_change::{Change, ChangePhase};
use yunguan::api::rightsizing_proposal::ProposalPhase;
use yunguan::api::{CloudDomain, Decision, DecisionSpec, LedgerEntry, LedgerEntrySpec, Organization};
use yunguan::core::{digest, ledger, names};
use yunguan_cluster::audit::Event;
use yunguan_cluster::scenery::{Namespace, Scenery, of_a_system};
use yunguan_cluster::{Person, Trouble, wait_until};

use super::installation;
use crate::changing::*;
use crate::leaving::*;
use crate::ordering::suspension;
use crate::story::adoption::{accepts_all, in_use, marked_by_the_authority, of, taking_over};
use crate::story::sanctions::{deploy, says_suspended, workloads};
use crate::story::sizing::{aged, awake, proposed};
use crate::story::usage::points_at;
use crate::support::{OPERATOR, OPERATOR_NAMESPACE, objects, operator, refused, repository, succeeded};
use crate::world::*;

/// What stands in a system's namespace, one of each kind.
const FURNITURE: [(&str, &str); 4] = [
    ("ResourceQuota", "yunguan"),
    ("LimitRange", "yunguan"),
    ("NetworkPolicy", "yunguan-default-deny"),
    ("RoleBinding", "yunguan-developer"),
];
const GUARDS: [&str; 2] = ["yunguan-managed", "yunguan-closed-namespaces"];

#[tokio::test]
async fn row_1_the_operators_rights_are_exactly_what_it_uses() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let world = World::with_usage(folder.path()).await?;
    let case = system_goes_live(&world).await?;
    use_suggests_less(&case).await?;
    guests_come_and_go(&case).await?;
    drift_is_put_right(&case).await?;
    organization_leaves(&world).await?;
    resources_change(&case).await?;
    domain_is_opened(&world).await?;
    what_runs_is_stopped(&case).await?;
    name_in_the_books_is_taken(&world).await?;
    namespace_is_taken_over_and_given_back(&world).await?;
    system_leaves(&case).await?;

    let events = world.cluster.audit().new_events()?;
    let by_the_operator: Vec<&Event> = events.iter().filter(|event| is_the_operators(event)).collect();
    let used: BTreeSet<String> = by_the_operator.iter().flat_map(|event| uses(event)).collect();
    let granted = granted().await?;
    println!(
        "rights of the operator: {} granted, {} used, in {} requests",
        granted.len(),
        used.len(),
        by_the_operator.len()
    );
    let unused: Vec<_> = granted.difference(&used).collect();
    ensure!(unused.is_empty(), "granted and never used: take it from config/rbac/operator.yaml: {unused:#?}");
    let elsewhere: Vec<_> = used.difference(&granted).collect();
    ensure!(elsewhere.is_empty(), "used by a right that comes from elsewhere: {elsewhere:#?}");
    let leases = by_the_operator.iter().filter(|event| event.is_about("leases"));
    let places: BTreeSet<_> =
        leases.filter_map(|event| event.object_ref.as_ref()).map(|o| o.namespace.as_str()).collect();
    assert_eq!(places, [OPERATOR_NAMESPACE].into(), "where the leases are");
    Ok(())
}

/// By its own program: tests use its account to break things.
fn is_the_operators(event: &Event) -> bool {
    event.user.username == OPERATOR && event.user_agent.starts_with("yunguan/")
}

/// The rights that a request has used. That something is not there is an answer too.
fn uses(event: &Event) -> Vec<String> {
    let Some(object) = &event.object_ref else { return Vec::new() };
    let reads = ["get", "list", "watch"].contains(&event.verb.as_str());
    let answered = (200..300).contains(&event.code()) || reads && event.code() == 404;
    if !answered {
        return Vec::new();
    }
    let subresource = if object.subresource.is_empty() { String::new() } else { format!("/{}", object.subresource) };
    let mut rights = vec![right(&event.verb, &object.api_group, &format!("{}{subresource}", object.resource), None)];
    // `bind` is asked for by the API server itself when a binding is written.
    if event.is_about("rolebindings") && ["create", "update"].contains(&event.verb.as_str()) {
        let role = event.request_object.as_ref().and_then(|binding| binding["roleRef"]["name"].as_str());
        rights.push(right("bind", "rbac.authorization.k8s.io", "clusterroles", role));
    }
    rights
}

fn right(verb: &str, group: &str, resource: &str, name: Option<&str>) -> String {
    format!("{verb} {resource}.{group} {}", name.unwrap_or_default()).trim_end().to_owned()
}

/// The rights of the operator, one by one.
async fn granted() -> Result<BTreeSet<String>> {
    let objects = installation().await?;
    let mut rights = BTreeSet::new();
    for role in ["ClusterRole /yunguan-operator", "Role yunguan-system/yunguan-leader"] {
        let rules = &objects.get(role).with_context(|| format!("no {role}"))?["rules"];
        for rule in serde_json::from_value::<Vec<PolicyRule>>(rules.clone())? {
            let names: Vec<Option<&str>> = match &rule.resource_names {
                Some(names) => names.iter().map(|name| Some(name.as_str())).collect(),
                None => vec![None],
            };
            for group in rule.api_groups.iter().flatten() {
                for resource in rule.resources.iter().flatten() {
                    for verb in &rule.verbs {
                        rights.extend(names.iter().map(|name| right(verb, group, resource, *name)));
                    }
                }
            }
        }
    }
    Ok(rights)
}

/// From the draft to the third signature; the operator is killed when the authority approves.
async fn system_goes_live(world: &World) -> Result<Case<'_>> {
    world.unit("t-life", None).await?;
    let case = world.draft("t-life", "life", |_| {}).await?;
    case.to_approval().await?;
    let approval = case.drafted("approval", Verdict::Approve).await?;
    world.operator.kill9().await?;
    case.make(AUTHORITY, &approval).await?;
    world.operator.restart().await?;
    case.phase(Phase::Trial).await?;
    for (who, gate, verdict) in [
        ("unit@t-life", "trial-report", Verdict::File),
        ("unit@t-life", "security-report", Verdict::File),
        ("unit@t-life", "sign-unit", Verdict::Sign),
        (PROVIDER, "sign-provider", Verdict::Sign),
        (AUTHORITY, "sign-authority", Verdict::Sign),
    ] {
        case.decide(who, gate, verdict).await?;
    }
    case.phase(Phase::Live).await?;
    Ok(case)
}

/// One whose time runs out, and one whom the unit sends away.
async fn guests_come_and_go(case: &Case<'_>) -> Result<()> {
    let system = case.system().await?;
    let uid = system.uid().context("no uid")?;
    let soon = Timestamp::now().checked_add(SignedDuration::from_secs(4))?;
    let later = Timestamp::now().checked_add(SignedDuration::from_hours(1))?;
    let let_in = async |who: &str, level: AccessLevel, until: Timestamp| -> Result<Decision> {
        let access = Access { username: who.into(), purpose: "排查故障".into(), until: Time::new(until), level };
        let spec = DecisionSpec {
            request_ref: RequestRef { kind: RequestKind::InformationSystem, name: case.name.clone(), uid: uid.clone() },
            gate: "access".into(),
            role: "unit".into(),
            verdict: Verdict::Authorize,
            digest: digest::of_access(&uid, &access),
            access: Some(access),
            ..DecisionSpec::default()
        };
        let metadata = ObjectMeta { generate_name: Some("pass-".into()), ..ObjectMeta::default() };
        case.make(&case.person(), &Decision { metadata, spec }).await
    };
    let viewer = let_in("viewer", AccessLevel::View, soon).await?;
    let operator = let_in("operator", AccessLevel::Operate, later).await?;
    let bindings = objects(&case.world.admin().await?, "RoleBinding", &case.namespace());
    let name = |pass: &Decision| names::guest_binding(&pass.uid().unwrap_or_default());
    let there = async |pass: &Decision, wanted: bool| {
        wait_until(&format!("{} to be there: {wanted}", name(pass)), PATIENCE, async || {
            Ok((bindings.get_opt(&name(pass)).await?.is_some() == wanted).then_some(()))
        })
        .await
    };
    there(&operator, true).await?;
    let mut out = operator.clone();
    out.metadata = ObjectMeta { generate_name: Some("pass-".into()), ..ObjectMeta::default() };
    out.spec.verdict = Verdict::Withdraw;
    out.spec.submission_uid = operator.uid();
    out.spec.access = None;
    out.spec.decided_by = None;
    case.make(&case.person(), &out).await?;
    there(&operator, false).await?;
    there(&viewer, false).await
}

/// By an order, and until that is lifted.
async fn what_runs_is_stopped(case: &Case<'_>) -> Result<()> {
    deploy(&case.world.client(&case.person()).await?, &case.namespace(), &workloads()).await?;
    let order = suspension(case, "life-suspended").await?;
    order.imposed().await?;
    says_suspended(case, Some("Suspended")).await?;
    order.lifted().await?;
    says_suspended(case, None).await.map(drop)
}

/// Once withdrawn when its backup had begun, and once to the end.
async fn system_leaves(case: &Case<'_>) -> Result<()> {
    claim(case, "data", "ssd", "Filesystem").await?;
    let first = Leaving::of_unit(case, "life-leaves", BackupMode::Offline).await?;
    first.approved().await?;
    let jobs = objects(&case.world.admin().await?, "Job", &case.namespace());
    let begun = ListParams::default().labels("yunguan.dev/managed=true");
    let there = async |some: bool| {
        wait_until("the operator's Jobs", PATIENCE, async || {
            Ok((jobs.list(&begun).await?.items.is_empty() != some).then_some(()))
        })
        .await
    };
    there(true).await?;
    first.withdrawn().await?;
    first.phase(DecommissionPhase::Withdrawn).await?;
    there(false).await?;
    archive(case).await?;
    let second = Leaving::of_unit(case, "life-leaves-2", BackupMode::Offline).await?;
    second.approved().await?;
    let course = async {
        second.decide(&case.person(), "backup-confirmation", Verdict::Confirm).await?;
        second.phase(DecommissionPhase::ToAttest).await
    };
    Box::pin(played(case, |_| Luck::Good, course)).await?;
    second.decide(PROVIDER, "attestation", Verdict::File).await?;
    second.phase(DecommissionPhase::Closed).await.map(drop)
}

/// One in use, with nothing in it.
async fn namespace_is_taken_over_and_given_back(world: &World) -> Result<()> {
    world.unit("t-lent", None).await?;
    in_use(world, "lent").await?;
    let case = taking_over(world, "t-lent", "lent", of("lent")).await?;
    marked_by_the_authority(&case, "lent").await?;
    accepts_all(&case).await?;
    case.to_trial().await?;
    let leaving = Leaving::of_unit(&case, "lent-leaves", BackupMode::Nothing).await?;
    leaving.approved().await?;
    leaving.decide(&case.person(), "backup-confirmation", Verdict::Confirm).await?;
    leaving.decide(PROVIDER, "attestation", Verdict::File).await?;
    leaving.phase(DecommissionPhase::Closed).await.map(drop)
}

/// As somebody who broke the glass: what stands in the namespace is deleted, and taken out of the operator's sight.
async fn drift_is_put_right(case: &Case<'_>) -> Result<()> {
    let (world, namespace) = (case.world, case.namespace());
    let admin = world.admin().await?;
    for guard in GUARDS {
        let delete = ["delete", "validatingadmissionpolicybinding", guard];
        succeeded(world.cluster.kubectl(&Person::admin(), &delete).await?)?;
    }
    for (kind, name) in FURNITURE {
        let api = objects(&admin, kind, &namespace);
        let right = api.get(name).await.context(kind)?;
        // Policies are taken away a moment after their bindings.
        wait_until(&format!("{kind} to be deleted"), PATIENCE, async || {
            api.delete(name, &DeleteParams::default()).await?;
            Ok(Some(()))
        })
        .await?;
        let same = async |what: &str, again: bool| {
            wait_until(&format!("{kind} {what}"), PATIENCE, async || {
                let Some(now) = api.get_opt(name).await? else { return Ok(None) };
                ensure!((now.uid() != right.uid()) == again, "it is another one: {again}");
                let fields = ["spec", "roleRef", "subjects"];
                let same = fields.iter().all(|field| now.data.get(*field) == right.data.get(*field));
                ensure!(same && now.labels() == right.labels(), "{now:?}");
                Ok(Some(()))
            })
            .await
        };
        same("to be there again", true).await?;
        let bare = Patch::Merge(json!({"metadata": {"labels": {"yunguan.dev/managed": null}}}));
        let patched = api.patch(name, &PatchParams::default(), &bare).await?;
        assert!(!patched.labels().contains_key("yunguan.dev/managed"));
        same("to be seen again", true).await?;
    }
    let spaces = objects(&admin, "Namespace", "");
    let level = "pod-security.kubernetes.io/enforce";
    let loose = Patch::Merge(json!({"metadata": {"labels": {level: "privileged"}}}));
    spaces.patch(&namespace, &PatchParams::default(), &loose).await?;
    wait_until("the namespace to be strict again", PATIENCE, async || {
        Ok((spaces.get(&namespace).await?.labels().get(level).is_some_and(|l| l == "restricted")).then_some(()))
    })
    .await?;
    // The glass is whole again.
    let apply = ["apply", "--server-side", "-k", &repository("config/admission")];
    succeeded(world.cluster.kubectl(&Person::admin(), &apply).await?)?;
    wait_until("the guards to stand again", PATIENCE, async || {
        let dry = PatchParams { dry_run: true, ..PatchParams::default() };
        refused(spaces.patch(&namespace, &dry, &loose).await)?;
        Ok(Some(()))
    })
    .await
}

/// Its use is so low that less is proposed, not any more, and again.
async fn use_suggests_less(case: &Case<'_>) -> Result<()> {
    aged(case).await?;
    let sleepy = Namespace { mean: 0.1, top: 0.2, ..of_a_system() };
    let scenery = Scenery::start(vec![(case.namespace(), sleepy)]).await?;
    points_at(case.world, scenery.proxy.url(), None, None).await?;
    proposed(case, ProposalPhase::Proposed).await?;
    scenery.proxy.trouble(Trouble::Edited(awake));
    proposed(case, ProposalPhase::Withdrawn).await?;
    scenery.proxy.trouble(Trouble::None);
    proposed(case, ProposalPhase::Proposed).await?;
    scenery.stop().await
}

/// A change is put on record.
async fn resources_change(case: &Case<'_>) -> Result<()> {
    let change = Change { lines: lines(&[("cpu", 20)]), ..Change::default() };
    let change = Changing::of_unit(case, "life-more", change).await?;
    change.approved().await?;
    change.phase(ChangePhase::InEffect).await.map(drop)
}

async fn organization_leaves(world: &World) -> Result<()> {
    world.unit("t-leaves", None).await?;
    let organizations: Api<Organization> = Api::all(world.admin().await?);
    organizations.delete("t-leaves", &DeleteParams::default()).await?;
    wait_until("the organization to be gone", PATIENCE, async || {
        Ok(organizations.get_opt("t-leaves").await?.is_none().then_some(()))
    })
    .await
}

async fn domain_is_opened(world: &World) -> Result<()> {
    let domains: Api<CloudDomain> = Api::all(world.admin().await?);
    let spec = domains.get("bozhou-main").await?.spec;
    domains.create(&PostParams::default(), &CloudDomain::new("t-opened", spec)).await?;
    let judged = |domain: &CloudDomain| domain.status.as_ref().is_some_and(|status| !status.conditions.is_empty());
    eventually(&domains, "t-opened", "judged", judged).await.map(drop)
}

/// The rare case in which the books are read one by one: an entry of the name that comes next is there already. It may be the
/// operator's own, whose answer was lost; here it is one of another system, and is left as it is.
async fn name_in_the_books_is_taken(world: &World) -> Result<()> {
    world.unit("t-books", None).await?;
    let case = world.draft("t-books", "books", |_| {}).await?;
    let entries: Api<LedgerEntry> = Api::namespaced(operator(&world.cluster).await?, &case.home());
    let zero = ledger::GENESIS.to_owned();
    let taken = LedgerEntrySpec {
        system: RequestRef { kind: RequestKind::InformationSystem, name: "books".into(), uid: "another".into() },
        seq: 1,
        previous: zero.clone(),
        fact: "live".into(),
        hash: zero,
        ..LedgerEntrySpec::default()
    };
    let taken = LedgerEntry::new(&names::ledger_entry("books", 1), taken);
    let taken = entries.create(&PostParams::default(), &taken).await?;
    case.to_approval().await?;
    case.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    wait_until("the operator to look at the entry", PATIENCE, async || {
        let events = world.cluster.audit().new_events()?;
        let looks = |event: &&Event| is_the_operators(event) && event.verb == "get" && event.is_about("ledgerentries");
        Ok(events.iter().find(looks).map(|_| ()))
    })
    .await?;
    let all = entries.list(&ListParams::default()).await?;
    assert_eq!(all.items.iter().map(|entry| &entry.spec).collect::<Vec<_>>(), [&taken.spec]);
    Ok(())
}

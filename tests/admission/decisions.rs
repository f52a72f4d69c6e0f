//! Who may decide, and that it is known who decided.

use anyhow::{Context as _, Result, ensure};
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use yunguan::api::names::{SHIPPED_ROLES, cluster_role};
use yunguan_cluster::{Cluster, Options, Person};

use crate::support::{
    OPERATOR_NAMESPACE, bind, decision, install, installed, managed_namespace, object, objects, operator, refused,
    refused_by, succeeded, user, wait_for_right,
};

const VERDICTS: [&str; 9] =
    ["Submit", "Approve", "Reject", "Return", "Sign", "File", "Confirm", "Withdraw", "Authorize"];
const DECIDING: [&str; 6] = ["authority", "agency", "unit", "supervisor", "provider", "regulator"];
const CHECK: &str = "yunguan-decision-check";

fn decided_by(decision: &DynamicObject) -> Value {
    decision.data["spec"]["decidedBy"].clone()
}

/// A person who holds one role in a namespace.
async fn holder(cluster: &Cluster, namespace: &str, role: &str, person: &Person) -> Result<()> {
    let subjects = match person.groups.first() {
        Some(group) => json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}]),
        None => user(&person.name),
    };
    bind(&operator(cluster).await?, namespace, &cluster_role(role), subjects).await?;
    let right = if DECIDING.contains(&role) {
        ("approve", format!("yunguan.dev/decisions/{role}"))
    } else {
        ("list", "yunguan.dev/decisions/".to_owned())
    };
    wait_for_right(cluster, person, right.0, &right.1, namespace, true).await
}

#[tokio::test]
async fn r7_1_each_role_decides_as_itself_and_nowhere_else() -> Result<()> {
    let cluster = installed().await?;
    let (here, elsewhere) = ("yg-admission-matrix", "yg-admission-elsewhere");
    let operator = operator(cluster).await?;
    managed_namespace(&operator, here).await?;
    managed_namespace(&operator, elsewhere).await?;
    let (mut allowed, mut denied) = (0, 0);
    for held in SHIPPED_ROLES {
        let person = Person::new(format!("holder-of-{held}"));
        holder(cluster, here, held, &person).await?;
        let client = cluster.client(&person).await?;
        for role in SHIPPED_ROLES.into_iter().chain(["nobody", "mayor"]) {
            for verdict in VERDICTS {
                let name = format!("{held}.{role}.{}", verdict.to_lowercase());
                let made = decision(&name, role, verdict)?;
                let answer = objects(&client, "Decision", here).create(&PostParams::default(), &made).await;
                if held == role && DECIDING.contains(&role) {
                    answer.with_context(|| name.clone())?;
                    allowed += 1;
                } else if DECIDING.contains(&held) {
                    let message = refused_by(CHECK, answer).with_context(|| name.clone())?;
                    ensure!(message.contains("spec.members") && message.contains("无"), "{message}");
                    denied += 1;
                } else {
                    refused(answer).with_context(|| name.clone())?;
                    denied += 1;
                }
                // In another home the same person is nobody.
                refused(objects(&client, "Decision", elsewhere).create(&PostParams::default(), &made).await)?;
                denied += 1;
            }
        }
    }
    println!("decisions: {allowed} allowed, {denied} refused");
    assert_eq!((allowed, denied), (6 * 9, 2 * 8 * 10 * 9 - 6 * 9));
    Ok(())
}

#[tokio::test]
async fn r15_1_who_may_do_everything_decides_nothing() -> Result<()> {
    let cluster = installed().await?;
    let namespace = "yg-admission-mighty";
    let operator = operator(cluster).await?;
    managed_namespace(&operator, namespace).await?;
    let masters = cluster.client(&Person::masters()).await?;

    // Wildcard rights on decisions alone, cluster-wide.
    let rules = json!([{"apiGroups": ["yunguan.dev"], "resources": ["decisions"], "verbs": ["*"]}]);
    let role = object(json!({"metadata": {"name": "admission-wildcard"}, "rules": rules}))?;
    objects(&masters, "ClusterRole", "").create(&PostParams::default(), &role).await?;
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admission-wildcard"});
    let accounts = json!([{"kind": "ServiceAccount", "name": "yunguan", "namespace": OPERATOR_NAMESPACE}]);
    for (name, subjects) in [("admission-wildcard", user("wildcard")), ("admission-account", accounts)] {
        let bound = object(json!({"metadata": {"name": name}, "roleRef": role, "subjects": subjects}))?;
        objects(&masters, "ClusterRoleBinding", "").create(&PostParams::default(), &bound).await?;
    }
    let wildcard = Person::new("wildcard");
    wait_for_right(cluster, &wildcard, "approve", "yunguan.dev/decisions/authority", namespace, true).await?;
    let account = Person::new(crate::support::OPERATOR);
    wait_for_right(cluster, &account, "approve", "yunguan.dev/decisions/authority", namespace, true).await?;

    let mighty = [
        ("may do everything", cluster.client(&wildcard).await?),
        ("may do everything", cluster.client(&Person::admin()).await?),
        ("system:masters", masters.clone()),
        ("not by a service account", operator),
    ];
    let mut tries = 0;
    for (why, client) in &mighty {
        for role in SHIPPED_ROLES {
            for verdict in VERDICTS {
                let made = decision(&format!("mighty.{role}.{}", verdict.to_lowercase()), role, verdict)?;
                let message = refused_by(
                    CHECK,
                    objects(client, "Decision", namespace).create(&PostParams::default(), &made).await,
                )?;
                ensure!(message.contains(why), "{why}: {message}");
                tries += 1;
            }
        }
    }
    println!("decisions with too many rights: {tries} refused");
    objects(&masters, "ClusterRoleBinding", "").delete("admission-account", &DeleteParams::default()).await?;
    let left = objects(&masters, "Decision", namespace).list(&kube::api::ListParams::default()).await?;
    ensure!(left.items.is_empty());
    Ok(())
}

#[tokio::test]
async fn r15_1_who_decided_is_stamped_whatever_is_claimed() -> Result<()> {
    let cluster = installed().await?;
    let namespace = "yg-admission-stamp";
    managed_namespace(&operator(cluster).await?, namespace).await?;
    let person = Person::new("li.na@stamp").uid("4711");
    holder(cluster, namespace, "authority", &person).await?;
    let client = cluster.client(&person).await?;

    let mut forged = decision("forged", "authority", "Approve")?;
    forged.data["spec"]["decidedBy"] =
        json!({"username": "mayor", "uid": "1", "groups": ["bureau"], "person": "mayor"});
    forged.metadata.uid = Some("00000000-0000-0000-0000-000000000000".to_owned());
    forged.metadata.creation_timestamp = Some(serde_json::from_value(json!("2020-01-01T00:00:00Z"))?);
    let truth =
        json!({"username": "li.na@stamp", "uid": "4711", "groups": ["system:authenticated"], "person": "li.na@stamp"});
    let made = objects(&client, "Decision", namespace).create(&PostParams::default(), &forged).await?;
    assert_eq!(decided_by(&made), truth);
    assert_ne!(made.metadata.uid, forged.metadata.uid, "its uid is the server's");
    assert_ne!(made.metadata.creation_timestamp, forged.metadata.creation_timestamp, "its time is the server's");

    // Server-side apply under another manager's name makes none.
    let applied = decision("applied", "authority", "Approve")?;
    let options = PatchParams::apply("mayor").force();
    refused(objects(&client, "Decision", namespace).patch("applied", &options, &Patch::Apply(&applied)).await)?;

    // One human with two logins is one person.
    for name in ["zhang@sso", "zhang.admin@sso"] {
        let login = Person::new(name).group("stamp-agency").extra("yunguan.dev/person", "zhang");
        if name == "zhang@sso" {
            holder(cluster, namespace, "agency", &login).await?;
        }
        let client = cluster.client(&login).await?;
        let made = decision(&format!("by.{}", name.replace('@', ".")), "agency", "Confirm")?;
        let made = objects(&client, "Decision", namespace).create(&PostParams::default(), &made).await?;
        let by = decided_by(&made);
        assert_eq!((&by["person"], &by["username"], &by["uid"]), (&json!("zhang"), &json!(name), &json!("")));
        ensure!(by["groups"].as_array().context("groups")?.contains(&json!("stamp-agency")), "{by}");
    }
    Ok(())
}

#[tokio::test]
async fn r15_1_a_decision_is_never_changed_nor_deleted() -> Result<()> {
    let cluster = installed().await?;
    let namespace = "yg-admission-fixed";
    managed_namespace(&operator(cluster).await?, namespace).await?;
    let person = Person::new("fixed-authority");
    holder(cluster, namespace, "authority", &person).await?;
    let made = decision("fixed", "authority", "Approve")?;
    let client = cluster.client(&person).await?;
    let made = objects(&client, "Decision", namespace).create(&PostParams::default(), &made).await?;
    let changes = [
        json!({"spec": {"verdict": "Sign"}}),
        json!({"spec": {"comment": "now with an opinion"}}),
        json!({"spec": {"decidedBy": {"username": "mayor"}}}),
        json!({"metadata": {"labels": {"a": "b"}}}),
        json!({"metadata": {"finalizers": ["example.org/stay"]}}),
        json!({"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "y"}]}}),
    ];
    for mighty in [&person, &Person::admin(), &Person::masters(), &Person::new("stranger")] {
        let decisions = objects(&cluster.client(mighty).await?, "Decision", namespace);
        for change in &changes {
            let answer = decisions.patch("fixed", &PatchParams::default(), &Patch::Merge(change)).await;
            let Err(kube::Error::Api(status)) = answer else { anyhow::bail!("{} changed it: {change}", mighty.name) };
            // 422: the schema's own rule, which comes before admission.
            ensure!(matches!(status.code, 403 | 422), "{status:?}");
        }
        refused(decisions.delete("fixed", &DeleteParams::default()).await)?;
        refused_or_empty(&decisions).await?;
    }
    // Storage migration: written back as it is.
    let decisions = objects(&cluster.client(&Person::admin()).await?, "Decision", namespace);
    let same = decisions.replace("fixed", &PostParams::default(), &made).await?;
    assert_eq!(same.data, made.data);
    // Nor by one who calls themselves the namespace controller, while the namespace stands.
    let controller = "system:serviceaccount:kube-system:namespace-controller";
    let output = cluster
        .kubectl(&Person::admin(), &["delete", "decision", "fixed", "-n", namespace, "--as", controller])
        .await?;
    ensure!(output.status != 0 && output.stderr.contains("yunguan-records-kept"), "{}", output.stderr);
    Ok(())
}

async fn refused_or_empty(decisions: &kube::Api<DynamicObject>) -> Result<()> {
    let answer = decisions.delete_collection(&DeleteParams::default(), &kube::api::ListParams::default()).await;
    refused(answer.map(|_| ())).map(drop)
}

#[tokio::test]
async fn r7_1_a_right_taken_away_is_gone() -> Result<()> {
    let cluster = installed().await?;
    let namespace = "yg-admission-removed";
    let operator = operator(cluster).await?;
    managed_namespace(&operator, namespace).await?;
    // Entitled by a group alone.
    let person = Person::new("member").group("admission-bureau");
    holder(cluster, namespace, "authority", &person).await?;
    let client = cluster.client(&person).await?;
    let decisions = objects(&client, "Decision", namespace);
    let made = decisions.create(&PostParams::default(), &decision("before", "authority", "Approve")?).await?;
    assert_eq!(decided_by(&made)["groups"], json!(["admission-bureau", "system:authenticated"]));
    // The same person without the group.
    let left = cluster.client(&Person::new("member")).await?;
    refused(
        objects(&left, "Decision", namespace)
            .create(&PostParams::default(), &decision("left", "authority", "Approve")?)
            .await,
    )?;

    objects(&operator, "RoleBinding", namespace).delete("bound-yunguan-authority", &DeleteParams::default()).await?;
    wait_for_right(cluster, &person, "approve", "yunguan.dev/decisions/authority", namespace, false).await?;
    refused(decisions.create(&PostParams::default(), &decision("after", "authority", "Approve")?).await)?;
    Ok(())
}

/// Admission sees only whom somebody poses as, so the audit log must tell.
#[tokio::test]
async fn r35_1_posing_as_somebody_stands_in_the_audit_log() -> Result<()> {
    let cluster = installed().await?;
    let namespace = "yg-admission-posing";
    managed_namespace(&operator(cluster).await?, namespace).await?;
    let person = Person::new("li.na@posing");
    holder(cluster, namespace, "authority", &person).await?;
    let mut log = cluster.audit_from_now()?;
    let manifest = serde_json::to_string(&decision("posing", "authority", "Approve")?)?;
    let posing = ["create", "--validate=false", "-n", namespace, "-f", "-", "--as", "li.na@posing"];
    succeeded(cluster.kubectl_with(&Person::admin(), &posing, &manifest).await?)?;
    let output = cluster.kubectl_with(&person, &posing[..6], &manifest.replace("\"posing\"", "\"true\"")).await?;
    succeeded(output)?;
    let events = log.new_events()?;
    let made = |name: &str| {
        events.iter().find(|event| {
            event.is_about("decisions")
                && event.verb == "create"
                && event.code() == 201
                && event.response_object.as_ref().is_some_and(|o| o["metadata"]["name"] == name)
        })
    };
    let posed = made("posing").context("no event")?;
    assert_eq!(posed.user.username, Person::admin().name);
    assert_eq!(posed.impersonated_user.as_ref().map(|user| user.username.as_str()), Some("li.na@posing"));
    let own = made("true").context("no event")?;
    ensure!(own.user.username == "li.na@posing" && own.impersonated_user.is_none());
    // Somebody without that right cannot.
    let manifest = manifest.replace("\"posing\"", "\"unable\"");
    let output = cluster.kubectl_with(&Person::new("stranger"), &posing, &manifest).await?;
    ensure!(output.status != 0 && output.stderr.contains("cannot impersonate"), "{}", output.stderr);
    Ok(())
}

/// On a cluster of its own, since it breaks the installation.
#[tokio::test]
async fn r15_1_without_the_stamp_nobody_decides_in_anothers_name() -> Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    install(&cluster).await?;
    let namespace = "yg-unstamped";
    managed_namespace(&operator(&cluster).await?, namespace).await?;
    let person = Person::new("li.na");
    holder(&cluster, namespace, "authority", &person).await?;
    let delete = ["delete", "mutatingadmissionpolicybinding", "yunguan-decision-stamp"];
    succeeded(cluster.kubectl(&Person::admin(), &delete).await?)?;
    let decisions = objects(&cluster.client(&person).await?, "Decision", namespace);
    let claim = |username: &str| -> Result<DynamicObject> {
        let mut made = decision("unstamped", "authority", "Approve")?;
        let groups = json!(["system:authenticated"]);
        made.data["spec"]["decidedBy"] = json!({"username": username, "uid": "", "groups": groups, "person": username});
        Ok(made)
    };
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    yunguan_cluster::wait_until("the stamp to be gone", crate::support::SOON, async || {
        let answer = decisions.create(&dry, &decision("unstamped", "authority", "Approve")?).await;
        Ok(matches!(answer, Err(kube::Error::Api(status)) if status.message.contains("was not stamped")).then_some(()))
    })
    .await?;
    refused_by(CHECK, decisions.create(&PostParams::default(), &claim("mayor")?).await)?;
    decisions.create(&PostParams::default(), &claim("li.na")?).await.context("the truth may be told")?;
    cluster.stop().await
}

/// What single sign-on sends is not the person's choice.
#[tokio::test]
async fn r7_1_somebody_in_many_groups_decides_and_beyond_a_bound_is_told_what_to_do() -> Result<()> {
    let cluster = installed().await?;
    let namespace = "yg-admission-groups";
    managed_namespace(&operator(cluster).await?, namespace).await?;
    holder(cluster, namespace, "unit", &Person::new("many")).await?;
    // The API server adds `system:authenticated`.
    let groups = |n: usize, letters: usize| {
        (0..n).fold(Person::new("many"), |person, at| person.group(format!("{at:0letters$}")))
    };
    for (person, counts) in [
        (groups(130, 4), true),
        (groups(1, 263), true),
        (groups(1, 1024), true),
        (groups(999, 4), true),
        (groups(1000, 4), false),
        (groups(1, 1025), false),
    ] {
        let (count, letters) = (person.groups.len(), person.groups.first().map_or(0, String::len));
        let decisions = objects(&cluster.client(&person).await?, "Decision", namespace);
        let made = decision(&format!("groups.{count}.{letters}"), "unit", "Approve")?;
        let answer = decisions.create(&PostParams::default(), &made).await;
        if counts {
            let made = answer.with_context(|| format!("{count} groups of {letters} letters"))?;
            let kept = decided_by(&made)["groups"].as_array().map_or(0, Vec::len);
            ensure!(kept == count + 1, "{kept} of {count} groups are kept");
        } else {
            let message = refused_by(CHECK, answer)?;
            ensure!(message.contains("identity provider") && message.contains("用户组"), "{message}");
        }
    }
    Ok(())
}

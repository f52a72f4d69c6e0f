//! Statuses, records and managed objects are the operator's, whoever asks.

use anyhow::{Context as _, Result, ensure};
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use yunguan_cluster::{Cluster, Person, wait_until};

use crate::support::{
    MANAGED, SOON, bind, binding, decision, edit, installed, made, managed_namespace, object, objects, operator,
    refused, refused_by, repository, succeeded, user, wait_for_right,
};

/// The first object of a file of the shipped example, under another name.
fn example(file: &str, name: &str, namespace: Option<&str>) -> Result<DynamicObject> {
    let text = std::fs::read_to_string(repository(file)).with_context(|| file.to_owned())?;
    let mut first: DynamicObject =
        serde_saphyr::from_multiple(&text)?.into_iter().next().with_context(|| format!("{file} is empty"))?;
    first.metadata.name = Some(name.to_owned());
    first.metadata.namespace = namespace.map(str::to_owned);
    Ok(first)
}

/// A system as the operator writes it.
fn system(name: &str, namespace: &str) -> Result<DynamicObject> {
    let reference = json!({"kind": "CloudResourceRequest", "name": name, "uid": "some-uid"});
    let digest = "b".repeat(64);
    let grant = json!({
        "request": reference, "submissionUid": "some-submission", "track": "Standard", "round": 1,
        "policy": {"name": "bozhou-2024", "uid": "some-uid"}, "encoding": 1, "digest": digest,
        "applicationDigest": digest, "decisions": [], "lines": [], "amounts": {"requests.cpu": "4"},
        "fundingSource": "Municipal", "payer": "bozhou-finance", "selfPaying": false,
        "effectiveFrom": "2026-11-24T00:00:00Z",
    });
    let spec = json!({
        "name": "试", "organization": "admission", "domain": "bozhou-main", "namespace": namespace, "request": reference,
        "protectionLevel": 2, "networks": [], "grants": [grant],
    });
    made(name, name, &[], json!({"apiVersion": "yunguan.dev/v1alpha1", "kind": "InformationSystem", "spec": spec}))
}

fn entry(system: &str) -> Result<DynamicObject> {
    let spec = json!({
        "system": {"kind": "InformationSystem", "name": system, "uid": "some-uid"}, "seq": 1, "previous": "0".repeat(64),
        "fact": "live", "at": "2026-11-24T00:00:00Z", "body": {}, "hash": "c".repeat(64),
    });
    made(
        "LedgerEntry",
        &format!("{system}.1"),
        &[],
        json!({"apiVersion": "yunguan.dev/v1alpha1", "kind": "LedgerEntry", "spec": spec}),
    )
}

fn proposal(system: &str) -> Result<DynamicObject> {
    let moment = "2026-11-24T00:00:00Z";
    let spec = json!({
        "systemRef": {"name": system, "uid": "some-uid"}, "action": "Reduce", "rule": "LowMemory", "proposedAt": moment,
        "evidence": {"message": "why", "window": "7d", "since": moment, "measuredAt": moment},
    });
    made(
        "RightsizingProposal",
        &format!("{system}-reduce"),
        &[],
        json!({"apiVersion": "yunguan.dev/v1alpha1", "kind": "RightsizingProposal", "spec": spec}),
    )
}

fn merge(change: &Value) -> Patch<&Value> {
    Patch::Merge(change)
}

/// Those who would like to: by role, by a binding to cluster-admin, by the group that no authorizer refuses.
async fn mighty(cluster: &Cluster) -> Result<[(&'static str, Client); 2]> {
    let masters = cluster.client(&Person::masters()).await?;
    Ok([("cluster-admin", cluster.client(&Person::admin()).await?), ("system:masters", masters)])
}

#[tokio::test]
async fn r19_1_nobody_forges_a_status() -> Result<()> {
    let cluster = installed().await?;
    let home = "yg-admission-status";
    let operator = operator(cluster).await?;
    managed_namespace(&operator, home).await?;
    let masters = cluster.client(&Person::masters()).await?;
    let name = "admission-status";
    let kinds = [
        ("Organization", "", example("config/samples/organizations.yaml", name, None)?),
        ("CloudDomain", "", example("config/samples/domains.yaml", name, None)?),
        ("GovernancePolicy", "", example("config/policies/bozhou-2024.yaml", name, None)?),
        ("CloudResourceRequest", home, example("config/samples/requests/health-portal.yaml", name, Some(home))?),
        ("InformationSystem", home, system(name, "ygs-admission-status")?),
    ];
    bind(&operator, home, "yunguan-unit", user("status-unit")).await?;
    bind(&operator, home, "yunguan-authority", user("status-authority")).await?;
    let mut actors = mighty(cluster).await?.to_vec();
    for who in ["status-unit", "status-authority", "stranger"] {
        actors.push((who, cluster.client(&Person::new(who)).await?));
    }
    let mut tries = 0;
    for (kind, namespace, mut object) in kinds {
        let status = |generation: i64| match kind {
            "CloudResourceRequest" | "InformationSystem" => json!({"observedGeneration": generation, "phase": "Live"}),
            _ => json!({"observedGeneration": generation}),
        };
        let forged = json!({"status": status(99)});
        // A status that comes with a new object is dropped by the server.
        object.data["status"] = forged["status"].clone();
        let creator = if kind == "InformationSystem" { &operator } else { &masters };
        let created = objects(creator, kind, namespace).create(&PostParams::default(), &object).await.context(kind)?;
        ensure!(created.data.get("status").is_none_or(Value::is_null), "{kind} was born with a status");
        for (who, client) in &actors {
            let api = objects(client, kind, namespace);
            let patched = api.patch_status(name, &PatchParams::default(), &merge(&forged)).await;
            let message = refused(patched).with_context(|| format!("{kind} by {who}"))?;
            if matches!(*who, "cluster-admin" | "system:masters") {
                ensure!(message.contains("yunguan-status") && message.contains("Decision"), "{message}");
            }
            let mut whole = created.clone();
            whole.data["status"] = forged["status"].clone();
            refused(api.replace_status(name, &PostParams::default(), &whole).await)
                .with_context(|| format!("{kind} by {who}"))?;
            tries += 2;
        }
        // The operator writes it; and a spec that travels along is left as it is, as is a status with a spec.
        let mut whole = objects(&operator, kind, namespace).get(name).await?;
        let truth = whole.data["spec"].clone();
        whole.data["status"] = status(1);
        if let Some(zh) = whole.data["spec"].pointer_mut("/names/zh") {
            *zh = json!("另");
        }
        let stated = objects(&operator, kind, namespace).replace_status(name, &PostParams::default(), &whole).await;
        let stated = stated.with_context(|| format!("{kind} by the operator"))?;
        assert_eq!(stated.data["spec"], truth, "{kind}");
        assert_eq!(stated.data["status"]["observedGeneration"], 1, "{kind}");
        if kind != "InformationSystem" {
            let along = json!({"metadata": {"annotations": {"a": "b"}}, "status": status(99)});
            let along = objects(&masters, kind, namespace).patch(name, &PatchParams::default(), &merge(&along)).await?;
            assert_eq!(along.data["status"]["observedGeneration"], 1, "{kind}");
            objects(&masters, kind, namespace).delete(name, &DeleteParams::default()).await?;
        }
    }
    println!("forged statuses: {tries} refused");
    assert_eq!(tries, 5 * 5 * 2);
    Ok(())
}

#[tokio::test]
async fn r25_1_systems_and_books_are_the_operators() -> Result<()> {
    let cluster = installed().await?;
    let home = "yg-admission-books";
    let operator = operator(cluster).await?;
    managed_namespace(&operator, home).await?;
    bind(&operator, home, "yunguan-unit", user("books-unit")).await?;
    wait_for_right(cluster, &Person::new("books-unit"), "list", "yunguan.dev/ledgerentries/", home, true).await?;
    let mut actors = mighty(cluster).await?.to_vec();
    actors.push(("unit", cluster.client(&Person::new("books-unit")).await?));
    let records = [
        ("InformationSystem", "books", system("books", "ygs-books")?),
        ("LedgerEntry", "books.1", entry("books")?),
        ("RightsizingProposal", "books-reduce", proposal("books")?),
    ];
    for (kind, name, record) in &records {
        for (who, client) in &actors {
            let created = objects(client, kind, home).create(&PostParams::default(), record).await;
            let message = refused(created).with_context(|| format!("{kind} by {who}"))?;
            ensure!(*who == "unit" || message.contains("yunguan-records"), "{message}");
        }
        objects(&operator, kind, home)
            .create(&PostParams::default(), record)
            .await
            .with_context(|| (*kind).to_owned())?;
        for (who, client) in &actors {
            let api = objects(client, kind, home);
            for change in [
                json!({"spec": {"name": "另", "fact": "other", "rule": "Idle"}}),
                json!({"metadata": {"labels": {"a": "b"}}}),
            ] {
                let patched = api.patch(name, &PatchParams::default(), &merge(&change)).await;
                let Err(kube::Error::Api(status)) = patched else { anyhow::bail!("{who} changed {kind}") };
                ensure!(matches!(status.code, 403 | 422), "{kind} by {who}: {status:?}");
            }
            refused(api.delete(name, &DeleteParams::default()).await).with_context(|| format!("{kind} by {who}"))?;
        }
        // What was granted stays, for the operator too.
        refused(objects(&operator, kind, home).delete(name, &DeleteParams::default()).await)?;
        // Storage migration.
        let admin = objects(&actors[0].1, kind, home);
        edit(&admin, name, |_| {}).await.with_context(|| format!("{kind} unchanged"))?;
    }
    Ok(())
}

/// What a system's namespace holds, as the operator writes it.
async fn furnish(operator: &Client, namespace: &str) -> Result<Vec<(&'static str, DynamicObject)>> {
    managed_namespace(operator, namespace).await?;
    let quota = json!({"spec": {"hard": {"requests.cpu": "4", "count/configmaps": "20"}}});
    let limits = json!({"spec": {"limits": [{"type": "Container", "default": {"cpu": "1"}}]}});
    let deny = json!({"spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}});
    let furniture = [
        ("ResourceQuota", made("ResourceQuota", "yunguan", &[MANAGED], quota)?),
        ("LimitRange", made("LimitRange", "yunguan", &[MANAGED], limits)?),
        ("NetworkPolicy", made("NetworkPolicy", "yunguan-default-deny", &[MANAGED], deny)?),
        ("RoleBinding", binding("yunguan-developer", "yunguan-tenant-developer", &user("furnished-developer"))?),
    ];
    let mut stored = Vec::new();
    for (kind, object) in furniture {
        let created = objects(operator, kind, namespace).create(&PostParams::default(), &object).await.context(kind)?;
        stored.push((kind, created));
    }
    Ok(stored)
}

#[tokio::test]
async fn r25_1_what_was_granted_is_not_edited_around() -> Result<()> {
    let cluster = installed().await?;
    let namespace = "ygs-admission-managed";
    let operator = operator(cluster).await?;
    let furniture = furnish(&operator, namespace).await?;
    let developer = Person::new("furnished-developer");
    wait_for_right(cluster, &developer, "create", "/configmaps/", namespace, true).await?;
    let mut actors = mighty(cluster).await?.to_vec();
    actors.push(("developer", cluster.client(&developer).await?));
    let mut tries = 0;
    for (who, client) in &actors {
        let check = |message: String| {
            let ours = ["yunguan-managed", "yunguan-closed-namespaces"].iter().any(|policy| message.contains(policy));
            ensure!(*who == "developer" || ours, "{who}: {message}");
            Ok(())
        };
        for (kind, stored) in &furniture {
            let api = objects(client, kind, namespace);
            let name = stored.metadata.name.as_deref().context("a name")?;
            let changes = [
                match *kind {
                    "ResourceQuota" => json!({"spec": {"hard": {"requests.cpu": "400"}}}),
                    "LimitRange" => json!({"spec": {"limits": []}}),
                    "NetworkPolicy" => json!({"spec": {"egress": [{}]}}),
                    _ => json!({"subjects": user("friend")}),
                },
                json!({"metadata": {"labels": {"yunguan.dev/managed": null}}}),
                json!({"metadata": {"annotations": {"a": "b"}}}),
                json!({"metadata": {"finalizers": ["example.org/stay"]}}),
            ];
            for change in &changes {
                check(
                    refused(api.patch(name, &PatchParams::default(), &merge(change)).await)
                        .with_context(|| format!("{kind} {change}"))?,
                )?;
                tries += 1;
            }
            check(
                refused(api.delete(name, &DeleteParams::default()).await.map(|_| ()))
                    .with_context(|| (*kind).to_owned())?,
            )?;
            // Another one beside it, with the label and without.
            for (suffix, labels) in [("extra", vec![]), ("forged", vec![MANAGED])] {
                let mut extra = stored.clone();
                extra.metadata = made(kind, suffix, &labels, json!({}))?.metadata;
                check(
                    refused(api.create(&PostParams::default(), &extra).await)
                        .with_context(|| format!("another {kind}"))?,
                )?;
                tries += 1;
            }
            tries += 1;
        }
        // The namespace itself.
        let namespaces = objects(client, "Namespace", "");
        for change in [
            json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}),
            json!({"metadata": {"labels": {"yunguan.dev/managed": null}}}),
            json!({"metadata": {"annotations": {"scheduler.alpha.kubernetes.io/node-selector": "a=b"}}}),
        ] {
            check(refused(namespaces.patch(namespace, &PatchParams::default(), &merge(&change)).await)?)?;
            tries += 1;
        }
        check(refused(namespaces.delete(namespace, &DeleteParams::default()).await)?)?;
        let forged = made("Namespace", &format!("yg-forged-by-{}", who.replace(':', "-")), &[MANAGED], json!({}))?;
        check(refused(namespaces.create(&PostParams::default(), &forged).await)?)?;
        tries += 2;
    }
    println!("edits of managed objects: {tries} refused");
    assert_eq!(tries, 3 * (4 * 7 + 5));

    for (kind, stored) in &furniture {
        let name = stored.metadata.name.as_deref().context("a name")?;
        let now = objects(&operator, kind, namespace).get(name).await?;
        assert_eq!(now.data.get("spec"), stored.data.get("spec"), "{kind}");
        // Storage migration.
        let same = objects(&actors[0].1, kind, namespace).replace(name, &PostParams::default(), &now).await;
        same.with_context(|| format!("{kind} unchanged"))?;
    }
    Ok(())
}

/// The control plane writes statuses of managed objects, or no create would ever pass a quota.
#[tokio::test]
async fn r25_1_the_quota_still_counts() -> Result<()> {
    let cluster = installed().await?;
    let namespace = "ygs-admission-counts";
    let operator = operator(cluster).await?;
    furnish(&operator, namespace).await?;
    let quotas = objects(&operator, "ResourceQuota", namespace);
    let used = async |at_least: i64| {
        wait_until("the quota to count", SOON, async || {
            let used = quotas.get("yunguan").await?.data["status"]["used"]["count/configmaps"].clone();
            Ok(used.as_str().and_then(|n| n.parse::<i64>().ok()).filter(|n| *n >= at_least))
        })
        .await
    };
    let before = used(0).await?;
    let developer = Person::new("furnished-developer");
    wait_for_right(cluster, &developer, "create", "/configmaps/", namespace, true).await?;
    let maps = objects(&cluster.client(&developer).await?, "ConfigMap", namespace);
    maps.create(&PostParams::default(), &made("ConfigMap", "counted", &[], json!({}))?).await?;
    used(before + 1).await?;
    Ok(())
}

/// What is guarded must not keep a namespace that the operator deleted from vanishing.
#[tokio::test]
async fn r36_1_a_deleted_namespace_vanishes_with_all_that_is_guarded() -> Result<()> {
    let cluster = installed().await?;
    let home = "yg-admission-gone";
    let operator = operator(cluster).await?;
    furnish(&operator, home).await?;
    bind(&operator, home, "yunguan-unit", user("gone-unit")).await?;
    let unit = Person::new("gone-unit");
    wait_for_right(cluster, &unit, "submit", "yunguan.dev/decisions/unit", home, true).await?;
    let filed = decision("filed", "unit", "Submit")?;
    let decisions = objects(&cluster.client(&unit).await?, "Decision", home);
    decisions.create(&PostParams::default(), &filed).await?;
    objects(&operator, "InformationSystem", home).create(&PostParams::default(), &system("gone", "ygs-gone")?).await?;
    objects(&operator, "LedgerEntry", home).create(&PostParams::default(), &entry("gone")?).await?;
    let namespaces = objects(&operator, "Namespace", "");
    namespaces.delete(home, &DeleteParams::default()).await?;
    // While it goes, nobody else may help.
    let admin = objects(&cluster.client(&Person::admin()).await?, "Decision", home);
    match admin.delete("filed", &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        answer => drop(refused_by("yunguan-records-kept", answer)?),
    }
    wait_until("the home to be gone", SOON, async || match namespaces.get(home).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Some(())),
        answer => anyhow::bail!("{:?}", answer?.data["status"]),
    })
    .await
}

/// Row 19: the lists and texts of what people write are bounded; etcd takes 1.5 MB.
#[tokio::test]
async fn r19_2_what_is_too_big_is_refused() -> Result<()> {
    let cluster = installed().await?;
    let admin = cluster.client(&Person::admin()).await?;
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let grown = async |kind: &str, namespace: &str, object: &DynamicObject, at: &str, value: Value| -> Result<()> {
        let api: Api<DynamicObject> = objects(&admin, kind, namespace);
        let mut whole = serde_json::to_value(object)?;
        let (parent, field) = at.rsplit_once('/').context("a path")?;
        whole
            .pointer_mut(parent)
            .and_then(Value::as_object_mut)
            .with_context(|| at.to_owned())?
            .insert(field.to_owned(), value);
        match api.create(&dry, &self::object(whole)?).await {
            Err(kube::Error::Api(status)) if status.code == 422 && status.message.contains("Too") => Ok(()),
            answer => anyhow::bail!("{kind}{at}: {answer:?}"),
        }
    };
    let many = |n: usize, of: fn(usize) -> Value| Value::from((0..n).map(of).collect::<Vec<_>>());
    let long = |n: usize| json!("长".repeat(n));
    let organization = example("config/samples/organizations.yaml", "big", None)?;
    grown("Organization", "", &organization, "/spec/names/zh", long(129)).await?;
    grown("Organization", "", &organization, "/spec/members/0/users", many(65, |n| json!(format!("u{n}")))).await?;
    grown("Organization", "", &organization, "/spec/members", many(17, |n| json!({"role": format!("r{n}")}))).await?;
    let request = example("config/samples/requests/health-portal.yaml", "big", Some("default"))?;
    grown("CloudResourceRequest", "default", &request, "/spec/application/purpose", long(100_000)).await?;
    grown(
        "CloudResourceRequest",
        "default",
        &request,
        "/spec/application/lines",
        many(65, |n| json!({"name": format!("l{n}"), "item": "vcpu", "quantity": 1})),
    )
    .await?;
    let filed = serde_json::to_value(&request)?["spec"]["application"]["documents"][0].clone();
    grown("CloudResourceRequest", "default", &request, "/spec/application/documents", Value::from(vec![filed; 1000]))
        .await?;
    let decided = decision("big", "unit", "Confirm")?;
    grown("Decision", "default", &decided, "/spec/comment", long(2049)).await?;
    grown(
        "Decision",
        "default",
        &decided,
        "/spec/evidence",
        many(65, |n| json!({"name": format!("e{n}"), "sha256": "a".repeat(64)})),
    )
    .await?;
    grown(
        "Decision",
        "default",
        &decided,
        "/spec/grant",
        many(65, |n| json!({"line": format!("l{n}"), "quantity": 1})),
    )
    .await?;
    let domain = example("config/samples/domains.yaml", "big", None)?;
    let resources: serde_json::Map<String, Value> = (0..1000).map(|n| (format!("r{n}"), json!("1"))).collect();
    grown("CloudDomain", "", &domain, "/spec/capacity", Value::from(resources)).await?;
    // More than the server reads at all.
    let mut huge = serde_json::to_value(&request)?;
    huge["spec"]["application"]["purpose"] = json!("x".repeat(4 << 20));
    let answer = objects(&admin, "CloudResourceRequest", "default").create(&dry, &self::object(huge)?).await;
    ensure!(matches!(&answer, Err(kube::Error::Api(status)) if matches!(status.code, 413 | 422)), "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn an_installation_can_be_applied_again() -> Result<()> {
    let cluster = installed().await?;
    let again = ["apply", "--server-side", "-k", &repository("config/local")];
    succeeded(cluster.kubectl(&Person::admin(), &again).await?).map(drop)
}

//! What several files of tests need: an installation, managed namespaces, objects of any kind, refusals.

use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client, Config};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use yunguan_cluster::{Cluster, Output, Person, wait_until};

/// For what takes the API server and its informers a moment, on a machine that compiles at the same time.
pub const SOON: Duration = Duration::from_mins(1);
/// The namespace of the operator.
pub const OPERATOR_NAMESPACE: &str = "yunguan-system";
/// The user name of the operator.
pub const OPERATOR: &str = "system:serviceaccount:yunguan-system:yunguan";

/// The shared cluster with everything installed but the operator itself.
pub async fn installed() -> Result<&'static Cluster> {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let cluster = Cluster::shared().await?;
    INSTALLED.get_or_try_init(|| install(cluster)).await?;
    Ok(cluster)
}

/// Installs `config/local` and waits until its admission policies are at work, which takes the API server a moment.
pub async fn install(cluster: &Cluster) -> Result<()> {
    let admin = Person::admin();
    // A definition is served a moment after it was made, and the admin's binding is as new.
    wait_until("config/local to be applied", SOON, async || {
        let applied = cluster.kubectl(&admin, &["apply", "--server-side", "-k", &repository("config/local")]).await?;
        ensure!(applied.status == 0, "{}", applied.stderr);
        Ok(Some(()))
    })
    .await?;
    let client = cluster.client(&admin).await?;
    let (items, decisions) = (objects(&client, "CatalogItem", ""), objects(&client, "Decision", "default"));
    let canary = "canary-of-the-policies";
    let item =
        object(json!({"apiVersion": "yunguan.dev/v1alpha1", "kind": "CatalogItem", "metadata": {"name": canary},
        "spec": {"names": {"zh": "试"}, "serviceType": "Other", "unit": {"zh": "个"},
            "prices": [{"from": "2026-01-01", "monthly": "1.00", "basis": "none"}]}}))?;
    wait_until("the kinds to be served", SOON, async || {
        match items.create(&PostParams::default(), &item).await {
            Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {}
            answer => drop(answer?),
        }
        Ok(Some(()))
    })
    .await?;
    wait_until("the admission policies to be at work", SOON, async || {
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        // Without the stamp the schema refuses it, with another message.
        let decided = refused(decisions.create(&dry, &decision("canary", "unit", "Approve")?).await)?;
        ensure!(decided.contains("yunguan-decision-check"), "{decided}");
        let status = Patch::Merge(json!({"status": {"observedGeneration": 7}}));
        let stated = refused(items.patch_status(canary, &PatchParams::default(), &status).await)?;
        ensure!(stated.contains("yunguan-status"), "{stated}");
        Ok(Some(()))
    })
    .await?;
    items.delete(canary, &DeleteParams::default()).await?;
    Ok(())
}

/// A path in the repository.
pub fn repository(path: &str) -> String {
    format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))
}

/// A client as a service account.
pub async fn account(cluster: &Cluster, namespace: &str, name: &str) -> Result<Client> {
    let kubeconfig = Kubeconfig::read_from(cluster.service_account(namespace, name).await?)?;
    Ok(Client::try_from(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)?)
}

/// A client with the operator's token: it can do what the operator can, and no more.
pub async fn operator(cluster: &Cluster) -> Result<Client> {
    account(cluster, OPERATOR_NAMESPACE, "yunguan").await
}

/// Objects of a kind, in a namespace or, where that is empty, of the whole cluster.
pub fn objects(client: &Client, kind: &str, namespace: &str) -> Api<DynamicObject> {
    let (group, version) = match kind {
        "Namespace"
        | "ResourceQuota"
        | "LimitRange"
        | "ConfigMap"
        | "Secret"
        | "Pod"
        | "ServiceAccount"
        | "PersistentVolumeClaim" => ("", "v1"),
        "NetworkPolicy" => ("networking.k8s.io", "v1"),
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => ("apps", "v1"),
        "Job" | "CronJob" => ("batch", "v1"),
        "HorizontalPodAutoscaler" => ("autoscaling", "v2"),
        "PodDisruptionBudget" => ("policy", "v1"),
        "RoleBinding" | "Role" | "ClusterRole" | "ClusterRoleBinding" => ("rbac.authorization.k8s.io", "v1"),
        _ => ("yunguan.dev", "v1alpha1"),
    };
    let kind = GroupVersionKind::gvk(group, version, kind);
    let resource = match kind.kind.as_str() {
        "LedgerEntry" => ApiResource::from_gvk_with_plural(&kind, "ledgerentries"),
        _ => ApiResource::from_gvk(&kind),
    };
    if namespace.is_empty() {
        Api::all_with(client.clone(), &resource)
    } else {
        Api::namespaced_with(client.clone(), namespace, &resource)
    }
}

/// Edits an object as `kubectl edit` does: anew from what is there, where somebody wrote to it in between.
pub async fn edit<K>(api: &Api<K>, name: &str, change: impl Fn(&mut K)) -> kube::Result<K>
where
    K: Clone + Debug + DeserializeOwned + Serialize,
{
    loop {
        let mut object = api.get(name).await?;
        change(&mut object);
        match api.replace(name, &PostParams::default(), &object).await {
            Err(kube::Error::Api(status)) if status.is_conflict() => {}
            answer => return answer,
        }
    }
}

/// An object from JSON.
pub fn object(json: Value) -> Result<DynamicObject> {
    Ok(serde_json::from_value(json)?)
}

/// Makes an object of this kind: the fields next to `metadata` come from `rest`.
pub fn made(kind: &str, name: &str, labels: &[(&str, &str)], rest: Value) -> Result<DynamicObject> {
    let labels: serde_json::Map<String, Value> =
        labels.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    let Value::Object(mut whole) = rest else { bail!("{kind}/{name}: fields are an object") };
    whole.insert("metadata".to_owned(), json!({"name": name, "labels": labels}));
    object(whole.into()).with_context(|| format!("{kind}/{name}"))
}

/// The label of everything that is the operator's.
pub const MANAGED: (&str, &str) = ("yunguan.dev/managed", "true");

/// Makes a namespace as the operator makes it; its name begins with `yg-` or `ygs-`.
pub async fn managed_namespace(operator: &Client, name: &str) -> Result<()> {
    let labels = [MANAGED, ("pod-security.kubernetes.io/enforce", "baseline")];
    objects(operator, "Namespace", "")
        .create(&PostParams::default(), &made("Namespace", name, &labels, json!({}))?)
        .await?;
    Ok(())
}

/// A binding of a ClusterRole, as the operator makes it.
pub fn binding(name: &str, role: &str, subjects: &Value) -> Result<DynamicObject> {
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role});
    made("RoleBinding", name, &[MANAGED], json!({"roleRef": role, "subjects": subjects}))
}

/// A user as a subject.
pub fn user(name: &str) -> Value {
    json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}])
}

/// Binds a ClusterRole as the operator does.
pub async fn bind(operator: &Client, namespace: &str, role: &str, subjects: Value) -> Result<()> {
    let name = format!("bound-{role}");
    objects(operator, "RoleBinding", namespace)
        .create(&PostParams::default(), &binding(&name, role, &subjects)?)
        .await?;
    Ok(())
}

/// Waits until the API server's authorizer says `allowed` about `verb resource/name` (a group goes before it, with a slash
/// after it: `yunguan.dev/decisions/unit`; the core group is empty: `/pods/`).
pub async fn wait_for_right(
    cluster: &Cluster,
    who: &Person,
    verb: &str,
    what: &str,
    namespace: &str,
    allowed: bool,
) -> Result<()> {
    let [group, resource, name] = *what.splitn(3, '/').collect::<Vec<_>>() else {
        bail!("{what}: group/resource/name")
    };
    let review: SubjectAccessReview = serde_json::from_value(json!({"metadata": {}, "spec": {
        "user": who.name, "groups": who.groups,
        "resourceAttributes": {"group": group, "resource": resource, "name": name, "verb": verb, "namespace": namespace},
    }}))?;
    let reviews: Api<SubjectAccessReview> = Api::all(cluster.client(&Person::masters()).await?);
    wait_until(&format!("{} {verb} {what} in {namespace}: {allowed}", who.name), SOON, async || {
        let status = reviews.create(&PostParams::default(), &review).await?.status.context("no answer")?;
        Ok((status.allowed == allowed).then_some(()))
    })
    .await
}

/// A decision that the schema accepts.
pub fn decision(name: &str, role: &str, verdict: &str) -> Result<DynamicObject> {
    let digest = "a".repeat(64);
    let mut spec = json!({
        "requestRef": {"kind": "CloudResourceRequest", "name": "some-request", "uid": "some-uid"},
        "gate": if verdict == "Submit" { "submission" } else { "some-gate" },
        "role": role, "verdict": verdict, "digest": digest,
    });
    if verdict != "Submit" {
        spec["submissionUid"] = json!("some-submission");
    }
    match verdict {
        "Reject" | "Return" => spec["comment"] = json!("材料不全"),
        "File" => spec["evidence"] = json!([{"name": "TrialReport", "sha256": digest, "result": "Passed"}]),
        "Authorize" => {
            spec["access"] =
                json!({"username": "expert", "purpose": "排障", "until": "2027-01-01T00:00:00Z", "level": "View"});
        }
        _ => {}
    }
    made("Decision", name, &[], json!({"apiVersion": "yunguan.dev/v1alpha1", "kind": "Decision", "spec": spec}))
}

/// The message of a refusal (403); anything else is an error.
pub fn refused<T: Debug>(answer: kube::Result<T>) -> Result<String> {
    match answer {
        Err(kube::Error::Api(status)) if status.code == 403 => Ok(status.message.clone()),
        Err(error) => Err(error).context("failed, but not by being refused"),
        Ok(done) => bail!("was not refused: {done:?}"),
    }
}

/// The message of a refusal by the admission policy of this name.
pub fn refused_by<T: Debug>(policy: &str, answer: kube::Result<T>) -> Result<String> {
    let message = refused(answer)?;
    ensure!(message.contains(&format!("ValidatingAdmissionPolicy '{policy}'")), "refused by somebody else: {message}");
    Ok(message)
}

/// The standard output of a command that must succeed.
pub fn succeeded(output: Output) -> Result<String> {
    ensure!(output.status == 0, "{}{}", output.stdout, output.stderr);
    Ok(output.stdout)
}

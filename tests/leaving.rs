//! Systems that leave (article 23), the people around them, and a node that is played where none is: it binds volumes and ends
//! the operator's Jobs with a report.

use crate::world::{AUTHORITY, Case, PATIENCE, at_gate, eventually, sample};
use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use std::time::Duration;
use yunguan::api::common::RequestKind;
use yunguan::api::decision::Verdict;
use yunguan::api::decommission::{BackupMode, DecommissionPhase, Departure};
use yunguan::api::{Decision, Decommission, DecommissionSpec};
use yunguan::core::digest;
use yunguan_cluster::wait_until;

/// The departure of the system of a case.
pub struct Leaving<'c, 'w> {
    pub case: &'c Case<'w>,
    pub name: String,
}

impl<'c, 'w> Leaving<'c, 'w> {
    /// A draft, made by this person.
    pub async fn draft(case: &'c Case<'w>, who: &str, name: &str, departure: Departure) -> Result<Self> {
        let system = if departure.system.is_empty() { case.name.clone() } else { departure.system.clone() };
        let unit_name = format!("测试单位{}", case.unit);
        let departure = Departure { unit_name, system, reason: "已被新系统替代".into(), ..departure };
        let form = Decommission::new(name, DecommissionSpec { departure, contacts: sample()?.spec.contacts });
        case.api::<Decommission>(who).await?.create(&PostParams::default(), &form).await?;
        Ok(Self { case, name: name.to_owned() })
    }

    pub async fn of_unit(case: &'c Case<'w>, name: &str, backup: BackupMode) -> Result<Self> {
        Self::draft(case, &case.person(), name, Departure { backup, ..Departure::default() }).await
    }

    pub async fn get(&self) -> Result<Decommission> {
        Ok(Api::namespaced(self.case.world.admin().await?, &self.case.home()).get(&self.name).await?)
    }

    pub async fn phase(&self, phase: DecommissionPhase) -> Result<Decommission> {
        self.phase_within(phase, PATIENCE).await
    }

    pub async fn phase_within(&self, phase: DecommissionPhase, patience: Duration) -> Result<Decommission> {
        wait_until(&format!("{} to be {phase}", self.name), patience, async || {
            let form = self.get().await?;
            let status = form.status.clone().unwrap_or_default();
            let current = status.observed_generation == form.metadata.generation;
            ensure!(
                current && status.phase == phase,
                "{}: {:?} {:?}",
                status.phase,
                status.waiting_for,
                status.progress
            );
            Ok(Some(form))
        })
        .await
        .with_context(|| self.case.world.operator.log_tail())
    }

    /// Waits for a reason of the condition Ready, and gives its message.
    pub async fn says(&self, reason: &str) -> Result<String> {
        wait_until(&format!("{} to say {reason}", self.name), PATIENCE, async || {
            let status = self.get().await?.status.unwrap_or_default();
            let found = status.conditions.iter().find(|c| c.type_ == "Ready").context("no condition")?;
            ensure!(found.reason == reason, "{}: {}", found.reason, found.message);
            Ok(Some(found.message.clone()))
        })
        .await
    }

    pub async fn drafted(&self, gate: &str, verdict: Verdict) -> Result<Decision> {
        wait_until(&format!("gate {gate} of {}", self.name), PATIENCE, async || {
            let form = self.get().await?;
            let status = form.status.clone().unwrap_or_default();
            ensure!(status.observed_generation == form.metadata.generation, "status lags");
            let open = status.open_gates.iter().find(|g| g.gate == gate);
            let open = open.with_context(|| format!("{}: {:?}", status.phase, status.waiting_for))?;
            let named = (RequestKind::Decommission, form.name_any(), form.uid().context("no uid")?);
            Ok(Some(at_gate(named, status.submission.as_ref(), open, verdict)))
        })
        .await
    }

    pub async fn decide(&self, who: &str, gate: &str, verdict: Verdict) -> Result<Decision> {
        let decision = self.drafted(gate, verdict).await?;
        self.case.make(who, &decision).await
    }

    /// From the draft until its data is touched.
    pub async fn approved(&self) -> Result<()> {
        self.decide(&self.case.person(), "submission", Verdict::Submit).await?;
        self.decide(AUTHORITY, "approval", Verdict::Approve).await.map(drop)
    }

    /// The unit takes it back.
    pub async fn withdrawn(&self) -> Result<()> {
        let status = self.get().await?.status.unwrap_or_default();
        let filing = status.submission.context("not filed")?;
        let api = self.case.api::<Decision>(&self.case.person()).await?;
        let mut decision = api.get(&filing.name).await?;
        decision.metadata = kube::api::ObjectMeta { generate_name: Some("withdraw-".into()), ..Default::default() };
        decision.spec.verdict = Verdict::Withdraw;
        decision.spec.gate = "withdrawal".into();
        decision.spec.submission_uid = Some(filing.uid);
        decision.spec.decided_by = None;
        self.case.make(&self.case.person(), &decision).await.map(drop)
    }
}

/// A volume, and a claim of the unit that binds it.
pub async fn claim(case: &Case<'_>, name: &str, class: &str, mode: &str) -> Result<()> {
    let admin = case.world.admin().await?;
    let (namespace, volume) = (case.namespace(), format!("pv-{}-{}-{name}", case.unit, case.name));
    let spec = json!({
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": class, "volumeMode": mode,
        "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": format!("/tmp/{volume}")},
        "claimRef": {"namespace": namespace, "name": name},
    });
    let volume: PersistentVolume = serde_json::from_value(json!({"metadata": {"name": volume}, "spec": spec}))?;
    Api::all(admin.clone()).create(&PostParams::default(), &volume).await?;
    let spec = json!({
        "accessModes": ["ReadWriteOnce"], "storageClassName": class, "volumeMode": mode,
        "resources": {"requests": {"storage": "1Gi"}},
    });
    let claim: PersistentVolumeClaim = serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec}))?;
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(case.world.client(&case.person()).await?, &namespace);
    wait_until(&format!("{name} to be made"), PATIENCE, async || {
        match claims.create(&PostParams::default(), &claim).await {
            Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(Some(())),
            answer => answer.map(|_| Some(())).map_err(Into::into),
        }
    })
    .await?;
    eventually(&claims, name, "to be bound", |c| c.status.as_ref().and_then(|s| s.phase.as_deref()) == Some("Bound"))
        .await
        .map(drop)
}

/// The volume that backups go to.
pub async fn archive(case: &Case<'_>) -> Result<()> {
    let spec = json!({
        "capacity": {"storage": "600Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "archive",
        "persistentVolumeReclaimPolicy": "Delete", "hostPath": {"path": "/tmp/archive"},
        "claimRef": {"namespace": case.namespace(), "name": "yunguan-backup"},
    });
    let name = format!("archive-{}-{}", case.unit, case.name);
    let volume: PersistentVolume = serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec}))?;
    Api::all(case.world.admin().await?).create(&PostParams::default(), &volume).await.map(drop).map_err(Into::into)
}

/// What the operator's Jobs come to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Luck {
    Good,
    Bad,
    /// Not over yet.
    Slow,
}

/// Plays the node for the operator's Jobs in the namespace of a case, for as long as it is awaited.
pub async fn play(case: &Case<'_>, luck: impl Fn(&str) -> Luck) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(case.world.admin().await?, &case.namespace());
    let managed = ListParams::default().labels("yunguan.dev/managed=true");
    loop {
        for pod in pods.list(&managed).await.map(|list| list.items).unwrap_or_default() {
            let phase = pod.status.as_ref().and_then(|s| s.phase.clone()).unwrap_or_default();
            if ["Succeeded", "Failed"].contains(&phase.as_str()) {
                continue;
            }
            let name = pod.labels().get("batch.kubernetes.io/job-name").cloned().unwrap_or_default();
            let luck = luck(&name);
            if luck == Luck::Slow {
                continue;
            }
            let good = luck == Luck::Good;
            let container = pod.spec.as_ref().and_then(|s| s.containers.first()).context("a pod without container")?;
            // The same in each run: the Job's own name comes from uids.
            let claim = container.env.iter().flatten().find(|e| e.name == "CLAIM").and_then(|e| e.value.as_ref());
            let report =
                json!({"sha256": digest::of(&(&container.name, claim)), "files": 3, "bytes": 4096}).to_string();
            let (phase, code, message) =
                if good { ("Succeeded", 0, report) } else { ("Failed", 1, "disk on fire".to_owned()) };
            let state = json!({"terminated": {"exitCode": code, "message": message}});
            let status = json!({"status": {"phase": phase, "containerStatuses": [{
                "name": container.name, "image": "x", "imageID": "x", "ready": false, "restartCount": 0, "state": state}]}});
            // One that is gone by now has come to nothing.
            let _ = pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Strategic(status)).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The operator's Jobs and their pods, as they stand.
async fn helpers(case: &Case<'_>) -> Result<String> {
    let (admin, namespace) = (case.world.admin().await?, case.namespace());
    let managed = ListParams::default().labels("yunguan.dev/managed=true");
    let jobs: Api<Job> = Api::namespaced(admin.clone(), &namespace);
    let jobs = jobs.list(&managed).await?.items.into_iter().map(|job| (job.name_any(), job.status));
    let pods: Api<Pod> = Api::namespaced(admin, &namespace);
    let pods = pods.list(&managed).await?.items.into_iter().map(|pod| (pod.name_any(), pod.status));
    Ok(format!("{:#?}\n{:#?}", jobs.collect::<Vec<_>>(), pods.collect::<Vec<_>>()))
}

/// Does this while the node is played.
pub async fn played<T>(
    case: &Case<'_>,
    luck: impl Fn(&str) -> Luck,
    course: impl Future<Output = Result<T>>,
) -> Result<T> {
    // On the heap: a course is long.
    let course = Box::pin(course);
    tokio::select! {
        done = course => match done {
            Ok(done) => Ok(done),
            Err(error) => Err(error.context(helpers(case).await?)),
        },
        ended = play(case, luck) => ended.and_then(|()| anyhow::bail!("the node ended")),
    }
}

//! Articles 23 and 34 on a real node: what runs is stopped and runs again, and a system leaves so that its data is in the backup,
//! and nowhere on the disk that its volume lived on.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::{PersistentVolume, Pod};
use kube::api::{ListParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use yunguan::api::ServiceProduct;
use yunguan::api::decision::Verdict;
use yunguan::api::decommission::{BackupMode, DecommissionPhase};
use yunguan::api::service_product::PullPolicy;
use yunguan_cluster::{Node, node, wait_until};

use super::node::possible;
use super::sanctions::{deploy, says_suspended, template, workloads};
use crate::leaving::Leaving;
use crate::ordering::suspension;
use crate::support::{edit, objects};
use crate::world::*;

/// Pods start and end, on a machine that compiles at the same time.
const LONG: Duration = Duration::from_mins(2);
/// What is looked for on the disk.
const SECRET: &str = "patient 330102 has a very secret illness; ";

/// A disk of its own for a volume: a file system in a file.
struct Disk {
    image: std::path::PathBuf,
    place: std::path::PathBuf,
}

impl Disk {
    fn new(folder: &Path) -> Result<Self> {
        let (image, place) = (folder.join("disk.img"), folder.join("disk"));
        fs::File::create(&image)?.set_len(48 << 20)?;
        fs::create_dir(&place)?;
        // Without the blocks that ext4 sets aside, which nothing written into a file can reach.
        run("mkfs.ext2", &["-q", "-m", "0", &image.display().to_string()])?;
        run("mount", &["-o", "loop", &image.display().to_string(), &place.display().to_string()])?;
        run("chmod", &["777", &place.display().to_string()])?;
        Ok(Self { image, place })
    }

    /// How often the text stands on the disk, in files or between them.
    fn count(&self, text: &str) -> Result<usize> {
        run("sync", &[])?;
        let raw = fs::read(&self.image)?;
        Ok(raw.windows(text.len()).filter(|window| *window == text.as_bytes()).count())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = run("umount", &["-l", &self.place.display().to_string()]);
    }
}

fn run(program: &str, args: &[&str]) -> Result<()> {
    let done = Command::new(program).args(args).output().with_context(|| program.to_owned())?;
    ensure!(done.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

/// A volume at a place of the machine, for the claim of this name.
async fn volume(case: &Case<'_>, claim: &str, class: &str, size: &str, place: &Path) -> Result<()> {
    let spec = json!({
        "capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"], "storageClassName": class,
        "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": place.display().to_string()},
        "claimRef": {"namespace": case.namespace(), "name": claim},
    });
    let object = json!({"metadata": {"name": format!("pv-{claim}")}, "spec": spec});
    let volume: PersistentVolume = serde_json::from_value(object)?;
    Api::all(case.world.admin().await?).create(&PostParams::default(), &volume).await.map(drop).map_err(Into::into)
}

/// A pod that runs this once, with the volume at /data.
fn once(name: &str, script: &str) -> Value {
    let mut pod = template(name, "Never");
    pod["metadata"]["name"] = json!(name);
    pod["spec"]["containers"][0]["image"] = json!(node::SHELL);
    pod["spec"]["containers"][0]["command"] = json!(["/bin/sh", "-ec", script]);
    pod["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
    pod["spec"]["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]);
    pod
}

/// The apps of the pods that run now, each with its number.
async fn await_running(case: &Case<'_>, wanted: &[(&str, usize)]) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(case.world.admin().await?, &case.namespace());
    wait_until(&format!("{wanted:?} to run"), LONG, async || {
        let all = pods.list(&ListParams::default()).await?.items;
        let running = |app: &str| {
            let of_app = |pod: &&Pod| pod.labels().get("app").is_some_and(|label| label == app);
            let phase = |pod: &&Pod| pod.status.as_ref().and_then(|s| s.phase.as_deref()) == Some("Running");
            let stays = |pod: &&Pod| pod.metadata.deletion_timestamp.is_none();
            all.iter().filter(of_app).filter(phase).filter(stays).count()
        };
        let found: Vec<_> = wanted.iter().map(|(app, _)| (*app, running(app))).collect();
        ensure!(found == wanted, "{found:?}");
        Ok(Some(()))
    })
    .await
}

#[tokio::test]
async fn r23_2_r34_1_on_a_real_node_what_ran_runs_again_and_what_is_wiped_is_nowhere_on_the_disk() -> Result<()> {
    if !possible()? {
        return Ok(());
    }
    if !node::has_shell() {
        writeln!(std::io::stderr(), "skipped: this machine has no static busybox")?;
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let disk = Disk::new(folder.path())?;
    let archive = folder.path().join("archive");
    fs::create_dir(&archive)?;
    let world = World::new().await?;
    let node = Node::start(&world.cluster).await?;
    let admin = world.admin().await?;
    let products: Api<ServiceProduct> = Api::all(admin.clone());
    // The shipped scripts, on an image that is there without a registry.
    edit(&products, "bozhou-main.block-ssd", |product: &mut ServiceProduct| {
        let handling = product.spec.handling.iter_mut();
        for template in handling.flat_map(|h| [&mut h.backup, &mut h.wipe]).flatten() {
            template.image = node::SHELL.to_owned();
            template.image_pull_policy = Some(PullPolicy::Never);
        }
    })
    .await?;
    let case = crate::changing::live(&world, "t-node", "portal").await?;
    volume(&case, "data", "ssd", "48Mi", &disk.place).await?;
    volume(&case, "yunguan-backup", "archive", "600Gi", &archive).await?;

    // The unit works: what it writes lies on the disk, and what it deletes does so as well.
    let client = world.client(&case.person()).await?;
    let claim = json!({"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "ssd",
        "resources": {"requests": {"storage": "48Mi"}}}});
    objects(&client, "PersistentVolumeClaim", &case.namespace())
        .create(&PostParams::default(), &serde_json::from_value(claim)?)
        .await?;
    let script = format!(
        "mkdir -p '/data/a b'; for n in $(seq 2000); do echo '{SECRET}'$n; done >'/data/a b/kept'; \
         cp '/data/a b/kept' /data/deleted; sync; rm /data/deleted; ln -s 'a b/kept' /data/link; sync"
    );
    deploy(&client, &case.namespace(), &[("Pod", once("writer", &script))]).await?;
    let pods: Api<Pod> = Api::namespaced(admin.clone(), &case.namespace());
    wait_until("the data to be written", LONG, async || {
        let pod = pods.get("writer").await?;
        let phase = pod.status.and_then(|status| status.phase).unwrap_or_default();
        ensure!(["Succeeded", "Failed"].contains(&phase.as_str()), "{phase}");
        Ok(Some(phase))
    })
    .await
    .and_then(|phase| if phase == "Succeeded" { Ok(()) } else { anyhow::bail!("the writer {phase}") })
    .with_context(|| node.kubelet().log_tail())?;
    let written = disk.count(SECRET)?;
    ensure!(written > 2000, "only {written} times on the disk");

    let running = [("web", 2), ("db", 1), ("agent", 1), ("job", 1)];
    let stopped = running.map(|(app, _)| (app, 0));
    deploy(&client, &case.namespace(), &workloads()).await?;
    await_running(&case, &running).await?;
    let order = suspension(&case, "portal-suspended").await?;
    order.imposed().await?;
    await_running(&case, &stopped).await?;
    says_suspended(&case, Some("Suspended")).await?;
    order.lifted().await?;
    await_running(&case, &running).await?;

    let leaving = Leaving::of_unit(&case, "portal-leaves", BackupMode::Offline).await?;
    leaving.approved().await?;
    let form = leaving
        .phase_within(DecommissionPhase::ToConfirm, LONG)
        .await
        .with_context(|| node.pod_logs().unwrap_or_default())?;
    await_running(&case, &stopped).await?;
    let backup = archive.join("portal/data");
    let manifest = fs::read(backup.join("manifest.sha256"))?;
    let told = form.status.context("no status")?.volumes[0].backup.clone().context("no digest")?;
    assert_eq!(told, format!("{:x}", Sha256::digest(&manifest)), "the digest is that of the manifest");
    let unpacked = folder.path().join("unpacked");
    fs::create_dir(&unpacked)?;
    run("tar", &["-xf", &backup.join("data.tar").display().to_string(), "-C", &unpacked.display().to_string()])?;
    let kept = fs::read_to_string(unpacked.join("a b/kept"))?;
    ensure!(kept.lines().count() == 2000 && kept.starts_with(SECRET), "{} lines", kept.lines().count());
    let listed = format!("{:x}  ./a b/kept", Sha256::digest(kept.as_bytes()));
    ensure!(String::from_utf8_lossy(&manifest).contains(&listed), "the manifest has another digest");
    ensure!(disk.count(SECRET)? > 2000, "gone before the unit has confirmed");

    leaving.decide(&case.person(), "backup-confirmation", Verdict::Confirm).await?;
    leaving
        .phase_within(DecommissionPhase::ToAttest, LONG)
        .await
        .with_context(|| node.pod_logs().unwrap_or_default())?;
    let left = disk.count(SECRET)?;
    ensure!(left == 0, "it stands {left} times on the disk");
    leaving.decide(PROVIDER, "attestation", Verdict::File).await?;
    leaving.phase_within(DecommissionPhase::Closed, LONG).await?;
    println!(
        "on the disk before the wipe: {written} times, after it: {left}; in the backup: {} lines",
        kept.lines().count()
    );
    node.stop().await
}

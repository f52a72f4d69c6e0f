//! A real node for a cluster: containerd, kubelet and scheduler, so that pods run and what they use is measured.
//!
//! It takes root, and leaves nothing: its programs run in namespaces of their own (process ids, mounts; what runs in
//! containers also has a network of its own), which end with the first process in them, and below a cgroup of their own,
//! which the cluster's remover takes away. The kubelet alone is in the machine's network, and listens on loopback, so
//! `kubectl logs` and `exec` do not work; what pods write is in `node/pods` of the cluster's directory.

mod image;
mod needs;
mod settings;

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use k8s_openapi::api::core::v1::Node as NodeObject;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{Cluster, Person, Program, Spec, ports, programs, wait_until};

pub use image::{IMAGE, SHELL, has_shell};
pub use settings::INTERVAL;

/// The name of its object.
pub const NAME: &str = "node";
/// Who may read what the kubelet measured.
const SCRAPER: &str = "prometheus";
/// On a machine that compiles at the same time.
const READY_TIMEOUT: Duration = Duration::from_mins(2);

/// A running node. Dropping it ends it, with all that runs on it.
#[derive(Debug)]
pub struct Node {
    // Dropped in this order: what is in the namespaces before them.
    kubelet: Program,
    scheduler: Program,
    runtime: Program,
    directory: PathBuf,
    pki: PathBuf,
    port: u16,
}

impl Node {
    /// Whether this machine can run one.
    ///
    /// # Errors
    /// Says in words why not.
    pub fn possible() -> Result<(), String> {
        needs::check()
    }

    /// Adds a node to a cluster and waits until it is ready for pods. A cluster has room for one.
    ///
    /// # Errors
    /// When a program cannot be built or started: shows the end of its log.
    pub async fn start(cluster: &Cluster) -> Result<Self> {
        let wanted = |why: String| anyhow!("this machine cannot run a node: {why}");
        needs::check().map_err(wanted)?;
        let [kubelet, scheduler] = programs::paths(programs::NODE).await?;
        let (directory, pki) = (cluster.directory().join("node"), cluster.directory().join("pki"));
        fs::create_dir(&directory).context("the cluster has a node")?;
        let cgroup = cgroup(cluster)?;
        // From here on the remover knows what to take away.
        fs::write(cluster.directory().join("cgroup"), format!("{cgroup}\n"))?;

        let runtime = start_runtime(cluster, &directory, &cgroup)?;
        let pid = first_process(&runtime, &directory).await?;
        load_image(&directory, &pid).await.with_context(|| runtime.log_tail())?;

        let [port] = ports::free()?;
        let server = cluster.serving.server(NAME, &[Ipv4Addr::LOCALHOST])?;
        let scraper = cluster.clients.client(SCRAPER, &[], None)?;
        for (name, identity) in [("kubelet", server), (SCRAPER, scraper)] {
            fs::write(pki.join(format!("{name}.crt")), identity.cert)?;
            fs::write(pki.join(format!("{name}.key")), identity.key)?;
        }
        let settings = settings::kubelet(&directory, &pki, &cgroup, port);
        fs::write(directory.join("kubelet.json"), settings.to_string())?;
        let user = Person::new(format!("system:node:{NAME}")).group("system:nodes");
        let address = needs::address().map_err(wanted)?;
        let arguments = settings::kubelet_arguments(&directory, &cluster.kubeconfig(&user)?, NAME, address);
        let program = [kubelet.display().to_string()].into_iter().chain(arguments);
        let kubelet = cluster.run(spec(cluster, "kubelet", "nsenter", inside(&pid, program)))?;

        let user = cluster.kubeconfig(&Person::new("system:kube-scheduler"))?;
        let arguments =
            vec![format!("--kubeconfig={}", user.display()), "--leader-elect=false".into(), "--secure-port=0".into()];
        let scheduler = cluster.run(spec(cluster, "kube-scheduler", &scheduler.display().to_string(), arguments))?;
        let node = Self { kubelet, scheduler, runtime, directory, pki, port };
        node.ready(cluster).await?;
        let_scrape(cluster).await?;
        Ok(node)
    }

    /// Waits until it is ready for pods.
    ///
    /// # Errors
    /// When a program has ended, or it is not ready in time: shows the end of the kubelet's log.
    pub async fn ready(&self, cluster: &Cluster) -> Result<()> {
        let nodes: Api<NodeObject> = Api::all(cluster.client(&Person::masters()).await?);
        let ready = wait_until("the node to be ready", READY_TIMEOUT, async || {
            for program in [&self.runtime, &self.kubelet, &self.scheduler] {
                if program.exited()?.is_some() {
                    return Ok(Some(()));
                }
            }
            let node = nodes.get(NAME).await?;
            let taints = node.spec.and_then(|spec| spec.taints).unwrap_or_default();
            ensure!(taints.is_empty(), "{taints:?}");
            let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
            let found = conditions.iter().find(|c| c.type_ == "Ready").context("no condition Ready")?;
            ensure!(found.status == "True", "{}", found.message.as_deref().unwrap_or_default());
            Ok(Some(()))
        });
        let ready = ready.await;
        for program in [&self.runtime, &self.kubelet, &self.scheduler] {
            program.ensure_running()?;
        }
        ready.with_context(|| format!("last lines of the kubelet:\n{}", self.kubelet.log_tail()))
    }

    /// The kubelet's process; containers stay over a restart.
    #[must_use]
    pub fn kubelet(&self) -> &Program {
        &self.kubelet
    }

    /// The `scrape_configs` with which a Prometheus reads what the kubelet measures.
    #[must_use]
    pub fn scrapes(&self) -> Vec<Value> {
        settings::scrapes(&self.pki, self.port)
    }

    /// What the containers of all pods have written, by file.
    ///
    /// # Errors
    /// When a log cannot be read.
    pub fn pod_logs(&self) -> Result<String> {
        let mut all = String::new();
        let mut folders = vec![self.directory.join("pods")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    all = format!("{all}{}:\n{}", path.display(), fs::read_to_string(&path)?);
                }
            }
        }
        Ok(all)
    }

    /// Ends it and waits until its programs are dead. The cluster removes the rest at its own end.
    ///
    /// # Errors
    /// When something could not be ended.
    pub async fn stop(self) -> Result<()> {
        for program in [&self.kubelet, &self.scheduler, &self.runtime] {
            program.release().await?;
        }
        Ok(())
    }
}

/// A name of this cluster alone: its directory's.
fn cgroup(cluster: &Cluster) -> Result<String> {
    let name = cluster.directory().file_name().context("a directory without a name")?.display().to_string();
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    Ok(format!("yunguan-node-{plain}-{}", std::process::id()))
}

fn spec(cluster: &Cluster, name: &str, program: &str, args: Vec<String>) -> Spec {
    let log = cluster.directory().join(format!("{name}.log"));
    Spec { name: name.to_owned(), program: program.into(), args, env: Vec::new(), log }
}

/// Starts the first process of the node, and containerd under it.
fn start_runtime(cluster: &Cluster, directory: &Path, cgroup: &str) -> Result<Program> {
    let plugins = needs::plugins().map_err(|why| anyhow!(why))?;
    let networks = directory.join("networks");
    fs::create_dir(&networks)?;
    fs::write(networks.join("pods.conflist"), settings::network().to_string())?;
    let config = directory.join("containerd.toml");
    fs::write(&config, settings::containerd(directory, plugins))?;
    let mut args: Vec<String> =
        ["--mount", "--pid", "--net", "--fork", "--kill-child", "--", "/bin/sh", "-c", include_str!("node/init.sh")]
            .map(str::to_owned)
            .to_vec();
    args.extend(["yunguan-node".to_owned(), directory.display().to_string(), cgroup.to_owned()]);
    args.extend(["containerd".to_owned(), "--config".to_owned(), config.display().to_string()]);
    cluster.run(spec(cluster, "containerd", "unshare", args))
}

/// Waits for the first process, and gives its id.
async fn first_process(runtime: &Program, directory: &Path) -> Result<String> {
    let file = directory.join("pid");
    wait_until("the node's first process", READY_TIMEOUT, async || {
        runtime.ensure_running()?;
        Ok(file.exists().then_some(()))
    })
    .await?;
    Ok(fs::read_to_string(file)?.trim().to_owned())
}

/// Arguments of `nsenter` that run this program in the node's namespaces, but in the machine's network; it dies with
/// `nsenter`.
fn inside(pid: &str, program: impl IntoIterator<Item = String>) -> Vec<String> {
    let enter = ["--target", pid, "--mount", "--pid", "--", "setpriv", "--pdeathsig", "KILL", "--"].map(str::to_owned);
    enter.into_iter().chain(program).collect()
}

/// Puts the images into containerd, once that answers.
async fn load_image(directory: &Path, pid: &str) -> Result<()> {
    for archive in image::pack(directory).await? {
        let archive = archive.display().to_string();
        wait_until("containerd to take the image", READY_TIMEOUT, async || {
            let import = ["ctr", "-n", "k8s.io", "images", "import", "--snapshotter", "native", &archive];
            let mut command = Command::new("nsenter");
            command.args(inside(pid, import.map(str::to_owned)));
            image::run(command).await.map(Some)
        })
        .await?;
    }
    Ok(())
}

/// Prometheus may read what the kubelet measured, and nothing else.
async fn let_scrape(cluster: &Cluster) -> Result<()> {
    let client = cluster.client(&Person::masters()).await?;
    let role: ClusterRole = serde_json::from_value(json!({
        "metadata": {"name": SCRAPER},
        "rules": [{"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]}],
    }))?;
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": {"name": SCRAPER},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": SCRAPER},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": SCRAPER}],
    }))?;
    Api::all(client.clone()).create(&PostParams::default(), &role).await?;
    Api::all(client).create(&PostParams::default(), &binding).await?;
    Ok(())
}

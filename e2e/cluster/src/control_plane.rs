//! Starting etcd, the API server and the controller manager, and telling when they are ready.

use std::fs::{self, DirBuilder};
use std::net::Ipv4Addr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use http::Request;
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::certs::{Authority, Identity, key_pair};
use crate::people::{ADMIN, Person, certificate, write_private};
use crate::process::{Leashes, Program, Spec};
use crate::wait::wait_until;
use crate::{Cluster, Options, audit, ports, programs};

/// Where the API server's certificate is good for: what we use, and the service address that pods would use.
pub(crate) const ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::LOCALHOST, Ipv4Addr::new(10, 0, 0, 1)];
/// On a machine that compiles at the same time.
const READY_TIMEOUT: Duration = Duration::from_secs(90);
const TRIES: usize = 3;

impl Cluster {
    /// Starts a cluster and waits until it is ready: about 5 s, and some minutes the first time on a machine, when its
    /// programs are built.
    ///
    /// # Errors
    /// When a program cannot be built or started: shows the end of its log.
    pub async fn start(options: Options) -> Result<Self> {
        let [etcd, apiserver, controller_manager, kubectl] = programs::paths(programs::CONTROL_PLANE).await?;
        let binaries = Binaries { etcd, apiserver, controller_manager, kubectl };
        let mut tries = 1;
        loop {
            let cluster = spawn(&options, &binaries)?;
            let Err(error) = cluster.bring_up().await else { return Ok(cluster) };
            let lost_port = [&cluster.etcd, &cluster.apiserver]
                .iter()
                .any(|program| program.log().is_ok_and(|log| log.contains("address already in use")));
            cluster.stop().await?;
            if !lost_port || tries == TRIES {
                return Err(error);
            }
            tries += 1;
        }
    }

    async fn bring_up(&self) -> Result<()> {
        ready(self, READY_TIMEOUT).await?;
        let binding: ClusterRoleBinding = serde_json::from_value(json!({
            "metadata": {"name": ADMIN},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": ADMIN}],
        }))?;
        let bindings: Api<ClusterRoleBinding> = Api::all(self.client(&Person::masters()).await?);
        bindings.create(&PostParams::default(), &binding).await.context("cannot bind the admin to cluster-admin")?;
        Ok(())
    }
}

struct Binaries {
    etcd: PathBuf,
    apiserver: PathBuf,
    controller_manager: PathBuf,
    kubectl: PathBuf,
}

/// Waits until the API server is ready and the controller manager has given `default` what each namespace gets.
pub(crate) async fn ready(cluster: &Cluster, timeout: Duration) -> Result<()> {
    let mut client = None;
    let ready = wait_until("the control plane to be ready", timeout, async || {
        if cluster.etcd.exited()?.is_some() || cluster.apiserver.exited()?.is_some() {
            return Ok(Some(()));
        }
        // It gives up by itself when the API server takes longer than 10 s.
        if cluster.controller_manager.exited()?.is_some() {
            cluster.controller_manager.start_again()?;
        }
        let client = match &client {
            Some(client) => client,
            None => client.insert(cluster.client(&Person::masters()).await?),
        };
        answers(client).await.map(Some)
    })
    .await;
    cluster.etcd.ensure_running()?;
    cluster.apiserver.ensure_running()?;
    ready.with_context(|| {
        format!(
            "last lines of the API server:\n{}\nlast lines of the controller manager:\n{}",
            cluster.apiserver.log_tail(),
            cluster.controller_manager.log_tail()
        )
    })
}

async fn answers(client: &Client) -> Result<()> {
    client.request_text(Request::get("/readyz").body(Vec::new())?).await.context("/readyz")?;
    Api::<ServiceAccount>::namespaced(client.clone(), "default").get("default").await?;
    Api::<ConfigMap>::namespaced(client.clone(), "default").get("kube-root-ca.crt").await?;
    Ok(())
}

fn spawn(options: &Options, binaries: &Binaries) -> Result<Cluster> {
    let directory = make_directory(options.directory.as_deref())?;
    let leashes = Leashes::new(&directory)?;
    for sub in ["kubeconfigs", "pki"] {
        fs::create_dir(directory.join(sub))?;
    }
    let [etcd_port, peer_port, port] = ports::free()?;
    let files = Files(&directory);
    // Authorities of their own, so that no person's certificate opens etcd or speaks for others.
    let (etcd_ca, serving) = (Authority::new("etcd")?, Authority::new("serving")?);
    let (clients, front_proxy) = (Authority::new("clients")?, Authority::new("front-proxy")?);

    let etcd_args = etcd_args(&files, &etcd_ca, etcd_port, peer_port, options.fsync)?;
    let etcd = Program::start(files.spec("etcd", &binaries.etcd, etcd_args), &leashes)?;
    let (private, public) = key_pair()?;
    let keys = Keys { private: files.pki("accounts.key", &private)?, public: files.pki("accounts.pub", &public)? };
    let serving_ca = files.pki("serving-ca.crt", &serving.cert)?;
    let signer = (files.pki("clients-ca.crt", &clients.cert)?, files.pki("clients-ca.key", &clients.key()?)?);
    files.pki("front-proxy-ca.crt", &front_proxy.cert)?;
    write_private(&directory.join("audit-policy.json"), &audit::policy())?;
    let server = serving.server("kube-apiserver", &ADDRESSES)?;
    let apiserver_args = apiserver_args(&files, &server, &keys, port, etcd_port)?;
    let apiserver = Program::start(files.spec("kube-apiserver", &binaries.apiserver, apiserver_args), &leashes)?;

    let manager = clients.client("system:kube-controller-manager", &[], None)?;
    let kubeconfig = directory.join("kubeconfigs").join("controller-manager.json");
    write_private(&kubeconfig, &kubeconfig_json(port, &serving, &certificate(&manager)))?;
    let manager_args = controller_manager_args(&kubeconfig, &keys, &serving_ca, &signer);
    let spec = files.spec("kube-controller-manager", &binaries.controller_manager, manager_args);
    let controller_manager = Program::start(spec, &leashes)?;
    let kubectl = binaries.kubectl.clone();
    Ok(Cluster {
        apiserver,
        controller_manager,
        etcd,
        leashes,
        directory,
        port,
        kubectl,
        serving,
        clients,
        front_proxy,
    })
}

/// Everything in it may be removed later, so it must be ours alone.
fn make_directory(wanted: Option<&Path>) -> Result<PathBuf> {
    let Some(path) = wanted else {
        return Ok(tempfile::Builder::new().prefix("yunguan-cluster.").tempdir()?.keep());
    };
    if path.exists() {
        let empty = fs::read_dir(path)?.next().is_none();
        ensure!(empty, "{} is not empty: name an empty or absent directory", path.display());
        fs::remove_dir(path)?;
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    Ok(path.canonicalize()?)
}

struct Files<'d>(&'d Path);

impl Files<'_> {
    fn pki(&self, name: &str, content: &str) -> Result<String> {
        let path = self.0.join("pki").join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path.display().to_string())
    }

    /// Writes `NAME.crt` and `NAME.key`.
    fn identity(&self, name: &str, identity: &Identity) -> Result<(String, String)> {
        Ok((self.pki(&format!("{name}.crt"), &identity.cert)?, self.pki(&format!("{name}.key"), &identity.key)?))
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn spec(&self, name: &str, program: &Path, args: Vec<String>) -> Spec {
        let log = self.0.join(format!("{name}.log"));
        Spec { name: name.to_owned(), program: program.to_owned(), args, env: Vec::new(), log }
    }
}

struct Keys {
    private: String,
    public: String,
}

fn etcd_args(files: &Files, ca: &Authority, port: u16, peer_port: u16, fsync: bool) -> Result<Vec<String>> {
    let ca_file = files.pki("etcd-ca.crt", &ca.cert)?;
    let (cert, key) = files.identity("etcd", &ca.server("etcd", &[Ipv4Addr::LOCALHOST])?)?;
    files.identity("etcd-client", &ca.client("kube-apiserver", &[], None)?)?;
    let (client_url, peer_url) = (format!("https://127.0.0.1:{port}"), format!("https://127.0.0.1:{peer_port}"));
    let mut args = flags(&[
        ("name", "local"),
        ("data-dir", &files.path("etcd")),
        ("listen-client-urls", &client_url),
        ("advertise-client-urls", &client_url),
        ("listen-peer-urls", &peer_url),
        ("initial-advertise-peer-urls", &peer_url),
        ("initial-cluster", &format!("local={peer_url}")),
        ("client-cert-auth", "true"),
        ("trusted-ca-file", &ca_file),
        ("cert-file", &cert),
        ("key-file", &key),
        ("peer-client-cert-auth", "true"),
        ("peer-trusted-ca-file", &ca_file),
        ("peer-cert-file", &cert),
        ("peer-key-file", &key),
        ("quota-backend-bytes", "4294967296"),
        ("log-level", "warn"),
    ]);
    if !fsync {
        args.push("--unsafe-no-fsync".to_owned());
    }
    Ok(args)
}

fn apiserver_args(files: &Files, server: &Identity, keys: &Keys, port: u16, etcd_port: u16) -> Result<Vec<String>> {
    let (cert, key) = files.identity("serving", server)?;
    Ok(flags(&[
        ("etcd-servers", &format!("https://127.0.0.1:{etcd_port}")),
        ("etcd-cafile", &files.path("pki/etcd-ca.crt")),
        ("etcd-certfile", &files.path("pki/etcd-client.crt")),
        ("etcd-keyfile", &files.path("pki/etcd-client.key")),
        ("bind-address", "127.0.0.1"),
        ("advertise-address", "127.0.0.1"),
        ("secure-port", &port.to_string()),
        // Endpoints must not name a loopback address, and no pod is there to use them.
        ("endpoint-reconciler-type", "none"),
        ("tls-cert-file", &cert),
        ("tls-private-key-file", &key),
        ("cert-dir", &files.path("pki")),
        ("client-ca-file", &files.path("pki/clients-ca.crt")),
        ("requestheader-client-ca-file", &files.path("pki/front-proxy-ca.crt")),
        ("requestheader-allowed-names", "front-proxy"),
        ("requestheader-username-headers", "X-Remote-User"),
        ("requestheader-uid-headers", "X-Remote-Uid"),
        ("requestheader-group-headers", "X-Remote-Group"),
        ("requestheader-extra-headers-prefix", "X-Remote-Extra-"),
        ("service-account-issuer", "https://kubernetes.default.svc"),
        ("service-account-key-file", &keys.public),
        ("service-account-signing-key-file", &keys.private),
        ("service-cluster-ip-range", "10.0.0.0/24"),
        ("authorization-mode", "RBAC,Node"),
        ("audit-policy-file", &files.path("audit-policy.json")),
        ("audit-log-path", &files.path("audit.log")),
        ("audit-log-mode", "blocking"),
        // One file: a rotated log would hide its past from the tests.
        ("audit-log-maxsize", "4000"),
    ]))
}

fn controller_manager_args(
    kubeconfig: &Path,
    keys: &Keys,
    serving_ca: &str,
    (signer, signing_key): &(String, String),
) -> Vec<String> {
    let kubeconfig = kubeconfig.display().to_string();
    flags(&[
        ("kubeconfig", &kubeconfig),
        ("secure-port", "0"),
        ("leader-elect", "false"),
        ("use-service-account-credentials", "true"),
        ("service-account-private-key-file", &keys.private),
        ("root-ca-file", serving_ca),
        ("cluster-signing-cert-file", signer),
        ("cluster-signing-key-file", signing_key),
        ("concurrent-namespace-syncs", "20"),
        ("kube-api-qps", "500"),
        ("kube-api-burst", "1000"),
    ])
}

fn flags(pairs: &[(&str, &str)]) -> Vec<String> {
    pairs.iter().map(|(name, value)| format!("--{name}={value}")).collect()
}

/// A kubeconfig for this user.
pub(crate) fn kubeconfig_json(port: u16, serving: &Authority, user: &Value) -> Value {
    let ca = k8s_openapi::ByteString(serving.cert.clone().into_bytes());
    let server = format!("https://127.0.0.1:{port}");
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "local",
        "clusters": [{"name": "local", "cluster": {"server": server, "certificate-authority-data": ca}}],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": "user"}}],
    })
}

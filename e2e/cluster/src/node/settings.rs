//! What the programs of a node are told.

use std::net::IpAddr;
use std::path::Path;

use serde_json::{Value, json};

use super::image::IMAGE;

/// How often a node is scraped: on a busy machine a second is too little for an answer.
pub const INTERVAL: &str = "4s";

/// containerd, in which only the place of what it stores differs from its own: the rest is private to the node.
pub(super) fn containerd(directory: &Path, plugins: &Path) -> String {
    let (root, networks, plugins) = (directory.join("containerd"), directory.join("networks"), plugins.display());
    // - AppArmor profiles would stay with the machine.
    // - Without the right to lower the OOM score runc dies.
    // - Native snapshots are plain copies: the image is small, and they work on any file system.
    format!(
        r#"version = 2
root = "{}"
[plugins."io.containerd.grpc.v1.cri"]
disable_apparmor = true
restrict_oom_score_adj = true
sandbox_image = "{IMAGE}"
stream_server_address = "0.0.0.0"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{plugins}"
conf_dir = "{}"
"#,
        root.display(),
        networks.display()
    )
}

/// A network that ends in the node's own namespace: pods reach each other and nothing else.
pub(super) fn network() -> Value {
    let ipam = json!({"type": "host-local", "dataDir": "/run/networks", "ranges": [[{"subnet": "10.0.1.0/24"}]]});
    json!({"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "ptp", "ipMasq": false, "ipam": ipam}]})
}

/// The kubelet.
pub(super) fn kubelet(directory: &Path, pki: &Path, cgroup: &str, port: u16) -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "127.0.0.1",
        "port": port,
        "healthzPort": 0,
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": pki.join("clients-ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": pki.join("kubelet.crt"),
        "tlsPrivateKeyFile": pki.join("kubelet.key"),
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{cgroup}"),
        "failCgroupV1": false,
        "failSwapOn": false,
        "enforceNodeAllocatable": [],
        "localStorageCapacityIsolation": false,
        // The machine's disk may be full, and nothing here fills it.
        "evictionHard": {"imagefs.available": "0%", "nodefs.available": "0%", "memory.available": "0%"},
        "imageGCHighThresholdPercent": 100,
        // It works in the machine's network, whose packet filter is none of its business.
        "makeIPTablesUtilChains": false,
        "resolvConf": "/dev/null",
        "podLogsDir": directory.join("pods"),
        "volumePluginDir": directory.join("volume-plugins"),
    })
}

/// The kubelet's arguments.
pub(super) fn kubelet_arguments(directory: &Path, kubeconfig: &Path, name: &str, address: IpAddr) -> Vec<String> {
    vec![
        format!("--config={}", directory.join("kubelet.json").display()),
        format!("--kubeconfig={}", kubeconfig.display()),
        format!("--root-dir={}", directory.join("kubelet").display()),
        format!("--cert-dir={}", directory.join("kubelet-pki").display()),
        format!("--hostname-override={name}"),
        format!("--node-ip={address}"),
        // Tests wait for what is measured.
        "--housekeeping-interval=1s".to_owned(),
    ]
}

/// What a Prometheus scrapes of the kubelet, with the certificate of somebody who may.
pub(super) fn scrapes(pki: &Path, port: u16) -> Vec<Value> {
    let job = |name: &str, path: &str| {
        json!({
            "job_name": name,
            "scheme": "https",
            "metrics_path": path,
            "scrape_interval": INTERVAL,
            "scrape_timeout": INTERVAL,
            // A series with a time of its own would seem alive for five minutes after its kubelet has died.
            "honor_timestamps": false,
            "tls_config": {
                "ca_file": pki.join("serving-ca.crt"),
                "cert_file": pki.join("prometheus.crt"),
                "key_file": pki.join("prometheus.key"),
            },
            "static_configs": [{"targets": [format!("127.0.0.1:{port}")]}],
        })
    };
    vec![job("kubelet", "/metrics"), job("cadvisor", "/metrics/cadvisor")]
}

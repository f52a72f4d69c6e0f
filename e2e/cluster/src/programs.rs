//! Where the programs of the control plane, and those beside it, are: `tools/build` builds what is missing and knows the place.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

const BUILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/build");

/// What a cluster consists of.
pub const CONTROL_PLANE: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"];

/// What judges use: the server, and the tool that tests its rules and fills its database.
pub const PROMETHEUS: [&str; 2] = ["prometheus", "promtool"];

/// What a node has, besides what the machine brings.
pub const NODE: [&str; 2] = ["kubelet", "kube-scheduler"];

/// The paths of these programs, in order. The first call on a machine builds them, which takes minutes and shows its
/// progress on standard error.
///
/// # Errors
/// When one can be neither found nor built.
pub async fn paths<const N: usize>(names: [&str; N]) -> Result<[PathBuf; N]> {
    let output = Command::new(BUILD)
        .args(names)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("cannot run {BUILD}"))?;
    ensure!(output.status.success(), "{BUILD} {} failed: {}", names.join(" "), output.status);
    let paths: Vec<_> = String::from_utf8(output.stdout)?.lines().map(PathBuf::from).collect();
    paths.try_into().map_err(|paths| anyhow::anyhow!("{BUILD} printed {paths:?} for {names:?}"))
}

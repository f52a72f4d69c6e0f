//! The images of a node, made without a registry: static programs alone in their roots.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use crate::output;

/// Its name for pods, which say `imagePullPolicy: Never`. Alone it waits; with `LOW HIGH SECONDS` it uses `LOW` MiB of memory
/// for so many seconds, then `HIGH`, and so on.
pub const IMAGE: &str = "localhost/eater:1";

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/eater");

/// A shell with its tools, where the machine has a static `busybox`.
pub const SHELL: &str = "localhost/busybox:1";

const BUSYBOX: &str = "/bin/busybox";

/// Whether there is what [`SHELL`] is made of.
#[must_use]
pub fn has_shell() -> bool {
    let dynamic = std::process::Command::new("ldd").arg(BUSYBOX).output();
    Path::new(BUSYBOX).exists() && dynamic.is_ok_and(|done| !done.status.success())
}

/// Builds the programs and packs them as OCI archives below this directory.
pub(super) async fn pack(directory: &Path) -> Result<Vec<PathBuf>> {
    let root = directory.join("root");
    fs::create_dir_all(&root)?;
    let mut go = Command::new("go");
    go.args(["build", "-trimpath", "-ldflags=-s -w", "-o"]).arg(root.join("eater")).arg(".").current_dir(SOURCE);
    go.envs([("CGO_ENABLED", "0"), ("GOWORK", "off"), ("GOFLAGS", "-buildvcs=false")]);
    run(go).await?;
    let mut archives = vec![archive(directory, "image", &root, IMAGE, &["/eater"]).await?];
    if has_shell() {
        let root = directory.join("shell-root");
        fs::create_dir_all(root.join("bin"))?;
        fs::create_dir_all(root.join("tmp"))?;
        fs::copy(BUSYBOX, root.join("bin/busybox"))?;
        let mut list = Command::new(BUSYBOX);
        list.arg("--list").kill_on_drop(true);
        for tool in output(list, "").await?.stdout.lines().filter(|tool| *tool != "busybox") {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(tool))?;
        }
        archives.push(archive(directory, "shell", &root, SHELL, &["/bin/sh"]).await?);
    }
    Ok(archives)
}

/// Packs what is below `root` as an image of this name.
async fn archive(directory: &Path, called: &str, root: &Path, name: &str, entry: &[&str]) -> Result<PathBuf> {
    let image = directory.join(called);
    let blobs = image.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    let layer = directory.join(format!("{called}-layer.tar"));
    tar(root, ".", &layer).await?;
    let layer = fs::read(layer)?;
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": {"Entrypoint": entry, "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
    });
    let layer = blob(&blobs, "application/vnd.oci.image.layer.v1.tar", &layer)?;
    let config = blob(&blobs, "application/vnd.oci.image.config.v1+json", config.to_string().as_bytes())?;
    let media = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({"schemaVersion": 2, "mediaType": media, "config": config, "layers": [layer]});
    let mut manifest = blob(&blobs, media, manifest.to_string().as_bytes())?;
    manifest["annotations"] = json!({"io.containerd.image.name": name});
    fs::write(image.join("index.json"), json!({"schemaVersion": 2, "manifests": [manifest]}).to_string())?;
    fs::write(image.join("oci-layout"), json!({"imageLayoutVersion": "1.0.0"}).to_string())?;
    let archive = directory.join(format!("{called}.tar"));
    tar(&image, ".", &archive).await?;
    Ok(archive)
}

fn digest(content: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(content))
}

/// Writes it under its digest, and gives its descriptor.
fn blob(blobs: &Path, media: &str, content: &[u8]) -> Result<Value> {
    let digest = digest(content);
    let name = digest.strip_prefix("sha256:").context("no digest")?;
    fs::write(blobs.join(name), content)?;
    Ok(json!({"mediaType": media, "digest": digest, "size": content.len()}))
}

async fn tar(from: &Path, what: &str, to: &Path) -> Result<()> {
    let mut tar = Command::new("tar");
    tar.arg("-cf").arg(to).arg("-C").arg(from).arg(what);
    run(tar).await
}

/// Runs a command that must succeed.
pub(super) async fn run(mut command: Command) -> Result<()> {
    command.kill_on_drop(true);
    let shown = format!("{:?}", command.as_std());
    let done = output(command, "").await?;
    ensure!(done.status == 0, "{shown} failed: {}{}", done.stdout, done.stderr);
    Ok(())
}

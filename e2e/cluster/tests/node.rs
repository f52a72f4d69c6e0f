//! A test of the node that stories with real pods use.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Result, ensure};
use yunguan_cluster::{Cluster, Node, Options};

#[tokio::test]
async fn nothing_of_a_node_stays() -> Result<()> {
    if let Err(why) = Node::possible() {
        writeln!(std::io::stderr(), "skipped: this machine cannot run a node with pods: {why}")?;
        return Ok(());
    }
    let cluster = Cluster::start(Options::default()).await?;
    let directory = cluster.directory().to_owned();
    let node = Node::start(&cluster).await?;
    let cgroup = fs::read_to_string(directory.join("cgroup"))?;
    let of_node = || -> Result<usize> {
        let mut count = 0;
        for entry in fs::read_dir("/sys/fs/cgroup")? {
            count += usize::from(entry?.path().join(cgroup.trim()).exists());
        }
        Ok(count + usize::from(Path::new("/sys/fs/cgroup").join(cgroup.trim()).exists()))
    };
    ensure!(of_node()? > 0, "{cgroup}: the node has no cgroup, so this test sees nothing");
    node.stop().await?;
    cluster.stop().await?;
    ensure!(of_node()? == 0, "{cgroup}: still there");
    ensure!(!directory.exists(), "{}: still there", directory.display());
    let mounts = fs::read_to_string("/proc/mounts")?;
    ensure!(!mounts.contains(&directory.display().to_string()), "{mounts}");
    Ok(())
}

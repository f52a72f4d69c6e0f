//! What processes use, by the kernel's word.

use crate::ground::Ground;
use crate::world::World;
use anyhow::{Context as _, Result};
use std::time::Duration;

/// CPU time of the programs of a cluster since they were started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    /// The operator.
    pub operator: Duration,
    /// The API server.
    pub apiserver: Duration,
    /// etcd.
    pub etcd: Duration,
    /// The controller manager.
    pub manager: Duration,
}

impl Cpu {
    /// As it stands now; an operator that is ended uses none.
    pub fn of(ground: &Ground) -> Result<Self> {
        let World { cluster, operator, .. } = &ground.world;
        Ok(Self {
            operator: if operator.exited()?.is_none() { cpu(operator.pid())? } else { Duration::ZERO },
            apiserver: cpu(cluster.apiserver().pid())?,
            etcd: cpu(cluster.etcd().pid())?,
            manager: cpu(cluster.controller_manager().pid())?,
        })
    }

    /// Since then.
    pub fn since(self, before: Self) -> Self {
        Self {
            operator: self.operator.saturating_sub(before.operator),
            apiserver: self.apiserver.saturating_sub(before.apiserver),
            etcd: self.etcd.saturating_sub(before.etcd),
            manager: self.manager.saturating_sub(before.manager),
        }
    }

    /// All of it.
    pub fn all(self) -> Duration {
        self.operator + self.apiserver + self.etcd + self.manager
    }
}

/// User and system time of a process.
fn cpu(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    // The program's name, in brackets, may hold spaces: fields are counted after it. Linux counts in hundredths.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |field: usize| -> Result<u64> { Ok(fields.get(field).context("a short line")?.parse()?) };
    Ok(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
}

/// Resident memory of a process, in KiB.
pub fn resident(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

//! What processes use, by the kernel's word.

use crate::ground::Ground;
use anyhow::{Context as _, Result};
use std::time::Duration;

/// CPU time of the programs of a cluster since they were started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    /// The operator.
    pub operator: Duration,
    /// API server, etcd and controller manager.
    pub others: Duration,
}

impl Cpu {
    /// As it stands now.
    pub fn of(ground: &Ground) -> Result<Self> {
        let cluster = &ground.world.cluster;
        let others = [cluster.apiserver(), cluster.etcd(), cluster.controller_manager()];
        let others = others.into_iter().map(|program| cpu(program.pid())).sum::<Result<Duration>>()?;
        Ok(Self { operator: cpu(ground.world.operator.pid())?, others })
    }

    /// Since then.
    pub fn since(self, before: Self) -> Self {
        Self { operator: self.operator - before.operator, others: self.others - before.others }
    }

    /// The operator's part of all of it.
    pub fn share(self) -> f64 {
        self.operator.as_secs_f64() / (self.operator + self.others).as_secs_f64()
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

//! Orders against units (articles 34 and 38), and the people around them.

use crate::world::*;
use anyhow::{Context as _, Result, ensure};
use kube::api::PostParams;
use kube::{Api, ResourceExt as _};
use yunguan::api::common::RequestKind;
use yunguan::api::decision::Verdict;
use yunguan::api::sanction::{Measure, Order, SanctionPhase};
use yunguan::api::{Decision, Sanction, SanctionSpec};
use yunguan_cluster::wait_until;

/// A sanction against the unit of a case.
pub struct Ordering<'c, 'w> {
    pub case: &'c Case<'w>,
    pub name: String,
}

impl<'c, 'w> Ordering<'c, 'w> {
    /// A draft, made by the agency.
    pub async fn draft(case: &'c Case<'w>, name: &str, order: Order) -> Result<Self> {
        let order = Order {
            unit_name: format!("测试单位{}", case.unit),
            ground: "高危漏洞长期未修复".into(),
            article: "第三十四条".into(),
            mend: "修复漏洞并提交检测报告".into(),
            ..order
        };
        let sanction = Sanction::new(name, SanctionSpec { order });
        case.api::<Sanction>(AGENCY).await?.create(&PostParams::default(), &sanction).await?;
        Ok(Self { case, name: name.to_owned() })
    }

    pub async fn get(&self) -> Result<Sanction> {
        Ok(Api::namespaced(self.case.world.admin().await?, &self.case.home()).get(&self.name).await?)
    }

    pub async fn phase(&self, phase: SanctionPhase) -> Result<Sanction> {
        wait_until(&format!("{} to be {phase}", self.name), PATIENCE, async || {
            let sanction = self.get().await?;
            let status = sanction.status.clone().unwrap_or_default();
            let current = status.observed_generation == sanction.metadata.generation;
            ensure!(current && status.phase == phase, "{}: {:?}", status.phase, status.waiting_for);
            Ok(Some(sanction))
        })
        .await
    }

    pub async fn drafted(&self, gate: &str, verdict: Verdict) -> Result<Decision> {
        wait_until(&format!("gate {gate} of {}", self.name), PATIENCE, async || {
            let sanction = self.get().await?;
            let status = sanction.status.clone().unwrap_or_default();
            ensure!(status.observed_generation == sanction.metadata.generation, "status lags");
            let open = status.open_gates.iter().find(|g| g.gate == gate);
            let open = open.with_context(|| format!("{}: {:?}", status.phase, status.waiting_for))?;
            let named = (RequestKind::Sanction, sanction.name_any(), sanction.uid().context("no uid")?);
            Ok(Some(at_gate(named, status.submission.as_ref(), open, verdict)))
        })
        .await
    }

    pub async fn decide(&self, who: &str, gate: &str, verdict: Verdict) -> Result<Decision> {
        let decision = self.drafted(gate, verdict).await?;
        self.case.make(who, &decision).await
    }

    /// From the draft until it is in force.
    pub async fn imposed(&self) -> Result<Sanction> {
        self.decide(AGENCY, "submission", Verdict::Submit).await?;
        self.decide(AUTHORITY, "decision", Verdict::Approve).await?;
        self.phase(SanctionPhase::Imposed).await
    }

    /// The authority lifts it.
    pub async fn lifted(&self) -> Result<Sanction> {
        self.decide(AUTHORITY, "lift-decision", Verdict::Approve).await?;
        self.phase(SanctionPhase::Lifted).await
    }
}

/// A suspension of the system of a case.
pub async fn suspension<'c, 'w>(case: &'c Case<'w>, name: &str) -> Result<Ordering<'c, 'w>> {
    suspension_of(case, name, vec![case.name.clone()]).await
}

/// A suspension of several systems of the unit of a case.
pub async fn suspension_of<'c, 'w>(case: &'c Case<'w>, name: &str, systems: Vec<String>) -> Result<Ordering<'c, 'w>> {
    let order = Order { measure: Measure::Suspension, systems, ..Order::default() };
    Ordering::draft(case, name, order).await
}

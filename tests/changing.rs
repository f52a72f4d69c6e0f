//! Changes of live systems, and the people around them.

use crate::world::*;
use anyhow::{Context as _, Result, ensure};
use jiff::{Timestamp, ToSpan as _};
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::Api;
use kube::api::{ListParams, ObjectMeta, PostParams};
use yunguan::api::cloud_resource_request::{Phase, Urgency, UrgencyGround};
use yunguan::api::common::{Document, RequestKind, RequestRef, Time};
use yunguan::api::decision::{Evidence, LineAmount, TestResult, Verdict};
use yunguan::api::resource_change::{Change, ChangeLine, ChangePhase};
use yunguan::api::{Decision, DecisionSpec, ResourceChange, ResourceChangeSpec, WorkCalendar, WorkCalendarSpec};
use yunguan_cluster::wait_until;

/// A change of a system, and the people around it.
pub struct Changing<'c, 'w> {
    pub case: &'c Case<'w>,
    pub name: String,
}

pub fn lines(lines: &[(&str, i64)]) -> Vec<ChangeLine> {
    let line = |(name, quantity): &(&str, i64)| ChangeLine {
        name: (*name).to_owned(),
        quantity: *quantity,
        ..ChangeLine::default()
    };
    lines.iter().map(line).collect()
}

pub fn in_seconds(seconds: i64) -> Time {
    Time::new(Timestamp::now().checked_add(seconds.seconds()).unwrap_or_default())
}

impl<'c, 'w> Changing<'c, 'w> {
    /// A draft, made by who proposes it.
    pub async fn draft(case: &'c Case<'w>, who: &str, name: &str, change: Change) -> Result<Self> {
        let change = Change {
            unit_name: format!("测试单位{}", case.unit),
            system: case.name.clone(),
            reason: "业务增长".into(),
            ..change
        };
        let change = ResourceChange::new(name, ResourceChangeSpec { change, contacts: sample()?.spec.contacts });
        case.api::<ResourceChange>(who).await?.create(&PostParams::default(), &change).await?;
        Ok(Self { case, name: name.to_owned() })
    }

    pub async fn of_unit(case: &'c Case<'w>, name: &str, change: Change) -> Result<Self> {
        Self::draft(case, &case.person(), name, change).await
    }

    pub async fn get(&self) -> Result<ResourceChange> {
        Ok(Api::namespaced(self.case.world.admin().await?, &self.case.home()).get(&self.name).await?)
    }

    pub async fn phase(&self, phase: ChangePhase) -> Result<ResourceChange> {
        wait_until(&format!("{} to be {phase}", self.name), PATIENCE, async || {
            let change = self.get().await?;
            let status = change.status.clone().unwrap_or_default();
            let current = status.observed_generation == change.metadata.generation;
            ensure!(current && status.phase == phase, "{}: {:?}", status.phase, status.waiting_for);
            Ok(Some(change))
        })
        .await
    }

    /// Waits until it is on record.
    pub async fn committed(&self) -> Result<()> {
        wait_until(&format!("{} to be on record", self.name), PATIENCE, async || {
            let status = self.get().await?.status.unwrap_or_default();
            ensure!(status.committed, "{}: {:?}", status.phase, status.waiting_for);
            Ok(Some(()))
        })
        .await
    }

    /// Waits for a reason of a condition, and gives its message.
    pub async fn says(&self, type_: &str, reason: &str) -> Result<String> {
        wait_until(&format!("{type_} of {} to be {reason}", self.name), PATIENCE, async || {
            let status = self.get().await?.status.unwrap_or_default();
            let found = status.conditions.iter().find(|c| c.type_ == type_).context("no such condition")?;
            ensure!(found.reason == reason, "{}: {}", found.reason, found.message);
            Ok(Some(found.message.clone()))
        })
        .await
    }

    pub async fn drafted(&self, gate: &str, verdict: Verdict) -> Result<Decision> {
        wait_until(&format!("gate {gate} of {}", self.name), PATIENCE, async || {
            let change = self.get().await?;
            let status = change.status.clone().unwrap_or_default();
            ensure!(status.observed_generation == change.metadata.generation, "status lags");
            let open = status.open_gates.iter().find(|g| g.gate == gate);
            let open = open.with_context(|| format!("{}: {:?}", status.phase, status.waiting_for))?;
            let confirms = open.confirms_amounts && verdict == Verdict::Approve;
            let amount = |l: &ChangeLine| LineAmount { line: l.name.clone(), quantity: l.quantity };
            let report = |name: &String| Evidence {
                name: name.clone(),
                sha256: "0".repeat(64),
                uri: None,
                result: Some(TestResult::Passed),
            };
            let spec = DecisionSpec {
                request_ref: RequestRef {
                    kind: RequestKind::ResourceChange,
                    name: self.name.clone(),
                    uid: status.subject_uid.clone().context("no subject")?,
                },
                submission_uid: status.submission.filter(|_| verdict != Verdict::Submit).map(|s| s.uid),
                gate: gate.to_owned(),
                role: open.role.clone(),
                verdict,
                digest: open.digest.clone(),
                comment: Some("测试意见".to_owned()),
                evidence: open.reports.iter().map(report).collect(),
                grant: change.spec.change.lines.iter().filter(|_| confirms).map(amount).collect(),
                ..DecisionSpec::default()
            };
            let metadata = ObjectMeta { generate_name: Some(format!("{}-", self.name)), ..ObjectMeta::default() };
            Ok(Some(Decision { metadata, spec }))
        })
        .await
    }

    pub async fn decide(&self, who: &str, gate: &str, verdict: Verdict) -> Result<Decision> {
        let decision = self.drafted(gate, verdict).await?;
        self.case.make(who, &decision).await
    }

    /// Files it. Where use is not known the agency vouches for the need: most worlds have no Prometheus.
    async fn filed(&self) -> Result<()> {
        let filing = self.decide(&self.case.person(), "submission", Verdict::Submit).await?;
        let open = wait_until(&format!("{} to be taken up", self.name), PATIENCE, async || {
            let status = self.get().await?.status.unwrap_or_default();
            let taken_up = status.submission.is_some_and(|s| Some(s.uid) == filing.metadata.uid);
            Ok(taken_up.then_some(status.open_gates))
        })
        .await?;
        if open.iter().any(|gate| gate.gate == "usage-evidence") {
            self.decide(AGENCY, "usage-evidence", Verdict::Approve).await?;
        }
        Ok(())
    }

    pub async fn to_approval(&self) -> Result<()> {
        self.filed().await?;
        self.decide(AGENCY, "evaluation", Verdict::Approve).await?;
        Ok(())
    }

    /// Through the light tracks.
    pub async fn approved(&self) -> Result<()> {
        self.to_approval().await?;
        self.decide(AUTHORITY, "approval", Verdict::Approve).await?;
        Ok(())
    }
}

/// Waits until the quota gives so much of a resource.
pub async fn quota(case: &Case<'_>, resource: &str, amount: &str) -> Result<()> {
    let quotas: Api<ResourceQuota> = Api::namespaced(case.world.admin().await?, &case.namespace());
    wait_until(&format!("{resource} of {} to be {amount}", case.name), PATIENCE, async || {
        let hard = quotas.get("yunguan").await?.spec.and_then(|s| s.hard).unwrap_or_default();
        let now = hard.get(resource).map(|q| q.0.clone()).unwrap_or_default();
        ensure!(now == amount, "{now}");
        Ok(Some(()))
    })
    .await
}

/// A live system of a unit of its own.
pub async fn live<'w>(world: &'w World, unit: &str, code: &str) -> Result<Case<'w>> {
    world.unit(unit, None).await?;
    let case = world.draft(unit, code, |_| {}).await?;
    case.to_live().await?;
    Ok(case)
}

/// A draft of an urgent request (article 24).
pub async fn urgent_draft<'w>(world: &'w World, unit: &str, code: &str, domain: &str) -> Result<Case<'w>> {
    let draft = world.draft(unit, code, |spec| {
        let application = &mut spec.application;
        application.track = "Urgent".into();
        domain.clone_into(&mut application.domain);
        application.urgency = Some(Urgency { ground: UrgencyGround::NewDemand, paper: "UrgentDemand".into() });
        application.documents = vec![Document {
            type_: "UrgentDemand".into(),
            name: "通知".into(),
            sha256: "a".repeat(64),
            ..Document::default()
        }];
    });
    draft.await
}

/// An urgent request, up to its open resources.
pub async fn urgent<'w>(world: &'w World, unit: &str, code: &str, domain: &str) -> Result<Case<'w>> {
    let case = urgent_draft(world, unit, code, domain).await?;
    case.decide(&case.person(), "submission", Verdict::Submit).await?;
    case.decide(AGENCY, "evaluation", Verdict::Approve).await?;
    case.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    case.phase(Phase::Trial).await?;
    Ok(case)
}

/// A draft of the whole application for the system of an urgent request.
pub async fn whole_of<'w>(urgent: &Case<'w>) -> Result<Case<'w>> {
    let (code, name) = (&urgent.name, format!("{}.whole", urgent.name));
    let domain = urgent.system().await?.spec.domain;
    let draft = urgent.world.draft(&urgent.unit, &name, |spec| {
        spec.application.system.code.clone_from(code);
        spec.application.system_ref = Some(code.clone());
        spec.application.domain = domain;
    });
    draft.await
}

/// Working days of this year and the next in the city's region, where nobody has published them yet.
pub async fn publish_years(world: &World) -> Result<()> {
    let calendars: Api<WorkCalendar> = Api::all(world.admin().await?);
    let this = i32::from(Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).year());
    let known = calendars.list(&ListParams::default()).await?.items;
    for year in [this, this + 1] {
        if known.iter().any(|c| c.spec.region == "cn" && c.spec.year == year) {
            continue;
        }
        let spec =
            WorkCalendarSpec { region: "cn".into(), year, source: "测试".into(), ..WorkCalendarSpec::default() };
        calendars.create(&PostParams::default(), &WorkCalendar::new(&format!("cn-{year}"), spec)).await?;
    }
    Ok(())
}

//! The operator killed at writes of a flow, before one, after it is done, and after its answer: it ends where it would have
//! ended, with each thing made once. Some points are struck at each commit, others at the next; `make crash ALL=1` strikes all.

use super::oracles::{self, Deeds};
use crate::changing::*;
use crate::leaving::{Leaving, Luck, archive, claim, played};
use crate::ordering::suspension;
use crate::story::sanctions::{await_pods, deploy, workloads};
use crate::world::*;
use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use jiff::SignedDuration;
use serde_json::Value;
use std::time::Duration;
use yunguan::api::cloud_resource_request::Phase;
use yunguan::api::common::{Document, Time};
use yunguan::api::decision::Verdict;
use yunguan::api::decommission::{BackupMode, DecommissionPhase};
use yunguan::api::resource_change::{Change, ChangeGround, ChangePhase, Window};
use yunguan_cluster::faults::{Fault, Position, Proxy};
use yunguan_cluster::wait_until;

const CALM: Duration = Duration::from_millis(700);
/// How many more updates a run may take than the calm ones took: those merge up to two writes about what came close
/// together, which a run that is struck shows one by one.
const SLACK: i64 = 2;
const UNIT: &str = "t-crash";

/// A case that goes its way, while whoever finds the operator dead starts it again.
pub async fn survives<T>(world: &World, course: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::pin!(course);
    loop {
        tokio::select! {
            done = &mut course => return done,
            () = death(world) => {
                if let Some(code) = world.operator.exited()?.and_then(|status| status.code()) {
                    println!("the operator ended by itself, with {code}:\n{}", world.operator.log_tail());
                }
                world.operator.start_again()?;
            }
        }
    }
}

async fn death(world: &World) {
    let gone = async || Ok(world.operator.exited()?.map(drop));
    // It lives for as long as the course takes.
    while wait_until("the operator to die", Duration::from_mins(10), gone).await.is_err() {}
}

/// What is walked under fire.
#[derive(Clone, Copy, Debug)]
enum Flow {
    /// From the draft to the third signature.
    Standard,
    /// A permanent change, and a window that starts and ends.
    Changes,
    /// A major change, to its third signature.
    Major,
    /// An emergency, made good by the unit's annex 2.
    Agreed,
    /// The end of an emergency that the authority does not agree to; up to there it is like the one before.
    Refused,
    /// An urgent request, and the whole track after it.
    Urgent,
    /// A suspension of what runs, and its end.
    Suspended,
    /// A system that leaves with a backup of its volume.
    Leaves,
}

impl Flow {
    /// What comes before, undisturbed.
    async fn prepare(self, case: &Case<'_>, proxy: &Proxy) -> Result<()> {
        match self {
            Self::Standard | Self::Urgent => Ok(()),
            Self::Changes | Self::Major | Self::Agreed => {
                case.to_live().await?;
                oracles::at_rest(case.world, proxy, CALM).await
            }
            Self::Refused => {
                case.to_live().await?;
                emergency(case).await?;
                oracles::at_rest(case.world, proxy, CALM).await
            }
            Self::Suspended | Self::Leaves => {
                case.to_live().await?;
                let client = case.world.client(&case.person()).await?;
                deploy(&client, &case.namespace(), &workloads()[..1]).await?;
                await_pods(case, &[("web", false), ("web", false)]).await?;
                if matches!(self, Self::Leaves) {
                    claim(case, "data", "ssd", "Filesystem").await?;
                    archive(case).await?;
                }
                oracles::at_rest(case.world, proxy, CALM).await
            }
        }
    }

    /// How many points are struck unless all are: 150 in all flows together.
    const fn sample(self) -> usize {
        match self {
            Self::Standard => 30,
            Self::Changes | Self::Urgent => 24,
            Self::Leaves => 22,
            Self::Suspended => 16,
            Self::Major | Self::Agreed => 13,
            Self::Refused => 8,
        }
    }

    async fn draft<'w>(self, world: &'w World, code: &str) -> Result<Case<'w>> {
        match self {
            Self::Urgent => urgent_draft(world, UNIT, code, "bozhou-main").await,
            _ => world.draft(UNIT, code, |_| {}).await,
        }
    }

    async fn walk(self, case: &Case<'_>) -> Result<()> {
        match self {
            Self::Standard => case.to_live().await.map(drop),
            Self::Changes => {
                // Long enough for the people, whoever dies meanwhile.
                let clock = &case.world.clock;
                let until = clock.now()?.checked_add(SignedDuration::from_mins(10))?;
                let window = Some(Window { from: in_seconds(0), until: Time::new(until) });
                let ground = ChangeGround::ForeseeablePeak;
                let change = Change { ground, lines: lines(&[("cpu", 30)]), window, ..Change::default() };
                let peak = Changing::of_unit(case, &format!("{}.peak", case.name), change).await?;
                peak.approved().await?;
                peak.committed().await?;
                let change = Change { lines: lines(&[("cpu", 20), ("disk", 400)]), ..Change::default() };
                let more = Changing::of_unit(case, &format!("{}.more", case.name), change).await?;
                more.approved().await?;
                more.phase(ChangePhase::InEffect).await?;
                clock.advance_to(until)?;
                peak.phase(ChangePhase::Ended).await?;
                quota(case, "requests.cpu", "20").await
            }
            Self::Major => {
                let paper = |type_: &str| Document {
                    type_: type_.into(),
                    name: "材料".into(),
                    sha256: "0".repeat(64),
                    ..Document::default()
                };
                let documents = ["ConstructionApproval", "ConstructionPlan"].map(paper).to_vec();
                let change = Change { lines: lines(&[("cpu", 32)]), documents, ..Change::default() };
                let major = Changing::of_unit(case, &format!("{}.major", case.name), change).await?;
                major.decide(&case.person(), "submission", Verdict::Submit).await?;
                major.decide(AUTHORITY, "completeness", Verdict::Approve).await?;
                major.decide(AGENCY, "plan", Verdict::Confirm).await?;
                major.decide(AGENCY, "evaluation", Verdict::Approve).await?;
                major.decide(AUTHORITY, "approval", Verdict::Approve).await?;
                major.phase(ChangePhase::Testing).await?;
                major.decide(&case.person(), "trial-report", Verdict::File).await?;
                major.decide(&case.person(), "security-report", Verdict::File).await?;
                major.decide(&case.person(), "sign-unit", Verdict::Sign).await?;
                major.decide(PROVIDER, "sign-provider", Verdict::Sign).await?;
                major.decide(AUTHORITY, "sign-authority", Verdict::Sign).await?;
                major.phase(ChangePhase::InEffect).await?;
                quota(case, "requests.cpu", "32").await
            }
            Self::Agreed => {
                emergency(case).await?;
                let [alarm, annex] = emergency_of(case);
                annex.decide(AUTHORITY, "approval", Verdict::Approve).await?;
                annex.phase(ChangePhase::InEffect).await?;
                alarm.says("Settled", "Settled").await?;
                quota(case, "requests.cpu", "20").await
            }
            Self::Refused => {
                let [alarm, annex] = emergency_of(case);
                annex.decide(AUTHORITY, "approval", Verdict::Reject).await?;
                annex.phase(ChangePhase::Rejected).await?;
                alarm.phase(ChangePhase::Ended).await?;
                quota(case, "requests.cpu", "16").await
            }
            Self::Urgent => {
                case.decide(&case.person(), "submission", Verdict::Submit).await?;
                case.decide(AGENCY, "evaluation", Verdict::Approve).await?;
                case.decide(AUTHORITY, "approval", Verdict::Approve).await?;
                case.phase(Phase::Trial).await?;
                whole_of(case).await?.to_live().await?;
                quota(case, "requests.cpu", "16").await
            }
            Self::Suspended => {
                let order = suspension(case, &format!("{}.order", case.name)).await?;
                order.imposed().await?;
                await_pods(case, &[("web", true), ("web", true)]).await?;
                order.lifted().await?;
                await_pods(case, &[("web", false), ("web", false)]).await
            }
            Self::Leaves => {
                let leaving = Leaving::of_unit(case, &format!("{}.leaves", case.name), BackupMode::Offline).await?;
                leaving.approved().await?;
                let course = async {
                    leaving.phase(DecommissionPhase::ToConfirm).await?;
                    leaving.decide(&case.person(), "backup-confirmation", Verdict::Confirm).await?;
                    leaving.phase(DecommissionPhase::ToAttest).await
                };
                played(case, |_| Luck::Good, course).await?;
                leaving.decide(PROVIDER, "attestation", Verdict::File).await?;
                leaving.phase(DecommissionPhase::Closed).await.map(drop)
            }
        }
    }
}

/// An emergency, and the unit's annex 2.
fn emergency_of<'c, 'w>(case: &'c Case<'w>) -> [Changing<'c, 'w>; 2] {
    ["alarm", "annex"].map(|name| Changing { case, name: format!("{}.{name}", case.name) })
}

/// An emergency that is open, and the unit's annex 2 for some of it before the authority.
async fn emergency(case: &Case<'_>) -> Result<()> {
    let [Changing { name: alarm, .. }, Changing { name: annex, .. }] = emergency_of(case);
    let ground = ChangeGround::Emergency;
    let change = Change { ground, lines: lines(&[("cpu", 32)]), ..Change::default() };
    let open = Changing::draft(case, PROVIDER, &alarm, change).await?;
    open.decide(PROVIDER, "submission", Verdict::Submit).await?;
    open.decide(AGENCY, "agency-consent", Verdict::Approve).await?;
    open.decide(&case.person(), "unit-consent", Verdict::Approve).await?;
    quota(case, "requests.cpu", "32").await?;
    open.phase(ChangePhase::InEffect).await?;
    let change = Change { ground, lines: lines(&[("cpu", 20)]), settles: Some(alarm), ..Change::default() };
    let annex = Changing::of_unit(case, &annex, change).await?;
    annex.to_approval().await?;
    annex.drafted("approval", Verdict::Approve).await.map(drop)
}

/// One case through a flow, with this fault; where it ended (as the calm one did), and what was done for it.
async fn run(
    world: &World,
    proxy: &Proxy,
    flow: Flow,
    code: &str,
    calm: Option<&Value>,
    fault: Option<(u64, Fault)>,
) -> Result<(Value, Deeds, u64)> {
    proxy.disarm();
    let mut log = world.cluster.audit_from_now()?;
    let strikes = proxy.strikes();
    let course = async {
        let case = flow.draft(world, code).await?;
        Box::pin(flow.prepare(&case, proxy)).await?;
        match fault {
            Some((write, fault)) => proxy.arm(write, fault, world.operator.pid()),
            None => proxy.disarm(),
        }
        Box::pin(flow.walk(&case)).await?;
        oracles::at_rest(world, proxy, CALM).await?;
        // On a busy machine an operator that has just started is at rest before it has begun.
        wait_until("it to end where the calm one did", PATIENCE, async || {
            let end = oracles::end_of(&case).await?;
            let differ = calm.map(|calm| oracles::differences(&end, calm)).unwrap_or_default();
            ensure!(differ.is_empty(), "{differ:#?}");
            Ok(Some((oracles::deeds(&mut log, &case)?, end)))
        })
        .await
    };
    let (deeds, end) = survives(world, course).await.with_context(|| {
        let (writes, lives) = (proxy.writes(), world.operator.exited());
        format!("{fault:?}: operator ended: {lives:?}\n{writes:#?}\n{}", world.operator.log_tail())
    })?;
    Ok((end, deeds, proxy.strikes() - strikes))
}

/// The points of a flow that are struck: each write at each position, or every so many of them, counted from a place that
/// differs from commit to commit.
fn points(flow: Flow, writes: u64) -> Vec<(u64, Position)> {
    let all: Vec<_> = (1..=writes).flat_map(|write| Position::ALL.map(|at| (write, at))).collect();
    if std::env::var_os("YUNGUAN_CRASH").is_some_and(|points| points == "all") {
        return all;
    }
    let mut stride = all.len().div_ceil(flow.sample()).max(1);
    // Else each would be struck at the same position.
    while stride > 1 && stride.is_multiple_of(Position::ALL.len()) {
        stride += 1;
    }
    let commit = std::process::Command::new("git").args(["rev-parse", "HEAD"]).output();
    let commit = commit.map(|git| String::from_utf8_lossy(&git.stdout).into_owned()).unwrap_or_default();
    let offset = commit.get(..8).and_then(|text| usize::from_str_radix(text, 16).ok()).unwrap_or_default() % stride;
    println!("{flow:?}: every {stride}. of {} crash points, from number {offset} on", all.len());
    all.into_iter().skip(offset).step_by(stride).collect()
}

/// Strikes every `lanes`th of a flow's points, from this lane's on.
async fn strike(world: &World, flow: Flow, lane: usize, lanes: usize) -> Result<usize> {
    let proxy = world.proxy.clone().context("no proxy")?;
    // Capitals are for kinds.
    let name = format!("{flow:?}").to_lowercase();
    let (calm, whole, _) = run(world, &proxy, flow, &format!("{name}-calm"), None, None).await?;
    let made_once = |deeds: &Deeds| deeds.creates.values().all(|n| *n == 1);
    ensure!(made_once(&whole), "{:?}", whole.creates);
    let mut writes = proxy.writes().len();
    // Changes that come close together are shown by one write, so a calm run has a few writes more or less.
    let mut updates: usize = whole.updates.values().sum();
    for again in 0..2 {
        let (_, deeds, _) = run(world, &proxy, flow, &format!("{name}-calm-{again}"), Some(&calm), None).await?;
        updates = updates.max(deeds.updates.values().sum());
        writes = writes.max(proxy.writes().len());
    }
    let (mut struck, mut extra) = (0, Vec::new());
    for (n, (write, position)) in points(flow, writes.try_into()?).into_iter().skip(lane).step_by(lanes).enumerate() {
        let fault = Some((write, Fault::Crash(position)));
        let (_, deeds, strikes) = run(world, &proxy, flow, &format!("{name}-{n}"), Some(&calm), fault).await?;
        if strikes == 0 {
            // This run has had fewer writes.
            continue;
        }
        let place = || format!("killed at write {write}, {position:?}");
        let writes = proxy.writes();
        ensure!(made_once(&deeds), "{}: {:?}\n{writes:#?}", place(), deeds.creates);
        let (made, wanted) = (deeds.creates.len(), whole.creates.len());
        ensure!(made == wanted, "{}: {made} objects instead of {wanted}\n{writes:#?}", place());
        let more = i64::try_from(deeds.updates.values().sum::<usize>())? - i64::try_from(updates)?;
        ensure!(more <= SLACK, "{}: {more} more updates than in a calm run\n{writes:#?}", place());
        extra.push(more);
        struck += 1;
    }
    extra.sort_unstable();
    println!("{flow:?}: {struck} crash points, updates beyond those of a calm run: {extra:?}");
    Ok(struck)
}

/// The points of each flow, in two clusters side by side.
async fn survives_all(flows: &[Flow]) -> Result<()> {
    const LANES: usize = 2;
    let lanes = (0..LANES).map(async |lane| {
        let world = World::with_faults().await?;
        world.keep_clients();
        world.unit(UNIT, None).await?;
        let mut points = Vec::new();
        for flow in flows {
            points.push(strike(&world, *flow, lane, LANES).await?);
        }
        anyhow::Ok(points)
    });
    let points = try_join_all(lanes).await?;
    for (n, flow) in flows.iter().enumerate() {
        let points: usize = points.iter().map(|points| points[n]).sum();
        println!("crash points of {flow:?}: {points}");
        ensure!(2 * points > flow.sample(), "only {points} points");
    }
    Ok(())
}

#[tokio::test]
async fn killed_at_any_write_the_operator_ends_in_the_same_place() -> Result<()> {
    Box::pin(survives_all(&[Flow::Standard])).await
}

#[tokio::test]
#[ignore = "takes minutes: make crash"]
async fn r24_1_killed_at_any_write_from_an_urgent_request_to_the_whole_track_the_operator_ends_in_the_same_place()
-> Result<()> {
    Box::pin(survives_all(&[Flow::Urgent])).await
}

#[tokio::test]
async fn r22_3_killed_at_any_write_of_a_change_or_a_window_the_operator_ends_in_the_same_place() -> Result<()> {
    Box::pin(survives_all(&[Flow::Changes])).await
}

#[tokio::test]
#[ignore = "takes minutes: make crash"]
async fn r22_2_r26_4_killed_at_any_write_of_a_major_change_or_an_emergency_the_operator_ends_in_the_same_place()
-> Result<()> {
    Box::pin(survives_all(&[Flow::Major, Flow::Agreed, Flow::Refused])).await
}

#[tokio::test]
#[ignore = "takes minutes: make crash"]
async fn r34_1_killed_at_any_write_of_a_suspension_or_its_end_the_operator_ends_in_the_same_place() -> Result<()> {
    Box::pin(survives_all(&[Flow::Suspended])).await
}

#[tokio::test]
#[ignore = "takes minutes: make crash"]
async fn r23_2_killed_at_writes_of_a_departure_the_operator_ends_in_the_same_place() -> Result<()> {
    Box::pin(survives_all(&[Flow::Leaves])).await
}

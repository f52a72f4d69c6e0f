//! What use suggests, in the real: a real Prometheus with weeks of history, real people, and nothing that happens by itself.

use super::usage::{points_at, rounds};
use crate::changing::*;
use crate::support::operator;
use crate::world::*;
use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use kube::api::{ListParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::Value;
use std::path::Path;
use yunguan::api::common::{RequestKind, RequestRef, Time};
use yunguan::api::decision::{Dismissal, Verdict};
use yunguan::api::resource_change::{Change, ChangeGround, ChangeLine, ChangePhase};
use yunguan::api::rightsizing_proposal::{Action, ObjectRef, ProposalPhase, UseRule};
use yunguan::api::{Decision, DecisionSpec, InformationSystem, ResourceChange, RightsizingProposal};
use yunguan::core::digest;
use yunguan_cluster::scenery::{Namespace, Scenery, of_a_system};
use yunguan_cluster::{Person, Trouble, wait_until};

/// Makes a system one that was opened a month ago, as the operator would have put it down then.
pub async fn aged(case: &Case<'_>) -> Result<()> {
    let systems: Api<InformationSystem> = Api::namespaced(operator(&case.world.cluster).await?, &case.home());
    let long_ago = Time::new(in_days(-30)?);
    wait_until(&format!("{} to be old", case.name), PATIENCE, async || {
        let mut system = systems.get(&case.name).await?;
        system.status.as_mut().context("no status")?.provisioned_at = Some(long_ago);
        systems.replace_status(&case.name, &PostParams::default(), &system).await?;
        Ok(Some(()))
    })
    .await
}

fn in_days(days: i64) -> Result<Timestamp> {
    Ok(Timestamp::now().checked_add(SignedDuration::from_hours(days * 24))?)
}

/// Waits until a proposal stands so.
pub async fn proposed(case: &Case<'_>, phase: ProposalPhase) -> Result<RightsizingProposal> {
    let api: Api<RightsizingProposal> = Api::namespaced(case.world.admin().await?, &case.home());
    let name = format!("{}-reduce", case.name);
    wait_until(&format!("{name} to be {phase}"), PATIENCE, async || {
        let Some(proposal) = api.get_opt(&name).await? else { return Ok(None) };
        let status = proposal.status.clone().unwrap_or_default();
        ensure!(status.observed_generation == proposal.metadata.generation, "status lags");
        ensure!(status.phase == phase, "{}: {:?}", status.phase, status.conditions);
        Ok(Some(proposal))
    })
    .await
}

/// The agency's draft of what is proposed.
async fn taken_up<'c, 'w>(case: &'c Case<'w>, proposal: &RightsizingProposal) -> Result<Changing<'c, 'w>> {
    let line = |l: &yunguan::api::rightsizing_proposal::ProposedLine| ChangeLine {
        name: l.name.clone(),
        quantity: l.after,
        ..ChangeLine::default()
    };
    let change = Change {
        ground: ChangeGround::Reduction,
        lines: proposal.spec.recommended.iter().map(line).collect(),
        proposal_ref: Some(ObjectRef { name: proposal.name_any(), uid: proposal.uid().unwrap_or_default() }),
        ..Change::default()
    };
    Changing::draft(case, AGENCY, &format!("{}-less", case.name), change).await
}

/// Runs the plugin as a person; it must succeed.
async fn plugin(world: &World, who: &str, args: &[&str]) -> Result<String> {
    let folder = Path::new(env!("CARGO_BIN_EXE_kubectl-yunguan")).parent().context("a folder")?;
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = world.cluster.kubectl_command(&Person::new(who))?;
    command.arg("yunguan").args(args).env("PATH", path).env("LC_ALL", "C.UTF-8");
    let output = yunguan_cluster::output(command, "").await?;
    ensure!(output.status == 0, "{who}: {args:?}: {}\n{}{}", output.status, output.stdout, output.stderr);
    Ok(output.stdout)
}

/// Up to the authority's decision, which is left open.
async fn heard(change: &Changing<'_, '_>) -> Result<()> {
    // The unit is against it, and has been heard.
    change.decide(&change.case.person(), "unit-opinion", Verdict::Reject).await?;
    change.decide(PROVIDER, "provider-opinion", Verdict::Approve).await?;
    Ok(())
}

/// Memory in the mean of the week, as if it had been half of what is granted.
pub fn awake(answer: &mut Value) {
    for series in answer["data"]["result"].as_array_mut().into_iter().flatten() {
        if series["metric"]["__name__"] == "yunguan:namespace_memory_used_ratio:avg1w" {
            series["value"][1] = Value::from("0.5");
        }
    }
}

#[tokio::test]
async fn r26_5_r27_1_a_sleepy_system_is_reduced_once_all_have_been_heard_and_never_on_what_is_not_known() -> Result<()>
{
    let folder = tempfile::tempdir()?;
    let world = World::with_usage(folder.path()).await?;
    world.unit("t-use", None).await?;
    let mut cases = Vec::new();
    for name in ["sleepy", "put-off", "woken"] {
        let case = world.draft("t-use", name, |_| {}).await?;
        case.to_live().await?;
        aged(&case).await?;
        cases.push(case);
    }
    publish_years(&world).await?;
    let low = scenery_of(&cases).await?;
    points_at(&world, low.proxy.url(), None, None).await?;
    let [sleepy, put_off, woken] = cases.as_slice() else { anyhow::bail!("three cases") };

    let proposal = proposed(sleepy, ProposalPhase::Proposed).await?;
    let spec = &proposal.spec;
    assert_eq!((spec.action, spec.rule), (Action::Reduce, UseRule::LowMemory));
    let line = spec.recommended.first().context("no line")?;
    ensure!(spec.recommended.len() == 1 && line.name == "memory" && (1..line.before).contains(&line.after), "{spec:?}");
    ensure!(spec.saving.is_some() && spec.evidence.figures.len() == 2, "{spec:?}");

    shown(sleepy, &proposal).await?;

    // Nothing happens by itself, however often use is looked at, and nothing is written twice.
    rounds(&low, 3).await?;
    quota(sleepy, "limits.memory", &format!("{}Gi", line.before)).await?;
    let changes: Api<ResourceChange> = Api::namespaced(world.admin().await?, &sleepy.home());
    assert_eq!(changes.list(&ListParams::default()).await?.items.len(), 0);
    let days = |system: InformationSystem| system.status.and_then(|s| s.usage_history).map(|h| h.months[0].days);
    assert_eq!(days(sleepy.system().await?), Some(1), "a day counts once");
    let again = proposed(sleepy, ProposalPhase::Proposed).await?;
    assert_eq!(again.resource_version(), proposal.resource_version());

    dismissed(put_off).await?;
    let waits = plugin(&world, AGENCY, &["inbox"]).await?;
    ensure!(waits.contains("proposal/sleepy-reduce") && !waits.contains("proposal/put-off-reduce"), "{waits}");
    let named = format!("{}/sleepy-reduce", sleepy.home());
    plugin(&world, AGENCY, &["takeup", &named, "--yes"]).await?;
    let change = Changing { case: sleepy, name: "sleepy-reduce".into() };
    heard(&change).await?;
    let underway = proposed(sleepy, ProposalPhase::Underway).await?;
    assert_eq!(underway.status.and_then(|s| s.change_ref).map(|c| c.name), Some(change.name.clone()));
    let other = taken_up(woken, &proposed(woken, ProposalPhase::Proposed).await?).await?;
    other.decide(AGENCY, "submission", Verdict::Submit).await?;
    heard(&other).await?;

    // Use has risen since: it goes back, with both findings.
    low.proxy.trouble(Trouble::Edited(awake));
    other.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    let told = other.says("Ready", "GroundGone").await?;
    ensure!(told.contains("10.0%") && told.contains("50.0%"), "{told}");
    other.phase(ChangePhase::Returned).await?;
    low.proxy.trouble(Trouble::None);
    // Where use is as it was, that filing still is over.
    proposed(woken, ProposalPhase::Proposed).await?;
    other.phase(ChangePhase::Returned).await?;

    // Prometheus dies: approved, and not carried out.
    low.prometheus.kill9().await?;
    change.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    let told = change.says("Ready", "UsageUnknown").await?;
    ensure!(told.contains("docs/usage.md"), "{told}");
    let held = change.phase(ChangePhase::Approved).await?;
    ensure!(!held.status.unwrap_or_default().committed, "it is on record");
    rounds(&low, 3).await?;
    quota(sleepy, "limits.memory", &format!("{}Gi", line.before)).await?;

    // It goes on by itself.
    low.prometheus.restart().await?;
    change.phase(ChangePhase::InEffect).await?;
    quota(sleepy, "limits.memory", &format!("{}Gi", line.after)).await?;
    proposed(sleepy, ProposalPhase::Done).await?;
    // What went back stays so until it is filed again, and what was dismissed comes back as dismissed.
    proposed(woken, ProposalPhase::Proposed).await?;
    other.phase(ChangePhase::Returned).await?;
    quota(woken, "limits.memory", &format!("{}Gi", line.before)).await?;
    proposed(put_off, ProposalPhase::Dismissed).await?;
    unread(woken, &low, line.before).await?;
    println!("reduced: 1 of 3, from {} to {} Gi, saving {:?} CNY a month", line.before, line.after, spec.saving);
    low.stop().await
}

/// A reduction that was not proposed is not carried out unread either.
async fn unread(woken: &Case<'_>, low: &Scenery, memory: i64) -> Result<()> {
    low.proxy.trouble(Trouble::Edited(awake));
    let less = Change { ground: ChangeGround::Reduction, lines: lines(&[("memory", 20)]), ..Change::default() };
    let change = Changing::draft(woken, AGENCY, "unread", less).await?;
    change.decide(AGENCY, "submission", Verdict::Submit).await?;
    heard(&change).await?;
    change.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    let told = change.says("Ready", "GroundGone").await?;
    ensure!(told.contains("50.0%"), "{told}");
    quota(woken, "limits.memory", &format!("{memory}Gi")).await
}

async fn scenery_of(cases: &[Case<'_>]) -> Result<Scenery> {
    let sleepy = Namespace { mean: 0.1, top: 0.2, ..of_a_system() };
    Scenery::start(cases.iter().map(|case| (case.namespace(), sleepy.clone())).collect()).await
}

/// The agency sees who uses what and what is proposed, and the table of the month as a clerk keeps it.
async fn shown(case: &Case<'_>, proposal: &RightsizingProposal) -> Result<()> {
    let history = case.system().await?.status.and_then(|s| s.usage_history).context("no day was taken")?;
    let [month] = history.months.as_slice() else { anyhow::bail!("one month: {history:?}") };
    let saving = &proposal.spec.saving.as_ref().context("no saving")?.0;
    let named = format!("{}/{}", case.home(), case.name);
    let page = plugin(case.world, AGENCY, &["usage", &named]).await?;
    let line = page.lines().find(|line| line.contains(&case.name)).with_context(|| page.clone())?;
    for part in ["10.0", "20.0", "·▁  low use", "Reduce memory", saving] {
        ensure!(line.contains(part), "{part}: {page}");
    }
    ensure!(page.contains("1 systems, use known of 1, 1 proposals open"), "{page}");

    let table = ["usage", "--month", &month.month.0, "--organization", "t-use", "-o", "csv", "--lang", "zh"];
    let text = plugin(case.world, AGENCY, &table).await?;
    let text = text.strip_prefix('\u{feff}').context("Excel would not know that it is UTF-8")?;
    let rows: Vec<csv::StringRecord> = csv::Reader::from_reader(text.as_bytes()).records().collect::<Result<_, _>>()?;
    let row = rows.iter().find(|row| row[1] == *case.name).with_context(|| text.to_owned())?;
    // Mean and highest of memory, storage, days measured: of one day, however often it was looked at.
    assert_eq!([&row[6], &row[7], &row[9], &row[10]], ["10.0", "20.0", "50.0", "1"], "{text}");
    // An hour that begins meanwhile is one without work.
    ensure!((4.5..=5.0).contains(&row[8].parse::<f64>()?), "{text}");
    ensure!(rows.len() == 4 && rows.last().is_some_and(|sum| sum[1] == *"合计 3 个"), "{text}");
    Ok(())
}

/// The agency dismisses it for a month; for a year it cannot.
async fn dismissed(case: &Case<'_>) -> Result<()> {
    let proposal = proposed(case, ProposalPhase::Proposed).await?;
    let uid = proposal.uid().unwrap_or_default();
    let until = |days: i64| in_days(days).map(|at| at.to_zoned(jiff::tz::TimeZone::UTC).date());
    let decision = |days: i64, name: &str| -> Result<Decision> {
        let spec = DecisionSpec {
            request_ref: RequestRef {
                kind: RequestKind::RightsizingProposal,
                name: proposal.name_any(),
                uid: uid.clone(),
            },
            gate: "take-up".into(),
            role: "agency".into(),
            verdict: Verdict::Reject,
            digest: digest::of_dismissal(&uid, UseRule::LowMemory),
            comment: Some("年底业务高峰".into()),
            dismissal: Some(Dismissal { rule: UseRule::LowMemory, until: until(days)? }),
            ..DecisionSpec::default()
        };
        Ok(Decision::new(name, spec))
    };
    case.make(AGENCY, &decision(365, "too-long")?).await?;
    let api: Api<RightsizingProposal> = Api::namespaced(case.world.admin().await?, &case.home());
    eventually(&api, &proposal.name_any(), "the dismissal to be void", |p| {
        p.status.as_ref().is_some_and(|s| s.void_decisions.iter().any(|v| v.name == "too-long"))
    })
    .await?;
    let by_unit = refusal(case.make(&case.person(), &decision(30, "by-the-unit")?).await)?;
    ensure!(by_unit.contains("yunguan-decision-check"), "{by_unit}");
    let named = format!("{}/{}", case.home(), proposal.name_any());
    let day = until(30)?.to_string();
    let told =
        plugin(case.world, AGENCY, &["dismiss", &named, "--reason", "年底业务高峰", "--until", &day, "--yes"]).await?;
    let now = proposed(case, ProposalPhase::Dismissed).await?;
    let status = now.status.context("no status")?;
    ensure!(status.dismissed_by.is_some_and(|name| told.contains(&name)), "{told}");
    assert_eq!(status.dismissed_until, Some(until(30)?));
    assert_eq!(now.spec, proposal.spec);
    Ok(())
}

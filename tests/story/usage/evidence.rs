//! Who may grow for good (article 26, 达标方可申请), by what a real Prometheus knew when it was filed.

use super::*;
use crate::changing::*;
use yunguan::api::ResourceChange;
use yunguan::api::decision::Verdict;
use yunguan::api::names::{CONDITION_ELIGIBLE, CONDITION_READY};
use yunguan::api::resource_change::{Change, ChangePhase};
use yunguan::api::usage::{Evidence, Finding};

async fn more<'c, 'w>(case: &'c Case<'w>, name: &str, cpu: i64) -> Result<Changing<'c, 'w>> {
    Changing::of_unit(case, name, Change { lines: lines(&[("cpu", cpu)]), ..Change::default() }).await
}

/// Files it, and gives the filing's uid.
pub async fn submit(change: &Changing<'_, '_>) -> Result<String> {
    let filing = change.decide(&change.case.person(), "submission", Verdict::Submit).await?;
    filing.metadata.uid.context("no uid")
}

/// Waits until what was found for a filing stands in the status.
pub async fn found(change: &Changing<'_, '_>, filing: &str) -> Result<(ResourceChange, Evidence)> {
    wait_until(&format!("what was found for {}", change.name), PATIENCE, async || {
        let change = change.get().await?;
        let evidence = change.status.as_ref().and_then(|s| s.evidence.clone()).context("nothing was found")?;
        ensure!(evidence.submission_uid == filing, "of another filing: {evidence:?}");
        Ok(Some((change, evidence)))
    })
    .await
}

fn open(change: &ResourceChange) -> Vec<&str> {
    change.status.iter().flat_map(|s| &s.open_gates).map(|g| g.gate.as_str()).collect()
}

#[tokio::test]
async fn r26_2_use_when_filing_decides_who_grows_for_good_and_stays_when_prometheus_is_gone() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let world = World::with_usage(folder.path()).await?;
    world.unit("t-use", None).await?;
    let cases = opened(&world, &["hot", "usual", "gaps"], 30, "bozhou-main").await?;
    world.clock.advance_to(Timestamp::now())?;
    let namespaces = vec![
        (cases[0].namespace(), Namespace { mean: 0.75, top: 0.78, ..of_a_system() }),
        (cases[1].namespace(), Namespace { mean: 0.70, top: 0.75, peaks: 2, storage: 0.70, ..of_a_system() }),
        (cases[2].namespace(), Namespace { mean: 0.90, top: 0.95, week: 0.85, ..of_a_system() }),
    ];
    let [hot, usual, gaps] = &cases[..] else { anyhow::bail!("three systems") };
    let scenery = Scenery::start(namespaces).await?;
    points_at(&world, &scenery.prometheus.url(), None, None).await?;
    says(hot, &[(EXPANSION, "True", "MemoryMean")]).await?;
    says(usual, &[(KNOWN, "True", "Measured"), (EXPANSION, "False", "WithinLimits")]).await?;
    says(gaps, &[(KNOWN, "True", "Measured"), (EXPANSION, "Unknown", "UsageUnknown")]).await?;

    // Drafts say what would be found, and filings find it.
    let (grows, waits) = (more(hot, "hot.more", 20).await?, more(hot, "hot.later", 22).await?);
    let (refused, vouched) = (more(usual, "usual.more", 20).await?, more(gaps, "gaps.more", 20).await?);
    ensure!(grows.says(CONDITION_ELIGIBLE, "MemoryMean").await?.contains("75.0%"));
    let told = refused.says(CONDITION_ELIGIBLE, "NotEligible").await?;
    for part in ["70.0% (above 70%", "hour 2 (at least 3)", "storage use 70.0%", "第二十六条"] {
        ensure!(told.contains(part), "{part}: {told}");
    }
    let filing = submit(&refused).await?;
    refused.phase(ChangePhase::Refused).await?;
    assert_eq!(found(&refused, &filing).await?.1.finding, Finding::NotEligible);
    assert_eq!(refused.says(CONDITION_READY, "NotEligible").await?, told);
    let filing = submit(&vouched).await?;
    let (change, evidence) = found(&vouched, &filing).await?;
    assert_eq!((open(&change), evidence.finding), (vec!["usage-evidence"], Finding::Unknown));
    ensure!(evidence.message.contains("of the week measured"), "{}", evidence.message);
    let filing = submit(&grows).await?;
    let (change, evidence) = found(&grows, &filing).await?;
    assert_eq!((open(&change), evidence.finding), (vec!["evaluation"], Finding::Eligible));

    // Prometheus dies, and the operator too: what was found for a filing stays.
    scenery.prometheus.kill9().await?;
    for case in &cases {
        says(case, &[(KNOWN, "False", "Unreachable"), (EXPANSION, "Unknown", "UsageUnknown")]).await?;
    }
    world.operator.kill9().await?;
    world.operator.restart().await?;
    let unknown = submit(&waits).await?;
    let (change, later) = found(&waits, &unknown).await?;
    assert_eq!(
        (open(&change), later.finding),
        (vec!["usage-evidence"], Finding::Unknown),
        "who files now is vouched for"
    );
    assert_eq!(found(&grows, &filing).await?.1, evidence);
    grows.decide(AGENCY, "evaluation", Verdict::Approve).await?;
    grows.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    grows.phase(ChangePhase::InEffect).await?;
    quota(hot, "requests.cpu", "20").await?;
    let grants = hot.system().await?.spec.grants;
    let on_record = grants.last().and_then(|g| g.change.clone()).and_then(|c| c.evidence);
    assert_eq!(on_record, Some(evidence), "what was found is on record");

    // The agency vouches with a reason; a rejected one gets nothing, and a refused one can be filed again.
    vouched.decide(AGENCY, "usage-evidence", Verdict::Approve).await?;
    vouched.decide(AGENCY, "evaluation", Verdict::Approve).await?;
    vouched.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    vouched.phase(ChangePhase::InEffect).await?;
    quota(gaps, "requests.cpu", "20").await?;
    refused.phase(ChangePhase::Refused).await?;
    let filing = submit(&refused).await?;
    assert_eq!(found(&refused, &filing).await?.1.finding, Finding::Unknown);
    refused.decide(AGENCY, "usage-evidence", Verdict::Reject).await?;
    refused.phase(ChangePhase::Rejected).await?;
    quota(usual, "requests.cpu", "16").await?;
    println!("filed: 5; by evidence 1, by the agency's word 1, refused 1, rejected 1, waiting for a word 1");
    scenery.stop().await
}

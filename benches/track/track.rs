//! The operator's rounds: many requests side by side from draft to live, decided by script with the people's own clients.

use crate::ground::{DOMAIN, Ground, PERSON, UNIT};
use crate::world::{AGENCY, AUTHORITY, PROVIDER, decision_at, fit, sample};
use anyhow::{Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::Api;
use kube::api::PostParams;
use std::time::{Duration, Instant};
use yunguan::api::cloud_resource_request::Phase;
use yunguan::api::decision::Verdict;
use yunguan::api::{CloudResourceRequest, Decision};
use yunguan::core::names::home_namespace;

/// Who decides what, in the order of the standard track.
const COURSE: [(&str, &str, Verdict); 10] = [
    (PERSON, "submission", Verdict::Submit),
    (AUTHORITY, "completeness", Verdict::Approve),
    (AGENCY, "plan", Verdict::Confirm),
    (AGENCY, "evaluation", Verdict::Approve),
    (AUTHORITY, LAST, Verdict::Approve),
    (PERSON, "trial-report", Verdict::File),
    (PERSON, "security-report", Verdict::File),
    (PERSON, "sign-unit", Verdict::Sign),
    (PROVIDER, "sign-provider", Verdict::Sign),
    (AUTHORITY, "sign-authority", Verdict::Sign),
];
/// After the decision at this gate the resources are opened.
const LAST: &str = "approval";

/// What came of many requests.
pub struct Round {
    /// From the first filing to the last live system.
    pub took: Duration,
    /// For each request, from the answer to the last decision until it was seen that its resources stand.
    pub opened_after: Vec<Duration>,
}

/// A draft as the unit writes it.
pub fn draft(name: &str) -> Result<CloudResourceRequest> {
    let mut request = sample()?;
    fit(&mut request, UNIT, name);
    DOMAIN.clone_into(&mut request.spec.application.domain);
    Ok(request)
}

/// Takes requests of these names to live systems, so many at once.
///
/// # Errors
/// When one does not get there.
pub async fn round(ground: &Ground, names: &[String], at_once: usize) -> Result<Round> {
    let start = Instant::now();
    let courses = stream::iter(names).map(|name| course(ground, name)).buffer_unordered(at_once);
    let opened_after = courses.try_collect().await?;
    Ok(Round { took: start.elapsed(), opened_after })
}

async fn course(ground: &Ground, name: &str) -> Result<Duration> {
    let home = home_namespace(UNIT);
    let requests: Api<CloudResourceRequest> = Api::namespaced(ground.client(PERSON)?, &home);
    requests.create(&PostParams::default(), &draft(name)?).await?;
    let mut opened_after = Duration::ZERO;
    for (who, gate, verdict) in COURSE {
        let what = format!("to be at gate {gate}");
        let request = ground.board.until(name, &what, |r| decision_at(r, gate, verdict).is_ok()).await?;
        let decisions: Api<Decision> = Api::namespaced(ground.client(who)?, &home);
        decisions.create(&PostParams::default(), &decision_at(&request, gate, verdict)?).await?;
        if gate == LAST {
            let decided = Instant::now();
            ground.board.until(name, "to be on trial", |r| phase(r) == Phase::Trial).await?;
            opened_after = decided.elapsed();
        }
    }
    let live = ground.board.until(name, "to be live", |r| phase(r) == Phase::Live).await?;
    ensure!(live.status.as_ref().is_some_and(|s| s.committed), "{name} is live and not committed");
    Ok(opened_after)
}

fn phase(request: &CloudResourceRequest) -> Phase {
    request.status.as_ref().map(|s| s.phase).unwrap_or_default()
}

//! Makes a decision about a request: reads, shows, asks, creates, and says what became of it.

use super::args::{Act, Making, Output};
use super::choose::{Wish, choose};
use super::decision::{self, Details};
use super::detail;
use super::evidence::{self, Report};
use super::failure::{Exit, Failure};
use super::outcome::Outcome;
use super::output;
use super::page::Page;
use super::session::Session;
use super::words;
use crate::api::cloud_resource_request::{CloudResourceRequestStatus, OpenGate, Phase};
use crate::api::decision::{Decision, LineAmount, TestResult, Verdict};
use crate::api::{CloudResourceRequest, names};
use crate::core::workflow::GATE_WITHDRAWAL;
use kube::ResourceExt as _;
use kube::api::PostParams;
use serde::Serialize;
use std::time::Duration;

/// How long the operator is given to catch up with the last edit.
const CATCH_UP: Duration = Duration::from_secs(10);

/// What somebody wants to decide about a request.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// What.
    pub verdict: Verdict,
    /// Where, and how.
    pub act: &'a Act,
    /// Amounts that they name.
    pub grant: &'a [LineAmount],
    /// Whether the others are as asked.
    pub as_asked: bool,
    /// Reports.
    pub reports: &'a [Report],
    /// What these find.
    pub result: TestResult,
}

/// What was made, for scripts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MadeReport<'a> {
    name: &'a str,
    namespace: &'a str,
    gate: &'a str,
    role: &'a str,
    verdict: Verdict,
    digest: &'a str,
    #[serde(flatten)]
    outcome: &'a Outcome,
}

/// Decides.
///
/// # Errors
/// When nothing can be decided as wanted; the failure says why and what to do.
pub async fn decide(session: &Session, format: Output, order: Order<'_>) -> Result<Exit, Failure> {
    let lang = session.lang;
    let (namespace, name) = session.target(&order.act.request)?;
    let request = current(session, &namespace, &name).await?;
    let gate = gate(session, &namespace, &request, &order).await?;
    decision::insist(lang, &gate, order.act.digest.as_deref())?;
    if order.verdict == Verdict::File {
        evidence::complete(lang, &gate, order.reports)?;
    }
    let details = Details {
        comment: order.act.making.comment.clone(),
        evidence: evidence::collect(lang, order.reports, order.result)?,
        grant: decision::amounts(lang, &request, &gate, order.verdict, order.grant, order.as_asked)?,
    };
    let spec = decision::build(lang, &request, &gate, order.verdict, details)?;
    let preview = detail::preview(lang, &request, &gate, &spec);
    let person = session.me().await?.username.unwrap_or_default();
    let round = request.status.as_ref().map(|s| s.round).unwrap_or_default();
    let wanted = decision::object(spec, &namespace, &person, round);
    let made = create(session, wanted, &preview, &order.act.making).await?;
    let Some(known) = made.outcome else {
        let outcome = watch(session, &namespace, &name, &made.decision, order.act.making.wait).await;
        return report(session, format, &made.decision, &outcome, outcome.page(lang));
    };
    // Who repeats a decision that does not count should learn so.
    let void = Outcome::of(&request, &made.decision.name_any()).filter(|o| matches!(o, Outcome::Void { .. }));
    match void {
        Some(void) if known == Outcome::AlreadyDecided => {
            let mut page = known.page(lang);
            page.append(void.page(lang));
            report_as(format, &made.decision, &void, page)
        }
        _ => report(session, format, &made.decision, &known, known.page(lang)),
    }
}

/// The request with a status that knows its last edit.
async fn current(session: &Session, namespace: &str, name: &str) -> Result<CloudResourceRequest, Failure> {
    let lang = session.lang;
    let request: CloudResourceRequest = session.get(namespace, name).await?;
    if caught_up(&request) {
        return Ok(request);
    }
    output::aside(&format!("{}\n", lang.waiting_for_operator()));
    let request = session.await_object(namespace, name, CATCH_UP, caught_up).await;
    request.ok_or_else(|| Failure::new(Exit::Error, lang.status_behind(), lang.next_status_behind()))
}

fn caught_up(request: &CloudResourceRequest) -> bool {
    let seen = request.status.as_ref().and_then(|s| s.observed_generation);
    seen.is_some_and(|seen| seen >= request.metadata.generation.unwrap_or_default())
}

async fn gate(
    session: &Session,
    namespace: &str,
    request: &CloudResourceRequest,
    order: &Order<'_>,
) -> Result<OpenGate, Failure> {
    let lang = session.lang;
    let default = CloudResourceRequestStatus::default();
    let status = request.status.as_ref().unwrap_or(&default);
    let (gates, wanted) = if order.verdict == Verdict::Withdraw {
        if status.committed {
            let phase = words::phase(lang, status.phase);
            return Err(Failure::new(Exit::Refused, lang.committed(&phase), lang.next_explain()));
        }
        let ended = matches!(status.phase, Phase::Returned | Phase::Rejected | Phase::Withdrawn);
        let filing = status.submission.as_ref().filter(|_| !ended);
        let filing = filing.ok_or_else(|| Failure::new(Exit::Refused, lang.cannot_withdraw(), lang.next_explain()))?;
        let filing: Decision = session.get(namespace, &filing.name).await?;
        (vec![decision::withdrawal_gate(&filing.spec)], Some(GATE_WITHDRAWAL))
    } else if order.verdict == Verdict::Submit {
        (status.open_gates.clone(), Some(names::GATE_SUBMISSION))
    } else {
        (status.open_gates.clone(), order.act.gate.as_deref())
    };
    let rights = session.rights(gates.iter().map(|g| (namespace, g))).await?;
    if rights.wildcard(namespace) {
        return Err(Failure::new(Exit::Refused, lang.wildcard(), lang.next_wildcard()));
    }
    let reports: Vec<String> = order.reports.iter().map(|r| r.kind.clone()).collect();
    let wish = Wish { verdict: order.verdict, gate: wanted, reports: &reports };
    let verb = order.verdict.verb();
    choose(lang, &gates, wish, |g| rights.may(namespace, &g.role, &verb)).cloned()
}

/// A decision, and what became of it where that is known without waiting.
pub(super) struct Made {
    pub(super) decision: Decision,
    pub(super) outcome: Option<Outcome>,
}

/// Shows what is decided, asks, and creates it.
pub(super) async fn create(
    session: &Session,
    decision: Decision,
    preview: &Page,
    making: &Making,
) -> Result<Made, Failure> {
    let lang = session.lang;
    let namespace = decision.namespace().unwrap_or_default();
    output::aside(&preview.render());
    if making.dry_run {
        return Ok(Made { decision, outcome: Some(Outcome::DryRun) });
    }
    if !making.yes {
        match output::ask(&lang.confirm()) {
            Some(true) => {}
            Some(false) => return Err(Failure::plain(Exit::Error, lang.not_confirmed())),
            None => return Err(Failure::new(Exit::Usage, lang.not_confirmed(), lang.next_yes())),
        }
    }
    match session.api::<Decision>(&namespace).create(&PostParams::default(), &decision).await {
        Ok(created) => Ok(Made { decision: created, outcome: None }),
        Err(kube::Error::Api(status)) if status.is_already_exists() => already(session, &namespace, decision).await,
        Err(error) => Err(session.failure(&error)),
    }
}

/// The same person has decided on the same content before: done, unless they now want something else.
async fn already(session: &Session, namespace: &str, wanted: Decision) -> Result<Made, Failure> {
    let lang = session.lang;
    let before: Decision = session.get(namespace, &wanted.name_any()).await?;
    if before.spec.verdict != wanted.spec.verdict || before.spec.grant != wanted.spec.grant {
        let verdict = words::verdict(lang, before.spec.verdict);
        return Err(Failure::new(Exit::Refused, lang.decided_otherwise(&verdict), lang.next_decided_otherwise()));
    }
    Ok(Made { decision: before, outcome: Some(Outcome::AlreadyDecided) })
}

async fn watch(session: &Session, namespace: &str, name: &str, decision: &Decision, seconds: u64) -> Outcome {
    let made = decision.name_any();
    let judged = |r: &CloudResourceRequest| Outcome::of(r, &made).is_some();
    let limit = Duration::from_secs(seconds);
    let request = if seconds == 0 { None } else { session.await_object(namespace, name, limit, judged).await };
    request.and_then(|r| Outcome::of(&r, &made)).unwrap_or(Outcome::Pending)
}

/// Prints what was made and what became of it.
pub(super) fn report(
    session: &Session,
    format: Output,
    decision: &Decision,
    outcome: &Outcome,
    more: Page,
) -> Result<Exit, Failure> {
    let lang = session.lang;
    if *outcome == Outcome::DryRun {
        let format = if format == Output::Json { Output::Json } else { Output::Yaml };
        output::result(format, decision, |_| Page::default())?;
        return Ok(Exit::Done);
    }
    let mut page = Page::default();
    if *outcome != Outcome::AlreadyDecided {
        let verdict = words::verdict(lang, decision.spec.verdict);
        page.line(lang.made(&verdict, &decision.spec.gate, &decision.name_any()));
    }
    page.append(more);
    report_as(format, decision, outcome, page)
}

fn report_as(format: Output, decision: &Decision, outcome: &Outcome, page: Page) -> Result<Exit, Failure> {
    let (name, namespace) = (decision.name_any(), decision.namespace().unwrap_or_default());
    let spec = &decision.spec;
    let made = MadeReport {
        name: &name,
        namespace: &namespace,
        gate: &spec.gate,
        role: &spec.role,
        verdict: spec.verdict,
        digest: &spec.digest,
        outcome,
    };
    output::result(format, &made, |_| page)?;
    Ok(outcome.exit())
}

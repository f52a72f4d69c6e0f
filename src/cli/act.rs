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
use super::paper::{Paper, Stage};
use super::read;
use super::session::Session;
use super::words;
use crate::api::cloud_resource_request::{OpenGate, Phase};
use crate::api::decision::{Decision, LineAmount, TestResult, Verdict};
use crate::api::names;
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
    let paper = current(session, &order.act.request).await?;
    let gate = gate(session, &paper, &order).await?;
    decision::insist(lang, &gate, order.act.digest.as_deref())?;
    if order.verdict == Verdict::File {
        evidence::complete(lang, &gate, order.reports)?;
    }
    let details = Details {
        comment: order.act.making.comment.clone(),
        evidence: evidence::collect(lang, order.reports, order.result)?,
        grant: decision::amounts(lang, &paper, &gate, order.verdict, order.grant, order.as_asked)?,
    };
    let spec = decision::build(lang, &paper, &gate, order.verdict, details)?;
    let clock = read::clock(session).await?;
    let preview = detail::preview(lang, &clock, &paper, &gate, &spec);
    let person = session.me().await?.username.unwrap_or_default();
    let wanted = decision::object(spec, paper.namespace(), &person, paper.standing().round);
    let made = create(session, wanted, &preview, &order.act.making).await?;
    let Some(known) = made.outcome else {
        let outcome = watch(session, &paper, &made.decision, order.act.making.wait).await;
        return report(session, format, &made.decision, &outcome, outcome.page(lang));
    };
    // Who repeats a decision that does not count should learn so.
    let void = Outcome::of(&paper, &made.decision.name_any()).filter(|o| matches!(o, Outcome::Void { .. }));
    match void {
        Some(void) if known == Outcome::AlreadyDecided => {
            let mut page = known.page(lang);
            page.append(void.page(lang));
            report_as(format, &made.decision, &void, page)
        }
        _ => report(session, format, &made.decision, &known, known.page(lang)),
    }
}

/// The paper with a status that knows its last edit.
async fn current(session: &Session, target: &str) -> Result<Paper, Failure> {
    let lang = session.lang;
    let paper = session.paper(target).await?;
    if caught_up(&paper) {
        return Ok(paper);
    }
    output::aside(&format!("{}\n", lang.waiting_for_operator()));
    let paper = session.await_paper(&paper, CATCH_UP, caught_up).await;
    paper.ok_or_else(|| Failure::new(Exit::Error, lang.status_behind(), lang.next_status_behind()))
}

fn caught_up(paper: &Paper) -> bool {
    paper.standing().observed_generation.is_some_and(|seen| seen >= paper.generation())
}

async fn gate(session: &Session, paper: &Paper, order: &Order<'_>) -> Result<OpenGate, Failure> {
    let lang = session.lang;
    let (namespace, status) = (paper.namespace(), paper.standing());
    let (gates, wanted) = if order.verdict == Verdict::Withdraw {
        // What was granted and never opened can still be taken back.
        if status.committed && status.stage != Stage::Request(Phase::Provisioning) {
            let phase = words::stage(lang, status.stage);
            return Err(Failure::new(Exit::Refused, lang.committed(&phase), lang.next_explain()));
        }
        let filing = status.submission.filter(|_| !status.stage.sent_back());
        let filing = filing.ok_or_else(|| Failure::new(Exit::Refused, lang.cannot_withdraw(), lang.next_explain()))?;
        let filing: Decision = session.get(namespace, &filing.name).await?;
        (vec![decision::withdrawal_gate(&filing.spec)], Some(GATE_WITHDRAWAL))
    } else if order.verdict == Verdict::Submit {
        (status.open_gates.to_vec(), Some(names::GATE_SUBMISSION))
    } else {
        (status.open_gates.to_vec(), order.act.gate.as_deref())
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

async fn watch(session: &Session, paper: &Paper, decision: &Decision, seconds: u64) -> Outcome {
    let made = decision.name_any();
    let judged = |p: &Paper| Outcome::of(p, &made).is_some();
    let limit = Duration::from_secs(seconds);
    let paper = if seconds == 0 { None } else { session.await_paper(paper, limit, judged).await };
    paper.and_then(|p| Outcome::of(&p, &made)).unwrap_or(Outcome::Pending)
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

//! Makes a decision about a request: reads, shows, asks, creates, and says what became of it.

use super::args::{Act, Making, Output};
use super::choose::{Wish, choose};
use super::decision::{self, Details};
use super::detail;
use super::evidence::{self, Report, Source};
use super::failure::{Exit, Failure};
use super::foresee::{self, Seen};
use super::lang::Lang;
use super::outcome::Outcome;
use super::output;
use super::page::Page;
use super::paper::{self, Paper, Stage};
use super::read;
use super::session::Session;
use super::words;
use crate::api::cloud_resource_request::{OpenGate, Phase};
use crate::api::common::{RequestKind, Time};
use crate::api::decision::{Decision, DecisionSpec, LineAmount, TestResult, Verdict};
use crate::api::names;
use crate::core::workflow::acts::{self, Prospect};
use crate::core::workflow::{DecisionFact, GATE_WITHDRAWAL};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;
use kube::api::PostParams;
use serde::Serialize;
use std::path::Path;
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
    /// One for all that the gate asks for and none of these is.
    pub all: Option<&'a Path>,
    /// What these find.
    pub result: TestResult,
    /// What the person did up to then is another matter.
    pub since: Option<Time>,
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

/// A submission of what was just drafted.
pub(super) fn submission(namespace: &str, kind: RequestKind, name: &str, making: &Making) -> Act {
    Act {
        request: format!("{namespace}/{}", paper::typed(kind, name)),
        gate: None,
        digest: None,
        making: making.clone(),
    }
}

impl<'a> Order<'a> {
    /// A verdict, and nothing with it.
    #[must_use]
    pub fn plain(verdict: Verdict, act: &'a Act) -> Self {
        Self {
            verdict,
            act,
            grant: &[],
            as_asked: false,
            reports: &[],
            all: None,
            result: TestResult::Passed,
            since: None,
        }
    }
}

impl Order<'_> {
    /// The reports, for a gate that asks for these kinds.
    fn reports_for(&self, kinds: &[String]) -> Vec<Report> {
        let mut reports = self.reports.to_vec();
        for kind in kinds {
            if let Some(file) = self.all
                && !reports.iter().any(|report| report.kind == *kind)
            {
                reports.push(Report { kind: kind.clone(), source: Source::File(file.to_owned()) });
            }
        }
        reports
    }
}

/// Decides.
///
/// # Errors
/// When nothing can be decided as wanted; the failure says why and what to do.
pub async fn decide(session: &Session, format: Output, order: Order<'_>) -> Result<Exit, Failure> {
    let lang = session.lang;
    let paper = current(session, &order.act.request).await?;
    let seen = Seen::read(session, &paper).await?;
    let gate = match gate(session, &paper, &seen, &order).await {
        Ok(gate) => gate,
        Err(failure) => {
            let username = session.me().await?.username.unwrap_or_default();
            let before = repeats(lang, &paper, &seen, &order, &username)?.ok_or(failure)?;
            let (outcome, decision) = (Outcome::AlreadyDecided, object(before, paper.namespace()));
            return report(session, format, &decision, &outcome, outcome.page(lang));
        }
    };
    decision::insist(lang, &gate, order.act.digest.as_deref())?;
    let reports = order.reports_for(&gate.reports);
    if order.verdict == Verdict::File {
        evidence::complete(lang, &gate, &reports)?;
    }
    let details = Details {
        comment: order.act.making.comment.clone(),
        evidence: evidence::collect(lang, &reports, order.result)?,
        grant: decision::amounts(lang, &paper, &gate, order.verdict, order.grant, order.as_asked)?,
    };
    let spec = decision::build(lang, &paper, &gate, order.verdict, details)?;
    let clock = read::clock(session).await?;
    let preview = detail::preview(lang, &clock, &paper, &gate, &spec);
    let mut wanted = stamped(session, paper.namespace(), spec).await?;
    let by = wanted.spec.decided_by.clone().unwrap_or_default();
    wanted.entitled = foresee::is_member(session, &gate, &by).await;
    let prospect = seen.prospect(&gate, &wanted);
    let made =
        create(session, paper.namespace(), &wanted, seen.decisions(), prospect, &preview, &order.act.making).await?;
    match made.outcome {
        Some(Outcome::DryRun) => report(session, format, &made.decision, &Outcome::DryRun, Page::default()),
        known => {
            let outcome = watch(session, &paper, &made.decision, order.act.making.wait).await;
            // Who repeats a decision learns whether it counts.
            let outcome = known.filter(|_| !matches!(outcome, Outcome::Void { .. })).unwrap_or(outcome);
            report(session, format, &made.decision, &outcome, outcome.page(lang))
        }
    }
}

/// The decision by which exactly this was done before, where its gate is no longer open to it; nothing where that is not so.
fn repeats<'s>(
    lang: Lang,
    paper: &Paper,
    seen: &'s Seen<'_>,
    order: &Order<'_>,
    username: &str,
) -> Result<Option<&'s DecisionFact>, Failure> {
    let gate = match order.verdict {
        Verdict::Submit => Some(names::GATE_SUBMISSION),
        Verdict::Withdraw => Some(GATE_WITHDRAWAL),
        _ => order.act.gate.as_deref(),
    };
    let before = seen.done_before(username, order.verdict, gate);
    let Some(before) = before.filter(|d| order.since.is_none_or(|since| d.at > since)) else { return Ok(None) };
    let there = &before.spec;
    let gate = OpenGate {
        gate: there.gate.clone(),
        role: there.role.clone(),
        digest: there.digest.clone(),
        confirms_amounts: !there.grant.is_empty(),
        reports: there.evidence.iter().map(|e| e.name.clone()).collect(),
        ..OpenGate::default()
    };
    let Ok(grant) = decision::amounts(lang, paper, &gate, order.verdict, order.grant, order.as_asked) else {
        return Ok(None);
    };
    let comment = order.act.making.comment.clone();
    let evidence = evidence::collect(lang, &order.reports_for(&gate.reports), order.result)?;
    let wanted = decision::build(lang, paper, &gate, order.verdict, Details { comment, evidence, grant })?;
    let read = decision::insist(lang, &gate, order.act.digest.as_deref()).is_ok();
    Ok(Some(before).filter(|before| read && acts::say_the_same(&before.spec, &wanted)))
}

/// A decision that is there, as an object.
pub(super) fn object(decision: &DecisionFact, namespace: &str) -> Decision {
    let mut object = Decision::new(&decision.name, decision.spec.clone());
    object.metadata.namespace = Some(namespace.to_owned());
    object.metadata.uid = Some(decision.uid.clone());
    object
}

/// The decision as the API server would stamp it. Admission speaks before anybody is asked.
///
/// # Errors
/// When admission refuses it.
pub(super) async fn stamped(session: &Session, namespace: &str, spec: DecisionSpec) -> Result<DecisionFact, Failure> {
    let mut probe = Decision::new("", spec);
    probe.metadata = ObjectMeta {
        generate_name: Some(format!("{}-", names::GATE_SUBMISSION)),
        namespace: Some(namespace.to_owned()),
        ..ObjectMeta::default()
    };
    let params = PostParams { dry_run: true, ..PostParams::default() };
    let made = session.api::<Decision>(namespace).create(&params, &probe).await.map_err(|e| session.failure(&e))?;
    Ok(DecisionFact {
        name: String::new(),
        uid: String::new(),
        at: Time::new(Timestamp::now()),
        order: u64::MAX,
        entitled: true,
        spec: made.spec,
    })
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

async fn gate(session: &Session, paper: &Paper, seen: &Seen<'_>, order: &Order<'_>) -> Result<OpenGate, Failure> {
    let lang = session.lang;
    let (namespace, status) = (paper.namespace(), paper.standing());
    let (gates, wanted) = if order.verdict == Verdict::Withdraw {
        // What was granted and never opened can still be taken back.
        if status.committed && status.stage != Stage::Request(Phase::Provisioning) {
            let phase = words::stage(lang, status.stage);
            return Err(Failure::new(Exit::Refused, lang.committed(&phase), lang.next_explain()));
        }
        let filing = status.submission.filter(|_| !status.stage.sent_back());
        let filing = filing.and_then(|filing| seen.decisions().iter().find(|d| d.uid == filing.uid));
        let filing = filing.ok_or_else(|| Failure::new(Exit::Refused, lang.cannot_withdraw(), lang.next_explain()))?;
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
    let chosen = choose(lang, &gates, wish, |g| rights.may(namespace, &g.role, &verb)).cloned();
    // Where nothing is open since something is wrong, that is what helps.
    let stalled = status.conditions.iter().find(|c| c.type_ == names::CONDITION_STALLED && c.status == "True");
    match stalled.filter(|_| gates.is_empty()) {
        Some(why) => chosen
            .map_err(|failure| Failure { message: lang.nothing_open_since(&failure.message, &why.message), ..failure }),
        None => chosen,
    }
}

/// A decision, and what became of it where that is known without waiting.
pub(super) struct Made {
    pub(super) decision: Decision,
    pub(super) outcome: Option<Outcome>,
}

/// Shows what is decided, asks, and creates it under the first name that is free, unless it was done before or would be void.
pub(super) async fn create(
    session: &Session,
    namespace: &str,
    wanted: &DecisionFact,
    known: &[DecisionFact],
    prospect: Prospect<'_>,
    preview: &Page,
    making: &Making,
) -> Result<Made, Failure> {
    let lang = session.lang;
    match prospect {
        Prospect::Done(before) => {
            let decision = object(before, namespace);
            return Ok(Made { decision, outcome: Some(Outcome::AlreadyDecided) });
        }
        Prospect::Void(refusal) => return Err(foresee::would_be_void(lang, &refusal)),
        Prospect::Counts => {}
    }
    let username = wanted.spec.decided_by.as_ref().map(|by| by.username.clone()).unwrap_or_default();
    let salt = format!("{username} {}", Timestamp::now());
    let spec = DecisionSpec { decided_by: None, ..wanted.spec.clone() };
    let taken = |name: &str| known.iter().any(|d| d.name == name);
    let free = acts::names(&spec, &username, &salt).filter(|name| !taken(name));
    let mut decision = Decision::new("", spec.clone());
    decision.metadata.namespace = Some(namespace.to_owned());
    output::aside(&preview.render());
    let mut asked = making.yes;
    for name in free {
        decision.metadata.name = Some(name.clone());
        if making.dry_run {
            return Ok(Made { decision, outcome: Some(Outcome::DryRun) });
        }
        if !asked {
            match output::ask(&lang.confirm()) {
                Some(true) => asked = true,
                Some(false) => return Err(Failure::plain(Exit::Error, lang.not_confirmed())),
                None => return Err(Failure::new(Exit::Usage, lang.not_confirmed(), lang.next_yes())),
            }
        }
        match session.api::<Decision>(namespace).create(&PostParams::default(), &decision).await {
            Ok(decision) => return Ok(Made { decision, outcome: None }),
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                // What somebody else keeps under it, even unreadable, is no reason to be silent.
                let there = session.api::<Decision>(namespace).get(&name).await.ok();
                let same = there.filter(|d| foresee::fact(d).is_some_and(|d| acts::is_this(&wanted.spec, &d, known)));
                if let Some(decision) = same {
                    return Ok(Made { decision, outcome: Some(Outcome::AlreadyDecided) });
                }
            }
            Err(error) => return Err(session.failure(&error)),
        }
    }
    Err(Failure::plain(Exit::Error, lang.names_taken(&spec.request_ref.name)))
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

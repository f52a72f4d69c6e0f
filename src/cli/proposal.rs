//! What use suggests: the agency takes it up with a ResourceChange that it files at once, or dismisses it for a while.

use super::act::{self, Order, create, submission};
use super::args::{Dismiss, Making, Output, Takeup};
use super::failure::{Exit, Failure};
use super::inbox::Item;
use super::lang::Lang;
use super::outcome::Outcome;
use super::page::{Page, short_digest};
use super::session::Session;
use super::{draft, foresee, leave, paper, rules, words};
use crate::api::RightsizingProposal;
use crate::api::cloud_resource_request::OpenGate;
use crate::api::common::{Names, RequestKind, RequestRef};
use crate::api::decision::{Decision, DecisionSpec, Dismissal, Verdict};
use crate::api::names::{GATE_TAKE_UP, ROLE_AGENCY};
use crate::api::resource_change::{Change, ChangeGround, ChangeLine};
use crate::api::rightsizing_proposal::{Action, ObjectRef, ProposalPhase};
use crate::core::digest;
use crate::core::names::organization_of;
use crate::core::proposal::judge_time;
use crate::core::workflow::DecisionFact;
use crate::core::workflow::acts::{self, Prospect};
use kube::ResourceExt as _;
use std::time::Duration;

/// The gate at which an open proposal waits.
#[must_use]
pub fn gate(proposal: &RightsizingProposal) -> Option<OpenGate> {
    let status = proposal.status.as_ref().filter(|s| s.phase == ProposalPhase::Proposed)?;
    let (zh, en) = match proposal.spec.action {
        Action::Expand => ("扩容建议", "Proposed expansion"),
        Action::Reduce => ("核减建议", "Proposed reduction"),
        Action::Reclaim => ("回收建议", "Proposed reclaim"),
    };
    Some(OpenGate {
        gate: GATE_TAKE_UP.to_owned(),
        title: Names { zh: zh.to_owned(), en: Some(en.to_owned()) },
        role: status.role.clone().unwrap_or_else(|| ROLE_AGENCY.to_owned()),
        verdicts: vec![Verdict::Reject],
        quorum: 1,
        digest: digest::of_dismissal(proposal.metadata.uid.as_deref().unwrap_or_default(), proposal.spec.rule),
        since: Some(proposal.spec.proposed_at),
        article: proposal.spec.evidence.figures.first().map(|f| f.article.clone()).unwrap_or_default(),
        ..OpenGate::default()
    })
}

/// An open proposal as it waits for somebody.
#[must_use]
pub fn item(proposal: &RightsizingProposal) -> Option<Item> {
    let gate = gate(proposal)?;
    Some(Item {
        namespace: proposal.namespace().unwrap_or_default(),
        kind: RequestKind::RightsizingProposal,
        request: proposal.name_any(),
        system: proposal.spec.system_ref.name.clone(),
        gate: gate.gate,
        title: gate.title,
        role: gate.role,
        verdicts: gate.verdicts,
        due: None,
        due_unknown: None,
        overdue: false,
        since: gate.since,
        monthly_fee: proposal.spec.fee_after.clone(),
        digest: gate.digest,
        article: gate.article,
    })
}

/// Makes the change that takes a proposal up, and files it.
///
/// # Errors
/// When it is not open, or a rule refuses it.
pub async fn take_up(session: &Session, format: Output, wish: &Takeup) -> Result<Exit, Failure> {
    let lang = session.lang;
    let (proposal, open) = look(session, &wish.proposal).await?;
    let (namespace, name) = (proposal.namespace().unwrap_or_default(), proposal.name_any());
    let spec = &proposal.spec;
    if open.is_none() {
        // Taken up already: filed by the same person, that is said; by another one, it is no longer open.
        let change = proposal.status.as_ref().and_then(|s| s.change_ref.as_ref());
        let change = change.ok_or_else(|| not_open(lang, &proposal))?;
        let kind = match spec.action {
            Action::Reclaim => RequestKind::Decommission,
            Action::Reduce | Action::Expand => RequestKind::ResourceChange,
        };
        let act = submission(&namespace, kind, &change.name, &wish.making);
        return act::decide(session, format, Order::plain(Verdict::Submit, &act)).await;
    }
    let ground = match spec.action {
        Action::Reclaim => {
            let reason = wish.reason.clone().unwrap_or_else(|| format!("{name}: {}", spec.evidence.message));
            let proposal_ref = ObjectRef { name: name.clone(), uid: proposal.uid().unwrap_or_default() };
            let system = (namespace.as_str(), spec.system_ref.name.as_str());
            return leave::reclaim(session, format, system, proposal_ref, &reason, &wish.making).await;
        }
        Action::Reduce => ChangeGround::Reduction,
        Action::Expand => ChangeGround::StandardExpansion,
    };
    let line = |(name, quantity): (&String, i64)| ChangeLine { name: name.clone(), quantity, ..ChangeLine::default() };
    let change = Change {
        system: spec.system_ref.name.clone(),
        ground,
        lines: spec.recommended.iter().map(|l| line((&l.name, l.after))).collect(),
        proposal_ref: Some(ObjectRef { name: name.clone(), uid: proposal.uid().unwrap_or_default() }),
        ..Change::default()
    };
    let reason = wish.reason.clone().unwrap_or_else(|| format!("{name}: {}", spec.evidence.message));
    let dry_run = wish.making.dry_run;
    let filed = draft::taken_up(session, format, change, (&namespace, &name), &reason, dry_run).await?;
    let Some(filed) = filed else { return Ok(Exit::Done) };
    let act = submission(&namespace, RequestKind::ResourceChange, &filed, &wish.making);
    act::decide(session, format, Order::plain(Verdict::Submit, &act)).await
}

/// Puts a proposal off until a day.
///
/// # Errors
/// When it is not open, the day makes no sense, or a rule refuses it.
pub async fn dismiss(session: &Session, format: Output, wish: &Dismiss) -> Result<Exit, Failure> {
    let lang = session.lang;
    let (proposal, open) = look(session, &wish.proposal).await?;
    let namespace = proposal.namespace().unwrap_or_default();
    let until = wish.until.parse().map_err(|_| Failure::plain(Exit::Usage, lang.bad_day(&wish.until)))?;
    let Some(gate) = open else {
        let before = dismissed(session, &proposal).await?.ok_or_else(|| not_open(lang, &proposal))?;
        let person = session.me().await?.username;
        let by = before.spec.decided_by.as_ref().map(|by| by.username.clone());
        let same = before.spec.comment.as_deref() == Some(wish.reason.as_str()) && by == person;
        if !same || before.spec.dismissal.as_ref().map(|d| d.until) != Some(until) {
            return Err(not_open(lang, &proposal));
        }
        return act::report(session, format, &before, &Outcome::AlreadyDecided, Outcome::AlreadyDecided.page(lang));
    };
    let rights = session.rights([(namespace.as_str(), &gate)]).await?;
    if rights.wildcard(&namespace) {
        return Err(Failure::new(Exit::Refused, lang.wildcard(), lang.next_wildcard()));
    }
    if !rights.at(&namespace, &gate) {
        let role = words::role(lang, &gate.role);
        return Err(Failure::new(Exit::Refused, lang.not_your_role(&gate.gate, &role), lang.next_role(&role)));
    }
    let spec = DecisionSpec {
        request_ref: RequestRef {
            kind: RequestKind::RightsizingProposal,
            name: proposal.name_any(),
            uid: proposal.uid().unwrap_or_default(),
        },
        gate: gate.gate.clone(),
        role: gate.role.clone(),
        verdict: Verdict::Reject,
        digest: gate.digest.clone(),
        comment: Some(wish.reason.clone()),
        dismissal: Some(Dismissal { rule: proposal.spec.rule, until }),
        ..DecisionSpec::default()
    };
    let preview = preview(lang, &proposal, &spec);
    let known = foresee::decisions(session, &namespace, &spec.request_ref.uid, None).await?;
    let wanted = act::stamped(session, &namespace, spec).await?;
    let void = |d: &DecisionFact| proposal.status.iter().flat_map(|s| &s.void_decisions).any(|v| v.name == d.name);
    let rules = rules::read(session).await?;
    let unit = organization_of(&namespace).unwrap_or(&namespace);
    let in_time = judge_time(&rules.registry, unit, wanted.at.timestamp(), until);
    // It stands open, so what was dismissed before is over, or the operator has not looked yet.
    let prospect = match acts::already(&wanted.spec, &known, |d| !void(d)) {
        Some(before) => Prospect::Done(before),
        None => in_time.map_or_else(Prospect::Void, |()| Prospect::Counts),
    };
    let made = create(session, &namespace, &wanted, &known, prospect, &preview, &wish.making).await?;
    let outcome = match &made.outcome {
        Some(known) => known.clone(),
        None => seen(session, &proposal, &made.decision.name_any(), &wish.making).await,
    };
    act::report(session, format, &made.decision, &outcome, outcome.page(lang))
}

/// What has become of a dismissal.
async fn seen(session: &Session, proposal: &RightsizingProposal, made: &str, making: &Making) -> Outcome {
    let judged = |p: &RightsizingProposal| outcome(p, made).is_some();
    let (namespace, name) = (proposal.namespace().unwrap_or_default(), proposal.name_any());
    let limit = Duration::from_secs(making.wait);
    let found = if making.wait == 0 { None } else { session.await_object(&namespace, &name, limit, judged).await };
    found.and_then(|p| outcome(&p, made)).unwrap_or(Outcome::Pending)
}

fn outcome(proposal: &RightsizingProposal, made: &str) -> Option<Outcome> {
    let status = proposal.status.as_ref()?;
    if status.dismissed_by.as_deref() == Some(made) {
        return Some(Outcome::Counts { waiting_for: None, waiting_for_zh: None });
    }
    let void = status.void_decisions.iter().find(|v| v.name == made)?;
    Some(Outcome::Void { reason: void.reason, message: void.message.clone() })
}

/// The proposal, and its gate if something can be decided about it.
async fn look(session: &Session, target: &str) -> Result<(RightsizingProposal, Option<OpenGate>), Failure> {
    let (_, rest) = paper::split_kind(target);
    let (namespace, name) = session.target(&rest)?;
    let proposal: RightsizingProposal = session.get(&namespace, &name).await?;
    let gate = gate(&proposal);
    Ok((proposal, gate))
}

/// The decision by which it is dismissed now.
async fn dismissed(session: &Session, proposal: &RightsizingProposal) -> Result<Option<Decision>, Failure> {
    let by = proposal.status.as_ref().and_then(|s| s.dismissed_by.as_ref());
    let Some(by) = by else { return Ok(None) };
    session.get::<Decision>(&proposal.namespace().unwrap_or_default(), by).await.map(Some)
}

fn not_open(lang: Lang, proposal: &RightsizingProposal) -> Failure {
    let phase = proposal.status.as_ref().map(|s| s.phase).unwrap_or_default();
    let name = proposal.name_any();
    Failure::new(
        Exit::Refused,
        lang.proposal_not_open(&name, &words::proposal_phase(lang, phase)),
        lang.next_proposal(&name),
    )
}

fn preview(lang: Lang, proposal: &RightsizingProposal, spec: &DecisionSpec) -> Page {
    let until = spec.dismissal.as_ref().map(|d| d.until.to_string()).unwrap_or_default();
    let mut page = Page::default();
    page.line(lang.about_to(&words::verdict(lang, spec.verdict)));
    page.pairs(
        [
            (("Proposal", "优化建议"), proposal.name_any()),
            (("System", "系统"), proposal.spec.system_ref.name.clone()),
            (("Why proposed", "提出依据"), proposal.spec.evidence.message.clone()),
            (("Until", "搁置至"), until),
            (("Reason", "理由"), spec.comment.clone().unwrap_or_default()),
            (("Digest", "内容摘要"), short_digest(&spec.digest).to_owned()),
        ]
        .map(|((en, zh), value)| (lang.pick(en, zh).to_owned(), value)),
    );
    page.line("");
    page
}

/// Proposals that wait for this person.
///
/// # Errors
/// When the API server does not answer.
pub async fn waiting(session: &Session) -> Result<Vec<RightsizingProposal>, Failure> {
    Ok(session.readable::<RightsizingProposal>().await?.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::cloud_resource_request::{VoidDecision, VoidReason};
    use crate::api::{RightsizingProposalSpec, RightsizingProposalStatus};

    fn proposal(phase: ProposalPhase) -> RightsizingProposal {
        let spec = RightsizingProposalSpec::default();
        let mut proposal = RightsizingProposal::new("portal-reduce", spec);
        proposal.metadata.namespace = Some("yg-health".into());
        proposal.status = Some(RightsizingProposalStatus { phase, ..RightsizingProposalStatus::default() });
        proposal
    }

    #[test]
    fn r26_5_only_what_is_proposed_waits_for_the_agency() {
        let item = item(&proposal(ProposalPhase::Proposed)).unwrap();
        assert_eq!((item.gate.as_str(), item.role.as_str()), ("take-up", "agency"));
        for phase in [ProposalPhase::Dismissed, ProposalPhase::Underway, ProposalPhase::Done, ProposalPhase::Withdrawn]
        {
            assert!(super::item(&proposal(phase)).is_none(), "{phase}");
        }
    }

    #[test]
    fn what_became_of_a_dismissal_is_read_from_the_proposal() {
        let mut dismissed = proposal(ProposalPhase::Dismissed);
        assert_eq!(outcome(&dismissed, "d"), None);
        let status = dismissed.status.as_mut().unwrap();
        status.dismissed_by = Some("d".into());
        status.void_decisions =
            vec![VoidDecision { name: "v".into(), reason: VoidReason::TimeWrong, message: "too long".into() }];
        assert!(matches!(outcome(&dismissed, "d"), Some(Outcome::Counts { .. })));
        assert!(matches!(outcome(&dismissed, "v"), Some(Outcome::Void { reason: VoidReason::TimeWrong, .. })));
    }
}

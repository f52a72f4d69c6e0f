//! Builds the Decision that a person makes, from the status that they have read.

use super::failure::{Exit, Failure};
use super::lang::Lang;
use super::page::short_digest;
use super::paper::Paper;
use crate::api::cloud_resource_request::OpenGate;
use crate::api::common::RequestRef;
use crate::api::decision::{DecisionSpec, Evidence, LineAmount, Verdict};
use crate::core::workflow::GATE_WITHDRAWAL;

/// What a person adds to a verdict.
#[derive(Clone, Debug, Default)]
pub struct Details {
    /// Opinion or reason.
    pub comment: Option<String>,
    /// Reports.
    pub evidence: Vec<Evidence>,
    /// Amounts.
    pub grant: Vec<LineAmount>,
}

/// The decision that says `verdict` at `gate`.
///
/// # Errors
/// When a reason is missing, or nothing has been filed yet that could be decided upon.
pub fn build(
    lang: Lang,
    paper: &Paper,
    gate: &OpenGate,
    verdict: Verdict,
    details: Details,
) -> Result<DecisionSpec, Failure> {
    let blank = details.comment.as_ref().is_none_or(|c| c.trim().is_empty());
    if blank && matches!(verdict, Verdict::Reject | Verdict::Return) {
        return Err(Failure::new(Exit::Usage, lang.reason_missing(), lang.next_reason()));
    }
    let filed = paper.standing().submission.map(|s| s.uid.clone());
    let submission_uid = if verdict == Verdict::Submit { None } else { filed };
    if submission_uid.is_none() && verdict != Verdict::Submit {
        return Err(Failure::new(Exit::Refused, lang.not_filed(), lang.next_file_first(&paper.typed())));
    }
    Ok(DecisionSpec {
        request_ref: RequestRef {
            kind: paper.kind(),
            name: paper.name().to_owned(),
            uid: paper.subject_uid().to_owned(),
        },
        submission_uid,
        gate: gate.gate.clone(),
        role: gate.role.clone(),
        verdict,
        digest: gate.digest.clone(),
        comment: details.comment.filter(|_| !blank),
        evidence: details.evidence,
        grant: details.grant,
        access: None,
        dismissal: None,
        decided_by: None,
    })
}

/// The gate at which a filing is taken back: by who may file, and under the digest that was filed.
#[must_use]
pub fn withdrawal_gate(filing: &DecisionSpec) -> OpenGate {
    OpenGate {
        gate: GATE_WITHDRAWAL.to_owned(),
        role: filing.role.clone(),
        verdicts: vec![Verdict::Withdraw],
        quorum: 1,
        digest: filing.digest.clone(),
        ..OpenGate::default()
    }
}

/// Refuses to go on when the content is not what the person has read.
///
/// # Errors
/// When `wanted` is too short to mean anything, or the gate's digest does not start with it.
pub fn insist(lang: Lang, gate: &OpenGate, wanted: Option<&str>) -> Result<(), Failure> {
    const SHORTEST: usize = 8;
    let Some(wanted) = wanted else { return Ok(()) };
    if wanted.len() < SHORTEST || !wanted.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Failure::plain(Exit::Usage, lang.digest_too_short(&wanted, &SHORTEST)));
    }
    if gate.digest.starts_with(&wanted.to_lowercase()) {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Refused,
        lang.digest_moved_on(&gate.gate, &short_digest(&gate.digest), &wanted),
        lang.next_read_again(),
    ))
}

/// Amounts for every line, from `--grant LINE=QUANTITY` and `--as-asked`.
///
/// # Errors
/// When a line is unknown or named twice, when the gate confirms no amounts, or when a line is left without one.
pub fn amounts(
    lang: Lang,
    paper: &Paper,
    gate: &OpenGate,
    verdict: Verdict,
    given: &[LineAmount],
    as_asked: bool,
) -> Result<Vec<LineAmount>, Failure> {
    let lines = paper.asked();
    let names: Vec<&str> = lines.iter().map(|(name, _)| *name).collect();
    if !gate.confirms_amounts {
        return if given.is_empty() && !as_asked {
            Ok(Vec::new())
        } else {
            Err(Failure::new(Exit::Usage, lang.gate_confirms_nothing(&gate.gate), lang.next_without_grant()))
        };
    }
    for (at, amount) in given.iter().enumerate() {
        if !names.contains(&amount.line.as_str()) {
            let known = names.join(", ");
            return Err(Failure::plain(Exit::Usage, lang.unknown_line(&amount.line, &known)));
        }
        if given.iter().take(at).any(|g| g.line == amount.line) {
            return Err(Failure::plain(Exit::Usage, lang.line_twice(&amount.line)));
        }
    }
    let mut amounts = Vec::new();
    let mut missing = Vec::new();
    for (line, quantity) in lines {
        match given.iter().find(|g| g.line == line) {
            Some(amount) => amounts.push(amount.clone()),
            None if as_asked => amounts.push(LineAmount { line: line.to_owned(), quantity }),
            None => missing.push(format!("--grant {line}={quantity}")),
        }
    }
    // Amounts on a Return are a recommendation, and may leave lines out.
    if verdict.agrees() && !missing.is_empty() {
        return Err(Failure::new(Exit::Usage, lang.amounts_missing(&gate.gate), lang.next_amounts(&missing.join(" "))));
    }
    Ok(amounts)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{DIGEST, request};
    use super::*;
    use crate::api::CloudResourceRequest;
    use crate::api::names::{GATE_SUBMISSION, ROLE_UNIT};

    fn gate_of(request: &CloudResourceRequest) -> OpenGate {
        request.status.as_ref().unwrap().open_gates[0].clone()
    }

    fn grant(line: &str, quantity: i64) -> LineAmount {
        LineAmount { line: line.into(), quantity }
    }

    #[test]
    fn a_decision_copies_what_the_gate_shows() {
        let request = request();
        let gate = gate_of(&request);
        let spec = build(Lang::En, &request.clone().into(), &gate, Verdict::Approve, Details::default()).unwrap();
        assert_eq!(spec.request_ref.uid, "11111111-aaaa-4aaa-8aaa-111111111111");
        assert_eq!(spec.submission_uid.as_deref(), Some("22222222-bbbb-4bbb-8bbb-222222222222"));
        assert_eq!((spec.gate.as_str(), spec.role.as_str(), spec.digest.as_str()), ("evaluation", "agency", DIGEST));
        assert_eq!(spec.decided_by, None);
    }

    #[test]
    fn the_subject_of_a_request_applied_again_is_the_first_one() {
        let mut request = request();
        request.status.as_mut().unwrap().subject_uid = Some("first".into());
        let gate = gate_of(&request);
        let spec = build(Lang::En, &request.clone().into(), &gate, Verdict::Approve, Details::default()).unwrap();
        assert_eq!(spec.request_ref.uid, "first");
    }

    #[test]
    fn a_submit_opens_a_round_and_names_none() {
        let request = request();
        let gate = OpenGate { gate: GATE_SUBMISSION.into(), role: ROLE_UNIT.into(), ..gate_of(&request) };
        let spec = build(Lang::En, &request.clone().into(), &gate, Verdict::Submit, Details::default()).unwrap();
        assert_eq!(spec.submission_uid, None);
    }

    #[test]
    fn returning_needs_a_reason() {
        let request = request();
        let gate = gate_of(&request);
        for comment in [None, Some("  ".to_owned())] {
            let details = Details { comment, ..Details::default() };
            let failure = build(Lang::En, &request.clone().into(), &gate, Verdict::Return, details).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
        }
    }

    #[test]
    fn nothing_can_be_decided_before_it_is_filed() {
        let mut request = request();
        request.status.as_mut().unwrap().submission = None;
        let gate = gate_of(&request);
        let failure =
            build(Lang::En, &request.clone().into(), &gate, Verdict::Approve, Details::default()).unwrap_err();
        assert_eq!(failure.exit, Exit::Refused);
    }

    #[test]
    fn one_insists_on_what_one_has_read() {
        let gate = gate_of(&request());
        assert_eq!(insist(Lang::En, &gate, None), Ok(()));
        assert_eq!(insist(Lang::En, &gate, Some("AAAAAAAAAA")), Ok(()));
        assert_eq!(insist(Lang::En, &gate, Some("bbbbbbbb")).unwrap_err().exit, Exit::Refused);
        assert_eq!(insist(Lang::En, &gate, Some("aaa")).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn amounts_are_said_or_taken_as_asked() {
        let request = request();
        let gate = gate_of(&request);
        let of = |given: &[LineAmount], as_asked| {
            amounts(Lang::En, &request.clone().into(), &gate, Verdict::Approve, given, as_asked)
        };
        assert_eq!(of(&[], true), Ok(vec![grant("web", 4), grant("disk", 500)]));
        assert_eq!(of(&[grant("disk", 300)], true), Ok(vec![grant("web", 4), grant("disk", 300)]));
        let missing = of(&[grant("disk", 300)], false).unwrap_err();
        assert_eq!(missing.exit, Exit::Usage);
        assert!(missing.next.unwrap().contains("--grant web=4"));
        assert!(of(&[grant("nope", 1)], true).unwrap_err().message.contains("web, disk"));
        assert_eq!(of(&[grant("web", 1), grant("web", 2)], true).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn a_return_may_recommend_some_amounts() {
        let request = request();
        let gate = gate_of(&request);
        let some = amounts(Lang::En, &request.clone().into(), &gate, Verdict::Return, &[grant("web", 2)], false);
        assert_eq!(some, Ok(vec![grant("web", 2)]));
    }

    #[test]
    fn amounts_at_a_gate_that_confirms_none_are_refused() {
        let request = request();
        let gate = OpenGate { confirms_amounts: false, ..gate_of(&request) };
        let refused = amounts(Lang::En, &request.clone().into(), &gate, Verdict::Approve, &[grant("web", 2)], false);
        assert_eq!(refused.unwrap_err().exit, Exit::Usage);
        assert_eq!(amounts(Lang::En, &request.clone().into(), &gate, Verdict::Approve, &[], false), Ok(vec![]));
    }

    #[test]
    fn a_filing_is_taken_back_under_its_own_digest() {
        let filing = DecisionSpec { role: ROLE_UNIT.into(), digest: DIGEST.into(), ..DecisionSpec::default() };
        let gate = withdrawal_gate(&filing);
        assert_eq!((gate.gate.as_str(), gate.role.as_str()), (GATE_WITHDRAWAL, ROLE_UNIT));
        assert_eq!(gate.digest, DIGEST);
    }
}

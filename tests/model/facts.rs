//! The Decisions of the model as the API server keeps them.

use super::bugs::Bug;
use super::rules::{self, Gate};
use super::world::{Place, Vote};
use yunguan::api::cloud_resource_request::{CountedDecision, OpenGate};
use yunguan::api::common::RequestRef;
use yunguan::api::decision::{DecidedBy, DecisionSpec, Evidence, LineAmount, TestResult, Verdict};
use yunguan::core::workflow::DecisionFact;

/// All that holds data of a system, whoever wipes it.
const ATTESTED: [&str; 5] = ["free-space", "snapshots", "disaster-recovery", "provider-backups", "volume/data"];

/// What a decision says.
pub fn spec(
    bug: Option<Bug>,
    about: RequestRef,
    filing: Option<String>,
    place: usize,
    vote: &Vote,
    digest: String,
) -> DecisionSpec {
    let reports: &[&str] = match (vote.verdict, vote.gate) {
        (Verdict::File, Gate::Attestation) => &ATTESTED,
        (Verdict::File, _) => &["TrialReport"],
        _ => &[],
    };
    let report = |name: &&str| Evidence {
        name: (*name).to_owned(),
        sha256: "0".repeat(64),
        uri: None,
        result: Some(TestResult::Passed),
    };
    let person = match bug {
        Some(Bug::PersonUnchecked) => format!("{} as {}", vote.who.name(), vote.role.name()),
        Some(Bug::QuorumUnchecked) => format!("{} {place}", vote.who.name()),
        _ => vote.who.name().to_owned(),
    };
    DecisionSpec {
        request_ref: about,
        submission_uid: filing,
        gate: vote.gate.name().to_owned(),
        role: vote.role.name().to_owned(),
        verdict: vote.verdict,
        digest,
        comment: Some("意见".to_owned()),
        evidence: reports.iter().map(report).collect(),
        grant: vote.units.map(|u| LineAmount { line: rules::line(), quantity: u.into() }).into_iter().collect(),
        access: None,
        dismissal: None,
        decided_by: Some(DecidedBy { username: vote.who.name().to_owned(), person, ..DecidedBy::default() }),
    }
}

/// A bug: whatever is open takes whatever digest comes.
pub fn ignore_digests(open: &[OpenGate], pinned: &str, decisions: &mut [DecisionFact]) {
    for decision in decisions {
        if decision.spec.verdict == Verdict::Submit {
            pinned.clone_into(&mut decision.spec.digest);
        } else if let Some(gate) = open.iter().find(|g| g.gate == decision.spec.gate) {
            decision.spec.digest.clone_from(&gate.digest);
        }
    }
}

/// The place of a decision among those on its request.
pub fn place(uid: &str) -> Option<Place> {
    uid.split_once('.')?.1.parse().ok()
}

pub fn places(decisions: &[CountedDecision]) -> Vec<Place> {
    decisions.iter().filter_map(|d| place(&d.uid)).collect()
}

//! What would become of a decision, before it is made: by the very rules by which the operator judges it, on what the status and
//! the decisions that are there say. What cannot be known here is left to the operator.

use super::failure::{Exit, Failure};
use super::lang::Lang;
use super::paper::{Paper, Progress};
use super::session::Session;
use super::words;
use crate::api::cloud_resource_request::{LineStatus, OpenGate, VoidReason};
use crate::api::common::Time;
use crate::api::decision::{DecidedBy, Decision, Verdict};
use crate::api::governance_policy::Track;
use crate::api::names::CONDITION_COMPLETE;
use crate::api::{GovernancePolicy, GovernancePolicySpec, Organization};
use crate::core::workflow::acts::{self, Prospect};
use crate::core::workflow::{self, Bound, DecisionFact, Open, Refusal, SilentSince, Subject, Walk};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use std::collections::BTreeMap;

/// What is known when somebody is about to decide.
pub struct Seen<'a> {
    paper: &'a Paper,
    status: Progress<'a>,
    policy: Option<GovernancePolicySpec>,
    /// Every decision that names the paper.
    decisions: Vec<DecisionFact>,
}

/// A decision, as far as the one who reads it knows: whether others may decide is for the operator to ask.
#[must_use]
pub fn fact(decision: &Decision) -> Option<DecisionFact> {
    Some(DecisionFact {
        name: decision.name_any(),
        uid: decision.uid().unwrap_or_default(),
        at: Time::new(decision.metadata.creation_timestamp.as_ref()?.0),
        order: decision.resource_version().and_then(|version| version.parse().ok()).unwrap_or(u64::MAX),
        spec: decision.spec.clone(),
        entitled: true,
    })
}

/// The decisions about the object of this uid, at a gate where one is named.
///
/// # Errors
/// When they may not be read.
pub async fn decisions(
    session: &Session,
    namespace: &str,
    uid: &str,
    gate: Option<&str>,
) -> Result<Vec<DecisionFact>, Failure> {
    let gate = gate.map(|gate| format!(",spec.gate={gate}")).unwrap_or_default();
    let params = ListParams::default().fields(&format!("spec.requestRef.uid={uid}{gate}"));
    let found = session.list(&session.api::<Decision>(namespace), &params).await;
    Ok(found.map_err(|e| session.failure(&e))?.iter().filter_map(fact).collect())
}

impl<'a> Seen<'a> {
    /// Reads it.
    ///
    /// # Errors
    /// When the decisions may not be read.
    pub async fn read(session: &Session, paper: &'a Paper) -> Result<Self, Failure> {
        let status = paper.standing();
        let mut decisions = decisions(session, paper.namespace(), paper.subject_uid(), None).await?;
        decisions.retain(|d| d.spec.request_ref.kind == paper.kind());
        let policies: Api<GovernancePolicy> = Api::all(session.client.clone());
        // Who may not read the rules learns of them from the operator.
        let policy = match status.policy {
            Some(named) => policies.get(&named.name).await.ok().filter(|p| p.uid().as_ref() == Some(&named.uid)),
            None => None,
        };
        Ok(Self { paper, status, policy: policy.map(|p| p.spec), decisions })
    }

    /// Every decision that names the paper.
    #[must_use]
    pub fn decisions(&self) -> &[DecisionFact] {
        &self.decisions
    }

    fn filing(&self) -> Option<&DecisionFact> {
        let uid = &self.status.submission?.uid;
        self.decisions.iter().find(|d| d.uid == *uid)
    }

    /// Whether the operator counts a decision.
    fn is_counted(&self, decision: &DecisionFact) -> bool {
        let filed = self.status.submission.is_some_and(|s| s.uid == decision.uid);
        (filed && !self.status.stage.is_over()) || self.status.decisions.iter().any(|d| d.uid == decision.uid)
    }

    /// What becomes of `wanted`, which the API server has stamped.
    #[must_use]
    pub fn prospect(&self, gate: &OpenGate, wanted: &DecisionFact) -> Prospect<'_> {
        if wanted.spec.verdict == Verdict::Submit {
            return self.prospect_of_filing(wanted);
        }
        let track = self.policy.as_ref().zip(self.paper.track()).and_then(|(policy, name)| policy.track(name));
        let Some((track, filing)) = track.zip(self.filing()) else {
            let counted = |d: &DecisionFact| self.is_counted(d);
            return acts::already(&wanted.spec, &self.decisions, counted).map_or(Prospect::Counts, Prospect::Done);
        };
        self.looked_at(track, filing, gate, |subject, walk| {
            acts::prospect(track, subject, walk, &self.decisions, wanted, |d| self.is_void(d))
        })
    }

    fn is_void(&self, decision: &DecisionFact) -> bool {
        self.status.void_decisions.iter().any(|void| void.name == decision.name)
    }

    /// A filing stands while its round does; one that the operator has not seen yet will.
    fn prospect_of_filing(&self, wanted: &DecisionFact) -> Prospect<'_> {
        let stands = |d: &DecisionFact| match self.status.submission {
            Some(filed) if filed.uid == d.uid => !self.status.stage.is_over(),
            Some(filed) => !self.is_void(d) && d.at > filed.at,
            None => !self.is_void(d),
        };
        if let Some(before) = acts::already(&wanted.spec, &self.decisions, stands) {
            return Prospect::Done(before);
        }
        workflow::foresee_filing(self.status.decisions, wanted).map_or_else(Prospect::Void, |()| Prospect::Counts)
    }

    /// The round as the status shows it.
    fn looked_at<T>(
        &self,
        track: &Track,
        filing: &DecisionFact,
        gate: &OpenGate,
        look: impl FnOnce(&Subject<'_>, &Walk) -> T,
    ) -> T {
        let status = &self.status;
        let asked = self.paper.asked().into_iter().map(|(line, units)| (line.to_owned(), units)).collect();
        let least = |line: &LineStatus| (line.name.clone(), workflow::least(line.asked, line.before));
        let rule = track.gates.iter().find(|rule| rule.name == gate.gate);
        let of_rule = |report: &String| rule.is_some_and(|rule| rule.reports.contains(report));
        let attested: Vec<String> = gate.reports.iter().filter(|report| !of_rule(report)).cloned().collect();
        let incomplete = status.conditions.iter().any(|c| c.type_ == CONDITION_COMPLETE && c.status == "False");
        let subject = Subject {
            name: self.paper.name(),
            uid: self.paper.subject_uid(),
            submission: filing,
            applies: &[],
            complete: !incomplete,
            asked: &asked,
            least: &status.lines.iter().map(least).collect(),
            never_above_asked: self.policy.as_ref().is_some_and(|policy| policy.house_rules.never_above_asked),
            settled: &[],
            acted: &BTreeMap::new(),
            done: &BTreeMap::new(),
            bound: Bound::NotYet,
            attested: &attested,
            silent: SilentSince(&|_, _| None),
        };
        let open = |gate: &OpenGate| Open {
            gate: gate.gate.clone(),
            since: gate.since.unwrap_or_default(),
            digest: gate.digest.clone(),
            agreed: usize::try_from(gate.agreed).unwrap_or_default(),
        };
        let confirmed: BTreeMap<String, i64> =
            status.lines.iter().filter_map(|line| Some((line.name.clone(), line.confirmed?))).collect();
        let walk = Walk {
            open: status.open_gates.iter().map(open).collect(),
            counted: status.decisions.to_vec(),
            confirmed: (!confirmed.is_empty()).then_some(confirmed),
            ..Walk::default()
        };
        look(&subject, &walk)
    }

    /// The last thing that this user did about the filing that stands, with this verdict, at a gate where one is named.
    #[must_use]
    pub fn done_before(&self, username: &str, verdict: Verdict, gate: Option<&str>) -> Option<&DecisionFact> {
        let stamped = self.decisions.iter().filter_map(|d| d.spec.decided_by.as_ref());
        let by = stamped.into_iter().find(|by| by.username == username)?;
        let filing = if verdict == Verdict::Submit { None } else { Some(self.status.submission?.uid.as_str()) };
        // What was filed and is over is filed no more.
        let over = verdict == Verdict::Submit && self.status.stage.is_over();
        let counted = |d: &DecisionFact| self.is_counted(d) && d.spec.verdict == verdict && !over;
        acts::last_of(by, filing, gate, &self.decisions, counted)
    }
}

/// Whether the organizations that fill a gate's role name this person: a binding made by hand entitles nobody. What may not be
/// read is left to the operator.
pub async fn is_member(session: &Session, gate: &OpenGate, by: &DecidedBy) -> bool {
    let all: Api<Organization> = Api::all(session.client.clone());
    for name in &gate.organizations {
        match all.get(name).await {
            Ok(organization) if !organization.spec.has_member(&gate.role, &by.username, &by.groups) => {}
            _ => return true,
        }
    }
    gate.organizations.is_empty()
}

/// That a decision would not count, so that it is not made.
#[must_use]
pub fn would_be_void(lang: Lang, refusal: &Refusal) -> Failure {
    let left_out = matches!(refusal.reason, VoidReason::ReasonMissing | VoidReason::ReportsMissing);
    let message = refusal.message.get(lang.chinese());
    let next = if refusal.reason == VoidReason::ReasonMissing { lang.next_reason() } else { lang.next_would_be_void() };
    Failure::new(
        if left_out { Exit::Usage } else { Exit::Refused },
        lang.would_be_void(&words::void_reason(lang, refusal.reason), &message),
        next,
    )
}

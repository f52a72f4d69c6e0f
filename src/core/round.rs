//! What every kind of request has in common: who may act on it, the filing that stands, and its way through the gates.
//! Requests say what is decided upon; the rules for people are here, once.

pub mod report;

use super::calendar;
use super::digest::Encoded;
use super::policy;
use super::registry::{Named, Registry};
use super::text::Text;
use super::workflow::{self, Bound, DecisionFact, SilentSince, Subject, Walk, place};
use crate::api::cloud_resource_request::CountedDecision;
use crate::api::common::{RequestKind, Time};
use crate::api::decision::Verdict;
use crate::api::governance_policy::{Gate, GovernancePolicySpec, Track};
use crate::api::names::GATE_SUBMISSION;
use crate::api::{InformationSystemSpec, OrganizationSpec};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// What people decide upon.
#[derive(Clone, Copy, Debug)]
pub struct Matter<'a> {
    /// Its kind.
    pub kind: RequestKind,
    /// Its name.
    pub name: &'a str,
    /// The uid that decisions name.
    pub uid: &'a str,
    /// The Organization in whose home namespace it lies.
    pub organization: &'a str,
    /// The CloudDomain that it is about.
    pub domain: &'a str,
    /// All decisions in the namespace that name it, each with whether the person holds the verb.
    pub decisions: &'a [DecisionFact],
}

/// The round that stands: a filing and the version of the rules that it pins.
#[derive(Clone, Copy, Debug)]
pub struct Round<'a> {
    /// The filing.
    pub submission: &'a DecisionFact,
    /// The rules.
    pub policy: &'a Named<GovernancePolicySpec>,
    /// How often it has been filed.
    pub number: i64,
}

/// A filing by which something was put on record: it stands, whoever filed it has left, and whatever is filed after it.
#[derive(Clone, Copy, Debug)]
pub struct OnRecord<'a> {
    /// The filing.
    pub submission_uid: &'a str,
    /// The version of the rules that it pins.
    pub policy_uid: &'a str,
    /// How often it had been filed.
    pub round: i64,
    /// Whether it keeps every other filing from standing.
    pub holds: bool,
}

/// What a filing must be to stand, under a version of the rules, and those of its rules that judge it.
#[derive(Clone, Debug)]
pub struct Judged<'r, T> {
    /// The role that files.
    pub role: &'r str,
    /// The digest of what stands there now.
    pub digest: String,
    /// The rules.
    pub rules: T,
}

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Type.
    pub type_: &'static str,
    /// Whether it holds; nothing where that is unknown.
    pub holds: Option<bool>,
    /// Reason in one word.
    pub reason: String,
    /// Message for people.
    pub message: String,
}

impl Statement {
    /// A condition.
    pub fn new(
        type_: &'static str,
        holds: impl Into<Option<bool>>,
        reason: &str,
        message: impl std::fmt::Display,
    ) -> Self {
        Self { type_, holds: holds.into(), reason: reason.to_owned(), message: format!("{message}") }
    }
}

impl<'a> Matter<'a> {
    /// Filings, whether they count or not, oldest first.
    #[must_use]
    pub fn submissions(&self) -> Vec<&'a DecisionFact> {
        let mut filed: Vec<&DecisionFact> = self
            .decisions
            .iter()
            .filter(|d| d.spec.verdict == Verdict::Submit && d.spec.gate == GATE_SUBMISSION)
            .collect();
        filed.sort_by_key(|d| place(d));
        filed
    }

    /// Whether a filing is one of this very object, in the role that files, by somebody who may and has acted in no other.
    #[must_use]
    pub fn is_filed(
        &self,
        registry: &Registry,
        policy: &GovernancePolicySpec,
        role: &str,
        submission: &DecisionFact,
    ) -> bool {
        submission.spec.role == role
            && self.is_named_by(submission)
            && self.entitled(registry, policy, submission)
            && self.first_role(registry, policy, submission).is_none()
    }

    /// The filing that stands, with the rules that judge it: the one that is on record, under the rules of its day; else the
    /// newest of what stands there now, by somebody who may.
    pub fn standing<'r, T>(
        &self,
        registry: &'r Registry,
        record: Option<OnRecord<'_>>,
        in_force: impl Fn(Timestamp) -> Option<&'r Named<GovernancePolicySpec>>,
        judged: impl Fn(&'r Named<GovernancePolicySpec>, &'a DecisionFact) -> Option<Judged<'r, T>>,
    ) -> Option<(Round<'a>, T)>
    where
        'r: 'a,
    {
        self.submissions().into_iter().rev().find_map(|submission| {
            let of_record = record.filter(|record| record.submission_uid == submission.uid);
            let policy = match of_record {
                Some(record) => registry.policies.iter().find(|p| p.uid == record.policy_uid)?,
                None if record.is_some_and(|record| record.holds) => return None,
                None => in_force(submission.at.timestamp())?,
            };
            let Judged { role, digest, rules } = judged(policy, submission)?;
            let number = match of_record {
                Some(record) => record.round,
                None if !self.is_filed(registry, &policy.spec, role, submission) => return None,
                None if submission.spec.digest != digest => return None,
                None => self.filings(registry, &policy.spec, submission),
            };
            Some((Round { submission, policy, number }, rules))
        })
    }

    /// Whether a decision is about this very object.
    #[must_use]
    pub fn is_named_by(&self, decision: &DecisionFact) -> bool {
        let named = &decision.spec.request_ref;
        named.kind == self.kind && named.name == self.name && named.uid == self.uid
    }

    /// How often the request was filed up to this filing, whatever it said then.
    #[must_use]
    pub fn filings(&self, registry: &Registry, policy: &GovernancePolicySpec, last: &DecisionFact) -> i64 {
        let filed = self.decisions.iter().filter(|d| {
            d.spec.verdict == Verdict::Submit
                && d.spec.role == last.spec.role
                && self.is_named_by(d)
                && place(d) <= place(last)
                && self.entitled(registry, policy, d)
        });
        i64::try_from(filed.count()).unwrap_or(i64::MAX)
    }

    /// Whether a person holds the role now: by the API server's word, and as a member of an organization that fills it
    /// for this very request. Organizations are the one source of who acts; a binding made by hand entitles nobody.
    #[must_use]
    pub fn entitled(&self, registry: &Registry, policy: &GovernancePolicySpec, decision: &DecisionFact) -> bool {
        let Some(by) = decision.spec.decided_by.as_ref().filter(|_| decision.entitled) else { return false };
        let role = &decision.spec.role;
        let holders = registry.holders(policy, self.organization, self.domain, role);
        registry.is_member(&holders, role, &by.username, &by.groups)
    }

    /// Who acted in which role before this decision, by their first act on the request: its content may have changed
    /// since, but one person never acts in two roles on it, in whatever round.
    fn acted_before(
        &self,
        registry: &Registry,
        policy: &GovernancePolicySpec,
        decision: &DecisionFact,
    ) -> BTreeMap<String, String> {
        let mut earlier: Vec<&DecisionFact> = self
            .decisions
            .iter()
            .filter(|d| self.is_named_by(d) && place(d) < place(decision))
            .filter(|d| self.entitled(registry, policy, d))
            .collect();
        earlier.sort_by_key(|d| std::cmp::Reverse(place(d)));
        earlier.into_iter().map(|d| (workflow::person(d), d.spec.role.clone())).collect()
    }

    /// The other role in which the person of a filing acted on the request before, if any.
    #[must_use]
    pub fn first_role(
        &self,
        registry: &Registry,
        policy: &GovernancePolicySpec,
        submission: &DecisionFact,
    ) -> Option<String> {
        let acted = self.acted_before(registry, policy, submission);
        acted.get(&workflow::person(submission)).filter(|role| **role != submission.spec.role).cloned()
    }

    /// Walks through the gates of a round. `subject` gives what is particular to the kind of request.
    #[must_use]
    pub fn walk(
        &self,
        registry: &Registry,
        round: &Round<'_>,
        track: &Track,
        content: &Encoded<'_>,
        subject: Particulars<'_>,
    ) -> Walk {
        let policy = &round.policy.spec;
        let acted = self.acted_before(registry, policy, round.submission);
        let Particulars { applies, complete, asked, least, settled, done, bound, attested, found, now } = subject;
        // What is granted stands, whatever becomes of the calendar.
        let silent = |gate: &Gate, since: Time| {
            if gate.hearing && !settled.is_empty() {
                return Some(since);
            }
            let due = report::due_at(registry, policy, gate.due_work_days, since)?.ok()?;
            (due <= now).then(|| Time::new(due))
        };
        let subject = Subject {
            name: self.name,
            uid: self.uid,
            submission: round.submission,
            applies,
            complete,
            asked,
            least,
            never_above_asked: policy.house_rules.never_above_asked,
            settled,
            acted: &acted,
            done,
            bound,
            attested,
            silent: SilentSince(&silent),
        };
        let digest = |gate: &Gate, before: &[&CountedDecision], confirmed: Option<&BTreeMap<String, i64>>| {
            let steps = workflow::ancestors(track, gate);
            let found: Vec<_> = found.iter().filter(|(effect, _)| steps.contains(effect.step())).collect();
            content.of_gate(&gate.name, before, confirmed, &found)
        };
        let decisions: Vec<DecisionFact> = self
            .decisions
            .iter()
            .map(|d| DecisionFact { entitled: self.entitled(registry, policy, d), ..d.clone() })
            .collect();
        workflow::walk(track, &subject, &decisions, &digest)
    }
}

/// What a kind of request brings to the walk through its gates; see [`Subject`].
#[derive(Clone, Copy, Debug)]
pub struct Particulars<'a> {
    /// Circumstances that hold.
    pub applies: &'a [crate::api::governance_policy::Applies],
    /// Whether the material is complete.
    pub complete: bool,
    /// What is asked for, per line that can be confirmed.
    pub asked: &'a BTreeMap<String, i64>,
    /// The least that can be confirmed, per line; zero where nothing is said.
    pub least: &'a BTreeMap<String, i64>,
    /// Decisions that were counted when resources were granted.
    pub settled: &'a [CountedDecision],
    /// Effects that are done, and when.
    pub done: &'a BTreeMap<crate::api::governance_policy::Effect, Time>,
    /// Until when the filing can be taken back.
    pub bound: Bound<'a>,
    /// Reports that are filed besides those of a gate, by who attests that data is wiped.
    pub attested: &'a [String],
    /// What effects have come to, as a digest each: gates that come after one are about it too.
    pub found: &'a BTreeMap<crate::api::governance_policy::Effect, String>,
    /// What time it is.
    pub now: Timestamp,
}

/// The version of the rules that is in force at a moment, in the policy's own time zone.
///
/// # Errors
/// Says why there is none.
pub fn in_force_at<'r>(
    registry: &'r Registry,
    organization: &OrganizationSpec,
    at: Timestamp,
) -> Result<&'r Named<GovernancePolicySpec>, Text> {
    let family = &organization.policy_family;
    let zone =
        registry.policies.iter().find(|p| p.spec.family == *family).and_then(|p| calendar::zone(&p.spec.time_zone));
    let day = calendar::date_in(at, &zone.unwrap_or(TimeZone::UTC));
    policy::in_force(&registry.policies, family, day)
}

/// The version of the rules by which what runs goes on: the one in force, and after the last day of the last one still that by
/// which it was granted something last (article 42).
///
/// # Errors
/// Says why there is none.
pub fn running_under<'r>(
    registry: &'r Registry,
    organization: &OrganizationSpec,
    system: &InformationSystemSpec,
    at: Timestamp,
) -> Result<&'r Named<GovernancePolicySpec>, Text> {
    in_force_at(registry, organization, at).or_else(|why| ended_version(registry, system, at).ok_or(why))
}

/// The version of the rules by which something is judged that was filed at a moment: the one in force then, of those that were
/// there. What is made later changes nothing for it, whatever it says (article 42).
#[must_use]
pub fn judged_by<'r>(
    registry: &'r Registry,
    organization: &OrganizationSpec,
    filed: Timestamp,
) -> Option<&'r Named<GovernancePolicySpec>> {
    let in_force = |p: &&'r Named<GovernancePolicySpec>| {
        let day = calendar::date_in(filed, &zone_of(&p.spec));
        p.spec.family == organization.policy_family && p.spec.valid_from <= day && day <= p.spec.valid_until
    };
    let versions: Vec<_> = registry.policies.iter().filter(in_force).collect();
    let those = |there: &dyn Fn(Timestamp) -> bool| {
        let mut there = versions.iter().filter(|p| there(p.created.timestamp()));
        there.next().filter(|_| there.next().is_none()).copied()
    };
    // In one second nobody can tell which came first: what was filed had one version to go by.
    those(&|created| created <= filed).or_else(|| those(&|created| created < filed))
}

/// As [`judged_by`], of what runs: after the last day of the last version it is that by which it was granted something last.
#[must_use]
pub fn running_judged_by<'r>(
    registry: &'r Registry,
    organization: &OrganizationSpec,
    system: &InformationSystemSpec,
    filed: Timestamp,
) -> Option<&'r Named<GovernancePolicySpec>> {
    judged_by(registry, organization, filed).or_else(|| ended_version(registry, system, filed))
}

fn ended_version<'r>(
    registry: &'r Registry,
    system: &InformationSystemSpec,
    at: Timestamp,
) -> Option<&'r Named<GovernancePolicySpec>> {
    let by = system.grants.last().map(|grant| grant.policy.uid.as_str());
    let ended = |p: &&Named<GovernancePolicySpec>| {
        Some(p.uid.as_str()) == by && p.spec.valid_until < calendar::date_in(at, &zone_of(&p.spec))
    };
    registry.policies.iter().find(ended)
}

/// The reason while that is so.
pub const UNSOUND: &str = "PolicyNotValid";

/// Why nothing comes of what was filed under a version: that has turned out to be one that cannot be used.
#[must_use]
pub fn unsound(policy: &Named<GovernancePolicySpec>) -> Option<Text> {
    let problem = policy::check(&policy.spec).into_iter().next()?;
    Some(Text::new(
        format!(
            "nothing comes of it: GovernancePolicy {}, under which it was filed, cannot be used ({problem}); withdraw it, and file it once the authority has published another version",
            policy.name
        ),
        format!("所依据的管理办法{}存在错误，不予执行；请撤回，待主管部门发布新版本后重新提交", policy.name),
    ))
}

/// The zone of a policy; UTC where it names none that is known.
#[must_use]
pub fn zone_of(policy: &GovernancePolicySpec) -> TimeZone {
    calendar::zone(&policy.time_zone).unwrap_or(TimeZone::UTC)
}

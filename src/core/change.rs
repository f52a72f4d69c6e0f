//! What becomes of a ResourceChange: measured against a definite state of the system, decided upon by the same engine as
//! annex 1, and put on record as a grant (articles 22 and 26).

mod growth;
mod lines;
mod measure;
mod report;
#[cfg(test)]
mod tests;
pub mod window;
mod work;

use super::digest;
use super::effective;
use super::quantity::Amounts;
use super::registry::Registry;
use super::request::SystemFact;
use super::round::report::{GRANTS_STOPPED, held};
use super::round::{
    Judged, Matter, OnRecord, Particulars, Round, Statement, UNSOUND, running_judged_by, running_under, unsound,
};
use super::stop;
use super::text::{Text, brief};
use super::workflow::{Bound, DecisionFact, Walk};
use crate::api::bounds::GRANTS;
use crate::api::cloud_resource_request::{Contacts, CountedDecision};
use crate::api::common::{PolicyRef, RequestKind, RequestRef, Time};
use crate::api::decision::Verdict;
use crate::api::governance_policy::{Applies, ChangeRules, Effect};
use crate::api::information_system::{Agreement, Closed, Grant, GrantedChange, Live, Term};
use crate::api::names::{CONDITION_GRANTS, CONDITION_RESOLVED};
use crate::api::resource_change::{Change, ChangeGround, GroundGone, ResourceChangeStatus};
use crate::api::usage::Evidence;
use crate::api::{CloudDomainStatus, GovernancePolicySpec, OrganizationSpec, RightsizingProposalSpec};
use crate::core::registry::Named;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use work::Worked;

/// What was observed about one change.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Name of the change.
    pub name: &'a str,
    /// Its uid.
    pub uid: &'a str,
    /// Its generation.
    pub generation: i64,
    /// The Organization in whose home namespace it lies.
    pub organization: &'a str,
    /// The material part.
    pub change: &'a Change,
    /// The leads of the form.
    pub contacts: Option<&'a Contacts>,
    /// All decisions in the namespace that name it, each with whether the person holds the verb.
    pub decisions: &'a [DecisionFact],
    /// The system that it is about.
    pub system: Option<SystemFact<'a>>,
    /// What was found of the system's use when it was filed, as its status has it: it counts for that filing.
    pub evidence: Option<&'a Evidence>,
    /// What is found of it now.
    pub usage: &'a Evidence,
    /// The proposal that it says it takes up, as it stands in the namespace.
    pub proposal: Option<ProposalFact<'a>>,
    /// The filing whose ground was found gone when it was to take effect: nothing comes of that any more.
    pub ground_gone: Option<&'a GroundGone>,
    /// Why nothing new is granted to the unit, where a sanction says so.
    pub grants_stopped: Option<&'a Text>,
    /// What the domain has granted so far, as last counted; for display only, the commit counts anew.
    pub domain: Option<&'a CloudDomainStatus>,
}

/// A RightsizingProposal, as far as a change that takes it up must know.
#[derive(Clone, Copy, Debug)]
pub struct ProposalFact<'a> {
    /// Its uid.
    pub uid: &'a str,
    /// What it says.
    pub spec: &'a RightsizingProposalSpec,
}

/// What follows.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The status to show; its conditions are in `conditions`, since only the writer knows when they changed.
    pub status: ResourceChangeStatus,
    /// Conditions.
    pub conditions: Vec<Statement>,
    /// The grant to put on record, where everything before it has been decided.
    pub grant: Option<Grant>,
    /// The room that it takes in the domain, beyond what the system has.
    pub takes: Amounts,
    /// That a major change is signed for, where it has just become so.
    pub agreement: Option<Agreement>,
    /// That the emergency expansion which it was to make good has ended, where the authority has not agreed.
    pub closes: Option<Closed>,
    /// The next moment at which time alone changes the answer.
    pub wake: Option<Timestamp>,
    /// What would come of a draft; nothing once it is filed.
    pub prospect: Option<Prospect>,
}

/// What would come of a draft that were approved at this very moment, for who asks before filing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prospect {
    /// From when it would hold.
    pub from: Time,
    /// Until when; nothing where it has no end.
    pub until: Option<Time>,
    /// Whether it would hold only until the authority has decided on the unit's annex 2.
    pub provisional: bool,
    /// Last day on which an extension of it could be filed.
    pub extend_by: Option<Date>,
    /// The room that it would take in the domain.
    pub takes: Amounts,
    /// Circumstances that hold: they say which gates of its track apply.
    pub applies: Vec<Applies>,
    /// What would be found of the system's use, where the rules ask for it.
    pub evidence: Option<Evidence>,
}

/// So soon after its approval a change takes effect as of that.
const PROMPT: SignedDuration = SignedDuration::from_mins(1);

/// What a filing of a change pins: what is asked for, and the state that it was worked out against.
#[derive(Serialize)]
struct Pinned<'a> {
    change: &'a Change,
    basis: &'a str,
}

/// The change that is being decided upon, and the system that it is about.
#[derive(Clone, Copy)]
struct Case<'a> {
    facts: &'a Facts<'a>,
    system: SystemFact<'a>,
    registry: &'a Registry,
    organization: &'a OrganizationSpec,
    /// The grant that came of it, once there is one.
    granted: Option<&'a Grant>,
}

/// Decides. Pure: the same facts at the same moment give the same plan.
#[must_use]
pub fn decide(facts: &Facts<'_>, registry: &Registry, now: Timestamp) -> Plan {
    let mut plan = decided(facts, registry, now);
    // It counts for its filing, whatever stands in the way for a while.
    plan.status.evidence = plan.status.evidence.or_else(|| facts.evidence.cloned());
    if let Some(why) = facts.grants_stopped.filter(|_| !plan.status.committed && grows(facts.change)) {
        plan.conditions.push(Statement::new(CONDITION_GRANTS, false, GRANTS_STOPPED, why));
        if plan.grant.is_some() && !plan.takes.is_empty() {
            plan.grant = None;
            plan.status.waiting_for = Some(brief(&why.to_string()));
            plan.conditions.extend(held(GRANTS_STOPPED, &why.to_string()));
        }
    }
    plan
}

/// Whether a change may bring something new. What keeps a service alive in an emergency is not stopped: it is provisional.
fn grows(change: &Change) -> bool {
    match change.ground {
        ChangeGround::Reduction | ChangeGround::Cancellation => false,
        ChangeGround::Emergency => change.settles.is_some(),
        _ => true,
    }
}

fn decided(facts: &Facts<'_>, registry: &Registry, now: Timestamp) -> Plan {
    let Some(organization) = registry.organizations.get(facts.organization) else {
        let why = Text::new(
            format!("there is no Organization {}: the authority creates it", facts.organization),
            format!("单位{}不存在，请主管部门登记", facts.organization),
        );
        return report::stalled(facts, "OrganizationMissing", &why);
    };
    let Some(system) = facts.system else { return report::stalled(facts, "SystemUnknown", &unknown_system(facts)) };
    let granted = match granted(facts, system) {
        Ok(granted) => granted,
        Err(why) => return report::stalled(facts, "NameTaken", &why),
    };
    let case = Case { facts, system, registry, organization, granted };
    if granted.is_none()
        && let Some((reason, why)) = not_yet(&case)
    {
        return report::stalled(facts, reason, &why);
    }
    // What is filed goes on, whatever becomes of the rules since.
    if let Some((round, rules)) = case.standing() {
        return case.in_round(&round, rules, now);
    }
    match case.policy_at(now) {
        Ok(policy) => case.draft(policy, now),
        Err((reason, why)) => report::stalled(facts, reason, &why),
    }
}

fn unknown_system(facts: &Facts<'_>) -> Text {
    let system = &facts.change.system;
    Text::new(
        format!(
            "spec.change.system: {} has no InformationSystem {system}: name one of those that `kubectl get isys` shows in this namespace",
            facts.organization
        ),
        format!("本单位没有系统{system}，请填写本单位已有系统的代码（kubectl get isys）"),
    )
}

/// The grant that came of this change, or of one of its name with the same content: decisions name it by that.
fn granted<'a>(facts: &Facts<'_>, system: SystemFact<'a>) -> Result<Option<&'a Grant>, Text> {
    let of_name = |g: &&Grant| g.request.kind == RequestKind::ResourceChange && g.request.name == facts.name;
    let Some(grant) = system.spec.grants.iter().find(of_name) else { return Ok(None) };
    if grant.application_digest == digest::of(facts.change) {
        return Ok(Some(grant));
    }
    Err(Text::new(
        format!(
            "a change of this name with other content is on record for {}, and this text has no effect: give this one another name",
            facts.change.system
        ),
        format!("系统{}已有同名变更记录且内容不同，本申请不生效，请更换名称", facts.change.system),
    ))
}

/// Why nothing can be asked for yet: the system is not open, or not live.
fn not_yet(case: &Case<'_>) -> Option<(&'static str, Text)> {
    let system = &case.facts.change.system;
    if case.system.provisioned_at.is_none() {
        return Some((
            "SystemNotOpen",
            Text::new(
                format!("system {system} is not open yet: file the change once its resources are"),
                format!("系统{system}资源尚未开通，请待开通后再申请变更"),
            ),
        ));
    }
    if let Some(leaving) = stop::leaving(case.system.spec) {
        let name = &leaving.decommission.name;
        return Some((
            "SystemLeaving",
            Text::new(
                format!(
                    "system {system} leaves by {name}, so nothing of it changes any more: withdraw that first, which can be done up to the wipe"
                ),
                format!("系统{system}正在退出（{name}），不再变更；数据清除前可先撤回退出申请"),
            ),
        ));
    }
    if !effective::has_room(case.system.spec) {
        return Some((
            "RecordFull",
            Text::new(
                format!(
                    "the record of system {system} is full ({GRANTS} grants at most, and less than 800 kB), and nothing more is granted to it: what it has stays; the unit opens the next changes under a new system"
                ),
                format!("系统{system}的变更记录已满，现有资源不受影响；后续请以新系统申请"),
            ),
        ));
    }
    let urgent = effective::newest(case.system.spec).is_none();
    (case.system.spec.live.is_none() && !urgent).then(|| {
        (
            "SystemNotLive",
            Text::new(
                format!(
                    "system {system} is not live yet: its first application goes through to the signatures before its resources change"
                ),
                format!("系统{system}尚未上线，请先完成试运行和协议签订，再申请变更"),
            ),
        )
    })
}

impl<'a> Case<'a> {
    fn matter(&self) -> Matter<'a> {
        Matter {
            kind: RequestKind::ResourceChange,
            name: self.facts.name,
            uid: self.granted.map_or(self.facts.uid, |grant| grant.request.uid.as_str()),
            organization: self.facts.organization,
            domain: &self.system.spec.domain,
            decisions: self.facts.decisions,
        }
    }

    /// The version of the rules for changes at a moment.
    fn policy_at(&self, at: Timestamp) -> Result<&'a Named<GovernancePolicySpec>, (&'static str, Text)> {
        let policy = running_under(self.registry, self.organization, self.system.spec, at)
            .map_err(|why| ("NoPolicyInForce", why))?;
        if policy.spec.changes.is_none() {
            let why = Text::new(
                format!(
                    "GovernancePolicy {} has no rules for changes: the authority publishes a version with spec.changes",
                    policy.name
                ),
                format!("管理办法{}未规定资源变更，请主管部门发布含spec.changes的版本", policy.name),
            );
            return Err(("NoRulesForChanges", why));
        }
        Ok(policy)
    }

    /// The version by which a filing of a moment is judged.
    fn judged_by(&self, filed: Timestamp) -> Option<&'a Named<GovernancePolicySpec>> {
        running_judged_by(self.registry, self.organization, self.system.spec, filed)
    }

    /// The filing that stands, with the rules for changes that judge it.
    fn standing(&self) -> Option<(Round<'a>, &'a ChangeRules)> {
        let record = self.granted.map(|grant| OnRecord {
            submission_uid: &grant.submission_uid,
            policy_uid: &grant.policy.uid,
            round: grant.round,
            holds: true,
        });
        let in_force = |at| self.judged_by(at);
        let judged = |policy: &'a Named<GovernancePolicySpec>, submission: &'a DecisionFact| {
            let rules = policy.spec.changes.as_ref()?;
            // What is on record was worked out once, against what the system had then.
            if self.granted.is_some() {
                return Some(Judged { role: "", digest: String::new(), rules });
            }
            let worked = self.work_out(policy, rules, submission.at.timestamp(), Some(submission)).ok()?;
            let digest = self.submission_digest(policy, &worked.basis);
            Some(Judged { role: &worked.track.submission.role, digest, rules })
        };
        self.matter().standing(self.registry, record, in_force, judged)
    }

    fn submission_digest(&self, policy: &Named<GovernancePolicySpec>, basis: &str) -> String {
        let pinned = Pinned { change: self.facts.change, basis };
        let matter = self.matter();
        digest::of_submission(matter.kind, matter.uid, &pinned, &policy.uid)
    }

    /// The grant of the system against which somebody filed the very text that stands, where the system has moved on since.
    fn filed_against(&self, policy: &Named<GovernancePolicySpec>) -> Option<&'a Grant> {
        let mut filed = self.matter().submissions().into_iter().rev();
        let newest = filed.find(|d| self.matter().entitled(self.registry, &policy.spec, d))?;
        let grants = self.system.spec.grants.iter();
        grants.rev().find(|g| self.submission_digest(policy, &g.submission_uid) == newest.spec.digest)
    }

    /// Nothing filed stands: shows what would be filed, under which digest, and what is still wrong with it.
    fn draft(&self, policy: &'a Named<GovernancePolicySpec>, now: Timestamp) -> Plan {
        let Some(rules) = policy.spec.changes.as_ref() else { return Plan::default() };
        let worked = match self.work_out(policy, rules, now, None) {
            Ok(worked) => worked,
            Err((reason, why)) => return report::stalled(self.facts, reason, &why),
        };
        let digest = self.submission_digest(policy, &worked.basis);
        let moved_on = self.filed_against(policy).filter(|grant| grant.submission_uid != worked.basis);
        report::draft(self, policy, &worked, digest, moved_on, now)
    }

    /// A filing stands: walks through its gates.
    fn in_round(&self, round: &Round<'a>, rules: &'a ChangeRules, now: Timestamp) -> Plan {
        let worked = match self.granted {
            Some(grant) => self.on_record(&round.policy.spec, grant),
            None => self.work_out(round.policy, rules, round.submission.at.timestamp(), Some(round.submission)),
        };
        let mut worked = match worked {
            Ok(worked) => worked,
            Err((reason, why)) => return report::stalled(self.facts, reason, &why),
        };
        if let Some(refusal) = worked.refusal.take_if(|_| self.granted.is_none()) {
            return report::refused(self, round, &worked, &refusal);
        }
        let gone = self.facts.ground_gone.filter(|gone| gone.submission_uid == round.submission.uid);
        if let Some(gone) = gone.filter(|_| self.granted.is_none()) {
            return report::gone_back(self, round, &worked, gone);
        }
        let walk = self.walk(round, &worked, now);
        worked.lines = worked.lines.confirmed(walk.confirmed.as_ref());
        let mut plan = report::in_round(self, round, &worked, &walk, now);
        match self.granted {
            None => match unsound(round.policy) {
                Some(why) => {
                    plan.status.waiting_for = Some(brief(&why.to_string()));
                    plan.conditions.extend(held(UNSOUND, &why.to_string()));
                }
                None => self.commit(round, &worked, &walk, now, &mut plan),
            },
            Some(grant) => self.sign(grant, &walk, &mut plan),
        }
        plan
    }

    fn walk(&self, round: &Round<'_>, worked: &Worked<'_>, now: Timestamp) -> Walk {
        let matter = self.matter();
        let pinned = Pinned { change: self.facts.change, basis: &worked.basis };
        let content = digest::Encoded::new(&digest::Content {
            kind: matter.kind,
            uid: matter.uid,
            application: &pinned,
            submission_uid: &round.submission.uid,
            policy_uid: &round.policy.uid,
            terms: worked.lines.terms(),
        });
        let particulars = Particulars {
            applies: &worked.applies,
            complete: worked.is_complete(),
            asked: worked.lines.asked(),
            least: worked.lines.least(),
            settled: self.granted.map_or(&[], |grant| grant.decisions.as_slice()),
            done: &self.done(now),
            bound: Bound::ByGrant,
            attested: &[],
            found: &BTreeMap::new(),
            now,
        };
        matter.walk(self.registry, round, worked.track, &content, particulars)
    }

    /// Effects that are done, by the durable facts of the system.
    fn done(&self, now: Timestamp) -> BTreeMap<Effect, Time> {
        let Some(grant) = self.granted else { return BTreeMap::new() };
        let in_effect = (grant.effective_from.timestamp() <= now).then_some((Effect::Provision, grant.effective_from));
        let agreed = self.agreement(grant).map(|live| (Effect::GoLive, live.from));
        in_effect.into_iter().chain(agreed).collect()
    }

    /// When a grant without an end of its own has ended, if it has.
    fn closed(&self, grant: &Grant) -> Option<Time> {
        self.system.spec.closed.iter().find(|c| c.submission_uid == grant.submission_uid).map(|c| c.at)
    }

    /// The emergency expansion that came of this change.
    fn emergency_granted(&self) -> Option<&'a Grant> {
        self.granted.filter(|grant| grant.term.as_ref().is_some_and(|term| term.until.is_none()))
    }

    /// The grant by which an emergency expansion was made good.
    fn settlement(&self, emergency: &Grant) -> Option<&'a Grant> {
        let by = |g: &&Grant| g.change.as_ref().and_then(|c| c.settles.as_ref()) == Some(&emergency.submission_uid);
        self.system.spec.grants.iter().find(by)
    }

    /// The emergency expansion that came of this change, as long as nobody has decided upon it.
    fn unsettled(&self) -> Option<&'a Grant> {
        let open = |g: &&Grant| self.settlement(g).is_none() && self.closed(g).is_none();
        self.emergency_granted().filter(open)
    }

    fn agreement(&self, grant: &Grant) -> Option<&'a Live> {
        let mut agreements = self.system.spec.agreements.iter();
        agreements.find(|a| a.submission_uid == grant.submission_uid).map(|a| &a.live)
    }

    /// Everything before it has been decided: the grant, with every term frozen. Or the authority has said no.
    fn commit(&self, round: &Round<'_>, worked: &Worked<'_>, walk: &Walk, now: Timestamp, plan: &mut Plan) {
        if let Some(ended) = walk.ended.as_ref().filter(|ended| ended.verdict == Verdict::Reject) {
            // Once it is on record, nothing is left to do.
            let open = worked.settles.filter(|emergency| self.closed(emergency).is_none());
            plan.closes = open.map(|emergency| Closed {
                submission_uid: emergency.submission_uid.clone(),
                at: ended.decision.at,
                decision: ended.decision.clone(),
            });
        }
        let Some(approved) = walk.due_effects.get(&Effect::Provision).copied() else { return };
        let Ok(lines) = worked.granted() else { return };
        let Ok(amounts) = super::catalog::total(&lines) else { return };
        // Whatever the gates ask for, what is wrong with it is never granted.
        if let Some(problem) = worked.problems.first() {
            let wrong = work::Refused { type_: CONDITION_RESOLVED, reason: "LineProblem", why: problem.clone() };
            *plan = report::refused(self, round, worked, &wrong);
            return;
        }
        // What had to wait, for room or for the operator, takes effect when it can, and is not charged for before.
        let waited = now.duration_since(approved.timestamp()) > PROMPT;
        let (effective_from, until) = worked.when(if waited { Time::new(now) } else { approved });
        if until.is_some_and(|until| until.timestamp() <= now || until <= effective_from) {
            let late = work::Refused::over(until.unwrap_or(effective_from));
            *plan = report::refused(self, round, worked, &late);
            return;
        }
        let Some(first) = self.system.spec.grants.first() else { return };
        let facts = self.facts;
        plan.takes = worked.takes(&amounts);
        plan.status.effective_from = Some(effective_from);
        plan.status.until = until;
        plan.grant = Some(Grant {
            request: RequestRef {
                kind: RequestKind::ResourceChange,
                name: facts.name.to_owned(),
                uid: facts.uid.to_owned(),
            },
            submission_uid: round.submission.uid.clone(),
            track: worked.track.name.clone(),
            round: round.number,
            policy: PolicyRef { name: round.policy.name.clone(), uid: round.policy.uid.clone() },
            encoding: digest::ENCODING,
            digest: walk.counted.last().map_or_else(|| round.submission.spec.digest.clone(), |d| d.digest.clone()),
            application_digest: digest::of(facts.change),
            decisions: walk.on_record(|_| false),
            lines,
            amounts: amounts.print(),
            funding_source: first.funding_source,
            payer: first.payer.clone(),
            self_paying: first.self_paying,
            effective_from,
            term: worked.sort.has_term().then(|| Term { until, extends: worked.extends.map(str::to_owned) }),
            change: Some(GrantedChange {
                ground: facts.change.ground,
                major: worked.major.is_some(),
                basis: worked.basis.clone(),
                settles: worked.settles.map(|emergency| emergency.submission_uid.clone()),
                evidence: worked.evidence.clone(),
                proposal: facts.change.proposal_ref.as_ref().map(|proposal| proposal.uid.clone()),
            }),
        });
    }

    /// A major change is signed for: charging of what it brought starts with the last signature.
    fn sign(&self, grant: &Grant, walk: &Walk, plan: &mut Plan) {
        let Some(at) = walk.due_effects.get(&Effect::GoLive).filter(|_| self.agreement(grant).is_none()) else {
            return;
        };
        let before = |d: &CountedDecision| grant.decisions.iter().any(|s| s.uid == d.uid);
        let decisions = walk.on_record(before);
        let live = Live { from: *at, decisions };
        plan.agreement = Some(Agreement { submission_uid: grant.submission_uid.clone(), live });
    }
}

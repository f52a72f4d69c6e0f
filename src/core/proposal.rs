//! What the use of a system suggests (article 26), and what becomes of that: taken up, dismissed, carried out, or withdrawn
//! once its ground falls away. What is not known makes no proposal and withdraws none.

mod evidence;
mod report;
#[cfg(test)]
mod tests;

use super::quantity::Amounts;
use super::registry::{Named, Registry};
use super::round::report::newest;
use super::round::{Matter, Statement, in_force_at, zone_of};
use super::sizing::{self, Having, Resized, Wish};
use super::text::Text;
use super::workflow::{DecisionFact, Refusal, place};
use super::{calendar, catalog, digest, effective, retention};
use crate::api::cloud_resource_request::{VoidDecision, VoidReason};
use crate::api::common::{Money, RequestKind, Time};
use crate::api::decision::Verdict;
use crate::api::governance_policy::GovernancePolicySpec;
use crate::api::information_system::GrantedLine;
use crate::api::names::{
    CONDITION_EXPANSION_ELIGIBLE, CONDITION_IDLE, CONDITION_NO_BUSINESS_DATA, CONDITION_REDUCTION_ELIGIBLE,
    GATE_TAKE_UP, ROLE_AGENCY,
};
use crate::api::resource_change::ChangePhase;
use crate::api::rightsizing_proposal::{
    Action, ObjectRef, ProposalPhase, ProposedLine, RightsizingProposalSpec, RightsizingProposalStatus, UseRule,
};
use crate::api::usage::{Usage, UsageRules};
use crate::api::{InformationSystemSpec, OrganizationSpec};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use strum::IntoEnumIterator as _;

/// So long after a quota has changed, what was measured under the one before is in no figure any more.
const SETTLED: SignedDuration = SignedDuration::from_hours(1);

/// What the status of a system says of one rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Type of the condition.
    pub type_: String,
    /// Whether it holds; nothing where that is unknown.
    pub holds: Option<bool>,
    /// By which rule.
    pub reason: String,
    /// In words.
    pub message: String,
    /// Since when.
    pub since: Time,
}

/// A ResourceChange that names the proposal.
#[derive(Clone, Debug, PartialEq)]
pub struct TakenUp {
    /// Its name and uid.
    pub change: ObjectRef,
    /// Uid of the proposal.
    pub proposal: String,
    /// How far it has come.
    pub phase: ChangePhase,
}

/// The proposal that stands.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its uid.
    pub uid: &'a str,
    /// Its generation.
    pub generation: i64,
    /// What it says.
    pub spec: &'a RightsizingProposalSpec,
    /// Where it stood.
    pub phase: Option<ProposalPhase>,
    /// All decisions that name it, each with whether the person holds the verb.
    pub decisions: &'a [DecisionFact],
}

/// What was observed about one system.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The system.
    pub system: &'a ObjectRef,
    /// Its durable facts.
    pub spec: &'a InformationSystemSpec,
    /// What is found of its use.
    pub findings: &'a [Finding],
    /// The figures.
    pub usage: Option<&'a Usage>,
    /// What it has, windows among it.
    pub amounts: &'a Amounts,
    /// When that changed last.
    pub changed: Option<Timestamp>,
    /// Changes that take a proposal of it up.
    pub taken_up: &'a [TakenUp],
}

/// What follows for one action.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What it is to say, where that is another thing than it says.
    pub spec: Option<RightsizingProposalSpec>,
    /// Its status; nothing before there is one. Conditions are in `conditions`.
    pub status: Option<RightsizingProposalStatus>,
    /// Conditions.
    pub conditions: Vec<Statement>,
    /// The next moment at which time alone changes the answer.
    pub wake: Option<Timestamp>,
}

/// The name of the one proposal that a system can have for an action.
#[must_use]
pub fn name(system: &str, action: Action) -> String {
    format!("{system}-{}", action.to_string().to_lowercase())
}

/// The system whose proposal this is, by its name.
#[must_use]
pub fn system_of(proposal: &str) -> Option<&str> {
    Action::iter().find_map(|action| proposal.strip_suffix(&name("", action)))
}

/// Whether there is a ground for an action.
struct Ground<'a> {
    holds: Option<bool>,
    found: Option<(&'a Finding, UseRule)>,
    why: String,
}

impl<'a> Ground<'a> {
    /// The first rule that holds; what is not known is so only where none does.
    fn of(facts: &Facts<'a>, action: Action) -> Self {
        let types: &[&str] = match action {
            Action::Expand => &[CONDITION_EXPANSION_ELIGIBLE],
            Action::Reduce => &[CONDITION_REDUCTION_ELIGIBLE],
            Action::Reclaim => &[CONDITION_IDLE, CONDITION_NO_BUSINESS_DATA],
        };
        let findings: Vec<Option<&Finding>> =
            types.iter().map(|type_| facts.findings.iter().find(|f| f.type_ == *type_)).collect();
        let held = |f: &&'a Finding| f.holds == Some(true);
        let mut held = findings.iter().flatten().copied().filter(held);
        let found = held.find_map(|f| Some((f, f.reason.parse().ok()?)));
        if let Some((finding, rule)) = found {
            return Self { holds: Some(true), found: Some((finding, rule)), why: finding.message.clone() };
        }
        let unknown = findings.iter().find(|f| f.is_none_or(|f| f.holds.is_none()));
        let shown = unknown.copied().or(findings.first().copied()).flatten();
        let why = shown.map_or_else(|| "use is not judged (未评价)".to_owned(), |f| f.message.clone());
        Self { holds: if unknown.is_some() { None } else { Some(false) }, found: None, why }
    }
}

/// What should be proposed.
enum Wanted {
    /// What is, or nothing new.
    Same,
    /// Nothing: no other size is better.
    NoSize,
    /// This.
    New(Box<RightsizingProposalSpec>),
}

impl Wanted {
    fn spec(self) -> Option<RightsizingProposalSpec> {
        match self {
            Self::New(spec) => Some(*spec),
            Self::Same | Self::NoSize => None,
        }
    }
}

/// How far what is proposed has come.
#[derive(Clone, Copy)]
enum Progress<'a> {
    /// It was carried out.
    Done,
    /// It was not; the change by which it is taken up.
    Open(Option<&'a ObjectRef>),
}

/// The rules by which a proposal is made and decided upon.
struct Case<'a> {
    facts: Facts<'a>,
    registry: &'a Registry,
    policy: &'a Named<GovernancePolicySpec>,
    rules: &'a UsageRules,
    day: Date,
    now: Timestamp,
}

/// What follows for one action. Pure: the same facts at the same moment give the same plan.
#[must_use]
pub fn decide(
    facts: Facts<'_>,
    registry: &Registry,
    action: Action,
    standing: Option<Standing<'_>>,
    now: Timestamp,
) -> Plan {
    let organization: Option<&OrganizationSpec> = registry.organizations.get(&facts.spec.organization);
    let policy = organization.and_then(|organization| in_force_at(registry, organization, now).ok());
    let Some((policy, rules)) = policy.and_then(|policy| Some((policy, policy.spec.usage.as_ref()?))) else {
        // Without rules nothing is proposed, and what is stays as it is.
        return Plan::default();
    };
    let day = calendar::date_in(now, &zone_of(&policy.spec));
    let case = Case { facts, registry, policy, rules, day, now };
    case.decide(action, standing)
}

impl Case<'_> {
    fn decide(&self, action: Action, standing: Option<Standing<'_>>) -> Plan {
        let ground = Ground::of(&self.facts, action);
        let Some(standing) = standing else {
            let spec = self.wanted(action, &ground, None).spec();
            return Plan { spec, ..Plan::default() };
        };
        let done = self.done(&standing);
        let change = self.underway(standing.uid);
        // What somebody has filed for is not changed under their hands.
        let wanted =
            if change.is_some() { Wanted::Same } else { self.wanted(action, &ground, Some((&standing, done))) };
        self.told(action, &ground, &standing, wanted, if done { Progress::Done } else { Progress::Open(change) })
    }

    /// What should be proposed now, where that is another thing than what is proposed already.
    fn wanted(&self, action: Action, ground: &Ground<'_>, standing: Option<(&Standing<'_>, bool)>) -> Wanted {
        let Some(((finding, rule), usage)) = ground.found.zip(self.facts.usage) else { return Wanted::Same };
        let fresh = self.facts.changed.is_none_or(|at| usage.at.timestamp().duration_since(at) >= SETTLED);
        if !fresh {
            return Wanted::Same;
        }
        let before: Vec<ProposedLine> = standing.map(|(s, _)| s.spec.recommended.clone()).unwrap_or_default();
        let same_rule = standing.is_some_and(|(s, _)| s.spec.rule == rule);
        // Nothing new by a rule that is dismissed.
        if same_rule && standing.is_some_and(|(s, _)| self.dismissals(s, rule).0.is_some()) {
            return Wanted::Same;
        }
        let size = self.size(action, rule, usage, if same_rule { &before } else { &[] });
        let Some(size) = size else { return Wanted::NoSize };
        let goes_on = standing.filter(|(s, done)| !done && s.phase != Some(ProposalPhase::Withdrawn));
        if goes_on.is_some() && same_rule && size == before {
            return Wanted::Same;
        }
        let proposed_at = goes_on.map_or(Time::new(self.now), |(s, _)| s.spec.proposed_at);
        let evidence = evidence::of(self.rules, rule, finding, usage, self.now);
        let proposal = self.proposal(action, rule, proposed_at, size, evidence);
        proposal.map_or(Wanted::NoSize, |proposal| Wanted::New(Box::new(proposal)))
    }

    /// The lines that should change; none where everything goes, nothing where no other size is better.
    fn size(
        &self,
        action: Action,
        rule: UseRule,
        usage: &Usage,
        standing: &[ProposedLine],
    ) -> Option<Vec<ProposedLine>> {
        let wish = match (action, rule) {
            (Action::Reclaim, _) => return Some(Vec::new()),
            (Action::Reduce, _) => Wish::LessMemory,
            (Action::Expand, UseRule::Storage) => Wish::MoreStorage,
            (Action::Expand, _) => Wish::MoreMemory,
        };
        let standing: Vec<Resized> = standing.iter().map(Resized::from).collect();
        let found = sizing::recommend(self.rules, wish, usage, self.having(self.lines()?), &standing)?;
        Some(found.iter().map(ProposedLine::from).collect())
    }

    fn lines(&self) -> Option<&[GrantedLine]> {
        effective::newest(self.facts.spec).map(|grant| grant.lines.as_slice())
    }

    fn having<'h>(&'h self, lines: &'h [GrantedLine]) -> Having<'h> {
        let Facts { spec, amounts, .. } = self.facts;
        Having { lines, measured: amounts, registry: self.registry, domain: &spec.domain, day: self.day }
    }

    fn proposal(
        &self,
        action: Action,
        rule: UseRule,
        proposed_at: Time,
        recommended: Vec<ProposedLine>,
        evidence: crate::api::rightsizing_proposal::Evidence,
    ) -> Option<RightsizingProposalSpec> {
        let before = self.lines()?;
        let resized: Vec<Resized> = recommended.iter().map(Resized::from).collect();
        let after = match action {
            Action::Reclaim => Vec::new(),
            _ => sizing::after(&self.having(before), &resized),
        };
        let total = |lines: &[GrantedLine]| catalog::total(lines).map(|amounts| amounts.print()).unwrap_or_default();
        let (fee_before, fee_after) = (catalog::monthly_fee(before), catalog::monthly_fee(&after));
        Some(RightsizingProposalSpec {
            system_ref: self.facts.system.clone(),
            action,
            rule,
            proposed_at,
            evidence,
            recommended,
            before: total(before),
            after: total(&after),
            saving: saving(fee_before.as_ref(), fee_after.as_ref()),
            fee_before,
            fee_after,
        })
    }

    /// Whether what is proposed was carried out.
    fn done(&self, standing: &Standing<'_>) -> bool {
        // A system that was reclaimed has left.
        let left = |t: &TakenUp| t.proposal == standing.uid && t.phase == ChangePhase::Ended;
        self.facts.taken_up.iter().any(left) || self.granted(standing)
    }

    fn granted(&self, standing: &Standing<'_>) -> bool {
        self.facts.spec.grants.iter().any(|grant| {
            let takes = grant.change.as_ref().and_then(|c| c.proposal.as_deref()) == Some(standing.uid);
            let from = grant.effective_from;
            takes && from >= standing.spec.proposed_at && from.timestamp() <= self.now
        })
    }

    /// The change by which it is taken up, as long as that is on its way.
    fn underway(&self, uid: &str) -> Option<&ObjectRef> {
        use ChangePhase::{Approved, InReview, Scheduled, Testing};
        let on_its_way =
            |t: &&TakenUp| t.proposal == uid && matches!(t.phase, InReview | Approved | Scheduled | Testing);
        self.facts.taken_up.iter().filter(on_its_way).map(|t| &t.change).min_by(|a, b| a.name.cmp(&b.name))
    }

    /// The role that takes up or dismisses what is proposed: that which files reductions.
    fn role(&self) -> &str {
        let policy = &self.policy.spec;
        let track = policy.changes.as_ref().and_then(|changes| policy.track(changes.tracks.reduction.as_deref()?));
        track.map_or(ROLE_AGENCY, |track| track.submission.role.as_str())
    }

    /// The dismissal by a rule that holds today, and those that do not count.
    fn dismissals<'s>(
        &self,
        standing: &Standing<'s>,
        rule: UseRule,
    ) -> (Option<(&'s DecisionFact, Date)>, Vec<VoidDecision>) {
        let mut made: Vec<&DecisionFact> = standing.decisions.iter().collect();
        made.sort_by_key(|d| place(d));
        let mut last = None;
        let mut void = Vec::new();
        for decision in made {
            match self.judge(standing, decision) {
                Ok((of, until)) if of == rule => last = Some((decision, until)),
                Ok(_) => {}
                Err(refusal) => void.push(refusal.of(decision)),
            }
        }
        (last.filter(|(_, until)| *until >= self.day), newest(void))
    }

    /// Whether a dismissal counts. Who may dismiss changes with time, so that comes last.
    fn judge(&self, standing: &Standing<'_>, decision: &DecisionFact) -> Result<(UseRule, Date), Refusal> {
        let refuse = |reason, en: String, zh: String| Err(Refusal { reason, message: Text::new(en, zh) });
        let spec = &decision.spec;
        if spec.request_ref.uid != standing.uid {
            return refuse(
                VoidReason::OtherRequest,
                format!("it names another object that was also called {}", standing.name),
                format!("所办理的是另一个同名对象{}", standing.name),
            );
        }
        let (Some(dismissal), Verdict::Reject, GATE_TAKE_UP) = (&spec.dismissal, spec.verdict, spec.gate.as_str())
        else {
            return refuse(
                VoidReason::VerdictNotOffered,
                "a proposal is dismissed by a Reject at gate take-up, and taken up by a ResourceChange".to_owned(),
                "建议仅可在take-up环节搁置，或以资源变更采纳".to_owned(),
            );
        };
        let role = self.role();
        if spec.role != role {
            return refuse(
                VoidReason::WrongRole,
                format!("a proposal is dismissed by the {role}, not by the {}", spec.role),
                format!("建议由{role}办理"),
            );
        }
        if spec.digest != digest::of_dismissal(standing.uid, dismissal.rule) {
            return refuse(
                VoidReason::OtherContent,
                "its digest is not that of the rule that it dismisses: copy status.digest".to_owned(),
                "摘要与所搁置的建议不符，请使用status.digest".to_owned(),
            );
        }
        right_time(&self.policy.spec, self.rules, decision.at.timestamp(), dismissal.until)?;
        let matter = Matter {
            kind: RequestKind::RightsizingProposal,
            name: standing.name,
            uid: standing.uid,
            organization: &self.facts.spec.organization,
            domain: &self.facts.spec.domain,
            decisions: standing.decisions,
        };
        if !matter.entitled(self.registry, &self.policy.spec, decision) {
            return refuse(
                VoidReason::NotEntitled,
                format!("the person does not hold the role {role} now"),
                format!("办理人目前不具备{role}角色"),
            );
        }
        Ok((dismissal.rule, dismissal.until))
    }

    /// The last moment of a day in the zone of the rules.
    fn end_of(&self, day: Date) -> Option<Timestamp> {
        retention::ends_at(day, &zone_of(&self.policy.spec))
    }
}

/// Whether a dismissal that is made at a moment is for a time that the rules allow.
fn right_time(policy: &GovernancePolicySpec, rules: &UsageRules, at: Timestamp, until: Date) -> Result<(), Refusal> {
    let day = calendar::date_in(at, &zone_of(policy));
    let latest = calendar::add_months(day, rules.dismiss_months.value).unwrap_or(day);
    if (day..=latest).contains(&until) {
        return Ok(());
    }
    let article = &rules.dismiss_months.article;
    Err(Refusal {
        reason: VoidReason::TimeWrong,
        message: Text::new(
            format!("on {day} it can be dismissed until {latest} at the latest ({article})"),
            format!("{day}办理的，最迟可搁置至{latest}（{article}）"),
        ),
    })
}

/// The same for who is about to dismiss something of a unit; the operator speaks where the rules cannot be told.
///
/// # Errors
/// Says until when it can be dismissed.
pub fn judge_time(registry: &Registry, organization: &str, at: Timestamp, until: Date) -> Result<(), Refusal> {
    let policy = registry.organizations.get(organization).and_then(|unit| in_force_at(registry, unit, at).ok());
    let rules = policy.and_then(|policy| Some((&policy.spec, policy.spec.usage.as_ref()?)));
    rules.map_or(Ok(()), |(policy, rules)| right_time(policy, rules, at, until))
}

/// What is saved each month; nothing where nothing is.
fn saving(before: Option<&Money>, after: Option<&Money>) -> Option<Money> {
    let read = |money: Option<&Money>| money?.0.parse::<Decimal>().ok();
    let saved = read(before)?.checked_sub(read(after)?)?;
    catalog::money(saved).filter(|_| saved > Decimal::ZERO)
}

impl From<&ProposedLine> for Resized {
    fn from(line: &ProposedLine) -> Self {
        Self { name: line.name.clone(), before: line.before, after: line.after }
    }
}

impl From<&Resized> for ProposedLine {
    fn from(line: &Resized) -> Self {
        Self { name: line.name.clone(), before: line.before, after: line.after }
    }
}

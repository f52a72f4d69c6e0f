//! What becomes of an order against a unit or a provider (articles 34 and 38): decided upon by the same engine as annexes 1
//! and 2, in force until it is lifted.

mod report;
#[cfg(test)]
mod tests;

use super::digest;
use super::registry::{Named, Registry};
use super::retention;
use super::round::{Judged, Matter, OnRecord, Particulars, Round, Statement, in_force_at, judged_by, unsound, zone_of};
use super::text::{Text, brief};
use super::workflow::{Bound, DecisionFact, Walk};
use crate::api::cloud_resource_request::CountedDecision;
use crate::api::common::{PolicyRef, RequestKind, RequestRef, Time};
use crate::api::governance_policy::{Effect, Track};
use crate::api::information_system::Suspension;
use crate::api::sanction::{Imposed, Lifted, Measure, Order, Party, SanctionRules, SanctionStatus};
use crate::api::{GovernancePolicySpec, InformationSystemSpec, OrganizationSpec};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What was observed about one sanction.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Name of the sanction.
    pub name: &'a str,
    /// Its uid.
    pub uid: &'a str,
    /// Its generation.
    pub generation: i64,
    /// The Organization in whose home namespace it lies: the party.
    pub organization: &'a str,
    /// The material part.
    pub order: &'a Order,
    /// All decisions in the namespace that name it, each with whether the person holds the verb.
    pub decisions: &'a [DecisionFact],
    /// What its status has on record.
    pub status: Option<&'a SanctionStatus>,
    /// The unit's systems, by name.
    pub systems: &'a [(String, InformationSystemSpec)],
    /// The sanction that it says went unheeded, as it stands in the namespace.
    pub notice: Option<Notice<'a>>,
}

/// An earlier sanction, as far as one that builds on it must know.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    /// What it orders.
    pub order: &'a Order,
    /// Where it stands.
    pub status: Option<&'a SanctionStatus>,
}

/// What follows.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The status to show; its conditions are in `conditions`, since only the writer knows when they changed. What it has on
    /// record is there already where that has just come about.
    pub status: SanctionStatus,
    /// Conditions.
    pub conditions: Vec<Statement>,
    /// Whether something is to be put on record that is not yet: it is looked at afresh first.
    pub turns: bool,
    /// Systems that are to be stopped by it, with what goes on their record.
    pub suspends: Vec<(String, Suspension)>,
    /// Systems that it stops no longer, with how it ended.
    pub releases: Vec<(String, Lifted)>,
    /// The next moment at which time alone changes the answer.
    pub wake: Option<Timestamp>,
}

/// The sanction that is being decided upon.
#[derive(Clone, Copy)]
struct Case<'a> {
    facts: Facts<'a>,
    registry: &'a Registry,
    organization: &'a OrganizationSpec,
    domain: &'a str,
}

/// Decides. Pure: the same facts at the same moment give the same plan.
#[must_use]
pub fn decide(facts: Facts<'_>, registry: &Registry, now: Timestamp) -> Plan {
    let Some(organization) = registry.organizations.get(facts.organization) else {
        let why = Text::new(
            format!("there is no Organization {}: the authority creates it", facts.organization),
            format!("单位{}不存在，请主管部门登记", facts.organization),
        );
        return report::stalled(&facts, "OrganizationMissing", &why);
    };
    // Who acts for a provider follows from a domain of its.
    let own = registry.domains.iter().find(|(_, domain)| domain.provider == facts.organization);
    let case = Case { facts, registry, organization, domain: own.map_or("", |(name, _)| name) };
    let mut plan = case.decided(now);
    plan.carry_out(&facts);
    plan
}

/// Since when it is in force, and until when: by its status, and where that is lost by the systems that it stops.
fn on_record(facts: &Facts<'_>) -> (Option<Imposed>, Option<Lifted>) {
    let of_this = |s: &&Suspension| s.order.uid == facts.uid;
    let on_systems = facts.systems.iter().find_map(|(_, spec)| spec.suspensions.iter().find(of_this));
    let status = facts.status;
    let imposed = status.and_then(|s| s.imposed.clone()).or_else(|| on_systems.map(|s| s.imposed.clone()));
    let lifted = status.and_then(|s| s.lifted.clone()).or_else(|| on_systems.and_then(|s| s.lifted.clone()));
    (imposed, lifted)
}

impl<'a> Case<'a> {
    fn matter(&self) -> Matter<'a> {
        Matter {
            kind: RequestKind::Sanction,
            name: self.facts.name,
            uid: self.facts.uid,
            organization: self.facts.organization,
            domain: self.domain,
            decisions: self.facts.decisions,
        }
    }

    fn decided(&self, now: Timestamp) -> Plan {
        let (imposed, lifted) = on_record(&self.facts);
        // What is filed goes on, whatever becomes of the rules since.
        if let Some((round, rules, track)) = self.standing(imposed.as_ref()) {
            return self.in_round(&round, (rules, track), imposed, lifted, now);
        }
        // Its rules are gone: what is in force stays so.
        if imposed.is_some() {
            return self.kept(imposed, lifted);
        }
        let policy = match in_force_at(self.registry, self.organization, now) {
            Ok(policy) => policy,
            Err(why) => return report::stalled(&self.facts, "NoPolicyInForce", &why),
        };
        match self.rules(policy) {
            Ok((_, track)) => report::draft(self, policy, track, now),
            Err((reason, why)) => report::stalled(&self.facts, reason, &why),
        }
    }

    /// The status as it was, with what is on record.
    fn kept(&self, imposed: Option<Imposed>, lifted: Option<Lifted>) -> Plan {
        let why = Text::new(
            "the version of the rules by which it was imposed is not there: it stays in force until that is back",
            "所依据的管理办法版本不存在，处理措施继续有效",
        );
        let mut plan = report::stalled(&self.facts, "PolicyMissing", &why);
        (plan.status.imposed, plan.status.lifted) = (imposed, lifted);
        plan
    }

    /// The rules for sanctions of a policy, and the track of this one.
    fn rules(&self, policy: &'a Named<GovernancePolicySpec>) -> Result<Ruled<'a>, (&'static str, Text)> {
        let order = self.facts.order;
        let rules = policy.spec.sanctions.as_ref();
        let track = rules.and_then(|rules| rules.track(order.measure, order.party));
        let track = track.and_then(|track| policy.spec.track(track));
        rules.zip(track).ok_or_else(|| {
            let (measure, party) = (order.measure, order.party);
            (
                "NoRulesForSanction",
                Text::new(
                    format!(
                        "GovernancePolicy {} names no track for measure {measure} against party {party}: the authority publishes a version whose spec.sanctions does",
                        policy.name
                    ),
                    format!("管理办法{}未规定对{party}采取{measure}的流程，请主管部门发布含该规定的版本", policy.name),
                ),
            )
        })
    }

    /// The filing that stands, with the rules that judge it.
    fn standing(&self, imposed: Option<&Imposed>) -> Option<(Round<'a>, &'a SanctionRules, &'a Track)> {
        let record = imposed.map(|imposed| OnRecord {
            submission_uid: &imposed.submission_uid,
            policy_uid: &imposed.policy.uid,
            round: imposed.round,
            holds: true,
        });
        let in_force = |at| judged_by(self.registry, self.organization, at);
        let judged = |policy: &'a Named<GovernancePolicySpec>, _: &DecisionFact| {
            let rules = self.rules(policy).ok()?;
            Some(Judged { role: &rules.1.submission.role, digest: self.submission_digest(policy), rules })
        };
        let (round, (rules, track)) = self.matter().standing(self.registry, record, in_force, judged)?;
        Some((round, rules, track))
    }

    fn submission_digest(&self, policy: &Named<GovernancePolicySpec>) -> String {
        digest::of_submission(RequestKind::Sanction, self.facts.uid, self.facts.order, &policy.uid)
    }

    fn in_round(
        &self,
        round: &Round<'a>,
        (rules, track): Ruled<'a>,
        imposed: Option<Imposed>,
        lifted: Option<Lifted>,
        now: Timestamp,
    ) -> Plan {
        let problems = match imposed {
            Some(_) => Vec::new(),
            None => unsound(round.policy).into_iter().chain(self.problems(&round.policy.spec, track, now)).collect(),
        };
        let walk = self.walk(round, track, problems.is_empty(), imposed.as_ref(), lifted.as_ref(), now);
        let ended_by = walk.due_effects.get(&Effect::Lift).copied().filter(|_| imposed.is_some() && lifted.is_none());
        let begins = walk.due_effects.get(&Effect::Impose).copied().filter(|_| imposed.is_none());
        let turns = ended_by.is_some() || begins.is_some_and(|_| problems.is_empty());
        let begun = begins.filter(|_| problems.is_empty()).map(|at| Imposed {
            at,
            submission_uid: round.submission.uid.clone(),
            policy: PolicyRef { name: round.policy.name.clone(), uid: round.policy.uid.clone() },
            round: round.number,
            decisions: walk.on_record(|_| false),
        });
        // What opens by its beginning is said with it.
        let walk = match &begun {
            Some(begun) => self.walk(round, track, true, Some(begun), None, now),
            None => walk,
        };
        let imposed = imposed.or(begun);
        let before = |d: &CountedDecision| imposed.iter().any(|i| i.decisions.iter().any(|s| s.uid == d.uid));
        let since: Vec<CountedDecision> = walk.on_record(before);
        let lifted = lifted.or_else(|| ended_by.map(|at| Lifted { at, decisions: since }));
        let mut plan = report::in_round(self, round, track, &walk, &problems, (imposed, lifted), now);
        plan.turns = turns;
        plan.suspends = self.suspends(&plan, rules);
        plan
    }

    fn walk(
        &self,
        round: &Round<'_>,
        track: &Track,
        complete: bool,
        imposed: Option<&Imposed>,
        lifted: Option<&Lifted>,
        now: Timestamp,
    ) -> Walk {
        let matter = self.matter();
        let none = BTreeMap::new();
        let content = digest::Encoded::new(&digest::Content {
            kind: matter.kind,
            uid: matter.uid,
            application: self.facts.order,
            submission_uid: &round.submission.uid,
            policy_uid: &round.policy.uid,
            terms: &none,
        });
        let settled =
            imposed.into_iter().flat_map(|i| &i.decisions).chain(lifted.into_iter().flat_map(|l| &l.decisions));
        let settled: Vec<CountedDecision> = settled.cloned().collect();
        let done = imposed.map(|i| (Effect::Impose, i.at)).into_iter().chain(lifted.map(|l| (Effect::Lift, l.at)));
        let bound = Text::new(
            "it is in force: it ends by being lifted, at the gates of its track that are open",
            "处理措施已执行，不可撤回；请按流程办理解除",
        );
        let particulars = Particulars {
            applies: &[],
            complete,
            asked: &BTreeMap::new(),
            least: &BTreeMap::new(),
            settled: &settled,
            done: &done.collect(),
            bound: imposed.map_or(Bound::NotYet, |_| Bound::Because(&bound)),
            attested: &[],
            found: &BTreeMap::new(),
            now,
        };
        matter.walk(self.registry, round, track, &content, particulars)
    }

    /// What keeps it from being imposed.
    fn problems(&self, policy: &GovernancePolicySpec, track: &Track, now: Timestamp) -> Vec<Text> {
        let Facts { order, systems, organization, .. } = self.facts;
        let mut problems = Vec::new();
        let missing = track.documents.iter().filter(|rule| rule.when.is_none());
        let missing = missing.filter(|rule| !order.documents.iter().any(|document| document.type_ == rule.type_));
        problems.extend(missing.map(|rule| {
            Text::new(
                format!("the paper {} is missing from spec.order.documents ({})", rule.type_, rule.article),
                format!("缺少材料“{}”（{}）", rule.names.zh, rule.article),
            )
        }));
        let unknown = order.systems.iter().filter(|code| !systems.iter().any(|(name, _)| name == *code));
        problems.extend(unknown.map(|code| {
            Text::new(
                format!(
                    "spec.order.systems: {organization} has no system {code}: `kubectl get isys` shows its systems"
                ),
                format!("该单位没有系统{code}，请填写其已有系统的代码"),
            )
        }));
        if order.party == Party::Provider && self.domain.is_empty() {
            problems.push(Text::new(
                format!(
                    "spec.order.party: {organization} provides no CloudDomain: order it of the provider, or say Unit"
                ),
                format!("{organization}不是任何云域的云服务商，请更正处理对象"),
            ));
        }
        if order.measure == Measure::StopGrants {
            problems.extend(self.unheeded(policy, &track.article, now).err());
        }
        problems
    }

    /// Whether the notice on which a stop of grants rests went unheeded (article 38).
    fn unheeded(&self, policy: &GovernancePolicySpec, article: &str, now: Timestamp) -> Result<(), Text> {
        let name = self.facts.order.notice.as_deref().unwrap_or_default();
        let wrong = |en: String, zh: String| {
            Err(Text::new(format!("spec.order.notice: {en} ({article})"), format!("{zh}（{article}）")))
        };
        let Some(notice) = self.facts.notice else {
            return wrong(
                format!("there is no Sanction {name} here: name the order to correct that the unit did not obey"),
                format!("没有处理措施{name}，请填写使用单位未整改的责令改正"),
            );
        };
        if notice.order.measure != Measure::Correction {
            return wrong(
                format!("{name} is no order to correct, but a {}", notice.order.measure),
                format!("{name}不是责令改正"),
            );
        }
        if notice.status.is_none_or(|s| s.imposed.is_none()) {
            return wrong(format!("{name} is not in force yet"), format!("{name}尚未执行"));
        }
        if notice.status.is_some_and(|s| s.lifted.is_some()) {
            return wrong(format!("{name} was obeyed, and is lifted"), format!("{name}已整改并解除"));
        }
        match notice.order.mend_by.and_then(|day| retention::ends_at(day, &zone_of(policy)).map(|at| (day, at))) {
            Some((day, at)) if now < at => wrong(
                format!("{name} can still be obeyed until the end of {day}"),
                format!("{name}的整改期限为{day}，尚未届满"),
            ),
            _ => Ok(()),
        }
    }

    /// Systems that are to be stopped by it and are not yet.
    fn suspends(&self, plan: &Plan, rules: &SanctionRules) -> Vec<(String, Suspension)> {
        let order = self.facts.order;
        let in_force = plan.status.imposed.as_ref().filter(|_| plan.status.lifted.is_none());
        let Some(imposed) = in_force.filter(|_| order.measure == Measure::Suspension) else { return Vec::new() };
        let meant = |name: &String| order.systems.is_empty() || order.systems.contains(name);
        let stopped = |spec: &InformationSystemSpec| spec.suspensions.iter().any(|s| s.order.uid == self.facts.uid);
        let systems = self.facts.systems.iter().filter(|(name, spec)| meant(name) && !stopped(spec));
        let suspension = Suspension {
            order: RequestRef {
                kind: RequestKind::Sanction,
                name: self.facts.name.to_owned(),
                uid: self.facts.uid.to_owned(),
            },
            ground: brief(&order.ground),
            article: order.article.clone(),
            mend: brief(&order.mend),
            charged: rules.suspended_is_charged,
            imposed: imposed.clone(),
            lifted: None,
        };
        systems.map(|(name, _)| (name.clone(), suspension.clone())).collect()
    }
}

/// Rules and track of a measure.
type Ruled<'a> = (&'a SanctionRules, &'a Track);

impl Plan {
    /// What is lifted is lifted on every system that it stops.
    fn carry_out(&mut self, facts: &Facts<'_>) {
        let Some(lifted) = &self.status.lifted else { return };
        let stopped = |s: &Suspension| s.order.uid == facts.uid && s.lifted.is_none();
        let systems = facts.systems.iter().filter(|(_, spec)| spec.suspensions.iter().any(stopped));
        self.releases = systems.map(|(name, _)| (name.clone(), lifted.clone())).collect();
    }
}

/// Whether something new may be granted to a unit, by the sanctions in its home: why not (article 38).
#[must_use]
pub fn grants_stopped<'a>(
    sanctions: impl IntoIterator<Item = (&'a str, &'a Order, Option<&'a SanctionStatus>)>,
) -> Option<Text> {
    let in_force = sanctions.into_iter().find(|(_, order, status)| {
        order.measure == Measure::StopGrants && status.is_some_and(|s| s.imposed.is_some() && s.lifted.is_none())
    });
    in_force.map(|(name, order, _)| {
        Text::new(
            format!(
                "nothing new is granted to the unit ({}, sanction {name}): {}; what it has stays. To have it lifted: {}",
                order.article, order.ground, order.mend
            ),
            format!(
                "已停止向本单位发放云资源（{}，处理措施{name}）：{}；现有资源不受影响。解除条件：{}",
                order.article, order.ground, order.mend
            ),
        )
    })
}

/// The end of the last day on which the party can do what is asked of it.
fn mend_until(order: &Order, policy: &GovernancePolicySpec) -> Option<Time> {
    retention::ends_at(order.mend_by?, &zone_of(policy)).map(Time::new)
}

//! What becomes of a CloudResourceRequest: from what is in the API to phase, conditions, effects wanted and the next
//! moment at which time alone changes the answer.
//!
//! [`decide`] is the one place where a request's state comes from. Nothing here depends on having seen an event.

mod adopts;
mod chosen;
mod lines;
mod report;
mod taken_back;
#[cfg(test)]
mod tests;

use super::adoption::{self, Outlook};
use super::calendar;
use super::capacity;
use super::completeness;
use super::digest;
use super::effective;
use super::names;
use super::payer;
use super::quantity::Amounts;
use super::registry::{Named, Registry};
use super::retention;
pub use super::round::Statement;
use super::round::report::{GRANTS_STOPPED, held};
pub use super::round::report::{OPERATOR, waiting_at};
use super::round::{self, Judged, Matter, OnRecord, Particulars, Round, in_force_at, zone_of};
use super::scope;
use super::text::{Text, brief};
use super::workflow::{Bound, DecisionFact, Walk};
use crate::api::cloud_resource_request::{
    Application, CloudResourceRequestStatus, Contacts, CountedDecision, OriginKind,
};
use crate::api::common::{PolicyRef, RequestKind, RequestRef, Time};
use crate::api::decommission::Leaving;
use crate::api::governance_policy::{Applies, Effect, GovernancePolicySpec, Track};
use crate::api::information_system::{Agreement, Grant, InformationSystemSpec, Live, Term};
use crate::api::names::CONDITION_GRANTS;
use crate::api::{CloudDomainStatus, OrganizationSpec};
use adopts::{against_adoption, outlook};
use chosen::{closed_domain, track as chosen, unknown_domain};
use jiff::Timestamp;
use lines::Lines;
use std::collections::BTreeMap;

/// What was observed about one request.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Name of the request.
    pub name: &'a str,
    /// Its uid.
    pub uid: &'a str,
    /// Its generation.
    pub generation: i64,
    /// The Organization in whose home namespace it lies.
    pub organization: &'a str,
    /// The material part.
    pub application: &'a Application,
    /// The leads of the form.
    pub contacts: Option<&'a Contacts>,
    /// All decisions in the namespace that name this request, each with whether the person holds the verb.
    pub decisions: &'a [DecisionFact],
    /// The InformationSystem of the same code, where there is one.
    pub system: Option<SystemFact<'a>>,
    /// Requests of the same home for a system of the same code that are being decided, as last seen; for display only,
    /// whichever is granted first makes the system.
    pub rivals: &'a [Rival<'a>],
    /// Why nothing new is granted to the unit, where a sanction says so.
    pub grants_stopped: Option<&'a Text>,
    /// What the domain has granted so far, as last counted; for display only, the commit counts anew.
    pub domain: Option<&'a CloudDomainStatus>,
    /// What is seen of the namespace that it takes over, until that is granted.
    pub seen: Option<&'a adoption::Seen>,
}

/// Another request for a system of the same code whose filing is being decided.
#[derive(Clone, Copy, Debug)]
pub struct Rival<'a> {
    /// Its name.
    pub name: &'a str,
    /// When it was filed.
    pub filed: Time,
    /// The uid of that filing, which orders filings of the same second.
    pub submission_uid: &'a str,
}

/// An InformationSystem as it was observed.
#[derive(Clone, Copy, Debug)]
pub struct SystemFact<'a> {
    /// What it was granted.
    pub spec: &'a InformationSystemSpec,
    /// When its resources were open for the first time.
    pub provisioned_at: Option<Time>,
}

impl<'a> Facts<'a> {
    /// The grant that came of this request, once there is one.
    fn granted(&self) -> Option<&'a Grant> {
        let of_this = |g: &&Grant| g.request.kind == RequestKind::CloudResourceRequest && g.request.name == self.name;
        self.system.and_then(|system| system.spec.grants.iter().find(of_this))
    }

    /// The system, once this request has been granted.
    fn opened(&self) -> Option<SystemFact<'a>> {
        self.system.filter(|_| self.granted().is_some())
    }

    /// The system under an urgent grant that this request is to make permanent.
    fn urgent(&self) -> Option<SystemFact<'a>> {
        self.system.filter(|_| self.granted().is_none())
    }

    /// Whether the system has something for good.
    fn is_permanent(&self) -> bool {
        self.system.is_some_and(|system| effective::newest(system.spec).is_some())
    }

    /// The request, as far as its kind does not matter.
    fn matter(&self) -> Matter<'a> {
        Matter {
            kind: RequestKind::CloudResourceRequest,
            name: self.name,
            uid: subject_uid(self),
            organization: self.organization,
            domain: &self.application.domain,
            decisions: self.decisions,
        }
    }
}

/// What follows.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The status to show; its conditions are in `conditions`, since only the writer knows when they changed.
    pub status: CloudResourceRequestStatus,
    /// Conditions: type, whether it holds (nothing: unknown), reason, message.
    pub conditions: Vec<Statement>,
    /// The grant to commit, where everything before provisioning has been decided.
    pub grant: Option<Grant>,
    /// The grants that end where that one begins, by their filings.
    pub ends: Vec<String>,
    /// The system to open with that grant.
    pub system: Option<InformationSystemSpec>,
    /// That the system is live, where it has just become so.
    pub live: Option<Live>,
    /// That the whole is agreed upon, where the system was live before under an urgent grant.
    pub agreement: Option<Agreement>,
    /// That it is taken back before anything was opened: its system leaves with it.
    pub taken_back: Option<Leaving>,
    /// The next moment at which time alone changes the answer.
    pub wake: Option<Timestamp>,
}

/// Decides. Pure: the same facts at the same moment give the same plan.
#[must_use]
pub fn decide(facts: &Facts<'_>, registry: &Registry, now: Timestamp) -> Plan {
    let mut plan = decided(facts, registry, now);
    // What is granted stays; nothing is added to it.
    if let Some(why) = facts.grants_stopped.filter(|_| facts.granted().is_none()) {
        plan.conditions.push(Statement::new(CONDITION_GRANTS, false, GRANTS_STOPPED, why));
        if plan.grant.take().is_some() {
            plan.system = None;
            plan.ends.clear();
            plan.status.waiting_for = Some(brief(&why.to_string()));
            plan.conditions.extend(held(GRANTS_STOPPED, &why.to_string()));
        }
    }
    plan
}

fn decided(facts: &Facts<'_>, registry: &Registry, now: Timestamp) -> Plan {
    let Some(organization) = registry.organizations.get(facts.organization) else {
        return report::stalled(
            facts,
            "OrganizationMissing",
            &Text::new(
                format!("there is no Organization {}: the authority creates it", facts.organization),
                format!("单位{}不存在，请主管部门登记", facts.organization),
            ),
        );
    };
    if let Some(system) = facts.system
        && let Err(refusal) = ours(facts, &system)
    {
        return report::stalled(facts, refusal.0, &refusal.1);
    }
    let Some(domain) = registry.domains.get(&facts.application.domain) else {
        return report::stalled(facts, "DomainUnknown", &unknown_domain(facts, registry));
    };
    if domain.dedicated && !domain.organizations.iter().any(|o| o == facts.organization) {
        return report::stalled(facts, "DomainNotOpen", &closed_domain(facts));
    }
    let round = standing_round(facts, registry, organization);
    if let Some(rival) = filed_before(facts, round.as_ref().map(|round| round.submission)) {
        return report::stalled(facts, "SystemNameTaken", &being_decided(facts, rival));
    }
    match round {
        Some(round) => in_round(facts, registry, organization, &round, now),
        None => draft(facts, registry, organization, now),
    }
}

/// The uid that decisions name: a request applied again with the same content goes on where its system stands.
#[must_use]
pub fn subject_uid<'a>(facts: &Facts<'a>) -> &'a str {
    facts.granted().map_or(facts.uid, |grant| grant.request.uid.as_str())
}

/// Whether the system of this code was opened for this request, or for one of its name with the same content: the
/// decisions by which it was granted name it, and are found by that name.
fn ours(facts: &Facts<'_>, system: &SystemFact<'_>) -> Result<(), (&'static str, Text)> {
    let code = &facts.application.system.code;
    let same = |grant: &Grant| grant.application_digest == digest::of_application(facts.application);
    let by = &system.spec.request;
    match facts.granted() {
        Some(grant) if same(grant) => return Ok(()),
        // The whole track for a system that stands under an urgent grant (article 24).
        None if facts.application.system_ref.as_ref() == Some(code) && effective::newest(system.spec).is_none() => {
            return Ok(());
        }
        _ => {}
    }
    Err(if facts.granted().is_some_and(|grant| grant.request.uid == facts.uid) {
        (
            "ContentChanged",
            Text::new(
                format!(
                    "this request no longer says what was granted to system {code}: what was granted stands and this text has no effect; put it back, or ask with a ResourceChange (annex 2)"
                ),
                format!(
                    "本申请内容与已授予系统{code}的资源不一致，现有资源不受影响；请恢复原内容或填写资源变更/注销申请表"
                ),
            ),
        )
    } else {
        let other = if by.name == facts.name { " with other content" } else { "" };
        (
            "SystemNameTaken",
            Text::new(
                format!(
                    "system code {code} is taken: it was opened for request {}{other}, and nothing here touches it; choose another system.code, or ask for other resources of {code} with a ResourceChange (annex 2)",
                    by.name
                ),
                format!(
                    "系统代码{code}已被申请{}使用，请更换代码；如需调整该系统资源，请填写资源变更/注销申请表",
                    by.name
                ),
            ),
        )
    })
}

/// The request that was filed first for this system code, where another one was and no system exists yet: people would
/// decide in vain. A draft comes after every filing.
fn filed_before<'a>(facts: &Facts<'a>, filed: Option<&DecisionFact>) -> Option<&'a Rival<'a>> {
    let earlier = |r: &&Rival<'_>| filed.is_none_or(|own| (r.filed, r.submission_uid) < (own.at, own.uid.as_str()));
    facts.rivals.iter().filter(earlier).min_by_key(|r| (r.filed, r.submission_uid)).filter(|_| facts.system.is_none())
}

fn being_decided(facts: &Facts<'_>, rival: &Rival<'_>) -> Text {
    let code = &facts.application.system.code;
    Text::new(
        format!(
            "spec.application.system.code: {code} is taken by request {}, which was filed first and is being decided: choose another code, or file once that request is withdrawn or returned",
            rival.name
        ),
        format!("系统代码{code}已由在办申请{}使用，请更换代码，或待该申请撤回、退回后再提交", rival.name),
    )
}

/// The newest filing by an entitled person whose digest is that of the content as it stands, under the version of the
/// rules that was in force on the day of filing. A system that was granted keeps the filing of its grant.
fn standing_round<'a>(facts: &Facts<'a>, registry: &'a Registry, organization: &OrganizationSpec) -> Option<Round<'a>> {
    let matter = facts.matter();
    let record = facts.granted().map(|grant| OnRecord {
        submission_uid: &grant.submission_uid,
        policy_uid: &grant.policy.uid,
        round: grant.round,
        holds: true,
    });
    let in_force = |at| round::judged_by(registry, organization, at);
    let judged = |policy: &'a Named<GovernancePolicySpec>, _: &DecisionFact| {
        let digest = digest::of_submission(matter.kind, matter.uid, facts.application, &policy.uid);
        let track = match facts.granted() {
            Some(_) => policy.spec.track(&facts.application.track)?,
            None => chosen(facts, &policy.spec).ok()?,
        };
        Some(Judged { role: &track.submission.role, digest: digest.clone(), rules: digest })
    };
    let (round, digest) = matter.standing(registry, record, in_force, judged)?;
    // A request that was made anew with another text has no part in what was granted to the one before.
    let same = || matter.is_named_by(round.submission) && round.submission.spec.digest == digest;
    (facts.granted().is_none() || same()).then_some(round)
}

/// Nothing filed stands: shows what would be filed, under which digest, and what is still wrong with it.
fn draft(facts: &Facts<'_>, registry: &Registry, organization: &OrganizationSpec, now: Timestamp) -> Plan {
    let policy = match in_force_at(registry, organization, now) {
        Ok(policy) => policy,
        Err(why) => return report::stalled(facts, "NoPolicyInForce", &why),
    };
    let track = match chosen(facts, &policy.spec) {
        Ok(track) => track,
        Err((reason, why)) => return report::stalled(facts, reason, &why),
    };
    let day = calendar::date_in(now, &zone_of(&policy.spec));
    let lines = Lines::resolve(facts, registry, day, None);
    let circumstances = circumstances(facts, organization, &lines);
    let outlook = outlook(facts, registry, &lines);
    let mut missing = missing(facts, registry, organization, &policy.spec, track, &circumstances);
    missing.extend(against_adoption(facts, &policy.spec, outlook.as_ref(), day));
    let digest =
        digest::of_submission(RequestKind::CloudResourceRequest, subject_uid(facts), facts.application, &policy.uid);
    let draft = report::Draft { policy, track, digest, lines: &lines, missing: &missing, outlook: outlook.as_ref() };
    report::draft(facts, registry, &draft, now)
}

/// What switches rules on: what the request says, who asks, and how its lines are opened.
fn circumstances(facts: &Facts<'_>, organization: &OrganizationSpec, lines: &Lines) -> Vec<Applies> {
    let mut circumstances = completeness::circumstances(facts.application, organization);
    if lines.any_by_hand() {
        circumstances.push(Applies::ManualServices);
    }
    circumstances
}

fn missing(
    facts: &Facts<'_>,
    registry: &Registry,
    organization: &OrganizationSpec,
    policy: &GovernancePolicySpec,
    track: &Track,
    circumstances: &[Applies],
) -> Vec<Text> {
    let known = completeness::Known {
        item: &|item| registry.items.get(item).map(|i| &i.spec),
        urgent: facts.system.is_some_and(|system| {
            system.spec.grants.first().is_some_and(|grant| grant.term.is_some())
                && system.spec.domain == facts.application.domain
        }),
    };
    let mut missing = completeness::missing(facts.application, organization, policy, track, circumstances, &known);
    missing.extend(payer::judge(&facts.application.funding, (facts.organization, organization), policy, registry));
    missing.extend(completeness::leads(facts.contacts));
    missing
}

/// A filing stands: walks through its gates.
fn in_round(
    facts: &Facts<'_>,
    registry: &Registry,
    organization: &OrganizationSpec,
    round: &Round<'_>,
    now: Timestamp,
) -> Plan {
    let policy = &round.policy.spec;
    let zone = zone_of(policy);
    let granted = facts.granted();
    let track = granted.and_then(|_| policy.track(&facts.application.track));
    let track = match track.map_or_else(|| chosen(facts, policy), Ok) {
        Ok(track) => track,
        Err((reason, why)) => return report::stalled(facts, reason, &why),
    };
    if granted.is_none()
        && let Err(out) = scope::judge(facts.application, &policy.scope)
    {
        return report::out_of_scope(facts, round, &out);
    }
    // Terms are those of the day of filing: a price that changes later voids no decision.
    let day = calendar::date_in(round.submission.at.timestamp(), &zone);
    let lines = Lines::resolve(facts, registry, day, granted);
    let circumstances = circumstances(facts, organization, &lines);
    let asked_for = outlook(facts, registry, &lines);
    let mut missing = missing(facts, registry, organization, policy, track, &circumstances);
    missing.extend(against_adoption(facts, policy, asked_for.as_ref(), day));
    let complete = missing.is_empty() && lines.problems().is_empty();
    let walk = walk_through(facts, registry, (round, now), track, &lines, complete, &circumstances);

    let lines = lines.confirmed(walk.confirmed.as_ref());
    // Less may have been confirmed than is in use.
    let outlook = outlook(facts, registry, &lines);
    let on_its_way =
        round::report::Scene { matter: facts.matter(), registry, round: *round, track, walk: &walk, zone: &zone };
    let scene = report::Scene { round: on_its_way, lines: &lines, missing: &missing, outlook: outlook.as_ref() };
    let mut plan = report::in_round(facts, &scene, now);
    match round::unsound(round.policy).filter(|_| granted.is_none()) {
        Some(why) => {
            plan.status.waiting_for = Some(brief(&why.to_string()));
            plan.conditions.extend(held(round::UNSOUND, &why.to_string()));
        }
        None if granted.is_none() => commit(facts, round, track, &lines, &walk, outlook.as_ref(), &mut plan),
        None => {}
    }
    plan.taken_back = taken_back::record(facts, &walk);
    if let (Some(at), Some(system)) = (walk.due_effects.get(&Effect::GoLive), facts.opened()) {
        let live = Live { from: *at, decisions: since_grant(&walk, system.spec) };
        match (&system.spec.live, granted) {
            (None, _) => plan.live = Some(live),
            // An urgent system that is live goes on under the agreement about the whole.
            (Some(_), Some(grant)) => {
                plan.agreement = Some(Agreement { submission_uid: grant.submission_uid.clone(), live });
            }
            _ => {}
        }
    }
    plan
}

fn walk_through(
    facts: &Facts<'_>,
    registry: &Registry,
    (round, now): (&Round<'_>, Timestamp),
    track: &Track,
    lines: &Lines,
    complete: bool,
    circumstances: &[Applies],
) -> Walk {
    let granted = facts.granted();
    let matter = facts.matter();
    let content = digest::Encoded::new(&digest::Content {
        kind: matter.kind,
        uid: matter.uid,
        application: facts.application,
        submission_uid: &round.submission.uid,
        policy_uid: &round.policy.uid,
        terms: lines.terms(),
    });
    let particulars = Particulars {
        applies: circumstances,
        complete,
        asked: lines.asked(),
        least: &BTreeMap::new(),
        settled: granted.map_or(&[], |grant| grant.decisions.as_slice()),
        done: &done(facts),
        bound: if facts.is_unopened() { Bound::NotYet } else { Bound::ByGrant },
        attested: &[],
        found: &BTreeMap::new(),
        now,
    };
    matter.walk(registry, round, track, &content, particulars)
}

/// Effects that are done, by the durable facts of the system.
fn done(facts: &Facts<'_>) -> BTreeMap<Effect, Time> {
    let (Some(system), Some(grant)) = (facts.opened(), facts.granted()) else { return BTreeMap::new() };
    // What is granted for a system that is open already holds from its approval on.
    let first = system.spec.grants.first().is_some_and(|first| first.submission_uid == grant.submission_uid);
    let opened = if first { system.provisioned_at } else { Some(grant.effective_from) };
    let provisioned = opened.map(|at| (Effect::Provision, at));
    let live = signed(system.spec, grant).map(|live| (Effect::GoLive, live.from));
    provisioned.into_iter().chain(live).collect()
}

/// The signatures about a grant: those with which the system went live, or an agreement of its own where it was live before.
fn signed<'a>(system: &'a InformationSystemSpec, grant: &Grant) -> Option<&'a Live> {
    let by_others = |live: &&Live| live.from < grant.effective_from;
    agreement(system, grant).or_else(|| system.live.as_ref().filter(|live| !by_others(live)))
}

fn agreement<'a>(system: &'a InformationSystemSpec, grant: &Grant) -> Option<&'a Live> {
    system.agreements.iter().find(|a| a.submission_uid == grant.submission_uid).map(|a| &a.live)
}

/// Decisions made since the grant: reports and signatures.
fn since_grant(walk: &Walk, system: &InformationSystemSpec) -> Vec<CountedDecision> {
    let before = |d: &CountedDecision| system.grants.iter().any(|g| g.decisions.iter().any(|s| s.uid == d.uid));
    walk.on_record(before)
}

/// Everything before provisioning has been decided: the grant, with every term frozen.
fn commit(
    facts: &Facts<'_>,
    round: &Round<'_>,
    track: &Track,
    lines: &Lines,
    walk: &Walk,
    outlook: Option<&Outlook>,
    plan: &mut Plan,
) {
    let Some(effective_from) = walk.due_effects.get(&Effect::Provision).copied() else { return };
    let adopts = facts.application.adopts.as_ref();
    let adopted = outlook.and_then(|outlook| outlook.plan.as_ref()).zip(adopts);
    if let Some((reason, why)) = outlook.and_then(|outlook| outlook.refusal.as_ref()) {
        plan.status.waiting_for = Some(brief(&why.to_string()));
        plan.conditions.extend(held(reason, &why.to_string()));
        return;
    }
    // Nobody has looked yet.
    if adopts.is_some() != adopted.is_some() {
        return;
    }
    let Ok(granted_lines) = lines.granted() else { return };
    let Ok(amounts) = super::catalog::total(&granted_lines) else { return };
    let application = facts.application;
    let policy = &round.policy.spec;
    let request =
        RequestRef { kind: RequestKind::CloudResourceRequest, name: facts.name.to_owned(), uid: facts.uid.to_owned() };
    let approved: Vec<String> = walk.counted.iter().map(|d| d.digest.clone()).collect();
    let grant = Grant {
        request: request.clone(),
        submission_uid: round.submission.uid.clone(),
        track: track.name.clone(),
        round: round.number,
        policy: PolicyRef { name: round.policy.name.clone(), uid: round.policy.uid.clone() },
        encoding: digest::ENCODING,
        digest: approved.last().cloned().unwrap_or_else(|| round.submission.spec.digest.clone()),
        application_digest: digest::of_application(application),
        decisions: walk.on_record(|_| false),
        lines: granted_lines,
        amounts: amounts.print(),
        funding_source: application.funding.source,
        payer: application.funding.payer.clone(),
        self_paying: scope::self_paying(application, &policy.scope),
        effective_from,
        term: urgent_term(track, policy, effective_from),
        change: None,
    };
    if let Some(system) = facts.urgent() {
        plan.ends = effective::urgent_filings(system.spec).map(str::to_owned).collect();
        plan.grant = Some(grant);
        return;
    }
    plan.system = Some(InformationSystemSpec {
        name: application.system.name.clone(),
        organization: facts.organization.to_owned(),
        domain: application.domain.clone(),
        namespace: adopts.map_or_else(
            || names::system_namespace(facts.organization, &application.system.code),
            |a| a.namespace.clone(),
        ),
        request,
        protection_level: application.protection_level,
        networks: application.networks.clone(),
        grants: vec![grant.clone()],
        live: None,
        agreements: Vec::new(),
        closed: Vec::new(),
        suspensions: Vec::new(),
        departures: Vec::new(),
        migrated_from: application.origin.from.clone().filter(|_| application.origin.kind == OriginKind::Migrated),
        keep_old_until: retention::planned(application, policy),
        standby_for: application.standby_for.clone(),
        adopted: adopted.map(|(seen, adopts)| adoption::record(adopts, seen, effective_from, &zone_of(policy))),
    });
    plan.grant = Some(grant);
}

/// Until when an urgent grant holds: so many months from allocation, and not a moment longer (article 24).
fn urgent_term(track: &Track, policy: &GovernancePolicySpec, from: Time) -> Option<Term> {
    let rules = policy.urgent.as_ref().filter(|rules| rules.track == track.name)?;
    let zone = zone_of(policy);
    let last = calendar::add_months(calendar::date_in(from.timestamp(), &zone), rules.months.value);
    // A month that cannot be counted grants nothing rather than everything.
    let until = last.and_then(|last| retention::ends_at(last, &zone)).map_or(from, Time::new);
    Some(Term { until: Some(until), extends: None })
}

/// Whether what is asked for fits into what the domain had left when it was last counted; for display.
fn room(facts: &Facts<'_>, registry: &Registry, wanted: &Amounts, now: Timestamp) -> Result<(), Text> {
    let Some(domain) = registry.domains.get(&facts.application.domain) else { return Ok(()) };
    let Ok(grantable) = capacity::grantable(domain) else {
        return Err(Text::new(
            format!("the capacity of domain {} cannot be read: its condition Valid says why", facts.application.domain),
            format!("云域{}的容量填写有误", facts.application.domain),
        ));
    };
    let granted = facts.domain.map(|status| Amounts::parse(&status.granted)).and_then(Result::ok).unwrap_or_default();
    // What takes an urgent grant's place needs no more than what goes beyond that.
    let kept = facts.urgent().and_then(|system| effective::amounts_at(system.spec, now).ok()).unwrap_or_default();
    capacity::fits(&wanted.beyond(&kept), &grantable, &granted)
        .map_err(|short| capacity::explain(&facts.application.domain, &short))
}

//! Plans of changes for people to read: before and after, track, open gates, who must act by when, and the next step.

use super::work::{Refused, Worked};
use super::{Case, Facts, Plan};
use crate::api::GovernancePolicySpec;
use crate::api::common::{PolicyRef, QuantityMap, Time};
use crate::api::decision::Verdict;
use crate::api::governance_policy::{Applies, Effect, Track};
use crate::api::information_system::{Grant, GrantedLine};
use crate::api::names::{CONDITION_APPROVED, CONDITION_CAPACITY, CONDITION_ELIGIBLE, CONDITION_SETTLED};
use crate::api::resource_change::{ChangePhase, GroundGone, ResourceChangeStatus};
use crate::api::usage::{Evidence, Finding};
use crate::core::quantity::Amounts;
use crate::core::registry::Named;
use crate::core::round::report::{
    OPERATOR, Scene, at_rest, completeness, ended_reason, ended_text, last_day, nobody_acts, progress, resolution,
    stuck, submission_gate, submission_of, void_in_draft, waiting_again, waiting_at, without_holder,
};
use crate::core::round::{Round, Statement, zone_of};
use crate::core::text::{Text, brief};
use crate::core::workflow::{Ended, Walk};
use crate::core::{capacity, catalog, digest};
use jiff::Timestamp;

/// Nothing can go on before somebody mends what the reason names.
pub(super) fn stalled(facts: &Facts<'_>, reason: &str, why: &Text) -> Plan {
    let status = ResourceChangeStatus {
        phase: ChangePhase::Draft,
        waiting_for: Some(brief(&why.to_string())),
        observed_generation: Some(facts.generation),
        subject_uid: Some(facts.uid.to_owned()),
        encoding: Some(digest::ENCODING),
        ..ResourceChangeStatus::default()
    };
    Plan { status, conditions: stuck(reason, why), ..Plan::default() }
}

/// What every status of a change that could be worked out says.
fn told(case: &Case<'_>, policy: &Named<GovernancePolicySpec>, worked: &Worked<'_>) -> ResourceChangeStatus {
    let granted = case.granted.map_or_else(|| worked.granted(), |grant| Ok(grant.lines.clone()));
    // What cannot be worked out is not nothing.
    let is_known = granted.is_ok();
    let granted = granted.unwrap_or_default();
    // What holds for some time comes on top of what stands for good.
    let (before, after) = match case.permanent(worked) {
        Some(standing) => (standing.to_vec(), [standing, &granted].concat()),
        None => (worked.before.clone(), granted),
    };
    let total = |lines: &[GrantedLine]| catalog::together(lines).as_ref().map(Amounts::print).unwrap_or_default();
    let fee = |lines: &[GrantedLine]| catalog::monthly_fee(lines);
    ResourceChangeStatus {
        observed_generation: Some(case.facts.generation),
        subject_uid: Some(case.matter().uid.to_owned()),
        encoding: Some(digest::ENCODING),
        policy: Some(PolicyRef { name: policy.name.clone(), uid: policy.uid.clone() }),
        track: Some(worked.track.name.clone()),
        major_because: worked.major.as_ref().map(|why| brief(&why.to_string())),
        lines: worked.lines.statuses(),
        before: total(&before),
        fee_before: fee(&before),
        after: if is_known { total(&after) } else { QuantityMap::default() },
        fee_after: if is_known { fee(&after) } else { None },
        ..ResourceChangeStatus::default()
    }
}

pub(super) fn draft(
    case: &Case<'_>,
    policy: &Named<GovernancePolicySpec>,
    worked: &Worked<'_>,
    digest: String,
    moved_on: Option<&Grant>,
    now: Timestamp,
) -> Plan {
    let (facts, registry, matter) = (case.facts, case.registry, case.matter());
    let Track { submission: rule, .. } = worked.track;
    let gate = submission_gate(&matter, registry, &policy.spec, worked.track, digest);
    let filed = facts.decisions.iter().any(|d| d.spec.verdict == Verdict::Submit);
    let (phase, reason, message) = match (filed, moved_on) {
        (_, Some(then)) => (ChangePhase::Returned, "SystemMovedOn", difference(then, worked)),
        (false, _) => (
            ChangePhase::Draft,
            "Draft",
            Text::new(
                format!(
                    "a draft: somebody of the {} files it ({}), e.g. `kubectl yunguan submit {}`",
                    rule.role, rule.article, facts.name
                ),
                format!("草稿，待{}人员提交（{}）", rule.role, rule.article),
            ),
        ),
        (true, _) => (
            ChangePhase::Draft,
            "EditedSinceFiled",
            Text::new(
                "no filing by an entitled person stands for the text as it is now: decisions made before do not count; file it again",
                "当前内容尚无有效提交（内容已修改或提交人无权限），此前意见不再有效，请重新提交",
            ),
        ),
    };
    let void = void_in_draft(&matter, registry, &policy.spec, &rule.role, &gate.digest);
    let mut conditions = match nobody_acts(registry, facts.organization, std::slice::from_ref(&gate)) {
        Some(nobody) => without_holder(&nobody),
        None => progress(reason, &message),
    };
    conditions.extend(findings(case, worked));
    let status = ResourceChangeStatus {
        phase,
        waiting_for: Some(waiting_at(std::slice::from_ref(&gate))),
        open_gates: vec![gate],
        void_decisions: void,
        ..told(case, policy, worked)
    };
    let prospect = Some(case.prospect(&policy.spec, worked, now));
    Plan { status, conditions, prospect, ..Plan::default() }
}

/// What has changed about a system since something was filed against it.
fn difference(then: &Grant, worked: &Worked<'_>) -> Text {
    let (before, now) = (&then.lines, &worked.before);
    let quantity = |lines: &[GrantedLine], name: &str| lines.iter().find(|l| l.name == name).map_or(0, |l| l.quantity);
    let mut names: Vec<&str> = before.iter().chain(now).map(|l| l.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let moved = names.into_iter().filter(|name| quantity(before, name) != quantity(now, name));
    let list: Vec<String> =
        moved.map(|name| format!("{name} {} -> {}", quantity(before, name), quantity(now, name))).collect();
    Text::new(
        format!(
            "the system has changed since this was filed ({}), so it is not applied: look whether it is still what you want, and file it again",
            list.join(", ")
        ),
        format!("提交后系统资源已变动（{}），本次变更未执行；请核对后重新提交", list.join("，")),
    )
}

/// A filing that is not taken up, whatever people would decide.
pub(super) fn refused(case: &Case<'_>, round: &Round<'_>, worked: &Worked<'_>, refused: &Refused) -> Plan {
    let (matter, rules, filed) = (case.matter(), &round.policy.spec, round.submission.spec.digest.clone());
    // What is too late stays so; use may rise.
    let again = (refused.type_ == CONDITION_ELIGIBLE)
        .then(|| submission_gate(&matter, case.registry, rules, worked.track, filed));
    let status = ResourceChangeStatus {
        phase: ChangePhase::Refused,
        round: round.number,
        waiting_for: Some(brief(&refused.why.to_string())),
        submission: Some(submission_of(round.submission)),
        evidence: worked.evidence.clone(),
        open_gates: again.into_iter().collect(),
        ..told(case, round.policy, worked)
    };
    let mut conditions = stuck(refused.reason, &refused.why);
    conditions.push(Statement::new(refused.type_, false, refused.reason, &refused.why));
    Plan { status, conditions, ..Plan::default() }
}

/// A filing whose ground was gone: it is for who filed it to file it again.
pub(super) fn gone_back(case: &Case<'_>, round: &Round<'_>, worked: &Worked<'_>, gone: &GroundGone) -> Plan {
    let matter = case.matter();
    let digest = round.submission.spec.digest.clone();
    let gate = submission_gate(&matter, case.registry, &round.policy.spec, worked.track, digest);
    let status = ResourceChangeStatus {
        round: round.number,
        submission: Some(submission_of(round.submission)),
        open_gates: vec![gate],
        ..told(case, round.policy, worked)
    };
    let mut plan = Plan { status, ..Plan::default() };
    plan.goes_back(gone.clone());
    plan
}

impl Plan {
    /// Nothing comes of this filing: its ground is gone.
    pub fn goes_back(&mut self, gone: GroundGone) {
        self.grant = None;
        self.status.phase = ChangePhase::Returned;
        let why = Text::new(&gone.message, &gone.message_zh);
        self.status.waiting_for = Some(brief(&why.to_string()));
        self.conditions.extend(progress(GROUND_GONE, &why));
        self.conditions.push(Statement::new(CONDITION_APPROVED, false, GROUND_GONE, why));
        self.status.ground_gone = Some(gone);
    }
}

/// The reason of what goes back since use has changed.
const GROUND_GONE: &str = "GroundGone";

pub(super) fn in_round(case: &Case<'_>, round: &Round<'_>, worked: &Worked<'_>, walk: &Walk, now: Timestamp) -> Plan {
    let (facts, registry, matter) = (case.facts, case.registry, case.matter());
    let zone = zone_of(&round.policy.spec);
    let scene = Scene { matter, registry, round: *round, track: worked.track, walk, zone: &zone };
    let mut gates = scene.open_gates();
    if walk.ended.is_some() && case.granted.is_none() {
        let filed = round.submission.spec.digest.clone();
        gates.push(submission_gate(&matter, registry, &round.policy.spec, worked.track, filed));
    }
    gates.extend(case.unsettled().and_then(|emergency| {
        let rules = round.policy.spec.changes.as_ref()?;
        Some(scene.annex_gate(rules, emergency.effective_from))
    }));
    let phase = phase(case, worked, walk, now);
    let waiting_for = match &walk.ended {
        Some(ended) if case.granted.is_none() => Some(waiting_again(worked.track, ended)),
        _ if !gates.is_empty() => Some(waiting_at(&gates)),
        _ if phase == ChangePhase::Approved => Some(OPERATOR.to_owned()),
        _ => None,
    };
    let due = gates.iter().filter_map(|g| g.due).min();
    let until = case.granted.and_then(|grant| grant.term.as_ref()?.until.or_else(|| case.closed(grant)));
    let (decisions, more_decisions) = walk.shown();
    let status = ResourceChangeStatus {
        phase,
        round: round.number,
        waiting_for: waiting_for.as_ref().map(|text| brief(text)),
        due: due.map(|at| last_day(at, &zone)),
        submission: Some(submission_of(round.submission)),
        evidence: worked.evidence.clone(),
        open_gates: gates,
        decisions,
        more_decisions,
        void_decisions: scene.void_decisions(),
        committed: case.granted.is_some(),
        effective_from: case.granted.map(|grant| grant.effective_from),
        until,
        extend_by: until.and_then(|until| case.extend_by(&round.policy.spec, until)),
        ..told(case, round.policy, worked)
    };
    let mut conditions = standing(case, &scene, &status);
    if let Some(nobody) = nobody_acts(registry, facts.organization, &status.open_gates) {
        conditions.extend(without_holder(&nobody));
    }
    if case.granted.is_none() {
        conditions.extend(findings(case, worked));
    }
    conditions.push(scene.overdue(&status.open_gates, now));
    conditions.extend(settled(case));
    let dues = status.open_gates.iter().filter_map(|g| g.due);
    let moments = dues.chain(status.effective_from).chain(status.until).map(Time::timestamp);
    let wake = moments.filter(|at| *at > now).min();
    Plan { status, conditions, wake, ..Plan::default() }
}

fn phase(case: &Case<'_>, worked: &Worked<'_>, walk: &Walk, now: Timestamp) -> ChangePhase {
    if let Some(grant) = case.granted {
        let until = grant.term.as_ref().and_then(|t| t.until).map(Time::timestamp);
        let closed = case.closed(grant).is_some();
        let signs = worked.track.effects.iter().any(|e| e.effect == Effect::GoLive);
        return if grant.effective_from.timestamp() > now {
            ChangePhase::Scheduled
        } else if closed || until.is_some_and(|until| until <= now) {
            ChangePhase::Ended
        } else if signs && case.agreement(grant).is_none() {
            ChangePhase::Testing
        } else {
            ChangePhase::InEffect
        };
    }
    match &walk.ended {
        Some(Ended { verdict: Verdict::Return, .. }) => ChangePhase::Returned,
        Some(Ended { verdict: Verdict::Withdraw, .. }) => ChangePhase::Withdrawn,
        Some(_) => ChangePhase::Rejected,
        None if walk.due_effects.contains_key(&Effect::Provision) => ChangePhase::Approved,
        None => ChangePhase::InReview,
    }
}

/// Conditions about how far the change has come.
fn standing(case: &Case<'_>, scene: &Scene<'_>, status: &ResourceChangeStatus) -> Vec<Statement> {
    let from = status.effective_from.map(|at| at.to_string()).unwrap_or_default();
    let until = status.until.map(|at| at.to_string()).unwrap_or_default();
    let waiting = status.waiting_for.as_deref().unwrap_or_default();
    let mut conditions = match (&scene.walk.ended, status.phase) {
        (Some(ended), _) if case.granted.is_none() => progress(ended_reason(ended), &ended_text(ended)),
        (_, ChangePhase::InEffect) => {
            at_rest("InEffect", &Text::new(format!("it holds since {from}"), format!("已于{from}生效")))
        }
        (_, ChangePhase::Ended) => {
            at_rest("Ended", &Text::new(format!("it ended at {until}"), format!("已于{until}到期")))
        }
        (_, ChangePhase::Scheduled) => {
            progress("Scheduled", &Text::new(format!("it takes effect at {from}"), format!("将于{from}生效")))
        }
        (_, ChangePhase::Approved) => progress("Approved", &Text::new("it is being put on record", "已批准，正在登记")),
        _ => progress(
            "AwaitingDecision",
            &Text::new(format!("waits for {waiting}"), format!("待办：{}", scene.waiting_zh())),
        ),
    };
    let approved = case.granted.is_some() || status.phase == ChangePhase::Approved;
    conditions.push(if approved {
        Statement::new(CONDITION_APPROVED, true, "Approved", "every gate before it takes effect is passed (已批准)")
    } else {
        Statement::new(CONDITION_APPROVED, false, "NotYet", "gates before it takes effect are open (尚未批准)")
    });
    conditions
}

/// Whether an emergency expansion has been decided upon by the authority (article 26); nothing on another change.
fn settled(case: &Case<'_>) -> Option<Statement> {
    let emergency = case.emergency_granted()?;
    Some(if case.closed(emergency).is_some() {
        Statement::new(
            CONDITION_SETTLED,
            true,
            "Refused",
            "the authority has not agreed: the amount goes back (未获同意，资源退回)",
        )
    } else if let Some(by) = case.settlement(emergency) {
        let name = &by.request.name;
        Statement::new(CONDITION_SETTLED, true, "Settled", format!("made good by {name} (已由{name}补办手续)"))
    } else {
        let name = case.facts.name;
        Statement::new(
            CONDITION_SETTLED,
            false,
            "AnnexMissing",
            Text::new(
                format!(
                    "it is provisional: the unit files annex 2 with spec.change.settles: {name}, for the authority to decide"
                ),
                format!("应急扩容为临时措施，请使用单位填报附件2（settles填{name}）补办手续"),
            ),
        )
    })
}

/// Conditions about what the change says.
fn findings(case: &Case<'_>, worked: &Worked<'_>) -> Vec<Statement> {
    let mut problems = worked.problems.clone();
    problems.extend(worked.lines.problems());
    let mut found = vec![completeness(&worked.missing), resolution(&problems)];
    if let Some(refused) = &worked.refusal {
        found.push(Statement::new(refused.type_, false, refused.reason, &refused.why));
    }
    found.extend(worked.evidence.as_ref().and_then(|evidence| eligible(worked, evidence)));
    if !problems.is_empty() {
        let unknown =
            "known once every line can be provided: condition Resolved says what to mend (待各行可提供后计算)";
        found.push(Statement::new(CONDITION_CAPACITY, None, "LineProblem", unknown));
        return found;
    }
    found.push(match room(case, worked) {
        Ok(()) => Statement::new(CONDITION_CAPACITY, true, "Fits", "the domain has room for it (资源充足)"),
        Err(why) => Statement::new(CONDITION_CAPACITY, false, "Short", why),
    });
    found
}

/// Whether use allows it; where it does not, the refusal says so.
fn eligible(worked: &Worked<'_>, evidence: &Evidence) -> Option<Statement> {
    let message = &evidence.message;
    match evidence.finding {
        Finding::Eligible => Some(Statement::new(CONDITION_ELIGIBLE, true, &evidence.reason, message)),
        Finding::NotEligible => None,
        Finding::Unknown => {
            let gate = worked.track.gates.iter().find(|gate| gate.when == Some(Applies::UsageUnknown))?;
            let (name, role, article) = (&gate.name, &gate.role, &gate.article);
            let why = Text::new(
                format!("{message}; so the {role} vouches for the need at gate {name}, with its reason ({article})"),
                format!("使用情况未知，由{}在“{}”环节说明理由（{article}）", role, gate.title.zh),
            );
            Some(Statement::new(CONDITION_ELIGIBLE, None, &evidence.reason, why))
        }
    }
}

/// Whether it fits into what the domain had left, at its fullest, when it was last counted; for display.
fn room(case: &Case<'_>, worked: &Worked<'_>) -> Result<(), Text> {
    let name = &case.system.spec.domain;
    let Some(domain) = case.registry.domains.get(name) else { return Ok(()) };
    let Ok(grantable) = capacity::grantable(domain) else { return Ok(()) };
    let taken = |map| Amounts::parse(map).unwrap_or_default();
    let fullest = case.facts.domain.map(|status| taken(&status.granted).highest(&taken(&status.peak)));
    let amounts = worked.granted().and_then(|lines| catalog::total(&lines)).unwrap_or_default();
    let wanted = worked.takes(&amounts);
    capacity::fits(&wanted, &grantable, &fullest.unwrap_or_default()).map_err(|short| capacity::explain(name, &short))
}

//! Plans of sanctions for people to read: who must act by when, what is in force, and how it ends.

use super::{Case, Facts, Plan, mend_until};
use crate::api::GovernancePolicySpec;
use crate::api::cloud_resource_request::OpenGate;
use crate::api::common::{PolicyRef, Time};
use crate::api::decision::Verdict;
use crate::api::governance_policy::{Effect, Track};
use crate::api::names::{CONDITION_IMPOSED, ROLE_PROVIDER, ROLE_UNIT};
use crate::api::sanction::{Imposed, Lifted, SanctionPhase, SanctionStatus};
use crate::core::digest;
use crate::core::registry::Named;
use crate::core::round::report::{
    OPERATOR, Scene, at_rest, completeness, ended_reason, ended_text, last_day, nobody_acts, progress, stuck,
    submission_gate, submission_of, void_in_draft, waiting_again, waiting_at, without_holder,
};
use crate::core::round::{Round, Statement, zone_of};
use crate::core::text::{Text, brief};
use crate::core::workflow::{Ended, Walk};
use jiff::Timestamp;

fn blank(facts: &Facts<'_>) -> SanctionStatus {
    SanctionStatus {
        observed_generation: Some(facts.generation),
        subject_uid: Some(facts.uid.to_owned()),
        encoding: Some(digest::ENCODING),
        ..SanctionStatus::default()
    }
}

/// Nothing can go on before somebody mends what the reason names.
pub(super) fn stalled(facts: &Facts<'_>, reason: &str, why: &Text) -> Plan {
    let status = SanctionStatus { waiting_for: Some(brief(&why.to_string())), ..blank(facts) };
    Plan { status, conditions: stuck(reason, why), ..Plan::default() }
}

fn told(case: &Case<'_>, policy: &Named<GovernancePolicySpec>, track: &Track) -> SanctionStatus {
    SanctionStatus {
        policy: Some(PolicyRef { name: policy.name.clone(), uid: policy.uid.clone() }),
        track: Some(track.name.clone()),
        ..blank(&case.facts)
    }
}

pub(super) fn draft(case: &Case<'_>, policy: &Named<GovernancePolicySpec>, track: &Track, now: Timestamp) -> Plan {
    let (facts, matter, rule) = (&case.facts, case.matter(), &track.submission);
    let gate = submission_gate(&matter, case.registry, &policy.spec, track, case.submission_digest(policy));
    let filed = facts.decisions.iter().any(|d| d.spec.verdict == Verdict::Submit);
    let (reason, message) = if filed {
        (
            "EditedSinceFiled",
            Text::new(
                "no filing by an entitled person stands for the text as it is now: decisions made before do not count; file it again",
                "当前内容尚无有效提交（内容已修改或提交人无权限），此前意见不再有效，请重新提交",
            ),
        )
    } else {
        (
            "Draft",
            Text::new(
                format!(
                    "a draft: somebody of the {} files it ({}), e.g. `kubectl yunguan submit sanction/{}`",
                    rule.role, rule.article, facts.name
                ),
                format!("草稿，待{}人员提交（{}）", rule.role, rule.article),
            ),
        )
    };
    let void = void_in_draft(&matter, case.registry, &policy.spec, &rule.role, &gate.digest);
    let mut conditions = match nobody_acts(case.registry, facts.organization, std::slice::from_ref(&gate)) {
        Some(nobody) => without_holder(&nobody),
        None => progress(reason, &message),
    };
    conditions.push(completeness(&case.problems(&policy.spec, track, now)));
    let status = SanctionStatus {
        waiting_for: Some(waiting_at(std::slice::from_ref(&gate))),
        open_gates: vec![gate],
        void_decisions: void,
        ..told(case, policy, track)
    };
    Plan { status, conditions, ..Plan::default() }
}

pub(super) fn in_round(
    case: &Case<'_>,
    round: &Round<'_>,
    track: &Track,
    walk: &Walk,
    problems: &[Text],
    (imposed, lifted): (Option<Imposed>, Option<Lifted>),
    now: Timestamp,
) -> Plan {
    let (facts, registry, matter, policy) = (&case.facts, case.registry, case.matter(), &round.policy.spec);
    let zone = zone_of(policy);
    let scene = Scene { matter, registry, round: *round, track, walk, zone: &zone };
    let mut gates = scene.open_gates();
    if lifted.is_some() {
        gates.clear();
    }
    for gate in &mut gates {
        chase(case, policy, gate, imposed.is_some());
    }
    if walk.ended.is_some() && imposed.is_none() {
        let filed = round.submission.spec.digest.clone();
        gates.push(submission_gate(&matter, registry, policy, track, filed));
    }
    let phase = phase(walk, imposed.as_ref(), lifted.as_ref());
    let waiting_for = match &walk.ended {
        Some(ended) if imposed.is_none() => Some(waiting_again(track, ended)),
        _ if !gates.is_empty() => Some(waiting_at(&gates)),
        _ if phase == SanctionPhase::Approved && !problems.is_empty() => {
            problems.first().map(|problem| brief(&problem.to_string()))
        }
        _ if phase == SanctionPhase::Approved => Some(OPERATOR.to_owned()),
        _ => None,
    };
    let due = gates.iter().filter_map(|g| g.due).min();
    let (decisions, more_decisions) = walk.shown();
    let status = SanctionStatus {
        phase,
        round: round.number,
        waiting_for: waiting_for.map(|text| brief(&text)),
        due: due.map(|at| last_day(at, &zone)),
        submission: Some(submission_of(round.submission)),
        open_gates: gates,
        decisions,
        more_decisions,
        void_decisions: scene.void_decisions(),
        imposed,
        lifted,
        ..told(case, round.policy, track)
    };
    let mut conditions = standing(case, &scene, &status, problems);
    if let Some(nobody) = nobody_acts(registry, facts.organization, &status.open_gates) {
        conditions.extend(without_holder(&nobody));
    }
    if status.imposed.is_none() {
        conditions.push(completeness(problems));
    }
    conditions.push(scene.overdue(&status.open_gates, now));
    let wake = status.open_gates.iter().filter_map(|g| g.due).map(Time::timestamp).filter(|at| *at > now).min();
    Plan { status, conditions, wake, ..Plan::default() }
}

/// What the party is to do, it does by the day that the order names.
fn chase(case: &Case<'_>, policy: &GovernancePolicySpec, gate: &mut OpenGate, in_force: bool) {
    let of_party = [ROLE_UNIT, ROLE_PROVIDER].contains(&gate.role.as_str());
    if in_force
        && of_party
        && let Some(until) = mend_until(case.facts.order, policy)
    {
        gate.due = Some(until);
    }
}

fn phase(walk: &Walk, imposed: Option<&Imposed>, lifted: Option<&Lifted>) -> SanctionPhase {
    match (imposed, lifted, &walk.ended) {
        (_, Some(_), _) => SanctionPhase::Lifted,
        (Some(_), None, _) => SanctionPhase::Imposed,
        (None, None, Some(Ended { verdict: Verdict::Return, .. })) => SanctionPhase::Returned,
        (None, None, Some(Ended { verdict: Verdict::Withdraw, .. })) => SanctionPhase::Withdrawn,
        (None, None, Some(_)) => SanctionPhase::Rejected,
        (None, None, None) if walk.due_effects.contains_key(&Effect::Impose) => SanctionPhase::Approved,
        (None, None, None) => SanctionPhase::InReview,
    }
}

fn standing(case: &Case<'_>, scene: &Scene<'_>, status: &SanctionStatus, problems: &[Text]) -> Vec<Statement> {
    let order = case.facts.order;
    let waiting = status.waiting_for.as_deref().unwrap_or_default();
    let mut conditions = match (&status.imposed, &status.lifted, &scene.walk.ended) {
        (_, Some(lifted), _) => {
            let at = lifted.at;
            at_rest("Lifted", &Text::new(format!("it was lifted at {at}"), format!("已于{at}解除")))
        }
        (Some(imposed), None, _) => progress(
            "InForce",
            &Text::new(
                format!(
                    "in force since {} ({}): {}; to have it lifted: {}; waits for {waiting}",
                    imposed.at, order.article, order.ground, order.mend
                ),
                format!(
                    "自{}起执行（{}）：{}；解除条件：{}；待办：{}",
                    imposed.at,
                    order.article,
                    order.ground,
                    order.mend,
                    scene.waiting_zh()
                ),
            ),
        ),
        (None, None, Some(ended)) => progress(ended_reason(ended), &ended_text(ended)),
        (None, None, None) if status.phase == SanctionPhase::Approved => match problems.first() {
            Some(problem) => stuck("CannotBeImposed", problem),
            None => progress("Approved", &Text::new("it is being put on record", "已批准，正在登记")),
        },
        (None, None, None) => progress(
            "AwaitingDecision",
            &Text::new(format!("waits for {waiting}"), format!("待办：{}", scene.waiting_zh())),
        ),
    };
    let (in_force, reason, message) = match (&status.imposed, &status.lifted) {
        (Some(_), None) => (true, "InForce", "it is in force (执行中)"),
        (_, Some(_)) => (false, "Lifted", "it was lifted (已解除)"),
        (None, None) => (false, "NotYet", "it is not in force: gates before that are open (尚未执行)"),
    };
    conditions.push(Statement::new(CONDITION_IMPOSED, in_force, reason, message));
    conditions
}

//! Plans for people to read: phase, open gates, who must act by when, conditions with the next step.

use super::{Facts, Plan, Statement, Timestamp, lines::Lines, room, signed, subject_uid};
use crate::api::GovernancePolicySpec;
use crate::api::cloud_resource_request::{CloudResourceRequestStatus, OpenGate, Phase};
use crate::api::common::{PolicyRef, Time};
use crate::api::decision::Verdict;
use crate::api::governance_policy::{Effect, Track};
use crate::api::names::{
    CONDITION_ADOPTABLE, CONDITION_APPROVED, CONDITION_CAPACITY, CONDITION_IN_SCOPE, CONDITION_LIVE,
    CONDITION_PROVISIONED, CONDITION_READY, CONDITION_RECONCILING, CONDITION_STALLED,
};
use crate::core::adoption::Outlook;
use crate::core::effective;
use crate::core::quantity::Amounts;
use crate::core::registry::{Named, Registry};
use crate::core::retention::Kept;
use crate::core::round::report::{
    OPERATOR, at_rest, completeness, ended_reason, ended_text, last_day, nobody_acts, progress, resolution, stuck,
    submission_gate, submission_of, urgent_ended, void_in_draft, waiting_again, waiting_at, without_holder,
};
use crate::core::round::{self, Round};
use crate::core::scope::{self, OutOfScope};
use crate::core::text::{Text, brief};
use crate::core::workflow::{Ended, Walk};
use crate::core::{catalog, digest, retention, stop};
use jiff::SignedDuration;
use jiff::civil::Date;

/// So often it is looked again at a namespace that is to be taken over.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(20);

/// Nothing can go on before somebody mends what the reason names.
pub(super) fn stalled(facts: &Facts<'_>, reason: &str, why: &Text) -> Plan {
    let status =
        CloudResourceRequestStatus { phase: Phase::Draft, waiting_for: Some(brief(&why.to_string())), ..blank(facts) };
    Plan { status, conditions: stuck(reason, why), ..Plan::default() }
}

fn blank(facts: &Facts<'_>) -> CloudResourceRequestStatus {
    CloudResourceRequestStatus {
        observed_generation: Some(facts.generation),
        subject_uid: Some(subject_uid(facts).to_owned()),
        encoding: Some(digest::ENCODING),
        ..CloudResourceRequestStatus::default()
    }
}

/// What a draft would be filed as.
pub(super) struct Draft<'a> {
    pub(super) policy: &'a Named<GovernancePolicySpec>,
    pub(super) track: &'a Track,
    pub(super) digest: String,
    pub(super) lines: &'a Lines,
    pub(super) missing: &'a [Text],
    pub(super) outlook: Option<&'a Outlook>,
}

pub(super) fn draft(facts: &Facts<'_>, registry: &Registry, draft: &Draft<'_>, now: Timestamp) -> Plan {
    let Draft { policy, track, digest, lines, missing, outlook } = draft;
    let role = &track.submission.role;
    let gate = submission_gate(&facts.matter(), registry, &policy.spec, track, digest.clone());
    let filed = facts
        .decisions
        .iter()
        .filter(|d| d.spec.verdict == Verdict::Submit)
        .max_by_key(|d| (d.at, d.order, d.uid.as_str()));
    let (reason, message) = match filed {
        None => (
            "Draft",
            Text::new(
                format!(
                    "a draft: somebody of the {role} files it ({}), e.g. `kubectl yunguan submit {}`",
                    track.submission.article, facts.name
                ),
                format!("草稿，待{role}人员提交（{}）", track.submission.article),
            ),
        ),
        Some(_) => (
            "EditedSinceFiled",
            Text::new(
                "no filing by an entitled person stands for the text as it is now: decisions made before do not count; file it again",
                "当前内容尚无有效提交（内容已修改或提交人无权限），此前意见不再有效，请重新提交",
            ),
        ),
    };
    let void = void_in_draft(&facts.matter(), registry, &policy.spec, role, &gate.digest);
    let mut conditions = match nobody_acts(registry, facts.organization, std::slice::from_ref(&gate)) {
        Some(nobody) => without_holder(&nobody),
        None => progress(reason, &message),
    };
    conditions.extend(findings(facts, registry, lines, missing, now));
    conditions.extend(outlook.map(adoptable));
    if let Err(out) = scope::judge(facts.application, &policy.spec.scope) {
        conditions.push(Statement::new(CONDITION_IN_SCOPE, false, out.reason, &out.message));
    }
    let status = CloudResourceRequestStatus {
        phase: Phase::Draft,
        waiting_for: Some(waiting_at(std::slice::from_ref(&gate))),
        policy: Some(PolicyRef { name: policy.name.clone(), uid: policy.uid.clone() }),
        open_gates: vec![gate],
        void_decisions: void,
        adoption: outlook.and_then(|outlook| outlook.plan.clone()),
        ..with_lines(blank(facts), lines)
    };
    let wake = looks_again(*outlook, now);
    Plan { status, conditions, wake, ..Plan::default() }
}

/// Nothing tells of what happens in a namespace that is not ours yet.
fn looks_again(outlook: Option<&Outlook>, now: Timestamp) -> Option<Timestamp> {
    outlook.and_then(|_| now.checked_add(LOOK_AGAIN).ok())
}

/// Whether the namespace that the request names can be taken over.
fn adoptable(outlook: &Outlook) -> Statement {
    match &outlook.refusal {
        Some((reason, why)) => Statement::new(CONDITION_ADOPTABLE, false, reason, why),
        None => Statement::new(
            CONDITION_ADOPTABLE,
            true,
            "AsPlanned",
            "it can be taken over as status.adoption says (可按方案接管)",
        ),
    }
}

pub(super) fn out_of_scope(facts: &Facts<'_>, round: &Round<'_>, out: &OutOfScope) -> Plan {
    let Round { policy, submission, number } = *round;
    let status = CloudResourceRequestStatus {
        phase: Phase::OutOfScope,
        round: number,
        waiting_for: Some(brief(&out.message.to_string())),
        policy: Some(PolicyRef { name: policy.name.clone(), uid: policy.uid.clone() }),
        submission: Some(submission_of(submission)),
        ..blank(facts)
    };
    let conditions = vec![
        Statement::new(CONDITION_READY, false, out.reason, &out.message),
        Statement::new(CONDITION_IN_SCOPE, false, out.reason, &out.message),
        Statement::new(CONDITION_STALLED, true, out.reason, &out.message),
        Statement::new(CONDITION_RECONCILING, false, "Idle", "the operator has nothing to do"),
    ];
    Plan { status, conditions, ..Plan::default() }
}

/// A round on its way, with what this kind of request adds.
pub(super) struct Scene<'a> {
    pub(super) round: round::report::Scene<'a>,
    pub(super) lines: &'a Lines,
    pub(super) missing: &'a [Text],
    pub(super) outlook: Option<&'a Outlook>,
}

pub(super) fn in_round(facts: &Facts<'_>, scene: &Scene<'_>, now: Timestamp) -> Plan {
    let Scene { round: on_its_way, lines, missing, outlook } = scene;
    let round::report::Scene { matter, registry, round: Round { policy, submission, number }, track, walk, zone } =
        *on_its_way;
    let mut gates = on_its_way.open_gates();
    // Once the whole track is granted, its own papers are there: nothing is left to chase.
    if facts.granted().is_some_and(|grant| grant.term.is_some()) && facts.is_permanent() {
        gates.retain(|gate| gate.reports.is_empty());
    }
    if facts.opened().is_some_and(|system| stop::closed(system.spec).is_some()) {
        gates.clear();
    }
    if walk.ended.is_some() && facts.opened().is_none() {
        let filed = submission.spec.digest.clone();
        gates.push(submission_gate(&matter, registry, &policy.spec, track, filed));
    }
    let due = gates.iter().filter_map(|g| g.due).min();
    let phase = phase(facts, walk);
    let system = facts.opened().is_some().then(|| facts.application.system.code.clone());
    let waiting_for = waiting_for(on_its_way, &gates, phase);
    let (decisions, more_decisions) = walk.shown();
    let status = CloudResourceRequestStatus {
        phase,
        round: number,
        waiting_for: waiting_for.as_ref().map(|text| brief(text)),
        due: due.map(|at| last_day(at, zone)),
        due_unknown: gates.iter().find_map(|gate| gate.due_unknown).filter(|_| due.is_none()),
        policy: Some(PolicyRef { name: policy.name.clone(), uid: policy.uid.clone() }),
        submission: Some(submission_of(submission)),
        open_gates: gates,
        decisions,
        more_decisions,
        void_decisions: on_its_way.void_decisions(),
        committed: facts.opened().is_some(),
        system_namespace: facts.opened().map(|system| system.spec.namespace.clone()),
        adoption: outlook.and_then(|outlook| outlook.plan.clone()),
        system,
        until: facts.granted().and_then(|grant| grant.term.as_ref()?.until),
        keep_old_until: kept_until(facts, registry, &policy.spec),
        ..with_lines(blank(facts), lines)
    };
    let mut conditions = standing(facts, on_its_way, phase, waiting_for.as_deref());
    if let Some(nobody) = nobody_acts(registry, facts.organization, &status.open_gates) {
        conditions.extend(without_holder(&nobody));
    }
    let urgent = facts.opened().map(|system| system.spec).filter(|_| status.until.is_some());
    if let Some(at) = urgent.and_then(|spec| effective::urgent_ended(spec, now)) {
        conditions.extend(urgent_ended(&facts.application.system.code, at));
    }
    conditions.extend(findings(facts, registry, lines, missing, now));
    conditions.extend(outlook.map(adoptable));
    conditions.push(on_its_way.overdue(&status.open_gates, now));
    let dues = status.open_gates.iter().filter_map(|g| g.due).map(Time::timestamp);
    let again = looks_again(*outlook, now);
    let wake = dues.chain(urgent.and_then(effective::urgent_until)).chain(again).filter(|at| *at > now).min();
    Plan { status, conditions, wake, ..Plan::default() }
}

/// Until when its old self is kept: as planned, before it is open; after that what is on record, once it is live.
fn kept_until(facts: &Facts<'_>, registry: &Registry, policy: &GovernancePolicySpec) -> Option<Date> {
    let Some(system) = facts.opened() else { return retention::planned(facts.application, policy) };
    match retention::kept(system.spec, registry)? {
        Kept::Until(day) => Some(day),
        Kept::UntilLive => None,
    }
}

fn phase(facts: &Facts<'_>, walk: &Walk) -> Phase {
    match (&walk.ended, facts.opened()) {
        (Some(Ended { verdict: Verdict::Return, .. }), None) => Phase::Returned,
        (Some(Ended { verdict: Verdict::Withdraw, .. }), None) => Phase::Withdrawn,
        (Some(_), None) => Phase::Rejected,
        (_, Some(system)) if stop::closed(system.spec).is_some() => Phase::Closed,
        (_, Some(system)) if facts.granted().is_some_and(|g| signed(system.spec, g).is_some()) => Phase::Live,
        (_, Some(system)) if system.provisioned_at.is_some() => Phase::Trial,
        (_, Some(_)) => Phase::Provisioning,
        (None, None) if walk.due_effects.contains_key(&Effect::Provision) => Phase::Approved,
        (None, None) => Phase::InReview,
    }
}

/// Who must act, in one line; nothing where nobody must.
fn waiting_for(scene: &round::report::Scene<'_>, gates: &[OpenGate], phase: Phase) -> Option<String> {
    if phase == Phase::Closed {
        return None;
    }
    if let Some(ended) = scene.walk.ended.as_ref().filter(|_| phase != Phase::Provisioning) {
        return Some(waiting_again(scene.track, ended));
    }
    if gates.is_empty() {
        return (phase != Phase::Live).then(|| OPERATOR.to_owned());
    }
    Some(waiting_at(gates))
}

/// Conditions about how far the request has come.
fn standing(
    facts: &Facts<'_>,
    scene: &round::report::Scene<'_>,
    phase: Phase,
    waiting: Option<&str>,
) -> Vec<Statement> {
    let waiting = waiting.unwrap_or_default();
    let mut conditions =
        vec![Statement::new(CONDITION_IN_SCOPE, true, "InScope", "the system may be in this cloud (属于服务范围)")];
    let ready = match (&scene.walk.ended, phase) {
        (Some(ended), _) if facts.opened().is_none() => progress(ended_reason(ended), &ended_text(ended)),
        (Some(_), Phase::Closed) => at_rest(
            "Closed",
            &Text::new(
                "it was taken back before anything was opened, and its room is given back",
                "申请在开通前已撤回，资源已归还",
            ),
        ),
        (_, Phase::Closed) => at_rest("Closed", &Text::new("the system has left the cloud", "系统已退出")),
        (_, Phase::Live) => at_rest("Live", &Text::new("the system is live and charged", "系统已上线计费")),
        (_, Phase::Approved | Phase::Provisioning) => vec![
            Statement::new(CONDITION_READY, false, "Provisioning", "the resources are being opened (正在开通资源)"),
            Statement::new(
                CONDITION_RECONCILING,
                true,
                "Provisioning",
                "the resources are being opened (正在开通资源)",
            ),
            Statement::new(CONDITION_STALLED, false, "Provisioning", "nothing is in the way"),
        ],
        _ => progress(
            "AwaitingDecision",
            &Text::new(format!("waits for {waiting}"), format!("待办：{}", scene.waiting_zh())),
        ),
    };
    conditions.extend(ready);
    let approved = facts.opened().is_some() || phase == Phase::Approved;
    conditions.push(if approved {
        Statement::new(CONDITION_APPROVED, true, "Approved", "every gate before provisioning is passed (已批准)")
    } else {
        Statement::new(CONDITION_APPROVED, false, "NotYet", "gates before provisioning are open (尚未批准)")
    });
    let provisioned = facts.opened().is_some_and(|s| s.provisioned_at.is_some());
    conditions.push(Statement::new(
        CONDITION_PROVISIONED,
        provisioned,
        if provisioned { "Open" } else { "NotYet" },
        if provisioned {
            "the namespace and its quota stand (资源已开通)"
        } else {
            "the resources are not open (资源未开通)"
        },
    ));
    let live = phase == Phase::Live;
    conditions.push(Statement::new(
        CONDITION_LIVE,
        live,
        if live { "Signed" } else { "NotYet" },
        if live {
            "signed by all parties; charging runs (已签订协议并计费)"
        } else {
            "not live, nothing is charged (未上线，不计费)"
        },
    ));
    conditions
}

/// Conditions about what the request says.
fn findings(facts: &Facts<'_>, registry: &Registry, lines: &Lines, missing: &[Text], now: Timestamp) -> Vec<Statement> {
    let problems = lines.problems();
    let mut found = vec![completeness(missing), resolution(&problems)];
    if facts.opened().is_none() && !problems.is_empty() {
        let unknown =
            "known once every line can be provided: condition Resolved says what to mend (待各行可提供后计算)";
        found.push(Statement::new(CONDITION_CAPACITY, None, "LineProblem", unknown));
    } else if facts.opened().is_none() {
        let wanted = lines.granted().and_then(|lines| catalog::total(&lines)).unwrap_or_default();
        found.push(match room(facts, registry, &wanted, now) {
            Ok(()) => Statement::new(CONDITION_CAPACITY, true, "Fits", "the domain has room for it (资源充足)"),
            Err(why) => Statement::new(CONDITION_CAPACITY, false, "Short", why),
        });
    }
    found
}

fn with_lines(status: CloudResourceRequestStatus, lines: &Lines) -> CloudResourceRequestStatus {
    let granted = lines.granted().unwrap_or_default();
    let total = catalog::total(&granted).as_ref().map(Amounts::print).unwrap_or_default();
    CloudResourceRequestStatus {
        lines: lines.statuses(),
        amounts: total,
        monthly_fee: catalog::monthly_fee(&granted).filter(|_| !granted.is_empty()),
        ..status
    }
}

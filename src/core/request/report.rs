//! Plans for people to read: phase, open gates, who must act by when, conditions with the next step.

use super::{Facts, Plan, Statement, Timestamp, entitled, first_role, lines::Lines, place, room, subject_uid};
use crate::api::GovernancePolicySpec;
use crate::api::cloud_resource_request::{CloudResourceRequestStatus, OpenGate, Phase, Submission, VoidDecision};
use crate::api::common::{Names, PolicyRef, Time};
use crate::api::decision::Verdict;
use crate::api::governance_policy::{Effect, Gate, Track};
use crate::api::names::{
    CONDITION_APPROVED, CONDITION_CAPACITY, CONDITION_COMPLETE, CONDITION_IN_SCOPE, CONDITION_LIVE, CONDITION_OVERDUE,
    CONDITION_PROVISIONED, CONDITION_READY, CONDITION_RECONCILING, CONDITION_RESOLVED, CONDITION_STALLED,
    GATE_SUBMISSION,
};
use crate::core::calendar::{UnknownYear, WorkCalendars};
use crate::core::quantity::Amounts;
use crate::core::registry::{Named, Registry};
use crate::core::scope::{self, OutOfScope};
use crate::core::text::{Text, shorten};
use crate::core::workflow::{DecisionFact, Ended, Walk};
use crate::core::{catalog, digest, names, retention};
use jiff::tz::TimeZone;

/// Nothing can go on before somebody mends what the reason names.
pub(super) fn stalled(facts: &Facts<'_>, reason: &str, why: &Text) -> Plan {
    let status = CloudResourceRequestStatus {
        phase: Phase::Draft,
        waiting_for: Some(shorten(&why.to_string(), 512)),
        ..blank(facts)
    };
    let conditions = vec![
        Statement::new(CONDITION_READY, false, reason, why),
        Statement::new(CONDITION_STALLED, true, reason, why),
        Statement::new(CONDITION_RECONCILING, false, "Idle", "the operator has nothing to do"),
    ];
    Plan { status, conditions, ..Plan::default() }
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
}

pub(super) fn draft(facts: &Facts<'_>, registry: &Registry, draft: &Draft<'_>) -> Plan {
    let Draft { policy, track, digest, lines, missing } = draft;
    let role = &track.submission.role;
    let gate = submission_gate(facts, registry, &policy.spec, track, digest.clone());
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
    let mut conditions = match nobody_acts(registry, facts, std::slice::from_ref(&gate)) {
        Some(nobody) => without_holder(&nobody),
        None => progress(reason, &message),
    };
    conditions.extend(findings(facts, registry, lines, missing));
    if let Err(out) = scope::judge(facts.application, &policy.spec.scope) {
        conditions.push(Statement::new(CONDITION_IN_SCOPE, false, out.reason, &out.message));
    }
    let status = CloudResourceRequestStatus {
        phase: Phase::Draft,
        waiting_for: Some(waiting_at(std::slice::from_ref(&gate))),
        policy: Some(PolicyRef { name: policy.name.clone(), uid: policy.uid.clone() }),
        open_gates: vec![gate],
        void_decisions: void_submissions(facts, registry, &policy.spec, role),
        ..with_lines(blank(facts), lines)
    };
    Plan { status, conditions, ..Plan::default() }
}

/// The gate at which a request is filed, for the first time or again.
fn submission_gate(
    facts: &Facts<'_>,
    registry: &Registry,
    policy: &GovernancePolicySpec,
    track: &Track,
    digest: String,
) -> OpenGate {
    let role = &track.submission.role;
    OpenGate {
        gate: GATE_SUBMISSION.to_owned(),
        title: Names { zh: "提交申请".to_owned(), en: Some("File the request".to_owned()) },
        role: role.clone(),
        organizations: registry.holders(policy, facts.organization, &facts.application.domain, role),
        verdicts: vec![Verdict::Submit],
        quorum: 1,
        digest,
        article: track.submission.article.clone(),
        ..OpenGate::default()
    }
}

/// Submissions that open nothing, and why.
fn void_submissions(
    facts: &Facts<'_>,
    registry: &Registry,
    policy: &GovernancePolicySpec,
    role: &str,
) -> Vec<VoidDecision> {
    use crate::api::cloud_resource_request::VoidReason;
    let mut filed: Vec<&DecisionFact> = facts.decisions.iter().filter(|d| d.spec.verdict == Verdict::Submit).collect();
    filed.sort_by_key(|d| place(d));
    let mut void: Vec<VoidDecision> = filed
        .into_iter()
        .map(|d| {
            let (reason, message) = if d.spec.request_ref.uid != subject_uid(facts) {
                (VoidReason::OtherRequest, Text::new("it filed another object of the same name", "所提交的是另一个同名对象"))
            } else if d.spec.role != role || !entitled(facts, registry, policy, d) {
                (
                    VoidReason::NotEntitled,
                    Text::new(
                        format!("the person does not hold the role {role} of this unit now: somebody listed in the Organization's spec.members files it"),
                        format!("提交人目前不具备本单位{role}角色，请由单位成员提交"),
                    ),
                )
            } else if let Some(other) = first_role(facts, registry, policy, d) {
                (
                    VoidReason::SecondRole,
                    Text::new(
                        format!("the person has acted as {other} on this request, and one person never acts in two roles: somebody else of the unit files it"),
                        format!("提交人已以{other}身份办理过本申请，一人不得兼任两个角色，请由本单位其他人员提交"),
                    ),
                )
            } else {
                (
                    VoidReason::OtherContent,
                    Text::new("the text has changed since it was filed: file it again", "提交后内容已修改，请重新提交"),
                )
            };
            VoidDecision { name: d.name.clone(), reason, message: message.to_string() }
        })
        .collect();
    newest(&mut void);
    void
}

fn newest(void: &mut Vec<VoidDecision>) {
    let surplus = void.len().saturating_sub(16);
    void.drain(..surplus);
}

pub(super) fn out_of_scope(
    facts: &Facts<'_>,
    policy: &Named<GovernancePolicySpec>,
    submission: &DecisionFact,
    round: i64,
    out: &OutOfScope,
) -> Plan {
    let status = CloudResourceRequestStatus {
        phase: Phase::OutOfScope,
        round,
        waiting_for: Some(shorten(&out.message.to_string(), 512)),
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

fn submission_of(submission: &DecisionFact) -> Submission {
    Submission {
        name: submission.name.clone(),
        uid: submission.uid.clone(),
        by: submission.spec.decided_by.as_ref().map(|by| by.username.clone()).unwrap_or_default(),
        at: submission.at,
    }
}

/// Everything about a round that a report needs.
pub(super) struct Scene<'a> {
    pub(super) registry: &'a Registry,
    pub(super) policy: &'a Named<GovernancePolicySpec>,
    pub(super) track: &'a Track,
    pub(super) submission: &'a DecisionFact,
    pub(super) round: i64,
    pub(super) lines: &'a Lines,
    pub(super) missing: &'a [Text],
    pub(super) walk: &'a Walk,
    pub(super) zone: &'a TimeZone,
}

pub(super) fn in_round(facts: &Facts<'_>, scene: &Scene<'_>, now: Timestamp) -> Plan {
    let Scene { policy, walk, lines, .. } = scene;
    let mut gates: Vec<OpenGate> = walk.open.iter().filter_map(|open| open_gate(facts, scene, open)).collect();
    if walk.ended.is_some() && facts.system.is_none() {
        let filed = scene.submission.spec.digest.clone();
        gates.push(submission_gate(facts, scene.registry, &policy.spec, scene.track, filed));
    }
    let due = gates.iter().filter_map(|g| g.due).min();
    let phase = phase(facts, walk);
    let mut void = walk.void.clone();
    void.retain(|v| !earlier_round(facts, scene, v));
    newest(&mut void);
    let system = facts.system.is_some().then(|| facts.application.system.code.clone());
    let waiting_for = waiting_for(scene, &gates, phase);
    let status = CloudResourceRequestStatus {
        phase,
        round: scene.round,
        waiting_for: waiting_for.as_ref().map(|text| shorten(text, 512)),
        due: due.map(|at| last_day(at, scene.zone)),
        policy: Some(PolicyRef { name: policy.name.clone(), uid: policy.uid.clone() }),
        submission: Some(submission_of(scene.submission)),
        open_gates: gates,
        decisions: walk.counted.iter().rev().take(64).rev().cloned().collect(),
        void_decisions: void,
        committed: facts.system.is_some(),
        system_namespace: system.as_ref().map(|code| names::system_namespace(facts.organization, code)),
        system,
        keep_old_until: retention::keep_old_until(facts.application, &policy.spec),
        ..with_lines(blank(facts), lines)
    };
    let overdue = due.filter(|at| at.timestamp() <= now);
    let mut conditions = standing(facts, scene, phase, waiting_for.as_deref());
    if let Some(nobody) = nobody_acts(scene.registry, facts, &status.open_gates) {
        conditions.extend(without_holder(&nobody));
    }
    conditions.extend(findings(facts, scene.registry, lines, scene.missing));
    conditions.push(match overdue {
        Some(at) => Statement::new(
            CONDITION_OVERDUE,
            true,
            "PastDue",
            format!("a gate was due by the end of {} (办理已超期)", last_day(at, scene.zone)),
        ),
        None => deadline(scene, &status),
    });
    let wake = status.open_gates.iter().filter_map(|g| g.due).map(Time::timestamp).filter(|at| *at > now).min();
    Plan { status, conditions, wake, ..Plan::default() }
}

/// The day whose end a deadline is.
fn last_day(at: Time, zone: &TimeZone) -> jiff::civil::Date {
    let midnight = crate::core::calendar::date_in(at.timestamp(), zone);
    midnight.yesterday().unwrap_or(midnight)
}

/// Decisions of earlier rounds are history, not mistakes.
fn earlier_round(facts: &Facts<'_>, scene: &Scene<'_>, void: &VoidDecision) -> bool {
    facts.decisions.iter().any(|d| {
        d.name == void.name
            && d.at < scene.submission.at
            && d.spec.submission_uid.as_deref() != Some(scene.submission.uid.as_str())
    })
}

fn open_gate(facts: &Facts<'_>, scene: &Scene<'_>, open: &crate::core::workflow::Open) -> Option<OpenGate> {
    let gate: &Gate = scene.track.gates.iter().find(|g| g.name == open.gate)?;
    let due = due_at(scene, gate, open.since).and_then(Result::ok);
    let domain = &facts.application.domain;
    Some(OpenGate {
        gate: gate.name.clone(),
        title: gate.title.clone(),
        role: gate.role.clone(),
        organizations: scene.registry.holders(&scene.policy.spec, facts.organization, domain, &gate.role),
        verdicts: gate.verdicts.clone(),
        quorum: i64::try_from(gate.quorum()).unwrap_or(1),
        agreed: i64::try_from(open.agreed).unwrap_or(0),
        digest: open.digest.clone(),
        since: Some(open.since),
        due: due.map(Time::new),
        reports: gate.reports.clone(),
        confirms_amounts: gate.confirms_amounts,
        article: gate.article.clone(),
    })
}

/// The end of the last day on which a gate that has a deadline is in time.
fn due_at(scene: &Scene<'_>, gate: &Gate, since: Time) -> Option<Result<Timestamp, UnknownYear>> {
    let days = u32::try_from(gate.due_work_days?).ok()?;
    let none = WorkCalendars::default();
    let calendars = scene.registry.calendars.get(&scene.policy.spec.calendar).unwrap_or(&none);
    Some(calendars.due_at(since.timestamp(), days, scene.zone))
}

/// A deadline that cannot be counted is unknown, and says why.
fn deadline(scene: &Scene<'_>, status: &CloudResourceRequestStatus) -> Statement {
    let uncounted = status.open_gates.iter().find_map(|open| {
        let gate = scene.track.gates.iter().find(|g| g.name == open.gate)?;
        Some((&gate.name, due_at(scene, gate, open.since?)?.err()?))
    });
    match uncounted {
        Some((gate, why)) => Statement::new(
            CONDITION_OVERDUE,
            None,
            match why {
                UnknownYear::Missing(_) => "CalendarMissing",
                UnknownYear::Conflicting { .. } => "CalendarConflict",
            },
            format!(
                "the deadline of gate {gate} is unknown (无法计算时限): in region {}, {why}",
                scene.policy.spec.calendar
            ),
        ),
        None => Statement::new(CONDITION_OVERDUE, false, "InTime", "no open gate is past its due date (未超期)"),
    }
}

fn phase(facts: &Facts<'_>, walk: &Walk) -> Phase {
    match (&walk.ended, facts.system) {
        (Some(Ended { verdict: Verdict::Return, .. }), None) => Phase::Returned,
        (Some(Ended { verdict: Verdict::Withdraw, .. }), None) => Phase::Withdrawn,
        (Some(_), None) => Phase::Rejected,
        (_, Some(system)) if system.spec.live.is_some() => Phase::Live,
        (_, Some(system)) if system.provisioned_at.is_some() => Phase::Trial,
        (_, Some(_)) => Phase::Provisioning,
        (None, None) if walk.due_effects.contains_key(&Effect::Provision) => Phase::Approved,
        (None, None) => Phase::InReview,
    }
}

/// Who is waited for while nobody but the operator must act.
pub const OPERATOR: &str = "operator";

/// Who must act at these gates, in one line: the words of the API, which the plugin puts into the reader's.
#[must_use]
pub fn waiting_at(gates: &[OpenGate]) -> String {
    let each = gates.iter().map(|g| {
        let progress = if g.quorum > 1 { format!(" {}/{}", g.agreed, g.quorum) } else { String::new() };
        format!("{}: {}{progress}", g.role, g.gate)
    });
    each.collect::<Vec<_>>().join("; ")
}

/// Who must act, in one line; nothing where nobody must.
fn waiting_for(scene: &Scene<'_>, gates: &[OpenGate], phase: Phase) -> Option<String> {
    if let Some(ended) = &scene.walk.ended {
        let role = &scene.track.submission.role;
        return Some(format!("{role}: file again ({} by {} at {})", ended.verdict, ended.decision.by, ended.gate));
    }
    if gates.is_empty() {
        return (phase != Phase::Live).then(|| OPERATOR.to_owned());
    }
    Some(waiting_at(gates))
}

/// Conditions about how far the request has come.
fn standing(facts: &Facts<'_>, scene: &Scene<'_>, phase: Phase, waiting: Option<&str>) -> Vec<Statement> {
    let waiting = waiting.unwrap_or_default();
    let mut conditions =
        vec![Statement::new(CONDITION_IN_SCOPE, true, "InScope", "the system may be in this cloud (属于服务范围)")];
    let ready = match (&scene.walk.ended, phase) {
        (Some(ended), _) if facts.system.is_none() => progress(ended_reason(ended), &ended_text(ended)),
        (_, Phase::Live) => vec![
            Statement::new(CONDITION_READY, true, "Live", "the system is live and charged (系统已上线计费)"),
            Statement::new(CONDITION_RECONCILING, false, "Idle", "the operator has nothing to do"),
            Statement::new(CONDITION_STALLED, false, "Idle", "nothing is in the way"),
        ],
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
            &Text::new(format!("waits for {waiting}"), format!("待办：{}", waiting_zh(scene))),
        ),
    };
    conditions.extend(ready);
    let approved = facts.system.is_some() || phase == Phase::Approved;
    conditions.push(if approved {
        Statement::new(CONDITION_APPROVED, true, "Approved", "every gate before provisioning is passed (已批准)")
    } else {
        Statement::new(CONDITION_APPROVED, false, "NotYet", "gates before provisioning are open (尚未批准)")
    });
    let provisioned = facts.system.is_some_and(|s| s.provisioned_at.is_some());
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

fn waiting_zh(scene: &Scene<'_>) -> String {
    let open = scene.walk.open.iter().filter_map(|o| scene.track.gates.iter().find(|g| g.name == o.gate));
    open.map(|g| format!("{}（{}）", g.title.zh, g.article)).collect::<Vec<_>>().join("、")
}

fn ended_reason(ended: &Ended) -> &'static str {
    match ended.verdict {
        Verdict::Return => "Returned",
        Verdict::Withdraw => "Withdrawn",
        _ => "Rejected",
    }
}

fn ended_text(ended: &Ended) -> Text {
    let why = ended.decision.comment.as_deref().unwrap_or_default();
    let amounts: Vec<String> = ended.recommended.iter().map(|l| format!("{}={}", l.line, l.quantity)).collect();
    let recommended = if amounts.is_empty() { String::new() } else { format!("; recommended: {}", amounts.join(", ")) };
    Text::new(
        format!(
            "{} by {} at {}: {why}{recommended}; mend it and file again",
            ended.verdict, ended.decision.by, ended.gate
        ),
        format!("{}在{}环节的意见：{why}；请修改后重新提交", ended.decision.by, ended.gate),
    )
}

/// Waiting for people: not ready, and neither at work nor stuck, so that a pipeline does not hang on it.
fn progress(reason: &str, message: &Text) -> Vec<Statement> {
    vec![
        Statement::new(CONDITION_READY, false, reason, message),
        Statement::new(CONDITION_RECONCILING, false, reason, "the operator has nothing to do"),
        Statement::new(CONDITION_STALLED, false, reason, "nothing is in the way but what Ready says"),
    ]
}

/// Waiting for people of whom there are none: no time brings that to an end.
fn without_holder(nobody: &Text) -> Vec<Statement> {
    vec![
        Statement::new(CONDITION_READY, false, "RoleWithoutHolder", nobody),
        Statement::new(CONDITION_RECONCILING, false, "Idle", "the operator has nothing to do"),
        Statement::new(CONDITION_STALLED, true, "RoleWithoutHolder", nobody),
    ]
}

/// The first open gate at which nobody can act, since no organization that fills its role lists anybody.
fn nobody_acts(registry: &Registry, facts: &Facts<'_>, gates: &[OpenGate]) -> Option<Text> {
    let gate = gates.iter().find(|g| !registry.has_members(&g.organizations, &g.role))?;
    let (name, title, role) = (&gate.gate, &gate.title.zh, &gate.role);
    if gate.organizations.is_empty() {
        let unit = facts.organization;
        return Some(Text::new(
            format!(
                "gate {name} waits for the {role}, and {unit} has none: the authority names one in the Organization's spec.supervisor, or as the role's organizations in the next version of the policy"
            ),
            format!("环节“{title}”由{role}办理，但本单位没有对应单位，请主管部门登记"),
        ));
    }
    let organizations = gate.organizations.join(", ");
    Some(Text::new(
        format!(
            "nobody can act at gate {name}: the authority lists people with role `{role}` under spec.members of Organization {organizations}"
        ),
        format!("环节“{title}”无人可办理，请主管部门在单位{organizations}的spec.members中登记{role}人员"),
    ))
}

/// Conditions about what the request says.
fn findings(facts: &Facts<'_>, registry: &Registry, lines: &Lines, missing: &[Text]) -> Vec<Statement> {
    let complete = if missing.is_empty() {
        Statement::new(CONDITION_COMPLETE, true, "Complete", "every paper and field is there (材料齐全)")
    } else {
        Statement::new(CONDITION_COMPLETE, false, "MaterialMissing", listed(missing))
    };
    let problems = lines.problems();
    let resolved = if problems.is_empty() {
        Statement::new(CONDITION_RESOLVED, true, "Resolved", "every line can be provided in the domain (各行均可提供)")
    } else {
        Statement::new(CONDITION_RESOLVED, false, "LineProblem", listed(&problems))
    };
    let mut found = vec![complete, resolved];
    if facts.system.is_none() && !problems.is_empty() {
        let unknown =
            "known once every line can be provided: condition Resolved says what to mend (待各行可提供后计算)";
        found.push(Statement::new(CONDITION_CAPACITY, None, "LineProblem", unknown));
    } else if facts.system.is_none() {
        let wanted = lines.granted().and_then(|lines| catalog::total(&lines)).unwrap_or_default();
        found.push(match room(facts, registry, &wanted) {
            Ok(()) => Statement::new(CONDITION_CAPACITY, true, "Fits", "the domain has room for it (资源充足)"),
            Err(why) => Statement::new(CONDITION_CAPACITY, false, "Short", why),
        });
    }
    found
}

fn listed(texts: &[Text]) -> Text {
    let list = |zh| texts.iter().map(|text| text.get(zh)).collect::<Vec<_>>();
    Text::new(list(false).join("; "), list(true).join("；"))
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

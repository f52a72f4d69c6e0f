//! What people are told about any request: open gates, who must act by when, which decisions do not count and why.

use super::{Matter, Round, Statement, zone_of};
use crate::api::GovernancePolicySpec;
use crate::api::cloud_resource_request::{DueUnknown, OpenGate, Submission, VoidDecision, VoidReason};
use crate::api::common::{Names, Time};
use crate::api::decision::Verdict;
use crate::api::governance_policy::{ChangeRules, Gate, Track};
use crate::api::names::{
    CONDITION_CALENDAR, CONDITION_CAPACITY, CONDITION_COMPLETE, CONDITION_OVERDUE, CONDITION_READY,
    CONDITION_RECONCILING, CONDITION_RESOLVED, CONDITION_STALLED, GATE_ANNEX, GATE_SUBMISSION, ROLE_UNIT,
};
use crate::core::calendar::{UnknownYear, WorkCalendars};
use crate::core::fit;
use crate::core::registry::Registry;
use crate::core::text::Text;
use crate::core::workflow::{DecisionFact, Ended, Open, Refusal, Walk, place};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// So many decisions that do not count are listed; a status is bounded.
const VOID_SHOWN: usize = 5;

/// The end of the last day on which something that has a deadline is in time, by the calendar and in the zone of a policy.
#[must_use]
pub fn due_at(
    registry: &Registry,
    policy: &GovernancePolicySpec,
    days: Option<i32>,
    since: Time,
) -> Option<Result<Timestamp, UnknownYear>> {
    let days = u32::try_from(days?).ok()?;
    let none = WorkCalendars::default();
    let calendars = registry.calendars.get(&policy.calendar).unwrap_or(&none);
    Some(calendars.due_at(since.timestamp(), days, &zone_of(policy)))
}

/// Whether all deadlines that begin now can be counted, by the longest of a policy.
#[must_use]
pub fn counts_days(registry: &Registry, policy: &GovernancePolicySpec, now: Timestamp) -> Statement {
    let gates = policy.tracks.iter().flat_map(|track| &track.gates).filter_map(|gate| gate.due_work_days);
    let changes = policy.changes.as_ref();
    let others = [
        changes.map(|rules| rules.extension_work_days.value),
        changes.and_then(|rules| rules.emergency_annex_work_days.as_ref()).map(|limit| limit.value),
    ];
    let longest = gates.chain(others.into_iter().flatten()).max();
    match due_at(registry, policy, longest, Time::new(now)) {
        Some(Err(why)) => {
            let reason: &str = unknown_year(&why).into();
            let why = format!(
                "deadlines that begin now cannot be counted (无法计算时限): in region {}, {why}",
                policy.calendar
            );
            Statement::new(CONDITION_CALENDAR, false, reason, why)
        }
        _ => Statement::new(
            CONDITION_CALENDAR,
            true,
            "Counted",
            "every deadline that begins now can be counted (时限可计算)",
        ),
    }
}

/// A round on its way, as far as its kind does not matter.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// What is decided upon.
    pub matter: Matter<'a>,
    /// What is not about one request.
    pub registry: &'a Registry,
    /// The round.
    pub round: Round<'a>,
    /// Its track.
    pub track: &'a Track,
    /// Where its walk ended.
    pub walk: &'a Walk,
    /// In which days begin and end.
    pub zone: &'a TimeZone,
}

/// The gate at which a request is filed, for the first time or again.
#[must_use]
pub fn submission_gate(
    matter: &Matter<'_>,
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
        organizations: registry.holders(policy, matter.organization, matter.domain, role),
        verdicts: vec![Verdict::Submit],
        quorum: 1,
        digest,
        article: track.submission.article.clone(),
        ..OpenGate::default()
    }
}

/// The newest decisions while no filing stands: filings that open nothing, and what was decided since the last of them. `digest`
/// is that of the text as it is.
#[must_use]
pub fn void_in_draft(
    matter: &Matter<'_>,
    registry: &Registry,
    policy: &GovernancePolicySpec,
    role: &str,
    digest: &str,
) -> Vec<VoidDecision> {
    let filed = matter.submissions();
    let of_this = |d: &&DecisionFact| d.spec.request_ref.uid == matter.uid;
    let last = filed.iter().copied().rfind(of_this);
    let judged = filed.iter().map(|d| (*d, opens_nothing(matter, registry, policy, role, digest, d)));
    let since = matter.decisions.iter().filter(|d| d.spec.verdict != Verdict::Submit).filter(of_this);
    let since = since.filter(|d| last.is_none_or(|last| place(d) > place(last)));
    let mut void: Vec<_> = judged.chain(since.map(|d| (d, decides_nothing(last)))).collect();
    void.sort_by_key(|(d, _)| place(d));
    newest(void.into_iter().map(|(d, refusal)| refusal.of(d)).collect())
}

/// Why a decision other than a filing does not count while no filing stands.
fn decides_nothing(filed: Option<&DecisionFact>) -> Refusal {
    let (reason, message) = match filed {
        None => (
            VoidReason::GateNotOpen,
            Text::new(
                "nothing is filed yet, so there is nothing to decide: it is filed first",
                "尚未提交，不能办理，请先提交",
            ),
        ),
        Some(_) => (
            VoidReason::OtherContent,
            Text::new(
                "the text has changed since it was filed, so what was decided on it does not count: it is filed again first",
                "提交后内容已修改，此前意见不再有效，请重新提交后办理",
            ),
        ),
    };
    Refusal { reason, message }
}

/// Why a submission opens nothing. Who holds a role changes with time, so that comes last.
fn opens_nothing(
    matter: &Matter<'_>,
    registry: &Registry,
    policy: &GovernancePolicySpec,
    role: &str,
    digest: &str,
    submission: &DecisionFact,
) -> Refusal {
    let refused = |reason, en: String, zh: String| Refusal { reason, message: Text::new(en, zh) };
    let unentitled = || {
        refused(
            VoidReason::NotEntitled,
            format!(
                "the person does not hold the role {role} of this unit now: somebody listed in the Organization's spec.members files it"
            ),
            format!("提交人目前不具备本单位{role}角色，请由单位成员提交"),
        )
    };
    if submission.spec.request_ref.uid != matter.uid {
        return refused(
            VoidReason::OtherRequest,
            "it filed another object of the same name".to_owned(),
            "所提交的是另一个同名对象".to_owned(),
        );
    }
    if submission.spec.role != role {
        return unentitled();
    }
    if let Some(other) = matter.first_role(registry, policy, submission) {
        return refused(
            VoidReason::SecondRole,
            format!(
                "the person has acted as {other} on this request, and one person never acts in two roles: somebody else of the unit files it"
            ),
            format!("提交人已以{other}身份办理过本申请，一人不得兼任两个角色，请由本单位其他人员提交"),
        );
    }
    if submission.spec.digest == digest {
        if !matter.entitled(registry, policy, submission) {
            return unentitled();
        }
        // While nothing is granted, the same text filed again opens the next round.
        return refused(
            VoidReason::GateClosed,
            "what was filed before has been carried out and stands, so the same is not filed again".to_owned(),
            "此前的提交已执行且继续有效，无须再次提交".to_owned(),
        );
    }
    refused(
        VoidReason::OtherContent,
        "it is not of the text as it stands, which has changed since: read it and file it again".to_owned(),
        "所提交的内容与当前内容不符（已修改），请核对后重新提交".to_owned(),
    )
}

/// The newest of the decisions that do not count: so many as a status names.
#[must_use]
pub fn newest(void: Vec<VoidDecision>) -> Vec<VoidDecision> {
    fit::newest(void, VOID_SHOWN).0
}

/// A filing as the status keeps it.
#[must_use]
pub fn submission_of(submission: &DecisionFact) -> Submission {
    Submission {
        name: submission.name.clone(),
        uid: submission.uid.clone(),
        by: submission.spec.decided_by.as_ref().map(|by| by.username.clone()).unwrap_or_default(),
        at: submission.at,
    }
}

/// The day whose end a deadline is.
#[must_use]
pub fn last_day(at: Time, zone: &TimeZone) -> Date {
    let midnight = crate::core::calendar::date_in(at.timestamp(), zone);
    midnight.yesterday().unwrap_or(midnight)
}

impl Scene<'_> {
    /// The gates at which somebody can act now, as the status shows them.
    #[must_use]
    pub fn open_gates(&self) -> Vec<OpenGate> {
        self.walk.open.iter().filter_map(|open| self.open_gate(open)).collect()
    }

    fn open_gate(&self, open: &Open) -> Option<OpenGate> {
        let gate: &Gate = self.track.gates.iter().find(|g| g.name == open.gate)?;
        let (due, due_unknown) = told(self.due_at(gate.due_work_days, open.since));
        let Matter { organization, domain, .. } = self.matter;
        Some(OpenGate {
            gate: gate.name.clone(),
            title: gate.title.clone(),
            role: gate.role.clone(),
            organizations: self.registry.holders(&self.round.policy.spec, organization, domain, &gate.role),
            verdicts: gate.verdicts.clone(),
            quorum: i64::try_from(gate.quorum()).unwrap_or(1),
            agreed: i64::try_from(open.agreed).unwrap_or(0),
            digest: open.digest.clone(),
            since: Some(open.since),
            due,
            due_unknown,
            reports: gate.reports.clone(),
            confirms_amounts: gate.confirms_amounts,
            requires_complete: gate.requires_complete,
            requires_reason: gate.requires_reason,
            hearing: gate.hearing,
            article: gate.article.clone(),
        })
    }

    /// An emergency expansion waits for the unit's annex 2: no gate of its track, since another object passes it.
    #[must_use]
    pub fn annex_gate(&self, rules: &ChangeRules, since: Time) -> OpenGate {
        let policy = &self.round.policy.spec;
        let filing = policy.track(&rules.tracks.minor).map(|track| &track.submission);
        let role = filing.map_or(ROLE_UNIT, |filing| filing.role.as_str());
        let limit = rules.emergency_annex_work_days.as_ref();
        let (due, due_unknown) = told(self.due_at(limit.map(|limit| limit.value), since));
        let emergency =
            rules.tracks.emergency.as_deref().and_then(|name| policy.track(name)).map(|track| &track.article);
        OpenGate {
            gate: GATE_ANNEX.to_owned(),
            title: Names {
                zh: "补办资源变更申请".to_owned(), en: Some("Annex 2 for the emergency".to_owned())
            },
            role: role.to_owned(),
            organizations: self.registry.holders(policy, self.matter.organization, self.matter.domain, role),
            verdicts: vec![Verdict::Submit],
            quorum: 1,
            since: Some(since),
            due,
            due_unknown,
            article: limit.map(|limit| &limit.article).or(emergency).cloned().unwrap_or_default(),
            ..OpenGate::default()
        }
    }

    /// In how many working days an open gate is due.
    fn work_days(&self, open: &OpenGate) -> Option<i32> {
        if open.gate == GATE_ANNEX {
            let rules = self.round.policy.spec.changes.as_ref()?;
            return rules.emergency_annex_work_days.as_ref().map(|limit| limit.value);
        }
        self.track.gates.iter().find(|g| g.name == open.gate)?.due_work_days
    }

    /// The end of the last day on which something that has a deadline is in time.
    fn due_at(&self, days: Option<i32>, since: Time) -> Option<Result<Timestamp, UnknownYear>> {
        due_at(self.registry, &self.round.policy.spec, days, since)
    }

    /// Whether an open gate is past its due date. A deadline that cannot be counted is unknown, and says why.
    #[must_use]
    pub fn overdue(&self, gates: &[OpenGate], now: Timestamp) -> Statement {
        let due = gates.iter().filter_map(|g| g.due).min();
        if let Some(at) = due.filter(|at| at.timestamp() <= now) {
            let day = last_day(at, self.zone);
            let why = format!("a gate was due by the end of {day} (办理已超期)");
            return Statement::new(CONDITION_OVERDUE, true, "PastDue", why);
        }
        let uncounted =
            gates.iter().find_map(|open| Some((&open.gate, self.due_at(self.work_days(open), open.since?)?.err()?)));
        match uncounted {
            Some((gate, why)) => Statement::new(
                CONDITION_OVERDUE,
                None,
                unknown_year(&why).into(),
                format!(
                    "the deadline of gate {gate} is unknown (无法计算时限): in region {}, {why}",
                    self.round.policy.spec.calendar
                ),
            ),
            None => Statement::new(CONDITION_OVERDUE, false, "InTime", "no open gate is past its due date (未超期)"),
        }
    }

    /// The newest decisions of the round that do not count, filings among them. Those of earlier rounds are history, not
    /// mistakes.
    #[must_use]
    pub fn void_decisions(&self) -> Vec<VoidDecision> {
        let Round { submission, policy, .. } = self.round;
        let of = |void: &VoidDecision| self.matter.decisions.iter().find(|d| d.name == void.name);
        let of_round = |d: &DecisionFact| {
            d.at >= submission.at || d.spec.submission_uid.as_deref() == Some(submission.uid.as_str())
        };
        let walked = self.walk.void.iter().filter_map(|void| Some((of(void)?, void.clone())));
        let (role, filed) = (&self.track.submission.role, &submission.spec.digest);
        let later = self.matter.submissions().into_iter().filter(|d| place(d) > place(submission));
        let later = later.map(|d| {
            let refusal = opens_nothing(&self.matter, self.registry, &policy.spec, role, filed, d);
            (d, refusal.of(d))
        });
        let mut void: Vec<_> = walked.chain(later).filter(|(d, _)| of_round(d)).collect();
        void.sort_by_key(|(d, _)| place(d));
        newest(void.into_iter().map(|(_, void)| void).collect())
    }

    /// The titles of the open gates, with their articles.
    #[must_use]
    pub fn waiting_zh(&self) -> String {
        let open = self.walk.open.iter().filter_map(|o| self.track.gates.iter().find(|g| g.name == o.gate));
        open.map(|g| format!("{}（{}）", g.title.zh, g.article)).collect::<Vec<_>>().join("、")
    }
}

/// Why working days cannot be counted, in one word.
#[must_use]
pub fn unknown_year(why: &UnknownYear) -> DueUnknown {
    match why {
        UnknownYear::Missing(_) => DueUnknown::CalendarMissing,
        UnknownYear::Conflicting { .. } => DueUnknown::CalendarConflict,
    }
}

/// A date as a status tells it: the moment, or why there is none.
fn told(due: Option<Result<Timestamp, UnknownYear>>) -> (Option<Time>, Option<DueUnknown>) {
    match due {
        None => (None, None),
        Some(Ok(at)) => (Some(Time::new(at)), None),
        Some(Err(why)) => (None, Some(unknown_year(&why))),
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

/// Who files again after a round has ended, in one line.
#[must_use]
pub fn waiting_again(track: &Track, ended: &Ended) -> String {
    let role = &track.submission.role;
    format!("{role}: file again ({} by {} at {})", ended.verdict, ended.decision.by, ended.gate)
}

/// How a round ended, in one word.
#[must_use]
pub fn ended_reason(ended: &Ended) -> &'static str {
    match ended.verdict {
        Verdict::Return => "Returned",
        Verdict::Withdraw => "Withdrawn",
        _ => "Rejected",
    }
}

/// How a round ended, why, and what to do.
#[must_use]
pub fn ended_text(ended: &Ended) -> Text {
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
#[must_use]
pub fn progress(reason: &str, message: &Text) -> Vec<Statement> {
    vec![
        Statement::new(CONDITION_READY, false, reason, message),
        Statement::new(CONDITION_RECONCILING, false, reason, "the operator has nothing to do"),
        Statement::new(CONDITION_STALLED, false, reason, "nothing is in the way but what Ready says"),
    ]
}

/// The reason while a sanction stops new grants (article 38).
pub const GRANTS_STOPPED: &str = "GrantsStopped";

/// The reason once what was granted in an urgent case is over.
pub const URGENT_ENDED: &str = "UrgentEnded";

/// Nothing goes on before somebody mends what the reason names.
#[must_use]
pub fn stuck(reason: &str, why: &Text) -> Vec<Statement> {
    vec![
        Statement::new(CONDITION_READY, false, reason, why),
        Statement::new(CONDITION_STALLED, true, reason, why),
        Statement::new(CONDITION_RECONCILING, false, "Idle", "the operator has nothing to do"),
    ]
}

/// People have approved, and it cannot be granted as things are: said plainly, and tried again when they change.
#[must_use]
pub fn held(reason: &str, why: &str) -> Vec<Statement> {
    let short = (reason == "CapacityShort").then(|| Statement::new(CONDITION_CAPACITY, false, "Short", why));
    short
        .into_iter()
        .chain([
            Statement::new(CONDITION_READY, false, reason, why),
            Statement::new(CONDITION_RECONCILING, false, reason, "waits for what Ready says"),
            Statement::new(CONDITION_STALLED, true, reason, why),
        ])
        .collect()
}

/// What was granted in an urgent case is over, and nothing has taken its place (article 24).
#[must_use]
pub fn urgent_ended(system: &str, at: Timestamp) -> Vec<Statement> {
    let at = Time::new(at);
    let why = Text::new(
        format!(
            "the urgent grant ended at {at}, and the system has nothing any more: to go on, file the whole application with systemRef: {system}"
        ),
        format!("紧急临时资源已于{at}到期，系统不再有任何资源；如需继续使用，请以systemRef: {system}提交完整申请"),
    );
    vec![
        Statement::new(CONDITION_READY, false, URGENT_ENDED, why),
        Statement::new(CONDITION_RECONCILING, false, "Idle", "the operator has nothing to do"),
        Statement::new(CONDITION_STALLED, false, "Idle", "nothing is in the way"),
    ]
}

/// Nothing is left to do.
#[must_use]
pub fn at_rest(reason: &str, message: &Text) -> Vec<Statement> {
    vec![
        Statement::new(CONDITION_READY, true, reason, message),
        Statement::new(CONDITION_RECONCILING, false, "Idle", "the operator has nothing to do"),
        Statement::new(CONDITION_STALLED, false, "Idle", "nothing is in the way"),
    ]
}

/// The first open gate at which nobody can act, since no organization that fills its role lists anybody.
#[must_use]
pub fn nobody_acts(registry: &Registry, unit: &str, gates: &[OpenGate]) -> Option<Text> {
    let gate = gates.iter().find(|g| !registry.has_members(&g.organizations, &g.role))?;
    let (name, title, role) = (&gate.gate, &gate.title.zh, &gate.role);
    if gate.organizations.is_empty() {
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

/// Waiting for people of whom there are none: no time brings that to an end.
#[must_use]
pub fn without_holder(nobody: &Text) -> Vec<Statement> {
    stuck("RoleWithoutHolder", nobody)
}

/// Whether every paper and field is there, and what is missing.
#[must_use]
pub fn completeness(missing: &[Text]) -> Statement {
    if missing.is_empty() {
        Statement::new(CONDITION_COMPLETE, true, "Complete", "every paper and field is there (材料齐全)")
    } else {
        Statement::new(CONDITION_COMPLETE, false, "MaterialMissing", listed(missing))
    }
}

/// Whether every line can be provided, and what is wrong with those that cannot.
#[must_use]
pub fn resolution(problems: &[Text]) -> Statement {
    if problems.is_empty() {
        Statement::new(CONDITION_RESOLVED, true, "Resolved", "every line can be provided in the domain (各行均可提供)")
    } else {
        Statement::new(CONDITION_RESOLVED, false, "LineProblem", listed(problems))
    }
}

fn listed(texts: &[Text]) -> Text {
    let list = |zh| texts.iter().map(|text| text.get(zh)).collect::<Vec<_>>();
    Text::new(list(false).join("; "), list(true).join("；"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r26_2_what_cannot_be_granted_as_things_are_says_so_and_whether_it_is_for_room() {
        let says = |reason: &str| {
            let conditions = held(reason, "why");
            assert!(conditions.iter().all(|c| c.message == "why" || c.type_ == CONDITION_RECONCILING));
            conditions.into_iter().map(|c| (c.type_, c.holds, c.reason)).collect::<Vec<_>>()
        };
        let of = |reason: &str| {
            let reason = || reason.to_owned();
            [
                (CONDITION_READY, Some(false), reason()),
                (CONDITION_RECONCILING, Some(false), reason()),
                (CONDITION_STALLED, Some(true), reason()),
            ]
        };
        assert_eq!(says("SystemNameTaken"), of("SystemNameTaken"));
        let short = says("CapacityShort");
        assert_eq!(short[0], (CONDITION_CAPACITY, Some(false), "Short".to_owned()));
        assert_eq!(short[1..], of("CapacityShort"));
    }
}

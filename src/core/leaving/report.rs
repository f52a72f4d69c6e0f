//! Plans of departures for people to read: who must act by when, how far each volume is, and what is in the way.

use super::steps::Next;
use super::{Case, Facts, JobState, KeptFor, Plan, Step, Wait, Work};
use crate::api::GovernancePolicySpec;
use crate::api::bounds;
use crate::api::common::{PolicyRef, Time};
use crate::api::decision::Verdict;
use crate::api::decommission::{DecommissionPhase, DecommissionStatus, Leaving, VolumeStatus, VolumeStep};
use crate::api::governance_policy::{Effect, Track};
use crate::api::names::{
    CONDITION_APPROVED, CONDITION_BACKED_UP, CONDITION_OFFLINE, CONDITION_RECLAIMED, CONDITION_WIPED,
};
use crate::core::registry::Named;
use crate::core::round::report::{
    OPERATOR, Scene, at_rest, completeness, ended_reason, ended_text, last_day, nobody_acts, progress, stuck,
    submission_gate, submission_of, void_in_draft, waiting_again, waiting_at, without_holder,
};
use crate::core::round::{Round, Statement, zone_of};
use crate::core::text::{Text, brief, shorten};
use crate::core::workflow::{Ended, Walk, ancestors};
use crate::core::{digest, fit};
use jiff::Timestamp;
use std::collections::BTreeMap;

fn blank(facts: &Facts<'_>) -> DecommissionStatus {
    DecommissionStatus {
        observed_generation: Some(facts.generation),
        subject_uid: Some(facts.uid.to_owned()),
        encoding: Some(digest::ENCODING),
        ..DecommissionStatus::default()
    }
}

/// Nothing can go on before somebody mends what the reason names.
pub(super) fn stalled(facts: &Facts<'_>, reason: &str, why: &Text) -> Plan {
    let status = DecommissionStatus { waiting_for: Some(brief(&why.to_string())), ..blank(facts) };
    Plan { status, conditions: stuck(reason, why), ..Plan::default() }
}

/// What is on record stands still while the rules by which it was approved are gone.
pub(super) fn without_rules(case: &Case<'_>, leaving: &Leaving) -> Plan {
    let why = Text::new(
        "the version of the rules by which it was approved is not there: nothing goes on before that is back",
        "所依据的管理办法版本不存在，恢复前不再继续",
    );
    let mut plan = stalled(&case.facts, "PolicyMissing", &why);
    recorded(case, leaving, &mut plan.status);
    plan
}

fn told(case: &Case<'_>, policy: &Named<GovernancePolicySpec>, track: &Track) -> DecommissionStatus {
    DecommissionStatus {
        policy: Some(PolicyRef { name: policy.name.clone(), uid: policy.uid.clone() }),
        track: Some(track.name.clone()),
        ..blank(&case.facts)
    }
}

pub(super) fn draft(case: &Case<'_>, policy: &Named<GovernancePolicySpec>, track: &Track) -> Plan {
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
                    "a draft: somebody of the {} files it ({}), e.g. `kubectl yunguan submit decommission/{}`",
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
    conditions.push(completeness(&case.problems(track)));
    let status = DecommissionStatus {
        waiting_for: Some(waiting_at(std::slice::from_ref(&gate))),
        open_gates: vec![gate],
        void_decisions: void,
        ..told(case, policy, track)
    };
    Plan { status, conditions, ..Plan::default() }
}

/// It was withdrawn, or sent back, and the system goes on; it can be filed again.
pub(super) fn withdrawn(case: &Case<'_>, round: &Round<'_>, track: &Track, leaving: &Leaving) -> Plan {
    let matter = case.matter();
    let gate = submission_gate(&matter, case.registry, &round.policy.spec, track, case.submission_digest(round.policy));
    let by = leaving.withdrawn.as_ref().and_then(|withdrawn| withdrawn.decisions.last());
    let verdict = by.map_or(Verdict::Withdraw, |decision| decision.verdict);
    let who = by.map(|decision| decision.by.clone()).unwrap_or_default();
    let why = Text::new(
        format!("{verdict} by {who}: the system goes on as it was; to leave after all, file it again"),
        format!("{who}已撤回或退回，系统照常运行；仍需退出的请重新提交"),
    );
    let status = DecommissionStatus {
        phase: if verdict == Verdict::Withdraw { DecommissionPhase::Withdrawn } else { DecommissionPhase::Returned },
        round: round.number,
        waiting_for: Some(waiting_at(std::slice::from_ref(&gate))),
        submission: Some(submission_of(round.submission)),
        decisions: leaving.decisions.clone(),
        open_gates: vec![gate],
        ..told(case, round.policy, track)
    };
    let world = case.facts.world;
    let step = (world.backup_claim || !world.jobs.is_empty()).then_some(Step::Tidy);
    Plan { status, conditions: progress("Withdrawn", &why), step, ..Plan::default() }
}

#[expect(clippy::too_many_arguments, reason = "all that a status says comes together here")]
pub(super) fn in_round(
    case: &Case<'_>,
    round: &Round<'_>,
    track: &Track,
    walk: &Walk,
    problems: &[Text],
    record: Option<&Leaving>,
    (step, wait): Next,
    now: Timestamp,
) -> Plan {
    let (facts, registry, matter, policy) = (&case.facts, case.registry, case.matter(), &round.policy.spec);
    let zone = zone_of(policy);
    let scene = Scene { matter, registry, round: *round, track, walk, zone: &zone };
    let mut gates = scene.open_gates();
    let holdings = case.holdings();
    for open in &mut gates {
        let gate = track.gates.iter().find(|g| g.name == open.gate);
        if open.verdicts.contains(&Verdict::File)
            && gate.is_some_and(|gate| ancestors(track, gate).contains(Effect::Wipe.step()))
        {
            open.reports.extend(holdings.iter().map(|holding| holding.name.clone()));
        }
    }
    if walk.ended.is_some() && record.is_none() {
        let filed = round.submission.spec.digest.clone();
        gates.push(submission_gate(&matter, registry, policy, track, filed));
    }
    let phase = phase(walk, record, &gates.iter().map(|g| g.gate.as_str()).collect::<Vec<_>>(), wait.as_ref());
    let waiting_for = match (&walk.ended, &wait) {
        (Some(ended), _) if record.is_none() => Some(waiting_again(track, ended)),
        (_, Some(wait)) => Some(wait.why.to_string()),
        _ if step.is_some() => Some(OPERATOR.to_owned()),
        _ if !gates.is_empty() => Some(waiting_at(&gates)),
        _ => None,
    };
    let due = gates.iter().filter_map(|g| g.due).min();
    let (decisions, more_decisions) = walk.shown();
    let mut status = DecommissionStatus {
        phase,
        round: round.number,
        waiting_for: waiting_for.map(|text| brief(&text)),
        due: due.map(|at| last_day(at, &zone)),
        submission: Some(submission_of(round.submission)),
        open_gates: gates,
        decisions,
        more_decisions,
        void_decisions: scene.void_decisions(),
        ..told(case, round.policy, track)
    };
    if let Some(leaving) = record {
        recorded(case, leaving, &mut status);
    }
    let mut conditions = standing(case, &scene, &status, record, (step.as_ref(), wait.as_ref()));
    if let Some(nobody) = nobody_acts(registry, facts.organization, &status.open_gates) {
        conditions.extend(without_holder(&nobody));
    }
    if record.is_none() {
        conditions.push(completeness(problems));
    }
    conditions.push(scene.overdue(&status.open_gates, now));
    let until = wait.as_ref().and_then(|wait| wait.until);
    let dues = status.open_gates.iter().filter_map(|g| g.due).map(Time::timestamp);
    let wake = dues.chain(until).filter(|at| *at > now).min();
    // Of what Jobs, pods and namespaces come to nothing tells.
    let watches = record.is_some() && wait.as_ref().is_some_and(|wait| wait.until.is_none());
    Plan { status, conditions, step, wake, watches }
}

/// What is on record, as the status shows it.
fn recorded(case: &Case<'_>, leaving: &Leaving, status: &mut DecommissionStatus) {
    status.committed = true;
    status.offline_at = leaving.offline_at;
    status.wiping_since = leaving.wipe.as_ref().map(|wipe| wipe.at);
    status.closed_at = leaving.reclaim.as_ref().and_then(|reclaim| reclaim.closed);
    status.holdings = case.holdings();
    let volumes = volumes(case, leaving);
    let mut counts: BTreeMap<VolumeStep, usize> = BTreeMap::new();
    for volume in &volumes {
        *counts.entry(volume.step).or_default() += 1;
    }
    (status.volumes, status.more_volumes) = fit::first(volumes, bounds::VOLUMES);
    let counts: Vec<String> = counts.iter().map(|(step, count)| format!("{step} {count}")).collect();
    status.progress = (!counts.is_empty()).then(|| shorten(&counts.join(", "), 128));
}

/// How far each volume is: those on record, and those that are there besides.
fn volumes(case: &Case<'_>, leaving: &Leaving) -> Vec<VolumeStatus> {
    let world = case.facts.world;
    let backup = |uid: &str| leaving.backups.iter().find(|b| b.volume.uid == uid);
    let wiped = |uid: &str| leaving.wipe.iter().flat_map(|w| &w.volumes).find(|v| v.volume.uid == uid);
    let mut all: Vec<_> = leaving.backups.iter().map(|b| &b.volume).collect();
    all.extend(leaving.wipe.iter().flat_map(|w| &w.volumes).map(|v| &v.volume));
    all.extend(case.volumes().map(|v| &v.reference));
    all.sort();
    all.dedup_by_key(|v| &v.claim);
    let status = |volume: &crate::api::decommission::VolumeRef| {
        let (backup, wiped) = (backup(&volume.uid), wiped(&volume.uid));
        let failed = |work: Work| {
            let seen = world.volumes.iter().find(|v| v.reference.uid == volume.uid)?;
            let job = case.task_job(work, seen)?;
            match world.jobs.get(&job) {
                Some(JobState::Failed(why)) => Some((VolumeStep::Failed, Some(why.clone()))),
                Some(JobState::Running) => {
                    Some((if work == Work::Wipe { VolumeStep::Wiping } else { VolumeStep::BackingUp }, None))
                }
                _ => None,
            }
        };
        let (step, message) = match (backup, wiped) {
            (_, Some(wiped)) if wiped.by_hand.is_some() => (VolumeStep::ByHand, wiped.by_hand.clone()),
            (_, Some(wiped)) if wiped.removed => (VolumeStep::Removed, None),
            (_, Some(wiped)) if wiped.report.is_some() => (VolumeStep::Wiped, None),
            (_, Some(_)) => failed(Work::Wipe).unwrap_or((VolumeStep::BackedUp, None)),
            (Some(backup), None) if backup.by_hand.is_some() => (VolumeStep::ByHand, backup.by_hand.clone()),
            (Some(_), None) => (VolumeStep::BackedUp, None),
            (None, None) => failed(Work::Backup).unwrap_or_default(),
        };
        VolumeStatus {
            claim: volume.claim.clone(),
            volume: (!volume.volume.is_empty()).then(|| volume.volume.clone()),
            step,
            backup: backup.and_then(|b| b.report.as_ref()).map(|report| report.sha256.clone()),
            message: message.map(|text| brief(&text)),
        }
    };
    all.into_iter().map(status).collect()
}

fn phase(walk: &Walk, record: Option<&Leaving>, open: &[&str], wait: Option<&Wait>) -> DecommissionPhase {
    let Some(leaving) = record else {
        return match &walk.ended {
            Some(Ended { verdict: Verdict::Return, .. }) => DecommissionPhase::Returned,
            Some(Ended { verdict: Verdict::Withdraw, .. }) => DecommissionPhase::Withdrawn,
            Some(_) => DecommissionPhase::Rejected,
            None if open.is_empty() => DecommissionPhase::Approved,
            None => DecommissionPhase::InReview,
        };
    };
    match (&leaving.wipe, &leaving.reclaim) {
        (_, Some(reclaim)) if reclaim.closed.is_some() => DecommissionPhase::Closed,
        (_, Some(_)) => DecommissionPhase::Reclaiming,
        (Some(wipe), None) if wipe.done.is_some() => DecommissionPhase::ToAttest,
        (Some(_), None) => DecommissionPhase::Wiping,
        (None, None) if wait.is_some_and(|wait| wait.reason == "GoingOffline") => DecommissionPhase::GoingOffline,
        (None, None) if wait.is_some_and(|wait| wait.until.is_some()) => DecommissionPhase::Kept,
        (None, None) if leaving.backed_up.is_some() && !open.is_empty() => DecommissionPhase::ToConfirm,
        (None, None) if leaving.backed_up.is_none() => DecommissionPhase::BackingUp,
        (None, None) => DecommissionPhase::GoingOffline,
    }
}

fn standing(
    case: &Case<'_>,
    scene: &Scene<'_>,
    status: &DecommissionStatus,
    record: Option<&Leaving>,
    (step, wait): (Option<&Step>, Option<&Wait>),
) -> Vec<Statement> {
    let waiting = status.waiting_for.as_deref().unwrap_or_default();
    let code = &case.facts.departure.system;
    let mut conditions = match (&scene.walk.ended, wait) {
        (Some(ended), _) if record.is_none() => progress(ended_reason(ended), &ended_text(ended)),
        _ if status.phase == DecommissionPhase::Closed && case.of_parts() => at_rest(
            "Closed",
            &Text::new(
                format!("these parts of system {code} have left, and it runs on"),
                format!("系统{code}的上述部分已退出，系统继续运行"),
            ),
        ),
        _ if status.phase == DecommissionPhase::Closed => at_rest(
            "Closed",
            &Text::new(
                format!("system {code} has left: its record, its decisions and its books stay"),
                format!("系统{code}已退出，其档案、办理意见和台账保留"),
            ),
        ),
        (_, Some(wait)) if wait.stuck => stuck(wait.reason, &wait.why),
        (_, Some(wait)) => progress(wait.reason, &wait.why),
        _ if step.is_some() => progress("UnderWay", &Text::new("the operator is at the next step", "正在执行下一步")),
        _ => progress(
            "AwaitingDecision",
            &Text::new(format!("waits for {waiting}"), format!("待办：{}", scene.waiting_zh())),
        ),
    };
    let approved = record.is_some() || status.phase == DecommissionPhase::Approved;
    conditions.push(if approved {
        Statement::new(CONDITION_APPROVED, true, "Approved", "every gate before its data is touched is passed (已批准)")
    } else {
        Statement::new(CONDITION_APPROVED, false, "NotYet", "gates before anything is touched are open (尚未批准)")
    });
    let Some(leaving) = record else { return conditions };
    let done = |type_, at: Option<Time>, yes: &str, no: &str| match at {
        Some(at) => Statement::new(type_, true, "Done", format!("{yes}: {at}")),
        None => Statement::new(type_, false, "NotYet", no),
    };
    let wiped = leaving.wipe.as_ref().and_then(|wipe| wipe.done);
    let offline = leaving.offline_at.filter(|_| wait.is_none_or(|wait| wait.reason != "GoingOffline"));
    conditions.extend([
        done(CONDITION_BACKED_UP, leaving.backed_up, "its data is backed up (数据已备份)", "not yet (尚未备份)"),
        done(
            CONDITION_OFFLINE,
            offline,
            if case.of_parts() {
                "out of use (已停用)"
            } else {
                "offline, and not charged any more (已下线并停止计费)"
            },
            "not yet (尚未下线)",
        ),
        done(CONDITION_WIPED, wiped, "its data is wiped (数据已清除)", "not yet (尚未清除)"),
        done(
            CONDITION_RECLAIMED,
            status.closed_at,
            if case.keeps_namespace() {
                "its resources are given back; the namespace was in use before and stays, with its pods held: its owner removes what is left (资源已回收；接管的命名空间保留，请其所有者清理)"
            } else {
                "its resources are given back (资源已回收)"
            },
            "not yet (尚未回收)",
        ),
    ]);
    conditions
}

/// That a system stays as a way back, and until when.
pub(super) fn kept(KeptFor { system, until, article }: KeptFor<'_>) -> Text {
    let (en, zh) = match until {
        Some(until) => (
            format!("until {until} ({article}): file it then, or let it be decided then"),
            format!("原系统须保留至{until}（{article}），请届时办理"),
        ),
        None => (
            format!(
                "until that has been live for the time that the rules say ({article}), and it is not live yet: file it then, or let it be decided then"
            ),
            format!("该系统尚未上线，原系统须保留至其上线后规定期限届满（{article}），请届时办理"),
        ),
    };
    Text::new(
        format!("spec.departure.system: {system} was migrated from it, and it is kept as a way back {en}"),
        format!("系统{system}由本系统迁移而来，{zh}"),
    )
}

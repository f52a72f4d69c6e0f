//! Whether one decision counts at the place where the walk stands. Each refusal says why and what to do.

use super::{Bound, DecisionFact, GATE_WITHDRAWAL, Refusal, Subject, Walk, ancestors, person};
use crate::api::cloud_resource_request::{CountedDecision, VoidReason};
use crate::api::decision::Verdict;
use crate::api::governance_policy::{Effect, Gate, Track};
use crate::core::text::Text;
use std::collections::BTreeMap;

/// Judges a decision against the request, the round, the gate and what the decision itself says; then the person. Who may act
/// changes with time, so it comes last: what is void for another reason stays so for that reason, whoever comes or leaves.
pub(super) fn judge(
    track: &Track,
    subject: &Subject<'_>,
    walk: &Walk,
    roles: &BTreeMap<String, String>,
    decision: &DecisionFact,
) -> Result<(), Refusal> {
    right_round(subject, decision)?;
    if decision.spec.verdict == Verdict::Withdraw {
        return withdrawal(subject, walk, roles, decision);
    }
    let gate =
        track.gates.iter().find(|g| g.name == decision.spec.gate).ok_or_else(|| unknown_gate(track, decision))?;
    right_role(gate, decision)?;
    one_role(roles, decision)?;
    gate_is_open(subject, walk, gate, decision)?;
    verdict_is_sound(track, subject, walk, gate, decision)?;
    entitled(decision)
}

fn right_round(subject: &Subject<'_>, decision: &DecisionFact) -> Result<(), Refusal> {
    if decision.spec.request_ref.uid != subject.uid {
        return refuse(
            VoidReason::OtherRequest,
            format!("it names another object that was also called {}: decide on the one that stands now", subject.name),
            format!("所办理的是另一个同名对象，请对当前的{}重新办理", subject.name),
        );
    }
    if decision.spec.submission_uid.as_deref() != Some(subject.submission.uid.as_str()) {
        return refuse(
            VoidReason::OtherSubmission,
            "it belongs to another filing of the request: read the request as it was filed last and decide again",
            "属于其他轮次的申请，请查看最新一次提交后重新办理",
        );
    }
    Ok(())
}

/// A filing can be withdrawn by whoever can file, until resources are granted.
fn withdrawal(
    subject: &Subject<'_>,
    walk: &Walk,
    roles: &BTreeMap<String, String>,
    decision: &DecisionFact,
) -> Result<(), Refusal> {
    if decision.spec.gate != GATE_WITHDRAWAL || decision.spec.role != subject.submission.spec.role {
        return refuse(
            VoidReason::WrongRole,
            format!("a filing is withdrawn at gate `withdrawal` in the role `{}`", subject.submission.spec.role),
            format!("撤回须在环节withdrawal以角色{}办理", subject.submission.spec.role),
        );
    }
    one_role(roles, decision)?;
    if decision.spec.digest != subject.submission.spec.digest {
        return refuse(
            VoidReason::OtherContent,
            "its digest is not that of the filing: copy it from the Submit decision",
            "摘要与提交时不符，请使用提交申请时的摘要",
        );
    }
    let counted = |settled: &CountedDecision| walk.counted.iter().any(|d| d.uid == settled.uid);
    let settled = || !subject.settled.is_empty() && subject.settled.iter().all(counted);
    let granted = || walk.is_passed(Effect::Provision.step()) || settled();
    let bound = match subject.bound {
        Bound::Because(why) => Some(why.clone()),
        Bound::ByGrant if granted() => Some(Text::new(
            "resources are granted already: leaving the cloud is a Decommission",
            "资源已授予，如需退出请另行提交退出申请",
        )),
        Bound::ByGrant | Bound::NotYet => None,
    };
    if let Some(message) = bound {
        return Err(Refusal { reason: VoidReason::GateClosed, message });
    }
    entitled(decision)
}

fn unknown_gate(track: &Track, decision: &DecisionFact) -> Refusal {
    let gates: Vec<&str> = track.gates.iter().map(|g| g.name.as_str()).collect();
    Refusal {
        reason: VoidReason::UnknownGate,
        message: Text::new(
            format!("track {} has no gate `{}`; its gates are {}", track.name, decision.spec.gate, gates.join(", ")),
            format!("流程{}没有环节{}", track.name, decision.spec.gate),
        ),
    }
}

fn right_role(gate: &Gate, decision: &DecisionFact) -> Result<(), Refusal> {
    if decision.spec.role == gate.role {
        return Ok(());
    }
    refuse(
        VoidReason::WrongRole,
        format!(
            "gate {} is decided by the {}, not by the {} ({})",
            gate.name, gate.role, decision.spec.role, gate.article
        ),
        format!("环节“{}”由{}办理", gate.title.zh, gate.role),
    )
}

/// Whether the person can act in this role at all.
pub(super) fn may(roles: &BTreeMap<String, String>, decision: &DecisionFact) -> Result<(), Refusal> {
    one_role(roles, decision)?;
    entitled(decision)
}

fn entitled(decision: &DecisionFact) -> Result<(), Refusal> {
    let by = person(decision);
    if !by.is_empty() && decision.entitled {
        return Ok(());
    }
    refuse(
        VoidReason::NotEntitled,
        format!(
            "{by} does not hold the role {} for this request now: an Organization that fills the role lists its people in spec.members",
            decision.spec.role
        ),
        format!("{by}目前不具备本申请的{}角色，请核对单位成员", decision.spec.role),
    )
}

fn one_role(roles: &BTreeMap<String, String>, decision: &DecisionFact) -> Result<(), Refusal> {
    let by = person(decision);
    match roles.get(&by) {
        Some(role) if *role != decision.spec.role => refuse(
            VoidReason::SecondRole,
            format!(
                "{by} has acted as {role} on this request, and one person never acts in two roles: somebody else must decide"
            ),
            format!("{by}已以{role}身份办理过本申请，一人不得兼任两个角色，请由他人办理"),
        ),
        _ => Ok(()),
    }
}

fn gate_is_open(subject: &Subject<'_>, walk: &Walk, gate: &Gate, decision: &DecisionFact) -> Result<(), Refusal> {
    if walk.ended.is_some() || walk.is_passed(&gate.name) {
        return refuse(
            VoidReason::GateClosed,
            format!("gate {} is closed: what was decided there stands", gate.name),
            format!("环节“{}”已办结", gate.title.zh),
        );
    }
    let Some(open) = walk.open.iter().find(|o| o.gate == gate.name) else {
        return refuse(
            VoidReason::GateNotOpen,
            format!("gate {} opens after {}", gate.name, gate.after.join(", ")),
            format!("环节“{}”尚未开始", gate.title.zh),
        );
    };
    if open.digest != decision.spec.digest {
        return refuse(
            VoidReason::OtherContent,
            format!(
                "it was made for other content than what stands at gate {} now ({}…): read {} again and decide again",
                gate.name,
                open.digest.get(..12).unwrap_or_default(),
                subject.name
            ),
            format!(
                "内容已变化（环节“{}”当前摘要{}…），请重新查看后办理",
                gate.title.zh,
                open.digest.get(..12).unwrap_or_default()
            ),
        );
    }
    let by = person(decision);
    let repeated = walk.counted.iter().any(|d| d.gate == gate.name && d.person == by && d.verdict.agrees());
    if repeated && decision.spec.verdict != Verdict::File {
        return refuse(
            VoidReason::Repeated,
            format!("{by} has decided at gate {} already: {} different people must agree", gate.name, gate.quorum()),
            format!("{by}已在该环节办理过，须由{}名不同人员办理", gate.quorum()),
        );
    }
    Ok(())
}

fn verdict_is_sound(
    track: &Track,
    subject: &Subject<'_>,
    walk: &Walk,
    gate: &Gate,
    decision: &DecisionFact,
) -> Result<(), Refusal> {
    let spec = &decision.spec;
    if !gate.verdicts.contains(&spec.verdict) {
        let offered: Vec<String> = gate.verdicts.iter().map(ToString::to_string).collect();
        return refuse(
            VoidReason::VerdictNotOffered,
            format!("gate {} offers {}, not {}", gate.name, offered.join(", "), spec.verdict),
            format!("环节“{}”不能作此决定", gate.title.zh),
        );
    }
    if !spec.verdict.agrees() {
        return Ok(());
    }
    if gate.requires_complete && !subject.complete {
        return refuse(
            VoidReason::MaterialIncomplete,
            format!(
                "material is missing (condition Complete says what): Return the request instead ({})",
                gate.article
            ),
            format!("申请材料不齐全（见Complete条件），请退回补正（{}）", gate.article),
        );
    }
    if gate.requires_reason && spec.comment.as_deref().is_none_or(|comment| comment.trim().is_empty()) {
        return refuse(
            VoidReason::ReasonMissing,
            format!("whoever passes gate {} says why in spec.comment ({})", gate.name, gate.article),
            format!("通过环节“{}”须在comment中说明理由（{}）", gate.title.zh, gate.article),
        );
    }
    if gate.confirms_amounts {
        amounts_are_sound(subject, walk, gate, decision)?;
    }
    let attests = spec.verdict == Verdict::File && ancestors(track, gate).contains(Effect::Wipe.step());
    let missing: Vec<&str> = gate
        .reports
        .iter()
        .chain(subject.attested.iter().filter(|_| attests))
        .map(String::as_str)
        .filter(|report| !spec.evidence.iter().any(|e| e.name == *report && e.result.is_some()))
        .collect();
    if !missing.is_empty() {
        return refuse(
            VoidReason::ReportsMissing,
            format!("evidence lacks {} with a result ({})", missing.join(", "), gate.article),
            format!("缺少报告{}及其结论（{}）", missing.join("、"), gate.article),
        );
    }
    Ok(())
}

/// Confirmed amounts name every line once, nothing else, and by house rule nothing above what was asked for.
fn amounts_are_sound(subject: &Subject<'_>, walk: &Walk, gate: &Gate, decision: &DecisionFact) -> Result<(), Refusal> {
    let given: BTreeMap<&str, i64> = decision.spec.grant.iter().map(|l| (l.line.as_str(), l.quantity)).collect();
    let missing: Vec<&str> =
        subject.asked.keys().map(String::as_str).filter(|line| !given.contains_key(line)).collect();
    let unknown: Vec<&str> = given.keys().copied().filter(|line| !subject.asked.contains_key(*line)).collect();
    if !missing.is_empty() || !unknown.is_empty() {
        return refuse(
            VoidReason::AmountsWrong,
            format!(
                "spec.grant must confirm every line of the request and no other (missing: [{}], unknown: [{}]) ({})",
                missing.join(", "),
                unknown.join(", "),
                gate.article
            ),
            format!("须逐行核定资源量（缺少：{}；多余：{}）", missing.join("、"), unknown.join("、")),
        );
    }
    let above = given.iter().find(|(line, quantity)| subject.asked.get(**line).is_some_and(|asked| *quantity > asked));
    if let Some((line, quantity)) = above.filter(|_| subject.never_above_asked) {
        let asked = subject.asked.get(*line).copied().unwrap_or_default();
        return refuse(
            VoidReason::AmountsWrong,
            format!(
                "line {line}: {quantity} is above the {asked} asked for; Return the request with the amounts recommended instead"
            ),
            format!("行{line}：核定{quantity}超过申请{asked}，请退回并附建议数量"),
        );
    }
    let below = given.iter().find(|(line, quantity)| subject.least.get(**line).is_some_and(|least| *quantity < least));
    if let Some((line, quantity)) = below {
        let least = subject.least.get(*line).copied().unwrap_or_default();
        return refuse(
            VoidReason::AmountsWrong,
            format!(
                "line {line}: {quantity} is below {least}, and nobody has asked to cut so much; Return the request with the amounts recommended instead"
            ),
            format!("行{line}：核定{quantity}低于{least}，超出申请核减的范围，请退回并附建议数量"),
        );
    }
    let agreed = walk.counted.iter().any(|d| d.gate == gate.name && d.verdict.agrees());
    let same = walk.confirmed.as_ref().is_none_or(|confirmed| {
        confirmed.len() == given.len()
            && confirmed.iter().all(|(line, quantity)| given.get(line.as_str()) == Some(quantity))
    });
    if agreed && !same {
        return refuse(
            VoidReason::AmountsWrong,
            "somebody else has confirmed other amounts at this gate: a quorum agrees on the same ones",
            "与本环节其他人核定的数量不一致",
        );
    }
    Ok(())
}

fn refuse(reason: VoidReason, en: impl Into<String>, zh: impl Into<String>) -> Result<(), Refusal> {
    Err(Refusal { reason, message: Text::new(en, zh) })
}

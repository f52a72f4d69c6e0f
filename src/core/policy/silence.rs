//! That silence decides nothing: whoever says nothing has neither opened, charged, imposed, lifted, nor wiped anything.

use super::{Problem, problem, steps_before};
use crate::api::governance_policy::{Applies, Effect, Gate, Track};
use crate::api::names::ROLE_UNIT;

pub(super) fn check(track: &Track, path: &str, problems: &mut Vec<Problem>) {
    for gate in track.gates.iter().filter(|gate| gate.lapses) {
        problems.extend(
            lapses_wrongly(track, gate).map(|why| problem(&format!("{path}.gates[{}].lapses", gate.name), why)),
        );
    }
    for rule in &track.effects {
        let before = steps_before(track, &rule.after);
        let needed = match rule.effect {
            Effect::Impose => track.gates.iter().filter(|g| before.contains(g.name.as_str())).collect(),
            Effect::Lift => between(track, Effect::Impose, &rule.after),
            // Charging may begin with the opening itself; where people are asked, one of them decides.
            Effect::GoLive => match between(track, Effect::Provision, &rule.after) {
                none if none.is_empty() => continue,
                gates => gates,
            },
            // Their own rules ask for a gate that decides.
            Effect::Provision | Effect::Backup | Effect::Offline | Effect::Wipe | Effect::Reclaim => continue,
        };
        if !needed.into_iter().any(|gate| !gate.hearing && !gate.lapses) {
            problems.push(problem(
                &format!("{path}.effects[{}].after", rule.effect),
                format!(
                    "{} would come of silence alone: let it wait for a gate at which somebody decides, neither a hearing nor one that lapses (不得因逾期无人答复而生效，请补充须有人决定的环节)",
                    rule.effect
                ),
            ));
        }
    }
}

/// Gates that come after an effect, and for which a later one waits.
fn between<'t>(track: &'t Track, first: Effect, after: &'t [String]) -> Vec<&'t Gate> {
    let before = steps_before(track, after);
    let later = |gate: &&Gate| steps_before(track, &gate.after).contains(first.step());
    track.gates.iter().filter(|g| before.contains(g.name.as_str())).filter(later).collect()
}

/// A unit that does not answer is decided for by somebody, with a reason, before anything is done to its system.
fn lapses_wrongly(track: &Track, gate: &Gate) -> Option<String> {
    if gate.due_work_days.is_none() {
        return Some(
            "silence is counted from a day: set dueWorkDays (逾期视为无人答复的环节须填写办理时限)".to_owned(),
        );
    }
    if gate.role != ROLE_UNIT || !gate.after.iter().any(|step| step == Effect::Backup.step()) {
        return Some(
            "silence decides nothing but that somebody else decides on a backup: it is for a gate of role unit that waits in `after` for `backup`; leave it out (逾期视为无人答复仅适用于使用单位确认备份的环节，请删除)"
                .to_owned(),
        );
    }
    let instead = |other: &Gate| {
        other.when == Some(Applies::Unanswered)
            && other.requires_reason
            && !other.hearing
            && !other.lapses
            && steps_before(track, &other.after).contains(gate.name.as_str())
    };
    let decided = |after: &[String]| {
        let before = steps_before(track, after);
        !before.contains(gate.name.as_str())
            || track.gates.iter().any(|other| before.contains(other.name.as_str()) && instead(other))
    };
    let rash = track.effects.iter().find(|rule| !decided(&rule.after))?;
    Some(format!(
        "where the unit does not answer somebody decides in its place, before anything is done: add a gate with `when: Unanswered` and requiresReason after it, and let {} wait for that (使用单位逾期无人答复的，须由后续环节说明理由后决定)",
        rash.effect
    ))
}

//! What a proposal says of itself: where it stands, who can take it up or dismiss it, and whether its ground still is there.

use super::{Case, Ground, Plan, Progress, Standing, Wanted};
use crate::api::names::CONDITION_GROUND;
use crate::api::rightsizing_proposal::{Action, ObjectRef, ProposalPhase, RightsizingProposalStatus};
use crate::core::digest;
use crate::core::round::Statement;
use crate::core::round::report::{at_rest, progress};
use crate::core::text::Text;
use jiff::Timestamp;
use jiff::civil::Date;

fn ground_holds(ground: &Ground<'_>) -> Statement {
    match ground.holds {
        Some(true) => Statement::new(CONDITION_GROUND, true, "Holds", &ground.why),
        Some(false) => Statement::new(CONDITION_GROUND, false, "GroundGone", &ground.why),
        None => Statement::new(
            CONDITION_GROUND,
            None,
            "UsageUnknown",
            format!(
                "{}; nothing new is proposed and nothing is withdrawn until it is known (使用情况未知，不新提建议，也不撤销)",
                ground.why
            ),
        ),
    }
}

fn no_better_size() -> Statement {
    let why = Text::new(
        "no other size in whole units is right for what is used: a smaller one would be too small, a larger one too large",
        "按整单位计算，没有更合适的规格",
    );
    Statement::new(CONDITION_GROUND, false, "NoBetterSize", why)
}

impl Case<'_> {
    pub(super) fn told(
        &self,
        action: Action,
        ground: &Ground<'_>,
        standing: &Standing<'_>,
        wanted: Wanted,
        progress: Progress<'_>,
    ) -> Plan {
        let (done, change) = match progress {
            Progress::Done => (true, None),
            Progress::Open(change) => (false, change),
        };
        let no_size = matches!(wanted, Wanted::NoSize);
        let spec = wanted.spec();
        let rule = spec.as_ref().unwrap_or(standing.spec).rule;
        let (dismissed, void_decisions) = self.dismissals(standing, rule);
        let anew = spec.is_some();
        let was_withdrawn = standing.phase == Some(ProposalPhase::Withdrawn) && !anew;
        let phase = match (ground.holds, dismissed) {
            _ if change.is_some() => ProposalPhase::Underway,
            _ if done && !anew => ProposalPhase::Done,
            (Some(false), _) => ProposalPhase::Withdrawn,
            _ if no_size => ProposalPhase::Withdrawn,
            (None, _) if was_withdrawn => ProposalPhase::Withdrawn,
            (_, Some(_)) => ProposalPhase::Dismissed,
            // There is a ground again, and it is too early to say more.
            (Some(true), _) if was_withdrawn => ProposalPhase::Withdrawn,
            _ => ProposalPhase::Proposed,
        };
        let dismissed = dismissed.filter(|_| phase == ProposalPhase::Dismissed);
        let until = dismissed.map(|(_, until)| until);
        let mut conditions = self.stands(action, phase, change, until);
        conditions.push(if no_size { no_better_size() } else { ground_holds(ground) });
        let status = RightsizingProposalStatus {
            observed_generation: Some(standing.generation),
            phase,
            digest: Some(digest::of_dismissal(standing.uid, rule)),
            role: Some(self.role().to_owned()),
            change_ref: change.cloned(),
            dismissed_until: until,
            dismissed_by: dismissed.map(|(decision, _)| decision.name.clone()),
            void_decisions,
            conditions: Vec::new(),
        };
        let wake = until.and_then(|until| self.end_of(until)).filter(|at: &Timestamp| *at > self.now);
        Plan { spec, status: Some(status), conditions, wake }
    }

    fn stands(
        &self,
        action: Action,
        phase: ProposalPhase,
        change: Option<&ObjectRef>,
        until: Option<Date>,
    ) -> Vec<Statement> {
        let reason: &'static str = phase.into();
        let role = self.role();
        let until = until.map(|day| day.to_string()).unwrap_or_default();
        let change = change.map(|c| c.name.as_str()).unwrap_or_default();
        match phase {
            ProposalPhase::Proposed if action == Action::Reclaim => progress(
                reason,
                &Text::new(
                    format!(
                        "the {role} looks whether the system is still needed; giving it back is a Decommission, which is not there yet, so nothing takes this up: the {role} can dismiss it with a reason"
                    ),
                    format!("请{role}核实系统是否仍需使用；下线流程（Decommission）尚未提供，目前只能说明理由予以搁置"),
                ),
            ),
            ProposalPhase::Proposed => progress(
                reason,
                &Text::new(
                    format!(
                        "nothing happens by itself: the {role} takes it up with a ResourceChange, or dismisses it with a reason"
                    ),
                    format!("系统不会自行变更，请{role}以资源变更采纳，或说明理由予以搁置"),
                ),
            ),
            ProposalPhase::Underway => progress(
                reason,
                &Text::new(format!("taken up by ResourceChange {change}"), format!("已由资源变更{change}采纳，办理中")),
            ),
            ProposalPhase::Dismissed => at_rest(
                reason,
                &Text::new(
                    format!("dismissed by the {role}: nothing is proposed by this rule until the end of {until}"),
                    format!("已由{role}搁置，至{until}前不再按此依据提出建议"),
                ),
            ),
            ProposalPhase::Done => at_rest(reason, &Text::new("carried out", "已落实")),
            ProposalPhase::Withdrawn => at_rest(
                reason,
                &Text::new("its ground has fallen away: condition GroundHolds says how", "依据已消失，建议撤销"),
            ),
        }
    }
}

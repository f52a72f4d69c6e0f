//! What the rules of the model say besides about leaving and about orders that stop a system, and what is asked for.

use super::super::rules::{self, Gate, Role, gate_rule};
use super::world::Matter;
use yunguan::api::decision::Verdict;
use yunguan::api::decommission::{BackupMode, Departure, LeavingRules};
use yunguan::api::governance_policy::{Effect, EffectRule, Gate as GateRule, Limit, SubmissionRule, Track};
use yunguan::api::sanction::{Measure, MeasureRule, Order, Party, SanctionRules};
use yunguan::api::service_product::{DataHandling, JobTemplate};
use yunguan::core::registry::Registry;

const LEAVE: &str = "Leave";
const STOP: &str = "Stop";
/// The class of the volume, and the system.
pub const CLASS: &str = "ssd";
pub const SYSTEM: &str = "s0";

/// The registry of the other machines, with these rules.
pub fn registry() -> Registry {
    let mut registry = rules::registry(false);
    for policy in &mut registry.policies {
        policy.spec.tracks.extend([leaving(), stopping()]);
        policy.spec.leaving = Some(LeavingRules {
            track: LEAVE.to_owned(),
            reclaim_track: None,
            keep_unanswered_days: Limit { value: 180, article: rules::article() },
        });
        policy.spec.sanctions = Some(SanctionRules {
            measures: vec![MeasureRule { measure: Measure::Suspension, party: Party::Unit, track: STOP.to_owned() }],
            suspended_is_charged: true,
            article: rules::article(),
        });
    }
    let template = |image: &str| JobTemplate { image: image.to_owned(), deadline_minutes: 1, ..JobTemplate::default() };
    for product in &mut registry.products {
        product.spec.storage_class = Some(CLASS.to_owned());
        product.spec.handling =
            Some(DataHandling { backup: Some(template("b")), wipe: Some(template("w")), target: None });
    }
    registry
}

/// Approval, backup, its confirmation, offline, wipe, attestation, reclaim.
fn leaving() -> Track {
    let after = |step: Effect| vec![step.step().to_owned()];
    let returned = || vec![Verdict::Approve, Verdict::Return];
    Track {
        name: LEAVE.to_owned(),
        submission: SubmissionRule { role: Role::Unit.name().to_owned(), article: rules::article() },
        gates: vec![
            GateRule { verdicts: returned(), ..gate_rule(Gate::Approval, Vec::new()) },
            GateRule {
                verdicts: vec![Verdict::Confirm, Verdict::Return],
                ..gate_rule(Gate::Confirmation, after(Effect::Backup))
            },
            gate_rule(Gate::Attestation, after(Effect::Wipe)),
        ],
        effects: vec![
            effect(Effect::Backup, Gate::Approval.name()),
            effect(Effect::Offline, Gate::Confirmation.name()),
            effect(Effect::Wipe, Effect::Offline.step()),
            effect(Effect::Reclaim, Gate::Attestation.name()),
        ],
        ..Track::default()
    }
}

/// An order that the agency asks for and the authority makes, and lifts when it finds that right.
fn stopping() -> Track {
    Track {
        name: STOP.to_owned(),
        submission: SubmissionRule { role: Role::Agency.name().to_owned(), article: rules::article() },
        gates: vec![
            gate_rule(Gate::Approval, Vec::new()),
            gate_rule(Gate::Lift, vec![Effect::Impose.step().to_owned()]),
        ],
        effects: vec![effect(Effect::Impose, Gate::Approval.name()), effect(Effect::Lift, Gate::Lift.name())],
        ..Track::default()
    }
}

fn effect(effect: Effect, after: &str) -> EffectRule {
    EffectRule { effect, after: vec![after.to_owned()], article: rules::article() }
}

/// In which role somebody decides at a gate.
pub fn role(matter: Matter, gate: Gate) -> Role {
    if matter == Matter::Order && gate == Gate::Submission { Role::Agency } else { gate.role() }
}

pub fn departure(backup: BackupMode) -> Departure {
    Departure {
        unit_name: rules::UNIT_ZH.to_owned(),
        system: SYSTEM.to_owned(),
        reason: "已被替代".to_owned(),
        backup,
        ..Departure::default()
    }
}

pub fn order() -> Order {
    Order {
        unit_name: rules::UNIT_ZH.to_owned(),
        party: Party::Unit,
        measure: Measure::Suspension,
        systems: vec![SYSTEM.to_owned()],
        ground: "违规".to_owned(),
        article: rules::article(),
        mend: "整改".to_owned(),
        ..Order::default()
    }
}

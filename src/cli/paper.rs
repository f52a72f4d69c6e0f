//! What people decide about, as the commands see it: where it stands is said by every kind alike.

use crate::api::cloud_resource_request::{
    CloudResourceRequestStatus, CountedDecision, LineStatus, OpenGate, Phase, Submission, VoidDecision,
};
use crate::api::common::{Document, Money, PolicyRef, RequestKind};
use crate::api::decommission::{DecommissionPhase, DecommissionStatus};
use crate::api::resource_change::{ChangePhase, ResourceChangeStatus};
use crate::api::sanction::{SanctionPhase, SanctionStatus};
use crate::api::{CloudResourceRequest, Decommission, ResourceChange, Sanction};
use jiff::civil::Date;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use serde::Serialize;

/// A request, a change, a departure or a sanction.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Paper {
    /// Annex 1.
    Request(Box<CloudResourceRequest>),
    /// Annex 2.
    Change(Box<ResourceChange>),
    /// Annex 2, by which a system leaves.
    Departure(Box<Decommission>),
    /// An order against a unit or a provider.
    Sanction(Box<Sanction>),
}

/// Where a paper stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Stage {
    /// Annex 1.
    Request(Phase),
    /// Annex 2.
    Change(ChangePhase),
    /// Annex 2, by which a system leaves.
    Departure(DecommissionPhase),
    /// An order.
    Sanction(SanctionPhase),
}

impl Default for Stage {
    fn default() -> Self {
        Self::Request(Phase::Draft)
    }
}

impl Stage {
    /// Whether somebody has ended the round: the next filing starts anew.
    #[must_use]
    pub fn sent_back(self) -> bool {
        matches!(
            self,
            Self::Request(Phase::Returned | Phase::Rejected | Phase::Withdrawn)
                | Self::Change(ChangePhase::Returned | ChangePhase::Rejected | ChangePhase::Withdrawn)
                | Self::Departure(
                    DecommissionPhase::Returned | DecommissionPhase::Rejected | DecommissionPhase::Withdrawn
                )
                | Self::Sanction(SanctionPhase::Returned | SanctionPhase::Rejected | SanctionPhase::Withdrawn)
        )
    }

    /// Whether nothing of the round stands, by whomever it was ended.
    #[must_use]
    pub fn is_over(self) -> bool {
        self.sent_back() || matches!(self, Self::Request(Phase::OutOfScope) | Self::Change(ChangePhase::Refused))
    }
}

/// What the status of either kind says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress<'a> {
    /// The generation that it was made for.
    pub observed_generation: Option<i64>,
    /// Where it stands.
    pub stage: Stage,
    /// How often it has been filed.
    pub round: i64,
    /// Who must act, in the words of the API.
    pub waiting_for: Option<&'a str>,
    /// By when.
    pub due: Option<Date>,
    /// The rules by which it is judged.
    pub policy: Option<&'a PolicyRef>,
    /// The uid that decisions name.
    pub subject_uid: Option<&'a str>,
    /// The filing that stands.
    pub submission: Option<&'a Submission>,
    /// Gates at which somebody can act.
    pub open_gates: &'a [OpenGate],
    /// Decisions that count.
    pub decisions: &'a [CountedDecision],
    /// Those that do not.
    pub void_decisions: &'a [VoidDecision],
    /// Line by line.
    pub lines: &'a [LineStatus],
    /// CNY a month, once it is granted.
    pub fee: Option<&'a Money>,
    /// Whether it is granted.
    pub committed: bool,
    /// What holds of it.
    pub conditions: &'a [Condition],
}

macro_rules! progress {
    ($status:ident, $stage:path, $fee:ident) => {
        impl<'a> From<&'a $status> for Progress<'a> {
            fn from(status: &'a $status) -> Self {
                Self {
                    observed_generation: status.observed_generation,
                    stage: $stage(status.phase),
                    round: status.round,
                    waiting_for: status.waiting_for.as_deref(),
                    due: status.due,
                    policy: status.policy.as_ref(),
                    subject_uid: status.subject_uid.as_deref(),
                    submission: status.submission.as_ref(),
                    open_gates: &status.open_gates,
                    decisions: &status.decisions,
                    void_decisions: &status.void_decisions,
                    lines: &status.lines,
                    fee: status.$fee.as_ref(),
                    committed: status.committed,
                    conditions: &status.conditions,
                }
            }
        }
    };
}

progress!(CloudResourceRequestStatus, Stage::Request, monthly_fee);
progress!(ResourceChangeStatus, Stage::Change, fee_after);

macro_rules! progress_without_lines {
    ($status:ident, $stage:path, $committed:expr) => {
        impl<'a> From<&'a $status> for Progress<'a> {
            fn from(status: &'a $status) -> Self {
                Self {
                    observed_generation: status.observed_generation,
                    stage: $stage(status.phase),
                    round: status.round,
                    waiting_for: status.waiting_for.as_deref(),
                    due: status.due,
                    policy: status.policy.as_ref(),
                    subject_uid: status.subject_uid.as_deref(),
                    submission: status.submission.as_ref(),
                    open_gates: &status.open_gates,
                    decisions: &status.decisions,
                    void_decisions: &status.void_decisions,
                    lines: &[],
                    fee: None,
                    committed: $committed(status),
                    conditions: &status.conditions,
                }
            }
        }
    };
}

progress_without_lines!(SanctionStatus, Stage::Sanction, |status: &SanctionStatus| status.imposed.is_some());
// Up to the wipe it can be taken back.
progress_without_lines!(DecommissionStatus, Stage::Departure, |status: &DecommissionStatus| status
    .wiping_since
    .is_some());

impl From<CloudResourceRequest> for Paper {
    fn from(request: CloudResourceRequest) -> Self {
        Self::Request(Box::new(request))
    }
}

impl From<ResourceChange> for Paper {
    fn from(change: ResourceChange) -> Self {
        Self::Change(Box::new(change))
    }
}

impl From<Decommission> for Paper {
    fn from(decommission: Decommission) -> Self {
        Self::Departure(Box::new(decommission))
    }
}

impl From<Sanction> for Paper {
    fn from(sanction: Sanction) -> Self {
        Self::Sanction(Box::new(sanction))
    }
}

impl Paper {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> RequestKind {
        match self {
            Self::Request(_) => RequestKind::CloudResourceRequest,
            Self::Change(_) => RequestKind::ResourceChange,
            Self::Departure(_) => RequestKind::Decommission,
            Self::Sanction(_) => RequestKind::Sanction,
        }
    }

    fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Request(request) => &request.metadata,
            Self::Change(change) => &change.metadata,
            Self::Departure(decommission) => &decommission.metadata,
            Self::Sanction(sanction) => &sanction.metadata,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.meta().name.as_deref().unwrap_or_default()
    }

    /// Its namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.meta().namespace.as_deref().unwrap_or_default()
    }

    /// Its generation.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.meta().generation.unwrap_or_default()
    }

    /// The uid that decisions about it name.
    #[must_use]
    pub fn subject_uid(&self) -> &str {
        self.standing().subject_uid.or(self.meta().uid.as_deref()).unwrap_or_default()
    }

    /// As a command line names it within its namespace.
    #[must_use]
    pub fn typed(&self) -> String {
        typed(self.kind(), self.name())
    }

    /// As a command line names it anywhere.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", self.namespace(), self.typed())
    }

    /// What its system is called; on a sanction, whom it is against.
    #[must_use]
    pub fn system_name(&self) -> &str {
        match self {
            Self::Request(request) => &request.spec.application.system.name,
            Self::Change(change) => &change.spec.change.system,
            Self::Departure(decommission) => &decommission.spec.departure.system,
            Self::Sanction(sanction) => &sanction.spec.order.unit_name,
        }
    }

    /// The InformationSystem that came of it, or that it is about.
    #[must_use]
    pub fn system(&self) -> Option<&str> {
        match self {
            Self::Request(request) => request.status.as_ref().and_then(|s| s.system.as_deref()),
            Self::Change(change) => Some(&change.spec.change.system),
            Self::Departure(decommission) => Some(&decommission.spec.departure.system),
            Self::Sanction(_) => None,
        }
    }

    /// The track that it takes, where that is known.
    #[must_use]
    pub fn track(&self) -> Option<&str> {
        match self {
            Self::Request(request) => Some(&request.spec.application.track),
            Self::Change(change) => change.status.as_ref().and_then(|s| s.track.as_deref()),
            Self::Departure(decommission) => decommission.status.as_ref().and_then(|s| s.track.as_deref()),
            Self::Sanction(sanction) => sanction.status.as_ref().and_then(|s| s.track.as_deref()),
        }
    }

    /// Its papers.
    #[must_use]
    pub fn documents(&self) -> &[Document] {
        match self {
            Self::Request(request) => &request.spec.application.documents,
            Self::Change(change) => &change.spec.change.documents,
            Self::Departure(decommission) => &decommission.spec.departure.documents,
            Self::Sanction(sanction) => &sanction.spec.order.documents,
        }
    }

    /// The lines whose amounts are confirmed, and what was asked: what the unit procures itself is granted to nobody.
    #[must_use]
    pub fn asked(&self) -> Vec<(&str, i64)> {
        match self {
            Self::Request(request) => {
                let lines = request.spec.application.lines.iter().filter(|l| l.self_procured.is_none());
                lines.map(|l| (l.name.as_str(), l.quantity)).collect()
            }
            Self::Change(change) => change.spec.change.lines.iter().map(|l| (l.name.as_str(), l.quantity)).collect(),
            Self::Departure(_) | Self::Sanction(_) => Vec::new(),
        }
    }

    /// What the operator says of it; nothing before it has looked.
    #[must_use]
    pub fn progress(&self) -> Option<Progress<'_>> {
        match self {
            Self::Request(request) => request.status.as_ref().map(Progress::from),
            Self::Change(change) => change.status.as_ref().map(Progress::from),
            Self::Departure(decommission) => decommission.status.as_ref().map(Progress::from),
            Self::Sanction(sanction) => sanction.status.as_ref().map(Progress::from),
        }
    }

    /// The same, and that of a new draft before the operator has looked.
    #[must_use]
    pub fn standing(&self) -> Progress<'_> {
        self.progress().unwrap_or_default()
    }

    /// Without what only the API server reads.
    #[must_use]
    pub fn tidy(mut self) -> Self {
        let meta = match &mut self {
            Self::Request(request) => &mut request.metadata,
            Self::Change(change) => &mut change.metadata,
            Self::Departure(decommission) => &mut decommission.metadata,
            Self::Sanction(sanction) => &mut sanction.metadata,
        };
        meta.managed_fields = None;
        self
    }
}

/// As a command line names an object of this kind.
#[must_use]
pub fn typed(kind: RequestKind, name: &str) -> String {
    match kind {
        RequestKind::ResourceChange => format!("change/{name}"),
        RequestKind::RightsizingProposal => format!("proposal/{name}"),
        RequestKind::Decommission => format!("decommission/{name}"),
        RequestKind::Sanction => format!("sanction/{name}"),
        _ => name.to_owned(),
    }
}

/// The kind that a name on the command line says, and the rest of it: `change/NAME`, `NAMESPACE/change/NAME`.
#[must_use]
pub fn split_kind(text: &str) -> (Option<RequestKind>, String) {
    let parts: Vec<&str> = text.split('/').collect();
    let known = |word: &str| match word {
        "change" | "rch" => Some(RequestKind::ResourceChange),
        "proposal" | "rsp" => Some(RequestKind::RightsizingProposal),
        "decommission" | "decom" => Some(RequestKind::Decommission),
        "sanction" | "sanc" => Some(RequestKind::Sanction),
        "request" | "crr" => Some(RequestKind::CloudResourceRequest),
        _ => None,
    };
    match parts.as_slice() {
        [kind, name] if known(kind).is_some() => (known(kind), (*name).to_owned()),
        [namespace, kind, name] if known(kind).is_some() => (known(kind), format!("{namespace}/{name}")),
        _ => (None, text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_its_kind_where_it_must() {
        let split = |text| {
            let (kind, rest) = split_kind(text);
            (kind, rest)
        };
        let change = Some(RequestKind::ResourceChange);
        assert_eq!(split("more"), (None, "more".into()));
        assert_eq!(split("yg-health/more"), (None, "yg-health/more".into()));
        assert_eq!(split("change/more"), (change, "more".into()));
        assert_eq!(split("yg-health/rch/more"), (change, "yg-health/more".into()));
        assert_eq!(split("crr/more"), (Some(RequestKind::CloudResourceRequest), "more".into()));
        assert_eq!(split("a/b/c"), (None, "a/b/c".into()));
        assert_eq!(split("a/change/b/c"), (None, "a/change/b/c".into()));
    }
}

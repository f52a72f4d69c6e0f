//! A request that is taken back after it was granted and before anything of it was opened: its room is given back.

use super::{Facts, SystemFact};
use crate::api::decision::Verdict;
use crate::api::decommission::{Leaving, Reclaim};
use crate::core::workflow::Walk;

impl Facts<'_> {
    /// Whether nothing of what was granted has ever been opened, as far as the record says: then it can still be taken back.
    pub(super) fn is_unopened(&self) -> bool {
        self.opened().is_some_and(|SystemFact { spec, provisioned_at }| {
            let first = spec.grants.first().zip(self.granted()).is_some_and(|(first, own)| first == own);
            let others = spec.departures.iter().any(|leaving| leaving.decommission != spec.request);
            provisioned_at.is_none() && spec.live.is_none() && spec.grants.len() == 1 && first && !others
        })
    }
}

/// What goes on the record of a system whose request is taken back before anything of it was opened.
pub(super) fn record(facts: &Facts<'_>, walk: &Walk) -> Option<Leaving> {
    let ended = walk.ended.as_ref().filter(|ended| ended.verdict == Verdict::Withdraw)?;
    let (system, grant) = (facts.opened().filter(|_| facts.is_unopened())?, facts.granted()?);
    let at = ended.decision.at;
    let leaving = || Leaving {
        decommission: system.spec.request.clone(),
        submission_uid: ended.decision.uid.clone(),
        policy: grant.policy.clone(),
        round: grant.round,
        approved: at,
        decisions: vec![ended.decision.clone()],
        offline_at: Some(at),
        reclaim: Some(Reclaim { at, decisions: Vec::new(), closed: None }),
        ..Leaving::default()
    };
    system.spec.departures.is_empty().then(leaving)
}

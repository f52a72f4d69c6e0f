//! Whom a unit lets into its system, for a stated time and purpose (article 35).

use crate::api::decision::{Access, Verdict};
use crate::api::names::{CLUSTER_ROLE_GUEST_OPERATE, CLUSTER_ROLE_GUEST_VIEW, GATE_ACCESS, ROLE_UNIT};
use crate::core::digest;
use crate::core::workflow::DecisionFact;
use jiff::{Timestamp, ToSpan as _};

/// An authorisation that holds now.
#[derive(Clone, Debug, PartialEq)]
pub struct Pass {
    /// The Decision.
    pub decision: DecisionFact,
    /// Who, what for, until when.
    pub access: Access,
    /// When it ends: as stated, but no later than the policy allows.
    pub until: Timestamp,
}

/// All authorisations that count, whether they have run out or not: made by the unit, for exactly this system, for
/// exactly what the digest names, not beyond the longest time that the policy allows.
#[must_use]
pub fn passes(system_uid: &str, decisions: &[DecisionFact], max_days: i32) -> Vec<Pass> {
    let counts = |d: &DecisionFact| {
        d.entitled && d.spec.gate == GATE_ACCESS && d.spec.role == ROLE_UNIT && d.spec.request_ref.uid == system_uid
    };
    let revoked_at = |uid: &str| {
        decisions
            .iter()
            .filter(|d| counts(d) && d.spec.verdict == Verdict::Withdraw)
            .filter(|d| d.spec.submission_uid.as_deref() == Some(uid))
            .map(|d| d.at.timestamp())
            .min()
    };
    decisions
        .iter()
        .filter(|d| counts(d) && d.spec.verdict == Verdict::Authorize)
        .filter_map(|decision| {
            let access = decision.spec.access.clone()?;
            if decision.spec.digest != digest::of_access(system_uid, &access) {
                return None;
            }
            let latest = decision.at.timestamp().checked_add((i64::from(max_days) * 24).hours()).ok()?;
            let until = access.until.timestamp().min(latest);
            let until = revoked_at(&decision.uid).map_or(until, |revoked| until.min(revoked));
            Some(Pass { decision: decision.clone(), access, until })
        })
        .collect()
}

/// The ClusterRole of a guest.
#[must_use]
pub fn cluster_role(access: &Access) -> &'static str {
    match access.level {
        crate::api::decision::AccessLevel::View => CLUSTER_ROLE_GUEST_VIEW,
        crate::api::decision::AccessLevel::Operate => CLUSTER_ROLE_GUEST_OPERATE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::DecisionSpec;
    use crate::api::common::{RequestRef, Time};

    fn authorize(days: i64) -> DecisionFact {
        let at: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
        let until = Time::new(at.checked_add((days * 24).hours()).unwrap());
        let access = Access { username: "expert".into(), purpose: "排障".into(), until, ..Access::default() };
        DecisionFact {
            name: "d".into(),
            uid: "d".into(),
            at: Time::new(at),
            order: 1,
            entitled: true,
            spec: DecisionSpec {
                request_ref: RequestRef { uid: "sys".into(), ..RequestRef::default() },
                gate: GATE_ACCESS.into(),
                role: ROLE_UNIT.into(),
                verdict: Verdict::Authorize,
                digest: digest::of_access("sys", &access),
                access: Some(access),
                ..DecisionSpec::default()
            },
        }
    }

    #[test]
    fn r35_1_a_pass_ends_by_itself_and_no_later_than_the_policy_allows() {
        let pass = &passes("sys", &[authorize(3)], 30)[0];
        assert_eq!(pass.until.to_string(), "2026-11-27T00:00:00Z");
        let long = &passes("sys", &[authorize(300)], 30)[0];
        assert_eq!(long.until.to_string(), "2026-12-24T00:00:00Z");
    }

    #[test]
    fn r35_1_nobody_but_the_unit_lets_somebody_in() {
        let mut stranger = authorize(3);
        stranger.entitled = false;
        let mut provider = authorize(3);
        provider.spec.role = "provider".into();
        let mut forged = authorize(3);
        forged.spec.access.as_mut().unwrap().username = "somebody-else".into();
        assert!(passes("sys", &[stranger, provider, forged], 30).is_empty());
        assert!(passes("other", &[authorize(3)], 30).is_empty());
    }

    #[test]
    fn r35_1_a_pass_can_be_taken_back() {
        let given = authorize(3);
        let mut back = given.clone();
        back.uid = "w".into();
        back.at = Time::new(given.at.timestamp().checked_add(1.hour()).unwrap());
        back.spec.verdict = Verdict::Withdraw;
        back.spec.submission_uid = Some(given.uid.clone());
        back.spec.access = None;
        assert_eq!(passes("sys", &[given, back], 30)[0].until.to_string(), "2026-11-24T01:00:00Z");
    }
}

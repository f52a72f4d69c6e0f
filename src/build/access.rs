//! Whom a unit lets into its system, for a stated time and purpose (article 35).

use crate::api::bounds;
use crate::api::cloud_resource_request::{VoidDecision, VoidReason};
use crate::api::common::Time;
use crate::api::decision::{Access, Verdict};
use crate::api::information_system::Guest;
use crate::api::names::{CLUSTER_ROLE_GUEST_OPERATE, CLUSTER_ROLE_GUEST_VIEW, GATE_ACCESS, ROLE_UNIT};
use crate::core::digest;
use crate::core::fit;
use crate::core::round::report::newest;
use crate::core::text::Text;
use crate::core::workflow::{DecisionFact, Refusal, place};
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
    let counts = |d: &&DecisionFact| judge(system_uid, decisions, d).is_ok();
    let revoked_at = |uid: &str| {
        decisions
            .iter()
            .filter(|d| d.spec.verdict == Verdict::Withdraw && d.spec.submission_uid.as_deref() == Some(uid))
            .filter(counts)
            .map(|d| d.at.timestamp())
            .min()
    };
    decisions
        .iter()
        .filter(|d| d.spec.verdict == Verdict::Authorize)
        .filter(counts)
        .filter_map(|decision| {
            let access = decision.spec.access.clone()?;
            let latest = decision.at.timestamp().checked_add((i64::from(max_days) * 24).hours()).ok()?;
            let until = access.until.timestamp().min(latest);
            let until = revoked_at(&decision.uid).map_or(until, |revoked| until.min(revoked));
            Some(Pass { decision: decision.clone(), access, until })
        })
        .collect()
}

/// Whether a decision lets somebody in, or ends that. Who holds the unit's role changes with time, so that comes last.
///
/// # Errors
/// Says why it does not.
pub fn judge(system_uid: &str, decisions: &[DecisionFact], decision: &DecisionFact) -> Result<(), Refusal> {
    let refuse = |reason, en: &str, zh: &str| Err(Refusal { reason, message: Text::new(en.to_owned(), zh.to_owned()) });
    let spec = &decision.spec;
    if spec.request_ref.uid != system_uid {
        return refuse(
            VoidReason::OtherRequest,
            "it names another system that was also called so: look at the one that stands now and decide again",
            "所办理的是另一个同名系统，请对当前的系统重新办理",
        );
    }
    if spec.gate != GATE_ACCESS {
        return refuse(
            VoidReason::UnknownGate,
            "of a system only gate `access` is decided: who is let in, and the end of that",
            "系统仅可在access环节办理访问授权及其终止",
        );
    }
    if spec.role != ROLE_UNIT {
        return refuse(VoidReason::WrongRole, "the unit lets people in, nobody else does", "访问授权由使用单位办理");
    }
    match (spec.verdict, &spec.access) {
        (Verdict::Authorize, Some(access)) if spec.digest == digest::of_access(system_uid, access) => {}
        (Verdict::Authorize, _) => {
            return refuse(
                VoidReason::OtherContent,
                "its digest is not that of whom it lets in, until when and what for: use `kubectl yunguan authorize`",
                "摘要与授权内容不符，请使用kubectl yunguan authorize",
            );
        }
        (Verdict::Withdraw, _) => {
            let ends = |d: &DecisionFact| {
                d.spec.verdict == Verdict::Authorize
                    && d.spec.request_ref.uid == system_uid
                    && spec.submission_uid.as_deref() == Some(d.uid.as_str())
            };
            if !decisions.iter().any(ends) {
                return refuse(
                    VoidReason::OtherSubmission,
                    "its submissionUid is the uid of no authorization of this system: use `kubectl yunguan revoke`",
                    "submissionUid不是本系统访问授权的uid，请使用kubectl yunguan revoke",
                );
            }
        }
        _ => {
            return refuse(
                VoidReason::VerdictNotOffered,
                "gate `access` offers Authorize and Withdraw",
                "access环节仅可授权或终止授权",
            );
        }
    }
    if decision.entitled {
        return Ok(());
    }
    refuse(
        VoidReason::NotEntitled,
        "the person does not hold the role unit of this unit now: somebody listed in the Organization's spec.members decides",
        "办理人目前不具备本单位unit角色，请由单位成员办理",
    )
}

/// Who is let in, as a status has room for them, and how many more are.
#[must_use]
pub fn guests(let_in: &[Pass]) -> (Vec<Guest>, i64) {
    let guest = |pass: &Pass| Guest {
        username: pass.access.username.clone(),
        purpose: pass.access.purpose.clone(),
        until: Time::new(pass.until),
        decision: pass.decision.name.clone(),
    };
    fit::first(let_in.iter().map(guest).collect(), bounds::GUESTS)
}

/// The newest decisions about a system that do not count, and why.
#[must_use]
pub fn void(system_uid: &str, decisions: &[DecisionFact]) -> Vec<VoidDecision> {
    let mut made: Vec<&DecisionFact> = decisions.iter().collect();
    made.sort_by_key(|d| place(d));
    let judged = made.into_iter().filter_map(|d| Some(judge(system_uid, decisions, d).err()?.of(d)));
    newest(judged.collect())
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
    fn r35_1_what_lets_nobody_in_says_why() {
        let shaped = |shape: &dyn Fn(&mut DecisionFact)| {
            let mut made = authorize(3);
            shape(&mut made);
            void("sys", &[authorize(3), made]).into_iter().map(|v| v.reason).collect::<Vec<_>>()
        };
        assert_eq!(shaped(&|_| {}), []);
        assert_eq!(shaped(&|d| d.spec.request_ref.uid = "other".into()), [VoidReason::OtherRequest]);
        assert_eq!(shaped(&|d| d.spec.gate = "approval".into()), [VoidReason::UnknownGate]);
        assert_eq!(shaped(&|d| d.spec.role = "provider".into()), [VoidReason::WrongRole]);
        assert_eq!(shaped(&|d| d.spec.verdict = Verdict::Approve), [VoidReason::VerdictNotOffered]);
        let username = |d: &mut DecisionFact| d.spec.access.as_mut().unwrap().username = "else".into();
        assert_eq!(shaped(&username), [VoidReason::OtherContent]);
        assert_eq!(shaped(&|d| d.spec.verdict = Verdict::Withdraw), [VoidReason::OtherSubmission]);
        assert_eq!(shaped(&|d| d.entitled = false), [VoidReason::NotEntitled]);
    }

    #[test]
    fn r19_2_guests_beyond_what_a_status_has_room_for_are_counted() {
        let mut pass = passes("sys", &[authorize(3)], 30).remove(0);
        pass.decision.name = "d".repeat(253);
        pass.access.username = crate::core::fixtures::letters(253);
        pass.access.purpose = crate::core::fixtures::letters(512);
        let (listed, more) = guests(&vec![pass; 1_000]);
        assert_eq!((listed.len(), more), (256, 744));
        crate::core::fixtures::assert_fits("InformationSystem", "status.guests", &listed);
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

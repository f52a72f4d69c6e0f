//! Random histories: people who do their part, and people who err, forge, edit, send back and come too late.

use super::*;
use crate::core::workflow::GATE_WITHDRAWAL;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// Somebody who may passes an open gate, the `n`th of those that are open.
    Passes(usize),
    /// Somebody who may sends it back there, or turns it down.
    SendsBack(usize),
    /// Anybody tries anything.
    Tries { who: usize, gate: usize, entitled: bool, stale: bool },
    /// The unit edits the request.
    Edits,
    /// The unit takes it back.
    Withdraws,
    /// The operator carries out what is due.
    OperatorActs,
}

const GATES: [&str; 13] = [
    "submission",
    "completeness",
    "plan",
    "evaluation",
    "approval",
    "trial-report",
    "security-report",
    "sign-unit",
    "sign-provider",
    "sign-authority",
    "nowhere",
    "supervisor-filing",
    "fulfilment",
];
const PEOPLE: [&str; 5] = [UNIT, AUTHORITY, AGENCY, PROVIDER, "sun.li@health"];
const FORGED: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        24 => (0..3_usize).prop_map(Step::Passes),
        1 => (0..3_usize).prop_map(Step::SendsBack),
        6 => (0..PEOPLE.len(), 0..GATES.len(), prop::bool::weighted(0.8), prop::bool::weighted(0.2))
            .prop_map(|(who, gate, entitled, stale)| Step::Tries { who, gate, entitled, stale }),
        1 => Just(Step::Edits),
        1 => Just(Step::Withdraws),
        12 => Just(Step::OperatorActs),
    ]
}

fn histories() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..50)
}

fn verdict_at(gate: &str) -> Verdict {
    match gate {
        "submission" => Verdict::Submit,
        "plan" | "fulfilment" => Verdict::Confirm,
        "trial-report" | "security-report" => Verdict::File,
        gate if gate.starts_with("sign") => Verdict::Sign,
        _ => Verdict::Approve,
    }
}

fn holder(role: &str) -> &'static str {
    match role {
        "unit" => UNIT,
        "agency" => AGENCY,
        "provider" => PROVIDER,
        _ => AUTHORITY,
    }
}

fn replay(history: &[Step]) -> Story {
    let mut story = Story::of("health-portal");
    for step in history {
        story.now = story.now.checked_add(1.second()).unwrap();
        let open = story.plan().status.open_gates;
        let nth = |n: &usize| open.get(n % open.len().max(1)).cloned();
        match step {
            Step::Passes(n) => {
                if let Some(gate) = nth(n) {
                    let decision = story.draft(holder(&gate.role), &gate.gate, verdict_at(&gate.gate));
                    story.makes(decision);
                }
            }
            Step::SendsBack(n) => {
                let Some(gate) = nth(n) else { continue };
                let no = gate.verdicts.iter().find(|v| matches!(v, Verdict::Return | Verdict::Reject));
                if let Some(no) = no {
                    let decision = story.draft(holder(&gate.role), &gate.gate, *no);
                    story.makes(decision);
                }
            }
            Step::Tries { who, gate, entitled, stale } => {
                let mut decision = story.draft(PEOPLE[*who], GATES[*gate], verdict_at(GATES[*gate]));
                decision.entitled = *entitled;
                if *stale {
                    decision.spec.digest = FORGED.into();
                }
                story.makes(decision);
            }
            // The API server refuses edits of what is granted.
            Step::Edits if story.system.is_none() => story.request.spec.application.lines[0].quantity += 1,
            Step::Edits => {}
            Step::Withdraws => {
                let filed = story.plan().status.submission;
                let filed = filed.and_then(|filed| story.decisions.iter().find(|d| d.uid == filed.uid).cloned());
                if let Some(filed) = filed {
                    let mut decision = story.draft(UNIT, GATE_WITHDRAWAL, Verdict::Withdraw);
                    decision.spec.role = ROLE_UNIT.into();
                    decision.spec.digest = filed.spec.digest;
                    story.makes(decision);
                }
            }
            Step::OperatorActs => {
                story.operator_acts();
            }
        }
    }
    story
}

/// The properties below would say nothing about histories that never get anywhere.
#[test]
fn many_histories_get_through() {
    let mut runner = TestRunner::deterministic();
    let (mut granted, mut live, mut again) = (0, 0, 0);
    for _ in 0..200 {
        let story = replay(&histories().new_tree(&mut runner).unwrap().current());
        granted += usize::from(story.system.is_some());
        live += usize::from(story.system.as_ref().is_some_and(|(system, _)| system.live.is_some()));
        again += usize::from(story.plan().status.round > 1);
    }
    println!("of 200 random histories: {granted} granted, {live} live, {again} filed more than once");
    assert!(granted >= 50 && live >= 20 && again >= 20, "{granted} granted, {live} live, {again} again");
}

proptest! {
    #![proptest_config(Config { cases: 24, ..Config::default() })]

    #[test]
    fn r19_2_nothing_is_provisioned_without_the_authority(history in histories()) {
        let story = replay(&history);
        if let Some((system, _)) = &story.system {
            let grant = &system.grants[0];
            let gates: Vec<_> = grant.decisions.iter().map(|d| (d.gate.as_str(), d.role.as_str())).collect();
            prop_assert_eq!(
                gates,
                [("completeness", "authority"), ("plan", "agency"), ("evaluation", "agency"), ("approval", "authority")]
            );
            for decision in &grant.decisions {
                let made = story.decisions.iter().find(|d| d.uid == decision.uid).unwrap();
                prop_assert!(made.entitled && made.spec.digest != FORGED);
                prop_assert_eq!(made.spec.submission_uid.as_ref(), Some(&grant.submission_uid));
            }
        }
    }

    #[test]
    fn r25_1_what_is_granted_is_what_was_confirmed_last(history in histories()) {
        let story = replay(&history);
        if let Some((system, _)) = &story.system {
            let grant = &system.grants[0];
            let evaluation = grant.decisions.iter().find(|d| d.gate == "evaluation").unwrap();
            let made = story.decisions.iter().find(|d| d.uid == evaluation.uid).unwrap();
            for line in &made.spec.grant {
                let granted = grant.lines.iter().find(|l| l.name == line.line).unwrap();
                prop_assert_eq!(granted.quantity, line.quantity);
            }
        }
    }

    #[test]
    fn r21_1_no_charge_before_three_signatures(history in histories()) {
        let story = replay(&history);
        if let Some(live) = story.system.as_ref().and_then(|(s, _)| s.live.as_ref()) {
            let signed = live.decisions.iter().filter(|d| d.verdict == Verdict::Sign);
            let mut roles: Vec<_> = signed.map(|d| d.role.as_str()).collect();
            roles.sort_unstable();
            prop_assert_eq!(roles, ["authority", "provider", "unit"]);
            prop_assert!(live.decisions.iter().all(|d| d.at <= live.from));
        }
    }

    #[test]
    fn r7_1_no_person_counts_in_two_roles(history in histories()) {
        let counted = replay(&history).plan().status.decisions;
        for one in &counted {
            prop_assert!(counted.iter().all(|other| other.person != one.person || other.role == one.role));
        }
    }

    #[test]
    fn replay_changes_nothing(history in histories()) {
        let story = replay(&history);
        prop_assert_eq!(story.plan().status, story.plan().status);
        let mut shuffled = replay(&history);
        shuffled.decisions.reverse();
        prop_assert_eq!(shuffled.plan().status, story.plan().status);
    }

    /// Every state that is not the last has a way on: somebody can act, or the operator is about to.
    #[test]
    fn every_state_has_a_way_out(history in histories()) {
        let mut story = replay(&history);
        story.operator_acts();
        let status = story.plan().status;
        prop_assert!(!status.open_gates.is_empty() || status.phase == Phase::Live, "{}", status.phase);
    }
}

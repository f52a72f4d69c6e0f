//! What the engine does by itself, on small tracks that no city knows.

use super::*;
use crate::api::common::RequestRef;
use crate::api::decision::{DecidedBy, Evidence, TestResult};
use crate::api::governance_policy::EffectRule;
use proptest::prelude::*;

mod acts;
mod hearing;

const UID: &str = "request";
const FILING: &str = "filing";

fn at(second: i64) -> Time {
    Time::new(jiff::Timestamp::from_second(1_800_000_000 + second).unwrap())
}

fn gate(name: &str, role: &str, after: &[&str], verdicts: &[Verdict]) -> Gate {
    Gate {
        name: name.into(),
        role: role.into(),
        after: after.iter().map(|s| (*s).to_owned()).collect(),
        verdicts: verdicts.to_vec(),
        article: "第一条".into(),
        ..Gate::default()
    }
}

fn track(gates: Vec<Gate>, effects: &[(Effect, &[&str])]) -> Track {
    let rule = |(effect, after): &(Effect, &[&str])| EffectRule {
        effect: *effect,
        after: after.iter().map(|s| (*s).to_owned()).collect(),
        article: String::new(),
    };
    Track { name: "Small".into(), gates, effects: effects.iter().map(rule).collect(), ..Track::default() }
}

/// Two in a row, both of which can send it back.
fn two_gates() -> Track {
    let verdicts = [Verdict::Approve, Verdict::Return];
    track(
        vec![gate("first", "clerk", &[], &verdicts), gate("second", "head", &["first"], &verdicts)],
        &[(Effect::Provision, &["second"])],
    )
}

fn fact(uid: &str, second: i64, who: &str, role: &str, gate: &str, verdict: Verdict) -> DecisionFact {
    DecisionFact {
        name: uid.into(),
        uid: uid.into(),
        at: at(second),
        order: u64::try_from(second).unwrap(),
        entitled: true,
        spec: DecisionSpec {
            request_ref: RequestRef { name: "r".into(), uid: UID.into(), ..RequestRef::default() },
            submission_uid: (verdict != Verdict::Submit).then(|| FILING.to_owned()),
            gate: gate.into(),
            role: role.into(),
            verdict,
            comment: Some("x".into()),
            decided_by: Some(DecidedBy { username: who.into(), person: who.into(), ..DecidedBy::default() }),
            ..DecisionSpec::default()
        },
    }
}

/// A round of a request, and what is known about it.
struct Round {
    track: Track,
    submission: DecisionFact,
    applies: Vec<Applies>,
    asked: BTreeMap<String, i64>,
    settled: Vec<CountedDecision>,
    acted: BTreeMap<String, String>,
    done: BTreeMap<Effect, Time>,
    decisions: Vec<DecisionFact>,
    /// What time it is, in seconds; hearings last a hundred. Nothing where they cannot be counted.
    now: Option<i64>,
}

/// The digest of a gate: which decisions were counted before it, and what was confirmed.
fn digest(gate: &Gate, before: &[&CountedDecision], confirmed: Option<&BTreeMap<String, i64>>) -> String {
    let before: Vec<&str> = before.iter().map(|d| d.uid.as_str()).collect();
    format!("{}<{}>{confirmed:?}", gate.name, before.join(","))
}

impl Round {
    fn of(track: Track) -> Self {
        let mut submission = fact(FILING, 0, "unit", "unit", "submission", Verdict::Submit);
        submission.spec.digest = "filed".into();
        Self {
            track,
            submission,
            applies: Vec::new(),
            asked: BTreeMap::new(),
            settled: Vec::new(),
            acted: BTreeMap::new(),
            done: BTreeMap::new(),
            decisions: Vec::new(),
            now: None,
        }
    }

    fn walk(&self) -> Walk {
        self.looked_at(|track, subject| walk(track, subject, &self.decisions, &digest))
    }

    fn looked_at<T>(&self, look: impl FnOnce(&Track, &Subject<'_>) -> T) -> T {
        let silent = |_: &Gate, since: Time| {
            let over = Time::new(since.timestamp().checked_add(jiff::SignedDuration::from_secs(100)).unwrap());
            self.now.is_some_and(|now| over <= at(now)).then_some(over)
        };
        let subject = Subject {
            name: "r",
            uid: UID,
            submission: &self.submission,
            applies: &self.applies,
            complete: true,
            asked: &self.asked,
            least: &BTreeMap::new(),
            never_above_asked: true,
            settled: &self.settled,
            acted: &self.acted,
            done: &self.done,
            bound: Bound::ByGrant,
            attested: &[],
            silent: SilentSince(&silent),
        };
        look(&self.track, &subject)
    }

    /// Somebody decides, under the digest that the gate shows now.
    fn decides(&mut self, mut decision: DecisionFact) -> &mut Self {
        let open = self.walk().open;
        let shown = open.iter().find(|o| o.gate == decision.spec.gate).map(|o| o.digest.clone());
        decision.spec.digest = shown.unwrap_or_else(|| "nothing".into());
        self.decisions.push(decision);
        self
    }

    fn votes(&mut self, second: i64, who: &str, gate: &str, verdict: Verdict) -> &mut Self {
        let role = self.track.gates.iter().find(|g| g.name == gate).unwrap().role.clone();
        self.decides(fact(&format!("{second}-{who}"), second, who, &role, gate, verdict))
    }

    fn open(&self) -> Vec<String> {
        self.walk().open.into_iter().map(|o| o.gate).collect()
    }

    fn void(&self) -> Vec<(String, VoidReason)> {
        self.walk().void.into_iter().map(|v| (v.name, v.reason)).collect()
    }
}

#[test]
fn r15_1_gates_open_in_their_order_and_the_effect_is_due_with_the_last() {
    let mut round = Round::of(two_gates());
    assert_eq!(round.open(), ["first"]);
    round.votes(5, "ann", "first", Verdict::Approve);
    assert_eq!(round.open(), ["second"]);
    assert_eq!(round.walk().open[0].since, at(5), "since the one before was passed");
    assert!(round.walk().due_effects.is_empty());
    round.votes(9, "bob", "second", Verdict::Approve);
    assert_eq!(round.walk().due_effects, BTreeMap::from([(Effect::Provision, at(9))]));
    assert!(!round.walk().is_passed("provision"), "only what is done is passed");
    round.done.insert(Effect::Provision, at(20));
    assert_eq!(round.walk().passed.get("provision"), Some(&at(20)));
}

#[test]
fn r7_1_a_quorum_is_of_different_people() {
    let mut joint = gate("joint", "head", &[], &[Verdict::Approve]);
    joint.quorum = Some(3);
    let mut round = Round::of(track(vec![joint], &[(Effect::Provision, &["joint"])]));
    round.votes(1, "ann", "joint", Verdict::Approve).votes(2, "ann", "joint", Verdict::Approve);
    assert_eq!(round.void(), [("2-ann".to_owned(), VoidReason::Repeated)]);
    round.votes(3, "bob", "joint", Verdict::Approve);
    assert_eq!((round.walk().open[0].agreed, round.walk().due_effects.len()), (2, 0));
    round.votes(4, "cid", "joint", Verdict::Approve).votes(5, "dan", "joint", Verdict::Approve);
    assert_eq!(round.walk().passed.get("joint"), Some(&at(4)), "with the third, whoever comes after");
    assert_eq!(round.void().last().unwrap(), &("5-dan".to_owned(), VoidReason::GateClosed));
}

/// One person has two logins: the stamp names the human being behind both.
#[test]
fn r7_1_two_logins_of_one_person_are_one_voice() {
    let mut joint = gate("joint", "head", &[], &[Verdict::Approve]);
    joint.quorum = Some(2);
    let mut round = Round::of(track(vec![joint], &[(Effect::Provision, &["joint"])]));
    round.votes(1, "ann", "joint", Verdict::Approve);
    let mut second = fact("2-ann2", 2, "ann2", "head", "joint", Verdict::Approve);
    second.spec.decided_by.as_mut().unwrap().person = "ann".into();
    round.decides(second);
    assert_eq!(round.void(), [("2-ann2".to_owned(), VoidReason::Repeated)]);
    assert_eq!(round.open(), ["joint"]);
}

#[test]
fn r7_1_whoever_acted_in_one_role_decides_in_no_other() {
    let mut round = Round::of(two_gates());
    round.votes(1, "unit", "first", Verdict::Approve);
    assert_eq!(round.void(), [("1-unit".to_owned(), VoidReason::SecondRole)], "who filed");
    round.votes(2, "ann", "first", Verdict::Approve).votes(3, "ann", "second", Verdict::Approve);
    assert_eq!(round.void().last().unwrap(), &("3-ann".to_owned(), VoidReason::SecondRole), "who decided before");
    round.acted.insert("bob".into(), "clerk".into());
    round.votes(4, "bob", "second", Verdict::Approve);
    assert_eq!(round.void().last().unwrap(), &("4-bob".to_owned(), VoidReason::SecondRole), "in an earlier round");
    let mut nobody = fact("5-nobody", 5, "", "head", "second", Verdict::Approve);
    nobody.spec.decided_by = None;
    round.decides(nobody);
    assert_eq!(round.void().last().unwrap(), &("5-nobody".to_owned(), VoidReason::NotEntitled), "without a stamp");
    round.votes(6, "cid", "second", Verdict::Approve);
    assert!(round.walk().is_passed("second"));
}

/// The clock of the API server has seconds; within one, its resourceVersion tells what came first, and then the uid.
#[test]
fn r7_1_decisions_of_one_second_stand_in_the_order_in_which_they_were_made() {
    let both = |approve: (u64, &str), send_back: (u64, &str)| {
        let mut round = Round::of(two_gates());
        let mut decision = |(order, uid): (u64, &str), who: &str, verdict| {
            let mut made = fact(uid, 7, who, "clerk", "first", verdict);
            made.order = order;
            made.spec.digest = "first<>None".into();
            round.decisions.push(made);
        };
        decision(approve, "ann", Verdict::Approve);
        decision(send_back, "bob", Verdict::Return);
        let walk = round.walk();
        (walk.ended.is_some(), walk.is_passed("first"))
    };
    assert_eq!(both((1, "z"), (2, "a")), (false, true), "approved first, and the gate is closed");
    assert_eq!(both((2, "a"), (1, "z")), (true, false), "sent back first, and the round is over");
    assert_eq!(both((1, "a"), (1, "b")), (false, true));
    assert_eq!(both((1, "b"), (1, "a")), (true, false));
}

/// After a restore the versions, and even the seconds, may lie: what could not be accepted at first is tried again.
#[test]
fn a_decision_that_seems_to_come_too_early_counts_once_its_gate_is_open() {
    let mut round = Round::of(two_gates());
    round.votes(5, "ann", "first", Verdict::Approve).votes(9, "bob", "second", Verdict::Approve);
    round.decisions[1].at = at(3);
    round.decisions[1].order = 0;
    let walk = round.walk();
    assert_eq!(walk.counted.iter().map(|d| d.uid.as_str()).collect::<Vec<_>>(), ["5-ann", "9-bob"]);
    assert!(walk.void.is_empty() && walk.due_effects.contains_key(&Effect::Provision));
}

#[test]
fn r19_2_a_return_ends_the_round_with_what_it_recommends() {
    let mut round = Round::of(two_gates());
    round.votes(1, "ann", "first", Verdict::Approve);
    let mut back = fact("2-bob", 2, "bob", "head", "second", Verdict::Return);
    back.spec.grant = vec![LineAmount { line: "cpu".into(), quantity: 4 }];
    round.decides(back).votes(3, "cid", "second", Verdict::Approve);
    let walk = round.walk();
    let ended = walk.ended.unwrap();
    assert_eq!((ended.verdict, ended.gate.as_str(), ended.recommended[0].quantity), (Verdict::Return, "second", 4));
    assert!(walk.open.is_empty() && walk.due_effects.is_empty());
    assert_eq!(round.void(), [("3-cid".to_owned(), VoidReason::GateClosed)], "nobody votes it back to life");
}

#[test]
fn r7_1_only_what_stands_is_decided_upon() {
    let mut round = Round::of(two_gates());
    let mut wrong = |uid: &str, shape: &dyn Fn(&mut DecisionSpec)| {
        let mut made = fact(uid, 1, uid, "clerk", "first", Verdict::Approve);
        made.spec.digest = "first<>None".into();
        shape(&mut made.spec);
        round.decisions.push(made);
    };
    wrong("request", &|d| d.request_ref.uid = "another".into());
    wrong("round", &|d| d.submission_uid = Some("earlier".into()));
    wrong("content", &|d| d.digest = "first<seen>None".into());
    wrong("gate", &|d| d.gate = "third".into());
    wrong("early", &|d| (d.gate, d.role) = ("second".into(), "head".into()));
    wrong("role", &|d| d.role = "head".into());
    wrong("verdict", &|d| d.verdict = Verdict::Sign);
    let found: BTreeMap<String, VoidReason> = round.void().into_iter().collect();
    let expected = [
        ("content", VoidReason::OtherContent),
        ("early", VoidReason::GateNotOpen),
        ("gate", VoidReason::UnknownGate),
        ("request", VoidReason::OtherRequest),
        ("role", VoidReason::WrongRole),
        ("round", VoidReason::OtherSubmission),
        ("verdict", VoidReason::VerdictNotOffered),
    ];
    assert_eq!(found, expected.map(|(uid, reason)| (uid.to_owned(), reason)).into());
    assert_eq!(round.open(), ["first"], "nothing has moved");
    for void in round.walk().void {
        assert!(void.message.chars().any(|c| c > '\u{4e00}'), "no Chinese: {}", void.message);
    }
}

/// What was decided at one gate is part of what the next one sees: another decision there, another digest here.
#[test]
fn r7_1_a_gate_sees_who_decided_before_it_and_not_beside_it() {
    let approve = [Verdict::Approve];
    let mut round = Round::of(track(
        vec![
            gate("left", "a", &[], &approve),
            gate("right", "b", &[], &approve),
            gate("last", "c", &["left"], &approve),
            gate("beyond", "d", &["right"], &approve),
        ],
        &[(Effect::Provision, &["last", "beyond"])],
    ));
    assert_eq!(round.open(), ["left", "right"]);
    round.votes(1, "ann", "left", Verdict::Approve);
    let before = round.walk().open.iter().find(|o| o.gate == "last").unwrap().digest.clone();
    assert_eq!(before, "last<1-ann>None");
    round.votes(2, "bob", "right", Verdict::Approve);
    let after = round.walk().open.iter().find(|o| o.gate == "last").unwrap().digest.clone();
    assert_eq!(after, before, "what is beside it changes nothing");
}

/// However far back, and also where resources were opened in between.
#[test]
fn r7_1_a_gate_sees_everything_on_the_way_to_it() {
    let approve = [Verdict::Approve];
    let mut round = Round::of(track(
        vec![
            gate("first", "a", &[], &approve),
            gate("second", "b", &["first"], &approve),
            gate("third", "c", &["provision"], &approve),
            gate("last", "d", &["third"], &approve),
        ],
        &[(Effect::Provision, &["second"])],
    ));
    round.votes(1, "ann", "first", Verdict::Approve).votes(2, "bob", "second", Verdict::Approve);
    round.done.insert(Effect::Provision, at(3));
    round.votes(4, "cid", "third", Verdict::Approve);
    assert_eq!(round.walk().open[0].digest, "last<1-ann,2-bob,4-cid>None");
}

fn confirming(quorum: i32) -> Round {
    let mut size = gate("size", "head", &[], &[Verdict::Approve]);
    (size.confirms_amounts, size.quorum) = (true, Some(quorum));
    let mut round = Round::of(track(vec![size], &[(Effect::Provision, &["size"])]));
    round.asked = BTreeMap::from([("cpu".to_owned(), 8), ("disk".to_owned(), 100)]);
    round
}

fn confirms(round: &mut Round, second: i64, who: &str, amounts: &[(&str, i64)]) {
    let mut made = fact(&format!("{second}-{who}"), second, who, "head", "size", Verdict::Approve);
    made.spec.grant =
        amounts.iter().map(|(line, quantity)| LineAmount { line: (*line).to_owned(), quantity: *quantity }).collect();
    round.decides(made);
}

#[test]
fn r19_1_amounts_are_those_of_every_line_and_never_above_what_was_asked() {
    let wrong: &[&[(&str, i64)]] =
        &[&[], &[("cpu", 8)], &[("cpu", 8), ("disk", 100), ("gpu", 1)], &[("cpu", 9), ("disk", 100)]];
    for amounts in wrong {
        let mut round = confirming(1);
        confirms(&mut round, 1, "ann", amounts);
        assert_eq!(round.void(), [("1-ann".to_owned(), VoidReason::AmountsWrong)], "{amounts:?}");
        assert_eq!(round.walk().confirmed, None);
    }
    let mut round = confirming(1);
    confirms(&mut round, 1, "ann", &[("cpu", 0), ("disk", 100)]);
    assert_eq!(round.walk().confirmed, Some(BTreeMap::from([("cpu".to_owned(), 0), ("disk".to_owned(), 100)])));
}

#[test]
fn r19_1_a_quorum_agrees_on_the_same_amounts() {
    let mut round = confirming(2);
    confirms(&mut round, 1, "ann", &[("cpu", 4), ("disk", 100)]);
    confirms(&mut round, 2, "bob", &[("cpu", 8), ("disk", 100)]);
    assert_eq!(round.void(), [("2-bob".to_owned(), VoidReason::AmountsWrong)]);
    confirms(&mut round, 3, "cid", &[("disk", 100), ("cpu", 4)]);
    let walk = round.walk();
    assert_eq!(walk.passed.get("size"), Some(&at(3)));
    assert_eq!(walk.confirmed, Some(BTreeMap::from([("cpu".to_owned(), 4), ("disk".to_owned(), 100)])));
}

#[test]
fn r19_1_a_later_gate_may_confirm_less() {
    let mut round = confirming(1);
    let mut again = round.track.gates[0].clone();
    (again.name, again.after) = ("again".into(), vec!["size".into()]);
    round.track.gates.push(again);
    confirms(&mut round, 1, "ann", &[("cpu", 8), ("disk", 100)]);
    let mut less = fact("2-bob", 2, "bob", "head", "again", Verdict::Approve);
    less.spec.grant = [("cpu", 4), ("disk", 100)].map(|(line, n)| LineAmount { line: line.into(), quantity: n }).into();
    round.decides(less);
    assert_eq!((round.void(), round.walk().confirmed.unwrap()["cpu"]), (vec![], 4));
}

fn reporting(quorum: i32) -> Round {
    let mut report = gate("report", "tester", &[], &[Verdict::File]);
    (report.reports, report.quorum) = (vec!["Trial".into(), "Security".into()], Some(quorum));
    Round::of(track(vec![report], &[(Effect::GoLive, &["report"])]))
}

fn files(round: &mut Round, second: i64, who: &str, results: &[(&str, Option<TestResult>)]) {
    let mut made = fact(&format!("{second}-{who}"), second, who, "tester", "report", Verdict::File);
    made.spec.evidence = results
        .iter()
        .map(|(name, result)| Evidence { name: (*name).to_owned(), result: *result, ..Evidence::default() })
        .collect();
    round.decides(made);
}

const PASSED: Option<TestResult> = Some(TestResult::Passed);
const FAILED: Option<TestResult> = Some(TestResult::Failed);

#[test]
fn r20_1_only_reports_that_are_all_there_and_passed_pass_the_gate() {
    let mut round = reporting(1);
    files(&mut round, 1, "tom", &[("Trial", PASSED)]);
    files(&mut round, 2, "tom", &[("Trial", PASSED), ("Security", None)]);
    assert_eq!(round.void().iter().map(|v| v.1).collect::<Vec<_>>(), [VoidReason::ReportsMissing; 2]);
    // One that failed is on record, and passes nothing; the same person files again.
    files(&mut round, 3, "tom", &[("Trial", PASSED), ("Security", FAILED)]);
    assert_eq!(round.open(), ["report"]);
    assert_eq!(round.walk().counted[0].result, FAILED);
    files(&mut round, 4, "tom", &[("Trial", PASSED), ("Security", PASSED)]);
    assert_eq!(round.walk().passed.get("report"), Some(&at(4)));
}

#[test]
fn r20_1_filing_twice_is_no_second_person_and_the_newest_result_of_each_counts() {
    let all = |result| [("Trial", result), ("Security", result)];
    let mut round = reporting(2);
    files(&mut round, 1, "tom", &all(PASSED));
    files(&mut round, 2, "tom", &all(PASSED));
    assert_eq!((round.open(), round.walk().open[0].agreed), (vec!["report".to_owned()], 1));
    files(&mut round, 3, "tom", &all(FAILED));
    files(&mut round, 4, "una", &all(PASSED));
    assert_eq!(round.walk().open[0].agreed, 1, "tom found a fault since");
    files(&mut round, 5, "tom", &all(PASSED));
    assert_eq!(round.walk().passed.get("report"), Some(&at(5)));
}

fn withdraws(round: &mut Round, uid: &str, who: &str, role: &str, digest: &str) {
    let mut made = fact(uid, 5, who, role, GATE_WITHDRAWAL, Verdict::Withdraw);
    made.spec.digest = digest.into();
    round.decisions.push(made);
}

#[test]
fn r15_1_a_filing_is_taken_back_by_who_files_until_resources_are_granted() {
    let withdrawn = |who: &str, role: &str, digest: &str, shape: &dyn Fn(&mut Round)| {
        let mut round = Round::of(two_gates());
        round.votes(1, "ann", "first", Verdict::Approve);
        shape(&mut round);
        withdraws(&mut round, "back", who, role, digest);
        let walk = round.walk();
        walk.ended.map(|e| e.verdict).ok_or_else(|| walk.void[0].reason)
    };
    let nothing = |_: &mut Round| {};
    assert_eq!(withdrawn("unit", "unit", "filed", &nothing), Ok(Verdict::Withdraw));
    assert_eq!(withdrawn("colleague", "unit", "filed", &nothing), Ok(Verdict::Withdraw));
    assert_eq!(withdrawn("bob", "head", "filed", &nothing), Err(VoidReason::WrongRole));
    assert_eq!(withdrawn("ann", "unit", "filed", &nothing), Err(VoidReason::SecondRole));
    assert_eq!(withdrawn("unit", "unit", "other", &nothing), Err(VoidReason::OtherContent));
    let granted = |round: &mut Round| {
        round.settled = round.walk().counted;
    };
    assert_eq!(withdrawn("unit", "unit", "filed", &granted), Err(VoidReason::GateClosed));
}

/// What was counted when resources were granted stands, whatever happened to people since.
#[test]
fn r19_2_settled_decisions_stand_and_their_people_keep_their_roles() {
    let mut round = Round::of(two_gates());
    round.track.gates.push(gate("sign", "head", &["provision"], &[Verdict::Sign]));
    round.votes(1, "ann", "first", Verdict::Approve).votes(2, "bob", "second", Verdict::Approve);
    round.settled = round.walk().counted;
    round.done.insert(Effect::Provision, at(4));
    for decision in &mut round.decisions {
        decision.entitled = false;
    }
    assert_eq!(round.open(), ["sign"]);
    assert!(round.void().is_empty(), "they are not judged anew");
    // Even where their objects are gone.
    round.decisions.clear();
    assert_eq!((round.open(), round.walk().counted.len()), (vec!["sign".to_owned()], 2));
    round.votes(6, "ann", "sign", Verdict::Sign);
    assert_eq!(round.void(), [("6-ann".to_owned(), VoidReason::SecondRole)]);
    round.votes(7, "bob", "sign", Verdict::Sign);
    assert!(round.walk().is_passed("sign"));
}

#[test]
fn r15_2_a_gate_that_does_not_apply_is_passed_with_the_ones_before_it() {
    let mut round = Round::of(two_gates());
    round.track.gates[0].when = Some(Applies::HasSupervisor);
    assert_eq!(round.open(), ["second"]);
    assert_eq!(round.walk().passed.get("first"), Some(&at(0)), "with the filing");
    round.votes(1, "ann", "first", Verdict::Approve);
    assert_eq!(round.void(), [("1-ann".to_owned(), VoidReason::GateClosed)]);
    round.applies.push(Applies::HasSupervisor);
    assert_eq!(round.open(), ["first"]);
}

fn any_decision() -> impl Strategy<Value = DecisionFact> {
    let verdict = prop_oneof![4 => Just(Verdict::Approve), 1 => Just(Verdict::Return)];
    (0_i64..4, 0_u64..4, 0..3_usize, 0..2_usize, verdict, any::<bool>()).prop_map(
        |(second, order, who, which, verdict, blind)| {
            let (gate, role) = [("first", "clerk"), ("second", "head")][which];
            let who = ["ann", "bob", "cid"][who];
            let uid = format!("{second}-{order}-{who}-{which}-{verdict}");
            let mut made = fact(&uid, second, who, role, gate, verdict);
            made.order = order;
            made.spec.digest = if blind || which == 0 { "first<>None".into() } else { "second<?>None".into() };
            made
        },
    )
}

proptest! {
    /// Whatever order the watch brings decisions in, and however often: the walk is the same.
    #[test]
    fn the_order_in_which_decisions_are_read_changes_nothing(
        (decisions, shuffled) in proptest::collection::vec(any_decision(), 0..8)
            .prop_map(|mut all| {
                all.sort_by(|a, b| a.uid.cmp(&b.uid));
                all.dedup_by(|a, b| a.uid == b.uid);
                all
            })
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle()))
    ) {
        let mut one = Round::of(two_gates());
        one.decisions = decisions;
        // What somebody saw at the second gate is one of the decisions at the first.
        for at in 0..one.decisions.len() {
            if one.decisions[at].spec.digest == "second<?>None" {
                let seen = one.decisions.iter().find(|d| d.spec.gate == "first").map(|d| d.uid.clone());
                one.decisions[at].spec.digest = format!("second<{}>None", seen.unwrap_or_default());
            }
        }
        let mut other = Round::of(two_gates());
        other.decisions =
            shuffled.iter().map(|d| one.decisions.iter().find(|o| o.uid == d.uid).unwrap().clone()).collect();
        let (one, other) = (one.walk(), other.walk());
        prop_assert_eq!(&one.passed, &other.passed);
        prop_assert_eq!(&one.counted, &other.counted);
        prop_assert_eq!(&one.open, &other.open);
        prop_assert_eq!(&one.ended, &other.ended);
        prop_assert_eq!(&one.void, &other.void);
        // And every decision is told apart exactly once.
        prop_assert_eq!(one.counted.len() + one.void.len(), shuffled.len());
    }
}

#[test]
fn r20_1_what_a_record_has_no_room_for_gives_way() {
    let one = |n: usize, result: Option<TestResult>| CountedDecision {
        uid: n.to_string(),
        result,
        ..CountedDecision::default()
    };
    let uids = |walk: &Walk| walk.on_record(|d| d.uid == "0").iter().map(|d| d.uid.clone()).collect::<Vec<_>>();
    let failed = |n: usize| one(n, n.is_multiple_of(2).then_some(TestResult::Failed));
    // What is on record already is left out, and what fits is kept as it is.
    let mut walk = Walk { counted: (0..=bounds::DECISIONS).map(failed).collect(), ..Walk::default() };
    assert_eq!(uids(&walk), (1..=bounds::DECISIONS).map(|n| n.to_string()).collect::<Vec<_>>());
    // The oldest reports of a failure first.
    walk.counted.extend([failed(1001), failed(1002)]);
    let kept = uids(&walk);
    assert_eq!((kept.len(), kept[0].as_str(), kept[1].as_str()), (bounds::DECISIONS, "1", "3"));
    assert!(kept.contains(&"1001".to_owned()) && kept.contains(&"1002".to_owned()) && !kept.contains(&"4".to_owned()));
    // Then what is oldest.
    let walk = Walk { counted: (1..=bounds::DECISIONS + 3).map(|n| one(n, None)).collect(), ..Walk::default() };
    assert_eq!((uids(&walk).len(), uids(&walk)[0].as_str()), (bounds::DECISIONS, "4"));
}

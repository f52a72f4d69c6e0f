//! People decide through the plugin, by hand, and under each other's names: what was asked for last, and was sound, stands.

use super::super::acts::{self, Prospect};
use super::*;

/// What somebody wants, before it has a digest.
#[derive(Clone, Debug)]
struct Wish {
    who: usize,
    gate: usize,
    verdict: Verdict,
    units: i64,
    result: TestResult,
    comment: Option<&'static str>,
}

#[derive(Clone, Debug)]
enum Step {
    /// Somebody uses the plugin.
    Plugin(Wish),
    /// Somebody uses the plugin in another window at the same moment: each has looked before the other has made anything.
    Twice(Wish),
    /// Somebody makes a decision by hand, under a name of their own.
    ByHand(Wish, bool),
    /// Somebody takes the names that another one's decision would have.
    Squats { by: Wish, victim: Wish, names: usize },
}

const PEOPLE: [(&str, &str); 5] =
    [("ann", "head"), ("bob", "head"), ("tom", "tester"), ("una", "tester"), ("cid", "clerk")];
const GATES: [&str; 3] = ["first", "size", "report"];

/// A gate that asks for a reason, one of two people who confirm amounts, and one where reports are filed by two.
fn round() -> Round {
    let mut first = gate("first", "clerk", &[], &[Verdict::Approve, Verdict::Return]);
    first.requires_reason = true;
    let mut size = gate("size", "head", &["first"], &[Verdict::Approve, Verdict::Return]);
    (size.confirms_amounts, size.quorum) = (true, Some(2));
    let mut report = gate("report", "tester", &[], &[Verdict::File]);
    (report.reports, report.quorum) = (vec!["Trial".into()], Some(2));
    let mut round = Round::of(track(vec![first, size, report], &[(Effect::Provision, &["size"])]));
    round.asked = BTreeMap::from([("cpu".to_owned(), 8)]);
    round
}

fn wish() -> impl Strategy<Value = Wish> {
    let verdict = prop_oneof![6 => Just(None), 1 => Just(Some(Verdict::Return)), 1 => Just(Some(Verdict::Sign))];
    let comment = prop_oneof![Just(None), Just(Some(" ")), Just(Some("fits")), Just(Some("mend it"))];
    let result = prop_oneof![Just(TestResult::Passed), Just(TestResult::Failed)];
    (0..PEOPLE.len(), 0..GATES.len(), verdict, 7_i64..10, result, comment).prop_map(
        |(who, gate, verdict, units, result, comment)| {
            // Mostly where they belong.
            let gate = if units == 9 && gate == 0 { gate } else { [1, 1, 2, 2, 0][who] };
            let plain = if GATES[gate] == "report" { Verdict::File } else { Verdict::Approve };
            Wish { who, gate, verdict: verdict.unwrap_or(plain), units, result, comment }
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => wish().prop_map(Step::Plugin),
        1 => wish().prop_map(Step::Twice),
        2 => (wish(), any::<bool>()).prop_map(|(wish, stale)| Step::ByHand(wish, stale)),
        2 => (wish(), wish(), 1..12_usize).prop_map(|(by, victim, names)| Step::Squats { by, victim, names }),
    ]
}

/// What the plugin answers.
#[derive(Clone, Debug, PartialEq)]
enum Answer {
    /// It was made, or had been.
    Done(Box<DecisionSpec>),
    /// It was not.
    Refused,
}

/// The API server: names are taken once.
struct Server {
    round: Round,
    second: i64,
}

impl Server {
    /// What is made of a wish; the digest is that of the gate as it stands.
    fn wanted(&self, wish: &Wish) -> DecisionFact {
        let (who, role) = PEOPLE[wish.who];
        let mut made = fact("new", self.second + 1, who, role, GATES[wish.gate], wish.verdict);
        let open = self.round.walk().open;
        let shown = open.iter().find(|o| o.gate == GATES[wish.gate]).map(|o| o.digest.clone());
        made.spec.digest = shown.unwrap_or_default();
        made.spec.comment = wish.comment.map(str::to_owned);
        if GATES[wish.gate] == "size" {
            made.spec.grant = vec![LineAmount { line: "cpu".into(), quantity: wish.units }];
        }
        if wish.verdict == Verdict::File {
            let report = Evidence { name: "Trial".into(), result: Some(wish.result), ..Evidence::default() };
            made.spec.evidence = vec![report];
        }
        made
    }

    /// Makes it, unless something is there under this name.
    fn create(&mut self, mut decision: DecisionFact, name: &str) -> Option<DecisionFact> {
        if let Some(there) = self.round.decisions.iter().find(|d| d.name == name) {
            return Some(there.clone());
        }
        self.second += 1;
        (decision.name, decision.uid) = (name.to_owned(), format!("uid-{}", self.second));
        (decision.at, decision.order) = (at(self.second), self.second.unsigned_abs());
        self.round.decisions.push(decision);
        None
    }

    /// What the plugin does once it has looked.
    fn make(&mut self, wanted: &DecisionFact, known: &[DecisionFact]) -> Answer {
        let (prospect, who) = (self.prospect(wanted, known), person(wanted));
        match prospect {
            Some(done) if done => return Answer::Done(Box::new(wanted.spec.clone())),
            Some(_) => {}
            None => return Answer::Refused,
        }
        for name in acts::names(&wanted.spec, &who, &format!("salt-{}", self.second)) {
            match self.create(wanted.clone(), &name) {
                None => return Answer::Done(Box::new(wanted.spec.clone())),
                Some(there) if acts::is_this(&wanted.spec, &there, known) => {
                    return Answer::Done(Box::new(wanted.spec.clone()));
                }
                Some(_) => {}
            }
        }
        Answer::Refused
    }

    /// Whether it was done before; nothing where it would be void.
    fn prospect(&self, wanted: &DecisionFact, known: &[DecisionFact]) -> Option<bool> {
        let walk = self.round.looked_at(|track, subject| walk(track, subject, known, &digest));
        let is_void = |d: &DecisionFact| walk.void.iter().any(|void| void.name == d.name);
        self.round.looked_at(|track, subject| match acts::prospect(track, subject, &walk, known, wanted, is_void) {
            Prospect::Done(_) => Some(true),
            Prospect::Counts => Some(false),
            Prospect::Void(_) => None,
        })
    }

    fn plugin(&mut self, wish: &Wish) -> Answer {
        let (wanted, known) = (self.wanted(wish), self.round.decisions.clone());
        self.make(&wanted, &known)
    }

    /// The last decision of somebody at a gate that counts.
    fn last(&self, who: &str, gate: &str) -> Option<DecisionSpec> {
        let counted = self.round.walk().counted;
        let last = counted.iter().rfind(|d| d.person == who && d.gate == gate)?;
        self.round.decisions.iter().find(|d| d.uid == last.uid).map(|d| d.spec.clone())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Whatever was done before, by whomever, and under whatever names: what the plugin says is done, stands; what it refuses
    /// makes nothing; and nobody who could decide is kept from it by a name.
    #[test]
    fn the_last_sound_act_through_the_plugin_stands(steps in proptest::collection::vec(step(), 1..30)) {
        let mut server = Server { round: round(), second: 0 };
        for step in steps {
            let before = server.round.decisions.len();
            match step {
                Step::Plugin(wish) => {
                    let wanted = server.wanted(&wish);
                    let judge = |track: &Track, subject: &Subject<'_>| foresee(track, subject, &server.round.walk(), &wanted);
                    let sound = server.round.looked_at(judge).is_ok();
                    let answer = server.plugin(&wish);
                    let (who, gate) = (PEOPLE[wish.who].0, GATES[wish.gate]);
                    match answer {
                        Answer::Done(spec) => {
                            let last = server.last(who, gate);
                            let said = last.is_some_and(|last| acts::say_the_same(&last, &spec));
                            prop_assert!(said, "{who} at {gate}: {spec:?}");
                        }
                        Answer::Refused => {
                            prop_assert!(!sound, "{wish:?} would have counted");
                            prop_assert_eq!(server.round.decisions.len(), before);
                        }
                    }
                    // Said again, it is said to be done, and makes nothing.
                    if server.last(who, gate).is_some_and(|last| acts::say_the_same(&last, &wanted.spec)) {
                        let there = server.round.decisions.len();
                        prop_assert_eq!(server.make(&wanted, &server.round.decisions.clone()), Answer::Done(Box::new(wanted.spec)));
                        prop_assert_eq!(server.round.decisions.len(), there);
                    }
                }
                Step::Twice(wish) => {
                    let (wanted, known) = (server.wanted(&wish), server.round.decisions.clone());
                    let both = [server.make(&wanted, &known), server.make(&wanted, &known)];
                    prop_assert_eq!(&both[0], &both[1]);
                    let taken = |name: &String| server.round.decisions.iter().any(|d| d.name == *name);
                    let crowded = acts::names(&wanted.spec, PEOPLE[wish.who].0, "").take(9).all(|name| taken(&name));
                    prop_assert!(crowded || server.round.decisions.len() <= before + 1, "the second finds the first");
                }
                Step::ByHand(wish, stale) => {
                    let mut made = server.wanted(&wish);
                    if stale {
                        made.spec.digest = "stale".into();
                    }
                    let name = format!("by-hand-{before}");
                    prop_assert!(server.create(made, &name).is_none());
                }
                Step::Squats { by, victim, names } => {
                    let (made, foreseen) = (server.wanted(&by), server.wanted(&victim).spec);
                    for name in acts::names(&foreseen, PEOPLE[victim.who].0, "guessed").take(names) {
                        let _taken = server.create(made.clone(), &name);
                    }
                }
            }
        }
    }

    /// A decision that does not count keeps its reason, whatever is decided after it.
    #[test]
    fn the_reason_of_a_void_decision_stays(steps in proptest::collection::vec((wish(), any::<bool>()), 1..20)) {
        let mut server = Server { round: round(), second: 0 };
        let mut said: BTreeMap<String, VoidReason> = BTreeMap::new();
        for (wish, stale) in steps {
            let mut made = server.wanted(&wish);
            if stale {
                made.spec.digest = "stale".into();
            }
            let name = format!("by-hand-{}", server.second);
            prop_assert!(server.create(made, &name).is_none());
            for (name, reason) in server.round.void() {
                let first = *said.entry(name.clone()).or_insert(reason);
                prop_assert_eq!(first, reason, "{}", name);
            }
            // And once what led to the grant is on record.
            let mut granted = Round { settled: server.round.walk().counted, ..round() };
            granted.decisions.clone_from(&server.round.decisions);
            granted.done.insert(Effect::Provision, at(server.second));
            if server.round.walk().due_effects.contains_key(&Effect::Provision) {
                prop_assert_eq!(granted.void(), server.round.void());
            }
        }
    }
}

#[test]
fn r20_1_a_report_that_failed_is_followed_by_one_that_passed() {
    let mut server = Server { round: round(), second: 0 };
    let file = |result| Wish { who: 2, gate: 2, verdict: Verdict::File, units: 0, result, comment: None };
    for result in [TestResult::Failed, TestResult::Failed, TestResult::Passed, TestResult::Failed, TestResult::Passed] {
        assert!(matches!(server.plugin(&file(result)), Answer::Done(_)));
        assert_eq!(server.last("tom", "report").unwrap().evidence[0].result, Some(result));
    }
    let results: Vec<_> = server.round.walk().counted.iter().map(|d| d.result).collect();
    assert_eq!(results, [FAILED, PASSED, FAILED, PASSED], "said twice, it is made once");
}

/// The moment at which it came to be void, not the one at which somebody looks.
#[test]
fn a_void_decision_is_judged_at_its_own_place() {
    let mut round = confirming(1);
    confirms(&mut round, 1, "ann", &[("cpu", 9), ("disk", 100)]);
    confirms(&mut round, 2, "bob", &[("cpu", 8), ("disk", 100)]);
    confirms(&mut round, 3, "cid", &[("cpu", 8), ("disk", 100)]);
    let told = [("1-ann".to_owned(), VoidReason::AmountsWrong), ("3-cid".to_owned(), VoidReason::GateClosed)];
    assert_eq!(round.void(), told);
    round.settled = round.walk().counted;
    round.done.insert(Effect::Provision, at(5));
    assert_eq!(round.void(), told, "nor once it is granted");
    round.decisions[0].entitled = false;
    assert_eq!(round.void(), told, "nor by who has left since");
}

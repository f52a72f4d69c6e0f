//! Who may grow for good (article 26, 达标方可申请): by evidence at the filing, or by somebody who vouches.

use super::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

const GATE: &str = "usage-evidence";

/// A third more, by a system of which this was found.
fn more(usage: Evidence) -> Changing {
    with(usage, Change { lines: lines(&[("cpu", 20)]), ..Change::default() })
}

fn with(usage: Evidence, change: Change) -> Changing {
    Changing { usage, ..Changing::of(live(), "more", change) }
}

fn not_eligible() -> Evidence {
    found(Finding::NotEligible, "WithinLimits")
}

fn unknown() -> Evidence {
    found(Finding::Unknown, "NoEndpoint")
}

fn grants(changing: &Changing) -> usize {
    changing.story.system.as_ref().unwrap().0.grants.len()
}

#[test]
fn r26_2_who_is_eligible_when_filing_is_not_asked_again_when_use_falls() {
    let mut filed = more(found(Finding::Eligible, "Storage")).filed();
    assert_eq!(filed.open(), ["evaluation"], "nobody needs to vouch");
    assert_eq!(filed.says(CONDITION_ELIGIBLE), ("Storage".into(), "figures of Storage".into()));
    for later in [not_eligible(), unknown()] {
        filed.usage = later;
        assert_eq!((filed.phase(), filed.open()), (ChangePhase::InReview, vec!["evaluation".to_owned()]));
    }
    filed.decides(AGENCY, "evaluation", Verdict::Approve).decides(AUTHORITY, "approval", Verdict::Approve);
    let granted = filed.operator_acts();
    assert_eq!(granted.phase(), ChangePhase::InEffect);
    let change = granted.story.system.as_ref().unwrap().0.grants.last().unwrap().change.clone().unwrap();
    let evidence = change.evidence.unwrap();
    assert_eq!((evidence.finding, evidence.reason.as_str()), (Finding::Eligible, "Storage"));
    assert_eq!(evidence.submission_uid, granted.decisions[0].uid);
}

#[test]
fn r26_2_who_is_not_eligible_is_refused_with_the_figures_and_no_way_around_and_can_file_again() {
    let draft = more(not_eligible());
    let (reason, message) = draft.says(CONDITION_ELIGIBLE);
    assert_eq!((draft.phase(), reason.as_str()), (ChangePhase::Draft, "NotEligible"), "a draft says so already");
    for words in ["figures of WithinLimits", "第二十六条", "file it again once one is", "达标后可重新提交"]
    {
        assert!(message.contains(words), "{words}: {message}");
    }
    // Asking for more than is needed, or for a time, is no way round the rule.
    for words in ["window", "major", "percent", "emergency", "重大变更", "临时扩容", "应急扩容"] {
        assert!(!message.contains(words), "{words}: {message}");
    }
    let mut refused = draft.filed();
    assert_eq!((refused.phase(), refused.says(CONDITION_READY).0.as_str()), (ChangePhase::Refused, "NotEligible"));
    assert_eq!(refused.says(CONDITION_ELIGIBLE).1, message);
    refused.decides(AGENCY, "evaluation", Verdict::Approve).decides(AUTHORITY, "approval", Verdict::Approve);
    let mut refused = refused.operator_acts();
    assert_eq!((refused.phase(), grants(&refused)), (ChangePhase::Refused, 1), "whatever people decide");
    refused.usage = found(Finding::Eligible, "MemoryPeaks");
    assert_eq!(refused.phase(), ChangePhase::Refused, "it was not eligible when it was filed");
    assert_eq!(refused.open(), [GATE_SUBMISSION]);
    let again = refused.approved().operator_acts();
    assert_eq!((again.phase(), grants(&again)), (ChangePhase::InEffect, 2));
    let mut story = live();
    let policy = story.registry.policies.iter_mut().find(|p| p.name == "bozhou-2024").unwrap();
    policy.spec.changes.as_mut().unwrap().tracks.emergency = None;
    let change = Change { lines: lines(&[("cpu", 20)]), ..Change::default() };
    let without = Changing { usage: not_eligible(), ..Changing::of(story, "more", change) };
    assert!(!without.says(CONDITION_ELIGIBLE).1.contains("emergency"), "a way that there is not is not named");
}

#[test]
fn r26_2_where_use_is_unknown_the_agency_vouches_with_a_reason_on_record() {
    let draft = more(unknown());
    let (reason, message) = draft.says(CONDITION_ELIGIBLE);
    assert_eq!(reason, "NoEndpoint");
    assert!(message.contains("agency vouches") && message.contains(GATE), "{message}");
    assert!(draft.plan().prospect.unwrap().applies.contains(&Applies::UsageUnknown));
    let mut filed = draft.filed();
    assert_eq!(filed.open(), [GATE]);
    filed.usage = found(Finding::Eligible, "Storage");
    assert_eq!(filed.open(), [GATE], "the gate does not vanish");
    filed.usage = not_eligible();
    let mut silent = filed.draft(AGENCY, GATE, Verdict::Approve);
    silent.spec.comment = None;
    filed.decisions.push(silent);
    assert_eq!(filed.plan().status.void_decisions[0].reason, VoidReason::ReasonMissing);
    let granted = filed_on(filed).operator_acts();
    assert_eq!(granted.phase(), ChangePhase::InEffect);
    let grant = granted.story.system.as_ref().unwrap().0.grants.last().unwrap().clone();
    assert_eq!(grant.decisions[0].gate, GATE);
    assert_eq!(grant.change.unwrap().evidence.unwrap().finding, Finding::Unknown);
    assert!(granted.open().is_empty());
}

/// The agency vouches, and the rest follows.
fn filed_on(mut filed: Changing) -> Changing {
    filed.decides(AGENCY, GATE, Verdict::Approve).decides(AGENCY, "evaluation", Verdict::Approve).decides(
        AUTHORITY,
        "approval",
        Verdict::Approve,
    );
    filed
}

#[test]
fn r26_2_nobody_else_vouches_and_who_is_sent_back_is_looked_at_anew() {
    let mut filed = more(unknown()).filed();
    let by_unit = filed.draft(UNIT, GATE, Verdict::Approve);
    filed.decisions.push(by_unit);
    filed.decides(AGENCY, "evaluation", Verdict::Approve);
    assert_eq!(filed.open(), [GATE], "nor is the gate passed by deciding at another");
    let mut rejected = more(unknown()).filed();
    rejected.decides(AGENCY, GATE, Verdict::Reject);
    rejected.decides(AGENCY, "evaluation", Verdict::Approve).decides(AUTHORITY, "approval", Verdict::Approve);
    let rejected = rejected.operator_acts();
    assert_eq!((rejected.phase(), grants(&rejected)), (ChangePhase::Rejected, 1));
    let mut returned = more(unknown()).filed();
    returned.decides(AGENCY, GATE, Verdict::Return);
    assert_eq!(returned.phase(), ChangePhase::Returned);
    returned.usage = not_eligible();
    assert_eq!(returned.phase(), ChangePhase::Returned);
    returned = returned.filed();
    assert_eq!(returned.phase(), ChangePhase::Refused, "by what is found now");
    returned.usage = found(Finding::Eligible, "MemoryMean");
    let granted = returned.approved().operator_acts();
    assert_eq!((granted.phase(), granted.plan().status.round), (ChangePhase::InEffect, 3));
}

#[test]
fn r26_2_what_was_found_is_kept_while_something_else_stands_in_the_way() {
    let mut filed = more(found(Finding::Eligible, "Storage")).filed();
    let pinned = filed.pinned.clone();
    assert!(pinned.is_some());
    filed.usage = not_eligible();
    let unit = filed.story.organization.clone();
    let organization = filed.story.registry.organizations.remove(&unit).unwrap();
    assert_eq!(filed.told().says(CONDITION_STALLED).0, "OrganizationMissing");
    filed.story.registry.organizations.insert(unit, organization);
    let text = std::mem::replace(&mut filed.change.reason, "别的理由".into());
    assert_eq!(filed.told().says(CONDITION_ELIGIBLE).0, "NotEligible", "an edited text would be filed anew");
    filed.change.reason = text;
    assert_eq!((filed.told().phase(), &filed.pinned), (ChangePhase::InReview, &pinned));
}

#[test]
fn r26_2_only_growth_for_good_on_the_light_track_is_asked() {
    let change = |wanted: &[(&str, i64)]| Change { lines: lines(wanted), ..Change::default() };
    let ground = |ground, wanted: &[(&str, i64)]| Change { ground, ..change(wanted) };
    let (peak, from) = (ChangeGround::ForeseeablePeak, time("2026-12-01T00:00:00Z"));
    let window = Some(Window { from, until: time("2026-12-18T16:00:00Z") });
    let free = [
        ("major", change(&[("cpu", 40)])),
        ("less", change(&[("cpu", 12)])),
        ("cancelled", ground(ChangeGround::Cancellation, &[("internet", 0)])),
        ("bandwidth", change(&[("internet", 60)])),
        ("window", Change { window, ..ground(peak, &[("cpu", 24)]) }),
        ("emergency", ground(ChangeGround::Emergency, &[("cpu", 24)])),
        ("reduction", ground(ChangeGround::Reduction, &[("cpu", 12)])),
    ];
    for (name, change) in free {
        let draft = with(not_eligible(), change);
        let plan = draft.plan();
        assert!(plan.conditions.iter().all(|c| c.type_ != CONDITION_ELIGIBLE), "{name}");
        assert_eq!(plan.prospect.unwrap().evidence, None, "{name}");
    }
    let asked = [
        ("adjustment", change(&[("cpu", 20)])),
        ("standard", ground(ChangeGround::StandardExpansion, &[("memory", 40)])),
        ("one up, one down", change(&[("cpu", 12), ("memory", 40)])),
        ("storage", change(&[("disk", 600)])),
    ];
    for (name, change) in asked {
        assert_eq!(with(not_eligible(), change).says(CONDITION_ELIGIBLE).0, "NotEligible", "{name}");
    }
    let mut story = live();
    let policy = story.registry.policies.iter_mut().find(|p| p.name == "bozhou-2024").unwrap();
    policy.spec.usage = None;
    let silent = Changing { usage: unknown(), ..Changing::of(story, "more", change(&[("cpu", 20)])) }.filed();
    assert_eq!(silent.open(), ["evaluation"], "rules that judge no use ask for none");
}

#[test]
fn r26_4_what_an_emergency_gave_is_made_good_without_evidence_and_more_than_that_is_not() {
    let emergency = Change { ground: ChangeGround::Emergency, lines: lines(&[("cpu", 20)]), ..Change::default() };
    let mut bottleneck = Changing::of(live(), "bottleneck", emergency);
    for (who, gate, verdict) in [
        (PROVIDER, GATE_SUBMISSION, Verdict::Submit),
        (AGENCY, "agency-consent", Verdict::Approve),
        (UNIT, "unit-consent", Verdict::Approve),
    ] {
        bottleneck.decides(who, gate, verdict);
    }
    let bottleneck = bottleneck.operator_acts();
    let annex = |cpu: i64| Change {
        ground: ChangeGround::Emergency,
        settles: Some("bottleneck".into()),
        lines: lines(&[("cpu", cpu)]),
        ..Change::default()
    };
    let settles = |cpu: i64| {
        let mut story = live();
        story.system.clone_from(&bottleneck.story.system);
        let mut of = Changing { usage: not_eligible(), ..Changing::of(story, "annex", annex(cpu)) };
        of.now = bottleneck.now;
        of.filed()
    };
    assert_eq!(settles(20).open(), ["evaluation"]);
    assert_eq!(settles(21).phase(), ChangePhase::Refused);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Use turns.
    Use(Finding),
    /// Whoever is asked agrees.
    Onward,
    /// Somebody decides something, asked or not.
    Decides(usize),
    /// The operator writes the status.
    Told,
    /// What it wrote is lost, or it died before it wrote.
    Forgotten,
    /// It puts on record what is approved.
    Granted,
}

const PEOPLE: [(&str, &str, Verdict); 8] = [
    (UNIT, GATE_SUBMISSION, Verdict::Submit),
    (AGENCY, GATE, Verdict::Approve),
    (AGENCY, GATE, Verdict::Return),
    (UNIT, GATE, Verdict::Approve),
    (AGENCY, "evaluation", Verdict::Approve),
    (AGENCY, "evaluation", Verdict::Return),
    (AUTHORITY, "approval", Verdict::Approve),
    (AUTHORITY, "approval", Verdict::Return),
];

fn step() -> impl Strategy<Value = Step> {
    let finding = prop_oneof![Just(Finding::Eligible), Just(Finding::NotEligible), Just(Finding::Unknown)];
    prop_oneof![
        3 => finding.prop_map(Step::Use),
        8 => Just(Step::Onward),
        3 => (0..PEOPLE.len()).prop_map(Step::Decides),
        2 => Just(Step::Told),
        1 => Just(Step::Forgotten),
        2 => Just(Step::Granted),
    ]
}

impl Changing {
    fn take(mut self, step: Step) -> Self {
        let decided = match step {
            Step::Use(finding) => {
                self.usage = found(finding, "Turned");
                None
            }
            Step::Onward => {
                let open = self.open();
                PEOPLE.into_iter().find(|(_, gate, _)| open.first().is_some_and(|first| first == gate))
            }
            Step::Decides(person) => Some(PEOPLE[person]),
            Step::Told => {
                self.told();
                None
            }
            Step::Forgotten => {
                self.pinned = None;
                None
            }
            Step::Granted => return self.operator_acts(),
        };
        if let Some((who, gate, verdict)) = decided {
            self.now = self.now.checked_add(1.minute()).unwrap();
            let decision = self.draft(who, gate, verdict);
            self.decisions.push(decision);
        }
        self
    }
}

/// Whatever people do, however use turns, and whether the operator dies before it writes or loses what it wrote.
#[test]
fn r26_2_nothing_grows_for_good_without_evidence_or_somebody_who_vouched() {
    let mut runner = TestRunner::deterministic();
    let histories = proptest::collection::vec(step(), 1..32);
    let (mut by_evidence, mut by_word, mut refused) = (0, 0, 0);
    for _ in 0..160 {
        let mut changing = more(unknown());
        let steps = histories.new_tree(&mut runner).unwrap().current();
        for step in &steps {
            changing = changing.take(*step);
            let plan = changing.plan();
            assert_eq!(plan.status, changing.plan().status, "a replay says the same: {steps:?}");
            if let (Some(now), Some(then)) = (&plan.status.evidence, &changing.pinned) {
                assert!(now == then || now.submission_uid != then.submission_uid, "it stays for its filing: {steps:?}");
            }
            refused += usize::from(plan.status.phase == ChangePhase::Refused);
        }
        for grant in &changing.story.system.as_ref().unwrap().0.grants[1..] {
            let evidence = grant.change.as_ref().unwrap().evidence.as_ref().unwrap();
            assert_eq!(evidence.submission_uid, grant.submission_uid);
            let word =
                grant.decisions.iter().any(|d| d.gate == GATE && d.role == "agency" && d.verdict == Verdict::Approve);
            assert!(
                evidence.finding == Finding::Eligible || (evidence.finding == Finding::Unknown && word),
                "{steps:?}"
            );
            by_evidence += usize::from(evidence.finding == Finding::Eligible);
            by_word += usize::from(evidence.finding == Finding::Unknown);
        }
    }
    println!("granted by evidence {by_evidence}, by the agency's word {by_word}; refused at {refused} steps");
    assert!(by_evidence >= 8 && by_word >= 8 && refused >= 8, "{by_evidence} {by_word} {refused}");
}

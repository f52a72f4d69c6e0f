//! Gates at which somebody is only heard: any opinion passes them, and so does silence.

use super::*;

/// Two who are heard, side by side, and one who decides after both.
fn hearing() -> Round {
    let opinions = [Verdict::Approve, Verdict::Reject];
    let heard =
        |name: &str, role: &str| Gate { hearing: true, due_work_days: Some(5), ..gate(name, role, &[], &opinions) };
    let gates = vec![
        heard("unit", "unit-head"),
        heard("provider", "provider"),
        gate("decide", "head", &["unit", "provider"], &opinions),
    ];
    Round::of(track(gates, &[(Effect::Provision, &["decide"])]))
}

#[test]
fn r26_5_any_opinion_passes_a_hearing_and_ends_nothing() {
    let mut round = hearing();
    round.decides(fact("u", 10, "zhang", "unit-head", "unit", Verdict::Reject));
    round.decides(fact("p", 20, "liu", "provider", "provider", Verdict::Approve));
    let walk = round.walk();
    assert_eq!((walk.ended.as_ref(), walk.open.len(), walk.open[0].gate.as_str()), (None, 1, "decide"));
    assert_eq!((walk.passed["unit"], walk.passed["provider"], walk.open[0].since), (at(10), at(20), at(20)));
    assert_eq!(walk.counted.iter().map(|d| d.verdict).collect::<Vec<_>>(), [Verdict::Reject, Verdict::Approve]);
    round.decides(fact("h", 30, "li", "head", "decide", Verdict::Reject));
    assert_eq!(round.walk().ended.map(|e| e.gate), Some("decide".to_owned()), "who decides ends it");
}

#[test]
fn r26_5_silence_passes_a_hearing_when_it_is_due_and_not_before() {
    let mut round = hearing();
    round.decides(fact("u", 10, "zhang", "unit-head", "unit", Verdict::Approve));
    for now in [None, Some(99)] {
        round.now = now;
        assert_eq!(round.walk().open.iter().map(|o| o.gate.as_str()).collect::<Vec<_>>(), ["provider"], "{now:?}");
    }
    round.now = Some(100);
    let walk = round.walk();
    assert_eq!((walk.passed["provider"], walk.open[0].gate.as_str(), walk.open[0].since), (at(100), "decide", at(100)));
}

#[test]
fn r26_5_an_opinion_in_time_counts_whenever_it_is_looked_at_and_a_late_one_never() {
    let mut round = hearing();
    round.now = Some(99);
    round.decides(fact("p", 90, "liu", "provider", "provider", Verdict::Reject));
    let mut late = fact("u", 110, "zhang", "unit-head", "unit", Verdict::Approve);
    late.spec.digest = round.walk().open[0].digest.clone();
    round.decisions.push(late);
    round.now = Some(1000);
    let walk = round.walk();
    assert_eq!((walk.passed["provider"], walk.passed["unit"]), (at(90), at(100)));
    assert_eq!(walk.counted.iter().map(|d| d.uid.as_str()).collect::<Vec<_>>(), ["p"]);
    assert_eq!(
        walk.void.iter().map(|v| (v.name.as_str(), v.reason)).collect::<Vec<_>>(),
        [("u", VoidReason::GateClosed)]
    );
}

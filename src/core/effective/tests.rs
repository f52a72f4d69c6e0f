//! Computed by rule, or recomputed second by second: the same.

use super::*;
use crate::api::cloud_resource_request::CountedDecision;
use crate::api::common::{Quantity, Time};
use crate::api::information_system::{Closed, GrantedChange, Term, Terms};
use crate::core::quantity::Amount;
use proptest::prelude::*;

const CPU: &str = "requests.cpu";

fn second(n: i64) -> Timestamp {
    Timestamp::from_second(n).unwrap()
}

fn grant(uid: usize, amount: i64, from: i64) -> Grant {
    Grant {
        submission_uid: uid.to_string(),
        amounts: [(CPU.to_owned(), Quantity(amount.to_string()))].into(),
        effective_from: Time::new(second(from)),
        ..Grant::default()
    }
}

fn change(settles: Option<usize>) -> GrantedChange {
    GrantedChange { settles: settles.map(|uid| uid.to_string()), ..GrantedChange::default() }
}

fn term(until: Option<i64>) -> Term {
    Term { until: until.map(|at| Time::new(second(at))), extends: None }
}

/// What happens to a system, in the order in which it is put on record.
#[derive(Clone, Debug)]
enum Event {
    /// Amount, and how long after the last permanent change it takes effect.
    Permanent(i64, i64),
    /// Amount, start, length.
    Window(i64, i64, i64),
    /// Amount, start.
    Emergency(i64, i64),
    /// The newest emergency is made good by a permanent change of this amount, so much later.
    Settles(i64, i64),
    /// The newest emergency ends at this moment.
    Closes(i64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..9_i64, 0..12_i64).prop_map(|(amount, after)| Event::Permanent(amount, after)),
        (1..9_i64, 0..40_i64, 1..20_i64).prop_map(|(amount, from, length)| Event::Window(amount, from, length)),
        (1..9_i64, 0..40_i64).prop_map(|(amount, from)| Event::Emergency(amount, from)),
        (0..9_i64, 0..12_i64).prop_map(|(amount, after)| Event::Settles(amount, after)),
        (0..60_i64).prop_map(Event::Closes),
    ]
}

/// The record that the events make.
fn record(events: &[Event]) -> InformationSystemSpec {
    let mut spec = InformationSystemSpec { grants: vec![grant(0, 5, 0)], ..InformationSystemSpec::default() };
    let (mut last, mut emergency) = (0, None);
    for (n, event) in (1..).zip(events) {
        match *event {
            Event::Permanent(amount, after) => {
                last += after;
                spec.grants.push(Grant { change: Some(change(None)), ..grant(n, amount, last) });
            }
            Event::Window(amount, from, length) => {
                let window = Grant {
                    change: Some(change(None)),
                    term: Some(term(Some(from + length))),
                    ..grant(n, amount, from)
                };
                spec.grants.push(window);
            }
            Event::Emergency(amount, from) => {
                spec.grants.push(Grant {
                    change: Some(change(None)),
                    term: Some(term(None)),
                    ..grant(n, amount, from)
                });
                emergency = Some(n);
            }
            Event::Settles(amount, after) => {
                last += after;
                spec.grants.push(Grant { change: Some(change(emergency.take())), ..grant(n, amount, last) });
            }
            Event::Closes(at) => {
                if let Some(uid) = emergency.take() {
                    let at = Time::new(second(at));
                    spec.closed.push(Closed { submission_uid: uid.to_string(), at, ..Closed::default() });
                }
            }
        }
    }
    spec
}

/// By hand: the last permanent change that has taken effect, and every window that is open.
fn by_hand(events: &[Event], at: i64) -> i64 {
    let (mut base, mut last, mut extra) = (5, 0, 0);
    let mut emergencies: Vec<(usize, i64, i64, Option<i64>)> = Vec::new();
    let mut newest: Option<usize> = None;
    for (n, event) in events.iter().enumerate() {
        match *event {
            Event::Permanent(amount, after) => {
                last += after;
                base = if last <= at { amount } else { base };
            }
            Event::Window(amount, from, length) => {
                extra += if (from..from + length).contains(&at) { amount } else { 0 }
            }
            Event::Emergency(amount, from) => {
                emergencies.push((n, amount, from, None));
                newest = Some(n);
            }
            Event::Settles(amount, after) => {
                last += after;
                base = if last <= at { amount } else { base };
                let made_good = newest.take();
                emergencies.iter_mut().filter(|e| Some(e.0) == made_good).for_each(|e| e.3 = Some(last));
            }
            Event::Closes(end) => {
                let closed = newest.take();
                emergencies.iter_mut().filter(|e| Some(e.0) == closed).for_each(|e| e.3 = Some(end));
            }
        }
    }
    let open = emergencies.iter().filter(|(_, _, from, end)| *from <= at && end.is_none_or(|end| at < end));
    base + extra + open.map(|(_, amount, ..)| amount).sum::<i64>()
}

proptest! {
    #[test]
    fn r22_3_what_is_effective_is_what_counting_second_by_second_gives(events in prop::collection::vec(event(), 0..12)) {
        let spec = record(&events);
        let mut before: Option<i64> = None;
        let moments = moments(&spec);
        for at in 0..90 {
            let now = by_hand(&events, at);
            prop_assert_eq!(amounts_at(&spec, second(at)).unwrap().get(CPU), Amount::units(now), "at {}", at);
            // Whatever changes is announced: nobody has to look every second.
            prop_assert!(before.is_none_or(|before| before == now) || moments.contains(&second(at)), "at {}", at);
            before = Some(now);
        }
        // From before anything was put on record.
        let most = (-1..50).map(|at| by_hand(&events, at)).max().unwrap();
        prop_assert_eq!(most_until(&spec, second(49)).unwrap().get(CPU), Amount::units(most));
    }
}

#[test]
fn r24_1_what_is_urgent_ends_or_goes_on_for_good_without_interruption() {
    let urgent = Grant { term: Some(term(Some(100))), ..grant(0, 4, 0) };
    let mut spec = InformationSystemSpec { grants: vec![urgent], ..InformationSystemSpec::default() };
    let cpus = |spec: &InformationSystemSpec, at| amounts_at(spec, second(at)).unwrap().get(CPU);
    assert_eq!(newest(&spec), None);
    assert_eq!(
        (cpus(&spec, -5), cpus(&spec, 99), cpus(&spec, 100)),
        (Amount::units(4), Amount::units(4), Amount::ZERO)
    );
    spec.grants.push(grant(1, 6, 50));
    assert_eq!(
        (cpus(&spec, 49), cpus(&spec, 50), cpus(&spec, 100)),
        (Amount::units(4), Amount::units(6), Amount::units(6))
    );
    assert_eq!(next_moment(&spec, second(0)), Some(second(50)));
}

#[test]
fn r24_1_an_extension_of_what_is_urgent_is_over_too_once_something_is_permanent() {
    let urgent = Grant { term: Some(term(Some(100))), ..grant(0, 4, 0) };
    let goes_on = Some(Term { until: Some(Time::new(second(200))), extends: Some("0".into()) });
    let extension = Grant { change: Some(change(None)), term: goes_on, ..grant(1, 4, 100) };
    let mut spec = InformationSystemSpec { grants: vec![urgent, extension], ..InformationSystemSpec::default() };
    assert_eq!(urgent_until(&spec), Some(second(200)));
    assert_eq!(urgent_filings(&spec).collect::<Vec<_>>(), ["0", "1"]);
    spec.grants.push(grant(2, 6, 150));
    let cpus = [99, 100, 149, 150, 200].map(|at| amounts_at(&spec, second(at)).unwrap().get(CPU));
    assert_eq!(cpus, [4, 4, 4, 6, 6].map(Amount::units));
    assert_eq!(urgent_until(&spec), None);
}

#[test]
fn r22_3_a_window_is_paid_for_from_its_start_to_its_end_and_both_are_announced() {
    let priced = |monthly: &str, quantity| {
        let terms = Terms { monthly_price: Money(monthly.into()), ..Terms::default() };
        vec![GrantedLine { quantity, terms: Some(terms), ..GrantedLine::default() }]
    };
    let base = Grant { lines: priced("10.50", 2), ..grant(0, 5, 0) };
    let window =
        Grant { lines: priced("0.1", 3), change: Some(change(None)), term: Some(term(Some(20))), ..grant(1, 1, 10) };
    let spec = InformationSystemSpec { grants: vec![base, window], ..InformationSystemSpec::default() };
    let fees = [9, 10, 19, 20].map(|at| fee_at(&spec, second(at)).unwrap().0);
    assert_eq!(fees, ["21", "21.3", "21.3", "21"]);
    assert_eq!(moments(&spec), [second(10), second(20)]);
    let turns = [9, 10, 20].map(|after| next_moment(&spec, second(after)));
    assert_eq!(turns, [Some(second(10)), Some(second(20)), None]);
}

#[test]
fn r22_1_what_was_decided_holds_though_the_operators_clock_is_behind() {
    let decided = |at| CountedDecision { at: Time::new(second(at)), ..CountedDecision::default() };
    let more = Grant { decisions: vec![decided(40), decided(50)], ..grant(1, 6, 50) };
    let mut spec = InformationSystemSpec { grants: vec![grant(0, 4, 0), more], ..InformationSystemSpec::default() };
    assert_eq!([20, 50, 60].map(|now| at_least(&spec, second(now))), [50, 50, 60].map(second));
    spec.closed.push(Closed { submission_uid: "1".into(), at: Time::new(second(70)), decision: decided(70) });
    assert_eq!(at_least(&spec, second(60)), second(70));
    assert_eq!(at_least(&InformationSystemSpec::default(), second(1)), second(1));
}

#[test]
fn what_cannot_be_read_is_an_error_and_never_nothing() {
    let mut odd = grant(0, 1, 0);
    odd.amounts.insert(CPU.to_owned(), Quantity("many".into()));
    let spec = InformationSystemSpec { grants: vec![odd], ..InformationSystemSpec::default() };
    assert_eq!(amounts_at(&spec, second(1)).unwrap_err().0, CPU);
}

#[test]
fn r19_2_a_record_that_is_full_takes_no_more_grants() {
    let mut spec = InformationSystemSpec { grants: vec![Grant::default(); 63], ..InformationSystemSpec::default() };
    assert!(has_room(&spec));
    spec.grants.push(Grant::default());
    assert!(!has_room(&spec), "so many");
    let reason = Some("a".repeat(1_024));
    let line = GrantedLine { self_procured: reason, ..GrantedLine::default() };
    spec.grants = vec![Grant { lines: vec![line; 60], ..Grant::default() }; 10];
    assert!(has_room(&spec));
    spec.grants.extend(spec.grants.clone());
    assert!(!has_room(&spec), "or so large");
}

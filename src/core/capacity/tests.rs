//! Room is never given twice, by one operator or two.

use super::*;
use crate::api::cloud_domain::OvercommitPercent;
use crate::api::common::Quantity;
use crate::core::quantity::Amount;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn cpus(n: i64) -> Amounts {
    Amounts::from_iter([("requests.cpu".to_owned(), Amount::units(n))])
}

#[test]
fn r26_2_capacity_times_ratio_is_the_ceiling() {
    let mut domain = CloudDomainSpec::default();
    domain.capacity.insert("requests.cpu".into(), Quantity("10".into()));
    domain.overcommit_percent.insert("requests.cpu".into(), OvercommitPercent(150));
    let ceiling = grantable(&domain).unwrap();
    assert_eq!(fits(&cpus(3), &ceiling, &cpus(12)), Ok(()));
    let short = fits(&cpus(4), &ceiling, &cpus(12)).unwrap_err();
    assert_eq!(short[0].to_string(), "requests.cpu: 4 wanted, 3 free");
    assert!(explain("main", &short).en.contains("article 26"));
}

#[test]
fn a_reservation_and_its_grant_count_once() {
    let one = |uid: &str| Taken { submission_uid: uid.into(), amounts: cpus(4) };
    assert_eq!(sum(&[one("a"), one("a"), one("b")]), Some(cpus(8)));
}

/// A second commit of what is granted already must leave the count of grants alone, or no cache would ever know so many.
#[test]
fn what_is_granted_is_not_reserved_once_more() {
    let mut spec = CloudDomainSpec::default();
    spec.capacity.insert("requests.cpu".into(), Quantity("10".into()));
    let granted = [Taken { submission_uid: "7".into(), amounts: cpus(4) }];
    let status = CloudDomainStatus { grants_committed: 1, ..CloudDomainStatus::default() };
    assert_eq!(reserve("main", &spec, &status, &granted, wanted(7, 4)), Ok(Reserving::Held));
    assert!(matches!(reserve("main", &spec, &status, &granted, wanted(8, 4)), Ok(Reserving::Reserved(_))));
}

#[test]
fn r26_2_room_is_taken_once_and_only_where_it_is_known_to_be_free() {
    let mut spec = CloudDomainSpec::default();
    spec.capacity.insert("requests.cpu".into(), Quantity("10".into()));
    let reserve = |status: &CloudDomainStatus, grants: &[Taken], wish| reserve("main", &spec, status, grants, wish);
    let Ok(Reserving::Reserved(held)) = reserve(&CloudDomainStatus::default(), &[], wanted(1, 6)) else {
        panic!("there is room");
    };
    assert_eq!(held.reservations, [wanted(1, 6)]);
    // Found done after a crash; not free for another; and free again for as much as is left.
    assert_eq!(reserve(&held, &[], wanted(1, 6)), Ok(Reserving::Held));
    assert!(matches!(reserve(&held, &[], wanted(2, 5)), Ok(Reserving::Short(_))));
    assert!(matches!(reserve(&held, &[], wanted(2, 4)), Ok(Reserving::Reserved(_))));
    // Become a grant, it is counted as one: whoever does not know that grant grants nothing.
    let grants = [Taken { submission_uid: "1".into(), amounts: cpus(6) }];
    let granted = settled(&held, &grants);
    assert_eq!((granted.reservations.len(), granted.grants_committed), (0, 1));
    assert_eq!(reserve(&granted, &[], wanted(2, 4)), Ok(Reserving::Stale));
    assert!(matches!(reserve(&granted, &grants, wanted(2, 5)), Ok(Reserving::Short(_))));
    assert!(matches!(reserve(&granted, &grants, wanted(2, 4)), Ok(Reserving::Reserved(_))));
    // The list is bounded; whoever finds it full comes again.
    let full = CloudDomainStatus {
        reservations: (10..10 + MAX_RESERVATIONS).map(|n| wanted(n, 0)).collect(),
        ..CloudDomainStatus::default()
    };
    assert_eq!(reserve(&full, &[], wanted(1, 1)), Ok(Reserving::Busy));
    let mut nearly = full;
    nearly.reservations.pop();
    assert!(matches!(reserve(&nearly, &[], wanted(1, 1)), Ok(Reserving::Reserved(_))));
}

#[test]
fn r26_2_amounts_that_cannot_be_read_are_an_error_and_never_zero() {
    let odd = || [("requests.cpu".to_owned(), Quantity("many".into()))].into();
    let named = |error: (String, QuantityError)| assert_eq!(error.0, "requests.cpu");
    named(grantable(&CloudDomainSpec { capacity: odd(), ..CloudDomainSpec::default() }).unwrap_err());
    named(Taken::by_grant(&Grant { amounts: odd(), ..Grant::default() }).unwrap_err());
    let reservation = Reservation { amounts: odd(), ..Reservation::default() };
    named(Taken::by_reservation(&reservation).unwrap_err());
    let status = CloudDomainStatus { reservations: vec![reservation], ..CloudDomainStatus::default() };
    named(taken(&status, &[]).unwrap_err());
}

/// Two operators that see the grants late, one pair of reads and guarded writes each, crashes between any two steps.
#[derive(Clone, Debug)]
enum Step {
    /// Catches up with the grants.
    Observes(usize),
    /// Reads the domain, and works out a reservation for a request.
    Reads { operator: usize, request: usize },
    /// Writes what it worked out; refused if the domain has changed since it was read.
    Writes(usize),
    /// Puts the grant on record, if room is held for it.
    Grants(usize),
    /// Crashes: forgets everything but what is in the API.
    Crashes(usize),
    /// The domain's own controller clears what has become a grant.
    Settles(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let operator = || 0..2_usize;
    prop_oneof![
        operator().prop_map(Step::Observes),
        (operator(), 0..12_usize).prop_map(|(operator, request)| Step::Reads { operator, request }),
        operator().prop_map(Step::Writes),
        operator().prop_map(Step::Grants),
        operator().prop_map(Step::Crashes),
        operator().prop_map(Step::Settles),
    ]
}

#[derive(Default)]
struct Operator {
    known: Vec<Taken>,
    /// What to write, the version it was worked out for, and for which request.
    pending: Option<(CloudDomainStatus, usize, usize)>,
    held: Option<usize>,
}

fn wanted(request: usize, amount: i64) -> Reservation {
    let amounts = cpus(amount).print();
    Reservation { submission_uid: request.to_string(), amounts, ..Reservation::default() }
}

/// Runs the steps; gives back how many requests were granted, and fails where more is granted than there is.
fn run(steps: &[Step], ceiling: i64, amounts: &[i64]) -> usize {
    let mut spec = CloudDomainSpec::default();
    spec.capacity.insert("requests.cpu".into(), Quantity(ceiling.to_string()));
    let (mut status, mut version) = (CloudDomainStatus::default(), 0);
    let mut grants: Vec<Taken> = Vec::new();
    let mut operators = [Operator::default(), Operator::default()];
    for step in steps {
        match step {
            Step::Observes(o) => operators[*o].known.clone_from(&grants),
            Step::Reads { operator, request } => {
                let operator = &mut operators[*operator];
                let wish = wanted(*request, amounts[*request]);
                match reserve("main", &spec, &status, &operator.known, wish).unwrap() {
                    Reserving::Held => operator.held = Some(*request),
                    Reserving::Reserved(next) => operator.pending = Some((*next, version, *request)),
                    Reserving::Stale | Reserving::Short(_) | Reserving::Busy => {}
                }
            }
            Step::Writes(o) => {
                if let Some((next, read_at, request)) = operators[*o].pending.take()
                    && read_at == version
                {
                    (status, version) = (next, version + 1);
                    operators[*o].held = Some(request);
                }
            }
            Step::Grants(o) => {
                let Some(request) = operators[*o].held.take() else { continue };
                let grant = Taken { submission_uid: request.to_string(), amounts: cpus(amounts[request]) };
                // A name can be taken once: creating it again finds it there.
                if !grants.contains(&grant) {
                    grants.push(grant);
                }
            }
            Step::Crashes(o) => operators[*o] = Operator { known: grants.clone(), ..Operator::default() },
            Step::Settles(o) => {
                let next = settled(&status, &operators[*o].known);
                if next != status {
                    (status, version) = (next, version + 1);
                }
            }
        }
        let reserved = status.reservations.iter().map(|r| &r.submission_uid);
        let uids: BTreeSet<&String> = grants.iter().map(|g| &g.submission_uid).chain(reserved).collect();
        let all: i64 = uids.iter().map(|uid| amounts[uid.parse::<usize>().unwrap()]).sum();
        assert!(all <= ceiling, "{all} of {ceiling}");
        let counted = sum(&taken(&status, &grants).unwrap()).unwrap();
        assert_eq!(counted.get("requests.cpu"), Amount::units(all));
        // Counted beyond what there is, no cache could ever know them all, and nothing would be granted any more.
        let counted = usize::try_from(status.grants_committed).unwrap();
        assert!(counted <= grants.len(), "{counted} counted, {} granted", grants.len());
    }
    grants.len()
}

#[test]
fn many_races_end_in_grants() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let steps = prop::collection::vec(step(), 150);
    let granted: usize = (0..100).map(|_| run(&steps.new_tree(&mut runner).unwrap().current(), 40, &[7; 12])).sum();
    println!("grants in 100 races of two operators for room for five: {granted}");
    assert!(granted > 250, "{granted}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Whoever lags or crashes wherever, the sum never exceeds the ceiling.
    #[test]
    fn r26_2_no_race_exceeds_capacity(
        steps in prop::collection::vec(step(), 0..200),
        ceiling in 0..80_i64,
        amounts in prop::collection::vec(1..30_i64, 12),
    ) {
        run(&steps, ceiling, &amounts);
    }
}

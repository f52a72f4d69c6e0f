//! Room is never given twice, by one operator or two.

use super::*;
use crate::api::cloud_domain::OvercommitPercent;
use crate::api::common::Quantity;
use crate::api::information_system::Grant;
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
    assert!(explain("main", &short).en.contains("ask for less or another domain"));
}

/// A grant that holds at all times.
fn granted(uid: &str, n: i64) -> Taken {
    Taken { submission_uid: Some(uid.to_owned()), amounts: cpus(n), span: Span::ALWAYS }
}

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

#[test]
fn a_reservation_and_its_grant_count_once() {
    let taken = [granted("a", 4), granted("a", 4), granted("b", 4)];
    assert_eq!(Profile::of(&taken).unwrap().at(NOW), cpus(8));
}

/// A second commit of what is granted already must leave the count of grants alone, or no cache would ever know so many.
#[test]
fn what_is_granted_is_not_reserved_once_more() {
    let mut spec = CloudDomainSpec::default();
    spec.capacity.insert("requests.cpu".into(), Quantity("10".into()));
    let grants = [granted("7", 4)];
    let status = CloudDomainStatus { grants_committed: 1, ..CloudDomainStatus::default() };
    assert_eq!(reserve("main", &spec, &status, &grants, wanted(7, 4), NOW), Ok(Reserving::Held));
    assert!(matches!(reserve("main", &spec, &status, &grants, wanted(8, 4), NOW), Ok(Reserving::Reserved(_))));
}

/// The whole track for a system that stands under an urgent grant needs that grant's room no second time.
#[test]
fn r24_1_what_takes_the_place_of_an_urgent_grant_needs_only_what_is_more() {
    let mut spec = CloudDomainSpec::default();
    spec.capacity.insert("requests.cpu".into(), Quantity("10".into()));
    let until = NOW.checked_add(jiff::SignedDuration::from_hours(24)).unwrap();
    let urgent = [Taken { span: Span { from: Timestamp::MIN, until: Some(until) }, ..granted("7", 8) }];
    let status = CloudDomainStatus { grants_committed: 1, ..CloudDomainStatus::default() };
    let reserve = |status: &CloudDomainStatus, wish| reserve("main", &spec, status, &urgent, wish, NOW);
    assert!(matches!(reserve(&status, wanted(8, 10)), Ok(Reserving::Short(_))));
    let whole = |n| Reservation { from: Some(Time::new(NOW)), ends: vec!["7".into()], ..wanted(8, n) };
    assert!(matches!(reserve(&status, whole(11)), Ok(Reserving::Short(_))));
    let Ok(Reserving::Reserved(held)) = reserve(&status, whole(10)) else { panic!("there is room") };
    // As long as it is under way nobody else gets that room, now or later.
    assert_eq!(Profile::of(&taken(&held, &urgent).unwrap()).unwrap().highest(NOW), cpus(10));
    assert!(matches!(reserve(&held, wanted(9, 1)), Ok(Reserving::Short(_))));
}

#[test]
fn r26_2_room_is_taken_once_and_only_where_it_is_known_to_be_free() {
    let mut spec = CloudDomainSpec::default();
    spec.capacity.insert("requests.cpu".into(), Quantity("10".into()));
    let reserve =
        |status: &CloudDomainStatus, grants: &[Taken], wish| reserve("main", &spec, status, grants, wish, NOW);
    let Ok(Reserving::Reserved(held)) = reserve(&CloudDomainStatus::default(), &[], wanted(1, 6)) else {
        panic!("there is room");
    };
    assert_eq!(held.reservations, [wanted(1, 6)]);
    // Found done after a crash; not free for another; and free again for as much as is left.
    assert_eq!(reserve(&held, &[], wanted(1, 6)), Ok(Reserving::Held));
    assert!(matches!(reserve(&held, &[], wanted(2, 5)), Ok(Reserving::Short(_))));
    assert!(matches!(reserve(&held, &[], wanted(2, 4)), Ok(Reserving::Reserved(_))));
    // Become a grant, it is counted as one: whoever does not know that grant grants nothing.
    let grants = [granted("1", 6)];
    let counted = settled(&held, &grants);
    assert_eq!((counted.reservations.len(), counted.grants_committed), (0, 1));
    assert_eq!(reserve(&counted, &[], wanted(2, 4)), Ok(Reserving::Stale));
    assert!(matches!(reserve(&counted, &grants, wanted(2, 5)), Ok(Reserving::Short(_))));
    assert!(matches!(reserve(&counted, &grants, wanted(2, 4)), Ok(Reserving::Reserved(_))));
    // The list is bounded; whoever finds it full comes again.
    let full = CloudDomainStatus {
        reservations: (10..10 + bounds::RESERVATIONS).map(|n| wanted(n, 0)).collect(),
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
    let grants = vec![Grant { amounts: odd(), ..Grant::default() }];
    named(Taken::by_grants(&InformationSystemSpec { grants, ..InformationSystemSpec::default() }).unwrap_err());
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
                match reserve("main", &spec, &status, &operator.known, wish, NOW).unwrap() {
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
                let grant = granted(&request.to_string(), amounts[request]);
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
        let uids: BTreeSet<&String> = filings(&grants).chain(reserved).collect();
        let all: i64 = uids.iter().map(|uid| amounts[uid.parse::<usize>().unwrap()]).sum();
        assert!(all <= ceiling, "{all} of {ceiling}");
        let counted = Profile::of(&taken(&status, &grants).unwrap()).unwrap().at(NOW);
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

fn second(n: i64) -> Timestamp {
    Timestamp::from_second(n).unwrap()
}

fn span() -> impl Strategy<Value = Span> {
    (-5..30_i64, prop::option::of(-5..35_i64))
        .prop_map(|(from, until)| Span { from: second(from), until: until.map(second) })
}

proptest! {
    /// Whatever was granted for whatever time, what is taken at each second is what a count by hand gives.
    #[test]
    fn r22_3_what_is_taken_at_each_instant_is_what_counting_gives(
        all in prop::collection::vec((span(), 0..9_i64), 0..12), from in 0..30_i64, until in 1..40_i64, ceiling in 0..40_i64,
    ) {
        let taken: Vec<Taken> = all.iter().enumerate()
            .map(|(n, (span, amount))| Taken { submission_uid: Some(n.to_string()), amounts: cpus(*amount), span: *span })
            .collect();
        let profile = Profile::of(&taken).unwrap();
        let by_hand = |at: i64| all.iter().filter(|(span, _)| span.contains(second(at))).map(|(_, n)| n).sum::<i64>();
        for at in -6..40 {
            prop_assert_eq!(profile.at(second(at)).get("requests.cpu"), Amount::units(by_hand(at)), "{}", at);
        }
        prop_assert_eq!(profile.highest(second(from)).get("requests.cpu"), Amount::units((from..41).map(by_hand).max().unwrap()));
        let asked = Span { from: second(from), until: Some(second(from + until)) };
        let short = profile.shortages(&cpus(4), &cpus(ceiling), asked);
        let first = (from..from + until).find(|at| by_hand(*at) + 4 > ceiling);
        prop_assert_eq!(short.first().map(|(at, _)| *at), first.map(second));
        let above = profile.above(&cpus(ceiling), second(from));
        prop_assert_eq!(above.first().map(|(at, ..)| *at), (from..41).find(|at| by_hand(*at) > ceiling).map(second));
    }

    /// No history of approvals exceeds the capacity at any instant.
    #[test]
    fn r22_3_no_history_of_approvals_exceeds_the_capacity_at_any_instant(
        wishes in prop::collection::vec((1..9_i64, 0..30_i64, prop::option::of(1..30_i64)), 1..20), ceiling in 1..30_i64,
    ) {
        let mut spec = CloudDomainSpec::default();
        spec.capacity.insert("requests.cpu".into(), Quantity(ceiling.to_string()));
        let mut status = CloudDomainStatus::default();
        let mut grants: Vec<Taken> = Vec::new();
        for (n, (amount, from, length)) in wishes.into_iter().enumerate() {
            let wish = Reservation {
                from: Some(Time::new(second(from))),
                until: length.map(|length| Time::new(second(from + length))),
                ..wanted(n, amount)
            };
            let taken = Taken::by_reservation(&wish).unwrap();
            let fits = (from..61).filter(|at| taken.span.contains(second(*at))).all(|at| {
                let now = Profile::of(&grants).unwrap().at(second(at)).get("requests.cpu").thousandths() / 1000;
                now + i128::from(amount) <= i128::from(ceiling)
            });
            match reserve("main", &spec, &status, &grants, wish, NOW).unwrap() {
                Reserving::Reserved(next) => {
                    prop_assert!(fits);
                    grants.push(taken);
                    status = settled(&next, &grants);
                }
                Reserving::Short(_) => prop_assert!(!fits, "there was room"),
                other => prop_assert!(false, "{:?}", other),
            }
            let profile = Profile::of(&grants).unwrap();
            prop_assert!(profile.above(&cpus(ceiling), NOW).is_empty());
        }
    }
}

#[test]
fn r22_3_a_shortage_ahead_says_when_and_how_much() {
    let mut spec = CloudDomainSpec::default();
    spec.capacity.insert("requests.cpu".into(), Quantity("10".into()));
    let ahead = Taken { span: Span { from: second(100), until: Some(second(200)) }, ..granted("1", 8) };
    let ask = |amount, until| {
        let wish = Reservation { until, ..wanted(2, amount) };
        reserve("main", &spec, &CloudDomainStatus::default(), std::slice::from_ref(&ahead), wish, NOW).unwrap()
    };
    let Reserving::Short(why) = ask(4, None) else { panic!("there is no room from then on") };
    assert!(why.en.starts_with("from 1970-01-01T00:01:40Z on, domain main"), "{why}");
    assert!(why.en.contains("requests.cpu: 4 wanted, 2 free"), "{why}");
    assert!(matches!(ask(4, Some(Time::new(second(100)))), Reserving::Reserved(_)), "it ends before");
    let Reserving::Short(why) = ask(11, None) else { panic!("there is not so much in all") };
    assert!(why.en.starts_with("domain main has not enough left: requests.cpu: 11 wanted, 10 free"), "{why}");
}

#[test]
fn r22_3_what_is_over_takes_no_room_and_the_next_turn_is_known() {
    let mut spec = CloudDomainSpec::default();
    spec.capacity.insert("requests.cpu".into(), Quantity("10".into()));
    let until = |n| Some(second(n));
    let grants = [
        Taken { span: Span { from: Timestamp::MIN, until: until(100) }, ..granted("1", 8) },
        Taken { span: Span { from: second(200), until: until(300) }, ..granted("2", 8) },
    ];
    let ask = |now| {
        let wish = Reservation { until: Some(Time::new(second(200))), ..wanted(3, 4) };
        reserve("main", &spec, &CloudDomainStatus::default(), &grants, wish, second(now)).unwrap()
    };
    assert!(matches!(ask(99), Reserving::Short(_)));
    assert!(matches!(ask(100), Reserving::Reserved(_)));
    let profile = Profile::of(&grants).unwrap();
    let turns = [99, 100, 200, 299, 300].map(|after| profile.next_moment(second(after)));
    assert_eq!(turns, [until(100), until(200), until(300), until(300), None]);
}

fn in_quota(units: i64, until: Option<i64>) -> InQuota {
    let changes_at = until.map(|at| Time::new(second(at)));
    let status = InformationSystemStatus {
        observed_generation: Some(2),
        amounts: cpus(units).print(),
        changes_at,
        ..InformationSystemStatus::default()
    };
    InQuota::told(&status, Some(2)).unwrap()
}

#[test]
fn r22_3_what_is_still_in_use_takes_room_until_it_is_free() {
    let window = Taken { span: Span { from: second(0), until: Some(second(10)) }, ..granted("window", 6) };
    let grants = [granted("base", 4), window];
    assert_eq!(Taken::beyond(&grants, &in_quota(10, Some(10)), second(5)), None, "it is granted");
    let after = Taken::beyond(&grants, &in_quota(10, Some(10)), second(10)).unwrap();
    assert_eq!((after.amounts, after.submission_uid), (cpus(6), None));
    assert_eq!(Taken::beyond(&grants, &in_quota(4, None), second(10)), None, "it has been freed");
}

#[test]
fn r22_3_a_quota_of_which_an_old_status_speaks_may_have_all_that_was_granted_up_to_now() {
    let window = Taken { span: Span { from: second(5), until: Some(second(10)) }, ..granted("window", 6) };
    let grants = [granted("base", 4), window];
    let beyond = |told: &InQuota, at| Taken::beyond(&grants, told, second(at)).map(|taken| taken.amounts);
    // Told before the window began: an operator that died in it may have written the quota, and not that.
    let before = in_quota(4, Some(5));
    assert_eq!([4, 5, 10].map(|at| beyond(&before, at)), [None, None, Some(cpus(6))]);
    // Told before it was on record.
    let status = InformationSystemStatus { observed_generation: Some(1), ..InformationSystemStatus::default() };
    let older = InQuota::told(&status, Some(2)).unwrap();
    assert_eq!([4, 9, 10].map(|at| beyond(&older, at)), [None, None, Some(cpus(6))]);
    assert_eq!(beyond(&InQuota::default(), 10), Some(cpus(6)), "not told at all");
}

#[test]
fn r19_2_a_domain_shows_its_own_resources_first_and_counts_the_rest() {
    let named =
        |prefix: &str, n: usize| (0..n).map(|n| (format!("{prefix}.{n}"), Amount::units(1))).collect::<Vec<_>>();
    let own: Amounts = named("z", 32).into_iter().collect();
    let all: Amounts = named("a", 300).into_iter().chain(named("z", 32)).collect();
    let (shown, more) = shown(&all, &own);
    assert_eq!((shown.len(), more), (64, 268));
    assert!(own.iter().all(|(resource, _)| shown.contains(resource)));
    let class = format!("{}.storageclass.storage.k8s.io/requests.storage", "s".repeat(253));
    let above: Vec<_> = (0..9).map(|_| (Timestamp::UNIX_EPOCH, class.clone(), Amount::units(1))).collect();
    let (short, more) = shortages(&above);
    assert_eq!((short.len(), more, short[0].resource.as_str()), (8, 1, class.as_str()));
    crate::core::fixtures::assert_fits("CloudDomain", "status.shortages", &short);
}

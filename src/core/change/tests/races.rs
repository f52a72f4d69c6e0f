//! Changes racing with changes, with windows that end and with restarts: two operators that see late carry them out by the
//! real rules, in the order of the controller's commit, and die between any two steps.

use super::*;
use crate::api::cloud_domain::Reservation;
use crate::api::common::Quantity;
use crate::api::{CloudDomainSpec, InformationSystemSpec};
use crate::core::capacity::{self, Reserving, Taken};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use std::collections::{BTreeMap, BTreeSet};

const CORES: i64 = 40;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Whoever must act on a change does.
    Person(usize),
    /// An operator takes the next step with a change.
    Works { operator: usize, change: usize },
    /// An operator's cache catches up.
    Sees(usize),
    /// An operator dies, and forgets what it was at.
    Dies(usize),
    /// The domain's controller counts what has become a grant, and gives back what never will.
    Settles,
    /// Minutes pass.
    Waits(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..5_usize).prop_map(Step::Person),
        6 => (0..2_usize, 0..5_usize).prop_map(|(operator, change)| Step::Works { operator, change }),
        2 => (0..2_usize).prop_map(Step::Sees),
        1 => (0..2_usize).prop_map(Step::Dies),
        1 => Just(Step::Settles),
        1 => (1..9_i64).prop_map(Step::Waits),
    ]
}

/// What an operator is at: the record that it read, with its version, and whether room is taken.
struct Work {
    read: (InformationSystemSpec, u64),
    grant: Grant,
    takes: Amounts,
    reserved: bool,
}

#[derive(Default)]
struct Operator {
    known: InformationSystemSpec,
    work: Option<Work>,
}

struct Races {
    changes: Vec<Changing>,
    domain: (CloudDomainSpec, CloudDomainStatus),
    record: (InformationSystemSpec, u64),
    opened: Option<Time>,
    now: Timestamp,
    operators: [Operator; 2],
    /// What stood for good when something was filed, by the filing.
    filed: BTreeMap<String, String>,
}

impl Races {
    fn new() -> Self {
        let story = live();
        let (record, opened) = story.system.clone().unwrap();
        let now = story.now;
        let mut domain = story.registry.domains["bozhou-main"].clone();
        domain.overcommit_percent.clear();
        for resource in ["requests.cpu", "limits.cpu"] {
            domain.capacity.insert(resource.into(), Quantity(CORES.to_string()));
        }
        let in_minutes = |minutes: i64| Time::new(now.checked_add(minutes.minutes()).unwrap());
        let window = |from, until| Some(Window { from: in_minutes(from), until: in_minutes(until) });
        let peak = ChangeGround::ForeseeablePeak;
        let asked = [
            ("more", Change { lines: lines(&[("cpu", 20)]), ..Change::default() }),
            ("other", Change { lines: lines(&[("memory", 40)]), ..Change::default() }),
            ("most", Change { lines: lines(&[("cpu", 24)]), ..Change::default() }),
            (
                "peak",
                Change { ground: peak, lines: lines(&[("cpu", 36)]), window: window(15, 40), ..Change::default() },
            ),
            (
                "long",
                Change { ground: peak, lines: lines(&[("cpu", 30)]), window: window(20, 90), ..Change::default() },
            ),
        ];
        let changes = asked.into_iter().map(|(name, change)| Changing::of(live(), name, change)).collect();
        let known = || Operator { known: record.clone(), work: None };
        let operators = [known(), known()];
        let domain = (domain, CloudDomainStatus { grants_committed: 1, ..CloudDomainStatus::default() });
        Self { changes, domain, record: (record, 0), opened, now, operators, filed: BTreeMap::new() }
    }

    /// A change as it stands before the record as it is now.
    fn at(&mut self, change: usize) -> &mut Changing {
        let changing = &mut self.changes[change];
        changing.story.system = Some((self.record.0.clone(), self.opened));
        changing.now = self.now;
        changing
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Person(change) => self.person(change),
            Step::Works { operator, change } => self.works(operator, change),
            Step::Sees(operator) => self.operators[operator].known = self.record.0.clone(),
            Step::Dies(operator) => self.operators[operator] = Operator { known: self.record.0.clone(), work: None },
            Step::Settles => self.settle(),
            Step::Waits(minutes) => self.now = self.now.checked_add(minutes.minutes()).unwrap(),
        }
    }

    fn person(&mut self, change: usize) {
        let changing = self.at(change);
        let gates = changing.plan().status.open_gates;
        let Some(gate) = gates.first() else { return };
        let (who, verdict) = match gate.role.as_str() {
            "unit" => (UNIT, Verdict::Submit),
            "agency" => (AGENCY, Verdict::Approve),
            _ => (AUTHORITY, Verdict::Approve),
        };
        changing.decides(who, &gate.gate, verdict);
        let made = changing.decisions.last().map(|d| d.uid.clone());
        self.now = changing.now;
        let stands = effective::newest(&self.record.0).map(|g| g.submission_uid.clone());
        self.filed.extend(made.filter(|_| verdict == Verdict::Submit).zip(stands));
    }

    fn works(&mut self, operator: usize, change: usize) {
        let Some(work) = self.operators[operator].work.take() else {
            let read = self.record.clone();
            let Plan { grant, takes, .. } = self.at(change).plan();
            let work = grant.map(|grant| Work { read, grant, takes, reserved: false });
            self.operators[operator].work = work;
            return;
        };
        if work.reserved {
            // A guarded write: whoever has written since makes it a conflict.
            if work.read.1 == self.record.1 {
                let mut record = work.read.0;
                record.grants.push(work.grant);
                self.record = (record, self.record.1 + 1);
            }
            return;
        }
        let wanted = Reservation {
            request: work.grant.request.clone(),
            submission_uid: work.grant.submission_uid.clone(),
            amounts: work.takes.print(),
            from: Some(work.grant.effective_from),
            until: work.grant.term.as_ref().and_then(|term| term.until),
            ..Reservation::default()
        };
        let known = Taken::by_grants(&self.operators[operator].known).unwrap();
        let (spec, status) = &self.domain;
        match capacity::reserve("main", spec, status, &known, wanted, self.now).unwrap() {
            Reserving::Held => {}
            Reserving::Reserved(next) => self.domain.1 = *next,
            Reserving::Stale | Reserving::Short(_) | Reserving::Busy => return,
        }
        self.operators[operator].work = Some(Work { reserved: true, ..work });
    }

    fn settle(&mut self) {
        let grants = Taken::by_grants(&self.record.0).unwrap();
        let mut status = capacity::settled(&self.domain.1, &grants);
        let under_way = |uid: &str| {
            let works = self.operators.iter().filter_map(|o| o.work.as_ref());
            works.into_iter().any(|work| work.grant.submission_uid == uid)
        };
        let busy: BTreeSet<String> =
            status.reservations.iter().map(|r| r.submission_uid.clone()).filter(|uid| under_way(uid)).collect();
        let asks: BTreeSet<String> = (0..self.changes.len())
            .filter_map(|change| self.at(change).plan().grant)
            .map(|g| g.submission_uid)
            .collect();
        status.reservations.retain(|r| busy.contains(&r.submission_uid) || asks.contains(&r.submission_uid));
        self.domain.1 = status;
    }

    /// What must hold whatever happens.
    fn check(&self) {
        let grants = &self.record.0.grants;
        let filings: BTreeSet<&str> = grants.iter().map(|g| g.submission_uid.as_str()).collect();
        assert_eq!(filings.len(), grants.len(), "a filing is granted once");
        // Against what stood when it was put on record, and nothing else: never applied blindly.
        let permanent: Vec<&Grant> = grants.iter().filter(|g| effective::is_permanent(g)).collect();
        for pair in permanent.windows(2) {
            assert_eq!(pair[1].change.as_ref().unwrap().basis, pair[0].submission_uid);
            assert_eq!(
                self.filed[&pair[1].submission_uid], pair[0].submission_uid,
                "nothing has moved since it was filed"
            );
            assert!(pair[0].effective_from <= pair[1].effective_from, "in their order");
        }
        let taken = capacity::taken(&self.domain.1, &Taken::by_grants(&self.record.0).unwrap()).unwrap();
        let profile = capacity::Profile::of(&taken).unwrap();
        let ceiling = capacity::grantable(&self.domain.0).unwrap();
        let above = profile.above(&ceiling, Timestamp::MIN);
        assert!(above.is_empty(), "more than there is: {above:?}");
    }

    /// Lets everybody go on, without faults, until nothing moves any more.
    fn comes_to_rest(&mut self) {
        for _ in 0..60 {
            let before = (self.record.1, self.changes.iter().map(|c| c.decisions.len()).sum::<usize>());
            for change in 0..self.changes.len() {
                self.person(change);
                for step in [Step::Dies(0), Step::Settles] {
                    self.take(step);
                }
                for _ in 0..3 {
                    self.works(0, change);
                }
                self.check();
            }
            let after = (self.record.1, self.changes.iter().map(|c| c.decisions.len()).sum::<usize>());
            if before == after {
                return;
            }
        }
        panic!("it does not come to rest");
    }
}

#[test]
fn r22_1_changes_that_race_are_each_granted_once_against_what_stands_and_never_beyond_what_there_is() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let steps = prop::collection::vec(step(), 60);
    let (mut histories, mut granted) = (0, 0);
    for _ in 0..12 {
        let mut races = Races::new();
        for step in steps.new_tree(&mut runner).unwrap().current() {
            races.take(step);
            races.check();
        }
        races.comes_to_rest();
        granted += races.record.0.grants.len() - 1;
        histories += 1;
        for change in 0..races.changes.len() {
            let plan = races.at(change).plan();
            let phase = plan.status.phase;
            // On record, too late for its window, or without room: nothing is lost.
            let room = phase == ChangePhase::Approved && plan.grant.is_some();
            let done = matches!(
                phase,
                ChangePhase::InEffect | ChangePhase::Scheduled | ChangePhase::Ended | ChangePhase::Refused
            );
            assert!(done || room, "{}: {phase}", races.changes[change].name);
        }
    }
    println!("{histories} histories of five changes by two operators: {granted} grants");
    assert!(granted > histories * 2, "they do something");
}

#[test]
fn r42_1_a_version_made_after_the_filing_changes_nothing_for_a_change_or_its_grant() {
    let mut filed = Changing::up_and_down(&[("cpu", 20)]).filed();
    fixtures::typo(&mut filed.story.registry, Time::new(filed.now));
    assert_eq!(filed.phase(), ChangePhase::InReview);
    filed.decides(AGENCY, "evaluation", Verdict::Approve).decides(AUTHORITY, "approval", Verdict::Approve);
    let granted = filed.operator_acts();
    assert_eq!(granted.phase(), ChangePhase::InEffect, "and what is granted shows so");
    let next = granted.next("another", Change { lines: lines(&[("cpu", 21)]), ..Change::default() });
    let (reason, message) = next.says(CONDITION_STALLED);
    assert!(reason == "NoPolicyInForce" && message.contains("bozhou-2024 and bozhou-2025"), "{message}");
}

//! The approval machine, explored to the end: of requests, and of changes of what they have opened ([`changes`]).
//!
//! `core::request`, `core::change`, `core::effective`, `core::capacity` and `build::quota` are the real ones; what the
//! controllers do around them is played call by call, so that between any two calls to the API another operator, people
//! or a crash can come. No step waits for an event: an operator may look at anything at any time, with caches as old as
//! they may be, and need not, which is what lost, late and doubled watch events come to. Each run prints how many states
//! it has explored. `MODEL_DEPTH=n` allows each request n decisions more than are explored every day.
//!
//! A controller that changes its order of calls changes it here too, in [`operator`] and [`changes`].

mod book;
mod bugs;
mod changes;
mod departures;
mod facts;
mod fence;
mod invariants;
mod lists;
mod machine;
mod operator;
mod people;
mod rules;
mod runs;
mod settle;
mod setup;
mod world;

use bugs::Bug::*;
use invariants::*;
use machine::Machine;
use runs::*;
use setup::Setup;
use stateright::{Checker, HasDiscoveries, Model};
use std::collections::BTreeMap;
use std::time::Instant;

/// A machine that can be explored.
trait Explored:
    Model<Action: std::fmt::Debug + PartialEq + Clone, State: std::hash::Hash + Clone + PartialEq + Send + Sync>
    + Send
    + Sync
    + 'static
{
    fn name(&self) -> &'static str;
    /// What should come about.
    fn comes_about(&self) -> &'static [&'static str];
    /// How often the core was asked.
    fn decided(&self) -> usize;
    /// Whether a state was left out because the model cannot count so far.
    fn is_cut(&self) -> bool;
}

/// Explores a machine to the end, or until `wanted` is found; gives back what was found, with the steps that lead there.
fn explore<M: Explored>(machine: M, wanted: Option<&'static str>) -> (BTreeMap<&'static str, Vec<M::Action>>, String) {
    let started = Instant::now();
    let until = wanted.map_or(HasDiscoveries::All, |name| HasDiscoveries::AnyOf([name].into()));
    let checker = machine.checker().threads(1).finish_when(until).spawn_bfs().join();
    let counts = format!(
        "{} states, {} of them different, up to {} steps deep, {} questions to the core, {:.1} s",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth(),
        checker.model().decided(),
        started.elapsed().as_secs_f64()
    );
    let cut = checker.model().is_cut();
    assert!(wanted.is_some() || !cut, "{}: not explored to the end", checker.model().name());
    let found = checker.discoveries().into_iter().map(|(name, path)| (name, path.into_actions())).collect();
    (found, counts)
}

fn story(steps: &[impl std::fmt::Debug]) -> String {
    let lines: Vec<String> = steps.iter().map(|step| format!("    {step:?}")).collect();
    lines.join("\n")
}

/// Decisions more on each request than are explored every day.
fn more() -> u8 {
    std::env::var("MODEL_DEPTH").ok().and_then(|more| more.parse().ok()).unwrap_or(0)
}

/// Explores a machine whole: everything that should come about does, and of what must hold nothing breaks but `broken`.
fn holds_in(machine: impl Explored, broken: &[&str]) {
    let (name, comes_about) = (machine.name(), machine.comes_about());
    let (found, counts) = explore(machine, None);
    println!("{name}: {counts}");
    for (name, steps) in &found {
        println!("  {name}: {} steps", steps.len());
        let expected = comes_about.contains(name) || broken.contains(name);
        assert!(expected, "`{name}` does not hold:\n{}", story(steps));
    }
    for name in comes_about.iter().chain(broken) {
        assert!(found.contains_key(name), "it never comes about that {name}");
    }
}

fn holds(setup: Setup, broken: &[&str]) {
    holds_in(Machine::new(Setup { decisions: setup.decisions.map(|n| n + more()), ..setup }), broken);
}

/// A run with a bug in it, until its invariant breaks.
fn catches<M: Explored>(bug: bugs::Bug, machine: M, invariant: &'static str) {
    let name = machine.name();
    let (found, counts) = explore(machine, Some(invariant));
    let steps = found.get(invariant).map(Vec::len);
    println!("{bug:?} in `{name}`: `{invariant}` breaks in {} steps ({counts})", steps.unwrap_or(0));
    assert!(steps.is_some(), "{bug:?} is not caught by `{invariant}`; found: {:?}", found.keys());
}

#[test]
fn the_full_track() {
    holds(FULL, &[]);
}

#[test]
fn edits_and_late_decisions() {
    holds(EDITS, &[]);
}

#[test]
fn deleted_and_made_again() {
    holds(AGAIN, &[]);
}

#[test]
fn a_board_of_two() {
    holds(BOARD, &[]);
}

#[test]
fn report_and_signatures() {
    holds(LIVES, &[]);
}

#[test]
fn two_requests_and_room_for_one() {
    holds(COMPETE, &[]);
    holds(LEAVES, &[]);
}

#[test]
fn two_requests_for_one_code() {
    holds(SAME_CODE, &[]);
    holds(SAME_TEXT, &[]);
}

#[test]
fn an_operator_that_is_paused_in_the_middle_of_a_commit() {
    holds(PAUSES, &[]);
}

/// Without the fence the versions of the objects still keep the capacity, for as long as nobody gives room back that a
/// paused operator believes to hold; and what is granted is still what was decided, though its text can be edited.
#[test]
fn what_the_guards_do_without_the_fence() {
    holds(GUARDS, &[]);
    holds(UNFENCED_ONE, &[LOCKED]);
    let (found, counts) = explore(Machine::new(UNFENCED), Some(CAPACITY));
    println!("{}: {counts}", UNFENCED.name);
    let given_twice = found.get(CAPACITY).map(|steps| story(steps));
    println!("  room that is given twice:\n{}", given_twice.as_deref().unwrap_or_default());
    assert!(given_twice.is_some(), "the fence is not needed");
}

/// Each bug is in the machine, each invariant is as it is, and the one finds the other.
#[test]
fn every_seeded_bug_is_caught_by_its_invariant() {
    let seeds = [
        (DigestUnchecked, EDITS, SEEN),
        (RoundUnchecked, EDITS, SEEN),
        (RoundUnchecked, EDITS, AUTHORITY),
        (QuorumUnchecked, SMALL_BOARD, AUTHORITY),
        (MembersUnchecked, SMALL_BOARD, AUTHORITY),
        (PersonUnchecked, FULL, ROLES),
        (ChargesEarly, AGAIN, CHARGE),
        (Unreserved, COMPETE, CAPACITY),
        (StaleIsFree, COMPETE, CAPACITY),
        (ClearsUnlocked, COMPETE, CAPACITY),
        (DomainUnguarded, GUARDS, CAPACITY),
        (Cached, EDITS, LOCKED),
        (Unlocks, EDITS, LOCKED),
        (ForgetsReservation, COMPETE, EXIT),
        (ReservesAgain, COMPETE, EXIT),
        (KeepsDeadReservation, LEAVES, EXIT),
        (KeepsEndedReservation, LEAVES, EXIT),
        (AdoptsAnyName, SAME_TEXT, EXIT),
        (NamesByRequest, SAME_TEXT, CODE),
        (Cascades, AGAIN, KEPT),
        (WritesTime, AGAIN, REPLAY),
    ];
    for (bug, run, invariant) in seeds {
        catches(bug, Machine::new(Setup { bug: Some(bug), comes_about: &[], ..run }), invariant);
    }
}

fn changes_hold(setup: changes::Setup, broken: &[&str]) {
    let decisions = setup.decisions.map(|n| if n > 0 { n + more() } else { n });
    holds_in(changes::Machine::new(changes::Setup { decisions, ..setup }), broken);
}

#[test]
fn two_changes_against_one_state_of_a_system() {
    changes_hold(changes::runs::BASIS, &[]);
}

#[test]
fn changes_that_are_edited_and_decided_upon_late() {
    changes_hold(changes::runs::EDITS, &[]);
}

#[test]
fn a_major_change_by_people_of_many_roles() {
    changes_hold(changes::runs::MAJOR, &[]);
    changes_hold(changes::runs::SIGNS, &[]);
}

#[test]
fn two_changes_and_room_for_one() {
    changes_hold(changes::runs::LAST, &[]);
    changes_hold(changes::runs::LEAVES, &[]);
}

#[test]
fn changes_with_two_operators() {
    changes_hold(changes::runs::PAUSES, &[]);
    changes_hold(changes::runs::GUARDS, &[]);
}

#[test]
fn a_window_and_a_change_and_room_for_one() {
    changes_hold(changes::runs::WINDOW, &[]);
}

#[test]
fn a_window_beside_a_change_of_the_same_system() {
    changes_hold(changes::runs::BESIDE, &[]);
}

#[test]
fn a_window_that_ends_while_it_is_in_use() {
    changes_hold(changes::runs::PEAK, &[]);
    changes_hold(changes::runs::YIELDS, &[]);
}

#[test]
fn a_system_shrinks_and_another_grows() {
    changes_hold(changes::runs::SHRINKS, &[]);
}

#[test]
fn three_changes_at_once() {
    changes_hold(changes::runs::THREE, &[]);
}

/// Each bug is in the machine of the changes, each invariant is as it is, and the one finds the other.
#[test]
fn every_seeded_bug_of_changes_is_caught_by_its_invariant() {
    use changes::invariants as must;
    use changes::runs::{BASIS, EDITS, GUARDS, LAST, LEAVES, MAJOR, PAUSES, PEAK, SHRINKS, SIGNS, WINDOW, YIELDS};
    let seeds = [
        (DigestUnchecked, EDITS, must::SEEN),
        (DigestUnchecked, EDITS, must::AUTHORITY),
        (PersonUnchecked, MAJOR, must::ROLES),
        (BasisUnchecked, BASIS, must::BASIS),
        (ForgetsBefore, BASIS, must::BACK),
        (Redelivered, BASIS, must::ONCE),
        (RecordUnguarded, BASIS, must::ONCE),
        (StaysLocked, BASIS, must::EXIT),
        (TextUnguarded, EDITS, must::LOCKED),
        (Unlocks, EDITS, must::LOCKED),
        (ChargesEarly, SIGNS, must::CHARGE),
        (Unreserved, LAST, must::CAPACITY),
        (StaleIsFree, PAUSES, must::CAPACITY),
        (ClearsUnlocked, LAST, must::CAPACITY),
        (DomainUnguarded, GUARDS, must::CAPACITY),
        (LooksAtNowAlone, WINDOW, must::CAPACITY),
        (ForgetsReservation, LAST, must::LAST),
        (KeepsDeadReservation, LEAVES, must::LAST),
        (NeverEnds, WINDOW, must::WINDOW),
        (SleepsThroughEnd, PEAK, must::FOLLOWS),
        (CutsUse, SHRINKS, must::USED),
        (QuotaUnguarded, SHRINKS, must::USED),
        (FreesWhatIsUsed, SHRINKS, must::ROOM),
        (TrustsOldStatus, YIELDS, must::ROOM),
        (WritesTime, MAJOR, must::REPLAY),
    ];
    for (bug, run, invariant) in seeds {
        let seeded = changes::Setup { bug: Some(bug), comes_about: &[], ..run };
        catches(bug, changes::Machine::new(seeded), invariant);
    }
}

fn departs(setup: departures::Setup, broken: &[&str]) {
    let decisions = setup.decisions.map(|n| if n > 0 { n + more() } else { n });
    holds_in(departures::Machine::new(departures::Setup { decisions, ..setup }), broken);
}

#[test]
fn a_system_leaves_or_stays() {
    departs(departures::runs::COURSE, &[]);
}

#[test]
fn a_system_is_backed_up_while_it_runs() {
    departs(departures::runs::LIVE, &[]);
    departs(departures::runs::ENDS, &[]);
}

#[test]
fn a_volume_is_replaced_while_its_system_leaves() {
    departs(departures::runs::REPLACED, &[]);
}

#[test]
fn an_order_stops_a_system_that_leaves() {
    departs(departures::runs::ORDERED, &[]);
    departs(departures::runs::LIFTS, &[]);
}

#[test]
fn an_order_is_lifted_and_a_departure_taken_back() {
    departs(departures::runs::STAYS, &[]);
}

#[test]
fn a_system_leaves_beside_a_change() {
    departs(departures::runs::BESIDE_A_CHANGE, &[]);
    departs(departures::runs::LATE_CACHES, &[]);
}

#[test]
fn a_system_leaves_beside_a_window() {
    departs(departures::runs::BESIDE_A_WINDOW, &[]);
}

#[test]
fn departures_with_two_operators() {
    departs(departures::runs::PAUSES, &[]);
    departs(departures::runs::GUARDS, &[]);
}

/// Each bug is in the machine of the departures, each invariant is as it is, and the one finds the other.
#[test]
fn every_seeded_bug_of_departures_is_caught_by_its_invariant() {
    use departures::invariants as must;
    use departures::runs::{ENDS, LATE_CACHES, LIVE, ORDERED, REPLACED, STAYS};
    let seeds = [
        (DigestUnchecked, REPLACED, must::CONFIRMED),
        (WipesWhatCame, REPLACED, must::CONFIRMED),
        (WipesUnsealed, REPLACED, must::CONFIRMED),
        (OrderUnread, ORDERED, must::ORDERED),
        (ActsOnCache, ORDERED, must::ORDERED),
        (WithdrawsLate, ENDS, must::BACK),
        (ChargesOffline, LIVE, must::OFFLINE),
        (GrantsLeaving, LATE_CACHES, must::LEAVING),
        (RecordUnguarded, LATE_CACHES, must::LOST),
        (ClosesAgain, ENDS, must::ONCE),
        (FreesEarly, ENDS, must::ROOM),
        (LiftsWithDeparture, STAYS, must::AUTHORITY),
        (ForgetsGates, STAYS, must::RUNS),
        (StrandsVolume, LIVE, must::CLOSES),
        (WritesTime, LIVE, must::REPLAY),
    ];
    for (bug, run, invariant) in seeds {
        catches(bug, departures::Machine::new(run.with(bug)), invariant);
    }
}

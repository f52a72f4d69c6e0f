//! The approval machine, explored to the end.
//!
//! `core::request::decide` and `core::capacity` are the real ones; what the controllers do around them is played call by
//! call, so that between any two calls to the API another operator, people or a crash can come. No step waits for an
//! event: an operator may look at anything at any time, with caches as old as they may be, and need not, which is what
//! lost, late and doubled watch events come to. Each run prints how many states it has explored. `MODEL_DEPTH=n` allows
//! each request n decisions more than are explored every day.
//!
//! A controller that changes its order of calls changes it here too, in [`operator`].

mod book;
mod bugs;
mod fence;
mod invariants;
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
use stateright::{Checker, HasDiscoveries, Model as _};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Instant;
use world::Step;

/// Explores a run to the end, or until `wanted` is found; gives back what was found, with the steps that lead there.
fn explore(setup: Setup, wanted: Option<&'static str>) -> (BTreeMap<&'static str, Vec<Step>>, String) {
    let started = Instant::now();
    let until = wanted.map_or(HasDiscoveries::All, |name| HasDiscoveries::AnyOf([name].into()));
    let checker = Machine::new(setup).checker().threads(1).finish_when(until).spawn_bfs().join();
    let counts = format!(
        "{} states, {} of them different, up to {} steps deep, {} questions to the core, {:.1} s",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth(),
        checker.model().decided(),
        started.elapsed().as_secs_f64()
    );
    let cut = checker.model().cut.load(Ordering::Relaxed);
    assert!(wanted.is_some() || !cut, "{}: not explored to the end", setup.name);
    let found = checker.discoveries().into_iter().map(|(name, path)| (name, path.into_actions())).collect();
    (found, counts)
}

fn story(steps: &[Step]) -> String {
    let lines: Vec<String> = steps.iter().map(|step| format!("    {step:?}")).collect();
    lines.join("\n")
}

/// Explores a run whole: everything that should come about does, and of what must hold nothing breaks but `broken`.
fn holds(setup: Setup, broken: &[&str]) {
    let more = std::env::var("MODEL_DEPTH").ok().and_then(|more| more.parse().ok()).unwrap_or(0);
    let (found, counts) = explore(Setup { decisions: setup.decisions.map(|n| n + more), ..setup }, None);
    println!("{}: {counts}", setup.name);
    for (name, steps) in &found {
        println!("  {name}: {} steps", steps.len());
        let expected = setup.comes_about.contains(name) || broken.contains(name);
        assert!(expected, "`{name}` does not hold:\n{}", story(steps));
    }
    for name in setup.comes_about.iter().chain(broken) {
        assert!(found.contains_key(name), "it never comes about that {name}");
    }
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
    let (found, counts) = explore(UNFENCED, Some(CAPACITY));
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
        let (found, counts) = explore(Setup { bug: Some(bug), comes_about: &[], ..run }, Some(invariant));
        let steps = found.get(invariant).map(Vec::len);
        println!("{bug:?} in `{}`: `{invariant}` breaks in {} steps ({counts})", run.name, steps.unwrap_or(0));
        assert!(steps.is_some(), "{bug:?} is not caught by `{invariant}`; found: {:?}", found.keys());
    }
}

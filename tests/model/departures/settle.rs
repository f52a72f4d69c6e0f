//! What becomes of a state if everybody stops: all operators crash, one starts again with fresh caches, and runs until it
//! has nothing to do, while Jobs work. Then it must have come to rest, all must run that nothing stops, and people who agree
//! to what is open must bring a departure to its end.

use super::super::bugs::Bug;
use super::super::changes;
use super::super::rules::Gate;
use super::super::world::{By, Id, Stage};
use super::book::{Book, bit};
use super::invariants as must;
use super::operator;
use super::people;
use super::setup::Setup;
use super::world::{Hand, Matter, Space, Step, VOLUMES, Which, World};

/// More passes than any state should need, and more decisions.
const PASSES: usize = 40;
const DECISIONS: usize = 12;

/// What becomes of a world: the invariants that do not hold then.
pub fn end(setup: &Setup, book: &mut Book, world: &World) -> Vec<&'static str> {
    let Some(rested) = rest(setup, book, world) else { return vec![must::REPLAY] };
    let mut broken = Vec::new();
    broken.extend((!must::runs(book, &rested)).then_some(must::RUNS));
    broken.extend((!must::room_settled(setup, book, &rested)).then_some(must::ROOM));
    match closed(setup, book, rested) {
        None => broken.push(must::CLOSES),
        Some(closed) => broken.extend((!must::room_settled(setup, book, &closed)).then_some(must::ROOM)),
    }
    broken
}

/// The world in which it comes to rest, if it does.
pub fn rest(setup: &Setup, book: &mut Book, world: &World) -> Option<World> {
    let mut world = world.at_rest();
    world.base.seen = world.base.systems;
    let mut told = None;
    for pass in 0..PASSES {
        let before = world;
        let said = self::pass(setup, book, &mut world)?;
        let stamp = if setup.has(Bug::WritesTime) { pass } else { 0 };
        let said = Some((said, stamp));
        if before == world && said == told {
            return Some(world);
        }
        told = said;
    }
    None
}

/// One look at everything; gives back what is told of it.
fn pass(setup: &Setup, book: &mut Book, world: &mut World) -> Option<[Option<Id>; 2]> {
    change(setup, book, world)?;
    for which in Which::ALL {
        world.base.seen = world.base.systems;
        let fresh = Setup { base: changes::Setup { stale: false, ..setup.base }, ..*setup };
        if let Some(hand) = operator::begins(&fresh, book, world, which).pop() {
            take(setup, book, world, Step::Begins(which, hand))?;
        }
        while world.hand(By::Leader, which) != Hand::Idle {
            take(setup, book, world, Step::GoesOn(By::Leader, which))?;
        }
        world.base.seen = world.base.systems;
    }
    for step in people::works(&world.site).collect::<Vec<_>>() {
        take(setup, book, world, step)?;
    }
    if world.site.space == Space::Going {
        take(setup, book, world, Step::Finishes)?;
    }
    Some(Matter::ALL.map(|matter| people::outline(book, world, matter).whole))
}

/// A look at the change and at the domain.
fn change(setup: &Setup, book: &mut Book, world: &mut World) -> Option<()> {
    use changes::world::{Commit, Pass, Step as OfChange};
    for slot in [0, 2] {
        let Some(question) = changes::people::question(&world.base, slot) else { continue };
        let outline = book.changes.outline(question);
        let at = usize::from(slot);
        let status = world.base.changes[at].map(|change| change.status).unwrap_or_default();
        if outline.record.is_some() || (status.committed && !outline.committed) {
            take(setup, book, world, Step::Base(OfChange::Starts { slot }))?;
            while world.base.commits[at] != Commit::Idle {
                let step = changes::operator::commit_step(&setup.base, &world.base, By::Leader, slot)?;
                take(setup, book, world, Step::Base(step))?;
            }
        } else {
            take(setup, book, world, Step::Base(OfChange::Shows { slot, status: outline.status() }))?;
        }
        world.base.seen = world.base.systems;
    }
    if world.base.domain.reserved().next().is_some() && setup.base.clears {
        take(setup, book, world, Step::Base(OfChange::Surveys))?;
        while world.base.pass != Pass::Idle {
            let step = changes::operator::pass_step(&setup.base, &book.changes, &world.base)?;
            take(setup, book, world, Step::Base(step))?;
        }
    }
    Some(())
}

fn take(setup: &Setup, book: &mut Book, world: &mut World, step: Step) -> Option<()> {
    let before = world.record();
    *world = operator::step(setup, &|_| true, book, world, step)?;
    world.sins |= must::between(book, before, world.record());
    Some(())
}

/// The world in which the system has left: the order is lifted where one stands, and everybody agrees to what is open.
fn closed(setup: &Setup, book: &mut Book, mut world: World) -> Option<World> {
    for _ in 0..DECISIONS {
        let leave = people::outline(book, &world, Matter::Leave);
        if leave.closed {
            // What its unit has deleted before it was backed up is nobody's here.
            let left =
                |volume: u8| world.site.left & bit(volume) != 0 && must::is_accounted(book, world.record(), volume);
            return (world.site.space == Space::Gone && !(1..=VOLUMES).any(left)).then_some(world);
        }
        let order = people::outline(book, &world, Matter::Order);
        let lift = order.gates.iter().find(|(gate, _)| *gate == Gate::Lift).map(|open| (Matter::Order, *open));
        let (matter, (gate, digest)) = lift.or_else(|| Some((Matter::Leave, *leave.gates.first()?)))?;
        let outline = if matter == Matter::Order { order } else { leave };
        let vote = people::draft(&world, matter, &outline, gate, gate.agreement(), digest);
        people::decide(book, &mut world, matter, vote);
        world = rest(setup, book, &world)?;
    }
    None
}

/// Whether a change is decided and not yet on record.
pub fn waits(world: &World) -> bool {
    world.base.changes.iter().flatten().any(|change| change.status.stage == Stage::Approved)
}

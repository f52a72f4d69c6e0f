//! What an operator does about a departure, an order and the system, call by call, as `controllers::decommission`,
//! `controllers::sanction` and `controllers::system` do it. Here a look at the namespace is one call, and so are the reads of
//! a departure or an order and of its decisions, which only ever become more.

use super::super::bugs::Bug;
use super::super::changes;
use super::super::setup::Fence;
use super::super::world::{By, Id};
use super::book::{Book, Departing, Ordering, bit, label, leaves};
use super::invariants as must;
use super::setup::Setup;
use super::world::{Act, Hand, Job, Label, Site, Space, Step, Which, Work, World};
use yunguan::core::stop;

/// The steps of the leader about all but the change, and of the operator before it, which was paused.
pub fn steps(setup: &Setup, book: &mut Book, world: &World, steps: &mut Vec<Step>) {
    for which in Which::ALL {
        if world.hand(By::Leader, which) == Hand::Idle {
            let begins = begins(setup, book, world, which);
            steps.extend(begins.into_iter().map(|hand| Step::Begins(which, hand)));
            continue;
        }
        steps.push(Step::GoesOn(By::Leader, which));
        steps.extend(setup.base.fails.then_some(Step::Fails(which)));
        steps.extend(setup.base.takes_over.then_some(Step::TakesOver(which)));
    }
    if let Some(which) = world.paused.which() {
        // What it reads leads to nothing unless it can write.
        if setup.base.fence == Fence::Down || world.paused.writes_next() {
            steps.push(Step::GoesOn(By::Paused, which));
        }
    }
}

/// What caches, however old, can lead a controller to begin with.
pub fn begins(setup: &Setup, book: &mut Book, world: &World, which: Which) -> Vec<Hand> {
    let seen = world.base.seen[0];
    let clock = world.base.clock;
    let lists = |book: &Book, list: Id| if setup.base.stale { book.changes.earlier(list) } else { vec![list] };
    let mut found = Vec::new();
    match which {
        Which::Leave => {
            for decisions in lists(book, world.decisions[0]) {
                let plan = book.leave(Departing { decisions, record: seen.record, site: world.site, clock });
                let begins = match (plan.record, plan.act) {
                    (None, None) => continue,
                    (None, Some(act)) if setup.has(Bug::ActsOnCache) => {
                        Hand::Acts { act, ordered: is_ordered(book, world.record()) }
                    }
                    _ => Hand::Finds { decisions: world.decisions[0] },
                };
                if !found.contains(&begins) {
                    found.push(begins);
                }
            }
        }
        Which::Order => {
            for decisions in lists(book, world.decisions[1]) {
                let plan = book.order(Ordering { decisions, record: seen.record, status: world.order, clock });
                let begins = Hand::Surveys { status: world.order, decisions: world.decisions[1], fresh: true };
                if plan.turns && !found.contains(&begins) {
                    found.push(begins);
                }
            }
        }
        Which::Keep => {
            let spec = book.record(seen.record);
            let label = label(spec);
            let labels = !leaves(spec) && world.site.space == Space::Here && label != world.site.label;
            let (runs, shown) = book.moved(seen.record, seen.shown, world.site, clock);
            if labels {
                found.push(Hand::Labels { system: seen, label, current: true });
            } else if runs != world.site.runs {
                found.push(Hand::Moves { system: seen });
            } else if shown != seen.shown {
                found.push(Hand::Reports { system: seen, shown });
            }
        }
    }
    found
}

fn is_ordered(book: &Book, record: Id) -> bool {
    book.record(record).suspensions.iter().any(|suspension| suspension.lifted.is_none())
}

/// The world after a step of an operator, or of what the cluster does for it.
pub fn step(setup: &Setup, passes: &dyn Fn(By) -> bool, book: &mut Book, world: &World, step: Step) -> Option<World> {
    let mut next = *world;
    match step {
        Step::Base(step) => {
            next.base = changes::operator::step(&setup.base, passes, &mut book.changes, &world.base, step)?;
            if matches!(step, changes::world::Step::Crashes | changes::world::Step::TakesOver { .. }) {
                next.hands = [Hand::Idle; 3];
            }
        }
        Step::Begins(which, hand) => next.hands[which as usize] = hand,
        Step::Fails(which) => next.hands[which as usize] = Hand::Idle,
        Step::TakesOver(which) => {
            next.paused = world.hands[which as usize];
            next.hands = [Hand::Idle; 3];
            next.base = world.base.dead();
            // Its cache may have fallen behind long ago.
            next.base.seen = book.changes.first();
        }
        Step::Works(work, volume) => {
            next.site.jobs[Site::job(work, volume)] = Job::Done(world.site.volume);
            if work == Work::Wipe {
                next.wiped |= bit(world.site.volume);
            }
        }
        Step::Finishes => {
            let volume = world.site.volume;
            if volume > 0 {
                next.site.left |= bit(volume);
                next.sins |= if must::is_accounted(book, world.record(), volume) { 0 } else { must::SIN_FORGOTTEN };
            }
            next.site = Site { space: Space::Gone, left: next.site.left, ..Site::default() };
        }
        Step::GoesOn(by, which) => {
            let hand = world.hand(by, which);
            if hand.writes_next() && !passes(by) {
                // Nothing was written, and nothing will be: the process ends.
                next.set_hand(by, which, Hand::Idle);
                return Some(next);
            }
            let then = goes_on(setup, book, &mut next, hand);
            next.age(world);
            next.set_hand(by, which, then);
            return Some(next);
        }
        _ => return None,
    }
    next.age(world);
    Some(next)
}

/// The next call of what is in a hand; what is in it then.
fn goes_on(setup: &Setup, book: &mut Book, world: &mut World, hand: Hand) -> Hand {
    let clock = world.base.clock;
    match hand {
        Hand::Idle => Hand::Idle,
        Hand::Finds { decisions } => Hand::Looks { decisions, record: world.record(), current: true },
        Hand::Looks { decisions, record, current } => {
            let plan = book.leave(Departing { decisions, record, site: world.site, clock });
            match (plan.record, plan.act) {
                (Some(record), _) => Hand::Puts { record, current },
                (None, Some(act)) if !setup.has(Bug::ActsOnCache) => {
                    Hand::Acts { act, ordered: is_ordered(book, record) }
                }
                _ => Hand::Idle,
            }
        }
        Hand::Puts { record, current } | Hand::Turns { record, current } => {
            if current || setup.has(Bug::RecordUnguarded) {
                world.base.systems[0].record = record;
            }
            Hand::Idle
        }
        Hand::Acts { act, ordered } => {
            acts(setup, world, act, ordered);
            Hand::Idle
        }
        Hand::Surveys { status, decisions, fresh } => {
            let plan = book.order(Ordering { decisions, record: world.record(), status, clock });
            let told = plan.status.unwrap_or(status);
            Hand::Tells { status: told, record: plan.record, fresh, current: true }
        }
        Hand::Tells { status, record, fresh, current } => {
            if !fresh {
                return Hand::Idle;
            }
            world.order = status;
            record.map_or(Hand::Idle, |record| Hand::Turns { record, current })
        }
        Hand::Labels { system, label, current } => {
            if !current {
                return Hand::Idle;
            }
            world.site.label = label;
            Hand::Moves { system }
        }
        Hand::Moves { system } => {
            let (runs, shown) = book.moved(system.record, system.shown, world.site, clock);
            if world.site.space == Space::Here {
                world.site.runs = runs;
            }
            Hand::Reports { system, shown }
        }
        Hand::Reports { system, shown } => {
            if world.base.systems[0] == system {
                world.base.systems[0].shown = shown;
            }
            Hand::Idle
        }
    }
}

fn acts(setup: &Setup, world: &mut World, act: Act, ordered: bool) {
    let site = &mut world.site;
    match act {
        Act::Run(work, volume) if site.space == Space::Here => {
            let job = &mut site.jobs[Site::job(work, volume)];
            if *job == Job::None {
                *job = Job::Made;
                world.sins |= if work == Work::Wipe && ordered { must::SIN_ORDERED } else { 0 };
            }
        }
        Act::Remove(volume) if site.volume == volume => {
            site.volume = 0;
            site.left |= bit(volume);
        }
        Act::RemoveVolume(volume) if !setup.has(Bug::StrandsVolume) => site.left &= !bit(volume),
        Act::DeleteNamespace if site.space == Space::Here => site.space = Space::Going,
        Act::Tidy => site.jobs = [Job::None; 4],
        _ => {}
    }
}

/// Whether the namespace is as the record says.
pub fn is_kept(book: &Book, world: &World) -> bool {
    let spec = book.record(world.record());
    let stopped = stop::standing(spec).is_some();
    leaves(spec) || ((world.site.label != Label::None) == stopped && world.site.runs != stopped)
}

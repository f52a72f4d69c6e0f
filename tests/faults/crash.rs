//! The operator killed at every write of the standard track, before it, after it is done, and after its answer: it ends
//! where it would have ended, with each thing made once.

use super::oracles::{self, Deeds};
use crate::world::*;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::time::Duration;
use yunguan_cluster::faults::{Fault, Position, Proxy};

const CALM: Duration = Duration::from_millis(700);

/// A case that goes its way, while whoever finds the operator dead starts it again.
pub async fn survives(world: &World, course: impl Future<Output = Result<()>>) -> Result<usize> {
    tokio::pin!(course);
    let mut restarts = 0;
    loop {
        tokio::select! {
            done = &mut course => return done.map(|()| restarts),
            () = death(world) => {
                world.operator.start_again()?;
                restarts += 1;
            }
        }
    }
}

async fn death(world: &World) {
    let gone = async || Ok(world.operator.exited()?.map(drop));
    // It lives for as long as the course takes.
    while yunguan_cluster::wait_until("the operator to die", Duration::from_mins(10), gone).await.is_err() {}
}

/// One case through the standard track, with this fault; where it ended, and what was done for it.
async fn run(world: &World, proxy: &Proxy, code: &str, fault: Option<(u64, Fault)>) -> Result<(Value, Deeds, u64)> {
    let mut log = world.cluster.audit_from_now()?;
    let strikes = proxy.strikes();
    match fault {
        Some((write, fault)) => proxy.arm(write, fault, world.operator.pid()),
        None => proxy.disarm(),
    }
    let case = world.draft("t-crash", code, |_| {}).await?;
    let course = async {
        case.to_live().await?;
        oracles::at_rest(world, proxy, CALM).await
    };
    survives(world, course).await.with_context(|| format!("{fault:?}"))?;
    let deeds = oracles::deeds(&mut log, &case)?;
    let end = oracles::end_of(&case).await?;
    Ok((end, deeds, proxy.strikes() - strikes))
}

/// Every write at this position, until one more would never come.
async fn all_writes(name: &str, position: Position) -> Result<usize> {
    let world = World::with_faults().await?;
    let proxy = world.proxy.clone().context("no proxy")?;
    world.unit("t-crash", None).await?;
    let (calm, whole, _) = run(&world, &proxy, &format!("{name}-calm"), None).await?;
    let made_once = |deeds: &Deeds| deeds.creates.values().all(|n| *n == 1);
    ensure!(made_once(&whole), "{:?}", whole.creates);
    // Changes that come close together are shown by one write, so a calm run has a few writes more or less.
    let mut updates: usize = whole.updates.values().sum();
    for again in 0..2 {
        let (end, deeds, _) = run(&world, &proxy, &format!("{name}-calm-{again}"), None).await?;
        ensure!(end == calm, "calm runs differ: {:#?}", oracles::differences(&end, &calm));
        updates = updates.max(deeds.updates.values().sum());
    }
    let (mut points, mut extra) = (0, Vec::new());
    for write in 1.. {
        let code = format!("{name}-{write}");
        let (end, deeds, struck) = run(&world, &proxy, &code, Some((write, Fault::Crash(position)))).await?;
        if struck == 0 {
            break;
        }
        let place = || format!("killed at write {write}, {position:?}");
        ensure!(end == calm, "{}: ended elsewhere: {:#?}", place(), oracles::differences(&end, &calm));
        let writes = proxy.writes();
        ensure!(made_once(&deeds), "{}: {:?}\n{writes:#?}", place(), deeds.creates);
        let (made, wanted) = (deeds.creates.len(), whole.creates.len());
        ensure!(made == wanted, "{}: {made} objects instead of {wanted}\n{writes:#?}", place());
        let more = i64::try_from(deeds.updates.values().sum::<usize>())? - i64::try_from(updates)?;
        ensure!(more <= 1, "{}: {more} more updates than in a calm run\n{writes:#?}", place());
        extra.push(more);
        points += 1;
    }
    extra.sort_unstable();
    println!("{name}: {points} crash points, updates beyond those of a calm run: {extra:?}");
    Ok(points)
}

#[tokio::test]
async fn killed_at_any_write_the_operator_ends_in_the_same_place() -> Result<()> {
    // Three clusters side by side.
    let before = all_writes("before", Position::Before);
    let commit = all_writes("commit", Position::AfterCommit);
    let answer = all_writes("answer", Position::AfterAnswer);
    let points: usize = <[usize; 3]>::from(tokio::try_join!(before, commit, answer)?).iter().sum();
    println!("crash points of the standard track: {points}");
    ensure!(points > 80, "only {points} points");
    Ok(())
}

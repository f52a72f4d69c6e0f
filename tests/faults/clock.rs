//! The operator's clock goes wrong: back by an hour, and forward again.

use super::oracles;
use crate::changing::*;
use crate::timing::*;
use crate::world::*;
use anyhow::{Result, ensure};
use jiff::{SignedDuration, Timestamp};
use yunguan::api::common::Time;
use yunguan::api::decision::Verdict;
use yunguan::api::resource_change::{Change, ChangeGround, ChangePhase, Window};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// What holds goes on, what is decided meanwhile takes effect, and a window begins and ends once.
#[tokio::test]
async fn r22_3_a_clock_that_goes_back_an_hour_and_forward_again_takes_nothing_and_gives_nothing_twice() -> Result<()> {
    let world = World::with_clock().await?;
    let case = live(&world, "t-clock", "clock").await?;
    let mut log = world.cluster.audit_from_now()?;
    let mut writes = world.cluster.audit_from_now()?;
    let change = Change { lines: lines(&[("cpu", 20)]), ..Change::default() };
    let more = Changing::of_unit(&case, "clock.more", change).await?;
    more.approved().await?;
    more.phase(ChangePhase::InEffect).await?;
    let window = async |name: &str, from: SignedDuration, until: SignedDuration| {
        let at = |after| anyhow::Ok(Time::new(Timestamp::now().checked_add(after)?));
        let window = Some(Window { from: at(from)?, until: at(until)? });
        let ground = ChangeGround::ForeseeablePeak;
        let change = Change { ground, lines: lines(&[("memory", 40)]), window, ..Change::default() };
        let change = Changing::of_unit(&case, name, change).await?;
        change.approved().await?;
        change.committed().await?;
        anyhow::Ok(change)
    };
    let now = window("clock.now", SignedDuration::ZERO, HOUR * 24).await?;
    quota(&case, "requests.memory", "40Gi").await?;
    let later = window("clock.later", HOUR * 2, HOUR * 3).await?;
    let under_way =
        Changing::of_unit(&case, "clock.under-way", Change { lines: lines(&[("cpu", 22)]), ..Change::default() })
            .await?;
    under_way.to_approval().await?;

    world.clock.advance_by(-HOUR)?;
    looked_at(&case).await?;
    quota(&case, "requests.cpu", "20").await?;
    quota(&case, "requests.memory", "40Gi").await?;
    // People work on: an approval takes effect at once, and a request goes all its way.
    under_way.decide(AUTHORITY, "approval", Verdict::Approve).await?;
    quota(&case, "requests.cpu", "22").await?;
    let other = world.draft("t-clock", "other", |_| {}).await?;
    other.to_live().await?;

    world.clock.advance_by(HOUR)?;
    looked_at(&case).await?;
    under_way.phase(ChangePhase::InEffect).await?;
    let from = later.get().await?.status.and_then(|status| status.effective_from).unwrap_or_default();
    turns_at(&case, from.timestamp(), "requests.memory", "48Gi").await?;
    // Back across the start and forward again: it is a window like before.
    world.clock.advance_by(-HOUR)?;
    looked_at(&case).await?;
    world.clock.advance_by(HOUR)?;
    quota(&case, "requests.memory", "48Gi").await?;
    later.phase(ChangePhase::InEffect).await?;
    let until = later.get().await?.status.and_then(|status| status.until).unwrap_or_default();
    turns_at(&case, until.timestamp(), "requests.memory", "40Gi").await?;
    later.phase(ChangePhase::Ended).await?;
    now.phase(ChangePhase::InEffect).await?;
    let done = done(&mut log, &case, &["16", "32Gi"], &["requests.cpu", "requests.memory"])?;
    let states = [["16", "32Gi"], ["20", "32Gi"], ["20", "40Gi"], ["22", "40Gi"], ["22", "48Gi"]];
    ensure!(done.quota.starts_with(&states.map(|state| state.map(str::to_owned).to_vec())), "{:?}", done.quota);
    ensure!(done.quota.iter().skip(5).all(|state| state[0] == "22"), "{:?}", done.quota);
    let deeds = oracles::deeds(&mut writes, &case)?;
    let twice: Vec<_> = deeds.creates.iter().filter(|(_, times)| **times > 1).collect();
    ensure!(twice.is_empty(), "{twice:?}");
    oracles::end_of(&case).await?;
    oracles::end_of(&other).await.map(drop)
}

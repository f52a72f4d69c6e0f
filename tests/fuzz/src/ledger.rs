//! The books: whole whatever they are made of and wherever writing stopped, and found out wherever they were changed.

use arbitrary::{Result, Unstructured};
use jiff::Timestamp;
use yunguan::api::LedgerEntrySpec;
use yunguan::api::common::{RequestRef, Time};
use yunguan::api::decision::Access;
use yunguan::api::ledger_entry::LedgerBody;
use yunguan::core::ledger::{Fact, check as wrong, hash, missing};

pub fn check(data: &[u8]) {
    try_check(&mut Unstructured::new(data)).unwrap_or_default();
}

fn try_check(bytes: &mut Unstructured<'_>) -> Result<()> {
    let system = RequestRef { name: bytes.arbitrary()?, uid: bytes.arbitrary()?, ..RequestRef::default() };
    let facts = (0..bytes.int_in_range(1..=8)?).map(|n| fact(n, bytes)).collect::<Result<Vec<_>>>()?;
    let whole = missing(&system, &facts, &[]);
    assert_eq!(whole.len(), facts.len());
    assert_eq!(wrong(&whole), Vec::<String>::new());
    // Writing may stop anywhere, and what is there may be listed in any order.
    let mut written = whole[..bytes.int_in_range(0..=whole.len())?].to_vec();
    written.reverse();
    let rest = missing(&system, &facts, &written);
    assert_eq!(rest, whole[written.len()..]);

    let mut changed = whole.clone();
    let at = bytes.choose_index(changed.len())?;
    let entry = &mut changed[at];
    match bytes.int_in_range(0..=5)? {
        0 => entry.fact.push('!'),
        1 => entry.at = Time::new(Timestamp::from_second(entry.at.timestamp().as_second() + 1).unwrap()),
        2 => entry.system.name.push('!'),
        3 => entry.body.access.get_or_insert_default().username.push('!'),
        4 => entry.hash = turned(&entry.hash),
        _ => entry.previous = turned(&entry.previous),
    }
    assert_ne!(wrong(&changed), Vec::<String>::new(), "{at} was changed: {:?}", changed[at]);
    // Whoever works the hash out anew breaks the chain behind it.
    changed[at].hash = hash(&changed[at]);
    let last = at + 1 == changed.len();
    let follows = changed[at].previous == whole[at].previous;
    let same = changed == whole;
    assert_eq!(wrong(&changed).is_empty(), same || (last && follows), "{at}");
    cut(&whole, bytes.choose_index(whole.len())?);
    Ok(())
}

/// An entry that is gone is missed, but for the last, of which nothing else speaks.
fn cut(whole: &[LedgerEntrySpec], at: usize) {
    let mut cut = whole.to_vec();
    cut.remove(at);
    assert_eq!(wrong(&cut).is_empty(), at + 1 == whole.len(), "{at}");
}

fn fact(n: usize, bytes: &mut Unstructured<'_>) -> Result<Fact> {
    let access = Access { username: bytes.arbitrary()?, purpose: bytes.arbitrary()?, ..Access::default() };
    let access = bytes.arbitrary::<bool>()?.then_some(access);
    Ok(Fact {
        key: format!("{n}/{}", bytes.arbitrary::<&str>()?),
        at: Time::new(Timestamp::from_second(bytes.int_in_range(0..=4_000_000_000_i64)?).unwrap()),
        body: LedgerBody { access, ..LedgerBody::default() },
    })
}

/// Another digest.
fn turned(digest: &str) -> String {
    digest.chars().map(|c| if c == '0' { '1' } else { '0' }).collect()
}

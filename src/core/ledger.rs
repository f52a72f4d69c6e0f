//! The books: facts of a system as a hash chain that anybody can check with nothing but the entries.

use super::digest;
use crate::api::common::{RequestRef, Time};
use crate::api::decommission::{Leaving, Wipe};
use crate::api::information_system::Suspension;
use crate::api::ledger_entry::{LedgerBody, LedgerEntrySpec};
use crate::api::{DecisionSpec, InformationSystemSpec};
use serde_json::json;

/// What stands before the first entry.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Something that belongs into the books.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Unique within the chain.
    pub key: String,
    /// When it happened.
    pub at: Time,
    /// The particulars.
    pub body: LedgerBody,
}

/// The facts of a system, in the order in which they belong into the books: grants, going live, agreements about
/// major changes, emergency expansions that ended, orders that stopped it and their end, its departure, and whom the unit
/// let in.
#[must_use]
pub fn facts(system: &InformationSystemSpec, access: &[(String, Time, DecisionSpec)]) -> Vec<Fact> {
    let granted = system.grants.iter().map(|grant| Fact {
        key: granted_key(&grant.submission_uid),
        at: grant.effective_from,
        body: LedgerBody { granted: Some(Box::new(grant.clone())), ..LedgerBody::default() },
    });
    let adopted = system.adopted.iter().zip(&system.grants).map(|(adopted, first)| Fact {
        key: "adopted".to_owned(),
        at: first.effective_from,
        body: LedgerBody { adopted: Some(adopted.clone()), ..LedgerBody::default() },
    });
    let live = system.live.iter().map(|live| Fact {
        key: "live".to_owned(),
        at: live.from,
        body: LedgerBody { live: Some(live.clone()), ..LedgerBody::default() },
    });
    let access = access.iter().filter_map(|(uid, at, decision)| {
        let access = decision.access.clone()?;
        Some(Fact { key: access_key(uid), at: *at, body: LedgerBody { access: Some(access), ..LedgerBody::default() } })
    });
    let agreed = system.agreements.iter().map(|agreement| Fact {
        key: format!("agreed/{}", agreement.submission_uid),
        at: agreement.live.from,
        body: LedgerBody { agreed: Some(agreement.clone()), ..LedgerBody::default() },
    });
    let closed = system.closed.iter().map(|closed| Fact {
        key: format!("closed/{}", closed.submission_uid),
        at: closed.at,
        body: LedgerBody { closed: Some(closed.clone()), ..LedgerBody::default() },
    });
    let suspended = system.suspensions.iter().map(|suspension| Fact {
        key: format!("suspended/{}", suspension.order.uid),
        at: suspension.imposed.at,
        body: LedgerBody {
            suspended: Some(Box::new(Suspension { lifted: None, ..suspension.clone() })),
            ..LedgerBody::default()
        },
    });
    let lifted = system.suspensions.iter().filter_map(|suspension| {
        let lifted = suspension.lifted.clone()?;
        let key = format!("lifted/{}", suspension.order.uid);
        Some(Fact { key, at: lifted.at, body: LedgerBody { lifted: Some(lifted), ..LedgerBody::default() } })
    });
    let left = system.departures.iter().flat_map(departed);
    granted
        .chain(adopted)
        .chain(live)
        .chain(agreed)
        .chain(closed)
        .chain(suspended)
        .chain(lifted)
        .chain(left)
        .chain(access)
        .collect()
}

/// What has happened of a departure, each with what was on record by then: what comes later changes no entry.
fn departed(leaving: &Leaving) -> Vec<Fact> {
    let fact = |what: &str, at: Time, known: Leaving| Fact {
        key: format!("{what}/{}", leaving.submission_uid),
        at,
        body: LedgerBody { leaving: Some(Box::new(known)), ..LedgerBody::default() },
    };
    let approved = Leaving {
        offline_at: None,
        withdrawn: None,
        backups: Vec::new(),
        backed_up: None,
        wipe: None,
        reclaim: None,
        ..leaving.clone()
    };
    let mut facts = vec![fact("leaving", leaving.approved, approved.clone())];
    facts
        .extend(leaving.offline_at.map(|at| fact("offline", at, Leaving { offline_at: Some(at), ..approved.clone() })));
    let backups = || leaving.backups.clone();
    facts.extend(leaving.wipe.as_ref().map(|wipe| {
        let begun = Wipe { volumes: Vec::new(), done: None, ..wipe.clone() };
        let known = Leaving { backups: backups(), backed_up: leaving.backed_up, wipe: Some(begun), ..approved.clone() };
        fact("wiping", wipe.at, known)
    }));
    let wiped = leaving.wipe.as_ref().and_then(|wipe| Some((wipe.done?, wipe)));
    facts.extend(wiped.map(|(at, wipe)| fact("wiped", at, Leaving { wipe: Some(wipe.clone()), ..approved.clone() })));
    let closed = leaving.reclaim.as_ref().and_then(|reclaim| Some((reclaim.closed?, reclaim)));
    facts.extend(
        closed.map(|(at, reclaim)| fact("left", at, Leaving { reclaim: Some(reclaim.clone()), ..approved.clone() })),
    );
    facts.extend(
        leaving
            .withdrawn
            .as_ref()
            .map(|withdrawn| fact("stays", withdrawn.at, Leaving { withdrawn: Some(withdrawn.clone()), ..approved })),
    );
    facts
}

/// The key of the fact that something was granted.
#[must_use]
pub fn granted_key(submission_uid: &str) -> String {
    format!("granted/{submission_uid}")
}

/// The key of the fact that a unit let somebody in by this Decision.
#[must_use]
pub fn access_key(decision_uid: &str) -> String {
    format!("access/{decision_uid}")
}

/// The entries that are missing, continuing the chain.
#[must_use]
pub fn missing(system: &RequestRef, facts: &[Fact], chain: &[LedgerEntrySpec]) -> Vec<LedgerEntrySpec> {
    let mut seq = chain.iter().map(|e| e.seq).max().unwrap_or(0);
    let mut previous = chain.iter().max_by_key(|e| e.seq).map_or_else(|| GENESIS.to_owned(), |e| e.hash.clone());
    facts
        .iter()
        .filter(|fact| !chain.iter().any(|e| e.fact == fact.key))
        .map(|fact| {
            seq += 1;
            let mut entry = LedgerEntrySpec {
                system: system.clone(),
                seq,
                previous: previous.clone(),
                fact: fact.key.clone(),
                at: fact.at,
                body: fact.body.clone(),
                hash: String::new(),
            };
            entry.hash = hash(&entry);
            previous.clone_from(&entry.hash);
            entry
        })
        .collect()
}

/// The hash of an entry: over every field but the hash.
#[must_use]
pub fn hash(entry: &LedgerEntrySpec) -> String {
    let LedgerEntrySpec { system, seq, previous, fact, at, body, hash: _ } = entry;
    digest::of(&json!({"system": system, "seq": seq, "previous": previous, "fact": fact, "at": at, "body": body}))
}

/// What is wrong with a chain; nothing where it is whole.
#[must_use]
pub fn check(chain: &[LedgerEntrySpec]) -> Vec<String> {
    let mut sorted: Vec<_> = chain.iter().collect();
    sorted.sort_by_key(|e| e.seq);
    let mut wrong = Vec::new();
    let mut previous = GENESIS;
    for (place, entry) in (1..).zip(sorted) {
        if entry.seq != place {
            wrong.push(format!("entry {place} is missing: the next one is {}", entry.seq));
        }
        if entry.previous != previous {
            wrong.push(format!("entry {} does not follow from the one before", entry.seq));
        }
        if hash(entry) != entry.hash {
            wrong.push(format!("entry {} was changed: its hash does not fit", entry.seq));
        }
        previous = &entry.hash;
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(n: usize) -> Fact {
        Fact { key: format!("f{n}"), at: Time::default(), body: LedgerBody::default() }
    }

    fn chain(n: usize) -> Vec<LedgerEntrySpec> {
        missing(&RequestRef::default(), &(0..n).map(fact).collect::<Vec<_>>(), &[])
    }

    #[test]
    fn r21_1_r34_1_grants_going_live_agreements_ends_orders_and_guests_belong_into_the_books() {
        use crate::api::decision::Access;
        use crate::api::information_system::{Agreement, Closed, Grant, Live};
        use crate::api::sanction::{Imposed, Lifted};
        let at = |second| Time::new(jiff::Timestamp::from_second(second).unwrap());
        let grant = Grant { submission_uid: "s".into(), effective_from: at(1), ..Grant::default() };
        let live = Live { from: at(2), ..Live::default() };
        let agreed = Agreement { submission_uid: "m".into(), live: Live { from: at(5), ..Live::default() } };
        let closed = Closed { submission_uid: "e".into(), at: at(6), ..Closed::default() };
        let suspension = |lifted| Suspension {
            order: RequestRef { uid: "o".into(), ..RequestRef::default() },
            imposed: Imposed { at: at(7), ..Imposed::default() },
            lifted,
            ..Suspension::default()
        };
        let lifted = Lifted { at: at(8), ..Lifted::default() };
        let system = InformationSystemSpec {
            suspensions: vec![suspension(Some(lifted.clone()))],
            grants: vec![grant.clone()],
            live: Some(live.clone()),
            agreements: vec![agreed.clone()],
            closed: vec![closed.clone()],
            ..InformationSystemSpec::default()
        };
        let access = Access { username: "li".into(), ..Access::default() };
        let lets_in = DecisionSpec { access: Some(access.clone()), ..DecisionSpec::default() };
        let decisions = [("d".to_owned(), at(3), lets_in), ("e".to_owned(), at(4), DecisionSpec::default())];
        let found = facts(&system, &decisions);
        let keys: Vec<_> = found.iter().map(|fact| (fact.key.as_str(), fact.at)).collect();
        let expected = [
            ("granted/s", at(1)),
            ("live", at(2)),
            ("agreed/m", at(5)),
            ("closed/e", at(6)),
            ("suspended/o", at(7)),
            ("lifted/o", at(8)),
            ("access/d", at(3)),
        ];
        assert_eq!(keys, expected);
        let bodies = [
            LedgerBody { granted: Some(Box::new(grant)), ..LedgerBody::default() },
            LedgerBody { live: Some(live), ..LedgerBody::default() },
            LedgerBody { agreed: Some(agreed), ..LedgerBody::default() },
            LedgerBody { closed: Some(closed), ..LedgerBody::default() },
            // As it was imposed: that it was lifted is another fact.
            LedgerBody { suspended: Some(Box::new(suspension(None))), ..LedgerBody::default() },
            LedgerBody { lifted: Some(lifted), ..LedgerBody::default() },
            LedgerBody { access: Some(access), ..LedgerBody::default() },
        ];
        assert!(found.iter().map(|fact| &fact.body).eq(&bodies));
    }

    #[test]
    fn writing_twice_adds_nothing() {
        let facts: Vec<_> = (0..3).map(fact).collect();
        let whole = chain(3);
        assert!(missing(&RequestRef::default(), &facts, &whole).is_empty());
        let resumed = missing(&RequestRef::default(), &facts, &whole[..1]);
        assert_eq!(resumed, whole[1..]);
    }

    #[test]
    fn tampering_is_found() {
        let whole = chain(4);
        assert!(check(&whole).is_empty());
        let mut changed = whole.clone();
        changed[1].fact = "forged".into();
        assert_eq!(check(&changed), ["entry 2 was changed: its hash does not fit"]);
        let mut rehashed = changed;
        rehashed[1].hash = hash(&rehashed[1]);
        assert_eq!(check(&rehashed), ["entry 3 does not follow from the one before"]);
        let mut cut = whole.clone();
        cut.remove(1);
        assert_eq!(
            check(&cut),
            [
                "entry 2 is missing: the next one is 3",
                "entry 3 does not follow from the one before",
                "entry 3 is missing: the next one is 4"
            ]
        );
        let mut twice = whole;
        twice.push(twice[3].clone());
        assert!(!check(&twice).is_empty(), "two entries of one place");
    }
}

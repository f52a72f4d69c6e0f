//! What people do through the plugin: whether the same has been done by them already, and under which name a Decision is made.
//! A name tells nothing: anybody who may decide can take any, so what is found under it is compared.

use super::{DecisionFact, Refusal, Subject, Walk, foresee, place};
use crate::api::decision::{DecidedBy, DecisionSpec};
use crate::api::governance_policy::Track;
use crate::core::{digest, names};
use serde_json::json;

/// Names in a row that are tried; then come some that nobody can foresee.
const IN_A_ROW: usize = 9;
/// Names that are tried in all.
const TRIES: usize = 24;

/// Whether two decisions say the same, whoever made them.
#[must_use]
pub fn say_the_same(one: &DecisionSpec, other: &DecisionSpec) -> bool {
    let of_nobody = |spec: &DecisionSpec| DecisionSpec { decided_by: None, ..spec.clone() };
    of_nobody(one) == of_nobody(other)
}

/// Whether a decision was made by this human being.
#[must_use]
pub fn is_by(decision: &DecisionFact, by: &DecidedBy) -> bool {
    let person = decision.spec.decided_by.as_ref().map(|by| by.person.as_str());
    person.is_some_and(|person| !person.is_empty() && person == by.person)
}

/// Whether a decision counts, or will once the operator has looked.
#[must_use]
pub fn stands(track: &Track, subject: &Subject<'_>, walk: &Walk, decision: &DecisionFact) -> bool {
    walk.counted.iter().any(|d| d.uid == decision.uid) || foresee(track, subject, walk, decision).is_ok()
}

/// The last thing that somebody did about a filing, at a gate where one is named, among what `stands`.
#[must_use]
pub fn last_of<'d>(
    by: &DecidedBy,
    filing: Option<&str>,
    gate: Option<&str>,
    decisions: &'d [DecisionFact],
    stands: impl Fn(&DecisionFact) -> bool,
) -> Option<&'d DecisionFact> {
    let own = decisions.iter().filter(|d| is_by(d, by) && d.spec.submission_uid.as_deref() == filing);
    let there = own.filter(|d| gate.is_none_or(|gate| d.spec.gate == gate));
    there.filter(|d| stands(d)).max_by_key(|d| place(d))
}

/// The decision by which exactly this was done before, by the same person: it is their last at its gate, and stands.
#[must_use]
pub fn already<'d>(
    wanted: &DecisionSpec,
    decisions: &'d [DecisionFact],
    stands: impl Fn(&DecisionFact) -> bool,
) -> Option<&'d DecisionFact> {
    let of_this: Vec<&DecisionFact> =
        decisions.iter().filter(|d| d.spec.request_ref == wanted.request_ref && stands(d)).collect();
    let counts = |d: &DecisionFact| of_this.iter().any(|known| known.uid == d.uid);
    let by = wanted.decided_by.as_ref()?;
    let last = last_of(by, wanted.submission_uid.as_deref(), Some(&wanted.gate), decisions, counts)?;
    say_the_same(&last.spec, wanted).then_some(last)
}

/// The names under which a decision can be made, in the order in which they are tried. The first follows from what is decided and
/// by whom, so that what is done twice at once collides. `salt` is something that nobody else can know.
pub fn names(spec: &DecisionSpec, username: &str, salt: &str) -> impl Iterator<Item = String> {
    let of = &spec.request_ref;
    let first = names::decision_name(&of.name, &of.uid, &spec.gate, &spec.digest, username);
    let salt = salt.to_owned();
    (1..=TRIES).map(move |n| match n {
        1 => first.clone(),
        2..=IN_A_ROW => format!("{first}.{n}"),
        _ => {
            let unforeseen = digest::of(&json!({"salt": salt, "n": n}));
            format!("{first}.{}", unforeseen.get(..8).unwrap_or_default())
        }
    })
}

/// Whether what stands under a name is the very act that was about to be done, made at the same moment from elsewhere. What was
/// known before is not: it was looked at, and does not stand.
#[must_use]
pub fn is_this(wanted: &DecisionSpec, there: &DecisionFact, known: &[DecisionFact]) -> bool {
    let by = wanted.decided_by.as_ref();
    !known.iter().any(|d| d.uid == there.uid)
        && by.is_some_and(|by| is_by(there, by))
        && say_the_same(&there.spec, wanted)
}

/// What would become of a decision that somebody is about to make.
#[derive(Clone, Debug, PartialEq)]
pub enum Prospect<'d> {
    /// It was made before, and stands.
    Done(&'d DecisionFact),
    /// It would not count.
    Void(Refusal),
    /// It would count.
    Counts,
}

/// Looks at what is there before something is made. What the operator has found void does not stand, even if it seems sound.
#[must_use]
pub fn prospect<'d>(
    track: &Track,
    subject: &Subject<'_>,
    walk: &Walk,
    decisions: &'d [DecisionFact],
    wanted: &DecisionFact,
    is_void: impl Fn(&DecisionFact) -> bool,
) -> Prospect<'d> {
    if let Some(before) = already(&wanted.spec, decisions, |d| !is_void(d) && stands(track, subject, walk, d)) {
        return Prospect::Done(before);
    }
    foresee(track, subject, walk, wanted).map_or_else(Prospect::Void, |()| Prospect::Counts)
}

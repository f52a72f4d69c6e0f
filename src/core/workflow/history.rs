//! Why decisions do not count. Each is judged where it stands among the others: its reason is that of the moment at which it
//! came to be void, and stays, whatever is decided after it. Nothing of that is stored; a replay gives the same answer.

use super::{
    CountedDecision, DecisionFact, DigestOf, Refusal, Subject, Track, VoidDecision, Walk, acceptance, person, place,
};
use crate::api::common::Time;

/// What happened: a decision that counts, or one that does not.
enum Happened<'a> {
    Counted(&'a CountedDecision, Option<&'a DecisionFact>),
    Void(&'a DecisionFact),
}

impl Happened<'_> {
    fn place(&self) -> (Time, u64, &str) {
        match self {
            Self::Counted(_, Some(decision)) | Self::Void(decision) => place(decision),
            Self::Counted(counted, None) => (counted.at, 0, counted.uid.as_str()),
        }
    }
}

/// The decisions that are `void`, each with why, given those that are counted in the end. `at_last` judges where the walk has
/// ended: it speaks where a decision would have counted at its own moment, and came to be void only later.
pub(super) fn refusals(
    track: &Track,
    subject: &Subject<'_>,
    decisions: &[DecisionFact],
    void: &[&DecisionFact],
    counted: &[CountedDecision],
    digest: DigestOf<'_>,
    at_last: impl Fn(&DecisionFact) -> Option<Refusal>,
) -> Vec<VoidDecision> {
    if void.is_empty() {
        return Vec::new();
    }
    let of = |counted: &CountedDecision| decisions.iter().find(|d| d.uid == counted.uid);
    let mut all: Vec<Happened<'_>> = counted.iter().map(|c| Happened::Counted(c, of(c))).collect();
    all.extend(void.iter().map(|d| Happened::Void(d)));
    all.sort_by(|a, b| a.place().cmp(&b.place()));

    let mut roles = subject.acted.clone();
    roles.insert(person(subject.submission), subject.submission.spec.role.clone());
    let mut then = Then { track, subject, digest, walk: Walk::default(), seen: None };
    let mut refusals = Vec::new();
    for happened in all {
        match happened {
            Happened::Counted(counted, decision) => {
                roles.insert(counted.person.clone(), counted.role.clone());
                match decision {
                    Some(decision) => then.walk.accept(track, decision),
                    None => then.walk.counted.push(counted.clone()),
                }
            }
            Happened::Void(decision) => {
                then.advance(decision.at);
                let refusal = acceptance::judge(track, subject, &then.walk, &roles, decision).err();
                refusals.extend(refusal.or_else(|| at_last(decision)).map(|refusal| refusal.of(decision)));
            }
        }
    }
    refusals
}

/// The way through the gates as it stood at a moment.
struct Then<'a> {
    track: &'a Track,
    subject: &'a Subject<'a>,
    digest: DigestOf<'a>,
    walk: Walk,
    /// How many decisions and steps the open gates were worked out for: digests cost something.
    seen: Option<(usize, usize)>,
}

impl Then<'_> {
    /// Goes on to a moment: what was done by then is passed, and so are hearings that were silent for long enough.
    fn advance(&mut self, to: Time) {
        loop {
            self.walk.pass_steps(self.track, self.subject, Some(to));
            let now = (self.walk.counted.len(), self.walk.passed.len());
            if self.seen != Some(now) {
                self.walk.open = self.walk.open_gates(self.track, self.subject, self.digest);
                self.seen = Some(now);
            }
            match self.walk.first_silence(self.track, self.subject) {
                Some((gate, at)) if at <= to => self.walk.passed.insert(gate, at),
                _ => return,
            };
        }
    }
}

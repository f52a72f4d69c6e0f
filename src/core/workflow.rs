//! The workflow engine: decisions of people, judged by the gates of a track. One engine for every request kind.
//!
//! State is derived: [`walk`] goes through all decisions from the start, every time, and says which gates are passed,
//! which are open under which digest, which decisions count, and why the others do not. It knows no gate and no city.

mod acceptance;
pub mod acts;
mod history;
#[cfg(test)]
mod tests;

use super::fit;
use super::text::Text;
use crate::api::bounds;
use crate::api::cloud_resource_request::{CountedDecision, VoidDecision, VoidReason};
use crate::api::common::Time;
use crate::api::decision::{DecisionSpec, LineAmount, TestResult, Verdict};
use crate::api::governance_policy::{Applies, Effect, Gate, Track};
use std::collections::{BTreeMap, BTreeSet};

/// A decision as it stands in the API, with what only the API server can say about it.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionFact {
    /// Name of the Decision.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// When it was made, by the API server's clock.
    pub at: Time,
    /// Its place among decisions of one second: the API server's resourceVersion, which rises with every write.
    pub order: u64,
    /// What it says.
    pub spec: DecisionSpec,
    /// Whether the person holds the verb on the role, by the API server's word.
    pub entitled: bool,
}

/// What is decided upon, as far as the engine needs to know.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// Name of the request.
    pub name: &'a str,
    /// The uid that decisions must name.
    pub uid: &'a str,
    /// The filing that stands.
    pub submission: &'a DecisionFact,
    /// Circumstances that hold.
    pub applies: &'a [Applies],
    /// Whether the material is complete.
    pub complete: bool,
    /// What is asked for, per line that can be confirmed.
    pub asked: &'a BTreeMap<String, i64>,
    /// The least that can be confirmed, per line; zero where nothing is said.
    pub least: &'a BTreeMap<String, i64>,
    /// Whether more than what was asked for can be confirmed.
    pub never_above_asked: bool,
    /// Decisions that were counted when resources were granted: they stand whatever happens to roles since.
    pub settled: &'a [CountedDecision],
    /// Who acted in which role in earlier rounds of the request.
    pub acted: &'a BTreeMap<String, String>,
    /// Effects that are done, and when.
    pub done: &'a BTreeMap<Effect, Time>,
    /// Until when the filing can be taken back.
    pub bound: Bound<'a>,
    /// Reports that are filed besides those of the gate, by who attests that data is wiped.
    pub attested: &'a [String],
    /// When somebody who is to be heard at a gate has been silent for long enough, by when the gate opened; nothing as
    /// long as that is to come, or cannot be counted.
    pub silent: SilentSince<'a>,
}

/// Until when a filing can be taken back.
#[derive(Clone, Copy, Debug, Default)]
pub enum Bound<'a> {
    /// Until resources are granted.
    #[default]
    ByGrant,
    /// Still, whatever is on record.
    NotYet,
    /// No more, and why.
    Because(&'a Text),
}

/// See [`Subject::silent`].
#[derive(Clone, Copy)]
pub struct SilentSince<'a>(pub &'a dyn Fn(&Gate, Time) -> Option<Time>);

impl std::fmt::Debug for SilentSince<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SilentSince")
    }
}

/// Computes the digest of a gate from the decisions counted at earlier gates and the amounts confirmed so far.
pub type DigestOf<'a> = &'a dyn Fn(&Gate, &[&CountedDecision], Option<&BTreeMap<String, i64>>) -> String;

/// Where the walk through the gates ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Walk {
    /// Gates and effects that are passed, and when. Gates that do not apply are passed with the ones before them.
    pub passed: BTreeMap<String, Time>,
    /// Gates at which somebody can act now.
    pub open: Vec<Open>,
    /// Effects that may be carried out now, with the moment of the decision that allowed them.
    pub due_effects: BTreeMap<Effect, Time>,
    /// The decision that ended the round.
    pub ended: Option<Ended>,
    /// Decisions that count, oldest first.
    pub counted: Vec<CountedDecision>,
    /// Decisions that do not count, oldest first, each with the reason of the moment at which it came to be void.
    pub void: Vec<VoidDecision>,
    /// Units per line that were confirmed.
    pub confirmed: Option<BTreeMap<String, i64>>,
}

/// A gate at which somebody can act.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    /// Name of the gate.
    pub gate: String,
    /// Since when it is open.
    pub since: Time,
    /// The digest that a decision here must carry.
    pub digest: String,
    /// How many have agreed.
    pub agreed: usize,
}

/// How a round ended before it was through.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// Reject, Return or Withdraw.
    pub verdict: Verdict,
    /// At which gate.
    pub gate: String,
    /// The decision.
    pub decision: CountedDecision,
    /// Amounts that a Return recommends.
    pub recommended: Vec<LineAmount>,
}

/// The gate name under which a unit withdraws a filing; no policy may use it for a gate.
pub const GATE_WITHDRAWAL: &str = "withdrawal";

/// Goes through the decisions of one round. `decisions` may hold others too; they are named void.
///
/// Order: the API server's seconds, then its resourceVersions, then uids, so that every replay gives the same answer. A
/// decision is tried again until no further one can be accepted, since a restore may have renumbered the versions.
#[must_use]
pub fn walk(track: &Track, subject: &Subject<'_>, decisions: &[DecisionFact], digest: DigestOf<'_>) -> Walk {
    let mut walk = Walk::default();
    let mut roles = subject.acted.clone();
    roles.insert(person(subject.submission), subject.submission.spec.role.clone());
    for decision in subject.settled {
        roles.insert(decision.person.clone(), decision.role.clone());
        walk.counted.push(decision.clone());
        walk.note_settled_amounts(track, decision, decisions);
    }
    let settled: BTreeSet<&str> = subject.settled.iter().map(|d| d.uid.as_str()).collect();

    let mut pending: Vec<&DecisionFact> =
        decisions.iter().filter(|d| d.spec.verdict != Verdict::Submit && !settled.contains(d.uid.as_str())).collect();
    pending.sort_by_key(|d| place(d));

    loop {
        walk.pass_steps(track, subject, None);
        walk.open = walk.open_gates(track, subject, digest);
        if walk.ended.is_some() {
            break;
        }
        let next = pending.iter().position(|d| acceptance::judge(track, subject, &walk, &roles, d).is_ok());
        // An opinion that came in time counts, whenever it is looked at.
        if let Some((gate, at)) = walk.first_silence(track, subject)
            && next.and_then(|next| pending.get(next)).is_none_or(|d| d.at > at)
        {
            walk.passed.insert(gate, at);
            continue;
        }
        let Some(next) = next else { break };
        let decision = pending.remove(next);
        roles.insert(person(decision), decision.spec.role.clone());
        walk.accept(track, decision);
    }
    let at_last = |d: &DecisionFact| acceptance::judge(track, subject, &walk, &roles, d).err();
    walk.void = history::refusals(track, subject, decisions, &pending, &walk.counted, digest, at_last);
    if walk.ended.is_some() {
        walk.open.clear();
        walk.due_effects.clear();
    }
    walk
}

/// Whether a decision would count, were it made where this walk stands: for who is about to make it. `subject` and `walk` may
/// say no more than a status shows.
///
/// # Errors
/// Says why it would not.
pub fn foresee(track: &Track, subject: &Subject<'_>, walk: &Walk, decision: &DecisionFact) -> Result<(), Refusal> {
    let mut roles = subject.acted.clone();
    roles.insert(person(subject.submission), subject.submission.spec.role.clone());
    roles.extend(walk.counted.iter().map(|d| (d.person.clone(), d.role.clone())));
    acceptance::judge(track, subject, walk, &roles, decision)
}

/// The same of a filing, by who has acted in the round before.
///
/// # Errors
/// Says why it would not count.
pub fn foresee_filing(counted: &[CountedDecision], filing: &DecisionFact) -> Result<(), Refusal> {
    let roles = counted.iter().map(|d| (d.person.clone(), d.role.clone())).collect();
    acceptance::may(&roles, filing)
}

/// The least that can be confirmed of a line: a cut that nobody asked for cannot be, and of a new line anything can.
#[must_use]
pub fn least(asked: i64, before: Option<i64>) -> i64 {
    before.map_or(0, |before| asked.min(before))
}

/// The order in which decisions are made.
#[must_use]
pub fn place(decision: &DecisionFact) -> (Time, u64, &str) {
    (decision.at, decision.order, decision.uid.as_str())
}

/// The human being behind a decision.
pub(super) fn person(decision: &DecisionFact) -> String {
    decision.spec.decided_by.as_ref().map(|by| by.person.clone()).unwrap_or_default()
}

/// Whether a gate applies in these circumstances.
#[must_use]
pub fn applies(gate: &Gate, circumstances: &[Applies]) -> bool {
    gate.when.is_none_or(|when| circumstances.contains(&when))
}

impl Walk {
    /// Whether the step, a gate or an effect, is passed.
    #[must_use]
    pub fn is_passed(&self, step: &str) -> bool {
        self.passed.contains_key(step)
    }

    /// When the last of these steps was passed; nothing while one is not.
    fn passed_all(&self, after: &[String], start: Time) -> Option<Time> {
        after.iter().try_fold(start, |latest, step| self.passed.get(step).map(|at| latest.max(*at)))
    }

    /// Passes every step that can be passed with the decisions counted so far, and with what was done by then.
    fn pass_steps(&mut self, track: &Track, subject: &Subject<'_>, by: Option<Time>) {
        let start = subject.submission.at;
        loop {
            let before = self.passed.len();
            for gate in &track.gates {
                if self.is_passed(&gate.name) {
                    continue;
                }
                let Some(since) = self.passed_all(&gate.after, start) else { continue };
                if !applies(gate, subject.applies) {
                    self.passed.insert(gate.name.clone(), since);
                } else if let Some(at) = self.gate_passed_at(gate) {
                    self.passed.insert(gate.name.clone(), at);
                }
            }
            for rule in &track.effects {
                let step = rule.effect.step();
                let Some(allowed) = self.passed_all(&rule.after, start).filter(|_| !self.is_passed(step)) else {
                    continue;
                };
                match subject.done.get(&rule.effect).filter(|at| by.is_none_or(|by| **at <= by)) {
                    Some(at) => {
                        self.due_effects.remove(&rule.effect);
                        self.passed.insert(step.to_owned(), (*at).max(allowed));
                    }
                    None => {
                        self.due_effects.insert(rule.effect, allowed);
                    }
                }
            }
            if self.passed.len() == before {
                return;
            }
        }
    }

    /// The open gate whose time for being heard was over first, and when.
    fn first_silence(&self, track: &Track, subject: &Subject<'_>) -> Option<(String, Time)> {
        let hearings = track.gates.iter().filter(|gate| gate.hearing || gate.lapses);
        let over = hearings.filter_map(|gate| {
            let open = self.open.iter().find(|open| open.gate == gate.name)?;
            Some((gate.name.clone(), subject.silent.0(gate, open.since)?))
        });
        over.min_by_key(|(_, at)| *at)
    }

    /// The moment at which the gate's quorum was reached, and every report asked for had passed.
    fn gate_passed_at(&self, gate: &Gate) -> Option<Time> {
        let agreed: Vec<&CountedDecision> = self.agreed_at(gate).collect();
        agreed.get(gate.quorum() - 1).map(|last| last.at)
    }

    /// Decisions that count towards passing a gate, the newest of each person: reports can be filed again, and one that
    /// failed is on record and passes nothing.
    fn agreed_at<'w>(&'w self, gate: &'w Gate) -> impl Iterator<Item = &'w CountedDecision> {
        use crate::api::decision::TestResult::Failed;
        let here = self
            .counted
            .iter()
            .enumerate()
            .filter(|(_, d)| d.gate == gate.name && (gate.hearing || d.verdict.agrees()));
        let newest: BTreeMap<&str, usize> = here.map(|(n, d)| (d.person.as_str(), n)).collect();
        let counts =
            move |n: usize, d: &CountedDecision| newest.get(d.person.as_str()) == Some(&n) && d.result != Some(Failed);
        self.counted.iter().enumerate().filter(move |(n, d)| counts(*n, d)).map(|(_, d)| d)
    }

    fn open_gates(&self, track: &Track, subject: &Subject<'_>, digest: DigestOf<'_>) -> Vec<Open> {
        track
            .gates
            .iter()
            .filter(|gate| !self.is_passed(&gate.name))
            .filter_map(|gate| {
                let since = self.passed_all(&gate.after, subject.submission.at)?;
                Some(Open {
                    gate: gate.name.clone(),
                    since,
                    digest: digest(gate, &self.counted_before(track, gate), self.confirmed.as_ref()),
                    agreed: self.agreed_at(gate).count(),
                })
            })
            .collect()
    }

    /// What goes on record of the decisions counted, but for those that are there already. A record has room for
    /// [`bounds::DECISIONS`]: reports that found a failure, which passed nothing, give way first, then what is oldest.
    #[must_use]
    pub fn on_record(&self, already: impl Fn(&CountedDecision) -> bool) -> Vec<CountedDecision> {
        let mut decisions: Vec<CountedDecision> = self.counted.iter().filter(|d| !already(d)).cloned().collect();
        let mut surplus = decisions.len().saturating_sub(bounds::DECISIONS);
        decisions.retain(|d| {
            let gives_way = surplus > 0 && d.result == Some(TestResult::Failed);
            surplus -= usize::from(gives_way);
            !gives_way
        });
        decisions.drain(..surplus);
        decisions
    }

    /// The decisions that count, as a status has room for them, and how many more count.
    #[must_use]
    pub fn shown(&self) -> (Vec<CountedDecision>, i64) {
        let shown = self.on_record(|_| false);
        let more = fit::count(self.counted.len() - shown.len());
        (shown, more)
    }

    /// Decisions counted at the gates that lie before this one, in a stable order.
    fn counted_before(&self, track: &Track, gate: &Gate) -> Vec<&CountedDecision> {
        let before = ancestors(track, gate);
        let mut counted: Vec<_> = self.counted.iter().filter(|d| before.contains(d.gate.as_str())).collect();
        counted.sort_by(|a, b| (&a.gate, &a.uid).cmp(&(&b.gate, &b.uid)));
        counted
    }

    fn accept(&mut self, track: &Track, decision: &DecisionFact) {
        let counted = counted(decision);
        let heard = track.gates.iter().any(|g| g.name == decision.spec.gate && g.hearing);
        if !heard && matches!(decision.spec.verdict, Verdict::Reject | Verdict::Return | Verdict::Withdraw) {
            self.ended = Some(Ended {
                verdict: decision.spec.verdict,
                gate: decision.spec.gate.clone(),
                decision: counted.clone(),
                recommended: decision.spec.grant.clone(),
            });
        } else {
            self.note_amounts(track, decision);
        }
        self.counted.push(counted);
    }

    /// The first decision that passes a confirming gate sets the amounts; a quorum must agree on the same ones.
    fn note_amounts(&mut self, track: &Track, decision: &DecisionFact) {
        let confirms = track.gates.iter().any(|g| g.name == decision.spec.gate && g.confirms_amounts);
        if confirms {
            self.confirmed = Some(decision.spec.grant.iter().map(|l| (l.line.clone(), l.quantity)).collect());
        }
    }

    fn note_settled_amounts(&mut self, track: &Track, settled: &CountedDecision, decisions: &[DecisionFact]) {
        if let Some(decision) = decisions.iter().find(|d| d.uid == settled.uid) {
            self.note_amounts(track, decision);
        }
    }
}

/// The gates that were passed by silence alone.
#[must_use]
pub fn lapsed<'t>(track: &'t Track, walk: &Walk) -> Vec<&'t str> {
    let silent =
        |gate: &&Gate| gate.lapses && walk.is_passed(&gate.name) && !walk.counted.iter().any(|d| d.gate == gate.name);
    track.gates.iter().filter(silent).map(|gate| gate.name.as_str()).collect()
}

/// Every step from which this gate can be reached.
pub(super) fn ancestors<'t>(track: &'t Track, gate: &'t Gate) -> BTreeSet<&'t str> {
    let mut found = BTreeSet::new();
    let mut todo: Vec<&str> = gate.after.iter().map(String::as_str).collect();
    while let Some(step) = todo.pop() {
        if !found.insert(step) {
            continue;
        }
        let of_gate = track.gates.iter().filter(|g| g.name == step).flat_map(|g| &g.after);
        let of_effect = track.effects.iter().filter(|e| e.effect.step() == step).flat_map(|e| &e.after);
        todo.extend(of_gate.chain(of_effect).map(String::as_str));
    }
    found
}

/// A decision as the status keeps it.
#[must_use]
pub fn counted(decision: &DecisionFact) -> CountedDecision {
    use crate::api::decision::TestResult::{Failed, Passed};
    let spec = &decision.spec;
    let by = spec.decided_by.clone().unwrap_or_default();
    let failed = spec.evidence.iter().any(|e| e.result == Some(Failed));
    CountedDecision {
        name: decision.name.clone(),
        uid: decision.uid.clone(),
        gate: spec.gate.clone(),
        role: spec.role.clone(),
        verdict: spec.verdict,
        result: (spec.verdict == Verdict::File).then_some(if failed { Failed } else { Passed }),
        by: by.username,
        person: by.person,
        at: decision.at,
        digest: spec.digest.clone(),
        comment: spec.comment.as_deref().map(super::text::brief),
    }
}

/// Why a decision does not count, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// Why, in one word.
    pub reason: VoidReason,
    /// Why, and what to do.
    pub message: Text,
}

impl Refusal {
    /// The refusal of this decision, as the status keeps it.
    #[must_use]
    pub fn of(&self, decision: &DecisionFact) -> VoidDecision {
        VoidDecision {
            name: decision.name.clone(),
            reason: self.reason,
            message: super::text::brief(&self.message.to_string()),
        }
    }
}

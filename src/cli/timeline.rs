//! Who did what when: every decision about a request, also those that do not count.

use super::lang::Lang;
use super::moment::Clock;
use super::page::{Page, short_digest, shorten};
use super::paper::{Paper, Stage};
use super::words;
use crate::api::cloud_resource_request::{CountedDecision, VoidReason};
use crate::api::common::Time;
use crate::api::decision::{TestResult, Verdict};
use crate::api::information_system::Grant;
use crate::api::resource_change::ChangePhase;
use crate::api::{Decision, InformationSystem};
use jiff::Timestamp;
use kube::ResourceExt as _;
use serde::Serialize;
use std::collections::BTreeMap;

/// A decision, or something that the operator did.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When, by the API server's clock.
    pub at: Time,
    /// Who; absent where the operator acted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub act: Act,
}

/// What happened.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase", tag = "act")]
pub enum Act {
    /// Somebody decided.
    #[serde(rename_all = "camelCase")]
    Decided {
        /// Name of the Decision.
        name: String,
        /// Round, counted from the first filing that stood.
        round: usize,
        /// Gate.
        gate: String,
        /// Role.
        role: String,
        /// Verdict.
        verdict: Verdict,
        /// What a report found.
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<TestResult>,
        /// Digest.
        digest: String,
        /// Opinion or reason.
        #[serde(skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
        /// Whether it counts.
        standing: Standing,
    },
    /// The resources were granted.
    Granted,
    /// The namespace was opened.
    Opened,
    /// The system went live.
    Live,
    /// A change took effect.
    InEffect,
    /// A major change was signed for.
    Agreed,
    /// A change ended.
    Ended,
}

/// Whether a decision counts.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// It counts.
    Counts,
    /// It belongs to a round that is over.
    EarlierRound,
    /// The operator has not said yet.
    NotJudged,
    /// It does not count.
    Void {
        /// Why, in one word.
        reason: VoidReason,
        /// Why.
        message: String,
    },
}

/// Everything that happened, oldest first.
#[must_use]
pub fn entries(paper: &Paper, decisions: &[Decision], system: Option<&InformationSystem>) -> Vec<Entry> {
    let standings = Standings::of(paper, system);
    let mut decisions: Vec<&Decision> = decisions.iter().collect();
    // At the same second in the order in which they counted: a filing comes before what it opened.
    let counted = paper.standing().decisions;
    let place = |d: &Decision| counted.iter().position(|c| Some(&c.uid) == d.metadata.uid.as_ref());
    let rank =
        |d: &Decision| if d.spec.verdict == Verdict::Submit { 0 } else { place(d).map_or(usize::MAX, |p| p + 1) };
    decisions.sort_by_key(|d| (made(d), rank(d), d.name_any()));
    let rounds: BTreeMap<String, usize> = decisions
        .iter()
        .filter(|d| d.spec.verdict == Verdict::Submit && !standings.void(d))
        .filter_map(|d| d.uid())
        .zip(1..)
        .collect();
    let mut entries: Vec<Entry> = decisions
        .iter()
        .map(|decision| {
            let spec = &decision.spec;
            let filing = spec.submission_uid.clone().or_else(|| decision.uid());
            Entry {
                at: made(decision),
                by: spec.decided_by.as_ref().map(|by| by.username.clone()),
                act: Act::Decided {
                    name: decision.name_any(),
                    round: filing.and_then(|f| rounds.get(&f).copied()).unwrap_or_default(),
                    gate: spec.gate.clone(),
                    role: spec.role.clone(),
                    verdict: spec.verdict,
                    result: spec.evidence.iter().filter_map(|e| e.result).max_by_key(|r| *r == TestResult::Failed),
                    digest: spec.digest.clone(),
                    comment: spec.comment.clone(),
                    standing: standings.standing(decision),
                },
            }
        })
        .collect();
    let grants: Vec<&Grant> = system.into_iter().flat_map(|s| granted(paper, s)).collect();
    if let Some(system) = system {
        let events = match paper.standing().stage {
            Stage::Request(_) => of_request(system, &grants),
            Stage::Change(phase) => of_change(system, &grants, phase),
            Stage::Departure(_) | Stage::Sanction(_) => Vec::new(),
        };
        entries.extend(events.into_iter().map(|(at, act)| Entry { at, by: None, act }));
    }
    // At the same second a decision stands before what follows from it, and after what it followed from.
    let granted: Vec<&str> = grants.iter().flat_map(|g| &g.decisions).map(|d| d.name.as_str()).collect();
    let since_grant = |name: &str| system.is_some() && !granted.contains(&name) && standings.counts(name);
    entries.sort_by_key(|e| (e.at, stage(&e.act, since_grant)));
    entries
}

/// What came of this very paper on the record of a system.
fn granted<'s>(paper: &Paper, system: &'s InformationSystem) -> impl Iterator<Item = &'s Grant> {
    let (kind, name) = (paper.kind(), paper.name().to_owned());
    system.spec.grants.iter().filter(move |g| g.request.kind == kind && g.request.name == name)
}

fn of_request(system: &InformationSystem, grants: &[&Grant]) -> Vec<(Time, Act)> {
    let mut events: Vec<_> = grants.iter().map(|g| (g.effective_from, Act::Granted)).collect();
    let own = |uid: &str| grants.iter().any(|g| g.submission_uid == uid);
    // The whole application of an urgent system finds it open, and is signed for by an agreement of its own.
    if system.spec.grants.first().is_some_and(|first| own(&first.submission_uid)) {
        let opened = system.status.as_ref().and_then(|s| s.provisioned_at);
        events.extend(opened.map(|at| (at, Act::Opened)));
        events.extend(system.spec.live.as_ref().map(|l| (l.from, Act::Live)));
    }
    let agreed = system.spec.agreements.iter().filter(|a| own(&a.submission_uid));
    events.extend(agreed.map(|a| (a.live.from, Act::Agreed)));
    events
}

/// What has happened, and not what will: that a change waits for its moment is said by its phase.
fn of_change(system: &InformationSystem, grants: &[&Grant], phase: ChangePhase) -> Vec<(Time, Act)> {
    let mut events = Vec::new();
    for grant in grants.iter().filter(|_| phase != ChangePhase::Scheduled) {
        events.push((grant.effective_from, Act::InEffect));
        let this = |uid: &str| uid == grant.submission_uid;
        let agreed = system.spec.agreements.iter().find(|a| this(&a.submission_uid));
        events.extend(agreed.map(|a| (a.live.from, Act::Agreed)));
        let closed = system.spec.closed.iter().find(|c| this(&c.submission_uid)).map(|c| c.at);
        let until = grant.term.as_ref().and_then(|t| t.until);
        let ended = closed.or(until).filter(|_| phase == ChangePhase::Ended);
        events.extend(ended.map(|at| (at, Act::Ended)));
    }
    events
}

/// How far a request had come when something happened.
fn stage(act: &Act, since_grant: impl Fn(&str) -> bool) -> u8 {
    match act {
        Act::Decided { name, verdict, .. } if *verdict != Verdict::Submit && since_grant(name) => 3,
        Act::Decided { .. } => 0,
        Act::Granted | Act::InEffect => 1,
        Act::Opened => 2,
        Act::Live | Act::Agreed => 4,
        Act::Ended => 5,
    }
}

fn made(decision: &Decision) -> Time {
    decision.metadata.creation_timestamp.as_ref().map_or_else(|| Timestamp::UNIX_EPOCH.into(), |t| t.0.into())
}

/// What the status, and the system that was opened, say of each decision.
struct Standings<'a> {
    counted: Vec<&'a CountedDecision>,
    void: BTreeMap<&'a str, Standing>,
    current: Option<&'a str>,
}

impl<'a> Standings<'a> {
    fn of(paper: &'a Paper, system: Option<&'a InformationSystem>) -> Self {
        let status = paper.standing();
        let in_system = system.into_iter().flat_map(|s| {
            let agreed = s.spec.agreements.iter().map(|a| &a.live);
            let signed = s.spec.live.iter().chain(agreed).flat_map(|l| &l.decisions);
            s.spec.grants.iter().flat_map(|g| &g.decisions).chain(signed)
        });
        let void = status.void_decisions.iter();
        Self {
            counted: status.decisions.iter().chain(in_system).collect(),
            void: void
                .map(|v| (v.name.as_str(), Standing::Void { reason: v.reason, message: v.message.clone() }))
                .collect(),
            current: status.submission.map(|s| s.uid.as_str()),
        }
    }

    fn counts(&self, name: &str) -> bool {
        self.counted.iter().any(|d| d.name == name)
    }

    fn void(&self, decision: &Decision) -> bool {
        self.void.contains_key(decision.name_any().as_str())
    }

    fn standing(&self, decision: &Decision) -> Standing {
        let uid = decision.metadata.uid.as_deref();
        let filed = self.current.is_some() && self.current == uid;
        if filed || self.counted.iter().any(|c| Some(c.uid.as_str()) == uid) {
            return Standing::Counts;
        }
        if let Some(void) = self.void.get(decision.name_any().as_str()) {
            return void.clone();
        }
        let filing = decision.spec.submission_uid.as_deref().or(uid);
        match (self.current, filing) {
            (Some(current), Some(filing)) if current != filing => Standing::EarlierRound,
            _ => Standing::NotJudged,
        }
    }
}

/// As a table.
#[must_use]
pub fn page(lang: Lang, clock: &Clock, entries: &[Entry], wide: bool) -> Page {
    let mut page = Page::default();
    if entries.is_empty() {
        page.line(lang.timeline_empty());
        return page;
    }
    let mut header = match lang {
        Lang::En => vec!["WHEN", "WHO", "ROLE", "ROUND", "GATE", "DECISION", "STANDING", "DIGEST", "COMMENT"],
        Lang::Zh => vec!["时间", "办理人", "角色", "轮次", "环节", "决定", "效力", "内容摘要", "意见"],
    };
    if wide {
        header.push(lang.pick("NAME", "名称"));
    }
    page.table(header, entries.iter().map(|entry| row(lang, clock, entry, wide)));
    for entry in entries {
        if let Act::Decided { name, standing: Standing::Void { reason, message }, .. } = &entry.act {
            page.line(lang.note(&lang.void_problem(name, &words::void_reason(lang, *reason), message)));
        }
    }
    page
}

fn row(lang: Lang, clock: &Clock, entry: &Entry, wide: bool) -> Vec<String> {
    let when = clock.minute(entry.at);
    let by = entry.by.clone().unwrap_or_else(|| "yunguan".to_owned());
    let event = |what: String| {
        let mut row = vec![when.clone(), by.clone(), String::new(), String::new(), String::new(), what];
        row.resize(if wide { 10 } else { 9 }, String::new());
        row
    };
    let (comment_width, digest_width) = if wide { (usize::MAX, usize::MAX) } else { (40, 12) };
    match &entry.act {
        Act::Granted => event(lang.event_granted()),
        Act::Opened => event(lang.event_opened()),
        Act::Live => event(lang.event_live()),
        Act::InEffect => event(lang.event_in_effect()),
        Act::Agreed => event(lang.event_agreed()),
        Act::Ended => event(lang.event_ended()),
        Act::Decided { name, round, gate, role, verdict, result, digest, comment, standing } => {
            let mut decision = words::verdict(lang, *verdict).to_owned();
            if let Some(result) = result {
                decision = format!("{decision}: {}", words::result(lang, *result));
            }
            let mut row = vec![
                when,
                by,
                words::role(lang, role).to_owned(),
                if *round == 0 { String::new() } else { round.to_string() },
                gate.clone(),
                decision,
                said(lang, standing),
                if digest_width == 12 { short_digest(digest).to_owned() } else { digest.clone() },
                shorten(comment.as_deref().unwrap_or_default(), comment_width),
            ];
            if wide {
                row.push(name.clone());
            }
            row
        }
    }
}

fn said(lang: Lang, standing: &Standing) -> String {
    match standing {
        Standing::Counts => lang.counted_yes(),
        Standing::EarlierRound => lang.counted_earlier(),
        Standing::NotJudged => lang.counted_pending(),
        Standing::Void { reason, .. } => lang.counted_void(&words::void_reason(lang, *reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{change, clock, decisions, portal, request};
    use super::*;
    use crate::api::CloudResourceRequest;

    fn standings(request: &CloudResourceRequest) -> Vec<(String, usize, Standing)> {
        let of = |entry: Entry| match entry.act {
            Act::Decided { gate, round, standing, .. } => Some((gate, round, standing)),
            _ => None,
        };
        entries(&request.clone().into(), &decisions(), None).into_iter().filter_map(of).collect()
    }

    #[test]
    fn each_decision_is_shown_with_what_became_of_it() {
        let all = standings(&request());
        let shown: Vec<(&str, usize)> = all.iter().map(|(gate, round, _)| (gate.as_str(), *round)).collect();
        assert_eq!(
            shown,
            [
                ("submission", 1),
                ("completeness", 1),
                ("submission", 2),
                ("completeness", 2),
                ("plan", 2),
                ("approval", 2),
                ("evaluation", 2)
            ]
        );
        assert_eq!(all[1].2, Standing::EarlierRound);
        assert_eq!(all[2].2, Standing::Counts);
        assert!(matches!(all[5].2, Standing::Void { reason: VoidReason::GateNotOpen, .. }));
        assert_eq!(all[6].2, Standing::NotJudged);
    }

    #[test]
    fn what_happened_in_one_second_stands_in_the_order_in_which_it_followed() {
        let decided = |name: &str| Act::Decided {
            name: name.into(),
            round: 1,
            gate: "g".into(),
            role: "unit".into(),
            verdict: Verdict::Sign,
            result: None,
            digest: String::new(),
            comment: None,
            standing: Standing::Counts,
        };
        let mut acts = [Act::Live, decided("since"), Act::Opened, decided("before"), Act::Granted];
        acts.sort_by_key(|act| stage(act, |name| name == "since"));
        let order: Vec<_> = acts
            .iter()
            .map(|act| match act {
                Act::Decided { name, .. } => name.as_str(),
                Act::Granted => "granted",
                Act::Opened => "opened",
                Act::Live => "live",
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(order, ["before", "granted", "opened", "since", "live"]);
    }

    #[test]
    fn r22_3_a_change_says_when_it_took_effect_and_when_it_ended_and_nothing_of_what_is_still_to_come() {
        let mut change = change();
        let mut at = |phase| {
            change.status.as_mut().unwrap().phase = phase;
            let all = entries(&change.clone().into(), &[], Some(&portal()));
            page(Lang::En, &clock(), &all, false).render()
        };
        assert!(at(ChangePhase::Scheduled).contains("Nobody has decided"));
        assert!(!at(ChangePhase::InEffect).contains("the change ends"));
        insta::assert_snapshot!("timeline_change_en", at(ChangePhase::Ended));
    }

    #[test]
    fn r24_1_the_whole_application_of_an_urgent_system_did_not_open_it() {
        let mut system = portal();
        system.spec.live = Some(crate::api::information_system::Live::default());
        let acts = |system: &InformationSystem| {
            let all = entries(&request().into(), &[], Some(system));
            all.iter().map(|e| serde_json::to_value(&e.act).unwrap()["act"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(acts(&system), ["live", "granted"]);
        system.spec.grants[0].request.name = "urgent-portal".into();
        system.spec.grants[1].request = portal().spec.grants[0].request.clone();
        assert_eq!(acts(&system), ["granted"]);
    }

    #[test]
    fn tables_in_both_languages() {
        let all = entries(&request().into(), &decisions(), None);
        insta::assert_snapshot!("timeline_en", page(Lang::En, &clock(), &all, false).render());
        insta::assert_snapshot!("timeline_zh", page(Lang::Zh, &clock(), &all, false).render());
    }
}

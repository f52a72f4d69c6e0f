//! Why a request is where it is, who can move it, under which article, and what exactly to type.

use super::choose;
use super::lang::Lang;
use super::moment::Clock;
use super::page::Page;
use super::paper::{Paper, Progress, Stage};
use super::words;
use crate::api::cloud_resource_request::{CountedDecision, LineStatus, OpenGate, Phase};
use crate::api::decision::Verdict;
use crate::api::governance_policy::{Applies, Effect, GovernancePolicySpec, Track};
use crate::api::names;
use crate::api::resource_change::ChangePhase;
use crate::api::sanction::SanctionPhase;
use crate::api::{InformationSystem, Organization, ResourceChange};
use crate::core::change::window;
use crate::core::round::zone_of;
use crate::core::workflow::GATE_WITHDRAWAL;
use kube::ResourceExt as _;
use serde::Serialize;

/// What `explain` knows besides the request.
#[derive(Clone, Copy, Debug)]
pub struct Background<'a> {
    /// The rules by which the request is judged, where they can be read.
    pub policy: Option<&'a GovernancePolicySpec>,
    /// Every organization that can be read.
    pub organizations: &'a [Organization],
    /// The system that came of it or that it is about, where it can be read.
    pub system: Option<&'a InformationSystem>,
}

/// The answer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The request.
    pub request: String,
    /// Its namespace.
    pub namespace: String,
    /// Where it stands.
    pub phase: Stage,
    /// Why.
    pub why: Vec<String>,
    /// What is wrong.
    pub problems: Vec<String>,
    /// Who can move it.
    pub movers: Vec<Mover>,
    /// What comes after.
    pub after: Vec<String>,
}

/// A gate and those who can act there.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mover {
    /// Gate.
    pub gate: String,
    /// Its title.
    pub title: String,
    /// Role.
    pub role: String,
    /// Organizations.
    pub organizations: Vec<String>,
    /// People and groups that these organizations name for the role.
    pub people: Vec<String>,
    /// By when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// Article.
    pub article: String,
    /// Whether the reader is one of them.
    pub you: bool,
    /// What they type.
    pub commands: Vec<String>,
}

/// Works the answer out.
#[must_use]
pub fn explain(
    lang: Lang,
    clock: &Clock,
    paper: &Paper,
    background: Background<'_>,
    may: impl Fn(&OpenGate) -> bool,
) -> Explanation {
    let status = &paper.standing();
    Explanation {
        request: paper.name().to_owned(),
        namespace: paper.namespace().to_owned(),
        phase: status.stage,
        why: if paper.progress().is_some() { why(lang, clock, paper, status) } else { vec![lang.no_status()] },
        problems: problems(lang, status),
        movers: status
            .open_gates
            .iter()
            .filter(|g| g.gate != GATE_WITHDRAWAL)
            .map(|gate| mover(lang, clock, paper, gate, background.organizations, may(gate)))
            .collect(),
        after: background.policy.map(|p| after(lang, paper, p, background)).unwrap_or_default(),
    }
}

fn why(lang: Lang, clock: &Clock, paper: &Paper, status: &Progress<'_>) -> Vec<String> {
    let mut why = vec![lang.at_phase(&words::stage(lang, status.stage))];
    let last = |verdict| status.decisions.iter().rev().find(move |d| d.verdict == verdict);
    let comment = |d: &CountedDecision| d.comment.clone().unwrap_or_default();
    match status.stage {
        Stage::Request(Phase::Draft) | Stage::Change(ChangePhase::Draft) => why.push(lang.explain_draft()),
        // `Ready` says it all: ground, article, and how it is lifted.
        Stage::Departure(_) | Stage::Sanction(_) => why.extend(ready(status).map(str::to_owned)),
        Stage::Request(Phase::InReview) | Stage::Change(ChangePhase::InReview) => why.push(lang.explain_review()),
        Stage::Request(Phase::Returned) | Stage::Change(ChangePhase::Returned) => {
            // Where nobody has returned it, the system has moved on, and `Ready` says from what to what.
            why.push(last(Verdict::Return).map_or_else(
                || ready(status).unwrap_or_default().to_owned(),
                |d| lang.explain_returned(&d.by, &d.gate, &comment(d)),
            ));
            why.push(lang.explain_refile());
        }
        Stage::Request(Phase::Rejected) | Stage::Change(ChangePhase::Rejected) => {
            why.extend(last(Verdict::Reject).map(|d| lang.explain_rejected(&d.by, &d.gate, &comment(d))));
            why.push(lang.explain_refile());
        }
        Stage::Request(Phase::Withdrawn) | Stage::Change(ChangePhase::Withdrawn) => why.push(lang.explain_withdrawn()),
        Stage::Request(phase) => why.push(why_of_request(lang, paper, phase)),
        Stage::Change(phase) => why.push(why_of_change(lang, clock, paper, phase)),
    }
    if let Paper::Change(change) = paper {
        let major = change.status.as_ref().and_then(|s| s.major_because.as_ref());
        why.extend(major.map(|because| lang.explain_major(because)));
    }
    why.retain(|line| !line.is_empty());
    why
}

fn why_of_request(lang: Lang, paper: &Paper, phase: Phase) -> String {
    match phase {
        Phase::OutOfScope => lang.explain_scope(),
        Phase::Approved => lang.explain_approved(),
        Phase::Provisioning => lang.explain_provisioning(),
        Phase::Trial => {
            let Paper::Request(request) = paper else { return String::new() };
            let namespace = request.status.as_ref().and_then(|s| s.system_namespace.as_deref());
            lang.explain_trial(&namespace.unwrap_or("?"))
        }
        Phase::Live => lang.explain_live(),
        _ => String::new(),
    }
}

fn why_of_change(lang: Lang, clock: &Clock, paper: &Paper, phase: ChangePhase) -> String {
    let Paper::Change(change) = paper else { return String::new() };
    let status = change.status.as_ref();
    let from = status.and_then(|s| s.effective_from).map(|at| clock.minute(at)).unwrap_or_default();
    let until = status.and_then(|s| s.until).map(|at| clock.minute(at));
    match (phase, until) {
        (ChangePhase::Refused, _) => lang.explain_refused(),
        (ChangePhase::Approved, _) => lang.explain_recording(),
        (ChangePhase::Scheduled, _) => lang.explain_scheduled(&from),
        (ChangePhase::Testing, _) => lang.explain_testing(&from),
        (ChangePhase::InEffect, None) => lang.explain_in_effect(&from),
        (ChangePhase::InEffect, Some(until)) => lang.explain_in_effect_until(&from, &until),
        (ChangePhase::Ended, _) => lang.explain_ended(),
        _ => String::new(),
    }
}

/// Why it is not ready, as the operator says it.
fn ready<'a>(status: &Progress<'a>) -> Option<&'a str> {
    status.conditions.iter().find(|c| c.type_ == names::CONDITION_READY).map(|c| c.message.as_str())
}

/// Conditions that are not as they should be, lines with a problem, decisions that do not count.
fn problems(lang: Lang, status: &Progress<'_>) -> Vec<String> {
    // These say in which phase the request is, not that something is wrong.
    const PROGRESS: [&str; 5] = [
        names::CONDITION_READY,
        names::CONDITION_RECONCILING,
        names::CONDITION_APPROVED,
        names::CONDITION_PROVISIONED,
        names::CONDITION_LIVE,
    ];
    let conditions = status.conditions.iter().filter(|c| !PROGRESS.contains(&c.type_.as_str())).filter(|c| {
        let bad_when_true = matches!(c.type_.as_str(), names::CONDITION_STALLED | names::CONDITION_OVERDUE);
        c.status == if bad_when_true { "True" } else { "False" }
    });
    let conditions = conditions.map(|c| format!("{}: {} ({})", words::condition(lang, &c.type_), c.message, c.reason));
    let lines =
        status.lines.iter().filter_map(|l| l.problem.as_ref().map(|problem| lang.line_problem(&l.name, problem)));
    let void = status
        .void_decisions
        .iter()
        .map(|v| lang.void_problem(&v.name, &words::void_reason(lang, v.reason), &v.message));
    conditions.chain(lines).chain(void).collect()
}

fn mover(
    lang: Lang,
    clock: &Clock,
    paper: &Paper,
    gate: &OpenGate,
    organizations: &[Organization],
    you: bool,
) -> Mover {
    let of_gate = organizations.iter().filter(|o| gate.organizations.contains(&o.name_any()));
    let names = gate.organizations.iter().map(|name| {
        let known = organizations.iter().find(|o| o.name_any() == *name);
        known.map_or_else(|| name.clone(), |o| format!("{} ({name})", o.spec.names.get(lang.chinese())))
    });
    let members = of_gate.flat_map(|o| &o.spec.members).filter(|m| m.role == gate.role);
    let people = members.flat_map(|m| m.users.iter().cloned().chain(m.groups.iter().map(|g| format!("@{g}"))));
    Mover {
        gate: gate.gate.clone(),
        title: gate.title.get(lang.chinese()).to_owned(),
        role: gate.role.clone(),
        organizations: names.collect(),
        people: people.collect(),
        due: clock.due_of(lang, gate.due, gate.due_unknown),
        article: gate.article.clone(),
        you,
        commands: gate.verdicts.iter().filter_map(|verdict| command(paper, gate, *verdict)).collect(),
    }
}

/// A command line that does it, and what it does counts; the words that only a person can fill in stand in capitals. Nothing
/// where the gate cannot be passed as things are.
fn command(paper: &Paper, gate: &OpenGate, verdict: Verdict) -> Option<String> {
    if gate.gate == names::GATE_ANNEX {
        return Some(annex(paper));
    }
    let status = paper.standing();
    let incomplete = status.conditions.iter().any(|c| c.type_ == names::CONDITION_COMPLETE && c.status == "False");
    if verdict.agrees() && gate.requires_complete && incomplete {
        return None;
    }
    let mut words = vec![
        format!("kubectl yunguan {}", words::subcommand(verdict)),
        paper.typed(),
        format!("-n {}", paper.namespace()),
    ];
    if verdict != Verdict::Submit {
        words.push(format!("--gate {}", gate.gate));
    }
    if gate.confirms_amounts && verdict.agrees() {
        // Where somebody has confirmed amounts here, the next one agrees on the same.
        let confirmed = status.lines.iter().filter_map(|line| Some((&line.name, line.confirmed?)));
        let confirmed: Vec<String> = confirmed.map(|(line, units)| format!("--grant {line}={units}")).collect();
        match gate.agreed {
            0 => words.push("--as-asked".to_owned()),
            _ if confirmed.is_empty() => words.push("--as-asked".to_owned()),
            _ => words.extend(confirmed),
        }
    }
    if verdict == Verdict::File {
        words.extend(gate.reports.iter().map(|report| format!("--report {report}=FILE")));
        words.push("--result Passed".to_owned());
    }
    if matches!(verdict, Verdict::Return | Verdict::Reject) || (gate.requires_reason && verdict.agrees()) {
        words.push("--comment REASON".to_owned());
    }
    Some(words.join(" "))
}

/// Annex 2 for an emergency expansion: another change, which says that it makes this one good.
fn annex(paper: &Paper) -> String {
    let (system, namespace, name) = (paper.system_name(), paper.namespace(), paper.name());
    format!(
        "kubectl yunguan change {system} -n {namespace} --ground Emergency --settles {name} LINE=QUANTITY --reason REASON"
    )
}

/// The gates and effects of the track that neither are open nor have been passed, in an order that `after` allows.
fn after(lang: Lang, paper: &Paper, policy: &GovernancePolicySpec, background: Background<'_>) -> Vec<String> {
    let Some(track) = paper.track().and_then(|name| policy.track(name)) else { return Vec::new() };
    // A round that has ended starts anew: nothing of it stands in the next.
    let current = paper.progress().filter(|s| !s.stage.is_over());
    let reached = |step: &str| {
        current.is_some_and(|status| {
            status.open_gates.iter().any(|g| g.gate == step)
                || status.decisions.iter().any(|d| d.gate == step && d.verdict.agrees())
                || (step == Effect::Provision.step() && is_open(paper))
                || (step == Effect::GoLive.step() && is_settled(status.stage))
                || of_departure(paper, step)
                || (step == Effect::Impose.step() && status.committed)
                || (step == Effect::Lift.step() && status.stage == Stage::Sanction(SanctionPhase::Lifted))
        })
    };
    let steps = ordered(track).into_iter().filter(|step| !reached(step));
    steps
        .filter_map(|step| {
            let effect = track.effects.iter().find(|e| e.effect.step() == step);
            if let Some(rule) = effect {
                let what = match (rule.effect, paper) {
                    (Effect::Provision, Paper::Request(_)) => lang.effect_provision(),
                    (Effect::Provision, _) => lang.effect_change(),
                    (Effect::GoLive, Paper::Request(_)) => lang.effect_go_live(),
                    (Effect::GoLive, _) => lang.effect_charge(),
                    (Effect::Impose, _) => lang.effect_impose(),
                    (Effect::Lift, _) => lang.effect_lift(),
                    (Effect::Backup, _) => lang.effect_backup(),
                    (Effect::Offline, _) => lang.effect_offline(),
                    (Effect::Wipe, _) => lang.effect_wipe(),
                    (Effect::Reclaim, _) => lang.effect_reclaim(),
                };
                return Some(lang.step_open(&what, &"yunguan", &rule.article));
            }
            let gate = track.gates.iter().find(|g| g.name == step)?;
            let role = words::role(lang, &gate.role);
            let applies = gate.when.is_none_or(|when| holds(when, paper, policy, background));
            applies.then(|| lang.step_open(&gate.title.get(lang.chinese()), &role, &gate.article))
        })
        .collect()
}

/// Whether a departure has come to this step.
fn of_departure(paper: &Paper, step: &str) -> bool {
    let Paper::Departure(decommission) = paper else { return false };
    let conditions = decommission.status.iter().flat_map(|s| &s.conditions).filter(|c| c.status == "True");
    let steps = [
        (Effect::Backup, names::CONDITION_BACKED_UP),
        (Effect::Offline, names::CONDITION_OFFLINE),
        (Effect::Wipe, names::CONDITION_WIPED),
        (Effect::Reclaim, names::CONDITION_RECLAIMED),
    ];
    let type_ = steps.into_iter().find(|(effect, _)| effect.step() == step).map(|(_, type_)| type_);
    conditions.into_iter().any(|c| Some(c.type_.as_str()) == type_)
}

/// Whether the resources are open, or on record for the moment at which they are.
fn is_open(paper: &Paper) -> bool {
    match paper {
        Paper::Request(request) => request.status.as_ref().is_some_and(|s| s.system_namespace.is_some()),
        Paper::Change(_) | Paper::Departure(_) | Paper::Sanction(_) => paper.standing().committed,
    }
}

fn is_settled(stage: Stage) -> bool {
    matches!(stage, Stage::Request(Phase::Live) | Stage::Change(ChangePhase::InEffect | ChangePhase::Ended))
}

/// Whether the circumstance holds in which a gate applies.
fn holds(when: Applies, paper: &Paper, policy: &GovernancePolicySpec, background: Background<'_>) -> bool {
    let origin = match paper {
        Paper::Request(request) => Some(&request.spec.application.origin),
        Paper::Change(_) | Paper::Departure(_) | Paper::Sanction(_) => None,
    };
    match when {
        Applies::HasSupervisor => {
            let unit = |o: &&Organization| home_namespace(o) == paper.namespace();
            background.organizations.iter().find(unit).is_some_and(|o| o.spec.supervisor.is_some())
        }
        Applies::Migrated => origin.is_some_and(|origin| origin.from.is_some()),
        Applies::LargeMigration => origin.is_some_and(|origin| origin.large == Some(true)),
        Applies::LongWindow => match paper {
            Paper::Request(_) | Paper::Departure(_) | Paper::Sanction(_) => false,
            Paper::Change(change) => lasts_long(change, policy, background.system),
        },
        // Known only once nobody has answered; then its gate is open.
        Applies::Unanswered => false,
        Applies::UsageUnknown => {
            let told = |s: &Progress<'_>| {
                s.conditions.iter().any(|c| c.type_ == names::CONDITION_ELIGIBLE && c.status == "Unknown")
            };
            paper.progress().is_some_and(|s| told(&s))
        }
        // What no quota opens has a price and no amounts.
        Applies::ManualServices => {
            let grows = |l: &LineStatus| l.confirmed.unwrap_or(l.asked) > l.before.unwrap_or_default();
            let current = paper.progress().filter(|s| !s.stage.is_over());
            let by_hand = |l: &LineStatus| l.monthly_fee.is_some() && l.amounts.is_empty() && grows(l);
            current.is_some_and(|s| s.lines.iter().any(by_hand))
        }
    }
}

/// Whether a temporary expansion lasts longer than the rules foresee, an extension together with what it extends. What was granted
/// in an urgent case has a time of its own.
fn lasts_long(change: &ResourceChange, policy: &GovernancePolicySpec, system: Option<&InformationSystem>) -> bool {
    let change = &change.spec.change;
    let window = change.window.as_ref().map(|window| (window.from, window.until));
    let extension = change.extend.as_ref().and_then(|extend| {
        let granted = system?.spec.grants.iter().find(|g| g.request.name == extend.change && g.term.is_some())?;
        granted.change.as_ref()?;
        Some((granted.effective_from, extend.until))
    });
    let (Some((from, until)), Some(rules)) = (window.or(extension), &policy.changes) else { return false };
    window::is_longer(from.timestamp(), until.timestamp(), rules.window_months.value, &zone_of(policy))
}

/// The namespace in which an organization's papers live.
#[must_use]
pub fn home_namespace(organization: &Organization) -> String {
    let told = organization.status.as_ref().and_then(|s| s.home_namespace.clone());
    told.unwrap_or_else(|| crate::core::names::home_namespace(&organization.name_any()))
}

/// Every step after those it names; steps of a cycle come last, in the order of the policy.
fn ordered(track: &Track) -> Vec<&str> {
    let gates = track.gates.iter().map(|g| (g.name.as_str(), &g.after));
    let effects = track.effects.iter().map(|e| (e.effect.step(), &e.after));
    let mut waiting: Vec<(&str, &Vec<String>)> = gates.chain(effects).collect();
    let mut done: Vec<&str> = Vec::new();
    while let Some(next) = waiting.iter().position(|(_, after)| after.iter().all(|a| done.contains(&a.as_str()))) {
        done.push(waiting.remove(next).0);
    }
    done.extend(waiting.into_iter().map(|(name, _)| name));
    done
}

/// As text.
#[must_use]
pub fn page(lang: Lang, paper: &Paper, explanation: &Explanation) -> Page {
    let mut page = Page::default();
    page.line(format!("{}  {}  {}", paper.path(), paper.system_name(), paper.subject_uid()));
    section(&mut page, &lang.why(), &explanation.why);
    section(&mut page, &lang.problems(), &explanation.problems);
    if !explanation.movers.is_empty() {
        page.heading(lang.who());
        let header = match lang {
            Lang::En => ["GATE", "TITLE", "ROLE", "ORGANIZATION", "PEOPLE", "DUE", "ARTICLE", "YOU"],
            Lang::Zh => ["环节", "名称", "角色", "办理单位", "办理人", "到期日", "条款", "您"],
        };
        let comma = |all: &[String]| choose::listed(all.iter().map(String::as_str), lang);
        let rows = explanation.movers.iter().map(|m| {
            vec![
                m.gate.clone(),
                m.title.clone(),
                words::role(lang, &m.role).to_owned(),
                comma(&m.organizations),
                comma(&m.people),
                m.due.clone().unwrap_or_default(),
                m.article.clone(),
                if m.you { lang.yes() } else { lang.no() },
            ]
        });
        page.table(header, rows);
        for mover in explanation.movers.iter().filter(|m| m.people.is_empty() && !m.organizations.is_empty()) {
            page.line(lang.note(&format!("{}: {}", mover.gate, lang.explain_nobody())));
        }
    }
    let mine: Vec<String> = explanation.movers.iter().filter(|m| m.you).flat_map(|m| m.commands.clone()).collect();
    section(&mut page, &lang.for_you(), &mine);
    section(&mut page, &lang.then(), &explanation.after);
    page
}

fn section(page: &mut Page, heading: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    page.heading(heading);
    for line in lines {
        page.line(format!("  {line}"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{change, clock, organizations, policy, request};
    use super::*;
    use crate::api::CloudResourceRequest;
    use crate::api::common::PolicyRef;

    fn explained(lang: Lang, request: &CloudResourceRequest, mine: &str) -> Explanation {
        let organizations = organizations();
        let policy = policy();
        let background = Background { policy: Some(&policy), organizations: &organizations, system: None };
        explain(lang, &clock(), &request.clone().into(), background, |g| g.role == mine)
    }

    #[test]
    fn a_request_in_review_in_both_languages() {
        let request = request();
        for (lang, name) in [(Lang::En, "explain_en"), (Lang::Zh, "explain_zh")] {
            insta::assert_snapshot!(
                name,
                page(lang, &request.clone().into(), &explained(lang, &request, "agency")).render()
            );
        }
    }

    fn explained_change(lang: Lang, change: &ResourceChange) -> (Explanation, String) {
        let organizations = organizations();
        let registry = crate::core::fixtures::registry();
        let policy = registry.policies.iter().find(|p| p.name == "bozhou-2024").unwrap();
        let background = Background { policy: Some(&policy.spec), organizations: &organizations, system: None };
        let explanation = explain(lang, &clock(), &change.clone().into(), background, |g| g.role == "agency");
        let text = page(lang, &change.clone().into(), &explanation).render();
        (explanation, text)
    }

    #[test]
    fn r22_3_a_change_in_review_in_both_languages_with_the_gate_of_a_long_window() {
        for (lang, name) in [(Lang::En, "explain_change_en"), (Lang::Zh, "explain_change_zh")] {
            insta::assert_snapshot!(name, explained_change(lang, &change()).1);
        }
        let mut short = change();
        short.spec.change.window.as_mut().unwrap().until = super::super::samples::at("2027-02-04T16:00:00Z");
        let after = explained_change(Lang::En, &short).0.after;
        assert!(after.len() == 3 && !after.iter().any(|step| step.contains("three months")), "{after:?}");
    }

    #[test]
    fn r22_2_a_change_says_why_it_is_major_and_against_what_the_system_has_moved_on() {
        let mut change = change();
        let status = change.status.as_mut().unwrap();
        status.major_because = Some("requests.cpu goes from 16 to 40".into());
        status.phase = ChangePhase::Returned;
        status.conditions = vec![condition("the system has changed since this was filed (web 4 -> 5)")];
        let (explanation, _) = explained_change(Lang::En, &change);
        assert!(explanation.why.iter().any(|w| w.contains("web 4 -> 5")), "{:?}", explanation.why);
        assert!(explanation.why.iter().any(|w| w.contains("from 16 to 40")), "{:?}", explanation.why);
    }

    fn condition(message: &str) -> k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition {
        k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition {
            type_: names::CONDITION_READY.into(),
            status: "False".into(),
            reason: "SystemMovedOn".into(),
            message: message.into(),
            observed_generation: None,
            last_transition_time: k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(clock().now),
        }
    }

    #[test]
    fn r26_4_an_emergency_says_how_annex_2_is_filed() {
        let mut change = change();
        let status = change.status.as_mut().unwrap();
        status.open_gates.truncate(1);
        status.open_gates[0].gate = names::GATE_ANNEX.into();
        status.open_gates[0].verdicts = vec![Verdict::Submit];
        let (explanation, _) = explained_change(Lang::En, &change);
        let how = &explanation.movers[0].commands[0];
        assert!(how.starts_with("kubectl yunguan change portal -n ") && how.contains("--settles flu"), "{how}");
    }

    #[test]
    fn what_is_printed_counts_as_it_is() {
        let mut request = request();
        let commands =
            |request: &CloudResourceRequest| explained(Lang::En, request, "agency").movers[0].commands.clone();
        assert!(commands(&request)[0].ends_with("--gate evaluation --as-asked"), "{:?}", commands(&request));
        let status = request.status.as_mut().unwrap();
        status.open_gates[0].requires_reason = true;
        status.open_gates[0].agreed = 1;
        status.lines[0].confirmed = Some(3);
        status.lines[1].confirmed = Some(400);
        let told = commands(&request);
        assert!(told[0].ends_with("--grant web=3 --grant disk=400 --comment REASON"), "{told:?}");
        assert!(told[1].contains(" return ") && told[1].ends_with("--comment REASON"), "{told:?}");
        let status = request.status.as_mut().unwrap();
        status.open_gates[0].requires_complete = true;
        status.conditions = vec![condition("a paper is missing")];
        status.conditions[0].type_ = names::CONDITION_COMPLETE.into();
        let told = commands(&request);
        assert!(told.len() == 1 && told[0].contains(" return "), "it can only be sent back: {told:?}");
    }

    #[test]
    fn nobody_is_told_to_type_what_is_not_theirs() {
        let request = request();
        let text = page(Lang::En, &request.clone().into(), &explained(Lang::En, &request, "unit")).render();
        assert!(!text.contains("kubectl yunguan approve"), "{text}");
        assert!(text.contains("wang"), "{text}");
    }

    #[test]
    fn a_returned_request_says_by_whom_and_why_and_starts_anew() {
        let mut request = request();
        let status = request.status.as_mut().unwrap();
        status.phase = Phase::Returned;
        status.open_gates.clear();
        let last = status.decisions.last_mut().unwrap();
        last.verdict = Verdict::Return;
        last.comment = Some("plan is missing".into());
        let explanation = explained(Lang::En, &request, "unit");
        assert!(explanation.why.iter().any(|w| w.contains("li returned it at plan: plan is missing")));
        assert_eq!(explanation.after.len(), 6, "{:?}", explanation.after);
    }

    #[test]
    fn a_gate_that_nobody_can_pass_is_noticed() {
        let mut request = request();
        request.status.as_mut().unwrap().open_gates[0].role = "auditor".into();
        let text = page(Lang::En, &request.clone().into(), &explained(Lang::En, &request, "unit")).render();
        assert!(text.contains("no Organization names anybody"), "{text}");
    }

    #[test]
    fn without_the_rules_the_rest_is_still_explained() {
        let mut request = request();
        request.status.as_mut().unwrap().policy = None::<PolicyRef>;
        let background = Background { policy: None, organizations: &[], system: None };
        let explanation = explain(Lang::En, &clock(), &request.into(), background, |_| true);
        assert!(explanation.after.is_empty());
        assert_eq!(explanation.movers[0].organizations, ["bozhou-cloud-center"]);
    }
}

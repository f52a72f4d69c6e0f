//! Why a request is where it is, who can move it, under which article, and what exactly to type.

use super::choose;
use super::decision::subject_uid;
use super::lang::Lang;
use super::moment::Clock;
use super::page::Page;
use super::words;
use crate::api::cloud_resource_request::{CloudResourceRequestStatus, CountedDecision, OpenGate, Phase};
use crate::api::decision::Verdict;
use crate::api::governance_policy::{Applies, Effect, GovernancePolicySpec, Track};
use crate::api::names;
use crate::api::{CloudResourceRequest, Organization};
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
    pub phase: Phase,
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
    request: &CloudResourceRequest,
    background: Background<'_>,
    may: impl Fn(&OpenGate) -> bool,
) -> Explanation {
    let default = CloudResourceRequestStatus::default();
    let status = request.status.as_ref().unwrap_or(&default);
    Explanation {
        request: request.name_any(),
        namespace: request.namespace().unwrap_or_default(),
        phase: status.phase,
        why: if request.status.is_some() { why(lang, status) } else { vec![lang.no_status()] },
        problems: problems(lang, status),
        movers: status
            .open_gates
            .iter()
            .filter(|g| g.gate != GATE_WITHDRAWAL)
            .map(|gate| mover(lang, clock, request, gate, background.organizations, may(gate)))
            .collect(),
        after: background.policy.map(|p| after(lang, request, p, background.organizations)).unwrap_or_default(),
    }
}

fn why(lang: Lang, status: &CloudResourceRequestStatus) -> Vec<String> {
    let mut why = vec![lang.at_phase(&words::phase(lang, status.phase))];
    let last = |verdict| status.decisions.iter().rev().find(move |d| d.verdict == verdict);
    let comment = |d: &CountedDecision| d.comment.clone().unwrap_or_default();
    match status.phase {
        Phase::Draft => why.push(lang.explain_draft()),
        Phase::OutOfScope => why.push(lang.explain_scope()),
        Phase::InReview => why.push(lang.explain_review()),
        Phase::Returned => {
            why.extend(last(Verdict::Return).map(|d| lang.explain_returned(&d.by, &d.gate, &comment(d))));
            why.push(lang.explain_refile());
        }
        Phase::Rejected => {
            why.extend(last(Verdict::Reject).map(|d| lang.explain_rejected(&d.by, &d.gate, &comment(d))));
            why.push(lang.explain_refile());
        }
        Phase::Withdrawn => why.push(lang.explain_withdrawn()),
        Phase::Approved => why.push(lang.explain_approved()),
        Phase::Provisioning => why.push(lang.explain_provisioning()),
        Phase::Trial => why.push(lang.explain_trial(&status.system_namespace.as_deref().unwrap_or("?"))),
        Phase::Live => why.push(lang.explain_live()),
    }
    why
}

/// Conditions that are not as they should be, lines with a problem, decisions that do not count.
fn problems(lang: Lang, status: &CloudResourceRequestStatus) -> Vec<String> {
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
    request: &CloudResourceRequest,
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
        due: gate.due.map(|due| clock.due(lang, due)),
        article: gate.article.clone(),
        you,
        commands: gate.verdicts.iter().map(|verdict| command(request, gate, *verdict)).collect(),
    }
}

/// A command line that does it, with the words that only a person can fill in in capitals.
fn command(request: &CloudResourceRequest, gate: &OpenGate, verdict: Verdict) -> String {
    let mut words = vec![
        format!("kubectl yunguan {}", words::subcommand(verdict)),
        request.name_any(),
        format!("-n {}", request.namespace().unwrap_or_default()),
    ];
    if verdict != Verdict::Submit {
        words.push(format!("--gate {}", gate.gate));
    }
    if gate.confirms_amounts && verdict.agrees() {
        words.push("--as-asked".to_owned());
    }
    if verdict == Verdict::File {
        words.extend(gate.reports.iter().map(|report| format!("--report {report}=FILE")));
        words.push("--result Passed".to_owned());
    }
    if matches!(verdict, Verdict::Return | Verdict::Reject) {
        words.push("--comment REASON".to_owned());
    }
    words.join(" ")
}

/// The gates and effects of the track that neither are open nor have been passed, in an order that `after` allows.
fn after(
    lang: Lang,
    request: &CloudResourceRequest,
    policy: &GovernancePolicySpec,
    organizations: &[Organization],
) -> Vec<String> {
    let Some(track) = policy.track(&request.spec.application.track) else { return Vec::new() };
    let home = request.namespace().unwrap_or_default();
    let supervised = organizations.iter().any(|o| home_namespace(o) == home && o.spec.supervisor.is_some());
    // A round that has ended starts anew: nothing of it stands in the next.
    let current = request
        .status
        .as_ref()
        .filter(|s| !matches!(s.phase, Phase::Returned | Phase::Rejected | Phase::Withdrawn | Phase::OutOfScope));
    let reached = |step: &str| {
        current.is_some_and(|status| {
            status.open_gates.iter().any(|g| g.gate == step)
                || status.decisions.iter().any(|d| d.gate == step && d.verdict.agrees())
                || (step == Effect::Provision.step() && status.system_namespace.is_some())
                || (step == Effect::GoLive.step() && status.phase == Phase::Live)
        })
    };
    let steps = ordered(track).into_iter().filter(|step| !reached(step));
    steps
        .filter_map(|step| {
            let effect = track.effects.iter().find(|e| e.effect.step() == step);
            if let Some(rule) = effect {
                let what = match rule.effect {
                    Effect::Provision => lang.effect_provision(),
                    Effect::GoLive => lang.effect_go_live(),
                };
                return Some(lang.step_open(&what, &"yunguan", &rule.article));
            }
            let gate = track.gates.iter().find(|g| g.name == step)?;
            let applies = match gate.when {
                Some(Applies::HasSupervisor) => supervised,
                Some(Applies::Migrated) => request.spec.application.origin.from.is_some(),
                // Of changes alone.
                Some(Applies::LongWindow) => false,
                Some(Applies::LargeMigration) => request.spec.application.origin.large == Some(true),
                // What no quota opens has a price and no amounts.
                Some(Applies::ManualServices) => {
                    current.is_some_and(|s| s.lines.iter().any(|l| l.monthly_fee.is_some() && l.amounts.is_empty()))
                }
                None => true,
            };
            let role = words::role(lang, &gate.role);
            applies.then(|| lang.step_open(&gate.title.get(lang.chinese()), &role, &gate.article))
        })
        .collect()
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
pub fn page(lang: Lang, request: &CloudResourceRequest, explanation: &Explanation) -> Page {
    let mut page = Page::default();
    let name = format!("{}/{}", explanation.namespace, explanation.request);
    page.line(format!("{name}  {}  {}", request.spec.application.system.name, subject_uid(request)));
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
    use super::super::samples::{clock, organizations, policy, request};
    use super::*;
    use crate::api::common::PolicyRef;

    fn explained(lang: Lang, request: &CloudResourceRequest, mine: &str) -> Explanation {
        let organizations = organizations();
        let policy = policy();
        let background = Background { policy: Some(&policy), organizations: &organizations };
        explain(lang, &clock(), request, background, |g| g.role == mine)
    }

    #[test]
    fn a_request_in_review_in_both_languages() {
        let request = request();
        for (lang, name) in [(Lang::En, "explain_en"), (Lang::Zh, "explain_zh")] {
            insta::assert_snapshot!(name, page(lang, &request, &explained(lang, &request, "agency")).render());
        }
    }

    #[test]
    fn nobody_is_told_to_type_what_is_not_theirs() {
        let request = request();
        let text = page(Lang::En, &request, &explained(Lang::En, &request, "unit")).render();
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
        let text = page(Lang::En, &request, &explained(Lang::En, &request, "unit")).render();
        assert!(text.contains("no Organization names anybody"), "{text}");
    }

    #[test]
    fn without_the_rules_the_rest_is_still_explained() {
        let mut request = request();
        request.status.as_mut().unwrap().policy = None::<PolicyRef>;
        let background = Background { policy: None, organizations: &[] };
        let explanation = explain(Lang::En, &clock(), &request, background, |_| true);
        assert!(explanation.after.is_empty());
        assert_eq!(explanation.movers[0].organizations, ["bozhou-cloud-center"]);
    }
}

//! What waits for a person.

use super::choose;
use super::lang::Lang;
use super::moment::Clock;
use super::page::{Page, short_digest};
use super::paper::{Paper, typed};
use super::words;
use crate::api::cloud_resource_request::{CountedDecision, DueUnknown, OpenGate};
use crate::api::common::{Money, Names, RequestKind, Time};
use crate::api::decision::{TestResult, Verdict};
use crate::core::workflow::GATE_WITHDRAWAL;
use serde::Serialize;

/// One gate at which somebody can act now.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// Namespace of the request.
    pub namespace: String,
    /// Annex 1 or annex 2.
    pub kind: RequestKind,
    /// The request.
    pub request: String,
    /// Name of the system.
    pub system: String,
    /// Gate.
    pub gate: String,
    /// Its title.
    pub title: Names,
    /// Role.
    pub role: String,
    /// What can be decided.
    pub verdicts: Vec<Verdict>,
    /// By when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
    /// Why that cannot be counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_unknown: Option<DueUnknown>,
    /// Whether that is past.
    pub overdue: bool,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// CNY a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly_fee: Option<Money>,
    /// The digest that a decision must carry.
    pub digest: String,
    /// Article.
    pub article: String,
}

/// The gates of a request that wait for this person.
///
/// Left out: taking a filing back, which is possible for long and waits for nobody; gates at which the person has
/// agreed already while others must too; and gates of a second role, in which one who acted before cannot act.
/// `filing_role` is the role in which the request was filed.
#[must_use]
pub fn items(
    paper: &Paper,
    filing_role: &str,
    user: &str,
    clock: &Clock,
    may: impl Fn(&OpenGate) -> bool,
) -> Vec<Item> {
    let Some(status) = paper.progress() else { return Vec::new() };
    let filed = status.submission.is_some_and(|s| s.by == user);
    // Reports that failed are filed again.
    let is_repeatable = |d: &CountedDecision| d.result == Some(TestResult::Failed);
    let acted = |gate: &OpenGate| {
        let mut mine = status.decisions.iter().filter(|d| d.by == user);
        (filed && gate.role != filing_role)
            || mine
                .any(|d| d.role != gate.role || (d.gate == gate.gate && d.digest == gate.digest && !is_repeatable(d)))
    };
    let waiting = status.open_gates.iter().filter(|g| g.gate != GATE_WITHDRAWAL && may(g) && !acted(g));
    waiting
        .map(|gate| Item {
            namespace: paper.namespace().to_owned(),
            kind: paper.kind(),
            request: paper.name().to_owned(),
            system: paper.system_name().to_owned(),
            gate: gate.gate.clone(),
            title: gate.title.clone(),
            role: gate.role.clone(),
            verdicts: gate.verdicts.clone(),
            due: gate.due,
            due_unknown: gate.due_unknown,
            overdue: gate.due.is_some_and(|due| due.timestamp() <= clock.now),
            since: gate.since,
            monthly_fee: status.fee.cloned(),
            digest: gate.digest.clone(),
            article: gate.article.clone(),
        })
        .collect()
}

/// What is due first comes first; what has no date comes last, oldest first.
pub fn sort(items: &mut [Item]) {
    items.sort_by_key(|i| (i.due.is_none(), i.due, i.since, i.namespace.clone(), i.request.clone(), i.gate.clone()));
}

/// As a table.
#[must_use]
pub fn page(lang: Lang, clock: &Clock, user: &str, items: &[Item], wide: bool) -> Page {
    let mut page = Page::default();
    if items.is_empty() {
        page.line(lang.inbox_empty());
        return page;
    }
    page.line(lang.inbox_title(&items.len(), &user));
    let mut header = match lang {
        Lang::En => vec!["DUE", "REQUEST", "SYSTEM", "GATE", "TITLE", "ROLE", "CAN DECIDE"],
        Lang::Zh => vec!["到期日", "申请", "系统", "环节", "名称", "角色", "可作决定"],
    };
    if wide {
        header.extend(lang.pick("SINCE|CNY/MONTH|DIGEST|ARTICLE", "开始时间|月费用（元）|内容摘要|条款").split('|'));
    }
    let rows = items.iter().map(|item| {
        let mut row = vec![
            clock.due_of(lang, item.due, item.due_unknown).unwrap_or_default(),
            format!("{}/{}", item.namespace, typed(item.kind, &item.request)),
            item.system.clone(),
            item.gate.clone(),
            item.title.get(lang.chinese()).to_owned(),
            words::role(lang, &item.role).to_owned(),
            choose::listed(item.verdicts.iter().map(|v| words::verdict(lang, *v)), lang),
        ];
        if wide {
            row.extend([
                item.since.map(|since| clock.minute(since)).unwrap_or_default(),
                item.monthly_fee.as_ref().map(|m| m.0.clone()).unwrap_or_default(),
                short_digest(&item.digest).to_owned(),
                item.article.clone(),
            ]);
        }
        row
    });
    page.table(header, rows);
    page
}

#[cfg(test)]
mod tests {
    use super::super::samples::{at, change, clock, request};
    use super::*;
    use crate::api::CloudResourceRequest;

    fn names(request: &CloudResourceRequest, user: &str) -> Vec<String> {
        items(&request.clone().into(), "unit", user, &clock(), |g| g.role == "agency")
            .into_iter()
            .map(|i| i.gate)
            .collect()
    }

    #[test]
    fn only_gates_of_my_roles_wait_for_me() {
        assert_eq!(names(&request(), "wang"), ["evaluation"]);
        assert!(items(&request().into(), "unit", "wang", &clock(), |g| g.role == "authority").is_empty());
    }

    #[test]
    fn who_acted_in_another_role_is_not_asked() {
        assert!(names(&request(), "chen").is_empty());
        assert!(names(&request(), "zhang").is_empty());
        assert_eq!(names(&request(), "li"), ["evaluation"]);
    }

    #[test]
    fn who_has_agreed_waits_for_the_others() {
        let mut request = request();
        let status = request.status.as_mut().unwrap();
        status.open_gates[0].quorum = 2;
        let mut vote = status.decisions[1].clone();
        vote.gate = "evaluation".into();
        vote.digest = status.open_gates[0].digest.clone();
        status.decisions.push(vote);
        assert!(names(&request, "li").is_empty());
        assert_eq!(names(&request, "wang"), ["evaluation"]);
    }

    #[test]
    fn taking_back_waits_for_nobody() {
        let mut request = request();
        request.status.as_mut().unwrap().open_gates[0].gate = GATE_WITHDRAWAL.into();
        assert!(names(&request, "wang").is_empty());
    }

    #[test]
    fn what_is_due_first_comes_first() {
        let mut all = items(&request().into(), "unit", "wang", &clock(), |_| true);
        all.push(Item { due: None, request: "b".into(), ..all[0].clone() });
        all.push(Item { due: Some(at("2026-11-20T00:00:00Z")), request: "c".into(), ..all[0].clone() });
        sort(&mut all);
        assert_eq!(all.iter().map(|i| i.request.as_str()).collect::<Vec<_>>(), ["c", "portal", "b"]);
    }

    #[test]
    fn tables_in_both_languages() {
        let mut all = items(&request().into(), "unit", "wang", &clock(), |_| true);
        let late = Some(at("2026-11-20T08:00:00Z"));
        all.push(Item { due: late, request: "archives".into(), system: "城建档案".into(), ..all[0].clone() });
        all.push(Item { due: None, request: "x".into(), system: "Open Data".into(), ..all[0].clone() });
        all.extend(items(&change().into(), "unit", "wang", &clock(), |_| true));
        sort(&mut all);
        insta::assert_snapshot!("inbox_en", page(Lang::En, &clock(), "wang", &all, true).render());
        insta::assert_snapshot!("inbox_zh", page(Lang::Zh, &clock(), "wang", &all, true).render());
    }
}

//! One request in detail, and what a person is about to decide about it.

use super::choose;
use super::lang::Lang;
use super::moment::Clock;
use super::page::{Page, short_digest, shorten};
use super::words;
use crate::api::CloudResourceRequest;
use crate::api::cloud_resource_request::{CloudResourceRequestStatus, Line, OpenGate};
use crate::api::common::QuantityMap;
use crate::api::decision::{DecisionSpec, LineAmount};
use crate::api::names::CONDITION_READY;
use crate::core::workflow::GATE_WITHDRAWAL;
use kube::ResourceExt as _;

/// Columns that a message may take where `-o wide` was not asked for.
const MESSAGE_WIDTH: usize = 80;

/// One request in detail.
#[must_use]
pub fn page(lang: Lang, clock: &Clock, request: &CloudResourceRequest, wide: bool) -> Page {
    let mut page = Page::default();
    let default = CloudResourceRequestStatus::default();
    let status = request.status.as_ref().unwrap_or(&default);
    page.pairs(facts(lang, clock, request, status));
    if request.status.is_none() {
        page.line(lang.no_status());
    }
    gates(&mut page, lang, clock, status, wide);
    page.heading(lang.pick("LINES", "资源明细"));
    lines(&mut page, lang, request, &[]);
    if !status.conditions.is_empty() {
        page.heading(lang.pick("CONDITIONS", "状况"));
        let header = match lang {
            Lang::En => ["CONDITION", "STATUS", "REASON", "MESSAGE"],
            Lang::Zh => ["状况", "状态", "原因", "说明"],
        };
        let rows = status.conditions.iter().map(|c| {
            vec![
                words::condition(lang, &c.type_).to_owned(),
                c.status.clone(),
                c.reason.clone(),
                shorten(&c.message, if wide { usize::MAX } else { MESSAGE_WIDTH }),
            ]
        });
        page.table(header, rows);
    }
    page
}

fn facts(
    lang: Lang,
    clock: &Clock,
    request: &CloudResourceRequest,
    status: &CloudResourceRequestStatus,
) -> Vec<(String, String)> {
    let application = &request.spec.application;
    let filed = status.submission.as_ref().map(|s| format!("{}, {}", s.by, clock.minute(s.at)));
    let ready = status.conditions.iter().find(|c| c.type_ == CONDITION_READY && c.status != "True");
    let text = |option: Option<String>| option.unwrap_or_default();
    [
        (("Request", "申请"), format!("{}/{}", request.namespace().unwrap_or_default(), request.name_any())),
        (("System", "系统"), format!("{} ({})", application.system.name, application.system.code)),
        (("Unit", "使用单位"), application.unit_name.clone()),
        (("Domain", "云域"), application.domain.clone()),
        (("Track", "办理流程"), application.track.clone()),
        (("Phase", "阶段"), words::phase(lang, status.phase).to_owned()),
        (("Round", "轮次"), if status.round == 0 { String::new() } else { status.round.to_string() }),
        (("Filed by", "提交人"), text(filed)),
        (("Waiting for", "待办"), text(words::waiting_for(lang, status))),
        (("Due", "到期日"), text(status.due.map(|d| d.to_string()))),
        (("Rules", "适用办法"), text(status.policy.as_ref().map(|p| p.name.clone()))),
        (("Amounts", "资源合计"), amounts(&status.amounts)),
        (("CNY a month", "月费用（元）"), text(status.monthly_fee.as_ref().map(|m| m.0.clone()))),
        (("Namespace", "系统命名空间"), text(status.system_namespace.clone())),
        (("Keep old until", "原系统保留至"), text(status.keep_old_until.map(|d| d.to_string()))),
        (("Message", "说明"), text(ready.map(|c| c.message.clone()))),
    ]
    .map(|((en, zh), value)| (lang.pick(en, zh).to_owned(), value))
    .into()
}

fn gates(page: &mut Page, lang: Lang, clock: &Clock, status: &CloudResourceRequestStatus, wide: bool) {
    if status.open_gates.is_empty() {
        return;
    }
    page.heading(lang.pick("OPEN GATES", "待办环节"));
    let header = match lang {
        Lang::En => ["GATE", "TITLE", "ROLE", "CAN DECIDE", "AGREED", "DUE", "DIGEST", "ARTICLE"],
        Lang::Zh => ["环节", "名称", "角色", "可作决定", "人数", "到期日", "内容摘要", "条款"],
    };
    let rows = status.open_gates.iter().map(|gate| {
        vec![
            gate.gate.clone(),
            gate.title.get(lang.chinese()).to_owned(),
            words::role(lang, &gate.role).to_owned(),
            choose::verdicts(lang, gate),
            format!("{}/{}", gate.agreed, gate.quorum),
            gate.due.map(|due| clock.due(lang, due)).unwrap_or_default(),
            if wide { gate.digest.clone() } else { short_digest(&gate.digest).to_owned() },
            gate.article.clone(),
        ]
    });
    page.table(header, rows);
}

/// The lines with what was asked, what was confirmed before, and what is granted now.
fn lines(page: &mut Page, lang: Lang, request: &CloudResourceRequest, grant: &[LineAmount]) {
    let known = request.status.iter().flat_map(|s| &s.lines);
    let known: Vec<_> = known.collect();
    let of = |line: &Line| known.iter().find(|l| l.name == line.name);
    let mut header = match lang {
        Lang::En => vec!["LINE", "ITEM", "ASKED", "CONFIRMED", "CNY/MONTH"],
        Lang::Zh => vec!["行", "目录项", "申请数量", "核定数量", "月费用（元）"],
    };
    if !grant.is_empty() {
        header.push(lang.pick("YOU GRANT", "本次核定"));
    }
    let rows = request.spec.application.lines.iter().map(|line| {
        let status = of(line);
        let mut row = vec![
            line.name.clone(),
            line.item.clone().or_else(|| line.need.as_ref().map(|n| shorten(&n.description, 40))).unwrap_or_default(),
            line.quantity.to_string(),
            status.and_then(|s| s.confirmed).map(|c| c.to_string()).unwrap_or_default(),
            status.and_then(|s| s.monthly_fee.as_ref()).map(|m| m.0.clone()).unwrap_or_default(),
        ];
        if !grant.is_empty() {
            let granted = grant.iter().find(|g| g.line == line.name);
            row.push(granted.map(|g| g.quantity.to_string()).unwrap_or_default());
        }
        row
    });
    page.table(header, rows);
}

fn amounts(amounts: &QuantityMap) -> String {
    amounts.iter().map(|(name, amount)| format!("{name}={amount}")).collect::<Vec<_>>().join(", ")
}

/// What is shown before a decision is made: the person answers for exactly this.
#[must_use]
pub fn preview(lang: Lang, request: &CloudResourceRequest, gate: &OpenGate, spec: &DecisionSpec) -> Page {
    let mut page = Page::default();
    page.line(lang.about_to(&words::verdict(lang, spec.verdict)));
    let application = &request.spec.application;
    let status = request.status.as_ref();
    let title = if gate.gate == GATE_WITHDRAWAL {
        gate.gate.clone()
    } else {
        titled(&gate.gate, gate.title.get(lang.chinese()))
    };
    let fee = status.and_then(|s| s.monthly_fee.as_ref()).map(|m| m.0.clone());
    page.pairs(
        [
            (("Request", "申请"), format!("{}/{}", request.namespace().unwrap_or_default(), request.name_any())),
            (("System", "系统"), format!("{} ({})", application.system.name, application.system.code)),
            (("Unit", "使用单位"), application.unit_name.clone()),
            (("Gate", "环节"), title),
            (("Role", "角色"), words::role(lang, &gate.role).to_owned()),
            (("Article", "条款"), gate.article.clone()),
            (("Amounts", "资源合计"), status.map(|s| amounts(&s.amounts)).unwrap_or_default()),
            (("CNY a month", "月费用（元）"), fee.unwrap_or_default()),
            (("Digest", "内容摘要"), short_digest(&spec.digest).to_owned()),
            (("Comment", "意见"), spec.comment.clone().unwrap_or_default()),
        ]
        .map(|((en, zh), value)| (lang.pick(en, zh).to_owned(), value)),
    );
    page.line("");
    lines(&mut page, lang, request, &spec.grant);
    if !spec.evidence.is_empty() {
        page.line("");
        let header = match lang {
            Lang::En => ["REPORT", "RESULT", "SHA-256", "WHERE"],
            Lang::Zh => ["报告", "结论", "文件摘要", "文件地址"],
        };
        let rows = spec.evidence.iter().map(|e| {
            let result = e.result.map(|r| words::result(lang, r).to_owned());
            vec![e.name.clone(), result.unwrap_or_default(), e.sha256.clone(), e.uri.clone().unwrap_or_default()]
        });
        page.table(header, rows);
    }
    page.line("");
    page
}

/// A gate's name with its title, where it has one.
fn titled(name: &str, title: &str) -> String {
    if title.is_empty() { name.to_owned() } else { format!("{name} ({title})") }
}

#[cfg(test)]
mod tests {
    use super::super::decision::{Details, build};
    use super::super::samples::{clock, request};
    use super::*;
    use crate::api::decision::Verdict;

    #[test]
    fn a_request_in_both_languages() {
        insta::assert_snapshot!("status_en", page(Lang::En, &clock(), &request(), false).render());
        insta::assert_snapshot!("status_zh", page(Lang::Zh, &clock(), &request(), false).render());
    }

    #[test]
    fn a_request_that_nobody_has_looked_at() {
        let mut request = request();
        request.status = None;
        assert!(page(Lang::En, &clock(), &request, false).render().contains("The operator has not looked"));
    }

    #[test]
    fn a_decision_is_shown_before_it_is_made() {
        let request = request();
        let gate = request.status.as_ref().unwrap().open_gates[0].clone();
        let details = Details {
            comment: Some("按评估结果".into()),
            grant: vec![LineAmount { line: "disk".into(), quantity: 300 }],
            ..Details::default()
        };
        let spec = build(Lang::Zh, &request, &gate, Verdict::Approve, details).unwrap();
        insta::assert_snapshot!("preview_en", preview(Lang::En, &request, &gate, &spec).render());
        insta::assert_snapshot!("preview_zh", preview(Lang::Zh, &request, &gate, &spec).render());
    }
}

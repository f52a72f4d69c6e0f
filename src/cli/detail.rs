//! One request in detail, and what a person is about to decide about it.

use super::adopt;
use super::choose;
use super::lang::Lang;
use super::moment::Clock;
use super::page::{Page, short_digest, shorten};
use super::paper::{Paper, Progress};
use super::words;
use crate::api::cloud_resource_request::{LineStatus, OpenGate};
use crate::api::common::{Document, Quantity, QuantityMap, Time};
use crate::api::decision::{DecisionSpec, LineAmount};
use crate::api::names::CONDITION_READY;
use crate::api::resource_change::ResourceChangeStatus;
use crate::api::sanction::Measure;
use crate::api::{CloudResourceRequest, Decommission, ResourceChange, Sanction};
use crate::core::workflow::GATE_WITHDRAWAL;
use std::collections::BTreeSet;

/// Columns that a message may take where `-o wide` was not asked for.
const MESSAGE_WIDTH: usize = 80;

/// One request in detail.
#[must_use]
pub fn page(lang: Lang, clock: &Clock, paper: &Paper, wide: bool) -> Page {
    let mut page = Page::default();
    let status = &paper.standing();
    page.pairs(facts(lang, clock, paper, status));
    if paper.progress().is_none() {
        page.line(lang.no_status());
    }
    gates(&mut page, lang, clock, status, wide);
    papers(&mut page, lang, paper);
    if !rows(paper).is_empty() {
        page.heading(lang.pick("LINES", "资源明细"));
        lines(&mut page, lang, paper, &[]);
    }
    if let Paper::Request(request) = paper
        && let Some(plan) = request.status.as_ref().and_then(|status| status.adoption.as_ref())
    {
        adopt::planned(&mut page, lang, plan, wide);
    }
    if let Paper::Departure(decommission) = paper {
        volumes(&mut page, lang, decommission);
    }
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

type Fact = ((&'static str, &'static str), String);

fn facts(lang: Lang, clock: &Clock, paper: &Paper, status: &Progress<'_>) -> Vec<(String, String)> {
    let ready = status.conditions.iter().find(|c| c.type_ == CONDITION_READY && c.status != "True");
    let text = |option: Option<String>| option.unwrap_or_default();
    let mut facts = vec![(title(paper), paper.path())];
    facts.extend(match paper {
        Paper::Request(request) => asks(request),
        Paper::Change(change) => changes(lang, clock, change),
        Paper::Departure(decommission) => leaves(lang, decommission),
        Paper::Sanction(sanction) => orders(lang, sanction),
    });
    facts.extend([
        (("Phase", "阶段"), words::stage(lang, status.stage).to_owned()),
        (("Round", "轮次"), if status.round == 0 { String::new() } else { status.round.to_string() }),
        (("Filed by", "提交人"), text(status.submission.map(|s| format!("{}, {}", s.by, clock.minute(s.at))))),
        (("Waiting for", "待办"), text(words::waiting_for(lang, status))),
        (("Due", "到期日"), text(status.due.map(|d| d.to_string()))),
        (("Rules", "适用办法"), text(status.policy.map(|p| p.name.clone()))),
    ]);
    facts.extend(match paper {
        Paper::Request(request) => opened(clock, request),
        Paper::Change(change) => before_and_after(change),
        Paper::Departure(decommission) => gone(clock, decommission),
        Paper::Sanction(sanction) => in_force(clock, sanction),
    });
    facts.push((("Message", "说明"), text(ready.map(|c| c.message.clone()))));
    facts.into_iter().map(|((en, zh), value)| (lang.pick(en, zh).to_owned(), value)).collect()
}

fn title(paper: &Paper) -> (&'static str, &'static str) {
    match paper {
        Paper::Request(_) => ("Request", "申请"),
        Paper::Change(_) => ("Change", "变更申请"),
        Paper::Departure(_) => ("Decommission", "退出申请"),
        Paper::Sanction(_) => ("Sanction", "处理措施"),
    }
}

fn asks(request: &CloudResourceRequest) -> Vec<Fact> {
    let application = &request.spec.application;
    vec![
        (("System", "系统"), format!("{} ({})", application.system.name, application.system.code)),
        (("Unit", "使用单位"), application.unit_name.clone()),
        (("Domain", "云域"), application.domain.clone()),
        (("Takes over", "接管命名空间"), application.adopts.as_ref().map(|a| a.namespace.clone()).unwrap_or_default()),
        (("Stands by for", "所灾备的系统"), application.standby_for.clone().unwrap_or_default()),
        (("Track", "办理流程"), application.track.clone()),
    ]
}

fn leaves(lang: Lang, decommission: &Decommission) -> Vec<Fact> {
    let departure = &decommission.spec.departure;
    vec![
        (("System", "系统"), departure.system.clone()),
        (("Unit", "使用单位"), departure.unit_name.clone()),
        (("Reason", "原因"), departure.reason.clone()),
        (("Backup", "数据备份"), words::backup(lang, departure.backup).to_owned()),
        (("Parts", "退出的部分"), departure.items.join(", ")),
        (("Namespace", "命名空间"), deletes(lang, departure.delete_namespace)),
        (("Proposal", "优化建议"), departure.proposal_ref.as_ref().map(|p| p.name.clone()).unwrap_or_default()),
        (("Track", "办理流程"), decommission.status.as_ref().and_then(|s| s.track.clone()).unwrap_or_default()),
    ]
}

fn deletes(lang: Lang, delete_namespace: Option<bool>) -> String {
    match delete_namespace {
        Some(true) => lang.pick("deleted at the end", "结束时删除").to_owned(),
        Some(false) => lang.pick("kept", "保留").to_owned(),
        None => String::new(),
    }
}

fn gone(clock: &Clock, decommission: &Decommission) -> Vec<Fact> {
    let status = decommission.status.clone().unwrap_or_default();
    let minute = |at: Option<Time>| at.map(|at| clock.minute(at)).unwrap_or_default();
    vec![
        (("Offline since", "下线时间"), minute(status.offline_at)),
        (("Wiped since", "清除开始时间"), minute(status.wiping_since)),
        (("Left", "完成时间"), minute(status.closed_at)),
    ]
}

/// What was handed in, and by which digest it is known again.
fn papers(page: &mut Page, lang: Lang, paper: &Paper) {
    if paper.documents().is_empty() {
        return;
    }
    page.heading(lang.pick("PAPERS", "申请材料"));
    let header = match lang {
        Lang::En => ["TYPE", "NAME", "SHA-256", "WHERE"],
        Lang::Zh => ["类型", "名称", "文件摘要", "文件地址"],
    };
    let row = |d: &Document| {
        vec![d.type_.clone(), d.name.clone(), short_digest(&d.sha256).to_owned(), d.uri.clone().unwrap_or_default()]
    };
    page.table(header, paper.documents().iter().map(row));
}

/// Volume by volume, and what the provider attests to.
fn volumes(page: &mut Page, lang: Lang, decommission: &Decommission) {
    let status = decommission.status.clone().unwrap_or_default();
    if !status.volumes.is_empty() {
        page.heading(lang.pick("VOLUMES", "存储卷"));
        let header = match lang {
            Lang::En => ["CLAIM", "VOLUME", "STEP", "BACKUP", "MESSAGE"],
            Lang::Zh => ["存储卷声明", "存储卷", "进度", "备份摘要", "说明"],
        };
        let rows = status.volumes.iter().map(|volume| {
            vec![
                volume.claim.clone(),
                volume.volume.clone().unwrap_or_default(),
                words::volume_step(lang, volume.step).to_owned(),
                volume.backup.as_deref().map(short_digest).unwrap_or_default().to_owned(),
                volume.message.clone().unwrap_or_default(),
            ]
        });
        page.table(header, rows);
    }
    if !status.holdings.is_empty() {
        page.heading(lang.pick("TO BE ATTESTED", "须逐项证明已清除"));
        let header = match lang {
            Lang::En => ["NAME", "WHAT"],
            Lang::Zh => ["名称", "说明"],
        };
        page.table(header, status.holdings.iter().map(|holding| vec![holding.name.clone(), holding.what.clone()]));
    }
}

fn orders(lang: Lang, sanction: &Sanction) -> Vec<Fact> {
    let order = &sanction.spec.order;
    let all = lang.pick("all", "全部");
    let systems = if order.systems.is_empty() { all.to_owned() } else { order.systems.join(", ") };
    let systems = if order.measure == Measure::Suspension { systems } else { String::new() };
    vec![
        (("Against", "对象"), format!("{} ({})", order.unit_name, words::party(lang, order.party))),
        (("Measure", "措施"), words::measure(lang, order.measure).to_owned()),
        (("Systems", "系统"), systems),
        (("Ground", "事实"), format!("{} ({})", order.ground, order.article)),
        (("To have it lifted", "整改要求"), order.mend.clone()),
        (("By", "整改期限"), order.mend_by.map(|day| day.to_string()).unwrap_or_default()),
        (("Notice", "此前通知"), order.notice.clone().unwrap_or_default()),
        (("Track", "办理流程"), sanction.status.as_ref().and_then(|s| s.track.clone()).unwrap_or_default()),
    ]
}

fn in_force(clock: &Clock, sanction: &Sanction) -> Vec<Fact> {
    let status = sanction.status.clone().unwrap_or_default();
    let minute = |at: Option<Time>| at.map(|at| clock.minute(at)).unwrap_or_default();
    vec![
        (("In force since", "执行时间"), minute(status.imposed.map(|i| i.at))),
        (("Lifted", "解除时间"), minute(status.lifted.map(|l| l.at))),
    ]
}

fn opened(clock: &Clock, request: &CloudResourceRequest) -> Vec<Fact> {
    let Some(status) = &request.status else { return Vec::new() };
    vec![
        (("Amounts", "资源合计"), amounts(&status.amounts)),
        (("CNY a month", "月费用（元）"), status.monthly_fee.as_ref().map(|m| m.0.clone()).unwrap_or_default()),
        (("Until", "截止时间"), status.until.map(|at| clock.minute(at)).unwrap_or_default()),
        (("Namespace", "系统命名空间"), status.system_namespace.clone().unwrap_or_default()),
        (("Keep old until", "原系统保留至"), status.keep_old_until.map(|d| d.to_string()).unwrap_or_default()),
    ]
}

fn changes(lang: Lang, clock: &Clock, change: &ResourceChange) -> Vec<Fact> {
    let asked = &change.spec.change;
    let default = ResourceChangeStatus::default();
    let status = change.status.as_ref().unwrap_or(&default);
    let at = |time: Option<Time>| time.map(|at| clock.minute(at)).unwrap_or_default();
    let window = asked.window.as_ref();
    let until = window.map(|w| w.until).or(asked.extend.as_ref().map(|e| e.until));
    vec![
        (("System", "系统"), asked.system.clone()),
        (("Unit", "使用单位"), asked.unit_name.clone()),
        (("Ground", "变更依据"), words::ground(lang, asked.ground).to_owned()),
        (("Reason", "变更原因"), asked.reason.clone()),
        (("Extends", "延期对象"), asked.extend.as_ref().map(|e| e.change.clone()).unwrap_or_default()),
        (("Settles", "补办的应急扩容"), asked.settles.clone().unwrap_or_default()),
        (("Track", "办理流程"), status.track.clone().unwrap_or_default()),
        (("Major because", "重大变更原因"), status.major_because.clone().unwrap_or_default()),
        (("Use when filed", "申请时使用情况"), status.evidence.as_ref().map(|e| e.message.clone()).unwrap_or_default()),
        (("From", "生效时间"), at(status.effective_from.or(window.map(|w| w.from)).or(asked.not_before))),
        (("Until", "截止时间"), at(status.until.or(until))),
        (("Extend by", "延期申请截止日"), status.extend_by.map(|d| d.to_string()).unwrap_or_default()),
    ]
}

fn before_and_after(change: &ResourceChange) -> Vec<Fact> {
    let Some(status) = &change.status else { return Vec::new() };
    let fee = match (&status.fee_before, &status.fee_after) {
        (Some(before), Some(after)) => arrow(&before.0, &after.0),
        _ => String::new(),
    };
    // What cannot be worked out is not nothing.
    let is_known = status.lines.iter().all(|line| line.problem.is_none());
    let amounts = if is_known { difference(&status.before, &status.after) } else { String::new() };
    vec![(("Amounts", "资源合计"), amounts), (("CNY a month", "月费用（元）"), fee)]
}

/// Each resource before and after; what stays as it is once.
fn difference(before: &QuantityMap, after: &QuantityMap) -> String {
    let zero = Quantity("0".to_owned());
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let each = names.into_iter().map(|name| {
        let of = |map: &QuantityMap| map.get(name).unwrap_or(&zero).0.clone();
        format!("{name}={}", arrow(&of(before), &of(after)))
    });
    each.collect::<Vec<_>>().join(", ")
}

/// What it was and what it becomes.
#[must_use]
pub fn arrow(before: &str, after: &str) -> String {
    if before == after { before.to_owned() } else { format!("{before} -> {after}") }
}

fn gates(page: &mut Page, lang: Lang, clock: &Clock, status: &Progress<'_>, wide: bool) {
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
            clock.due_of(lang, gate.due, gate.due_unknown).unwrap_or_default(),
            if wide { gate.digest.clone() } else { short_digest(&gate.digest).to_owned() },
            gate.article.clone(),
        ]
    });
    page.table(header, rows);
}

/// The lines with what was asked, what was confirmed before, and what is granted now.
fn lines(page: &mut Page, lang: Lang, paper: &Paper, grant: &[LineAmount]) {
    let known = paper.standing().lines;
    let named = rows(paper);
    let mut header = match (lang, paper) {
        (Lang::En, Paper::Request(_)) => vec!["LINE", "ITEM", "ASKED", "CONFIRMED", "CNY/MONTH"],
        (Lang::Zh, Paper::Request(_)) => vec!["行", "目录项", "申请数量", "核定数量", "月费用（元）"],
        (Lang::En, Paper::Change(_) | Paper::Departure(_) | Paper::Sanction(_)) => {
            vec!["LINE", "ITEM", "BEFORE -> AFTER", "CONFIRMED", "CNY/MONTH"]
        }
        (Lang::Zh, Paper::Change(_) | Paper::Departure(_) | Paper::Sanction(_)) => {
            vec!["行", "目录项", "变更前后数量", "核定数量", "月费用（元）"]
        }
    };
    if !grant.is_empty() {
        header.push(lang.pick("YOU GRANT", "本次核定"));
    }
    let rows = named.into_iter().map(|(name, item, asked)| {
        let status: Option<&LineStatus> = known.iter().find(|l| l.name == name);
        let before = status.and_then(|s| s.before);
        let mut row = vec![
            name.to_owned(),
            item,
            before.map_or_else(|| asked.to_string(), |before| format!("{before} -> {asked}")),
            status.and_then(|s| s.confirmed).map(|c| c.to_string()).unwrap_or_default(),
            status.and_then(|s| s.monthly_fee.as_ref()).map(|m| m.0.clone()).unwrap_or_default(),
        ];
        if !grant.is_empty() {
            let granted = grant.iter().find(|g| g.line == name);
            row.push(granted.map(|g| g.quantity.to_string()).unwrap_or_default());
        }
        row
    });
    page.table(header, rows);
}

/// Name, item and quantity of each line, as its author wrote it.
fn rows(paper: &Paper) -> Vec<(&str, String, i64)> {
    match paper {
        Paper::Request(request) => {
            let lines = request.spec.application.lines.iter().map(|line| {
                let need = || line.need.as_ref().map(|n| shorten(&n.description, 40));
                (line.name.as_str(), line.item.clone().or_else(need).unwrap_or_default(), line.quantity)
            });
            lines.collect()
        }
        Paper::Change(change) => {
            let lines = &change.spec.change.lines;
            lines.iter().map(|l| (l.name.as_str(), l.item.clone().unwrap_or_default(), l.quantity)).collect()
        }
        Paper::Departure(_) | Paper::Sanction(_) => Vec::new(),
    }
}

fn amounts(amounts: &QuantityMap) -> String {
    amounts.iter().map(|(name, amount)| format!("{name}={amount}")).collect::<Vec<_>>().join(", ")
}

/// What is shown before a decision is made: the person answers for exactly this.
#[must_use]
pub fn preview(lang: Lang, clock: &Clock, paper: &Paper, gate: &OpenGate, spec: &DecisionSpec) -> Page {
    let mut page = Page::default();
    page.line(lang.about_to(&words::verdict(lang, spec.verdict)));
    let title = if gate.gate == GATE_WITHDRAWAL {
        gate.gate.clone()
    } else {
        titled(&gate.gate, gate.title.get(lang.chinese()))
    };
    let mut facts = vec![(self::title(paper), paper.path())];
    facts.extend(match paper {
        Paper::Request(request) => {
            let all = asks(request).into_iter();
            all.filter(|((en, _), _)| ["System", "Unit", "Track"].contains(en)).collect()
        }
        Paper::Change(change) => changes(lang, clock, change),
        Paper::Departure(decommission) => leaves(lang, decommission),
        Paper::Sanction(sanction) => orders(lang, sanction),
    });
    facts.extend([
        (("Gate", "环节"), title),
        (("Role", "角色"), words::role(lang, &gate.role).to_owned()),
        (("Article", "条款"), gate.article.clone()),
    ]);
    facts.extend(match paper {
        Paper::Request(request) => opened(clock, request).into_iter().take(2).collect(),
        Paper::Change(change) => before_and_after(change),
        Paper::Departure(decommission) => gone(clock, decommission),
        Paper::Sanction(sanction) => in_force(clock, sanction),
    });
    facts.extend([
        (("Digest", "内容摘要"), short_digest(&spec.digest).to_owned()),
        (("Comment", "意见"), spec.comment.clone().unwrap_or_default()),
    ]);
    page.pairs(facts.into_iter().map(|((en, zh), value)| (lang.pick(en, zh).to_owned(), value)));
    page.line("");
    if !rows(paper).is_empty() {
        lines(&mut page, lang, paper, &spec.grant);
    }
    papers(&mut page, lang, paper);
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
    use super::super::samples::{change, clock, request};
    use super::*;
    use crate::api::decision::Verdict;

    #[test]
    fn a_request_in_both_languages() {
        insta::assert_snapshot!("status_en", page(Lang::En, &clock(), &request().into(), false).render());
        insta::assert_snapshot!("status_zh", page(Lang::Zh, &clock(), &request().into(), false).render());
    }

    #[test]
    fn a_request_that_nobody_has_looked_at() {
        let mut request = request();
        request.status = None;
        assert!(page(Lang::En, &clock(), &request.into(), false).render().contains("The operator has not looked"));
    }

    #[test]
    fn r22_3_a_change_in_both_languages_before_and_after() {
        insta::assert_snapshot!("change_en", page(Lang::En, &clock(), &change().into(), false).render());
        insta::assert_snapshot!("change_zh", page(Lang::Zh, &clock(), &change().into(), false).render());
        let change = change();
        let gate = change.status.as_ref().unwrap().open_gates[0].clone();
        let details = Details {
            grant: vec![
                LineAmount { line: "web".into(), quantity: 5 },
                LineAmount { line: "disk".into(), quantity: 500 },
            ],
            ..Details::default()
        };
        let spec = build(Lang::Zh, &change.clone().into(), &gate, Verdict::Approve, details).unwrap();
        let shown = preview(Lang::Zh, &clock(), &change.into(), &gate, &spec).render();
        insta::assert_snapshot!("change_preview_zh", shown);
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
        let spec = build(Lang::Zh, &request.clone().into(), &gate, Verdict::Approve, details).unwrap();
        insta::assert_snapshot!(
            "preview_en",
            preview(Lang::En, &clock(), &request.clone().into(), &gate, &spec).render()
        );
        insta::assert_snapshot!(
            "preview_zh",
            preview(Lang::Zh, &clock(), &request.clone().into(), &gate, &spec).render()
        );
    }
}

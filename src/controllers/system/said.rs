//! What the conditions of a system say.

use super::{BOOKS_STOPPED, Outcome};
use crate::api::decommission::Leaving;
use crate::api::information_system::{StopStatus, Suspension, SystemPhase};
use crate::api::names::{
    CONDITION_ALL_GIVEN, CONDITION_LIVE, CONDITION_NETWORKS_SHUT, CONDITION_OFFLINE, CONDITION_OLD_SYSTEM_KEPT,
    CONDITION_PROVISIONED, CONDITION_READY, CONDITION_RECONCILING, CONDITION_STALLED, CONDITION_SUSPENDED,
    CONDITION_WITHIN_GRANT,
};
use crate::api::{InformationSystem, InformationSystemSpec};
use crate::controllers::refused::REFUSED;
use crate::core::catalog;
use crate::core::effective;
use crate::core::fit;
use crate::core::quantity::{Amounts, Format};
use crate::core::registry::Registry;
use crate::core::request::Statement;
use crate::core::retention::{self, Kept};
use crate::core::round::report::urgent_ended;
use crate::core::stop::{self, Stop};
use crate::core::text::Text;
use jiff::Timestamp;
use kube::ResourceExt as _;

/// Whether the system uses no more than it has.
pub(super) fn within_grant(held: &Amounts) -> Statement {
    if held.is_empty() {
        return Statement::new(
            CONDITION_WITHIN_GRANT,
            true,
            "Within",
            "nothing is in use beyond what is granted (未超出授予)",
        );
    }
    let list: Vec<String> =
        held.iter().map(|(resource, amount)| format!("{resource} {}", amount.print(Format::of(resource)))).collect();
    let list = list.join(", ");
    Statement::new(
        CONDITION_WITHIN_GRANT,
        false,
        "StillInUse",
        Text::new(
            format!(
                "in use beyond what is granted: {list}; nothing is stopped: the unit scales down or removes what it does not need, and the quota follows"
            ),
            format!("超出授予仍在使用：{list}；系统不会停止任何业务，请使用单位自行释放，额度随之下调"),
        ),
    )
}

/// What was granted and is given as nothing, since no quota can hold it; nothing where there is no such thing.
pub(super) fn all_given(system: &InformationSystem, now: Timestamp) -> Option<Statement> {
    let spans = effective::spans(&system.spec).into_iter().zip(&system.spec.grants);
    let lines = spans.filter(|(span, _)| span.contains(now)).flat_map(|(_, grant)| &grant.lines);
    let missing: Vec<String> =
        catalog::given_as_nothing(lines).iter().map(|(line, resource)| format!("{line}: {resource}")).collect();
    let list = missing.join(", ");
    (!missing.is_empty()).then(|| {
        Statement::new(
            CONDITION_ALL_GIVEN,
            false,
            "NotInQuota",
            Text::new(
                format!(
                    "granted, and given as nothing, since no ResourceQuota holds it: {list}; the provider mends the product, and the unit files a change of the line, by which it gets what the product says then"
                ),
                format!("已授予但配额无法容纳，实际未开通：{list}；请云服务商更正服务产品，由使用单位就该行提交变更"),
            ),
        )
    })
}

/// Whether the old self of a migrated system must still be kept; nothing on a new one, or one that has left.
pub(super) fn old_system(
    system: &InformationSystemSpec,
    registry: &Registry,
    retained: Option<Timestamp>,
    now: Timestamp,
) -> Option<Statement> {
    let article = retention::rules(system, registry).map(|rules| rules.retention.old_system_months.article.as_str());
    let article = article.unwrap_or_default();
    let (kept, reason, why) = match retention::kept(system, registry)? {
        Kept::UntilLive => (
            true,
            "NotLive",
            format!(
                "the old system is kept as a way back for as long as this one is not live, and after that for the time that the rules say ({article}) (上线前及上线后规定期限内须保留原系统，{article})"
            ),
        ),
        Kept::Until(day) if retained.is_none_or(|end| now < end) => (
            true,
            "Retained",
            format!("the old system is kept as a way back until the end of {day} (原系统须保留至{day}，{article})"),
        ),
        Kept::Until(day) => (
            false,
            "RetentionOver",
            format!("the old system had to be kept until {day}: it may go now (原系统保留期已于{day}届满)"),
        ),
    };
    Some(Statement::new(CONDITION_OLD_SYSTEM_KEPT, kept, reason, why))
}

/// Whether the networks of a namespace that was taken over are shut yet; nothing on others.
pub(super) fn networks(system: &InformationSystem, now: Timestamp) -> Option<Statement> {
    let adopted = system.spec.adopted.as_ref()?;
    let shut = now >= adopted.networks_shut_from.timestamp();
    let at = adopted.networks_shut_from;
    Some(Statement::new(
        CONDITION_NETWORKS_SHUT,
        shut,
        if shut { "Shut" } else { "OpenForNow" },
        if shut {
            "its networks are shut but for what was granted (除授予的网络外已关闭)".to_owned()
        } else {
            format!(
                "its networks are as they were before the takeover until {at}, and shut then but for what was granted (网络保持原状至{at}，此后除授予的网络外一律关闭)"
            )
        },
    ))
}

/// What is said of a system: whether it is open, live, stopped, and what is in the way.
pub(super) fn statements(
    system: &InformationSystem,
    outcome: &Outcome,
    phase: SystemPhase,
    now: Timestamp,
) -> Vec<Statement> {
    let live = system.spec.live.is_some();
    let mut statements = vec![Statement::new(
        CONDITION_LIVE,
        live,
        if live { "Signed" } else { "NotYet" },
        if live {
            "signed by all parties; charging runs (已签订协议并计费)"
        } else {
            "not live, nothing is charged (未上线，不计费)"
        },
    )];
    statements.extend(provisioned(system, outcome));
    let problem = problem(outcome);
    if let Some(closed) = closed(system) {
        statements.extend(closed);
        return statements;
    }
    statements.extend(stopped(system, outcome));
    match (&problem, effective::urgent_ended(&system.spec, now)) {
        (None, _) if outcome.stop.is_some() => {}
        (Some((reason, message)), _) => statements.extend([
            Statement::new(CONDITION_READY, false, reason, message),
            Statement::new(CONDITION_STALLED, true, reason, message),
            Statement::new(CONDITION_RECONCILING, false, reason, "waits for somebody to mend what Ready says"),
        ]),
        (None, Some(at)) => statements.extend(urgent_ended(&system.name_any(), at)),
        (None, None) => statements.extend([
            Statement::new(
                CONDITION_READY,
                true,
                phase.into(),
                "the system's resources are as granted (资源与授予一致)",
            ),
            Statement::new(CONDITION_STALLED, false, "Idle", "nothing is in the way"),
            Statement::new(CONDITION_RECONCILING, false, "Idle", "the operator has nothing to do"),
        ]),
    }
    statements
}

/// Whether what was granted stands; as it was said last, where that is not known.
fn provisioned(system: &InformationSystem, outcome: &Outcome) -> Option<Statement> {
    if let Some((reason, message)) = &outcome.problem {
        return Some(Statement::new(CONDITION_PROVISIONED, false, reason, message));
    }
    if outcome.open {
        let stands = "the namespace, its quota and its limits stand (资源已开通)";
        return Some(Statement::new(CONDITION_PROVISIONED, true, "Open", stands));
    }
    if let Some(refused) = &outcome.refused {
        return Some(Statement::new(CONDITION_PROVISIONED, false, REFUSED, refused));
    }
    let before = system.status.iter().flat_map(|status| &status.conditions);
    let before = before.into_iter().find(|condition| condition.type_ == CONDITION_PROVISIONED)?;
    Some(Statement::new(CONDITION_PROVISIONED, before.status == "True", &before.reason, &before.message))
}

/// What somebody must mend: reason and message.
fn problem(outcome: &Outcome) -> Option<(&'static str, String)> {
    let refused = outcome.refused.as_ref().map(|text| (REFUSED, text.to_string()));
    match (outcome.problem.clone(), refused) {
        (Some((reason, message)), Some((_, refused))) => Some((reason, format!("{message}; {refused}"))),
        (problem, refused) => {
            let books = outcome.books.as_ref().map(|why| (BOOKS_STOPPED, why.clone()));
            problem.or(refused).or(books)
        }
    }
}

/// Why it is stopped, and how far that is; nothing where nothing stops it, and all runs.
fn stopped(system: &InformationSystem, outcome: &Outcome) -> Vec<Statement> {
    let Some(stop) = &outcome.stop else { return Vec::new() };
    match stop::standing(&system.spec) {
        Some(Stop::Suspended(order)) => suspended(order, stop),
        Some(Stop::Offline(leaving)) => offline(leaving, stop),
        None => restoring(stop),
    }
}

fn stages(condition: &'static str, reason: &str, stop: &StopStatus, why: &Text) -> Vec<Statement> {
    let under_way = stop.running > 0;
    let progress = if under_way {
        format!("{} pods still end (仍有{}个容器组正在停止)", stop.running, stop.running)
    } else {
        "nothing runs (已全部停止)".to_owned()
    };
    vec![
        Statement::new(condition, true, if under_way { "Stopping" } else { reason }, why),
        Statement::new(CONDITION_READY, false, reason, why),
        Statement::new(CONDITION_RECONCILING, under_way, reason, progress),
        Statement::new(CONDITION_STALLED, false, reason, "nothing is in the way but what Ready says"),
    ]
}

fn suspended(order: &Suspension, stop: &StopStatus) -> Vec<Statement> {
    let (name, at) = (&order.order.name, order.imposed.at);
    let Text { en: state, zh: state_zh } = running(stop);
    let why = Text::new(
        format!(
            "suspended since {at} by sanction {name} ({}): {}; {state}, its volumes and its quota stay. To have it lifted: {}",
            order.article, order.ground, order.mend
        ),
        format!(
            "自{at}起暂停服务（{}，处理措施{name}）：{}；{state_zh}，数据和额度保留。解除条件：{}",
            order.article, order.ground, order.mend
        ),
    );
    stages(CONDITION_SUSPENDED, "Suspended", stop, &why)
}

/// What runs of what is stopped.
fn running(stop: &StopStatus) -> Text {
    match stop.running {
        0 => Text::new("nothing of it runs", "系统停止运行"),
        pods => {
            Text::new(format!("{pods} pods still run and are being stopped"), format!("仍有{pods}个容器组正在停止"))
        }
    }
}

fn offline(leaving: &Leaving, stop: &StopStatus) -> Vec<Statement> {
    let Text { en: state, zh: state_zh } = running(stop);
    let name = &leaving.decommission.name;
    let at = leaving.offline_at.map(|at| at.to_string()).unwrap_or_default();
    let why = match &leaving.wipe {
        None => Text::new(
            format!(
                "offline since {at}, since it leaves by {name}: {state}, and nothing is charged; up to the wipe that can be withdrawn"
            ),
            format!("自{at}起下线（退出申请{name}），{state_zh}，停止计费；数据清除前可以撤回"),
        ),
        Some(wipe) => Text::new(
            format!("it leaves by {name}: its data is wiped since {}", wipe.at),
            format!("系统正在退出（{name}），自{}起清除数据", wipe.at),
        ),
    };
    stages(CONDITION_OFFLINE, "Offline", stop, &why)
}

fn restoring(stop: &StopStatus) -> Vec<Statement> {
    let bare = stop.bare_pods.join(", ");
    let (and_more, and_more_zh) = fit::and_more(stop.more_bare_pods);
    let (lost, lost_zh) = if bare.is_empty() {
        (String::new(), String::new())
    } else {
        (
            format!("; no controller makes these pods again, so start them yourself: {bare}{and_more}"),
            format!("；以下容器组无控制器，须自行重建：{bare}{and_more_zh}"),
        )
    };
    let why = Text::new(
        format!("it is let run again, and what ran is started{lost}"),
        format!("已恢复，正在启动原有业务{lost_zh}"),
    );
    vec![
        Statement::new(CONDITION_SUSPENDED, false, "Lifted", &why),
        Statement::new(CONDITION_READY, false, "Restoring", &why),
        Statement::new(CONDITION_RECONCILING, true, "Restoring", &why),
        Statement::new(CONDITION_STALLED, false, "Restoring", "nothing is in the way"),
    ]
}

/// The system has left.
fn closed(system: &InformationSystem) -> Option<Vec<Statement>> {
    let at = stop::closed(&system.spec)?;
    let why = Text::new(
        format!("it has left at {at}: its record, its decisions and its books stay"),
        format!("已于{at}退出，其档案、办理意见和台账保留"),
    );
    Some(vec![
        Statement::new(CONDITION_READY, true, "Closed", &why),
        Statement::new(CONDITION_STALLED, false, "Idle", "nothing is in the way"),
        Statement::new(CONDITION_RECONCILING, false, "Idle", "the operator has nothing to do"),
        Statement::new(CONDITION_PROVISIONED, false, "Closed", "its resources are given back (资源已回收)"),
    ])
}

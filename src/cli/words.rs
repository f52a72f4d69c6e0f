//! The terms of the measures for the words of the API.

use super::lang::Lang;
use crate::api::cloud_resource_request::{Phase, VoidReason};
use crate::api::decision::{AccessLevel, TestResult, Verdict};
use crate::api::names;

/// What a person decides.
#[must_use]
pub fn verdict(lang: Lang, verdict: Verdict) -> &'static str {
    let (en, zh) = match verdict {
        Verdict::Submit => ("Submit", "提交申请"),
        Verdict::Approve => ("Approve", "同意"),
        Verdict::Reject => ("Reject", "不同意"),
        Verdict::Return => ("Return", "退回补正"),
        Verdict::Sign => ("Sign", "签订协议"),
        Verdict::File => ("File", "备案报告"),
        Verdict::Confirm => ("Confirm", "确认"),
        Verdict::Withdraw => ("Withdraw", "撤回"),
        Verdict::Authorize => ("Authorize", "授权访问"),
    };
    lang.pick(en, zh)
}

/// The subcommand by which a verdict is given.
#[must_use]
pub fn subcommand(verdict: Verdict) -> String {
    verdict.verb()
}

/// Where a request stands.
#[must_use]
pub fn phase(lang: Lang, phase: Phase) -> &'static str {
    let (en, zh) = match phase {
        Phase::Draft => ("Draft", "草稿"),
        Phase::OutOfScope => ("Out of scope", "不属服务范围"),
        Phase::InReview => ("In review", "办理中"),
        Phase::Returned => ("Returned", "已退回"),
        Phase::Rejected => ("Rejected", "未通过"),
        Phase::Withdrawn => ("Withdrawn", "已撤回"),
        Phase::Approved => ("Approved", "已批准"),
        Phase::Provisioning => ("Provisioning", "开通中"),
        Phase::Trial => ("Trial", "试运行"),
        Phase::Live => ("Live", "已上线"),
    };
    lang.pick(en, zh)
}

/// A role; one that a policy adds keeps its own name.
#[must_use]
pub fn role(lang: Lang, role: &str) -> &str {
    let zh = match role {
        names::ROLE_UNIT => "使用单位",
        names::ROLE_SUPERVISOR => "主管部门",
        names::ROLE_PROVIDER => "云服务商",
        names::ROLE_AUTHORITY => "云主管部门",
        names::ROLE_AGENCY => "云管理机构",
        names::ROLE_FINANCE => "财政部门",
        names::ROLE_AUDITOR => "第三方审计",
        names::ROLE_REGULATOR => "安全监管部门",
        other => other,
    };
    lang.pick(role, zh)
}

/// Why a decision does not count, in a few words.
#[must_use]
pub fn void_reason(lang: Lang, reason: VoidReason) -> &'static str {
    let (en, zh) = match reason {
        VoidReason::OtherRequest => ("made for another request of that name", "针对同名的另一份申请"),
        VoidReason::OtherSubmission => ("made for an earlier filing", "针对以前的提交"),
        VoidReason::OtherContent => ("made for other content", "所针对的内容已变更"),
        VoidReason::UnknownGate => ("no such gate", "没有该环节"),
        VoidReason::GateNotOpen => ("the gate was not open yet", "环节尚未开启"),
        VoidReason::GateClosed => ("the gate was closed", "环节已办结"),
        VoidReason::WrongRole => ("the gate belongs to another role", "该环节由其他角色办理"),
        VoidReason::NotEntitled => ("the person does not hold the role", "办理人不具备该角色"),
        VoidReason::SecondRole => ("the person acted in another role already", "办理人已以其他角色办理过"),
        VoidReason::Repeated => ("the person decided here already", "办理人已在此环节办理过"),
        VoidReason::VerdictNotOffered => ("the gate does not offer it", "该环节不可作此决定"),
        VoidReason::MaterialIncomplete => ("papers are missing", "材料不齐"),
        VoidReason::AmountsWrong => ("the amounts are missing or wrong", "核定资源量缺失或有误"),
        VoidReason::ReportsMissing => ("reports are missing", "缺少报告"),
    };
    lang.pick(en, zh)
}

/// What a report finds.
#[must_use]
pub fn result(lang: Lang, result: TestResult) -> &'static str {
    match result {
        TestResult::Passed => lang.pick("Passed", "通过"),
        TestResult::Failed => lang.pick("Failed", "不通过"),
    }
}

/// What a guest may do.
#[must_use]
pub fn level(lang: Lang, level: AccessLevel) -> &'static str {
    match level {
        AccessLevel::View => lang.pick("view", "只读"),
        AccessLevel::Operate => lang.pick("operate", "运维操作"),
    }
}

/// What a condition of a request is about; an unknown one keeps its own name.
#[must_use]
pub fn condition(lang: Lang, type_: &str) -> &str {
    let zh = match type_ {
        names::CONDITION_READY => "就绪",
        names::CONDITION_RECONCILING => "处理中",
        names::CONDITION_STALLED => "受阻",
        names::CONDITION_IN_SCOPE => "属于服务范围",
        names::CONDITION_COMPLETE => "材料齐全",
        names::CONDITION_RESOLVED => "目录匹配",
        names::CONDITION_CAPACITY => "容量充足",
        names::CONDITION_APPROVED => "已批准",
        names::CONDITION_PROVISIONED => "已开通",
        names::CONDITION_LIVE => "已上线",
        names::CONDITION_OVERDUE => "超期",
        names::CONDITION_VALID => "有效",
        other => other,
    };
    lang.pick(type_, zh)
}

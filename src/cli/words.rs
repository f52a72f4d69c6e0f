//! The terms of the measures for the words of the API.

use super::lang::Lang;
use super::paper::{Progress, Stage};
use crate::api::cloud_resource_request::{DueUnknown, Phase, VoidReason};
use crate::api::decision::{AccessLevel, TestResult, Verdict};
use crate::api::decommission::{BackupMode, DecommissionPhase, VolumeStep};
use crate::api::names;
use crate::api::resource_change::{ChangeGround, ChangePhase};
use crate::api::rightsizing_proposal::ProposalPhase;
use crate::api::sanction::{Measure, Party, SanctionPhase};
use crate::core::request;

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

/// Where a paper stands.
#[must_use]
pub fn stage(lang: Lang, stage: Stage) -> &'static str {
    let (en, zh) = match stage {
        Stage::Request(phase) => phase_of_request(phase),
        Stage::Change(phase) => phase_of_change(phase),
        Stage::Departure(phase) => phase_of_departure(phase),
        Stage::Sanction(phase) => phase_of_sanction(phase),
    };
    lang.pick(en, zh)
}

fn phase_of_change(phase: ChangePhase) -> (&'static str, &'static str) {
    match phase {
        ChangePhase::Draft => ("Draft", "草稿"),
        ChangePhase::InReview => ("In review", "办理中"),
        ChangePhase::Returned => ("Returned", "已退回"),
        ChangePhase::Rejected => ("Rejected", "未通过"),
        ChangePhase::Withdrawn => ("Withdrawn", "已撤回"),
        ChangePhase::Refused => ("Refused", "不予受理"),
        ChangePhase::Approved => ("Approved", "已批准"),
        ChangePhase::Scheduled => ("Scheduled", "待生效"),
        ChangePhase::Testing => ("Testing", "试运行"),
        ChangePhase::InEffect => ("In effect", "已生效"),
        ChangePhase::Ended => ("Ended", "已到期"),
    }
}

fn phase_of_departure(phase: DecommissionPhase) -> (&'static str, &'static str) {
    match phase {
        DecommissionPhase::Draft => ("Draft", "草稿"),
        DecommissionPhase::InReview => ("In review", "办理中"),
        DecommissionPhase::Returned => ("Returned", "已退回"),
        DecommissionPhase::Rejected => ("Rejected", "未通过"),
        DecommissionPhase::Withdrawn => ("Withdrawn", "已撤回"),
        DecommissionPhase::Approved => ("Approved", "已批准"),
        DecommissionPhase::BackingUp => ("Being backed up", "备份中"),
        DecommissionPhase::ToConfirm => ("Backup to be confirmed", "待确认备份"),
        DecommissionPhase::GoingOffline => ("Going offline", "下线中"),
        DecommissionPhase::Kept => ("Data kept", "数据保留中"),
        DecommissionPhase::Wiping => ("Being wiped", "清除中"),
        DecommissionPhase::ToAttest => ("Wipe to be attested", "待证明"),
        DecommissionPhase::Reclaiming => ("Being reclaimed", "回收中"),
        DecommissionPhase::Closed => ("Left", "已完成"),
    }
}

/// How data is backed up.
#[must_use]
pub fn backup(lang: Lang, mode: BackupMode) -> &'static str {
    let (en, zh) = match mode {
        BackupMode::Offline => ("Once offline", "停机备份"),
        BackupMode::Live => ("While it runs", "在线备份"),
        BackupMode::Nothing => ("Nothing is kept", "无须备份"),
    };
    lang.pick(en, zh)
}

/// How far a volume is.
#[must_use]
pub fn volume_step(lang: Lang, step: VolumeStep) -> &'static str {
    let (en, zh) = match step {
        VolumeStep::Waiting => ("Waiting", "待处理"),
        VolumeStep::BackingUp => ("Being backed up", "备份中"),
        VolumeStep::BackedUp => ("Backed up", "已备份"),
        VolumeStep::Wiping => ("Being wiped", "清除中"),
        VolumeStep::Wiped => ("Wiped", "已清除"),
        VolumeStep::Removed => ("Removed", "已删除"),
        VolumeStep::ByHand => ("By hand", "人工处理"),
        VolumeStep::Failed => ("Failed", "失败"),
    };
    lang.pick(en, zh)
}

fn phase_of_sanction(phase: SanctionPhase) -> (&'static str, &'static str) {
    match phase {
        SanctionPhase::Draft => ("Draft", "草稿"),
        SanctionPhase::InReview => ("In review", "办理中"),
        SanctionPhase::Returned => ("Returned", "已退回"),
        SanctionPhase::Rejected => ("Rejected", "未通过"),
        SanctionPhase::Withdrawn => ("Withdrawn", "已撤回"),
        SanctionPhase::Approved => ("Approved", "已批准"),
        SanctionPhase::Imposed => ("In force", "执行中"),
        SanctionPhase::Lifted => ("Lifted", "已解除"),
    }
}

/// What is ordered.
#[must_use]
pub fn measure(lang: Lang, measure: Measure) -> &'static str {
    let (en, zh) = match measure {
        Measure::Correction => ("Order to correct", "责令改正"),
        Measure::Warning => ("Warning", "警告"),
        Measure::Suspension => ("Suspension", "暂停云资源服务"),
        Measure::StopGrants => ("Stop of new grants", "停止发放云资源"),
    };
    lang.pick(en, zh)
}

/// As what somebody is ordered something.
#[must_use]
pub fn party(lang: Lang, party: Party) -> &'static str {
    let (en, zh) = match party {
        Party::Unit => ("unit", "使用单位"),
        Party::Provider => ("provider", "云服务商"),
    };
    lang.pick(en, zh)
}

/// Why resources change.
#[must_use]
pub fn ground(lang: Lang, ground: ChangeGround) -> &'static str {
    let (en, zh) = match ground {
        ChangeGround::Adjustment => ("Adjustment", "资源调整"),
        ChangeGround::StandardExpansion => ("Standard expansion", "达标扩容"),
        ChangeGround::ForeseeablePeak => ("Foreseeable peak", "可预见的高峰"),
        ChangeGround::Emergency => ("Emergency", "应急扩容"),
        ChangeGround::Reduction => ("Reduction", "核减"),
        ChangeGround::Cancellation => ("Cancellation", "注销服务"),
    };
    lang.pick(en, zh)
}

fn phase_of_request(phase: Phase) -> (&'static str, &'static str) {
    match phase {
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
        Phase::Closed => ("Left", "已退出"),
    }
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

/// Why nobody can say by when something is due.
#[must_use]
pub fn due_unknown(lang: Lang, why: DueUnknown) -> &'static str {
    match why {
        DueUnknown::CalendarMissing => lang.pick("unknown: no WorkCalendar", "未知：缺少工作日历"),
        DueUnknown::CalendarConflict => lang.pick("unknown: WorkCalendars differ", "未知：工作日历不一致"),
    }
}

/// Where a proposal stands.
#[must_use]
pub fn proposal_phase(lang: Lang, phase: ProposalPhase) -> &'static str {
    let (en, zh) = match phase {
        ProposalPhase::Proposed => ("Proposed", "已提出"),
        ProposalPhase::Dismissed => ("Dismissed", "已搁置"),
        ProposalPhase::Underway => ("Underway", "办理中"),
        ProposalPhase::Done => ("Done", "已完成"),
        ProposalPhase::Withdrawn => ("Withdrawn", "已撤销"),
    };
    lang.pick(en, zh)
}

/// Who must act next. The status says it in the words of the API; what is in the way, it says in both languages.
#[must_use]
pub fn waiting_for(lang: Lang, status: &Progress<'_>) -> Option<String> {
    let told = status.waiting_for?;
    if lang == Lang::En {
        return Some(told.to_owned());
    }
    if told == request::OPERATOR {
        return Some(lang.waits_operator());
    }
    let ended = status
        .decisions
        .iter()
        .rev()
        .find(|d| matches!(d.verdict, Verdict::Return | Verdict::Reject | Verdict::Withdraw));
    if let [filing] = status.open_gates
        && status.stage.sent_back()
    {
        let role = role(lang, &filing.role);
        return Some(match ended {
            Some(end) => lang.waits_again_after(&role, &end.by, &end.gate, &verdict(lang, end.verdict)),
            None => lang.waits_again(&role),
        });
    }
    if *told != request::waiting_at(status.open_gates) {
        return Some(told.to_owned());
    }
    let each = status.open_gates.iter().map(|gate| {
        let at = lang.waits_at(&role(lang, &gate.role), &gate.title.get(lang.chinese()));
        if gate.quorum > 1 { format!("{at} {}/{}", gate.agreed, gate.quorum) } else { at }
    });
    Some(each.collect::<Vec<_>>().join("；"))
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
        VoidReason::TimeWrong => ("not for a time that the policy allows", "搁置期限不符合规定"),
        VoidReason::ReasonMissing => ("a reason is missing", "未说明理由"),
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
        names::CONDITION_IN_TIME => "按时申请",
        names::CONDITION_ELIGIBLE => "达标扩容",
        names::CONDITION_SETTLED => "已补办手续",
        names::CONDITION_WITHIN_GRANT => "未超出授予",
        names::CONDITION_CAPACITY => "容量充足",
        names::CONDITION_APPROVED => "已批准",
        names::CONDITION_PROVISIONED => "已开通",
        names::CONDITION_LIVE => "已上线",
        names::CONDITION_OVERDUE => "超期",
        names::CONDITION_ADOPTABLE => "可以接管",
        names::CONDITION_NETWORKS_SHUT => "网络已收紧",
        names::CONDITION_VALID => "有效",
        other => other,
    };
    lang.pick(type_, zh)
}

#[cfg(test)]
mod tests {
    use super::super::samples::request;
    use super::*;
    use crate::api::cloud_resource_request::CloudResourceRequestStatus;
    use strum::IntoEnumIterator as _;

    #[test]
    fn who_must_act_is_told_in_the_readers_language() {
        let mut status = request().status.unwrap();
        let says = |status: &CloudResourceRequestStatus, lang| waiting_for(lang, &status.into()).unwrap();
        assert_eq!(says(&status, Lang::En), "agency: evaluation");
        assert_eq!(says(&status, Lang::Zh), "云管理机构：资源评估");
        status.open_gates[0].quorum = 2;
        status.open_gates[0].agreed = 1;
        status.open_gates.push(status.open_gates[0].clone());
        status.open_gates[1].role = "unit".into();
        status.waiting_for = Some("agency: evaluation 1/2; unit: evaluation 1/2".into());
        assert_eq!(says(&status, Lang::Zh), "云管理机构：资源评估 1/2；使用单位：资源评估 1/2");
        // What stands in the way is in both languages already.
        status.waiting_for = Some("the domain is full (云域资源不足)".into());
        assert_eq!(says(&status, Lang::Zh), "the domain is full (云域资源不足)");
        status.waiting_for = Some("operator".into());
        assert_eq!((says(&status, Lang::En).as_str(), says(&status, Lang::Zh).as_str()), ("operator", "管理程序"));
        status.waiting_for = None;
        assert_eq!(waiting_for(Lang::Zh, &(&status).into()), None);
    }

    #[test]
    fn who_files_again_is_told_after_whose_decision() {
        let mut status = request().status.unwrap();
        status.phase = Phase::Returned;
        status.open_gates[0].role = "unit".into();
        let last = status.decisions.last_mut().unwrap();
        last.verdict = Verdict::Return;
        status.waiting_for = Some("unit: file again (Return by li at plan)".into());
        assert_eq!(waiting_for(Lang::Zh, &(&status).into()).unwrap(), "使用单位：重新提交（li 在 plan 环节退回补正）");
        status.decisions.clear();
        assert_eq!(waiting_for(Lang::Zh, &(&status).into()).unwrap(), "使用单位：重新提交");
    }

    #[test]
    fn no_code_is_left_where_words_are_meant() {
        for reason in VoidReason::iter() {
            let code = reason.to_string();
            for lang in [Lang::En, Lang::Zh] {
                assert!(!lang.counted_void(&void_reason(lang, reason)).contains(&code), "{code}");
            }
        }
    }
}

//! Help and usage errors in the reader's language: clap speaks English, this speaks Chinese.

use super::args::Cli;
use super::lang::Lang;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory as _};
use std::num::ParseIntError;

const TEMPLATE: &str = "{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}";

/// Chinese help by id of a command or an argument; a command's own argument, as `inbox.exit_code`, wins.
const CHINESE: &[(&str, &str)] = &[
    ("kubectl-yunguan", "办理申请、查看待办、了解申请为何处于当前环节"),
    ("submit", "提交申请；退回后可再次提交"),
    ("approve", "在由您办理的环节表示同意"),
    ("reject", "不同意，须说明理由"),
    ("return", "退回申请单位补正，须说明理由"),
    ("confirm", "在由您办理的环节确认"),
    ("file", "提交报告备案"),
    ("sign", "签订协议"),
    ("withdraw", "在授予资源前撤回申请"),
    ("change", "起草系统的资源变更申请（附件2）"),
    ("extend", "起草临时扩容或紧急临时资源的延期申请"),
    ("emergency", "云服务商起草应急扩容"),
    ("takeup", "采纳优化建议：起草并提交资源变更"),
    ("dismiss", "说明理由，将优化建议搁置至某日"),
    ("decommission", "提交系统退出申请（附件2）"),
    ("confirm-backup", "使用单位确认备份完整，此后清除数据"),
    ("attest", "云服务商证明数据已全部清除"),
    ("adopt", "云主管部门确认申请所列命名空间可按现状接管"),
    ("adopting", "申请，写作 名称 或 命名空间/名称"),
    ("plan", "仅显示接管将作的更改和影响"),
    ("adopt_dry_run", "仅显示方案，不作标记"),
    ("leave_item", "系统保留而退出的部分，每项一次：volume/存储卷声明，或 service/人工开通的目录项"),
    ("delete_namespace", "结束时删除此前已在使用的命名空间及其中全部内容"),
    ("retry", "重新执行失败的备份或清除"),
    ("backup", "数据备份方式：offline（停机备份）、live（在线备份）或 nothing（无须备份）"),
    ("leave_reason", "退出原因"),
    ("leave_name", "退出申请的名称；默认取未被占用的名称"),
    ("attested", "证明：名称=文件；文件在别处时为 名称=sha256:摘要,地址"),
    ("all", "未用 --report 指定的各项共用的证明文件"),
    ("retried", "退出申请，写作 名称 或 命名空间/名称"),
    ("suspend", "作出暂停系统运行的处理措施并提交"),
    ("lift", "说明理由，解除执行中的处理措施"),
    ("systems", "系统，须属同一单位，写作 名称 或 命名空间/名称"),
    ("order_ground", "违规事实"),
    ("article", "依据条款；默认为适用办法规定暂停服务的条款"),
    ("mend", "整改要求"),
    ("order_name", "处理措施的名称；默认取未被占用的名称"),
    ("whatif", "测算变更的流程、环节、额度、费用、云域余量和关键日期，不作任何改动"),
    ("capacity", "云域现在及未来数月的剩余资源"),
    ("usage", "各系统的使用情况、评价、优化建议及可节省的费用"),
    ("authorize", "允许他人在限定时间内访问您的系统"),
    ("revoke", "终止对他人的访问授权"),
    ("inbox", "待您办理的事项及到期日"),
    ("status", "查看一份申请的详情"),
    ("timeline", "何人何时办理了什么，针对哪份内容摘要"),
    ("explain", "申请为何处于当前环节，由谁办理，依据哪一条"),
    ("catalog", "服务目录"),
    ("suggest", "与需求最相近的目录项"),
    ("whoami", "您是谁，在何处具备何种角色"),
    ("help", "显示帮助"),
    ("version", "显示版本"),
    ("kubeconfig", "使用的 kubeconfig 文件"),
    ("context", "使用的 kubeconfig 上下文"),
    ("namespace", "申请所在的命名空间；默认为上下文中的命名空间"),
    ("lang", "语言：zh 或 en；默认按系统区域设置"),
    ("output", "输出格式：table、wide、json 或 yaml；usage --month 还可用 csv 或 markdown"),
    ("request", "申请或变更申请，写作 名称 或 命名空间/名称"),
    ("lines", "一行变更后的数量，每行一次；0 为注销"),
    ("item", "新增行的目录项"),
    (
        "ground",
        "变更依据：Adjustment（资源调整）、StandardExpansion（达标扩容）、ForeseeablePeak（可预见的高峰）、Emergency（应急扩容）、Reduction（核减）或 Cancellation（注销）",
    ),
    ("from", "临时扩容的第一天或开始时刻；只填 --until 时从现在开始"),
    ("window_until", "临时扩容的最后一天或截止时刻：2026-12-31、2026-12-31T18:00:00+08:00，或自现在起的 3d"),
    ("new_until", "新的最后一天或截止时刻：2026-12-31 或 2026-12-31T18:00:00+08:00"),
    ("not_before", "不早于这一天或时刻生效"),
    ("settles", "本申请所补办的应急扩容"),
    ("document", "材料：类型=文件；文件在别处时为 类型=sha256:摘要,地址"),
    ("reason", "变更原因"),
    ("proposal", "优化建议，写作 名称 或 命名空间/名称"),
    ("takeup_reason", "变更原因；默认取监测结果"),
    ("dismiss_reason", "搁置理由"),
    ("dismissed_until", "搁置的最后一天：2026-12-31"),
    ("name", "变更申请的名称；默认取未被占用的名称"),
    ("draft_dry_run", "只打印变更申请，不创建"),
    ("extended", "授予该资源的变更申请或紧急申请，写作 名称 或 命名空间/名称"),
    ("draft", "已有的变更申请草稿，写作 名称 或 命名空间/名称"),
    ("file", "变更申请文件；- 为标准输入"),
    ("domain", "云域；默认全部"),
    ("used_system", "系统，写作 名称 或 命名空间/名称；默认全部"),
    ("organization", "只看该单位的系统"),
    ("month", "某月的资源利用率统计表，例如 2026-11"),
    ("months", "显示的月数"),
    ("gate", "环节；有多个环节可由您办理时须指定"),
    ("digest", "仅当内容摘要以此开头时才办理，确保所办即所阅"),
    ("comment", "意见或理由"),
    ("yes", "不再询问"),
    ("dry_run", "只显示办理意见，不创建"),
    ("wait", "等待办理结果的秒数；0 为不等待"),
    ("grant", "一行的核定数量，每行一次"),
    ("as_asked", "未用 --grant 指定的行按申请量核定"),
    ("report", "报告：类型=文件；文件在别处时为 类型=sha256:摘要,地址"),
    ("result", "报告结论：Passed（通过）或 Failed（不通过）"),
    ("system", "系统，写作 名称 或 命名空间/名称"),
    ("user", "被授权人的用户名"),
    ("until", "截止时间：2026-12-31、2026-12-31T18:00:00+08:00，或自现在起的 8h、3d"),
    ("purpose", "事由"),
    ("level", "权限：view（只读）或 operate（运维操作）"),
    ("exit_code", "没有待办时以 3 退出"),
    ("words", "用文字描述需求"),
    ("function", "必须具备的功能，例如 gpu"),
    ("size", "规格，例如 cores=4"),
    ("limit", "显示的条数"),
];

/// The command line with its help in `lang`.
#[must_use]
pub fn command(lang: Lang) -> Command {
    let command = Cli::command().after_help(exit_codes(lang));
    match lang {
        Lang::En => command,
        Lang::Zh => chinese(command),
    }
}

fn exit_codes(lang: Lang) -> &'static str {
    lang.pick(
        "Exit codes: 0 done, 1 error, 2 usage, 3 nothing found, 4 refused by a rule",
        "退出码：0 完成，1 出错，2 命令有误，3 未找到，4 按规则不予办理",
    )
}

fn text(id: &str) -> Option<&'static str> {
    CHINESE.iter().find(|(key, _)| *key == id).map(|(_, zh)| *zh)
}

fn chinese(command: Command) -> Command {
    let mut command = command.help_template(TEMPLATE).subcommand_help_heading("命令").next_line_help(false);
    if let Some(about) = text(command.get_name()) {
        command = command.about(about);
    }
    if command.get_name() == "kubectl-yunguan" {
        // Arguments that clap adds by itself cannot be changed, so these two are our own.
        command = command
            .disable_help_subcommand(true)
            .disable_help_flag(true)
            .disable_version_flag(true)
            .arg(clap::Arg::new("help").short('h').long("help").action(clap::ArgAction::Help).global(true))
            .arg(clap::Arg::new("version").short('V').long("version").action(clap::ArgAction::Version));
    }
    command
        .mut_args(|arg| {
            let heading = if arg.is_positional() { "参数" } else { "选项" };
            let help = text(arg.get_id().as_str()).unwrap_or_default();
            arg.help(help).help_heading(heading)
        })
        .mut_subcommands(chinese)
}

/// A usage error in Chinese: what was typed, what is wrong with it, and what would be right.
#[must_use]
pub fn chinese_error(error: &clap::Error) -> String {
    let value = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(all)) => all.join("、"),
        Some(ContextValue::StyledStrs(all)) => all.iter().map(ToString::to_string).collect::<Vec<_>>().join("、"),
        Some(ContextValue::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let argument = value(ContextKind::InvalidArg);
    let wrong = match error.kind() {
        ErrorKind::MissingRequiredArgument => format!("缺少参数 {argument}"),
        ErrorKind::UnknownArgument => format!("不认识的参数 {argument}"),
        ErrorKind::InvalidSubcommand => format!("不认识的命令 {}", value(ContextKind::InvalidSubcommand)),
        ErrorKind::MissingSubcommand => "缺少子命令".to_owned(),
        ErrorKind::ArgumentConflict if value(ContextKind::PriorArg).is_empty() => format!("参数 {argument} 不能重复"),
        ErrorKind::ArgumentConflict => {
            format!("参数 {argument} 不能与 {} 同时使用", value(ContextKind::PriorArg))
        }
        ErrorKind::InvalidValue if value(ContextKind::InvalidValue).is_empty() => format!("参数 {argument} 缺少值"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation | ErrorKind::TooManyValues => {
            format!("参数 {argument} 的值“{}”无效", value(ContextKind::InvalidValue))
        }
        ErrorKind::NoEquals => format!("参数 {argument} 须写作 {argument}=值"),
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => format!("参数 {argument} 的值个数不对"),
        ErrorKind::InvalidUtf8 => "命令中有无法识别的字符，须为 UTF-8".to_owned(),
        kind => kind.to_string(),
    };
    let reason = std::error::Error::source(error).map(|reason| match reason.downcast_ref::<ParseIntError>() {
        Some(_) => "须为整数，且不超出允许范围".to_owned(),
        None => reason.to_string(),
    });
    let suggested = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    let right = [
        reason.map(|reason| format!("原因：{reason}")),
        Some(value(ContextKind::ValidValue)).filter(|all| !all.is_empty()).map(|all| format!("可用的值：{all}")),
        Some(value(ContextKind::ValidSubcommand))
            .filter(|all| !all.is_empty())
            .map(|all| format!("可用的子命令：{all}")),
        suggested.map(value).into_iter().find(|one| !one.is_empty()).map(|one| format!("是否指 {one}")),
    ];
    right.into_iter().flatten().fold(wrong, |said, more| format!("{said}；{more}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches as _;

    fn walk(command: &Command, visit: &mut impl FnMut(&str)) {
        visit(command.get_name());
        for argument in command.get_arguments() {
            visit(argument.get_id().as_str());
        }
        for sub in command.get_subcommands() {
            walk(sub, visit);
        }
    }

    #[test]
    fn every_command_and_argument_has_chinese_help() {
        let mut missing = Vec::new();
        walk(&Cli::command(), &mut |id| {
            if text(id).is_none() {
                missing.push(id.to_owned());
            }
        });
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn the_command_line_is_sound_in_both_languages() {
        for lang in [Lang::En, Lang::Zh] {
            command(lang).debug_assert();
            let matches = command(lang).try_get_matches_from(["x", "approve", "a", "--grant", "web=4", "-y"]).unwrap();
            assert!(Cli::from_arg_matches(&matches).is_ok());
        }
    }

    #[test]
    fn chinese_help_has_no_english_headings() {
        for path in [vec!["x", "--help"], vec!["x", "approve", "--help"], vec!["x", "catalog", "suggest", "--help"]] {
            let help = command(Lang::Zh).try_get_matches_from(path).unwrap_err().to_string();
            assert!(help.contains("用法："), "{help}");
            for word in ["Usage", "Options", "Commands", "Arguments", "Print"] {
                assert!(!help.contains(word), "{word} in {help}");
            }
        }
    }

    #[test]
    fn wrong_usage_is_said_in_chinese() {
        let said = |line: &[&str]| chinese_error(&command(Lang::Zh).try_get_matches_from(line).unwrap_err());
        assert_eq!(said(&["x", "approve"]), "缺少参数 <REQUEST>");
        assert_eq!(said(&["x", "inbox", "--nope"]), "不认识的参数 --nope");
        assert_eq!(said(&["x", "nope"]), "不认识的命令 nope");
        assert_eq!(said(&["x", "aprove"]), "不认识的命令 aprove；是否指 approve");
        for (line, right) in [
            (["x", "approve", "a", "--grant", "b"], "原因：NAME=NUMBER"),
            (["x", "status", "a", "-o", "yml"], "可用的值："),
            (["x", "file", "a", "--result", "Good"], "的值“Good”无效；"),
        ] {
            let said = said(&line);
            assert!(said.contains("无效") && said.contains(right), "{said}");
        }
    }
}

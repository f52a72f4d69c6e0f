//! Every text of the plugin, in both languages side by side. Help texts are in `help`, terms in `words`.

use super::lang::Lang;
use std::fmt::Display;

macro_rules! messages {
    ($($name:ident($($argument:ident),*) = $en:literal, $zh:literal;)*) => {
        impl Lang {
            $(
                #[doc = concat!("`", $en, "`")]
                #[must_use]
                pub fn $name(self $(, $argument: &dyn Display)*) -> String {
                    match self {
                        Self::En => format!($en),
                        Self::Zh => format!($zh),
                    }
                }
            )*
        }

        #[cfg(test)]
        const ALL: &[(&str, &str, &str)] = &[$((stringify!($name), $en, $zh)),*];
    };
}

messages! {
    error(what) = "error: {what}", "错误：{what}";
    next(what) = "next: {what}", "下一步：{what}";
    note(what) = "note: {what}", "提示：{what}";

    next_connect() = "check that the cluster answers: kubectl cluster-info", "请检查集群是否可用：kubectl cluster-info";
    next_kubeconfig() = "name a kubeconfig with --kubeconfig and a context with --context", "请用 --kubeconfig 和 --context 指定配置";
    next_log_in() = "log in again, or name another kubeconfig with --kubeconfig", "请重新登录，或用 --kubeconfig 指定其他配置";
    next_forbidden() = "see which roles you hold and where: kubectl yunguan whoami", "查看您具备的角色：kubectl yunguan whoami";
    next_invalid() = "mend what the message names and try again", "请按提示修改后重试";
    next_not_found() = "check the name and the namespace (-n): kubectl get crr,rch -A, or kubectl yunguan inbox", "请检查名称和命名空间（-n）：kubectl get crr,rch -A，或 kubectl yunguan inbox";
    next_try_again() = "try again in a moment", "请稍后重试";
    next_explain() = "see who can act and where: kubectl yunguan explain", "查看当前环节和办理人：kubectl yunguan explain";

    nothing_open_since(nothing, why) = "{nothing}, since something is in the way: {why}", "{nothing}，原因：{why}";
    nothing_open(verdict) = "no gate is open, so nothing can be decided ({verdict})", "当前没有待办环节，不能办理“{verdict}”";
    none_offers(verdict, offers) = "no open gate offers {verdict}; open: {offers}", "待办环节均不可作“{verdict}”；当前可办理：{offers}";
    no_gate_for_reports(reports, asked) = "no open gate asks for {reports} together; asked for: {asked}", "没有待办环节同时需要 {reports}；所需报告：{asked}";
    next_kinds() = "name the kind as above, and file the reports of one gate at a time", "请使用上述报告类型，并按环节分别提交";
    gate_does_not_offer(gate, verdict, offers) = "gate {gate} does not offer {verdict}; open: {offers}", "环节 {gate} 不可作“{verdict}”；当前可办理：{offers}";
    gate_not_open(gate, open) = "gate {gate} is not open; open: {open}", "环节 {gate} 未开启；当前待办：{open}";
    not_your_role(gates, roles) = "you may not act at {gates}: that takes the role {roles}", "您不能办理 {gates}：须具备角色 {roles}";
    next_role(roles) = "ask somebody with the role {roles}; your own roles: kubectl yunguan whoami", "请由具备角色 {roles} 的人员办理；查看您的角色：kubectl yunguan whoami";
    several_gates(gates) = "more than one gate is open to you: {gates}", "有多个环节可由您办理：{gates}";
    next_gate(gate) = "say which one, such as --gate {gate}", "请指定其中一个，例如 --gate {gate}";
    wildcard() = "you hold wildcard rights on decisions; nobody who does may decide, since a role must be granted by name", "您对 decisions 具有通配权限；此类用户不得办理，角色须逐一指名授予";
    next_wildcard() = "decide as a user that an Organization names in spec.members", "请以单位 spec.members 中列明的用户身份办理";

    reason_missing() = "to reject or return, a reason is needed, so that the unit knows what to mend", "不同意或退回须说明理由，以便申请单位补正";
    next_reason() = "say why with --comment TEXT", "请用 --comment 填写理由";
    not_filed() = "this request has not been filed yet, so nothing can be decided about it", "该申请尚未提交，不能办理";
    next_file_first(name) = "the unit files it with: kubectl yunguan submit {name}", "请由使用单位提交：kubectl yunguan submit {name}";
    cannot_withdraw() = "there is no filing that could be taken back", "没有可以撤回的提交";
    committed(phase) = "the resources are granted (phase: {phase}); a filing can be taken back only before", "资源已经授予（阶段：{phase}），只能在此之前撤回";
    digest_too_short(digest, least) = "--digest {digest} is no prefix of at least {least} hexadecimal digits", "--digest {digest} 不是至少 {least} 位的十六进制前缀";
    digest_moved_on(gate, now, wanted) = "the content at gate {gate} is not what you read: it is now {now}, you wanted {wanted}", "环节 {gate} 的内容已不是您所阅的内容：现为 {now}，您指定 {wanted}";
    next_read_again() = "read it again with kubectl yunguan status, then decide", "请用 kubectl yunguan status 重新阅读后再办理";
    gate_confirms_nothing(gate) = "gate {gate} confirms no amounts", "环节 {gate} 不核定资源量";
    next_without_grant() = "leave out --grant and --as-asked", "请去掉 --grant 和 --as-asked";
    system_without_line(system, line, known) = "system {system} has no line {line}; it has: {known}. A new line names its catalog item: --item {line}=ITEM", "系统{system}没有行{line}；现有：{known}。新增行须注明目录项：--item {line}=目录项";
    unknown_line(line, known) = "the request has no line {line}; it has: {known}", "申请中没有行 {line}；现有：{known}";
    line_twice(line) = "line {line} is given twice", "行 {line} 重复";
    amounts_missing(gate) = "gate {gate} confirms amounts, and not every line has one", "环节 {gate} 须核定资源量，尚有行未填写";
    next_amounts(flags) = "confirm what was asked with --as-asked, or say how much: {flags}", "按申请量核定请用 --as-asked，或逐行填写：{flags}";
    file_unreadable(file, error) = "cannot read {file}: {error}", "无法读取 {file}：{error}";
    reports_missing(gate, reports) = "gate {gate} asks for {reports} too", "环节 {gate} 还须提交 {reports}";
    next_reports(flags) = "add {flags}", "请补充 {flags}";
    bad_target(text) = "`{text}` is not NAME or NAMESPACE/NAME", "“{text}”应为 名称 或 命名空间/名称";
    two_namespaces(one, other) = "--namespace says {one}, the name says {other}", "--namespace 为 {one}，名称中却为 {other}";
    two_kinds(name) = "{name} is the name of a request and of a change", "申请和变更申请都有名为 {name} 的";
    next_two_kinds(name) = "say which one: request/{name} or change/{name}", "请写明 request/{name}（申请）或 change/{name}（变更）";
    bad_until(text) = "`{text}` is no end: use 2026-12-31, 2026-12-31T18:00:00+08:00, or a time from now such as 8h or 3d", "“{text}”不是有效的截止时间：可用 2026-12-31、2026-12-31T18:00:00+08:00，或 8h、3d 等时长";
    has_left(system) = "system {system} has left: nothing of it is there any more", "系统{system}已退出，资源已收回";
    until_too_late(latest, days) = "people can be let in for {days} days at most, so until {latest}: name an end up to then, and let them in again when it comes", "授权最长{days}天，即至 {latest}：请填写不晚于该时间的截止时间，到期后可再次授权";
    until_past(until) = "{until} is past", "截止时间 {until} 已过";
    next_help() = "see --help", "查看帮助：--help";

    status_behind() = "the operator has not caught up with the last edit of this request, so its digests may be old", "管理程序尚未处理该申请的最新修改，内容摘要可能已过时";
    next_status_behind() = "try again in a moment; if it stays so, the platform engineer should look whether the operator runs", "请稍后重试；若持续如此，请平台工程师检查管理程序是否在运行";
    waiting_for_operator() = "waiting for the operator to catch up ...", "正在等待管理程序处理……";
    about_to(verdict) = "You are about to decide: {verdict}", "您将作出决定：{verdict}";
    confirm() = "Go on? [y/N] ", "确认办理？[y/N] ";
    not_confirmed() = "nothing was decided", "未作任何办理";
    next_yes() = "check what is shown above, then answer y, or give --yes", "请核对以上内容，回答 y 或使用 --yes";
    already() = "you have decided this already; nothing was changed", "您已就此办理过，未作更改";
    made(verdict, gate, name) = "{verdict} at {gate}: made ({name})", "已在 {gate} 办理“{verdict}”（{name}）";
    counts() = "it counts", "办理有效";
    waits_at(role, title) = "{role}: {title}", "{role}：{title}";
    waits_operator() = "operator", "管理程序";
    waits_again(role) = "{role}: file again", "{role}：重新提交";
    waits_again_after(role, by, gate, verdict) = "{role}: file again ({verdict} by {by} at {gate})", "{role}：重新提交（{by} 在 {gate} 环节{verdict}）";
    now_waits(what) = "now waiting for: {what}", "下一步等待：{what}";
    void(why, message) = "it does not count: {why}: {message}", "办理无效：{why}：{message}";
    next_void() = "read the request again (kubectl yunguan explain), then decide anew", "请重新阅读申请（kubectl yunguan explain）后再办理";
    would_be_void(why, message) = "nothing was decided, since it would not count: {why}: {message}", "未作办理，因办理将无效：{why}：{message}";
    next_would_be_void() = "mend what is said above, or see who can act and how: kubectl yunguan explain", "请按上述说明处理，或查看办理人和办理方式：kubectl yunguan explain";
    names_taken(name) = "{name}, and every other name that was tried, is taken by something else", "名称 {name} 及其他备选名称均已被占用";
    pending() = "the operator has not looked at it yet; see later with kubectl yunguan timeline", "管理程序尚未处理，请稍后用 kubectl yunguan timeline 查看";
    let_in(user, until) = "{user} is let in until {until}", "已允许 {user} 访问，截止 {until}";
    let_out(user) = "the access of {user} has ended", "{user} 的访问已终止";
    no_guest(user, system) = "{user} is not let into {system} now", "{user} 当前没有 {system} 的访问授权";
    next_guests(system) = "see who is: kubectl get isys {system} -o jsonpath='{{.status.guests}}'", "查看现有授权：kubectl get isys {system} -o jsonpath='{{.status.guests}}'";

    inbox_empty() = "Nothing waits for you.", "没有待您办理的事项。";
    inbox_title(count, user) = "{count} waiting for {user}", "待 {user} 办理：{count} 项";
    unreadable(kind, name, why) = "{kind} {name} cannot be read and is left out ({why}): the platform engineer has it written again in the form of the installed CRD", "{kind} {name} 无法读取，已略过（{why}）：请平台工程师按已安装的 CRD 重新写入";
    inbox_skipped(count) = "{count} namespaces were not searched, since you may not read requests there", "有 {count} 个命名空间您无权查看，未检索";
    due_in_days(date, days) = "{date} (in {days} d)", "{date}（还有 {days} 天）";
    due_today(date) = "{date} (today)", "{date}（今天）";
    overdue_days(date, days) = "{date} (overdue {days} d)", "{date}（超期 {days} 天）";

    at_phase(phase) = "This request is at phase {phase}.", "该申请处于“{phase}”阶段。";
    no_status() = "The operator has not looked at this request yet. If it stays so, the platform engineer should look whether the operator runs.", "管理程序尚未处理该申请。若持续如此，请平台工程师检查管理程序是否在运行。";
    why() = "WHY", "原因";
    who() = "WHO CAN MOVE IT", "由谁办理";
    then() = "WHAT COMES AFTER", "后续环节";
    problems() = "WHAT IS WRONG", "存在的问题";
    for_you() = "WHAT TO TYPE", "您可执行";
    explain_draft() = "It is a draft: nobody decides about it until the unit files it.", "该申请为草稿，使用单位提交后方可办理。";
    explain_review() = "It is being reviewed; the gates below are open.", "该申请正在办理，待办环节如下。";
    explain_returned(by, gate, why) = "{by} returned it at {gate}: {why}", "{by} 在 {gate} 环节退回：{why}";
    explain_rejected(by, gate, why) = "{by} rejected it at {gate}: {why}", "{by} 在 {gate} 环节不同意：{why}";
    explain_refile() = "The unit mends it and files it again; that opens the next round.", "使用单位补正后可重新提交，进入下一轮。";
    explain_withdrawn() = "The unit took it back. It can be filed again.", "使用单位已撤回，可重新提交。";
    explain_scope() = "The rules do not admit it to this cloud; see below for the article.", "按办法规定不属于服务范围，条款见下。";
    explain_approved() = "Every gate before provisioning is passed; the operator is opening the resources.", "开通前各环节均已通过，管理程序正在开通资源。";
    explain_provisioning() = "The operator is opening the resources; nobody needs to act.", "管理程序正在开通资源，无需人工办理。";
    explain_trial(namespace) = "The system runs on trial in namespace {namespace}.", "系统在命名空间 {namespace} 试运行。";
    explain_live() = "The system is live; nobody needs to act.", "系统已上线，无需办理。";
    explain_major(because) = "It is a major change, so it goes through the whole application: {because}", "属重大变更，按完整申请流程办理：{because}";
    explain_refused() = "It is not taken up, whatever people decide; see below for why.", "该变更不予受理，原因见下。";
    explain_recording() = "Every gate before it takes effect is passed; the operator puts it on record.", "生效前各环节均已通过，管理程序正在登记。";
    explain_scheduled(from) = "It is on record and takes effect by itself at {from}.", "已登记，将于 {from} 自动生效。";
    explain_testing(from) = "It holds since {from}; reports and signatures are still to come.", "已于 {from} 生效，尚待提交报告和签订协议。";
    explain_in_effect(from) = "It holds since {from}; nobody needs to act.", "已于 {from} 生效，无需办理。";
    explain_in_effect_until(from, until) = "It holds since {from} and ends by itself at {until}.", "已于 {from} 生效，将于 {until} 自动结束。";
    explain_ended() = "It has ended; nobody needs to act.", "已结束，无需办理。";
    explain_nobody() = "no Organization names anybody for this role: the platform engineer or the authority must add members", "没有单位为该角色列明人员：请平台工程师或云主管部门补充成员";
    line_problem(line, problem) = "line {line}: {problem}", "行 {line}：{problem}";
    void_problem(name, why, message) = "{name} does not count: {why}: {message}", "{name} 无效：{why}：{message}";
    step_open(title, role, article) = "{title} ({role}, {article})", "{title}（{role}，{article}）";
    effect_provision() = "the resources are opened", "开通资源";
    effect_go_live() = "the system goes live and charging starts", "系统上线并开始计费";

    not_a_grant(name) = "{name} is no grant: what is extended is a temporary expansion or an urgent request", "{name} 不是资源授予；只能延期临时扩容或紧急申请";
    adopts_nothing(name) = "request {name} names no namespace to take over", "申请 {name} 未填写要接管的命名空间";
    next_adopts() = "write it into spec.application.adopts, such as adopts: {{namespace: portal-prod}}", "请填写 spec.application.adopts，例如 adopts: {{namespace: portal-prod}}";
    adopted_already(name) = "{name} is taken over already", "命名空间 {name} 已接管";
    not_let_in(name) = "you may not look into namespace {name}", "您无权查看命名空间 {name}";
    next_let_in(name) = "its owner lets you in: kubectl create rolebinding yunguan-adopter --clusterrole=yunguan-adopter --user=YOU -n {name}", "请其所有者授权：kubectl create rolebinding yunguan-adopter --clusterrole=yunguan-adopter --user=您的用户名 -n {name}";
    adoptable() = "It can be taken over as this says.", "可按上述方案接管。";
    more_findings(count) = "and {count} more", "另有 {count} 项";
    confirm_adopt(space, name) = "Say that {space} may be taken over for request {name}? [y/N] ", "确认命名空间 {space} 可由申请 {name} 接管？[y/N] ";
    not_marked() = "nothing was marked", "未作标记";
    marked(space, name) = "{space} may be taken over for request {name}", "已确认命名空间 {space} 可由申请 {name} 接管";
    next_marked(path) = "the operator looks into it now: kubectl yunguan status {path}", "系统将检查该命名空间：kubectl yunguan status {path}";
    marked_otherwise(space) = "{space} is marked for another request: take that mark off first (kubectl annotate namespace {space} yunguan.dev/adopt-)", "命名空间 {space} 已标记给其他申请，请先取消（kubectl annotate namespace {space} yunguan.dev/adopt-）";
    two_units() = "the systems are of several units: order it for each unit", "所列系统属于不同单位，请分别作出处理措施";
    suspends_nobody(policy, unit) = "GovernancePolicy {policy}, by which {unit} is judged, has no rules for suspensions", "{unit} 适用的办法 {policy} 未规定暂停服务";
    not_in_force(name) = "{name} is no sanction that is in force, so there is nothing to lift", "{name} 不是执行中的处理措施，无须解除";
    effect_backup() = "its data is backed up", "备份数据";
    effect_offline() = "it goes offline, and charging ends", "下线并停止计费";
    effect_wipe() = "its data is wiped", "清除数据";
    effect_reclaim() = "its resources are reclaimed", "回收资源";
    retried(name) = "{name}: what failed is tried again", "{name}：已重新执行失败的任务";
    effect_impose() = "the sanction takes effect", "处理措施执行";
    effect_lift() = "the sanction ends", "处理措施解除";
    effect_change() = "the change takes effect", "变更生效";
    effect_charge() = "charging of what it brought starts", "新增资源开始计费";

    counted_yes() = "counts", "有效";
    counted_earlier() = "earlier round", "以前轮次";
    counted_pending() = "not judged yet", "尚未处理";
    counted_void(why) = "void: {why}", "无效：{why}";
    timeline_empty() = "Nobody has decided anything about it yet.", "尚无办理记录。";
    event_granted() = "resources granted", "授予资源";
    event_opened() = "namespace opened", "命名空间开通";
    event_in_effect() = "the change takes effect", "变更生效";
    event_agreed() = "signed, charging of what it brought starts", "协议已签订，新增资源开始计费";
    event_ended() = "the change ends", "变更结束";
    event_live() = "live, charging starts", "上线并开始计费";

    drafted(path) = "Drafted: {path}", "已起草：{path}";
    next_submit(path) = "read it (kubectl yunguan status {path}), then file it: kubectl yunguan submit {path}", "核对（kubectl yunguan status {path}）后提交：kubectl yunguan submit {path}";
    next_not_drafted() = "nothing was drafted; mend what the message says and try again", "未起草；请按提示修改后重试";
    name_taken(name) = "there is a {name} already that says something else, and it was left as it is", "已有名为 {name} 的申请且内容不同，未作改动";
    next_other_name() = "give another --name, or leave it out for one that is free", "请用 --name 另取名称，或不填由系统取名";
    bad_moment(text) = "`{text}` is no day or moment: use 2026-12-31, 2026-12-31T18:00:00+08:00, or a time from now such as 3d", "“{text}”不是有效的日期或时刻：可用 2026-12-31、2026-12-31T18:00:00+08:00，或 3d 等时长";
    window_without_end() = "--from says when a temporary expansion begins, and nothing says when it ends", "填写了 --from，但未填写截止时间";
    next_window_end() = "add --until, or leave --from out where the change is for good (--not-before says when)", "请补充 --until；长期变更请勿填 --from（可用 --not-before 指定生效时间）";
    item_without_line(line) = "--item names line {line}, and no quantity is given for it", "--item 指定了行 {line}，但未填写该行数量";
    whatif_nothing() = "name a draft, or a file with -f", "请指定变更申请草稿，或用 -f 指定文件";
    on_record(name) = "{name} is approved and on record, so there is nothing to foresee", "{name} 已批准登记，无需测算";
    next_on_record() = "see what became of it: kubectl yunguan status, or timeline", "查看结果：kubectl yunguan status 或 timeline";
    no_change_in_file(file, why) = "{file} holds no ResourceChange: {why}", "{file} 不是变更申请（ResourceChange）：{why}";
    next_change_in_file() = "write one object of kind ResourceChange, as kubectl yunguan change --dry-run prints it", "请写入一个 ResourceChange，可用 kubectl yunguan change --dry-run 生成";
    for_good() = "for good", "长期";
    until_decided() = "until the authority has decided on the unit's annex 2", "至云主管部门就补办的附件2作出决定";
    room_enough() = "enough", "充足";
    room_short() = "not enough, see below", "不足，见下";
    no_domain(domain) = "there is no CloudDomain {domain}", "没有云域 {domain}";
    next_domain(names) = "name one of these: {names}", "请从中选择：{names}";
    months_unknown() = "you may not read every system of this domain, so only now and the peak ahead are shown, as the domain's status tells them", "您无权查看该云域的全部系统，仅按云域状态显示当前与未来最高值";
    short_from(missing, from) = "{missing} from {from}", "自 {from} 起缺 {missing}";
    bar_now() = "now", "当前";
    bar_peak() = "peak", "最高";

    usage_nothing() = "There is no system that you may read.", "没有您有权查看的系统。";
    usage_total(systems, known, proposals, saving) = "{systems} systems, use known of {known}, {proposals} proposals open; all of them would save {saving} CNY a month.", "系统 {systems} 个，其中使用情况已知 {known} 个；待办建议 {proposals} 项，全部采纳每月可节省 {saving} 元。";
    no_table() = "-o csv and -o markdown print the table of a month, and nothing else", "-o csv 和 -o markdown 仅用于输出某月的统计表";
    next_table() = "such as: kubectl yunguan usage --month 2026-11 -o csv", "例如：kubectl yunguan usage --month 2026-11 -o csv";
    bad_month(month) = "{month} is no month: write one such as 2026-11", "{month} 不是月份，请写作 2026-11";
    month_ahead(month) = "{month} is still to come", "{month} 尚未到来";
    month_gone(month, kept) = "nothing is kept of {month}: the newest {kept} months are", "{month} 的数据已不再保存，仅保存最近 {kept} 个月";
    next_month(month) = "try --month {month}", "请试用 --month {month}";
    month_empty(month) = "no day of {month} was measured of a system that you may read", "{month} 没有您有权查看的系统的监测数据";
    next_month_empty() = "see what is known now and why not more: kubectl yunguan usage -o wide", "查看目前所知及原因：kubectl yunguan usage -o wide";
    no_organization(name) = "there is no Organization {name} with a system that you may read", "没有单位 {name}，或您无权查看其系统";
    next_organization(names) = "name one of these: {names}", "请从中选择：{names}";
    sum_of(systems) = "sum of {systems}", "合计 {systems} 个";
    proposals_of(count) = "{count} proposals", "建议 {count} 项";

    proposal_not_open(name, phase) = "{name} is not open: {phase}", "优化建议 {name} 当前不能办理：{phase}";
    next_proposal(name) = "see what it says of itself: kubectl get rsp {name} -o wide", "查看其状态：kubectl get rsp {name} -o wide";
    bad_day(text) = "{text} is no day: write one such as 2026-12-31", "{text} 不是日期，请写作 2026-12-31";

    suggest_none() = "The catalog has nothing near this need.", "目录中没有相近的服务。";
    next_suggest() = "use other words, or ask for it as `need` with `selfProcured`", "请换用其他词，或在申请中填写 need 与 selfProcured";
    suggest_empty() = "say what is needed, in words or with --function", "请用文字或 --function 说明需求";

    whoami_user(user) = "You are {user}.", "您是 {user}。";
    whoami_none() = "You hold no role in any namespace that could be searched.", "在可查看的命名空间中您没有任何角色。";
    next_whoami() = "your organization's administrator adds you to Organization spec.members", "请由单位管理员将您加入 Organization 的 spec.members";
    yes() = "yes", "是";
    no() = "no", "否";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn holes(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(hole, _)| hole)).collect()
    }

    #[test]
    fn both_languages_say_the_same() {
        for (name, en, zh) in ALL {
            assert_eq!(holes(en), holes(zh), "{name}");
            assert!(!zh.is_ascii(), "{name} has no Chinese text");
            assert!(en.is_ascii(), "{name} has Chinese text in English");
        }
    }
}

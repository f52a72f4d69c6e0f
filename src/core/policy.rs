//! Whether a policy can be worked with, and which version of it is in force (article 42).

use super::registry::{Named, Registry};
use super::text::Text;
use super::workflow::GATE_WITHDRAWAL;
use crate::api::GovernancePolicySpec;
use crate::api::decision::Verdict;
use crate::api::governance_policy::{Applies, Effect, EffectRule, Gate, Track};
use crate::api::names::{
    GATE_ACCESS, GATE_ANNEX, GATE_SUBMISSION, GATE_TAKE_UP, ROLE_AUTHORITY, ROLE_PROVIDER, ROLE_SUPERVISOR, ROLE_UNIT,
};
use crate::api::organization::RoleMembers;
use crate::api::sanction::{Measure, MeasureRule, Party};
use jiff::civil::Date;
use std::collections::BTreeSet;

mod numbers;
mod silence;
#[cfg(test)]
mod tests;
pub mod uses;

/// Something that keeps a policy from being used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// Where, as a path into the object.
    pub at: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

/// Everything that is wrong with one policy by itself. What the API server refuses is refused here too; this looks further,
/// along whole chains of gates.
#[must_use]
pub fn check(policy: &GovernancePolicySpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    if super::calendar::zone(&policy.time_zone).is_none() {
        problems.push(problem(
            "spec.timeZone",
            format!("`{}` is no IANA time zone: write one such as Asia/Shanghai (时区名称有误)", policy.time_zone),
        ));
    }
    if policy.valid_from > policy.valid_until {
        problems.push(problem(
            "spec.validUntil",
            format!(
                "the last day of validity, {}, lies before the first, {}: correct one of them (有效期止不得早于施行日期)",
                policy.valid_until, policy.valid_from
            ),
        ));
    }
    if !is_family(&policy.family) {
        problems.push(problem(
            "spec.family",
            "a family is named by at most 40 lower-case ASCII letters, digits, '-' and '.', such as bozhou; the Chinese name goes into spec.title (办法系列只能用小写字母、数字、“-”和“.”)"
                .to_owned(),
        ));
    }
    for rule in policy.roles.iter().filter(|rule| FOLLOWS_FROM_THE_REQUEST.contains(&rule.role.as_str())) {
        problems.push(problem(
            &format!("spec.roles[{}]", rule.role),
            "it follows from the request who that is, and no Organization fills it by being named here: leave it out (该角色由申请确定，请勿在此填写)"
                .to_owned(),
        ));
    }
    numbers::check(policy, &mut problems);
    for track in &policy.tracks {
        check_track(policy, track, &mut problems);
    }
    uses::check(policy, &mut problems);
    if let Some(rules) = policy.sanctions.as_ref() {
        let none = |rule: &&MeasureRule| {
            rule.party == Party::Provider && !matches!(rule.measure, Measure::Correction | Measure::Warning)
        };
        problems.extend(rules.measures.iter().filter(none).map(|rule| {
            problem(
                &format!("spec.sanctions.measures[{},{}].party", rule.measure, rule.party),
                "a provider is ordered to correct or warned, and no other order can be made against it: leave the entry out (云服务商仅可责令改正或警告，请删除)".to_owned(),
            )
        }));
    }
    problems.extend(extends_without_authority(policy));
    if policy.usage.is_some() {
        problems.extend(policy.changes.as_ref().and_then(|rules| nobody_vouches(policy.track(&rules.tracks.minor)?)));
    }
    problems
}

/// That a version was over before it was made: nothing can ever be filed under it.
#[must_use]
pub fn over_before(policy: &GovernancePolicySpec, made: Date) -> Option<Problem> {
    (policy.valid_until < made).then(|| {
        problem(
            "spec.validUntil",
            format!(
                "the last day of validity, {}, was over on {made} already, so nothing could ever be filed under it: correct it (有效期在制定前已届满，请更正)",
                policy.valid_until
            ),
        )
    })
}

/// That nobody has published a calendar of the region by which a policy counts working days.
#[must_use]
pub fn no_calendar(policy: &GovernancePolicySpec) -> Problem {
    problem(
        "spec.calendar",
        format!(
            "there is no WorkCalendar of region `{}`, so no deadline can be counted: correct the name, or publish the calendars of its years (没有该区域的工作日历，请更正或发布)",
            policy.calendar
        ),
    )
}

/// What cannot wait is granted for longer by the authority alone.
fn extends_without_authority(policy: &GovernancePolicySpec) -> Option<Problem> {
    policy.urgent.as_ref()?;
    let track = policy.track(&policy.changes.as_ref()?.tracks.extension)?;
    let provision = track.effects.iter().find(|e| e.effect == Effect::Provision)?;
    let before = steps_before(track, &provision.after);
    let decides = |gate: &Gate| {
        gate.role == ROLE_AUTHORITY && gate.when.is_none() && !gate.hearing && before.contains(gate.name.as_str())
    };
    (!track.gates.iter().any(decides)).then(|| {
        problem(
            "spec.changes.tracks.extension",
            format!(
                "an urgent grant is extended by the authority's decision: let Provision of track `{}` wait for a gate of role authority that always applies (紧急临时资源延期须由主管部门决定，请在该流程补充主管部门环节)",
                track.name
            ),
        )
    })
}

/// Roles that no policy fills.
const FOLLOWS_FROM_THE_REQUEST: [&str; 3] = [ROLE_UNIT, ROLE_SUPERVISOR, ROLE_PROVIDER];

fn is_family(name: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    name.len() <= 40 && ends(name.chars().next()) && ends(name.chars().last()) && name.chars().all(inner)
}

/// Where use decides and is not known, somebody must vouch before anything is granted.
fn nobody_vouches(track: &Track) -> Option<Problem> {
    let provision = track.effects.iter().find(|e| e.effect == Effect::Provision)?;
    let before = steps_before(track, &provision.after);
    let vouches = |gate: &Gate| gate.when == Some(Applies::UsageUnknown) && before.contains(gate.name.as_str());
    (!track.gates.iter().any(vouches)).then(|| {
        problem(
            &format!("spec.tracks[{}].gates", track.name),
            "spec.usage lets nobody expand without evidence of use, and nobody can vouch where use is not known: add a gate with `when: UsageUnknown` before Provision, or leave spec.usage out (使用情况未知时须有佐证环节)"
                .to_owned(),
        )
    })
}

fn check_track(policy: &GovernancePolicySpec, track: &Track, problems: &mut Vec<Problem>) {
    let path = format!("spec.tracks[{}]", track.name);
    let steps: BTreeSet<&str> =
        track.gates.iter().map(|g| g.name.as_str()).chain(track.effects.iter().map(|e| e.effect.step())).collect();
    for gate in &track.gates {
        let at = format!("{path}.gates[{}]", gate.name);
        check_gate(policy, gate, &steps, &at, problems);
    }
    for rule in &track.effects {
        let at = format!("{path}.effects[{}].after", rule.effect);
        check_after(&rule.after, &steps, &at, problems);
    }
    if !role_is_known(policy, &track.submission.role) {
        problems.push(problem(&format!("{path}.submission.role"), unknown_role(&track.submission.role)));
    }
    let cyclic = steps_in_cycles(track);
    if !cyclic.is_empty() {
        problems.push(problem(
            &format!("{path}.gates"),
            format!(
                "{} wait for each other, so none can ever open: break the cycle in `after` (环节互相等待，请修改前置环节)",
                cyclic.join(", ")
            ),
        ));
        return;
    }
    for (gate, step) in out_of_order(track) {
        problems.push(problem(
            &format!("{path}.gates[{gate}].after"),
            format!(
                "`{step}`, or a gate that it waits for, is listed behind `{gate}`: list the gates in their order (请按办理顺序排列环节)"
            ),
        ));
    }
    let opened = track.effects.iter().filter(|e| e.effect == Effect::Provision).flat_map(|e| &e.after);
    let before = steps_before(track, opened);
    for gate in track.gates.iter().filter(|g| g.confirms_amounts && !before.contains(g.name.as_str())) {
        problems.push(problem(
            &format!("{path}.gates[{}].confirmsAmounts", gate.name),
            "a gate for which `provision` does not wait confirms the amounts of what is open already, or of nothing: leave confirmsAmounts out, or let `provision` come after the gate (核定资源量须在开通之前)"
                .to_owned(),
        ));
    }
    let commits = commits(track);
    let opening = track.effects.iter().filter(|e| Some(e.effect) == commits).flat_map(|e| &e.after);
    let before = steps_before(track, opening);
    let ends = |g: &&Gate| g.verdicts.iter().any(|v| matches!(v, Verdict::Return | Verdict::Reject));
    for gate in track.gates.iter().filter(ends).filter(|g| !before.contains(g.name.as_str())) {
        let step = commits.unwrap_or_default().step();
        problems.push(problem(
            &format!("{path}.gates[{}].verdicts", gate.name),
            format!(
                "a gate that `{step}` does not wait for offers no Return or Reject: it could end the round while what was decided is in force; leave them out, or let `{step}` come after the gate (不在{step}之前的环节不得设 Return 或 Reject)"
            ),
        ));
    }
    silence::check(track, &path, problems);
    check_effects(track, &path, problems);
}

/// The effect with which a track binds: what was decided is in force from then on.
fn commits(track: &Track) -> Option<Effect> {
    let binding = [Effect::Provision, Effect::Impose, Effect::Wipe];
    binding.into_iter().find(|effect| track.effects.iter().any(|rule| rule.effect == *effect))
}

/// Gates that wait for a step which their place in the list does not yet allow. A track without any has no cycle, since
/// every step waits for earlier ones only; that much a rule of the CRD can see.
#[must_use]
fn out_of_order(track: &Track) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for (index, gate) in track.gates.iter().enumerate() {
        let earlier: BTreeSet<&str> = track.gates.iter().take(index).map(|g| g.name.as_str()).collect();
        let is_effect = |step: &str| track.effects.iter().any(|e| e.effect.step() == step);
        let done = |effect: &EffectRule| effect.after.iter().all(|s| is_effect(s) || earlier.contains(s.as_str()));
        let allowed = |step: &str| match track.effects.iter().find(|e| e.effect.step() == step) {
            // With whatever it waits for.
            Some(rule) => {
                let before = steps_before(track, &rule.after);
                track.effects.iter().filter(|e| e.effect == rule.effect || before.contains(e.effect.step())).all(done)
            }
            None => earlier.contains(step),
        };
        found.extend(gate.after.iter().filter(|step| !allowed(step)).map(|step| (gate.name.as_str(), step.as_str())));
    }
    found
}

fn check_gate(
    policy: &GovernancePolicySpec,
    gate: &Gate,
    steps: &BTreeSet<&str>,
    at: &str,
    problems: &mut Vec<Problem>,
) {
    let reserved = [
        GATE_SUBMISSION,
        GATE_ACCESS,
        GATE_TAKE_UP,
        GATE_ANNEX,
        GATE_WITHDRAWAL,
        Effect::Provision.step(),
        Effect::GoLive.step(),
        Effect::Impose.step(),
        Effect::Lift.step(),
        Effect::Backup.step(),
        Effect::Offline.step(),
        Effect::Wipe.step(),
        Effect::Reclaim.step(),
    ];
    if reserved.contains(&gate.name.as_str()) {
        problems
            .push(problem(at, format!("`{}` is not free as a gate's name: choose another (系统保留名称)", gate.name)));
    }
    if !role_is_known(policy, &gate.role) {
        problems.push(problem(&format!("{at}.role"), unknown_role(&gate.role)));
    }
    let verdicts = format!("{at}.verdicts");
    if !gate.verdicts.iter().any(|v| v.agrees()) {
        let message = "nobody can pass this gate: add Approve, Confirm, Sign or File (该环节没有可通过的决定)";
        problems.push(problem(&verdicts, message.to_owned()));
    }
    if gate.confirms_amounts && !gate.verdicts.iter().any(|v| matches!(v, Verdict::Approve | Verdict::Confirm)) {
        let message = "amounts are confirmed by an Approve or a Confirm: add one (核定资源量须有 Approve 或 Confirm)";
        problems.push(problem(&verdicts, message.to_owned()));
    }
    if gate.hearing && gate.due_work_days.is_none() {
        let message = "who is heard is heard within a time: set dueWorkDays (征求意见的环节须填写办理时限)";
        problems.push(problem(&format!("{at}.hearing"), message.to_owned()));
    }
    let decides = gate.confirms_amounts || gate.requires_complete || !gate.reports.is_empty() || gate.quorum.is_some();
    let opinion = |v: &Verdict| matches!(v, Verdict::Approve | Verdict::Reject);
    if gate.hearing && (decides || !gate.verdicts.iter().all(opinion)) {
        let message = "it takes opinions for (Approve) and against (Reject), and decides nothing: leave confirmsAmounts, requiresComplete, reports, quorum and other verdicts out (征求意见的环节仅可表示同意或不同意)";
        problems.push(problem(&format!("{at}.hearing"), message.to_owned()));
    }
    let elsewhere = |v: &&Verdict| matches!(v, Verdict::Submit | Verdict::Withdraw | Verdict::Authorize);
    if let Some(verdict) = gate.verdicts.iter().find(elsewhere) {
        problems.push(problem(&verdicts, format!("{verdict} is made at no gate: leave it out (该决定不属于任何环节)")));
    }
    check_after(&gate.after, steps, &format!("{at}.after"), problems);
}

fn check_after(after: &[String], steps: &BTreeSet<&str>, at: &str, problems: &mut Vec<Problem>) {
    for step in after.iter().filter(|step| !steps.contains(step.as_str())) {
        problems.push(problem(
            at,
            format!("this track has no step `{step}`: name one of its gates, or `provision` or `go-live` where it has that effect (没有该环节)"),
        ));
    }
}

/// Resources are opened once, after people have confirmed how much, and charged only then.
fn check_effects(track: &Track, path: &str, problems: &mut Vec<Problem>) {
    let before = |effect: Effect| {
        let rule = track.effects.iter().find(|e| e.effect == effect)?;
        Some(steps_before(track, &rule.after))
    };
    let at = format!("{path}.effects");
    if commits(track) == Some(Effect::Impose) {
        if before(Effect::Lift).is_none_or(|before| !before.contains(Effect::Impose.step())) {
            problems.push(problem(
                &at,
                "what is imposed can be lifted: add the effect Lift, after `impose` (处理措施须可解除，请补充 Lift)"
                    .to_owned(),
            ));
        }
        return;
    }
    if commits(track) == Some(Effect::Wipe) {
        problems.extend(wipes_wrongly(track).map(|message| problem(&at, message.to_owned())));
        return;
    }
    match before(Effect::Provision) {
        None => problems.push(problem(
            &at,
            "nothing ever comes of it: add the effect Provision, Impose on the track of a sanction, or Wipe on one by which systems leave (流程缺少 Provision、Impose 或 Wipe)"
                .to_owned(),
        )),
        Some(before) => {
            let confirms = |g: &&Gate| before.contains(g.name.as_str()) && g.confirms_amounts && g.when.is_none();
            if !track.gates.iter().any(|g| confirms(&g)) {
                problems.push(problem(
                    &at,
                    "Provision must come after a gate that confirms the amounts and always applies: set confirmsAmounts on one without `when` (开通前须有必经的核定资源量环节)"
                        .to_owned(),
                ));
            }
        }
    }
    if before(Effect::GoLive).is_some_and(|before| !before.contains(Effect::Provision.step())) {
        problems.push(problem(
            &at,
            "GoLive must come after `provision`: charging never starts before resources are open (上线计费须在资源开通之后)"
                .to_owned(),
        ));
    }
}

/// What is wrong with how a track wipes: nothing is, before the unit has confirmed the backup, or the authority has decided in
/// its place, and what runs has been stopped (article 23).
fn wipes_wrongly(track: &Track) -> Option<&'static str> {
    let before = |effect: Effect| {
        let rule = track.effects.iter().find(|e| e.effect == effect)?;
        Some(steps_before(track, &rule.after))
    };
    let (Some(backup), Some(offline), Some(wipe), Some(reclaim)) =
        (before(Effect::Backup), before(Effect::Offline), before(Effect::Wipe), before(Effect::Reclaim))
    else {
        return Some(
            "a system that leaves is backed up, goes offline, is wiped and reclaimed: add the effects Backup, Offline, Wipe and Reclaim (退出流程须有 Backup、Offline、Wipe、Reclaim)",
        );
    };
    let decides = |g: &&Gate| !g.hearing && g.when.is_none();
    if !track
        .gates
        .iter()
        .filter(decides)
        .any(|g| backup.contains(g.name.as_str()) && offline.contains(g.name.as_str()))
    {
        return Some(
            "Backup and Offline come after a gate that always applies: nobody's system is touched before somebody has agreed (Backup、Offline 之前须有必经的环节)",
        );
    }
    if !wipe.contains(Effect::Offline.step()) || !wipe.contains(Effect::Backup.step()) {
        return Some("Wipe comes after `backup` and `offline` (数据清除须在备份和下线之后)");
    }
    let after = |gate: &Gate, step: &str| steps_before(track, &gate.after).contains(step);
    let confirms = track.gates.iter().find(|g| {
        g.role == ROLE_UNIT && decides(g) && after(g, Effect::Backup.step()) && wipe.contains(g.name.as_str())
    });
    if confirms.is_none() {
        return Some(
            "nothing is wiped before the unit has confirmed the backup: let Wipe wait for a gate of role unit that comes after `backup` (数据清除前须由使用单位确认备份)",
        );
    }
    let attests = |g: &Gate| {
        g.role == ROLE_PROVIDER
            && g.verdicts.contains(&Verdict::File)
            && after(g, Effect::Wipe.step())
            && reclaim.contains(g.name.as_str())
    };
    if !track.gates.iter().any(attests) {
        return Some(
            "the provider attests that nothing is left: let Reclaim wait for a gate of role provider with verdict File that comes after `wipe` (资源回收前须由云服务商提交数据清除证明)",
        );
    }
    None
}

/// Every step that comes before one which waits for these.
fn steps_before<'t>(track: &'t Track, after: impl IntoIterator<Item = &'t String>) -> BTreeSet<&'t str> {
    let mut found = BTreeSet::new();
    let mut todo: Vec<&str> = after.into_iter().map(String::as_str).collect();
    while let Some(step) = todo.pop() {
        if found.insert(step) {
            todo.extend(after_of(track, step).map(String::as_str));
        }
    }
    found
}

fn after_of<'t>(track: &'t Track, step: &str) -> impl Iterator<Item = &'t String> {
    let gates = track.gates.iter().filter(move |g| g.name == step).flat_map(|g| &g.after);
    let effects = track.effects.iter().filter(move |e| e.effect.step() == step).flat_map(|e| &e.after);
    gates.chain(effects)
}

/// Steps that come before themselves.
fn steps_in_cycles(track: &Track) -> Vec<&str> {
    let gates = track.gates.iter().map(|g| g.name.as_str());
    let steps = gates.chain(track.effects.iter().map(|e| e.effect.step()));
    steps.filter(|step| steps_before(track, after_of(track, step)).contains(step)).collect()
}

fn role_is_known(policy: &GovernancePolicySpec, role: &str) -> bool {
    FOLLOWS_FROM_THE_REQUEST.contains(&role) || policy.roles.iter().any(|r| r.role == role)
}

fn unknown_role(role: &str) -> String {
    format!(
        "nobody fills the role `{role}`: name its organizations in spec.roles; unit, supervisor and provider follow from the request (该角色没有对应单位)"
    )
}

/// Versions of one family that hold on the same day. Which of them would judge a request is undefined, so none does.
#[must_use]
pub fn overlaps(policies: &[Named<GovernancePolicySpec>], name: &str) -> Vec<Problem> {
    let Some(one) = policies.iter().find(|p| p.name == name) else { return Vec::new() };
    policies
        .iter()
        .filter(|other| other.name != one.name && other.spec.family == one.spec.family)
        .filter(|other| one.spec.valid_from <= other.spec.valid_until && other.spec.valid_from <= one.spec.valid_until)
        .map(|other| {
            let from = one.spec.valid_from.max(other.spec.valid_from);
            let until = one.spec.valid_until.min(other.spec.valid_until);
            problem(
                "spec.validFrom",
                format!("it and {} are both valid from {from} to {until}; versions of a family must not overlap, and none judges a request meanwhile: delete one and create it with other days (同系列办法有效期不得重叠，请删除其一并改期重建)", other.name),
            )
        })
        .collect()
}

/// Roles of a policy that nobody holds, or too few for a gate, so that their gates can never be passed.
#[must_use]
pub fn roles_without_holder(registry: &Registry, policy: &GovernancePolicySpec) -> Vec<Problem> {
    policy
        .roles
        .iter()
        .filter_map(|rule| {
            let organizations = rule.organizations.iter().filter_map(|name| registry.organizations.get(name));
            let members: Vec<&RoleMembers> =
                organizations.flat_map(|o| &o.members).filter(|m| m.role == rule.role).collect();
            let users: BTreeSet<&str> = members.iter().flat_map(|m| &m.users).map(String::as_str).collect();
            // How many people a group has, the API server does not say.
            if members.iter().any(|m| !m.groups.is_empty()) {
                return None;
            }
            let gates = policy.tracks.iter().flat_map(|t| &t.gates).filter(|g| g.role == rule.role);
            let (wanted, gate) = gates.map(|g| (g.quorum(), g.name.as_str())).max().unwrap_or((1, ""));
            let wrong = match users.len() {
                0 => "nobody holds this role".to_owned(),
                few if few < wanted => {
                    format!("gate {gate} needs {wanted} different people, and this role has {few}")
                }
                _ => return None,
            };
            Some(problem(
                &format!("spec.roles[{}]", rule.role),
                format!(
                    "{wrong}: add people under spec.members with role `{}` to Organization {} (该角色经办人员不足，请在单位 spec.members 中登记)",
                    rule.role,
                    rule.organizations.join(" or ")
                ),
            ))
        })
        .collect()
}

/// The version of a family that is in force on a day.
///
/// # Errors
/// Says whether the family is unknown, the day lies outside every version's validity, or the version cannot be used.
pub fn in_force<'p>(
    policies: &'p [Named<GovernancePolicySpec>],
    family: &str,
    day: Date,
) -> Result<&'p Named<GovernancePolicySpec>, Text> {
    let versions: Vec<_> = policies.iter().filter(|p| p.spec.family == family).collect();
    let valid: Vec<_> = versions.iter().filter(|p| p.spec.valid_from <= day && day <= p.spec.valid_until).collect();
    match valid.as_slice() {
        [one] if check(&one.spec).is_empty() => Ok(one),
        [one] => Err(Text::new(
            format!("GovernancePolicy {} cannot be used: its condition Valid says why", one.name),
            format!("管理办法{}存在错误，暂不能使用", one.name),
        )),
        [one, other, ..] => Err(Text::new(
            format!(
                "GovernancePolicies {} and {} are both in force on {day}: the authority must remove one",
                one.name, other.name
            ),
            format!("{day}同时有{}和{}两个版本的办法生效，请主管部门处理", one.name, other.name),
        )),
        [] if versions.is_empty() => Err(Text::new(
            format!(
                "there is no GovernancePolicy of family `{family}`: the authority creates one, or the Organization's spec.policyFamily names another"
            ),
            format!("没有适用的管理办法（{family}），请主管部门发布"),
        )),
        [] => {
            let last = versions.iter().map(|p| p.spec.valid_until).max().unwrap_or(day);
            Err(Text::new(
                format!(
                    "no version of policy family `{family}` is in force on {day} (the last day of the latest is {last}): nothing new can be filed until the authority publishes one"
                ),
                format!("{day}没有有效的管理办法（最近一版有效期至{last}），暂不能提交新申请"),
            ))
        }
    }
}

fn problem(at: &str, message: String) -> Problem {
    Problem { at: at.to_owned(), message }
}

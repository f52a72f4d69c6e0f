//! Whether a policy can be worked with, and which version of it is in force (article 42).

use super::registry::{Named, Registry};
use super::text::Text;
use super::workflow::GATE_WITHDRAWAL;
use crate::api::GovernancePolicySpec;
use crate::api::governance_policy::{Effect, Gate, Track};
use crate::api::names::{GATE_ACCESS, GATE_SUBMISSION, ROLE_PROVIDER, ROLE_SUPERVISOR, ROLE_UNIT};
use jiff::civil::Date;
use std::collections::BTreeSet;

#[cfg(test)]
mod tests;

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

/// Everything that is wrong with one policy by itself.
#[must_use]
pub fn check(policy: &GovernancePolicySpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    if super::calendar::zone(&policy.time_zone).is_none() {
        problems.push(problem(
            "spec.timeZone",
            format!("`{}` is no IANA time zone: write one such as Asia/Shanghai", policy.time_zone),
        ));
    }
    for track in &policy.tracks {
        check_track(policy, track, &mut problems);
    }
    problems
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
    let cyclic = steps_in_cycles(track);
    if !cyclic.is_empty() {
        problems.push(problem(
            &format!("{path}.gates"),
            format!("{} wait for each other, so none can ever open: break the cycle in `after`", cyclic.join(", ")),
        ));
        return;
    }
    let role_known = |role: &str| role_is_known(policy, role);
    if !role_known(&track.submission.role) {
        problems.push(problem(&format!("{path}.submission.role"), unknown_role(&track.submission.role)));
    }
    check_effects(track, &path, problems);
}

fn check_gate(
    policy: &GovernancePolicySpec,
    gate: &Gate,
    steps: &BTreeSet<&str>,
    at: &str,
    problems: &mut Vec<Problem>,
) {
    let reserved = [GATE_SUBMISSION, GATE_ACCESS, GATE_WITHDRAWAL, Effect::Provision.step(), Effect::GoLive.step()];
    if reserved.contains(&gate.name.as_str()) {
        problems.push(problem(at, format!("`{}` is not free as a gate's name: choose another", gate.name)));
    }
    if !role_is_known(policy, &gate.role) {
        problems.push(problem(&format!("{at}.role"), unknown_role(&gate.role)));
    }
    if !gate.verdicts.iter().any(|v| v.agrees()) {
        problems.push(problem(
            &format!("{at}.verdicts"),
            "nobody can pass this gate: add Approve, Confirm, Sign or File".to_owned(),
        ));
    }
    if gate.confirms_amounts && !gate.verdicts.iter().any(|v| matches!(v.to_string().as_str(), "Approve" | "Confirm")) {
        problems.push(problem(
            &format!("{at}.verdicts"),
            "amounts are confirmed by an Approve or a Confirm: add one".to_owned(),
        ));
    }
    check_after(&gate.after, steps, &format!("{at}.after"), problems);
}

fn check_after(after: &[String], steps: &BTreeSet<&str>, at: &str, problems: &mut Vec<Problem>) {
    for step in after.iter().filter(|step| !steps.contains(step.as_str())) {
        problems.push(problem(at, format!("`{step}` is neither a gate of this track nor `provision` or `go-live`")));
    }
}

/// Resources are opened once, after people have decided, and charged only then.
fn check_effects(track: &Track, path: &str, problems: &mut Vec<Problem>) {
    let before = |effect: Effect| {
        let rule = track.effects.iter().find(|e| e.effect == effect)?;
        Some(steps_before(track, &rule.after))
    };
    let at = format!("{path}.effects");
    match before(Effect::Provision) {
        None => problems.push(problem(&at, "nothing is ever provisioned: add the effect Provision".to_owned())),
        Some(before) => {
            let decided = track.gates.iter().any(|g| before.contains(g.name.as_str()) && g.when.is_none());
            if !decided {
                problems
                    .push(problem(&at, "Provision must come after at least one gate that always applies".to_owned()));
            }
            let confirmed = track.gates.iter().any(|g| before.contains(g.name.as_str()) && g.confirms_amounts);
            if !confirmed {
                problems.push(problem(
                    &at,
                    "Provision must come after a gate with confirmsAmounts (article 19)".to_owned(),
                ));
            }
        }
    }
    if before(Effect::GoLive).is_some_and(|before| !before.contains(Effect::Provision.step())) {
        problems.push(problem(
            &at,
            "GoLive must come after `provision`: charging never starts before resources are open (article 21)"
                .to_owned(),
        ));
    }
}

fn steps_before<'t>(track: &'t Track, after: &'t [String]) -> BTreeSet<&'t str> {
    let mut found = BTreeSet::new();
    let mut todo: Vec<&str> = after.iter().map(String::as_str).collect();
    while let Some(step) = todo.pop() {
        if found.insert(step) {
            todo.extend(after_of(track, step));
        }
    }
    found
}

fn after_of<'t>(track: &'t Track, step: &str) -> Vec<&'t str> {
    let gates = track.gates.iter().filter(|g| g.name == step).flat_map(|g| &g.after);
    let effects = track.effects.iter().filter(|e| e.effect.step() == step).flat_map(|e| &e.after);
    gates.chain(effects).map(String::as_str).collect()
}

/// Steps that are left when everything that can open has opened.
fn steps_in_cycles(track: &Track) -> Vec<&str> {
    let mut left: Vec<&str> =
        track.gates.iter().map(|g| g.name.as_str()).chain(track.effects.iter().map(|e| e.effect.step())).collect();
    loop {
        let waiting: Vec<&str> = left
            .iter()
            .copied()
            .filter(|step| after_of(track, step).iter().any(|before| left.contains(before)))
            .collect();
        if waiting.len() == left.len() {
            return waiting;
        }
        left = waiting;
    }
}

fn role_is_known(policy: &GovernancePolicySpec, role: &str) -> bool {
    [ROLE_UNIT, ROLE_SUPERVISOR, ROLE_PROVIDER].contains(&role) || policy.roles.iter().any(|r| r.role == role)
}

fn unknown_role(role: &str) -> String {
    format!(
        "nobody fills the role `{role}`: name its organizations in spec.roles (unit, supervisor and provider follow from the request)"
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
                format!("it and {} are both valid from {from} to {until}; versions of a family must not overlap: delete one and create it with other days", other.name),
            )
        })
        .collect()
}

/// Roles of a policy that nobody holds, so that their gates can never be passed.
#[must_use]
pub fn roles_without_holder(registry: &Registry, policy: &GovernancePolicySpec) -> Vec<Problem> {
    policy
        .roles
        .iter()
        .filter(|rule| {
            let members = rule.organizations.iter().filter_map(|name| registry.organizations.get(name));
            !members
                .flat_map(|o| &o.members)
                .any(|m| m.role == rule.role && !(m.users.is_empty() && m.groups.is_empty()))
        })
        .map(|rule| {
            problem(
                &format!("spec.roles[{}]", rule.role),
                format!(
                    "nobody holds this role: add people under spec.members with role `{}` to Organization {}",
                    rule.role,
                    rule.organizations.join(" or ")
                ),
            )
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
                    "no version of policy family `{family}` is in force on {day} (the last day of the latest is {last}): nothing new can be filed until the authority publishes one (article 42)"
                ),
                format!("{day}没有有效的管理办法（最近一版有效期至{last}），暂不能提交新申请（第四十二条）"),
            ))
        }
    }
}

fn problem(at: &str, message: String) -> Problem {
    Problem { at: at.to_owned(), message }
}

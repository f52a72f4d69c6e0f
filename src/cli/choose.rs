//! At which gate a person decides.

use super::failure::{Exit, Failure};
use super::lang::Lang;
use super::words;
use crate::api::cloud_resource_request::OpenGate;
use crate::api::decision::Verdict;

/// What somebody wants to decide.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// What.
    pub verdict: Verdict,
    /// Where, if they said so.
    pub gate: Option<&'a str>,
    /// Kinds of the reports that they file: they often tell which gate is meant.
    pub reports: &'a [String],
}

impl Wish<'_> {
    fn fits(&self, gate: &OpenGate) -> bool {
        gate.verdicts.contains(&self.verdict)
            && self.gate.is_none_or(|g| g == gate.gate)
            && (self.gate.is_some() || self.reports.iter().all(|r| gate.reports.contains(r)))
    }
}

/// The gate that was named, or the only one that is meant.
///
/// # Errors
/// When no open gate fits, when those that fit belong to roles that the person does not hold, and when several fit.
pub fn choose<'a>(
    lang: Lang,
    gates: &'a [OpenGate],
    wish: Wish<'_>,
    may: impl Fn(&OpenGate) -> bool,
) -> Result<&'a OpenGate, Failure> {
    let fitting: Vec<&OpenGate> = gates.iter().filter(|g| wish.fits(g)).collect();
    let mine: Vec<&OpenGate> = fitting.iter().copied().filter(|g| may(g)).collect();
    match (mine.as_slice(), fitting.as_slice()) {
        ([gate], _) => Ok(gate),
        ([], []) => Err(no_gate(lang, gates, wish)),
        ([], others) => {
            let roles = listed(others.iter().map(|g| words::role(lang, &g.role)), lang);
            Err(Failure::new(Exit::Refused, lang.not_your_role(&list(lang, others), &roles), lang.next_role(&roles)))
        }
        (several, _) => {
            let example = several.first().map_or("", |g| g.gate.as_str());
            Err(Failure::new(Exit::Usage, lang.several_gates(&list(lang, several)), lang.next_gate(&example)))
        }
    }
}

fn no_gate(lang: Lang, gates: &[OpenGate], wish: Wish<'_>) -> Failure {
    let verdict = words::verdict(lang, wish.verdict);
    let open: Vec<&OpenGate> = gates.iter().collect();
    if open.is_empty() {
        return Failure::new(Exit::Refused, lang.nothing_open(&verdict), lang.next_explain());
    }
    let filing: Vec<&OpenGate> = open.iter().copied().filter(|g| g.verdicts.contains(&wish.verdict)).collect();
    if wish.gate.is_none() && !filing.is_empty() {
        let asked: Vec<String> = filing.iter().map(|g| format!("{}: {}", g.gate, g.reports.join(", "))).collect();
        let reports = wish.reports.join(", ");
        return Failure::new(Exit::Usage, lang.no_gate_for_reports(&reports, &asked.join("; ")), lang.next_kinds());
    }
    let Some(name) = wish.gate else {
        return Failure::new(Exit::Refused, lang.none_offers(&verdict, &offers(lang, &open)), lang.next_explain());
    };
    if gates.iter().any(|g| g.gate == name) {
        Failure::new(
            Exit::Refused,
            lang.gate_does_not_offer(&name, &verdict, &offers(lang, &open)),
            lang.next_explain(),
        )
    } else {
        Failure::new(Exit::Refused, lang.gate_not_open(&name, &list(lang, &open)), lang.next_explain())
    }
}

/// `completeness (完整性审核)`, one after the other.
fn list(lang: Lang, gates: &[&OpenGate]) -> String {
    let names: Vec<String> = gates.iter().map(|g| format!("{} ({})", g.gate, g.title.get(lang.chinese()))).collect();
    listed(names.iter().map(String::as_str), lang)
}

fn offers(lang: Lang, gates: &[&OpenGate]) -> String {
    let offers: Vec<String> = gates.iter().map(|g| format!("{}: {}", g.gate, verdicts(lang, g))).collect();
    offers.join("; ")
}

/// What can be decided at a gate, one after the other.
#[must_use]
pub fn verdicts(lang: Lang, gate: &OpenGate) -> String {
    listed(gate.verdicts.iter().map(|v| words::verdict(lang, *v)), lang)
}

/// Words one after the other, each once.
pub fn listed<'a>(words: impl Iterator<Item = &'a str>, lang: Lang) -> String {
    let mut seen: Vec<&str> = Vec::new();
    for word in words {
        if !seen.contains(&word) {
            seen.push(word);
        }
    }
    seen.join(lang.pick(", ", "、"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::common::Names;

    fn gate(name: &str, role: &str, verdicts: &[Verdict]) -> OpenGate {
        OpenGate {
            gate: name.into(),
            title: Names { zh: "环节".into(), en: None },
            role: role.into(),
            verdicts: verdicts.to_vec(),
            ..OpenGate::default()
        }
    }

    fn wish(verdict: Verdict, gate: Option<&'static str>) -> Wish<'static> {
        Wish { verdict, gate, reports: &[] }
    }

    #[test]
    fn the_only_gate_that_is_mine_needs_no_name() {
        let gates = [gate("sign-unit", "unit", &[Verdict::Sign]), gate("sign-provider", "provider", &[Verdict::Sign])];
        let chosen = choose(Lang::En, &gates, wish(Verdict::Sign, None), |g| g.role == "provider");
        assert_eq!(chosen.map(|g| g.gate.as_str()), Ok("sign-provider"));
    }

    #[test]
    fn several_gates_are_listed_not_guessed() {
        let gates = [gate("plan", "agency", &[Verdict::Return]), gate("evaluation", "agency", &[Verdict::Return])];
        let failure = choose(Lang::En, &gates, wish(Verdict::Return, None), |_| true).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.message.contains("plan") && failure.message.contains("evaluation"), "{}", failure.message);
        let chosen = choose(Lang::En, &gates, wish(Verdict::Return, Some("evaluation")), |_| true);
        assert_eq!(chosen.map(|g| g.gate.as_str()), Ok("evaluation"));
    }

    #[test]
    fn reports_tell_the_gate() {
        let mut trial = gate("trial-report", "unit", &[Verdict::File]);
        trial.reports = vec!["TrialReport".into()];
        let mut security = gate("security-report", "unit", &[Verdict::File]);
        security.reports = vec!["SecurityReport".into()];
        let gates = [trial, security];
        let wish = Wish { verdict: Verdict::File, gate: None, reports: &["SecurityReport".to_owned()] };
        assert_eq!(choose(Lang::En, &gates, wish, |_| true).map(|g| g.gate.as_str()), Ok("security-report"));
        let other = Wish { reports: &["Other".to_owned()], ..wish };
        let failure = choose(Lang::En, &gates, other, |_| true).unwrap_err();
        assert!(failure.message.contains("trial-report: TrialReport"), "{}", failure.message);
    }

    #[test]
    fn a_role_that_i_do_not_hold_is_named() {
        let gates = [gate("approval", "authority", &[Verdict::Approve])];
        for name in [None, Some("approval")] {
            let failure = choose(Lang::Zh, &gates, wish(Verdict::Approve, name), |_| false).unwrap_err();
            assert_eq!(failure.exit, Exit::Refused);
            assert!(failure.message.contains("云主管部门"), "{}", failure.message);
        }
    }

    #[test]
    fn what_is_open_instead_is_said() {
        let gates = [gate("plan", "agency", &[Verdict::Confirm, Verdict::Return])];
        let wrong = choose(Lang::En, &gates, wish(Verdict::Approve, None), |_| true).unwrap_err();
        assert!(wrong.message.contains("plan: Confirm, Return"), "{}", wrong.message);
        let closed = choose(Lang::En, &gates, wish(Verdict::Approve, Some("approval")), |_| true).unwrap_err();
        assert!(closed.message.contains("approval") && closed.message.contains("plan"), "{}", closed.message);
        let not_offered = choose(Lang::En, &gates, wish(Verdict::Approve, Some("plan")), |_| true).unwrap_err();
        assert!(not_offered.message.contains("Approve"), "{}", not_offered.message);
        let none = choose(Lang::En, &[], wish(Verdict::Approve, None), |_| true).unwrap_err();
        assert_eq!(none.exit, Exit::Refused);
    }
}

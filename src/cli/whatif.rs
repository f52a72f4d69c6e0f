//! What would become of a change: worked out by the very code that the operator decides by, and nothing is changed.

use super::detail::arrow;
use super::failure::{Exit, Failure};
use super::lang::Lang;
use super::moment::Clock;
use super::page::Page;
use super::words;
use crate::api::cloud_resource_request::LineStatus;
use crate::api::common::{Money, Names, QuantityMap, Time};
use crate::api::governance_policy::Track;
use crate::api::names;
use crate::api::resource_change::ChangeGround;
use crate::api::usage::Evidence;
use crate::api::{CloudDomain, InformationSystem, ResourceChange, RightsizingProposal};
use crate::core::capacity::{self, Profile};
use crate::core::change::{Facts, Plan, ProposalFact, Prospect, decide};
use crate::core::effective::Span;
use crate::core::names::organization_of;
use crate::core::registry::Registry;
use crate::core::request::{Statement, SystemFact};
use crate::core::text::Text;
use crate::core::usage::{evidence, said_by};
use crate::core::workflow;
use jiff::Timestamp;
use jiff::civil::Date;
use kube::ResourceExt as _;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;

/// What is known besides the change.
#[derive(Clone, Copy)]
pub struct Background<'a> {
    /// What the operator decides by.
    pub registry: &'a Registry,
    /// The system, where it is there.
    pub system: Option<&'a InformationSystem>,
    /// The proposal that the change takes up, where it is there.
    pub proposal: Option<&'a RightsizingProposal>,
    /// The domain that it runs in.
    pub domain: Option<&'a CloudDomain>,
    /// What is taken of the domain at every moment, where all of it can be read.
    pub profile: Option<&'a Profile>,
    /// Why nothing new is granted to the unit, where that is so.
    pub grants_stopped: Option<&'a Text>,
}

/// The answer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// The change.
    pub change: String,
    /// Its namespace.
    pub namespace: String,
    /// The system.
    pub system: String,
    /// Why it changes.
    pub ground: ChangeGround,
    /// The track that it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub track: Option<TrackTitle>,
    /// Why it is a major change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub major_because: Option<String>,
    /// From when it holds, approved now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// Until when; nothing where it is for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Whether it holds only until the authority has decided on the unit's annex 2.
    pub provisional: bool,
    /// Last day on which an extension of it can be filed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extend_by: Option<Date>,
    /// What would be found of the system's use, where the rules ask for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// The gates, in their order.
    pub gates: Vec<Step>,
    /// Line by line.
    pub lines: Vec<LineStatus>,
    /// What the system has before, windows apart.
    pub before: QuantityMap,
    /// What it has while the change holds, other windows apart.
    pub after: QuantityMap,
    /// CNY a month before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee_before: Option<Money>,
    /// CNY a month after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee_after: Option<Money>,
    /// Whether the domain has room for it; nothing where that is not known yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fits: Option<bool>,
    /// What is in the way.
    pub problems: Vec<Problem>,
}

/// A track.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrackTitle {
    /// Name.
    pub name: String,
    /// Title.
    pub title: Names,
    /// Article.
    pub article: String,
}

/// A gate to come.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Gate.
    pub gate: String,
    /// Title.
    pub title: Names,
    /// Role.
    pub role: String,
    /// Who fills it.
    pub organizations: Vec<String>,
    /// Working days that it may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_work_days: Option<i32>,
    /// Article.
    pub article: String,
}

/// Something that is in the way.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Condition.
    pub condition: String,
    /// Why, in one word.
    pub reason: String,
    /// Why, and what to do.
    pub message: String,
}

impl Forecast {
    /// Why the operator would not take it up, whatever people decide: too late, for a time that is over, or of lines that there
    /// are not.
    #[must_use]
    pub fn refusal(&self) -> Option<&Problem> {
        let no_such_line = self.lines.iter().any(|line| line.problem.is_some());
        self.problems.iter().find(|p| {
            p.condition == names::CONDITION_IN_TIME || (no_such_line && p.condition == names::CONDITION_RESOLVED)
        })
    }
}

/// Reads a ResourceChange; `-` is standard input.
///
/// # Errors
/// When it cannot be read, or is none.
pub fn from_file(lang: Lang, file: &Path) -> Result<ResourceChange, Failure> {
    let read = || {
        if file == Path::new("-") { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(file) }
    };
    let text = read().map_err(|e| Failure::plain(Exit::Error, lang.file_unreadable(&file.display(), &e)))?;
    parse(&text).map_err(|why| {
        Failure::new(Exit::Usage, lang.no_change_in_file(&file.display(), &why), lang.next_change_in_file())
    })
}

fn parse(text: &str) -> Result<ResourceChange, String> {
    #[derive(Deserialize)]
    struct Kind {
        kind: String,
    }
    let kind: Kind = serde_saphyr::from_str(text).map_err(|e| e.to_string())?;
    if kind.kind != "ResourceChange" {
        return Err(format!("kind: {}", kind.kind));
    }
    serde_saphyr::from_str(text).map_err(|e| e.to_string())
}

/// Works it out for this moment.
#[must_use]
pub fn forecast(change: &ResourceChange, background: Background<'_>, now: Timestamp) -> Forecast {
    let name = change.metadata.name.clone().unwrap_or_default();
    let namespace = change.namespace().unwrap_or_default();
    let uid = change.uid().unwrap_or_default();
    let said = background.system.and_then(|s| s.status.as_ref()).map(said_by).unwrap_or_default();
    let facts = Facts {
        name: &name,
        uid: &uid,
        generation: change.metadata.generation.unwrap_or_default(),
        organization: organization_of(&namespace).unwrap_or(&namespace),
        change: &change.spec.change,
        contacts: change.spec.contacts.as_ref(),
        decisions: &[],
        system: background.system.map(|system| SystemFact {
            spec: &system.spec,
            provisioned_at: system.status.as_ref().and_then(|s| s.provisioned_at),
        }),
        evidence: None,
        usage: &evidence(&said, now),
        proposal: background.proposal.map(|proposal| ProposalFact {
            uid: proposal.metadata.uid.as_deref().unwrap_or_default(),
            spec: &proposal.spec,
        }),
        ground_gone: None,
        grants_stopped: background.grants_stopped,
        domain: background.domain.and_then(|d| d.status.as_ref()),
    };
    let plan = decide(&facts, background.registry, now);
    let track = track_of(&plan, background.registry);
    let prospect = plan.prospect.clone().unwrap_or_default();
    let mut statements = plan.conditions.clone();
    let room = statements.iter_mut().find(|s| s.type_ == names::CONDITION_CAPACITY && s.holds.is_some());
    if let (Some(told), Some(profile)) = (room, background.profile) {
        // The status tells of a domain at its fullest; this is exact for the time that is asked for, as the approval is.
        *told = match short(background, profile, &prospect, now) {
            Some(why) => Statement::new(names::CONDITION_CAPACITY, false, "Short", why),
            None => Statement::new(names::CONDITION_CAPACITY, true, "Fits", ""),
        };
    }
    let fits = statements.iter().find(|s| s.type_ == names::CONDITION_CAPACITY).and_then(|s| s.holds);
    let steps = track.map(|track| steps(track, facts.organization, &prospect, background, &plan));
    Forecast {
        change: facts.name.to_owned(),
        namespace: namespace.clone(),
        system: change.spec.change.system.clone(),
        ground: change.spec.change.ground,
        track: track.map(|t| TrackTitle { name: t.name.clone(), title: t.title.clone(), article: t.article.clone() }),
        major_because: plan.status.major_because,
        from: plan.prospect.as_ref().map(|p| p.from),
        until: prospect.until,
        provisional: prospect.provisional,
        extend_by: prospect.extend_by,
        evidence: prospect.evidence,
        gates: steps.unwrap_or_default(),
        lines: plan.status.lines,
        before: plan.status.before,
        after: plan.status.after,
        fee_before: plan.status.fee_before,
        fee_after: plan.status.fee_after,
        fits,
        problems: problems(&statements),
    }
}

fn track_of<'r>(plan: &Plan, registry: &'r Registry) -> Option<&'r Track> {
    let (policy, track) = (plan.status.policy.as_ref()?, plan.status.track.as_ref()?);
    registry.policies.iter().find(|p| p.name == policy.name)?.spec.track(track)
}

fn steps(track: &Track, unit: &str, prospect: &Prospect, background: Background<'_>, plan: &Plan) -> Vec<Step> {
    let registry = background.registry;
    let policy = plan.status.policy.as_ref().and_then(|p| registry.policies.iter().find(|q| q.name == p.name));
    let domain = background.system.map(|s| s.spec.domain.as_str()).unwrap_or_default();
    let gates = track.gates.iter().filter(|gate| workflow::applies(gate, &prospect.applies));
    gates
        .map(|gate| Step {
            gate: gate.name.clone(),
            title: gate.title.clone(),
            role: gate.role.clone(),
            organizations: policy.map(|p| registry.holders(&p.spec, unit, domain, &gate.role)).unwrap_or_default(),
            due_work_days: gate.due_work_days,
            article: gate.article.clone(),
        })
        .collect()
}

/// Why it does not fit into what is taken of the domain, with the moment from which it does not.
fn short(background: Background<'_>, profile: &Profile, prospect: &Prospect, now: Timestamp) -> Option<Text> {
    let domain = background.domain?;
    let ceiling = capacity::grantable(&domain.spec).ok()?;
    let span = Span { from: prospect.from.timestamp().max(now), until: prospect.until.map(Time::timestamp) };
    let short = profile.shortages(&prospect.takes, &ceiling, span);
    (!short.is_empty()).then(|| capacity::explain_at(&domain.name_any(), &short, now))
}

fn problems(statements: &[Statement]) -> Vec<Problem> {
    let bad = |s: &&Statement| match s.type_ {
        names::CONDITION_STALLED => s.holds == Some(true),
        names::CONDITION_COMPLETE
        | names::CONDITION_RESOLVED
        | names::CONDITION_IN_TIME
        | names::CONDITION_ELIGIBLE
        | names::CONDITION_CAPACITY => s.holds == Some(false),
        _ => false,
    };
    let found = statements.iter().filter(bad);
    found
        .map(|s| Problem { condition: s.type_.to_owned(), reason: s.reason.clone(), message: s.message.clone() })
        .collect()
}

/// The quota, windows that were granted before apart.
fn amounts(page: &mut Page, lang: Lang, forecast: &Forecast) {
    let names: BTreeSet<&String> = forecast.before.keys().chain(forecast.after.keys()).collect();
    // What cannot be worked out is not nothing.
    if names.is_empty() || forecast.lines.iter().any(|line| line.problem.is_some()) {
        return;
    }
    page.heading(lang.pick("QUOTA", "资源额度"));
    let header = match lang {
        Lang::En => ["RESOURCE", "BEFORE -> AFTER"],
        Lang::Zh => ["资源", "变更前后额度"],
    };
    let of = |map: &QuantityMap, name: &str| map.get(name).map_or_else(|| "0".to_owned(), |q| q.0.clone());
    let rows = names
        .into_iter()
        .map(|name| vec![name.clone(), arrow(&of(&forecast.before, name), &of(&forecast.after, name))]);
    page.table(header, rows);
}

/// As text.
#[must_use]
pub fn page(lang: Lang, clock: &Clock, forecast: &Forecast) -> Page {
    let mut page = Page::default();
    let at = |time: Option<Time>| time.map(|at| clock.minute(at)).unwrap_or_default();
    let track = forecast.track.as_ref().map(|t| format!("{}, {} ({})", t.name, t.title.get(lang.chinese()), t.article));
    let fee = match (&forecast.fee_before, &forecast.fee_after) {
        (Some(before), Some(after)) => arrow(&before.0, &after.0),
        _ => String::new(),
    };
    let until = match (forecast.from, forecast.until) {
        (Some(_), None) if forecast.provisional => lang.until_decided(),
        (Some(_), None) => lang.for_good(),
        _ => at(forecast.until),
    };
    let room = match forecast.fits {
        Some(true) => lang.room_enough(),
        Some(false) => lang.room_short(),
        None => String::new(),
    };
    page.pairs(
        [
            (("Change", "变更申请"), format!("{}/change/{}", forecast.namespace, forecast.change)),
            (("System", "系统"), forecast.system.clone()),
            (("Ground", "变更依据"), words::ground(lang, forecast.ground).to_owned()),
            (("Track", "办理流程"), track.unwrap_or_default()),
            (("Major because", "重大变更原因"), forecast.major_because.clone().unwrap_or_default()),
            (("From, if approved now", "如现在批准，生效时间"), at(forecast.from)),
            (("Until", "截止时间"), until),
            (("Extend by", "延期申请截止日"), forecast.extend_by.map(|d| d.to_string()).unwrap_or_default()),
            (("CNY a month", "月费用（元）"), fee),
            (("Use", "使用情况"), forecast.evidence.as_ref().map(|e| e.message.clone()).unwrap_or_default()),
            (("Room in the domain", "云域资源"), room),
        ]
        .map(|((en, zh), value)| (lang.pick(en, zh).to_owned(), value)),
    );
    if !forecast.gates.is_empty() {
        page.heading(lang.pick("GATES", "办理环节"));
        let header = match lang {
            Lang::En => ["GATE", "TITLE", "ROLE", "ORGANIZATION", "WORKING DAYS", "ARTICLE"],
            Lang::Zh => ["环节", "名称", "角色", "办理单位", "工作日", "条款"],
        };
        let rows = forecast.gates.iter().map(|step| {
            vec![
                step.gate.clone(),
                step.title.get(lang.chinese()).to_owned(),
                words::role(lang, &step.role).to_owned(),
                step.organizations.join(lang.pick(", ", "、")),
                step.due_work_days.map(|days| days.to_string()).unwrap_or_default(),
                step.article.clone(),
            ]
        });
        page.table(header, rows);
    }
    amounts(&mut page, lang, forecast);
    if !forecast.lines.is_empty() {
        page.heading(lang.pick("LINES", "资源明细"));
        let header = match lang {
            Lang::En => ["LINE", "BEFORE -> AFTER", "CNY/MONTH"],
            Lang::Zh => ["行", "变更前后数量", "月费用（元）"],
        };
        let rows = forecast.lines.iter().map(|line| {
            let fee = line.monthly_fee.as_ref().map(|m| m.0.clone());
            let before = line.before.unwrap_or_default();
            vec![line.name.clone(), format!("{before} -> {}", line.asked), fee.unwrap_or_default()]
        });
        page.table(header, rows);
    }
    if !forecast.problems.is_empty() {
        page.heading(lang.problems());
        for problem in &forecast.problems {
            let what = words::condition(lang, &problem.condition);
            page.line(format!("  {what}: {} ({})", problem.message, problem.reason));
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::super::samples::{clock, live_portal};
    use super::*;
    use crate::core::capacity::Taken;
    use crate::core::fixtures::load;

    fn sample(name: &str) -> ResourceChange {
        load(&format!("config/samples/changes/{name}.yaml")).remove(0)
    }

    /// What becomes of a shipped change of the shipped portal, which is live, with so many cores taken in the domain
    /// from the middle of January on.
    fn foreseen(change: &ResourceChange, cores: i64) -> Forecast {
        let (registry, system, now) = live_portal();
        let mut domain = CloudDomain::new("bozhou-main", registry.domains["bozhou-main"].clone());
        domain.status = Some(crate::api::CloudDomainStatus::default());
        let taken = Taken {
            submission_uid: Some("other".into()),
            amounts: [("requests.cpu".to_owned(), crate::core::quantity::Amount::units(cores))].into_iter().collect(),
            span: Span { from: "2027-01-15T00:00:00Z".parse().unwrap(), until: None },
        };
        let profile = Profile::of(&[taken]).unwrap();
        let background = Background {
            registry: &registry,
            system: Some(&system),
            proposal: None,
            domain: Some(&domain),
            profile: Some(&profile),
            grants_stopped: None,
        };
        forecast(change, background, now)
    }

    #[test]
    fn r22_2_every_shipped_change_is_foreseen_with_its_track() {
        let tracks = [
            ("minor", "MinorChange"),
            ("major", "MajorChange"),
            ("temporary", "TemporaryExpansion"),
            ("emergency", "EmergencyExpansion"),
            ("reduction", "Reduction"),
            // A line that goes to nothing goes down by more than half.
            ("cancellation", "MajorChange"),
        ];
        for (name, track) in tracks {
            let forecast = foreseen(&sample(name), 0);
            assert_eq!(
                forecast.track.as_ref().map(|t| t.name.as_str()),
                Some(track),
                "{name}: {:?}",
                forecast.problems
            );
        }
    }

    #[test]
    fn r22_2_a_major_change_in_both_languages() {
        let forecast = foreseen(&sample("major"), 0);
        insta::assert_snapshot!("whatif_major_en", page(Lang::En, &clock(), &forecast).render());
        insta::assert_snapshot!("whatif_major_zh", page(Lang::Zh, &clock(), &forecast).render());
    }

    #[test]
    fn r26_2_a_window_does_not_fit_from_the_moment_at_which_the_domain_is_full() {
        let fits = foreseen(&sample("temporary"), 1968);
        assert_eq!((fits.fits, fits.problems.len()), (Some(true), 0), "{:?}", fits.problems);
        let mut before = sample("temporary");
        before.spec.change.window.as_mut().unwrap().until = super::super::samples::at("2027-01-15T00:00:00Z");
        assert_eq!(foreseen(&before, 2000).fits, Some(true), "it is over before the domain is full");
        let full = foreseen(&sample("temporary"), 1969);
        assert_eq!(full.fits, Some(false));
        insta::assert_snapshot!("whatif_full_en", page(Lang::En, &clock(), &full).render());
    }

    #[test]
    fn r22_3_an_extension_of_nothing_and_an_unknown_system_are_said() {
        let nothing = foreseen(&sample("extension"), 0);
        assert_eq!(nothing.problems[0].reason, "NothingToExtend");
        let mut strange = sample("minor");
        strange.spec.change.system = "elsewhere".into();
        let (registry, _, now) = live_portal();
        let background = Background {
            registry: &registry,
            system: None,
            proposal: None,
            domain: None,
            profile: None,
            grants_stopped: None,
        };
        let forecast = forecast(&strange, background, now);
        assert_eq!(forecast.problems[0].reason, "SystemUnknown");
        assert!(forecast.gates.is_empty() && forecast.from.is_none());
    }

    #[test]
    fn a_file_that_holds_no_change_is_named() {
        let failure = from_file(Lang::En, Path::new("/no/such/file")).unwrap_err();
        assert!(failure.message.contains("/no/such/file"), "{}", failure.message);
        assert!(parse("kind: ConfigMap").unwrap_err().contains("ConfigMap"));
        assert!(parse("apiVersion: yunguan.dev/v1alpha1\nkind: ResourceChange\nmetadata: {name: a}\n").is_err());
    }
}

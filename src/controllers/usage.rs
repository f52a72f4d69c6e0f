//! Rounds of questions to the domains' metrics endpoints, and what follows for each system: said by the system's controller,
//! in its status.

use super::Context;
use crate::api::cloud_domain::MetricsEndpoint;
use crate::api::common::Time;
use crate::api::names::CONDITION_USAGE_KNOWN;
use crate::api::usage::{Activity, Evidence};
use crate::api::{CloudDomain, GovernancePolicySpec, InformationSystem, InformationSystemStatus};
use crate::core::registry::Registry;
use crate::core::round::{in_force_at, zone_of};
use crate::core::usage::{Judgement, Round, Sample, Subject, Unknown, evidence, heartbeat, judge, said_by, unknown};
use crate::runtime::clock;
use crate::runtime::hub::{Queue, enqueue};
use crate::runtime::id::Id;
use crate::runtime::prometheus::{Failure, Series, Server};
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use kube::{Resource as _, ResourceExt as _};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Figures that say nothing new are written so often at most.
const DAILY: SignedDuration = SignedDuration::from_hours(24);
/// Domains that are asked side by side.
const AT_ONCE: usize = 4;

/// How rounds are made.
#[derive(Clone, Debug)]
pub struct Rounds {
    /// From one to the next.
    pub every: Duration,
    /// Where the folders with credentials lie.
    pub credentials: Option<PathBuf>,
}

/// What was found of each system last.
pub struct Board {
    found: Mutex<HashMap<Id<InformationSystem>, Found>>,
    systems: Queue<InformationSystem>,
    /// Why a domain's systems are not judged, as it was told last.
    told: Mutex<HashMap<String, &'static str>>,
    /// How rounds are made, once they are.
    rounds: OnceLock<Rounds>,
}

/// Whether something that was found still holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Ground {
    /// It does.
    Holds,
    /// It does not: what is found instead.
    Gone(String),
    /// It is not known, and why.
    Unknown(String),
}

#[derive(Clone)]
struct Found {
    /// What the status is to say.
    said: Judgement,
    /// As the last round has it, with the clocks of now.
    latest: Judgement,
}

impl Board {
    /// A board that has systems looked at by this queue.
    #[must_use]
    pub fn new(systems: Queue<InformationSystem>) -> Self {
        Self { found: Mutex::default(), systems, told: Mutex::default(), rounds: OnceLock::new() }
    }

    fn latest(&self, id: &Id<InformationSystem>) -> Option<Judgement> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.get(id).map(|found| found.latest.clone())
    }

    /// Takes note of what a round found; the system is looked at where that is news.
    fn note(&self, id: &Id<InformationSystem>, next: Judgement) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let at = |judgement: &Judgement| judgement.usage.as_ref().map(|usage| usage.at.timestamp());
        // While use is not known its figures stand, and there is nothing to be written however old they are.
        let seen = at(&next);
        let old =
            |said: &Judgement| seen.is_some_and(|seen| at(said).is_none_or(|said| seen.duration_since(said) >= DAILY));
        match found.get_mut(id) {
            Some(before) if before.said.says_the_same(&next) && !old(&before.said) => before.latest = next,
            _ => {
                found.insert(id.clone(), Found { said: next.clone(), latest: next });
                drop(found);
                enqueue(&self.systems, id.clone());
            }
        }
    }

    fn keep(&self, present: impl Fn(&Id<InformationSystem>) -> bool) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).retain(|id, _| present(id));
    }

    /// Whether this is another reason than was told last.
    fn turned(&self, domain: &str, why: Option<&Unknown>) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            Some(why) => told.insert(domain.to_owned(), why.reason) != Some(why.reason),
            None => told.remove(domain).is_some(),
        }
    }
}

/// What the status of a system is to say of its use: what it said, until a round has been made.
pub fn of(context: &Context, system: &InformationSystem, status: &InformationSystemStatus) -> Judgement {
    known(context, system, status, |found| &found.said)
}

/// What is found of a system's use now, for a change of it that is filed.
pub fn evidence_of(context: &Context, system: &InformationSystem, now: Timestamp) -> Evidence {
    let status = system.status.clone().unwrap_or_default();
    evidence(&known(context, system, &status, |found| &found.latest), now)
}

/// What the last round found; what the status said, until one has been made. Where the domain names no endpoint none ever
/// is.
fn known(
    context: &Context,
    system: &InformationSystem,
    status: &InformationSystemStatus,
    of: fn(&Found) -> &Judgement,
) -> Judgement {
    let before = said_by(status);
    let domain = context.rules.domains.get(&Id::new(&system.spec.domain));
    if domain.is_some_and(|domain| domain.spec.metrics.is_none()) {
        let registry = context.registry();
        let rules =
            rules_of(&registry, &system.spec.organization, clock::now()).and_then(|(_, rules)| rules.usage.as_ref());
        return match rules {
            Some(_) => unknown(&Unknown::no_endpoint(&system.spec.domain), &before),
            None => silent(before),
        };
    }
    let found = context.usage.found.lock().unwrap_or_else(PoisonError::into_inner);
    found.get(&Id::of(system)).map_or(before, |found| of(found).clone())
}

/// By rules that judge nobody's use: what was said before is not said any more.
fn silent(before: Judgement) -> Judgement {
    Judgement { statements: Vec::new(), ..before }
}

/// Asks the endpoint of a system's domain once more, because something depends on it that costs: whether one of these
/// conditions holds.
pub async fn once_more(context: &Context, system: &InformationSystem, types: &[&str]) -> Ground {
    let unknown = |why: &str| Ground::Unknown(why.to_owned());
    let (Some(rounds), Some(domain)) = (context.usage.rounds.get(), context.domain(&system.spec.domain)) else {
        return unknown("no round has been made yet (尚未采集)");
    };
    let asked = Time::new(clock::now());
    round(context, domain, rounds).await;
    let latest = context.usage.latest(&Id::of(system)).unwrap_or_default();
    let said = |type_: &str| latest.statements.iter().find(|s| s.type_ == type_);
    match said(CONDITION_USAGE_KNOWN) {
        Some(known) if known.holds != Some(true) => return unknown(&known.message),
        // What was not judged now says nothing of now.
        _ if latest.usage.as_ref().is_none_or(|usage| usage.at < asked) => return unknown("it is not judged (未评价)"),
        _ => {}
    }
    let found: Vec<_> = types.iter().filter_map(|type_| said(type_)).collect();
    let of = |holds: Option<bool>| found.iter().find(|s| s.holds == holds);
    match (of(Some(true)), of(None), of(Some(false))) {
        (Some(_), ..) => Ground::Holds,
        (_, Some(open), _) => unknown(&open.message),
        (.., Some(gone)) => Ground::Gone(gone.message.clone()),
        (None, None, None) => unknown("it is not judged (未评价)"),
    }
}

/// Whether the use of a system is judged at all: its domain names an endpoint, and its rules have numbers.
pub fn is_judged(context: &Context, system: &InformationSystem) -> bool {
    let measured = context.domain(&system.spec.domain).is_some_and(|domain| domain.spec.metrics.is_some());
    let registry = context.registry();
    let rules = rules_of(&registry, &system.spec.organization, clock::now());
    measured && rules.is_some_and(|(_, policy)| policy.usage.is_some())
}

/// Makes rounds for as long as the operator acts.
pub async fn watch(context: Arc<Context>, rounds: Rounds) {
    let _ = context.usage.rounds.set(rounds.clone());
    let mut ticks = tokio::time::interval(rounds.every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let asked = |domain: &Arc<CloudDomain>| domain.spec.metrics.is_some();
        let domains: Vec<Arc<CloudDomain>> = context.rules.domains.all().filter(asked).collect();
        let any = !domains.is_empty();
        let asked = futures::stream::iter(domains).map(|domain| round(&context, domain, &rounds));
        let known: Vec<Option<i64>> = asked.buffer_unordered(AT_ONCE).collect().await;
        let known = known.into_iter().flatten().reduce(i64::saturating_add);
        context.usage.keep(|id| context.systems.get(id).is_some());
        if any {
            context.metrics.judged(known, clock::now().as_second());
        }
    }
}

/// One round of one domain: how many of its systems are measured, where it has any.
async fn round(context: &Context, domain: Arc<CloudDomain>, rounds: &Rounds) -> Option<i64> {
    let name = domain.name_any();
    let endpoint = domain.spec.metrics.as_ref()?;
    let answer = ask(endpoint, rounds).await;
    let answer = answer.map_err(|failure| Unknown::failed(&name, failure.reason(), &failure.to_string()));
    let (known, why) = found(context, &name, &answer);
    if let Some(why) = &why {
        context.metrics.usage_failed(why.reason);
        tracing::warn!(domain = name, reason = why.reason, why = why.text.en, "use is not known");
    }
    if context.usage.turned(&name, why.as_ref()) {
        let (reason, note) = match &why {
            Some(why) => (why.reason, why.text.to_string()),
            None => ("UsageKnown", "use is known again (已恢复使用情况采集)".to_owned()),
        };
        context.events.publish(&domain.object_ref(&()), why.is_some(), reason, &note).await;
    }
    known
}

/// Judges the systems of a domain by an answer: how many of them are measured, and why not all can be judged.
fn found(context: &Context, domain: &str, answer: &Result<Round, Unknown>) -> (Option<i64>, Option<Unknown>) {
    let now = clock::now();
    let registry = context.registry();
    let systems = context.indexes.systems_by_domain.get(&Id::new(domain));
    let mut known = None;
    let mut beats: HashMap<String, Result<Option<Unknown>, Unknown>> = HashMap::new();
    for (id, takes) in &systems {
        let Some(opened) = takes.opened else { continue };
        let Some((policy_uid, policy)) = rules_of(&registry, &takes.organization, now) else { continue };
        let before = context.usage.latest(id).unwrap_or_else(|| {
            context.systems.get(id).and_then(|s| s.status.as_ref().map(said_by)).unwrap_or_default()
        });
        let verdict = match (&policy.usage, answer) {
            (None, _) => silent(before),
            (Some(_), Err(why)) => unknown(why, &before),
            (Some(rules), Ok(round)) => {
                let beat = beats.entry(policy_uid).or_insert_with(|| {
                    let open = systems.iter().filter(|(_, takes)| takes.opened.is_some() && !takes.stopped);
                    heartbeat(rules, domain, round, open.map(|(_, takes)| takes.namespace.as_ref()), now)
                });
                match beat {
                    Err(why) => unknown(why, &before),
                    Ok(partial) => {
                        let (live, standby, stopped) = (takes.live, takes.standby, takes.stopped);
                        // While it was stopped it could not be used.
                        let opened = takes.lifted.map_or(opened, |lifted| lifted.max(opened));
                        let subject = Subject { namespace: &takes.namespace, opened, live, standby, stopped };
                        let zone = zone_of(policy);
                        judge(rules, &zone, subject, round, partial.as_ref(), &before, now)
                    }
                }
            }
        };
        let measured = verdict.statements.iter().any(|s| s.type_ == CONDITION_USAGE_KNOWN && s.holds == Some(true));
        known = Some(known.unwrap_or(0) + i64::from(measured));
        context.usage.note(id, verdict);
    }
    let beat = |beat: Result<Option<Unknown>, Unknown>| beat.unwrap_or_else(Some);
    let why = answer.as_ref().err().cloned().or_else(|| beats.into_values().find_map(beat));
    (known, why)
}

/// The version of the rules by which a unit's systems are judged today.
fn rules_of<'r>(
    registry: &'r Registry,
    organization: &str,
    now: Timestamp,
) -> Option<(String, &'r GovernancePolicySpec)> {
    let organization = registry.organizations.get(organization)?;
    let policy = in_force_at(registry, organization, now).ok()?;
    Some((policy.uid.clone(), &policy.spec))
}

/// Where an answer goes in a sample.
type Put = fn(&mut Sample, &Series, f64);

/// One question each, for all namespaces at once; the names are those of config/prometheus.
const QUESTIONS: [(&str, Put); 16] = [
    ("yunguan:namespace_containers:running", |sample, _, value| sample.running = Some(value)),
    ("yunguan:namespace_memory_used:bytes", |sample, _, _| sample.measured = true),
    ("yunguan:namespace_memory_used_ratio:avg1w", |sample, _, value| sample.memory_mean = Some(value)),
    ("yunguan:namespace_memory_used_ratio:max1w", |sample, _, value| sample.memory_peak = Some(value)),
    ("yunguan:namespace_memory_used_ratio:coverage1w", |sample, _, value| sample.memory_coverage = Some(value)),
    ("yunguan:namespace_memory_granted:others1w", |sample, _, value| sample.other_quotas = Some(value)),
    ("yunguan:namespace_memory_used_ratio:avg1d", |sample, _, value| sample.day.memory_mean = Some(value)),
    ("yunguan:namespace_memory_used_ratio:max1d", |sample, _, value| sample.day.memory_peak = Some(value)),
    ("yunguan:namespace_memory_used_ratio:coverage1d", |sample, _, value| sample.day.memory_coverage = Some(value)),
    ("yunguan:namespace_cpu_used_ratio:avg1d", |sample, _, value| sample.day.cpu_mean = Some(value)),
    ("yunguan:namespace_memory_peaks:max1d", |sample, _, value| sample.peaks = Some(value)),
    ("yunguan:namespace_oom_kill:last_timestamp_seconds", |sample, _, value| sample.out_of_memory = moment(value)),
    // By storage class: the one that is used most counts, and the gaps of any.
    ("yunguan:namespace_storage_used_ratio:min1h", |sample, _, value| {
        sample.storage = Some(sample.storage.map_or(value, |most| most.max(value)));
    }),
    ("yunguan:namespace_storage_used_ratio:coverage1h", |sample, _, value| {
        sample.storage_coverage = Some(sample.storage_coverage.map_or(value, |least| least.min(value)));
    }),
    ("yunguan:namespace_activity:last_timestamp_seconds", |sample, series, value| {
        if let Some(activity) = activity(series) {
            sample.activity.entry(activity).or_default().last = moment(value);
        }
    }),
    ("yunguan:namespace_activity:quiet_minutes", |sample, series, value| {
        if let Some(activity) = activity(series) {
            sample.activity.entry(activity).or_default().quiet_minutes = Some(value);
        }
    }),
];

/// Asks everything; one answer that cannot be relied upon spoils the round.
async fn ask(endpoint: &MetricsEndpoint, rounds: &Rounds) -> Result<Round, Failure> {
    let folder = match (&endpoint.credentials, &rounds.credentials) {
        (None, _) => None,
        (Some(name), Some(folder)) => Some(folder.join(name)),
        (Some(name), None) => {
            let what = format!("spec.metrics.credentials names {name}, and the operator runs without --credentials");
            return Err(Failure::Misconfigured(what));
        }
    };
    let server = Server::new(&endpoint.url, folder.as_deref())?;
    // The CRD lets nothing into the label that would end the text.
    let of = endpoint.cluster.as_ref().map(|cluster| format!("cluster=\"{cluster}\"")).unwrap_or_default();
    let mut round = Round {
        newest: one(&server.query("yunguan:rules:last_timestamp_seconds").await?).and_then(moment),
        peak: one(&server.query("yunguan:definition:threshold{of=\"memory_peak\"}").await?),
        samples: std::collections::BTreeMap::new(),
    };
    for (series, put) in QUESTIONS {
        let answers = server.query(&format!("{series}{{{of}}}")).await?;
        let mut seen: HashMap<_, usize> = HashMap::new();
        for answer in &answers {
            *seen.entry(key(answer)).or_default() += 1;
        }
        for answer in &answers {
            // Twice there, it is not known whose it is: series of several clusters, and no spec.metrics.cluster.
            let alone = seen.get(&key(answer)) == Some(&1);
            if let (Some(namespace), Some(value), true) = (answer.metric.get("namespace"), answer.value(), alone) {
                put(round.samples.entry(namespace.clone()).or_default(), answer, value);
            }
        }
    }
    Ok(round)
}

fn key(series: &Series) -> (Option<&String>, Option<&String>, Option<&String>) {
    let label = |name: &str| series.metric.get(name);
    (label("namespace"), label("activity"), label("storageclass"))
}

fn one(series: &[Series]) -> Option<f64> {
    series.iter().filter_map(Series::value).reduce(f64::min)
}

#[expect(clippy::cast_possible_truncation, reason = "seconds, of which a moment has fewer than a float can count")]
fn moment(seconds: f64) -> Option<Timestamp> {
    Timestamp::from_second(seconds as i64).ok()
}

fn activity(series: &Series) -> Option<Activity> {
    match series.metric.get("activity").map(String::as_str) {
        Some("running") => Some(Activity::Running),
        Some("busy") => Some(Activity::Busy),
        Some("business") => Some(Activity::Business),
        _ => None,
    }
}

//! The book of the departures: the one place that asks the core about them and about the order, beside that of the changes,
//! whose lists and records it shares. What it says of a state is kept, since it is pure.

use super::super::bugs::Bug;
use super::super::changes::book::{Book as OfChanges, moment, now};
use super::super::facts;
use super::super::lists::Register;
use super::super::rules::{self as common, Gate};
use super::super::world::{Id, Place, Vote};
use super::rules;
use super::setup::Setup;
use super::world::{Act, Job, Label, Matter, Site, Space, VOLUMES, Work};
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;
use yunguan::api::cloud_resource_request::OpenGate;
use yunguan::api::common::{RequestKind, RequestRef, Time};
use yunguan::api::decision::Verdict;
use yunguan::api::decommission::{DecommissionPhase, JobReport, Leaving, VolumeRef};
use yunguan::api::information_system::{InformationSystemSpec, InformationSystemStatus, StopStatus};
use yunguan::api::sanction::{Lifted, SanctionStatus};
use yunguan::core::leaving::{self, JobState, LeftBehind, NamespaceState, Step, SystemFact, Volume, World as Seen};
use yunguan::core::registry::Registry;
use yunguan::core::workflow::DecisionFact;
use yunguan::core::{digest, effective, sanction, stop};

/// What a state of the departure is decided by.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Departing {
    pub decisions: Id,
    pub record: Id,
    pub site: Site,
    pub clock: u8,
}

/// What a state of the order is decided by.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Ordering {
    pub decisions: Id,
    pub record: Id,
    pub status: Id,
    pub clock: u8,
}

/// What the model needs of a plan.
#[derive(Clone, Debug, Default)]
pub struct Outline {
    pub closed: bool,
    pub filing: Option<Place>,
    /// Open gates with the digest shown.
    pub gates: Vec<(Gate, Id)>,
    /// The record to write.
    pub record: Option<Id>,
    /// Another step of a departure.
    pub act: Option<Act>,
    /// What an order's status has on record then, and whether something turns.
    pub status: Option<Id>,
    pub turns: bool,
    /// The whole status with its conditions.
    pub whole: Option<Id>,
}

pub struct Book {
    pub changes: OfChanges,
    setup: Setup,
    registry: Registry,
    orders: Register<SanctionStatus>,
    statuses: Register<()>,
    /// Names of Jobs, as the core makes them.
    jobs: HashMap<(Work, u8), String>,
    leaves: HashMap<Departing, Arc<Outline>>,
    stops: HashMap<Ordering, Arc<Outline>>,
    told: HashMap<(Id, Id, bool, u8), (bool, Id)>,
    pairs: HashMap<(Id, Id), u8>,
}

impl Book {
    pub fn new(setup: Setup) -> Self {
        Self {
            changes: OfChanges::new(setup.base),
            setup,
            registry: rules::registry(),
            orders: Register::new(),
            statuses: Register::new(),
            jobs: HashMap::new(),
            leaves: HashMap::new(),
            stops: HashMap::new(),
            told: HashMap::new(),
            pairs: HashMap::new(),
        }
    }

    pub fn decided(&self) -> usize {
        self.leaves.len() + self.stops.len() + self.changes.decided()
    }

    /// An order on which nothing has come about.
    pub fn nothing_ordered(&mut self) -> Id {
        self.orders.note(String::new(), SanctionStatus::default)
    }

    pub fn record(&self, id: Id) -> &InformationSystemSpec {
        self.changes.record(id)
    }

    pub fn votes(&self, list: Id) -> Vec<Vote> {
        self.changes.votes(list)
    }

    /// What is between two records, worked out once.
    pub fn between(&mut self, pair: (Id, Id), work_out: impl Fn(&Self) -> u8) -> u8 {
        if let Some(known) = self.pairs.get(&pair) {
            return *known;
        }
        let found = work_out(self);
        self.pairs.insert(pair, found);
        found
    }

    /// The Decisions as the API server keeps them.
    fn facts(&self, matter: Matter, decisions: Id) -> Vec<DecisionFact> {
        let letter = name(matter);
        let fact = |(place, vote): (usize, &Vote)| {
            let about = RequestRef { kind: kind(matter), name: letter.to_owned(), uid: uid(matter) };
            let filing = vote.filing.map(|filing| format!("{letter}.{filing}"));
            let digest = self.changes.pinned(vote.digest).clone();
            DecisionFact {
                name: format!("{letter}.{place}"),
                uid: format!("{letter}.{place}"),
                at: Time::new(moment(vote.at, place)),
                order: place as u64,
                entitled: true,
                spec: facts::spec(self.setup.base.bug, about, filing, place, vote, digest),
            }
        };
        self.votes(decisions).iter().enumerate().map(fact).collect()
    }

    /// What the core says of the departure.
    pub fn leave(&mut self, question: Departing) -> Arc<Outline> {
        if let Some(known) = self.leaves.get(&question) {
            return Arc::clone(known);
        }
        let spec = self.told(question.record);
        let (seen, running) = self.look(&spec, question.site);
        let mut decisions = self.facts(Matter::Leave, question.decisions);
        let (departure, contacts) = (rules::departure(self.setup.backup), common::contacts());
        let ask = |decisions: &[DecisionFact]| {
            let facts = leaving::Facts {
                name: name(Matter::Leave),
                uid: &uid(Matter::Leave),
                generation: 1,
                organization: common::UNIT,
                departure: &departure,
                contacts: Some(&contacts),
                retry: "",
                decisions,
                system: Some(SystemFact { spec: &spec, provisioned_at: Some(Time::new(moment(0, 0))), running }),
                proposal: None,
                kept_for: None,
                world: &seen,
            };
            leaving::decide(facts, &self.registry, now(question.clock))
        };
        let mut plan = ask(&decisions);
        if self.setup.has(Bug::DigestUnchecked) {
            facts::ignore_digests(&plan.status.open_gates, &filed(&decisions), &mut decisions);
            plan = ask(&decisions);
        }
        let status = &plan.status;
        let mut outline = Outline {
            closed: status.phase == DecommissionPhase::Closed,
            filing: status.submission.as_ref().and_then(|s| facts::place(&s.uid)),
            gates: self.gates(&status.open_gates),
            whole: Some(self.statuses.note(format!("{status:?} {:?}", plan.conditions), || ())),
            ..Outline::default()
        };
        let withdrawn = decisions.iter().any(|d| d.spec.verdict == Verdict::Withdraw);
        match plan.step {
            Some(Step::Record(leaving)) => outline.record = Some(self.departs(question.record, *leaving)),
            Some(Step::Run(task)) => {
                let work = if task.work == leaving::Work::Wipe { Work::Wipe } else { Work::Backup };
                let volume = number(&task.volume.reference);
                self.jobs.insert((work, volume), task.job);
                outline.act = Some(Act::Run(work, volume));
            }
            Some(Step::Remove(volume)) => outline.act = Some(Act::Remove(number(&volume))),
            Some(Step::RemoveVolume(volume)) => outline.act = Some(Act::RemoveVolume(number(&volume))),
            // No namespace of the model was in use before.
            Some(Step::ReleaseNamespace) | None => {}
            Some(Step::DeleteNamespace) => outline.act = Some(Act::DeleteNamespace),
            Some(Step::Tidy) => outline.act = Some(Act::Tidy),
        }
        if self.setup.has(Bug::WithdrawsLate)
            && withdrawn
            && let Some(leaving) = stop::leaving(self.record(question.record)).filter(|l| l.wipe.is_some())
        {
            let lifted = Lifted { at: Time::new(now(question.clock)), decisions: Vec::new() };
            let stays = Leaving { withdrawn: Some(lifted), ..leaving.clone() };
            outline.record = Some(self.departs(question.record, stays));
        }
        let outline = Arc::new(outline);
        self.leaves.insert(question, Arc::clone(&outline));
        outline
    }

    /// The record as the core is told of it.
    fn told(&self, record: Id) -> InformationSystemSpec {
        let mut spec = self.record(record).clone();
        match self.setup.base.bug {
            Some(Bug::OrderUnread) => spec.suspensions.clear(),
            Some(Bug::ClosesAgain) => {
                let reclaims = spec.departures.iter_mut().filter_map(|leaving| leaving.reclaim.as_mut());
                reclaims.for_each(|reclaim| reclaim.closed = None);
            }
            _ => {}
        }
        spec
    }

    /// The record with what is put on it of a departure.
    fn departs(&mut self, record: Id, mut leaving: Leaving) -> Id {
        if self.setup.has(Bug::WipesWhatCame)
            && let Some(wipe) = &mut leaving.wipe
        {
            let came = |volume: &VolumeRef| !leaving.backups.iter().any(|b| b.volume == *volume);
            for volume in wipe.volumes.iter_mut().filter(|v| came(&v.volume)) {
                volume.by_hand = None;
            }
        }
        let mut spec = self.record(record).clone();
        if self.setup.has(Bug::LiftsWithDeparture) {
            spec.suspensions.iter_mut().for_each(|order| order.lifted.clone_from(&leaving.withdrawn));
        }
        match spec.departures.iter_mut().find(|known| known.submission_uid == leaving.submission_uid) {
            Some(known) => *known = leaving,
            None => spec.departures.push(leaving),
        }
        self.changes.note(spec)
    }

    /// What is to be seen, where something of the departure is on record and not over; as the controller looks.
    fn look(&self, spec: &InformationSystemSpec, site: Site) -> (Seen, Option<i64>) {
        let open = |leaving: &&Leaving| leaving.reclaim.as_ref().is_none_or(|reclaim| reclaim.closed.is_none());
        let Some(leaving) = spec.departures.last().filter(open) else { return (Seen::default(), None) };
        let there = (1..=VOLUMES).filter(|volume| site.volume == *volume);
        let volumes: Vec<Volume> = there
            .map(|v| Volume {
                reference: reference(v),
                class: rules::CLASS.to_owned(),
                capacity: 1,
                ..Volume::default()
            })
            .collect();
        let known = self.jobs.iter().filter_map(|((work, volume), name)| {
            let state = match site.jobs[Site::job(*work, *volume)] {
                Job::None => return None,
                Job::Made => JobState::Running,
                Job::Done(on) => {
                    JobState::Done(JobReport { sha256: digest::of(&format!("{work:?} {on}")), ..JobReport::default() })
                }
            };
            Some((name.clone(), state))
        });
        let wiped = leaving.wipe.iter().flat_map(|wipe| &wipe.volumes);
        let left = wiped.filter(|v| site.left & bit(number(&v.volume)) != 0);
        let seen = Seen {
            volumes,
            jobs: known.collect(),
            left: left.map(|v| (v.volume.uid.clone(), LeftBehind::ByUs)).collect(),
            namespace: match site.space {
                Space::Here => NamespaceState::Present,
                Space::Going => NamespaceState::Terminating("its pods end".to_owned()),
                Space::Gone => NamespaceState::Gone,
            },
            sealed: site.label == Label::Wiped || self.setup.has(Bug::WipesUnsealed),
            backup_claim: false,
        };
        (seen, Some(i64::from(site.runs)))
    }

    /// What the core says of the order.
    pub fn order(&mut self, question: Ordering) -> Arc<Outline> {
        if let Some(known) = self.stops.get(&question) {
            return Arc::clone(known);
        }
        let systems = [(rules::SYSTEM.to_owned(), self.record(question.record).clone())];
        let decisions = self.facts(Matter::Order, question.decisions);
        let order = rules::order();
        let facts = sanction::Facts {
            name: name(Matter::Order),
            uid: &uid(Matter::Order),
            generation: 1,
            organization: common::UNIT,
            order: &order,
            decisions: &decisions,
            status: Some(self.orders.get(question.status)),
            systems: &systems,
            notice: None,
        };
        let plan = sanction::decide(facts, &self.registry, now(question.clock));
        let [(_, mut spec)] = systems;
        spec.suspensions.extend(plan.suspends.iter().map(|(_, suspension)| suspension.clone()));
        if let Some((_, lifted)) = plan.releases.first() {
            spec.suspensions.iter_mut().for_each(|suspension| suspension.lifted = Some(lifted.clone()));
        }
        let status = &plan.status;
        let kept = SanctionStatus {
            imposed: status.imposed.clone(),
            lifted: status.lifted.clone(),
            ..SanctionStatus::default()
        };
        let nothing = kept.imposed.is_none();
        let key = if nothing { String::new() } else { format!("{kept:?}") };
        let turned = !plan.suspends.is_empty() || !plan.releases.is_empty();
        let outline = Outline {
            filing: status.submission.as_ref().and_then(|s| facts::place(&s.uid)),
            gates: self.gates(&status.open_gates),
            record: turned.then(|| self.changes.note(spec)),
            status: Some(self.orders.note(key, || kept)),
            turns: plan.turns || turned,
            whole: Some(self.statuses.note(format!("{status:?} {:?}", plan.conditions), || ())),
            ..Outline::default()
        };
        let outline = Arc::new(outline);
        self.stops.insert(question, Arc::clone(&outline));
        outline
    }

    fn gates(&mut self, open: &[OpenGate]) -> Vec<(Gate, Id)> {
        let named = open.iter().filter_map(|open| Some((Gate::named(&open.gate)?, self.changes.pin(&open.digest))));
        named.collect()
    }

    /// What comes of stopping what runs, or of starting it again, and the status that is told then: as the system's
    /// controller does it by a record, a status and the namespace as it stands.
    pub fn moved(&mut self, record: Id, before: Id, site: Site, clock: u8) -> (bool, Id) {
        let key = (record, before, site.runs, clock | (u8::from(site.label != Label::None) << 7));
        if let Some(known) = self.told.get(&key) {
            return *known;
        }
        let spec = self.record(record).clone();
        let at = now(clock);
        let stopped = self.changes.told_of(before).stop.clone();
        let labelled = site.label != Label::None;
        let (runs, stopped) = match (stop::standing(&spec), stopped) {
            _ if leaves(&spec) => (site.runs, None),
            (Some(_), before) => {
                let since = before.map_or(Time::new(at), |before| before.since);
                let running = i64::from(site.runs);
                // Its pods are deleted, and those made instead wait where the namespace says so.
                (site.runs && !labelled, Some(StopStatus { since, running, ..StopStatus::default() }))
            }
            (None, Some(before)) if !site.runs => {
                (true, Some(StopStatus { running: 0, lifting: Some(Time::new(at)), ..before }))
            }
            (None, None) if !site.runs && stop::lifted(&spec).is_some() && !self.setup.has(Bug::ForgetsGates) => {
                let since = Time::new(at);
                (true, Some(StopStatus { since, lifting: Some(since), ..StopStatus::default() }))
            }
            (None, _) => (site.runs, None),
        };
        let shown = self.status(record, &spec, stopped, at);
        self.told.insert(key, (runs, shown));
        (runs, shown)
    }

    fn status(&mut self, record: Id, spec: &InformationSystemSpec, stop: Option<StopStatus>, at: Timestamp) -> Id {
        let charged = stop::is_charged(spec) || self.setup.has(Bug::ChargesOffline);
        let status = InformationSystemStatus {
            observed_generation: self.changes.generation_of(record),
            amounts: effective::amounts_at(spec, at).unwrap_or_default().print(),
            changes_at: effective::next_moment(spec, at).map(Time::new),
            monthly_fee: effective::fee_at(spec, at).filter(|_| spec.live.is_none() || charged),
            stop,
            ..InformationSystemStatus::default()
        };
        self.changes.tell(status)
    }
}

/// Whether the namespace of a system goes, so that nothing of it is made again.
pub fn leaves(spec: &InformationSystemSpec) -> bool {
    stop::leaving(spec).is_some_and(|leaving| leaving.reclaim.is_some())
}

/// What the label of the namespace is to say.
pub fn label(spec: &InformationSystemSpec) -> Label {
    use yunguan::api::names::{STOPPED_OFFLINE, STOPPED_SUSPENDED, STOPPED_WIPED};
    match stop::label(spec) {
        Some(STOPPED_SUSPENDED) => Label::Suspended,
        Some(STOPPED_OFFLINE) => Label::Offline,
        Some(STOPPED_WIPED) => Label::Wiped,
        _ => Label::None,
    }
}

/// The digest under which the newest filing was made.
fn filed(decisions: &[DecisionFact]) -> String {
    let filed = decisions.iter().rfind(|d| d.spec.verdict == Verdict::Submit);
    filed.map(|d| d.spec.digest.clone()).unwrap_or_default()
}

fn name(matter: Matter) -> &'static str {
    match matter {
        Matter::Leave => "l",
        Matter::Order => "o",
    }
}

fn uid(matter: Matter) -> String {
    format!("{}-1", name(matter))
}

fn kind(matter: Matter) -> RequestKind {
    match matter {
        Matter::Leave => RequestKind::Decommission,
        Matter::Order => RequestKind::Sanction,
    }
}

pub fn bit(volume: u8) -> u8 {
    1 << volume
}

fn reference(volume: u8) -> VolumeRef {
    VolumeRef { claim: "data".to_owned(), uid: format!("v{volume}"), volume: format!("pv{volume}") }
}

/// Which volume is meant.
pub fn number(volume: &VolumeRef) -> u8 {
    volume.uid.strip_prefix('v').and_then(|number| number.parse().ok()).unwrap_or(0)
}

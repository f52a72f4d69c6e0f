//! The book of the changes: what the numbers in a [`World`](super::world::World) mean, and the one place that calls the
//! core. What it says of a state is kept, since it is pure.

use super::super::bugs::Bug;
use super::super::facts;
use super::super::lists::{Lists, NOTHING, Register};
use super::super::machine::Machine;
use super::super::rules::{self, Gate, Track};
use super::super::runs::LIVES;
use super::super::setup::Setup as OfRequests;
use super::super::world::{Domain, Id, Place, Stage, Status, Uid, Vote};
use super::setup::{CHANGES, SYSTEMS, Setup, ask};
use super::world::{Quota, System};
use jiff::{Timestamp, ToSpan as _};
use k8s_openapi::api::core::v1::{ResourceQuota, ResourceQuotaStatus};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use yunguan::api::cloud_domain::Reservation;
use yunguan::api::common::{RequestKind, RequestRef, Time};
use yunguan::api::decision::Verdict;
use yunguan::api::information_system::{Agreement, Grant, InformationSystemSpec, InformationSystemStatus, Live};
use yunguan::api::names::{CONDITION_COMPLETE, CONDITION_READY, CONDITION_RESOLVED, CONDITION_STALLED};
use yunguan::api::resource_change::{Change, ChangeGround, ChangeLine, ChangePhase, Window};
use yunguan::api::usage::{Evidence, Finding};
use yunguan::api::{CloudDomainSpec, CloudDomainStatus};
use yunguan::build::quota;
use yunguan::core::capacity::{self, InQuota, Reserving, Taken};
use yunguan::core::change::{Facts, Plan, decide};
use yunguan::core::digest;
use yunguan::core::effective;
use yunguan::core::quantity::{Amount, Amounts};
use yunguan::core::quota::Countable;
use yunguan::core::registry::Registry;
use yunguan::core::request::SystemFact;
use yunguan::core::workflow::DecisionFact;

/// What a state of a change is decided by.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Question {
    pub slot: u8,
    pub content: u8,
    pub decisions: Id,
    pub record: Id,
    pub clock: u8,
}

/// What the model needs of a plan.
#[derive(Clone, Debug)]
pub struct Outline {
    pub phase: ChangePhase,
    /// What Ready says: the reason in one word, and the message.
    pub reason: String,
    pub message: String,
    /// Whether nothing can go on before somebody mends something.
    pub stalled: bool,
    pub track: Option<Track>,
    /// Whether something is missing or wrong in the text.
    pub faulty: bool,
    pub filing: Option<Place>,
    /// Open gates with the digest shown.
    pub gates: Vec<(Gate, Id)>,
    /// Decisions that count, the filing aside.
    pub counted: Vec<Place>,
    pub confirmed: Option<u8>,
    pub committed: bool,
    /// The grant to put on record.
    pub grant: Option<Id>,
    /// The record with it, or with the signatures.
    pub record: Option<Id>,
    /// The whole status with its conditions.
    pub whole: Id,
}

impl Outline {
    /// The status that it is shown as.
    pub fn status(&self) -> Status {
        let stage = match self.phase {
            ChangePhase::InReview => Stage::InReview,
            ChangePhase::Approved => Stage::Approved,
            _ => Stage::Other,
        };
        Status { committed: self.committed, shown: self.filing, stage }
    }
}

/// A grant that the core made of a change, as room is asked for it.
pub struct Granted {
    pub slot: u8,
    pub filing: Place,
    pub reservation: Reservation,
}

/// What came of asking for room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Room {
    Held,
    /// Look again later.
    Later,
    Short,
    Reserved(Domain),
}

pub struct Book {
    setup: Setup,
    registry: Registry,
    lists: Lists,
    digests: Register<String>,
    statuses: Register<()>,
    grants: Register<Granted>,
    records: Register<InformationSystemSpec>,
    shown: Register<InformationSystemStatus>,
    outlines: HashMap<Question, Arc<Outline>>,
    rooms: HashMap<(Domain, [System; SYSTEMS], Id, u8), Room>,
    kept: HashMap<(Id, Quota, u8), (u8, Id)>,
    first: [System; SYSTEMS],
}

impl Book {
    pub fn new(setup: Setup) -> Self {
        Self {
            setup,
            registry: rules::registry(false),
            lists: Lists::new(),
            digests: Register::new(),
            statuses: Register::new(),
            grants: Register::new(),
            records: Register::new(),
            shown: Register::new(),
            outlines: HashMap::new(),
            rooms: HashMap::new(),
            kept: HashMap::new(),
            first: [System { record: NOTHING, shown: NOTHING }; SYSTEMS],
        }
    }

    /// How often the core was asked to decide; every other answer was known.
    pub fn decided(&self) -> usize {
        self.outlines.len()
    }

    /// The systems that the changes are about: live ones, as the machine of the requests has opened them.
    pub fn begin(&mut self) -> [(System, Quota); SYSTEMS] {
        let contents = [[Some(0), None], [None, Some(1)]];
        let begun = contents.map(|contents| {
            let opens = OfRequests { contents, decisions: [2, 2], before: [2, 2], ..LIVES };
            let mut spec = Machine::new(opens).records().pop().unwrap_or_default();
            spec.live = Some(Live { from: Time::new(moment(0, 0)), decisions: Vec::new() });
            let record = self.note(spec);
            let (hard, shown) = self.keep(record, Quota { hard: 0, used: 0 }, 0);
            (System { record, shown }, Quota { hard, used: 0 })
        });
        self.first = begun.map(|(system, _)| system);
        begun
    }

    /// The systems as they were when the run began.
    pub fn first(&self) -> [System; SYSTEMS] {
        self.first
    }

    /// A list with one decision more.
    pub fn append(&mut self, before: Id, vote: Vote) -> Id {
        self.lists.append(before, vote)
    }

    pub fn length(&self, list: Id) -> u8 {
        self.lists.length(list)
    }

    /// The decisions of a list, oldest first.
    pub fn votes(&self, list: Id) -> Vec<Vote> {
        self.lists.votes(list)
    }

    /// The list as it was before each of its decisions, and as it is; the longest first.
    pub fn earlier(&self, list: Id) -> Vec<Id> {
        self.lists.earlier(list)
    }

    pub fn grant(&self, id: Id) -> &Granted {
        self.grants.get(id)
    }

    pub fn record(&self, id: Id) -> &InformationSystemSpec {
        self.records.get(id)
    }

    /// What a status that is told of a system says.
    pub fn told_of(&self, shown: Id) -> &InformationSystemStatus {
        self.shown.get(shown)
    }

    /// A status of a system by number.
    pub fn tell(&mut self, status: InformationSystemStatus) -> Id {
        self.shown.note(format!("{status:?}"), || status)
    }

    /// The generation of a record.
    pub fn generation_of(&self, record: Id) -> Option<i64> {
        generation(self.record(record))
    }

    /// A digest by number, and back.
    pub fn pin(&mut self, digest: &str) -> Id {
        self.digests.note(digest.to_owned(), || digest.to_owned())
    }

    pub fn pinned(&self, id: Id) -> &String {
        self.digests.get(id)
    }

    pub fn note(&mut self, spec: InformationSystemSpec) -> Id {
        self.records.note(serde_json::to_string(&spec).unwrap_or_default(), || spec)
    }

    /// A record that somebody has written, with what another one had more than they knew of: an unguarded write.
    pub fn graft(&mut self, record: Id, onto: Id) -> Id {
        let mut spec = self.record(onto).clone();
        spec.grants.extend(self.record(record).grants.last().cloned());
        self.note(spec)
    }

    /// What the core decides.
    pub fn outline(&mut self, question: Question) -> Arc<Outline> {
        if let Some(known) = self.outlines.get(&question) {
            return Arc::clone(known);
        }
        let decisions = self.facts(question);
        let plan = self.decide(question, decisions);
        let outline = Arc::new(self.read(question, &plan));
        self.outlines.insert(question, Arc::clone(&outline));
        outline
    }

    /// The Decisions as the API server keeps them.
    fn facts(&self, question: Question) -> Vec<DecisionFact> {
        let slot = question.slot;
        let fact = |(place, vote): (usize, &Vote)| {
            let uid = format!("c{slot}.{place}");
            let about = RequestRef { kind: RequestKind::ResourceChange, name: name(slot), uid: uid_of(slot) };
            let filing = vote.filing.map(|filing| format!("c{slot}.{filing}"));
            let digest = self.digests.get(vote.digest).clone();
            DecisionFact {
                name: uid.clone(),
                uid,
                at: Time::new(moment(vote.at, place)),
                order: place as u64,
                entitled: true,
                spec: facts::spec(self.setup.bug, about, filing, place, vote, digest),
            }
        };
        self.votes(question.decisions).iter().enumerate().map(fact).collect()
    }

    /// Asks the core; a bug in it rewrites what it is told.
    fn decide(&self, question: Question, mut decisions: Vec<DecisionFact>) -> Plan {
        let Question { slot, content, clock, .. } = question;
        let change = change(slot, content);
        let (name, uid) = (name(slot), uid_of(slot));
        let spec = self.told(question);
        // Use is no question here: a unit may ask for more.
        let usage = Evidence { finding: Finding::Eligible, ..Evidence::default() };
        let contacts = rules::contacts();
        let ask = |decisions: &[DecisionFact]| {
            let facts = Facts {
                name: &name,
                uid: &uid,
                generation: 1,
                organization: rules::UNIT,
                change: &change,
                contacts: Some(&contacts),
                decisions,
                system: Some(SystemFact { spec: &spec, provisioned_at: Some(Time::new(moment(0, 0))) }),
                evidence: None,
                usage: &usage,
                proposal: None,
                ground_gone: None,
                grants_stopped: None,
                domain: None,
            };
            decide(&facts, &self.registry, now(clock))
        };
        let mut plan = ask(&decisions);
        if self.setup.has(Bug::DigestUnchecked) {
            for _ in 0..decisions.len() {
                // What a draft shows is what a filing of the text as it stands would pin.
                let drafted = ask(&[]).status.open_gates.pop().map(|gate| gate.digest).unwrap_or_default();
                facts::ignore_digests(&plan.status.open_gates, &drafted, &mut decisions);
                plan = ask(&decisions);
            }
        }
        plan
    }

    /// The record as the core is told of it.
    fn told(&self, question: Question) -> InformationSystemSpec {
        let mut spec = self.record(question.record).clone();
        let own = |g: &Grant| g.request.name == name(question.slot);
        match self.setup.bug {
            Some(Bug::BasisUnchecked) => {
                let votes = self.votes(question.decisions);
                let filed = votes.iter().rev().find(|vote| vote.verdict == Verdict::Submit);
                if let Some(filed) = filed.filter(|_| !spec.grants.iter().any(own)) {
                    spec = self.record(filed.saw.record).clone();
                }
            }
            Some(Bug::GrantsLeaving) => spec.departures.clear(),
            Some(Bug::Redelivered) => spec.grants.retain(|g| !own(g)),
            Some(Bug::ForgetsBefore) if !spec.grants.iter().any(own) => {
                let newest = effective::newest(&spec).map(|g| g.submission_uid.clone());
                spec.grants.retain(|g| Some(&g.submission_uid) == newest.as_ref());
            }
            _ => {}
        }
        spec
    }

    fn read(&mut self, question: Question, plan: &Plan) -> Outline {
        let status = &plan.status;
        let holds =
            |type_: &str, holds: bool| plan.conditions.iter().any(|c| c.type_ == type_ && c.holds == Some(holds));
        let ready = plan.conditions.iter().find(|c| c.type_ == CONDITION_READY);
        let whole = format!("{status:?} {:?}", plan.conditions);
        let grant = plan.grant.as_ref().map(|grant| {
            let reservation = Reservation {
                namespace: "yg-health".to_owned(),
                request: grant.request.clone(),
                submission_uid: grant.submission_uid.clone(),
                digest: grant.digest.clone(),
                amounts: plan.takes.print(),
                from: Some(grant.effective_from),
                until: grant.term.as_ref().and_then(|term| term.until),
                ends: Vec::new(),
            };
            let granted = Granted {
                slot: question.slot,
                filing: facts::place(&grant.submission_uid).unwrap_or(u8::MAX),
                reservation,
            };
            self.grants.note(format!("{grant:?} {:?}", plan.takes), || granted)
        });
        let mut spec = self.record(question.record).clone();
        spec.grants.extend(plan.grant.clone());
        spec.agreements.extend(plan.agreement.clone());
        if self.setup.has(Bug::ChargesEarly) {
            let early = |grant: &Grant| Agreement {
                submission_uid: grant.submission_uid.clone(),
                live: Live { from: grant.effective_from, decisions: Vec::new() },
            };
            spec.agreements.extend(plan.grant.as_ref().map(early));
        }
        let record = (plan.grant.is_some() || plan.agreement.is_some()).then(|| self.note(spec));
        Outline {
            phase: status.phase,
            reason: ready.map(|c| c.reason.clone()).unwrap_or_default(),
            message: ready.map(|c| c.message.clone()).unwrap_or_default(),
            stalled: holds(CONDITION_STALLED, true),
            track: status.track.as_deref().map(track_named),
            faulty: holds(CONDITION_COMPLETE, false) || holds(CONDITION_RESOLVED, false),
            filing: status.submission.as_ref().and_then(|s| facts::place(&s.uid)),
            gates: status
                .open_gates
                .iter()
                .filter_map(|open| {
                    let digest = open.digest.clone();
                    Some((Gate::named(&open.gate)?, self.digests.note(digest.clone(), || digest)))
                })
                .collect(),
            counted: facts::places(&status.decisions),
            confirmed: status.lines.first().and_then(|l| l.confirmed).and_then(|units| u8::try_from(units).ok()),
            committed: status.committed,
            grant,
            record,
            whole: self.statuses.note(whole, || ()),
        }
    }

    /// The room that the grants of a record take.
    pub fn takes(&self, record: Id) -> Vec<Taken> {
        let mut spec = self.record(record).clone();
        if self.setup.has(Bug::FreesEarly) {
            let reclaims = spec.departures.iter_mut().filter_map(|leaving| leaving.reclaim.as_mut());
            reclaims.for_each(|reclaim| reclaim.closed = Some(reclaim.at));
        }
        Taken::by_grants(&spec).unwrap_or_default()
    }

    /// What takes room, as a cache knows: grants, and what systems still have in their quotas beyond those.
    fn taken(&self, seen: &[System; SYSTEMS], at: Timestamp) -> Vec<Taken> {
        let mut all = Vec::new();
        for system in seen {
            let grants = self.takes(system.record);
            let mut shown = self.shown.get(system.shown).clone();
            let mut generation = generation(self.record(system.record));
            if self.setup.has(Bug::TrustsOldStatus) {
                (shown.changes_at, generation) = (None, shown.observed_generation);
            }
            let in_quota = InQuota::told(&shown, generation).unwrap_or_default();
            let beyond = Taken::beyond(&grants, &in_quota, at);
            all.extend(grants);
            all.extend(beyond.filter(|_| !self.setup.has(Bug::FreesWhatIsUsed)));
        }
        if self.setup.has(Bug::LooksAtNowAlone) {
            for one in all.iter_mut().filter(|one| !one.span.contains(at)) {
                one.amounts = Amounts::default();
            }
        }
        all
    }

    /// Asks the core for room.
    pub fn room(&mut self, domain: Domain, seen: [System; SYSTEMS], wanted: Id, clock: u8) -> Room {
        let key = (domain, seen, wanted, clock);
        if let Some(room) = self.rooms.get(&key) {
            return *room;
        }
        let mut status = self.status_of(&domain);
        let taken = self.taken(&seen, now(clock));
        let mut reservation = self.grant(wanted).reservation.clone();
        match self.setup.bug {
            Some(Bug::StaleIsFree) => status.grants_committed = 0,
            Some(Bug::ForgetsReservation) => reservation.submission_uid.push_str(" again"),
            _ => {}
        }
        let spec = self.domain(domain.large);
        let room = match capacity::reserve(rules::DOMAIN, &spec, &status, &taken, reservation, now(clock)) {
            Ok(Reserving::Held) => Room::Held,
            Ok(Reserving::Short(_)) => Room::Short,
            Ok(Reserving::Stale | Reserving::Busy) | Err(_) => Room::Later,
            Ok(Reserving::Reserved(next)) => {
                let kept = domain.reserved().filter(|id| self.stands_in(*id, &next));
                let finished = next.grants_committed - status.grants_committed;
                let committed = domain.committed + u8::try_from(finished).unwrap_or(0);
                Room::Reserved(domain.with(kept.chain([wanted]), committed))
            }
        };
        self.rooms.insert(key, room);
        room
    }

    fn domain(&self, large: bool) -> CloudDomainSpec {
        rules::domain_of(self.setup.grantable(large).into())
    }

    /// The domain without the reservations that have become grants, as the core has it.
    pub fn settled(&self, domain: &Domain, known: &[System; SYSTEMS]) -> Domain {
        let grants = known.iter().flat_map(|s| Taken::by_grants(self.record(s.record)).unwrap_or_default());
        let next = capacity::settled(&self.status_of(domain), &grants.collect::<Vec<_>>());
        let kept: Vec<Id> = domain.reserved().filter(|id| self.stands_in(*id, &next)).collect();
        domain.with(kept, u8::try_from(next.grants_committed).unwrap_or(u8::MAX))
    }

    fn stands_in(&self, id: Id, status: &CloudDomainStatus) -> bool {
        let submission = &self.grant(id).reservation.submission_uid;
        status.reservations.iter().any(|r| r.submission_uid == *submission)
    }

    fn status_of(&self, domain: &Domain) -> CloudDomainStatus {
        CloudDomainStatus {
            reservations: domain.reserved().map(|id| self.grant(id).reservation.clone()).collect(),
            grants_committed: domain.committed.into(),
            ..CloudDomainStatus::default()
        }
    }

    /// The record as the controller of systems reads it.
    fn effective(&self, record: Id) -> InformationSystemSpec {
        let mut spec = self.record(record).clone();
        if self.setup.has(Bug::NeverEnds) {
            for term in spec.grants.iter_mut().filter_map(|g| g.term.as_mut()) {
                term.until = None;
            }
        }
        spec
    }

    /// Units that the core lets a system have at a moment.
    pub fn units_at(&self, record: Id, at: Timestamp) -> i64 {
        effective::amounts_at(&self.effective(record), at).map_or(-1, |amounts| units_of(&amounts))
    }

    /// The quota that a system's controller writes, and the status that goes with it.
    pub fn keep(&mut self, record: Id, quota: Quota, clock: u8) -> (u8, Id) {
        if let Some(known) = self.kept.get(&(record, quota, clock)) {
            return *known;
        }
        let spec = self.effective(record);
        // It sleeps when the window ends.
        let at = now(if self.setup.has(Bug::SleepsThroughEnd) { clock.min(1) } else { clock });
        let amounts = effective::amounts_at(&spec, at).unwrap_or_default();
        let most = effective::most_until(&spec, at).unwrap_or_default();
        let domains = [(rules::DOMAIN.to_owned(), self.domain(false))].into();
        let registry = Registry { domains, ..Registry::default() };
        let countable = Countable::of(&registry, rules::DOMAIN);
        let of = |amounts: &Amounts, used: u8| ResourceQuota {
            spec: Some(quota::quota(amounts, &Amounts::default(), &countable)),
            status: Some(ResourceQuotaStatus {
                used: quota::quota(&units(used), &Amounts::default(), &countable).hard,
                ..ResourceQuotaStatus::default()
            }),
            ..ResourceQuota::default()
        };
        let (mut wanted, standing) = (of(&amounts, 0), of(&units(quota.hard), quota.used));
        let lowers = quota::lowers(&wanted, &standing) && !self.setup.has(Bug::CutsUse);
        let held = if lowers { quota::hold(&mut wanted, &standing, &most) } else { Amounts::default() };
        let status = InformationSystemStatus {
            observed_generation: generation(&spec),
            amounts: amounts.print(),
            held: held.print(),
            changes_at: effective::next_moment(&spec, at).map(Time::new),
            ..InformationSystemStatus::default()
        };
        let hard = wanted.spec.and_then(|s| s.hard?.get(rules::CPU)?.0.parse().ok()).unwrap_or(u8::MAX);
        let shown = self.shown.note(format!("{status:?}"), || status);
        self.kept.insert((record, quota, clock), (hard, shown));
        (hard, shown)
    }
}

/// The generation of a record: every write changes it.
fn generation(spec: &InformationSystemSpec) -> Option<i64> {
    let written = i64::try_from(spec.grants.len() + spec.agreements.len()).ok()?;
    if spec.departures.is_empty() && spec.suspensions.is_empty() {
        return Some(written);
    }
    let mut hasher = DefaultHasher::new();
    format!("{:?} {:?}", spec.departures, spec.suspensions).hash(&mut hasher);
    i64::try_from(hasher.finish() >> 2).ok().map(|hash| written + hash)
}

fn units(units: u8) -> Amounts {
    Amounts::from_iter([(rules::CPU.to_owned(), Amount::units(units.into()))])
}

pub fn units_of(amounts: &Amounts) -> i64 {
    i64::try_from(amounts.get(rules::CPU).thousandths() / 1000).unwrap_or(-1)
}

/// What a change says.
pub fn change(slot: u8, content: u8) -> Change {
    let asks = ask(slot, content);
    let line = ChangeLine { name: rules::line(), quantity: asks.units.into(), ..ChangeLine::default() };
    Change {
        unit_name: rules::UNIT_ZH.to_owned(),
        system: format!("s{}", asks.system),
        ground: if asks.window { ChangeGround::ForeseeablePeak } else { ChangeGround::Adjustment },
        reason: "业务变化".to_owned(),
        lines: vec![line],
        window: asks.window.then(|| Window { from: Time::new(boundary(1)), until: Time::new(boundary(2)) }),
        ..Change::default()
    }
}

/// The moment from which a tick of the clock lasts.
pub fn boundary(tick: u8) -> Timestamp {
    let start = super::super::book::moment(0).checked_add((24 * (1 + 7 * i64::from(tick))).hours());
    start.unwrap_or_default()
}

/// The moment at which an operator looks.
pub fn now(tick: u8) -> Timestamp {
    boundary(tick).checked_add(30.seconds()).unwrap_or_default()
}

/// The moment of a decision by its tick and its place. Two and two are made within one second.
pub fn moment(tick: u8, place: usize) -> Timestamp {
    let seconds = 1 + i64::try_from(place / 2).unwrap_or(0);
    boundary(tick).checked_add(seconds.seconds()).unwrap_or_default()
}

pub fn name(slot: u8) -> String {
    format!("c{slot}")
}

fn uid_of(slot: u8) -> String {
    format!("c{slot}-1")
}

/// The uid of a change as a vote names it.
pub fn subject(slot: u8) -> Uid {
    Uid { slot, incarnation: 1 }
}

/// The place of the change that a grant came of; nothing where it came of a request.
pub fn slot_of(grant: &Grant) -> Option<u8> {
    let slot = grant.request.name.strip_prefix('c')?.parse().ok()?;
    (usize::from(slot) < CHANGES).then_some(slot)
}

/// One of the two tracks that changes take.
pub fn track_named(name: &str) -> Track {
    if name == Track::Full.name() { Track::Full } else { Track::Light }
}

/// The digest of a change, for whoever must tell texts apart.
pub fn content_of(grant: &Grant, slot: u8) -> Option<u8> {
    rules::CONTENTS.into_iter().find(|content| digest::of(&change(slot, *content)) == grant.application_digest)
}

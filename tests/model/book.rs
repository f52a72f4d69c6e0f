//! The book in which the model looks up what its numbers mean, and the one place that calls the core: what
//! `core::request::decide` and `core::capacity::reserve` say of a state is kept, since both are pure.

use super::bugs::Bug;
use super::facts;
use super::lists::{Lists, Register};
use super::rules::{self, Gate};
use super::setup::Setup;
use super::world::{Domain, Id, Place, Stage, Status, System, Uid, Vote};
use jiff::{Timestamp, ToSpan as _};
use std::collections::HashMap;
use std::sync::Arc;
use yunguan::api::CloudDomainStatus;
use yunguan::api::cloud_domain::Reservation;
use yunguan::api::cloud_resource_request::{CloudResourceRequestStatus, Phase};
use yunguan::api::common::{RequestKind, RequestRef, Time};
use yunguan::api::decision::DecisionSpec;
use yunguan::api::information_system::{InformationSystemSpec, Live};
use yunguan::core::capacity::{self, Reserving, Taken};
use yunguan::core::digest;
use yunguan::core::effective::Span;
use yunguan::core::registry::Registry;
use yunguan::core::request::{Facts, Plan, Rival, SystemFact, decide};
use yunguan::core::workflow::DecisionFact;

/// What a state is decided by.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Question {
    pub slot: u8,
    pub incarnation: u8,
    pub content: u8,
    pub decisions: Id,
    pub system: Option<System>,
    /// The filing of the other request for the same code, where its status shows that it is being decided.
    pub rival: Option<Place>,
}

/// What the model needs of a plan.
#[derive(Clone, Debug)]
pub struct Outline {
    pub phase: Phase,
    /// Why nothing can go on, in one word.
    pub stalled: Option<String>,
    pub subject: Option<Uid>,
    pub filing: Option<Place>,
    /// Open gates with the digest shown.
    pub gates: Vec<(Gate, Id)>,
    /// Decisions that count, the filing aside.
    pub counted: Vec<Place>,
    pub confirmed: Option<u8>,
    pub committed: bool,
    pub grant: Option<Id>,
    pub live: Option<Id>,
    /// The whole status with its conditions.
    pub whole: Id,
}

impl Outline {
    /// The status that it is shown as.
    pub fn status(&self) -> Status {
        let stage = match self.phase {
            Phase::InReview => Stage::InReview,
            Phase::Approved => Stage::Approved,
            _ => Stage::Other,
        };
        Status { committed: self.committed, shown: self.filing, stage }
    }
}

/// A grant, as the core made it.
pub struct Granted {
    pub system: InformationSystemSpec,
    pub taken: Taken,
    pub reservation: Reservation,
    pub request: Uid,
    pub content: u8,
    pub filing: Place,
    pub decisions: Vec<Place>,
    /// Units, by the line and by the amounts.
    pub units: [i64; 2],
}

/// A going live, as the core made it.
pub struct Charged {
    pub live: Live,
    pub decisions: Vec<Place>,
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
    lives: Register<Charged>,
    outlines: HashMap<Question, Arc<Outline>>,
    rooms: HashMap<(Domain, Vec<Id>, Id), Room>,
}

impl Book {
    pub fn new(setup: Setup) -> Self {
        Self {
            setup,
            registry: rules::registry(setup.has(Bug::MembersUnchecked)),
            lists: Lists::new(),
            digests: Register::new(),
            statuses: Register::new(),
            grants: Register::new(),
            lives: Register::new(),
            outlines: HashMap::new(),
            rooms: HashMap::new(),
        }
    }

    /// How often the core was asked to decide; every other answer was known.
    pub fn decided(&self) -> usize {
        self.outlines.len()
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

    pub fn live(&self, id: Id) -> &Charged {
        self.lives.get(id)
    }

    pub fn digest(&mut self, digest: &str) -> Id {
        self.digests.note(digest.to_owned(), || digest.to_owned())
    }

    /// A going live that no decision stands behind.
    pub fn forged_live(&mut self) -> Id {
        let live = Live { from: Time::new(moment(0)), decisions: Vec::new() };
        self.lives.note("forged".to_owned(), || Charged { live, decisions: Vec::new() })
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

    /// The Decisions as the API server keeps them. Two and two are made within one second.
    fn facts(&self, question: Question) -> Vec<DecisionFact> {
        let fact = |(place, vote): (usize, &Vote)| DecisionFact {
            name: format!("d{}.{place}", question.slot),
            uid: format!("d{}.{place}", question.slot),
            at: Time::new(moment(place)),
            order: place as u64,
            entitled: true,
            spec: self.spec(question.slot, place, vote),
        };
        self.votes(question.decisions).iter().enumerate().map(fact).collect()
    }

    fn spec(&self, slot: u8, place: usize, vote: &Vote) -> DecisionSpec {
        let about =
            RequestRef { kind: RequestKind::CloudResourceRequest, name: format!("r{slot}"), uid: uid(vote.request) };
        let filing = vote.filing.map(|filing| format!("d{slot}.{filing}"));
        facts::spec(self.setup.bug, about, filing, place, vote, self.digests.get(vote.digest).clone())
    }

    /// Asks the core; a bug in it rewrites what it is told until nothing is left to refuse.
    fn decide(&self, question: Question, mut decisions: Vec<DecisionFact>) -> Plan {
        let application = rules::application(self.setup.track, self.setup.code(question.slot), question.content);
        let spec = question.system.map(|system| {
            let live = system.live.map(|live| self.lives.get(live).live.clone());
            InformationSystemSpec { live, ..self.grants.get(system.grant).system.clone() }
        });
        let (name, own) =
            (format!("r{}", question.slot), Uid { slot: question.slot, incarnation: question.incarnation });
        let name = match &spec {
            Some(spec) if self.setup.has(Bug::AdoptsAnyName) => spec.request.name.clone(),
            _ => name,
        };
        let own = uid(own);
        let other = 1 - question.slot;
        let (rival_name, filing) = (format!("r{other}"), question.rival.map(|place| format!("d{other}.{place}")));
        let rivals: Vec<Rival<'_>> = question
            .rival
            .zip(filing.as_deref())
            .map(|(place, submission_uid)| Rival {
                name: &rival_name,
                filed: Time::new(moment(place.into())),
                submission_uid,
            })
            .into_iter()
            .collect();
        let contacts = rules::contacts();
        let ask = |decisions: &[DecisionFact]| {
            let facts = Facts {
                name: &name,
                uid: &own,
                generation: 1,
                organization: rules::UNIT,
                application: &application,
                contacts: Some(&contacts),
                decisions,
                system: spec.as_ref().map(|spec| SystemFact {
                    spec,
                    provisioned_at: question.system.filter(|s| s.provisioned).map(|_| Time::new(moment(0))),
                }),
                rivals: &rivals,
                grants_stopped: None,
                domain: None,
                seen: None,
            };
            decide(&facts, &self.registry, moment(100))
        };
        let mut plan = ask(&decisions);
        for _ in 0..decisions.len() {
            let told = decisions.clone();
            match self.setup.bug {
                Some(Bug::DigestUnchecked) => {
                    let pinned =
                        digest::of_submission(RequestKind::CloudResourceRequest, &own, &application, rules::POLICY_UID);
                    facts::ignore_digests(&plan.status.open_gates, &pinned, &mut decisions);
                }
                Some(Bug::RoundUnchecked) => self.ignore_rounds(question, &plan.status, &mut decisions),
                _ => {}
            }
            if told == decisions {
                break;
            }
            plan = ask(&decisions);
        }
        plan
    }

    /// Decisions on another filing of the same text are told to be on this one.
    fn ignore_rounds(&self, question: Question, status: &CloudResourceRequestStatus, decisions: &mut [DecisionFact]) {
        let Some(standing) = &status.submission else { return };
        for (decision, vote) in decisions.iter_mut().zip(self.votes(question.decisions)) {
            let gate = status.open_gates.iter().find(|g| g.gate == decision.spec.gate);
            if let Some(gate) = gate.filter(|_| vote.filing.is_some() && vote.saw.content == question.content) {
                decision.spec.submission_uid = Some(standing.uid.clone());
                decision.spec.digest.clone_from(&gate.digest);
            }
        }
    }

    fn read(&mut self, question: Question, plan: &Plan) -> Outline {
        let status = &plan.status;
        let stalled = plan.conditions.iter().find(|c| c.type_ == "Stalled" && c.holds == Some(true));
        let whole = format!("{status:?} {:?}", plan.conditions);
        let grant = match (&plan.grant, &plan.system) {
            (Some(grant), Some(system)) => {
                let reservation = Reservation {
                    namespace: "yg-health".to_owned(),
                    request: grant.request.clone(),
                    submission_uid: grant.submission_uid.clone(),
                    digest: grant.digest.clone(),
                    amounts: grant.amounts.clone(),
                    ..Reservation::default()
                };
                let amount = grant.amounts.get(rules::CPU).and_then(|q| q.0.parse().ok()).unwrap_or(-1);
                let granted = Granted {
                    request: Uid { slot: question.slot, incarnation: question.incarnation },
                    content: question.content,
                    filing: facts::place(&grant.submission_uid).unwrap_or(u8::MAX),
                    decisions: facts::places(&grant.decisions),
                    units: [grant.lines.first().map_or(-1, |l| l.quantity), amount],
                    taken: Taken {
                        submission_uid: Some(grant.submission_uid.clone()),
                        amounts: yunguan::core::quantity::Amounts::parse(&grant.amounts).unwrap_or_default(),
                        span: Span::ALWAYS,
                    },
                    reservation,
                    system: system.clone(),
                };
                Some(self.grants.note(format!("{system:?}"), || granted))
            }
            _ => None,
        };
        let live = plan.live.clone().map(|live| {
            let decisions = facts::places(&live.decisions);
            self.lives.note(format!("{live:?}"), || Charged { live, decisions })
        });
        Outline {
            phase: status.phase,
            stalled: stalled.map(|s| s.reason.clone()),
            subject: status.subject_uid.as_deref().and_then(uid_of),
            filing: status.submission.as_ref().and_then(|s| facts::place(&s.uid)),
            gates: status
                .open_gates
                .iter()
                .filter_map(|open| Some((Gate::named(&open.gate)?, self.digest(&open.digest))))
                .collect(),
            counted: facts::places(&status.decisions),
            confirmed: status.lines.first().and_then(|l| l.confirmed).and_then(|units| u8::try_from(units).ok()),
            committed: status.committed,
            grant,
            live,
            whole: self.statuses.note(whole, || ()),
        }
    }

    /// Asks the core for room.
    pub fn room(&mut self, domain: Domain, known: &[System], wanted: Id) -> Room {
        let known: Vec<Id> = known.iter().map(|s| s.grant).collect();
        let key = (domain, known, wanted);
        if let Some(room) = self.rooms.get(&key) {
            return *room;
        }
        let (_, known, _) = &key;
        let mut status = self.status_of(&domain);
        let mut taken: Vec<Taken> = known.iter().map(|id| self.grant(*id).taken.clone()).collect();
        let mut reservation = self.grant(wanted).reservation.clone();
        match self.setup.bug {
            Some(Bug::StaleIsFree) => status.grants_committed = 0,
            Some(Bug::ReservesAgain) => {
                for grant in taken.iter_mut().filter(|t| t.submission_uid.as_ref() == Some(&reservation.submission_uid))
                {
                    grant.submission_uid = Some("another's".to_owned());
                }
            }
            Some(Bug::ForgetsReservation) => reservation.submission_uid.push_str(" again"),
            _ => {}
        }
        let answer = capacity::reserve(
            rules::DOMAIN,
            &rules::domain(domain.large),
            &status,
            &taken,
            reservation,
            Timestamp::UNIX_EPOCH,
        );
        let room = match answer {
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

    /// The domain without the reservations that have become grants, as the core has it.
    pub fn settled(&self, domain: &Domain, known: &[System]) -> Domain {
        let status = self.status_of(domain);
        let taken: Vec<Taken> = known.iter().map(|s| self.grant(s.grant).taken.clone()).collect();
        let next = capacity::settled(&status, &taken);
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
}

/// The moment of a decision by its place.
pub fn moment(place: usize) -> Timestamp {
    let start: Timestamp = Timestamp::from_second(1_795_000_000).unwrap_or_default();
    start.checked_add(i64::try_from(place / 2).unwrap_or(0).seconds()).unwrap_or(start)
}

pub fn uid(uid: Uid) -> String {
    format!("r{}-{}", uid.slot, uid.incarnation)
}

fn uid_of(text: &str) -> Option<Uid> {
    let (slot, incarnation) = text.strip_prefix('r')?.split_once('-')?;
    Some(Uid { slot: slot.parse().ok()?, incarnation: incarnation.parse().ok()? })
}

impl Vote {
    /// Whether the person may act in the role, by the model's own table.
    pub fn is_rightful(&self) -> bool {
        self.who.holds(self.role) && self.gate.role() == self.role
    }
}

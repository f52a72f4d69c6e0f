//! What becomes of a Decommission (article 23): decided upon by the same engine as the other requests, and carried out step by
//! step from what is on record and what is seen of the system's volumes. One step follows at a time, each is on record before
//! what it does, and nothing is wiped before the unit has confirmed that very backup.

mod parts;
mod report;
mod steps;
#[cfg(test)]
mod tests;

use super::completeness;
use super::digest;
use super::proposal;
use super::registry::{Named, Registry};
use super::round::{
    Judged, Matter, OnRecord, Particulars, Round, Statement, running_judged_by, running_under, unsound,
};
use super::stop;
use super::text::{Text, brief};
use super::workflow::{self, Bound, DecisionFact, Walk};
use crate::api::bounds;
use crate::api::cloud_resource_request::{Contacts, CountedDecision};
use crate::api::common::{RequestKind, Time};
use crate::api::decommission::{
    BackupMode, DecommissionStatus, Departure, Holding, JobReport, Leaving, LeavingRules, VolumeRef,
};
use crate::api::governance_policy::{Applies, Effect, Track};
use crate::api::rightsizing_proposal::Action;
use crate::api::service_product::{BackupTarget, Fulfilment, JobTemplate};
use crate::api::{GovernancePolicySpec, InformationSystemSpec, OrganizationSpec, RightsizingProposalSpec};
use jiff::Timestamp;
use serde_json::json;
use std::collections::BTreeMap;

/// What was observed about one departure.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Name of the decommission.
    pub name: &'a str,
    /// Its uid.
    pub uid: &'a str,
    /// Its generation.
    pub generation: i64,
    /// The Organization in whose home namespace it lies.
    pub organization: &'a str,
    /// The material part.
    pub departure: &'a Departure,
    /// The leads of the form.
    pub contacts: Option<&'a Contacts>,
    /// Changes where what failed is to be tried again.
    pub retry: &'a str,
    /// All decisions in the namespace that name it, each with whether the person holds the verb.
    pub decisions: &'a [DecisionFact],
    /// The system that it is about.
    pub system: Option<SystemFact<'a>>,
    /// The proposal that it says it takes up, as it stands in the namespace.
    pub proposal: Option<(&'a str, &'a RightsizingProposalSpec)>,
    /// The system that was migrated from this one, as long as this one is kept for it as a way back (article 21).
    pub kept_for: Option<KeptFor<'a>>,
    /// What is seen of its volumes and of what works on them.
    pub world: &'a World,
}

/// The system for which another one is kept as a way back.
#[derive(Clone, Copy, Debug)]
pub struct KeptFor<'a> {
    /// Its name.
    pub system: &'a str,
    /// Until when; without an end while it is not live.
    pub until: Option<Time>,
    /// The article that says so.
    pub article: &'a str,
}

/// An InformationSystem as it was observed.
#[derive(Clone, Copy, Debug)]
pub struct SystemFact<'a> {
    /// What is on record.
    pub spec: &'a InformationSystemSpec,
    /// When its resources were open for the first time.
    pub provisioned_at: Option<Time>,
    /// How many pods still run, once it is stopped.
    pub running: Option<i64>,
}

/// What is seen of a system's volumes and of what works on them; empty as long as nothing is on record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    /// Its volumes, but for the one that backups go to.
    pub volumes: Vec<Volume>,
    /// Jobs of the operator, by name.
    pub jobs: BTreeMap<String, JobState>,
    /// Volumes that are still there without their claim, by its uid.
    pub left: BTreeMap<String, LeftBehind>,
    /// The system's namespace.
    pub namespace: NamespaceState,
    /// Whether no claim could be made in it any more when its claims were looked at.
    pub sealed: bool,
    /// Whether the claim that backups go to is there.
    pub backup_claim: bool,
}

/// A claim and what it is bound to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Volume {
    /// Which one.
    pub reference: VolumeRef,
    /// StorageClass.
    pub class: String,
    /// Bytes.
    pub capacity: i64,
    /// Why no Job can reach it.
    pub unreachable: Option<Text>,
    /// The node on which a pod uses it.
    pub node: Option<String>,
    /// Whether only one pod at a time can use it.
    pub exclusive: bool,
}

/// How far a Job is.
#[derive(Clone, Debug, PartialEq)]
pub enum JobState {
    /// It runs, or will.
    Running,
    /// It has done its work.
    Done(JobReport),
    /// It has not, and why.
    Failed(String),
}

/// By whom a volume is taken away whose claim is gone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LeftBehind {
    /// By the operator: its reclaim policy keeps it.
    ByUs,
    /// By who made it.
    ByProvisioner,
}

/// How the namespace stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum NamespaceState {
    /// It is there.
    #[default]
    Present,
    /// It is being deleted, and what keeps it.
    Terminating(String),
    /// It was in use before the system, and is given back: nothing of the operator is in it any more.
    Released,
    /// It is gone.
    Gone,
}

/// What is done to a volume.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum Work {
    /// It is backed up.
    Backup,
    /// It is wiped.
    Wipe,
}

/// A Job that is to be there.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// What it does.
    pub work: Work,
    /// Name of the Job: another attempt, or another template, has another one.
    pub job: String,
    /// The volume.
    pub volume: Volume,
    /// What it runs.
    pub template: JobTemplate,
    /// Where a backup goes to, where that is a volume.
    pub target: Option<BackupTarget>,
}

/// The next step; there is one at a time.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// This goes on record, new or in the place of what was there of this filing.
    Record(Box<Leaving>),
    /// This Job is to be there.
    Run(Box<Task>),
    /// This claim goes, then its volume.
    Remove(VolumeRef),
    /// This volume goes, which its claim has left behind.
    RemoveVolume(VolumeRef),
    /// The namespace goes, with all that is in it.
    DeleteNamespace,
    /// What the operator has put into a namespace that was in use before goes, and the namespace stays.
    ReleaseNamespace,
    /// What the operator itself has made there goes, since the system stays.
    Tidy,
}

/// What follows.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The status to show; its conditions are in `conditions`, since only the writer knows when they changed.
    pub status: DecommissionStatus,
    /// Conditions.
    pub conditions: Vec<Statement>,
    /// What is to be done next.
    pub step: Option<Step>,
    /// The next moment at which time alone changes the answer.
    pub wake: Option<Timestamp>,
    /// Whether something is awaited of which nothing tells: it is looked again soon.
    pub watches: bool,
}

/// What stands in the way of the next step, for people.
#[derive(Clone, Debug, PartialEq)]
struct Wait {
    reason: &'static str,
    why: Text,
    /// Somebody must mend something.
    stuck: bool,
    /// When time alone lets it go on.
    until: Option<Timestamp>,
}

/// The departure that is being decided upon, and the system that it is about.
#[derive(Clone, Copy)]
struct Case<'a> {
    facts: Facts<'a>,
    system: SystemFact<'a>,
    registry: &'a Registry,
    organization: &'a OrganizationSpec,
    /// What is on record of the filing that stands.
    record: Option<&'a Leaving>,
}

/// Decides. Pure: the same facts at the same moment give the same plan.
#[must_use]
pub fn decide(mut facts: Facts<'_>, registry: &Registry, now: Timestamp) -> Plan {
    facts.kept_for = facts.kept_for.filter(|kept| kept.until.is_none_or(|until| now < until.timestamp()));
    let mut plan = decided(facts, registry, now);
    let kept = facts.kept_for.and_then(|kept| kept.until).map(Time::timestamp);
    plan.wake = plan.wake.into_iter().chain(kept).min();
    plan
}

fn decided(facts: Facts<'_>, registry: &Registry, now: Timestamp) -> Plan {
    let Some(organization) = registry.organizations.get(facts.organization) else {
        let why = Text::new(
            format!("there is no Organization {}: the authority creates it", facts.organization),
            format!("单位{}不存在，请主管部门登记", facts.organization),
        );
        return report::stalled(&facts, "OrganizationMissing", &why);
    };
    let code = &facts.departure.system;
    let Some(system) = facts.system else {
        let why = Text::new(
            format!(
                "spec.departure.system: {} has no InformationSystem {code}: name one of those that `kubectl get isys` shows in this namespace",
                facts.organization
            ),
            format!("本单位没有系统{code}，请填写本单位已有系统的代码（kubectl get isys）"),
        );
        return report::stalled(&facts, "SystemUnknown", &why);
    };
    if let Some(other) = stop::under_way(system.spec).filter(|leaving| leaving.decommission.uid != facts.uid) {
        let name = &other.decommission.name;
        let why = match stop::closed(system.spec) {
            Some(at) => Text::new(
                format!("system {code} has left at {at}, by {name}"),
                format!("系统{code}已于{at}退出（{name}）"),
            ),
            None => Text::new(
                format!("system {code} is leaving already, by {name}: withdraw that one first, or let it go on"),
                format!("系统{code}正在按{name}办理退出，请先撤回该申请或待其完成"),
            ),
        };
        return report::stalled(&facts, "AlreadyLeaving", &why);
    }
    if system.provisioned_at.is_none() {
        let why = Text::new(
            format!("system {code} is not open yet, so there is nothing to leave: withdraw its request instead"),
            format!("系统{code}资源尚未开通，无须退出；请撤回其申请"),
        );
        return report::stalled(&facts, "SystemNotOpen", &why);
    }
    let record = system.spec.departures.iter().rfind(|leaving| leaving.decommission.uid == facts.uid);
    Case { facts, system, registry, organization, record }.decided(now)
}

impl<'a> Case<'a> {
    fn matter(&self) -> Matter<'a> {
        Matter {
            kind: RequestKind::Decommission,
            name: self.facts.name,
            uid: self.facts.uid,
            organization: self.facts.organization,
            domain: &self.system.spec.domain,
            decisions: self.facts.decisions,
        }
    }

    /// What is on record and not withdrawn.
    fn active(&self) -> Option<&'a Leaving> {
        self.record.filter(|leaving| leaving.withdrawn.is_none())
    }

    fn decided(&self, now: Timestamp) -> Plan {
        if let Some((round, rules, track)) = self.standing() {
            return self.in_round(&round, rules, track, now);
        }
        if let Some(leaving) = self.active() {
            return report::without_rules(self, leaving);
        }
        let policy = match running_under(self.registry, self.organization, self.system.spec, now) {
            Ok(policy) => policy,
            Err(why) => return report::stalled(&self.facts, "NoPolicyInForce", &why),
        };
        match self.rules(policy) {
            Ok((_, track)) => report::draft(self, policy, track),
            Err((reason, why)) => report::stalled(&self.facts, reason, &why),
        }
    }

    /// The rules for leaving of a policy, and the track of this departure.
    fn rules(
        &self,
        policy: &'a Named<GovernancePolicySpec>,
    ) -> Result<(&'a LeavingRules, &'a Track), (&'static str, Text)> {
        let rules = policy.spec.leaving.as_ref();
        let name = rules.and_then(|rules| match self.facts.departure.proposal_ref {
            Some(_) => rules.reclaim_track.as_deref(),
            None => Some(rules.track.as_str()),
        });
        rules.zip(name.and_then(|name| policy.spec.track(name))).ok_or_else(|| {
            (
                "NoRulesForLeaving",
                Text::new(
                    format!(
                        "GovernancePolicy {} says not how such a system leaves: the authority publishes a version with spec.leaving",
                        policy.name
                    ),
                    format!("管理办法{}未规定该退出方式，请主管部门发布含spec.leaving的版本", policy.name),
                ),
            )
        })
    }

    /// The filing that stands, with the rules that judge it.
    fn standing(&self) -> Option<(Round<'a>, &'a LeavingRules, &'a Track)> {
        let record = self.record.map(|leaving| OnRecord {
            submission_uid: &leaving.submission_uid,
            policy_uid: &leaving.policy.uid,
            round: leaving.round,
            holds: self.active().is_some(),
        });
        let in_force = |at| running_judged_by(self.registry, self.organization, self.system.spec, at);
        let judged = |policy: &'a Named<GovernancePolicySpec>, _: &DecisionFact| {
            let rules = self.rules(policy).ok()?;
            Some(Judged { role: &rules.1.submission.role, digest: self.submission_digest(policy), rules })
        };
        let (round, (rules, track)) = self.matter().standing(self.registry, record, in_force, judged)?;
        Some((round, rules, track))
    }

    fn submission_digest(&self, policy: &Named<GovernancePolicySpec>) -> String {
        digest::of_submission(RequestKind::Decommission, self.facts.uid, self.facts.departure, &policy.uid)
    }

    fn in_round(&self, round: &Round<'a>, rules: &LeavingRules, track: &'a Track, now: Timestamp) -> Plan {
        let recorded = self.record.filter(|leaving| leaving.submission_uid == round.submission.uid);
        if let Some(leaving) = recorded.filter(|leaving| leaving.withdrawn.is_some()) {
            return report::withdrawn(self, round, track, leaving);
        }
        let problems = match recorded {
            Some(_) => Vec::new(),
            None => unsound(round.policy).into_iter().chain(self.problems(track)).collect(),
        };
        let mut walk = self.walk(round, track, problems.is_empty(), &[], now);
        // Who decides in the place of somebody who did not answer, does so only then.
        let unanswered = !workflow::lapsed(track, &walk).is_empty();
        if unanswered {
            walk = self.walk(round, track, problems.is_empty(), &[Applies::Unanswered], now);
        }
        let (step, wait) = match recorded {
            None => self.begins(round, &walk, &problems),
            Some(leaving) => self.goes_on(leaving, &walk, rules.keep_unanswered_days.value, unanswered, now),
        };
        report::in_round(self, round, track, &walk, &problems, recorded, (step, wait), now)
    }

    fn walk(&self, round: &Round<'_>, track: &Track, complete: bool, also: &[Applies], now: Timestamp) -> Walk {
        let matter = self.matter();
        let none = BTreeMap::new();
        let content = digest::Encoded::new(&digest::Content {
            kind: matter.kind,
            uid: matter.uid,
            application: self.facts.departure,
            submission_uid: &round.submission.uid,
            policy_uid: &round.policy.uid,
            terms: &none,
        });
        let leaving = self.active();
        let wipe = leaving.and_then(|leaving| leaving.wipe.as_ref());
        let reclaim = leaving.and_then(|leaving| leaving.reclaim.as_ref());
        let settled: Vec<CountedDecision> = leaving
            .into_iter()
            .flat_map(|leaving| &leaving.decisions)
            .chain(wipe.into_iter().flat_map(|wipe| &wipe.decisions))
            .chain(reclaim.into_iter().flat_map(|reclaim| &reclaim.decisions))
            .cloned()
            .collect();
        let supervised = self.organization.supervisor.as_ref().map(|_| Applies::HasSupervisor);
        let applies: Vec<Applies> = supervised.into_iter().chain(also.iter().copied()).collect();
        let holdings: Vec<String> = self.holdings().into_iter().map(|holding| holding.name).collect();
        let bound = Text::new(
            "its data is being wiped, and what is wiped cannot be brought back: it can be withdrawn only before",
            "数据清除已开始，无法恢复，不可撤回",
        );
        let particulars = Particulars {
            applies: &applies,
            complete,
            asked: &BTreeMap::new(),
            least: &BTreeMap::new(),
            settled: &settled,
            done: &self.done(),
            bound: if wipe.is_some() { Bound::Because(&bound) } else { Bound::NotYet },
            attested: &holdings,
            found: &self.found(),
            now,
        };
        matter.walk(self.registry, round, track, &content, particulars)
    }

    /// Effects that are done, by what is on record. A volume that has come since is not backed up.
    fn done(&self) -> BTreeMap<Effect, Time> {
        let Some(leaving) = self.active() else { return BTreeMap::new() };
        let wipe = leaving.wipe.as_ref();
        let whole = wipe.is_some() || self.not_backed_up(leaving).next().is_none();
        let done = [
            (Effect::Backup, leaving.backed_up.filter(|_| whole)),
            (Effect::Offline, leaving.offline_at),
            (Effect::Wipe, wipe.and_then(|wipe| wipe.done)),
            (Effect::Reclaim, leaving.reclaim.as_ref().and_then(|reclaim| reclaim.closed)),
        ];
        done.into_iter().filter_map(|(effect, at)| Some((effect, at?))).collect()
    }

    /// What later gates are about: exactly this backup, exactly this wipe.
    fn found(&self) -> BTreeMap<Effect, String> {
        let Some(leaving) = self.active() else { return BTreeMap::new() };
        let backup = leaving.backed_up.map(|_| (Effect::Backup, digest::of(&json!({"backups": leaving.backups}))));
        let wiped = leaving.wipe.as_ref().filter(|wipe| wipe.done.is_some());
        let wiped = wiped.map(|wipe| (Effect::Wipe, digest::of(&json!({"wiped": wipe.volumes}))));
        backup.into_iter().chain(wiped).collect()
    }

    /// Volumes that are there and not on record as backed up.
    fn not_backed_up(&self, leaving: &'a Leaving) -> impl Iterator<Item = &'a Volume> {
        let known = |volume: &Volume| leaving.backups.iter().any(|b| b.volume.uid == volume.reference.uid);
        self.volumes().filter(move |volume| !known(volume))
    }

    /// Whether parts of the system leave, and the system stays.
    fn of_parts(&self) -> bool {
        !self.facts.departure.items.is_empty()
    }

    /// The volumes that leave.
    fn volumes(&self) -> impl Iterator<Item = &'a Volume> {
        let items = &self.facts.departure.items;
        let named = |claim: &str| items.iter().any(|item| item.strip_prefix("volume/") == Some(claim));
        self.facts.world.volumes.iter().filter(move |v| items.is_empty() || named(&v.reference.claim))
    }

    /// Whether its namespace stays: one that was in use before is deleted only where that is asked for.
    fn keeps_namespace(&self) -> bool {
        self.system.spec.adopted.is_some() && self.facts.departure.delete_namespace != Some(true)
    }

    /// What keeps it from being approved.
    fn problems(&self, track: &Track) -> Vec<Text> {
        let Facts { departure, proposal: taken_up, .. } = self.facts;
        let circumstance = |when: Option<Applies>| match when {
            None => true,
            Some(Applies::HasSupervisor) => self.organization.supervisor.is_some(),
            Some(_) => false,
        };
        let missing = track.documents.iter().filter(|rule| circumstance(rule.when));
        let missing = missing.filter(|rule| !departure.documents.iter().any(|paper| paper.type_ == rule.type_));
        let mut problems: Vec<Text> = missing
            .map(|rule| {
                Text::new(
                    format!("the paper {} is missing from spec.departure.documents ({})", rule.type_, rule.article),
                    format!("缺少材料“{}”（{}）", rule.names.zh, rule.article),
                )
            })
            .collect();
        problems.extend(completeness::leads(self.facts.contacts));
        // While it runs its namespace keeps its standard, which at level 3 admits nothing that runs as root.
        let domain = &self.system.spec.domain;
        let here = self.registry.products.iter().filter(|p| p.spec.domain == *domain);
        let handlings: Vec<_> = here.filter_map(|p| p.spec.handling.as_ref()).collect();
        let mut backups = handlings.iter().filter_map(|handling| handling.backup.as_ref());
        let strict = self.system.spec.protection_level >= 3;
        problems.extend(parts::problems(self, strict, &handlings));
        if strict && departure.backup == BackupMode::Live && backups.any(|template| template.run_as_user == 0) {
            problems.push(Text::new(
                "spec.departure.backup: while a system of level 3 runs, no backup that runs as root is admitted beside it, and the provider's does: choose Offline",
                "等保三级系统运行期间不允许以root运行备份任务，请选择停机备份（Offline）",
            ));
        }
        if self.system.spec.adopted.is_none() && departure.delete_namespace == Some(false) {
            problems.push(Text::new(
                "spec.departure.deleteNamespace: the namespace was made for this system and goes with it: leave deleteNamespace out",
                "该命名空间为本系统所建，随系统一并删除，请勿填写deleteNamespace",
            ));
        }
        problems.extend(self.facts.kept_for.map(report::kept));
        if let Some(named) = &departure.proposal_ref {
            let right = taken_up.is_some_and(|(uid, spec)| {
                uid == named.uid && spec.action == Action::Reclaim && spec.system_ref.name == departure.system
            });
            if !right {
                let wanted = proposal::name(&departure.system, Action::Reclaim);
                problems.push(Text::new(
                    format!(
                        "spec.departure.proposalRef: it names no proposal to reclaim this system ({wanted} would be one): use `kubectl yunguan takeup {wanted}`, or leave it out where the unit itself leaves"
                    ),
                    format!("proposalRef所指不是本系统的回收建议（{wanted}），请用kubectl yunguan takeup采纳，单位自行退出的请勿填写"),
                ));
            }
        }
        problems
    }

    /// What else holds data of the system: each is attested to, and what does not fit into one decision under one name.
    fn holdings(&self) -> Vec<Holding> {
        let leaving = self.active();
        let volumes = leaving.and_then(|leaving| leaving.wipe.as_ref()).into_iter().flat_map(|wipe| &wipe.volumes);
        let by_hand = volumes.filter(|v| v.by_hand.is_some() && !v.volume.volume.is_empty()).map(|v| Holding {
            name: named("volume", &v.volume.claim),
            what: brief(&format!("{}: {}", v.volume.claim, v.by_hand.as_deref().unwrap_or_default())),
        });
        let lines = self.system.spec.grants.iter().flat_map(|grant| &grant.lines);
        let manual = lines.filter_map(|line| line.terms.as_ref().filter(|t| t.fulfilment == Fulfilment::Manual));
        let mut services: Vec<&str> = manual.map(|terms| terms.item.as_str()).collect();
        services.sort_unstable();
        services.dedup();
        let items = &self.facts.departure.items;
        let services = services.into_iter().map(|item| Holding {
            name: named("service", item),
            what: format!("{item}: opened by the provider by hand (人工开通的服务)"),
        });
        let leaves = |holding: &Holding| items.is_empty() || items.contains(&holding.name);
        let services = services.filter(leaves);
        // Those that have come since the wipe was decided and are too many for the record.
        let full = leaving.filter(|leaving| leaving.reclaim.is_none()).and_then(|leaving| leaving.wipe.as_ref());
        let full = full.filter(|wipe| wipe.volumes.len() >= bounds::VOLUMES);
        let unlisted = full.into_iter().flat_map(|wipe| {
            self.volumes().filter(|seen| !wipe.volumes.iter().any(|v| v.volume.uid == seen.reference.uid))
        });
        let unlisted = unlisted.map(|seen| Holding {
            name: named("volume", &seen.reference.claim),
            what: brief(&format!("{}: its record is full (记录已满)", seen.reference.claim)),
        });
        let always = [
            (
                "free-space",
                "space of its volumes that no file reaches, such as what ext4 sets aside (文件无法写入的剩余空间)",
            ),
            ("snapshots", "snapshots and copies of its volumes at the storage (存储快照和副本)"),
            ("disaster-recovery", "copies for disaster recovery (灾备副本)"),
            ("provider-backups", "backups that the provider holds (云服务商留存的备份)"),
        ];
        let always = always.map(|(name, what)| Holding { name: name.to_owned(), what: what.to_owned() });
        let mut all: Vec<Holding> = by_hand.chain(unlisted).chain(services).collect();
        let room = bounds::HOLDINGS - always.len();
        if all.len() > room {
            let others = all.split_off(room - 1);
            let names: Vec<&str> = others.iter().map(|holding| holding.name.as_str()).collect();
            let what = format!("{} more, all of them (其余{}项): {}", names.len(), names.len(), names.join(", "));
            all.push(Holding { name: OTHERS.to_owned(), what: brief(&what) });
        }
        all.extend(always);
        all
    }
}

/// By what name the holdings are attested to that are too many to be named. No volume and no service is called so.
const OTHERS: &str = "others";

/// A name that a report can have.
pub(crate) fn named(kind: &str, name: &str) -> String {
    let whole = format!("{kind}/{name}");
    if whole.len() <= 64 {
        return whole;
    }
    let hash = digest::of(&name);
    format!("{}-{}", whole.chars().take(50).collect::<String>(), hash.get(..8).unwrap_or_default())
}

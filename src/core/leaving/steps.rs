//! The next step of a departure. Each is found done when it is looked at again, so that none is ever lost or made twice.

use super::{Case, JobState, LeftBehind, NamespaceState, Step, Task, Volume, Wait, Work};
use crate::api::bounds;
use crate::api::cloud_resource_request::CountedDecision;
use crate::api::common::{PolicyRef, RequestKind, RequestRef, Time};
use crate::api::decommission::{BackupMode, JobReport, Leaving, Reclaim, VolumeBackup, VolumeRef, VolumeWipe, Wipe};
use crate::api::governance_policy::Effect;
use crate::api::names::JOB_WIPE;
use crate::api::sanction::Lifted;
use crate::api::service_product::{DataHandling, JobTemplate};
use crate::core::digest;
use crate::core::round::Round;
use crate::core::stop;
use crate::core::text::{Text, brief};
use crate::core::workflow::Walk;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// What follows, and what stands in the way of it.
pub(super) type Next = (Option<Step>, Option<Wait>);

/// How a volume is dealt with.
enum Way {
    /// By a Job, which has done its work.
    Done(JobReport),
    /// By a Job that is to be there.
    Run(Box<Task>),
    /// By a Job that is at work.
    Working,
    /// By a Job that has failed.
    Failed(Text),
    /// By nobody but people.
    ByHand(Text),
}

/// Whether it is wiped only people can say.
const GONE_BEFORE: &str = "its claim went before it was wiped (存储卷声明在清除前已被删除)";
fn by_hand(volume: &VolumeRef, why: &str) -> VolumeWipe {
    VolumeWipe { volume: volume.clone(), by_hand: Some(why.to_owned()), ..VolumeWipe::default() }
}

impl Wait {
    fn for_(reason: &'static str, why: Text) -> Self {
        Self { reason, why, stuck: false, until: None }
    }
}

fn record(leaving: Leaving) -> Next {
    (Some(Step::Record(Box::new(leaving))), None)
}

fn waits(wait: Wait) -> Next {
    (None, Some(wait))
}

impl Case<'_> {
    /// Approved, it goes on record.
    pub(super) fn begins(&self, round: &Round<'_>, walk: &Walk, problems: &[Text]) -> Next {
        let first = [Effect::Backup, Effect::Offline].into_iter().filter_map(|effect| walk.due_effects.get(&effect));
        let Some(approved) = first.min().copied() else { return (None, None) };
        if let Some(problem) = problems.first() {
            return waits(Wait { stuck: true, ..Wait::for_("CannotBeCarriedOut", problem.clone()) });
        }
        record(Leaving {
            decommission: RequestRef {
                kind: RequestKind::Decommission,
                name: self.facts.name.to_owned(),
                uid: self.facts.uid.to_owned(),
            },
            submission_uid: round.submission.uid.clone(),
            policy: PolicyRef { name: round.policy.name.clone(), uid: round.policy.uid.clone() },
            round: round.number,
            approved,
            items: self.facts.departure.items.clone(),
            decisions: walk.on_record(|_| false),
            ..Leaving::default()
        })
    }

    /// What is on record goes on.
    pub(super) fn goes_on(
        &self,
        leaving: &Leaving,
        walk: &Walk,
        keep_days: i32,
        unanswered: bool,
        now: Timestamp,
    ) -> Next {
        if let Some(wipe) = &leaving.wipe {
            return self.after_intent(leaving, wipe, walk, now);
        }
        if let Some(ended) = &walk.ended {
            let lifted = Lifted { at: ended.decision.at, decisions: vec![ended.decision.clone()] };
            return record(Leaving { withdrawn: Some(lifted), ..leaving.clone() });
        }
        let cold = self.facts.departure.backup == BackupMode::Offline;
        // Approved before there was a system that was migrated from it: it stays as the way back all the same.
        let way_back = self.facts.kept_for.map(|kept| Wait {
            until: kept.until.map(Time::timestamp),
            ..Wait::for_("KeptAsWayBack", super::report::kept(kept))
        });
        if leaving.offline_at.is_none() && (cold || walk.due_effects.contains_key(&Effect::Offline)) {
            if let Some(way_back) = way_back {
                return waits(way_back);
            }
            return record(Leaving { offline_at: Some(Time::new(now)), ..leaving.clone() });
        }
        // Under a backup of what is offline nothing runs.
        if leaving.offline_at.is_some() && self.system.running != Some(0) {
            return waits(self.in_use().unwrap_or_else(|| self.stopping()));
        }
        if let Some(too_many) = self.too_many(leaving) {
            return waits(too_many);
        }
        if leaving.backed_up.is_none() || self.not_backed_up(leaving).next().is_some() {
            return self.back_up(leaving, now);
        }
        match walk.due_effects.get(&Effect::Wipe) {
            Some(_) if way_back.is_some() => (None, way_back),
            Some(allowed) => self.intend(leaving, walk, *allowed, unanswered.then_some(keep_days), now),
            None => (None, None),
        }
    }

    /// Each volume is backed up and wiped on record, or none is.
    fn too_many(&self, leaving: &Leaving) -> Option<Wait> {
        let come = self.not_backed_up(leaving).count();
        let all = leaving.backups.len() + come;
        let room = bounds::VOLUMES;
        (come > 0 && all > room).then(|| Wait {
            stuck: true,
            ..Wait::for_(
                "TooManyVolumes",
                Text::new(
                    format!(
                        "it has {all} volumes, and a departure has room for {room}: withdraw it, and have some of them leave first, by a Decommission that names them in spec.departure.items, or delete claims that hold nothing"
                    ),
                    format!("共有{all}个存储卷，一次退出最多{room}个；请撤回，先通过spec.departure.items办理部分存储卷退出，或删除无数据的存储卷声明"),
                ),
            )
        })
    }

    fn stopping(&self) -> Wait {
        let left = self.system.running.map_or_else(|| "?".to_owned(), |running| running.to_string());
        Wait::for_(
            "GoingOffline",
            Text::new(format!("it goes offline: {left} pods still run"), format!("正在下线：仍有{left}个容器组运行")),
        )
    }

    fn back_up(&self, leaving: &Leaving, now: Timestamp) -> Next {
        if let Some(missing) = self.missing_part(leaving) {
            return waits(missing);
        }
        let Some(volume) = self.not_backed_up(leaving).next() else {
            return record(Leaving { backed_up: Some(Time::new(now)), ..leaving.clone() });
        };
        let kept = |report: Option<JobReport>, by_hand: Option<String>| {
            let mut next = leaving.clone();
            next.backed_up = None;
            next.backups.push(VolumeBackup { volume: volume.reference.clone(), report, by_hand });
            record(next)
        };
        if self.facts.departure.backup == BackupMode::Nothing {
            return kept(None, Some("the unit keeps nothing (使用单位不保留数据)".to_owned()));
        }
        match self.way(Work::Backup, volume) {
            Way::Done(report) => kept(Some(report), None),
            Way::ByHand(why) => kept(None, Some(brief(&why.to_string()))),
            Way::Run(task) => (Some(Step::Run(task)), None),
            Way::Working => waits(at_work(Work::Backup, volume)),
            Way::Failed(why) => waits(Wait { stuck: true, ..Wait::for_("BackupFailed", why) }),
        }
    }

    /// Everything before it is decided, and nothing runs: from here on nothing can be taken back.
    fn intend(&self, leaving: &Leaving, walk: &Walk, allowed: Time, keep_days: Option<i32>, now: Timestamp) -> Next {
        if let Some(order) = self.suspended() {
            return waits(order);
        }
        let kept_until = keep_days
            .and_then(|days| allowed.timestamp().checked_add(SignedDuration::from_hours(24 * i64::from(days))).ok());
        if let Some(until) = kept_until.filter(|until| now < *until) {
            let at = Time::new(until);
            return waits(Wait {
                until: Some(until),
                ..Wait::for_(
                    "Kept",
                    Text::new(
                        format!(
                            "the unit did not answer, so its data is kept until {at} before it is wiped; until then it can be withdrawn"
                        ),
                        format!("使用单位未答复，数据保留至{at}后清除；此前可以撤回"),
                    ),
                )
            });
        }
        let before = |d: &CountedDecision| leaving.decisions.iter().any(|s| s.uid == d.uid);
        let wiped = |volume: &Volume| VolumeWipe {
            volume: volume.reference.clone(),
            by_hand: match self.way(Work::Wipe, volume) {
                Way::ByHand(why) => Some(brief(&why.to_string())),
                _ => None,
            },
            ..VolumeWipe::default()
        };
        let volumes: Vec<&Volume> = self.volumes().collect();
        // What was backed up and is not there any more was not wiped by anybody that we know.
        let uids: Vec<&str> = volumes.iter().map(|v| v.reference.uid.as_str()).collect();
        let gone = leaving.backups.iter().filter(|b| !uids.contains(&b.volume.uid.as_str()));
        let gone = gone.map(|backup| by_hand(&backup.volume, GONE_BEFORE));
        let wipe = Wipe {
            at: Time::new(now),
            decisions: walk.on_record(before),
            volumes: volumes.into_iter().map(wiped).chain(gone).take(bounds::VOLUMES).collect(),
            done: None,
        };
        record(Leaving { wipe: Some(wipe), ..leaving.clone() })
    }

    /// While an order stands, its data may be evidence.
    pub(super) fn suspended(&self) -> Option<Wait> {
        let name = &stop::suspended(self.system.spec)?.order.name;
        Some(Wait::for_(
            "SuspendedFirst",
            Text::new(
                format!(
                    "suspended by sanction {name}: nothing is wiped or given back while an order stands, since its data may be evidence; lifted, it goes on by itself"
                ),
                format!("系统因处理措施{name}暂停服务，期间不清除数据、不回收资源；解除后自动继续"),
            ),
        ))
    }

    /// Volumes that have come since the wipe was decided: nobody has confirmed a backup of them, so no Job touches them.
    fn newcomers(&self, wipe: &Wipe) -> Vec<VolumeWipe> {
        let room = bounds::VOLUMES.saturating_sub(wipe.volumes.len());
        let known = |seen: &&Volume| !wipe.volumes.iter().any(|v| v.volume.uid == seen.reference.uid);
        let come = self.volumes().filter(known).take(room);
        come.map(|seen| by_hand(&seen.reference, "it came after its backup was confirmed (备份确认后新增)")).collect()
    }

    fn after_intent(&self, leaving: &Leaving, wipe: &Wipe, walk: &Walk, now: Timestamp) -> Next {
        let come = if leaving.reclaim.is_none() { self.newcomers(wipe) } else { Vec::new() };
        if !come.is_empty() {
            let volumes = wipe.volumes.iter().cloned().chain(come).collect();
            return record(Leaving { wipe: Some(Wipe { volumes, ..wipe.clone() }), ..leaving.clone() });
        }
        if let Some(open) = self.open(leaving) {
            return waits(open);
        }
        if wipe.done.is_none() {
            return self.wipe(leaving, wipe, now);
        }
        let Some(reclaim) = &leaving.reclaim else {
            if !walk.due_effects.contains_key(&Effect::Reclaim) {
                return (None, None);
            }
            if let Some(order) = self.suspended() {
                return waits(order);
            }
            let before = |d: &CountedDecision| {
                leaving.decisions.iter().chain(&wipe.decisions).any(|settled| settled.uid == d.uid)
            };
            let decisions = walk.on_record(before);
            let reclaim = Reclaim { at: Time::new(now), decisions, closed: None };
            return record(Leaving { reclaim: Some(reclaim), ..leaving.clone() });
        };
        if reclaim.closed.is_some() {
            return (None, None);
        }
        if self.of_parts() {
            return self.ends_of_parts(leaving, wipe, reclaim, now);
        }
        let order = self.suspended();
        match &self.facts.world.namespace {
            NamespaceState::Present if order.is_some() => (None, order),
            NamespaceState::Present if self.keeps_namespace() => (Some(Step::ReleaseNamespace), None),
            NamespaceState::Present => (Some(Step::DeleteNamespace), None),
            NamespaceState::Terminating(why) => waits(Wait::for_(
                "NamespaceTerminating",
                Text::new(
                    format!("its namespace is being deleted, and is never forced: {why}"),
                    format!("命名空间正在删除，系统不强制删除：{why}"),
                ),
            )),
            NamespaceState::Released | NamespaceState::Gone => {
                if let Some(volume) = self.left_behind(wipe) {
                    return order.map_or_else(|| self.leaves(&volume), waits);
                }
                let reclaim = Reclaim { closed: Some(Time::new(now)), ..reclaim.clone() };
                record(Leaving { reclaim: Some(reclaim), ..leaving.clone() })
            }
        }
    }

    /// A Job finds its claim by name, and what is in a namespace goes with it: as long as a claim can be made there, another
    /// one may take that name, and nobody has confirmed its backup.
    fn open(&self, leaving: &Leaving) -> Option<Wait> {
        let world = self.facts.world;
        // Parts of which none is a volume leave no name to take.
        let sealed = world.sealed || self.of_parts() && stop::wiping(self.system.spec).is_empty();
        let open = world.namespace == NamespaceState::Present && !sealed;
        // Once it is to go nobody keeps its label any more: that it was there is asked before.
        (open && leaving.reclaim.is_none()).then(|| {
            Wait::for_(
                "Closing",
                Text::new(
                    "its namespace is being closed to new volumes: nothing is wiped before",
                    "正在禁止新建存储卷，完成后开始清除",
                ),
            )
        })
    }

    fn wipe(&self, leaving: &Leaving, wipe: &Wipe, now: Timestamp) -> Next {
        let with = |change: &dyn Fn(&mut Wipe)| {
            let mut next = wipe.clone();
            change(&mut next);
            record(Leaving { wipe: Some(next), ..leaving.clone() })
        };
        let open = wipe.volumes.iter().enumerate().find(|(_, v)| v.by_hand.is_none() && !v.removed);
        let Some((index, volume)) = open else {
            return with(&|wipe| wipe.done = Some(Time::new(now)));
        };
        if let Some(wait) = self.suspended().or_else(|| self.in_use()) {
            return waits(wait);
        }
        let set =
            |change: &dyn Fn(&mut VolumeWipe)| with(&|wipe| wipe.volumes.get_mut(index).into_iter().for_each(change));
        let world = self.facts.world;
        let there = world.volumes.iter().find(|seen| seen.reference.uid == volume.volume.uid);
        match (&volume.report, there) {
            (Some(_), Some(_)) => (Some(Step::Remove(volume.volume.clone())), None),
            (Some(_), None) if world.left.contains_key(&volume.volume.uid) => self.leaves(&volume.volume),
            (Some(_), None) => set(&|volume| volume.removed = true),
            // Somebody has broken the glass: whether it is wiped only people can say.
            (None, None) => set(&|volume| volume.by_hand = Some(GONE_BEFORE.to_owned())),
            (None, Some(seen)) => match self.way(Work::Wipe, seen) {
                Way::Done(report) => set(&|volume| volume.report = Some(report.clone())),
                Way::ByHand(why) => set(&|volume| volume.by_hand = Some(brief(&why.to_string()))),
                Way::Run(task) => (Some(Step::Run(task)), None),
                Way::Working => waits(at_work(Work::Wipe, seen)),
                Way::Failed(why) => waits(Wait { stuck: true, ..Wait::for_("WipeFailed", why) }),
            },
        }
    }

    /// A volume goes after its claim.
    pub(super) fn leaves(&self, volume: &VolumeRef) -> Next {
        let name = &volume.volume;
        if self.facts.world.left.get(&volume.uid) == Some(&LeftBehind::ByUs) {
            // Admission lets the operator touch volumes of its own namespaces only.
            if self.system.spec.adopted.is_none() {
                return (Some(Step::RemoveVolume(volume.clone())), None);
            }
            return waits(Wait::for_(
                "VolumeLeft",
                Text::new(
                    format!(
                        "volume {name} is of a namespace that was in use before, and is kept by its reclaim policy: the provider deletes it, then it goes on by itself"
                    ),
                    format!("存储卷{name}属接管的命名空间且设为保留，请云服务商删除，之后自动继续"),
                ),
            ));
        }
        waits(Wait::for_(
            "VolumeLeaving",
            Text::new(
                format!("volume {name} is being deleted by its provisioner"),
                format!("存储卷{name}正由存储供应程序删除"),
            ),
        ))
    }

    /// A volume that its claim has left behind, whatever its reclaim policy says.
    pub(super) fn left_behind(&self, wipe: &Wipe) -> Option<VolumeRef> {
        let left = |v: &&VolumeWipe| self.facts.world.left.contains_key(&v.volume.uid);
        wipe.volumes.iter().find(left).map(|v| v.volume.clone())
    }

    /// How the provider of the domain has volumes of a class dealt with.
    fn handling(&self, class: &str) -> Option<&DataHandling> {
        let here = self.registry.products.iter().filter(|p| p.spec.domain == self.system.spec.domain);
        let of_class = here.filter(|p| p.spec.storage_class.as_deref() == Some(class));
        of_class.into_iter().find_map(|p| p.spec.handling.as_ref())
    }

    fn way(&self, work: Work, volume: &Volume) -> Way {
        if volume.reference.volume.is_empty() {
            return Way::ByHand(Text::new("it is bound to no volume and holds nothing", "未绑定存储卷，没有数据"));
        }
        if let Some(why) = &volume.unreachable {
            return Way::ByHand(why.clone());
        }
        let handling = self.handling(&volume.class);
        let template = handling.and_then(|handling| match work {
            Work::Backup => handling.backup.as_ref(),
            Work::Wipe => handling.wipe.as_ref(),
        });
        let Some(template) = template else {
            let class = &volume.class;
            return Way::ByHand(Text::new(
                format!("no ServiceProduct of storage class {class} says in spec.handling how its {work} is done"),
                format!("存储类{class}的服务产品未在spec.handling中规定处理方式"),
            ));
        };
        if work == Work::Backup && volume.exclusive && volume.node.is_some() {
            return Way::ByHand(Text::new(
                "only one pod at a time can use it, and one does: it can be backed up by a Job once it is offline",
                "该卷仅允许单个容器组使用且正在使用，下线后方可自动备份",
            ));
        }
        let job = self.job(work, volume, template);
        match self.facts.world.jobs.get(&job) {
            Some(JobState::Done(report)) if digest::is_sha256(&report.sha256) => {
                Way::Done(JobReport { target: report.target.as_deref().map(brief), ..report.clone() })
            }
            Some(JobState::Done(_)) => Way::Failed(failed(work, volume, &job, "it ended without a report")),
            Some(JobState::Running) => Way::Working,
            Some(JobState::Failed(why)) => Way::Failed(failed(work, volume, &job, why)),
            None => Way::Run(Box::new(Task {
                work,
                job,
                volume: volume.clone(),
                template: template.clone(),
                target: handling.and_then(|h| h.target.clone()).filter(|_| work == Work::Backup),
            })),
        }
    }
}

impl Case<'_> {
    /// The name of the Job for this: another attempt, or another template, has another one.
    fn job(&self, work: Work, volume: &Volume, template: &JobTemplate) -> String {
        let of = json!({
            "work": work.to_string(), "decommission": self.facts.uid, "retry": self.facts.retry,
            "claim": volume.reference.uid, "template": template,
        });
        format!("{}{}", prefix(work), digest::of(&of).get(..12).unwrap_or_default())
    }

    /// The name of the Job that does this to a volume, where one does.
    pub(super) fn task_job(&self, work: Work, volume: &Volume) -> Option<String> {
        let handling = self.handling(&volume.class)?;
        let template = match work {
            Work::Backup => handling.backup.as_ref(),
            Work::Wipe => handling.wipe.as_ref(),
        };
        Some(self.job(work, volume, template?))
    }
}

fn prefix(work: Work) -> &'static str {
    match work {
        Work::Backup => "yunguan-backup-",
        Work::Wipe => JOB_WIPE,
    }
}

fn at_work(work: Work, volume: &Volume) -> Wait {
    let claim = &volume.reference.claim;
    match work {
        Work::Backup => {
            Wait::for_("BackingUp", Text::new(format!("{claim} is being backed up"), format!("正在备份{claim}")))
        }
        Work::Wipe => Wait::for_("Wiping", Text::new(format!("{claim} is being wiped"), format!("正在清除{claim}"))),
    }
}

fn failed(work: Work, volume: &Volume, job: &str, why: &str) -> Text {
    let claim = &volume.reference.claim;
    Text::new(
        format!(
            "the {work} of {claim} has failed (Job {job}): {why}; nothing goes on before it has succeeded. Mend the cause, or the template in the ServiceProduct, and have it tried again: `kubectl yunguan retry`"
        ),
        format!(
            "{claim}的处理任务{job}失败：{why}；成功前不再继续。请排除原因或修改服务产品中的模板，再用kubectl yunguan retry重试"
        ),
    )
}

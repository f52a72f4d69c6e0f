//! Parts of a system that leave while it stays (article 23): some of its volumes, or services that the provider opened by hand.

use super::steps::Next;
use super::{Case, Step, Wait};
use crate::api::common::Time;
use crate::api::decommission::{Leaving, Reclaim, Wipe};
use crate::api::service_product::{DataHandling, Fulfilment};
use crate::core::text::Text;
use jiff::Timestamp;

/// What keeps parts from leaving; nothing where the whole system leaves.
pub(super) fn problems(case: &Case<'_>, strict: bool, handlings: &[&DataHandling]) -> Vec<Text> {
    if !case.of_parts() {
        return Vec::new();
    }
    let departure = case.facts.departure;
    let lines = case.system.spec.grants.iter().flat_map(|grant| &grant.lines);
    let by_hand = lines.filter_map(|line| line.terms.as_ref().filter(|t| t.fulfilment == Fulfilment::Manual));
    let services: Vec<&str> = by_hand.map(|terms| terms.item.as_str()).collect();
    let known = |item: &str| match item.split_once('/') {
        Some(("volume", claim)) => !claim.is_empty(),
        Some(("service", service)) => services.contains(&service),
        _ => false,
    };
    let unknown = departure.items.iter().filter(|item| !known(item)).map(|item| {
        Text::new(
            format!(
                "spec.departure.items: {item} is no part of the system: name volume/CLAIM, or service/ITEM of what the provider opened by hand ({})",
                services.join(", ")
            ),
            format!("{item}不是本系统的组成部分，请填写volume/存储卷声明，或service/人工开通的目录项（{}）", services.join("、")),
        )
    });
    let mut problems: Vec<Text> = unknown.collect();
    if departure.delete_namespace.is_some() || departure.proposal_ref.is_some() {
        problems.push(Text::new(
            "spec.departure.items: the system stays, so deleteNamespace and proposalRef say nothing: leave them out, or items",
            "部分退出时系统保留，请勿填写deleteNamespace和proposalRef",
        ));
    }
    let volumes = departure.items.iter().any(|item| item.starts_with("volume/"));
    let mut templates = handlings.iter().flat_map(|handling| [&handling.backup, &handling.wipe]).flatten();
    // The system runs on, and its namespace keeps its standard, which at level 3 admits nothing that runs as root.
    if strict && volumes && templates.any(|template| template.run_as_user == 0) {
        problems.push(Text::new(
            "spec.departure.items: beside a system of level 3 that runs on no Job that runs as root is admitted, and the provider's do: the provider sets another runAsUser in spec.handling",
            "等保三级系统运行期间不允许以root运行备份或清除任务，请云服务商在spec.handling中设置其他runAsUser",
        ));
    }
    problems
}

impl Case<'_> {
    /// A volume that is named and is not there.
    pub(super) fn missing_part(&self, leaving: &Leaving) -> Option<Wait> {
        let claims = self.facts.departure.items.iter().filter_map(|item| item.strip_prefix("volume/"));
        let there = |claim: &str| {
            self.volumes().any(|v| v.reference.claim == claim)
                || leaving.backups.iter().any(|b| b.volume.claim == claim)
        };
        let missing = claims.into_iter().find(|claim| !there(claim))?;
        Some(Wait {
            reason: "VolumeMissing",
            why: Text::new(
                format!(
                    "spec.departure.items: the system has no claim {missing}: withdraw this, and name what leaves anew"
                ),
                format!("本系统没有存储卷声明{missing}，请撤回后重新填写"),
            ),
            stuck: true,
            until: None,
        })
    }

    /// While pods use what leaves, nothing of it is wiped, nor backed up where nothing may change under the backup.
    pub(super) fn in_use(&self) -> Option<Wait> {
        let pods = self.system.running.filter(|_| self.of_parts()).filter(|pods| *pods != 0)?;
        Some(Wait {
            reason: "InUse",
            why: Text::new(
                format!("{pods} pods use what leaves: the unit takes it out of use, then it goes on by itself"),
                format!("仍有{pods}个容器组使用退出的存储卷，请使用单位停用，之后自动继续"),
            ),
            stuck: false,
            until: None,
        })
    }

    /// What the operator made for it goes, and the backup stays; then it is over.
    pub(super) fn ends_of_parts(&self, leaving: &Leaving, wipe: &Wipe, reclaim: &Reclaim, now: Timestamp) -> Next {
        if let Some(volume) = self.left_behind(wipe) {
            return self.suspended().map_or_else(|| self.leaves(&volume), |order| (None, Some(order)));
        }
        let world = self.facts.world;
        if !world.jobs.is_empty() || world.backup_claim {
            return (Some(Step::Tidy), None);
        }
        let reclaim = Reclaim { closed: Some(Time::new(now)), ..reclaim.clone() };
        (Some(Step::Record(Box::new(Leaving { reclaim: Some(reclaim), ..leaving.clone() }))), None)
    }
}

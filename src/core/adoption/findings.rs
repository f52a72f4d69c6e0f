//! What a takeover comes upon in a namespace, each under a name that stays the same while it is there.

use super::{Inside, Wish, nets, when_shut};
use crate::api::adoption::{Finding, FindingKind};
use crate::core::names::{GUEST_BINDING, pod_security};
use crate::core::quantity::Format;
use crate::core::quota;
use crate::core::text::{Text, shorten};
use k8s_openapi::api::core::v1::{Namespace, Pod, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::collections::BTreeSet;

/// So many workloads are named in a message.
const NAMED: usize = 10;

/// Everything that it comes upon: first what is in the way, then what breaks, then what stays.
pub(super) fn findings(wish: &Wish<'_>, space: &Namespace, inside: &Inside) -> Vec<Finding> {
    let mut all = in_the_way(inside);
    all.extend(pod_security_findings(wish, inside));
    all.extend(too_much(wish, inside));
    all.extend(defaults(inside));
    all.extend(elsewhere(wish, space, inside));
    all.push(networks(wish));
    all.extend(stays(inside));
    for finding in &mut all {
        finding.accepted = finding.kind == FindingKind::Breaks && wish.adoption.accepts.contains(&finding.name);
    }
    all.sort_by_key(|finding| finding.kind);
    all
}

pub(crate) fn finding(kind: FindingKind, name: &str, message: &Text) -> Finding {
    Finding { name: shorten(name, 256), kind, accepted: false, message: shorten(&message.to_string(), 1024) }
}

fn name(meta: &ObjectMeta) -> &str {
    meta.name.as_deref().unwrap_or_default()
}

/// Exactly one quota and one set of defaults hold in a system's namespace: two quotas can let in more than either
/// (kubernetes#141904).
fn in_the_way(inside: &Inside) -> Vec<Finding> {
    let quotas = inside.quotas.iter().map(|q| ("resourcequota", name(&q.metadata)));
    let limits = inside.limits.iter().map(|l| ("limitrange", name(&l.metadata)));
    let sized = quotas.chain(limits).map(|(kind, name)| {
        let why = Text::new(
            format!("another {kind}: what was granted holds alone, so it is deleted before the takeover"),
            "已有其他配额或限制，接管前须删除",
        );
        finding(FindingKind::InTheWay, &format!("{kind}/{name}"), &why)
    });
    let ours = |name: &str| name.starts_with("yunguan-");
    let policies = inside.policies.iter().map(|p| ("networkpolicy", name(&p.metadata)));
    let bindings = inside.bindings.iter().map(|b| ("rolebinding", name(&b.metadata)));
    let bindings = bindings.filter(|(_, name)| *name == "yunguan-developer" || name.starts_with(GUEST_BINDING));
    let taken = policies.filter(|(_, name)| ours(name)).chain(bindings).map(|(kind, name)| {
        let why = Text::new("its name is one of the operator's own: rename it", "名称与系统对象冲突，请更名");
        finding(FindingKind::InTheWay, &format!("{kind}/{name}"), &why)
    });
    sized.chain(taken).collect()
}

/// The API server itself is asked which pods the standard to come would refuse; it groups them by what is wrong with them.
fn pod_security_findings(wish: &Wish<'_>, inside: &Inside) -> Vec<Finding> {
    let (enforce, _) = pod_security(wish.protection_level);
    let Some(warnings) = &inside.warnings else {
        let why = Text::new(
            "not looked at: whoever may patch the namespace sees it, and so does the operator once the namespace is marked",
            "未检查：须由可修改该命名空间的人员查看，标记后由系统检查",
        );
        return vec![finding(FindingKind::Stays, "pod-security", &why)];
    };
    let about = warnings.iter().filter(|warning| !warning.starts_with("existing pods in namespace"));
    about
        .map(|warning| {
            if warning.contains("only checked against") {
                let why = Text::new(
                    format!("the API server has not looked at all pods: {warning}"),
                    "集群未能检查全部容器组",
                );
                return finding(FindingKind::Breaks, "pod-security/unchecked", &why);
            }
            let (pods, reasons) = warning.split_once(": ").unwrap_or((warning.as_str(), warning.as_str()));
            let pod = pods.split(' ').next().unwrap_or_default();
            let workload = inside.pods.iter().find(|p| name(&p.metadata) == pod).map_or_else(|| pod.to_owned(), workload);
            let others = pods.strip_prefix(pod).unwrap_or_default();
            let why = Text::new(
                format!(
                    "the standard {enforce} refuses pods of {workload}{others}: {reasons}. Those that run stay; started anew they are refused, so mend them before"
                ),
                format!("{workload}等的容器组不符合{enforce}级Pod安全标准：运行中的不受影响，重建时将被拒绝，请先整改"),
            );
            finding(FindingKind::Breaks, &format!("pod-security/{reasons}"), &why)
        })
        .collect()
}

/// What runs beyond what is granted.
fn too_much(wish: &Wish<'_>, inside: &Inside) -> Vec<Finding> {
    let Some(amounts) = wish.amounts else { return Vec::new() };
    let used = quota::used(&inside.pods, &inside.claims);
    let granted = quota::bound(amounts, wish.countable);
    let more = granted.iter().filter(|(resource, amount)| used.get(resource) > *amount);
    more.map(|(resource, amount)| {
        let format = Format::of(resource);
        let (in_use, granted) = (used.get(resource).print(format), amount.print(format));
        let why = Text::new(
            format!(
                "in use {in_use}, granted {granted}: nothing is stopped, but nothing more starts, and nothing is started anew, before use is below that; ask for more, or use less"
            ),
            format!("已使用{in_use}，授予{granted}：不会停止业务，但用量下降前无法新建或重建，请增加申请量或减少用量"),
        );
        finding(FindingKind::Breaks, &format!("quota/{resource}"), &why)
    })
    .collect()
}

/// Containers that state nothing get defaults once they are started anew.
fn defaults(inside: &Inside) -> Option<Finding> {
    let states = |resources: Option<&ResourceRequirements>, resource: &str| {
        resources.and_then(|r| r.limits.as_ref()).is_some_and(|limits| limits.contains_key(resource))
    };
    let states_all = |pod: &Pod| {
        let Some(spec) = &pod.spec else { return true };
        ["cpu", "memory"].into_iter().all(|resource| {
            // What is stated for the whole pod holds for all of its containers.
            states(spec.resources.as_ref(), resource)
                || spec.containers.iter().all(|container| states(container.resources.as_ref(), resource))
        })
    };
    let bare = inside.pods.iter().filter(|pod| !quota::has_ended(pod) && !states_all(pod));
    let workloads: BTreeSet<String> = bare.map(workload).collect();
    (!workloads.is_empty()).then(|| {
        let list = listed(&workloads);
        let why = Text::new(
            format!(
                "containers without limits of cpu and memory get what they request, and no less than the defaults of LimitRange yunguan, once they are started anew: {list}; state their own to keep what they need"
            ),
            format!("以下工作负载未声明CPU和内存上限，重建后以其请求量为上限，且不低于默认值：{list}；请自行声明"),
        );
        finding(FindingKind::Breaks, "default-limits", &why)
    })
}

/// A domain with nodes of its own.
fn elsewhere(wish: &Wish<'_>, space: &Namespace, inside: &Inside) -> Option<Finding> {
    let selector = &wish.domain.node_selector;
    if selector.is_empty() || inside.pods.is_empty() {
        return None;
    }
    let wanted: BTreeSet<String> = selector.iter().map(|(key, value)| format!("{key}={}", value.0)).collect();
    let notes = space.metadata.annotations.as_ref();
    let standing = notes.and_then(|notes| notes.get("scheduler.alpha.kubernetes.io/node-selector"));
    let standing: BTreeSet<String> = standing.iter().flat_map(|text| text.split(',')).map(str::to_owned).collect();
    (standing != wanted).then(|| {
        let wanted = listed(&wanted);
        let why = Text::new(
            format!(
                "pods that are started anew go to the nodes of the domain ({wanted}), to which their volumes must reach"
            ),
            format!("重建的容器组将调度到该云域的节点（{wanted}），其存储卷须可到达"),
        );
        finding(FindingKind::Breaks, "nodes", &why)
    })
}

/// Nobody can see from the API what talks to whom.
fn networks(wish: &Wish<'_>) -> Finding {
    let (when, when_zh) = when_shut(wish.adoption);
    let why = Text::new(
        format!(
            "{when} its pods reach, and are reached from, only name resolution, the namespace itself and {}: whatever else talks to them is cut; networksOpenUntil sets a later day",
            nets(wish)
        ),
        format!("{when_zh}容器组仅可访问域名解析、本命名空间和所申请的网络，其他通信将中断；可用networksOpenUntil推迟"),
    );
    finding(FindingKind::Breaks, "networks", &why)
}

/// What others have set and nobody can change any more, only remove.
fn stays(inside: &Inside) -> Vec<Finding> {
    let policies = inside.policies.iter().map(|p| ("networkpolicy", name(&p.metadata)));
    let policies = policies.filter(|(_, name)| !name.starts_with("yunguan-")).map(|found| {
        let why = Text::new(
            "it goes on opening what it opens: whoever made it removes it once it is not needed",
            "该策略继续生效，不再需要时由原创建者删除",
        );
        (found, why)
    });
    let bindings = inside.bindings.iter().map(|b| ("rolebinding", name(&b.metadata)));
    let ours = |name: &str| name == "yunguan-developer" || name.starts_with(GUEST_BINDING);
    let bindings = bindings.filter(|(_, name)| !ours(name)).map(|found| {
        let why = Text::new(
            "whom it lets in is in still: the unit's people get their own, so whoever made it removes it",
            "该授权继续有效；使用单位人员另行授权，请由原创建者删除",
        );
        (found, why)
    });
    let all = policies.chain(bindings);
    all.map(|((kind, name), why)| finding(FindingKind::Stays, &format!("{kind}/{name}"), &why)).collect()
}

fn listed(names: &BTreeSet<String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let mut shown: Vec<String> = names.iter().take(NAMED).cloned().collect();
    if more > 0 {
        shown.push(format!("+{more}"));
    }
    shown.join(", ")
}

/// What a pod belongs to, under a name that outlives the pod: its Deployment and not the ReplicaSet of the day.
fn workload(pod: &Pod) -> String {
    let owner = pod.metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
    let Some(owner) = owner else { return format!("Pod/{}", name(&pod.metadata)) };
    let hash = pod.metadata.labels.as_ref().and_then(|labels| labels.get("pod-template-hash"));
    let stem = hash.and_then(|hash| owner.name.strip_suffix(hash.as_str())?.strip_suffix('-'));
    match stem.filter(|_| owner.kind == "ReplicaSet") {
        Some(stem) => format!("Deployment/{stem}"),
        None => format!("{}/{}", owner.kind, owner.name),
    }
}

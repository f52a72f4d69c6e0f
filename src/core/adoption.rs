//! Taking over a namespace that is in use (R4.2): what that would change, what would break, and what stands in its way. Nothing
//! that runs is restarted by it, and what the plan does not list is not cut.

mod findings;
#[cfg(test)]
mod tests;

use super::quantity::{Amounts, Format};
use super::quota::Countable;
use super::text::{Text, shorten};
use super::{fit, names, quota, retention};
use crate::api::CloudDomainSpec;
use crate::api::adoption::{Adopted, Adoption, AdoptionPlan, Finding, FindingKind};
use crate::api::cloud_domain::Network;
use crate::api::common::Time;
use crate::api::governance_policy::GovernancePolicySpec;
use crate::api::names::{ANNOTATION_ADOPT, ANNOTATION_OWNER_UID, LABEL_MANAGED};
#[cfg(test)]
pub(crate) use findings::finding;
use findings::findings;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use k8s_openapi::api::core::v1::{LimitRange, Namespace, PersistentVolumeClaim, Pod, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;

/// So many findings are shown; none is left out of the judgement.
const SHOWN: usize = 64;

/// What is seen of a namespace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// The namespace; nothing where there is none.
    pub namespace: Option<Namespace>,
    /// What is in it; nothing where nobody looked.
    pub inside: Option<Inside>,
}

/// What is in a namespace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inside {
    /// Pods.
    pub pods: Vec<Pod>,
    /// Claims.
    pub claims: Vec<PersistentVolumeClaim>,
    /// Quotas.
    pub quotas: Vec<ResourceQuota>,
    /// Limit ranges.
    pub limits: Vec<LimitRange>,
    /// Network policies.
    pub policies: Vec<NetworkPolicy>,
    /// Role bindings.
    pub bindings: Vec<RoleBinding>,
    /// What the API server warns of when it is asked whether the Pod Security standard to come may be set; nothing where it
    /// could not be asked.
    pub warnings: Option<Vec<String>>,
}

/// What is to become of the namespace.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// What the request says of it.
    pub adoption: &'a Adoption,
    /// What the namespace must be marked with.
    pub mark: &'a str,
    /// What is granted; nothing where that is not known yet.
    pub amounts: Option<&'a Amounts>,
    /// The domain.
    pub domain: &'a CloudDomainSpec,
    /// What a quota can count in it.
    pub countable: &'a Countable,
    /// MLPS level.
    pub protection_level: i32,
    /// Networks that are granted.
    pub networks: &'a [Network],
}

/// Why it cannot be taken over as things are, in one word and in words.
pub type Refusal = (&'static str, Text);

/// What a takeover would come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outlook {
    /// What would change and break; nothing where nobody may look into it.
    pub plan: Option<AdoptionPlan>,
    /// What stands in the way.
    pub refusal: Option<Refusal>,
}

/// By what a namespace is marked as being let go to a request.
#[must_use]
pub fn mark(home: &str, request: &str, uid: &str) -> String {
    format!("{home}/{request}/{uid}")
}

/// The mark that a namespace carries.
#[must_use]
pub fn mark_of(namespace: &Namespace) -> Option<&str> {
    namespace.metadata.annotations.as_ref()?.get(ANNOTATION_ADOPT).map(String::as_str)
}

/// The plan, and what stands in the way of it.
#[must_use]
pub fn outlook(wish: &Wish<'_>, seen: &Seen) -> Outlook {
    let name = &wish.adoption.namespace;
    let Some(space) = &seen.namespace else {
        let why = Text::new(
            format!(
                "adopts.namespace: there is no namespace {name}: correct the name, or leave adopts out for a new one"
            ),
            format!("命名空间{name}不存在，请更正；新建命名空间请勿填写adopts"),
        );
        return Outlook { plan: None, refusal: Some(("NamespaceMissing", why)) };
    };
    if let Some(refusal) = unusable(name, space) {
        return Outlook { plan: None, refusal: Some(refusal) };
    }
    let all = seen.inside.as_ref().map(|inside| findings(wish, space, inside));
    let refusal = offered(wish, space).or_else(|| all.as_deref().and_then(judged));
    let plan = all.map(|all| {
        let (findings, more) = fit::first(all, SHOWN);
        AdoptionPlan {
            namespace: name.clone(),
            uid: space.metadata.uid.clone().unwrap_or_default(),
            changes: changes(wish, space),
            findings,
            more,
        }
    });
    Outlook { plan, refusal }
}

/// What nobody may take over.
fn unusable(name: &str, space: &Namespace) -> Option<Refusal> {
    let meta = &space.metadata;
    if meta.deletion_timestamp.is_some() {
        let why = Text::new(
            format!(
                "adopts.namespace: {name} is being deleted: wait until it is gone and leave adopts out, or name another"
            ),
            format!("命名空间{name}正在删除，不可接管，请待其删除后新建，或更换"),
        );
        return Some(("NamespaceTerminating", why));
    }
    let label = meta.labels.as_ref().is_some_and(|labels| labels.contains_key(LABEL_MANAGED));
    let owner = meta.annotations.as_ref().is_some_and(|notes| notes.contains_key(ANNOTATION_OWNER_UID));
    (label || owner).then(|| {
        let why = Text::new(
            format!(
                "adopts.namespace: {name} is that of a system or a unit here already and is not taken from it: ask for other resources of that system with a ResourceChange (annex 2), or name another namespace"
            ),
            format!("命名空间{name}已属其他系统或单位，不可接管；如需调整该系统资源请填写资源变更/注销申请表"),
        );
        ("NamespaceTaken", why)
    })
}

/// Whether somebody who may has let it go to this request.
fn offered(wish: &Wish<'_>, space: &Namespace) -> Option<Refusal> {
    let name = &wish.adoption.namespace;
    let request = wish.mark.rsplit_once('/').map_or(wish.mark, |(request, _)| request);
    match mark_of(space) {
        Some(mark) if mark == wish.mark => None,
        Some(other) => Some((
            "NotOffered",
            Text::new(
                format!(
                    "adopts.namespace: {name} is marked for another request, {other}: whoever of the authority marked it takes that mark ({ANNOTATION_ADOPT}) off first"
                ),
                format!("命名空间{name}已标记给其他申请（{other}），请云主管部门先取消该标记"),
            ),
        )),
        None => Some((
            "NotOffered",
            Text::new(
                format!(
                    "adopts.namespace: nobody has said yet that {name} is this unit's and may be taken over: a person of the authority whom its owner lets in marks it with `kubectl yunguan adopt {request}`"
                ),
                format!(
                    "尚未确认命名空间{name}属于本单位并可接管：由其所有者授权的云主管部门人员用kubectl yunguan adopt {request}标记"
                ),
            ),
        )),
    }
}

/// What must go first, and what is neither mended nor accepted.
fn judged(findings: &[Finding]) -> Option<Refusal> {
    let named = |wanted: FindingKind| -> Vec<&str> {
        let open = findings.iter().filter(|f| f.kind == wanted && !f.accepted);
        open.map(|f| f.name.as_str()).collect()
    };
    let in_the_way = named(FindingKind::InTheWay);
    if !in_the_way.is_empty() {
        let list = in_the_way.join(", ");
        let why = Text::new(
            format!(
                "adopts: in the way of a takeover, and to be removed by whoever made it: {list} (see status.adoption)"
            ),
            format!("接管前须由原创建者清除：{list}（见status.adoption）"),
        );
        return Some(("InTheWay", why));
    }
    let breaks = named(FindingKind::Breaks);
    (!breaks.is_empty()).then(|| {
        let list = breaks.join(", ");
        let why = Text::new(
            format!(
                "adopts.accepts: a takeover would break what is not accepted: {list}; mend each, or accept it by its name (`kubectl yunguan adopt --plan` shows what it is)"
            ),
            format!("接管将产生尚未接受的影响：{list}；请逐项整改，或在adopts.accepts中按名称列明接受"),
        );
        ("NotAccepted", why)
    })
}

/// What the rules have against it, whatever is in the namespace.
pub(super) fn against(
    adoption: &Adoption,
    policy: &GovernancePolicySpec,
    exists_already: bool,
    filed: Date,
) -> Option<Text> {
    let Some(rules) = &policy.adoption else {
        return Some(Text::new(
            "adopts: the rules do not say how a namespace is taken over: leave adopts out, or the authority publishes a version with spec.adoption",
            "管理办法未规定命名空间的接管，请勿填写adopts，或由主管部门发布含spec.adoption的版本",
        ));
    };
    if exists_already {
        return Some(Text::new(
            "adopts: the system has a namespace already: leave adopts out",
            "该系统已有命名空间，请勿填写adopts",
        ));
    }
    let until = adoption.networks_open_until?;
    let limit = &rules.networks_open_days;
    let last = filed.checked_add(limit.value.days()).unwrap_or(Date::MAX);
    (until > last || until < filed).then(|| {
        Text::new(
            format!(
                "adopts.networksOpenUntil: {until} is not within {} days of filing, {filed} to {last} ({}): choose such a day, or leave it out",
                limit.value, limit.article
            ),
            format!(
                "adopts.networksOpenUntil须在提交之日起{}天内（{filed}至{last}，{}），请更正或不填",
                limit.value, limit.article
            ),
        )
    })
}

/// What goes on record of it.
pub(super) fn record(adoption: &Adoption, plan: &AdoptionPlan, from: Time, zone: &TimeZone) -> Adopted {
    let open_until = adoption.networks_open_until.and_then(|last| retention::ends_at(last, zone));
    let shut = open_until.map_or(from, Time::new).max(from);
    Adopted { uid: plan.uid.clone(), networks_shut_from: shut }
}

/// Whether the networks of a system are left as they are at this moment.
#[must_use]
pub fn networks_open(adopted: Option<&Adopted>, now: Timestamp) -> bool {
    adopted.is_some_and(|adopted| now < adopted.networks_shut_from.timestamp())
}

/// When its networks are to be shut, for people.
fn when_shut(adoption: &Adoption) -> (String, String) {
    match adoption.networks_open_until {
        None => ("at once".to_owned(), "接管时".to_owned()),
        Some(last) => (format!("after {last}"), format!("{last}之后")),
    }
}

/// What is set, in words.
fn changes(wish: &Wish<'_>, space: &Namespace) -> Vec<String> {
    let empty = std::collections::BTreeMap::new();
    let labels = space.metadata.labels.as_ref().unwrap_or(&empty);
    let (enforce, warn) = names::pod_security(wish.protection_level);
    let standard = |key: &str, to: &str| {
        let from = labels.get(&format!("pod-security.kubernetes.io/{key}")).map_or("-", String::as_str);
        format!("{key} {from} -> {to}")
    };
    let (when, when_zh) = when_shut(wish.adoption);
    let mut changes = vec![
        Text::new(
            "labels of Yunguan; from then on the operator alone writes the namespace itself, and quotas, limits, network policies and role bindings in it",
            "添加受管标签；此后命名空间本身及其中的配额、限制、网络策略和授权仅由系统写入",
        ),
        Text::new(
            format!("Pod Security: {}, {}; pods that run stay", standard("enforce", enforce), standard("warn", warn)),
            "设置Pod安全标准，运行中的容器组不受影响",
        ),
    ];
    if let Some(amounts) = wish.amounts {
        let hard = quota::bound(amounts, wish.countable);
        let hard: Vec<String> = hard.iter().map(|(r, amount)| format!("{r}={}", amount.print(Format::of(r)))).collect();
        changes.push(Text::new(format!("ResourceQuota yunguan: {}", hard.join(", ")), "按授予设置配额"));
    }
    changes.push(Text::new(
        "LimitRange yunguan: defaults for containers that state nothing, once they are started anew",
        "为未声明资源的容器设置默认值，重建后生效",
    ));
    changes.push(Text::new(
        format!(
            "NetworkPolicies yunguan-...: {when} all is shut but name resolution, the namespace itself and {}",
            nets(wish)
        ),
        format!("{when_zh}除域名解析、本命名空间和所申请网络外，网络一律关闭"),
    ));
    changes.push(Text::new("RoleBinding yunguan-developer: the people of the unit", "授权使用单位人员"));
    if !wish.domain.node_selector.is_empty() {
        let selector: Vec<String> = wish.domain.node_selector.iter().map(|(k, v)| format!("{k}={}", v.0)).collect();
        changes
            .push(Text::new(format!("node selector of the domain: {}", selector.join(",")), "设置云域的节点选择条件"));
    }
    changes.iter().map(|text| shorten(&text.to_string(), 1024)).collect()
}

fn nets(wish: &Wish<'_>) -> String {
    let mut networks: Vec<String> = wish.networks.iter().map(Network::to_string).collect();
    networks.sort_unstable();
    networks.join(", ")
}

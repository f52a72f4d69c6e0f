//! The names of resources: what the API server refuses where it is written. `core::resources` reads them.

/// Names that a ResourceQuota holds as they are, and counts in whole numbers.
pub const COUNTS: [&str; 9] = [
    "pods",
    "services",
    "services.loadbalancers",
    "services.nodeports",
    "persistentvolumeclaims",
    "configmaps",
    "secrets",
    "replicationcontrollers",
    "resourcequotas",
];
/// Names that a ResourceQuota holds as they are, in cores.
pub const CORES: [&str; 2] = ["requests.cpu", "limits.cpu"];
/// Names that a ResourceQuota holds as they are, in bytes.
pub const BYTES: [&str; 5] =
    ["requests.memory", "limits.memory", "requests.storage", "requests.ephemeral-storage", "limits.ephemeral-storage"];
/// What containers and claims ask for by these names, a quota holds with `requests.` before.
pub const ASKED: [&str; 4] = ["cpu", "memory", "storage", "ephemeral-storage"];
/// Words of quotas: a name that has one of them and is none of the names above is a slip of the pen.
pub const WORDS: [&str; 26] = [
    "request",
    "requests",
    "limit",
    "limits",
    "count",
    "counts",
    "pod",
    "pods",
    "service",
    "services",
    "loadbalancer",
    "loadbalancers",
    "nodeport",
    "nodeports",
    "persistentvolumeclaim",
    "persistentvolumeclaims",
    "configmap",
    "configmaps",
    "secret",
    "secrets",
    "cpu",
    "cpus",
    "memory",
    "mem",
    "storage",
    "ephemeral-storage",
];
/// The domain of the names by which pods ask for devices of a class (KEP-5004).
pub const DEVICE_CLASS: &str = "deviceclass.resource.kubernetes.io";
/// What follows a device class in the name by which a quota counts claims of its devices.
pub const CLAIMED_DEVICES: &str = ".deviceclass.resource.k8s.io";
/// What follows a storage class in the names by which a quota counts claims of it.
pub const OF_STORAGE_CLASS: &str = ".storageclass.storage.k8s.io";

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const LAST: &str = "[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?";
const HUGE_PAGES: &str = "(requests[.])?hugepages-[1-9][0-9]*[KMGT]i";

fn alternatives(words: &[&str]) -> String {
    words.join("|").replace('.', "[.]")
}

/// In CEL: whether a quota can hold the name `r`.
fn held() -> String {
    let plain = alternatives(&[&COUNTS[..], &CORES, &BYTES, &ASKED].concat());
    let dns = format!("{LABEL}([.]{LABEL})*");
    let known = [
        "count/[a-z]([-a-z0-9.]*[a-z0-9])?".to_owned(),
        format!("{dns}{}/(requests[.]storage|persistentvolumeclaims)", alternatives(&[OF_STORAGE_CLASS])),
        format!("{dns}{}/devices", alternatives(&[CLAIMED_DEVICES])),
        format!("(requests[.])?{}/{dns}", alternatives(&[DEVICE_CLASS])),
    ];
    let known = known.join("|");
    let reserved = alternatives(&[OF_STORAGE_CLASS, CLAIMED_DEVICES]);
    format!(
        "(r.contains('/') ? r.matches('^({known})$') || r.matches('^{LABEL}([.]{LABEL})+/{LAST}$') \
         && !r.matches('^(requests[.]{LABEL}/|requests[.](requests?|limits?)[.]|(request|limits?|counts?)[.])|kubernetes[.]io/|({reserved})/') \
         : r.matches('^({plain}|{HUGE_PAGES})$'))"
    )
}

/// In CEL: whether the name `r` has no word of a quota in it, so that it is counted against a domain only.
fn free() -> String {
    format!("(!r.contains('/') && !r.matches('(?i)(^|[.])({}|hugepages-.*)([.]|$)'))", alternatives(&WORDS))
}

/// What a domain has: names that a quota holds, and others that are not just slips of the pen.
pub(super) fn capacity_rule() -> String {
    format!("self.all(r, {} || {})", held(), free())
}
/// See [`capacity_rule`].
pub(super) const CAPACITY_HINT: &str = "a resource has its name in a ResourceQuota, such as requests.cpu, limits.memory, requests.nvidia.com/gpu, pods or count/ingresses.networking.k8s.io; what no quota counts has a name without words of quotas, such as bandwidth.mbps (资源名称须与配额一致，如 requests.cpu；配额之外的资源另行命名，如 bandwidth.mbps)";

/// What a product gives: names that a quota holds, and those of which a domain alone keeps count, which say in what; anything
/// where a person opens it.
pub(super) fn product_rule() -> String {
    format!(
        "self.fulfilment == 'Manual' || !has(self.amounts) || self.amounts.all(r, {} || {} && r.matches('^[^.]+([.][^.]+)+$'))",
        held(),
        free()
    )
}
/// See [`product_rule`].
pub(super) const PRODUCT_HINT: &str = "a product that is fulfilled by Quota has amounts that a ResourceQuota can hold, such as requests.cpu, limits.memory, requests.nvidia.com/gpu, pods, or that the domain alone counts, with what they are counted in, such as bandwidth.mbps; what a person opens is fulfilled by Manual (配额开通的产品只能使用配额可容纳的资源名称，或带计量单位的其他名称，如 bandwidth.mbps；其他资源请改为人工开通)";

/// Whole numbers where Kubernetes counts in them, and one name for one thing.
pub(super) fn amounts_rule() -> String {
    format!(
        "self.all(r, !(('requests.' + r) in self) && (r in ['cpu', '{}'] || {} \
         || string(self[r]).matches('^([0-9]+([.]0*)?|[0-9]*000m|0+m|[0-9.]+([KMGTPE]i|[kMGTPE]|[eE][0-9]{{1,2}}))$')) \
         && (!r.matches('^{HUGE_PAGES}$') || quantity(string(self[r])).asInteger() \
         % quantity(r.replace('requests.', '').replace('hugepages-', '')).asInteger() == 0))",
        CORES.join("', '"),
        free()
    )
}
/// See [`amounts_rule`].
pub(super) const AMOUNTS_HINT: &str = "pods, claims, devices, bytes and whatever else is counted come in whole numbers (fractions such as 500m are for cpu and for what no quota holds), huge pages in whole pages, and a resource is named once: cpu is requests.cpu (除CPU外资源数量须为整数；大页内存须为页大小的整数倍；同一资源只能填写一次)";

//! What the names of resources mean: in products, in what a domain has, and in the quota of a system. One resource has one
//! name here, whatever it was written as: the one by which a ResourceQuota counts it.

use super::quantity::Amount;
use super::text::Text;
use crate::api::common::QuantityMap;
use crate::api::resources::{ASKED, BYTES, CLAIMED_DEVICES, CORES, COUNTS, DEVICE_CLASS, OF_STORAGE_CLASS, WORDS};
use std::borrow::Cow;

#[cfg(test)]
mod tests;

/// A resource by the name that counts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resource<'n> {
    /// Its name in a quota; as it was written where no quota counts it.
    pub name: Cow<'n, str>,
    /// In what it is counted.
    pub unit: Unit,
}

/// In what a resource is counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unit {
    /// In cores, down to a thousandth.
    Cores,
    /// In whole numbers: bytes, pods, devices.
    Whole,
    /// In pages of so many bytes.
    Pages(Amount),
    /// By nothing in the cluster: the domain alone keeps count.
    Free,
}

/// Reads a name.
///
/// # Errors
/// Says what was meant, where it looks like the name of a quota's resource and is none.
pub fn read(name: &str) -> Result<Resource<'_>, Text> {
    match name.split_once('/') {
        None => plain(name),
        Some((domain, last)) => qualified(name, domain, last),
    }
}

/// The name that counts, or the name as it is where it means nothing.
#[must_use]
pub fn canonical(name: &str) -> Cow<'_, str> {
    read(name).map_or(Cow::Borrowed(name), |resource| resource.name)
}

/// Whether a ResourceQuota can hold this resource; others, such as bandwidth, are counted against the domain only.
#[must_use]
pub fn is_held(name: &str) -> bool {
    read(name).is_ok_and(|resource| resource.unit != Unit::Free)
}

/// The class of devices that a name counts.
#[must_use]
pub fn device_class(name: &str) -> Option<&str> {
    name.strip_suffix("/devices")?.strip_suffix(CLAIMED_DEVICES)
}

/// The name by which claims of devices of a class are counted, and under which they are in the catalog.
#[must_use]
pub fn devices(class: &str) -> String {
    format!("{class}{CLAIMED_DEVICES}/devices")
}

/// The name by which pods are counted that ask for devices of a class by the class alone.
#[must_use]
pub fn implicit_devices(class: &str) -> String {
    format!("requests.{DEVICE_CLASS}/{class}")
}

/// Who gives what amounts name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Given {
    /// The quota of a system.
    ByQuota,
    /// A person, who can give anything.
    ByHand,
    /// A domain, which has it.
    ByDomain,
}

/// What is wrong with amounts that people have written, each with its place.
#[must_use]
pub fn problems(at: &str, amounts: &QuantityMap, by: Given) -> Vec<(String, Text)> {
    let each = amounts.iter().filter_map(|(name, quantity)| {
        let by_name = match by {
            Given::ByQuota => gives_nothing(name),
            Given::ByHand => None,
            Given::ByDomain => read(name).err(),
        };
        let why = by_name.or_else(|| match Amount::parse(&quantity.0) {
            Ok(amount) => unusable(name, amount),
            Err(error) => Some(Text::new(error.to_string(), "数量有误")),
        })?;
        Some((format!("{at}[{name}]"), why))
    });
    let twice = named_twice(amounts.keys()).map(|(one, other)| {
        let why = Text::new(
            format!("{one} and {other} are two names of one resource: write one of them"),
            format!("{one}与{other}是同一资源，只能填写一个"),
        );
        (at.to_owned(), why)
    });
    each.chain(twice).collect()
}

/// Why so much of a resource cannot be given as a whole.
fn unusable(name: &str, amount: Amount) -> Option<Text> {
    let unit = read(name).ok()?.unit;
    let whole = amount.thousandths() % 1000 == 0;
    match unit {
        Unit::Whole | Unit::Pages(_) if !whole => Some(Text::new(
            "it comes in whole numbers: fractions such as 500m are for cpu alone",
            "数量须为整数，只有CPU可用小数",
        )),
        Unit::Pages(page) if amount.thousandths() % page.thousandths() != 0 => Some(Text::new(
            format!("it comes in pages of {} bytes: write a multiple of that", page.thousandths() / 1000),
            format!("大页内存须为{}字节的整数倍", page.thousandths() / 1000),
        )),
        _ => None,
    }
}

/// What is wrong with a name as that of something which a product gives by itself: nothing in the cluster gives it, and it does
/// not say that only the domain counts it.
pub(super) fn gives_nothing(name: &str) -> Option<Text> {
    match read(name) {
        Err(why) => Some(why),
        Ok(resource) if resource.unit == Unit::Free && !says_in_what(name) => Some(Text::new(
            format!(
                "nothing in a cluster counts `{name}`: name what a quota counts, such as requests.cpu or requests.nvidia.com/gpu; what only the domain counts says in what, such as {name}.units; or set spec.fulfilment to Manual, and a person opens it"
            ),
            format!(
                "集群不计量{name}：请使用配额资源名称；仅由云域计量的资源须带计量单位，如{name}.units；或改为人工开通"
            ),
        )),
        Ok(_) => None,
    }
}

/// Whether the name of something that only a domain counts says what it is counted in.
fn says_in_what(name: &str) -> bool {
    name.contains('.') && name.split('.').all(|part| !part.is_empty())
}

/// Two names of one thing.
fn named_twice<'n>(names: impl IntoIterator<Item = &'n String>) -> Option<(&'n str, &'n str)> {
    let mut seen: Vec<(Cow<'n, str>, &'n str)> = Vec::new();
    for name in names {
        let counts = canonical(name);
        if let Some((_, other)) = seen.iter().find(|(there, _)| *there == counts) {
            return Some((other, name));
        }
        seen.push((counts, name));
    }
    None
}

fn plain(name: &str) -> Result<Resource<'_>, Text> {
    let counted = |unit| Ok(Resource { name: Cow::Borrowed(name), unit });
    if CORES.contains(&name) {
        return counted(Unit::Cores);
    }
    if COUNTS.contains(&name) || BYTES.contains(&name) {
        return counted(Unit::Whole);
    }
    if ASKED.contains(&name) {
        let unit = if name == "cpu" { Unit::Cores } else { Unit::Whole };
        return Ok(Resource { name: Cow::Owned(format!("requests.{name}")), unit });
    }
    if let Some(page) = name.strip_prefix("requests.").unwrap_or(name).strip_prefix("hugepages-").and_then(page) {
        let name = if name.starts_with("requests.") { Cow::Borrowed(name) } else { format!("requests.{name}").into() };
        return Ok(Resource { name, unit: Unit::Pages(page) });
    }
    let lower = name.to_ascii_lowercase();
    if lower.split('.').any(|part| WORDS.contains(&part) || part.starts_with("hugepages-")) {
        return Err(slip(name));
    }
    counted(Unit::Free)
}

fn page(size: &str) -> Option<Amount> {
    let sound = size.starts_with(|c: char| c.is_ascii_digit() && c != '0')
        && ["Ki", "Mi", "Gi", "Ti"]
            .iter()
            .any(|unit| size.strip_suffix(unit).is_some_and(|digits| digits.chars().all(|c| c.is_ascii_digit())));
    if sound { Amount::parse(size).ok() } else { None }
}

fn qualified<'n>(name: &'n str, domain: &'n str, last: &'n str) -> Result<Resource<'n>, Text> {
    let whole = |name| Ok(Resource { name, unit: Unit::Whole });
    let asked = domain.strip_prefix("requests.").unwrap_or(domain);
    let of = |suffix: &str| domain.strip_suffix(suffix).map(is_dns);
    if domain == "count" {
        let sound = last.starts_with(|c: char| c.is_ascii_lowercase())
            && last.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && last.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c));
        return if sound { whole(name.into()) } else { Err(slip(name)) };
    }
    if let Some(sound) = of(OF_STORAGE_CLASS) {
        let counted = sound && ["requests.storage", "persistentvolumeclaims"].contains(&last);
        return if counted { whole(name.into()) } else { Err(slip(name)) };
    }
    if let Some(sound) = of(CLAIMED_DEVICES) {
        return if sound && last == "devices" { whole(name.into()) } else { Err(slip(name)) };
    }
    if asked == DEVICE_CLASS {
        return if is_dns(last) { whole(devices(last).into()) } else { Err(slip(name)) };
    }
    let first = asked.split('.').next().unwrap_or_default();
    let sound = is_dns(asked)
        && asked.contains('.')
        && is_last(last)
        && !["request", "requests", "limit", "limits", "count", "counts"].contains(&first)
        && !asked.ends_with("kubernetes.io");
    if !sound {
        return Err(slip(name));
    }
    whole(if asked == domain { format!("requests.{name}").into() } else { name.into() })
}

fn is_dns(name: &str) -> bool {
    let is_label = |label: &str| {
        let is_end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        label.starts_with(is_end) && label.ends_with(is_end) && label.chars().all(|c| is_end(c) || c == '-')
    };
    name.split('.').all(is_label)
}

fn is_last(name: &str) -> bool {
    let is_end = |c: char| c.is_ascii_alphanumeric();
    name.starts_with(is_end) && name.ends_with(is_end) && name.chars().all(|c| is_end(c) || "-_.".contains(c))
}

/// The name of a quota that comes nearest.
fn nearest(name: &str) -> String {
    let bare = ["requests.", "limits."].iter().find_map(|word| name.strip_prefix(word)).unwrap_or(name);
    let whole = COUNTS.iter().chain(&CORES).chain(&BYTES).map(|k| (strsim::levenshtein(k, name), (*k).to_owned()));
    let counts = COUNTS.iter().map(|k| (strsim::levenshtein(k, bare), (*k).to_owned()));
    let asked = ASKED.iter().map(|k| (strsim::levenshtein(k, bare), format!("requests.{k}")));
    let found = whole.chain(asked).chain(counts).min_by_key(|(distance, _)| *distance);
    found.map(|(_, name)| name).unwrap_or_default()
}

/// What a name that no quota holds was to be.
fn slip(name: &str) -> Text {
    let limits = ["limits.", "limit."].iter().find_map(|word| name.strip_prefix(word));
    let (meant, zh) = match limits {
        Some(asked) if asked.contains('/') || asked.starts_with("hugepages-") => {
            (format!("did you mean requests.{asked}?"), format!("是否为requests.{asked}？"))
        }
        _ if name.contains('/') => (
            "it holds what pods ask for, such as nvidia.com/gpu, NAME.storageclass.storage.k8s.io/requests.storage, NAME.deviceclass.resource.k8s.io/devices and count/NAME.GROUP.".to_owned(),
            "可容纳的有nvidia.com/gpu、存储类、设备类别和count/对象计数。".to_owned(),
        ),
        _ => {
            let meant = nearest(&name.to_lowercase());
            (format!("did you mean {meant}?"), format!("是否为{meant}？"))
        }
    };
    Text::new(
        format!(
            "no ResourceQuota holds `{name}`: {meant} What only the domain counts has a name without words of quotas, such as bandwidth.mbps"
        ),
        format!("配额不能容纳{name}：{zh}仅由云域计量的资源请另行命名，如bandwidth.mbps"),
    )
}

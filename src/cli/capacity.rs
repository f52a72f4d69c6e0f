//! What a domain has left, now and in the coming months.

use super::lang::Lang;
use super::moment::Clock;
use super::page::Page;
use crate::api::CloudDomain;
use crate::api::cloud_domain::ShortageAt;
use crate::api::common::{Quantity, Time};
use crate::core::calendar::add_months;
use crate::core::capacity::{self, Profile};
use crate::core::effective::Span;
use crate::core::quantity::{Amount, Amounts, Format};
use jiff::Timestamp;
use jiff::civil::Date;
use kube::ResourceExt as _;
use serde::Serialize;

/// Columns that a full bar takes.
const BAR: usize = 40;

/// A domain.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outlook {
    /// Its name.
    pub domain: String,
    /// Each resource, by name.
    pub resources: Vec<Resource>,
    /// Whether each of its systems could be read: only then is the course of the months known.
    pub complete: bool,
    /// What cannot be read, where something cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A resource of a domain.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// What there is.
    pub capacity: Quantity,
    /// How many percent of it may be granted.
    pub ratio: i32,
    /// What may be granted.
    pub grantable: Quantity,
    /// What is granted now.
    pub granted: Quantity,
    /// What may still be granted now.
    pub free: Quantity,
    /// The most that is granted at any moment from now on.
    pub peak: Quantity,
    /// From when more is granted than there is, and how much is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shortage: Option<ShortageAt>,
    /// The most of each month, in percent of what may be granted; empty where that is not known.
    pub months: Vec<Month>,
    #[serde(skip)]
    percent_now: i128,
    #[serde(skip)]
    percent_peak: i128,
}

/// A month, or what is left of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Month {
    /// Its first day that is looked at.
    pub from: Date,
    /// The most that is granted in it.
    pub granted: Quantity,
    /// In percent of what may be granted.
    pub percent: i128,
}

/// Works it out. `profile` is what is taken at every moment, where all of it could be read.
#[must_use]
pub fn outlook(domain: &CloudDomain, profile: Option<&Profile>, clock: &Clock, months: i32) -> Outlook {
    let name = domain.name_any();
    let failed =
        |what: String| Outlook { domain: name.clone(), resources: Vec::new(), complete: false, problem: Some(what) };
    let status = domain.status.clone().unwrap_or_default();
    let read = |map| Amounts::parse(map).map_err(|(resource, error)| format!("{resource}: {error}"));
    let ceiling = capacity::grantable(&domain.spec).map_err(|(resource, error)| format!("{resource}: {error}"));
    let whole = read(&domain.spec.capacity).unwrap_or_default();
    let (ceiling, granted, peak) = match (ceiling, read(&status.granted), read(&status.peak)) {
        (Ok(ceiling), Ok(granted), Ok(peak)) => (ceiling, granted, peak),
        (Err(why), ..) | (_, Err(why), _) | (.., Err(why)) => return failed(why),
    };
    let (granted, peak) = match profile {
        Some(profile) => (profile.at(clock.now), profile.highest(clock.now)),
        None => (granted.clone(), granted.highest(&peak)),
    };
    let spans = profile.map(|_| spans(clock, months)).unwrap_or_default();
    let resources = ceiling.iter().map(|(resource, grantable)| {
        let print = |amount: Amount| Quantity(amount.print(Format::of(resource)));
        let (now, most) = (granted.get(resource), peak.get(resource));
        let month = |(day, span): &(Date, Span)| {
            let most = profile.map(|p| p.highest_within(*span).get(resource)).unwrap_or_default();
            Month { from: *day, granted: print(most), percent: percent(most, grantable) }
        };
        Resource {
            name: resource.to_owned(),
            capacity: print(whole.get(resource)),
            ratio: capacity::percent(&domain.spec, resource),
            grantable: print(grantable),
            granted: print(now),
            free: print(grantable.checked_sub(now).unwrap_or_default()),
            peak: print(most),
            shortage: status.shortages.iter().find(|s| s.resource == resource).cloned(),
            months: spans.iter().map(month).collect(),
            percent_now: percent(now, grantable),
            percent_peak: percent(most, grantable),
        }
    });
    Outlook { domain: name.clone(), resources: resources.collect(), complete: profile.is_some(), problem: None }
}

/// Rounded up: what is not quite full is never shown as empty, and what is above is above.
fn percent(amount: Amount, of: Amount) -> i128 {
    match of.thousandths() {
        0 if amount == Amount::ZERO => 0,
        0 => 100,
        whole => (amount.thousandths() * 100 + whole - 1) / whole,
    }
}

/// What is left of this month, and the months after it.
fn spans(clock: &Clock, months: i32) -> Vec<(Date, Span)> {
    let today = clock.now.to_zoned(clock.zone.clone()).date();
    let begins = |n: i32| {
        let day = add_months(today.first_of_month(), n)?;
        Some((day, day.to_zoned(clock.zone.clone()).ok()?.timestamp()))
    };
    let span = |n: i32| {
        let ((day, from), (_, until)) = (begins(n)?, begins(n + 1)?);
        let (day, from): (Date, Timestamp) = if n == 0 { (today, clock.now) } else { (day, from) };
        Some((day, Span { from, until: Some(until) }))
    };
    (0..months).filter_map(span).collect()
}

/// As text: a table, and the months of every resource of which something is granted.
#[must_use]
pub fn page(lang: Lang, clock: &Clock, outlooks: &[Outlook]) -> Page {
    let mut page = Page::default();
    for outlook in outlooks {
        page.heading(format!("{}  {}", lang.pick("DOMAIN", "云域"), outlook.domain));
        if let Some(problem) = &outlook.problem {
            page.line(lang.note(problem));
            continue;
        }
        table(&mut page, lang, clock, &outlook.resources);
        let granted = |r: &&Resource| r.percent_now > 0 || r.percent_peak > 0;
        let shown: Vec<&Resource> = outlook.resources.iter().filter(granted).collect();
        if !outlook.complete {
            page.line(lang.note(&lang.months_unknown()));
        }
        for resource in shown {
            page.line("");
            page.line(format!("{} / {}", resource.name, resource.grantable));
            for (label, percent, granted) in bars(lang, resource) {
                page.line(format!("  {label:<8}{} {percent:>3}%  {granted}", bar(percent)));
            }
        }
    }
    page
}

fn table(page: &mut Page, lang: Lang, clock: &Clock, resources: &[Resource]) {
    let header = match lang {
        Lang::En => ["RESOURCE", "CAPACITY", "RATIO", "GRANTABLE", "GRANTED", "FREE", "PEAK AHEAD", "SHORT"],
        Lang::Zh => ["资源", "容量", "超分比例", "可授予", "已授予", "剩余", "未来最高", "缺口"],
    };
    let short = |s: &ShortageAt| {
        let from: Time = s.from;
        lang.short_from(&s.missing, &clock.minute(from))
    };
    let rows = resources.iter().map(|r| {
        vec![
            r.name.clone(),
            r.capacity.0.clone(),
            format!("{}%", r.ratio),
            r.grantable.0.clone(),
            r.granted.0.clone(),
            r.free.0.clone(),
            r.peak.0.clone(),
            r.shortage.as_ref().map(short).unwrap_or_default(),
        ]
    });
    page.table(header, rows);
}

/// Month by month; now and the peak where the months are not known.
fn bars(lang: Lang, resource: &Resource) -> Vec<(String, i128, String)> {
    if resource.months.is_empty() {
        let now = (lang.bar_now(), resource.percent_now, resource.granted.0.clone());
        return vec![now, (lang.bar_peak(), resource.percent_peak, resource.peak.0.clone())];
    }
    let months = resource.months.iter();
    months.map(|m| (m.from.strftime("%Y-%m").to_string(), m.percent, m.granted.0.clone())).collect()
}

/// Filled up to so many percent; what is beyond shows as a mark at its end.
fn bar(percent: i128) -> String {
    let full = usize::try_from(percent).unwrap_or(usize::MAX).min(100) * BAR / 100;
    let end = if percent > 100 { "!" } else { "|" };
    format!("{}{}{end}", "#".repeat(full), ".".repeat(BAR - full))
}

#[cfg(test)]
mod tests {
    use super::super::samples::clock;
    use super::*;
    use crate::api::{CloudDomainSpec, CloudDomainStatus};
    use crate::core::capacity::Taken;

    fn quantities<const N: usize>(all: [(&str, &str); N]) -> crate::api::common::QuantityMap {
        all.map(|(name, amount)| (name.to_owned(), Quantity(amount.into()))).into()
    }

    fn domain() -> CloudDomain {
        let spec = CloudDomainSpec {
            capacity: quantities([("requests.cpu", "80"), ("requests.memory", "1Ti"), ("pods", "100")]),
            overcommit_percent: [("requests.cpu".to_owned(), crate::api::cloud_domain::OvercommitPercent(125))].into(),
            ..CloudDomainSpec::default()
        };
        let mut domain = CloudDomain::new("city", spec);
        let shortage = ShortageAt {
            resource: "requests.cpu".into(),
            from: Time::new("2027-01-15T16:00:00Z".parse().unwrap()),
            missing: Quantity("10".into()),
        };
        domain.status = Some(CloudDomainStatus {
            granted: quantities([("requests.cpu", "30"), ("requests.memory", "256Gi")]),
            peak: quantities([("requests.cpu", "110")]),
            shortages: vec![shortage],
            ..CloudDomainStatus::default()
        });
        domain
    }

    fn taken(name: &str, amounts: &crate::api::common::QuantityMap, from: &str, until: Option<&str>) -> Taken {
        let span = Span { from: from.parse().unwrap(), until: until.map(|until| until.parse().unwrap()) };
        Taken { submission_uid: Some(name.into()), amounts: Amounts::parse(amounts).unwrap(), span }
    }

    fn profile() -> Profile {
        let taken = [
            taken(
                "base",
                &quantities([("requests.cpu", "30"), ("requests.memory", "256Gi")]),
                "2026-01-01T00:00:00Z",
                None,
            ),
            taken("peak", &quantities([("requests.cpu", "80")]), "2027-01-15T16:00:00Z", Some("2027-02-04T16:00:00Z")),
            taken("gone", &quantities([("requests.cpu", "50")]), "2026-11-01T00:00:00Z", Some("2026-11-20T00:00:00Z")),
        ];
        Profile::of(&taken).unwrap()
    }

    #[test]
    fn r26_2_the_coming_months_are_drawn_with_what_is_over() {
        let known = outlook(&domain(), Some(&profile()), &clock(), 4);
        let cpu = known.resources.iter().find(|r| r.name == "requests.cpu").unwrap();
        let months: Vec<_> = cpu.months.iter().map(|m| (m.from.to_string(), m.percent)).collect();
        let wanted = [("2026-11-24", 30), ("2026-12-01", 30), ("2027-01-01", 110), ("2027-02-01", 110)];
        assert_eq!(months, wanted.map(|(day, percent)| (day.to_owned(), percent)));
        insta::assert_snapshot!("capacity_en", page(Lang::En, &clock(), &[known]).render());
    }

    #[test]
    fn r26_2_where_not_every_system_can_be_read_the_status_is_drawn() {
        let unknown = outlook(&domain(), None, &clock(), 4);
        assert!(unknown.resources.iter().all(|r| r.months.is_empty()));
        insta::assert_snapshot!("capacity_status_zh", page(Lang::Zh, &clock(), &[unknown]).render());
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let mut domain = domain();
        domain.spec.capacity = quantities([("requests.cpu", "many")]);
        let text = page(Lang::En, &clock(), &[outlook(&domain, None, &clock(), 4)]).render();
        assert!(text.contains("requests.cpu"), "{text}");
    }
}

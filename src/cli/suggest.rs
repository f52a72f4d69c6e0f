//! The catalog items that come nearest to a need.

use super::choose;
use super::lang::Lang;
use super::page::Page;
use crate::api::CatalogItem;
use crate::api::cloud_resource_request::Need;
use jiff::civil::Date;
use kube::ResourceExt as _;
use serde::Serialize;
use std::collections::BTreeMap;

/// An item and how near it comes.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Suggestion {
    /// The item.
    pub item: String,
    /// Its name.
    pub name: String,
    /// Its service type.
    pub service_type: String,
    /// What one unit is.
    pub unit: String,
    /// CNY for a unit and month today.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly_price: Option<String>,
    /// Size of one unit.
    pub size: BTreeMap<String, i64>,
    /// Functions that were asked for and that it lacks.
    pub missing: Vec<String>,
}

/// How far an item is from a need: missing functions weigh most, then words not found, then size.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Distance {
    missing: usize,
    words_missed: usize,
    size_percent: u64,
}

/// A dimension that an item does not have is farther than any that it has.
const UNKNOWN_PERCENT: u64 = 100_000;

/// The nearest items that are on offer on `today`, best first; nothing that has nothing in common with the need.
#[must_use]
pub fn nearest(lang: Lang, need: &Need, items: &[CatalogItem], today: Date, limit: usize) -> Vec<Suggestion> {
    let on_offer = items.iter().filter(|i| i.spec.withdrawn_from.is_none_or(|day| day > today));
    let mut ranked: Vec<(Distance, &CatalogItem)> = on_offer.filter_map(|i| Some((distance(need, i)?, i))).collect();
    ranked.sort_by(|(a, i), (b, j)| (a, i.name_any()).cmp(&(b, j.name_any())));
    ranked.into_iter().take(limit).map(|(_, item)| suggestion(lang, need, item, today)).collect()
}

fn distance(need: &Need, item: &CatalogItem) -> Option<Distance> {
    let words: Vec<String> = need.description.split_whitespace().map(str::to_lowercase).collect();
    let text = text(item);
    let words_missed = words.iter().filter(|w| !text.contains(w.as_str())).count();
    let missing = lacking(need, item).count();
    let sizes: Vec<u64> = need.size.iter().filter_map(|(k, want)| off_by(*want, *item.spec.size.get(k)?)).collect();
    let common = words_missed < words.len() || missing < need.functions.len() || !sizes.is_empty();
    let unknown = u64::try_from(need.size.len() - sizes.len()).unwrap_or_default();
    common.then(|| Distance {
        missing,
        words_missed,
        size_percent: sizes.iter().fold(unknown.saturating_mul(UNKNOWN_PERCENT), |sum, s| sum.saturating_add(*s)),
    })
}

fn lacking<'a>(need: &'a Need, item: &'a CatalogItem) -> impl Iterator<Item = &'a String> {
    need.functions.iter().filter(|f| !item.spec.functions.iter().any(|g| g.eq_ignore_ascii_case(f)))
}

/// By how many percent two sizes differ; half is as far as double.
fn off_by(want: i64, have: i64) -> Option<u64> {
    let (small, large) = (want.min(have), want.max(have));
    (small > 0).then(|| u64::try_from((i128::from(large) * 100 / i128::from(small)) - 100).unwrap_or(u64::MAX))
}

fn text(item: &CatalogItem) -> String {
    let spec = &item.spec;
    let mut words = vec![item.name_any(), spec.names.zh.clone(), spec.service_type.clone()];
    words.extend(spec.names.en.clone());
    words.extend(spec.description.clone());
    words.extend(spec.functions.iter().cloned());
    words.join(" ").to_lowercase()
}

fn suggestion(lang: Lang, need: &Need, item: &CatalogItem, today: Date) -> Suggestion {
    let spec = &item.spec;
    let price = spec.prices.iter().filter(|p| p.from <= today).max_by_key(|p| p.from);
    Suggestion {
        item: item.name_any(),
        name: spec.names.get(lang.chinese()).to_owned(),
        service_type: spec.service_type.clone(),
        unit: spec.unit.get(lang.chinese()).to_owned(),
        monthly_price: price.map(|p| p.monthly.0.clone()),
        size: spec.size.clone(),
        missing: lacking(need, item).cloned().collect(),
    }
}

/// As a table.
#[must_use]
pub fn page(lang: Lang, suggestions: &[Suggestion]) -> Page {
    let mut page = Page::default();
    let header = match lang {
        Lang::En => ["ITEM", "NAME", "TYPE", "SIZE", "UNIT", "CNY/MONTH", "LACKS"],
        Lang::Zh => ["目录项", "名称", "服务类型", "规格", "计量单位", "月单价（元）", "缺少功能"],
    };
    let rows = suggestions.iter().map(|s| {
        let size: Vec<String> = s.size.iter().map(|(k, v)| format!("{k}={v}")).collect();
        vec![
            s.item.clone(),
            s.name.clone(),
            s.service_type.clone(),
            choose::listed(size.iter().map(String::as_str), lang),
            s.unit.clone(),
            s.monthly_price.clone().unwrap_or_default(),
            choose::listed(s.missing.iter().map(String::as_str), lang),
        ]
    });
    page.table(header, rows);
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::CatalogItemSpec;
    use crate::api::catalog_item::Price;
    use crate::api::common::{Money, Names};

    fn names(zh: &str) -> Names {
        Names { zh: zh.into(), en: None }
    }

    fn item(name: &str, zh: &str, functions: &[&str], cores: i64) -> CatalogItem {
        let price = |from: &str, monthly: &str| Price {
            from: from.parse().unwrap(),
            monthly: Money(monthly.into()),
            basis: "invented".into(),
        };
        CatalogItem::new(
            name,
            CatalogItemSpec {
                names: names(zh),
                service_type: "CloudServer".into(),
                unit: names("台"),
                functions: functions.iter().map(ToString::to_string).collect(),
                size: [("cores".to_owned(), cores)].into(),
                prices: vec![price("2025-01-01", "90.00"), price("2024-01-01", "100.00"), price("2030-01-01", "1.00")],
                ..CatalogItemSpec::default()
            },
        )
    }

    fn items() -> Vec<CatalogItem> {
        vec![
            item("gpu-8", "图形云服务器", &["gpu"], 8),
            item("ecs-2", "通用云服务器", &[], 2),
            item("ecs-8", "通用云服务器", &[], 8),
            item("pg-4", "云数据库", &["postgresql", "backup"], 4),
        ]
    }

    fn found(need: &Need) -> Vec<String> {
        let today = "2026-11-24".parse().unwrap();
        nearest(Lang::Zh, need, &items(), today, 3).into_iter().map(|s| s.item).collect()
    }

    #[test]
    fn r16_1_functions_weigh_most_then_words_then_size() {
        let need = |description: &str, functions: &[&str], cores: Option<i64>| Need {
            description: description.into(),
            functions: functions.iter().map(ToString::to_string).collect(),
            size: cores.map(|c| ("cores".to_owned(), c)).into_iter().collect(),
        };
        assert_eq!(found(&need("", &["PostgreSQL"], Some(8))), ["pg-4", "ecs-8", "gpu-8"]);
        assert_eq!(found(&need("通用", &[], Some(6))), ["ecs-8", "ecs-2", "gpu-8"]);
        assert_eq!(found(&need("数据库", &[], None)), ["pg-4"]);
        assert!(found(&need("quantum", &["teleport"], None)).is_empty());
    }

    #[test]
    fn what_is_withdrawn_is_not_proposed_and_the_price_is_of_today() {
        let today: Date = "2026-11-24".parse().unwrap();
        let mut items = items();
        items[0].spec.withdrawn_from = Some(today);
        let need = Need { description: "云服务器".into(), ..Need::default() };
        let all = nearest(Lang::Zh, &need, &items, today, 9);
        assert_eq!(all.iter().map(|s| s.item.as_str()).collect::<Vec<_>>(), ["ecs-2", "ecs-8"]);
        assert_eq!(all[0].monthly_price.as_deref(), Some("90.00"));
        insta::assert_snapshot!("suggest_zh", page(Lang::Zh, &all).render());
    }
}

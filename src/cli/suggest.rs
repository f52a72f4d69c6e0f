//! The catalog items that come nearest to a need.

use super::choose;
use super::lang::Lang;
use super::page::Page;
use crate::api::cloud_resource_request::Need;
use crate::api::{CatalogItem, CatalogItemSpec};
use crate::core::catalog;
use crate::core::registry::Named;
use jiff::civil::Date;
use kube::ResourceExt as _;
use serde::Serialize;
use std::cmp::Reverse;
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

/// The nearest items that are on offer on `today`, best first: those that the operator would propose for such a need,
/// then those in whose own text the words stand.
#[must_use]
pub fn nearest(lang: Lang, need: &Need, items: &[CatalogItem], today: Date, limit: usize) -> Vec<Suggestion> {
    let catalog_items: Vec<Named<CatalogItemSpec>> =
        items.iter().map(|i| Named { name: i.name_any(), spec: i.spec.clone(), ..Named::default() }).collect();
    let mut names = catalog::nearest(&catalog_items, need, today);
    let mut others: Vec<(Reverse<usize>, &str)> = catalog_items
        .iter()
        .filter(|i| i.spec.withdrawn_from.is_none_or(|day| day > today))
        .map(|i| (Reverse(words_found(need, i)), i.name.as_str()))
        .filter(|(found, name)| found.0 > 0 && !names.contains(name))
        .collect();
    others.sort_unstable();
    names.extend(others.into_iter().map(|(_, name)| name));
    let of = |name: &str| items.iter().find(|i| i.name_any() == name);
    names.into_iter().filter_map(of).take(limit).map(|item| suggestion(lang, need, item, today)).collect()
}

fn words_found(need: &Need, item: &Named<CatalogItemSpec>) -> usize {
    let spec = &item.spec;
    let mut text = vec![item.name.as_str(), &spec.names.zh, &spec.service_type];
    text.extend(spec.names.en.as_deref());
    text.extend(spec.description.as_deref());
    text.extend(spec.functions.iter().map(String::as_str));
    let text = text.join(" ").to_lowercase();
    need.description.split_whitespace().filter(|word| text.contains(&word.to_lowercase())).count()
}

fn lacking<'a>(need: &'a Need, item: &'a CatalogItem) -> impl Iterator<Item = &'a String> {
    need.functions.iter().filter(|f| !item.spec.functions.contains(f))
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
    fn r16_1_what_the_rules_propose_comes_first_then_what_the_words_find() {
        let need = |description: &str, functions: &[&str]| Need {
            description: description.into(),
            functions: functions.iter().map(ToString::to_string).collect(),
            size: [("cores".to_owned(), 8)].into(),
        };
        assert_eq!(found(&need("", &["postgresql"])), ["pg-4"]);
        assert_eq!(found(&need("一台通用云服务器", &["gpu"])), ["gpu-8", "ecs-8", "ecs-2"]);
        assert_eq!(found(&need("云", &["postgresql"])), ["pg-4", "ecs-2", "ecs-8"]);
        assert_eq!(found(&need("数据库", &[])), ["pg-4"]);
        assert!(found(&need("quantum", &["teleport"])).is_empty());
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

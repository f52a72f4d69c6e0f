//! The service catalog: terms of a day, what lines come to, and the nearest item to a need (articles 13, 16).

use super::quantity::{Amount, Amounts, QuantityError};
use super::registry::{Named, Registry};
use super::resources;
use super::text::Text;
use crate::api::bounds;
use crate::api::cloud_resource_request::{Line, Need};
use crate::api::common::Money;
use crate::api::information_system::{GrantedLine, Terms};
use crate::api::service_product::Fulfilment;
use crate::api::{CatalogItemSpec, ServiceProductSpec};
use jiff::civil::Date;
use rust_decimal::Decimal;
use std::cmp::Reverse;
use std::collections::BTreeSet;

#[cfg(test)]
mod tests;

/// The terms of an item in a domain on a day.
///
/// # Errors
/// Says why there are none, and what to do.
pub fn terms(registry: &Registry, item: &str, domain: &str, day: Date) -> Result<Terms, Text> {
    let found = registry.items.get(item).ok_or_else(|| unknown_item(registry, item))?;
    let spec = &found.spec;
    if let Some(withdrawn) = spec.withdrawn_from.filter(|from| *from <= day) {
        return Err(Text::new(
            format!(
                "item {item} was withdrawn from the catalog on {withdrawn} and is not granted anew: choose another one"
            ),
            format!("目录项“{}”已于{withdrawn}下架，请另选", spec.names.zh),
        ));
    }
    let price = spec.prices.iter().filter(|p| p.from <= day).max_by_key(|p| p.from).ok_or_else(|| {
        Text::new(
            format!("item {item} has no price on {day}: the authority adds one to spec.prices"),
            format!("目录项“{}”在{day}尚无价格，请主管部门补充", spec.names.zh),
        )
    })?;
    let product = product(registry, item, domain)?;
    if let Some((at, why)) = amounts_problems(&product.spec).into_iter().next() {
        return Err(Text::new(
            format!("ServiceProduct {}: {at}: {}; the provider mends it", product.name, why.en),
            format!("服务产品{}的{at}有误：{}，请云服务商修正", product.name, why.zh),
        ));
    }
    Ok(Terms {
        item: item.to_owned(),
        item_uid: found.uid.clone(),
        unit: spec.unit.clone(),
        product: product.name.clone(),
        product_uid: product.uid.clone(),
        fulfilment: product.spec.fulfilment,
        monthly_price: price.monthly.clone(),
        unit_amounts: product.spec.amounts.clone(),
        storage_class: product.spec.storage_class.clone(),
    })
}

fn product<'r>(registry: &'r Registry, item: &str, domain: &str) -> Result<&'r Named<ServiceProductSpec>, Text> {
    let products: Vec<_> =
        registry.products.iter().filter(|p| p.spec.item == item && p.spec.domain == domain).collect();
    match products.as_slice() {
        [one] => Ok(one),
        [] => Err(Text::new(
            format!(
                "domain {domain} offers no product for item {item}: its provider creates a ServiceProduct, or choose another item or domain"
            ),
            format!("云域{domain}尚未提供目录项{item}的服务产品，请联系云服务商或另选"),
        )),
        [one, other, ..] => Err(Text::new(
            format!(
                "domain {domain} has two products for item {item} ({} and {}): its provider deletes one",
                one.name, other.name
            ),
            format!("云域{domain}对目录项{item}有多个服务产品，请云服务商处理"),
        )),
    }
}

/// The items of the most similar names.
pub(super) fn nearest_names<'r>(registry: &'r Registry, item: &str) -> Vec<&'r str> {
    let mut names: Vec<&str> = registry.items.keys().map(String::as_str).collect();
    names.sort_by_key(|name| strsim::levenshtein(name, item));
    names.truncate(3);
    names
}

fn unknown_item(registry: &Registry, item: &str) -> Text {
    let names = nearest_names(registry, item);
    Text::new(
        format!(
            "there is no item `{item}` in the catalog; did you mean {}? For what is not there, describe it in `need`",
            names.join(", ")
        ),
        format!("服务目录中没有{item}，相近的有：{}；目录外需求请填need", names.join("、")),
    )
}

/// What so many units of these terms come to.
///
/// # Errors
/// When the amounts cannot be read, or are beyond what can be counted.
pub fn amounts(terms: &Terms, quantity: i64) -> Result<Amounts, Text> {
    let unit = Amounts::parse(&terms.unit_amounts).map_err(|(resource, error)| {
        Text::new(
            format!("{}: {resource}: {error}", terms.product),
            format!("服务产品{}的{resource}数量有误", terms.product),
        )
    })?;
    let amounts = unit.checked_mul(quantity).filter(|_| fee(terms, quantity).is_none_or(|fee| money(fee).is_some()));
    amounts.ok_or_else(|| {
        Text::new(
            format!("{quantity} units of {} are beyond what can be counted: ask for less", terms.item),
            format!("目录项{}的数量{quantity}过大，请减少", terms.item),
        )
    })
}

/// What the lines of one grant come to that a system's quota provides, and everything that is counted against a domain.
///
/// # Errors
/// When they cannot be added up, or are more than a grant has room for.
pub fn total(lines: &[GrantedLine]) -> Result<Amounts, Text> {
    let total = together(lines)?;
    let named = total.iter().count();
    if named > bounds::RESOURCES {
        return Err(Text::new(
            format!(
                "the lines together name {named} resources, and one grant has room for {}: ask for fewer kinds at a time",
                bounds::RESOURCES
            ),
            format!("各行合计涉及{named}种资源，一次授予最多{}种，请减少", bounds::RESOURCES),
        ));
    }
    Ok(total)
}

/// The same of lines of several grants.
///
/// # Errors
/// When they cannot be added up.
pub fn together(lines: &[GrantedLine]) -> Result<Amounts, Text> {
    if fees(lines).is_some_and(|fees| money(fees).is_none()) {
        return Err(too_large());
    }
    lines.iter().try_fold(Amounts::default(), |sum, line| {
        let Some(terms) = &line.terms else { return Ok(sum) };
        let mut of_line = amounts(terms, line.quantity)?;
        let class = terms.storage_class.as_deref().filter(|_| terms.fulfilment == Fulfilment::Quota);
        if let Some(bound) = storage_class_amounts(class, &of_line) {
            of_line = of_line.checked_add(&bound).ok_or_else(too_large)?;
        }
        sum.checked_add(&of_line).ok_or_else(too_large)
    })
}

fn too_large() -> Text {
    Text::new("the lines together are beyond what can be counted: ask for less", "各行合计过大，请减少数量")
}

/// Storage of a class counts towards the class too, so that it cannot be had as another one.
fn storage_class_amounts(class: Option<&str>, amounts: &Amounts) -> Option<Amounts> {
    let class = class?;
    let storage = amounts.get("requests.storage");
    (storage > Amount::ZERO)
        .then(|| Amounts::from_iter([(format!("{class}.storageclass.storage.k8s.io/requests.storage"), storage)]))
}

/// What is wrong with the amounts of a product, each with its place: granted and charged, it would be given as nothing.
#[must_use]
pub fn amounts_problems(product: &ServiceProductSpec) -> Vec<(String, Text)> {
    let by = match product.fulfilment {
        Fulfilment::Quota => resources::Given::ByQuota,
        Fulfilment::Manual => resources::Given::ByHand,
    };
    resources::problems("spec.amounts", &product.amounts, by)
}

/// Of what was granted, resources that a quota was to give and none can hold, each with its line: nothing of it is given.
#[must_use]
pub fn given_as_nothing<'l>(lines: impl IntoIterator<Item = &'l GrantedLine>) -> Vec<(&'l str, &'l str)> {
    let of_line = |line: &'l GrantedLine| {
        let terms = line.terms.as_ref().filter(|t| t.fulfilment == Fulfilment::Quota && line.quantity > 0);
        let names = terms.into_iter().flat_map(|terms| terms.unit_amounts.keys());
        names.filter(|name| resources::gives_nothing(name).is_some()).map(|name| (line.name.as_str(), name.as_str()))
    };
    lines.into_iter().flat_map(of_line).collect()
}

/// What one unit of a product takes of its domain's capacity.
///
/// # Errors
/// Names the resource whose amount cannot be read.
pub(super) fn unit_amounts(product: &ServiceProductSpec) -> Result<Amounts, (String, QuantityError)> {
    let amounts = Amounts::parse(&product.amounts)?;
    let class = product.storage_class.as_deref().filter(|_| product.fulfilment == Fulfilment::Quota);
    let bound = storage_class_amounts(class, &amounts).unwrap_or_default();
    amounts.checked_add(&bound).ok_or_else(|| ("requests.storage".to_owned(), QuantityError::TooLarge(String::new())))
}

/// CNY a month, exactly; nothing beyond what can be written.
#[must_use]
pub fn monthly_fee(lines: &[GrantedLine]) -> Option<Money> {
    money(fees(lines)?)
}

fn fees(lines: &[GrantedLine]) -> Option<Decimal> {
    lines.iter().try_fold(Decimal::ZERO, |sum, line| {
        let Some(terms) = &line.terms else { return Some(sum) };
        sum.checked_add(fee(terms, line.quantity)?)
    })
}

/// An amount of money as it is written; nothing where it has more than twelve digits before the point.
#[must_use]
pub fn money(amount: Decimal) -> Option<Money> {
    (amount < Decimal::from(10_i64.pow(12))).then(|| Money(amount.normalize().to_string()))
}

/// CNY a month for so many units.
#[must_use]
pub fn fee(terms: &Terms, quantity: i64) -> Option<Decimal> {
    let price: Decimal = terms.monthly_price.0.parse().ok()?;
    price.checked_mul(Decimal::from(quantity))
}

/// CNY a month for so many units at the price of a day; at their own price where the catalog has none on that day.
#[must_use]
pub fn fee_on(registry: &Registry, terms: &Terms, quantity: i64, day: Date) -> Option<Decimal> {
    let prices = registry.items.get(&terms.item).map_or(&[][..], |item| item.spec.prices.as_slice());
    let price = prices.iter().filter(|p| p.from <= day).max_by_key(|p| p.from).map(|p| &p.monthly);
    let price: Decimal = price.unwrap_or(&terms.monthly_price).0.parse().ok()?;
    price.checked_mul(Decimal::from(quantity))
}

/// The items that come nearest to a need, best first: those with most of its functions, then those nearest in size.
#[must_use]
pub fn nearest<'r>(
    items: impl IntoIterator<Item = &'r Named<CatalogItemSpec>>,
    need: &Need,
    day: Date,
) -> Vec<&'r str> {
    let wanted: BTreeSet<&str> = need.functions.iter().map(String::as_str).collect();
    let mut ranked: Vec<_> = items
        .into_iter()
        .filter(|item| item.spec.withdrawn_from.is_none_or(|from| from > day))
        .filter_map(|item| {
            let has = item.spec.functions.iter().filter(|f| wanted.contains(f.as_str())).count();
            let words = mentions(&item.spec, &need.description);
            (has > 0 || words > 0)
                .then(|| (Reverse(has), Reverse(words), size_distance(&item.spec, need), item.name.as_str()))
        })
        .collect();
    ranked.sort();
    ranked.into_iter().take(3).map(|(.., name)| name).collect()
}

/// How many of an item's functions and names the words of a need mention.
fn mentions(item: &CatalogItemSpec, description: &str) -> usize {
    let description = description.to_lowercase();
    let names = [Some(item.names.zh.as_str()), item.names.en.as_deref()];
    let by_name = names.into_iter().flatten().filter(|n| description.contains(&n.to_lowercase())).count();
    by_name * 2 + item.functions.iter().filter(|f| description.contains(f.as_str())).count()
}

/// Sum over the dimensions asked for of how many times too small or too large an item is, in percent.
fn size_distance(item: &CatalogItemSpec, need: &Need) -> i128 {
    need.size
        .iter()
        .map(|(dimension, wanted)| match item.size.get(dimension) {
            Some(size) => {
                let (small, large) = (i128::from(*wanted.min(size)).max(1), i128::from(*wanted.max(size)).max(1));
                large * 100 / small - 100
            }
            None => 100_000,
        })
        .sum()
}

/// What is wrong with a line by itself, or its terms.
///
/// # Errors
/// Says what to do, with the nearest items for a need that is in no catalog.
pub fn resolve(registry: &Registry, line: &Line, domain: &str, day: Date) -> Result<Option<Terms>, Text> {
    if let Some(item) = &line.item {
        return terms(registry, item, domain, day).map(Some);
    }
    if line.self_procured.is_some() {
        return Ok(None);
    }
    let need = line.need.clone().unwrap_or_default();
    let found = nearest(registry.items.values(), &need, day);
    Err(if found.is_empty() {
        Text::new(
            "nothing in the catalog comes near: describe functions and size, or say in selfProcured why the unit procures it itself",
            "目录中没有相近的服务，请补充功能和规格，或填写自行采购理由",
        )
    } else {
        Text::new(
            format!(
                "the nearest items are {}: name one in `item`, or say in selfProcured why none can be adapted",
                found.join(", ")
            ),
            format!("相近的目录项有{}，请选择其一，或说明不能适配、需自行采购的理由", found.join("、")),
        )
    })
}

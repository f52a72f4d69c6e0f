//! Whether what the authority and the providers offer can be used as it stands (article 13).

use super::capacity;
use super::catalog;
use super::policy::Problem;
use super::quantity::Amounts;
use super::registry::{Named, Registry};
use super::request::Statement;
use super::text::Text;
use crate::api::names::{CONDITION_READY, CONDITION_VALID};
use crate::api::{CatalogItemSpec, ServiceProductSpec};

#[cfg(test)]
mod tests;

/// What holds of a product: whether it says something that can be worked with, and whether a unit of it can be granted.
#[must_use]
pub fn product(registry: &Registry, product: &Named<ServiceProductSpec>) -> [Statement; 2] {
    let problems = product_problems(registry, product);
    if !problems.is_empty() {
        let list = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        return [CONDITION_VALID, CONDITION_READY].map(|type_| Statement::new(type_, false, "Problems", &list));
    }
    let spec = &product.spec;
    let ready = match one_unit_fits(registry, spec) {
        Ok(()) => Statement::new(CONDITION_READY, true, "Offered", "it can be asked for in its domain (可供申请)"),
        Err(why) => Statement::new(CONDITION_READY, false, "NoCapacity", why),
    };
    [Statement::new(CONDITION_VALID, true, "Valid", "item, domain and amounts can be used (服务产品可用)"), ready]
}

/// What holds of an item. That its service type is in no policy is said and stands in nobody's way: the policy may come.
#[must_use]
pub fn item(registry: &Registry, item: &Named<CatalogItemSpec>) -> [Statement; 2] {
    let type_ = &item.spec.service_type;
    let mut listed: Vec<&str> =
        registry.policies.iter().flat_map(|p| &p.spec.service_types).map(|t| t.name.as_str()).collect();
    let valid = if listed.is_empty() || listed.contains(&type_.as_str()) {
        Statement::new(CONDITION_VALID, true, "Valid", "a request may name it (目录项可用)")
    } else {
        listed.sort_unstable();
        listed.dedup();
        let warning = Text::new(
            format!(
                "spec.serviceType: no policy lists {type_}, so no request may tick it; they list {}: correct it, or list it in the next version of a policy",
                listed.join(", ")
            ),
            format!("没有管理办法列出服务类型{type_}，申请无法勾选，请更正"),
        );
        Statement::new(CONDITION_VALID, true, "TypeUnlisted", warning)
    };
    let offers =
        |p: &&Named<ServiceProductSpec>| p.spec.item == item.name && registry.domains.contains_key(&p.spec.domain);
    let ready = if registry.products.iter().any(|p| offers(&p)) {
        Statement::new(CONDITION_READY, true, "Offered", "a domain offers it (已有云域提供)")
    } else if item.spec.withdrawn_from.is_some() {
        Statement::new(CONDITION_READY, true, "Withdrawn", "it is taken off the catalog (目录项下架)")
    } else {
        let missing = Text::new(
            format!(
                "no domain offers it, so a request that names it cannot go on: a provider creates a ServiceProduct with spec.item {}, or spec.withdrawnFrom takes it off",
                item.name
            ),
            "尚无云域提供该服务，请云服务商创建服务产品，或填写下架日期",
        );
        Statement::new(CONDITION_READY, false, "NoProduct", missing)
    };
    [valid, ready]
}

fn product_problems(registry: &Registry, product: &Named<ServiceProductSpec>) -> Vec<Problem> {
    let spec = &product.spec;
    let mut problems = Vec::new();
    let mut found = |at: &str, why: Text| problems.push(Problem { at: at.to_owned(), message: why.to_string() });
    if !registry.items.contains_key(&spec.item) {
        found("spec.item", unknown_item(registry, &spec.item));
    }
    if !registry.domains.contains_key(&spec.domain) {
        found("spec.domain", unknown_domain(registry, &spec.domain));
    }
    for (at, why) in catalog::amounts_problems(spec) {
        found(&at, why);
    }
    let same = |p: &&Named<ServiceProductSpec>| p.spec.item == spec.item && p.spec.domain == spec.domain;
    let twins: Vec<&str> =
        registry.products.iter().filter(same).map(|p| p.name.as_str()).filter(|name| *name != product.name).collect();
    if !twins.is_empty() {
        let twins = twins.join(", ");
        found(
            "spec.item",
            Text::new(
                format!(
                    "{twins} is a product for item {} in domain {} too, so neither can be granted: delete one",
                    spec.item, spec.domain
                ),
                format!("云域{}对目录项{}另有服务产品{twins}，请删除其一", spec.domain, spec.item),
            ),
        );
    }
    problems
}

fn unknown_item(registry: &Registry, item: &str) -> Text {
    let nearest = catalog::nearest_names(registry, item);
    Text::new(
        format!(
            "there is no CatalogItem {item}; nearest by name: {}: the authority creates it, or make a product with another item",
            nearest.join(", ")
        ),
        format!("没有目录项{item}，相近的有：{}", nearest.join("、")),
    )
}

fn unknown_domain(registry: &Registry, domain: &str) -> Text {
    let names: Vec<&str> = registry.domains.keys().map(String::as_str).take(10).collect();
    Text::new(
        format!(
            "there is no CloudDomain {domain}; there are {}: the authority creates it, or make a product in another domain",
            names.join(", ")
        ),
        format!("没有云域{domain}，现有：{}", names.join("、")),
    )
}

/// Whether the domain has so much as one unit needs, were all of it free.
fn one_unit_fits(registry: &Registry, product: &ServiceProductSpec) -> Result<(), Text> {
    let Some(domain) = registry.domains.get(&product.domain) else { return Ok(()) };
    let unit = catalog::unit_amounts(product);
    let (Ok(unit), Ok(grantable)) = (unit, capacity::grantable(domain)) else { return Ok(()) };
    capacity::fits(&unit, &grantable, &Amounts::default()).map_err(|short| {
        let list: Vec<String> = short.iter().map(ToString::to_string).collect();
        Text::new(
            format!(
                "domain {} has not so much as one unit needs, so none can be granted ({}): correct spec.amounts, or the authority adds to the domain's spec.capacity",
                product.domain,
                list.join("; ")
            ),
            format!("云域{}的容量不足一个单位（{}），请更正单位资源量或增加云域容量", product.domain, list.join("；")),
        )
    })
}

//! The kinds of `yunguan.dev/v1alpha1`, a file each. Plain data: no rule and no I/O lives here.
//!
//! Doc comments are the texts of `kubectl explain`, so they carry the Chinese term of the measures.
//! Material fields have no defaults: a default added later would change what was already approved.

#![allow(clippy::duplicated_attributes, reason = "several printcolumn lists of one derive look alike to the lint")]

pub mod adoption;
pub mod bounds;
pub mod catalog_item;
mod change_rules;
pub mod cloud_domain;
pub mod cloud_resource_request;
pub mod common;
pub mod decision;
pub mod decommission;
pub mod governance_policy;
pub mod information_system;
pub mod ledger_entry;
pub mod names;
pub mod organization;
pub mod resource_change;
pub mod resources;
pub mod rightsizing_proposal;
pub mod sanction;
pub mod service_product;
pub mod status;
pub mod usage;
pub mod work_calendar;

pub use catalog_item::{CatalogItem, CatalogItemSpec};
pub use cloud_domain::{CloudDomain, CloudDomainSpec, CloudDomainStatus};
pub use cloud_resource_request::{CloudResourceRequest, CloudResourceRequestSpec, CloudResourceRequestStatus};
pub use decision::{Decision, DecisionSpec};
pub use decommission::{Decommission, DecommissionSpec, DecommissionStatus};
pub use governance_policy::{GovernancePolicy, GovernancePolicySpec};
pub use information_system::{InformationSystem, InformationSystemSpec, InformationSystemStatus};
pub use ledger_entry::{LedgerEntry, LedgerEntrySpec};
pub use organization::{Organization, OrganizationSpec};
pub use resource_change::{ResourceChange, ResourceChangeSpec, ResourceChangeStatus};
pub use rightsizing_proposal::{RightsizingProposal, RightsizingProposalSpec, RightsizingProposalStatus};
pub use sanction::{Sanction, SanctionSpec, SanctionStatus};
pub use service_product::{ServiceProduct, ServiceProductSpec};
pub use work_calendar::{WorkCalendar, WorkCalendarSpec};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool, ValidationRule,
};
use kube::CustomResourceExt as _;

/// Every kind's definition, in the order in which a newcomer should read them.
#[must_use]
pub fn definitions() -> Vec<CustomResourceDefinition> {
    let mut definitions = vec![
        Organization::crd(),
        CloudDomain::crd(),
        GovernancePolicy::crd(),
        CatalogItem::crd(),
        ServiceProduct::crd(),
        WorkCalendar::crd(),
        CloudResourceRequest::crd(),
        ResourceChange::crd(),
        Decommission::crd(),
        Decision::crd(),
        InformationSystem::crd(),
        LedgerEntry::crd(),
        RightsizingProposal::crd(),
        Sanction::crd(),
    ];
    let versions = definitions.iter_mut().flat_map(|definition| &mut definition.spec.versions);
    let schemas = versions.filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut());
    schemas.for_each(readable);
    definitions
}

/// Has the API server refuse what cannot be read here, wherever it stands. It is more lenient than any reader: a format alone
/// admits moments that no clock knows, and an empty list for a day; an amount may be a fraction that is nearly a whole number.
/// A rule, whatever it says, makes it read the value as what it is to be.
fn readable(schema: &mut JSONSchemaProps) {
    let rule = match (schema.format.as_deref(), schema.x_kubernetes_int_or_string) {
        (Some("date-time"), _) => {
            schema.pattern.get_or_insert_with(|| common::TIME_PATTERN.to_owned());
            Some("self.getFullYear() < 9000")
        }
        (Some("date"), _) => Some("self.getFullYear() <= 9999"),
        (_, Some(true)) => Some("type(self) == int || type(self) == string"),
        _ => None,
    };
    if let Some(rule) = rule.filter(|_| schema.x_kubernetes_validations.is_none()) {
        schema.x_kubernetes_validations = Some(vec![ValidationRule {
            rule: rule.to_owned(),
            message: Some(
                "this cannot be read as a moment, a day or an amount (无法识别的时间、日期或数量)".to_owned(),
            ),
            ..ValidationRule::default()
        }]);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        readable(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        readable(values);
    }
    schema.properties.iter_mut().flat_map(|properties| properties.values_mut()).for_each(readable);
}

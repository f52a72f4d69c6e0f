//! CatalogItem and ServiceProduct: whether what is on offer can be used as it stands.
//!
//! Both depend on all the rules, so they are looked at with every sweep over them, and by themselves never.

use super::Context;
use super::context::named;
use crate::api::{CatalogItem, ServiceProduct};
use crate::core::offers;
use crate::runtime::apply;
use crate::runtime::controller::{Error, Settled};
use kube::Api;
use std::sync::Arc;

/// One pass over one item.
///
/// # Errors
/// What keeps it from coming to rest.
pub async fn reconcile_item(item: Arc<CatalogItem>, context: Arc<Context>) -> Result<Settled, Error> {
    let statements = offers::item(&context.registry(), &named(item.as_ref(), &item.spec));
    apply::put_conditions(&Api::all(context.client.clone()), &context.metrics, item.as_ref(), &statements).await?;
    Ok(Settled::default())
}

/// One pass over one product.
///
/// # Errors
/// What keeps it from coming to rest.
pub async fn reconcile_product(product: Arc<ServiceProduct>, context: Arc<Context>) -> Result<Settled, Error> {
    let statements = offers::product(&context.registry(), &named(product.as_ref(), &product.spec));
    apply::put_conditions(&Api::all(context.client.clone()), &context.metrics, product.as_ref(), &statements).await?;
    Ok(Settled::default())
}

//! What people decide upon, and their decisions about it: as the caches have it, and as the API server has it now, before
//! anything that costs. Once for all kinds.

use super::Context;
use super::authority::Freshness;
use super::context::Indexes;
use crate::api::common::RequestKind;
use crate::api::{
    CloudResourceRequest, Decision, Decommission, InformationSystem, ResourceChange, RightsizingProposal, Sanction,
};
use crate::core::workflow::DecisionFact;
use crate::runtime::controller::Error;
use crate::runtime::id::Id;
use crate::runtime::index::Index;
use crate::runtime::read;
use k8s_openapi::NamespaceResourceScope;
use kube::api::ListParams;
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::sync::Arc;

/// A kind about which people decide.
pub(super) trait Decided:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned
{
    /// As decisions name it.
    const KIND: RequestKind;

    /// The decisions that name one of this kind.
    fn decisions(indexes: &Indexes) -> &Index<Id<Self>, Decision>;
}

impl Decided for CloudResourceRequest {
    const KIND: RequestKind = RequestKind::CloudResourceRequest;

    fn decisions(indexes: &Indexes) -> &Index<Id<Self>, Decision> {
        &indexes.decisions_by_request
    }
}

impl Decided for ResourceChange {
    const KIND: RequestKind = RequestKind::ResourceChange;

    fn decisions(indexes: &Indexes) -> &Index<Id<Self>, Decision> {
        &indexes.decisions_by_change
    }
}

impl Decided for Decommission {
    const KIND: RequestKind = RequestKind::Decommission;

    fn decisions(indexes: &Indexes) -> &Index<Id<Self>, Decision> {
        &indexes.decisions_by_decommission
    }
}

impl Decided for Sanction {
    const KIND: RequestKind = RequestKind::Sanction;

    fn decisions(indexes: &Indexes) -> &Index<Id<Self>, Decision> {
        &indexes.decisions_by_sanction
    }
}

impl Decided for RightsizingProposal {
    const KIND: RequestKind = RequestKind::RightsizingProposal;

    fn decisions(indexes: &Indexes) -> &Index<Id<Self>, Decision> {
        &indexes.decisions_by_proposal
    }
}

impl Decided for InformationSystem {
    const KIND: RequestKind = RequestKind::InformationSystem;

    fn decisions(indexes: &Indexes) -> &Index<Id<Self>, Decision> {
        &indexes.decisions_by_system
    }
}

/// The decisions that name an object of this kind and name, as the cache knows. Of which uid they speak is judged with them:
/// one of another uid is told as void.
pub(super) async fn decisions<K: Decided>(context: &Context, about: &K) -> Result<Vec<DecisionFact>, Error> {
    context.authority.facts(&named(context, &Id::of(about)), Freshness::Recent).await
}

/// The Decisions themselves.
pub(super) fn named<K: Decided>(context: &Context, about: &Id<K>) -> Vec<Arc<Decision>> {
    let named = K::decisions(&context.indexes).ids(about);
    named.iter().filter_map(|id| context.decisions.get(id)).collect()
}

/// The object that was looked at and the decisions that name it, read from the API server now, with whether their people hold
/// their roles now. A decision that cannot be read was not made.
pub(super) async fn afresh<K: Decided>(context: &Context, seen: &K) -> Result<(K, Vec<DecisionFact>), Error> {
    let (namespace, name) = (seen.namespace().unwrap_or_default(), seen.name_any());
    let there = read::get(&context.api::<K>(&namespace), &name).await?;
    let Some(there) = there else { return Err(Error::Conflict(format!("{} {name} is gone", K::kind(&())))) };
    let fresh = there.named_object().map_err(|unreadable| Error::Transient(format!("cannot be read: {unreadable}")))?;
    if fresh.uid() != seen.uid() || fresh.meta().generation != seen.meta().generation {
        return Err(Error::Conflict(format!("{} {name} has changed", K::kind(&()))));
    }
    let named = ListParams::default().fields(&format!("spec.requestRef.name={name}"));
    let decisions = context.list::<Decision>(&namespace, &named).await?.objects.into_iter();
    let decisions: Vec<_> = decisions.filter(|d| d.spec.request_ref.kind == K::KIND).map(Arc::new).collect();
    Ok((fresh, context.authority.facts(&decisions, Freshness::Now).await?))
}

//! The books of a system. What is missing is added; what another hand wrote there is left alone, and said.

use crate::api::common::{RequestKind, RequestRef};
use crate::api::{InformationSystem, LedgerEntry, LedgerEntrySpec};
use crate::build::access::Pass;
use crate::controllers::Context;
use crate::core::text::Text;
use crate::core::{ledger, names};
use crate::runtime::apply::params;
use crate::runtime::controller::Error;
use crate::runtime::id::Id;
use crate::runtime::read::{self, Read};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;
use kube::api::ListParams;
use std::sync::Arc;

/// The books cannot go on before somebody mends them.
pub(super) struct Stopped {
    /// Why, and what is to be done.
    pub(super) why: Text,
    /// Facts that are not on record, by key.
    pub(super) unwritten: Vec<String>,
}

impl Stopped {
    /// Whether a grant is not on record.
    pub(super) fn lacks_a_grant(&self) -> bool {
        self.unwritten.iter().any(|fact| fact.starts_with("granted/"))
    }

    /// Whether this grant is not on record.
    pub(super) fn lacks_grant(&self, submission_uid: &str) -> bool {
        self.unwritten.contains(&ledger::granted_key(submission_uid))
    }

    /// Whether somebody was let in by a decision that is not on record.
    pub(super) fn lacks(&self, pass: &Pass) -> bool {
        self.unwritten.contains(&ledger::access_key(&pass.decision.uid))
    }
}

/// Adds what is missing to the system's chain. A name can be taken once, so a chain cannot fork; where another hand has
/// taken the next one, or has changed what stands, nothing is added.
///
/// # Errors
/// Whatever the API server answers; a conflict while the cache does not know the whole chain yet.
pub(super) async fn keep(
    system: &InformationSystem,
    context: &Context,
    passes: &[Pass],
) -> Result<Option<Stopped>, Error> {
    let (namespace, name) = (system.namespace().unwrap_or_default(), system.name_any());
    let uid = system.uid().unwrap_or_default();
    let entries = context.indexes.ledger_by_system.ids(&Id::of(system));
    let specs = entries.iter().filter_map(|id| context.ledger.get(id)).map(|entry| Arc::unwrap_or_clone(entry).spec);
    let chain: Vec<LedgerEntrySpec> = specs.filter(|spec| spec.system.uid == uid).collect();
    let access: Vec<_> =
        passes.iter().map(|p| (p.decision.uid.clone(), p.decision.at, p.decision.spec.clone())).collect();
    let reference = RequestRef { kind: RequestKind::InformationSystem, name: name.clone(), uid };
    let missing = ledger::missing(&reference, &ledger::facts(&system.spec, &access), &chain);
    let api = context.api::<LedgerEntry>(&namespace);
    let wrong = if missing.is_empty() { Vec::new() } else { ledger::check(&chain) };
    if !wrong.is_empty() {
        return stop(context, &namespace, &chain, &missing, not_whole(&wrong.join("; "))).await.map(Some);
    }
    let mut rest = missing.as_slice();
    while let [spec, after @ ..] = rest {
        let entry = LedgerEntry {
            metadata: ObjectMeta {
                name: Some(names::ledger_entry(&name, spec.seq)),
                namespace: Some(namespace.clone()),
                ..ObjectMeta::default()
            },
            spec: spec.clone(),
        };
        context.metrics.wrote("LedgerEntry", "create");
        match api.create(&params(), &entry).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {
                let there = read::get(&api, &entry.name_any()).await?;
                let ours = |there: Read<LedgerEntry>| there.object().is_ok_and(|there| there.spec == *spec);
                if !there.is_some_and(ours) {
                    return stop(context, &namespace, &chain, rest, taken(&entry.name_any())).await.map(Some);
                }
            }
            Err(error) => return Err(error.into()),
        }
        rest = after;
    }
    Ok(None)
}

/// Stops the books, if the cache knows all of the chain by which that was judged.
async fn stop(
    context: &Context,
    namespace: &str,
    chain: &[LedgerEntrySpec],
    rest: &[LedgerEntrySpec],
    why: Text,
) -> Result<Stopped, Error> {
    let system = rest.first().map(|entry| &entry.system);
    let of_system = system.map(|s| format!("spec.system.uid={},spec.system.name={}", s.uid, s.name));
    let fresh =
        context.list::<LedgerEntry>(namespace, &ListParams::default().fields(&of_system.unwrap_or_default())).await?;
    let known = |entry: &LedgerEntry| chain.contains(&entry.spec);
    if fresh.objects.len() != chain.len() || !fresh.objects.iter().all(known) {
        return Err(Error::Conflict("the cache does not know the whole chain yet".to_owned()));
    }
    Ok(Stopped { why, unwritten: rest.iter().map(|entry| entry.fact.clone()).collect() })
}

fn taken(entry: &str) -> Text {
    Text::new(
        format!(
            "LedgerEntry {entry} stands where the next entry of the books belongs, and the operator did not write it: until it is gone nothing is added to the books and nothing new is opened; what runs stays. A platform engineer finds out who wrote it (audit log), keeps a copy and deletes it (docs/security.md, break-glass)"
        ),
        format!(
            "台账序号{entry}已被非系统写入的条目占用，暂停记账和新的开通，现有资源不受影响；请平台工程师查明来源、留存后删除该条目"
        ),
    )
}

fn not_whole(wrong: &str) -> Text {
    Text::new(
        format!(
            "the books are not whole: {wrong}: until they are, nothing is added to them and nothing new is opened; what runs stays. A platform engineer finds out who changed them (audit log), and puts back what stood there or deletes what does not belong there (docs/security.md, break-glass)"
        ),
        "台账不完整或被改动，暂停记账和新的开通，现有资源不受影响；请平台工程师查明来源，恢复原条目或删除多余条目",
    )
}

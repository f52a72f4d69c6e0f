//! The admission policies that everything rests on: whether they stand, and who is told when they do not.

use super::Context;
use crate::core::guards::{self, Breach, Guard};
use crate::runtime::id::Id;
use crate::runtime::store::Store;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::api::core::v1::ObjectReference;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Notify;

/// The policies as they stand.
pub struct Guards {
    /// As they were shipped.
    pub shipped: Vec<Guard>,
    /// Validating policies.
    pub validating: Store<ValidatingAdmissionPolicy>,
    /// Their bindings.
    pub validating_bindings: Store<ValidatingAdmissionPolicyBinding>,
    /// Mutating policies.
    pub mutating: Store<MutatingAdmissionPolicy>,
    /// Their bindings.
    pub mutating_bindings: Store<MutatingAdmissionPolicyBinding>,
    /// Told of every change.
    pub changed: Arc<Notify>,
}

impl Guards {
    /// The guards that do not stand as shipped.
    #[must_use]
    pub fn breaches(&self) -> Vec<(&Guard, Breach)> {
        guards::breaches(&self.shipped, |guard| self.standing(guard))
    }

    /// Why nothing may be granted now, nor done that rests on these guards besides; nothing where it may.
    #[must_use]
    pub fn hold(&self, besides: &[&str]) -> Option<String> {
        let rests_on = |guard: &Guard| {
            let name = guard.name.as_str();
            guards::OF_DECISIONS.contains(&name) || besides.contains(&name)
        };
        let open: Vec<String> = self
            .breaches()
            .into_iter()
            .filter(|(guard, _)| rests_on(guard))
            .map(|(guard, breach)| format!("{} {} ({breach})", guard.kind, guard.name))
            .collect();
        (!open.is_empty()).then(|| {
            format!(
                "nothing is granted, taken over or wiped while what it rests on is not as it was installed: {}; a platform engineer deletes what was changed and applies config/admission again (准入策略缺失或被改动，暂停授予、接管和清除，请删除后重新安装 config/admission)",
                open.join(", ")
            )
        })
    }

    fn standing(&self, guard: &Guard) -> Option<Value> {
        let name = guard.name.as_str();
        match guard.kind.as_str() {
            "ValidatingAdmissionPolicy" => self.validating.get(&Id::new(name)).and_then(|object| value(&object.spec)),
            "ValidatingAdmissionPolicyBinding" => {
                self.validating_bindings.get(&Id::new(name)).and_then(|object| value(&object.spec))
            }
            "MutatingAdmissionPolicy" => self.mutating.get(&Id::new(name)).and_then(|object| value(&object.spec)),
            "MutatingAdmissionPolicyBinding" => {
                self.mutating_bindings.get(&Id::new(name)).and_then(|object| value(&object.spec))
            }
            _ => None,
        }
    }
}

fn value(spec: &impl Serialize) -> Option<Value> {
    serde_json::to_value(spec).ok().filter(|spec| !spec.is_null())
}

/// Reports each guard that falls or stands again, for as long as the operator acts.
pub async fn watch(context: Arc<Context>) {
    let mut known: BTreeMap<(String, String), Breach> = BTreeMap::new();
    loop {
        let now: BTreeMap<(String, String), Breach> = context
            .guards
            .breaches()
            .into_iter()
            .map(|(guard, breach)| ((guard.kind.clone(), guard.name.clone()), breach))
            .collect();
        context
            .metrics
            .set_guards(now.iter().map(|((kind, name), breach)| (kind.as_str(), name.as_str(), (*breach).into())));
        for ((kind, name), breach) in now.iter().filter(|(guard, breach)| known.get(*guard) != Some(breach)) {
            let note = format!(
                "{breach}: this policy does not stand as it was installed, so what it guards can be written by others; delete it and apply config/admission again (准入策略缺失或被改动，请删除后重新安装)"
            );
            tracing::error!(kind, name, %breach, "an admission policy does not stand as it was installed");
            context.events.publish(&about(kind, name), true, "GuardBroken", &note).await;
        }
        for (kind, name) in known.keys().filter(|guard| !now.contains_key(*guard)) {
            tracing::warn!(kind, name, "an admission policy stands again");
            let note = "it stands again as it was installed (准入策略已恢复)";
            context.events.publish(&about(kind, name), false, "GuardRestored", note).await;
            context.look_again.notify_one();
        }
        known = now;
        context.guards.changed.notified().await;
    }
}

fn about(kind: &str, name: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some("admissionregistration.k8s.io/v1".to_owned()),
        kind: Some(kind.to_owned()),
        name: Some(name.to_owned()),
        ..ObjectReference::default()
    }
}

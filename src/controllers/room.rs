//! Room in a domain: what takes it, as the cache knows, and how an approval takes more of it.

use super::Context;
use super::domain::told;
use crate::api::CloudDomain;
use crate::api::bounds::RESERVATIONS;
use crate::api::cloud_domain::Reservation;
use crate::core::capacity::{self, Reserving, Taken};
use crate::runtime::apply;
use crate::runtime::clock;
use crate::runtime::controller::{Error, refusals_last};
use crate::runtime::id::Id;
use jiff::Timestamp;
use kube::Api;

/// Takes room in the domain; a reservation that stands already is kept. The inner error is why there is no room.
pub(super) async fn reserve(
    context: &Context,
    domain_name: &str,
    wanted: Reservation,
) -> Result<Result<(), String>, Error> {
    let lock = context.commit_lock(domain_name);
    let _one_at_a_time = lock.lock().await;
    let domains: Api<CloudDomain> = Api::all(context.client.clone());
    let mut domain = domains.get(domain_name).await?;
    let status = domain.status.clone().unwrap_or_default();
    let now = clock::now();
    let grants = grants_of(context, domain_name, now)?;
    match capacity::reserve(domain_name, &domain.spec, &status, &grants, wanted, now) {
        Ok(Reserving::Held) => Ok(Ok(())),
        Ok(Reserving::Reserved(next)) => {
            domain.status = Some(told(context, &domain, *next, &grants, now)?);
            apply::put_status(&domains, &context.metrics, &domain).await?;
            Ok(Ok(()))
        }
        Ok(Reserving::Short(why)) => Ok(Err(why.to_string())),
        Ok(Reserving::Stale) => Err(Error::Conflict("the cache does not know all grants of the domain yet".to_owned())),
        // What lasts is told: somebody keeps others' approvals from being opened.
        Ok(Reserving::Busy) if refusals_last() => Ok(Err(format!(
            "domain {domain_name} keeps room for {RESERVATIONS} approvals that are not opened yet, and takes no more at a time: this one is committed by itself once one of those is; their requests say what is in the way (待开通的批准已达上限，其中一项开通后自动办理)"
        ))),
        Ok(Reserving::Busy) => Err(Error::Conflict("many approvals are being committed in this domain".to_owned())),
        Err((resource, error)) => Ok(Err(format!("domain {domain_name}: {resource}: {error}"))),
    }
}

/// Whether a record that cannot be read is one of a system in this domain.
fn may_be_in(record: &str, domain: &str) -> bool {
    let record: serde_json::Value = serde_json::from_str(record).unwrap_or_default();
    record["spec"]["domain"].as_str().is_none_or(|named| named == domain)
}

/// What the systems of a domain take, as the cache knows: their grants, and what they still use beyond those.
pub(super) fn grants_of(context: &Context, domain: &str, now: Timestamp) -> Result<Vec<Taken>, Error> {
    // What it takes is not known, and is not nothing.
    if let Some((system, _)) = context.systems.unreadable().iter().find(|(_, text)| may_be_in(text, domain)) {
        return Err(Error::Transient(format!("{system:?} cannot be read, and what it takes in {domain} is not known")));
    }
    let mut all = Vec::new();
    for (system, takes) in context.indexes.systems_by_domain.get(&Id::new(domain)) {
        match &takes.grants {
            Ok((grants, in_quota)) => {
                all.extend_from_slice(grants);
                all.extend(Taken::beyond(grants, in_quota, now));
            }
            Err((resource, error)) => {
                let what = format!("a grant of {system:?} in {domain} cannot be read: {resource}: {error}");
                return Err(Error::Transient(what));
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_cannot_be_read_counts_where_it_may_be() {
        assert!(may_be_in(r#"{"spec":{"domain":"main","grants":7}}"#, "main"));
        assert!(!may_be_in(r#"{"spec":{"domain":"main","grants":7}}"#, "other"));
        assert!(may_be_in(r#"{"spec":{"domain":7}}"#, "other"), "nobody knows where");
        assert!(may_be_in("", "other"));
    }
}

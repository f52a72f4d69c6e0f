//! CloudDomain: what is granted in all, and reservations that have become grants or never will.

use super::Context;
use super::room::grants_of;
use crate::api::cloud_domain::Reservation;
use crate::api::cloud_resource_request::Phase;
use crate::api::common::RequestKind;
use crate::api::names::{CONDITION_READY, CONDITION_VALID};
use crate::api::resource_change::ChangePhase;
use crate::api::{CloudDomain, CloudDomainStatus, CloudResourceRequest, InformationSystem, ResourceChange};
use crate::core::capacity::{self, Profile, Taken};
use crate::core::cidr;
use crate::core::fit;
use crate::core::quantity::{Amount, Amounts};
use crate::core::request::Statement;
use crate::core::resources;
use crate::core::text::Text;
use crate::runtime::apply;
use crate::runtime::clock;
use crate::runtime::controller::{Error, Settled};
use crate::runtime::id::Id;
use crate::runtime::read;
use jiff::{SignedDuration, Timestamp};
use kube::api::ListParams;
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Reservations are looked at so often until none is left.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(10);
/// For so long the next approval in the domain may count what has become a grant, in the write that it makes anyway.
const COUNTED_AFTER: SignedDuration = SignedDuration::from_secs(2);

/// One pass over one domain.
///
/// # Errors
/// What keeps it from coming to rest.
pub async fn reconcile(domain: Arc<CloudDomain>, context: Arc<Context>) -> Result<Settled, Error> {
    let name = domain.name_any();
    // A commit that begins while reservations are looked at would hold one that is then given back.
    let lock = context.commit_lock(&name);
    let _no_commit_begins = lock.lock().await;
    let now = clock::now();
    let grants = grants_of(&context, &name, now)?;
    let pending = domain.status.as_ref().is_some_and(|s| !s.reservations.is_empty());
    let soon = now.checked_add(LOOK_AGAIN).ok().filter(|_| pending);
    let soon = soon.into_iter().chain(Profile::of(&grants).and_then(|profile| profile.next_moment(now))).min();
    let survey = survey(&context, &domain, &grants, now).await?;
    if domain.status.as_ref() == Some(&survey.status) {
        return Ok(Settled { next: soon, ..Settled::default() });
    }
    let counted = survey.counts_alone.then(|| counted_at(&context, &name, now)).flatten();
    if counted.is_some() {
        return Ok(Settled { next: counted, ..Settled::default() });
    }
    // A commit may have written since the cache was told.
    let domains: Api<CloudDomain> = Api::all(context.client.clone());
    let mut fresh = domains.get(&name).await?;
    let Survey { status, gave_back, .. } = self::survey(&context, &fresh, &grants, now).await?;
    if fresh.status.as_ref() == Some(&status) {
        return Ok(Settled { next: soon, version: fresh.resource_version(), ..Settled::default() });
    }
    fresh.status = Some(status);
    let written = apply::put_status(&domains, &context.metrics, &fresh).await?;
    if gave_back {
        // Somebody may wait for just this room.
        context.look_again.notify_one();
    }
    Ok(Settled { next: soon, version: written.resource_version(), ..Settled::default() })
}

/// What a look at a domain came to.
struct Survey {
    /// The status that it should have: reservations that became grants are counted, abandoned ones given back.
    status: CloudDomainStatus,
    /// Whether room was given back.
    gave_back: bool,
    /// Whether nothing is new but that reservations have become grants.
    counts_alone: bool,
}

async fn survey(context: &Context, domain: &CloudDomain, grants: &[Taken], now: Timestamp) -> Result<Survey, Error> {
    let before = domain.status.clone().unwrap_or_default();
    let mut status = capacity::settled(&before, grants);
    let gave_back = clear_abandoned(context, &domain.name_any(), &mut status).await?;
    let status = told(context, domain, status, grants, now)?;
    let but_counts = CloudDomainStatus {
        reservations: before.reservations.clone(),
        grants_committed: before.grants_committed,
        systems: before.systems,
        ..status.clone()
    };
    Ok(Survey { counts_alone: !gave_back && but_counts == before, status, gave_back })
}

/// When the newest grant of a domain is counted, if that is not yet.
fn counted_at(context: &Context, domain: &str, now: Timestamp) -> Option<Timestamp> {
    let systems = context.indexes.systems_by_domain.get(&Id::new(domain));
    let newest = systems.iter().filter_map(|(_, takes)| takes.since).max()?;
    // The API server's clock may be ahead of ours: that keeps nobody waiting.
    newest.checked_add(COUNTED_AFTER).ok().filter(|at| newest <= now && now < *at)
}

/// The totals and conditions that go with the reservations in a status.
///
/// # Errors
/// An amount on record that cannot be read or added up.
pub(super) fn told(
    context: &Context,
    domain: &CloudDomain,
    mut status: CloudDomainStatus,
    grants: &[Taken],
    now: Timestamp,
) -> Result<CloudDomainStatus, Error> {
    let name = domain.name_any();
    let unreadable =
        |(resource, error)| Error::Transient(format!("a reservation in {name} cannot be read: {resource}: {error}"));
    let taken = capacity::taken(&status, grants).map_err(unreadable)?;
    let profile =
        Profile::of(&taken).ok_or_else(|| Error::Transient(format!("the grants in {name} cannot be added up")))?;
    let granted = profile.at(now);
    let peak = profile.highest(now);
    let (names, more) = capacity::shown(&granted, &capacity::grantable(&domain.spec).unwrap_or_default());
    let is_shown = |(resource, _): &(&str, Amount)| names.contains(*resource);
    let own = |(resource, amount): (&str, Amount)| (resource.to_owned(), amount);
    status.granted = granted.iter().filter(is_shown).map(own).collect::<Amounts>().print();
    status.more_resources = more;
    let rises = peak.iter().filter(is_shown).filter(|(resource, most)| *most > granted.get(resource));
    status.peak = rises.map(own).collect::<Amounts>().print();
    let systems = context.indexes.systems_by_domain.get(&Id::new(&name));
    status.systems = i64::try_from(systems.len()).unwrap_or(i64::MAX);
    status.in_use = !status.reservations.is_empty() || systems.iter().any(|(_, takes)| takes.closed.is_none());
    status.observed_generation = domain.metadata.generation;
    let statements = judge(context, domain, &profile, &mut status, now);
    let generation = domain.metadata.generation.unwrap_or_default();
    status.conditions = apply::conditions(&status.conditions, &statements, generation, now);
    Ok(status)
}

/// Gives back the room of approvals that did not come to be: their request was deleted, taken back, filed anew or moved
/// to another domain between the reservation and the grant. Whatever the cache says, the API server is asked before.
async fn clear_abandoned(context: &Context, domain: &str, status: &mut CloudDomainStatus) -> Result<bool, Error> {
    let before = status.reservations.len();
    let mut kept = Vec::with_capacity(status.reservations.len());
    for reservation in std::mem::take(&mut status.reservations) {
        if stands(context, domain, &reservation).await? {
            kept.push(reservation);
        } else {
            tracing::info!(
                domain,
                request = reservation.request.name,
                "gave back the room of an approval that is void"
            );
        }
    }
    status.reservations = kept;
    Ok(status.reservations.len() < before)
}

/// Whether a request is approved, and not yet granted, as it was when this room was taken for it. A filing that was taken
/// back, or whose decisions do not count any more, stands in the status as well, and would hold the room for ever.
fn asks(request: &CloudResourceRequest, domain: &str, reservation: &Reservation) -> bool {
    let approved = request.status.as_ref().filter(|s| s.phase == Phase::Approved);
    let filing = approved.and_then(|s| s.submission.as_ref());
    request.uid().as_deref() == Some(reservation.request.uid.as_str())
        && request.spec.application.domain == domain
        && filing.is_some_and(|filing| filing.uid == reservation.submission_uid)
}

/// Whether a change is approved, and not yet on record, as it was when this room was taken for it.
fn change_asks(change: &ResourceChange, reservation: &Reservation) -> bool {
    let approved = change.status.as_ref().filter(|s| s.phase == ChangePhase::Approved);
    let filing = approved.and_then(|s| s.submission.as_ref());
    change.uid().as_deref() == Some(reservation.request.uid.as_str())
        && filing.is_some_and(|filing| filing.uid == reservation.submission_uid)
}

/// Whether a reservation may yet become a grant, or has become one that the cache has not seen.
async fn stands(context: &Context, domain: &str, reservation: &Reservation) -> Result<bool, Error> {
    let Reservation { namespace, request, submission_uid, .. } = reservation;
    if context.is_under_way(submission_uid) {
        return Ok(true);
    }
    let asks = match request.kind {
        RequestKind::CloudResourceRequest => {
            let asks = |request: &CloudResourceRequest| asks(request, domain, reservation);
            let cached = context.requests.get(&Id::new(&request.name).within(namespace));
            let requests = context.api::<CloudResourceRequest>(namespace);
            cached.is_some_and(|r| asks(&r)) || may_ask(&requests, &request.name, asks).await?
        }
        RequestKind::ResourceChange => {
            let asks = |change: &ResourceChange| change_asks(change, reservation);
            let cached = context.changes.get(&Id::new(&request.name).within(namespace));
            let changes = context.api::<ResourceChange>(namespace);
            cached.is_some_and(|c| asks(&c)) || may_ask(&changes, &request.name, asks).await?
        }
        RequestKind::InformationSystem
        | RequestKind::RightsizingProposal
        | RequestKind::Decommission
        | RequestKind::Sanction => false,
    };
    if asks {
        return Ok(true);
    }
    let systems = context.list::<InformationSystem>(namespace, &ListParams::default()).await?;
    let granted = |s: &InformationSystem| s.spec.grants.iter().any(|g| g.submission_uid == *submission_uid);
    // The grant may stand on a record that cannot be read.
    Ok(!systems.unreadable.is_empty() || systems.objects.iter().any(granted))
}

/// Whether the object asks for the room, as the API server has it now; one that cannot be read may.
async fn may_ask<K>(api: &Api<K>, name: &str, asks: impl Fn(&K) -> bool) -> Result<bool, Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned,
{
    let there = read::get(api, name).await?;
    Ok(there.is_some_and(|there| there.object().map_or(true, |object| asks(&object))))
}

/// Whether the domain can be used as it stands, and has not more granted than there is, now or later.
fn judge(
    context: &Context,
    domain: &CloudDomain,
    profile: &Profile,
    status: &mut CloudDomainStatus,
    now: Timestamp,
) -> [Statement; 2] {
    let provider = &domain.spec.provider;
    (status.shortages, status.more_shortages) = Default::default();
    let unusable = resources::problems("spec.capacity", &domain.spec.capacity, resources::Given::ByDomain);
    let unusable: Vec<String> = unusable.into_iter().map(|(at, why)| format!("{at}: {why}")).collect();
    let (holds, reason, message) = match capacity::grantable(&domain.spec) {
        Err((resource, error)) => (false, "CapacityUnreadable", format!("spec.capacity[{resource}]: {error}")),
        Ok(_) if !unusable.is_empty() => (false, "CapacityUnreadable", unusable.join("; ")),
        Ok(_) if !context.registry().organizations.contains_key(provider) => {
            let missing = Text::new(
                format!("spec.provider: there is no Organization {provider}: the authority creates it"),
                format!("云服务商{provider}未登记"),
            );
            (false, "ProviderUnknown", missing.to_string())
        }
        Ok(grantable) => {
            status.grantable = grantable.print();
            let above = profile.above(&grantable, now);
            (status.shortages, status.more_shortages) = capacity::shortages(&above);
            let networks = cidr::problems(&domain.spec);
            if !above.is_empty() {
                (false, "OverCommitted", over_committed(status).to_string())
            } else if !networks.is_empty() {
                (false, "NetworksUnreadable", networks.join("; "))
            } else {
                (true, "Valid", "capacity and provider can be used (云域可用)".to_owned())
            }
        }
    };
    [CONDITION_READY, CONDITION_VALID].map(|type_| Statement::new(type_, holds, reason, &message))
}

fn over_committed(status: &CloudDomainStatus) -> Text {
    let list = status.shortages.iter().map(|s| format!("{} {} from {}", s.resource, s.missing, s.from));
    let zh = status.shortages.iter().map(|s| format!("{}缺{}，自{}起", s.resource, s.missing, s.from));
    let (and_more, and_more_zh) = fit::and_more(status.more_shortages);
    Text::new(
        format!(
            "more is granted than there is: {}{and_more}; nothing is taken from anyone, and nothing new is granted; the authority enlarges the domain",
            list.collect::<Vec<_>>().join("; ")
        ),
        format!(
            "授予量超过云域容量：{}{and_more_zh}；现有资源不受影响，暂停新增授予，请主管部门扩充云域",
            zh.collect::<Vec<_>>().join("；")
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::CloudResourceRequestSpec;
    use crate::api::cloud_resource_request::{CloudResourceRequestStatus, Submission};
    use crate::api::common::RequestRef;

    #[test]
    fn room_is_kept_for_what_is_approved_and_for_nothing_else() {
        let mut request = CloudResourceRequest::new("portal", CloudResourceRequestSpec::default());
        request.metadata.uid = Some("uid".into());
        request.spec.application.domain = "main".into();
        let submission = Submission { uid: "filing".into(), ..Submission::default() };
        let mut status = CloudResourceRequestStatus { submission: Some(submission), ..Default::default() };
        let reservation = Reservation {
            request: RequestRef { uid: "uid".into(), ..RequestRef::default() },
            submission_uid: "filing".into(),
            ..Reservation::default()
        };
        for (phase, kept) in [(Phase::Approved, true), (Phase::Withdrawn, false), (Phase::InReview, false)] {
            status.phase = phase;
            request.status = Some(status.clone());
            assert_eq!(asks(&request, "main", &reservation), kept, "{phase}");
            assert!(!asks(&request, "other", &reservation));
        }
        status.phase = Phase::Approved;
        request.status = Some(status);
        request.metadata.uid = Some("another of its name".into());
        assert!(!asks(&request, "main", &reservation));
    }
}

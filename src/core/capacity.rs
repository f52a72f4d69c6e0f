//! What a domain can grant: `granted <= capacity x ratio`, for every resource, at any time (article 26).

use super::quantity::{Amounts, QuantityError, Shortage};
use super::text::Text;
use crate::api::cloud_domain::Reservation;
use crate::api::information_system::Grant;
use crate::api::{CloudDomainSpec, CloudDomainStatus};

/// What may be granted in all: capacity times the over-commit ratio, rounded down.
///
/// # Errors
/// Names the resource whose capacity cannot be read.
pub fn grantable(domain: &CloudDomainSpec) -> Result<Amounts, (String, QuantityError)> {
    let capacity = Amounts::parse(&domain.capacity)?;
    capacity
        .iter()
        .map(|(resource, amount)| {
            let percent = domain.overcommit_percent.get(resource).map_or(100, |p| p.0);
            let granted = amount.percent(percent);
            granted
                .map(|amount| (resource.to_owned(), amount))
                .ok_or_else(|| (resource.to_owned(), QuantityError::TooLarge(amount.to_string())))
        })
        .collect()
}

/// A grant or reservation that takes room in a domain.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// Uid of the filing that was approved: a reservation and the grant it became count once.
    pub submission_uid: String,
    /// How much.
    pub amounts: Amounts,
}

impl Taken {
    /// The room that a grant takes; a grant whose amounts cannot be read is an error, never zero.
    ///
    /// # Errors
    /// Names the resource.
    pub fn by_grant(grant: &Grant) -> Result<Self, (String, QuantityError)> {
        Ok(Self { submission_uid: grant.submission_uid.clone(), amounts: Amounts::parse(&grant.amounts)? })
    }

    /// The room that a reservation takes.
    ///
    /// # Errors
    /// Names the resource.
    pub fn by_reservation(reservation: &Reservation) -> Result<Self, (String, QuantityError)> {
        Ok(Self { submission_uid: reservation.submission_uid.clone(), amounts: Amounts::parse(&reservation.amounts)? })
    }
}

/// The sum of what is taken, each filing once.
#[must_use]
pub fn sum<'t>(taken: impl IntoIterator<Item = &'t Taken>) -> Option<Amounts> {
    let mut seen = std::collections::BTreeSet::new();
    let once = taken.into_iter().filter(|t| seen.insert(t.submission_uid.as_str()));
    once.map(|t| &t.amounts).try_fold(Amounts::default(), Amounts::checked_add)
}

/// What came of asking for room.
#[derive(Clone, Debug, PartialEq)]
pub enum Reserving {
    /// It stands reserved, or granted, already, from an attempt before.
    Held,
    /// Fewer grants are known than were committed, so what is free cannot be told: look again later.
    Stale,
    /// There is not so much left.
    Short(Text),
    /// So many approvals are being committed at once that the list is full: look again later.
    Busy,
    /// The status to write, if the domain has not changed meanwhile.
    Reserved(Box<CloudDomainStatus>),
}

/// Most reservations at a time; the CRD's bound.
pub const MAX_RESERVATIONS: usize = 64;

/// Takes room for an approval. `status` was read just now, `grants` are those that are known of: an older view of them is
/// found out by their number, so two operators, or one that lags, never grant the same room twice.
///
/// # Errors
/// Names the resource whose amount cannot be read.
pub fn reserve(
    name: &str,
    spec: &CloudDomainSpec,
    status: &CloudDomainStatus,
    grants: &[Taken],
    wanted: Reservation,
) -> Result<Reserving, (String, QuantityError)> {
    // Reserved once more, a grant would be counted as two, and no cache could ever know them all.
    let reserved = status.reservations.iter().map(|r| &r.submission_uid);
    if reserved.chain(grants.iter().map(|g| &g.submission_uid)).any(|uid| *uid == wanted.submission_uid) {
        return Ok(Reserving::Held);
    }
    if i64::try_from(grants.len()).unwrap_or(i64::MAX) < status.grants_committed {
        return Ok(Reserving::Stale);
    }
    let too_large = || ("granted".to_owned(), QuantityError::TooLarge(name.to_owned()));
    let taken = taken(status, grants)?;
    let granted = sum(&taken).ok_or_else(too_large)?;
    let amounts = Amounts::parse(&wanted.amounts)?;
    if let Err(short) = fits(&amounts, &grantable(spec)?, &granted) {
        return Ok(Reserving::Short(explain(name, &short)));
    }
    let mut next = settled(status, grants);
    if next.reservations.len() >= MAX_RESERVATIONS {
        return Ok(Reserving::Busy);
    }
    next.reservations.push(wanted);
    Ok(Reserving::Reserved(Box::new(next)))
}

/// Grants and reservations together.
///
/// # Errors
/// Names the resource whose amount cannot be read.
pub fn taken(status: &CloudDomainStatus, grants: &[Taken]) -> Result<Vec<Taken>, (String, QuantityError)> {
    let reserved = status.reservations.iter().map(Taken::by_reservation).collect::<Result<Vec<_>, _>>()?;
    Ok(grants.iter().cloned().chain(reserved).collect())
}

/// The status without the reservations that have become grants; those are counted instead.
#[must_use]
pub fn settled(status: &CloudDomainStatus, grants: &[Taken]) -> CloudDomainStatus {
    let known: std::collections::BTreeSet<&str> = grants.iter().map(|g| g.submission_uid.as_str()).collect();
    let mut next = status.clone();
    next.reservations.retain(|r| !known.contains(r.submission_uid.as_str()));
    let finished = status.reservations.len() - next.reservations.len();
    next.grants_committed += i64::try_from(finished).unwrap_or(0);
    next
}

/// Whether so much more fits in.
///
/// # Errors
/// Every resource that is short, with what is wanted and what is free.
pub fn fits(wanted: &Amounts, grantable: &Amounts, granted: &Amounts) -> Result<(), Vec<Shortage>> {
    let shortages = wanted.shortages(grantable, granted);
    if shortages.is_empty() { Ok(()) } else { Err(shortages) }
}

/// Shortages in words.
#[must_use]
pub fn explain(domain: &str, shortages: &[Shortage]) -> Text {
    let list: Vec<String> = shortages.iter().map(ToString::to_string).collect();
    Text::new(
        format!(
            "domain {domain} has not enough left: {}; ask for less or another domain, or the authority enlarges the domain (article 26)",
            list.join("; ")
        ),
        format!("云域{domain}剩余资源不足：{}；请减少申请或另选云域（第二十六条）", list.join("；")),
    )
}

#[cfg(test)]
mod tests;

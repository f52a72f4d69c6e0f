//! What a domain can grant: `granted <= capacity x ratio`, for every resource, at any time (article 26).

use super::effective::{self, Span};
use super::fit;
use super::quantity::{Amount, Amounts, Format, QuantityError, Shortage};
use super::resources;
use super::text::{Text, shorten};
use crate::api::bounds;
use crate::api::cloud_domain::{Reservation, ShortageAt};
use crate::api::common::{Quantity, Time};
use crate::api::information_system::InformationSystemStatus;
use crate::api::{CloudDomainSpec, CloudDomainStatus, InformationSystemSpec};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What may be granted in all: capacity times the over-commit ratio, rounded down.
///
/// # Errors
/// Names the resource whose capacity cannot be read.
pub fn grantable(domain: &CloudDomainSpec) -> Result<Amounts, (String, QuantityError)> {
    let capacity = Amounts::parse(&domain.capacity)?;
    capacity
        .iter()
        .map(|(resource, amount)| {
            let granted = amount.percent(percent(domain, resource));
            granted
                .map(|amount| (resource.to_owned(), amount))
                .ok_or_else(|| (resource.to_owned(), QuantityError::TooLarge(amount.to_string())))
        })
        .collect()
}

/// How many percent of what there is of a resource may be granted.
#[must_use]
pub fn percent(domain: &CloudDomainSpec, resource: &str) -> i32 {
    let said = domain.overcommit_percent.iter().find(|(name, _)| resources::canonical(name) == resource);
    said.map_or(100, |(_, percent)| percent.0)
}

/// Something that takes room in a domain for some time.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// Uid of the filing that was approved: a reservation and the grant it became count once. Nothing on what is still in
    /// use beyond what is granted.
    pub submission_uid: Option<String>,
    /// How much.
    pub amounts: Amounts,
    /// When.
    pub span: Span,
}

impl Taken {
    /// The room that a system's grants take, each while it holds; an amount that cannot be read is an error, never zero.
    ///
    /// # Errors
    /// Names the resource.
    pub fn by_grants(spec: &InformationSystemSpec) -> Result<Vec<Self>, (String, QuantityError)> {
        let grants = effective::spans(spec).into_iter().zip(&spec.grants).map(|(span, grant)| {
            let amounts = Amounts::parse(&grant.amounts)?;
            Ok(Self { submission_uid: Some(grant.submission_uid.clone()), amounts, span })
        });
        grants.collect()
    }

    /// What a system has in its quota beyond what its grants give it now: room is free once nothing uses it any more, and not
    /// before. Nothing where there is none.
    #[must_use]
    pub fn beyond(grants: &[Self], in_quota: &InQuota, now: Timestamp) -> Option<Self> {
        let holding = grants.iter().filter(|g| g.span.contains(now));
        let granted = holding.map(|g| &g.amounts).try_fold(Amounts::default(), Amounts::checked_add)?;
        let amounts = in_quota.at_most(grants, now)?.beyond(&granted);
        (!amounts.is_empty()).then_some(Self { submission_uid: None, amounts, span: Span::ALWAYS })
    }

    /// The room that a reservation takes.
    ///
    /// # Errors
    /// Names the resource.
    pub fn by_reservation(reservation: &Reservation) -> Result<Self, (String, QuantityError)> {
        let Reservation { submission_uid, amounts, .. } = reservation;
        let (amounts, span) = (Amounts::parse(amounts)?, span_of(reservation));
        Ok(Self { submission_uid: Some(submission_uid.clone()), amounts, span })
    }
}

fn span_of(reservation: &Reservation) -> Span {
    let from = reservation.from.map_or(Timestamp::MIN, Time::timestamp);
    Span { from, until: reservation.until.map(Time::timestamp) }
}

/// What a system has in its quota, by its status.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InQuota {
    /// How much, when that was told.
    amounts: Amounts,
    /// Whether the status speaks of the record as it stands.
    current: bool,
    /// The moment from which the status is old, because what the system has changes by itself.
    until: Option<Timestamp>,
}

impl InQuota {
    /// As the status of a record of this generation tells it.
    ///
    /// # Errors
    /// Names the resource whose amount cannot be read.
    pub fn told(status: &InformationSystemStatus, generation: Option<i64>) -> Result<Self, (String, QuantityError)> {
        let too_large = || ("its quota".to_owned(), QuantityError::TooLarge("amounts and held".to_owned()));
        let amounts = Amounts::parse(&status.amounts)?.checked_add(&Amounts::parse(&status.held)?);
        Ok(Self {
            amounts: amounts.ok_or_else(too_large)?,
            current: status.observed_generation == generation,
            until: status.changes_at.map(Time::timestamp),
        })
    }

    /// The most that the quota can have at a moment. While the status is old, an operator may be at writing, or may have
    /// written, whatever the system had up to now: it writes the quota first.
    fn at_most(&self, grants: &[Taken], now: Timestamp) -> Option<Amounts> {
        if self.current && self.until.is_none_or(|until| now < until) {
            return Some(self.amounts.clone());
        }
        let before = Span { from: Timestamp::MIN, until: Some(now) };
        Some(self.amounts.clone().highest(&Profile::of(grants)?.highest_within(before)))
    }
}

/// How much is taken at every instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile(BTreeMap<String, Vec<(Timestamp, Amount)>>);

impl Profile {
    /// Of what is taken, each filing once; nothing where it is beyond what can be counted.
    #[must_use]
    pub fn of<'t>(taken: impl IntoIterator<Item = &'t Taken>) -> Option<Self> {
        let mut seen = BTreeSet::new();
        let mut steps: BTreeMap<String, BTreeMap<Timestamp, i128>> = BTreeMap::new();
        for one in taken {
            let again = one.submission_uid.as_deref().is_some_and(|uid| !seen.insert(uid));
            if again || one.span.is_empty() {
                continue;
            }
            for (resource, amount) in one.amounts.iter() {
                let steps = steps.entry(resource.to_owned()).or_default();
                *steps.entry(one.span.from).or_default() += amount.thousandths();
                if let Some(until) = one.span.until {
                    *steps.entry(until).or_default() -= amount.thousandths();
                }
            }
        }
        let levels = steps.into_iter().map(|(resource, steps)| {
            let mut level = 0;
            let levels = steps.into_iter().map(|(at, step)| {
                level += step;
                Some((at, Amount::from_thousandths(level)?))
            });
            Some((resource, levels.collect::<Option<Vec<_>>>()?))
        });
        levels.collect::<Option<_>>().map(Self)
    }

    /// How much is taken at a moment.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Amounts {
        self.0.keys().map(|resource| (resource.clone(), self.level(resource, now))).collect()
    }

    fn level(&self, resource: &str, at: Timestamp) -> Amount {
        let steps = self.0.get(resource).map_or(&[][..], Vec::as_slice);
        let passed = steps.partition_point(|(moment, _)| *moment <= at);
        passed.checked_sub(1).and_then(|last| steps.get(last)).map_or(Amount::ZERO, |(_, level)| *level)
    }

    /// The levels of a resource within a span, oldest first, each with the moment from which it holds.
    fn levels(&self, resource: &str, span: Span) -> impl Iterator<Item = (Timestamp, Amount)> {
        let steps = self.0.get(resource).map_or(&[][..], Vec::as_slice).iter();
        let within = steps.filter(move |(at, _)| *at > span.from && span.contains(*at)).copied();
        std::iter::once((span.from, self.level(resource, span.from))).chain(within)
    }

    /// The most that is taken from a moment on.
    #[must_use]
    pub fn highest(&self, from: Timestamp) -> Amounts {
        self.highest_within(Span { from, until: None })
    }

    /// The most that is taken at any moment of a span.
    #[must_use]
    pub fn highest_within(&self, span: Span) -> Amounts {
        let highest = |resource: &str| self.levels(resource, span).map(|(_, level)| level).max().unwrap_or_default();
        self.0.keys().map(|resource| (resource.clone(), highest(resource))).collect()
    }

    /// The next moment after this one at which a level changes.
    #[must_use]
    pub fn next_moment(&self, after: Timestamp) -> Option<Timestamp> {
        self.0.values().flatten().map(|(at, _)| *at).filter(|at| *at > after).min()
    }

    /// Where so much more does not fit in during a span: for each resource the first moment, with what is free then.
    #[must_use]
    pub fn shortages(&self, wanted: &Amounts, ceiling: &Amounts, span: Span) -> Vec<(Timestamp, Shortage)> {
        let short = wanted.iter().filter_map(|(resource, wanted)| {
            let mut levels = self
                .levels(resource, span)
                .map(|(at, level)| (at, ceiling.get(resource).checked_sub(level).unwrap_or_default()));
            let (at, available) = levels.find(|(_, available)| wanted > *available)?;
            Some((at, Shortage { resource: resource.to_owned(), wanted, available }))
        });
        short.collect()
    }

    /// The first moments from now on at which more is taken than there is, by resource.
    #[must_use]
    pub fn above(&self, ceiling: &Amounts, now: Timestamp) -> Vec<(Timestamp, String, Amount)> {
        let span = Span { from: now, until: None };
        let mut above: Vec<_> = self
            .0
            .keys()
            .filter_map(|resource| {
                let missing = |level: Amount| level.checked_sub(ceiling.get(resource)).filter(|m| *m > Amount::ZERO);
                let mut levels = self.levels(resource, span);
                let (at, missing) = levels.find_map(|(at, level)| Some((at, missing(level)?)))?;
                Some((at, resource.clone(), missing))
            })
            .collect();
        above.sort();
        above
    }
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
    now: Timestamp,
) -> Result<Reserving, (String, QuantityError)> {
    // Reserved once more, a grant would be counted as two, and no cache could ever know them all.
    let reserved = status.reservations.iter().map(|r| &r.submission_uid);
    if reserved.chain(filings(grants)).any(|uid| *uid == wanted.submission_uid) {
        return Ok(Reserving::Held);
    }
    if i64::try_from(filings(grants).count()).unwrap_or(i64::MAX) < status.grants_committed {
        return Ok(Reserving::Stale);
    }
    let too_large = || ("granted".to_owned(), QuantityError::TooLarge(name.to_owned()));
    let mut taken = taken(status, grants)?;
    end_with(&mut taken, &wanted, now);
    let profile = Profile::of(&taken).ok_or_else(too_large)?;
    let span = Span { from: span_of(&wanted).from.max(now), ..span_of(&wanted) };
    let short = profile.shortages(&Amounts::parse(&wanted.amounts)?, &grantable(spec)?, span);
    if !short.is_empty() {
        return Ok(Reserving::Short(explain_at(name, &short, now)));
    }
    let mut next = settled(status, grants);
    if next.reservations.len() >= bounds::RESERVATIONS {
        return Ok(Reserving::Busy);
    }
    next.reservations.push(wanted);
    Ok(Reserving::Reserved(Box::new(next)))
}

fn filings(grants: &[Taken]) -> impl Iterator<Item = &String> {
    grants.iter().filter_map(|g| g.submission_uid.as_ref())
}

/// Grants and reservations together.
///
/// # Errors
/// Names the resource whose amount cannot be read.
pub fn taken(status: &CloudDomainStatus, grants: &[Taken]) -> Result<Vec<Taken>, (String, QuantityError)> {
    let reserved = status.reservations.iter().map(Taken::by_reservation).collect::<Result<Vec<_>, _>>()?;
    let mut taken: Vec<Taken> = grants.iter().cloned().chain(reserved).collect();
    for reservation in &status.reservations {
        end_with(&mut taken, reservation, Timestamp::MIN);
    }
    Ok(taken)
}

/// Ends what a reservation takes the place of, where it begins: as the record will say once it is a grant.
fn end_with(taken: &mut [Taken], reservation: &Reservation, earliest: Timestamp) {
    let from = span_of(reservation).from.max(earliest);
    let over = |t: &&mut Taken| t.submission_uid.as_ref().is_some_and(|uid| reservation.ends.contains(uid));
    for one in taken.iter_mut().filter(over) {
        one.span.until = Some(one.span.until.map_or(from, |until| until.min(from)));
    }
}

/// What a domain shows of its resources: those that it has come first. And how many more there are.
#[must_use]
pub fn shown(granted: &Amounts, grantable: &Amounts) -> (BTreeSet<String>, i64) {
    let has = |resource: &str| grantable.iter().any(|(known, _)| known == resource);
    let mut names: Vec<String> = granted.iter().map(|(resource, _)| resource.to_owned()).collect();
    names.sort_by_key(|resource| !has(resource));
    let (names, more) = fit::first(names, bounds::RESOURCES_OF_DOMAIN);
    (names.into_iter().collect(), more)
}

/// The first of the resources of which more is granted than there is, as a status has room for them, and how many more there are.
#[must_use]
pub fn shortages(above: &[(Timestamp, String, Amount)]) -> (Vec<ShortageAt>, i64) {
    let all = above.iter().map(|(from, resource, missing)| ShortageAt {
        resource: shorten(resource, bounds::RESOURCE),
        from: Time::new(*from),
        missing: Quantity(missing.print(Format::of(resource))),
    });
    fit::first(all.collect(), bounds::SHORTAGES)
}

/// The status without the reservations that have become grants; those are counted instead.
#[must_use]
pub fn settled(status: &CloudDomainStatus, grants: &[Taken]) -> CloudDomainStatus {
    let known: BTreeSet<&str> = filings(grants).map(String::as_str).collect();
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
            "domain {domain} has not enough left: {}; ask for less or another domain, or the authority enlarges the domain",
            list.join("; ")
        ),
        format!("云域{domain}剩余资源不足：{}；请减少申请或另选云域", list.join("；")),
    )
}

/// Shortages in words, with the moment of those that are still to come.
#[must_use]
pub fn explain_at(domain: &str, shortages: &[(Timestamp, Shortage)], now: Timestamp) -> Text {
    let ahead = shortages.iter().map(|(at, _)| *at).filter(|at| *at > now).min();
    let list: Vec<Shortage> = shortages.iter().map(|(_, short)| short.clone()).collect();
    let text = explain(domain, &list);
    match ahead {
        None => text,
        Some(at) => {
            let at = Time::new(at);
            Text::new(format!("from {at} on, {}", text.en), format!("自{at}起，{}", text.zh))
        }
    }
}

#[cfg(test)]
mod tests;

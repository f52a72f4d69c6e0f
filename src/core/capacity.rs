//! What a domain can grant: `granted <= capacity x ratio`, for every resource, at any time (article 26).

use super::quantity::{Amounts, QuantityError, Shortage};
use super::text::Text;
use crate::api::CloudDomainSpec;
use crate::api::cloud_domain::Reservation;
use crate::api::information_system::Grant;

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
mod tests {
    use super::*;
    use crate::api::cloud_domain::OvercommitPercent;
    use crate::api::common::Quantity;
    use crate::core::quantity::Amount;
    use proptest::prelude::*;

    fn cpus(n: i64) -> Amounts {
        Amounts::from_iter([("requests.cpu".to_owned(), Amount::units(n))])
    }

    #[test]
    fn r26_2_capacity_times_ratio_is_the_ceiling() {
        let mut domain = CloudDomainSpec::default();
        domain.capacity.insert("requests.cpu".into(), Quantity("10".into()));
        domain.overcommit_percent.insert("requests.cpu".into(), OvercommitPercent(150));
        let ceiling = grantable(&domain).unwrap();
        assert_eq!(fits(&cpus(3), &ceiling, &cpus(12)), Ok(()));
        let short = fits(&cpus(4), &ceiling, &cpus(12)).unwrap_err();
        assert_eq!(short[0].to_string(), "requests.cpu: 4 wanted, 3 free");
        assert!(explain("main", &short).en.contains("article 26"));
    }

    #[test]
    fn a_reservation_and_its_grant_count_once() {
        let one = |uid: &str| Taken { submission_uid: uid.into(), amounts: cpus(4) };
        assert_eq!(sum(&[one("a"), one("a"), one("b")]), Some(cpus(8)));
    }

    proptest! {
        /// Whatever is approved in whatever order, the sum never exceeds the ceiling.
        #[test]
        fn r26_2_no_history_exceeds_capacity(ceiling in 0..200_i64, wants in prop::collection::vec(1..60_i64, 0..40)) {
            let mut granted: Vec<Taken> = Vec::new();
            for (n, want) in wants.into_iter().enumerate() {
                let before = sum(&granted).unwrap();
                if fits(&cpus(want), &cpus(ceiling), &before).is_ok() {
                    granted.push(Taken { submission_uid: n.to_string(), amounts: cpus(want) });
                }
                prop_assert!(sum(&granted).unwrap().get("requests.cpu") <= Amount::units(ceiling));
            }
        }
    }
}

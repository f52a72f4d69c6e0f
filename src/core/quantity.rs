//! Amounts of resources: exact integers, read once from Kubernetes quantities and printed back canonically.
//!
//! An [`Amount`] counts thousandths (a milli-core, a thousandth of a byte), so every quantity that a quota can hold is
//! exact. What is finer is refused rather than rounded: nobody should get a byte more or less than was confirmed.

use super::resources;
use crate::api::common::{Quantity, QuantityMap};
use std::collections::BTreeMap;
use std::fmt;

/// Thousandths of a unit.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Amount(i128);

/// Why a quantity cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum QuantityError {
    /// Not a quantity at all.
    #[error("`{0}` is no Kubernetes quantity: write a number with an optional suffix, such as 500m, 4, 16Gi or 1.5Ti")]
    Malformed(String),
    /// Below zero.
    #[error("`{0}` is below zero: amounts of resources are zero or more")]
    Negative(String),
    /// Finer than a thousandth.
    #[error("`{0}` is finer than a thousandth and would have to be rounded: write whole thousandths, such as 250m")]
    TooFine(String),
    /// Beyond what can be counted.
    #[error("`{0}` is beyond what can be counted (at most {max} units)", max = i64::MAX)]
    TooLarge(String),
}

const SUFFIXES: [(&str, i128, i128); 14] = [
    ("Ki", 1 << 10, 1),
    ("Mi", 1 << 20, 1),
    ("Gi", 1 << 30, 1),
    ("Ti", 1 << 40, 1),
    ("Pi", 1 << 50, 1),
    ("Ei", 1 << 60, 1),
    ("n", 1, 1_000_000_000),
    ("u", 1, 1_000_000),
    ("m", 1, 1_000),
    ("k", 1_000, 1),
    ("M", 1_000_000, 1),
    ("G", 1_000_000_000, 1),
    ("T", 1_000_000_000_000, 1),
    ("P", 1_000_000_000_000_000, 1),
];
const EXA: i128 = 1_000_000_000_000_000_000;
/// Kubernetes itself counts in 64 bits.
const MAX: i128 = i64::MAX as i128 * 1000;

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Whole units.
    #[must_use]
    pub fn units(units: i64) -> Self {
        Self(i128::from(units) * 1000)
    }

    /// Thousandths.
    #[must_use]
    pub fn thousandths(self) -> i128 {
        self.0
    }

    /// So many thousandths; nothing below zero, or beyond what can be counted.
    #[must_use]
    pub fn from_thousandths(thousandths: i128) -> Option<Self> {
        (0..=MAX).contains(&thousandths).then_some(Self(thousandths))
    }

    /// Reads a Kubernetes quantity.
    ///
    /// # Errors
    /// When it is malformed, negative, finer than a thousandth, or beyond 64 bits.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let malformed = || QuantityError::Malformed(text.to_owned());
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let digits_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, suffix) = rest.split_at(digits_end);
        let (numerator, denominator) = factor(suffix).ok_or_else(malformed)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(malformed());
        }
        let too_large = || QuantityError::TooLarge(text.to_owned());
        let fraction = fraction.trim_end_matches('0');
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Ok(Self::ZERO);
        }
        if negative {
            return Err(QuantityError::Negative(text.to_owned()));
        }
        let value: i128 = digits.parse().map_err(|_| too_large())?;
        let too_fine = || QuantityError::TooFine(text.to_owned());
        let scale = u32::try_from(fraction.len()).ok().and_then(|n| 10_i128.checked_pow(n)).ok_or_else(too_fine)?;
        let (up, down) = (numerator * 1000, denominator.checked_mul(scale).ok_or_else(too_fine)?);
        // In lowest terms, and divided before it is multiplied: what can be counted is never refused on the way.
        let common = common_divisor(up, down);
        let (up, down) = (up / common, down / common);
        if value % down != 0 {
            return Err(too_fine());
        }
        let thousandths = (value / down).checked_mul(up).ok_or_else(too_large)?;
        if thousandths > MAX { Err(too_large()) } else { Ok(Self(thousandths)) }
    }

    /// The sum; nothing beyond what can be counted.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).filter(|v| *v <= MAX).map(Self)
    }

    /// The difference; nothing below zero.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).filter(|v| *v >= 0).map(Self)
    }

    /// So many times as much; nothing beyond what can be counted.
    #[must_use]
    pub fn checked_mul(self, times: i64) -> Option<Self> {
        self.0.checked_mul(i128::from(times)).filter(|v| (0..=MAX).contains(v)).map(Self)
    }

    /// So many percent of it, rounded down.
    #[must_use]
    pub fn percent(self, percent: i32) -> Option<Self> {
        self.0.checked_mul(i128::from(percent)).map(|v| v / 100).filter(|v| (0..=MAX).contains(v)).map(Self)
    }

    /// The canonical form, byte for byte as the API server keeps it.
    #[must_use]
    pub fn print(self, format: Format) -> String {
        if self.0 % 1000 != 0 {
            return format!("{}m", self.0);
        }
        let units = self.0 / 1000;
        if units == 0 {
            return "0".to_owned();
        }
        let (base, suffixes): (i128, [&str; 6]) = match format {
            Format::BinarySi => (1024, ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]),
            Format::DecimalSi => (1000, ["k", "M", "G", "T", "P", "E"]),
        };
        let mut rest = units;
        let mut suffix = "";
        for next in suffixes {
            if rest % base != 0 {
                break;
            }
            rest /= base;
            suffix = next;
        }
        format!("{rest}{suffix}")
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.print(Format::DecimalSi))
    }
}

fn factor(suffix: &str) -> Option<(i128, i128)> {
    if suffix.is_empty() {
        return Some((1, 1));
    }
    if let Some((_, up, down)) = SUFFIXES.iter().find(|(name, ..)| *name == suffix) {
        return Some((*up, *down));
    }
    if suffix == "E" {
        return Some((EXA, 1));
    }
    let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    let power = 10_i128.checked_pow(exponent.unsigned_abs()).filter(|_| exponent.abs() <= 18)?;
    Some(if exponent < 0 { (1, power) } else { (power, 1) })
}

/// The greatest number that divides both.
fn common_divisor(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// How an amount is printed: bytes in powers of 1024, everything else in powers of 1000.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// 500m, 4, 2k.
    DecimalSi,
    /// 16Gi; plain digits where no power of 1024 divides.
    BinarySi,
}

impl Format {
    /// The form in which Kubernetes prints this resource.
    #[must_use]
    pub fn of(resource: &str) -> Self {
        let bare = resource.trim_start_matches("requests.").trim_start_matches("limits.");
        let bytes = ["memory", "storage", "ephemeral-storage"].contains(&bare)
            || bare.starts_with("hugepages-")
            || bare.ends_with("/requests.storage");
        if bytes { Self::BinarySi } else { Self::DecimalSi }
    }
}

/// Amounts by resource name. A resource that is not named is zero.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Amounts(BTreeMap<String, Amount>);

/// A resource of which there is too little.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shortage {
    /// Resource.
    pub resource: String,
    /// How much is wanted.
    pub wanted: Amount,
    /// How much there is.
    pub available: Amount,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = Format::of(&self.resource);
        write!(f, "{}: {} wanted, {} free", self.resource, self.wanted.print(format), self.available.print(format))
    }
}

impl Amounts {
    /// Reads a map of quantities, each resource by the name that counts; of one that is there by two names the greater.
    ///
    /// # Errors
    /// Names the resource whose quantity cannot be read.
    pub fn parse(map: &QuantityMap) -> Result<Self, (String, QuantityError)> {
        map.iter().try_fold(Self::default(), |all, (resource, quantity)| match Amount::parse(&quantity.0) {
            Ok(amount) => Ok(all.highest(&Self::from_iter([(resources::canonical(resource).into_owned(), amount)]))),
            Err(error) => Err((resource.clone(), error)),
        })
    }

    /// How much of a resource.
    #[must_use]
    pub fn get(&self, resource: &str) -> Amount {
        self.0.get(resource).copied().unwrap_or_default()
    }

    /// Every resource named, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Amount)> {
        self.0.iter().map(|(resource, amount)| (resource.as_str(), *amount))
    }

    /// Whether no resource is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sum; nothing beyond what can be counted.
    #[must_use]
    pub fn checked_add(mut self, other: &Self) -> Option<Self> {
        for (resource, amount) in &other.0 {
            let sum = self.get(resource).checked_add(*amount)?;
            self.0.insert(resource.clone(), sum);
        }
        Some(self)
    }

    /// Of each resource what is more here than there; resources of which it is not are left out.
    #[must_use]
    pub fn beyond(&self, other: &Self) -> Self {
        let more = self.0.iter().filter_map(|(resource, amount)| {
            let more = amount.checked_sub(other.get(resource)).filter(|more| *more > Amount::ZERO)?;
            Some((resource.clone(), more))
        });
        more.collect()
    }

    /// Of each resource the greater of two amounts.
    #[must_use]
    pub fn highest(mut self, other: &Self) -> Self {
        for (resource, amount) in &other.0 {
            let highest = self.get(resource).max(*amount);
            self.0.insert(resource.clone(), highest);
        }
        self
    }

    /// So many times as much.
    #[must_use]
    pub fn checked_mul(&self, times: i64) -> Option<Self> {
        self.0
            .iter()
            .map(|(resource, amount)| Some((resource.clone(), amount.checked_mul(times)?)))
            .collect::<Option<BTreeMap<_, _>>>()
            .map(Self)
    }

    /// What is missing for these amounts to fit in beside `taken`. A resource that `ceiling` does not name has none.
    #[must_use]
    pub fn shortages(&self, ceiling: &Self, taken: &Self) -> Vec<Shortage> {
        self.0
            .iter()
            .filter_map(|(resource, wanted)| {
                let available = ceiling.get(resource).checked_sub(taken.get(resource)).unwrap_or_default();
                (*wanted > available).then(|| Shortage { resource: resource.clone(), wanted: *wanted, available })
            })
            .collect()
    }

    /// As the API writes it, each in the form of its resource.
    #[must_use]
    pub fn print(&self) -> QuantityMap {
        self.0
            .iter()
            .map(|(resource, amount)| (resource.clone(), Quantity(amount.print(Format::of(resource)))))
            .collect()
    }
}

impl FromIterator<(String, Amount)> for Amounts {
    fn from_iter<I: IntoIterator<Item = (String, Amount)>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_every_suffix_exactly() {
        let cases = [
            ("0", 0),
            ("1", 1_000),
            ("500m", 500),
            ("1.5", 1_500),
            ("0.25", 250),
            (".5", 500),
            ("1Ki", 1_024_000),
            ("1.5Gi", 1_610_612_736_000),
            ("16Gi", 17_179_869_184_000),
            ("1Pi", 1_125_899_906_842_624_000),
            ("9223372036854775807", MAX),
            ("2k", 2_000_000),
            ("3e3", 3_000_000),
            ("3E3", 3_000_000),
            ("1e-3", 1),
            ("1E", 1_000_000_000_000_000_000_000),
            ("2.932260528564453125Ei", 3_380_666_220_491_797_692_416),
            ("1000000u", 1_000),
            ("1000000000n", 1_000),
        ];
        for (text, thousandths) in cases {
            assert_eq!(Amount::parse(text).map(Amount::thousandths), Ok(thousandths), "{text}");
        }
    }

    #[test]
    fn refuses_what_it_would_have_to_guess() {
        assert!(matches!(Amount::parse("-1"), Err(QuantityError::Negative(_))));
        assert!(matches!(Amount::parse("0.0001"), Err(QuantityError::TooFine(_))));
        assert!(matches!(Amount::parse("1n"), Err(QuantityError::TooFine(_))));
        assert!(matches!(Amount::parse("2.932233720368847758Ei"), Err(QuantityError::TooFine(_))));
        assert!(matches!(Amount::parse(&format!("0.{}1", "0".repeat(40))), Err(QuantityError::TooFine(_))));
        assert!(matches!(Amount::parse("16Ei"), Err(QuantityError::TooLarge(_))));
        assert!(matches!(Amount::parse("99999999999999999999999999999999999999999"), Err(QuantityError::TooLarge(_))));
        for text in ["", ".", "1.2.3", "abc", "1 Gi", "1gi", "1e", "1e99", "１", "一"] {
            assert!(matches!(Amount::parse(text), Err(QuantityError::Malformed(_))), "{text}");
        }
    }

    #[test]
    fn prints_as_the_api_server_keeps_it() {
        let cases = [
            ("500m", "requests.cpu", "500m"),
            ("1500m", "requests.cpu", "1500m"),
            ("2000m", "limits.cpu", "2"),
            ("1000", "pods", "1k"),
            ("16384Mi", "limits.memory", "16Gi"),
            ("1000", "limits.memory", "1000"),
            ("1500Mi", "limits.memory", "1500Mi"),
            ("1024Gi", "ssd.storageclass.storage.k8s.io/requests.storage", "1Ti"),
            ("0", "requests.memory", "0"),
        ];
        for (text, resource, printed) in cases {
            assert_eq!(Amount::parse(text).map(|a| a.print(Format::of(resource))), Ok(printed.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_resource_without_capacity_has_none() {
        let wanted = Amounts::from_iter([("licences".to_owned(), Amount::units(1))]);
        let shortage = wanted.shortages(&Amounts::default(), &Amounts::default());
        assert_eq!(shortage.len(), 1);
        assert_eq!(shortage[0].to_string(), "licences: 1 wanted, 0 free");
    }

    proptest! {
        #[test]
        fn printing_loses_nothing(thousandths in 0..MAX, binary: bool) {
            let format = if binary { Format::BinarySi } else { Format::DecimalSi };
            prop_assert_eq!(Amount::parse(&Amount(thousandths).print(format)), Ok(Amount(thousandths)));
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,24}") {
            let _ = Amount::parse(&text);
        }

        #[test]
        fn what_fits_is_within_the_ceiling(wanted in 0..i64::MAX / 4, taken in 0..i64::MAX / 4, ceiling in 0..i64::MAX / 2) {
            let one = |n| Amounts::from_iter([("cpu".to_owned(), Amount::units(n))]);
            let fits = one(wanted).shortages(&one(ceiling), &one(taken)).is_empty();
            prop_assert_eq!(fits, wanted == 0 || wanted + taken <= ceiling);
        }
    }
}

//! Ranges of addresses.

use super::text::Text;
use crate::api::CloudDomainSpec;
use ::core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;

/// A range of addresses of one family, such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Reads a range; nothing where it is none. Bits beyond its prefix count for nothing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        // As the API server reads it: no sign, no leading zero, and no address of one family inside the other.
        let plain = prefix == "0" || !prefix.starts_with('0');
        let prefix: u8 = prefix.parse().ok().filter(|_| plain && prefix.bytes().all(|b| b.is_ascii_digit()))?;
        let network = match address.parse().ok()? {
            IpAddr::V4(v4) if prefix <= 32 => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask_v4(prefix))),
            IpAddr::V6(v6) if prefix <= 128 && v6.to_ipv4_mapped().is_none() => {
                IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask_v6(prefix)))
            }
            _ => return None,
        };
        Some(Self { network, prefix })
    }

    /// Reads a range as it is to be written: without bits beyond its prefix.
    #[must_use]
    pub fn exact(text: &str) -> Option<Self> {
        let address: IpAddr = text.split_once('/')?.0.parse().ok()?;
        Self::parse(text).filter(|cidr| cidr.network == address)
    }

    /// Whether all of another range is in this one.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.prefix <= other.prefix
            && match (self.network, other.network) {
                (IpAddr::V4(this), IpAddr::V4(other)) => other.to_bits() & mask_v4(self.prefix) == this.to_bits(),
                (IpAddr::V6(this), IpAddr::V6(other)) => other.to_bits() & mask_v6(self.prefix) == this.to_bits(),
                _ => false,
            }
    }
}

/// What a domain names as a range of addresses and is none: nothing is opened, or left out, by it.
#[must_use]
pub fn problems(domain: &CloudDomainSpec) -> Vec<String> {
    let of = |place: String, texts: &[String]| {
        let wrong = texts.iter().enumerate().filter(|(_, text)| Cidr::exact(text).is_none());
        let told = wrong.map(|(n, text)| {
            Text::new(
                format!(
                    "{place}[{n}]: {text:?} is no CIDR without bits beyond its prefix, such as 10.0.0.0/8 or fd00::/8"
                ),
                "须为 CIDR，前缀以外的位为零，如 10.0.0.0/8、fd00::/8",
            )
        });
        told.map(|text| text.to_string()).collect::<Vec<_>>()
    };
    let networks = domain.networks.iter().enumerate().flat_map(|(n, ranges)| {
        let place = |list: &str| format!("spec.networks[{n}].{list}");
        [of(place("cidrs"), &ranges.cidrs), of(place("except"), &ranges.except)].concat()
    });
    networks.collect()
}

fn mask_v4(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

fn mask_v6(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_api_server_reads_them() {
        let printed = [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("1.2.3.4/32", "1.2.3.4/32"),
            ("::/0", "::/0"),
            ("FD00::1/8", "fd00::/8"),
            ("2001:db8::/128", "2001:db8::/128"),
        ];
        for (text, expected) in printed {
            assert_eq!(Cidr::parse(text).map(|cidr| cidr.to_string()).as_deref(), Some(expected), "{text}");
        }
        for bad in [
            "",
            "10.0.0.0",
            "10.0.0.0/33",
            "10.0.0.0/08",
            "10.0.0.0/+8",
            "010.0.0.0/8",
            "::/129",
            "::ffff:1.2.3.0/120",
            "fe80::%1/64",
            "10.0.0/8",
            "a/8",
            "10.0.0.0/",
            " ::/0",
            "十/8",
        ] {
            assert_eq!(Cidr::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_range_contains_narrower_ones_of_its_family() {
        let contains = |a: &str, b: &str| Cidr::parse(a).unwrap().contains(&Cidr::parse(b).unwrap());
        for (a, b) in [
            ("0.0.0.0/0", "10.0.0.0/8"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.0.0.0/8", "10.255.0.0/16"),
            ("::/0", "fd00::/8"),
            ("fd00::/8", "fd12::/16"),
        ] {
            assert!(contains(a, b), "{a} {b}");
        }
        for (a, b) in [
            ("0.0.0.0/0", "fd00::/8"),
            ("::/0", "10.0.0.0/8"),
            ("10.0.0.0/8", "11.0.0.0/8"),
            ("10.0.0.0/8", "0.0.0.0/0"),
        ] {
            assert!(!contains(a, b), "{a} {b}");
        }
    }
}

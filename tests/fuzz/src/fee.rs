//! Monthly fees, against whole millionths of a yuan.

use arbitrary::{Result, Unstructured};
use std::fmt::Write as _;
use yunguan::api::common::Money;
use yunguan::api::information_system::Terms;
use yunguan::core::catalog::fee;

pub fn check(data: &[u8]) {
    try_check(&mut Unstructured::new(data)).unwrap_or_default();
}

/// Prices as the CRD lets them be written, and units as it lets them be asked for.
fn try_check(bytes: &mut Unstructured<'_>) -> Result<()> {
    let quantity = bytes.int_in_range(0..=1_000_000_i64)?;
    let (whole, zeros) = (bytes.int_in_range(0..=999_999_999_999_i128)?, bytes.int_in_range(0..=3_usize)?);
    let places = bytes.int_in_range(0..=6_usize)?;
    let part = bytes.int_in_range(0..=10_i128.pow(u32::try_from(places).unwrap_or(6)) - 1)?;
    let mut price = format!("{whole:0zeros$}");
    if places > 0 {
        let _ = write!(price, ".{part:0places$}");
    }
    let terms = Terms { monthly_price: Money(price.clone()), ..Terms::default() };
    let found = fee(&terms, quantity).map(|fee| fee.normalize().to_string());

    let millionths =
        (whole * 1_000_000 + part * 10_i128.pow(u32::try_from(6 - places).unwrap_or(0))) * i128::from(quantity);
    let (yuan, rest) = (millionths / 1_000_000, millionths % 1_000_000);
    let written = format!("{yuan}.{rest:06}");
    let written = written.trim_end_matches('0').trim_end_matches('.');
    assert_eq!(found.as_deref(), Some(written), "{quantity} times {price}");
    Ok(())
}

//! Kubernetes quantities, against arithmetic on written digits.

use yunguan::core::quantity::{Amount, Format, QuantityError};

/// What a text is worth, worked out on its digits.
#[derive(Debug, PartialEq)]
enum Worth {
    Malformed,
    Negative,
    TooFine,
    TooLarge,
    Thousandths(i128),
}

/// Most thousandths that can be counted, as written.
const MOST: &str = "9223372036854775807000";

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read = Amount::parse(text);
    let found = match &read {
        Ok(amount) => Worth::Thousandths(amount.thousandths()),
        Err(QuantityError::Malformed(_)) => Worth::Malformed,
        Err(QuantityError::Negative(_)) => Worth::Negative,
        Err(QuantityError::TooFine(_)) => Worth::TooFine,
        Err(QuantityError::TooLarge(_)) => Worth::TooLarge,
    };
    // Longer ones are in no object: the CRDs end at 32. Why they are refused is not looked at, only that none is misread.
    if text.len() <= 32 || read.is_ok() {
        assert_eq!(found, worth(text), "{text}");
    }
    let Ok(amount) = read else { return };
    for format in [Format::DecimalSi, Format::BinarySi] {
        let printed = amount.print(format);
        assert_eq!(Amount::parse(&printed), Ok(amount), "{text} is printed as {printed}");
        assert_eq!(Amount::parse(&printed).map(|again| again.print(format)), Ok(printed));
    }
    let twice = amount.checked_add(amount);
    assert_eq!(twice, amount.checked_mul(2), "{text}");
    assert_eq!(twice.and_then(|twice| twice.checked_sub(amount)), twice.map(|_| amount), "{text}");
    assert_eq!(amount.percent(100), Some(amount), "{text}");
}

/// As Kubernetes documents it: sign, digits with at most one point, and a suffix.
fn worth(text: &str) -> Worth {
    let (negative, rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let end = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let (number, suffix) = (&rest[..end], &rest[end..]);
    let points = number.bytes().filter(|b| *b == b'.').count();
    let Some((tens, twos)) = powers(suffix).filter(|_| points <= 1 && number.len() > points) else {
        return Worth::Malformed;
    };
    let mut digits: Vec<u8> = number.bytes().filter(|b| *b != b'.').map(|b| b - b'0').collect();
    if digits.iter().all(|d| *d == 0) {
        return Worth::Thousandths(0);
    }
    if negative {
        return Worth::Negative;
    }
    // The number is `digits`, whole, times ten to this.
    let after_point = number.find('.').map_or(0, |at| number.len() - at - 1);
    let mut scale = tens + 3 - i64::try_from(after_point).unwrap();
    for _ in 0..twos {
        double(&mut digits);
    }
    while scale < 0 && digits.last() == Some(&0) {
        digits.pop();
        scale += 1;
    }
    if scale < 0 {
        // A part of a thousandth; how large the rest is does not matter any more.
        return Worth::TooFine;
    }
    digits.extend(std::iter::repeat_n(0, usize::try_from(scale).unwrap()));
    let written: String = digits.iter().skip_while(|d| **d == 0).map(|d| char::from(b'0' + d)).collect();
    if (written.len(), written.as_str()) > (MOST.len(), MOST) {
        return Worth::TooLarge;
    }
    Worth::Thousandths(written.parse().unwrap())
}

/// The powers of ten and of two that a suffix stands for.
fn powers(suffix: &str) -> Option<(i64, u32)> {
    const TENS: [(&str, i64); 10] =
        [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
    const TWOS: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];
    if let Some((_, tens)) = TENS.iter().find(|(name, _)| *name == suffix) {
        return Some((*tens, 0));
    }
    if let Some((_, twos)) = TWOS.iter().find(|(name, _)| *name == suffix) {
        return Some((0, *twos));
    }
    let exponent = suffix.strip_prefix('e').or_else(|| suffix.strip_prefix('E'))?;
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Beyond exa and atto nothing is a quantity of anything.
    exponent.parse().ok().filter(|tens: &i64| tens.abs() <= 18).map(|tens| (tens, 0))
}

/// Twice as much, digit by digit.
fn double(digits: &mut Vec<u8>) {
    let mut carry = 0;
    for digit in digits.iter_mut().rev() {
        let sum = *digit * 2 + carry;
        (*digit, carry) = (sum % 10, sum / 10);
    }
    if carry > 0 {
        digits.insert(0, carry);
    }
}

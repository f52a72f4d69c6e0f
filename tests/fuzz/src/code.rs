//! Unified social credit codes, against the weights as the standard prints them.

use yunguan::core::credit_code::{check_digit, validate};

/// GB 32100-2015, table of characters and of weights.
const CHARACTERS: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
const WEIGHTS: [usize; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    assert_eq!(validate(text).is_ok(), is_code(text.as_bytes()), "{text}");
    if let Err(error) = validate(text) {
        assert!(error.to_string().contains('('), "{text}: both languages: {error}");
    }
    // With its check digit any body is a code, and with any other it is none.
    let body: String = text.chars().take(17).collect();
    let Ok(digit) = check_digit(&body) else { return };
    if body.len() == 17 {
        for other in CHARACTERS.iter().map(|c| char::from(*c)) {
            assert_eq!(validate(&format!("{body}{other}")).is_ok(), other == digit, "{body}{other}");
        }
    }
}

fn is_code(text: &[u8]) -> bool {
    let values: Option<Vec<usize>> = text.iter().map(|b| CHARACTERS.iter().position(|c| c == b)).collect();
    values.filter(|values| values.len() == 18).is_some_and(|values| {
        let sum: usize = values.iter().zip(WEIGHTS).map(|(value, weight)| value * weight).sum();
        (sum + values[17]).is_multiple_of(31)
    })
}

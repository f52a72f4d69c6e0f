//! The unified social credit code (统一社会信用代码), GB 32100-2015.

use std::collections::BTreeMap;

const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";

/// What is wrong with a code.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CreditCodeError {
    /// Wrong length.
    #[error("a unified social credit code has 18 characters, this one has {0} (统一社会信用代码应为18位)")]
    Length(usize),
    /// A character that the standard does not use.
    #[error(
        "`{0}` does not occur in a unified social credit code: it uses digits and capitals without I, O, S, V, Z (代码含有非法字符)"
    )]
    Character(char),
    /// The check digit does not fit.
    #[error(
        "the check digit is {found} and should be {expected}: compare the code with the certificate (校验位不符，请核对证书)"
    )]
    CheckDigit {
        /// What stands there.
        found: char,
        /// What should.
        expected: char,
    },
}

/// Checks a code of 18 characters.
///
/// # Errors
/// Says what is wrong with it.
pub fn validate(code: &str) -> Result<(), CreditCodeError> {
    let length = code.chars().count();
    if length != 18 {
        return Err(CreditCodeError::Length(length));
    }
    let (body, found) = code.split_at(code.len() - code.chars().last().map_or(0, char::len_utf8));
    let expected = check_digit(body)?;
    match found.chars().next() {
        Some(found) if found == expected => Ok(()),
        Some(found) if !ALPHABET.contains(found) => Err(CreditCodeError::Character(found)),
        found => Err(CreditCodeError::CheckDigit { found: found.unwrap_or(' '), expected }),
    }
}

/// Which organization holds each code that several name: the one that was registered first, by the moment of its creation, then
/// by name. Organizations are given as moment, name and code.
#[must_use]
pub fn shared<T: Ord>(organizations: impl IntoIterator<Item = (T, String, String)>) -> BTreeMap<String, String> {
    let mut organizations: Vec<_> = organizations.into_iter().collect();
    organizations.sort();
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, name, code) in organizations {
        all.entry(code).or_default().push(name);
    }
    let several = all.into_iter().filter(|(_, names)| names.len() > 1);
    several.filter_map(|(code, names)| Some((code, names.into_iter().next()?))).collect()
}

/// The check digit of the first 17 characters: 31 less the sum of value times 3 to the place, modulo 31.
///
/// # Errors
/// Names a character that the standard does not use.
pub fn check_digit(body: &str) -> Result<char, CreditCodeError> {
    let mut sum = 0;
    let mut weight = 1;
    for c in body.chars() {
        sum += weight * ALPHABET.find(c).ok_or(CreditCodeError::Character(c))?;
        weight = weight * 3 % 31;
    }
    Ok(ALPHABET.chars().nth((31 - sum % 31) % 31).unwrap_or('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn published_codes_verify() {
        for code in ["91350100M000100Y43", "91110000802100433B"] {
            assert_eq!(validate(code), Ok(()), "{code}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(validate("91350100M000100Y4"), Err(CreditCodeError::Length(17)));
        assert_eq!(validate("91350100M000100Y44"), Err(CreditCodeError::CheckDigit { found: '4', expected: '3' }));
        assert_eq!(validate("91350100I000100Y43"), Err(CreditCodeError::Character('I')));
        assert_eq!(validate("91350100M000100Y4I"), Err(CreditCodeError::Character('I')));
        assert_eq!(validate("91350100M000100Y4校"), Err(CreditCodeError::Character('校')));
        assert_eq!(validate("中国国家机关统一社会信用代码校验位错"), Err(CreditCodeError::Character('中')));
    }

    proptest! {
        #[test]
        fn one_wrong_character_is_found(body in "[0-9A-HJ-NPQRTUWXY]{17}", place in 0..17_usize, other in 0..31_usize) {
            let digit = check_digit(&body).unwrap();
            let right = format!("{body}{digit}");
            prop_assert_eq!(validate(&right), Ok(()));
            let mut wrong: Vec<char> = body.chars().collect();
            let other = ALPHABET.chars().nth(other).unwrap();
            prop_assume!(wrong[place] != other);
            wrong[place] = other;
            let wrong: String = wrong.into_iter().collect();
            let refused = validate(&format!("{wrong}{digit}"));
            prop_assert!(refused.is_err());
        }

        #[test]
        fn reading_never_panics(code in "\\PC{0,24}") {
            let _ = validate(&code);
        }
    }

    #[test]
    fn r17_1_a_code_that_several_name_is_of_the_first() {
        let named = |at: u8, name: &str, code: &str| (at, name.to_owned(), code.to_owned());
        let all = [named(2, "a", "X"), named(1, "b", "X"), named(1, "c", "X"), named(1, "d", "Y")];
        assert_eq!(shared(all), [("X".to_owned(), "b".to_owned())].into());
    }
}

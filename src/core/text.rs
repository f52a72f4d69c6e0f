//! Messages for people, in English and Chinese.

use crate::api::bounds;
use std::fmt;

/// A message in both languages. Its `Display` is what conditions and Events show.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Text {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

impl Text {
    /// Both languages of one message.
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { en: en.into(), zh: zh.into() }
    }

    /// The message in one language.
    #[must_use]
    pub fn get(&self, chinese: bool) -> &str {
        if chinese { &self.zh } else { &self.en }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.en, self.zh)
    }
}

/// `text`, cut to at most `max` characters, with an ellipsis where something is missing.
#[must_use]
pub fn shorten(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max.saturating_sub(1)).chain(['…']).collect()
}

/// `text` as one line of a status.
#[must_use]
pub fn brief(text: &str) -> String {
    shorten(text, bounds::BRIEF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_stand_beside_each_other_or_alone() {
        let text = Text::new("closed", "已办结");
        assert_eq!(text.to_string(), "closed (已办结)");
        assert_eq!((text.get(false), text.get(true)), ("closed", "已办结"));
    }

    #[test]
    fn what_is_too_long_is_cut_by_characters_and_says_so() {
        let table = [
            ("审定通过", 5, "审定通过"),
            ("审定通过", 4, "审定通过"),
            ("审定通过", 3, "审定…"),
            ("审定", 1, "…"),
            ("", 0, ""),
        ];
        for (text, max, cut) in table {
            assert_eq!(shorten(text, max), cut, "{text} {max}");
        }
    }
}

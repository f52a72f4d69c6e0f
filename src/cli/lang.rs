//! Chinese or English: which of the two a person reads.

use clap::ValueEnum;

/// The language of every text that the plugin prints.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Lang {
    /// Chinese.
    Zh,
    /// English.
    En,
}

impl Lang {
    /// The language of the command line: `--lang` wins over the locale.
    ///
    /// It is needed before the arguments are parsed, since the help is in that language too.
    #[must_use]
    pub fn of(arguments: &[String], variable: impl Fn(&str) -> Option<String>) -> Self {
        Self::from_arguments(arguments).unwrap_or_else(|| Self::from_locale(variable))
    }

    fn from_arguments(arguments: &[String]) -> Option<Self> {
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let value = match argument.strip_prefix("--lang") {
                Some("") => rest.next().map(String::as_str),
                Some(value) => value.strip_prefix('='),
                None => None,
            };
            if let Some(lang) = value.and_then(|v| Self::from_str(v, true).ok()) {
                return Some(lang);
            }
        }
        None
    }

    /// POSIX order: the first of these variables that is set and not empty decides.
    fn from_locale(variable: impl Fn(&str) -> Option<String>) -> Self {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable).find(|v| !v.is_empty());
        if locale.is_some_and(|l| l.to_lowercase().starts_with("zh")) { Self::Zh } else { Self::En }
    }

    /// Whether this is Chinese.
    #[must_use]
    pub fn chinese(self) -> bool {
        self == Self::Zh
    }

    /// One of two texts.
    #[must_use]
    pub fn pick<'a>(self, en: &'a str, zh: &'a str) -> &'a str {
        match self {
            Self::En => en,
            Self::Zh => zh,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(arguments: &[&str], variables: &[(&str, &str)]) -> Lang {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        Lang::of(&arguments, |name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn the_first_locale_variable_that_is_set_decides() {
        assert_eq!(of(&[], &[]), Lang::En);
        assert_eq!(of(&[], &[("LANG", "zh_CN.UTF-8")]), Lang::Zh);
        assert_eq!(of(&[], &[("LC_ALL", "C"), ("LANG", "zh_CN.UTF-8")]), Lang::En);
        assert_eq!(of(&[], &[("LC_ALL", ""), ("LC_MESSAGES", "zh_TW"), ("LANG", "en_US")]), Lang::Zh);
    }

    #[test]
    fn the_flag_wins_over_the_locale() {
        assert_eq!(of(&["inbox", "--lang", "en"], &[("LANG", "zh_CN")]), Lang::En);
        assert_eq!(of(&["inbox", "--lang=zh"], &[]), Lang::Zh);
        assert_eq!(of(&["--lang", "fr"], &[("LANG", "zh_CN")]), Lang::Zh);
    }
}

//! What went wrong and the exit code that tells a script so.

use super::lang::Lang;
use kube::core::Status;
use std::process::ExitCode;

/// Exit codes; `docs/plugin.md` documents them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Something failed.
    Error = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// Nothing found, or nothing waiting.
    Nothing = 3,
    /// A rule refuses it.
    Refused = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A message for a person, and what to do next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// What is wrong.
    pub message: String,
    /// What to do, where that is known.
    pub next: Option<String>,
}

impl Failure {
    /// A failure with its next step.
    #[must_use]
    pub fn new(exit: Exit, message: String, next: String) -> Self {
        Self { exit, message, next: Some(next) }
    }

    /// A failure whose message says it all.
    #[must_use]
    pub fn plain(exit: Exit, message: String) -> Self {
        Self { exit, message, next: None }
    }

    /// What the API server, or the way to it, answered.
    #[must_use]
    pub fn from_kube(error: &kube::Error, lang: Lang) -> Self {
        match error {
            kube::Error::Api(status) => Self::from_status(status, lang),
            other => Self::new(Exit::Error, chain(other), lang.next_connect()),
        }
    }

    fn from_status(status: &Status, lang: Lang) -> Self {
        let message = readable(&status.message).to_owned();
        match status.code {
            401 => Self::new(Exit::Error, message, lang.next_log_in()),
            403 | 422 if message != status.message => Self::plain(Exit::Refused, message),
            403 => Self::new(Exit::Refused, message, lang.next_forbidden()),
            422 => Self::new(Exit::Refused, message, lang.next_invalid()),
            404 => Self::new(Exit::Nothing, message, lang.next_not_found()),
            429 | 500..=599 => Self::new(Exit::Error, message, lang.next_try_again()),
            _ => Self::plain(Exit::Error, message),
        }
    }

    /// As it is printed.
    #[must_use]
    pub fn render(&self, lang: Lang) -> String {
        let mut text = lang.error(&super::page::clean(&self.message));
        if let Some(next) = &self.next {
            text.push('\n');
            text.push_str(&lang.next(&super::page::clean(next)));
        }
        text.push('\n');
        text
    }
}

/// The words of an admission policy, without the machinery that the API server puts in front.
fn readable(message: &str) -> &str {
    match message.split_once(" denied request: ") {
        Some((front, rule)) if front.contains("ValidatingAdmissionPolicy") => rule,
        _ => message,
    }
}

/// An error with its causes: the outermost alone seldom says what happened.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16, message: &str) -> Status {
        Status { code, message: message.to_owned(), ..Status::default() }
    }

    #[test]
    fn a_rule_speaks_in_its_own_words() {
        let denied = status(
            422,
            "decisions.yunguan.dev \"x\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: you do not hold the role",
        );
        let failure = Failure::from_status(&denied, Lang::En);
        assert_eq!((failure.exit, failure.message.as_str()), (Exit::Refused, "you do not hold the role"));
        assert_eq!(failure.next, None);
    }

    #[test]
    fn each_kind_of_answer_has_its_exit_code() {
        let exit = |code| Failure::from_status(&status(code, "m"), Lang::En).exit;
        assert_eq!(exit(401), Exit::Error);
        assert_eq!(exit(403), Exit::Refused);
        assert_eq!(exit(404), Exit::Nothing);
        assert_eq!(exit(422), Exit::Refused);
        assert_eq!(exit(500), Exit::Error);
        assert_eq!(
            [Exit::Done, Exit::Error, Exit::Usage, Exit::Nothing, Exit::Refused].map(|e| e as u8),
            [0, 1, 2, 3, 4]
        );
    }

    #[test]
    fn a_failure_says_what_next() {
        let failure = Failure::new(Exit::Error, "a\nb".into(), "do this".into());
        assert_eq!(failure.render(Lang::En), "error: a b\nnext: do this\n");
        assert_eq!(failure.render(Lang::Zh), "错误：a b\n下一步：do this\n");
    }
}

//! Results go to standard output, all that is said beside them to standard error.

use super::args::Output;
use super::failure::{Exit, Failure};
use super::page::Page;
use serde::Serialize;
use std::io::{IsTerminal as _, Write as _};

/// Prints a result in the format asked for.
///
/// # Errors
/// When it cannot be written or encoded; a reader that has heard enough is no error.
pub fn result(output: Output, data: &impl Serialize, page: impl FnOnce(bool) -> Page) -> Result<(), Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::plain(Exit::Error, e.to_string());
    let text = match output {
        // The forms of a table go by `print`; whatever has none is refused before.
        Output::Table | Output::Csv | Output::Markdown => page(false).render(),
        Output::Wide => page(true).render(),
        Output::Json => serde_json::to_string_pretty(data).map_err(|e| failed(&e))? + "\n",
        Output::Yaml => serde_saphyr::to_string(data).map_err(|e| failed(&e))?,
    };
    print(&text)
}

/// Prints a result that is text already.
///
/// # Errors
/// When it cannot be written; a reader that has heard enough is no error.
pub fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::plain(Exit::Error, error.to_string()))
        }
        _ => Ok(()),
    }
}

/// Says something beside the result. Where even that cannot be written, nobody is left to tell.
pub fn aside(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// Asks a person; `None` where there is none at the terminal.
#[must_use]
pub fn ask(question: &str) -> Option<bool> {
    if !std::io::stdin().is_terminal() {
        return None;
    }
    aside(question);
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).ok()?;
    Some(agrees(&answer))
}

fn agrees(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "是")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        assert!(["y", "Y\n", " yes", "是\n"].into_iter().all(agrees));
        assert!(!["", "\n", "n", "yeah", "否"].into_iter().any(agrees));
    }
}

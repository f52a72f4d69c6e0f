//! The time by which an operator under test goes: the machine's, shifted as a test wants.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};

/// A clock for the operators that are told of it ([`Clock::env`]). The API server's stays as it is, so what people decide
/// keeps its true time.
#[derive(Clone, Debug)]
pub struct Clock {
    file: PathBuf,
}

impl Clock {
    /// A clock that is right, until it is shifted; its file lies in this folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { file: folder.join("clock") }
    }

    /// The environment variable of an operator that goes by it. Only one that was built for tests reads it.
    #[must_use]
    pub fn env(&self) -> (String, String) {
        ("YUNGUAN_TEST_CLOCK".to_owned(), self.file.display().to_string())
    }

    /// By how much it is ahead of the machine's clock.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn ahead(&self) -> Result<SignedDuration> {
        if !self.file.exists() {
            return Ok(SignedDuration::ZERO);
        }
        let text = std::fs::read_to_string(&self.file).with_context(|| self.file.display().to_string())?;
        Ok(SignedDuration::from_secs(text.parse().with_context(|| format!("{}: {text}", self.file.display()))?))
    }

    /// What time it shows.
    ///
    /// # Errors
    /// As [`Self::ahead`].
    pub fn now(&self) -> Result<Timestamp> {
        Ok(Timestamp::now().checked_add(self.ahead()?)?)
    }

    /// Leaps to a moment (back, where that is past), and goes on from there.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn advance_to(&self, at: Timestamp) -> Result<()> {
        self.set(at.duration_since(Timestamp::now()))
    }

    /// Leaps by so much, back where it is negative.
    ///
    /// # Errors
    /// When its file cannot be read or written.
    pub fn advance_by(&self, by: SignedDuration) -> Result<()> {
        self.set(self.ahead()? + by)
    }

    /// In one go: the operator may read at any time.
    fn set(&self, ahead: SignedDuration) -> Result<()> {
        let next = self.file.with_extension("next");
        std::fs::write(&next, ahead.as_secs().to_string()).with_context(|| next.display().to_string())?;
        std::fs::rename(&next, &self.file).with_context(|| self.file.display().to_string())
    }
}

//! What time it is, wherever a date decides something or a moment is waited for. The lease and what is measured go by
//! the machine's own clock.
//!
//! In a build for tests (cargo feature `test-clock`) a file can shift it, and what was waited for comes as soon as it has
//! leapt there. Without the feature there is nothing here but the machine's clock.

use jiff::Timestamp;

pub use source::{instant, now, sleep_until};

/// What time it is where the API server stamps moments: nothing shifts that.
#[must_use]
pub fn of_stamps() -> Timestamp {
    Timestamp::now()
}

#[cfg(not(feature = "test-clock"))]
mod source {
    use jiff::Timestamp;
    use std::time::Instant;

    /// What time it is.
    #[must_use]
    pub fn now() -> Timestamp {
        Timestamp::now()
    }

    /// The same, for waits.
    #[must_use]
    pub fn instant() -> Instant {
        Instant::now()
    }

    /// Waits.
    pub async fn sleep_until(at: Instant) {
        tokio::time::sleep_until(at.into()).await;
    }
}

#[cfg(feature = "test-clock")]
mod source {
    use jiff::{SignedDuration, Timestamp};
    use std::path::{Path, PathBuf};
    use std::sync::{LazyLock, Mutex, PoisonError};
    use std::time::{Duration, Instant};

    /// The file with the seconds by which the clock is ahead, or behind where there is a minus.
    static FILE: LazyLock<Option<PathBuf>> = LazyLock::new(|| std::env::var_os("YUNGUAN_TEST_CLOCK").map(Into::into));
    static LEAPS: Mutex<Leaps> = Mutex::new(Leaps { last: None, ahead: 0 });
    /// A leap is noticed so soon.
    const SLICE: Duration = Duration::from_millis(50);

    /// How far the clock has leapt ahead since the start, all leaps together. One back makes no wait longer, as on a
    /// machine whose clock is set.
    pub(super) struct Leaps {
        pub(super) last: Option<i64>,
        pub(super) ahead: u64,
    }

    impl Leaps {
        pub(super) fn note(&mut self, shift: i64) -> Duration {
            let leap = self.last.map_or(0, |last| shift.saturating_sub(last));
            self.last = Some(shift);
            self.ahead = self.ahead.saturating_add(u64::try_from(leap).unwrap_or(0));
            Duration::from_secs(self.ahead)
        }
    }

    /// Whoever writes the file puts it in place in one go.
    pub(super) fn shift(file: &Path) -> i64 {
        std::fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }

    /// What time it is by the test's clock.
    #[must_use]
    pub fn now() -> Timestamp {
        let now = Timestamp::now();
        let shifted = FILE.as_deref().map(|file| now.checked_add(SignedDuration::from_secs(shift(file))));
        shifted.and_then(Result::ok).unwrap_or(now)
    }

    /// The same, for waits. It never goes back.
    #[must_use]
    pub fn instant() -> Instant {
        let Some(file) = FILE.as_deref() else { return Instant::now() };
        let ahead = LEAPS.lock().unwrap_or_else(PoisonError::into_inner).note(shift(file));
        Instant::now() + ahead
    }

    /// Waits; a leap of the clock ends it where it has come there.
    pub async fn sleep_until(at: Instant) {
        loop {
            let left = at.saturating_duration_since(instant());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(if FILE.is_some() { left.min(SLICE) } else { left }).await;
        }
    }
}

#[cfg(all(test, feature = "test-clock"))]
mod tests {
    use super::source::{Leaps, shift};
    use std::time::Duration;

    #[test]
    fn waits_come_nearer_by_a_leap_and_none_goes_away_by_one_back() {
        let mut leaps = Leaps { last: None, ahead: 0 };
        let seen = [7, 10, -3590, 10, 10].map(|shift| leaps.note(shift));
        // What was there at the start is no leap.
        assert_eq!(seen, [0, 3, 3, 3603, 3603].map(Duration::from_secs));
    }

    #[test]
    fn without_a_file_the_clock_is_the_machines() {
        assert_eq!(shift("/nonexistent".as_ref()), 0);
    }
}

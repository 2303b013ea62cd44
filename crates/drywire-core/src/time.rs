#[cfg(not(target_arch = "wasm32"))]
pub use std::time::{Duration, Instant};
#[cfg(target_arch = "wasm32")]
pub use web_time::{Duration, Instant};

/// The time as a machine believes it: never goes back, whatever the caller passes.
#[derive(Clone, Copy, Debug)]
pub struct Monotonic {
    latest: Instant,
}

impl Monotonic {
    /// Starts at `now`.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self { latest: now }
    }

    /// Takes the caller's `now` and returns the time to work with: the latest ever observed.
    pub fn observe(&mut self, now: Instant) -> Instant {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// The latest time observed.
    #[must_use]
    pub const fn latest(&self) -> Instant {
        self.latest
    }
}

/// The time of day at a moment of the monotonic clock, for the few protocols that tell it or ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallClock {
    at: Instant,
    since_1970: Duration,
}

impl WallClock {
    /// At the moment `at` it was `since_1970` after 1970-01-01 UTC.
    #[must_use]
    pub const fn new(at: Instant, since_1970: Duration) -> Self {
        Self { at, since_1970 }
    }

    /// The time of day at another moment. Corrections of the system's clock after the start are not followed.
    #[must_use]
    pub fn since_1970(&self, now: Instant) -> Duration {
        match now.checked_duration_since(self.at) {
            Some(later) => self.since_1970.saturating_add(later),
            None => self.since_1970.saturating_sub(self.at.duration_since(now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
    fn time_that_goes_back_stands_still() {
        let start = Instant::now();
        let mut clock = Monotonic::new(start);
        let later = start + Duration::from_secs(5);
        assert_eq!(clock.observe(later), later);
        assert_eq!(clock.observe(start), later);
        assert_eq!(clock.latest(), later);
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
    fn the_time_of_day_follows_the_clock() {
        let start = Instant::now() + Duration::from_secs(100);
        let clock = WallClock::new(start, Duration::from_secs(1000));
        let half = Duration::from_millis(500);
        assert_eq!(clock.since_1970(start + half), Duration::from_millis(1_000_500));
        assert_eq!(clock.since_1970(start - half), Duration::from_millis(999_500));
    }
}

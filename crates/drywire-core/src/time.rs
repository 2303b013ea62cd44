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
}

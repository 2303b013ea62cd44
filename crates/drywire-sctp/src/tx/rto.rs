use drywire_core::{Duration, Instant};

use crate::Config;

/// The retransmission timeout (RFC 9260, section 6.3.1).
#[derive(Debug)]
pub(crate) struct Rto {
    min: Duration,
    max: Duration,
    current: Duration,
    smoothed: Option<Duration>,
    variation: Duration,
    latest: Duration,
    /// The least round trip of late, and when it was measured.
    least: Option<(Duration, Instant)>,
}

/// How long the least round trip counts: the path may change.
const LEAST_LIFE: Duration = Duration::from_secs(60);

impl Rto {
    pub(crate) fn new(config: &Config) -> Self {
        let least = Duration::from_millis(1);
        let max = config.rto_max.max(least);
        let min = config.rto_min.clamp(least, max);
        Self {
            min,
            max,
            current: config.rto_initial.clamp(min, max),
            smoothed: None,
            variation: Duration::ZERO,
            latest: Duration::ZERO,
            least: None,
        }
    }

    /// The round-trip time is known from elsewhere: it counts until one is measured here.
    pub(crate) fn expect(&mut self, rtt: Duration) -> Duration {
        if self.smoothed.is_none() {
            // Rule C2 makes three of the first one.
            self.current = rtt.saturating_mul(3).clamp(self.min, self.max);
        }
        self.current
    }

    pub(crate) const fn current(&self) -> Duration {
        self.current
    }

    pub(crate) const fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }

    /// The round trip that was measured last.
    pub(crate) const fn latest(&self) -> Duration {
        self.latest
    }

    /// The least round trip of the last minute or more.
    pub(crate) fn least(&self) -> Option<Duration> {
        self.least.map(|(rtt, _)| rtt)
    }

    /// Takes a round trip that was measured on a chunk sent once (rule C5).
    pub(crate) fn measured(&mut self, now: Instant, rtt: Duration) {
        self.latest = rtt;
        if self.least.is_none_or(|(least, at)| rtt <= least || now.saturating_duration_since(at) > LEAST_LIFE)
        {
            self.least = Some((rtt, now));
        }
        let smoothed = match self.smoothed {
            // Rule C2.
            None => {
                self.variation = rtt / 2;
                rtt
            }
            // Rule C3, with RTO.Beta of 1/4 and RTO.Alpha of 1/8.
            Some(smoothed) => {
                self.variation = self.variation * 3 / 4 + smoothed.abs_diff(rtt) / 4;
                smoothed * 7 / 8 + rtt / 8
            }
        };
        self.smoothed = Some(smoothed);
        self.current = (smoothed + self.variation * 4).clamp(self.min, self.max);
    }

    /// The timer had expired for a reason that is over. What was measured counts again.
    pub(crate) fn forget_back_off(&mut self) {
        if let Some(smoothed) = self.smoothed {
            self.current = (smoothed + self.variation * 4).clamp(self.min, self.max);
        }
    }

    /// The timer has expired (rule E2).
    pub(crate) fn back_off(&mut self) {
        self.current = (self.current * 2).min(self.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
    fn now() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_round_trip_from_elsewhere_counts_until_one_is_measured() {
        let mut rto = Rto::new(&Config::default());
        for (millis, expected) in [(50, 300), (200, 600), (9_000, 10_000)] {
            assert_eq!(rto.expect(Duration::from_millis(millis)), Duration::from_millis(expected));
        }
        rto.measured(now(), Duration::from_millis(200));
        rto.expect(Duration::from_millis(1_000));
        assert_eq!(rto.current(), Duration::from_millis(600));
    }

    #[test]
    fn follows_the_rules() {
        let mut rto = Rto::new(&Config::default());
        assert_eq!(rto.current(), Duration::from_secs(1));
        rto.measured(now(), Duration::from_millis(200));
        assert_eq!(rto.current(), Duration::from_millis(600));
        for _ in 0..100 {
            rto.measured(now(), Duration::from_millis(20));
        }
        assert_eq!(rto.current(), Duration::from_millis(300), "the minimum");
        for _ in 0..20 {
            rto.back_off();
        }
        assert_eq!(rto.current(), Duration::from_secs(10), "the maximum");
    }
}

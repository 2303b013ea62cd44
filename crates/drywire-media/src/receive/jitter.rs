use drywire_core::{Duration, Instant};

/// A change of the transit time above this is not jitter: the sender's clock or source was changed.
const MAX_CHANGE: Duration = Duration::from_secs(5);

/// The interarrival jitter of a stream (RFC 3550, section 6.4.1 and appendix A.8).
#[derive(Clone, Copy, Debug)]
pub(super) struct Jitter {
    start: Instant,
    clock_rate: u32,
    /// Arrival time minus timestamp of the packet before, in clock units modulo 2^32.
    transit: Option<u32>,
    /// Sixteen times the jitter, in clock units: the appendix rounds this way.
    scaled: u32,
}

impl Jitter {
    pub(super) const fn new(start: Instant, clock_rate: u32) -> Self {
        Self { start, clock_rate, transit: None, scaled: 0 }
    }

    /// Goes on with another clock: the jitter so far is converted, the next packet is compared with none.
    pub(super) fn set_clock_rate(&mut self, clock_rate: u32) {
        if clock_rate != self.clock_rate {
            let scaled = u64::from(self.scaled) * u64::from(clock_rate);
            let scaled = scaled.checked_div(u64::from(self.clock_rate)).unwrap_or(0);
            self.scaled = u32::try_from(scaled).unwrap_or(u32::MAX);
            self.clock_rate = clock_rate;
            self.transit = None;
        }
    }

    /// Takes a packet, in the order of sequence numbers.
    pub(super) fn handle(&mut self, now: Instant, timestamp: u32) {
        let elapsed = now.saturating_duration_since(self.start);
        let arrival = elapsed.as_nanos() * u128::from(self.clock_rate) / 1_000_000_000;
        let [.., a, b, c, d] = arrival.to_be_bytes();
        let transit = u32::from_be_bytes([a, b, c, d]).wrapping_sub(timestamp);
        if let Some(before) = self.transit {
            let change = transit.wrapping_sub(before);
            let change = change.min(change.wrapping_neg());
            if self.in_time(change) <= MAX_CHANGE {
                self.scaled = self.scaled.saturating_add(change) - ((self.scaled.saturating_add(8)) >> 4);
            }
        }
        self.transit = Some(transit);
    }

    /// The jitter in units of the stream's clock.
    pub(super) const fn in_clock_units(&self) -> u32 {
        self.scaled >> 4
    }

    /// The jitter as time.
    pub(super) fn duration(&self) -> Duration {
        self.in_time(self.in_clock_units())
    }

    fn in_time(&self, units: u32) -> Duration {
        let nanos = (u64::from(units) * 1_000_000_000).checked_div(u64::from(self.clock_rate));
        Duration::from_nanos(nanos.unwrap_or(0))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
mod tests {
    use super::*;

    #[test]
    fn an_even_stream_has_none() {
        let start = Instant::now();
        let mut jitter = Jitter::new(start, 48_000);
        for n in 0..100_u32 {
            jitter.handle(start + Duration::from_millis(20) * n, (n * 960).wrapping_add(u32::MAX - 5000));
        }
        assert_eq!(jitter.in_clock_units(), 0);
    }

    /// The recursion of appendix A.8: with a constant change d of the transit time the jitter nears d.
    #[test]
    fn alternating_delay_approaches_its_change() {
        let start = Instant::now();
        let mut jitter = Jitter::new(start, 8000);
        for n in 0..400_u32 {
            let delay = if n % 2 == 0 { 0 } else { 10 };
            jitter.handle(start + Duration::from_millis(20) * n + Duration::from_millis(delay), n * 160);
        }
        assert!((78..=80).contains(&jitter.in_clock_units()), "{}", jitter.in_clock_units());
        assert_eq!(jitter.duration().as_millis(), 9);
        let first = {
            let mut jitter = Jitter::new(start, 8000);
            jitter.handle(start, 0);
            jitter.handle(start + Duration::from_millis(30), 160);
            jitter.in_clock_units()
        };
        assert_eq!(first, 5); // 80 / 16
    }

    #[test]
    fn a_jump_of_the_clock_is_not_jitter() {
        let start = Instant::now();
        let mut jitter = Jitter::new(start, 90_000);
        jitter.handle(start, 0);
        jitter.handle(start + Duration::from_millis(10), 0x8000_0000);
        jitter.handle(start + Duration::from_millis(20), 0x8000_0000 + 900);
        assert_eq!(jitter.in_clock_units(), 0);
    }

    #[test]
    fn another_clock_keeps_the_time() {
        let start = Instant::now();
        let mut jitter = Jitter::new(start, 8000);
        jitter.handle(start, 0);
        jitter.handle(start + Duration::from_secs(1), 0);
        let before = jitter.duration();
        jitter.set_clock_rate(48_000);
        jitter.handle(start + Duration::from_secs(2), 77);
        assert_eq!(jitter.duration(), before);
        jitter.set_clock_rate(0);
        jitter.handle(start + Duration::from_secs(3), 77);
        assert_eq!(jitter.duration(), Duration::ZERO);
    }
}

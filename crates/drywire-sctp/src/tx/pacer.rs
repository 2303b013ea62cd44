use drywire_core::{Duration, Instant};

/// Spreads packets over the time, so that a window that has opened does not leave as one burst.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    /// When the next packet may leave.
    ready: Option<Instant>,
}

/// What may leave at once after a pause: as much as a timer may be late. Less than this no network notices.
const BURST: Duration = Duration::from_millis(4);
/// Or so many packets.
const BURST_PACKETS: usize = 10;

impl Pacer {
    /// When the next packet may leave, if that is later than now.
    pub(super) fn wait(&self, now: Instant) -> Option<Instant> {
        self.ready.filter(|ready| *ready > now)
    }

    /// A packet with `len` bytes of data leaves.
    pub(super) fn sent(&mut self, now: Instant, len: usize, mtu: usize, rate: Option<u64>) {
        let Some(rate) = rate else {
            self.ready = None;
            return;
        };
        let burst = BURST.max(time(BURST_PACKETS * mtu, rate));
        // Time that was not used is saved up to the burst.
        let earliest = now.checked_sub(burst).unwrap_or(now);
        let ready = self.ready.unwrap_or(earliest).max(earliest);
        self.ready = Some(ready + time(len, rate));
    }
}

/// How long `len` bytes take.
fn time(len: usize, rate: u64) -> Duration {
    let nanos = u64::try_from(len).unwrap_or(u64::MAX).saturating_mul(1_000_000_000) / rate.max(1);
    Duration::from_nanos(nanos.min(1_000_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
    fn leaves_a_burst_and_then_the_rate() {
        let mut now = Instant::now() + Duration::from_secs(10);
        let mut pacer = Pacer::default();
        // 100 packets a second.
        let rate = Some(100_000);
        for _ in 0..=BURST_PACKETS {
            assert_eq!(pacer.wait(now), None);
            pacer.sent(now, 1_000, 1_000, rate);
        }
        for _ in 0..5 {
            assert_eq!(pacer.wait(now), Some(now + Duration::from_millis(10)));
            now += Duration::from_millis(10);
            assert_eq!(pacer.wait(now), None);
            pacer.sent(now, 1_000, 1_000, rate);
        }
        // A pause saves up no more than a burst.
        now += Duration::from_secs(5);
        for _ in 0..=BURST_PACKETS {
            assert_eq!(pacer.wait(now), None);
            pacer.sent(now, 1_000, 1_000, rate);
        }
        assert!(pacer.wait(now).is_some());
        pacer.sent(now, 1_000, 1_000, None);
        assert_eq!(pacer.wait(now), None);
    }
}

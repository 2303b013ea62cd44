use drywire_core::{Duration, Instant};

/// What a datagram occupies on the way beyond its payload: the headers of IPv4 and UDP.
const HEADERS: usize = 28;

/// The narrowest place of a link, with a queue in front of it that drops what does not fit (drop-tail).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bottleneck {
    /// The bandwidth. Zero carries nothing.
    pub bits_per_second: u64,
    /// The bytes that may wait, with 28 bytes of headers for each datagram. One datagram is always let in when
    /// nothing waits.
    pub queue: usize,
}

impl Bottleneck {
    /// How long `bytes` take to pass.
    fn pass(self, bytes: usize) -> Option<Duration> {
        let nanos = u128::try_from(bytes)
            .ok()?
            .checked_mul(8_000_000_000)?
            .checked_div(self.bits_per_second.into())?;
        u64::try_from(nanos).ok().map(Duration::from_nanos)
    }
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// When the last byte that waits has passed.
    busy_until: Option<Instant>,
}

impl State {
    /// Lets a datagram of `len` bytes into the queue and says when it has passed the bottleneck, or drops it.
    pub(super) fn enqueue(
        &mut self,
        bottleneck: Option<Bottleneck>,
        now: Instant,
        len: usize,
    ) -> Option<Instant> {
        let Some(bottleneck) = bottleneck else { return Some(now) };
        let begins = self.busy_until.map_or(now, |until| until.max(now));
        let waiting = begins.saturating_duration_since(now);
        let full = bottleneck.pass(bottleneck.queue).is_some_and(|queue| {
            !waiting.is_zero() && bottleneck.pass(len + HEADERS).is_none_or(|own| waiting + own > queue)
        });
        if full {
            return None;
        }
        let leaves = begins + bottleneck.pass(len + HEADERS)?;
        self.busy_until = Some(leaves);
        Some(leaves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin;

    #[test]
    fn passes_at_the_rate_and_drops_at_the_tail() {
        // 1,000 bytes take 10 ms; three fit into the queue, and while the first one passes it counts.
        let bottleneck = Some(Bottleneck { bits_per_second: 800_000, queue: 3_000 });
        let (start, mut state) = (origin(), State::default());
        let at = |millis| Some(start + Duration::from_millis(millis));
        assert_eq!(state.enqueue(bottleneck, start, 1_000 - HEADERS), at(10));
        assert_eq!(state.enqueue(bottleneck, start, 1_000 - HEADERS), at(20));
        assert_eq!(state.enqueue(bottleneck, start, 1_000 - HEADERS), at(30));
        assert_eq!(state.enqueue(bottleneck, start, 1_000 - HEADERS), None);
        let later = start + Duration::from_millis(15);
        assert_eq!(state.enqueue(bottleneck, later, 1_000 - HEADERS), at(40));
        assert_eq!(state.enqueue(bottleneck, start + Duration::from_secs(1), 1_000 - HEADERS), at(1_010));
        assert_eq!(state.enqueue(None, start, 5), Some(start));
        let dead = Some(Bottleneck { bits_per_second: 0, queue: 10_000 });
        assert_eq!(State::default().enqueue(dead, start, 5), None);
    }
}

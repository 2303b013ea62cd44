use drywire_core::{Duration, Instant, Rng};

use super::Link;

/// When a datagram arrives: a fixed delay, jitter that keeps the order, and reordering that does not.
#[derive(Debug, Default)]
pub(super) struct Delay {
    /// The latest arrival of a datagram in order.
    latest: Option<Instant>,
}

impl Delay {
    pub(super) fn arrival(&mut self, link: &Link, leaves: Instant, rng: &mut Rng) -> Instant {
        let at = leaves + link.delay + up_to(link.jitter, rng);
        if link.reorder.draw(rng) {
            return at + up_to(link.reorder_delay, rng);
        }
        self.in_order(at)
    }

    /// The arrival of what goes over a connection, which nothing overtakes.
    pub(super) fn arrival_in_order(&mut self, link: &Link, leaves: Instant, rng: &mut Rng) -> Instant {
        self.in_order(leaves + link.delay + up_to(link.jitter, rng))
    }

    fn in_order(&mut self, at: Instant) -> Instant {
        let at = self.latest.map_or(at, |latest| at.max(latest));
        self.latest = Some(at);
        at
    }
}

/// A random duration of at most `most`, in steps of a nanosecond (for up to four seconds) or of `most` / 2^32.
fn up_to(most: Duration, rng: &mut Rng) -> Duration {
    if most.is_zero() {
        return Duration::ZERO;
    }
    match u32::try_from(most.as_nanos()) {
        Ok(nanos) => Duration::from_nanos(u64::from(rng.below(nanos.saturating_add(1)))),
        Err(_) => most.mul_f64(f64::from(rng.u32()) / f64::from(u32::MAX)),
    }
}

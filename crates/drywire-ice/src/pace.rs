use drywire_core::{Duration, Instant};

/// Lets one check go per `Ta` (RFC 8445, section 6.1.4.2), measured so that checks that answer the peer's can go at
/// once: they run into a debt of a few checks, and the ordinary ones wait until it is paid. In the long run there is
/// never more than one check per `Ta`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    interval: Duration,
    /// How far ahead of the pace a triggered check may be.
    advance: Duration,
    /// When the next check is due if none goes ahead.
    next: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(interval: Duration, burst: u32) -> Self {
        Self { interval, advance: interval.saturating_mul(burst.min(1000)), next: None }
    }

    /// When an ordinary check may go; `None` at once.
    pub(crate) const fn ordinary_at(&self) -> Option<Instant> {
        self.next
    }

    /// When a triggered check may go; `None` at once.
    pub(crate) fn triggered_at(&self) -> Option<Instant> {
        self.next.and_then(|next| next.checked_sub(self.advance))
    }

    /// A check went.
    pub(crate) fn sent(&mut self, now: Instant) {
        self.next = Some(self.next.map_or(now, |next| next.max(now)) + self.interval);
    }
}

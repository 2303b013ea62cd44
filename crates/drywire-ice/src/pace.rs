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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
    fn triggered_checks_go_ahead_and_are_made_up_for() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut pace = Pace::new(Duration::from_millis(50), 2);
        assert_eq!((pace.ordinary_at(), pace.triggered_at()), (None, None));
        // The first three go at once: the one whose turn it is, and two ahead.
        for ahead in 0..3 {
            assert!(pace.triggered_at().is_none_or(|at| at <= start), "{ahead}");
            pace.sent(start);
        }
        assert_eq!((pace.ordinary_at(), pace.triggered_at()), (Some(at(150)), Some(at(50))));
        // Nothing is saved up in idle times.
        pace.sent(at(1000));
        assert_eq!(pace.ordinary_at(), Some(at(1050)));
    }
}

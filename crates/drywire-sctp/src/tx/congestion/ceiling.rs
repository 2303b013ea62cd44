use drywire_core::{Duration, Instant};

use super::LEAST_PACKETS;
use super::losses::{Loss, Verdict};

/// How much may be in flight where others use the path, too: less after a queue has overflowed, and more again as NewReno does it,
/// so that those who go by losses get their share. Only when the path has been clear for a while it rises faster.
#[derive(Debug, Default)]
pub(super) struct Ceiling {
    limit: Option<usize>,
    /// How much it rose last.
    climb: usize,
    /// Until then the others come first.
    yields_until: Option<Instant>,
    /// How many rounds it takes until nothing more is heard of what was sent before it fell.
    settling: u32,
}

/// What is known of the path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    pub(super) mtu: usize,
    pub(super) least_rtt: Option<Duration>,
    /// Bytes in flight that just fill what this flow has of it.
    pub(super) fills: usize,
    /// How much is in flight now.
    pub(super) in_flight: usize,
}

/// What is left of what was in flight when the queue overflowed, in percent, but at least this part of what just fills the
/// path: queues that overflow twice in a row have not heard of the first time.
const KEPT: usize = 70;
/// The same where too much is lost without a queue.
const KEPT_CLEAR: usize = 85;
const LEAST_CLEAR: usize = 50;
/// How long it rises only slowly then: as long as NewReno takes to come back from a loss on most paths.
const YIELD: Duration = Duration::from_secs(2);
const YIELD_ROUNDS: u32 = 63;
/// The same where there was no queue, so that nobody else is known to be there.
const YIELD_ROUNDS_CLEAR: u32 = 8;
/// Its fastest rise in a round is this part of it.
const STEEPEST: usize = 16;
/// It only rises when it is what holds the sender back, give or take these packets, which come and go in lumps.
const LUMPS: usize = 3 * LEAST_PACKETS;

impl Ceiling {
    /// The most bytes in flight.
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(usize::MAX)
    }

    pub(super) const fn is_set(&self) -> bool {
        self.limit.is_some()
    }

    /// Whether others come first now.
    pub(super) fn yields(&self, now: Instant) -> bool {
        self.yields_until.is_some_and(|until| until > now)
    }

    /// A round trip is over. `starting` says that the rate of the path was only just found. Returns whether it was too much.
    pub(super) fn end_round(&mut self, now: Instant, verdict: &Verdict, path: &Path, starting: bool) -> bool {
        if self.settling > 0 {
            self.settling -= 1;
            return false;
        }
        let least = LEAST_PACKETS * path.mtu;
        match verdict.loss {
            Loss::Crowded => {
                let kept = verdict.flight.min(self.limit()) / 100 * KEPT;
                let part = if starting { 100 } else { KEPT };
                self.fall(now, kept.max(path.fills / 100 * part).max(least), path, YIELD_ROUNDS);
                self.settling = 1;
                true
            }
            Loss::Excessive => {
                let kept = verdict.flight.max(path.in_flight).min(self.limit()) / 100 * KEPT_CLEAR;
                self.fall(now, kept.max(path.fills / 100 * LEAST_CLEAR).max(least), path, YIELD_ROUNDS_CLEAR);
                true
            }
            Loss::Harmless => {
                self.rise(now, verdict.queue, path);
                false
            }
        }
    }

    fn fall(&mut self, now: Instant, limit: usize, path: &Path, rounds: u32) {
        let limit = limit.min(self.limit());
        let long = path.least_rtt.map_or(YIELD, |rtt| rtt.saturating_mul(rounds));
        self.yields_until = Some(now + YIELD.min(long));
        self.limit = Some(limit);
    }

    fn rise(&mut self, now: Instant, queue: bool, path: &Path) {
        let Some(limit) = self.limit.filter(|limit| path.in_flight + LUMPS * path.mtu >= *limit) else {
            return;
        };
        self.climb = if queue || self.yields(now) { 0 } else { (self.climb * 2).min(limit / STEEPEST) };
        self.climb = self.climb.max(path.mtu);
        self.limit = Some(limit.saturating_add(self.climb));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MTU: usize = 1_000;
    const CLEAR: Verdict = Verdict { loss: Loss::Harmless, queue: false, flight: 100 * MTU };
    const QUEUE: Verdict = Verdict { queue: true, ..CLEAR };
    const CROWDED: Verdict = Verdict { loss: Loss::Crowded, ..QUEUE };
    const PATH: Path =
        Path { mtu: MTU, least_rtt: Some(Duration::from_millis(50)), fills: 50 * MTU, in_flight: 100 * MTU };

    #[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn makes_room_and_comes_back_like_new_reno() {
        let (mut ceiling, mut now) = (Ceiling::default(), start());
        assert!(!ceiling.end_round(now, &CLEAR, &PATH, false));
        assert_eq!(ceiling.limit(), usize::MAX);
        assert!(ceiling.end_round(now, &CROWDED, &PATH, false));
        assert_eq!(ceiling.limit(), 70 * MTU);
        // The same overflow.
        assert!(!ceiling.end_round(now, &CROWDED, &PATH, false));
        assert_eq!(ceiling.limit(), 70 * MTU);
        for round in 1..=39 {
            now += Duration::from_millis(50);
            // With a queue or without one.
            ceiling.end_round(now, if round % 2 == 0 { &CLEAR } else { &QUEUE }, &PATH, false);
            assert_eq!(ceiling.limit(), (70 + round) * MTU);
        }
    }

    #[test]
    fn rises_ever_faster_where_nobody_is() {
        let (mut ceiling, mut now) = (Ceiling::default(), start());
        ceiling.end_round(now, &CROWDED, &PATH, false);
        ceiling.end_round(now, &CLEAR, &PATH, false);
        now += YIELD;
        let mut rises = Vec::new();
        for _ in 0..6 {
            let before = ceiling.limit();
            ceiling.end_round(now, &CLEAR, &PATH, false);
            rises.push((ceiling.limit() - before) / MTU);
        }
        assert_eq!(rises, [1, 2, 4, 4, 5, 5]);
        let before = ceiling.limit();
        ceiling.end_round(now, &QUEUE, &PATH, false);
        assert_eq!(ceiling.limit(), before + MTU);
        // What does not hold the sender back does not rise.
        ceiling.end_round(now, &CLEAR, &Path { in_flight: 50 * MTU, ..PATH }, false);
        assert_eq!(ceiling.limit(), before + MTU);
    }

    #[test]
    fn keeps_what_the_flow_has_at_least() {
        let now = start();
        let path = Path { fills: 90 * MTU, ..PATH };
        for (starting, kept) in [(false, 70), (true, 90)] {
            let mut ceiling = Ceiling::default();
            ceiling.end_round(now, &CROWDED, &path, starting);
            assert_eq!(ceiling.limit(), kept * MTU, "{starting}");
            for _ in 0..20 {
                ceiling.end_round(now, &CROWDED, &path, false);
            }
            assert_eq!(ceiling.limit(), 63 * MTU);
        }
    }
}

use drywire_core::{Duration, Instant};

use super::slow_start::{Growth, SlowStart};
use super::{Ack, Congestion, INITIAL_PACKETS, LEAST_PACKETS, window_rate};

/// The congestion control of RFC 9260, section 7.2, which is NewReno. Slow start counts bytes rather than SACKs
/// (RFC 3465), because a SACK may stand for a whole batch of packets.
#[derive(Debug)]
pub(super) struct NewReno {
    mtu: usize,
    window: usize,
    threshold: usize,
    /// Bytes acknowledged since the window last grew, in congestion avoidance.
    partial: usize,
    slow_start: SlowStart,
    smoothed: Option<Duration>,
    /// Window and threshold before the latest loss.
    before: Option<(usize, usize)>,
}

impl NewReno {
    pub(super) fn new(mtu: usize) -> Self {
        Self {
            mtu,
            window: INITIAL_PACKETS * mtu,
            threshold: usize::MAX,
            partial: 0,
            slow_start: SlowStart::default(),
            smoothed: None,
            before: None,
        }
    }

    fn reduce(&mut self) {
        self.before = Some((self.window, self.threshold));
        self.threshold = (self.window / 2).max(LEAST_PACKETS * self.mtu);
        self.partial = 0;
        self.slow_start = SlowStart::default();
    }
}

impl Congestion for NewReno {
    fn window(&self) -> usize {
        self.window
    }

    fn pacing_rate(&self) -> Option<u64> {
        let percent = if self.window < self.threshold { 200 } else { 120 };
        window_rate(self.window, self.smoothed, percent)
    }

    fn acknowledged(&mut self, ack: &Ack) {
        self.smoothed = Some(ack.smoothed);
        let slow = self.window < self.threshold;
        let growth = if slow { self.slow_start.acknowledged(ack) } else { Growth::By(0) };
        if growth == Growth::Over {
            self.threshold = self.window;
        }
        if !ack.limited || ack.recovering {
            return;
        }
        match growth {
            Growth::By(bytes) if slow => self.window = self.window.saturating_add(bytes),
            _ => {
                self.partial = self.partial.saturating_add(ack.bytes);
                if self.partial >= self.window {
                    self.partial -= self.window;
                    self.window = self.window.saturating_add(self.mtu);
                }
            }
        }
    }

    fn lost(&mut self, _now: Instant) {
        self.reduce();
        self.window = self.threshold;
    }

    fn timed_out(&mut self, _now: Instant, again: bool) {
        // RFC 5681, section 3.1: the window is so small by now that its half says nothing of the path.
        if !again {
            self.reduce();
        }
        self.window = self.mtu;
    }

    fn undo(&mut self) {
        if let Some((window, threshold)) = self.before.take() {
            self.window = self.window.max(window);
            self.threshold = self.threshold.max(threshold);
        }
    }

    fn idle(&mut self) {
        // Section 7.2.1; the floor is the first window, as a new association may begin with that.
        self.window = (self.window / 2).max((INITIAL_PACKETS * self.mtu).min(self.window));
    }

    fn set_mtu(&mut self, mtu: usize) {
        self.mtu = mtu;
        self.window = self.window.max(mtu);
    }
}

use std::fmt;

/// Decides how many bytes may be in flight.
pub(crate) trait Congestion: fmt::Debug + Send {
    /// How many bytes may be in flight.
    fn window(&self) -> usize;

    /// `bytes` were acknowledged for the first time. `limited` says that the window was what held the sender back;
    /// `recovering`, that losses of an earlier window are still being repaired.
    fn acknowledged(&mut self, bytes: usize, limited: bool, recovering: bool);

    /// A loss was found by later acknowledgements; called once per window of data.
    fn lost(&mut self);

    /// The retransmission timer expired.
    fn timed_out(&mut self);

    /// Nothing was sent for a retransmission timeout.
    fn idle(&mut self);

    /// The size of packets has changed.
    fn set_mtu(&mut self, mtu: usize);
}

/// The congestion control of RFC 9260, section 7.2, which is NewReno. Slow start counts bytes rather than SACKs
/// (RFC 3465), because a SACK may stand for a whole batch of packets.
#[derive(Debug)]
pub(crate) struct NewReno {
    mtu: usize,
    window: usize,
    threshold: usize,
    /// Bytes acknowledged since the window last grew, in congestion avoidance.
    partial: usize,
}

/// The first window, in packets (RFC 6928).
const INITIAL_PACKETS: usize = 10;
/// The window after a loss is no less, in packets (section 7.2.3).
const LEAST_PACKETS: usize = 4;

impl NewReno {
    pub(crate) const fn new(mtu: usize) -> Self {
        Self { mtu, window: INITIAL_PACKETS * mtu, threshold: usize::MAX, partial: 0 }
    }
}

impl Congestion for NewReno {
    fn window(&self) -> usize {
        self.window
    }

    fn acknowledged(&mut self, bytes: usize, limited: bool, recovering: bool) {
        if !limited || recovering {
            return;
        }
        if self.window < self.threshold {
            self.window = self.window.saturating_add(bytes);
        } else {
            self.partial = self.partial.saturating_add(bytes);
            if self.partial >= self.window {
                self.partial -= self.window;
                self.window = self.window.saturating_add(self.mtu);
            }
        }
    }

    fn lost(&mut self) {
        self.threshold = (self.window / 2).max(LEAST_PACKETS * self.mtu);
        self.window = self.threshold;
        self.partial = 0;
    }

    fn timed_out(&mut self) {
        self.threshold = (self.window / 2).max(LEAST_PACKETS * self.mtu);
        self.window = self.mtu;
        self.partial = 0;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_fast_then_slowly_and_falls_on_loss() {
        let mut control = NewReno::new(1000);
        assert_eq!(control.window(), 10_000);
        control.acknowledged(10_000, true, false);
        assert_eq!(control.window(), 20_000);
        control.acknowledged(10_000, false, false);
        control.acknowledged(10_000, true, true);
        assert_eq!(control.window(), 20_000);
        control.lost();
        assert_eq!(control.window(), 10_000);
        control.acknowledged(5_000, true, false);
        assert_eq!(control.window(), 10_000);
        control.acknowledged(5_000, true, false);
        assert_eq!(control.window(), 11_000);
        control.timed_out();
        assert_eq!(control.window(), 1_000);
        control.lost();
        assert_eq!(control.window(), 4_000);
        control.idle();
        assert_eq!(control.window(), 4_000);
    }
}

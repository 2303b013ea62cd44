use drywire_core::{Duration, Instant};

use super::slow_start::{Growth, SlowStart};
use super::{Ack, Congestion, INITIAL_PACKETS, LEAST_PACKETS, window_rate};

/// CUBIC (RFC 9438): after a loss the window grows back along a cubic curve of the time, first fast, then hardly where the
/// loss was, then fast again. It does not depend on the round-trip time, and fills long fat paths sooner than NewReno; where
/// NewReno would be faster it does as that one.
#[derive(Debug)]
pub(super) struct Cubic {
    mtu: usize,
    /// In bytes, with fractions.
    window: f64,
    threshold: f64,
    /// The window before the latest loss.
    pub(super) most: f64,
    /// The window when the threshold was last set: up to there W_est grows more slowly.
    prior: f64,
    /// The stage of congestion avoidance that goes on: when it began, and when the curve reaches `most`, in seconds from then.
    epoch: Option<Epoch>,
    slow_start: SlowStart,
    smoothed: Option<Duration>,
    before: Option<(f64, f64, f64)>,
}

#[derive(Clone, Copy, Debug)]
struct Epoch {
    began: Instant,
    /// When the latest acknowledgement came.
    latest: Instant,
    /// The time to the plateau of the curve, in seconds: K.
    plateau: f64,
    /// What NewReno would have: W_est.
    friendly: f64,
}

/// How steep the curve is, in packets per cubic second (section 5.1).
const STEEPNESS: f64 = 0.4;
/// What is left of the window after a loss (section 4.6).
const DECREASE: f64 = 0.7;
/// How fast W_est grows, so that it is as fair as NewReno (section 4.3): 3 * (1 - 0.7) / (1 + 0.7).
const FRIENDLY: f64 = 0.529;

impl Cubic {
    pub(super) fn new(mtu: usize) -> Self {
        Self {
            mtu,
            window: bytes(INITIAL_PACKETS * mtu),
            threshold: f64::INFINITY,
            most: 0.0,
            prior: 0.0,
            epoch: None,
            slow_start: SlowStart::default(),
            smoothed: None,
            before: None,
        }
    }

    fn packet(&self) -> f64 {
        bytes(self.mtu)
    }

    fn least(&self) -> f64 {
        bytes(LEAST_PACKETS * self.mtu)
    }

    /// Section 4.6, and fast convergence (section 4.7): a flow that loses before it was back where it was makes room for
    /// others.
    fn reduce(&mut self) {
        self.before = Some((self.window, self.threshold, self.most));
        self.most = if self.window < self.most { self.window * (1.0 + DECREASE) / 2.0 } else { self.window };
        self.prior = self.window;
        self.threshold = (self.window * DECREASE).max(self.least());
        self.epoch = None;
        self.slow_start = SlowStart::default();
    }

    /// Congestion avoidance (sections 4.2 to 4.5).
    fn avoid(&mut self, ack: &Ack) {
        let packet = self.packet();
        let window = self.window;
        let epoch = self.epoch.get_or_insert_with(|| Epoch {
            began: ack.now,
            latest: ack.now,
            plateau: ((self.most - window).max(0.0) / packet / STEEPNESS).cbrt(),
            friendly: window,
        });
        epoch.latest = ack.now;
        if self.most < window && epoch.plateau == 0.0 {
            // Without a loss before the curve begins at its plateau.
            self.most = epoch.friendly;
        }
        let time = ack.now.saturating_duration_since(epoch.began).as_secs_f64();
        let at = |time: f64| STEEPNESS * (time - epoch.plateau).powi(3) * packet + self.most;
        let acked = bytes(ack.bytes);
        // Section 4.3: from where it was before the loss on it grows like NewReno.
        let pace = if epoch.friendly < self.prior { FRIENDLY } else { 1.0 };
        epoch.friendly += pace * acked / window * packet;
        let friendly = epoch.friendly;
        let target = at(time + ack.smoothed.as_secs_f64()).clamp(window, 1.5 * window);
        if at(time) < friendly {
            self.window = window.max(friendly);
        } else {
            self.window += (target - window) / window * acked;
        }
    }
}

impl Congestion for Cubic {
    fn window(&self) -> usize {
        whole(self.window)
    }

    fn pacing_rate(&self) -> Option<u64> {
        let percent = if self.window < self.threshold { 200 } else { 120 };
        window_rate(self.window(), self.smoothed, percent)
    }

    fn acknowledged(&mut self, ack: &Ack) {
        self.smoothed = Some(ack.smoothed);
        let slow = self.window < self.threshold;
        let growth = if slow { self.slow_start.acknowledged(ack) } else { Growth::By(0) };
        if growth == Growth::Over {
            self.threshold = self.window;
        }
        if ack.recovering {
            return;
        }
        if !ack.limited {
            // Section 5.8: the curve must not run away while there is nothing to send.
            if let Some(epoch) = &mut self.epoch {
                epoch.began += ack.now.saturating_duration_since(epoch.latest);
                epoch.latest = ack.now;
            }
            return;
        }
        match growth {
            Growth::By(grown) if slow => self.window += bytes(grown),
            _ => self.avoid(ack),
        }
    }

    fn lost(&mut self, _now: Instant) {
        self.reduce();
        self.window = self.threshold;
    }

    fn timed_out(&mut self, _now: Instant, again: bool) {
        // As with NewReno (RFC 5681, section 3.1).
        if !again {
            self.reduce();
        }
        // Section 4.8: the curve begins at its plateau afterwards.
        self.most = 0.0;
        self.epoch = None;
        self.window = self.packet();
    }

    fn undo(&mut self) {
        // Section 4.9.
        if let Some((window, threshold, most)) = self.before.take() {
            self.window = self.window.max(window);
            self.threshold = self.threshold.max(threshold);
            self.most = self.most.max(most);
            self.epoch = None;
        }
    }

    fn idle(&mut self) {
        self.epoch = None;
        let first = bytes(INITIAL_PACKETS * self.mtu);
        self.window = (self.window / 2.0).max(first.min(self.window));
    }

    fn set_mtu(&mut self, mtu: usize) {
        self.mtu = mtu;
        self.window = self.window.max(self.packet());
    }
}

/// A number of bytes to calculate with: exact up to 4 GiB, which is more than any window.
fn bytes(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

/// The other way round. What is too much or too little becomes the most or the least.
#[allow(clippy::as_conversions, reason = "the language has no other conversion; this one saturates")]
const fn whole(bytes: f64) -> usize {
    bytes as usize
}

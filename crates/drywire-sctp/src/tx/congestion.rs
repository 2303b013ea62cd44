//! How much may be in flight, and how fast it leaves.

mod bbr;
mod ceiling;
mod cubic;
mod losses;
mod new_reno;
mod slow_start;
#[cfg(test)]
mod tests;

use std::fmt;

use drywire_core::{Duration, Instant};

use crate::CongestionControl;
use bbr::Bbr;
use cubic::Cubic;
use new_reno::NewReno;

/// The first window, in packets (RFC 6928).
const INITIAL_PACKETS: usize = 10;
/// The window after a loss is no less, in packets (RFC 9260, section 7.2.3).
const LEAST_PACKETS: usize = 4;

/// Decides how many bytes may be in flight, and how fast they leave.
pub(crate) trait Congestion: fmt::Debug + Send {
    /// How many bytes may be in flight.
    fn window(&self) -> usize;

    /// At how many bytes per second packets leave; `None` when as fast as the window lets them.
    fn pacing_rate(&self) -> Option<u64>;

    /// Something was acknowledged.
    fn acknowledged(&mut self, ack: &Ack);

    /// A loss was found by later acknowledgements; called once per window of data.
    fn lost(&mut self, now: Instant);

    /// The retransmission timer expired. `again`: for what it had expired for before.
    fn timed_out(&mut self, now: Instant, again: bool);

    /// The latest loss or timeout was none: what was taken for lost has arrived.
    fn undo(&mut self);

    /// Nothing was sent for a retransmission timeout.
    fn idle(&mut self);

    /// The size of packets has changed.
    fn set_mtu(&mut self, mtu: usize);

    /// Whether [`Ack::rate`] is wanted.
    fn wants_rate(&self) -> bool {
        false
    }
}

/// What an acknowledgement says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ack {
    pub(crate) now: Instant,
    /// Bytes acknowledged for the first time.
    pub(crate) bytes: usize,
    /// Bytes found to be lost.
    pub(crate) lost: usize,
    /// Bytes still in flight.
    pub(crate) in_flight: usize,
    /// The window was what held the sender back, and the cumulative TSN has advanced (RFC 9260, section 7.2.1).
    pub(crate) limited: bool,
    /// Losses of an earlier window are still being repaired.
    pub(crate) recovering: bool,
    /// What is acknowledged first was sent after the round before was acknowledged.
    pub(crate) round: bool,
    /// The round trip that was measured.
    pub(crate) rtt: Option<Duration>,
    /// The smoothed round-trip time.
    pub(crate) smoothed: Duration,
    /// How fast data has arrived.
    pub(crate) rate: Option<Rate>,
}

/// How fast data has arrived at the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) bytes_per_second: u64,
    /// There was not enough to send: the path can do more.
    pub(crate) app_limited: bool,
}

/// The controller that the settings name.
pub(crate) fn controller(kind: CongestionControl, mtu: usize) -> Box<dyn Congestion> {
    match kind {
        CongestionControl::NewReno => Box::new(NewReno::new(mtu)),
        CongestionControl::Cubic => Box::new(Cubic::new(mtu)),
        CongestionControl::Bbr => Box::new(Bbr::new(mtu)),
    }
}

/// The rate at which a window leaves within a round trip, times `percent`/100: a little faster than it could arrive, so that
/// the window stays the limit. No rate where round trips are too short for it to matter.
fn window_rate(window: usize, smoothed: Option<Duration>, percent: u64) -> Option<u64> {
    let micros = u64::try_from(smoothed?.as_micros()).ok().filter(|micros| *micros >= 1_000)?;
    let window = u64::try_from(window).unwrap_or(u64::MAX);
    Some((window.saturating_mul(percent).saturating_mul(10_000) / micros).max(1))
}

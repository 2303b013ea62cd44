//! When a packet counts as lost: RACK (RFC 8985), by the time and by what was sent later and has arrived.

use drywire_core::Duration;

use super::rto::Rto;

/// How many packets sent later must arrive before one counts as lost (RFC 9260, section 7.2.4, says three reports of it
/// missing), as long as the path was not seen to reorder packets.
const THRESHOLD: u64 = 3;
/// No timer is finer than this.
const GRANULARITY: Duration = Duration::from_millis(1);
/// For how many recoveries a longer wait is kept (section 6.2, step 4).
const PERSISTENCE: u32 = 16;

/// What is known of how the path reorders packets.
#[derive(Debug)]
pub(super) struct Rack {
    /// The greatest packet number that has arrived.
    newest: Option<u64>,
    /// Packets were seen to overtake others.
    reorders: bool,
    /// How many quarters of the least round trip are waited for packets that were overtaken.
    quarters: u32,
    /// Recoveries until that is one again.
    persistence: u32,
}

/// When a packet counts as lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LossRule {
    /// The newest packet that has arrived: only what was sent before it can be lost.
    pub(crate) newest: u64,
    /// How many packets sent later than it must have arrived.
    pub(crate) threshold: Option<u64>,
    /// Or how long ago it must have been sent.
    pub(crate) wait: Option<Duration>,
}

impl Rack {
    pub(super) const fn new() -> Self {
        Self { newest: None, reorders: false, quarters: 1, persistence: 0 }
    }

    /// A packet has arrived.
    pub(super) fn arrived(&mut self, packet: u64) {
        self.newest = self.newest.max(Some(packet));
    }

    /// What was taken for lost, or overtaken, has arrived by itself.
    pub(super) const fn reordered(&mut self) {
        self.reorders = true;
    }

    /// What was sent again had arrived: longer patience.
    pub(super) fn was_spurious(&mut self) {
        self.reorders = true;
        self.quarters = (self.quarters + 1).min(16);
        self.persistence = PERSISTENCE;
    }

    /// A recovery begins.
    pub(super) fn recovers(&mut self) {
        self.persistence = self.persistence.saturating_sub(1);
        if self.persistence == 0 {
            self.quarters = 1;
        }
    }

    /// The rule for now; `None` before anything has arrived.
    pub(super) fn rule(&self, rto: &Rto) -> Option<LossRule> {
        let newest = self.newest?;
        let wait = rto.smoothed().map(|smoothed| {
            let patience = (rto.least().unwrap_or(smoothed) * self.quarters / 4).min(smoothed);
            smoothed.max(rto.latest()) + patience.max(GRANULARITY)
        });
        Some(LossRule { newest, threshold: (!self.reorders).then_some(THRESHOLD), wait })
    }
}

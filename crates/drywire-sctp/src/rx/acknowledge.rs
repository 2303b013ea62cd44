/// When the next SACK is due (RFC 9260, section 6.2): at once after a gap, a duplicate or when the sender wants it;
/// after every second packet; else after a delay.
#[derive(Debug, Default)]
pub(crate) struct Acknowledge {
    /// Packets with data that were not acknowledged.
    packets: u32,
    immediate: bool,
}

impl Acknowledge {
    /// A packet with data has arrived.
    pub(crate) fn packet(&mut self, immediate: bool) {
        self.packets = self.packets.saturating_add(1);
        self.immediate |= immediate;
    }

    /// The next SACK must not wait.
    pub(crate) fn hurry(&mut self) {
        self.immediate = true;
    }

    /// Whether a SACK is due now.
    pub(crate) const fn is_due(&self) -> bool {
        self.immediate || self.packets >= 2
    }

    /// Whether there is anything to acknowledge: a packet that leaves anyway takes the SACK along.
    pub(crate) const fn is_pending(&self) -> bool {
        self.immediate || self.packets > 0
    }

    /// A SACK was sent.
    pub(crate) fn sent(&mut self) {
        *self = Self::default();
    }
}

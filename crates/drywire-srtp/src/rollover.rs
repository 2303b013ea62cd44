use std::collections::BTreeMap;

use drywire_rtp::Ssrc;

use crate::{MAX_STREAMS, RolloverError};

/// The rollover counters of streams that have not begun, where they are not 0. At most [`MAX_STREAMS`].
#[derive(Debug, Default)]
pub(crate) struct RolloverCounters {
    counters: BTreeMap<Ssrc, u32>,
}

impl RolloverCounters {
    pub(crate) fn set(&mut self, ssrc: Ssrc, counter: u32) -> Result<(), RolloverError> {
        if self.counters.len() >= MAX_STREAMS && !self.counters.contains_key(&ssrc) {
            return Err(RolloverError::TooManyStreams);
        }
        self.counters.insert(ssrc, counter);
        Ok(())
    }

    /// The counter that the stream begins with.
    pub(crate) fn of(&self, ssrc: Ssrc) -> u32 {
        self.counters.get(&ssrc).copied().unwrap_or(0)
    }

    /// Forgets a stream that has begun.
    pub(crate) fn remove(&mut self, ssrc: Ssrc) {
        if !self.counters.is_empty() {
            self.counters.remove(&ssrc);
        }
    }
}

use std::cmp::Ordering;

use bytes::BytesMut;
use drywire_core::Instant;

use super::NodeId;
use crate::topology::Hop;

/// A datagram on its way, ordered by when it arrives.
pub(super) struct Flying {
    pub(super) at: Instant,
    pub(super) order: u64,
    pub(super) to: NodeId,
    /// As it arrives at the realm from where there is no more climbing.
    pub(super) hop: Hop,
    pub(super) datagram: BytesMut,
}

impl Flying {
    fn key(&self) -> (Instant, u64) {
        (self.at, self.order)
    }
}

impl PartialEq for Flying {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Flying {}

impl PartialOrd for Flying {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Flying {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

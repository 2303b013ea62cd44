use bytes::Bytes;

use crate::{Ppid, StreamId};

/// How a message is to be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendOptions {
    /// Whether the message keeps its place among the ordered messages of its stream. An unordered message may overtake
    /// all others.
    pub ordered: bool,
}

impl SendOptions {
    /// Delivered in order, until it arrives.
    #[must_use]
    pub const fn ordered() -> Self {
        Self { ordered: true }
    }

    /// Delivered as soon as it is there.
    #[must_use]
    pub const fn unordered() -> Self {
        Self { ordered: false }
    }
}

impl Default for SendOptions {
    fn default() -> Self {
        Self::ordered()
    }
}

/// A message of the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The stream that it came on.
    pub stream: StreamId,
    /// What it is, as the peer says.
    pub ppid: Ppid,
    /// Whether it was sent in order.
    pub ordered: bool,
    /// The message, at least one byte. When it came in one piece this is a slice of the packet that carried it.
    pub data: Bytes,
}

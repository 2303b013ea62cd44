use bytes::Bytes;
use drywire_core::Duration;

use crate::{Ppid, StreamId};

/// How a message is to be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendOptions {
    /// Whether the message keeps its place among the ordered messages of its stream. An unordered message may overtake
    /// all others.
    pub ordered: bool,
    /// After how many retransmissions of a part of it the message is given up (RFC 7496, section 3.1). `None`: never. A
    /// peer that does not know of such a thing gets every message.
    pub max_retransmits: Option<u32>,
    /// After which time the message is given up (RFC 3758, section 4.1): sent no more from then on, whether a part of it
    /// was sent or not. `None`: never.
    pub lifetime: Option<Duration>,
}

impl SendOptions {
    /// Delivered in order, until it arrives.
    #[must_use]
    pub const fn ordered() -> Self {
        Self { ordered: true, max_retransmits: None, lifetime: None }
    }

    /// Delivered as soon as it is there.
    #[must_use]
    pub const fn unordered() -> Self {
        Self { ordered: false, max_retransmits: None, lifetime: None }
    }

    /// The same, given up after so many retransmissions.
    #[must_use]
    pub const fn with_max_retransmits(self, count: u32) -> Self {
        Self { max_retransmits: Some(count), ..self }
    }

    /// The same, given up after that time.
    #[must_use]
    pub const fn with_lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime: Some(lifetime), ..self }
    }
}

impl Default for SendOptions {
    fn default() -> Self {
        Self::ordered()
    }
}

/// What comes of a message after the bytes that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rest {
    /// Nothing: it is whole, or this was its last part.
    None,
    /// Another part.
    Follows,
    /// It is cut off here: the peer has given it up, or started its stream anew.
    Lost,
}

/// A message of the peer, or a part of one on a stream that is
/// [read in parts](crate::Association::set_read_in_parts).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The stream that it came on.
    pub stream: StreamId,
    /// What it is, as the peer says.
    pub ppid: Ppid,
    /// Whether it was sent in order.
    pub ordered: bool,
    /// The message, at least one byte, unless the rest of it is lost. When it came in one piece this is a slice of the packet
    /// that carried it.
    pub data: Bytes,
    /// Whether this is all of it. Always [`Rest::None`] on a stream that is not read in parts.
    pub rest: Rest,
}

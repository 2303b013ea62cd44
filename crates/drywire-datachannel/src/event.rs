use drywire_sctp::CloseReason;

use crate::ChannelId;

/// What the application is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The association is up.
    Connected,
    /// A channel of ours is open: the association is up, and the announcement, if there is one, is on its way. Whether the peer
    /// has heard of it [is another question](crate::Channel::acknowledged).
    Opened(ChannelId),
    /// The peer opened a channel.
    Announced(ChannelId),
    /// There is something to read; read until there is nothing more. Told again when more comes after that.
    Readable(ChannelId),
    /// The buffered amount fell to the threshold, or there is room again after [`SendError::Full`](crate::SendError).
    BufferedAmountLow(ChannelId),
    /// A channel is closed, in whatever way. Nothing else is told of it afterwards.
    Closed(ChannelId),
    /// The association is closed, and not by this side. Every channel was closed before.
    Failed {
        /// Why.
        reason: CloseReason,
    },
}

/// What a transport has done, and what it could not use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Channels that this side opened.
    pub channels_opened: u64,
    /// Channels that the peer opened.
    pub channels_announced: u64,
    /// Channels that were closed.
    pub channels_closed: u64,
    /// How often the peer began anew on the same transport: that closed all channels.
    pub restarts: u64,
    /// Messages written, of all channels.
    pub messages_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Messages read, of all channels.
    pub messages_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
    /// Announcements of channels that were refused: malformed, on a stream of ours, or too many.
    pub announcements_refused: u64,
    /// Channels that were closed with a [`ChannelError`](crate::ChannelError).
    pub channels_failed: u64,
    /// Messages that were dropped: of an unknown kind, or on a stream that no channel has.
    pub messages_dropped: u64,
}

use crate::StreamId;

/// What has happened to an association.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The association is established.
    Connected,
    /// The peer has lost its state and started anew (RFC 9260, section 5.2.4): the association is established again,
    /// all streams have begun at zero, and what was queued, in flight or unread is lost. Streams that were being reset are
    /// named by [`OutgoingStreamsReset`](Self::OutgoingStreamsReset) after it.
    Restarted,
    /// The association is over. What was received can still be read.
    Closed {
        /// Why.
        reason: CloseReason,
    },
    /// A stream on which nothing was to be read has a message. Read until there is none: there is no second event
    /// before that.
    Readable(StreamId),
    /// More waits to be read on this stream than [`Config::unread_limit`](crate::Config::unread_limit) says. There is a
    /// second event only after it was less.
    UnreadLimit(StreamId),
    /// The peer has performed the reset that [`reset_streams`](crate::Association::reset_streams) asked for: these
    /// streams start anew and can be written.
    OutgoingStreamsReset(Vec<StreamId>),
    /// The peer has reset its side of these streams; all that it had sent on them before can be read or was. An empty
    /// list stands for all streams (RFC 6525, section 4.1).
    IncomingStreamsReset(Vec<StreamId>),
    /// The peer did not reset these streams: it refused, or it cannot. They can be written as before.
    StreamResetFailed(Vec<StreamId>),
    /// What is queued on this stream fell to its threshold or below, or a stream whose
    /// [`write`](crate::Association::write) answered [`Full`](crate::SendError::Full) has room again.
    BufferedAmountLow(StreamId),
    /// The peer sent a message longer than [`Config::max_message_size`](crate::Config::max_message_size) on this
    /// stream. It was dropped.
    MessageTooLarge(StreamId),
}

/// Why an association is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// Local: [`abort`](crate::Association::abort) was called, or [`shutdown`](crate::Association::shutdown) before
    /// the association had begun.
    Local,
    /// Both sides have shut down in good order (RFC 9260, section 9.2).
    Shutdown,
    /// The peer aborted; with the first cause that it gave (RFC 9260, section 3.3.10).
    PeerAborted {
        /// The cause code.
        cause: Option<u16>,
    },
    /// The peer misbehaved: it broke the protocol in a way that leaves no common ground.
    ProtocolViolation,
    /// The peer is incompatible: it offers nothing to agree on, such as no streams.
    Incompatible,
    /// Time-out: the peer did not answer the attempts to connect.
    ConnectTimeout,
    /// Time-out: too many retransmissions in a row were not answered (RFC 9260, section 8.1).
    PeerUnreachable,
}

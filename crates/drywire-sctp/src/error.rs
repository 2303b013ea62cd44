//! The errors of this crate: one for bytes from the network, one for sending.

use drywire_core::UnexpectedEnd;
use thiserror::Error;

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// A field is longer than what contains it.
    #[error("truncated: {0}")]
    Truncated(#[from] UnexpectedEnd),
    /// A length field contradicts the unit that it stands in.
    #[error("a wrong length in the unit at byte {offset}")]
    WrongLength {
        /// Where the unit begins, in bytes from the start of the input.
        offset: usize,
    },
    /// The CRC32c does not match (RFC 9260, section 6.8).
    #[error("wrong checksum")]
    Checksum,
    /// A value that the protocol forbids.
    #[error("a forbidden value in the unit at byte {offset}")]
    Forbidden {
        /// Where the unit begins, in bytes from the start of the input.
        offset: usize,
    },
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The stream holds as much as [`Config::send_buffer`](crate::Config::send_buffer) allows. The event
    /// [`BufferedAmountLow`](crate::Event::BufferedAmountLow) says when to go on.
    #[error("the send buffer of the stream is full")]
    Full,
    /// Longer than [`Config::max_outgoing_message_size`](crate::Config::max_outgoing_message_size).
    #[error("the message is larger than allowed")]
    TooLarge,
    /// SCTP carries no empty messages (RFC 9260, section 3.3.1): data channels send one zero byte with a special
    /// payload protocol identifier instead (RFC 8831, section 6.6).
    #[error("SCTP cannot carry an empty message")]
    Empty,
    /// A message in parts cannot be given up after a time or a number of retransmissions.
    #[error("a message in parts has no limits")]
    LimitedPart,
    /// The stream's number is not below the number of streams that the two sides have agreed on.
    #[error("the association has no such stream")]
    InvalidStream,
    /// The stream is being reset (RFC 6525); it can be written again after
    /// [`OutgoingStreamsReset`](crate::Event::OutgoingStreamsReset).
    #[error("the stream is being reset")]
    StreamResetting,
    /// The association is closed or shutting down.
    #[error("the association is closed")]
    Closed,
}

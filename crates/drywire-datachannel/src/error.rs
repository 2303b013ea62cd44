//! The errors of this crate: one for bytes, one for each command that can fail.

use drywire_core::UnexpectedEnd;
use thiserror::Error;

/// Why bytes are not a message of the Data Channel Establishment Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// The message ends before its last field, or before the end of the label or of the protocol.
    #[error(transparent)]
    Truncated(#[from] UnexpectedEnd),
    /// The message is neither DATA_CHANNEL_OPEN nor DATA_CHANNEL_ACK.
    #[error("message type {0} is unknown")]
    UnknownMessageType(u8),
    /// The channel type is none of the six of RFC 8832, section 8.2.2.
    #[error("channel type {0:#04x} is unknown")]
    UnknownChannelType(u8),
    /// The label or the protocol is not UTF-8.
    #[error("the text at byte {offset} is not UTF-8")]
    InvalidText {
        /// Where the text begins, in bytes from the start of the message.
        offset: usize,
    },
}

/// The bytes of a text message are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the bytes of a text message are not UTF-8")]
pub struct InvalidText;

/// Why a channel could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The label or the protocol is longer than allowed.
    #[error("a label or protocol of {len} bytes is longer than {limit}")]
    TextTooLong {
        /// Its length in bytes.
        len: usize,
        /// The most bytes.
        limit: usize,
    },
    /// There are as many channels as allowed, or no stream is left for one more.
    #[error("there are as many channels as can be")]
    TooManyChannels,
    /// The stream agreed upon is 65535, which is not usable (RFC 8831, section 6.6).
    #[error("stream {0} cannot be used for a channel")]
    InvalidStream(u16),
    /// Another channel uses the stream agreed upon, or one that used it is not closed at both ends yet.
    #[error("stream {0} is in use")]
    StreamInUse(u16),
    /// The transport is closed.
    #[error("the transport is closed")]
    Closed,
}

/// Why a channel was closed by this side, and not by the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The peer broke the rules on it: a malformed message of the establishment protocol, a second announcement, text that is
    /// no UTF-8.
    #[error("the peer broke the rules of the channel")]
    Protocol,
    /// The peer sent a message that is larger than this side takes.
    #[error("the peer sent a message that is too large")]
    MessageTooLarge,
    /// A message that was queued before the peer's limit was known is larger than that.
    #[error("a queued message is too large for the peer")]
    QueuedTooLarge,
    /// More waited to be read than [`Config::max_unread`](crate::Config::max_unread) allows.
    #[error("too much was left unread")]
    Unread,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no room now. An event [`BufferedAmountLow`](crate::Event::BufferedAmountLow) of this channel says
    /// when to try again.
    #[error("the send buffer is full")]
    Full,
    /// The message is larger than what the peer takes, or than what the send buffer can hold.
    #[error("the message is larger than {limit} bytes")]
    TooLarge {
        /// The most bytes.
        limit: usize,
    },
    /// A message in parts goes on: only further parts, of the same kind, can be written.
    #[error("a message in parts is not at its end")]
    MessageOpen,
    /// A part of a message is not empty, and the channel gives nothing up: a message in parts would be cut off.
    #[error("a message in parts needs parts that are not empty, and a reliable channel")]
    InvalidPart,
    /// The channel is being closed.
    #[error("the channel is being closed")]
    Closing,
    /// The channel is closed.
    #[error("the channel is closed")]
    Closed,
    /// There is no such channel, or it was closed and is forgotten.
    #[error("there is no such channel")]
    UnknownChannel,
}

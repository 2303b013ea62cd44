//! The errors of this crate: why text is not a control message, and why a transfer did not succeed.

use thiserror::Error;

/// Why text is not a control message of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseError {
    /// It is longer than any control message.
    #[error("a control message of {0} bytes is too long")]
    TooLong(usize),
    /// The first word is no verb of this version.
    #[error("the verb is unknown")]
    UnknownVerb,
    /// A word is missing, or there is one too many.
    #[error("a control message has another number of words")]
    WordCount,
    /// The name of the transfer is not 32 hexadecimal digits.
    #[error("a transfer is named by 32 hexadecimal digits")]
    TransferId,
    /// The hash is not 64 hexadecimal digits.
    #[error("a hash is 64 hexadecimal digits")]
    FileHash,
    /// The number of bytes is no decimal number up to 2^53 - 1.
    #[error("a number of bytes is a decimal number up to 9007199254740991")]
    Number,
}

/// Why a transfer did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Failure {
    /// This side gave up, with the reason that it told the peer.
    #[error("given up: {0}")]
    Local(Reason),
    /// The peer gave up.
    #[error("given up by the peer: {0}")]
    Remote(Reason),
    /// The peer broke the rules of the protocol.
    #[error("the peer does not follow the protocol: {0}")]
    Protocol(Violation),
    /// What arrived is not what was sent.
    #[error("the hash of what arrived differs from the hash of what was sent")]
    HashMismatch,
}

/// How a peer broke the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Violation {
    /// A text message that is not a control message.
    #[error(transparent)]
    Unreadable(#[from] ParseError),
    /// More data than the file is long.
    #[error("more data came than the file is long")]
    TooMuchData,
    /// The hash came before all data.
    #[error("the hash came before all data")]
    EndTooEarly,
    /// The receiver asks for data beyond the end of the file, or says that it has what was not sent yet.
    #[error("a position beyond what was offered or sent")]
    Position,
    /// The receiver confirmed a file before its hash was sent.
    #[error("a confirmation of what was not sent")]
    Unasked,
}

/// Why one side gives a transfer up, as it tells the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Reason {
    /// A person or a program changed its mind.
    #[error("cancelled")]
    Cancelled,
    /// The receiver does not want this file.
    #[error("not wanted")]
    Unwanted,
    /// The receiver has another transfer going.
    #[error("busy with another transfer")]
    Busy,
    /// The receiver does not take files as large as this.
    #[error("too large")]
    TooLarge,
    /// The sender has no such file.
    #[error("no such file")]
    NotFound,
    /// Reading or writing the file failed, or it changed meanwhile.
    #[error("the file could not be read or written")]
    Storage,
    /// The hashes differ.
    #[error("the hashes differ")]
    HashMismatch,
    /// The other side broke the rules of the protocol.
    #[error("a violation of the protocol")]
    Protocol,
    /// A reason that this version does not know.
    #[error("an unknown reason")]
    Other,
}

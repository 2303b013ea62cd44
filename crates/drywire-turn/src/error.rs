//! The errors of commands. What comes from the network is never an error: it is counted, or it is an event.

use drywire_stun::OpaqueStringError;
use thiserror::Error;

/// Why a server cannot be made of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The realm cannot be hashed.
    #[error("the realm of the TURN server: {0}")]
    Realm(#[from] OpaqueStringError),
    /// One of the secrets of time-limited credentials is empty: anybody could make them.
    #[error("a secret of the TURN server is empty: anybody could make credentials with it")]
    EmptySecret,
}

/// Why a datagram was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    /// There is no allocation, or its relayed address is not the path's.
    #[error("the path does not begin at a relayed address of this client")]
    NoAllocation,
    /// The server does not relay to this peer.
    #[error("the server does not relay to this peer")]
    Refused,
    /// The datagram is longer than 65,000 bytes.
    #[error("the datagram is too long")]
    TooLong,
    /// Too much is waiting to be sent.
    #[error("too much is waiting to be sent")]
    Full,
}

/// Why a command was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CommandError {
    /// The machine is not in a state for it.
    #[error("the state does not allow it")]
    State,
    /// There is no such allocation.
    #[error("there is no such allocation")]
    Unknown,
    /// There are as many as the configuration allows.
    #[error("there are too many")]
    TooMany,
}

//! The errors of the agent's commands. What comes from the network is never an error: it is counted in the stats.

use thiserror::Error;

/// Why a user name fragment and a password are not ICE credentials (RFC 8839, section 5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CredentialsError {
    /// The user name fragment does not have 4 to 256 characters.
    #[error("the user name fragment must have 4 to 256 characters")]
    UfragLength,
    /// The password does not have 22 to 256 characters.
    #[error("the password must have 22 to 256 characters")]
    PasswordLength,
    /// A character is not a letter, a digit, `+` or `/`.
    #[error("only letters, digits, + and / are allowed")]
    Character,
}

/// Why remote credentials were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RemoteCredentialsError {
    /// The agent has other remote credentials: new ones mean an ICE restart, which must be begun on this side too.
    #[error("other remote credentials are in use: restart first")]
    RestartRequired,
    /// The agent is closed.
    #[error("the agent is closed")]
    Closed,
}

/// Why a candidate was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CandidateError {
    /// The address is unspecified, multicast or broadcast, its port is 0, or the configured filter refuses it.
    #[error("the candidate's address may not be used")]
    Unusable,
    /// The component is not 1: RTP and RTCP share one component here (RFC 8834, section 4.5).
    #[error("only component 1 exists")]
    Component,
    /// The candidate names a user name fragment that is not the remote one in use.
    #[error("the candidate belongs to another generation")]
    Generation,
    /// There are as many candidates as the configuration allows.
    #[error("there are too many candidates")]
    TooMany,
    /// The agent is closed.
    #[error("the agent is closed")]
    Closed,
}

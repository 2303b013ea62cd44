use thiserror::Error;

/// The connection is not connected: the handshake is not complete, the peer's fingerprint is not verified, or the
/// session has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not connected")]
pub struct NotConnected;

/// A record could not be finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Not connected, or no longer.
    #[error(transparent)]
    NotConnected(#[from] NotConnected),
    /// The plaintext is longer than [`max_plaintext_len`](crate::Connection::max_plaintext_len).
    #[error("the plaintext is longer than a record to this peer may be")]
    TooLong,
    /// The buffer is not the one that the record was begun in, or was truncated since.
    #[error("the buffer does not hold the record that was begun")]
    WrongBuffer,
    /// The keys have protected as many records as they may (RFC 9147, section 4.5.3).
    #[error("the keys have reached their limit")]
    KeyLimit,
    /// The cryptographic library failed.
    #[error("encryption failed")]
    Encryption,
}

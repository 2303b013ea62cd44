use thiserror::Error;

/// A stream could not be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StreamError {
    /// A stream with this SSRC is sent already.
    #[error("the SSRC is in use")]
    InUse,
    /// As many streams are sent as the configuration allows.
    #[error("too many streams")]
    TooMany,
    /// The streams were closed.
    #[error("the streams are closed")]
    Closed,
}

/// There is no stream with this SSRC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("there is no stream with this SSRC")]
pub struct UnknownStream;

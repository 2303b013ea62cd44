//! The errors of commands to a peer connection or an endpoint.

use drywire_crypto::FingerprintError;
use thiserror::Error;

/// An endpoint has as many peer connections as its configuration allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the endpoint already has {limit} peer connections, the most that its configuration allows")]
pub struct TooManyPeers {
    /// The limit.
    pub limit: usize,
}

/// A description was refused, or could not be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NegotiationError {
    /// The connection is closed.
    #[error("the peer connection is closed")]
    Closed,
    /// No offer or answer could be made.
    #[error(transparent)]
    Create(#[from] drywire_jsep::CreateError),
    /// The local description was refused.
    #[error(transparent)]
    Local(#[from] drywire_jsep::LocalDescriptionError),
    /// The remote description was refused.
    #[error(transparent)]
    Remote(#[from] drywire_jsep::RemoteDescriptionError),
    /// The peer's ICE credentials cannot be used.
    #[error("the remote ICE credentials are not valid: {0}")]
    Credentials(#[from] drywire_ice::CredentialsError),
    /// The peer's fingerprints cannot be used.
    #[error("no usable a=fingerprint in the remote description: {0}")]
    Fingerprint(#[from] FingerprintError),
}

/// A remote candidate was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RemoteCandidateError {
    /// The connection is closed.
    #[error("the peer connection is closed")]
    Closed,
    /// The text is no candidate attribute.
    #[error("not a candidate: {0}")]
    Malformed(#[from] drywire_sdp::Invalid),
    /// Offer/answer does not know the m-section, or there is no remote description yet.
    #[error(transparent)]
    Jsep(#[from] drywire_jsep::CandidateError),
}

/// An RTP packet was not taken for sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// There is no such transceiver, or it was stopped.
    #[error("there is no such transceiver")]
    UnknownTransceiver,
    /// The transceiver's negotiated direction does not include sending.
    #[error("the transceiver was not negotiated to send")]
    NotSending,
    /// The payload type was not negotiated for the transceiver.
    #[error("the payload type was not negotiated for the transceiver")]
    PayloadType,
    /// The connection is not connected, or SRTP was not negotiated.
    #[error("media cannot be sent: the connection is not connected")]
    NotConnected,
    /// The payload does not fit into a datagram.
    #[error("the payload does not fit into a datagram")]
    TooLarge,
    /// The queue is full: the application sends faster than it polls.
    #[error("the queue of packets to send is full")]
    Full,
}

/// A keyframe was not asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyframeError {
    /// There is no such transceiver, or it was stopped.
    #[error("there is no such transceiver")]
    UnknownTransceiver,
    /// Nothing was received on the transceiver yet, so there is nobody to ask.
    #[error("nothing was received on the transceiver yet")]
    NothingReceived,
}

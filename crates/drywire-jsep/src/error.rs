use drywire_sdp::Invalid;
use thiserror::Error;

use crate::signaling::{DescriptionType, SignalingState};

/// Why no offer or answer was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The signaling state does not allow it (RFC 9429 sections 4.1.8 and 4.1.9).
    #[error("not possible in the signaling state {0}")]
    State(SignalingState),
    /// Something of the application or of the local transport does not fit a description.
    #[error("cannot be written: {0}")]
    Invalid(#[from] Invalid),
}

/// Why a local description was not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LocalDescriptionError {
    /// The signaling state does not allow this type of description (RFC 9429 section 4.1.10).
    #[error("a local {1} is not possible in the signaling state {0}")]
    State(SignalingState, DescriptionType),
    /// It is not the description that was created last (RFC 9429 section 5.4).
    #[error("not the description that was created last")]
    Modified,
    /// This type is not supported yet.
    #[error("a local {0} is not supported")]
    Unsupported(DescriptionType),
}

/// Why a remote description was not set. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RemoteDescriptionError {
    /// The signaling state does not allow this type of description (RFC 9429 section 4.1.11).
    #[error("a remote {1} is not possible in the signaling state {0}")]
    State(SignalingState, DescriptionType),
    /// This type is not supported yet.
    #[error("a remote {0} is not supported")]
    Unsupported(DescriptionType),
    /// It is a fragment (RFC 8840) and no whole description.
    #[error("a fragment is no description")]
    Fragment,
    /// There are more media sections than the configuration allows.
    #[error("too many media sections")]
    TooManySections,
    /// There are fewer media sections than before, or not as many as were offered (RFC 3264 sections 6 and 8).
    #[error("media sections are missing or were added")]
    SectionCount,
    /// Two media sections have the same mid (RFC 5888 section 4).
    #[error("two media sections have the same mid")]
    DuplicateMid,
    /// The mid of a section differs from that of the offer, or it moved (RFC 3264 section 8).
    #[error("media section {0} has another mid than before")]
    MidChanged(usize),
    /// The media type or the protocol of a section changed.
    #[error("media section {0} is of another kind than before")]
    KindChanged(usize),
    /// A bundle lists a mid that no section has, or one twice (RFC 9143 section 7.3).
    #[error("a bundle lists a mid that no media section has, or one twice")]
    BundleMid,
    /// An answer accepts sections that are not in one bundle.
    #[error("the accepted media sections are not bundled")]
    NotBundled,
    /// An answer does not multiplex RTCP (RFC 5761 section 5.1.3), which is required here.
    #[error("media section {0} does not multiplex RTCP")]
    RtcpMux(usize),
    /// The number of a header extension stands for two, or is out of range.
    #[error("media section {0} uses the number of a header extension twice")]
    ExtensionId(usize),
    /// An answer accepts a section without any codec that was offered.
    #[error("media section {0} has no codec that was offered")]
    Codecs(usize),
    /// Media is accepted without Cryptex (RFC 9335), which the configuration requires.
    #[error("the headers of media section {0} would not be encrypted")]
    Cryptex(usize),
    /// There are no ICE credentials (RFC 8839 section 5.4).
    #[error("the ICE credentials are missing")]
    IceCredentials,
    /// Only one of user name fragment and password changed; a restart changes both (RFC 8839 section 4.4.1.1.1).
    #[error("only one of the ICE credentials changed")]
    IceCredentialsHalfChanged,
    /// There is no fingerprint (RFC 8827 section 5.6).
    #[error("the fingerprint is missing")]
    Fingerprint,
    /// There is a fingerprint that was not there before. That asks for a new DTLS association (RFC 8842 section 4),
    /// which a peer connection does not make: it takes a new peer connection.
    #[error("the fingerprint changed within the DTLS association")]
    FingerprintChanged,
    /// `a=tls-id` changed, which asks for a new DTLS association as well (RFC 8842 section 4).
    #[error("another DTLS association is wanted")]
    TlsIdChanged,
    /// `a=setup` has no value that fits (RFC 8842 section 5).
    #[error("the DTLS role does not fit")]
    Setup,
}

/// Why a command on a transceiver failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransceiverError {
    /// There is no such transceiver.
    #[error("no such transceiver")]
    Unknown,
    /// It is stopped, or stopping.
    #[error("the transceiver is stopped")]
    Stopped,
    /// The session is closed.
    #[error("the session is closed")]
    Closed,
    /// There are as many transceivers as the configuration allows.
    #[error("too many transceivers")]
    TooMany,
    /// The name of a stream or track does not fit a description.
    #[error("the name of a stream or track does not fit a description")]
    Name,
}

/// Why a remote candidate was refused (RFC 9429 section 4.1.17).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CandidateError {
    /// There is no remote description yet.
    #[error("there is no remote description")]
    NoRemoteDescription,
    /// There is no media section of this mid or index.
    #[error("there is no such media section")]
    UnknownSection,
    /// The user name fragment is not one of the remote descriptions.
    #[error("the user name fragment is not known")]
    UnknownUfrag,
    /// The peer has said that there are no more.
    #[error("the end of the candidates was signalled before")]
    Ended,
}

use drywire_crypto::{CertificateError, InvalidKey, KeyExchangeError, RandomError, SignError, VerifyError};

use crate::message::ParseError;
use crate::{Alert, CloseReason};

/// Why a handshake cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The peer broke the protocol.
    Misbehaved(Alert),
    /// Nothing in common with the peer.
    Incompatible(Alert),
    /// The certificate is not the announced one.
    Fingerprint,
    /// Our library or key failed.
    Crypto,
}

impl Failure {
    pub(crate) const UNEXPECTED: Self = Self::Misbehaved(Alert::UNEXPECTED_MESSAGE);
    pub(crate) const ILLEGAL: Self = Self::Misbehaved(Alert::ILLEGAL_PARAMETER);
    pub(crate) const NOTHING_IN_COMMON: Self = Self::Incompatible(Alert::HANDSHAKE_FAILURE);

    /// What the peer is told.
    pub(crate) const fn alert(self) -> Alert {
        match self {
            Self::Misbehaved(alert) | Self::Incompatible(alert) => alert,
            Self::Fingerprint => Alert::BAD_CERTIFICATE,
            Self::Crypto => Alert::INTERNAL_ERROR,
        }
    }

    /// What the application is told.
    pub(crate) const fn reason(self) -> CloseReason {
        match self {
            Self::Misbehaved(alert) => CloseReason::Misbehaved(alert),
            Self::Incompatible(alert) => CloseReason::Incompatible(alert),
            Self::Fingerprint => CloseReason::FingerprintMismatch,
            Self::Crypto => CloseReason::Crypto,
        }
    }
}

impl From<ParseError> for Failure {
    fn from(error: ParseError) -> Self {
        Self::Misbehaved(match error {
            ParseError::Malformed => Alert::DECODE_ERROR,
            ParseError::Illegal => Alert::ILLEGAL_PARAMETER,
        })
    }
}

impl From<CertificateError> for Failure {
    fn from(error: CertificateError) -> Self {
        match error {
            CertificateError::UnsupportedKey => Self::Incompatible(Alert::UNSUPPORTED_CERTIFICATE),
            _ => Self::Misbehaved(Alert::BAD_CERTIFICATE),
        }
    }
}

impl From<InvalidKey> for Failure {
    fn from(_: InvalidKey) -> Self {
        Self::Crypto
    }
}

impl From<SignError> for Failure {
    fn from(_: SignError) -> Self {
        Self::Crypto
    }
}

impl From<RandomError> for Failure {
    fn from(_: RandomError) -> Self {
        Self::Crypto
    }
}

impl From<VerifyError> for Failure {
    fn from(_: VerifyError) -> Self {
        Self::Misbehaved(Alert::DECRYPT_ERROR)
    }
}

impl From<KeyExchangeError> for Failure {
    fn from(error: KeyExchangeError) -> Self {
        match error {
            // RFC 8446, section 4.2.8.1 and 4.2.8.2; RFC 7748, section 6.1 for the all-zero secret (attack C13).
            KeyExchangeError::InvalidShare => Self::ILLEGAL,
            KeyExchangeError::UnsupportedGroup | KeyExchangeError::Random(_) => Self::Crypto,
        }
    }
}

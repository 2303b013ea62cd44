//! The errors of the cryptographic traits. They say what failed and nothing that helps an attacker.

use thiserror::Error;

/// A key has the wrong length or form for its algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the key does not fit the algorithm")]
pub struct InvalidKey;

/// The operating system or the backend gave no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no randomness available")]
pub struct RandomError;

/// A packet was too long to be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("encryption failed")]
pub struct SealError;

/// The ciphertext, its tag or its additional data are not what the sender wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("authentication failed")]
pub struct OpenError;

/// A signature could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("signing failed: the key cannot be used with this scheme")]
pub struct SignError;

/// A signature is wrong, or its scheme does not fit the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the signature is not valid")]
pub struct VerifyError;

/// A key exchange failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyExchangeError {
    /// The backend does not know the group.
    #[error("the group is not supported")]
    UnsupportedGroup,
    /// The peer's share is malformed, not on the curve, or gives an all-zero secret.
    #[error("the peer's key share is not valid")]
    InvalidShare,
    /// No randomness for our share.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// A certificate could not be read or made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// The certificate is not valid DER or PEM.
    #[error("the certificate is malformed")]
    Malformed,
    /// The key in the certificate is of a kind that WebRTC does not use.
    #[error("the certificate's key algorithm is not supported")]
    UnsupportedKey,
    /// The private key is malformed, or does not belong to the certificate.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// The common name or the validity cannot be written to a certificate.
    #[error("the certificate's name or validity is out of range")]
    InvalidOptions,
    /// The certificate could not be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// No randomness for the key or the serial number.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// A fingerprint could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FingerprintError {
    /// Not of the form `sha-256 AB:CD:…`.
    #[error("a fingerprint is a hash function's name, a space, and hexadecimal bytes separated by colons")]
    Malformed,
    /// The hash function is unknown, or too weak to be trusted (MD5, SHA-1).
    #[error("the fingerprint's hash function is not one of sha-256, sha-384, sha-512")]
    UnsupportedHash,
    /// The number of bytes does not fit the hash function.
    #[error("the fingerprint's length does not fit its hash function")]
    WrongLength,
}

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// SHA-1 (FIPS 180-4): only inside HMAC, for STUN and SRTP.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashAlgorithm {
    /// The length of the digest in bytes.
    #[must_use]
    pub const fn output_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// The output of a hash function or an HMAC: up to 64 bytes, without allocation. Compared in constant time. It is made
/// for what goes over the wire; one that is a secret itself is moved into a [`Secret`](crate::Secret), which wipes it.
#[derive(Clone, Copy, Zeroize)]
pub struct Digest {
    bytes: [u8; 64],
    len: usize,
}

impl Digest {
    /// Copies up to 64 bytes; more are cut off.
    #[must_use]
    pub fn new(digest: &[u8]) -> Self {
        let mut bytes = [0; 64];
        let len = digest.len().min(64);
        for (to, from) in bytes.iter_mut().zip(digest) {
            *to = *from;
        }
        Self { bytes, len }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Whether the first bytes equal `expected`, in constant time. An empty `expected` never matches.
    #[must_use]
    pub fn starts_with(&self, expected: &[u8]) -> bool {
        let Some(bytes) = self.as_bytes().get(..expected.len()) else { return false };
        // All differences are gathered, by words and what is behind them, before any is looked at.
        let ((words, rest), (expected_words, expected_rest)) = (bytes.as_chunks(), expected.as_chunks());
        let of_words = words
            .iter()
            .zip(expected_words)
            .fold(0, |all, (one, other)| all | (u32::from_ne_bytes(*one) ^ u32::from_ne_bytes(*other)));
        let of_rest = rest.iter().zip(expected_rest).fold(0, |all, (one, other)| all | (one ^ other));
        !expected.is_empty() && (of_words | u32::from(of_rest)).ct_eq(&0).into()
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({} bytes)", self.len)
    }
}

/// A hash in progress: the transcript of a handshake.
pub trait Hasher: Send {
    /// Adds bytes.
    fn update(&mut self, bytes: &[u8]);
    /// The digest of all bytes so far; more can be added after it.
    fn digest(&self) -> Digest;
}

/// A prepared HMAC key (RFC 2104): the inner and outer states are computed once.
pub trait HmacKey: Send + Sync {
    /// The authentication code of the concatenation of `parts`.
    fn sign(&self, parts: &[&[u8]]) -> Digest;
}

use crate::{OpenError, SealError};

/// The length of the authentication tag of every AEAD used here, in bytes.
pub const TAG_LEN: usize = 16;

/// The authentication tag of an AEAD.
pub type Tag = [u8; TAG_LEN];

/// The nonce of an AEAD: 96 bits.
pub type Nonce = [u8; 12];

/// An authenticated cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AeadAlgorithm {
    /// AES-128 in Galois/counter mode.
    Aes128Gcm,
    /// AES-256 in Galois/counter mode.
    Aes256Gcm,
    /// ChaCha20 with Poly1305 (RFC 8439).
    ChaCha20Poly1305,
}

impl AeadAlgorithm {
    /// The length of the key in bytes.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 => 32,
        }
    }
}

/// A prepared key of an authenticated cipher. The caller never uses a nonce twice for sealing.
pub trait AeadKey: Send + Sync {
    /// Encrypts `buffer` in place and returns the tag over it and `aad`.
    fn seal(&self, nonce: &Nonce, aad: &[u8], buffer: &mut [u8]) -> Result<Tag, SealError>;

    /// Decrypts `buffer`, whose last [`TAG_LEN`] bytes are the tag, in place, and returns the length of the plaintext
    /// at its start. On failure the contents of `buffer` are unspecified and must not be used.
    fn open(&self, nonce: &Nonce, aad: &[u8], buffer: &mut [u8]) -> Result<usize, OpenError>;
}

/// AES in counter mode, as SRTP uses it (RFC 3711, section 4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CtrAlgorithm {
    /// AES-128.
    Aes128,
    /// AES-256 (RFC 6188).
    Aes256,
}

impl CtrAlgorithm {
    /// The length of the key in bytes.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes256 => 32,
        }
    }
}

/// A prepared key of a block cipher in counter mode.
pub trait CtrKey: Send + Sync {
    /// Adds the keystream that starts at the counter block `iv` to `buffer`: encrypts and decrypts. The counter is
    /// the whole block, big-endian.
    fn apply_keystream(&self, iv: &[u8; 16], buffer: &mut [u8]);
}

/// A prepared key that makes the mask over record numbers (RFC 9147, section 4.2.3) out of a ciphertext sample.
pub trait MaskKey: Send + Sync {
    /// The first bytes of the mask: AES-ECB of the sample, or the ChaCha20 block whose counter and nonce it holds.
    fn mask(&self, sample: &[u8; 16]) -> [u8; 5];
}

use std::fmt;

use drywire_crypto::Digest;
use zeroize::Zeroizing;

/// A secret of the key schedule, as long as the output of its hash function (48 bytes in DTLS 1.2). Wiped when dropped,
/// and never shown (attack C21).
#[derive(Clone)]
pub(crate) struct Secret {
    bytes: Zeroizing<[u8; 64]>,
    len: usize,
}

impl Secret {
    /// `len` zeros, of which there can be 64.
    pub(crate) fn zeros(len: usize) -> Self {
        Self { bytes: Zeroizing::new([0; 64]), len: len.min(64) }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    pub(crate) fn as_mut_bytes(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.len).unwrap_or_default()
    }
}

impl From<Digest> for Secret {
    fn from(digest: Digest) -> Self {
        let mut secret = Self::zeros(digest.as_bytes().len());
        secret.as_mut_bytes().copy_from_slice(digest.as_bytes());
        secret
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

use std::fmt;

use drywire_crypto::Digest;
use zeroize::Zeroizing;

/// A secret of the key schedule, as long as the output of its hash function (48 bytes in DTLS 1.2). Wiped when dropped,
/// and never shown (attack C21).
#[derive(Clone)]
pub(crate) struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    pub(crate) fn zeros(len: usize) -> Self {
        Self(Zeroizing::new(vec![0; len]))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn as_mut_bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl From<Digest> for Secret {
    fn from(digest: Digest) -> Self {
        Self(Zeroizing::new(digest.as_bytes().to_vec()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

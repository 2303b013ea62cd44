use std::fmt;

use zeroize::{Zeroize as _, Zeroizing};

use crate::{Digest, InvalidKey};

/// A secret of up to 96 bytes, without allocation: what a key exchange gives, and what keys are derived from. Wiped when
/// dropped, and never shown.
#[derive(Clone)]
pub struct Secret {
    bytes: Zeroizing<[u8; Self::MAX_LEN]>,
    len: usize,
}

impl Secret {
    /// The most bytes that a secret has: room for every group and hash function of TLS, hybrids included.
    pub const MAX_LEN: usize = 96;

    /// The concatenation of `parts`. Fails when it is longer than [`MAX_LEN`](Self::MAX_LEN).
    pub fn new(parts: &[&[u8]]) -> Result<Self, InvalidKey> {
        let mut secret = Self::zeros(parts.iter().map(|part| part.len()).sum());
        let mut rest = secret.as_mut_bytes();
        for part in parts {
            let (target, left) = rest.split_at_mut_checked(part.len()).ok_or(InvalidKey)?;
            target.copy_from_slice(part);
            rest = left;
        }
        Ok(secret)
    }

    /// `len` zeros, to be filled; at most [`MAX_LEN`](Self::MAX_LEN).
    #[must_use]
    pub fn zeros(len: usize) -> Self {
        Self { bytes: Zeroizing::new([0; Self::MAX_LEN]), len: len.min(Self::MAX_LEN) }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The bytes, to be filled.
    pub fn as_mut_bytes(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.len).unwrap_or_default()
    }
}

impl From<Digest> for Secret {
    /// Takes an output of HMAC that is a secret.
    fn from(mut digest: Digest) -> Self {
        let mut secret = Self::zeros(digest.as_bytes().len());
        secret.as_mut_bytes().copy_from_slice(digest.as_bytes());
        digest.zeroize();
        secret
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_an_end_and_are_not_shown() {
        let secret = Secret::new(&[b"ab", b"", b"c"]).unwrap();
        assert_eq!(secret.as_bytes(), b"abc");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert_eq!(Secret::new(&[&[7; 96]]).unwrap().as_bytes(), [7; 96]);
        assert!(Secret::new(&[&[7; 96], b"a"]).is_err());
        assert_eq!(Secret::zeros(100).as_bytes(), [0; 96]);
    }
}

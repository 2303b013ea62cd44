use std::fmt;

use drywire_crypto::{Digest, HashAlgorithm, HmacKey, Provider};

/// Which of the two integrity attributes protects a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IntegrityAlgorithm {
    /// MESSAGE-INTEGRITY: HMAC-SHA1 (RFC 8489, section 14.5). What ICE uses.
    Sha1,
    /// MESSAGE-INTEGRITY-SHA256 (RFC 8489, section 14.6).
    Sha256,
}

/// A credential, prepared once to sign and check any number of messages: the inner and outer states of HMAC are
/// kept for both algorithms.
pub struct IntegrityKey {
    sha1: Box<dyn HmacKey>,
    sha256: Box<dyn HmacKey>,
}

impl IntegrityKey {
    /// From the bytes of the HMAC key, however they were derived.
    #[must_use]
    pub fn new(provider: &dyn Provider, key: &[u8]) -> Self {
        Self {
            sha1: provider.hmac_key(HashAlgorithm::Sha1, key),
            sha256: provider.hmac_key(HashAlgorithm::Sha256, key),
        }
    }

    /// The key of a short-term credential (RFC 8489, section 9.1.1): the password itself. ICE passwords are ASCII,
    /// so that the OpaqueString profile (RFC 8265) leaves them as they are.
    #[must_use]
    pub fn short_term(provider: &dyn Provider, password: &str) -> Self {
        Self::new(provider, password.as_bytes())
    }

    /// The key of a long-term credential with the password algorithm SHA-256 (RFC 8489, section 18.5.1.2).
    ///
    /// `realm` and `password` must have been processed by the OpaqueString profile (RFC 8265); printable ASCII
    /// always is. Keys of the older password algorithm MD5 are not derived here, because crypto providers have no
    /// MD5: pass its 16 bytes to [`new`](Self::new).
    #[must_use]
    pub fn long_term_sha256(provider: &dyn Provider, username: &str, realm: &str, password: &str) -> Self {
        let parts = [username.as_bytes(), b":", realm.as_bytes(), b":", password.as_bytes()];
        Self::new(provider, provider.digest(HashAlgorithm::Sha256, &parts).as_bytes())
    }

    pub(crate) fn sign(&self, algorithm: IntegrityAlgorithm, parts: &[&[u8]]) -> Digest {
        match algorithm {
            IntegrityAlgorithm::Sha1 => self.sha1.sign(parts),
            IntegrityAlgorithm::Sha256 => self.sha256.sign(parts),
        }
    }
}

impl fmt::Debug for IntegrityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntegrityKey(..)")
    }
}

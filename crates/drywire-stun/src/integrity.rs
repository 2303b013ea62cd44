use std::fmt;

use drywire_crypto::{Digest, HashAlgorithm, HmacKey, Provider};
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

use crate::attributes::PasswordAlgorithm;

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

    /// The key of a long-term credential (RFC 8489, sections 9.2.2 and 18.5.1): the hash of user name, realm and
    /// password. `None` when the algorithm is unknown.
    ///
    /// All three must have been prepared by [`opaque_string`](crate::opaque_string); printable ASCII always is.
    /// [`Credential`](crate::Credential) does that.
    #[must_use]
    pub fn long_term(
        provider: &dyn Provider,
        algorithm: PasswordAlgorithm,
        username: &str,
        realm: &str,
        password: &str,
    ) -> Option<Self> {
        let parts = [username.as_bytes(), b":", realm.as_bytes(), b":", password.as_bytes()];
        match algorithm {
            PasswordAlgorithm::MD5 => {
                // No provider has MD5, nor should one: here alone it is what the protocol asks for.
                let mut hash = Md5::new();
                parts.iter().for_each(|part| hash.update(part));
                let key = Zeroizing::new(<[u8; 16]>::from(hash.finalize()));
                Some(Self::new(provider, &*key))
            }
            PasswordAlgorithm::SHA256 => {
                let key = Zeroizing::new(provider.digest(HashAlgorithm::Sha256, &parts));
                Some(Self::new(provider, key.as_bytes()))
            }
            _ => None,
        }
    }

    pub(crate) fn sign(&self, algorithm: IntegrityAlgorithm, parts: &[&[u8]]) -> Digest {
        match algorithm {
            IntegrityAlgorithm::Sha1 => self.sha1.sign(parts),
            IntegrityAlgorithm::Sha256 => self.sha256.sign(parts),
        }
    }
}

impl AsRef<Self> for IntegrityKey {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl fmt::Debug for IntegrityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntegrityKey(..)")
    }
}

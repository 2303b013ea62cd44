use drywire_core::Writer;
use drywire_crypto::{HashAlgorithm, Provider};

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// USERHASH: stands for USERNAME without showing it, the SHA-256 of user name, colon and realm
/// (RFC 8489, section 14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UserHash(pub [u8; 32]);

impl UserHash {
    /// Hashes a user name. Both strings must have been processed by the OpaqueString profile (RFC 8265); printable
    /// ASCII always is. `None` only if the provider gives no SHA-256.
    #[must_use]
    pub fn new(provider: &dyn Provider, username: &str, realm: &str) -> Option<Self> {
        let digest = provider.digest(HashAlgorithm::Sha256, &[username.as_bytes(), b":", realm.as_bytes()]);
        digest.as_bytes().try_into().ok().map(Self)
    }
}

impl Attribute<'_> for UserHash {
    const TYPE: AttributeType = AttributeType::USERHASH;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        value.try_into().ok().map(Self)
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.bytes(&self.0);
    }
}

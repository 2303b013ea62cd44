use std::fmt;

use drywire_crypto::Provider;
use zeroize::Zeroizing;

use crate::attributes::{PasswordAlgorithm, UserHash};
use crate::{CredentialError, IntegrityKey, opaque_string};

/// A user's name and password for the long-term mechanism (RFC 8489, section 9.2), prepared by the OpaqueString
/// profile. The password is wiped when it is dropped, and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    username: Box<str>,
    password: Zeroizing<String>,
}

impl Credential {
    /// The most bytes of a user name (RFC 8489, section 14.3: fewer than 509).
    pub const MAX_USERNAME_LEN: usize = 508;

    /// Prepares a name and a password.
    ///
    /// # Errors
    /// When either is empty or has characters that the OpaqueString profile (RFC 8265) disallows, or the name is
    /// too long.
    pub fn new(username: &str, password: &str) -> Result<Self, CredentialError> {
        let username = opaque_string(username).map_err(CredentialError::Username)?;
        if username.len() > Self::MAX_USERNAME_LEN {
            return Err(CredentialError::UsernameTooLong);
        }
        let password = opaque_string(password).map_err(CredentialError::Password)?;
        Ok(Self { username: username.into(), password: Zeroizing::new(password.into_owned()) })
    }

    /// The name, prepared: what USERNAME carries.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// What USERHASH carries in this realm (RFC 8489, section 14.4). `realm` must have been prepared by
    /// [`opaque_string`]. `None` only if the provider gives no SHA-256.
    #[must_use]
    pub fn user_hash(&self, provider: &dyn Provider, realm: &str) -> Option<UserHash> {
        UserHash::new(provider, &self.username, realm)
    }

    /// The key in this realm; `None` when the algorithm is unknown. `realm` must have been prepared by
    /// [`opaque_string`].
    #[must_use]
    pub fn key(
        &self,
        provider: &dyn Provider,
        algorithm: PasswordAlgorithm,
        realm: &str,
    ) -> Option<IntegrityKey> {
        IntegrityKey::long_term(provider, algorithm, &self.username, realm, &self.password)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("username", &self.username).finish_non_exhaustive()
    }
}

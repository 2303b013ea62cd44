use std::fmt;

use drywire_core::Rng;
use drywire_crypto::Provider;
use drywire_stun::IntegrityKey;

use crate::CredentialsError;

/// The characters of user name fragments and passwords: `ice-char` (RFC 8839, section 5.4).
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A user name fragment and a password, as they are signalled.
///
/// ```
/// let credentials = drywire_ice::Credentials::new("8hhY", "asd88fgpdd777uzjYhagZg")?;
/// assert_eq!(credentials.ufrag(), "8hhY");
/// assert!(drywire_ice::Credentials::new("8hhY", "too short").is_err());
/// # Ok::<(), drywire_ice::CredentialsError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    ufrag: String,
    pwd: String,
}

impl Credentials {
    /// Checks their lengths and characters (RFC 8839, section 5.4).
    pub fn new(ufrag: impl Into<String>, pwd: impl Into<String>) -> Result<Self, CredentialsError> {
        let (ufrag, pwd) = (ufrag.into(), pwd.into());
        if !(4..=256).contains(&ufrag.len()) {
            return Err(CredentialsError::UfragLength);
        }
        if !(22..=256).contains(&pwd.len()) {
            return Err(CredentialsError::PasswordLength);
        }
        if !ufrag.bytes().chain(pwd.bytes()).all(|byte| ICE_CHARS.contains(&byte)) {
            return Err(CredentialsError::Character);
        }
        Ok(Self { ufrag, pwd })
    }

    /// Fresh ones: 48 random bits to tell sessions apart, 144 random bits to be guessed. The RFC asks for 24 and
    /// 128 (RFC 8445, section 5.3).
    pub fn random(rng: &mut Rng) -> Self {
        Self { ufrag: rng.string(8, ICE_CHARS), pwd: rng.string(24, ICE_CHARS) }
    }

    /// The user name fragment.
    #[must_use]
    pub fn ufrag(&self) -> &str {
        &self.ufrag
    }

    /// The password.
    #[must_use]
    pub fn pwd(&self) -> &str {
        &self.pwd
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// Our credentials with the key that checks requests and signs responses.
#[derive(Debug)]
pub(crate) struct LocalCredentials {
    pub(crate) credentials: Credentials,
    pub(crate) key: IntegrityKey,
}

impl LocalCredentials {
    pub(crate) fn new(provider: &dyn Provider, credentials: Credentials) -> Self {
        Self { key: IntegrityKey::short_term(provider, credentials.pwd()), credentials }
    }
}

/// The peer's credentials with the key that signs requests and checks responses, and the user name of our requests.
#[derive(Debug)]
pub(crate) struct RemoteCredentials {
    pub(crate) credentials: Credentials,
    pub(crate) key: IntegrityKey,
    /// The peer's fragment, a colon, ours (RFC 8445, section 7.2.2).
    pub(crate) username: String,
}

impl RemoteCredentials {
    pub(crate) fn new(provider: &dyn Provider, credentials: Credentials, local: &Credentials) -> Self {
        Self {
            key: IntegrityKey::short_term(provider, credentials.pwd()),
            username: format!("{}:{}", credentials.ufrag, local.ufrag),
            credentials,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a15_credentials_are_long_valid_and_never_repeat() {
        let mut rng = Rng::new([7; 32]);
        let mut seen = BTreeSet::new();
        for _ in 0..100_000 {
            let fresh = Credentials::random(&mut rng);
            assert!(fresh.ufrag.len() * 6 >= 24 && fresh.pwd.len() * 6 >= 128);
            assert_eq!(Credentials::new(fresh.ufrag(), fresh.pwd()).as_ref(), Ok(&fresh));
            assert!(seen.insert(fresh.pwd.clone()));
        }
    }

    #[test]
    fn a15_weak_credentials_are_refused() {
        let pwd = "a".repeat(22);
        assert_eq!(Credentials::new("abc", pwd.clone()), Err(CredentialsError::UfragLength));
        assert_eq!(Credentials::new("a".repeat(257), pwd.clone()), Err(CredentialsError::UfragLength));
        assert_eq!(Credentials::new("abcd", "a".repeat(21)), Err(CredentialsError::PasswordLength));
        assert_eq!(Credentials::new("abcd", "a".repeat(257)), Err(CredentialsError::PasswordLength));
        for ufrag in ["ab:d", "abc d", "abcä", "abc-"] {
            assert_eq!(Credentials::new(ufrag, pwd.clone()), Err(CredentialsError::Character));
        }
    }

    #[test]
    fn debug_shows_no_password() {
        let credentials = Credentials::new("abcd", "secretsecretsecretsecret").unwrap();
        assert!(!format!("{credentials:?}").contains("secret"));
    }
}

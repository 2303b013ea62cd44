use std::fmt;

use base64ct::{Base64, Encoding};
use drywire_core::{Duration, WallClock};
use drywire_crypto::{HashAlgorithm, HmacKey, Provider};
use zeroize::Zeroizing;

/// Credentials that anybody can make who shares a secret with the server, and that are good for a while
/// (draft-uberti-behave-turn-rest): the user name is the time of their end in seconds since 1970, a colon and any name; the
/// password is the base64 of the HMAC-SHA1 of the user name under the secret.
///
/// What ends is the right to begin an allocation. One that there is goes on, so that a call may be longer than the
/// credential that it began with.
#[derive(Clone)]
pub struct TimeLimited {
    /// The secrets that are taken. More than one while they change: the new one is added, and the old one taken away when
    /// the last credential that was made with it has ended.
    pub secrets: Vec<String>,
    /// The time of day.
    pub wall_clock: WallClock,
}

impl TimeLimited {
    /// One secret.
    #[must_use]
    pub fn new(secret: impl Into<String>, wall_clock: WallClock) -> Self {
        Self { secrets: vec![secret.into()], wall_clock }
    }

    /// User name and password of a new credential, for who hands them out: a web server, not the TURN server. It is good until
    /// `end` after 1970-01-01 UTC.
    ///
    /// ```
    /// use std::time::Duration;
    /// use drywire_turn::TimeLimited;
    ///
    /// let provider = drywire_crypto_aws_lc::provider();
    /// let end = Duration::from_secs(1_900_000_000);
    /// let (username, password) = TimeLimited::credential(&*provider, "north", "alice", end);
    /// assert_eq!(username, "1900000000:alice");
    /// assert_eq!(password.len(), 28);
    /// ```
    #[must_use]
    pub fn credential(provider: &dyn Provider, secret: &str, name: &str, end: Duration) -> (String, String) {
        let username = match name {
            "" => end.as_secs().to_string(),
            name => format!("{}:{name}", end.as_secs()),
        };
        let key = provider.hmac_key(HashAlgorithm::Sha1, secret.as_bytes());
        let password = password(&*key, &username).to_string();
        (username, password)
    }
}

impl fmt::Debug for TimeLimited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeLimited").field("secrets", &self.secrets.len()).finish_non_exhaustive()
    }
}

/// The password of a user name under a secret.
pub(crate) fn password(secret: &dyn HmacKey, username: &str) -> Zeroizing<String> {
    Zeroizing::new(Base64::encode_string(secret.sign(&[username.as_bytes()]).as_bytes()))
}

/// When a user name ends, in time since 1970, and the name in it.
pub(crate) fn parse(username: &str) -> Option<(Duration, &str)> {
    let (end, name) = username.split_once(':').unwrap_or((username, username));
    let digits = !end.is_empty() && end.bytes().all(|byte| byte.is_ascii_digit());
    let end = digits.then(|| end.parse().ok()).flatten().map(Duration::from_secs)?;
    Some((end, if name.is_empty() { username } else { name }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_stands_before_the_name() {
        let seconds = Duration::from_secs;
        assert_eq!(parse("1433895918:alice"), Some((seconds(1_433_895_918), "alice")));
        assert_eq!(parse("12:a:b"), Some((seconds(12), "a:b")));
        assert_eq!(parse("12"), Some((seconds(12), "12")));
        assert_eq!(parse("12:"), Some((seconds(12), "12:")));
        for other in ["", ":", "alice", "alice:12", "+12:alice", "-1", "12 :a", "99999999999999999999:a"] {
            assert_eq!(parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn the_password_is_that_of_other_implementations() {
        // `printf 1433895918:alice | openssl dgst -sha1 -hmac north -binary | base64`
        let provider = drywire_crypto_aws_lc::provider();
        let end = Duration::from_secs(1_433_895_918);
        let (username, password) = TimeLimited::credential(&*provider, "north", "alice", end);
        assert_eq!(username, "1433895918:alice");
        assert_eq!(password, "RqMvcGPYTJMGThVLSi4amT4zFtI=");
    }
}

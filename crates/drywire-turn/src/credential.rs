//! Long-term credentials (RFC 8489, section 9.2) with the password algorithm MD5 and MESSAGE-INTEGRITY, as the servers
//! and clients of the time before RFC 8489 have them.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use drywire_core::{Duration, Instant};
use drywire_crypto::{HashAlgorithm, HmacKey, Provider};
use drywire_stun::attributes::{ErrorCode, Nonce, Realm, Username};
use drywire_stun::{IntegrityAlgorithm, IntegrityError, IntegrityKey, Message, MessageBuilder};
use md5::{Digest as _, Md5};

/// The key of a long-term credential: MD5 of user name, realm and password (RFC 8489, section 18.5.1.1).
fn key(provider: &dyn Provider, username: &str, realm: &str, password: &str) -> IntegrityKey {
    let mut md5 = Md5::new();
    for part in [username, ":", realm, ":", password] {
        md5.update(part.as_bytes());
    }
    IntegrityKey::new(provider, &md5.finalize())
}

/// The client's side: what it knows, and what the server told.
pub(crate) struct Credential {
    provider: Arc<dyn Provider>,
    username: String,
    password: String,
    challenge: Option<Challenge>,
}

struct Challenge {
    realm: String,
    nonce: String,
    key: IntegrityKey,
}

impl Credential {
    pub(crate) const fn new(provider: Arc<dyn Provider>, username: String, password: String) -> Self {
        Self { provider, username, password, challenge: None }
    }

    /// Whether requests can be signed.
    pub(crate) const fn is_ready(&self) -> bool {
        self.challenge.is_some()
    }

    /// Forgets what a server told: another one is asked.
    pub(crate) fn forget(&mut self) {
        self.challenge = None;
    }

    /// Takes a 401 or 438. `false` when it lacks what a client needs.
    pub(crate) fn challenge(&mut self, response: &Message<'_>) -> bool {
        let nonce = response.attribute::<Nonce<'_>>();
        // A 438 must carry a realm, too; one that is missing means the one in use.
        let known = self.challenge.as_ref().map(|challenge| challenge.realm.clone());
        let realm = response.attribute::<Realm<'_>>().map(|realm| realm.0.to_owned()).or(known);
        let (Some(nonce), Some(realm)) = (nonce, realm) else { return false };
        let key = key(&*self.provider, &self.username, &realm, &self.password);
        self.challenge = Some(Challenge { realm, nonce: nonce.0.to_owned(), key });
        true
    }

    /// Adds the credential to a request, if there was a challenge. Nothing but FINGERPRINT may follow.
    pub(crate) fn sign(&self, request: &mut MessageBuilder<'_>) {
        if let Some(Challenge { realm, nonce, key }) = &self.challenge {
            request.attribute(&Username(&self.username)).attribute(&Realm(realm)).attribute(&Nonce(nonce));
            request.integrity(key, IntegrityAlgorithm::Sha1);
        }
    }

    /// Whether a response comes from who knows the password.
    pub(crate) fn check(&self, response: &Message<'_>) -> Result<(), IntegrityError> {
        let challenge = self.challenge.as_ref().ok_or(IntegrityError::Mismatch)?;
        response.check_integrity(&challenge.key).map(drop)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("username", &self.username).finish_non_exhaustive()
    }
}

/// The server's side: the users, and nonces that carry their own proof, so that nothing is kept for those who ask
/// (attack B05).
pub(crate) struct Authority {
    realm: String,
    users: BTreeMap<String, IntegrityKey>,
    secret: Box<dyn HmacKey>,
    start: Instant,
    nonce_lifetime: Duration,
}

/// Why a request is not served, and what the answer carries.
pub(crate) struct Denied {
    pub(crate) code: ErrorCode<'static>,
    /// Whether realm and nonce belong into the answer.
    pub(crate) challenge: bool,
}

impl Authority {
    pub(crate) fn new(
        provider: &dyn Provider,
        realm: String,
        users: &BTreeMap<String, String>,
        secret: [u8; 32],
        start: Instant,
        nonce_lifetime: Duration,
    ) -> Self {
        let users = users
            .iter()
            .map(|(name, password)| (name.clone(), key(provider, name, &realm, password)))
            .collect();
        let secret = provider.hmac_key(HashAlgorithm::Sha256, &secret);
        Self { realm, users, secret, start, nonce_lifetime }
    }

    /// Who sent a request, checked in the order of RFC 8489 (section 9.2.4).
    pub(crate) fn check<'a>(
        &self,
        now: Instant,
        source: SocketAddr,
        request: &Message<'a>,
    ) -> Result<&'a str, Denied> {
        const CHALLENGE: Denied = Denied { code: ErrorCode::UNAUTHENTICATED, challenge: true };
        const BAD: Denied = Denied { code: ErrorCode::BAD_REQUEST, challenge: false };
        if !request.attributes().any(|raw| raw.attribute == drywire_stun::AttributeType::USERNAME)
            && request.attribute::<Nonce<'_>>().is_none()
        {
            return Err(CHALLENGE);
        }
        let (Some(username), Some(_), Some(nonce)) =
            (request.username(), request.attribute::<Realm<'_>>(), request.attribute::<Nonce<'_>>())
        else {
            return Err(BAD);
        };
        if !self.is_fresh(now, source, nonce.0) {
            return Err(Denied { code: ErrorCode::STALE_NONCE, challenge: true });
        }
        let key = self.users.get(username).ok_or(CHALLENGE)?;
        match request.check_integrity(key) {
            Ok(_) => Ok(username),
            Err(_) => Err(CHALLENGE),
        }
    }

    /// Adds realm and a fresh nonce to an answer.
    pub(crate) fn add_challenge(&self, now: Instant, source: SocketAddr, response: &mut MessageBuilder<'_>) {
        let nonce = self.nonce(now.saturating_duration_since(self.start).as_secs(), source);
        response.attribute(&Realm(&self.realm)).attribute(&Nonce(&nonce));
    }

    /// Signs an answer to `username`.
    pub(crate) fn sign(&self, username: &str, response: &mut MessageBuilder<'_>) {
        if let Some(key) = self.users.get(username) {
            response.integrity(key, IntegrityAlgorithm::Sha1);
        }
    }

    /// The time in seconds and its authentication code, bound to the client's address.
    fn nonce(&self, seconds: u64, source: SocketAddr) -> String {
        let mut address = [0; 18];
        let ip = match source.ip() {
            std::net::IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            std::net::IpAddr::V6(ip) => ip,
        };
        for (to, from) in address.iter_mut().zip(ip.octets().into_iter().chain(source.port().to_be_bytes())) {
            *to = from;
        }
        let code = self.secret.sign(&[&seconds.to_be_bytes(), &address]);
        let mut nonce = format!("{seconds:08x}");
        for byte in code.as_bytes().iter().take(12) {
            // Writing to a string cannot fail.
            let _ = write!(nonce, "{byte:02x}");
        }
        nonce
    }

    fn is_fresh(&self, now: Instant, source: SocketAddr, nonce: &str) -> bool {
        let Some(seconds) = nonce.get(..8).and_then(|text| u64::from_str_radix(text, 16).ok()) else {
            return false;
        };
        let age = now.saturating_duration_since(self.start).as_secs().checked_sub(seconds);
        let expected = drywire_crypto::Digest::new(self.nonce(seconds, source).as_bytes());
        age.is_some_and(|age| age <= self.nonce_lifetime.as_secs())
            && expected.as_bytes().len() == nonce.len()
            && expected.starts_with(nonce.as_bytes())
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("realm", &self.realm).finish_non_exhaustive()
    }
}

use std::fmt;
use std::net::SocketAddr;

use drywire_core::{Duration, Instant, Rng};
use drywire_crypto::Provider;

use crate::attributes::{
    ErrorCode, Nonce, PasswordAlgorithm, PasswordAlgorithmAttribute, PasswordAlgorithms, Realm,
    SecurityFeatures, UserHash, Username,
};
use crate::nonce::NonceSource;
use crate::{
    BuildError, Class, IntegrityAlgorithm, IntegrityKey, Message, MessageBuilder, OpaqueStringError,
    opaque_string,
};

/// What a server asks of its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorConfig {
    /// The realm: best the domain name of who runs the server (RFC 8489, section 9.2.4).
    pub realm: String,
    /// The password algorithms that are offered, best first. Clients of the time before RFC 8489 know only MD5.
    pub algorithms: PasswordAlgorithms<'static>,
    /// Whether clients shall hide the names of users behind USERHASH. The lookup must then find users by hash.
    pub username_anonymity: bool,
    /// How long a nonce is good for, in whole seconds. Default 10 minutes; RFC 8656 (section 5) wants at most an
    /// hour.
    pub nonce_lifetime: Duration,
}

impl ValidatorConfig {
    /// Both algorithms, names in clear, nonces of ten minutes.
    #[must_use]
    pub fn new(realm: impl Into<String>) -> Self {
        Self {
            realm: realm.into(),
            algorithms: PasswordAlgorithms::ALL,
            username_anonymity: false,
            nonce_lifetime: Duration::from_secs(600),
        }
    }
}

/// The server's side of the long-term credential mechanism (RFC 8489, section 9.2.4).
///
/// It holds no state per client: the nonce says by itself when and for whom it was made. Checking a request allocates
/// nothing; what the lookup does is its own affair.
///
/// ```
/// use std::collections::HashMap;
/// use drywire_core::Instant;
/// use drywire_stun::attributes::PasswordAlgorithm;
/// use drywire_stun::{Credential, IntegrityKey, Message, User, Validator, ValidatorConfig};
///
/// # fn serve(now: Instant, source: std::net::SocketAddr, datagram: &[u8], out: &mut Vec<u8>)
/// #     -> Result<(), Box<dyn std::error::Error>> {
/// let provider = drywire_crypto_aws_lc::provider();
/// let validator = Validator::new(&*provider, ValidatorConfig::new("example.org"), now, [7; 32])?;
/// // Keys are made once, not per request.
/// let ada = Credential::new("ada", "secret")?;
/// let mut keys: HashMap<PasswordAlgorithm, IntegrityKey> = HashMap::new();
/// for algorithm in [PasswordAlgorithm::MD5, PasswordAlgorithm::SHA256] {
///     keys.extend(ada.key(&*provider, algorithm, validator.realm()).map(|key| (algorithm, key)));
/// }
/// let request = Message::parse(datagram)?;
/// let lookup = |user: User<'_>, algorithm| match user {
///     User::Name("ada") => keys.get(&algorithm),
///     _ => None,
/// };
/// match validator.validate(now, source, &request, lookup) {
///     Ok(authenticated) => { /* serve it; `authenticated.protect` signs the response */ }
///     Err(rejection) => { validator.reject(now, source, &request, rejection, out)?; }
/// }
/// # Ok(()) }
/// ```
pub struct Validator {
    realm: Box<str>,
    algorithms: PasswordAlgorithms<'static>,
    nonces: NonceSource,
}

/// Whom a request says to come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum User<'a> {
    /// By USERNAME.
    Name(&'a str),
    /// By USERHASH.
    Hash(UserHash),
}

/// A request that is from whom it says to be.
#[derive(Clone, Copy, Debug)]
pub struct Authenticated<K> {
    /// What the lookup found: the key, and whatever the caller keeps with it.
    pub account: K,
    /// What must protect the response (RFC 8489, section 9.2.4).
    pub integrity: IntegrityAlgorithm,
}

impl<K: AsRef<IntegrityKey>> Authenticated<K> {
    /// Adds the integrity to a response whose other attributes are there.
    pub fn protect(&self, response: &mut MessageBuilder<'_>) {
        response.integrity(self.account.as_ref(), self.integrity);
    }
}

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// 400: it lacks attributes, or changes what was offered.
    BadRequest,
    /// 401: it has no credentials, or not the right ones.
    Unauthenticated,
    /// 438: it is authentic, but its nonce is too old, or another client's.
    StaleNonce,
}

impl Validator {
    /// A server that starts at `now`. `seed` must be fresh and secret: the key of the nonces derives from it.
    ///
    /// # Errors
    /// When the realm is not an OpaqueString (RFC 8265).
    pub fn new(
        provider: &dyn Provider,
        config: ValidatorConfig,
        now: Instant,
        seed: [u8; 32],
    ) -> Result<Self, OpaqueStringError> {
        let features = SecurityFeatures::new(true, config.username_anonymity);
        let secret = Rng::new(seed).array();
        Ok(Self {
            realm: opaque_string(&config.realm)?.into(),
            algorithms: config.algorithms,
            nonces: NonceSource::new(provider, features, config.nonce_lifetime, now, &secret),
        })
    }

    /// The realm, as it is sent and hashed.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Checks a request that came from `source`, in the order of RFC 8489, section 9.2.4. `lookup` gives the key of a
    /// user for a password algorithm, made for this realm; it is called at most once.
    ///
    /// Comprehension-required attributes that are unknown are looked for after this (section 6.3).
    ///
    /// # Errors
    /// What to [`reject`](Self::reject) the request with.
    pub fn validate<'m, K: AsRef<IntegrityKey>>(
        &self,
        now: Instant,
        source: SocketAddr,
        request: &Message<'m>,
        lookup: impl FnOnce(User<'m>, PasswordAlgorithm) -> Option<K>,
    ) -> Result<Authenticated<K>, Rejection> {
        if request.integrity().is_none() {
            return Err(Rejection::Unauthenticated);
        }
        let user = match (request.attribute::<Username<'m>>(), request.attribute::<UserHash>()) {
            (Some(name), _) => User::Name(name.0),
            (None, Some(hash)) => User::Hash(hash),
            (None, None) => return Err(Rejection::BadRequest),
        };
        let (Some(realm), Some(nonce)) = (request.attribute::<Realm<'m>>(), request.attribute::<Nonce<'m>>())
        else {
            return Err(Rejection::BadRequest);
        };
        let (algorithm, integrity) = self.algorithm_of(request)?;
        if realm.0 != &*self.realm || !self.algorithms.iter().any(|offered| offered == algorithm) {
            return Err(Rejection::Unauthenticated);
        }
        let account = lookup(user, algorithm).ok_or(Rejection::Unauthenticated)?;
        if request.check_integrity(account.as_ref()).is_err() {
            return Err(Rejection::Unauthenticated);
        }
        if !self.nonces.is_valid(now, source, nonce) {
            return Err(Rejection::StaleNonce);
        }
        Ok(Authenticated { account, integrity })
    }

    /// The password algorithm that the client chose, and what protects the response. All nonces made here promise
    /// PASSWORD-ALGORITHMS, and one that does not was not made here: the checks hold for all.
    fn algorithm_of(
        &self,
        request: &Message<'_>,
    ) -> Result<(PasswordAlgorithm, IntegrityAlgorithm), Rejection> {
        let offered = request.find::<PasswordAlgorithms<'_>>().map_err(|_| Rejection::BadRequest)?;
        let chosen = request.find::<PasswordAlgorithmAttribute>().map_err(|_| Rejection::BadRequest)?;
        match (offered, chosen) {
            (None, None) => Ok((PasswordAlgorithm::MD5, IntegrityAlgorithm::Sha1)),
            (Some(offered), Some(chosen))
                if offered == self.algorithms && offered.iter().any(|algorithm| algorithm == chosen.0) =>
            {
                Ok((chosen.0, IntegrityAlgorithm::Sha256))
            }
            _ => Err(Rejection::BadRequest),
        }
    }

    /// Appends the error response to a request, and returns its length in bytes. Nothing is written for what is no
    /// request, because nothing may be answered to it.
    ///
    /// # Errors
    /// When the realm is so long that the response does not fit into a message.
    pub fn reject(
        &self,
        now: Instant,
        source: SocketAddr,
        request: &Message<'_>,
        rejection: Rejection,
        out: &mut Vec<u8>,
    ) -> Result<usize, BuildError> {
        if request.class() != Class::Request {
            return Ok(0);
        }
        let mut response = MessageBuilder::new(out, Class::Error, request.method(), request.transaction_id());
        match rejection {
            // Section 9.2.4: without NONCE and REALM.
            Rejection::BadRequest => response.attribute(&ErrorCode::BAD_REQUEST),
            Rejection::Unauthenticated => response.attribute(&ErrorCode::UNAUTHENTICATED),
            Rejection::StaleNonce => response.attribute(&ErrorCode::STALE_NONCE),
        };
        if rejection != Rejection::BadRequest {
            response
                .attribute(&Realm(&self.realm))
                .attribute(&self.nonces.make(now, source).as_nonce())
                .attribute(&self.algorithms);
        }
        response.finish()
    }
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validator").field("realm", &self.realm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

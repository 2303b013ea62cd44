use std::net::SocketAddr;

use drywire_crypto::Provider;

use crate::attributes::{
    AlternateDomain, AlternateServer, ErrorCode, Nonce, PasswordAlgorithm, PasswordAlgorithmAttribute,
    PasswordAlgorithms, Realm, UserHash, Username,
};
use crate::plausible::is_plausible;
use crate::{
    Class, Credential, IntegrityAlgorithm, IntegrityKey, Message, MessageBuilder, Refusal, opaque_string,
};

/// The client's side of the long-term credential mechanism with one server (RFC 8489, section 9.2).
///
/// The first request goes out bare; the server's challenge says with which realm, nonce and password algorithm to ask
/// again, and all later requests carry them. One `LongTerm` serves all requests to the server, also several at the
/// same time: what belongs to one request is its [`Attempt`].
///
/// ```
/// use drywire_stun::{Attempt, Class, Credential, LongTerm, Message, MessageBuilder, Method, TransactionId, Verdict};
///
/// # fn exchange(_: &[u8]) -> Vec<u8> { Vec::new() }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let provider = drywire_crypto_aws_lc::provider();
/// # let server = "192.0.2.1:3478".parse()?;
/// let mut auth = LongTerm::new(Credential::new("user", "secret")?, server);
/// let mut attempt = Attempt::default();
/// loop {
///     let mut request = Vec::new();
///     let id = TransactionId::new([7; 12]); // a fresh one each time
///     let mut builder = MessageBuilder::new(&mut request, Class::Request, Method::BINDING, id);
///     auth.protect(&mut attempt, &mut builder);
///     builder.fingerprint();
///     builder.finish()?;
///     let response = exchange(&request);
///     let Ok(response) = Message::parse(&response) else { break };
///     match auth.accept(&*provider, &mut attempt, &response) {
///         Verdict::Retry => continue,
///         Verdict::Accepted => break, // a success or an error: read it
///         Verdict::Redirect { server, .. } => auth.follow(server),
///         Verdict::Discard => continue, // as if it had never come
///         Verdict::Refused(_) => break,
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct LongTerm {
    credential: Credential,
    requires_sha256: bool,
    session: Option<Session>,
    /// Counts sessions, so that an [`Attempt`] knows by which it was made.
    generation: u32,
    /// The server that is asked, behind those that led to it.
    servers: Vec<SocketAddr>,
}

/// One request and its retries: what was tried so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    retries: u32,
    discarded: u32,
    /// The generation of the session that the request was made by; 0 is a bare request.
    generation: u32,
}

impl Attempt {
    /// How often it was asked to be made again.
    #[must_use]
    pub const fn retries(&self) -> u32 {
        self.retries
    }

    /// How many responses to it were discarded. When the request times out and this is not 0, somebody answered whom
    /// nobody vouches for: what is to be reported is that, not the silence (RFC 8489, section 9.2.5).
    #[must_use]
    pub const fn discarded(&self) -> u32 {
        self.discarded
    }

    /// Whether the request carried credentials, so that its response must be authentic.
    #[must_use]
    pub const fn is_authenticated(&self) -> bool {
        self.generation != 0
    }
}

/// What a response means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It is the server's answer, a success or an error: authentic if the request carried credentials, vouched for
    /// by nobody if it did not.
    Accepted,
    /// Send the request again, as a new transaction, with the same [`Attempt`].
    Retry,
    /// Send the request to another server, after [`LongTerm::follow`].
    Redirect {
        /// Where to.
        server: SocketAddr,
        /// The name to look for in the server's certificate; `None` is the one of the server asked before
        /// (RFC 8489, section 10).
        domain: Option<&'a str>,
    },
    /// Nobody vouches for it: over UDP wait on, as if it had never come; over a reliable transport the transaction is
    /// over, because nothing better will come (RFC 8489, section 9.2.5).
    Discard,
    /// The request failed for good.
    Refused(Refusal),
}

/// What the server's last challenge led to.
#[derive(Debug)]
struct Session {
    realm: Box<str>,
    nonce: Box<str>,
    user_hash: Option<UserHash>,
    /// The value of PASSWORD-ALGORITHMS, which is sent back as it came.
    algorithms: Option<Box<[u8]>>,
    algorithm: PasswordAlgorithm,
    key: IntegrityKey,
}

impl Session {
    /// RFC 8489, section 9.2.5: a server that sends PASSWORD-ALGORITHMS is never again spoken to with SHA-1.
    const fn integrity(&self) -> IntegrityAlgorithm {
        match self.algorithms {
            Some(_) => IntegrityAlgorithm::Sha256,
            None => IntegrityAlgorithm::Sha1,
        }
    }
}

impl LongTerm {
    /// How often one request is made again after a challenge.
    pub const MAX_RETRIES: u32 = 3;
    /// How often a server may send the client to another one.
    pub const MAX_REDIRECTS: usize = 3;
    /// The longest PASSWORD-ALGORITHMS that is sent back, in bytes.
    const MAX_ALGORITHMS_LEN: usize = 256;

    /// Nothing is known yet of `server`.
    #[must_use]
    pub fn new(credential: Credential, server: SocketAddr) -> Self {
        Self { credential, requires_sha256: false, session: None, generation: 0, servers: vec![server] }
    }

    /// Refuses servers that want a key made by MD5, which all servers of the time before RFC 8489 do.
    #[must_use]
    pub fn require_sha256(mut self) -> Self {
        self.requires_sha256 = true;
        self
    }

    /// Goes on with the server that [`Verdict::Redirect`] named. Realm and nonce begin anew; servers that were asked
    /// are remembered, so that they cannot send the client around in circles.
    pub fn follow(&mut self, server: SocketAddr) {
        self.session = None;
        if self.servers.len() <= Self::MAX_REDIRECTS {
            self.servers.push(server);
        }
    }

    /// Whether there was a challenge, so that requests carry credentials.
    #[must_use]
    pub const fn is_challenged(&self) -> bool {
        self.session.is_some()
    }

    /// The server that is asked.
    #[must_use]
    pub fn server(&self) -> Option<SocketAddr> {
        self.servers.last().copied()
    }

    /// The realm of the server's challenge, if there was one.
    #[must_use]
    pub fn realm(&self) -> Option<&str> {
        self.session.as_ref().map(|session| &*session.realm)
    }

    /// How the key derives from the password, if there was a challenge.
    #[must_use]
    pub fn password_algorithm(&self) -> Option<PasswordAlgorithm> {
        self.session.as_ref().map(|session| session.algorithm)
    }

    /// Adds the attributes of the credential and the integrity to a request whose other attributes are there.
    /// Before the first challenge it adds nothing (RFC 8489, section 9.2.3.1).
    pub fn protect(&self, attempt: &mut Attempt, request: &mut MessageBuilder<'_>) {
        attempt.generation = 0;
        let Some(session) = &self.session else { return };
        attempt.generation = self.generation;
        // Section 9.2.3.2.
        match &session.user_hash {
            Some(hash) => request.attribute(hash),
            None => request.attribute(&Username(self.credential.username())),
        };
        request.attribute(&Realm(&session.realm)).attribute(&Nonce(&session.nonce));
        if let Some(algorithms) = &session.algorithms {
            request
                .attribute(&PasswordAlgorithms::from_bytes(algorithms))
                .attribute(&PasswordAlgorithmAttribute(session.algorithm));
        }
        request.integrity(&session.key, session.integrity());
    }

    /// Takes the response to the request that was made with `attempt`, and says what to do with it (RFC 8489,
    /// sections 9.2.5 and 10).
    pub fn accept<'a>(
        &mut self,
        provider: &dyn Provider,
        attempt: &mut Attempt,
        response: &Message<'a>,
    ) -> Verdict<'a> {
        let verdict = self.judge(provider, attempt, response);
        if verdict == Verdict::Discard {
            attempt.discarded = attempt.discarded.saturating_add(1);
        }
        verdict
    }

    fn judge<'a>(
        &mut self,
        provider: &dyn Provider,
        attempt: &mut Attempt,
        response: &Message<'a>,
    ) -> Verdict<'a> {
        let error = match response.class() {
            Class::Success => None,
            Class::Error => match response.attribute::<ErrorCode<'_>>() {
                Some(error) => Some(error.code),
                None => return Verdict::Discard,
            },
            Class::Request | Class::Indication => return Verdict::Discard,
        };
        match error {
            // No key can sign these two: they are what the client needs to make the right one.
            Some(code @ (401 | 438)) => self.challenge(provider, attempt, response, code == 438),
            // Section 9.2.5: MUST be discarded, also when the request carried no credentials.
            Some(400) if response.integrity().is_none() => Verdict::Discard,
            _ if !self.is_authentic(*attempt, response) => Verdict::Discard,
            Some(300) => self.redirect(response),
            _ => Verdict::Accepted,
        }
    }

    /// Whether the server made this response: a bare request is not owed a proof.
    fn is_authentic(&self, attempt: Attempt, response: &Message<'_>) -> bool {
        if lacks_promised_algorithms(response) {
            return false;
        }
        match &self.session {
            _ if !attempt.is_authenticated() => true,
            None => false,
            Some(session) => match response.check_integrity(&session.key) {
                Ok(algorithm) => algorithm == session.integrity() || algorithm == IntegrityAlgorithm::Sha256,
                Err(_) => false,
            },
        }
    }

    /// 401 (Unauthenticated) or 438 (Stale Nonce).
    fn challenge(
        &mut self,
        provider: &dyn Provider,
        attempt: &mut Attempt,
        response: &Message<'_>,
        stale: bool,
    ) -> Verdict<'static> {
        if attempt.retries >= Self::MAX_RETRIES {
            return Verdict::Refused(Refusal::TooManyRetries);
        }
        let session = match self.session_of(provider, response) {
            Ok(session) => session,
            Err(refusal) => return Verdict::Refused(refusal),
        };
        // Section 9.2.5: no retry that changes neither the user nor the realm. The answer to a request that was made
        // before the current session says nothing about the current session.
        let repeats = attempt.generation == self.generation
            && self.session.as_ref().is_some_and(|old| {
                old.realm == session.realm
                    && old.user_hash == session.user_hash
                    && old.algorithm == session.algorithm
            });
        if !stale && attempt.is_authenticated() && repeats {
            return Verdict::Refused(Refusal::WrongCredential);
        }
        self.session = Some(session);
        // Never 0, which stands for bare requests.
        self.generation = self.generation.wrapping_add(1).max(1);
        attempt.retries += 1;
        Verdict::Retry
    }

    /// What to send after this challenge.
    fn session_of(&self, provider: &dyn Provider, response: &Message<'_>) -> Result<Session, Refusal> {
        let nonce = response.attribute::<Nonce<'_>>().ok_or(Refusal::MalformedChallenge)?;
        let realm = match (response.find::<Realm<'_>>(), &self.session) {
            (Ok(Some(realm)), _) => realm.0,
            (Ok(None), Some(session)) => &*session.realm,
            _ => return Err(Refusal::MalformedChallenge),
        };
        let offered = response.find::<PasswordAlgorithms<'_>>().map_err(|_| Refusal::MalformedChallenge)?;
        let features = nonce.security_features().unwrap_or_default();
        // Section 9.2.5: the nonce, which cannot be changed, says that there were algorithms; or there were before.
        let had_algorithms = self.session.as_ref().is_some_and(|session| session.algorithms.is_some());
        if offered.is_none() && (features.password_algorithms() || had_algorithms) {
            return Err(Refusal::BidDown);
        }
        let algorithm = match &offered {
            None => PasswordAlgorithm::MD5,
            // Section 9.2.5: the first that is supported.
            Some(offered) => offered
                .iter()
                .find(|algorithm| self.supports(*algorithm))
                .ok_or(Refusal::NoCommonAlgorithm)?,
        };
        if !self.supports(algorithm) {
            return Err(Refusal::NoCommonAlgorithm);
        }
        if offered.is_some_and(|offered| offered.as_bytes().len() > Self::MAX_ALGORITHMS_LEN) {
            return Err(Refusal::MalformedChallenge);
        }
        // Section 9.2.2: the realm is hashed without quotes and trailing zeros.
        let plain = realm.trim_end_matches('\0').trim_matches('"');
        let prepared = opaque_string(plain).map_err(Refusal::Realm)?;
        let user_hash = if features.username_anonymity() {
            Some(self.credential.user_hash(provider, &prepared).ok_or(Refusal::NoCommonAlgorithm)?)
        } else {
            None
        };
        Ok(Session {
            realm: realm.into(),
            nonce: nonce.0.into(),
            user_hash,
            algorithms: offered.map(|offered| offered.as_bytes().into()),
            algorithm,
            key: self.credential.key(provider, algorithm, &prepared).ok_or(Refusal::NoCommonAlgorithm)?,
        })
    }

    fn supports(&self, algorithm: PasswordAlgorithm) -> bool {
        algorithm == PasswordAlgorithm::SHA256
            || (algorithm == PasswordAlgorithm::MD5 && !self.requires_sha256)
    }

    /// 300 (Try Alternate): RFC 8489, section 10.
    fn redirect<'a>(&self, response: &Message<'a>) -> Verdict<'a> {
        let Some(AlternateServer(server)) = response.attribute() else {
            return Verdict::Refused(Refusal::BadRedirect);
        };
        if self.servers.len() > Self::MAX_REDIRECTS || self.servers.contains(&server) {
            return Verdict::Refused(Refusal::TooManyRedirects);
        }
        let here = self.servers.last().copied();
        if here.is_some_and(|here| !is_plausible(server, here)) {
            return Verdict::Refused(Refusal::BadRedirect);
        }
        let domain = response.attribute::<AlternateDomain<'_>>().map(|domain| domain.0);
        Verdict::Redirect { server, domain }
    }
}

/// RFC 8489, section 9.2.5: a nonce that says that there are algorithms, in a message that has none of them, was not
/// put there by the server.
fn lacks_promised_algorithms(response: &Message<'_>) -> bool {
    let promised = response
        .attribute::<Nonce<'_>>()
        .and_then(|nonce| nonce.security_features())
        .is_some_and(|features| features.password_algorithms());
    promised && response.attribute::<PasswordAlgorithms<'_>>().is_none()
}

#[cfg(test)]
mod tests;

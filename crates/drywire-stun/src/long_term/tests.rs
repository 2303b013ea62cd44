use std::sync::Arc;

use drywire_core::{Duration, Instant};
use proptest::prelude::*;

use super::*;
use crate::{Authenticated, Method, Rejection, TransactionId, User, Validator, ValidatorConfig};

fn provider() -> Arc<dyn Provider> {
    drywire_crypto_aws_lc::provider()
}

fn server_address() -> SocketAddr {
    "192.0.2.1:3478".parse().unwrap()
}

fn client_address() -> SocketAddr {
    "198.51.100.7:40000".parse().unwrap()
}

/// A server with one user, and the client that talks to it.
struct Pair {
    provider: Arc<dyn Provider>,
    validator: Validator,
    accounts: Vec<(UserHash, PasswordAlgorithm, IntegrityKey)>,
    client: LongTerm,
    attempt: Attempt,
    now: Instant,
    ids: u8,
}

impl Pair {
    fn new(config: ValidatorConfig) -> Self {
        let provider = provider();
        let now = drywire_sim::origin();
        let credential = Credential::new("ada", "secret").unwrap();
        let accounts = [PasswordAlgorithm::MD5, PasswordAlgorithm::SHA256]
            .into_iter()
            .map(|algorithm| {
                let key = credential.key(&*provider, algorithm, &config.realm).unwrap();
                (credential.user_hash(&*provider, &config.realm).unwrap(), algorithm, key)
            })
            .collect();
        let validator = Validator::new(&*provider, config, now, [3; 32]).unwrap();
        let client = LongTerm::new(credential, server_address());
        Self { provider, validator, accounts, client, attempt: Attempt::default(), now, ids: 0 }
    }

    fn with(algorithms: PasswordAlgorithms<'static>, username_anonymity: bool) -> Self {
        Self::new(ValidatorConfig { algorithms, username_anonymity, ..ValidatorConfig::new("example.org") })
    }

    fn request(&mut self) -> Vec<u8> {
        self.ids += 1;
        let mut out = Vec::new();
        let id = TransactionId::new([self.ids; 12]);
        let mut request = MessageBuilder::new(&mut out, Class::Request, Method::BINDING, id);
        self.client.protect(&mut self.attempt, &mut request);
        request.fingerprint();
        request.finish().unwrap();
        out
    }

    fn validate(
        &self,
        request: &[u8],
        source: SocketAddr,
    ) -> Result<Authenticated<&IntegrityKey>, Rejection> {
        let request = Message::parse(request).unwrap();
        self.validator.validate(self.now, source, &request, |user, algorithm| {
            let account = self.accounts.iter().find(|(hash, of, _)| {
                *of == algorithm
                    && match user {
                        User::Name(name) => name == "ada",
                        User::Hash(given) => given == *hash,
                    }
            });
            account.map(|(_, _, key)| key)
        })
    }

    fn respond(&self, request: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let message = Message::parse(request).unwrap();
        match self.validate(request, client_address()) {
            Ok(authenticated) => {
                let mut response =
                    MessageBuilder::new(&mut out, Class::Success, message.method(), message.transaction_id());
                authenticated.protect(&mut response);
                response.finish().unwrap();
            }
            Err(rejection) => {
                self.validator.reject(self.now, client_address(), &message, rejection, &mut out).unwrap();
            }
        }
        out
    }

    fn accept<'a>(&mut self, response: &'a [u8]) -> Verdict<'a> {
        self.client.accept(&*self.provider, &mut self.attempt, &Message::parse(response).unwrap())
    }

    /// One request and its response.
    fn exchange(&mut self) -> Verdict<'static> {
        let request = self.request();
        let response = self.respond(&request);
        match self.accept(&response) {
            Verdict::Accepted => Verdict::Accepted,
            Verdict::Retry => Verdict::Retry,
            Verdict::Discard => Verdict::Discard,
            Verdict::Refused(refusal) => Verdict::Refused(refusal),
            Verdict::Redirect { server, .. } => Verdict::Redirect { server, domain: None },
        }
    }

    /// Goes on until there is something else than to retry.
    fn settle(&mut self) -> Verdict<'static> {
        self.attempt = Attempt::default();
        loop {
            let verdict = self.exchange();
            if verdict != Verdict::Retry {
                return verdict;
            }
        }
    }
}

fn error(code: ErrorCode<'_>, attributes: impl FnOnce(&mut MessageBuilder<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    let mut response =
        MessageBuilder::new(&mut out, Class::Error, Method::BINDING, TransactionId::new([1; 12]));
    response.attribute(&code);
    attributes(&mut response);
    response.finish().unwrap();
    out
}

#[test]
fn a_challenge_then_success() {
    for (algorithms, chosen) in [
        (PasswordAlgorithms::ALL, PasswordAlgorithm::SHA256),
        (PasswordAlgorithms::SHA256, PasswordAlgorithm::SHA256),
    ] {
        for anonymity in [false, true] {
            let mut pair = Pair::with(algorithms, anonymity);
            assert_eq!(pair.exchange(), Verdict::Retry);
            assert!(!pair.attempt.is_authenticated());
            assert_eq!(pair.exchange(), Verdict::Accepted);
            assert!(pair.attempt.is_authenticated());
            assert_eq!(pair.client.password_algorithm(), Some(chosen));
            assert_eq!(pair.client.realm(), Some("example.org"));
            let request = pair.request();
            let message = Message::parse(&request).unwrap();
            assert_eq!(message.integrity(), Some(IntegrityAlgorithm::Sha256));
            assert_eq!(message.username().is_none(), anonymity);
            assert_eq!(message.attribute::<UserHash>().is_some(), anonymity);
        }
    }
}

#[test]
fn a_server_of_rfc5389() {
    let mut pair = Pair::with(PasswordAlgorithms::ALL, false);
    let challenge = error(ErrorCode::UNAUTHENTICATED, |response| {
        response.attribute(&Realm("\"example.org\"")).attribute(&Nonce("1234"));
    });
    let request = pair.request();
    assert_eq!(Message::parse(&request).unwrap().integrity(), None);
    assert_eq!(pair.accept(&challenge), Verdict::Retry);
    let request = pair.request();
    let message = Message::parse(&request).unwrap();
    // The realm goes back as it came, and is hashed without its quotes.
    assert_eq!(message.attribute(), Some(Realm("\"example.org\"")));
    assert_eq!(message.check_integrity(&pair.accounts[0].2), Ok(IntegrityAlgorithm::Sha1));
    // The same again: the password is wrong.
    assert_eq!(pair.accept(&challenge), Verdict::Refused(Refusal::WrongCredential));

    let mut strict =
        LongTerm::new(Credential::new("ada", "secret").unwrap(), server_address()).require_sha256();
    let verdict = strict.accept(&*provider(), &mut Attempt::default(), &Message::parse(&challenge).unwrap());
    assert_eq!(verdict, Verdict::Refused(Refusal::NoCommonAlgorithm));
}

#[test]
fn an_old_nonce_is_replaced() {
    let mut pair = Pair::with(PasswordAlgorithms::ALL, true);
    assert_eq!(pair.settle(), Verdict::Accepted);
    pair.now += Duration::from_secs(601);
    pair.attempt = Attempt::default();
    assert_eq!(pair.exchange(), Verdict::Retry);
    assert_eq!(pair.exchange(), Verdict::Accepted);
}

#[test]
fn requests_in_flight_share_one_challenge() {
    let mut pair = Pair::with(PasswordAlgorithms::ALL, false);
    let (mut one, mut two) = (Attempt::default(), Attempt::default());
    let first = pair.request();
    let challenge = pair.respond(&first);
    let message = Message::parse(&challenge).unwrap();
    assert_eq!(pair.client.accept(&*pair.provider, &mut one, &message), Verdict::Retry);
    assert_eq!(pair.client.accept(&*pair.provider, &mut two, &message), Verdict::Retry);
    pair.attempt = one;
    assert_eq!(pair.exchange(), Verdict::Accepted);
    pair.attempt = two;
    assert_eq!(pair.exchange(), Verdict::Accepted);
}

#[test]
fn a03_wrong_password_is_refused_after_two_requests() {
    let mut pair = Pair::with(PasswordAlgorithms::ALL, false);
    pair.client = LongTerm::new(Credential::new("ada", "Secret").unwrap(), server_address());
    assert_eq!(pair.exchange(), Verdict::Retry);
    assert_eq!(pair.exchange(), Verdict::Refused(Refusal::WrongCredential));
}

#[test]
fn a06_responses_that_nobody_vouches_for_are_discarded() {
    let mut pair = Pair::with(PasswordAlgorithms::ALL, false);
    assert_eq!(pair.settle(), Verdict::Accepted);
    let request = pair.request();
    let good = pair.respond(&request);
    let mut out = Vec::new();
    let id = Message::parse(&request).unwrap().transaction_id();
    MessageBuilder::new(&mut out, Class::Success, Method::BINDING, id).finish().unwrap();
    assert_eq!(pair.accept(&out), Verdict::Discard, "no integrity");
    out.clear();
    let mut weak = MessageBuilder::new(&mut out, Class::Success, Method::BINDING, id);
    weak.integrity(&pair.accounts[1].2, IntegrityAlgorithm::Sha1);
    weak.finish().unwrap();
    assert_eq!(pair.accept(&out), Verdict::Discard, "the older integrity");
    for at in 20..good.len() {
        let mut edited = good.clone();
        edited[at] ^= 1;
        if let Ok(message) = Message::parse(&edited) {
            let verdict = pair.client.accept(&*pair.provider, &mut pair.attempt, &message);
            assert_eq!(verdict, Verdict::Discard, "byte {at}");
        }
    }
    for code in [ErrorCode::BAD_REQUEST, ErrorCode::SERVER_ERROR, ErrorCode::TRY_ALTERNATE] {
        assert_eq!(pair.accept(&error(code, |_| ())), Verdict::Discard);
    }
    assert_eq!(pair.accept(&request), Verdict::Discard, "a request is no response");
    assert!(pair.attempt.discarded() > 6, "to be reported when nothing better comes");
    assert_eq!(pair.accept(&good), Verdict::Accepted);
}

#[test]
fn errors_to_a_bare_request() {
    let mut pair = Pair::with(PasswordAlgorithms::ALL, false);
    pair.request();
    assert_eq!(pair.accept(&error(ErrorCode::BAD_REQUEST, |_| ())), Verdict::Discard);
    assert_eq!(pair.accept(&error(ErrorCode::SERVER_ERROR, |_| ())), Verdict::Accepted);
    assert_eq!(pair.attempt.discarded(), 1);
}

#[test]
fn b06_bid_down_is_seen_by_the_client() {
    let mut pair = Pair::with(PasswordAlgorithms::ALL, false);
    let request = pair.request();
    let challenge = pair.respond(&request);
    let message = Message::parse(&challenge).unwrap();
    let nonce: Nonce<'_> = message.attribute().unwrap();
    assert!(nonce.security_features().unwrap().password_algorithms());
    // The algorithms are taken out, the nonce still promises them.
    let stripped = error(ErrorCode::UNAUTHENTICATED, |response| {
        response.attribute(&Realm("example.org")).attribute(&nonce);
    });
    assert_eq!(pair.accept(&stripped), Verdict::Refused(Refusal::BidDown));
    // SHA-256 alone is taken out: the client asks with MD5, and the server sees that its list came back changed.
    let weakened = error(ErrorCode::UNAUTHENTICATED, |response| {
        response
            .attribute(&Realm("example.org"))
            .attribute(&nonce)
            .attribute(&PasswordAlgorithms::from_bytes(&[0, 1, 0, 0]));
    });
    assert_eq!(pair.accept(&weakened), Verdict::Retry);
    let request = pair.request();
    assert_eq!(pair.validate(&request, client_address()).err(), Some(Rejection::BadRequest));
    // The promise is taken out too: the client cannot know, the server knows its own nonces.
    let mut pair = Pair::with(PasswordAlgorithms::ALL, false);
    let edited = nonce.0.replace("obMatJos2g", "obMatJos2A");
    assert_ne!(edited, nonce.0);
    let rewritten = error(ErrorCode::UNAUTHENTICATED, |response| {
        response.attribute(&Realm("example.org")).attribute(&Nonce(&edited));
    });
    assert_eq!(pair.accept(&rewritten), Verdict::Retry);
    let request = pair.request();
    assert_eq!(pair.validate(&request, client_address()).err(), Some(Rejection::StaleNonce));
    // A server that offered SHA-256 once does not go back.
    let mut pair = Pair::with(PasswordAlgorithms::ALL, false);
    assert_eq!(pair.settle(), Verdict::Accepted);
    pair.request();
    for code in [ErrorCode::UNAUTHENTICATED, ErrorCode::STALE_NONCE] {
        let older = error(code, |response| {
            response.attribute(&Realm("example.org")).attribute(&Nonce("1234"));
        });
        assert_eq!(pair.accept(&older), Verdict::Refused(Refusal::BidDown));
    }
}

#[test]
fn b06_nonce_replay_and_forgery_are_seen_by_the_server() {
    let mut pair = Pair::with(PasswordAlgorithms::ALL, false);
    assert_eq!(pair.settle(), Verdict::Accepted);
    let request = pair.request();
    assert!(pair.validate(&request, client_address()).is_ok());
    // From another address or port the nonce is nobody's.
    for source in ["198.51.100.8:40000", "198.51.100.7:40001", "[::1]:40000"] {
        assert_eq!(pair.validate(&request, source.parse().unwrap()).err(), Some(Rejection::StaleNonce));
    }
    pair.now += Duration::from_secs(601);
    assert_eq!(pair.validate(&request, client_address()).err(), Some(Rejection::StaleNonce));
    pair.now -= Duration::from_secs(601);
    // Whoever has the password and edits the nonce is told to take another.
    let nonce = pair.client.session.as_ref().unwrap().nonce.clone();
    for at in 0..nonce.len() {
        let mut edited = nonce.to_string().into_bytes();
        edited[at] = if edited[at] == b'A' { b'B' } else { b'A' };
        pair.client.session.as_mut().unwrap().nonce = String::from_utf8(edited).unwrap().into();
        let request = pair.request();
        assert_eq!(pair.validate(&request, client_address()).err(), Some(Rejection::StaleNonce), "{at}");
    }
    for edited in ["", "1234", "obMatJos2gAAA", &format!("{nonce}A"), &nonce[..nonce.len() - 4]] {
        pair.client.session.as_mut().unwrap().nonce = edited.into();
        let request = pair.request();
        assert_eq!(pair.validate(&request, client_address()).err(), Some(Rejection::StaleNonce), "{edited}");
    }
    assert_eq!(pair.settle(), Verdict::Accepted);
}

#[test]
fn b12_challenges_without_end_are_given_up() {
    let mut pair = Pair::with(PasswordAlgorithms::ALL, false);
    let mut requests = 0;
    let verdict = loop {
        pair.request();
        requests += 1;
        let code = if requests == 1 { ErrorCode::UNAUTHENTICATED } else { ErrorCode::STALE_NONCE };
        let nonce = format!("nonce {requests}");
        let challenge = error(code, |response| {
            response.attribute(&Realm("example.org")).attribute(&Nonce(&nonce));
        });
        if let Verdict::Refused(refusal) = pair.accept(&challenge) {
            break refusal;
        }
    };
    assert_eq!((requests, verdict), (4, Refusal::TooManyRetries));
}

#[test]
fn b12_redirects_without_end_are_given_up() {
    let redirect = |to: &str| {
        error(ErrorCode::TRY_ALTERNATE, |response| {
            response
                .attribute(&AlternateServer(to.parse().unwrap()))
                .attribute(&AlternateDomain("turn.example.org"));
        })
    };
    let provider = provider();
    let mut client = LongTerm::new(Credential::new("ada", "secret").unwrap(), server_address());
    for server in ["192.0.2.2:3478", "192.0.2.3:3478", "192.0.2.4:3478"] {
        let server: SocketAddr = server.parse().unwrap();
        let response = redirect(&server.to_string());
        let verdict = client.accept(&*provider, &mut Attempt::default(), &Message::parse(&response).unwrap());
        assert_eq!(verdict, Verdict::Redirect { server, domain: Some("turn.example.org") });
        // Back to where it came from.
        let response = redirect("192.0.2.1:3478");
        let verdict = client.accept(&*provider, &mut Attempt::default(), &Message::parse(&response).unwrap());
        assert_eq!(verdict, Verdict::Refused(Refusal::TooManyRedirects));
        client.follow(server);
        assert_eq!(client.server(), Some(server));
    }
    let response = redirect("192.0.2.5:3478");
    let verdict = client.accept(&*provider, &mut Attempt::default(), &Message::parse(&response).unwrap());
    assert_eq!(verdict, Verdict::Refused(Refusal::TooManyRedirects));

    for nowhere in ["127.0.0.1:3478", "0.0.0.0:3478", "192.0.2.9:0", "224.0.0.1:3478", "[2001:db8::1]:3478"] {
        let mut client = LongTerm::new(Credential::new("ada", "secret").unwrap(), server_address());
        let response = redirect(nowhere);
        let verdict = client.accept(&*provider, &mut Attempt::default(), &Message::parse(&response).unwrap());
        assert_eq!(verdict, Verdict::Refused(Refusal::BadRedirect), "{nowhere}");
    }
}

#[test]
fn challenges_that_lead_nowhere() {
    type Attributes<'a> = &'a dyn Fn(&mut MessageBuilder<'_>);
    let cases: [(Attributes<'_>, Refusal); 4] = [
        (&|response| _ = response.attribute(&Realm("example.org")), Refusal::MalformedChallenge),
        (&|response| _ = response.attribute(&Nonce("1234")), Refusal::MalformedChallenge),
        (
            &|response| _ = response.attribute(&Nonce("1234")).attribute(&Realm("\u{AD}")),
            Refusal::Realm(crate::OpaqueStringError::Disallowed),
        ),
        (
            &|response| {
                _ = response
                    .attribute(&Nonce("obMatJos2gAAA"))
                    .attribute(&Realm("example.org"))
                    .attribute(&PasswordAlgorithms::from_bytes(&[0, 9, 0, 0]));
            },
            Refusal::NoCommonAlgorithm,
        ),
    ];
    for (attributes, refusal) in cases {
        let mut pair = Pair::with(PasswordAlgorithms::ALL, false);
        let challenge = error(ErrorCode::UNAUTHENTICATED, attributes);
        assert_eq!(pair.accept(&challenge), Verdict::Refused(refusal));
    }
}

proptest! {
    /// Whatever answers come, in whatever order: no panic, and not more retries than allowed.
    #[test]
    fn any_answers(steps in proptest::collection::vec((0_u8..6, any::<bool>(), "[ -~]{0,20}"), 1..30)) {
        let mut pair = Pair::with(PasswordAlgorithms::ALL, false);
        for (kind, again, text) in steps {
            if again { pair.attempt = Attempt::default(); }
            let request = pair.request();
            let response = match kind {
                0 => pair.respond(&request),
                1 => error(ErrorCode::STALE_NONCE, |response| _ = response.attribute(&Nonce(&text))),
                2 => error(ErrorCode::UNAUTHENTICATED, |response| {
                    _ = response.attribute(&Nonce(&text)).attribute(&Realm(&text));
                }),
                3 => error(ErrorCode::TRY_ALTERNATE, |response| _ = response.attribute(&Nonce(&text))),
                4 => request,
                _ => { pair.now += Duration::from_secs(1000); pair.respond(&request) }
            };
            pair.accept(&response);
            prop_assert!(pair.attempt.retries() <= LongTerm::MAX_RETRIES);
        }
    }
}

//! Cookies: a client shows that it receives what is sent to its address before a server spends anything on it
//! (RFC 9147, section 5.1; RFC 6347, section 4.2.1; attack C16).

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use drywire_core::{Duration, Instant, Reader, Writer};
use drywire_crypto::{Digest, HashAlgorithm, NamedGroup, Provider, RandomError};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::handshake::Handshake;
use crate::message::extension::cookie;
use crate::message::{ClientHello, ExtensionType, HandshakeType, HelloVerifyRequest, vector_u8};
use crate::reassembly::Message;
use crate::{Alert, CipherSuite, Version, hello, v13};

/// The length of the code at the end of a cookie, in bytes.
const CODE_LEN: usize = 32;
/// Sequence numbers of records that a ClientHello may have: ours follow them.
const MAX_SEQUENCE: u64 = 1 << 40;

/// Has a server ask each client for a cookie before it answers: for servers on an open port. Behind ICE there is no use
/// for it, because ICE has validated the path.
///
/// Tell each connection its peer's address ([`Connection::set_peer_address`](crate::Connection::set_peer_address));
/// without it, no ClientHello is answered. A connection whose [`state`](crate::Connection::state) is
/// [`State::New`](crate::State::New) has promised nothing: it can be dropped, and another with the same `Cookies` goes on
/// with the same client. Keep it for a moment, though, because a ClientHello may come in several datagrams.
///
/// What is sent to an address that has shown no cookie is one short message for each ClientHello, never longer than
/// that.
#[derive(Clone)]
pub struct Cookies {
    secret: Zeroizing<[u8; 32]>,
    origin: Instant,
    period: Duration,
}

impl Cookies {
    /// Draws a secret. Cookies are made with one of two keys, which take turns: each is accepted in its own period and
    /// in the next one, and a period lasts one minute.
    pub fn new(provider: &dyn Provider, now: Instant) -> Result<Self, RandomError> {
        let mut secret = Zeroizing::new([0; 32]);
        provider.random(&mut *secret)?;
        Ok(Self { secret, origin: now, period: Duration::from_secs(60) })
    }

    /// Sets how long a key makes cookies, at least one second.
    #[must_use]
    pub fn with_period(mut self, period: Duration) -> Self {
        self.period = period.max(Duration::from_secs(1));
        self
    }

    /// The number of the period that `now` is in.
    fn period_at(&self, now: Instant) -> u128 {
        now.saturating_duration_since(self.origin).as_nanos() / self.period.as_nanos().max(1)
    }

    fn code(&self, provider: &dyn Provider, period: u128, parts: &[&[u8]]) -> Digest {
        let key = provider.hmac_key(HashAlgorithm::Sha256, &*self.secret).sign(&[&period.to_be_bytes()]);
        provider.hmac_key(HashAlgorithm::Sha256, key.as_bytes()).sign(parts)
    }

    /// Whether `code` was made over `parts` in this period or in the one before it.
    fn is_valid(&self, provider: &dyn Provider, now: Instant, parts: &[&[u8]], code: &[u8]) -> bool {
        let period = self.period_at(now);
        [Some(period), period.checked_sub(1)]
            .into_iter()
            .flatten()
            .any(|period| code.len() == CODE_LEN && self.code(provider, period, parts).starts_with(code))
    }
}

impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cookies").field("period", &self.period).finish_non_exhaustive()
    }
}

/// What a client's ClientHello is worth.
#[derive(Debug)]
pub(crate) enum Judgement {
    /// It is answered with a request for a cookie, or with nothing.
    Undecided,
    /// DTLS 1.3: the cookie is none of ours, or too old.
    Refused(Alert),
    /// The client has shown its cookie: the handshake begins.
    Proved(Proof),
}

/// What a valid cookie says.
#[derive(Debug)]
pub(crate) enum Proof {
    Dtls12,
    Dtls13(Retried),
}

/// What a HelloRetryRequest has said, as its cookie remembers it.
#[derive(Debug)]
pub(crate) struct Retried {
    pub(crate) suite: CipherSuite,
    pub(crate) group: Option<NamedGroup>,
    /// The hash of the first ClientHello.
    pub(crate) hash: Vec<u8>,
    /// The cookie itself, which is a part of the HelloRetryRequest.
    pub(crate) cookie: Vec<u8>,
}

/// Judges a ClientHello, and has a request for a cookie sent when it shows none. `sequence` is the number of its record.
pub(crate) fn judge(
    handshake: &mut Handshake,
    cookies: &Cookies,
    now: Instant,
    message: &Message,
    sequence: u64,
) -> Result<Judgement, Failure> {
    let Some(address) = handshake.peer_address.filter(|_| sequence <= MAX_SEQUENCE) else {
        return Ok(Judgement::Undecided);
    };
    let address = address_bytes(address);
    let hello = ClientHello::parse(&message.body)?;
    // The numbers of our records follow the client's: what came before them may have been another connection's (RFC
    // 6347, section 4.2.1).
    handshake.records.set_plaintext_sequence(sequence);
    match hello::select_version(handshake, &hello)? {
        Version::Dtls12 => judge12(handshake, cookies, now, &address, &hello),
        Version::Dtls13 => judge13(handshake, cookies, now, &address, message, &hello),
    }
}

/// RFC 6347, section 4.2.1: the cookie stands for the address and for the parameters of the ClientHello.
fn judge12(
    handshake: &mut Handshake,
    cookies: &Cookies,
    now: Instant,
    address: &[u8],
    hello: &ClientHello<'_>,
) -> Result<Judgement, Failure> {
    let provider = handshake.provider();
    let parts: [&[u8]; 6] = [
        b"1.2",
        address,
        &hello.random,
        hello.session_id,
        hello.cipher_suites.bytes(),
        hello.compression_methods,
    ];
    if cookies.is_valid(&*provider, now, &parts, hello.cookie) {
        return Ok(Judgement::Proved(Proof::Dtls12));
    }
    // A wrong cookie is as good as none.
    let code = cookies.code(&*provider, cookies.period_at(now), &parts);
    // Servers of DTLS 1.2 say DTLS 1.0 here, whatever will be negotiated.
    let request = HelloVerifyRequest { server_version: 0xFEFF, cookie: code.as_bytes() };
    let mut body = Vec::new();
    request.write(&mut Writer::new(&mut body));
    ask(handshake, HandshakeType::HelloVerifyRequest, &body);
    Ok(Judgement::Undecided)
}

/// RFC 9147, section 5.1: the cookie remembers what the HelloRetryRequest has said, and the hash of the first
/// ClientHello (RFC 8446, section 4.2.2).
fn judge13(
    handshake: &mut Handshake,
    cookies: &Cookies,
    now: Instant,
    address: &[u8],
    message: &Message,
    hello: &ClientHello<'_>,
) -> Result<Judgement, Failure> {
    let provider = handshake.provider();
    if let Some(data) = hello.extensions.find(ExtensionType::COOKIE) {
        let cookie = cookie::parse(data)?;
        let (content, code) =
            cookie.split_at_checked(cookie.len().saturating_sub(CODE_LEN)).unwrap_or_default();
        let valid = cookies.is_valid(&*provider, now, &[b"1.3", address, content], code);
        return Ok(match Retried::parse(content, cookie).filter(|_| valid) {
            Some(retried) => Judgement::Proved(Proof::Dtls13(retried)),
            // RFC 9147, section 5.1: the client can begin again.
            None => Judgement::Refused(Alert::ILLEGAL_PARAMETER),
        });
    }
    let (suite, share) = v13::server::select(handshake, hello)?;
    let group = match share {
        v13::server::Share::Offered(_) => None,
        v13::server::Share::Wanted(group) => Some(group),
    };
    let header = crate::transcript::tls_header(message.kind, message.body.len());
    let hash = provider.digest(suite.hash(), &[&header, &message.body]);
    let mut cookie = Vec::with_capacity(5 + 64 + CODE_LEN);
    Writer::new(&mut cookie).u16(suite.code()).u16(group.map_or(0, NamedGroup::code)).prefixed_u8(|w| {
        w.bytes(hash.as_bytes());
    });
    let code = cookies.code(&*provider, cookies.period_at(now), &[b"1.3", address, &cookie]);
    cookie.extend_from_slice(code.as_bytes());
    let body = v13::server::retry_request(suite, group, Some(&cookie))?;
    ask(handshake, HandshakeType::ServerHello, &body);
    Ok(Judgement::Undecided)
}

impl Retried {
    fn parse(content: &[u8], cookie: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(content);
        let suite = CipherSuite::from_code(reader.u16().ok()?)?;
        let group = match reader.u16().ok()? {
            0 => None,
            code => Some(NamedGroup::from_code(code)?),
        };
        let hash = vector_u8(&mut reader).ok()?.to_vec();
        Some(Self { suite, group, hash, cookie: cookie.to_vec() })
    }
}

/// Has a request sent, once, and forgets it: message 0 of a server that keeps no state.
fn ask(handshake: &mut Handshake, kind: HandshakeType, body: &[u8]) {
    handshake.begin_flight();
    handshake.flight.set_next_message_seq(0);
    handshake.flight.push(0, kind, |w| {
        w.bytes(body);
    });
    handshake.flight.set_last();
}

fn address_bytes(address: SocketAddr) -> [u8; 18] {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let mut bytes = [0; 18];
    let (first, last) = bytes.split_at_mut(16);
    first.copy_from_slice(&ip.octets());
    last.copy_from_slice(&address.port().to_be_bytes());
    bytes
}

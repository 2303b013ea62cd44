//! The server of DTLS 1.3 (RFC 8446, appendix A.2).

use drywire_core::Writer;
use drywire_crypto::{NamedGroup, SignatureScheme};

use super::{
    Application, HANDSHAKE_EPOCH, Keys, send_certificate, take_certificate, take_certificate_verify,
};
use crate::agreed::Agreed;
use crate::cookie::Retried;
use crate::failure::Failure;
use crate::handshake::Handshake;
use crate::machine::Machine;
use crate::message::extension::{
    cookie, key_share, signature_algorithms, supported_groups, supported_versions,
};
use crate::message::{
    CertificateRequest, ClientHello, Codes, EncryptedExtensions, ExtensionType, Extensions, HandshakeType,
    ServerHello,
};
use crate::reassembly::Message;
use crate::{Alert, Authentication, CipherSuite, Version};

/// What the server waits for.
pub(crate) enum State {
    /// The second ClientHello, with a share of the group.
    ClientHello(CipherSuite, NamedGroup),
    Certificate(Box<Keys>, Box<Application>),
    CertificateVerify(Box<Keys>, Box<Application>),
    /// The scheme of the client's signature, if it has shown a certificate.
    Finished(Box<Keys>, Box<Application>, Option<SignatureScheme>),
}

/// The group of the key exchange.
pub(crate) enum Share {
    /// The client has offered a share of it.
    Offered(NamedGroup),
    /// The client knows it, but has offered no share of it.
    Wanted(NamedGroup),
}

/// Selects the cipher suite and the group.
pub(crate) fn select(
    handshake: &Handshake,
    hello: &ClientHello<'_>,
) -> Result<(CipherSuite, Share), Failure> {
    // There is an extension for it (RFC 9147, section 5.3).
    if !hello.cookie.is_empty() {
        return Err(Failure::ILLEGAL);
    }
    let suite = select_suite(handshake, hello)?;
    let offered = supported_groups::parse(extension(hello, ExtensionType::SUPPORTED_GROUPS)?)?;
    let shares = key_share::parse_offer(extension(hello, ExtensionType::KEY_SHARE)?)?;
    let common = || handshake.groups(Version::Dtls13).filter(|group| offered.contains(group.code()));
    // A share that is there spares a round trip, whatever our preference among groups without one.
    let shared = common().find(|group| shares.iter().any(|share| share.group == group.code()));
    let share = match shared {
        Some(group) => Share::Offered(group),
        None => Share::Wanted(common().next().ok_or(Failure::NOTHING_IN_COMMON)?),
    };
    Ok((suite, share))
}

/// Takes the first ClientHello: answers it, or asks for another share.
pub(crate) fn start(
    handshake: &mut Handshake,
    message: &Message,
    hello: &ClientHello<'_>,
) -> Result<Machine, Failure> {
    let (suite, share) = select(handshake, hello)?;
    let provider = handshake.provider();
    handshake.transcript.start(&*provider, Version::Dtls13, suite.hash());
    handshake.note(message);
    match share {
        Share::Offered(group) => answer(handshake, hello, suite, group),
        Share::Wanted(group) => {
            handshake.transcript.replace_by_hash(&*provider);
            handshake.begin_flight();
            let body = retry_request(suite, Some(group), None)?;
            handshake.send(0, HandshakeType::ServerHello, |w| {
                w.bytes(&body);
            });
            Ok(Machine::Server13(State::ClientHello(suite, group)))
        }
    }
}

/// Takes the second ClientHello of a client whose first one was forgotten: its cookie remembers all that counts.
pub(crate) fn resume(
    handshake: &mut Handshake,
    message: &Message,
    hello: &ClientHello<'_>,
    retried: &Retried,
) -> Result<Machine, Failure> {
    let provider = handshake.provider();
    handshake.transcript.start(&*provider, Version::Dtls13, retried.suite.hash());
    handshake.transcript.add(HandshakeType::MessageHash, 0, &retried.hash);
    let request = retry_request(retried.suite, retried.group, Some(&retried.cookie))?;
    handshake.transcript.add(HandshakeType::ServerHello, 0, &request);
    let group = match (retried.group, select(handshake, hello)?.1) {
        (Some(group), _) => group,
        (None, Share::Offered(group)) => group,
        (None, Share::Wanted(_)) => return Err(Failure::ILLEGAL),
    };
    retried_hello(handshake, message, hello, retried.suite, group, retried.group.is_some())
}

/// Takes a second ClientHello. The client may change only what the HelloRetryRequest asked for (RFC 8446, section
/// 4.1.2): if a `share` was asked for, there is just that one.
fn retried_hello(
    handshake: &mut Handshake,
    message: &Message,
    hello: &ClientHello<'_>,
    suite: CipherSuite,
    group: NamedGroup,
    share: bool,
) -> Result<Machine, Failure> {
    let shares = key_share::parse_offer(extension(hello, ExtensionType::KEY_SHARE)?)?;
    let versions = supported_versions::parse_offer(extension(hello, ExtensionType::SUPPORTED_VERSIONS)?)?;
    let single = matches!(shares.as_slice(), [share] if share.group == group.code());
    if (share && !single)
        || select_suite(handshake, hello)? != suite
        || !Codes::contains(versions, Version::Dtls13.code())
    {
        return Err(Failure::ILLEGAL);
    }
    handshake.note(message);
    answer(handshake, hello, suite, group)
}

/// A HelloRetryRequest (RFC 8446, section 4.1.4).
pub(crate) fn retry_request(
    suite: CipherSuite,
    group: Option<NamedGroup>,
    cookie: Option<&[u8]>,
) -> Result<Vec<u8>, Failure> {
    let mut extensions = Vec::new();
    let mut w = Writer::new(&mut extensions);
    supported_versions::write_selected(&mut w, Version::Dtls13);
    if let Some(group) = group {
        key_share::write_retry(&mut w, group.code());
    }
    if let Some(cookie) = cookie {
        cookie::write(&mut w, cookie);
    }
    let mut body = Vec::new();
    hello_with(ServerHello::retry_random(), suite, &extensions)?.write(&mut Writer::new(&mut body));
    Ok(body)
}

/// An extension that a ClientHello of DTLS 1.3 must have (RFC 8446, section 9.2).
fn extension<'a>(hello: &ClientHello<'a>, kind: ExtensionType) -> Result<&'a [u8], Failure> {
    hello.extensions.find(kind).ok_or(Failure::Misbehaved(Alert::MISSING_EXTENSION))
}

fn hello_with(random: [u8; 32], suite: CipherSuite, extensions: &[u8]) -> Result<ServerHello<'_>, Failure> {
    Ok(ServerHello {
        legacy_version: Version::Dtls12.code(),
        random,
        // Not echoed in DTLS (RFC 9147, section 5.4).
        session_id: &[],
        cipher_suite: suite.code(),
        extensions: Extensions::new(extensions)?,
    })
}

/// Answers a ClientHello that has a share of `group`: sends our whole flight.
fn answer(
    handshake: &mut Handshake,
    hello: &ClientHello<'_>,
    suite: CipherSuite,
    group: NamedGroup,
) -> Result<Machine, Failure> {
    // RFC 8446, section 4.1.2: exactly "null".
    if hello.compression_methods != [0] {
        return Err(Failure::ILLEGAL);
    }
    let accepted = signature_algorithms::parse(extension(hello, ExtensionType::SIGNATURE_ALGORITHMS)?)?;
    let credential = handshake.credential(Version::Dtls13, accepted, |_| true);
    let credential = credential.ok_or(Failure::NOTHING_IN_COMMON)?;
    let shares = key_share::parse_offer(extension(hello, ExtensionType::KEY_SHARE)?)?;
    let share = shares.iter().find(|share| share.group == group.code()).ok_or(Failure::ILLEGAL)?;
    let agreed = Agreed::select(handshake, hello, Version::Dtls13)?;
    let provider = handshake.provider();
    let mut our_share = Vec::new();
    let shared = provider.answer_key_exchange(group, share.share, &mut our_share)?;

    handshake.begin_flight();
    let mut extensions = Vec::with_capacity(1200);
    let mut w = Writer::new(&mut extensions);
    supported_versions::write_selected(&mut w, Version::Dtls13);
    let entry = key_share::KeyShareEntry { group: group.code(), share: &our_share };
    key_share::write_answer(&mut w, entry);
    agreed.write_connection_id(handshake, &mut w);
    agreed.apply_connection_id(handshake);
    let random = handshake.rng.array();
    let hello = hello_with(random, suite, &extensions)?;
    handshake.send(0, HandshakeType::ServerHello, |w| hello.write(w));

    let mut keys = Keys::derive(handshake, suite, group, &shared)?;
    extensions.clear();
    agreed.write(&mut Writer::new(&mut extensions));
    agreed.apply(handshake, Version::Dtls13);
    keys.agreed = agreed;
    let encrypted = EncryptedExtensions { extensions: Extensions::new(&extensions)? };
    handshake.send(HANDSHAKE_EPOCH, HandshakeType::EncryptedExtensions, |w| encrypted.write(w));
    let asks = handshake.config.authentication != Authentication::ServerOnly;
    if asks {
        let schemes = handshake.verified_schemes(Version::Dtls13);
        handshake.send(HANDSHAKE_EPOCH, HandshakeType::CertificateRequest, |w| {
            CertificateRequest::write(w, Version::Dtls13, &schemes);
        });
    }
    send_certificate(handshake, Some(&credential))?;
    keys.send_finished(handshake)?;
    let digest = handshake.transcript.digest();
    let application = keys.application(handshake, &digest)?;
    let (keys, application) = (Box::new(keys), Box::new(application));
    Ok(Machine::Server13(if asks {
        State::Certificate(keys, application)
    } else {
        State::Finished(keys, application, None)
    }))
}

/// The first of our cipher suites that the client offers.
fn select_suite(handshake: &Handshake, hello: &ClientHello<'_>) -> Result<CipherSuite, Failure> {
    handshake.offered_suites(Version::Dtls13, hello).next().ok_or(Failure::NOTHING_IN_COMMON)
}

impl State {
    #[cfg(test)]
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::ClientHello(..) => "ClientHello",
            Self::Certificate(..) => "Certificate",
            Self::CertificateVerify(..) => "CertificateVerify",
            Self::Finished(..) => "Finished",
        }
    }

    /// Whether the second ClientHello is still to come.
    pub(crate) const fn awaits_hello(&self) -> bool {
        matches!(self, Self::ClientHello(..))
    }

    /// The epoch of the next message.
    pub(crate) const fn expected_epoch(&self) -> u64 {
        if matches!(self, Self::ClientHello(..)) { 0 } else { HANDSHAKE_EPOCH }
    }

    /// Takes the next message.
    pub(crate) fn step(self, handshake: &mut Handshake, message: &Message) -> Result<Machine, Failure> {
        let next = match (self, message.kind, message.epoch) {
            (Self::ClientHello(suite, group), HandshakeType::ClientHello, 0) => {
                let hello = ClientHello::parse(&message.body)?;
                return retried_hello(handshake, message, &hello, suite, group, true);
            }
            (Self::Certificate(keys, application), HandshakeType::Certificate, HANDSHAKE_EPOCH) => {
                if take_certificate(handshake, message)? {
                    Self::CertificateVerify(keys, application)
                } else {
                    Self::Finished(keys, application, None)
                }
            }
            (
                Self::CertificateVerify(keys, application),
                HandshakeType::CertificateVerify,
                HANDSHAKE_EPOCH,
            ) => {
                let peer = take_certificate_verify(handshake, message)?;
                Self::Finished(keys, application, Some(peer))
            }
            (Self::Finished(keys, application, peer), HandshakeType::Finished, HANDSHAKE_EPOCH) => {
                keys.check_finished(handshake, message)?;
                // The last flight has no answer but this (RFC 9147, section 5.8.1).
                handshake.acks.send_now();
                let session = application.session(&keys, peer, handshake.role);
                return Ok(Machine::Complete(Box::new(session)));
            }
            _ => return Err(Failure::UNEXPECTED),
        };
        Ok(Machine::Server13(next))
    }
}

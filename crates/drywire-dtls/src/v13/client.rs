//! The client of DTLS 1.3 (RFC 8446, appendix A.1).

use drywire_crypto::{NamedGroup, PendingKeyExchange, SignatureScheme};

use super::{HANDSHAKE_EPOCH, Keys, send_certificate, take_certificate, take_certificate_verify};
use crate::agreed::Agreed;
use crate::credential::Credential;
use crate::failure::Failure;
use crate::handshake::Handshake;
use crate::hello::{self, Offer, Retry};
use crate::machine::Machine;
use crate::message::extension::{cookie, key_share};
use crate::message::{CertificateRequest, EncryptedExtensions, ExtensionType, HandshakeType, ServerHello};
use crate::reassembly::Message;
use crate::{Alert, CipherSuite, Version};

/// What the client waits for.
pub(crate) enum State {
    EncryptedExtensions(Box<Keys>),
    CertificateOrRequest(Box<Keys>),
    Certificate(Box<Keys>, Request),
    CertificateVerify(Box<Keys>, Option<Request>),
    Finished(Box<Keys>, Option<Request>, SignatureScheme),
}

/// The server wants our certificate: this one, if we have any.
pub(crate) struct Request(Option<Credential>);

/// Takes a HelloRetryRequest: sends the ClientHello again, as it asks (RFC 8446, section 4.1.4).
pub(crate) fn retry(
    mut offer: Box<Offer>,
    handshake: &mut Handshake,
    message: &Message,
    hello: &ServerHello<'_>,
) -> Result<Machine, Failure> {
    // A second one is not allowed.
    if offer.retry.is_some() {
        return Err(Failure::UNEXPECTED);
    }
    let suite = select_suite(handshake, hello)?;
    let group = hello.extensions.find(ExtensionType::KEY_SHARE).map(key_share::parse_retry).transpose()?;
    let cookie = hello.extensions.find(ExtensionType::COOKIE).map(cookie::parse).transpose()?;
    // It must change something, and only what we offered can be asked for (RFC 8446, section 4.1.4; attack C14).
    if group.is_none() && cookie.is_none() {
        return Err(Failure::ILLEGAL);
    }
    let allowed = [ExtensionType::SUPPORTED_VERSIONS, ExtensionType::KEY_SHARE, ExtensionType::COOKIE];
    if hello.extensions.iter().any(|(kind, _)| !allowed.contains(&kind)) {
        return Err(Failure::Misbehaved(Alert::UNSUPPORTED_EXTENSION));
    }
    let provider = handshake.provider();
    if let Some(code) = group {
        let group = NamedGroup::from_code(code).filter(|group| handshake.config.groups.contains(group));
        let group = group.ok_or(Failure::ILLEGAL)?;
        if offer.shares().any(|share| share.group == code) {
            return Err(Failure::ILLEGAL);
        }
        offer.second = None;
        offer.exchanges = vec![provider.start_key_exchange(group)?];
    }
    handshake.transcript.start(&*provider, Version::Dtls13, suite.hash());
    handshake.transcript.replace_by_hash(&*provider);
    handshake.note(message);
    offer.retry = Some(Retry { suite, cookie: cookie.unwrap_or_default().to_vec() });
    handshake.begin_flight();
    hello::send(handshake, &offer)?;
    Ok(Machine::ClientHello(offer))
}

/// Takes the ServerHello.
pub(crate) fn start(
    offer: Offer,
    handshake: &mut Handshake,
    message: &Message,
    hello: &ServerHello<'_>,
) -> Result<Machine, Failure> {
    let suite = select_suite(handshake, hello)?;
    // The suite of a HelloRetryRequest is final (RFC 8446, section 4.1.4).
    if offer.retry.as_ref().is_some_and(|retry| retry.suite != suite) {
        return Err(Failure::ILLEGAL);
    }
    let mut agreed = Agreed::default();
    for (kind, data) in hello.extensions.iter() {
        match kind {
            ExtensionType::SUPPORTED_VERSIONS | ExtensionType::KEY_SHARE => {}
            ExtensionType::CONNECTION_ID => agreed.take_connection_id(handshake, data)?,
            _ => return Err(Failure::Misbehaved(Alert::UNSUPPORTED_EXTENSION)),
        }
    }
    agreed.apply_connection_id(handshake);
    let share = hello.extensions.find(ExtensionType::KEY_SHARE);
    let share = key_share::parse_answer(share.ok_or(Failure::Misbehaved(Alert::MISSING_EXTENSION))?)?;
    let group = NamedGroup::from_code(share.group)
        .filter(|_| offer.shares().any(|ours| ours.group == share.group))
        .ok_or(Failure::ILLEGAL)?;
    let is_part = |one: &dyn PendingKeyExchange| one.classical().is_some_and(|(part, _)| part == group);
    let ours = offer.exchanges.into_iter().find(|one| one.group() == group || is_part(&**one));
    let shared = ours.ok_or(Failure::ILLEGAL)?.complete(group, share.share)?;
    let provider = handshake.provider();
    handshake.transcript.start(&*provider, Version::Dtls13, suite.hash());
    handshake.note(message);
    let mut keys = Keys::derive(handshake, suite, group, &shared)?;
    keys.agreed = agreed;
    Ok(Machine::Client13(State::EncryptedExtensions(Box::new(keys))))
}

fn select_suite(handshake: &Handshake, hello: &ServerHello<'_>) -> Result<CipherSuite, Failure> {
    // We sent no session identifier, and the server of DTLS does not echo one (RFC 9147, section 5.4).
    if !hello.session_id.is_empty() {
        return Err(Failure::ILLEGAL);
    }
    CipherSuite::from_code(hello.cipher_suite)
        .filter(|suite| suite.version() == Version::Dtls13 && handshake.config.cipher_suites.contains(suite))
        .ok_or(Failure::ILLEGAL)
}

impl State {
    #[cfg(test)]
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::EncryptedExtensions(..) => "EncryptedExtensions",
            Self::CertificateOrRequest(..) => "CertificateOrRequest",
            Self::Certificate(..) => "Certificate",
            Self::CertificateVerify(..) => "CertificateVerify",
            Self::Finished(..) => "Finished",
        }
    }

    /// Takes the next message.
    pub(crate) fn step(self, handshake: &mut Handshake, message: &Message) -> Result<Machine, Failure> {
        // All that follows the ServerHello is encrypted (RFC 9147, section 6.1).
        if message.epoch != HANDSHAKE_EPOCH {
            return Err(Failure::UNEXPECTED);
        }
        let next = match (self, message.kind) {
            (Self::EncryptedExtensions(mut keys), HandshakeType::EncryptedExtensions) => {
                let extensions = EncryptedExtensions::parse(&message.body)?.extensions;
                for (kind, data) in extensions.iter() {
                    match kind {
                        // The server's groups, for later connections (RFC 8446, section 4.2.7).
                        ExtensionType::SUPPORTED_GROUPS => {}
                        _ if keys.agreed.take(handshake, Version::Dtls13, kind, data)? => {}
                        _ => return Err(Failure::Misbehaved(Alert::UNSUPPORTED_EXTENSION)),
                    }
                }
                keys.agreed.apply(handshake, Version::Dtls13);
                handshake.note(message);
                Self::CertificateOrRequest(keys)
            }
            (Self::CertificateOrRequest(keys), HandshakeType::CertificateRequest) => {
                let request = CertificateRequest::parse(&message.body, Version::Dtls13)?;
                // The context is empty in the handshake (RFC 8446, section 4.3.2).
                if !request.context.is_empty() {
                    return Err(Failure::ILLEGAL);
                }
                let accepted = request.signature_algorithms;
                let credential = handshake.client_credential(Version::Dtls13, accepted, |_| true)?;
                handshake.note(message);
                Self::Certificate(keys, Request(credential))
            }
            (Self::CertificateOrRequest(keys), HandshakeType::Certificate) => {
                take_certificate(handshake, message)?;
                Self::CertificateVerify(keys, None)
            }
            (Self::Certificate(keys, request), HandshakeType::Certificate) => {
                take_certificate(handshake, message)?;
                Self::CertificateVerify(keys, Some(request))
            }
            (Self::CertificateVerify(keys, request), HandshakeType::CertificateVerify) => {
                let peer = take_certificate_verify(handshake, message)?;
                Self::Finished(keys, request, peer)
            }
            (Self::Finished(keys, request, peer), HandshakeType::Finished) => {
                return finish(handshake, message, &keys, request, peer);
            }
            _ => return Err(Failure::UNEXPECTED),
        };
        Ok(Machine::Client13(next))
    }
}

/// Takes the server's Finished and sends our flight; then all is said.
fn finish(
    handshake: &mut Handshake,
    message: &Message,
    keys: &Keys,
    request: Option<Request>,
    peer: SignatureScheme,
) -> Result<Machine, Failure> {
    keys.check_finished(handshake, message)?;
    // Derived before our own messages join the transcript, used after them (RFC 8446, section 7.1).
    let digest = handshake.transcript.digest();
    handshake.begin_flight();
    if let Some(Request(credential)) = request {
        send_certificate(handshake, credential.as_ref())?;
    }
    keys.send_finished(handshake)?;
    let application = keys.application(handshake, &digest)?;
    Ok(Machine::Complete(Box::new(application.session(keys, Some(peer), handshake.role))))
}

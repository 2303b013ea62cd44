//! The client of DTLS 1.2 (RFC 5246, section 7.3).

use drywire_crypto::{NamedGroup, SignatureScheme};

use super::{Negotiated, PROTECTED_EPOCH, by_role, check_finished, install_read, send_finished};
use crate::agreed::Agreed;
use crate::credential::Credential;
use crate::failure::Failure;
use crate::handshake::Handshake;
use crate::hello::Offer;
use crate::machine::Machine;
use crate::message::extension::{ec_point_formats, extended_master_secret, renegotiation_info};
use crate::message::{
    Certificate, CertificateRequest, ClientKeyExchange, DigitallySigned, ExtensionType, HandshakeType,
    ServerHello, ServerKeyExchange,
};
use crate::prf::Master;
use crate::reassembly::Message;
use crate::{Alert, CipherSuite, Version};

/// What the client waits for.
pub(crate) enum State {
    Certificate(Box<Negotiated>),
    ServerKeyExchange(Box<Negotiated>),
    CertificateRequestOrDone(Box<Negotiated>, Exchange, SignatureScheme),
    /// The server wants our certificate: this one, if we have any.
    Done(Box<Negotiated>, Exchange, SignatureScheme, Option<Credential>),
    Finished(Box<Negotiated>, NamedGroup, SignatureScheme, Box<Master>),
}

/// The server's share.
pub(crate) struct Exchange {
    group: NamedGroup,
    share: Vec<u8>,
}

/// Takes the ServerHello.
pub(crate) fn start(
    offer: &Offer,
    handshake: &mut Handshake,
    message: &Message,
    hello: &ServerHello<'_>,
) -> Result<Machine, Failure> {
    let suite = CipherSuite::from_code(hello.cipher_suite)
        .filter(|suite| suite.version() == Version::Dtls12 && handshake.config.cipher_suites.contains(suite))
        .ok_or(Failure::ILLEGAL)?;
    let mut agreed = Agreed::default();
    let mut extended = false;
    for (kind, data) in hello.extensions.iter() {
        match kind {
            ExtensionType::EXTENDED_MASTER_SECRET => {
                extended_master_secret::parse(data)?;
                extended = true;
            }
            ExtensionType::CONNECTION_ID => agreed.take_connection_id(handshake, data)?,
            ExtensionType::RENEGOTIATION_INFO => renegotiation_info::parse(data)?,
            ExtensionType::EC_POINT_FORMATS => ec_point_formats::parse(data)?,
            // Some servers send their groups, too.
            ExtensionType::SUPPORTED_GROUPS => {}
            _ if agreed.take(handshake, Version::Dtls12, kind, data)? => {}
            _ => return Err(Failure::Misbehaved(Alert::UNSUPPORTED_EXTENSION)),
        }
    }
    // RFC 7627, section 5.3, and attack C12: without it sessions can be mixed up.
    if !extended {
        return Err(Failure::NOTHING_IN_COMMON);
    }
    agreed.apply(handshake, Version::Dtls12);
    agreed.apply_connection_id(handshake);
    let provider = handshake.provider();
    handshake.transcript.start(&*provider, Version::Dtls12, suite.hash());
    handshake.note(message);
    let negotiated = Negotiated { suite, agreed, client_random: offer.random, server_random: hello.random };
    Ok(Machine::Client12(State::Certificate(Box::new(negotiated))))
}

impl State {
    #[cfg(test)]
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Certificate(..) => "Certificate",
            Self::ServerKeyExchange(..) => "ServerKeyExchange",
            Self::CertificateRequestOrDone(..) => "CertificateRequestOrDone",
            Self::Done(..) => "Done",
            Self::Finished(..) => "Finished",
        }
    }

    /// The epoch of the next message.
    pub(crate) const fn expected_epoch(&self) -> u64 {
        if matches!(self, Self::Finished(..)) { PROTECTED_EPOCH } else { 0 }
    }

    /// Takes the next message.
    pub(crate) fn step(self, handshake: &mut Handshake, message: &Message) -> Result<Machine, Failure> {
        if message.epoch != self.expected_epoch() {
            return Err(Failure::UNEXPECTED);
        }
        let next = match (self, message.kind) {
            (Self::Certificate(negotiated), HandshakeType::Certificate) => {
                let certificate = Certificate::parse(&message.body, Version::Dtls12)?;
                let absent = Failure::Misbehaved(Alert::DECODE_ERROR);
                let key = handshake.take_certificate(certificate.end_entity.ok_or(absent)?)?;
                if !negotiated.suite.fits(key) {
                    return Err(Failure::Misbehaved(Alert::UNSUPPORTED_CERTIFICATE));
                }
                handshake.note(message);
                Self::ServerKeyExchange(negotiated)
            }
            (Self::ServerKeyExchange(negotiated), HandshakeType::ServerKeyExchange) => {
                let (exchange, peer) = take_key_exchange(handshake, message, &negotiated)?;
                handshake.note(message);
                Self::CertificateRequestOrDone(negotiated, exchange, peer)
            }
            (
                Self::CertificateRequestOrDone(negotiated, exchange, peer),
                HandshakeType::CertificateRequest,
            ) => {
                let request = CertificateRequest::parse(&message.body, Version::Dtls12)?;
                let (accepted, usable) = (request.signature_algorithms, |key| request.accepts(key));
                let credential = handshake.client_credential(Version::Dtls12, accepted, usable)?;
                handshake.note(message);
                Self::Done(negotiated, exchange, peer, credential)
            }
            (Self::CertificateRequestOrDone(negotiated, exchange, peer), HandshakeType::ServerHelloDone) => {
                return answer(handshake, message, negotiated, &exchange, peer, None);
            }
            (Self::Done(negotiated, exchange, peer, credential), HandshakeType::ServerHelloDone) => {
                return answer(handshake, message, negotiated, &exchange, peer, Some(credential));
            }
            (Self::Finished(negotiated, group, peer, master), HandshakeType::Finished) => {
                check_finished(handshake, message, &master)?;
                handshake.flight.set_received();
                return Ok(Machine::Complete(Box::new(negotiated.session(master, group, Some(peer)))));
            }
            _ => return Err(Failure::UNEXPECTED),
        };
        Ok(Machine::Client12(next))
    }
}

/// Takes the server's share, which its certificate's key has signed (RFC 8422, section 5.4).
fn take_key_exchange(
    handshake: &Handshake,
    message: &Message,
    negotiated: &Negotiated,
) -> Result<(Exchange, SignatureScheme), Failure> {
    let exchange = ServerKeyExchange::parse(&message.body)?;
    let group = NamedGroup::from_code(exchange.group)
        .filter(|group| handshake.groups(Version::Dtls12).any(|ours| ours == *group));
    let group = group.ok_or(Failure::ILLEGAL)?;
    let mut content = Vec::with_capacity(200);
    content.extend_from_slice(&negotiated.client_random);
    content.extend_from_slice(&negotiated.server_random);
    content.extend_from_slice(exchange.params);
    let scheme = handshake.verify(Version::Dtls12, &exchange.signed, &content)?;
    let exchange = Exchange { group, share: exchange.share.to_vec() };
    Ok((exchange, scheme))
}

/// Takes the ServerHelloDone and sends our flight.
fn answer(
    handshake: &mut Handshake,
    message: &Message,
    negotiated: Box<Negotiated>,
    exchange: &Exchange,
    peer: SignatureScheme,
    request: Option<Option<Credential>>,
) -> Result<Machine, Failure> {
    if !message.body.is_empty() {
        return Err(Failure::Misbehaved(Alert::DECODE_ERROR));
    }
    handshake.note(message);
    handshake.begin_flight();
    if let Some(credential) = &request {
        // Without a certificate we say so (RFC 5246, section 7.4.6).
        let ours = Certificate::of(credential.as_ref().map(|credential| &*credential.certified));
        handshake.send(0, HandshakeType::Certificate, |w| ours.write(w, Version::Dtls12));
    }
    let provider = handshake.provider();
    let mut share = Vec::new();
    let premaster = provider.answer_key_exchange(exchange.group, &exchange.share, &mut share)?;
    let message = ClientKeyExchange { share: &share };
    handshake.send(0, HandshakeType::ClientKeyExchange, |w| message.write(w));
    let (master, client, server) = negotiated.master(handshake, &premaster)?;
    if let Some(Some(credential)) = request {
        let content = handshake.transcript.take_messages();
        let signature = credential.sign(handshake, &content)?;
        let signed = DigitallySigned { scheme: credential.scheme.code(), signature: &signature };
        handshake.send(0, HandshakeType::CertificateVerify, |w| signed.write(w));
    }
    let (write, read) = by_role(handshake.role, client, server);
    send_finished(handshake, &master, write);
    install_read(handshake, read);
    Ok(Machine::Client12(State::Finished(negotiated, exchange.group, peer, master)))
}

//! The server of DTLS 1.2 (RFC 5246, section 7.3).

use drywire_core::Writer;
use drywire_crypto::{NamedGroup, PendingKeyExchange, SignatureScheme};

use super::{Negotiated, PROTECTED_EPOCH, by_role, check_finished, install_read, send_finished};
use crate::agreed::Agreed;
use crate::failure::Failure;
use crate::handshake::Handshake;
use crate::machine::Machine;
use crate::message::extension::{
    ec_point_formats, extended_master_secret, renegotiation_info, signature_algorithms, supported_groups,
};
use crate::message::{
    Certificate, CertificateRequest, ClientHello, ClientKeyExchange, Codes, DigitallySigned, ExtensionType,
    Extensions, HandshakeType, ServerHello, ServerKeyExchange,
};
use crate::prf::Master;
use crate::reassembly::Message;
use crate::record::Keys12;
use crate::{Alert, Authentication, Version};

/// What the server waits for.
pub(crate) enum State {
    Certificate(Box<Negotiated>, Box<dyn PendingKeyExchange>),
    ClientKeyExchange(Box<Negotiated>, Box<dyn PendingKeyExchange>),
    CertificateVerify(Box<Negotiated>, NamedGroup, Derived),
    Finished(Box<Negotiated>, NamedGroup, Option<SignatureScheme>, Derived),
}

/// The master secret, and the keys that we shall write with.
pub(crate) struct Derived {
    master: Box<Master>,
    write: Box<Keys12>,
}

/// Takes the ClientHello and sends our flight.
pub(crate) fn start(
    handshake: &mut Handshake,
    message: &Message,
    hello: &ClientHello<'_>,
) -> Result<Machine, Failure> {
    // RFC 5246, section 7.4.1.2: "null" must be offered, and is all that is ever used (attack C12).
    if !hello.compression_methods.contains(&0) {
        return Err(Failure::ILLEGAL);
    }
    let extended = hello.extensions.find(ExtensionType::EXTENDED_MASTER_SECRET);
    extended_master_secret::parse(extended.ok_or(Failure::NOTHING_IN_COMMON)?)?;
    if let Some(data) = hello.extensions.find(ExtensionType::RENEGOTIATION_INFO) {
        renegotiation_info::parse(data)?;
    }
    let schemes = hello.extensions.find(ExtensionType::SIGNATURE_ALGORITHMS);
    // Without it the client would verify SHA-1 only (RFC 5246, section 7.4.1.4.1).
    let schemes = signature_algorithms::parse(schemes.ok_or(Failure::NOTHING_IN_COMMON)?)?;
    let curves = hello.extensions.find(ExtensionType::SUPPORTED_GROUPS);
    let curves = curves.map(supported_groups::parse).transpose()?;
    let group = select_group(handshake, curves)?;
    let (suite, credential) = handshake.select_suite12(hello, schemes, curves)?;
    let agreed = Agreed::select(handshake, hello, Version::Dtls12)?;
    agreed.apply(handshake, Version::Dtls12);
    agreed.apply_connection_id(handshake);
    let provider = handshake.provider();
    handshake.transcript.start(&*provider, Version::Dtls12, suite.hash());
    handshake.note(message);
    let exchange = provider.start_key_exchange(group)?;

    let mut server_random: [u8; 32] = handshake.rng.array();
    if handshake.config.allows(Version::Dtls13) {
        ServerHello::mark_downgrade(&mut server_random);
    }
    let negotiated = Negotiated { suite, agreed, client_random: hello.random, server_random };
    handshake.begin_flight();
    send_hello(handshake, hello, &negotiated)?;
    let ours = Certificate::of(Some(&credential.certified));
    handshake.send(0, HandshakeType::Certificate, |w| ours.write(w, Version::Dtls12));

    let params = ServerKeyExchange::params(group.code(), exchange.share());
    let mut content = Vec::with_capacity(200);
    content.extend_from_slice(&negotiated.client_random);
    content.extend_from_slice(&negotiated.server_random);
    content.extend_from_slice(&params);
    let signature = credential.sign(handshake, &content)?;
    let signed = DigitallySigned { scheme: credential.scheme.code(), signature: &signature };
    handshake.send(0, HandshakeType::ServerKeyExchange, |w| ServerKeyExchange::write(w, &params, &signed));
    let asks = handshake.config.authentication != Authentication::ServerOnly;
    if asks {
        let schemes = handshake.verified_schemes(Version::Dtls12);
        handshake.send(0, HandshakeType::CertificateRequest, |w| {
            CertificateRequest::write(w, Version::Dtls12, &schemes);
        });
    }
    handshake.send(0, HandshakeType::ServerHelloDone, |_| {});
    let negotiated = Box::new(negotiated);
    Ok(Machine::Server12(if asks {
        State::Certificate(negotiated, exchange)
    } else {
        State::ClientKeyExchange(negotiated, exchange)
    }))
}

fn select_group(handshake: &Handshake, offered: Option<Codes<'_>>) -> Result<NamedGroup, Failure> {
    // A client that names no groups may be given any (RFC 8422, section 4); all know P-256.
    let common = |group: &NamedGroup| {
        offered.map_or(*group == NamedGroup::Secp256r1, |offered| offered.contains(group.code()))
    };
    handshake.groups(Version::Dtls12).find(common).ok_or(Failure::NOTHING_IN_COMMON)
}

fn send_hello(
    handshake: &mut Handshake,
    hello: &ClientHello<'_>,
    negotiated: &Negotiated,
) -> Result<(), Failure> {
    let offered = |kind| hello.extensions.find(kind).is_some();
    let mut extensions = Vec::new();
    let mut w = Writer::new(&mut extensions);
    extended_master_secret::write(&mut w);
    if offered(ExtensionType::RENEGOTIATION_INFO) || hello.cipher_suites.contains(renegotiation_info::SCSV) {
        renegotiation_info::write(&mut w);
    }
    if offered(ExtensionType::EC_POINT_FORMATS) {
        ec_point_formats::write(&mut w);
    }
    negotiated.agreed.write(&mut w);
    negotiated.agreed.write_connection_id(handshake, &mut w);
    let hello = ServerHello {
        legacy_version: Version::Dtls12.code(),
        random: negotiated.server_random,
        session_id: &[],
        cipher_suite: negotiated.suite.code(),
        extensions: Extensions::new(&extensions)?,
    };
    handshake.send(0, HandshakeType::ServerHello, |w| hello.write(w));
    Ok(())
}

impl State {
    #[cfg(test)]
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Certificate(..) => "Certificate",
            Self::ClientKeyExchange(..) => "ClientKeyExchange",
            Self::CertificateVerify(..) => "CertificateVerify",
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
            (Self::Certificate(negotiated, exchange), HandshakeType::Certificate) => {
                let certificate = Certificate::parse(&message.body, Version::Dtls12)?;
                match certificate.end_entity {
                    Some(certificate) => {
                        handshake.take_certificate(certificate)?;
                    }
                    None if handshake.config.authentication == Authentication::ClientOptional => {}
                    // Both sides of WebRTC have a certificate (RFC 8827, section 6.5; attack C09).
                    None => return Err(Failure::Misbehaved(Alert::HANDSHAKE_FAILURE)),
                }
                handshake.note(message);
                Self::ClientKeyExchange(negotiated, exchange)
            }
            (Self::ClientKeyExchange(negotiated, exchange), HandshakeType::ClientKeyExchange) => {
                let theirs = ClientKeyExchange::parse(&message.body)?;
                let group = exchange.group();
                let premaster = exchange.complete(group, theirs.share)?;
                handshake.note(message);
                let (master, client, server) = negotiated.master(handshake, &premaster)?;
                let (write, read) = by_role(handshake.role, client, server);
                install_read(handshake, read);
                let derived = Derived { master, write: Box::new(write) };
                // Who has shown a certificate proves that it is its own.
                if handshake.peer_certificate.is_some() {
                    Self::CertificateVerify(negotiated, group, derived)
                } else {
                    Self::Finished(negotiated, group, None, derived)
                }
            }
            (Self::CertificateVerify(negotiated, group, derived), HandshakeType::CertificateVerify) => {
                let signed = DigitallySigned::parse(&message.body)?;
                let content = handshake.transcript.take_messages();
                let scheme = handshake.verify(Version::Dtls12, &signed, &content)?;
                handshake.note(message);
                Self::Finished(negotiated, group, Some(scheme), derived)
            }
            (Self::Finished(negotiated, group, peer, derived), HandshakeType::Finished) => {
                check_finished(handshake, message, &derived.master)?;
                handshake.begin_flight();
                send_finished(handshake, &derived.master, *derived.write);
                handshake.flight.set_last();
                let session = negotiated.session(derived.master, group, peer);
                return Ok(Machine::Complete(Box::new(session)));
            }
            _ => return Err(Failure::UNEXPECTED),
        };
        Ok(Machine::Server12(next))
    }
}

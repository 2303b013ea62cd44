//! The handshake of DTLS 1.3 (RFC 9147, section 5; RFC 8446, section 4).

pub(crate) mod client;
mod post_handshake;
pub(crate) mod server;

pub(crate) use post_handshake::TrafficKeys;

use drywire_core::Writer;
use drywire_crypto::{Digest, NamedGroup, Secret, SignatureScheme};

use crate::agreed::Agreed;
use crate::credential::Credential;
use crate::failure::Failure;
use crate::handshake::Handshake;
use crate::message::{Certificate, DigitallySigned, HandshakeType};
use crate::reassembly::Message;
use crate::record::{ReadKeys, WriteKeys};
use crate::schedule::{self, HandshakeSecret, TrafficSecrets};
use crate::session::{Exporter, Session};
use crate::{Alert, Authentication, CipherSuite, ConnectionInfo, Role, Version};

/// The epoch of the encrypted part of the handshake (RFC 9147, section 6.1).
pub(crate) const HANDSHAKE_EPOCH: u64 = 2;
/// The first epoch of application data.
pub(crate) const APPLICATION_EPOCH: u64 = 3;

/// What both sides know after the ServerHello.
pub(crate) struct Keys {
    suite: CipherSuite,
    group: NamedGroup,
    secret: HandshakeSecret,
    traffic: TrafficSecrets,
    agreed: Agreed,
}

impl Keys {
    /// Derives the keys of the handshake; the transcript ends with the ServerHello.
    fn derive(
        handshake: &mut Handshake,
        suite: CipherSuite,
        group: NamedGroup,
        shared: &Secret,
    ) -> Result<Self, Failure> {
        let provider = handshake.provider();
        let secret = HandshakeSecret::new(&*provider, suite.hash(), shared)?;
        let digest = handshake.transcript.digest();
        let traffic = secret.traffic(&*provider, suite.hash(), &digest)?;
        handshake.log_key("CLIENT_HANDSHAKE_TRAFFIC_SECRET", &traffic.client);
        handshake.log_key("SERVER_HANDSHAKE_TRAFFIC_SECRET", &traffic.server);
        install(handshake, suite, HANDSHAKE_EPOCH, &traffic)?;
        Ok(Self { suite, group, secret, traffic, agreed: Agreed::default() })
    }

    fn traffic_of(&self, role: Role) -> &Secret {
        match role {
            Role::Client => &self.traffic.client,
            Role::Server => &self.traffic.server,
        }
    }

    /// The `verify_data` of `sender`, over the transcript so far.
    fn verify_data(&self, handshake: &Handshake, sender: Role) -> Result<Digest, Failure> {
        let provider = handshake.provider();
        let digest = handshake.transcript.digest();
        Ok(schedule::verify_data(&*provider, self.suite.hash(), self.traffic_of(sender), &digest)?)
    }

    /// Checks the peer's Finished (RFC 8446, section 4.4.4) and adds it to the transcript.
    fn check_finished(&self, handshake: &mut Handshake, message: &Message) -> Result<(), Failure> {
        let expected = self.verify_data(handshake, handshake.role.peer())?;
        // `Digest` compares in constant time.
        if Digest::new(&message.body) != expected || message.body.len() != expected.as_bytes().len() {
            return Err(Failure::Misbehaved(Alert::DECRYPT_ERROR));
        }
        handshake.note(message);
        Ok(())
    }

    /// Sends our Finished.
    fn send_finished(&self, handshake: &mut Handshake) -> Result<(), Failure> {
        let data = self.verify_data(handshake, handshake.role)?;
        handshake.send(HANDSHAKE_EPOCH, HandshakeType::Finished, |w| {
            w.bytes(data.as_bytes());
        });
        Ok(())
    }

    /// Derives the keys of the application; `digest` is of the transcript up to the server's Finished.
    fn application(&self, handshake: &mut Handshake, digest: &Digest) -> Result<Application, Failure> {
        let provider = handshake.provider();
        let (traffic, exporter) = self.secret.application(&*provider, self.suite.hash(), digest)?;
        handshake.log_key("CLIENT_TRAFFIC_SECRET_0", &traffic.client);
        handshake.log_key("SERVER_TRAFFIC_SECRET_0", &traffic.server);
        handshake.log_key("EXPORTER_SECRET", &exporter);
        install(handshake, self.suite, APPLICATION_EPOCH, &traffic)?;
        Ok(Application { traffic, exporter })
    }
}

/// The secrets of the application.
pub(crate) struct Application {
    traffic: TrafficSecrets,
    exporter: Secret,
}

impl Application {
    /// Copies the secrets: what is moved out of a box is not wiped there (attack C21).
    fn session(&self, keys: &Keys, peer: Option<SignatureScheme>, role: Role) -> Session {
        let TrafficSecrets { client, server } = self.traffic.clone();
        let (write, read) = match role {
            Role::Client => (client, server),
            Role::Server => (server, client),
        };
        Session {
            info: ConnectionInfo {
                version: Version::Dtls13,
                cipher_suite: keys.suite,
                group: keys.group,
                srtp_profile: keys.agreed.srtp,
                alpn: keys.agreed.alpn.clone(),
                peer_signature_scheme: peer,
            },
            exporter: Exporter::Dtls13(keys.suite.hash(), self.exporter.clone()),
            traffic: Some(TrafficKeys::new(keys.suite, APPLICATION_EPOCH, read, write)),
        }
    }
}

/// Puts the keys of an epoch in place, for both directions.
fn install(
    handshake: &mut Handshake,
    suite: CipherSuite,
    epoch: u64,
    traffic: &TrafficSecrets,
) -> Result<(), Failure> {
    let (write, read) = match handshake.role {
        Role::Client => (&traffic.client, &traffic.server),
        Role::Server => (&traffic.server, &traffic.client),
    };
    let provider = handshake.provider();
    let write = schedule::record_keys(&*provider, suite, write)?;
    let read = schedule::record_keys(&*provider, suite, read)?;
    handshake.records.add_write_epoch(epoch, WriteKeys::Dtls13(write));
    handshake.records.add_read_epoch(epoch, ReadKeys::Dtls13(read));
    Ok(())
}

/// What CertificateVerify signs (RFC 8446, section 4.4.3).
fn signed_content(handshake: &Handshake, signer: Role) -> Vec<u8> {
    let mut content = Vec::with_capacity(64 + 34 + 64);
    content.extend_from_slice(&[0x20; 64]);
    content.extend_from_slice(match signer {
        Role::Client => b"TLS 1.3, client CertificateVerify",
        Role::Server => b"TLS 1.3, server CertificateVerify",
    });
    content.push(0);
    content.extend_from_slice(handshake.transcript.digest().as_bytes());
    content
}

/// Sends our Certificate and CertificateVerify; or, when we have no certificate, says so (RFC 8446, section 4.4.2).
fn send_certificate(handshake: &mut Handshake, credential: Option<&Credential>) -> Result<(), Failure> {
    let message = Certificate::of(credential.map(|credential| &*credential.certified));
    handshake.send(HANDSHAKE_EPOCH, HandshakeType::Certificate, |w| message.write(w, Version::Dtls13));
    let Some(credential) = credential else {
        return Ok(());
    };
    let content = signed_content(handshake, handshake.role);
    let signature = credential.sign(handshake, &content)?;
    let signed = DigitallySigned { scheme: credential.scheme.code(), signature: &signature };
    handshake.send(HANDSHAKE_EPOCH, HandshakeType::CertificateVerify, |w: &mut Writer<'_>| signed.write(w));
    Ok(())
}

/// Takes the peer's Certificate; says whether there is one in it. It must be there: both sides of WebRTC have one (RFC
/// 8827, section 6.5; attack C09), unless a server is configured otherwise.
fn take_certificate(handshake: &mut Handshake, message: &Message) -> Result<bool, Failure> {
    let certificate = Certificate::parse(&message.body, Version::Dtls13)?;
    if !certificate.context.is_empty() {
        return Err(Failure::ILLEGAL);
    }
    match (certificate.end_entity, handshake.role) {
        (Some(certificate), _) => {
            handshake.take_certificate(certificate)?;
        }
        (None, Role::Server) if handshake.config.authentication == Authentication::ClientOptional => {}
        (None, Role::Server) => return Err(Failure::Misbehaved(Alert::CERTIFICATE_REQUIRED)),
        (None, Role::Client) => return Err(Failure::Misbehaved(Alert::DECODE_ERROR)),
    }
    handshake.note(message);
    Ok(certificate.end_entity.is_some())
}

/// Takes the peer's CertificateVerify.
fn take_certificate_verify(handshake: &mut Handshake, message: &Message) -> Result<SignatureScheme, Failure> {
    let signed = DigitallySigned::parse(&message.body)?;
    let content = signed_content(handshake, handshake.role.peer());
    let scheme = handshake.verify(Version::Dtls13, &signed, &content)?;
    handshake.note(message);
    Ok(scheme)
}

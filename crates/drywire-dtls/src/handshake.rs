//! What the handshakes of both versions and both roles work with.

use std::net::SocketAddr;
use std::sync::Arc;

use drywire_core::{Rng, Writer};
use drywire_crypto::{
    CertifiedKey, Fingerprint, HashAlgorithm, KeyAlgorithm, NamedGroup, Provider, PublicKey, Secret,
    SignatureScheme,
};

use crate::ack::Acks;
use crate::credential::is_allowed;
use crate::failure::Failure;
use crate::flight::Flight;
use crate::message::{ClientHello, DigitallySigned, HandshakeType};
use crate::reassembly::Message;
use crate::record::RecordLayer;
use crate::transcript::Transcript;
use crate::{Authentication, CipherSuite, Config, Role, Stats, Version};

/// The parts of a connection that every state of the handshake works with.
pub(crate) struct Handshake {
    pub(crate) config: Arc<Config>,
    pub(crate) role: Role,
    pub(crate) rng: Rng,
    pub(crate) records: RecordLayer,
    pub(crate) flight: Flight,
    pub(crate) transcript: Transcript,
    pub(crate) acks: Acks,
    /// Where the peer is, if cookies are to prove it.
    pub(crate) peer_address: Option<SocketAddr>,
    /// The random of the ClientHello.
    pub(crate) client_random: [u8; 32],
    pub(crate) fingerprints: Option<Vec<Fingerprint>>,
    /// The certificate that we have proved to be ours.
    pub(crate) local_certificate: Option<Arc<CertifiedKey>>,
    /// The certificate that the peer has shown.
    pub(crate) peer_certificate: Option<Vec<u8>>,
    pub(crate) stats: Stats,
    /// What an end that plays foul does with messages instead of sending them.
    #[cfg(test)]
    pub(crate) fouls: Vec<(HandshakeType, Foul)>,
    /// What it has kept back.
    #[cfg(test)]
    pub(crate) late: Option<(u64, HandshakeType, Vec<u8>)>,
}

/// Foul play of our own ends, for tests.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foul {
    Omit,
    Repeat,
    /// Sent after the message that should follow it.
    Late,
}

/// Whether a certificate is the announced one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing was announced yet.
    Unknown,
    Match,
    Mismatch,
}

impl Handshake {
    /// Begins our next flight of the handshake, which acknowledges the peer's (RFC 9147, section 7.1).
    pub(crate) fn begin_flight(&mut self) {
        self.flight.begin();
        self.acks.clear();
    }

    pub(crate) fn provider(&self) -> Arc<dyn Provider> {
        Arc::clone(&self.config.provider)
    }

    /// Writes a secret to the key log, if there is one.
    pub(crate) fn log_key(&self, label: &'static str, secret: &Secret) {
        if let Some(log) = &self.config.key_log {
            log.log(label, &self.client_random, secret.as_bytes());
        }
    }

    /// Writes a message, adds it to the transcript and to the flight.
    pub(crate) fn send(&mut self, epoch: u64, kind: HandshakeType, write: impl FnOnce(&mut Writer<'_>)) {
        #[cfg(test)]
        if let Some(foul) = self.fouls.iter().find(|foul| foul.0 == kind).map(|foul| foul.1) {
            let mut body = Vec::new();
            write(&mut Writer::new(&mut body));
            return self.send_foul(epoch, kind, body, foul);
        }
        self.push(epoch, kind, write);
        #[cfg(test)]
        self.send_late();
    }

    fn push(&mut self, epoch: u64, kind: HandshakeType, write: impl FnOnce(&mut Writer<'_>)) {
        let (message_seq, body) = self.flight.push(epoch, kind, write);
        self.transcript.add(kind, message_seq, body);
    }

    #[cfg(test)]
    fn send_foul(&mut self, epoch: u64, kind: HandshakeType, body: Vec<u8>, foul: Foul) {
        let times = match foul {
            Foul::Omit => return,
            Foul::Late if self.late.is_none() => {
                self.late = Some((epoch, kind, body));
                return;
            }
            Foul::Late => 1,
            Foul::Repeat => 2,
        };
        for _ in 0..times {
            self.push(epoch, kind, |w| {
                w.bytes(&body);
            });
        }
        self.send_late();
    }

    #[cfg(test)]
    fn send_late(&mut self) {
        if let Some((epoch, kind, body)) = self.late.take() {
            self.push(epoch, kind, |w| {
                w.bytes(&body);
            });
        }
    }

    /// Adds a message of the peer to the transcript.
    pub(crate) fn note(&mut self, message: &Message) {
        self.transcript.add(message.kind, message.message_seq, &message.body);
    }

    /// Whether it is known by what the peer will be recognised.
    pub(crate) const fn knows_peer(&self) -> bool {
        self.fingerprints.is_some()
    }

    /// Whether the peer is the right one.
    pub(crate) fn peer_verdict(&self) -> Verdict {
        match &self.peer_certificate {
            Some(certificate) => self.verdict(certificate),
            // The configuration wants clients without a certificate to be taken.
            None if self.role == Role::Server && self.config.authentication != Authentication::Mutual => {
                Verdict::Match
            }
            None => Verdict::Mismatch,
        }
    }

    /// Compares a certificate with the announced fingerprints (RFC 8827, section 6.5): with those of the strongest hash
    /// function among them, of which one must match (RFC 8122, section 5). What is weaker has no say (attack C11).
    pub(crate) fn verdict(&self, certificate: &[u8]) -> Verdict {
        let Some(announced) = &self.fingerprints else {
            return Verdict::Unknown;
        };
        let strongest = announced.iter().map(Fingerprint::hash).max();
        let Some(hash) = strongest.filter(|hash| *hash > HashAlgorithm::Sha1) else {
            return Verdict::Mismatch;
        };
        let actual = Fingerprint::of(&*self.config.provider, hash, certificate);
        // Each comparison takes the same time whatever it finds, and all are made.
        let found = announced.iter().fold(false, |found, one| found | (*one == actual));
        if found { Verdict::Match } else { Verdict::Mismatch }
    }

    /// Takes the peer's certificate and says what kind of key it has. When it is known by now that it is the wrong one,
    /// the handshake ends here; the check that counts stands in the transition to connected.
    pub(crate) fn take_certificate(&mut self, certificate: &[u8]) -> Result<KeyAlgorithm, Failure> {
        if self.verdict(certificate) == Verdict::Mismatch {
            return Err(Failure::Fingerprint);
        }
        let key = PublicKey::from_certificate(certificate)?;
        self.peer_certificate = Some(certificate.to_vec());
        Ok(key.algorithm)
    }

    /// Verifies a signature with the key of the peer's certificate.
    pub(crate) fn verify(
        &self,
        version: Version,
        signed: &DigitallySigned<'_>,
        content: &[u8],
    ) -> Result<SignatureScheme, Failure> {
        let certificate = self.peer_certificate.as_ref().ok_or(Failure::UNEXPECTED)?;
        let key = PublicKey::from_certificate(certificate)?;
        // Only what we said that we verify (RFC 8446, section 4.4.3), and only with the fitting kind of key.
        let scheme = SignatureScheme::from_code(signed.scheme)
            .filter(|scheme| self.config.signature_schemes.contains(scheme))
            .filter(|scheme| is_allowed(*scheme, key.algorithm, version))
            .ok_or(Failure::ILLEGAL)?;
        self.config.provider.verify(scheme, &key, content, signed.signature)?;
        Ok(scheme)
    }

    /// Our cipher suites of `version` that the client offers.
    pub(crate) fn offered_suites<'a>(
        &'a self,
        version: Version,
        hello: &'a ClientHello<'_>,
    ) -> impl Iterator<Item = CipherSuite> + 'a {
        let ours = self.config.cipher_suites.iter().copied().filter(move |suite| suite.version() == version);
        ours.filter(|suite| hello.cipher_suites.contains(suite.code()))
    }

    /// Our groups that `version` can use.
    pub(crate) fn groups(&self, version: Version) -> impl Iterator<Item = NamedGroup> + '_ {
        let groups = self.config.groups.iter().copied();
        groups.filter(move |group| version == Version::Dtls13 || *group != NamedGroup::X25519MlKem768)
    }
}

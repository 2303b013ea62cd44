//! What the handshakes of both versions and both roles work with.

use std::sync::Arc;

use drywire_core::{Rng, Writer};
use drywire_crypto::{Fingerprint, KeyAlgorithm, NamedGroup, Provider, PublicKey, SignatureScheme};

use crate::ack::Acks;
use crate::failure::Failure;
use crate::flight::Flight;
use crate::message::extension::use_srtp::UseSrtp;
use crate::message::{ClientHello, Codes, DigitallySigned, ExtensionType, HandshakeType};
use crate::reassembly::Message;
use crate::record::RecordLayer;
use crate::transcript::Transcript;
use crate::{Alert, CipherSuite, Config, Role, SrtpProfile, Stats, Version};

/// The parts of a connection that every state of the handshake works with.
pub(crate) struct Handshake {
    pub(crate) config: Arc<Config>,
    pub(crate) role: Role,
    pub(crate) rng: Rng,
    pub(crate) records: RecordLayer,
    pub(crate) flight: Flight,
    pub(crate) transcript: Transcript,
    pub(crate) acks: Acks,
    pub(crate) fingerprints: Option<Vec<Fingerprint>>,
    pub(crate) stats: Stats,
    /// What an end that plays foul does with a message instead of sending it.
    #[cfg(test)]
    pub(crate) foul: Option<(HandshakeType, Foul)>,
}

/// Foul play of our own ends, for tests.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foul {
    Omit,
    Repeat,
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
    pub(crate) fn provider(&self) -> Arc<dyn Provider> {
        Arc::clone(&self.config.provider)
    }

    /// Writes a message, adds it to the transcript and to the flight.
    pub(crate) fn send(&mut self, epoch: u64, kind: HandshakeType, write: impl FnOnce(&mut Writer<'_>)) {
        let mut body = Vec::with_capacity(512);
        write(&mut Writer::new(&mut body));
        #[cfg(test)]
        match self.foul {
            Some((foul, Foul::Omit)) if foul == kind => return,
            Some((foul, Foul::Repeat)) if foul == kind => {
                self.transcript.add(kind, self.flight.next_message_seq(), &body);
                self.flight.push(epoch, kind, body.clone());
            }
            _ => {}
        }
        self.transcript.add(kind, self.flight.next_message_seq(), &body);
        self.flight.push(epoch, kind, body);
    }

    /// Adds a message of the peer to the transcript.
    pub(crate) fn note(&mut self, message: &Message) {
        self.transcript.add(message.kind, message.message_seq, &message.body);
    }

    /// Compares a certificate with the announced fingerprints (RFC 8827, section 6.5). One that matches is enough: only
    /// hash functions that are safe can be in the list.
    pub(crate) fn verdict(&self, certificate: &[u8]) -> Verdict {
        let provider = &*self.config.provider;
        match &self.fingerprints {
            None => Verdict::Unknown,
            Some(list) if list.iter().any(|one| one.matches(provider, certificate)) => Verdict::Match,
            Some(_) => Verdict::Mismatch,
        }
    }

    /// Takes the peer's certificate. When it is known by now that it is the wrong one, the handshake ends here; the
    /// check that counts stands in the transition to connected.
    pub(crate) fn peer_key(&self, certificate: &[u8]) -> Result<PeerKey, Failure> {
        if self.verdict(certificate) == Verdict::Mismatch {
            return Err(Failure::Fingerprint);
        }
        let key = PublicKey::from_certificate(certificate).map_err(|error| match error {
            drywire_crypto::CertificateError::UnsupportedKey => {
                Failure::Incompatible(Alert::UNSUPPORTED_CERTIFICATE)
            }
            _ => Failure::Misbehaved(Alert::BAD_CERTIFICATE),
        })?;
        Ok(PeerKey { certificate: certificate.to_vec(), key })
    }

    /// Verifies a signature of the peer.
    pub(crate) fn verify(
        &self,
        version: Version,
        key: &PublicKey,
        signed: &DigitallySigned<'_>,
        content: &[u8],
    ) -> Result<SignatureScheme, Failure> {
        // Only what we said that we verify (RFC 8446, section 4.4.3), and only with the fitting kind of key.
        let scheme = SignatureScheme::from_code(signed.scheme)
            .filter(|scheme| verified_schemes(version).contains(scheme))
            .filter(|scheme| scheme.key_algorithm() == key.algorithm)
            .ok_or(Failure::ILLEGAL)?;
        self.config.provider.verify(scheme, key, content, signed.signature)?;
        Ok(scheme)
    }

    /// Signs with our key, with a scheme that the peer can verify.
    pub(crate) fn sign(
        &self,
        version: Version,
        accepted: Codes<'_>,
        content: &[u8],
    ) -> Result<(SignatureScheme, Vec<u8>), Failure> {
        let scheme = self.own_scheme(version, accepted)?;
        Ok((scheme, self.config.certificate.key().sign(scheme, content)?))
    }

    /// The scheme of our signatures, if the peer accepts it.
    pub(crate) fn own_scheme(
        &self,
        version: Version,
        accepted: Codes<'_>,
    ) -> Result<SignatureScheme, Failure> {
        let scheme = match (self.config.certificate.key().algorithm(), version) {
            (KeyAlgorithm::EcdsaP384, _) => SignatureScheme::EcdsaP384Sha384,
            (KeyAlgorithm::Rsa, Version::Dtls13) => SignatureScheme::RsaPssSha256,
            (KeyAlgorithm::Rsa, Version::Dtls12) => SignatureScheme::RsaPkcs1Sha256,
            _ => SignatureScheme::EcdsaP256Sha256,
        };
        if accepted.contains(scheme.code()) { Ok(scheme) } else { Err(Failure::NOTHING_IN_COMMON) }
    }

    /// The first of our cipher suites of `version` that the client offers.
    pub(crate) fn select_suite(
        &self,
        version: Version,
        hello: &ClientHello<'_>,
    ) -> Result<CipherSuite, Failure> {
        let ours = self.config.cipher_suites.iter().copied().filter(|suite| suite.version() == version);
        ours.into_iter()
            .find(|suite| hello.cipher_suites.contains(suite.code()))
            .ok_or(Failure::NOTHING_IN_COMMON)
    }

    /// The first of our SRTP profiles that the client offers. An MKI of the client is ignored (RFC 5764, section 4.1.3).
    pub(crate) fn select_srtp(&self, hello: &ClientHello<'_>) -> Result<Option<SrtpProfile>, Failure> {
        let Some(data) = hello.extensions.find(ExtensionType::USE_SRTP) else {
            return Ok(None);
        };
        let offer = UseSrtp::parse(data)?;
        let mut ours = self.config.srtp_profiles.iter().copied();
        Ok(ours.find(|profile| offer.profiles.contains(profile.code())))
    }

    /// Our groups that `version` can use.
    pub(crate) fn groups(&self, version: Version) -> impl Iterator<Item = NamedGroup> + '_ {
        let groups = self.config.groups.iter().copied();
        groups.filter(move |group| version == Version::Dtls13 || *group != NamedGroup::X25519MlKem768)
    }
}

/// The peer's certificate with its key, not proved yet.
#[derive(Debug)]
pub(crate) struct PeerKey {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: PublicKey,
}

/// The schemes that we verify, in order of preference.
pub(crate) const fn verified_schemes(version: Version) -> &'static [SignatureScheme] {
    const ALL: &[SignatureScheme] =
        &[SignatureScheme::EcdsaP256Sha256, SignatureScheme::EcdsaP384Sha384, SignatureScheme::RsaPssSha256];
    const WITH_PKCS1: &[SignatureScheme] = &[
        SignatureScheme::EcdsaP256Sha256,
        SignatureScheme::EcdsaP384Sha384,
        SignatureScheme::RsaPssSha256,
        SignatureScheme::RsaPkcs1Sha256,
    ];
    match version {
        // RSASSA-PKCS1 cannot sign the handshake of 1.3 (RFC 8446, section 4.2.3).
        Version::Dtls13 => ALL,
        Version::Dtls12 => WITH_PKCS1,
    }
}

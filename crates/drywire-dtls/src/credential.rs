//! Which of our certificates is shown, and with which scheme its key signs.

use std::sync::Arc;

use drywire_crypto::{CertifiedKey, KeyAlgorithm, SignatureScheme, SigningKey};

use crate::failure::Failure;
use crate::handshake::Handshake;
use crate::message::{ClientHello, Codes};
use crate::{CipherSuite, Version};

/// The most bytes that a signature of ECDSA on P-256 has.
const USUAL_SIGNATURE: usize = 72;

/// A certificate of ours, with the scheme that its key signs this handshake with.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    pub(crate) certified: Arc<CertifiedKey>,
    pub(crate) scheme: SignatureScheme,
}

impl Credential {
    /// Signs `content`, with which we prove to the peer that the certificate is ours.
    pub(crate) fn sign(&self, handshake: &mut Handshake, content: &[u8]) -> Result<Vec<u8>, Failure> {
        handshake.local_certificate = Some(Arc::clone(&self.certified));
        let mut signature = Vec::with_capacity(USUAL_SIGNATURE);
        self.certified.key().sign(self.scheme, content, &mut signature)?;
        Ok(signature)
    }
}

impl Handshake {
    /// The first of our certificates whose kind of key is `usable` and signs with a scheme that the peer has `accepted`.
    pub(crate) fn credential(
        &self,
        version: Version,
        accepted: Codes<'_>,
        usable: impl Fn(KeyAlgorithm) -> bool,
    ) -> Option<Credential> {
        let certificates = self.config.certificates.iter();
        certificates.filter(|certified| usable(certified.key().algorithm())).find_map(|certified| {
            let scheme = select_scheme(&**certified.key(), version, accepted)?;
            Some(Credential { certified: Arc::clone(certified), scheme })
        })
    }

    /// Our certificate for a server's CertificateRequest. `None` when we have none at all: then we say so. When we have
    /// some and none fits, nobody would be served by that, because both sides of WebRTC have one.
    pub(crate) fn client_credential(
        &self,
        version: Version,
        accepted: Codes<'_>,
        usable: impl Fn(KeyAlgorithm) -> bool,
    ) -> Result<Option<Credential>, Failure> {
        if self.config.certificates.is_empty() {
            return Ok(None);
        }
        self.credential(version, accepted, usable).map(Some).ok_or(Failure::NOTHING_IN_COMMON)
    }

    /// The cipher suite of DTLS 1.2 and the certificate that goes with it. `curves` are the groups that the client
    /// named, if any: the server's key must be on one of them (RFC 8422, section 5.3).
    pub(crate) fn select_suite12(
        &self,
        hello: &ClientHello<'_>,
        accepted: Codes<'_>,
        curves: Option<Codes<'_>>,
    ) -> Result<(CipherSuite, Credential), Failure> {
        for certified in &self.config.certificates {
            let key = certified.key();
            let on_curve = match (curves, curve(key.algorithm())) {
                (Some(curves), Some(curve)) => curves.contains(curve),
                _ => true,
            };
            let suite = self.offered_suites(Version::Dtls12, hello).find(|suite| suite.fits(key.algorithm()));
            let scheme = select_scheme(&**key, Version::Dtls12, accepted);
            if let (true, Some(suite), Some(scheme)) = (on_curve, suite, scheme) {
                return Ok((suite, Credential { certified: Arc::clone(certified), scheme }));
            }
        }
        Err(Failure::NOTHING_IN_COMMON)
    }

    /// The schemes that we verify in `version`, in order of preference.
    pub(crate) fn verified_schemes(&self, version: Version) -> Vec<SignatureScheme> {
        let mut schemes = self.config.signature_schemes.clone();
        // RSASSA-PKCS1-v1_5 cannot sign the handshake of DTLS 1.3 (RFC 8446, section 4.2.3).
        schemes.retain(|scheme| version == Version::Dtls12 || !scheme.is_pkcs1());
        schemes
    }
}

/// Whether a key of this kind may sign with `scheme`.
pub(crate) fn is_allowed(scheme: SignatureScheme, key: KeyAlgorithm, version: Version) -> bool {
    match version {
        Version::Dtls12 => scheme.fits(key),
        Version::Dtls13 => scheme.key_algorithm() == key && !scheme.is_pkcs1(),
    }
}

/// The scheme that `key` signs with: at best the one that names its kind.
fn select_scheme(key: &dyn SigningKey, version: Version, accepted: Codes<'_>) -> Option<SignatureScheme> {
    let algorithm = key.algorithm();
    let own = SignatureScheme::ALL.into_iter().filter(|scheme| scheme.key_algorithm() == algorithm);
    let others = SignatureScheme::ALL.into_iter().filter(|scheme| scheme.key_algorithm() != algorithm);
    own.chain(others).find(|scheme| {
        is_allowed(*scheme, algorithm, version) && key.supports(*scheme) && accepted.contains(scheme.code())
    })
}

/// The group whose number stands for the curve of a key.
const fn curve(key: KeyAlgorithm) -> Option<u16> {
    match key {
        KeyAlgorithm::EcdsaP256 => Some(drywire_crypto::NamedGroup::Secp256r1.code()),
        KeyAlgorithm::EcdsaP384 => Some(drywire_crypto::NamedGroup::Secp384r1.code()),
        _ => None,
    }
}

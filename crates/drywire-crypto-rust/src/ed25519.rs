use std::sync::Arc;

use drywire_crypto::{InvalidKey, KeyAlgorithm, SignError, SignatureScheme, SigningKey, VerifyError};
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, KeypairBytes};
use ed25519_dalek::{Signature, Signer as _, SigningKey as Private, VerifyingKey};
use zeroize::Zeroizing;

/// A private key with its public point. The private part wipes itself when dropped.
struct Ed25519 {
    private: Private,
    public: [u8; 32],
}

impl Ed25519 {
    fn shared(private: Private) -> Arc<dyn SigningKey> {
        let public = private.verifying_key().to_bytes();
        Arc::new(Self { private, public })
    }
}

pub(crate) fn generate() -> Result<Arc<dyn SigningKey>, InvalidKey> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).map_err(|_| InvalidKey)?;
    Ok(Ed25519::shared(Private::from_bytes(&seed)))
}

pub(crate) fn load(pkcs8: &[u8]) -> Result<Arc<dyn SigningKey>, InvalidKey> {
    Private::from_pkcs8_der(pkcs8).map(Ed25519::shared).map_err(|_| InvalidKey)
}

impl SigningKey for Ed25519 {
    fn algorithm(&self) -> KeyAlgorithm {
        KeyAlgorithm::Ed25519
    }

    fn public_key(&self) -> &[u8] {
        &self.public
    }

    fn sign(
        &self,
        scheme: SignatureScheme,
        message: &[u8],
        signature: &mut Vec<u8>,
    ) -> Result<(), SignError> {
        if scheme != SignatureScheme::Ed25519 {
            return Err(SignError);
        }
        let signed = self.private.try_sign(message).map_err(|_| SignError)?;
        signature.extend_from_slice(&signed.to_bytes());
        Ok(())
    }

    fn to_pkcs8(&self) -> Option<Zeroizing<Vec<u8>>> {
        // Without the public part, which not every tool reads (RFC 8410, section 7).
        let mut pair = KeypairBytes { secret_key: self.private.to_bytes(), public_key: None };
        let document = pair.to_pkcs8_der();
        zeroize::Zeroize::zeroize(&mut pair.secret_key);
        document.ok().map(|document| document.to_bytes())
    }
}

pub(crate) fn verify(public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
    let key = public_key.try_into().map_err(|_| VerifyError)?;
    let key = VerifyingKey::from_bytes(key).map_err(|_| VerifyError)?;
    let signature = Signature::from_slice(signature).map_err(|_| VerifyError)?;
    // Strict: a key or a commitment of small order verifies nothing (RFC 8032, section 8.4 and 8.9).
    key.verify_strict(message, &signature).map_err(|_| VerifyError)
}

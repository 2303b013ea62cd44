use std::sync::Arc;

use drywire_crypto::{
    AeadAlgorithm, AeadKey, CtrAlgorithm, CtrKey, Digest, HashAlgorithm, Hasher, HmacKey, InvalidKey,
    KeyAlgorithm, KeyExchangeError, MaskKey, NamedGroup, PendingKeyExchange, Provider, PublicKey,
    RandomError, Secret, SignatureScheme, SigningKey, VerifyError,
};

use crate::{aead, cipher, ed25519, hash, key_exchange, rsa, signature};

/// The pure Rust backend. It has no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct PureRust;

impl Provider for PureRust {
    fn random(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(bytes).map_err(|_| RandomError)
    }

    fn hasher(&self, algorithm: HashAlgorithm) -> Box<dyn Hasher> {
        hash::hasher(algorithm)
    }

    fn digest(&self, algorithm: HashAlgorithm, parts: &[&[u8]]) -> Digest {
        hash::digest(algorithm, parts)
    }

    fn with_hmac_key(&self, algorithm: HashAlgorithm, key: &[u8], work: &mut dyn FnMut(&dyn HmacKey)) {
        hash::with_hmac_key(algorithm, key, work);
    }

    fn hmac(&self, algorithm: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Digest {
        let mut code = Digest::new(&[]);
        hash::with_hmac_key(algorithm, key, &mut |key| code = key.sign(parts));
        code
    }

    fn hmac_key(&self, algorithm: HashAlgorithm, key: &[u8]) -> Box<dyn HmacKey> {
        hash::hmac_key(algorithm, key)
    }

    fn aead_key(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn AeadKey>, InvalidKey> {
        aead::key(algorithm, key)
    }

    fn ctr_key(&self, algorithm: CtrAlgorithm, key: &[u8]) -> Result<Box<dyn CtrKey>, InvalidKey> {
        cipher::ctr_key(algorithm, key)
    }

    fn mask_key(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn MaskKey>, InvalidKey> {
        cipher::mask_key(algorithm, key)
    }

    fn start_key_exchange(&self, group: NamedGroup) -> Result<Box<dyn PendingKeyExchange>, KeyExchangeError> {
        key_exchange::start(group)
    }

    fn answer_key_exchange(
        &self,
        group: NamedGroup,
        peer_share: &[u8],
        share: &mut Vec<u8>,
    ) -> Result<Secret, KeyExchangeError> {
        key_exchange::answer(group, peer_share, share)
    }

    fn generate_signing_key(&self, algorithm: KeyAlgorithm) -> Result<Arc<dyn SigningKey>, InvalidKey> {
        signature::generate(algorithm)
    }

    fn load_signing_key(
        &self,
        algorithm: KeyAlgorithm,
        pkcs8: &[u8],
    ) -> Result<Arc<dyn SigningKey>, InvalidKey> {
        signature::load(algorithm, pkcs8)
    }

    fn verify(
        &self,
        scheme: SignatureScheme,
        key: &PublicKey<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), VerifyError> {
        if !scheme.fits(key.algorithm) {
            return Err(VerifyError);
        }
        match key.algorithm {
            KeyAlgorithm::EcdsaP256 | KeyAlgorithm::EcdsaP384 => {
                signature::verify(scheme, key, message, signature)
            }
            KeyAlgorithm::Ed25519 => ed25519::verify(key.bytes, message, signature),
            KeyAlgorithm::Rsa => rsa::verify(scheme, key.bytes, message, signature),
            _ => Err(VerifyError),
        }
    }
}

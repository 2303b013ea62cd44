use drywire_crypto::{KeyExchangeError, NamedGroup};
use drywire_crypto_conformance::{self as conformance, KnownKeys};
use ml_kem::{Decapsulate as _, DecapsulationKey, KeyExport as _, MlKem768};
use x25519_dalek::StaticSecret;

use crate::key_exchange::Private;

conformance::suite!(crate::provider());

struct Known;

impl KnownKeys for Known {
    fn agree(
        &self,
        group: NamedGroup,
        private: &[u8],
        peer_share: &[u8],
    ) -> Result<Vec<u8>, KeyExchangeError> {
        let private = match group {
            NamedGroup::X25519 => Private::X25519(StaticSecret::from(<[u8; 32]>::try_from(private).unwrap())),
            NamedGroup::Secp256r1 => Private::P256(p256::SecretKey::from_slice(private).unwrap()),
            _ => Private::P384(p384::SecretKey::from_slice(private).unwrap()),
        };
        private.agree(&[], peer_share).map(|secret| secret.as_bytes().to_vec())
    }

    fn encapsulation_key(&self, seed: &[u8; 64]) -> Vec<u8> {
        DecapsulationKey::<MlKem768>::from_seed((*seed).into()).encapsulation_key().to_bytes().to_vec()
    }

    fn decapsulate(&self, seed: &[u8; 64], ciphertext: &[u8]) -> Result<Vec<u8>, KeyExchangeError> {
        let key = DecapsulationKey::<MlKem768>::from_seed((*seed).into());
        key.decapsulate_slice(ciphertext)
            .map(|secret| secret.to_vec())
            .map_err(|_| KeyExchangeError::InvalidShare)
    }
}

#[test]
fn known_keys() {
    conformance::known_keys(&Known);
}

#[test]
fn wycheproof() {
    let count = conformance::wycheproof::check(&*crate::provider());
    let known = conformance::wycheproof::known_keys(&Known);
    println!("Wycheproof: {count} vectors of the provider and {known} of private keys passed");
    assert!(count > 8000 && known > 1500, "{count} and {known}: vectors are missing");
}

#[test]
fn rsa_keys_are_verified_with_and_never_loaded() {
    let provider = crate::provider();
    assert!(provider.generate_signing_key(drywire_crypto::KeyAlgorithm::Rsa).is_err());
    assert!(provider.load_signing_key(drywire_crypto::KeyAlgorithm::Rsa, &[0x30, 0]).is_err());
}

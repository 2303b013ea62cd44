//! The suite that every backend passes, and the vectors of Wycheproof.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail")]
#![allow(
    deprecated,
    reason = "AWS-LC loads keys of ML-KEM in the expanded form only, which is no longer the common one"
)]

use aws_lc_rs::agreement::{ECDH_P256, ECDH_P384, PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::kem::{self, ML_KEM_768};
use drywire_crypto::{KeyExchangeError, NamedGroup};
use drywire_crypto_conformance::{self as conformance, KnownKeys};
use ml_kem::{ExpandedKeyEncoding as _, MlKem768};

conformance::suite!(drywire_crypto_aws_lc::provider());

/// The library with private keys of the caller's, which the backend itself has no way to take.
struct Known;

impl Known {
    /// AWS-LC loads expanded keys only: another implementation expands the seed.
    fn key(seed: &[u8; 64]) -> kem::DecapsulationKey {
        let expanded = ml_kem::DecapsulationKey::<MlKem768>::from_seed((*seed).into()).to_expanded_bytes();
        kem::DecapsulationKey::new(&ML_KEM_768, &expanded).expect("an expanded key")
    }
}

impl KnownKeys for Known {
    fn agree(
        &self,
        group: NamedGroup,
        private: &[u8],
        peer_share: &[u8],
    ) -> Result<Vec<u8>, KeyExchangeError> {
        let curve = match group {
            NamedGroup::X25519 => &X25519,
            NamedGroup::Secp256r1 => &ECDH_P256,
            _ => &ECDH_P384,
        };
        // The check of the backend, see there.
        if group != NamedGroup::X25519 && peer_share.first() != Some(&4) {
            return Err(KeyExchangeError::InvalidShare);
        }
        let private = PrivateKey::from_private_key(curve, private).expect("a private key");
        let peer = UnparsedPublicKey::new(curve, peer_share);
        agree(&private, peer, KeyExchangeError::InvalidShare, |secret| Ok(secret.to_vec()))
    }

    fn encapsulation_key(&self, seed: &[u8; 64]) -> Vec<u8> {
        // AWS-LC takes the public key of an expanded private key out of it.
        ml_kem_public(&Self::key(seed))
    }

    fn decapsulate(&self, seed: &[u8; 64], ciphertext: &[u8]) -> Result<Vec<u8>, KeyExchangeError> {
        Self::key(seed)
            .decapsulate(kem::Ciphertext::from(ciphertext))
            .map(|secret| secret.as_ref().to_vec())
            .map_err(|_| KeyExchangeError::InvalidShare)
    }
}

/// The encapsulation key inside of an expanded decapsulation key (FIPS 203, algorithm 16): behind the 1,152 bytes of the
/// secret vector.
fn ml_kem_public(key: &kem::DecapsulationKey) -> Vec<u8> {
    key.key_bytes().expect("bytes").as_ref()[1152..1152 + 1184].to_vec()
}

#[test]
fn known_keys() {
    conformance::known_keys(&Known);
}

#[test]
fn wycheproof() {
    let count = conformance::wycheproof::check(&*drywire_crypto_aws_lc::provider());
    let known = conformance::wycheproof::known_keys(&Known);
    println!("Wycheproof: {count} vectors of the provider and {known} of private keys passed");
    assert!(count > 8000 && known > 1500, "{count} and {known}: vectors are missing");
}

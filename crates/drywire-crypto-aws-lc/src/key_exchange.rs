use aws_lc_rs::agreement::{self, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use aws_lc_rs::kem::{Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_768};
use aws_lc_rs::rand::SystemRandom;
use drywire_crypto::{KeyExchangeError, NamedGroup, PendingKeyExchange, RandomError, SharedSecret};

/// The length of an ML-KEM-768 encapsulation key (FIPS 203, table 3).
const ENCAPSULATION_KEY_LEN: usize = 1184;
/// The length of an ML-KEM-768 ciphertext (FIPS 203, table 3).
const CIPHERTEXT_LEN: usize = 1088;

struct Ecdh {
    group: NamedGroup,
    private: EphemeralPrivateKey,
    share: Vec<u8>,
}

impl Ecdh {
    fn generate(group: NamedGroup) -> Result<Self, KeyExchangeError> {
        let failed = |_| KeyExchangeError::Random(RandomError);
        let private = EphemeralPrivateKey::generate(curve(group)?, &SystemRandom::new()).map_err(failed)?;
        let share = private.compute_public_key().map_err(failed)?.as_ref().to_vec();
        Ok(Self { group, private, share })
    }

    fn agree(self, peer_share: &[u8]) -> Result<SharedSecret, KeyExchangeError> {
        // Only the uncompressed form is legal on NIST curves (RFC 8446, section 4.2.8.2). AWS-LC checks that the point
        // is on the curve, and that X25519 does not give zeros.
        if self.group != NamedGroup::X25519 && peer_share.first() != Some(&4) {
            return Err(KeyExchangeError::InvalidShare);
        }
        let peer = UnparsedPublicKey::new(curve(self.group)?, peer_share);
        agree_ephemeral(self.private, peer, KeyExchangeError::InvalidShare, |secret| {
            Ok(SharedSecret::new(secret.to_vec()))
        })
    }
}

impl PendingKeyExchange for Ecdh {
    fn group(&self) -> NamedGroup {
        self.group
    }

    fn share(&self) -> &[u8] {
        &self.share
    }

    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, KeyExchangeError> {
        self.agree(peer_share)
    }
}

/// ML-KEM-768 and X25519 side by side (RFC 10024): ML-KEM first in the shares and in the secret.
struct Hybrid {
    kem: DecapsulationKey,
    ecdh: Ecdh,
    share: Vec<u8>,
}

impl PendingKeyExchange for Hybrid {
    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MlKem768
    }

    fn share(&self) -> &[u8] {
        &self.share
    }

    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, KeyExchangeError> {
        let invalid = KeyExchangeError::InvalidShare;
        let (ciphertext, point) = peer_share.split_at_checked(CIPHERTEXT_LEN).ok_or(invalid)?;
        let kem = self.kem.decapsulate(Ciphertext::from(ciphertext)).map_err(|_| invalid)?;
        let ecdh = self.ecdh.agree(point)?;
        Ok(joined(kem.as_ref(), &ecdh))
    }
}

pub(crate) fn start(group: NamedGroup) -> Result<Box<dyn PendingKeyExchange>, KeyExchangeError> {
    if group != NamedGroup::X25519MlKem768 {
        return Ok(Box::new(Ecdh::generate(group)?));
    }
    let failed = |_| KeyExchangeError::Random(RandomError);
    let kem = DecapsulationKey::generate(&ML_KEM_768).map_err(failed)?;
    let ecdh = Ecdh::generate(NamedGroup::X25519)?;
    let mut share =
        kem.encapsulation_key().and_then(|key| key.key_bytes()).map_err(failed)?.as_ref().to_vec();
    share.extend_from_slice(&ecdh.share);
    Ok(Box::new(Hybrid { kem, ecdh, share }))
}

pub(crate) fn answer(
    group: NamedGroup,
    peer_share: &[u8],
) -> Result<(Vec<u8>, SharedSecret), KeyExchangeError> {
    if group != NamedGroup::X25519MlKem768 {
        let ours = Ecdh::generate(group)?;
        let share = ours.share.clone();
        return Ok((share, ours.agree(peer_share)?));
    }
    let invalid = KeyExchangeError::InvalidShare;
    let (key, point) = peer_share.split_at_checked(ENCAPSULATION_KEY_LEN).ok_or(invalid)?;
    // AWS-LC does the modulus check of FIPS 203, section 7.2, when it reads and uses the key.
    let key = EncapsulationKey::new(&ML_KEM_768, key).map_err(|_| invalid)?;
    let (ciphertext, kem) = key.encapsulate().map_err(|_| invalid)?;
    let ours = Ecdh::generate(NamedGroup::X25519)?;
    let mut share = ciphertext.as_ref().to_vec();
    share.extend_from_slice(&ours.share);
    let ecdh = ours.agree(point)?;
    Ok((share, joined(kem.as_ref(), &ecdh)))
}

fn joined(kem: &[u8], ecdh: &SharedSecret) -> SharedSecret {
    let mut secret = Vec::with_capacity(kem.len() + ecdh.as_bytes().len());
    secret.extend_from_slice(kem);
    secret.extend_from_slice(ecdh.as_bytes());
    SharedSecret::new(secret)
}

fn curve(group: NamedGroup) -> Result<&'static agreement::Algorithm, KeyExchangeError> {
    match group {
        NamedGroup::X25519 => Ok(&agreement::X25519),
        NamedGroup::Secp256r1 => Ok(&agreement::ECDH_P256),
        NamedGroup::Secp384r1 => Ok(&agreement::ECDH_P384),
        _ => Err(KeyExchangeError::UnsupportedGroup),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUPS: [NamedGroup; 4] =
        [NamedGroup::X25519MlKem768, NamedGroup::X25519, NamedGroup::Secp256r1, NamedGroup::Secp384r1];

    #[test]
    fn both_sides_get_the_same_secret() {
        for group in GROUPS {
            let client = start(group).unwrap();
            assert_eq!(client.group(), group);
            let (share, secret) = answer(group, client.share()).unwrap();
            assert_eq!(client.complete(&share).unwrap().as_bytes(), secret.as_bytes(), "{group}");
        }
        assert_eq!(start(NamedGroup::X25519MlKem768).unwrap().share().len(), 1216);
    }

    #[test]
    fn malformed_shares_are_refused() {
        for group in GROUPS {
            let good = start(group).unwrap().share().to_vec();
            for bad in [&[][..], &good[1..], &[&good[..], &[0]].concat(), &vec![0; good.len()]] {
                assert!(answer(group, bad).is_err(), "{group}");
                assert!(start(group).unwrap().complete(bad).is_err(), "{group}");
            }
        }
        // An ML-KEM key with a coefficient at or above the modulus 3329.
        let mut share = start(NamedGroup::X25519MlKem768).unwrap().share().to_vec();
        share[0] = 0xff;
        share[1] |= 0x0f;
        assert!(answer(NamedGroup::X25519MlKem768, &share).is_err());
    }
}

use aws_lc_rs::agreement::{self, EphemeralPrivateKey, PublicKey, UnparsedPublicKey, agree_ephemeral};
use aws_lc_rs::kem::{Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_768};
use aws_lc_rs::rand::SystemRandom;
use drywire_crypto::{KeyExchangeError, NamedGroup, PendingKeyExchange, RandomError, Secret};

/// The length of an ML-KEM-768 encapsulation key (FIPS 203, table 3).
const ENCAPSULATION_KEY_LEN: usize = 1184;
/// The length of a share of X25519 (RFC 7748).
const X25519_LEN: usize = 32;
/// The length of an ML-KEM-768 ciphertext (FIPS 203, table 3).
const CIPHERTEXT_LEN: usize = 1088;

struct Ecdh {
    group: NamedGroup,
    private: EphemeralPrivateKey,
    share: PublicKey,
}

impl Ecdh {
    fn generate(group: NamedGroup) -> Result<Self, KeyExchangeError> {
        let failed = |_| KeyExchangeError::Random(RandomError);
        let private = EphemeralPrivateKey::generate(curve(group)?, &SystemRandom::new()).map_err(failed)?;
        let share = private.compute_public_key().map_err(failed)?;
        Ok(Self { group, private, share })
    }

    /// The secret that is shared with the owner of `peer_share`, behind that of `kem` if there is one.
    fn agree(self, kem: &[u8], peer_share: &[u8]) -> Result<Secret, KeyExchangeError> {
        let invalid = KeyExchangeError::InvalidShare;
        // Only the uncompressed form is legal on NIST curves (RFC 8446, section 4.2.8.2). AWS-LC checks that the point
        // is on the curve, and that X25519 does not give zeros.
        if self.group != NamedGroup::X25519 && peer_share.first() != Some(&4) {
            return Err(invalid);
        }
        let peer = UnparsedPublicKey::new(curve(self.group)?, peer_share);
        agree_ephemeral(self.private, peer, invalid, |secret| {
            Secret::new(&[kem, secret]).map_err(|_| invalid)
        })
    }
}

impl PendingKeyExchange for Ecdh {
    fn group(&self) -> NamedGroup {
        self.group
    }

    fn share(&self) -> &[u8] {
        self.share.as_ref()
    }

    fn complete(self: Box<Self>, group: NamedGroup, peer_share: &[u8]) -> Result<Secret, KeyExchangeError> {
        if group == self.group {
            self.agree(&[], peer_share)
        } else {
            Err(KeyExchangeError::UnsupportedGroup)
        }
    }
}

/// ML-KEM-768 and X25519 side by side (RFC 10024): ML-KEM first in the shares and in the secret.
struct Hybrid {
    kem: DecapsulationKey,
    ecdh: Ecdh,
    share: [u8; ENCAPSULATION_KEY_LEN + X25519_LEN],
}

impl Hybrid {
    fn generate() -> Result<Self, KeyExchangeError> {
        let failed = KeyExchangeError::Random(RandomError);
        let kem = DecapsulationKey::generate(&ML_KEM_768).map_err(|_| failed)?;
        let ecdh = Ecdh::generate(NamedGroup::X25519)?;
        let mut share = [0; ENCAPSULATION_KEY_LEN + X25519_LEN];
        let key = kem.encapsulation_key().and_then(|key| key.key_bytes()).map_err(|_| failed)?;
        for (to, from) in share.iter_mut().zip(key.as_ref().iter().chain(ecdh.share())) {
            *to = *from;
        }
        Ok(Self { kem, ecdh, share })
    }
}

impl PendingKeyExchange for Hybrid {
    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MlKem768
    }

    fn share(&self) -> &[u8] {
        &self.share
    }

    fn classical(&self) -> Option<(NamedGroup, &[u8])> {
        Some((NamedGroup::X25519, self.ecdh.share()))
    }

    fn complete(self: Box<Self>, group: NamedGroup, peer_share: &[u8]) -> Result<Secret, KeyExchangeError> {
        if group != NamedGroup::X25519MlKem768 {
            return Box::new(self.ecdh).complete(group, peer_share);
        }
        let invalid = KeyExchangeError::InvalidShare;
        let (ciphertext, point) = peer_share.split_at_checked(CIPHERTEXT_LEN).ok_or(invalid)?;
        let kem = self.kem.decapsulate(Ciphertext::from(ciphertext)).map_err(|_| invalid)?;
        self.ecdh.agree(kem.as_ref(), point)
    }
}

pub(crate) fn start(group: NamedGroup) -> Result<Box<dyn PendingKeyExchange>, KeyExchangeError> {
    if group == NamedGroup::X25519MlKem768 {
        Ok(Box::new(Hybrid::generate()?))
    } else {
        Ok(Box::new(Ecdh::generate(group)?))
    }
}

pub(crate) fn answer(
    group: NamedGroup,
    peer_share: &[u8],
    share: &mut Vec<u8>,
) -> Result<Secret, KeyExchangeError> {
    if group != NamedGroup::X25519MlKem768 {
        let ours = Ecdh::generate(group)?;
        share.extend_from_slice(ours.share());
        return ours.agree(&[], peer_share);
    }
    let invalid = KeyExchangeError::InvalidShare;
    let (key, point) = peer_share.split_at_checked(ENCAPSULATION_KEY_LEN).ok_or(invalid)?;
    // AWS-LC does the modulus check of FIPS 203, section 7.2, when it reads and uses the key.
    let key = EncapsulationKey::new(&ML_KEM_768, key).map_err(|_| invalid)?;
    let (ciphertext, kem) = key.encapsulate().map_err(|_| invalid)?;
    let ours = Ecdh::generate(NamedGroup::X25519)?;
    share.extend_from_slice(ciphertext.as_ref());
    share.extend_from_slice(ours.share());
    ours.agree(kem.as_ref(), point)
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

    fn answered(group: NamedGroup, peer_share: &[u8]) -> Result<(Vec<u8>, Secret), KeyExchangeError> {
        let mut share = vec![1];
        let secret = answer(group, peer_share, &mut share)?;
        assert_eq!(share.remove(0), 1);
        Ok((share, secret))
    }

    #[test]
    fn both_sides_get_the_same_secret() {
        for group in GROUPS {
            let client = start(group).unwrap();
            assert_eq!(client.group(), group);
            let (share, secret) = answered(group, client.share()).unwrap();
            assert_eq!(client.complete(group, &share).unwrap().as_bytes(), secret.as_bytes(), "{group}");
        }
        assert_eq!(start(NamedGroup::X25519MlKem768).unwrap().share().len(), 1216);
    }

    #[test]
    fn the_classical_part_of_the_hybrid_stands_for_itself() {
        let client = start(NamedGroup::X25519MlKem768).unwrap();
        let (group, share) = client.classical().unwrap();
        assert_eq!(group, NamedGroup::X25519);
        assert!(client.share().ends_with(share));
        let (share, secret) = answered(group, share).unwrap();
        assert_eq!(client.complete(group, &share).unwrap().as_bytes(), secret.as_bytes());
        for (ours, other) in [
            (NamedGroup::X25519MlKem768, NamedGroup::Secp256r1),
            (NamedGroup::X25519, NamedGroup::X25519MlKem768),
            (NamedGroup::Secp256r1, NamedGroup::Secp384r1),
        ] {
            let (share, _) = answered(other, start(other).unwrap().share()).unwrap();
            assert!(start(ours).unwrap().complete(other, &share).is_err());
        }
        assert!(start(NamedGroup::X25519).unwrap().classical().is_none());
    }

    #[test]
    fn malformed_shares_are_refused() {
        for group in GROUPS {
            let good = start(group).unwrap().share().to_vec();
            for bad in [&[][..], &good[1..], &[&good[..], &[0]].concat(), &vec![0; good.len()]] {
                assert!(answered(group, bad).is_err(), "{group}");
                assert!(start(group).unwrap().complete(group, bad).is_err(), "{group}");
            }
        }
        // An ML-KEM key with a coefficient at or above the modulus 3329.
        let mut share = start(NamedGroup::X25519MlKem768).unwrap().share().to_vec();
        share[0] = 0xff;
        share[1] |= 0x0f;
        assert!(answered(NamedGroup::X25519MlKem768, &share).is_err());
    }
}

use drywire_crypto::{KeyExchangeError, NamedGroup, PendingKeyExchange, RandomError, Secret};
use getrandom::SysRng;
use ml_kem::{
    Decapsulate as _, DecapsulationKey, EncapsulationKey, KeyExport as _, MlKem768, TryKeyInit as _,
};
use p256::NistP256;
use p256::elliptic_curve::ecdh::diffie_hellman;
use p256::elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use p256::elliptic_curve::{
    AffinePoint, CurveArithmetic, FieldBytesSize, Generate as _, PublicKey, SecretKey,
};
use p384::NistP384;
use x25519_dalek::StaticSecret;
use zeroize::Zeroizing;

/// The length of an ML-KEM-768 encapsulation key (FIPS 203, table 3).
const ENCAPSULATION_KEY_LEN: usize = 1184;
/// The length of an ML-KEM-768 ciphertext (FIPS 203, table 3).
const CIPHERTEXT_LEN: usize = 1088;

const INVALID: KeyExchangeError = KeyExchangeError::InvalidShare;
const NO_RANDOMNESS: KeyExchangeError = KeyExchangeError::Random(RandomError);

/// A private key of a key exchange. Each kind wipes itself when dropped.
pub(crate) enum Private {
    X25519(StaticSecret),
    P256(SecretKey<NistP256>),
    P384(SecretKey<NistP384>),
}

impl Private {
    fn generate(group: NamedGroup) -> Result<Self, KeyExchangeError> {
        match group {
            NamedGroup::X25519 => Ok(Self::X25519(StaticSecret::from(*random::<32>()?))),
            NamedGroup::Secp256r1 => {
                SecretKey::try_generate_from_rng(&mut SysRng).map(Self::P256).map_err(|_| NO_RANDOMNESS)
            }
            NamedGroup::Secp384r1 => {
                SecretKey::try_generate_from_rng(&mut SysRng).map(Self::P384).map_err(|_| NO_RANDOMNESS)
            }
            _ => Err(KeyExchangeError::UnsupportedGroup),
        }
    }

    const fn group(&self) -> NamedGroup {
        match self {
            Self::X25519(_) => NamedGroup::X25519,
            Self::P256(_) => NamedGroup::Secp256r1,
            Self::P384(_) => NamedGroup::Secp384r1,
        }
    }

    fn share(&self) -> Vec<u8> {
        match self {
            Self::X25519(private) => x25519_dalek::PublicKey::from(private).as_bytes().to_vec(),
            Self::P256(private) => private.public_key().to_sec1_point(false).as_bytes().to_vec(),
            Self::P384(private) => private.public_key().to_sec1_point(false).as_bytes().to_vec(),
        }
    }

    /// The secret that is shared with the owner of `peer_share`, behind that of `kem` if there is one.
    pub(crate) fn agree(&self, kem: &[u8], peer_share: &[u8]) -> Result<Secret, KeyExchangeError> {
        match self {
            Self::X25519(private) => {
                let peer: [u8; 32] = peer_share.try_into().map_err(|_| INVALID)?;
                let secret = private.diffie_hellman(&peer.into());
                // A point of small order gives zeros, which is refused (RFC 8446, section 7.4.2).
                if !secret.was_contributory() {
                    return Err(INVALID);
                }
                Secret::new(&[kem, secret.as_bytes()]).map_err(|_| INVALID)
            }
            Self::P256(private) => on_curve(private, kem, peer_share),
            Self::P384(private) => on_curve(private, kem, peer_share),
        }
    }
}

fn on_curve<C>(private: &SecretKey<C>, kem: &[u8], peer_share: &[u8]) -> Result<Secret, KeyExchangeError>
where
    C: CurveArithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
{
    // Only the uncompressed form is legal (RFC 8446, section 4.2.8.2). The point must be on the curve and not at
    // infinity, which reading it checks.
    if peer_share.first() != Some(&4) {
        return Err(INVALID);
    }
    let peer = PublicKey::<C>::from_sec1_bytes(peer_share).map_err(|_| INVALID)?;
    let secret = diffie_hellman(private.to_nonzero_scalar(), peer.as_affine());
    Secret::new(&[kem, secret.raw_secret_bytes()]).map_err(|_| INVALID)
}

struct Ecdh {
    private: Private,
    share: Vec<u8>,
}

impl Ecdh {
    fn generate(group: NamedGroup) -> Result<Self, KeyExchangeError> {
        let private = Private::generate(group)?;
        let share = private.share();
        Ok(Self { private, share })
    }
}

impl PendingKeyExchange for Ecdh {
    fn group(&self) -> NamedGroup {
        self.private.group()
    }

    fn share(&self) -> &[u8] {
        &self.share
    }

    fn complete(self: Box<Self>, group: NamedGroup, peer_share: &[u8]) -> Result<Secret, KeyExchangeError> {
        if group == self.group() {
            self.private.agree(&[], peer_share)
        } else {
            Err(KeyExchangeError::UnsupportedGroup)
        }
    }
}

/// ML-KEM-768 and X25519 side by side (RFC 10024): ML-KEM first in the shares and in the secret.
struct Hybrid {
    kem: DecapsulationKey<MlKem768>,
    ecdh: Ecdh,
    share: Vec<u8>,
}

impl Hybrid {
    fn generate() -> Result<Self, KeyExchangeError> {
        let kem = DecapsulationKey::from_seed((*random::<64>()?).into());
        let ecdh = Ecdh::generate(NamedGroup::X25519)?;
        let mut share = kem.encapsulation_key().to_bytes().to_vec();
        share.extend_from_slice(&ecdh.share);
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
        let (ciphertext, point) = peer_share.split_at_checked(CIPHERTEXT_LEN).ok_or(INVALID)?;
        let kem = Zeroizing::new(self.kem.decapsulate_slice(ciphertext).map_err(|_| INVALID)?);
        self.ecdh.private.agree(&kem, point)
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
        share.extend_from_slice(&ours.share);
        return ours.private.agree(&[], peer_share);
    }
    let (key, point) = peer_share.split_at_checked(ENCAPSULATION_KEY_LEN).ok_or(INVALID)?;
    // Reading the key does the modulus check of FIPS 203, section 7.2.
    let key = EncapsulationKey::<MlKem768>::new_from_slice(key).map_err(|_| INVALID)?;
    let message = random::<32>()?;
    let (ciphertext, kem) = key.encapsulate_deterministic(&(*message).into());
    let kem = Zeroizing::new(kem);
    let ours = Ecdh::generate(NamedGroup::X25519)?;
    share.extend_from_slice(&ciphertext);
    share.extend_from_slice(&ours.share);
    ours.private.agree(&kem, point)
}

fn random<const LEN: usize>() -> Result<Zeroizing<[u8; LEN]>, KeyExchangeError> {
    let mut bytes = Zeroizing::new([0; LEN]);
    getrandom::fill(&mut *bytes).map_err(|_| NO_RANDOMNESS)?;
    Ok(bytes)
}

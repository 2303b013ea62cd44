use std::sync::Arc;

use drywire_crypto::{
    HashAlgorithm, InvalidKey, KeyAlgorithm, PublicKey, SignError, SignatureScheme, SigningKey, VerifyError,
};
use getrandom::SysRng;
use p256::ecdsa::signature::hazmat::{PrehashVerifier as _, RandomizedPrehashSigner as _};
use p256::elliptic_curve::Generate as _;
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use zeroize::Zeroizing;

use crate::{ed25519, hash};

/// A private key with its public point, which peers are shown. The private part wipes itself when dropped.
struct Ecdsa {
    private: Private,
    public: Vec<u8>,
}

enum Private {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
}

impl Private {
    fn with_public_key(self) -> Arc<dyn SigningKey> {
        let public = match &self {
            Self::P256(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Self::P384(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
        };
        Arc::new(Ecdsa { private: self, public })
    }
}

pub(crate) fn generate(algorithm: KeyAlgorithm) -> Result<Arc<dyn SigningKey>, InvalidKey> {
    let rng = &mut SysRng;
    let key = match algorithm {
        KeyAlgorithm::Ed25519 => return ed25519::generate(),
        KeyAlgorithm::EcdsaP256 => {
            Private::P256(p256::ecdsa::SigningKey::try_generate_from_rng(rng).map_err(|_| InvalidKey)?)
        }
        KeyAlgorithm::EcdsaP384 => {
            Private::P384(p384::ecdsa::SigningKey::try_generate_from_rng(rng).map_err(|_| InvalidKey)?)
        }
        _ => return Err(InvalidKey),
    };
    Ok(key.with_public_key())
}

pub(crate) fn load(algorithm: KeyAlgorithm, pkcs8: &[u8]) -> Result<Arc<dyn SigningKey>, InvalidKey> {
    let key = match algorithm {
        KeyAlgorithm::Ed25519 => return ed25519::load(pkcs8),
        KeyAlgorithm::EcdsaP256 => {
            Private::P256(p256::ecdsa::SigningKey::from_pkcs8_der(pkcs8).map_err(|_| InvalidKey)?)
        }
        KeyAlgorithm::EcdsaP384 => {
            Private::P384(p384::ecdsa::SigningKey::from_pkcs8_der(pkcs8).map_err(|_| InvalidKey)?)
        }
        _ => return Err(InvalidKey),
    };
    Ok(key.with_public_key())
}

impl SigningKey for Ecdsa {
    fn algorithm(&self) -> KeyAlgorithm {
        match self.private {
            Private::P256(_) => KeyAlgorithm::EcdsaP256,
            Private::P384(_) => KeyAlgorithm::EcdsaP384,
        }
    }

    fn public_key(&self) -> &[u8] {
        &self.public
    }

    fn supports(&self, scheme: SignatureScheme) -> bool {
        scheme.fits(self.algorithm())
    }

    fn sign(
        &self,
        scheme: SignatureScheme,
        message: &[u8],
        signature: &mut Vec<u8>,
    ) -> Result<(), SignError> {
        if !self.supports(scheme) {
            return Err(SignError);
        }
        let digest = hash::digest(scheme.hash(), &[message]);
        // The nonce is that of RFC 6979 with fresh randomness added (its section 3.6): a fault or a bad source of
        // randomness alone does not give the key away.
        match &self.private {
            Private::P256(key) => {
                let signed: p256::ecdsa::Signature =
                    key.sign_prehash_with_rng(&mut SysRng, digest.as_bytes()).map_err(|_| SignError)?;
                signature.extend_from_slice(signed.to_der().as_bytes());
            }
            Private::P384(key) => {
                let signed: p384::ecdsa::Signature =
                    key.sign_prehash_with_rng(&mut SysRng, digest.as_bytes()).map_err(|_| SignError)?;
                signature.extend_from_slice(signed.to_der().as_bytes());
            }
        }
        Ok(())
    }

    fn to_pkcs8(&self) -> Option<Zeroizing<Vec<u8>>> {
        let document = match &self.private {
            Private::P256(key) => key.to_pkcs8_der(),
            Private::P384(key) => key.to_pkcs8_der(),
        };
        document.ok().map(|document| document.to_bytes())
    }
}

/// Verifies a signature of ECDSA. The scheme says the hash function and the key says the curve.
pub(crate) fn verify(
    scheme: SignatureScheme,
    key: &PublicKey<'_>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), VerifyError> {
    debug_assert!(matches!(scheme.hash(), HashAlgorithm::Sha256 | HashAlgorithm::Sha384));
    let digest = hash::digest(scheme.hash(), &[message]);
    let failed = |_| VerifyError;
    if key.algorithm == KeyAlgorithm::EcdsaP256 {
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key.bytes).map_err(failed)?;
        let signature = p256::ecdsa::Signature::from_der(signature).map_err(failed)?;
        key.verify_prehash(digest.as_bytes(), &signature).map_err(failed)
    } else {
        let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(key.bytes).map_err(failed)?;
        let signature = p384::ecdsa::Signature::from_der(signature).map_err(failed)?;
        key.verify_prehash(digest.as_bytes(), &signature).map_err(failed)
    }
}

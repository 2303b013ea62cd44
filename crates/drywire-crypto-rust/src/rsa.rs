//! Verification with RSA keys: what older peers' certificates need. There is no signing here, see the documentation of
//! the crate.

use drywire_crypto::{SignatureScheme, VerifyError};
use rsa::pkcs1::RsaPublicKey as Encoded;
use rsa::pkcs1::der::Decode as _;
use rsa::sha2::{Digest as _, Sha256, Sha384, Sha512};
use rsa::traits::PublicKeyParts as _;
use rsa::{BigUint, Pkcs1v15Sign, Pss, RsaPublicKey};

/// The shortest modulus, in bits: shorter ones are no longer safe.
const MIN_BITS: usize = 2048;
/// The longest modulus, in bits: the time that a peer's key can cost us has a limit.
const MAX_BITS: usize = 8192;

/// Verifies a signature with the key in `public_key`, the `RSAPublicKey` of PKCS #1 in DER.
pub(crate) fn verify(
    scheme: SignatureScheme,
    public_key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), VerifyError> {
    let key = key(public_key)?;
    // The salt of RSASSA-PSS is as long as the hash (RFC 8446, section 4.2.3).
    let result = match scheme {
        SignatureScheme::RsaPssSha256 => {
            key.verify(Pss::new_with_salt::<Sha256>(32), &Sha256::digest(message), signature)
        }
        SignatureScheme::RsaPssSha384 => {
            key.verify(Pss::new_with_salt::<Sha384>(48), &Sha384::digest(message), signature)
        }
        SignatureScheme::RsaPssSha512 => {
            key.verify(Pss::new_with_salt::<Sha512>(64), &Sha512::digest(message), signature)
        }
        SignatureScheme::RsaPkcs1Sha256 => {
            key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message), signature)
        }
        SignatureScheme::RsaPkcs1Sha384 => {
            key.verify(Pkcs1v15Sign::new::<Sha384>(), &Sha384::digest(message), signature)
        }
        SignatureScheme::RsaPkcs1Sha512 => {
            key.verify(Pkcs1v15Sign::new::<Sha512>(), &Sha512::digest(message), signature)
        }
        _ => return Err(VerifyError),
    };
    result.map_err(|_| VerifyError)
}

fn key(public_key: &[u8]) -> Result<RsaPublicKey, VerifyError> {
    let encoded = Encoded::from_der(public_key).map_err(|_| VerifyError)?;
    let modulus = BigUint::from_bytes_be(encoded.modulus.as_bytes());
    let exponent = BigUint::from_bytes_be(encoded.public_exponent.as_bytes());
    let key = RsaPublicKey::new_with_max_size(modulus, exponent, MAX_BITS).map_err(|_| VerifyError)?;
    let is_odd = |bytes: &[u8]| bytes.last().is_some_and(|byte| byte & 1 == 1);
    let sound = key.n().bits() >= MIN_BITS
        && is_odd(encoded.modulus.as_bytes())
        && is_odd(encoded.public_exponent.as_bytes())
        && *key.e() > BigUint::from(1_u8);
    if sound { Ok(key) } else { Err(VerifyError) }
}

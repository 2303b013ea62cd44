use std::sync::Arc;

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING, ED25519, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, UnparsedPublicKey, VerificationAlgorithm,
};
use drywire_crypto::{
    HashAlgorithm, InvalidKey, KeyAlgorithm, PublicKey, SignError, SignatureScheme, SigningKey, VerifyError,
};
use zeroize::Zeroizing;

struct Ecdsa {
    algorithm: KeyAlgorithm,
    pair: EcdsaKeyPair,
}

struct Ed25519(Ed25519KeyPair);

struct Rsa(rsa::KeyPair);

pub(crate) fn generate(algorithm: KeyAlgorithm) -> Result<Arc<dyn SigningKey>, InvalidKey> {
    if algorithm == KeyAlgorithm::Ed25519 {
        return Ok(Arc::new(Ed25519(Ed25519KeyPair::generate().map_err(|_| InvalidKey)?)));
    }
    let pair = EcdsaKeyPair::generate(signing(algorithm)?).map_err(|_| InvalidKey)?;
    Ok(Arc::new(Ecdsa { algorithm, pair }))
}

pub(crate) fn load(algorithm: KeyAlgorithm, pkcs8: &[u8]) -> Result<Arc<dyn SigningKey>, InvalidKey> {
    if algorithm == KeyAlgorithm::Rsa {
        let pair = rsa::KeyPair::from_pkcs8(pkcs8).map_err(|_| InvalidKey)?;
        return Ok(Arc::new(Rsa(pair)));
    }
    if algorithm == KeyAlgorithm::Ed25519 {
        // Most tools write keys without the public part.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(|_| InvalidKey)?;
        return Ok(Arc::new(Ed25519(pair)));
    }
    let pair = EcdsaKeyPair::from_pkcs8(signing(algorithm)?, pkcs8).map_err(|_| InvalidKey)?;
    Ok(Arc::new(Ecdsa { algorithm, pair }))
}

fn signing(algorithm: KeyAlgorithm) -> Result<&'static EcdsaSigningAlgorithm, InvalidKey> {
    match algorithm {
        KeyAlgorithm::EcdsaP256 => Ok(&ECDSA_P256_SHA256_ASN1_SIGNING),
        KeyAlgorithm::EcdsaP384 => Ok(&ECDSA_P384_SHA384_ASN1_SIGNING),
        _ => Err(InvalidKey),
    }
}

impl SigningKey for Ecdsa {
    fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    fn public_key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    fn supports(&self, scheme: SignatureScheme) -> bool {
        scheme.fits(self.algorithm)
    }

    fn sign(
        &self,
        scheme: SignatureScheme,
        message: &[u8],
        signature: &mut Vec<u8>,
    ) -> Result<(), SignError> {
        let signed = match (self.algorithm, scheme) {
            (KeyAlgorithm::EcdsaP256, SignatureScheme::EcdsaP384Sha384) => {
                let hash = digest::digest(&digest::SHA384, message);
                let (leading, _) = hash.as_ref().split_at_checked(32).ok_or(SignError)?;
                self.sign_integer(leading, &digest::SHA256)?
            }
            (KeyAlgorithm::EcdsaP384, SignatureScheme::EcdsaP256Sha256) => {
                let hash = digest::digest(&digest::SHA256, message);
                self.sign_integer(&[&[0; 16], hash.as_ref()].concat(), &digest::SHA384)?
            }
            _ if scheme.key_algorithm() == self.algorithm => {
                self.pair.sign(&SystemRandom::new(), message).map_err(|_| SignError)?
            }
            _ => return Err(SignError),
        };
        signature.extend_from_slice(signed.as_ref());
        Ok(())
    }

    fn to_pkcs8(&self) -> Option<Zeroizing<Vec<u8>>> {
        self.pair.to_pkcs8v1().ok().map(|document| Zeroizing::new(document.as_ref().to_vec()))
    }
}

impl Ecdsa {
    /// Signs a hash that is not of the curve's length. ECDSA signs an integer: of a longer hash the leading bits, and a
    /// shorter one has zeros before it (FIPS 186-5, section 6.4.1). AWS-LC wants it as long as the curve's own hash.
    fn sign_integer(
        &self,
        integer: &[u8],
        length_of: &'static digest::Algorithm,
    ) -> Result<aws_lc_rs::signature::Signature, SignError> {
        let hash = Digest::import_less_safe(integer, length_of).map_err(|_| SignError)?;
        self.pair.sign_digest(&hash).map_err(|_| SignError)
    }
}

impl SigningKey for Ed25519 {
    fn algorithm(&self) -> KeyAlgorithm {
        KeyAlgorithm::Ed25519
    }

    fn public_key(&self) -> &[u8] {
        self.0.public_key().as_ref()
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
        signature.extend_from_slice(self.0.sign(message).as_ref());
        Ok(())
    }

    fn to_pkcs8(&self) -> Option<Zeroizing<Vec<u8>>> {
        self.0.to_pkcs8v1().ok().map(|document| Zeroizing::new(document.as_ref().to_vec()))
    }
}

impl SigningKey for Rsa {
    fn algorithm(&self) -> KeyAlgorithm {
        KeyAlgorithm::Rsa
    }

    fn public_key(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn sign(
        &self,
        scheme: SignatureScheme,
        message: &[u8],
        signature: &mut Vec<u8>,
    ) -> Result<(), SignError> {
        let encoding: &'static dyn RsaEncoding = match scheme {
            SignatureScheme::RsaPssSha256 => &RSA_PSS_SHA256,
            SignatureScheme::RsaPssSha384 => &RSA_PSS_SHA384,
            SignatureScheme::RsaPssSha512 => &RSA_PSS_SHA512,
            SignatureScheme::RsaPkcs1Sha256 => &RSA_PKCS1_SHA256,
            SignatureScheme::RsaPkcs1Sha384 => &RSA_PKCS1_SHA384,
            SignatureScheme::RsaPkcs1Sha512 => &RSA_PKCS1_SHA512,
            _ => return Err(SignError),
        };
        let start = signature.len();
        signature.resize(start + self.0.public_modulus_len(), 0);
        let room = signature.get_mut(start..).unwrap_or_default();
        self.0.sign(encoding, &SystemRandom::new(), message, room).map_err(|_| SignError)
    }

    fn to_pkcs8(&self) -> Option<Zeroizing<Vec<u8>>> {
        self.0.as_der().ok().map(|document| Zeroizing::new(document.as_ref().to_vec()))
    }
}

pub(crate) fn verify(
    scheme: SignatureScheme,
    key: &PublicKey<'_>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), VerifyError> {
    let algorithm: &'static dyn VerificationAlgorithm = match (key.algorithm, scheme) {
        _ if !scheme.fits(key.algorithm) => return Err(VerifyError),
        (KeyAlgorithm::EcdsaP256, _) if scheme.hash() == HashAlgorithm::Sha256 => &ECDSA_P256_SHA256_ASN1,
        (KeyAlgorithm::EcdsaP256, _) => &ECDSA_P256_SHA384_ASN1,
        (KeyAlgorithm::EcdsaP384, _) if scheme.hash() == HashAlgorithm::Sha256 => &ECDSA_P384_SHA256_ASN1,
        (KeyAlgorithm::EcdsaP384, _) => &ECDSA_P384_SHA384_ASN1,
        (KeyAlgorithm::Ed25519, _) => &ED25519,
        (_, SignatureScheme::RsaPssSha256) => &RSA_PSS_2048_8192_SHA256,
        (_, SignatureScheme::RsaPssSha384) => &RSA_PSS_2048_8192_SHA384,
        (_, SignatureScheme::RsaPssSha512) => &RSA_PSS_2048_8192_SHA512,
        (_, SignatureScheme::RsaPkcs1Sha256) => &RSA_PKCS1_2048_8192_SHA256,
        (_, SignatureScheme::RsaPkcs1Sha384) => &RSA_PKCS1_2048_8192_SHA384,
        (_, SignatureScheme::RsaPkcs1Sha512) => &RSA_PKCS1_2048_8192_SHA512,
        _ => return Err(VerifyError),
    };
    UnparsedPublicKey::new(algorithm, key.bytes).verify(message, signature).map_err(|_| VerifyError)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use drywire_crypto::{CertificateError, CertificateOptions, CertifiedKey};

    fn sign(key: &dyn SigningKey, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let mut signature = vec![1];
        key.sign(scheme, message, &mut signature)?;
        assert_eq!(signature.remove(0), 1);
        Ok(signature)
    }

    #[test]
    fn certificates_are_signed_by_their_key_and_survive_pem() {
        let provider = crate::AwsLc;
        let mut options = CertificateOptions::new(Duration::from_secs(1_700_000_000));
        options.common_name = "a,b+c=\"d\"".to_owned();
        let certified = CertifiedKey::self_signed(&provider, &options).unwrap();
        let public = PublicKey::from_certificate(certified.certificate()).unwrap();
        assert_eq!(public.bytes, certified.key().public_key());

        let signature = sign(&**certified.key(), SignatureScheme::EcdsaP256Sha256, b"message").unwrap();
        assert_eq!(verify(SignatureScheme::EcdsaP256Sha256, &public, b"message", &signature), Ok(()));
        assert!(verify(SignatureScheme::EcdsaP256Sha256, &public, b"massage", &signature).is_err());
        assert!(verify(SignatureScheme::EcdsaP384Sha384, &public, b"message", &signature).is_err());
        assert!(sign(&**certified.key(), SignatureScheme::RsaPssSha256, b"message").is_err());

        let (certificate, key) = (certified.certificate_pem().unwrap(), certified.key_pem().unwrap());
        let again = CertifiedKey::from_pem(&provider, &certificate, &key).unwrap();
        assert_eq!(again.certificate(), certified.certificate());
        assert_eq!(again.not_after(), options.not_before + options.validity);
        assert!(again.fingerprint(&provider).matches(&provider, certified.certificate()));

        let other = CertifiedKey::self_signed(&provider, &options).unwrap();
        assert!(!other.fingerprint(&provider).matches(&provider, certified.certificate()));
        let mixed = CertifiedKey::new(certified.certificate().to_vec(), other.key().clone());
        assert_eq!(mixed.unwrap_err(), CertificateError::KeyMismatch);
    }

    #[test]
    fn certificates_have_positive_serial_numbers_and_any_end() {
        use x509_cert::der::Decode as _;
        let mut serials = std::collections::HashSet::new();
        for days in [1, 30, 365, 36_500] {
            let mut options = CertificateOptions::new(Duration::from_secs(1_700_000_000));
            options.validity = Duration::from_secs(days * 86_400);
            let certified = CertifiedKey::self_signed(&crate::AwsLc, &options).unwrap();
            assert_eq!(certified.not_after(), options.not_before + options.validity);
            let parsed = x509_cert::Certificate::from_der(certified.certificate()).unwrap().tbs_certificate;
            assert_eq!(parsed.validity.not_before.to_unix_duration(), options.not_before);
            assert_eq!(parsed.validity.not_after.to_unix_duration(), certified.not_after());
            let serial = parsed.serial_number.as_bytes().to_vec();
            assert!(serial.len() == 8 && serial[0] < 0x80, "{serial:?}");
            assert!(serials.insert(serial));
        }
    }

    #[test]
    fn other_keys_sign_certificates_too() {
        let provider = crate::AwsLc;
        for algorithm in [KeyAlgorithm::EcdsaP384, KeyAlgorithm::Ed25519] {
            let key = generate(algorithm).unwrap();
            let options = CertificateOptions::new(Duration::from_secs(1_700_000_000));
            let certified = CertifiedKey::self_signed_with(&provider, key, &options).unwrap();
            assert_eq!(PublicKey::from_certificate(certified.certificate()).unwrap().algorithm, algorithm);
            let (certificate, key) = (certified.certificate_pem().unwrap(), certified.key_pem().unwrap());
            // With commentary, and with another one behind it.
            let pem = format!("ours:\n{certificate}\nour authority's:\n{certificate}");
            let again = CertifiedKey::from_pem(&provider, &pem, &key).unwrap();
            assert_eq!(again.certificate(), certified.certificate());
            assert_eq!(again.chain(), [certified.certificate()]);
        }
    }

    #[test]
    fn every_key_signs_with_every_scheme_that_it_supports() {
        let rsa = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        let pkcs8 = Rsa(rsa).to_pkcs8().unwrap();
        let keys = [
            generate(KeyAlgorithm::EcdsaP256).unwrap(),
            generate(KeyAlgorithm::EcdsaP384).unwrap(),
            generate(KeyAlgorithm::Ed25519).unwrap(),
            load(KeyAlgorithm::Rsa, &pkcs8).unwrap(),
        ];
        for key in &keys {
            let public = PublicKey { algorithm: key.algorithm(), bytes: key.public_key() };
            let mut supported = 0;
            for scheme in SignatureScheme::ALL {
                assert_eq!(key.supports(scheme), scheme.fits(key.algorithm()));
                let Ok(signature) = sign(&**key, scheme, b"message") else {
                    assert!(!key.supports(scheme), "{scheme:?}");
                    assert!(verify(scheme, &public, b"message", &[0; 70]).is_err());
                    continue;
                };
                supported += 1;
                assert_eq!(verify(scheme, &public, b"message", &signature), Ok(()), "{scheme:?}");
                assert!(verify(scheme, &public, b"massage", &signature).is_err());
                for other in SignatureScheme::ALL.into_iter().filter(|other| *other != scheme) {
                    assert!(verify(other, &public, b"message", &signature).is_err());
                }
            }
            let expected = match key.algorithm() {
                KeyAlgorithm::Rsa => 6,
                KeyAlgorithm::Ed25519 => 1,
                _ => 2,
            };
            assert_eq!(supported, expected);
        }
        assert!(load(KeyAlgorithm::Rsa, &keys[0].to_pkcs8().unwrap()).is_err());
        assert!(load(KeyAlgorithm::EcdsaP256, &pkcs8).is_err());
    }

    #[test]
    fn certificates_that_are_no_certificates_are_refused() {
        assert!(PublicKey::from_certificate(&[]).is_err());
        assert!(PublicKey::from_certificate(&[0x30; 64 * 1024]).is_err());
    }
}

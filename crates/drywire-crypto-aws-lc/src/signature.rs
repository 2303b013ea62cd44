use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1,
    ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _,
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use drywire_crypto::{
    InvalidKey, KeyAlgorithm, PublicKey, SignError, SignatureScheme, SigningKey, VerifyError,
};
use zeroize::Zeroizing;

struct Ecdsa {
    algorithm: KeyAlgorithm,
    pair: EcdsaKeyPair,
}

pub(crate) fn generate(algorithm: KeyAlgorithm) -> Result<Arc<dyn SigningKey>, InvalidKey> {
    let pair = EcdsaKeyPair::generate(signing(algorithm)?).map_err(|_| InvalidKey)?;
    Ok(Arc::new(Ecdsa { algorithm, pair }))
}

pub(crate) fn load(algorithm: KeyAlgorithm, pkcs8: &[u8]) -> Result<Arc<dyn SigningKey>, InvalidKey> {
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

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, SignError> {
        if scheme.key_algorithm() != self.algorithm {
            return Err(SignError);
        }
        let signature = self.pair.sign(&SystemRandom::new(), message).map_err(|_| SignError)?;
        Ok(signature.as_ref().to_vec())
    }

    fn to_pkcs8(&self) -> Option<Zeroizing<Vec<u8>>> {
        self.pair.to_pkcs8v1().ok().map(|document| Zeroizing::new(document.as_ref().to_vec()))
    }
}

pub(crate) fn verify(
    scheme: SignatureScheme,
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
) -> Result<(), VerifyError> {
    if scheme.key_algorithm() != key.algorithm {
        return Err(VerifyError);
    }
    let algorithm: &'static dyn VerificationAlgorithm = match scheme {
        SignatureScheme::EcdsaP256Sha256 => &ECDSA_P256_SHA256_ASN1,
        SignatureScheme::EcdsaP384Sha384 => &ECDSA_P384_SHA384_ASN1,
        SignatureScheme::RsaPssSha256 => &RSA_PSS_2048_8192_SHA256,
        SignatureScheme::RsaPkcs1Sha256 => &RSA_PKCS1_2048_8192_SHA256,
        _ => return Err(VerifyError),
    };
    UnparsedPublicKey::new(algorithm, &key.bytes).verify(message, signature).map_err(|_| VerifyError)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use drywire_crypto::{CertificateError, CertificateOptions, CertifiedKey};

    #[test]
    fn certificates_are_signed_by_their_key_and_survive_pem() {
        let provider = crate::AwsLc;
        let mut options = CertificateOptions::new(Duration::from_secs(1_700_000_000));
        options.common_name = "a,b+c=\"d\"".to_owned();
        let certified = CertifiedKey::self_signed(&provider, &options).unwrap();
        let public = PublicKey::from_certificate(certified.certificate()).unwrap();
        assert_eq!(public.bytes, certified.key().public_key());

        let signature = certified.key().sign(SignatureScheme::EcdsaP256Sha256, b"message").unwrap();
        assert_eq!(verify(SignatureScheme::EcdsaP256Sha256, &public, b"message", &signature), Ok(()));
        assert!(verify(SignatureScheme::EcdsaP256Sha256, &public, b"massage", &signature).is_err());
        assert!(verify(SignatureScheme::EcdsaP384Sha384, &public, b"message", &signature).is_err());
        assert!(certified.key().sign(SignatureScheme::EcdsaP384Sha384, b"message").is_err());

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
    fn p384_keys_sign_certificates_too() {
        let provider = crate::AwsLc;
        let key = generate(KeyAlgorithm::EcdsaP384).unwrap();
        let options = CertificateOptions::new(Duration::from_secs(1_700_000_000));
        let certified = CertifiedKey::self_signed_with(&provider, key, &options).unwrap();
        assert_eq!(
            PublicKey::from_certificate(certified.certificate()).unwrap().algorithm,
            KeyAlgorithm::EcdsaP384
        );
    }

    #[test]
    fn certificates_that_are_no_certificates_are_refused() {
        assert!(PublicKey::from_certificate(&[]).is_err());
        assert!(PublicKey::from_certificate(&[0x30; 64 * 1024]).is_err());
    }
}

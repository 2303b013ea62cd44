use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use subtle::ConstantTimeEq;
use x509_cert::Certificate;
use x509_cert::TbsCertificate;
use x509_cert::der::asn1::{
    Any, AnyRef, BitString, BitStringRef, GeneralizedTime, ObjectIdentifier, UtcTime,
};
use x509_cert::der::pem::LineEnding;
use x509_cert::der::{Decode, Encode, EncodePem, Reader as _, Tag, Tagged as _};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{
    AlgorithmIdentifierOwned, AlgorithmIdentifierRef, SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef,
};
use x509_cert::time::{Time, Validity};

use crate::{
    CertificateError, Digest, FingerprintError, HashAlgorithm, KeyAlgorithm, Provider, SignatureScheme,
    SigningKey,
};

const ID_EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const SECP256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const ID_ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");

/// The longest certificate that is looked at, in bytes. Certificates of WebRTC have 300 to 1,500.
const MAX_CERTIFICATE_LEN: usize = 16 * 1024;

/// The public key in a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey<'a> {
    /// The kind of key.
    pub algorithm: KeyAlgorithm,
    /// For elliptic curves the point as SEC 1 writes it, for RSA the `RSAPublicKey` of PKCS #1 in DER.
    pub bytes: &'a [u8],
}

impl<'a> PublicKey<'a> {
    /// The public key of a certificate in DER. Nothing else of the certificate is trusted or looked at: in WebRTC its
    /// fingerprint is what is verified (RFC 8827, section 6.5).
    pub fn from_certificate(der: &'a [u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_CERTIFICATE_LEN {
            return Err(CertificateError::Malformed);
        }
        let info = subject_public_key_info(der).map_err(|_| CertificateError::Malformed)?;
        let algorithm = match info.algorithm.oid {
            ID_EC_PUBLIC_KEY => {
                let curve = info.algorithm.parameters.ok_or(CertificateError::Malformed)?;
                match curve.try_into() {
                    Ok(SECP256R1) => KeyAlgorithm::EcdsaP256,
                    Ok(SECP384R1) => KeyAlgorithm::EcdsaP384,
                    _ => return Err(CertificateError::UnsupportedKey),
                }
            }
            ID_ED25519 => KeyAlgorithm::Ed25519,
            RSA_ENCRYPTION => KeyAlgorithm::Rsa,
            _ => return Err(CertificateError::UnsupportedKey),
        };
        let bytes = info.subject_public_key.as_bytes().ok_or(CertificateError::Malformed)?;
        Ok(Self { algorithm, bytes })
    }
}

/// Finds the key in a certificate (RFC 5280, section 4.1) without copying anything of it.
///
/// ```text
/// Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue BIT STRING }
/// TBSCertificate ::= SEQUENCE { version [0] OPTIONAL, serialNumber INTEGER, signature, issuer, validity, subject,
///                               subjectPublicKeyInfo, … }
/// ```
fn subject_public_key_info(der: &[u8]) -> x509_cert::der::Result<SubjectPublicKeyInfoRef<'_>> {
    let tbs = AnyRef::from_der(der)?.sequence(|certificate| {
        let tbs = AnyRef::decode(certificate)?;
        AlgorithmIdentifierRef::decode(certificate)?;
        BitStringRef::decode(certificate)?;
        Ok(tbs)
    })?;
    tbs.sequence(|tbs| {
        if tbs.peek_tag()?.is_context_specific() {
            AnyRef::decode(tbs)?;
        }
        AnyRef::decode(tbs)?.tag().assert_eq(Tag::Integer)?;
        for _ in ["signature", "issuer", "validity", "subject"] {
            AnyRef::decode(tbs)?.tag().assert_eq(Tag::Sequence)?;
        }
        let info = SubjectPublicKeyInfoRef::decode(tbs)?;
        while !tbs.is_finished() {
            AnyRef::decode(tbs)?;
        }
        Ok(info)
    })
}

/// What goes into a self-signed certificate.
#[derive(Clone, Debug)]
pub struct CertificateOptions {
    /// The common name; it carries no meaning in WebRTC and should not identify anybody. Default: `WebRTC`.
    pub common_name: String,
    /// The start of the validity, as the time since 1970-01-01 UTC. Give yesterday, so that peers whose clocks are
    /// behind accept the certificate.
    pub not_before: Duration,
    /// The length of the validity. Default: 30 days, as browsers do; RFC 8827 section 4.1 wants short-lived keys.
    pub validity: Duration,
}

impl CertificateOptions {
    /// The defaults, valid from `not_before`, the time since 1970-01-01 UTC.
    #[must_use]
    pub fn new(not_before: Duration) -> Self {
        Self { common_name: "WebRTC".to_owned(), not_before, validity: Duration::from_secs(30 * 24 * 3600) }
    }
}

/// A certificate together with its private key.
#[derive(Clone)]
pub struct CertifiedKey {
    certificate: Vec<u8>,
    chain: Vec<Vec<u8>>,
    key: Arc<dyn SigningKey>,
    not_after: Duration,
}

impl CertifiedKey {
    /// Generates a key (ECDSA P-256) and signs a certificate for it.
    pub fn self_signed(
        provider: &dyn Provider,
        options: &CertificateOptions,
    ) -> Result<Self, CertificateError> {
        let key = provider
            .generate_signing_key(KeyAlgorithm::EcdsaP256)
            .map_err(|_| CertificateError::UnsupportedKey)?;
        Self::self_signed_with(provider, key, options)
    }

    /// Signs a certificate for `key`.
    pub fn self_signed_with(
        provider: &dyn Provider,
        key: Arc<dyn SigningKey>,
        options: &CertificateOptions,
    ) -> Result<Self, CertificateError> {
        let elliptic =
            |curve| AlgorithmIdentifierOwned { oid: ID_EC_PUBLIC_KEY, parameters: Some(Any::from(curve)) };
        let (scheme, algorithm, signature) = match key.algorithm() {
            KeyAlgorithm::EcdsaP256 => {
                (SignatureScheme::EcdsaP256Sha256, elliptic(SECP256R1), ECDSA_WITH_SHA256)
            }
            KeyAlgorithm::EcdsaP384 => {
                (SignatureScheme::EcdsaP384Sha384, elliptic(SECP384R1), ECDSA_WITH_SHA384)
            }
            KeyAlgorithm::Ed25519 => {
                let algorithm = AlgorithmIdentifierOwned { oid: ID_ED25519, parameters: None };
                (SignatureScheme::Ed25519, algorithm, ID_ED25519)
            }
            KeyAlgorithm::Rsa => return Err(CertificateError::UnsupportedKey),
        };
        let signature_algorithm = AlgorithmIdentifierOwned { oid: signature, parameters: None };
        // 63 random bits: RFC 5280 section 4.1.2.2 wants a positive number; 64 bits is what CAs use, ours need less.
        let mut serial = [0; 8];
        provider.random(&mut serial)?;
        serial[0] = (serial[0] & 0x7F) | 0x40;
        let invalid = |_| CertificateError::InvalidOptions;
        let not_after = options.not_before.saturating_add(options.validity);
        // UTCTime ends with 2049 (RFC 5280, section 4.1.2.5).
        let time = |at| match UtcTime::from_unix_duration(at) {
            Ok(time) => Ok(Time::UtcTime(time)),
            Err(_) => GeneralizedTime::from_unix_duration(at).map(Time::GeneralTime).map_err(invalid),
        };
        // Escaped as a string of RFC 4514, so that no name can add another attribute.
        let mut name = String::from("CN=");
        for character in options.common_name.chars() {
            if !(character.is_alphanumeric() || character == ' ') {
                name.push('\\');
            }
            name.push(character);
        }
        let name = Name::from_str(&name).map_err(invalid)?;
        let tbs_certificate = TbsCertificate {
            version: x509_cert::Version::V3,
            serial_number: SerialNumber::new(&serial).map_err(invalid)?,
            signature: signature_algorithm.clone(),
            issuer: name.clone(),
            validity: Validity { not_before: time(options.not_before)?, not_after: time(not_after)? },
            subject: name,
            subject_public_key_info: SubjectPublicKeyInfoOwned {
                algorithm,
                subject_public_key: BitString::from_bytes(key.public_key()).map_err(invalid)?,
            },
            issuer_unique_id: None,
            subject_unique_id: None,
            extensions: None,
        };
        let mut signature = Vec::new();
        key.sign(scheme, &tbs_certificate.to_der().map_err(invalid)?, &mut signature)?;
        let certificate = Certificate {
            tbs_certificate,
            signature_algorithm,
            signature: BitString::from_bytes(&signature).map_err(invalid)?,
        };
        Ok(Self { certificate: certificate.to_der().map_err(invalid)?, chain: Vec::new(), key, not_after })
    }

    /// A certificate of the user's (DER) with its private key.
    pub fn new(certificate: Vec<u8>, key: Arc<dyn SigningKey>) -> Result<Self, CertificateError> {
        let public = PublicKey::from_certificate(&certificate)?;
        if public.algorithm != key.algorithm() || public.bytes != key.public_key() {
            return Err(CertificateError::KeyMismatch);
        }
        let parsed = Certificate::from_der(&certificate).map_err(|_| CertificateError::Malformed)?;
        let not_after = parsed.tbs_certificate.validity.not_after.to_unix_duration();
        Ok(Self { certificate, chain: Vec::new(), key, not_after })
    }

    /// Adds the certificates of authorities that stand behind ours, in DER, each certifying the one before it. WebRTC has
    /// no use for them, but a certificate that serves a web server, too, may have some.
    #[must_use]
    pub fn with_chain(mut self, chain: Vec<Vec<u8>>) -> Self {
        self.chain = chain;
        self
    }

    /// Reads a certificate, perhaps followed by its chain, and its private key (PKCS #8) from PEM texts.
    pub fn from_pem(provider: &dyn Provider, certificate: &str, key: &str) -> Result<Self, CertificateError> {
        let mut chain = Vec::new();
        for block in pem_blocks(certificate) {
            let (label, der) =
                x509_cert::der::pem::decode_vec(block.as_bytes()).map_err(|_| CertificateError::Malformed)?;
            if label != "CERTIFICATE" {
                return Err(CertificateError::Malformed);
            }
            chain.push(der);
        }
        if chain.is_empty() {
            return Err(CertificateError::Malformed);
        }
        let certificate = chain.remove(0);
        let algorithm = PublicKey::from_certificate(&certificate)?.algorithm;
        let (label, pkcs8) =
            x509_cert::der::pem::decode_vec(key.as_bytes()).map_err(|_| CertificateError::KeyMismatch)?;
        let pkcs8 = zeroize::Zeroizing::new(pkcs8);
        if label != "PRIVATE KEY" {
            return Err(CertificateError::KeyMismatch);
        }
        let key = provider.load_signing_key(algorithm, &pkcs8).map_err(|_| CertificateError::KeyMismatch)?;
        Ok(Self::new(certificate, key)?.with_chain(chain))
    }

    /// The certificate in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The certificates of authorities behind ours, in DER; mostly none.
    #[must_use]
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// The certificate in PEM.
    pub fn certificate_pem(&self) -> Result<String, CertificateError> {
        let certificate =
            Certificate::from_der(&self.certificate).map_err(|_| CertificateError::Malformed)?;
        certificate.to_pem(LineEnding::LF).map_err(|_| CertificateError::Malformed)
    }

    /// The private key in PEM (PKCS #8), if it may be exported.
    #[must_use]
    pub fn key_pem(&self) -> Option<zeroize::Zeroizing<String>> {
        let pkcs8 = self.key.to_pkcs8()?;
        x509_cert::der::pem::encode_string("PRIVATE KEY", LineEnding::LF, &pkcs8)
            .ok()
            .map(zeroize::Zeroizing::new)
    }

    /// The private key.
    #[must_use]
    pub fn key(&self) -> &Arc<dyn SigningKey> {
        &self.key
    }

    /// When the certificate expires, as the time since 1970-01-01 UTC.
    #[must_use]
    pub const fn not_after(&self) -> Duration {
        self.not_after
    }

    /// The certificate's fingerprint with SHA-256, for the session description.
    #[must_use]
    pub fn fingerprint(&self, provider: &dyn Provider) -> Fingerprint {
        Fingerprint::of(provider, HashAlgorithm::Sha256, &self.certificate)
    }
}

/// The blocks of a PEM text, each from its first line to its last; what stands between them is commentary (RFC 7468,
/// section 5.2).
fn pem_blocks(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.match_indices("-----BEGIN ").map(|(start, _)| start);
    starts.filter_map(|start| {
        let block = text.get(start..)?;
        let end = block.find("-----END ")?;
        let line = block.get(end..)?.find('\n').unwrap_or(block.len() - end);
        block.get(..end + line)
    })
}

impl fmt::Debug for CertifiedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertifiedKey").field("algorithm", &self.key.algorithm()).finish_non_exhaustive()
    }
}

/// The hash of a certificate, as `a=fingerprint` carries it (RFC 8122, section 5). Compared in constant time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    hash: HashAlgorithm,
    digest: Digest,
}

impl Fingerprint {
    /// The fingerprint of a certificate in DER.
    #[must_use]
    pub fn of(provider: &dyn Provider, hash: HashAlgorithm, certificate: &[u8]) -> Self {
        Self { hash, digest: provider.digest(hash, &[certificate]) }
    }

    /// The hash function.
    #[must_use]
    pub const fn hash(&self) -> HashAlgorithm {
        self.hash
    }

    /// The hash.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.digest.as_bytes()
    }

    /// Whether this is the fingerprint of `certificate` (DER), compared in constant time.
    #[must_use]
    pub fn matches(&self, provider: &dyn Provider, certificate: &[u8]) -> bool {
        let actual = provider.digest(self.hash, &[certificate]);
        actual.as_bytes().ct_eq(self.digest.as_bytes()).into()
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    /// Reads `sha-256 AB:CD:…`. The name may be in any case (RFC 8122, section 5), and so may the digits: some
    /// peers write lower case.
    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let (name, digits) = text.trim().split_once(' ').ok_or(FingerprintError::Malformed)?;
        let hash = match name.to_ascii_lowercase().as_str() {
            "sha-256" => HashAlgorithm::Sha256,
            "sha-384" => HashAlgorithm::Sha384,
            "sha-512" => HashAlgorithm::Sha512,
            _ => return Err(FingerprintError::UnsupportedHash),
        };
        let mut bytes = Vec::with_capacity(hash.output_len());
        for pair in digits.trim().split(':') {
            if pair.len() != 2 || !pair.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(FingerprintError::Malformed);
            }
            bytes.push(u8::from_str_radix(pair, 16).map_err(|_| FingerprintError::Malformed)?);
            if bytes.len() > hash.output_len() {
                return Err(FingerprintError::WrongLength);
            }
        }
        if bytes.len() != hash.output_len() {
            return Err(FingerprintError::WrongLength);
        }
        Ok(Self { hash, digest: Digest::new(&bytes) })
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.hash {
            HashAlgorithm::Sha1 => "sha-1",
            HashAlgorithm::Sha256 => "sha-256",
            HashAlgorithm::Sha384 => "sha-384",
            HashAlgorithm::Sha512 => "sha-512",
        })?;
        for (at, byte) in self.bytes().iter().enumerate() {
            write!(f, "{}{byte:02X}", if at == 0 { ' ' } else { ':' })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_strict_about_length_and_hash() {
        let good = format!("SHA-256 {}", ["aB"; 32].join(":"));
        let fingerprint: Fingerprint = good.parse().unwrap();
        assert_eq!(fingerprint.to_string(), format!("sha-256 {}", ["AB"; 32].join(":")));
        let cases = [
            ("sha-256", FingerprintError::Malformed),
            (&format!("sha-1 {}", ["AB"; 20].join(":")), FingerprintError::UnsupportedHash),
            (&format!("md5 {}", ["AB"; 16].join(":")), FingerprintError::UnsupportedHash),
            (&format!("sha-256 {}", ["AB"; 31].join(":")), FingerprintError::WrongLength),
            (&format!("sha-256 {}", ["AB"; 33].join(":")), FingerprintError::WrongLength),
            (&format!("sha-512 {}", ["AB"; 32].join(":")), FingerprintError::WrongLength),
            (&format!("sha-256 {}", ["+B"; 32].join(":")), FingerprintError::Malformed),
            (&format!("sha-256 {}", ["é"; 32].join(":")), FingerprintError::Malformed),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Fingerprint>(), Err(error), "{text}");
        }
    }
}

use crate::SignError;

/// The kind of a private key that signs handshakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// ECDSA on P-256: what every WebRTC implementation supports (RFC 8827, section 6.5).
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// RSA: verified for older peers, never generated.
    Rsa,
}

/// A signature scheme, with its number in the TLS registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureScheme {
    /// `ecdsa_secp256r1_sha256`, 0x0403.
    EcdsaP256Sha256,
    /// `ecdsa_secp384r1_sha384`, 0x0503.
    EcdsaP384Sha384,
    /// `rsa_pss_rsae_sha256`, 0x0804.
    RsaPssSha256,
    /// `rsa_pkcs1_sha256`, 0x0401: in DTLS 1.2 only.
    RsaPkcs1Sha256,
}

impl SignatureScheme {
    /// The number of the scheme in the TLS registry.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::EcdsaP256Sha256 => 0x0403,
            Self::EcdsaP384Sha384 => 0x0503,
            Self::RsaPssSha256 => 0x0804,
            Self::RsaPkcs1Sha256 => 0x0401,
        }
    }

    /// The scheme with a number in the TLS registry.
    #[must_use]
    pub const fn from_code(code: u16) -> Option<Self> {
        match code {
            0x0403 => Some(Self::EcdsaP256Sha256),
            0x0503 => Some(Self::EcdsaP384Sha384),
            0x0804 => Some(Self::RsaPssSha256),
            0x0401 => Some(Self::RsaPkcs1Sha256),
            _ => None,
        }
    }

    /// The kind of key that the scheme needs.
    #[must_use]
    pub const fn key_algorithm(self) -> KeyAlgorithm {
        match self {
            Self::EcdsaP256Sha256 => KeyAlgorithm::EcdsaP256,
            Self::EcdsaP384Sha384 => KeyAlgorithm::EcdsaP384,
            Self::RsaPssSha256 | Self::RsaPkcs1Sha256 => KeyAlgorithm::Rsa,
        }
    }
}

/// A private key that signs handshakes. It may live outside of the process.
pub trait SigningKey: Send + Sync {
    /// The kind of key.
    fn algorithm(&self) -> KeyAlgorithm;
    /// The public key: for elliptic curves the uncompressed point.
    fn public_key(&self) -> &[u8];
    /// Signs `message`. ECDSA signatures are DER-encoded.
    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, SignError>;
    /// The private key in PKCS #8 DER, if it may be exported.
    fn to_pkcs8(&self) -> Option<zeroize::Zeroizing<Vec<u8>>>;
}

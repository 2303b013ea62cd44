use crate::{HashAlgorithm, SignError};

/// The kind of a private key that signs handshakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// ECDSA on P-256: what every WebRTC implementation supports (RFC 8827, section 6.5).
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// EdDSA on Curve25519 (RFC 8032): for users' own certificates. Browsers do not verify it.
    Ed25519,
    /// RSA of 2,048 to 8,192 bits: for older peers and users' own certificates, never generated.
    Rsa,
}

/// A signature scheme, with its number in the TLS registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureScheme {
    /// `ecdsa_secp256r1_sha256`, 0x0403. In DTLS 1.2 the number says nothing of the curve.
    EcdsaP256Sha256,
    /// `ecdsa_secp384r1_sha384`, 0x0503. In DTLS 1.2 the number says nothing of the curve.
    EcdsaP384Sha384,
    /// `ed25519`, 0x0807.
    Ed25519,
    /// `rsa_pss_rsae_sha256`, 0x0804.
    RsaPssSha256,
    /// `rsa_pss_rsae_sha384`, 0x0805.
    RsaPssSha384,
    /// `rsa_pss_rsae_sha512`, 0x0806.
    RsaPssSha512,
    /// `rsa_pkcs1_sha256`, 0x0401: in DTLS 1.2 only.
    RsaPkcs1Sha256,
    /// `rsa_pkcs1_sha384`, 0x0501: in DTLS 1.2 only.
    RsaPkcs1Sha384,
    /// `rsa_pkcs1_sha512`, 0x0601: in DTLS 1.2 only.
    RsaPkcs1Sha512,
}

impl SignatureScheme {
    /// All schemes, in a sensible order of preference.
    pub const ALL: [Self; 9] = [
        Self::EcdsaP256Sha256,
        Self::Ed25519,
        Self::RsaPssSha256,
        Self::RsaPkcs1Sha256,
        Self::EcdsaP384Sha384,
        Self::RsaPssSha384,
        Self::RsaPkcs1Sha384,
        Self::RsaPssSha512,
        Self::RsaPkcs1Sha512,
    ];

    /// The number of the scheme in the TLS registry.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::EcdsaP256Sha256 => 0x0403,
            Self::EcdsaP384Sha384 => 0x0503,
            Self::Ed25519 => 0x0807,
            Self::RsaPssSha256 => 0x0804,
            Self::RsaPssSha384 => 0x0805,
            Self::RsaPssSha512 => 0x0806,
            Self::RsaPkcs1Sha256 => 0x0401,
            Self::RsaPkcs1Sha384 => 0x0501,
            Self::RsaPkcs1Sha512 => 0x0601,
        }
    }

    /// The scheme with a number in the TLS registry.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.code() == code)
    }

    /// The hash function that is signed; for EdDSA the one within it.
    #[must_use]
    pub const fn hash(self) -> HashAlgorithm {
        match self {
            Self::EcdsaP256Sha256 | Self::RsaPssSha256 | Self::RsaPkcs1Sha256 => HashAlgorithm::Sha256,
            Self::EcdsaP384Sha384 | Self::RsaPssSha384 | Self::RsaPkcs1Sha384 => HashAlgorithm::Sha384,
            Self::RsaPssSha512 | Self::RsaPkcs1Sha512 | Self::Ed25519 => HashAlgorithm::Sha512,
        }
    }

    /// The kind of key that the scheme names: what DTLS 1.3 requires (RFC 8446, section 4.2.3).
    #[must_use]
    pub const fn key_algorithm(self) -> KeyAlgorithm {
        match self {
            Self::EcdsaP256Sha256 => KeyAlgorithm::EcdsaP256,
            Self::EcdsaP384Sha384 => KeyAlgorithm::EcdsaP384,
            Self::Ed25519 => KeyAlgorithm::Ed25519,
            _ => KeyAlgorithm::Rsa,
        }
    }

    /// Whether the scheme is RSASSA-PKCS1-v1_5, which signs no handshake of DTLS 1.3 (RFC 8446, section 4.2.3).
    #[must_use]
    pub const fn is_pkcs1(self) -> bool {
        matches!(self, Self::RsaPkcs1Sha256 | Self::RsaPkcs1Sha384 | Self::RsaPkcs1Sha512)
    }

    /// Whether the scheme is of the same family as `key`: what DTLS 1.2 requires, where the number of a scheme of ECDSA
    /// names a hash function and leaves the curve open (RFC 5246, section 7.4.1.4.1; RFC 8446, section 4.2.3).
    #[must_use]
    pub const fn fits(self, key: KeyAlgorithm) -> bool {
        matches!(
            (self.key_algorithm(), key),
            (KeyAlgorithm::Rsa, KeyAlgorithm::Rsa)
                | (KeyAlgorithm::Ed25519, KeyAlgorithm::Ed25519)
                | (
                    KeyAlgorithm::EcdsaP256 | KeyAlgorithm::EcdsaP384,
                    KeyAlgorithm::EcdsaP256 | KeyAlgorithm::EcdsaP384
                )
        )
    }
}

/// A private key that signs handshakes. It may live outside of the process.
pub trait SigningKey: Send + Sync {
    /// The kind of key.
    fn algorithm(&self) -> KeyAlgorithm;
    /// The public key: for elliptic curves the uncompressed point, for RSA the `RSAPublicKey` of PKCS #1 in DER.
    fn public_key(&self) -> &[u8];
    /// Whether the key signs with `scheme`. By default: those that name this kind of key. A key on an elliptic curve may
    /// sign with the hash function of another curve's scheme, too, which only DTLS 1.2 makes use of.
    fn supports(&self, scheme: SignatureScheme) -> bool {
        scheme.key_algorithm() == self.algorithm()
    }
    /// Signs `message` with a scheme that the key [`supports`](Self::supports), and appends the signature. ECDSA
    /// signatures are DER-encoded.
    fn sign(&self, scheme: SignatureScheme, message: &[u8], signature: &mut Vec<u8>)
    -> Result<(), SignError>;
    /// The private key in PKCS #8 DER, if it may be exported.
    fn to_pkcs8(&self) -> Option<zeroize::Zeroizing<Vec<u8>>>;
}

//! Cryptographic provider traits of drywire, and certificates.
//!
//! The protocol crates name no cryptographic library: they ask a [`Provider`]. Keys are objects that are prepared once
//! (expanded AES keys, GHASH tables, the inner and outer state of HMAC) and used for many packets; one dynamic call per
//! packet is all that the indirection costs.
//!
//! Two things are built on the provider alone and live here: HKDF ([`hkdf`]) and self-signed certificates
//! ([`CertifiedKey`]).

mod aead;
mod certificate;
mod cipher;
mod error;
mod hash;
pub mod hkdf;
mod key_exchange;
mod provider;
mod secret;
mod signature;

pub use aead::{AeadAlgorithm, AeadKey, Nonce, TAG_LEN, Tag};
pub use certificate::{CertificateOptions, CertifiedKey, Fingerprint, PublicKey};
pub use cipher::{CtrAlgorithm, CtrKey, MaskKey};
pub use error::{
    CertificateError, FingerprintError, InvalidKey, KeyExchangeError, OpenError, RandomError, SealError,
    SignError, VerifyError,
};
pub use hash::{Digest, HashAlgorithm, Hasher, HmacKey};
pub use key_exchange::{NamedGroup, PendingKeyExchange};
pub use provider::Provider;
pub use secret::Secret;
pub use signature::{KeyAlgorithm, SignatureScheme, SigningKey};
/// What wipes a private key that was exported.
pub use zeroize::Zeroizing;

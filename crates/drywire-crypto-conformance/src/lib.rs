//! What every cryptographic backend of drywire must pass, as functions that panic where a backend is wrong.
//!
//! drywire names no cryptographic library: it asks a [`Provider`]. People who bring one (OpenSSL, a platform's library, a
//! hardware module behind [`SigningKey`](drywire_crypto::SigningKey)) run this suite in their tests, as the two backends
//! of drywire do:
//!
//! ```no_run
//! # fn my_provider() -> std::sync::Arc<dyn drywire_crypto::Provider> { panic!("yours") }
//! #[test]
//! fn the_backend_conforms() {
//!     drywire_crypto_conformance::check(&*my_provider());
//! }
//! # fn main() {}
//! ```
//!
//! or, with one test for each area:
//!
//! ```no_run
//! # fn my_provider() -> std::sync::Arc<dyn drywire_crypto::Provider> { panic!("yours") }
//! drywire_crypto_conformance::suite!(my_provider());
//! # fn main() {}
//! ```
//!
//! Known answers stand beside what must be refused (changed bits, short tags, points that are not on the curve, secrets
//! of zeros, keys of the wrong length) and beside what the traits promise and no vector shows: the order of shares in the
//! hybrid group, empty inputs, parts that are joined.
//!
//! # Private keys
//!
//! A provider makes its own private keys, so known answers of key exchanges do not fit through its traits. The suite
//! plays the other side with implementations of its own instead. Who can load a private key in a test implements
//! [`KnownKeys`], too, and has the vectors of RFC 7748 and, with the feature, those of Wycheproof checked by
//! [`known_keys`](fn@known_keys).
//!
//! # Wycheproof
//!
//! With the feature `wycheproof`, a function of the same name runs all vectors of [the project](https://github.com/C2SP/wycheproof) for
//! the primitives that drywire uses. They are a dependency of some tens of megabytes, therefore the feature.
//!
//! # A key that lives elsewhere
//!
//! A [`SigningKey`](drywire_crypto::SigningKey) signs handshakes, and may be a handle to a module that never gives the key
//! away. [`signing_key`](fn@signing_key) checks one:
//!
//! ```
//! use drywire_crypto::{KeyAlgorithm, SignError, SignatureScheme, SigningKey};
//!
//! /// What the module's driver offers.
//! trait Module: Send + Sync {
//!     fn sign_p256_sha256(&self, slot: u32, message: &[u8]) -> std::io::Result<Vec<u8>>;
//! }
//!
//! struct ModuleKey {
//!     module: Box<dyn Module>,
//!     slot: u32,
//!     /// The uncompressed point: 0x04, then both coordinates.
//!     public_key: Vec<u8>,
//! }
//!
//! impl SigningKey for ModuleKey {
//!     fn algorithm(&self) -> KeyAlgorithm {
//!         KeyAlgorithm::EcdsaP256
//!     }
//!
//!     fn public_key(&self) -> &[u8] {
//!         &self.public_key
//!     }
//!
//!     fn sign(&self, scheme: SignatureScheme, message: &[u8], out: &mut Vec<u8>) -> Result<(), SignError> {
//!         if scheme != SignatureScheme::EcdsaP256Sha256 {
//!             return Err(SignError);
//!         }
//!         // The signature is DER, as X.509 and TLS write it: SEQUENCE { r INTEGER, s INTEGER }.
//!         let signature = self.module.sign_p256_sha256(self.slot, message).map_err(|_| SignError)?;
//!         out.extend_from_slice(&signature);
//!         Ok(())
//!     }
//!
//!     fn to_pkcs8(&self) -> Option<drywire_crypto::Zeroizing<Vec<u8>>> {
//!         None // The key stays where it is.
//!     }
//! }
//! ```
//!
//! `CertifiedKey::new` joins it with its certificate, and `CertifiedKey::self_signed_with` makes one for it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a suite of tests fails by panicking"
)]

mod aead;
mod cipher;
mod hash;
mod hkdf;
mod key_exchange;
mod known_keys;
mod random;
mod signature;
#[cfg(feature = "wycheproof")]
pub mod wycheproof;

use drywire_crypto::Provider;

pub use aead::aead;
pub use cipher::{ctr, masks};
pub use hash::{hashes, hmac};
pub use hkdf::hkdf;
pub use key_exchange::key_exchange;
pub use known_keys::{KnownKeys, known_keys};
pub use random::random;
pub use signature::{signatures, signing_key};

/// All of the suite, but for the vectors of Wycheproof and for [`known_keys`](fn@known_keys).
///
/// # Panics
///
/// Where the provider is wrong.
pub fn check(provider: &dyn Provider) {
    random(provider);
    hashes(provider);
    hmac(provider);
    hkdf(provider);
    aead(provider);
    ctr(provider);
    masks(provider);
    key_exchange(provider);
    signatures(provider);
}

/// Makes a test of each area of the suite. The argument is an expression that gives an `Arc<dyn Provider>`.
#[macro_export]
macro_rules! suite {
    ($provider:expr) => {
        $crate::suite!(
            @ $provider, random, hashes, hmac, hkdf, aead, ctr, masks, key_exchange, signatures
        );
    };
    (@ $provider:expr, $($area:ident),+) => {
        $(
            #[test]
            fn $area() {
                $crate::$area(&*$provider);
            }
        )+
    };
}

/// The bytes that hexadecimal digits stand for.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "an odd number of digits");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits"))
        .collect()
}

//! drywire's cryptographic backend in pure Rust, on the crates of RustCrypto and dalek: it needs no C toolchain and
//! compiles for WebAssembly.
//!
//! ```
//! let provider = drywire_crypto_rust::provider();
//! let mut bytes = [0; 16];
//! provider.random(&mut bytes)?;
//! # Ok::<(), drywire_crypto::RandomError>(())
//! ```
//!
//! It knows every algorithm that drywire uses, with one exception: **it does not sign with RSA keys**. The crate `rsa`
//! is open to a timing attack on private keys (RUSTSEC-2023-0071, "Marvin"), so loading one is refused. Signatures of peers that have RSA certificates are
//! verified: that works on public values alone.
//!
//! # WebAssembly
//!
//! On `wasm32-unknown-unknown` nobody knows by the target alone where randomness comes from. The feature `wasm-js`, on by
//! default, asks the JavaScript host (`crypto.getRandomValues`); it does nothing on other targets. For a host without
//! JavaScript turn the default features off and choose a backend of the crate `getrandom` as its documentation says.
//!
//! # Speed
//!
//! AES, GHASH, SHA-1 and SHA-2 use the instructions that the processor has, which is found out at run time. The bench
//! `crypto` of the repository shows both backends side by side.

mod aead;
mod cipher;
mod ed25519;
mod hash;
mod key_exchange;
mod provider;
mod rsa;
mod signature;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use drywire_crypto::Provider;

pub use provider::PureRust;

/// The backend, ready for use.
#[must_use]
pub fn provider() -> Arc<dyn Provider> {
    Arc::new(PureRust)
}

//! drywire's default cryptographic backend: AWS-LC, through `aws-lc-rs`.
//!
//! One primitive comes from elsewhere: HMAC-SHA1 is RustCrypto's, because its SHA-1 uses the processor's SHA
//! instructions and a prepared key costs two blocks fewer per packet. SRTP's counter-mode profile and STUN spend most
//! of their time there.
//!
//! ```
//! let provider = drywire_crypto_aws_lc::provider();
//! let mut bytes = [0; 16];
//! provider.random(&mut bytes)?;
//! # Ok::<(), drywire_crypto::RandomError>(())
//! ```
//!
//! The first randomness of a process initialises AWS-LC's entropy source, which takes tens of milliseconds of CPU
//! time. Call [`Provider::random`] once at start-up to keep that out of the first connection.

mod aead;
mod cipher;
mod hash;
mod key_exchange;
mod provider;
mod signature;

use std::sync::Arc;

use drywire_crypto::Provider;

pub use provider::AwsLc;

/// The backend, ready for use.
#[must_use]
pub fn provider() -> Arc<dyn Provider> {
    Arc::new(AwsLc)
}

//! rtc-srtp, with both of its backends. It takes packets as slices and gives each back in a buffer of its own.

use drywire_srtp::Profile;
use rtc_crypto::RTCCryptoProvider;
use rtc_crypto::providers::{AwsLcRsProvider, RingProvider};
use rtc_srtp::context::Context;
use rtc_srtp::option::srtp_replay_protection;
use rtc_srtp::protection_profile::ProtectionProfile;

/// The backends, by name.
pub(crate) const BACKENDS: [&str; 2] = ["rtc-srtp, ring", "rtc-srtp, aws-lc-rs"];

/// A context as rtc uses it in a peer connection: with replay protection.
pub(crate) fn context(backend: &str, profile: Profile, key: &[u8], salt: &[u8]) -> Context {
    let profile = match profile {
        Profile::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        _ => ProtectionProfile::Aes128CmHmacSha1_80,
    };
    let replay = Some(srtp_replay_protection(128));
    let context = if backend == BACKENDS[0] {
        Context::new(key, salt, profile, replay, None, RingProvider::new().crypto())
    } else {
        Context::new(key, salt, profile, replay, None, AwsLcRsProvider::new().crypto())
    };
    context.expect("keys of the right length")
}

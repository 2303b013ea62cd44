use drywire_crypto::Provider;

/// The SRTP contexts of both directions.
pub(super) struct SrtpKeys {
    pub(super) outbound: drywire_srtp::Outbound,
    pub(super) inbound: drywire_srtp::Inbound,
}

impl SrtpKeys {
    /// The contexts with the keys that DTLS exported (RFC 5764, section 4.2); `None` without an agreed profile.
    pub(super) fn derive(provider: &dyn Provider, dtls: &drywire_dtls::Connection) -> Option<Self> {
        let material = dtls.srtp_keying_material()?;
        let profile = match material.profile {
            drywire_dtls::SrtpProfile::Aes128CmSha1_80 => drywire_srtp::Profile::Aes128CmSha1_80,
            drywire_dtls::SrtpProfile::Aes128CmSha1_32 => drywire_srtp::Profile::Aes128CmSha1_32,
            drywire_dtls::SrtpProfile::AeadAes128Gcm => drywire_srtp::Profile::AeadAes128Gcm,
            drywire_dtls::SrtpProfile::AeadAes256Gcm => drywire_srtp::Profile::AeadAes256Gcm,
            _ => return None,
        };
        let outbound =
            drywire_srtp::Outbound::new(provider, profile, &material.local_key, &material.local_salt).ok()?;
        let inbound =
            drywire_srtp::Inbound::new(provider, profile, &material.remote_key, &material.remote_salt)
                .ok()?;
        Some(Self { outbound, inbound })
    }
}

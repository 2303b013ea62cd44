use std::fmt;

/// A protection profile of DTLS-SRTP (RFC 5764, section 4.1.2; RFC 7714, section 14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// AES-128 in counter mode with HMAC-SHA1 cut to 80 bits: what every WebRTC implementation has to support.
    Aes128CmSha1_80,
    /// AES-128 in Galois/counter mode.
    AeadAes128Gcm,
}

impl Profile {
    /// The length of the master key, in bytes.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128CmSha1_80 | Self::AeadAes128Gcm => 16,
        }
    }

    /// The length of the master salt, in bytes.
    #[must_use]
    pub const fn salt_len(self) -> usize {
        match self {
            Self::Aes128CmSha1_80 => 14,
            Self::AeadAes128Gcm => 12,
        }
    }

    /// The length of the authentication tag, in bytes.
    pub(crate) const fn tag_len(self) -> usize {
        match self {
            Self::Aes128CmSha1_80 => 10,
            Self::AeadAes128Gcm => 16,
        }
    }

    /// How much longer an RTP packet becomes, in bytes.
    #[must_use]
    pub const fn rtp_overhead(self) -> usize {
        self.tag_len()
    }

    /// How much longer an RTCP datagram becomes, in bytes: the tag and the index.
    #[must_use]
    pub const fn rtcp_overhead(self) -> usize {
        self.tag_len() + 4
    }
}

impl fmt::Display for Profile {
    /// The name in the registry of DTLS-SRTP protection profiles.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aes128CmSha1_80 => "SRTP_AES128_CM_HMAC_SHA1_80",
            Self::AeadAes128Gcm => "SRTP_AEAD_AES_128_GCM",
        })
    }
}

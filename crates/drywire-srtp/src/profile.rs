use std::fmt;

/// A protection profile of DTLS-SRTP (RFC 5764, section 4.1.2; RFC 7714, section 14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// AES-128 in counter mode with HMAC-SHA1 cut to 80 bits: what every WebRTC implementation has to support.
    Aes128CmSha1_80,
    /// The same with HMAC-SHA1 cut to 32 bits on RTP; on RTCP it keeps its 80 bits. A forger succeeds once in 2^32
    /// attempts: only for links where each byte counts, and peers that insist.
    Aes128CmSha1_32,
    /// AES-128 in Galois/counter mode. The cheapest.
    AeadAes128Gcm,
    /// AES-256 in Galois/counter mode.
    AeadAes256Gcm,
}

impl Profile {
    /// All profiles.
    pub const ALL: [Self; 4] =
        [Self::Aes128CmSha1_80, Self::Aes128CmSha1_32, Self::AeadAes128Gcm, Self::AeadAes256Gcm];

    /// The length of the master key, in bytes.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128CmSha1_80 | Self::Aes128CmSha1_32 | Self::AeadAes128Gcm => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// The length of the master salt, in bytes.
    #[must_use]
    pub const fn salt_len(self) -> usize {
        match self {
            Self::Aes128CmSha1_80 | Self::Aes128CmSha1_32 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
        }
    }

    /// How much longer an RTP packet becomes, in bytes: the tag. [`Cryptex`](crate::HeaderEncryption::Cryptex) adds
    /// four more to packets that have contributing sources but no header extension.
    #[must_use]
    pub const fn rtp_overhead(self) -> usize {
        match self {
            Self::Aes128CmSha1_80 => 10,
            Self::Aes128CmSha1_32 => 4,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
        }
    }

    /// How much longer an RTCP datagram becomes, in bytes: the tag and the index.
    #[must_use]
    pub const fn rtcp_overhead(self) -> usize {
        match self {
            // 80 bits of tag with either (RFC 5764, section 4.1.2; RFC 3711, section 5.2).
            Self::Aes128CmSha1_80 | Self::Aes128CmSha1_32 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 20,
        }
    }
}

impl fmt::Display for Profile {
    /// The name in the registry of DTLS-SRTP protection profiles.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aes128CmSha1_80 => "SRTP_AES128_CM_HMAC_SHA1_80",
            Self::Aes128CmSha1_32 => "SRTP_AES128_CM_HMAC_SHA1_32",
            Self::AeadAes128Gcm => "SRTP_AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "SRTP_AEAD_AES_256_GCM",
        })
    }
}

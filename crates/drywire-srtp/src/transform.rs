//! The ciphers of the profiles, applied to one packet whose index is known.
//!
//! Buffers are changed in place. Each function that seals works on `out[start..]` and appends; each one that opens takes
//! the packet with tag and gives the length without it.

use drywire_crypto::{AeadAlgorithm, OpenError, Provider, SealError};
use drywire_rtp::Ssrc;

use crate::derive::{MasterKey, SessionKeys, Use};
use crate::{KeyError, Profile};

mod counter_mode;
mod cryptex;
mod extensions;
mod gcm;
#[cfg(test)]
pub(crate) mod tests;

use counter_mode::CounterMode;
pub(crate) use cryptex::Scope;
pub(crate) use extensions::ExtensionCipher;
use gcm::Gcm;

/// The length of the header and SSRC of an RTCP packet, which stay in the clear (RFC 3711, section 3.4).
pub(crate) const RTCP_HEADER_LEN: usize = 8;

/// The bit before the SRTCP index that says whether the packet is encrypted.
const ENCRYPTED: u32 = 0x8000_0000;

/// The keys of one direction and one use, ready for packets. Expanded once.
pub(crate) enum Transform {
    CounterMode(CounterMode),
    Gcm(Gcm),
}

impl Transform {
    /// Derives and prepares the session keys of one use.
    pub(crate) fn new(
        provider: &dyn Provider,
        profile: Profile,
        usage: Use,
        master: &MasterKey,
    ) -> Result<Self, KeyError> {
        Self::from_session_keys(provider, profile, usage, &master.session_keys(usage))
    }

    fn from_session_keys(
        provider: &dyn Provider,
        profile: Profile,
        usage: Use,
        keys: &SessionKeys,
    ) -> Result<Self, KeyError> {
        let counter_mode = |tag_len| CounterMode::new(provider, keys, tag_len).map(Self::CounterMode);
        let gcm = |algorithm| Gcm::new(provider, algorithm, keys).map(Self::Gcm);
        match (profile, usage) {
            (Profile::Aes128CmSha1_80, _) | (Profile::Aes128CmSha1_32, Use::Rtcp) => counter_mode(10),
            (Profile::Aes128CmSha1_32, Use::Rtp) => counter_mode(4),
            (Profile::AeadAes128Gcm, _) => gcm(AeadAlgorithm::Aes128Gcm),
            (Profile::AeadAes256Gcm, _) => gcm(AeadAlgorithm::Aes256Gcm),
        }
    }

    /// Encrypts the RTP packet at `out[start..]` and appends the tag.
    pub(crate) fn seal_rtp(
        &self,
        out: &mut Vec<u8>,
        start: usize,
        scope: Scope,
        ssrc: Ssrc,
        index: u64,
    ) -> Result<(), SealError> {
        match self {
            Self::CounterMode(keys) => keys.seal_rtp(out, start, scope, ssrc, index),
            Self::Gcm(keys) => keys.seal_rtp(out, start, scope, ssrc, index),
        }
    }

    /// Verifies and decrypts an RTP packet and returns its length without the tag.
    pub(crate) fn open_rtp(
        &self,
        packet: &mut [u8],
        scope: Scope,
        ssrc: Ssrc,
        index: u64,
    ) -> Result<usize, OpenError> {
        match self {
            Self::CounterMode(keys) => keys.open_rtp(packet, scope, ssrc, index),
            Self::Gcm(keys) => keys.open_rtp(packet, scope, ssrc, index),
        }
    }

    /// Encrypts the RTCP datagram at `out[start..]` and appends index and tag in the profile's order.
    pub(crate) fn seal_rtcp(
        &self,
        out: &mut Vec<u8>,
        start: usize,
        ssrc: Ssrc,
        index: u32,
    ) -> Result<(), SealError> {
        match self {
            Self::CounterMode(keys) => keys.seal_rtcp(out, start, ssrc, index),
            Self::Gcm(keys) => keys.seal_rtcp(out, start, ssrc, index),
        }
    }

    /// The word with the E bit and the index of a protected RTCP datagram.
    pub(crate) fn rtcp_word(&self, packet: &[u8]) -> Option<SrtcpWord> {
        let tag_behind = match self {
            Self::CounterMode(keys) => keys.tag_len(),
            Self::Gcm(_) => 0,
        };
        let (_, word) = packet.get(..packet.len().checked_sub(tag_behind)?)?.split_last_chunk::<4>()?;
        Some(SrtcpWord(u32::from_be_bytes(*word)))
    }

    /// Verifies and decrypts an RTCP datagram and returns its length without index and tag.
    pub(crate) fn open_rtcp(
        &self,
        packet: &mut [u8],
        ssrc: Ssrc,
        word: SrtcpWord,
    ) -> Result<usize, OpenError> {
        match self {
            Self::CounterMode(keys) => keys.open_rtcp(packet, ssrc, word),
            Self::Gcm(keys) => keys.open_rtcp(packet, ssrc, word),
        }
    }
}

/// The E bit and the 31-bit index of an SRTCP packet (RFC 3711, section 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SrtcpWord(u32);

impl SrtcpWord {
    const fn encrypted(index: u32) -> Self {
        Self(index | ENCRYPTED)
    }

    const fn is_encrypted(self) -> bool {
        self.0 & ENCRYPTED != 0
    }

    pub(crate) const fn index(self) -> u32 {
        self.0 & !ENCRYPTED
    }

    const fn bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
}

use drywire_crypto::{AeadAlgorithm, AeadKey, Nonce, OpenError, Provider, SealError, TAG_LEN};
use drywire_rtp::Ssrc;
use zeroize::Zeroizing;

use super::{RTCP_HEADER_LEN, Scope, SrtcpWord};
use crate::KeyError;
use crate::derive::SessionKeys;

#[cfg(test)]
mod tests;

/// AES in Galois/counter mode (RFC 7714).
pub(crate) struct Gcm {
    cipher: Box<dyn AeadKey>,
    /// The salt as a number of 96 bits: the upper 32, the lower 64.
    salt: Zeroizing<(u32, u64)>,
}

impl Gcm {
    pub(super) fn new(
        provider: &dyn Provider,
        algorithm: AeadAlgorithm,
        keys: &SessionKeys,
    ) -> Result<Self, KeyError> {
        let cipher = provider.aead_key(algorithm, &keys.cipher_key)?;
        let [s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, ..] = *keys.salt;
        let (upper, lower) = ([s0, s1, s2, s3], [s4, s5, s6, s7, s8, s9, s10, s11]);
        let salt = Zeroizing::new((u32::from_be_bytes(upper), u64::from_be_bytes(lower)));
        Ok(Self { cipher, salt })
    }

    /// Two zero bytes, the SSRC and 48 bits of index, added to the salt. For RTP the index is the rollover counter and
    /// the sequence number (RFC 7714, section 8.1); for RTCP the SRTCP index (section 9.1).
    fn nonce(&self, ssrc: Ssrc, index: u64) -> Nonce {
        let (upper, lower) = *self.salt;
        let [a, b, c, d] = (upper ^ ssrc.0 >> 16).to_be_bytes();
        let [e, f, g, h, i, j, k, l] = (lower ^ (u64::from(ssrc.0) << 48 | index)).to_be_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l]
    }

    /// What is authenticated besides the encrypted part of an RTCP packet: its first eight bytes and the word with the
    /// index (RFC 7714, section 9.2).
    fn rtcp_aad(header: [u8; RTCP_HEADER_LEN], word: SrtcpWord) -> [u8; RTCP_HEADER_LEN + 4] {
        let mut aad = [0; RTCP_HEADER_LEN + 4];
        for (to, from) in aad.iter_mut().zip(header.into_iter().chain(word.bytes())) {
            *to = from;
        }
        aad
    }

    pub(super) fn seal_rtp(
        &self,
        out: &mut Vec<u8>,
        start: usize,
        scope: Scope,
        ssrc: Ssrc,
        index: u64,
    ) -> Result<(), SealError> {
        let packet = out.get_mut(start..).ok_or(SealError)?;
        scope.gather(packet);
        let (header, payload) = packet.split_at_mut_checked(scope.start()).ok_or(SealError)?;
        let tag = self.cipher.seal(&self.nonce(ssrc, index), header, payload)?;
        scope.scatter(packet);
        out.extend_from_slice(&tag);
        Ok(())
    }

    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        scope: Scope,
        ssrc: Ssrc,
        index: u64,
    ) -> Result<usize, OpenError> {
        scope.gather(packet);
        let (header, payload) = packet.split_at_mut_checked(scope.start()).ok_or(OpenError)?;
        let len = self.cipher.open(&self.nonce(ssrc, index), header, payload)?;
        scope.scatter(packet);
        Ok(scope.start() + len)
    }

    pub(super) fn seal_rtcp(
        &self,
        out: &mut Vec<u8>,
        start: usize,
        ssrc: Ssrc,
        index: u32,
    ) -> Result<(), SealError> {
        let packet = out.get_mut(start..).ok_or(SealError)?;
        let (header, body) = packet.split_first_chunk_mut().ok_or(SealError)?;
        let word = SrtcpWord::encrypted(index);
        let aad = Self::rtcp_aad(*header, word);
        let tag = self.cipher.seal(&self.nonce(ssrc, u64::from(index)), &aad, body)?;
        out.extend_from_slice(&tag);
        out.extend_from_slice(&word.bytes());
        Ok(())
    }

    pub(super) fn open_rtcp(
        &self,
        packet: &mut [u8],
        ssrc: Ssrc,
        word: SrtcpWord,
    ) -> Result<usize, OpenError> {
        let nonce = self.nonce(ssrc, u64::from(word.index()));
        let (packet, _) = packet.split_last_chunk_mut::<4>().ok_or(OpenError)?;
        if word.is_encrypted() {
            let (header, body) = packet.split_first_chunk_mut().ok_or(OpenError)?;
            let aad = Self::rtcp_aad(*header, word);
            return Ok(RTCP_HEADER_LEN + self.cipher.open(&nonce, &aad, body)?);
        }
        // Nothing is encrypted, everything is authenticated: the packet and the word behind it (RFC 7714, section
        // 9.3). In the packet the tag stands between the two, so the word takes its place.
        let (_, tail) = packet.split_last_chunk::<TAG_LEN>().ok_or(OpenError)?;
        let mut tag = *tail;
        let len = packet.len() - TAG_LEN;
        let packet_and_word = packet.get_mut(..len + 4).ok_or(OpenError)?;
        let (_, gap) = packet_and_word.split_last_chunk_mut::<4>().ok_or(OpenError)?;
        *gap = word.bytes();
        self.cipher.open(&nonce, packet_and_word, &mut tag)?;
        Ok(len)
    }
}

use drywire_crypto::{CtrAlgorithm, CtrKey, Digest, HashAlgorithm, HmacKey, OpenError, Provider, SealError};
use drywire_rtp::Ssrc;
use zeroize::Zeroizing;

use super::{RTCP_HEADER_LEN, SrtcpWord};
use crate::KeyError;
use crate::derive::SessionKeys;

/// 80 bits, for RTP and for RTCP (RFC 5764, section 4.1.2).
pub(super) const TAG_LEN: usize = 10;

/// AES in counter mode with HMAC-SHA1 (RFC 3711, sections 4.1.1 and 4.2.1).
pub(crate) struct CounterMode {
    cipher: Box<dyn CtrKey>,
    auth: Box<dyn HmacKey>,
    salt: Zeroizing<[u8; 14]>,
}

impl CounterMode {
    pub(super) fn new(provider: &dyn Provider, keys: SessionKeys) -> Result<Self, KeyError> {
        Ok(Self {
            cipher: provider.ctr_key(CtrAlgorithm::Aes128, keys.cipher_key.as_slice())?,
            auth: provider.hmac_key(HashAlgorithm::Sha1, keys.auth_key.as_slice()),
            salt: keys.salt,
        })
    }

    /// The salt, with the SSRC added to its bytes 4 to 7 and the packet index to its bytes 8 to 13; the last two bytes
    /// count the blocks (RFC 3711, section 4.1.1).
    fn iv(&self, ssrc: Ssrc, index: u64) -> [u8; 16] {
        let mut iv = (u128::from(ssrc.0) << 64 | u128::from(index) << 16).to_be_bytes();
        for (byte, salt) in iv.iter_mut().zip(self.salt.iter()) {
            *byte ^= salt;
        }
        iv
    }

    fn rtp_tag(&self, packet: &[u8], index: u64) -> Digest {
        let [_, _, cycles @ .., _, _] = index.to_be_bytes();
        self.auth.sign(&[packet, &cycles])
    }

    pub(super) fn seal_rtp(
        &self,
        out: &mut Vec<u8>,
        start: usize,
        header_len: usize,
        ssrc: Ssrc,
        index: u64,
    ) -> Result<(), SealError> {
        let packet = out.get_mut(start..).ok_or(SealError)?;
        let payload = packet.get_mut(header_len..).ok_or(SealError)?;
        self.cipher.apply_keystream(&self.iv(ssrc, index), payload);
        let tag = self.rtp_tag(packet, index);
        out.extend(tag.as_bytes().iter().take(TAG_LEN));
        Ok(())
    }

    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header_len: usize,
        ssrc: Ssrc,
        index: u64,
    ) -> Result<usize, OpenError> {
        let (packet, tag) = packet.split_last_chunk_mut::<TAG_LEN>().ok_or(OpenError)?;
        let len = packet.len();
        if len < header_len || !self.rtp_tag(packet, index).starts_with(tag) {
            return Err(OpenError);
        }
        let payload = packet.get_mut(header_len..).ok_or(OpenError)?;
        self.cipher.apply_keystream(&self.iv(ssrc, index), payload);
        Ok(len)
    }

    pub(super) fn seal_rtcp(
        &self,
        out: &mut Vec<u8>,
        start: usize,
        ssrc: Ssrc,
        index: u32,
    ) -> Result<(), SealError> {
        let packet = out.get_mut(start..).ok_or(SealError)?;
        let body = packet.get_mut(RTCP_HEADER_LEN..).ok_or(SealError)?;
        self.cipher.apply_keystream(&self.iv(ssrc, u64::from(index)), body);
        let word = SrtcpWord::encrypted(index).bytes();
        let tag = self.auth.sign(&[packet, &word]);
        out.extend_from_slice(&word);
        out.extend(tag.as_bytes().iter().take(TAG_LEN));
        Ok(())
    }

    pub(super) fn open_rtcp(
        &self,
        packet: &mut [u8],
        ssrc: Ssrc,
        word: SrtcpWord,
    ) -> Result<usize, OpenError> {
        let (packet, tag) = packet.split_last_chunk_mut::<TAG_LEN>().ok_or(OpenError)?;
        // The word stands at the end of what is authenticated.
        if !self.auth.sign(&[packet]).starts_with(tag) {
            return Err(OpenError);
        }
        let (packet, _) = packet.split_last_chunk_mut::<4>().ok_or(OpenError)?;
        let len = packet.len();
        let body = packet.get_mut(RTCP_HEADER_LEN..).ok_or(OpenError)?;
        if word.is_encrypted() {
            self.cipher.apply_keystream(&self.iv(ssrc, u64::from(word.index())), body);
        }
        Ok(len)
    }
}

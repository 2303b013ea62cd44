use drywire_crypto::{CtrKey, Digest, HashAlgorithm, HmacKey, OpenError, Provider, SealError};
use drywire_rtp::Ssrc;
use zeroize::Zeroizing;

use super::{RTCP_HEADER_LEN, Scope, SrtcpWord};
use crate::KeyError;
use crate::derive::{SessionKeys, counter_mode_key};

/// AES in counter mode with HMAC-SHA1 (RFC 3711, sections 4.1.1 and 4.2.1).
pub(crate) struct CounterMode {
    cipher: Box<dyn CtrKey>,
    auth: Box<dyn HmacKey>,
    salt: Zeroizing<[u8; 14]>,
    tag_len: usize,
}

impl CounterMode {
    pub(super) fn new(provider: &dyn Provider, keys: &SessionKeys, tag_len: usize) -> Result<Self, KeyError> {
        Ok(Self {
            cipher: counter_mode_key(provider, &keys.cipher_key)?,
            auth: provider.hmac_key(HashAlgorithm::Sha1, keys.auth_key.as_slice()),
            salt: keys.salt.clone(),
            tag_len,
        })
    }

    /// How much of the HMAC is sent.
    pub(super) const fn tag_len(&self) -> usize {
        self.tag_len
    }

    fn iv(&self, ssrc: Ssrc, index: u64) -> [u8; 16] {
        iv(&self.salt, ssrc, index)
    }

    /// A packet without its tag, and the tag.
    fn split_tag<'a>(&self, packet: &'a mut [u8]) -> Option<(&'a mut [u8], &'a [u8])> {
        let (packet, tag) = packet.split_at_mut_checked(packet.len().checked_sub(self.tag_len)?)?;
        Some((packet, tag))
    }

    fn rtp_tag(&self, packet: &[u8], index: u64) -> Digest {
        let [_, _, cycles @ .., _, _] = index.to_be_bytes();
        self.auth.sign(&[packet, &cycles])
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
        let payload = packet.get_mut(scope.start()..).ok_or(SealError)?;
        self.cipher.apply_keystream(&self.iv(ssrc, index), payload);
        scope.scatter(packet);
        let tag = self.rtp_tag(packet, index);
        out.extend(tag.as_bytes().iter().take(self.tag_len));
        Ok(())
    }

    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        scope: Scope,
        ssrc: Ssrc,
        index: u64,
    ) -> Result<usize, OpenError> {
        let (packet, tag) = self.split_tag(packet).ok_or(OpenError)?;
        let len = packet.len();
        if len < scope.start() || !self.rtp_tag(packet, index).starts_with(tag) {
            return Err(OpenError);
        }
        scope.gather(packet);
        let payload = packet.get_mut(scope.start()..).ok_or(OpenError)?;
        self.cipher.apply_keystream(&self.iv(ssrc, index), payload);
        scope.scatter(packet);
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
        out.extend(tag.as_bytes().iter().take(self.tag_len));
        Ok(())
    }

    pub(super) fn open_rtcp(
        &self,
        packet: &mut [u8],
        ssrc: Ssrc,
        word: SrtcpWord,
    ) -> Result<usize, OpenError> {
        let (packet, tag) = self.split_tag(packet).ok_or(OpenError)?;
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

/// The salt, with the SSRC added to its bytes 4 to 7 and the packet index to its bytes 8 to 13; the last two bytes count
/// the blocks (RFC 3711, section 4.1.1).
pub(super) fn iv(salt: &[u8; 14], ssrc: Ssrc, index: u64) -> [u8; 16] {
    let mut iv = (u128::from(ssrc.0) << 64 | u128::from(index) << 16).to_be_bytes();
    for (byte, salt) in iv.iter_mut().zip(salt) {
        *byte ^= salt;
    }
    iv
}

use drywire_crypto::{CtrKey, Provider};
use drywire_rtp::RtpHeader;
use zeroize::Zeroizing;

use super::counter_mode::iv;
use crate::derive::{MasterKey, counter_mode_key};
use crate::{ExtensionIds, KeyError};

#[cfg(test)]
mod tests;

/// Encrypts and decrypts the values of chosen header extension elements (RFC 6904): always AES in counter mode, with
/// GCM as well (RFC 7714, section 8.3).
pub(crate) struct ExtensionCipher {
    cipher: Box<dyn CtrKey>,
    salt: Zeroizing<[u8; 14]>,
}

impl ExtensionCipher {
    pub(crate) fn new(provider: &dyn Provider, master: &MasterKey) -> Result<Self, KeyError> {
        let keys = master.header_keys();
        Ok(Self { cipher: counter_mode_key(provider, &keys.cipher_key)?, salt: keys.salt })
    }

    /// Adds the keystream to the values of the elements in `ids`. It covers the whole header extension behind profile
    /// and length, and is left out where the mask of RFC 6904, section 2.3, is zero: at identifiers, lengths, padding
    /// and all other elements.
    #[inline]
    pub(crate) fn apply(&self, packet: &mut [u8], header: &RtpHeader, index: u64, ids: ExtensionIds) {
        if !ids.is_empty() && header.extension_profile().is_some() {
            self.apply_to_some(packet, header, index, ids);
        }
    }

    fn apply_to_some(&self, packet: &mut [u8], header: &RtpHeader, index: u64, ids: ExtensionIds) {
        let begin = header.extension_range().start;
        let mut keystream = Keystream::new(&*self.cipher, iv(&self.salt, header.ssrc(), index));
        let mut offset = begin;
        while let Some((id, range)) = header.next_extension(packet, offset) {
            offset = range.end;
            if ids.contains(id) {
                let position = range.start.saturating_sub(begin);
                keystream.apply(position, packet.get_mut(range).unwrap_or_default());
            }
        }
    }
}

const CHUNK: usize = 64;

/// The keystream of one header extension, made in chunks as it is needed.
struct Keystream<'a> {
    cipher: &'a dyn CtrKey,
    iv: [u8; 16],
    /// The number of the chunk that is there.
    number: Option<usize>,
    chunk: Zeroizing<[u8; CHUNK]>,
}

impl<'a> Keystream<'a> {
    fn new(cipher: &'a dyn CtrKey, iv: [u8; 16]) -> Self {
        Self { cipher, iv, number: None, chunk: Zeroizing::new([0; CHUNK]) }
    }

    /// Adds the keystream from `position` on to `value`.
    fn apply(&mut self, position: usize, value: &mut [u8]) {
        for (at, byte) in (position..).zip(value) {
            self.seek(at / CHUNK);
            *byte ^= self.chunk.get(at % CHUNK).copied().unwrap_or_default();
        }
    }

    fn seek(&mut self, number: usize) {
        if self.number == Some(number) {
            return;
        }
        // The blocks are counted from 0 by the last two bytes, which are 0 in the IV. A header extension has less than
        // 2^18 bytes, so they suffice.
        let block = u16::try_from(number * (CHUNK / 16)).unwrap_or(u16::MAX);
        let iv = u128::from_be_bytes(self.iv) | u128::from(block);
        self.chunk.fill(0);
        self.cipher.apply_keystream(&iv.to_be_bytes(), self.chunk.as_mut());
        self.number = Some(number);
    }
}

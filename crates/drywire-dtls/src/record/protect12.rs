use drywire_crypto::{AeadAlgorithm, AeadKey, InvalidKey, Nonce, Provider, TAG_LEN};
use zeroize::Zeroizing;

use super::number::MAX_SEQUENCE;
use super::plaintext::RECORD_VERSION;
use super::{ContentType, RecordNumber};
use crate::RecordError;

/// The length of the nonce that is sent with each record of AES-GCM (RFC 5288, section 3).
const EXPLICIT_NONCE_LEN: usize = 8;

/// The keys of one direction of DTLS 1.2 (RFC 5246, section 6.2.3.3).
///
/// The nonce is always made of the epoch and the sequence number, so that it never repeats, whatever is retransmitted
/// (attack C05).
pub(crate) struct Keys12 {
    key: Box<dyn AeadKey>,
    /// The salt of AES-GCM is 4 bytes long; ChaCha20 has a mask of 12 (RFC 7905, section 2).
    iv: Zeroizing<Nonce>,
    explicit: bool,
}

impl Keys12 {
    /// The length of the fixed part of the nonce, which the key block gives.
    pub(crate) const fn fixed_iv_len(algorithm: AeadAlgorithm) -> usize {
        match algorithm {
            AeadAlgorithm::ChaCha20Poly1305 => 12,
            _ => 4,
        }
    }

    /// Prepares keys; `fixed_iv` is as long as [`fixed_iv_len`](Self::fixed_iv_len) says.
    pub(crate) fn new(
        provider: &dyn Provider,
        algorithm: AeadAlgorithm,
        key: &[u8],
        fixed_iv: &[u8],
    ) -> Result<Self, InvalidKey> {
        let mut iv = Zeroizing::new([0; 12]);
        iv.get_mut(..fixed_iv.len()).ok_or(InvalidKey)?.copy_from_slice(fixed_iv);
        let explicit = algorithm != AeadAlgorithm::ChaCha20Poly1305;
        Ok(Self { key: provider.aead_key(algorithm, key)?, iv, explicit })
    }

    /// The length of the explicit nonce between the header and the ciphertext.
    pub(crate) const fn explicit_nonce_len(&self) -> usize {
        if self.explicit { EXPLICIT_NONCE_LEN } else { 0 }
    }

    /// Encrypts `body`, which starts with room for the explicit nonce, in place; gives the tag. `id` is the connection
    /// identifier of a record that has one.
    pub(crate) fn seal(
        &self,
        content: ContentType,
        number: RecordNumber,
        id: &[u8],
        body: &mut [u8],
    ) -> Result<[u8; TAG_LEN], RecordError> {
        let packed = pack(number);
        let (explicit, plaintext) =
            body.split_at_mut_checked(self.explicit_nonce_len()).ok_or(RecordError::WrongBuffer)?;
        explicit.copy_from_slice(packed.get(..explicit.len()).unwrap_or_default());
        let aad = AdditionalData::new(content, &packed, id, plaintext.len());
        self.key.seal(&self.nonce(packed), aad.as_bytes(), plaintext).map_err(|_| RecordError::Encryption)
    }

    /// Decrypts `body`, all that comes after the header, in place; gives where the plaintext begins in it and its
    /// length. `None` when it is not authentic.
    pub(crate) fn open(
        &self,
        content: ContentType,
        number: RecordNumber,
        id: &[u8],
        body: &mut [u8],
    ) -> Option<(usize, usize)> {
        let skip = self.explicit_nonce_len();
        let (explicit, ciphertext) = body.split_at_mut_checked(skip)?;
        let plaintext_len = ciphertext.len().checked_sub(TAG_LEN)?;
        let aad = AdditionalData::new(content, &pack(number), id, plaintext_len);
        // The peer chooses the explicit nonce; mostly it is the record number.
        let nonce = match explicit.first_chunk::<EXPLICIT_NONCE_LEN>() {
            Some(explicit) => self.nonce(*explicit),
            None => self.nonce(pack(number)),
        };
        let len = self.key.open(&nonce, aad.as_bytes(), ciphertext).ok()?;
        Some((skip, len))
    }

    fn nonce(&self, packed: [u8; 8]) -> Nonce {
        let mut nonce = *self.iv;
        let (_, end) = nonce.split_at_mut(4);
        for (byte, value) in end.iter_mut().zip(packed) {
            *byte ^= value;
        }
        nonce
    }
}

/// The epoch and the sequence number as one number of 64 bits.
fn pack(number: RecordNumber) -> [u8; 8] {
    ((number.epoch << 48) | (number.sequence & MAX_SEQUENCE)).to_be_bytes()
}

/// What is authenticated besides the content.
struct AdditionalData {
    bytes: [u8; Self::MAX_LEN],
    len: usize,
}

impl AdditionalData {
    const MAX_LEN: usize = 23 + 255;

    /// `seq_num + type + version + length` (RFC 5246, section 6.2.3.3). With a connection identifier more than that (RFC
    /// 9146, section 5.3):
    ///
    /// ```text
    /// seq_num_placeholder + tls12_cid + cid_length + tls12_cid + version + epoch + sequence_number + cid + length
    /// ```
    fn new(content: ContentType, packed: &[u8; 8], id: &[u8], len: usize) -> Self {
        let [v0, v1] = RECORD_VERSION.to_be_bytes();
        let [l0, l1] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
        let mut data = Self { bytes: [0; Self::MAX_LEN], len: 0 };
        if content == ContentType::WithConnectionId {
            let id_len = u8::try_from(id.len()).unwrap_or(u8::MAX);
            data.push(&[0xFF; 8]);
            data.push(&[content.code(), id_len, content.code(), v0, v1]);
            data.push(packed);
            data.push(id);
            data.push(&[l0, l1]);
        } else {
            data.push(packed);
            data.push(&[content.code(), v0, v1, l0, l1]);
        }
        data
    }

    fn push(&mut self, bytes: &[u8]) {
        if let Some(to) = self.bytes.get_mut(self.len..self.len + bytes.len()) {
            to.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

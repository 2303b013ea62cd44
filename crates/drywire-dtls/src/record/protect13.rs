use drywire_crypto::{AeadAlgorithm, AeadKey, InvalidKey, MaskKey, Nonce, Provider, TAG_LEN};
use zeroize::Zeroizing;

use super::number::reconstruct;
use super::{ContentType, RecordNumber, UnifiedHeader};
use crate::RecordError;

/// The keys of one direction and one epoch of DTLS 1.3 (RFC 9147, section 4.2.3).
pub(crate) struct Keys13 {
    key: Box<dyn AeadKey>,
    mask: Box<dyn MaskKey>,
    iv: Zeroizing<Nonce>,
}

/// What a record of DTLS 1.3 turned out to be.
pub(crate) struct Plaintext13 {
    pub(crate) content: u8,
    pub(crate) sequence: u64,
    /// The length of the plaintext, which begins where the ciphertext did.
    pub(crate) len: usize,
}

/// Why a record of DTLS 1.3 could not be read.
pub(crate) enum OpenFailure {
    Malformed,
    Replayed,
    Forged,
}

impl Keys13 {
    pub(crate) fn new(
        provider: &dyn Provider,
        algorithm: AeadAlgorithm,
        key: &[u8],
        iv: Nonce,
        sequence_key: &[u8],
    ) -> Result<Self, InvalidKey> {
        Ok(Self {
            key: provider.aead_key(algorithm, key)?,
            mask: provider.mask_key(algorithm, sequence_key)?,
            iv: Zeroizing::new(iv),
        })
    }

    /// Seals the record at `start` of `out`: there is room for the header with the connection identifier `id`, then the
    /// plaintext. Appends the content type and the tag, writes the header and masks the sequence number.
    pub(crate) fn seal(
        &self,
        content: ContentType,
        number: RecordNumber,
        id: &[u8],
        out: &mut Vec<u8>,
        start: usize,
    ) -> Result<(), RecordError> {
        out.push(content.code());
        let header_len = UnifiedHeader::LEN + id.len();
        let record = out.get_mut(start..).ok_or(RecordError::WrongBuffer)?;
        let (head, body) = record.split_at_mut_checked(header_len).ok_or(RecordError::WrongBuffer)?;
        UnifiedHeader::put(head, number.epoch, number.sequence, id, body.len() + TAG_LEN)
            .ok_or(RecordError::WrongBuffer)?;
        // The additional data is the header before its sequence number is masked (RFC 9147, section 4.2.3).
        let nonce = self.nonce(number.sequence);
        let tag = self.key.seal(&nonce, head, body).map_err(|_| RecordError::Encryption)?;
        out.extend_from_slice(&tag);
        let record = out.get_mut(start..).ok_or(RecordError::WrongBuffer)?;
        let (head, body) = record.split_at_mut_checked(header_len).ok_or(RecordError::WrongBuffer)?;
        // At least 17 bytes stand here: the content type and the tag.
        let sample = body.first_chunk::<16>().ok_or(RecordError::WrongBuffer)?;
        let mask = self.mask.mask(sample);
        // The sequence number stands between the identifier and the length.
        let masked = head.iter_mut().skip(UnifiedHeader::ID_OFFSET + id.len()).take(2);
        for (byte, mask) in masked.zip(mask) {
            *byte ^= mask;
        }
        Ok(())
    }

    /// Opens a record in place. `expected` is the highest sequence number received plus one; `is_fresh` asks the
    /// replay window.
    pub(crate) fn open(
        &self,
        header: UnifiedHeader,
        header_len: usize,
        record: &mut [u8],
        expected: u64,
        is_fresh: impl FnOnce(u64) -> bool,
    ) -> Result<Plaintext13, OpenFailure> {
        let (head, body) = record.split_at_mut_checked(header_len).ok_or(OpenFailure::Malformed)?;
        // Fewer bytes cannot be sampled, and no sender writes them (RFC 9147, section 4.2.3).
        let sample = body.first_chunk::<16>().ok_or(OpenFailure::Malformed)?;
        let mask = self.mask.mask(sample);
        let sequence_len = if header.long_sequence { 2 } else { 1 };
        // It stands before the length, if that is there.
        let end = header_len.saturating_sub(if header.has_length { 2 } else { 0 });
        let masked = head.get_mut(end.saturating_sub(sequence_len)..end).ok_or(OpenFailure::Malformed)?;
        for (byte, mask) in masked.iter_mut().zip(mask) {
            *byte ^= mask;
        }
        let low = masked.iter().fold(0, |low, byte| low << 8 | u16::from(*byte));
        let sequence = reconstruct(expected, low, if header.long_sequence { 16 } else { 8 });
        if !is_fresh(sequence) {
            return Err(OpenFailure::Replayed);
        }
        let len = self.key.open(&self.nonce(sequence), head, body).map_err(|_| OpenFailure::Forged)?;
        // The content type is the last byte that is not zero; the zeros are padding (RFC 8446, section 5.4).
        let inner = body.get(..len).ok_or(OpenFailure::Malformed)?;
        let at = inner.iter().rposition(|byte| *byte != 0).ok_or(OpenFailure::Malformed)?;
        let content = *inner.get(at).ok_or(OpenFailure::Malformed)?;
        Ok(Plaintext13 { content, sequence, len: at })
    }

    fn nonce(&self, sequence: u64) -> Nonce {
        let mut nonce = *self.iv;
        let (_, end) = nonce.split_at_mut(4);
        for (byte, value) in end.iter_mut().zip(sequence.to_be_bytes()) {
            *byte ^= value;
        }
        nonce
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record as a peer may write it: sequence numbers of 8 bits, no length, padding.
    fn sealed(keys: &Keys13, sequence: u64, long: bool, length: bool, inner: &[u8]) -> Vec<u8> {
        let mut header = vec![0x22 | u8::from(long) << 3 | u8::from(length) << 2];
        let sequence_bytes = sequence.to_be_bytes();
        header.extend_from_slice(if long { &sequence_bytes[6..] } else { &sequence_bytes[7..] });
        if length {
            header.extend_from_slice(&u16::try_from(inner.len() + TAG_LEN).unwrap().to_be_bytes());
        }
        let mut body = inner.to_vec();
        let tag = keys.key.seal(&keys.nonce(sequence), &header, &mut body).unwrap();
        body.extend_from_slice(&tag);
        let mask = keys.mask.mask(body.first_chunk().unwrap());
        for at in 0..if long { 2 } else { 1 } {
            header[1 + at] ^= mask[at];
        }
        [header, body].concat()
    }

    #[test]
    fn all_forms_of_the_header_are_read() {
        let provider = drywire_crypto_aws_lc::provider();
        for algorithm in [AeadAlgorithm::Aes128Gcm, AeadAlgorithm::Aes256Gcm, AeadAlgorithm::ChaCha20Poly1305]
        {
            let key = vec![7; algorithm.key_len()];
            let keys = Keys13::new(&*provider, algorithm, &key, [3; 12], &key).unwrap();
            for sequence in [0_u64, 200, 300, 70_000] {
                for (long, length) in [(true, true), (true, false), (false, true), (false, false)] {
                    let mut record = sealed(&keys, sequence, long, length, b"hello\x17\0\0\0");
                    let (header, header_len, _) = UnifiedHeader::parse(&record, 0).unwrap();
                    let opened = keys.open(header, header_len, &mut record, sequence, |_| true);
                    let opened = opened.ok().unwrap();
                    assert_eq!((opened.content, opened.sequence, opened.len), (23, sequence, 5));
                    assert_eq!(&record[header_len..header_len + 5], b"hello");
                }
            }
            // Our own form is one of them.
            let mut ours = vec![0; UnifiedHeader::LEN];
            ours.extend_from_slice(b"hello");
            let number = RecordNumber { epoch: 2, sequence: 300 };
            keys.seal(ContentType::ApplicationData, number, &[], &mut ours, 0).unwrap();
            assert_eq!(ours, sealed(&keys, 300, true, true, b"hello\x17"));
            // And with a connection identifier.
            let mut with_id = vec![0; UnifiedHeader::LEN + 3];
            with_id.extend_from_slice(b"hello");
            keys.seal(ContentType::ApplicationData, number, b"abc", &mut with_id, 0).unwrap();
            assert_eq!(&with_id[..4], b"\x3Eabc");
            let (header, header_len, body_len) = UnifiedHeader::parse(&with_id, 3).unwrap();
            assert_eq!((header_len, header_len + body_len), (8, with_id.len()));
            let opened = keys.open(header, header_len, &mut with_id, 290, |_| true).ok().unwrap();
            assert_eq!((opened.content, opened.sequence, opened.len), (23, 300, 5));
            // All padding and no content type; too short to be sampled; not fresh; not authentic.
            let failure = |mut record: Vec<u8>, fresh| {
                let (header, header_len, _) = UnifiedHeader::parse(&record, 0).unwrap();
                keys.open(header, header_len, &mut record, 0, |_| fresh).err().unwrap()
            };
            assert!(matches!(failure(sealed(&keys, 0, true, true, &[0; 9]), true), OpenFailure::Malformed));
            assert!(matches!(failure(vec![0x2A, 0, 0, 1, 2, 3], true), OpenFailure::Malformed));
            assert!(matches!(failure(ours.clone(), false), OpenFailure::Replayed));
            let mut forged = ours;
            *forged.last_mut().unwrap() ^= 1;
            assert!(matches!(failure(forged, true), OpenFailure::Forged));
        }
    }
}

use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce as LcNonce, UnboundKey,
};
use drywire_crypto::{AeadAlgorithm, AeadKey, InvalidKey, Nonce, OpenError, SealError, TAG_LEN, Tag};

struct Key(LessSafeKey);

pub(crate) fn key(algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn AeadKey>, InvalidKey> {
    let algorithm = match algorithm {
        AeadAlgorithm::Aes128Gcm => &AES_128_GCM,
        AeadAlgorithm::Aes256Gcm => &AES_256_GCM,
        AeadAlgorithm::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        _ => return Err(InvalidKey),
    };
    let key = UnboundKey::new(algorithm, key).map_err(|_| InvalidKey)?;
    Ok(Box::new(Key(LessSafeKey::new(key))))
}

impl AeadKey for Key {
    fn seal(&self, nonce: &Nonce, aad: &[u8], buffer: &mut [u8]) -> Result<Tag, SealError> {
        let nonce = LcNonce::from(nonce);
        let mut tag = Tag::default();
        // "Scatter" without more to encrypt: the tag is written where it is wanted.
        self.0.seal_in_place_scatter(nonce, Aad::from(aad), buffer, &[], &mut tag).map_err(|_| SealError)?;
        Ok(tag)
    }

    fn open(&self, nonce: &Nonce, aad: &[u8], buffer: &mut [u8]) -> Result<usize, OpenError> {
        let (ciphertext, tag) = buffer.split_last_chunk_mut::<TAG_LEN>().ok_or(OpenError)?;
        self.0
            .open_in_place_separate_tag(LcNonce::from(nonce), Aad::from(aad), tag, ciphertext)
            .map(|plaintext| plaintext.len())
            .map_err(|_| OpenError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seals_and_opens_and_refuses_every_changed_bit() {
        for algorithm in [AeadAlgorithm::Aes128Gcm, AeadAlgorithm::Aes256Gcm, AeadAlgorithm::ChaCha20Poly1305]
        {
            let key = key(algorithm, &vec![7; algorithm.key_len()]).unwrap();
            let mut sealed = b"plaintext".to_vec();
            let tag = key.seal(&[1; 12], b"aad", &mut sealed).unwrap();
            sealed.extend_from_slice(&tag);
            for bit in 0..sealed.len() * 8 {
                let mut changed = sealed.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(key.open(&[1; 12], b"aad", &mut changed), Err(OpenError));
            }
            assert_eq!(key.open(&[1; 12], b"abd", &mut sealed.clone()), Err(OpenError));
            assert_eq!(key.open(&[1; 12], b"aad", &mut sealed), Ok(9));
            assert_eq!(&sealed[..9], b"plaintext");
            assert_eq!(key.open(&[1; 12], b"aad", &mut [0; 15]), Err(OpenError));
        }
        assert!(key(AeadAlgorithm::Aes128Gcm, &[0; 15]).is_err());
    }
}

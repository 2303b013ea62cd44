use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20poly1305::ChaCha20Poly1305;
use drywire_crypto::{AeadAlgorithm, AeadKey, InvalidKey, Nonce, OpenError, SealError, TAG_LEN, Tag};

/// A cipher with its round keys and the table of its authenticator, both wiped when dropped.
struct Key<C>(C);

pub(crate) fn key(algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn AeadKey>, InvalidKey> {
    match algorithm {
        AeadAlgorithm::Aes128Gcm => boxed::<Aes128Gcm>(key),
        AeadAlgorithm::Aes256Gcm => boxed::<Aes256Gcm>(key),
        AeadAlgorithm::ChaCha20Poly1305 => boxed::<ChaCha20Poly1305>(key),
        _ => Err(InvalidKey),
    }
}

fn boxed<C>(key: &[u8]) -> Result<Box<dyn AeadKey>, InvalidKey>
where
    C: AeadInOut<NonceSize = U12, TagSize = U16> + KeyInit + Send + Sync + 'static,
{
    Ok(Box::new(Key(C::new_from_slice(key).map_err(|_| InvalidKey)?)))
}

impl<C: AeadInOut<NonceSize = U12, TagSize = U16> + Send + Sync> AeadKey for Key<C> {
    fn seal(&self, nonce: &Nonce, aad: &[u8], buffer: &mut [u8]) -> Result<Tag, SealError> {
        let tag = self.0.encrypt_inout_detached(nonce.into(), aad, buffer.into()).map_err(|_| SealError)?;
        Ok(tag.into())
    }

    fn open(&self, nonce: &Nonce, aad: &[u8], buffer: &mut [u8]) -> Result<usize, OpenError> {
        let len = buffer.len().checked_sub(TAG_LEN).ok_or(OpenError)?;
        let (ciphertext, tag) = buffer.split_at_mut_checked(len).ok_or(OpenError)?;
        let tag = Tag::try_from(&*tag).map_err(|_| OpenError)?;
        self.0
            .decrypt_inout_detached(nonce.into(), aad, ciphertext.into(), &tag.into())
            .map_err(|_| OpenError)?;
        Ok(len)
    }
}

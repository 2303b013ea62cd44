use aes::cipher::consts::U16;
use aes::cipher::{
    Array, BlockCipherEncrypt, BlockSizeUser, InnerIvInit as _, KeyInit, StreamCipher as _,
    StreamCipherCoreWrapper,
};
use aes::{Aes128, Aes256};
use chacha20::ChaCha20LegacyCore;
use chacha20::cipher::{KeyIvInit as _, StreamCipherCore as _};
use ctr::CtrCore;
use ctr::flavors::Ctr128BE;
use drywire_crypto::{AeadAlgorithm, CtrAlgorithm, CtrKey, InvalidKey, MaskKey};
use zeroize::Zeroizing;

/// AES with its round keys, wiped when dropped.
struct Aes<C>(C);

/// What counter mode and masks need of AES.
trait BlockCipher: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + KeyInit + Send + Sync + 'static {}

impl BlockCipher for Aes128 {}
impl BlockCipher for Aes256 {}

fn aes<C: BlockCipher>(key: &[u8]) -> Result<Box<Aes<C>>, InvalidKey> {
    Ok(Box::new(Aes(C::new_from_slice(key).map_err(|_| InvalidKey)?)))
}

pub(crate) fn ctr_key(algorithm: CtrAlgorithm, key: &[u8]) -> Result<Box<dyn CtrKey>, InvalidKey> {
    match algorithm {
        CtrAlgorithm::Aes128 => Ok(aes::<Aes128>(key)?),
        CtrAlgorithm::Aes256 => Ok(aes::<Aes256>(key)?),
        _ => Err(InvalidKey),
    }
}

impl<C: BlockCipher> CtrKey for Aes<C> {
    fn apply_keystream(&self, iv: &[u8; 16], buffer: &mut [u8]) {
        let core = CtrCore::<_, Ctr128BE>::inner_iv_init(&self.0, iv.into());
        // A counter of 128 bits bounds no packet, so this cannot fail; were it to fail, nothing may leave in clear.
        if StreamCipherCoreWrapper::from_core(core).try_apply_keystream(buffer).is_err() {
            buffer.fill(0);
        }
    }
}

struct ChaCha(Zeroizing<[u8; 32]>);

pub(crate) fn mask_key(algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn MaskKey>, InvalidKey> {
    match algorithm {
        AeadAlgorithm::Aes128Gcm => Ok(aes::<Aes128>(key)?),
        AeadAlgorithm::Aes256Gcm => Ok(aes::<Aes256>(key)?),
        AeadAlgorithm::ChaCha20Poly1305 => {
            Ok(Box::new(ChaCha(Zeroizing::new(key.try_into().map_err(|_| InvalidKey)?))))
        }
        _ => Err(InvalidKey),
    }
}

impl<C: BlockCipher> MaskKey for Aes<C> {
    fn mask(&self, sample: &[u8; 16]) -> [u8; 5] {
        let mut block = (*sample).into();
        self.0.encrypt_block(&mut block);
        leading(&block)
    }
}

impl MaskKey for ChaCha {
    fn mask(&self, sample: &[u8; 16]) -> [u8; 5] {
        // RFC 9147, section 4.2.3: four bytes of the sample are the counter and twelve the nonce, in the order of the
        // cipher's state. In the original form of ChaCha20 the same bytes are eight of counter and eight of nonce.
        let [c0, c1, c2, c3, c4, c5, c6, c7, nonce @ ..] = *sample;
        let mut core = ChaCha20LegacyCore::new((&*self.0).into(), (&nonce).into());
        core.set_block_pos(u64::from_le_bytes([c0, c1, c2, c3, c4, c5, c6, c7]));
        let mut block = Array::default();
        core.write_keystream_block(&mut block);
        leading(&block)
    }
}

fn leading(block: &[u8]) -> [u8; 5] {
    block.first_chunk().copied().unwrap_or_default()
}

//! The bare ciphers on the bytes of a packet, with prepared keys and the packet's sequence number as nonce: what no SRTP
//! can be faster than.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use drywire_crypto::{CtrAlgorithm, CtrKey, HashAlgorithm, HmacKey, Provider};
use drywire_srtp::Profile;

use crate::HEADER;

/// The operations of one profile.
pub(crate) enum Limit {
    Gcm(LessSafeKey),
    CounterMode { cipher: Box<dyn CtrKey>, hmac: Box<dyn HmacKey> },
}

impl Limit {
    pub(crate) fn new(provider: &dyn Provider, profile: Profile, key: u8) -> Self {
        match profile {
            Profile::AeadAes128Gcm => {
                let key = UnboundKey::new(&AES_128_GCM, &[key; 16]).expect("16 bytes");
                Self::Gcm(LessSafeKey::new(key))
            }
            _ => Self::CounterMode {
                cipher: provider.ctr_key(CtrAlgorithm::Aes128, &[key; 16]).expect("16 bytes"),
                hmac: provider.hmac_key(HashAlgorithm::Sha1, &[key; 20]),
            },
        }
    }

    /// Encrypts the payload in place, and makes the tag.
    pub(crate) fn seal(&self, packet: &mut [u8]) -> [u8; 16] {
        let mut out = [0; 16];
        match self {
            Self::Gcm(key) => {
                let (header, payload) = packet.split_at_mut(HEADER);
                let nonce = nonce(header);
                let aad = Aad::from(header);
                key.seal_in_place_scatter(nonce, aad, payload, &[], &mut out).expect("it seals");
            }
            Self::CounterMode { cipher, hmac } => {
                cipher.apply_keystream(&counter(packet), &mut packet[HEADER..]);
                out.copy_from_slice(&hmac.sign(&[packet, &[0; 4]]).as_bytes()[..16]);
            }
        }
        out
    }

    /// Verifies and decrypts what [`seal`](Self::seal) made, with the tag at the end.
    pub(crate) fn open(&self, packet: &mut [u8]) {
        match self {
            Self::Gcm(key) => {
                let (header, payload) = packet.split_at_mut(HEADER);
                let (payload, tag) = payload.split_at_mut(payload.len() - 16);
                let nonce = nonce(header);
                let aad = Aad::from(header);
                key.open_in_place_separate_tag(nonce, aad, tag, payload).expect("it opens");
            }
            Self::CounterMode { cipher, hmac } => {
                let (packet, tag) = packet.split_at_mut(packet.len() - 16);
                assert!(hmac.sign(&[packet, &[0; 4]]).starts_with(tag), "it opens");
                cipher.apply_keystream(&counter(packet), &mut packet[HEADER..]);
            }
        }
    }
}

fn nonce(header: &[u8]) -> Nonce {
    let mut nonce = [0; 12];
    nonce[..2].copy_from_slice(&header[2..4]);
    Nonce::assume_unique_for_key(nonce)
}

fn counter(header: &[u8]) -> [u8; 16] {
    let mut counter = [0; 16];
    counter[..2].copy_from_slice(&header[2..4]);
    counter
}

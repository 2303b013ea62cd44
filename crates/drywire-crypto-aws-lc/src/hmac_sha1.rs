//! HMAC-SHA1 (RFC 2104) for many short messages under one key: SRTP's and STUN's.
//!
//! Between the blocks of a packet there is nothing but the block function, RustCrypto's, which uses the processor's SHA
//! instructions; blocks are hashed where they lie. For a packet of 1,200 bytes that takes a fifth less time than AWS-LC's
//! HMAC, for one of 160 bytes half of it: `benches/srtp` shows both.

use drywire_crypto::{Digest, HmacKey};
use sha1::block_api::compress;
use sha1::{Digest as _, Sha1};
use zeroize::{Zeroize, Zeroizing};

const BLOCK_LEN: usize = 64;

/// SHA-1 before the first block (FIPS 180-4, section 5.3.1).
const INITIAL: [u32; 5] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0];

/// A key, as the states of SHA-1 after the block that begins the inner hash, and the one that begins the outer hash.
pub(crate) struct HmacSha1 {
    inner: [u32; 5],
    outer: [u32; 5],
}

impl HmacSha1 {
    pub(crate) fn new(key: &[u8]) -> Self {
        let mut padded = Zeroizing::new([0; BLOCK_LEN]);
        if key.len() > BLOCK_LEN {
            // A key longer than a block is hashed first (RFC 2104, section 2).
            copy(&mut *padded, &Sha1::digest(key));
        } else {
            copy(&mut *padded, key);
        }
        let state = |pad: u8| {
            let block = Zeroizing::new(padded.map(|byte| byte ^ pad));
            let mut state = INITIAL;
            compress(&mut state, std::slice::from_ref(&*block));
            state
        };
        Self { inner: state(0x36), outer: state(0x5C) }
    }
}

impl HmacKey for HmacSha1 {
    fn sign(&self, parts: &[&[u8]]) -> Digest {
        let mut inner = Message::new(self.inner);
        for part in parts {
            inner.update(part);
        }
        // The outer hash has one more block: the digest of the inner one, a one, zeros, and the length of both blocks.
        let [a, b, c, d, e] = inner.finish();
        let block =
            [a, b, c, d, e, 0x8000_0000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8 * (64 + 20)].map(u32::to_be_bytes);
        let mut state = self.outer;
        compress(&mut state, block.as_flattened().as_chunks().0);
        Digest::new(state.map(u32::to_be_bytes).as_flattened())
    }
}

impl Drop for HmacSha1 {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

/// A hash in progress, whose first block was the padded key.
struct Message {
    state: [u32; 5],
    /// What is not hashed yet, up to two blocks, and zeros behind it. So what follows a packet, such as the rollover
    /// counter, is hashed together with the padding: each call of the block function costs.
    rest: [[u8; BLOCK_LEN]; 3],
    rest_len: usize,
    /// The length of all so far, in bytes.
    len: u64,
}

impl Message {
    const fn new(state: [u32; 5]) -> Self {
        Self { state, rest: [[0; BLOCK_LEN]; 3], rest_len: 0, len: 64 }
    }

    #[inline]
    fn update(&mut self, mut bytes: &[u8]) {
        self.len += u64::try_from(bytes.len()).unwrap_or(0);
        if self.rest_len > 0 {
            if self.rest_len + bytes.len() <= 2 * BLOCK_LEN {
                return self.keep(bytes);
            }
            // One byte at least stands in the last of the blocks.
            let blocks = self.rest_len.div_ceil(BLOCK_LEN);
            let (filling, others) =
                bytes.split_at_checked(blocks * BLOCK_LEN - self.rest_len).unwrap_or((bytes, &[]));
            self.keep(filling);
            compress(&mut self.state, self.rest.get(..blocks).unwrap_or_default());
            (self.rest, self.rest_len) = ([[0; BLOCK_LEN]; 3], 0);
            bytes = others;
        }
        let (blocks, rest) = bytes.as_chunks();
        if !blocks.is_empty() {
            compress(&mut self.state, blocks);
        }
        self.keep(rest);
    }

    #[inline]
    fn keep(&mut self, bytes: &[u8]) {
        copy(self.rest.as_flattened_mut().get_mut(self.rest_len..).unwrap_or_default(), bytes);
        self.rest_len += bytes.len();
    }

    /// Pads the last block: a one, zeros, and the length in bits (FIPS 180-4, section 5.1.1). Nothing can follow. It
    /// borrows, because moving the blocks takes a quarter of the time of a block function.
    #[inline]
    fn finish(&mut self) -> [u32; 5] {
        // The one and the length are nine bytes.
        let blocks = (self.rest_len + 9).div_ceil(BLOCK_LEN);
        let bytes = self.rest.as_flattened_mut();
        if let Some(one) = bytes.get_mut(self.rest_len) {
            *one = 0x80;
        }
        if let Some(length) = bytes.get_mut(..blocks * BLOCK_LEN).and_then(<[u8]>::last_chunk_mut) {
            *length = (8 * self.len).to_be_bytes();
        }
        compress(&mut self.state, self.rest.get(..blocks).unwrap_or_default());
        self.state
    }
}

/// Copies `from` to the begin of `to`, which is not shorter.
#[inline]
fn copy(to: &mut [u8], from: &[u8]) {
    if let Some(to) = to.get_mut(..from.len()) {
        to.copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn reference(key: &[u8], message: &[u8]) -> Vec<u8> {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
        aws_lc_rs::hmac::sign(&key, message).as_ref().to_vec()
    }

    /// RFC 2202, section 3.
    #[test]
    fn rfc_2202() {
        let cases: [(&[u8], &[u8], [u8; 4]); 7] = [
            (&[0x0b; 20], b"Hi There", [0xb6, 0x17, 0x31, 0x86]),
            (b"Jefe", b"what do ya want for nothing?", [0xef, 0xfc, 0xdf, 0x6a]),
            (&[0xaa; 20], &[0xdd; 50], [0x12, 0x5d, 0x73, 0x42]),
            (
                &std::array::from_fn::<u8, 25, _>(|at| u8::try_from(at).unwrap() + 1),
                &[0xcd; 50],
                [0x4c, 0x90, 0x07, 0xf4],
            ),
            (&[0x0c; 20], b"Test With Truncation", [0x4c, 0x1a, 0x03, 0x42]),
            (
                &[0xaa; 80],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                [0xaa, 0x4a, 0xe5, 0xe1],
            ),
            (
                &[0xaa; 80],
                b"Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
                [0xe8, 0xe9, 0x9d, 0x0f],
            ),
        ];
        for (key, message, begin) in cases {
            assert_eq!(HmacSha1::new(key).sign(&[message]).as_bytes()[..4], begin);
            assert_eq!(HmacSha1::new(key).sign(&[message]).as_bytes(), reference(key, message));
        }
    }

    /// Around the lengths where the padding needs another block.
    #[test]
    fn all_lengths() {
        let message: Vec<u8> = (0..=255).cycle().take(400).collect();
        for len in 0..message.len() {
            let key = HmacSha1::new(&message[..len % 130]);
            let expected = reference(&message[..len % 130], &message[..len]);
            assert_eq!(key.sign(&[&message[..len]]).as_bytes(), expected, "{len}");
        }
    }

    proptest! {
        #[test]
        fn parts_are_one_message(key in vec(any::<u8>(), 0..100), parts in vec(vec(any::<u8>(), 0..200), 0..6)) {
            let borrowed: Vec<&[u8]> = parts.iter().map(|part| &part[..]).collect();
            let digest = HmacSha1::new(&key).sign(&borrowed);
            prop_assert_eq!(digest.as_bytes(), reference(&key, &parts.concat()));
        }
    }
}

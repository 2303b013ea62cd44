//! HKDF (RFC 5869) over a provider's HMAC.

use zeroize::Zeroize as _;

use crate::{Digest, HashAlgorithm, HmacKey, InvalidKey, Provider, Secret};

/// The most pieces that the `info` of [`expand`] has.
const MAX_PARTS: usize = 8;

/// HKDF-Extract: a pseudorandom key out of `secret` (RFC 5869, section 2.2). An empty salt stands for zeros.
#[must_use]
pub fn extract(provider: &dyn Provider, hash: HashAlgorithm, salt: &[u8], secret: &[u8]) -> Secret {
    // HMAC pads a short key with zeros, so an empty salt already is the HashLen zeros that the RFC asks for.
    provider.hmac(hash, salt, &[secret]).into()
}

/// HKDF-Expand: fills `out` from a pseudorandom key and the concatenation of `info`, up to 8 pieces (RFC 5869, section
/// 2.3). `out` holds at most 255 times the length of the hash. [`Provider::with_hmac_key`] makes a key that is used for
/// a few calls of this.
pub fn expand(key: &dyn HmacKey, info: &[&[u8]], out: &mut [u8]) -> Result<(), InvalidKey> {
    let mut previous = Digest::new(&[]);
    let mut counter = [0_u8];
    let mut rest = out;
    while !rest.is_empty() {
        counter = [counter[0].checked_add(1).ok_or(InvalidKey)?];
        // T(n) = HMAC(PRK, T(n-1) | info | n)
        let mut parts: [&[u8]; MAX_PARTS + 2] = [&[]; MAX_PARTS + 2];
        let (first, others) = parts.split_first_mut().ok_or(InvalidKey)?;
        let (middle, others) = others.split_at_mut_checked(info.len()).ok_or(InvalidKey)?;
        let last = others.first_mut().ok_or(InvalidKey)?;
        *first = previous.as_bytes();
        middle.copy_from_slice(info);
        *last = &counter;
        let block = key.sign(&parts);
        previous.zeroize();
        previous = block;
        let len = previous.as_bytes().len().min(rest.len());
        let (filled, left) = rest.split_at_mut(len);
        filled.copy_from_slice(previous.as_bytes().get(..len).unwrap_or_default());
        rest = left;
    }
    previous.zeroize();
    Ok(())
}

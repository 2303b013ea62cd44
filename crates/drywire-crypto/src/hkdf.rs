//! HKDF (RFC 5869) over a provider's HMAC.

use crate::{Digest, HashAlgorithm, HmacKey, InvalidKey, Provider};

/// HKDF-Extract: a pseudorandom key out of `secret` (RFC 5869, section 2.2). An empty salt stands for zeros.
#[must_use]
pub fn extract(provider: &dyn Provider, hash: HashAlgorithm, salt: &[u8], secret: &[u8]) -> Digest {
    // HMAC pads a short key with zeros, so an empty salt already is the HashLen zeros that the RFC asks for.
    provider.hmac_key(hash, salt).sign(&[secret])
}

/// HKDF-Expand: fills `out` from a pseudorandom key and `info` (RFC 5869, section 2.3). `out` holds at most 255 times
/// the length of the hash.
pub fn expand(key: &dyn HmacKey, info: &[&[u8]], out: &mut [u8]) -> Result<(), InvalidKey> {
    let mut previous: Option<Digest> = None;
    let mut counter = 0_u8;
    let mut rest = out;
    while !rest.is_empty() {
        counter = counter.checked_add(1).ok_or(InvalidKey)?;
        let mut parts: Vec<&[u8]> = Vec::with_capacity(info.len() + 2);
        if let Some(block) = &previous {
            parts.push(block.as_bytes());
        }
        parts.extend_from_slice(info);
        let last = [counter];
        parts.push(&last);
        let block = key.sign(&parts);
        let len = block.as_bytes().len().min(rest.len());
        let (filled, left) = rest.split_at_mut(len);
        filled.copy_from_slice(block.as_bytes().get(..len).unwrap_or_default());
        rest = left;
        previous = Some(block);
    }
    Ok(())
}

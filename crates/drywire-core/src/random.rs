use std::fmt;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// Randomness that derives from a seed: the same seed gives the same bytes, on every platform.
///
/// It is ChaCha20, so what it gives is as hard to guess as the seed. Give every connection a fresh seed from the
/// operating system, and never use one twice.
pub struct Rng(ChaCha20Rng);

impl Rng {
    /// Starts from `seed`.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// A fresh seed, for a part of the machine that has randomness of its own.
    pub fn seed(&mut self) -> [u8; 32] {
        self.array()
    }

    /// `N` random bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// A random number of 32 bits.
    pub fn u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// A random number of 64 bits.
    pub fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A random number below `bound`, or 0 when `bound` is 0. The bias is below 2^-32.
    pub fn below(&mut self, bound: u32) -> u32 {
        u32::try_from((u128::from(self.u64()) * u128::from(bound)) >> 64).unwrap_or(0)
    }

    /// A random string of `len` characters out of `alphabet` (ASCII).
    pub fn string(&mut self, len: usize, alphabet: &[u8]) -> String {
        let bound = u32::try_from(alphabet.len()).unwrap_or(u32::MAX);
        (0..len)
            .filter_map(|_| usize::try_from(self.below(bound)).ok().and_then(|at| alphabet.get(at)))
            .map(|byte| char::from(*byte))
            .collect()
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rng(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides() {
        let (mut a, mut b) = (Rng::new([7; 32]), Rng::new([7; 32]));
        assert_eq!(a.array::<16>(), b.array::<16>());
        assert_ne!(a.seed(), Rng::new([8; 32]).seed());
        assert!((0..1000).all(|_| a.below(10) < 10));
        assert_eq!(a.below(0), 0);
        let text = a.string(24, b"ab");
        assert!(text.len() == 24 && text.contains('a') && text.contains('b'));
    }
}

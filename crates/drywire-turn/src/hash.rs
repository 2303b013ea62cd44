use std::hash::{BuildHasher, Hasher};

use drywire_core::Rng;

/// Makes the hashers of maps that are asked for every datagram. The keys come from outside: that nobody can choose keys
/// that collide, the hash depends on two secrets, which derive from the machine's seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seeded {
    start: u64,
    factor: u64,
}

/// A map whose order nobody asks for.
pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, Seeded>;

impl Seeded {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        // Multiplied by a number with few bits, keys would hardly be mixed.
        Self { start: rng.u64(), factor: rng.u64() | 0x8000_0000_0000_0001 }
    }
}

impl BuildHasher for Seeded {
    type Hasher = Folded;

    fn build_hasher(&self) -> Folded {
        Folded { state: self.start, factor: self.factor }
    }
}

/// Folds each word into the state by a multiplication whose upper half comes back into the lower.
#[derive(Debug)]
pub(crate) struct Folded {
    state: u64,
    factor: u64,
}

impl Folded {
    fn fold(&mut self, word: u64) {
        let product = u128::from(self.state ^ word) * u128::from(self.factor);
        let low = u64::try_from(product & u128::from(u64::MAX)).unwrap_or_default();
        let high = u64::try_from(product >> 64).unwrap_or_default();
        // A state of 0 would stay 0 whatever the factor.
        self.state = (low ^ high).rotate_left(23) ^ self.factor;
    }
}

impl Hasher for Folded {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            self.fold(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, word: u8) {
        self.fold(word.into());
    }

    fn write_u16(&mut self, word: u16) {
        self.fold(word.into());
    }

    fn write_u32(&mut self, word: u32) {
        self.fold(word.into());
    }

    fn write_u64(&mut self, word: u64) {
        self.fold(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.fold(u64::try_from(word).unwrap_or_default());
    }

    fn write_isize(&mut self, word: isize) {
        self.fold(u64::try_from(word).unwrap_or_default());
    }

    fn finish(&self) -> u64 {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn addresses_that_follow_each_other_spread() {
        let mut rng = Rng::new([7; 32]);
        for _ in 0..20 {
            let seeded = Seeded::new(&mut rng);
            let mut hashes = BTreeSet::new();
            let mut buckets = vec![0_u32; 1024];
            for index in 0..20_000_u32 {
                let port = u16::try_from(index % 200).unwrap();
                let address = SocketAddr::from(((0x0A00_0000 + index / 200).to_be_bytes(), port));
                let hash = seeded.hash_one(address);
                hashes.insert(hash);
                buckets[usize::try_from(hash % 1024).unwrap()] += 1;
            }
            assert_eq!(hashes.len(), 20_000);
            // 20 each are expected.
            assert!(buckets.iter().all(|count| *count < 60), "{:?}", buckets.iter().max());
        }
    }
}

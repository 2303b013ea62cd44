use std::net::{IpAddr, SocketAddr};

use drywire_core::{Duration, Instant, Rng};

/// How many sources are told apart. More share their budgets.
const BUCKETS: usize = 4096;

/// How much a server sends to addresses that nobody has proven to own, so that it is no amplifier for who forges them
/// (attack B04). Its memory is fixed: sources are hashed (attack B05).
#[derive(Debug)]
pub(super) struct ReflectionLimit {
    key: u64,
    factor: u64,
    bytes_per_second: usize,
    buckets: Vec<Bucket>,
}

/// What was sent to a source within one second.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    since: Instant,
    sent: usize,
}

impl ReflectionLimit {
    pub(super) fn new(bytes_per_second: usize, now: Instant, rng: &mut Rng) -> Self {
        let buckets = vec![Bucket { since: now, sent: 0 }; BUCKETS];
        Self { key: rng.u64(), factor: rng.u64() | 1, bytes_per_second, buckets }
    }

    /// Whether an answer of so many bytes may go to `source` now.
    pub(super) fn allows(&mut self, now: Instant, source: SocketAddr, bytes: usize) -> bool {
        let network = match source.ip() {
            IpAddr::V4(ip) => u64::from(ip.to_bits()),
            // Whoever has one address of a network of IPv6 has them all.
            IpAddr::V6(ip) => u64::try_from(ip.to_bits() >> 64).unwrap_or_default(),
        };
        let hash = (network ^ self.key).wrapping_mul(self.factor);
        let index = usize::try_from(hash >> 32).unwrap_or_default() % BUCKETS;
        let Some(bucket) = self.buckets.get_mut(index) else { return false };
        if now.saturating_duration_since(bucket.since) >= Duration::from_secs(1) {
            *bucket = Bucket { since: now, sent: 0 };
        }
        let allowed = bucket.sent + bytes <= self.bytes_per_second;
        if allowed {
            bucket.sent += bytes;
        }
        allowed
    }
}

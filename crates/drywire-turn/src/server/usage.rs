//! What users and sources have, and how much of the bandwidth (RFC 8656, section 7.2).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use drywire_core::{Duration, Instant};

use super::Config;

/// What is sent at once at least, in bytes: a train of datagrams.
const LEAST_BURST: u64 = 65_536;

/// The two ways through the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    ToPeers,
    ToClients,
}

/// A user with allocations. Its place in [`Usage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HolderId(usize);

/// Counts allocations, and the bytes of each second.
#[derive(Debug)]
pub(super) struct Usage {
    holders: Vec<Holder>,
    free: Vec<usize>,
    by_name: BTreeMap<Box<str>, usize>,
    sources: BTreeMap<IpAddr, usize>,
    all: Buckets,
    limits: Limits,
}

#[derive(Debug)]
struct Holder {
    name: Box<str>,
    allocations: usize,
    buckets: Buckets,
}

/// Bytes per second, each way.
#[derive(Clone, Copy, Debug)]
struct Limits {
    holder: Option<u64>,
    all: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Buckets {
    to_peers: Bucket,
    to_clients: Bucket,
}

/// A token bucket that holds what may be sent within half a second.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: u64,
    filled: Instant,
}

impl Bucket {
    const fn burst(rate: u64) -> u64 {
        if rate / 2 > LEAST_BURST { rate / 2 } else { LEAST_BURST }
    }

    fn fill(&mut self, now: Instant, rate: u64) {
        let elapsed = now.saturating_duration_since(self.filled).min(Duration::from_secs(3600));
        // An hour in microseconds leaves room for rates of a terabyte.
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let gained = rate.saturating_mul(micros) / 1_000_000;
        // Calls in short succession must not lose the parts of a byte that each gains.
        if gained > 0 {
            self.filled = now;
            self.tokens = self.tokens.saturating_add(gained).min(Self::burst(rate));
        }
    }

    /// How many of these bytes there are.
    fn most(&mut self, now: Instant, rate: Option<u64>, bytes: u64) -> u64 {
        let Some(rate) = rate else { return bytes };
        self.fill(now, rate);
        self.tokens.min(bytes)
    }

    fn has(&mut self, now: Instant, rate: Option<u64>, bytes: u64) -> bool {
        let Some(rate) = rate else { return true };
        self.fill(now, rate);
        self.tokens >= bytes
    }
}

impl Buckets {
    const fn new(now: Instant, rate: Option<u64>) -> Self {
        let tokens = match rate {
            Some(rate) => Bucket::burst(rate),
            None => 0,
        };
        let bucket = Bucket { tokens, filled: now };
        Self { to_peers: bucket, to_clients: bucket }
    }

    const fn of(&mut self, way: Way) -> &mut Bucket {
        match way {
            Way::ToPeers => &mut self.to_peers,
            Way::ToClients => &mut self.to_clients,
        }
    }
}

/// Whoever has one address of a network of IPv6 has them all.
fn network(source: SocketAddr) -> IpAddr {
    match source.ip().to_canonical() {
        IpAddr::V4(ip) => ip.into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
    }
}

impl Usage {
    pub(super) const fn new(config: &Config, now: Instant) -> Self {
        let limits = Limits { holder: config.max_user_bytes_per_second, all: config.max_bytes_per_second };
        Self {
            holders: Vec::new(),
            free: Vec::new(),
            by_name: BTreeMap::new(),
            sources: BTreeMap::new(),
            all: Buckets::new(now, limits.all),
            limits,
        }
    }

    /// How many allocations a user has.
    pub(super) fn of_holder(&self, name: &str) -> usize {
        let holder = self.by_name.get(name).and_then(|index| self.holders.get(*index));
        holder.map_or(0, |holder| holder.allocations)
    }

    /// How many allocations the clients at an address have.
    pub(super) fn of_source(&self, source: SocketAddr) -> usize {
        self.sources.get(&network(source)).copied().unwrap_or(0)
    }

    /// Counts one more allocation.
    pub(super) fn add(&mut self, now: Instant, name: &str, source: SocketAddr) -> HolderId {
        *self.sources.entry(network(source)).or_default() += 1;
        if let Some(index) = self.by_name.get(name) {
            if let Some(holder) = self.holders.get_mut(*index) {
                holder.allocations += 1;
            }
            return HolderId(*index);
        }
        let buckets = Buckets::new(now, self.limits.holder);
        let holder = Holder { name: name.into(), allocations: 1, buckets };
        let reused = self.free.pop().filter(|index| *index < self.holders.len());
        let index = reused.unwrap_or(self.holders.len());
        match self.holders.get_mut(index) {
            Some(place) => *place = holder,
            None => self.holders.push(holder),
        }
        self.by_name.insert(name.into(), index);
        HolderId(index)
    }

    /// Counts one less.
    pub(super) fn remove(&mut self, id: HolderId, source: SocketAddr) {
        self.leave(source);
        let Some(holder) = self.holders.get_mut(id.0) else { return };
        holder.allocations = holder.allocations.saturating_sub(1);
        if holder.allocations == 0 && self.by_name.remove(&holder.name).is_some() {
            self.free.push(id.0);
        }
    }

    /// The client of an allocation has gone from one address to another (RFC 8016).
    pub(super) fn moved(&mut self, from: SocketAddr, to: SocketAddr) {
        self.leave(from);
        *self.sources.entry(network(to)).or_default() += 1;
    }

    fn leave(&mut self, source: SocketAddr) {
        let source = network(source);
        if let Some(count) = self.sources.get_mut(&source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.sources.remove(&source);
            }
        }
    }

    /// Takes as many of these bytes as a user, and all users, may send now.
    pub(super) fn take(&mut self, now: Instant, id: HolderId, way: Way, bytes: usize) -> usize {
        let limits = self.limits;
        if limits.all.is_none() && limits.holder.is_none() {
            return bytes;
        }
        let Some(holder) = self.holders.get_mut(id.0) else { return 0 };
        let (own, all) = (holder.buckets.of(way), self.all.of(way));
        let wanted = u64::try_from(bytes).unwrap_or(u64::MAX);
        let granted = own.most(now, limits.holder, wanted).min(all.most(now, limits.all, wanted));
        own.tokens = own.tokens.saturating_sub(granted);
        all.tokens = all.tokens.saturating_sub(granted);
        usize::try_from(granted).unwrap_or(bytes)
    }

    /// Takes so many bytes from what a user, and all users, may send now. `false` when there is not as much.
    pub(super) fn charge(&mut self, now: Instant, id: HolderId, way: Way, bytes: usize) -> bool {
        let limits = self.limits;
        if limits.all.is_none() && limits.holder.is_none() {
            return true;
        }
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let Some(holder) = self.holders.get_mut(id.0) else { return false };
        let (own, all) = (holder.buckets.of(way), self.all.of(way));
        if !own.has(now, limits.holder, bytes) || !all.has(now, limits.all, bytes) {
            return false;
        }
        own.tokens = own.tokens.saturating_sub(bytes);
        all.tokens = all.tokens.saturating_sub(bytes);
        true
    }
}

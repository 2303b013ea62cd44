//! The server for any number of clients (RFC 8656).

mod allocate;
mod config;
mod event;
mod limit;
mod peers;
mod policy;
mod relay;
mod request;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use bytes::BytesMut;
use drywire_core::{Instant, Monotonic, Path, Protocol, Rng, Transmit};
use drywire_stun::attributes::AddressFamily;

pub use config::Config;
pub use event::{AllocationId, Event, Stats};
pub use policy::PeerPolicy;

use crate::CommandError;
use crate::credential::Authority;
use crate::deadlines::Deadlines;
use crate::framer::Framer;
use allocate::Allocation;
use limit::ReflectionLimit;
use relay::Outgoing;

/// The longest message over a stream before there is an allocation.
const LONGEST_UNPROVEN: usize = 4096;

/// Relays between its clients and their peers.
///
/// Datagrams come in by [`handle_input`](Self::handle_input), those of clients and those of peers: `path.local` says which
/// socket took them. Sockets of relayed addresses are the adapter's, which [`Event::RelayWanted`] and
/// [`Event::RelayReleased`] ask for. Over a stream the input is the bytes as they come.
#[derive(Debug)]
pub struct Server {
    clock: Monotonic,
    config: Config,
    rng: Rng,
    authority: Authority,
    limit: ReflectionLimit,
    next_id: u64,
    allocations: BTreeMap<AllocationId, Allocation>,
    by_client: BTreeMap<Path, AllocationId>,
    by_relay: BTreeMap<SocketAddr, AllocationId>,
    /// How many allocations each user has.
    users: BTreeMap<String, usize>,
    timers: Deadlines<AllocationId>,
    /// Streams within a message.
    streams: BTreeMap<Path, Framer>,
    outgoing: VecDeque<Outgoing>,
    outgoing_bytes: usize,
    events: VecDeque<Event>,
    stats: Stats,
}

impl Server {
    /// A server without clients. `seed` must be fresh.
    #[must_use]
    pub fn new(config: Config, now: Instant, seed: [u8; 32]) -> Self {
        let mut rng = Rng::new(seed);
        let authority = Authority::new(
            &*config.provider,
            config.realm.clone(),
            &config.users,
            rng.seed(),
            now,
            config.nonce_lifetime,
        );
        let limit = ReflectionLimit::new(config.unproven_bytes_per_second, now, &mut rng);
        Self {
            clock: Monotonic::new(now),
            config,
            rng,
            authority,
            limit,
            next_id: 0,
            allocations: BTreeMap::new(),
            by_client: BTreeMap::new(),
            by_relay: BTreeMap::new(),
            users: BTreeMap::new(),
            timers: Deadlines::new(),
            streams: BTreeMap::new(),
            outgoing: VecDeque::new(),
            outgoing_bytes: 0,
            events: VecDeque::new(),
            stats: Stats::default(),
        }
    }

    /// Takes a datagram of a client or a peer, or the next bytes of a client's stream.
    pub fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        let now = self.advance(now);
        if path.protocol != Protocol::Udp {
            return self.take_stream(now, path, datagram);
        }
        match self.by_relay.get(&path.local) {
            Some(id) => self.take_from_peer(now, *id, path.remote, datagram),
            None => self.take(now, path, datagram),
        }
    }

    /// Lets the time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    /// The adapter has opened a relayed address. On an error the socket is of no use any more: close it.
    pub fn relay_opened(
        &mut self,
        now: Instant,
        allocation: AllocationId,
        relayed: SocketAddr,
    ) -> Result<(), CommandError> {
        let now = self.advance(now);
        self.opened(now, allocation, AddressFamily::of(relayed), Some(relayed))
    }

    /// The adapter has no relayed address of this IP version.
    pub fn relay_unavailable(
        &mut self,
        now: Instant,
        allocation: AllocationId,
        family: AddressFamily,
    ) -> Result<(), CommandError> {
        let now = self.advance(now);
        self.opened(now, allocation, family, None)
    }

    /// A client's stream has ended, and with it its allocation (RFC 8656, section 3.1).
    pub fn disconnected(&mut self, now: Instant, path: Path) {
        self.advance(now);
        self.streams.remove(&path);
        if let Some(id) = self.by_client.get(&path) {
            self.delete(*id);
        }
    }

    /// How many allocations there are.
    #[must_use]
    pub fn allocations(&self) -> usize {
        self.allocations.len()
    }

    /// What was counted.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Appends the next datagram, or a train of datagrams of one size to one destination, or a piece of a stream.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        self.advance(now);
        self.send_outgoing(out)
    }

    /// Takes the next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next; `None` never.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.timers.earliest()
    }

    fn advance(&mut self, now: Instant) -> Instant {
        let now = self.clock.observe(now);
        while let Some(id) = self.timers.expire(now) {
            self.expired(id);
        }
        now
    }

    fn take_stream(&mut self, now: Instant, path: Path, bytes: BytesMut) {
        let mut framer = self.streams.remove(&path).unwrap_or_default();
        framer.push(bytes);
        loop {
            // Who has no allocation yet has nothing long to say, and gets no memory to say it.
            let longest = if self.by_client.contains_key(&path) { usize::MAX } else { LONGEST_UNPROVEN };
            match framer.next(longest) {
                Ok(Some(message)) => self.take(now, path, message),
                Ok(None) if framer.is_empty() => return,
                Ok(None) if self.streams.len() < self.config.max_streams => {
                    self.streams.insert(path, framer);
                    return;
                }
                Ok(None) | Err(_) => {
                    self.stats.malformed += 1;
                    if let Some(id) = self.by_client.get(&path) {
                        self.delete(*id);
                    }
                    // One at most waits for each connection that the adapter has.
                    if !self.events.contains(&Event::Disconnect { path }) && self.has_room_for_events() {
                        self.events.push_back(Event::Disconnect { path });
                    }
                    return;
                }
            }
        }
    }

    /// Events that are not polled: what is released always finds room, so requests must leave it.
    fn has_room_for_events(&self) -> bool {
        self.events.len() < 2 * self.config.max_allocations + 16
    }
}

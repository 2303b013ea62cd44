//! The server for any number of clients (RFC 8656).

mod allocate;
mod config;
mod connection;
mod drain;
mod event;
mod limit;
mod mobility;
mod outgoing;
mod peers;
mod policy;
mod relay;
mod request;
mod reservation;
mod stats;
mod table;
mod train;
mod usage;
mod users;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use bytes::BytesMut;
use drywire_core::{Instant, Monotonic, Path, Protocol, Rng, Transmit};
use drywire_stun::attributes::{AddressFamily, Icmp};
use drywire_stun::{Credential, Frame, StreamFramer, Validator, ValidatorConfig};

pub use config::Config;
pub use event::{AllocationId, Event, RelayPort};
pub use policy::PeerPolicy;
pub use stats::Stats;

use crate::deadlines::Deadlines;
use crate::{CommandError, ConfigError};
use connection::Connections;
use drain::Drain;
use limit::ReflectionLimit;
use mobility::Tickets;
use outgoing::Queue;
use reservation::Reservations;
use table::Table;
use usage::Usage;
use users::Users;

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
    validator: Validator,
    users: Users,
    usage: Usage,
    limit: ReflectionLimit,
    table: Table,
    reservations: Reservations,
    connections: Connections,
    tickets: Tickets,
    draining: Option<Drain>,
    timers: Deadlines<Timer>,
    /// Streams within a message.
    streams: BTreeMap<Path, StreamFramer>,
    outgoing: Queue,
    events: VecDeque<Event>,
    stats: Stats,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// An allocation is over, or was not opened in time.
    Allocation(AllocationId),
    /// A port was kept long enough.
    Reservation([u8; 8]),
    /// Nobody has made a TCP connection, or taken it over.
    Connection(u32),
    /// The last allocations are to end.
    Drain,
}

impl Server {
    /// A server without clients. `seed` must be fresh.
    ///
    /// # Errors
    /// When the realm is not an OpaqueString (RFC 8265), or a secret is empty.
    pub fn new(config: Config, now: Instant, seed: [u8; 32]) -> Result<Self, ConfigError> {
        let secrets = config.time_limited.iter().flat_map(|limited| &limited.secrets);
        if secrets.into_iter().any(String::is_empty) {
            return Err(ConfigError::EmptySecret);
        }
        let mut rng = Rng::new(seed);
        let anonymity = config.username_anonymity && config.time_limited.is_none();
        let mut authentication = ValidatorConfig::new(config.realm.clone());
        authentication.nonce_lifetime = config.nonce_lifetime;
        authentication.username_anonymity = anonymity;
        let validator = Validator::new(&*config.provider, authentication, now, rng.seed())?;
        let (provider, realm) = (config.provider.clone(), validator.realm());
        let mut users = Users::new(provider, realm, anonymity, config.time_limited.as_ref());
        config.users.iter().for_each(|user| users.add(user));
        Ok(Self {
            clock: Monotonic::new(now),
            validator,
            users,
            usage: Usage::new(&config, now),
            limit: ReflectionLimit::new(config.unproven_bytes_per_second, now, &mut rng),
            table: Table::new(&mut rng),
            reservations: Reservations::default(),
            connections: Connections::default(),
            tickets: Tickets::new(),
            draining: None,
            timers: Deadlines::new(),
            streams: BTreeMap::new(),
            outgoing: Queue::new(config.max_queued),
            events: VecDeque::new(),
            stats: Stats::default(),
            rng,
            config,
        })
    }

    /// Takes a datagram of a client or a peer, or the next bytes of a client's stream.
    pub fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        let now = self.advance(now);
        if path.protocol != Protocol::Udp {
            return self.take_stream(now, path, datagram);
        }
        match self.table.relay(&path.local) {
            Some(id) => self.take_from_peer(now, id, path.remote, datagram),
            None => self.take(now, path, datagram),
        }
    }

    /// Takes an ICMP error that came for what was sent from a relayed address to a peer, whose address stands in the packet
    /// that it quotes. Its client is told (RFC 8656, section 11.5).
    pub fn handle_icmp(&mut self, now: Instant, relayed: SocketAddr, peer: SocketAddr, icmp: Icmp) {
        let now = self.advance(now);
        self.take_icmp(now, relayed, peer, icmp);
    }

    /// Lets the time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    /// The adapter has opened a relayed address, for [`RelayPort::EvenAndNext`] also the one above it. On an error the sockets
    /// are of no use any more: close them.
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
        self.data_disconnected(&path);
        if let Some(id) = self.table.client(&path) {
            self.delete(id);
        }
    }

    /// Lets a user in, in place of one with the same name.
    pub fn add_user(&mut self, user: &Credential) {
        self.users.add(user);
    }

    /// Lets a user in no more, and deletes the allocations of that name. Whether there was one with a password of its own.
    pub fn remove_user(&mut self, now: Instant, name: &str) -> bool {
        self.advance(now);
        let of_user = |id: &AllocationId| {
            self.table.get(*id).is_some_and(|allocation| allocation.requester.username() == name)
        };
        let ids: Vec<_> = self.table.ids().filter(of_user).collect();
        for id in ids {
            self.delete(id);
        }
        self.users.remove(name)
    }

    /// Changes the secrets of [time-limited credentials](crate::TimeLimited). Allocations that there are stay. Empty ones are
    /// left out.
    ///
    /// # Errors
    /// When the server was made without [`Config::time_limited`]: it knows no time of day.
    pub fn set_secrets(&mut self, secrets: &[String]) -> Result<(), CommandError> {
        if !self.users.has_wall_clock() {
            return Err(CommandError::State);
        }
        self.users.set_secrets(secrets);
        Ok(())
    }

    /// How many allocations there are.
    #[must_use]
    pub const fn allocations(&self) -> usize {
        self.table.len()
    }

    /// Whether the client along this path has an allocation, or is about to.
    #[must_use]
    pub fn has_allocation(&self, client: Path) -> bool {
        self.table.client(&client).is_some()
    }

    /// What was counted.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Appends the next datagram, or a train of datagrams of one size to one destination, or a piece of a stream.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        self.advance(now);
        self.outgoing.send(&mut self.rng, out)
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
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Allocation(id) => self.allocation_expired(id),
                Timer::Reservation(token) => self.reservation_expired(token),
                Timer::Connection(id) => self.connection_expired(id),
                Timer::Drain => self.drain_expired(),
            }
        }
        now
    }

    fn take_stream(&mut self, now: Instant, path: Path, mut bytes: BytesMut) {
        if self.connections.is_bound(&path) {
            return self.keep_pending(path, bytes);
        }
        let mut framer = self.streams.remove(&path).unwrap_or_else(|| {
            let framer = StreamFramer::default();
            if self.config.legacy_channels { framer.with_legacy_channels() } else { framer }
        });
        loop {
            // Who has no allocation yet has nothing long to say, and gets no memory to say it.
            let is_proven = self.table.client(&path).is_some();
            framer.set_longest(if is_proven { StreamFramer::LONGEST } else { LONGEST_UNPROVEN });
            framer.push(&mut bytes);
            match framer.next_frame() {
                Ok(Some(Frame::Stun(message) | Frame::ChannelData(message))) => {
                    self.take(now, path, message);
                    if self.connections.is_bound(&path) {
                        // The request was the last message of this stream.
                        let mut rest = framer.into_rest();
                        rest.unsplit(bytes);
                        return self.keep_pending(path, rest);
                    }
                }
                Ok(None) if framer.buffered() == 0 => return,
                Ok(None) if self.streams.len() < self.config.max_streams => {
                    self.streams.insert(path, framer);
                    return;
                }
                Ok(None) | Err(_) => {
                    self.stats.malformed += 1;
                    if let Some(id) = self.table.client(&path) {
                        self.delete(id);
                    }
                    return self.disconnect(path);
                }
            }
        }
    }

    /// Keeps the data of a connection for the adapter, which should carry it itself.
    fn keep_pending(&mut self, path: Path, bytes: BytesMut) {
        if !self.connections.keep(&path, bytes) {
            self.stats.queue_full += 1;
            self.data_disconnected(&path);
            self.disconnect(path);
        }
    }

    fn disconnect(&mut self, path: Path) {
        // One at most waits for each connection that the adapter has.
        if !self.events.contains(&Event::Disconnect { path }) && self.has_room_for_events() {
            self.events.push_back(Event::Disconnect { path });
        }
    }

    /// Events that are not polled: what is released always finds room, so requests must leave it.
    fn has_room_for_events(&self) -> bool {
        self.events.len() < 2 * self.config.max_allocations + 16
    }
}

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::BytesMut;
use drywire_core::{Duration, Instant, Monotonic, Path, Rng, Transmit};

use super::message::{Message, Response, write_query};
use super::resolve::{Cached, Query};
use super::respond::{Registered, Reply};
use super::{InterfaceError, Name, RegisterError, ResolveError};

/// The most interfaces.
const MAX_INTERFACES: usize = 32;

/// How [`Mdns`] behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The port of multicast DNS. Default 5353; another one is for tests.
    pub port: u16,
    /// How long a name is looked for. Queries go out at once, after a second, after two more, and so on, doubling
    /// (RFC 6762, section 5.2). Default 5 s.
    pub timeout: Duration,
    /// The most names of ours. Default 64.
    pub max_names: usize,
    /// The most names of others that are looked for at once. Default 32.
    pub max_queries: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { port: 5353, timeout: Duration::from_secs(5), max_names: 64, max_queries: 32 }
    }
}

/// A socket for multicast DNS. There is one for each interface and IP version: bound to the port, joined to the group
/// `224.0.0.251` or `ff02::fb` on that interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The interface's address, with its scope if it is a link-local one, and the socket's port. It is the `local` of
    /// the [`Path`]s of what the socket receives, also if that was sent to the group.
    pub address: SocketAddr,
    /// How many bits of the address are those of the link: what comes from elsewhere is not taken (RFC 6762,
    /// section 11).
    pub prefix: u8,
    /// The number of the interface. Sockets of the same one have the same number: what one is asked for, an address of
    /// the other IP version can be the answer to.
    pub index: u32,
}

impl Interface {
    /// Whether an address belongs to the link.
    pub(crate) fn is_on_link(&self, address: IpAddr) -> bool {
        match (self.address.ip(), address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let bits = 32 - u32::from(self.prefix.min(32));
                let (ours, theirs) = (u64::from(u32::from(ours)), u64::from(u32::from(theirs)));
                ours >> bits == theirs >> bits
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let bits = 128 - u32::from(self.prefix.min(128));
                let shifted = |ip: Ipv6Addr| u128::from(ip).checked_shr(bits).unwrap_or(0);
                theirs.is_unicast_link_local() || shifted(ours) == shifted(theirs)
            }
            _ => false,
        }
    }

    fn group(&self, port: u16) -> SocketAddr {
        match self.address {
            SocketAddr::V4(_) => (Ipv4Addr::new(224, 0, 0, 251), port).into(),
            SocketAddr::V6(address) => {
                let group = Ipv6Addr::new(0xFF02, 0, 0, 0, 0, 0, 0, 0xFB);
                std::net::SocketAddrV6::new(group, port, 0, address.scope_id()).into()
            }
        }
    }
}

/// What became of a name that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Its owner told an address. If there are several, this is the first one.
    Resolved {
        /// The name.
        name: Name,
        /// The address.
        address: IpAddr,
    },
    /// Nobody answered in time. Its candidate is to be ignored, without more ado
    /// (draft-ietf-mmusic-mdns-ice-candidates, section 3.2.1).
    Unresolved {
        /// The name.
        name: Name,
    },
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Datagrams that are no messages of multicast DNS.
    pub malformed: u64,
    /// Datagrams to sockets that are unknown, from other links, and responses from other ports.
    pub refused: u64,
    /// Queries, also those for other names.
    pub queries_received: u64,
    /// Responses, also those about other names.
    pub responses_received: u64,
    /// Queries.
    pub queries_sent: u64,
    /// Responses, announcements and farewells.
    pub responses_sent: u64,
    /// Responses that were not sent because too many were waiting.
    pub responses_dropped: u64,
}

/// Makes names, answers for them, and resolves those of others: see the [module](super).
#[derive(Debug)]
pub struct Mdns {
    pub(crate) config: Config,
    clock: Monotonic,
    rng: Rng,
    pub(crate) interfaces: Vec<Interface>,
    pub(crate) names: Vec<Registered>,
    pub(crate) queries: Vec<Query>,
    pub(crate) cache: Vec<Cached>,
    pub(crate) replies: VecDeque<Reply>,
    pub(crate) events: VecDeque<Event>,
    /// When something is to be done or sent next.
    next: Option<Instant>,
    pub(crate) stats: Stats,
}

impl Mdns {
    /// One without interfaces and names.
    #[must_use]
    pub fn new(mut config: Config, now: Instant, seed: [u8; 32]) -> Self {
        config.max_names = config.max_names.clamp(1, 1000);
        config.max_queries = config.max_queries.clamp(1, 1000);
        config.timeout = config.timeout.clamp(Duration::from_millis(1), Duration::from_secs(60));
        Self {
            config,
            clock: Monotonic::new(now),
            rng: Rng::new(seed),
            interfaces: Vec::new(),
            names: Vec::new(),
            queries: Vec::new(),
            cache: Vec::new(),
            replies: VecDeque::new(),
            events: VecDeque::new(),
            next: None,
            stats: Stats::default(),
        }
    }

    /// Takes a datagram that an interface's socket received.
    pub fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        let now = self.advance(now);
        // Link-local addresses of two interfaces can be the same: then the scope tells.
        let is_it = |interface: &&Interface| interface.address == path.local;
        let at_home = |interface: &&Interface| interface.address.ip() == path.local.ip();
        let interface = self.interfaces.iter().find(is_it).or_else(|| self.interfaces.iter().find(at_home));
        let interface = interface.copied();
        // RFC 6762, section 11: what is not of this link is not taken.
        let Some(interface) = interface.filter(|interface| interface.is_on_link(path.remote.ip())) else {
            self.stats.refused += 1;
            return;
        };
        let Ok(message) = Message::parse(&datagram) else {
            self.stats.malformed += 1;
            return;
        };
        if !message.is_response {
            self.stats.queries_received += 1;
            self.answer(now, interface, path, &message);
        } else if path.remote.port() == self.config.port {
            self.stats.responses_received += 1;
            self.take_answers(now, &message);
        } else {
            // Section 6: responses from other ports MUST be ignored.
            self.stats.refused += 1;
        }
        self.settle();
    }

    /// Lets the time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    /// Adds an interface. It is told our names, and asked for those that are looked for. One whose address is known
    /// takes the place of the old one.
    pub fn add_interface(&mut self, now: Instant, interface: Interface) -> Result<(), InterfaceError> {
        let now = self.advance(now);
        let ip = interface.address.ip();
        if ip.is_unspecified() || ip.is_multicast() {
            return Err(InterfaceError::Address);
        }
        self.forget_interface(interface.address);
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err(InterfaceError::TooMany);
        }
        self.interfaces.push(interface);
        for name in &mut self.names {
            for interface in &self.interfaces {
                name.appear(now, *interface, &self.interfaces);
            }
        }
        for query in &mut self.queries {
            query.unsent.push(interface.address);
        }
        self.settle();
        Ok(())
    }

    /// Removes an interface that is gone: nothing is sent to it any more.
    pub fn remove_interface(&mut self, now: Instant, address: SocketAddr) {
        self.advance(now);
        self.forget_interface(address);
        self.settle();
    }

    /// The name of one of our addresses, which is made up and announced if there is none yet. Each connection, at
    /// least each origin, should have a machine of its own: whoever sees the same name twice knows that it is the
    /// same host (draft-ietf-mmusic-mdns-ice-candidates, section 3.1.1).
    pub fn register(&mut self, now: Instant, address: IpAddr) -> Result<Name, RegisterError> {
        let now = self.advance(now);
        if address.is_unspecified() || address.is_multicast() {
            return Err(RegisterError::Address);
        }
        if let Some(known) = self.names.iter().find(|known| known.address == address) {
            return Ok(known.name.clone());
        }
        if self.names.len() >= self.config.max_names {
            return Err(RegisterError::TooMany);
        }
        let name = Name::random(&mut self.rng);
        let mut registered = Registered::new(name.clone(), address);
        for interface in &self.interfaces {
            registered.appear(now, *interface, &self.interfaces);
        }
        self.names.push(registered);
        self.settle();
        Ok(name)
    }

    /// Takes the name of an address back. Those who know it are told (RFC 6762, section 10.1).
    pub fn unregister(&mut self, now: Instant, address: IpAddr) {
        self.advance(now);
        if let Some(at) = self.names.iter().position(|name| name.address == address) {
            let gone = self.names.swap_remove(at);
            self.bid_farewell(&gone);
        }
        self.settle();
    }

    /// Looks for the address behind a name. Exactly one event will tell what came of it, however often it is asked
    /// for before that. What was found out lately is told without asking anybody.
    pub fn resolve(&mut self, now: Instant, name: &Name) -> Result<(), ResolveError> {
        let now = self.advance(now);
        if self.queries.iter().any(|query| query.name == *name) {
            return Ok(());
        }
        if self.queries.len() + self.events.len() >= self.config.max_queries {
            return Err(ResolveError::TooMany);
        }
        match self.known_address(now, name) {
            Some(address) => self.events.push_back(Event::Resolved { name: name.clone(), address }),
            None => {
                let interfaces = self.interfaces.iter().map(|interface| interface.address).collect();
                self.queries.push(Query::new(name.clone(), now, self.config.timeout, interfaces));
            }
        }
        self.settle();
        Ok(())
    }

    /// Stops looking for a name. No event will tell of it.
    pub fn cancel(&mut self, now: Instant, name: &Name) {
        self.advance(now);
        self.queries.retain(|query| query.name != *name);
        self.settle();
    }

    /// Our names, with the addresses behind them.
    pub fn names(&self) -> impl Iterator<Item = (&Name, IpAddr)> {
        self.names.iter().map(|name| (&name.name, name.address))
    }

    /// What was counted.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Appends the next message. It is for the socket of the interface that is the path's `local`.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        let now = self.advance(now);
        if self.next.is_none_or(|at| at > now) {
            return None;
        }
        let start = out.len();
        let path = self.write_next(now, out);
        self.settle();
        Some(Transmit::datagram(path?, out.len() - start))
    }

    /// Takes the next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, or to poll what is to be sent; `None` never.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }

    fn write_next(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Path> {
        if let Some(reply) = self.replies.pop_front() {
            self.stats.responses_sent += 1;
            reply.write(out);
            return Some(reply.path(|interface| interface.group(self.config.port)));
        }
        for name in &mut self.names {
            if let Some(interface) = name.speak(now) {
                self.stats.responses_sent += 1;
                let response = Response { positive: true, ..name.response() };
                response.write(out);
                return Some(Path::udp(interface.address, interface.group(self.config.port)));
            }
        }
        for query in &mut self.queries {
            while let Some(address) = query.unsent.pop() {
                let known = |interface: &&Interface| interface.address == address;
                if let Some(interface) = self.interfaces.iter().find(known) {
                    self.stats.queries_sent += 1;
                    write_query(out, &query.name, query.wants_unicast());
                    return Some(Path::udp(address, interface.group(self.config.port)));
                }
            }
        }
        None
    }

    fn forget_interface(&mut self, address: SocketAddr) {
        self.interfaces.retain(|interface| interface.address != address);
        self.replies.retain(|reply| reply.local() != address);
        for name in &mut self.names {
            name.disappear(address);
        }
        for query in &mut self.queries {
            query.unsent.retain(|unsent| *unsent != address);
        }
    }

    fn advance(&mut self, now: Instant) -> Instant {
        let now = self.clock.observe(now);
        if self.next.is_some_and(|at| at <= now) {
            self.expire_queries(now);
            self.settle();
        }
        now
    }

    /// Finds out when something is to be done next.
    fn settle(&mut self) {
        let unsent = !self.replies.is_empty() || self.queries.iter().any(|query| !query.unsent.is_empty());
        self.next = if unsent {
            Some(self.clock.latest())
        } else {
            let queries = self.queries.iter().map(Query::deadline);
            queries.chain(self.names.iter().filter_map(Registered::due)).min()
        };
    }
}

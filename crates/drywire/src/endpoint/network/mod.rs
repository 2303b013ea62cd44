//! What all peer connections of an endpoint share towards the network: the addresses of its sockets, what STUN servers see
//! of them, allocations on TURN servers, TCP connections, and names.
//!
//! A relay is one more local address: what the peers send from it is wrapped, and what comes from the server is unwrapped,
//! here. Neither ICE nor the peer connections know of TURN, of streams or of multicast DNS.

mod allocate;
mod names;
mod relay;
mod server;
mod stream;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use drywire_core::{Instant, Path, Protocol, Rng, Transmit};
use drywire_crypto::Provider;
use drywire_ice::gather::{self, GatherError, Gathered, Gatherer, LocalAddress, StunServer};
use drywire_ice::mdns::{Mdns, Name};
use drywire_turn::client::Client;

pub use self::server::{IceServer, IceServerError};
pub use self::stream::{ConnectId, StreamRequest};

use self::names::Names;
use self::relay::{Relay, State};
use self::stream::{Purpose, Streams};
use super::{EndpointConfig, PeerId};

/// The most relays: each is looked at for each datagram.
const MAX_RELAYS: usize = 16;

/// What changed, for the peer connections.
#[derive(Debug)]
pub(super) enum Change {
    /// A candidate of ours.
    Candidate(Gathered),
    /// A candidate is of no use to peers that were not told of it yet.
    Withdrawn(Gathered),
    /// This base is gone, and all candidates that had it.
    Gone(Protocol, SocketAddr),
    /// The network of a candidate costs something else: as it was, and as it is.
    Network(Gathered, Gathered),
    /// A server did not help.
    Error(GatherError),
    /// All candidates are there.
    Done,
    /// The connection for a pair is open: its path of before, and its address.
    Connected(PeerId, Path, SocketAddr),
    /// It could not be opened.
    ConnectFailed(PeerId, Path),
    /// A name was resolved, or (`None`) could not be.
    Resolved(Vec<PeerId>, Name, Option<std::net::IpAddr>),
}

/// See the [module](self).
pub(super) struct Network {
    provider: Option<Arc<dyn Provider>>,
    /// Whether TCP connections are opened.
    tcp: bool,
    /// Whether host candidates have names in the place of addresses.
    hides_hosts: bool,
    rng: Rng,
    gatherer: Gatherer,
    /// The addresses of UDP sockets, best first.
    locals: Vec<LocalAddress>,
    /// All candidates, for peer connections to come.
    candidates: Vec<Gathered>,
    relays: Vec<Relay>,
    streams: Streams,
    names: Option<Names>,
    /// Datagrams for the peer connections, taken out of what came from servers and streams.
    received: VecDeque<(Path, BytesMut)>,
    changes: VecDeque<Change>,
    closed: bool,
    /// Allocations are still to be given back.
    gives_back: bool,
}

impl Network {
    pub(super) fn new(config: &EndpointConfig, now: Instant, rng: &mut Rng) -> Self {
        let names = config.multicast_dns.clone().map(|config| Names::new(Mdns::new(config, now, rng.seed())));
        Self {
            provider: config.provider.clone(),
            tcp: config.tcp,
            hides_hosts: config.gathering.hide_hosts,
            gatherer: Gatherer::new(config.gathering.clone(), now, rng.seed()),
            locals: Vec::new(),
            candidates: Vec::new(),
            relays: Vec::new(),
            streams: Streams::default(),
            names,
            received: VecDeque::new(),
            changes: VecDeque::new(),
            closed: false,
            gives_back: false,
            rng: Rng::new(rng.seed()),
        }
    }

    /// All candidates so far.
    pub(super) fn candidates(&self) -> &[Gathered] {
        &self.candidates
    }

    /// Whether no more candidates are waited for.
    pub(super) fn is_done(&self) -> bool {
        self.gatherer.is_done()
    }

    /// Whether peer connections may have connections to be opened.
    pub(super) const fn opens_connections(&self) -> bool {
        self.tcp
    }

    pub(super) fn add_local_addresses(&mut self, now: Instant, addresses: &[LocalAddress]) {
        let mut named = Vec::with_capacity(addresses.len());
        for address in addresses {
            let mut address = address.clone();
            if self.hides_hosts
                && let Some(names) = &mut self.names
            {
                address.name = names.register(now, address.address.ip());
            }
            named.push(address);
        }
        if self.tcp {
            self.add_active(&mut named);
        }
        self.gatherer.add_addresses(now, &named);
        for local in named.into_iter().filter(|local| local.tcp_type.is_none()) {
            match self.locals.iter_mut().find(|known| known.address == local.address) {
                Some(known) => *known = local,
                None => self.locals.push(local),
            }
        }
        self.allocate(now);
        self.settle(now);
    }

    /// Adds, for each IP address, the one to connect from (RFC 6544, section 5.1: port 9 stands for any).
    fn add_active(&self, named: &mut Vec<LocalAddress>) {
        for index in 0..named.len() {
            let Some(mut active) = named.get(index).cloned() else { return };
            active.address.set_port(9);
            active.tcp_type = Some(drywire_ice::TcpType::Active);
            if !named.iter().any(|other| other.address == active.address && other.tcp_type == active.tcp_type)
            {
                named.push(active);
            }
        }
    }

    /// An address is gone, with the allocations that were reached from it.
    pub(super) fn remove_local_address(&mut self, now: Instant, address: SocketAddr) {
        self.locals.retain(|local| local.address != address);
        self.gone(now, Protocol::Udp, address);
        self.gone(now, Protocol::Tcp, address);
        if !self.locals.iter().any(|local| local.address.ip() == address.ip()) {
            self.gone(now, Protocol::Tcp, SocketAddr::new(address.ip(), 9));
            if let Some(names) = &mut self.names {
                names.unregister(now, address.ip());
            }
        }
        for index in 0..self.relays.len() {
            let local = self.relays.get(index).and_then(Relay::path).map(|path| path.local);
            if local.is_some_and(|local| {
                local == address || (local.ip() == address.ip() && !self.has(local.ip()))
            }) {
                self.lose_relay(now, index, None);
                if let Some(relay) = self.relays.get_mut(index) {
                    relay.state = State::Idle;
                }
            }
        }
        self.allocate(now);
        self.settle(now);
    }

    fn has(&self, ip: std::net::IpAddr) -> bool {
        self.locals.iter().any(|local| local.address.ip() == ip)
    }

    /// Forgets the candidates of a base.
    fn gone(&mut self, now: Instant, protocol: Protocol, base: SocketAddr) {
        let is_of_it = |own: &Gathered| own.candidate.base == base && own.candidate.protocol == protocol;
        if self.candidates.iter().any(is_of_it) {
            self.candidates.retain(|own| !is_of_it(own));
            self.gatherer.remove_address(now, base);
            self.changes.push_back(Change::Gone(protocol, base));
        }
    }

    pub(super) fn add_server(&mut self, now: Instant, server: IceServer) -> Result<(), IceServerError> {
        let uri = &server.uri;
        if server.addresses.is_empty() {
            return Err(IceServerError::NoAddress { uri: uri.clone() });
        }
        if uri.scheme.is_turn() {
            self.add_relays(&server)?;
            self.allocate(now);
        } else {
            if server.transport() != Some(gather::RelayTransport::Udp) {
                return Err(IceServerError::Transport { uri: uri.clone() });
            }
            let url: Arc<str> = uri.to_string().into();
            for address in server.first_addresses() {
                self.gatherer.add_server(now, StunServer::new(url.clone(), address));
            }
        }
        self.settle(now);
        Ok(())
    }

    /// Whether a datagram is for this room.
    pub(super) fn owns(&self, path: Path, datagram: &[u8]) -> bool {
        path.protocol == Protocol::Tcp
            || self.relay_of(path).is_some()
            || self.gatherer.awaits(path, datagram)
            || self.names.as_ref().is_some_and(|names| names.owns(path.local))
    }

    /// Takes a datagram that is for this room, or what came over a stream. `is_known` says whether a datagram belongs to a
    /// peer connection. What is in it for them is given out by [`poll_received`](Self::poll_received).
    pub(super) fn handle_input(
        &mut self,
        now: Instant,
        path: Path,
        input: BytesMut,
        is_known: impl Fn(Path, &[u8]) -> bool,
    ) {
        if path.protocol == Protocol::Udp && self.gatherer.awaits(path, &input) {
            self.gatherer.handle_input(now, path, input);
        } else if let Some(index) = self.relay_of(path) {
            if let Some(client) = self.relays.get_mut(index).and_then(Relay::client_mut) {
                client.handle_input(now, path, input);
                self.received.extend(std::iter::from_fn(|| client.poll_received()));
            }
        } else if path.protocol == Protocol::Tcp {
            let Self { streams, received, .. } = self;
            let stays = streams.take(path, &input, |datagram| {
                let known = is_known(path, &datagram);
                received.push_back((path, datagram));
                known
            });
            if !stays {
                streams.refuse(path);
            }
        } else if let Some(names) = &mut self.names {
            names.handle_input(now, path, input);
        }
        self.settle(now);
    }

    pub(super) fn poll_received(&mut self) -> Option<(Path, BytesMut)> {
        self.received.pop_front()
    }

    pub(super) fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|at| at > now) {
            return;
        }
        self.gatherer.handle_timeout(now);
        let mut again = false;
        for relay in &mut self.relays {
            match &mut relay.state {
                State::Active(client) | State::Redirected(_, client) => client.handle_timeout(now),
                State::Failed(until) if *until <= now => {
                    relay.state = State::Idle;
                    again = true;
                }
                _ => {}
            }
        }
        if again {
            self.allocate(now);
        }
        if let Some(names) = &mut self.names {
            names.handle_timeout(now);
        }
        self.settle(now);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let own =
            crate::earliest(self.gatherer.poll_timeout(), self.names.as_ref().and_then(Names::poll_timeout));
        self.relays.iter().filter_map(Relay::poll_timeout).fold(own, |a, b| crate::earliest(a, Some(b)))
    }

    /// Appends the next datagram of this room's own, or the next piece of a stream.
    pub(super) fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        let own = self.gatherer.poll_transmit(now, out);
        let own = own
            .or_else(|| self.relays.iter_mut().find_map(|relay| relay.client_mut()?.poll_transmit(now, out)));
        own.or_else(|| self.names.as_mut()?.poll_transmit(now, out))
    }

    /// Makes of what a peer connection sends what leaves a socket. `None`: it waits, or was dropped.
    pub(super) fn wrap(&mut self, now: Instant, transmit: Transmit, out: &mut Vec<u8>) -> Option<Transmit> {
        let local = transmit.path.local;
        if let Some(relay) = self.relays.iter_mut().find(|relay| relay.relayed.contains(&local)) {
            let Some(client) = relay.client_mut() else {
                // Its connection or its allocation has just gone.
                out.truncate(out.len().saturating_sub(transmit.len));
                return None;
            };
            return client.wrap(now, transmit, out);
        }
        match transmit.path.protocol {
            Protocol::Tcp => stream::frame(transmit, out),
            _ => Some(transmit),
        }
    }

    fn relay_of(&self, path: Path) -> Option<usize> {
        match path.protocol {
            Protocol::Tcp => self.streams.relay(path),
            _ => self.relays.iter().position(|relay| relay.path() == Some(path)),
        }
    }

    // TCP connections.

    pub(super) fn poll_stream(&mut self) -> Option<StreamRequest> {
        self.streams.poll()
    }

    /// A peer connection wants a connection for a pair.
    pub(super) fn connect(&mut self, peer: PeerId, path: Path) {
        let local = Some(path.local).map(|local| match local.port() {
            9 => SocketAddr::new(local.ip(), 0),
            _ => local,
        });
        if self.streams.connect(Purpose::Pair(peer, path), local, path.remote, None).is_none() {
            self.changes.push_back(Change::ConnectFailed(peer, path));
        }
    }

    pub(super) fn connected(&mut self, now: Instant, id: ConnectId, path: Path) {
        match self.streams.concluded(id) {
            Some(purpose @ Purpose::Relay(index)) => {
                self.streams.opened(path, purpose);
                self.relay_connected(now, index, path);
            }
            Some(purpose @ Purpose::Pair(peer, wanted)) => {
                self.streams.opened(path, purpose);
                self.changes.push_back(Change::Connected(peer, wanted, path.local));
            }
            None => self.streams.refuse(path),
        }
        self.settle(now);
    }

    pub(super) fn connect_failed(&mut self, now: Instant, id: ConnectId) {
        match self.streams.concluded(id) {
            Some(Purpose::Relay(index)) => self.lose_relay(now, index, None),
            Some(Purpose::Pair(peer, path)) => self.changes.push_back(Change::ConnectFailed(peer, path)),
            None => {}
        }
        self.settle(now);
    }

    /// A connection is gone. Those of peers are theirs to notice.
    pub(super) fn disconnected(&mut self, now: Instant, path: Path) {
        if let Some(index) = self.streams.relay(path) {
            self.lose_relay(now, index, None);
        }
        self.streams.closed(path);
        self.settle(now);
    }

    /// A peer connection is gone, and its connections are of no use.
    pub(super) fn close_stream(&mut self, path: Path) {
        self.streams.close(path);
    }

    /// Gives everything back: names at once, allocations when the peer connections have said goodbye by way of them: see
    /// [`give_back`](Self::give_back).
    pub(super) fn close(&mut self, now: Instant) {
        (self.closed, self.gives_back) = (true, true);
        for relay in &mut self.relays {
            match &mut relay.state {
                State::Active(_) => {}
                State::Redirected(..) | State::Connecting(_) | State::Failed(_) => relay.state = State::Idle,
                State::Idle | State::Refused => {}
            }
        }
        self.gatherer.close(now);
        if let Some(names) = &mut self.names {
            for local in &self.locals {
                names.unregister(now, local.address.ip());
            }
        }
        self.settle(now);
    }

    /// After [`close`](Self::close), once, when nothing of the peer connections is left to send: gives the allocations back.
    /// Says whether that was to be done.
    pub(super) fn give_back(&mut self, now: Instant) -> bool {
        let gives_back = std::mem::take(&mut self.gives_back);
        if gives_back {
            self.relays.iter_mut().filter_map(Relay::client_mut).for_each(|client| client.close(now));
            self.settle(now);
        }
        gives_back
    }

    /// Carries what the machines tell to where it belongs.
    fn settle(&mut self, now: Instant) {
        for index in 0..self.relays.len() {
            self.settle_relay(now, index);
        }
        while let Some(event) = self.gatherer.poll_event() {
            match event {
                gather::Event::Candidate(gathered) => {
                    self.candidates.push(gathered.clone());
                    self.changes.push_back(Change::Candidate(gathered));
                }
                gather::Event::Withdrawn(candidate) => {
                    let is_it = |own: &Gathered| own.candidate == candidate;
                    if let Some(at) = self.candidates.iter().position(is_it) {
                        self.changes.push_back(Change::Withdrawn(self.candidates.remove(at)));
                    }
                }
                gather::Event::MappingChanged(path) => self.relay_moved(now, path),
                gather::Event::NetworkChanged { protocol, base, network } => {
                    let of_it = |own: &&mut Gathered| {
                        (own.candidate.protocol, own.candidate.base) == (protocol, base)
                    };
                    for own in self.candidates.iter_mut().filter(of_it) {
                        let before = own.clone();
                        own.candidate.network = network;
                        self.changes.push_back(Change::Network(before, own.clone()));
                    }
                }
                gather::Event::Removed { protocol, base } => {
                    let stays =
                        |own: &Gathered| (own.candidate.protocol, own.candidate.base) != (protocol, base);
                    self.candidates.retain(stays);
                    self.changes.push_back(Change::Gone(protocol, base));
                }
                gather::Event::Failed(error) => self.changes.push_back(Change::Error(error)),
                gather::Event::Done => self.changes.push_back(Change::Done),
                _ => {}
            }
        }
        if let Some(names) = &mut self.names {
            self.changes.extend(names.settle());
        }
    }

    /// Looks for the address behind a name of a peer's candidate.
    pub(super) fn resolve(&mut self, now: Instant, peer: PeerId, name: Name) {
        if let Some(names) = &mut self.names {
            names.resolve(now, peer, name);
        }
        self.settle(now);
    }

    pub(super) fn names_mut(&mut self) -> Option<&mut Names> {
        self.names.as_mut()
    }

    fn client(&mut self, now: Instant, path: Path, index: usize) -> Option<Client> {
        let relay = self.relays.get(index)?;
        let provider = self.provider.clone()?;
        let mut config = drywire_turn::client::Config::new(provider, path, relay.credential.clone());
        config.family = drywire_turn::client::RelayedFamily::Both;
        // All peer connections share the allocation.
        (config.max_permissions, config.max_channels) = (4_096, 4_096);
        Some(Client::new(config, now, self.rng.seed()))
    }
}

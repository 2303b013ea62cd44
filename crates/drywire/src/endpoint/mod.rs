//! Many peer connections on one UDP socket.

mod addresses;
mod network;
mod routes;
mod timers;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use bytes::BytesMut;
use drywire_core::{Instant, Monotonic, Path, Rng, Transmit};
use drywire_crypto::Provider;
use drywire_ice::gather::Gathered;

pub use self::network::{ConnectId, IceServer, IceServerError, StreamRequest};

use self::network::Network;
use self::routes::{PeerRoutes, Routes};
use self::timers::Timers;
use crate::{Config, Event, PeerConnection, TooManyPeers};

/// How an [`Endpoint`] behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndpointConfig {
    /// The most peer connections at one time. Default: 10,000.
    pub max_peers: usize,
    /// How candidates are gathered: which addresses are used and shown, and how long servers are waited for. Default: all
    /// addresses that the endpoint is told, but those of IPv6 that are link-local.
    pub gathering: drywire_ice::gather::Config,
    /// Whether peers are connected to over TCP (RFC 6544): host candidates to connect from are gathered, and
    /// [`Endpoint::poll_stream`] asks for connections. Default: `false`.
    pub tcp: bool,
    /// Multicast DNS, which finds the addresses behind the names of the peers' candidates, and gives such names to ours if
    /// they are to be [hidden](drywire_ice::gather::Config::hide_hosts). It needs
    /// [interfaces](Endpoint::add_multicast_interface). Default: none.
    pub multicast_dns: Option<drywire_ice::mdns::Config>,
    /// Where TURN gets its HMACs from. Default: the default library, if the feature `aws-lc` is on; without any, TURN servers
    /// are refused.
    pub provider: Option<Arc<dyn Provider>>,
}

impl Default for EndpointConfig {
    fn default() -> Self {
        let mut gathering = drywire_ice::gather::Config::default();
        // Whoever names an address wants it used.
        gathering.filter = |local| match local.address.ip() {
            IpAddr::V4(_) => true,
            IpAddr::V6(ip) => !ip.is_unicast_link_local(),
        };
        #[cfg(feature = "aws-lc")]
        let provider = Some(crate::default_provider());
        #[cfg(not(feature = "aws-lc"))]
        let provider = None;
        Self { max_peers: 10_000, gathering, tcp: false, multicast_dns: None, provider }
    }
}

/// Names a peer connection of an [`Endpoint`]. A name is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId {
    slot: usize,
    generation: u64,
}

/// What an endpoint has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointStats {
    /// Datagrams received.
    pub datagrams_received: u64,
    /// Datagrams received that belong to no peer connection.
    pub datagrams_unrouted: u64,
    /// Names of the peers' candidates whose addresses were found by multicast DNS.
    pub names_resolved: u64,
}

struct Slot {
    generation: u64,
    peer: PeerConnection,
    routes: PeerRoutes,
    /// The deadline noted for the peer: its own, or an earlier one.
    deadline: Option<Instant>,
    /// In the queue of peers that may have a datagram to send.
    sending: bool,
    /// In the queue of peers that may have an event.
    telling: bool,
}

/// Many peer connections on one UDP socket: finds the one that a datagram belongs to, and polls only those that have
/// something to do.
///
/// A STUN request is routed by the user name it carries, anything else by its addresses; either is one lookup.
///
/// DTLS and media carry no name of their session: between the same two addresses there is one peer connection, the one that
/// ICE showed first to live there. Two servers with one port each that need more sessions with each other give one of them more
/// sockets, and each peer connection candidates of its own.
pub struct Endpoint {
    config: EndpointConfig,
    clock: Monotonic,
    rng: Rng,
    slots: Vec<Option<Slot>>,
    vacant: Vec<usize>,
    len: usize,
    generation: u64,
    network: Network,
    routes: Routes,
    timers: Timers,
    due: Vec<PeerId>,
    sending: VecDeque<PeerId>,
    telling: VecDeque<PeerId>,
    stats: EndpointStats,
}

impl Endpoint {
    /// An endpoint without peers. The seeds of its peer connections derive from `seed`.
    #[must_use]
    pub fn new(config: EndpointConfig, now: Instant, seed: [u8; 32]) -> Self {
        let mut rng = Rng::new(seed);
        Self {
            network: Network::new(&config, now, &mut rng),
            config,
            clock: Monotonic::new(now),
            rng,
            slots: Vec::new(),
            vacant: Vec::new(),
            len: 0,
            generation: 0,
            routes: Routes::default(),
            timers: Timers::default(),
            due: Vec::new(),
            sending: VecDeque::new(),
            telling: VecDeque::new(),
            stats: EndpointStats::default(),
        }
    }

    /// Takes a datagram that arrived on a socket; or, on a path of TCP, what was read from that connection, however divided.
    pub fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        let now = self.clock.observe(now);
        self.stats.datagrams_received += 1;
        if !self.network.owns(path, &datagram) {
            return self.route(now, path, datagram);
        }
        let routes = &self.routes;
        self.network
            .handle_input(now, path, datagram, |path, datagram| routes.find(path, datagram).is_some());
        while let Some((path, datagram)) = self.network.poll_received() {
            self.route(now, path, datagram);
        }
        self.apply_changes(now);
    }

    /// Hands a datagram to the peer connection that it belongs to.
    fn route(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        let Some(id) = self.routes.find(path, &datagram) else {
            self.stats.datagrams_unrouted += 1;
            tracing::trace!(%path, "a datagram belongs to no peer connection");
            return;
        };
        if let Some(slot) = self.slot_mut(id) {
            slot.peer.handle_input(now, path, datagram);
            self.touched(id);
        }
    }

    /// Lets the time pass for the peers whose timeouts have come.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.observe(now);
        self.network.handle_timeout(now);
        self.apply_changes(now);
        // A peer that has something to send keeps a deadline in the past: each is looked at once.
        while let Some(id) = self.timers.expire(now) {
            self.due.push(id);
        }
        while let Some(id) = self.due.pop() {
            if let Some(slot) = self.slot_mut(id) {
                slot.deadline = None;
                // A deadline that moved away since it was noted is not handed on.
                if slot.peer.poll_timeout().is_some_and(|at| at <= now) {
                    slot.peer.handle_timeout(now);
                }
                self.touched(id);
            }
        }
    }

    /// Makes a peer connection with the candidates that the endpoint has. Those that it finds later are added.
    pub fn create_peer(&mut self, now: Instant, config: Arc<Config>) -> Result<PeerId, TooManyPeers> {
        if self.len >= self.config.max_peers {
            return Err(TooManyPeers { limit: self.config.max_peers });
        }
        let now = self.clock.observe(now);
        let mut peer = PeerConnection::new(config, now, self.rng.seed());
        for gathered in self.network.candidates() {
            add_candidate(&mut peer, now, gathered);
        }
        if self.network.is_done() {
            peer.local_candidates_ended();
        }

        self.generation += 1;
        let slot = self.vacant.pop().unwrap_or(self.slots.len());
        let id = PeerId { slot, generation: self.generation };
        let entry = Slot {
            generation: id.generation,
            peer,
            routes: PeerRoutes::default(),
            deadline: None,
            sending: false,
            telling: false,
        };
        match self.slots.get_mut(slot) {
            Some(vacant) => *vacant = Some(entry),
            None => self.slots.push(Some(entry)),
        }
        self.len += 1;
        self.touched(id);
        Ok(id)
    }

    /// A peer connection, to look at.
    #[must_use]
    pub fn peer(&self, id: PeerId) -> Option<&PeerConnection> {
        let slot = self.slots.get(id.slot)?.as_ref()?;
        (slot.generation == id.generation).then_some(&slot.peer)
    }

    /// A peer connection, to command. What it then has to send or to tell is found when the guard is dropped.
    pub fn peer_mut(&mut self, id: PeerId) -> Option<PeerMut<'_>> {
        self.peer(id)?;
        Some(PeerMut { endpoint: self, id })
    }

    /// Forgets a peer connection at once; call [`PeerConnection::close`] before and drain, so that the peer knows.
    /// Returns whether it existed.
    pub fn remove(&mut self, id: PeerId) -> bool {
        let Some(entry) = self.slots.get_mut(id.slot) else { return false };
        let Some(slot) = entry.take_if(|slot| slot.generation == id.generation) else { return false };
        for path in slot.routes.connections() {
            self.network.close_stream(path);
        }
        self.routes.remove_peer(id, &slot.routes);
        self.timers.forget(id, slot.deadline);
        self.vacant.push(id.slot);
        self.len -= 1;
        true
    }

    /// The peer connections, in no particular order.
    pub fn peers(&self) -> impl Iterator<Item = (PeerId, &PeerConnection)> {
        self.slots.iter().enumerate().filter_map(|(slot, entry)| {
            let entry = entry.as_ref()?;
            Some((PeerId { slot, generation: entry.generation }, &entry.peer))
        })
    }

    /// The number of peer connections.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no peer connection.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What was counted.
    #[must_use]
    pub const fn stats(&self) -> EndpointStats {
        self.stats
    }

    /// Appends the next datagram or train of datagrams to `out`. Peers take turns.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        let now = self.clock.observe(now);
        loop {
            if let Some(transmit) = self.network.poll_transmit(now, out) {
                return Some(transmit);
            }
            let Some(transmit) = self.poll_peers(now, out) else {
                if self.network.give_back(now) {
                    continue;
                }
                return None;
            };
            if let Some(transmit) = self.network.wrap(now, transmit, out) {
                return Some(transmit);
            }
        }
    }

    fn poll_peers(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        while let Some(id) = self.sending.pop_front() {
            let Some(slot) = self.slot_mut(id) else { continue };
            if let Some(transmit) = slot.peer.poll_transmit(now, out) {
                self.sending.push_back(id);
                self.note_route(id, transmit.path);
                self.note_progress(id);
                return Some(transmit);
            }
            slot.sending = false;
            self.note_progress(id);
        }
        None
    }

    /// The next event, with the peer connection that it comes from.
    pub fn poll_event(&mut self) -> Option<(PeerId, Event)> {
        while let Some(id) = self.telling.pop_front() {
            let Some(slot) = self.slot_mut(id) else { continue };
            let Some(event) = slot.peer.poll_event() else {
                slot.telling = false;
                continue;
            };
            self.telling.push_back(id);
            match event {
                Event::NameToResolve(name) if self.network.names_mut().is_some() => {
                    let now = self.clock.latest();
                    self.network.resolve(now, id, name);
                    // What is known already is told at once.
                    self.apply_changes(now);
                }
                event => return Some((id, event)),
            }
        }
        None
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        crate::earliest(self.timers.earliest(), self.network.poll_timeout())
    }

    fn slot_mut(&mut self, id: PeerId) -> Option<&mut Slot> {
        self.slots.get_mut(id.slot)?.as_mut().filter(|slot| slot.generation == id.generation)
    }

    /// Notes that a peer connection was given something: it may have to send, to tell and to wait.
    fn touched(&mut self, id: PeerId) {
        let Some(slot) = self.slots.get_mut(id.slot).and_then(Option::as_mut) else { return };
        if !std::mem::replace(&mut slot.sending, true) {
            self.sending.push_back(id);
        }
        if !slot.routes.knows_ufrag(slot.peer.local_ufrag()) {
            let (ufrag, in_use) = (slot.peer.local_ufrag(), slot.peer.previous_ufrag());
            self.routes.add_ufrag(id, &mut slot.routes, ufrag, in_use);
        }
        let path = slot.peer.path();
        if let Some(path) = path {
            self.note_route(id, path);
        }
        if self.network.opens_connections() {
            while let Some(path) = self.slot_mut(id).and_then(|slot| slot.peer.poll_connect()) {
                self.network.connect(id, path);
            }
        }
        self.note_progress(id);
    }

    /// Notes when a peer connection wants to be called again, and whether it has something to tell.
    fn note_progress(&mut self, id: PeerId) {
        let Some(slot) = self.slots.get_mut(id.slot).and_then(Option::as_mut) else { return };
        if let Some(at) = slot.peer.poll_timeout() {
            self.timers.note(id, &mut slot.deadline, at);
        }
        if slot.peer.has_events() && !std::mem::replace(&mut slot.telling, true) {
            self.telling.push_back(id);
        }
    }

    /// Notes that `path` leads to a peer connection, unless it leads to another one that proved it by ICE.
    pub(super) fn note_route(&mut self, id: PeerId, path: Path) {
        if self.slot_mut(id).is_none_or(|slot| slot.routes.is_latest(path)) {
            return;
        }
        let owner = self.routes.owner(path).filter(|owner| *owner != id);
        if let Some(owner) = owner.and_then(|owner| self.slot_mut(owner)) {
            if owner.peer.is_valid_path(path) {
                return;
            }
            Routes::lose_path(&mut owner.routes, path);
        }
        if let Some(slot) = self.slots.get_mut(id.slot).and_then(Option::as_mut) {
            self.routes.add_path(id, &mut slot.routes, path);
        }
    }
}

fn add_candidate(peer: &mut PeerConnection, now: Instant, gathered: &Gathered) {
    if let Err(error) = peer.add_gathered_candidate(now, gathered.clone()) {
        tracing::debug!(candidate = %gathered.candidate, %error, "not a usable local candidate");
    }
}

/// A peer connection of an endpoint, to command.
pub struct PeerMut<'a> {
    endpoint: &'a mut Endpoint,
    id: PeerId,
}

impl Deref for PeerMut<'_> {
    type Target = PeerConnection;

    #[expect(
        clippy::expect_used,
        reason = "the guard holds the endpoint, so the peer that it was made for is there"
    )]
    fn deref(&self) -> &PeerConnection {
        self.endpoint.peer(self.id).expect("the peer exists as long as the guard")
    }
}

impl DerefMut for PeerMut<'_> {
    #[expect(
        clippy::expect_used,
        reason = "the guard holds the endpoint, so the peer that it was made for is there"
    )]
    fn deref_mut(&mut self) -> &mut PeerConnection {
        &mut self.endpoint.slot_mut(self.id).expect("the peer exists as long as the guard").peer
    }
}

impl Drop for PeerMut<'_> {
    fn drop(&mut self) {
        self.endpoint.touched(self.id);
    }
}

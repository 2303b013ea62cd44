//! The client of one server: one 5-tuple, one allocation (RFC 8656, sections 7 to 12).

mod answer;
mod channel;
mod config;
mod connection;
mod event;
mod mobility;
mod permission;
mod predecessor;
mod relay;
mod request;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use bytes::BytesMut;
use drywire_core::{Duration, Instant, Monotonic, Path, Protocol, Rng, Transmit};
use drywire_stun::{Class, Frame, LongTerm, MessageBuilder, Method, StreamFramer, TransactionId};

pub use config::{Config, RelayedFamily, RelayedTransport};
pub use event::{Allocation, Event, FailureReason, PeerRefusal, Stats};

use crate::CommandError;
use crate::deadlines::Deadlines;
use channel::Channels;
use connection::Connections;
use permission::Permission;
use relay::Outgoing;
use request::{Purpose, Request};

/// How many events wait at most.
const MAX_EVENTS: usize = 256;

/// Holds one allocation on one server.
///
/// It asks for the allocation at once, refreshes it and everything that belongs to it for as long as it is used, and
/// deletes it on [`close`](Self::close).
///
/// Over a stream [`handle_input`](Self::handle_input) takes the bytes as they come, however divided, and what
/// [`poll_transmit`](Self::poll_transmit) and [`wrap`](Self::wrap) give is to be written whole and in that order. A client
/// belongs to one connection: when it is lost, the allocation is.
///
/// Over UDP a client takes its addresses and the server's for its own: an allocation of the same user that is there already, of a
/// program that used the port before and has ended without deleting it, is deleted and takes no more than a second or two. Two
/// clients must not use one socket with one server.
#[derive(Debug)]
pub struct Client {
    clock: Monotonic,
    config: Config,
    rng: Rng,
    path: Path,
    auth: LongTerm,
    state: State,
    /// The name to look for in the certificate of the server that we were sent to.
    alternate_domain: Option<Box<str>>,
    requests: BTreeMap<TransactionId, Request>,
    /// The requests to send now, in this order.
    ready: VecDeque<TransactionId>,
    timers: Deadlines<Timer>,
    permissions: BTreeMap<IpAddr, Permission>,
    channels: Channels,
    connections: Connections,
    /// What moves the allocation to another address of ours.
    ticket: Option<Box<[u8]>>,
    /// The server lets no allocation move.
    immobile: bool,
    /// What somebody before us has left was deleted: that is done once.
    has_replaced: bool,
    outgoing: VecDeque<Outgoing>,
    outgoing_bytes: usize,
    received: VecDeque<(Path, BytesMut)>,
    events: VecDeque<Event>,
    framer: StreamFramer,
    /// When something was sent last, of whatever kind.
    sent_at: Instant,
    keepalive_due: bool,
    /// Where headers are written before they are put into place.
    header: Vec<u8>,
    stats: Stats,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The request for the allocation is on its way.
    Allocating,
    /// The request that deletes what somebody before us has left is on its way.
    Replacing,
    /// The adapter connects to another server.
    Reconnecting,
    Allocated(Allocation),
    /// The request that deletes the allocation is on its way.
    Closing,
    Closed,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// A request is to be sent again, or given up.
    Request(TransactionId),
    /// The allocation is to be refreshed.
    Refresh,
    /// It is over.
    Expiry,
    /// A permission is to be refreshed, or forgotten.
    Permission(IpAddr),
    /// A channel is to be refreshed, or forgotten.
    Channel(u16),
    Keepalive,
    /// The adapter has connected to no other server.
    Reconnect,
}

impl Client {
    /// A client that asks for an allocation at once. `seed` must be fresh.
    #[must_use]
    pub fn new(config: Config, now: Instant, seed: [u8; 32]) -> Self {
        let path = config.path;
        let mut auth = LongTerm::new(config.credential.clone(), path.remote);
        if config.require_sha256 {
            auth = auth.require_sha256();
        }
        let mut client = Self {
            clock: Monotonic::new(now),
            rng: Rng::new(seed),
            path,
            auth,
            state: State::Allocating,
            alternate_domain: None,
            requests: BTreeMap::new(),
            ready: VecDeque::new(),
            timers: Deadlines::new(),
            permissions: BTreeMap::new(),
            channels: Channels::default(),
            connections: Connections::default(),
            ticket: None,
            immobile: false,
            has_replaced: false,
            outgoing: VecDeque::new(),
            outgoing_bytes: 0,
            received: VecDeque::new(),
            events: VecDeque::new(),
            framer: StreamFramer::default(),
            sent_at: now,
            keepalive_due: false,
            header: Vec::new(),
            stats: Stats::default(),
            config,
        };
        client.request(Purpose::Allocate);
        client.arm_keepalive(now);
        client
    }

    /// Takes a datagram from the server, or the next bytes of the stream.
    pub fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        let now = self.advance(now);
        if path != self.path && !self.is_over() && self.connections.id(&path).is_some() {
            return self.take_data(now, path, datagram);
        }
        if path != self.path || self.is_over() {
            self.stats.unexpected += 1;
            return;
        }
        if path.protocol == Protocol::Udp {
            return self.take(now, datagram);
        }
        let mut bytes = datagram;
        loop {
            self.framer.push(&mut bytes);
            match self.framer.next_frame() {
                Ok(Some(Frame::Stun(message) | Frame::ChannelData(message))) => self.take(now, message),
                Ok(None) => return,
                Err(_) => {
                    self.stats.malformed += 1;
                    return self.fail(FailureReason::OutOfStep);
                }
            }
            if self.is_over() {
                return;
            }
        }
    }

    /// Lets the time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    /// Lets a peer's datagrams through before any is sent to it: a remote candidate of ICE. Sending does it by itself.
    pub fn permit(&mut self, now: Instant, peer: IpAddr) -> Result<(), CommandError> {
        let now = self.advance(now);
        if !matches!(self.state, State::Allocated(_)) {
            return Err(CommandError::State);
        }
        self.ensure_permission(now, peer).map_or(Err(CommandError::TooMany), |()| Ok(()))
    }

    /// Gives a peer a channel before the first datagram that is not STUN does it.
    pub fn bind_channel(&mut self, now: Instant, peer: SocketAddr) -> Result<(), CommandError> {
        let now = self.advance(now);
        if !matches!(self.state, State::Allocated(_)) {
            return Err(CommandError::State);
        }
        if self.ensure_channel(now, peer) { Ok(()) } else { Err(CommandError::TooMany) }
    }

    /// After [`Event::Redirected`], of a stream: there is a connection to the other server.
    pub fn reconnected(&mut self, now: Instant, path: Path) -> Result<(), CommandError> {
        self.advance(now);
        if !matches!(self.state, State::Reconnecting) {
            return Err(CommandError::State);
        }
        self.timers.disarm(Timer::Reconnect);
        // The transport stays what it was (RFC 8489, section 10).
        self.path = Path { protocol: self.path.protocol, ..path };
        self.framer = StreamFramer::default();
        self.state = State::Allocating;
        self.request(Purpose::Allocate);
        Ok(())
    }

    /// Deletes the allocation. [`Event::Closed`] tells when that is done.
    pub fn close(&mut self, now: Instant) {
        self.advance(now);
        match self.state {
            State::Closing | State::Closed | State::Failed => {}
            // An allocation may have been made that we do not know of yet: it is deleted, too.
            State::Allocated(_) | State::Allocating | State::Replacing
                if self.auth.is_challenged() || self.is_allocated() =>
            {
                self.drop_all();
                self.state = State::Closing;
                self.request(Purpose::Refresh { lifetime: 0 });
            }
            _ => self.closed(),
        }
    }

    /// The allocation, while there is one.
    #[must_use]
    pub const fn allocation(&self) -> Option<&Allocation> {
        match &self.state {
            State::Allocated(allocation) => Some(allocation),
            _ => None,
        }
    }

    /// The way to the server; another one than configured after a redirection.
    #[must_use]
    pub const fn path(&self) -> Path {
        self.path
    }

    /// The name to look for in the certificate of the server that [`Event::Redirected`] named; `None` is the one that was
    /// looked for before (ALTERNATE-DOMAIN; RFC 8489, section 10).
    #[must_use]
    pub fn alternate_domain(&self) -> Option<&str> {
        self.alternate_domain.as_deref()
    }

    /// What was counted.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Appends the next datagram for the server, or the next piece of the stream: requests first, then what waited.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        let now = self.advance(now);
        let transmit = self
            .send_request(now, out)
            .or_else(|| self.send_outgoing(out))
            .or_else(|| self.send_keepalive(out));
        if transmit.is_some() {
            self.sent_at = now;
        }
        transmit
    }

    /// Takes the next datagram from a peer: `local` is the relayed address, `remote` the peer. Its bytes are those that
    /// came from the server, not copied.
    pub fn poll_received(&mut self) -> Option<(Path, BytesMut)> {
        self.received.pop_front()
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

    /// Observes the time and does what is due.
    fn advance(&mut self, now: Instant) -> Instant {
        let now = self.clock.observe(now);
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Request(id) => self.request_expired(now, id),
                Timer::Refresh => self.refresh(),
                Timer::Expiry => self.fail(FailureReason::Expired),
                Timer::Permission(peer) => self.permission_expired(now, peer),
                Timer::Channel(number) => self.channel_expired(now, number),
                Timer::Keepalive => {
                    self.keepalive_due |= now >= self.sent_at + self.config.keepalive;
                    self.arm_keepalive(now);
                }
                Timer::Reconnect => self.fail(FailureReason::TimedOut),
            }
        }
        now
    }

    fn arm_keepalive(&mut self, now: Instant) {
        // Two thirds of a second are the least, so that a configuration cannot make this a busy loop.
        let least = now + Duration::from_millis(666);
        if !self.config.is_stream() {
            self.timers.arm(Timer::Keepalive, least.max(self.sent_at + self.config.keepalive));
        }
    }

    fn send_keepalive(&mut self, out: &mut Vec<u8>) -> Option<Transmit> {
        if !std::mem::take(&mut self.keepalive_due) {
            return None;
        }
        let id = TransactionId::random(&mut self.rng);
        let len = MessageBuilder::new(out, Class::Indication, Method::BINDING, id).finish().ok()?;
        Some(Transmit::datagram(self.path, len))
    }

    const fn is_over(&self) -> bool {
        matches!(self.state, State::Closed | State::Failed)
    }

    const fn is_allocated(&self) -> bool {
        matches!(self.state, State::Allocated(_))
    }

    fn fail(&mut self, reason: FailureReason) {
        if matches!(self.state, State::Closing) {
            return self.closed();
        }
        if !self.is_over() {
            tracing::debug!(?reason, "turn allocation failed");
            self.drop_all();
            self.state = State::Failed;
            self.tell(Event::Failed { reason });
        }
    }

    fn closed(&mut self) {
        self.drop_all();
        self.state = State::Closed;
        self.tell(Event::Closed);
    }

    /// Forgets everything that belongs to the allocation, except what was received.
    fn drop_all(&mut self) {
        self.stats.datagrams_dropped += u64::try_from(self.outgoing.len()).unwrap_or(u64::MAX);
        self.requests.clear();
        self.ready.clear();
        self.timers.clear();
        self.permissions.clear();
        self.channels = Channels::default();
        self.connections = Connections::default();
        self.ticket = None;
        self.outgoing.clear();
        self.outgoing_bytes = 0;
        self.keepalive_due = false;
    }

    fn tell(&mut self, event: Event) {
        // Of the others there are a few in a client's life: they always find room.
        let common =
            matches!(event, Event::PeerRefused { .. } | Event::ChannelBound { .. } | Event::Icmp { .. });
        if common && self.events.len() >= MAX_EVENTS {
            self.stats.events_dropped += 1;
        } else {
            self.events.push_back(event);
        }
    }
}

//! TCP connections to peers (RFC 6062, section 5).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::BytesMut;
use drywire_core::{Duration, Instant, Path, Protocol};
use drywire_stun::attributes::{ConnectionId, ErrorCode, XorPeerAddress};
use drywire_stun::{Class, Message, MessageBuilder, Method, TransactionId};

use super::request::Requester;
use super::usage::Way;
use super::{AllocationId, Event, Server, Timer};
use crate::CommandError;

/// How long the adapter may take to connect, and how long the client to take the connection over (RFC 6062,
/// sections 5.2 and 5.3).
const TIMEOUT: Duration = Duration::from_secs(30);
/// How much of a client's data waits at most until the adapter carries it on.
const MAX_PENDING: usize = 64 * 1024;

/// The connections of all allocations.
#[derive(Debug, Default)]
pub(super) struct Connections {
    by_id: BTreeMap<u32, Connection>,
    /// The streams of clients that carry nothing but data.
    by_path: BTreeMap<Path, u32>,
}

#[derive(Debug)]
struct Connection {
    allocation: AllocationId,
    peer: SocketAddr,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The adapter connects; then this request is answered.
    Connecting { transaction: TransactionId, requester: Requester },
    /// The client is to take it over.
    Open,
    /// The client has.
    Bound { path: Path, pending: BytesMut },
}

impl Connections {
    fn of(&self, id: AllocationId) -> impl Iterator<Item = (u32, &Connection)> {
        self.by_id
            .iter()
            .filter(move |(_, connection)| connection.allocation == id)
            .map(|(id, connection)| (*id, connection))
    }

    pub(super) fn is_bound(&self, path: &Path) -> bool {
        self.by_path.contains_key(path)
    }

    fn at(&self, path: &Path) -> Option<ConnectionId> {
        self.by_path.get(path).copied().map(ConnectionId)
    }

    /// Keeps what came after the request, or before the adapter noticed that the connection is bound. `false` when there is
    /// too much.
    pub(super) fn keep(&mut self, path: &Path, bytes: BytesMut) -> bool {
        let connection = self.by_path.get(path).and_then(|id| self.by_id.get_mut(id));
        let Some(Connection { state: State::Bound { pending, .. }, .. }) = connection else { return false };
        let fits = pending.len() + bytes.len() <= MAX_PENDING;
        if fits {
            pending.unsplit(bytes);
        }
        fits
    }

    fn remove(&mut self, id: u32) -> Option<Connection> {
        let connection = self.by_id.remove(&id)?;
        if let State::Bound { path, .. } = &connection.state {
            self.by_path.remove(path);
        }
        Some(connection)
    }
}

impl Server {
    /// The connection that [`Event::ConnectWanted`] asked for is open. On an error it is of no use any more: close it.
    pub fn connected(&mut self, now: Instant, connection: ConnectionId) -> Result<(), CommandError> {
        let now = self.advance(now);
        let known = self.connections.by_id.get_mut(&connection.0).ok_or(CommandError::Unknown)?;
        let State::Connecting { .. } = known.state else { return Err(CommandError::State) };
        let State::Connecting { transaction, requester } = std::mem::replace(&mut known.state, State::Open)
        else {
            return Err(CommandError::State);
        };
        let client = self.table.get(known.allocation).map(|allocation| allocation.client);
        self.timers.arm(Timer::Connection(connection.0), now + TIMEOUT);
        let response = requester.response(Class::Success, Method::CONNECT, transaction, |response| {
            response.attribute(&connection);
        });
        self.reply(client.ok_or(CommandError::Unknown)?, response);
        Ok(())
    }

    /// The connection that [`Event::ConnectWanted`] asked for cannot be made: the client is told (447).
    pub fn connect_failed(&mut self, now: Instant, connection: ConnectionId) -> Result<(), CommandError> {
        self.advance(now);
        match self.connections.by_id.get(&connection.0).map(|known| &known.state) {
            None => return Err(CommandError::Unknown),
            Some(State::Connecting { .. }) => {}
            Some(_) => return Err(CommandError::State),
        }
        self.end_connecting(connection);
        Ok(())
    }

    /// A peer has connected to a relayed address. The client is told, if the peer has a permission (RFC 6062, section 5.3).
    /// On an error the connection is to be closed.
    pub fn accepted(
        &mut self,
        now: Instant,
        relayed: SocketAddr,
        peer: SocketAddr,
    ) -> Result<ConnectionId, CommandError> {
        let now = self.advance(now);
        let allocation = self.table.listener(&relayed).ok_or(CommandError::Unknown)?;
        let known = self.table.get(allocation).filter(|known| known.is_open()).ok_or(CommandError::State)?;
        let client = known.client;
        if known.peers.permission(now, peer.ip()).is_none() {
            self.stats.not_permitted += 1;
            return Err(CommandError::State);
        }
        if !self.has_room_for_connection(allocation) {
            return Err(CommandError::TooMany);
        }
        let connection = self.connection(allocation, peer, State::Open);
        self.timers.arm(Timer::Connection(connection.0), now + TIMEOUT);
        let mut message = Vec::new();
        let id = TransactionId::random(&mut self.rng);
        let mut indication =
            MessageBuilder::new(&mut message, Class::Indication, Method::CONNECTION_ATTEMPT, id);
        indication.attribute(&connection).attribute(&XorPeerAddress(peer));
        // Two short attributes fit.
        let _ = indication.finish();
        self.reply(client, message);
        Ok(connection)
    }

    /// A connection to a peer, or the client's that was bound to it, has ended: the other one is to be closed, too.
    pub fn connection_closed(&mut self, now: Instant, connection: ConnectionId) {
        self.advance(now);
        self.timers.disarm(Timer::Connection(connection.0));
        self.connections.remove(connection.0);
    }

    /// How many of `bytes` that wait may go to the peer of a bound connection now, which are counted and taken from the bandwidth of
    /// the user. None is not the end: ask again some milliseconds later.
    pub fn carry_to_peer(&mut self, now: Instant, connection: ConnectionId, bytes: usize) -> usize {
        let granted = self.grant(now, connection, Way::ToPeers, bytes);
        self.stats.stream_bytes_to_peers += u64::try_from(granted).unwrap_or(u64::MAX);
        granted
    }

    /// The same for what waits to go from the peer to the client.
    pub fn carry_to_client(&mut self, now: Instant, connection: ConnectionId, bytes: usize) -> usize {
        let granted = self.grant(now, connection, Way::ToClients, bytes);
        self.stats.stream_bytes_to_clients += u64::try_from(granted).unwrap_or(u64::MAX);
        granted
    }

    fn grant(&mut self, now: Instant, connection: ConnectionId, way: Way, bytes: usize) -> usize {
        let now = self.advance(now);
        let known = self.connections.by_id.get(&connection.0);
        let bound = known.filter(|known| matches!(known.state, State::Bound { .. }));
        let Some(allocation) = bound.and_then(|known| self.table.get(known.allocation)) else { return 0 };
        self.usage.take(now, allocation.holder, way, bytes)
    }

    /// Whether what comes along this path is the data of a connection, which the adapter carries on by itself after
    /// [`Event::ConnectionBound`]: it need not read more before it has polled that.
    #[must_use]
    pub fn is_bound(&self, path: Path) -> bool {
        self.connections.is_bound(&path)
    }

    /// Takes what the client has sent to the peer before the adapter carried it on, after [`Event::ConnectionBound`].
    pub fn take_pending(&mut self, connection: ConnectionId) -> BytesMut {
        match self.connections.by_id.get_mut(&connection.0).map(|known| &mut known.state) {
            Some(State::Bound { pending, .. }) => std::mem::take(pending),
            _ => BytesMut::new(),
        }
    }

    /// RFC 6062, section 5.2.
    pub(super) fn connect(
        &mut self,
        now: Instant,
        path: Path,
        request: &Message<'_>,
        requester: &Requester,
    ) -> Result<(), ErrorCode<'static>> {
        let (id, allocation) = self.own_allocation(path, requester)?;
        let is_tcp = allocation.transport == Protocol::Tcp;
        let Some(XorPeerAddress(peer)) = request.attribute().filter(|_| is_tcp) else {
            return Err(ErrorCode::BAD_REQUEST);
        };
        if peer.port() == 0 {
            return Err(ErrorCode::BAD_REQUEST);
        }
        self.check_peer(id, SocketAddr::new(peer.ip(), 0))?;
        // On our own addresses only relayed ones are reached.
        if self.config.peers.is_own(peer.ip()) && self.table.listener(&peer).is_none() {
            return Err(ErrorCode::FORBIDDEN);
        }
        if self.connections.of(id).any(|(_, connection)| connection.peer == peer) {
            return Err(ErrorCode::CONNECTION_ALREADY_EXISTS);
        }
        let relayed = self.table.get(id).and_then(|allocation| allocation.relayed_for(peer.ip()));
        let relayed = relayed.ok_or(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH)?;
        if !self.has_room_for_connection(id) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        let (transaction, requester) = (request.transaction_id(), requester.clone());
        let connection = self.connection(id, peer, State::Connecting { transaction, requester });
        self.timers.arm(Timer::Connection(connection.0), now + TIMEOUT);
        self.events.push_back(Event::ConnectWanted { connection, relayed, peer });
        Ok(())
    }

    /// RFC 6062, section 5.4: this stream carries the data of a connection from here on.
    pub(super) fn bind_connection(
        &mut self,
        path: Path,
        request: &Message<'_>,
        requester: &Requester,
    ) -> Result<(), ErrorCode<'static>> {
        let connection: ConnectionId = request.attribute().ok_or(ErrorCode::BAD_REQUEST)?;
        // A stream with an allocation has more to say than data.
        if path.protocol == Protocol::Udp || self.table.client(&path).is_some() {
            return Err(ErrorCode::BAD_REQUEST);
        }
        let known = self.connections.by_id.get_mut(&connection.0).ok_or(ErrorCode::BAD_REQUEST)?;
        let allocation = self.table.get(known.allocation).ok_or(ErrorCode::BAD_REQUEST)?;
        if allocation.requester.username() != requester.username() {
            return Err(ErrorCode::WRONG_CREDENTIALS);
        }
        let State::Open = known.state else { return Err(ErrorCode::BAD_REQUEST) };
        known.state = State::Bound { path, pending: BytesMut::new() };
        self.connections.by_path.insert(path, connection.0);
        self.timers.disarm(Timer::Connection(connection.0));
        self.stats.connections_bound += 1;
        self.answer(path, request, requester, Class::Success, |response| {
            response.attribute(&connection);
        });
        self.events.push_back(Event::ConnectionBound { connection, path });
        Ok(())
    }

    /// Nobody has connected, or taken the connection over, in time.
    pub(super) fn connection_expired(&mut self, id: u32) {
        let connection = ConnectionId(id);
        if let Some(State::Connecting { .. }) = self.connections.by_id.get(&id).map(|known| &known.state) {
            self.end_connecting(connection);
        } else {
            self.connections.remove(id);
        }
        self.events.push_back(Event::ConnectionReleased { connection });
    }

    /// Answers that there is no connection.
    fn end_connecting(&mut self, connection: ConnectionId) {
        self.timers.disarm(Timer::Connection(connection.0));
        let Some(known) = self.connections.remove(connection.0) else { return };
        let client = self.table.get(known.allocation).map(|allocation| allocation.client);
        if let (State::Connecting { transaction, requester }, Some(client)) = (known.state, client) {
            let code = ErrorCode::CONNECTION_TIMEOUT_OR_FAILURE;
            self.refuse(client, Method::CONNECT, transaction, &requester, code);
        }
    }

    /// The client's stream has ended.
    pub(super) fn data_disconnected(&mut self, path: &Path) {
        if let Some(connection) = self.connections.at(path) {
            self.connections.remove(connection.0);
            self.events.push_back(Event::ConnectionReleased { connection });
        }
    }

    /// The allocation is over.
    pub(super) fn release_connections(&mut self, allocation: AllocationId) {
        let ids: Vec<_> = self.connections.of(allocation).map(|(id, _)| id).collect();
        for id in ids {
            self.connections.remove(id);
            self.timers.disarm(Timer::Connection(id));
            self.events.push_back(Event::ConnectionReleased { connection: ConnectionId(id) });
        }
    }

    fn has_room_for_connection(&self, allocation: AllocationId) -> bool {
        self.has_room_for_events() && self.connections.of(allocation).count() < self.config.max_peers
    }

    fn connection(&mut self, allocation: AllocationId, peer: SocketAddr, state: State) -> ConnectionId {
        let mut id = self.rng.u32();
        while self.connections.by_id.contains_key(&id) {
            id = id.wrapping_add(1);
        }
        self.connections.by_id.insert(id, Connection { allocation, peer, state });
        ConnectionId(id)
    }
}

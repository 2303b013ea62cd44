//! TCP connections to peers (RFC 6062, section 4).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::BytesMut;
use drywire_core::{Instant, Path, Protocol};
use drywire_stun::attributes::{ConnectionId, XorPeerAddress};
use drywire_stun::{Frame, Message, StreamFramer};

use super::request::Purpose;
use super::{Client, Event, PeerRefusal, RelayedTransport, State};
use crate::CommandError;

/// How many connections there are at most.
const MAX_CONNECTIONS: usize = 256;
/// How much of a peer's data waits at most until the adapter carries it on.
const MAX_PENDING: usize = 64 * 1024;
/// The longest answer to a request on a connection of data.
const LONGEST_ANSWER: usize = 4096;

/// The connections of an allocation.
#[derive(Debug, Default)]
pub(super) struct Connections {
    by_id: BTreeMap<u32, Connection>,
    by_path: BTreeMap<Path, u32>,
}

#[derive(Debug)]
enum Connection {
    /// The adapter is to connect to the server, for this one.
    Ready,
    /// The request that binds our connection to the peer's is on its way.
    Binding { path: Path, framer: StreamFramer },
    /// Data goes through.
    Bound { pending: BytesMut },
}

impl Connections {
    pub(super) fn id(&self, path: &Path) -> Option<u32> {
        self.by_path.get(path).copied()
    }

    /// Over which connection the request goes that binds it.
    pub(super) fn path(&self, id: u32) -> Option<Path> {
        match self.by_id.get(&id)? {
            Connection::Binding { path, .. } => Some(*path),
            _ => None,
        }
    }
}

impl Client {
    /// Asks for a TCP connection to a peer, of an allocation of [`RelayedTransport::Tcp`]. [`Event::ConnectionReady`] or
    /// [`Event::ConnectFailed`] tells what becomes of it.
    pub fn connect(&mut self, now: Instant, peer: SocketAddr) -> Result<(), CommandError> {
        self.advance(now);
        let is_tcp = self.config.transport == RelayedTransport::Tcp;
        if !matches!(self.state, State::Allocated(_)) || !is_tcp {
            return Err(CommandError::State);
        }
        let asked = self.requests.values().filter(|request| matches!(request.purpose, Purpose::Connect(_)));
        if asked.count() + self.connections.by_id.len() >= MAX_CONNECTIONS {
            return Err(CommandError::TooMany);
        }
        self.request(Purpose::Connect(peer));
        Ok(())
    }

    /// After [`Event::ConnectionReady`]: `path` is a fresh connection to the server, over the same transport as the first one.
    /// What comes along it goes to [`handle_input`](Self::handle_input) until [`Event::ConnectionBound`].
    pub fn bind_connection(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        path: Path,
    ) -> Result<(), CommandError> {
        self.advance(now);
        let path = Path { protocol: Protocol::Tcp, ..path };
        if path == self.path || self.connections.by_path.contains_key(&path) {
            return Err(CommandError::State);
        }
        match self.connections.by_id.get_mut(&connection.0) {
            None => return Err(CommandError::Unknown),
            Some(known @ Connection::Ready) => {
                *known = Connection::Binding { path, framer: StreamFramer::new(LONGEST_ANSWER) };
            }
            Some(_) => return Err(CommandError::State),
        }
        self.connections.by_path.insert(path, connection.0);
        self.request(Purpose::Bind(connection.0));
        Ok(())
    }

    /// Takes what the peer has sent before the adapter carried its data on, after [`Event::ConnectionBound`].
    pub fn take_pending(&mut self, connection: ConnectionId) -> BytesMut {
        match self.connections.by_id.get_mut(&connection.0) {
            Some(Connection::Bound { pending }) => std::mem::take(pending),
            _ => BytesMut::new(),
        }
    }

    /// A connection has ended, or is not wanted: it is forgotten.
    pub fn connection_closed(&mut self, now: Instant, connection: ConnectionId) {
        self.advance(now);
        self.connections.by_id.remove(&connection.0);
        self.connections.by_path.retain(|_, id| *id != connection.0);
    }

    /// Takes what came along a connection for data.
    pub(super) fn take_data(&mut self, now: Instant, path: Path, mut bytes: BytesMut) {
        while let Some(id) = self.connections.id(&path) {
            match self.connections.by_id.get_mut(&id) {
                Some(Connection::Bound { pending }) => {
                    if pending.len() + bytes.len() > MAX_PENDING {
                        return self.bind_failed(id, PeerRefusal::NotCarriedOn);
                    }
                    return pending.unsplit(bytes);
                }
                Some(Connection::Binding { framer, .. }) => {
                    framer.push(&mut bytes);
                    match framer.next_frame() {
                        Ok(None) => return,
                        Ok(Some(Frame::Stun(message))) => {
                            if let Ok(response) = Message::parse(&message) {
                                self.take_response(now, path, &response);
                            }
                        }
                        Ok(Some(Frame::ChannelData(_))) | Err(_) => {
                            self.stats.malformed += 1;
                            return self.bind_failed(id, PeerRefusal::Refused(400));
                        }
                    }
                }
                _ => return,
            }
        }
    }

    /// A peer has connected to us (RFC 6062, section 4.4).
    pub(super) fn attempted(&mut self, indication: &Message<'_>) {
        let (Some(connection), Some(XorPeerAddress(peer))) = (indication.attribute(), indication.attribute())
        else {
            self.stats.malformed += 1;
            return;
        };
        // Only who was let in: the server must not make us connect for strangers.
        if self.permissions.contains_key(&peer.ip()) {
            self.ready(connection, peer, true);
        } else {
            self.stats.unexpected += 1;
        }
    }

    pub(super) fn ready(&mut self, connection: ConnectionId, peer: SocketAddr, incoming: bool) {
        let known = self.connections.by_id.len();
        if known >= MAX_CONNECTIONS || self.connections.by_id.contains_key(&connection.0) {
            self.stats.unexpected += 1;
            return;
        }
        self.connections.by_id.insert(connection.0, Connection::Ready);
        self.tell(Event::ConnectionReady { connection, peer, incoming });
    }

    /// The server has bound our connection to the peer's.
    pub(super) fn bound(&mut self, id: u32) {
        let Some(known) = self.connections.by_id.get_mut(&id) else { return };
        let bound = Connection::Bound { pending: BytesMut::new() };
        if let Connection::Binding { path, framer } = std::mem::replace(known, bound) {
            // What followed the response is the peer's.
            if let Connection::Bound { pending } = known {
                *pending = framer.into_rest();
            }
            self.tell(Event::ConnectionBound { connection: ConnectionId(id), path });
        }
    }

    pub(super) fn bind_failed(&mut self, id: u32, reason: PeerRefusal) {
        self.connections.by_path.retain(|_, known| *known != id);
        if self.connections.by_id.remove(&id).is_some() {
            self.tell(Event::ConnectionFailed { connection: ConnectionId(id), reason });
        }
    }
}

//! TCP allocations (RFC 6062): relayed addresses that listen, connections to peers, and what is carried between them and clients.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use drywire::stun::attributes::{AddressFamily, ConnectionId};
use drywire::{Duration, Instant, Path};
use drywire_turn::server::{AllocationId, Server};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use super::ready::{ReadyList, Source, Token};
use super::relays::RelayPool;
use super::splice::{ClientSide, Splice, Turn, Way};

/// Connections that one relayed address takes before others have their turn.
const ACCEPTS: usize = 16;

/// A relayed address that listens.
struct Listener {
    listener: TcpListener,
    /// The address that peers know it by.
    relayed: SocketAddr,
    source: Arc<Source>,
    waker: Waker,
}

/// All that belongs to TCP allocations.
pub(super) struct Peers {
    listeners: BTreeMap<u64, Listener>,
    by_relayed: BTreeMap<SocketAddr, u64>,
    /// Connections that are being made.
    connects: JoinSet<(u32, io::Result<TcpStream>)>,
    connecting: BTreeMap<u32, AbortHandle>,
    /// Connections that no client has taken over yet. What their peers send waits in the kernel.
    open: BTreeMap<u32, TcpStream>,
    splices: BTreeMap<u32, Splice>,
    by_path: BTreeMap<Path, u32>,
    /// Splices that lack bandwidth.
    throttled: BTreeSet<u32>,
    max: usize,
    refused: u64,
}

impl Peers {
    pub(super) fn new(max: usize) -> Self {
        Self {
            listeners: BTreeMap::new(),
            by_relayed: BTreeMap::new(),
            connects: JoinSet::new(),
            connecting: BTreeMap::new(),
            open: BTreeMap::new(),
            splices: BTreeMap::new(),
            by_path: BTreeMap::new(),
            throttled: BTreeSet::new(),
            max,
            refused: 0,
        }
    }

    /// How many connections to peers there are, those in the making included.
    pub(super) fn len(&self) -> usize {
        self.connecting.len() + self.open.len() + self.splices.len()
    }

    /// How many were not taken or made, because there were too many.
    pub(super) const fn refused(&self) -> u64 {
        self.refused
    }

    pub(super) fn has_throttled(&self) -> bool {
        !self.throttled.is_empty()
    }

    fn has_room(&mut self) -> bool {
        let has_room = self.len() < self.max;
        if !has_room {
            self.refused += 1;
        }
        has_room
    }

    /// Opens a relayed address. `false`: it could not be opened.
    pub(super) fn listen(
        &mut self,
        now: Instant,
        machine: &mut Server,
        pool: &mut RelayPool,
        (allocation, family): (AllocationId, AddressFamily),
        (id, list): (u64, &Arc<ReadyList>),
    ) -> bool {
        let (listener, relayed) = match pool.listen(family) {
            Ok(opened) => opened,
            Err(error) => {
                tracing::warn!(%error, "a relayed address of TCP cannot be opened");
                // On an error the allocation is over already.
                let _ = machine.relay_unavailable(now, allocation, family);
                return false;
            }
        };
        if machine.relay_opened(now, allocation, relayed).is_ok() {
            let source = Source::new(Token::Listener(id), list);
            let waker = Waker::from(Arc::clone(&source));
            self.by_relayed.insert(relayed, id);
            self.listeners.insert(id, Listener { listener, relayed, source, waker });
        }
        true
    }

    pub(super) fn unlisten(&mut self, relayed: SocketAddr) {
        if let Some(id) = self.by_relayed.remove(&relayed) {
            self.listeners.remove(&id);
        }
    }

    /// Takes connections of peers.
    ///
    /// # Errors
    ///
    /// The system has none to give now.
    pub(super) fn poll_listener(&mut self, now: Instant, machine: &mut Server, id: u64) -> io::Result<()> {
        for _ in 0..ACCEPTS {
            let Some(Listener { listener, relayed, source, waker }) = self.listeners.get(&id) else {
                return Ok(());
            };
            source.begin();
            let Poll::Ready(accepted) = listener.poll_accept(&mut Context::from_waker(waker)) else {
                return Ok(());
            };
            let (stream, peer) = accepted?;
            let relayed = *relayed;
            // Who has no permission is told nothing but that (RFC 6062, section 5.3).
            if self.has_room()
                && let Ok(connection) = machine.accepted(now, relayed, peer)
            {
                prepare(&stream);
                self.open.insert(connection.0, stream);
            }
        }
        self.again(id);
        Ok(())
    }

    /// Has a listener looked at again.
    pub(super) fn again(&self, id: u64) {
        if let Some(listener) = self.listeners.get(&id) {
            listener.waker.wake_by_ref();
        }
    }

    /// Connects to a peer (RFC 6062, section 5.2).
    pub(super) fn connect(
        &mut self,
        now: Instant,
        machine: &mut Server,
        connection: ConnectionId,
        (relayed, peer): (SocketAddr, SocketAddr),
    ) {
        let id = self.by_relayed.get(&relayed);
        let local = id.and_then(|id| self.listeners.get(id)?.listener.local_addr().ok());
        let Some(local) = local.filter(|_| self.has_room()) else {
            // On an error the request is answered already.
            let _ = machine.connect_failed(now, connection);
            return;
        };
        let task = async move { (connection.0, connect(local, peer).await) };
        self.connecting.insert(connection.0, self.connects.spawn(task));
    }

    /// What became of the connections that were being made. Whether there was one.
    pub(super) fn poll_connects(&mut self, cx: &mut Context<'_>, now: Instant, machine: &mut Server) -> bool {
        // Who was released meanwhile ends as an error.
        let joined = match self.connects.poll_join_next(cx) {
            Poll::Pending | Poll::Ready(None) => return false,
            Poll::Ready(Some(joined)) => joined,
        };
        let Ok((id, result)) = joined else { return true };
        if self.connecting.remove(&id).is_none() {
            return true;
        }
        match result {
            Ok(stream) => {
                if machine.connected(now, ConnectionId(id)).is_ok() {
                    self.open.insert(id, stream);
                }
            }
            Err(error) => {
                tracing::debug!(%error, "a peer does not take the connection");
                // On an error the client has gone.
                let _ = machine.connect_failed(now, ConnectionId(id));
            }
        }
        true
    }

    /// A client has taken a connection over (RFC 6062, section 5.4).
    pub(super) fn bind(
        &mut self,
        now: Instant,
        machine: &mut Server,
        connection: ConnectionId,
        client: Option<ClientSide>,
        list: &Arc<ReadyList>,
    ) {
        let (Some(peer), Some(client)) = (self.open.remove(&connection.0), client) else {
            machine.connection_closed(now, connection);
            return;
        };
        let pending = machine.take_pending(connection);
        let path = client.path;
        let splice = Splice::new(now, client, peer, pending, connection.0, list);
        self.by_path.insert(path, connection.0);
        self.splices.insert(connection.0, splice);
    }

    /// Takes an answer to the client of a connection. `false`: there is no such one.
    pub(super) fn push(&mut self, path: &Path, message: &[u8]) -> bool {
        let splice = self.by_path.get(path).and_then(|id| self.splices.get_mut(id));
        splice.map(|splice| splice.push(message)).is_some()
    }

    /// Closes a connection to a peer, and the client's with it.
    pub(super) fn release(&mut self, connection: u32) {
        if let Some(task) = self.connecting.remove(&connection) {
            task.abort();
        }
        self.open.remove(&connection);
        if let Some(splice) = self.splices.remove(&connection) {
            self.by_path.remove(&splice.path());
        }
    }

    /// Carries what a connection has.
    pub(super) fn poll_splice(&mut self, now: Instant, machine: &mut Server, scratch: &mut [u8], id: u32) {
        let connection = ConnectionId(id);
        let Some(splice) = self.splices.get_mut(&id) else { return };
        let turn = splice.poll(now, scratch, |way, bytes| match way {
            Way::ToPeer => machine.carry_to_peer(now, connection, bytes),
            Way::ToClient => machine.carry_to_client(now, connection, bytes),
        });
        match turn {
            Ok(Turn::Waits) => return,
            Ok(Turn::Throttled) => {
                self.throttled.insert(id);
                return;
            }
            Ok(Turn::Over) => {}
            Err(error) => tracing::debug!(path = %splice.path(), %error, "a connection broke"),
        }
        self.close(now, machine, id);
    }

    /// Has those looked at again that lacked bandwidth.
    pub(super) fn retry_throttled(&mut self) {
        for id in std::mem::take(&mut self.throttled) {
            if let Some(splice) = self.splices.get(&id) {
                splice.again();
            }
        }
    }

    /// Closes what has been silent for too long after one side had said all.
    pub(super) fn keep_house(&mut self, now: Instant, machine: &mut Server, timeout: Duration) {
        let stale = self.splices.iter().filter(|(_, splice)| splice.is_stale(now, timeout));
        let stale: Vec<u32> = stale.map(|(id, _)| *id).collect();
        for id in stale {
            self.close(now, machine, id);
        }
    }

    fn close(&mut self, now: Instant, machine: &mut Server, id: u32) {
        self.release(id);
        machine.connection_closed(now, ConnectionId(id));
    }
}

/// Connects from a relayed address, whose port the listener has already.
async fn connect(local: SocketAddr, peer: SocketAddr) -> io::Result<TcpStream> {
    let socket = if peer.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
    socket.set_reuseport(true)?;
    socket.bind(local)?;
    let stream = socket.connect(peer).await?;
    prepare(&stream);
    Ok(stream)
}

/// What is relayed leaves as it comes: to wait for more is the business of who sends it.
fn prepare(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection stays slower than it could be");
    }
}

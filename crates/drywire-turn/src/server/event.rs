use std::net::SocketAddr;

use drywire_core::{Path, Protocol};
use drywire_stun::attributes::{AddressFamily, ConnectionId};

/// An allocation of one server. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AllocationId {
    /// Its place in the table.
    pub(super) slot: u32,
    /// Counts the allocations that had this place.
    pub(super) generation: u32,
}

/// Which port a relayed address shall have (EVEN-PORT; RFC 8656, section 18.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RelayPort {
    /// Any.
    #[default]
    Any,
    /// An even one.
    Even,
    /// An even one, and the one above it in a socket of its own, which is kept for another allocation. Both or none.
    EvenAndNext,
}

/// What a server tells, and asks of its adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Open a UDP socket for this allocation, or one that listens for TCP, on a random port from 49152 to 65535 (RFC 8656,
    /// section 7.2), and tell its address by [`Server::relay_opened`](super::Server::relay_opened), or
    /// [`Server::relay_unavailable`](super::Server::relay_unavailable).
    RelayWanted {
        /// For which allocation.
        allocation: AllocationId,
        /// Of which IP version.
        family: AddressFamily,
        /// On which port.
        port: RelayPort,
        /// [`Protocol::Tcp`] only where [`Config::tcp_allocations`](super::Config::tcp_allocations) allows it.
        transport: Protocol,
    },
    /// Close the socket with this address: its allocation is over.
    RelayReleased {
        /// The relayed address.
        relayed: SocketAddr,
        /// Whether it is the one of a UDP socket or of one that listens for TCP.
        transport: Protocol,
    },
    /// Open a TCP connection from the relayed address, whose port it shares, to a peer, and tell by
    /// [`Server::connected`](super::Server::connected) or [`Server::connect_failed`](super::Server::connect_failed) what
    /// became of it.
    ConnectWanted {
        /// Names the connection from now on.
        connection: ConnectionId,
        /// From where.
        relayed: SocketAddr,
        /// Where to.
        peer: SocketAddr,
    },
    /// A client takes a connection over: what comes along `path` goes to the peer as it is from now on, and back. What
    /// [`Server::poll_transmit`](super::Server::poll_transmit) gives for the path goes before that, and to the peer first goes
    /// what [`Server::take_pending`](super::Server::take_pending) has.
    ConnectionBound {
        /// The connection to the peer.
        connection: ConnectionId,
        /// The client's.
        path: Path,
    },
    /// Close this connection to a peer, and the client's that is bound to it.
    ConnectionReleased {
        /// The connection to the peer.
        connection: ConnectionId,
    },
    /// Close this stream: what comes over it is not TURN.
    Disconnect {
        /// The connection.
        path: Path,
    },
    /// After [`Server::drain`](super::Server::drain): the last allocation is over.
    Drained,
}

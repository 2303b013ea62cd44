use std::net::SocketAddr;

use drywire_core::Path;
use drywire_stun::attributes::AddressFamily;

/// An allocation of one server. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AllocationId(pub(super) u64);

/// What a server tells, and asks of its adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Open a UDP socket for this allocation, on a random port from 49152 to 65535 (RFC 8656, section 7.2), and tell its
    /// address by [`Server::relay_opened`](super::Server::relay_opened), or
    /// [`Server::relay_unavailable`](super::Server::relay_unavailable).
    RelayWanted {
        /// For which allocation.
        allocation: AllocationId,
        /// Of which IP version.
        family: AddressFamily,
        /// Whether the port must be even (EVEN-PORT).
        even_port: bool,
    },
    /// Close the socket with this address: its allocation is over.
    RelayReleased {
        /// The relayed address.
        relayed: SocketAddr,
    },
    /// Close this stream: what comes over it is not TURN.
    Disconnect {
        /// The connection.
        path: Path,
    },
}

/// What a server counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// What is neither STUN nor ChannelData, or lacks what it must have.
    pub malformed: u64,
    /// Messages that a server does not take, and data without an allocation.
    pub unexpected: u64,
    /// Binding requests that were answered.
    pub bindings: u64,
    /// Requests that were refused, whatever the reason.
    pub refused: u64,
    /// Of those, the ones without the right credentials.
    pub unauthenticated: u64,
    /// Of those, the ones with peers that the policy forbids.
    pub forbidden: u64,
    /// Allocations that were made.
    pub allocations: u64,
    /// Datagrams from clients to peers.
    pub datagrams_to_peers: u64,
    /// Datagrams from peers to clients.
    pub datagrams_to_clients: u64,
    /// Their payload in bytes, both ways.
    pub bytes_relayed: u64,
    /// Datagrams without a permission or a channel.
    pub not_permitted: u64,
    /// Answers that were not sent because the source had got too many already.
    pub limited: u64,
    /// What was dropped because too much was waiting.
    pub queue_full: u64,
}

use std::net::SocketAddr;

use drywire_core::Path;
use drywire_stun::attributes::AddressFamily;

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
    /// Open a UDP socket for this allocation, on a random port from 49152 to 65535 (RFC 8656, section 7.2), and tell its
    /// address by [`Server::relay_opened`](super::Server::relay_opened), or
    /// [`Server::relay_unavailable`](super::Server::relay_unavailable).
    RelayWanted {
        /// For which allocation.
        allocation: AllocationId,
        /// Of which IP version.
        family: AddressFamily,
        /// On which port.
        port: RelayPort,
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
    /// After [`Server::drain`](super::Server::drain): the last allocation is over.
    Drained,
}

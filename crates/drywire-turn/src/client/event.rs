use std::net::{IpAddr, SocketAddr};

use drywire_core::{Duration, Path};
use drywire_stun::Refusal;
use drywire_stun::attributes::{ConnectionId, Icmp};

/// What a server has given a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// The relayed address: where peers send to.
    pub relayed: SocketAddr,
    /// The one of the other IP version, if [both](super::RelayedFamily::Both) were asked for and given.
    pub additional: Option<SocketAddr>,
    /// Our address as the server sees it: a server-reflexive candidate over UDP.
    pub mapped: SocketAddr,
    /// How long the allocation lasts without refresh.
    pub lifetime: Duration,
}

impl Allocation {
    /// The relayed address with the IP version of `peer`.
    #[must_use]
    pub fn relayed_for(&self, peer: SocketAddr) -> Option<SocketAddr> {
        std::iter::once(self.relayed).chain(self.additional).find(|own| own.is_ipv4() == peer.is_ipv4())
    }
}

/// What a client tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The relayed address is there.
    Allocated(Allocation),
    /// The server sent us to another one (ALTERNATE-SERVER). Over UDP the client goes on by itself, from the same socket.
    /// Over a stream it waits for [`Client::reconnected`](super::Client::reconnected), as long as a request waits.
    Redirected {
        /// The server to use.
        server: SocketAddr,
    },
    /// Nothing goes to or comes from this peer.
    PeerRefused {
        /// The peer.
        peer: IpAddr,
        /// Why.
        reason: PeerRefusal,
    },
    /// What goes to this peer has a header of 4 bytes from now on.
    ChannelBound {
        /// The peer.
        peer: SocketAddr,
        /// The channel.
        channel: u16,
    },
    /// The server received an ICMP error for what went to a peer: that it cannot be reached, or that the datagram was too
    /// big. Nobody vouches for it.
    Icmp {
        /// The peer.
        peer: SocketAddr,
        /// The error.
        icmp: Icmp,
    },
    /// There is a TCP connection between the server and a peer. Open another one to the server and pass it to
    /// [`Client::bind_connection`](super::Client::bind_connection) within 30 seconds.
    ConnectionReady {
        /// Names the connection from now on.
        connection: ConnectionId,
        /// The peer.
        peer: SocketAddr,
        /// Whether the peer has connected to us.
        incoming: bool,
    },
    /// What goes along `path` goes to the peer as it is from now on, and back. What
    /// [`Client::take_pending`](super::Client::take_pending) has came before.
    ConnectionBound {
        /// The connection.
        connection: ConnectionId,
        /// Our side of it.
        path: Path,
    },
    /// The server cannot connect to a peer, or does not want to.
    ConnectFailed {
        /// The peer.
        peer: SocketAddr,
        /// Why.
        reason: PeerRefusal,
    },
    /// Our connection was not bound to the peer's: close it.
    ConnectionFailed {
        /// The connection.
        connection: ConnectionId,
        /// Why.
        reason: PeerRefusal,
    },
    /// There is no allocation, or no more.
    Failed {
        /// Why.
        reason: FailureReason,
    },
    /// The allocation was deleted, or there was none to delete.
    Closed,
}

/// Why a server does not relay to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerRefusal {
    /// 403: its policy forbids it.
    Forbidden,
    /// 443, or known beforehand: the allocation has no address of the peer's IP version.
    FamilyMismatch,
    /// 508: it has no room for more.
    InsufficientCapacity,
    /// 446: there is a connection to this peer already.
    AlreadyConnected,
    /// 447: the peer does not take the connection.
    Unreachable,
    /// The peer has sent more than waits before the connection is carried on.
    NotCarriedOn,
    /// Any other error.
    Refused(u16),
    /// No response came. The next datagram asks again.
    TimedOut,
}

/// Why there is no allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureReason {
    /// The server did not answer.
    TimedOut,
    /// The server does not take the user name and the password (401).
    Unauthorized,
    /// The server finds every nonce stale, even the one that it has just given (438).
    StaleNonce,
    /// Somebody between here and the server took the better password algorithm out of its challenge.
    BidDown,
    /// The server offers no password algorithm that is known here and allowed.
    NoCommonAlgorithm,
    /// The server, or the chain of servers, redirects without end or to nowhere (300).
    Redirected,
    /// 403: its policy forbids it.
    Forbidden,
    /// 437: another allocation lives on these addresses that we may not delete, another user's mostly; use another local port. Or
    /// the server has forgotten ours.
    AllocationMismatch,
    /// 440: it has no addresses of this IP version.
    UnsupportedFamily,
    /// 441: the allocation belongs to another user.
    WrongCredentials,
    /// 442: it does not relay UDP.
    UnsupportedTransport,
    /// 486: the user has too many allocations.
    QuotaReached,
    /// 508: it has no addresses, ports or bandwidth left.
    InsufficientCapacity,
    /// Any other error.
    Refused(u16),
    /// A response made no sense.
    Malformed,
    /// What came over the stream is not TURN.
    OutOfStep,
    /// The time of the allocation is over.
    Expired,
}

impl FailureReason {
    /// After how long another client may succeed where this one failed; `None` when nothing changes by waiting. RFC 8656
    /// (section 7.4) has a client wait a minute after 486 and 508, and take another local port after 437.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::AllocationMismatch | Self::Expired => Some(Duration::ZERO),
            Self::QuotaReached | Self::InsufficientCapacity | Self::TimedOut | Self::StaleNonce => {
                Some(Duration::from_secs(60))
            }
            _ => None,
        }
    }

    pub(crate) const fn of(code: u16) -> Self {
        match code {
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            437 => Self::AllocationMismatch,
            438 => Self::StaleNonce,
            440 => Self::UnsupportedFamily,
            441 => Self::WrongCredentials,
            442 => Self::UnsupportedTransport,
            486 => Self::QuotaReached,
            508 => Self::InsufficientCapacity,
            code => Self::Refused(code),
        }
    }
}

impl From<Refusal> for FailureReason {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::WrongCredential => Self::Unauthorized,
            Refusal::TooManyRetries => Self::StaleNonce,
            Refusal::MalformedChallenge | Refusal::Realm(_) => Self::Malformed,
            Refusal::BidDown => Self::BidDown,
            Refusal::NoCommonAlgorithm => Self::NoCommonAlgorithm,
            Refusal::BadRedirect | Refusal::TooManyRedirects => Self::Redirected,
        }
    }
}

impl PeerRefusal {
    pub(crate) const fn of(code: u16) -> Self {
        match code {
            403 => Self::Forbidden,
            443 => Self::FamilyMismatch,
            446 => Self::AlreadyConnected,
            447 => Self::Unreachable,
            508 => Self::InsufficientCapacity,
            code => Self::Refused(code),
        }
    }
}

/// What a client counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// What is neither STUN nor ChannelData, or lacks what it must have.
    pub malformed: u64,
    /// What came from elsewhere, and messages that a client does not take.
    pub unexpected: u64,
    /// Responses that nobody with the password has signed.
    pub unauthenticated: u64,
    /// Responses to no request.
    pub unmatched: u64,
    /// Requests, without retransmissions.
    pub requests_sent: u64,
    /// Retransmissions of requests.
    pub requests_retransmitted: u64,
    /// Datagrams that were sent to peers.
    pub datagrams_sent: u64,
    /// Datagrams that came from peers.
    pub datagrams_received: u64,
    /// Datagrams to peers that were dropped: no allocation, no room, or the server refuses the peer.
    pub datagrams_dropped: u64,
    /// Datagrams from peers that were dropped, because nobody polled or because of their sender.
    pub received_dropped: u64,
    /// ICMP errors that the server tells of.
    pub icmp_received: u64,
    /// Events that were lost because nobody polled them.
    pub events_dropped: u64,
}

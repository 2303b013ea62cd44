use std::net::SocketAddr;
use std::sync::Arc;

use drywire_core::{Path, Protocol};
use drywire_stun::attributes::NetworkCost;

use crate::Candidate;
use crate::mdns::Name;

/// What a [`Gatherer`](super::Gatherer) tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A candidate.
    Candidate(Gathered),
    /// A server sees one of the host's addresses elsewhere than before: a NAT on this way has forgotten it, or has got another
    /// address itself. Who speaks to that server from there is somebody else for it now.
    MappingChanged(Path),
    /// A server-reflexive candidate is of no use any more: the NAT has made another one of the same address. Peers that were
    /// told of it need not hear of it; those to come should not be told.
    Withdrawn(Candidate),
    /// The network of an address costs something else, and so do all candidates with this base: for
    /// [`Agent::set_network_cost`](crate::Agent::set_network_cost).
    NetworkChanged {
        /// Of UDP or of TCP.
        protocol: Protocol,
        /// The address.
        base: SocketAddr,
        /// What it costs now.
        network: NetworkCost,
    },
    /// The policy or the filter does not let an address be used any more, as when it has lost its default route: all candidates with
    /// this base are gone.
    Removed {
        /// Of UDP or of TCP.
        protocol: Protocol,
        /// The address.
        base: SocketAddr,
    },
    /// A server did not help (W3C webrtc-pc, `icecandidateerror`).
    Failed(GatherError),
    /// All that was asked for is there, or has failed. The peer can be told so (RFC 8838, section 14).
    Done,
}

/// A candidate that was gathered. The agent is to be given it in any case; the peer, what `disclosure` says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gathered {
    /// The candidate.
    pub candidate: Candidate,
    /// What the peer is told.
    pub disclosure: Disclosure,
}

impl Gathered {
    /// A candidate, however it was found, and what the peer is told of it.
    #[must_use]
    pub const fn new(candidate: Candidate, disclosure: Disclosure) -> Self {
        Self { candidate, disclosure }
    }
}

/// What the peer is told of a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disclosure {
    /// All that is in it.
    Address,
    /// This name in the place of the address.
    Name(Name),
    /// Nothing: it is only the base of others.
    Nothing,
}

/// That a server did not help.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GatherError {
    /// The server's URI.
    pub url: Arc<str>,
    /// Which of our addresses it was asked about; `None` if the policy hides it (W3C webrtc-pc, section 4.8.3): errors
    /// are shown to those who do not know the addresses of the host, too.
    pub local: Option<SocketAddr>,
    /// What happened.
    pub reason: GatherFailure,
    /// The error code of STUN (300 to 699), or 701: the server was not reached.
    pub code: u16,
    /// What the server says about it, for people.
    pub text: String,
}

/// Why a server did not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GatherFailure {
    /// It did not answer in time.
    Timeout,
    /// It answered with an error.
    Refused,
    /// Its answer tells no address, or one that nobody can send to.
    Useless,
    /// It was not reached: who asked it says so.
    Unreachable,
}

impl GatherError {
    /// The code for servers that were not reached (W3C webrtc-pc, section 4.8.3).
    pub const UNREACHED: u16 = 701;
}

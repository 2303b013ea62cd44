use std::fmt;
use std::net::{IpAddr, SocketAddr};

use drywire_core::Protocol;
use drywire_stun::attributes::NetworkCost;

use crate::TcpType;

/// How a candidate was found (RFC 8445, section 5.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CandidateKind {
    /// An address of an interface of the host.
    Host,
    /// The address that a STUN server sees.
    ServerReflexive,
    /// The address that the peer sees, learnt from a check.
    PeerReflexive,
    /// An address on a TURN server.
    Relayed,
}

impl CandidateKind {
    /// The recommended type preference (RFC 8445, section 5.1.2.2).
    #[must_use]
    pub const fn type_preference(self) -> u32 {
        match self {
            Self::Host => 126,
            Self::PeerReflexive => 110,
            Self::ServerReflexive => 100,
            Self::Relayed => 0,
        }
    }

    /// The same over TCP: below all direct ways over UDP, as media over TCP is late when anything is lost (RFC 6544,
    /// section 4.2, leaves the numbers to the agent).
    pub(crate) const fn tcp_type_preference(self) -> u32 {
        match self {
            Self::Host => 90,
            Self::PeerReflexive => 80,
            Self::ServerReflexive => 75,
            Self::Relayed => 0,
        }
    }

    /// The word in SDP (RFC 8839, section 5.1).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relayed => "relay",
        }
    }
}

impl fmt::Display for CandidateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A transport address at which an agent may be reached (RFC 8445, section 5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// The transport protocol.
    pub protocol: Protocol,
    /// How it was found.
    pub kind: CandidateKind,
    /// Where it is reached.
    pub address: SocketAddr,
    /// Of a local candidate, the address that it sends from: the one of the socket, or of the relay.
    /// Of a remote candidate, the same as `address`.
    pub base: SocketAddr,
    /// The related address of SDP (`raddr`, `rport`), for diagnosis only (RFC 8839, section 5.1).
    pub related: Option<SocketAddr>,
    /// Its priority, 1 to 2^31 - 1 (RFC 8445, section 5.1.2).
    pub priority: u32,
    /// Candidates of one kind, base and server share it (RFC 8445, section 5.1.1.3).
    pub foundation: String,
    /// Which side connects, of TCP candidates (RFC 6544).
    pub tcp_type: Option<TcpType>,
    /// The number of the network interface and what it costs (`network-id` and `network-cost` of libwebrtc). Of pairs
    /// that work, the one that costs less on both sides together is preferred, whatever the priorities. Default 0.
    pub network: NetworkCost,
    /// The component: always 1.
    pub component: u16,
    /// Of a remote candidate, the user name fragment that it was signalled with, if it was: late candidates of the
    /// time before a restart are told apart by it (RFC 8839, section 5.1, RFC 8838, section 4.1).
    pub ufrag: Option<String>,
}

impl Candidate {
    /// A local address. `local_preference` orders the addresses of the host, 65,535 best; with both IP versions it
    /// should interleave them (RFC 8421).
    #[must_use]
    pub fn host(address: SocketAddr, local_preference: u16) -> Self {
        Self::local(CandidateKind::Host, address, address, None).with_local_preference(local_preference)
    }

    /// A local address for TCP (RFC 6544, section 5.1): the one of a listening socket, if it is passive; one to connect
    /// from, if it is active, and then the port is of no meaning and becomes 9.
    #[must_use]
    pub fn tcp_host(mut address: SocketAddr, tcp_type: TcpType, local_preference: u16) -> Self {
        if tcp_type == TcpType::Active {
            address.set_port(9);
        }
        let mut candidate = Self::host(address, local_preference);
        candidate.protocol = Protocol::Tcp;
        candidate.tcp_type = Some(tcp_type);
        candidate.foundation = foundation(candidate.kind, address.ip(), Protocol::Tcp);
        candidate.with_local_preference(local_preference)
    }

    /// The address that a STUN server saw a request from `base` come from.
    #[must_use]
    pub fn server_reflexive(address: SocketAddr, base: SocketAddr) -> Self {
        Self::local(CandidateKind::ServerReflexive, address, base, Some(base))
    }

    /// An address on a TURN server; `related` is the address that the server sees this host at. Datagrams whose
    /// `local` address is `address` go through the relay: that is the business of who owns the allocation.
    #[must_use]
    pub fn relayed(address: SocketAddr, related: SocketAddr) -> Self {
        Self::local(CandidateKind::Relayed, address, address, Some(related))
    }

    /// A candidate that the peer signalled.
    #[must_use]
    pub fn remote(
        protocol: Protocol,
        kind: CandidateKind,
        address: SocketAddr,
        priority: u32,
        foundation: impl Into<String>,
    ) -> Self {
        Self {
            protocol,
            kind,
            address,
            base: address,
            related: None,
            priority,
            foundation: foundation.into(),
            tcp_type: None,
            network: NetworkCost(0),
            component: 1,
            ufrag: None,
        }
    }

    /// The same candidate with another local preference in its priority (RFC 8445, section 5.1.2.1).
    #[must_use]
    pub fn with_local_preference(mut self, local_preference: u16) -> Self {
        self.priority = match self.tcp_type {
            None => priority(self.kind.type_preference(), local_preference, self.component),
            // RFC 6544, section 4.2: three bits of direction, then thirteen of the rest.
            Some(tcp_type) => {
                let direction = tcp_type.direction_preference(self.kind);
                let type_preference = self.kind.tcp_type_preference();
                priority(type_preference, direction << 13 | local_preference >> 3, self.component)
            }
        };
        self
    }

    fn local(
        kind: CandidateKind,
        address: SocketAddr,
        base: SocketAddr,
        related: Option<SocketAddr>,
    ) -> Self {
        let foundation = foundation(kind, base.ip(), Protocol::Udp);
        let priority = priority(kind.type_preference(), u16::MAX, 1);
        Self { related, base, ..Self::remote(Protocol::Udp, kind, address, priority, foundation) }
    }

    /// The priority that a peer-reflexive candidate found through this one would have, for the PRIORITY attribute
    /// (RFC 8445, section 7.1.1).
    pub(crate) const fn reflexive_priority(&self) -> u32 {
        let kind = CandidateKind::PeerReflexive;
        let preference =
            if self.tcp_type.is_some() { kind.tcp_type_preference() } else { kind.type_preference() };
        (preference << 24) | (self.priority & 0x00FF_FFFF)
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.kind, self.protocol, self.address)
    }
}

/// RFC 8445, section 5.1.2.1.
fn priority(type_preference: u32, local_preference: u16, component: u16) -> u32 {
    (type_preference << 24)
        | (u32::from(local_preference) << 8)
        | u32::from(256_u16.saturating_sub(component)).min(255)
}

/// A foundation that is the same for the same kind, base and protocol: FNV-1a of them, as a number.
fn foundation(kind: CandidateKind, base: IpAddr, protocol: Protocol) -> String {
    let mut hash = 0x811C_9DC5_u32;
    let mut add = |byte: u8| hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    kind.as_str().bytes().for_each(&mut add);
    match base {
        IpAddr::V4(ip) => ip.octets().into_iter().for_each(&mut add),
        IpAddr::V6(ip) => ip.octets().into_iter().for_each(&mut add),
    }
    add(u8::from(protocol == Protocol::Tcp));
    hash.to_string()
}

/// Whether packets may be sent to an address at all (attack A10). Whether they may be sent to private or loopback
/// addresses is a matter of policy: see [`Config::accept_remote`](crate::Config::accept_remote).
pub(crate) fn is_usable(address: SocketAddr) -> bool {
    let ip = address.ip().to_canonical();
    let is_broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast() || v4.octets().first() == Some(&0));
    address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !is_broadcast
}

/// Whether two addresses can reach each other as far as their kind tells: one IP version, and link-local and
/// loopback addresses only among themselves (RFC 8445, section 6.1.2.2).
pub(crate) fn can_pair(local: SocketAddr, remote: SocketAddr) -> bool {
    let is_link_local = |address: SocketAddr| match address.ip() {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    local.is_ipv4() == remote.is_ipv4()
        && is_link_local(local) == is_link_local(remote)
        && local.ip().is_loopback() == remote.ip().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_of_the_rfc() {
        let address = "192.0.2.1:5000".parse().unwrap();
        // RFC 8839, section 5.1: the host candidate of its example.
        assert_eq!(Candidate::host(address, 65_535).priority, 2_130_706_431);
        assert_eq!(Candidate::server_reflexive(address, address).priority, 1_694_498_815);
        assert_eq!(Candidate::relayed(address, address).priority, 16_777_215);
        assert_eq!(Candidate::host(address, 65_535).reflexive_priority(), 1_862_270_975);
        // RFC 6544, section 4.2: what libwebrtc gives its active candidates.
        let active = Candidate::tcp_host(address, TcpType::Active, 0);
        assert_eq!((active.priority, active.address.port()), (90 << 24 | 6 << 21 | 255, 9));
        assert!(active.priority > Candidate::tcp_host(address, TcpType::Passive, 65_535).priority);
        assert!(active.priority < Candidate::server_reflexive(address, address).priority);
    }

    #[test]
    fn foundations_differ_by_kind_and_base() {
        let (a, b) = ("192.0.2.1:5000".parse().unwrap(), "192.0.2.2:5000".parse().unwrap());
        let other_port = "192.0.2.1:6000".parse().unwrap();
        assert_eq!(Candidate::host(a, 1).foundation, Candidate::host(other_port, 2).foundation);
        assert_ne!(Candidate::host(a, 1).foundation, Candidate::host(b, 1).foundation);
        assert_ne!(Candidate::host(a, 1).foundation, Candidate::server_reflexive(b, a).foundation);
        assert!(Candidate::host(a, 1).foundation.len() <= 32);
    }

    #[test]
    fn a10_addresses_that_nobody_should_send_to() {
        for address in [
            "0.0.0.0:5000",
            "0.1.2.3:5000",
            "192.0.2.1:0",
            "224.0.0.251:5353",
            "255.255.255.255:9",
            "[::]:5000",
            "[ff02::fb]:5353",
            "[::ffff:224.0.0.1]:5000",
            "[::ffff:0.0.0.0]:5000",
        ] {
            assert!(!is_usable(address.parse().unwrap()), "{address}");
        }
        for address in ["127.0.0.1:5000", "10.0.0.1:1", "[fe80::1]:1", "[2001:db8::1]:65535"] {
            assert!(is_usable(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn kinds_of_addresses_keep_to_themselves() {
        let pairs = |a: &str, b: &str| can_pair(a.parse().unwrap(), b.parse().unwrap());
        assert!(pairs("10.0.0.1:1", "192.0.2.1:1") && pairs("127.0.0.1:1", "127.0.0.1:2"));
        assert!(pairs("[fe80::1]:1", "[fe80::2]:1") && pairs("[2001:db8::1]:1", "[2001:db8::2]:1"));
        assert!(!pairs("10.0.0.1:1", "[2001:db8::1]:1") && !pairs("127.0.0.1:1", "10.0.0.1:1"));
        assert!(!pairs("[fe80::1]:1", "[2001:db8::1]:1"));
    }
}

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use drywire::Duration;
use drywire_turn::server;

/// What a [`Server`](super::Server) listens on and how much it takes.
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    /// The protocol: users, quotas, lifetimes, which peers may be reached. [`Server::bind`](super::Server::bind) sets which
    /// IP versions there are to relay, and whether what is relayed leaves with the DF bit, and adds the server's own addresses to
    /// [`PeerPolicy::own`](server::PeerPolicy::own), loopback excepted where that is allowed.
    pub machine: server::Config,
    /// Where to take datagrams. A wildcard address (`0.0.0.0`, `[::]`) stands for all of its IP version.
    pub udp: Vec<SocketAddr>,
    /// Where to take TCP connections.
    pub tcp: Vec<SocketAddr>,
    /// Where to take TLS connections over TCP.
    pub tls: Vec<SocketAddr>,
    /// Certificate and key for [`tls`](Self::tls).
    pub tls_config: Option<Arc<rustls::ServerConfig>>,
    /// Where relayed addresses are, one of each IP version at most. None: the addresses that are listened on or, for
    /// wildcards, the first of an interface.
    pub relays: Vec<RelayHost>,
    /// The ports of relayed addresses. Default 49152 to 65535 (RFC 8656, section 7.2).
    pub relay_ports: RangeInclusive<u16>,
    /// The most connections of TCP and TLS, handshakes included. Default 10,000.
    pub max_connections: usize,
    /// The most of them from one address. Default 256.
    pub max_connections_per_address: usize,
    /// The most connections between peers and TCP allocations (RFC 6062). One more is not taken, or not made (447). Each
    /// allocation has [`max_peers`](server::Config::max_peers) of them at most. Default 10,000.
    pub max_peer_connections: usize,
    /// How long a TLS handshake may take. Default 10 s.
    pub handshake_timeout: Duration,
    /// How long a connection without an allocation may be silent, and how long one may not take what is sent to it.
    /// Likewise for a connection between a client and a peer of which one side has said all. Default 30 s.
    pub idle_timeout: Duration,
    /// The most bytes that wait for a connection. What is relayed to it meanwhile is dropped. Default 256 KiB.
    pub max_unsent: usize,
}

/// An address of this host on which sockets for relayed addresses are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayHost {
    /// The address to bind.
    pub address: IpAddr,
    /// The address that peers reach it by, behind a NAT that maps ports to themselves; of the same IP version.
    pub external: Option<IpAddr>,
}

impl Config {
    /// The defaults, without any address to listen on.
    #[must_use]
    pub const fn new(machine: server::Config) -> Self {
        Self {
            machine,
            udp: Vec::new(),
            tcp: Vec::new(),
            tls: Vec::new(),
            tls_config: None,
            relays: Vec::new(),
            relay_ports: 49_152..=65_535,
            max_connections: 10_000,
            max_connections_per_address: 256,
            max_peer_connections: 10_000,
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            max_unsent: 256 * 1024,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("machine", &self.machine)
            .field("udp", &self.udp)
            .field("tcp", &self.tcp)
            .field("tls", &self.tls)
            .field("relays", &self.relays)
            .finish_non_exhaustive()
    }
}

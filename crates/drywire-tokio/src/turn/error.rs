use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use drywire_turn::ConfigError;
use thiserror::Error;

/// Why a [`Server`](super::Server) cannot be.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// There is no address to listen on.
    #[error("there is no address to listen on")]
    NoListener,
    /// An address cannot be listened on: it is in use, not one of this host, or needs a permission.
    #[error("{transport} {address} cannot be listened on: {error}")]
    Listen {
        /// For what.
        transport: ListenerTransport,
        /// Which address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// TLS needs a certificate and its key.
    #[error("there is an address for TLS, but no certificate")]
    NoCertificate,
    /// Behaviour discovery needs two addresses that differ in IP address and port, neither of them a wildcard or port 0, of
    /// one IP version.
    #[error(
        "behaviour discovery needs two addresses of this host with different ports, but has {primary} and {alternate}"
    )]
    Discovery {
        /// The one.
        primary: SocketAddr,
        /// The other one.
        alternate: SocketAddr,
    },
    /// No address of this host is of use for relaying.
    #[error("there is no address to relay from")]
    NoRelay,
    /// An address cannot be relayed from: not one of this host's, a wildcard, the second of its IP version, or with an external
    /// address of the other version.
    #[error("{address} cannot be relayed from: {error}")]
    Relay {
        /// Which address.
        address: IpAddr,
        /// Why.
        error: io::Error,
    },
    /// The range of ports for relayed addresses is empty or has port 0.
    #[error("there are no ports from {first} to {last} to relay from")]
    Ports {
        /// The first one.
        first: u16,
        /// The last one.
        last: u16,
    },
    /// The protocol does not work like that.
    #[error(transparent)]
    Protocol(#[from] ConfigError),
    /// The network interfaces cannot be listed.
    #[error("the network interfaces cannot be listed: {0}")]
    Interfaces(io::Error),
    /// The system gives no randomness.
    #[error("the system gives no randomness")]
    Random,
}

/// How a server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerTransport {
    /// Datagrams.
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
}

impl fmt::Display for ListenerTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        })
    }
}

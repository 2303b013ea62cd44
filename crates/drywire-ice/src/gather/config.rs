use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use drywire_core::Duration;

use super::LocalAddress;

/// Which addresses of the host are used, and which of them the peer is told (RFC 8828, section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum AddressPolicy {
    /// All addresses: mode 1. What applications with the user's consent do.
    #[default]
    All,
    /// Only the addresses that the default routes lead over, and what servers and relays make of them: mode 2.
    DefaultRoute,
    /// As `DefaultRoute`, but host candidates are not told: mode 3.
    PublicOnly,
    /// Only relays: no candidate tells anything of the host, and no STUN server is asked. For those who want their
    /// traffic to be relayed (W3C webrtc-pc, `iceTransportPolicy` `relay`).
    RelayOnly,
}

/// A STUN server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StunServer {
    /// Its URI (RFC 7064), to tell by which server failed.
    pub url: Arc<str>,
    /// Where it is reached, over UDP.
    pub address: SocketAddr,
}

impl StunServer {
    /// A server by URI and address.
    #[must_use]
    pub fn new(url: impl Into<Arc<str>>, address: SocketAddr) -> Self {
        Self { url: url.into(), address }
    }
}

/// How a [`Gatherer`](super::Gatherer) behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Which addresses are used and told.
    pub policy: AddressPolicy,
    /// Whether host candidates are told by the names of [`mdns`](crate::mdns) only. Those of addresses without a name
    /// ([`LocalAddress::name`]) are then not told. Default no.
    pub hide_hosts: bool,
    /// Which addresses of the host may be used at all. The default refuses loopback addresses, and those of IPv6 that
    /// are link-local: their scope means nothing to the peer.
    pub filter: fn(&LocalAddress) -> bool,
    /// The STUN servers, at most 16.
    pub servers: Vec<StunServer>,
    /// The time between two first requests, `Ta` (RFC 8445, section 14.2). Default 50 ms, at least 5 ms.
    pub pace: Duration,
    /// The least time to the first retransmission, `RTO` (RFC 8445, section 14.3). Default 500 ms.
    pub rto: Duration,
    /// How long servers and relays are waited for, from when their address was added. Default 10 s.
    pub timeout: Duration,
    /// How long after its answer a server is asked again, so that NATs do not forget the mapping (RFC 8445, section 5.1.1.4), and
    /// to notice when they have changed it; `None`: not at all. Default 15 s, at least 1 s.
    pub keepalive: Option<Duration>,
    /// The most addresses of the host. Default 50.
    pub max_addresses: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            policy: AddressPolicy::All,
            hide_hosts: false,
            filter: |local| !local.address.ip().is_loopback() && !is_link_local(local.address.ip()),
            servers: Vec::new(),
            pace: Duration::from_millis(50),
            rto: Duration::from_millis(500),
            timeout: Duration::from_secs(10),
            keepalive: Some(Duration::from_secs(15)),
            max_addresses: 50,
        }
    }
}

impl Config {
    pub(crate) const MAX_SERVERS: usize = 16;

    pub(crate) fn bounded(mut self) -> Self {
        let least = Duration::from_millis(5);
        self.servers.truncate(Self::MAX_SERVERS);
        self.pace = self.pace.clamp(least, Duration::from_secs(60));
        self.rto = self.rto.clamp(least, Duration::from_secs(60));
        self.timeout = self.timeout.clamp(least, Duration::from_secs(600));
        let keepalive =
            |interval: Duration| interval.clamp(Duration::from_secs(1), Duration::from_secs(3_600));
        self.keepalive = self.keepalive.map(keepalive);
        self.max_addresses = self.max_addresses.clamp(1, 256);
        self
    }
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

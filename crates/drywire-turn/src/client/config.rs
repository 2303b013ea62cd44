use std::sync::Arc;

use drywire_core::{Duration, Path, Protocol};
use drywire_crypto::Provider;
use drywire_stun::{Credential, RetransmissionConfig};

/// Which relayed addresses a client asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RelayedFamily {
    /// One of IPv4.
    #[default]
    V4,
    /// One of IPv6, by REQUESTED-ADDRESS-FAMILY.
    V6,
    /// Both in one allocation, by ADDITIONAL-ADDRESS-FAMILY (RFC 8656, section 7.1). A server that has only IPv4 gives that.
    Both,
}

/// By which protocol the relay reaches peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RelayedTransport {
    /// UDP.
    #[default]
    Udp,
    /// TCP (RFC 6062): [`Client::connect`](super::Client::connect) makes connections, and there is no sending of datagrams. The
    /// way to the server must be a stream.
    Tcp,
}

/// How a client behaves. The defaults are those of the RFCs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where HMACs come from.
    pub provider: Arc<dyn Provider>,
    /// Our address and the server's. [`Protocol::Udp`]: datagrams. [`Protocol::Tcp`]: a stream, plain or inside of TLS,
    /// which is the adapter's.
    pub path: Path,
    /// User name and password.
    pub credential: Credential,
    /// Refuses servers that know only the password algorithm MD5, which all of the time before RFC 8489 are. Default no.
    pub require_sha256: bool,
    /// Which relayed addresses to ask for. Default IPv4.
    pub family: RelayedFamily,
    /// By which protocol peers are reached. Default UDP.
    pub transport: RelayedTransport,
    /// Asks for an allocation that can move to another address of ours: [`Client::moved`](super::Client::moved). A server that
    /// forbids it gives one that cannot. Default no.
    pub mobility: bool,
    /// How long the allocation shall last without refresh, in whole seconds. Default 600 s.
    pub lifetime: Duration,
    /// When requests are sent again over UDP. Over streams they are not; they are given up at the same time.
    pub retransmission: RetransmissionConfig,
    /// After how much silence towards the server a Binding indication keeps the NAT's mapping. Only over UDP. Default 20 s.
    pub keepalive: Duration,
    /// The most peers that permissions are held for. When there are more, those that nothing ever came from give way.
    /// Default 256.
    pub max_permissions: usize,
    /// The most channels. Default 256, no more than 4,096 exist.
    pub max_channels: usize,
    /// The most bytes of datagrams that wait for [`Client::poll_transmit`](super::Client::poll_transmit). Default 256 KiB.
    pub max_queued: usize,
    /// The most datagrams that wait for [`Client::poll_received`](super::Client::poll_received). Default 1,024.
    pub max_received: usize,
}

impl Config {
    /// The defaults, for a server and a user.
    #[must_use]
    pub fn new(provider: Arc<dyn Provider>, path: Path, credential: Credential) -> Self {
        Self {
            provider,
            path,
            credential,
            require_sha256: false,
            family: RelayedFamily::V4,
            transport: RelayedTransport::Udp,
            mobility: false,
            lifetime: Duration::from_secs(600),
            retransmission: RetransmissionConfig::default(),
            keepalive: Duration::from_secs(20),
            max_permissions: 256,
            max_channels: 256,
            max_queued: 256 * 1024,
            max_received: 1024,
        }
    }

    pub(crate) fn is_stream(&self) -> bool {
        self.path.protocol != Protocol::Udp
    }

    /// RFC 8489, section 6.2.2: over a reliable transport there are no retransmissions, and the request is given up
    /// after 39.5 s.
    pub(crate) fn schedule(&self) -> RetransmissionConfig {
        if self.is_stream() {
            RetransmissionConfig { rto: Duration::from_millis(39_500), max_sent: 1, last_wait: 1 }
        } else {
            self.retransmission
        }
    }
}

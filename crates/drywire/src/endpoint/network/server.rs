use std::net::SocketAddr;
use std::sync::Arc;

use drywire_ice::gather::RelayTransport;
use drywire_stun::{Host, ServerUri, UriTransport};
use thiserror::Error;

/// A STUN or TURN server, with the addresses that its name stands for (W3C webrtc-pc, `RTCIceServer`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IceServer {
    /// What it is, and how it is spoken to (RFC 7064, RFC 7065).
    pub uri: ServerUri,
    /// Where it is, best first. The first one of each IP version is used.
    pub addresses: Vec<SocketAddr>,
    /// The user name, of a TURN server.
    pub username: String,
    /// The password, of a TURN server.
    pub password: String,
}

impl IceServer {
    /// A STUN server.
    #[must_use]
    pub const fn stun(uri: ServerUri, addresses: Vec<SocketAddr>) -> Self {
        Self { uri, addresses, username: String::new(), password: String::new() }
    }

    /// A TURN server, with the credential for it.
    #[must_use]
    pub fn turn(
        uri: ServerUri,
        addresses: Vec<SocketAddr>,
        username: impl Into<String>,
        password: impl Into<String>,
    ) -> Self {
        Self { uri, addresses, username: username.into(), password: password.into() }
    }

    /// How it is spoken to; `None` if that is not supported.
    pub(super) fn transport(&self) -> Option<RelayTransport> {
        match (self.uri.transport(), self.uri.scheme.is_secure()) {
            (UriTransport::Udp, false) => Some(RelayTransport::Udp),
            (UriTransport::Tcp, false) => Some(RelayTransport::Tcp),
            (UriTransport::Tcp, true) => Some(RelayTransport::Tls),
            // DTLS to a server.
            (UriTransport::Udp, true) => None,
        }
    }

    /// The name that its certificate must have.
    pub(super) fn tls_name(&self) -> Option<Arc<str>> {
        let secure = self.transport() == Some(RelayTransport::Tls);
        secure.then(|| match &self.uri.host {
            Host::Name(name) => name.as_ref().into(),
            Host::Ip(ip) => ip.to_string().into(),
        })
    }

    /// The first address of each IP version.
    pub(super) fn first_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let first = |v4: bool| self.addresses.iter().copied().find(move |address| address.is_ipv4() == v4);
        [first(true), first(false)].into_iter().flatten()
    }
}

/// A server cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IceServerError {
    /// There is no address: the name was not resolved, or stands for none.
    #[error("{uri} has no address")]
    NoAddress {
        /// The server.
        uri: ServerUri,
    },
    /// A transport that is not spoken with servers: DTLS, or TCP with a STUN server.
    #[error("{uri}: servers are asked over UDP, and relays over UDP, TCP and TLS")]
    Transport {
        /// The server.
        uri: ServerUri,
    },
    /// A TURN server wants a user name and a password; or they have characters that no credential may have (RFC 8265).
    #[error("{uri} needs a user name and a password, of characters that RFC 8265 allows")]
    Credential {
        /// The server.
        uri: ServerUri,
    },
    /// The endpoint was configured without a cryptographic library, which TURN needs.
    #[error("{uri}: the endpoint has no cryptographic library; see EndpointConfig::provider")]
    NoProvider {
        /// The server.
        uri: ServerUri,
    },
    /// There are as many servers as an endpoint takes.
    #[error("{uri}: the endpoint has {limit} servers already")]
    TooMany {
        /// The server.
        uri: ServerUri,
        /// How many it takes.
        limit: usize,
    },
}

use std::net::SocketAddr;

/// On what the mapped address depends (RFC 4787, section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mapping {
    /// There is no NAT: the server sees the local address.
    Direct,
    /// Only on the local address: the same mapping for all peers.
    EndpointIndependent,
    /// On the peer's address too.
    AddressDependent,
    /// On the peer's address and port too: the "symmetric" NAT.
    AddressAndPortDependent,
}

/// What is let in (RFC 4787, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Filtering {
    /// Whatever comes to a mapping.
    EndpointIndependent,
    /// What comes from an address that something was sent to.
    AddressDependent,
    /// What comes from an address and port that something was sent to.
    AddressAndPortDependent,
}

/// Why something was not found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Undetermined {
    /// The server did not answer.
    NoResponse,
    /// The server has no second address (no OTHER-ADDRESS), or does not answer from it when asked.
    Unsupported,
    /// The server refused the request, with this error code.
    Refused(u16),
}

/// What was found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The client's address as the server's primary address sees it.
    pub mapped: Option<SocketAddr>,
    /// Whether something on the path rewrites addresses inside packets: the plain mapped address arrived different from
    /// the masked one (RFC 5780, section 3.6).
    pub is_rewritten: bool,
    /// The server's other address and port.
    pub other: Option<SocketAddr>,
    /// RFC 5780, section 4.3.
    pub mapping: Result<Mapping, Undetermined>,
    /// RFC 5780, section 4.4.
    pub filtering: Result<Filtering, Undetermined>,
    /// Whether the NAT sends back what is sent to the client's own mapped address (RFC 5780, section 3.4). `None`
    /// without a NAT, or when the mapped address is one that nobody can have.
    pub hairpinning: Option<bool>,
}

use drywire_turn::server;

/// What a [`Server`](super::Server) counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// What the protocol counted.
    pub machine: server::Stats,
    /// The allocations that there are now.
    pub allocations: usize,
    /// The connections that there are now, without those in their handshake.
    pub connections: usize,
    /// The connections to peers that there are now, those in the making included (RFC 6062).
    pub peer_connections: usize,
    /// Connections of peers, or to them, that were refused because there were too many.
    pub peer_connections_refused: u64,
    /// Connections that were closed at once, because there were too many.
    pub connections_refused: u64,
    /// Connections that were closed because they were silent, or did not take what was sent.
    pub connections_idle: u64,
    /// Relayed addresses that could not be opened: all ports in use, or no more file descriptors.
    pub relays_failed: u64,
    /// Datagrams, or trains of them, that were dropped because a socket or a connection did not take them fast enough.
    pub unsent: u64,
    /// Whether it takes no more allocations.
    pub draining: bool,
}

use std::collections::BTreeMap;

/// What a server counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Binding requests that were answered.
    pub bindings: u64,
    /// Allocations that were made.
    pub allocations: u64,
    /// Requests that were refused, by their error code.
    pub errors: BTreeMap<u16, u64>,
    /// Datagrams from clients to peers.
    pub datagrams_to_peers: u64,
    /// Their payload in bytes.
    pub bytes_to_peers: u64,
    /// Datagrams from peers to clients.
    pub datagrams_to_clients: u64,
    /// Their payload in bytes.
    pub bytes_to_clients: u64,
    /// Connections between clients and peers that were carried (RFC 6062).
    pub connections_bound: u64,
    /// Their bytes from clients to peers.
    pub stream_bytes_to_peers: u64,
    /// Their bytes from peers to clients.
    pub stream_bytes_to_clients: u64,
    /// ICMP errors that clients were told of.
    pub icmp_forwarded: u64,
    /// Dropped: what is neither STUN nor ChannelData, or lacks what it must have.
    pub malformed: u64,
    /// Dropped: messages that a server does not take, and data without an allocation.
    pub unexpected: u64,
    /// Dropped: datagrams without a permission or a channel, or to a peer that the policy forbids.
    pub not_permitted: u64,
    /// Dropped: datagrams beyond the bandwidth of their user, or of all.
    pub over_bandwidth: u64,
    /// Dropped: answers to a source that had got too many already.
    pub limited: u64,
    /// Dropped because too much was waiting.
    pub queue_full: u64,
}

impl Stats {
    /// Requests that were refused, whatever the reason.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Requests that were refused with this error code.
    #[must_use]
    pub fn refused_with(&self, code: u16) -> u64 {
        self.errors.get(&code).copied().unwrap_or(0)
    }

    pub(super) fn refuse(&mut self, code: u16) {
        *self.errors.entry(code).or_default() += 1;
    }
}

use drywire_core::Duration;

/// Plain counters of an association since it began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets received and understood.
    pub packets_received: u64,
    /// Packets dropped whole: malformed, a wrong checksum, port or verification tag.
    pub packets_dropped: u64,
    /// Chunks dropped: malformed, unexpected in the state, or without room.
    pub chunks_dropped: u64,
    /// Chunks sent of the handshake: none where the association began with what was told before.
    pub handshake_chunks_sent: u64,
    /// Bytes of messages sent, without retransmissions.
    pub bytes_sent: u64,
    /// Bytes of messages received, without duplicates.
    pub bytes_received: u64,
    /// Messages taken to be sent.
    pub messages_sent: u64,
    /// Messages given up before they were delivered, as it was wanted.
    pub messages_abandoned: u64,
    /// Messages received whole.
    pub messages_received: u64,
    /// Chunks of data sent again.
    pub retransmissions: u64,
    /// How often a loss was found by later acknowledgements.
    pub fast_retransmits: u64,
    /// How often the retransmission timer expired.
    pub timeouts: u64,
    /// How often something was sent again to hear of what was in flight (RFC 8985, section 7).
    pub tail_probes: u64,
    /// Chunks of data received more than once.
    pub duplicates: u64,
    /// The smoothed round-trip time, once measured.
    pub rtt: Option<Duration>,
    /// The congestion window, in bytes.
    pub congestion_window: usize,
    /// Bytes sent and not acknowledged.
    pub bytes_in_flight: usize,
    /// What the peer can take, in bytes, by its latest word.
    pub peer_window: usize,
}

use drywire_sdp::Mid;

/// The data channel section that both sides agreed on (RFC 8841).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DataSection {
    /// Its identification tag.
    pub mid: Mid,
    /// The longest message that the peer takes, in bytes. [`u64::MAX`] when it takes any length. A peer that says
    /// nothing takes 65,536 (RFC 8841 section 6.1).
    pub remote_max_message_size: u64,
    /// The SCTP port of the peer.
    pub remote_sctp_port: u16,
    /// The INIT chunk of the peer, if both sides told theirs: the association needs no handshake (draft-hancke-tsvwg-snap-00).
    pub remote_sctp_init: Option<Vec<u8>>,
}

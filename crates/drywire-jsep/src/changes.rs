use crate::transceiver::TransceiverId;

/// What a description changed, so that the layer above need not compare.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changes {
    /// Transceivers that the remote offer created.
    pub added: Vec<TransceiverId>,
    /// Transceivers that were taken back because the offer that created them was rolled back.
    pub removed: Vec<TransceiverId>,
    /// Transceivers that have stopped for good.
    pub stopped: Vec<TransceiverId>,
    /// Transceivers whose codecs, header extensions or current direction are now negotiated or were renegotiated.
    pub negotiated: Vec<TransceiverId>,
    /// The peer has new ICE credentials: a restart (RFC 8445 section 9).
    pub ice_restart: bool,
    /// The data section has just been negotiated.
    pub data_opened: bool,
    /// The data section was rejected or closed.
    pub data_closed: bool,
    /// The offer of this side was taken back to make room for the one of the peer.
    pub rolled_back: bool,
}

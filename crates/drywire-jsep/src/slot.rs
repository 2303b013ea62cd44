use drywire_sdp::Mid;

use crate::transceiver::TransceiverId;

/// A place in the order of the media sections, which never changes (RFC 3264 section 8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) mid: Mid,
    /// Whether the peer knows the mid. It does not when its offer had none.
    pub(crate) signalled: bool,
    /// Media type, protocol and formats as last written, to repeat them in a rejected section.
    pub(crate) media: String,
    pub(crate) protocol: String,
    pub(crate) formats: String,
    pub(crate) occupant: Occupant,
    /// Whether the section is rejected in the current descriptions, so that it may be used again
    /// (RFC 9429 section 5.2.2).
    pub(crate) rejected: bool,
}

/// What a media section is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occupant {
    Transceiver(TransceiverId),
    Data,
    /// A section that this side does not understand, or one that was rejected from the start.
    None,
}

use drywire_sdp::{Direction, Mid, PayloadType};

use crate::slot::Occupant;
use crate::transceiver::{NegotiatedExtension, TransceiverId};

/// What a local description will say. It is kept beside the text, so that our own text need not be read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) sections: Vec<PlannedSection>,
    /// The indices of the bundled sections in the order of the bundle; empty writes no bundle.
    pub(crate) bundle: Vec<usize>,
    pub(crate) allow_mixed: bool,
    /// Whether all sections say that encrypted headers are received (RFC 9335).
    pub(crate) cryptex: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedSection {
    pub(crate) mid: Mid,
    pub(crate) signalled: bool,
    pub(crate) media: String,
    pub(crate) protocol: String,
    pub(crate) formats: String,
    pub(crate) occupant: Occupant,
    /// `None` rejects the section.
    pub(crate) body: Option<Body>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    Rtp(PlannedRtp),
    Data(DataForm),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedRtp {
    pub(crate) transceiver: TransceiverId,
    pub(crate) direction: Direction,
    /// The direction of the offer that is answered.
    pub(crate) remote_direction: Direction,
    pub(crate) codecs: Vec<PlannedCodec>,
    pub(crate) extensions: Vec<NegotiatedExtension>,
    pub(crate) reduced_size: bool,
    pub(crate) streams: Vec<String>,
    pub(crate) track: String,
    pub(crate) ssrc: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedCodec {
    pub(crate) payload_type: PayloadType,
    pub(crate) name: String,
    pub(crate) clock_rate: u32,
    pub(crate) channels: Option<u16>,
    /// Our parameters.
    pub(crate) fmtp: String,
    /// Those of the peer, in an answer.
    pub(crate) remote_fmtp: String,
    pub(crate) feedback: Vec<String>,
}

/// How a data section is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataForm {
    /// `webrtc-datachannel` and `a=sctp-port` (RFC 8841).
    Current,
    /// The port in the line `m=` and `a=sctpmap` (drafts before RFC 8841).
    Sctpmap,
}

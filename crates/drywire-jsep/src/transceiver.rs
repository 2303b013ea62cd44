use std::fmt;

use drywire_sdp::{Direction, Mid, Msid, Ssrc, SsrcGroup};

use crate::codec::NegotiatedCodec;

/// Names a transceiver of one session for its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransceiverId(pub(crate) u32);

impl fmt::Display for TransceiverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a transceiver carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// Audio.
    Audio,
    /// Video.
    Video,
}

impl MediaKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }

    pub(crate) fn from_sdp(kind: drywire_sdp::MediaKind) -> Option<Self> {
        match kind {
            drywire_sdp::MediaKind::Audio => Some(Self::Audio),
            drywire_sdp::MediaKind::Video => Some(Self::Video),
            _ => None,
        }
    }
}

/// With what a transceiver begins (W3C `RTCRtpTransceiverInit`).
#[derive(Debug, Clone, Default)]
pub struct TransceiverInit {
    /// The direction that is wanted. Default `sendrecv`.
    pub direction: Direction,
    /// The media streams that the track sent belongs to.
    pub streams: Vec<String>,
    /// The name of the track sent; `None` makes one from the seed.
    pub track: Option<String>,
}

/// How a transceiver came to be, which decides whether a remote offer may take it (RFC 9429 section 5.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Created {
    /// By `add_transceiver`: it waits for a section of its own.
    Transceiver,
    /// By `add_track`: a section of the peer may carry it.
    Track,
    /// By a remote offer.
    Remote,
}

/// A pair of sender and receiver that share a media section (RFC 9429 section 3.4).
#[derive(Debug, Clone)]
pub struct Transceiver {
    pub(crate) id: TransceiverId,
    pub(crate) kind: MediaKind,
    pub(crate) created: Created,
    /// Whether `add_track` ever used it: rolling back must not remove it then.
    pub(crate) tracked: bool,
    pub(crate) section: Option<Section>,
    pub(crate) direction: Direction,
    pub(crate) current_direction: Option<Direction>,
    pub(crate) stopping: bool,
    pub(crate) stopped: bool,
    pub(crate) streams: Vec<String>,
    pub(crate) track: String,
    pub(crate) ssrc: u32,
    pub(crate) remote: RemoteMedia,
    pub(crate) negotiated: Option<Negotiated>,
}

/// The media section of a transceiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) index: usize,
    pub(crate) mid: Mid,
}

/// What the peer said about the media that it sends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteMedia {
    /// The sources that were announced, without those of retransmission and error correction. A peer need not
    /// announce any.
    pub ssrcs: Vec<u32>,
    /// The canonical name of the sources.
    pub cname: Option<String>,
    /// The media streams that the track belongs to.
    pub streams: Vec<String>,
    /// The name of the track.
    pub track: Option<String>,
}

/// What both sides agreed on for a transceiver.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Negotiated {
    /// The codecs, in the order of the answer.
    pub codecs: Vec<NegotiatedCodec>,
    /// The header extensions.
    pub extensions: Vec<NegotiatedExtension>,
    /// Whether RTCP packets may be sent that are not compound (RFC 5506).
    pub rtcp_reduced_size: bool,
    /// What the local description says, to see whether it is still true.
    pub(crate) local: LocalSide,
}

/// The part of the local description that can ask for a new negotiation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalSide {
    /// The direction in the local description.
    pub(crate) direction: Direction,
    /// The direction in the remote description.
    pub(crate) remote_direction: Direction,
    /// Whether the local description was the offer.
    pub(crate) offered: bool,
    pub(crate) streams: Vec<String>,
}

/// A header extension and the number that stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NegotiatedExtension {
    /// The number in the packets of both sides.
    pub id: u8,
    /// What it is.
    pub uri: String,
    /// Whether this side sends it, receives it or both.
    pub direction: Direction,
    /// Whether its values are encrypted (RFC 6904), in packets whose headers are not as a whole.
    pub encrypted: bool,
}

impl Transceiver {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> TransceiverId {
        self.id
    }

    /// What it carries.
    #[must_use]
    pub fn kind(&self) -> MediaKind {
        self.kind
    }

    /// The identification tag of its section, once it has one.
    #[must_use]
    pub fn mid(&self) -> Option<&Mid> {
        self.section.as_ref().map(|section| &section.mid)
    }

    /// The index of its section, once it has one.
    #[must_use]
    pub fn media_index(&self) -> Option<usize> {
        self.section.as_ref().map(|section| section.index)
    }

    /// The direction that the application wants.
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The direction that was negotiated; `None` before that, and once it is stopped.
    #[must_use]
    pub fn current_direction(&self) -> Option<Direction> {
        self.current_direction
    }

    /// Whether it stops with the next negotiation, or is stopped.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping || self.stopped
    }

    /// Whether it is stopped for good.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// The streams that its track belongs to.
    #[must_use]
    pub fn streams(&self) -> &[String] {
        &self.streams
    }

    /// The name of its track.
    #[must_use]
    pub fn track(&self) -> &str {
        &self.track
    }

    /// The source that this side sends with.
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// What the peer said about what it sends.
    #[must_use]
    pub fn remote(&self) -> &RemoteMedia {
        &self.remote
    }

    /// What both sides agreed on, once they did.
    #[must_use]
    pub fn negotiated(&self) -> Option<&Negotiated> {
        self.negotiated.as_ref()
    }

    pub(crate) fn stop(&mut self) {
        self.stopping = true;
        self.stopped = true;
        self.current_direction = None;
        self.direction = Direction::Inactive;
    }

    /// Whether the local description no longer says what is wanted (W3C, to check if negotiation is needed).
    pub(crate) fn needs_negotiation(&self) -> bool {
        if self.stopped {
            return false;
        }
        let (false, Some(_), Some(negotiated)) = (self.stopping, &self.section, &self.negotiated) else {
            return true;
        };
        let local = &negotiated.local;
        if self.direction.sends() && local.direction.sends() && local.streams != self.streams {
            return true;
        }
        if local.offered {
            self.direction != local.direction && self.direction != local.remote_direction.reversed()
        } else {
            local.direction != self.direction.intersection(local.remote_direction.reversed())
        }
    }
}

impl RemoteMedia {
    /// How many sources and streams of one section are kept.
    const MAX: usize = 64;

    pub(crate) fn read(section: &drywire_sdp::Section<'_>) -> Self {
        let mut secondary: Vec<u32> = Vec::new();
        for group in section.all::<SsrcGroup<'_>>().take(Self::MAX) {
            if matches!(group.semantics(), "FID" | "FEC-FR" | "FEC") {
                secondary.extend(group.ssrcs().skip(1).take(Self::MAX));
            }
        }
        let mut remote = Self::default();
        for line in section.all::<Ssrc<'_>>().take(4 * Self::MAX) {
            let ssrc = line.ssrc();
            if !remote.ssrcs.contains(&ssrc) && !secondary.contains(&ssrc) && remote.ssrcs.len() < Self::MAX {
                remote.ssrcs.push(ssrc);
            }
            if line.name() == "cname" && remote.cname.is_none() {
                remote.cname = line.value().map(str::to_owned);
            }
        }
        for msid in section.all::<Msid<'_>>().take(Self::MAX) {
            remote.streams.extend(msid.stream().map(str::to_owned));
            if remote.track.is_none() {
                remote.track = msid.track().map(str::to_owned);
            }
        }
        remote
    }
}

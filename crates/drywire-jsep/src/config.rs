use drywire_sdp::{Mid, PayloadType};

use crate::codec::Codec;
use crate::transceiver::MediaKind;

/// What a session can negotiate. Share one between sessions with an `Arc`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The audio codecs in the order of preference.
    pub audio: Vec<Codec>,
    /// The video codecs in the order of preference.
    pub video: Vec<Codec>,
    /// The header extensions.
    pub header_extensions: Vec<HeaderExtension>,
    /// Whether the headers of RTP packets are encrypted with Cryptex (RFC 9335): contributing sources and all header
    /// extensions. Default: [`Negotiate`](EncryptionPolicy::Negotiate), as W3C has it; it costs nothing with peers that
    /// do not know it.
    pub cryptex: EncryptionPolicy,
    /// Whether RTCP packets may be sent that are not compound (RFC 5506).
    pub rtcp_reduced_size: bool,
    /// The longest data channel message that is taken, in bytes, as announced to the peer; 0 is any length. More than the association puts
    /// together can be taken on channels that are read in parts. Default 262,144.
    pub max_message_size: u64,
    /// The SCTP port of this side. Default 5000.
    pub sctp_port: u16,
    /// The canonical name of this side in RTCP (RFC 7022); `None` makes one from the seed.
    pub cname: Option<String>,
    /// How many media sections there may be. Default 1,024.
    pub max_media_sections: usize,
}

/// A header extension that this side understands (RFC 8285).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderExtension {
    /// What it is.
    pub uri: String,
    /// Whether it is used in audio sections.
    pub audio: bool,
    /// Whether it is used in video sections.
    pub video: bool,
    /// Whether its values are encrypted (RFC 6904). With Cryptex all of them are in any case. Default of
    /// [`new`](Self::new): [`Off`](EncryptionPolicy::Off).
    pub encryption: EncryptionPolicy,
}

/// Whether something in the headers of RTP packets is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum EncryptionPolicy {
    /// It is neither offered nor accepted.
    Off,
    /// It is offered, and accepted when the peer offers it.
    #[default]
    Negotiate,
    /// Without it there is none: descriptions without Cryptex are refused if they have media, header extensions that are
    /// not encrypted are not used.
    Require,
}

impl EncryptionPolicy {
    /// Whether it may be encrypted.
    pub(crate) fn allows(self) -> bool {
        self != Self::Off
    }

    /// Whether it must be.
    pub(crate) fn requires(self) -> bool {
        self == Self::Require
    }
}

impl HeaderExtension {
    /// The identification tag of the media section (RFC 9143 section 15.2).
    pub const MID: &'static str = "urn:ietf:params:rtp-hdrext:sdes:mid";
    /// How loud the audio is (RFC 6464).
    pub const AUDIO_LEVEL: &'static str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
    /// How the video is turned (3GPP TS 26.114 section 7.4.5).
    pub const VIDEO_ORIENTATION: &'static str = "urn:3gpp:video-orientation";
    /// Samples of the picture. Browsers use it only encrypted.
    pub const CORRUPTION_DETECTION: &'static str =
        "http://www.webrtc.org/experiments/rtp-hdrext/corruption-detection";

    /// A header extension that is used in audio sections, in video sections or in both, and not encrypted on its own.
    #[must_use]
    pub fn new(uri: impl Into<String>, audio: bool, video: bool) -> Self {
        Self { uri: uri.into(), audio, video, encryption: EncryptionPolicy::Off }
    }

    pub(crate) fn is_for(&self, kind: MediaKind) -> bool {
        match kind {
            MediaKind::Audio => self.audio,
            MediaKind::Video => self.video,
        }
    }
}

impl Config {
    pub(crate) fn codecs(&self, kind: MediaKind) -> &[Codec] {
        match kind {
            MediaKind::Audio => &self.audio,
            MediaKind::Video => &self.video,
        }
    }
}

impl Default for Config {
    /// Every codec that browsers send and that can be passed on without looking into it, and the feedback and header
    /// extensions that drywire answers itself.
    fn default() -> Self {
        let audio = |name: &str, payload_type, clock_rate, channels, fmtp: &str| Codec {
            name: name.to_owned(),
            payload_type: number(payload_type),
            clock_rate,
            channels,
            fmtp: fmtp.to_owned(),
            feedback: Vec::new(),
        };
        let video = |name: &str, payload_type, fmtp: &str| Codec {
            name: name.to_owned(),
            payload_type: number(payload_type),
            clock_rate: 90_000,
            channels: None,
            fmtp: fmtp.to_owned(),
            feedback: vec!["ccm fir".to_owned(), "nack pli".to_owned()],
        };
        let h264 = |payload_type, mode: u8, profile: &str| {
            let fmtp =
                format!("level-asymmetry-allowed=1;packetization-mode={mode};profile-level-id={profile}");
            video("H264", payload_type, &fmtp)
        };
        Self {
            audio: vec![
                audio("opus", 111, 48_000, Some(2), "minptime=10;useinbandfec=1"),
                audio("G722", 9, 8_000, None, ""),
                audio("PCMU", 0, 8_000, None, ""),
                audio("PCMA", 8, 8_000, None, ""),
            ],
            video: vec![
                video("VP8", 96, ""),
                video("VP9", 98, "profile-id=0"),
                h264(102, 1, "42001f"),
                h264(104, 0, "42001f"),
                h264(108, 1, "42e01f"),
                h264(114, 0, "42e01f"),
                h264(116, 1, "4d001f"),
                h264(39, 0, "4d001f"),
                h264(112, 1, "64001f"),
                h264(41, 0, "64001f"),
                h264(106, 1, "640c1f"),
                h264(43, 0, "640c1f"),
                video("AV1", 45, "level-idx=5;profile=0;tier=0"),
                video("VP9", 100, "profile-id=2"),
            ],
            header_extensions: vec![
                HeaderExtension::new(HeaderExtension::AUDIO_LEVEL, true, false),
                HeaderExtension::new(HeaderExtension::MID, true, true),
                HeaderExtension::new(HeaderExtension::VIDEO_ORIENTATION, false, true),
            ],
            cryptex: EncryptionPolicy::Negotiate,
            rtcp_reduced_size: true,
            max_message_size: 262_144,
            sctp_port: 5000,
            cname: None,
            max_media_sections: 1024,
        }
    }
}

fn number(value: u8) -> PayloadType {
    PayloadType::new(value).unwrap_or(PayloadType::MAX)
}

/// The mid of this number.
pub(crate) fn mid(number: u32) -> Option<Mid> {
    Mid::new(number.to_string()).ok()
}

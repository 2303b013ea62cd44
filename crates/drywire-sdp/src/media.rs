use std::fmt;

use crate::attributes::rtpmap::PayloadType;
use crate::error::Invalid;
use crate::grammar::{Words, is_token, is_word, number};

/// What a media section carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MediaKind {
    /// `audio`
    Audio,
    /// `video`
    Video,
    /// `application`: data channels.
    Application,
    /// Anything else: `text`, `image`, `message` and what is registered later.
    Other,
}

/// The line `m=` (RFC 8866 section 5.14), which begins a media section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaLine<'a> {
    media: &'a str,
    port: u16,
    port_count: u16,
    protocol: &'a str,
    formats: &'a str,
}

impl<'a> MediaLine<'a> {
    pub(crate) const NONE: MediaLine<'static> =
        MediaLine { media: "", port: 0, port_count: 1, protocol: "", formats: "" };

    /// A line of this media type, port, protocol, and formats with spaces between them.
    ///
    /// # Errors
    /// [`Invalid::Line`] when one of them does not follow the grammar.
    pub fn new(media: &'a str, port: u16, protocol: &'a str, formats: &'a str) -> Result<Self, Invalid> {
        Self { media, port, port_count: 1, protocol, formats }.checked().ok_or(Invalid::Line('m'))
    }

    pub(crate) fn parse(value: &'a str) -> Result<Self, Invalid> {
        let mut words = Words::new(value);
        let mut read = || {
            let media = words.next()?;
            let port = words.next()?;
            let (port, port_count) = match port.split_once('/') {
                None => (number(port)?, 1),
                Some((port, count)) => (number(port)?, number(count).filter(|count| *count > 0)?),
            };
            let protocol = words.next()?;
            Self { media, port, port_count, protocol, formats: words.rest() }.checked()
        };
        read().ok_or(Invalid::Line('m'))
    }

    fn checked(self) -> Option<Self> {
        let protocol = self.protocol.split('/').all(is_token);
        let mut formats = self.formats().peekable();
        let some = formats.peek().is_some();
        let formats = if self.is_rtp() {
            formats.all(|format| number::<u8>(format).and_then(PayloadType::new).is_some())
        } else {
            formats.all(is_word)
        };
        (is_token(self.media) && protocol && some && formats).then_some(self)
    }

    /// The media type as it is written.
    #[must_use]
    pub fn media(&self) -> &'a str {
        self.media
    }

    /// The media type.
    #[must_use]
    pub fn kind(&self) -> MediaKind {
        match self.media {
            "audio" => MediaKind::Audio,
            "video" => MediaKind::Video,
            "application" => MediaKind::Application,
            _ => MediaKind::Other,
        }
    }

    /// The port of the default destination. 0 rejects the section or, in an offer, leaves it to its bundle.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many ports follow each other; nearly always 1.
    #[must_use]
    pub fn port_count(&self) -> u16 {
        self.port_count
    }

    /// The protocol, as `UDP/TLS/RTP/SAVPF`.
    #[must_use]
    pub fn protocol(&self) -> &'a str {
        self.protocol
    }

    /// Whether the formats are RTP payload types.
    #[must_use]
    pub fn is_rtp(&self) -> bool {
        self.protocol.split('/').any(|part| part == "RTP")
    }

    /// The formats in their order of preference.
    pub fn formats(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        Words::new(self.formats)
    }

    /// The formats as they are written.
    #[must_use]
    pub fn format_list(&self) -> &'a str {
        self.formats
    }

    /// The formats of an RTP section, in their order of preference. None of any other section.
    pub fn payload_types(&self) -> impl Iterator<Item = PayloadType> + use<'a> {
        let formats = if self.is_rtp() { self.formats } else { "" };
        Words::new(formats).filter_map(|format| number::<u8>(format).and_then(PayloadType::new))
    }
}

impl fmt::Display for MediaLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.media, self.port)?;
        if self.port_count != 1 {
            write!(f, "/{}", self.port_count)?;
        }
        write!(f, " {} {}", self.protocol, self.formats)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for text in [
            "audio 41549 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126",
            "application 9 UDP/DTLS/SCTP webrtc-datachannel",
            "application 9 DTLS/SCTP 5000",
            "video 49170/2 RTP/AVP 31",
        ] {
            assert_eq!(MediaLine::parse(text).unwrap().to_string(), text);
        }
        let line = MediaLine::parse("audio 9 UDP/TLS/RTP/SAVPF 111 0").unwrap();
        assert_eq!(line.payload_types().map(PayloadType::value).collect::<Vec<_>>(), [111, 0]);
        assert_eq!(line.kind(), MediaKind::Audio);
    }

    #[test]
    fn numbers_are_in_range() {
        for wrong in [
            "audio 65536 UDP/TLS/RTP/SAVPF 0",
            "audio 9 UDP/TLS/RTP/SAVPF 128",
            "audio 9 UDP/TLS/RTP/SAVPF 200",
            "audio 9 UDP/TLS/RTP/SAVPF x",
            "audio -9 RTP/AVP 0",
            "audio 9/0 RTP/AVP 0",
            "audio 9 RTP/AVP",
            "audio 9",
            "",
        ] {
            assert_eq!(MediaLine::parse(wrong), Err(Invalid::Line('m')), "{wrong}");
        }
    }
}

use std::fmt::Write as _;

use crate::attribute::Attribute;
use crate::connection::Connection;
use crate::description::{
    LineState, MAX_LINES, MAX_MEDIA_SECTIONS, MAX_SECTION_LINES, MAX_TEXT, SessionDescription, check_line,
    narrow, widen,
};
use crate::error::Invalid;
use crate::media::MediaLine;
use crate::origin::Origin;

/// Writes a new [`SessionDescription`] line by line.
///
/// Each line is read back by the parser before it is kept: no string that enters here can add a line, and what is
/// built always parses.
///
/// ```
/// use drywire_sdp::{Builder, Direction, MediaLine, Mid, Origin};
///
/// let mut builder = Builder::new(&Origin::new(4962303333179871723, 1));
/// builder.media(&MediaLine::new("application", 9, "UDP/DTLS/SCTP", "webrtc-datachannel")?)?;
/// builder.attribute(&Mid::new("0")?)?;
/// builder.flag("end-of-candidates")?;
/// assert!(builder.flag("x\r\na=inactive").is_err());
/// assert!(builder.build().as_str().ends_with("a=mid:0\r\na=end-of-candidates\r\n"));
/// # Ok::<(), drywire_sdp::Invalid>(())
/// ```
#[derive(Debug, Clone)]
pub struct Builder {
    description: SessionDescription,
    state: LineState,
}

impl Builder {
    /// Begins with the lines `v=`, `o=`, `s=` and `t=`.
    #[must_use]
    pub fn new(origin: &Origin<'_>) -> Self {
        let mut text = String::with_capacity(4096);
        let mut lines = Vec::with_capacity(64);
        let mut line = |written: std::fmt::Arguments<'_>| {
            lines.push(narrow(text.len()));
            // Writing into a String does not fail.
            let _ = text.write_fmt(written);
            text.push_str("\r\n");
        };
        line(format_args!("v=0"));
        line(format_args!("o={origin}"));
        line(format_args!("s=-"));
        line(format_args!("t=0 0"));
        Self { description: SessionDescription { text, lines, media: Vec::new() }, state: LineState::Session }
    }

    /// Begins a media section.
    ///
    /// # Errors
    /// [`Invalid::TooManyMediaSections`] at the limit.
    pub fn media(&mut self, line: &MediaLine<'_>) -> Result<&mut Self, Invalid> {
        if self.description.media.len() >= MAX_MEDIA_SECTIONS {
            return Err(Invalid::TooManyMediaSections);
        }
        self.line(format_args!("m={line}"))?;
        self.description.media.push(narrow(self.description.lines.len().saturating_sub(1)));
        Ok(self)
    }

    /// Adds a line `c=`.
    ///
    /// # Errors
    /// [`Invalid`] when the text gets too long.
    pub fn connection(&mut self, line: &Connection<'_>) -> Result<&mut Self, Invalid> {
        self.line(format_args!("c={line}"))
    }

    /// Adds an attribute.
    ///
    /// # Errors
    /// [`Invalid`] when its value does not follow its grammar; then nothing is added.
    pub fn attribute<'a, A: Attribute<'a>>(&mut self, attribute: &A) -> Result<&mut Self, Invalid> {
        struct Value<'b, A>(&'b A);
        impl<'a, A: Attribute<'a>> std::fmt::Display for Value<'_, A> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.write_value(f)
            }
        }
        self.line(format_args!("a={}:{}", A::NAME, Value(attribute)))
    }

    /// Adds an attribute without a value.
    ///
    /// # Errors
    /// [`Invalid::AttributeName`] when the name is not a token; then nothing is added.
    pub fn flag(&mut self, name: &str) -> Result<&mut Self, Invalid> {
        self.line(format_args!("a={name}"))
    }

    /// Adds an attribute that has no type of its own here.
    ///
    /// # Errors
    /// [`Invalid`] when name or value do not follow their grammar; then nothing is added.
    pub fn raw_attribute(&mut self, name: &str, value: &str) -> Result<&mut Self, Invalid> {
        if !crate::grammar::is_token(name) {
            return Err(Invalid::AttributeName);
        }
        self.line(format_args!("a={name}:{value}"))
    }

    /// The finished description.
    #[must_use]
    pub fn build(self) -> SessionDescription {
        self.description
    }

    fn line(&mut self, written: std::fmt::Arguments<'_>) -> Result<&mut Self, Invalid> {
        let lines = self.description.lines.len();
        let first = self.description.media.last().map_or(0, |line| widen(*line));
        let text = &mut self.description.text;
        let begin = text.len();
        // Writing into a String does not fail, unless a `Display` does.
        let written = text.write_fmt(written);
        let is_media = text.get(begin..).is_some_and(|line| line.starts_with("m="));
        let full = lines >= MAX_LINES || (lines - first >= MAX_SECTION_LINES && !is_media);
        let checked = match written {
            Err(_) => Err(Invalid::Form),
            Ok(()) if text.len() + 2 > MAX_TEXT => Err(Invalid::TooLong),
            Ok(()) if full => Err(Invalid::TooManyLines),
            Ok(()) => check_line(text.get(begin..).unwrap_or_default(), self.state),
        };
        match checked {
            Ok(state) => {
                self.state = state;
                text.push_str("\r\n");
                self.description.lines.push(narrow(begin));
                Ok(self)
            }
            Err(error) => {
                text.truncate(begin);
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Candidate, Extmap, Fmtp, Mid, Msid, RtcpFb, Rtpmap};

    #[test]
    fn what_is_built_parses_to_the_same() {
        let mut builder = Builder::new(&Origin::new(7, 1));
        builder.raw_attribute("group", "BUNDLE 0").unwrap();
        builder.media(&MediaLine::new("audio", 9, "UDP/TLS/RTP/SAVPF", "111").unwrap()).unwrap();
        builder.connection(&Connection::UNSPECIFIED).unwrap();
        builder.attribute(&Mid::new("0").unwrap()).unwrap();
        builder.flag("rtcp-mux").unwrap();
        let mut built = builder.build();
        let parsed: SessionDescription = built.as_str().parse().unwrap();
        assert_eq!(built, parsed);
        let candidate: Candidate = "candidate:1 1 udp 1 192.0.2.1 9 typ host".parse().unwrap();
        assert_eq!(built.push_attribute(0, &candidate), Ok(true));
        assert_eq!(built.push_attribute(1, &candidate), Ok(false));
        assert_eq!(built, built.as_str().parse().unwrap());
    }

    proptest! {
        /// Attack F03: no string of the application can add a line.
        #[test]
        fn nothing_injects_a_line(a in "[a=:\\r\\n\\x00 m0-9é]{0,24}", b in "\\PC{0,8}[\\r\\n]?\\PC{0,8}") {
            let mut builder = Builder::new(&Origin::new(7, 1));
            builder.media(&MediaLine::new("audio", 9, "UDP/TLS/RTP/SAVPF", "111").unwrap()).unwrap();
            let mut expected = builder.description.lines.len();
            for (x, y) in [(&a, &b), (&b, &a)] {
                let mut count = |added: Result<bool, Invalid>| expected += usize::from(added.is_ok());
                count(builder.flag(x).map(|_| true));
                count(builder.raw_attribute(x, y).map(|_| true));
                count(Mid::new(x.as_str()).and_then(|mid| builder.attribute(&mid).map(|_| true)));
                count(Msid::new(x, Some(y)).and_then(|msid| builder.attribute(&msid).map(|_| true)));
                let pt = crate::PayloadType::new(111).unwrap();
                count(Fmtp::new(pt, x).and_then(|fmtp| builder.attribute(&fmtp).map(|_| true)));
                count(RtcpFb::new(Some(pt), x).and_then(|fb| builder.attribute(&fb).map(|_| true)));
                count(Rtpmap::new(pt, x, 90_000, None).and_then(|map| builder.attribute(&map).map(|_| true)));
                count(Extmap::new(1, None, x).and_then(|map| builder.attribute(&map).map(|_| true)));
            }
            let built = builder.build();
            let parsed: SessionDescription = built.as_str().parse().unwrap();
            prop_assert_eq!(parsed.lines.len(), expected);
            prop_assert_eq!(parsed.media_len(), 1);
            prop_assert_eq!(parsed, built);
        }
    }
}

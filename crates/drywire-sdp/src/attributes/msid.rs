//! `a=msid` (RFC 8830 section 2).

use std::fmt;

use crate::attribute::Attribute;
use crate::error::Invalid;
use crate::grammar::{Words, is_word};

const INVALID: Invalid = Invalid::Attribute("msid");

/// The media stream that the track of a section belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Msid<'a> {
    stream: &'a str,
    track: Option<&'a str>,
}

impl<'a> Msid<'a> {
    /// A track in a stream. The stream `-` is none. RFC 9429 section 5.2.1 leaves the track away; browsers write it.
    ///
    /// # Errors
    /// [`Invalid::Attribute`] when one of them is not a word of 1 to 64 bytes.
    pub fn new(stream: &'a str, track: Option<&'a str>) -> Result<Self, Invalid> {
        let word = |text: &str| is_word(text) && text.len() <= 64;
        (word(stream) && track.is_none_or(word)).then_some(Self { stream, track }).ok_or(INVALID)
    }

    /// The stream; `None` when the track belongs to none.
    #[must_use]
    pub fn stream(&self) -> Option<&'a str> {
        (self.stream != "-").then_some(self.stream)
    }

    /// The track.
    #[must_use]
    pub fn track(&self) -> Option<&'a str> {
        self.track
    }
}

impl<'a> Attribute<'a> for Msid<'a> {
    const NAME: &'static str = "msid";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        let mut words = Words::new(value);
        let stream = words.next().filter(|word| is_word(word)).ok_or(INVALID)?;
        let track = words.next();
        let valid = words.is_empty() && track.is_none_or(is_word);
        valid.then_some(Self { stream, track }).ok_or(INVALID)
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str(self.stream)?;
        self.track.map_or(Ok(()), |track| write!(out, " {track}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_browsers_send() {
        let msid = Msid::parse("{cadb6e9d} {b984e31e}").unwrap();
        assert_eq!((msid.stream(), msid.track()), (Some("{cadb6e9d}"), Some("{b984e31e}")));
        assert_eq!(Msid::parse("- track").unwrap().stream(), None);
        assert_eq!(Msid::parse("stream").unwrap().track(), None);
        assert!(Msid::parse("").is_err() && Msid::parse("a b c").is_err());
        assert!(Msid::new("a b", None).is_err() && Msid::new("a", Some("")).is_err());
    }
}

//! `a=extmap` (RFC 8285 section 8), and `a=extmap-allow-mixed` beside it, which is a flag.

use std::fmt;

use crate::attribute::Attribute;
use crate::attributes::direction::Direction;
use crate::error::Invalid;
use crate::grammar::{Words, is_byte_string, is_word, number};

const INVALID: Invalid = Invalid::Attribute("extmap");

/// The number by which a header extension is known in the RTP packets of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extmap<'a> {
    id: u16,
    direction: Option<Direction>,
    uri: &'a str,
    attributes: &'a str,
}

impl<'a> Extmap<'a> {
    /// The flag that allows one- and two-byte headers in one stream (RFC 8285 section 6).
    pub const ALLOW_MIXED: &'static str = "extmap-allow-mixed";
    /// The URI of an extension whose values are those of another one, encrypted (RFC 6904 section 4).
    pub const ENCRYPT: &'static str = "urn:ietf:params:rtp-hdrext:encrypt";

    /// The extension `uri` under the number `id`: 1 to 14 fit the one-byte header, up to 255 the two-byte header;
    /// 4096 to 4351 stand in offers only (RFC 8285 section 6).
    ///
    /// # Errors
    /// [`Invalid::Attribute`] for another number or a word that is not a URI.
    pub fn new(id: u16, direction: Option<Direction>, uri: &'a str) -> Result<Self, Invalid> {
        let valid = is_word(uri) && matches!(id, 1..=255 | 4096..=4351);
        valid.then_some(Self { id, direction, uri, attributes: "" }).ok_or(INVALID)
    }

    /// The extension `uri` with its values encrypted (RFC 6904 section 4), else as [`new`](Self::new).
    ///
    /// # Errors
    /// [`Invalid::Attribute`] for another number or a word that is not a URI.
    pub fn encrypted(id: u16, direction: Option<Direction>, uri: &'a str) -> Result<Self, Invalid> {
        let valid = is_word(uri) && uri != Self::ENCRYPT;
        let extmap = Self::new(id, direction, Self::ENCRYPT)?;
        valid.then_some(Self { attributes: uri, ..extmap }).ok_or(INVALID)
    }

    /// The number.
    #[must_use]
    pub fn id(&self) -> u16 {
        self.id
    }

    /// The direction in which the extension is used, if it is restricted.
    #[must_use]
    pub fn direction(&self) -> Option<Direction> {
        self.direction
    }

    /// What the extension is, as it stands there: [`ENCRYPT`](Self::ENCRYPT) for one that is encrypted.
    #[must_use]
    pub fn uri(&self) -> &'a str {
        self.uri
    }

    /// What the values are, encrypted or not.
    #[must_use]
    pub fn extension(&self) -> &'a str {
        self.target().unwrap_or(self.uri)
    }

    /// Whether the values are encrypted (RFC 6904).
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.target().is_some()
    }

    fn target(&self) -> Option<&'a str> {
        let target = Words::new(self.attributes).next();
        target.filter(|_| self.uri == Self::ENCRYPT)
    }

    /// What the extension says of itself. For [`ENCRYPT`](Self::ENCRYPT) it begins with the URI of the extension that
    /// is encrypted (RFC 6904 section 4).
    #[must_use]
    pub fn attributes(&self) -> &'a str {
        self.attributes
    }
}

impl<'a> Attribute<'a> for Extmap<'a> {
    const NAME: &'static str = "extmap";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        let mut words = Words::new(value);
        let mut read = || {
            let first = words.next()?;
            let (id, direction) = match first.split_once('/') {
                Some((id, direction)) => (id, Some(Direction::from_name(direction)?)),
                None => (first, None),
            };
            let mut extmap = Self::new(number(id)?, direction, words.next()?).ok()?;
            extmap.attributes = words.rest();
            is_byte_string(extmap.attributes).then_some(extmap)
        };
        read().ok_or(INVALID)
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{}", self.id)?;
        if let Some(direction) = self.direction {
            write!(out, "/{direction}")?;
        }
        write!(out, " {}", self.uri)?;
        if !self.attributes.is_empty() {
            write!(out, " {}", self.attributes)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encrypted_follows_the_word() {
        let parse = |text| Extmap::parse(text).unwrap();
        let plain = parse("4 urn:a urn:b");
        assert_eq!((plain.extension(), plain.is_encrypted()), ("urn:a", false));
        let text = "5/sendonly urn:ietf:params:rtp-hdrext:encrypt urn:a";
        let encrypted = parse(text);
        assert_eq!((encrypted.extension(), encrypted.is_encrypted()), ("urn:a", true));
        assert_eq!(Extmap::encrypted(5, Some(Direction::SendOnly), "urn:a"), Ok(encrypted));
        let more = parse("5 urn:ietf:params:rtp-hdrext:encrypt urn:a b c");
        assert_eq!((more.extension(), more.is_encrypted()), ("urn:a", true));
        let of_nothing = parse("5 urn:ietf:params:rtp-hdrext:encrypt");
        assert_eq!((of_nothing.extension(), of_nothing.is_encrypted()), (Extmap::ENCRYPT, false));
        for wrong in ["", "a b", Extmap::ENCRYPT] {
            assert!(Extmap::encrypted(5, None, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn round_trip() {
        for text in [
            "4 urn:ietf:params:rtp-hdrext:sdes:mid",
            "2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level",
            "9 urn:ietf:params:rtp-hdrext:encrypt urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            "4096 uri:a",
        ] {
            let mut out = String::new();
            Extmap::parse(text).unwrap().write_value(&mut out).unwrap();
            assert_eq!(out, text);
        }
        for wrong in ["0 urn:a", "256 urn:a", "4352 urn:a", "70000 urn:a", "1/both urn:a", "1", "x urn:a", ""]
        {
            assert_eq!(Extmap::parse(wrong), Err(INVALID), "{wrong}");
        }
    }
}

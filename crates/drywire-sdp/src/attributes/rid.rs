//! `a=rid` (RFC 8851 section 4).

use std::fmt;

use crate::attribute::Attribute;
use crate::error::Invalid;
use crate::grammar::{Words, is_byte_string};

const INVALID: Invalid = Invalid::Attribute("rid");

/// One of the encodings of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rid<'a> {
    id: &'a str,
    direction: RidDirection,
    restrictions: &'a str,
}

/// Who sends an encoding, seen from the side that wrote the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RidDirection {
    /// The one that wrote it.
    Send,
    /// The other one.
    Recv,
}

impl<'a> Rid<'a> {
    /// The name of the encoding.
    #[must_use]
    pub fn id(&self) -> &'a str {
        self.id
    }

    /// Who sends it.
    #[must_use]
    pub fn direction(&self) -> RidDirection {
        self.direction
    }

    /// Its payload types and restrictions, as `pt=96;max-width=1280`.
    #[must_use]
    pub fn restrictions(&self) -> &'a str {
        self.restrictions
    }

    /// `rid-id`: letters, digits, `-` and `_` (RFC 8851 section 10); 255 bytes fit the header extension.
    pub(crate) fn is_id(text: &str) -> bool {
        let char = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=255).contains(&text.len()) && text.bytes().all(char)
    }
}

impl<'a> Attribute<'a> for Rid<'a> {
    const NAME: &'static str = "rid";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        let mut words = Words::new(value);
        let mut read = || {
            let id = words.next().filter(|id| Self::is_id(id))?;
            let direction = match words.next()? {
                "send" => RidDirection::Send,
                "recv" => RidDirection::Recv,
                _ => return None,
            };
            is_byte_string(words.rest()).then_some(Self { id, direction, restrictions: words.rest() })
        };
        read().ok_or(INVALID)
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let direction = match self.direction {
            RidDirection::Send => "send",
            RidDirection::Recv => "recv",
        };
        write!(out, "{} {direction}", self.id)?;
        if self.restrictions.is_empty() { Ok(()) } else { write!(out, " {}", self.restrictions) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for text in ["q send", "h recv pt=96;max-width=1280"] {
            let mut out = String::new();
            Rid::parse(text).unwrap().write_value(&mut out).unwrap();
            assert_eq!(out, text);
        }
        for wrong in ["", "q", "q both", "q~ send"] {
            assert!(Rid::parse(wrong).is_err(), "{wrong}");
        }
    }
}

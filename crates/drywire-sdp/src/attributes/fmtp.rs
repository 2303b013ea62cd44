//! `a=fmtp` (RFC 8866 section 6.15).

use std::fmt;

use crate::attribute::Attribute;
use crate::attributes::rtpmap::PayloadType;
use crate::error::Invalid;
use crate::grammar::{Words, is_byte_string, is_word, number};

const INVALID: Invalid = Invalid::Attribute("fmtp");

/// The parameters of a format. What they mean is for each codec to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fmtp<'a> {
    format: Format<'a>,
    parameters: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format<'a> {
    PayloadType(PayloadType),
    Other(&'a str),
}

impl<'a> Fmtp<'a> {
    /// The parameters of a payload type.
    ///
    /// # Errors
    /// [`Invalid::Attribute`] when they are empty or hold a byte that no line may hold.
    pub fn new(payload_type: PayloadType, parameters: &'a str) -> Result<Self, Invalid> {
        let parameters = parameters.trim_matches([' ', '\t']);
        let valid = !parameters.is_empty() && is_byte_string(parameters);
        valid.then_some(Self { format: Format::PayloadType(payload_type), parameters }).ok_or(INVALID)
    }

    /// The payload type; `None` when the format is not one of RTP.
    #[must_use]
    pub fn payload_type(&self) -> Option<PayloadType> {
        match self.format {
            Format::PayloadType(payload_type) => Some(payload_type),
            Format::Other(_) => None,
        }
    }

    /// The parameters as they are written.
    #[must_use]
    pub fn parameters(&self) -> &'a str {
        self.parameters
    }
}

impl<'a> Attribute<'a> for Fmtp<'a> {
    const NAME: &'static str = "fmtp";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        let mut words = Words::new(value);
        let mut read = || {
            let format = words.next().filter(|word| is_word(word))?;
            let format = match number::<u64>(format) {
                Some(_) => Format::PayloadType(number(format).and_then(PayloadType::new)?),
                None => Format::Other(format),
            };
            Some(Self { format, parameters: words.rest() })
        };
        read().ok_or(INVALID)
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        match self.format {
            Format::PayloadType(payload_type) => write!(out, "{payload_type} {}", self.parameters),
            Format::Other(format) => write!(out, "{format} {}", self.parameters),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for text in ["111 minptime=10;useinbandfec=1", "101 0-15", "63 111/111", "x a=b"] {
            let mut out = String::new();
            Fmtp::parse(text).unwrap().write_value(&mut out).unwrap();
            assert_eq!(out, text);
        }
        assert!(Fmtp::parse("128 a=b").is_err() && Fmtp::parse("").is_err());
        assert!(Fmtp::new(PayloadType::new(0).unwrap(), "a=b\r\na=inactive").is_err());
    }
}

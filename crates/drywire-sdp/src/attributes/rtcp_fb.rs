//! `a=rtcp-fb` (RFC 4585 section 4.2, RFC 5104 section 7.1).

use std::fmt;

use crate::attribute::Attribute;
use crate::attributes::rtpmap::PayloadType;
use crate::error::Invalid;
use crate::grammar::{Words, is_byte_string, number};

const INVALID: Invalid = Invalid::Attribute("rtcp-fb");

/// A kind of feedback that is understood for a payload type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtcpFb<'a> {
    payload_type: Option<PayloadType>,
    feedback: &'a str,
}

impl<'a> RtcpFb<'a> {
    /// A kind of feedback, as `nack pli`, for a payload type or for all.
    ///
    /// # Errors
    /// [`Invalid::Attribute`] when it is empty or holds a byte that no line may hold.
    pub fn new(payload_type: Option<PayloadType>, feedback: &'a str) -> Result<Self, Invalid> {
        let feedback = feedback.trim_matches([' ', '\t']);
        let valid = !feedback.is_empty() && is_byte_string(feedback);
        valid.then_some(Self { payload_type, feedback }).ok_or(INVALID)
    }

    /// The payload type; `None` is all of the section.
    #[must_use]
    pub fn payload_type(&self) -> Option<PayloadType> {
        self.payload_type
    }

    /// The kind of feedback and its parameters.
    #[must_use]
    pub fn feedback(&self) -> &'a str {
        self.feedback
    }

    /// Whether this line speaks of the payload type.
    #[must_use]
    pub fn applies_to(&self, payload_type: PayloadType) -> bool {
        self.payload_type.is_none_or(|own| own == payload_type)
    }
}

impl<'a> Attribute<'a> for RtcpFb<'a> {
    const NAME: &'static str = "rtcp-fb";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        let mut words = Words::new(value);
        let payload_type = match words.next().ok_or(INVALID)? {
            "*" => None,
            text => Some(number(text).and_then(PayloadType::new).ok_or(INVALID)?),
        };
        Self::new(payload_type, words.rest())
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        match self.payload_type {
            Some(payload_type) => write!(out, "{payload_type} {}", self.feedback),
            None => write!(out, "* {}", self.feedback),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for text in ["96 nack pli", "* ccm fir", "111 transport-cc"] {
            let mut out = String::new();
            RtcpFb::parse(text).unwrap().write_value(&mut out).unwrap();
            assert_eq!(out, text);
        }
        for wrong in ["", "96", "200 nack", "x nack"] {
            assert!(RtcpFb::parse(wrong).is_err(), "{wrong}");
        }
    }
}

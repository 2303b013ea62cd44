//! `a=rtcp` (RFC 3605). `a=rtcp-mux`, `a=rtcp-mux-only` and `a=rtcp-rsize` are flags.

use std::fmt;

use crate::attribute::Attribute;
use crate::error::Invalid;
use crate::grammar::{Words, is_byte_string, number};

/// Where RTCP goes when it is not multiplexed with RTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rtcp<'a> {
    port: u16,
    address: &'a str,
}

impl<'a> Rtcp<'a> {
    /// The line that browsers write beside `a=rtcp-mux`: the port 9 and no address.
    pub const DISCARD: Rtcp<'static> = Rtcp { port: 9, address: "IN IP4 0.0.0.0" };

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Network type, address type and address; empty when they are those of the section.
    #[must_use]
    pub fn address(&self) -> &'a str {
        self.address
    }
}

impl<'a> Attribute<'a> for Rtcp<'a> {
    const NAME: &'static str = "rtcp";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        let mut words = Words::new(value);
        let mut read = || {
            let port = words.next().and_then(number)?;
            let address = words.rest();
            (matches!(Words::new(address).count(), 0 | 3) && is_byte_string(address))
                .then_some(Self { port, address })
        };
        read().ok_or(Invalid::Attribute("rtcp"))
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{}", self.port)?;
        if self.address.is_empty() { Ok(()) } else { write!(out, " {}", self.address) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for text in ["9 IN IP4 0.0.0.0", "53020"] {
            let mut out = String::new();
            Rtcp::parse(text).unwrap().write_value(&mut out).unwrap();
            assert_eq!(out, text);
        }
        for wrong in ["", "70000", "9 IN", "x"] {
            assert!(Rtcp::parse(wrong).is_err(), "{wrong}");
        }
    }
}

//! `a=sctp-port` and `a=max-message-size` (RFC 8841 sections 5 and 6), the older `a=sctpmap`, and `a=sctp-init`
//! (draft-hancke-tsvwg-snap).

use std::fmt;

use base64ct::{Base64, Encoding};

use crate::attribute::Attribute;
use crate::error::Invalid;
use crate::grammar::{Words, is_token, number};

/// The SCTP port of a data channel section. 0 in an answer closes the association (RFC 8841 section 10.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SctpPort(pub u16);

/// The longest message that the side which wrote it takes, in bytes. 0 is any length, an absent line 65,536
/// (RFC 8841 section 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxMessageSize(pub u64);

/// The INIT chunk of the side that wrote it, in Base64: with both of them an association needs no handshake
/// (draft-hancke-tsvwg-snap-00).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SctpInit<'a>(&'a str);

impl<'a> SctpInit<'a> {
    /// The Base64 of a chunk.
    #[must_use]
    pub fn encode(chunk: &[u8]) -> String {
        Base64::encode_string(chunk)
    }

    /// The chunk.
    #[must_use]
    pub fn decode(&self) -> Vec<u8> {
        Base64::decode_vec(self.0).unwrap_or_default()
    }
}

/// The line of old drafts, `a=sctpmap:5000 webrtc-datachannel 1024`, beside `m=application 9 DTLS/SCTP 5000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sctpmap<'a> {
    port: u16,
    application: &'a str,
    streams: Option<u32>,
}

impl<'a> Sctpmap<'a> {
    /// The line for data channels on this port.
    #[must_use]
    pub fn data_channels(port: u16) -> Sctpmap<'static> {
        Sctpmap { port, application: "webrtc-datachannel", streams: Some(65_535) }
    }

    /// The SCTP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What is spoken over the association.
    #[must_use]
    pub fn application(&self) -> &'a str {
        self.application
    }

    /// How many streams there may be.
    #[must_use]
    pub fn streams(&self) -> Option<u32> {
        self.streams
    }
}

impl<'a> Attribute<'a> for SctpPort {
    const NAME: &'static str = "sctp-port";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        number(value.trim()).map(Self).ok_or(Invalid::Attribute("sctp-port"))
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

impl<'a> Attribute<'a> for MaxMessageSize {
    const NAME: &'static str = "max-message-size";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        number(value.trim()).map(Self).ok_or(Invalid::Attribute("max-message-size"))
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

impl<'a> Attribute<'a> for SctpInit<'a> {
    const NAME: &'static str = "sctp-init";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        let value = value.trim();
        let is_chunk = Base64::decode_vec(value).is_ok_and(|chunk| !chunk.is_empty());
        is_chunk.then_some(Self(value)).ok_or(Invalid::Attribute("sctp-init"))
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str(self.0)
    }
}

impl<'a> Attribute<'a> for Sctpmap<'a> {
    const NAME: &'static str = "sctpmap";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        let mut words = Words::new(value);
        let mut read = || {
            let port = words.next().and_then(number)?;
            let application = words.next().filter(|word| is_token(word))?;
            let streams = match words.next() {
                Some(streams) => Some(number(streams)?),
                None => None,
            };
            words.is_empty().then_some(Self { port, application, streams })
        };
        read().ok_or(Invalid::Attribute("sctpmap"))
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{} {}", self.port, self.application)?;
        self.streams.map_or(Ok(()), |streams| write!(out, " {streams}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads() {
        assert_eq!(SctpPort::parse("5000"), Ok(SctpPort(5000)));
        assert_eq!(MaxMessageSize::parse("1073741823"), Ok(MaxMessageSize(1_073_741_823)));
        let map = Sctpmap::parse("5000 webrtc-datachannel 1024").unwrap();
        assert_eq!((map.port(), map.application(), map.streams()), (5000, "webrtc-datachannel", Some(1024)));
        let init = SctpInit::parse("AQAAINdBoBwAUAAA/////2dzvQzAAAAEgAgACILAQMI=").unwrap();
        let chunk = init.decode();
        assert_eq!((chunk.len(), &chunk[..8]), (32, &[1, 0, 0, 32, 0xd7, 0x41, 0xa0, 0x1c][..]));
        assert_eq!(SctpInit::encode(&chunk), init.0);
        for wrong in ["", "=", "A", "AQ$=", "AQAA====", "AQAAINdBoBwAUAAA/////2dzvQzAAAAEgAgACILAQMI"] {
            assert!(SctpInit::parse(wrong).is_err(), "{wrong}");
        }
        assert!(SctpPort::parse("65536").is_err() && MaxMessageSize::parse("-1").is_err());
        assert!(Sctpmap::parse("5000").is_err());
    }
}

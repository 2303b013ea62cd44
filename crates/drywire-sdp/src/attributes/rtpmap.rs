//! `a=rtpmap` (RFC 8866 section 6.6).

use std::fmt;

use crate::attribute::Attribute;
use crate::error::Invalid;
use crate::grammar::{Words, is_token, number};

const INVALID: Invalid = Invalid::Attribute("rtpmap");

/// The number of a payload format in RTP packets: 0 to 127.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PayloadType(u8);

impl PayloadType {
    /// The highest one.
    pub const MAX: PayloadType = PayloadType(127);

    /// `None` above 127.
    #[must_use]
    pub fn new(value: u8) -> Option<Self> {
        (value < 128).then_some(Self(value))
    }

    /// The number.
    #[must_use]
    pub fn value(self) -> u8 {
        self.0
    }
}

impl fmt::Display for PayloadType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The codec behind a payload type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rtpmap<'a> {
    payload_type: PayloadType,
    encoding: &'a str,
    clock_rate: u32,
    channels: Option<u16>,
}

impl<'a> Rtpmap<'a> {
    /// A codec with its clock rate in Hz, and its channels where the codec has them.
    ///
    /// # Errors
    /// [`Invalid::Attribute`] when the name is not a token or a number is 0.
    pub fn new(
        payload_type: PayloadType,
        encoding: &'a str,
        clock_rate: u32,
        channels: Option<u16>,
    ) -> Result<Self, Invalid> {
        let valid = is_token(encoding) && clock_rate > 0 && channels != Some(0);
        valid.then_some(Self { payload_type, encoding, clock_rate, channels }).ok_or(INVALID)
    }

    /// The payload type.
    #[must_use]
    pub fn payload_type(&self) -> PayloadType {
        self.payload_type
    }

    /// The name of the codec, which is the same in letters of either size.
    #[must_use]
    pub fn encoding(&self) -> &'a str {
        self.encoding
    }

    /// Ticks of the RTP timestamp per second.
    #[must_use]
    pub fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// How many audio channels, if the line says so. Without it there is one.
    #[must_use]
    pub fn channels(&self) -> Option<u16> {
        self.channels
    }
}

impl<'a> Attribute<'a> for Rtpmap<'a> {
    const NAME: &'static str = "rtpmap";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        let mut words = Words::new(value);
        let mut read = || {
            let payload_type = words.next().and_then(number).and_then(PayloadType::new)?;
            let mut codec = words.next().filter(|_| words.is_empty())?.split('/');
            let encoding = codec.next()?;
            let clock_rate = codec.next().and_then(number)?;
            let channels = match codec.next() {
                Some(channels) => Some(number(channels)?),
                None => None,
            };
            if codec.next().is_some() {
                return None;
            }
            Self::new(payload_type, encoding, clock_rate, channels).ok()
        };
        read().ok_or(INVALID)
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{} {}/{}", self.payload_type, self.encoding, self.clock_rate)?;
        self.channels.map_or(Ok(()), |channels| write!(out, "/{channels}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for text in ["111 opus/48000/2", "9 G722/8000/1", "96 VP8/90000"] {
            let mut out = String::new();
            Rtpmap::parse(text).unwrap().write_value(&mut out).unwrap();
            assert_eq!(out, text);
        }
    }

    #[test]
    fn numbers_are_in_range() {
        for wrong in [
            "200 opus/48000",
            "128 opus/48000",
            "96 VP8/0",
            "96 VP8",
            "96 VP8/x",
            "96 VP8/4294967296",
            "96 opus/48000/0",
            "96 opus/48000/2/2",
            "96 opus/48000 x",
            "96",
            "",
        ] {
            assert_eq!(Rtpmap::parse(wrong), Err(INVALID), "{wrong}");
        }
    }
}

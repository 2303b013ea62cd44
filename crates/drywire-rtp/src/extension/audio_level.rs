/// How loud the audio in a packet is (RFC 6464).
///
/// ```text
///  0                   1
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  ID   | len=0 |V|    level    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AudioLevel {
    /// Whether the encoder believes that the packet contains voice.
    pub voice: bool,
    /// The level below overload in dB: 0 is the loudest, 127 silence.
    pub below_overload: u8,
}

impl AudioLevel {
    /// The name in `a=extmap`.
    pub const URI: &'static str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

    /// Reads the value of an element. In the two-byte form it may be padded to two bytes.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let byte = value.first()?;
        Some(Self { voice: byte & 0x80 != 0, below_overload: byte & 0x7F })
    }

    /// The value of the element. Levels above 127 are written as 127.
    #[must_use]
    pub fn value(self) -> [u8; 1] {
        [if self.voice { 0x80 } else { 0 } | self.below_overload.min(127)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_values_survive() {
        for byte in 0..=u8::MAX {
            assert_eq!(AudioLevel::parse(&[byte]).map(AudioLevel::value), Some([byte]));
        }
        assert_eq!(AudioLevel::parse(&[]), None);
        assert_eq!(AudioLevel { voice: false, below_overload: 200 }.value(), [127]);
    }
}

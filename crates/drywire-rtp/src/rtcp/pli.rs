use drywire_core::Reader;

use super::{packet_type, write_packet};
use crate::{ParseError, Ssrc};

/// PLI: the receiver cannot decode and asks for a key frame (RFC 4585, section 6.3.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |V=2|P|  FMT=1  |    PT=206     |           length = 2          |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                  SSRC of packet sender                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                  SSRC of media source                         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureLossIndication {
    /// Who asks.
    pub sender: Ssrc,
    /// The stream that cannot be decoded.
    pub media: Ssrc,
}

impl PictureLossIndication {
    pub(super) const FORMAT: u8 = 1;

    pub(super) fn parse(mut reader: Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self { sender: Ssrc(reader.u32()?), media: Ssrc(reader.u32()?) })
    }

    /// Appends the packet and returns its length in bytes.
    pub fn write(&self, out: &mut Vec<u8>) -> usize {
        write_packet(out, packet_type::PAYLOAD_FEEDBACK, |writer| {
            writer.u32(self.sender.0).u32(self.media.0);
            Self::FORMAT
        })
    }
}

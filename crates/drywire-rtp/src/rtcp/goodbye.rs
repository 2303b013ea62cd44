use drywire_core::Reader;

use super::{MAX_COUNT, packet_type, write_packet};
use crate::{ParseError, Ssrc};

/// BYE: sources leave (RFC 3550, section 6.6).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |V=2|P|    SC   |   PT=BYE=203  |             length            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                           SSRC/CSRC                           |
/// :                              ...                              :
/// +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
/// |     length    |               reason for leaving            ...
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Goodbye<'a> {
    sources: &'a [[u8; 4]],
    /// Why they leave. It should be UTF-8, but nothing ensures it.
    pub reason: Option<&'a [u8]>,
}

impl<'a> Goodbye<'a> {
    pub(super) fn parse(count: u8, mut reader: Reader<'a>) -> Result<Self, ParseError> {
        let (sources, _) = reader.take(4 * usize::from(count))?.as_chunks();
        let reason = match reader.u8() {
            Ok(len) => Some(reader.take(usize::from(len))?),
            Err(_) => None,
        };
        Ok(Self { sources, reason })
    }

    /// The sources that leave.
    pub fn sources(&self) -> impl Iterator<Item = Ssrc> + use<'a> {
        self.sources.iter().map(|bytes| Ssrc(u32::from_be_bytes(*bytes)))
    }
}

impl Goodbye<'_> {
    /// Appends a packet for at most 31 sources, without a reason, and returns its length in bytes.
    pub fn write(out: &mut Vec<u8>, sources: impl IntoIterator<Item = Ssrc>) -> usize {
        write_packet(out, packet_type::GOODBYE, |writer| {
            let mut count = 0;
            for source in sources.into_iter().take(MAX_COUNT) {
                writer.u32(source.0);
                count += 1;
            }
            count
        })
    }
}

use drywire_core::Reader;

use super::{packet_type, write_packet};
use crate::{ParseError, ParseErrorKind, SequenceNumber, Ssrc};

/// Generic NACK: packets that are missing (RFC 4585, section 6.2.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |V=2|P|  FMT=1  |    PT=205     |             length            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                  SSRC of packet sender                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                  SSRC of media source                         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |            PID                |             BLP               |
/// :                              ...                              :
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Nack<'a> {
    /// Who asks.
    pub sender: Ssrc,
    /// The stream that packets are missing of.
    pub media: Ssrc,
    entries: &'a [[u8; 4]],
}

impl<'a> Nack<'a> {
    pub(super) const FORMAT: u8 = 1;

    /// The most entries of a packet that is written: together with the header it stays below 1,200 bytes.
    const MAX_ENTRIES: usize = 256;

    pub(super) fn parse(mut reader: Reader<'a>) -> Result<Self, ParseError> {
        let (sender, media) = (Ssrc(reader.u32()?), Ssrc(reader.u32()?));
        let (entries, rest) = reader.peek().as_chunks();
        if entries.is_empty() || !rest.is_empty() {
            // RFC 4585, section 6.2.1: there MUST be at least one entry.
            return Err(ParseError::new(ParseErrorKind::Malformed, reader.offset()));
        }
        Ok(Self { sender, media, entries })
    }

    /// The sequence numbers that are missing, in the order of the packet: at most 17 of each entry.
    pub fn sequence_numbers(&self) -> impl Iterator<Item = SequenceNumber> + use<'a> {
        self.entries.iter().flat_map(|[a, b, c, d]| {
            let first = SequenceNumber(u16::from_be_bytes([*a, *b]));
            let mask = u16::from_be_bytes([*c, *d]);
            let following = (0..16_u16).filter(move |bit| mask >> bit & 1 == 1);
            std::iter::once(first).chain(following.map(move |bit| first.add(bit + 1)))
        })
    }
}

impl Nack<'_> {
    /// Appends a packet that asks for `missing`, in ascending order, and returns its length in bytes. What does not
    /// fit into one packet is left out; for nothing missing nothing is appended.
    pub fn write(
        out: &mut Vec<u8>,
        sender: Ssrc,
        media: Ssrc,
        missing: impl IntoIterator<Item = SequenceNumber>,
    ) -> usize {
        let mut missing = missing.into_iter();
        let Some(first) = missing.next() else { return 0 };
        write_packet(out, packet_type::TRANSPORT_FEEDBACK, |writer| {
            writer.u32(sender.0).u32(media.0);
            let mut entries = 1;
            let (mut first, mut mask) = (first, 0_u16);
            for number in missing {
                match number.distance_from(first) {
                    0 => {}
                    ahead @ 1..=16 => mask |= 1 << (ahead - 1),
                    _ if entries == Self::MAX_ENTRIES => break,
                    _ => {
                        writer.u16(first.0).u16(mask);
                        entries += 1;
                        (first, mask) = (number, 0);
                    }
                }
            }
            writer.u16(first.0).u16(mask);
            Self::FORMAT
        })
    }
}

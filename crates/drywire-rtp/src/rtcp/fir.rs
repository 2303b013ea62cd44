use drywire_core::Reader;

use super::{packet_type, write_packet};
use crate::{ParseError, ParseErrorKind, Ssrc};

/// One command of a [`FullIntraRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FullIntraRequestEntry {
    /// The stream that shall send a key frame.
    pub media: Ssrc,
    /// The number of the command, separate for each pair of requester and stream. A repetition has the same number and
    /// asks for nothing new (RFC 5104, section 4.3.1.2).
    pub command: u8,
}

/// FIR: senders shall send a key frame, for example because a viewer joined (RFC 5104, section 4.3.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |V=2|P|  FMT=4  |    PT=206     |             length            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                  SSRC of packet sender                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                  SSRC of media source (unused) = 0            |
/// +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
/// |                              SSRC                             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Seq nr.       |    Reserved = 0                               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FullIntraRequest<'a> {
    /// Who asks.
    pub sender: Ssrc,
    entries: &'a [[u8; 8]],
}

impl<'a> FullIntraRequest<'a> {
    pub(super) const FORMAT: u8 = 4;

    /// The most entries of a packet that is written: together with the header it stays below 1,200 bytes.
    const MAX_ENTRIES: usize = 128;

    pub(super) fn parse(mut reader: Reader<'a>) -> Result<Self, ParseError> {
        let sender = Ssrc(reader.u32()?);
        reader.skip(4)?;
        let (entries, rest) = reader.peek().as_chunks();
        if !rest.is_empty() {
            return Err(ParseError::new(ParseErrorKind::Malformed, reader.offset()));
        }
        Ok(Self { sender, entries })
    }

    /// The commands.
    pub fn entries(&self) -> impl Iterator<Item = FullIntraRequestEntry> + use<'a> {
        self.entries.iter().map(|[a, b, c, d, command, ..]| FullIntraRequestEntry {
            media: Ssrc(u32::from_be_bytes([*a, *b, *c, *d])),
            command: *command,
        })
    }
}

impl FullIntraRequest<'_> {
    /// Appends a packet with at most 128 commands and returns its length in bytes.
    pub fn write(
        out: &mut Vec<u8>,
        sender: Ssrc,
        entries: impl IntoIterator<Item = FullIntraRequestEntry>,
    ) -> usize {
        write_packet(out, packet_type::PAYLOAD_FEEDBACK, |writer| {
            writer.u32(sender.0).u32(0);
            for entry in entries.into_iter().take(Self::MAX_ENTRIES) {
                writer.u32(entry.media.0).u8(entry.command).zeros(3);
            }
            Self::FORMAT
        })
    }
}

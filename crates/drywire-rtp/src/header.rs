use std::ops::Range;

use drywire_core::{Reader, Writer};

use crate::extension::{self, Elements};
use crate::{ParseError, ParseErrorKind, PayloadType, SequenceNumber, Ssrc, WriteError};

#[cfg(test)]
mod tests;

const FIXED_LEN: usize = 12;
const MAX_SOURCES: usize = 15;

/// The header of an RTP packet, with where the parts of the packet are (RFC 3550, section 5.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |V=2|P|X|  CC   |M|     PT      |       sequence number         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                           timestamp                           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |           synchronization source (SSRC) identifier            |
/// +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
/// |            contributing source (CSRC) identifiers             |
/// |                             ....                              |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |      defined by profile       |           length              |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                        header extension                       |
/// |                             ....                              |
/// ```
///
/// It holds no reference, so it can travel while the packet is decrypted in place, cut and shared. The accessors of
/// the parts take the packet again; given other bytes than those that were parsed they return wrong or empty parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    timestamp: u32,
    ssrc: Ssrc,
    sequence_number: SequenceNumber,
    payload_type: PayloadType,
    marker: bool,
    has_padding: bool,
    padding_len: u8,
    csrc_count: u8,
    extension_profile: Option<u16>,
    extension_len: usize,
    header_len: usize,
    packet_len: usize,
}

impl RtpHeader {
    /// Reads the header of a packet in plaintext, and its padding.
    pub fn parse(packet: &[u8]) -> Result<Self, ParseError> {
        Self::parse_encrypted(packet)?.decrypted(packet)
    }

    /// Reads the header of a packet whose payload is still encrypted: the header is in the clear, and of the padding
    /// only the bit is known. Everything after the header counts as payload until [`decrypted`](Self::decrypted).
    // Inlined, because the result is copied in pieces that straddle its fields where it goes through memory, and that
    // stalls for 7 ns: much, beside the 100 ns that it takes to decrypt a small packet.
    #[inline(always)]
    pub fn parse_encrypted(packet: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(packet);
        reader.skip(FIXED_LEN)?;
        // The fields are read where they are: who has just written one of them would have to wait for a copy of all.
        let Some([first, second, s0, s1, t0, t1, t2, t3, ssrc @ ..]) = packet.first_chunk::<FIXED_LEN>()
        else {
            return Err(ParseError::new(ParseErrorKind::UnexpectedEnd, 0));
        };
        if first >> 6 != 2 {
            return Err(ParseError::new(ParseErrorKind::Version, 0));
        }
        let csrc_count = first & 0x0F;
        reader.skip(4 * usize::from(csrc_count))?;
        let mut extension_profile = None;
        let mut extension_len = 0;
        if first & 0x10 != 0 {
            extension_profile = Some(reader.u16()?);
            extension_len = 4 * usize::from(reader.u16()?);
            reader.skip(extension_len)?;
        }
        Ok(Self {
            timestamp: u32::from_be_bytes([*t0, *t1, *t2, *t3]),
            ssrc: Ssrc(u32::from_be_bytes(*ssrc)),
            sequence_number: SequenceNumber(u16::from_be_bytes([*s0, *s1])),
            payload_type: PayloadType::from_bits(*second),
            marker: second & 0x80 != 0,
            has_padding: first & 0x20 != 0,
            padding_len: 0,
            csrc_count,
            extension_profile,
            extension_len,
            header_len: reader.offset(),
            packet_len: packet.len(),
        })
    }

    /// The same header for the decrypted packet: takes the packet's length from `packet` and reads its padding.
    /// The last byte of the padding counts all of it, itself included (RFC 3550, section 5.1); a count of zero, or one
    /// that reaches into the header, is an error.
    #[inline]
    pub fn decrypted(mut self, packet: &[u8]) -> Result<Self, ParseError> {
        self.packet_len = packet.len();
        self.padding_len = 0;
        if self.has_padding {
            self.padding_len = self.read_padding(packet)?;
        } else if self.header_len > packet.len() {
            return Err(ParseError::new(ParseErrorKind::UnexpectedEnd, packet.len()));
        }
        Ok(self)
    }

    fn read_padding(&self, packet: &[u8]) -> Result<u8, ParseError> {
        let payload = packet
            .get(self.header_len..)
            .ok_or(ParseError::new(ParseErrorKind::UnexpectedEnd, packet.len()))?;
        let count = payload.last().copied().unwrap_or(0);
        if count == 0 || usize::from(count) > payload.len() {
            return Err(ParseError::new(ParseErrorKind::Padding, packet.len().saturating_sub(1)));
        }
        Ok(count)
    }

    /// The payload type.
    #[must_use]
    pub const fn payload_type(&self) -> PayloadType {
        self.payload_type
    }

    /// The marker bit; for video it marks the last packet of a frame, for audio the first after a silence.
    #[must_use]
    pub const fn marker(&self) -> bool {
        self.marker
    }

    /// The sequence number.
    #[must_use]
    pub const fn sequence_number(&self) -> SequenceNumber {
        self.sequence_number
    }

    /// The sampling instant, in units of the payload's clock.
    #[must_use]
    pub const fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// The synchronization source.
    #[must_use]
    pub const fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    /// The length of the header with contributing sources and header extension, in bytes.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        self.header_len
    }

    /// The length of the whole packet, in bytes.
    #[must_use]
    pub const fn packet_len(&self) -> usize {
        self.packet_len
    }

    /// The length of the padding, in bytes, 0 to 255. Of an encrypted packet it is not known and 0.
    #[must_use]
    pub const fn padding_len(&self) -> u8 {
        self.padding_len
    }

    /// The length of the payload without padding, in bytes.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        self.payload_range().len()
    }

    /// Where the payload is in the packet, without padding.
    #[must_use]
    pub fn payload_range(&self) -> Range<usize> {
        self.header_len..self.packet_len.saturating_sub(usize::from(self.padding_len))
    }

    /// The payload, without padding.
    #[must_use]
    pub fn payload<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        packet.get(self.payload_range()).unwrap_or_default()
    }

    /// The contributing sources.
    pub fn csrcs<'a>(&self, packet: &'a [u8]) -> impl Iterator<Item = Ssrc> + use<'a> {
        let (sources, _) = packet.get(self.csrcs_range()).unwrap_or_default().as_chunks::<4>();
        sources.iter().map(|bytes| Ssrc(u32::from_be_bytes(*bytes)))
    }

    /// Where the contributing sources are in the packet.
    #[must_use]
    pub fn csrcs_range(&self) -> Range<usize> {
        FIXED_LEN..FIXED_LEN + 4 * usize::from(self.csrc_count)
    }

    /// What is "defined by profile" in front of the header extension: it says how the extension is to be read. `None`
    /// if there is no header extension.
    #[must_use]
    pub const fn extension_profile(&self) -> Option<u16> {
        self.extension_profile
    }

    /// Where the elements of the header extension are in the packet; its profile and length, four bytes, stand before.
    /// Empty if there is no header extension.
    #[must_use]
    pub fn extension_range(&self) -> Range<usize> {
        self.header_len.saturating_sub(self.extension_len)..self.header_len
    }

    /// The first element of the header extension at or behind `offset`: its identifier, and where its value is in the
    /// packet. With the end of one value as the next `offset`, this goes through all elements while their values change.
    #[must_use]
    pub fn next_extension(&self, packet: &[u8], offset: usize) -> Option<(u8, Range<usize>)> {
        let range = self.extension_range();
        let mut elements =
            Elements::new(self.extension_profile?, packet.get(range.start.max(offset)..range.end)?);
        let (id, value) = elements.next()?;
        let end = range.end - elements.rest_len();
        Some((id, end.checked_sub(value.len())?..end))
    }

    /// The elements of the header extension, in order (RFC 8285). A header extension of another profile than the two
    /// of RFC 8285 has no elements.
    #[must_use]
    pub fn extensions<'a>(&self, packet: &'a [u8]) -> Elements<'a> {
        let Some(profile) = self.extension_profile else { return Elements::default() };
        Elements::new(profile, packet.get(self.extension_range()).unwrap_or_default())
    }

    /// The first header extension element with this identifier.
    #[must_use]
    pub fn extension<'a>(&self, packet: &'a [u8], id: u8) -> Option<&'a [u8]> {
        self.extensions(packet).find_map(|(element, value)| (element == id).then_some(value))
    }
}

/// What the header of an RTP packet to be sent says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeaderFields<'a> {
    /// The payload type.
    pub payload_type: PayloadType,
    /// The marker bit.
    pub marker: bool,
    /// The sequence number.
    pub sequence_number: SequenceNumber,
    /// The sampling instant, in units of the payload's clock.
    pub timestamp: u32,
    /// The synchronization source.
    pub ssrc: Ssrc,
    /// The contributing sources, at most 15.
    pub csrcs: &'a [Ssrc],
    /// Whether the caller appends padding after the payload, with [`write_padding`].
    pub padding: bool,
}

impl HeaderFields<'_> {
    /// Appends the header to `out`, with header extension `elements` (identifier and value), and returns its length.
    /// The payload is then appended by the caller.
    ///
    /// The elements are written with one-byte headers when all of them have an identifier of 1 to 14 and 1 to 16
    /// bytes, otherwise with two-byte headers. An RTP stream may change between the two only where
    /// `extmap-allow-mixed` was negotiated (RFC 8285, section 4.1.2).
    ///
    /// On `Err` nothing is appended.
    pub fn write(&self, out: &mut Vec<u8>, elements: &[(u8, &[u8])]) -> Result<usize, WriteError> {
        if self.csrcs.len() > MAX_SOURCES {
            return Err(WriteError::TooManySources);
        }
        let form = extension::Form::of(elements)?;
        let mut writer = Writer::new(out);
        let flag = |bit: u8, set: bool| if set { bit } else { 0 };
        let csrc_count = u8::try_from(self.csrcs.len()).unwrap_or(0);
        writer
            .u8(0x80 | flag(0x20, self.padding) | flag(0x10, form.is_some()) | csrc_count)
            .u8(flag(0x80, self.marker) | self.payload_type.value())
            .u16(self.sequence_number.0)
            .u32(self.timestamp)
            .u32(self.ssrc.0);
        for csrc in self.csrcs {
            writer.u32(csrc.0);
        }
        if let Some(form) = form {
            form.write(&mut writer, elements);
        }
        Ok(writer.len())
    }
}

/// Appends `count` bytes of padding to a packet whose header was written with `padding`. `count` is 1 to 255; of 0
/// bytes nothing is appended, and the header must not say otherwise.
pub fn write_padding(out: &mut Vec<u8>, count: u8) {
    if let Some(zeros) = usize::from(count).checked_sub(1) {
        Writer::new(out).zeros(zeros).u8(count);
    }
}

use drywire_core::{Reader, Writer};

use super::{Chunks, checksum};
use crate::ParseError;

/// The common header (RFC 9260, section 3.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-------------------------------+-------------------------------+
/// |          source port          |       destination port        |
/// +-------------------------------+-------------------------------+
/// |                       verification tag                        |
/// +---------------------------------------------------------------+
/// |                 checksum (CRC32c, little-endian)              |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// The tag that the receiver gave in its INIT or INIT ACK; zero in a packet with an INIT.
    pub verification_tag: u32,
}

impl Header {
    /// The length of a common header, in bytes.
    pub const LEN: usize = 12;

    /// Appends the header with a checksum of zero. [`seal`](Self::seal) puts the right one when the chunks are there.
    pub fn write(&self, out: &mut Vec<u8>) {
        Writer::new(out).u16(self.source_port).u16(self.destination_port).u32(self.verification_tag).u32(0);
    }

    /// Puts the checksum into the packet that begins at `start` of `out` and ends where `out` ends. The field must
    /// be zero as [`write`](Self::write) left it.
    pub fn seal(out: &mut [u8], start: usize) {
        let Some(packet) = out.get_mut(start..) else { return };
        let checksum = checksum::crc32c(packet).to_le_bytes();
        if let Some(field) = packet.get_mut(8..12) {
            field.copy_from_slice(&checksum);
        }
    }
}

/// Whether the checksum of a packet is right.
pub(crate) fn has_checksum(packet: &[u8]) -> bool {
    packet.split_first_chunk().and_then(|(header, rest): (&[u8; 8], _)| {
        let (checksum, chunks) = rest.split_first_chunk()?;
        let [a, b, c, d, e, f, g, h] = *header;
        let unsealed = [a, b, c, d, e, f, g, h, 0, 0, 0, 0];
        Some(checksum::of_parts(&[&unsealed, chunks]) == u32::from_le_bytes(*checksum))
    }) == Some(true)
}

/// A packet whose header and checksum are right.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// The common header.
    pub header: Header,
    chunks: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Checks and reads the header.
    ///
    /// # Errors
    /// [`ParseError::Truncated`] for less than a header, [`ParseError::Checksum`] when it does not match.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let (packet, checked) = Self::parse_protected(bytes)?;
        if checked || has_checksum(bytes) { Ok(packet) } else { Err(ParseError::Checksum) }
    }

    /// Reads the header of a packet that something else has protected on its way, and says whether its checksum was
    /// checked: a checksum of zero is not (RFC 9653).
    ///
    /// # Errors
    /// Like [`parse`](Self::parse).
    pub fn parse_protected(bytes: &'a [u8]) -> Result<(Self, bool), ParseError> {
        let mut reader = Reader::new(bytes);
        let header = Header {
            source_port: reader.u16()?,
            destination_port: reader.u16()?,
            verification_tag: reader.u32()?,
        };
        let zero = reader.u32()? == 0;
        if !zero && !has_checksum(bytes) {
            return Err(ParseError::Checksum);
        }
        Ok((Self { header, chunks: reader.rest() }, !zero))
    }

    /// The chunks, in order.
    #[must_use]
    pub fn chunks(&self) -> Chunks<'a> {
        Chunks::new(self.chunks)
    }
}

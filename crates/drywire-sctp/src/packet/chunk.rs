use drywire_core::{Reader, Writer};

use super::Parameters;
use crate::ParseError;

/// The type of a chunk (RFC 9260, section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChunkType(pub u8);

impl ChunkType {
    /// User data.
    pub const DATA: Self = Self(0);
    /// Begins an association.
    pub const INIT: Self = Self(1);
    /// Answers INIT.
    pub const INIT_ACK: Self = Self(2);
    /// Acknowledges data.
    pub const SACK: Self = Self(3);
    /// Asks for a sign of life.
    pub const HEARTBEAT: Self = Self(4);
    /// Answers HEARTBEAT.
    pub const HEARTBEAT_ACK: Self = Self(5);
    /// Ends an association at once.
    pub const ABORT: Self = Self(6);
    /// Ends an association in good order.
    pub const SHUTDOWN: Self = Self(7);
    /// Answers SHUTDOWN.
    pub const SHUTDOWN_ACK: Self = Self(8);
    /// Reports an error.
    pub const ERROR: Self = Self(9);
    /// Returns the state cookie.
    pub const COOKIE_ECHO: Self = Self(10);
    /// Answers COOKIE ECHO.
    pub const COOKIE_ACK: Self = Self(11);
    /// Answers SHUTDOWN ACK.
    pub const SHUTDOWN_COMPLETE: Self = Self(14);
    /// User data that other messages may interrupt (RFC 8260).
    pub const I_DATA: Self = Self(64);
    /// Resets streams (RFC 6525).
    pub const RE_CONFIG: Self = Self(130);
    /// Nothing: makes a packet longer (RFC 4820).
    pub const PAD: Self = Self(132);
    /// Gives up messages (RFC 3758).
    pub const FORWARD_TSN: Self = Self(192);
    /// Gives up messages that went as I-DATA (RFC 8260).
    pub const I_FORWARD_TSN: Self = Self(194);

    /// Whether such chunks belong to the handshake that begins an association.
    #[must_use]
    pub const fn is_handshake(self) -> bool {
        matches!(self, Self::INIT | Self::INIT_ACK | Self::COOKIE_ECHO | Self::COOKIE_ACK)
    }

    /// Whether no other chunk may be in the packet (RFC 9260, section 6.10).
    #[must_use]
    pub const fn stands_alone(self) -> bool {
        matches!(self, Self::INIT | Self::INIT_ACK | Self::SHUTDOWN_COMPLETE)
    }

    /// What to do when the type is not known: its two highest bits say so (RFC 9260, section 3.2).
    #[must_use]
    pub const fn when_unknown(self) -> Unknown {
        Unknown { skip: self.0 & 0x80 != 0, report: self.0 & 0x40 != 0 }
    }
}

/// What to do with a chunk or parameter of unknown type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Whether to go on with what follows it; else the rest is dropped too.
    pub skip: bool,
    /// Whether to tell the sender.
    pub report: bool,
}

/// A chunk of any type (RFC 9260, section 3.2).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |     type      |     flags     | length (header included,      |
/// |               |               |         padding not)          |
/// +---------------+---------------+-------------------------------+
/// |                      value, padded to 4 bytes                 |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// The type.
    pub kind: ChunkType,
    /// The flags, as the type defines them.
    pub flags: u8,
    /// What follows the chunk's header, without padding.
    pub value: &'a [u8],
    /// The chunk with its header, without padding.
    pub whole: &'a [u8],
}

impl Chunk<'_> {
    /// The length of a chunk's header, in bytes.
    pub const HEADER_LEN: usize = 4;

    /// Appends a chunk whose value is what `value` writes, and pads it. The value must fit 65,531 bytes.
    pub(crate) fn write(out: &mut Vec<u8>, kind: ChunkType, flags: u8, value: impl FnOnce(&mut Vec<u8>)) {
        let start = out.len();
        Writer::new(out).u8(kind.0).u8(flags).u16(0);
        value(out);
        let len = out.len() - start;
        let length = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
        if let Some(field) = out.get_mut(start + 2..start + 4) {
            field.copy_from_slice(&length);
        }
        pad(out, len);
    }

    /// Appends a chunk whose value ends in a list of parameters or causes, from `fixed` bytes on. The padding of the last
    /// one is the padding of the chunk: its length does not count it (RFC 9260, section 3.2).
    pub(crate) fn write_list(
        out: &mut Vec<u8>,
        kind: ChunkType,
        flags: u8,
        fixed: usize,
        value: impl FnOnce(&mut Vec<u8>),
    ) {
        Self::write(out, kind, flags, |out| {
            let list = out.len() + fixed;
            value(out);
            let written = out.get(list..).unwrap_or_default();
            let last = Parameters::new(written).iter().map_while(Result::ok).last();
            let is_padded = padding(written.len()) == 0;
            let padding = last.filter(|_| is_padded).map_or(0, |last| padding(last.whole.len()));
            out.truncate(out.len() - padding);
        });
    }

    /// Appends a chunk without a value.
    pub(crate) fn write_empty(out: &mut Vec<u8>, kind: ChunkType, flags: u8) {
        Self::write(out, kind, flags, |_| ());
    }
}

/// How many zero bytes follow `len` bytes, so that what comes next begins at a multiple of four.
pub(crate) const fn padding(len: usize) -> usize {
    len.wrapping_neg() & 3
}

/// Appends the padding of the `len` bytes that were appended last.
pub(crate) fn pad(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice([0; 3].get(..padding(len)).unwrap_or_default());
}

/// The chunks of a packet. After an error there is nothing more: where the next chunk begins is not known.
#[derive(Clone, Copy, Debug)]
pub struct Chunks<'a> {
    reader: Reader<'a>,
}

impl<'a> Chunks<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { reader: Reader::new(bytes) }
    }

    fn read(&mut self) -> Result<Chunk<'a>, ParseError> {
        let offset = self.reader.offset();
        let at = self.reader.peek();
        let kind = ChunkType(self.reader.u8()?);
        let flags = self.reader.u8()?;
        let length = usize::from(self.reader.u16()?);
        let Some(len) = length.checked_sub(Chunk::HEADER_LEN) else {
            return Err(ParseError::WrongLength { offset });
        };
        let value = self.reader.take(len)?;
        // Some senders do not pad the last chunk.
        self.reader.skip(padding(length).min(self.reader.remaining()))?;
        Ok(Chunk { kind, flags, value, whole: at.get(..length).unwrap_or_default() })
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Chunk<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let chunk = self.read();
        if chunk.is_err() {
            self.reader.rest();
        }
        Some(chunk)
    }
}

use drywire_core::{Reader, Serial, Writer};

use super::{Chunk, ChunkType};
use crate::{ParseError, Ppid, StreamId};

/// The flags of a DATA chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataFlags(pub u8);

impl DataFlags {
    /// The last fragment of a message.
    pub const ENDING: u8 = 0x01;
    /// The first fragment of a message.
    pub const BEGINNING: u8 = 0x02;
    /// Not ordered: the stream sequence number means nothing.
    pub const UNORDERED: u8 = 0x04;
    /// The sender wants the acknowledgement at once.
    pub const IMMEDIATE: u8 = 0x08;

    /// Whether this is the last fragment.
    #[must_use]
    pub const fn is_ending(self) -> bool {
        self.0 & Self::ENDING != 0
    }

    /// Whether this is the first fragment.
    #[must_use]
    pub const fn is_beginning(self) -> bool {
        self.0 & Self::BEGINNING != 0
    }

    /// Whether the message is unordered.
    #[must_use]
    pub const fn is_unordered(self) -> bool {
        self.0 & Self::UNORDERED != 0
    }

    /// The same, with the acknowledgement wanted at once.
    #[must_use]
    pub const fn with_immediate(self) -> Self {
        Self(self.0 | Self::IMMEDIATE)
    }

    /// Whether the acknowledgement is wanted at once.
    #[must_use]
    pub const fn is_immediate(self) -> bool {
        self.0 & Self::IMMEDIATE != 0
    }
}

/// DATA: a message or a fragment of one (RFC 9260, section 3.3.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+-------+-------+-------------------------------+
/// |   type = 0    |  res  |I|U|B|E|            length             |
/// +---------------+-------+-------+-------------------------------+
/// |                              TSN                              |
/// +-------------------------------+-------------------------------+
/// |           stream              |    stream sequence number     |
/// +-------------------------------+-------------------------------+
/// |                 payload protocol identifier                   |
/// +---------------------------------------------------------------+
/// |                   user data, at least one byte                |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data<'a> {
    /// The flags.
    pub flags: DataFlags,
    /// The transmission sequence number.
    pub tsn: Serial<u32>,
    /// The stream.
    pub stream: StreamId,
    /// The stream sequence number: the same in all fragments of a message.
    pub ssn: u16,
    /// What the message is.
    pub ppid: Ppid,
    /// The bytes of this fragment.
    pub data: &'a [u8],
}

impl<'a> Data<'a> {
    /// The length of all before the user data, in bytes.
    pub const HEADER_LEN: usize = 16;

    /// Reads a chunk. Whether there is user data is the caller's to check: its absence ends the association
    /// (section 6.2).
    ///
    /// # Errors
    /// [`ParseError::Truncated`].
    pub fn parse(chunk: &Chunk<'a>) -> Result<Self, ParseError> {
        let mut reader = Reader::new(chunk.value);
        Ok(Self {
            flags: DataFlags(chunk.flags),
            tsn: Serial(reader.u32()?),
            stream: StreamId(reader.u16()?),
            ssn: reader.u16()?,
            ppid: Ppid(reader.u32()?),
            data: reader.rest(),
        })
    }

    /// Appends the chunk, padded.
    pub fn write(&self, out: &mut Vec<u8>) {
        Chunk::write(out, ChunkType::DATA, self.flags.0, |out| {
            Writer::new(out)
                .u32(self.tsn.0)
                .u16(self.stream.0)
                .u16(self.ssn)
                .u32(self.ppid.0)
                .bytes(self.data);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::tests::one_chunk;
    use proptest::prelude::*;

    #[test]
    fn example() {
        let data = Data {
            flags: DataFlags(DataFlags::BEGINNING | DataFlags::ENDING),
            tsn: Serial(0x0102_0304),
            stream: StreamId(5),
            ssn: 6,
            ppid: Ppid(51),
            data: b"hello",
        };
        let mut out = Vec::new();
        data.write(&mut out);
        assert_eq!(out, b"\x00\x03\x00\x15\x01\x02\x03\x04\x00\x05\x00\x06\x00\x00\x00\x33hello\x00\x00\x00");
        assert_eq!(Data::parse(&one_chunk(&out)), Ok(data));
        assert!(Data::parse(&Chunk { value: &out[4..15], ..one_chunk(&out) }).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(
            flags in 0_u8..16, tsn: u32, stream: u16, ssn: u16, ppid: u32,
            data in proptest::collection::vec(any::<u8>(), 0..50),
        ) {
            let data = Data {
                flags: DataFlags(flags), tsn: Serial(tsn), stream: StreamId(stream), ssn, ppid: Ppid(ppid), data: &data,
            };
            let mut out = Vec::new();
            data.write(&mut out);
            prop_assert_eq!(out.len() % 4, 0);
            prop_assert_eq!(Data::parse(&one_chunk(&out)), Ok(data));
        }
    }
}

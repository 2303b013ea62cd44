use drywire_core::{Reader, Serial, Writer};

use super::{Chunk, ChunkType, DataFlags};
use crate::{ParseError, StreamId};

/// I-DATA: a message or a fragment of one, which others may interrupt (RFC 8260, section 2.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+-------+-------+-------------------------------+
/// |   type = 64   |  res  |I|U|B|E|            length             |
/// +---------------+-------+-------+-------------------------------+
/// |                              TSN                              |
/// +-------------------------------+-------------------------------+
/// |           stream              |           reserved            |
/// +-------------------------------+-------------------------------+
/// |                      message identifier                       |
/// +---------------------------------------------------------------+
/// |  B: payload protocol identifier, else: fragment sequence no.  |
/// +---------------------------------------------------------------+
/// |                   user data, at least one byte                |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IData<'a> {
    /// The flags.
    pub flags: DataFlags,
    /// The transmission sequence number.
    pub tsn: Serial<u32>,
    /// The stream.
    pub stream: StreamId,
    /// The message identifier: the same in all fragments of a message. Ordered and unordered messages are counted apart.
    pub mid: u32,
    /// What the message is, in its first fragment; the fragment sequence number in all others, whose first one has 1.
    pub ppid_or_fsn: u32,
    /// The bytes of this fragment.
    pub data: &'a [u8],
}

impl<'a> IData<'a> {
    /// How much longer than its data a chunk is, in bytes.
    pub const HEADER_LEN: usize = 20;

    /// Reads a chunk.
    ///
    /// # Errors
    /// [`ParseError::Truncated`] if its fields are cut off.
    pub fn parse(chunk: &Chunk<'a>) -> Result<Self, ParseError> {
        let mut reader = Reader::new(chunk.value);
        let (tsn, stream) = (Serial(reader.u32()?), StreamId(reader.u16()?));
        reader.u16()?;
        Ok(Self {
            flags: DataFlags(chunk.flags),
            tsn,
            stream,
            mid: reader.u32()?,
            ppid_or_fsn: reader.u32()?,
            data: reader.rest(),
        })
    }

    /// Appends the chunk.
    pub fn write(&self, out: &mut Vec<u8>) {
        Chunk::write(out, ChunkType::I_DATA, self.flags.0, |out| {
            Writer::new(out)
                .u32(self.tsn.0)
                .u16(self.stream.0)
                .u16(0)
                .u32(self.mid)
                .u32(self.ppid_or_fsn)
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
        let data = IData {
            flags: DataFlags(DataFlags::BEGINNING | DataFlags::UNORDERED),
            tsn: Serial(0x0102_0304),
            stream: StreamId(5),
            mid: 0x0006_0007,
            ppid_or_fsn: 51,
            data: b"hello",
        };
        let mut out = Vec::new();
        data.write(&mut out);
        assert_eq!(
            out,
            b"\x40\x06\x00\x19\x01\x02\x03\x04\x00\x05\x00\x00\x00\x06\x00\x07\x00\x00\x00\x33hello\x00\x00\x00"
        );
        assert_eq!(IData::parse(&one_chunk(&out)), Ok(data));
        assert!(IData::parse(&Chunk { value: &out[4..19], ..one_chunk(&out) }).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(
            flags in 0_u8..16, tsn: u32, stream: u16, mid: u32, ppid_or_fsn: u32,
            data in proptest::collection::vec(any::<u8>(), 0..50),
        ) {
            let data = IData {
                flags: DataFlags(flags), tsn: Serial(tsn), stream: StreamId(stream), mid, ppid_or_fsn, data: &data,
            };
            let mut out = Vec::new();
            data.write(&mut out);
            prop_assert_eq!(out.len() % 4, 0);
            prop_assert_eq!(IData::parse(&one_chunk(&out)), Ok(data));
        }
    }
}

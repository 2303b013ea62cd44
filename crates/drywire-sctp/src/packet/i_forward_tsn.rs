use drywire_core::{Reader, Serial, Writer};

use super::{Chunk, ChunkType};
use crate::{ParseError, StreamId};

/// What an I-FORWARD TSN says of one stream: all messages of this kind up to this one are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkippedMessage {
    /// The stream.
    pub stream: StreamId,
    /// Whether it is about the unordered messages of the stream, else about the ordered ones.
    pub unordered: bool,
    /// The message identifier of the last one.
    pub mid: u32,
}

/// I-FORWARD TSN: [`ForwardTsn`](super::ForwardTsn) for messages that went in I-DATA chunks (RFC 8260, section 2.3.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |   type = 194  |   flags = 0   |            length             |
/// +---------------+---------------+-------------------------------+
/// |                      new cumulative TSN                       |
/// +-------------------------------+-----------------------------+-+
/// |      n times: stream          |           reserved          |U|
/// +-------------------------------+-----------------------------+-+
/// |               message identifier                              |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug)]
pub struct IForwardTsn<'a> {
    /// Up to here nothing more comes.
    pub cumulative: Serial<u32>,
    skipped: &'a [u8],
}

impl<'a> IForwardTsn<'a> {
    /// The length of a chunk that skips no stream, chunk header included, in bytes.
    pub const LEN: usize = 8;
    /// How much longer each stream makes it, in bytes.
    pub const STREAM_LEN: usize = 8;

    /// Reads a chunk.
    ///
    /// # Errors
    /// [`ParseError::Truncated`] for a part of a stream's entry.
    pub fn parse(chunk: &Chunk<'a>) -> Result<Self, ParseError> {
        let mut reader = Reader::new(chunk.value);
        let cumulative = Serial(reader.u32()?);
        let skipped = reader.take(reader.remaining().next_multiple_of(Self::STREAM_LEN))?;
        Ok(Self { cumulative, skipped })
    }

    /// What is given up.
    pub fn skipped(&self) -> impl Iterator<Item = SkippedMessage> + use<'a> {
        let (entries, _) = self.skipped.as_chunks::<8>();
        entries.iter().map(|[a, b, _, flags, mid @ ..]| SkippedMessage {
            stream: StreamId(u16::from_be_bytes([*a, *b])),
            unordered: flags & 1 != 0,
            mid: u32::from_be_bytes(*mid),
        })
    }

    /// Appends a chunk.
    pub fn write(out: &mut Vec<u8>, cumulative: Serial<u32>, skipped: impl Iterator<Item = SkippedMessage>) {
        Chunk::write(out, ChunkType::I_FORWARD_TSN, 0, |out| {
            let mut writer = Writer::new(out);
            writer.u32(cumulative.0);
            for entry in skipped {
                writer.u16(entry.stream.0).u16(u16::from(entry.unordered)).u32(entry.mid);
            }
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
        let bytes = [
            194, 0, 0, 24, 0xff, 0xff, 0xff, 0xfe, 0, 1, 0, 0, 0, 0, 0, 9, 0x12, 0x34, 0, 1, 0xff, 0xff,
            0xff, 0xff,
        ];
        let forward = IForwardTsn::parse(&one_chunk(&bytes)).unwrap();
        assert_eq!(forward.cumulative, Serial(u32::MAX - 1));
        let skipped = [
            SkippedMessage { stream: StreamId(1), unordered: false, mid: 9 },
            SkippedMessage { stream: StreamId(0x1234), unordered: true, mid: u32::MAX },
        ];
        assert_eq!(forward.skipped().collect::<Vec<_>>(), skipped);
        let mut out = Vec::new();
        IForwardTsn::write(&mut out, forward.cumulative, skipped.into_iter());
        assert_eq!(out, bytes);
        assert!(IForwardTsn::parse(&one_chunk(&[194, 0, 0, 12, 0, 0, 0, 1, 0, 1, 0, 0])).is_err());
        assert!(IForwardTsn::parse(&one_chunk(&[194, 0, 0, 6, 0, 0, 0, 0])).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(
            cumulative: u32,
            skipped in proptest::collection::vec((any::<u16>(), any::<bool>(), any::<u32>()), 0..300),
        ) {
            let mut out = Vec::new();
            let entries = || skipped.iter().map(|(stream, unordered, mid)| SkippedMessage {
                stream: StreamId(*stream), unordered: *unordered, mid: *mid,
            });
            IForwardTsn::write(&mut out, Serial(cumulative), entries());
            prop_assert_eq!(out.len(), IForwardTsn::LEN + skipped.len() * IForwardTsn::STREAM_LEN);
            let forward = IForwardTsn::parse(&one_chunk(&out)).unwrap();
            prop_assert_eq!(forward.cumulative, Serial(cumulative));
            prop_assert!(forward.skipped().eq(entries()));
        }
    }
}

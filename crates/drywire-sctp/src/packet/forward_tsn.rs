use drywire_core::{Reader, Serial, Writer};

use super::{Chunk, ChunkType};
use crate::{ParseError, StreamId};

/// FORWARD TSN: the sender has given up messages, and the receiver shall no longer wait for them (RFC 3758, section 3.2).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |   type = 192  |   flags = 0   |            length             |
/// +---------------+---------------+-------------------------------+
/// |                      new cumulative TSN                       |
/// +-------------------------------+-------------------------------+
/// |      n times: stream          |    stream sequence number     |
/// +-------------------------------+-------------------------------+
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ForwardTsn<'a> {
    /// Up to here nothing more comes.
    pub cumulative: Serial<u32>,
    skipped: &'a [u8],
}

impl<'a> ForwardTsn<'a> {
    /// The length of a chunk that skips no stream, chunk header included, in bytes.
    pub const LEN: usize = 8;
    /// How much longer each stream makes it, in bytes.
    pub const STREAM_LEN: usize = 4;

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

    /// The streams on which ordered messages are given up, with the last sequence number of these.
    pub fn skipped(&self) -> impl Iterator<Item = (StreamId, u16)> + use<'a> {
        let (entries, _) = self.skipped.as_chunks::<4>();
        entries
            .iter()
            .map(|[a, b, c, d]| (StreamId(u16::from_be_bytes([*a, *b])), u16::from_be_bytes([*c, *d])))
    }

    /// Appends a chunk.
    pub fn write(out: &mut Vec<u8>, cumulative: Serial<u32>, skipped: impl Iterator<Item = (StreamId, u16)>) {
        Chunk::write(out, ChunkType::FORWARD_TSN, 0, |out| {
            let mut writer = Writer::new(out);
            writer.u32(cumulative.0);
            for (stream, ssn) in skipped {
                writer.u16(stream.0).u16(ssn);
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
        let bytes = [192, 0, 0, 16, 0xff, 0xff, 0xff, 0xfe, 0, 1, 0, 9, 0x12, 0x34, 0xff, 0xff];
        let forward = ForwardTsn::parse(&one_chunk(&bytes)).unwrap();
        assert_eq!(forward.cumulative, Serial(u32::MAX - 1));
        let skipped = [(StreamId(1), 9), (StreamId(0x1234), u16::MAX)];
        assert_eq!(forward.skipped().collect::<Vec<_>>(), skipped);
        let mut out = Vec::new();
        ForwardTsn::write(&mut out, forward.cumulative, skipped.into_iter());
        assert_eq!(out, bytes);
        assert!(ForwardTsn::parse(&one_chunk(&[192, 0, 0, 10, 0, 0, 0, 1, 0, 1, 0, 0])).is_err());
        assert!(ForwardTsn::parse(&one_chunk(&[192, 0, 0, 6, 0, 0, 0, 0])).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(cumulative: u32, skipped in proptest::collection::vec((any::<u16>(), any::<u16>()), 0..300)) {
            let mut out = Vec::new();
            let entries = || skipped.iter().map(|(stream, ssn)| (StreamId(*stream), *ssn));
            ForwardTsn::write(&mut out, Serial(cumulative), entries());
            prop_assert_eq!(out.len(), ForwardTsn::LEN + skipped.len() * ForwardTsn::STREAM_LEN);
            let forward = ForwardTsn::parse(&one_chunk(&out)).unwrap();
            prop_assert_eq!(forward.cumulative, Serial(cumulative));
            prop_assert!(forward.skipped().eq(entries()));
        }
    }
}

use drywire_core::{Reader, Serial, Writer};

use super::{Chunk, ChunkType};
use crate::ParseError;

/// A run of received TSNs behind a gap, as distances from the cumulative TSN; both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GapBlock {
    /// The first TSN of the run, at least 2.
    pub start: u16,
    /// The last TSN of the run.
    pub end: u16,
}

/// SACK: what was received (RFC 9260, section 3.3.4).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |   type = 3    |   flags = 0   |            length             |
/// +---------------+---------------+-------------------------------+
/// |                      cumulative TSN ack                       |
/// +---------------------------------------------------------------+
/// |           advertised receiver window credit (a_rwnd)          |
/// +-------------------------------+-------------------------------+
/// |     number of gap blocks n    |    number of duplicates m     |
/// +-------------------------------+-------------------------------+
/// |        n times: start         |              end              |
/// +-------------------------------+-------------------------------+
/// |                    m times: duplicate TSN                     |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Sack<'a> {
    /// The last TSN before the first gap.
    pub cumulative: Serial<u32>,
    /// How many bytes more the sender of the SACK can take.
    pub window: u32,
    gaps: &'a [u8],
    duplicates: &'a [u8],
}

impl<'a> Sack<'a> {
    /// The length of a SACK without gap blocks and duplicates, chunk header included, in bytes.
    pub const LEN: usize = 16;

    /// Reads a chunk.
    ///
    /// # Errors
    /// [`ParseError::Truncated`] when it counts more blocks than it has.
    pub fn parse(chunk: &Chunk<'a>) -> Result<Self, ParseError> {
        let mut reader = Reader::new(chunk.value);
        let cumulative = Serial(reader.u32()?);
        let window = reader.u32()?;
        let (gaps, duplicates) = (usize::from(reader.u16()?), usize::from(reader.u16()?));
        Ok(Self {
            cumulative,
            window,
            gaps: reader.take(4 * gaps)?,
            duplicates: reader.take(4 * duplicates)?,
        })
    }

    /// The gap blocks as the sender put them: neither sorted nor sensible for certain.
    pub fn gaps(&self) -> impl Iterator<Item = GapBlock> + use<'a> {
        words(self.gaps).map(|[a, b, c, d]| GapBlock {
            start: u16::from_be_bytes([a, b]),
            end: u16::from_be_bytes([c, d]),
        })
    }

    /// The TSNs received more than once.
    pub fn duplicates(&self) -> impl Iterator<Item = Serial<u32>> + use<'a> {
        words(self.duplicates).map(|word| Serial(u32::from_be_bytes(word)))
    }

    /// Appends a SACK. Counts past 65,535 are cut.
    pub fn write(
        out: &mut Vec<u8>,
        cumulative: Serial<u32>,
        window: u32,
        gaps: impl ExactSizeIterator<Item = GapBlock>,
        duplicates: &[Serial<u32>],
    ) {
        let count = |len| u16::try_from(len).unwrap_or(u16::MAX);
        Chunk::write(out, ChunkType::SACK, 0, |out| {
            let mut writer = Writer::new(out);
            let (gap_count, duplicate_count) = (count(gaps.len()), count(duplicates.len()));
            writer.u32(cumulative.0).u32(window).u16(gap_count).u16(duplicate_count);
            for gap in gaps.take(gap_count.into()) {
                writer.u16(gap.start).u16(gap.end);
            }
            for duplicate in duplicates.iter().take(duplicate_count.into()) {
                writer.u32(duplicate.0);
            }
        });
    }
}

fn words(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> + use<'_> {
    bytes.chunks_exact(4).filter_map(|word| word.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::tests::one_chunk;
    use proptest::prelude::*;

    #[test]
    fn e02_counts_beyond_the_chunk_are_an_error() {
        for (gaps, duplicates) in [(65_535_u16, 0_u16), (0, 65_535), (65_535, 65_535), (1, 1), (2, 0), (0, 2)]
        {
            let mut bytes = vec![3, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0, 1];
            bytes.extend(gaps.to_be_bytes());
            bytes.extend(duplicates.to_be_bytes());
            bytes.extend([0, 2, 0, 2]);
            assert!(Sack::parse(&one_chunk(&bytes)).is_err(), "{gaps} {duplicates}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(
            cumulative: u32, window: u32,
            gaps in proptest::collection::vec(any::<(u16, u16)>(), 0..6),
            duplicates in proptest::collection::vec(any::<u32>(), 0..6),
        ) {
            let gaps: Vec<_> = gaps.into_iter().map(|(start, end)| GapBlock { start, end }).collect();
            let duplicates: Vec<_> = duplicates.into_iter().map(Serial).collect();
            let mut out = Vec::new();
            Sack::write(&mut out, Serial(cumulative), window, gaps.iter().copied(), &duplicates);
            let sack = Sack::parse(&one_chunk(&out)).unwrap();
            prop_assert_eq!((sack.cumulative, sack.window), (Serial(cumulative), window));
            prop_assert_eq!(sack.gaps().collect::<Vec<_>>(), gaps);
            prop_assert_eq!(sack.duplicates().collect::<Vec<_>>(), duplicates);
        }
    }
}

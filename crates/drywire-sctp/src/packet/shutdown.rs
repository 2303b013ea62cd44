use drywire_core::{Reader, Serial};

use super::{Chunk, ChunkType};
use crate::ParseError;

/// SHUTDOWN: all was sent and acknowledged (RFC 9260, section 3.3.8). SHUTDOWN ACK and SHUTDOWN COMPLETE (sections
/// 3.3.9 and 3.3.13) carry nothing.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |   type = 7    |   flags = 0   |          length = 8           |
/// +---------------+---------------+-------------------------------+
/// |                      cumulative TSN ack                       |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// The last TSN that its sender has received before the first gap.
    pub cumulative: Serial<u32>,
}

impl Shutdown {
    /// Reads a chunk.
    ///
    /// # Errors
    /// [`ParseError::Truncated`].
    pub fn parse(chunk: &Chunk<'_>) -> Result<Self, ParseError> {
        Ok(Self { cumulative: Serial(Reader::new(chunk.value).u32()?) })
    }

    /// Appends the chunk.
    pub fn write(&self, out: &mut Vec<u8>) {
        Chunk::write(out, ChunkType::SHUTDOWN, 0, |out| {
            out.extend_from_slice(&self.cumulative.0.to_be_bytes());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::tests::one_chunk;

    #[test]
    fn example() {
        let mut out = Vec::new();
        Shutdown { cumulative: Serial(0x0102_0304) }.write(&mut out);
        assert_eq!(out, [7, 0, 0, 8, 1, 2, 3, 4]);
        assert_eq!(Shutdown::parse(&one_chunk(&out)), Ok(Shutdown { cumulative: Serial(0x0102_0304) }));
        assert!(Shutdown::parse(&one_chunk(&[7, 0, 0, 4])).is_err());
    }
}

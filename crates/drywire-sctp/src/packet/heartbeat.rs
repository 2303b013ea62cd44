use super::{Chunk, ChunkType, Parameter, ParameterType, Parameters};
use crate::ParseError;

/// HEARTBEAT and HEARTBEAT ACK, which returns what HEARTBEAT carried (RFC 9260, sections 3.3.5 and 3.3.6).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// | type = 4 or 5 |   flags = 0   |            length             |
/// +---------------+---------------+-------------------------------+
/// |    Heartbeat Info = 1         |            length             |
/// +-------------------------------+-------------------------------+
/// |               what only its sender understands                |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat<'a> {
    /// What only its sender understands.
    pub info: &'a [u8],
}

impl<'a> Heartbeat<'a> {
    /// Reads a chunk.
    ///
    /// # Errors
    /// [`ParseError::Forbidden`] when it has no Heartbeat Info.
    pub fn parse(chunk: &Chunk<'a>) -> Result<Self, ParseError> {
        match Parameters::new(chunk.value).find(ParameterType::HEARTBEAT_INFO) {
            Some(info) => Ok(Self { info }),
            None => Err(ParseError::Forbidden { offset: 0 }),
        }
    }

    /// Appends the chunk as `kind`.
    pub fn write(&self, out: &mut Vec<u8>, kind: ChunkType) {
        Chunk::write_list(out, kind, 0, 0, |out| {
            Parameter::write(out, ParameterType::HEARTBEAT_INFO, self.info)
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
        let mut out = Vec::new();
        Heartbeat { info: &[1, 2, 3, 4, 5, 6, 7, 8] }.write(&mut out, ChunkType::HEARTBEAT);
        assert_eq!(out, [4, 0, 0, 16, 0, 1, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(Heartbeat::parse(&one_chunk(&[4, 0, 0, 8, 0, 2, 0, 4])).is_err());
        assert!(Heartbeat::parse(&one_chunk(&[4, 0, 0, 4])).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(info in proptest::collection::vec(any::<u8>(), 0..50)) {
            let mut out = Vec::new();
            Heartbeat { info: &info }.write(&mut out, ChunkType::HEARTBEAT_ACK);
            prop_assert_eq!(Heartbeat::parse(&one_chunk(&out)), Ok(Heartbeat { info: &info }));
        }
    }
}

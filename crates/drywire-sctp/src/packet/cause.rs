use drywire_core::Writer;

use super::chunk::pad;
use super::{Chunk, Parameters};

/// The code of an error cause in ABORT and ERROR (RFC 9260, section 3.3.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cause(pub u16);

impl Cause {
    /// Invalid Stream Identifier: carries the stream and two bytes of zero.
    pub const INVALID_STREAM: Self = Self(1);
    /// Missing Mandatory Parameter: carries how many are missing, in four bytes, and the type of each.
    pub const MISSING_PARAMETER: Self = Self(2);
    /// Stale Cookie: carries by how many microseconds the cookie was too old.
    pub const STALE_COOKIE: Self = Self(3);
    /// Out of Resource.
    pub const OUT_OF_RESOURCE: Self = Self(4);
    /// Unrecognized Chunk Type: carries the chunk.
    pub const UNRECOGNIZED_CHUNK: Self = Self(6);
    /// Invalid Mandatory Parameter.
    pub const INVALID_MANDATORY_PARAMETER: Self = Self(7);
    /// Unrecognized Parameters: carries them.
    pub const UNRECOGNIZED_PARAMETERS: Self = Self(8);
    /// No User Data: carries the TSN.
    pub const NO_USER_DATA: Self = Self(9);
    /// Cookie Received While Shutting Down.
    pub const COOKIE_WHILE_SHUTTING_DOWN: Self = Self(10);
    /// User-Initiated Abort.
    pub const USER_INITIATED_ABORT: Self = Self(12);
    /// Protocol Violation.
    pub const PROTOCOL_VIOLATION: Self = Self(13);

    /// Appends a cause with `value`, padded.
    ///
    /// ```text
    ///  0                   1                   2                   3
    ///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    /// +-------------------------------+-------------------------------+
    /// |             code              | length (header included)      |
    /// +-------------------------------+-------------------------------+
    /// |                      value, padded to 4 bytes                 |
    /// +---------------------------------------------------------------+
    /// ```
    pub fn write(self, out: &mut Vec<u8>, value: &[u8]) {
        let len = value.len() + 4;
        Writer::new(out).u16(self.0).u16(u16::try_from(len).unwrap_or(u16::MAX)).bytes(value);
        pad(out, len);
    }
}

/// The causes in an ABORT (RFC 9260, section 3.3.7) or ERROR chunk (section 3.3.10).
#[derive(Clone, Copy, Debug)]
pub struct Causes<'a>(Parameters<'a>);

impl<'a> Causes<'a> {
    /// Reads an ABORT or ERROR chunk.
    #[must_use]
    pub const fn parse(chunk: &Chunk<'a>) -> Self {
        Self(Parameters::new(chunk.value))
    }

    /// The causes with their values, as far as they are well formed.
    pub fn iter(&self) -> impl Iterator<Item = (Cause, &'a [u8])> + use<'a> {
        self.0.iter().map_while(Result::ok).map(|cause| (Cause(cause.kind.0), cause.value))
    }

    /// The first cause.
    #[must_use]
    pub fn first(&self) -> Option<Cause> {
        self.iter().next().map(|(cause, _)| cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::ChunkType;
    use crate::packet::tests::one_chunk;

    #[test]
    fn example() {
        let mut out = Vec::new();
        Chunk::write_list(&mut out, ChunkType::ERROR, 0, 0, |out| {
            Cause::INVALID_STREAM.write(out, &[0, 7, 0, 0]);
            Cause::UNRECOGNIZED_CHUNK.write(out, &[0x3f, 0, 0, 5, 1]);
        });
        assert_eq!(
            out,
            [9, 0, 0, 21, 0, 1, 0, 8, 0, 7, 0, 0, 0, 6, 0, 9, 0x3f, 0, 0, 5, 1, 0, 0, 0],
            "the padding of the last cause does not count"
        );
        let causes = Causes::parse(&one_chunk(&out));
        assert_eq!(causes.first(), Some(Cause::INVALID_STREAM));
        assert_eq!(causes.iter().last(), Some((Cause::UNRECOGNIZED_CHUNK, &[0x3f, 0, 0, 5, 1][..])));
        assert_eq!(Causes::parse(&one_chunk(&[6, 0, 0, 4])).first(), None);
    }
}
